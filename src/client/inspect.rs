//! What an image is, without its layers.

use serde::Serialize;
use serde_json::value::RawValue;

use crate::call::Call;
use crate::error::{Code, Error, Result};
use crate::image::manifest::Fetched;
use crate::image::manifest::Kind;
use crate::image::select::{Source as _, choose};
use crate::image::transport::{Endpoint, Source as _};
use crate::image::{Descriptor, Manifest, Platform, media_type, platform};
use crate::json::strict;
use crate::names::reference::Reference;
use crate::registry::session::Session;
use crate::transfer::documents::Documents;

/// How an inspection is done.
#[derive(Debug, Clone)]
pub struct Options {
    /// Whose image of an index; None is this machine's.
    pub platform: Option<Platform>,
    /// Whether the configuration is fetched.
    pub config: bool,
    /// Whether the layers are listed.
    pub layers: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { platform: None, config: true, layers: true }
    }
}

/// What an image is.
#[derive(Debug, Clone, Serialize)]
pub struct Inspection {
    /// The canonical reference, with the digest that it stands for.
    pub reference: String,
    /// The repository's name.
    pub name: String,
    /// The document that the reference stands for.
    pub descriptor: Descriptor,
    /// What that is.
    pub kind: Kind,
    /// What an index offers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub platforms: Vec<Offer>,
    /// The platform of the image described below.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "platform::as_text")]
    pub platform: Option<Platform>,
    /// The image's manifest; of an index, that of the platform, if it has one.
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
    /// What it refers to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<Descriptor>,
    /// Annotations of the document that the reference stands for.
    #[serde(skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub annotations: std::collections::BTreeMap<String, String>,
    /// Who gave it.
    pub endpoint: Endpoint,
    /// What the user should know though all went well.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// One manifest of an index.
#[derive(Debug, Clone, Serialize)]
pub struct Offer {
    /// What it runs on, where the index says so.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "platform::as_text")]
    pub platform: Option<Platform>,
    /// What it is.
    pub descriptor: Descriptor,
}

/// Inspects a reference through an open session.
pub fn inspect(
    session: &Session,
    reference: &Reference,
    options: &Options,
    call: &Call,
) -> Result<Inspection> {
    let children = Documents { source: session, call };
    let root = children.root()?;
    let (mut platforms, mut platform) = (Vec::new(), None);
    let image = match &root.manifest {
        Manifest::Image(_) => Some(root.clone()),
        Manifest::Index(index) => {
            platforms = index
                .manifests
                .iter()
                .map(|child| Offer { platform: child.platform.clone(), descriptor: child.clone() })
                .collect();
            let wanted = options.platform.clone().unwrap_or_else(Platform::host);
            match choose(index, &wanted, session.limits(), &children) {
                Ok(chosen) => {
                    platform = chosen.platform;
                    Some(chosen.image)
                }
                // An index without this machine's platform is no failure, unless the platform was asked for.
                Err(error) if options.platform.is_none() && error.code() == Code::NoPlatform => {
                    None
                }
                Err(error) => return Err(error),
            }
        }
    };
    let info = session.info();
    let mut inspection = Inspection {
        reference: format!("{}@{}", reference.name(), root.descriptor.digest),
        name: reference.name(),
        descriptor: root.descriptor.clone(),
        kind: root.manifest.kind(),
        platforms,
        platform,
        manifest: None,
        config: None,
        layers: None,
        artifact_type: root.manifest.artifact_type().map(str::to_owned),
        subject: root.manifest.subject().cloned(),
        annotations: root.manifest.annotations().clone(),
        endpoint: Endpoint { url: info.endpoint, mirror: info.mirror },
        warnings: call.warnings(),
    };
    if let Some(image) = image {
        describe(&mut inspection, &image, options, &children)?;
    }
    Ok(inspection)
}

fn describe(
    inspection: &mut Inspection,
    image: &Fetched,
    options: &Options,
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

/// A document that is only passed on, and so not read into a tree.
fn document(bytes: &[u8], what: &str) -> Result<Box<RawValue>> {
    strict::check(bytes).and_then(|()| serde_json::from_slice(bytes)).map_err(|e| {
        Error::new(Code::InvalidManifest, format!("{what} is not valid JSON")).cause(e)
    })
}
