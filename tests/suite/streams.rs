//! Large blobs on their way to a registry: in one request, straight from where they are read, and from where they were
//! when something comes in between.

use std::fs;
use std::io::{Seek, SeekFrom, Write};
use std::os::fd::AsRawFd;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::c_surface::images::{Context, Session};
use crate::c_surface::{Outcome, Service};
use crate::scene::*;
use ocireg_testkit::image::{Image, Spec};
use ocireg_testkit::{
    Action, Auth, Cut, Fault, Quirk, Registry, Request, ServerOptions, TempDir, TokenServer, digest,
};
use serde_json::{Value, json};

const CANCELLED: i32 = 20;
const SOURCE_CHANGED: i32 = 123;

/// More than what is kept in memory to be sent again.
const SIZE: u64 = 9 << 20;

fn none() -> Value {
    json!({})
}

fn large(seed: u64) -> Image {
    Spec { seed, ..Spec::sized(1, SIZE) }.build()
}

/// Where an image is that is to be sent: in a layout, or in a registry.
enum From {
    Layout(TempDir),
    Registry(Box<Registry>),
}

impl From {
    fn both(image: &Image) -> [Self; 2] {
        let layout = ocireg_testkit::tempdir();
        image.write_layout(layout.path(), "x");
        let registry = Registry::plain();
        image.push_to(&registry, "demo/app", "1");
        [Self::Layout(layout), Self::Registry(Box::new(registry))]
    }

    fn send(&self, service: &Service, to: &Registry) -> Outcome<Value> {
        self.send_under(None, service, to)
    }

    fn send_under(
        &self,
        context: Option<&Context>,
        service: &Service,
        to: &Registry,
    ) -> Outcome<Value> {
        let to = format!("docker://{}", app(to));
        match self {
            Self::Layout(layout) => {
                let from = format!("oci:{}:x", layout.path().display());
                service.push(context, &from, &to, &none())
            }
            Self::Registry(registry) => {
                service.copy(context, &format!("docker://{}", app(registry)), &to, &none())
            }
        }
    }
}

/// What was asked about the upload of the layer, which is the only large one.
fn uploading(registry: &Registry) -> Vec<Request> {
    let all: Vec<_> = requests(registry, "/blobs/");
    let first = all.iter().position(|request| request.body.len() as u64 > SIZE / 4);
    let first = first.expect("the layer was sent");
    let place = all[first].path().to_owned();
    all.into_iter().skip(first).filter(|r| r.path() == place || r.method == "POST").collect()
}

fn methods(requests: &[Request]) -> Vec<&str> {
    requests.iter().map(|request| request.method.as_str()).collect()
}

fn assert_has(registry: &Registry, image: &Image, what: &str) {
    assert_eq!(registry.tag("demo/app", "1").as_deref(), Some(image.digest.as_str()), "{what}");
    let layer = &image.manifests[0].layers[0];
    let there = registry.blob("demo/app", layer).expect("the layer");
    assert!(there.to_vec() == image.blobs[layer].to_vec(), "{what}: the layer came through whole");
}

/// Hits the end of the layer's upload.
fn on_end(image: &Image, action: Action) -> Fault {
    let (_, hex) = image.manifests[0].layers[0].split_once(':').expect("a digest");
    Fault::on(hex, action).method("PUT")
}

/// The layer's line in a report.
fn layer<'a>(report: &'a Value, image: &Image) -> &'a Value {
    let blobs = report["blobs"].as_array().expect("blobs");
    let is_it = |blob: &&Value| blob["digest"] == json!(image.manifests[0].layers[0]);
    blobs.iter().find(is_it).expect("the layer")
}

#[test]
fn a_large_blob_goes_in_one_request() {
    let image = large(1);
    for from in From::both(&image) {
        let registry = Registry::plain();
        let report = from.send(&service(none()), &registry).expect("it is sent");
        assert_has(&registry, &image, "whole");
        let put = &uploading(&registry)[0];
        assert_eq!(put.method, "PUT");
        assert_eq!(put.header("content-length"), Some(&*SIZE.to_string()));
        assert_eq!(put.header("transfer-encoding"), None);
        assert_eq!(put.query("digest"), [image.manifests[0].layers[0].as_str()]);
        let layer = layer(&report, &image);
        assert_eq!(layer["bytes_transferred"], json!(SIZE));
        assert_eq!(layer["retries"], json!(0));
        assert_eq!(registry.upload_count(), 0);
    }
}

#[test]
fn a_large_blob_that_is_cut_goes_on_where_the_registry_has_come_to() {
    let image = large(2);
    for from in From::both(&image) {
        let registry = Registry::plain();
        registry.quirk(Quirk::ArrivesInPart("PUT", 5 << 20));
        registry.fault(Fault::on("/uploads/", Action::status(503)).method("GET"));
        let report = from.send(&service(none()), &registry).expect("it is sent");
        assert_has(&registry, &image, "in two parts");
        let asked = uploading(&registry);
        assert_eq!(methods(&asked), ["PUT", "GET", "GET", "PATCH", "PUT"]);
        let range = format!("{}-{}", 5 << 20, SIZE - 1);
        assert_eq!(asked[3].header("content-range"), Some(&*range));
        assert_eq!(asked[3].body.len() as u64, SIZE - (5 << 20));
        assert!(asked[4].body.is_empty());
        assert_eq!(layer(&report, &image)["retries"], json!(1), "{report}");
        assert_eq!(registry.upload_count(), 0);
    }
}

/// Wherever it cannot be known what has arrived, the blob is sent from its start.
#[test]
fn a_large_blob_is_sent_anew_where_nothing_else_is_sure() {
    let image = large(3);
    let state = |action: Action| Fault::on("/uploads/", action).method("GET").always();
    for (name, quirks, faults) in [
        ("no state", vec![Quirk::StateRefused(404)], vec![]),
        ("more than was sent", vec![], vec![state(Action::header("Range", "0-99999999"))]),
        ("nothing said", vec![], vec![state(Action::RemoveHeader("Range".into()))]),
        ("nothing arrived", vec![], vec![state(Action::header("Range", "0-0"))]),
        // It counts otherwise, and refuses what comes next.
        ("less than there is", vec![], vec![state(Action::header("Range", "0-99999"))]),
    ] {
        for from in From::both(&image) {
            let registry = Registry::plain();
            registry.quirk(Quirk::ArrivesInPart("PUT", 5 << 20));
            quirks.iter().for_each(|quirk| registry.quirk(quirk.clone()));
            faults.iter().for_each(|fault| registry.fault(fault.clone()));
            from.send(&service(none()), &registry).unwrap_or_else(|e| panic!("{name}: {e:?}"));
            assert_has(&registry, &image, name);
        }
    }
}

#[test]
fn a_large_blob_whose_end_was_not_heard_is_there() {
    let image = large(4);
    for from in From::both(&image) {
        let registry = Registry::plain();
        registry.fault(on_end(&image, Action::CutHead(0, Cut::Rst)));
        from.send(&service(none()), &registry).expect("it is sent");
        assert_has(&registry, &image, "an answer lost");
        assert_eq!(methods(&uploading(&registry)), ["PUT"]);
    }
}

#[test]
fn a_large_blob_goes_in_chunks_where_it_is_refused_whole() {
    let image = large(5);
    let [from, _] = From::both(&image);
    for status in [400, 405, 413, 416] {
        let registry = Registry::plain();
        let service = service(none());
        registry.fault(on_end(&image, Action::status(status)));
        from.send(&service, &registry).unwrap_or_else(|e| panic!("{status}: {e:?}"));
        assert_has(&registry, &image, "in chunks");
        let chunks = requests(&registry, "/uploads/");
        let chunks: Vec<_> = chunks.iter().filter(|r| r.method == "PATCH").collect();
        let most = if status == 413 { 1 << 20 } else { 4 << 20 };
        assert!(!chunks.is_empty() && chunks.iter().all(|r| r.body.len() <= most), "{status}");
        assert_eq!(registry.upload_count(), 0, "{status}: the upload before is left");
    }
}

/// The token has ended when all has been sent.
#[test]
fn a_large_blob_is_sent_again_with_a_new_token() {
    let image = large(7);
    let token = TokenServer::plain();
    token.may_receive("wonderland");
    let registry = Registry::start(ServerOptions::default(), Auth::bearer(&token));
    let ended = format!(
        "Bearer realm=\"{}\",service=\"{}\",error=\"invalid_token\"",
        token.realm(),
        TokenServer::SERVICE
    );
    registry.fault(on_end(&image, Action::challenge(401, &ended)));
    let service = service(json!({
        "allow-plain-http-credentials": [token.host(), registry.host()],
        "credentials": {registry.host(): {"username": "alice", "password": "wonderland"}},
    }));
    let [from, _] = From::both(&image);
    from.send(&service, &registry).expect("it is sent");
    assert_has(&registry, &image, "with a new token");
}

#[test]
fn wrong_bytes_of_a_large_blob_never_become_one() {
    let image = large(8);
    let [_, from] = From::both(&image);
    let From::Registry(source) = &from else { unreachable!("the second is a registry") };
    let path = format!("/blobs/{}", image.manifests[0].layers[0]);
    source.fault(Fault::on(&path, Action::Flip(SIZE - 7)).method("GET").always());
    let registry = Registry::plain();
    let failure = from.send(&service(none()), &registry).expect_err("a wrong bit");
    assert_eq!(failure.code, DIGEST_MISMATCH, "{failure:?}");
    assert_eq!(registry.tag("demo/app", "1"), None);
    assert_eq!(registry.upload_count(), 0, "what had arrived was given up");
    // A bit that is wrong once only is made good.
    source.clear_faults();
    source.fault(Fault::on(&path, Action::Flip(SIZE - 7)).method("GET"));
    from.send(&service(none()), &registry).expect("it is sent");
    assert_has(&registry, &image, "once more");
}

#[test]
fn a_source_that_is_cut_goes_on_within_the_same_request() {
    let image = large(9);
    let [_, from] = From::both(&image);
    let From::Registry(source) = &from else { unreachable!("the second is a registry") };
    let path = format!("/blobs/{}", image.manifests[0].layers[0]);
    source.fault(Fault::on(&path, Action::CutBody(SIZE / 2, Cut::Rst)).method("GET"));
    let registry = Registry::plain();
    from.send(&service(none()), &registry).expect("it is sent");
    assert_has(&registry, &image, "a source in two parts");
    assert_eq!(methods(&uploading(&registry)), ["PUT"]);
}

/// The registry hears that it need not keep what it has, and nobody waits for that.
#[test]
fn an_upload_that_is_stopped_is_given_up() {
    let image = large(10);
    let [_, from] = From::both(&image);
    let From::Registry(source) = &from else { unreachable!("the second is a registry") };
    let path = format!("/blobs/{}", image.manifests[0].layers[0]);
    source.fault(Fault::on(&path, Action::Stall(SIZE / 2, Duration::from_secs(20))).method("GET"));
    for silent in [false, true] {
        let registry = Registry::plain();
        if silent {
            let delay = Action::Delay(Duration::from_secs(20));
            registry.fault(Fault::on("/uploads/", delay).method("DELETE").always());
        }
        let context = Context::new();
        let (failure, took) = std::thread::scope(|scope| {
            let call = scope.spawn(|| {
                let outcome = from.send_under(Some(&context), &service(none()), &registry);
                (outcome.expect_err("it was cancelled"), Instant::now())
            });
            std::thread::sleep(Duration::from_secs(2));
            let cancelled = Instant::now();
            context.cancel();
            let (failure, ended) = call.join().expect("no panic");
            (failure, ended - cancelled)
        });
        assert_eq!(failure.code, CANCELLED, "{failure:?}");
        assert!(took < Duration::from_millis(1500), "{took:?}");
        assert!(silent || registry.upload_count() == 0);
        source.clear_faults();
        let stall = Action::Stall(SIZE / 2, Duration::from_secs(20));
        source.fault(Fault::on(&path, stall).method("GET"));
    }
}

/// A file with these bytes behind a few others, as a path to a file without them, and as an open file that stands there.
struct LargeFile {
    _directory: TempDir,
    path: std::path::PathBuf,
    open: std::fs::File,
    bytes: Vec<u8>,
}

impl LargeFile {
    fn new(seed: u64) -> Self {
        let directory = ocireg_testkit::tempdir();
        let (path, behind) = (directory.path().join("file"), directory.path().join("behind"));
        let image = large(seed);
        let bytes = image.blobs[&image.manifests[0].layers[0]].to_vec();
        fs::write(&path, &bytes).expect("a file");
        fs::write(&behind, [b"before", &bytes[..]].concat()).expect("a file");
        let open = fs::File::open(&behind).expect("a file");
        Self { _directory: directory, path, open, bytes }
    }

    /// Puts it by its path, or from where the open file stands.
    fn put(&self, context: Option<&Context>, to: &Session, by_path: bool) -> Outcome<Value> {
        if by_path {
            return to.put_blob_file(context, &self.path, &none());
        }
        (&self.open).seek(SeekFrom::Start(6)).expect("a position");
        to.put_blob_fd(context, self.open.as_raw_fd(), &none())
    }

    fn assert_at(&self, registry: &Registry, put: &Value, what: &str) {
        assert_eq!(put["digest"], digest::sha256(&self.bytes), "{what}");
        assert_eq!((&put["size"], &put["existed"]), (&json!(SIZE), &json!(false)), "{what}");
        let there = registry.blob("demo/app", &digest::sha256(&self.bytes)).expect("the blob");
        assert!(there.to_vec() == self.bytes, "{what}: the file came through whole");
        assert_eq!(registry.upload_count(), 0, "{what}");
    }
}

fn pushing(registry: &Registry) -> Session {
    let actions = json!({"actions": ["pull", "push"]});
    let session = service(none()).open(None, &app(registry), &actions).expect("a session");
    registry.clear();
    session
}

#[test]
fn a_large_file_goes_in_one_request() {
    let file = LargeFile::new(11);
    for by_path in [true, false] {
        let registry = Registry::plain();
        let put = file.put(None, &pushing(&registry), by_path).expect("it is sent");
        file.assert_at(&registry, &put, "whole");
        let asked = requests(&registry, "/blobs/");
        assert_eq!(methods(&asked), ["POST", "PUT"]);
        assert_eq!(asked[1].header("content-length"), Some(&*SIZE.to_string()));
        assert_eq!(asked[1].query("digest"), [digest::sha256(&file.bytes)]);
    }
}

#[test]
fn a_large_file_goes_on_where_the_registry_has_come_to() {
    let file = LargeFile::new(12);
    for by_path in [true, false] {
        let registry = Registry::plain();
        registry.quirk(Quirk::ArrivesInPart("PUT", 5 << 20));
        let session = pushing(&registry);
        let last = Arc::new(Mutex::new((0, 0)));
        let seen = last.clone();
        let progress = Context::with_progress(move |done, total, _| {
            *seen.lock().expect("no panic") = (done, total);
            false
        });
        let put = file.put(Some(&progress), &session, by_path).expect("it is sent");
        file.assert_at(&registry, &put, "in two parts");
        let asked = requests(&registry, "/blobs/");
        let asked: Vec<_> = asked.into_iter().filter(|r| r.method != "HEAD").collect();
        assert_eq!(methods(&asked), ["POST", "PUT", "GET", "PATCH", "PUT"]);
        assert_eq!(asked[3].body.len() as u64, SIZE - (5 << 20), "{by_path}");
        assert_eq!(*last.lock().expect("no panic"), (SIZE, SIZE), "what went twice counts once");
    }
}

#[test]
fn a_large_file_goes_in_chunks_where_it_is_refused_whole() {
    let file = LargeFile::new(13);
    for (status, most) in [(405, 4 << 20), (413, 1 << 20), (416, 4 << 20)] {
        let registry = Registry::plain();
        registry.fault(Fault::on("digest=", Action::status(status)).method("PUT"));
        let session = pushing(&registry);
        let put = file.put(None, &session, true).expect("it is sent");
        file.assert_at(&registry, &put, "in chunks");
        let asked = requests(&registry, "/uploads/");
        let chunks: Vec<_> = asked.iter().filter(|r| r.method == "PATCH").collect();
        assert!(!chunks.is_empty() && chunks.iter().all(|r| r.body.len() <= most), "{status}");
    }
}

#[test]
fn a_large_file_that_changes_meanwhile_is_named() {
    for by_path in [true, false] {
        for grows in [true, false] {
            let file = LargeFile::new(14);
            let changed =
                if by_path { file.path.clone() } else { file.path.with_file_name("behind") };
            let registry = Registry::plain();
            let mut done = false;
            let progress = Context::with_progress(move |_, _, event| {
                if event["kind"] == "blob" && !std::mem::replace(&mut done, true) {
                    let mut file =
                        fs::OpenOptions::new().write(true).open(&changed).expect("a file");
                    file.seek(SeekFrom::End(if grows { 0 } else { -7 })).expect("a position");
                    file.write_all(b"changed").expect("written");
                }
                false
            });
            let failure = file.put(Some(&progress), &pushing(&registry), by_path);
            let failure = failure.expect_err("it changed");
            assert_eq!(failure.code, SOURCE_CHANGED, "{by_path}, {grows}: {failure:?}");
            assert_eq!(registry.upload_count(), 0, "what had arrived was given up");
            assert!(registry.blob("demo/app", &digest::sha256(&file.bytes)).is_none());
        }
    }
}
