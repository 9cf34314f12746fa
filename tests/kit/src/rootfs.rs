//! Images whose layers are made entry by entry: what is right, what is odd, and what is hostile.
//!
//! Archives are written byte by byte, so that they can say what no honest tool writes.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use flate2::{Compression, GzBuilder};
use serde_json::json;

use crate::digest;
use crate::image::{Image, Kind, Manifest};

const BLOCK: usize = 512;

/// One entry of an archive.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its path, as it is written.
    pub path: Vec<u8>,
    /// The type flag.
    pub kind: u8,
    /// Permissions.
    pub mode: u32,
    /// The owner.
    pub uid: i64,
    /// The group.
    pub gid: i64,
    /// Seconds, and nanoseconds after them.
    pub mtime: (i64, u32),
    /// What a link leads to.
    pub link: Vec<u8>,
    /// Major and minor number.
    pub device: (u32, u32),
    /// The data.
    pub data: Vec<u8>,
    /// Of a sparse file: its size, and where pieces of the data belong.
    pub sparse: Option<(u64, Vec<(u64, u64)>)>,
    /// Extended attributes.
    pub xattrs: Vec<(String, Vec<u8>)>,
    /// More PAX records.
    pub records: Vec<(String, Vec<u8>)>,
}

impl Entry {
    /// An entry of a type, with nothing in it.
    pub fn new(kind: u8, path: impl AsRef<[u8]>) -> Entry {
        Entry {
            path: path.as_ref().to_vec(),
            kind,
            mode: if kind == b'5' { 0o755 } else { 0o644 },
            uid: 0,
            gid: 0,
            mtime: (1_000_000_000, 0),
            link: Vec::new(),
            device: (0, 0),
            data: Vec::new(),
            sparse: None,
            xattrs: Vec::new(),
            records: Vec::new(),
        }
    }

    /// A regular file.
    pub fn file(path: impl AsRef<[u8]>, data: impl AsRef<[u8]>) -> Entry {
        Entry { data: data.as_ref().to_vec(), ..Entry::new(b'0', path) }
    }

    /// A directory.
    pub fn dir(path: impl AsRef<[u8]>) -> Entry {
        Entry::new(b'5', path)
    }

    /// A symbolic link.
    pub fn symlink(path: impl AsRef<[u8]>, target: impl AsRef<[u8]>) -> Entry {
        Entry { link: target.as_ref().to_vec(), ..Entry::new(b'2', path) }
    }

    /// A hard link.
    pub fn hard_link(path: impl AsRef<[u8]>, target: impl AsRef<[u8]>) -> Entry {
        Entry { link: target.as_ref().to_vec(), ..Entry::new(b'1', path) }
    }

    /// The same with another mode.
    #[must_use]
    pub fn mode(self, mode: u32) -> Entry {
        Entry { mode, ..self }
    }

    /// The same with another owner.
    #[must_use]
    pub fn owner(self, uid: i64, gid: i64) -> Entry {
        Entry { uid, gid, ..self }
    }

    /// The same with another time.
    #[must_use]
    pub fn mtime(self, seconds: i64, nanoseconds: u32) -> Entry {
        Entry { mtime: (seconds, nanoseconds), ..self }
    }

    /// The same with one more extended attribute.
    #[must_use]
    pub fn xattr(mut self, name: &str, value: impl AsRef<[u8]>) -> Entry {
        self.xattrs.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    /// Its header and its data.
    fn write(&self, to: &mut Vec<u8>) {
        let mut records = self.records.clone();
        let mut record = |key: &str, value: &[u8]| records.push((key.to_owned(), value.to_vec()));
        if self.path.len() > 100 {
            record("path", &self.path);
        }
        if self.link.len() > 100 {
            record("linkpath", &self.link);
        }
        for (key, id) in [("uid", self.uid), ("gid", self.gid)] {
            if !(0..1 << 21).contains(&id) {
                record(key, id.to_string().as_bytes());
            }
        }
        let (seconds, nanoseconds) = self.mtime;
        if nanoseconds > 0 || !(0..1 << 33).contains(&seconds) {
            // Written as a decimal fraction: of a time before 1970 the part behind the point counts backwards.
            let time = match (seconds, nanoseconds) {
                (seconds, 0) => seconds.to_string(),
                (seconds, more) if seconds < 0 => {
                    let sign = if seconds == -1 { "-" } else { "" };
                    format!("{sign}{}.{:09}", seconds + 1, 1_000_000_000 - more)
                }
                (seconds, more) => format!("{seconds}.{more:09}"),
            };
            record("mtime", time.as_bytes());
        }
        for (name, value) in &self.xattrs {
            record(&format!("SCHILY.xattr.{name}"), value);
        }
        if let Some((size, map)) = &self.sparse {
            record("GNU.sparse.major", b"0");
            record("GNU.sparse.minor", b"1");
            record("GNU.sparse.name", &self.path);
            record("GNU.sparse.size", size.to_string().as_bytes());
            record("GNU.sparse.numblocks", map.len().to_string().as_bytes());
            let map: Vec<String> =
                map.iter().map(|(at, length)| format!("{at},{length}")).collect();
            record("GNU.sparse.map", map.join(",").as_bytes());
        }
        if !records.is_empty() {
            let text: Vec<u8> = records.iter().flat_map(|(k, v)| pax_record(k, v)).collect();
            write_block(to, &Entry { data: text, ..Entry::new(b'x', "pax") });
        }
        write_block(to, self);
    }
}

fn write_block(to: &mut Vec<u8>, entry: &Entry) {
    let mut block = [0; BLOCK];
    let name = &entry.path[..entry.path.len().min(100)];
    block[..name.len()].copy_from_slice(name);
    let octal = |value: u64, digits: usize| format!("{value:0digits$o}");
    block[100..107].copy_from_slice(octal(entry.mode.into(), 7).as_bytes());
    for (at, id) in [(108, entry.uid), (116, entry.gid)] {
        let id = u64::try_from(id).ok().filter(|id| *id < 1 << 21).unwrap_or(0);
        block[at..at + 7].copy_from_slice(octal(id, 7).as_bytes());
    }
    block[124..135].copy_from_slice(octal(entry.data.len() as u64, 11).as_bytes());
    let time = u64::try_from(entry.mtime.0).ok().filter(|time| *time < 1 << 33).unwrap_or(0);
    block[136..147].copy_from_slice(octal(time, 11).as_bytes());
    block[156] = entry.kind;
    let link = &entry.link[..entry.link.len().min(100)];
    block[157..157 + link.len()].copy_from_slice(link);
    block[257..265].copy_from_slice(b"ustar\x0000");
    for (at, number) in [(329, entry.device.0), (337, entry.device.1)] {
        block[at..at + 7].copy_from_slice(octal(number.into(), 7).as_bytes());
    }
    block[148..156].copy_from_slice(b"        ");
    let sum: u32 = block.iter().copied().map(u32::from).sum();
    block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    to.extend_from_slice(&block);
    to.extend_from_slice(&entry.data);
    to.resize(to.len().next_multiple_of(BLOCK), 0);
}

fn pax_record(key: &str, value: &[u8]) -> Vec<u8> {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while length.to_string().len() + rest != length {
        length += 1;
    }
    [length.to_string().as_bytes(), b" ", key.as_bytes(), b"=", value, b"\n"].concat()
}

/// An archive of these entries.
pub fn archive(entries: &[Entry]) -> Vec<u8> {
    let mut all = Vec::new();
    entries.iter().for_each(|entry| entry.write(&mut all));
    all.resize(all.len() + 2 * BLOCK, 0);
    all
}

/// How a layer is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored {
    /// As a plain archive.
    Plain,
    /// In gzip.
    Gzip,
}

/// What an image is built from: archives, lowest first.
#[derive(Clone, Debug)]
pub struct Layers {
    /// The uncompressed archives.
    pub archives: Vec<Vec<u8>>,
    /// How they are stored.
    pub stored: Stored,
    /// What the configuration says of them; None is the truth.
    pub diff_ids: Option<Vec<String>>,
}

impl Layers {
    /// Of these archives.
    pub fn of(archives: Vec<Vec<u8>>) -> Layers {
        Layers { archives, stored: Stored::Gzip, diff_ids: None }
    }

    /// Of these entries.
    pub fn entries(layers: &[&[Entry]]) -> Layers {
        Layers::of(layers.iter().map(|entries| archive(entries)).collect())
    }

    /// The image, for linux/amd64.
    pub fn image(&self) -> Image {
        let kind = Kind::Oci;
        let mut blobs = BTreeMap::new();
        let (mut layers, mut digests) = (Vec::new(), Vec::new());
        let truth: Vec<String> = self.archives.iter().map(|a| digest::sha256(a)).collect();
        for archive in &self.archives {
            let (bytes, suffix) = match self.stored {
                Stored::Plain => (archive.clone(), ""),
                Stored::Gzip => {
                    let mut gzip = GzBuilder::new().mtime(0).write(Vec::new(), Compression::fast());
                    gzip.write_all(archive).expect("compress in memory");
                    (gzip.finish().expect("compress in memory"), "+gzip")
                }
            };
            let digest = digest::sha256(&bytes);
            layers.push(json!({
                "mediaType": format!("application/vnd.oci.image.layer.v1.tar{suffix}"),
                "digest": digest, "size": bytes.len(),
            }));
            blobs.insert(digest.clone(), bytes.into());
            digests.push(digest);
        }
        let config = json!({
            "os": "linux", "architecture": "amd64",
            "config": {"Cmd": ["/bin/true"], "Env": ["PATH=/bin"], "WorkingDir": "/"},
            "rootfs": {"type": "layers", "diff_ids": self.diff_ids.as_ref().unwrap_or(&truth)},
        });
        let config = config.to_string().into_bytes();
        let config_digest = digest::sha256(&config);
        let bytes = json!({
            "schemaVersion": 2, "mediaType": kind.manifest(),
            "config": {
                "mediaType": "application/vnd.oci.image.config.v1+json",
                "digest": config_digest, "size": config.len(),
            },
            "layers": layers,
        });
        let bytes = bytes.to_string().into_bytes();
        blobs.insert(config_digest.clone(), config.into());
        let manifest = Manifest {
            platform: "linux/amd64".to_owned(),
            media_type: kind.manifest().to_owned(),
            digest: digest::sha256(&bytes),
            bytes: bytes.clone(),
            config: config_digest,
            layers: digests,
        };
        Image {
            media_type: kind.manifest().to_owned(),
            digest: manifest.digest.clone(),
            bytes,
            manifests: vec![manifest],
            blobs,
        }
    }
}

/// A tree as text, a line for each thing in it, sorted by path: what it is, and all that is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree(pub BTreeMap<PathBuf, String>);

/// What of a tree is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// Owners and groups.
    pub owners: bool,
    /// Devices; without it they are passed over.
    pub devices: bool,
    /// Extended attributes, as `getfattr` would list them.
    pub xattrs: bool,
    /// The times of directories.
    pub directory_times: bool,
}

impl Look {
    /// Everything.
    pub fn all() -> Look {
        Look { owners: true, devices: true, xattrs: true, directory_times: true }
    }
}

impl Tree {
    /// Reads the tree below a directory.
    pub fn read(root: &Path, look: Look) -> Tree {
        let mut tree = BTreeMap::new();
        let mut links: BTreeMap<(u64, u64), PathBuf> = BTreeMap::new();
        let mut stack = vec![PathBuf::new()];
        let mut seen = BTreeSet::new();
        while let Some(path) = stack.pop() {
            let full = root.join(&path);
            let state = fs::symlink_metadata(&full).expect("the state of a path");
            let kind = state.file_type();
            let mut line = String::new();
            if kind.is_dir() {
                line.push_str("directory");
                let entries = fs::read_dir(&full).expect("a directory");
                stack.extend(entries.map(|e| path.join(e.expect("an entry").file_name())));
            } else if kind.is_symlink() {
                let target = fs::read_link(&full).expect("a link");
                line = format!("link to {}", target.display());
            } else if kind.is_file() {
                let content = fs::read(&full).expect("a file");
                line = format!("file of {} bytes, {}", content.len(), digest::sha256(&content));
            } else if kind.is_fifo() {
                line.push_str("FIFO");
            } else if !look.devices {
                continue;
            } else {
                let kind = if kind.is_block_device() { "block" } else { "character" };
                line = format!("{kind} device {:x}", state.rdev());
            }
            if !kind.is_symlink() {
                line = format!("{:04o} {line}", state.mode() & 0o7777);
            }
            if look.owners {
                line = format!("{}:{} {line}", state.uid(), state.gid());
            }
            // The root is its maker's.
            if (look.directory_times || !kind.is_dir()) && path != Path::new("") {
                line = format!("{line}, {}.{:09}", state.mtime(), state.mtime_nsec());
            }
            if look.xattrs {
                for (name, value) in xattrs(&full) {
                    line = format!("{line}, {name}={value}");
                }
            }
            seen.insert(path.clone());
            if !kind.is_dir() && state.nlink() > 1 {
                // The first of several names in the order of the paths.
                let first = links.entry((state.dev(), state.ino())).or_insert_with(|| path.clone());
                if path < *first {
                    *first = path.clone();
                }
            }
            tree.insert(path, line);
        }
        for path in &seen {
            let state = fs::symlink_metadata(root.join(path)).expect("the state of a path");
            if let Some(first) = links.get(&(state.dev(), state.ino())).filter(|f| *f != path) {
                let line = tree.get_mut(path).expect("a line");
                *line = format!("{line}, the same as {}", first.display());
            }
        }
        Tree(tree)
    }

    /// Where two trees differ, in words.
    pub fn differences(&self, other: &Tree) -> Vec<String> {
        let paths: BTreeSet<&PathBuf> = self.0.keys().chain(other.0.keys()).collect();
        let nothing = "nothing".to_owned();
        paths
            .into_iter()
            .filter(|path| self.0.get(*path) != other.0.get(*path))
            .map(|path| {
                let one = self.0.get(path).unwrap_or(&nothing);
                let two = other.0.get(path).unwrap_or(&nothing);
                format!("{}: {one} | {two}", path.display())
            })
            .collect()
    }
}

fn xattrs(path: &Path) -> Vec<(String, String)> {
    let mut buffer = vec![0_u8; 64 << 10];
    let Ok(length) = rustix::fs::llistxattr(path, &mut buffer[..]) else { return Vec::new() };
    let mut found: Vec<(String, String)> = buffer[..length]
        .split(|b| *b == 0)
        .filter(|name| !name.is_empty())
        .map(|name| {
            let mut value = vec![0_u8; 64 << 10];
            let name = OsStr::from_bytes(name);
            let length = rustix::fs::lgetxattr(path, name, &mut value[..]).unwrap_or(0);
            let value = value[..length].iter().map(|b| format!("{b:02x}")).collect();
            (name.to_string_lossy().into_owned(), value)
        })
        .collect();
    found.sort();
    found
}
