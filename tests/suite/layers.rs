//! Layers without their compression: blobs that are opened with `decompress`, and what must come out of them.

use ocireg_testkit::digest::sha256;
use ocireg_testkit::{Action, Cut, Fault, Registry};
use serde_json::{Value, json};

use crate::c_surface::images::{Context, Reader, Session};
use crate::c_surface::{Outcome, Service};
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
