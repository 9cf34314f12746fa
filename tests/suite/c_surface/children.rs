//! A test of this binary run again in a process of its own.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use ocireg_testkit::process;

const CHILD: &str = "OCIREG_CHILD";

/// What the parent told this process, if it is a child.
pub fn told() -> Option<String> {
    std::env::var(CHILD).ok()
}

/// A command that runs one test of the file that asks alone, and tells it something.
#[track_caller]
pub fn command(test: &str, tell: &str) -> Command {
    let mut command = process::this_test(test);
    command.env(CHILD, tell);
    command
}

/// Runs a child to its end; the test in it must pass.
pub fn expect_success(command: &mut Command) -> process::Run {
    let run = process::run(command, Duration::from_secs(60)).expect("run the child");
    let out = String::from_utf8_lossy(&run.stdout);
    let passed = run.status.is_some_and(|status| status.success()) && out.contains("1 passed");
    assert!(passed, "{:?}\n{out}\n{}", run.status, String::from_utf8_lossy(&run.stderr));
    run
}

/// Runs a test of this binary again in namespaces of its own (`kind` as unshare takes it) once `setup` was done there,
/// and tells it something. As root, as anybody where the system allows that, or by sudo.
#[track_caller]
pub fn apart(test: &str, tell: &str, kind: &str, setup: &str, environment: &[(&str, &Path)]) {
    let inner = command(test, tell);
    let ways: [&[&str]; 3] = [
        &["unshare", kind],
        &["unshare", "--map-root-user", kind],
        &["sudo", "-n", "--preserve-env=OCIREG_CHILD,SSL_CERT_FILE", "unshare", kind],
    ];
    let enter = |way: &[&str]| {
        let mut command = Command::new(way[0]);
        command.args(&way[1..]).args(["sh", "-c", &format!("{setup} && exec \"$0\" \"$@\"")]);
        command
    };
    let works = |way: &&&[&str]| {
        enter(way).arg("true").output().is_ok_and(|output| output.status.success())
    };
    let way = ways.iter().find(works).unwrap_or_else(|| {
        panic!(
            "{test}: no namespace can be made; run as root, outside of containers that forbid it"
        )
    });
    let mut command = enter(way);
    command.arg(inner.get_program()).args(inner.get_args()).env(CHILD, tell);
    command.envs(environment.iter().copied());
    expect_success(&mut command);
}
