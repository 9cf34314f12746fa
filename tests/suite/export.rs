//! Exports: the file system of an image as one archive, entry by entry, and what happens when something is in the way.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::fd::AsRawFd;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use ocireg_testkit::image::Image;
use ocireg_testkit::rootfs::{Entry, Layers, Look, Tree};
use ocireg_testkit::{Registry, TempDir, tempdir};
use serde_json::{Value, json};

use crate::c_surface::images::Context;
use crate::c_surface::{Outcome, Service, layouts};
use crate::scene::{DIGEST_MISMATCH, INVALID_MANIFEST, LIMIT};

const INVALID_ARGUMENT: i32 = 1;
const CANCELLED: i32 = 20;
const IO: i32 = 120;

struct Scene {
    dir: TempDir,
    service: Service,
}

impl Scene {
    fn new(image: &Image) -> Self {
        let dir = tempdir();
        image.write_layout(&dir.path().join("layout"), "image");
        Self { dir, service: Service::bare(json!({"retry": {"initial-ms": 1}})) }
    }

    fn of(layers: &[&[Entry]]) -> Self {
        Self::new(&Layers::entries(layers).image())
    }

    fn source(&self) -> String {
        format!("oci:{}", self.dir.path().join("layout").display())
    }

    fn export(&self, options: &Value) -> Outcome<(Value, Vec<u8>)> {
        self.export_from(&self.source(), options)
    }

    fn export_from(&self, source: &str, options: &Value) -> Outcome<(Value, Vec<u8>)> {
        let mut file = tempfile::tempfile().expect("a file");
        let report = self.service.export(None, source, file.as_raw_fd(), options)?;
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(0)).expect("a file");
        file.read_to_end(&mut bytes).expect("the archive");
        Ok((report, bytes))
    }

    /// The lines of the archive.
    #[track_caller]
    fn shows(&self, expected: &[&str]) -> Value {
        let (report, bytes) = self.export(&json!({})).expect("an export");
        let lines = listed(&bytes);
        assert_eq!(lines, expected);
        assert_eq!(report["entries"], lines.len());
        report
    }

    #[track_caller]
    fn fails(&self, options: &Value, code: i32) -> Value {
        let error = self.export(options).map(|(report, _)| report).expect_err("a failure");
        assert_eq!(error.code, code, "{error:#?}");
        error.json
    }
}

/// What an archive has, in its order: names, what links lead to, and what files hold.
fn listed(bytes: &[u8]) -> Vec<String> {
    assert_eq!(bytes.len() % 512, 0);
    assert!(bytes.ends_with(&[0; 1024]));
    let mut archive = tar::Archive::new(bytes);
    let entries = archive.entries().expect("an archive");
    let line = |entry: std::io::Result<tar::Entry<'_, &[u8]>>| {
        let mut entry = entry.expect("an entry");
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let link = entry.link_name_bytes().map(|link| String::from_utf8_lossy(&link).into_owned());
        let link = link.unwrap_or_default();
        let mut content = String::new();
        match entry.header().entry_type() {
            tar::EntryType::Regular => {
                entry.read_to_string(&mut content).expect("content");
                format!("{name}={content}")
            }
            tar::EntryType::Directory => name,
            tar::EntryType::Link => format!("{name} == {link}"),
            tar::EntryType::Symlink => format!("{name} -> {link}"),
            other => format!("{name} {other:?}"),
        }
    };
    entries.map(line).collect()
}

fn file(path: &str, data: &str) -> Entry {
    Entry::file(path, data)
}

fn dir(path: &str) -> Entry {
    Entry::dir(path)
}

fn link(path: &str, to: &str) -> Entry {
    Entry::hard_link(path, to)
}

fn symlink(path: &str, to: &str) -> Entry {
    Entry::symlink(path, to)
}

#[test]
fn the_highest_layer_counts() {
    let report = Scene::of(&[
        &[dir("./"), dir("etc"), file("etc/a", "low"), file("etc/b", "low"), file("x/y", "low")],
        &[file("/etc/a", "high"), dir("etc/"), symlink("s", "etc/a"), file("./x", "now a file")],
        &[],
    ])
    .shows(&["etc/a=high", "etc/", "s -> etc/a", "x=now a file", "./", "etc/b=low"]);
    assert_eq!(report["bytes"], 17);
    assert_eq!(report["skipped"], json!([]));
    assert_eq!(report["diff_ids"].as_array().map(Vec::len), Some(3));
    assert_eq!(report["blobs"].as_array().map(Vec::len), Some(4));
    Scene::of(&[]).shows(&[]);
}

#[test]
fn e4_whiteouts_hide_what_lower_layers_have() {
    Scene::of(&[
        &[file("d/old", "1"), file("d/kept", "1"), file("e/old", "1"), file("f", "1")],
        &[
            file("d/.wh.old", ""),
            // Before and after what the same layer adds.
            file("e/new", "2"),
            file("e/.wh..wh..opq", ""),
            file("e/newer", "2"),
            file(".wh.f", ""),
            file("f", "2"),
            file(".wh..wh.plnk", "bookkeeping"),
        ],
    ])
    .shows(&["e/new=2", "e/newer=2", "f=2", "d/kept=1"]);
    // Of a directory, that the layer fills again; of the root; of what is not there.
    Scene::of(&[
        &[dir("d"), file("d/old", "1")],
        &[file(".wh.d", ""), dir("d"), file("d/new", "2"), file(".wh.nothing", "")],
    ])
    .shows(&["d/", "d/new=2"]);
    Scene::of(&[&[file("old", "1")], &[file("new", "2"), file(".wh..wh..opq", "")]])
        .shows(&["new=2"]);
    // Of what is not a directory, nothing is hidden.
    Scene::of(&[
        &[file("a", "1"), file("b", "1")],
        &[file("a/.wh.x", ""), file("b/.wh..wh..opq", "")],
    ])
    .shows(&["a=1", "b=1"]);
    // It hides no more than lower layers, and what higher ones bring back is theirs.
    Scene::of(&[&[file("a", "1")], &[file(".wh.a", "")], &[file("a", "3")]]).shows(&["a=3"]);
    for name in [".wh.", "d/.wh..", ".wh...", ".wh.d/x"] {
        let told = Scene::of(&[&[file(name, "")]]).fails(&json!({}), INVALID_MANIFEST);
        assert_eq!(told["what"], "entry", "{told}");
    }
}

#[test]
fn e5_files_and_directories_take_each_others_place() {
    Scene::of(&[
        &[dir("a"), file("a/x", "1"), file("b", "1"), symlink("c", "/etc"), file("d/e/f", "1")],
        &[file("a", "2"), dir("b"), file("b/y", "2"), dir("c"), symlink("d", "b")],
    ])
    .shows(&["a=2", "b/", "b/y=2", "c/", "d -> b"]);
    // In one layer the last entry counts, as in every archive.
    Scene::of(&[&[file("a", "first"), file("a", "last")]]).shows(&["a=first", "a=last"]);
    // A directory that no entry describes hides what is none.
    let report =
        Scene::of(&[&[symlink("bin", "usr/bin")], &[file("bin/sh", "2")]]).shows(&["bin/sh=2"]);
    assert_eq!(report["skipped"][0]["path"], "bin");
}

#[test]
fn e3_hard_links_lead_to_what_is_in_the_archive() {
    Scene::of(&[&[file("a", "1"), link("b", "/a"), link("c", "./b")]])
        .shows(&["a=1", "b == a", "c == b"]);
    // To a file of a lower layer, which comes later.
    Scene::of(&[&[file("a", "1"), file("z", "1")], &[link("b", "a"), link("c", "a")]])
        .shows(&["a=1", "b == a", "c == a", "z=1"]);
    // That a higher layer hides: the first link is the file.
    for hide in [file("a", "3"), file(".wh.a", "")] {
        let lines = |rest: &[&str]| {
            let mut lines = if hide.data.is_empty() { vec![] } else { vec!["a=3"] };
            lines.extend(rest);
            lines.into_iter().map(str::to_owned).collect::<Vec<_>>()
        };
        let scene = Scene::of(&[
            &[file("a", "1"), link("d", "a")],
            &[link("b", "a"), link("c", "a")],
            std::slice::from_ref(&hide),
        ]);
        let expected = lines(&["b=1", "c == b", "d == b"]);
        scene.shows(&expected.iter().map(String::as_str).collect::<Vec<_>>());
        // In one layer, before its links: the layer is read again.
        let scene = Scene::of(&[
            &[file("a", "1"), link("b", "a"), file("e", "1"), link("c", "b")],
            &[link("x", "c")],
            std::slice::from_ref(&hide),
        ]);
        let expected = lines(&["e=1", "b=1", "c == b", "x == b"]);
        scene.shows(&expected.iter().map(String::as_str).collect::<Vec<_>>());
    }
    // A link means what is there when it comes, whatever its own layer does afterwards.
    Scene::of(&[&[file("a", "1")], &[link("b", "a"), file("a", "2")]]).shows(&["a=2", "b=1"]);
    Scene::of(&[&[file("a", "1")], &[link("b", "a"), file(".wh.a", "")]]).shows(&["b=1"]);
    Scene::of(&[&[file("a", "1")], &[link("b", "a"), dir("a"), file("a/x", "2")]])
        .shows(&["a/", "a/x=2", "b=1"]);
    // Of two entries of one path, a higher layer means the last.
    Scene::of(&[&[dir("a"), file("a", "2")], &[link("b", "a")]]).shows(&["a/", "a=2", "b == a"]);
    Scene::of(&[&[file("a", "1"), file("a", "2")], &[link("b", "a")]])
        .shows(&["a=1", "b == a", "a=2", "b == a"]);
    // A link that is hidden is none, and what links to a link shares its file.
    Scene::of(&[&[file("a", "1"), link("b", "a"), link("c", "b")], &[file("b", "2")]])
        .shows(&["b=2", "a=1", "c == a"]);
    Scene::of(&[&[symlink("s", "t")], &[link("l", "s")], &[file(".wh.s", "")]]).shows(&["l -> t"]);
    for layers in [
        &[&[link("b", "nothing")][..]][..],
        &[&[file("a", "1")], &[file(".wh.a", "")], &[link("b", "a")]],
        &[&[file("d/a", "1")], &[file(".wh.d", "")], &[link("b", "d/a")]],
        &[&[dir("a"), link("b", "a")]],
        &[&[dir("a")], &[link("b", "a")]],
        &[&[link("a", "a")]],
        &[&[file("a/b", "1"), link("a", "a/b")]],
        // What its own layer has hidden before, or what a higher one links to after it was hidden.
        &[&[file("a", "1")], &[file(".wh.a", ""), link("b", "a")]],
        &[&[file("a", "1")], &[dir("a")], &[link("b", "a")]],
        &[&[file("a", "1"), dir("a")], &[link("b", "a")]],
        &[&[link("a", "../x")]],
    ] {
        let told = Scene::of(layers).fails(&json!({}), INVALID_MANIFEST);
        assert_eq!(told["what"], "entry", "{told}");
    }
}

/// What tar makes of the archive is what unpacking makes of the image.
#[test]
fn the_archive_is_the_tree_that_unpacking_makes() {
    let deep: String = (0..120).map(|number| format!("directory-{number}/")).collect();
    let long = "n".repeat(200);
    let sparse = Entry {
        sparse: Some((1_000_000, vec![(10, 3), (999_990, 10)])),
        ..file("sparse", "abc0123456789")
    };
    let scene = Scene::of(&[
        &[
            dir("./").mode(0o755),
            dir("usr").mode(0o700).owner(5, 6),
            file("usr/old", "old").mtime(-100, 5),
            file("usr/keep", "keep").mode(0o4755).owner(1000, 2_000_000_000),
            file(&format!("{deep}file"), "deep"),
            dir("gone"),
            file("gone/file", "x"),
            file("hidden", "shared"),
            link("visible", "hidden"),
        ],
        &[
            file("usr/.wh.old", ""),
            file(&format!("usr/{long}"), "long").xattr("user.key", b"value"),
            sparse,
            file(".wh.gone", ""),
            file("hidden", "other").mtime(5, 700_000_000),
            link("usr/linked", "usr/keep"),
            Entry { mode: 0o600, ..Entry::new(b'6', "pipe") },
            symlink("to-nowhere", "/does/not/exist"),
        ],
    ]);
    let (_, bytes) = scene.export(&json!({})).expect("an export");
    let (unpacked, extracted) = (scene.dir.path().join("unpacked"), scene.dir.path().join("tar"));
    scene
        .service
        .unpack(None, &scene.source(), &unpacked.display().to_string(), &json!({}))
        .expect("an unpack");
    fs::create_dir(&extracted).expect("a directory");
    let mut tar = Command::new("tar")
        .args(["-x", "-p", "--numeric-owner", "--xattrs", "--xattrs-include=*", "-C"])
        .arg(&extracted)
        .stdin(Stdio::piped())
        .spawn()
        .expect("tar");
    tar.stdin.take().expect("a pipe").write_all(&bytes).expect("the archive");
    assert!(tar.wait().expect("tar").success());
    // Directories get entries after their times were set.
    let look = Look { directory_times: false, ..Look::all() };
    let (unpacked, extracted) = (Tree::read(&unpacked, look), Tree::read(&extracted, look));
    assert_eq!(unpacked.differences(&extracted), Vec::<String>::new());
    // Once more: the same bytes.
    assert!(scene.export(&json!({})).expect("an export").1 == bytes);
}

#[test]
fn a_registry_is_exported_in_one_stream() {
    let layers = Layers::entries(&[&[file("a", "1"), file("b", "1")], &[file("a", "2")]]);
    let image = layers.image();
    let registry = Registry::plain();
    image.push_to(&registry, "demo/app", "1");
    let scene = Scene::new(&image);
    let reference = format!("{}/demo/app:1", registry.host());
    for options in [json!({}), json!({"platform": "linux/amd64", "auth": {}})] {
        let (report, bytes) = scene.export_from(&reference, &options).expect("an export");
        assert_eq!(listed(&bytes), ["a=2", "b=1"]);
        assert_eq!(report["endpoint"]["url"], format!("http://{}", registry.host()));
        assert_eq!(report["platform"], "linux/amd64");
        assert!(bytes == scene.export(&json!({})).expect("from the layout").1);
    }
    let asked = registry.requests();
    let layer = &image.manifests[0].layers[0];
    let times = asked.iter().filter(|r| r.method == "GET" && r.target.contains(layer)).count();
    assert_eq!(times, 2, "once for each export");
}

#[test]
fn a_layout_keeps_what_is_exported() {
    let image = Layers::entries(&[&[file("a", "1")], &[file("b", "2")]]).image();
    let registry = Registry::plain();
    image.push_to(&registry, "demo/app", "1");
    let scene = Scene::new(&image);
    let reference = format!("{}/demo/app:1", registry.host());
    let directory = File::open(scene.dir.path()).expect("a directory");
    let options = json!({"layout": "oci:kept:x", "dir_fd": directory.as_raw_fd()});
    for _ in 0..2 {
        scene.export_from(&reference, &options).expect("an export");
        let kept = scene.dir.path().join("kept");
        layouts::assert_sound(&kept);
        layouts::assert_holds(&kept, &image);
    }
    let options = json!({"dir_fd": directory.as_raw_fd()});
    let (_, bytes) = scene.export_from("oci:kept:x", &options).expect("from the layout");
    assert_eq!(listed(&bytes), ["b=2", "a=1"]);
}

#[test]
fn e9_exports_end_at_the_limits() {
    let scene = Scene::of(&[&[file("a", "12345"), file("dir/longer", "6")], &[file("b", "7890")]]);
    for (options, fits) in [
        (json!({"limits": {"bytes": 10}}), true),
        (json!({"limits": {"bytes": 9}}), false),
        (json!({"limits": {"entries": 3}}), true),
        (json!({"limits": {"entries": 2}}), false),
        (json!({"limits": {"path": 10}}), true),
        (json!({"limits": {"path": 9}}), false),
    ] {
        if fits {
            scene.export(&options).expect("it fits");
        } else {
            let told = scene.fails(&options, LIMIT);
            assert!(told["hint"].as_str().is_some_and(|hint| hint.contains("limits")), "{told}");
        }
    }
    // A hole is written, and so it counts.
    let sparse = Entry { sparse: Some((1 << 50, vec![(0, 3)])), ..file("sparse", "abc") };
    Scene::of(&[&[sparse]]).fails(&json!({}), LIMIT);
}

#[test]
fn e10_layers_must_be_what_the_configuration_says() {
    let image = Layers::entries(&[&[file("a", "1")], &[file("b", "2")]]).image();
    let scene = Scene::new(&image);
    let layer = &image.manifests[0].layers[1];
    let blob =
        scene.dir.path().join("layout/blobs/sha256").join(layer.trim_start_matches("sha256:"));
    let mut bytes = fs::read(&blob).expect("a layer");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&blob, bytes).expect("a layer");
    let told = scene.fails(&json!({}), DIGEST_MISMATCH);
    assert_eq!(told["digest_expected"], json!(layer), "{told}");
}

#[test]
fn a_descriptor_is_written_from_where_it_stands() {
    let scene = Scene::of(&[&[file("a", "1")]]);
    let mut file = tempfile::tempfile().expect("a file");
    file.write_all(b"before").expect("a file");
    scene.service.export(None, &scene.source(), file.as_raw_fd(), &json!({})).expect("an export");
    let mut all = Vec::new();
    assert_eq!(file.stream_position().ok(), file.metadata().ok().map(|state| state.len()));
    file.seek(SeekFrom::Start(0)).expect("a file");
    file.read_to_end(&mut all).expect("a file");
    assert!(all.starts_with(b"before"));
    assert_eq!(listed(&all[6..]), ["a=1"]);
    // What cannot be written to is found out before anything is read.
    let read_only = File::open("/dev/null").expect("a file");
    for fd in [-1, 9999, read_only.as_raw_fd()] {
        let error = scene.service.export(None, "127.0.0.1:1/x", fd, &json!({}));
        let error = error.expect_err("nothing to write to");
        assert_eq!((error.code, &error.json["argument"]), (INVALID_ARGUMENT, &json!("fd")));
    }
}

#[test]
fn a_pipe_that_nobody_reads_ends_the_call() {
    let content = "x".repeat(1 << 20);
    let scene = Scene::of(&[&[file("a", &content)]]);
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let error = scene
        .service
        .export(None, &scene.source(), writer.as_raw_fd(), &json!({}))
        .expect_err("nobody reads");
    assert_eq!(error.code, IO, "{error:#?}");
    assert!(error.json["hint"].as_str().is_some_and(|hint| hint.contains("other end")));
    // One that is full lets the call end with its context.
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let context = Context::new();
    let began = Instant::now();
    let error = std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(200));
            context.cancel();
        });
        scene.service.export(Some(&context), &scene.source(), writer.as_raw_fd(), &json!({}))
    });
    assert_eq!(error.expect_err("cancelled").code, CANCELLED);
    assert!(began.elapsed() < Duration::from_secs(5));
    drop(reader);
    // And one that is read gets all of it.
    let (mut reader, writer) = std::io::pipe().expect("a pipe");
    let all = std::thread::scope(|scope| {
        let read = scope.spawn(move || {
            let mut all = Vec::new();
            reader.read_to_end(&mut all).map(|_| all)
        });
        let fd = writer.as_raw_fd();
        scene.service.export(None, &scene.source(), fd, &json!({})).expect("an export");
        drop(writer);
        read.join().expect("a thread").expect("the archive")
    });
    assert_eq!(listed(&all).len(), 1);
}
