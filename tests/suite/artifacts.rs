//! Artifacts: directories of files that are pushed, pulled and copied as oras does it.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use crate::c_surface::Service;
use crate::c_surface::images::Context;
use crate::scene::*;
use ocireg_testkit::{Action, Cut, Fault, Registry, TempDir, digest};
use serde_json::{Value, json};

const INVALID_ARGUMENT: i32 = 1;
const CANCELLED: i32 = 20;
const ALREADY_EXISTS: i32 = 81;
const SOURCE_CHANGED: i32 = 123;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const EMPTY: &str = "application/vnd.oci.empty.v1+json";
const TAR: &str = "application/vnd.oci.image.layer.v1.tar";
const TITLE: &str = "org.opencontainers.image.title";

fn none() -> Value {
    json!({})
}

/// A directory with these files.
fn directory(files: &[(&str, &str)]) -> TempDir {
    let directory = ocireg_testkit::tempdir();
    for (name, content) in files {
        let path = directory.path().join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        fs::write(path, content).expect("a file");
    }
    directory
}

fn at(directory: &Path) -> String {
    format!("files:{}", directory.display())
}

/// Every file below a directory with its content.
fn files(directory: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut open = vec![PathBuf::new()];
    while let Some(below) = open.pop() {
        for entry in fs::read_dir(directory.join(&below)).expect("a directory") {
            let entry = entry.expect("an entry");
            let path = below.join(entry.file_name());
            if entry.file_type().expect("a type").is_dir() {
                open.push(path);
            } else {
                let content = fs::read_to_string(entry.path()).expect("a file");
                found.insert(path.to_str().expect("a name").to_owned(), content);
            }
        }
    }
    found
}

fn content(files: &[(&str, &str)]) -> BTreeMap<String, String> {
    files.iter().map(|(name, content)| ((*name).to_owned(), (*content).to_owned())).collect()
}

/// The manifest of a tag as the registry has it.
fn manifest(service: &Service, reference: &str) -> (String, Value) {
    let session = service.open(None, reference, &none()).expect("a session");
    let (descriptor, bytes) = session.get_manifest(None, None, &none()).expect("a manifest");
    let digest = descriptor["digest"].as_str().expect("a digest").to_owned();
    (digest, serde_json::from_slice(&bytes).expect("JSON"))
}

fn layer(title: Option<&str>, content: &str) -> Value {
    let mut layer = json!({
        "mediaType": TAR, "digest": digest::sha256(content.as_bytes()), "size": content.len(),
    });
    if let Some(title) = title {
        layer["annotations"] = json!({TITLE: title});
    }
    layer
}

/// An artifact in the registry as `demo/app:1`, with these layers.
fn artifact(registry: &Registry, layers: &[(Option<&str>, &str)]) -> String {
    let config = registry.add_blob("demo/app", "{}");
    for (_, content) in layers {
        registry.add_blob("demo/app", *content);
    }
    let layers: Vec<_> = layers.iter().map(|(title, content)| layer(*title, content)).collect();
    let manifest = json!({
        "schemaVersion": 2, "mediaType": MANIFEST, "artifactType": "application/vnd.example.test",
        "config": {"mediaType": EMPTY, "digest": config, "size": 2},
        "layers": layers,
    });
    registry.add_manifest("demo/app", Some("1"), MANIFEST, manifest.to_string());
    app(registry)
}

#[test]
fn a_directory_is_pushed_as_oras_writes_it_and_comes_back() {
    let names = [("b ö&<.txt", "beta"), ("a b.txt", "alpha"), ("leer", ""), ("auch leer", "")];
    let (local, registry, service) = (directory(&names), Registry::plain(), service(none()));
    fs::create_dir(local.path().join("below")).expect("a directory");
    symlink("a b.txt", local.path().join("link")).expect("a link");
    let report = service.push(None, &at(local.path()), &app(&registry), &none()).expect("a push");
    let warnings = report["warnings"].to_string();
    assert!(warnings.contains("below") && warnings.contains("link"), "{warnings}");
    let empty = digest::sha256(b"{}");
    let expected = format!(
        "{{\"schemaVersion\":2,\"mediaType\":\"{MANIFEST}\",\"artifactType\":\"application/vnd.unknown.artifact.v1\",\
         \"config\":{{\"mediaType\":\"{EMPTY}\",\"digest\":\"{empty}\",\"size\":2,\"data\":\"e30=\"}},\"layers\":[{}]}}",
        [("a b.txt", "alpha"), ("auch leer", ""), ("b ö\\u0026\\u003c.txt", "beta"), ("leer", "")]
            .map(|(title, content)| format!(
                "{{\"mediaType\":\"{TAR}\",\"digest\":\"{}\",\"size\":{},\"annotations\":{{\"{TITLE}\":\"{title}\"}}}}",
                digest::sha256(content.as_bytes()),
                content.len()
            ))
            .join(",")
    );
    assert_eq!(report["descriptor"]["digest"], digest::sha256(expected.as_bytes()), "{expected}");
    assert_eq!(registry.tag("demo/app", "1"), Some(digest::sha256(expected.as_bytes())));

    let target = ocireg_testkit::tempdir();
    let into = target.path().join("made/here");
    let pulled = service.pull(None, &app(&registry), &at(&into), &none()).expect("a pull");
    assert_eq!(files(&into), content(&names));
    assert_eq!(pulled["warnings"], json!([]));
    assert_eq!(pulled["bytes_total"], 9, "{pulled}");
    // Once more: all of it is there.
    registry.clear();
    let again = service.pull(None, &app(&registry), &at(&into), &none()).expect("a pull");
    assert!(requests(&registry, "/blobs/").is_empty());
    assert!(again["blobs"].as_array().expect("blobs").iter().all(|b| b["source"] == "present"));
}

#[test]
fn an_artifact_has_what_the_options_say() {
    let local =
        directory(&[("bin/tool", "tool"), ("notes", "notes"), ("config.json", "{\"a\":1}")]);
    let (registry, service) = (Registry::plain(), service(none()));
    let options = json!({
        "artifact_type": "application/vnd.example.tool",
        "files": [
            {"path": "notes", "media_type": "text/plain", "annotations": {"lang": "de"}},
            {"path": "./bin//tool", "title": "tools/the tool"},
            {"path": local.path().join("notes")},
        ],
        "annotations": {"org.opencontainers.image.created": "2024-01-01T00:00:00Z", "b": "&"},
        "config": {"path": "config.json", "media_type": "application/vnd.example.config.v1+json",
                   "annotations": {"of": "config"}},
    });
    let failure = service.push(None, &at(local.path()), &app(&registry), &options);
    assert_eq!(failure.expect_err("notes twice").argument(), "files");
    let mut options = options;
    options["files"].as_array_mut().expect("a list").pop();
    service.push(None, &at(local.path()), &app(&registry), &options).expect("a push");
    let (_, manifest) = manifest(&service, &app(&registry));
    assert_eq!(
        manifest,
        json!({
            "schemaVersion": 2, "mediaType": MANIFEST, "artifactType": "application/vnd.example.tool",
            "config": {
                "mediaType": "application/vnd.example.config.v1+json",
                "digest": digest::sha256(b"{\"a\":1}"), "size": 7, "annotations": {"of": "config"},
            },
            "layers": [
                {
                    "mediaType": "text/plain", "digest": digest::sha256(b"notes"), "size": 5,
                    "annotations": {"lang": "de", TITLE: "notes"},
                },
                layer(Some("tools/the tool"), "tool"),
            ],
            "annotations": {"b": "&", "org.opencontainers.image.created": "2024-01-01T00:00:00Z"},
        })
    );
    let target = ocireg_testkit::tempdir();
    service.pull(None, &app(&registry), &at(target.path()), &none()).expect("a pull");
    assert_eq!(files(target.path()), content(&[("notes", "notes"), ("tools/the tool", "tool")]));
    // A configuration alone says what the artifact is for.
    let other = json!({"files": [], "config": "config.json"});
    service.push(None, &at(local.path()), &app(&registry), &other).expect("a push");
    let (_, manifest) = self::manifest(&service, &app(&registry));
    assert_eq!(manifest.get("artifactType"), None);
    assert_eq!(manifest["config"]["mediaType"], "application/vnd.unknown.config.v1+json");
    assert_eq!(manifest["layers"][0]["mediaType"], EMPTY);
}

#[test]
fn an_artifact_without_files_has_the_empty_layer() {
    let (local, registry, service) = (directory(&[]), Registry::plain(), service(none()));
    let options = json!({"artifact_type": "application/vnd.example.mark"});
    service.push(None, &at(local.path()), &app(&registry), &options).expect("a push");
    let (_, manifest) = manifest(&service, &app(&registry));
    let empty =
        json!({"mediaType": EMPTY, "digest": digest::sha256(b"{}"), "size": 2, "data": "e30="});
    assert_eq!((&manifest["config"], &manifest["layers"]), (&empty, &json!([empty])));
    assert!(registry.blob("demo/app", &digest::sha256(b"{}")).is_some());
    let target = ocireg_testkit::tempdir();
    let report = service.pull(None, &app(&registry), &at(target.path()), &none()).expect("a pull");
    assert_eq!((files(target.path()), &report["warnings"]), (content(&[]), &json!([])));
}

#[test]
fn an_artifact_refers_to_its_subject_and_leaves_its_tag_alone() {
    let (registry, image) = demo();
    let (local, service) = (directory(&[("sbom.json", "{}")]), service(none()));
    let options = json!({"artifact_type": "application/vnd.example.sbom", "subject": image.digest});
    let repository = format!("{}/demo/app", registry.host());
    let report = service.push(None, &at(local.path()), &repository, &options).expect("a push");
    assert_eq!(registry.tag("demo/app", "latest"), None, "nothing was to be tagged");
    assert_eq!(report.get("tags"), None, "{report}");
    let session = service.open(None, &repository, &none()).expect("a session");
    let listed = session.referrers(&image.digest, &none()).expect("referrers");
    assert_eq!(listed["manifests"][0]["digest"], report["descriptor"]["digest"]);
    assert_eq!(listed["manifests"][0]["artifactType"], "application/vnd.example.sbom");
    let digest = report["descriptor"]["digest"].as_str();
    let (_, bytes) = session.get_manifest(None, digest, &none()).expect("a manifest");
    let manifest: Value = serde_json::from_slice(&bytes).expect("JSON");
    let subject = json!({
        "mediaType": image.media_type, "digest": image.digest, "size": image.bytes.len(),
    });
    assert_eq!(manifest["subject"], subject);
    // With a tag it has that.
    let tagged = format!("{repository}:sbom");
    let report = service.push(None, &at(local.path()), &tagged, &options).expect("a push");
    assert_eq!(report["tags"], json!(["sbom"]));
    assert_eq!(registry.tag("demo/app", "sbom").as_deref(), digest);
    // Nothing is pushed that refers to what nobody has.
    let absent = json!({"subject": format!("sha256:{}", "0".repeat(64))});
    registry.clear();
    let failure = service.push(None, &at(local.path()), &repository, &absent).expect_err("absent");
    assert_eq!((failure.code, failure.argument()), (NOT_FOUND, "subject"), "{failure:?}");
    assert!(registry.requests().iter().all(|request| request.method != "PUT"));
    // In a layout likewise.
    let layout = ocireg_testkit::tempdir();
    image.write_layout(layout.path(), "x");
    let into = format!("oci:{}:sbom", layout.path().display());
    service.copy(None, &at(local.path()), &into, &options).expect("a copy");
    let seen = service.inspect(None, &into, &none()).expect("an inspection");
    assert_eq!(seen["subject"], subject);
    let back = ocireg_testkit::tempdir();
    service.copy(None, &into, &at(back.path()), &none()).expect("a copy");
    assert_eq!(files(back.path()), content(&[("sbom.json", "{}")]));
}

#[test]
fn a_title_never_leads_out_of_the_directory() {
    let (registry, service) = (Registry::plain(), service(none()));
    for title in [
        "",
        "/",
        "/tmp/x",
        "../x",
        "a/../../x",
        "..",
        ".",
        "./",
        "a/..",
        "nul\0x",
        "link/x",
        "link",
        ".ocireg-tmp-x",
    ] {
        let outer = directory(&[("outside/canary", "unharmed")]);
        let target = outer.path().join("target");
        fs::create_dir(&target).expect("a directory");
        symlink("../outside", target.join("link")).expect("a link");
        let reference = artifact(&registry, &[(Some("good"), "good"), (Some(title), "evil")]);
        for options in [none(), json!({"overwrite": true})] {
            let pulled = service.pull(None, &reference, &at(&target), &options);
            if title == "link" && options["overwrite"] == true {
                // The link itself is replaced; where it leads is left alone.
                pulled.expect("a pull");
                assert_eq!(fs::read_to_string(target.join("link")).expect("a file"), "evil");
            } else {
                let failure = pulled.expect_err(title);
                let codes = [INVALID_MANIFEST, ALREADY_EXISTS, 120];
                assert!(codes.contains(&failure.code), "{title:?}: {failure:?}");
                assert!(!target.join("good").exists(), "{title:?}: something was written");
            }
            let outside = files(&outer.path().join("outside"));
            assert_eq!(outside, content(&[("canary", "unharmed")]), "{title:?}");
        }
    }
    for titles in [["a", "a"], ["a", "./a"], ["a", "a/b"], ["a/b", "a"]] {
        let reference = artifact(&registry, &[(Some(titles[0]), "one"), (Some(titles[1]), "two")]);
        let target = ocireg_testkit::tempdir();
        let failure = service.pull(None, &reference, &at(target.path()), &none());
        assert_eq!(failure.expect_err("two at one place").code, INVALID_MANIFEST, "{titles:?}");
        assert_eq!(files(target.path()), content(&[]));
    }
    let fine = [
        ("...", "1"),
        ("a/..b", "2"),
        ("C:\\x", "3"),
        ("new\nline", "4"),
        ("-rf", "5"),
        ("ü/☃", "6"),
    ];
    let layers = fine.map(|(title, content)| (Some(title), content));
    let target = ocireg_testkit::tempdir();
    let reference = artifact(&registry, &layers);
    service.pull(None, &reference, &at(target.path()), &none()).expect("a pull");
    assert_eq!(files(target.path()), content(&fine));
}

#[test]
fn files_are_replaced_only_on_request() {
    let (registry, service) = (Registry::plain(), service(none()));
    let reference = artifact(&registry, &[(Some("new"), "new"), (Some("old"), "theirs")]);
    let target = directory(&[("old", "mine__"), ("other", "other")]);
    let failure = service.pull(None, &reference, &at(target.path()), &none()).expect_err("mine");
    assert_eq!(failure.code, ALREADY_EXISTS, "{failure:?}");
    assert!(
        failure.message.contains("/old") && failure.json["hint"].to_string().contains("overwrite"),
        "{failure:?}"
    );
    assert_eq!(files(target.path()), content(&[("old", "mine__"), ("other", "other")]));
    let replace = json!({"overwrite": true});
    service.pull(None, &reference, &at(target.path()), &replace).expect("a pull");
    let all = content(&[("new", "new"), ("old", "theirs"), ("other", "other")]);
    assert_eq!(files(target.path()), all);
    // A directory in the way stays, whatever is asked for.
    let target = directory(&[("old/kept", "kept")]);
    for options in [none(), replace] {
        let failure = service.pull(None, &reference, &at(target.path()), &options);
        assert_eq!(failure.expect_err("a directory").code, ALREADY_EXISTS);
        assert_eq!(files(target.path()), content(&[("old/kept", "kept")]));
    }
}

#[test]
fn layers_without_titles_are_left_out_and_named() {
    let (registry, service) = (Registry::plain(), service(none()));
    let reference = artifact(&registry, &[(None, "unnamed"), (Some("named"), "named")]);
    let target = ocireg_testkit::tempdir();
    let report = service.pull(None, &reference, &at(target.path()), &none()).expect("a pull");
    assert_eq!(files(target.path()), content(&[("named", "named")]));
    let warnings = report["warnings"].as_array().expect("warnings");
    assert_eq!(warnings.len(), 1, "{report}");
    assert!(warnings[0].to_string().contains(&digest::sha256(b"unnamed")), "{report}");
    assert_eq!(report["blobs"].as_array().map(Vec::len), Some(1), "{report}");
    assert_eq!(requests(&registry, "/blobs/").len(), 1, "what is left out is not fetched");
}

#[test]
fn content_within_a_descriptor_becomes_a_file_as_well() {
    let (registry, service) = (Registry::plain(), service(none()));
    let mut embedded = layer(Some("inside/file"), "embedded");
    embedded["data"] = "ZW1iZWRkZWQ=".into();
    let manifest = json!({
        "schemaVersion": 2, "mediaType": MANIFEST, "artifactType": "application/vnd.example.test",
        "config": {"mediaType": EMPTY, "digest": digest::sha256(b"{}"), "size": 2, "data": "e30="},
        "layers": [embedded],
    });
    registry.add_manifest("demo/app", Some("1"), MANIFEST, manifest.to_string());
    let target = ocireg_testkit::tempdir();
    service.pull(None, &app(&registry), &at(target.path()), &none()).expect("a pull");
    assert_eq!(files(target.path()), content(&[("inside/file", "embedded")]));
    assert!(requests(&registry, "/blobs/").is_empty());
}

#[test]
fn a_file_is_there_whole_or_not_at_all() {
    let (registry, service) = (Registry::plain(), service(json!({"retry": {"max-attempts": 1}})));
    let large = "x".repeat(300_000);
    let reference = artifact(&registry, &[(Some("dir/large"), &large), (Some("dir/small"), "s")]);
    let target = ocireg_testkit::tempdir();
    let hex = digest::sha256(large.as_bytes()).replace("sha256:", "");
    registry.fault(Fault::on(&hex, Action::CutBody(100_000, Cut::Fin)).method("GET"));
    service.pull(None, &reference, &at(target.path()), &none()).expect_err("a cut");
    let names = || -> Vec<String> {
        let below = fs::read_dir(target.path().join("dir")).expect("a directory");
        below.map(|e| e.expect("an entry").file_name().into_string().expect("a name")).collect()
    };
    assert!(!names().contains(&"large".to_owned()), "{:?}", names());
    registry.clear_faults();
    let report = service.pull(None, &reference, &at(target.path()), &none()).expect("a pull");
    assert_eq!(names().len(), 2, "{:?}", names());
    assert!(report["blobs"][0]["resumed_from"].as_u64() > Some(0), "{report}");
    // Without `resume` nothing stays at all.
    let target = ocireg_testkit::tempdir();
    registry.fault(Fault::on(&hex, Action::CutBody(100_000, Cut::Fin)).method("GET"));
    let options = json!({"resume": false});
    service.pull(None, &reference, &at(target.path()), &options).expect_err("a cut");
    let left = files(target.path());
    assert!(left.is_empty() || left == content(&[("dir/small", "s")]), "{:?}", left.keys());
    registry.clear_faults();
    // Wrong bytes never become a file.
    registry.put_blob(
        "demo/app",
        &digest::sha256(large.as_bytes()),
        "y".repeat(300_000).into_bytes().into(),
    );
    let failure = service.pull(None, &reference, &at(target.path()), &none()).expect_err("wrong");
    assert_eq!(failure.code, DIGEST_MISMATCH);
    assert!(!target.path().join("dir/large").exists());
    // Cancelled in the middle.
    let context = Context::with_progress(|_, _, event| event["kind"] == "blob");
    let target = ocireg_testkit::tempdir();
    let failure = service.pull(Some(&context), &reference, &at(target.path()), &none());
    assert_eq!(failure.expect_err("cancelled").code, CANCELLED);
    assert!(!target.path().join("dir/large").exists());
}

#[test]
fn a_file_that_changes_before_it_is_sent_is_not_pushed() {
    let (local, registry, service) =
        (directory(&[("a", "first"), ("b", "same")]), Registry::plain(), service(none()));
    let path = local.path().join("a");
    let context = Context::with_progress(move |_, _, event| {
        if event["kind"] == "start" {
            fs::write(&path, "other").expect("a file");
        }
        false
    });
    let failure = service.push(Some(&context), &at(local.path()), &app(&registry), &none());
    assert_eq!(failure.expect_err("changed").code, SOURCE_CHANGED);
    assert_eq!(registry.tag("demo/app", "1"), None);
    service.push(None, &at(local.path()), &app(&registry), &none()).expect("a push");
}

#[test]
fn links_do_not_lead_out_of_what_is_pushed() {
    let outer = directory(&[("secret", "secret"), ("files/real", "real")]);
    let local = outer.path().join("files");
    symlink("real", local.join("inner")).expect("a link");
    symlink("../secret", local.join("outer")).expect("a link");
    let (registry, service) = (Registry::plain(), service(none()));
    for path in ["outer", "../secret", "absent", ""] {
        let options = json!({"files": [{"path": path}]});
        service.push(None, &at(&local), &app(&registry), &options).expect_err(path);
    }
    assert!(registry.requests().is_empty(), "refused before anything was asked of the network");
    let options = json!({"files": [{"path": "inner"}, {"path": outer.path().join("secret")}]});
    service.push(None, &at(&local), &app(&registry), &options).expect("a push");
    let target = ocireg_testkit::tempdir();
    service.pull(None, &app(&registry), &at(target.path()), &none()).expect("a pull");
    assert_eq!(files(target.path()), content(&[("inner", "real"), ("secret", "secret")]));
}

#[test]
fn options_are_refused_where_they_have_no_effect() {
    let (registry, image) = demo();
    let layout = ocireg_testkit::tempdir();
    image.write_layout(layout.path(), "x");
    let (layout, service) = (format!("oci:{}:x", layout.path().display()), service(none()));
    let files = at(ocireg_testkit::tempdir().path());
    for options in [
        json!({"artifact_type": "a/b"}),
        json!({"files": []}),
        json!({"annotations": {"a": "b"}}),
        json!({"subject": image.digest}),
        json!({"config": "x"}),
    ] {
        let key = options.as_object().expect("an object").keys().next().expect("a key");
        let failure = service.push(None, &layout, &app(&registry), &options).expect_err(key);
        assert_eq!((failure.code, failure.argument()), (INVALID_ARGUMENT, key.as_str()));
    }
    for (options, key) in [
        (json!({"all_platforms": true}), "all_platforms"),
        (json!({"referrers": true}), "referrers"),
        (json!({"digest_tags": true}), "digest_tags"),
        (json!({"tags": ["a"]}), "tags"),
    ] {
        let failure = service.copy(None, &layout, &files, &options).expect_err(key);
        assert_eq!((failure.code, failure.argument()), (INVALID_ARGUMENT, key));
    }
    let overwrite = json!({"overwrite": true});
    let failure = service.pull(None, &app(&registry), &layout, &overwrite).expect_err("a layout");
    assert_eq!((failure.code, failure.argument()), (INVALID_ARGUMENT, "overwrite"));
    for (options, key) in [
        (json!({"artifact_type": "no type"}), "artifact_type"),
        (json!({"files": [{"path": "a", "media_type": ""}]}), "media_type"),
        (json!({"config": {"path": "a", "media_type": "x"}}), "media_type"),
        (json!({"files": [{"title": "a"}]}), "path"),
    ] {
        let failure = service.push(None, &files, &app(&registry), &options).expect_err(key);
        assert_eq!((failure.code, failure.argument()), (INVALID_ARGUMENT, key), "{failure:?}");
    }
}

#[test]
fn a_directory_is_inspected_and_found_by_its_descriptor() {
    let (local, service) = (directory(&[("files/a", "a")]), service(none()));
    let opened = fs::File::open(local.path()).expect("a directory");
    let options = json!({"dir_fd": opened.as_raw_fd()});
    let seen = service.inspect(None, "files:files", &options).expect("an inspection");
    assert_eq!(seen["kind"], "artifact");
    assert_eq!(seen["layers"], json!([layer(Some("a"), "a")]));
    let registry = Registry::plain();
    let report = service.push(None, "files:files", &app(&registry), &options).expect("a push");
    assert_eq!(report["descriptor"]["digest"], seen["descriptor"]["digest"]);
    service.pull(None, &app(&registry), "files:back", &options).expect("a pull");
    assert_eq!(files(local.path()), content(&[("files/a", "a"), ("back/a", "a")]));
}

/// A tar archive in gzip of these entries: their type, mode, content or the target of a link.
fn archive(entries: &[(u8, &str, &str)]) -> (Vec<u8>, String) {
    let mut tar = Vec::new();
    for (kind, path, text) in entries {
        let mut header = tar::Header::new_ustar();
        let content = if *kind == b'0' { *text } else { "" };
        let fields = header.as_mut_bytes();
        fields[..path.len()].copy_from_slice(path.as_bytes());
        if *kind != b'0' {
            fields[157..157 + text.len()].copy_from_slice(text.as_bytes());
        }
        fields[156] = *kind;
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        tar.extend_from_slice(header.as_bytes());
        tar.extend_from_slice(content.as_bytes());
        tar.resize(tar.len().next_multiple_of(512), 0);
    }
    tar.resize(tar.len() + 1024, 0);
    let content = digest::sha256(&tar);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&tar).expect("compressed");
    (gzip.finish().expect("compressed"), content)
}

/// An artifact whose only layer is a packed directory with the title `dir`.
fn packed(registry: &Registry, layer: &[u8], content: &str) -> String {
    let blob = registry.add_blob("demo/app", layer);
    let manifest = json!({
        "schemaVersion": 2, "mediaType": MANIFEST, "artifactType": "application/vnd.example.test",
        "config": {"mediaType": EMPTY, "digest": digest::sha256(b"{}"), "size": 2, "data": "e30="},
        "layers": [{
            "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": blob, "size": layer.len(),
            "annotations": {
                TITLE: "dir", "io.deis.oras.content.unpack": "true", "io.deis.oras.content.digest": content,
            },
        }],
    });
    registry.add_manifest("demo/app", Some("1"), MANIFEST, manifest.to_string());
    app(registry)
}

#[test]
fn directories_are_packed_and_unpacked() {
    let local = directory(&[
        ("site/index.html", "index"),
        ("site/below/deep/ünï", "deep"),
        ("site/empty", ""),
        ("other", "other"),
    ]);
    fs::create_dir(local.path().join("site/nothing")).expect("a directory");
    symlink("../index.html", local.path().join("site/below/link")).expect("a link");
    let tool = local.path().join("site/index.html");
    fs::set_permissions(&tool, fs::Permissions::from_mode(0o755)).expect("a mode");
    let (registry, service) = (Registry::plain(), service(none()));
    let options = json!({"files": [{"path": "site"}, {"path": "other", "title": "site/other"}]});
    let push = || service.push(None, &at(local.path()), &app(&registry), &options).expect("a push");
    let first = push();
    // The same files give the same bytes, whenever they were written.
    fs::write(&tool, "index").expect("written");
    assert_eq!(push()["descriptor"], first["descriptor"]);
    let (_, manifest) = manifest(&service, &app(&registry));
    let annotations = &manifest["layers"][0]["annotations"];
    assert_eq!(
        (&annotations[TITLE], &annotations["io.deis.oras.content.unpack"]),
        (&json!("site"), &json!("true"))
    );
    assert_eq!(manifest["layers"][0]["mediaType"], "application/vnd.oci.image.layer.v1.tar+gzip");
    let target = ocireg_testkit::tempdir();
    let site = target.path().join("site");
    for _ in 0..2 {
        service.pull(None, &app(&registry), &at(target.path()), &none()).expect("a pull");
        let all = [
            ("below/deep/ünï", "deep"),
            ("below/link", "index"),
            ("empty", ""),
            ("index.html", "index"),
            ("other", "other"),
        ];
        assert_eq!(files(&site), content(&all));
        assert!(site.join("nothing").is_dir());
        assert_eq!(
            fs::read_link(site.join("below/link")).expect("a link"),
            Path::new("../index.html")
        );
        let mode = fs::metadata(site.join("index.html")).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o755);
        assert_eq!(
            files(target.path()).len(),
            5,
            "nothing else is left: {:?}",
            files(target.path()).keys()
        );
    }
    // What differs stays, unless it is to be replaced; what nobody mentions stays in any case.
    fs::write(site.join("below/deep/ünï"), "mine").expect("written");
    fs::write(site.join("mine"), "mine").expect("written");
    fs::remove_file(site.join("empty")).expect("removed");
    let failure = service.pull(None, &app(&registry), &at(target.path()), &none());
    let failure = failure.expect_err("mine");
    assert_eq!(failure.code, ALREADY_EXISTS, "{failure:?}");
    assert!(!site.join("empty").exists(), "nothing is written if something must not be");
    let replace = json!({"overwrite": true});
    service.pull(None, &app(&registry), &at(target.path()), &replace).expect("a pull");
    assert_eq!(fs::read_to_string(site.join("below/deep/ünï")).expect("a file"), "deep");
    assert!(site.join("empty").exists() && site.join("mine").exists());
    // A link that leads out of the directory could not be unpacked anywhere.
    symlink("../../outside", local.path().join("site/below/out")).expect("a link");
    let failure = service.push(None, &at(local.path()), &app(&registry), &options);
    assert_eq!(failure.expect_err("a link").argument(), "files");
}

#[test]
fn an_archive_never_leads_out_of_its_directory() {
    let (registry, service) = (Registry::plain(), service(none()));
    let (dir, file, link, hard) = ((b'5', "dir/", ""), b'0', b'2', b'1');
    for entries in [
        vec![dir, (file, "../x", "evil")],
        vec![dir, (file, "dir/../../x", "evil")],
        vec![dir, (file, "/x", "evil")],
        vec![dir, (file, "other/x", "evil")],
        vec![dir, (file, "x", "evil")],
        vec![(file, "dir", "evil")],
        vec![dir, (link, "dir/l", "../../outside"), (file, "dir/l/canary", "evil")],
        vec![dir, (link, "dir/l", "/tmp")],
        vec![dir, (link, "dir/l", "..")],
        vec![dir, (link, "dir/l", "m"), (link, "dir/m", "."), (file, "dir/l/x", "evil")],
        vec![dir, (hard, "dir/h", "../outside/canary")],
        vec![dir, (hard, "dir/h", "dir/absent")],
        vec![dir, (link, "dir/l", "x"), (hard, "dir/h", "other/l")],
        vec![dir, (file, "dir/good", "good"), (file, "dir/good", "evil")],
        vec![dir, (file, "dir/a", "a"), (file, "dir/a/b", "evil")],
        vec![dir, (file, "dir/good", "good"), (file, "dir/.ocireg-tmp-x", "evil")],
        vec![dir, (file, "dir/good", "good"), (file, "dir/here/x", "evil")],
    ] {
        for overwrite in [false, true] {
            let outer = directory(&[("outside/canary", "unharmed")]);
            let target = outer.path().join("target");
            fs::create_dir_all(target.join("dir")).expect("a directory");
            symlink("../../outside", target.join("dir/here")).expect("a link");
            let (layer, content) = archive(&entries);
            let reference = packed(&registry, &layer, &content);
            let options = json!({"overwrite": overwrite, "resume": false});
            let pulled = service.pull(None, &reference, &at(&target), &options);
            let failure = pulled.expect_err(&format!("{entries:?}"));
            assert!([INVALID_MANIFEST, 120].contains(&failure.code), "{entries:?}: {failure:?}");
            assert_eq!(
                files(&outer.path().join("outside")),
                self::content(&[("canary", "unharmed")])
            );
            let left: Vec<_> = fs::read_dir(target.join("dir")).expect("a directory").collect();
            assert_eq!(left.len(), 1, "{entries:?}: something was written: {left:?}");
            assert!(!outer.path().join("x").exists() && !target.join("x").exists());
        }
    }
    // What is allowed beside that.
    let (layer, digest_of_tar) = archive(&[
        (file, "./dir/below/a", "a"),
        (link, "dir/l", "below/../below/a"),
        (hard, "dir/h", "dir/below/a"),
        (b'6', "dir/pipe", ""),
        (link, "dir/nowhere", "absent"),
    ]);
    let target = ocireg_testkit::tempdir();
    let reference = packed(&registry, &layer, &digest_of_tar);
    for options in [none(), none(), json!({"overwrite": true})] {
        let report = service.pull(None, &reference, &at(target.path()), &options).expect("a pull");
        assert!(report["warnings"].to_string().contains("pipe"), "{report}");
        let found = |name: &str| fs::read_to_string(target.path().join("dir").join(name)).ok();
        assert_eq!(
            [found("below/a"), found("l"), found("h")],
            [const { "a" }; 3].map(|a| Some(a.to_owned()))
        );
        assert!(fs::symlink_metadata(target.path().join("dir/nowhere")).is_ok());
        assert!(fs::symlink_metadata(target.path().join("dir/pipe")).is_err());
    }
    // The digest of the archive is judged before anything is written; one that is none is passed over, as oras does it.
    let target = ocireg_testkit::tempdir();
    let reference = packed(&registry, &layer, &digest::sha256(b"another archive"));
    let failure = service.pull(None, &reference, &at(target.path()), &none());
    assert_eq!(failure.expect_err("another archive").code, DIGEST_MISMATCH);
    assert!(!target.path().join("dir").exists());
    let reference = packed(&registry, &layer, "no digest");
    service.pull(None, &reference, &at(target.path()), &none()).expect("a pull");
    // What is no archive at all.
    let reference = packed(&registry, b"no archive", "no digest");
    let target = ocireg_testkit::tempdir();
    let failure = service.pull(None, &reference, &at(target.path()), &none()).expect_err("no tar");
    assert_eq!(failure.code, INVALID_MANIFEST, "{failure:?}");
}

#[test]
fn relative_paths_stay_with_the_directory_that_was_opened() {
    let service = service(none());
    let files_only = json!({"annotations": {"a": "b"}});
    for (from, to, options) in [
        ("oci:layout:x", "oci:copy:y", none()),
        ("oci:layout:x", "oci-archive:a.tar:y", none()),
        ("oci:layout:x", "docker-archive:a.tar:app:1", none()),
        ("files:files", "oci:copy:y", files_only),
        ("oci:artifact:z", "files:copy", none()),
    ] {
        let outer = ocireg_testkit::tempdir();
        let (work, moved) = (outer.path().join("work"), outer.path().join("moved"));
        image().write_layout(&work.join("layout"), "x");
        fs::create_dir_all(work.join("files")).expect("a directory");
        fs::write(work.join("files/file"), "content").expect("a file");
        let artifact = format!("oci:{}:z", work.join("artifact").display());
        service.copy(None, &at(&work.join("files")), &artifact, &none()).expect("a copy");
        let opened = fs::File::open(&work).expect("a directory");
        let mut options = options;
        options["dir_fd"] = opened.as_raw_fd().into();
        let (before, after) = (work.clone(), moved.clone());
        let context = Context::with_progress(move |_, _, event| {
            if event["kind"] == "start" {
                // Somebody puts another directory in its place.
                fs::rename(&before, &after).expect("renamed");
                fs::create_dir(&before).expect("a directory");
            }
            false
        });
        service.copy(Some(&context), from, to, &options).unwrap_or_else(|e| panic!("{to}: {e:?}"));
        assert_eq!(fs::read_dir(&work).expect("a directory").count(), 0, "{to}");
        let name = if to.contains("archive") { "a.tar" } else { "copy" };
        assert!(moved.join(name).exists(), "{from} to {to}");
    }
    let nowhere = json!({"dir_fd": 1_000_000});
    let failure = service.copy(None, "oci:layout:x", "oci:copy:y", &nowhere).expect_err("no fd");
    assert_eq!((failure.code, failure.argument()), (INVALID_ARGUMENT, "dir_fd"));
}
