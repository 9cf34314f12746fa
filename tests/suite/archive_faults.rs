//! Archives that somebody made up, files that are none, and calls that end early: nothing wrong is read, and a file that was there
//! stays until the new one is whole.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::archives::{Saved, add, files, names, none, push, tarball};
use crate::c_surface::images::Context;
use crate::c_surface::{Failure, Service, children};
use crate::scene::*;
use ocireg_testkit::image::Spec;
use ocireg_testkit::v1::archive::gzip;
use ocireg_testkit::{Action, Cut, Fault, Registry, digest};
use serde_json::{Value, json};
use tar::EntryType;

const INVALID_ARGUMENT: i32 = 1;
const CANCELLED: i32 = 20;
const SIZE_MISMATCH: i32 = 101;
const IO: i32 = 120;
const NO_SPACE: i32 = 121;
const PERMISSION: i32 = 122;
const SOURCE_CHANGED: i32 = 123;

const TRANSPORTS: [&str; 2] = ["oci-archive", "docker-archive"];

/// Copies an archive into a layout in vain.
fn refused(service: &Service, transport: &str, archive: &Path, code: i32, what: &str) -> Failure {
    let layout = ocireg_testkit::tempdir();
    let source = format!("{transport}:{}", archive.display());
    let destination = format!("oci:{}:x", layout.path().display());
    let began = Instant::now();
    let copied = service.copy(None, &source, &destination, &none());
    let failure = copied.expect_err(what);
    assert_eq!(failure.code, code, "{what}: {failure:?}");
    assert!(failure.message.contains(&archive.display().to_string()), "{what}: {failure:?}");
    assert!(began.elapsed() < Duration::from_secs(20), "{what}");
    *failure
}

/// A layout of one image with one layer, as the entries of an archive.
struct Layout {
    entries: Vec<(String, Vec<u8>)>,
    manifest: String,
    layer: String,
}

impl Layout {
    fn new() -> Self {
        let saved = Saved::new(3, 1);
        let path = |digest: &str| format!("blobs/{}", digest.replace(':', "/"));
        let described = |media_type: &str, bytes: &[u8]| json!({"mediaType": media_type, "digest": digest::sha256(bytes), "size": bytes.len()});
        let kind = "application/vnd.oci.image.manifest.v1+json";
        let manifest = json!({
            "schemaVersion": 2, "mediaType": kind,
            "config": described("application/vnd.oci.image.config.v1+json", &saved.config),
            "layers": [described("application/vnd.oci.image.layer.v1.tar", &saved.layers[0])],
        })
        .to_string()
        .into_bytes();
        let index = json!({"schemaVersion": 2, "manifests": [described(kind, &manifest)]});
        let (manifest_file, layer) =
            (path(&digest::sha256(&manifest)), path(&digest::sha256(&saved.layers[0])));
        let entries = vec![
            ("oci-layout".to_owned(), br#"{"imageLayoutVersion": "1.0.0"}"#.to_vec()),
            (path(&digest::sha256(&saved.config)), saved.config.clone()),
            (layer.clone(), saved.layers[0].clone()),
            (manifest_file.clone(), manifest),
            ("index.json".to_owned(), index.to_string().into_bytes()),
        ];
        Self { entries, manifest: manifest_file, layer }
    }

    fn archive(&self) -> Vec<u8> {
        let entries: Vec<(&str, &[u8])> =
            self.entries.iter().map(|(name, bytes)| (&**name, &**bytes)).collect();
        tarball(&entries)
    }

    /// With what one file is changed to; None removes it.
    fn with(&self, name: &str, content: Option<&[u8]>) -> Vec<u8> {
        let mut entries = self.entries.clone();
        entries.retain(|(other, _)| other != name);
        if let Some(content) = content {
            entries.push((name.to_owned(), content.to_vec()));
        }
        Self { entries, manifest: String::new(), layer: String::new() }.archive()
    }

    /// With more entries behind the others.
    fn and(&self, more: &[(&str, EntryType, &str, &[u8])]) -> Vec<u8> {
        let mut archive = tar::Builder::new(Vec::new());
        for (name, bytes) in &self.entries {
            add(&mut archive, name, EntryType::Regular, "", bytes);
        }
        for (name, kind, link, bytes) in more {
            add(&mut archive, name, *kind, link, bytes);
        }
        archive.into_inner().expect("an archive in memory")
    }

    /// With a link in the place of the layer, whose bytes are in another file.
    fn linked(&self, kind: EntryType, link: &str) -> Vec<u8> {
        let mut archive = tar::Builder::new(Vec::new());
        for (name, bytes) in &self.entries {
            let name = if *name == self.layer { "elsewhere/layer" } else { name };
            add(&mut archive, name, EntryType::Regular, "", bytes);
        }
        add(&mut archive, &self.layer, kind, link, b"");
        archive.into_inner().expect("an archive in memory")
    }
}

#[test]
fn b7_an_archive_of_a_layout_that_lies_is_refused() {
    let directory = ocireg_testkit::tempdir();
    let path = directory.path().join("a.tar");
    let service = service(none());
    let layout = Layout::new();
    let reads = |bytes: &[u8], what: &str| {
        fs::write(&path, bytes).expect("a file");
        let to = ocireg_testkit::tempdir();
        let destination = format!("oci:{}:x", to.path().display());
        let source = format!("oci-archive:{}", path.display());
        service
            .copy(None, &source, &destination, &none())
            .unwrap_or_else(|e| panic!("{what}: {e:?}"));
    };
    let file = EntryType::Regular;
    let twice = |content: &[u8]| layout.and(&[(&layout.layer, file, "", content)]);
    let own = layout.entries[2].1.clone();
    reads(&layout.archive(), "as it should be");
    reads(&twice(&own), "the same file twice");
    reads(
        &layout.and(&[
            ("./", EntryType::Directory, "", b""),
            ("blobs/", EntryType::Directory, "", b""),
        ]),
        "directories",
    );
    reads(
        &layout.and(&[("elsewhere", EntryType::Symlink, "/etc/passwd", b"")]),
        "a link that nobody follows",
    );
    reads(&layout.linked(EntryType::Symlink, "../../elsewhere/layer"), "a link within");
    reads(&layout.linked(EntryType::Link, "elsewhere/layer"), "a hard link");
    let mut other = own.clone();
    other[600] ^= 1;
    for (bytes, code, what) in [
        (twice(&other), INVALID_MANIFEST, "another file of the same name and size"),
        (twice(b"short"), INVALID_MANIFEST, "another file of the same name"),
        (layout.and(&[("./index.json", file, "", b"{}")]), INVALID_MANIFEST, "another index"),
        (
            layout.and(&[("x/../index.json", file, "", b"{}")]),
            INVALID_MANIFEST,
            "another index by a detour",
        ),
        (
            layout.and(&[("index.json", EntryType::Symlink, "x", b"")]),
            INVALID_MANIFEST,
            "a file and a link",
        ),
        (layout.and(&[("../outside", file, "", b"x")]), INVALID_MANIFEST, "a path that leaves"),
        (
            layout.and(&[("a/../../outside", file, "", b"x")]),
            INVALID_MANIFEST,
            "a path that leaves later",
        ),
        (layout.and(&[("/etc/passwd", file, "", b"x")]), INVALID_MANIFEST, "an absolute path"),
        (
            layout.linked(EntryType::Symlink, "../../../elsewhere/layer"),
            INVALID_MANIFEST,
            "a link that leaves",
        ),
        (layout.linked(EntryType::Symlink, "/etc/passwd"), INVALID_MANIFEST, "an absolute link"),
        (
            layout.linked(EntryType::Link, "../elsewhere/layer"),
            INVALID_MANIFEST,
            "a hard link that leaves",
        ),
        (
            layout.linked(EntryType::Link, "/elsewhere/layer"),
            INVALID_MANIFEST,
            "an absolute hard link",
        ),
        (layout.linked(EntryType::Symlink, "nowhere"), INVALID_MANIFEST, "a link to nothing"),
        (
            layout.linked(EntryType::Symlink, layout.layer.rsplit('/').next().expect("a name")),
            INVALID_MANIFEST,
            "a link to itself",
        ),
        (layout.linked(EntryType::Fifo, ""), INVALID_MANIFEST, "a FIFO"),
        (layout.linked(EntryType::Block, ""), INVALID_MANIFEST, "a device"),
        (layout.linked(EntryType::Directory, ""), INVALID_MANIFEST, "a directory"),
        (layout.with(&layout.layer, None), NOT_FOUND, "no layer"),
        (layout.with(&layout.manifest, None), NOT_FOUND, "no manifest"),
        (layout.with("index.json", None), NOT_FOUND, "no index"),
        (layout.with("oci-layout", None), INVALID_ARGUMENT, "no marker"),
        (layout.with("oci-layout", Some(b"{}")), INVALID_ARGUMENT, "an empty marker"),
        (layout.with("index.json", Some(b"no JSON")), INVALID_MANIFEST, "an index that is no JSON"),
        (layout.with(&layout.manifest, Some(b"{}")), SIZE_MISMATCH, "another manifest"),
        (layout.with(&layout.layer, Some(&other)), DIGEST_MISMATCH, "another layer"),
        (layout.with(&layout.layer, Some(b"short")), SIZE_MISMATCH, "a short layer"),
    ] {
        fs::write(&path, bytes).expect("a file");
        // What a digest or a size says counts as soon as the bytes were read; a file of another size has another digest.
        let code = if what == "another manifest" { DIGEST_MISMATCH } else { code };
        let layout = ocireg_testkit::tempdir();
        let destination = format!("oci:{}:x", layout.path().display());
        let source = format!("oci-archive:{}", path.display());
        let failure = service.copy(None, &source, &destination, &none()).expect_err(what);
        assert_eq!(failure.code, code, "{what}: {failure:?}");
    }
}

/// Cut anywhere, an archive is not whole; only the zeros at its end may be missing.
#[test]
fn an_archive_that_ends_early_is_refused() {
    let directory = ocireg_testkit::tempdir();
    let path = directory.path().join("a.tar");
    let service = service(none());
    let whole = Layout::new().archive();
    let end = whole.len() - 1024;
    for length in (0..end - 511).step_by(509) {
        fs::write(&path, &whole[..length]).expect("a file");
        let source = format!("oci-archive:{}", path.display());
        let failure = service.inspect(None, &source, &none()).expect_err("cut");
        assert!(
            [INVALID_ARGUMENT, INVALID_MANIFEST, NOT_FOUND].contains(&failure.code),
            "{length}: {failure:?}"
        );
    }
    // A header that states more than there is.
    let mut lying = whole.clone();
    let last = end - 1024;
    assert_eq!(&lying[last..last + 10], b"index.json");
    lying[last + 124..last + 136]
        .copy_from_slice(&[0x80, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
    let sum: u32 = (0..512)
        .map(|at| if (148..156).contains(&at) { 32 } else { u32::from(lying[last + at]) })
        .sum();
    lying[last + 148..last + 156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    fs::write(&path, &lying).expect("a file");
    refused(&service, "oci-archive", &path, INVALID_MANIFEST, "a size that lies");
    fs::write(&path, gzip(&lying)).expect("a file");
    refused(&service, "oci-archive", &path, INVALID_MANIFEST, "a size that lies, compressed");
    let packed = gzip(&whole);
    fs::write(&path, &packed[..packed.len() / 2]).expect("a file");
    refused(&service, "oci-archive", &path, INVALID_MANIFEST, "half of a compressed archive");
}

#[test]
fn b7_a_docker_archive_that_lies_is_refused() {
    let directory = ocireg_testkit::tempdir();
    let path = directory.path().join("a.tar");
    let service = service(none());
    let saved = Saved::new(4, 2);
    let config = format!("{}.json", saved.config_hex());
    let list = |config: &str, layers: &[&str]| {
        json!([{"Config": config, "RepoTags": null, "Layers": layers}]).to_string().into_bytes()
    };
    let archive = |list: &[u8], config_bytes: &[u8]| {
        tarball(&[
            ("1.tar", &saved.layers[0]),
            ("2.tar", &saved.layers[1]),
            (&config, config_bytes),
            ("other.json", config_bytes),
            ("manifest.json", list),
        ])
    };
    let right = list(&config, &["1.tar", "2.tar"]);
    fs::write(&path, archive(&right, &saved.config)).expect("a file");
    let source = format!("docker-archive:{}", path.display());
    assert!(service.inspect(None, &source, &none()).is_ok());
    let mut fewer: Value = serde_json::from_slice(&saved.config).expect("JSON");
    fewer["rootfs"]["diff_ids"].as_array_mut().expect("a list").pop();
    let fewer = fewer.to_string().into_bytes();
    let other = list("other.json", &["1.tar", "2.tar"]);
    for (bytes, code, what) in [
        (
            archive(&list(&config, &["2.tar", "1.tar"]), &saved.config),
            DIGEST_MISMATCH,
            "layers in another order",
        ),
        (archive(&list(&config, &["1.tar"]), &saved.config), INVALID_MANIFEST, "a layer less"),
        (
            archive(&list(&config, &["1.tar", "2.tar", "2.tar"]), &saved.config),
            INVALID_MANIFEST,
            "a layer more",
        ),
        (archive(&other, &fewer), INVALID_MANIFEST, "a diff ID less"),
        (archive(&right, &fewer), DIGEST_MISMATCH, "a configuration that is not what it is called"),
        (archive(&other, b"no JSON"), INVALID_MANIFEST, "a configuration that is no JSON"),
        (
            archive(&list(&config, &["1.tar", "3.tar"]), &saved.config),
            INVALID_MANIFEST,
            "a layer that is not there",
        ),
        (
            archive(&list("3.json", &["1.tar", "2.tar"]), &saved.config),
            INVALID_MANIFEST,
            "no configuration",
        ),
        (
            archive(&list(&config, &["1.tar", "../2.tar"]), &saved.config),
            INVALID_MANIFEST,
            "a layer outside",
        ),
        (
            archive(&list(&config, &["1.tar", "/etc/passwd"]), &saved.config),
            INVALID_MANIFEST,
            "a file of this machine",
        ),
        (archive(b"no JSON", &saved.config), INVALID_MANIFEST, "a list that is no JSON"),
        (archive(b"{}", &saved.config), INVALID_MANIFEST, "a list that is none"),
        (
            archive(br#"[{"Layers": []}]"#, &saved.config),
            INVALID_MANIFEST,
            "an image without configuration",
        ),
        (archive(b"[]", &saved.config), NOT_FOUND, "no image"),
        (tarball(&[("1.tar", &saved.layers[0])]), INVALID_ARGUMENT, "no list"),
        (tarball(&[("repositories", b"{}")]), 8, "Docker before 1.10"),
        (Layout::new().archive(), INVALID_ARGUMENT, "a layout"),
    ] {
        fs::write(&path, bytes).expect("a file");
        let failure = refused(&service, "docker-archive", &path, code, what);
        if what == "a layout" {
            assert_tells(&failure, &["oci-archive:FILE"], &[]);
        }
    }
    fs::write(&path, saved.archive(&Value::Null)).expect("a file");
    let failure = refused(&service, "oci-archive", &path, INVALID_ARGUMENT, "not a layout");
    assert_tells(&failure, &["docker-archive:FILE"], &[]);
}

#[test]
fn what_an_archive_may_hold_is_bounded() {
    let directory = ocireg_testkit::tempdir();
    let path = directory.path().join("a.tar");
    let service = service(json!({"limits": {"spool": 10 << 20}}));
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(EntryType::Regular);
    header.set_size(0);
    let flood = |count: u32, long: usize| {
        let mut bytes = Vec::new();
        for number in 0..count {
            let name = format!("{number:08}");
            let mut header = header.clone();
            header.as_old_mut().name[..8].copy_from_slice(name.as_bytes());
            header.as_old_mut().name[8..8 + long].fill(b'x');
            header.set_cksum();
            bytes.extend_from_slice(header.as_bytes());
        }
        bytes
    };
    fs::write(&path, flood(100_001, 0)).expect("a file");
    refused(&service, "docker-archive", &path, LIMIT, "too many entries");
    fs::write(&path, tarball(&[("manifest.json", &vec![b' '; 9 << 20])])).expect("a file");
    refused(&service, "docker-archive", &path, LIMIT, "a list that is too large");
    fs::write(&path, gzip(&vec![0; 64 << 20])).expect("a file");
    let failure = refused(&service, "docker-archive", &path, LIMIT, "more than the spool may have");
    assert_tells(&failure, &["spool"], &[]);
    let mut long = tar::Builder::new(Vec::new());
    let mut header = header.clone();
    long.append_data(&mut header, "d/".repeat(600) + "x", &b""[..]).expect("in memory");
    fs::write(&path, long.into_inner().expect("in memory")).expect("a file");
    refused(&service, "docker-archive", &path, LIMIT, "a path that is too long");
}

#[test]
fn what_is_no_archive_is_refused_at_once() {
    let directory = ocireg_testkit::tempdir();
    let path = |name: &str| directory.path().join(name);
    fs::create_dir(path("directory")).expect("a directory");
    fs::write(path("empty"), "").expect("a file");
    fs::write(path("text"), "just some text\n".repeat(100)).expect("a file");
    fs::write(path("secret"), "nobody may read this").expect("a file");
    assert!(Command::new("mkfifo").arg(path("fifo")).status().expect("mkfifo").success());
    let service = service(none());
    for transport in TRANSPORTS {
        for (name, code) in [
            ("directory", IO),
            ("fifo", IO),
            ("empty", INVALID_ARGUMENT),
            ("text", INVALID_MANIFEST),
            ("missing", IO),
            ("text/below", IO),
        ] {
            let failure = refused(&service, transport, &path(name), code, name);
            assert!(failure.json["hint"].is_string(), "{name}: {failure:?}");
        }
        refused(&service, transport, Path::new("/dev/zero"), IO, "a device");
    }
}

#[test]
fn where_no_archive_can_be_written_nothing_is_asked_of_the_network() {
    let (registry, _) = demo();
    let directory = ocireg_testkit::tempdir();
    let path = |name: &str| directory.path().join(name);
    fs::create_dir(path("directory")).expect("a directory");
    fs::write(path("file"), "mine").expect("a file");
    assert!(Command::new("mkfifo").arg(path("fifo")).status().expect("mkfifo").success());
    std::os::unix::fs::symlink("file", path("link")).expect("a link");
    let before = names(directory.path());
    let service = service(none());
    for transport in TRANSPORTS {
        for (at, code) in [
            (path("directory"), INVALID_ARGUMENT),
            (path("fifo"), IO),
            (path("link"), IO),
            (path("file/below"), IO),
            (path("missing/a.tar"), IO),
            ("/dev/null".into(), IO),
        ] {
            let destination = format!("{transport}:{}", at.display());
            let failure =
                service.pull(None, &app(&registry), &destination, &none()).expect_err("no place");
            let code = if at.starts_with("/dev") && failure.code == PERMISSION {
                PERMISSION
            } else {
                code
            };
            assert_eq!(failure.code, code, "{destination}: {failure:?}");
            assert!(failure.json["hint"].is_string(), "{failure:?}");
        }
    }
    assert!(registry.requests().is_empty());
    assert_eq!(names(directory.path()), before);
    assert_eq!(fs::read(path("file")).expect("the file"), b"mine");
}

/// As anybody but root.
#[test]
fn a_directory_that_cannot_be_written_to() {
    let directory = ocireg_testkit::tempdir();
    let readonly = directory.path().join("readonly");
    fs::create_dir(&readonly).expect("a directory");
    fs::set_permissions(&readonly, fs::Permissions::from_mode(0o555)).expect("a mode");
    let id = Command::new("id").arg("-u").output().expect("run id");
    let is_root = id.stdout.trim_ascii() == b"0";
    let (registry, _) = demo();
    for transport in TRANSPORTS {
        let destination = format!("{transport}:{}", readonly.join("a.tar").display());
        let pulled = service(none()).pull(None, &app(&registry), &destination, &none());
        match pulled {
            Ok(_) => assert!(is_root, "root may write anywhere"),
            Err(failure) => {
                assert_eq!(failure.code, PERMISSION, "{failure:?}");
                assert!(registry.requests().is_empty());
            }
        }
    }
    fs::set_permissions(&readonly, fs::Permissions::from_mode(0o755)).expect("a mode");
}

#[test]
fn a_failed_call_leaves_what_was_there() {
    let layers: Vec<Vec<u8>> =
        (0..2).map(|n| tarball(&[("file", format!("layer {n}").as_bytes())])).collect();
    let blobs: Vec<Vec<u8>> = layers.iter().map(|layer| gzip(layer)).collect();
    let ids: Vec<String> = layers.iter().map(|layer| digest::sha256(layer)).collect();
    let swapped = vec![ids[1].clone(), ids[0].clone()];
    let damaged = {
        let mut bytes = blobs[0].clone();
        bytes[20] ^= 0xff;
        vec![bytes, blobs[1].clone()]
    };
    let cut = vec![blobs[0][..blobs[0].len() - 9].to_vec(), blobs[1].clone()];
    for transport in TRANSPORTS {
        for (blobs, ids, fault, docker, what) in [
            (&blobs, &swapped, None, Some((DIGEST_MISMATCH, "diff_id")), "diff IDs of others"),
            (
                &blobs,
                &ids[..1].to_vec(),
                None,
                Some((DIGEST_MISMATCH, "diff_id")),
                "a diff ID less",
            ),
            (
                &damaged,
                &ids,
                None,
                Some((INVALID_MANIFEST, "layer")),
                "a layer that cannot be decompressed",
            ),
            (&cut, &ids, None, Some((INVALID_MANIFEST, "layer")), "a layer that ends early"),
            (&blobs, &ids, Some(Action::status(404)), Some((NOT_FOUND, "blob")), "a missing blob"),
        ] {
            let registry = Registry::plain();
            push(&registry, blobs, ids);
            let is_missing = fault.is_some();
            if let Some(fault) = fault {
                registry.fault(Fault::on("/blobs/", fault).always());
            }
            let directory = ocireg_testkit::tempdir();
            let path = directory.path().join("a.tar");
            let location = format!("{transport}:{}", path.display());
            for old in [None, Some("what was there before")] {
                if let Some(old) = old {
                    fs::write(&path, old).expect("a file");
                }
                let pulled = service(none()).pull(None, &app(&registry), &location, &none());
                let Some((code, told)) =
                    docker.filter(|_| transport == "docker-archive" || is_missing)
                else {
                    // A layout holds whatever has the right digest.
                    pulled.unwrap_or_else(|e| panic!("{what}: {e:?}"));
                    continue;
                };
                let failure = pulled.expect_err(what);
                assert_eq!(failure.code, code, "{what}: {failure:?}");
                assert_eq!(
                    failure.json["what"].as_str().unwrap_or_default(),
                    told,
                    "{what}: {failure:?}"
                );
                assert_eq!(fs::read_to_string(&path).ok().as_deref(), old, "{what}");
                assert_eq!(names(directory.path()).len(), usize::from(old.is_some()), "{what}");
            }
        }
    }
}

/// What is damaged on the way is fetched again.
#[test]
fn bytes_that_are_damaged_or_cut_on_the_way_come_again() {
    for transport in TRANSPORTS {
        for fault in [Action::Flip(30), Action::CutBody(40, Cut::Rst)] {
            let (registry, image) = demo();
            let layer = &image.manifests[0].layers[1];
            registry.fault(Fault::on(layer, fault).method("GET").times(1));
            let directory = ocireg_testkit::tempdir();
            let location = format!("{transport}:{}", directory.path().join("a.tar").display());
            let service = service(none());
            service.pull(None, &app(&registry), &location, &none()).expect("a pull");
            assert!(service.inspect(None, &location, &none()).is_ok());
            let layout = ocireg_testkit::tempdir();
            let destination = format!("oci:{}", layout.path().display());
            service.copy(None, &location, &destination, &none()).expect("sound");
        }
    }
}

#[test]
fn a_layer_that_must_not_be_distributed_is_missed() {
    let (registry, image) = (Registry::plain(), image());
    push_changed(&registry, &image, |manifest| manifest["layers"][0]["mediaType"] = json!(FOREIGN));
    let directory = ocireg_testkit::tempdir();
    let at = |transport: &str| format!("{transport}:{}", directory.path().join("a.tar").display());
    let service = service(none());
    let failure = service
        .pull(None, &app(&registry), &at("docker-archive"), &none())
        .expect_err("a layer is missing");
    assert_eq!((failure.code, failure.argument()), (INVALID_ARGUMENT, "nondistributable"));
    let asked = requests(&registry, "/blobs/");
    assert!(asked.is_empty(), "nothing is fetched in vain: {asked:?}");
    let with = json!({"nondistributable": true});
    service.pull(None, &app(&registry), &at("docker-archive"), &with).expect("a pull");
    let report = service.pull(None, &app(&registry), &at("oci-archive"), &none()).expect("a pull");
    assert_eq!(report["warnings"].as_array().map(Vec::len), Some(1), "{report}");
    assert_eq!(files(&directory.path().join("a.tar")).len(), 5);
}

#[test]
fn a_cancelled_call_leaves_nothing() {
    let registry = Registry::plain();
    Spec::sized(2, 4 << 20).build().push_to(&registry, "demo/app", "1");
    let slowly = Action::Trickle(16 << 10, Duration::from_millis(20));
    registry.fault(Fault::on("/blobs/", slowly).always());
    let directory = ocireg_testkit::tempdir();
    for transport in TRANSPORTS {
        let location = format!("{transport}:{}", directory.path().join("a.tar").display());
        let context = Context::with_progress(|done, _, _| done > 100_000);
        let failure = service(none())
            .pull(Some(&context), &app(&registry), &location, &none())
            .expect_err("cancelled");
        assert_eq!(failure.code, CANCELLED);
        assert!(names(directory.path()).is_empty());
    }
}

#[test]
fn a_killed_call_leaves_the_old_archive_and_the_next_one_clears_up() {
    if let Some(told) = children::told() {
        let (source, location) = told.split_once(' ').expect("two words");
        service(none()).pull(None, source, location, &none()).expect("a pull");
        return;
    }
    let registry = Registry::plain();
    Spec::sized(3, 1 << 20).build().push_to(&registry, "demo/app", "1");
    let slowly = Action::Trickle(16 << 10, Duration::from_millis(10));
    let directory = ocireg_testkit::tempdir();
    let path = directory.path().join("a.tar");
    for transport in TRANSPORTS {
        registry.clear_faults();
        registry.fault(Fault::on("/blobs/", slowly.clone()).always());
        let location = format!("{transport}:{}", path.display());
        let told = format!("{} {location}", app(&registry));
        let mut killed = 0;
        for round in 0..5u64 {
            let old = (round % 2 == 0).then_some("what was there before");
            let _ = fs::remove_file(&path);
            if let Some(old) = old {
                fs::write(&path, old).expect("a file");
            }
            let mut child = children::command(
                "a_killed_call_leaves_the_old_archive_and_the_next_one_clears_up",
                &told,
            )
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("start a child");
            thread::sleep(Duration::from_millis(60 + 70 * round));
            let lived = child.try_wait().expect("look at the child").is_none();
            child.kill().expect("kill the child");
            child.wait().expect("the child's end");
            killed += usize::from(lived);
            if lived {
                assert_eq!(fs::read_to_string(&path).ok().as_deref(), old, "{transport} {round}");
            }
        }
        assert!(killed >= 3, "only {killed} children lived long enough to be killed");
        registry.clear_faults();
        service(none()).pull(None, &app(&registry), &location, &none()).expect("a pull");
        assert_eq!(names(directory.path()), ["a.tar"], "what the killed ones left is gone");
        assert!(service(none()).inspect(None, &location, &none()).is_ok());
    }
}

#[test]
fn an_archive_that_changes_while_it_is_read() {
    let directory = ocireg_testkit::tempdir();
    let path = directory.path().join("a.tar");
    let registry = Registry::plain();
    Spec::sized(1, 8 << 20).build().push_to(&registry, "demo/app", "1");
    for transport in TRANSPORTS {
        let location = format!("{transport}:{}", path.display());
        service(none()).pull(None, &app(&registry), &location, &none()).expect("a pull");
        let whole = fs::read(&path).expect("an archive");
        for truncated in [true, false] {
            fs::write(&path, &whole).expect("a file");
            let target = path.clone();
            // The change comes when the archive has been opened, and nothing of the layer has been read.
            let context = Context::with_progress(move |_, _, event| {
                if event["kind"] == "start" {
                    let file = fs::File::options().write(true).open(&target).expect("the file");
                    let change = if truncated {
                        file.set_len(2 << 20)
                    } else {
                        std::os::unix::fs::FileExt::write_all_at(&file, &[0; 4096], 6 << 20)
                    };
                    change.expect("changed");
                }
                false
            });
            let failure = service(none())
                .push(Some(&context), &location, &format!("{}/new/app:1", registry.host()), &none())
                .expect_err("changed");
            assert_eq!(failure.code, SOURCE_CHANGED, "{failure:?}");
            assert!(failure.message.contains("changed while it was being read"), "{failure:?}");
            assert_eq!(registry.tag("new/app", "1"), None);
        }
    }
}

#[test]
fn a_full_disk_leaves_the_old_archive() {
    if let Some(told) = children::told() {
        let (source, location) = told.split_once(' ').expect("two words");
        let failure = service(none()).pull(None, source, location, &none()).expect_err("no room");
        assert_eq!(failure.code, NO_SPACE, "{failure:?}");
        assert!(
            failure.json["hint"].as_str().is_some_and(|hint| hint.contains("space")),
            "{failure:?}"
        );
        return;
    }
    let registry = Registry::plain();
    Spec::sized(2, 3 << 20).build().push_to(&registry, "demo/app", "1");
    let directory = ocireg_testkit::tempdir();
    let path = directory.path().join("a.tar");
    fs::write(&path, "what was there before").expect("a file");
    for transport in TRANSPORTS {
        let told = format!("{} {transport}:{}", app(&registry), path.display());
        let inner = children::command("a_full_disk_leaves_the_old_archive", &told);
        // The limit is of 512 or 1024 bytes a block, by the shell.
        let mut limited = Command::new("sh");
        limited.args(["-c", "trap '' XFSZ; ulimit -f 4096; exec \"$@\"", "sh"]);
        limited.arg(inner.get_program()).args(inner.get_args()).env("OCIREG_CHILD", &told);
        children::expect_success(&mut limited);
        assert_eq!(fs::read_to_string(&path).expect("the old file"), "what was there before");
        assert_eq!(names(directory.path()), ["a.tar"]);
    }
}
