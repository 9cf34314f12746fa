//! A directory whose files are an artifact, as oras writes it: each layer is a file, and its title is the file's name.

mod failures;
mod pack;
mod sink;
mod source;
mod title;
mod unpack;

pub use sink::{FilesOptions, FilesSink};
pub use source::{Artifact, Entry, FilesSource};

/// The annotation with the name of a layer's file.
pub const TITLE: &str = "org.opencontainers.image.title";

/// The annotation of a layer that is a directory, packed; its value is "true".
pub const UNPACK: &str = "io.deis.oras.content.unpack";

/// The annotation with the digest of a packed directory before it was compressed.
pub const CONTENT_DIGEST: &str = "io.deis.oras.content.digest";
