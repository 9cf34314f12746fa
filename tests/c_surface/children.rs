//! A test of this binary run again in a process of its own.

use std::process::Command;
use std::time::Duration;

use ocireg_testkit::process;

const CHILD: &str = "OCIREG_CHILD";

/// What the parent told this process, if it is a child.
pub fn told() -> Option<String> {
    std::env::var(CHILD).ok()
}

/// A command that runs one test of this binary alone and tells it something.
pub fn command(test: &str, tell: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("the test binary"));
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]).env(CHILD, tell);
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
