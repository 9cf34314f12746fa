//! A layout as either end of a copy.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::OnceLock;

use super::index::ref_name;
use super::{Layout, LayoutBlob, Marks};
use crate::call::Call;
use crate::config::settings::Limits;
use crate::error::{Code, Error, Result};
use crate::image::descriptor::check_size;
use crate::image::manifest::Document;
use crate::image::transport::Scattered;
use crate::image::{BlobRead, BlobWrite, Descriptor, Manifest, Sink, Source, media_type};
use crate::log::{Level, Record};
use crate::names::digest::Digest;
use crate::os::lock::SharedLock;

/// How many blobs of a layout move at once: more make a disk no faster.
pub(super) const CONCURRENCY: usize = 4;

/// What a layout with Docker media types is not good for.
pub(super) const DOCKER_IN_LAYOUT: &str = "the image has Docker media types, which umoci and older versions \
    of skopeo cannot read from an OCI layout by name";

/// What holds the files of a layout: a directory, or an archive.
pub trait Contents: Send + Sync {
    /// What messages call it.
    fn shown(&self) -> String;

    /// The images of the index with their names, in its order.
    fn references(&self) -> Result<Vec<Descriptor>>;

    /// The image of a name; without a name the only image.
    fn resolve(&self, name: Option<&str>) -> Result<Descriptor>;

    /// A small blob whole, verified; LIMIT if it has more than `limit` bytes.
    fn read_blob(&self, digest: &Digest, limit: u64) -> Result<Vec<u8>>;

    /// Opens a blob at `offset`. Only its size is checked.
    fn open_blob(&self, blob: &Descriptor, offset: u64) -> Result<Box<dyn BlobRead + '_>>;
}

/// An image of a layout, to be read.
#[derive(Debug)]
pub struct LayoutSource<C = Layout> {
    contents: C,
    name: Option<String>,
    limits: Limits,
    /// What refers to what, read when it is first asked for.
    referrers: OnceLock<HashMap<Digest, Vec<Descriptor>>>,
}

impl<C: Contents> LayoutSource<C> {
    /// The image of this name; without a name the only one.
    pub fn new(contents: C, name: Option<String>, limits: Limits) -> Self {
        Self { contents, name, limits, referrers: OnceLock::new() }
    }

    fn document(&self, entry: Descriptor) -> Result<Document> {
        let bytes = self.manifest_bytes(&entry)?;
        let descriptor = Descriptor::new(entry.media_type, entry.digest, entry.size);
        Ok(Document { descriptor, bytes })
    }

    fn manifest_bytes(&self, descriptor: &Descriptor) -> Result<Vec<u8>> {
        let limit = self.limits.manifest;
        let bytes = self.contents.read_blob(&descriptor.digest, limit)?;
        check_size(&descriptor.digest, descriptor.size, bytes.len() as u64)?;
        Ok(bytes)
    }

    /// The entries of the index by their subjects. What cannot be read refers to nothing that is known.
    fn read_referrers(&self) -> Result<HashMap<Digest, Vec<Descriptor>>> {
        let mut found: HashMap<Digest, Vec<Descriptor>> = HashMap::new();
        for entry in self.contents.references()? {
            if !media_type::is_manifest(&entry.media_type) {
                continue;
            }
            let Ok(bytes) = self.manifest_bytes(&entry) else { continue };
            let Ok(manifest) = Manifest::parse(&bytes, Some(&entry.media_type), &self.limits)
            else {
                continue;
            };
            let Some(subject) = manifest.subject() else { continue };
            let of_subject = found.entry(subject.digest.clone()).or_default();
            if of_subject.iter().all(|known| known.digest != entry.digest) {
                of_subject.push(Descriptor::new(entry.media_type, entry.digest, entry.size));
            }
        }
        Ok(found)
    }
}

impl<C: Contents> Source for LayoutSource<C> {
    fn shown(&self) -> String {
        self.contents.shown()
    }

    fn resolve(&self, _call: &Call) -> Result<Document> {
        self.document(self.contents.resolve(self.name.as_deref())?)
    }

    fn tagged(&self, tag: &str, _call: &Call) -> Result<Document> {
        self.document(self.contents.resolve(Some(tag))?)
    }

    fn manifest(&self, descriptor: &Descriptor, _call: &Call) -> Result<Vec<u8>> {
        self.manifest_bytes(descriptor)
    }

    fn open_blob(
        &self,
        blob: &Descriptor,
        offset: u64,
        _call: &Call,
    ) -> Result<Box<dyn BlobRead + '_>> {
        self.contents.open_blob(blob, offset)
    }

    fn each_endpoint(
        &self,
        _call: &Call,
        read: &mut dyn FnMut(&dyn Source) -> Result<()>,
    ) -> Result<()> {
        read(self)
    }

    fn referrers(&self, subject: &Digest, _call: &Call) -> Result<Vec<Descriptor>> {
        let known = match self.referrers.get() {
            Some(known) => known,
            None => {
                let read = self.read_referrers()?;
                self.referrers.get_or_init(|| read)
            }
        };
        Ok(known.get(subject).cloned().unwrap_or_default())
    }

    fn tags(&self, _call: &Call) -> Result<Vec<String>> {
        let entries = self.contents.references()?;
        Ok(entries.iter().filter_map(ref_name).map(str::to_owned).collect())
    }

    fn limits(&self) -> &Limits {
        &self.limits
    }

    fn concurrency(&self) -> usize {
        CONCURRENCY
    }
}

impl Contents for Layout {
    fn shown(&self) -> String {
        shown(self)
    }

    fn references(&self) -> Result<Vec<Descriptor>> {
        self.references()
    }

    fn resolve(&self, name: Option<&str>) -> Result<Descriptor> {
        self.resolve(name)
    }

    fn read_blob(&self, digest: &Digest, limit: u64) -> Result<Vec<u8>> {
        self.read_blob(digest, limit)
    }

    fn open_blob(&self, blob: &Descriptor, offset: u64) -> Result<Box<dyn BlobRead + '_>> {
        let mut file = self.open_blob(&blob.digest)?;
        let failed = |e: &io::Error| self.failed_blob("read", &blob.digest, e);
        check_size(&blob.digest, blob.size, file.metadata().map_err(|e| failed(&e))?.len())?;
        file.seek(SeekFrom::Start(offset)).map_err(|e| failed(&e))?;
        Ok(Box::new(BlobFile { layout: self, digest: blob.digest.clone(), file }))
    }
}

struct BlobFile<'a> {
    layout: &'a Layout,
    digest: Digest,
    file: File,
}

impl BlobRead for BlobFile<'_> {
    fn read(&mut self, buffer: &mut [u8], call: &Call) -> Result<usize> {
        call.check()?;
        loop {
            match self.file.read(buffer) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                read => return read.map_err(|e| self.layout.failed_blob("read", &self.digest, &e)),
            }
        }
    }

    fn file(&mut self) -> Option<&mut File> {
        Some(&mut self.file)
    }
}

/// How a layout is written to.
#[derive(Debug, Clone, Default)]
pub struct WriteOptions {
    /// Keep no partial file for a later call.
    pub no_resume: bool,
    /// All blobs that are there already are hashed again.
    pub verify_present: bool,
}

/// A layout that an image is written to.
#[derive(Debug)]
pub struct LayoutSink {
    layout: Layout,
    name: Option<String>,
    options: WriteOptions,
    marks: Marks,
    /// Keeps what is written, and not named yet, from being collected.
    _writing: SharedLock,
}

impl LayoutSink {
    /// A layout in which the image gets a name, or none.
    pub fn new(
        layout: Layout,
        name: Option<String>,
        options: WriteOptions,
        call: &Call,
    ) -> Result<Self> {
        let writing = layout.share_blobs(call)?;
        let marks = layout.marks()?;
        Ok(Self { layout, name, options, marks, _writing: writing })
    }

    /// The layout.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }
}

impl Sink for LayoutSink {
    fn shown(&self) -> String {
        shown(&self.layout)
    }

    fn find_manifest(&self, digest: &Digest, _call: &Call) -> Result<Descriptor> {
        let limits = Limits::default();
        let bytes = self.layout.read_blob(digest, limits.manifest)?;
        let manifest = Manifest::parse(&bytes, None, &limits)?;
        Ok(Descriptor::new(manifest.media_type(), digest.clone(), bytes.len() as u64))
    }

    /// One that this library has verified is taken as it was then if nobody has changed its file since; others are hashed.
    fn has_blob(&self, blob: &Descriptor, exact: bool, call: &Call) -> Result<bool> {
        if !self.layout.has_blob(&blob.digest, blob.size)? {
            return Ok(false);
        }
        let is_marked = self.layout.is_marked(&self.marks, &blob.digest);
        if is_marked && !exact && !self.options.verify_present {
            return Ok(true);
        }
        match self.layout.verify_blob(&blob.digest, blob.size, call) {
            Ok(()) => {
                if !is_marked {
                    self.layout.mark(&blob.digest);
                }
                Ok(true)
            }
            Err(error) if matches!(error.code(), Code::DigestMismatch | Code::SizeMismatch) => {
                call.log(Level::Warn, "store", || {
                    Record::new(format!("fetching a damaged blob again: {error}")).error(&error)
                });
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    fn blob_writer(&self, blob: &Descriptor, call: &Call) -> Result<Box<dyn BlobWrite + '_>> {
        let resume = !self.options.no_resume;
        let writer = self.layout.blob_writer(&blob.digest, blob.size, resume, call)?;
        Ok(Box::new(Writing { layout: &self.layout, resume, writer: Some(writer) }))
    }

    fn manifests_first(&self) -> bool {
        true
    }

    fn has_manifest(&self, manifest: &Descriptor, call: &Call) -> Result<bool> {
        self.has_blob(manifest, true, call)
    }

    fn put_manifest(&self, manifest: &Descriptor, bytes: &[u8], call: &Call) -> Result<()> {
        call.check()?;
        self.layout.put_bytes(&manifest.digest, bytes)
    }

    fn list_referrer(&self, referrer: &Descriptor, call: &Call) -> Result<()> {
        if self.layout.references()?.iter().any(|entry| entry.digest == referrer.digest) {
            return Ok(());
        }
        self.layout.set_reference(referrer, None, call)
    }

    fn set_names(
        &self,
        root: &Descriptor,
        _bytes: &[u8],
        tags: &[String],
        call: &Call,
    ) -> Result<()> {
        for tag in tags {
            self.layout.set_reference(root, Some(tag), call)?;
        }
        self.layout.set_reference(root, self.name.as_deref(), call)
    }

    fn add_tag(&self, manifest: &Descriptor, _bytes: &[u8], tag: &str, call: &Call) -> Result<()> {
        self.layout.set_reference(manifest, Some(tag), call)
    }

    fn written_blob(&self, blob: &Descriptor, limit: u64) -> Option<Vec<u8>> {
        self.layout.read_blob(&blob.digest, limit).ok()
    }

    fn read_back(&self, blob: &Descriptor) -> Result<Option<Box<dyn BlobRead + '_>>> {
        Contents::open_blob(&self.layout, blob, 0).map(Some)
    }

    fn warning_for(&self, manifest: &Descriptor) -> Option<&'static str> {
        media_type::is_docker(&manifest.media_type).then_some(DOCKER_IN_LAYOUT)
    }

    fn concurrency(&self) -> usize {
        usize::MAX
    }
}

/// A blob that is written to a layout.
struct Writing<'a> {
    layout: &'a Layout,
    resume: bool,
    /// None once it is committed or kept.
    writer: Option<LayoutBlob>,
}

impl Writing<'_> {
    fn writer(&mut self) -> Result<&mut LayoutBlob> {
        self.writer.as_mut().ok_or_else(|| Error::internal("the blob was ended already"))
    }
}

impl BlobWrite for Writing<'_> {
    fn position(&self) -> u64 {
        self.writer.as_ref().map_or(0, LayoutBlob::position)
    }

    fn write(&mut self, bytes: &[u8], _call: &Call) -> Result<()> {
        self.writer()?.write(bytes)
    }

    fn write_buffer(&mut self, buffer: &mut Vec<u8>, length: usize, _call: &Call) -> Result<()> {
        self.writer()?.write_buffer(buffer, length)
    }

    fn use_idle_core(&mut self) {
        if let Some(writer) = &mut self.writer {
            writer.hash_apart();
        }
    }

    fn write_file(&mut self, file: &mut File, call: &Call) -> Result<Option<u64>> {
        self.writer()?.write_file(file, call)
    }

    fn scatter(&mut self, call: &Call) -> Result<Option<Scattered<'_>>> {
        self.writer()?.scatter(call)
    }

    fn restart(&mut self, _call: &Call) -> Result<()> {
        self.writer()?.reset()
    }

    fn commit(&mut self, _call: &Call) -> Result<()> {
        self.writer()?.verify()?;
        let Some(writer) = self.writer.take() else { return Ok(()) };
        let digest = writer.digest().clone();
        writer.finish_verified()?;
        self.layout.mark(&digest);
        Ok(())
    }

    fn keep(&mut self) {
        if let Some(writer) = self.writer.take_if(|_| self.resume) {
            writer.keep();
        }
    }
}

fn shown(layout: &Layout) -> String {
    format!("oci:{}", layout.path().display())
}
