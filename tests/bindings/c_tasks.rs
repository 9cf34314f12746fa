//! The tasks that programs have with a registry, as the examples in C and in C++ do them: each is run, with the case that
//! goes wrong beside it. (Streaming a layer and pulling with progress are in c.rs, too.)

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use crate::c::examples;
use ocireg_testkit::image::{Image, Spec};
use ocireg_testkit::rig::canary;
use ocireg_testkit::{Action, Auth, Fault, Registry, ServerOptions};

const LANGUAGES: [&str; 2] = ["c", "cpp"];

fn example(name: &str, language: &str, home: &Path) -> Command {
    let mut command = Command::new(examples().join(format!("{name}-{language}")));
    command.env("HOME", home).env("DOCKER_CONFIG", home.join("docker"));
    command
}

fn run(command: &mut Command) -> Output {
    command.output().expect("the example runs")
}

fn said(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

fn app(registry: &Registry) -> Image {
    let image = Spec::busybox(&["linux/amd64"]).build();
    for tag in ["1", "2", "latest"] {
        image.push_to(registry, "app", tag);
    }
    image
}

#[test]
fn tags_are_listed() {
    let (registry, home) = (Registry::plain(), ocireg_testkit::tempdir());
    app(&registry);
    for language in LANGUAGES {
        let list = |name: &str| {
            let reference = format!("{}/{name}", registry.host());
            run(example("tags", language, home.path()).arg(reference))
        };
        let (out, err) = said(&list("app"));
        assert_eq!((out.as_str(), err.as_str()), ("1\n2\nlatest\n", ""), "{language}");
        let none = list("none");
        assert!(!none.status.success() && said(&none).1.contains("OCIREG_NOT_FOUND"));
    }
}

#[test]
fn an_image_is_inspected() {
    let (registry, home) = (Registry::plain(), ocireg_testkit::tempdir());
    let image = app(&registry);
    for language in LANGUAGES {
        let reference = format!("{}/app:1", registry.host());
        let (out, err) = said(&run(example("inspect", language, home.path()).arg(reference)));
        let layer = format!("layer: {}", image.manifests[0].layers[0]);
        for part in [&format!("digest: {}\n", image.digest), "platform: linux/amd64\n", &layer] {
            assert!(out.contains(part), "{language}: {part:?}\n{out}{err}");
        }
        assert!(out.contains("command:") && out.contains("sh"), "{language}: {out}");
        // Nothing of the layers themselves is fetched.
        let layers = registry.requests();
        assert!(!layers.iter().any(|r| r.target.contains(&image.manifests[0].layers[0])));
    }
}

/// Progress is shown, and a signal ends the program within a second.
#[test]
fn a_pull_shows_progress_and_stops_at_an_interrupt() {
    let (registry, home) = (Registry::plain(), ocireg_testkit::tempdir());
    let image = app(&registry);
    for language in LANGUAGES {
        let pull = |layout: &str| {
            let mut pull = example("pull", language, home.path());
            pull.arg(format!("{}/app:1", registry.host()));
            pull.arg(format!("oci:{}", home.path().join(layout).display()));
            pull
        };
        let (out, err) = said(&run(&mut pull(&format!("whole-{language}"))));
        assert!(out.contains(&image.digest) && err.contains(" bytes"), "{language}: {out}{err}");

        let layer = &image.manifests[0].layers[0];
        let silence = Action::Stall(1000, Duration::from_secs(60));
        registry.fault(Fault::on(layer, silence).always());
        let mut child = pull(&format!("stopped-{language}"));
        let mut child = child.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().expect("runs");
        let mut stderr = BufReader::new(child.stderr.take().expect("piped"));
        // It is in the middle when it has told of progress.
        let mut told = Vec::new();
        stderr.read_until(b's', &mut told).expect("progress");
        let id = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(id, rustix::process::Signal::INT).expect("interrupted");
        let start = std::time::Instant::now();
        let mut rest = String::new();
        stderr.read_to_string(&mut rest).expect("the end");
        let status = child.wait().expect("it ends");
        registry.clear_faults();
        assert!(start.elapsed() < Duration::from_secs(10), "{language}: {:?}", start.elapsed());
        assert_eq!(status.code(), Some(1), "{language}: {rest}");
        assert!(rest.contains("OCIREG_CANCELLED"), "{language}: {rest}");
    }
}

#[test]
fn a_layer_is_streamed_unpacked_and_verified() {
    let (registry, home) = (Registry::plain(), ocireg_testkit::tempdir());
    let image = app(&registry);
    for language in LANGUAGES {
        let root = home.path().join(format!("root-{language}"));
        std::fs::create_dir(&root).expect("made");
        let mut list = example("list", language, home.path());
        list.arg(format!("{}/app:1", registry.host())).arg(&root);
        let (out, err) = said(&run(&mut list));
        let layer = &image.manifests[0].layers[0];
        assert!(out.contains(&format!("verified: {layer}")), "{language}: {out}{err}");
        assert!(root.join("bin/busybox").exists(), "{language}");
    }
}

#[test]
fn a_blob_is_uploaded_from_a_file_and_from_a_stream() {
    let (registry, home) = (Registry::plain(), ocireg_testkit::tempdir());
    let content: Vec<u8> = (0..600_000_u32).map(|i| (i % 251) as u8).collect();
    let file = home.path().join("blob");
    std::fs::write(&file, &content).expect("written");
    let digest = ocireg_testkit::digest::sha256(&content);
    for language in LANGUAGES {
        for (repository, name) in [("file", file.as_os_str()), ("stream", "-".as_ref())] {
            let repository = format!("{repository}-{language}");
            let mut upload = example("upload", language, home.path());
            upload.arg(format!("{}/{repository}", registry.host())).arg(name);
            upload.stdin(std::fs::File::open(&file).expect("the file"));
            let (out, err) = said(&run(&mut upload));
            assert!(out.contains(&digest), "{repository}: {out}{err}");
            assert_eq!(
                registry.blob(&repository, &digest).map(|blob| blob.to_vec()),
                Some(content.clone())
            );
        }
        let mut none = example("upload", language, home.path());
        none.arg(format!("{}/none", registry.host())).arg(home.path().join("none"));
        let none = run(&mut none);
        assert!(!none.status.success() && said(&none).1.contains("OCIREG_IO"), "{language}");
    }
}

#[test]
fn a_login_opens_a_private_image() {
    let password = canary();
    let registry = Registry::start(ServerOptions::default(), Auth::basic("alice", &password));
    registry.may_receive(&password);
    app(&registry);
    for language in LANGUAGES {
        let home = ocireg_testkit::tempdir();
        home.may_hold(&password); // In config.json.
        let private = |password: &str| {
            let mut private = example("private", language, home.path());
            private.env("PASSWORD", password).arg(registry.host()).arg("alice");
            private.arg(format!("{}/app:1", registry.host()));
            run(private.arg(format!("oci:{}", home.path().join("layout").display())))
        };
        let wrong = private("wrong");
        let (_, err) = said(&wrong);
        assert!(!wrong.status.success() && err.contains("OCIREG_UNAUTHORIZED"), "{err}");
        assert!(!home.path().join("docker/config.json").exists(), "nothing is stored");
        let right = private(&password);
        let (out, err) = said(&right);
        assert!(right.status.success(), "{language}: {out}{err}");
        assert!(out.contains("stored in: config.json\n") && out.contains("pulled "), "{out}");
        assert!(home.path().join("layout/index.json").exists());
        // What was stored is enough for the next program.
        let mut tags = example("tags", language, home.path());
        let (out, err) = said(&run(tags.arg(format!("{}/app", registry.host()))));
        assert_eq!(out, "1\n2\nlatest\n", "{err}");
    }
}

#[test]
fn three_errors_are_handled() {
    for language in LANGUAGES {
        let (registry, home) = (Registry::plain(), ocireg_testkit::tempdir());
        app(&registry);
        let pull = |registry: &Registry, name: &str| {
            let mut pull = example("errors", language, home.path());
            pull.arg(format!("{}/{name}", registry.host()));
            run(pull.arg(format!("oci:{}:x", home.path().join("layout").display())))
        };
        assert_eq!(pull(&registry, "app:1").status.code(), Some(0));
        let missing = pull(&registry, "app:none");
        assert_eq!(missing.status.code(), Some(3), "{}", said(&missing).1);
        let private = Registry::start(ServerOptions::default(), Auth::basic("alice", &canary()));
        app(&private);
        let refused = pull(&private, "app:1");
        assert_eq!(refused.status.code(), Some(4), "{}", said(&refused).1);
        // Busy once: the second attempt succeeds. Busy for good: the third is the last.
        let busy = || Fault::on("/manifests/", Action::status(503));
        registry.fault(busy().times(1));
        let output = pull(&registry, "app:1");
        assert_eq!(output.status.code(), Some(0), "{}", said(&output).1);
        assert_eq!(said(&output).1.matches("trying again").count(), 1);
        registry.fault(busy().always());
        let output = pull(&registry, "app:1");
        assert_eq!(output.status.code(), Some(1), "{}", said(&output).1);
        assert_eq!(said(&output).1.matches("trying again").count(), 2);
    }
}
