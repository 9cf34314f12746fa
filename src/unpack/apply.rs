//! Applies layers to a tree, entry by entry.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;

use rustix::fs::Stat;
use rustix::io::Errno;

use super::attributes::{self, Totals, failed};
use super::marks::Marks;
use super::path::{Path, Role};
use super::policy::{Devices, Policy};
use super::stream::Apply;
use crate::call::Call;
use crate::error::{Code, Error, Result};
use crate::image::BlobRead;
use crate::os::tree::{Directory, Found, Id, Node, Special, Tree};
use crate::tar::entries::{Bounds, Entries, Entry, Kind, in_entry, shown};

/// What is written at once.
const BUFFER: usize = 256 << 10;

/// How often something is put in the place of what another process keeps putting there.
const MOST_TRIES: usize = 16;

/// A tree that layers are applied to, lowest first.
#[derive(Debug)]
pub(super) struct Applier<'a> {
    tree: &'a Tree,
    policy: &'a Policy,
    totals: Totals,
    /// The directory that entries are being made in.
    here: Option<Here>,
    /// What the image says of the root.
    root: Option<Entry>,
    marks: Marks,
    buffer: Vec<u8>,
}

/// A directory in which something is made, and which looks as if nothing had been as soon as it is left.
#[derive(Debug)]
struct Here {
    path: Vec<u8>,
    directory: Directory,
    state: Stat,
}

impl Apply for Applier<'_> {
    const DOING: &'static str = "unpack";

    fn layer(&mut self, _number: usize, mut archive: &mut dyn BlobRead, call: &Call) -> Result<()> {
        Self::layer(self, &mut archive, call)
    }
}

impl<'a> Applier<'a> {
    /// An applier to an empty tree.
    pub(super) fn new(tree: &'a Tree, policy: &'a Policy) -> Result<Self> {
        Ok(Self {
            tree,
            policy,
            totals: Totals::default(),
            here: None,
            root: None,
            marks: Marks::new()?,
            buffer: vec![0; BUFFER],
        })
    }

    /// Applies a layer: an uncompressed archive, which is read to its end.
    pub(super) fn layer(&mut self, archive: &mut impl BlobRead, call: &Call) -> Result<()> {
        self.marks = Marks::new()?;
        let limits = self.policy.limits;
        let bounds = Bounds {
            path: limits.path,
            entries: limits.entries.saturating_sub(self.totals.entries),
        };
        let mut entries = Entries::new(archive, bounds);
        while let Some(entry) = entries.next_entry(call)? {
            self.entry(&entry, &mut entries, call)?;
            self.totals.entries += 1;
        }
        entries.finish(call)
    }

    /// Leaves the tree as the image describes it; what the image says of the root is for whoever has that.
    pub(super) fn finish(mut self) -> Result<(Totals, Option<Entry>)> {
        self.leave()?;
        Ok((self.totals, self.root))
    }

    fn entry<R: BlobRead>(
        &mut self,
        entry: &Entry,
        entries: &mut Entries<R>,
        call: &Call,
    ) -> Result<()> {
        let path = Path::of_entry(&entry.path)?;
        match path.role()? {
            Role::Bookkeeping => Ok(()),
            Role::Root if entry.kind == Kind::Directory => {
                self.root = Some(entry.clone());
                Ok(())
            }
            Role::Root => Err(in_entry(&entry.path, "it is the root, but not a directory")),
            Role::Whiteout(name) => self.hide(entry, path.parent(), Some(name)),
            Role::Opaque => self.hide(entry, path.parent(), None),
            Role::Node(name) => {
                let owner = self.policy.owner(entry)?;
                self.enter(entry, path.parent())?;
                let made = match entry.kind {
                    Kind::File => self.file(entry, name, owner, entries, call),
                    Kind::HardLink => self.hard_link(entry, &path),
                    Kind::SymbolicLink => self.symbolic_link(entry, name, owner),
                    Kind::Directory => self.directory(entry, name, owner),
                    Kind::Fifo => self.special(entry, Special::Fifo, name, owner),
                    Kind::CharacterDevice => {
                        let (major, minor) = entry.device;
                        self.device(entry, Special::CharacterDevice(major, minor), name, owner)
                    }
                    Kind::BlockDevice => {
                        let (major, minor) = entry.device;
                        self.device(entry, Special::BlockDevice(major, minor), name, owner)
                    }
                };
                made?;
                let here = self.here(entry)?.id();
                self.marks.add(here, name);
                Ok(())
            }
        }
    }

    /// Removes what lower layers have of a name in a directory, or all that they have in it.
    fn hide(&mut self, entry: &Entry, parent: &[u8], name: Option<&[u8]>) -> Result<()> {
        if self.here.as_ref().is_none_or(|here| here.path != parent) {
            self.leave()?;
            let found = match self.tree.find(parent) {
                // Nothing can be in a directory that is none.
                Err(e) if is(&e, Errno::NOTDIR) => None,
                found => found.map_err(|e| failed(entry, "find the directory of", &e))?,
            };
            let Some(directory) = found else { return Ok(()) };
            let here = Here::of(parent, directory).map_err(|e| failed(entry, "read", &e))?;
            self.here = Some(here);
        }
        let here = self.here(entry)?;
        let keep = |directory: Id, name: &[u8]| self.marks.contains(directory, name);
        let removed = match name {
            Some(name) => match here.look_up(name) {
                Ok(None) => Ok(true),
                Ok(Some(_)) => here.remove(name, &keep),
                Err(e) => Err(e),
            },
            None => here.clear(&keep),
        };
        removed.map(drop).map_err(|e| failed(entry, "apply the whiteout", &e))
    }

    fn file<R: BlobRead>(
        &mut self,
        entry: &Entry,
        name: &[u8],
        owner: Option<(u32, u32)>,
        entries: &mut Entries<R>,
        call: &Call,
    ) -> Result<()> {
        let limit = self.policy.limits.bytes;
        if self.totals.bytes.saturating_add(entry.stored) > limit {
            return Err(Error::new(
                Code::Limit,
                format!("the files of the image have more than {limit} bytes"),
            )
            .hint("raise bytes in the option limits, if you trust this image"));
        }
        self.totals.bytes += entry.stored;
        let file = self.replacing(entry, name, |here| here.create_file(name))?;
        let write = |e: &io::Error| failed(entry, "write", e);
        let mut end = 0;
        while let Some((at, read)) = entries.read_data(&mut self.buffer, call)? {
            call.check()?;
            write_at(&file, &self.buffer[..read], at).map_err(|e| write(&e))?;
            end = at + read as u64;
        }
        if end < entry.size {
            file.set_len(entry.size).map_err(|e| write(&e))?;
        }
        attributes::set(self.policy, &mut self.totals, entry, owner, Node::Open(file.as_fd()))
    }

    fn hard_link(&mut self, entry: &Entry, path: &Path) -> Result<()> {
        let target = Path::of_target(&entry.path, &entry.link)?;
        if target == *path {
            return Err(in_entry(&entry.path, "it is a hard link to itself"));
        }
        if target.name().is_empty() {
            return Err(in_entry(&entry.path, "it is a hard link to the root directory"));
        }
        let missing = || {
            let why = format!("it is a hard link to {}, which does not exist", shown(&entry.link));
            in_entry(&entry.path, why)
        };
        let same = self.here.as_ref().is_some_and(|here| here.path == target.parent());
        let mut other = match same {
            true => None,
            false => match self.tree.find(target.parent()) {
                Ok(Some(found)) => Some(found),
                Ok(None) => return Err(missing()),
                Err(e) if is(&e, Errno::NOTDIR) => return Err(missing()),
                Err(e) => return Err(failed(entry, "find the target of", &e)),
            },
        };
        // Two paths may lead to one name.
        let here = self.here(entry)?;
        if other.as_ref().is_some_and(|other| other.id() == here.id())
            && target.name() == path.name()
        {
            return Err(in_entry(&entry.path, "it is a hard link to itself"));
        }
        let from = other.as_ref().unwrap_or(here);
        let found =
            from.look_up(target.name()).map_err(|e| failed(entry, "find the target of", &e))?;
        match found {
            Some(Found::Other) => {}
            Some(Found::Directory) => {
                let why = format!("it is a hard link to the directory {}", shown(&entry.link));
                return Err(in_entry(&entry.path, why));
            }
            None => return Err(missing()),
        }
        let linked = self.replacing(entry, path.name(), |here| {
            let from = other.as_ref().unwrap_or(here);
            here.create_hard_link(from, target.name(), path.name())
        });
        if let Some(other) = &mut other {
            other.close().map_err(|e| failed(entry, "create", &e))?;
        }
        // What it leads to may have been removed to make room for it.
        linked.map_err(|error| match error.code() {
            Code::Io if self.is_missing(other.as_ref(), target.name()) => missing(),
            _ => error,
        })
    }

    fn is_missing(&self, directory: Option<&Directory>, name: &[u8]) -> bool {
        let directory = directory.or(self.here.as_ref().map(|here| &here.directory));
        directory.is_some_and(|directory| matches!(directory.look_up(name), Ok(None)))
    }

    fn symbolic_link(
        &mut self,
        entry: &Entry,
        name: &[u8],
        owner: Option<(u32, u32)>,
    ) -> Result<()> {
        if entry.link.is_empty() || entry.link.contains(&0) {
            return Err(in_entry(&entry.path, "it is a symbolic link without a valid target"));
        }
        self.replacing(entry, name, |here| here.create_link(&entry.link, name))?;
        self.attributes_of_name(entry, name, owner)
    }

    fn directory(&mut self, entry: &Entry, name: &[u8], owner: Option<(u32, u32)>) -> Result<()> {
        let made = self.replacing(entry, name, |here| match here.create_directory(name) {
            Err(e) if is(&e, Errno::EXIST) && here.look_up(name)? == Some(Found::Directory) => {
                here.open_directory(name)
            }
            made => made.and_then(|()| here.open_directory(name)),
        })?;
        attributes::set(self.policy, &mut self.totals, entry, owner, made.node())
    }

    fn device(
        &mut self,
        entry: &Entry,
        device: Special,
        name: &[u8],
        owner: Option<(u32, u32)>,
    ) -> Result<()> {
        match self.policy.devices {
            Devices::Create => self.special(entry, device, name, owner).map_err(|error| {
                if error.code() != Code::Permission {
                    return error;
                }
                error.hint(
                    "set devices to \"skip\", or run with the right to create devices (CAP_MKNOD)",
                )
            }),
            Devices::Skip => {
                self.clear_way(entry, name)?;
                self.totals.skip(&entry.path, "it is a device".to_owned());
                Ok(())
            }
        }
    }

    fn special(
        &mut self,
        entry: &Entry,
        special: Special,
        name: &[u8],
        owner: Option<(u32, u32)>,
    ) -> Result<()> {
        self.replacing(entry, name, |here| here.create_special(special, name))?;
        self.attributes_of_name(entry, name, owner)
    }

    /// Makes something in the current directory in place of whatever has its name.
    fn replacing<T>(
        &mut self,
        entry: &Entry,
        name: &[u8],
        make: impl Fn(&Directory) -> io::Result<T>,
    ) -> Result<T> {
        let mut tries = 0;
        loop {
            tries += 1;
            match make(self.here(entry)?) {
                Err(e) if is(&e, Errno::EXIST) && tries <= MOST_TRIES => {
                    self.clear_way(entry, name)?;
                }
                made => return made.map_err(|e| failed(entry, "create", &e)),
            }
        }
    }

    /// Removes what has a name, whatever it is and whoever made it.
    fn clear_way(&self, entry: &Entry, name: &[u8]) -> Result<()> {
        let here = self.here(entry)?;
        let removed = match here.look_up(name) {
            Ok(None) => Ok(true),
            Ok(Some(_)) => here.remove(name, &|_, _| false),
            Err(e) => Err(e),
        };
        removed.map(drop).map_err(|e| failed(entry, "replace", &e))
    }

    fn here(&self, entry: &Entry) -> Result<&Directory> {
        let here = self.here.as_ref().map(|here| &here.directory);
        here.ok_or_else(|| Error::internal(format!("no directory for {}", shown(&entry.path))))
    }

    /// Goes to the directory that the next thing is made in.
    fn enter(&mut self, entry: &Entry, path: &[u8]) -> Result<()> {
        if self.here.as_ref().is_some_and(|here| here.path == path) {
            return Ok(());
        }
        self.leave()?;
        let policy = self.policy;
        let mut new = |directory: Node<'_>| attributes::set_implied(policy, directory);
        let entered = self.tree.make(path, &mut new);
        let entered = entered.and_then(|directory| Here::of(path, directory));
        let entered = entered.map_err(|e| {
            if is(&e, Errno::NOTDIR) {
                let parent = shown(path);
                return in_entry(&entry.path, format!("{parent} is not a directory"));
            }
            failed(entry, "create the directory of", &e)
        })?;
        self.here = Some(entered);
        Ok(())
    }

    /// Gives the directory the times and the mode that it had.
    fn leave(&mut self) -> Result<()> {
        let Some(Here { path, mut directory, state }) = self.here.take() else { return Ok(()) };
        let restored = directory.close().and_then(|()| directory.set_times_of(&state));
        restored.map_err(|e| {
            Error::file(format!("cannot restore the attributes of {}", shown(&path)), &e)
        })
    }

    fn attributes_of_name(
        &mut self,
        entry: &Entry,
        name: &[u8],
        owner: Option<(u32, u32)>,
    ) -> Result<()> {
        let Some(Here { directory, .. }) = &self.here else { return Ok(()) };
        attributes::set(self.policy, &mut self.totals, entry, owner, Node::Named(directory, name))
    }
}

impl Here {
    fn of(path: &[u8], mut directory: Directory) -> io::Result<Self> {
        let state = directory.state()?;
        directory.open_up()?;
        Ok(Self { path: path.to_owned(), directory, state })
    }
}

fn write_at(file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
    file.write_all_at(bytes, at)
}

fn is(error: &io::Error, errno: Errno) -> bool {
    Errno::from_io_error(error) == Some(errno)
}
