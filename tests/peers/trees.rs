//! Images for programs that apply layers: made of what no two programs should see differently, and of packages that are
//! installed on this machine.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use ocireg_testkit::rootfs::{self, Entry, Layers, Stored};

/// Somebody without rights.
pub const NOBODY: u32 = 65534;

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
    /// Entries of files, which links to them repeat.
    files: BTreeMap<String, Entry>,
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

/// What a layer may do.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// What every program applies alike: whiteouts come first, no path comes twice, and links say of files what those say of
    /// themselves.
    Orderly,
    /// Anything that means something.
    Any,
}

/// A layer of an image.
fn layer(model: &mut Model, random: &mut Random, number: u64, manner: Manner) -> Vec<Entry> {
    model.layer.clear();
    let mut entries = Vec::new();
    for step in 0..40 {
        let mut parents = model.paths(b'5');
        parents.push(String::new());
        let parent = random.of(&parents).clone();
        let name = format!("{}{}", random.of(&["a", "b", "c", "long-name-"]), random.below(4));
        let path = if parent.is_empty() { name.clone() } else { format!("{parent}/{name}") };
        if path.len() > 200 {
            continue;
        }
        let inner = format!("{path}/");
        let is_taken = |known: &String| *known == path || known.starts_with(&inner);
        if manner == Manner::Orderly && model.layer.keys().any(is_taken) {
            continue;
        }
        let below = |name: &str| {
            if parent.is_empty() { name.to_owned() } else { format!("{parent}/{name}") }
        };
        let what = match (manner, step) {
            (Manner::Orderly, 0..6) => 17 + random.below(3),
            (Manner::Orderly, _) => random.below(17),
            (Manner::Any, _) => random.below(20),
        };
        let entry = match what {
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
                model.add(&path, b'0');
                let mut link = Entry::hard_link(&path, &target);
                if let Some(file) = model.files.get(&target).cloned()
                    && manner == Manner::Orderly
                {
                    link = link.mode(file.mode).owner(file.uid, file.gid);
                    link.mtime = file.mtime;
                    model.files.insert(path, file);
                }
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
        let mut entry = attributes(entry, random);
        if manner == Manner::Orderly {
            // containerd knows no time before 1970.
            entry.mtime.0 = entry.mtime.0.max(0);
        }
        if entry.kind == b'0' {
            model.files.insert(path, entry.clone());
        }
        entries.push(entry);
    }
    entries
}

/// An image made of random entries.
pub fn made(seed: u64, manner: Manner) -> Layers {
    let mut random = Random(seed);
    let mut model = Model::default();
    let layers: Vec<Vec<Entry>> =
        (0..4).map(|n| layer(&mut model, &mut random, n, manner)).collect();
    let layers: Vec<&[Entry]> = layers.iter().map(Vec::as_slice).collect();
    let stored = if seed.is_multiple_of(2) { Stored::Gzip } else { Stored::Plain };
    Layers { stored, ..Layers::entries(&layers) }
}

/// The most files of a package, so that a round takes no longer than it must.
const MOST_FILES: usize = 400;

/// An image as it is built from packages: some installed ones, a layer each, written by tar; then one that takes away some of
/// what they have, and what is in their directories of documents.
pub fn installed(seed: u64) -> Layers {
    let mut random = Random(seed);
    let lists: BTreeSet<PathBuf> = fs::read_dir("/var/lib/dpkg/info")
        .expect("the lists of dpkg")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "list"))
        .collect();
    let lists: Vec<PathBuf> = lists.into_iter().collect();
    let format = if seed.is_multiple_of(2) { "--format=gnu" } else { "--format=pax" };
    let (mut archives, mut all) = (Vec::new(), BTreeSet::new());
    while archives.len() < 4 {
        let files = files_of(random.of::<PathBuf>(&lists));
        if !(5..MOST_FILES).contains(&files.len()) {
            continue;
        }
        archives.push(tar(&files, format));
        all.extend(files.into_iter().filter(|path| !Path::new("/").join(path).is_dir()));
    }
    let all: Vec<String> = all.into_iter().collect();
    let gone: BTreeSet<&String> = (0..20).map(|_| random.of(&all)).collect();
    let gone = gone.into_iter().map(|path| {
        let (directory, name) = path.rsplit_once('/').unwrap_or((".", path));
        Entry::file(format!("{directory}/.wh.{name}"), "")
    });
    let mut last: Vec<Entry> = gone.collect();
    last.push(Entry::dir("usr/share/doc"));
    last.push(Entry::file("usr/share/doc/.wh..wh..opq", ""));
    last.push(Entry::file("usr/share/doc/README", "There are no documents.\n"));
    archives.push(rootfs::archive(&last));
    Layers::of(archives)
}

/// What a package has, without the links that `/bin` and its like are.
fn files_of(list: &Path) -> Vec<String> {
    let text = fs::read_to_string(list).expect("a list of dpkg");
    let files: BTreeSet<String> = text
        .lines()
        .filter_map(|line| {
            let path = Path::new(line);
            let directory = path.parent()?.canonicalize().ok()?;
            let path = directory.join(path.file_name()?);
            let kind = path.symlink_metadata().ok()?.file_type();
            let is_top = path.parent() == Some(Path::new("/"));
            let name = path.strip_prefix("/").ok()?.to_str()?.to_owned();
            // What runs here may not be read by a test.
            (!(is_top && kind.is_symlink()) && (!kind.is_file() || fs::File::open(&path).is_ok()))
                .then_some(name)
        })
        .collect();
    files.into_iter().collect()
}

/// An archive of files of this machine.
fn tar(files: &[String], format: &str) -> Vec<u8> {
    let mut tar = Command::new("tar")
        .args(["-c", "-C", "/", "--no-recursion", "--numeric-owner", format, "-T", "-", "-f", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("run tar");
    tar.stdin.take().expect("a pipe").write_all(files.join("\n").as_bytes()).expect("the names");
    let output = tar.wait_with_output().expect("run tar");
    assert!(output.status.success(), "tar failed");
    output.stdout
}

/// The images that are compared: of three, one is made of packages.
pub fn image(seed: u64, manner: Manner) -> Layers {
    if seed % 3 == 2 { installed(seed) } else { made(seed, manner) }
}

/// A command as it is, or as somebody without rights.
pub fn as_user(arguments: &[&str], nobody: bool) -> Command {
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
