//! An archive of a layout.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::Path;
use std::sync::Mutex;

use serde_json::Value;

use super::docker;
use super::made::{Extent, Made};
use super::opened::{Opened, Temporary};
use crate::call::Call;
use crate::error::{Code, Error, Phase, Result};
use crate::image::descriptor::{check_digest, check_size};
use crate::image::{BlobRead, BlobWrite, Descriptor, Sink, media_type};
use crate::names::digest::{Digest, Hasher};
use crate::store::index::{
    self, BLOBS, INDEX, INDEX_LIMIT, MARKER, MARKER_LIMIT, check_marker, marker,
};
use crate::store::place::{Contents, DOCKER_IN_LAYOUT};
use crate::sync::lock;

/// An archive of a layout that is read.
#[derive(Debug)]
pub struct OciArchive {
    archive: Opened,
    entries: Vec<Descriptor>,
}

impl OciArchive {
    /// Opens an archive.
    pub fn open(path: &Path, temporary: &Temporary, call: &Call) -> Result<Self> {
        let archive = Opened::open(path, temporary, call)?;
        let marker = archive.read(MARKER, MARKER_LIMIT)?;
        if check_marker(marker.as_deref(), path)?.is_none() {
            let message = format!("{} is not an archive of an OCI image layout", path.display());
            let error = Error::new(Code::InvalidArgument, message).phase(Phase::Store);
            return Err(match (&marker, archive.has(docker::MANIFEST)) {
                (Some(_), _) => error.cause("its file oci-layout is malformed"),
                (None, is_docker) => {
                    let error = error.cause("it does not contain the file oci-layout");
                    if is_docker { error.hint("use docker-archive:FILE") } else { error }
                }
            });
        }
        let entries = match archive.read(INDEX, INDEX_LIMIT)? {
            Some(bytes) => {
                let file = format!("{INDEX} of {}", path.display());
                index::Named(&file)
                    .entries(&bytes)
                    .map_err(|e| e.hint("create the archive again"))?
            }
            None => Vec::new(),
        };
        Ok(Self { archive, entries })
    }

    fn missing(&self, digest: &Digest) -> Error {
        let path = self.archive.path().display();
        Error::new(Code::NotFound, format!("{path} does not contain the blob {digest}"))
            .phase(Phase::Store)
            .with(|d| d.what = Some("blob"))
    }
}

impl Contents for OciArchive {
    fn shown(&self) -> String {
        format!("oci-archive:{}", self.archive.path().display())
    }

    fn references(&self) -> Result<Vec<Descriptor>> {
        Ok(self.entries.clone())
    }

    fn resolve(&self, name: Option<&str>) -> Result<Descriptor> {
        index::resolve(&self.entries, name, self.archive.path(), "oci-archive:FILE")
    }

    fn read_blob(&self, digest: &Digest, limit: u64) -> Result<Vec<u8>> {
        let bytes = self.archive.read(&file_of(digest), limit)?;
        let bytes = bytes.ok_or_else(|| self.missing(digest))?;
        check_digest(digest, Digest::of(digest.algorithm(), &bytes))
            .map_err(|e| self.archive.or_changed(digest, e))?;
        Ok(bytes)
    }

    fn open_blob(&self, blob: &Descriptor, offset: u64) -> Result<Box<dyn BlobRead + '_>> {
        let part = self.archive.find(&file_of(&blob.digest))?;
        let part = part.ok_or_else(|| self.missing(&blob.digest))?;
        check_size(&blob.digest, blob.size, part.size)?;
        Ok(Box::new(self.archive.reader(part, &blob.digest, offset)))
    }
}

fn file_of(digest: &Digest) -> String {
    format!("{BLOBS}/{}/{}", digest.algorithm().name(), digest.hex())
}

/// An archive of a layout that is written. Blobs have their places before they come, so that several can be written at once,
/// and the same image makes the same archive.
#[derive(Debug)]
pub struct OciArchiveSink {
    archive: Made,
    name: Option<String>,
    blobs: Mutex<HashMap<Digest, Blob>>,
    /// The entries of the index.
    entries: Mutex<Vec<Value>>,
}

#[derive(Debug, Clone, Copy)]
struct Blob {
    extent: Extent,
    is_whole: bool,
}

impl OciArchiveSink {
    /// Begins an archive in which the image gets a name, or none.
    pub fn create(path: &Path, name: Option<String>) -> Result<Self> {
        let archive = Made::create(path)?;
        archive.add_file(MARKER, &marker())?;
        archive.add_directory(&format!("{BLOBS}/"))?;
        Ok(Self { archive, name, blobs: Mutex::default(), entries: Mutex::default() })
    }

    /// Where a blob is or will be.
    fn extent_of(&self, digest: &Digest, size: u64) -> Result<Extent> {
        let mut blobs = lock(&self.blobs);
        let algorithm = digest.algorithm();
        if blobs.keys().all(|other| other.algorithm() != algorithm) {
            self.archive.add_directory(&format!("{BLOBS}/{}/", algorithm.name()))?;
        }
        match blobs.entry(digest.clone()) {
            Entry::Occupied(there) => {
                let extent = there.get().extent;
                check_size(digest, extent.size, size)?;
                Ok(extent)
            }
            Entry::Vacant(vacant) => {
                let extent = self.archive.reserve(&file_of(digest), size)?;
                Ok(vacant.insert(Blob { extent, is_whole: false }).extent)
            }
        }
    }

    fn is_whole(&self, digest: &Digest) -> bool {
        lock(&self.blobs).get(digest).is_some_and(|blob| blob.is_whole)
    }

    fn set_whole(&self, digest: &Digest) {
        if let Some(blob) = lock(&self.blobs).get_mut(digest) {
            blob.is_whole = true;
        }
    }

    fn enter(&self, descriptor: &Descriptor, name: Option<&str>) -> Result<()> {
        index::enter(&mut lock(&self.entries), index::entry(descriptor, name)?, name);
        Ok(())
    }
}

impl Sink for OciArchiveSink {
    fn shown(&self) -> String {
        format!("oci-archive:{}", self.archive.path().display())
    }

    fn has_blob(&self, blob: &Descriptor, _exact: bool, _call: &Call) -> Result<bool> {
        Ok(self.is_whole(&blob.digest))
    }

    fn expect_blobs(&self, blobs: &[Descriptor], _call: &Call) -> Result<()> {
        blobs.iter().try_for_each(|blob| self.extent_of(&blob.digest, blob.size).map(drop))
    }

    fn blob_writer(&self, blob: &Descriptor, _call: &Call) -> Result<Box<dyn BlobWrite + '_>> {
        let extent = self.extent_of(&blob.digest, blob.size)?;
        let hasher = Hasher::new(blob.digest.algorithm());
        Ok(Box::new(Writing {
            sink: self,
            digest: blob.digest.clone(),
            extent,
            hasher,
            position: 0,
        }))
    }

    fn manifests_first(&self) -> bool {
        true
    }

    fn has_manifest(&self, manifest: &Descriptor, _call: &Call) -> Result<bool> {
        Ok(self.is_whole(&manifest.digest))
    }

    fn put_manifest(&self, manifest: &Descriptor, bytes: &[u8], call: &Call) -> Result<()> {
        call.check()?;
        if self.is_whole(&manifest.digest) {
            return Ok(());
        }
        check_digest(&manifest.digest, Digest::of(manifest.digest.algorithm(), bytes))?;
        let extent = self.extent_of(&manifest.digest, bytes.len() as u64)?;
        self.archive.write(bytes, extent.at)?;
        self.set_whole(&manifest.digest);
        Ok(())
    }

    fn list_referrer(&self, referrer: &Descriptor, _call: &Call) -> Result<()> {
        self.enter(referrer, None)
    }

    fn set_names(
        &self,
        root: &Descriptor,
        _bytes: &[u8],
        tags: &[String],
        call: &Call,
    ) -> Result<()> {
        for tag in tags {
            self.enter(root, Some(tag))?;
        }
        self.enter(root, self.name.as_deref())?;
        if lock(&self.blobs).values().any(|blob| !blob.is_whole) {
            return Err(Error::internal("a blob of the archive was not written"));
        }
        let mut index = index::empty();
        index.insert("manifests".to_owned(), Value::Array(lock(&self.entries).clone()));
        let index = serde_json::to_vec(&index)
            .map_err(|e| Error::internal("cannot serialize an index").cause(e))?;
        self.archive.add_file(INDEX, &index)?;
        call.check()?;
        self.archive.finish()
    }

    fn add_tag(&self, manifest: &Descriptor, _bytes: &[u8], tag: &str, _call: &Call) -> Result<()> {
        self.enter(manifest, Some(tag))
    }

    fn written_blob(&self, blob: &Descriptor, limit: u64) -> Option<Vec<u8>> {
        let there = lock(&self.blobs).get(&blob.digest).copied();
        let extent = there.filter(|blob| blob.is_whole)?.extent;
        let mut bytes = vec![0; usize::try_from(extent.size.min(limit)).ok()?];
        self.archive.read(&mut bytes, extent.at).ok()?;
        (extent.size <= limit).then_some(bytes)
    }

    fn warning_for(&self, manifest: &Descriptor) -> Option<&'static str> {
        media_type::is_docker(&manifest.media_type).then_some(DOCKER_IN_LAYOUT)
    }

    fn concurrency(&self) -> usize {
        usize::MAX
    }
}

/// A blob on its way into an archive.
struct Writing<'a> {
    sink: &'a OciArchiveSink,
    digest: Digest,
    extent: Extent,
    hasher: Hasher,
    position: u64,
}

impl BlobWrite for Writing<'_> {
    fn position(&self) -> u64 {
        self.position
    }

    fn write(&mut self, bytes: &[u8], _call: &Call) -> Result<()> {
        let after = self.position.saturating_add(bytes.len() as u64);
        if after > self.extent.size {
            return check_size(&self.digest, self.extent.size, after);
        }
        self.sink.archive.write(bytes, self.extent.at + self.position)?;
        self.hasher.update(bytes);
        self.position = after;
        Ok(())
    }

    fn restart(&mut self, _call: &Call) -> Result<()> {
        self.hasher = Hasher::new(self.digest.algorithm());
        self.position = 0;
        Ok(())
    }

    fn commit(&mut self, _call: &Call) -> Result<()> {
        check_size(&self.digest, self.extent.size, self.position)?;
        check_digest(&self.digest, self.hasher.clone().finish())?;
        self.sink.set_whole(&self.digest);
        Ok(())
    }

    /// What an archive lacks cannot be told from what it has: the next call begins anew.
    fn keep(&mut self) {}
}
