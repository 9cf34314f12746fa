//! Archives of layouts and of `docker save`: what goes in comes out, and what other programs write is read.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::path::Path;

use crate::c_surface::images::Context;
use crate::scene::*;
use ocireg_testkit::image::{Kind, Spec};
use ocireg_testkit::v1::archive::gzip;
use ocireg_testkit::{Graph, Registry, TempDir, digest};
use serde_json::{Value, json};

const INVALID_ARGUMENT: i32 = 1;
const INVALID_REFERENCE: i32 = 5;
const UNSUPPORTED: i32 = 8;

const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar";

pub fn none() -> Value {
    json!({})
}

/// An archive of these entries, in order; `/` at the end of a name makes a directory.
pub fn tarball(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (name, content) in entries {
        let kind =
            if name.ends_with('/') { tar::EntryType::Directory } else { tar::EntryType::Regular };
        add(&mut archive, name, kind, "", content);
    }
    archive.into_inner().expect("an archive in memory")
}

/// Adds an entry, whatever its name is.
pub fn add(
    archive: &mut tar::Builder<Vec<u8>>,
    name: &str,
    kind: tar::EntryType,
    link: &str,
    content: &[u8],
) {
    let mut header = tar::Header::new_gnu();
    header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
    header.as_old_mut().linkname[..link.len()].copy_from_slice(link.as_bytes());
    header.set_entry_type(kind);
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    header.set_mtime(0);
    header.set_cksum();
    archive.append(&header, content).expect("an archive in memory");
}

/// The files of an archive by name, as another reader sees them. Each name is there once.
pub fn files(archive: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut archive = tar::Archive::new(fs::File::open(archive).expect("an archive"));
    for entry in archive.entries().expect("entries") {
        let mut entry = entry.expect("an entry");
        let name = entry.path().expect("a path").to_str().expect("UTF-8").to_owned();
        let header = entry.header();
        assert_eq!(
            (header.mtime().ok(), header.uid().ok(), header.gid().ok()),
            (Some(0), Some(0), Some(0))
        );
        if header.entry_type().is_dir() {
            continue;
        }
        let mut content = Vec::new();
        entry.read_to_end(&mut content).expect("content");
        assert!(files.insert(name.clone(), content).is_none(), "{name} is there twice");
    }
    files
}

/// The names in a directory: no temporary file is left.
pub fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).expect("a directory");
    let mut names: Vec<String> = entries
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8"))
        .collect();
    names.sort();
    names
}

/// An image as `docker save` has it: the configuration and the plain layers.
pub struct Saved {
    pub config: Vec<u8>,
    pub layers: Vec<Vec<u8>>,
}

impl Saved {
    pub fn new(seed: u64, layers: usize) -> Self {
        let layers: Vec<Vec<u8>> = (0..layers)
            .map(|number| {
                tarball(&[("etc/", b""), ("etc/file", format!("{seed} {number}").as_bytes())])
            })
            .collect();
        let diff_ids: Vec<String> = layers.iter().map(|layer| digest::sha256(layer)).collect();
        let config = json!({
            "architecture": "amd64", "os": "linux", "author": seed.to_string(),
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
        });
        Self { config: config.to_string().into_bytes(), layers }
    }

    pub fn config_hex(&self) -> String {
        digest::sha256(&self.config)["sha256:".len()..].to_owned()
    }

    pub fn diff_ids(&self) -> Vec<String> {
        self.layers.iter().map(|layer| digest::sha256(layer)).collect()
    }

    /// As skopeo and this library write it, with these names.
    pub fn archive(&self, tags: &Value) -> Vec<u8> {
        let config = format!("{}.json", self.config_hex());
        let layers: Vec<String> =
            self.diff_ids().iter().map(|id| format!("{}.tar", &id["sha256:".len()..])).collect();
        let list = json!([{"Config": config, "RepoTags": tags, "Layers": layers}]).to_string();
        let mut entries: Vec<(&str, &[u8])> = vec![(&config, &self.config)];
        for (name, layer) in layers.iter().zip(&self.layers) {
            entries.push((name, layer));
        }
        entries.push(("manifest.json", list.as_bytes()));
        tarball(&entries)
    }
}

/// What a docker archive gives: the digest of its configuration, and its layers as a layout has them.
fn read_saved(archive: &Path, name: &str) -> (String, Vec<Vec<u8>>) {
    let layout = ocireg_testkit::tempdir();
    let source = format!("docker-archive:{}{name}", archive.display());
    let destination = format!("oci:{}:x", layout.path().display());
    service(none())
        .copy(None, &source, &destination, &none())
        .unwrap_or_else(|e| panic!("{source}: {e:?}"));
    let blob = |digest: &Value| {
        let path = digest.as_str().expect("a digest").replace(':', "/");
        fs::read(layout.path().join("blobs").join(path)).expect("a blob")
    };
    let index: Value =
        serde_json::from_slice(&fs::read(layout.path().join("index.json")).expect("an index"))
            .expect("JSON");
    let manifest: Value =
        serde_json::from_slice(&blob(&index["manifests"][0]["digest"])).expect("JSON");
    let layers = manifest["layers"].as_array().expect("layers");
    let layers = layers.iter().map(|layer| blob(&layer["digest"])).collect();
    (manifest["config"]["digest"].as_str().expect("a digest").to_owned(), layers)
}

fn write(directory: &TempDir, name: &str, bytes: &[u8]) -> std::path::PathBuf {
    let path = directory.path().join(name);
    fs::write(&path, bytes).expect("a file");
    path
}

#[test]
fn any_image_goes_through_an_archive_of_a_layout_and_comes_back_equal() {
    let service = service(none());
    for seed in 0..18 {
        let graph = Graph::random(seed, true);
        let directory = ocireg_testkit::tempdir();
        let path = |name: &str| directory.path().join(name);
        for name in ["before", "after", "unpacked"] {
            fs::create_dir(path(name)).expect("a directory");
        }
        graph.write_layout(&path("before"), "x");
        let layout = |name: &str| format!("oci:{}:x", path(name).display());
        let archive = |name: &str| format!("oci-archive:{}:x", path(name).display());
        let copy = |from: &str, to: &str| {
            let report = service.copy(None, from, to, &none());
            report.unwrap_or_else(|e| panic!("seed {seed}, {from}: {e:?}"))
        };
        let report = copy(&layout("before"), &archive("a.tar"));
        assert_eq!(report["descriptor"]["digest"], graph.digest(), "seed {seed}");
        copy(&archive("a.tar"), &layout("after"));
        graph.assert_in(&path("after"));
        // Other programs see a layout in it.
        tar::Archive::new(fs::File::open(path("a.tar")).expect("an archive"))
            .unpack(path("unpacked"))
            .expect("unpacked");
        graph.assert_in(&path("unpacked"));
        assert_eq!(files(&path("a.tar")).len(), graph.blobs.len() + 2, "seed {seed}");
        // From one archive into another, and always the same one.
        copy(&archive("a.tar"), &archive("b.tar"));
        copy(&archive("b.tar"), &archive("b.tar"));
        copy(&layout("after"), &archive("c.tar"));
        let bytes = fs::read(path("a.tar")).expect("an archive");
        for again in ["b.tar", "c.tar"] {
            assert!(fs::read(path(again)).expect("an archive") == bytes, "seed {seed}, {again}");
        }
        assert_eq!(
            names(directory.path()),
            ["a.tar", "after", "b.tar", "before", "c.tar", "unpacked"]
        );
    }
}

#[test]
fn an_archive_is_pulled_and_pushed() {
    let (from, to) = (Registry::plain(), Registry::plain());
    let image = Spec { kind: Kind::Oci, ..Spec::default() }.build();
    image.push_to(&from, "demo/app", "1");
    let directory = ocireg_testkit::tempdir();
    let archive = format!("oci-archive:{}", directory.path().join("a.tar").display());
    let options = json!({"all_platforms": true});
    let service = service(none());
    let report = service.pull(None, &app(&from), &archive, &options).expect("a pull");
    assert_eq!(report["destination"], archive);
    assert_eq!(report["descriptor"]["digest"], image.digest);
    assert_eq!(report["bytes_transferred"], report["bytes_total"]);
    // Without a name the image keeps that of its reference.
    let named = format!("{archive}:{}", app(&from));
    let inspected =
        service.inspect(None, &named, &json!({"platform": "linux/arm64"})).expect("inspected");
    assert_eq!(inspected["kind"], "index");
    assert_eq!(inspected["platform"], "linux/arm64");
    assert_eq!(inspected["name"], app(&from));
    let reference = format!("{}/other/app:2", to.host());
    let report = service.push(None, &archive, &reference, &none()).expect("a push");
    assert_eq!(report["descriptor"]["digest"], image.digest);
    assert_eq!(to.tag("other/app", "2").as_deref(), Some(image.digest.as_str()));
    for (digest, body) in &image.blobs {
        let there = to.blob("other/app", digest).expect("a blob of the image");
        assert_eq!(there.to_vec(), body.to_vec(), "{digest}");
    }
    // One platform of it.
    let options = json!({"platform": "linux/arm64"});
    let report =
        service.copy(None, &archive, &format!("docker://{reference}"), &options).expect("a copy");
    assert_eq!(report["descriptor"]["digest"], image.manifests[1].digest);
    let failure =
        service.copy(None, &format!("{archive}:other"), &format!("docker://{reference}"), &none());
    let failure = failure.expect_err("no such image");
    assert_eq!(failure.code, NOT_FOUND);
    assert_tells(&failure, &["other", &app(&from)], &[]);
}

#[test]
fn a_docker_archive_has_the_layers_without_compression() {
    let (registry, image) = demo();
    let directory = ocireg_testkit::tempdir();
    let path = directory.path().join("a.tar");
    let destination = format!("docker-archive:{}", path.display());
    let service = service(none());
    let report = service.pull(None, &app(&registry), &destination, &none()).expect("a pull");
    assert_eq!(report["descriptor"]["digest"], image.digest);
    assert_eq!(report["platform"], "linux/amd64");

    let files = files(&path);
    let list: Value = serde_json::from_slice(&files["manifest.json"]).expect("JSON");
    let config = image.manifests[0].config.replace("sha256:", "") + ".json";
    assert_eq!(list[0]["Config"], config);
    assert_eq!(list[0]["RepoTags"], json!([app(&registry)]));
    assert_eq!(files[&config], image.blobs[&image.manifests[0].config].to_vec());
    let config: Value = serde_json::from_slice(&files[&config]).expect("JSON");
    let layers = list[0]["Layers"].as_array().expect("layers");
    for (name, diff_id) in layers.iter().zip(config["rootfs"]["diff_ids"].as_array().expect("ids"))
    {
        let name = name.as_str().expect("a name");
        assert_eq!(digest::sha256(&files[name]), *diff_id.as_str().expect("an id"));
        assert_eq!(*diff_id, format!("sha256:{}", name.trim_end_matches(".tar")));
    }
    assert_eq!(layers.len(), 2);
    assert_eq!(files.len(), 4);

    // It goes on with the same layers, whose digests are now those of what is in the archive.
    let inspected = service.inspect(None, &destination, &none()).expect("inspected");
    assert_eq!(inspected["kind"], "image");
    assert_eq!(inspected["platform"], "linux/amd64");
    assert_eq!(inspected["layers"][0]["mediaType"], DOCKER_LAYER);
    assert_eq!(inspected["layers"][1]["digest"], config["rootfs"]["diff_ids"][1]);
    assert_eq!(inspected["manifest"]["config"]["digest"], image.manifests[0].config);
    let reference = format!("{}/other/app:2", registry.host());
    let pushed = service.push(None, &destination, &reference, &none()).expect("a push");
    assert_eq!(pushed["descriptor"], inspected["descriptor"]);
    // From there it comes back as the same archive.
    let again = directory.path().join("b.tar");
    let named = format!("docker-archive:{}:{}", again.display(), app(&registry));
    service.pull(None, &reference, &named, &none()).expect("a pull");
    assert!(fs::read(&again).expect("an archive") == fs::read(&path).expect("an archive"));
    // Converted, it is an OCI image of the same layers.
    let layout = directory.path().join("layout");
    let converted = format!("oci:{}", layout.display());
    let report =
        service.copy(None, &destination, &converted, &json!({"convert": "oci"})).expect("a copy");
    assert_eq!(report["descriptor"]["mediaType"], "application/vnd.oci.image.manifest.v1+json");
}

#[test]
fn a_docker_archive_is_called_by_a_tag_or_not_at_all() {
    let (registry, image) = demo();
    let directory = ocireg_testkit::tempdir();
    let path = directory.path().join("a.tar");
    let at = |name: &str| format!("docker-archive:{}{name}", path.display());
    let service = service(none());
    let tags = || {
        let list: Value = serde_json::from_slice(&files(&path)["manifest.json"]).expect("JSON");
        list[0].get("RepoTags").cloned()
    };
    let by_digest = format!("{}/demo/app@{}", registry.host(), image.digest);
    for (source, name, expected) in [
        (app(&registry), "", Some(json!([app(&registry)]))),
        (by_digest.clone(), "", None),
        (by_digest.clone(), ":alpine", Some(json!(["alpine:latest"]))),
        (by_digest.clone(), ":docker.io/library/alpine:3.18", Some(json!(["alpine:3.18"]))),
        (by_digest, ":docker.io/team/app:3", Some(json!(["team/app:3"]))),
        (app(&registry), &format!(":alpine@{}", image.digest), None),
    ] {
        service.pull(None, &source, &at(name), &none()).unwrap_or_else(|e| panic!("{name}: {e:?}"));
        assert_eq!(tags(), expected, "{source} {name}");
    }
    // More tags are tags of the same repository.
    let source = format!("docker://{}", app(&registry));
    let more = json!({"tags": ["2", "latest"]});
    service.copy(None, &source, &at(":alpine"), &more).expect("a copy");
    assert_eq!(tags(), Some(json!(["alpine:2", "alpine:latest"])));
    // A layout's name for an image is one if it says repository and tag.
    for (name, expected) in [("3.18", None), ("alpine:3.18", Some(json!(["alpine:3.18"])))] {
        let layout = ocireg_testkit::tempdir();
        image.write_layout(layout.path(), name);
        let source = format!("oci:{}", layout.path().display());
        let named = format!("{source}:{name}");
        service.copy(None, &named, &at(""), &none()).expect("a copy");
        assert_eq!(tags(), expected, "{name}");
        let failure = service.copy(None, &source, &at(""), &more).expect_err("tags of what?");
        assert_eq!((failure.code, failure.argument()), (INVALID_ARGUMENT, "tags"));
    }
    for bad in [":Upper", ":@0"] {
        let failure = service.pull(None, &app(&registry), &at(bad), &none()).expect_err(bad);
        assert_eq!((failure.code, failure.argument()), (INVALID_REFERENCE, "destination"), "{bad}");
    }
}

#[test]
fn a_docker_archive_holds_one_image() {
    let registry = Registry::plain();
    let platforms = vec!["linux/amd64".into(), "linux/arm64".into()];
    let image = Spec { platforms, ..Spec::default() }.build();
    image.push_to(&registry, "demo/app", "1");
    let directory = ocireg_testkit::tempdir();
    let path = directory.path().join("a.tar");
    let destination = format!("docker-archive:{}", path.display());
    let service = service(none());
    let source = format!("docker://{}", app(&registry));
    for key in ["all_platforms", "referrers", "digest_tags"] {
        let failure =
            service.copy(None, &source, &destination, &json!({key: true})).expect_err(key);
        assert_eq!((failure.code, failure.argument()), (INVALID_ARGUMENT, key));
        assert_tells(&failure, &["oci-archive:FILE"], &[]);
        if key != "digest_tags" {
            let failure =
                service.pull(None, &source, &destination, &json!({key: true})).expect_err(key);
            assert_eq!((failure.code, failure.argument()), (INVALID_ARGUMENT, key));
        }
    }
    assert!(registry.requests().is_empty() && names(directory.path()).is_empty());
    let options = json!({"platform": "linux/arm64"});
    for copied in [
        service.copy(None, &source, &destination, &options),
        service.pull(None, &source, &destination, &options),
    ] {
        let report = copied.expect("one platform");
        assert_eq!(report["descriptor"]["digest"], image.manifests[1].digest);
        assert_eq!(read_saved(&path, "").0, image.manifests[1].config);
    }
    // The default is this machine's, as for a pull.
    assert!(service.copy(None, &source, &destination, &none()).is_ok());
    // An artifact has no layers that anything could be unpacked from.
    let graph = Graph::random(5, false);
    let layout = ocireg_testkit::tempdir();
    graph.write_layout(layout.path(), "x");
    let artifact =
        graph.blobs.iter().find(|(_, bytes)| bytes.windows(12).any(|w| w == b"artifactType"));
    let (digest, bytes) = artifact.expect("an artifact");
    let index = json!({"schemaVersion": 2, "manifests": [{
        "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest, "size": bytes.len(),
    }]});
    fs::write(layout.path().join("index.json"), index.to_string()).expect("written");
    let source = format!("oci:{}", layout.path().display());
    let before = fs::read(&path).expect("an archive");
    let failure = service.copy(None, &source, &destination, &none()).expect_err("an artifact");
    assert_eq!(failure.code, UNSUPPORTED, "{failure:?}");
    assert_tells(&failure, &["artifact", "oci-archive:FILE"], &[]);
    assert!(fs::read(&path).expect("an archive") == before);
}

#[test]
fn the_same_layer_is_stored_once() {
    let layer = tarball(&[("etc/file", b"content")]);
    let empty = tarball(&[]);
    let mut again = flate2_members(&layer, 3);
    let blobs =
        [gzip(&layer), layer.clone(), std::mem::take(&mut again), gzip(&empty), gzip(&empty)];
    let ids = [&layer, &layer, &layer, &empty, &empty].map(|plain| digest::sha256(plain));
    let registry = Registry::plain();
    push(&registry, &blobs, &ids);
    let directory = ocireg_testkit::tempdir();
    let path = directory.path().join("a.tar");
    let destination = format!("docker-archive:{}", path.display());
    service(none()).pull(None, &app(&registry), &destination, &none()).expect("a pull");
    let files = files(&path);
    assert_eq!(files.len(), 4, "{:?}", files.keys());
    let list: Value = serde_json::from_slice(&files["manifest.json"]).expect("JSON");
    let layers: Vec<String> =
        ids.iter().map(|id| format!("{}.tar", &id["sha256:".len()..])).collect();
    assert_eq!(list[0]["Layers"], json!(layers));
    let (_, read) = read_saved(&path, "");
    assert_eq!(read, [&layer, &layer, &layer, &empty, &empty].map(Clone::clone));
}

/// Gzip in several members.
fn flate2_members(bytes: &[u8], members: usize) -> Vec<u8> {
    let size = bytes.len().div_ceil(members);
    bytes.chunks(size).flat_map(gzip).collect()
}

/// Puts demo/app:1 into a registry: an image of these blobs, whose configuration lists these diff IDs.
pub fn push(registry: &Registry, blobs: &[Vec<u8>], ids: &[String]) -> String {
    let config = json!({
        "architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": ids},
    })
    .to_string()
    .into_bytes();
    let described = |media_type: &str, bytes: &[u8]| {
        let digest = digest::sha256(bytes);
        registry.put_blob("demo/app", &digest, bytes.to_vec().into());
        json!({"mediaType": media_type, "digest": digest, "size": bytes.len()})
    };
    let layers: Vec<Value> = blobs
        .iter()
        .map(|blob| described("application/vnd.oci.image.layer.v1.tar+gzip", blob))
        .collect();
    let kind = "application/vnd.oci.image.manifest.v1+json";
    let manifest = json!({
        "schemaVersion": 2, "mediaType": kind, "layers": layers,
        "config": described("application/vnd.oci.image.config.v1+json", &config),
    });
    registry.add_manifest("demo/app", Some("1"), kind, manifest.to_string())
}

#[test]
fn archives_of_other_programs_are_read() {
    let directory = ocireg_testkit::tempdir();
    let saved = Saved::new(7, 2);
    let config = format!("sha256:{}", saved.config_hex());
    let expect = |name: &str, bytes: &[u8]| {
        let path = write(&directory, name, bytes);
        let (digest, layers) = read_saved(&path, "");
        assert_eq!((digest, layers), (config.clone(), saved.layers.clone()), "{name}");
    };
    expect("skopeo.tar", &saved.archive(&json!(["example/app:1"])));
    expect("untagged.tar", &saved.archive(&Value::Null));
    expect("old-docker.tar", &docker_before_25(&saved));
    expect("docker.tar", &docker_since_25(&saved));
    // With names as `tar cf a.tar .` makes them.
    let name = format!("./{}.json", saved.config_hex());
    let list =
        json!([{"Config": name, "RepoTags": null, "Layers": ["a/layer.tar", "./b/layer.tar"]}]);
    let list = list.to_string();
    expect(
        "dotted.tar",
        &tarball(&[
            ("./", b""),
            ("./manifest.json", list.as_bytes()),
            (&name, &saved.config),
            ("./a/", b""),
            ("./a/layer.tar", &saved.layers[0]),
            ("./b//layer.tar", &saved.layers[1]),
        ]),
    );
    // Compressed as a whole: docker load reads these, too.
    let plain = saved.archive(&Value::Null);
    expect("all.tar.gz", &gzip(&plain));
    expect("members.tar.gz", &flate2_members(&plain, 4));
    let mut frame = vec![0; zstd_safe::compress_bound(plain.len())];
    let size = zstd_safe::compress(&mut frame[..], &plain, 3).expect("room");
    expect("all.tar.zst", &frame[..size]);
}

/// Directories of layers with documents of protocol v1; a layer that was saved before is a link to it.
fn docker_before_25(saved: &Saved) -> Vec<u8> {
    let ids = ["1".repeat(64), "2".repeat(64), "3".repeat(64)];
    let mut archive = tar::Builder::new(Vec::new());
    let file = tar::EntryType::Regular;
    for (id, layer) in ids.iter().zip(&saved.layers) {
        add(&mut archive, &format!("{id}/"), tar::EntryType::Directory, "", b"");
        add(&mut archive, &format!("{id}/VERSION"), file, "", b"1.0");
        add(&mut archive, &format!("{id}/json"), file, "", br#"{"os":"linux"}"#);
        add(&mut archive, &format!("{id}/layer.tar"), file, "", layer);
    }
    add(&mut archive, &format!("{}/", ids[2]), tar::EntryType::Directory, "", b"");
    let link = format!("../{}/layer.tar", ids[1]);
    let name = format!("{}/layer.tar", ids[2]);
    add(&mut archive, &name, tar::EntryType::Symlink, &link, b"");
    let config = format!("{}.json", saved.config_hex());
    add(&mut archive, &config, file, "", &saved.config);
    let list = json!([{
        "Config": config, "RepoTags": ["example/app:1"],
        "Layers": [format!("{}/layer.tar", ids[0]), name],
    }]);
    add(&mut archive, "manifest.json", file, "", list.to_string().as_bytes());
    add(&mut archive, "repositories", file, "", br#"{"example/app":{"1":"2"}}"#);
    archive.into_inner().expect("an archive in memory")
}

/// A layout with manifest.json beside its index.
fn docker_since_25(saved: &Saved) -> Vec<u8> {
    let blob = |bytes: &[u8]| format!("blobs/sha256/{}", &digest::sha256(bytes)["sha256:".len()..]);
    let described = |media_type: &str, bytes: &[u8]| json!({"mediaType": media_type, "digest": digest::sha256(bytes), "size": bytes.len()});
    let kind = "application/vnd.oci.image.manifest.v1+json";
    let layer = "application/vnd.oci.image.layer.v1.tar";
    let layers: Vec<Value> = saved.layers.iter().map(|bytes| described(layer, bytes)).collect();
    let manifest = json!({
        "schemaVersion": 2, "mediaType": kind, "layers": layers,
        "config": described("application/vnd.oci.image.config.v1+json", &saved.config),
    })
    .to_string();
    let mut entry = described(kind, manifest.as_bytes());
    entry["annotations"] = json!({
        "io.containerd.image.name": "docker.io/example/app:1",
        "org.opencontainers.image.ref.name": "1",
    });
    let index = json!({"schemaVersion": 2, "manifests": [entry]}).to_string();
    let names: Vec<String> = saved.layers.iter().map(|bytes| blob(bytes)).collect();
    let list = json!([{
        "Config": blob(&saved.config), "RepoTags": ["example/app:1"], "Layers": names,
        "LayerSources": {saved.diff_ids()[0].clone(): layers[0]},
    }])
    .to_string();
    let (config, manifest_name) = (blob(&saved.config), blob(manifest.as_bytes()));
    let mut entries: Vec<(&str, &[u8])> = vec![
        ("blobs/", b""),
        ("blobs/sha256/", b""),
        (&config, &saved.config),
        (&manifest_name, manifest.as_bytes()),
    ];
    for (name, bytes) in names.iter().zip(&saved.layers) {
        entries.push((name, bytes));
    }
    entries.push(("index.json", index.as_bytes()));
    entries.push(("manifest.json", list.as_bytes()));
    entries.push(("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#));
    tarball(&entries)
}

#[test]
fn a_layout_in_a_docker_archive_is_one_for_either_transport() {
    let directory = ocireg_testkit::tempdir();
    let saved = Saved::new(8, 2);
    let path = write(&directory, "docker.tar", &docker_since_25(&saved));
    let service = service(none());
    let at = |transport: &str, name: &str| format!("{transport}:{}{name}", path.display());
    let inspected = service.inspect(None, &at("oci-archive", ":1"), &none()).expect("inspected");
    let config = format!("sha256:{}", saved.config_hex());
    assert_eq!(inspected["manifest"]["config"]["digest"], config);
    assert_eq!(inspected["manifest"]["mediaType"], "application/vnd.oci.image.manifest.v1+json");
    let saved =
        service.inspect(None, &at("docker-archive", ":example/app:1"), &none()).expect("inspected");
    assert_eq!(saved["manifest"]["config"]["digest"], config);
}

/// crane and containerd leave layers compressed. They go on as they are, once they were compared with their diff IDs.
#[test]
fn compressed_layers_of_an_archive_stay_compressed() {
    let directory = ocireg_testkit::tempdir();
    let saved = Saved::new(9, 2);
    let compressed: Vec<Vec<u8>> = saved.layers.iter().map(|layer| gzip(layer)).collect();
    let names: Vec<String> = compressed
        .iter()
        .map(|bytes| format!("{}.tar.gz", &digest::sha256(bytes)["sha256:".len()..]))
        .collect();
    let config = format!("sha256:{}", saved.config_hex());
    let list = |names: &[String]| {
        json!([{"Config": config, "RepoTags": ["example/app:1"], "Layers": names}]).to_string()
    };
    let text = list(&names);
    let all = |text: &str, config_bytes: &[u8]| {
        tarball(&[
            (&config, config_bytes),
            (&names[0], &compressed[0]),
            (&names[1], &compressed[1]),
            ("manifest.json", text.as_bytes()),
        ])
    };
    let path = write(&directory, "crane.tar", &all(&text, &saved.config));
    assert_eq!(read_saved(&path, ""), (config.clone(), compressed.clone()));
    let location = format!("docker-archive:{}", path.display());
    let inspected = service(none()).inspect(None, &location, &none()).expect("inspected");
    assert_eq!(inspected["layers"][0]["mediaType"], format!("{DOCKER_LAYER}.gzip"));
    assert_eq!(inspected["layers"][1]["digest"], digest::sha256(&compressed[1]));
    // Swapped, neither is what the configuration says.
    let swapped = list(&[names[1].clone(), names[0].clone()]);
    write(&directory, "crane.tar", &all(&swapped, &saved.config));
    let failure = service(none()).inspect(None, &location, &none()).expect_err("swapped");
    assert_eq!((failure.code, &failure.json["what"]), (DIGEST_MISMATCH, &json!("diff_id")));
    assert_tells(&failure, &[&names[1]], &[]);
}

#[test]
fn images_of_an_archive_are_told_apart_by_reference_or_number() {
    let (one, two) = (Saved::new(1, 1), Saved::new(2, 1));
    let item = |saved: &Saved, tags: &Value| {
        json!({
            "Config": format!("{}.json", saved.config_hex()), "RepoTags": tags,
            "Layers": [format!("{}.tar", &saved.diff_ids()[0]["sha256:".len()..])],
        })
    };
    let list =
        json!([item(&one, &json!(["alpine:3.18", "example.com/app:2"])), item(&two, &Value::Null)]);
    let list = list.to_string();
    let files: Vec<(String, &[u8])> = [&one, &two]
        .into_iter()
        .flat_map(|saved| {
            let layer = format!("{}.tar", &saved.diff_ids()[0]["sha256:".len()..]);
            [
                (format!("{}.json", saved.config_hex()), &saved.config[..]),
                (layer, &saved.layers[0][..]),
            ]
        })
        .collect();
    let mut entries: Vec<(&str, &[u8])> =
        files.iter().map(|(name, bytes)| (&**name, *bytes)).collect();
    entries.push(("manifest.json", list.as_bytes()));
    let directory = ocireg_testkit::tempdir();
    let path = write(&directory, "two.tar", &tarball(&entries));
    for (name, saved) in [
        (":alpine:3.18", &one),
        (":docker.io/library/alpine:3.18", &one),
        (":example.com/app:2", &one),
        (":@0", &one),
        (":@1", &two),
    ] {
        assert_eq!(read_saved(&path, name).0, format!("sha256:{}", saved.config_hex()), "{name}");
    }
    for (name, code) in [
        ("", INVALID_ARGUMENT),
        (":alpine", NOT_FOUND),
        (":alpine:3.19", NOT_FOUND),
        (":@2", NOT_FOUND),
        (":@99999999999999999999", NOT_FOUND),
    ] {
        let source = format!("docker-archive:{}{name}", path.display());
        let failure = service(none()).inspect(None, &source, &none()).expect_err(name);
        assert_eq!(failure.code, code, "{name}: {failure:?}");
        assert_tells(&failure, &["alpine:3.18, example.com/app:2, @1"], &[]);
    }
}

#[test]
fn archives_lie_in_a_directory_that_is_held_open() {
    let (registry, image) = demo();
    let directory = ocireg_testkit::tempdir();
    let held = fs::File::open(directory.path()).expect("a directory");
    let options = json!({"dir_fd": held.as_raw_fd()});
    let service = service(none());
    service.pull(None, &app(&registry), "oci-archive:a.tar:x", &options).expect("a pull");
    service
        .copy(None, "oci-archive:a.tar:x", "docker-archive:b.tar:app", &options)
        .expect("a copy");
    let inspected = service.inspect(None, "oci-archive:a.tar", &options).expect("inspected");
    assert_eq!(inspected["descriptor"]["digest"], image.digest);
    let inspected = service.inspect(None, "docker-archive:b.tar", &options).expect("inspected");
    assert_eq!(inspected["manifest"]["config"]["digest"], image.manifests[0].config);
    assert_eq!(names(directory.path()), ["a.tar", "b.tar"]);
}

/// The archive that was there is replaced, and its mode is that of any new file.
#[test]
fn an_archive_replaces_the_one_that_was_there() {
    let (registry, image) = demo();
    let directory = ocireg_testkit::tempdir();
    let path = directory.path().join("a.tar");
    let service = service(none());
    for transport in ["oci-archive", "docker-archive"] {
        let mut old = fs::File::create(&path).expect("a file");
        old.write_all(b"what was there before").expect("written");
        let location = format!("{transport}:{}", path.display());
        service.pull(None, &app(&registry), &location, &none()).expect("a pull");
        let inspected = service.inspect(None, &location, &none()).expect("inspected");
        assert_eq!(inspected["manifest"]["config"]["digest"], image.manifests[0].config);
        assert_eq!(names(directory.path()), ["a.tar"]);
    }
}

#[test]
fn progress_of_an_archive_ends_with_all_bytes() {
    let registry = Registry::plain();
    Spec::sized(3, 700_000).build().push_to(&registry, "demo/app", "1");
    let directory = ocireg_testkit::tempdir();
    for transport in ["oci-archive", "docker-archive"] {
        let (sender, told) = std::sync::mpsc::channel();
        let context = Context::with_progress(move |done, total, event| {
            sender
                .send((done, total, event["kind"].as_str().unwrap_or_default().to_owned()))
                .is_err()
        });
        let location = format!("{transport}:{}", directory.path().join("a.tar").display());
        let report = service(none())
            .pull(Some(&context), &app(&registry), &location, &none())
            .expect("a pull");
        drop(context);
        let last = told.iter().last().expect("events");
        let all = report["bytes_total"].as_u64().expect("a number");
        assert_eq!(last, (all, all, "finish".to_owned()), "{transport}");
    }
}
