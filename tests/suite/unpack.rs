//! Unpacking: what images are made of, what hostile ones try, and what is left when something fails.
//!
//! Each hostile image is unpacked beside a tree of files that it would like to reach, and which must be as before.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ocireg::call::{Call, Context};
use ocireg::client::options::UnpackOptions;
use ocireg::client::unpack;
use ocireg::error::{Code, Error};
use ocireg::registry::service::Service;
use ocireg_testkit::TempDir;
use ocireg_testkit::image::Image;
use ocireg_testkit::rootfs::{Entry, Layers, Look, Stored, Tree, archive};
use serde_json::{Value, json};

use crate::c_surface::children;

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// An image in a layout, a target, and files that are none of the image's business.
struct Scene {
    dir: TempDir,
    outside: Tree,
}

impl Scene {
    fn new(image: &Image) -> Self {
        let dir = ocireg_testkit::tempdir();
        image.write_layout(&dir.path().join("layout"), "image");
        let outside = dir.path().join("outside");
        fs::create_dir_all(outside.join("etc")).expect("directories");
        fs::write(outside.join("etc/passwd"), "root\n").expect("a file");
        fs::write(outside.join("file"), "as it was\n").expect("a file");
        symlink("etc", outside.join("link")).expect("a link");
        let outside = Tree::read(&outside, Look::all());
        Self { dir, outside }
    }

    fn of(layers: &[&[Entry]]) -> Self {
        Self::new(&Layers::entries(layers).image())
    }

    fn outside(&self) -> PathBuf {
        self.dir.path().join("outside")
    }

    fn root(&self) -> PathBuf {
        self.dir.path().join("root")
    }

    fn source(&self) -> String {
        format!("oci:{}", self.dir.path().join("layout").display())
    }

    fn run(&self, options: &Value, call: Call) -> Result<Value, Error> {
        let service = Service::parse("{}").expect("a service");
        let options = UnpackOptions::parse(Some(&options.to_string())).expect("options");
        let root = self.root().display().to_string();
        let done = unpack::unpack(&service, &self.source(), &root, options, call);
        done.map(|done| serde_json::to_value(done).expect("JSON"))
    }

    fn unpack(&self, options: Value) -> Value {
        let report = self.run(&options, Call::new(None)).expect("unpack");
        self.check_outside();
        report
    }

    /// Nothing is left of what fails.
    fn fails(&self, options: Value) -> Error {
        let error = self.run(&options, Call::new(None)).expect_err("it cannot be unpacked");
        self.check_left("nothing");
        error
    }

    fn check_outside(&self) {
        let now = Tree::read(&self.outside(), Look::all());
        assert_eq!(self.outside.differences(&now), Vec::<String>::new(), "outside of the root");
    }

    fn check_left(&self, what: &str) {
        self.check_outside();
        let names = fs::read_dir(self.dir.path()).expect("the directory");
        let names: Vec<_> = names.map(|e| e.expect("an entry").file_name()).collect();
        assert!(
            names.iter().all(|name| name == "layout" || name == "outside"),
            "{what}: {names:?}"
        );
    }

    fn tree(&self) -> Tree {
        Tree::read(&self.root(), Look::all())
    }

    fn read(&self, path: &str) -> String {
        let full = self.root().join(path);
        fs::read_to_string(&full).unwrap_or_else(|e| panic!("{}: {e}", full.display()))
    }

    fn has(&self, path: &str) -> bool {
        fs::symlink_metadata(self.root().join(path)).is_ok()
    }
}

fn file(path: &str, data: &str) -> Entry {
    Entry::file(path, data)
}

fn dir(path: &str) -> Entry {
    Entry::dir(path)
}

#[test]
fn an_image_becomes_a_directory() {
    let scene = Scene::of(&[&[
        dir("./").mode(0o750),
        dir("bin/").mode(0o755).mtime(7, 250_000_000),
        file("bin/sh", "#!").mode(0o4755).mtime(-5, 1),
        Entry::symlink("sh", "bin/sh").mtime(9, 0),
        Entry::hard_link("bin/ash", "bin/sh"),
        Entry { mode: 0o640, ..Entry::new(b'6', "run/pipe") },
        file("implied/by/path", "x"),
    ]]);
    let report = scene.unpack(json!({}));
    assert_eq!(report["entries"], 7, "{report}");
    assert_eq!(report["bytes"], 3);
    assert_eq!(report["platform"], "linux/amd64");
    assert_eq!(report["skipped"], json!([]));
    assert_eq!(report["diff_ids"].as_array().map(Vec::len), Some(1));
    assert_eq!(report["blobs"].as_array().map(Vec::len), Some(2));
    assert_eq!(report["bytes_transferred"], 0);
    assert_eq!(report["destination"], scene.root().display().to_string());
    let state = |path: &str| fs::symlink_metadata(scene.root().join(path)).expect("a state");
    assert_eq!(state("").mode() & 0o7777, 0o750);
    assert_eq!(state("bin").mode() & 0o7777, 0o755);
    assert_eq!((state("bin").mtime(), state("bin").mtime_nsec()), (7, 250_000_000));
    assert_eq!(state("bin/sh").mode() & 0o7777, 0o4755);
    assert_eq!((state("bin/sh").mtime(), state("bin/sh").mtime_nsec()), (-5, 1));
    assert_eq!(state("bin/sh").nlink(), 2);
    assert_eq!(state("sh").mtime(), 9);
    assert_eq!(fs::read_link(scene.root().join("sh")).expect("a link"), Path::new("bin/sh"));
    assert_eq!(state("run/pipe").mode() & 0o7777, 0o640);
    assert_eq!(state("implied").mode() & 0o7777, 0o755);
}

/// What is wrong with one entry, which the message names.
fn assert_names(error: &Error, path: &str) {
    assert_eq!(error.code(), Code::InvalidManifest, "{path}: {error}");
    assert_eq!(error.details().what, Some("entry"), "{path}: {error}");
    assert!(error.to_string().contains(&format!("{path:?}")), "{path}: {error}");
    assert!(error.hint_text().is_some());
}

#[test]
fn e1_paths_stay_in_the_root() {
    let long = "d/".repeat(2000) + "f";
    for (path, at) in [
        ("x", "x"),
        ("/x", "x"),
        ("//a///x", "a/x"),
        ("./a/./x", "a/x"),
        ("a/../x", "x"),
        ("a/b/../../x", "x"),
        ("a\\..\\..\\x", "a\\..\\..\\x"),
        ("...", "..."),
        (" ", " "),
        (&long, &long),
    ] {
        let scene = Scene::of(&[&[file(path, "content")]]);
        scene.unpack(json!({}));
        assert_eq!(scene.read(at), "content", "{path}");
    }
    for path in ["../outside/file", "a/../../outside/file", "..", "a/../..", "/../outside/file", ""]
    {
        for entry in [file(path, "evil"), dir(path), Entry::symlink(path, "x")] {
            let scene = Scene::of(&[&[file("before", ""), entry]]);
            assert_names(&scene.fails(json!({})), path);
        }
    }
    // The root can be described, but not replaced.
    let scene = Scene::of(&[&[file("before", ""), Entry::symlink(".", "/")]]);
    assert_names(&scene.fails(json!({})), ".");
    let endless = "d/".repeat(2500);
    let error = Scene::of(&[&[file(&endless, "")]]).fails(json!({}));
    assert_eq!((error.code(), error.details().what), (Code::Limit, Some("entry")));
    // Longer than a name may be.
    let error = Scene::of(&[&[file(&"n".repeat(300), "")]]).fails(json!({}));
    assert_eq!((error.code(), error.details().what), (Code::Io, Some("entry")));
}

#[test]
fn e2_links_are_resolved_in_the_root() {
    let outside = "../outside";
    let scene = Scene::of(&[
        &[
            dir("etc"),
            Entry::symlink("absolute", "/etc"),
            Entry::symlink("up", "../../../../etc"),
            Entry::symlink("self", "/"),
            Entry::symlink("chain", "self/absolute"),
            Entry::symlink("dangling", "/made/on/the/way"),
            file("absolute/one", "1"),
            file("up/two", "2"),
        ],
        &[
            file("self/etc/three", "3"),
            file("chain/four", "4"),
            file("dangling/five", "5"),
            Entry::symlink("outside", outside),
            Entry::symlink("self/self/self/etc/six", "seven"),
        ],
    ]);
    scene.unpack(json!({}));
    for (path, content) in
        [("etc/one", "1"), ("etc/two", "2"), ("etc/three", "3"), ("etc/four", "4")]
    {
        assert_eq!(scene.read(path), content);
    }
    assert_eq!(scene.read("made/on/the/way/five"), "5");
    assert_eq!(fs::read_link(scene.root().join("etc/six")).expect("a link"), Path::new("seven"));

    // What lies below a link that leads outside lies in the root, too.
    let scene = Scene::of(&[&[]]);
    let absolute = scene.outside().display().to_string();
    for target in [absolute.as_str(), outside, "/proc/self/cwd", "/proc/self/root"] {
        for entry in [
            file("l/file", "evil"),
            dir("l/etc"),
            Entry::hard_link("l/new", "l/file"),
            Entry { mode: 0o777, ..dir("l/") },
        ] {
            let hostile = Scene::of(&[
                &[Entry::symlink("l", target), file("x", "")],
                std::slice::from_ref(&entry),
            ]);
            let _ = hostile.run(&json!({}), Call::new(None));
            hostile.check_outside();
            scene.check_outside();
        }
    }
    let circle =
        Scene::of(&[&[Entry::symlink("a", "b"), Entry::symlink("b", "a"), file("a/x", "")]]);
    assert_eq!(circle.fails(json!({})).code(), Code::Io);
    let through = Scene::of(&[&[file("f", ""), file("f/x", "")]]);
    assert_names(&through.fails(json!({})), "f/x");
}

/// Swaps directories of the root for links that lead outside, and back, as fast as it can.
struct Racer {
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<u64>>,
}

impl Racer {
    fn begin(parent: PathBuf, outside: PathBuf) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let race = move || {
            let mut swaps = 0;
            while !stopped.load(Ordering::Relaxed) {
                // The root has a temporary name while it is made.
                let Ok(names) = fs::read_dir(&parent) else { continue };
                for name in names.flatten().filter(|n| n.file_name() != "outside") {
                    let (victim, aside) = (name.path().join("d"), name.path().join("aside"));
                    for _ in 0..50 {
                        if fs::rename(&victim, &aside).is_ok() && symlink(&outside, &victim).is_ok()
                        {
                            swaps += 1;
                        }
                        let _ = fs::remove_file(&victim);
                        let _ = fs::rename(&aside, &victim);
                    }
                }
            }
            swaps
        };
        Self { stop, thread: Some(std::thread::spawn(race)) }
    }

    fn end(mut self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().expect("a thread").join().expect("the racer")
    }
}

#[test]
fn e2_a_race_leads_nowhere_outside() {
    let entries: Vec<Entry> = (0..400)
        .flat_map(|n| {
            let path = format!("d/etc/file-{}", n % 7);
            [file(&path, "evil"), dir("d/etc"), file("x", ""), file("d/file", "evil")]
        })
        .chain([file("d/.wh.etc", ""), file("d/.wh.file", "")])
        .collect();
    let lower = [dir("d"), dir("d/etc"), file("d/etc/passwd", "inside"), file("d/link", "")];
    let scene = Scene::of(&[&lower, &entries, &[file("d/.wh..wh..opq", "")]]);
    let racer = Racer::begin(scene.dir.path().to_owned(), scene.outside());
    let until = Instant::now() + Duration::from_secs(3);
    let mut runs = 0;
    while Instant::now() < until || runs < 3 {
        // Whether it succeeds is up to the racer.
        let _ = scene.run(&json!({}), Call::new(None));
        scene.check_outside();
        for name in fs::read_dir(scene.dir.path()).expect("the directory").flatten() {
            if name.file_name() != "layout" && name.file_name() != "outside" {
                let _ = fs::remove_dir_all(name.path());
            }
        }
        runs += 1;
    }
    assert!(racer.end() > 100, "nothing was swapped");
    scene.check_outside();
}

#[test]
fn e3_hard_links_stay_in_the_root() {
    let scene = Scene::of(&[
        &[file("a", "a"), Entry::symlink("s", "../outside/file"), dir("d")],
        &[
            Entry::hard_link("/b", "/a"),
            Entry::hard_link("d/c", "./d/../a"),
            Entry::hard_link("t", "s"),
            // Its target is hidden only afterwards.
            file(".wh.a", ""),
        ],
    ]);
    scene.unpack(json!({}));
    assert!(!scene.has("a"));
    let state = |path: &str| fs::symlink_metadata(scene.root().join(path)).expect("a state");
    assert_eq!((state("b").ino(), state("b").nlink()), (state("d/c").ino(), 2));
    assert!(state("t").is_symlink() && state("t").ino() == state("s").ino());

    let outside = scene.outside().join("file").display().to_string();
    for (entries, named) in [
        (vec![Entry::hard_link("l", "../outside/file")], "l"),
        (vec![Entry::hard_link("l", outside.as_str())], "l"),
        (vec![Entry::symlink("s", "../outside"), Entry::hard_link("l", "s/file")], "l"),
        (vec![Entry::hard_link("l", "later"), file("later", "")], "l"),
        (vec![dir("d"), Entry::hard_link("l", "d")], "l"),
        (vec![file("l", ""), Entry::hard_link("l", "l")], "l"),
        (vec![file("l", ""), Entry::symlink("s", "."), Entry::hard_link("s/l", "l")], "s/l"),
        (vec![file("d/x", ""), Entry::hard_link("d", "d/x")], "d"),
        (vec![Entry::hard_link("l", ".")], "l"),
        (vec![Entry::hard_link("l", "")], "l"),
        (vec![file("f", ""), Entry::hard_link("l", "f/x")], "l"),
    ] {
        assert_names(&Scene::of(&[&entries]).fails(json!({})), named);
    }
    // A whiteout of a lower layer comes first.
    let hidden = Scene::of(&[&[file("a", "")], &[file(".wh.a", ""), Entry::hard_link("b", "a")]]);
    assert_names(&hidden.fails(json!({})), "b");
}

#[test]
fn e4_whiteouts_hide_lower_layers_and_nothing_else() {
    let lower = [
        file("d/a", "1"),
        file("d/b", "1"),
        file("d/sub/deep/er", "1"),
        file("e/a", "1"),
        file("e/sub/x", "1"),
        file("f/a", "1"),
        file("g/a", "1"),
        file("keep", "1"),
    ];
    let upper = [
        file("d/.wh.a", ""),
        file("d/.wh.missing", ""),
        file("d/.wh.sub", ""),
        // Before and after what the same layer adds.
        file("e/b", "2"),
        file("e/sub/y", "2"),
        file("e/.wh..wh..opq", ""),
        file("e/c", "2"),
        // A directory that the same layer fills.
        dir("f"),
        file("f/b", "2"),
        file(".wh.f", ""),
        file(".wh.g", ""),
        file("g/b", "2"),
        file("nowhere/.wh.x", ""),
        file(".wh..wh.plnk/1.2", "AUFS"),
        file(".wh.keep", ""),
        file("keep", "2"),
        file(".wh.keep", ""),
    ];
    for stored in [Stored::Plain, Stored::Gzip] {
        let archives = vec![archive(&lower), archive(&upper)];
        let layers = Layers { stored, ..Layers::of(archives) };
        let scene = Scene::new(&layers.image());
        scene.unpack(json!({}));
        let tree = Tree::read(&scene.root(), Look { owners: false, ..Look::all() });
        let paths: Vec<String> = tree.0.keys().map(|p| p.display().to_string()).collect();
        let expected =
            ["", "d", "d/b", "e", "e/b", "e/c", "e/sub", "e/sub/y", "f", "f/b", "g", "g/b", "keep"];
        assert_eq!(paths, expected);
        assert_eq!(scene.read("keep"), "2");
    }
    for name in [".wh.", ".wh..", ".wh...", "d/.wh.", "d/.wh..", ".wh.x/y"] {
        let scene = Scene::of(&[&lower, &[file(name, "")]]);
        assert_names(&scene.fails(json!({})), name);
    }
    // A whiteout never leaves its directory, wherever that is.
    let scene = Scene::of(&[
        &[Entry::symlink("l", "../outside"), dir("outside"), file("outside/file", "1")],
        &[file("l/.wh.file", ""), file("l/.wh..wh..opq", "")],
    ]);
    scene.unpack(json!({}));
    assert!(!scene.has("outside/file"));
}

#[test]
fn e5_the_last_entry_wins() {
    let tree = |entries: &[Entry]| {
        let scene = Scene::of(&[entries]);
        scene.unpack(json!({}));
        let two: Vec<&[Entry]> = entries.chunks(1).collect();
        let layered = Scene::of(&two);
        layered.unpack(json!({}));
        let look = Look { directory_times: false, ..Look::all() };
        let (one, two) = (Tree::read(&scene.root(), look), Tree::read(&layered.root(), look));
        assert_eq!(one.differences(&two), Vec::<String>::new());
        one.0
            .into_iter()
            .skip(1)
            .map(|(p, l)| (p.display().to_string(), l))
            .collect::<BTreeMap<_, _>>()
    };
    let full = [file("x/y/z", "1"), file("x/a", "1")];
    let kinds = [file("x", "2"), Entry::symlink("x", "../outside"), Entry::new(b'6', "x")];
    for kind in &kinds {
        let all = [&full[..], std::slice::from_ref(kind)].concat();
        assert_eq!(tree(&all).len(), 1, "{kind:?}");
        // A directory replaces what is none, and is not seen through a link.
        let found = tree(&[kind.clone(), dir("x"), file("x/b", "3")]);
        assert_eq!(found.keys().collect::<Vec<_>>(), ["x", "x/b"], "{kind:?}");
        for other in &kinds {
            assert_eq!(tree(&[kind.clone(), other.clone()]).len(), 1);
        }
    }
    // A directory that is there already gets the new attributes, and keeps what it has.
    let found = tree(&[full[0].clone(), dir("x").mode(0o711)]);
    assert_eq!(found.len(), 3);
    assert!(found["x"].contains("0711 directory"), "{found:?}");
    // A name of a file that has another name.
    let found = tree(&[file("a", "1"), Entry::hard_link("b", "a"), file("a", "2")]);
    assert!(found["a"] != found["b"] && !found["b"].contains("same"), "{found:?}");
}

#[test]
fn e6_devices_are_made_or_left_out() {
    let device = |kind, path: &str| Entry { device: (1, 3), mode: 0o666, ..Entry::new(kind, path) };
    let scene = || {
        Scene::of(&[
            &[file("null", "replaced")],
            &[device(b'3', "null"), device(b'4', "disk"), Entry::new(b'6', "pipe").mode(0o622)],
        ])
    };
    let skipped = scene();
    let report = skipped.unpack(json!({"devices": "skip"}));
    let expected = json!([
        {"path": "null", "why": "it is a device"}, {"path": "disk", "why": "it is a device"},
    ]);
    assert_eq!(report["skipped"], expected);
    assert!(!skipped.has("null") && !skipped.has("disk") && skipped.has("pipe"));
    let made = scene();
    if is_root() {
        made.unpack(json!({"devices": "create"}));
        let tree = made.tree();
        let line = |path: &str| tree.0[Path::new(path)].clone();
        assert!(line("null").contains("0666 character device 103"), "{tree:?}");
        assert!(line("disk").contains("0666 block device 103"));
        assert!(line("pipe").contains("0622 FIFO"));
    } else {
        let error = made.fails(json!({"devices": "create"}));
        assert_eq!((error.code(), error.details().what), (Code::Permission, Some("entry")));
        assert!(error.hint_text().is_some_and(|hint| hint.contains("\"skip\"")));
    }
    // A number that no device has.
    let far = Entry { records: vec![], device: (0, 0), ..device(b'3', "x") };
    let mut bytes = archive(&[far]);
    bytes[329..337].copy_from_slice(&[0x80, 0, 0, 1, 0, 0, 0, 0]);
    bytes[148..156].copy_from_slice(b"        ");
    let sum: u32 = bytes[..512].iter().copied().map(u32::from).sum();
    bytes[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    let scene = Scene::new(&Layers::of(vec![bytes]).image());
    assert_names(&scene.fails(json!({})), "x");
}

#[test]
fn e7_modes_times_and_holes_are_kept() {
    let size = 1 << 40;
    let sparse = Entry {
        data: b"abcd".to_vec(),
        sparse: Some((size, vec![(4096, 2), (size - 2, 2)])),
        ..file("sparse", "")
    };
    let hole = Entry { sparse: Some((1 << 30, vec![])), ..file("hole", "") };
    let scene = Scene::of(&[
        &[
            dir("d").mode(0o3775).mtime(-1_000_000_000, 999_999_999),
            file("d/suid", "x").mode(0o4711),
            file("d/sgid", "x").mode(0o2711).mtime(8_000_000_000, 1),
            file("d/none", "x").mode(0),
            sparse,
            hole,
            Entry::symlink("d/link", "x").mtime(-7, 0),
        ],
        // What a later layer does in a directory does not change its time.
        &[file("d/late", ""), file("d/.wh.none", "")],
    ]);
    scene.unpack(json!({"limits": {"bytes": 7}}));
    let state = |path: &str| fs::symlink_metadata(scene.root().join(path)).expect("a state");
    assert_eq!(state("d").mode() & 0o7777, 0o3775);
    assert_eq!((state("d").mtime(), state("d").mtime_nsec()), (-1_000_000_000, 999_999_999));
    assert_eq!(state("d/suid").mode() & 0o7777, 0o4711);
    assert_eq!(state("d/sgid").mode() & 0o7777, 0o2711);
    assert_eq!(state("d/sgid").mtime(), 8_000_000_000);
    assert_eq!(state("d/link").mtime(), -7);
    assert!(!scene.has("d/none"));
    assert_eq!(state("sparse").len(), size);
    assert_eq!(state("hole").len(), 1 << 30);
    assert!(state("sparse").blocks() < 100 && state("hole").blocks() < 100, "holes are kept");
    let mut end = [0; 2];
    let file = fs::File::open(scene.root().join("sparse")).expect("a file");
    std::os::unix::fs::FileExt::read_exact_at(&file, &mut end, size - 2).expect("the end");
    assert_eq!(&end, b"cd");
    // Nobody should read it to its end.
    fs::remove_dir_all(scene.root()).expect("remove");
}

#[test]
fn e7_directories_without_rights_can_be_filled() {
    let layers: [&[Entry]; 2] = [
        &[
            dir("a").mode(0o500),
            dir("a/b").mode(0),
            file("a/b/c", "1"),
            dir("a/empty").mode(0),
            file("r", "1").mode(0o444).xattr("user.k", "v"),
        ],
        &[
            file("a/b/d", "2"),
            file("a/b/.wh.c", ""),
            Entry::hard_link("a/b/e", "a/b/d"),
            file("a/.wh.empty", ""),
            dir("gone").mode(0o500),
            file("gone/x", ""),
            file("gone", "now a file"),
        ],
    ];
    let check = |scene: &Scene| {
        let state = |path: &str| fs::symlink_metadata(scene.root().join(path)).expect("a state");
        assert_eq!(state("a").mode() & 0o7777, 0o500);
        assert!(scene.has("gone"));
        // To look below, somebody who is not root must change it.
        fs::set_permissions(scene.root().join("a"), fs::Permissions::from_mode(0o700))
            .expect("chmod");
        assert_eq!(state("a/b").mode() & 0o7777, 0);
        assert!(!scene.has("a/empty"));
        fs::set_permissions(scene.root().join("a/b"), fs::Permissions::from_mode(0o700))
            .expect("chmod");
        assert!(!scene.has("a/b/c") && scene.has("a/b/d"));
        assert_eq!(state("a/b/e").nlink(), 2);
        assert_eq!(state("r").mode() & 0o7777, 0o444);
    };
    let absent = Scene::of(&layers);
    absent.unpack(json!({}));
    check(&absent);
    let empty = Scene::of(&layers);
    fs::create_dir(empty.root()).expect("a directory");
    empty.unpack(json!({}));
    check(&empty);
    // And emptied again.
    let fails = Scene::of(&[layers[0], layers[1], &[file("../x", "")]]);
    fails.fails(json!({}));
}

#[test]
fn e8_extended_attributes_are_set_as_far_as_they_are_the_images() {
    let capability = [1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let acl = [
        2, 0, 0, 0, 1, 0, 6, 0, 255, 255, 255, 255, 4, 0, 4, 0, 255, 255, 255, 255, 32, 0, 4, 0,
        255, 255, 255, 255,
    ];
    let scene = || {
        Scene::of(&[&[
            file("f", "x")
                .mode(0o555)
                .owner(0, 5)
                .xattr("user.one", b"\0\n=1")
                .xattr("security.capability", capability)
                .xattr("system.posix_acl_access", acl)
                .xattr("trusted.overlay.opaque", "y")
                .xattr("security.selinux", "system_u:object_r:etc_t:s0\0"),
            dir("d").xattr("user.two", "2").xattr("trusted.overlay.redirect", "/etc"),
            Entry::symlink("l", "f").xattr("user.three", "3"),
        ]])
    };
    let names = |scene: &Scene| -> Vec<String> {
        let tree = scene.tree();
        let line = &tree.0[Path::new("f")];
        line.split(", ")
            .filter_map(|part| part.split_once('='))
            .map(|(n, _)| n.to_owned())
            .collect()
    };
    let none = scene();
    let report = none.unpack(json!({"xattrs": "none"}));
    assert_eq!((names(&none), report["skipped"].clone()), (vec![], json!([])));
    let user = scene();
    let report = user.unpack(json!({"xattrs": "user"}));
    assert_eq!(names(&user), ["user.one"]);
    // Not on links.
    assert_eq!(report["skipped"].as_array().map(Vec::len), Some(1), "{report}");
    assert_eq!(report["skipped"][0]["path"], "l");
    let all = scene();
    let report = all.unpack(json!({"xattrs": "all"}));
    let skipped = report["skipped"].to_string();
    for name in
        ["trusted.overlay.opaque", "trusted.overlay.redirect", "security.selinux", "user.three"]
    {
        assert!(skipped.contains(name), "{skipped}");
    }
    let found = names(&all);
    assert!(!found.iter().any(|name| name.starts_with("trusted") || name.ends_with("selinux")));
    assert!(found.contains(&"user.one".to_owned()), "{found:?}");
    if is_root() {
        assert!(found.contains(&"security.capability".to_owned()), "{found:?}");
    }
    let too_large = Scene::of(&[&[file("f", "").xattr("user.large", vec![b'x'; 70_000])]]);
    let error = too_large.fails(json!({}));
    assert_eq!(error.details().what, Some("entry"), "{error}");
}

#[test]
fn e9_bombs_end_at_the_limits() {
    let many: Vec<Entry> = (0..20).map(|n| file(&format!("f{n}"), "12345")).collect();
    let scene = Scene::of(&[&many[..10], &many[10..]]);
    for (limits, what) in [
        (json!({"bytes": 99}), None),
        (json!({"entries": 19}), None),
        (json!({"path": 2}), Some("entry")),
    ] {
        let error = scene.fails(json!({"limits": limits}));
        assert_eq!((error.code(), error.details().what), (Code::Limit, what), "{limits}");
        assert!(error.hint_text().is_some_and(|hint| hint.contains("limits")), "{limits}");
    }
    scene.unpack(json!({"limits": {"bytes": 100, "entries": 20, "path": 3}}));

    // A header that states an exabyte, a header of a gigabyte, and a deep tree that is removed again.
    let mut stated = archive(&[file("f", "")]);
    stated[124..136].copy_from_slice(&[0x80, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0, 0]);
    stated[148..156].copy_from_slice(b"        ");
    let sum: u32 = stated[..512].iter().copied().map(u32::from).sum();
    stated[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    let error = Scene::new(&Layers::of(vec![stated]).image()).fails(json!({}));
    assert_eq!(error.code(), Code::Limit, "{error}");
    let long =
        Entry { records: vec![("comment".to_owned(), vec![b'x'; 2 << 20])], ..file("f", "") };
    assert_eq!(Scene::of(&[&[long]]).fails(json!({})).code(), Code::Limit);
    let part = "d/".repeat(1000);
    let mut deep = vec![dir(&part), Entry::symlink("l0", &part)];
    for n in 1..12 {
        let link = format!("l{n}");
        deep.push(dir(&format!("l{}/{part}", n - 1)));
        deep.push(Entry::symlink(&link, format!("l{}/{part}", n - 1)));
    }
    deep.push(dir("x"));
    let removed = Scene::of(&[&deep, &[file(".wh.d", "")]]);
    removed.unpack(json!({}));
    assert!(!removed.has("d"));
    Scene::of(&[&deep, &[file("../x", "")]]).fails(json!({}));
}

#[test]
fn e9_memory_does_not_grow_with_an_image() {
    const SIZE: usize = 300 << 20;
    if let Some(told) = children::told() {
        let (layout, root) = told.split_once(' ').expect("two paths");
        let service = Service::parse("{}").expect("a service");
        let options = UnpackOptions::parse(Some("{}")).expect("options");
        unpack::unpack(&service, layout, root, options, Call::new(None)).expect("unpack");
        return;
    }
    // One large file, and many small ones.
    let mut large = archive(&[file("x", "")]);
    large[124..135].copy_from_slice(format!("{SIZE:011o}").as_bytes());
    large[148..156].copy_from_slice(b"        ");
    let sum: u32 = large[..512].iter().copied().map(u32::from).sum();
    large[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    large.truncate(512);
    large.resize(512 + SIZE, 0);
    let many: Vec<Entry> = (0..20_000).map(|n| file(&format!("d{}/f{n}", n % 100), "x")).collect();
    let scene = Scene::new(&Layers::of(vec![large, archive(&many)]).image());
    let told = format!("{} {}", scene.source(), scene.root().display());
    let mut child = children::command("e9_memory_does_not_grow_with_an_image", &told);
    let run = children::expect_success(&mut child);
    let peak = run.peak_kib;
    // A debug build of the whole test program is part of it.
    assert!(peak < 40 << 10, "{peak} KiB");
    assert_eq!(fs::metadata(scene.root().join("x")).expect("a file").len(), SIZE as u64);
}

#[test]
fn e10_layers_must_be_what_the_configuration_says() {
    let entries = [archive(&[file("a", "1")]), archive(&[file("b", "2")])];
    let truth = |archives: &[Vec<u8>]| -> Vec<String> {
        archives.iter().map(|a| ocireg_testkit::digest::sha256(a)).collect()
    };
    let [one, two] = <[String; 2]>::try_from(truth(&entries)).expect("two");
    for diff_ids in [
        vec![one.clone(), one.clone()],
        vec![two.clone(), one.clone()],
        vec![one.clone()],
        vec![one.clone(), two.clone(), two.clone()],
        vec![],
    ] {
        let layers = Layers { diff_ids: Some(diff_ids), ..Layers::of(entries.to_vec()) };
        let error = Scene::new(&layers.image()).fails(json!({}));
        let found = (error.code(), error.details().what);
        assert_eq!(found, (Code::DigestMismatch, Some("diff_id")), "{error}");
    }
    // Bytes that are not what the manifest says, damaged in ways that decompression or the archive shows first.
    let image = Layers::of(entries.to_vec()).image();
    for (at, byte) in [(0, 0), (40, 0xff), (usize::MAX, 1)] {
        let scene = Scene::new(&image);
        let hex = image.manifests[0].layers[1].trim_start_matches("sha256:");
        let path = scene.dir.path().join("layout/blobs/sha256").join(hex);
        let mut bytes = fs::read(&path).expect("a blob");
        let at = at.min(bytes.len() - 1);
        bytes[at] ^= if byte == 0 { 0xff } else { byte };
        fs::write(&path, bytes).expect("write a blob");
        let error = scene.fails(json!({}));
        assert_eq!(
            (error.code(), error.details().what),
            (Code::DigestMismatch, None),
            "{at}: {error}"
        );
    }
    // A layer that is missing.
    let scene = Scene::new(&image);
    let hex = image.manifests[0].layers[1].trim_start_matches("sha256:");
    fs::remove_file(scene.dir.path().join("layout/blobs/sha256").join(hex)).expect("remove");
    assert_eq!(scene.fails(json!({})).code(), Code::NotFound);
    // Right, but no archive.
    for bytes in [b"not an archive at all".repeat(100), vec![1; 512]] {
        let error = Scene::new(&Layers::of(vec![bytes]).image()).fails(json!({}));
        assert_eq!(error.code(), Code::InvalidManifest, "{error}");
        assert!(error.to_string().contains("sha256:"), "{error}");
    }
}

fn many_files(count: usize) -> Image {
    let entries: Vec<Entry> =
        (0..count).map(|n| file(&format!("d{}/file-{n}", n % 10), &"x".repeat(2000))).collect();
    Layers::entries(&[&entries]).image()
}

#[test]
fn e11_a_full_disk_leaves_nothing() {
    const TEST: &str = "e11_a_full_disk_leaves_nothing";
    if let Some(told) = children::told() {
        let small = Path::new(&told);
        for exists in [false, true] {
            let root = small.join("root");
            if exists {
                fs::create_dir(&root).expect("a directory");
            }
            let service = Service::parse("{}").expect("a service");
            let options = UnpackOptions::parse(None).expect("options");
            let source = std::env::var("OCIREG_SOURCE").expect("a source");
            let root_text = root.display().to_string();
            let error = unpack::unpack(&service, &source, &root_text, options, Call::new(None));
            assert_eq!(error.expect_err("it is full").code(), Code::NoSpace);
            let names = |path: &Path| fs::read_dir(path).expect("a directory").count();
            assert_eq!(names(small), usize::from(exists));
            assert!(!exists || names(&root) == 0);
        }
        return;
    }
    let scene = Scene::new(&many_files(3000));
    let small = ocireg_testkit::tempdir();
    let setup = format!("mount -t tmpfs -o size=1m none {}", small.path().display());
    let source = PathBuf::from(scene.source());
    let told = small.path().display().to_string();
    children::apart(TEST, &told, "--mount", &setup, &[("OCIREG_SOURCE", &source)]);
}

#[test]
fn e11_a_call_that_ends_early_leaves_nothing() {
    let scene = Scene::new(&many_files(5000));
    for exists in [false, true] {
        for after in [0, 5, 40, 120] {
            if exists {
                fs::create_dir(scene.root()).expect("a directory");
            }
            let context = Context::new().expect("a context");
            let cancel = context.clone();
            let later = std::thread::spawn(move || {
                std::thread::sleep(Duration::from_millis(after));
                cancel.cancel();
            });
            let ended = scene.run(&json!({}), Call::new(Some(&context)));
            later.join().expect("a thread");
            match ended {
                Ok(_) => fs::remove_dir_all(scene.root()).expect("remove"),
                Err(error) => {
                    assert_eq!(error.code(), Code::Cancelled, "{error}");
                    if exists {
                        assert_eq!(fs::read_dir(scene.root()).expect("emptied").count(), 0);
                        fs::remove_dir(scene.root()).expect("remove");
                    }
                    scene.check_left("after a cancellation");
                }
            }
        }
    }
    // The callback says stop.
    let context = Context::new().expect("a context");
    context.set_progress(Some(Box::new(|done, total, _| done > 0 && total > 0)));
    let error = scene.run(&json!({}), Call::new(Some(&context))).expect_err("stopped");
    assert_eq!((error.code(), error.details().cancelled_by), (Code::Cancelled, Some("progress")));
    scene.check_left("after the callback said stop");
    let context = Context::new().expect("a context");
    context.set_timeout(Duration::from_millis(1));
    let error = scene.run(&json!({}), Call::new(Some(&context))).expect_err("too late");
    assert_eq!(error.code(), Code::Deadline);
    scene.check_left("after the deadline");
}

#[test]
fn e11_a_killed_process_leaves_what_the_next_call_removes() {
    const TEST: &str = "e11_a_killed_process_leaves_what_the_next_call_removes";
    if let Some(told) = children::told() {
        let (layout, root) = told.split_once(' ').expect("two paths");
        let service = Service::parse("{}").expect("a service");
        let options = UnpackOptions::parse(None).expect("options");
        println!("begun");
        unpack::unpack(&service, layout, root, options, Call::new(None)).expect("unpack");
        return;
    }
    let scene = Scene::new(&many_files(1000));
    let told = format!("{} {}", scene.source(), scene.root().display());
    let whole = |root: &Path| root.join("d9/file-999").exists();
    let (mut cut, mut finished) = (0, 0);
    for n in 0..200_u64 {
        let exists = n % 2 == 1;
        if exists {
            fs::create_dir(scene.root()).expect("a directory");
        }
        let mut child = children::command(TEST, &told);
        let child = child.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
        let mut child = child.spawn().expect("a child");
        // Whether it had begun is for chance to say.
        std::thread::sleep(Duration::from_millis(5 + (n * 7919) % 240));
        child.kill().expect("kill");
        child.wait().expect("wait");
        if whole(&scene.root()) {
            finished += 1;
        } else if exists {
            // Nothing of the image is in its place: all there may be is a directory with a temporary name.
            let names: Vec<_> =
                fs::read_dir(scene.root()).expect("a directory").flatten().collect();
            let left = |name: &fs::DirEntry| {
                let name = name.file_name().to_string_lossy().into_owned();
                name.starts_with(".ocireg-tmp-") || name.starts_with('d')
            };
            assert!(names.iter().all(left), "{names:?}");
            cut += usize::from(!names.is_empty());
        } else {
            assert!(!scene.root().exists());
            cut += usize::from(fs::read_dir(scene.dir.path()).expect("names").count() > 2);
        }
        scene.check_outside();
        // The next call is not in its way.
        if n % 20 >= 18 && !whole(&scene.root()) {
            scene.unpack(json!({}));
            assert!(whole(&scene.root()));
            let names = fs::read_dir(scene.dir.path()).expect("names").count();
            assert_eq!(names, 3, "the temporary directories are gone");
            let names = fs::read_dir(scene.root()).expect("names").count();
            assert_eq!(names, 10);
        }
        if scene.root().exists() {
            fs::remove_dir_all(scene.root()).expect("remove");
        }
    }
    assert!(cut > 10, "{cut} were cut, {finished} finished");
    // What a living call has is left alone.
    let (one, two) = (scene.source(), scene.root().display().to_string());
    let both: Vec<_> = (0..2)
        .map(|_| {
            let (source, root) = (one.clone(), two.clone());
            std::thread::spawn(move || {
                let service = Service::parse("{}").expect("a service");
                let options = UnpackOptions::parse(None).expect("options");
                unpack::unpack(&service, &source, &root, options, Call::new(None)).map(drop)
            })
        })
        .collect();
    let done: Vec<_> = both.into_iter().map(|t| t.join().expect("a thread")).collect();
    assert!(done.iter().any(Result::is_ok), "{done:?}");
    assert!(whole(&scene.root()));
    for error in done.into_iter().filter_map(Result::err) {
        assert_eq!(error.code(), Code::InvalidArgument, "{error}");
    }
}

#[test]
fn e12_names_that_fold_are_never_one_file() {
    const TEST: &str = "e12_names_that_fold_are_never_one_file";
    let unpack_to = |source: &str, root: &Path| {
        let service = Service::parse("{}").expect("a service");
        let options = UnpackOptions::parse(None).expect("options");
        let root = root.display().to_string();
        unpack::unpack(&service, source, &root, options, Call::new(None))
    };
    if let Some(told) = children::told() {
        let root = Path::new(&told).join("root");
        for (n, fine) in [true, false, false, false, true].into_iter().enumerate() {
            let source = std::env::var("OCIREG_SOURCE").expect("a source");
            let unpacked = unpack_to(&format!("{source}-{n}:image"), &root);
            assert_eq!(unpacked.is_ok(), fine, "{n}: {unpacked:?}");
            if let Err(error) = unpacked {
                assert_eq!(error.details().what, Some("entry"), "{error}");
            } else {
                fs::remove_dir_all(&root).expect("remove");
            }
        }
        return;
    }
    let layers: [&[Entry]; 5] = [
        &[file("a", "1"), file("b/c", "2"), file("a", "3")],
        &[file("Readme", "1"), file("README", "2")],
        &[dir("Etc"), file("etc/passwd", "2")],
        &[file("stra\u{df}e", "1"), file("STRASSE", "2")],
        &[file("a", "1"), file(".wh.b", "")],
    ];
    let dir = ocireg_testkit::tempdir();
    for (n, layer) in layers.iter().enumerate() {
        let image = Layers::entries(&[layer]).image();
        image.write_layout(&dir.path().join(format!("l-{n}")), "image");
        // Elsewhere there are as many files as names.
        let root = dir.path().join("root");
        unpack_to(&format!("oci:{}:image", dir.path().join(format!("l-{n}")).display()), &root)
            .expect("unpack");
        fs::remove_dir_all(&root).expect("remove");
    }
    let folding = ocireg_testkit::tempdir();
    let at = folding.path().display();
    let setup = format!("mount -t tmpfs -o casefold none {at} && chattr +F {at}");
    let source = PathBuf::from(format!("oci:{}", dir.path().join("l").display()));
    // Kernels from 6.13 on can do it, if they know Unicode.
    let possible = std::process::Command::new("unshare")
        .args(["--mount", "sh", "-c", &setup])
        .output()
        .is_ok_and(|output| output.status.success());
    if possible {
        children::apart(TEST, &at.to_string(), "--mount", &setup, &[("OCIREG_SOURCE", &source)]);
    }
}

#[test]
fn e13_owners_are_mapped_or_refused() {
    let image = || {
        Scene::of(&[&[
            file("a", "").owner(0, 0),
            file("b", "").owner(1000, 100),
            dir("implied/c").owner(1000, 0),
        ]])
    };
    let range = |container: u64, host: u64, size: u64| json!({"container": container, "host": host, "size": size});
    // Before anything is done.
    for map in [
        json!([range(0, 1000, 0)]),
        json!([range(0, 1000, 10), range(5, 5000, 10)]),
        json!([range(0, 1000, 10), range(10, 1009, 10)]),
        json!([range(0, 4_294_967_295, 2)]),
        json!([{"container": 0, "size": 1}]),
    ] {
        for key in ["uid_map", "gid_map"] {
            let error = image().fails(json!({key: map}));
            assert_eq!(error.code(), Code::InvalidArgument, "{map}: {error}");
            assert!(
                error.details().argument.as_deref().is_some_and(|a| a.starts_with(key)),
                "{error:?}"
            );
        }
    }
    let both = json!({"ownership": "current", "uid_map": [range(0, 0, 1)]});
    assert_eq!(image().fails(both).code(), Code::InvalidArgument);
    let missing = image().fails(json!({
        "uid_map": [range(0, u64::from(rustix::process::geteuid().as_raw()), 1)],
        "gid_map": [range(0, u64::from(rustix::process::getegid().as_raw()), 1)],
    }));
    assert_eq!((missing.code(), missing.details().what), (Code::Permission, Some("entry")));
    assert!(missing.to_string().contains("\"b\""), "{missing}");
    let current = image();
    current.unpack(json!({"ownership": "current"}));
    let owner = |scene: &Scene, path: &str| {
        let state = fs::symlink_metadata(scene.root().join(path)).expect("a state");
        (state.uid(), state.gid())
    };
    let own = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    assert_eq!((owner(&current, "a"), owner(&current, "b")), (own, own));
    for id in [-1, 4_294_967_295, 1 << 40] {
        let scene = Scene::of(&[&[file("f", "").owner(id, 0)]]);
        assert_names(&scene.fails(json!({"ownership": "preserve"})), "f");
        scene.unpack(json!({"ownership": "current"}));
    }
    if !is_root() {
        let error = image().fails(json!({"ownership": "preserve"}));
        assert_eq!((error.code(), error.details().what), (Code::Permission, Some("entry")));
        return;
    }
    let mapped = image();
    mapped.unpack(json!({
        "uid_map": [range(0, 100_000, 1), range(1000, 200_000, 50)],
        "gid_map": [range(0, 300_000, 101)],
    }));
    assert_eq!(owner(&mapped, "a"), (100_000, 300_000));
    assert_eq!(owner(&mapped, "b"), (200_000, 300_100));
    assert_eq!(owner(&mapped, "implied/c"), (200_000, 300_000));
    for implied in ["", "implied"] {
        assert_eq!(owner(&mapped, implied), (100_000, 300_000), "{implied:?}");
    }
    let kept = Scene::of(&[&[file("f", "").owner(1 << 31, 4_294_967_294)]]);
    kept.unpack(json!({}));
    assert_eq!(owner(&kept, "f"), (1 << 31, u32::MAX - 1));
}

#[test]
fn e14_the_directory_that_was_opened_counts() {
    let image = many_files(3000);
    // A link to a directory that the caller names is followed, once.
    let scene = Scene::new(&image);
    let real = scene.dir.path().join("real");
    fs::create_dir(&real).expect("a directory");
    fs::set_permissions(&real, fs::Permissions::from_mode(0o710)).expect("chmod");
    symlink("real", scene.root()).expect("a link");
    scene.unpack(json!({}));
    assert!(real.join("d9/file-2999").exists());
    // The image says nothing of the root.
    assert_eq!(fs::metadata(&real).expect("a state").mode() & 0o7777, 0o710);

    // Moved away, and a link to elsewhere put in its place, in the middle of the call.
    let scene = Scene::new(&image);
    let (root, moved) = (scene.root(), scene.dir.path().join("moved"));
    fs::create_dir(&root).expect("a directory");
    let (from, to, outside) = (root.clone(), moved.clone(), scene.outside());
    let swap = std::thread::spawn(move || {
        while fs::read_dir(&from).is_ok_and(|mut names| names.next().is_none()) {}
        fs::rename(&from, &to).expect("move the root");
        symlink(outside, &from).expect("a link");
    });
    scene.unpack(json!({}));
    swap.join().expect("a thread");
    assert!(moved.join("d9/file-2999").exists());

    let scene = Scene::new(&image);
    symlink("nowhere", scene.root()).expect("a link");
    let error = scene.run(&json!({}), Call::new(None)).expect_err("a link to nowhere");
    assert_eq!(error.code(), Code::InvalidArgument, "{error}");
    assert!(!scene.dir.path().join("nowhere").exists());
}

#[test]
fn a_target_is_absent_or_empty() {
    let scene = Scene::of(&[&[file("f", "")]]);
    fs::create_dir(scene.root()).expect("a directory");
    fs::write(scene.root().join("mine"), "mine").expect("a file");
    let error = scene.run(&json!({}), Call::new(None)).expect_err("it is not empty");
    assert_eq!(error.code(), Code::InvalidArgument);
    assert_eq!(error.details().argument.as_deref(), Some("directory"));
    assert!(error.hint_text().is_some());
    assert_eq!(scene.read("mine"), "mine");
    fs::remove_dir_all(scene.root()).expect("remove");
    fs::write(scene.root(), "").expect("a file");
    let error = scene.run(&json!({}), Call::new(None)).expect_err("it is a file");
    assert_eq!(error.code(), Code::InvalidArgument);
    fs::remove_file(scene.root()).expect("remove");
    let error = scene.run(&json!({}), Call::new(None));
    error.expect("absent");
    let service = Service::parse("{}").expect("a service");
    for (directory, code) in
        [(scene.dir.path().join("no/such/root"), Code::Io), (PathBuf::new(), Code::InvalidArgument)]
    {
        let options = UnpackOptions::parse(None).expect("options");
        let directory = directory.display().to_string();
        let done = unpack::unpack(&service, &scene.source(), &directory, options, Call::new(None));
        assert_eq!(done.expect_err("nowhere").code(), code, "{directory:?}");
    }
}

#[test]
fn relative_paths_begin_at_the_directory_of_the_caller() {
    use std::os::fd::AsRawFd;
    let scene = Scene::of(&[&[file("f", "1")]]);
    let opened = fs::File::open(scene.dir.path()).expect("a directory");
    let options = json!({"dir_fd": opened.as_raw_fd(), "layout": "oci:kept"}).to_string();
    let options = UnpackOptions::parse(Some(&options)).expect("options");
    let service = Service::parse("{}").expect("a service");
    unpack::unpack(&service, "oci:layout", "root", options, Call::new(None)).expect("unpack");
    assert_eq!(scene.read("f"), "1");
    assert!(scene.dir.path().join("kept/index.json").exists());
}

#[test]
fn a_registry_gives_it_in_one_stream() {
    use ocireg_testkit::{Auth, Registry, ServerOptions};
    let password = ocireg_testkit::canary::canary();
    let auth = Auth::basic("alice", &password);
    let registry = Registry::start(ServerOptions::default(), auth);
    registry.may_receive(&password);
    let layers = Layers::entries(&[&[file("a", "1")], &[file("b", &"2".repeat(1 << 20))]]);
    let image = layers.image();
    image.push_to(&registry, "app", "1");
    let service = Service::parse("{}").expect("a service");
    let dir = ocireg_testkit::tempdir();
    let root = dir.path().join("root");
    let source = format!("{}/app:1", registry.host());
    let run = |auth: Value| {
        let options = json!({"platform": "linux/arm64", "auth": auth}).to_string();
        let options = UnpackOptions::parse(Some(&options)).expect("options");
        let root = root.display().to_string();
        unpack::unpack(&service, &source, &root, options, Call::new(None))
    };
    assert_eq!(run(json!({})).expect_err("anonymous").code(), Code::Unauthorized);
    assert_eq!(fs::read_dir(dir.path()).expect("names").count(), 0);
    let host = registry.host();
    let report = run(json!({"username": "alice", "password": password, "serveraddress": host}));
    let report = serde_json::to_value(report.expect("unpack")).expect("JSON");
    assert_eq!(fs::read(root.join("b")).expect("a file").len(), 1 << 20);
    assert_eq!(fs::read_dir(dir.path()).expect("names").count(), 1, "nothing else is kept");
    assert_eq!(report["bytes_transferred"], report["bytes_total"]);
    assert_eq!(report["blobs"][1]["source"], "network");
    assert!(report["endpoint"]["url"].as_str().is_some_and(|url| url.contains(&host)));
    let warning = report["warnings"][0].as_str().expect("a warning");
    assert!(warning.contains("linux/amd64") && warning.contains("linux/arm64"), "{warning}");
}

#[test]
fn a_layout_keeps_the_image_as_well() {
    use ocireg_testkit::Registry;
    let registry = Registry::plain();
    let image = many_files(50);
    image.push_to(&registry, "app", "1");
    let dir = ocireg_testkit::tempdir();
    let service = Service::parse("{}").expect("a service");
    let source = format!("{}/app:1", registry.host());
    let run = |root: &str| {
        let layout = format!("oci:{}", dir.path().join("kept").display());
        let options = UnpackOptions::parse(Some(&json!({"layout": layout}).to_string()));
        let root = dir.path().join(root).display().to_string();
        let options = options.expect("options");
        let done = unpack::unpack(&service, &source, &root, options, Call::new(None));
        serde_json::to_value(done.expect("unpack")).expect("JSON")
    };
    let first = run("one");
    assert_eq!(first["blobs"][1]["source"], "network");
    let second = run("two");
    assert_eq!(second["blobs"][1]["source"], "present", "{second}");
    // Directories that no entry describes have the time at which they were made.
    let look = Look { directory_times: false, ..Look::all() };
    let tree = |root: &str| Tree::read(&dir.path().join(root), look);
    assert_eq!(tree("one").differences(&tree("two")), Vec::<String>::new());
    // What was kept is a whole image of its own.
    let layout = format!("oci:{}:{}", dir.path().join("kept").display(), source);
    let options = UnpackOptions::parse(None).expect("options");
    let root = dir.path().join("three").display().to_string();
    unpack::unpack(&service, &layout, &root, options, Call::new(None)).expect("unpack");
    assert_eq!(tree("one").differences(&tree("three")), Vec::<String>::new());
    let options = UnpackOptions::parse(Some(r#"{"layout":"docker://x"}"#)).expect("options");
    let root = dir.path().join("four").display().to_string();
    let error = unpack::unpack(&service, &layout, &root, options, Call::new(None));
    assert_eq!(error.expect_err("not a layout").code(), Code::InvalidArgument);
}
