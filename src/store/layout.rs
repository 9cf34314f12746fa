//! A directory in the OCI image layout: blobs by digest, and an index of names.
//!
//! Whatever has a final name is complete. While a blob is written, it is in the layout's directory as
//! `.ocireg-part-<algorithm>-<hex>` (continued by a later pull) or under a random name.

use std::fmt;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use serde_json::{Map, Value, json};

use super::index::{self, BLOBS, INDEX, INDEX_LIMIT, MARKER, MARKER_LIMIT};
use super::part::{self, FILE_MODE, hash_file, sweep_parts};
use crate::call::Call;
use crate::error::{Code, Error, Phase, Result};
use crate::image::Descriptor;
use crate::image::descriptor::{check_digest, check_size};
use crate::names::digest::{Algorithm, Digest, Hasher};
use crate::os::atomic_file::{AtomicFile, TEMPORARY};
use crate::os::dir::Dir;
use crate::os::lock::DirLock;
use crate::os::within::Bounds;

/// An image layout held open; cheap to clone, usable from several threads and processes at once.
#[derive(Debug, Clone)]
pub struct Layout {
    root: Dir,
    path: PathBuf,
    /// The directories of blobs that were used, by algorithm.
    blobs: Arc<[OnceLock<Dir>; 3]>,
    /// Where marks are added, once there was one.
    pub(super) marks_file: Arc<OnceLock<File>>,
    /// Within which blobs may be links: of a layout that is only read. None: they may not be links at all.
    links: Option<Bounds>,
}

impl Layout {
    /// Opens a layout to read from. Its blobs may be symbolic links to regular files within the layout.
    pub fn open(path: &Path) -> Result<Self> {
        let root = open_root(path)?;
        let links = Some(Bounds::new(root.clone(), path));
        let layout = Self {
            root,
            path: path.to_owned(),
            blobs: Arc::default(),
            marks_file: Arc::default(),
            links,
        };
        if layout.check_marker()? {
            return Ok(layout);
        }
        Err(layout.is_none("it does not contain the file oci-layout"))
    }

    /// Opens a layout to write to. A directory that is missing or empty becomes one; parents are made.
    ///
    /// Fails before any transfer if the directory holds something else, has an index that cannot be used, or cannot be
    /// written to. Removes what killed processes left and nobody can resume.
    pub fn open_or_create(path: &Path, call: &Call) -> Result<Self> {
        std::fs::create_dir_all(path).or_else(|e| match e.kind() {
            // open_root says it better.
            io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => Ok(()),
            _ => Err(Error::file(format!("cannot create the directory {}", path.display()), &e)),
        })?;
        let layout = Self {
            root: open_root(path)?,
            path: path.to_owned(),
            blobs: Arc::default(),
            marks_file: Arc::default(),
            links: None,
        };
        layout.root.check_writable().map_err(|e| layout.failed("write to", "", &e))?;
        if layout.check_marker()? {
            layout.read_index()?;
        } else {
            layout.create(call)?;
        }
        let blobs = layout.make_blobs(Algorithm::Sha256)?;
        blobs.check_writable().map_err(|e| layout.failed("write to", "blobs/sha256", &e))?;
        layout.sweep()?;
        Ok(layout)
    }

    /// The directory, as the user named it.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether a blob is here with the size it should have. Its content is not read again.
    pub fn has_blob(&self, digest: &Digest, size: u64) -> Result<bool> {
        Ok(self.blob_size(digest)? == Some(size))
    }

    /// Hashes a blob again: NOT_FOUND, SIZE_MISMATCH or DIGEST_MISMATCH if it is not what it should be.
    pub fn verify_blob(&self, digest: &Digest, size: u64, call: &Call) -> Result<()> {
        let mut file = self.open_blob(digest)?;
        let actual = file.metadata().map_err(|e| self.failed_blob("read", digest, &e))?.len();
        check_size(digest, size, actual)?;
        let mut hasher = Hasher::new(digest.algorithm());
        let read =
            hash_file(&mut file, &mut hasher, call, |e| self.failed_blob("read", digest, e))?;
        check_size(digest, size, read)?;
        check_digest(digest, hasher.finish())
    }

    /// A small blob whole, verified; LIMIT if it has more than `limit` bytes.
    pub fn read_blob(&self, digest: &Digest, limit: u64) -> Result<Vec<u8>> {
        let file = self.open_blob(digest)?;
        let bytes = read_limited(file, limit).map_err(|e| self.failed_blob("read", digest, &e))?;
        let Some(bytes) = bytes else {
            return Err(Error::new(
                Code::Limit,
                format!("{digest} in {} is larger than {limit} bytes", self.path.display()),
            ));
        };
        check_digest(digest, Digest::of(digest.algorithm(), &bytes))?;
        Ok(bytes)
    }

    /// Writes a blob that is at hand, such as a manifest, after checking it. One that is there already is compared.
    pub fn put_bytes(&self, digest: &Digest, bytes: &[u8]) -> Result<()> {
        check_digest(digest, Digest::of(digest.algorithm(), bytes))?;
        let blobs = self.make_blobs(digest.algorithm())?;
        if self.has_blob(digest, bytes.len() as u64)? && self.holds(digest, bytes) {
            return Ok(());
        }
        let write = || -> io::Result<()> {
            let mut file = AtomicFile::create(&self.root, FILE_MODE)?;
            file.write_all(bytes)?;
            file.commit(&blobs, digest.hex())
        };
        write().map_err(|e| self.failed_blob("write", digest, &e))
    }

    /// Whether the file of a blob holds these very bytes. One that cannot be read does not.
    fn holds(&self, digest: &Digest, bytes: &[u8]) -> bool {
        let there = self.open_blob(digest).ok().map(|file| read_limited(file, bytes.len() as u64));
        matches!(there, Some(Ok(Some(there))) if there == bytes)
    }

    /// Enters an image into the index under a name, or under none. An entry of the same name is replaced.
    ///
    /// The blobs are durable before the index refers to them.
    pub fn set_reference(
        &self,
        descriptor: &Descriptor,
        name: Option<&str>,
        call: &Call,
    ) -> Result<()> {
        let entry = index::entry(descriptor, name)?;
        self.sync_blobs(call)?;
        self.change_index(call, |entries| {
            index::enter(entries, entry, name);
            Ok(())
        })
    }

    /// Changes the entries of the index, under its lock. The rest of the index stays as it is.
    pub(super) fn change_index<T>(
        &self,
        call: &Call,
        change: impl FnOnce(&mut Vec<Value>) -> Result<T>,
    ) -> Result<T> {
        let _lock = DirLock::acquire(&self.root, &self.path.display().to_string(), call)?;
        let mut index = self.read_index()?.unwrap_or_else(index::empty);
        index.entry("schemaVersion").or_insert(json!(2));
        let entries = index.entry("manifests").or_insert(Value::Null);
        if entries.is_null() {
            *entries = json!([]);
        }
        let Some(entries) = entries.as_array_mut() else {
            return Err(self.malformed("its key \"manifests\" is not a list"));
        };
        let changed = change(entries)?;
        let text = serde_json::to_vec(&index)
            .map_err(|e| Error::internal("cannot serialize an index").cause(e))?;
        AtomicFile::replace(&self.root, INDEX, FILE_MODE, &text)
            .map_err(|e| self.failed("write", INDEX, &e))?;
        Ok(changed)
    }

    /// The images of the index with their names, in its order.
    pub fn references(&self) -> Result<Vec<Descriptor>> {
        let Some(bytes) = self.index_bytes()? else { return Ok(Vec::new()) };
        let path = self.path.join(INDEX);
        index::Named(&path.display()).entries(&bytes).map_err(left_alone)
    }

    /// The image of a name; without a name the only image.
    pub fn resolve(&self, tag: Option<&str>) -> Result<Descriptor> {
        index::resolve(&self.references()?, tag, &self.path, "oci:DIR")
    }

    /// Whether the directory is a layout; an error if its oci-layout file is not valid.
    fn check_marker(&self) -> Result<bool> {
        let file = match self.root.open_file(MARKER) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(e) => return Err(self.failed("read", MARKER, &e)),
        };
        let bytes =
            read_limited(file, MARKER_LIMIT).map_err(|e| self.failed("read", MARKER, &e))?;
        match index::check_marker(bytes.as_deref(), &self.path)? {
            Some(()) => Ok(true),
            None => Err(self.is_none("its file oci-layout is malformed")),
        }
    }

    fn create(&self, call: &Call) -> Result<()> {
        let _lock = DirLock::acquire(&self.root, &self.path.display().to_string(), call)?;
        if self.check_marker()? {
            return Ok(()); // Another process was faster.
        }
        let names = self.root.names().map_err(|e| self.failed("read", "", &e))?;
        if !names.iter().all(|name| name.starts_with(TEMPORARY) || is_of_the_file_system(name)) {
            return Err(self.is_none("it is not empty and does not contain the file oci-layout"));
        }
        AtomicFile::replace(&self.root, MARKER, FILE_MODE, &index::marker())
            .map_err(|e| self.failed("write", MARKER, &e))
    }

    /// Removes temporary files whose makers are gone. Parts that a later pull can take up stay for a week.
    pub(super) fn sweep(&self) -> Result<()> {
        let done = |blob: &Digest| matches!(self.blob_size(blob), Ok(Some(_)));
        sweep_parts(&self.root, done).map_err(|e| self.failed("read", "", &e))
    }

    pub(super) fn root(&self) -> &Dir {
        &self.root
    }

    pub(super) fn blobs(&self, algorithm: Algorithm) -> Result<Option<Dir>> {
        let kept = &self.blobs[algorithm as usize];
        if let Some(dir) = kept.get() {
            return Ok(Some(dir.clone()));
        }
        let opened = self.root.open_dir(BLOBS).and_then(|blobs| blobs.open_dir(algorithm.name()));
        match opened {
            Ok(dir) => Ok(Some(kept.get_or_init(|| dir).clone())),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(self.failed_blobs(algorithm, &e)),
        }
    }

    pub(super) fn make_blobs(&self, algorithm: Algorithm) -> Result<Dir> {
        let kept = &self.blobs[algorithm as usize];
        if let Some(dir) = kept.get() {
            return Ok(dir.clone());
        }
        let made = self.root.make_dir(BLOBS).and_then(|blobs| blobs.make_dir(algorithm.name()));
        let dir = made.map_err(|e| self.failed_blobs(algorithm, &e))?;
        Ok(kept.get_or_init(|| dir).clone())
    }

    /// The directory of all blobs, which is made if it is missing.
    pub(super) fn blobs_root(&self) -> Result<Dir> {
        self.root.make_dir(BLOBS).map_err(|e| self.failed("use", BLOBS, &e))
    }

    fn sync_blobs(&self, call: &Call) -> Result<()> {
        let mut durable = true;
        for algorithm in [Algorithm::Sha256, Algorithm::Sha384, Algorithm::Sha512] {
            if let Some(dir) = self.blobs(algorithm)? {
                durable &= dir.sync().map_err(|e| self.failed_blobs(algorithm, &e))?;
            }
        }
        let blobs = self.root.open_dir(BLOBS).and_then(|blobs| blobs.sync());
        durable &= blobs.map_err(|e| self.failed("write", BLOBS, &e))?;
        if !durable {
            let message = format!(
                "the file system of {} cannot sync directories: a power failure now may lose the image",
                self.path.display()
            );
            call.warn("store", message, |record| record);
        }
        Ok(())
    }

    pub(super) fn blob_size(&self, digest: &Digest) -> Result<Option<u64>> {
        let Some(blobs) = self.blobs(digest.algorithm())? else { return Ok(None) };
        let size = match &self.links {
            None => blobs.file_size(digest.hex()),
            Some(_) => match self.open_in(&blobs, digest) {
                Ok(file) => file.metadata().map(|metadata| Some(metadata.len())),
                Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
                Err(e) => Err(e),
            },
        };
        size.map_err(|e| self.failed_blob("use", digest, &e))
    }

    pub(super) fn open_blob(&self, digest: &Digest) -> Result<File> {
        let missing = || {
            let path = self.path.display();
            Error::new(Code::NotFound, format!("{path} does not contain the blob {digest}"))
                .phase(Phase::Store)
                .with(|d| d.what = Some("blob"))
        };
        let blobs = self.blobs(digest.algorithm())?.ok_or_else(missing)?;
        self.open_in(&blobs, digest).map_err(|e| match e.kind() {
            io::ErrorKind::NotFound => missing(),
            _ => self.failed_blob("read", digest, &e),
        })
    }

    /// Opens a blob in the directory of its algorithm.
    fn open_in(&self, blobs: &Dir, digest: &Digest) -> io::Result<File> {
        match &self.links {
            None => blobs.open_file(digest.hex()),
            Some(bounds) => {
                let above = self.root.open_dir(BLOBS)?;
                bounds.open_file(&[above, blobs.clone()], digest.hex())
            }
        }
    }

    fn index_bytes(&self) -> Result<Option<Vec<u8>>> {
        let file = match self.root.open_file(INDEX) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(self.failed("read", INDEX, &e)),
        };
        match read_limited(file, INDEX_LIMIT).map_err(|e| self.failed("read", INDEX, &e))? {
            Some(bytes) => Ok(Some(bytes)),
            None => Err(self.malformed(format!("it is larger than {INDEX_LIMIT} bytes"))),
        }
    }

    /// The index as it is, with whatever others keep in it.
    fn read_index(&self) -> Result<Option<Map<String, Value>>> {
        self.index_bytes()?.map(|bytes| self.parse_index(&bytes)).transpose()
    }

    fn parse_index(&self, bytes: &[u8]) -> Result<Map<String, Value>> {
        let path = self.path.join(INDEX);
        index::Named(&path.display()).parse(bytes).map_err(left_alone)
    }

    fn malformed(&self, why: impl fmt::Display) -> Error {
        left_alone(index::Named(&self.path.join(INDEX).display()).malformed(why))
    }

    fn is_none(&self, why: &str) -> Error {
        Error::new(
            Code::InvalidArgument,
            format!("{} is not an OCI image layout: {why}", self.path.display()),
        )
        .phase(Phase::Store)
        .hint("use a new or empty directory, or an existing image layout; nothing was written")
    }

    pub(super) fn failed(&self, verb: &str, name: &str, error: &io::Error) -> Error {
        let path = if name.is_empty() { self.path.clone() } else { self.path.join(name) };
        part::failed(verb, &path, error)
    }

    pub(super) fn failed_blob(&self, verb: &str, digest: &Digest, error: &io::Error) -> Error {
        part::failed(verb, &self.blob_path(digest), error)
    }

    /// Where a blob is, for messages.
    pub(super) fn blob_path(&self, digest: &Digest) -> PathBuf {
        self.path.join(BLOBS).join(digest.algorithm().name()).join(digest.hex())
    }

    fn failed_blobs(&self, algorithm: Algorithm, error: &io::Error) -> Error {
        let made = self.failed("use", &format!("{BLOBS}/{}", algorithm.name()), error);
        match error.kind() {
            io::ErrorKind::NotADirectory => {
                made.hint("expected a directory, but found a link or a file")
            }
            _ => made,
        }
    }
}

fn open_root(path: &Path) -> Result<Dir> {
    Dir::open(path).map_err(|e| match e.kind() {
        io::ErrorKind::NotADirectory => {
            Error::new(Code::InvalidArgument, format!("{} is not a directory", path.display()))
                .phase(Phase::Store)
                .hint("an image layout is a directory; choose another path")
        }
        _ => Error::file(format!("cannot open the directory {}", path.display()), &e),
    })
}

/// Whether a name in a directory is nobody's file, but one that file systems make by themselves, at the root of a volume or
/// for files that were deleted while open.
fn is_of_the_file_system(name: &str) -> bool {
    matches!(name, "lost+found" | ".snapshot" | ".snapshots" | ".zfs" | ".Trashes")
        || [".nfs", ".fuse_hidden", ".Trash-"].iter().any(|prefix| name.starts_with(prefix))
}

/// What can be done about an index that cannot be used.
fn left_alone(error: Error) -> Error {
    error.hint("repair or remove the file, or choose another directory; the file was not changed")
}

/// The whole of a file, None if it is longer than `limit`.
fn read_limited(file: File, limit: u64) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= limit).then_some(bytes))
}
