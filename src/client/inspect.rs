//! What an image is, without its layers.

use serde::Serialize;
use serde_json::value::RawValue;

use super::locations::{self, Opening, Place};
use super::options::InspectOptions;
use crate::call::Call;
use crate::error::{Code, Error, Result};
use crate::image::manifest::Fetched;
use crate::image::manifest::Kind;
use crate::image::select::{Source as _, choose};
use crate::image::transport::EndpointReport;
use crate::image::{Descriptor, Manifest, Platform, media_type, platform};
use crate::json::strict;
use crate::names::location::Bare;
use crate::names::reference::Reference;
use crate::registry::service::Service;
use crate::transfer::documents::Documents;

/// What an image is.
#[derive(Debug, Clone, Serialize)]
pub struct Inspection {
    /// The canonical reference of an image in a registry, with its digest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// The repository's name, or the name of an image on this machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The descriptor of the manifest or index that the reference names.
    pub descriptor: Descriptor,
    /// Whether that is an image, an index or an artifact.
    pub kind: Kind,
    /// The platforms of an index.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub platforms: Vec<Offer>,
    /// The platform of the image described below.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "platform::as_text")]
    pub platform: Option<Platform>,
    /// The image's manifest. Of an index, it is the manifest for the platform, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manifest: Option<Box<RawValue>>,
    /// The image's configuration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config: Option<Box<RawValue>>,
    /// The image's layers, lowest first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layers: Option<Vec<Descriptor>>,
    /// The kind of artifact.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// The subject that it refers to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<Descriptor>,
    /// The annotations of the manifest or index that the reference names.
    #[serde(skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub annotations: std::collections::BTreeMap<String, String>,
    /// The endpoint that it came from, if that is a registry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<EndpointReport>,
    /// Warnings for the user.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// One manifest of an index.
#[derive(Debug, Clone, Serialize)]
pub struct Offer {
    /// Its platform, if the index states it.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "platform::as_text")]
    pub platform: Option<Platform>,
    /// What it is.
    pub descriptor: Descriptor,
}

/// Describes the image of a reference or of another location.
pub fn inspect(
    service: &Service,
    source: &str,
    options: InspectOptions,
    call: Call,
) -> Result<Inspection> {
    let place = Place::parse(source, Bare::Reference, "source")?.within(options.dir_fd)?;
    let call = call.limited(service.timeouts().total);
    let allowed = options.credential_sources.clone().unwrap_or_default();
    let opening = Opening { auth: options.auth.clone(), allowed, ..Opening::default() };
    let source = locations::source(service, &place, &opening, &call)?;
    let children = Documents { source: &*source, call: &call };
    let root = children.root()?;
    let mut inspection = Inspection {
        reference: place.reference().map(|r| format!("{}@{}", r.name(), root.descriptor.digest)),
        name: place.reference().map(Reference::name).or_else(|| place.name()),
        descriptor: root.descriptor.clone(),
        kind: root.manifest.kind(),
        platforms: offers(&root.manifest),
        platform: None,
        manifest: None,
        config: None,
        layers: None,
        artifact_type: root.manifest.artifact_type().map(str::to_owned),
        subject: root.manifest.subject().cloned(),
        annotations: root.manifest.annotations().clone(),
        endpoint: None,
        warnings: Vec::new(),
    };
    if let Some(image) = image_of(root, &mut inspection, options.platform.as_ref(), &children)? {
        describe(&mut inspection, &image, &options, &children)?;
    }
    inspection.endpoint = source.endpoint();
    inspection.warnings = call.warnings();
    Ok(inspection)
}

/// What an index lists.
fn offers(manifest: &Manifest) -> Vec<Offer> {
    let Manifest::Index(index) = manifest else { return Vec::new() };
    let offer =
        |child: &Descriptor| Offer { platform: child.platform.clone(), descriptor: child.clone() };
    index.manifests.iter().map(offer).collect()
}

/// The image itself, or the image for the platform in an index.
fn image_of(
    root: Fetched,
    inspection: &mut Inspection,
    platform: Option<&Platform>,
    children: &Documents<'_>,
) -> Result<Option<Fetched>> {
    let Manifest::Index(index) = &root.manifest else { return Ok(Some(root)) };
    let wanted = platform.cloned().unwrap_or_else(Platform::host);
    match choose(index, &wanted, children.source.limits(), children) {
        Ok(chosen) => {
            inspection.platform = chosen.platform;
            Ok(Some(chosen.image))
        }
        // An index without this machine's platform is no failure, unless the platform was asked for.
        Err(error) if platform.is_none() && error.code() == Code::NoPlatform => Ok(None),
        Err(error) => Err(error),
    }
}

fn describe(
    inspection: &mut Inspection,
    image: &Fetched,
    options: &InspectOptions,
    children: &Documents<'_>,
) -> Result<()> {
    inspection.manifest = Some(document(&image.bytes, "the manifest")?);
    let Manifest::Image(manifest) = &image.manifest else { return Ok(()) };
    if options.layers {
        inspection.layers = Some(manifest.layers.clone());
    }
    if options.config && media_type::is_image_config(&manifest.config.media_type) {
        let bytes = children.config(&manifest.config)?;
        if inspection.platform.is_none() {
            inspection.platform = Platform::of_config(&bytes);
        }
        inspection.config = Some(document(&bytes, "the image configuration")?);
    }
    Ok(())
}

/// JSON that is only passed on, so it is not parsed.
fn document(bytes: &[u8], what: &str) -> Result<Box<RawValue>> {
    strict::check(bytes).and_then(|()| serde_json::from_slice(bytes)).map_err(|e| {
        Error::new(Code::InvalidManifest, format!("{what} is not valid JSON")).cause(e)
    })
}
