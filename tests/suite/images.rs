//! Images that are unusual but sound, as registries hold them and as other programs write them: what is found in an index, what
//! is told of it, and where it goes.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::c_surface;
use crate::c_surface::images::Context;
use crate::c_surface::layouts;
use crate::scene::*;
use ocireg_testkit::image::{Kind, Spec};
use ocireg_testkit::{Action, Auth, Ca, Fault, Registry, ServerOptions, cncf, digest};
use serde_json::{Value, json};

const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const ARTIFACT_MANIFEST: &str = "application/vnd.oci.artifact.manifest.v1+json";
const SIGNED_SCHEMA1: &str = "application/vnd.docker.distribution.manifest.v1+prettyjws";

const INVALID_ARGUMENT: i32 = 1;
const UNSUPPORTED: i32 = 8;

fn none() -> Value {
    json!({})
}

/// The repository demo/app of a registry, filled by hand.
struct Repo(Registry);

impl Repo {
    fn new() -> Self {
        Self(Registry::plain())
    }

    /// Its reference with the tag 1.
    fn app(&self) -> String {
        app(&self.0)
    }

    fn blob(&self, media_type: &str, bytes: &[u8]) -> Value {
        let digest = self.0.add_blob("demo/app", bytes);
        json!({"mediaType": media_type, "digest": digest, "size": bytes.len()})
    }

    /// A manifest under its own media type, as the tag 1 if `tagged`; gives its descriptor.
    fn put(&self, tagged: bool, document: &Value) -> Value {
        let media_type = document["mediaType"].as_str().expect("a media type");
        self.put_as(tagged, media_type, &document.to_string())
    }

    fn put_as(&self, tagged: bool, media_type: &str, text: &str) -> Value {
        let digest = self.0.add_manifest("demo/app", tagged.then_some("1"), media_type, text);
        json!({"mediaType": media_type, "digest": digest, "size": text.len()})
    }

    /// An image of one layer, whose configuration is for `os/arch[/variant]`.
    fn image(&self, tagged: bool, platform: &str) -> Value {
        let config = platform_json(platform).to_string();
        let layers = [self.blob(LAYER, format!("layer for {platform}").as_bytes())];
        self.put(
            tagged,
            &json!({
                "schemaVersion": 2, "mediaType": OCI_MANIFEST,
                "config": self.blob(OCI_CONFIG, config.as_bytes()), "layers": layers,
            }),
        )
    }

    fn index(&self, tagged: bool, entries: &[&Value]) -> Value {
        let document = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries});
        self.put(tagged, &document)
    }
}

fn platform_json(name: &str) -> Value {
    let mut parts = name.split('/');
    let mut json = json!({"os": parts.next(), "architecture": parts.next()});
    if let Some(variant) = parts.next() {
        json["variant"] = json!(variant);
    }
    json
}

/// An entry of an index that states a platform.
fn stating(descriptor: &Value, platform: &str) -> Value {
    let mut entry = descriptor.clone();
    entry["platform"] = platform_json(platform);
    entry
}

/// The digests of all blobs of a layout.
fn blobs(layout: &Path) -> BTreeSet<String> {
    let names = fs::read_dir(layout.join("blobs/sha256")).expect("blobs");
    names
        .map(|entry| {
            let name = entry.expect("an entry").file_name().into_string().expect("UTF-8");
            format!("sha256:{name}")
        })
        .collect()
}

fn digests(descriptors: &[&Value]) -> BTreeSet<String> {
    descriptors.iter().map(|d| d["digest"].as_str().expect("a digest").to_owned()).collect()
}

#[test]
fn an_image_without_a_stated_platform_is_found_by_its_configuration() {
    let repo = Repo::new();
    let (arm, amd) = (repo.image(false, "linux/arm64"), repo.image(false, "linux/amd64"));
    let attestation = stating(&repo.image(false, "unknown/unknown"), "unknown/unknown");
    let inner = repo.index(false, &[&attestation, &amd]);
    let service = service(none());
    let session = service.open(None, &repo.app(), &none()).expect("a session");
    for entries in [&[&attestation, &arm, &amd][..], &[&arm, &inner]] {
        repo.index(true, entries);
        for (platform, image) in [("linux/amd64", &amd), ("linux/arm64", &arm)] {
            let options = json!({"platform": platform});
            let report = pull(&service, &repo.app(), &options).expect("a pull").report;
            assert_eq!(report["descriptor"]["digest"], image["digest"]);
            assert_eq!(report["platform"], platform);
            assert_eq!(report["manifests"][0]["platform"], platform);
            assert_eq!(report["warnings"], json!([]));
            let told = service.inspect(None, &repo.app(), &options).expect("an inspection");
            assert_eq!(told["kind"], "index");
            assert_eq!(told["platform"], platform);
            assert_eq!(told["config"]["architecture"], platform.split('/').nth(1).unwrap());
            let (descriptor, bytes) =
                session.get_manifest(None, Some("1"), &options).expect("a manifest");
            assert_eq!(descriptor["digest"], image["digest"]);
            assert_eq!(digest::sha256(&bytes), image["digest"].as_str().unwrap());
        }
        // What is not there is not told to be there, and what is there is listed.
        let options = json!({"platform": "linux/s390x"});
        let failures = [
            fails(&service, &repo.app(), &options, NO_PLATFORM),
            *service.inspect(None, &repo.app(), &options).expect_err("no such platform"),
            *session.get_manifest(None, Some("1"), &options).expect_err("no such platform"),
        ];
        for failure in failures {
            assert_eq!(failure.code, NO_PLATFORM, "{failure:#?}");
            assert_tells(&failure, &["linux/arm64, linux/amd64"], &[]);
        }
    }
    // Without a wish an inspection tells what there is.
    repo.index(true, &[&stating(&arm, "linux/s390x")]);
    let told = service.inspect(None, &repo.app(), &none()).expect("an inspection");
    assert_eq!(told["platforms"][0]["platform"], "linux/s390x");
    assert!(told.get("platform").is_none() && told.get("manifest").is_none(), "{told}");
    // But a registry that fails is a failure.
    repo.index(true, &[&arm]);
    repo.0.fault(Fault::on(arm["digest"].as_str().unwrap(), Action::status(403)).always());
    let failure = service.inspect(None, &repo.app(), &none()).expect_err("denied");
    assert_eq!(failure.code, DENIED, "{failure:#?}");
}

#[test]
fn an_index_that_says_wrong_things_of_an_image_comes_with_a_warning() {
    let repo = Repo::new();
    let service = service(none());
    repo.index(true, &[&stating(&repo.image(false, "linux/arm64/v8"), "linux/amd64")]);
    let options = json!({"platform": "linux/amd64"});
    let report = pull(&service, &repo.app(), &options).expect("a pull").report;
    let warning = report["warnings"][0].as_str().expect("a warning");
    assert!(warning.contains("linux/amd64") && warning.contains("linux/arm64/v8"), "{warning}");
    let told = service.inspect(None, &repo.app(), &options).expect("an inspection");
    assert_eq!(told["config"]["architecture"], "arm64");
    // It may say more, or the same in other words.
    for (config, stated) in [
        ("linux/arm", "linux/arm/v6"),
        ("linux/x86_64", "linux/amd64/v2"),
        ("linux/arm64", "linux/aarch64/v8"),
    ] {
        repo.index(true, &[&stating(&repo.image(false, config), stated)]);
        let options = json!({"platform": stated});
        let report = pull(&service, &repo.app(), &options).expect("a pull").report;
        assert_eq!((&report["platform"], &report["warnings"]), (&json!(stated), &json!([])));
        let told = service.inspect(None, &repo.app(), &options).expect("an inspection");
        assert_eq!(told["platform"], stated);
    }
}

#[test]
fn what_another_architecture_runs_is_taken_with_a_word() {
    let repo = Repo::new();
    let i386 = stating(&repo.image(false, "linux/386"), "linux/386");
    repo.index(true, &[&i386]);
    let report =
        pull(&service(none()), &repo.app(), &json!({"platform": "linux/amd64"})).expect("a pull");
    assert_eq!(report.report["platform"], "linux/386");
    let warning = report.report["warnings"][0].as_str().expect("a warning");
    assert!(warning.contains("linux/386") && warning.contains("linux/amd64"), "{warning}");
}

#[test]
fn entries_of_an_index_that_are_no_manifests_are_copied_as_blobs() {
    let repo = Repo::new();
    let mut layer = repo.blob(LAYER, b"a cached layer");
    layer["annotations"] = json!({"buildkit/createdat": "2024-01-01T00:00:00Z"});
    let cache = repo.blob("application/vnd.buildkit.cacheconfig.v0", b"{\"layers\":[]}");
    let signature = repo.blob("application/jose+json", b"signature");
    let artifact = repo.put(
        false,
        &json!({"mediaType": ARTIFACT_MANIFEST, "artifactType": "a/b", "blobs": [signature]}),
    );
    // Its name says manifest, but it is kept as a blob.
    let odd = repo.blob("application/vnd.example.manifest.list", b"not a manifest");
    let image = stating(&repo.image(false, "linux/amd64"), "linux/amd64");
    let index = repo.index(true, &[&layer, &cache, &artifact, &odd, &image, &layer]);
    let service = service(none());
    let pulled = pull(&service, &repo.app(), &json!({"all_platforms": true})).expect("all of it");
    let wanted = digests(&[&layer, &cache, &artifact, &odd, &image, &index]);
    assert!(blobs(pulled.layout.path()).is_superset(&wanted));
    assert_eq!(blobs(pulled.layout.path()).len(), wanted.len() + 2, "and the image's two blobs");
    let report = &pulled.report;
    assert_eq!(report["descriptor"]["digest"], index["digest"]);
    assert_eq!(report["manifests"].as_array().unwrap().len(), 3);
    assert_eq!(report["blobs"].as_array().unwrap().len(), 5);
    assert_eq!(report["bytes_total"], report["bytes_transferred"]);
    // For one platform they do not count.
    let one = pull(&service, &repo.app(), &json!({"platform": "linux/amd64"})).expect("the image");
    assert_eq!(one.report["descriptor"]["digest"], image["digest"]);

    // Of an index with nothing else there is no image, but it can be looked at and copied.
    let cache = repo.index(true, &[&layer, &cache]);
    let failure = fails(&service, &repo.app(), &none(), NO_PLATFORM);
    assert_tells(&failure, &["all_platforms"], &[]);
    let told = service.inspect(None, &repo.app(), &none()).expect("an inspection");
    assert_eq!(told["kind"], "index");
    assert_eq!(told["platforms"].as_array().unwrap().len(), 2);
    let session = service.open(None, &repo.app(), &none()).expect("a session");
    let (descriptor, _) = session.get_manifest(None, None, &none()).expect("its bytes");
    assert_eq!(descriptor["digest"], cache["digest"]);
    let pulled = pull(&service, &repo.app(), &json!({"all_platforms": true})).expect("the cache");
    assert_eq!(blobs(pulled.layout.path()).len(), 3);
    // What is wrong about an entry is wrong here, too.
    let mut lie = layer.clone();
    lie["size"] = json!(15);
    repo.index(true, &[&lie]);
    fails(&service, &repo.app(), &json!({"all_platforms": true}), 101);
    repo.index(true, &[&layer, &lie]);
    fails(&service, &repo.app(), &json!({"all_platforms": true}), INVALID_MANIFEST);
}

#[test]
fn the_platform_of_a_single_image_is_that_of_its_configuration() {
    let repo = Repo::new();
    let service = service(none());
    for platform in ["linux/amd64", "linux/arm64/v8", "windows/amd64"] {
        repo.image(true, platform);
        let told = service.inspect(None, &repo.app(), &none()).expect("an inspection");
        assert_eq!((&told["kind"], &told["platform"]), (&json!("image"), &json!(platform)));
        assert!(told.get("artifact_type").is_none(), "{told}");
        for options in [json!({"platform": platform}), none(), json!({"all_platforms": true})] {
            let report = pull(&service, &repo.app(), &options).expect("a pull").report;
            assert_eq!(report["platform"], platform);
            assert_eq!(report["manifests"][0]["platform"], platform);
            assert_eq!(report["warnings"], json!([]));
        }
        let report = pull(&service, &repo.app(), &json!({"platform": "linux/s390x"}));
        let report = report.expect("a pull of what there is").report;
        assert_eq!(report["platform"], platform);
        let warning = report["warnings"][0].as_str().expect("a warning");
        assert!(warning.contains(platform) && warning.contains("linux/s390x"), "{warning}");
    }
    // It costs no request where it is not wanted.
    repo.0.clear();
    let told = service.inspect(None, &repo.app(), &json!({"config": false})).expect("inspected");
    assert!(told.get("platform").is_none());
    assert_eq!(requests(&repo.0, "/blobs/").len(), 0);
}

#[test]
fn the_type_of_an_artifact_is_told_by_one_rule() {
    let repo = Repo::new();
    let service = service(none());
    let empty = "application/vnd.oci.empty.v1+json";
    for (config, stated, kind, told) in [
        (OCI_CONFIG, None, "image", None),
        (OCI_CONFIG, Some("a/b"), "image", Some("a/b")),
        ("application/vnd.docker.container.image.v1+json", None, "image", None),
        (empty, Some("a/b"), "artifact", Some("a/b")),
        (empty, None, "artifact", Some(empty)),
        ("application/vnd.new", None, "artifact", Some("application/vnd.new")),
        ("application/vnd.new", Some(""), "artifact", Some("application/vnd.new")),
    ] {
        let mut manifest = json!({
            "schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": repo.blob(config, b"{}"),
        });
        if let Some(stated) = stated {
            manifest["artifactType"] = json!(stated);
        }
        repo.put(true, &manifest);
        let document = service.inspect(None, &repo.app(), &none()).expect("an inspection");
        assert_eq!(document["kind"], kind, "{manifest}");
        assert_eq!(document["artifact_type"].as_str(), told, "{manifest}");
    }
}

#[test]
fn a_type_that_the_caller_accepts_is_given_as_it_came() {
    let repo = Repo::new();
    let signature = repo.blob("application/jose+json", b"signature");
    let document = json!({
        "mediaType": ARTIFACT_MANIFEST, "artifactType": "a/b", "blobs": [signature],
    });
    let descriptor = repo.put(true, &document);
    let service = service(none());
    let session = service.open(None, &repo.app(), &none()).expect("a session");
    let accept = |kind: &str| json!({"accept": [kind, OCI_MANIFEST]});
    let by_digest = descriptor["digest"].as_str().unwrap();
    for which in ["1", by_digest] {
        let (got, bytes) = session
            .get_manifest(
                None,
                Some(which),
                &accept("Application/vnd.OCI.artifact.manifest.v1+json"),
            )
            .expect("a manifest of that type");
        assert_eq!(got, descriptor);
        assert_eq!(bytes, document.to_string().as_bytes());
        let head = session.head_manifest(None, Some(which), &accept(ARTIFACT_MANIFEST));
        assert_eq!(head.expect("its descriptor"), descriptor);
    }
    // Known to nobody else.
    let failure = session.get_manifest(None, Some("1"), &none()).expect_err("nobody asked for it");
    assert_eq!(failure.code, UNSUPPORTED, "{failure:#?}");
    assert_tells(&failure, &[ARTIFACT_MANIFEST], &[]);
    fails(&service, &repo.app(), &none(), UNSUPPORTED);
    let failure = session.get_manifest(None, Some("1"), &accept("a/b")).expect_err("another type");
    assert_eq!(failure.code, UNSUPPORTED, "{failure:#?}");
    // The header may leave it to the body, and the body to the header; but they may not disagree.
    let get = || session.get_manifest(None, Some("1"), &accept(ARTIFACT_MANIFEST));
    repo.put_as(true, "application/json", &document.to_string());
    assert_eq!(get().expect("by the body").0["mediaType"], ARTIFACT_MANIFEST);
    repo.put_as(true, ARTIFACT_MANIFEST, r#"{"blobs":[]}"#);
    assert_eq!(get().expect("by the header").0["mediaType"], ARTIFACT_MANIFEST);
    repo.put_as(true, ARTIFACT_MANIFEST, "not JSON at all");
    assert_eq!(get().expect("any bytes").1, b"not JSON at all");
    for (sent_as, text) in [
        (ARTIFACT_MANIFEST, format!(r#"{{"mediaType":"{OCI_INDEX}","manifests":[]}}"#)),
        (OCI_MANIFEST, document.to_string()),
        (ARTIFACT_MANIFEST, r#"{"mediaType":"a","mediaType":"b"}"#.to_owned()),
        ("application/json", r#"{"blobs":[]}"#.to_owned()),
    ] {
        repo.put_as(true, sent_as, &text);
        let failure = get().expect_err(&text);
        assert_eq!(failure.code, INVALID_MANIFEST, "{text}: {failure:#?}");
    }
    // And it is verified like any other.
    repo.put(true, &document);
    repo.0.fault(Fault::on("/manifests/1", Action::Flip(30)).on_success().always());
    assert_eq!(get().expect_err("damaged").code, DIGEST_MISMATCH);
}

#[test]
fn signed_manifests_of_schema_1_are_named_before_their_digest_is_judged() {
    let repo = Repo::new();
    let text = json!({
        "schemaVersion": 1, "name": "demo/app", "tag": "1", "architecture": "amd64",
        "fsLayers": [], "history": [], "signatures": [{"protected": "e30"}],
    })
    .to_string();
    let sent = repo.put_as(true, SIGNED_SCHEMA1, &text);
    // The digest that registries name is that of the part that was signed.
    let payload = digest::sha256(b"the payload");
    let header = Action::header("Docker-Content-Digest", &payload);
    repo.0.fault(Fault::on("/manifests/", header).always());
    let service = service(none());
    let session = service.open(None, &repo.app(), &none()).expect("a session");
    let check = |failure: c_surface::Failure| {
        assert_eq!(failure.code, UNSUPPORTED, "{failure:#?}");
        assert_tells(&failure, &["schema 1", "push the image again"], &[]);
    };
    for kind in [SIGNED_SCHEMA1, "application/json", "text/plain", OCI_MANIFEST] {
        repo.0.add_manifest("demo/app", Some("1"), kind, text.as_str());
        for options in [none(), json!({"platform": "linux/amd64"})] {
            check(fails(&service, &repo.app(), &options, UNSUPPORTED));
            check(*service.inspect(None, &repo.app(), &options).expect_err("schema 1"));
            check(*session.get_manifest(None, Some("1"), &options).expect_err("schema 1"));
        }
        let by_digest = session.get_manifest(None, sent["digest"].as_str(), &none());
        check(*by_digest.expect_err("schema 1"));
    }
    check(fails(&service, &repo.app(), &json!({"all_platforms": true}), UNSUPPORTED));
    // What it is can be told without reading it.
    repo.0.add_manifest("demo/app", Some("1"), SIGNED_SCHEMA1, text.as_str());
    let head = session.head_manifest(None, Some("1"), &none()).expect("a descriptor");
    assert_eq!((&head["digest"], &head["mediaType"]), (&json!(payload), &json!(SIGNED_SCHEMA1)));
    // An image of a list that has no newer form.
    repo.0.clear_faults();
    let old = stating(&sent, "linux/amd64");
    let new = stating(&repo.image(false, "linux/amd64"), "linux/amd64");
    repo.index(true, &[&old]);
    check(fails(&service, &repo.app(), &json!({"platform": "linux/amd64"}), UNSUPPORTED));
    check(fails(&service, &repo.app(), &json!({"all_platforms": true}), UNSUPPORTED));
    repo.index(true, &[&old, &new]);
    pull(&service, &repo.app(), &json!({"platform": "linux/amd64"})).expect("the newer one");
    // A wrong digest of anything else is one.
    repo.image(true, "linux/amd64");
    repo.0.fault(
        Fault::on("/manifests/1", Action::header("Docker-Content-Digest", &payload)).always(),
    );
    fails(&service, &repo.app(), &none(), DIGEST_MISMATCH);
}

#[test]
fn docker_media_types_in_a_layout_come_with_a_warning() {
    for kind in [Kind::Oci, Kind::Docker] {
        let registry = Registry::plain();
        let image = Spec { kind, ..Spec::default() }.build();
        image.push_to(&registry, "demo/app", "1");
        for options in [json!({"platform": "linux/amd64"}), json!({"all_platforms": true})] {
            let report = pull(&service(none()), &app(&registry), &options).expect("a pull").report;
            let warnings = report["warnings"].as_array().expect("warnings");
            assert_eq!(warnings.len(), usize::from(kind == Kind::Docker), "{report}");
            assert!(warnings.iter().all(|w| w.as_str().unwrap().contains("Docker media types")));
        }
    }
}

#[test]
fn images_that_are_unusual_but_sound_are_pulled_whole() {
    let repo = Repo::new();
    let service = service(none());
    let all = json!({"all_platforms": true});
    // Nothing in it.
    repo.index(true, &[]);
    let pulled = pull(&service, &repo.app(), &all).expect("an empty index");
    assert_eq!(blobs(pulled.layout.path()).len(), 1);
    fails(&service, &repo.app(), &none(), NO_PLATFORM);
    repo.put_as(true, OCI_INDEX, r#"{"schemaVersion":2,"manifests":null}"#);
    pull(&service, &repo.app(), &all).expect("null is empty");

    // One manifest for two platforms.
    let image = repo.image(false, "linux/amd64");
    let twice = [stating(&image, "linux/amd64"), stating(&image, "linux/amd64/v2")];
    let index = repo.index(true, &[&twice[0], &twice[1]]);
    let pulled = pull(&service, &repo.app(), &all).expect("one manifest twice");
    assert_eq!(blobs(pulled.layout.path()).len(), 4);
    assert_eq!(pulled.report["manifests"].as_array().unwrap().len(), 2);
    let raw = cncf::skopeo_inspect(&format!("oci:{}:x", pulled.layout.path().display()), &[]);
    assert_eq!(digest::sha256(&raw), index["digest"].as_str().unwrap());
    let one = pull(&service, &repo.app(), &json!({"platform": "linux/amd64/v3"})).expect("one");
    assert_eq!(one.report["platform"], "linux/amd64/v2");

    // A layer of no bytes, one layer several times, and the empty configuration, with its content in the descriptor.
    let (nothing, layer) = (repo.blob(LAYER, b""), repo.blob(LAYER, b"layer"));
    let mut config = repo.blob("application/vnd.oci.empty.v1+json", b"{}");
    assert!(config["digest"].as_str().unwrap().starts_with("sha256:44136fa355b3678a"));
    config["data"] = json!("e30=");
    repo.0.remove_blob("demo/app", config["digest"].as_str().unwrap());
    repo.put(
        true,
        &json!({
            "schemaVersion": 2, "mediaType": OCI_MANIFEST, "artifactType": "a/b",
            "config": config, "layers": [layer, nothing, layer, nothing, layer],
            "annotations": {"org.opencontainers.image.ref.name": "elsewhere"},
        }),
    );
    let pulled = pull(&service, &repo.app(), &none()).expect("an artifact");
    assert_eq!(blobs(pulled.layout.path()).len(), 4);
    assert_eq!(pulled.report["blobs"].as_array().unwrap().len(), 3);
    assert_eq!(pulled.report["bytes_transferred"], 5);
    // The name in the layout is the one that was asked for, whatever the manifest's annotation says.
    let index: Value = serde_json::from_slice(&layouts::index(pulled.layout.path())).unwrap();
    let entry = &index["manifests"][0];
    assert_eq!(entry["annotations"], json!({"org.opencontainers.image.ref.name": "x"}));

    // Layers with addresses are fetched from the registry all the same, if it has them.
    let mut elsewhere = repo.blob(LAYER, b"with addresses");
    elsewhere["urls"] = json!(["https://registry.invalid/layer"]);
    let mut manifest = json!({
        "schemaVersion": 2, "mediaType": OCI_MANIFEST,
        "config": repo.blob(OCI_CONFIG, b"{}"), "layers": [elsewhere],
    });
    repo.put(true, &manifest);
    pull(&service, &repo.app(), &none()).expect("from the registry");
    // A manifest without layers.
    manifest.as_object_mut().unwrap().remove("layers");
    repo.put(true, &manifest);
    let pulled = pull(&service, &repo.app(), &none()).expect("no layers");
    assert_eq!(blobs(pulled.layout.path()).len(), 2);
    assert!(pulled.report.get("platform").is_none(), "its configuration is for no platform");
}

#[test]
fn an_image_goes_to_the_directory_and_name_that_were_named() {
    let (registry, image) = demo();
    let service = service(none());
    let base = ocireg_testkit::tempdir();
    let at = |rest: &str| format!("oci:{}/{rest}", base.path().display());
    let canonical = format!("{}/demo/app:1", registry.host());
    for (destination, directory, name) in [
        ("dest:docker.io/library/alpine:3.18", "dest", "docker.io/library/alpine:3.18"),
        ("dest:centos:7.9", "dest", "centos:7.9"),
        ("dest:b/c", "dest", "b/c"),
        ("other", "other", canonical.as_str()),
    ] {
        let destination = at(destination);
        let report = service.pull(None, &app(&registry), &destination, &none()).expect("a pull");
        assert_eq!(report["destination"], destination);
        let layout = base.path().join(directory);
        layouts::assert_holds(&layout, &image);
        let index: Value = serde_json::from_slice(&layouts::index(&layout)).unwrap();
        let entries = index["manifests"].as_array().unwrap();
        let names: Vec<_> = entries
            .iter()
            .map(|entry| &entry["annotations"]["org.opencontainers.image.ref.name"])
            .collect();
        assert_eq!(names.last(), Some(&&json!(name)));
    }
    let mut made: Vec<_> = fs::read_dir(base.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    made.sort();
    assert_eq!(made, ["dest", "other"], "nothing beside them");
    // skopeo and umoci find them by the same names.
    let mut names = cncf::umoci_list(&base.path().join("dest"));
    names.sort();
    assert_eq!(names, ["b/c", "centos:7.9", "docker.io/library/alpine:3.18"]);
    let raw = cncf::skopeo_inspect(&at("dest:docker.io/library/alpine:3.18"), &[]);
    assert_eq!(digest::sha256(&raw), image.digest);
}

#[test]
fn f20_what_can_be_known_of_a_destination_is_known_before_anything_is_asked() {
    let (registry, _) = demo();
    let service = service(none());
    let base = ocireg_testkit::tempdir();
    let path = |name: &str| base.path().join(name);
    let make = |name: &str, files: &[(&str, &str)]| {
        fs::create_dir(path(name)).unwrap();
        for (file, text) in files {
            fs::write(path(name).join(file), text).unwrap();
        }
    };
    const MARKER: (&str, &str) = ("oci-layout", r#"{"imageLayoutVersion":"1.0.0"}"#);
    fs::write(path("file"), "mine").unwrap();
    make("full", &[("mine", "")]);
    make("future", &[("oci-layout", r#"{"imageLayoutVersion":"2.0.0"}"#)]);
    make("damaged", &[MARKER, ("index.json", "{")]);
    make("other", &[MARKER, ("index.json", r#"{"manifests":{}}"#)]);
    make("odd", &[MARKER]);
    fs::create_dir(path("odd").join("index.json")).unwrap();
    make("blobs", &[MARKER, ("blobs", "")]);
    let at = |rest: &str| format!("oci:{}/{rest}", base.path().display());
    for (destination, code) in [
        (at("file"), INVALID_ARGUMENT),
        (at("file/below"), INVALID_ARGUMENT),
        (at("full"), INVALID_ARGUMENT),
        (at("future"), UNSUPPORTED),
        (at("damaged"), INVALID_MANIFEST),
        (at("other"), INVALID_MANIFEST),
        (at("odd"), 120),
        (at("blobs"), 120),
        (at("new:a b"), INVALID_ARGUMENT),
        (at("new:"), INVALID_ARGUMENT),
        (at("new:/x"), INVALID_ARGUMENT),
        ("oci:".to_owned(), INVALID_ARGUMENT),
        ("busybox".to_owned(), INVALID_ARGUMENT),
        ("docker://registry.invalid/app:1".to_owned(), INVALID_ARGUMENT),
    ] {
        let failure = service.pull(None, &app(&registry), &destination, &none());
        let failure = failure.expect_err(&destination);
        assert_eq!(failure.code, code, "{destination}: {failure:#?}");
        assert!(failure.json["hint"].is_string(), "{destination}: {failure:#?}");
    }
    for source in ["oci:dir", "oci-archive:x.tar", "files:x", "docker://", "Upper/app:1", ""] {
        let failure = service.pull(None, source, &at("new"), &none()).expect_err(source);
        assert!(failure.code <= UNSUPPORTED, "{source}: {failure:#?}");
        let failure = service.inspect(None, source, &none()).expect_err(source);
        // What is on this machine can be inspected, if it is there.
        let is_local = ["oci:dir", "oci-archive:x.tar", "files:x"].contains(&source);
        let is_missing = is_local && failure.code == 120;
        assert!(is_missing || failure.code <= UNSUPPORTED, "{source}: {failure:#?}");
    }
    assert_eq!(registry.connection_count(), 0);
    assert!(!path("new").exists() && !path("new.tar").exists());
    assert_eq!(fs::read_to_string(path("file")).unwrap(), "mine");
}

#[test]
fn pulls_into_one_layout_at_the_same_time_all_last() {
    let repo = Repo::new();
    let images: Vec<Value> = (0..6)
        .map(|i| {
            let image = repo.image(true, &format!("linux/riscv64/v{i}"));
            let (digest, tag) = (image["digest"].as_str().unwrap(), format!("t{i}"));
            let bytes = {
                let session = service(none()).open(None, &repo.app(), &none()).expect("a session");
                session.get_manifest(None, Some(digest), &none()).expect("its bytes").1
            };
            repo.0.add_manifest("demo/app", Some(&tag), OCI_MANIFEST, bytes);
            image
        })
        .collect();
    let layout = ocireg_testkit::tempdir();
    let service = service(none());
    std::thread::scope(|scope| {
        for round in 0..2 {
            for i in 0..images.len() {
                let (service, repo, layout) = (&service, &repo, layout.path());
                scope.spawn(move || {
                    let source = format!("{}/demo/app:t{i}", repo.0.host());
                    let destination = format!("oci:{}:n{i}", layout.display());
                    service
                        .pull(None, &source, &destination, &none())
                        .unwrap_or_else(|e| panic!("round {round}: {e:#?}"));
                });
            }
        }
    });
    layouts::assert_sound(layout.path());
    assert_eq!(layouts::images(layout.path()), images.len());
    let all: Vec<&Value> = images.iter().collect();
    assert!(blobs(layout.path()).is_superset(&digests(&all)));
}

#[test]
fn f24_one_session_serves_many_threads() {
    let (registry, image) = demo();
    let service = service(none());
    let session = service.open(None, &app(&registry), &none()).expect("a session");
    let layer = image.manifests[0].layers[0].as_str();
    let whole = image.blobs[layer].to_vec();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let (session, image, whole) = (&session, &image, &whole);
            scope.spawn(move || {
                for round in 0..5 {
                    let what = format!("thread {thread}, round {round}");
                    let (descriptor, bytes) =
                        session.get_manifest(None, None, &none()).expect(&what);
                    assert_eq!(
                        (&descriptor["digest"], &bytes),
                        (&json!(image.digest), &image.bytes)
                    );
                    assert_eq!(
                        session.list_tags(None, &none()).expect(&what)["tags"],
                        json!(["1"])
                    );
                    let mut reader = session.open_blob(None, layer, 0, &none()).expect(&what);
                    let mut read = Vec::new();
                    reader.read_to_end(None, &mut read).expect(&what);
                    assert_eq!(read, *whole);
                    let one = session.repository("demo/app").expect(&what);
                    one.head_manifest(None, Some("1"), &none()).expect(&what);
                }
            });
        }
        // A callback may use the session that its own call runs on.
        scope.spawn(|| {
            let shared = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
            let told = shared.clone();
            let (inner, reference) = (c_surface::Service::bare(none()), app(&registry));
            let inner = inner.open(None, &reference, &none()).expect("a session");
            let context = Context::with_progress(move |_, _, _| {
                inner.get_manifest(None, None, &none()).expect("a manifest within a callback");
                told.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                false
            });
            let layout = ocireg_testkit::tempdir();
            let destination = format!("oci:{}:x", layout.path().display());
            service.pull(Some(&context), &app(&registry), &destination, &none()).expect("a pull");
            assert!(shared.load(std::sync::atomic::Ordering::Relaxed) > 0);
        });
    });
}

#[test]
fn f25_blobs_that_others_remove_or_change_are_an_error_or_fetched_again() {
    let (registry, image) = demo();
    let service = service(none());
    let layout = ocireg_testkit::tempdir();
    let destination = format!("oci:{}:x", layout.path().display());
    let ended = std::sync::atomic::AtomicBool::new(false);
    let directory = layout.path().join("blobs/sha256");
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut round = 0usize;
            while !ended.load(std::sync::atomic::Ordering::Relaxed) {
                for entry in fs::read_dir(&directory).into_iter().flatten().flatten() {
                    round += 1;
                    if round.is_multiple_of(2) {
                        drop(fs::remove_file(entry.path()));
                    } else {
                        drop(fs::write(entry.path(), "damaged"));
                    }
                }
                std::thread::yield_now();
            }
        });
        for _ in 0..100 {
            // What others do meanwhile is theirs; the call says how it went, and never what is not so.
            if let Err(failure) = service.pull(None, &app(&registry), &destination, &none()) {
                assert!(failure.code == 120 || (100..=101).contains(&failure.code), "{failure:#?}");
            }
        }
        ended.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    // Left in peace, it makes the image whole.
    service.pull(None, &app(&registry), &destination, &none()).expect("a pull");
    layouts::assert_holds(layout.path(), &image);
}

#[test]
fn a_registry_at_an_ipv6_address_is_used_like_any_other() {
    let ca = Ca::default();
    let password = "wonderland"; // Kept in a file below, where no canary may be.
    let options = ServerOptions::default().bind("::1").name("[::1]");
    let registry =
        Registry::start(options.identity(ca.server(&["::1"])), Auth::basic("alice", password));
    let image = image();
    image.push_to(&registry, "demo/app", "1");
    let host = registry.host();
    assert!(host.starts_with("[::1]:"), "{host}");
    // Credentials by the host's name, certificates in the directory of its name.
    let certs = ocireg_testkit::tempdir();
    let directory = ca.write_certs_d(certs.path(), &host, None);
    assert_eq!(directory, certs.path().join(&host));
    let known = service(json!({
        "certs-dir": certs.path(),
        "credentials": {&host: {"username": "alice", "password": password}},
    }));
    pulls(&known, &app(&registry), &none(), &image);
    let told = known.inspect(None, &app(&registry), &none()).expect("an inspection");
    assert_eq!(told["name"], format!("{host}/demo/app"));
    let session = known.open(None, &format!("docker://{}", app(&registry)), &none());
    assert!(session.is_err(), "a session takes a reference");
    let session = known.open(None, &app(&registry), &none()).expect("a session");
    assert_eq!(session.info().expect("info")["endpoint"], registry.url());
    assert_eq!(session.list_tags(None, &none()).expect("tags")["tags"], json!(["1"]));
    // A login is kept under the same name, and used.
    let home = ocireg_testkit::tempdir();
    let keeping = service(json!({"certs-dir": certs.path(), "docker-config": home.path()}));
    let login = json!({"username": "alice", "password": password, "serveraddress": host});
    keeping.login(&login).expect("a login");
    let kept = fs::read_to_string(home.path().join("config.json")).expect("config.json");
    assert!(kept.contains(&format!("\"{host}\"")), "{kept}");
    pulls(&keeping, &app(&registry), &none(), &image);
    // Neither is lent to a host that looks alike.
    let other = service(json!({
        "certs-dir": certs.path(),
        "credentials": {"[::1]:1": {"username": "alice", "password": password}},
    }));
    fails(&other, &app(&registry), &none(), UNAUTHORIZED);
}
