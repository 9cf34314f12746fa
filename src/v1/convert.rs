//! A chain of v1 images as one OCI image.
//!
//! Protocol v1 has an image for each layer, its JSON beside it. What ran last describes the whole; all of them become
//! the history, each with its v1 JSON as it was under the key `v1Compatibility`.

use serde_json::{Map, Value, json};

use crate::error::{Code, Error, Phase, Result};
use crate::image::{Descriptor, Platform, media_type};
use crate::json::strict;
use crate::names::digest::{Algorithm, Digest};

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
    let platform = platform_of(&about);
    let mut config = Map::new();
    for (key, kind) in [
        ("created", Kind::Time),
        ("author", Kind::Text),
        ("variant", Kind::Text),
        ("os.version", Kind::Text),
        ("os.features", Kind::Texts),
    ] {
        if let Some(value) = about.get(key).filter(|value| kind.fits(value)) {
            config.insert(key.to_owned(), value.clone());
        }
    }
    if let Some(Value::Object(call)) = about.get("config") {
        config.insert("config".to_owned(), Value::Object(run_config(call)));
    }
    config.insert("architecture".to_owned(), json!(platform.architecture));
    config.insert("os".to_owned(), json!(platform.os));
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
    Ok(OciImage { manifest, config, platform })
}

/// What the image with this JSON runs on.
pub fn platform(json: &[u8]) -> Result<Platform> {
    object(json).map(|about| platform_of(&about))
}

fn platform_of(about: &Map<String, Value>) -> Platform {
    let text = |key: &str| about.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    // Images of the first years name neither; there was nothing else.
    let (os, architecture) =
        (text("os").unwrap_or("linux"), text("architecture").unwrap_or("amd64"));
    Platform::new(os, architecture, text("variant"))
}

/// What the readers of OCI images, which are as strict as Go, take for the value of a key. The rest is left out: it is
/// still there in the v1 JSON.
#[derive(Clone, Copy)]
enum Kind {
    Text,
    Time,
    Texts,
    Flag,
    /// An object of texts.
    Labels,
    /// An object of empty objects.
    Set,
}

impl Kind {
    /// Of the keys that a `config` has in both worlds.
    fn of(key: &str) -> Option<Self> {
        Some(match key {
            "User" | "WorkingDir" | "StopSignal" => Self::Text,
            "Env" | "Entrypoint" | "Cmd" => Self::Texts,
            "ExposedPorts" | "Volumes" => Self::Set,
            "Labels" => Self::Labels,
            "ArgsEscaped" => Self::Flag,
            _ => return None,
        })
    }

    fn fits(self, value: &Value) -> bool {
        match self {
            Self::Text => value.is_string(),
            Self::Time => value.as_str().is_some_and(is_time),
            Self::Texts => value.as_array().is_some_and(|items| items.iter().all(Value::is_string)),
            Self::Flag => value.is_boolean(),
            Self::Labels => value.as_object().is_some_and(|map| map.values().all(Value::is_string)),
            Self::Set => value.as_object().is_some_and(|map| map.values().all(Value::is_object)),
        }
    }
}

fn run_config(given: &Map<String, Value>) -> Map<String, Value> {
    let mut config = Map::new();
    for (key, value) in given {
        let value = match (key.as_str(), value) {
            // Once a command could be one word.
            ("Entrypoint" | "Cmd", Value::String(word)) => json!([word]),
            _ => value.clone(),
        };
        if value.is_null() || Kind::of(key).is_none_or(|kind| kind.fits(&value)) {
            config.insert(key.clone(), value);
        }
    }
    config
}

/// Whether a text is a time as in RFC 3339.
fn is_time(text: &str) -> bool {
    let Some((date, rest)) = text.split_at_checked(19) else { return false };
    let form = |text: &str, form: &str| {
        text.len() == form.len()
            && text.bytes().zip(form.bytes()).all(|(byte, expected)| match expected {
                b'0' => byte.is_ascii_digit(),
                other => byte == other,
            })
    };
    if !form(date, "0000-00-00T00:00:00") {
        return false;
    }
    let number = |from: usize| date[from..from + 2].parse::<u32>().unwrap_or(u32::MAX);
    let year = date[..4].parse::<u32>().unwrap_or(u32::MAX);
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match number(5) {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return false,
    };
    if !(1..=days).contains(&number(8)) || number(11) > 23 || number(14) > 59 || number(17) > 59 {
        return false;
    }
    let zone = match rest.strip_prefix('.') {
        None => rest,
        Some(fraction) => {
            let zone = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
            if zone.len() == fraction.len() {
                return false;
            }
            zone
        }
    };
    zone == "Z"
        || (form(zone, "+00:00") || form(zone, "-00:00")) && &zone[1..3] < "24" && &zone[4..] < "60"
}

fn history(bytes: &[u8]) -> Result<Value> {
    let about = object(bytes)?;
    let mut entry = Map::new();
    for (key, kind) in [("created", Kind::Time), ("author", Kind::Text), ("comment", Kind::Text)] {
        if let Some(value) = about.get(key).filter(|value| kind.fits(value) && *value != "") {
            entry.insert(key.to_owned(), value.clone());
        }
    }
    let command = about.get("container_config").and_then(|config| config.get("Cmd"));
    if let Some(words) = command.and_then(Value::as_array) {
        let words: Vec<&str> = words.iter().filter_map(Value::as_str).collect();
        entry.insert("created_by".to_owned(), json!(words.join(" ")));
    }
    let text = std::str::from_utf8(bytes).map_err(|e| malformed("it is not UTF-8").cause(e))?;
    entry.insert("v1Compatibility".to_owned(), json!(text));
    Ok(Value::Object(entry))
}

fn object(bytes: &[u8]) -> Result<Map<String, Value>> {
    strict::check(bytes).map_err(|e| malformed("it is not JSON").cause(e))?;
    serde_json::from_slice(bytes).map_err(|e| malformed("it is not a JSON object").cause(e))
}

fn document(media_type: &str, content: &Value) -> Result<Document> {
    let bytes = serde_json::to_vec(content)
        .map_err(|e| Error::internal("cannot serialize a JSON object").cause(e))?;
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
    fn what_no_reader_takes_is_left_out() {
        let odd = json!({
            "id": "a", "created": "", "author": 1, "comment": [], "architecture": "x86_64", "os": 3,
            "variant": null, "os.version": {}, "os.features": "x", "container_config": null,
            "config": {"Cmd": "/bin/sh", "Entrypoint": [1], "Env": {}, "Labels": {"a": 1}, "Volumes": {"/": null},
                "ExposedPorts": {"80/tcp": {}}, "User": null, "WorkingDir": 7, "ArgsEscaped": "x", "Memory": 0},
        });
        for config in [json!(null), json!([]), json!("x")] {
            let made = convert(&[image(&json!({"id": "a", "config": config}), b"")]).expect("one");
            let made: Value = serde_json::from_slice(&made.config.bytes).expect("JSON");
            assert!(made.get("config").is_none());
        }
        let made = convert(&[image(&odd, b"")]).expect("an image");
        let config: Value = serde_json::from_slice(&made.config.bytes).expect("JSON");
        assert_eq!((&config["os"], &config["architecture"]), (&json!("linux"), &json!("amd64")));
        assert_eq!(
            config["config"],
            json!({"Cmd": ["/bin/sh"], "ExposedPorts": {"80/tcp": {}}, "User": null, "Memory": 0})
        );
        for key in ["created", "author", "variant", "os.version", "os.features"] {
            assert!(config.get(key).is_none(), "{key}");
        }
        let history = config["history"][0].as_object().expect("an entry");
        assert_eq!(history.keys().collect::<Vec<_>>(), ["v1Compatibility"]);
    }

    #[test]
    fn what_readers_take_is_kept_and_what_is_empty_says_nothing() {
        let call = json!({"ArgsEscaped": true, "Labels": {"a": "b"}, "Volumes": {"/": {}}, "Env": ["a=b"]});
        let about = json!({
            "id": "a", "created": "2014-01-01T00:00:00Z", "author": "", "comment": "", "os": "",
            "architecture": "", "variant": "v8", "os.version": "1", "os.features": ["x"], "config": call,
        });
        let made = convert(&[image(&about, b"")]).expect("an image");
        let config: Value = serde_json::from_slice(&made.config.bytes).expect("JSON");
        assert_eq!((&config["os"], &config["architecture"]), (&json!("linux"), &json!("amd64")));
        for key in ["created", "config", "variant", "os.version", "os.features"] {
            assert_eq!(config[key], about[key], "{key}");
        }
        let history = config["history"][0].as_object().expect("an entry");
        assert_eq!(history.keys().collect::<Vec<_>>(), ["created", "v1Compatibility"]);
    }

    #[test]
    fn times_are_those_of_rfc_3339() {
        for good in [
            "2013-06-13T14:03:50.821769-07:00",
            "0001-01-01T00:00:00Z",
            "2024-02-29T23:59:59.1+23:59",
            "2000-02-29T00:00:00Z",
            "2023-02-28T00:00:00Z",
            "2023-12-31T00:00:00-00:00",
        ] {
            assert!(is_time(good), "{good}");
        }
        for bad in [
            "",
            "2013-06-13",
            "2013-06-13 14:03:50Z",
            "2013-06-13T14:03:50",
            "2013-13-13T14:03:50Z",
            "2013-02-29T14:03:50Z",
            "1900-02-29T14:03:50Z",
            "2013-06-00T14:03:50Z",
            "2013-06-13T24:03:50Z",
            "2013-06-13T14:03:60Z",
            "2013-06-13T14:60:50Z",
            "2013-06-31T14:03:50Z",
            "2013-06-13T14:03:50+07:60",
            "2013-06-13T14:0x:50Z",
            "2013-06-13T14:03:50+0x:00",
            "201x-06-13T14:03:50Z",
            "2013-06-13T14:03:50.Z",
            "2013-06-13T14:03:50z",
            "2013-06-13T14:03:50+24:00",
            "2013-06-13T14:03:50+0000",
            "2013-06-13T14:03:5éZ",
        ] {
            assert!(!is_time(bad), "{bad}");
        }
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
