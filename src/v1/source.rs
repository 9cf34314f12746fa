//! An image of a v1 index as the source of a copy: the history is walked, and each image's layer fetched into a layout, from
//! the oldest on. v1 has no digests: those of the result are computed here, and say what came, not what was meant.

use std::time::{Duration, Instant};

use super::convert::{OciImage, V1Image, convert, platform};
use super::{ImageId, Root, Session};
use crate::call::event::{BlobSource, Direction};
use crate::call::{Call, Event};
use crate::compress::{DiffId, Format};
use crate::config::settings::Limits;
use crate::error::{Code, Error, Phase, Result};
use crate::image::manifest::Document;
use crate::image::transport::EndpointReport;
use crate::image::{BlobRead, Descriptor, Platform, Source, media_type};
use crate::names::digest::{Algorithm, Digest};
use crate::names::reference::Reference;
use crate::store::place::LayoutSource;
use crate::store::{Layout, NewBlob};
use crate::tar;
use crate::transfer::report::{BlobReport, Done};

/// What is read from a connection before it is written.
const BUFFER: usize = 256 << 10;

/// The least time between two progress events of one layer.
const EVENT: Duration = Duration::from_millis(100);

/// The tag of a reference that names none.
const LATEST: &str = "latest";

/// What the user should know of such an image.
const WARNING: &str = "protocol v1 has no digests: the digests of this image were computed from the downloaded content";

/// An image whose layers have come, with the OCI documents that were made for them.
#[derive(Debug)]
pub struct ConvertedImage {
    image: OciImage,
    layers: Vec<BlobReport>,
    /// Where the layers are.
    staging: LayoutSource,
    root: Root,
    shown: String,
    began: Instant,
}

impl ConvertedImage {
    /// Fetches what a reference names. The layers go into a layout: best the one that the image is for.
    pub fn fetch(
        session: &Session,
        reference: &Reference,
        layout: &Layout,
        wanted: Option<&Platform>,
        call: &Call,
    ) -> Result<Self> {
        let began = Instant::now();
        if let Some(digest) = reference.digest() {
            return Err(Error::new(
                Code::Unsupported,
                format!("protocol v1 has no digests, so {digest} cannot be pulled with it"),
            )
            .hint("pull by tag"));
        }
        let data = session.get_repository_data(reference.path(), call)?;
        let tag = reference.tag().unwrap_or(LATEST);
        let newest = session.get_remote_tag(&data.endpoints, reference.path(), tag, call)?;
        let (root, history) = history(session, &data.endpoints, &newest, call)?;
        let known = documents(session, &root, &history, call)?;
        // Before the layers, which are large.
        if let (Some(wanted), Some(newest)) = (wanted, known.last()) {
            let found = platform(&newest.json)?;
            if wanted.suits(&found).is_none() {
                let message = format!("the image is for {found}, not for {wanted}");
                return Err(Error::new(Code::NoPlatform, message));
            }
        }
        let mut chain = Vec::with_capacity(known.len());
        let mut layers = Vec::with_capacity(known.len());
        for known in known {
            let (image, report) = fetch(session, layout, &root, known, call)?;
            chain.push(image);
            layers.push(report);
        }
        let limits = session.endpoint().service().common().limits.clone();
        Ok(Self {
            image: convert(&chain)?,
            layers,
            staging: LayoutSource::new(layout.clone(), None, limits),
            root,
            shown: reference.name(),
            began,
        })
    }

    /// What a copy of the image did, with what had been done before it: the layers as they came.
    pub fn complete(self, done: &mut Done) {
        done.began = self.began;
        done.blobs = self.layers;
        done.warnings.insert(0, WARNING.to_owned());
    }
}

impl Source for ConvertedImage {
    fn shown(&self) -> String {
        self.shown.clone()
    }

    fn resolve(&self, call: &Call) -> Result<Document> {
        let descriptor = self.image.manifest.descriptor.clone();
        let bytes = self.manifest(&descriptor, call)?;
        Ok(Document { descriptor, bytes })
    }

    fn manifest(&self, descriptor: &Descriptor, _call: &Call) -> Result<Vec<u8>> {
        descriptor.verify(&self.image.manifest.bytes)?;
        Ok(self.image.manifest.bytes.clone())
    }

    fn open_blob(
        &self,
        blob: &Descriptor,
        offset: u64,
        call: &Call,
    ) -> Result<Box<dyn BlobRead + '_>> {
        let config = &self.image.config;
        if blob.digest != config.descriptor.digest {
            return self.staging.open_blob(blob, offset, call);
        }
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        Ok(Box::new(config.bytes.get(offset..).unwrap_or_default()))
    }

    fn each_endpoint(
        &self,
        _call: &Call,
        read: &mut dyn FnMut(&dyn Source) -> Result<()>,
    ) -> Result<()> {
        read(self)
    }

    fn has_counted(&self, blob: &Descriptor) -> bool {
        self.layers.iter().any(|layer| layer.digest == blob.digest)
    }

    fn referrers(&self, _subject: &Digest, _call: &Call) -> Result<Vec<Descriptor>> {
        Ok(Vec::new())
    }

    fn tags(&self, _call: &Call) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    fn limits(&self) -> &Limits {
        self.staging.limits()
    }

    fn concurrency(&self) -> usize {
        self.staging.concurrency()
    }

    fn endpoint(&self) -> Option<EndpointReport> {
        Some(EndpointReport { url: self.root.to_string(), mirror: false })
    }
}

/// The chain from the newest image to the oldest, and the registry that has it: the first one that knows it.
fn history(
    session: &Session,
    roots: &[Root],
    newest: &ImageId,
    call: &Call,
) -> Result<(Root, Vec<ImageId>)> {
    let mut failure = None;
    for root in roots {
        match session.get_remote_history(newest, root, call) {
            Ok(history) => return Ok((root.clone(), history)),
            Err(error) if error.code() == Code::NotFound => failure = Some(error),
            Err(error) => return Err(error),
        }
    }
    Err(failure.unwrap_or_else(|| Error::new(Code::NotFound, "no registry has the image")))
}

/// What the registry says of an image before its layer comes.
struct Known<'a> {
    id: &'a ImageId,
    json: Vec<u8>,
    /// The size of its layer, if the registry states it.
    size: Option<u64>,
}

/// What is known of each image, the oldest first.
fn documents<'a>(
    session: &Session,
    root: &Root,
    history: &'a [ImageId],
    call: &Call,
) -> Result<Vec<Known<'a>>> {
    let most = session.endpoint().service().common().limits.config;
    let (mut known, mut bytes, mut parent) = (Vec::new(), 0, None);
    for id in history.iter().rev() {
        let (json, size) = session.get_remote_image_json(id, root, call)?;
        check_parent(id, parent, &json)?;
        parent = Some(id);
        // All of them are kept until the end, and become part of one configuration.
        bytes += json.len() as u64;
        if bytes > most {
            let message = format!("the JSON of all images together is larger than {most} bytes");
            return Err(Error::new(Code::Limit, message)
                .phase(Phase::Body)
                .hint("raise config in the option limits, if you trust this registry"));
        }
        known.push(Known { id, json, size });
    }
    Ok(known)
}

/// The JSON of an image must name the parent that it has in the history.
fn check_parent(id: &ImageId, parent: Option<&ImageId>, json: &[u8]) -> Result<()> {
    #[derive(serde::Deserialize)]
    struct Image {
        parent: Option<String>,
    }
    let wrong = || {
        Error::new(Code::InvalidManifest, format!("cannot use the JSON of the image {id}"))
            .phase(Phase::Verify)
    };
    let image: Image = serde_json::from_slice(json).map_err(|e| wrong().cause(e))?;
    let named = image.parent.as_deref().filter(|parent| !parent.is_empty());
    if named == parent.map(ImageId::as_str) {
        return Ok(());
    }
    Err(wrong().cause("its parent is not the one in the history"))
}

fn fetch(
    session: &Session,
    layout: &Layout,
    root: &Root,
    Known { id, json, size }: Known<'_>,
    call: &Call,
) -> Result<(V1Image, BlobReport)> {
    let common = session.endpoint().service().common();
    let _slot = common.slots.take(root.url().authority(), call)?;
    let began = Instant::now();
    let mut reader = session.get_remote_image_layer(id, root, size, call)?;
    if let Some(size) = reader.size() {
        call.add_total(size);
    }
    let mut arriving =
        Arriving { id, blob: layout.new_blob()?, content: Content::new(), offset: 0, told: None };
    let mut buffer = vec![0; BUFFER];
    loop {
        let mut filled = 0;
        while filled < buffer.len() {
            match reader.read(&mut buffer[filled..], call)? {
                0 => break,
                read => filled += read,
            }
        }
        if filled == 0 {
            break;
        }
        arriving.take(&buffer[..filled], reader.size().is_some(), call)?;
    }
    let (layer, diff_id) = arriving.finish(layout, call)?;
    let mut report = BlobReport {
        digest: layer.digest.clone(),
        size: layer.size,
        media_type: layer.media_type.clone(),
        bytes_transferred: layer.size,
        resumed_from: 0,
        retries: reader.retries(),
        source: BlobSource::Network,
        duration_ms: 0,
        bytes_per_second: 0,
    };
    report.took(began.elapsed());
    Ok((V1Image { json, layer, diff_id }, report))
}

/// A layer that is written to the layout.
struct Arriving<'a> {
    id: &'a ImageId,
    blob: NewBlob,
    content: Content,
    offset: u64,
    told: Option<Instant>,
}

impl Arriving<'_> {
    fn take(&mut self, bytes: &[u8], size_is_known: bool, call: &Call) -> Result<()> {
        self.content.take(bytes, self.id, call)?;
        self.blob.write(bytes)?;
        self.offset += bytes.len() as u64;
        if !size_is_known {
            // What there is in all is what has come.
            call.add_total(bytes.len() as u64);
        }
        call.add_done(bytes.len() as u64);
        if self.told.is_some_and(|told| told.elapsed() < EVENT) {
            return Ok(());
        }
        self.told = Some(Instant::now());
        call.event(&Event::Blob {
            digest: None,
            what: Some(self.id.as_str()),
            media_type: None,
            offset: self.offset,
            total: None,
            done: false,
            direction: Direction::Down,
            source: BlobSource::Network,
        })
    }

    /// The blob that the layer became, and its digest without compression.
    fn finish(self, layout: &Layout, call: &Call) -> Result<(Descriptor, Digest)> {
        if self.offset == 0 {
            return Err(wrong_layer(self.id, "it is empty"));
        }
        let media_type = self.content.media_type();
        let diff_id = self.content.finish(self.id, call)?;
        let (digest, size) = self.blob.finish()?;
        layout.mark(&digest);
        call.event(&Event::Blob {
            digest: Some(&digest),
            what: None,
            media_type: Some(media_type),
            offset: size,
            total: Some(size),
            done: true,
            direction: Direction::Down,
            source: BlobSource::Network,
        })?;
        Ok((Descriptor::new(media_type, digest, size), diff_id))
    }
}

/// What is in a layer, hashed without its compression.
struct Content {
    diff_id: DiffId,
    /// The first bytes of the archive.
    first: Vec<u8>,
}

impl Content {
    fn new() -> Self {
        Self { diff_id: DiffId::new(Algorithm::Sha256), first: Vec::new() }
    }

    /// By what came; there are at least some bytes.
    fn media_type(&self) -> &'static str {
        match self.diff_id.format() {
            Some(Format::Gzip) => media_type::OCI_LAYER_GZIP,
            _ => media_type::OCI_LAYER,
        }
    }

    fn take(&mut self, bytes: &[u8], id: &ImageId, call: &Call) -> Result<()> {
        let first = &mut self.first;
        self.diff_id
            .update(bytes, &mut |bytes| keep(first, bytes), call)
            .map_err(|e| unusable(id, e))?;
        if self.diff_id.format() == Some(Format::Zstd) {
            return Err(compressed(id, "zstd"));
        }
        Ok(())
    }

    fn finish(self, id: &ImageId, call: &Call) -> Result<Digest> {
        let mut first = self.first;
        let finished = self.diff_id.finish(&mut |bytes| keep(&mut first, bytes), call);
        let digest = finished.map_err(|e| unusable(id, e))?;
        if !tar::may_begin(&first) {
            return Err(wrong_layer(id, "it is not a tar archive"));
        }
        Ok(digest)
    }
}

/// Keeps the first block.
fn keep(first: &mut Vec<u8>, bytes: &[u8]) {
    let missing = tar::BLOCK - first.len();
    first.extend_from_slice(&bytes[..missing.min(bytes.len())]);
}

/// What is said of a layer that cannot be decompressed.
fn unusable(id: &ImageId, error: Error) -> Error {
    match error.code() {
        Code::Unsupported | Code::InvalidManifest | Code::Limit => {
            error.context(format!("cannot use the layer of the image {id}")).phase(Phase::Verify)
        }
        _ => error,
    }
}

fn compressed(id: &ImageId, name: &str) -> Error {
    Error::new(
        Code::Unsupported,
        format!("the layer of the image {id} is compressed with {name}"),
    )
    .hint("layers of protocol v1 can be converted only if they are uncompressed or compressed with gzip")
}

fn wrong_layer(id: &ImageId, why: &str) -> Error {
    Error::new(Code::InvalidManifest, format!("cannot use the layer of the image {id}: {why}"))
        .phase(Phase::Verify)
}
