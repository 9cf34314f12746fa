//! The uncompressed layers of an image, as its configuration lists them.

use serde::Deserialize;

use crate::error::{Code, Error, Phase, Result};
use crate::json::strict;
use crate::names::digest::Digest;

/// The diff IDs of an image that has so many layers, lowest first.
pub fn diff_ids(config: &[u8], layers: usize) -> Result<Vec<Digest>> {
    /// The rest of a configuration may be large, and is not kept.
    #[derive(Deserialize)]
    struct Config {
        #[serde(default)]
        rootfs: Option<Rootfs>,
    }
    #[derive(Deserialize)]
    struct Rootfs {
        #[serde(default)]
        diff_ids: Option<Vec<Digest>>,
    }
    let invalid = |why: String| {
        Error::new(Code::InvalidManifest, "the image's configuration is not valid")
            .phase(Phase::Verify)
            .cause(why)
            .hint("rebuild the image, or report this to whoever built it")
    };
    strict::check(config).map_err(|e| invalid(e.to_string()))?;
    let config: Config = serde_json::from_slice(config).map_err(|e| invalid(e.to_string()))?;
    let listed = config.rootfs.and_then(|rootfs| rootfs.diff_ids).unwrap_or_default();
    if listed.len() != layers {
        let listed = listed.len();
        return Err(invalid(format!("it lists {listed} layers, but the image has {layers}")));
    }
    Ok(listed)
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
            "{}",
            "[]",
            "not JSON",
            r#"{"rootfs": {"diff_ids": ["sha256:1"]}}"#,
            r#"{"rootfs": {"diff_ids": []}, "rootfs": {}}"#,
        ] {
            let error = diff_ids(wrong.as_bytes(), 1).expect_err(wrong);
            assert_eq!(error.code(), Code::InvalidManifest, "{wrong}");
        }
        assert!(diff_ids(config.as_bytes(), 2).is_err());
    }
}
