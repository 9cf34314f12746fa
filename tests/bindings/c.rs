//! The C and C++ tests: built against the staged install, run against a real registry, plain, under sanitizers, and
//! under valgrind.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant};

use crate::abuse;
use crate::declarations;
use ocireg_testkit::image::Spec;
use ocireg_testkit::stage;
use ocireg_testkit::v1::{Policy, V1, archive};
use ocireg_testkit::{Action, Auth, Cncf, Fault, Registry, ServerOptions, TokenServer, cncf};

/// A registry with big:latest, and the digest of that image's layer; and a registry of v1 with demo/app:1.
struct Big {
    registry: Cncf,
    layer: String,
    v1: V1,
}

/// One registry for the tests that run at the same time; it ends with the last of them.
fn big() -> Arc<Big> {
    static SHARED: Mutex<Weak<Big>> = Mutex::new(Weak::new());
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(big) = shared.upgrade() {
        return big;
    }
    let registry = Cncf::start(&cncf::Options::default());
    registry.push(&Spec::sized(1, 8 << 20).build(), "big", "latest", &[]);
    // One whose layers are archives.
    let platforms = vec!["linux/amd64".to_owned()];
    registry.push(&Spec { platforms, ..Spec::default() }.build(), "tree", "latest", &[]);
    let source = format!("docker://{}/big:latest", registry.host());
    let manifest = cncf::skopeo_inspect(&source, &["--tls-verify=false"]);
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).expect("a manifest");
    let layer = manifest["layers"][0]["digest"].as_str().expect("a layer").to_owned();
    let v1 = V1::standalone(ServerOptions::default(), Policy::default());
    v1.add_image(
        "demo/app",
        "1",
        &serde_json::json!({"id": "5".repeat(64)}),
        &archive::gzip(&[0; 1024]),
    );
    // No push to it ever ends, so that it can be made again.
    v1.index.fault(Fault::on("/checksum", Action::status(200)).always());
    let big = Arc::new(Big { registry, layer, v1 });
    *shared = Arc::downgrade(&big);
    big
}

/// How a program is built.
#[derive(Clone, Copy, PartialEq)]
enum Build {
    Plain,
    /// With AddressSanitizer and UndefinedBehaviorSanitizer in the C code and in malloc.
    Sanitized,
}

/// Builds a program of one source file, once a test process.
fn build(source: &Path, build: Build) -> PathBuf {
    static BUILT: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    let stem = source.file_stem().expect("a name").to_string_lossy();
    let suffix = if build == Build::Sanitized { "-sanitized" } else { "" };
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{stem}{suffix}"));
    if built.contains(&program) {
        return program;
    }
    let cpp = source.extension().is_some_and(|extension| extension == "cpp");
    let mut command = Command::new(if cpp { "c++" } else { "cc" });
    command.arg(if cpp { "-std=c++17" } else { "-std=gnu11" });
    command.args(["-g", "-O1", "-Wall", "-Wextra", "-Werror", "-I"]);
    command.arg(stage::root().join("tests/bindings/c"));
    if build == Build::Sanitized {
        command.args(["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]);
    }
    command.arg(source).arg("-o").arg(&program).args(stage::flags());
    stage::run(command.args(["-pthread", "-ldl"]));
    if build == Build::Sanitized {
        let symbols = stage::output(Command::new("nm").arg(&program));
        assert!(symbols.contains("__asan_init"), "AddressSanitizer is not linked in");
    }
    built.push(program.clone());
    program
}

fn source(name: &str) -> PathBuf {
    stage::root().join("tests/bindings/c").join(name)
}

fn valgrind() -> Command {
    let mut command = Command::new("valgrind");
    command.args([
        "--quiet",
        "--error-exitcode=99",
        "--leak-check=full",
        "--errors-for-leak-kinds=definite",
    ]);
    command
}

/// Runs one case of behaviour.c.
fn behave(case: &str, how: Build) {
    let (big, directory) = (big(), ocireg_testkit::tempdir());
    let program = build(&source("behaviour.c"), how);
    run_case(Command::new(program), case, &big, directory.path());
}

fn run_case(mut command: Command, case: &str, big: &Big, directory: &Path) {
    stage::run(command.arg(case).arg(big.registry.host()).arg(directory));
}

macro_rules! cases {
    (plain: $($case:ident)*; rows: $($row:ident)*) => {
        const CASES: &[&str] = &[$(stringify!($case),)* $(stringify!($row)),*];

        /// The library as C programs meet it, built by a plain compiler. Those of a row of the threat model are below.
        mod plain {
            $(#[test] fn $case() { super::behave(stringify!($case), super::Build::Plain) })*
        }

        /// The same with sanitizers watching the caller's side and every allocation.
        mod sanitized {
            $(#[test] fn $case() { super::behave(stringify!($case), super::Build::Sanitized) })*
            $(#[test] fn $row() { super::behave(stringify!($row), super::Build::Sanitized) })*
        }
    };
}

cases! {
    plain: cancel_thread cancel_signal deadline deadline_counts_from_set errno_is_kept log_and_drop
    progress_and_drop progress_ticks reader_goes_on_after_cancel frees_in_any_order fork_then_use
    layers_are_read images_are_unpacked images_are_exported blobs_are_files credentials_come_from_the_program;
    rows: one_service_on_many_threads reader_is_busy error_on_another_thread leaves_no_trace sigpipe signal_storm two_copies
    freed_while_running directory_changes pthread_cancel_in_a_call
}

#[test]
fn pthread_cancel_ends_no_call() {
    behave("pthread_cancel_in_a_call", Build::Plain);
}

#[test]
fn x9_x13_reader_is_busy() {
    behave("reader_is_busy", Build::Plain);
}

#[test]
fn x13_one_service_on_many_threads() {
    behave("one_service_on_many_threads", Build::Plain);
}

#[test]
fn x14_error_on_another_thread() {
    behave("error_on_another_thread", Build::Plain);
}

#[test]
fn x16_leaves_no_trace() {
    behave("leaves_no_trace", Build::Plain);
}

#[test]
fn x17_sigpipe() {
    behave("sigpipe", Build::Plain);
}

#[test]
fn x18_signal_storm() {
    behave("signal_storm", Build::Plain);
}

#[test]
fn x19_two_copies() {
    behave("two_copies", Build::Plain);
}

#[test]
fn x25_freed_while_running() {
    behave("freed_while_running", Build::Plain);
}

#[test]
fn x28_directory_changes() {
    behave("directory_changes", Build::Plain);
}

/// Writes over the frames of others for a while, which a sanitizer must not see.
#[test]
fn stack_set_aside_in_a_callback() {
    behave("stack_set_aside_in_a_callback", Build::Plain);
}

/// What no sanitizer may watch.
const PLAIN_ONLY: &[&str] = &["freed_twice", "stack_set_aside_in_a_callback"];

/// Reads freed memory, which is why no sanitizer may watch.
#[test]
fn x2_freed_twice() {
    behave("freed_twice", Build::Plain);
}

#[test]
fn no_case_is_forgotten() {
    let listed =
        stage::output(Command::new(build(&source("behaviour.c"), Build::Plain)).arg("--list"));
    let mut listed: Vec<&str> = listed.lines().filter(|case| !PLAIN_ONLY.contains(case)).collect();
    let mut cases = CASES.to_vec();
    listed.sort_unstable();
    cases.sort_unstable();
    assert_eq!(cases, listed);
}

#[test]
fn behaviour_under_valgrind() {
    let big = big();
    let program = build(&source("behaviour.c"), Build::Plain);
    for case in [
        "error_on_another_thread",
        "frees_in_any_order",
        "freed_while_running",
        "progress_and_drop",
        "layers_are_read",
        "images_are_unpacked",
        "images_are_exported",
        "blobs_are_files",
        "credentials_come_from_the_program",
    ] {
        let directory = ocireg_testkit::tempdir();
        let mut command = valgrind();
        command.arg(&program);
        run_case(command, case, &big, directory.path());
    }
}

/// The program that abuse.rs writes for the functions of the staged header.
fn abuse_source() -> PathBuf {
    let header =
        std::fs::read_to_string(stage::prefix().join("include/ocireg.h")).expect("staged header");
    let source = Path::new(env!("CARGO_TARGET_TMPDIR")).join("abuse.c");
    let text = abuse::program(&declarations::functions(&header));
    static WRITTEN: Mutex<()> = Mutex::new(());
    let _guard = WRITTEN.lock();
    if std::fs::read_to_string(&source).ok().as_deref() != Some(&text) {
        std::fs::write(&source, text).expect("written");
    }
    source
}

fn abuse(mut command: Command) {
    let (big, directory) = (big(), ocireg_testkit::tempdir());
    command.arg(big.registry.host()).arg(directory.path()).arg(&big.layer);
    stage::run(command.arg(big.v1.index.host()));
}

#[test]
fn x1_x3_x4_x5_x7_abuse_of_every_function() {
    abuse(Command::new(build(&abuse_source(), Build::Plain)));
}

#[test]
fn x23_abuse_of_every_function_sanitized() {
    abuse(Command::new(build(&abuse_source(), Build::Sanitized)));
}

#[test]
fn abuse_of_every_function_under_valgrind() {
    let mut command = valgrind();
    command.arg(build(&abuse_source(), Build::Plain));
    abuse(command);
}

#[test]
fn x11_cpp_binding() {
    for how in [Build::Plain, Build::Sanitized] {
        let (big, directory) = (big(), ocireg_testkit::tempdir());
        let mut program = Command::new(build(&source("raii.cpp"), how));
        program.arg(big.registry.host()).arg(directory.path()).arg(big.v1.index.host());
        stage::run(&mut program);
    }
}

#[test]
fn cpp_header_alone_and_twice() {
    let dir = ocireg_testkit::tempdir();
    let (one, two) = (dir.path().join("one.cpp"), dir.path().join("two.cpp"));
    std::fs::write(&one, "#include <ocireg.hpp>\n#include <ocireg.hpp>\nint main() {}\n")
        .expect("one");
    std::fs::write(&two, "#include <ocireg.hpp>\n").expect("two");
    for standard in ["-std=c++17", "-std=c++20"] {
        let mut command = Command::new("c++");
        command.args([standard, "-Wall", "-Wextra", "-pedantic", "-Werror"]).args([&one, &two]);
        stage::run(command.arg("-o").arg(dir.path().join("program")).args(stage::flags()));
    }
}

/// Every function of the header is in the C++ binding.
#[test]
fn cpp_header_is_complete() {
    let include = stage::prefix().join("include");
    let header = std::fs::read_to_string(include.join("ocireg.h")).expect("ocireg.h");
    let binding = std::fs::read_to_string(include.join("ocireg.hpp")).expect("ocireg.hpp");
    for function in declarations::functions(&header) {
        // What a C++ program calls as it is, and what ocireg::Error knows from the call.
        if function.name.starts_with("ocireg_version") || function.name == "ocireg_error_code" {
            continue;
        }
        assert!(binding.contains(&function.name), "ocireg.hpp does not use {}", function.name);
    }
}

/// The examples as a user builds them, with CMake's find_package, once a test process.
pub fn examples() -> &'static Path {
    static BUILT: OnceLock<ocireg_testkit::TempDir> = OnceLock::new();
    let directory = BUILT.get_or_init(|| {
        let directory = ocireg_testkit::tempdir();
        let mut configure = Command::new("cmake");
        configure.arg("-S").arg(stage::root().join("bindings/c/examples"));
        configure.arg("-B").arg(directory.path());
        stage::run(configure.arg(format!("-DCMAKE_PREFIX_PATH={}", stage::prefix().display())));
        stage::run(Command::new("cmake").arg("--build").arg(directory.path()));
        directory
    });
    directory.path()
}

/// libcurl downloads a blob with what the library authorizes, also when the token ends on the way.
#[test]
fn curl_downloads_a_blob_with_an_authorization_that_ends() {
    let token = TokenServer::plain();
    let registry = Registry::start(ServerOptions::default(), Auth::bearer(&token));
    let bytes: Vec<u8> =
        (0..3_500_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let digest = registry.add_blob("app", bytes.clone());
    let directory = ocireg_testkit::tempdir();
    let file = directory.path().join("blob");
    // The registry takes the first token for two pieces only.
    registry.fault(Fault::on("/blobs/", Action::status(401)).skip(2).times(1));
    let mut fetch = Command::new(examples().join("fetch-c"));
    fetch.arg(format!("{}/app", registry.host())).arg(&digest).arg(&file);
    let said = stage::output(&mut fetch);
    assert!(said.contains(&digest), "{said}");
    assert!(std::fs::read(&file).expect("the file") == bytes);
    let tokens = token.requests().len();
    assert_eq!(tokens, 2, "another token after the first had ended");
    let sent = registry.requests();
    let blobs: Vec<_> = sent.iter().filter(|r| r.target.contains("/blobs/")).collect();
    assert_eq!(blobs.len(), 5, "four pieces, one of them twice");
    assert!(blobs.iter().all(|r| r.header("user-agent").is_none_or(|by| !by.contains("ocireg"))));
}

/// One file of a layer of many megabytes costs a few kilobytes.
#[test]
fn one_file_of_an_uncompressed_layer_is_read_without_the_rest() {
    let mut layer = Vec::new();
    let mut entry = |name: &str, content: &[u8]| {
        let mut header = [0; 512];
        header[..name.len()].copy_from_slice(name.as_bytes());
        let size = format!("{:011o}", content.len());
        header[124..135].copy_from_slice(size.as_bytes());
        header[156] = b'0';
        header[257..263].copy_from_slice(b"ustar\0");
        layer.extend_from_slice(&header);
        layer.extend_from_slice(content);
        layer.resize(layer.len().next_multiple_of(512), 0);
    };
    entry("usr/lib/large-1", &vec![1; 8 << 20]);
    entry("etc/motd", b"welcome\n");
    entry("usr/lib/large-2", &vec![2; 8 << 20]);
    layer.resize(layer.len() + 1024, 0);
    let registry = Registry::plain();
    let size = layer.len();
    let digest = registry.add_blob("app", layer);
    let config = registry.add_blob("app", b"{}".to_vec());
    let manifest = serde_json::json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": config, "size": 2},
        "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": digest, "size": size}],
    });
    let kind = "application/vnd.oci.image.manifest.v1+json";
    registry.add_manifest("app", Some("1"), kind, manifest.to_string());
    let reference = format!("{}/app:1", registry.host());
    let cat = || Command::new(examples().join("cat-c"));
    let listed = stage::output(cat().arg(&reference));
    assert!(
        listed.contains("8388608 usr/lib/large-1\n") && listed.contains("8 etc/motd\n"),
        "{listed}"
    );
    registry.clear();
    assert_eq!(stage::output(cat().arg(&reference).arg("etc/motd")), "welcome\n");
    let ranges =
        registry.requests().into_iter().filter(|r| r.target.contains("/blobs/")).map(|r| {
            let range = r
                .header("range")
                .and_then(|range| range.strip_prefix("bytes="))
                .expect("a range")
                .to_owned();
            let (first, last) = range.split_once('-').expect("closed");
            last.parse::<usize>().expect("a number") - first.parse::<usize>().expect("a number") + 1
        });
    let traffic: usize = ranges.sum();
    assert!((512..4096).contains(&traffic), "{traffic} bytes of {size}");
    assert!(!cat().arg(&reference).arg("etc/none").output().expect("it runs").status.success());
}

#[test]
fn examples_build_and_move_images() {
    let (big, directory) = (big(), ocireg_testkit::tempdir());
    let built = examples();
    for name in ["pull-c", "pull-cpp"] {
        let layout = directory.path().join(name);
        let mut pull = Command::new(built.join(name));
        pull.arg(format!("{}/big:latest", big.registry.host()));
        let report = stage::output(pull.arg(format!("oci:{}", layout.display())));
        assert!(report.contains(&big.layer), "{report}");
        assert!(layout.join("blobs").join(big.layer.replace(':', "/")).exists());
    }
    let registry = Registry::plain();
    let image = Spec::busybox(&["linux/amd64"]).build();
    image.push_to(&registry, "app", "1");
    for language in ["c", "cpp"] {
        let layout = format!("oci:{}:x", directory.path().join(language).display());
        let (name, place) = (format!("copies/{language}"), format!("{}/copies", registry.host()));
        let mut copy = Command::new(built.join(format!("copy-{language}")));
        let report =
            stage::output(copy.arg(format!("docker://{}/app:1", registry.host())).arg(&layout));
        assert!(report.contains(&image.digest), "{report}");
        let mut push = Command::new(built.join(format!("push-{language}")));
        push.arg(&layout).arg(format!("{place}/{language}:1")).args(["2", "stable"]);
        let said = stage::output(&mut push);
        assert_eq!(said.trim_end(), format!("pushed {place}/{language}@{}", image.digest));
        for tag in ["1", "2", "stable"] {
            assert_eq!(registry.tag(&name, tag).as_deref(), Some(image.digest.as_str()), "{tag}");
        }
    }
    let root = directory.path().join("root");
    let mut unpack = Command::new(built.join("rootfs-c"));
    let arguments = stage::output(unpack.arg(format!("{}/app:1", registry.host())).arg(&root));
    assert_eq!(arguments, "/bin/busybox\nsh\n");
    assert!(root.join("bin/busybox").exists());
    let output = unpack.output().expect("the program runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("is not empty"), "{said}");
    let layer = &image.manifests[0].layers[0];
    let size = image.blobs[layer].len().expect("a size");
    for name in ["list-c", "list-cpp"] {
        let mut list = Command::new(built.join(name));
        let reference = format!("{}/app:1", registry.host());
        let listed = stage::output(list.arg(&reference));
        assert!(listed.contains("bin/busybox"), "{listed}");
        assert!(listed.contains(&format!("verified: {layer}")), "{listed}");
        // The last byte is changed, which no reader of archives can notice.
        registry.fault(Fault::on(layer, Action::Flip(size - 1)).always());
        let output = list.output().expect("the program runs");
        registry.clear_faults();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains("OCIREG_DIGEST_MISMATCH"), "{said}");
        assert!(!String::from_utf8_lossy(&output.stdout).contains("verified:"));
    }
}

/// A layer of 1 GiB passes through a process that never has more than 12 MiB.
#[test]
fn x8_memory_stays_small() {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
    let registry = Registry::plain();
    Spec::sized(1, 1 << 30).build().push_to(&registry, "huge", "latest");
    let start = Instant::now();
    let most = stage::output(
        Command::new(build(&source("pull_mem.c"), Build::Plain))
            .arg(format!("{}/huge:latest", registry.host()))
            .arg(directory.path().join("layout")),
    );
    let most: u64 = most.trim().parse().expect("a number of KiB");
    // The debug library is larger, and its pages count too.
    let allowed = if stage::profile() == "release" { 12 << 10 } else { 48 << 10 };
    assert!(most < allowed, "{most} KiB for a layer of 1 GiB");
    assert!(start.elapsed() < Duration::from_secs(120), "{:?}", start.elapsed());
}
