//! Tests with a home directory, an environment and credential helpers of their own.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ocireg_testkit::process;
use serde_json::{Value, json};

pub const CHILD: &str = "OCIREG_CREDENTIALS_CHILD";

/// Runs `body` in a process of its own, whose environment is `environment(directory)` and nothing else of this kind.
///
/// The directory `bin` in it holds the helpers, and comes first in PATH.
#[track_caller]
pub fn alone(
    test: &str,
    environment: impl FnOnce(&Path) -> Vec<(&'static str, PathBuf)>,
    body: impl FnOnce(&Path),
) {
    if let Some(directory) = std::env::var_os(CHILD) {
        return body(Path::new(&directory));
    }
    let directory = ocireg_testkit::tempdir();
    let path = directory.path();
    fs::create_dir(path.join("bin")).expect("made");
    let mut command = process::this_test(test);
    for name in
        ["DOCKER_CONFIG", "REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "GNUPGHOME"]
    {
        command.env_remove(name);
    }
    let mut directories = vec![path.join("bin")];
    directories.extend(std::env::split_paths(&std::env::var_os("PATH").expect("PATH")));
    command.env("PATH", std::env::join_paths(directories).expect("a path"));
    command.env("HOME", path.join("home")).env(CHILD, path).envs(environment(path));
    let output = command.current_dir(path).output().expect("a child");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {said}", output.status);
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"), "no such test");
}

#[track_caller]
pub fn in_home(test: &str, body: impl FnOnce(&Path)) {
    alone(test, |_| Vec::new(), body);
}

/// Writes a file and the directories above it.
pub fn write(path: impl AsRef<Path>, text: impl AsRef<[u8]>) {
    let path = path.as_ref();
    fs::create_dir_all(path.parent().expect("a parent")).expect("directories");
    fs::write(path, text).expect("a file");
}

/// Writes a shell script `bin/docker-credential-NAME`.
pub fn helper(directory: &Path, name: &str, script: &str) {
    let path = directory.join("bin").join(format!("docker-credential-{name}"));
    write(&path, format!("#!/bin/sh\n{script}\n"));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("a mode");
}

pub fn basic(username: &str, password: &str) -> String {
    STANDARD.encode(format!("{username}:{password}"))
}

pub fn auth(username: &str) -> Value {
    json!({ "auth": basic(username, "secret-of-the-test") })
}

/// A key and a password store for docker-credential-pass, in a process whose GNUPGHOME is `gnupg`.
pub struct Pass;

impl Pass {
    pub fn new(d: &Path) -> Self {
        for directory in ["home", "gnupg"] {
            fs::create_dir(d.join(directory)).expect("made");
            fs::set_permissions(d.join(directory), fs::Permissions::from_mode(0o700))
                .expect("a mode");
        }
        let key = "credentials@example.com";
        let options = ["--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", ""];
        done(Command::new("gpg").args(options).args([
            "--quick-gen-key",
            key,
            "default",
            "default",
            "never",
        ]));
        done(Command::new("pass").args(["init", key]));
        Self
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        done(Command::new("gpgconf").args(["--kill", "gpg-agent"]));
    }
}

fn done(command: &mut Command) {
    let output = command.output().expect("runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
