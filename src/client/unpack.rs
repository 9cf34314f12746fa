//! From anywhere to the root file system of a container.

use std::path::Path;
use std::time::Instant;

use serde::Serialize;

use super::locations::{self, Opening, Place};
use super::options::UnpackOptions;
use crate::call::{Call, Event};
use crate::credentials::{Allowed, AuthConfig};
use crate::error::{Code, Error, Result};
use crate::image::manifest::Fetched;
use crate::image::select::{Source as _, choose};
use crate::image::{ImageManifest, Manifest, Platform, Sink as _, Source, media_type};
use crate::names::digest::Digest;
use crate::names::location::{Bare, Location};
use crate::registry::service::Service;
use crate::store::Layout;
use crate::store::place::{LayoutSink, LayoutSource, WriteOptions};
use crate::transfer::documents::Documents;
use crate::transfer::report::{BlobReport, ManifestReport, Report};
use crate::unpack::{self, Keep, Skipped, Unpacking};

/// What an unpacked image is.
#[derive(Debug, Clone, Serialize)]
pub struct Unpacked {
    /// As of a pull; the destination is the directory.
    #[serde(flatten)]
    pub report: Report,
    /// Entries of all layers.
    pub entries: u64,
    /// Bytes of data that were written.
    pub bytes: u64,
    /// What each layer hashes to without its compression, lowest first.
    pub diff_ids: Vec<Digest>,
    /// What was left out.
    pub skipped: Vec<Skipped>,
}

/// Unpacks an image to a directory that does not exist or is empty. If it fails, nothing of it is left.
pub fn unpack(
    service: &Service,
    source: &str,
    directory: &str,
    options: UnpackOptions,
    call: Call,
) -> Result<Unpacked> {
    let from = Place::parse(source, Bare::Reference, "source")?.within(options.dir_fd)?;
    if from.is_files() {
        return Err(Error::argument("source", "files:DIR is not an image")
            .hint("use a registry, a layout or an archive"));
    }
    if directory.is_empty() {
        return Err(Error::argument("directory", "the directory must not be empty"));
    }
    let call = call.limited(service.timeouts().total);
    let target = locations::below(Path::new(directory), options.dir_fd)?;
    let request = options.request()?;
    // What is here is looked at before anything is asked of the network.
    let unpacking = Unpacking::begin(&target, request)?;
    let wanted = Wanted {
        auth: options.auth,
        allowed: options.credential_sources.unwrap_or_default(),
        platform: options.platform,
        layout: options.layout,
        dir_fd: options.dir_fd,
    };
    with_image(service, &from, directory, wanted, &call, |source, keep, image, call| {
        unpacking.run(source, keep.as_ref(), image.0, image.1, call)
    })
}

/// What is wanted of an image, whatever is made of it.
pub(super) struct Wanted {
    pub(super) auth: Option<AuthConfig>,
    /// Where they may come from.
    pub(super) allowed: Allowed,
    pub(super) platform: Option<Platform>,
    pub(super) layout: Option<String>,
    pub(super) dir_fd: Option<u32>,
}

/// Finds an image, has something made of it, and reports that. `make` gets its manifest and configuration.
pub(super) fn with_image(
    service: &Service,
    from: &Place,
    destination: &str,
    wanted: Wanted,
    call: &Call,
    make: impl FnOnce(
        &dyn Source,
        Option<Keep<'_>>,
        (&ImageManifest, &[u8]),
        &Call,
    ) -> Result<unpack::Unpacked>,
) -> Result<Unpacked> {
    let began = Instant::now();
    let kept = wanted
        .layout
        .as_deref()
        .map(|location| Kept::open(service, location, from, wanted.dir_fd, call));
    let kept = kept.transpose()?;
    call.event(&Event::Start {})?;
    let opening = Opening { auth: wanted.auth, allowed: wanted.allowed, ..Opening::default() };
    let source = locations::source(service, from, &opening, call)?;
    let documents = Documents { source: &*source, call };
    let image = Image::find(&documents, wanted.platform.as_ref(), call)?;
    let Manifest::Image(manifest) = &image.fetched.manifest else {
        return Err(Error::internal("an index was chosen of an index"));
    };
    let layers = manifest.layers.iter().map(|layer| layer.size);
    call.set_total(layers.fold(manifest.config.size, u64::saturating_add));
    call.add_done(manifest.config.size);
    let keep = kept.as_ref().map(|kept| Keep { sink: &kept.sink, source: &kept.source });
    let done = make(&*source, keep, (manifest, &image.config), call)?;
    if let Some(kept) = &kept {
        kept.finish(&image, call)?;
    }
    call.event(&Event::Finish {})?;
    let mut blobs = vec![BlobReport::of_source(&manifest.config, source.endpoint().is_some())];
    blobs.extend(done.blobs);
    let name = match from.reference() {
        Some(reference) => format!("{}@{}", reference.name(), image.resolved),
        None => image.resolved.to_string(),
    };
    let mut warnings = call.warnings();
    warnings.extend(image.warnings);
    if done.unreported > 0 {
        warnings.push(format!("{} more entries are not listed in skipped", done.unreported));
    }
    let mut report = Report::of_blobs(name, image.fetched.descriptor.clone(), destination, blobs);
    report.manifests = vec![ManifestReport {
        descriptor: image.fetched.descriptor,
        platform: image.platform.clone(),
    }];
    report.platform = image.platform;
    report.endpoint = source.endpoint();
    report.took(began.elapsed());
    report.rate_limits = call.rate_limits();
    report.warnings = warnings;
    Ok(Unpacked {
        report,
        entries: done.entries,
        bytes: done.bytes,
        diff_ids: done.diff_ids,
        skipped: done.skipped,
    })
}

/// The image that is unpacked.
struct Image {
    fetched: Fetched,
    /// What the source's name stands for.
    resolved: Digest,
    config: Vec<u8>,
    platform: Option<Platform>,
    warnings: Vec<String>,
}

impl Image {
    fn find(documents: &Documents<'_>, wanted: Option<&Platform>, call: &Call) -> Result<Self> {
        let root = documents.root()?;
        let resolved = root.descriptor.digest.clone();
        let (mut stated, mut warnings) = (None, Vec::new());
        let fetched = match &root.manifest {
            Manifest::Image(_) => root,
            Manifest::Index(index) => {
                let wanted = wanted.cloned().unwrap_or_else(Platform::host);
                let chosen = choose(index, &wanted, documents.source.limits(), documents)?;
                warnings.extend(chosen.warning);
                stated = chosen.platform;
                chosen.image
            }
        };
        let Manifest::Image(manifest) = &fetched.manifest else {
            return Err(Error::internal("an index was chosen of an index"));
        };
        if !media_type::is_image_config(&manifest.config.media_type) {
            let shown = documents.source.shown();
            let message = format!(
                "{shown} is not an image, but an artifact of the type {:?}",
                manifest.config.media_type
            );
            return Err(Error::new(Code::Unsupported, message)
                .hint("pull the files of an artifact to files:DIR"));
        }
        call.check()?;
        let config = documents.config(&manifest.config)?;
        let found = Platform::of_config(&config);
        if let Some(found) = &found {
            match (&stated, wanted) {
                (Some(stated), _) if !stated.is_like(found) => warnings.push(format!(
                    "the index says that the image is for {stated}, but its configuration says {found}"
                )),
                (None, Some(wanted)) if wanted.suits(found).is_none() => {
                    warnings.push(format!("the image is for {found}, not for {wanted}"));
                }
                _ => {}
            }
        }
        Ok(Self { fetched, resolved, config, platform: stated.or(found), warnings })
    }
}

/// A layout that keeps the image as well.
struct Kept {
    sink: LayoutSink,
    source: LayoutSource,
}

impl Kept {
    fn open(
        service: &Service,
        location: &str,
        from: &Place,
        dir_fd: Option<u32>,
        call: &Call,
    ) -> Result<Self> {
        let place = Place::parse(location, Bare::OnThisMachine, "layout")?.within(dir_fd)?;
        let Place::Local(Location::Oci { dir, name }) = place else {
            return Err(Error::argument("layout", format!("{location} is not an OCI layout"))
                .hint("write oci:DIR or oci:DIR:NAME"));
        };
        let layout = Layout::open_or_create(&dir, call)?;
        let source = LayoutSource::new(layout.clone(), None, service.limits().clone());
        let name = name.or_else(|| from.name());
        let sink = LayoutSink::new(layout, name, WriteOptions::default(), call)?;
        Ok(Self { sink, source })
    }

    /// Writes what is not a layer, and names the image.
    fn finish(&self, image: &Image, call: &Call) -> Result<()> {
        let Fetched { descriptor, bytes, manifest } = &image.fetched;
        let config = manifest.children().next();
        if let Some(config) = config {
            self.sink.put_manifest(config, &image.config, call)?;
        }
        self.sink.put_manifest(descriptor, bytes, call)?;
        self.sink.set_names(descriptor, bytes, &[], call)
    }
}
