//! Parts of a blob: where their bytes come from, what keeps the way there, and what servers get wrong.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use ocireg_testkit::digest::sha256;
use ocireg_testkit::rig::{ask_bearer, bystander};
use ocireg_testkit::{
    Action, Auth, Cut, Fault, Registry, Reply, Request, Server, ServerOptions, TokenServer,
};
use serde_json::{Value, json};

use crate::c_surface::images::{Context, Session};
use crate::c_surface::remote::Blob;
use crate::c_surface::{Outcome, Service};
use crate::scene::*;

const INVALID_ARGUMENT: i32 = 1;
const UNSUPPORTED: i32 = 8;
const BUSY: i32 = 9;
const CANCELLED: i32 = 20;
const DISCONNECTED: i32 = 45;
const SIZE_MISMATCH: i32 = 101;

/// Bytes that are different everywhere.
fn content(size: usize) -> Vec<u8> {
    (0..size as u64).map(|i| (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect()
}

/// A registry with a blob, a session for it, and the blob.
struct Scene {
    registry: Registry,
    bytes: Vec<u8>,
    digest: String,
    session: Session,
}

impl Scene {
    fn new(size: usize) -> Self {
        Self::of(
            Registry::plain(),
            size,
            &service(json!({"retry": {"max-attempts": 3, "initial-ms": 1}})),
        )
    }

    fn of(registry: Registry, size: usize, service: &Service) -> Self {
        let bytes = content(size);
        let digest = registry.add_blob("demo/app", bytes.clone());
        let session = service.open(None, &app(&registry), &json!({})).expect("a session");
        registry.clear();
        Self { registry, bytes, digest, session }
    }

    fn blob(&self) -> Blob {
        self.with(json!({}))
    }

    fn with(&self, options: Value) -> Blob {
        self.session.blob(&self.digest, &options).expect("a blob")
    }

    fn fault(&self, action: Action) -> &Self {
        self.registry.fault(Fault::on("/blobs/", action));
        self
    }

    fn always(&self, action: Action) -> &Self {
        self.registry.fault(Fault::on("/blobs/", action).always());
        self
    }

    fn asked(&self) -> Vec<Request> {
        requests(&self.registry, "/blobs/")
    }

    fn part(&self, offset: usize, size: usize) -> &[u8] {
        let end = (offset + size).min(self.bytes.len());
        self.bytes.get(offset..end).unwrap_or_default()
    }

    fn reads(&self, blob: &Blob, offset: usize, size: usize) {
        let read = blob.read_at(None, offset as u64, size).expect("a part");
        assert!(read == self.part(offset, size), "{offset}+{size}: {} bytes", read.len());
    }

    fn fails(&self, blob: &Blob, offset: u64, size: usize, code: i32) -> crate::c_surface::Failure {
        let failure = blob.read_at(None, offset, size).expect_err("fails");
        assert_eq!(failure.code, code, "{failure:#?}");
        assert_tells(&failure, &[&self.digest], &[]);
        *failure
    }

    /// Chunks of this size over all of it.
    fn chunks(&self, size: usize) -> Value {
        let chunk = |(i, bytes): (usize, &[u8])| json!({"offset": i * size, "size": bytes.len(), "digest": sha256(bytes)});
        self.bytes.chunks(size).enumerate().map(chunk).collect()
    }
}

fn range(request: &Request) -> String {
    request.header("range").unwrap_or_default().to_owned()
}

#[test]
fn any_part_is_asked_for_by_a_closed_range() {
    let scene = Scene::new(10_000);
    let blob = scene.blob();
    assert_eq!(blob.size(), -1);
    assert!(scene.asked().is_empty(), "nothing is asked before the first read");
    for (offset, size) in [(5000, 100), (0, 1), (0, 10_000), (9_999, 1), (9_990, 4096), (0, 20_000)]
    {
        scene.reads(&blob, offset, size);
    }
    assert_eq!(blob.size(), 10_000);
    let ranges: Vec<_> = scene.asked().iter().map(range).collect();
    let expected = ["5000-5099", "0-0", "0-9999", "9999-9999", "9990-9999", "0-9999"];
    assert_eq!(ranges, expected.map(|range| format!("bytes={range}")));
    // At and behind the end there is nothing, and nobody is asked.
    for offset in [10_000, 10_001, u64::MAX] {
        assert!(blob.read_at(None, offset, 10).expect("the end").is_empty());
    }
    assert_eq!(scene.asked().len(), 6);
    assert!(scene.registry.connection_count() <= 1, "one connection serves them all");
    assert_eq!(blob.read_at(None, 0, 0).expect_err("no room").code, INVALID_ARGUMENT);
}

#[test]
fn the_end_is_found_without_a_known_size() {
    let scene = Scene::new(1000);
    for offset in [1000, 5000] {
        let blob = scene.blob();
        assert!(blob.read_at(None, offset, 10).expect("the end").is_empty());
        assert_eq!(blob.size(), 1000);
    }
    let blob = scene.with(json!({"size": 1000}));
    assert_eq!(blob.size(), 1000);
    scene.reads(&blob, 990, 50);
    let wrong = scene.with(json!({"size": 1001}));
    let failure = scene.fails(&wrong, 0, 10, SIZE_MISMATCH);
    assert_eq!(
        (&failure.json["size_expected"], &failure.json["size_actual"]),
        (&json!(1001), &json!(1000))
    );
    let missing = scene.session.blob(&sha256(b"missing"), &json!({})).expect("a blob");
    let failure = missing.read_at(None, 0, 10).expect_err("missing");
    assert_eq!((failure.code, failure.json["what"].as_str()), (NOT_FOUND, Some("blob")));
}

/// Where a registry keeps its blobs: it answers only addresses that were signed by [`signed`], and counts who was refused.
fn store(bytes: Vec<u8>, good: Arc<Mutex<Vec<String>>>, refusal: u16) -> Server {
    bystander(ServerOptions::default(), move |request| {
        let signature = request.query("Signature").pop().unwrap_or_default();
        if !good.lock().expect("sound").contains(&signature) {
            return Reply::empty(refusal);
        }
        part_of(request, &bytes)
    })
}

/// The part that a request asks for.
fn part_of(request: &Request, bytes: &[u8]) -> Reply {
    let range = request.header("range").and_then(|range| range.strip_prefix("bytes="));
    let Some((first, last)) = range.and_then(|range| range.split_once('-')) else {
        return Reply::new(200, bytes.to_vec());
    };
    let (first, last): (usize, usize) =
        (first.parse().expect("a number"), last.parse().expect("closed"));
    let last = last.min(bytes.len() - 1);
    Reply::new(206, bytes[first..=last].to_vec())
        .with("Content-Range", &format!("bytes {first}-{last}/{}", bytes.len()))
}

/// A registry that redirects to such a store; each redirect has a signature of its own.
fn redirecting(
    size: usize,
    refusal: u16,
    more: &str,
) -> (Server, Server, Arc<Mutex<Vec<String>>>, Vec<u8>) {
    let (bytes, good) = (content(size), Arc::new(Mutex::new(Vec::new())));
    let store = store(bytes.clone(), good.clone(), refusal);
    let (place, issued, count) = (store.url(), good.clone(), AtomicUsize::new(0));
    let more = more.to_owned();
    let registry = bystander(ServerOptions::default(), move |request| {
        if request.path() == "/v2/" {
            return Reply::json(200, &json!({}));
        }
        thread::sleep(Duration::from_millis(30));
        let signature = format!("s{}", count.fetch_add(1, Ordering::SeqCst));
        issued.lock().expect("sound").push(signature.clone());
        Reply::empty(307).with("Location", &format!("{place}/blob?Signature={signature}{more}"))
    });
    (registry, store, good, bytes)
}

fn open(registry: &Server, digest: &str) -> (Session, Blob) {
    let service = service(json!({"retry": {"max-attempts": 2, "initial-ms": 1}}));
    let session = service.open(None, &app(registry), &json!({})).expect("a session");
    let blob = session.blob(digest, &json!({})).expect("a blob");
    (session, blob)
}

#[test]
fn a_redirect_is_asked_for_once_and_kept_until_it_is_refused() {
    for refusal in [401, 403, 404, 410] {
        let (registry, storage, good, bytes) = redirecting(5000, refusal, "");
        let (_session, blob) = open(&registry, &sha256(&bytes));
        let reads = |offset: usize| {
            let read = blob.read_at(None, offset as u64, 10).expect("a part");
            assert_eq!(read, &bytes[offset..offset + 10]);
        };
        (0..5).for_each(|i| reads(i * 100));
        assert_eq!(requests(&registry, "/blobs/").len(), 1);
        assert_eq!(storage.requests().len(), 5);
        good.lock().expect("sound").clear();
        (0..3).for_each(|i| reads(i * 100));
        assert_eq!(requests(&registry, "/blobs/").len(), 2, "{refusal}: found again once");
        // One that is refused from the start is the answer.
        let elsewhere = store(bytes.clone(), Arc::default(), refusal);
        let place = format!("{}/blob?Signature=s", elsewhere.url());
        let registry = bystander(ServerOptions::default(), move |request| match request.path() {
            "/v2/" => Reply::json(200, &json!({})),
            _ => Reply::empty(307).with("Location", &place),
        });
        let (_session, blob) = open(&registry, &sha256(&bytes));
        let failure = blob.read_at(None, 0, 10).expect_err("refused");
        assert!(matches!(failure.code, UNAUTHORIZED | DENIED | NOT_FOUND | 84), "{failure:#?}");
        assert!(!failure.json.to_string().contains("Signature"), "{failure:#?}");
        assert_eq!(requests(&registry, "/blobs/").len(), 1);
    }
}

#[test]
fn a_redirect_that_says_when_it_ends_is_not_used_after_that() {
    // In the past, and in the future.
    for (expires, asked) in [(1_000_000_000u64, 3), (32_503_680_000, 1)] {
        let (registry, _store, _, bytes) = redirecting(5000, 403, &format!("&Expires={expires}"));
        let (_session, blob) = open(&registry, &sha256(&bytes));
        for _ in 0..3 {
            assert_eq!(blob.read_at(None, 7, 10).expect("a part"), &bytes[7..17]);
        }
        assert_eq!(requests(&registry, "/blobs/").len(), asked, "{expires}");
    }
}

#[test]
fn one_read_finds_the_way_and_the_others_wait_for_it() {
    let (registry, store, _, bytes) = redirecting(100_000, 403, "");
    let (_session, blob) = open(&registry, &sha256(&bytes));
    thread::scope(|scope| {
        for thread in 0..8 {
            let (blob, bytes) = (&blob, &bytes);
            scope.spawn(move || {
                for i in 0..20 {
                    let offset = (thread * 7919 + i * 104_729) % 90_000;
                    let read = blob.read_at(None, offset as u64, 1000).expect("a part");
                    assert_eq!(read, &bytes[offset..offset + 1000]);
                }
            });
        }
    });
    assert_eq!(requests(&registry, "/blobs/").len(), 1);
    assert_eq!(store.requests().len(), 160);
    assert!(store.connection_count() <= 8, "{}", store.connection_count());
}

/// What goes to the store carries nothing of the registry's.
#[test]
fn a_store_gets_no_credentials() {
    let token = TokenServer::plain();
    let bytes = content(1000);
    let good = Arc::new(Mutex::new(vec!["s".to_owned()]));
    let store = store(bytes.clone(), good, 403);
    let (place, realm) = (store.url(), token.realm());
    let registry = bystander(ServerOptions::default(), move |request| {
        match (request.header("authorization"), request.path()) {
            (None, _) => ask_bearer(&realm),
            (Some(_), _) => Reply::empty(302).with("Location", &format!("{place}/b?Signature=s")),
        }
    });
    let (_session, blob) = open(&registry, &sha256(&bytes));
    for _ in 0..2 {
        assert_eq!(blob.read_at(None, 0, 1000).expect("all"), bytes);
    }
    assert_bare(&store.requests());
}

#[test]
fn tokens_are_replaced_in_the_middle() {
    let token = TokenServer::plain();
    let registry = Registry::start(ServerOptions::default(), Auth::bearer(&token));
    let service = service(json!({}));
    let scene = Scene::of(registry, 1000, &service);
    let blob = scene.blob();
    scene.reads(&blob, 0, 10);
    scene.reads(&blob, 10, 10);
    assert_eq!(token.requests().len(), 1);
    // The registry has forgotten it.
    let other = TokenServer::plain();
    scene.registry.set_auth(Auth::bearer(&other));
    scene.reads(&blob, 20, 10);
    assert_eq!(other.requests().len(), 1);
}

#[test]
fn bodies_that_are_cut_are_continued() {
    for cut in [Cut::Fin, Cut::Rst] {
        let scene = Scene::new(200_000);
        let blob = scene.blob();
        scene.fault(Action::CutBody(70_000, cut));
        scene.reads(&blob, 1000, 150_000);
        let ranges: Vec<_> = scene.asked().iter().map(range).collect();
        assert_eq!(ranges.len(), 2);
        let first: u64 = ranges[1]["bytes=".len()..]
            .split('-')
            .next()
            .expect("a start")
            .parse()
            .expect("a number");
        assert!((1000..=71_000).contains(&first), "{ranges:?}");
        // There is an end to that.
        scene.always(Action::CutBody(10, cut));
        scene.fails(&blob, 0, 1000, DISCONNECTED);
        assert!(scene.asked().len() <= 5);
        scene.registry.clear_faults();
        scene.reads(&blob, 0, 1000);
    }
}

#[test]
fn passing_failures_are_tried_again() {
    let scene = Scene::new(1000);
    let blob = scene.blob();
    for status in [500, 502, 503, 504, 429] {
        scene.fault(Action::status(status));
        scene.reads(&blob, 10, 100);
    }
    scene.always(Action::status(503));
    scene.fails(&blob, 0, 10, SERVER);
}

#[test]
fn wrong_parts_are_refused() {
    let scene = Scene::new(5000);
    for action in [
        Action::RangeFromStart,
        Action::NoContentRange,
        Action::MultipartRange,
        Action::header("Content-Range", "bytes 1001-1100/5000"),
        Action::header("Content-Range", "bytes 1000-1100/5000"),
        Action::header("Content-Range", "bytes 1000-1050/5000"),
        Action::header("Content-Range", "bytes 1000-1099/1050"),
        Action::header("Content-Range", "bytes */5000"),
        Action::header("Content-Range", "bytes 1000-1099/99999999999999999999"),
    ] {
        let blob = scene.blob();
        let shown = format!("{action:?}");
        scene.fault(action);
        let failure = blob.read_at(None, 1000, 100).expect_err(&shown);
        assert_eq!(failure.code, PROTOCOL, "{shown}: {failure:#?}");
        scene.reads(&blob, 1000, 100);
    }
    let blob = scene.blob();
    scene.reads(&blob, 0, 100);
    // Another size than before is another content.
    scene.fault(Action::WrongRangeTotal);
    scene.fails(&blob, 1000, 100, SIZE_MISMATCH);
    scene.fault(Action::Status(
        416,
        vec![("Content-Range".into(), "bytes */700".into())],
        Vec::new(),
    ));
    scene.fails(&blob, 1000, 100, SIZE_MISMATCH);
}

/// Some servers know no end of a range: what they send more is not read.
#[test]
fn a_part_that_is_longer_than_asked_for_is_cut() {
    let (bytes, content) = (content(5000), content(5000));
    let registry = bystander(ServerOptions::default(), move |request| {
        let Some(range) = request.header("range") else { return Reply::json(200, &json!({})) };
        let first =
            range["bytes=".len()..].split('-').next().expect("a start").parse().expect("a number");
        let part: &[u8] = &content[first..];
        Reply::new(206, part.to_vec()).with("Content-Range", &format!("bytes {first}-4999/5000"))
    });
    let (_session, blob) = open(&registry, &sha256(&bytes));
    for offset in [0, 1000, 4990] {
        let read = blob.read_at(None, offset as u64, 100).expect("a part");
        assert_eq!(read, &bytes[offset..(offset + 100).min(5000)]);
    }
}

#[test]
fn content_that_changes_is_noticed_by_its_tag() {
    let scene = Scene::new(5000);
    let blob = scene.blob();
    scene.reads(&blob, 0, 100);
    // Weak tags, and none, say nothing.
    scene.fault(Action::header("ETag", "W/\"two\""));
    scene.reads(&blob, 0, 100);
    scene.fault(Action::RemoveHeader("ETag".into()));
    scene.reads(&blob, 100, 100);
    scene.fault(Action::header("ETag", "\"two\""));
    let failure = scene.fails(&blob, 100, 100, PROTOCOL);
    assert!(failure.message.contains("changed"), "{failure:#?}");
    // Where every byte is verified nothing else counts.
    let blob = scene.with(json!({ "chunks": scene.chunks(1000) }));
    for tag in ["\"one\"", "\"two\""] {
        scene.fault(Action::header("ETag", tag));
        scene.reads(&blob, if tag.contains("one") { 0 } else { 3000 }, 100);
    }
}

#[test]
fn servers_without_ranges_give_the_beginning_only() {
    let scene = Scene::new(3 << 20);
    scene.always(Action::IgnoreRange);
    let blob = scene.blob();
    for (offset, size) in [(0, 100), (1000, 100), ((1 << 20) - 10, 10)] {
        scene.reads(&blob, offset, size);
    }
    assert_eq!(blob.size(), 3 << 20);
    for (offset, size) in [((1 << 20) - 10, 11), (2 << 20, 10), (0, (1 << 20) + 1)] {
        let failure = scene.fails(&blob, offset, size, UNSUPPORTED);
        assert_tells(&failure, &["range requests", "ocireg_session_open_blob"], &[]);
    }
    // All of it is what was asked for.
    scene.reads(&blob, 0, 3 << 20);
    // Some refuse ranges otherwise.
    let scene = Scene::new(5000);
    scene.registry.fault(Fault::on("/blobs/", Action::status(400)).with_header("range").always());
    let blob = scene.blob();
    scene.reads(&blob, 1000, 100);
    scene.reads(&blob, 4990, 100);
    assert!(blob.read_at(None, 6000, 10).expect("the end").is_empty());
}

#[test]
fn chunks_are_verified_before_a_byte_of_them_is_given_out() {
    let scene = Scene::new(10_500);
    let blob = scene.with(json!({ "chunks": scene.chunks(1000) }));
    for (offset, size) in [(0, 1), (999, 2), (0, 10_500), (10_400, 1000), (5500, 10)] {
        scene.reads(&blob, offset, size);
    }
    // A chunk that was verified is not fetched again for the next read in it.
    let before = scene.asked().len();
    (0..10).for_each(|i| scene.reads(&blob, 5500 + i, 10));
    assert_eq!(scene.asked().len(), before);
    let blob = scene.with(json!({ "chunks": scene.chunks(1000), "size": 10_500 }));
    scene.always(Action::Flip(500));
    let failure = scene.fails(&blob, 2100, 10, DIGEST_MISMATCH);
    assert_eq!(failure.json["what"], "chunk");
    assert_eq!(failure.json["digest_expected"], sha256(&scene.bytes[2000..3000]));
    scene.registry.clear_faults();
    scene.reads(&blob, 2100, 10);
}

#[test]
fn chunks_must_cover_what_is_read_and_nothing_else() {
    let scene = Scene::new(3000);
    let chunk = |offset: usize, size: usize| json!({"offset": offset, "size": size, "digest": sha256(scene.part(offset, size))});
    let holes = json!({"size": 3000, "chunks": [chunk(0, 1000), chunk(2000, 1000)]});
    let blob = scene.with(holes);
    scene.reads(&blob, 0, 1000);
    scene.reads(&blob, 2500, 1000);
    for (offset, size) in [(999, 2), (1500, 10), (0, 3000)] {
        let failure = blob.read_at(None, offset, size).expect_err("a hole");
        assert_eq!((failure.code, failure.argument()), (INVALID_ARGUMENT, "chunks"));
    }
    for bad in [
        json!([chunk(0, 1000), chunk(999, 1000)]),
        json!([chunk(2500, 1000)]),
        json!([{"offset": 0, "size": 0, "digest": sha256(b"")}]),
        json!([{"offset": 0, "size": 10}]),
        json!([{"offset": -1, "size": 10, "digest": sha256(b"")}]),
        json!({"offset": 0}),
    ] {
        let refused = scene.session.blob(&scene.digest, &json!({"size": 3000, "chunks": bad}));
        assert!(refused.is_err(), "{bad}");
    }
    // Without a size the end is found on the way: a chunk behind it is a mistake of the caller's.
    let beyond = json!({"offset": 2000, "size": 1001, "digest": sha256(b"")});
    let blob = scene.with(json!({"chunks": [chunk(0, 2000), beyond]}));
    scene.reads(&blob, 0, 100);
    let failure = blob.read_at(None, 2000, 100).expect_err("beyond the end");
    assert_eq!((failure.code, failure.argument()), (INVALID_ARGUMENT, "chunks"));
}

/// A mirror that is down, gives wrong bytes, or ends in the middle is left, and not asked again.
#[test]
fn mirrors_that_fail_are_left() {
    for (action, uses_chunks) in [
        (Action::status(500), false),
        (Action::status(404), false),
        (Action::CutBody(10, Cut::Fin), false),
        (Action::RangeFromStart, false),
        (Action::IgnoreRange, false),
        (Action::Flip(3), true),
    ] {
        let (bytes, shown) = (content(2 << 20), format!("{action:?}"));
        let mirrors = [Registry::plain(), Registry::plain()];
        let digest =
            mirrors.each_ref().map(|mirror| mirror.add_blob("demo/app", bytes.clone()))[0].clone();
        let service = service(json!({
            "registry-mirrors": [mirrors[0].url(), mirrors[1].url()],
            "resolve": {"*": []},
            "retry": {"max-attempts": 2, "initial-ms": 1},
        }));
        let session = service.open(None, "demo/app", &json!({})).expect("a session");
        let chunks = uses_chunks.then(|| {
            let chunk = |(i, part): (usize, &[u8])| json!({"offset": i << 20, "size": part.len(), "digest": sha256(part)});
            bytes.chunks(1 << 20).enumerate().map(chunk).collect::<Value>()
        });
        let options = chunks.map_or(json!({}), |chunks| json!({ "chunks": chunks }));
        let blob = session.blob(&digest, &options).expect("a blob");
        let offset = (1 << 20) + 500;
        assert_eq!(blob.read_at(None, 100, 50).expect("a part"), &bytes[100..150]);
        mirrors[0].fault(Fault::on("/blobs/", action).always());
        let read =
            blob.read_at(None, offset as u64, 100).unwrap_or_else(|e| panic!("{shown}: {e:#?}"));
        assert_eq!(read, &bytes[offset..offset + 100], "{shown}");
        let asked = requests(&mirrors[0], "/blobs/").len();
        assert_eq!(blob.read_at(None, 200, 50).expect("a part"), &bytes[200..250]);
        assert_eq!(requests(&mirrors[0], "/blobs/").len(), asked, "{shown}: it is left");
    }
}

#[test]
fn a_read_that_waits_for_the_way_of_another_can_be_cancelled() {
    let scene = Scene::new(1000);
    scene.fault(Action::Delay(Duration::from_secs(2)));
    let blob = scene.blob();
    let context = Context::new();
    thread::scope(|scope| {
        let first = scope.spawn(|| blob.read_at(None, 0, 10));
        while scene.asked().is_empty() {
            thread::sleep(Duration::from_millis(5));
        }
        let waiting = scope.spawn(|| {
            let began = std::time::Instant::now();
            let failure = blob.read_at(Some(&context), 0, 10).expect_err("cancelled");
            assert_eq!(failure.code, CANCELLED);
            assert!(began.elapsed() < Duration::from_millis(1500));
        });
        thread::sleep(Duration::from_millis(300));
        context.cancel();
        waiting.join().expect("it ends");
        assert_eq!(first.join().expect("it goes on").expect("a part"), scene.part(0, 10));
    });
    // One that looks for the way and is cancelled leaves that to the others.
    let scene = Scene::new(1000);
    scene.fault(Action::Delay(Duration::from_secs(5)));
    let (blob, context) = (scene.blob(), Context::new());
    thread::scope(|scope| {
        let first = scope.spawn(|| blob.read_at(Some(&context), 0, 10));
        while scene.asked().is_empty() {
            thread::sleep(Duration::from_millis(5));
        }
        let other = scope.spawn(|| blob.read_at(None, 0, 10));
        thread::sleep(Duration::from_millis(200));
        context.cancel();
        assert_eq!(first.join().expect("it ends").expect_err("cancelled").code, CANCELLED);
        assert_eq!(other.join().expect("it goes on").expect("a part"), scene.part(0, 10));
    });
}

#[test]
fn whoever_waits_for_the_way_shares_its_failure() {
    let scene = Scene::new(1000);
    scene.registry.fault(Fault::on("/blobs/", Action::Delay(Duration::from_millis(500))).always());
    let missing = scene.session.blob(&sha256(b"missing"), &json!({})).expect("a blob");
    thread::scope(|scope| {
        let reads: Vec<_> = (0..6).map(|_| scope.spawn(|| missing.read_at(None, 0, 10))).collect();
        for read in reads {
            assert_eq!(read.join().expect("it ends").expect_err("missing").code, NOT_FOUND);
        }
    });
    assert!(scene.asked().len() <= 2, "{}", scene.asked().len());
}

/// A callback that reads the blob whose way is being looked for would wait for itself.
#[test]
fn a_callback_that_reads_the_same_blob_is_told_so() {
    let scene = Scene::new(1000);
    scene.fault(Action::Delay(Duration::from_millis(1500)));
    let blob = Arc::new(scene.blob());
    let told: Arc<Mutex<Vec<Outcome<Vec<u8>>>>> = Arc::default();
    let (inner, inside) = (blob.clone(), told.clone());
    let context = Context::with_progress(move |_, _, event| {
        if event["kind"] == "tick" {
            inside.lock().expect("sound").push(inner.read_at(None, 0, 10));
        }
        false
    });
    assert_eq!(blob.read_at(Some(&context), 0, 10).expect("a part"), scene.part(0, 10));
    let told = told.lock().expect("sound");
    assert!(!told.is_empty());
    assert!(told.iter().all(|read| read.as_ref().is_err_and(|e| e.code == BUSY)), "{told:?}");
}

#[test]
fn a_blob_outlives_its_session_and_service() {
    let scene = Scene::new(1000);
    let blob = scene.blob();
    let Scene { registry, bytes, session, .. } = scene;
    drop(session);
    assert_eq!(blob.read_at(None, 10, 10).expect("a part"), &bytes[10..20]);
    drop(registry);
    assert!(blob.read_at(None, 10, 10).is_err());
    // Only blobs of repositories can be read.
    let registry = Registry::plain();
    let service = service(json!({}));
    let whole = service
        .open(None, "", &json!({"registry": registry.host()}))
        .or_else(|_| {
            let endpoint = json!({"URL": registry.url(), "Version": "v2", "Official": false});
            service.endpoint(&endpoint)?.session(Some(&json!({})))
        })
        .expect("a session");
    assert_eq!(
        whole.blob(&sha256(b""), &json!({})).map(drop).expect_err("no repository").code,
        INVALID_ARGUMENT
    );
}

/// Layers that are not for distribution are read at the addresses that the caller allows.
#[test]
fn foreign_layers_are_read_where_their_descriptors_say() {
    let bytes = content(1000);
    let content = bytes.clone();
    let store = bystander(ServerOptions::default(), move |request| part_of(request, &content));
    let registry = Registry::plain();
    let service = service(json!({"allow-foreign-urls": [store.host()]}));
    let session = service.open(None, &app(&registry), &json!({})).expect("a session");
    let urls = [format!("{}/layer", store.url())];
    let options = json!({"media_type": FOREIGN, "urls": urls});
    let blob = session.blob(&sha256(&bytes), &options).expect("a blob");
    for _ in 0..3 {
        assert_eq!(blob.read_at(None, 10, 10).expect("a part"), &bytes[10..20]);
    }
    assert_eq!(requests(&registry, "/blobs/").len(), 1, "the way is kept");
    assert_eq!(store.requests().len(), 3);
    let blob = session.blob(&sha256(&bytes), &json!({"urls": urls})).expect("a blob");
    assert_eq!(blob.read_at(None, 10, 10).expect_err("of no foreign type").code, NOT_FOUND);
}
