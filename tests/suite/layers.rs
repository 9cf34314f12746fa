//! Layers without their compression: blobs that are opened with `decompress`, what must come out of them, and images
//! whose layers must be what their configurations say.

use std::path::Path;

use ocireg_testkit::digest::sha256;
use ocireg_testkit::{Action, Cut, Fault, Registry, TempDir, tempdir};
use serde_json::{Value, json};

use crate::c_surface::images::{Context, Reader, Session};
use crate::c_surface::{Outcome, Service, layouts};
use crate::compress::{gzip, sample, skippable, zstd, zstd_with_window};
use crate::scene::{DIGEST_MISMATCH, INVALID_MANIFEST, LIMIT};

const INVALID_ARGUMENT: i32 = 1;
const UNSUPPORTED: i32 = 8;
const CANCELLED: i32 = 20;

struct Scene {
    registry: Registry,
    session: Session,
}

impl Scene {
    fn new() -> Self {
        let registry = Registry::plain();
        registry.add_manifest("demo/app", Some("1"), "application/json", "{}");
        let service = Service::bare(json!({"retry": {"initial-ms": 1, "max-ms": 5}}));
        let reference = format!("{}/demo/app:1", registry.host());
        let session = service.open(None, &reference, &json!({})).expect("a session");
        Self { registry, session }
    }

    fn add(&self, bytes: &[u8]) -> String {
        self.registry.add_blob("demo/app", bytes.to_vec())
    }

    fn open(&self, digest: &str, options: &Value) -> Outcome<Reader> {
        let mut all = json!({"decompress": true});
        for (key, value) in options.as_object().expect("options") {
            all[key] = value.clone();
        }
        self.session.open_blob(None, digest, 0, &all)
    }

    fn read(&self, digest: &str, options: &Value) -> Outcome<Vec<u8>> {
        let mut all = Vec::new();
        self.open(digest, options)?.read_to_end(None, &mut all)?;
        Ok(all)
    }

    #[track_caller]
    fn fails(&self, digest: &str, options: &Value, code: i32) -> Value {
        let error = self.read(digest, options).expect_err("what is wrong");
        assert_eq!(error.code, code, "{error:#?}");
        error.json
    }
}

#[test]
fn a_layer_is_read_without_its_compression() {
    let scene = Scene::new();
    let plain = sample(300_000);
    let (first, second) = plain.split_at(100_000);
    for (name, bytes) in [
        ("plain", plain.clone()),
        ("gzip", gzip(&plain)),
        ("members", [gzip(first), gzip(b""), gzip(second)].concat()),
        ("zeros after gzip", [gzip(&plain), vec![0; 10_240]].concat()),
        ("zstd", zstd(&plain)),
        ("frames", [skippable(b"before"), zstd(first), zstd(second), skippable(b"")].concat()),
    ] {
        let digest = scene.add(&bytes);
        for options in [json!({}), json!({"diff_id": sha256(&plain), "size": bytes.len()})] {
            let mut reader = scene.open(&digest, &options).expect("a reader");
            // The blob's size, whatever comes out.
            assert_eq!(reader.size(), bytes.len() as i64, "{name}");
            let mut all = Vec::new();
            reader.read_to_end(None, &mut all).unwrap_or_else(|e| panic!("{name}: {e:#?}"));
            assert!(all == plain, "{name}");
            assert_eq!(reader.read(None, &mut [0; 10]).expect("the end, again"), 0);
            reader.verify(None).expect("it is right");
        }
        // What is not asked for is not done.
        let mut raw = Vec::new();
        let reader = scene.session.open_blob(None, &digest, 0, &json!({"decompress": false}));
        reader.expect("a reader").read_to_end(None, &mut raw).expect("the blob");
        assert!(raw == bytes, "{name}");
    }
    assert_eq!(scene.read(&scene.add(b""), &json!({})).expect("nothing"), b"");
}

#[test]
fn what_comes_out_must_have_the_diff_id() {
    let scene = Scene::new();
    let plain = sample(300_000);
    for bytes in [plain.clone(), gzip(&plain), zstd(&plain)] {
        let digest = scene.add(&bytes);
        let other = sha256(b"something else");
        let told = scene.fails(&digest, &json!({"diff_id": other}), DIGEST_MISMATCH);
        assert_eq!(told["what"], "diff_id");
        assert_eq!(told["digest_expected"], json!(other));
        assert_eq!(told["digest_actual"], json!(sha256(&plain)));
        // To the end, though only the beginning was read; and it stays.
        let mut reader = scene.open(&digest, &json!({"diff_id": other})).expect("a reader");
        assert!(reader.read(None, &mut [0; 1000]).expect("the beginning") > 0);
        for _ in 0..2 {
            let error = reader.verify(None).expect_err("another diff ID");
            assert_eq!((error.code, &error.json["what"]), (DIGEST_MISMATCH, &json!("diff_id")));
        }
        let error = reader.read(None, &mut [0; 10]).expect_err("it stays");
        assert_eq!(error.code, DIGEST_MISMATCH);
        let right = json!({"diff_id": sha256(&plain)});
        let mut reader = scene.open(&digest, &right).expect("a reader");
        assert!(reader.read(None, &mut [0; 1000]).expect("the beginning") > 0);
        reader.verify(None).expect("it is right");
    }
    // Other algorithms are as good.
    let digest = scene.add(&gzip(b"abc"));
    let sha512 = "sha512:ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
                  2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f";
    assert_eq!(scene.read(&digest, &json!({"diff_id": sha512})).expect("right"), b"abc");
}

/// Who changed the blob on its way is to blame, not who made it.
#[test]
fn a_blob_that_was_changed_is_named_before_its_content() {
    let scene = Scene::new();
    let plain = sample(300_000);
    for bytes in [gzip(&plain), zstd(&plain), plain.clone()] {
        let digest = scene.add(&bytes);
        for at in [2, 11, 1000, bytes.len() / 2, bytes.len() - 1] {
            scene.registry.clear_faults();
            let flip = Fault::on(&digest, Action::Flip(at as u64)).always();
            scene.registry.fault(flip);
            let options = json!({"diff_id": sha256(&plain)});
            let told = scene.fails(&digest, &options, DIGEST_MISMATCH);
            assert_eq!(told["digest_expected"], json!(digest), "{told}");
        }
    }
}

#[test]
fn damaged_content_is_refused_though_the_blob_is_right() {
    let scene = Scene::new();
    let plain = sample(300_000);
    let (gz, zst) = (gzip(&plain), zstd(&plain));
    let mut flipped = gz.clone();
    let end = flipped.len();
    flipped[end - 6] ^= 1;
    for (bytes, code) in [
        (gz[..gz.len() / 2].to_vec(), INVALID_MANIFEST),
        (gz[..gz.len() - 1].to_vec(), INVALID_MANIFEST),
        ([&gz[..], b"garbage"].concat(), INVALID_MANIFEST),
        ([&gz[..], &gz[..20]].concat(), INVALID_MANIFEST),
        (flipped, INVALID_MANIFEST),
        (zst[..zst.len() - 1].to_vec(), INVALID_MANIFEST),
        ([&zst[..], b"garbage"].concat(), INVALID_MANIFEST),
        (zstd_with_window(18, b"content"), LIMIT),
        (zstd_with_window(31, b"content"), LIMIT),
        (b"\xfd7zXZ\0 and so on".to_vec(), UNSUPPORTED),
        (b"BZh91AY&SY and so on".to_vec(), UNSUPPORTED),
    ] {
        let digest = scene.add(&bytes);
        let told = scene.fails(&digest, &json!({}), code);
        assert_eq!(told["what"], "layer", "{told}");
        assert!(told["hint"].is_string(), "{told}");
        let mut reader = scene.open(&digest, &json!({})).expect("a reader");
        assert_eq!(reader.verify(None).expect_err("damage").code, code);
        assert_eq!(reader.read(None, &mut [0; 10]).expect_err("it stays").code, code);
    }
}

#[test]
fn a_bomb_ends_at_the_limit() {
    let scene = Scene::new();
    let zeros = vec![0; 8 << 20];
    for bytes in [gzip(&zeros), zstd(&zeros)] {
        let digest = scene.add(&bytes);
        let told = scene.fails(&digest, &json!({"max_size": (8 << 20) - 1}), LIMIT);
        assert!(told["hint"].as_str().is_some_and(|hint| hint.contains("max_size")), "{told}");
        let all = scene.read(&digest, &json!({"max_size": 8 << 20})).expect("it fits");
        assert!(all == zeros);
    }
    // What is not compressed does not grow.
    let plain = scene.add(b"twelve bytes");
    assert_eq!(scene.read(&plain, &json!({"max_size": 1})).expect("plain"), b"twelve bytes");
}

#[test]
fn compressed_data_is_read_from_its_beginning() {
    let scene = Scene::new();
    let digest = scene.add(&gzip(b"abc"));
    let diff_id = sha256(b"abc");
    let before = scene.registry.requests().len();
    for (offset, options, argument) in [
        (1, json!({"decompress": true}), "offset"),
        (0, json!({"diff_id": diff_id}), "diff_id"),
        (0, json!({"decompress": false, "diff_id": diff_id}), "diff_id"),
        (0, json!({"max_size": 5}), "max_size"),
    ] {
        let opened = scene.session.open_blob(None, &digest, offset, &options);
        let error = opened.err().expect("an argument that is not valid");
        assert_eq!(error.code, INVALID_ARGUMENT, "{error:#?}");
        assert_eq!(error.json["argument"], argument);
    }
    assert_eq!(scene.registry.requests().len(), before, "nothing was asked");
    let opened = scene.open(&digest, &json!({"diff_id": "sha256:abc"}));
    assert!(opened.is_err_and(|error| error.code == 6));
}

#[test]
fn a_cut_download_is_resumed_below_the_decoder() {
    let scene = Scene::new();
    let plain = sample(2_000_000);
    for bytes in [gzip(&plain), zstd(&plain)] {
        let digest = scene.add(&bytes);
        scene.registry.clear_faults();
        for (number, at) in [5_u64, 70_000, 200_001].into_iter().enumerate() {
            let cut = Fault::on(&digest, Action::CutBody(at, Cut::Rst)).method("GET");
            scene.registry.fault(cut.skip(number).times(1));
        }
        let before = scene.registry.requests().len();
        let options = json!({"diff_id": sha256(&plain)});
        assert!(scene.read(&digest, &options).expect("all of it") == plain);
        let requests = scene.registry.requests();
        let ranges = requests[before..].iter().filter(|r| r.header("Range").is_some()).count();
        assert!(ranges >= 3, "{ranges} requests for the rest");
    }
}

/// After a cancelled call, reading goes on: nothing of the stream was lost.
#[test]
fn reading_goes_on_after_a_cancelled_call() {
    let scene = Scene::new();
    let plain = sample(2_000_000);
    let digest = scene.add(&zstd(&plain));
    let mut reader = scene.open(&digest, &json!({"diff_id": sha256(&plain)})).expect("a reader");
    let (mut all, mut buffer) = (Vec::new(), vec![0; 50_000]);
    loop {
        let cancelled = Context::new();
        cancelled.cancel();
        match reader.read(Some(&cancelled), &mut buffer) {
            // What was decompressed already may still be given.
            Ok(0) => break,
            Ok(read) => all.extend_from_slice(&buffer[..read]),
            Err(error) => {
                assert_eq!(error.code, CANCELLED);
                match reader.read(None, &mut buffer).expect("reading goes on") {
                    0 => break,
                    read => all.extend_from_slice(&buffer[..read]),
                }
            }
        }
    }
    assert!(all == plain);
}

/// Not compressed and large: the decoder passes it on.
#[test]
fn a_plain_blob_passes_whole() {
    let scene = Scene::new();
    let digest = scene.registry.add_blob_generated("demo/app", 5, 3_000_001);
    let all = scene.read(&digest, &json!({"diff_id": digest})).expect("the blob");
    assert_eq!(all.len(), 3_000_001);
    assert_eq!(sha256(&all), digest);
}

/// An image of layers, whose configuration says these things of them.
struct Image {
    layers: Vec<Vec<u8>>,
    diff_ids: Vec<String>,
}

impl Image {
    /// In every compression that there is.
    fn right() -> Self {
        let contents: Vec<Vec<u8>> = (1..4).map(|number| sample(number * 300_000)).collect();
        let layers = vec![gzip(&contents[0]), zstd(&contents[1]), contents[2].clone()];
        Self { layers, diff_ids: contents.iter().map(|content| sha256(content)).collect() }
    }

    fn lying(number: usize) -> Self {
        let mut image = Self::right();
        image.diff_ids[number] = sha256(b"something else");
        image
    }

    fn layer(&self, number: usize) -> String {
        sha256(&self.layers[number])
    }

    /// With layers of this type.
    fn push(&self, registry: &Registry, layer_type: &str) {
        let config = json!({"architecture": "amd64", "os": "linux",
            "rootfs": {"type": "layers", "diff_ids": self.diff_ids}})
        .to_string();
        let descriptor = |kind: &str, bytes: &[u8]| json!({"mediaType": kind, "digest": sha256(bytes), "size": bytes.len()});
        let layers = self.layers.iter().map(|layer| {
            registry.add_blob("demo/app", layer.clone());
            descriptor(layer_type, layer)
        });
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": descriptor("application/vnd.oci.image.config.v1+json", config.as_bytes()),
            "layers": layers.collect::<Vec<_>>(),
        });
        registry.add_blob("demo/app", config);
        let kind = "application/vnd.oci.image.manifest.v1+json";
        registry.add_manifest("demo/app", Some("1"), kind, manifest.to_string());
    }
}

/// The type says nothing of the compression: content does.
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

struct Images {
    service: Service,
    registry: Registry,
    layout: TempDir,
}

impl Images {
    fn of(image: &Image) -> Self {
        let registry = Registry::plain();
        image.push(&registry, LAYER);
        let service = Service::bare(json!({"retry": {"initial-ms": 1, "max-ms": 5}}));
        Self { service, registry, layout: tempdir() }
    }

    fn reference(&self) -> String {
        format!("{}/demo/app:1", self.registry.host())
    }

    fn place(&self) -> String {
        format!("oci:{}:x", self.layout.path().display())
    }

    fn pull(&self, options: &Value) -> Outcome<Value> {
        let pulled = self.service.pull(None, &self.reference(), &self.place(), options);
        layouts::assert_sound(self.layout.path());
        pulled
    }

    fn part(&self, digest: &str) -> std::path::PathBuf {
        self.layout.path().join("blobs/sha256").join(digest.trim_start_matches("sha256:"))
    }
}

#[track_caller]
fn assert_lies(outcome: Outcome<Value>, layer: &str) {
    let error = outcome.expect_err("a diff ID that is wrong");
    assert_eq!((error.code, &error.json["what"]), (DIGEST_MISMATCH, &json!("diff_id")));
    assert!(error.message.contains(layer), "{error:#?}");
    assert_eq!(error.json["digest_expected"], json!(sha256(b"something else")));
}

#[test]
fn every_layer_of_a_pull_is_checked() {
    let verify = json!({"verify_diff_ids": true});
    let right = Image::right();
    let images = Images::of(&right);
    images.pull(&verify).expect("a right image");
    // Again: what is there is read, and nothing is downloaded.
    let before = images.registry.requests().len();
    images.pull(&verify).expect("a right image");
    let requests = images.registry.requests();
    let asked = |part: &str| requests[before..].iter().any(|r| r.target.contains(part));
    assert!(!right.layers.iter().any(|layer| asked(&sha256(layer))));
    for number in 0..3 {
        let image = Image::lying(number);
        let images = Images::of(&image);
        for _ in 0..2 {
            // The second time, the layer is there already.
            assert_lies(images.pull(&verify), &image.layer(number));
            assert_eq!(layouts::images(images.layout.path()), 0, "it has no name");
        }
        images.pull(&json!({})).expect("nobody asked");
        assert_lies(images.pull(&verify), &image.layer(number));
    }
}

#[test]
fn a_layer_that_is_resumed_or_sent_again_is_checked() {
    let verify = json!({"verify_diff_ids": true});
    for (image, is_right) in [(Image::right(), true), (Image::lying(2), false)] {
        let mut images = Images::of(&image);
        let layer = image.layer(2);
        // The first call leaves a part, which the next one goes on with.
        let cut = Fault::on(&layer, Action::CutBody(300_000, Cut::Rst)).method("GET");
        images.registry.fault(cut.times(1));
        let patient = std::mem::replace(
            &mut images.service,
            Service::bare(json!({"retry": {"max-attempts": 1}})),
        );
        assert!(images.pull(&verify).is_err());
        images.service = patient;
        match images.pull(&verify) {
            Ok(report) => {
                assert!(is_right);
                let blobs = report["blobs"].as_array().expect("blobs");
                assert!(blobs.iter().any(|blob| blob["source"] == "resumed"), "{report}");
            }
            wrong => {
                assert!(!is_right);
                assert_lies(wrong, &layer);
            }
        }
        // Wrong bytes are the registry's fault; a second try brings the right ones.
        let images = Images::of(&image);
        images.registry.fault(Fault::on(&layer, Action::Flip(100)).method("GET").times(1));
        match images.pull(&verify) {
            Ok(_) => assert!(is_right),
            wrong => assert_lies(wrong, &layer),
        }
        assert!(images.part(&layer).exists());
    }
}

#[test]
fn every_layer_of_a_push_or_copy_is_checked() {
    let options = json!({"verify_diff_ids": true});
    for image in [Image::right(), Image::lying(0), Image::lying(1), Image::lying(2)] {
        let lie = (0..3).find(|number| image.diff_ids[*number] == sha256(b"something else"));
        let images = Images::of(&image);
        images.pull(&json!({})).expect("nobody asked");
        let to = Registry::plain();
        let at = format!("docker://{}/demo/app:1", to.host());
        let from = format!("docker://{}", images.reference());
        let judge = |outcome: Outcome<Value>| match lie {
            None => drop(outcome.expect("a right image")),
            Some(number) => assert_lies(outcome, &image.layer(number)),
        };
        let has_it = |to: &Registry| {
            let session =
                images.service.open(None, &format!("{}/demo/app:1", to.host()), &json!({}));
            session.expect("a session").head_manifest(None, None, &json!({})).is_ok()
        };
        for _ in 0..2 {
            judge(images.service.push(None, &images.place(), &at, &options));
            assert_eq!(has_it(&to), lie.is_none());
        }
        let to = Registry::plain();
        let at = format!("docker://{}/demo/app:1", to.host());
        for _ in 0..2 {
            judge(images.service.copy(None, &from, &at, &options));
            assert_eq!(has_it(&to), lie.is_none());
        }
        // By mounting, within one registry.
        let at = format!("docker://{}/demo/other:1", images.registry.host());
        judge(images.service.copy(None, &from, &at, &options));
        let layout = tempdir();
        let at = format!("oci:{}:x", layout.path().display());
        judge(images.service.copy(None, &from, &at, &options));
        assert_eq!(layouts::images(layout.path()), usize::from(lie.is_none()));
    }
}

#[test]
fn a_configuration_that_lacks_a_diff_id_is_refused() {
    let verify = json!({"verify_diff_ids": true});
    for count in [0, 2, 4] {
        let mut image = Image::right();
        image.diff_ids.resize(count, sha256(b"x"));
        let images = Images::of(&image);
        let error = images.pull(&verify).expect_err("not one for each layer");
        assert_eq!((error.code, &error.json["what"]), (DIGEST_MISMATCH, &json!("diff_id")));
        images.pull(&json!({})).expect("nobody asked");
    }
    // What is no layer of a file system has no diff ID.
    let mut image = Image::right();
    image.diff_ids.clear();
    let images = Images::of(&image);
    image.push(&images.registry, "application/vnd.example.model");
    images.pull(&verify).expect("an artifact");
}

#[test]
fn a_layer_that_cannot_be_decompressed_is_refused() {
    let verify = json!({"verify_diff_ids": true});
    let mut image = Image::right();
    let half = image.layers[0].len() / 2;
    image.layers[0].truncate(half);
    let images = Images::of(&image);
    let error = images.pull(&verify).expect_err("half of a layer");
    assert_eq!((error.code, &error.json["what"]), (INVALID_MANIFEST, &json!("layer")));
    assert!(error.message.contains(&image.layer(0)), "{error:#?}");
    assert_eq!(layouts::images(images.layout.path()), 0);
    images.pull(&json!({})).expect("nobody asked");
    assert!(Path::new(&images.part(&image.layer(0))).exists());
}
