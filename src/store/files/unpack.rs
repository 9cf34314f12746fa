//! A packed directory becomes one again. The archive is gone through twice: first everything is checked, and nothing is written
//! if anything is wrong; then each file appears by rename.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use super::failures::exists;
use super::pack::stays_within;
use super::title::{RESERVED, Title};
use crate::call::Call;
use crate::compress::{Decoder, check_diff_id};
use crate::error::{Code, Error, Phase, Result};
use crate::image::BlobRead;
use crate::names::digest::{Algorithm, Digest, Hasher};
use crate::os::atomic_file::AtomicFile;
use crate::os::dir::Dir;
use crate::store::part::failed;
use crate::tar::entries::{Bounds, Entries, Entry, FromRead, Kind, in_entry};

/// What is moved at a time.
const BUFFER: usize = 256 << 10;

/// A directory that is unpacked.
pub(super) struct Unpacking<'a> {
    /// The directory in which it appears.
    pub(super) above: Dir,
    /// Its name there.
    pub(super) name: &'a str,
    /// What its entries begin with.
    pub(super) title: &'a Title,
    /// Where it is, for messages.
    pub(super) path: PathBuf,
    /// The digest that the archive must have.
    pub(super) content: Option<Digest>,
    /// Whether files are replaced that have other content.
    pub(super) overwrite: bool,
}

/// Which of the two passes it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pass {
    Check,
    Write,
}

/// What an entry of the archive is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Seen {
    Directory,
    /// A file or link that is there already as it should be.
    Present,
    /// A file or link that is to be written.
    Wanted,
}

impl Unpacking<'_> {
    /// Unpacks the archive in a file that was verified.
    pub(super) fn run(&self, file: &mut File, call: &Call) -> Result<()> {
        let mut seen = HashMap::new();
        self.pass(file, Pass::Check, &mut seen, call)?;
        self.make(&[], None).map_err(|e| failed("create the directory", &self.path, &e))?;
        self.pass(file, Pass::Write, &mut seen, call)
    }

    fn pass(
        &self,
        file: &mut File,
        pass: Pass,
        seen: &mut HashMap<Vec<String>, Seen>,
        call: &Call,
    ) -> Result<()> {
        file.rewind().map_err(|e| failed("read the archive of", &self.path, &e))?;
        let algorithm = self.content.as_ref().map_or(Algorithm::Sha256, Digest::algorithm);
        let mut archive =
            Hashing { source: Decoder::new(FromRead(file)), hasher: Hasher::new(algorithm) };
        let mut entries = Entries::new(&mut archive, Bounds::default());
        while let Some(entry) = entries.next_entry(call)? {
            let path = self.below(&entry)?;
            match pass {
                Pass::Check => self.check(&path, &entry, &mut entries, seen, call)?,
                Pass::Write => self.write(&path, &entry, &mut entries, seen, call)?,
            }
        }
        entries.finish(call)?;
        drop(entries);
        match &self.content {
            Some(content) => check_diff_id(content, &archive.hasher.finish())
                .map_err(|e| e.context(format!("cannot unpack {}", self.path.display()))),
            None => Ok(()),
        }
    }

    /// The path of an entry below the directory.
    fn below(&self, entry: &Entry) -> Result<Vec<String>> {
        let refused = |why: &str| Err(in_entry(&entry.path, why).phase(Phase::Store));
        let Ok(text) = std::str::from_utf8(&entry.path) else {
            return refused("its name is not UTF-8");
        };
        if text.starts_with('/') || text.contains('\0') {
            return refused("its path is absolute, or contains a NUL character");
        }
        let mut parts = Vec::new();
        for part in text.split('/') {
            match part {
                "" | "." => {}
                ".." => return refused("its path contains \"..\""),
                part if part.starts_with(RESERVED) => {
                    return refused("names that begin with \".ocireg-\" are reserved");
                }
                part => parts.push(part.to_owned()),
            }
        }
        match self.title.below(&parts) {
            Some(below) => Ok(below.to_vec()),
            None => refused(&format!("it is outside the directory {:?}", self.title.to_string())),
        }
    }

    /// Whether the file that a hard link makes is there already.
    fn is_linked(
        &self,
        path: &[String],
        entry: &Entry,
        there: Option<&(Dir, Found)>,
        seen: &HashMap<Vec<String>, Seen>,
    ) -> Result<bool> {
        let to = self.below(&Entry { path: entry.link.clone(), ..entry.clone() })?;
        if !matches!(seen.get(&to), Some(Seen::Present | Seen::Wanted)) {
            let why = "it is a link to a file that does not come before it";
            return Err(in_entry(&entry.path, why).phase(Phase::Store));
        }
        match (there, self.find(&to)?) {
            (Some((one, Found::File)), Some((other, Found::File))) => {
                let same = one.is_same(name_of(path), &other, name_of(&to));
                same.map_err(|e| failed("read", &self.shown(path), &e))
            }
            _ => Ok(false),
        }
    }

    fn check(
        &self,
        path: &[String],
        entry: &Entry,
        entries: &mut Entries<&mut Hashing<'_>>,
        seen: &mut HashMap<Vec<String>, Seen>,
        call: &Call,
    ) -> Result<()> {
        let refused = |why: &str| Err(in_entry(&entry.path, why).phase(Phase::Store));
        check_name(path, entry, seen)?;
        let there = self.find(path)?;
        let is_there = match entry.kind {
            Kind::Directory => {
                if matches!(there, Some((_, Found::File | Found::Link(_) | Found::Other))) {
                    return Err(self.exists(path, "it is not a directory"));
                }
                seen.insert(path.to_vec(), Seen::Directory);
                return Ok(());
            }
            Kind::File => match &there {
                Some((dir, Found::File)) => self.has_content(dir, path, entry, entries, call)?,
                _ => false,
            },
            Kind::SymbolicLink => {
                let target = std::str::from_utf8(&entry.link).unwrap_or_default();
                if !stays_within(target, path.len() - 1) {
                    return refused("it is a link that leads out of the directory");
                }
                matches!(&there, Some((_, Found::Link(to))) if to.as_os_str() == target)
            }
            Kind::HardLink => self.is_linked(path, entry, there.as_ref(), seen)?,
            Kind::CharacterDevice | Kind::BlockDevice | Kind::Fifo => {
                let shown = self.shown(path);
                let message =
                    format!("{} was left out, because it is a device or pipe", shown.display());
                call.warn("store", message, |record| record);
                return Ok(());
            }
        };
        match &there {
            Some((_, Found::Directory)) => return Err(self.exists(path, "it is a directory")),
            Some(_) if !is_there && !self.overwrite => {
                return Err(self.exists(path, "it differs"));
            }
            _ => {}
        }
        seen.insert(path.to_vec(), if is_there { Seen::Present } else { Seen::Wanted });
        Ok(())
    }

    fn write(
        &self,
        path: &[String],
        entry: &Entry,
        entries: &mut Entries<&mut Hashing<'_>>,
        seen: &HashMap<Vec<String>, Seen>,
        call: &Call,
    ) -> Result<()> {
        let shown = self.shown(path);
        let unwritable = |e: &io::Error| failed("write", &shown, e);
        match seen.get(path) {
            Some(Seen::Directory) => {
                self.make(path, Some(entry.mode)).map_err(|e| unwritable(&e))?;
                return Ok(());
            }
            Some(Seen::Wanted) => {}
            Some(Seen::Present) | None => return Ok(()),
        }
        let (above, name) = (&path[..path.len() - 1], name_of(path));
        let dir = self.make(above, None).map_err(|e| unwritable(&e))?;
        let made = match entry.kind {
            Kind::File => self.write_file(&dir, name, entry, entries, call, &shown)?,
            Kind::HardLink => {
                let to = self.below(&Entry { path: entry.link.clone(), ..entry.clone() })?;
                let from = self.make(&to[..to.len() - 1], None).map_err(|e| unwritable(&e))?;
                from.put_hard_link(name_of(&to), &dir, name, self.overwrite)
            }
            _ => {
                let target = std::str::from_utf8(&entry.link).unwrap_or_default();
                dir.put_link(target, name, self.overwrite)
            }
        };
        made.map_err(|e| match e.kind() {
            io::ErrorKind::AlreadyExists => self.exists(path, "it appeared meanwhile"),
            _ => unwritable(&e),
        })
    }

    fn write_file(
        &self,
        dir: &Dir,
        name: &str,
        entry: &Entry,
        entries: &mut Entries<&mut Hashing<'_>>,
        call: &Call,
        shown: &Path,
    ) -> Result<io::Result<()>> {
        let unwritable = |e: &io::Error| failed("write the file", shown, e);
        let mut file = AtomicFile::create(dir, entry.mode & 0o777).map_err(|e| unwritable(&e))?;
        let mut buffer = vec![0; BUFFER];
        loop {
            let read = entries.read(&mut buffer, call)?;
            if read == 0 {
                break;
            }
            file.write_all(&buffer[..read]).map_err(|e| unwritable(&e))?;
        }
        if entry.mtime > 0 {
            let time =
                std::time::Duration::new(entry.mtime.unsigned_abs(), entry.mtime_nanoseconds);
            let set =
                std::time::UNIX_EPOCH.checked_add(time).map(|at| file.file().set_modified(at));
            // A file without its time is as good.
            drop(set);
        }
        Ok(match self.overwrite {
            true => file.commit(dir, name),
            false => file.commit_new(dir, name),
        })
    }

    /// Whether the file that is there has the content of the entry.
    fn has_content(
        &self,
        dir: &Dir,
        path: &[String],
        entry: &Entry,
        entries: &mut Entries<&mut Hashing<'_>>,
        call: &Call,
    ) -> Result<bool> {
        let unreadable = |e: &io::Error| failed("read", &self.shown(path), e);
        let mut there = dir.open_file(name_of(path)).map_err(|e| unreadable(&e))?;
        if there.metadata().map_err(|e| unreadable(&e))?.len() != entry.size {
            return Ok(false);
        }
        let (mut wanted, mut buffer) = (vec![0; BUFFER], vec![0; BUFFER]);
        loop {
            let read = entries.read(&mut wanted, call)?;
            if read == 0 {
                return Ok(true);
            }
            match there.read_exact(&mut buffer[..read]) {
                Ok(()) if buffer[..read] == wanted[..read] => {}
                Ok(()) => return Ok(false),
                Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
                Err(e) => return Err(unreadable(&e)),
            }
        }
    }

    /// What has the path now, and the directory that it is in. None if nothing has it.
    fn find(&self, path: &[String]) -> Result<Option<(Dir, Found)>> {
        let shown = self.shown(path);
        let unusable = |e: &io::Error| failed("use", &shown, e);
        let Some((name, above)) = path.split_last() else {
            let found = found(&self.above, self.name).map_err(|e| unusable(&e))?;
            return Ok(found.map(|found| (self.above.clone(), found)));
        };
        let mut dir = self.above.clone();
        for name in std::iter::once(self.name).chain(above.iter().map(String::as_str)) {
            dir = match dir.open_dir(name) {
                Ok(dir) => dir,
                Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
                Err(e) => {
                    return Err(unusable(&e)
                        .hint("a symbolic link or a file has the name of a directory: remove it, or choose another directory to write to"));
                }
            };
        }
        let found = found(&dir, name).map_err(|e| unusable(&e))?;
        Ok(found.map(|found| (dir, found)))
    }

    /// A directory of the archive, made if it is missing, with those above it.
    fn make(&self, path: &[String], mode: Option<u32>) -> io::Result<Dir> {
        let names: Vec<&str> =
            std::iter::once(self.name).chain(path.iter().map(String::as_str)).collect();
        let mut dir = self.above.clone();
        for (index, name) in names.iter().enumerate() {
            let is_last = index + 1 == names.len();
            dir = match mode.filter(|_| is_last) {
                // Its owner can always put files into it.
                Some(mode) => dir.make_dir_with(name, mode & 0o777 | 0o700)?,
                None => dir.make_dir(name)?,
            };
        }
        Ok(dir)
    }

    fn shown(&self, path: &[String]) -> PathBuf {
        self.path.join(path.join("/"))
    }

    fn exists(&self, path: &[String], why: &str) -> Error {
        exists(&self.shown(path), why)
    }
}

/// What a name of a directory stands for.
enum Found {
    File,
    Directory,
    Link(PathBuf),
    Other,
}

fn found(dir: &Dir, name: &str) -> io::Result<Option<Found>> {
    use crate::os::dir::Status;
    Ok(match dir.status(name)? {
        None => None,
        Some(Status::File) => Some(Found::File),
        Some(Status::Directory) => Some(Found::Directory),
        Some(Status::Link) => Some(Found::Link(dir.link_target(name)?)),
        Some(Status::Other) => Some(Found::Other),
    })
}

fn name_of(path: &[String]) -> &str {
    path.last().map_or("", String::as_str)
}

/// Hashes an archive while it is read.
struct Hashing<'a> {
    source: Decoder<FromRead<&'a mut File>>,
    hasher: Hasher,
}

impl BlobRead for &mut Hashing<'_> {
    fn read(&mut self, buffer: &mut [u8], call: &Call) -> Result<usize> {
        let read = self.source.read(buffer, call).map_err(|e| match e.code() {
            Code::Cancelled | Code::Deadline => e,
            _ => e.context("cannot unpack the layer"),
        })?;
        self.hasher.update(&buffer[..read]);
        Ok(read)
    }
}

/// Fails if an entry has the name of another one, or is below one that is not a directory.
fn check_name(path: &[String], entry: &Entry, seen: &HashMap<Vec<String>, Seen>) -> Result<()> {
    let refused = |why: &str| Err(in_entry(&entry.path, why).phase(Phase::Store));
    for end in 1..path.len() {
        if seen.get(&path[..end]).is_some_and(|seen| *seen != Seen::Directory) {
            return refused("a file or link has the name of one of its directories");
        }
    }
    let known = seen.get(path);
    if known.is_some_and(|seen| *seen != Seen::Directory || entry.kind != Kind::Directory) {
        return refused("two entries have its name");
    }
    if path.is_empty() && entry.kind != Kind::Directory {
        return refused("it has the name of the directory that is unpacked");
    }
    Ok(())
}
