//! A repository at all of its endpoints, as the source of a copy.

use super::session::{Need, Session};
use crate::call::Call;
use crate::config::settings::Limits;
use crate::error::{Error, Result};
use crate::image::manifest::Document;
use crate::image::transport::{EndpointReport, Origin};
use crate::image::{BlobRead, Descriptor, Source};
use crate::names::digest::Digest;
use crate::v2::place::{Reading, Target};

impl Session {
    /// Does something with the image that the session is for, at the first endpoint that is good for it, or at the next one where
    /// that fails.
    fn at_endpoint<T>(
        &self,
        need: Need,
        call: &Call,
        mut work: impl FnMut(&Target) -> Result<T>,
    ) -> Result<T> {
        let selector = self.selector(None)?;
        self.with_repository_for(need, call, |repository| {
            work(&Target::new(repository.clone(), selector.clone()))
        })
    }
}

impl Source for Session {
    fn shown(&self) -> String {
        let info = self.info();
        info.reference.or(info.repository).unwrap_or(info.endpoint)
    }

    fn resolve(&self, call: &Call) -> Result<Document> {
        self.at_endpoint(Need::of(&self.selector(None)?), call, |target| target.resolve(call))
    }

    fn tagged(&self, tag: &str, call: &Call) -> Result<Document> {
        self.at_endpoint(Need::Resolve, call, |target| target.tagged(tag, call))
    }

    fn manifest(&self, descriptor: &Descriptor, call: &Call) -> Result<Vec<u8>> {
        self.at_endpoint(Need::Pull, call, |target| target.manifest(descriptor, call))
    }

    fn open_blob(
        &self,
        blob: &Descriptor,
        offset: u64,
        call: &Call,
    ) -> Result<Box<dyn BlobRead + '_>> {
        let slots = &self.common().slots;
        let reading = self.with_repository(call, |repository| {
            Reading::begin(repository, slots, blob, offset, call)
        })?;
        Ok(Box::new(reading))
    }

    fn each_endpoint(
        &self,
        call: &Call,
        read: &mut dyn FnMut(&dyn Source) -> Result<()>,
    ) -> Result<()> {
        self.at_endpoint(Need::Pull, call, |target| read(target))
    }

    fn small_blob(&self, blob: &Descriptor, limit: u64, call: &Call) -> Result<Vec<u8>> {
        self.at_endpoint(Need::Pull, call, |target| target.small_blob(blob, limit, call))
    }

    fn referrers(&self, subject: &Digest, call: &Call) -> Result<Vec<Descriptor>> {
        self.at_endpoint(Need::Referrers, call, |target| target.referrers(subject, call))
    }

    fn tags(&self, call: &Call) -> Result<Vec<String>> {
        self.at_endpoint(Need::Resolve, call, |target| Source::tags(target, call))
    }

    fn blame(&self, error: &Error) {
        self.blame_current(error);
    }

    fn limits(&self) -> &Limits {
        &self.common().limits
    }

    fn concurrency(&self) -> usize {
        self.common().slots.most()
    }

    fn origin(&self) -> Option<Origin> {
        self.target().ok()?.origin()
    }

    fn endpoint(&self) -> Option<EndpointReport> {
        let info = self.info();
        Some(EndpointReport { url: info.endpoint, mirror: info.mirror })
    }
}
