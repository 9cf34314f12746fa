//! Hostile registries and wrong arguments: documents that lie, are too large, too deep or endless, broken HTTP, broken
//! TLS, addresses with tricks in them. Each gets a code of its own, and nothing is left under a final name.

use std::io::{self, Write};
use std::thread;
use std::time::{Duration, Instant};

use crate::c_surface::images::{Context, Session};
use crate::c_surface::{Failure, Outcome, Service, layouts};
use ocireg_testkit::image::{Image, Spec};
use ocireg_testkit::rig::bystander;
use ocireg_testkit::server::{Body, Conn, ConnectFault};
use ocireg_testkit::{
    Action, Auth, Ca, Cut, Fault, Registry, Reply, Server, ServerOptions, TokenServer, digest,
};
use serde_json::{Value, json};

const INVALID_ARGUMENT: i32 = 1;
const INVALID_JSON: i32 = 4;
const INVALID_REFERENCE: i32 = 5;
const INVALID_DIGEST: i32 = 6;
const UNSUPPORTED: i32 = 8;
const CANCELLED: i32 = 20;
const DEADLINE: i32 = 21;
const TLS: i32 = 42;
const TIMEOUT: i32 = 44;
const DISCONNECTED: i32 = 45;
const REDIRECT: i32 = 47;
const PROTOCOL: i32 = 48;
const POLICY: i32 = 49;
const DENIED: i32 = 61;
const NOT_FOUND: i32 = 80;
const DIGEST_MISMATCH: i32 = 100;
const SIZE_MISMATCH: i32 = 101;
const INVALID_MANIFEST: i32 = 102;
const LIMIT: i32 = 103;

const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";

fn none() -> Value {
    json!({})
}

fn once(more: Value) -> Service {
    let mut options = json!({
        "retry": {"max-attempts": 1}, "timeouts": {"header-ms": 2000, "idle-ms": 2000, "tls-ms": 2000},
    });
    for (key, value) in more.as_object().expect("an object") {
        options[key] = value.clone();
    }
    Service::bare(options)
}

fn small() -> Image {
    Spec { platforms: vec!["linux/amd64".into()], layers: 1, ..Spec::default() }.build()
}

fn serving(image: &Image) -> Registry {
    let registry = Registry::plain();
    image.push_to(&registry, "demo/app", "1");
    registry
}

fn reference(server: &Server) -> String {
    format!("{}/demo/app:1", server.host())
}

fn session(service: &Service, server: &Server) -> Session {
    service.open(None, &reference(server), &none()).expect("a session")
}

/// A session that begins with plain http and asks nothing by itself.
fn plain_session(service: &Service, server: &Server) -> Session {
    let endpoint = json!({"URL": server.url(), "Version": "v2", "Official": false});
    let endpoint = service.endpoint(&endpoint).expect("an endpoint");
    let session = endpoint.session(Some(&none())).expect("a session");
    session.repository("demo/app").expect("a repository")
}

/// A pull that must fail with one of these codes and leave nothing that looks like success.
fn refuses_of(
    service: &Service,
    source: &str,
    codes: &[i32],
    options: &Value,
    what: &str,
) -> Box<Failure> {
    let layout = ocireg_testkit::tempdir();
    let destination = format!("oci:{}:x", layout.path().display());
    let began = Instant::now();
    let error = service.pull(None, source, &destination, options).expect_err(what);
    assert!(began.elapsed() < Duration::from_secs(8), "{what} took {:?}", began.elapsed());
    assert!(codes.contains(&error.code), "{what}: {error:?}");
    assert_readable(&error, what);
    layouts::assert_sound(layout.path());
    assert_eq!(layouts::images(layout.path()), 0, "{what}: an image is listed");
    error
}

fn refuses(service: &Service, server: &Server, code: i32, what: &str) -> Box<Failure> {
    refuses_of(service, &reference(server), &[code], &none(), what)
}

fn assert_readable(error: &Failure, what: &str) {
    assert!(!error.message.is_empty() && error.message.len() < 2000, "{what}: {error:?}");
    assert!(!error.message.contains(|c: char| c.is_control()), "{what}: {:?}", error.message);
}

fn assert_helpful(error: &Failure, code: i32, what: &str) {
    assert_eq!(error.code, code, "{what}: {error:?}");
    assert_readable(error, what);
    assert!(error.json["hint"].as_str().is_some_and(|hint| !hint.is_empty()), "{what}: {error:?}");
}

fn descriptor(media_type: &str, bytes: &[u8]) -> Value {
    json!({"mediaType": media_type, "digest": digest::sha256(bytes), "size": bytes.len()})
}

// B1, B2, B3, B4.

#[test]
fn b1_b2_documents_that_are_two_things_or_change_meaning() {
    let registry = Registry::plain();
    let config = b"{}";
    registry.add_blob("demo/app", config.to_vec());
    let d = descriptor("application/vnd.oci.image.config.v1+json", config);
    let list = json!([d]);
    let image = format!(r#"{{"schemaVersion":2,"config":{d},"layers":{list}}}"#);
    let service = once(none());
    for (text, content_type) in [
        (
            format!(r#"{{"schemaVersion":2,"config":{d},"layers":{list},"manifests":{list}}}"#),
            OCI_MANIFEST,
        ),
        (
            format!(r#"{{"schemaVersion":2,"config":{d},"layers":{list},"manifests":{list}}}"#),
            OCI_INDEX,
        ),
        (format!(r#"{{"schemaVersion":2,"config":{d},"manifests":{list}}}"#), OCI_INDEX),
        (format!(r#"{{"schemaVersion":2,"layers":{list},"manifests":{list}}}"#), "text/plain"),
        (
            format!(r#"{{"schemaVersion":2,"config":{d},"layers":{list},"fsLayers":[]}}"#),
            OCI_MANIFEST,
        ),
        (
            format!(
                r#"{{"schemaVersion":2,"mediaType":"{OCI_INDEX}","config":{d},"layers":{list}}}"#
            ),
            OCI_MANIFEST,
        ),
        (
            format!(
                r#"{{"schemaVersion":2,"mediaType":"{OCI_MANIFEST}","config":{d},"layers":{list}}}"#
            ),
            OCI_INDEX,
        ),
        (image.clone(), OCI_INDEX),
        (
            format!(r#"{{"schemaVersion":2,"config":{d},"layers":[],"layers":{list}}}"#),
            OCI_MANIFEST,
        ),
        (
            format!(r#"{{"schemaVersion":2,"config":{d},"layers":[],"Layers":{list}}}"#),
            OCI_MANIFEST,
        ),
        (format!("{image}{{}}"), OCI_MANIFEST),
        (format!("{image}\0"), OCI_MANIFEST),
        (format!("\u{feff}{image}"), OCI_MANIFEST),
        ("{}".into(), OCI_MANIFEST),
        ("null".into(), OCI_MANIFEST),
        ("[]".into(), OCI_MANIFEST),
        (String::new(), OCI_MANIFEST),
        ("<html>not JSON</html>".into(), OCI_MANIFEST),
    ] {
        registry.add_manifest("demo/app", Some("1"), content_type, text.clone());
        refuses(&service, &registry, INVALID_MANIFEST, &text);
        let error = session(&service, &registry).get_manifest(None, None, &none()).err();
        assert_eq!(error.map(|error| error.code), Some(INVALID_MANIFEST), "{text}");
    }
    // The honest one, under any type that says nothing else.
    for content_type in [OCI_MANIFEST, "application/json", ""] {
        registry.add_manifest("demo/app", Some("1"), content_type, image.clone());
        let (_, bytes) =
            session(&service, &registry).get_manifest(None, None, &none()).expect("a manifest");
        assert_eq!(bytes, image.as_bytes());
    }
}

#[test]
fn manifests_full_of_paths() {
    let registry = Registry::plain();
    let service = once(none());
    for bad in [
        "sha256:../../../../etc/passwd",
        "sha256:",
        "../x",
        "/etc/passwd",
        "sha256:%2e%2e%2f",
        "sha256/e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "sha256:E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855",
        "md5:d41d8cd98f00b204e9800998ecf8427e",
        "",
    ] {
        let layer = json!({"mediaType": "application/x", "digest": bad, "size": 1});
        for text in [
            json!({"schemaVersion": 2, "config": layer, "layers": []}),
            json!({"schemaVersion": 2, "config": descriptor("a/b", b"{}"), "layers": [layer]}),
            json!({"schemaVersion": 2, "manifests": [layer]}),
        ] {
            registry.add_manifest("demo/app", Some("1"), "application/json", text.to_string());
            refuses_of(
                &service,
                &reference(&registry),
                &[INVALID_MANIFEST],
                &json!({"all_platforms": true}),
                bad,
            );
        }
    }
    let urls: Vec<String> = registry.requests().into_iter().map(|request| request.target).collect();
    assert!(!urls.iter().any(|url| url.contains("..") || url.contains("passwd")), "{urls:?}");
}

#[test]
fn what_is_asked_for_by_digest_is_that_or_nothing() {
    let image = small();
    let registry = serving(&image);
    let service = once(none());
    let pinned = format!("{}/demo/app@{}", registry.host(), image.digest);
    let other =
        Spec { platforms: vec!["linux/amd64".into()], layers: 1, seed: 9, ..Spec::default() };
    let other = other.build();
    registry.fault(Fault::on("/manifests/", Action::ReplaceBody(other.bytes.clone())).always());
    refuses_of(&service, &pinned, &[DIGEST_MISMATCH], &none(), "another manifest");
    refuses(&service, &registry, DIGEST_MISMATCH, "another manifest than the header says");
    registry.clear_faults();
    // By digest the header is no news; by tag it must be right.
    for wrong in [other.digest.as_str(), &format!("sha512:{}", "0".repeat(128))] {
        registry.fault(
            Fault::on("/manifests/", Action::header("Docker-Content-Digest", wrong)).always(),
        );
        let layout = ocireg_testkit::tempdir();
        let destination = format!("oci:{}:x", layout.path().display());
        service.pull(None, &pinned, &destination, &none()).expect("the right body");
        layouts::assert_holds(layout.path(), &image);
        refuses(&service, &registry, DIGEST_MISMATCH, "a wrong header");
        registry.clear_faults();
    }
    // A header that is no digest says nothing.
    registry
        .fault(Fault::on("/manifests/", Action::header("Docker-Content-Digest", "../..")).always());
    let (told, _) =
        session(&service, &registry).get_manifest(None, None, &none()).expect("a manifest");
    assert_eq!(told["digest"], image.digest.as_str());
}

#[test]
fn a_reader_ends_only_after_the_digest_was_right() {
    let registry = Registry::plain();
    let blob = registry.add_blob_generated("demo/app", 3, 300_000);
    registry.add_manifest("demo/app", Some("1"), "application/json", "{}");
    let service = once(none());
    let session = session(&service, &registry);
    for (at, options) in [(0, none()), (150_000, none()), (299_999, json!({"size": 300_000}))] {
        registry.fault(Fault::on(&blob, Action::Flip(at)));
        let mut reader = session.open_blob(None, &blob, 0, &options).expect("a reader");
        let error = reader.read_to_end(None, &mut Vec::new()).expect_err("a wrong bit");
        assert_eq!(error.code, DIGEST_MISMATCH, "{error:?}");
        let again = reader.read(None, &mut [0; 10]).expect_err("the error stays");
        assert_eq!(again.code, DIGEST_MISMATCH);
    }
    for (size, code) in [(299_999, SIZE_MISMATCH), (300_001, SIZE_MISMATCH), (0, SIZE_MISMATCH)] {
        let read = session
            .open_blob(None, &blob, 0, &json!({"size": size}))
            .and_then(|mut reader| reader.read_to_end(None, &mut Vec::new()));
        assert_eq!(read.expect_err("another size").code, code, "{size}");
    }
    let error = session.open_blob(None, &blob, 300_001, &json!({"size": 300_000})).err();
    assert_eq!(error.map(|error| error.code), Some(INVALID_ARGUMENT));
    let mut reader = session.open_blob(None, &blob, 299_990, &none()).expect("a reader");
    let mut bytes = Vec::new();
    reader.read_to_end(None, &mut bytes).expect("the rest");
    assert_eq!(bytes.len(), 10);
}

// C1, C2, C4, C5, C6: too much.

#[test]
fn c1_caps_are_kept_to_the_byte() {
    let image = small();
    let token = TokenServer::plain();
    let registry = Registry::start(ServerOptions::default(), Auth::bearer(&token));
    image.push_to(&registry, "demo/app", "1");
    let size = |path: &str, server: &Server| {
        let body = session(&once(none()), server);
        body.get_manifest(None, None, &none()).expect("a manifest");
        let asked = server.requests().into_iter().rev().find(|r| r.target.contains(path));
        assert!(asked.is_some());
    };
    size("/manifests/", &registry);
    type Ask = fn(&Session, &Service, &str) -> Outcome<()>;
    let manifest: Ask = |session, _, _| session.get_manifest(None, None, &none()).map(drop);
    let tags: Ask = |session, _, _| session.list_tags(None, &none()).map(drop);
    let inspect: Ask = |_, service, source| service.inspect(None, source, &none()).map(drop);
    let config = image.manifests[0].config.as_str();
    let list = br#"{"name":"demo/app","tags":["1"]}"#.len();
    let lengths: [(&str, &str, usize, Ask); 3] = [
        ("manifest", "/manifests/", image.bytes.len(), manifest),
        ("list", "/tags/", list, tags),
        ("config", config, image.blobs[config].len().unwrap() as usize, inspect),
    ];
    for (limit, path, length, ask) in lengths {
        for framing in [None, Some(Action::Chunked), Some(Action::CloseDelimited)] {
            for (cap, fits) in [(length, true), (length - 1, false)] {
                let mut limits = json!({});
                limits[limit] = json!(cap);
                let service = once(json!({"limits": limits}));
                let session = session(&service, &registry);
                if let Some(framing) = &framing {
                    registry.fault(Fault::on(path, framing.clone()).on_success().always());
                }
                let result = ask(&session, &service, &reference(&registry));
                registry.clear_faults();
                let what = format!("{limit} {cap} {framing:?}");
                match result {
                    Ok(()) => assert!(fits, "{what} was not kept"),
                    Err(error) => {
                        assert!(!fits, "{what}: {error:?}");
                        assert_helpful(&error, LIMIT, &what);
                        assert!(error.json["hint"].as_str().unwrap().contains(limit), "{error:?}");
                    }
                }
            }
        }
    }
    // Endless ones, and the token whose length differs from time to time.
    for (path, ask) in [("/manifests/", manifest), ("/tags/", tags)] {
        let service = once(none());
        let session = session(&service, &registry);
        registry.fault(Fault::on(path, Action::EndlessBody).on_success().always());
        let error = ask(&session, &service, "").expect_err("endless");
        assert_helpful(&error, LIMIT, path);
        registry.fault(
            Fault::on(path, Action::Length("9223372036854775807".into())).on_success().always(),
        );
        let error = ask(&session, &service, "").expect_err("endless");
        assert!([LIMIT, PROTOCOL].contains(&error.code), "{error:?}");
        registry.clear_faults();
    }
    for (cap, fault, fits) in
        [(100, None, false), (64 << 10, None, true), (64 << 10, Some(Action::EndlessBody), false)]
    {
        let service = once(json!({"limits": {"token": cap}}));
        if let Some(fault) = fault {
            token.fault(Fault::on("/token", fault).always());
        }
        let result = manifest(&session(&service, &registry), &service, "");
        match result {
            Ok(()) => assert!(fits),
            Err(error) => {
                assert!(!fits, "{error:?}");
                assert_helpful(&error, LIMIT, "token");
            }
        }
        token.clear_faults();
    }
    let session = session(&once(none()), &registry);
    for (most, fits) in [(image.bytes.len(), true), (image.bytes.len() - 1, false), (0, false)] {
        let result = session.get_manifest(None, None, &json!({"max_size": most}));
        assert_eq!(result.map_err(|error| error.code).err(), (!fits).then_some(LIMIT), "{most}");
    }
}

#[test]
fn c2_sizes_that_lie() {
    let registry = Registry::plain();
    let bytes = b"some bytes";
    let blob = registry.add_blob("demo/app", bytes.to_vec());
    let service = once(none());
    for (size, code) in [
        ("0", SIZE_MISMATCH),
        ("9", SIZE_MISMATCH),
        ("11", SIZE_MISMATCH),
        ("4611686018427387904", SIZE_MISMATCH),
        ("9223372036854775807", SIZE_MISMATCH),
        ("9223372036854775808", INVALID_MANIFEST),
        ("-1", INVALID_MANIFEST),
        ("1e400", INVALID_MANIFEST),
        ("\"10\"", INVALID_MANIFEST),
        ("10.5", INVALID_MANIFEST),
        ("null", INVALID_MANIFEST),
        ("true", INVALID_MANIFEST),
    ] {
        let layer = format!(r#"{{"mediaType":"a/b","digest":"{blob}","size":{size}}}"#);
        let good = descriptor("a/b", bytes);
        for text in [
            format!(r#"{{"schemaVersion":2,"config":{layer},"layers":[]}}"#),
            format!(r#"{{"schemaVersion":2,"config":{good},"layers":[{layer}]}}"#),
        ] {
            // The same digest with two sizes is refused before anything is fetched.
            let two = text.contains(&good.to_string());
            registry.add_manifest("demo/app", Some("1"), OCI_MANIFEST, text.clone());
            let code = if two { INVALID_MANIFEST } else { code };
            refuses(&service, &registry, code, &text);
        }
    }
}

/// Gzip that is a thousand times larger when it is unpacked: pieces of zeros, one after the other.
fn bomb(pieces: usize) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(&vec![0; 4 << 20]).expect("memory");
    gzip.finish().expect("memory").repeat(pieces)
}

/// Nobody asked for an encoding, so none is undone: what is compressed is just bytes that are not JSON.
#[test]
fn c3_what_comes_compressed_is_not_decompressed() {
    let image = small();
    let registry = serving(&image);
    let service = once(none());
    let small_gzip = {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        gzip.write_all(&image.bytes).expect("memory");
        gzip.finish().expect("memory")
    };
    let config = image.manifests[0].config.as_str();
    for body in [bomb(64), small_gzip] {
        for encoding in ["gzip", "gzip, gzip, gzip", "identity"] {
            for path in ["/manifests/", config] {
                let kind = (path == "/manifests/").then_some(image.media_type.as_str());
                let headers = vec![
                    ("Content-Encoding".to_owned(), encoding.to_owned()),
                    ("Content-Type".to_owned(), kind.unwrap_or("application/json").to_owned()),
                ];
                registry
                    .fault(Fault::on(path, Action::Status(200, headers, body.clone())).always());
                let codes = [INVALID_MANIFEST, DIGEST_MISMATCH, SIZE_MISMATCH, PROTOCOL];
                let what = format!("{} bytes of {encoding} at {path}", body.len());
                refuses_of(&service, &reference(&registry), &codes, &none(), &what);
                registry.clear_faults();
            }
        }
    }
    let asked = registry.requests();
    assert!(asked.iter().all(|r| r.header("accept-encoding") == Some("identity")), "{asked:?}");
}

#[test]
fn c4_headers_without_end() {
    let image = small();
    let registry = serving(&image);
    let service = once(none());
    let large = "x".repeat(100 << 10);
    let many = (0..3000).map(|n| (format!("X-{n}"), "y".to_owned())).collect();
    for fault in [
        Action::EndlessHeaders,
        Action::header("X-Large", &large),
        Action::Status(200, many, image.bytes.clone()),
        Action::Raw(b"HTTP/1.1 200 OK\r\nX-No-Colon\r\n\r\n".to_vec()),
        Action::Raw(b"HTTP/1.1 200 OK\r\nX-Nul: \0\r\nContent-Length: 0\r\n\r\n".to_vec()),
        Action::Raw(b"HTTP/9.9 200 OK\r\n\r\n".to_vec()),
        Action::Raw(b"ICY 200 OK\r\n\r\n".to_vec()),
        Action::Raw(b"HTTP/1.1 2x0 OK\r\n\r\n".to_vec()),
        Action::Raw(b"\r\n\r\n\r\n".to_vec()),
        Action::Raw(vec![0; 100_000]),
        Action::Raw(vec![b'x'; 200_000]),
    ] {
        let what = format!("{fault:?}").chars().take(80).collect::<String>();
        for path in ["/manifests/", "/blobs/"] {
            registry.fault(Fault::on(path, fault.clone()).always());
            refuses_of(
                &service,
                &reference(&registry),
                &[LIMIT, PROTOCOL, DISCONNECTED, INVALID_MANIFEST],
                &none(),
                &what,
            );
            registry.clear_faults();
        }
    }
}

/// Over TLS, and on a port for plain HTTP, where TLS is tried first and says less.
#[test]
fn a_header_that_is_not_valid_http_is_called_that() {
    let image = small();
    let ca = Ca::default();
    for registry in [Registry::plain(), Registry::tls(&ca)] {
        image.push_to(&registry, "demo/app", "1");
        let service = once(json!({"insecure-registries": [registry.host()]}));
        for (header, why) in [
            ("X-Long: one\r\n two", "folded"),
            ("Content-Type: application/json\r\n\t; charset=utf-8", "folded"),
            ("X-No-Colon", "name"),
            ("X Space: 1", "name"),
            ("X-Control: a\x01b", "value"),
            ("Content-Length: 1", "Content-Length"),
        ] {
            let raw = format!("HTTP/1.1 200 OK\r\n{header}\r\nContent-Length: 2\r\n\r\n{{}}");
            for path in ["/v2/", "/manifests/", "/blobs/"] {
                registry.fault(Fault::on(path, Action::Raw(raw.clone().into_bytes())).always());
                let what = format!("{header:?} of {path}");
                let failure =
                    refuses_of(&service, &reference(&registry), &[PROTOCOL], &none(), &what);
                let told = &failure.message;
                assert!(told.contains("not valid HTTP") && told.contains(why), "{what}: {told}");
                assert!(!told.contains("TLS"), "{what}: {told}");
                registry.clear_faults();
            }
        }
        // What is no HTTP at all is not called that.
        let ssh = Action::Raw(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec());
        registry.fault(Fault::on("/v2/", ssh).always());
        let codes = [PROTOCOL, DISCONNECTED, TLS];
        let failure = refuses_of(&service, &reference(&registry), &codes, &none(), "SSH");
        assert!(!failure.message.contains("not valid HTTP"), "{failure:?}");
    }
}

/// What a server says without ever coming to any content.
type Chatter = fn(&mut Conn<'_>) -> io::Result<()>;

const INTERIM: Chatter = |conn| conn.send(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n");
const TRAILER: Chatter = |conn| conn.send(b"X-Trailer: yyyyyyyyyyyyyyyyyyyyyyyy\r\n");
const EXTENSION: Chatter = |conn| conn.send(b";name=xxxxxxxxxxxxxxxxxxxxxxxxxxxx");
const KEYS: Chatter = |conn| conn.refresh_keys();

/// A registry over TLS that begins the answer for a manifest with `opening`, and then chatters at this pace.
fn chattering(ca: &Ca, opening: &'static str, chatter: Chatter, pause: Duration) -> Server {
    Server::start(ServerOptions::default().tls(ca), move |request, conn| {
        if !request.target.contains("/manifests/") {
            return conn.reply(&Reply::json(200, &none()));
        }
        let kind = "Content-Type: application/vnd.oci.image.manifest.v1+json";
        conn.send(opening.replace("KIND", kind).as_bytes())?;
        loop {
            chatter(conn)?;
            if !pause.is_zero() {
                conn.stall(pause);
            }
        }
    })
}

const CHUNKED: &str = "HTTP/1.1 200 OK\r\nKIND\r\nTransfer-Encoding: chunked\r\n\r\n";
const NO_CONTENT: &[(&str, &str, Chatter)] = &[
    ("interim answers", "", INTERIM),
    ("trailers", "HTTP/1.1 200 OK\r\nKIND\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", TRAILER),
    (
        "an extension of a chunk",
        "HTTP/1.1 200 OK\r\nKIND\r\nTransfer-Encoding: chunked\r\n\r\n1",
        EXTENSION,
    ),
    ("keys before the header", "", KEYS),
    ("keys in the body", CHUNKED, KEYS),
];

#[test]
fn c13_a_flood_without_content_has_an_end() {
    let ca = Ca::new("a flood");
    let timeouts = json!({"header-ms": 60_000, "idle-ms": 60_000});
    for (what, opening, chatter) in NO_CONTENT {
        let server = chattering(&ca, opening, *chatter, Duration::ZERO);
        let service = once(json!({"timeouts": timeouts}));
        let began = Instant::now();
        let error = service.inspect(None, &reference(&server), &none()).expect_err(what);
        assert!([PROTOCOL, LIMIT, TLS].contains(&error.code), "{what}: {error:?}");
        assert_helpful(&error, error.code, what);
        assert!(began.elapsed() < Duration::from_secs(10), "{what} took {:?}", began.elapsed());
    }
}

#[test]
fn c12_a_drip_without_content_counts_as_silence() {
    let ca = Ca::new("a drip");
    let timeouts = json!({"header-ms": 500, "idle-ms": 500, "tls-ms": 5000});
    for (what, opening, chatter) in NO_CONTENT {
        let server = chattering(&ca, opening, *chatter, Duration::from_millis(60));
        let service = once(json!({"timeouts": timeouts}));
        let began = Instant::now();
        let error = service.inspect(None, &reference(&server), &none()).expect_err(what);
        assert_helpful(&error, TIMEOUT, what);
        assert!(began.elapsed() < Duration::from_secs(3), "{what} took {:?}", began.elapsed());
    }
}

#[test]
fn the_least_speed_counts_content() {
    let ca = Ca::new("a slow drip");
    let server = chattering(&ca, NO_CONTENT[2].1, EXTENSION, Duration::from_millis(50));
    let service = once(json!({"timeouts": {"min-bytes-per-second": 1000}}));
    let began = Instant::now();
    let error = service.inspect(None, &reference(&server), &none()).expect_err("no content");
    assert_helpful(&error, TIMEOUT, "no content");
    assert_eq!(error.json["phase"], "slow", "{error:?}");
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
}

#[test]
fn a_flood_is_left_when_its_call_ends() {
    let ca = Ca::new("a cancelled flood");
    // Content, so that no limit but the call's own ends it: one byte to each chunk.
    let content: Chatter = |conn| conn.send(&b"1\r\n \r\n".repeat(200));
    let server = chattering(&ca, CHUNKED, content, Duration::from_millis(1));
    let service = once(json!({"timeouts": {"header-ms": 60_000}}));
    for cancels in [false, true] {
        let context = if cancels { Context::new() } else { Context::timeout(500) };
        let began = Instant::now();
        let error = thread::scope(|scope| {
            let call = scope.spawn(|| {
                service.inspect(Some(&context), &reference(&server), &none()).expect_err("no end")
            });
            if cancels {
                thread::sleep(Duration::from_millis(500));
                context.cancel();
            }
            call.join().expect("the call returns")
        });
        assert_eq!(error.code, if cancels { CANCELLED } else { DEADLINE }, "{error:?}");
        assert!(began.elapsed() < Duration::from_millis(1500), "{:?}", began.elapsed());
    }
}

#[test]
fn what_sound_servers_say_beside_content_is_fine() {
    let ca = Ca::new("sound");
    let image = small();
    let (media_type, bytes) = (image.media_type.clone(), image.bytes.clone());
    let server = Server::start(ServerOptions::default().tls(&ca), move |request, conn| {
        if !request.target.contains("/manifests/") {
            return conn.reply(&Reply::json(200, &none()));
        }
        for _ in 0..3 {
            INTERIM(conn)?;
            KEYS(conn)?;
        }
        let kind = &media_type;
        conn.send(
            format!(
                "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n"
            )
            .as_bytes(),
        )?;
        for byte in bytes.chunks(7) {
            conn.send(format!("{:x};name=\"value\"\r\n", byte.len()).as_bytes())?;
            conn.send(byte)?;
            conn.send(b"\r\n")?;
        }
        KEYS(conn)?;
        conn.send(b"0\r\nX-Checksum: abc\r\nX-Time: 12\r\n\r\n")
    });
    let service = once(none());
    let session = service.open(None, &reference(&server), &none()).expect("a session");
    for _ in 0..2 {
        let (_, manifest) = session.get_manifest(None, None, &none()).expect("a manifest");
        assert_eq!(manifest, image.bytes);
    }
}

#[test]
fn c5_depth_beyond_reason() {
    let deep = "[".repeat(1_000_000);
    let deeper = r#"{"a":"#.repeat(1_000_000);
    let token = TokenServer::plain();
    let registry = Registry::start(ServerOptions::default(), Auth::bearer(&token));
    let image = small();
    image.push_to(&registry, "demo/app", "1");
    let work = || {
        let service = once(none());
        for text in [&deep, &deeper] {
            let body = |status| Action::Status(status, Vec::new(), text.clone().into_bytes());
            let ask = |path: &str, status| {
                registry.fault(Fault::on(path, body(status)).on_success().always());
                let session = session(&service, &registry);
                let manifest = session.get_manifest(None, None, &none()).map(drop);
                let tags = session.list_tags(None, &none()).map(drop);
                registry.clear_faults();
                (manifest, tags)
            };
            let code = |result: Outcome<()>| result.map_err(|error| error.code);
            assert_eq!(code(ask("/manifests/", 200).0), Err(INVALID_MANIFEST));
            assert_eq!(code(ask("/manifests/", 403).0), Err(DENIED));
            assert_eq!(code(ask("/tags/", 200).1), Err(PROTOCOL));
            token.fault(Fault::on("/token", body(200)).always());
            let fresh = once(none());
            let error = session(&fresh, &registry).get_manifest(None, None, &none());
            let too_long = text.len() > 1 << 20;
            assert_eq!(code(error.map(drop)), Err(if too_long { LIMIT } else { PROTOCOL }));
            token.clear_faults();
            // The config of an image is whatever it is; telling it must not crash.
            let config = registry.add_blob("demo/app", text.clone().into_bytes());
            let config = json!({"mediaType": "application/vnd.oci.image.config.v1+json", "digest": config, "size": text.len()});
            let manifest = json!({"schemaVersion": 2, "config": config, "layers": []});
            registry.add_manifest("demo/app", Some("deep"), OCI_MANIFEST, manifest.to_string());
            let source = format!("{}/demo/app:deep", registry.host());
            let inspected = service.inspect(None, &source, &none());
            let code = inspected.map_err(|error| error.code).err();
            assert!(
                code.is_none_or(|code| code == INVALID_MANIFEST || code == PROTOCOL),
                "{code:?}"
            );
            for options in [text.as_str(), &format!(r#"{{"auth":{text}"#)] {
                let error = Service::from_text(options).err().expect("no options");
                assert_eq!(error.code, INVALID_JSON);
            }
        }
    };
    // As small as the stacks that callers may have.
    thread::scope(|scope| {
        let small = thread::Builder::new().stack_size(256 << 10).spawn_scoped(scope, work);
        small.expect("a thread").join().expect("no crash");
    });
}

#[test]
fn indexes_within_indexes() {
    let registry = Registry::plain();
    let image = small();
    image.push_to(&registry, "demo/app", "0");
    let mut inner = descriptor(OCI_MANIFEST, &image.bytes);
    let all = json!({"all_platforms": true});
    let amd64 = json!({"platform": "linux/amd64"});
    for depth in 1..=12 {
        inner["platform"] = json!({"os": "linux", "architecture": "amd64"});
        let index = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [inner]});
        let text = index.to_string().into_bytes();
        registry.add_manifest("demo/app", Some("1"), OCI_INDEX, text.clone());
        inner = descriptor(OCI_INDEX, &text);
        for options in [&all, &amd64] {
            if depth > 4 {
                let service = once(none());
                let what = format!("depth {depth} {options}");
                let error = refuses_of(&service, &reference(&registry), &[LIMIT], options, &what);
                assert_helpful(&error, LIMIT, &what);
            } else {
                let layout = ocireg_testkit::tempdir();
                let destination = format!("oci:{}:x", layout.path().display());
                once(none())
                    .pull(None, &reference(&registry), &destination, options)
                    .unwrap_or_else(|error| panic!("depth {depth} {options}: {error:?}"));
                layouts::assert_sound(layout.path());
            }
        }
    }
}

#[test]
fn c6_more_children_than_anybody_has() {
    let registry = Registry::plain();
    let image = small();
    image.push_to(&registry, "demo/app", "0");
    let child = descriptor(OCI_MANIFEST, &image.bytes);
    let all = json!({"all_platforms": true});
    let wide = json!({"schemaVersion": 2, "manifests": vec![child.clone(); 20_000]});
    registry.add_manifest("demo/app", Some("1"), OCI_INDEX, wide.to_string());
    refuses_of(&once(none()), &reference(&registry), &[LIMIT], &all, "20000 children");
    // Together over several indexes, too.
    let few = once(json!({"limits": {"children": 5}}));
    let inner: Vec<Value> = (0..3)
        .map(|n| {
            let index = json!({
                "schemaVersion": 2, "manifests": [child, child], "annotations": {"n": n.to_string()},
            });
            let text = index.to_string().into_bytes();
            registry.add_manifest("demo/app", None, OCI_INDEX, text.clone());
            descriptor(OCI_INDEX, &text)
        })
        .collect();
    let index = json!({"schemaVersion": 2, "manifests": inner});
    registry.add_manifest("demo/app", Some("1"), OCI_INDEX, index.to_string());
    refuses_of(&few, &reference(&registry), &[LIMIT], &all, "3 + 6 children");
    let layers = json!({
        "schemaVersion": 2, "config": child, "layers": vec![child.clone(); 20_000],
    });
    registry.add_manifest("demo/app", Some("1"), OCI_MANIFEST, layers.to_string());
    refuses_of(&once(none()), &reference(&registry), &[LIMIT], &none(), "20000 layers");
    // An index cannot list itself by its digest, but a server can claim it.
    let me = format!("sha256:{}", "7".repeat(64));
    let claim = json!({
        "schemaVersion": 2,
        "manifests": [{"mediaType": OCI_INDEX, "digest": me, "size": 200}],
    });
    registry.add_manifest("demo/app", Some("1"), OCI_INDEX, claim.to_string());
    let body = Action::Status(
        200,
        vec![("Content-Type".into(), OCI_INDEX.into())],
        claim.to_string().into(),
    );
    registry.fault(Fault::on(&me, body).always());
    refuses_of(&once(none()), &reference(&registry), &[DIGEST_MISMATCH], &all, "itself");
}

#[test]
fn c6_pages_without_end() {
    let pages_of = |page: fn(usize) -> (Value, String)| {
        let served = std::sync::atomic::AtomicUsize::new(0);
        bystander(ServerOptions::default(), move |request| {
            if !request.target.contains("/tags/") {
                return Reply::json(200, &none());
            }
            let n = served.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            let (tags, link) = page(n);
            Reply::json(200, &json!({"name": "demo/app", "tags": tags})).with("Link", &link)
        })
    };
    let itself = pages_of(|_| (json!(["a"]), "</v2/demo/app/tags/list>; rel=\"next\"".to_owned()));
    let circle =
        pages_of(|n| (json!(["a"]), format!("</v2/demo/app/tags/list?last={}>; rel=next", n % 3)));
    let endless =
        pages_of(|n| (json!(["a"]), format!("</v2/demo/app/tags/list?last={n}>; rel=next")));
    let new = pages_of(|n| {
        let link = format!("</v2/demo/app/tags/list?last={n}>; rel=\"next\"");
        (json!([format!("tag-{n}")]), link)
    });
    let service = once(json!({"limits": {"pages": 20}}));
    let repeats = "repeats a page";
    for (server, what) in
        [(&itself, repeats), (&circle, repeats), (&endless, repeats), (&new, "more than 20 pages")]
    {
        let session = plain_session(&service, server);
        let error = session.list_tags(None, &none()).expect_err("endless");
        assert_helpful(&error, LIMIT, "endless pages");
        assert!(error.message.contains(what), "{error:?}");
        assert!(server.requests().len() <= 25, "{}", server.requests().len());
    }
    // One page is one page, and reading page by page ends as well.
    for server in [&itself, &circle, &endless, &new] {
        let session = plain_session(&service, server);
        let mut page = session.list_tags(None, &json!({"n": 1})).expect("a page");
        assert_eq!(page["tags"].as_array().map(Vec::len), Some(1));
        let mut pages = 1;
        while let Some(next) = page["next"].as_str() {
            match session.list_tags(None, &json!({"n": 1, "next": next})) {
                Ok(next) => page = next,
                Err(error) => {
                    assert_helpful(&error, LIMIT, "endless pages");
                    break;
                }
            }
            pages += 1;
            assert!(pages <= 21, "page by page there is no end");
        }
    }
}

// C7: pages of any length.

#[test]
fn c7_how_much_of_a_list_is_asked_for_is_bounded_and_how_much_comes_is_not_believed() {
    let registry = serving(&small());
    let session = session(&once(none()), &registry);
    for n in [json!(0), json!(-1), json!(2_147_483_648_u64), json!(1.5), json!("1"), json!(null)] {
        let error = session.list_tags(None, &json!({"n": n})).expect_err("no number of tags");
        assert!([INVALID_ARGUMENT, INVALID_JSON].contains(&error.code), "{n}: {error:?}");
        assert_eq!(error.json["argument"], "n", "{n}: {error:?}");
    }
    assert!(registry.requests().iter().all(|r| !r.path().ends_with("/tags/list")));
    for n in [1, 2_147_483_647] {
        session.list_tags(None, &json!({"n": n})).expect("a page");
    }
    // A registry that sends more than was asked for has sent more, and no more than is let in.
    let tags: Vec<String> = (0..1000).map(|n| format!("t{n:04}")).collect();
    let page = json!({"name": "demo/app", "tags": tags}).to_string();
    registry.fault(Fault::on("/tags/list", Action::ReplaceBody(page.into())));
    let listed = session.list_tags(None, &json!({"n": 10})).expect("a page");
    assert_eq!(listed["tags"].as_array().map(Vec::len), Some(1000));
    let limited = Service::bare(json!({"limits": {"list": 4096}}));
    let session = self::session(&limited, &registry);
    registry.fault(Fault::on("/tags/list", Action::ReplaceBody(vec![b' '; 1 << 20])));
    let error = session.list_tags(None, &json!({"n": 10})).expect_err("too much");
    assert_eq!(error.code, LIMIT);
}

// C8, C9: numbers and frames that lie.

#[test]
fn c8_content_ranges_that_lie() {
    let registry = Registry::plain();
    let bytes: Vec<u8> = (0..100u8).collect();
    let blob = registry.add_blob("demo/app", bytes.clone());
    registry.add_manifest("demo/app", Some("1"), "application/json", "{}");
    let session = session(&once(none()), &registry);
    for value in [
        "",
        "bytes",
        "bytes 10-99",
        "bytes 10-/100",
        "bytes -99/100",
        "bytes 99-10/100",
        "bytes 9-99/100",
        "bytes 11-99/100",
        "bytes 10-98/100",
        "bytes 10-100/101",
        "bytes 10-99/99",
        "bytes 10-99/101",
        "bytes=10-99/100",
        "bytes 10 - 99/100",
        "bytes +10-99/100",
        "bytes 0x0a-99/100",
        "items 10-99/100",
        "bytes 10-18446744073709551615/18446744073709551616",
        "bytes 10-99/100, 0-9/100",
        "bytes */100",
        "bytes 10-99/-1",
        "bytes 10-99/100\t",
        "BYTES 10-99/100",
    ] {
        registry.fault(Fault::on(&blob, Action::header("Content-Range", value)).always());
        let read = session.open_blob(None, &blob, 10, &none()).and_then(|mut reader| {
            let mut all = Vec::new();
            reader.read_to_end(None, &mut all).map(|()| all)
        });
        registry.clear_faults();
        match read {
            // White space around a header's value is not part of it.
            Ok(read) => {
                assert!(value.trim() == "bytes 10-99/100" && read == bytes[10..], "{value}")
            }
            Err(error) => assert_eq!(error.code, PROTOCOL, "{value}: {error:?}"),
        }
    }
    for action in ["bytes 10-99/100", "bytes 0-89/100"] {
        let two = Action::Status(
            206,
            vec![
                ("Content-Range".into(), "bytes 10-99/100".into()),
                ("Content-Range".into(), action.into()),
            ],
            bytes[10..].to_vec(),
        );
        registry.fault(Fault::on(&blob, two));
        let error = session.open_blob(None, &blob, 10, &none()).err().expect("two ranges");
        assert_eq!(error.code, PROTOCOL);
    }
}

#[test]
fn c9_nothing_of_one_answer_gets_into_the_next() {
    let manifest =
        json!({"schemaVersion": 2, "config": descriptor("a/b", b"{}"), "layers": []}).to_string();
    let smuggled = "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nsmuggled";
    let length = manifest.len();
    let heads = [
        // Bytes after the body.
        format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{manifest}{smuggled}"),
        format!(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{length:x}\r\n{manifest}\r\n0\r\n\r\n{smuggled}"
        ),
        // Two ideas of where the body ends.
        format!(
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n{length:x}\r\n{manifest}\r\n0\r\n\r\n{smuggled}"
        ),
        format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nContent-Length: 3\r\n\r\n{manifest}{smuggled}"
        ),
        format!("HTTP/1.1 200 OK\r\nContent-Length: 3, {length}\r\n\r\n{manifest}{smuggled}"),
        format!(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n{manifest}\r\n0\r\n\r\n{smuggled}"
        ),
        format!(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n{manifest}\r\n0\r\n\r\n{smuggled}"
        ),
        format!("HTTP/1.1 204 No Content\r\nContent-Length: {length}\r\n\r\n{manifest}{smuggled}"),
        format!(
            "HTTP/1.1 304 Not Modified\r\nContent-Length: {length}\r\n\r\n{manifest}{smuggled}"
        ),
        format!("HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n{smuggled}"),
    ];
    for (n, head) in heads.into_iter().enumerate() {
        let (good, bad) = (manifest.clone(), head.clone());
        let server = Server::start(ServerOptions::default(), move |request, conn| {
            if request.target.ends_with("/bad") {
                return conn.send(bad.as_bytes());
            }
            conn.reply(&Reply::new(200, good.clone().into_bytes()))
        });
        let service = once(json!({"timeouts": {"header-ms": 500, "idle-ms": 500}}));
        let session = plain_session(&service, &server);
        let bad = session.get_manifest(None, Some("bad"), &none());
        if let Ok((_, bytes)) = &bad {
            assert_eq!(bytes, manifest.as_bytes(), "{n}");
        }
        for _ in 0..3 {
            let (_, bytes) = session.get_manifest(None, Some("good"), &none()).expect("a manifest");
            assert_eq!(bytes, manifest.as_bytes(), "{n}: {head}");
        }
        let requests = server.requests();
        let at =
            |name: &str| requests.iter().find(|r| r.target.ends_with(name)).map(|r| r.connection);
        assert_ne!(at("/bad"), at("/good"), "{n}: the connection was used again: {head}");
    }
}

// C10: control characters in what the caller gives.

#[test]
fn c10_control_characters_get_nowhere() {
    let registry = serving(&small());
    let host = registry.host();
    for bad in ["\r\n", "\n", "\r", "\t", "\u{7f}", "\u{1}", "\u{2028}", "\u{85}"] {
        let evil = format!("a{bad}X-Injected: yes");
        let quick = || once(json!({"allow-plain-http-credentials": [host]}));
        let open = |service: &Service| session(service, &registry);
        let mut outcomes: Vec<(&str, Outcome<()>)> = Vec::new();
        let service = quick();
        outcomes
            .push(("reference", service.open(None, &format!("{host}/{evil}"), &none()).map(drop)));
        outcomes.push(("tag", service.open(None, &format!("{host}/a:{evil}"), &none()).map(drop)));
        outcomes.push(("host", service.open(None, &format!("{evil}/a:1"), &none()).map(drop)));
        outcomes.push((
            "actions",
            service.open(None, &reference(&registry), &json!({"actions": [evil]})).map(drop),
        ));
        outcomes.push((
            "source",
            service.inspect(None, &format!("docker://{host}/{evil}"), &none()).map(drop),
        ));
        let session = open(&service);
        outcomes
            .push(("tag_or_digest", session.get_manifest(None, Some(&evil), &none()).map(drop)));
        outcomes.push((
            "digest",
            session.open_blob(None, &format!("sha256:{evil}"), 0, &none()).map(drop),
        ));
        outcomes.push(("repository", session.repository(&evil).map(drop)));
        // A header may hold a tab, and bytes that are no ASCII.
        let accept = evil.replace(['\t', '\u{2028}', '\u{85}'], "\n");
        outcomes.push((
            "accept",
            session.get_manifest(None, None, &json!({"accept": [accept]})).map(drop),
        ));
        outcomes.push((
            "platform",
            session.get_manifest(None, None, &json!({"platform": evil})).map(drop),
        ));
        outcomes.push(("next", session.list_tags(None, &json!({"next": evil})).map(drop)));
        // What may hold anything is encoded on the way.
        let last = session.list_tags(None, &json!({"last": evil}));
        assert!(last.is_ok() || last.is_err_and(|error| error.code == INVALID_ARGUMENT));
        registry.set_auth(Auth::basic("user", "password"));
        for auth in [
            json!({"username": evil, "password": "x"}),
            json!({"username": "x", "password": evil}),
            json!({"registrytoken": evil}),
        ] {
            let options = json!({"auth": auth});
            let asked = service
                .open(None, &reference(&registry), &options)
                .and_then(|session| session.get_manifest(None, None, &none()).map(drop));
            outcomes.push(("auth", asked));
        }
        registry.set_auth(Auth::None);
        for options in [
            json!({"user-agent": evil}),
            json!({"registry-mirrors": [format!("https://{evil}/")]}),
            json!({"insecure-registries": [evil]}),
            json!({"resolve": {evil.as_str(): ["127.0.0.1"]}}),
            json!({"trusted-realms": [[evil, "x"]]}),
        ] {
            let asked = Service::new(&options).map(|service| {
                let opened = service.open(None, &reference(&registry), &none());
                assert!(opened.is_ok() || opened.is_err_and(|e| e.code < 10), "{options}");
            });
            drop(asked);
        }
        for (field, outcome) in outcomes {
            let error = outcome.err().unwrap_or_else(|| panic!("{field} {bad:?} was taken"));
            assert_readable(&error, field);
            // Refused by us before anything was sent, or (in credentials, which travel encoded) by the registry.
            assert!(
                error.code < 10 || (field == "auth" && (60..=62).contains(&error.code)),
                "{field} {bad:?}: {error:?}"
            );
        }
    }
    for connection in registry.connections() {
        let text = String::from_utf8_lossy(&connection.received).into_owned();
        let mut lines = text.split(['\r', '\n']);
        assert!(!lines.any(|line| line.starts_with("X-Injected")), "{text}");
    }
}

// C11: addresses with tricks in them.

#[test]
fn c11_addresses_with_tricks() {
    let image = small();
    let trap = bystander(ServerOptions::default().bind("127.0.0.2"), |_| Reply::empty(200));
    let registry = serving(&image);
    let service = once(none());
    let to = trap.host();
    let tricks = [
        format!("http://user@{to}/"),
        format!("http://user:hunter2@{to}/"),
        format!("http://{}\\@{to}/", registry.host()),
        format!("http://{}%2f@{to}/", registry.host()),
        format!("http://{to}%2f.example/"),
        format!("http://{to} /"),
        format!("http:// {to}/"),
        format!("\\\\{to}\\x"),
        format!("http:///{to}@/"),
        "http://[::1%25lo]/".to_owned(),
        "http://[fe80::1]/".to_owned(),
        "http://169.254.169.254/latest/meta-data".to_owned(),
        "http://0.0.0.0/".to_owned(),
        "http://[::]/".to_owned(),
        "http://[::ffff:169.254.169.254]/".to_owned(),
        "http://0xa9fea9fe/".to_owned(),
        "http://2852039166/".to_owned(),
        "http://a..b/".to_owned(),
        "http://xn--/".to_owned(),
        "http://:80/".to_owned(),
        "http://127.0.0.1:99999/".to_owned(),
        "file:///etc/passwd".to_owned(),
        "gopher://127.0.0.1/".to_owned(),
        "data:text/plain,x".to_owned(),
        "http:".to_owned(),
        "//".to_owned(),
    ];
    for trick in &tricks {
        let before = trap.connection_count();
        for path in ["/manifests/", "/blobs/"] {
            registry.fault(Fault::on(path, Action::redirect(trick)).always());
            let began = Instant::now();
            let error = refuses_of(
                &service,
                &reference(&registry),
                &[REDIRECT, POLICY, 40, 41],
                &none(),
                trick,
            );
            assert!(began.elapsed() < Duration::from_secs(2), "{trick}");
            assert!(!error.json.to_string().contains("hunter2"), "{error:?}");
            registry.clear_faults();
        }
        let realm = trick.replace('\\', "\\\\");
        let challenge = format!("Bearer realm=\"{realm}\",service=\"x\"");
        registry.fault(Fault::on("/manifests/", Action::challenge(401, &challenge)).always());
        let error = refuses_of(
            &service,
            &reference(&registry),
            // "http:" is the registry's own root, where no tokens are.
            &[PROTOCOL, POLICY, 40, 41, if trick == "http:" { NOT_FOUND } else { PROTOCOL }],
            &none(),
            trick,
        );
        assert!(error.json["what"].is_null(), "{error:?}");
        assert!(!error.json.to_string().contains("hunter2"), "{error:?}");
        registry.clear_faults();
        assert_eq!(trap.connection_count(), before, "{trick} led to the trap");
    }
    // An honest one beside them.
    let blob = image.blobs[&image.manifests[0].layers[0]].to_vec();
    let honest = bystander(ServerOptions::default().bind("127.0.0.2"), move |_| {
        Reply::new(200, Body::from(blob.clone()))
    });
    registry.fault(Fault::on(
        &image.manifests[0].layers[0],
        Action::redirect(&format!("{}/x?y=z#f", honest.url())),
    ));
    let layout = ocireg_testkit::tempdir();
    let destination = format!("oci:{}:x", layout.path().display());
    service.pull(None, &reference(&registry), &destination, &none()).expect("a redirect");
    assert_eq!(honest.requests()[0].target, "/x?y=z");
}

// C13: TLS that never comes to an end.

#[test]
fn handshakes_that_break() {
    let ca = Ca::default();
    let registry = Registry::tls(&ca);
    let image = small();
    image.push_to(&registry, "demo/app", "1");
    let certs = ocireg_testkit::tempdir();
    ca.write_certs_d(certs.path(), &registry.host(), None);
    let service = once(json!({"certs-dir": certs.path()}));
    let alert = |level, description| vec![21, 3, 3, 0, 2, level, description];
    let close_notify = alert(1, 0);
    let fragments: Vec<u8> = (0..2000).flat_map(|_| [22, 3, 3, 0, 1, 2]).collect();
    let empty: Vec<u8> = [22, 3, 3, 0, 0].repeat(20_000);
    let warnings: Vec<u8> = alert(1, 90).repeat(20_000);
    for fault in [
        ConnectFault::Close(Cut::Fin),
        ConnectFault::Close(Cut::Rst),
        ConnectFault::CloseAfterHello(Cut::Fin),
        ConnectFault::CloseAfterHello(Cut::Rst),
        ConnectFault::Garbage(close_notify),
        ConnectFault::Garbage(alert(2, 40)),
        ConnectFault::Garbage(warnings),
        ConnectFault::Garbage(fragments),
        ConnectFault::Garbage(empty),
        ConnectFault::Garbage(vec![22, 3, 3, 255, 255]),
        ConnectFault::Garbage(vec![0; 5]),
        ConnectFault::Garbage(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()),
        ConnectFault::Garbage(vec![22, 3, 3]),
        ConnectFault::SilenceAfterHello(Duration::from_secs(5)),
    ] {
        registry.connect_fault(fault.clone(), usize::MAX);
        let what = format!("{fault:?}").chars().take(100).collect::<String>();
        let fast = Service::bare(json!({
            "certs-dir": certs.path(), "retry": {"max-attempts": 1}, "timeouts": {"tls-ms": 500},
        }));
        let endpoint = fast
            .endpoint(&json!({"URL": registry.url(), "Version": "v2", "Official": false}))
            .expect("an endpoint");
        let session = endpoint.session(Some(&none())).expect("a session");
        let session = session.repository("demo/app").expect("a repository");
        let began = Instant::now();
        let error = session.get_manifest(None, Some("1"), &none()).expect_err("no TLS");
        assert!(began.elapsed() < Duration::from_secs(2), "{what} took {:?}", began.elapsed());
        assert!([TLS, TIMEOUT, DISCONNECTED].contains(&error.code), "{what}: {error:?}");
        assert_readable(&error, &what);
    }
    // Another registry of the same making, without faults.
    let sound = Registry::tls(&ca);
    image.push_to(&sound, "demo/app", "1");
    ca.write_certs_d(certs.path(), &sound.host(), None);
    let (_, bytes) = session(&service, &sound).get_manifest(None, None, &none()).expect("TLS");
    assert_eq!(bytes, image.bytes);
    for (at, cut) in [(0, Cut::Fin), (100, Cut::Fin), (100, Cut::Clean)] {
        sound.fault(Fault::on("/manifests/", Action::CutBody(at, cut)));
        let error = session(&service, &sound).get_manifest(None, None, &none()).expect_err("cut");
        assert_eq!(error.code, DISCONNECTED, "{error:?}");
    }
    // Without a length only TLS can tell a cut from the end.
    sound.fault(Fault::on("/tags/", Action::CloseDelimited).always());
    sound.fault(Fault::on("/tags/", Action::CutBody(20, Cut::Fin)).always());
    let error = session(&service, &sound).list_tags(None, &none()).expect_err("cut");
    assert!([DISCONNECTED, PROTOCOL].contains(&error.code), "{error:?}");
}

// Arguments.

#[test]
fn references_that_are_none() {
    let service = once(none());
    let dir = ocireg_testkit::tempdir();
    let place = format!("oci:{}:x", dir.path().join("new").display());
    for bad in [
        "",
        " ",
        "UPPER/case",
        "a:",
        ":a",
        "a@",
        "a@sha256:123",
        "a b",
        "-a",
        "a//b",
        "a/",
        "/a",
        "a:b:c",
        "a@b@c",
        "https://registry.example/a",
        "registry.example/a:tag:tag",
        "../../etc/passwd",
        "a/../b",
        "a\\b",
        "ä",
        "registry.example:port/a",
        "a_b.com/x",
        &"a".repeat(300),
        &format!("a:{}", "t".repeat(129)),
    ] {
        for error in [
            service.open(None, bad, &none()).err().map(|error| (error, "open")),
            service.inspect(None, bad, &none()).err().map(|error| (error, "inspect")),
            service.pull(None, bad, &place, &none()).err().map(|error| (error, "pull")),
        ] {
            let (error, call) = error.unwrap_or_else(|| panic!("{bad:?} was taken"));
            let what = format!("{call} {bad:?}");
            assert!(
                [INVALID_REFERENCE, INVALID_DIGEST, INVALID_ARGUMENT].contains(&error.code),
                "{what}: {error:?}"
            );
            assert_helpful(&error, error.code, &what);
        }
    }
    assert!(!dir.path().join("new").exists(), "a place was made for no image");
}

#[test]
fn options_that_are_wrong() {
    let registry = serving(&small());
    let service = once(none());
    let session = session(&service, &registry);
    let source = reference(&registry);
    let blob = small().manifests[0].layers[0].clone();
    let dir = ocireg_testkit::tempdir();
    let place = format!("oci:{}:x", dir.path().join("new").display());
    type Try<'a> = (&'a str, Vec<(&'a str, Value)>, Box<dyn Fn(&Value) -> Outcome<()> + 'a>);
    let (text, number, flag, list) = (json!("x"), json!(1), json!(true), json!(["x"]));
    let calls: Vec<Try<'_>> = vec![
        (
            "open",
            vec![
                ("auth", text.clone()),
                ("actions", text.clone()),
                ("registry", number.clone()),
                ("protocol", number.clone()),
            ],
            Box::new(|o| service.open(None, &source, o).map(drop)),
        ),
        (
            "list_tags",
            vec![("n", text.clone()), ("last", number.clone()), ("next", list.clone())],
            Box::new(|o| session.list_tags(None, o).map(drop)),
        ),
        (
            "get_manifest",
            vec![
                ("platform", number.clone()),
                ("accept", text.clone()),
                ("max_size", text.clone()),
                ("max_size", json!(-1)),
                ("max_size", json!(1.5)),
            ],
            Box::new(|o| session.get_manifest(None, None, o).map(drop)),
        ),
        (
            "head_manifest",
            vec![("accept", json!([1]))],
            Box::new(|o| session.head_manifest(None, None, o).map(drop)),
        ),
        (
            "open_blob",
            vec![
                ("size", text.clone()),
                ("size", json!(-1)),
                ("media_type", number.clone()),
                ("urls", text.clone()),
            ],
            Box::new(|o| session.open_blob(None, &blob, 0, o).map(drop)),
        ),
        (
            "pull",
            vec![
                ("auth", list.clone()),
                ("platform", flag.clone()),
                ("all_platforms", text.clone()),
                ("resume", number.clone()),
                ("nondistributable", json!(null)),
            ],
            Box::new(|o| service.pull(None, &source, &place, o).map(drop)),
        ),
        (
            "inspect",
            vec![("auth", flag.clone()), ("platform", list), ("config", number), ("layers", text)],
            Box::new(|o| service.inspect(None, &source, o).map(drop)),
        ),
    ];
    registry.clear();
    for (name, wrong, call) in &calls {
        for (key, value) in wrong {
            let mut options = json!({});
            options[*key] = value.clone();
            let what = format!("{name} {options}");
            let error = call(&options).err().unwrap_or_else(|| panic!("{what} was taken"));
            assert_eq!(error.code, INVALID_JSON, "{what}: {error:?}");
            assert!(error.argument().starts_with(key), "{what}: {error:?}");
            assert!(error.message.contains(key), "{what}: {error:?}");
            assert_readable(&error, &what);
        }
        let error = call(&json!({"no_such_key": 1})).expect_err("an unknown key");
        assert_helpful(&error, INVALID_JSON, name);
        assert_eq!(error.argument(), "no_such_key");
        for options in [json!([]), json!("x"), json!(1), json!(null)] {
            let error = call(&options).err().unwrap_or_else(|| panic!("{name} took {options}"));
            assert_eq!(error.code, INVALID_JSON, "{name} {options}: {error:?}");
        }
    }
    for (options, code) in [
        (json!({"platform": "nonsense/"}), INVALID_ARGUMENT),
        (json!({"platform": "linux/amd64", "all_platforms": true}), INVALID_ARGUMENT),
    ] {
        let error = service.pull(None, &source, &place, &options).expect_err("wrong");
        assert_eq!(error.code, code, "{options}: {error:?}");
    }
    for n in [0i64, -1, 1 << 40] {
        let error = session.list_tags(None, &json!({"n": n})).expect_err("wrong");
        assert!([INVALID_ARGUMENT, INVALID_JSON].contains(&error.code), "{n}: {error:?}");
    }
    for destination in
        ["", "oci:", "dir:/tmp/x", "/tmp/x", "docker://a/b", "oci-archive:", "oci:/tmp/x:bad tag"]
    {
        let error = service.pull(None, &source, destination, &none()).expect_err(destination);
        assert!(
            [INVALID_ARGUMENT, UNSUPPORTED, INVALID_REFERENCE].contains(&error.code),
            "{destination}: {error:?}"
        );
        assert_helpful(&error, error.code, destination);
    }
    for digest in ["", "sha256:", "sha256:xyz", "md5:d41d8cd98f00b204e9800998ecf8427e", "latest"] {
        let error = session.open_blob(None, digest, 0, &none()).err().expect("no digest");
        assert_helpful(&error, INVALID_DIGEST, digest);
    }
    for tag in ["", " ", "a b", "-x", &"t".repeat(129), "a/b"] {
        let error = session.get_manifest(None, Some(tag), &none()).expect_err(tag);
        assert!([INVALID_REFERENCE, INVALID_ARGUMENT].contains(&error.code), "{tag:?}: {error:?}");
        assert_readable(&error, tag);
    }
    assert!(registry.requests().is_empty(), "wrong arguments were sent: {:?}", registry.requests());
    assert!(!dir.path().join("new").exists(), "a place was made for no image");
}
