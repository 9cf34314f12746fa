//! Layouts as caches: what they list, what a collection takes, what a verification finds.

use std::fs;

use std::path::{Path, PathBuf};

use ocireg::call::Call;
use ocireg::client::layout;
use ocireg::error::Code;
use ocireg_testkit::TempDir;
use ocireg_testkit::image::{Image, Kind, Spec};
use serde_json::{Value, json};

/// An index of two platforms.
fn two_platforms() -> Image {
    let platforms = vec!["linux/amd64".into(), "linux/arm64".into()];
    Spec { kind: Kind::Oci, platforms, ..Spec::default() }.build()
}

/// A layout with one image of this name.
fn with_image(image: &Image, name: &str) -> TempDir {
    let layout = ocireg_testkit::tempdir();
    image.write_layout(layout.path(), name);
    layout
}

fn location(layout: &TempDir) -> String {
    format!("oci:{}", layout.path().display())
}

fn call() -> Call {
    Call::new(None)
}

fn document(value: &impl serde::Serialize) -> Value {
    serde_json::to_value(value).expect("a document")
}

fn blob_file(layout: &Path, digest: &str) -> PathBuf {
    let (algorithm, hex) = digest.split_once(':').expect("a digest");
    layout.join("blobs").join(algorithm).join(hex)
}

fn add_blob(layout: &Path, content: &[u8]) -> String {
    let digest = ocireg_testkit::digest::sha256(content);
    fs::write(blob_file(layout, &digest), content).expect("write a blob");
    digest
}

fn files(layout: &Path) -> usize {
    fs::read_dir(layout.join("blobs/sha256")).expect("blobs").count()
}

fn change_index(layout: &Path, change: impl FnOnce(&mut Vec<Value>)) {
    let path = layout.join("index.json");
    let mut index: Value = serde_json::from_slice(&fs::read(&path).expect("index")).expect("JSON");
    change(index["manifests"].as_array_mut().expect("a list"));
    fs::write(&path, index.to_string()).expect("write the index");
}

#[test]
fn images_are_listed_with_their_names() {
    let image = two_platforms();
    let layout = with_image(&image, "example/app:1");
    let listed = document(&layout::list(&location(&layout), None, &call()).expect("list"));
    assert_eq!(listed["images"].as_array().map(Vec::len), Some(1));
    assert_eq!(listed["images"][0]["name"], "example/app:1");
    assert_eq!(listed["images"][0]["descriptor"]["digest"], image.digest);
}

#[test]
fn a_removed_name_frees_its_blobs_for_the_next_collection() {
    let image = two_platforms();
    let layout = with_image(&image, "a");
    let before = files(layout.path());
    assert!(before >= image.blobs.len());

    let at = format!("{}:a", location(&layout));
    let removed = document(&layout::remove(&at, None, &call()).expect("remove"));
    assert_eq!(removed["removed"]["digest"], image.digest);
    assert_eq!(layout::remove(&at, None, &call()).expect_err("gone").code(), Code::NotFound);
    assert_eq!(files(layout.path()), before, "blobs stay until they are collected");

    let dry = Some(r#"{"dry_run": true}"#);
    let would = document(&layout::collect(&location(&layout), dry, &call()).expect("dry run"));
    assert_eq!(files(layout.path()), before, "a dry run removes nothing");
    let collected = document(&layout::collect(&location(&layout), None, &call()).expect("collect"));
    assert_eq!(would, collected);
    assert_eq!(collected["removed"].as_array().map(Vec::len), Some(before));
    assert_eq!(files(layout.path()), 0);
}

#[test]
fn a_collection_keeps_what_names_reach() {
    let image = two_platforms();
    let layout = with_image(&image, "a");
    let before = files(layout.path());
    let garbage = add_blob(layout.path(), b"nobody needs this");
    fs::write(layout.path().join("blobs/sha256/README"), "not a blob").expect("write");

    let collected = document(&layout::collect(&location(&layout), None, &call()).expect("collect"));
    assert_eq!(collected, json!({"removed": [{"digest": garbage, "size": 17}], "bytes": 17}));
    assert_eq!(files(layout.path()), before + 1, "other files are not touched");
    let verified = document(&layout::verify(&location(&layout), None, &call()).expect("verify"));
    assert_eq!(verified["damaged"], json!([]));
    assert_eq!(verified["checked"], before);
}

#[test]
fn a_referrer_lives_as_long_as_its_subject() {
    let image = two_platforms();
    let layout = with_image(&image, "a");
    let empty = add_blob(layout.path(), b"{}");
    let kind = "application/vnd.oci.image.manifest.v1+json";
    let referrer = json!({
        "schemaVersion": 2, "mediaType": kind, "artifactType": "application/example",
        "config": {"mediaType": "application/vnd.oci.empty.v1+json", "digest": empty, "size": 2},
        "layers": [{"mediaType": "application/vnd.oci.empty.v1+json", "digest": empty, "size": 2}],
        "subject": {"mediaType": "application/vnd.oci.image.index.v1+json", "digest": image.digest, "size": 1},
    })
    .to_string();
    let digest = add_blob(layout.path(), referrer.as_bytes());
    change_index(layout.path(), |entries| {
        entries.push(json!({"mediaType": kind, "digest": digest, "size": referrer.len()}));
    });

    let kept = layout::collect(&location(&layout), None, &call()).expect("collect");
    assert!(kept.removed.is_empty(), "the subject is there: {kept:?}");
    layout::remove(&format!("{}:a", location(&layout)), None, &call()).expect("remove");
    layout::collect(&location(&layout), None, &call()).expect("collect");
    assert_eq!(files(layout.path()), 0, "the referrer went with its subject");
    let listed = layout::list(&location(&layout), None, &call()).expect("list");
    assert!(listed.images.is_empty(), "the index does not name what is gone: {listed:?}");
}

#[test]
fn an_image_without_a_name_is_kept() {
    let layout = with_image(&two_platforms(), "a");
    change_index(layout.path(), |entries| {
        entries[0].as_object_mut().expect("an entry").remove("annotations");
    });
    let collected = layout::collect(&location(&layout), None, &call()).expect("collect");
    assert!(collected.removed.is_empty(), "{collected:?}");
}

#[test]
fn a_collection_that_cannot_read_a_manifest_removes_nothing() {
    let image = two_platforms();
    let layout = with_image(&image, "a");
    fs::write(blob_file(layout.path(), &image.digest), "damaged").expect("write");
    let before = files(layout.path());
    let error = layout::collect(&location(&layout), None, &call()).expect_err("damaged");
    assert_eq!(error.code(), Code::DigestMismatch, "{error}");
    assert_eq!(files(layout.path()), before);
}

#[test]
fn a_collection_waits_for_nobody_who_writes() {
    let layout = with_image(&two_platforms(), "a");
    let blobs = fs::File::open(layout.path().join("blobs")).expect("blobs");
    // As a pull of another process holds it.
    blobs.lock_shared().expect("lock");

    for options in [None, Some(r#"{"dry_run": true}"#)] {
        let error = layout::collect(&location(&layout), options, &call()).expect_err("busy");
        assert_eq!(error.code(), Code::Busy, "{error}");
    }
    drop(blobs);
    layout::collect(&location(&layout), None, &call()).expect("collect");
}

#[test]
fn damaged_and_missing_blobs_are_found() {
    let image = two_platforms();
    let layout = with_image(&image, "a");
    let mut others: Vec<_> = image.blobs.keys().filter(|d| **d != image.digest).cloned().collect();
    others.retain(|d| image.manifests.iter().all(|m| m.digest != *d));
    others.sort();
    let (damaged, missing) = (&others[0], &others[1]);
    fs::write(blob_file(layout.path(), damaged), "other bytes").expect("write");
    fs::remove_file(blob_file(layout.path(), missing)).expect("remove");

    let verified = layout::verify(&location(&layout), None, &call()).expect("verify");
    let mut found: Vec<_> = verified.damaged.iter().map(|d| d.digest.to_string()).collect();
    found.sort();
    assert_eq!(found, [damaged.clone(), missing.clone()]);
}

#[test]
fn a_manifest_that_is_not_one_is_damage_though_its_digest_is_right() {
    let layout = with_image(&two_platforms(), "a");
    let kind = "application/vnd.oci.image.manifest.v1+json";
    let mut bad: Vec<String> = Vec::new();
    for (name, text) in [("b", "no JSON"), ("c", "{\"schemaVersion\": 2}"), ("", "[]")] {
        let digest = add_blob(layout.path(), text.as_bytes());
        let mut entry = json!({"mediaType": kind, "digest": digest, "size": text.len()});
        if !name.is_empty() {
            entry["annotations"] = json!({"org.opencontainers.image.ref.name": name});
        }
        change_index(layout.path(), |entries| entries.push(entry));
        bad.push(digest);
    }
    bad.sort();
    let verified = layout::verify(&location(&layout), None, &call()).expect("verify");
    let found: Vec<_> = verified.damaged.iter().map(|d| d.digest.to_string()).collect();
    assert_eq!(found, bad, "{verified:?}");
    assert_eq!(verified.checked, u64::try_from(files(layout.path())).expect("a number"));
    // Nobody knows what they need, and so nothing is removed.
    let before = files(layout.path());
    layout::collect(&location(&layout), None, &call()).expect_err("damaged");
    assert_eq!(files(layout.path()), before);
}

#[test]
fn what_a_manifest_of_another_type_mentions_is_kept() {
    let layout = with_image(&two_platforms(), "a");
    let (part, garbage) = (add_blob(layout.path(), b"part"), add_blob(layout.path(), b"garbage"));
    let kind = "application/vnd.oci.artifact.manifest.v1+json";
    let text = json!({"mediaType": kind, "blobs": [{"digest": part, "size": 4}]}).to_string();
    let digest = add_blob(layout.path(), text.as_bytes());
    change_index(layout.path(), |entries| {
        entries.push(json!({"mediaType": kind, "digest": digest, "size": text.len()}));
    });
    let collected = layout::collect(&location(&layout), None, &call()).expect("collect");
    assert_eq!(
        document(&collected),
        json!({"removed": [{"digest": garbage, "size": 7}], "bytes": 7})
    );
    let verified = layout::verify(&location(&layout), None, &call()).expect("verify");
    assert!(verified.damaged.is_empty(), "{verified:?}");
}

#[test]
fn a_name_is_removed_from_the_image_that_has_it_then() {
    let layout = with_image(&two_platforms(), "a");
    let root = fs::File::open(layout.path()).expect("the layout");
    root.lock().expect("lock");
    let at = format!("{}:a", location(&layout));
    let remover = std::thread::spawn(move || layout::remove(&at, None, &call()));
    std::thread::sleep(std::time::Duration::from_millis(100));
    // While it waits, the name is given to another image, as a pull of another process does it.
    let digest = add_blob(layout.path(), b"{}");
    change_index(layout.path(), |entries| entries[0]["digest"] = json!(digest));
    root.unlock().expect("unlock");
    let removed = remover.join().expect("no panic").expect("remove");
    assert_eq!(removed.removed.digest.to_string(), digest);
    assert!(layout::list(&location(&layout), None, &call()).expect("list").images.is_empty());
}

#[test]
fn locations_and_options_are_checked() {
    let layout = with_image(&two_platforms(), "a");
    let at = location(&layout);
    let named = format!("{at}:a");
    for (error, code) in [
        (layout::list(&named, None, &call()).map(drop), Code::InvalidArgument),
        (layout::remove(&at, None, &call()).map(drop), Code::InvalidArgument),
        (layout::collect("docker://alpine", None, &call()).map(drop), Code::InvalidArgument),
        (layout::verify(&at, Some(r#"{"deep": true}"#), &call()).map(drop), Code::InvalidJson),
        (layout::collect(&at, Some(r#"{"dry_run": 1}"#), &call()).map(drop), Code::InvalidJson),
    ] {
        assert_eq!(error.expect_err("refused").code(), code);
    }
}
