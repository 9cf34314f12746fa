//! Bad luck: connections that end, stall or lie, servers that fail, disks that fill. A pull still gives the right
//! bytes, or fails with a code of its own and leaves nothing under a final name.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use crate::c_surface::images::{Context, Session};
use crate::c_surface::{Failure, Outcome, Service, children, layouts};
use ocireg_testkit::TempDir;
use ocireg_testkit::image::{Image, Spec};
use ocireg_testkit::process::ClosedPort;
use ocireg_testkit::server::{BlackHole, ConnectFault};
use ocireg_testkit::{
    Action, Auth, Ca, Cut, Fault, Quirk, Registry, Reply, Server, ServerOptions, TokenServer,
    fault, process,
};
use serde_json::{Value, json};

const INVALID_ARGUMENT: i32 = 1;
const UNSUPPORTED: i32 = 8;
const TIMEOUT: i32 = 44;
const DISCONNECTED: i32 = 45;
const REDIRECT: i32 = 47;
const PROTOCOL: i32 = 48;
const UNAUTHORIZED: i32 = 60;
const NOT_FOUND: i32 = 80;
const RATE_LIMITED: i32 = 82;
const SERVER: i32 = 83;
const DIGEST_MISMATCH: i32 = 100;
const SIZE_MISMATCH: i32 = 101;
const INVALID_MANIFEST: i32 = 102;
const NO_SPACE: i32 = 121;
const PERMISSION: i32 = 122;

fn none() -> Value {
    json!({})
}

/// A service that does not wait long between its attempts.
fn hasty() -> Service {
    Service::bare(json!({"retry": {"initial-ms": 2, "max-ms": 5}}))
}

/// A service that asks once.
fn once() -> Service {
    Service::bare(json!({"retry": {"max-attempts": 1}, "timeouts": {"header-ms": 500}}))
}

fn small() -> Image {
    Spec { platforms: vec!["linux/amd64".into()], layers: 1, ..Spec::default() }.build()
}

/// An image of one layer of 3 MiB.
fn large() -> Image {
    Spec::sized(1, 3 << 20).build()
}

fn serving(image: &Image) -> Registry {
    let registry = Registry::plain();
    image.push_to(&registry, "demo/app", "1");
    registry
}

fn reference(registry: &Registry) -> String {
    format!("{}/demo/app:1", registry.host())
}

fn session(service: &Service, registry: &Registry) -> Session {
    service.open(None, &reference(registry), &none()).expect("a session")
}

/// The digest of the one layer.
fn layer(image: &Image) -> &str {
    &image.manifests[0].layers[0]
}

/// How often something whose target contains `path` was asked for.
fn asked(server: &Server, path: &str) -> usize {
    server.requests().iter().filter(|request| request.target.contains(path)).count()
}

fn pull_into(service: &Service, source: &str, layout: &Path, options: Value) -> Outcome<Value> {
    service.pull(None, source, &format!("oci:{}:x", layout.display()), &options)
}

fn temp() -> TempDir {
    ocireg_testkit::tempdir()
}

/// A pull that must succeed, with every byte right; gives the report.
fn pulls(service: &Service, registry: &Registry, image: &Image, what: &str) -> Value {
    let layout = temp();
    match pull_into(service, &reference(registry), layout.path(), none()) {
        Ok(report) => {
            layouts::assert_holds(layout.path(), image);
            report
        }
        Err(error) => panic!("{what}: {error:?}"),
    }
}

/// A pull that must fail with this code and leave nothing that looks like success.
fn fails(service: &Service, registry: &Registry, code: i32, what: &str) -> Box<Failure> {
    let layout = temp();
    let error = pull_into(service, &reference(registry), layout.path(), none()).expect_err(what);
    assert_fits(&error, code, what);
    layouts::assert_sound(layout.path());
    assert_eq!(layouts::images(layout.path()), 0, "{what}: an image is listed");
    error
}

fn assert_fits(error: &Failure, code: i32, what: &str) {
    assert_eq!(error.code, code, "{what}: {error:?}");
    assert!(error.message.len() < 2000, "{what}: the message has {} bytes", error.message.len());
    assert!(!error.message.contains(['\n', '\r', '\u{1b}']), "{what}: {:?}", error.message);
}

// F1, F2, F3: cuts.

#[test]
fn f1_f3_a_cut_at_every_byte_of_a_small_image_is_resumed() {
    let image = small();
    let registry = serving(&image);
    let service = hasty();
    let session = session(&service, &registry);
    for at in 0..=image.bytes.len() as u64 {
        registry.fault(Fault::on("/manifests/", Action::CutBody(at, Cut::Fin)));
        let (_, bytes) = session.get_manifest(None, None, &none()).expect("a manifest");
        assert_eq!(bytes, image.bytes, "cut at {at}");
        registry.clear_faults();
    }
    let bodies = [
        ("/manifests/", image.bytes.len() as u64, 40),
        (
            image.manifests[0].config.as_str(),
            image.blobs[&image.manifests[0].config].len().unwrap(),
            1,
        ),
        (layer(&image), image.blobs[layer(&image)].len().unwrap(), 1),
    ];
    for (path, length, step) in bodies {
        for at in (0..=length).step_by(step) {
            let cut = [Cut::Fin, Cut::Rst][(at % 2) as usize];
            registry.fault(Fault::on(path, Action::CutBody(at, cut)).method("GET"));
            let report = pulls(&service, &registry, &image, &format!("{path} cut at {at}"));
            registry.clear_faults();
            if path.starts_with("sha256:") && 0 < at && at < length && cut == Cut::Fin {
                let resumed = format!("bytes={at}-");
                let requests = registry.requests();
                let last = requests.iter().rev().find(|r| r.header("range").is_some());
                assert_eq!(last.and_then(|r| r.header("range")), Some(resumed.as_str()));
                let blobs = report["blobs"].as_array().expect("blobs");
                let blob = blobs.iter().find(|blob| blob["digest"] == path).expect("the blob");
                assert_eq!(
                    (&blob["retries"], &blob["bytes_transferred"]),
                    (&json!(1), &json!(length))
                );
            }
            registry.clear();
        }
    }
}

#[test]
fn cut_at_every_byte_of_the_token_reply() {
    let image = small();
    let token = TokenServer::plain();
    let registry = Registry::start(ServerOptions::default(), Auth::bearer(&token));
    image.push_to(&registry, "demo/app", "1");
    for at in (0..1200).step_by(7).chain([1]) {
        let service = hasty();
        token.fault(Fault::on("/token", Action::CutBody(at, Cut::Fin)));
        let session = session(&service, &registry);
        let (_, bytes) = session.get_manifest(None, None, &none()).unwrap_or_else(|error| {
            panic!("token reply cut at {at}: {error:?}");
        });
        assert_eq!(bytes, image.bytes);
        token.clear_faults();
    }
}

#[test]
fn f2_a_cut_at_every_byte_of_a_response_head_is_made_good() {
    let image = small();
    let registry = serving(&image);
    let service = hasty();
    for path in ["/v2/", "/manifests/", "/blobs/"] {
        for at in 0..300 {
            registry.fault(Fault::on(path, Action::CutHead(at, Cut::Fin)).method("GET"));
            let session = session(&service, &registry);
            let (_, bytes) = session.get_manifest(None, None, &none()).expect("a manifest");
            assert_eq!(bytes, image.bytes);
            let mut bytes = Vec::new();
            let mut reader = session.open_blob(None, layer(&image), 0, &none()).expect("a reader");
            reader.read_to_end(None, &mut bytes).expect("a blob");
            assert_eq!(bytes, image.blobs[layer(&image)].to_vec());
            registry.clear_faults();
        }
    }
}

#[test]
fn cut_at_points_of_a_large_layer() {
    let image = large();
    let registry = serving(&image);
    let service = hasty();
    for at in [1, 4095, 65_536, 262_143, 262_145, 1 << 20, 1_700_001, (3 << 20) - 1, 3 << 20] {
        for cut in [Cut::Fin, Cut::Rst] {
            registry.fault(Fault::on(layer(&image), Action::CutBody(at, cut)));
            pulls(&service, &registry, &image, &format!("cut at {at}"));
            registry.clear_faults();
        }
    }
    // A server that never sends more than a piece gets as many attempts as it makes progress.
    let service = Service::bare(json!({"retry": {"max-attempts": 2, "initial-ms": 2}}));
    registry.fault(Fault::on(layer(&image), Action::CutBody(1_100_000, Cut::Fin)).always());
    pulls(&service, &registry, &image, "a piece each time");
}

#[test]
fn what_came_before_a_cut_is_taken_up_by_the_next_pull() {
    let image = large();
    let registry = serving(&image);
    let service = once();
    let layout = temp();
    let source = reference(&registry);
    registry.fault(Fault::on(layer(&image), Action::CutBody(1_000_000, Cut::Fin)).always());
    let error = pull_into(&service, &source, layout.path(), none()).expect_err("cut");
    assert_fits(&error, DISCONNECTED, "cut");
    assert_eq!(error.json["retryable"], true);
    assert_eq!(error.json["bytes_done"], 1_000_000);
    layouts::assert_sound(layout.path());
    registry.clear_faults();
    let report = pull_into(&service, &source, layout.path(), none()).expect("the rest");
    layouts::assert_holds(layout.path(), &image);
    let blobs = report["blobs"].as_array().expect("blobs");
    let blob = blobs.iter().find(|b| b["digest"] == layer(&image)).expect("the layer");
    assert_eq!(blob["resumed_from"], 1_000_000);
    assert_eq!(blob["bytes_transferred"], (3 << 20) - 1_000_000);
    assert_eq!(blob["source"], "resumed");
    let report = pull_into(&service, &source, layout.path(), none()).expect("nothing to do");
    assert_eq!(report["bytes_transferred"], 0);
    // Without resume nothing is left to go on with.
    let layout = temp();
    registry.fault(Fault::on(layer(&image), Action::CutBody(1_000_000, Cut::Fin)));
    pull_into(&service, &source, layout.path(), json!({"resume": false})).expect_err("cut");
    let report = pull_into(&service, &source, layout.path(), none()).expect("from the start");
    assert!(report["blobs"].as_array().unwrap().iter().all(|b| b["resumed_from"] == 0), "{report}");
}

#[test]
fn always_cut() {
    let image = small();
    let registry = serving(&image);
    for (path, fault) in [
        ("/manifests/", Action::CutBody(5, Cut::Rst)),
        ("/manifests/", Action::CutHead(20, Cut::Fin)),
        ("/manifests/", Action::CutHead(0, Cut::Rst)),
        ("/blobs/", Action::CutHead(0, Cut::Fin)),
    ] {
        registry.fault(Fault::on(path, fault.clone()).always());
        fails(&hasty(), &registry, DISCONNECTED, &format!("{fault:?}"));
        registry.clear_faults();
    }
}

// F4: silence. (F5 and the rest of the time-outs are tested with the interrupts.)

#[test]
fn silence_in_a_body_is_resumed() {
    let image = large();
    let registry = serving(&image);
    let service = Service::bare(json!({
        "timeouts": {"idle-ms": 150, "header-ms": 150}, "retry": {"initial-ms": 2},
    }));
    let long = Duration::from_secs(30);
    registry.fault(Fault::on(layer(&image), Action::Stall(500_000, long)));
    registry.fault(Fault::on(layer(&image), Action::Delay(long)).skip(1));
    registry.fault(Fault::on("/manifests/", Action::Stall(10, long)));
    pulls(&service, &registry, &image, "silence");
    registry.fault(Fault::on(layer(&image), Action::Stall(0, long)).always());
    let error = fails(&service, &registry, TIMEOUT, "always silent");
    assert_eq!(error.json["phase"], "idle");
}

// F6, F8: busy and failing servers.

#[test]
fn f6_a_failing_server_is_asked_again() {
    let image = small();
    let registry = serving(&image);
    for path in ["/v2/", "/manifests/", layer(&image)] {
        for status in [429, 500, 502, 503, 504] {
            registry.fault(Fault::on(path, Action::status(status)).method("GET").times(2));
            pulls(&hasty(), &registry, &image, &format!("{status}, {status}, 200 at {path}"));
            registry.clear_faults();
        }
    }
    for (status, code) in [(429, RATE_LIMITED), (500, SERVER), (503, SERVER)] {
        registry.clear();
        registry.fault(Fault::on("/manifests/", Action::status(status)).always());
        let error = fails(&hasty(), &registry, code, "always failing");
        assert_eq!(error.json["http_status"], status);
        assert_eq!(asked(&registry, "/manifests/"), 5, "{status}");
        registry.clear_faults();
    }
}

#[test]
fn f8_retry_after_is_kept() {
    let image = small();
    let registry = serving(&image);
    let service = hasty();
    let date = |seconds| {
        let at = SystemTime::now() + Duration::from_secs(seconds);
        httpdate::fmt_http_date(at)
    };
    let past = httpdate::fmt_http_date(SystemTime::now() - Duration::from_secs(3600));
    let (none, some) = ((0, 800), (900, 3500));
    for (value, (least, most)) in [
        ("1".to_owned(), some),
        ("a date".to_owned(), some),
        ("0".to_owned(), none),
        (past, none),
        ("soon".to_owned(), none),
        ("-5".to_owned(), none),
        ("1.5".to_owned(), none),
        ("1e3".to_owned(), none),
        (String::new(), none),
        ("5 5".to_owned(), none),
        ("+5".to_owned(), none),
    ] {
        for status in [429, 503] {
            let value = if value == "a date" { date(2) } else { value.clone() };
            registry.fault(Fault::on("/manifests/", Action::retry_after(status, &value)));
            let began = Instant::now();
            pulls(&service, &registry, &image, &format!("Retry-After: {value}"));
            let took = began.elapsed().as_millis();
            assert!((least..most).contains(&took), "Retry-After: {value} took {took} ms");
        }
    }
}

#[test]
fn f8_a_wait_that_is_too_long_is_told_instead() {
    let image = small();
    let registry = serving(&image);
    for (status, code) in [(429, RATE_LIMITED), (503, SERVER)] {
        for (value, milliseconds) in [
            ("3600", Some(3_600_000)),
            ("61", Some(61_000)),
            ("99999999999999999999999", None),
            ("Fri, 31 Dec 9999 23:59:59 GMT", None),
        ] {
            registry.clear();
            registry.fault(Fault::on("/manifests/", Action::retry_after(status, value)).always());
            let began = Instant::now();
            let error = fails(&hasty(), &registry, code, value);
            assert!(began.elapsed() < Duration::from_secs(2), "{value}");
            assert_eq!(asked(&registry, "/manifests/"), 1, "{value}");
            let told = error.json["retry_after_ms"].as_u64().expect("retry_after_ms");
            match milliseconds {
                Some(exact) => assert_eq!(told, exact),
                None => assert!(told > 60_000, "{told}"),
            }
            let hint = error.json["hint"].as_str().expect("a hint");
            assert!(hint.contains("max-retry-after-ms"), "{hint}");
            registry.clear_faults();
        }
    }
}

// F9, F10: wrong bytes, wrong lengths.

#[test]
fn f9_a_wrong_bit_is_found() {
    for image in [small(), large()] {
        let registry = serving(&image);
        let length = image.blobs[layer(&image)].len().expect("a length");
        let config = &image.manifests[0].config;
        let config_length = image.blobs[config].len().expect("a length");
        let points = [
            ("/manifests/", 0),
            ("/manifests/", image.bytes.len() as u64 - 1),
            (config, 0),
            (config, config_length - 1),
            (layer(&image), 0),
            (layer(&image), length / 2),
            (layer(&image), length - 1),
        ];
        for (path, at) in points {
            registry.fault(Fault::on(path, Action::Flip(at)).always());
            let layout = temp();
            let error = pull_into(&hasty(), &reference(&registry), layout.path(), none())
                .expect_err("a wrong bit");
            assert_fits(&error, DIGEST_MISMATCH, path);
            assert_ne!(error.json["digest_expected"], error.json["digest_actual"]);
            assert!(error.json["digest_expected"].is_string(), "{error:?}");
            layouts::assert_sound(layout.path());
            assert_eq!(layouts::images(layout.path()), 0);
            // No part of it is left to go on with, either.
            registry.clear_faults();
            let report = pull_into(&hasty(), &reference(&registry), layout.path(), none())
                .expect("right bytes");
            layouts::assert_holds(layout.path(), &image);
            let blobs = report["blobs"].as_array().expect("blobs");
            let wrong = blobs.iter().filter(|blob| blob["digest"] == path);
            assert!(wrong.into_iter().all(|blob| blob["resumed_from"] == 0), "{report}");
            if path.starts_with("sha256:") {
                registry.fault(Fault::on(path, Action::Flip(at)));
                pulls(&hasty(), &registry, &image, "a wrong bit once");
                registry.clear_faults();
            }
        }
    }
}

/// What a reader of archives leaves unread is read by verify, which finds whatever a whole read finds.
#[test]
fn verify_reads_what_is_left() {
    let image = large();
    let registry = serving(&image);
    let digest = layer(&image);
    let length = image.blobs[digest].len().expect("a length");
    let service = hasty();
    let session = session(&service, &registry);
    let begin = |offset| {
        let mut reader = session.open_blob(None, digest, offset, &none()).expect("a reader");
        let read = reader.read(None, &mut [0; 1000]).expect("the beginning");
        assert!(read > 0);
        reader
    };
    // Of right content, also after a cut, it finds the end; and that stays so.
    registry.fault(Fault::on(digest, Action::CutBody(length / 2, Cut::Rst)));
    let mut reader = begin(0);
    for _ in 0..2 {
        reader.verify(None).expect("right content");
        assert_eq!(reader.read(None, &mut [0; 10]).expect("the end"), 0);
    }
    for at in [1001, length / 2, length - 1] {
        registry.fault(Fault::on(digest, Action::Flip(at)).always());
        let mut reader = begin(0);
        for _ in 0..2 {
            let error = reader.verify(None).expect_err("a wrong bit");
            assert_fits(&error, DIGEST_MISMATCH, digest);
            assert_eq!(error.json["digest_expected"], digest);
        }
        assert_eq!(reader.read(None, &mut [0; 10]).expect_err("it stays").code, DIGEST_MISMATCH);
        registry.clear_faults();
    }
    // From an offset on only the size can be judged.
    registry.fault(Fault::on(digest, Action::Flip(1)));
    begin(length / 3).verify(None).expect("the right size");
    // After the end of its context it can go on.
    registry.fault(Fault::on(digest, Action::Stall(length / 2, Duration::from_millis(700))));
    let mut reader = begin(0);
    let error = reader.verify(Some(&Context::timeout(200))).expect_err("a deadline");
    assert_eq!(error.name, "OCIREG_DEADLINE");
    reader.verify(None).expect("right content");
}

#[test]
fn f10_a_wrong_length_is_found() {
    let image = large();
    let registry = serving(&image);
    let digest = layer(&image);
    let bytes = image.blobs[digest].to_vec();
    for by in [1, -1, 1000, -1000] {
        registry.fault(Fault::on(digest, Action::LengthOff(by)).always());
        let error = fails(&hasty(), &registry, SIZE_MISMATCH, &format!("{by}"));
        assert_eq!(error.json["size_expected"], 3 << 20);
        assert_eq!(error.json["size_actual"], (3 << 20) + by);
        registry.clear_faults();
    }
    registry.fault(Fault::on(digest, Action::Length("0".into())).always());
    fails(&hasty(), &registry, SIZE_MISMATCH, "0");
    registry.clear_faults();
    for fine in [Action::CloseDelimited, Action::Chunked] {
        registry.fault(Fault::on(digest, fine.clone()).always());
        pulls(&hasty(), &registry, &image, &format!("{fine:?}"));
        registry.clear_faults();
    }
    let longer = [bytes.as_slice(), b"x"].concat();
    let shorter = bytes[..bytes.len() - 1].to_vec();
    for framing in [Action::Chunked, Action::CloseDelimited] {
        registry.fault(Fault::on(digest, Action::ReplaceBody(longer.clone())).always());
        registry.fault(Fault::on(digest, framing.clone()).always());
        fails(&hasty(), &registry, SIZE_MISMATCH, "longer");
        registry.clear_faults();
        registry.fault(Fault::on(digest, Action::ReplaceBody(shorter.clone())));
        registry.fault(Fault::on(digest, framing.clone()));
        pulls(&hasty(), &registry, &image, "shorter once");
        registry.clear_faults();
        registry.fault(Fault::on(digest, Action::EndlessBody).always());
        fails(&hasty(), &registry, SIZE_MISMATCH, "endless");
        registry.clear_faults();
    }
    for text in ["-1", "+5", "18446744073709551616", "5, 6", "x", ""] {
        registry.fault(Fault::on(digest, Action::Length(text.into())).always());
        let layout = temp();
        let pulled = pull_into(&once(), &reference(&registry), layout.path(), none());
        layouts::assert_sound(layout.path());
        if let Err(error) = pulled {
            let codes = [PROTOCOL, SIZE_MISMATCH, DISCONNECTED, TIMEOUT];
            assert!(codes.contains(&error.code), "Content-Length: {text}: {error:?}");
        }
        registry.clear_faults();
    }
}

// F11, F12: ranges.

#[test]
fn f11_f12_ranges_that_are_not_what_was_asked_for() {
    let image = large();
    let registry = serving(&image);
    let digest = layer(&image);
    for fault in [
        Action::IgnoreRange,
        Action::RangeFromStart,
        Action::NoContentRange,
        Action::MultipartRange,
        Action::WrongRangeTotal,
        Action::header("Content-Range", "bytes 7-9/10"),
        Action::header("Content-Range", "bytes 1000000-3145727"),
        Action::header("Content-Range", "items 1000000-3145727/3145728"),
        Action::status(416),
        Action::Status(416, vec![("Content-Range".into(), "bytes */3145728".into())], Vec::new()),
        Action::Status(206, Vec::new(), b"x".to_vec()),
    ] {
        // Once, when a cut is resumed: what came is dropped, and all of it asked for again.
        registry.fault(Fault::on(digest, Action::CutBody(1_000_000, Cut::Fin)));
        registry.fault(Fault::on(digest, fault.clone()).skip(1));
        pulls(&hasty(), &registry, &image, &format!("{fault:?}"));
        registry.clear_faults();
        // The same when another pull takes it up.
        let layout = temp();
        let source = reference(&registry);
        registry.fault(Fault::on(digest, Action::CutBody(1_000_000, Cut::Fin)).always());
        pull_into(&once(), &source, layout.path(), none()).expect_err("cut");
        registry.clear_faults();
        registry.fault(Fault::on(digest, fault.clone()));
        pull_into(&once(), &source, layout.path(), none())
            .unwrap_or_else(|error| panic!("{fault:?}: {error:?}"));
        layouts::assert_holds(layout.path(), &image);
        registry.clear_faults();
        // A reader of C has given its bytes away already: it fails, or goes on with the right ones.
        registry.fault(Fault::on(digest, Action::CutBody(1_000_000, Cut::Fin)));
        registry.fault(Fault::on(digest, fault.clone()).skip(1));
        let session = session(&hasty(), &registry);
        let mut reader = session.open_blob(None, digest, 0, &none()).expect("a reader");
        let mut bytes = Vec::new();
        let whole = image.blobs[digest].to_vec();
        match reader.read_to_end(None, &mut bytes) {
            Ok(()) => assert!(bytes == whole, "{fault:?}"),
            Err(error) => {
                assert!([PROTOCOL, SIZE_MISMATCH].contains(&error.code), "{fault:?}: {error:?}");
                assert!(whole.starts_with(&bytes), "{fault:?}");
            }
        }
        registry.clear_faults();
    }
    // A part where nothing was resumed is no whole.
    registry.fault(Fault::on(digest, Action::Status(206, Vec::new(), b"x".to_vec())).always());
    fails(&hasty(), &registry, PROTOCOL, "206 unasked");
}

/// Reads a blob from an offset on.
fn read_from(session: &Session, digest: &str, offset: u64, options: Value) -> Outcome<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut reader = session.open_blob(None, digest, offset, &options)?;
    reader.read_to_end(None, &mut bytes).map(|()| bytes)
}

/// Makes a registry answer in one way.
type Unfriendly = Box<dyn Fn(&Registry)>;

/// How a registry may answer who asks for a range with no end.
fn unfriendly_to_ranges() -> Vec<(&'static str, Unfriendly)> {
    let refusing = |action: Action| {
        move |registry: &Registry| {
            // Those that ask without a range get the blob.
            registry.fault(Fault::on("/blobs/", action.clone()).with_header("range").always());
        }
    };
    vec![
        ("as it should", Box::new(|_| ())),
        ("closed ranges only", Box::new(|registry| registry.quirk(Quirk::ClosedRangesOnly))),
        ("ignored", Box::new(refusing(Action::IgnoreRange))),
        ("416", Box::new(refusing(Action::status(416)))),
        ("400", Box::new(refusing(Action::status(400)))),
        ("501", Box::new(refusing(Action::status(501)))),
    ]
}

/// security.md F11, F12: a server that does not send the part that was asked for is asked otherwise.
#[test]
fn f11_f12_the_rest_of_a_blob_is_got_from_servers_that_know_no_open_ranges() {
    let image = large();
    let digest = layer(&image);
    let whole = image.blobs[digest].to_vec();
    let size = whole.len() as u64;
    for (name, arrange) in unfriendly_to_ranges() {
        let registry = serving(&image);
        arrange(&registry);
        let session = session(&hasty(), &registry);
        for offset in [1, 100_000, size - 1, size] {
            for options in [none(), json!({"size": size})] {
                let read = read_from(&session, digest, offset, options.clone())
                    .unwrap_or_else(|e| panic!("{name}, {offset} {options}: {e:?}"));
                assert!(read == whole[offset as usize..], "{name}, {offset} {options}");
            }
        }
        for offset in [size + 1, u64::MAX] {
            for options in [none(), json!({"size": size})] {
                let error = read_from(&session, digest, offset, options.clone())
                    .expect_err("there is nothing");
                assert_eq!(error.code, INVALID_ARGUMENT, "{name}, {offset} {options}: {error:?}");
                assert_eq!(error.json["argument"], "offset");
            }
        }
        // Cuts do not matter, from the start on and from the middle.
        for offset in [0, 50_000] {
            for options in [none(), json!({"size": size})] {
                registry.fault(Fault::on(digest, Action::CutBody(900_000, Cut::Fin)).times(2));
                let read = read_from(&session, digest, offset, options.clone())
                    .unwrap_or_else(|e| panic!("{name}, cut, {offset} {options}: {e:?}"));
                assert!(read == whole[offset as usize..], "{name}, cut, {offset} {options}");
            }
        }
        registry.fault(Fault::on(digest, Action::CutBody(900_000, Cut::Rst)).times(2));
        pulls(&hasty(), &registry, &image, name);
    }
}

/// Blobs are what their digest says, whatever is said about them and wherever they come from.
#[test]
fn what_is_said_about_a_blob_does_not_matter() {
    let image = large();
    let registry = serving(&image);
    let digest = layer(&image);
    let whole = image.blobs[digest].to_vec();
    let moved = registry.url();
    for action in [
        Action::RemoveHeader("Docker-Content-Digest".into()),
        Action::header("Docker-Content-Digest", &format!("sha256:{}", "0".repeat(64))),
        Action::header("Docker-Content-Digest", "nonsense"),
        Action::RemoveHeader("Content-Type".into()),
        Action::header("Content-Type", "text/html"),
        Action::RemoveHeader("Etag".into()),
        Action::RemoveHeader("Accept-Ranges".into()),
        Action::Chunked,
        Action::CloseDelimited,
        // A store, relative to the registry, and with a signature.
        Action::redirect(&format!("../blobs/{digest}?X-Signature=1")),
        Action::redirect(&format!("/v2/demo/app/blobs/{digest}?X-Signature=1")),
        Action::redirect(&format!("{moved}/v2/demo/app/blobs/{digest}?X-Signature=1")),
    ] {
        registry.fault(Fault::on(digest, action.clone()).times(2));
        registry.fault(Fault::on(digest, Action::CutBody(1_000_000, Cut::Fin)).skip(1));
        let session = session(&hasty(), &registry);
        let read = read_from(&session, digest, 0, json!({"size": whole.len()}))
            .unwrap_or_else(|e| panic!("{action:?}: {e:?}"));
        assert!(read == whole, "{action:?}");
        registry.clear_faults();
    }
}

#[test]
fn where_all_is_sent_each_time_little_progress_is_none() {
    const SIZE: u64 = 24 << 20;
    let registry = Registry::plain();
    let digest = registry.add_blob_generated("demo/app", 5, SIZE);
    registry.add_manifest("demo/app", Some("1"), "application/json", "{}");
    let session = session(&hasty(), &registry);
    let cut = |ranges: bool| {
        registry.clear_faults();
        if !ranges {
            registry.fault(Fault::on(&digest, Action::IgnoreRange).always());
        }
        for n in 1..18 {
            let at = if ranges { 1_300_000 } else { n * 1_300_000 };
            registry.fault(Fault::on(&digest, Action::CutBody(at, Cut::Fin)).skip(n as usize - 1));
        }
        let read = read_from(&session, &digest, 0, none());
        let asked = asked(&registry, &digest);
        registry.clear();
        (read.map(|bytes| bytes.len() as u64), asked)
    };
    assert!(matches!(cut(true), (Ok(SIZE), 18)));
    let (read, asked) = cut(false);
    assert_eq!(read.expect_err("too much for too little").code, DISCONNECTED);
    assert!((5..12).contains(&asked), "asked {asked} times");
}

#[test]
fn f12_a_part_that_is_longer_than_its_blob_is_dropped() {
    let image = large();
    let registry = serving(&image);
    let layout = temp();
    let source = reference(&registry);
    registry.fault(Fault::on(layer(&image), Action::CutBody(1_000_000, Cut::Fin)));
    pull_into(&once(), &source, layout.path(), none()).expect_err("cut");
    let mut parts = 0;
    for entry in fs::read_dir(layout.path()).expect("the layout") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.contains(layer(&image).trim_start_matches("sha256:")) {
            fs::write(&path, vec![7; 4 << 20]).expect("spoil the part");
            parts += 1;
        }
    }
    assert_eq!(parts, 1, "the part of the layer");
    pull_into(&once(), &source, layout.path(), none()).expect("a pull");
    layouts::assert_holds(layout.path(), &image);
}

// F13: redirects.

#[test]
fn f13_redirects_end() {
    let image = small();
    let registry = serving(&image);
    for path in ["/manifests/", "/blobs/"] {
        for fault in [
            Action::Redirect(307, None),
            Action::redirect("file:///etc/passwd"),
            Action::redirect("ftp://127.0.0.1/x"),
            Action::redirect("javascript:alert(1)"),
            Action::redirect("http://"),
            Action::redirect(""),
            Action::redirect(&format!("{path}round/and/round")),
        ] {
            registry.clear();
            registry.fault(Fault::on(path, fault.clone()).always());
            let error = fails(&hasty(), &registry, REDIRECT, &format!("{path} {fault:?}"));
            assert!(asked(&registry, path) <= 22, "{fault:?}: {}", asked(&registry, path));
            assert!(!error.message.contains("passwd"), "{error:?}");
            registry.clear_faults();
        }
    }
    // Ten hops are followed, the eleventh is not.
    let hops = |most: usize| {
        let image = small();
        let bytes = image.blobs[layer(&image)].to_vec();
        fault::serve(ServerOptions::default(), Default::default(), move |request| {
            let hop: usize = request.path().trim_start_matches("/hop/").parse().unwrap_or(0);
            if hop == most {
                return Reply::new(200, bytes.clone());
            }
            Reply::empty(302).with("Location", &format!("/hop/{}", hop + 1))
        })
    };
    for (length, fine) in [(10, true), (11, false)] {
        let chain = hops(length);
        // The first hop is the registry's own.
        registry
            .fault(Fault::on(layer(&image), Action::redirect(&format!("{}/hop/1", chain.url()))));
        if fine {
            pulls(&hasty(), &registry, &image, "ten redirects");
        } else {
            fails(&hasty(), &registry, REDIRECT, "eleven redirects");
        }
        registry.clear_faults();
    }
    let two = fault::serve(ServerOptions::default(), Default::default(), |request| {
        let next = if request.path() == "/a" { "/b" } else { "/a" };
        Reply::empty(308).with("Location", next)
    });
    registry.fault(Fault::on("/blobs/", Action::redirect(&format!("{}/a", two.url()))).always());
    fails(&hasty(), &registry, REDIRECT, "a circle of two");
}

// F14b, F16, F17: authentication that fails for good, names and mirrors.

#[test]
fn a_registry_that_refuses_every_token() {
    let image = small();
    let token = TokenServer::plain();
    let registry = Registry::start(ServerOptions::default(), Auth::bearer(&token));
    image.push_to(&registry, "demo/app", "1");
    let challenge = format!("Bearer realm=\"{}\",service=\"registry.test\"", token.realm());
    registry.fault(Fault::on("/manifests/", Action::challenge(401, &challenge)).always());
    let error = fails(&hasty(), &registry, UNAUTHORIZED, "always 401");
    assert_eq!(error.json["http_status"], 401);
    assert!(asked(&token, "/token") <= 2, "{}", asked(&token, "/token"));
    assert!(asked(&registry, "/manifests/") <= 2);
    // The token server itself fails.
    registry.clear_faults();
    for (fault, code) in [
        (Action::status(401), UNAUTHORIZED),
        (Action::status(404), NOT_FOUND),
        (Action::status(500), SERVER),
        (Action::retry_after(429, "3600"), RATE_LIMITED),
        (Action::Html(200, 1000), PROTOCOL),
        (Action::Status(200, Vec::new(), b"{}".to_vec()), PROTOCOL),
    ] {
        token.fault(Fault::on("/token", fault.clone()).always());
        let error = fails(&hasty(), &registry, code, &format!("{fault:?}"));
        assert_eq!(error.json["phase"], "token", "{error:?}");
        token.clear_faults();
    }
}

#[test]
fn f16_names_that_lead_nowhere_or_partly_so() {
    let image = small();
    let registry = serving(&image);
    let service = Service::bare(json!({"resolve": {"*": []}}));
    let error = service.open(None, "nowhere.test:5000/a/b", &none()).err().expect("no address");
    assert_eq!((error.code, &error.json["phase"]), (40, &json!("dns")), "{error:?}");
    assert_eq!(error.json["scheme"], "https", "no fall-back to http: {error:?}");
    // The first address is dead, the second lives.
    let host = format!("two.test:{}", registry.port());
    let service = Service::bare(json!({
        "resolve": {"two.test": ["127.0.0.9", "127.0.0.1"]}, "insecure-registries": [host],
    }));
    let layout = temp();
    pull_into(&service, &format!("{host}/demo/app:1"), layout.path(), none()).expect("a pull");
    layouts::assert_holds(layout.path(), &image);
    // Nobody listens.
    let closed = ClosedPort::new();
    let port = closed.number();
    let error =
        hasty().open(None, &format!("127.0.0.1:{port}/a/b"), &none()).err().expect("refused");
    assert_eq!((error.code, &error.json["phase"]), (41, &json!("connect")), "{error:?}");
    assert_eq!(error.json["attempts"].as_array().map(Vec::len), Some(2), "https and http");
    // The first address swallows everything: the next one still gets its share of the time.
    let hole = BlackHole::start();
    let (dead, port) = (hole.address().ip().to_string(), hole.address().port());
    let lives = Registry::start(ServerOptions::default().bind("127.0.0.7").port(port), Auth::None);
    image.push_to(&lives, "demo/app", "1");
    let host = format!("slow.test:{port}");
    let service = Service::bare(json!({
        "resolve": {"slow.test": [dead, "127.0.0.7"]}, "insecure-registries": [host],
        "timeouts": {"connect-ms": 4000}, "retry": {"max-attempts": 1},
    }));
    let layout = temp();
    pull_into(&service, &format!("{host}/demo/app:1"), layout.path(), none()).expect("a pull");
    layouts::assert_holds(layout.path(), &image);
    // A mirror that cannot be found gives way to the next one.
    let service = Service::bare(json!({
        "registry-mirrors": ["https://gone.test", registry.url()], "resolve": {"*": []},
    }));
    let layout = temp();
    let report = pull_into(&service, "demo/app:1", layout.path(), none()).expect("a pull");
    assert_eq!(report["endpoint"]["mirror"], true, "{report}");
    layouts::assert_holds(layout.path(), &image);
}

#[test]
fn f17_a_mirror_that_fails_gives_way_to_the_next() {
    let image = small();
    let good = serving(&image);
    let closed = ClosedPort::new();
    let down = format!("http://127.0.0.1:{}", closed.number());
    let pull_by = |mirrors: Vec<String>, what: &str| {
        let service = Service::bare(json!({
            "registry-mirrors": mirrors, "resolve": {"*": []},
            "retry": {"initial-ms": 2, "max-ms": 5}, "timeouts": {"header-ms": 300, "auth-ms": 300},
        }));
        let layout = temp();
        let report = pull_into(&service, "demo/app:1", layout.path(), none())
            .unwrap_or_else(|error| panic!("{what}: {error:?}"));
        layouts::assert_holds(layout.path(), &image);
        assert_eq!(report["endpoint"]["mirror"], true, "{report}");
        assert_eq!(
            report["endpoint"]["url"].as_str().map(|u| u.trim_end_matches('/')),
            Some(good.url().as_str()),
            "{what}"
        );
    };
    pull_by(vec![down, good.url()], "down");
    for (path, fault) in [
        ("/v2/", Action::challenge(401, "Basic realm=\"x\"")),
        ("/v2/", Action::status(404)),
        ("/v2/", Action::status(500)),
        ("/v2/", Action::Raw(b"SSH-2.0-OpenSSH\r\n".to_vec())),
        ("/v2/", Action::Delay(Duration::from_secs(5))),
        ("/manifests/", Action::status(404)),
        ("/manifests/", Action::status(403)),
        ("/manifests/", Action::status(503)),
        ("/manifests/", Action::Flip(3)),
        ("/manifests/", Action::Html(200, 3000)),
        ("/blobs/", Action::status(404)),
        ("/blobs/", Action::status(500)),
        ("/blobs/", Action::Flip(3)),
        ("/blobs/", Action::CutBody(20, Cut::Fin)),
        ("/blobs/", Action::LengthOff(1)),
    ] {
        let bad = serving(&image);
        bad.fault(Fault::on(path, fault.clone()).method("GET").always());
        pull_by(vec![bad.url(), good.url()], &format!("{path}: {fault:?}"));
    }
}

/// 0.0.0.0 leads to this machine but lies in no block of it, so the mirror's certificate must be right.
#[test]
fn f17_what_fails_in_tls_at_a_mirror_leads_on_and_to_nothing_weaker() {
    const NAME: &str = "mirror.test";
    let image = small();
    let (ca, certs) = (Ca::default(), temp());
    let named = |identity| ServerOptions::default().name(NAME).identity(identity);
    let garbage = ConnectFault::Garbage(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec());
    let sound = || ca.server(&[NAME]);
    for (what, options, fault) in [
        ("an unknown CA", named(Ca::new("nobody knows it").server(&[NAME])), None),
        ("an expired certificate", named(ca.expired(&[NAME])), None),
        ("a certificate of another host", named(ca.server(&["other.test"])), None),
        ("plain HTTP", ServerOptions::default().name(NAME), None),
        ("nonsense", named(sound()), Some(garbage)),
        ("an end", named(sound()), Some(ConnectFault::CloseAfterHello(Cut::Rst))),
    ] {
        let bad = Registry::start(options, Auth::None);
        image.push_to(&bad, "demo/app", "1");
        if let Some(fault) = fault {
            bad.connect_fault(fault, usize::MAX);
        }
        ca.write_certs_d(certs.path(), &bad.host(), None);
        let by = |next: &[String]| {
            let mirrors: Vec<_> =
                [format!("https://{}", bad.host())].iter().chain(next).cloned().collect();
            let service = Service::bare(json!({
                "registry-mirrors": mirrors, "certs-dir": certs.path(),
                "resolve": {NAME: ["0.0.0.0"], "*": []}, "retry": {"max-attempts": 1},
            }));
            let layout = temp();
            let report = pull_into(&service, "demo/app:1", layout.path(), none());
            report.inspect(|_| layouts::assert_holds(layout.path(), &image))
        };
        let good = serving(&image);
        let report = by(&[good.url()]).unwrap_or_else(|error| panic!("{what}: {error:?}"));
        assert_eq!(report["endpoint"]["url"], format!("{}/", good.url()), "{what}");
        // Without another mirror the upstream is asked, which cannot be found here.
        let error = by(&[]).expect_err(what);
        let attempts = error.json["attempts"].as_array().expect("attempts").clone();
        assert_eq!(attempts.len(), 2, "{what}: {error:?}");
        assert_eq!(attempts[1]["code"], 40, "{what}: {error:?}");
        assert!(bad.requests().is_empty(), "{what}: {:?}", bad.requests());
        for connection in bad.connections() {
            assert!(connection.received.first().is_none_or(|byte| *byte == 0x16), "{what}");
        }
    }
    // The same mirror with a certificate that is right is used.
    let sound = Registry::start(named(sound()), Auth::None);
    image.push_to(&sound, "demo/app", "1");
    ca.write_certs_d(certs.path(), &sound.host(), None);
    let service = Service::bare(json!({
        "registry-mirrors": [sound.url()], "certs-dir": certs.path(),
        "resolve": {NAME: ["0.0.0.0"], "*": []},
    }));
    let layout = temp();
    pull_into(&service, "demo/app:1", layout.path(), none()).expect("a pull");
    layouts::assert_holds(layout.path(), &image);
}

// F18: pages instead of answers.

#[test]
fn f18_large_pages_cost_little_and_say_little() {
    let image = small();
    if let Some(host) = children::told() {
        let service = Service::bare(json!({"retry": {"max-attempts": 1}}));
        let source = format!("{host}/demo/app:1");
        let session = service.open(None, &source, &none()).expect("a session");
        let error = session.get_manifest(None, None, &none()).err();
        println!("{:?}", error.map(|error| error.code));
        return;
    }
    let registry = serving(&image);
    let peak = |expected: &str| {
        let mut child =
            children::command("f18_large_pages_cost_little_and_say_little", &registry.host());
        let run = children::expect_success(&mut child);
        let out = String::from_utf8_lossy(&run.stdout).into_owned();
        assert!(out.contains(expected), "{expected}: {out}");
        run.peak_kib
    };
    let usual = peak("None");
    for (fault, expected) in [
        (Action::Html(500, 10 << 20), "Some(83)"),
        (Action::Html(404, 10 << 20), "Some(80)"),
        (Action::Html(403, 10 << 20), "Some(61)"),
        (Action::Html(418, 10 << 20), "Some(84)"),
    ] {
        registry.fault(Fault::on("/manifests/", fault.clone()).always());
        let large = peak(expected);
        assert!(large < usual + 3 * 1024, "{fault:?}: {large} KiB, usually {usual} KiB");
        let error = fails(&once(), &registry, expected[5..7].parse().unwrap(), expected);
        assert!(error.message.len() < 1000, "{} bytes", error.message.len());
        registry.clear_faults();
    }
    registry.fault(Fault::on("/manifests/", Action::EndlessBody).always());
    let large = peak("Some(103)");
    assert!(large < usual + 32 * 1024, "{large} KiB, usually {usual} KiB");
    registry.clear_faults();
    for page in [
        format!(r#"{{"errors":[{{"code":"DENIED","message":"{}"}}]}}"#, "no ".repeat(2_000_000)),
        format!(r#"{{"errors":[{}]}}"#, vec![r#"{"code":"A","message":"b"}"#; 100_000].join(",")),
        "\u{1b}[31m\r\nX-Injected: yes\0".to_owned(),
        r#"{"errors":"#.to_owned() + &"[".repeat(60_000),
        r#"{"errors":[{"code":1}]}"#.to_owned(),
        "null".to_owned(),
        "\u{feff}".to_owned(),
    ] {
        registry
            .fault(Fault::on("/manifests/", Action::Status(403, Vec::new(), page.into())).always());
        let error = fails(&once(), &registry, 61, "a page");
        let json = error.json.to_string();
        assert!(json.len() < 64 << 10, "the error document has {} bytes", json.len());
        registry.clear_faults();
    }
}

// F19, F20: the disk.

#[test]
fn a_full_disk() {
    let image = large();
    if let Some(told) = children::told() {
        let (source, layout) = told.split_once(' ').expect("two words");
        let error = pull_into(&hasty(), source, Path::new(layout), none()).expect_err("no room");
        assert_fits(&error, NO_SPACE, "a full disk");
        assert!(
            error.json["hint"].as_str().is_some_and(|hint| hint.contains("space")),
            "{error:?}"
        );
        return;
    }
    let registry = serving(&image);
    let other = Registry::plain();
    let older = small();
    older.push_to(&other, "demo/app", "1");
    let layout = temp();
    let destination = format!("oci:{}:old", layout.path().display());
    hasty().pull(None, &reference(&other), &destination, &none()).expect("an older image");
    let index = layouts::index(layout.path());
    let told = format!("{} {}", reference(&registry), layout.path().display());
    let inner = children::command("a_full_disk", &told);
    // The limit is of 512 or 1024 bytes a block, by the shell.
    let mut command = Command::new("sh");
    command
        .args(["-c", "trap '' XFSZ; ulimit -f 2000; exec \"$@\"", "sh"])
        .arg(inner.get_program());
    command.args(inner.get_args()).env("OCIREG_CHILD", &told);
    children::expect_success(&mut command);
    assert_eq!(layouts::index(layout.path()), index, "the index is as it was");
    layouts::assert_holds(layout.path(), &older);
    let absent =
        layout.path().join("blobs/sha256").join(layer(&image).trim_start_matches("sha256:"));
    assert!(!absent.exists());
    pull_into(&hasty(), &reference(&registry), layout.path(), none()).expect("room again");
    layouts::assert_holds(layout.path(), &image);
    layouts::assert_holds(layout.path(), &older);
}

#[test]
fn places_that_cannot_be_written_to() {
    if let Some(told) = children::told() {
        let (source, dir) = told.split_once(' ').expect("two words");
        for name in ["locked", "locked/new"] {
            let layout = Path::new(dir).join(name);
            let error = pull_into(&hasty(), source, &layout, none()).expect_err(name);
            assert_fits(&error, PERMISSION, name);
            assert!(error.json["hint"].is_string(), "{error:?}");
        }
        return;
    }
    let image = small();
    let registry = serving(&image);
    let source = reference(&registry);
    let dir = temp();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let locked = dir.path().join("locked");
    fs::create_dir(&locked).unwrap();
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o555)).unwrap();
    // Root may do anything: the child is somebody else, who may not reach this program where it lies.
    let program = dir.path().join("program");
    process::copy_this_program(&program);
    let told = format!("{source} {}", dir.path().display());
    let inner = children::command("places_that_cannot_be_written_to", &told);
    let mut command = Command::new(&program);
    command.args(inner.get_args()).env("OCIREG_CHILD", &told).current_dir("/");
    if is_root() {
        command.uid(65534).gid(65534);
    }
    children::expect_success(&mut command);
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o755)).unwrap();
    // A file, something below a file, a directory that holds something else.
    let file = dir.path().join("file");
    fs::write(&file, "mine").unwrap();
    let full = dir.path().join("full");
    fs::create_dir(&full).unwrap();
    fs::write(full.join("letter"), "mine").unwrap();
    for path in [file.clone(), file.join("below"), full.clone()] {
        let error = pull_into(&hasty(), &source, &path, none()).expect_err("no place");
        assert!([1, 120].contains(&error.code), "{}: {error:?}", path.display());
        assert!(error.json["hint"].is_string(), "{error:?}");
    }
    assert_eq!(fs::read(&file).unwrap(), b"mine");
    assert_eq!(fs::read_dir(&full).unwrap().count(), 1);
    assert!(registry.requests().is_empty(), "nothing was asked before the place was looked at");
    // Parents are made.
    let deep = dir.path().join("a/b/c");
    pull_into(&hasty(), &source, &deep, none()).expect("a pull");
    layouts::assert_holds(&deep, &image);
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().expect("run id");
    id.stdout.trim_ascii() == b"0"
}

// F22, F23: other processes.

fn start_puller(test: &str, source: &str, layout: &Path) -> std::process::Child {
    let mut command = children::command(test, &format!("{source} {}", layout.display()));
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("start a child")
}

#[test]
fn a_killed_pull_is_gone_on_with() {
    let image = Spec::sized(4, 1 << 20).build();
    if let Some(told) = children::told() {
        let (source, layout) = told.split_once(' ').expect("two words");
        pull_into(&hasty(), source, Path::new(layout), none()).expect("a pull");
        return;
    }
    let registry = serving(&image);
    let source = reference(&registry);
    let layout = temp();
    // A blob takes longer than any child lives, and so a whole pull takes several children.
    let slowly = Action::Trickle(16 << 10, Duration::from_millis(10));
    registry.fault(Fault::on("/blobs/", slowly).always());
    let mut killed = 0;
    for round in 0..12u64 {
        let mut child = start_puller("a_killed_pull_is_gone_on_with", &source, layout.path());
        thread::sleep(Duration::from_millis(30 + 17 * round));
        killed += usize::from(child.try_wait().expect("look at the child").is_none());
        child.kill().expect("kill the child");
        child.wait().expect("the child's end");
        layouts::assert_sound(layout.path());
        if layouts::images(layout.path()) > 0 {
            layouts::assert_holds(layout.path(), &image);
            fs::remove_dir_all(layout.path()).expect("start again");
        }
    }
    assert!(killed >= 6, "only {killed} children lived long enough to be killed");
    registry.clear_faults();
    pull_into(&hasty(), &source, layout.path(), none()).expect("a pull");
    layouts::assert_holds(layout.path(), &image);
}

#[test]
fn f23_several_processes_pull_into_one_layout() {
    let image = Spec::sized(3, 500_000).build();
    if let Some(told) = children::told() {
        let (source, layout) = told.split_once(' ').expect("two words");
        let tag = format!("oci:{layout}:from-{}", std::process::id());
        hasty().pull(None, source, &tag, &none()).expect("a pull");
        return;
    }
    let registry = serving(&image);
    registry
        .fault(Fault::on("/blobs/", Action::Trickle(50_000, Duration::from_millis(5))).always());
    let layout = temp();
    let pullers: Vec<_> = (0..4)
        .map(|_| {
            start_puller(
                "f23_several_processes_pull_into_one_layout",
                &reference(&registry),
                layout.path(),
            )
        })
        .collect();
    for mut puller in pullers {
        assert!(puller.wait().expect("the child's end").success());
    }
    layouts::assert_holds(layout.path(), &image);
    assert_eq!(layouts::images(layout.path()), 4, "an entry for each");
}

// F27, F30: odd servers.

#[test]
fn f27_a_connection_that_closes_just_as_it_is_used_again() {
    let image = Spec::sized(6, 1000).build();
    let registry = serving(&image);
    for cut in [Cut::Fin, Cut::Rst] {
        registry.fault(Fault::on("/v2/", Action::CloseAfter(cut)).always());
        // One attempt: what happens to an idle connection is no failed attempt.
        let service = Service::bare(json!({"retry": {"max-attempts": 1}}));
        for _ in 0..5 {
            let session = session(&service, &registry);
            for _ in 0..5 {
                session.get_manifest(None, None, &none()).expect("a manifest");
            }
        }
        registry.clear_faults();
    }
    let session = session(&once(), &registry);
    for _ in 0..5 {
        session.get_manifest(None, None, &none()).expect("a manifest");
        registry.close_connections();
        pulls(&once(), &registry, &image, "connections closed in between");
    }
}

/// The code that a status means where a document or blob was wanted.
fn code_of(status: u16, blob: bool) -> Vec<i32> {
    match status {
        // No final answer comes after it.
        100 | 102..=199 => vec![TIMEOUT, PROTOCOL, DISCONNECTED],
        101 => vec![TIMEOUT, PROTOCOL, DISCONNECTED],
        // The empty body that comes with it is no manifest, and not that blob.
        200 if blob => vec![SIZE_MISMATCH, DIGEST_MISMATCH],
        200 => vec![INVALID_MANIFEST],
        201..=299 => vec![PROTOCOL],
        300..=399 => vec![REDIRECT],
        401 => vec![UNAUTHORIZED],
        403 => vec![61],
        404 | 410 => vec![NOT_FOUND],
        405 => vec![UNSUPPORTED],
        408 | 425 => vec![SERVER],
        409 => vec![85],
        416 if blob => vec![PROTOCOL, 84],
        429 => vec![RATE_LIMITED],
        400..=499 => vec![84],
        _ => vec![SERVER],
    }
}

#[test]
fn f30_every_status_has_a_meaning() {
    let image = small();
    let registry = serving(&image);
    let service = Service::bare(json!({
        "retry": {"max-attempts": 1}, "timeouts": {"header-ms": 100, "idle-ms": 100},
    }));
    let session = session(&service, &registry);
    let mut statuses: Vec<u16> = (200..600).collect();
    statuses.extend([100, 101, 102, 103, 150, 199]);
    for status in statuses {
        registry.fault(Fault::on("/v2/demo/", Action::status(status)).method("GET").always());
        let began = Instant::now();
        let manifest = session.get_manifest(None, Some("1"), &none()).expect_err("no manifest");
        let blob = session
            .open_blob(None, layer(&image), 0, &none())
            .and_then(|mut reader| reader.read_to_end(None, &mut Vec::new()));
        let blob = blob.expect_err("no blob");
        assert!(began.elapsed() < Duration::from_secs(1), "{status} took {:?}", began.elapsed());
        assert!(code_of(status, false).contains(&manifest.code), "{status}: {manifest:?}");
        assert!(code_of(status, true).contains(&blob.code), "{status}: {blob:?}");
        for error in [manifest, blob] {
            assert_fits(&error, error.code, "status");
            if status >= 300 && status != 416 && !(301..=308).contains(&status) {
                assert_eq!(error.json["http_status"], status, "{error:?}");
            }
        }
        registry.clear_faults();
    }
    // What a registry does not do, as many of them say it.
    let body = br#"{"errors":[{"code":"UNSUPPORTED","message":"The operation is unsupported."}]}"#;
    for (status, code) in [(400, UNSUPPORTED), (403, 61), (404, NOT_FOUND), (500, SERVER)] {
        let refusal = Action::Status(status, Vec::new(), body.to_vec());
        registry.fault(Fault::on("/manifests/", refusal).always());
        let error = session.get_manifest(None, Some("1"), &none()).expect_err("no manifest");
        assert_eq!(error.code, code, "{status}: {error:?}");
        assert_eq!(error.json["errors"][0]["code"], "UNSUPPORTED");
        registry.clear_faults();
    }
    for status in [600, 700, 999, 99, 0] {
        let line = format!("HTTP/1.1 {status} Odd\r\nContent-Length: 0\r\n\r\n");
        registry.fault(Fault::on("/manifests/", Action::Raw(line.into())).always());
        let error = session.get_manifest(None, Some("1"), &none()).expect_err("no manifest");
        assert_eq!(error.code, PROTOCOL, "{status}: {error:?}");
        registry.clear_faults();
    }
}
