//! What goes wrong with files that others write, too.

use std::path::Path;

use crate::error::{Code, Error, Phase};

/// A file is another one than it was a moment ago.
pub(super) fn changed(path: &Path) -> Error {
    Error::new(Code::SourceChanged, format!("{} changed while it was being read", path.display()))
        .hint("try again when no other program writes to it")
}

/// Something is there that must not be replaced.
pub(super) fn exists(path: &Path, why: &str) -> Error {
    Error::new(
        Code::AlreadyExists,
        format!("cannot write the file {}: it exists already, and {why}", path.display()),
    )
    .phase(Phase::Store)
    .hint("set overwrite to replace files, or choose another directory")
}
