//! The program `ocireg`, which the Python package brings, against a registry that others wrote. Its own tests run it
//! against a registry that can stall and lie.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use ocireg_testkit::{Cncf, cncf, stage};

fn program(home: &Path, words: &[&str], stdin: &str) -> Output {
    let mut command = Command::new(stage::python_with("ctypes"));
    command.args(["-m", "ocireg"]).args(words).current_dir(home).env("HOME", home);
    command.env("OCIREG_LIBRARY", stage::prefix().join("lib/libocireg.so.0"));
    command.env("PYTHONPATH", stage::root().join("bindings/python"));
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("python starts");
    child.stdin.take().expect("a pipe").write_all(stdin.as_bytes()).expect("written");
    child.wait_with_output().expect("an end")
}

/// What a command prints, which has to end well.
fn output(home: &Path, words: &[&str], stdin: &str) -> String {
    let output = program(home, words, stdin);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words:?}: {}: {said}", output.status);
    assert!(!said.contains("wonderland"), "{said}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn the_program_works_with_a_real_registry() {
    let (user, password) = ("alice", "wonderland");
    let options = cncf::Options { htpasswd: vec![(user, password)], ..Default::default() };
    let registry = Cncf::start(&options);
    let creds = format!("--dest-creds={user}:{password}");
    let image =
        registry.push_busybox("team/app", "1.0", &["linux/amd64", "linux/arm64"], &[&creds]);
    let home = ocireg_testkit::tempdir();
    let home = home.path();
    let host = registry.host();
    let reference = format!("{host}/team/app:1.0");

    let refused = program(home, &["pull", &reference, "oci:layout"], "");
    assert_eq!(refused.status.code(), Some(4), "{}", String::from_utf8_lossy(&refused.stderr));
    output(home, &["login", &host, "--username", user, "--password-stdin"], "wonderland\n");

    let pulled = output(home, &["pull", &reference, "oci:layout:app", "--all-platforms"], "");
    assert!(pulled.contains(&image.digest), "{pulled}");
    output(home, &["push", "oci:layout:app", &format!("{host}/team/new:2.0"), "--tag", "2"], "");
    let (from, to) = (format!("docker://{reference}"), format!("docker://{host}/team/copied:3"));
    output(home, &["copy", &from, &to], "");
    let tags = output(home, &["tags", &format!("{host}/team/new")], "");
    let mut tags: Vec<_> = tags.lines().collect();
    tags.sort_unstable();
    assert_eq!(tags, ["2", "2.0"]);
    let inspected = output(home, &["inspect", &format!("{host}/team/copied:3"), "--json"], "");
    assert!(inspected.contains(&image.digest), "{inspected}");
    output(home, &["unpack", &reference, "rootfs"], "");
    assert!(home.join("rootfs/bin/busybox").exists());

    output(home, &["logout", &host], "");
    let refused = program(home, &["inspect", &reference], "");
    assert_eq!(refused.status.code(), Some(4));
}
