//! The index of a layout: which images it has, and what they are called there.

use std::fmt;
use std::path::Path;

use serde_json::{Map, Value, json};

use crate::config::settings::Limits;
use crate::error::{Code, Error, Phase, Result};
use crate::image::{Descriptor, Manifest, media_type};
use crate::json::strict;

/// The annotation that names an image within a layout.
pub const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// The file that says that a directory or an archive is a layout.
pub(super) const MARKER: &str = "oci-layout";
/// The file of the index.
pub(super) const INDEX: &str = "index.json";
/// The directory of the blobs.
pub(super) const BLOBS: &str = "blobs";

/// Bytes of `index.json` that are read: a few hundred thousand images.
pub(super) const INDEX_LIMIT: u64 = 64 << 20;

/// Bytes of `oci-layout` that are read.
pub(super) const MARKER_LIMIT: u64 = 4096;

const VERSION: &str = "1.0.0";

/// What `oci-layout` says in layouts that are written here.
pub(super) fn marker() -> Vec<u8> {
    json!({ "imageLayoutVersion": VERSION }).to_string().into_bytes()
}

/// Whether `oci-layout` says that the layout of this path can be read; None if it says nothing.
pub(super) fn check_marker(content: Option<&[u8]>, path: &Path) -> Result<Option<()>> {
    let marker: Option<Value> = content.and_then(|bytes| serde_json::from_slice(bytes).ok());
    let version = marker.as_ref().and_then(|m| m.get("imageLayoutVersion")?.as_str());
    match version {
        Some(version) if version.starts_with("1.") => Ok(Some(())),
        Some(version) => Err(Error::new(
            Code::Unsupported,
            format!(
                "{} is an image layout of version {version:?}, which is not supported",
                path.display()
            ),
        )
        .phase(Phase::Store)
        .hint("use an image layout of version 1")),
        None => Ok(None),
    }
}

/// An index without images.
pub(super) fn empty() -> Map<String, Value> {
    let mut index = Map::new();
    index.insert("schemaVersion".to_owned(), json!(2));
    index.insert("mediaType".to_owned(), json!(media_type::OCI_INDEX));
    index.insert("manifests".to_owned(), json!([]));
    index
}

/// The entry of an image under a name, or under none.
pub(super) fn entry(descriptor: &Descriptor, name: Option<&str>) -> Result<Value> {
    let mut entry = descriptor.clone();
    if let Some(name) = name {
        entry.annotations.get_or_insert_default().insert(REF_NAME.to_owned(), name.to_owned());
    }
    serde_json::to_value(entry)
        .map_err(|e| Error::internal("cannot serialize a descriptor").cause(e))
}

/// Puts an entry in the place of those it replaces: of the same name, or as nameless and of the same digest.
pub(super) fn enter(entries: &mut Vec<Value>, entry: Value, name: Option<&str>) {
    let name_of = |e: &Value| Some(e.get("annotations")?.get(REF_NAME)?.as_str()?.to_owned());
    let digest = entry.get("digest").cloned();
    let replaced = |e: &Value| match name_of(e) {
        Some(old) => Some(old.as_str()) == name,
        None => e.get("digest") == digest.as_ref(),
    };
    let at = entries.iter().position(replaced).unwrap_or(entries.len());
    entries.retain(|e| !replaced(e));
    entries.insert(at.min(entries.len()), entry);
}

/// The name of an entry.
pub(super) fn ref_name(descriptor: &Descriptor) -> Option<&str> {
    descriptor.annotations.as_ref()?.get(REF_NAME).map(String::as_str)
}

/// An index file, as messages call it.
pub(super) struct Named<'a>(pub(super) &'a dyn fmt::Display);

impl Named<'_> {
    /// The file as it is, with whatever others keep in it.
    pub(super) fn parse(&self, bytes: &[u8]) -> Result<Map<String, Value>> {
        // The user's own file: as large as it is.
        strict::check_up_to(bytes, usize::MAX).map_err(|e| self.malformed(e))?;
        let index: Map<String, Value> =
            serde_json::from_slice(bytes).map_err(|e| self.malformed(e))?;
        // Go programs write an empty list as null, or not at all.
        let sound = match index.get("manifests") {
            None | Some(Value::Null) => true,
            Some(Value::Array(entries)) => entries.iter().all(Value::is_object),
            Some(_) => false,
        };
        if !sound {
            return Err(self.malformed("its key \"manifests\" is not a list of JSON objects"));
        }
        if let Some(key) = ["config", "layers"].into_iter().find(|key| index.contains_key(*key)) {
            return Err(
                self.malformed(format!("it has the key {key:?}, which belongs in a manifest"))
            );
        }
        Ok(index)
    }

    /// The images with their names, in the order of the file.
    pub(super) fn entries(&self, bytes: &[u8]) -> Result<Vec<Descriptor>> {
        if self.parse(bytes)?.get("manifests").is_none() {
            return Ok(Vec::new());
        }
        let limits = Limits::builder().manifest(INDEX_LIMIT).children(u64::MAX).build()?;
        match Manifest::parse(bytes, None, &limits) {
            Ok(Manifest::Index(index)) => Ok(index.manifests),
            Ok(Manifest::Image(_)) => Err(self.malformed("it is not an index")),
            Err(e) => Err(self.malformed(e)),
        }
    }

    pub(super) fn malformed(&self, why: impl fmt::Display) -> Error {
        Error::new(Code::InvalidManifest, format!("{} is malformed: {why}", self.0))
            .phase(Phase::Store)
    }
}

/// The image of a name; without a name the only image. `path` is where the layout is, `form` how a location of it is
/// written.
pub(super) fn resolve(
    entries: &[Descriptor],
    name: Option<&str>,
    path: &Path,
    form: &str,
) -> Result<Descriptor> {
    let path = path.display();
    let list = || {
        let names = entries.iter().map(|d| ref_name(d).unwrap_or("(no name)"));
        format!("{path} contains: {}", names.collect::<Vec<_>>().join(", "))
    };
    let none =
        |message: String| Error::new(Code::NotFound, message).with(|d| d.what = Some("image"));
    let Some(first) = entries.first() else {
        return Err(
            none(format!("{path} does not contain an image")).hint("pull an image into it first")
        );
    };
    match name {
        Some(name) => {
            entries.iter().find(|d| ref_name(d) == Some(name)).cloned().ok_or_else(|| {
                none(format!("{path} does not contain an image named {name:?}")).hint(list())
            })
        }
        None if entries.iter().all(|d| d.digest == first.digest) => Ok(first.clone()),
        None => {
            Err(Error::new(Code::InvalidArgument, format!("{path} contains more than one image"))
                .hint(format!("choose one with {form}:NAME; {}", list())))
        }
    }
}
