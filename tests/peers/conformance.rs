//! The registry that the other tests run against does what the distribution specification asks for: the conformance
//! suite of the Open Container Initiative says so. A registry that is wrong would let a wrong client pass.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use ocireg_testkit::{Registry, process};

const SUITE: &str = "github.com/opencontainers/distribution-spec/conformance";

#[test]
fn the_registry_of_the_tests_conforms_to_the_specification() {
    let suite = Path::new(env!("CARGO_TARGET_TMPDIR")).join("conformance");
    let mut build = Command::new("go");
    build.current_dir("tests/peers/conformance").args(["build", "-o"]).arg(&suite).arg(SUITE);
    process::run(&mut build, Duration::from_secs(600)).expect("Go").expect_success();

    let (registry, results) = (Registry::plain(), ocireg_testkit::tempdir());
    let mut run = Command::new(suite);
    // Beside what version 1.1 asks for, all that the suite can test.
    run.current_dir(results.path())
        .env("OCI_REGISTRY", registry.host())
        .env("OCI_TLS", "disabled")
        .env("OCI_VERSION", "1.1")
        .env("OCI_RESULTS_DIR", results.path())
        .env("OCI_API_BLOBS_UPLOAD_CANCEL", "true")
        .env("OCI_API_BLOBS_DIGEST_HEADER", "true")
        .env("OCI_API_MANIFESTS_DIGEST_HEADER", "true")
        .env("OCI_API_MANIFESTS_TAG_PARAM", "true")
        .env("OCI_DATA_SPARSE", "true");
    let report =
        process::run(&mut run, Duration::from_secs(120)).expect("the suite").expect_success();
    // Before them stands how many there are of each kind.
    let (_, of_each) = report.split_once("API conformance:").expect("a verdict on each API");
    let verdicts: Vec<(&str, &str)> = of_each
        .lines()
        .filter_map(|line| line.split_once("..:"))
        .map(|(what, verdict)| (what.trim().trim_end_matches('.'), verdict.trim()))
        .collect();
    assert!(verdicts.len() > 40, "{report}");
    for (what, verdict) in verdicts {
        assert_eq!(verdict, "Pass", "{what}\n{report}");
    }
    assert!(registry.requests().len() > 500, "the suite has asked this registry");
}
