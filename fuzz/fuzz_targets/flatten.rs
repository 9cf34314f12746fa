//! Exports of images: whiteouts, opaque directories, hard links across layers, and what takes the place of what. What the one
//! archive has is what applying the layers in turn makes, and whatever cannot be applied cannot be exported.
//!
//! The input is a list of entries: a byte for what it is, a byte for its path, and of a hard link one more for its target.
#![no_main]

mod memory;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::fd::AsRawFd;

use libfuzzer_sys::fuzz_target;
use ocireg::call::Call;
use ocireg::export::export;
use ocireg::os::lent::Lent;
use ocireg::tar::entries::{Bounds, Entries, Entry, Kind};
use ocireg::tar::write;
use ocireg::unpack::Limits;

/// An entry of a layer.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Item {
    File(String, String),
    Directory(String),
    Link(String, String),
    Symlink(String),
    Whiteout(String),
    Opaque(String),
}

/// Up to three names of four.
fn path(byte: u8) -> String {
    let names = ["a", "b", "c", "d"];
    let name = |shift: u8| names[usize::from(byte >> shift & 3)];
    match byte & 3 {
        0 => name(2).to_owned(),
        1 | 2 => format!("{}/{}", name(2), name(4)),
        _ => format!("{}/{}/{}", name(2), name(4), name(6)),
    }
}

fn layers(input: &[u8]) -> Vec<Vec<Item>> {
    let (mut layers, mut bytes, mut number) = (vec![Vec::new()], input.iter().copied(), 0);
    while let Some(what) = bytes.next() {
        if what % 8 == 7 {
            layers.push(Vec::new());
            continue;
        }
        let Some(at) = bytes.next().map(path) else { break };
        number += 1;
        let item = match what % 8 {
            0 | 1 => Item::File(at, format!("{number}")),
            2 => Item::Directory(at),
            3 => match bytes.next().map(path) {
                Some(target) => Item::Link(at, target),
                None => break,
            },
            4 => Item::Symlink(at),
            5 => Item::Whiteout(at),
            // Once in a while of the root.
            _ => Item::Opaque(if what < 32 { String::new() } else { at }),
        };
        layers.last_mut().expect("a layer").push(item);
    }
    layers
}

fn archive(layer: &[Item]) -> Vec<u8> {
    let mut archive = Vec::new();
    let hidden = |dir: &str, name: &str| match dir {
        "" => format!(".wh.{name}"),
        dir => format!("{dir}/.wh.{name}"),
    };
    for item in layer {
        let (entry, content) = match item {
            Item::File(at, content) => {
                (write::plain(at, Kind::File, content.len() as u64), content.as_str())
            }
            Item::Directory(at) => (write::plain(at, Kind::Directory, 0), ""),
            Item::Link(at, target) => {
                let link = target.clone().into_bytes();
                (Entry { link, ..write::plain(at, Kind::HardLink, 0) }, "")
            }
            Item::Symlink(at) => {
                let link = b"nowhere".to_vec();
                (Entry { link, ..write::plain(at, Kind::SymbolicLink, 0) }, "")
            }
            Item::Whiteout(at) => {
                let (dir, name) = at.rsplit_once('/').unwrap_or(("", at));
                (write::plain(&hidden(dir, name), Kind::File, 0), "")
            }
            Item::Opaque(at) => (write::plain(&hidden(at, ".wh..opq"), Kind::File, 0), ""),
        };
        archive.extend_from_slice(&write::header(&entry));
        archive.extend_from_slice(content.as_bytes());
        archive.resize(archive.len().next_multiple_of(512), 0);
    }
    archive.extend_from_slice(&write::END);
    archive
}

/// The entries of the archive that came out.
fn items(archive: &[u8]) -> Vec<Item> {
    let call = Call::new(None);
    let mut entries = Entries::new(archive, Bounds::default());
    let mut items = Vec::new();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
    while let Some(entry) = entries.next_entry(&call).expect("an archive") {
        let at = text(&entry.path);
        items.push(match entry.kind {
            Kind::Directory => Item::Directory(at.trim_end_matches('/').to_owned()),
            Kind::HardLink => Item::Link(at, text(&entry.link)),
            Kind::SymbolicLink => Item::Symlink(at),
            _ => {
                let mut content = vec![0; 64];
                let read = entries.read(&mut content, &call).expect("content");
                Item::File(at, text(&content[..read]))
            }
        });
    }
    items
}

/// What is at a path: content, and a number that only other names of the same file have.
#[derive(Debug, Clone)]
enum Node {
    Directory,
    Other(String, usize),
}

/// Why layers cannot be applied.
#[derive(Debug, PartialEq, Eq)]
enum Fault {
    /// A hard link leads nowhere, to a directory or to itself.
    Link,
    /// Something is below what is not a directory; symbolic links that lead to one are not followed here.
    NotADirectory,
}

/// Applies layers in turn, in memory.
#[derive(Debug, Default)]
struct Tree {
    /// What there is, and the layer that it is of.
    nodes: BTreeMap<String, (Node, usize)>,
    files: usize,
}

fn is_below(path: &str, directory: &str) -> bool {
    directory.is_empty() || path.strip_prefix(directory).is_some_and(|rest| rest.starts_with('/'))
}

impl Tree {
    fn layer(&mut self, number: usize, items: &[Item]) -> Result<(), Fault> {
        for item in items {
            match item {
                Item::File(at, content) => self.other(number, at, content.clone())?,
                Item::Symlink(at) => self.other(number, at, "-> nowhere".to_owned())?,
                Item::Directory(at) => {
                    self.check_parents(at)?;
                    self.nodes.insert(at.clone(), (Node::Directory, number));
                }
                Item::Link(at, target) => {
                    self.check_parents(at)?;
                    let Some((Node::Other(content, file), _)) = self.nodes.get(target) else {
                        return Err(Fault::Link);
                    };
                    if at == target || is_below(target, at) {
                        return Err(Fault::Link);
                    }
                    let node = Node::Other(content.clone(), *file);
                    self.take(number, at, node)?;
                }
                Item::Whiteout(at) => self
                    .nodes
                    .retain(|path, (_, of)| *of == number || path != at && !is_below(path, at)),
                Item::Opaque(at) => {
                    self.nodes.retain(|path, (_, of)| *of == number || !is_below(path, at));
                }
            }
        }
        Ok(())
    }

    fn other(&mut self, layer: usize, at: &str, content: String) -> Result<(), Fault> {
        self.files += 1;
        self.take(layer, at, Node::Other(content, self.files))
    }

    fn take(&mut self, layer: usize, at: &str, node: Node) -> Result<(), Fault> {
        self.check_parents(at)?;
        self.nodes.retain(|path, _| !is_below(path, at));
        self.nodes.insert(at.to_owned(), (node, layer));
        Ok(())
    }

    fn check_parents(&self, at: &str) -> Result<(), Fault> {
        let is_other = |parent| matches!(self.nodes.get(parent), Some((Node::Other(..), _)));
        match at.match_indices('/').any(|(slash, _)| is_other(&at[..slash])) {
            true => Err(Fault::NotADirectory),
            false => Ok(()),
        }
    }

    /// Each path with what it has, and the first path that has the same file.
    fn told(&self) -> BTreeMap<&str, (&str, &str)> {
        let mut first = BTreeMap::new();
        for (path, (node, _)) in &self.nodes {
            if let Node::Other(_, number) = node {
                first.entry(*number).or_insert(path.as_str());
            }
        }
        self.nodes
            .iter()
            .map(|(path, (node, _))| match node {
                Node::Directory => (path.as_str(), ("directory", "")),
                Node::Other(content, number) => (path.as_str(), (content.as_str(), first[number])),
            })
            .collect()
    }
}

thread_local! {
    static FILE: RefCell<File> = RefCell::new(tempfile::tempfile().expect("a file"));
}

fn exported(layers: &[Vec<Item>]) -> Option<Vec<u8>> {
    let (source, manifest, config) = memory::image(layers.iter().map(|l| archive(l)).collect());
    FILE.with_borrow_mut(|file| {
        file.set_len(0).expect("a file");
        file.seek(SeekFrom::Start(0)).expect("a file");
        let to = Lent::to_write(file.as_raw_fd()).expect("a file");
        let call = Call::new(None);
        let image = (&manifest, config.as_bytes());
        export(&source, None, image, to, Limits::default(), &call).ok()?;
        let mut archive = Vec::new();
        file.seek(SeekFrom::Start(0)).expect("a file");
        file.read_to_end(&mut archive).expect("a file");
        Some(archive)
    })
}

/// Whether a layer has links, and something twice: which one they lead to, layers do not say. Or something is a directory and is
/// not: what was written below it already cannot be taken back.
fn is_ambiguous(layer: &[Item]) -> bool {
    let (mut paths, mut directories) = (Vec::new(), BTreeSet::new());
    for item in layer {
        let (at, is_directory) = match item {
            Item::File(at, _) | Item::Link(at, _) | Item::Symlink(at) => (at, false),
            Item::Directory(at) => (at, true),
            Item::Whiteout(_) | Item::Opaque(_) => continue,
        };
        directories.extend(at.match_indices('/').map(|(slash, _)| &at[..slash]));
        if is_directory {
            directories.insert(at);
        }
        paths.push((at.as_str(), is_directory));
    }
    let others: BTreeSet<&str> = paths.iter().filter(|(_, d)| !d).map(|(at, _)| *at).collect();
    let all: BTreeSet<&str> = paths.iter().map(|(at, _)| *at).collect();
    let has_links = layer.iter().any(|item| matches!(item, Item::Link(..)));
    has_links && all.len() < paths.len() || others.intersection(&directories).next().is_some()
}

fuzz_target!(|input: &[u8]| {
    let layers = layers(input);
    if layers.len() > 8 || layers.iter().any(|l| is_ambiguous(l)) {
        return;
    }
    let mut expected = Tree::default();
    let applied = (1..).zip(&layers).try_for_each(|(number, l)| expected.layer(number, l));
    let Some(archive) = exported(&layers) else {
        assert_ne!(applied, Ok(()), "{layers:?} cannot be exported");
        return;
    };
    let items = items(&archive);
    let mut made = Tree::default();
    let again = made.layer(1, &items);
    assert_ne!(again, Err(Fault::Link), "{layers:?} gave {items:?}");
    // What is hidden may be wrong.
    if applied.is_ok() {
        assert_eq!(expected.told(), made.told(), "{layers:?} gave {items:?}");
    }
});
