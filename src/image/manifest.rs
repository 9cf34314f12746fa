//! Manifests and indexes, parsed so strictly that no other parser can read the same bytes differently.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::descriptor::Descriptor;
use super::media_type;
use crate::config::settings::Limits;
use crate::error::{Code, Error, Phase, Result};
use crate::json::strict;
use crate::sort;

/// A document that a registry gives for a tag or digest.
#[derive(Debug, Clone, PartialEq)]
#[allow(clippy::large_enum_variant)] // There are a few of these at a time, not lists of them.
pub enum Manifest {
    /// One image or artifact.
    Image(ImageManifest),
    /// A list of manifests.
    Index(Index),
}

/// What a document is to its user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum Kind {
    Image,
    Index,
    Artifact,
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
        // 32 bytes of JSON to a value, on average: those of a local index of any size are not too many.
        let most = usize::try_from(limits.manifest / 32).unwrap_or(usize::MAX).max(1 << 18);
        strict::check_up_to(bytes, most).map_err(|e| not_plain(&e))?;
        let fields: HashMap<String, &RawValue> = serde_json::from_slice(bytes)
            .map_err(|e| invalid("it is not a JSON object").cause(short(&e)))?;
        if let Some((key, known)) = strict::misspelt(fields.keys().map(String::as_str), KEYS) {
            return Err(invalid(format!("it has the key {key:?} instead of {known:?}")));
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
        // Registries keep manifests of artifacts that have no list of layers, and other readers take them.
        let layers = fields.optional::<Vec<Descriptor>>("layers")?.unwrap_or_default();
        let manifest = ImageManifest {
            media_type,
            config: fields.required("config")?,
            layers,
            subject: fields.optional("subject")?,
            annotations: fields.annotations()?,
            artifact_type: fields.optional("artifactType")?,
        };
        Self::Image(manifest).checked(limits)
    }

    fn index(fields: &Fields<'_>, media_type: String, limits: &Limits) -> Result<Self> {
        let index = Index {
            media_type,
            manifests: fields.required::<Option<Vec<_>>>("manifests")?.unwrap_or_default(),
            subject: fields.optional("subject")?,
            annotations: fields.annotations()?,
            artifact_type: fields.optional("artifactType")?,
        };
        Self::Index(index).checked(limits)
    }

    fn checked(self, limits: &Limits) -> Result<Self> {
        let count = self.children().count();
        if count as u64 > limits.children {
            return Err(limit("children", limits.children, count));
        }
        self.children().chain(self.subject()).try_for_each(|d| d.check(limits))?;
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

    /// The artifact type: as stated, else the media type of the configuration.
    pub fn artifact_type(&self) -> Option<&str> {
        match self {
            Self::Image(image) => {
                let config = Some(&image.config.media_type)
                    .filter(|config| !media_type::is_image_config(config));
                let stated = image.artifact_type.as_ref().filter(|stated| !stated.is_empty());
                stated.or(config).map(String::as_str)
            }
            Self::Index(index) => index.artifact_type.as_deref().filter(|t| !t.is_empty()),
        }
    }

    /// What the document is: the configuration of an artifact is none of an image.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Index(_) => Kind::Index,
            Self::Image(image) if media_type::is_image_config(&image.config.media_type) => {
                Kind::Image
            }
            Self::Image(_) => Kind::Artifact,
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
        let raw = self.0.get(key).ok_or_else(|| invalid(format!("it lacks the key {key:?}")))?;
        serde_json::from_str(raw.get())
            .map_err(|e| invalid(format!("its key {key:?} is not valid")).cause(short(&e)))
    }

    fn optional<'a, T: Deserialize<'a>>(&'a self, key: &str) -> Result<Option<T>> {
        if self.has(key) { self.required(key) } else { Ok(None) }
    }

    fn annotations(&self) -> Result<BTreeMap<String, String>> {
        let read = self.optional::<BTreeMap<String, Option<String>>>("annotations")?;
        let read = read.unwrap_or_default().into_iter();
        Ok(sort::map(read.map(|(key, value)| (key, value.unwrap_or_default()))))
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
                "it mixes two kinds of manifest: it has both {one:?} and {other:?}"
            ))),
            _ => Ok(()),
        }
    }

    /// The one media type on which body, `Content-Type` and fields agree.
    fn media_type(&self, content_type: Option<&str>) -> Result<String> {
        let version = self.optional::<u64>("schemaVersion")?;
        let body = self.optional::<String>("mediaType")?.filter(|body| !body.is_empty());
        let header = stated_type(content_type);
        if self.has("fsLayers")
            || version == Some(1)
            || [&body, &header].into_iter().flatten().any(|m| media_type::is_schema1(m))
        {
            return Err(schema1());
        }
        if let (Some(body), Some(header)) = (&body, &header)
            && body != header
        {
            return Err(two_types(body, header));
        }
        let by_fields =
            if self.has("manifests") { media_type::OCI_INDEX } else { media_type::OCI_MANIFEST };
        let decided = body.or(header).unwrap_or_else(|| by_fields.to_owned());
        if !media_type::is_manifest(&decided) {
            return Err(Error::new(
                Code::Unsupported,
                format!("manifests of the type {:?} are not supported", short(&decided)),
            )
            .hint("ocireg supports OCI manifests and indexes, and Docker schema 2 manifests and manifest lists"));
        }
        if version != Some(2) {
            return Err(invalid("its schemaVersion is not 2"));
        }
        if media_type::is_index(&decided) != self.has("manifests") {
            return Err(invalid(format!("its keys do not match its type {decided:?}")));
        }
        Ok(decided)
    }
}

/// The type of a manifest that is not read, but that the caller accepts by name; None for the types that are read.
///
/// Fails where it was sent as one type and says of itself that it is another.
pub(crate) fn foreign_type(
    content_type: Option<&str>,
    bytes: &[u8],
    named: impl Fn(&str) -> bool,
) -> Result<Option<String>> {
    #[derive(Deserialize)]
    struct Said {
        #[serde(default, rename = "mediaType")]
        media_type: Option<String>,
    }
    let foreign =
        |kind: &str| named(kind) && !media_type::is_manifest(kind) && !media_type::is_schema1(kind);
    let header = stated_type(content_type);
    if header.as_deref().is_some_and(|header| !foreign(header)) {
        return Ok(None);
    }
    // What is no JSON object says nothing of itself.
    if !bytes.trim_ascii_start().starts_with(b"{") {
        return Ok(header);
    }
    check_json(bytes)?;
    let body = serde_json::from_slice::<Said>(bytes).ok().and_then(|said| said.media_type);
    let body = body.filter(|body| !body.is_empty());
    match (body, header) {
        (Some(body), Some(header)) if body != header => Err(two_types(&body, &header)),
        (Some(body), None) => Ok(Some(body).filter(|body| foreign(body))),
        (_, header) => Ok(header),
    }
}

/// The type that a `Content-Type` names, if it says anything.
fn stated_type(content_type: Option<&str>) -> Option<String> {
    content_type.map(media_type::essence).filter(|kind| !GENERIC.contains(&kind.as_str()))
}

fn check_json(bytes: &[u8]) -> Result<()> {
    strict::check(bytes).map_err(|e| not_plain(&e))
}

fn not_plain(why: &serde_json::Error) -> Error {
    invalid("it is not a single valid JSON object").cause(short(why))
}

fn two_types(body: &str, header: &str) -> Error {
    let body = short(&body);
    invalid(format!("its mediaType is {body:?}, but its Content-Type is {header:?}"))
}

/// Whether these bytes are a manifest of schema 1, whatever they were sent as. Looked at loosely: nothing else is done with
/// them.
pub(crate) fn is_schema1(content_type: Option<&str>, bytes: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Version {
        #[serde(rename = "schemaVersion")]
        version: u64,
    }
    content_type.is_some_and(|kind| media_type::is_schema1(&media_type::essence(kind)))
        || serde_json::from_slice::<Version>(bytes).is_ok_and(|read| read.version == 1)
}

/// The refusal of schema 1.
pub(crate) fn schema1() -> Error {
    Error::new(
        Code::Unsupported,
        "the manifest is a Docker schema 1 manifest, which is no longer supported",
    )
    .hint(
        "push the image again with a current client, which writes OCI or Docker schema 2 manifests",
    )
}

fn invalid(why: impl std::fmt::Display) -> Error {
    Error::new(Code::InvalidManifest, format!("the manifest is not valid: {why}"))
        .phase(Phase::Verify)
}

fn limit(name: &str, limit: u64, actual: usize) -> Error {
    Error::new(
        Code::Limit,
        format!(
            "the manifest exceeds the limit {name:?}: {actual}, but at most {limit} is allowed"
        ),
    )
    .hint(format!("raise {name} in the option limits, if you trust this registry"))
}

/// A parser's complaint may quote the whole document.
fn short(text: &impl std::fmt::Display) -> String {
    let text = text.to_string();
    match text.char_indices().nth(200) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
/// A manifest as it came: its bytes are what the digest is of.
#[derive(Debug, Clone)]
pub struct Fetched {
    /// What it is.
    pub descriptor: Descriptor,
    /// The exact bytes.
    pub bytes: Vec<u8>,
    /// The same, read.
    pub manifest: Manifest,
}

/// A manifest as it came, of a type that may be known to the caller alone.
#[derive(Debug, Clone)]
pub struct Document {
    /// What it is.
    pub descriptor: Descriptor,
    /// The exact bytes.
    pub bytes: Vec<u8>,
}
