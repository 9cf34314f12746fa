//! An archive as `docker save` writes it: images with their configurations and uncompressed layers, and a list of them.
//!
//! The list is `manifest.json`. Programs differ in the names of the other files, which it gives.

mod sink;
mod source;

use serde::{Deserialize, Serialize};

use crate::json::null::null_is_empty;

pub use sink::DockerArchiveSink;
pub use source::DockerArchiveSource;

/// The file that lists the images.
pub(super) const MANIFEST: &str = "manifest.json";

/// An image in the list.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Item {
    /// The file of its configuration.
    config: String,
    /// What it is called.
    #[serde(default, deserialize_with = "null_is_empty", skip_serializing_if = "Vec::is_empty")]
    repo_tags: Vec<String>,
    /// The files of its layers, lowest first.
    #[serde(default, deserialize_with = "null_is_empty")]
    layers: Vec<String>,
}
