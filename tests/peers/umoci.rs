//! Trees that this library unpacks, and those that umoci makes of the same images: as root, and as somebody who is not.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::process::Command;

use ocireg::call::Call;
use ocireg::client::options::UnpackOptions;
use ocireg::client::unpack;
use ocireg::registry::service::Service;
use ocireg_testkit::rootfs::{Entry, Layers, Look, Stored, Tree};

use crate::c_surface::children;

const NOBODY: u32 = 65534;

/// Numbers that look random, and are the same each time.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }

    fn of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[usize::try_from(self.below(all.len() as u64)).expect("an index")]
    }
}

/// What an image is made of so far: paths and type flags.
#[derive(Default)]
struct Model {
    all: BTreeMap<String, u8>,
    /// The paths that the layer at hand has made.
    layer: BTreeMap<String, u8>,
}

impl Model {
    fn remove(&mut self, path: &str) {
        let below = format!("{path}/");
        self.all.retain(|known, _| known != path && !known.starts_with(&below));
        self.layer.retain(|known, _| known != path && !known.starts_with(&below));
    }

    fn add(&mut self, path: &str, kind: u8) {
        if kind != b'5' || self.all.get(path) != Some(&b'5') {
            self.remove(path);
        }
        self.all.insert(path.to_owned(), kind);
        self.layer.insert(path.to_owned(), kind);
    }

    fn paths(&self, kind: u8) -> Vec<String> {
        self.all.iter().filter(|(_, k)| **k == kind).map(|(path, _)| path.clone()).collect()
    }
}

fn attributes(entry: Entry, random: &mut Random) -> Entry {
    let modes = [0o644, 0o755, 0o600, 0o4755, 0o2755, 0o1777, 0o444];
    let times =
        [(0, 0), (1_000_000_000, 0), (1_600_000_000, 123_456_789), (-1, 0), (5_000_000_000, 1)];
    let mode = *random.of(&modes) | if entry.kind == b'5' { 0o700 } else { 0 };
    let (seconds, nanoseconds) = *random.of(&times);
    let owners = [(0, 0), (1000, 100), (70_000, 0), (3_000_000_000, 4_000_000_000)];
    let (uid, gid) = *random.of(&owners);
    let entry = entry.mode(mode).mtime(seconds, nanoseconds).owner(uid, gid);
    // umoci takes them away from directories that something is made in.
    if entry.kind == b'0' && random.below(5) == 0 {
        return entry.xattr("user.name", format!("value {}", random.below(100)));
    }
    entry
}

/// A layer of an image.
fn layer(model: &mut Model, random: &mut Random, number: u64) -> Vec<Entry> {
    model.layer.clear();
    let mut entries = Vec::new();
    for _ in 0..40 {
        let mut parents = model.paths(b'5');
        parents.push(String::new());
        let parent = random.of(&parents).clone();
        let name = format!("{}{}", random.of(&["a", "b", "c", "long-name-"]), random.below(4));
        let path = if parent.is_empty() { name.clone() } else { format!("{parent}/{name}") };
        if path.len() > 200 {
            continue;
        }
        let below = |name: &str| {
            if parent.is_empty() { name.to_owned() } else { format!("{parent}/{name}") }
        };
        let entry = match random.below(20) {
            0..=6 => {
                let size = random.below(5000);
                let text =
                    format!("{number} {path} ").repeat(usize::try_from(size / 8).expect("a size"));
                Entry::file(&path, text)
            }
            7..=11 => Entry::dir(&path),
            12..=13 => {
                let targets = ["a0", "/b1", "../../..", "nowhere", "./c2/../a1"];
                Entry::symlink(&path, random.of(&targets))
            }
            14..=15 => {
                let files = model.paths(b'0');
                let Some(target) = files.first().map(|_| random.of(&files).clone()) else {
                    continue;
                };
                if target == path || target.starts_with(&format!("{path}/")) {
                    continue;
                }
                let link = Entry::hard_link(&path, &target);
                model.add(&path, b'0');
                entries.push(link);
                continue;
            }
            16 => Entry::new(b'6', &path),
            17 | 18 => {
                // Of something that only lower layers have.
                let hidden: Vec<String> = model
                    .all
                    .keys()
                    .filter(|path| !model.layer.contains_key(*path))
                    .cloned()
                    .collect();
                let Some(hidden) = hidden.first().map(|_| random.of(&hidden).clone()) else {
                    continue;
                };
                let inner = format!("{hidden}/");
                if model.layer.keys().any(|path| path.starts_with(&inner)) {
                    continue;
                }
                model.remove(&hidden);
                let (dir, name) = hidden.rsplit_once('/').unwrap_or(("", &hidden));
                let whiteout = format!(".wh.{name}");
                let at = if dir.is_empty() { whiteout } else { format!("{dir}/{whiteout}") };
                entries.push(Entry::file(at, ""));
                continue;
            }
            _ => {
                let inner = if parent.is_empty() { String::new() } else { format!("{parent}/") };
                let kept = model.layer.clone();
                model.all.retain(|path, _| !path.starts_with(&inner) || kept.contains_key(path));
                entries.push(Entry::file(below(".wh..wh..opq"), ""));
                continue;
            }
        };
        model.add(&path, entry.kind);
        entries.push(attributes(entry, random));
    }
    entries
}

fn image(seed: u64) -> Layers {
    let mut random = Random(seed);
    let mut model = Model::default();
    let layers: Vec<Vec<Entry>> = (0..4).map(|n| layer(&mut model, &mut random, n)).collect();
    let layers: Vec<&[Entry]> = layers.iter().map(Vec::as_slice).collect();
    let stored = if seed.is_multiple_of(2) { Stored::Gzip } else { Stored::Plain };
    Layers { stored, ..Layers::entries(&layers) }
}

fn umoci(layout: &Path, bundle: &Path, nobody: bool) {
    let image = format!("{}:image", layout.display());
    let mut arguments = vec!["umoci", "unpack", "--image", &image];
    if nobody {
        arguments.push("--rootless");
    }
    let bundle = bundle.display().to_string();
    arguments.push(&bundle);
    let output = as_user(&arguments, nobody).output().expect("run umoci");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A command as it is, or as somebody without rights.
fn as_user(arguments: &[&str], nobody: bool) -> Command {
    if !nobody || !rustix::process::geteuid().is_root() {
        let mut command = Command::new(arguments[0]);
        command.args(&arguments[1..]);
        return command;
    }
    let mut command = Command::new("setpriv");
    let id = NOBODY.to_string();
    command.args(["--reuid", &id, "--regid", &id, "--clear-groups", "--"]).args(arguments);
    command.env("HOME", "/nonexistent");
    command
}

fn unpack_here(layout: &Path, root: &Path) {
    let service = Service::parse("{}").expect("a service");
    let options = UnpackOptions::parse(None).expect("options");
    let (source, root) = (format!("oci:{}:image", layout.display()), root.display().to_string());
    unpack::unpack(&service, &source, &root, options, Call::new(None)).expect("unpack");
}

fn compare(test: &str, nobody: bool, look: Look) {
    if let Some(told) = children::told() {
        let (layout, root) = told.split_once(' ').expect("two paths");
        return unpack_here(Path::new(layout), Path::new(root));
    }
    let rounds =
        std::env::var("OCIREG_PEERS_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(12);
    let dir = ocireg_testkit::tempdir();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).expect("chmod");
    // Not everybody may read where this program was built.
    let program = dir.path().join("program");
    fs::copy(std::env::current_exe().expect("this program"), &program).expect("copy this program");
    for seed in 0..rounds {
        let at = dir.path().join(seed.to_string());
        fs::create_dir(&at).expect("a directory");
        if nobody && rustix::process::geteuid().is_root() {
            chown(&at, Some(NOBODY), Some(NOBODY)).expect("chown");
        }
        let (layout, bundle, root) = (at.join("layout"), at.join("bundle"), at.join("root"));
        image(seed).image().write_layout(&layout, "image");
        umoci(&layout, &bundle, nobody);
        let told = format!("{} {}", layout.display(), root.display());
        let program = program.display().to_string();
        let mut command = as_user(&[&program, "--exact", test, "--nocapture"], nobody);
        children::expect_success(command.env("OCIREG_CHILD", told));
        let theirs = Tree::read(&bundle.join("rootfs"), look);
        let ours = Tree::read(&root, look);
        assert_eq!(ours.differences(&theirs), Vec::<String>::new(), "image {seed}: ours | umoci's");
        assert!(ours.0.len() > 5, "image {seed} is not empty");
        fs::remove_dir_all(&at).expect("remove");
    }
}

#[test]
fn trees_are_those_of_umoci_as_root() {
    if rustix::process::geteuid().is_root() {
        // Of a directory that loses something, umoci sets the time to that of the call.
        let look = Look { directory_times: false, ..Look::all() };
        compare("umoci::trees_are_those_of_umoci_as_root", false, look);
    }
}

#[test]
fn trees_are_those_of_umoci_as_nobody() {
    // umoci notes the owners that it cannot give in an extended attribute.
    let look = Look { devices: true, owners: false, xattrs: false, directory_times: false };
    compare("umoci::trees_are_those_of_umoci_as_nobody", true, look);
}
