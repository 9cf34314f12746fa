//! Exports, and those of crane: the same tree where crane does what the OCI specification says, and the tree of the
//! specification where it does not.

use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use ocireg_testkit::rootfs::{Entry, Layers, Look, Tree};
use ocireg_testkit::{Registry, process, tempdir};
use serde_json::json;

use crate::c_surface::Service;
use crate::registries::CRANE;
use crate::transfers::rounds;
use crate::trees::{self, Manner};

fn file(path: &str, data: &str) -> Entry {
    Entry::file(path, data)
}

fn dir(path: &str) -> Entry {
    Entry::dir(path)
}

fn link(path: &str, to: &str) -> Entry {
    Entry::hard_link(path, to)
}

/// What tar makes of our export and of crane's; of theirs None if tar cannot extract it.
fn exported(registry: &Registry, image: &Layers, look: Look) -> (Tree, Option<Tree>) {
    let dir = tempdir();
    image.image().push_to(registry, "app", "1");
    let reference = format!("{}/app:1", registry.host());
    let [ours, theirs] = ["ours.tar", "theirs.tar"].map(|name| dir.path().join(name));
    let file = File::create(&ours).expect("a file");
    let service = Service::bare(json!({}));
    service.export(None, &reference, file.as_raw_fd(), &json!({})).expect("an export");
    let mut crane = Command::new(&*CRANE);
    crane.args(["export", "--insecure", &reference]).arg(&theirs);
    process::run(&mut crane, Duration::from_secs(60)).expect("run crane").expect_success();
    let extracted = |archive: &Path| {
        let root = archive.with_extension("root");
        fs::create_dir(&root).expect("a directory");
        let mut tar = Command::new("tar");
        tar.args(["-x", "-p", "--numeric-owner", "--xattrs", "--xattrs-include=*", "-C"]);
        let output = tar.arg(&root).arg("-f").arg(archive).output().expect("run tar");
        match output.status.success() {
            true => Ok(Tree::read(&root, look)),
            false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        }
    };
    (extracted(&ours).unwrap_or_else(|said| panic!("tar: {said}")), extracted(&theirs).ok())
}

fn look() -> Look {
    // Directories get entries after their times were set, and only root can give files away.
    let owners = rustix::process::geteuid().is_root();
    Look { directory_times: false, owners, ..Look::all() }
}

/// Layers that change, hide and add files and directories, each whiteout where lower layers have something.
#[test]
fn trees_are_those_of_crane() {
    let registry = Registry::plain();
    let plain = Layers::entries(&[
        &[
            dir("etc"),
            file("etc/a", "1"),
            file("etc/b", "1"),
            dir("d"),
            file("d/x", "1"),
            file("f", "1"),
            dir("o"),
            file("o/old", "1"),
        ],
        &[
            file("etc/.wh.a", ""),
            file(".wh.d", ""),
            dir("etc"),
            file("etc/c", "2").xattr("user.x", "y"),
            dir("o"),
            file("o/new", "2"),
            file("o/.wh..wh..opq", ""),
        ],
        &[
            file("f", "3"),
            Entry::hard_link("g", "f"),
            Entry::symlink("s", "etc/c"),
            dir("d"),
            file("d/y", "3"),
        ],
    ]);
    let (ours, theirs) = exported(&registry, &plain, look());
    assert_eq!(ours.differences(&theirs.expect("an archive")), Vec::<String>::new());
    assert_eq!(ours.0.len(), 11);
    for seed in 0..rounds().div_ceil(3) {
        let image = trees::installed(seed);
        let (ours, theirs) = exported(&registry, &image, look());
        let theirs = theirs.expect("an archive");
        assert_eq!(ours.differences(&theirs), Vec::<String>::new(), "image {seed}: ours | crane's");
        assert!(ours.0.len() > 10, "image {seed} is not empty");
    }
}

/// Names and contents of a tree.
fn lines(tree: &Tree) -> Vec<String> {
    let lines = tree.0.iter().filter(|(path, _)| path.as_os_str() != "");
    lines.map(|(path, line)| format!("{}: {line}", path.display())).collect()
}

/// crane lets a whiteout hide what its own layer adds after it, and writes a hard link before, or without, the file that it leads
/// to.
#[test]
fn where_crane_differs_the_specification_counts() {
    let registry = Registry::plain();
    let look = Look { owners: false, ..look() };
    // Layers, and the one layer that has what the specification says.
    for (what, layers, right) in [
        (
            "a whiteout of what its layer adds",
            vec![vec![file("f", "1")], vec![file(".wh.f", ""), file("f", "2")]],
            vec![file("f", "2")],
        ),
        (
            "a hard link to a lower layer",
            vec![vec![file("f", "1")], vec![link("g", "f")]],
            vec![file("f", "1"), link("g", "f")],
        ),
        (
            "a hard link to a file that a higher layer hides",
            vec![vec![file("f", "1"), link("g", "f"), link("h", "f")], vec![file(".wh.f", "")]],
            vec![file("g", "1"), link("h", "g")],
        ),
    ] {
        let layers: Vec<&[Entry]> = layers.iter().map(Vec::as_slice).collect();
        let (ours, theirs) = exported(&registry, &Layers::entries(&layers), look);
        let (right, _) = exported(&registry, &Layers::entries(&[&right]), look);
        assert_eq!(lines(&ours), lines(&right), "{what}");
        assert_ne!(theirs.as_ref().map(lines), Some(lines(&right)), "{what}: crane does it now");
    }
    // Random images have all of this. What is exported is what is unpacked, also if that is unpacked in turn.
    for seed in 0..rounds() {
        let (image, dir) = (trees::made(seed, Manner::Orderly), tempdir());
        let unpacked = |image: &Layers, name: &str| {
            let (layout, root) = (dir.path().join(name), dir.path().join(name).join("root"));
            image.image().write_layout(&layout, "image");
            crate::umoci::unpack_here(&layout, &root);
            Tree::read(&root, look)
        };
        let expected = unpacked(&image, "layers");
        let (path, service) = (dir.path().join("archive"), Service::bare(json!({})));
        let file = File::create(&path).expect("a file");
        let layout = format!("oci:{}:image", dir.path().join("layers").display());
        service.export(None, &layout, file.as_raw_fd(), &json!({})).expect("an export");
        let archive = Layers::of(vec![fs::read(&path).expect("the archive")]);
        let differences = unpacked(&archive, "one").differences(&expected);
        assert_eq!(differences, Vec::<String>::new(), "image {seed}: exported | unpacked");
    }
}
