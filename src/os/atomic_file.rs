//! Files that appear under their name whole or not at all.
//!
//! While it is written, a file has a temporary name and is locked, so that the file of a killed process can be
//! distinguished from one that a running process is writing.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, fchown};
use std::time::Duration;

use rustix::fs::{Mode, OFlags};

pub use super::dir::TEMPORARY;

use super::dir::Dir;
use super::file::is_unsupported;
use super::lock::{self, Attempt};
use crate::crypto;

/// The age at which a temporary file counts as abandoned, if locks are not available.
const ABANDONED: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// A file that is being written. Dropped without [`AtomicFile::commit`] or [`AtomicFile::keep`], it is removed.
#[derive(Debug)]
pub struct AtomicFile {
    dir: Dir,
    temporary: String,
    file: File,
    remove: bool,
}

impl AtomicFile {
    /// Creates a file with a random name; `mode` is reduced by the umask.
    pub fn create(dir: &Dir, mode: u32) -> io::Result<Self> {
        loop {
            let temporary = format!("{TEMPORARY}{}", crypto::random_hex(16)?);
            let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL;
            let file = dir.open_regular(&temporary, flags, Mode::from_raw_mode(mode))?;
            // A sweep may have found the file before its lock was there: then it is gone.
            if lock(dir, &temporary, &file)? {
                return Ok(Self { dir: dir.clone(), temporary, file, remove: true });
            }
        }
    }

    /// Begins or takes up a file under a fixed temporary name; None while another process writes it.
    ///
    /// Opens an existing file at offset 0, if no other user can change it.
    pub fn resume(dir: &Dir, temporary: &str, mode: u32) -> io::Result<Option<Self>> {
        loop {
            let flags = OFlags::RDWR | OFlags::CREATE;
            let file = match dir.open_regular(temporary, flags, Mode::from_raw_mode(mode)) {
                Ok(file) => file,
                // Somebody put something else there: it is not ours to write to.
                Err(e) if dir.stat(temporary)?.is_none() => return Err(e),
                Err(_) => {
                    dir.remove(temporary)?;
                    continue;
                }
            };
            match lock::attempt(&file)? {
                Attempt::Locked => {}
                Attempt::Busy => return Ok(None),
                Attempt::Unsupported => {
                    // Nobody knows whether another process writes it. An empty one was just made here.
                    if file.metadata()?.len() == 0 {
                        dir.remove(temporary)?;
                    }
                    return Ok(None);
                }
            }
            if !is_named(dir, temporary, &file)? {
                continue; // Its maker committed or removed it while we opened it.
            }
            let state = file.metadata()?;
            if state.nlink() != 1 || state.uid() != rustix::process::geteuid().as_raw() {
                dir.remove(temporary)?; // Another name or owner could change it behind our back.
                continue;
            }
            let temporary = temporary.to_owned();
            return Ok(Some(Self { dir: dir.clone(), temporary, file, remove: true }));
        }
    }

    /// The file itself, to read what an earlier process left.
    pub fn file(&mut self) -> &mut File {
        &mut self.file
    }

    /// The same, to be read and written at given places.
    pub fn content(&self) -> &File {
        &self.file
    }

    /// Gives the file to another user, where that is allowed; nothing is done if it is theirs already.
    pub fn give_to(&self, owner: u32) -> io::Result<()> {
        if self.file.metadata()?.uid() == owner {
            return Ok(());
        }
        fchown(&self.file, Some(owner), None)
    }

    /// Forgets everything written.
    pub fn truncate(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.seek(SeekFrom::Start(0)).map(drop)
    }

    /// Makes the content durable and gives the file its name in `dir`, of the same file system.
    ///
    /// The name itself survives a power cut only after [`Dir::sync`].
    pub fn commit(self, dir: &Dir, name: &str) -> io::Result<()> {
        self.finish(|temporary, made_in| made_in.rename(temporary, dir, name))
    }

    /// The same where nothing has the name: whatever got it meanwhile stays, and this fails.
    pub fn commit_new(self, dir: &Dir, name: &str) -> io::Result<()> {
        self.finish(|temporary, made_in| made_in.rename_new(temporary, dir, name))
    }

    fn finish(mut self, rename: impl FnOnce(&str, &Dir) -> io::Result<()>) -> io::Result<()> {
        match self.file.sync_data() {
            Err(e) if !is_unsupported(&e) => return Err(e),
            _ => {}
        }
        rename(&self.temporary, &self.dir)?;
        self.remove = false;
        Ok(())
    }

    /// Leaves the file under its temporary name, for a later [`AtomicFile::resume`].
    pub fn keep(mut self) {
        self.keep_on_drop();
    }

    /// From now on, dropping leaves the file under its temporary name.
    pub fn keep_on_drop(&mut self) {
        self.remove = false;
    }

    /// Writes a whole small file.
    pub fn replace(dir: &Dir, name: &str, mode: u32, content: &[u8]) -> io::Result<()> {
        let mut file = Self::create(dir, mode)?;
        file.write_all(content)?;
        file.commit(dir, name)?;
        dir.sync().map(drop)
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for AtomicFile {
    fn drop(&mut self) {
        if self.remove {
            // Nothing can be done about a failure; the next sweep tries again.
            let _ = self.dir.remove(&self.temporary);
        }
        // A child that was forked meanwhile has the file open, too: closing ours alone would not end the lock.
        let _ = self.file.unlock();
    }
}

/// Removes a temporary file unless a living process holds it; `stale` may look at it first.
pub fn sweep(dir: &Dir, name: &str, stale: impl Fn(&File) -> bool) -> io::Result<()> {
    let file = dir.open_regular(name, OFlags::RDONLY, Mode::empty())?;
    let abandoned = match lock::attempt(&file)? {
        Attempt::Locked => true,
        // Nobody knows whether its maker still writes it, but nobody writes for so long.
        Attempt::Unsupported => is_old(&file),
        Attempt::Busy => false,
    };
    if !abandoned || !is_named(dir, name, &file)? {
        return Ok(());
    }
    let swept = if stale(&file) { dir.remove(name) } else { Ok(()) };
    // As when an AtomicFile is dropped.
    let _ = file.unlock();
    swept
}

/// Locks a file; false if another process has the lock, or if the name now belongs to another file.
fn lock(dir: &Dir, name: &str, file: &File) -> io::Result<bool> {
    match lock::attempt(file)? {
        Attempt::Locked | Attempt::Unsupported => is_named(dir, name, file),
        Attempt::Busy => Ok(false),
    }
}

fn is_old(file: &File) -> bool {
    let age = file.metadata().and_then(|state| state.modified()).map(|at| at.elapsed());
    matches!(age, Ok(Ok(age)) if age > ABANDONED)
}

fn is_named(dir: &Dir, name: &str, file: &File) -> io::Result<bool> {
    let opened = file.metadata()?;
    let named = dir.stat(name)?;
    Ok(named.is_some_and(|named| named.st_ino == opened.ino() && named.st_dev == opened.dev()))
}
