//! What is in a layout before a pull: it counts only if it is what its name says.

use std::fs::{self, File, FileTimes};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::c_surface::{Service, layouts};
use ocireg_testkit::image::{Image, Spec};
use ocireg_testkit::{Registry, TempDir};
use serde_json::{Value, json};

const MARKS: &str = ".ocireg-verified";

struct Scene {
    service: Service,
    registry: Registry,
    image: Image,
    layout: TempDir,
}

impl Scene {
    fn new() -> Self {
        let registry = Registry::plain();
        let image = Spec::sized(2, 50_000).build();
        image.push_to(&registry, "demo/app", "1");
        let service = Service::bare(json!({}));
        Self { service, registry, image, layout: ocireg_testkit::tempdir() }
    }

    /// Pulls; gives how many blobs were asked for.
    fn pull(&self, options: &Value) -> usize {
        let count =
            || self.registry.requests().iter().filter(|r| r.target.contains("/blobs/")).count();
        let before = count();
        let destination = format!("oci:{}:x", self.layout.path().display());
        let reference = format!("{}/demo/app:1", self.registry.host());
        self.service.pull(None, &reference, &destination, options).expect("a pull");
        layouts::assert_holds(self.layout.path(), &self.image);
        count() - before
    }

    fn path(&self, digest: &str) -> PathBuf {
        self.layout.path().join("blobs/sha256").join(digest.trim_start_matches("sha256:"))
    }

    fn layer(&self) -> &str {
        &self.image.manifests[0].layers[0]
    }

    fn config(&self) -> &str {
        &self.image.manifests[0].config
    }
}

/// Turns a bit in the middle of a file, whose size stays.
fn damage(path: &Path) {
    let file = File::options().read(true).write(true).open(path).expect("a blob");
    let middle = file.metadata().expect("its size").len() / 2;
    let mut byte = [0];
    file.read_exact_at(&mut byte, middle).expect("a byte");
    file.write_all_at(&[byte[0] ^ 1], middle).expect("another byte");
}

#[test]
fn what_is_there_and_right_is_not_fetched_again() {
    let scene = Scene::new();
    assert_eq!(scene.pull(&json!({})), 3);
    for options in [json!({}), json!({"verify_present": true}), json!({"verify_present": false})] {
        assert_eq!(scene.pull(&options), 0, "{options}");
    }
    // Nor is what another program put there, or what was copied: it is hashed.
    fs::remove_file(scene.layout.path().join(MARKS)).expect("the marks");
    let copy = fs::read(scene.path(scene.layer())).expect("a layer");
    fs::remove_file(scene.path(scene.layer())).expect("the layer");
    fs::write(scene.path(scene.layer()), copy).expect("a layer");
    assert_eq!(scene.pull(&json!({})), 0);
}

#[test]
fn what_is_damaged_is_repaired_though_its_size_is_right() {
    let scene = Scene::new();
    scene.pull(&json!({}));
    for (what, digest, fetched) in [
        ("the manifest", scene.image.digest.as_str(), 0),
        ("the configuration", scene.config(), 1),
        ("a layer", scene.layer(), 1),
    ] {
        damage(&scene.path(digest));
        assert_eq!(scene.pull(&json!({})), fetched, "{what}");
        assert_eq!(scene.pull(&json!({})), 0, "{what}");
    }
}

#[test]
fn a_layer_of_another_program_is_hashed_before_it_counts() {
    let scene = Scene::new();
    scene.pull(&json!({}));
    fs::remove_file(scene.layout.path().join(MARKS)).expect("the marks");
    damage(&scene.path(scene.layer()));
    assert_eq!(scene.pull(&json!({})), 1);
    // A time that was set back hides nothing.
    let path = scene.path(scene.layer());
    let modified = fs::metadata(&path).and_then(|m| m.modified()).expect("a time");
    damage(&path);
    let file = File::options().write(true).open(&path).expect("the layer");
    file.set_times(FileTimes::new().set_modified(modified)).expect("the old time");
    assert_eq!(scene.pull(&json!({})), 1);
}

#[test]
fn marks_are_believed_unless_everything_is_to_be_hashed() {
    let scene = Scene::new();
    scene.pull(&json!({}));
    let path = scene.path(scene.layer());
    damage(&path);
    // Whoever may write to the layout may forge a mark; a disk that rots needs none.
    let state = std::process::Command::new("stat")
        .args(["-c", "%s %.9Y %.9Z %i"])
        .arg(&path)
        .output()
        .expect("stat");
    let state = String::from_utf8(state.stdout).expect("text");
    let strip = |time: &str| {
        let (seconds, nanos) = time.split_once(['.', ',']).expect("a fraction");
        format!("{seconds}.{}", nanos.parse::<u32>().expect("nanoseconds"))
    };
    let parts: Vec<_> = state.split_whitespace().collect();
    let line = format!(
        "{} {} {} {} {}\n",
        scene.layer(),
        parts[0],
        strip(parts[1]),
        strip(parts[2]),
        parts[3]
    );
    fs::write(scene.layout.path().join(MARKS), line).expect("marks");
    let destination = format!("oci:{}:x", scene.layout.path().display());
    let reference = format!("{}/demo/app:1", scene.registry.host());
    let before = fs::read(&path).expect("the layer");
    scene.service.pull(None, &reference, &destination, &json!({})).expect("a pull");
    assert_eq!(fs::read(&path).expect("the layer"), before, "its mark was believed");
    assert_eq!(scene.pull(&json!({"verify_present": true})), 1);
}

#[test]
fn marks_that_cannot_be_read_are_none() {
    let scene = Scene::new();
    scene.pull(&json!({}));
    let marks = scene.layout.path().join(MARKS);
    for text in [vec![0xff; 100], b"nonsense\n\n \nsha256:x 1\n".to_vec(), vec![b'x'; 5 << 20]] {
        fs::write(&marks, text).expect("marks");
        damage(&scene.path(scene.layer()));
        assert_eq!(scene.pull(&json!({})), 1);
        assert_eq!(scene.pull(&json!({})), 0);
        assert!(fs::metadata(&marks).expect("marks").len() < 6 << 20);
    }
}
