//! Writes one image. Its layers are stored without their compression, as their diff IDs mean them.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Mutex;

use super::{Item, MANIFEST};
use crate::call::Call;
use crate::compress::{DiffId, check_diff_id};
use crate::config::settings::Limits;
use crate::error::{Code, Error, Phase, Result};
use crate::image::descriptor::{check_digest, check_size};
use crate::image::transport::too_large;
use crate::image::{BlobWrite, Descriptor, ImageManifest, Manifest, Sink, diff_ids, media_type};
use crate::names::digest::{Algorithm, Digest, Hasher};
use crate::names::reference::Reference;
use crate::store::archive::made::{Extent, Made};
use crate::sync::lock;
use crate::tar::BLOCK;
use crate::tar::entries::Kind;
use crate::tar::write::{header, plain};

/// What is hashed again at a time.
const BUFFER: usize = 64 << 10;

/// An archive that one image is written to.
#[derive(Debug)]
pub struct DockerArchiveSink {
    archive: Made,
    name: Option<Reference>,
    limits: Limits,
    image: Mutex<Image>,
}

/// What has come of the image.
#[derive(Debug, Default)]
struct Image {
    manifest: Option<ImageManifest>,
    config: Option<Vec<u8>>,
    /// By the digests of the blobs that they came as.
    layers: HashMap<Digest, Layer>,
}

/// A layer of the archive.
#[derive(Debug, Clone)]
struct Layer {
    diff_id: Digest,
    extent: Extent,
}

impl Layer {
    fn file(&self) -> String {
        format!("{}.tar", self.diff_id.hex())
    }
}

impl DockerArchiveSink {
    /// Begins an archive. The image is called by the tag of `name`, or has no name.
    pub fn create(path: &Path, name: Option<Reference>, limits: Limits) -> Result<Self> {
        let name = name.filter(|name| name.tag().is_some());
        Ok(Self { archive: Made::create(path)?, name, limits, image: Mutex::default() })
    }

    fn is_config(&self, digest: &Digest) -> bool {
        lock(&self.image).manifest.as_ref().is_some_and(|image| image.config.digest == *digest)
    }

    fn repo_tags(&self, tags: &[String]) -> Vec<String> {
        let Some(name) = &self.name else { return Vec::new() };
        let tags = tags.iter().map(String::as_str).chain(name.tag());
        let mut all: Vec<String> = Vec::new();
        for tag in tags {
            let tagged = format!("{}:{tag}", name.familiar_name());
            if !all.contains(&tagged) {
                all.push(tagged);
            }
        }
        all
    }

    /// The files of the layers, once each was compared with what the configuration says of it.
    fn layer_files(&self, image: &Image, manifest: &ImageManifest) -> Result<Vec<String>> {
        let config = image.config.as_deref().unwrap_or_default();
        let expected = diff_ids(config, manifest.layers.len())?;
        let mut files = Vec::new();
        for (blob, expected) in manifest.layers.iter().zip(&expected) {
            let Some(layer) = image.layers.get(&blob.digest) else {
                return Err(Error::internal("a layer of the archive was not written"));
            };
            let actual = match expected.algorithm() {
                Algorithm::Sha256 => layer.diff_id.clone(),
                other => self.hash(layer.extent, other)?,
            };
            check_diff_id(expected, &actual)
                .map_err(|e| e.context(format!("cannot use the layer {}", blob.digest)))?;
            files.push(layer.file());
        }
        Ok(files)
    }

    fn hash(&self, extent: Extent, algorithm: Algorithm) -> Result<Digest> {
        let mut hasher = Hasher::new(algorithm);
        let mut buffer = vec![0; BUFFER];
        let mut done = 0;
        while done < extent.size {
            let most = usize::try_from(extent.size - done).unwrap_or(usize::MAX).min(BUFFER);
            self.archive.read(&mut buffer[..most], extent.at + done)?;
            hasher.update(&buffer[..most]);
            done += most as u64;
        }
        Ok(hasher.finish())
    }
}

impl Sink for DockerArchiveSink {
    fn shown(&self) -> String {
        format!("docker-archive:{}", self.archive.path().display())
    }

    fn has_blob(&self, blob: &Descriptor, _exact: bool, _call: &Call) -> Result<bool> {
        let image = lock(&self.image);
        let is_config = image.manifest.as_ref().is_some_and(|m| m.config.digest == blob.digest);
        Ok(if is_config { image.config.is_some() } else { image.layers.contains_key(&blob.digest) })
    }

    /// An image of which a layer is missing cannot be run.
    fn expect_blobs(&self, blobs: &[Descriptor], _call: &Call) -> Result<()> {
        let image = lock(&self.image);
        let Some(manifest) = &image.manifest else {
            return Err(Error::internal("the archive has no image"));
        };
        let is_expected = |layer: &&Descriptor| blobs.iter().any(|b| b.digest == layer.digest);
        match manifest.layers.iter().find(|layer| !is_expected(layer)) {
            None => Ok(()),
            Some(layer) => Err(Error::new(
                Code::InvalidArgument,
                format!(
                    "the layer {} is not distributable, but an archive needs all layers",
                    layer.digest
                ),
            )
            .in_argument("nondistributable")
            .hint("set nondistributable to true to fetch it")),
        }
    }

    fn blob_writer(&self, blob: &Descriptor, _call: &Call) -> Result<Box<dyn BlobWrite + '_>> {
        if self.is_config(&blob.digest) {
            if blob.size > self.limits.config {
                return Err(too_large(blob, self.limits.config));
            }
            return Ok(Box::new(Config { sink: self, blob: blob.clone(), bytes: Vec::new() }));
        }
        Ok(Box::new(Writing {
            sink: self,
            blob: blob.clone(),
            begin: self.archive.end(),
            passed: Passed::new(blob),
        }))
    }

    fn manifests_first(&self) -> bool {
        true
    }

    fn has_manifest(&self, _manifest: &Descriptor, _call: &Call) -> Result<bool> {
        Ok(false)
    }

    fn put_manifest(&self, manifest: &Descriptor, bytes: &[u8], _call: &Call) -> Result<()> {
        let parsed = Manifest::parse(bytes, Some(&manifest.media_type), &self.limits)?;
        let Manifest::Image(parsed) = parsed else {
            let message = format!("{} holds one image, not an index", self.shown());
            return Err(Error::argument("destination", message)
                .hint("set platform to choose an image of the index"));
        };
        if !media_type::is_image_config(&parsed.config.media_type) {
            let message = format!("{} cannot hold an artifact, only an image", self.shown());
            return Err(Error::new(Code::Unsupported, message)
                .cause(format!("its configuration is {}", parsed.config.media_type))
                .hint("use oci-archive:FILE, which holds anything"));
        }
        let mut image = lock(&self.image);
        if image.manifest.replace(parsed).is_some() {
            return Err(Error::internal("a second image was written to an archive of one"));
        }
        Ok(())
    }

    fn set_names(
        &self,
        _root: &Descriptor,
        _bytes: &[u8],
        tags: &[String],
        call: &Call,
    ) -> Result<()> {
        let repo_tags = self.repo_tags(tags);
        let image = lock(&self.image);
        let (Some(manifest), Some(bytes)) = (&image.manifest, &image.config) else {
            return Err(Error::internal("the archive has no image"));
        };
        let layers = self.layer_files(&image, manifest)?;
        // Whatever its digest in the manifest is, programs expect the one that the image's ID is made of.
        let config = format!("{}.json", Digest::of(Algorithm::Sha256, bytes).hex());
        self.archive.add_file(&config, bytes)?;
        let list = serde_json::to_vec(&[Item { config, repo_tags, layers }])
            .map_err(|e| Error::internal("cannot serialize a list of images").cause(e))?;
        self.archive.add_file(MANIFEST, &list)?;
        call.check()?;
        self.archive.finish()
    }

    fn add_tag(
        &self,
        _manifest: &Descriptor,
        _bytes: &[u8],
        _tag: &str,
        _call: &Call,
    ) -> Result<()> {
        Err(Error::internal("another image was named in an archive of one"))
    }

    fn written_blob(&self, blob: &Descriptor, _limit: u64) -> Option<Vec<u8>> {
        if self.is_config(&blob.digest) { lock(&self.image).config.clone() } else { None }
    }

    /// Layers follow each other: how long one is becomes known when it ends.
    fn concurrency(&self) -> usize {
        1
    }
}

/// The configuration on its way.
struct Config<'a> {
    sink: &'a DockerArchiveSink,
    blob: Descriptor,
    bytes: Vec<u8>,
}

impl BlobWrite for Config<'_> {
    fn position(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn write(&mut self, bytes: &[u8], _call: &Call) -> Result<()> {
        let after = self.position().saturating_add(bytes.len() as u64);
        if after > self.blob.size {
            return check_size(&self.blob.digest, self.blob.size, after);
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn restart(&mut self, _call: &Call) -> Result<()> {
        self.bytes.clear();
        Ok(())
    }

    fn commit(&mut self, _call: &Call) -> Result<()> {
        self.blob.verify(&self.bytes)?;
        lock(&self.sink.image).config = Some(std::mem::take(&mut self.bytes));
        Ok(())
    }

    fn keep(&mut self) {}
}

/// A layer on its way.
struct Writing<'a> {
    sink: &'a DockerArchiveSink,
    blob: Descriptor,
    /// Where its entry begins.
    begin: u64,
    passed: Passed,
}

/// What has passed of a layer.
struct Passed {
    hasher: Hasher,
    position: u64,
    diff_id: DiffId,
    /// Bytes of it without compression.
    written: u64,
    /// Why it cannot be decompressed. It is told only if the blob is what it should be.
    damage: Option<Error>,
}

impl Passed {
    fn new(blob: &Descriptor) -> Self {
        Self {
            hasher: Hasher::new(blob.digest.algorithm()),
            position: 0,
            diff_id: DiffId::new(Algorithm::Sha256),
            written: 0,
            damage: None,
        }
    }
}

impl Writing<'_> {
    /// The header of its entry, which takes one block whatever its size.
    fn header(&self, diff_id: &Digest, size: u64) -> (Layer, Vec<u8>) {
        let mut layer = Layer { diff_id: diff_id.clone(), extent: Extent { at: self.begin, size } };
        let header = header(&plain(&layer.file(), Kind::File, size));
        layer.extent.at += header.len() as u64;
        (layer, header)
    }

    /// Where its content begins.
    fn content(&self) -> u64 {
        self.begin + BLOCK as u64
    }
}

impl BlobWrite for Writing<'_> {
    fn position(&self) -> u64 {
        self.passed.position
    }

    fn write(&mut self, bytes: &[u8], call: &Call) -> Result<()> {
        let (content, archive) = (self.content(), &self.sink.archive);
        let passed = &mut self.passed;
        let after = passed.position.saturating_add(bytes.len() as u64);
        if after > self.blob.size {
            return check_size(&self.blob.digest, self.blob.size, after);
        }
        passed.hasher.update(bytes);
        passed.position = after;
        if passed.damage.is_some() {
            return Ok(());
        }
        let (written, mut failure) = (&mut passed.written, None);
        let mut look = |plain: &[u8]| {
            if failure.is_none() {
                failure = archive.write(plain, content + *written).err();
                *written += plain.len() as u64;
            }
        };
        let decompressed = passed.diff_id.update(bytes, &mut look, call);
        if let Some(failure) = failure {
            return Err(failure);
        }
        match decompressed {
            Err(e) if matches!(e.code(), Code::Cancelled | Code::Deadline) => Err(e),
            Err(e) => {
                passed.damage = Some(e);
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    fn restart(&mut self, _call: &Call) -> Result<()> {
        self.passed = Passed::new(&self.blob);
        self.sink.archive.cut(self.begin)
    }

    fn commit(&mut self, call: &Call) -> Result<()> {
        let blob = &self.blob;
        let passed = std::mem::replace(&mut self.passed, Passed::new(blob));
        check_size(&blob.digest, blob.size, passed.position)?;
        check_digest(&blob.digest, passed.hasher.finish())?;
        let cannot = |e: Error| e.context(format!("cannot use the layer {}", blob.digest));
        if let Some(damage) = passed.damage {
            return Err(cannot(damage).phase(Phase::Verify));
        }
        let content = self.content();
        let (archive, mut written, mut failure) = (&self.sink.archive, passed.written, None);
        let mut look = |plain: &[u8]| {
            if failure.is_none() {
                failure = archive.write(plain, content + written).err();
                written += plain.len() as u64;
            }
        };
        let diff_id = passed.diff_id.finish(&mut look, call).map_err(cannot)?;
        if let Some(failure) = failure {
            return Err(failure);
        }
        let mut image = lock(&self.sink.image);
        let same = image.layers.values().find(|layer| layer.diff_id == diff_id).cloned();
        let layer = match same {
            // The same content, compressed in another way.
            Some(layer) => {
                archive.cut(self.begin)?;
                layer
            }
            None => {
                let (layer, header) = self.header(&diff_id, written);
                archive.write(&header, self.begin)?;
                archive.advance(layer.extent);
                layer
            }
        };
        image.layers.insert(blob.digest.clone(), layer);
        Ok(())
    }

    /// What an archive lacks cannot be told from what it has: the next call begins anew.
    fn keep(&mut self) {}
}
