//! Layers, the highest first, to one archive: of each path the highest layer's entry is written, unless it is hidden.
//!
//! A hard link needs what it leads to, which may be in a lower layer, or hidden by a higher one. Links wait for their
//! targets: below a target that shows, they are written as links to it; of one that is hidden, the first link gets the
//! content. Where that has passed already, because the hidden file came before the link in the same layer, the layer is
//! read a second time. A link means what its target is at that moment, whatever its own layer puts there later.

use std::collections::{BTreeMap, HashMap};

use super::claims::{Claims, DIRECTORY, Fate, OPAQUE, OTHER, WHITEOUT, WRITTEN};
use super::output::Output;
use crate::call::Call;
use crate::error::{Code, Error, Result};
use crate::image::BlobRead;
use crate::tar::entries::{Bounds, Entries, Entry, Kind, in_entry, shown};
use crate::tar::write;
use crate::unpack::path::{Path, Role};
use crate::unpack::{Limits, Skipped};

/// The most bytes of names that may wait for what they link to.
const MOST_WAITING: usize = 16 << 20;

/// How many things that were skipped are reported one by one.
const MOST_SKIPPED: usize = 10_000;

/// So much of a file is copied at once.
const BUFFER: usize = 128 << 10;

type Name = Vec<u8>;

/// Where the content of a hard link is.
#[derive(Debug, Clone)]
enum Origin {
    /// At this path of the same layer.
    Here(Name),
    /// At this path of a lower layer.
    Below(Name),
}

#[derive(Debug)]
pub(super) struct Flattener {
    output: Output,
    limits: Limits,
    /// What the layers above the current one have.
    above: Claims,
    /// What the current layer has.
    here: Claims,
    /// Names of upper layers that are links to a path, as the current layer leaves it.
    waiting: HashMap<Name, Vec<Name>>,
    /// Names of the current layer that are links to a path, as lower layers leave it.
    below: HashMap<Name, Vec<Name>>,
    /// Of a path of the current layer: the names that waited for it.
    given: HashMap<Name, Vec<Name>>,
    /// Directories of the current layer that links lead to, as far as it was read.
    linked_directories: BTreeMap<Name, Name>,
    /// What paths of the current layer are, if they are not written themselves: links to others.
    aliases: HashMap<Name, Origin>,
    /// Hidden files of the current layer whose content was written under another name.
    moved: HashMap<Name, Name>,
    /// What has passed by already, by the number of its layer: which content which names get.
    missed: BTreeMap<usize, HashMap<Name, Vec<Name>>>,
    waiting_bytes: usize,
    seen: u64,
    buffer: Vec<u8>,
    pub(super) entries: u64,
    pub(super) bytes: u64,
    pub(super) skipped: Vec<Skipped>,
    pub(super) unreported: u64,
}

impl Flattener {
    pub(super) fn new(output: Output, limits: Limits) -> Result<Self> {
        // Directories that no entry describes count, too.
        let above = Claims::new(limits.entries.saturating_mul(2))?;
        Ok(Self {
            output,
            limits,
            here: above.like(),
            above,
            waiting: HashMap::new(),
            below: HashMap::new(),
            given: HashMap::new(),
            linked_directories: BTreeMap::new(),
            aliases: HashMap::new(),
            moved: HashMap::new(),
            missed: BTreeMap::new(),
            waiting_bytes: 0,
            seen: 0,
            buffer: vec![0; BUFFER],
            entries: 0,
            bytes: 0,
            skipped: Vec::new(),
            unreported: 0,
        })
    }

    /// Writes what shows of a layer, below all that have come before.
    pub(super) fn layer(
        &mut self,
        number: usize,
        archive: &mut dyn BlobRead,
        call: &Call,
    ) -> Result<()> {
        let bounds = Bounds {
            path: self.limits.path,
            entries: self.limits.entries.saturating_sub(self.seen),
        };
        let mut entries = Entries::new(archive, bounds);
        while let Some(entry) = entries.next_entry(call)? {
            self.seen += 1;
            self.entry(number, &entry, &mut entries, call)?;
        }
        entries.finish(call)?;
        self.end_layer()
    }

    /// The layers that have to be read once more.
    pub(super) fn missed(&self) -> Vec<usize> {
        self.missed.keys().copied().rev().collect()
    }

    /// Reads a layer once more, for the content of files that are hidden, but have other names.
    pub(super) fn layer_again(
        &mut self,
        number: usize,
        archive: &mut dyn BlobRead,
        call: &Call,
    ) -> Result<()> {
        let mut wanted = self.missed.remove(&number).unwrap_or_default();
        let bounds = Bounds { path: self.limits.path, entries: u64::MAX };
        let mut entries = Entries::new(archive, bounds);
        while let Some(entry) = entries.next_entry(call)? {
            let path = Path::of_entry(&entry.path)?;
            if entry.kind == Kind::HardLink {
                continue;
            }
            if let Some(names) = wanted.remove(path.whole()) {
                self.content_of_links(&entry, &names, &mut entries, call)?;
            }
        }
        entries.finish(call)?;
        match wanted.is_empty() {
            true => Ok(()),
            false => Err(Error::internal("a layer lacks an entry that it had before")),
        }
    }

    /// Ends the archive.
    pub(super) fn finish(&mut self, call: &Call) -> Result<()> {
        self.output.write(&write::END, call)?;
        self.output.flush(call)
    }

    /// Whatever still waits has no target.
    pub(super) fn check_links(&self) -> Result<()> {
        match self.waiting.iter().min() {
            Some((target, names)) => Err(missing(&names[0], target)),
            None => Ok(()),
        }
    }

    fn entry<R: BlobRead>(
        &mut self,
        number: usize,
        entry: &Entry,
        content: &mut Entries<R>,
        call: &Call,
    ) -> Result<()> {
        let path = Path::of_entry(&entry.path)?;
        let whole = path.whole();
        let is_directory = entry.kind == Kind::Directory;
        match path.role()? {
            Role::Bookkeeping => return Ok(()),
            Role::Opaque => return self.here.add(path.parent(), OPAQUE),
            Role::Whiteout(name) => {
                let hidden = match path.parent() {
                    b"" => name.to_vec(),
                    parent => [parent, b"/", name].concat(),
                };
                return self.here.add(&hidden, WHITEOUT);
            }
            Role::Root if !is_directory => {
                return Err(in_entry(&entry.path, "the root must be a directory"));
            }
            Role::Root | Role::Node(_) => {}
        }
        let fate = self.above.fate(whole, is_directory);
        if fate == Fate::Below {
            self.skip(whole, "an upper layer has entries below it");
        }
        let is_shown = fate == Fate::Shown;
        match entry.kind {
            Kind::Directory => {
                if let Some(name) = self.names_for(whole)?.first() {
                    self.linked_directories.insert(whole.to_vec(), name.clone());
                }
                if is_shown {
                    self.header(entry, whole, 0, call)?;
                }
                self.here.add(whole, DIRECTORY)
            }
            Kind::HardLink => self.link(number, entry, whole, is_shown, call),
            _ => {
                let names = self.names_for(whole)?;
                self.forget(whole);
                if is_shown {
                    self.whole(entry, whole, content, call)?;
                    self.links(&names, whole, entry, call)?;
                } else if let Some(first) = names.first() {
                    self.moved.insert(whole.to_vec(), first.clone());
                    self.content_of_links(entry, &names, content, call)?;
                }
                self.here.add(whole, if is_shown { OTHER | WRITTEN } else { OTHER })
            }
        }
    }

    /// A hard link, of which its name and those that wait for it are left.
    fn link(
        &mut self,
        number: usize,
        entry: &Entry,
        name: &[u8],
        is_shown: bool,
        call: &Call,
    ) -> Result<()> {
        let target = Path::of_target(&entry.path, &entry.link)?;
        let target = target.whole();
        if target == name {
            return Err(in_entry(&entry.path, "it is a hard link to itself"));
        }
        // The link takes the place of the directory that its target is in.
        if target.strip_prefix(name).is_some_and(|rest| rest.starts_with(b"/")) {
            return Err(missing(name, target));
        }
        let origin = self.origin(target);
        let mut names = self.names_for(name)?;
        if is_shown {
            names.insert(0, name.to_vec());
        }
        self.forget(name);
        let (target, waiting) = match &origin {
            Origin::Below(target) => {
                if self.hides(target) {
                    return Err(missing(name, target));
                }
                (target, &mut self.below)
            }
            Origin::Here(target) => {
                let flags = self.here.of(target);
                if flags & DIRECTORY != 0 {
                    return Err(in_entry(&entry.path, "it is a hard link to a directory"));
                }
                let is_written = flags & WRITTEN != 0;
                if is_written || self.moved.contains_key(target) {
                    let moved = self.moved.get(target).filter(|_| !is_written);
                    let to = moved.unwrap_or(target).clone();
                    self.links(&names, &to, entry, call)?;
                    return match is_shown {
                        true => self.here.add(name, OTHER | WRITTEN),
                        false => self.alias(name, origin),
                    };
                }
                (target, self.missed.entry(number).or_default())
            }
        };
        if !names.is_empty() {
            self.waiting_bytes += names.iter().map(Vec::len).sum::<usize>() + target.len();
            waiting.entry(target.clone()).or_default().extend(names);
        }
        self.alias(name, origin)
    }

    /// What a path was in this layer until something else came there.
    fn forget(&mut self, path: &[u8]) {
        self.aliases.remove(path);
        self.moved.remove(path);
        self.linked_directories.remove(path);
    }

    /// Where a link leads to at this moment.
    fn origin(&self, target: &[u8]) -> Origin {
        match self.aliases.get(target) {
            Some(origin) => origin.clone(),
            None if self.here.of(target) & (DIRECTORY | OTHER) != 0 => {
                Origin::Here(target.to_vec())
            }
            None => Origin::Below(target.to_vec()),
        }
    }

    /// Whether the current layer, as far as it was read, hides what lower ones have there.
    fn hides(&self, path: &[u8]) -> bool {
        self.here.of(path) & WHITEOUT != 0 || self.here.covers(path)
    }

    /// A name that is not written, and means another one of the same layer.
    fn alias(&mut self, name: &[u8], origin: Origin) -> Result<()> {
        let (Origin::Here(target) | Origin::Below(target)) = &origin;
        self.waiting_bytes += name.len() + target.len();
        self.check_waiting()?;
        self.aliases.insert(name.to_vec(), origin);
        self.here.add(name, OTHER)
    }

    fn check_waiting(&self) -> Result<()> {
        if self.waiting_bytes <= MOST_WAITING {
            return Ok(());
        }
        Err(Error::new(
            Code::Limit,
            "the image has too many hard links to files of other layers, or to hidden files",
        )
        .hint("report this to whoever built the image, or unpack it with ocireg_unpack()")
        .with(|d| d.what = Some("entry")))
    }

    /// The names of upper layers that are links to a path of the current one. Its last entry is meant, so if it comes again,
    /// they come again.
    fn names_for(&mut self, path: &[u8]) -> Result<Vec<Name>> {
        if let Some(names) = self.waiting.remove(path) {
            self.given.insert(path.to_vec(), names.clone());
            return Ok(names);
        }
        let Some(names) = self.given.get(path) else { return Ok(Vec::new()) };
        let names = names.clone();
        self.waiting_bytes += names.iter().map(Vec::len).sum::<usize>();
        self.check_waiting()?;
        Ok(names)
    }

    /// The layer has been read: what it has hides what is below. A link to what it hides leads nowhere.
    fn end_layer(&mut self) -> Result<()> {
        if let Some(target) = self.waiting.keys().filter(|target| self.hides(target)).min() {
            return Err(missing(&self.waiting[target][0], target));
        }
        if let Some(name) = self.linked_directories.values().next() {
            return Err(in_entry(name, "it is a hard link to a directory"));
        }
        for (target, names) in self.below.drain() {
            self.waiting.entry(target).or_default().extend(names);
        }
        self.given.clear();
        self.aliases.clear();
        self.moved.clear();
        let here = std::mem::replace(&mut self.here, self.above.like());
        self.above.take(here)
    }

    /// An entry with its content.
    fn whole<R: BlobRead>(
        &mut self,
        entry: &Entry,
        name: &[u8],
        content: &mut Entries<R>,
        call: &Call,
    ) -> Result<()> {
        self.header(entry, name, entry.size, call)?;
        if entry.kind != Kind::File {
            return Ok(());
        }
        self.bytes = self.bytes.saturating_add(entry.size);
        if self.bytes > self.limits.bytes {
            let message = format!("the image has more than {} bytes of data", self.limits.bytes);
            return Err(Error::new(Code::Limit, message)
                .hint("raise bytes in the option limits, if you trust this image"));
        }
        loop {
            let read = content.read(&mut self.buffer, call)?;
            if read == 0 {
                break;
            }
            self.output.write(&self.buffer[..read], call)?;
        }
        self.output.write(&[0; 512][..write::padding(entry.size)], call)
    }

    /// What is hidden under its own name: the first of its links gets it, and the others lead there.
    fn content_of_links<R: BlobRead>(
        &mut self,
        entry: &Entry,
        names: &[Name],
        content: &mut Entries<R>,
        call: &Call,
    ) -> Result<()> {
        let Some((first, others)) = names.split_first() else { return Ok(()) };
        if entry.kind == Kind::Directory {
            return Err(in_entry(first, "it is a hard link to a directory"));
        }
        self.whole(entry, first, content, call)?;
        self.links(others, first, entry, call)
    }

    /// Hard links to what has been written.
    fn links(&mut self, names: &[Name], to: &[u8], entry: &Entry, call: &Call) -> Result<()> {
        for name in names {
            let link = Entry {
                kind: Kind::HardLink,
                link: to.to_vec(),
                xattrs: Vec::new(),
                device: (0, 0),
                ..entry.clone()
            };
            self.header(&link, name, 0, call)?;
        }
        Ok(())
    }

    fn header(&mut self, entry: &Entry, name: &[u8], size: u64, call: &Call) -> Result<()> {
        let mut path = name.to_vec();
        if path.is_empty() {
            path.push(b'.');
        }
        if entry.kind == Kind::Directory {
            path.push(b'/');
        }
        self.entries += 1;
        let header = write::header(&Entry { path, size, ..entry.clone() });
        self.output.write(&header, call)
    }

    fn skip(&mut self, path: &[u8], why: &str) {
        if self.skipped.len() < MOST_SKIPPED {
            let path = String::from_utf8_lossy(path).into_owned();
            self.skipped.push(Skipped { path, why: why.to_owned() });
        } else {
            self.unreported += 1;
        }
    }
}

fn missing(name: &[u8], target: &[u8]) -> Error {
    in_entry(name, format!("the target of the hard link, {}, does not exist", shown(target)))
}
