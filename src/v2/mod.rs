//! Protocol version 2: the documents it moves.

pub mod blob;
mod cpu;
pub mod descriptor;
pub mod foreign;
pub mod manifest;
pub mod media_type;
pub mod pages;
pub mod platform;
pub mod registry;
pub mod repository;
pub mod select;
pub mod upload;

pub use descriptor::Descriptor;
pub use manifest::{ImageManifest, Index, Manifest};
pub use platform::Platform;
pub use registry::Registry;
pub use repository::Repository;
