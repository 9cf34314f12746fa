//! An archive that is read.

use std::collections::HashMap;
use std::collections::hash_map;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::call::Call;
use crate::compress::{Decoder, Format};
use crate::error::{Code, Error, Phase, Result};
use crate::image::BlobRead;
use crate::image::descriptor::check_digest;
use crate::names::digest::{Digest, Hasher};
use crate::os::file::{State, open_regular};
use crate::os::spool::Spool;
use crate::tar::entries::{Bounds, Entries, Entry, Kind, in_entry};

/// How much an archive may hold: an image has a few dozen entries, a large cache some ten thousand.
const BOUNDS: Bounds = Bounds { path: 1024, entries: 100_000 };

/// Bytes of all paths together.
const PATHS: u64 = 16 << 20;

/// Links in a row that are followed; more are a circle.
const MOST_LINKS: usize = 8;

/// What is compared at a time.
const BUFFER: usize = 64 << 10;

/// Where an archive is decompressed to.
#[derive(Debug, Clone)]
pub struct Temporary {
    /// The directory of the temporary file.
    pub dir: PathBuf,
    /// The most bytes that it may have.
    pub limit: Option<u64>,
}

/// An archive, and where its files are.
#[derive(Debug)]
pub(super) struct Opened {
    path: PathBuf,
    bytes: Bytes,
    nodes: HashMap<String, Node>,
}

/// The bytes of an archive, without compression.
#[derive(Debug)]
enum Bytes {
    File(File, State),
    Spool(Spool),
}

/// What has a name in an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Node {
    File(Part),
    Directory,
    /// The path that a link leads to, or why it leads nowhere.
    Link(Result<String, &'static str>),
    /// A file with holes, or a device.
    Other(&'static str),
}

/// A part of an archive: the content of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part {
    at: u64,
    pub(super) size: u64,
}

impl Opened {
    /// Opens an archive, and finds out where its files are.
    pub(super) fn open(path: &Path, temporary: &Temporary, call: &Call) -> Result<Self> {
        let failed = || format!("cannot read the archive {}", path.display());
        let file = open_regular(path).map_err(|e| e.into_error(failed()))?;
        let state = State::of(&file).map_err(|e| Error::file(failed(), &e))?;
        let bytes = Bytes::File(file, state);
        let mut opened = Self { path: path.to_owned(), bytes, nodes: HashMap::new() };
        if let Some(spool) = opened.decompressed(temporary, call)? {
            opened.bytes = Bytes::Spool(spool);
        }
        opened.nodes = opened.index(call).map_err(|e| e.context(failed()))?;
        Ok(opened)
    }

    /// The archive in a temporary file; None if it is not compressed.
    fn decompressed(&self, temporary: &Temporary, call: &Call) -> Result<Option<Spool>> {
        let from_start = Headers { archive: self, offset: 0 };
        let mut decoder = Decoder::new(from_start);
        let mut buffer = vec![0; BUFFER];
        let failed = |e: Error| e.context(format!("cannot read {}", self.path.display()));
        let mut read = decoder.read(&mut buffer, call).map_err(failed)?;
        if matches!(decoder.format(), None | Some(Format::Plain)) {
            return Ok(None);
        }
        let dir = temporary.dir.display();
        let mut spool = Spool::create(&temporary.dir)
            .map_err(|e| Error::file(format!("cannot create a temporary file in {dir}"), &e))?;
        while read > 0 {
            if let Some(limit) = temporary.limit.filter(|l| spool.size() + read as u64 > *l) {
                let message = format!(
                    "{} has more than {limit} bytes decompressed, the limit for a temporary file",
                    self.path.display()
                );
                return Err(Error::new(Code::Limit, message)
                    .phase(Phase::Store)
                    .hint("raise spool in the option limits, or decompress the archive"));
            }
            spool.append(&buffer[..read]).map_err(|e| {
                let doing = format!("cannot write a temporary file in {dir}");
                Error::file(doing, &e)
                    .hint("set TMPDIR to a directory with more room, or decompress the archive")
            })?;
            read = decoder.read(&mut buffer, call).map_err(failed)?;
        }
        Ok(Some(spool))
    }

    /// The archive, as the user named it.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether anything has the name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.nodes.contains_key(name)
    }

    /// The file of a name, which may be a link to it; None if nothing has the name.
    pub(super) fn find(&self, name: &str) -> Result<Option<Part>> {
        let wrong = |why: &str| {
            in_entry(name.as_bytes(), why).context(format!("cannot use {}", self.path.display()))
        };
        let mut name = name;
        for followed in 0..=MOST_LINKS {
            match self.nodes.get(name) {
                None if followed == 0 => return Ok(None),
                None => return Err(wrong("it is a link to what the archive does not have")),
                Some(Node::File(part)) => return Ok(Some(*part)),
                Some(Node::Directory) => return Err(wrong("it is a directory, not a file")),
                Some(Node::Other(why)) => return Err(wrong(why)),
                Some(Node::Link(Err(why))) => return Err(wrong(why)),
                Some(Node::Link(Ok(target))) => name = target,
            }
        }
        Err(wrong("its links lead in a circle"))
    }

    /// A small file whole; None if nothing has the name, LIMIT if it is larger than `limit`.
    pub(super) fn read(&self, name: &str, limit: u64) -> Result<Option<Vec<u8>>> {
        let Some(part) = self.find(name)? else { return Ok(None) };
        if part.size > limit {
            let message = format!("{name} in {} is larger than {limit} bytes", self.path.display());
            return Err(Error::new(Code::Limit, message));
        }
        let mut bytes = vec![0; usize::try_from(part.size).unwrap_or(usize::MAX)];
        let mut filled = 0;
        while filled < bytes.len() {
            match self.read_at(&mut bytes[filled..], part.at + filled as u64)? {
                0 => return Err(self.changed()),
                read => filled += read,
            }
        }
        Ok(Some(bytes))
    }

    /// A file from `offset` on. If it is read from its beginning, its end comes only after its digest was right.
    pub(super) fn reader(&self, part: Part, digest: &Digest, offset: u64) -> PartReader<'_> {
        let judging = (offset == 0).then(|| (Hasher::new(digest.algorithm()), digest.clone()));
        PartReader { archive: self, part, offset: offset.min(part.size), judging }
    }

    /// The same whatever its digest is.
    pub(super) fn raw(&self, part: Part) -> PartReader<'_> {
        PartReader { archive: self, part, offset: 0, judging: None }
    }

    /// The error for bytes that are not what they should be; the reason may be that somebody writes to the archive.
    pub(super) fn or_changed(&self, blob: &Digest, error: Error) -> Error {
        match &self.bytes {
            Bytes::File(file, before) if !State::of(file).is_ok_and(|now| now == *before) => {
                self.changed().cause(error)
            }
            _ => error.context(format!("cannot use the blob {blob} of {}", self.path.display())),
        }
    }

    fn changed(&self) -> Error {
        let message = format!("{} changed while it was being read", self.path.display());
        Error::new(Code::SourceChanged, message)
            .phase(Phase::Store)
            .hint("try again when no other program writes to it")
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize> {
        loop {
            let read = match &self.bytes {
                Bytes::File(file, _) => file.read_at(buffer, offset),
                Bytes::Spool(spool) => spool.read_at(buffer, offset),
            };
            match read {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                read => {
                    return read.map_err(|e| {
                        Error::file(format!("cannot read {}", self.path.display()), &e)
                    });
                }
            }
        }
    }

    /// How many bytes there are.
    fn size(&self) -> u64 {
        match &self.bytes {
            Bytes::File(_, state) => state.size,
            Bytes::Spool(spool) => spool.size(),
        }
    }

    fn index(&self, call: &Call) -> Result<HashMap<String, Node>> {
        let mut nodes = HashMap::new();
        let mut paths = 0;
        let from_start = Headers { archive: self, offset: 0 };
        let mut entries = Entries::new(from_start, BOUNDS);
        while let Some(entry) = entries.next_entry(call).map_err(bounded)? {
            let name = name_of(&entry.path).map_err(|why| in_entry(&entry.path, why))?;
            paths += name.len() as u64;
            if paths > PATHS {
                let message = format!("its paths have more than {PATHS} bytes together");
                return Err(Error::new(Code::Limit, message));
            }
            let node = Node::of(&entry, &name);
            match nodes.entry(name) {
                hash_map::Entry::Vacant(vacant) => {
                    vacant.insert(node);
                }
                // Readers differ in which of two they take.
                hash_map::Entry::Occupied(there) if !self.is_same(there.get(), &node, call)? => {
                    return Err(in_entry(&entry.path, "it is there twice, with different content"));
                }
                hash_map::Entry::Occupied(_) => {}
            }
        }
        Ok(nodes)
    }

    fn is_same(&self, one: &Node, other: &Node, call: &Call) -> Result<bool> {
        let (Node::File(one), Node::File(other)) = (one, other) else { return Ok(one == other) };
        if one.size != other.size {
            return Ok(false);
        }
        let (mut left, mut right) = (vec![0; BUFFER], vec![0; BUFFER]);
        let mut at = 0;
        while at < one.size {
            call.check()?;
            let most = usize::try_from(one.size - at).unwrap_or(usize::MAX).min(BUFFER);
            let read = self.read_at(&mut left[..most], one.at + at)?;
            let read = self.read_at(&mut right[..read], other.at + at)?;
            if read == 0 {
                return Err(self.changed());
            }
            if left[..read] != right[..read] {
                return Ok(false);
            }
            at += read as u64;
        }
        Ok(true)
    }
}

impl Node {
    fn of(entry: &Entry, name: &str) -> Self {
        match entry.kind {
            Kind::File if entry.stored == entry.size => {
                Self::File(Part { at: entry.data_at, size: entry.size })
            }
            Kind::File => Self::Other("it is a sparse file, which cannot be read in place"),
            Kind::Directory => Self::Directory,
            // The path of a hard link begins at the root of the archive, that of a symbolic link beside it.
            Kind::HardLink => Self::Link(target_of(&entry.link, "")),
            Kind::SymbolicLink => {
                Self::Link(target_of(&entry.link, name.rsplit_once('/').map_or("", |(dir, _)| dir)))
            }
            Kind::CharacterDevice | Kind::BlockDevice | Kind::Fifo => {
                Self::Other("it is not a regular file")
            }
        }
    }
}

/// The bounds of an archive are not those of its layers, which options can change.
fn bounded(error: Error) -> Error {
    if error.code() != Code::Limit {
        return error;
    }
    let Bounds { path, entries } = BOUNDS;
    error.hint(format!(
        "create an archive of fewer images: {entries} entries and paths of {path} bytes are read"
    ))
}

/// A path of an archive without what means nothing. It must lead from its root to what is within.
fn name_of(path: &[u8]) -> Result<String, &'static str> {
    if path.starts_with(b"/") {
        return Err("its path is absolute");
    }
    joined("", path)
}

fn target_of(link: &[u8], directory: &str) -> Result<String, &'static str> {
    if link.starts_with(b"/") {
        return Err("it is a link to an absolute path");
    }
    joined(directory, link)
}

/// The path that another one leads to from a directory of the archive.
fn joined(directory: &str, path: &[u8]) -> Result<String, &'static str> {
    let path = std::str::from_utf8(path).map_err(|_| "its path is not valid UTF-8")?;
    let mut components: Vec<&str> = directory.split('/').filter(|part| !part.is_empty()).collect();
    for component in path.split('/') {
        match component {
            "" | "." => {}
            ".." => {
                components.pop().ok_or("its path leads out of the archive")?;
            }
            name => components.push(name),
        }
    }
    Ok(components.join("/"))
}

/// The archive from its beginning; what nobody needs of it is not read.
struct Headers<'a> {
    archive: &'a Opened,
    offset: u64,
}

impl BlobRead for Headers<'_> {
    fn read(&mut self, buffer: &mut [u8], _call: &Call) -> Result<usize> {
        let read = self.archive.read_at(buffer, self.offset)?;
        self.offset += read as u64;
        Ok(read)
    }

    fn skip(&mut self, bytes: u64, _call: &Call) -> Result<u64> {
        let skipped = bytes.min(self.archive.size().saturating_sub(self.offset));
        self.offset += skipped;
        Ok(skipped)
    }
}

/// A file of an archive.
pub(super) struct PartReader<'a> {
    archive: &'a Opened,
    part: Part,
    offset: u64,
    /// What it hashes to so far, and has to in the end.
    judging: Option<(Hasher, Digest)>,
}

impl BlobRead for PartReader<'_> {
    fn read(&mut self, buffer: &mut [u8], call: &Call) -> Result<usize> {
        call.check()?;
        let left = usize::try_from(self.part.size - self.offset).unwrap_or(usize::MAX);
        let most = left.min(buffer.len());
        if left > 0 && most == 0 {
            return Ok(0);
        }
        if left == 0 {
            if let Some((hasher, expected)) = self.judging.take() {
                check_digest(&expected, hasher.finish())
                    .map_err(|e| self.archive.or_changed(&expected, e))?;
            }
            return Ok(0);
        }
        let read = self.archive.read_at(&mut buffer[..most], self.part.at + self.offset)?;
        if read == 0 {
            return Err(self.archive.changed());
        }
        if let Some((hasher, _)) = &mut self.judging {
            hasher.update(&buffer[..read]);
        }
        self.offset += read as u64;
        Ok(read)
    }
}
