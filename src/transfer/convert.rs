//! Manifests of Docker's media types in the OCI form: the same documents under other names.

use std::collections::HashMap;

use serde_json::Value;

use crate::config::settings::Limits;
use crate::error::{Code, Error, Result};
use crate::image::manifest::Fetched;
use crate::image::{Descriptor, Manifest, media_type};
use crate::names::digest::Digest;

/// Each type of Docker's with the OCI type that means the same.
const TYPES: &[(&str, &str)] = &[
    (media_type::DOCKER_LIST, media_type::OCI_INDEX),
    (media_type::DOCKER_MANIFEST, media_type::OCI_MANIFEST),
    (media_type::DOCKER_CONFIG, media_type::OCI_CONFIG),
    (media_type::DOCKER_LAYER, media_type::OCI_LAYER),
    (media_type::DOCKER_LAYER_GZIP, media_type::OCI_LAYER_GZIP),
    (media_type::DOCKER_LAYER_ZSTD, "application/vnd.oci.image.layer.v1.tar+zstd"),
    (
        "application/vnd.docker.image.rootfs.foreign.diff.tar",
        "application/vnd.oci.image.layer.nondistributable.v1.tar",
    ),
    (
        "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
        "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
    ),
];

/// The OCI form of a manifest whose children have become others already. One that needs no change stays byte for byte.
pub(super) fn to_oci(
    fetched: Fetched,
    became: &HashMap<Digest, Descriptor>,
    limits: &Limits,
) -> Result<Fetched> {
    if !needs_change(&fetched.manifest, became) {
        return Ok(fetched);
    }
    let cannot = |e: serde_json::Error| Error::internal("cannot convert a manifest").cause(e);
    let mut document: Value = serde_json::from_slice(&fetched.bytes).map_err(cannot)?;
    let own = fetched.manifest.media_type();
    document["mediaType"] = oci_type(own).unwrap_or(own).into();
    for key in ["config", "subject"] {
        if let Some(descriptor) = document.get_mut(key) {
            convert_descriptor(descriptor, became);
        }
    }
    for key in ["layers", "manifests"] {
        let list = document.get_mut(key).and_then(Value::as_array_mut);
        list.into_iter().flatten().for_each(|descriptor| convert_descriptor(descriptor, became));
    }
    let bytes = serde_json::to_vec(&document).map_err(cannot)?;
    let manifest = Manifest::parse(&bytes, None, limits)
        .map_err(|e| e.recode(Code::InvalidManifest).context("cannot convert a manifest to OCI"))?;
    let digest = Digest::of(fetched.descriptor.digest.algorithm(), &bytes);
    let descriptor = Descriptor::new(manifest.media_type(), digest, bytes.len() as u64);
    Ok(Fetched { descriptor, bytes, manifest })
}

fn needs_change(manifest: &Manifest, became: &HashMap<Digest, Descriptor>) -> bool {
    let is_other =
        |d: &Descriptor| oci_type(&d.media_type).is_some() || became.contains_key(&d.digest);
    oci_type(manifest.media_type()).is_some() || manifest.children().any(is_other)
}

fn oci_type(kind: &str) -> Option<&'static str> {
    TYPES.iter().find(|(docker, _)| *docker == kind).map(|(_, oci)| *oci)
}

/// A descriptor within a manifest; only its type, digest and size change.
fn convert_descriptor(descriptor: &mut Value, became: &HashMap<Digest, Descriptor>) {
    let text = |key: &str| descriptor.get(key).and_then(Value::as_str);
    let made = text("digest").and_then(|d| d.parse::<Digest>().ok()).and_then(|d| became.get(&d));
    if let Some(made) = made {
        let (kind, digest, size) = (made.media_type.clone(), made.digest.to_string(), made.size);
        descriptor["mediaType"] = kind.into();
        descriptor["digest"] = digest.into();
        descriptor["size"] = size.into();
        if let Some(fields) = descriptor.as_object_mut() {
            fields.shift_remove("data");
        }
    } else if let Some(oci) = text("mediaType").and_then(oci_type) {
        descriptor["mediaType"] = oci.into();
    }
}
