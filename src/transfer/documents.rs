//! What the manifests of an image lead to, read from wherever the image is.

use super::progress::{self, Direction};
use crate::call::Call;
use crate::error::{Code, Error, Phase, Result};
use crate::image::manifest::{Document, Fetched};
use crate::image::{Descriptor, Manifest, Source, media_type, select};

/// The documents of a source, parsed.
#[derive(Clone, Copy)]
pub(crate) struct Documents<'a> {
    pub(crate) source: &'a dyn Source,
    pub(crate) call: &'a Call,
}

impl Documents<'_> {
    /// The image that the location names.
    pub(crate) fn root(&self) -> Result<Fetched> {
        self.parsed(self.source.resolve(self.call)?)
    }

    /// The image that another tag of the repository names.
    pub(super) fn tagged(&self, tag: &str) -> Result<Fetched> {
        self.parsed(self.source.tagged(tag, self.call)?)
    }

    /// The bytes of a manifest of a type that this library does not read.
    pub(super) fn unread_manifest(&self, child: &Descriptor) -> Result<Vec<u8>> {
        self.source.manifest(child, self.call)
    }

    fn parsed(&self, document: Document) -> Result<Fetched> {
        let Document { descriptor, bytes } = document;
        let sent_as = Some(descriptor.media_type.as_str());
        let manifest = Manifest::parse(&bytes, sent_as, self.source.limits()).map_err(|e| {
            let (digest, shown) = (&descriptor.digest, self.source.shown());
            e.context(format!("cannot use the manifest {digest} of {shown}"))
        })?;
        let fetched = Fetched { descriptor, bytes, manifest };
        if self.source.endpoint().is_some() {
            progress::manifest(&fetched.descriptor, Direction::Down, self.call)?;
        }
        Ok(fetched)
    }
}

impl select::Source for Documents<'_> {
    fn manifest(&self, child: &Descriptor) -> Result<Fetched> {
        let bytes = self.source.manifest(child, self.call)?;
        let stated = &child.media_type;
        let descriptor = Descriptor::new(stated, child.digest.clone(), bytes.len() as u64);
        let fetched = self.parsed(Document { descriptor, bytes })?;
        let found = fetched.manifest.media_type();
        if media_type::is_manifest(stated) && stated != found {
            let digest = &child.digest;
            let message = format!("{digest} is {found}, but the index that lists it says {stated}");
            return Err(Error::new(Code::InvalidManifest, message).phase(Phase::Verify));
        }
        Ok(fetched)
    }

    fn config(&self, config: &Descriptor) -> Result<Vec<u8>> {
        self.source.small_blob(config, self.source.limits().config, self.call)
    }
}
