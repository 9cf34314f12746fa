//! A chain of v1 images as one OCI image.
//!
//! Protocol v1 has an image for each layer, its JSON beside it. What ran last describes the whole; all of them become
//! the history, each with its v1 JSON as it was under the key `v1Compatibility`.

use serde_json::{Map, Value, json};

use crate::digest::{Algorithm, Digest};
use crate::error::{Code, Error, Phase, Result};
use crate::json;
use crate::v2::{Descriptor, Platform, media_type};

/// One image of the chain.
#[derive(Debug)]
pub struct V1Image {
    /// Its JSON, as the registry gave it.
    pub json: Vec<u8>,
    /// Its layer, as it is stored.
    pub layer: Descriptor,
    /// What its layer hashes to without compression.
    pub diff_id: Digest,
}

/// A document with its descriptor.
#[derive(Debug)]
pub struct Document {
    /// What it is.
    pub descriptor: Descriptor,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// The OCI image of a chain.
#[derive(Debug)]
pub struct OciImage {
    /// The manifest.
    pub manifest: Document,
    /// The configuration.
    pub config: Document,
    /// What it runs on.
    pub platform: Platform,
}

/// Makes the OCI documents of a chain, whose oldest image comes first.
pub fn convert(chain: &[V1Image]) -> Result<OciImage> {
    let histories =
        chain.iter().map(|image| history(&image.json)).collect::<Result<Vec<Value>>>()?;
    let newest = chain.last().ok_or_else(|| malformed("the chain of images is empty"))?;
    let about = object(&newest.json)?;
    let text = |key: &str, usual: &str| -> String {
        let given = about.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
        given.unwrap_or(usual).to_owned()
    };
    // Images of the first years name neither; there was nothing else.
    let (os, architecture) = (text("os", "linux"), text("architecture", "amd64"));
    let mut config = Map::new();
    for key in ["created", "author", "config", "variant", "os.version", "os.features"] {
        if let Some(value) = about.get(key).filter(|value| !value.is_null()) {
            config.insert(key.to_owned(), value.clone());
        }
    }
    config.insert("architecture".to_owned(), json!(architecture));
    config.insert("os".to_owned(), json!(os));
    let diff_ids: Vec<&Digest> = chain.iter().map(|image| &image.diff_id).collect();
    config.insert("rootfs".to_owned(), json!({"type": "layers", "diff_ids": diff_ids}));
    config.insert("history".to_owned(), Value::Array(histories));
    let config = document(media_type::OCI_CONFIG, &Value::Object(config))?;
    let layers: Vec<&Descriptor> = chain.iter().map(|image| &image.layer).collect();
    let manifest = document(
        media_type::OCI_MANIFEST,
        &json!({
            "schemaVersion": 2,
            "mediaType": media_type::OCI_MANIFEST,
            "config": config.descriptor,
            "layers": layers,
        }),
    )?;
    let variant = about.get("variant").and_then(Value::as_str);
    Ok(OciImage { manifest, config, platform: Platform::new(&os, &architecture, variant) })
}

fn history(bytes: &[u8]) -> Result<Value> {
    let about = object(bytes)?;
    let mut entry = Map::new();
    for key in ["created", "author", "comment"] {
        if let Some(text) = about.get(key).and_then(Value::as_str).filter(|text| !text.is_empty()) {
            entry.insert(key.to_owned(), json!(text));
        }
    }
    let command = about.get("container_config").and_then(|config| config.get("Cmd"));
    if let Some(words) = command.and_then(Value::as_array) {
        let words: Vec<&str> = words.iter().filter_map(Value::as_str).collect();
        entry.insert("created_by".to_owned(), json!(words.join(" ")));
    }
    let text = std::str::from_utf8(bytes).map_err(|e| malformed("it is no UTF-8").cause(e))?;
    entry.insert("v1Compatibility".to_owned(), json!(text));
    Ok(Value::Object(entry))
}

fn object(bytes: &[u8]) -> Result<Map<String, Value>> {
    json::check(bytes).map_err(|e| malformed("it is no JSON").cause(e))?;
    serde_json::from_slice(bytes).map_err(|e| malformed("it is no object").cause(e))
}

fn document(media_type: &str, content: &Value) -> Result<Document> {
    let bytes = serde_json::to_vec(content)
        .map_err(|e| Error::internal("a document cannot be written").cause(e))?;
    let digest = Digest::of(Algorithm::Sha256, &bytes);
    let descriptor = Descriptor::new(media_type, digest, bytes.len() as u64);
    Ok(Document { descriptor, bytes })
}

fn malformed(why: &str) -> Error {
    Error::new(Code::InvalidManifest, format!("the JSON of a v1 image is malformed: {why}"))
        .phase(Phase::Verify)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(json: &Value, layer: &[u8]) -> V1Image {
        let digest = Digest::of(Algorithm::Sha256, layer);
        V1Image {
            json: json.to_string().into_bytes(),
            layer: Descriptor::new("application/x", digest, layer.len() as u64),
            diff_id: Digest::of(Algorithm::Sha256, &[layer, b"!"].concat()),
        }
    }

    #[test]
    fn the_newest_image_describes_the_whole_and_all_are_history() {
        let chain = [
            image(
                &json!({"id": "a", "created": "2014-01-01T00:00:00Z", "author": "Ann",
                    "container_config": {"Cmd": ["/bin/sh", "-c", "#(nop) ADD file"]}}),
                b"base",
            ),
            image(
                &json!({"id": "b", "parent": "a", "architecture": "arm64", "os": "linux", "comment": "hello",
                    "config": {"Cmd": ["sh"], "Env": null}}),
                b"top",
            ),
        ];
        let made = convert(&chain).expect("an image");
        assert_eq!(made.platform.to_string(), "linux/arm64");
        let config: Value = serde_json::from_slice(&made.config.bytes).expect("JSON");
        assert_eq!(config["architecture"], "arm64");
        assert_eq!(config["config"], json!({"Cmd": ["sh"], "Env": null}));
        assert_eq!(config["rootfs"]["diff_ids"], json!([chain[0].diff_id, chain[1].diff_id]));
        assert_eq!(config["history"][0]["created_by"], "/bin/sh -c #(nop) ADD file");
        assert_eq!(config["history"][0]["author"], "Ann");
        assert_eq!(config["history"][1]["comment"], "hello");
        for (entry, image) in config["history"].as_array().expect("a list").iter().zip(&chain) {
            assert_eq!(entry["v1Compatibility"].as_str().expect("text").as_bytes(), image.json);
        }
        let manifest: Value = serde_json::from_slice(&made.manifest.bytes).expect("JSON");
        assert_eq!(manifest["config"], json!(made.config.descriptor));
        assert_eq!(manifest["layers"], json!([chain[0].layer, chain[1].layer]));
        assert!(made.manifest.descriptor.verify(&made.manifest.bytes).is_ok());
    }

    #[test]
    fn an_image_without_platform_is_one_of_the_first_years() {
        let made = convert(&[image(&json!({"id": "a"}), b"")]).expect("an image");
        assert_eq!(made.platform.to_string(), "linux/amd64");
        let config: Value = serde_json::from_slice(&made.config.bytes).expect("JSON");
        assert_eq!((&config["os"], &config["architecture"]), (&json!("linux"), &json!("amd64")));
    }

    #[test]
    fn what_is_no_image_is_refused() {
        let twice = V1Image { json: br#"{"id":1,"id":2}"#.to_vec(), ..image(&json!({}), b"") };
        let list = image(&json!([]), b"");
        for chain in [vec![], vec![twice], vec![list]] {
            assert_eq!(convert(&chain).expect_err("refused").code(), Code::InvalidManifest);
        }
    }
}
