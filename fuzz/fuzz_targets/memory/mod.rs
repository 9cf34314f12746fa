//! An image in memory, with layers that are not compressed.

use std::collections::BTreeMap;

use ocireg::call::Call;
use ocireg::config::settings::Limits;
use ocireg::error::{Error, Result};
use ocireg::image::manifest::{Document, ImageManifest};
use ocireg::image::{BlobRead, Descriptor, Manifest, Source};
use ocireg::names::digest::{Algorithm, Digest};
use serde_json::json;

const TYPE: &str = "application/vnd.oci.image.layer.v1.tar";

pub struct Memory {
    blobs: BTreeMap<String, Vec<u8>>,
    limits: Limits,
}

/// The blobs of these layers, lowest first, and the manifest and the configuration that describe them.
pub fn image(layers: Vec<Vec<u8>>) -> (Memory, ImageManifest, String) {
    let digest = |bytes: &[u8]| Digest::of(Algorithm::Sha256, bytes).to_string();
    let described: Vec<_> = layers
        .iter()
        .map(|l| json!({"mediaType": TYPE, "digest": digest(l), "size": l.len()}))
        .collect();
    // What is compressed says something else of itself than it hashes to, and fails at the end.
    let diff_ids: Vec<_> = layers.iter().map(|l| digest(l)).collect();
    let config = json!({"rootfs": {"type": "layers", "diff_ids": diff_ids}}).to_string();
    let manifest = json!({
        "schemaVersion": 2, "layers": described,
        "config": {
            "mediaType": "application/vnd.oci.image.config.v1+json",
            "digest": digest(config.as_bytes()), "size": config.len(),
        },
    });
    let source = Memory {
        blobs: layers.into_iter().map(|l| (digest(&l), l)).collect(),
        limits: Limits::default(),
    };
    let manifest = Manifest::parse(manifest.to_string().as_bytes(), None, &source.limits);
    let Ok(Manifest::Image(manifest)) = manifest else { panic!("not a manifest") };
    (source, manifest, config)
}

impl Source for Memory {
    fn shown(&self) -> String {
        "memory".to_owned()
    }

    fn resolve(&self, _: &Call) -> Result<Document> {
        Err(Error::internal("not asked for"))
    }

    fn manifest(&self, _: &Descriptor, _: &Call) -> Result<Vec<u8>> {
        Err(Error::internal("not asked for"))
    }

    fn open_blob(&self, blob: &Descriptor, _: u64, _: &Call) -> Result<Box<dyn BlobRead + '_>> {
        Ok(Box::new(self.blobs[&blob.digest.to_string()].as_slice()))
    }

    fn each_endpoint(
        &self,
        _: &Call,
        read: &mut dyn FnMut(&dyn Source) -> Result<()>,
    ) -> Result<()> {
        read(self)
    }

    fn referrers(&self, _: &Digest, _: &Call) -> Result<Vec<Descriptor>> {
        Ok(Vec::new())
    }

    fn tags(&self, _: &Call) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    fn limits(&self) -> &Limits {
        &self.limits
    }

    fn concurrency(&self) -> usize {
        1
    }
}
