//! A repository as one end of a copy.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use super::Repository;
use super::blob::{self, BlobReader};
use super::moving;
use super::pages::PageOptions;
use super::ranges::BlobRanges;
use super::referrers::Filter;
use super::repository::{ManifestOptions, Selector};
use super::upload::{BlobWriter, PutOptions, exists, is_answer, is_over};
use crate::call::Call;
use crate::config::settings::Limits;
use crate::error::{Error, Result};
use crate::http::slots::Slot;
use crate::http::{self, Method, Reaches, Response, header};
use crate::image::manifest::Document;
use crate::image::transport::{Claim, EndpointReport, Feed, Origin, Ranges, Streamed};
use crate::image::{BlobRead, BlobWrite, Descriptor, Sink, Source, media_type};
use crate::names::digest::Digest;
use crate::sync::lock;

/// A repository at one endpoint, and the image of it that is meant.
#[derive(Debug, Clone)]
pub struct Target {
    repository: Repository,
    selector: Selector,
    /// Whether layers may be pushed here that are not meant to be distributed.
    nondistributable: bool,
    /// Whether what is written gets no tag but those that the call names.
    untagged: bool,
    /// Whether what is written here was verified where it comes from.
    trusts_source: bool,
    /// Uploads that were begun instead of a mount.
    begun: Arc<Mutex<HashMap<Digest, BlobWriter>>>,
    /// Manifests that are listed among what refers to their subject.
    listed: Arc<Mutex<HashSet<Digest>>>,
}

impl Target {
    /// The image `selector` of a repository.
    pub fn new(repository: Repository, selector: Selector) -> Self {
        Self {
            repository,
            selector,
            nondistributable: false,
            untagged: false,
            trusts_source: false,
            begun: Arc::default(),
            listed: Arc::default(),
        }
    }

    /// The same where nothing is hashed here: the registry judges by the digest that it is told.
    #[must_use]
    pub fn trusting_source(self, trusts_source: bool) -> Self {
        Self { trusts_source, ..self }
    }

    /// The same where an image is written under its digest.
    #[must_use]
    pub fn without_tag(self) -> Self {
        Self { untagged: true, ..self }
    }

    /// The same where layers that are not meant to be distributed may be pushed.
    #[must_use]
    pub fn taking_nondistributable(self, nondistributable: bool) -> Self {
        Self { nondistributable, ..self }
    }

    /// The repository.
    pub fn repository(&self) -> &Repository {
        &self.repository
    }

    /// Which image.
    pub fn selector(&self) -> &Selector {
        &self.selector
    }

    fn document(&self, selector: &Selector, call: &Call) -> Result<Document> {
        let fetched = self.repository.manifest(selector, &ManifestOptions::default(), call)?;
        Ok(Document { descriptor: fetched.descriptor, bytes: fetched.bytes })
    }
}

impl Source for Target {
    fn shown(&self) -> String {
        self.repository.shown().to_owned()
    }

    fn resolve(&self, call: &Call) -> Result<Document> {
        self.document(&self.selector, call)
    }

    fn tagged(&self, tag: &str, call: &Call) -> Result<Document> {
        self.document(&Selector::Tag(tag.to_owned()), call)
    }

    fn manifest(&self, descriptor: &Descriptor, call: &Call) -> Result<Vec<u8>> {
        if media_type::is_manifest(&descriptor.media_type) {
            Ok(self.repository.child_manifest(descriptor, None, call)?.bytes)
        } else {
            self.repository.unread_manifest(descriptor, call)
        }
    }

    fn open_blob(
        &self,
        blob: &Descriptor,
        offset: u64,
        call: &Call,
    ) -> Result<Box<dyn BlobRead + '_>> {
        let slots = &self.repository.registry().common().slots;
        Ok(Box::new(Reading::begin(&self.repository, slots, blob, offset, call)?))
    }

    fn each_endpoint(
        &self,
        _call: &Call,
        read: &mut dyn FnMut(&dyn Source) -> Result<()>,
    ) -> Result<()> {
        read(self)
    }

    fn ranges(&self, blob: &Descriptor) -> Option<Box<dyn Ranges + '_>> {
        let registry = self.repository.registry();
        let from = registry.common().parallel_from;
        let is_worth_it = from > 0
            && blob.size >= from
            && registry.common().slots.most() > 1
            && registry.knows_ranges();
        is_worth_it.then(|| Box::new(BlobRanges::new(&self.repository, blob)) as Box<dyn Ranges>)
    }

    fn has_alternative(&self) -> bool {
        self.repository.registry().has_alternative()
    }

    fn small_blob(&self, blob: &Descriptor, limit: u64, call: &Call) -> Result<Vec<u8>> {
        blob::read_whole(&self.repository, blob, limit, call)
    }

    fn referrers(&self, subject: &Digest, call: &Call) -> Result<Vec<Descriptor>> {
        Ok(self.repository.referrers(subject, &Filter::default(), call)?.manifests)
    }

    fn tags(&self, call: &Call) -> Result<Vec<String>> {
        #[derive(serde::Deserialize)]
        struct Listed {
            tags: Vec<String>,
        }
        let json = self.repository.tags(&PageOptions::default(), call)?.into_json();
        let listed: Listed = serde_json::from_str(&json)
            .map_err(|e| Error::internal("cannot read a list of tags again").cause(e))?;
        Ok(listed.tags)
    }

    fn limits(&self) -> &Limits {
        &self.repository.registry().common().limits
    }

    fn concurrency(&self) -> usize {
        self.repository.registry().common().slots.most()
    }

    fn origin(&self) -> Option<Origin> {
        let registry = http::origin::Origin::of(self.repository.registry().base()).to_string();
        Some(Origin { registry, repository: self.repository.name().to_owned() })
    }

    fn endpoint(&self) -> Option<EndpointReport> {
        let url = self.repository.registry().base().to_string();
        Some(EndpointReport { url: url.trim_end_matches('/').to_owned(), mirror: false })
    }
}

impl Target {
    /// Puts a manifest under a tag or its digest, and these tags beside it; its subject knows of it then.
    fn put(
        &self,
        selector: &Selector,
        tags: &[String],
        manifest: &Descriptor,
        bytes: &[u8],
        call: &Call,
    ) -> Result<()> {
        let own = match selector {
            Selector::Tag(tag) => Some(tag),
            Selector::Digest(_) => None,
        };
        let tags: Vec<&str> = own.into_iter().chain(tags).map(String::as_str).collect();
        let put = self.repository.put_described(manifest, &tags, bytes, call)?;
        if put.subject.is_some() || put.subject_tag.is_some() {
            lock(&self.listed).insert(manifest.digest.clone());
        }
        Ok(())
    }

    fn upload(&self, blob: &Descriptor, from: Vec<String>, call: &Call) -> Result<BlobWriter> {
        let options = PutOptions {
            digest: Some(blob.digest.clone()),
            size: Some(blob.size),
            media_type: blob.media_type.clone(),
            mount_from: from,
            ..PutOptions::default()
        };
        let writer = BlobWriter::open(self.repository.clone(), options, call)?;
        Ok(if self.trusts_source { writer.unhashed() } else { writer })
    }
}

impl Sink for Target {
    fn shown(&self) -> String {
        self.repository.shown().to_owned()
    }

    /// The digest in the selector is what the image must have.
    fn check_root(&self, root: &Descriptor) -> Result<()> {
        match &self.selector {
            Selector::Digest(digest) if *digest != root.digest => Err(Error::argument(
                "destination",
                format!("the image has the digest {}, not {digest}", root.digest),
            )
            .hint("name the destination by a tag, or by the digest of the image that is pushed")),
            _ => Ok(()),
        }
    }

    fn find_manifest(&self, digest: &Digest, call: &Call) -> Result<Descriptor> {
        let selector = Selector::Digest(digest.clone());
        self.repository.head_manifest(&selector, &ManifestOptions::default(), call)
    }

    fn claim_blob(&self, blob: &Descriptor, call: &Call) -> Result<Box<dyn Claim + '_>> {
        let registry = self.repository.registry();
        let origin = http::origin::Origin::of(registry.base()).to_string();
        let claim = registry.common().moving.claim(origin.clone(), &blob.digest, call)?;
        Ok(Box::new(Claimed { target: self, registry: origin, claim }))
    }

    fn has_blob(&self, blob: &Descriptor, _exact: bool, call: &Call) -> Result<bool> {
        exists(&self.repository, &blob.digest, Some(blob.size), call)
    }

    fn mount_blob(&self, blob: &Descriptor, from: &Origin, call: &Call) -> Result<bool> {
        let writer = self.upload(blob, vec![from.repository.clone()], call)?;
        let is_mounted = writer.is_present();
        let other = match is_mounted {
            true => lock(&self.begun).remove(&blob.digest),
            false => lock(&self.begun).insert(blob.digest.clone(), writer),
        };
        if let Some(mut other) = other {
            other.abort(call)?;
        }
        Ok(is_mounted)
    }

    fn blob_writer(&self, blob: &Descriptor, call: &Call) -> Result<Box<dyn BlobWrite + '_>> {
        let registry = self.repository.registry();
        let slot = registry.common().upload_slots.take(registry.base().authority(), call)?;
        let begun = lock(&self.begun).remove(&blob.digest);
        let writer = match begun {
            Some(writer) => writer,
            None => self.upload(blob, Vec::new(), call)?,
        };
        Ok(Box::new(Uploading { target: self, blob: blob.clone(), writer, _slot: slot }))
    }

    fn has_manifest(&self, manifest: &Descriptor, call: &Call) -> Result<bool> {
        let repository = &self.repository;
        let doing = format!("look up the manifest {} of {}", manifest.digest, repository.shown());
        let mut request = repository
            .registry()
            .request(repository.address(&format!("manifests/{}", manifest.digest)), &doing)
            .header(header::ACCEPT, &manifest.media_type, Reaches::Everywhere)?;
        request.method = Method::HEAD;
        let wanted = |status| matches!(status, 200 | 404);
        match repository.registry().fetch(&request, &repository.scopes(), wanted, call) {
            Ok(response) => Ok(response.status == 200 && is_of(&response, manifest)),
            // Where it cannot be asked, it is written once more.
            Err(error) if is_answer(&error) && !is_over(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn put_manifest(&self, manifest: &Descriptor, bytes: &[u8], call: &Call) -> Result<()> {
        self.put(&Selector::Digest(manifest.digest.clone()), &[], manifest, bytes, call)
    }

    fn list_referrer(&self, referrer: &Descriptor, call: &Call) -> Result<()> {
        if lock(&self.listed).contains(&referrer.digest) {
            return Ok(());
        }
        self.repository.list_referrer(referrer, call)
    }

    fn set_names(
        &self,
        root: &Descriptor,
        bytes: &[u8],
        tags: &[String],
        call: &Call,
    ) -> Result<()> {
        self.check_root(root)?;
        let by_digest = Selector::Digest(root.digest.clone());
        let selector = if self.untagged { &by_digest } else { &self.selector };
        self.put(selector, tags, root, bytes, call)
    }

    fn add_tag(&self, manifest: &Descriptor, bytes: &[u8], tag: &str, call: &Call) -> Result<()> {
        self.put(&Selector::Tag(tag.to_owned()), &[], manifest, bytes, call)
    }

    fn concurrency(&self) -> usize {
        self.repository.registry().common().upload_slots.most()
    }

    fn takes_nondistributable(&self) -> bool {
        self.nondistributable
    }

    fn origin(&self) -> Option<Origin> {
        Source::origin(self)
    }

    fn endpoint(&self) -> Option<EndpointReport> {
        Source::endpoint(self)
    }
}

/// The right to bring a blob to the registry.
struct Claimed<'a> {
    target: &'a Target,
    registry: String,
    claim: moving::Claim<'a>,
}

impl Claim for Claimed<'_> {
    fn origins(&self) -> Vec<Origin> {
        let seen = self.claim.seen().map(str::to_owned);
        let origin = seen.map(|repository| Origin { registry: self.registry.clone(), repository });
        origin.into_iter().collect()
    }

    fn progress(&self) {
        self.claim.progress();
    }

    fn note(&self) {
        self.claim.note(self.target.repository.name());
    }
}

/// Whether an answer is that to a manifest, and not that of a server that says 200 to everything.
fn is_of(response: &Response, manifest: &Descriptor) -> bool {
    let told =
        response.header("docker-content-digest").and_then(|text| text.parse::<Digest>().ok());
    match told {
        Some(told) if told.algorithm() == manifest.digest.algorithm() => told == manifest.digest,
        _ => {
            let kind = response.header("content-type").map(media_type::essence);
            kind.as_deref() == Some(&*manifest.media_type)
                && response.content_length().is_none_or(|length| length == manifest.size)
        }
    }
}

/// A blob that is written to a repository.
struct Uploading<'a> {
    target: &'a Target,
    blob: Descriptor,
    writer: BlobWriter,
    _slot: Slot<'a>,
}

impl BlobWrite for Uploading<'_> {
    fn position(&self) -> u64 {
        self.writer.position()
    }

    fn write(&mut self, bytes: &[u8], call: &Call) -> Result<()> {
        self.writer.write(bytes, call)
    }

    fn stream(&mut self, feed: &mut Feed<'_>, call: &Call) -> Result<Streamed> {
        self.writer.stream(feed, call)
    }

    fn restart(&mut self, call: &Call) -> Result<()> {
        self.abort(call);
        self.writer = self.target.upload(&self.blob, Vec::new(), call)?;
        Ok(())
    }

    fn commit(&mut self, call: &Call) -> Result<()> {
        self.writer.commit(None, None, call).map(drop)
    }

    /// No registry lets an upload be found again by what it is of.
    fn keep(&mut self) {}

    fn abort(&mut self, call: &Call) {
        // It has failed already, or is over.
        drop(self.writer.abort(call));
    }

    fn take_retries(&mut self) -> u32 {
        self.writer.take_retries()
    }
}

/// A blob that is read from a repository, and its place among the transfers of that host.
pub(crate) struct Reading<'a> {
    reader: BlobReader,
    _slot: Slot<'a>,
}

impl<'a> Reading<'a> {
    /// Begins to read, once the host has a place.
    pub(crate) fn begin(
        repository: &Repository,
        slots: &'a http::slots::Slots,
        blob: &Descriptor,
        offset: u64,
        call: &Call,
    ) -> Result<Self> {
        let slot = slots.take(repository.registry().base().authority(), call)?;
        // Whoever writes the blob hashes it; hashing here too would cost as much again.
        let repository = Arc::new(repository.clone());
        let reader = BlobReader::resume(repository, &blob.into(), offset, None, call)?;
        Ok(Self { reader, _slot: slot })
    }
}

impl BlobRead for Reading<'_> {
    fn read(&mut self, buffer: &mut [u8], call: &Call) -> Result<usize> {
        self.reader.read(buffer, call)
    }

    fn take_retries(&mut self) -> u32 {
        self.reader.take_retries()
    }
}
