//! An archive in the making: a hidden file beside its final place. It gets its name when it is whole.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use crate::error::{Code, Error, Phase, Result};
use crate::os::atomic_file::AtomicFile;
use crate::os::dir::Dir;
use crate::store::part::{FILE_MODE, sweep_parts};
use crate::sync::lock;
use crate::tar::entries::{Entry, Kind};
use crate::tar::write::{END, header, padding, plain};

/// An archive in the making. Dropped without [`Made::finish`], it is removed.
#[derive(Debug)]
pub(super) struct Made {
    path: PathBuf,
    dir: Dir,
    name: String,
    file: File,
    /// The same file; None once it has its name.
    unnamed: Mutex<Option<AtomicFile>>,
    /// Where the next entry begins.
    end: Mutex<u64>,
}

/// Where the content of an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Extent {
    pub(super) at: u64,
    pub(super) size: u64,
}

impl Made {
    /// Begins an archive. Fails if nothing can be written there, or if something else than a file has the name.
    pub(super) fn create(path: &Path) -> Result<Self> {
        let name = path.file_name().and_then(|name| name.to_str()).filter(|_| !path.is_dir());
        let Some(name) = name else {
            let message = format!("{} is not the path of a file", path.display());
            return Err(Error::argument("destination", message)
                .hint("append the name of the archive to the directory"));
        };
        let parent = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let dir = Dir::open(parent).map_err(|e| {
            Error::file(format!("cannot open the directory {}", parent.display()), &e)
        })?;
        let failed = |e: &io::Error| Error::file(format!("cannot write {}", path.display()), e);
        dir.check_writable().map_err(|e| failed(&e))?;
        dir.file_size(name).map_err(|e| {
            failed(&e).hint(
                "remove what is there, or choose another path; only a regular file is replaced",
            )
        })?;
        // What killed calls left.
        sweep_parts(&dir, |_| false).map_err(|e| failed(&e))?;
        let unnamed = AtomicFile::create(&dir, FILE_MODE).map_err(|e| failed(&e))?;
        let file = unnamed.content().try_clone().map_err(|e| failed(&e))?;
        let (path, name) = (path.to_owned(), name.to_owned());
        let unnamed = Mutex::new(Some(unnamed));
        Ok(Self { path, dir, name, file, unnamed, end: Mutex::new(0) })
    }

    /// The archive, as the user named it.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Adds a directory.
    pub(super) fn add_directory(&self, name: &str) -> Result<()> {
        self.add(&plain(name, Kind::Directory, 0)).map(drop)
    }

    /// Adds a file that is at hand.
    pub(super) fn add_file(&self, name: &str, content: &[u8]) -> Result<Extent> {
        let extent = self.reserve(name, content.len() as u64)?;
        self.write(content, extent.at)?;
        Ok(extent)
    }

    /// Adds a file whose content is written later, from several threads if need be.
    pub(super) fn reserve(&self, name: &str, size: u64) -> Result<Extent> {
        let at = self.add(&plain(name, Kind::File, size))?;
        Ok(Extent { at, size })
    }

    /// Where the next entry begins.
    pub(super) fn end(&self) -> u64 {
        *lock(&self.end)
    }

    /// Ends the entry whose content this is.
    pub(super) fn advance(&self, content: Extent) {
        *lock(&self.end) = content.at + content.size + padding(content.size) as u64;
    }

    /// Drops whatever was written from there on.
    pub(super) fn cut(&self, end: u64) -> Result<()> {
        *lock(&self.end) = end;
        self.file.set_len(end).map_err(|e| self.failed(&e))
    }

    /// Writes at a place of the archive.
    pub(super) fn write(&self, bytes: &[u8], at: u64) -> Result<()> {
        self.file.write_all_at(bytes, at).map_err(|e| self.failed(&e))
    }

    /// Reads what was written.
    pub(super) fn read(&self, buffer: &mut [u8], at: u64) -> Result<()> {
        self.file.read_exact_at(buffer, at).map_err(|e| {
            Error::file(format!("cannot read what was written to {}", self.path.display()), &e)
        })
    }

    /// Ends the archive, makes it durable and gives it its name. What had the name before is replaced.
    pub(super) fn finish(&self) -> Result<()> {
        let Some(unnamed) = lock(&self.unnamed).take() else {
            return Err(Error::internal("the archive was ended already"));
        };
        let end = self.end();
        self.write(&END, end)?;
        unnamed.commit(&self.dir, &self.name).map_err(|e| self.failed(&e))?;
        self.dir.sync().map(drop).map_err(|e| self.failed(&e))
    }

    /// Writes the headers of an entry; where its content begins.
    fn add(&self, entry: &Entry) -> Result<u64> {
        let blocks = header(entry);
        let mut end = lock(&self.end);
        let content = *end + blocks.len() as u64;
        let after = entry
            .size
            .checked_add(padding(entry.size) as u64)
            .and_then(|size| size.checked_add(content))
            .filter(|after| i64::try_from(*after).is_ok());
        let Some(after) = after else {
            let message = format!("{} would be larger than any file", self.path.display());
            return Err(Error::new(Code::Limit, message).phase(Phase::Store));
        };
        self.write(&blocks, *end)?;
        *end = after;
        Ok(content)
    }

    fn failed(&self, error: &io::Error) -> Error {
        Error::file(format!("cannot write {}", self.path.display()), error)
    }
}
