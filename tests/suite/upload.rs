//! Blobs on their way to a registry: whole, in chunks, mounted, after failures, and never to the wrong place.

use ocireg::call::Call;
use ocireg::error::{Code, Error, Result};
use ocireg::image::Descriptor;
use ocireg::log::Level;
use ocireg::names::digest::{Algorithm, Digest};
use ocireg::names::reference::Reference;
use ocireg::registry::service::Service;
use ocireg::registry::session::{OpenOptions, Session};
use ocireg::v2::upload::{BlobWriter, PutOptions};
use ocireg_testkit::canary;
use ocireg_testkit::cncf::{self, Cncf};
use ocireg_testkit::rig::{assert_canary_nowhere, bystander, canary};
use ocireg_testkit::token::Policy;
use ocireg_testkit::{
    Action, Auth, Ca, Cut, Early, Fault, Proxy, Quirk, Registry, Reply, Request, Server,
    ServerOptions, TokenServer, UploadRange,
};
use serde_json::{Value, json};

/// Three and a bit chunks.
const CHUNK: usize = 1000;

fn content() -> Vec<u8> {
    (0..3210u32).flat_map(|n| n.to_le_bytes()).take(3 * CHUNK + 210).collect()
}

fn digest_of(bytes: &[u8]) -> Digest {
    Digest::of(Algorithm::Sha256, bytes)
}

/// A session that may push to `demo/app` of this host.
fn session(host: &str, options: Value, auth: Value) -> Session {
    session_of(&format!("{host}/demo/app"), options, auth)
}

fn session_of(reference: &str, options: Value, auth: Value) -> Session {
    let mut all = json!({
        "environment": false, "certs-dir": "", "docker-config": "", "hosts-dir": "", "registries-conf": "",
        "retry": {"initial-ms": 1, "max-ms": 5},
    });
    for (key, value) in options.as_object().expect("options are an object") {
        all[key] = value.clone();
    }
    let service = Service::parse(&all.to_string()).expect("a service");
    let sink = Box::new(|_, record: &str| canary::assert_none("a log record", record));
    service.log().set(Some(Level::Trace), Some(sink));
    let reference = reference.parse::<Reference>().expect("a reference");
    let auth =
        ocireg::credentials::AuthConfig::parse(&auth.to_string(), "auth").expect("credentials");
    let options = OpenOptions {
        auth: Some(auth.decoded().expect("credentials")),
        actions: vec!["pull".into(), "push".into()],
        ..OpenOptions::default()
    };
    Session::open(&service, &reference, &options, &Call::new(None)).expect("a session")
}

fn plain(registry: &Server) -> Session {
    session(&registry.host(), json!({}), json!({}))
}

fn open(session: &Session, options: &PutOptions) -> Result<BlobWriter> {
    let run = Call::new(None);
    session.with_repository(&run, |repository| {
        BlobWriter::open(repository.clone(), options.clone(), &run)
    })
}

fn chunks(size: usize) -> PutOptions {
    PutOptions { chunk_size: Some(size), ..PutOptions::default() }
}

/// Whatever the test: no error tells a secret.
fn looked_at(error: &Error) {
    canary::assert_none("an error", format!("{error}\n{error:?}\n{}", error.to_json()));
}

/// Writes in pieces that fit no chunk, and commits.
fn put(session: &Session, options: &PutOptions, bytes: &[u8]) -> Result<Descriptor> {
    let run = Call::new(None);
    let put = || {
        let mut writer = open(session, options)?;
        for piece in bytes.chunks(333) {
            writer.write(piece, &run)?;
        }
        writer.commit(None, None, &run)
    };
    put().inspect_err(looked_at)
}

fn methods(server: &Server) -> Vec<String> {
    let uploads = |r: &Request| r.path().contains("/blobs/uploads");
    server.requests().iter().filter(|r| uploads(r)).map(|r| r.method.clone()).collect()
}

fn assert_has(registry: &Registry, bytes: &[u8]) {
    let stored =
        registry.blob("demo/app", &digest_of(bytes).to_string()).expect("the blob is there");
    assert!(stored.to_vec() == bytes, "the blob came through whole");
}

#[test]
fn a_small_blob_goes_in_one_piece_and_a_large_one_in_chunks() {
    let registry = Registry::plain();
    let session = plain(&registry);
    let bytes = content();
    for (options, expected) in [
        (PutOptions::default(), vec!["POST", "PUT"]),
        (chunks(bytes.len()), vec!["POST", "PUT"]),
        (chunks(CHUNK), vec!["POST", "PATCH", "PATCH", "PATCH", "PATCH", "PUT"]),
    ] {
        registry.clear();
        let descriptor = put(&session, &options, &bytes).expect("an upload");
        assert_eq!(descriptor.digest, digest_of(&bytes));
        assert_eq!(descriptor.size, bytes.len() as u64);
        assert_eq!(methods(&registry), expected);
        assert_has(&registry, &bytes);
    }
    put(&session, &PutOptions::default(), b"").expect("an empty blob");
    assert_has(&registry, b"");
}

#[test]
fn an_upload_goes_through_a_proxy_with_tls_in_tls() {
    let (ca, certs) = (Ca::default(), ocireg_testkit::tempdir());
    let bytes: Vec<u8> = content().iter().copied().cycle().take(1_000_003).collect();
    let at = ServerOptions::default().bind("127.0.0.4");
    for (registry, proxy) in [
        (Registry::plain(), Proxy::start(at.clone(), None)),
        (Registry::tls(&ca), Proxy::start(at.identity(ca.server(&["127.0.0.4"])), None)),
    ] {
        ca.write_certs_d(certs.path(), &proxy.host(), None);
        let options = json!({"certs-dir": certs.path(), "proxy": proxy.url()});
        let session = session(&registry.host(), options, json!({}));
        for options in [PutOptions::default(), chunks(300_000)] {
            put(&session, &options, &bytes).expect("an upload");
            assert_has(&registry, &bytes);
        }
        assert_eq!(registry.connection_count(), proxy.asked().len(), "none went directly");
    }
}

#[test]
fn the_registry_may_want_larger_chunks() {
    let registry = Registry::plain();
    let least = Action::header("OCI-Chunk-Min-Length", "2000");
    registry.fault(Fault::on("/blobs/uploads/", least).method("POST").always());
    put(&plain(&registry), &chunks(CHUNK), &content()).expect("an upload");
    assert_eq!(methods(&registry), ["POST", "PATCH", "PATCH", "PUT"]);
    assert_has(&registry, &content());
}

#[test]
fn a_real_registry_takes_blobs_and_mounts_them() {
    let token = TokenServer::start(ServerOptions::default(), Policy::default());
    let token = &token;
    let cncf = Cncf::start(&cncf::Options { token: Some(token), ..cncf::Options::default() });
    let trusted = json!({"allow-plain-http-credentials": [cncf.host(), token.host()]});
    let alice = json!({"username": "alice", "password": "wonderland"});
    let session = session(&cncf.host(), trusted.clone(), alice.clone());
    let other = session_of(&format!("{}/demo/other", cncf.host()), trusted, alice);
    let run = Call::new(None);
    let mount = |digest: &Digest, from: &str| {
        other.with_repository(&run, |repository| {
            BlobWriter::mount(repository.clone(), digest.clone(), from, &run)
        })
    };
    for (size, chunk) in [(0, 10), (10, 10), (5 << 20, 1 << 20)] {
        let bytes: Vec<u8> = (0..size).map(|n: u32| n.to_le_bytes()[n as usize % 3]).collect();
        let options = PutOptions { check_exists: true, ..chunks(chunk) };
        let put = put(&session, &options, &bytes).expect("an upload");
        assert_eq!(put.digest, digest_of(&bytes));

        // What one repository has, another one mounts.
        assert!(mount(&put.digest, "demo/app").expect("an answer").is_none());
        let present = PutOptions {
            digest: Some(put.digest.clone()),
            check_exists: true,
            ..PutOptions::default()
        };
        open(&other, &present)
            .expect("it is there")
            .write(&bytes, &run)
            .expect("no bytes are sent");
    }
    // The token for a mount is for writing here first, and then for reading there.
    let asked = token.requests();
    let scopes = asked.iter().map(|r| r.query("scope")).find(|s| s.len() == 2).expect("two scopes");
    assert_eq!(scopes, ["repository:demo/other:pull,push", "repository:demo/app:pull"]);

    // What cannot be mounted goes on as an upload.
    let bytes = b"nobody has this".to_vec();
    let mut writer = mount(&digest_of(&bytes), "demo/app").expect("an answer").expect("an upload");
    writer.write(&bytes, &run).expect("bytes");
    writer.commit(None, None, &run).expect("an upload");
    assert!(mount(&digest_of(&bytes), "demo/nowhere").expect("an answer").is_some());
}

/// security.md F14: a chunk is sent again from its beginning, with a new token and nothing else new.
#[test]
fn f14_an_upload_goes_on_with_a_new_token_where_the_old_one_ended() {
    let token = TokenServer::plain();
    token.may_receive("wonderland");
    let registry = Registry::start(ServerOptions::default(), Auth::bearer(&token));
    let trusted = json!({"allow-plain-http-credentials": [token.host(), registry.host()]});
    let alice = json!({"username": "alice", "password": "wonderland"});
    let challenge = format!(
        "Bearer realm=\"{}\",service=\"{}\",error=\"invalid_token\"",
        token.realm(),
        TokenServer::SERVICE
    );
    registry
        .fault(Fault::on("/uploads/", Action::challenge(401, &challenge)).method("PATCH").skip(1));
    let bytes = content();
    let session = session(&registry.host(), trusted, alice);
    assert_eq!(put(&session, &chunks(CHUNK), &bytes).expect("an upload").digest, digest_of(&bytes));
    let sent: Vec<Request> =
        registry.requests().into_iter().filter(|request| request.method == "PATCH").collect();
    let range = |i: usize| sent[i].header("content-range").map(str::to_owned);
    assert_eq!(range(1), range(2));
    assert_ne!(range(0), range(1));
    assert_eq!(sent[1].body, sent[2].body);
    assert_ne!(sent[1].header("authorization"), sent[2].header("authorization"));
    assert_eq!(token.requests().len(), 2);
}

#[test]
fn a_mount_that_is_refused_becomes_an_upload() {
    let bytes = content();
    for status in [200, 400, 401, 403, 404, 405, 500, 503] {
        let registry = Registry::plain();
        registry.fault(Fault::on("?mount=", Action::status(status)).method("POST"));
        let options = PutOptions {
            digest: Some(digest_of(&bytes)),
            mount_from: vec!["demo/base".into()],
            ..PutOptions::default()
        };
        put(&plain(&registry), &options, &bytes).expect("an upload");
        assert_eq!(methods(&registry), ["POST", "POST", "PUT"], "{status}");
        assert_has(&registry, &bytes);
    }
}

#[test]
fn what_the_repository_has_is_not_sent_again() {
    let registry = Registry::plain();
    let bytes = content();
    registry.add_blob("demo/app", bytes.clone());
    let options =
        PutOptions { digest: Some(digest_of(&bytes)), check_exists: true, ..PutOptions::default() };
    let descriptor = put(&plain(&registry), &options, &bytes).expect("the blob is there");
    assert_eq!(descriptor.size, bytes.len() as u64);
    assert_eq!(methods(&registry), Vec::<String>::new());
    // But what is written must be it.
    let error = put(&plain(&registry), &options, &bytes[1..]).expect_err("another content");
    assert_eq!(error.code(), Code::DigestMismatch);
}

#[test]
fn what_was_promised_is_checked_before_the_end() {
    let registry = Registry::plain();
    let (session, bytes, run) = (plain(&registry), content(), Call::new(None));
    let other = digest_of(b"other");
    let wrong: [(PutOptions, Option<&Digest>, Option<u64>, Code); 4] = [
        (
            PutOptions { digest: Some(other.clone()), ..chunks(CHUNK) },
            None,
            None,
            Code::DigestMismatch,
        ),
        (PutOptions { size: Some(1), ..chunks(CHUNK) }, None, None, Code::SizeMismatch),
        (chunks(CHUNK), Some(&other), None, Code::DigestMismatch),
        (chunks(CHUNK), None, Some(1), Code::SizeMismatch),
    ];
    for (options, digest, size, code) in wrong {
        registry.clear();
        let mut writer = open(&session, &options).expect("a writer");
        writer.write(&bytes, &run).expect("bytes");
        let error = writer.commit(digest, size, &run).expect_err("a mismatch");
        assert_eq!(error.code(), code);
        assert!(!methods(&registry).contains(&"PUT".to_owned()));
        // It stays failed.
        assert_eq!(writer.write(&bytes, &run).expect_err("still").code(), code);
        assert_eq!(writer.commit(None, None, &run).expect_err("still").code(), code);
    }
}

#[test]
fn an_aborted_upload_is_deleted_at_the_registry() {
    let registry = Registry::plain();
    let run = Call::new(None);
    let mut writer = open(&plain(&registry), &chunks(CHUNK)).expect("a writer");
    writer.write(&content(), &run).expect("bytes");
    writer.abort(&run).expect("an end");
    assert_eq!(methods(&registry).last().map(String::as_str), Some("DELETE"));
    assert_eq!(writer.write(b"x", &run).expect_err("it is over").code(), Code::InvalidArgument);
    assert_eq!(writer.commit(None, None, &run).expect_err("over").code(), Code::InvalidArgument);
    writer.abort(&run).expect("nothing to do");
}

/// The registry's count decides what is sent again: nothing is lost and nothing doubled.
#[test]
fn failures_on_the_way_are_made_good() {
    let bytes = content();
    let part = |action: Action| Fault::on("/blobs/uploads/", action).method("PATCH");
    let end = |action: Action| Fault::on("/blobs/uploads/", action).method("PUT");
    for (name, fault) in [
        ("a part that did not arrive", part(Action::status(503))),
        ("a part whose answer was lost", part(Action::CutHead(0, Cut::Fin))),
        ("a later part", part(Action::CutHead(0, Cut::Rst)).skip(2)),
        ("a part that the registry has not", part(Action::status(416)).skip(1)),
        ("an end that did not arrive", end(Action::status(500))),
        ("an end whose answer was lost", end(Action::CutHead(0, Cut::Fin))),
    ] {
        let registry = Registry::plain();
        registry.fault(fault);
        put(&plain(&registry), &chunks(CHUNK), &bytes).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_has(&registry, &bytes);
    }
    // But not for ever.
    for (fault, code) in [
        (part(Action::status(503)).always(), Code::Server),
        (part(Action::status(416)).always(), Code::Rejected),
        (end(Action::status(500)).always(), Code::Server),
        (part(Action::status(403)).always(), Code::Denied),
        (end(Action::status(200)).always(), Code::Protocol),
    ] {
        let registry = Registry::plain();
        registry.fault(fault);
        let error = put(&plain(&registry), &chunks(CHUNK), &bytes).expect_err("no end of failures");
        assert_eq!(error.code(), code);
        assert!(registry.requests().len() < 40);
    }
}

/// Of more bytes than were sent some are another upload's: nothing of it is gone on with.
#[test]
fn c8_a_registry_that_counts_wrong_is_not_believed() {
    for (range, wrong) in [("0-99999", true), ("0-", false), ("1-5", false), ("0-+7", false)] {
        for first in [true, false] {
            let registry = Registry::plain();
            let skip = usize::from(!first);
            registry.fault(Fault::on("/uploads/", Action::status(503)).method("PATCH").skip(skip));
            registry.fault(
                Fault::on("/blobs/uploads/", Action::header("Range", range)).method("GET").always(),
            );
            let result = put(&plain(&registry), &chunks(CHUNK), &content());
            match result {
                // What came before is gone here: only its owner can send it again.
                Err(error) if wrong && !first => {
                    assert_eq!(error.code(), Code::Protocol);
                    assert!(error.is_retryable());
                }
                Ok(_) if !wrong || first => assert_has(&registry, &content()),
                other => panic!("{range}: {other:?}"),
            }
        }
    }
}

/// A registry that wants alice, and sends uploads to what `location` gives.
fn sending_to(location: &str, canary: &str) -> Registry {
    let registry = Registry::plain();
    registry.set_auth(Auth::basic("alice", canary));
    registry.fault(
        Fault::on("/blobs/uploads/", Action::header("Location", location)).method("POST").always(),
    );
    registry
}

/// Takes parts and ends as a store behind a registry does.
fn store(options: ServerOptions) -> Server {
    bystander(options, |request| match request.method.as_str() {
        "PATCH" => Reply::empty(202),
        "PUT" => Reply::empty(201),
        _ => Reply::empty(404),
    })
}

#[test]
fn a12_an_upload_goes_elsewhere_only_by_name_and_without_credentials() {
    let canary = canary();
    let alice = json!({"username": "alice", "password": canary});
    let elsewhere = store(ServerOptions::default().bind("127.0.0.2"));
    let place = format!("{}/store/1?signature=x", elsewhere.url());
    for (location, code) in [
        (place.clone(), Code::Policy),
        (place.replace("http:", ""), Code::Policy),
        (place.replace("http:", "https:"), Code::Policy),
        (place.replace("http:", "ftp:"), Code::Protocol),
        (place.replace("http://", "http://u:p@"), Code::Protocol),
        (String::new(), Code::Protocol),
    ] {
        let registry = sending_to(&location, &canary);
        registry.may_receive(&canary);
        let trusted = json!({"allow-plain-http-credentials": [registry.host(), elsewhere.host()]});
        let session = session(&registry.host(), trusted, alice.clone());
        if location.is_empty() {
            registry.clear_faults();
            registry.fault(
                Fault::on("/blobs/uploads/", Action::RemoveHeader("Location".into()))
                    .method("POST"),
            );
        }
        let error = put(&session, &chunks(CHUNK), &content()).expect_err("another host");
        assert_eq!(error.code(), code, "{location}: {error}");
        if code == Code::Policy {
            assert!(error.to_json().contains("allow-upload-hosts"), "{}", error.to_json());
        }
        assert!(!error.to_json().contains("signature"), "{}", error.to_json());
        assert_eq!(elsewhere.connection_count(), 0);
        assert!(methods(&registry).iter().all(|method| method == "POST"));
    }

    // The legitimate cases: by name, to another host; and written otherwise, to the registry itself.
    let registry = sending_to(&place, &canary);
    registry.may_receive(&canary);
    let allowed = json!({
        "allow-plain-http-credentials": [registry.host(), elsewhere.host()],
        "allow-upload-hosts": [elsewhere.host()],
    });
    let uploading = session(&registry.host(), allowed, alice.clone());
    put(&uploading, &chunks(CHUNK), &content()).expect("an upload to the store");
    let sent: Vec<u8> = elsewhere.requests().iter().flat_map(|r| r.body.clone()).collect();
    assert!(sent == content());
    assert!(elsewhere.requests().iter().all(|r| r.header("authorization").is_none()));
    assert!(elsewhere.requests().iter().all(|r| r.target.contains("signature=x")));
    assert_canary_nowhere(&[&elsewhere], &canary);

    for absolute in [true, false] {
        let registry = Registry::plain();
        registry.set_auth(Auth::basic("alice", &canary));
        registry.may_receive(&canary);
        let base = if absolute { registry.url() } else { format!("//{}", registry.host()) };
        let location = format!("{base}/v2/demo/app/blobs/uploads/1");
        registry.fault(
            Fault::on("/blobs/uploads/", Action::header("Location", &location)).method("POST"),
        );
        let trusted = json!({"allow-plain-http-credentials": [registry.host()]});
        let session = session(&registry.host(), trusted, alice.clone());
        put(&session, &chunks(CHUNK), &content()).expect("an upload to the registry itself");
    }
}

#[test]
fn a12_no_body_of_an_upload_follows_a_redirect_and_https_stays_https() {
    let (canary, ca) = (canary(), Ca::new("uploads"));
    let alice = json!({"username": "alice", "password": canary});
    let elsewhere = store(ServerOptions::default().bind("127.0.0.2"));
    let allowed = |registry: &Registry| {
        json!({
            "allow-plain-http-credentials": [registry.host()],
            "allow-upload-hosts": [elsewhere.host()],
        })
    };
    for method in ["POST", "PATCH", "PUT"] {
        let registry = Registry::plain();
        registry.set_auth(Auth::basic("alice", &canary));
        registry.may_receive(&canary);
        let away = Action::redirect(&format!("{}/x", elsewhere.url()));
        registry.fault(Fault::on("/blobs/uploads/", away).method(method).always());
        let session = session(&registry.host(), allowed(&registry), alice.clone());
        let error = put(&session, &chunks(CHUNK), &content()).expect_err("a redirect");
        assert_eq!(error.code(), Code::Policy, "{method}: {error}");
    }
    let registry = Registry::tls(&ca);
    registry.fault(
        Fault::on("/blobs/uploads/", Action::header("Location", &elsewhere.url())).method("POST"),
    );
    let session = session(&registry.host(), allowed(&registry), json!({}));
    let error = put(&session, &PutOptions::default(), &content()).expect_err("plain http");
    assert_eq!(error.code(), Code::Policy, "{error}");
    assert_eq!(elsewhere.connection_count(), 0);
}

#[test]
fn a_token_that_ends_in_the_middle_is_replaced() {
    let token = TokenServer::plain();
    token.change(|policy| {
        policy.lifetime = 1;
        policy.expires_in = Some(json!(300));
    });
    let registry = Registry::start(ServerOptions::default(), Auth::bearer(&token));
    let trusted = json!({"allow-plain-http-credentials": [registry.host(), token.host()]});
    let alice = json!({"username": "alice", "password": "wonderland"});
    let session = session(&registry.host(), trusted, alice);
    let run = Call::new(None);
    let mut writer = open(&session, &chunks(CHUNK)).expect("a writer");
    for piece in content().chunks(CHUNK) {
        writer.write(piece, &run).expect("bytes");
        std::thread::sleep(std::time::Duration::from_millis(700));
    }
    writer.commit(None, None, &run).expect("an upload");
    assert_has(&registry, &content());
}

/// A service that gives up after the first failure.
fn once(registry: &Server) -> Session {
    session(&registry.host(), json!({"retry": {"max-attempts": 1}}), json!({}))
}

fn part(action: Action) -> Fault {
    Fault::on("/blobs/uploads/", action).method("PATCH")
}

fn end(action: Action) -> Fault {
    Fault::on("/blobs/uploads/", action).method("PUT")
}

/// No request brings bytes at an offset that nobody can tell, and no range is impossible.
fn assert_ranges(registry: &Registry) {
    let mut begun = false;
    for request in registry.requests() {
        let length = request.body.len();
        match request.method.as_str() {
            "POST" => begun = true,
            "PATCH" => {
                let range = request.header("content-range").expect("a range");
                let (first, last) = range.split_once('-').expect("a range");
                let (first, last): (usize, usize) =
                    (first.parse().expect("a number"), last.parse().expect("a number"));
                assert!(length > 0 && last + 1 - first == length, "{range} of {length} bytes");
            }
            // Only an upload that has just begun takes its blob with its end.
            "PUT" => assert!(length == 0 || begun, "{length} bytes without a range"),
            _ => {}
        }
        if length > 0 {
            begun = false;
        }
    }
}

#[test]
fn a_chunk_may_be_answered_by_any_success() {
    let bytes = content();
    for status in [200, 201, 202, 204] {
        for location in [true, false] {
            let registry = Registry::plain();
            registry.quirk(Quirk::PatchAnswer(status));
            if !location {
                registry.fault(part(Action::RemoveHeader("Location".into())).always());
            }
            put(&plain(&registry), &chunks(CHUNK), &bytes).expect("an upload");
            assert_eq!(
                methods(&registry),
                ["POST", "PATCH", "PATCH", "PATCH", "PATCH", "PUT"],
                "{status}"
            );
            assert_has(&registry, &bytes);
        }
    }
    for status in [203, 206, 299] {
        let registry = Registry::plain();
        registry.quirk(Quirk::PatchAnswer(status));
        let error = put(&plain(&registry), &chunks(CHUNK), &bytes).expect_err("no such success");
        assert_eq!(error.code(), Code::Protocol, "{status}");
    }
}

/// security.md F7: the state is asked for, and what has arrived is not sent again.
#[test]
fn f7_a_chunk_that_arrived_counts_although_its_answer_was_lost() {
    for length in [3 * CHUNK, 3 * CHUNK + 210] {
        let bytes = &content()[..length];
        for lost in 0..length.div_ceil(CHUNK) {
            for cut in [Cut::Fin, Cut::Rst] {
                let registry = Registry::plain();
                registry.quirk(Quirk::EmptyPatchRefused);
                registry.fault(part(Action::CutHead(0, cut)).skip(lost));
                let session = plain(&registry);
                put(&session, &chunks(CHUNK), bytes).expect("an upload");
                let asked = methods(&registry);
                let count = |method: &str| asked.iter().filter(|m| *m == method).count();
                assert_eq!((count("POST"), count("GET"), count("PUT")), (1, 1, 1), "{asked:?}");
                assert_eq!(count("PATCH"), length.div_ceil(CHUNK), "{asked:?}");
                assert_ranges(&registry);
                assert_has(&registry, bytes);
            }
        }
    }
}

/// security.md F1: an upload that is cut anywhere goes on at the byte that the registry names, or begins again.
#[test]
fn f1_what_arrives_in_part_is_gone_on_with_or_sent_anew() {
    let bytes = content();
    for (method, options) in [("PATCH", chunks(CHUNK)), ("PUT", PutOptions::default())] {
        let whole = if method == "PATCH" { CHUNK } else { bytes.len() };
        for keep in [0, 1, 2, 500, whole - 1, whole] {
            for from_start in [true, false] {
                let registry = Registry::plain();
                registry.quirk(Quirk::EmptyPatchRefused);
                if from_start {
                    registry.quirk(Quirk::PutFromStart);
                }
                registry.quirk(Quirk::ArrivesInPart(method, keep));
                put(&plain(&registry), &options, &bytes)
                    .unwrap_or_else(|e| panic!("{method} after {keep}: {e}"));
                assert_ranges(&registry);
                assert_has(&registry, &bytes);
            }
        }
    }
}

#[test]
fn a_question_for_the_state_is_asked_again() {
    for action in [Action::status(503), Action::CutHead(0, Cut::Rst), Action::status(500)] {
        let registry = Registry::plain();
        registry.fault(part(Action::CutHead(0, Cut::Rst)).skip(1));
        registry.fault(Fault::on("/blobs/uploads/", action).method("GET").times(2));
        put(&plain(&registry), &chunks(CHUNK), &content()).expect("an upload");
        let asked = methods(&registry);
        assert_eq!(asked.iter().filter(|m| *m == "GET").count(), 3, "{asked:?}");
        assert_eq!(asked.iter().filter(|m| *m == "POST").count(), 1, "{asked:?}");
        assert_has(&registry, &content());
    }
}

#[test]
fn a_busy_registry_is_asked_for_nothing_more() {
    let bytes = content();
    for (options, faults, expected) in [
        (
            PutOptions::default(),
            [end(Action::retry_after(429, "0")), end(Action::status(429)).skip(1)],
            4,
        ),
        (
            chunks(CHUNK),
            [part(Action::retry_after(429, "0")), part(Action::status(429)).skip(2)],
            8,
        ),
    ] {
        let registry = Registry::plain();
        faults.into_iter().for_each(|fault| registry.fault(fault));
        put(&plain(&registry), &options, &bytes).expect("an upload");
        let asked = methods(&registry);
        assert_eq!(asked.len(), expected, "{asked:?}");
        assert_eq!(asked.iter().filter(|m| *m == "POST").count(), 1, "{asked:?}");
        assert_has(&registry, &bytes);
    }
}

#[test]
fn a_state_that_cannot_be_asked_for_costs_nothing_that_was_sent() {
    let bytes = content();
    for status in [400, 401, 403, 404, 405, 416, 500, 503] {
        // Nothing was sent before: a new upload.
        let registry = Registry::plain();
        registry.quirk(Quirk::StateRefused(status));
        registry.fault(part(Action::CutHead(0, Cut::Rst)));
        put(&plain(&registry), &chunks(CHUNK), &bytes).expect("an upload");
        let asked = methods(&registry);
        assert_eq!(asked.iter().filter(|m| *m == "POST").count(), 2, "{status}: {asked:?}");
        assert_ranges(&registry);
        assert_has(&registry, &bytes);
        // Something was: what went wrong is told, and how to know that is only a cause.
        for (fault, code) in [
            (Action::CutHead(0, Cut::Rst), Code::Disconnected),
            (Action::status(502), Code::Server),
        ] {
            let registry = Registry::plain();
            registry.quirk(Quirk::StateRefused(status));
            registry.fault(part(fault).skip(1));
            let error = put(&plain(&registry), &chunks(CHUNK), &bytes).expect_err("no state");
            assert_eq!(error.code(), code, "{status}: {error}");
            assert!(error.is_retryable(), "{error}");
            let question = format!("get the state of an upload to {}/demo/app", registry.host());
            assert!(error.to_string().contains(&question), "{error}");
            assert!(error.details().causes.iter().any(|cause| cause.contains(&status.to_string())));
        }
    }
    // The last failure that was worth another attempt stays the last one, too.
    let registry = Registry::plain();
    registry.fault(part(Action::status(503)).skip(1));
    let error = put(&once(&registry), &chunks(CHUNK), &bytes).expect_err("one attempt");
    assert_eq!((error.code(), error.details().http_status), (Code::Server, Some(503)));
    assert!(!methods(&registry).contains(&"GET".to_owned()), "nobody asks who has given up");
}

#[test]
fn an_upload_that_the_registry_has_forgotten_begins_again_if_it_can() {
    let (bytes, run) = (content(), Call::new(None));
    for options in [chunks(CHUNK), PutOptions::default()] {
        let registry = Registry::plain();
        let mut writer = open(&plain(&registry), &options).expect("a writer");
        registry.forget_uploads();
        writer.write(&bytes, &run).expect("bytes");
        writer.commit(None, None, &run).expect("an upload");
        assert_has(&registry, &bytes);
    }
    let registry = Registry::plain();
    let mut writer = open(&plain(&registry), &chunks(CHUNK)).expect("a writer");
    writer.write(&bytes[..CHUNK + 1], &run).expect("bytes");
    registry.forget_uploads();
    let error = writer.write(&bytes[CHUNK + 1..], &run).expect_err("the first chunk is lost");
    assert_eq!((error.code(), error.details().what), (Code::NotFound, Some("upload")), "{error}");
    let hint = error.details().hint.as_deref().expect("a hint");
    assert!(hint.contains("upload the blob again"), "{hint}");
    // What went wrong first says more than that nobody remembers.
    let registry = Registry::plain();
    let mut writer = open(&plain(&registry), &chunks(CHUNK)).expect("a writer");
    writer.write(&bytes, &run).expect("bytes");
    let gone = br#"{"errors":[{"code":"BLOB_UPLOAD_UNKNOWN","message":"gone"}]}"#.to_vec();
    registry.fault(end(Action::status(502)));
    registry.fault(end(Action::Status(404, Vec::new(), gone)).skip(1).always());
    let error = writer.commit(None, None, &run).expect_err("it is gone");
    assert_eq!(error.code(), Code::Server, "{error}");
    assert!(error.is_retryable() && error.to_string().contains("gone"), "{error}");
}

/// What the registry says of an upload may be too little, and even wrong; it never makes the blob wrong.
#[test]
fn states_that_tell_little_are_made_the_best_of() {
    let bytes = content();
    for told in [
        UploadRange::Missing,
        UploadRange::First,
        UploadRange::Last,
        UploadRange::WithUnit,
        UploadRange::MinusOne,
    ] {
        // A chunk that arrived, and one that did not.
        for fault in [Action::CutHead(0, Cut::Fin), Action::status(503)] {
            for chunk in 0..3 {
                let registry = Registry::plain();
                registry.quirk(Quirk::UploadRange(told));
                registry.fault(part(fault.clone()).skip(chunk));
                put(&plain(&registry), &chunks(CHUNK), &bytes)
                    .unwrap_or_else(|e| panic!("{told:?}, {fault:?} at {chunk}: {e}"));
                assert_ranges(&registry);
                assert_has(&registry, &bytes);
            }
        }
    }
}

#[test]
fn the_place_of_an_upload_is_used_as_it_was_said() {
    let bytes = content();
    for quirks in [
        vec![Quirk::AbsoluteLocation],
        vec![Quirk::LocationQuery],
        vec![Quirk::AbsoluteLocation, Quirk::LocationQuery],
    ] {
        for options in [PutOptions::default(), chunks(CHUNK)] {
            let registry = Registry::plain();
            quirks.iter().for_each(|quirk| registry.quirk(quirk.clone()));
            registry.fault(part(Action::CutHead(0, Cut::Rst)).skip(1));
            put(&plain(&registry), &options, &bytes).expect("an upload");
            assert_has(&registry, &bytes);
        }
    }
}

#[test]
fn each_chunk_goes_where_the_answer_to_the_last_one_says() {
    let registry = Registry::plain();
    registry.quirk(Quirk::LocationMoves);
    for options in [PutOptions::default(), chunks(CHUNK)] {
        put(&plain(&registry), &options, &content()).expect("an upload");
        assert_has(&registry, &content());
    }
}

/// The requests of an upload are those that the specification describes.
#[test]
fn an_upload_is_made_of_sound_requests() {
    let (registry, bytes) = (Registry::plain(), content());
    let mut at = 0;
    for options in [PutOptions::default(), chunks(CHUNK)] {
        put(&plain(&registry), &options, &bytes).expect("an upload");
        assert_has(&registry, &bytes);
    }
    let uploads = registry.requests();
    for request in uploads.iter().filter(|r| r.path().contains("/blobs/uploads/")) {
        let header = |name: &str| request.header(name);
        let length = request.body.len();
        assert_eq!(header("content-length"), Some(length.to_string().as_str()), "{request:?}");
        assert_eq!(header("transfer-encoding"), None);
        match request.method.as_str() {
            "POST" => {
                assert_eq!(length, 0);
                at = 0;
            }
            method => {
                assert_eq!(header("content-type"), Some("application/octet-stream"));
                let range = format!("{at}-{}", (at + length).saturating_sub(1));
                let range = (method == "PATCH").then_some(range.as_str());
                assert_eq!(header("content-range"), range, "in order, without a gap");
                let digest = digest_of(&bytes).to_string();
                let digests = if method == "PUT" { vec![digest] } else { Vec::new() };
                assert_eq!(request.query("digest"), digests, "the digest ends it");
                at += length;
            }
        }
    }
}

/// Headers that begin with Docker- may be missing, or say anything.
#[test]
fn what_docker_added_to_the_protocol_is_not_needed() {
    let bytes = content();
    let headers =
        ["Docker-Distribution-Api-Version", "Docker-Content-Digest", "Docker-Upload-UUID"];
    for value in [None, Some("nonsense")] {
        let registry = Registry::plain();
        for name in headers {
            let action = match value {
                None => Action::RemoveHeader(name.into()),
                Some(value) => Action::header(name, value),
            };
            registry.fault(Fault::on("/v2/", action).always());
        }
        registry.add_blob("demo/base", bytes.clone());
        for options in [
            PutOptions::default(),
            chunks(CHUNK),
            PutOptions {
                digest: Some(digest_of(&bytes)),
                mount_from: vec!["demo/base".into()],
                ..PutOptions::default()
            },
        ] {
            registry.remove_blob("demo/app", &digest_of(&bytes).to_string());
            put(&plain(&registry), &options, &bytes).expect("an upload");
            assert_has(&registry, &bytes);
        }
    }
}

/// As the registry of the CNCF says that bytes belong elsewhere.
#[test]
fn f12b_a_range_may_be_refused_by_any_status() {
    let (bytes, run) = (content(), Call::new(None));
    let refused = br#"{"errors":[{"code":"RANGE_INVALID","message":"invalid content range"}]}"#;
    for status in [400, 409, 416] {
        let registry = Registry::plain();
        let refusal = Action::Status(status, Vec::new(), refused.to_vec());
        registry.fault(part(refusal).skip(1));
        put(&plain(&registry), &chunks(CHUNK), &bytes).expect("an upload");
        assert_has(&registry, &bytes);
        // The chunk arrived, its answer was lost, and so is all knowledge of it.
        let registry = Registry::plain();
        registry.quirk(Quirk::UploadRange(UploadRange::Missing));
        registry.fault(part(Action::CutHead(0, Cut::Rst)).skip(1));
        let mut writer = open(&plain(&registry), &chunks(CHUNK)).expect("a writer");
        writer.write(&bytes, &run).expect("bytes");
        writer.commit(None, None, &run).expect("an upload");
        assert_has(&registry, &bytes);
    }
}

/// A token server may refuse what a mount needs beside the right to write here, as that of Docker Hub does.
#[test]
fn a_mount_for_which_there_is_no_token_becomes_an_upload() {
    let bytes = content();
    for status in [400, 401, 403, 404, 500] {
        let token = TokenServer::plain();
        token.may_receive("wonderland");
        let registry = Registry::start(ServerOptions::default(), Auth::bearer(&token));
        token.fault(Fault::on("demo%2Fbase", Action::status(status)).always());
        let trusted = json!({"allow-plain-http-credentials": [token.host(), registry.host()]});
        let alice = json!({"username": "alice", "password": "wonderland"});
        let session = session(&registry.host(), trusted, alice);
        let options = PutOptions {
            digest: Some(digest_of(&bytes)),
            mount_from: vec!["demo/base".into()],
            ..PutOptions::default()
        };
        put(&session, &options, &bytes).unwrap_or_else(|e| panic!("{status}: {e}"));
        assert_has(&registry, &bytes);
        let asked = token.requests();
        assert!(asked.iter().any(|r| r.target.contains("demo%2Fbase")), "{asked:?}");
    }
}

#[test]
fn chunks_become_smaller_where_they_are_too_large() {
    let bytes: Vec<u8> = content().iter().copied().cycle().take(5_000_003).collect();
    let most = 4 << 20;
    for quirk in [Quirk::LargestChunk(most, 416), Quirk::LargestChunk(2 << 20, 413)] {
        let registry = Registry::plain();
        registry.quirk(quirk);
        let session = plain(&registry);
        put(&session, &chunks(most + 300_000), &bytes).expect("an upload");
        assert_has(&registry, &bytes);
        assert_ranges(&registry);
        // The next one knows.
        let (before, other) = (registry.requests().len(), [&bytes[..], b"x"].concat());
        put(&session, &chunks(most + 300_000), &other).expect("another upload");
        let requests = registry.requests().split_off(before);
        assert!(requests.iter().all(|r| r.body.len() <= 1 << 20), "it was learned");
        assert_has(&registry, &other);
    }
    // A blob in one piece, too.
    let registry = Registry::plain();
    registry.fault(end(Action::status(413)));
    put(&plain(&registry), &chunks(8 << 20), &bytes).expect("an upload");
    assert_has(&registry, &bytes);
    // What stays too large is told at once.
    for status in [413, 416] {
        let registry = Registry::plain();
        registry.quirk(Quirk::LargestChunk(1000, status));
        let error = put(&plain(&registry), &chunks(2 << 20), &bytes).expect_err("too large");
        assert_eq!(error.details().http_status, Some(status), "{error}");
        assert!(methods(&registry).iter().filter(|m| *m == "PATCH").count() < 4);
    }
    // What the registry wants at least is bounded.
    let registry = Registry::plain();
    let least = Action::header("OCI-Chunk-Min-Length", "1073741824");
    registry.fault(Fault::on("/blobs/uploads/", least).method("POST").always());
    put(&plain(&registry), &chunks(1 << 20), &bytes).expect("an upload");
    assert!(registry.requests().iter().all(|r| r.body.len() <= 1 << 20));
    assert_has(&registry, &bytes);
}

/// security.md F7: what the registry has under its digest has arrived, whatever became of the answer.
#[test]
fn f7_an_end_whose_answer_was_lost_is_looked_for() {
    let bytes = content();
    for options in [PutOptions::default(), chunks(CHUNK)] {
        for lost in [
            Action::CutHead(0, Cut::Fin),
            Action::CutHead(0, Cut::Rst),
            Action::CutHead(20, Cut::Fin),
        ] {
            // Even where there is no second attempt.
            for session in [plain as fn(&Server) -> Session, once] {
                let registry = Registry::plain();
                registry.fault(end(lost.clone()));
                put(&session(&registry), &options, &bytes).expect("an upload");
                assert_eq!(methods(&registry).iter().filter(|m| *m == "PUT").count(), 1);
                assert_has(&registry, &bytes);
            }
        }
        // A server that fails, and has not done it.
        for status in [500, 502, 503, 504] {
            let registry = Registry::plain();
            registry.fault(end(Action::status(status)).times(2));
            put(&plain(&registry), &options, &bytes).expect("an upload");
            assert_has(&registry, &bytes);
            let registry = Registry::plain();
            registry.fault(end(Action::status(status)).always());
            let error = put(&plain(&registry), &options, &bytes).expect_err("it never ends");
            assert_eq!(error.details().http_status, Some(status));
            assert!(error.is_retryable() && error.code() == Code::Server, "{error}");
        }
        // And one whose success is none that we know: what counts is what is there.
        for (quirk, works) in [(Action::SetStatus(200), true), (Action::status(200), false)] {
            let registry = Registry::plain();
            registry.fault(end(quirk));
            let result = put(&plain(&registry), &options, &bytes);
            assert_eq!(result.is_ok(), works, "{result:?}");
        }
    }
}

#[test]
fn a_registry_that_stored_something_else_is_not_believed() {
    let (bytes, other) = (content(), digest_of(b"other").to_string());
    for options in [PutOptions::default(), chunks(CHUNK)] {
        let registry = Registry::plain();
        registry.fault(end(Action::header("Docker-Content-Digest", &other)));
        let error = put(&plain(&registry), &options, &bytes).expect_err("another digest");
        assert_eq!(error.code(), Code::DigestMismatch, "{error}");
        assert_eq!(error.details().digest_actual.as_deref(), Some(other.as_str()));
    }
    // The legitimate cases: none, and one by another algorithm, which says nothing of ours.
    let by_other = Digest::of(Algorithm::Sha512, &bytes).to_string();
    for action in [
        Action::RemoveHeader("Docker-Content-Digest".into()),
        Action::header("Docker-Content-Digest", &by_other),
    ] {
        let registry = Registry::plain();
        registry.fault(end(action));
        put(&plain(&registry), &chunks(CHUNK), &bytes).expect("an upload");
    }
    let registry = Registry::plain();
    registry.add_blob("demo/base", bytes.clone());
    registry.fault(
        Fault::on("?mount=", Action::header("Docker-Content-Digest", &other)).method("POST"),
    );
    let options = PutOptions {
        digest: Some(digest_of(&bytes)),
        mount_from: vec!["demo/base".into()],
        ..PutOptions::default()
    };
    let error = put(&plain(&registry), &options, &bytes).expect_err("another blob was mounted");
    assert_eq!(error.code(), Code::DigestMismatch, "{error}");
}

#[test]
fn a_blob_has_the_digest_of_the_algorithm_that_was_chosen() {
    let bytes = content();
    for algorithm in [Algorithm::Sha384, Algorithm::Sha512] {
        let digest = Digest::of(algorithm, &bytes);
        for options in [
            PutOptions { algorithm, ..chunks(CHUNK) },
            PutOptions { digest: Some(digest.clone()), ..PutOptions::default() },
        ] {
            let registry = Registry::plain();
            // The upload that begins anew asks for it as well.
            registry.fault(part(Action::status(503)));
            let descriptor = put(&plain(&registry), &options, &bytes).expect("an upload");
            assert_eq!(descriptor.digest, digest);
            let begun = registry.requests().into_iter().filter(|r| r.method == "POST");
            for request in begun {
                assert_eq!(request.query("digest-algorithm"), [algorithm.name()]);
            }
            let stored = registry.blob("demo/app", &digest.to_string()).expect("the blob");
            assert!(stored.to_vec() == bytes);
        }
    }
    let registry = Registry::plain();
    put(&plain(&registry), &chunks(CHUNK), &bytes).expect("an upload");
    assert!(registry.requests().iter().all(|r| r.query("digest-algorithm").is_empty()));
}

#[test]
fn whether_a_blob_exists_is_a_hint() {
    let bytes = content();
    let store = bystander(ServerOptions::default().bind("127.0.0.2"), |_| Reply::empty(403));
    let options =
        PutOptions { digest: Some(digest_of(&bytes)), check_exists: true, ..PutOptions::default() };
    let refusals = [400, 401, 403, 405, 429, 500, 503].map(|status| {
        let action = Action::status(status);
        (format!("{status}"), action)
    });
    let more = [
        ("a store".to_owned(), Action::redirect(&format!("{}/x?signature=y", store.url()))),
        ("no address".to_owned(), Action::redirect("ftp://127.0.0.1/x")),
        ("a cut".to_owned(), Action::CutHead(0, Cut::Rst)),
        ("no length".to_owned(), Action::CloseDelimited),
    ];
    for (name, action) in refusals.into_iter().chain(more) {
        let registry = Registry::plain();
        // It is there, but that cannot be known.
        registry.add_blob("demo/app", bytes.clone());
        registry.fault(Fault::on("/blobs/sha256:", action).method("HEAD").always());
        put(&plain(&registry), &options, &bytes).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(methods(&registry), ["POST", "PUT"], "{name}");
    }
    // A blob of another size than the one that was promised is none of it.
    let registry = Registry::plain();
    registry.put_blob("demo/app", &digest_of(&bytes).to_string(), b"cut off".to_vec().into());
    let sized = PutOptions { size: Some(bytes.len() as u64), ..options };
    put(&plain(&registry), &sized, &bytes).expect("an upload");
    assert_has(&registry, &bytes);
}

#[test]
fn an_abort_is_no_failure_whatever_the_registry_says() {
    let run = Call::new(None);
    for status in [400, 401, 403, 404, 405, 429, 500] {
        for written in [&content()[..], b"x"] {
            let registry = Registry::plain();
            registry.quirk(Quirk::AbortRefused(status));
            let mut writer = open(&plain(&registry), &chunks(CHUNK)).expect("a writer");
            writer.write(written, &run).expect("bytes");
            writer.abort(&run).unwrap_or_else(|e| panic!("{status}: {e}"));
            assert_eq!(methods(&registry).iter().filter(|m| *m == "DELETE").count(), 1);
            // It is over all the same.
            writer.abort(&run).expect("nothing to do");
            assert!(writer.write(b"x", &run).is_err());
        }
    }
}

/// security.md F26: a source that shrank or grew gives another blob than was promised. Nothing is stored, and an abort
/// leaves no upload behind.
#[test]
fn f26_what_is_not_what_was_promised_is_given_up_at_the_registry() {
    let (bytes, run) = (content(), Call::new(None));
    let size = bytes.len() as u64;
    for (promised, code) in [
        (PutOptions { size: Some(size + 1), ..chunks(CHUNK) }, Code::SizeMismatch),
        (PutOptions { size: Some(size - 1), ..chunks(CHUNK) }, Code::SizeMismatch),
        (PutOptions { digest: Some(digest_of(b"other")), ..chunks(CHUNK) }, Code::DigestMismatch),
    ] {
        let registry = Registry::plain();
        let mut writer = open(&plain(&registry), &promised).expect("a writer");
        writer.write(&bytes, &run).expect("bytes");
        assert_eq!(writer.commit(None, None, &run).expect_err("not it").code(), code);
        assert_eq!(registry.upload_count(), 1);
        writer.abort(&run).expect("an end");
        assert_eq!(registry.upload_count(), 0, "the registry has let go of it");
        assert!(registry.blob("demo/app", &digest_of(&bytes).to_string()).is_none());
    }
}

const EARLY: &[u8] =
    br#"{"errors":[{"code":"SIZE_INVALID","message":"more than is let through"}]}"#;

fn early(method: &str, status: u16) -> Early {
    let reply = Reply::new(status, EARLY.to_vec()).with("Content-Type", "application/json");
    Early::on(method, reply.with("Connection", "close"))
}

/// Refused by its header, a body is not sent on, and what was said against it is what the caller gets to know.
#[test]
fn a_refusal_that_comes_before_the_body_is_read() {
    let bytes: Vec<u8> = content().iter().copied().cycle().take(7_000_003).collect();
    let linger = std::time::Duration::from_millis(300);
    let ca = Ca::default();
    let servers: [fn(&Ca) -> Registry; 2] = [|_| Registry::plain(), Registry::tls];
    for start in servers {
        for (method, chunk) in [("PUT", 8 << 20), ("PATCH", 3 << 20)] {
            for status in [400, 403, 413] {
                for how in [
                    early(method, status),
                    early(method, status).linger(linger),
                    early(method, status).after(100_000),
                    early(method, status).after(2 << 20).linger(linger),
                ] {
                    let registry = start(&ca);
                    registry.early(how.always());
                    // Every size goes the same way in the end.
                    registry.early(early("PATCH", status).always());
                    let began = std::time::Instant::now();
                    let error =
                        put(&plain(&registry), &chunks(chunk), &bytes).expect_err("refused");
                    assert_eq!(error.details().http_status, Some(status), "{method}: {error}");
                    assert!(error.to_string().contains("let through"), "{error}");
                    let sent = methods(&registry);
                    let sent = sent.iter().filter(|m| ["PUT", "PATCH"].contains(&m.as_str()));
                    assert!(sent.count() < 3, "what is refused for good is not sent again");
                    assert!(began.elapsed() < std::time::Duration::from_secs(5));
                }
            }
        }
    }
}

#[test]
fn an_answer_before_the_body_may_ask_for_credentials_or_for_patience() {
    let bytes: Vec<u8> = content().iter().copied().cycle().take(7_000_003).collect();
    let linger = std::time::Duration::from_millis(100);
    for (method, chunk) in [("PUT", 8 << 20), ("PATCH", 3 << 20)] {
        for after in [0, 1 << 20] {
            let token = TokenServer::plain();
            token.may_receive("wonderland");
            let registry = Registry::start(ServerOptions::default(), Auth::bearer(&token));
            let challenge = format!(
                "Bearer realm=\"{}\",service=\"{}\",error=\"invalid_token\"",
                token.realm(),
                TokenServer::SERVICE
            );
            let asks =
                Reply::empty(401).with("WWW-Authenticate", &challenge).with("Connection", "close");
            registry.early(Early::on(method, asks).after(after).linger(linger));
            let busy = Reply::empty(503).with("Connection", "close");
            registry.early(Early::on(method, busy).after(after));
            let trusted = json!({"allow-plain-http-credentials": [token.host(), registry.host()]});
            let alice = json!({"username": "alice", "password": "wonderland"});
            let session = session(&registry.host(), trusted, alice);
            put(&session, &chunks(chunk), &bytes).expect("an upload");
            assert_has(&registry, &bytes);
            assert_eq!(token.requests().len(), 2, "a new token was asked for");
        }
    }
    // But nobody has taken what he has not read: more than the system holds on its way to him.
    let bytes: Vec<u8> = bytes.iter().copied().cycle().take(20_000_003).collect();
    for (method, chunk) in [("PUT", 32 << 20), ("PATCH", 16 << 20)] {
        for status in [201, 204] {
            let registry = Registry::plain();
            registry.early(Early::on(method, Reply::empty(status)));
            put(&plain(&registry), &chunks(chunk), &bytes).expect("an upload");
            assert_has(&registry, &bytes);
        }
    }
}

#[test]
fn a_refusal_before_the_body_comes_through_a_proxy() {
    let bytes: Vec<u8> = content().iter().copied().cycle().take(7_000_003).collect();
    let (ca, certs) = (Ca::default(), ocireg_testkit::tempdir());
    let at = ServerOptions::default().bind("127.0.0.4");
    for proxy in
        [Proxy::start(at.clone(), None), Proxy::start(at.identity(ca.server(&["127.0.0.4"])), None)]
    {
        ca.write_certs_d(certs.path(), &proxy.host(), None);
        for registry in [Registry::plain(), Registry::tls(&ca)] {
            let linger = std::time::Duration::from_millis(300);
            registry.early(early("PUT", 403).linger(linger).always());
            let options = json!({"certs-dir": certs.path(), "proxy": proxy.url()});
            let session = session(&registry.host(), options, json!({}));
            let error = put(&session, &chunks(8 << 20), &bytes).expect_err("refused");
            assert_eq!(error.details().http_status, Some(403), "{error}");
        }
    }
}
