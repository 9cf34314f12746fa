//! A directory as a layer: a tar archive in gzip, the same whenever the files are the same.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::failures::changed;
use super::title::{RESERVED, Title};
use crate::call::Call;
use crate::error::{Code, Error, Result};
use crate::names::digest::{Algorithm, Digest, Hasher};
use crate::os::dir::{Dir, Status};
use crate::os::file::State;
use crate::os::spool::Spool;
use crate::sort;
use crate::store::archive::Temporary;
use crate::store::part::failed;
use crate::tar::entries::{Entry, Kind};
use crate::tar::write::{self, plain};

/// What is read of a file at a time.
const BUFFER: usize = 256 << 10;

/// A packed directory.
#[derive(Debug)]
pub(super) struct Packed {
    /// The layer.
    pub(super) spool: Spool,
    /// What it hashes to.
    pub(super) digest: Digest,
    /// What the archive hashes to before it is compressed.
    pub(super) content: Digest,
}

/// Packs a directory under this title. Times are left out, and everything belongs to root, so that the digest depends on names,
/// contents and permissions only.
pub(super) fn pack(
    dir: &Dir,
    path: &Path,
    title: &Title,
    temporary: &Temporary,
    call: &Call,
) -> Result<Packed> {
    let spool = Spool::create(&temporary.dir)
        .map_err(|e| failed("create a temporary file in", &temporary.dir, &e))?;
    let spooled = Spooled { spool, hasher: Hasher::new(Algorithm::Sha256), limit: temporary.limit };
    let mut packing = Packing {
        gzip: GzEncoder::new(spooled, Compression::default()),
        hasher: Hasher::new(Algorithm::Sha256),
        temporary,
        call,
    };
    packing.directory(dir, path, &title.to_string(), 0)?;
    packing.append(&write::END)?;
    let Packing { gzip, hasher, .. } = packing;
    let Spooled { spool, hasher: compressed, .. } =
        gzip.finish().map_err(|e| unwritable(temporary, &e))?;
    Ok(Packed { spool, digest: compressed.finish(), content: hasher.finish() })
}

struct Packing<'a> {
    gzip: GzEncoder<Spooled>,
    hasher: Hasher,
    temporary: &'a Temporary,
    call: &'a Call,
}

/// Deeper than any directory that somebody meant to pack; each level is a frame on the stack.
const DEEPEST: usize = 100;

impl Packing<'_> {
    fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.hasher.update(bytes);
        self.gzip.write_all(bytes).map_err(|e| unwritable(self.temporary, &e))
    }

    fn directory(&mut self, dir: &Dir, path: &Path, name: &str, depth: usize) -> Result<()> {
        if depth > DEEPEST {
            let message = format!("cannot pack {}: it is nested too deeply", path.display());
            return Err(Error::new(Code::Limit, message)
                .hint(format!("pack directories of at most {DEEPEST} levels")));
        }
        let unreadable = |e: &io::Error| failed("read the directory", path, e);
        let mode = dir.mode().map_err(|e| unreadable(&e))?;
        let entry = plain(&format!("{name}/"), Kind::Directory, 0);
        self.append(&write::header(&Entry { mode, ..entry }))?;
        let mut names = Vec::new();
        for name in dir.raw_names().map_err(|e| unreadable(&e))? {
            let name = name.into_string().map_err(|_| {
                let message = format!("{} contains a file whose name is not UTF-8", path.display());
                Error::new(Code::InvalidUtf8, message).hint("rename the file, then try again")
            })?;
            if !name.starts_with(RESERVED) {
                names.push(name);
            }
        }
        sort::sort(&mut names);
        for child in names {
            self.call.check()?;
            let (path, name) = (path.join(&child), format!("{name}/{child}"));
            let unreadable = |e: &io::Error| failed("read", &path, e);
            match dir.status(&child).map_err(|e| unreadable(&e))? {
                None => {}
                Some(Status::Directory) => {
                    let below = dir.open_dir(&child).map_err(|e| unreadable(&e))?;
                    self.directory(&below, &path, &name, depth + 1)?;
                }
                Some(Status::File) => {
                    let file = dir.open_file(&child).map_err(|e| unreadable(&e))?;
                    self.file(file, &path, &name)?;
                }
                Some(Status::Link) => {
                    let target = dir.link_target(&child).map_err(|e| unreadable(&e))?;
                    self.link(&target, &path, &name, depth)?;
                }
                Some(Status::Other) => {
                    let message = format!(
                        "{} was left out, because it is a device, pipe or socket",
                        path.display()
                    );
                    self.call.warn("store", message, |record| record);
                }
            }
        }
        Ok(())
    }

    fn file(&mut self, mut file: File, path: &Path, name: &str) -> Result<()> {
        let unreadable = |e: &io::Error| failed("read the file", path, e);
        let state = State::of(&file).map_err(|e| unreadable(&e))?;
        let entry = plain(name, Kind::File, state.size);
        self.append(&write::header(&Entry { mode: state.mode, ..entry }))?;
        let (mut buffer, mut left) = (vec![0; BUFFER], state.size);
        while left > 0 {
            self.call.check()?;
            let most = usize::try_from(left).unwrap_or(BUFFER).min(BUFFER);
            match file.read(&mut buffer[..most]) {
                Ok(0) => break,
                Ok(read) => {
                    self.append(&buffer[..read])?;
                    left -= read as u64;
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(unreadable(&e)),
            }
        }
        if left > 0 || State::of(&file).map_err(|e| unreadable(&e))? != state {
            return Err(changed(path));
        }
        self.append(&vec![0; write::padding(state.size)])
    }

    /// A link that leads out of the directory could not be unpacked anywhere.
    fn link(&mut self, target: &Path, path: &Path, name: &str, depth: usize) -> Result<()> {
        let text = target.to_str();
        let Some(text) = text.filter(|text| stays_within(text, depth)) else {
            let message = format!(
                "cannot pack {}: it is a link to {}, outside the directory",
                path.display(),
                target.display()
            );
            return Err(Error::new(Code::InvalidArgument, message)
                .in_argument("files")
                .hint("remove the link, or replace it with what it leads to"));
        };
        let entry = plain(name, Kind::SymbolicLink, 0);
        self.append(&write::header(&Entry { mode: 0o777, link: text.as_bytes().to_vec(), ..entry }))
    }
}

/// Whether the target of a link stays within a directory, if the link is so many levels below it.
pub(super) fn stays_within(target: &str, depth: usize) -> bool {
    if target.is_empty() || target.starts_with('/') || target.contains('\0') {
        return false;
    }
    let mut depth = depth;
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." if depth == 0 => return false,
            ".." => depth -= 1,
            _ => depth += 1,
        }
    }
    true
}

/// A temporary file that hashes what it gets.
struct Spooled {
    spool: Spool,
    hasher: Hasher,
    limit: Option<u64>,
}

impl Write for Spooled {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.limit.is_some_and(|limit| self.spool.size() + bytes.len() as u64 > limit) {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.spool.append(bytes)?;
        self.hasher.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn unwritable(temporary: &Temporary, error: &io::Error) -> Error {
    failed("write a temporary file in", &temporary.dir, error)
        .hint("set TMPDIR to a directory with more room, or raise spool in the option limits")
}
