//! The options of calls on layouts.

use crate::json::schema::options;

options! {
    /// How blobs that no image needs are removed from a layout.
    pub struct CollectOptions built by CollectBuilder of call "layout_collect" for ["ocireg_layout_collect"] {
        /// Only report what would be removed.
        "dry_run" => dry_run: bool;
    }
}
