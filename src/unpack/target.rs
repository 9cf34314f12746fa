//! The directory that an image is unpacked to.
//!
//! Everything is made in a temporary directory, locked by its maker: beside a target that does not exist yet, which it
//! becomes when it is whole, or in a target that is empty, to which its content moves up then. So what a killed process
//! left is never taken for an image, and the next call removes it.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use crate::crypto;
use crate::error::{Code, Error, Phase, Result};
use crate::names::digest::{Algorithm, Digest};
use crate::os::atomic_file::TEMPORARY;
use crate::os::dir::Dir;
use crate::os::lock::DirLock;
use crate::os::tree::{Directory, Tree};

/// A target in the making. Dropped without [`Target::finish`], nothing of it is left.
#[derive(Debug)]
pub(super) struct Target {
    /// As the caller named it.
    path: PathBuf,
    /// Where the temporary directory is.
    base: Dir,
    /// What the temporary directory is called.
    temporary: String,
    content: Dir,
    tree: Tree,
    /// The name that it gets; None where its content moves up.
    name: Option<String>,
    finished: bool,
    _lock: DirLock,
}

impl Target {
    /// Prepares a directory that must not exist or be empty. Removes what calls left that were killed.
    pub(super) fn begin(path: &Path) -> Result<Self> {
        let (base, name, prefix) = match Dir::open(path) {
            Ok(dir) => (dir, None, TEMPORARY.to_owned()),
            Err(e) if Errno::from_io_error(&e) == Some(Errno::NOENT) => {
                let (parent, name) = beside(path, &e)?;
                let sum = Digest::of(Algorithm::Sha256, name.as_bytes());
                let prefix = format!("{TEMPORARY}{}-", &sum.hex()[..16]);
                (parent, Some(name), prefix)
            }
            Err(e) if Errno::from_io_error(&e) == Some(Errno::NOTDIR) => {
                return Err(unusable(path, "it is not a directory"));
            }
            Err(e) => return Err(unopened(path, &e)),
        };
        let failed = |e: &io::Error| Error::file(format!("cannot write to {}", path.display()), e);
        base.check_writable().map_err(|e| failed(&e))?;
        sweep(&base, &prefix).map_err(|e| failed(&e))?;
        if name.is_none() && !base.raw_names().map_err(|e| unopened(path, &e))?.is_empty() {
            return Err(unusable(path, "it is not empty"));
        }
        let (temporary, content, lock) = make_temporary(&base, &prefix, path)?;
        let tree = match Tree::new(&content) {
            Ok(tree) => tree,
            Err(e) => {
                let _ = base.remove_dir(&temporary);
                return Err(failed(&e));
            }
        };
        let path = path.to_owned();
        Ok(Self { path, base, temporary, content, tree, name, finished: false, _lock: lock })
    }

    /// The tree to be filled.
    pub(super) fn tree(&self) -> &Tree {
        &self.tree
    }

    /// Removes all that was made so far.
    pub(super) fn clear(&self) -> Result<()> {
        let cleared = self.tree.root().and_then(|root| root.clear(&|_, _| false));
        cleared.map(drop).map_err(|e| self.failed(&e))
    }

    /// Puts what was made in its place. `root` sets the attributes of the root, and is told whether it is a new directory.
    pub(super) fn finish(
        &mut self,
        root: impl FnOnce(&Directory, bool) -> Result<()>,
    ) -> Result<()> {
        match &self.name {
            Some(name) => {
                root(&self.tree.root().map_err(|e| self.failed(&e))?, true)?;
                let moved = self.base.rename_new(&self.temporary, &self.base, name);
                moved.map_err(|e| match Errno::from_io_error(&e) {
                    Some(Errno::EXIST | Errno::NOTEMPTY) => {
                        unusable(&self.path, "another process created it during the call")
                    }
                    _ => self.failed(&e),
                })?;
            }
            None => {
                self.move_up().map_err(|e| self.failed(&e))?;
                let target = Tree::new(&self.base).and_then(|target| target.root());
                root(&target.map_err(|e| self.failed(&e))?, false)?;
            }
        }
        self.finished = true;
        Ok(())
    }

    fn move_up(&self) -> io::Result<()> {
        let root = self.tree.root()?;
        for name in self.content.raw_names()? {
            match self.content.rename_new(&name, &self.base, &name) {
                // A directory that its owner may not write to cannot be moved by others than the superuser.
                Err(e) if Errno::from_io_error(&e) == Some(Errno::ACCESS) => {
                    let mut directory = root.open_directory(name.as_bytes())?;
                    directory.open_up()?;
                    let moved = self.content.rename_new(&name, &self.base, &name);
                    directory.close().and(moved)?;
                }
                moved => moved?,
            }
        }
        self.base.remove_dir(&self.temporary)
    }

    fn failed(&self, error: &io::Error) -> Error {
        Error::file(format!("cannot write to {}", self.path.display()), error)
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        if self.finished {
            return;
        }
        // Nothing can be done about a failure; the next call tries again.
        if self.name.is_none() {
            // What had moved up already as well: the directory was empty before.
            let _ = Tree::new(&self.base)
                .and_then(|target| target.root())
                .and_then(|root| root.clear(&|_, _| false));
        } else {
            let _ = self.clear();
            let _ = self.base.remove_dir(&self.temporary);
        }
    }
}

/// The directory above one that does not exist, and its name there.
fn beside(path: &Path, missing: &io::Error) -> Result<(Dir, String)> {
    let Some(name) = path.file_name().and_then(OsStr::to_str) else {
        return Err(unopened(path, missing));
    };
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let parent = Dir::open(parent).map_err(|e| {
        Error::file(format!("cannot open the directory {}", parent.display()), &e)
            .hint("create the directory above the target first")
    })?;
    // A link that leads nowhere is not followed.
    match parent.state(name) {
        Ok(None) => Ok((parent, name.to_owned())),
        Ok(Some(_)) => Err(unusable(path, "it is a symbolic link that leads nowhere")),
        Err(e) => Err(unopened(path, &e)),
    }
}

/// A locked directory whose name nobody can guess.
fn make_temporary(base: &Dir, prefix: &str, path: &Path) -> Result<(String, Dir, DirLock)> {
    let failed = |e: io::Error| Error::file(format!("cannot create {}", path.display()), &e);
    loop {
        let name = format!("{prefix}{}", crypto::random_hex(8).map_err(failed)?);
        let content = base.make_own_dir(&name).map_err(failed)?;
        let lock = DirLock::try_acquire(&content, &path.display().to_string())?;
        // A sweep may have found the directory before its lock was there: then it is gone.
        if let Some(lock) = lock
            && base.is_named(&name, &content).map_err(failed)?
        {
            return Ok((name, content, lock));
        }
    }
}

/// Removes directories that killed calls left.
fn sweep(base: &Dir, prefix: &str) -> io::Result<()> {
    let mut root = None;
    for name in base.names()? {
        if !name.starts_with(prefix) {
            continue;
        }
        let Ok(left) = base.open_dir(&name) else { continue };
        // Without locks nobody knows whether its maker is still at it.
        let lock = DirLock::try_acquire(&left, &name).ok().flatten();
        let Some(_lock) = lock.filter(DirLock::is_held) else { continue };
        if base.is_named(&name, &left)? {
            let root = match &root {
                Some(root) => root,
                None => root.insert(Tree::new(base)?.root()?),
            };
            root.remove(name.as_bytes(), &|_, _| false)?;
        }
    }
    Ok(())
}

fn unopened(path: &Path, error: &io::Error) -> Error {
    Error::file(format!("cannot open the directory {}", path.display()), error)
}

fn unusable(path: &Path, why: &str) -> Error {
    Error::new(Code::InvalidArgument, format!("cannot unpack to {}: {why}", path.display()))
        .in_argument("directory")
        .phase(Phase::Store)
        .hint("name a directory that does not exist yet or that is empty")
}
