//! Whole images between this library, registries and tools that others wrote: what one writes the other reads, to the
//! byte, and a transfer that breaks off anywhere is finished by the next call.
//!
//! OCIREG_PEERS_ROUNDS says how many random images and how many interruptions there are; tests/peers/run sets it.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use crate::c_surface::{Outcome, Service, children};
use crate::registries::{CRANE, ORAS, Registry, built, olareg, random, registries};
use ocireg_testkit::cutter::Way;
use ocireg_testkit::image::Spec;
use ocireg_testkit::process::{self, program};
use ocireg_testkit::{Cut, Cutter, Graph, digest};
use serde_json::{Value, json};

static REGCTL: LazyLock<PathBuf> =
    LazyLock::new(|| built("regctl", "github.com/regclient/regclient/cmd/regctl"));

const LIMIT: Duration = Duration::from_secs(60);

/// How much is done: few rounds in the gate, and as many as the variable says by hand.
pub fn rounds() -> u64 {
    let named = std::env::var("OCIREG_PEERS_ROUNDS").ok();
    named.map_or(12, |text| text.parse().expect("a number"))
}

fn number(seed: u64, below: u64) -> u64 {
    random(seed, 8).iter().fold(0u64, |sum, byte| sum * 256 + u64::from(*byte)) % below
}

/// A layout in a directory of its own that holds a graph under the name `x`.
fn layout_of(graph: &Graph) -> ocireg_testkit::TempDir {
    let directory = ocireg_testkit::tempdir();
    graph.write_layout(directory.path(), "x");
    directory
}

fn place(layout: &Path) -> String {
    format!("oci:{}:x", layout.display())
}

/// What the registry has under a tag, if anything.
fn tagged(service: &Service, reference: &str) -> Option<String> {
    let session = service.open(None, reference, &json!({})).expect("a session");
    match session.head_manifest(None, None, &json!({})) {
        Ok(found) => Some(found["digest"].as_str().expect("a digest").to_owned()),
        Err(failure) => {
            assert_eq!(failure.code, 80, "{failure:?}");
            None
        }
    }
}

/// Panics unless the registry gives every byte of the graph under this reference.
fn assert_at(service: &Service, reference: &str, graph: &Graph) {
    let directory = ocireg_testkit::tempdir();
    let into = place(directory.path());
    service
        .pull(None, reference, &into, &json!({"all_platforms": true}))
        .unwrap_or_else(|e| panic!("{reference}: {e:?}"));
    graph.assert_in(directory.path());
}

/// A tool that copies between registries and layouts.
struct Tool {
    name: &'static str,
    /// From a reference into a layout, under the name `x`.
    read: fn(&str, &Path) -> Command,
    /// From the layout's `x` to a reference.
    write: fn(&Path, &str) -> Command,
    /// Whether it follows indexes within indexes.
    deep: bool,
}

fn command(program: impl AsRef<Path>, arguments: &[&str]) -> Command {
    let mut command = Command::new(program.as_ref());
    command.args(arguments);
    command
}

/// The configuration of regctl names the hosts that speak plain HTTP.
fn regctl(reference: &str, arguments: &[&str]) -> Command {
    let host = reference.split('/').next().expect("a host");
    let mut all = vec!["--host".to_owned(), format!("reg={host},tls=disabled")];
    all.extend(arguments.iter().map(|argument| (*argument).to_owned()));
    let mut command = Command::new(&*REGCTL);
    command.args(all).env("HOME", "/nonexistent");
    command
}

fn tools() -> Vec<Tool> {
    vec![
        Tool {
            name: "skopeo",
            read: |reference, layout| {
                let from = format!("docker://{reference}");
                let options = ["copy", "--all", "--preserve-digests", "--src-tls-verify=false"];
                let mut command = command(program("skopeo", "skopeo"), &options);
                command.args([from, place(layout)]);
                command
            },
            write: |layout, reference| {
                let to = format!("docker://{reference}");
                let options = ["copy", "--all", "--preserve-digests", "--dest-tls-verify=false"];
                let mut command = command(program("skopeo", "skopeo"), &options);
                command.args([place(layout), to]);
                command
            },
            deep: false,
        },
        Tool {
            name: "crane",
            read: |reference, layout| {
                let mut command = command(&*CRANE, &["pull", "--insecure", "--format=oci"]);
                command.arg(reference).arg(layout);
                command
            },
            write: |layout, reference| {
                let mut command = command(&*CRANE, &["push", "--insecure", "--index"]);
                command.arg(layout).arg(reference);
                command
            },
            deep: true,
        },
        Tool {
            name: "oras",
            read: |reference, layout| {
                let to = format!("{}:x", layout.display());
                let options = ["cp", "--from-plain-http", "--to-oci-layout"];
                command(&*ORAS, &[&options[..], &[reference, &to]].concat())
            },
            write: |layout, reference| {
                let from = format!("{}:x", layout.display());
                let options = ["cp", "--to-plain-http", "--from-oci-layout"];
                command(&*ORAS, &[&options[..], &[&from, reference]].concat())
            },
            deep: true,
        },
        Tool {
            name: "regctl",
            read: |reference, layout| {
                let to = format!("ocidir://{}:x", layout.display());
                regctl(reference, &["image", "copy", reference, &to])
            },
            write: |layout, reference| {
                let from = format!("ocidir://{}:x", layout.display());
                regctl(reference, &["image", "copy", &from, reference])
            },
            deep: true,
        },
    ]
}

fn run(mut command: Command) {
    process::run(&mut command, LIMIT).expect("run it").expect_success();
}

#[test]
fn what_we_push_the_tools_read_and_what_they_push_we_read() {
    let service = Service::bare(json!({}));
    // An image, an index, an index of indexes; the last one only for those who follow it.
    for (seed, deep) in [(6, false), (9, false), (10, true)] {
        let graph = Graph::random(seed, false);
        let local = layout_of(&graph);
        for (name, _, registry) in registries() {
            let host = registry.host();
            let ours = format!("{host}/ours/app:1");
            let report = service
                .push(None, &place(local.path()), &format!("docker://{ours}"), &json!({}))
                .unwrap_or_else(|e| panic!("{name}: {e:?}"));
            assert_eq!(report["descriptor"]["digest"], graph.digest());
            for tool in tools().iter().filter(|tool| tool.deep || !deep) {
                let what = format!("{}, {name}, {seed}", tool.name);
                let copy = ocireg_testkit::tempdir();
                let layout = copy.path().join("layout");
                run((tool.read)(&ours, &layout));
                for (digest, bytes) in &graph.blobs {
                    let path = layout.join("blobs").join(digest.replace(':', "/"));
                    let there = fs::read(path).unwrap_or_else(|e| panic!("{what}: {digest}: {e}"));
                    assert!(there == *bytes, "{what}: {digest}");
                }
                // crane takes a layout for an index of its own, and pushes that.
                if tool.name == "crane" {
                    let theirs = format!("{host}/crane/app:1");
                    run((tool.write)(local.path(), &theirs));
                    let index = fs::read(local.path().join("index.json")).expect("an index");
                    assert_eq!(tagged(&service, &theirs), Some(digest::sha256(&index)), "{what}");
                    continue;
                }
                let theirs = format!("{host}/{}/app:1", tool.name);
                run((tool.write)(local.path(), &theirs));
                assert_eq!(tagged(&service, &theirs).as_deref(), Some(graph.digest()), "{what}");
                assert_at(&service, &theirs, &graph);
            }
        }
    }
}

#[test]
fn random_images_go_through_two_registries_and_come_back_equal() {
    let service = Service::bare(json!({}));
    let all = registries();
    let long = [olareg("mem"), olareg("dir")];
    for seed in 0..rounds() {
        // Only some registries know SHA-512.
        let sha512 = seed % 4 == 0;
        let graph = Graph::random(seed, sha512);
        let (first, second): (&Registry, &Registry) = if sha512 {
            (&long[0], &long[1])
        } else {
            let at = |number: u64| &all[usize::try_from(number).expect("small") % all.len()].2;
            (at(seed), at(seed / 2 + 1))
        };
        let local = layout_of(&graph);
        let name = |host: &str, number: u64| format!("{host}/random/{number}:x");
        let (one, two) = (name(&first.host(), seed), name(&second.host(), seed + 1000));
        let to = |reference: &str| format!("docker://{reference}");
        let failed = |e| -> Value { panic!("{seed}: {e:?}") };
        service.push(None, &place(local.path()), &to(&one), &json!({})).unwrap_or_else(failed);
        let report = service.copy(None, &to(&one), &to(&two), &json!({})).unwrap_or_else(failed);
        assert_eq!(report["descriptor"]["digest"], graph.digest(), "{seed}");
        // By way of an archive, that is pulled and copied on.
        let archive = format!("oci-archive:{}:x", local.path().join("archive.tar").display());
        let all_platforms = json!({"all_platforms": true});
        service.pull(None, &two, &archive, &all_platforms).unwrap_or_else(failed);
        let last = ocireg_testkit::tempdir();
        service.copy(None, &archive, &place(last.path()), &json!({})).unwrap_or_else(failed);
        graph.assert_in(last.path());
        assert_at(&service, &two, &graph);
    }
}

/// The digest of an image's configuration, and those of its uncompressed layers.
fn contents(service: &Service, location: &str) -> (Value, Value) {
    let found = service
        .inspect(None, location, &json!({"platform": "linux/amd64"}))
        .unwrap_or_else(|e| panic!("{location}: {e:?}"));
    (found["manifest"]["config"]["digest"].clone(), found["config"]["rootfs"]["diff_ids"].clone())
}

#[test]
fn tools_read_our_archives_and_we_read_theirs() {
    let service = Service::bare(json!({}));
    let registry = crate::registries::olareg("mem");
    let directory = ocireg_testkit::tempdir();
    let path = |name: &str| directory.path().join(name).display().to_string();
    let image = Spec { platforms: vec!["linux/amd64".into()], ..Spec::default() }.build();
    let layout = directory.path().join("layout");
    image.write_layout(&layout, "x");
    let reference = format!("{}/tools/app:1", registry.host());
    let remote = format!("docker://{reference}");
    let copies = |from: &str, to: &str| {
        let report = service.copy(None, from, to, &json!({}));
        report.unwrap_or_else(|e| panic!("{from} to {to}: {e:?}"))
    };
    copies(&place(&layout), &remote);
    let expected = contents(&service, &remote);
    let skopeo = |from: &str, to: &str| {
        let insecure = ["--src-tls-verify=false", "--dest-tls-verify=false"];
        let options = [&["copy", "--insecure-policy"][..], &insecure, &[from, to]].concat();
        run(command(program("skopeo", "skopeo"), &options));
    };
    // Ours, by skopeo.
    let oci = format!("oci-archive:{}:x", path("ours.oci.tar"));
    let docker = format!("docker-archive:{}:tools/app:1", path("ours.docker.tar"));
    copies(&remote, &oci);
    copies(&remote, &docker);
    let to_layout = |name: &str| format!("oci:{}:x", path(name));
    skopeo(&oci, &to_layout("skopeo.oci"));
    let digest = &service.inspect(None, &to_layout("skopeo.oci"), &json!({})).expect("inspected")["descriptor"];
    assert_eq!(digest["digest"], image.digest);
    skopeo(&docker, &to_layout("skopeo.docker"));
    assert_eq!(contents(&service, &to_layout("skopeo.docker")).1, expected.1);
    // Ours, by crane: it pushes the archive of docker save.
    let pushed = format!("{}/tools/pushed:1", registry.host());
    run(command(&*CRANE, &["push", "--insecure", &path("ours.docker.tar"), &pushed]));
    assert_eq!(contents(&service, &pushed), expected);
    // Ours, by umoci, which reads the layout in it.
    let unpacked = directory.path().join("unpacked");
    fs::create_dir(&unpacked).expect("a directory");
    let tar =
        ["-xf", &path("ours.oci.tar"), "-C", &unpacked.display().to_string()].map(str::to_owned);
    run(command("tar", &tar.each_ref().map(String::as_str)));
    run(command(
        program("umoci", "umoci"),
        &["stat", "--image", &format!("{}:x", unpacked.display())],
    ));
    // Theirs, by us.
    skopeo(&remote, &format!("oci-archive:{}:x", path("skopeo.oci.tar")));
    skopeo(&remote, &format!("docker-archive:{}:tools/app:1", path("skopeo.docker.tar")));
    run(command(
        &*CRANE,
        &["pull", "--insecure", "--format=tarball", &reference, &path("crane.tar")],
    ));
    run(command(
        &*CRANE,
        &["pull", "--insecure", "--format=legacy", &reference, &path("legacy.tar")],
    ));
    for (archive, same_digest) in [
        (format!("oci-archive:{}", path("skopeo.oci.tar")), true),
        (format!("docker-archive:{}:tools/app:1", path("skopeo.docker.tar")), false),
        (format!("docker-archive:{}", path("crane.tar")), false),
        (format!("docker-archive:{}", path("legacy.tar")), false),
    ] {
        let to = format!("docker://{}/tools/back:1", registry.host());
        let report = copies(&archive, &to);
        assert_eq!(report["descriptor"]["digest"] == image.digest, same_digest, "{archive}");
        assert_eq!(contents(&service, &to), expected, "{archive}");
    }
    // crane keeps the compressed layers, and so do we.
    let crane = service
        .inspect(None, &format!("docker-archive:{}", path("crane.tar")), &json!({}))
        .expect("inspected");
    let layers = crane["layers"].as_array().expect("layers").iter();
    let layers: Vec<&str> = layers.filter_map(|layer| layer["digest"].as_str()).collect();
    assert_eq!(layers, image.manifests[0].layers);
}

/// What a child does: the call, from where, to where.
#[test]
fn a_transfer_of_a_child() {
    let Some(told) = children::told() else { return };
    let told: Value = serde_json::from_str(&told).expect("JSON");
    let text = |key: &str| told[key].as_str().expect("text");
    let service = Service::bare(json!({}));
    println!("\ngo");
    std::io::stdout().flush().expect("told");
    let transfer = if text("call") == "push" { Service::push } else { Service::copy };
    transfer(&service, None, text("from"), text("to"), &json!({})).expect("a transfer");
}

/// A graph that is to go to a registry, by a push from a layout or by a copy from another registry.
struct Load {
    call: &'static str,
    from: String,
    graph: Graph,
    _local: ocireg_testkit::TempDir,
}

impl Load {
    /// Sixty layers.
    fn new(call: &'static str, seed: u64, origin: &Registry) -> Self {
        let graph = Graph::random(6 * seed + 2, false);
        let local = layout_of(&graph);
        let layout = place(local.path());
        let from = if call == "push" {
            layout
        } else {
            let reference = format!("docker://{}/origin/{seed}:x", origin.host());
            let service = Service::bare(json!({}));
            service.push(None, &layout, &reference, &json!({})).expect("the origin");
            reference
        };
        Self { call, from, graph, _local: local }
    }

    fn bytes(&self) -> u64 {
        self.graph.blobs.values().map(|bytes| bytes.len() as u64).sum()
    }

    fn send(&self, service: &Service, to: &str) -> Outcome<Value> {
        let transfer = if self.call == "push" { Service::push } else { Service::copy };
        transfer(service, None, &self.from, &format!("docker://{to}"), &json!({}))
    }

    /// After an interruption: what is tagged is right, and the next call brings all. Gives the bytes that it moved.
    fn finish(&self, to: &str, what: &str) -> u64 {
        let service = Service::bare(json!({}));
        if let Some(digest) = tagged(&service, to) {
            assert_eq!(digest, self.graph.digest(), "{what}");
            assert_at(&service, to, &self.graph);
        }
        let report = self.send(&service, to).unwrap_or_else(|e| panic!("{what}: {e:?}"));
        assert_eq!(tagged(&service, to).as_deref(), Some(self.graph.digest()), "{what}");
        assert_at(&service, to, &self.graph);
        report["bytes_transferred"].as_u64().expect("a number")
    }
}

/// Interrupts transfers in many ways, by turns at each registry, and finishes them.
fn interrupted(kind: &str, interrupt: impl Fn(u64, &Load, &Registry, &str)) {
    let (all, origin) = (registries(), olareg("mem"));
    let (mut moved, mut whole) = (0, 0);
    for round in 0..rounds() {
        let turn = usize::try_from(round).expect("small");
        let (name, _, registry) = &all[turn % all.len()];
        let call = if turn / all.len() % 2 == 0 { "push" } else { "copy" };
        let load = Load::new(call, round, &origin);
        let repository = format!("{kind}/app-{round}:x");
        interrupt(round, &load, registry, &repository);
        let what = format!("{name}, {call} {round}");
        moved += load.finish(&format!("{}/{repository}", registry.host()), &what);
        whole += load.bytes();
    }
    println!("{kind}: {moved} of {whole} bytes were left to move");
    assert!(moved < whole * 9 / 10, "the next calls moved {moved} bytes of {whole}");
}

#[test]
fn transfers_that_are_cut_anywhere_are_finished_by_the_next_call() {
    interrupted("cut", |round, load, registry, repository| {
        let cutter = Cutter::before(&registry.host());
        let service = Service::bare(json!({"retry": {"max-attempts": 2}}));
        let how = if round % 2 == 0 { Cut::Rst } else { Cut::Fin };
        cutter.sever(Way::Up, number(round, load.bytes() + 20_000), how);
        match load.send(&service, &format!("{}/{repository}", cutter.host())) {
            Ok(_) => assert!(!cutter.clear(), "a transfer through no connection"),
            Err(failure) => assert_eq!(failure.json["retryable"], true, "{failure:?}"),
        }
    });
}

#[test]
fn transfers_that_are_killed_at_any_moment_are_finished_by_the_next_call() {
    interrupted("killed", |round, load, registry, repository| {
        let begin = |repository: &str| {
            let to = format!("docker://{}/{repository}", registry.host());
            let tell = json!({"call": load.call, "from": load.from, "to": to}).to_string();
            let mut child = children::command("a_transfer_of_a_child", &tell)
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()
                .expect("this program");
            let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
            assert!(lines.any(|line| line.is_ok_and(|line| line == "go")), "no child");
            (child, lines)
        };
        // How long it takes here.
        let (mut child, rest) = begin(&format!("killed/whole-{round}:x"));
        let start = Instant::now();
        rest.for_each(drop);
        assert!(child.wait().expect("an end").success(), "a child that nobody kills");
        let most = u64::try_from(start.elapsed().as_micros()).expect("short");
        let (mut child, _rest) = begin(repository);
        std::thread::sleep(Duration::from_micros(number(round, most)));
        child.kill().expect("killed, or at its end");
        child.wait().expect("an end");
    });
}
