//! Manifests as the caller wants them: the bytes of one, or of the one for a platform.

use super::Repository;
use super::blob::read_whole;
use super::repository::{Answer, ManifestOptions, Selector};
use crate::call::Call;
use crate::error::Result;
use crate::image::Descriptor;
use crate::image::manifest::{self, Document, Fetched, Manifest};
use crate::image::select::{Chosen, Source, choose};

impl Repository {
    /// The bytes of a manifest, verified; with a platform, those of that platform's image out of an index. A type that the
    /// caller accepts by name need not be known.
    pub fn document(
        &self,
        selector: &Selector,
        options: &ManifestOptions,
        call: &Call,
    ) -> Result<Document> {
        let answer = self.answer(selector, options, call)?;
        let (sent_as, bytes) = (answer.content_type.as_deref(), &answer.bytes);
        let media_type = manifest::foreign_type(sent_as, bytes, |kind| options.names(kind));
        if let Some(media_type) = media_type.map_err(|e| self.unusable(selector, e))? {
            let Answer { digest, bytes, .. } = answer;
            let descriptor = Descriptor::new(media_type, digest, bytes.len() as u64);
            return Ok(Document { descriptor, bytes });
        }
        let mut fetched = self.read(selector, answer)?;
        if let (Manifest::Index(index), Some(platform)) = (&fetched.manifest, &options.platform) {
            let source = Children { repository: self, max_size: options.max_size, call };
            let limits = &self.registry().common().limits;
            let Chosen { image, .. } = choose(index, platform, limits, &source)?;
            fetched = image;
        }
        Ok(Document { descriptor: fetched.descriptor, bytes: fetched.bytes })
    }
}

/// The documents that an index of this repository leads to.
struct Children<'a> {
    repository: &'a Repository,
    max_size: Option<u64>,
    call: &'a Call,
}

impl Source for Children<'_> {
    fn manifest(&self, child: &Descriptor) -> Result<Fetched> {
        self.repository.child_manifest(child, self.max_size, self.call)
    }

    fn config(&self, config: &Descriptor) -> Result<Vec<u8>> {
        let limit = self.repository.registry().common().limits.config;
        read_whole(self.repository, config, limit, self.call)
    }
}
