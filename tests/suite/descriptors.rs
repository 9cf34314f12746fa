//! Blobs from and to descriptors that the program has open: files, pipes and sockets.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::{Duration, Instant};

use crate::c_surface::children;
use crate::c_surface::images::{Context, Session};
use crate::scene::*;
use ocireg_testkit::rig::bystander;
use ocireg_testkit::{Action, Fault, Registry, Reply, ServerOptions, digest};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use serde_json::{Value, json};

const INVALID_ARGUMENT: i32 = 1;
const CANCELLED: i32 = 20;
const DEADLINE: i32 = 21;
const SIZE_MISMATCH: i32 = 101;
const IO: i32 = 120;

fn none() -> Value {
    json!({})
}

/// Bytes that no pipe holds all at once.
fn large() -> Vec<u8> {
    (0..1_000_003_u32).map(|i| u8::try_from(i % 251).expect("small")).collect()
}

fn session(registry: &Registry) -> Session {
    let actions = json!({"actions": ["pull", "push"]});
    service(none()).open(None, &app(registry), &actions).expect("a session")
}

fn pipe() -> (File, File) {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    (OwnedFd::from(reader).into(), OwnedFd::from(writer).into())
}

fn without_blocking(file: &File) {
    let flags = fcntl_getfl(file).expect("flags");
    fcntl_setfl(file, flags | OFlags::NONBLOCK).expect("set");
}

/// Reads all of a pipe or socket, slowly at first.
fn slowly(mut from: impl Read + Send + 'static) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        thread::sleep(Duration::from_millis(100));
        let mut all = Vec::new();
        from.read_to_end(&mut all).expect("read");
        all
    })
}

#[test]
fn a_blob_is_written_from_where_a_file_stands() {
    let registry = Registry::plain();
    let blob = registry.add_blob("demo/app", "blob");
    let session = session(&registry);
    let directory = ocireg_testkit::tempdir();
    let path = directory.path().join("file");
    fs::write(&path, "head--------tail").expect("a file");
    let mut file = OpenOptions::new().read(true).write(true).open(&path).expect("a file");
    file.seek(SeekFrom::Start(4)).expect("a position");
    let options = json!({"size": 4, "media_type": "text/plain"});
    let got = session.get_blob_fd(None, &blob, file.as_raw_fd(), &options).expect("a blob");
    assert_eq!(got["digest"], blob.as_str());
    assert_eq!((&got["size"], &got["mediaType"]), (&json!(4), &json!("text/plain")));
    assert_eq!((&got["existed"], &got["bytes_transferred"]), (&json!(false), &json!(4)));
    assert_eq!(file.stream_position().expect("a position"), 8);
    assert_eq!(fs::read_to_string(&path).expect("the file"), "headblob----tail");
    // One that is always written at its end.
    let append = OpenOptions::new().append(true).open(&path).expect("a file");
    session.get_blob_fd(None, &blob, append.as_raw_fd(), &none()).expect("a blob");
    assert_eq!(fs::read_to_string(&path).expect("the file"), "headblob----tailblob");
    let wrong = session.get_blob_fd(None, &blob, file.as_raw_fd(), &json!({"size": 5}));
    assert_eq!(wrong.expect_err("another size").code, SIZE_MISMATCH);
    let zeros = format!("sha256:{}", "0".repeat(64));
    let absent = session.get_blob_fd(None, &zeros, file.as_raw_fd(), &none());
    assert_eq!(absent.expect_err("no blob").code, NOT_FOUND);
}

#[test]
fn a_blob_goes_into_pipes_and_sockets_whether_they_block_or_not() {
    let registry = Registry::plain();
    let blob = registry.add_blob("demo/app", large());
    let session = session(&registry);
    for blocks in [true, false] {
        let (reader, writer) = pipe();
        if !blocks {
            without_blocking(&writer);
        }
        let read = slowly(reader);
        session.get_blob_fd(None, &blob, writer.as_raw_fd(), &none()).expect("a blob");
        drop(writer);
        assert!(read.join().expect("no panic") == large(), "a pipe that blocks: {blocks}");
        let (reader, writer) = UnixStream::pair().expect("sockets");
        writer.set_nonblocking(!blocks).expect("set");
        let read = slowly(reader);
        session.get_blob_fd(None, &blob, writer.as_raw_fd(), &none()).expect("a blob");
        drop(writer);
        assert!(read.join().expect("no panic") == large(), "a socket that blocks: {blocks}");
    }
}

#[test]
fn what_descriptors_hold_becomes_a_blob() {
    let registry = Registry::plain();
    let session = session(&registry);
    for blocks in [true, false] {
        let (reader, mut writer) = pipe();
        if !blocks {
            without_blocking(&reader);
        }
        let written = thread::spawn(move || {
            for piece in large().chunks(100_000) {
                thread::sleep(Duration::from_millis(5));
                writer.write_all(piece).expect("written");
            }
        });
        let put = session.put_blob_fd(None, reader.as_raw_fd(), &none()).expect("a blob");
        written.join().expect("no panic");
        assert_eq!(put["digest"], digest::sha256(&large()));
        assert_eq!(put["bytes_transferred"], large().len());
        let there = registry.blob("demo/app", &digest::sha256(&large())).expect("a blob");
        assert!(there.to_vec() == large());
    }
    let (reader, mut writer) = UnixStream::pair().expect("sockets");
    writer.write_all(b"from a socket").expect("written");
    drop(writer);
    let put = session.put_blob_fd(None, reader.as_raw_fd(), &none()).expect("a blob");
    assert_eq!(put["digest"], digest::sha256(b"from a socket"));
    // A file from where it stands, hashed first where that is asked for.
    let mut file = tempfile::tempfile().expect("a file");
    file.write_all(b"not this, but this").expect("written");
    for options in [none(), json!({"check_exists": true}), json!({"size": 8})] {
        file.seek(SeekFrom::Start(10)).expect("a position");
        let put = session.put_blob_fd(None, file.as_raw_fd(), &options).expect("a blob");
        assert_eq!(put["digest"], digest::sha256(b"but this"), "{options}");
        assert_eq!(file.stream_position().expect("a position"), 18, "{options}");
    }
    // From its end there is nothing, which is a blob as well.
    let put = session.put_blob_fd(None, file.as_raw_fd(), &none()).expect("a blob");
    assert_eq!((&put["digest"], &put["size"]), (&json!(digest::sha256(b"")), &json!(0)));
}

#[test]
fn what_a_pipe_must_hold_is_checked() {
    let registry = Registry::plain();
    let session = session(&registry);
    let put = |options: Value| {
        let (reader, mut writer) = pipe();
        writer.write_all(b"content").expect("written");
        drop(writer);
        session.put_blob_fd(None, reader.as_raw_fd(), &options)
    };
    let right = digest::sha256(b"content");
    put(json!({"digest": right, "size": 7})).expect("a blob");
    let there = put(json!({"digest": right, "check_exists": true})).expect("a blob");
    assert_eq!((&there["existed"], &there["bytes_transferred"]), (&json!(true), &json!(0)));
    let wrong = put(json!({"digest": digest::sha256(b"other")})).expect_err("another digest");
    assert_eq!(wrong.code, DIGEST_MISMATCH);
    assert_eq!(put(json!({"size": 8})).expect_err("another size").code, SIZE_MISMATCH);
    for options in [json!({"check_exists": true}), json!({"mount_from": ["other/app"]})] {
        let failure = put(options).expect_err("no digest");
        assert_eq!((failure.code, failure.argument()), (INVALID_ARGUMENT, "digest"));
    }
    assert_eq!(registry.upload_count(), 0, "uploads that failed were ended");
}

#[test]
fn descriptors_that_cannot_be_used_are_refused() {
    let registry = Registry::plain();
    let blob = registry.add_blob("demo/app", "blob");
    let session = session(&registry);
    let (reader, writer) = pipe();
    let directory = File::open("/").expect("a directory");
    registry.clear();
    for fd in [-1, i32::MAX, reader.as_raw_fd(), directory.as_raw_fd()] {
        let failure = session.get_blob_fd(None, &blob, fd, &none()).expect_err("unusable");
        assert_eq!((failure.code, failure.argument()), (INVALID_ARGUMENT, "fd"), "{failure:?}");
    }
    for fd in [-1, i32::MAX, writer.as_raw_fd(), directory.as_raw_fd()] {
        let failure = session.put_blob_fd(None, fd, &none()).expect_err("unusable");
        assert_eq!((failure.code, failure.argument()), (INVALID_ARGUMENT, "fd"), "{failure:?}");
    }
    assert!(requests(&registry, "/blobs/").is_empty(), "nothing was asked for");
}

#[test]
fn a_call_that_waits_for_a_pipe_can_be_ended() {
    let registry = Registry::plain();
    let blob = registry.add_blob("demo/app", large());
    let session = session(&registry);
    let start = Instant::now();
    // Nobody reads, and nobody writes.
    let (reader, writer) = pipe();
    let context = Context::timeout(300);
    let full = session.get_blob_fd(Some(&context), &blob, writer.as_raw_fd(), &none());
    assert_eq!(full.expect_err("a full pipe").code, DEADLINE);
    let context = Context::timeout(300);
    let empty = pipe();
    let waiting = session.put_blob_fd(Some(&context), empty.0.as_raw_fd(), &none());
    assert_eq!(waiting.expect_err("an empty pipe").code, DEADLINE);
    let context = Context::with_progress(|_, _, event| event["kind"] == "tick");
    let waiting = session.put_blob_fd(Some(&context), empty.0.as_raw_fd(), &none());
    assert_eq!(waiting.expect_err("an empty pipe").code, CANCELLED);
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    drop(reader);
}

#[test]
fn nobody_at_the_other_end_is_an_error_and_no_signal() {
    children::expect_success(&mut children::command("writes_where_nobody_reads", "go"));
}

/// In a process of its own, which a signal would end.
#[test]
fn writes_where_nobody_reads() {
    if children::told().is_none() {
        return;
    }
    // SAFETY: sets what Rust changes at the start of a program back to what C programs have.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
    let registry = Registry::plain();
    let blob = registry.add_blob("demo/app", large());
    let session = session(&registry);
    let writers: [OwnedFd; 2] = [pipe().1.into(), UnixStream::pair().expect("sockets").1.into()];
    for writer in writers {
        let failure = session.get_blob_fd(None, &blob, writer.as_raw_fd(), &none());
        let failure = failure.expect_err("nobody reads");
        assert_eq!(failure.code, IO, "{failure:?}");
        assert!(failure.json["hint"].to_string().contains("other end"), "{failure:?}");
    }
    // The reader goes while the blob is on its way.
    let (mut reader, writer) = pipe();
    let gone = thread::spawn(move || reader.read_exact(&mut [0; 50_000]).expect("read"));
    let failure = session.get_blob_fd(None, &blob, writer.as_raw_fd(), &none());
    assert_eq!(failure.expect_err("nobody reads").code, IO);
    gone.join().expect("no panic");
}

#[test]
fn wrong_bytes_are_an_error_at_the_end() {
    let registry = Registry::plain();
    let blob = registry.add_blob("demo/app", "right");
    registry.fault(Fault::on(&blob.replace("sha256:", ""), Action::Flip(0)).always());
    let session = session(&registry);
    let (_reader, writer) = pipe();
    let failure = session.get_blob_fd(None, &blob, writer.as_raw_fd(), &none());
    assert_eq!(failure.expect_err("wrong").code, DIGEST_MISMATCH);
    registry.clear_faults();
    // A cut is gone on from.
    let blob = registry.add_blob("demo/app", large());
    let cut = Action::CutBody(500_000, ocireg_testkit::Cut::Fin);
    registry.fault(Fault::on(&blob.replace("sha256:", ""), cut).method("GET"));
    let (reader, writer) = pipe();
    let read = slowly(reader);
    session.get_blob_fd(None, &blob, writer.as_raw_fd(), &none()).expect("a blob");
    drop(writer);
    assert!(read.join().expect("no panic") == large());
}

#[test]
fn a_layer_that_is_elsewhere_is_written_too() {
    let registry = Registry::plain();
    let content = b"a layer that is kept elsewhere";
    let answer = content.to_vec();
    let store = bystander(ServerOptions::default(), move |_| Reply::new(200, answer.clone()));
    let service = service(json!({"allow-foreign-urls": [store.host()]}));
    let session = service.open(None, &app(&registry), &json!({"auth": {}})).expect("a session");
    let options = json!({"media_type": FOREIGN, "urls": [format!("{}/layer", store.url())], "size": content.len()});
    let (mut reader, writer) = pipe();
    let layer = digest::sha256(content);
    session.get_blob_fd(None, &layer, writer.as_raw_fd(), &options).expect("a blob");
    drop(writer);
    let mut read = Vec::new();
    reader.read_to_end(&mut read).expect("read");
    assert_eq!(read, content);
}
