//! Manifests and indexes, read so strictly that nobody else can read the same bytes as something else.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::descriptor::Descriptor;
use super::media_type;
use crate::config::settings::Limits;
use crate::error::{Code, Error, Phase, Result};
use crate::json;

/// A document that a registry gives for a tag or digest.
#[derive(Debug, Clone, PartialEq)]
#[allow(clippy::large_enum_variant)] // There are a few of these at a time, not lists of them.
pub enum Manifest {
    /// One image or artifact.
    Image(ImageManifest),
    /// A list of manifests.
    Index(Index),
}

/// A configuration and layers.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageManifest {
    /// One of [`media_type::OCI_MANIFEST`], [`media_type::DOCKER_MANIFEST`].
    pub media_type: String,
    /// The image's configuration, or whatever an artifact has in its place.
    pub config: Descriptor,
    /// The layers, lowest first.
    pub layers: Vec<Descriptor>,
    /// What this refers to, such as the image that a signature is of.
    pub subject: Option<Descriptor>,
    /// Free text by key.
    pub annotations: BTreeMap<String, String>,
    /// The kind of artifact.
    pub artifact_type: Option<String>,
}

/// Manifests, each usually for another platform.
#[derive(Debug, Clone, PartialEq)]
pub struct Index {
    /// One of [`media_type::OCI_INDEX`], [`media_type::DOCKER_LIST`].
    pub media_type: String,
    /// The manifests in the order of preference.
    pub manifests: Vec<Descriptor>,
    /// What this refers to.
    pub subject: Option<Descriptor>,
    /// Free text by key.
    pub annotations: BTreeMap<String, String>,
    /// The kind of artifact.
    pub artifact_type: Option<String>,
}

const KEYS: &[&str] = &[
    "schemaVersion",
    "mediaType",
    "artifactType",
    "config",
    "layers",
    "manifests",
    "fsLayers",
    "subject",
    "annotations",
];

/// Content types that say nothing about a document: some registries and file servers send them.
const GENERIC: &[&str] =
    &["", "application/json", "text/plain", "application/octet-stream", "binary/octet-stream"];

impl Manifest {
    /// Reads the bytes that a registry sent under a `Content-Type`; a local file has none.
    ///
    /// Fails with INVALID_MANIFEST, UNSUPPORTED (a kind of manifest that is not read), LIMIT, or, for
    /// embedded data, DIGEST_MISMATCH and SIZE_MISMATCH.
    pub fn parse(bytes: &[u8], content_type: Option<&str>, limits: &Limits) -> Result<Self> {
        if bytes.len() as u64 > limits.manifest {
            return Err(limit("manifest", limits.manifest, bytes.len()));
        }
        json::check(bytes)
            .map_err(|e| invalid("it is not one plain JSON document").cause(short(&e)))?;
        let fields: HashMap<String, &RawValue> = serde_json::from_slice(bytes)
            .map_err(|e| invalid("it is no JSON object").cause(short(&e)))?;
        if let Some((key, known)) = json::misspelt(fields.keys().map(String::as_str), KEYS) {
            return Err(invalid(format!("it has the key {key:?} for {known:?}")));
        }
        let fields = Fields(fields);
        fields.refuse_mixes()?;
        let media_type = fields.media_type(content_type)?;
        if media_type::is_index(&media_type) {
            Self::index(&fields, media_type, limits)
        } else {
            Self::image(&fields, media_type, limits)
        }
    }

    fn image(fields: &Fields<'_>, media_type: String, limits: &Limits) -> Result<Self> {
        let layers = fields.required::<Option<Vec<Descriptor>>>("layers")?.unwrap_or_default();
        let manifest = ImageManifest {
            media_type,
            config: fields.required("config")?,
            layers,
            subject: fields.optional("subject")?,
            annotations: fields.optional("annotations")?.unwrap_or_default(),
            artifact_type: fields.optional("artifactType")?,
        };
        Self::Image(manifest).checked(limits)
    }

    fn index(fields: &Fields<'_>, media_type: String, limits: &Limits) -> Result<Self> {
        let index = Index {
            media_type,
            manifests: fields.required::<Option<Vec<_>>>("manifests")?.unwrap_or_default(),
            subject: fields.optional("subject")?,
            annotations: fields.optional("annotations")?.unwrap_or_default(),
            artifact_type: fields.optional("artifactType")?,
        };
        Self::Index(index).checked(limits)
    }

    fn checked(self, limits: &Limits) -> Result<Self> {
        let count = self.children().count();
        if count as u64 > limits.children {
            return Err(limit("children", limits.children, count));
        }
        self.children().chain(self.subject()).try_for_each(Descriptor::check)?;
        Ok(self)
    }

    /// What the document's media type is.
    pub fn media_type(&self) -> &str {
        match self {
            Self::Image(image) => &image.media_type,
            Self::Index(index) => &index.media_type,
        }
    }

    /// What the document is made of: configuration and layers, or manifests.
    pub fn children(&self) -> impl Iterator<Item = &Descriptor> {
        let (config, list) = match self {
            Self::Image(image) => (Some(&image.config), &image.layers),
            Self::Index(index) => (None, &index.manifests),
        };
        config.into_iter().chain(list)
    }

    /// What the document refers to.
    pub fn subject(&self) -> Option<&Descriptor> {
        match self {
            Self::Image(image) => image.subject.as_ref(),
            Self::Index(index) => index.subject.as_ref(),
        }
    }

    /// Free text by key.
    pub fn annotations(&self) -> &BTreeMap<String, String> {
        match self {
            Self::Image(image) => &image.annotations,
            Self::Index(index) => &index.annotations,
        }
    }

    /// The kind of artifact: as said, else the type of what stands in place of an image configuration.
    pub fn artifact_type(&self) -> Option<&str> {
        match self {
            Self::Image(image) => {
                let config = Some(&image.config.media_type)
                    .filter(|config| !media_type::is_image_config(config));
                image.artifact_type.as_ref().or(config).map(String::as_str)
            }
            Self::Index(index) => index.artifact_type.as_deref(),
        }
    }

    /// `image`, `index` or `artifact`, as `inspect` names them.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Index(_) => "index",
            Self::Image(_) if self.artifact_type().is_some() => "artifact",
            Self::Image(_) => "image",
        }
    }
}

/// The document's own fields, each still unread.
struct Fields<'a>(HashMap<String, &'a RawValue>);

impl Fields<'_> {
    fn has(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    fn required<'a, T: Deserialize<'a>>(&'a self, key: &str) -> Result<T> {
        let raw = self.0.get(key).ok_or_else(|| invalid(format!("it has no {key:?}")))?;
        serde_json::from_str(raw.get())
            .map_err(|e| invalid(format!("its {key:?} cannot be used")).cause(short(&e)))
    }

    fn optional<'a, T: Deserialize<'a>>(&'a self, key: &str) -> Result<Option<T>> {
        if self.has(key) { self.required(key) } else { Ok(None) }
    }

    /// One document must not be an image to one reader and an index to another, whatever its type says.
    fn refuse_mixes(&self) -> Result<()> {
        let kinds: [&[&str]; 3] = [&["config", "layers"], &["manifests"], &["fsLayers"]];
        let found: Vec<&str> = kinds
            .iter()
            .filter_map(|keys| keys.iter().find(|key| self.has(key)).copied())
            .collect();
        match found.as_slice() {
            [one, other, ..] => Err(invalid(format!(
                "it is two kinds of manifest at once, having {one:?} and {other:?}"
            ))),
            _ => Ok(()),
        }
    }

    /// The one media type on which body, `Content-Type` and fields agree.
    fn media_type(&self, content_type: Option<&str>) -> Result<String> {
        let version = self.optional::<u64>("schemaVersion")?;
        let body = self.optional::<String>("mediaType")?;
        let header = content_type
            .map(media_type::essence)
            .filter(|header| !GENERIC.contains(&header.as_str()));
        if self.has("fsLayers")
            || version == Some(1)
            || [&body, &header].into_iter().flatten().any(|m| media_type::is_schema1(m))
        {
            return Err(Error::new(
                Code::Unsupported,
                "the manifest is a Docker schema 1 manifest, which is no longer read",
            )
            .hint("push the image again with a current client, which writes OCI or schema 2"));
        }
        if let (Some(body), Some(header)) = (&body, &header)
            && body != header
        {
            return Err(invalid(format!(
                "its mediaType is {body:?}, but it was sent as {header:?}"
            )));
        }
        let by_fields =
            if self.has("manifests") { media_type::OCI_INDEX } else { media_type::OCI_MANIFEST };
        let decided = body.or(header).unwrap_or_else(|| by_fields.to_owned());
        if !media_type::is_manifest(&decided) {
            return Err(Error::new(
                Code::Unsupported,
                format!("a manifest of the type {:?} is not read", short(&decided)),
            )
            .hint("OCI manifests and indexes, Docker schema 2 and manifest lists are"));
        }
        if version != Some(2) {
            return Err(invalid("its schemaVersion is not 2"));
        }
        if media_type::is_index(&decided) != self.has("manifests") {
            return Err(invalid(format!("its fields do not fit its type {decided:?}")));
        }
        Ok(decided)
    }
}

fn invalid(why: impl std::fmt::Display) -> Error {
    Error::new(Code::InvalidManifest, format!("the manifest is refused: {why}"))
        .phase(Phase::Verify)
}

fn limit(name: &str, limit: u64, actual: usize) -> Error {
    Error::new(
        Code::Limit,
        format!("the manifest exceeds the limit {name:?}: {actual}, allowed are {limit}"),
    )
    .hint(format!("raise the service option limits/{name} if this is expected"))
}

/// A parser's complaint may quote the whole document.
fn short(text: &impl std::fmt::Display) -> String {
    let text = text.to_string();
    match text.char_indices().nth(200) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
