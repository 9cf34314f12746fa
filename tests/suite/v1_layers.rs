//! Layers of protocol v1: read to their exact end whatever the connection does, and pushed from a temporary file that
//! nobody ever finds.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use crate::c_surface;
use crate::c_surface::{children, images};
use flate2::read::GzDecoder;
use ocireg::call::{Call, Context};
use ocireg::credentials::Credentials;
use ocireg::error::{Code, Error, Result};
use ocireg::names::digest::{Algorithm, Digest};
use ocireg::os::environment::Environment;
use ocireg::os::spool;
use ocireg::registry::service::Service;
use ocireg::tls::Identity;
use ocireg::v1::Root;
use ocireg::v1::layer::LayerReader;
use ocireg::v1::push_layer::{Checksums, LayerWriter};
use ocireg::v1::tarsum::tarsum;
use ocireg::v1::transport::{Headers, Login, Transport};
use ocireg_testkit::rig::bystander;
use ocireg_testkit::server::{Body, Framing, Generated};
use ocireg_testkit::{Cut, Reply, Request, Server, ServerOptions, tempdir};
use rustix::time::ClockId;
use serde_json::{Value, json};

const ID: &str = "d8b2f2c1b0c1b8b0e1d1f6a5a2d3c4b5a6978877665544332211ffeeddccbbaa";

/// Longer than any buffer on the way.
const SIZE: u64 = 3_000_000;

fn layer() -> Vec<u8> {
    Body::Generated(Generated::new(1, SIZE)).to_vec()
}

fn run() -> Call {
    Call::new(None)
}

fn service(options: &Value) -> Service {
    let mut all = json!({
        "environment": false, "certs-dir": "", "docker-config": "", "hosts-dir": "", "registries-conf": "",
        "retry": {"initial-ms": 1, "max-ms": 5},
    });
    for (key, value) in options.as_object().expect("options are an object") {
        all[key] = value.clone();
    }
    Service::parse(&all.to_string()).expect("a service")
}

fn transport(server: &Server, options: &Value) -> Transport {
    let root = Root::parse(&format!("{}/v1/", server.url()), "registry").expect("a root");
    Transport::new(
        service(options).common().clone(),
        &root,
        Identity::default(),
        Headers::default(),
        Login::Password { credentials: Credentials::default(), always: false },
    )
}

fn url(server: &Server) -> url::Url {
    format!("{}/v1/images/{ID}/layer", server.url()).parse().expect("an address")
}

fn open_with(
    server: &Server,
    options: &Value,
    size: Option<u64>,
    run: &Call,
) -> Result<LayerReader> {
    LayerReader::open(transport(server, options), url(server), size, run)
}

fn open(server: &Server, size: Option<u64>) -> Result<LayerReader> {
    open_with(server, &json!({}), size, &run())
}

fn read_all(reader: &mut LayerReader, run: &Call) -> (Vec<u8>, Result<()>) {
    let (mut all, mut buffer) = (Vec::new(), vec![0; 100_000]);
    loop {
        match reader.read(&mut buffer, run) {
            Ok(0) => return (all, Ok(())),
            Ok(read) => all.extend_from_slice(&buffer[..read]),
            Err(error) => return (all, Err(error)),
        }
    }
}

/// Reads a layer of this size, as far as it is known, to its end.
fn get(server: &Server, size: Option<u64>) -> Result<Vec<u8>> {
    let mut reader = open(server, size)?;
    let (all, outcome) = read_all(&mut reader, &run());
    if let Err(error) = &outcome {
        let again = reader.read(&mut [0; 10], &run()).expect_err("a failure stays");
        assert_eq!(again.to_string(), error.to_string());
    } else {
        assert_eq!(reader.read(&mut [0; 10], &run()).expect("the end stays"), 0);
    }
    outcome.map(|()| all)
}

fn fails(server: &Server, size: Option<u64>, why: &str) -> Error {
    get(server, size).map(|bytes| bytes.len()).expect_err(why)
}

/// Changes the answer to one request.
type Change = fn(&Request, &mut Reply);

/// What the request asks for is from there on.
fn first_of(request: &Request) -> Option<u64> {
    request.header("range")?.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()
}

/// A server with one layer, which answers each request as the next change says; after them, as it should.
fn serving(changes: impl IntoIterator<Item = Change>) -> Server {
    let changes = Mutex::new(changes.into_iter().collect::<VecDeque<_>>());
    let body = Body::Generated(Generated::new(1, SIZE));
    bystander(ServerOptions::default(), move |request| {
        let mut reply = match first_of(request) {
            None => Reply::new(200, body.clone()),
            Some(first) if first < SIZE => {
                let part = Body::Part(Box::new(body.clone()), first, SIZE - first);
                let range = format!("bytes {first}-{}/{SIZE}", SIZE - 1);
                Reply::new(206, part).with("Content-Range", &range)
            }
            Some(_) => Reply::empty(416).with("Content-Range", &format!("bytes */{SIZE}")),
        };
        reply.set("Accept-Ranges", "bytes");
        if let Some(change) = changes.lock().expect("the changes").pop_front() {
            change(request, &mut reply);
        }
        reply
    })
}

fn ranges(server: &Server) -> Vec<Option<String>> {
    server.requests().iter().map(|r| r.header("range").map(ToOwned::to_owned)).collect()
}

fn cut(at: u64) -> impl Fn(&mut Reply) {
    move |reply| reply.cut_body = Some((at, Cut::Fin))
}

#[test]
fn a_layer_is_read_to_its_end() {
    let server = serving([]);
    for size in [Some(SIZE), Some(0), None] {
        let mut reader = open(&server, size).expect("a layer");
        assert_eq!(reader.size(), Some(SIZE), "the server tells it, too");
        let (all, outcome) = read_all(&mut reader, &run());
        outcome.expect("the end");
        assert!(all == layer());
    }
    assert_eq!(ranges(&server), [None, None, None]);
}

#[test]
fn a_layer_of_unknown_size_ends_where_its_framing_does() {
    let chunked: Change = |_, reply| reply.framing = Framing::Chunked;
    let server = serving([chunked]);
    let mut reader = open(&server, None).expect("a layer");
    assert_eq!(reader.size(), None);
    let (all, outcome) = read_all(&mut reader, &run());
    outcome.expect("the end");
    assert!(all == layer());
    // Without a size there is nothing to go on with: a cut is a failure.
    let cut_off: Change = |_, reply| {
        reply.framing = Framing::Chunked;
        reply.cut_body = Some((1_000_000, Cut::Fin));
    };
    let server = serving([cut_off]);
    let error = fails(&server, None, "a cut");
    assert_eq!(error.code(), Code::Disconnected, "{error}");
    assert!(error.details().bytes_done.is_some_and(|done| done <= 1_000_000), "{error:?}");
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn a_cut_is_gone_on_from_by_range() {
    let cuts: [Change; 4] = [
        |_, reply| cut(1_000_000)(reply),
        |_, reply| reply.cut_body = Some((700_000, Cut::Rst)),
        |_, reply| cut(0)(reply),
        |_, reply| reply.cut_body = Some((500_000, Cut::Clean)),
    ];
    let server = serving(cuts);
    assert!(get(&server, Some(SIZE)).expect("a layer") == layer());
    let asked = ranges(&server);
    assert_eq!(asked.len(), 5);
    assert_eq!(asked[0], None);
    assert_eq!(asked[1].as_deref(), Some("bytes=1000000-"));
    assert!(asked[2..].iter().all(Option::is_some), "{asked:?}");
}

#[test]
fn a_part_is_asked_for_wherever_the_registry_keeps_its_layers() {
    let cuts: [Change; 1] = [|_, reply| cut(1000)(reply)];
    let elsewhere = serving(cuts);
    let place = elsewhere.url();
    let registry = bystander(ServerOptions::default(), move |request| {
        Reply::empty(307).with("Location", &format!("{place}{}", request.path()))
    });
    assert!(get(&registry, Some(SIZE)).expect("a layer") == layer());
    assert_eq!(ranges(&elsewhere), [None, Some("bytes=1000-".to_owned())]);
    assert_eq!(registry.requests().len(), 2, "the registry says each time where it is");
}

#[test]
fn a_stall_is_a_cut() {
    let stall: Change = |_, reply| reply.stall = Some((1_000_000, Duration::from_secs(30)));
    let server = serving([stall]);
    let options = json!({"timeouts": {"idle-ms": 200}});
    let mut reader = open_with(&server, &options, Some(SIZE), &run()).expect("a layer");
    let (all, outcome) = read_all(&mut reader, &run());
    outcome.expect("the end");
    assert!(all == layer());
    assert_eq!(ranges(&server), [None, Some("bytes=1000000-".into())]);
}

#[test]
fn cuts_that_come_after_progress_do_not_add_up() {
    let cuts: [Change; 12] = [|_, reply| cut(100_000)(reply); 12];
    let server = serving(cuts);
    assert!(get(&server, Some(SIZE)).expect("every request brought something") == layer());
    assert_eq!(server.requests().len(), 13);
}

#[test]
fn the_fifth_failure_in_a_row_is_the_last() {
    // The first of them brings something, and then nothing comes.
    let cuts: [Change; 5] = [
        |_, reply| cut(500_000)(reply),
        |_, reply| cut(0)(reply),
        |_, reply| cut(0)(reply),
        |_, reply| cut(0)(reply),
        |_, reply| cut(0)(reply),
    ];
    let server = serving(cuts);
    let error = fails(&server, Some(SIZE), "too many cuts");
    assert_eq!(error.code(), Code::Disconnected, "{error}");
    assert_eq!(error.details().bytes_done, Some(500_000));
    assert_eq!(server.requests().len(), 5);
    // Statuses and dead connections count as well as cuts.
    let failures: [Change; 5] = [
        |_, reply| cut(500_000)(reply),
        // On a connection of its own: a dead one that was kept is no failure.
        |_, reply| reply.cut_head = Some((0, Cut::Rst)),
        |_, reply| *reply = Reply::empty(503),
        |_, reply| *reply = Reply::empty(500),
        |_, reply| *reply = Reply::empty(502),
    ];
    let server = serving(failures);
    let error = fails(&server, Some(SIZE), "too many failures");
    assert_eq!((error.code(), error.details().http_status), (Code::Server, Some(502)), "{error}");
    let server = serving(failures[..4].iter().copied());
    assert!(get(&server, Some(SIZE)).expect("four failures") == layer());
}

#[test]
fn without_accept_ranges_nothing_is_asked_again() {
    let deaf: Change = |_, reply| {
        reply.remove("Accept-Ranges");
        reply.cut_body = Some((1_000_000, Cut::Fin));
    };
    let other: Change = |_, reply| {
        reply.set("Accept-Ranges", "none");
        reply.cut_body = Some((1_000_000, Cut::Fin));
    };
    for change in [deaf, other] {
        let server = serving([change]);
        let error = fails(&server, Some(SIZE), "a cut");
        assert_eq!(error.code(), Code::Disconnected, "{error}");
        assert_eq!(server.requests().len(), 1);
    }
    // Where nothing had come yet, all of it can be asked for.
    let nothing: Change = |_, reply| {
        reply.remove("Accept-Ranges");
        cut(0)(reply);
    };
    let server = serving([nothing]);
    assert!(get(&server, Some(SIZE)).expect("a layer") == layer());
    assert_eq!(ranges(&server), [None, None]);
}

#[test]
fn a_server_that_ignores_ranges_is_refused() {
    let server = serving([(|_, reply| cut(1_000_000)(reply)) as Change, |_, reply| {
        *reply = Reply::new(200, Body::Generated(Generated::new(1, SIZE)))
    }]);
    let error = fails(&server, Some(SIZE), "the whole layer again");
    assert_eq!(error.code(), Code::Protocol, "{error}");
    assert_eq!(error.details().bytes_done, Some(1_000_000));
    assert_eq!(server.requests().len(), 2, "it is not asked again");
}

#[test]
fn parts_that_are_not_the_rest_are_refused() {
    let wrong: [Change; 9] = [
        |_, reply| reply.remove("Content-Range"),
        |_, reply| reply.set("Content-Range", "bytes 999999-2999999/3000000"),
        |_, reply| reply.set("Content-Range", "bytes 0-2999999/3000000"),
        |_, reply| reply.set("Content-Range", "bytes 1000000-2999999/3000001"),
        |_, reply| reply.set("Content-Range", "bytes 1000000-2999998/2999999"),
        |_, reply| reply.set("Content-Range", "bytes 1000000-1999999/3000000"),
        |_, reply| reply.set("Content-Range", "1000000-2999999"),
        |_, reply| {
            reply.headers.push(("Content-Range".into(), "bytes 1000000-2999999/3000000".into()))
        },
        |_, reply| *reply = Reply::empty(416),
    ];
    for (number, change) in wrong.into_iter().enumerate() {
        let server = serving([(|_, reply| cut(1_000_000)(reply)) as Change, change]);
        let error = fails(&server, Some(SIZE), "a wrong part");
        let expected = [Code::Protocol, Code::SizeMismatch];
        assert!(expected.contains(&error.code()), "{number}: {error}");
        assert_eq!(server.requests().len(), 2, "{number}: it is not asked again");
    }
    // A part although nobody asked for one.
    let server = serving([(|_, reply| reply.status = 206) as Change]);
    assert_eq!(fails(&server, Some(SIZE), "a part").code(), Code::Protocol);
}

#[test]
fn a_cut_at_the_exact_end_is_followed_by_416() {
    // All bytes, but not the chunk that ends them.
    let unended: Change = |_, reply| {
        reply.framing = Framing::Chunked;
        reply.cut_body = Some((SIZE, Cut::Fin));
    };
    let server = serving([unended]);
    assert!(get(&server, Some(SIZE)).expect("a layer") == layer());
    assert_eq!(ranges(&server), [None, Some(format!("bytes={SIZE}-"))]);
    // A server that has more there does not have this layer.
    let more: Change = |_, reply| {
        *reply = Reply::new(206, b"more".to_vec())
            .with("Content-Range", "bytes 3000000-3000003/3000004");
    };
    let server = serving([unended, more]);
    assert_eq!(fails(&server, Some(SIZE), "more").code(), Code::SizeMismatch);
}

#[test]
fn a_layer_of_another_size_is_refused() {
    for size in [SIZE - 1, SIZE + 1] {
        let server = serving([]);
        let error = open(&server, Some(size)).expect_err("the header tells another size");
        assert_eq!(error.code(), Code::SizeMismatch, "{error}");
        assert_eq!(error.details().size_expected, Some(size));
        assert_eq!(error.details().size_actual, Some(SIZE));
    }
    // Where no header tells, the bytes do.
    let chunked: Change = |_, reply| reply.framing = Framing::Chunked;
    let error = fails(&serving([chunked]), Some(SIZE - 1), "too long");
    assert_eq!(error.code(), Code::SizeMismatch, "{error}");
    // What ends too early may be a cut: the rest is asked for, and there is none.
    let short: Change = |_, reply| {
        reply.framing = Framing::Chunked;
        reply.body = Body::Part(Box::new(reply.body.clone()), 0, SIZE - 1);
    };
    let gone: Change = |_, reply| *reply = Reply::empty(416);
    let error = fails(&serving([short, gone]), Some(SIZE), "too short");
    assert_eq!(error.code(), Code::Protocol, "{error}");
    // The end of the connection is no end where a size is known.
    let closed: Change = |_, reply| {
        reply.framing = Framing::Close;
        reply.cut_body = Some((1_000_000, Cut::Fin));
    };
    assert!(get(&serving([closed]), Some(SIZE)).expect("a layer") == layer());
}

#[test]
fn refusals_are_told_at_once() {
    for (status, code) in [(404, Code::NotFound), (403, Code::Denied), (400, Code::Rejected)] {
        let server = bystander(ServerOptions::default(), move |_| Reply::empty(status));
        assert_eq!(open(&server, Some(SIZE)).expect_err("a refusal").code(), code);
        assert_eq!(server.requests().len(), 1);
    }
}

#[test]
fn a_wait_ends_with_its_context_and_reading_can_go_on() {
    let slow = json!({"retry": {"initial-ms": 20_000, "max-ms": 20_000}});
    for cancel in [true, false] {
        let server = serving([(|_, reply| cut(1_000_000)(reply)) as Change]);
        let context = Context::new().expect("a context");
        let limited = Call::new(Some(&context));
        let mut reader = open_with(&server, &slow, Some(SIZE), &limited).expect("a layer");
        let start = Instant::now();
        let canceller = cancel.then(|| {
            let context = context.clone();
            thread::spawn(move || {
                thread::sleep(Duration::from_millis(200));
                context.cancel();
            })
        });
        if !cancel {
            context.set_timeout(Duration::from_millis(200));
        }
        let (first, outcome) = read_all(&mut reader, &limited);
        let error = outcome.expect_err("the wait is interrupted");
        let code = if cancel { Code::Cancelled } else { Code::Deadline };
        assert_eq!(error.code(), code, "{error}");
        assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
        assert_eq!(first.len(), 1_000_000);
        if let Some(canceller) = canceller {
            canceller.join().expect("the canceller");
        }
        let (rest, outcome) = read_all(&mut reader, &run());
        outcome.expect("another context may go on");
        assert!([first, rest].concat() == layer());
    }
}

/// Reads with 100 ms a time until the end or a failure that is no deadline; tells how many deadlines passed.
fn read_patiently(reader: &mut LayerReader) -> (Vec<u8>, usize, Result<()>) {
    let (mut all, mut deadlines) = (Vec::new(), 0);
    loop {
        let context = Context::new().expect("a context");
        context.set_timeout(Duration::from_millis(100));
        let (more, outcome) = read_all(reader, &Call::new(Some(&context)));
        all.extend(more);
        match outcome {
            Err(error) if error.code() == Code::Deadline => deadlines += 1,
            outcome => return (all, deadlines, outcome),
        }
    }
}

#[test]
fn a_deadline_is_no_end_where_the_server_sends_no_parts() {
    let deaf: Change = |_, reply| {
        reply.remove("Accept-Ranges");
        reply.stall = Some((1_000_000, Duration::from_millis(500)));
    };
    for size in [Some(SIZE), None] {
        let server = serving([deaf]);
        let mut reader = open(&server, size).expect("a layer");
        // One that is over before anything is read.
        let late = Context::new().expect("a context");
        late.cancel();
        let error = reader.read(&mut [0; 10], &Call::new(Some(&late))).expect_err("cancelled");
        assert_eq!(error.code(), Code::Cancelled);
        let (all, deadlines, outcome) = read_patiently(&mut reader);
        outcome.expect("the rest comes on the connection that there is");
        assert!(all == layer());
        assert!(deadlines > 0);
        assert_eq!(server.requests().len(), 1);
    }
}

#[test]
fn deadlines_are_no_failures_of_the_server() {
    let slow: Change = |_, reply| reply.delay = Duration::from_millis(150);
    // The answers to what was given up come too late, and then there is a real cut.
    let stalled: Change = |_, reply| reply.stall = Some((1_000_000, Duration::from_millis(300)));
    let cut_later: Change = |_, reply| cut(500_000)(reply);
    let server = serving([stalled, slow, slow, slow, slow, slow, slow, cut_later]);
    let mut reader = open(&server, Some(SIZE)).expect("a layer");
    let (all, deadlines, outcome) = read_patiently(&mut reader);
    outcome.expect("it was cut once");
    assert!(all == layer());
    assert!(deadlines >= 7, "{deadlines}");
}

#[test]
fn waits_grow() {
    let server = serving([(|_, reply| *reply = Reply::empty(503)) as Change; 4]);
    let options = json!({"retry": {"initial-ms": 40, "max-ms": 10_000}});
    open_with(&server, &options, Some(SIZE), &run()).expect("the fifth answer");
    let at: Vec<_> = server.requests().iter().map(|request| request.at).collect();
    let waits: Vec<_> = at.windows(2).map(|pair| pair[1] - pair[0]).collect();
    for (wait, least) in waits.iter().zip([20, 40, 80, 160]) {
        assert!(*wait >= Duration::from_millis(least), "{waits:?}");
    }
}

// Pushing.

const JSON: &[u8] = br#"{"id":"d8b2f2c1b0c1b8b0e1d1f6a5a2d3c4b5a6978877665544332211ffeeddccbbaa"}"#;

/// A tar archive of some files, more than any buffer holds.
fn archive() -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for number in 0..5_u64 {
        let content = Body::Generated(Generated::new(number, 100_000 * number)).to_vec();
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, format!("file-{number}"), &content[..]).expect("a file");
    }
    tar.into_inner().expect("an archive")
}

fn writer_in(server: &Server, options: &Value, dir: &Path) -> Result<LayerWriter> {
    LayerWriter::open(transport(server, options), url(server), JSON.to_vec(), dir)
}

fn writer(server: &Server, dir: &Path) -> LayerWriter {
    writer_in(server, &json!({}), dir).expect("a writer")
}

fn write(writer: &mut LayerWriter, bytes: &[u8]) -> Result<()> {
    bytes.chunks(77_777).try_for_each(|piece| writer.write(piece, &run()))
}

/// A registry that takes layers, after it has answered so many requests as told.
fn taking(answers: impl IntoIterator<Item = Reply>) -> Server {
    let answers = Mutex::new(answers.into_iter().collect::<VecDeque<_>>());
    bystander(ServerOptions::default(), move |_| {
        answers.lock().expect("the answers").pop_front().unwrap_or_else(|| Reply::empty(200))
    })
}

/// Whether this process has a file open that was in the directory, or the directory has an entry.
fn is_used(dir: &Path) -> bool {
    holds_open("self", dir) || std::fs::read_dir(dir).expect("the directory").next().is_some()
}

/// The descriptors of a process whose file is, or was, in the directory.
fn descriptors(process: &str, dir: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(format!("/proc/{process}/fd"))
        .expect("the descriptors of a process")
        .filter_map(|fd| Some(fd.ok()?.path()))
        .filter(|fd| std::fs::read_link(fd).is_ok_and(|path| path.starts_with(dir)))
        .collect()
}

fn holds_open(process: &str, dir: &Path) -> bool {
    !descriptors(process, dir).is_empty()
}

fn assert_sent(request: &Request, tar: &[u8], sums: &Checksums) {
    assert_eq!(
        (request.method.as_str(), request.path()),
        ("PUT", &*format!("/v1/images/{ID}/layer"))
    );
    assert_eq!(request.header("transfer-encoding"), Some("chunked"));
    assert_eq!(request.header("content-length"), None);
    let mut unpacked = Vec::new();
    GzDecoder::new(&request.body[..]).read_to_end(&mut unpacked).expect("gzip is sent");
    assert!(unpacked == tar, "the archive is what was written");
    let payload = Digest::of(Algorithm::Sha256, &[JSON, b"\n", &request.body].concat());
    assert_eq!(sums.checksum_payload, payload.to_string());
    assert_eq!(sums.checksum, tarsum(tar, JSON, &run()).expect("a tarsum"));
}

#[test]
fn a_layer_is_sent_at_commit_as_gzip_in_chunks() {
    let (server, dir, tar) = (taking([]), tempdir(), archive());
    let mut writer = writer(&server, dir.path());
    write(&mut writer, &tar).expect("room");
    assert!(server.requests().is_empty(), "nothing is sent before the commit");
    assert!(holds_open("self", dir.path()), "a temporary file is there");
    assert_eq!(std::fs::read_dir(dir.path()).expect("the directory").count(), 0, "without a name");
    let sums = writer.commit(Some(tar.len() as u64), &run()).expect("a commit");
    assert!(!is_used(dir.path()), "the file is gone though the writer is not");
    let requests = server.requests();
    assert_eq!(requests.len(), 1);
    assert_sent(&requests[0], &tar, &sums);
    for over in [write(&mut writer, b"more"), writer.commit(None, &run()).map(drop)] {
        assert_eq!(over.expect_err("it is over").code(), Code::InvalidArgument);
    }
}

#[test]
fn a_commit_that_failed_may_be_repeated() {
    let lost = {
        let mut reply = Reply::empty(200);
        reply.cut_head = Some((0, Cut::Rst));
        reply
    };
    let (server, dir, tar) =
        (taking([Reply::empty(503), lost, Reply::empty(400)]), tempdir(), archive());
    let mut writer = writer(&server, dir.path());
    write(&mut writer, &tar).expect("room");
    let wrong = writer.commit(Some(1), &run()).expect_err("another size");
    assert_eq!(wrong.code(), Code::SizeMismatch);
    for code in [Code::Server, Code::Disconnected, Code::Rejected] {
        let error = writer.commit(None, &run()).expect_err("a failure");
        assert_eq!(error.code(), code, "{error}");
    }
    let context = Context::new().expect("a context");
    context.cancel();
    let error = writer.commit(None, &Call::new(Some(&context))).expect_err("a cancelled context");
    assert_eq!(error.code(), Code::Cancelled);
    assert!(holds_open("self", dir.path()), "the layer is still there");
    let sums = writer.commit(None, &run()).expect("the last try");
    let requests = server.requests();
    assert_eq!(requests.len(), 4);
    assert!(requests[0].body == requests[3].body, "the same bytes go out each time");
    assert_sent(&requests[3], &tar, &sums);
    assert!(!is_used(dir.path()));
}

#[test]
fn a_long_write_ends_with_its_context_and_is_lost() {
    let (server, dir) = (taking([]), tempdir());
    let mut writer = writer(&server, dir.path());
    let context = Context::new().expect("a context");
    let canceller = {
        let context = context.clone();
        thread::spawn(move || {
            thread::sleep(Duration::from_millis(100));
            context.cancel();
        })
    };
    // Memory that nobody touches takes none.
    let zeros = vec![0; 4 << 30];
    let start = Instant::now();
    let error = writer.write(&zeros, &Call::new(Some(&context))).expect_err("cancelled");
    assert_eq!(error.code(), Code::Cancelled);
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    canceller.join().expect("the canceller");
    // How much of it was taken is not known to the caller.
    let error = write(&mut writer, b"more").expect_err("some is lost");
    assert_eq!(error.code(), Code::Cancelled);
    assert!(!is_used(dir.path()), "the file is gone");
    // Nor is one whole that was refused before it began.
    let mut writer = self::writer(&server, dir.path());
    write(&mut writer, &archive()).expect("room");
    let late = Context::new().expect("a context");
    late.cancel();
    writer.write(b"more", &Call::new(Some(&late))).expect_err("cancelled");
    let error = writer.commit(None, &run()).expect_err("some is missing");
    assert_eq!(error.code(), Code::Cancelled);
}

#[test]
fn a_commit_that_hangs_ends_with_its_context_and_may_be_repeated() {
    let mut silent = Reply::empty(200);
    silent.delay = Duration::from_secs(60);
    let (server, dir, tar) = (taking([silent]), tempdir(), archive());
    let mut writer = writer(&server, dir.path());
    write(&mut writer, &tar).expect("room");
    let context = Context::new().expect("a context");
    context.set_timeout(Duration::from_millis(300));
    let start = Instant::now();
    let error = writer.commit(None, &Call::new(Some(&context))).expect_err("no answer");
    assert_eq!(error.code(), Code::Deadline, "{error}");
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    let sums = writer.commit(None, &run()).expect("another context");
    assert_sent(&server.requests()[1], &tar, &sums);
}

#[test]
fn more_may_be_written_after_a_commit_that_failed() {
    let (server, dir) = (taking([]), tempdir());
    let tar = archive();
    let (first, last) = tar.split_at(300_000);
    let mut writer = writer(&server, dir.path());
    write(&mut writer, first).expect("room");
    writer.commit(None, &run()).expect_err("half an archive");
    write(&mut writer, last).expect("room");
    let sums = writer.commit(None, &run()).expect("a whole archive");
    assert_sent(&server.requests()[0], &tar, &sums);
    // What was summed up for a commit that the registry refused is not the sum of more.
    let (server, tar) = (taking([Reply::empty(503)]), archive());
    let open_ended = &tar[..tar.len() - 1024];
    let mut writer = self::writer(&server, dir.path());
    write(&mut writer, open_ended).expect("room");
    assert_eq!(writer.commit(None, &run()).expect_err("refused").code(), Code::Server);
    write(&mut writer, &tar).expect("room");
    let sums = writer.commit(None, &run()).expect("a larger archive");
    assert_sent(&server.requests()[1], &[open_ended, &tar].concat(), &sums);
}

#[test]
fn what_is_no_tar_archive_is_not_sent() {
    let (server, dir) = (taking([]), tempdir());
    let mut cut_off = archive();
    cut_off.truncate(300_000);
    for bytes in [cut_off, vec![7; 10_000]] {
        let mut writer = writer(&server, dir.path());
        write(&mut writer, &bytes).expect("room");
        for _ in 0..2 {
            let error = writer.commit(None, &run()).expect_err("no archive");
            assert_eq!(error.code(), Code::InvalidArgument, "{error}");
        }
    }
    assert!(server.requests().is_empty());
}

#[test]
fn the_file_is_gone_after_free_and_abort() {
    let (server, dir) = (taking([]), tempdir());
    let mut first = writer(&server, dir.path());
    write(&mut first, &archive()).expect("room");
    assert!(is_used(dir.path()));
    first.abort();
    assert!(!is_used(dir.path()), "after abort");
    assert_eq!(first.commit(None, &run()).expect_err("it is over").code(), Code::InvalidArgument);
    let mut second = writer(&server, dir.path());
    write(&mut second, &archive()).expect("room");
    drop(second);
    assert!(!is_used(dir.path()), "after free");
    assert!(server.requests().is_empty());
}

#[test]
fn the_file_is_gone_after_a_kill() {
    let name = "the_file_is_gone_after_a_kill";
    if let Some(dir) = children::told() {
        let server = taking([]);
        let mut writer = writer(&server, Path::new(&dir));
        write(&mut writer, &archive()).expect("room");
        println!("\nwritten");
        std::io::stdout().flush().expect("stdout");
        thread::sleep(Duration::from_secs(60));
        panic!("nobody killed this process");
    }
    let dir = tempdir();
    let told = dir.path().to_str().expect("a path");
    let mut child = children::command(name, told).stdout(Stdio::piped()).spawn().expect("a child");
    let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
    assert!(lines.any(|line| line.expect("a line") == "written"), "the child ended early");
    assert!(holds_open(&child.id().to_string(), dir.path()), "it has a file there");
    child.kill().expect("kill the child");
    child.wait().expect("the child's end");
    assert_eq!(std::fs::read_dir(dir.path()).expect("the directory").count(), 0);
}

#[test]
fn the_environment_may_say_where_temporary_files_go() {
    let name = "the_environment_may_say_where_temporary_files_go";
    if let Some(dir) = children::told() {
        assert_eq!(spool::directory(Environment::of_process(true)), Path::new(&dir));
        let else_where = spool::directory(Environment::of_process(false));
        assert!(["/var/tmp", "/tmp"].map(Path::new).contains(&else_where.as_path()));
        return;
    }
    let dir = tempdir();
    let told = dir.path().to_str().expect("a path");
    children::expect_success(children::command(name, told).env("TMPDIR", told));
}

#[test]
fn a_directory_that_cannot_be_used_is_told() {
    let server = taking([]);
    let error = writer_in(&server, &json!({}), Path::new("/nowhere/at/all")).expect_err("no place");
    assert_eq!(error.code(), Code::Io, "{error}");
    assert!(error.to_string().contains("/nowhere/at/all"), "{error}");
}

#[test]
fn a_limit_on_the_temporary_file() {
    let (server, dir, tar) = (taking([]), tempdir(), archive());
    let size = tar.len() as u64;
    let mut writer =
        writer_in(&server, &json!({"limits": {"spool": size}}), dir.path()).expect("a writer");
    write(&mut writer, &tar).expect("exactly the limit");
    let error = write(&mut writer, b"1").expect_err("more than the limit");
    assert_eq!(error.code(), Code::Limit, "{error}");
    let hint = error.details().hint.clone().unwrap_or_default();
    assert!(hint.contains("spool") && hint.contains("limits"), "{hint}");
    assert!(!is_used(dir.path()), "nobody needs the file any more");
    for again in [write(&mut writer, b"1"), writer.commit(None, &run()).map(drop)] {
        assert_eq!(again.expect_err("the writer is stuck").code(), Code::Limit);
    }
    assert!(server.requests().is_empty());
}

#[test]
fn a_full_disk_is_told_and_leaves_nothing() {
    let name = "a_full_disk_is_told_and_leaves_nothing";
    if let Some(dir) = children::told() {
        let (server, dir) = (taking([]), Path::new(&dir));
        let mut writer = writer(&server, dir);
        let tar = vec![1; 4 << 20];
        let error = write(&mut writer, &tar).expect_err("no room");
        assert_eq!(error.code(), Code::NoSpace, "{error}");
        assert!(error.details().hint.as_ref().is_some_and(|hint| hint.contains("space")));
        assert!(!is_used(dir));
        let again = writer.commit(None, &run()).expect_err("the writer is stuck");
        assert_eq!(again.code(), Code::NoSpace);
        assert!(server.requests().is_empty());
        return;
    }
    let dir = tempdir();
    let inner = children::command(name, dir.path().to_str().expect("a path"));
    // The limit is of 512 or 1024 bytes a block, by the shell.
    let mut command = std::process::Command::new("sh");
    command
        .args(["-c", "trap '' XFSZ; ulimit -f 2000; exec \"$@\"", "sh"])
        .arg(inner.get_program());
    command.args(inner.get_args()).envs(inner.get_envs().filter_map(|(k, v)| Some((k, v?))));
    children::expect_success(&mut command);
}

/// An archive with a file of so many zeros, written as it goes.
struct Zeros {
    head: std::io::Cursor<Vec<u8>>,
    left: u64,
}

impl Zeros {
    fn of(size: u64) -> Self {
        let mut header = tar::Header::new_gnu();
        header.set_path("zeros").expect("a name");
        header.set_size(size);
        header.set_mode(0o644);
        header.set_cksum();
        let head = std::io::Cursor::new(header.as_bytes().to_vec());
        // The content, and two blocks that end the archive.
        Self { head, left: size.next_multiple_of(512) + 1024 }
    }
}

impl Read for Zeros {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.head.read(buffer)?;
        if read > 0 {
            return Ok(read);
        }
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        buffer[..most].fill(0);
        self.left -= most as u64;
        Ok(most)
    }
}

#[test]
fn five_gibibytes_of_zeros_take_little_room_and_time() {
    const FIVE: u64 = 5 << 30;
    let (server, dir) = (taking([]), tempdir());
    let mut writer = writer(&server, dir.path());
    let (mut tar, mut buffer) = (Zeros::of(FIVE), vec![0; 1 << 20]);
    let start = rustix::time::clock_gettime(ClockId::ThreadCPUTime);
    loop {
        match tar.read(&mut buffer).expect("zeros") {
            0 => break,
            read => writer.write(&buffer[..read], &run()).expect("room"),
        }
    }
    let file = std::fs::metadata(&descriptors("self", dir.path())[0]).expect("the file");
    assert!(file.blocks() * 512 < 1 << 20, "{} blocks", file.blocks());
    let sums = writer.commit(Some(FIVE + 1536), &run()).expect("a commit");
    // The thread's own time, whatever else the machine does.
    let took = rustix::time::clock_gettime(ClockId::ThreadCPUTime);
    assert!(took.tv_sec - start.tv_sec < 120, "{} s", took.tv_sec - start.tv_sec);
    let sent = &server.requests()[0].body;
    assert!(sent.len() < 64 << 20, "{} bytes were sent", sent.len());
    assert_eq!(
        sums.checksum_payload,
        Digest::of(Algorithm::Sha256, &[JSON, b"\n", sent].concat()).to_string()
    );
}

// Through C.

/// A session of protocol v1 with this registry, and the registry's root.
fn c_session(server: &Server) -> (images::Session, String) {
    let service = c_surface::Service::bare(json!({"retry": {"initial-ms": 1, "max-ms": 5}}));
    let endpoint =
        service.endpoint(&json!({"URL": server.url(), "Version": "v1"})).expect("an endpoint");
    let session = endpoint.session(Some(&json!({}))).expect("a session");
    (session, format!("{}/v1/", server.url()))
}

#[test]
fn c_reads_layers() {
    let server = serving([(|_, reply| cut(1_000_000)(reply)) as Change]);
    let (session, root) = c_session(&server);
    let size = i64::try_from(SIZE).expect("small");
    let mut reader = session.get_remote_image_layer(ID, &root, size).expect("a layer");
    assert_eq!(reader.size(), size);
    let mut all = Vec::new();
    reader.read_to_end(None, &mut all).expect("the end");
    assert!(all == layer());
    assert_eq!(ranges(&server), [None, Some("bytes=1000000-".into())]);
    for (id, root, argument) in
        [("../x", &*root, "image_id"), (ID, "http://127.0.0.1/v2/", "registry")]
    {
        let refused = session.get_remote_image_layer(id, root, -1).err().expect("refused");
        assert_eq!((refused.code, refused.argument()), (1, argument));
    }
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn c_writes_layers() {
    let (server, tar) = (taking([Reply::empty(503)]), archive());
    let (session, root) = c_session(&server);
    let mut writer = session.push_image_layer_registry(ID, &root, JSON).expect("a writer");
    for piece in tar.chunks(100_000) {
        writer.write(None, piece).expect("room");
    }
    let digest = Digest::of(Algorithm::Sha256, &tar).to_string();
    for (options, code) in [
        (json!({"digest": digest}), 1),
        (json!({"size": 1}), 101),
        (json!({"unheard": 1}), 4),
        (json!({}), 83),
    ] {
        assert_eq!(writer.commit(None, &options).expect_err("a failure").code, code, "{options}");
    }
    let sums = writer.commit(None, &json!({"size": tar.len()})).expect("a commit");
    let requests = server.requests();
    assert_eq!(requests.len(), 2);
    let text = |key: &str| sums[key].as_str().expect("text").to_owned();
    let sums = Checksums { checksum: text("checksum"), checksum_payload: text("checksum_payload") };
    assert_sent(&requests[1], &tar, &sums);
    let mut given_up = session.push_image_layer_registry(ID, &root, JSON).expect("a writer");
    given_up.write(None, &tar).expect("room");
    given_up.abort(None).expect("nobody has to agree");
    assert_eq!(given_up.commit(None, &json!({})).expect_err("it is over").code, 1);
    assert_eq!(server.requests().len(), 2);
}
