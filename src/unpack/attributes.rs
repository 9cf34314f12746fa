//! Owners, modes, extended attributes and times; and the account of what was done and what was not.

use std::io;

use rustix::io::Errno;
use serde::Serialize;

use super::policy::Policy;
use crate::error::{Error, Result};
use crate::os::tree::Node;
use crate::tar::entries::{Entry, Kind, shown};

/// How many things that were skipped are reported one by one.
const MOST_SKIPPED: usize = 10_000;

/// The mode of directories that no entry describes.
const IMPLIED_MODE: u32 = 0o755;

/// Something of an image that was left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Skipped {
    /// Its path in the image.
    pub path: String,
    /// Why.
    pub why: String,
}

/// What has been unpacked so far.
#[derive(Debug, Default)]
pub(super) struct Totals {
    pub(super) entries: u64,
    pub(super) bytes: u64,
    pub(super) skipped: Vec<Skipped>,
    /// How many more were skipped.
    pub(super) unreported: u64,
}

impl Totals {
    /// Notes what was left out.
    pub(super) fn skip(&mut self, path: &[u8], why: String) {
        if self.skipped.len() < MOST_SKIPPED {
            let path = String::from_utf8_lossy(path).into_owned();
            self.skipped.push(Skipped { path, why });
        } else {
            self.unreported += 1;
        }
    }
}

/// Sets what the entry says. In this order: a change of the owner takes bits of the mode and capabilities away, and every
/// other change sets the time.
pub(super) fn set(
    policy: &Policy,
    totals: &mut Totals,
    entry: &Entry,
    owner: Option<(u32, u32)>,
    node: Node<'_>,
) -> Result<()> {
    if let Some((user, group)) = owner {
        node.set_owner(user, group).map_err(|e| {
            failed(entry, "set the owner of", &e)
                .hint("set ownership to \"current\", or run with the right to change owners")
        })?;
    }
    if entry.kind != Kind::SymbolicLink {
        node.set_mode(entry.mode).map_err(|e| failed(entry, "set the mode of", &e))?;
    }
    for (key, value) in &entry.xattrs {
        let skipped = match policy.takes_xattr(key) {
            Ok(()) => match node.set_xattr(key, value) {
                Ok(()) => continue,
                Err(e) => match Errno::from_io_error(&e) {
                    Some(Errno::OPNOTSUPP) => "the file system does not support it",
                    Some(Errno::PERM) => "it is not permitted here",
                    _ => return Err(failed(entry, "set an extended attribute of", &e)),
                },
            },
            Err(None) => continue,
            Err(Some(why)) => why,
        };
        let key = String::from_utf8_lossy(key);
        totals.skip(&entry.path, format!("extended attribute {key}: {skipped}"));
    }
    node.set_time(entry.mtime, entry.mtime_nanoseconds)
        .map_err(|e| failed(entry, "set the time of", &e))
}

/// Sets the attributes of a directory that no entry describes.
pub(super) fn set_implied(policy: &Policy, directory: Node<'_>) -> io::Result<()> {
    if let Some((user, group)) = policy.implied_owner() {
        directory.set_owner(user, group)?;
    }
    directory.set_mode(IMPLIED_MODE)
}

/// A file operation on behalf of an entry failed.
pub(super) fn failed(entry: &Entry, doing: &str, error: &io::Error) -> Error {
    Error::file(format!("cannot {doing} {}", shown(&entry.path)), error)
        .with(|d| d.what = Some("entry"))
}
