//! Requests that the program's own HTTP client sends.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use ocireg_testkit::digest::sha256;
use ocireg_testkit::rig::bystander;
use ocireg_testkit::{Auth, Registry, Reply, ServerOptions, TokenServer};
use serde_json::{Value, json};

use crate::scene::*;

const INVALID_ARGUMENT: i32 = 1;

/// Sends what was authorized, as another client would; the status.
fn sends(authorized: &Value) -> u16 {
    let url = authorized["url"].as_str().expect("a URL");
    let rest = url.strip_prefix("http://").expect("http");
    let (host, path) = rest.split_once('/').expect("a path");
    let mut stream = TcpStream::connect(host).expect("connected");
    let mut request = format!("GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n");
    for (name, value) in authorized["headers"].as_object().expect("headers") {
        request += &format!("{name}: {}\r\n", value.as_str().expect("text"));
    }
    stream.write_all((request + "\r\n").as_bytes()).expect("sent");
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).expect("answered");
    String::from_utf8_lossy(&answer)[9..12].parse().expect("a status")
}

#[test]
fn another_client_gets_in_with_it() {
    let token = TokenServer::plain();
    token.change(|policy| policy.anonymous_pull = false);
    let auth = json!({"auth": {"username": "alice", "password": "wonderland"}});
    for (registry, scheme) in [
        (Registry::start(ServerOptions::default(), Auth::bearer(&token)), "Bearer "),
        (Registry::start(ServerOptions::default(), Auth::basic("alice", "wonderland")), "Basic "),
        (Registry::plain(), ""),
    ] {
        let digest = registry.add_blob("demo/app", b"bytes".to_vec());
        let service = service(json!({}));
        let session = service.open(None, &app(&registry), &auth).expect("a session");
        let path = format!("blobs/{digest}");
        registry.clear();
        let authorized = session.authorize("GET", &path, &json!({})).expect("authorized");
        assert!(registry.requests().is_empty(), "nothing is asked");
        assert_eq!(authorized["url"], format!("{}/v2/demo/app/{path}", registry.url()));
        assert_eq!(authorized["endpoint"], registry.url());
        let header = authorized["headers"]["Authorization"].as_str().unwrap_or_default();
        assert!(
            header.starts_with(scheme) && header.is_empty() == scheme.is_empty(),
            "{authorized}"
        );
        let ends = authorized["expires_ms"].as_u64();
        assert_eq!(ends.is_some(), scheme == "Bearer ", "{authorized}");
        assert!(ends.is_none_or(|ms| (200_000..=300_000).contains(&ms)), "{authorized}");
        assert_eq!(sends(&authorized), 200);
        // The same again, until it is refused.
        let again = session.authorize("GET", &path, &json!({})).expect("authorized");
        assert_eq!(again["headers"], authorized["headers"]);
        let renewed = session.authorize("GET", &path, &json!({"renew": true})).expect("authorized");
        assert_eq!(renewed["headers"] != authorized["headers"], scheme == "Bearer ");
        assert_eq!(sends(&renewed), 200);
    }
}

#[test]
fn a_token_that_ends_is_replaced() {
    let token = TokenServer::plain();
    token.change(|policy| policy.expires_in = Some(json!(61)));
    let registry = Registry::start(ServerOptions::default(), Auth::bearer(&token));
    let service = service(json!({}));
    let session = service.open(None, &app(&registry), &json!({})).expect("a session");
    let get = || session.authorize("GET", "tags/list", &json!({})).expect("authorized");
    let ends = get()["expires_ms"].as_u64().expect("an end");
    assert!((50_000..=56_000).contains(&ends), "{ends}: it is replaced before its end");
    std::thread::sleep(Duration::from_millis(20));
    assert!(get()["expires_ms"].as_u64().expect("an end") < ends);
}

#[test]
fn following_gives_the_address_behind_the_redirect_without_credentials() {
    let token = TokenServer::plain();
    let store = bystander(ServerOptions::default(), |_| {
        Reply::new(206, b"b".to_vec()).with("Content-Range", "bytes 0-0/5")
    });
    for (query, ends) in [("", false), ("?Expires=32503680000&Signature=x", true)] {
        let (place, realm) = (format!("{}/blob{query}", store.url()), token.realm());
        let registry = bystander(ServerOptions::default(), move |request| {
            match request.header("authorization") {
                None => ocireg_testkit::rig::ask_bearer(&realm),
                Some(_) if request.path().contains("/here/") => Reply::empty(200),
                Some(_) if request.path().contains("/manifests/") => {
                    Reply::empty(302).with("Location", "/here/")
                }
                Some(_) => Reply::empty(307).with("Location", &place),
            }
        });
        let service = service(json!({}));
        let session = service.open(None, &app(&registry), &json!({})).expect("a session");
        store.clear();
        for method in ["GET", "HEAD"] {
            let led = session
                .authorize(method, "blobs/sha256:00", &json!({"follow": true}))
                .expect("followed");
            assert_eq!(led["url"], format!("{}/blob{query}", store.url()));
            assert_eq!(led["headers"], json!({}));
            assert_eq!(led["endpoint"], registry.url());
            assert_eq!(led["expires_ms"].is_u64(), ends, "{led}");
        }
        assert_bare(&store.requests());
        assert_eq!(store.requests()[0].header("range"), Some("bytes=0-0"));
        // At the registry itself credentials are still needed.
        let led =
            session.authorize("GET", "manifests/1", &json!({"follow": true})).expect("followed");
        assert_eq!(led["url"], format!("{}/here/", registry.url()));
        assert!(led["headers"]["Authorization"].as_str().is_some_and(|h| h.starts_with("Bearer ")));
    }
}

#[test]
fn a_path_stays_in_the_repository_and_a_method_within_the_sessions_rights() {
    let registry = Registry::plain();
    let service = service(json!({}));
    let session = service.open(None, &app(&registry), &json!({})).expect("a session");
    for path in ["", "/v2/", "../other/blobs/x", "blobs/../../x", "a?b", "a%2fb", "http://evil/"] {
        let failure = session.authorize("GET", path, &json!({})).expect_err(path);
        assert_eq!((failure.code, failure.argument()), (INVALID_ARGUMENT, "path"));
    }
    for (method, argument) in
        [("get", "method"), ("CONNECT", "method"), ("PUT", "session"), ("DELETE", "session")]
    {
        let failure = session.authorize(method, "blobs/uploads/", &json!({})).expect_err(method);
        assert_eq!((failure.code, failure.argument()), (INVALID_ARGUMENT, argument));
    }
    let failure = session.authorize("POST", "blobs/uploads/", &json!({"follow": true}));
    assert_eq!(failure.expect_err("no redirect to follow").argument(), "follow");
    let writing = service
        .open(None, &app(&registry), &json!({"actions": ["pull", "push"]}))
        .expect("a session");
    writing.authorize("POST", "blobs/uploads/", &json!({})).expect("authorized");
    let missing = format!("blobs/{}", sha256(b"missing"));
    let failure =
        session.authorize("GET", &missing, &json!({"follow": true})).expect_err("missing");
    assert_eq!(failure.code, NOT_FOUND);
}

#[test]
fn credentials_that_must_not_go_there_are_not_given_out() {
    let ca = ocireg_testkit::Ca::default();
    let certs = ocireg_testkit::tempdir();
    let registry = Registry::start(secure(&ca), Auth::basic("alice", "wonderland"));
    let options = trust(&ca, certs.path(), &[&registry.host()]);
    let service = service(options);
    let auth = json!({"auth": {"username": "alice", "password": "wonderland"}});
    let session = service.open(None, &app(&registry), &auth).expect("a session");
    let authorized = session.authorize("GET", "tags/list", &json!({})).expect("over https");
    assert!(authorized["url"].as_str().is_some_and(|url| url.starts_with("https://")));
    // Over plain http to another machine they would be readable.
    let plain = Registry::start(
        ServerOptions::default().name("plain.test"),
        Auth::basic("alice", "wonderland"),
    );
    let service = self::service(json!({
        "insecure-registries": [plain.host()], "resolve": {"plain.test": ["127.0.0.1"]},
    }));
    let session = service.open(None, &app(&plain), &auth).expect("a session");
    let failure = session.authorize("GET", "tags/list", &json!({})).expect_err("refused");
    assert_eq!(failure.code, POLICY);
    assert_tells(&failure, &["allow-plain-http-credentials"], &["wonderland"]);
}
