//! The OCI layout on disk: whole or absent, whatever happens to the process, the disk or the neighbours.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use ocireg::call::{Call, Context};
use ocireg::config::settings::Limits;
use ocireg::error::{Code, Error};
use ocireg::image::media_type::{OCI_CONFIG, OCI_MANIFEST};
use ocireg::image::{Descriptor, Manifest};
use ocireg::names::digest::{Algorithm, Digest};
use ocireg::names::location::Bare;
use ocireg::names::location::Location;
use ocireg::os::dir::Dir;
use ocireg::os::lock::DirLock;
use ocireg::store::Layout;
use ocireg::store::REF_NAME;
use ocireg_testkit::{TempDir, process};
use serde_json::{Value, json};

fn run() -> Call {
    Call::new(None)
}

fn temp() -> TempDir {
    ocireg_testkit::tempdir()
}

fn create(path: &Path) -> Layout {
    Layout::open_or_create(path, &run()).unwrap()
}

/// Bytes that differ for every seed and do not repeat.
fn content(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

fn sha256(bytes: &[u8]) -> Digest {
    Digest::of(Algorithm::Sha256, bytes)
}

fn write_blob(layout: &Layout, bytes: &[u8], chunk: usize) -> Result<(), Error> {
    let mut writer = layout.blob_writer(&sha256(bytes), bytes.len() as u64, true, &run())?;
    let from = usize::try_from(writer.position()).unwrap();
    bytes[from..].chunks(chunk).try_for_each(|chunk| writer.write(chunk))?;
    writer.finish()
}

/// A small image of one layer under a name, as a pull writes it.
fn write_image(layout: &Layout, seed: u64, length: usize, name: &str) -> Result<Descriptor, Error> {
    let layer = content(seed, length);
    write_blob(layout, &layer, 64 << 10)?;
    let config = json!({
        "architecture": "amd64", "os": "linux", "config": {},
        "rootfs": {"type": "layers", "diff_ids": [sha256(&layer).to_string()]}
    })
    .to_string();
    layout.put_bytes(&sha256(config.as_bytes()), config.as_bytes())?;
    let describe = |media_type: &str, bytes: &[u8]| {
        Descriptor::new(media_type, sha256(bytes), bytes.len() as u64)
    };
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": describe(OCI_CONFIG, config.as_bytes()),
        "layers": [describe("application/vnd.oci.image.layer.v1.tar", &layer)],
    })
    .to_string();
    layout.put_bytes(&sha256(manifest.as_bytes()), manifest.as_bytes())?;
    let descriptor = describe(OCI_MANIFEST, manifest.as_bytes());
    layout.set_reference(&descriptor, Some(name), &run())?;
    Ok(descriptor)
}

fn blob_path(layout: &Path, digest: &Digest) -> PathBuf {
    layout.join("blobs").join(digest.algorithm().name()).join(digest.hex())
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Everything under a final name is what its name says; gives the number of blobs.
fn assert_whole(path: &Path) -> usize {
    let blobs = names(&path.join("blobs/sha256"));
    for name in &blobs {
        let bytes = fs::read(path.join("blobs/sha256").join(name)).unwrap();
        assert_eq!(sha256(&bytes).hex(), name);
    }
    let layout = Layout::open(path).unwrap();
    for entry in layout.references().unwrap() {
        let bytes = layout.read_blob(&entry.digest, 1 << 20).unwrap();
        let manifest = Manifest::parse(&bytes, None, &Limits::default()).unwrap();
        for child in manifest.children() {
            layout.verify_blob(&child.digest, child.size, &run()).unwrap();
        }
    }
    blobs.len()
}

fn code<T: std::fmt::Debug>(result: Result<T, Error>) -> Code {
    result.unwrap_err().code()
}

const ALONE: &str = "OCIREG_TEST_ALONE";

/// Runs a test again in a process of its own, unless it is there already. For tests of locks that are free at once: what
/// other tests fork holds the locks of all of them until it becomes another program.
#[track_caller]
fn runs_alone(test: &str) -> bool {
    if std::env::var_os(ALONE).is_some() || child_directory().is_some() {
        return false;
    }
    let output = process::this_test(test).env(ALONE, "1").output().unwrap();
    let (said, failed) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && said.contains("1 passed"), "{said}\n{failed}");
    true
}

const CHILD: &str = "OCIREG_TEST_CHILD";

/// What the parent of this process wants it to do, if it is a child of the test of this name.
fn child_directory() -> Option<PathBuf> {
    std::env::var_os(CHILD).map(PathBuf::from)
}

/// This program again, to run one test as a child working in a directory.
#[track_caller]
fn child(test: &str, directory: &Path) -> Command {
    let mut command = process::this_test(test);
    command.env(CHILD, directory);
    command
}

fn assert_success(command: &mut Command) {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {said}", output.status);
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"), "no such test");
}

#[test]
fn locations_are_parsed() {
    let name = |text: Option<&str>| text.map(str::to_owned);
    let oci = |dir: &str, to: Option<&str>| Location::Oci { dir: dir.into(), name: name(to) };
    for (text, location) in [
        ("docker://a/b:c", Location::Registry("a/b:c".into())),
        ("busybox", Location::Registry("busybox".into())),
        ("localhost:5000/a", Location::Registry("localhost:5000/a".into())),
        ("[::1]:5000/a:b", Location::Registry("[::1]:5000/a:b".into())),
        ("oci:dir", oci("dir", None)),
        ("oci:/a/b.c", oci("/a/b.c", None)),
        ("oci:dir:tag", oci("dir", Some("tag"))),
        ("oci:dir:v1.0-x_y+z@b", oci("dir", Some("v1.0-x_y+z@b"))),
        ("oci:dir:_x", oci("dir", Some("_x"))),
        // The first colon begins the name, whatever that holds.
        (
            "oci:dest:docker.io/library/alpine:3.18",
            oci("dest", Some("docker.io/library/alpine:3.18")),
        ),
        ("oci:dest:centos:7.9", oci("dest", Some("centos:7.9"))),
        ("oci:/d:[::1]:5000/a:b", oci("/d", Some("[::1]:5000/a:b"))),
        ("oci:/a:b/c", oci("/a", Some("b/c"))),
        ("oci:a:b:c", oci("a", Some("b:c"))),
        ("oci-archive:f.tar", Location::OciArchive { file: "f.tar".into(), name: None }),
        (
            "oci-archive:f.tar:a/t:1",
            Location::OciArchive { file: "f.tar".into(), name: name(Some("a/t:1")) },
        ),
        (
            "docker-archive:f.tar:a/b:c",
            Location::DockerArchive { file: "f.tar".into(), reference: Some("a/b:c".into()) },
        ),
        (
            "docker-archive:f.tar:@12",
            Location::DockerArchive { file: "f.tar".into(), reference: Some("@12".into()) },
        ),
        ("files:some/dir", Location::Files { dir: "some/dir".into() }),
    ] {
        let read = Location::parse(text, Bare::Reference, "source").unwrap();
        assert_eq!(read, location, "{text}");
        if !matches!(read, Location::Registry(_)) {
            assert_eq!(read.to_string(), text);
            assert_eq!(Location::parse(text, Bare::Refused, "x").unwrap(), read);
        }
    }
    for text in [
        "",
        "oci:",
        "oci::tag",
        "oci:dir:",
        "oci:dir:a b",
        "oci:dir:.x",
        "oci:dir:a\nb",
        "oci:dir:ä",
        "docker://",
        "ftp://a/b",
        "files:",
        "files:a:b",
        "docker-archive:",
        "docker-archive:f:",
        "docker-archive:f:@",
        "docker-archive:f:@x",
        "oci-archive::x",
        "oci-archive:f:@0",
    ] {
        let error = Location::parse(text, Bare::Reference, "source").unwrap_err();
        assert_eq!(error.code(), Code::InvalidArgument, "{text}");
        assert_eq!(error.details().argument.as_deref(), Some("source"));
    }
    // A path with a colon cannot be written. Where what follows can be no name either, that is said.
    for text in ["oci:/a:/b", "oci:C:\\layouts", "oci:/a:/b:tag"] {
        let error = Location::parse(text, Bare::Refused, "destination").unwrap_err();
        assert_eq!(error.code(), Code::InvalidArgument, "{text}");
        assert!(
            error.details().hint.as_ref().unwrap().contains("the path cannot contain a colon"),
            "{error}"
        );
    }
    for bare in [Bare::Refused, Bare::OnThisMachine] {
        let bare = Location::parse("busybox", bare, "destination");
        assert_eq!(code(bare), Code::InvalidArgument);
    }
}

#[test]
fn an_image_is_written_that_others_read() {
    let dir = temp();
    let path = dir.path().join("parent/layout");
    let descriptor = write_image(&create(&path), 1, 300_000, "v1").unwrap();
    assert_eq!(assert_whole(&path), 3);
    assert_eq!(names(&path), ["blobs", "index.json", "oci-layout"]);
    let place = format!("oci:{}:v1", path.display());
    let raw = Command::new("skopeo").args(["inspect", "--raw", &place]).output().unwrap();
    assert!(raw.status.success(), "{}", String::from_utf8_lossy(&raw.stderr));
    assert_eq!(sha256(&raw.stdout), descriptor.digest);
    let list = Command::new("umoci").args(["list", "--layout"]).arg(&path).output().unwrap();
    assert!(list.status.success(), "{}", String::from_utf8_lossy(&list.stderr));
    assert_eq!(String::from_utf8_lossy(&list.stdout).trim(), "v1");
    // And what another wrote is taken on.
    let copy = format!("oci:{}:copy", path.display());
    assert!(
        Command::new("skopeo")
            .args(["--insecure-policy", "copy", "-q", &place, &copy])
            .status()
            .unwrap()
            .success()
    );
    let layout = create(&path);
    assert_eq!(layout.resolve(Some("copy")).unwrap().digest, descriptor.digest);
    write_image(&layout, 2, 1000, "v2").unwrap();
    assert_eq!(layout.references().unwrap().len(), 3);
}

#[test]
fn b4_wrong_bytes_never_get_a_name() {
    let dir = temp();
    let layout = create(dir.path());
    let good = content(3, 1_000_000);
    let (digest, size) = (sha256(&good), good.len() as u64);
    for at in [0, 500_000, 999_999] {
        let mut bad = good.clone();
        bad[at] ^= 1;
        let mut writer = layout.blob_writer(&digest, size, true, &run()).unwrap();
        writer.write(&bad).unwrap();
        let error = writer.finish().unwrap_err();
        assert_eq!(error.code(), Code::DigestMismatch);
        assert_eq!(error.details().digest_expected, Some(digest.to_string()));
        assert_eq!(error.details().digest_actual, Some(sha256(&bad).to_string()));
    }
    let mut writer = layout.blob_writer(&digest, size, true, &run()).unwrap();
    writer.write(&good[1..]).unwrap();
    let error = writer.finish().unwrap_err();
    assert_eq!(error.code(), Code::SizeMismatch);
    assert_eq!(error.details().size_actual, Some(size - 1));
    let mut writer = layout.blob_writer(&digest, size, true, &run()).unwrap();
    writer.write(&good).unwrap();
    assert_eq!(code(writer.write(b"x")), Code::SizeMismatch);
    drop(writer);
    assert_eq!(code(layout.put_bytes(&digest, &good[1..])), Code::DigestMismatch);
    assert_eq!(names(&dir.path().join("blobs/sha256")), [""; 0]);
    assert_eq!(names(dir.path()), ["blobs", "oci-layout"]);
    assert!(!layout.has_blob(&digest, size).unwrap());
    write_blob(&layout, &good, 300_000).unwrap();
    assert!(layout.has_blob(&digest, size).unwrap());
}

#[test]
fn a_blob_may_learn_its_digest_from_its_bytes() {
    let temp = temp();
    let layout = create(temp.path());
    let bytes = content(7, 300_000);
    let mut blob = layout.new_blob().unwrap();
    bytes.chunks(70_001).try_for_each(|chunk| blob.write(chunk)).unwrap();
    assert_eq!(blob.finish().unwrap(), (sha256(&bytes), bytes.len() as u64));
    layout.verify_blob(&sha256(&bytes), bytes.len() as u64, &run()).unwrap();
    // Given up, nothing stays.
    let mut blob = layout.new_blob().unwrap();
    blob.write(b"forgotten").unwrap();
    drop(blob);
    assert!(
        !names(temp.path()).iter().any(|name| name.starts_with(".ocireg")),
        "{:?}",
        temp.path()
    );
    assert_eq!(fs::read_dir(temp.path().join("blobs/sha256")).unwrap().count(), 1);
}

#[test]
fn damaged_blobs_are_found_and_replaced() {
    let dir = temp();
    let layout = create(dir.path());
    let bytes = content(4, 100_000);
    let (digest, size) = (sha256(&bytes), bytes.len() as u64);
    let path = blob_path(dir.path(), &digest);
    assert_eq!(code(layout.verify_blob(&digest, size, &run())), Code::NotFound);
    write_blob(&layout, &bytes, 1 << 20).unwrap();
    layout.verify_blob(&digest, size, &run()).unwrap();
    assert_eq!(layout.read_blob(&digest, size).unwrap(), bytes);
    assert_eq!(code(layout.read_blob(&digest, size - 1)), Code::Limit);

    fs::write(&path, content(5, 100_000)).unwrap();
    assert_eq!(code(layout.verify_blob(&digest, size, &run())), Code::DigestMismatch);
    assert_eq!(code(layout.read_blob(&digest, size)), Code::DigestMismatch);
    write_blob(&layout, &bytes, 1 << 20).unwrap();
    layout.verify_blob(&digest, size, &run()).unwrap();

    fs::write(&path, &bytes[1..]).unwrap();
    assert!(!layout.has_blob(&digest, size).unwrap());
    assert_eq!(code(layout.verify_blob(&digest, size, &run())), Code::SizeMismatch);
    layout.put_bytes(&digest, &bytes).unwrap();
    layout.verify_blob(&digest, size, &run()).unwrap();
}

#[test]
fn other_algorithms_have_their_own_directory() {
    let dir = temp();
    let layout = create(dir.path());
    for algorithm in [Algorithm::Sha384, Algorithm::Sha512] {
        let digest = Digest::of(algorithm, b"abc");
        assert!(!layout.has_blob(&digest, 3).unwrap());
        let mut writer = layout.blob_writer(&digest, 3, true, &run()).unwrap();
        writer.write(b"abc").unwrap();
        writer.finish().unwrap();
        layout.verify_blob(&digest, 3, &run()).unwrap();
    }
}

#[test]
fn b8_planted_links_are_refused() {
    // A directory of the layout that leads elsewhere.
    for planted in ["blobs", "blobs/sha256"] {
        let (dir, elsewhere) = (temp(), temp());
        create(dir.path());
        let path = dir.path().join(planted);
        fs::remove_dir_all(&path).unwrap();
        symlink(elsewhere.path(), &path).unwrap();
        let error = Layout::open_or_create(dir.path(), &run()).unwrap_err();
        assert_eq!(error.code(), Code::Io, "{error}");
        assert!(error.details().hint.as_ref().unwrap().contains("link"), "{error}");
        let reader = Layout::open(dir.path()).unwrap();
        assert_eq!(code(reader.has_blob(&sha256(b"x"), 1)), Code::Io);
        assert_eq!(code(reader.put_bytes(&sha256(b"x"), b"x")), Code::Io);
        assert_eq!(names(elsewhere.path()), [""; 0]);
    }
    // A blob, an index or a part that is no plain file.
    let (dir, elsewhere) = (temp(), temp());
    let layout = create(dir.path());
    let victim = elsewhere.path().join("victim");
    fs::write(&victim, "victim").unwrap();
    let bytes = content(6, 1000);
    let digest = sha256(&bytes);
    let blob = blob_path(dir.path(), &digest);
    let dangling = elsewhere.path().join("none");
    for target in [&victim, &dangling] {
        symlink(target, &blob).unwrap();
        assert_eq!(code(layout.has_blob(&digest, 1000)), Code::Io);
        assert_eq!(code(layout.read_blob(&digest, 1000)), Code::Io);
        assert_eq!(code(layout.verify_blob(&digest, 1000, &run())), Code::Io);
        assert_eq!(code(layout.put_bytes(&digest, &bytes)), Code::Io);
        assert_eq!(code(write_blob(&layout, &bytes, 1000)), Code::Io);
        fs::remove_file(&blob).unwrap();
    }
    fs::create_dir(&blob).unwrap();
    assert_eq!(code(layout.has_blob(&digest, 1000)), Code::Io);
    fs::remove_dir(&blob).unwrap();
    assert!(Command::new("mkfifo").arg(&blob).status().unwrap().success());
    assert_eq!(code(layout.read_blob(&digest, 1000)), Code::Io); // And does not block.
    fs::remove_file(&blob).unwrap();

    symlink(&victim, dir.path().join("index.json")).unwrap();
    assert_eq!(code(layout.resolve(None)), Code::Io);
    fs::remove_file(dir.path().join("index.json")).unwrap();

    let part = dir.path().join(format!(".ocireg-part-sha256-{}", digest.hex()));
    symlink(&victim, &part).unwrap();
    write_blob(&layout, &bytes, 1000).unwrap();
    fs::remove_file(&blob).unwrap();
    fs::hard_link(&victim, &part).unwrap();
    write_blob(&layout, &bytes, 1000).unwrap();
    assert_eq!(fs::read_to_string(&victim).unwrap(), "victim");
    assert!(!dangling.exists());
    assert_eq!(names(elsewhere.path()), ["victim"]);
}

#[test]
fn b8_a_layout_that_is_read_may_have_links_that_stay_in_it() {
    let dir = temp();
    let layout = create(dir.path());
    let bytes = content(6, 1000);
    let digest = sha256(&bytes);
    let blob = blob_path(dir.path(), &digest);
    let elsewhere = temp();
    fs::write(elsewhere.path().join("victim"), &bytes).unwrap();
    fs::create_dir_all(dir.path().join("store/deep")).unwrap();
    fs::write(dir.path().join("store/deep/file"), &bytes).unwrap();
    symlink("deep", dir.path().join("store/short")).unwrap();
    symlink(dir.path().join("store"), dir.path().join("store/deep/self")).unwrap();
    symlink(elsewhere.path(), dir.path().join("store/out")).unwrap();
    symlink("circle", dir.path().join("store/circle")).unwrap();
    let reader = Layout::open(dir.path()).unwrap();
    let absolute = dir.path().join("store/deep/file").display().to_string();
    for target in [
        "../../store/deep/file",
        "../../store/short/file",
        "../.././store//deep/../deep/file",
        "../../store/deep/self/short/file",
        absolute.as_str(),
    ] {
        symlink(target, &blob).unwrap();
        assert!(reader.has_blob(&digest, 1000).unwrap(), "{target}");
        assert_eq!(reader.read_blob(&digest, 1000).unwrap(), bytes, "{target}");
        reader.verify_blob(&digest, 1000, &run()).unwrap();
        // Of a destination they are refused all the same.
        assert_eq!(code(layout.has_blob(&digest, 1000)), Code::Io, "{target}");
        assert_eq!(code(layout.read_blob(&digest, 1000)), Code::Io, "{target}");
        fs::remove_file(&blob).unwrap();
    }
    let victim = elsewhere.path().join("victim").display().to_string();
    let beside = format!("{}x/file", dir.path().display());
    let up = format!("../../../{}/victim", elsewhere.path().file_name().unwrap().display());
    for target in [
        victim.as_str(),
        beside.as_str(),
        up.as_str(),
        "../../store/out/victim",
        "../../store/deep/self/../../../etc/passwd",
        "../../store/circle",
        "../../store/deep",
        "../..",
        "/",
        "/proc/self/cwd",
    ] {
        symlink(target, &blob).unwrap();
        assert_eq!(code(reader.has_blob(&digest, 1000)), Code::Io, "{target}");
        assert_eq!(code(reader.read_blob(&digest, 1000)), Code::Io, "{target}");
        fs::remove_file(&blob).unwrap();
    }
    symlink("../../store/none", &blob).unwrap();
    assert!(!reader.has_blob(&digest, 1000).unwrap());
    assert_eq!(code(reader.read_blob(&digest, 1000)), Code::NotFound);
    fs::remove_file(&blob).unwrap();
    assert!(Command::new("mkfifo").arg(dir.path().join("store/pipe")).status().unwrap().success());
    symlink("../../store/pipe", &blob).unwrap();
    assert_eq!(code(reader.read_blob(&digest, 1000)), Code::Io); // And does not block.
}

#[test]
fn a_layout_stays_where_it_was_opened() {
    let dir = temp();
    let (old, new) = (dir.path().join("old"), dir.path().join("new"));
    let layout = create(&old);
    fs::rename(&old, &new).unwrap();
    fs::create_dir(&old).unwrap();
    write_image(&layout, 7, 1000, "v").unwrap();
    assert_eq!(names(&old), [""; 0]);
    assert_eq!(assert_whole(&new), 3);
}

#[test]
fn what_is_no_layout_is_left_alone() {
    let dir = temp();
    let file = dir.path().join("file");
    fs::write(&file, "mine").unwrap();
    for result in [Layout::open(&file), Layout::open_or_create(&file, &run())] {
        assert_eq!(code(result), Code::InvalidArgument);
    }
    assert_eq!(code(Layout::open_or_create(&file.join("below"), &run())), Code::InvalidArgument);
    for result in [Layout::open(dir.path()), Layout::open_or_create(dir.path(), &run())] {
        let error = result.unwrap_err();
        assert_eq!(error.code(), Code::InvalidArgument);
        assert!(error.to_string().contains("not an OCI image layout"), "{error}");
    }
    assert_eq!(names(dir.path()), ["file"]);
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
    assert_eq!(code(Layout::open(&dir.path().join("none"))), Code::Io);

    fs::remove_file(&file).unwrap();
    for (marker, expected) in [
        ("", Code::InvalidArgument),
        ("[]", Code::InvalidArgument),
        (r#"{"imageLayoutVersion":"2.0.0"}"#, Code::Unsupported),
    ] {
        fs::write(dir.path().join("oci-layout"), marker).unwrap();
        assert_eq!(code(Layout::open_or_create(dir.path(), &run())), expected, "{marker}");
        assert_eq!(names(dir.path()), ["oci-layout"]);
    }
}

#[test]
fn the_index_keeps_what_others_put_there() {
    let dir = temp();
    let layout = create(dir.path());
    let other = json!({
        "mediaType": "application/x", "digest": sha256(b"o").to_string(), "size": 1,
        "annotations": {REF_NAME: "other"}, "unknown": [1, 2]
    });
    let nameless = json!({
        "mediaType": "application/x", "digest": sha256(b"n").to_string(), "size": 1
    });
    let index = json!({"schemaVersion": 2, "manifests": [other, nameless], "more": {"x": null}});
    let file = dir.path().join("index.json");
    fs::write(&file, index.to_string()).unwrap();
    let read = || serde_json::from_slice::<Value>(&fs::read(&file).unwrap()).unwrap();

    let one = Descriptor::new(OCI_MANIFEST, sha256(b"1"), 1);
    let two = Descriptor::new(OCI_MANIFEST, sha256(b"2"), 1);
    layout.set_reference(&one, Some("tag"), &run()).unwrap();
    layout.set_reference(&two, Some("tag"), &run()).unwrap();
    layout.set_reference(&one, None, &run()).unwrap();
    layout.set_reference(&one, None, &run()).unwrap();
    let now = read();
    assert_eq!(now["more"], json!({"x": null}));
    let entries = now["manifests"].as_array().unwrap();
    assert_eq!(entries.len(), 4, "{now}");
    assert_eq!(entries[..2], [other, nameless]);
    assert_eq!(entries[2]["annotations"][REF_NAME], "tag");
    assert_eq!(layout.resolve(Some("tag")).unwrap().digest, two.digest);

    let error = layout.resolve(None).unwrap_err();
    assert_eq!(error.code(), Code::InvalidArgument);
    let hint = error.details().hint.clone().unwrap();
    assert!(hint.contains("other, (no name), tag"), "{hint}");
    let error = layout.resolve(Some("none")).unwrap_err();
    assert_eq!(error.code(), Code::NotFound);
    assert!(error.details().hint.as_ref().unwrap().contains("tag"), "{error}");

    for malformed in [
        "",
        "{",
        "[]",
        r#"{"manifests":{}}"#,
        r#"{"manifests":"x"}"#,
        r#"{"manifests":[null]}"#,
        r#"{"manifests":[],"config":{}}"#,
        r#"{"manifests":[1]}"#,
        "{\"manifests\":[]}{}",
        r#"{"manifests":[],"manifests":[]}"#,
    ] {
        fs::write(&file, malformed).unwrap();
        let error = layout.set_reference(&one, Some("tag"), &run()).unwrap_err();
        assert_eq!(error.code(), Code::InvalidManifest, "{malformed}");
        assert_eq!(fs::read_to_string(&file).unwrap(), malformed);
        assert_eq!(code(layout.resolve(None)), Code::InvalidManifest);
        // Whoever opens it to write learns that at once.
        assert_eq!(code(Layout::open_or_create(dir.path(), &run())), Code::InvalidManifest);
        assert_eq!(fs::read_to_string(&file).unwrap(), malformed);
    }
}

#[test]
fn an_index_of_others_may_be_empty_in_any_way() {
    for text in [
        r#"{"schemaVersion":2,"manifests":null}"#,
        r#"{"schemaVersion":2,"manifests":[]}"#,
        r#"{"schemaVersion":2}"#,
        r#"{"schemaVersion":2,"manifests":null,"annotations":null,"mediaType":null}"#,
        "{}",
    ] {
        let dir = temp();
        fs::create_dir(dir.path().join("blobs")).unwrap();
        fs::write(dir.path().join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
        fs::write(dir.path().join("index.json"), text).unwrap();
        let layout = create(dir.path());
        assert_eq!(layout.references().unwrap(), [], "{text}");
        assert_eq!(code(layout.resolve(None)), Code::NotFound);
        let image = write_image(&layout, 8, 10, "a").unwrap();
        assert_eq!(layout.resolve(None).unwrap().digest, image.digest, "{text}");
        assert_whole(dir.path());
    }
}

#[test]
fn the_root_of_a_volume_is_an_empty_directory() {
    let dir = temp();
    fs::create_dir(dir.path().join("lost+found")).unwrap();
    fs::write(dir.path().join(".nfs000000000123"), "").unwrap();
    fs::create_dir(dir.path().join(".snapshot")).unwrap();
    let layout = create(dir.path());
    write_image(&layout, 7, 10, "v").unwrap();
    assert_whole(dir.path());
    assert!(dir.path().join("lost+found").is_dir());
    // Files of somebody are not passed over, hidden or not.
    for name in ["file", ".bashrc", ".git", "lost", "index.json"] {
        let dir = temp();
        fs::write(dir.path().join(name), "mine").unwrap();
        let error = Layout::open_or_create(dir.path(), &run()).unwrap_err();
        assert_eq!(error.code(), Code::InvalidArgument, "{name}");
        assert_eq!(names(dir.path()), [name]);
    }
}

#[test]
fn the_only_image_needs_no_name() {
    let dir = temp();
    let layout = create(dir.path());
    assert_eq!(code(layout.resolve(None)), Code::NotFound);
    let image = write_image(&layout, 8, 10, "a").unwrap();
    assert_eq!(layout.resolve(None).unwrap().digest, image.digest);
    write_image(&layout, 8, 10, "b").unwrap();
    assert_eq!(layout.resolve(None).unwrap().digest, image.digest);
    write_image(&layout, 9, 10, "c").unwrap();
    assert_eq!(code(layout.resolve(None)), Code::InvalidArgument);
}

#[test]
fn an_interrupted_blob_is_resumed() {
    if runs_alone("an_interrupted_blob_is_resumed") {
        return;
    }
    let dir = temp();
    let layout = create(dir.path());
    let bytes = content(10, 1_000_000);
    let (digest, size) = (sha256(&bytes), bytes.len() as u64);
    let begin = |resume: bool| layout.blob_writer(&digest, size, resume, &run()).unwrap();
    let leave = |count: usize| {
        let mut writer = begin(false);
        writer.write(&bytes[..count]).unwrap();
        writer.keep();
    };
    leave(400_000);
    assert_eq!(names(&dir.path().join("blobs/sha256")), [""; 0]);
    let mut writer = create(dir.path()).blob_writer(&digest, size, true, &run()).unwrap();
    assert_eq!((writer.resumed_from(), writer.position()), (400_000, 400_000));
    writer.write(&bytes[400_000..]).unwrap();
    writer.finish().unwrap();
    layout.verify_blob(&digest, size, &run()).unwrap();
    assert_eq!(names(dir.path()), ["blobs", "oci-layout"]);

    // Not wanted; dropped; reset; too long; whole already; whole but wrong.
    leave(400_000);
    assert_eq!(begin(false).resumed_from(), 0);
    assert_eq!(begin(true).resumed_from(), 0);
    leave(400_000);
    let mut writer = begin(true);
    writer.reset().unwrap();
    assert_eq!((writer.position(), writer.resumed_from()), (0, 0));
    writer.write(&bytes).unwrap();
    writer.finish().unwrap();
    let part = dir.path().join(format!(".ocireg-part-sha256-{}", digest.hex()));
    fs::write(&part, content(11, 1_000_001)).unwrap();
    assert_eq!(begin(true).position(), 0);
    fs::write(&part, &bytes).unwrap();
    let writer = begin(true);
    assert_eq!(writer.position(), size);
    writer.finish().unwrap();
    fs::write(&part, content(11, 1_000_000)).unwrap();
    assert_eq!(begin(true).position(), 0);
    // A damaged part shows at the end, and is gone then.
    fs::write(&part, content(11, 500_000)).unwrap();
    let mut writer = begin(true);
    writer.write(&bytes[500_000..]).unwrap();
    assert_eq!(code(writer.verify()), Code::DigestMismatch);
    assert_eq!(code(writer.finish()), Code::DigestMismatch);
    assert!(!part.exists());
    // Cancelled while the part is read again: the part stays.
    leave(400_000);
    let context = Context::new().unwrap();
    context.cancel();
    let cancelled = layout.blob_writer(&digest, size, true, &Call::new(Some(&context)));
    assert_eq!(code(cancelled), Code::Cancelled);
    assert_eq!(begin(true).resumed_from(), 400_000);
}

/// A host that forks without starting another program, as Python's multiprocessing does.
#[test]
fn a_forked_child_keeps_no_lock() {
    if runs_alone("a_forked_child_keeps_no_lock") {
        return;
    }
    let dir = temp();
    let layout = create(dir.path());
    let bytes = content(12, 100_000);
    let (digest, size) = (sha256(&bytes), bytes.len() as u64);
    let mut writer = layout.blob_writer(&digest, size, true, &run()).unwrap();
    writer.write(&bytes[..40_000]).unwrap();
    let held = DirLock::acquire(&Dir::open(dir.path()).unwrap(), "the layout", &run()).unwrap();
    // SAFETY: the child does nothing but wait for its end.
    let child = unsafe { libc::fork() };
    if child == 0 {
        loop {
            // SAFETY: as above.
            unsafe { libc::pause() };
        }
    }
    writer.keep();
    drop(held);
    let resumed = layout.blob_writer(&digest, size, true, &run()).map(|w| w.resumed_from());
    let start = Instant::now();
    let again = DirLock::acquire(&Dir::open(dir.path()).unwrap(), "the layout", &run());
    let waited = start.elapsed();
    // SAFETY: our own child.
    unsafe {
        libc::kill(child, libc::SIGKILL);
        libc::waitpid(child, std::ptr::null_mut(), 0);
    }
    assert_eq!(resumed.unwrap(), 40_000);
    assert!(again.is_ok() && waited < Duration::from_secs(1), "{waited:?}");
}

#[test]
fn two_writers_of_one_blob_both_succeed() {
    if runs_alone("two_writers_of_one_blob_both_succeed") {
        return;
    }
    let dir = temp();
    let layout = create(dir.path());
    let bytes = content(12, 500_000);
    let (digest, size) = (sha256(&bytes), bytes.len() as u64);
    let mut one = layout.blob_writer(&digest, size, true, &run()).unwrap();
    one.write(&bytes[..200_000]).unwrap();
    let mut two = layout.blob_writer(&digest, size, true, &run()).unwrap();
    assert_eq!(two.position(), 0);
    // Opening the layout sweeps, but not what a living writer holds.
    create(dir.path());
    two.write(&bytes).unwrap();
    two.finish().unwrap();
    create(dir.path());
    one.write(&bytes[200_000..]).unwrap();
    one.finish().unwrap();
    assert_eq!(assert_whole(dir.path()), 1);
    assert_eq!(names(dir.path()), ["blobs", "oci-layout"]);
}

#[test]
fn d8_stale_temporary_files_are_swept() {
    if runs_alone("d8_stale_temporary_files_are_swept") {
        return;
    }
    let dir = temp();
    let layout = create(dir.path());
    let (gone, here) = (sha256(b"gone"), sha256(b"here"));
    layout.put_bytes(&here, b"here").unwrap();
    let part = |digest: &Digest| dir.path().join(format!(".ocireg-part-sha256-{}", digest.hex()));
    for name in [".ocireg-tmp-0123", ".ocireg-part-nonsense", ".other"] {
        fs::write(dir.path().join(name), "x").unwrap();
    }
    fs::write(part(&gone), "go").unwrap();
    fs::write(part(&here), "he").unwrap();
    let old = sha256(b"old");
    fs::write(part(&old), "ol").unwrap();
    let long_ago = std::time::SystemTime::now() - Duration::from_secs(8 * 24 * 60 * 60);
    fs::File::options().write(true).open(part(&old)).unwrap().set_modified(long_ago).unwrap();
    create(dir.path());
    assert!(part(&gone).exists(), "a fresh part can still be resumed");
    assert!(!part(&here).exists() && !part(&old).exists());
    assert!(!dir.path().join(".ocireg-tmp-0123").exists());
    assert!(dir.path().join(".other").exists(), "not ours");
}

#[test]
fn f22_a_killed_writer_leaves_a_part_to_resume() {
    if runs_alone("f22_a_killed_writer_leaves_a_part_to_resume") {
        return;
    }
    let bytes = content(13, 3_000_000);
    let (digest, size) = (sha256(&bytes), bytes.len() as u64);
    if let Some(path) = child_directory() {
        let mut writer = create(&path).blob_writer(&digest, size, true, &run()).unwrap();
        writer.write(&bytes[..1_500_000]).unwrap();
        println!("\nhalf");
        std::io::stdout().flush().unwrap();
        std::thread::sleep(Duration::from_secs(60));
        panic!("nobody killed this process");
    }
    let dir = temp();
    let layout = create(dir.path());
    let mut child = child("f22_a_killed_writer_leaves_a_part_to_resume", dir.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap() == "half"), "the child ended early");
    // While it lives, the part is its own.
    let second = layout.blob_writer(&digest, size, true, &run()).unwrap();
    assert_eq!(second.resumed_from(), 0);
    second.keep();
    create(dir.path());
    kill(&mut child);
    assert!(!layout.has_blob(&digest, size).unwrap());
    let mut writer = create(dir.path()).blob_writer(&digest, size, true, &run()).unwrap();
    assert_eq!(writer.resumed_from(), 1_500_000);
    writer.write(&bytes[1_500_000..]).unwrap();
    writer.finish().unwrap();
    assert_eq!(assert_whole(dir.path()), 1);
    assert_eq!(names(dir.path()), ["blobs", "oci-layout"]);
}

fn kill(child: &mut Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn d8_f22_a_kill_at_any_moment_leaves_a_whole_layout() {
    if let Some(path) = child_directory() {
        let mut seed = u64::from(std::process::id()) << 20;
        loop {
            let layout = create(&path);
            for _ in 0..3 {
                seed += 1;
                write_image(&layout, seed, 700_000, "latest").unwrap();
            }
        }
    }
    let dir = temp();
    let (mut images, mut round) = (0, 0u64);
    // On a busy machine it takes a child longer to get anywhere.
    while round < 80 || (images <= 3 && round < 800) {
        let mut child = child("d8_f22_a_kill_at_any_moment_leaves_a_whole_layout", dir.path())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let moment = u64::from_le_bytes(content(round, 8).try_into().unwrap()) % 40_000;
        std::thread::sleep(Duration::from_micros(2_000 + moment * (1 + round / 80)));
        kill(&mut child);
        if !dir.path().join("blobs/sha256").exists() {
            create(dir.path()); // Killed before there was a layout: it becomes one.
        }
        images = images.max(assert_whole(dir.path()));
        let layout = create(dir.path());
        assert!(layout.references().unwrap().len() <= 1);
        assert!(names(dir.path()).iter().all(|name| !name.starts_with(".ocireg-tmp-")));
        if round % 8 == 7 {
            fs::remove_dir_all(dir.path()).unwrap(); // To be killed in the beginnings, too.
            fs::create_dir(dir.path()).unwrap();
        }
        round += 1;
    }
    assert!(images > 3, "the children were killed before they wrote an image");
    write_image(&create(dir.path()), 1, 100, "latest").unwrap();
    assert_whole(dir.path());
}

#[test]
fn d8_f23_eight_processes_share_a_layout() {
    const ROUNDS: u64 = 12;
    if let Some(path) = child_directory() {
        for round in 0..ROUNDS {
            let layout = create(&path);
            let name = format!("round{round}-{}", std::process::id());
            write_image(&layout, round, 200_000, &name).unwrap();
        }
        return;
    }
    let dir = temp();
    let path = dir.path().join("layout");
    let children: Vec<Child> = (0..8)
        .map(|_| {
            let mut command = child("d8_f23_eight_processes_share_a_layout", &path);
            command.stdout(Stdio::null()).spawn().unwrap()
        })
        .collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(assert_whole(&path) as u64, 3 * ROUNDS);
    let references = create(&path).references().unwrap();
    assert_eq!(references.len() as u64, 8 * ROUNDS, "an entry was lost");
    assert_eq!(names(&path), ["blobs", "index.json", "oci-layout"]);
}

#[test]
fn a_lock_is_waited_for_as_long_as_the_call_may() {
    let dir = temp();
    let layout = create(dir.path());
    let held = fs::File::open(dir.path()).unwrap();
    held.lock().unwrap();
    let context = Context::new().unwrap();
    context.set_timeout(Duration::from_millis(200));
    let descriptor = Descriptor::new(OCI_MANIFEST, sha256(b"1"), 1);
    let start = std::time::Instant::now();
    let result = layout.set_reference(&descriptor, Some("a"), &Call::new(Some(&context)));
    assert_eq!(code(result), Code::Deadline);
    assert!(start.elapsed() < Duration::from_millis(700));
    drop(held);
    layout.set_reference(&descriptor, Some("a"), &run()).unwrap();
}

/// Fails at what the environment says, as a full or broken disk does.
const BROKEN_DISK: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
static long left(void) { static long n = -1; if (n < 0) { char *e = getenv("DISK_BYTES"); n = e ? atol(e) : 1L << 60; } return n; }
ssize_t write(int fd, const void *buffer, size_t size) {
    static long used;
    struct stat s;
    ssize_t (*real)(int, const void *, size_t) = (ssize_t (*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");
    if (fstat(fd, &s) == 0 && S_ISREG(s.st_mode) && getenv("DISK_BYTES")) {
        if (used >= left()) { errno = ENOSPC; return -1; }
        if ((long)size > left() - used) size = left() - used;
        used += size;
    }
    return real(fd, buffer, size);
}
int fdatasync(int fd) { (void)fd; if (getenv("DISK_NO_SYNC")) { errno = EIO; return -1; } return 0; }
"#;

#[test]
fn f19_f21_a_full_or_broken_disk_leaves_the_rest_intact() {
    if let Some(path) = child_directory() {
        let no_sync = std::env::var_os("DISK_NO_SYNC").is_some();
        let limited = !no_sync && std::env::var_os("DISK_BYTES").is_none();
        let expected = if no_sync { Code::Io } else { Code::NoSpace };
        let layout = create(&path);
        let bytes = content(14, 3_000_000);
        let (digest, size) = (sha256(&bytes), bytes.len() as u64);
        let mut writer = layout.blob_writer(&digest, size, true, &run()).unwrap();
        let written = bytes.chunks(256 << 10).try_for_each(|chunk| writer.write(chunk));
        let error = match written {
            // What fits is kept with its hash, and goes on where it stopped.
            Err(error) => {
                assert_eq!(error.details().bytes_done, Some(writer.position()));
                assert!(writer.position() > 0);
                writer.keep();
                error
            }
            Ok(()) => writer.finish().unwrap_err(),
        };
        assert_eq!(error.code(), expected, "{error}");
        if expected == Code::NoSpace {
            assert!(error.details().hint.as_ref().unwrap().contains("space"), "{error}");
            assert_eq!(code(write_image(&layout, 14, 3_000_000, "new")), expected);
        } else {
            assert_eq!(code(write_image(&layout, 14, 30, "new")), expected);
        }
        if !limited {
            // Not even a few bytes fit any more: the index must stay as it was.
            let present = Descriptor::new(OCI_MANIFEST, sha256(b"1"), 1);
            assert_eq!(code(layout.set_reference(&present, Some("new"), &run())), expected);
        }
        return;
    }
    let dir = temp();
    let source = dir.path().join("disk.c");
    let shim = dir.path().join("disk.so");
    fs::write(&source, BROKEN_DISK).unwrap();
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-o"]).args([&shim, &source]).arg("-ldl");
    assert!(compiler.status().unwrap().success(), "a C compiler is needed");
    let test = "f19_f21_a_full_or_broken_disk_leaves_the_rest_intact";
    for disk in ["DISK_BYTES", "DISK_NO_SYNC", "RLIMIT_FSIZE"] {
        let path = dir.path().join(disk);
        let old = write_image(&create(&path), 15, 100_000, "old").unwrap();
        let index = fs::read(path.join("index.json")).unwrap();
        let mut command = child(test, &path);
        if disk == "RLIMIT_FSIZE" {
            // The limit is of 512 or 1024 bytes a block, by the shell.
            let arguments: Vec<_> = command.get_args().map(ToOwned::to_owned).collect();
            let program = command.get_program().to_owned();
            command = Command::new("sh");
            command.args(["-c", "trap '' XFSZ; ulimit -f 2000; exec \"$@\"", "sh"]);
            command.arg(program).args(arguments).env(CHILD, &path);
        } else {
            command.env("LD_PRELOAD", &shim).env(disk, "1000000");
        }
        assert_success(&mut command);
        assert_eq!(assert_whole(&path), 3, "{disk}");
        let layout = create(&path);
        assert_eq!(fs::read(path.join("index.json")).unwrap(), index, "{disk}");
        assert_eq!(layout.resolve(Some("old")).unwrap().digest, old.digest);
        // With room again, the same work succeeds.
        write_image(&layout, 14, 3_000_000, "new").unwrap();
        assert_eq!(assert_whole(&path), 6, "{disk}");
        assert_eq!(names(&path), ["blobs", "index.json", "oci-layout"], "{disk}");
    }
}

#[test]
fn f20_a_directory_without_permission_fails_at_once() {
    if let Some(path) = child_directory() {
        for name in ["empty", "layout", "locked/new", "blobs-locked"] {
            let error = Layout::open_or_create(&path.join(name), &run()).unwrap_err();
            assert_eq!(error.code(), Code::Permission, "{name}: {error}");
            assert!(error.details().hint.is_some());
        }
        assert_eq!(code(Layout::open(&path.join("closed"))), Code::Permission);
        Layout::open(&path.join("layout")).unwrap().resolve(Some("a")).unwrap();
        return;
    }
    let dir = temp();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    for (name, mode) in [("empty", 0o555), ("layout", 0o555), ("locked", 0o555), ("closed", 0o000)]
    {
        let path = dir.path().join(name);
        fs::create_dir(&path).unwrap();
        if name == "layout" {
            write_image(&create(&path), 1, 10, "a").unwrap();
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }
    let locked = dir.path().join("blobs-locked");
    create(&locked);
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o777)).unwrap();
    fs::set_permissions(locked.join("blobs/sha256"), fs::Permissions::from_mode(0o555)).unwrap();
    // Root may do anything: the child is somebody else, who may not reach this program where it lies.
    let program = dir.path().join("program");
    process::copy_this_program(&program);
    let arguments = child("f20_a_directory_without_permission_fails_at_once", dir.path());
    let mut command = Command::new(&program);
    command.args(arguments.get_args()).env(CHILD, dir.path()).current_dir("/");
    let mut id = String::new();
    let mut ask = Command::new("id").arg("-u").stdout(Stdio::piped()).spawn().unwrap();
    ask.stdout.take().unwrap().read_to_string(&mut id).unwrap();
    ask.wait().unwrap();
    if id.trim() == "0" {
        command.uid(65534).gid(65534);
    }
    assert_success(&mut command);
    assert_eq!(names(&dir.path().join("empty")), [""; 0]);
    // So that the directory can be removed by any user.
    for name in ["empty", "layout", "locked", "closed", "blobs-locked/blobs/sha256"] {
        let mode = fs::Permissions::from_mode(0o755);
        fs::set_permissions(dir.path().join(name), mode).unwrap();
    }
}

#[test]
fn writers_readers_and_sweeps_do_not_disturb_each_other() {
    if runs_alone("writers_readers_and_sweeps_do_not_disturb_each_other") {
        return;
    }
    let dir = temp();
    create(dir.path());
    let shared: Vec<Vec<u8>> = (0..2).map(|seed| content(100 + seed, 3_000)).collect();
    let end = std::time::Instant::now() + Duration::from_secs(2);
    std::thread::scope(|threads| {
        for thread in 0..4u64 {
            let (layout, shared) = (Layout::open(dir.path()).unwrap(), &shared);
            threads.spawn(move || {
                for round in 0u64.. {
                    if std::time::Instant::now() >= end {
                        assert!(round > 2, "only {round} rounds");
                        return;
                    }
                    let bytes = &shared[usize::try_from(round % 2).unwrap()];
                    let digest = sha256(bytes);
                    let resume = (round + thread) % 3 == 0;
                    let mut writer = layout.blob_writer(&digest, 3_000, resume, &run()).unwrap();
                    let from = usize::try_from(writer.position()).unwrap();
                    writer.write(&bytes[from..]).unwrap();
                    writer.finish().unwrap();
                    assert_eq!(&layout.read_blob(&digest, 3_000).unwrap(), bytes);
                    let own = (thread << 32 | round).to_le_bytes();
                    layout.put_bytes(&sha256(&own), &own).unwrap();
                }
            });
        }
        for _ in 0..2 {
            threads.spawn(|| {
                while std::time::Instant::now() < end {
                    create(dir.path());
                }
            });
        }
    });
    assert_eq!(names(dir.path()), ["blobs", "oci-layout"]);
    assert!(assert_whole(dir.path()) > 8);
}
