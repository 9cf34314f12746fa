//! Which end of a copy a failure belongs to.

use crate::error::{Code, Error};

/// Whose failure it was: another endpoint of the source may do better, but none can help a destination.
pub(super) enum Failure {
    Source(Error),
    Sink(Error),
}

impl Failure {
    /// What a writer says: bytes that are wrong are the source's.
    pub(super) fn of_writer(error: Error) -> Self {
        match error.code() {
            Code::DigestMismatch | Code::SizeMismatch => Self::Source(error),
            _ => Self::Sink(error),
        }
    }
}
