//! Trees that this library unpacks, and those that umoci makes of the same images: as root, and as somebody who is not.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;

use ocireg::call::Call;
use ocireg::client::options::UnpackOptions;
use ocireg::client::unpack;
use ocireg::registry::service::Service;
use ocireg_testkit::rootfs::{Look, Tree};

use crate::c_surface::children;
use crate::transfers::rounds;
use crate::trees::{self, Manner, NOBODY, as_user};

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

pub fn unpack_here(layout: &Path, root: &Path) {
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
    let dir = ocireg_testkit::tempdir();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).expect("chmod");
    // Not everybody may read where this program was built.
    let program = dir.path().join("program");
    fs::copy(std::env::current_exe().expect("this program"), &program).expect("copy this program");
    for seed in 0..rounds() {
        let at = dir.path().join(seed.to_string());
        fs::create_dir(&at).expect("a directory");
        if nobody && rustix::process::geteuid().is_root() {
            chown(&at, Some(NOBODY), Some(NOBODY)).expect("chown");
        }
        let (layout, bundle, root) = (at.join("layout"), at.join("bundle"), at.join("root"));
        let image = trees::image(seed, Manner::Any);
        image.image().write_layout(&layout, "image");
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
