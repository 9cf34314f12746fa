//! Files that links lead to, as long as they lead nowhere outside a directory.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use super::dir::{Dir, irregular};

/// More links than that are a circle.
const MOST_LINKS: usize = 40;

/// What a path leads to.
#[derive(Debug)]
pub enum Found {
    /// A regular file.
    File(File),
    /// A directory.
    Dir(Dir),
}

/// A directory that the links below it must not leave.
#[derive(Debug, Clone)]
pub struct Bounds {
    root: Dir,
    /// The path of the directory, to which absolute links are compared; None where it has no name.
    path: Option<PathBuf>,
}

impl Bounds {
    /// The bounds of a directory that was opened by this path.
    pub fn new(root: Dir, path: &Path) -> Self {
        Self { root, path: std::fs::canonicalize(path).ok() }
    }

    /// Opens the regular file `name` in the last of `below`, the directories from the root down to it. Links are followed,
    /// component by component, by the directories that are held open: what changes meanwhile cannot lead outside.
    pub fn open_file(&self, below: &[Dir], name: &str) -> io::Result<File> {
        let mut directories = vec![self.root.clone()];
        directories.extend_from_slice(below);
        match self.walk(directories, name)? {
            Found::File(file) => Ok(file),
            Found::Dir(_) => Err(irregular()),
        }
    }

    /// Opens what a relative path leads to, in the same way.
    pub fn open(&self, path: &str) -> io::Result<Found> {
        self.walk(vec![self.root.clone()], path)
    }

    fn walk(&self, mut directories: Vec<Dir>, path: &str) -> io::Result<Found> {
        let mut rest: VecDeque<String> = path.split('/').map(str::to_owned).collect();
        let mut links = 0;
        while let Some(component) = rest.pop_front() {
            match component.as_str() {
                "" | "." => continue,
                ".." if directories.len() == 1 => return Err(outside()),
                ".." => {
                    directories.pop();
                    continue;
                }
                _ => {}
            }
            let directory = directories.last().unwrap_or(&self.root);
            match directory.link_target(&component) {
                Ok(target) => {
                    links += 1;
                    if links > MOST_LINKS {
                        return Err(Errno::LOOP.into());
                    }
                    let relative = if target.is_absolute() {
                        directories.truncate(1);
                        let root = self.path.as_deref().ok_or_else(outside)?;
                        target.strip_prefix(root).map_err(|_| outside())?.to_owned()
                    } else {
                        target
                    };
                    let relative = relative.to_str().ok_or_else(outside)?;
                    for component in relative.split('/').rev() {
                        rest.push_front(component.to_owned());
                    }
                }
                Err(e) if e.raw_os_error() == Some(Errno::INVAL.raw_os_error()) => {
                    if rest.is_empty() && !directory.is_dir(&component)? {
                        return directory.open_file(&component).map(Found::File);
                    }
                    let next = directory.open_dir(&component)?;
                    directories.push(next);
                }
                Err(e) => return Err(e),
            }
        }
        Ok(Found::Dir(directories.pop().unwrap_or_else(|| self.root.clone())))
    }
}

fn outside() -> io::Error {
    io::Error::other("it is a symbolic link to a location outside the directory")
}
