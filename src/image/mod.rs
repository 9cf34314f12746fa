//! The documents that an image is made of, whatever it is read from.

mod cpu;
pub mod descriptor;
mod diff_ids;
pub mod manifest;
pub mod media_type;
pub mod platform;
pub mod select;
pub mod transport;

pub use descriptor::Descriptor;
pub use diff_ids::{diff_ids, listed_diff_ids};
pub use manifest::{ImageManifest, Index, Manifest};
pub use platform::Platform;
pub use transport::{BlobRead, BlobWrite, Sink, Source};
