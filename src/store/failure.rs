//! What failures of the file system are called.

use std::io;

use crate::error::Error;

/// A failure about a file or directory that is worked in.
pub(super) fn failed(verb: &str, path: &std::path::Path, error: &io::Error) -> Error {
    let made = Error::file(format!("cannot {verb} {}", path.display()), error);
    match error.kind() {
        io::ErrorKind::Other => made.hint("remove what is there, or choose another directory"),
        _ => made,
    }
}
