//! Copies between registries, within one, and with layouts: no byte is changed, none moves twice.

use std::fs;
use std::os::fd::AsRawFd;

use crate::c_surface::images::Context;
use crate::c_surface::{Service, layouts};
use crate::scene::*;
use ocireg_testkit::image::{Image, Kind, Spec};
use ocireg_testkit::{Action, Auth, Cut, Fault, Registry, ServerOptions};
use serde_json::{Value, json};

const INVALID_ARGUMENT: i32 = 1;
const CANCELLED: i32 = 20;

fn none() -> Value {
    json!({})
}

/// An index of two platforms with two layers each.
fn index(kind: Kind) -> Image {
    let platforms = vec!["linux/amd64".into(), "linux/arm64".into()];
    Spec { kind, platforms, ..Spec::default() }.build()
}

/// `docker://HOST/REPOSITORY:1`.
fn at(registry: &Registry, repository: &str) -> String {
    format!("docker://{}/{repository}:1", registry.host())
}

/// Panics unless the repository has every byte of an image, under the tag.
fn assert_has(registry: &Registry, repository: &str, tag: &str, image: &Image) {
    assert_eq!(registry.tag(repository, tag).as_deref(), Some(image.digest.as_str()));
    for (digest, body) in &image.blobs {
        let there = registry.blob(repository, digest).expect("a blob of the image");
        assert_eq!(there.to_vec(), body.to_vec(), "{digest}");
    }
}

/// How often each blob was read from a registry.
fn reads(registry: &Registry, image: &Image) -> Vec<usize> {
    let requests = registry.requests();
    let count = |digest: &String| {
        requests.iter().filter(|r| r.method == "GET" && r.target.ends_with(digest.as_str())).count()
    };
    image.blobs.keys().map(count).collect()
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
fn an_index_goes_from_registry_to_registry_without_the_disk() {
    let (from, to, image) = (Registry::plain(), Registry::plain(), index(Kind::Oci));
    image.push_to(&from, "demo/app", "1");
    let options = json!({"tags": ["2"]});
    let report = service(none())
        .copy(None, &at(&from, "demo/app"), &at(&to, "other/app"), &options)
        .expect("a copy");
    assert_has(&to, "other/app", "1", &image);
    assert_has(&to, "other/app", "2", &image);
    assert_eq!(report["source_endpoint"]["url"], format!("http://{}", from.host()));
    assert_eq!(report["destination_endpoint"]["url"], format!("http://{}", to.host()));
    assert_eq!(report.get("endpoint"), None);
    assert_eq!(report["reference"], format!("{}/other/app@{}", to.host(), image.digest));
    assert_eq!(report["tags"], json!(["1", "2"]));
    assert_eq!(report["bytes_transferred"], report["bytes_total"]);
    assert!(reads(&from, &image).iter().all(|count| *count == 1), "each blob is read once");
    let bytes = report["bytes_total"].as_u64().expect("a number");
    assert_eq!(uploaded(&to) as u64, bytes, "and sent once");
}

#[test]
fn within_one_registry_no_blob_moves() {
    let (registry, image) = (Registry::plain(), index(Kind::Oci));
    image.push_to(&registry, "demo/app", "1");
    registry.clear();
    let service = service(none());
    let (from, to) = (at(&registry, "demo/app"), at(&registry, "other/app"));
    let report = service.copy(None, &from, &to, &none()).expect("a copy");
    assert_has(&registry, "other/app", "1", &image);
    assert!(sources(&report).iter().all(|source| *source == "mounted"), "{report}");
    assert_eq!(report["bytes_transferred"], 0);
    assert_eq!((uploaded(&registry), reads(&registry, &image).iter().sum::<usize>()), (0, 0));
    // Another tag of the same repository is a name and nothing else.
    registry.clear();
    let retag = format!("docker://{}/demo/app:2", registry.host());
    service.copy(None, &from, &retag, &none()).expect("a copy");
    assert_has(&registry, "demo/app", "2", &image);
    assert!(requests(&registry, "/blobs/").is_empty());
}

#[test]
fn where_nothing_can_be_mounted_the_bytes_go() {
    for status in [401, 403, 404, 405, 500, 503] {
        let (registry, image) = (Registry::plain(), image());
        image.push_to(&registry, "demo/app", "1");
        registry.fault(Fault::on("mount=", Action::status(status)).method("POST").always());
        let service = service(json!({"retry": {"max-attempts": 1}}));
        let (from, to) = (at(&registry, "demo/app"), at(&registry, "other/app"));
        let report = service.copy(None, &from, &to, &none()).expect("a copy");
        assert_has(&registry, "other/app", "1", &image);
        assert!(sources(&report).iter().all(|source| *source == "network"), "{status}: {report}");
    }
}

#[test]
fn blobs_are_mounted_from_other_repositories_too() {
    let (from, to, image) = (Registry::plain(), Registry::plain(), image());
    image.push_to(&from, "demo/app", "1");
    image.push_to(&to, "base/app", "1");
    let options = json!({"mount_from": ["base/app"]});
    let report = service(none())
        .copy(None, &at(&from, "demo/app"), &at(&to, "other/app"), &options)
        .expect("a copy");
    assert_has(&to, "other/app", "1", &image);
    assert_eq!((uploaded(&to), reads(&from, &image).iter().sum::<usize>()), (0, 0), "{report}");
}

#[test]
fn one_platform_is_copied_as_an_image() {
    let (from, to, image) = (Registry::plain(), Registry::plain(), index(Kind::Oci));
    image.push_to(&from, "demo/app", "1");
    let options = json!({"platform": "linux/arm64"});
    let report = service(none())
        .copy(None, &at(&from, "demo/app"), &at(&to, "demo/app"), &options)
        .expect("a copy");
    let arm = &image.manifests[1].digest;
    assert_eq!(to.tag("demo/app", "1").as_deref(), Some(arm.as_str()));
    assert_eq!(report["platform"], "linux/arm64");
    // Not the whole index, and no platform named: that of this machine.
    let options = json!({"all_platforms": false});
    let report = service(none())
        .copy(None, &at(&from, "demo/app"), &at(&to, "demo/app"), &options)
        .expect("a copy");
    assert_eq!(report["manifests"].as_array().map(Vec::len), Some(1));
    assert_ne!(report["descriptor"]["digest"], image.digest.as_str());
    let both = json!({"all_platforms": true, "platform": "linux/arm64"});
    let error = service(none()).copy(None, &at(&from, "demo/app"), "oci:none", &both);
    assert_eq!(error.expect_err("both").argument(), "platform");
}

#[test]
fn a_restart_skips_what_is_done() {
    let (from, to, image) = (Registry::plain(), Registry::plain(), index(Kind::Oci));
    image.push_to(&from, "demo/app", "1");
    let service = service(json!({"retry": {"max-attempts": 1}, "max-concurrent-downloads": 1}));
    let last = &image.manifests[1].layers[1];
    from.fault(Fault::on(last, Action::CutBody(5, Cut::Rst)).method("GET").always());
    let (source, destination) = (at(&from, "demo/app"), at(&to, "other/app"));
    service.copy(None, &source, &destination, &none()).expect_err("a cut");
    assert_eq!(to.tag("other/app", "1"), None, "nothing has a name before all is there");
    from.clear_faults();
    from.clear();
    let report = service.copy(None, &source, &destination, &none()).expect("a copy");
    assert_has(&to, "other/app", "1", &image);
    assert_eq!(reads(&from, &image).iter().sum::<usize>(), 1, "{report}");
    // And once more: nothing but the names.
    from.clear();
    to.clear();
    service.copy(None, &source, &destination, &none()).expect("a copy");
    assert_eq!((uploaded(&to), reads(&from, &image).iter().sum::<usize>()), (0, 0));
}

#[test]
fn a_source_that_is_cut_goes_on_where_it_was() {
    let (from, to) = (Registry::plain(), Registry::plain());
    let image = Spec::sized(1, 9_000_000).build();
    image.push_to(&from, "demo/app", "1");
    let layer = &image.manifests[0].layers[0];
    from.fault(Fault::on(layer, Action::CutBody(5_000_000, Cut::Rst)).method("GET"));
    let report = service(none())
        .copy(None, &at(&from, "demo/app"), &at(&to, "demo/app"), &none())
        .expect("a copy");
    assert_has(&to, "demo/app", "1", &image);
    let ranges: Vec<_> = requests(&from, layer);
    assert_eq!(ranges.len(), 2, "{report}");
    assert!(ranges[1].header("range").is_some(), "the second request asks for the rest");
}

#[test]
fn wrong_bytes_are_never_passed_on() {
    let (from, to, image) = (Registry::plain(), Registry::plain(), image());
    image.push_to(&from, "demo/app", "1");
    from.fault(Fault::on(&image.manifests[0].layers[0], Action::Flip(3)).method("GET").always());
    let error = service(none())
        .copy(None, &at(&from, "demo/app"), &at(&to, "demo/app"), &none())
        .expect_err("a wrong blob");
    assert_eq!(error.code, DIGEST_MISMATCH, "{error:?}");
    assert_tells(&error, &[&from.host()], &[]);
    assert_eq!(to.tag("demo/app", "1"), None);
    assert_eq!(to.blob("demo/app", &image.manifests[0].layers[0]).map(|_| ()), None);
    assert_eq!(to.upload_count(), 0, "uploads that failed are ended");
}

#[test]
fn failures_name_the_side_that_failed() {
    let (from, to, image) = (Registry::plain(), Registry::plain(), image());
    image.push_to(&from, "demo/app", "1");
    let service = service(json!({"retry": {"max-attempts": 1}}));
    let copy = || service.copy(None, &at(&from, "demo/app"), &at(&to, "demo/app"), &none());
    to.fault(Fault::on("/blobs/uploads/", Action::status(403)).always());
    let error = copy().expect_err("no rights");
    assert_eq!((error.code, &error.json["host"]), (DENIED, &json!(to.host())), "{error:?}");
    to.clear_faults();
    from.fault(Fault::on("/blobs/sha256", Action::status(500)).always());
    let error = copy().expect_err("no blobs");
    assert_eq!((error.code, &error.json["host"]), (SERVER, &json!(from.host())), "{error:?}");
    from.clear_faults();
    to.fault(Fault::on("/manifests/1", Action::status(400)).method("PUT").always());
    copy().expect_err("no name");
    assert_eq!(to.tag("demo/app", "1"), None);
}

#[test]
fn each_registry_gets_its_own_credentials() {
    let (one, two) = (secret(), secret());
    let start = |password: &str| {
        let registry = Registry::start(ServerOptions::default(), Auth::basic("alice", password));
        registry.may_receive(password);
        registry
    };
    let (from, to, image) = (start(&one), start(&two), image());
    image.push_to(&from, "demo/app", "1");
    let auth = |password: &str| json!({"username": "alice", "password": password});
    let options = json!({"source_auth": auth(&one), "destination_auth": auth(&two)});
    let service = service(none());
    let (source, destination) = (at(&from, "demo/app"), at(&to, "demo/app"));
    service.copy(None, &source, &destination, &options).expect("a copy");
    assert_has(&to, "demo/app", "1", &image);
    let without = json!({"source_auth": auth(&one), "destination_auth": {}});
    let third = format!("docker://{}/demo/third:1", to.host());
    let error = service.copy(None, &source, &third, &without).expect_err("nobody");
    assert_eq!(error.code, UNAUTHORIZED);
    // A push has one registry, and one AuthConfig.
    let layout = ocireg_testkit::tempdir();
    image.write_layout(layout.path(), "x");
    let location = format!("oci:{}", layout.path().display());
    let options = json!({"auth": auth(&two)});
    service.push(None, &location, &third, &options).expect("a push");
    assert_has(&to, "demo/third", "1", &image);
    let error = service.push(None, &location, &third, &json!({"auth": auth("no")}));
    assert_eq!(error.expect_err("a wrong password").code, UNAUTHORIZED);
}

#[test]
fn docker_manifests_become_oci_ones_only_where_that_is_wanted() {
    let (from, to, image) = (Registry::plain(), Registry::plain(), index(Kind::Docker));
    image.push_to(&from, "demo/app", "1");
    let service = service(none());
    let (source, destination) = (at(&from, "demo/app"), at(&to, "demo/app"));
    let report = service.copy(None, &source, &destination, &none()).expect("a copy");
    assert_has(&to, "demo/app", "1", &image);
    assert_eq!(report.get("converted"), None);
    let options = json!({"convert": "oci"});
    let report = service.copy(None, &source, &destination, &options).expect("a conversion");
    let converted = report["converted"].as_array().expect("what was converted");
    assert_eq!(converted.len(), 3, "{report}");
    assert_eq!(converted[2]["from"], image.digest.as_str());
    assert_eq!(converted[2]["to"], report["descriptor"]["digest"]);
    assert_eq!(to.tag("demo/app", "1").as_deref(), converted[2]["to"].as_str());
    let session = service.open(None, destination.trim_start_matches("docker://"), &none());
    let session = session.expect("a session");
    let (descriptor, bytes) = session.get_manifest(None, None, &none()).expect("the index");
    assert_eq!(descriptor["mediaType"], Kind::Oci.index());
    let index: Value = serde_json::from_slice(&bytes).expect("JSON");
    assert_eq!(index["manifests"][0]["platform"]["architecture"], "amd64");
    for (i, entry) in index["manifests"].as_array().expect("a list").iter().enumerate() {
        let digest = entry["digest"].as_str();
        let (child, bytes) = session.get_manifest(None, digest, &none()).expect("a child");
        assert_eq!(child["mediaType"], Kind::Oci.manifest());
        let manifest: Value = serde_json::from_slice(&bytes).expect("JSON");
        assert_eq!(manifest["config"]["digest"], image.manifests[i].config.as_str());
        assert!(!String::from_utf8_lossy(&bytes).contains("docker"), "{manifest}");
    }
    // What is OCI already stays byte for byte.
    let oci = index_of_oci(&from);
    let copy = format!("docker://{}/demo/oci:1", to.host());
    let report = service.copy(None, &at(&from, "demo/oci"), &copy, &options).expect("a copy");
    assert_eq!(report["descriptor"]["digest"], oci.digest.as_str());
    assert_eq!(report.get("converted"), None);
    for other in ["referrers", "digest_tags"] {
        let both = json!({"convert": "oci", other: true});
        let error = service.copy(None, &source, &destination, &both).expect_err("both");
        assert_eq!((error.code, error.argument()), (INVALID_ARGUMENT, "convert"));
    }
}

fn index_of_oci(registry: &Registry) -> Image {
    let image = index(Kind::Oci);
    image.push_to(registry, "demo/oci", "1");
    image
}

/// A manifest that refers to another one, as registries keep it.
fn refer(registry: &Registry, subject: &Image, about: &str) -> String {
    let empty = registry.add_blob("demo/app", "{}");
    let kind = "application/vnd.oci.empty.v1+json";
    let manifest = json!({
        "schemaVersion": 2, "mediaType": Kind::Oci.manifest(),
        "artifactType": "application/vnd.example.sig",
        "config": {"mediaType": kind, "digest": empty, "size": 2},
        "layers": [{"mediaType": kind, "digest": empty, "size": 2}],
        "subject": {"mediaType": subject.media_type, "digest": subject.digest, "size": subject.bytes.len()},
        "annotations": {"about": about},
    });
    registry.add_manifest("demo/app", None, Kind::Oci.manifest(), manifest.to_string())
}

#[test]
fn referrers_come_and_go_with_the_image() {
    let (from, to, image) = (Registry::plain(), Registry::plain(), image());
    image.push_to(&from, "demo/app", "1");
    let signature = refer(&from, &image, "a signature");
    let service = service(none());
    let (source, destination) = (at(&from, "demo/app"), at(&to, "demo/app"));
    let there = |registry: &Registry| {
        let reference = format!("{}/demo/app", registry.host());
        let session = service.open(None, &reference, &none()).expect("a session");
        session.get_manifest(None, Some(&signature), &none()).is_ok()
    };
    service.copy(None, &source, &destination, &none()).expect("a copy");
    assert!(!there(&to));
    let options = json!({"referrers": true});
    service.copy(None, &source, &destination, &options).expect("a copy");
    assert!(there(&to));
    // Into a layout, where they are entries without a name, and out of it again.
    let layout = ocireg_testkit::tempdir();
    let location = format!("oci:{}:x", layout.path().display());
    let reference = source.trim_start_matches("docker://");
    service.pull(None, reference, &location, &options).expect("a pull");
    let index: Value = serde_json::from_slice(&layouts::index(layout.path())).expect("JSON");
    let entries = index["manifests"].as_array().expect("a list");
    let entry = entries.iter().find(|entry| entry["digest"] == signature.as_str());
    assert_eq!(entry.expect("an entry").get("annotations"), None);
    let third = Registry::plain();
    service.push(None, &location, &at(&third, "demo/app"), &options).expect("a push");
    assert!(there(&third));
    let v1 = json!({"protocol": "v1", "referrers": true});
    let error = service.pull(None, reference, &location, &v1).expect_err("v1 has none");
    assert_eq!(error.argument(), "referrers");
}

#[test]
fn signatures_go_by_their_tags() {
    let (from, to, image) = (Registry::plain(), Registry::plain(), image());
    image.push_to(&from, "demo/app", "1");
    let tag = format!("{}.sig", image.digest.replace(':', "-"));
    let platforms = vec!["linux/amd64".into()];
    let signature = Spec { platforms, layers: 1, seed: 9, ..Spec::default() }.build();
    signature.push_to(&from, "demo/app", &tag);
    let service = service(none());
    let (source, destination) = (at(&from, "demo/app"), at(&to, "demo/app"));
    service.copy(None, &source, &destination, &none()).expect("a copy");
    assert_eq!(to.tag("demo/app", &tag), None);
    let options = json!({"digest_tags": true});
    service.copy(None, &source, &destination, &options).expect("a copy");
    assert_has(&to, "demo/app", &tag, &signature);
}

#[test]
fn layers_that_are_not_distributable_stay_behind() {
    let (from, image) = (Registry::plain(), image());
    push_changed(&from, &image, |manifest| manifest["layers"][1]["mediaType"] = json!(FOREIGN));
    let layer = &image.manifests[0].layers[1];
    for (options, expected) in [(none(), false), (json!({"nondistributable": true}), true)] {
        let to = Registry::plain();
        let report = service(none())
            .copy(None, &at(&from, "demo/app"), &at(&to, "demo/app"), &options)
            .expect("a copy");
        assert_eq!(to.blob("demo/app", layer).is_some(), expected);
        assert_eq!(report["warnings"].to_string().contains(layer), !expected, "{report}");
    }
}

#[test]
fn a_layout_is_verified_where_that_is_wanted() {
    let (from, image) = (Registry::plain(), image());
    image.push_to(&from, "demo/app", "1");
    let layout = ocireg_testkit::tempdir();
    let location = format!("oci:{}:x", layout.path().display());
    let service = service(none());
    service.copy(None, &at(&from, "demo/app"), &location, &none()).expect("a copy");
    layouts::assert_holds(layout.path(), &image);
    from.clear();
    let options = json!({"verify_present": true});
    let report = service.copy(None, &at(&from, "demo/app"), &location, &options).expect("a copy");
    assert_eq!(sources(&report), ["present"; 3]);
    assert_eq!(reads(&from, &image), [0; 3]);
}

#[test]
fn a_copy_into_a_layout_goes_on_where_it_was_cut() {
    let from = Registry::plain();
    let image = Spec::sized(1, 2_000_000).build();
    image.push_to(&from, "demo/app", "1");
    let layer = &image.manifests[0].layers[0];
    let service = service(json!({"retry": {"max-attempts": 1}}));
    for (resume, expected) in [(true, "resumed"), (false, "network")] {
        let layout = ocireg_testkit::tempdir();
        let location = format!("oci:{}:x", layout.path().display());
        let options = json!({"resume": resume});
        from.fault(Fault::on(layer, Action::CutBody(1_000_000, Cut::Rst)).method("GET"));
        service.copy(None, &at(&from, "demo/app"), &location, &options).expect_err("a cut");
        let report =
            service.copy(None, &at(&from, "demo/app"), &location, &options).expect("a copy");
        assert_eq!(sources(&report)[1], expected, "{report}");
        layouts::assert_holds(layout.path(), &image);
    }
}

#[test]
fn layouts_are_copied_too() {
    let (image, registry) = (index(Kind::Oci), Registry::plain());
    let parent = ocireg_testkit::tempdir();
    image.write_layout(&parent.path().join("one"), "x");
    let directory = fs::File::open(parent.path()).expect("open a directory");
    let options = json!({"dir_fd": directory.as_raw_fd()});
    let service = service(none());
    // From layout to layout, with the name that it has.
    service.copy(None, "oci:one:x", "oci:two", &options).expect("a copy");
    layouts::assert_holds(&parent.path().join("two"), &image);
    let report = service
        .copy(None, "oci:two:x", &at(&registry, "demo/app"), &options)
        .expect("the name is kept");
    assert_has(&registry, "demo/app", "1", &image);
    assert_eq!(report.get("source_endpoint"), None);
    // And back.
    let reference = at(&registry, "demo/app");
    service.copy(None, &reference, "oci:three", &options).expect("a copy");
    layouts::assert_holds(&parent.path().join("three"), &image);
    for text in ["oci:none:x", "oci:one:y"] {
        let error = service.copy(None, text, "oci:four", &options).expect_err("nothing there");
        assert!(error.message.contains("one") || error.message.contains("none"), "{error:?}");
    }
}

/// The digests of what an image has at a location: its configuration, and its layers without compression.
fn contents(service: &Service, location: &str) -> (Value, Value) {
    let found = service.inspect(None, location, &none());
    let found = found.unwrap_or_else(|e| panic!("{location}: {e:?}"));
    (found["manifest"]["config"]["digest"].clone(), found["config"]["rootfs"]["diff_ids"].clone())
}

/// What is tried, and what makes its location from a directory.
type End<'a> = (&'a str, &'a dyn Fn(&str) -> String);

#[test]
fn an_image_goes_from_any_kind_of_location_to_any_other() {
    let (registry, service, dir) = (Registry::plain(), service(none()), ocireg_testkit::tempdir());
    let image = Spec::busybox(&["linux/amd64"]).build();
    image.push_to(&registry, "kind/registry", "1");
    let local = |name: &str| dir.path().join(name).display().to_string();
    let kinds: [End; 4] = [
        ("registry", &|name| at(&registry, &format!("kind/{name}"))),
        ("oci", &|name| format!("oci:{}:x", local(&format!("{name}.layout")))),
        ("oci-archive", &|name| format!("oci-archive:{}:x", local(&format!("{name}.oci.tar")))),
        ("docker-archive", &|name| {
            format!("docker-archive:{}:kind/app:1", local(&format!("{name}.docker.tar")))
        }),
    ];
    let origin = kinds[0].1("registry");
    let expected = contents(&service, &origin);
    for (from, place) in kinds {
        let source = place(from);
        if source != origin {
            service.copy(None, &origin, &source, &none()).expect("a source");
        }
        for (to, place) in kinds {
            let what = format!("{from}-to-{to}");
            let destination = place(&what);
            let report = service.copy(None, &source, &destination, &none());
            let report = report.unwrap_or_else(|e| panic!("{what}: {e:?}"));
            assert_eq!(contents(&service, &destination), expected, "{what}");
            // Only an archive of docker save has the layers in another form.
            if ![from, to].contains(&"docker-archive") {
                assert_eq!(report["descriptor"]["digest"], image.digest.as_str(), "{what}");
            }
        }
    }
}

/// An artifact goes the same ways, but for the archive of images.
#[test]
fn an_artifact_goes_from_any_kind_of_location_to_any_other() {
    let (registry, service, dir) = (Registry::plain(), service(none()), ocireg_testkit::tempdir());
    let local = |name: &str| dir.path().join(name).display().to_string();
    let kinds: [End; 4] = [
        ("files", &|name| format!("files:{}", local(&format!("{name}.files")))),
        ("registry", &|name| at(&registry, &format!("kind/{name}"))),
        ("oci", &|name| format!("oci:{}:x", local(&format!("{name}.layout")))),
        ("oci-archive", &|name| format!("oci-archive:{}:x", local(&format!("{name}.oci.tar")))),
    ];
    fs::create_dir(local("files.files")).expect("a directory");
    fs::write(local("files.files/one"), "first").expect("a file");
    fs::write(local("files.files/two"), "second").expect("a file");
    let origin = kinds[0].1("files");
    let layers = |location: &str| {
        let found = service.inspect(None, location, &none());
        found.unwrap_or_else(|e| panic!("{location}: {e:?}"))["manifest"]["layers"].clone()
    };
    let expected = layers(&origin);
    for (from, place) in kinds {
        let source = place(from);
        if source != origin {
            service.copy(None, &origin, &source, &none()).expect("a source");
        }
        for (to, place) in kinds {
            let what = format!("{from}-to-{to}");
            let destination = place(&what);
            let copied = service.copy(None, &source, &destination, &none());
            copied.unwrap_or_else(|e| panic!("{what}: {e:?}"));
            assert_eq!(layers(&destination), expected, "{what}");
        }
        let got = local(&format!("{from}-to-files.files/two"));
        assert_eq!(fs::read_to_string(got).expect("a file"), "second", "{from}");
    }
}

#[test]
fn a_copy_can_be_cancelled_while_it_waits() {
    let (from, to) = (Registry::plain(), Registry::plain());
    let image = Spec::sized(1, 9_000_000).build();
    image.push_to(&from, "demo/app", "1");
    let layer = &image.manifests[0].layers[0];
    let pause = std::time::Duration::from_secs(60);
    from.fault(Fault::on(layer, Action::Stall(6_000_000, pause)).method("GET").always());
    let context = Context::with_progress(|done, _, _| done > 1_000_000);
    let began = std::time::Instant::now();
    let error = service(none())
        .copy(Some(&context), &at(&from, "demo/app"), &at(&to, "demo/app"), &none())
        .expect_err("cancelled");
    assert_eq!(error.code, CANCELLED);
    assert!(began.elapsed() < std::time::Duration::from_secs(30));
    assert_eq!(to.tag("demo/app", "1"), None);
}

#[test]
fn many_copies_at_once_do_not_wait_for_each_other() {
    let registry = Registry::plain();
    let image = Spec::sized(4, 200_000).build();
    image.push_to(&registry, "demo/app", "1");
    registry.fault(Fault::on("mount=", Action::status(405)).method("POST").always());
    // One place a host: a copy within the registry reads and writes at once.
    let service = service(json!({"max-concurrent-downloads": 1}));
    std::thread::scope(|scope| {
        for number in 0..4 {
            let (service, registry, image) = (&service, &registry, &image);
            scope.spawn(move || {
                let repository = format!("other/app{number}");
                let (from, to) = (at(registry, "demo/app"), at(registry, &repository));
                let context = Context::timeout(60_000);
                service.copy(Some(&context), &from, &to, &json!({})).expect("a copy");
                assert_has(registry, &repository, "1", image);
            });
        }
    });
}

#[test]
fn what_one_call_uploads_the_others_mount() {
    let (from, to) = (Registry::plain(), Registry::plain());
    let image = Spec::sized(2, 500_000).build();
    image.push_to(&from, "demo/app", "1");
    let pause = std::time::Duration::from_millis(20);
    from.fault(Fault::on("/blobs/", Action::Trickle(50_000, pause)).method("GET").always());
    let service = service(none());
    let reports: Vec<Value> = std::thread::scope(|scope| {
        let copies: Vec<_> = (0..4)
            .map(|number| {
                let (service, from, to, image) = (&service, &from, &to, &image);
                scope.spawn(move || {
                    let repository = format!("other/app{number}");
                    let (source, destination) = (at(from, "demo/app"), at(to, &repository));
                    let report = service.copy(None, &source, &destination, &json!({}));
                    assert_has(to, &repository, "1", image);
                    report.expect("a copy")
                })
            })
            .collect();
        copies.into_iter().map(|copy| copy.join().expect("no panic")).collect()
    });
    assert!(reads(&from, &image).iter().all(|count| *count == 1), "each blob is read once");
    let all: Vec<&str> = reports.iter().flat_map(sources).collect();
    let count = |source: &str| all.iter().filter(|one| **one == source).count();
    let blobs = image.blobs.len();
    assert_eq!((count("network"), count("mounted")), (blobs, 3 * blobs), "{all:?}");
    // A leader that fails leaves the blob to the next one.
    let third = Registry::plain();
    from.fault(Fault::on(&image.manifests[0].layers[0], Action::Flip(7)).method("GET").times(2));
    let results: Vec<_> = std::thread::scope(|scope| {
        let copies: Vec<_> = (0..3)
            .map(|number| {
                let (service, from, third) = (&service, &from, &third);
                scope.spawn(move || {
                    let destination = at(third, &format!("other/app{number}"));
                    service.copy(None, &at(from, "demo/app"), &destination, &json!({})).is_ok()
                })
            })
            .collect();
        copies.into_iter().map(|copy| copy.join().expect("no panic")).collect()
    });
    assert_eq!(results.iter().filter(|ok| **ok).count(), 2, "{results:?}");
}

#[test]
fn a_host_gets_no_more_uploads_at_once_than_allowed() {
    for most in [1, 3] {
        let (from, to) = (Registry::plain(), Registry::plain());
        let image = Spec::sized(6, 100_000).build();
        image.push_to(&from, "demo/app", "1");
        // Uploads that have begun and not ended are those under way.
        let pause = std::time::Duration::from_millis(10);
        from.fault(Fault::on("/blobs/", Action::Trickle(30_000, pause)).method("GET").always());
        let service =
            service(json!({"max-concurrent-uploads": most, "max-concurrent-downloads": 8}));
        let stop = std::sync::atomic::AtomicBool::new(false);
        let seen = std::thread::scope(|scope| {
            let watch = scope.spawn(|| {
                let mut seen = 0;
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    seen = seen.max(to.upload_count());
                    std::thread::sleep(std::time::Duration::from_millis(1));
                }
                seen
            });
            let copied = service.copy(None, &at(&from, "demo/app"), &at(&to, "demo/app"), &none());
            stop.store(true, std::sync::atomic::Ordering::Relaxed);
            copied.expect("a copy");
            watch.join().expect("no panic")
        });
        assert!((1..=most).contains(&seen), "{seen} of {most}");
        assert_has(&to, "demo/app", "1", &image);
    }
}

#[test]
fn bare_names_and_unknown_transports_are_refused() {
    let service = service(none());
    for (source, destination, argument, hint) in [
        ("alpine", "localhost:5000/alpine", "source", "write docker://alpine for an image"),
        (
            "docker://alpine",
            "localhost:5000/alpine:1",
            "destination",
            "docker://localhost:5000/alpine:1",
        ),
        ("registry.test/x", "oci:/tmp/x", "source", "oci:registry.test/x for an OCI layout"),
        ("oci:/tmp/x", "registry.test/x", "destination", "docker://registry.test/x"),
        ("docker://registry.test/x", "ftp:/tmp/x", "destination", "docker://REFERENCE"),
        ("docker://registry.test/x", "./no/Name", "destination", "docker://REFERENCE"),
    ] {
        let error = service.copy(None, source, destination, &none()).expect_err("no copy");
        assert_eq!((error.code, error.argument()), (INVALID_ARGUMENT, argument), "{error:?}");
        let told = error.json["hint"].as_str().expect("a hint");
        assert!(told.contains(hint), "{told}");
    }
}
