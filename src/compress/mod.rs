//! Layers without their compression: gzip with any number of members, zstd with any number of frames, or plain. What
//! a stream is, its first bytes tell, never its media type.
//!
//! [`Decoder`] is a reader above another one; [`DiffId`] takes what passes by and hashes what comes out. Memory does not
//! grow with the stream: gzip takes 32 KiB for its window, zstd what a frame asks for, at most 128 MiB.

mod decoder;
mod diff_id;
mod gzip;
mod layer;
mod stream;
mod zstd;

pub use decoder::Decoder;
pub use diff_id::{DiffId, check_diff_id};
pub use layer::{Expected, LayerReader};
pub use stream::Format;

use crate::error::{Code, Error};

/// The most that comes out of a compressed stream, if nobody says otherwise: 64 GiB. Without a limit, a few megabytes
/// could keep a machine busy for days.
pub(crate) const MOST: u64 = 64 << 30;

/// How far a step came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Step {
    /// So many bytes of the input were taken.
    taken: usize,
    /// So many bytes of the output were written.
    given: usize,
}

/// The data has the right digest, but cannot be decompressed.
fn damaged(format: &str, why: &str) -> Error {
    Error::new(Code::InvalidManifest, format!("cannot decompress the {format} data: {why}"))
        .with(|d| d.what = Some("layer"))
}
