//! Small deterministic images: built in memory, put into a registry or written as an OCI layout.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::Path;

use flate2::{Compression, GzBuilder};
use serde_json::{Value, json};

use crate::digest;
use crate::registry::Registry;
use crate::server::{Body, Generated};

/// Whose media types an image has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// OCI image manifest and index.
    Oci,
    /// Docker schema 2 and manifest list.
    Docker,
}

impl Kind {
    /// The media type of a manifest.
    pub fn manifest(self) -> &'static str {
        match self {
            Kind::Oci => "application/vnd.oci.image.manifest.v1+json",
            Kind::Docker => "application/vnd.docker.distribution.manifest.v2+json",
        }
    }

    /// The media type of an index.
    pub fn index(self) -> &'static str {
        match self {
            Kind::Oci => "application/vnd.oci.image.index.v1+json",
            Kind::Docker => "application/vnd.docker.distribution.manifest.list.v2+json",
        }
    }

    fn config(self) -> &'static str {
        match self {
            Kind::Oci => "application/vnd.oci.image.config.v1+json",
            Kind::Docker => "application/vnd.docker.container.image.v1+json",
        }
    }

    fn layer(self, gzip: bool) -> &'static str {
        match (self, gzip) {
            (Kind::Oci, true) => "application/vnd.oci.image.layer.v1.tar+gzip",
            (Kind::Oci, false) => "application/vnd.oci.image.layer.v1.tar",
            (Kind::Docker, true) => "application/vnd.docker.image.rootfs.diff.tar.gzip",
            (Kind::Docker, false) => "application/vnd.docker.image.rootfs.diff.tar",
        }
    }
}

/// What an image is built from.
#[derive(Clone)]
pub struct Spec {
    /// Media types.
    pub kind: Kind,
    /// Platforms as `OS/ARCH[/VARIANT]`. One makes a plain manifest, several an index.
    pub platforms: Vec<String>,
    /// Layers a platform.
    pub layers: usize,
    /// Bytes a layer: `None` is a gzipped archive of a few files, `Some` pseudo-random bytes that are never held (they
    /// are no real archive).
    pub layer_size: Option<u64>,
    /// Different seeds give different contents.
    pub seed: u64,
    /// Files (path, content, mode) of the first layer, besides the made-up ones.
    pub files: Vec<(String, Vec<u8>, u32)>,
}

impl Default for Spec {
    fn default() -> Spec {
        Spec {
            kind: Kind::Oci,
            platforms: ["linux/amd64", "linux/arm64", "linux/arm/v7"].map(String::from).to_vec(),
            layers: 2,
            layer_size: None,
            seed: 1,
            files: Vec::new(),
        }
    }
}

/// A manifest of an image, for one platform.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// `OS/ARCH[/VARIANT]`.
    pub platform: String,
    /// Its media type.
    pub media_type: String,
    /// Its digest.
    pub digest: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// The digest of its config.
    pub config: String,
    /// The digests of its layers.
    pub layers: Vec<String>,
}

/// A built image.
#[derive(Clone)]
pub struct Image {
    /// The media type of its top document.
    pub media_type: String,
    /// The digest of its top document.
    pub digest: String,
    /// Its top document.
    pub bytes: Vec<u8>,
    /// One manifest a platform, in order.
    pub manifests: Vec<Manifest>,
    /// Configs and layers by digest.
    pub blobs: BTreeMap<String, Body>,
}

impl Spec {
    /// A single-platform image (linux/amd64) with `layers` layers of `size` pseudo-random bytes.
    pub fn sized(layers: usize, size: u64) -> Spec {
        Spec {
            platforms: vec!["linux/amd64".into()],
            layers,
            layer_size: Some(size),
            ..Spec::default()
        }
    }

    /// An image of Debian's static busybox, for these platforms.
    pub fn busybox(platforms: &[&str]) -> Spec {
        let path = ["/bin/busybox", "/usr/bin/busybox"]
            .into_iter()
            .find(|path| Path::new(path).exists())
            .expect("busybox is missing: apt-get install busybox-static");
        let busybox = fs::read(path).expect("read busybox");
        Spec {
            platforms: platforms.iter().map(|p| (*p).to_owned()).collect(),
            files: vec![("bin/busybox".into(), busybox, 0o755)],
            ..Spec::default()
        }
    }

    /// Builds the image.
    pub fn build(&self) -> Image {
        let mut blobs = BTreeMap::new();
        let manifests: Vec<Manifest> =
            self.platforms.iter().map(|platform| self.manifest(platform, &mut blobs)).collect();
        let (media_type, bytes) = if let [only] = manifests.as_slice() {
            (only.media_type.clone(), only.bytes.clone())
        } else {
            let entries: Vec<Value> = manifests
                .iter()
                .map(|manifest| {
                    json!({
                        "mediaType": manifest.media_type, "digest": manifest.digest,
                        "size": manifest.bytes.len(), "platform": platform(&manifest.platform),
                    })
                })
                .collect();
            let media_type = self.kind.index();
            let index = json!({"schemaVersion": 2, "mediaType": media_type, "manifests": entries});
            (media_type.to_owned(), index.to_string().into_bytes())
        };
        Image { digest: digest::sha256(&bytes), media_type, bytes, manifests, blobs }
    }

    fn manifest(&self, name: &str, blobs: &mut BTreeMap<String, Body>) -> Manifest {
        let (mut layers, mut diff_ids, mut digests) = (Vec::new(), Vec::new(), Vec::new());
        for number in 0..self.layers {
            let (body, digest, diff_id) = self.layer(name, number);
            layers.push(json!({
                "mediaType": self.kind.layer(self.layer_size.is_none()),
                "digest": digest, "size": body.len(),
            }));
            blobs.insert(digest.clone(), body);
            diff_ids.push(diff_id);
            digests.push(digest);
        }
        let mut config = platform(name);
        config["config"] = json!({"Cmd": ["/bin/busybox", "sh"], "Env": ["PATH=/bin"]});
        config["rootfs"] = json!({"type": "layers", "diff_ids": diff_ids});
        let config = config.to_string().into_bytes();
        let config_digest = digest::sha256(&config);
        let media_type = self.kind.manifest();
        let bytes = json!({
            "schemaVersion": 2, "mediaType": media_type,
            "config": {
                "mediaType": self.kind.config(), "digest": config_digest, "size": config.len(),
            },
            "layers": layers,
        })
        .to_string()
        .into_bytes();
        blobs.insert(config_digest.clone(), config.into());
        Manifest {
            platform: name.to_owned(),
            media_type: media_type.to_owned(),
            digest: digest::sha256(&bytes),
            bytes,
            config: config_digest,
            layers: digests,
        }
    }

    /// A layer: body, digest, and the digest of what it is uncompressed.
    fn layer(&self, platform: &str, number: usize) -> (Body, String, String) {
        if let Some(size) = self.layer_size {
            let body = Body::Generated(Generated::new(self.seed * 1000 + number as u64, size));
            let digest = digest::of_body(&body);
            return (body, digest.clone(), digest);
        }
        let mut archive = tar::Builder::new(Vec::new());
        let mut add = |path: &str, content: &[u8], mode: u32| {
            let mut header = tar::Header::new_ustar();
            header.set_size(content.len() as u64);
            header.set_mode(mode);
            header.set_mtime(0);
            archive.append_data(&mut header, path, content).expect("write an archive in memory");
        };
        if number == 0 {
            for (path, content, mode) in &self.files {
                add(path, content, *mode);
            }
        }
        let text = format!("seed {} platform {platform} layer {number}\n", self.seed);
        add(&format!("etc/layer-{number}"), text.as_bytes(), 0o644);
        add(&format!("data/layer-{number}.txt"), text.repeat(100).as_bytes(), 0o644);
        let archive = archive.into_inner().expect("finish an archive in memory");
        let mut gzip = GzBuilder::new().mtime(0).write(Vec::new(), Compression::fast());
        gzip.write_all(&archive).expect("compress in memory");
        let bytes = gzip.finish().expect("compress in memory");
        let digest = digest::sha256(&bytes);
        (bytes.into(), digest, digest::sha256(&archive))
    }
}

fn platform(name: &str) -> Value {
    let mut parts = name.split('/');
    let mut value = json!({
        "os": parts.next().unwrap_or_default(), "architecture": parts.next().unwrap_or_default(),
    });
    if let Some(variant) = parts.next() {
        value["variant"] = json!(variant);
    }
    value
}

impl Image {
    /// Puts the image into a registry under `repository:tag`.
    pub fn push_to(&self, registry: &Registry, repository: &str, tag: &str) {
        for (digest, body) in &self.blobs {
            registry.put_blob(repository, digest, body.clone());
        }
        for manifest in &self.manifests {
            registry.add_manifest(repository, None, &manifest.media_type, manifest.bytes.clone());
        }
        registry.add_manifest(repository, Some(tag), &self.media_type, self.bytes.clone());
    }

    /// Writes the image as an OCI layout with this tag into `dir`.
    pub fn write_layout(&self, dir: &Path, tag: &str) {
        let blobs = dir.join("blobs/sha256");
        fs::create_dir_all(&blobs).expect("make the layout");
        let path = |digest: &str| blobs.join(digest.trim_start_matches("sha256:"));
        for (digest, body) in &self.blobs {
            let mut file = fs::File::create(path(digest)).expect("create a blob");
            let mut buffer = vec![0; 256 * 1024];
            let mut at = 0;
            loop {
                let n = body.read_at(at, &mut buffer);
                if n == 0 {
                    break;
                }
                file.write_all(&buffer[..n]).expect("write a blob");
                at += n as u64;
            }
        }
        for manifest in &self.manifests {
            fs::write(path(&manifest.digest), &manifest.bytes).expect("write a manifest");
        }
        fs::write(path(&self.digest), &self.bytes).expect("write the top document");
        let index = json!({"schemaVersion": 2, "manifests": [{
            "mediaType": self.media_type, "digest": self.digest, "size": self.bytes.len(),
            "annotations": {"org.opencontainers.image.ref.name": tag},
        }]});
        fs::write(dir.join("index.json"), index.to_string()).expect("write index.json");
        fs::write(dir.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#)
            .expect("write oci-layout");
    }
}
