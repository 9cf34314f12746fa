//! Blobs to files: a file appears under its name whole and right, or not at all.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;

use crate::call::Call;
use crate::call::event::{BlobSource, Direction};
use crate::error::{Code, Error, Result};
use crate::image::Descriptor;
use crate::names::digest::{Digest, Hasher};
use crate::os::atomic_file::AtomicFile;
use crate::os::dir::Dir;
use crate::registry::session::Session;
use crate::store::part::{FILE_MODE, hash_file, part_name};
use crate::transfer::progress::Events;
use crate::v2::Repository;
use crate::v2::blob::BlobReader;
use crate::v2::foreign::Wanted;

/// What is moved at a time.
const BUFFER: usize = 256 << 10;

/// A blob that was downloaded to or uploaded from a file.
#[derive(Debug, Serialize)]
pub struct Moved {
    /// What it is.
    #[serde(flatten)]
    pub descriptor: Descriptor,
    /// Whether it already existed.
    pub existed: bool,
    /// The bytes that this call transferred.
    pub bytes_transferred: u64,
    /// Warnings for the user.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// Downloads a blob to a file. With `resume` it continues where an earlier call stopped, and keeps a partial file on failure.
pub fn get(
    session: &Session,
    blob: &Wanted,
    media_type: &str,
    path: &Path,
    resume: bool,
    call: &Call,
) -> Result<Moved> {
    let place = TargetFile::of(path, &blob.digest)?;
    let mut moved = Moved {
        descriptor: Descriptor::new(media_type, blob.digest.clone(), 0),
        existed: false,
        bytes_transferred: 0,
        warnings: Vec::new(),
    };
    if let Some(size) = place.has(blob, call)? {
        moved.descriptor.size = size;
        moved.existed = true;
        call.set_total(size);
        call.add_done(size);
        Events::new(&moved.descriptor, Direction::Down).tell(
            size,
            true,
            BlobSource::Present,
            call,
        )?;
        return Ok(moved);
    }
    let mut part = place.begin(resume, call)?;
    let got = if part.is_whole(blob) {
        moved.descriptor.size = part.position;
        call.set_total(part.position);
        let mut events = Events::new(&moved.descriptor, Direction::Down);
        events.tell(part.position, true, BlobSource::Resumed, call)
    } else {
        session.with_repository(call, |repository| part.fill(repository, blob, &mut moved, call))
    };
    match got {
        Ok(()) => part.commit()?,
        Err(error) => {
            // A part that is wrong helps nobody, and one that filled the disk has to go.
            let useless = matches!(
                error.code(),
                Code::DigestMismatch | Code::SizeMismatch | Code::NotFound | Code::NoSpace
            );
            if resume && !useless && part.shared {
                part.file.keep();
            }
            return Err(error);
        }
    }
    moved.warnings = call.warnings();
    Ok(moved)
}

/// Where a blob's file will be.
struct TargetFile<'a> {
    path: &'a Path,
    dir: Dir,
    name: String,
    digest: &'a Digest,
}

impl<'a> TargetFile<'a> {
    fn of(path: &'a Path, digest: &'a Digest) -> Result<Self> {
        let name = path.file_name().and_then(|name| name.to_str());
        let Some(name) = name.filter(|_| !path.is_dir()) else {
            return Err(Error::argument(
                "path",
                format!("{} is not the path of a file", path.display()),
            )
            .hint("append the name of the file to the directory"));
        };
        let parent = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        let dir = Dir::open(&parent).map_err(|e| {
            Error::file(format!("cannot open the directory {}", parent.display()), &e)
        })?;
        let place = Self { path, dir, name: name.to_owned(), digest };
        place.dir.check_writable().map_err(|e| place.failed(&e))?;
        Ok(place)
    }

    /// The size of the file, if it exists and has the right content.
    fn has(&self, blob: &Wanted, call: &Call) -> Result<Option<u64>> {
        let Ok(mut file) = self.dir.open_file(&self.name) else { return Ok(None) };
        let length = file.metadata().map_err(|e| self.failed(&e))?.len();
        if blob.size.is_some_and(|size| size != length) {
            return Ok(None);
        }
        let mut hasher = Hasher::new(self.digest.algorithm());
        hash_file(&mut file, &mut hasher, call, |e| self.failed(e))?;
        Ok((hasher.finish() == *self.digest).then_some(length))
    }

    /// Creates the file, or with `resume` opens the partial file of an earlier call.
    fn begin(&'a self, resume: bool, call: &Call) -> Result<Part<'a>> {
        let shared = AtomicFile::resume(&self.dir, &part_name(self.digest), FILE_MODE);
        let (file, shared) = match shared.map_err(|e| self.failed(&e))? {
            Some(file) => (file, true),
            None => (AtomicFile::create(&self.dir, FILE_MODE).map_err(|e| self.failed(&e))?, false),
        };
        let hasher = Hasher::new(self.digest.algorithm());
        let mut part = Part { place: self, file, shared, hasher, position: 0, resumed: false };
        if !resume {
            part.restart(call)?;
            return Ok(part);
        }
        let failed = |e: &std::io::Error| self.failed(e);
        match hash_file(part.file.file(), &mut part.hasher, call, failed) {
            Ok(read) => part.position = read,
            Err(error) => {
                part.file.keep_on_drop();
                return Err(error);
            }
        }
        part.resumed = part.position > 0;
        call.add_done(part.position);
        Ok(part)
    }

    fn failed(&self, error: &std::io::Error) -> Error {
        Error::file(format!("cannot write the file {}", self.path.display()), error)
    }
}

/// A file that is being written.
struct Part<'a> {
    place: &'a TargetFile<'a>,
    file: AtomicFile,
    /// A later call finds it.
    shared: bool,
    hasher: Hasher,
    position: u64,
    /// Whether it contains data of an earlier call.
    resumed: bool,
}

impl Part<'_> {
    /// Whether an earlier call already wrote the last byte.
    fn is_whole(&self, blob: &Wanted) -> bool {
        self.resumed
            && blob.size.is_none_or(|size| size == self.position)
            && self.hasher.clone().finish() == blob.digest
    }

    /// Downloads the rest of the blob from one endpoint.
    fn fill(
        &mut self,
        repository: &Repository,
        blob: &Wanted,
        moved: &mut Moved,
        call: &Call,
    ) -> Result<()> {
        let common = repository.registry().common();
        let _slot = common.slots.take(repository.registry().base().authority(), call)?;
        loop {
            match self.rest(repository, blob, moved, call) {
                // What an earlier call left may be what is wrong, and not every server sends a part of a blob.
                Err(error)
                    if self.resumed
                        && matches!(
                            error.code(),
                            Code::DigestMismatch
                                | Code::SizeMismatch
                                | Code::Protocol
                                | Code::InvalidArgument
                        ) =>
                {
                    self.restart(call)?;
                }
                Err(error) if error.code() == Code::DigestMismatch => {
                    self.restart(call)?;
                    return Err(error);
                }
                done => return done,
            }
        }
    }

    fn rest(
        &mut self,
        repository: &Repository,
        blob: &Wanted,
        moved: &mut Moved,
        call: &Call,
    ) -> Result<()> {
        let hasher = Some(self.hasher.clone());
        let repository = Arc::new(repository.clone());
        let mut reader = BlobReader::resume(repository, blob, self.position, hasher, call)?;
        moved.descriptor.size = reader.size().unwrap_or_default();
        call.set_total(moved.descriptor.size);
        let descriptor = moved.descriptor.clone();
        let mut events = Events::new(&descriptor, Direction::Down);
        let source = if self.resumed { BlobSource::Resumed } else { BlobSource::Network };
        let mut buffer = vec![0; BUFFER];
        loop {
            let read = reader.read(&mut buffer, call)?;
            if read == 0 {
                break;
            }
            self.file.write_all(&buffer[..read]).map_err(|e| self.place.failed(&e))?;
            self.hasher.update(&buffer[..read]);
            self.position += read as u64;
            moved.bytes_transferred += read as u64;
            call.add_done(read as u64);
            events.tell(self.position, false, source, call)?;
        }
        moved.descriptor.size = self.position;
        call.set_total(self.position);
        events.tell(self.position, true, source, call)
    }

    /// Discards the content.
    fn restart(&mut self, call: &Call) -> Result<()> {
        self.file.truncate().map_err(|e| self.place.failed(&e))?;
        call.forget_done(self.position);
        self.hasher = Hasher::new(self.place.digest.algorithm());
        (self.position, self.resumed) = (0, false);
        Ok(())
    }

    fn commit(self) -> Result<()> {
        let place = self.place;
        let failed = |e: std::io::Error| place.failed(&e);
        self.file.commit(&place.dir, &place.name).map_err(failed)?;
        place.dir.sync().map(drop).map_err(failed)
    }
}
