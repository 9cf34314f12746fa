//! The documents of protocol v1, in the forms that were published.

use std::collections::BTreeMap;

use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::image_id::ImageId;
use super::root::Root;
use crate::error::{Error, Result};
use crate::json::strict;

/// What an index knows of one image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImgData {
    /// Its id.
    pub id: ImageId,
    /// Its tarsum.
    #[serde(default, deserialize_with = "or_null", skip_serializing_if = "String::is_empty")]
    pub checksum: String,
    /// Its tag.
    #[serde(
        default,
        rename = "Tag",
        deserialize_with = "or_null",
        skip_serializing_if = "String::is_empty"
    )]
    pub tag: String,
    /// The checksum of what was sent; only ever a header.
    #[serde(default, deserialize_with = "or_null", skip_serializing)]
    pub checksum_payload: String,
}

impl ImgData {
    /// Reads one of a caller's; `argument` is what it is called.
    pub fn parse(text: &str, argument: &str) -> Result<Self> {
        let value = strict::parse(text, argument)?;
        serde_json::from_value::<Map<String, Value>>(value)
            .and_then(|image| serde_json::from_value(image.into()))
            .map_err(|e| wrong(argument, e))
    }

    /// Reads a list of a caller's.
    pub fn parse_list(text: &str, argument: &str) -> Result<Vec<Self>> {
        strict::parse(text, argument)?;
        let list: ImgList = serde_json::from_str(text).map_err(|e| wrong(argument, e))?;
        Ok(list.0)
    }
}

fn wrong(argument: &str, why: serde_json::Error) -> Error {
    strict::invalid(argument, format!("{argument} is not a valid list of images"))
        .cause(why)
        .hint(r#"an image reads {"id": "64 hex digits", "checksum": "…", "Tag": "…"}"#)
}

/// The list of images that an index answers with.
#[derive(Debug, Deserialize)]
pub(super) struct ImgList(#[serde(deserialize_with = "objects")] pub(super) Vec<ImgData>);

/// What an index says of a repository; in JSON, Go's RepositoryData.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct RepositoryData {
    /// Its images by id.
    pub img_list: BTreeMap<String, ImgData>,
    /// The registries that have them.
    pub endpoints: Vec<Root>,
}

/// How many results a search may give at most: 1 to 100.
#[derive(Debug, Clone, Copy)]
pub struct Limit(i32);

impl Limit {
    /// Refuses what no index takes.
    pub fn new(limit: i32) -> Result<Self> {
        if (1..=100).contains(&limit) {
            return Ok(Self(limit));
        }
        Err(Error::argument("limit", format!("a search cannot return {limit} results"))
            .hint("use a limit from 1 to 100; the usual one is 25"))
    }
}

impl std::fmt::Display for Limit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// What a search found; in JSON, the Engine API's SearchResults.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SearchResults {
    /// The term.
    #[serde(deserialize_with = "or_null")]
    pub query: String,
    /// How many there are.
    #[serde(deserialize_with = "or_null")]
    pub num_results: u64,
    /// The first of them.
    #[serde(deserialize_with = "objects")]
    pub results: Vec<SearchResult>,
}

/// One repository that a search found.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs)] // Each field is the key of its name.
pub struct SearchResult {
    #[serde(deserialize_with = "or_null")]
    pub name: String,
    #[serde(deserialize_with = "or_null")]
    pub description: String,
    #[serde(deserialize_with = "or_null")]
    pub star_count: i64,
    #[serde(deserialize_with = "or_null")]
    pub is_official: bool,
    #[serde(deserialize_with = "or_null")]
    pub is_automated: bool,
}

/// To Go, whose servers wrote these documents first, null is as good as absent.
fn or_null<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    from: D,
) -> std::result::Result<T, D::Error> {
    Option::<T>::deserialize(from).map(Option::unwrap_or_default)
}

/// A list of objects, and of nothing else: a list would do for a struct, as its fields in order.
///
/// Each is read from its text: trees of them all would take many times their size.
fn objects<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    from: D,
) -> std::result::Result<Vec<T>, D::Error> {
    // Owned: not every reader has the text in one piece to lend.
    let items: Vec<Box<RawValue>> = or_null(from)?;
    let read = |item: Box<RawValue>| {
        let text = item.get();
        if !text.starts_with('{') {
            return Err(serde_json::Error::custom("an entry of the list is not a JSON object"));
        }
        serde_json::from_str(text)
    };
    items.into_iter().map(read).collect::<serde_json::Result<_>>().map_err(D::Error::custom)
}

/// The id within an image's JSON must be the one that it goes by.
pub(super) fn check_image(image: &ImageId, json: &[u8]) -> std::result::Result<(), String> {
    #[derive(serde::Deserialize)]
    struct Image {
        id: ImageId,
    }
    crate::json::strict::check(json).map_err(|e| e.to_string())?;
    // A list would do for a struct, as its fields in order.
    if !json.trim_ascii_start().starts_with(b"{") {
        return Err("it is not a JSON object".to_owned());
    }
    let said: Image = serde_json::from_slice(json).map_err(|e| e.to_string())?;
    if said.id == *image { Ok(()) } else { Err(format!("its id is {}", said.id)) }
}
