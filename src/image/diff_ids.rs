//! The diff IDs of an image: what its layers hash to without their compression, as its configuration lists them.

use serde::Deserialize;

use crate::error::{Code, Error, Phase, Result};
use crate::json::strict;
use crate::names::digest::Digest;

/// The diff IDs that a configuration lists, lowest layer first.
pub fn listed_diff_ids(config: &[u8]) -> Result<Vec<Digest>> {
    /// The rest of a configuration may be large, and is not kept.
    #[derive(Deserialize)]
    struct Config {
        rootfs: Option<Rootfs>,
    }
    #[derive(Deserialize)]
    struct Rootfs {
        diff_ids: Option<Vec<Digest>>,
    }
    let checked = strict::check(config).and_then(|()| serde_json::from_slice::<Config>(config));
    let config = checked.map_err(|e| {
        Error::new(Code::InvalidManifest, "the image configuration is not valid")
            .phase(Phase::Verify)
            .cause(e)
            .hint("rebuild the image, or report this to whoever built it")
    })?;
    Ok(config.rootfs.and_then(|rootfs| rootfs.diff_ids).unwrap_or_default())
}

/// The diff IDs of an image whose manifest lists so many layers: DIGEST_MISMATCH if the configuration lists more or fewer.
pub fn diff_ids(config: &[u8], layers: usize) -> Result<Vec<Digest>> {
    let listed = listed_diff_ids(config)?;
    if listed.len() == layers {
        return Ok(listed);
    }
    let stated = listed.len();
    Err(Error::new(
        Code::DigestMismatch,
        format!("the manifest lists {layers} layers, but the image configuration {stated}"),
    )
    .phase(Phase::Verify)
    .hint("rebuild the image, or report this to whoever built it")
    .with(|d| d.what = Some("diff_id")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_layer_has_a_diff_id() {
        let digest = format!("sha256:{}", "ab".repeat(32));
        let config = format!(r#"{{"os": "linux", "rootfs": {{"diff_ids": ["{digest}"]}}}}"#);
        let found = diff_ids(config.as_bytes(), 1).expect("a configuration");
        assert_eq!(found.iter().map(ToString::to_string).collect::<Vec<_>>(), [digest]);
        // Go writes an empty list as null, or not at all.
        for none in ["{}", r#"{"rootfs": null}"#, r#"{"rootfs": {"diff_ids": null}}"#] {
            assert!(diff_ids(none.as_bytes(), 0).expect("a configuration").is_empty(), "{none}");
        }
        for wrong in [
            "[]",
            "not JSON",
            r#"{"rootfs": {"diff_ids": ["sha256:1"]}}"#,
            r#"{"rootfs": {"diff_ids": []}, "rootfs": {}}"#,
        ] {
            let error = diff_ids(wrong.as_bytes(), 1).expect_err(wrong);
            assert_eq!(error.code(), Code::InvalidManifest, "{wrong}");
        }
        for (config, layers) in [("{}", 1), (config.as_str(), 2), (config.as_str(), 0)] {
            let error = diff_ids(config.as_bytes(), layers).expect_err("another number");
            assert_eq!(
                (error.code(), error.details().what),
                (Code::DigestMismatch, Some("diff_id"))
            );
        }
    }
}
