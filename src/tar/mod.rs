//! Tar archives: USTAR, GNU (long names, sparse files) and PAX.
//!
//! There are two readers of the same headers. [`Archive`] reads as leniently as Go's archive/tar does, because that is
//! what the checksums of v1 layers are made from. [`entries`] is for everything else.
//!
//! Nothing is allocated by a number that an archive names: what is kept of it has arrived first, and is bounded.

mod archive;
pub mod entries;
mod header;
mod records;
mod sparse;
pub mod write;

pub use archive::Archive;
pub(crate) use header::BLOCK;
pub use header::{Entry, may_begin};
