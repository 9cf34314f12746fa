//! Pushes from layouts to registries: what is sent, what is not sent again, and what is there when something fails.

use std::fs;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::sync::{Arc, Mutex};

use crate::c_surface::images::Context;
use crate::scene::*;
use ocireg_testkit::image::{Image, Kind, Spec};
use ocireg_testkit::{Action, Fault, Registry, TempDir, digest};
use serde_json::{Value, json};

const INVALID_ARGUMENT: i32 = 1;
const CANCELLED: i32 = 20;

const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const EMPTY: &str = "application/vnd.oci.empty.v1+json";

fn none() -> Value {
    json!({})
}

/// An image in a layout of its own, under the name `x`.
struct Local {
    image: Image,
    layout: TempDir,
}

impl Local {
    fn new(image: Image) -> Self {
        let layout = ocireg_testkit::tempdir();
        image.write_layout(layout.path(), "x");
        Self { image, layout }
    }

    fn location(&self) -> String {
        format!("oci:{}:x", self.layout.path().display())
    }
}

/// An index of two platforms with two layers each.
fn index() -> Image {
    let platforms = vec!["linux/amd64".into(), "linux/arm64".into()];
    Spec { kind: Kind::Oci, platforms, ..Spec::default() }.build()
}

/// Panics unless the repository has every byte of an image, under the tag.
fn assert_has(registry: &Registry, repository: &str, tag: &str, image: &Image) {
    assert_eq!(registry.tag(repository, tag).as_deref(), Some(image.digest.as_str()));
    for (digest, body) in &image.blobs {
        let is_manifest = *digest == image.digest
            || image.manifests.iter().any(|manifest| manifest.digest == *digest);
        if !is_manifest {
            let there = registry.blob(repository, digest).expect("a blob of the image");
            assert_eq!(there.to_vec(), body.to_vec(), "{digest}");
        }
    }
}

/// The methods and targets of the requests that write or would write.
fn written(registry: &Registry) -> Vec<String> {
    let requests = registry.requests().into_iter();
    requests
        .filter(|r| matches!(r.method.as_str(), "POST" | "PATCH" | "PUT"))
        .map(|r| format!("{} {}", r.method, r.target))
        .collect()
}

/// Bytes of bodies that were sent to uploads.
fn uploaded(registry: &Registry) -> usize {
    requests(registry, "/blobs/uploads/").iter().map(|request| request.body.len()).sum()
}

fn sources(report: &Value) -> Vec<&str> {
    let blobs = report["blobs"].as_array().expect("blobs");
    blobs.iter().map(|blob| blob["source"].as_str().expect("a source")).collect()
}

#[test]
fn an_index_goes_with_all_children_and_its_name_comes_last() {
    let (local, registry) = (Local::new(index()), Registry::plain());
    let service = service(none());
    let destination = format!("{}/demo/app:1", registry.host());
    let report = service.push(None, &local.location(), &destination, &none()).expect("a push");
    assert_has(&registry, "demo/app", "1", &local.image);
    assert_eq!(report["descriptor"]["digest"], local.image.digest.as_str());
    assert_eq!(report["reference"], format!("{}/demo/app@{}", registry.host(), local.image.digest));
    assert_eq!(report["endpoint"]["url"], format!("http://{}", registry.host()));
    assert_eq!(report["tags"], json!(["1"]));
    assert_eq!(report["destination"], destination);
    assert!(sources(&report).iter().all(|source| *source == "network"), "{report}");
    assert_eq!(report["bytes_transferred"], report["bytes_total"]);
    assert_eq!(report["manifests"].as_array().map(Vec::len), Some(3));
    // What lists something comes after it, and the tag last of all.
    let written = written(&registry);
    let last_blob = written.iter().rposition(|w| w.contains("/blobs/")).expect("blobs");
    let manifests: Vec<_> = written.iter().filter(|w| w.contains("/manifests/")).collect();
    assert_eq!(written.len() - last_blob - 1, manifests.len(), "{written:?}");
    assert_eq!(manifests.len(), 3, "{manifests:?}");
    assert_eq!(manifests[2], "PUT /v2/demo/app/manifests/1");
}

#[test]
fn what_the_registry_has_is_not_sent_again() {
    let (local, registry) = (Local::new(image()), Registry::plain());
    let service = service(none());
    let destination = format!("docker://{}/demo/app:1", registry.host());
    service.push(None, &local.location(), &destination, &none()).expect("a push");
    // The same image: its manifest is there, and so is what it lists.
    registry.clear();
    let report = service.push(None, &local.location(), &destination, &none()).expect("a push");
    assert_eq!(written(&registry), ["PUT /v2/demo/app/manifests/1"]);
    assert!(requests(&registry, "/blobs/").is_empty());
    assert!(sources(&report).iter().all(|source| *source == "present"), "{report}");
    assert_eq!(report["bytes_transferred"], 0);
    // With verify_present each blob is asked for.
    registry.clear();
    let options = json!({"verify_present": true});
    service.push(None, &local.location(), &destination, &options).expect("a push");
    assert_eq!(requests(&registry, "/blobs/").len(), 3);
    assert_eq!(uploaded(&registry), 0);
    // Another image with one layer of the first.
    let mut manifest: Value = serde_json::from_slice(&local.image.bytes).expect("a manifest");
    manifest["annotations"] = json!({"changed": "yes"});
    manifest["layers"].as_array_mut().expect("layers").truncate(1);
    let other = Local::new(Image {
        digest: digest::sha256(manifest.to_string().as_bytes()),
        bytes: manifest.to_string().into_bytes(),
        ..image()
    });
    registry.clear();
    let report = service.push(None, &other.location(), &destination, &none()).expect("a push");
    assert_eq!(sources(&report), ["present", "present"]);
    assert_eq!(written(&registry), ["PUT /v2/demo/app/manifests/1"]);
}

#[test]
fn one_platform_is_pushed_as_an_image() {
    let (local, registry) = (Local::new(index()), Registry::plain());
    let destination = format!("{}/demo/app:arm", registry.host());
    let options = json!({"platform": "linux/arm64"});
    let report =
        service(none()).push(None, &local.location(), &destination, &options).expect("a push");
    let arm = &local.image.manifests[1];
    assert_eq!(registry.tag("demo/app", "arm").as_deref(), Some(arm.digest.as_str()));
    assert_eq!(report["platform"], "linux/arm64");
    assert_eq!(sources(&report).len(), 3);
    let both = json!({"platform": "linux/arm64", "all_platforms": true});
    let error = service(none()).push(None, &local.location(), &destination, &both);
    assert_eq!(error.expect_err("both").argument(), "platform");
}

#[test]
fn an_image_gets_several_tags() {
    let (local, registry) = (Local::new(image()), Registry::plain());
    let destination = format!("{}/demo/app:1", registry.host());
    let options = json!({"tags": ["latest", "1.0", "1"]});
    let report =
        service(none()).push(None, &local.location(), &destination, &options).expect("a push");
    assert_eq!(report["tags"], json!(["1", "latest", "1.0"]));
    for tag in ["1", "latest", "1.0"] {
        let digest = registry.tag("demo/app", tag);
        assert_eq!(digest.as_deref(), Some(local.image.digest.as_str()), "{tag}");
    }
    let error =
        service(none()).push(None, &local.location(), &destination, &json!({"tags": ["a b"]}));
    assert_eq!(error.expect_err("no tag").argument(), "tags");
}

#[test]
fn a_destination_with_a_digest_takes_that_image_alone() {
    let (local, registry) = (Local::new(image()), Registry::plain());
    let service = service(none());
    let right = format!("{}/demo/app@{}", registry.host(), local.image.digest);
    let report = service.push(None, &local.location(), &right, &none()).expect("a push");
    assert_eq!(report.get("tags"), None);
    let session = service.open(None, &right, &none()).expect("a session");
    session.get_manifest(None, None, &none()).expect("the manifest");
    registry.clear();
    let wrong = format!("{}/demo/app@sha256:{}", registry.host(), "0".repeat(64));
    let error = service.push(None, &local.location(), &wrong, &none()).expect_err("another image");
    assert_eq!((error.code, error.argument()), (INVALID_ARGUMENT, "destination"));
    assert_eq!(written(&registry), [""; 0]);
}

#[test]
fn blobs_are_mounted_from_named_repositories() {
    let (local, registry) = (Local::new(image()), Registry::plain());
    local.image.push_to(&registry, "base/app", "1");
    let destination = format!("{}/demo/app:1", registry.host());
    // The first one has nothing: its refusals cost no bytes.
    let options = json!({"mount_from": ["base/none", "base/app"]});
    let report =
        service(none()).push(None, &local.location(), &destination, &options).expect("a push");
    assert_has(&registry, "demo/app", "1", &local.image);
    assert_eq!(sources(&report), ["mounted", "mounted", "mounted"]);
    assert_eq!(uploaded(&registry), 0);
    assert_eq!(registry.upload_count(), 0, "uploads that were begun instead are ended");
}

#[test]
fn a_push_that_was_cut_goes_on_with_what_is_missing() {
    let (local, registry) = (Local::new(Spec::sized(3, 100_000).build()), Registry::plain());
    let service = service(json!({"retry": {"max-attempts": 1}, "max-concurrent-downloads": 1}));
    let destination = format!("{}/demo/app:1", registry.host());
    let last = local.image.manifests[0].layers[2].clone();
    let hex = last.trim_start_matches("sha256:");
    // The bytes arrive, but the answer does not, and the registry forgets them.
    registry.fault(Fault::on(hex, Action::status(500)).method("PUT").always());
    let error = service.push(None, &local.location(), &destination, &none()).expect_err("a cut");
    assert!(error.json["retryable"].as_bool().expect("a flag"), "{error:?}");
    assert_eq!(registry.tag("demo/app", "1"), None, "nothing has a name before all is there");
    registry.clear_faults();
    registry.clear();
    let report = service.push(None, &local.location(), &destination, &none()).expect("a push");
    assert_has(&registry, "demo/app", "1", &local.image);
    let sent = sources(&report).iter().filter(|source| **source == "network").count();
    assert!(sent <= 1, "{report}");
}

#[test]
fn a_push_can_be_stopped_by_its_progress() {
    let (local, registry) = (Local::new(Spec::sized(2, 3_000_000).build()), Registry::plain());
    let context = Context::with_progress(|_, _, event| event["kind"] == "blob");
    let destination = format!("{}/demo/app:1", registry.host());
    let error = service(none())
        .push(Some(&context), &local.location(), &destination, &none())
        .expect_err("stopped");
    assert_eq!(error.code, CANCELLED);
    assert_eq!(registry.tag("demo/app", "1"), None);
}

#[test]
fn progress_counts_all_blobs_whether_sent_or_not() {
    let (local, registry) = (Local::new(image()), Registry::plain());
    let destination = format!("{}/demo/app:1", registry.host());
    let told = Arc::new(Mutex::new(Vec::new()));
    for expected in ["network", "present"] {
        let seen = told.clone();
        let context = Context::with_progress(move |done, total, event| {
            seen.lock().expect("no panic").push((done, total, event.clone()));
            false
        });
        let report = service(none())
            .push(Some(&context), &local.location(), &destination, &none())
            .expect("a push");
        let told = std::mem::take(&mut *told.lock().expect("no panic"));
        let (done, total, last) = told.last().expect("events");
        assert_eq!(last["kind"], "finish");
        assert_eq!(done, total);
        assert_eq!(report["bytes_total"], *total);
        let blobs: Vec<_> = told.iter().filter(|(.., e)| e["kind"] == "blob").collect();
        assert!(blobs.iter().all(|(.., e)| e["direction"] == "up" && e["source"] == expected));
    }
}

/// The descriptor of an artifact that refers to `subject`, as a blob of the layout with an entry of its own.
fn add_referrer(layout: &Path, subject: &Value, about: &str) -> Value {
    let write = |bytes: &[u8]| {
        let name = digest::sha256(bytes);
        let file = layout.join("blobs/sha256").join(name.trim_start_matches("sha256:"));
        fs::write(file, bytes).expect("write a blob");
        name
    };
    let empty = write(b"{}");
    let manifest = json!({
        "schemaVersion": 2, "mediaType": OCI_MANIFEST, "artifactType": "application/vnd.example.sig",
        "config": {"mediaType": EMPTY, "digest": empty, "size": 2},
        "layers": [{"mediaType": EMPTY, "digest": empty, "size": 2}],
        "subject": subject, "annotations": {"about": about},
    })
    .to_string();
    let descriptor = json!({
        "mediaType": OCI_MANIFEST, "digest": write(manifest.as_bytes()), "size": manifest.len(),
    });
    let index = layout.join("index.json");
    let mut entries: Value =
        serde_json::from_slice(&fs::read(&index).expect("an index")).expect("JSON");
    entries["manifests"].as_array_mut().expect("a list").push(descriptor.clone());
    fs::write(index, entries.to_string()).expect("write the index");
    descriptor
}

#[test]
fn what_refers_to_the_image_goes_where_it_is_wanted() {
    let (local, registry) = (Local::new(index()), Registry::plain());
    let about = |digest: &str, bytes: &[u8], kind: &str| json!({"mediaType": kind, "digest": digest, "size": bytes.len()});
    let image = &local.image;
    let child = &image.manifests[0];
    let layout = local.layout.path();
    let signature =
        add_referrer(layout, &about(&image.digest, &image.bytes, &image.media_type), "the index");
    let sbom =
        add_referrer(layout, &about(&child.digest, &child.bytes, &child.media_type), "a child");
    let of_sbom = add_referrer(layout, &sbom, "the SBOM");
    let service = service(none());
    let destination = format!("{}/demo/app:1", registry.host());
    service.push(None, &local.location(), &destination, &none()).expect("a push without");
    let session = service.open(None, &destination, &none()).expect("a session");
    let has = |descriptor: &Value| {
        let digest = descriptor["digest"].as_str().expect("a digest");
        session.get_manifest(None, Some(digest), &none()).is_ok()
    };
    assert!(!has(&signature) && !has(&sbom) && !has(&of_sbom));
    let options = json!({"referrers": true});
    let report = service.push(None, &local.location(), &destination, &options).expect("a push");
    assert!(has(&signature) && has(&sbom) && has(&of_sbom));
    assert_eq!(report["manifests"].as_array().map(Vec::len), Some(6));
    assert_has(&registry, "demo/app", "1", image);
}

#[test]
fn tags_made_of_digests_go_where_they_are_wanted() {
    let (local, registry) = (Local::new(image()), Registry::plain());
    let tag = format!("{}.sig", local.image.digest.replace(':', "-"));
    let signature =
        Spec { platforms: vec!["linux/amd64".into()], layers: 1, seed: 9, ..Spec::default() }
            .build();
    let index = local.layout.path().join("index.json");
    let read =
        || -> Value { serde_json::from_slice(&fs::read(&index).expect("read")).expect("JSON") };
    let mut both = read();
    signature.write_layout(local.layout.path(), &tag);
    both["manifests"].as_array_mut().expect("a list").push(read()["manifests"][0].clone());
    fs::write(&index, both.to_string()).expect("write the index");
    let service = service(none());
    let destination = format!("{}/demo/app:1", registry.host());
    service.push(None, &local.location(), &destination, &none()).expect("a push without");
    assert_eq!(registry.tag("demo/app", &tag), None);
    let options = json!({"digest_tags": true});
    service.push(None, &local.location(), &destination, &options).expect("a push");
    assert_has(&registry, "demo/app", &tag, &signature);
}

#[test]
fn layers_that_are_not_distributable_are_pushed_only_where_that_is_allowed() {
    let source = ocireg_testkit::tempdir();
    let mut image = image();
    let mut manifest: Value = serde_json::from_slice(&image.bytes).expect("a manifest");
    manifest["layers"][1]["mediaType"] = json!(FOREIGN);
    image.bytes = manifest.to_string().into_bytes();
    image.digest = digest::sha256(&image.bytes);
    image.write_layout(source.path(), "x");
    let location = format!("oci:{}:x", source.path().display());
    let foreign = manifest["layers"][1]["digest"].as_str().expect("a digest");
    let push = |options: Value, call: Value| {
        let registry = Registry::plain();
        let mut all = options;
        if all == json!("this host") {
            all = json!({"allow-nondistributable-artifacts": [registry.host()]});
        }
        let destination = format!("{}/demo/app:1", registry.host());
        let report = service(all).push(None, &location, &destination, &call).expect("a push");
        (registry.blob("demo/app", foreign).is_some(), report["warnings"].to_string())
    };
    let (is_there, warnings) = push(none(), none());
    assert!(!is_there && warnings.contains(foreign), "{warnings}");
    let (is_there, warnings) = push(none(), json!({"nondistributable": true}));
    assert!(is_there && !warnings.contains(foreign), "{warnings}");
    let (is_there, warnings) = push(json!("this host"), none());
    assert!(is_there && !warnings.contains(foreign), "{warnings}");
}

#[test]
fn a_damaged_layout_pushes_nothing_wrong() {
    let (local, registry) = (Local::new(image()), Registry::plain());
    let layer = &local.image.manifests[0].layers[0];
    let file = local.layout.path().join("blobs/sha256").join(layer.trim_start_matches("sha256:"));
    let mut bytes = fs::read(&file).expect("a layer");
    bytes[0] ^= 1;
    fs::write(&file, &bytes).expect("damage it");
    let destination = format!("{}/demo/app:1", registry.host());
    let service = service(none());
    let error = service.push(None, &local.location(), &destination, &none()).expect_err("damage");
    assert_eq!(error.code, DIGEST_MISMATCH, "{error:?}");
    assert_eq!(registry.tag("demo/app", "1"), None);
    fs::remove_file(&file).expect("remove it");
    let error = service.push(None, &local.location(), &destination, &none()).expect_err("a gap");
    assert_eq!(error.code, NOT_FOUND, "{error:?}");
    assert_eq!(registry.tag("demo/app", "1"), None);
}

#[test]
fn relative_paths_begin_where_the_caller_says() {
    let (local, registry) = (Local::new(image()), Registry::plain());
    let parent = local.layout.path().parent().expect("a parent");
    let name = local.layout.path().file_name().expect("a name").to_str().expect("UTF-8");
    let directory = fs::File::open(parent).expect("open a directory");
    let destination = format!("{}/demo/app:1", registry.host());
    let options = json!({"dir_fd": directory.as_raw_fd()});
    let service = service(none());
    service.push(None, &format!("oci:{name}:x"), &destination, &options).expect("a push");
    assert_has(&registry, "demo/app", "1", &local.image);
    let into = ocireg_testkit::tempdir();
    let directory = fs::File::open(into.path()).expect("open a directory");
    let options = json!({"dir_fd": directory.as_raw_fd()});
    service.pull(None, &destination, "oci:below/layout:y", &options).expect("a pull");
    crate::c_surface::layouts::assert_holds(&into.path().join("below/layout"), &local.image);
    let error = service.push(None, "oci:x", &destination, &json!({"dir_fd": 1_000_000}));
    assert_eq!(error.expect_err("no descriptor").argument(), "dir_fd");
}

#[test]
fn images_on_this_machine_are_inspected_too() {
    let (local, service) = (Local::new(index()), service(none()));
    let told = service.inspect(None, &local.location(), &none()).expect("an inspection");
    assert_eq!(told["descriptor"]["digest"], local.image.digest.as_str());
    assert_eq!((&told["kind"], &told["name"]), (&json!("index"), &json!("x")));
    assert_eq!(told["platforms"].as_array().map(Vec::len), Some(2));
    assert_eq!((told.get("endpoint"), told.get("reference")), (None, None));
    let parent = local.layout.path().parent().expect("a parent");
    let name = local.layout.path().file_name().expect("a name").to_str().expect("UTF-8");
    let directory = fs::File::open(parent).expect("open a directory");
    let options = json!({"dir_fd": directory.as_raw_fd(), "platform": "linux/arm64"});
    let told = service.inspect(None, &format!("oci:{name}"), &options).expect("an inspection");
    assert_eq!(told["platform"], "linux/arm64");
    assert_eq!(told["layers"].as_array().map(Vec::len), Some(2));
    assert_eq!(told["config"]["architecture"], "arm64");
    let error = service.inspect(None, &format!("oci:{name}:y"), &options).expect_err("no name");
    assert_eq!(error.code, NOT_FOUND);
}

#[test]
fn places_that_cannot_be_pushed_are_named() {
    let (local, service) = (Local::new(image()), service(none()));
    let location = local.location();
    for (source, destination, argument) in [
        ("docker://registry.test/x", "registry.test/y", "source"),
        ("registry.test/x", "registry.test/y", "source"),
        (location.as_str(), location.as_str(), "destination"),
    ] {
        let error = service.push(None, source, destination, &none()).expect_err("no push");
        assert_eq!((error.code, error.argument()), (INVALID_ARGUMENT, argument), "{error:?}");
        let hint = error.json["hint"].as_str().expect("a hint");
        let expected = if argument == "source" { "ocireg_copy()" } else { "docker://REFERENCE" };
        assert!(hint.contains(expected), "{hint}");
    }
}

/// Blobs of a layout are not hashed on their way: the registry judges them, and what it refuses has no name.
#[test]
fn a_damaged_blob_of_a_layout_is_refused_by_the_registry() {
    let (registry, local) = (Registry::plain(), Local::new(index()));
    let layer = local.image.manifests[0].layers[0].clone();
    let path = local.layout.path().join("blobs").join(layer.replace(':', "/"));
    let mut bytes = fs::read(&path).expect("a blob");
    bytes[0] ^= 1;
    fs::write(&path, &bytes).expect("a blob");
    let error = service(none())
        .push(None, &local.location(), &app(&registry), &none())
        .expect_err("the registry does not take it");
    assert_eq!((error.code, &error.json["http_status"]), (100, &json!(400)), "{error:?}");
    assert_eq!(registry.tag("demo/app", "1"), None);
    assert!(registry.blob("demo/app", &layer).is_none());
}
