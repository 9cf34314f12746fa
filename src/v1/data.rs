//! The documents of protocol v1, in the forms that were published.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::image_id::ImageId;
use super::root::Root;
use crate::error::{Error, Result};
use crate::json;

/// What an index knows of one image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImgData {
    /// Its id.
    pub id: ImageId,
    /// Its tarsum.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub checksum: String,
    /// Its tag.
    #[serde(default, rename = "Tag", skip_serializing_if = "String::is_empty")]
    pub tag: String,
    /// The checksum of what was sent; only ever a header.
    #[serde(default, skip_serializing)]
    pub checksum_payload: String,
}

impl ImgData {
    /// Reads one of a caller's; `argument` is what it is called.
    pub fn parse(text: &str, argument: &str) -> Result<Self> {
        let value = json::parse(text, argument)?;
        serde_json::from_value(value).map_err(|e| wrong(argument, e))
    }

    /// Reads a list of a caller's.
    pub fn parse_list(text: &str, argument: &str) -> Result<Vec<Self>> {
        let value = json::parse(text, argument)?;
        serde_json::from_value(value).map_err(|e| wrong(argument, e))
    }
}

fn wrong(argument: &str, why: serde_json::Error) -> Error {
    json::invalid(argument, format!("{argument} is not what is known of images"))
        .cause(why)
        .hint(r#"an image reads {"id": "64 hex digits", "checksum": "…", "Tag": "…"}"#)
}

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
        Err(Error::argument("limit", format!("a search cannot give {limit} results"))
            .hint("give a limit from 1 to 100; 25 is usual"))
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
    pub query: String,
    /// How many there are.
    pub num_results: u64,
    /// The first of them.
    #[serde(deserialize_with = "null_is_empty")]
    pub results: Vec<SearchResult>,
}

/// One repository that a search found.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs)] // Each field is the key of its name.
pub struct SearchResult {
    pub name: String,
    pub description: String,
    pub star_count: i64,
    pub is_official: bool,
    pub is_automated: bool,
}

fn null_is_empty<'de, D: serde::Deserializer<'de>>(
    from: D,
) -> std::result::Result<Vec<SearchResult>, D::Error> {
    Option::<Vec<SearchResult>>::deserialize(from).map(Option::unwrap_or_default)
}
