//! Trees that this library unpacks, and those that containerd's applier makes of the same images.

use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;
use std::time::Duration;

use ocireg_testkit::process;
use ocireg_testkit::rootfs::{Entry, Layers, Look, Tree};

use crate::registries::built;
use crate::transfers::rounds;
use crate::trees::{self, Manner};
use crate::umoci::unpack_here;

static APPLIER: LazyLock<PathBuf> = LazyLock::new(|| built("containerd", "."));

/// Both trees of an image, ours first.
fn unpacked(image: &Layers, look: Look) -> [Tree; 2] {
    let dir = ocireg_testkit::tempdir();
    let layout = dir.path().join("layout");
    image.image().write_layout(&layout, "image");
    let roots = ["ours", "theirs"].map(|name| dir.path().join(name));
    unpack_here(&layout, &roots[0]);
    let mut applier = Command::new(&*APPLIER);
    applier.arg(format!("{}:image", layout.display())).arg(&roots[1]);
    process::run(&mut applier, Duration::from_secs(60)).expect("run it").expect_success();
    roots.map(|root| Tree::read(&root, look))
}

#[test]
fn trees_are_those_of_containerd() {
    if !rustix::process::geteuid().is_root() {
        // It gives every file its owner, or fails.
        return;
    }
    // Of a directory that a higher layer changes, containerd leaves the time of that change.
    let look = Look { directory_times: false, ..Look::all() };
    for seed in 0..rounds() {
        let image = trees::image(seed, Manner::Orderly);
        let [ours, theirs] = unpacked(&image, look);
        let differences = ours.differences(&theirs);
        assert_eq!(differences, Vec::<String>::new(), "image {seed}: ours | containerd's");
        assert!(ours.0.len() > 5, "image {seed} is not empty");
    }
}

/// A whiteout hides what lower layers have, never what its own layer adds: so says the specification, and containerd goes
/// by the order of the entries.
#[test]
fn where_containerd_differs_the_specification_counts() {
    let (file, dir) =
        (|path: &str, data: &str| Entry::file(path, data), |path: &str| Entry::dir(path));
    let names = |tree: &Tree| -> Vec<String> {
        let names = tree.0.keys().map(|path| path.display().to_string());
        names.filter(|name| !name.is_empty()).collect()
    };
    let look = Look { owners: false, ..Look::all() };
    for (layers, right, theirs) in [
        ([vec![file("a", "1")], vec![file("a", "2"), file(".wh.a", "")]], &["a"][..], &[][..]),
        (
            [
                vec![dir("d"), dir("d/e"), file("d/old", "1")],
                vec![file("d/e/new", "2"), file("d/.wh..wh..opq", "")],
            ],
            &["d", "d/e", "d/e/new"],
            &["d"],
        ),
    ] {
        let layers: Vec<&[Entry]> = layers.iter().map(Vec::as_slice).collect();
        let [ours, containerd] = unpacked(&Layers::entries(&layers), look);
        assert_eq!(names(&ours), right);
        assert_eq!(names(&containerd), theirs);
    }
}
