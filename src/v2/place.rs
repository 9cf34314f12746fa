//! A repository as one end of a copy.

use std::sync::Arc;

use super::Repository;
use super::blob::{self, BlobReader};
use super::pages::PageOptions;
use super::repository::{ManifestOptions, Selector};
use crate::call::Call;
use crate::config::settings::Limits;
use crate::error::Result;
use crate::http;
use crate::http::slots::Slot;
use crate::image::manifest::Document;
use crate::image::transport::{Endpoint, Origin};
use crate::image::{BlobRead, Descriptor, Source, media_type};
use crate::names::digest::Digest;

/// A repository at one endpoint, and the image of it that is meant.
#[derive(Debug, Clone)]
pub struct Target {
    repository: Repository,
    selector: Selector,
}

impl Target {
    /// The image `selector` of a repository.
    pub fn new(repository: Repository, selector: Selector) -> Self {
        Self { repository, selector }
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

    fn small_blob(&self, blob: &Descriptor, limit: u64, call: &Call) -> Result<Vec<u8>> {
        blob::read_whole(&self.repository, blob, limit, call)
    }

    fn referrers(&self, _subject: &Digest, _call: &Call) -> Result<Vec<Descriptor>> {
        Ok(Vec::new())
    }

    fn tags(&self, call: &Call) -> Result<Vec<String>> {
        #[derive(serde::Deserialize)]
        struct Listed {
            tags: Vec<String>,
        }
        let json = self.repository.tags(&PageOptions::default(), call)?.into_json();
        let listed: Listed = serde_json::from_str(&json).map_err(|e| {
            crate::error::Error::internal("cannot read a list of tags again").cause(e)
        })?;
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

    fn endpoint(&self) -> Option<Endpoint> {
        let url = self.repository.registry().base().to_string();
        Some(Endpoint { url: url.trim_end_matches('/').to_owned(), mirror: false })
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
