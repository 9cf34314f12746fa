//! Tar archives of images: of a layout (`oci-archive:`), and as `docker save` writes them (`docker-archive:`).
//!
//! An archive is read in place: one pass over its headers finds where everything is. One that is compressed is decompressed into
//! a temporary file first. An archive that is written appears under its name when it is whole.

mod docker;
mod made;
mod oci;
mod opened;

pub use docker::{DockerArchiveSink, DockerArchiveSource};
pub use oci::{OciArchive, OciArchiveSink};
pub use opened::Temporary;
