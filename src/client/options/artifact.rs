//! The options that describe an artifact made of files.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::error::{Error, Result};
use crate::image::media_type;
use crate::json::schema::{Kind, OptionValue, options, wrong};

options! {
    /// A file of an artifact.
    pub struct ArtifactFile built by ArtifactFileBuilder of call "artifact_file" {
        /// The path of the file, relative to the directory, or absolute. A symbolic link must not leave the directory. What is
        /// a directory itself is packed into a tar archive with gzip.
        "path" => path: Option<String>, else "required";
        /// The name of the file in the artifact, which a pull gives to it: a path below the directory.
        "title" => title: Option<String>, else "`path`";
        /// The media type of the layer.
        "media_type" => media_type: Option<String>, else "`application/vnd.oci.image.layer.v1.tar`, of a directory with `+gzip`";
        /// Annotations of the layer.
        "annotations" => annotations: BTreeMap<String, String>;
    }
    check together;
}

options! {
    /// The file that is an artifact's configuration.
    pub struct ArtifactConfig built by ArtifactConfigBuilder of call "artifact_config" {
        /// The path of the file, relative to the directory, or absolute.
        "path" => path: Option<String>, else "required";
        /// The media type of the configuration.
        "media_type" => media_type: Option<String>, else "`application/vnd.unknown.config.v1+json`";
        /// Annotations of the configuration.
        "annotations" => annotations: BTreeMap<String, String>;
    }
    check together;
}

impl ArtifactFile {
    fn together(&self) -> Result<()> {
        check_file(self.path.as_deref())?;
        // Programs use any string for the types of layers.
        match &self.media_type {
            Some(kind) if kind.is_empty() || kind.contains(char::is_control) => {
                Err(bad_type("media_type", kind))
            }
            _ => Ok(()),
        }
    }
}

impl ArtifactConfig {
    fn together(&self) -> Result<()> {
        check_file(self.path.as_deref())?;
        check_type("media_type", self.media_type.as_deref())
    }
}

/// The option `config` of an artifact: a path, or an object.
#[derive(Debug, Clone)]
pub struct ConfigFile(pub(crate) ArtifactConfig);

impl OptionValue for ConfigFile {
    const KIND: Kind = Kind::Either(&Kind::Path, &Kind::Document(ArtifactConfig::SCHEMA));

    fn read(value: Value, name: &str) -> Result<Self> {
        match value {
            Value::String(path) => ArtifactConfig::builder().path(path).build().map(Self),
            object => ArtifactConfig::read(object, name).map(Self),
        }
    }

    fn json(&self) -> Option<Value> {
        None
    }
}

fn check_file(path: Option<&str>) -> Result<()> {
    if path.is_none_or(|path| path.is_empty() || path.contains('\0')) {
        return Err(Error::argument(
            "path",
            "the path of a file is missing or contains a NUL character",
        )
        .hint("set path to the path of a file, relative to the directory"));
    }
    Ok(())
}

pub(super) fn check_type(key: &str, kind: Option<&str>) -> Result<()> {
    match kind {
        Some(kind) if !media_type::is_valid(kind) => Err(bad_type(key, kind)),
        _ => Ok(()),
    }
}

fn bad_type(key: &str, kind: &str) -> Error {
    Error::argument(key, format!("{kind:?} is not a valid media type"))
        .hint("write type/subtype, such as application/vnd.example.thing.v1+json")
}

impl OptionValue for Vec<ArtifactFile> {
    const KIND: Kind = Kind::List(&Kind::Document(ArtifactFile::SCHEMA));

    fn read(value: Value, name: &str) -> Result<Self> {
        let Value::Array(files) = value else { return Err(wrong(name, "a list of objects")) };
        files.into_iter().map(|file| ArtifactFile::read(file, name)).collect()
    }

    fn json(&self) -> Option<Value> {
        None
    }
}
