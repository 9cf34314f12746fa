//! What points at content: media type, digest and size.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use super::platform::Platform;
use crate::config::settings::Limits;
use crate::error::{Code, Error, Phase, Result};
use crate::json::null::null_is_empty;
use crate::json::strict::misspelt;
use crate::names::digest::Digest;
use crate::sort;

/// An OCI content descriptor; its JSON form is the published one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// What the content is; any text.
    pub media_type: String,
    /// What the content hashes to.
    pub digest: Digest,
    /// Bytes of the content, at most `i64::MAX`. Never trusted for an allocation.
    #[serde(deserialize_with = "size")]
    pub size: u64,
    /// Where the content is fetched from, for non-distributable layers.
    #[serde(default, deserialize_with = "null_is_empty", skip_serializing_if = "Vec::is_empty")]
    pub urls: Vec<String>,
    /// Free text by key.
    #[serde(default, deserialize_with = "annotations", skip_serializing_if = "Option::is_none")]
    pub annotations: Option<BTreeMap<String, String>>,
    /// The content itself in base64; see [`Descriptor::embedded`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
    /// What the content runs on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// The kind of artifact that the content is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// Keys that this library does not know, kept as they were.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// Twice what RFC 6838 allows, and room for parameters.
const LONGEST_MEDIA_TYPE: usize = 1024;

const KEYS: &[&str] =
    &["mediaType", "digest", "size", "urls", "annotations", "data", "platform", "artifactType"];

impl Descriptor {
    /// A descriptor of the three required parts.
    pub fn new(media_type: impl Into<String>, digest: Digest, size: u64) -> Self {
        Self {
            media_type: media_type.into(),
            digest,
            size,
            urls: Vec::new(),
            annotations: None,
            data: None,
            platform: None,
            artifact_type: None,
            other: Map::new(),
        }
    }

    /// The content that the descriptor carries itself, once it has matched size and digest.
    pub fn embedded(&self) -> Result<Option<Vec<u8>>> {
        let Some(data) = &self.data else { return Ok(None) };
        let bytes = BASE64.decode(data).map_err(|e| {
            Error::new(
                Code::InvalidManifest,
                format!(
                    "the data embedded in the descriptor of {} is not valid base64",
                    self.digest
                ),
            )
            .phase(Phase::Verify)
            .cause(e)
        })?;
        self.verify(&bytes).map_err(|e| {
            e.context("the data embedded in a descriptor does not match its size or digest")
        })?;
        Ok(Some(bytes))
    }

    /// Whether these bytes are the content described: size first, then digest.
    pub fn verify(&self, bytes: &[u8]) -> Result<()> {
        check_size(&self.digest, self.size, bytes.len() as u64)?;
        check_digest(&self.digest, Digest::of(self.digest.algorithm(), bytes))
    }

    /// Refuses keys in another letter case, and embedded data that does not match.
    pub(crate) fn check(&self, limits: &Limits) -> Result<()> {
        if self.urls.len() as u64 > limits.urls {
            return Err(Error::new(
                Code::Limit,
                format!(
                    "the descriptor of {} has {} URLs, more than the limit of {}",
                    self.digest,
                    self.urls.len(),
                    limits.urls
                ),
            )
            .hint("raise urls in the option limits, if you trust this registry"));
        }
        if self.media_type.len() > LONGEST_MEDIA_TYPE {
            return Err(Error::new(
                Code::InvalidManifest,
                format!(
                    "the media type of {} has more than {LONGEST_MEDIA_TYPE} bytes",
                    self.digest
                ),
            ));
        }
        let platform = self.platform.iter().flat_map(|p| p.other.keys().map(String::as_str));
        let found = misspelt(self.other.keys().map(String::as_str), KEYS)
            .or_else(|| misspelt(platform, Platform::KEYS));
        if let Some((key, known)) = found {
            return Err(Error::new(
                Code::InvalidManifest,
                format!(
                    "the descriptor of {} has the key {key:?} instead of {known:?}",
                    self.digest
                ),
            ));
        }
        self.embedded().map(drop)
    }
}

/// SIZE_MISMATCH unless content has the size that was announced.
pub(crate) fn check_size(digest: &Digest, expected: u64, actual: u64) -> Result<()> {
    if expected == actual {
        return Ok(());
    }
    Err(Error::new(
        Code::SizeMismatch,
        format!("{digest} has {actual} bytes, but {expected} were expected"),
    )
    .phase(Phase::Verify)
    .with(|d| {
        d.size_expected = Some(expected);
        d.size_actual = Some(actual);
    }))
}

/// DIGEST_MISMATCH unless content has the digest that was asked for.
pub(crate) fn check_digest(expected: &Digest, actual: Digest) -> Result<()> {
    if *expected == actual {
        return Ok(());
    }
    Err(Error::new(
        Code::DigestMismatch,
        format!("the content has the digest {actual}, but {expected} was expected"),
    )
    .phase(Phase::Verify)
    .hint("the content was damaged or replaced, in transit or where it is stored")
    .with(|d| {
        d.digest_expected = Some(expected.to_string());
        d.digest_actual = Some(actual.to_string());
    }))
}

fn size<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let size = u64::deserialize(deserializer)?;
    if i64::try_from(size).is_err() {
        return Err(serde::de::Error::custom(format_args!("the size {size} is out of range")));
    }
    Ok(size)
}

/// Annotations, of which Go reads null as an empty string.
pub(crate) fn annotations<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<BTreeMap<String, String>>, D::Error> {
    let read: Option<BTreeMap<String, Option<String>>> = Option::deserialize(deserializer)?;
    Ok(read.map(|all| sort::map(all.into_iter().map(|(k, v)| (k, v.unwrap_or_default())))))
}
