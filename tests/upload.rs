//! Blobs on their way to a registry: whole, in chunks, mounted, after failures, and never to the wrong place.

use ocireg::context::Run;
use ocireg::digest::{Algorithm, Digest};
use ocireg::error::{Code, Error, Result};
use ocireg::log::Level;
use ocireg::reference::Reference;
use ocireg::service::Service;
use ocireg::session::{OpenOptions, Session};
use ocireg::v2::Descriptor;
use ocireg::v2::upload::{BlobWriter, PutOptions};
use ocireg_testkit::canary;
use ocireg_testkit::cncf::{self, Cncf};
use ocireg_testkit::rig::{assert_canary_nowhere, bystander, canary};
use ocireg_testkit::token::Policy;
use ocireg_testkit::{
    Action, Auth, Ca, Cut, Fault, Proxy, Registry, Reply, Request, Server, ServerOptions,
    TokenServer,
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
    };
    Session::open(&service, &reference, &options, &Run::new(None)).expect("a session")
}

fn plain(registry: &Server) -> Session {
    session(&registry.host(), json!({}), json!({}))
}

fn open(session: &Session, options: &PutOptions) -> Result<BlobWriter> {
    let run = Run::new(None);
    session.with_repository(&run, |repository| {
        BlobWriter::open(repository.clone(), options.clone(), &run)
    })
}

fn chunks(size: usize) -> PutOptions {
    PutOptions { chunk_size: size, ..PutOptions::default() }
}

/// Whatever the test: no error tells a secret.
fn looked_at(error: &Error) {
    canary::assert_none("an error", format!("{error}\n{error:?}\n{}", error.to_json()));
}

/// Writes in pieces that fit no chunk, and commits.
fn put(session: &Session, options: &PutOptions, bytes: &[u8]) -> Result<Descriptor> {
    let run = Run::new(None);
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
        assert_eq!(registry.connection_count(), proxy.connects().len(), "none went directly");
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
    let run = Run::new(None);
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
    for status in [400, 401, 403, 404, 405] {
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
    let (session, bytes, run) = (plain(&registry), content(), Run::new(None));
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
    let run = Run::new(None);
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

#[test]
fn c8_a_registry_that_counts_wrong_is_not_believed() {
    for (range, wrong) in [("0-99999", true), ("0-", false), ("1-5", false), ("0-+7", false)] {
        let registry = Registry::plain();
        registry.fault(Fault::on("/blobs/uploads/", Action::status(503)).method("PATCH"));
        registry.fault(
            Fault::on("/blobs/uploads/", Action::header("Range", range)).method("GET").always(),
        );
        let result = put(&plain(&registry), &chunks(CHUNK), &content());
        match result {
            Err(error) if wrong => assert_eq!(error.code(), Code::Protocol),
            Ok(_) if !wrong => assert_has(&registry, &content()),
            other => panic!("{range}: {other:?}"),
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
    let run = Run::new(None);
    let mut writer = open(&session, &chunks(CHUNK)).expect("a writer");
    for piece in content().chunks(CHUNK) {
        writer.write(piece, &run).expect("bytes");
        std::thread::sleep(std::time::Duration::from_millis(700));
    }
    writer.commit(None, None, &run).expect("an upload");
    assert_has(&registry, &content());
}
