//! The staged install: what the tests of the C surface link against, exactly as a user would install it.

use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The source tree.
pub fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// Which library is staged: that of the tests' own profile, or the one that `OCIREG_STAGE_PROFILE` names.
pub fn profile() -> String {
    let own = if cfg!(debug_assertions) { "debug" } else { "release" };
    std::env::var("OCIREG_STAGE_PROFILE").unwrap_or_else(|_| own.to_owned())
}

/// The prefix of the staged install, which is brought up to date once in each test process.
pub fn prefix() -> &'static Path {
    static PREFIX: OnceLock<PathBuf> = OnceLock::new();
    PREFIX.get_or_init(|| {
        let profile = profile();
        let stage = scratch().join("stage");
        std::fs::create_dir_all(&stage).expect("target/ can be written");
        let prefix = stage.join(&profile);
        // Test processes may run side by side: one installs, the others find it done.
        let lock = File::create(stage.join(".lock")).expect("target/ can be written");
        lock.lock().expect("the stage can be locked");
        let mut install = Command::new(root().join("bindings/c/install.sh"));
        install.arg("--prefix").arg(&prefix).args(["--profile", &profile]);
        run(outside_cargo(&mut install));
        prefix
    })
}

/// Compiler flags for a program in C or C++ on the staged library, which also finds it when it runs.
pub fn flags() -> Vec<String> {
    let mut flags: Vec<String> = output(pkg_config().args(["--cflags", "--libs", "ocireg"]))
        .split_whitespace()
        .map(str::to_owned)
        .collect();
    flags.push(format!("-Wl,-rpath,{}", prefix().join("lib").display()));
    flags
}

/// pkg-config that sees the staged install and nothing else.
pub fn pkg_config() -> Command {
    let mut command = Command::new("pkg-config");
    command.env_remove("PKG_CONFIG_PATH").env("PKG_CONFIG_LIBDIR", prefix().join("lib/pkgconfig"));
    command
}

/// A directory below target/ for what tests build.
pub fn scratch() -> PathBuf {
    // Programs of tests are in target/PROFILE/deps.
    let program = std::env::current_exe().expect("this program");
    program.ancestors().nth(3).expect("a directory of cargo's").to_path_buf()
}

/// Takes away what cargo sets for tests and build scripts watch, as that of ring does: else the same library is built twice.
pub fn outside_cargo(command: &mut Command) -> &mut Command {
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "OUT_DIR"]
            .iter()
            .any(|p| text.starts_with(p))
        {
            command.env_remove(&name);
        }
    }
    command
}

/// Runs a command that must succeed.
pub fn run(command: &mut Command) {
    output(command);
}

/// What a command that must succeed writes to its standard output.
pub fn output(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|e| panic!("{command:?} cannot start: {e}"));
    assert!(
        output.status.success(),
        "{command:?} failed ({}):\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    String::from_utf8(output.stdout).expect("tools write UTF-8")
}

/// A Python that can import a module: the one on PATH, else the system's own.
pub fn python_with(module: &str) -> &'static OsStr {
    ["python3", "/usr/bin/python3"]
        .into_iter()
        .map(OsStr::new)
        .find(|python| {
            let import = format!("import {module}");
            Command::new(python).args(["-c", &import]).output().is_ok_and(|o| o.status.success())
        })
        .unwrap_or_else(|| panic!("python3 has no {module}: apt-get install python3-{module}"))
}
