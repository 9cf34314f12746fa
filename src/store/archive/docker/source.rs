//! Reads an image. Its manifest is made here: the layers go on as they are in the archive, so that two calls make the same.

use std::collections::HashMap;
use std::path::Path;

use serde::Serialize;

use super::{Item, MANIFEST};
use crate::call::Call;
use crate::compress::{DiffId, Format, check_diff_id};
use crate::config::settings::Limits;
use crate::error::{Code, Error, Phase, Result};
use crate::image::descriptor::check_digest;
use crate::image::manifest::Document;
use crate::image::{BlobRead, Descriptor, Source, listed_diff_ids, media_type};
use crate::json::strict;
use crate::names::digest::{Algorithm, Digest, Hasher};
use crate::names::reference::Reference;
use crate::store::archive::opened::{Opened, Part, Temporary};
use crate::store::index::MARKER;
use crate::store::place::CONCURRENCY;

/// What is read at a time.
const BUFFER: usize = 256 << 10;

/// An image of an archive.
#[derive(Debug)]
pub struct DockerArchiveSource {
    archive: Opened,
    limits: Limits,
    document: Document,
    config: (Digest, Vec<u8>),
    layers: HashMap<Digest, Part>,
}

impl DockerArchiveSource {
    /// The image of this reference, or of `@` and its number, or the only one.
    pub fn open(
        path: &Path,
        name: Option<&str>,
        limits: Limits,
        temporary: &Temporary,
        call: &Call,
    ) -> Result<Self> {
        let archive = Opened::open(path, temporary, call)?;
        let item = choose(items(&archive, &limits)?, name, archive.path())?;
        let reading = Reading { archive: &archive, limits: &limits };
        let config = reading.config(&item)?;
        let mut layers = HashMap::new();
        let mut listed = Vec::new();
        let diff_ids = reading.diff_ids(&item, &config)?;
        for (file, diff_id) in item.layers.iter().zip(&diff_ids) {
            let part = reading.file(file)?;
            let layer = reading.layer(part, diff_id, call).map_err(|e| {
                e.context(format!("cannot use the layer {file} of {}", archive.path().display()))
            })?;
            layers.insert(layer.digest.clone(), part);
            listed.push(layer);
        }
        let digest = Digest::of(Algorithm::Sha256, &config);
        let document = document(&digest, config.len() as u64, &listed)?;
        Ok(Self { config: (digest, config), archive, limits, document, layers })
    }

    fn missing(&self, what: &'static str, digest: &Digest) -> Error {
        Error::new(Code::NotFound, format!("{} does not contain the {what} {digest}", self.shown()))
            .with(|d| d.what = Some(what))
    }
}

/// The images that the archive lists.
fn items(archive: &Opened, limits: &Limits) -> Result<Vec<Item>> {
    let path = archive.path().display();
    let Some(bytes) = archive.read(MANIFEST, limits.list)? else {
        let message =
            format!("{path} is not an archive of docker save: it does not contain {MANIFEST}");
        let error = Error::new(Code::InvalidArgument, message).phase(Phase::Store);
        return Err(match (archive.has(MARKER), archive.has("repositories")) {
            (true, _) => error.hint("use oci-archive:FILE"),
            (_, true) => error.recode(Code::Unsupported).hint(
                "it may be from a Docker older than 1.10: load it there, and save it with a newer version",
            ),
            _ => error.hint("create it with docker save, or check the path"),
        });
    };
    let malformed = |e: serde_json::Error| {
        Error::new(Code::InvalidManifest, format!("{MANIFEST} of {path} is malformed"))
            .phase(Phase::Store)
            .cause(e)
            .hint("create the archive again")
    };
    strict::check(&bytes).map_err(malformed)?;
    serde_json::from_slice(&bytes).map_err(malformed)
}

/// The image of a name: a reference, or `@` and a number. Without one there must be no choice.
fn choose(items: Vec<Item>, name: Option<&str>, path: &Path) -> Result<Item> {
    let path = path.display();
    let list = {
        let shown = items.iter().enumerate().map(|(number, item)| match &*item.repo_tags {
            [] => format!("@{number}"),
            tags => tags.join(", "),
        });
        format!("{path} contains: {}", shown.collect::<Vec<_>>().join(", "))
    };
    let none =
        |message: String| Error::new(Code::NotFound, message).with(|d| d.what = Some("image"));
    if items.is_empty() {
        return Err(none(format!("{path} does not contain an image")));
    }
    let count = items.len();
    let found = match name {
        None if count > 1 => {
            let message = format!("{path} contains more than one image");
            return Err(Error::new(Code::InvalidArgument, message).hint(format!(
                "choose one with docker-archive:FILE:REFERENCE or docker-archive:FILE:@NUMBER; {list}"
            )));
        }
        None => items.into_iter().next(),
        Some(name) => match name.strip_prefix('@') {
            Some(number) => number.parse().ok().and_then(|n: usize| items.into_iter().nth(n)),
            None => {
                let wanted = tagged(name)?;
                let is_it = |tag: &String| tagged(tag).is_ok_and(|tag| tag == wanted);
                items.into_iter().find(|item| item.repo_tags.iter().any(is_it))
            }
        },
    };
    found.ok_or_else(|| {
        let name = name.unwrap_or_default();
        none(format!("{path} does not contain an image named {name:?}")).hint(list)
    })
}

fn tagged(text: &str) -> Result<Reference> {
    Ok(text.parse::<Reference>()?.with_default_tag())
}

/// What is read before anything is copied.
struct Reading<'a> {
    archive: &'a Opened,
    limits: &'a Limits,
}

impl Reading<'_> {
    fn file(&self, name: &str) -> Result<Part> {
        self.archive.find(name.trim_start_matches("./"))?.ok_or_else(|| self.lacks(name))
    }

    fn lacks(&self, name: &str) -> Error {
        let path = self.archive.path().display();
        Error::new(Code::InvalidManifest, format!("{path} does not contain {name:?}"))
            .phase(Phase::Store)
            .cause(format!("{MANIFEST} lists it"))
            .hint("create the archive again")
    }

    /// What the layers hash to, as the configuration says.
    fn diff_ids(&self, item: &Item, config: &[u8]) -> Result<Vec<Digest>> {
        let shown = format!("cannot use {} of {}", item.config, self.archive.path().display());
        let listed = listed_diff_ids(config).map_err(|e| e.context(&shown))?;
        if listed.len() == item.layers.len() {
            return Ok(listed);
        }
        let (listed, files) = (listed.len(), item.layers.len());
        Err(Error::new(Code::InvalidManifest, shown)
            .phase(Phase::Store)
            .cause(format!("it lists {listed} layers, but {MANIFEST} {files}"))
            .hint("create the archive again"))
    }

    /// The configuration. Programs name it by its digest.
    fn config(&self, item: &Item) -> Result<Vec<u8>> {
        let name = item.config.trim_start_matches("./");
        let bytes = self.archive.read(name, self.limits.config)?;
        let bytes = bytes.ok_or_else(|| self.lacks(&item.config))?;
        let stem = name.rsplit('/').next().unwrap_or(name);
        let stem = stem.strip_suffix(".json").unwrap_or(stem);
        let hex = stem.strip_prefix("sha256:").unwrap_or(stem);
        if let Ok(named) = format!("sha256:{hex}").parse::<Digest>() {
            check_digest(&named, Digest::of(Algorithm::Sha256, &bytes))
                .map_err(|e| self.archive.or_changed(&named, e))?;
        }
        Ok(bytes)
    }

    /// The descriptor of a layer. Of one that is not compressed the configuration has told the digest, which whoever reads it
    /// judges; another one is read now.
    fn layer(&self, part: Part, diff_id: &Digest, call: &Call) -> Result<Descriptor> {
        let mut reader = self.archive.raw(part);
        let mut buffer = vec![0; BUFFER];
        let mut decompressed = DiffId::new(diff_id.algorithm());
        let mut hasher = Hasher::new(Algorithm::Sha256);
        loop {
            let read = reader.read(&mut buffer, call)?;
            if read == 0 {
                break;
            }
            hasher.update(&buffer[..read]);
            decompressed.update(&buffer[..read], &mut |_| {}, call)?;
            if decompressed.format() == Some(Format::Plain) {
                break;
            }
        }
        let media_type = match decompressed.format() {
            None | Some(Format::Plain) => {
                return Ok(Descriptor::new(media_type::DOCKER_LAYER, diff_id.clone(), part.size));
            }
            Some(Format::Gzip) => media_type::DOCKER_LAYER_GZIP,
            Some(Format::Zstd) => media_type::DOCKER_LAYER_ZSTD,
        };
        check_diff_id(diff_id, &decompressed.finish(&mut |_| {}, call)?)
            .map_err(|e| self.archive.or_changed(diff_id, e))?;
        Ok(Descriptor::new(media_type, hasher.finish(), part.size))
    }
}

/// The manifest, in the form in which Docker writes it.
fn document(config: &Digest, size: u64, layers: &[Descriptor]) -> Result<Document> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Written<'a> {
        schema_version: u32,
        media_type: &'a str,
        config: &'a Descriptor,
        layers: &'a [Descriptor],
    }
    let config = Descriptor::new(media_type::DOCKER_CONFIG, config.clone(), size);
    let kind = media_type::DOCKER_MANIFEST;
    let written = Written { schema_version: 2, media_type: kind, config: &config, layers };
    let bytes = serde_json::to_vec(&written)
        .map_err(|e| Error::internal("cannot serialize a manifest").cause(e))?;
    let digest = Digest::of(Algorithm::Sha256, &bytes);
    let descriptor = Descriptor::new(kind, digest, bytes.len() as u64);
    Ok(Document { descriptor, bytes })
}

impl Source for DockerArchiveSource {
    fn shown(&self) -> String {
        format!("docker-archive:{}", self.archive.path().display())
    }

    fn resolve(&self, _call: &Call) -> Result<Document> {
        Ok(self.document.clone())
    }

    fn manifest(&self, descriptor: &Descriptor, _call: &Call) -> Result<Vec<u8>> {
        if self.document.descriptor.digest == descriptor.digest {
            return Ok(self.document.bytes.clone());
        }
        Err(self.missing("manifest", &descriptor.digest))
    }

    fn open_blob(
        &self,
        blob: &Descriptor,
        offset: u64,
        _call: &Call,
    ) -> Result<Box<dyn BlobRead + '_>> {
        let (digest, bytes) = &self.config;
        if blob.digest == *digest {
            let at = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
            return Ok(Box::new(&bytes[at..]));
        }
        match self.layers.get(&blob.digest) {
            Some(part) => Ok(Box::new(self.archive.reader(*part, &blob.digest, offset))),
            None => Err(self.missing("blob", &blob.digest)),
        }
    }

    fn each_endpoint(
        &self,
        _call: &Call,
        read: &mut dyn FnMut(&dyn Source) -> Result<()>,
    ) -> Result<()> {
        read(self)
    }

    fn referrers(&self, _subject: &Digest, _call: &Call) -> Result<Vec<Descriptor>> {
        Ok(Vec::new())
    }

    fn tags(&self, _call: &Call) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    fn limits(&self) -> &Limits {
        &self.limits
    }

    fn concurrency(&self) -> usize {
        CONCURRENCY
    }
}
