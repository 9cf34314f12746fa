//! Random graphs of documents and blobs: whatever the image specification allows, small, the same for the same seed.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use ring::digest::{SHA256, SHA512};
use serde_json::{Value, json};

use crate::digest;
use crate::v1::archive::Random;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const EMPTY: &str = "application/vnd.oci.empty.v1+json";

/// Documents and blobs below one descriptor.
pub struct Graph {
    /// The descriptor of the top document.
    pub top: Value,
    /// Every document and blob by digest.
    pub blobs: BTreeMap<String, Vec<u8>>,
    random: Random,
    sha512: bool,
}

impl Graph {
    /// The graph of this seed; some of its blobs have digests of SHA-512 if they may.
    pub fn random(seed: u64, sha512: bool) -> Graph {
        let random = Random::new(seed);
        let mut graph = Graph { top: Value::Null, blobs: BTreeMap::new(), random, sha512 };
        graph.top = match seed % 6 {
            0 => {
                let layers = graph.layers(3);
                graph.image(layers)
            }
            // Layers of nothing, and the same layer twice.
            1 => {
                let (nothing, twice) = (graph.put(LAYER, Vec::new()), graph.layer());
                graph.image(vec![nothing.clone(), twice.clone(), twice, nothing])
            }
            2 => {
                let layers = (0..60).map(|_| graph.layer()).collect();
                graph.image(layers)
            }
            3 => graph.index(0),
            4 => graph.index(2),
            // An image beside what says something about it.
            _ => {
                let layers = graph.layers(2);
                let image = graph.image(layers);
                let (config, layer) = (graph.put(EMPTY, b"{}".to_vec()), graph.layer());
                let artifact = graph.document(
                    MANIFEST,
                    json!({
                        "schemaVersion": 2, "mediaType": MANIFEST,
                        "artifactType": "application/vnd.example.statement", "config": config,
                        "layers": [layer], "subject": image,
                        "annotations": {"org.example.number": seed.to_string()},
                    }),
                );
                graph.index_of(vec![image, artifact])
            }
        };
        graph
    }

    fn below(&mut self, most: u64) -> u64 {
        self.random.below(most)
    }

    /// Stores bytes; gives their descriptor.
    fn put(&mut self, media_type: &str, bytes: Vec<u8>) -> Value {
        let long = self.sha512 && media_type == LAYER && self.below(2) == 0;
        let (name, algorithm) = if long { ("sha512", &SHA512) } else { ("sha256", &SHA256) };
        let hash = ring::digest::digest(algorithm, &bytes);
        let digest = format!("{name}:{}", digest::hex(hash.as_ref()));
        let descriptor = json!({"mediaType": media_type, "digest": digest, "size": bytes.len()});
        self.blobs.insert(digest, bytes);
        descriptor
    }

    fn document(&mut self, media_type: &str, document: Value) -> Value {
        self.put(media_type, document.to_string().into_bytes())
    }

    fn layer(&mut self) -> Value {
        let size = self.below(20_000);
        let bytes = (0..size).map(|_| self.random.number() as u8).collect();
        self.put(LAYER, bytes)
    }

    fn layers(&mut self, most: u64) -> Vec<Value> {
        (0..self.below(most + 1)).map(|_| self.layer()).collect()
    }

    fn image(&mut self, layers: Vec<Value>) -> Value {
        let number = self.random.number();
        let config = self.document(
            CONFIG,
            json!({
                "architecture": "amd64", "os": "linux", "author": number.to_string(),
                "rootfs": {"type": "layers", "diff_ids": []},
            }),
        );
        self.document(
            MANIFEST,
            json!({
                "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers,
            }),
        )
    }

    /// An index, of indexes where it may be so deep.
    fn index(&mut self, deep: u64) -> Value {
        let children = (0..1 + self.below(3))
            .map(|_| {
                if deep > 0 {
                    return self.index(deep - 1);
                }
                let layers = self.layers(2);
                self.image(layers)
            })
            .collect();
        self.index_of(children)
    }

    fn index_of(&mut self, children: Vec<Value>) -> Value {
        let number = self.random.number();
        self.document(
            INDEX,
            json!({
                "schemaVersion": 2, "mediaType": INDEX, "manifests": children,
                "annotations": {"org.example.number": number.to_string()},
            }),
        )
    }

    /// The digest of the top document.
    pub fn digest(&self) -> &str {
        self.top["digest"].as_str().expect("a digest")
    }

    /// Writes the graph as an OCI layout with this name into `layout`.
    pub fn write_layout(&self, layout: &Path, name: &str) {
        for (digest, bytes) in &self.blobs {
            let path = blob(layout, digest);
            fs::create_dir_all(path.parent().expect("a directory")).expect("made");
            fs::write(path, bytes).expect("written");
        }
        let mut top = self.top.clone();
        top["annotations"] = json!({"org.opencontainers.image.ref.name": name});
        let index = json!({"schemaVersion": 2, "manifests": [top]});
        fs::write(layout.join("index.json"), index.to_string()).expect("written");
        fs::write(layout.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).expect("written");
    }

    /// Panics unless the layout holds every byte of it, and lists its top.
    pub fn assert_in(&self, layout: &Path) {
        for (digest, bytes) in &self.blobs {
            let there = fs::read(blob(layout, digest)).unwrap_or_else(|e| panic!("{digest}: {e}"));
            assert!(there == *bytes, "{digest} has other bytes");
        }
        let index = fs::read(layout.join("index.json")).expect("an index");
        let index: Value = serde_json::from_slice(&index).expect("JSON");
        let listed = index["manifests"].as_array().expect("a list");
        assert!(listed.iter().any(|entry| entry["digest"] == self.top["digest"]), "{index}");
    }
}

fn blob(layout: &Path, digest: &str) -> PathBuf {
    layout.join("blobs").join(digest.replace(':', "/"))
}
