//! Artifacts between this library and oras: what one makes of a directory is what the other makes of it, to the byte.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::c_surface::Service;
use crate::registries::{ORAS, olareg};
use ocireg_testkit::process;
use serde_json::{Value, json};

const LIMIT: Duration = Duration::from_secs(60);
const CREATED: &str = "org.opencontainers.image.created";

/// Files with names and contents that ask for care.
const FILES: &[(&str, &str)] = &[
    ("plain.txt", "plain"),
    ("with spaces & <signs>", "spaces"),
    ("ünïcödé ☃ \u{2028}", "unicode"),
    ("empty", ""),
    ("also empty", ""),
    ("below/one", "one"),
    ("below/deeper/two", "two"),
];

fn directory() -> ocireg_testkit::TempDir {
    let directory = ocireg_testkit::tempdir();
    for (name, content) in FILES {
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
fn files(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut open = vec![PathBuf::new()];
    while let Some(below) = open.pop() {
        for entry in fs::read_dir(directory.join(&below)).expect("a directory") {
            let entry = entry.expect("an entry");
            let path = below.join(entry.file_name());
            match entry.file_type().expect("a type").is_dir() {
                true => open.push(path),
                false => drop(found.insert(path, fs::read(entry.path()).expect("a file"))),
            }
        }
    }
    found
}

/// Runs oras in a directory, and gives what it printed.
fn oras(directory: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new(&*ORAS);
    command.current_dir(directory).env("HOME", "/nonexistent").args(arguments);
    process::run(&mut command, LIMIT).expect("run oras").expect_success()
}

fn digest(service: &Service, reference: &str) -> String {
    let session = service.open(None, reference, &json!({})).expect("a session");
    let found = session.head_manifest(None, None, &json!({})).expect("a manifest");
    found["digest"].as_str().expect("a digest").to_owned()
}

#[test]
fn oras_and_we_make_the_same_artifact_of_the_same_files() {
    let (service, registry, local) = (Service::bare(json!({})), olareg("mem"), directory());
    let host = registry.host();
    let (theirs, ours) = (format!("{host}/theirs/app:1"), format!("{host}/ours/app:1"));
    let created = format!("{CREATED}=2024-01-01T00:00:00Z");
    let all: Vec<&str> = FILES.iter().map(|(name, _)| *name).collect();
    let listed: Vec<Value> = all.iter().map(|name| json!({"path": name})).collect();
    let annotations = json!({CREATED: "2024-01-01T00:00:00Z"});
    fs::write(local.path().join("config"), "{\"config\":true}").expect("a file");
    let mut cases = vec![
        (vec![], all.clone(), json!({"files": listed, "annotations": annotations})),
        (
            vec!["--artifact-type", "application/vnd.example.thing"],
            vec![],
            json!({
                "files": [], "annotations": annotations, "artifact_type": "application/vnd.example.thing",
            }),
        ),
        (
            vec!["--artifact-type", "application/vnd.example.thing", "--annotation", "b=<&>"],
            vec!["plain.txt:text/plain", "./below//one"],
            json!({
                "files": [{"path": "plain.txt", "media_type": "text/plain"}, {"path": "./below//one"}],
                "annotations": {CREATED: "2024-01-01T00:00:00Z", "b": "<&>"},
                "artifact_type": "application/vnd.example.thing",
            }),
        ),
        (
            vec!["--config", "config:application/vnd.example.config"],
            vec!["plain.txt"],
            json!({
                "files": [{"path": "plain.txt"}], "annotations": annotations,
                "config": {"path": "config", "media_type": "application/vnd.example.config"},
            }),
        ),
    ];
    for (options, names, said) in cases.drain(..) {
        let first = ["push", "--plain-http", "--annotation", &created];
        oras(local.path(), &[&first[..], &options, &[&theirs], &names].concat());
        let report = service.push(None, &at(local.path()), &ours, &said);
        report.unwrap_or_else(|e| panic!("{said}: {e:?}"));
        let show =
            |reference: &str| oras(local.path(), &["manifest", "fetch", "--plain-http", reference]);
        assert_eq!(show(&ours), show(&theirs));
        assert_eq!(digest(&service, &ours), digest(&service, &theirs), "{said}");
        // Each reads what the other wrote.
        let (one, two) = (ocireg_testkit::tempdir(), ocireg_testkit::tempdir());
        oras(one.path(), &["pull", "--plain-http", &ours]);
        service.pull(None, &theirs, &at(two.path()), &json!({})).expect("a pull");
        assert_eq!(files(one.path()), files(two.path()), "{said}");
        assert_eq!(files(two.path()).len(), names.len(), "{said}");
    }
}

#[test]
fn what_we_attach_oras_discovers_and_the_reverse() {
    let (service, registry, local) = (Service::bare(json!({})), olareg("mem"), directory());
    let (repository, name) = (format!("{}/demo/app", registry.host()), "plain.txt");
    let subject = format!("{repository}:1");
    service.push(None, &at(local.path()), &subject, &json!({})).expect("a push");
    let of = digest(&service, &subject);
    let options = json!({
        "subject": of, "artifact_type": "application/vnd.example.sbom", "files": [{"path": name}],
        "annotations": {CREATED: "2024-01-01T00:00:00Z"},
    });
    let report = service.push(None, &at(local.path()), &repository, &options).expect("a push");
    let ours = report["descriptor"]["digest"].as_str().expect("a digest");
    let found = oras(local.path(), &["discover", "--plain-http", "--format", "json", &subject]);
    assert!(found.contains(ours) && found.contains("vnd.example.sbom"), "{found}");
    let attach = ["attach", "--plain-http", "--artifact-type", "application/vnd.example.sbom"];
    let created = format!("{CREATED}=2024-01-01T00:00:00Z");
    oras(local.path(), &[&attach[..], &["--annotation", &created, &subject, name]].concat());
    // The same bytes: there is still only one.
    let session = service.open(None, &subject, &json!({})).expect("a session");
    let listed = session.referrers(&of, &json!({})).expect("referrers");
    assert_eq!(listed["manifests"].as_array().map(Vec::len), Some(1), "{listed}");
    let attach = ["attach", "--plain-http", "--artifact-type", "application/vnd.example.other"];
    oras(local.path(), &[&attach[..], &[&subject, "below/one"]].concat());
    let listed = session.referrers(&of, &json!({"artifact_type": "application/vnd.example.other"}));
    let listed = listed.expect("referrers");
    let theirs = listed["manifests"][0]["digest"].as_str().expect("a digest");
    let target = ocireg_testkit::tempdir();
    let from = format!("{repository}@{theirs}");
    service.pull(None, &from, &at(target.path()), &json!({})).expect("a pull");
    assert_eq!(fs::read_to_string(target.path().join("below/one")).expect("a file"), "one");
}

#[test]
fn directories_go_both_ways() {
    let (service, registry, local) = (Service::bare(json!({})), olareg("mem"), directory());
    let host = registry.host();
    std::os::unix::fs::symlink("deeper/two", local.path().join("below/link")).expect("a link");
    let (theirs, ours) = (format!("{host}/theirs/app:1"), format!("{host}/ours/app:1"));
    oras(local.path(), &["push", "--plain-http", &theirs, "below", "plain.txt"]);
    let options = json!({"files": [{"path": "below"}, {"path": "plain.txt"}]});
    service.push(None, &at(local.path()), &ours, &options).expect("a push");
    let wanted: BTreeMap<PathBuf, Vec<u8>> = files(local.path())
        .into_iter()
        .filter(|(path, _)| path.starts_with("below") || path.ends_with("plain.txt"))
        .collect();
    assert_eq!(wanted.len(), 4);
    let (one, two) = (ocireg_testkit::tempdir(), ocireg_testkit::tempdir());
    oras(one.path(), &["pull", "--plain-http", &ours]);
    service.pull(None, &theirs, &at(two.path()), &json!({})).expect("a pull");
    service.pull(None, &ours, &at(two.path()), &json!({})).expect("the same files once more");
    for directory in [one.path(), two.path()] {
        assert_eq!(files(directory), wanted);
        let link = fs::read_link(directory.join("below/link")).expect("a link");
        assert_eq!(link, Path::new("deeper/two"));
    }
}
