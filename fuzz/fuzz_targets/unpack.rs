//! Layers that are applied to a directory: whatever they are, nothing beside it changes, and nothing is left of what fails.
//! Layers are separated by a line of eight dashes.
#![no_main]

use std::collections::BTreeMap;
use std::fs;

use libfuzzer_sys::fuzz_target;
use ocireg::call::Call;
use ocireg::config::settings::Limits;
use ocireg::error::{Error, Result};
use ocireg::image::manifest::Document;
use ocireg::image::{BlobRead, Descriptor, Manifest, Source};
use ocireg::names::digest::{Algorithm, Digest};
use ocireg::unpack::{self, Request, Unpacking};
use serde_json::json;

const SEPARATOR: &[u8] = b"\n--------\n";
const TYPE: &str = "application/vnd.oci.image.layer.v1.tar";

struct Memory {
    blobs: BTreeMap<String, Vec<u8>>,
    limits: Limits,
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

fn split(mut input: &[u8]) -> Vec<Vec<u8>> {
    let mut layers = Vec::new();
    while let Some(at) = input.windows(SEPARATOR.len()).position(|part| part == SEPARATOR) {
        layers.push(input[..at].to_vec());
        input = &input[at + SEPARATOR.len()..];
    }
    layers.push(input.to_vec());
    layers
}

fuzz_target!(|input: &[u8]| {
    let layers = split(input);
    if layers.len() > 8 {
        return;
    }
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
    let dir = tempfile::tempdir().expect("a directory");
    fs::create_dir(dir.path().join("outside")).expect("a directory");
    fs::write(dir.path().join("outside/file"), "as it was").expect("a file");
    let limits = unpack::Limits { bytes: 1 << 20, entries: 1000, path: 4096 };
    let request = Request { limits, ..Request::default() };
    let root = dir.path().join("root");
    let unpacking = Unpacking::begin(&root, request).expect("an empty directory");
    let done = unpacking.run(&source, None, &manifest, config.as_bytes(), &Call::new(None));
    assert_eq!(root.exists(), done.is_ok());
    assert_eq!(fs::read_dir(dir.path()).expect("names").count(), 1 + usize::from(done.is_ok()));
    assert_eq!(fs::read_dir(dir.path().join("outside")).expect("names").count(), 1);
    assert_eq!(fs::read(dir.path().join("outside/file")).expect("a file"), b"as it was");
});
