//! The diff IDs of an image: what its layers hash to without their compression, as its configuration lists them.

use serde::Deserialize;

use crate::error::{Code, Error, Phase, Result};
use crate::names::digest::Digest;

/// The diff IDs of an image with so many layers, lowest layer first.
pub fn diff_ids(config: &[u8], layers: usize) -> Result<Vec<Digest>> {
    #[derive(Deserialize)]
    struct Config {
        rootfs: Option<RootFs>,
    }
    #[derive(Deserialize)]
    struct RootFs {
        diff_ids: Option<Vec<Digest>>,
    }
    let config: Config = serde_json::from_slice(config).map_err(|e| {
        Error::new(Code::InvalidManifest, "the image configuration is not valid").cause(e)
    })?;
    let diff_ids = config.rootfs.and_then(|rootfs| rootfs.diff_ids).unwrap_or_default();
    if diff_ids.len() == layers {
        return Ok(diff_ids);
    }
    let stated = diff_ids.len();
    Err(Error::new(
        Code::DigestMismatch,
        format!("the manifest lists {layers} layers, but the image configuration {stated}"),
    )
    .phase(Phase::Verify)
    .hint("report this to whoever built the image")
    .with(|d| d.what = Some("diff_id")))
}
