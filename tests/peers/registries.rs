//! Registries, a token server and a proxy as they are in use: images go in and come out, and connections that break
//! anywhere cost time and nothing else. The peers are Go modules below tests/peers; Go builds them here.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::time::Duration;

use crate::c_surface::{Service, layouts};
use ocireg::call::Call;
use ocireg::error::{Code, Result};
use ocireg::image::Descriptor;
use ocireg::names::digest::{Algorithm, Digest};
use ocireg::names::reference::Reference;
use ocireg::registry::session::{OpenOptions, Session};
use ocireg::v2::blob::read_whole;
use ocireg::v2::upload::{BlobWriter, PutOptions};
use ocireg_testkit::cutter::Way;
use ocireg_testkit::image::Spec;
use ocireg_testkit::process::{self, program};
use ocireg_testkit::stage;
use ocireg_testkit::{
    Ca, Cncf, Cut, Cutter, Early, Peer, Reply, Server, ServerOptions, cncf, peer,
};
use serde_json::{Value, json};

/// How many connections are cut in each direction at each registry.
const CUTS: u64 = 200;

/// Of alice. The token server lets her into repositories that begin with her name.
const PASSWORD: &str = "wonderland";

const LIMIT: Duration = Duration::from_secs(60);

pub fn built(module: &str, package: &str) -> PathBuf {
    let module = stage::root().join("tests/peers").join(module);
    peer::build(&module, package, Path::new(env!("CARGO_TARGET_TMPDIR")))
}

static DISTRIBUTION: LazyLock<PathBuf> = LazyLock::new(|| built("distribution", "."));
static OLAREG: LazyLock<PathBuf> =
    LazyLock::new(|| built("olareg", "github.com/olareg/olareg/cmd/olareg"));
pub static CRANE: LazyLock<PathBuf> =
    LazyLock::new(|| built("crane", "github.com/google/go-containerregistry/cmd/crane"));
pub static ORAS: LazyLock<PathBuf> = LazyLock::new(|| built("oras", "oras.land/oras/cmd/oras"));
static TOKEN_SERVER: LazyLock<PathBuf> =
    LazyLock::new(|| built("token", "github.com/docker/distribution/contrib/token-server"));

/// A registry that somebody else wrote.
pub enum Registry {
    Cncf(Cncf),
    Other(Peer),
}

impl Registry {
    pub fn host(&self) -> String {
        match self {
            Self::Cncf(registry) => registry.host(),
            Self::Other(registry) => registry.host(),
        }
    }
}

pub fn distribution<'a>() -> cncf::Options<'a> {
    cncf::Options { program: Some(DISTRIBUTION.clone()), ..cncf::Options::default() }
}

pub fn olareg(store: &'static str) -> Registry {
    Registry::Other(Peer::start(&OLAREG, |port, directory| {
        let directory = directory.join("store");
        fs::create_dir_all(&directory).expect("a directory");
        ["serve", "--addr", "127.0.0.1", "--api-delete", "--port", &port.to_string()]
            .into_iter()
            .chain(["--store-type", store, "--dir", &directory.display().to_string()])
            .map(str::to_owned)
            .collect()
    }))
}

fn crane() -> Registry {
    Registry::Other(Peer::start(&CRANE, |port, _| {
        ["registry", "serve", "--address", &format!("127.0.0.1:{port}")].map(str::to_owned).into()
    }))
}

/// All of them, each for everybody, and whether it can tell what it has of an upload that was cut.
pub fn registries() -> Vec<(&'static str, bool, Registry)> {
    vec![
        ("Debian's docker-registry", false, Registry::Cncf(Cncf::start(&cncf::Options::default()))),
        ("distribution, files", true, Registry::Cncf(Cncf::start(&distribution()))),
        (
            "distribution, memory",
            true,
            Registry::Cncf(Cncf::start(&cncf::Options { in_memory: true, ..distribution() })),
        ),
        ("olareg, memory", true, olareg("mem")),
        ("olareg, files", true, olareg("dir")),
        ("crane", false, crane()),
    ]
}

fn options(more: Value) -> Value {
    let mut all = json!({
        "environment": false, "certs-dir": "", "docker-config": "", "hosts-dir": "",
        "registries-conf": "", "retry": {"initial-ms": 1, "max-ms": 20},
    });
    for (key, value) in more.as_object().expect("options are an object") {
        all[key] = value.clone();
    }
    all
}

/// A session that may push to `alice/app` of this host.
fn session_with(host: &str, more: Value, auth: &Value) -> Result<Session> {
    let service = ocireg::registry::service::Service::parse(&options(more).to_string())?;
    let reference = format!("{host}/alice/app").parse::<Reference>()?;
    let auth = ocireg::credentials::AuthConfig::parse(&auth.to_string(), "auth")?.decoded()?;
    let actions = vec!["pull".into(), "push".into()];
    let options = OpenOptions { auth: Some(auth), actions, ..OpenOptions::default() };
    Session::open(&service, &reference, &options, &Call::new(None))
}

fn session(host: &str) -> Session {
    session_with(host, json!({}), &json!({})).expect("a session")
}

fn put(session: &Session, options: &PutOptions, bytes: &[u8]) -> Result<Descriptor> {
    let run = Call::new(None);
    let mut writer = session.with_repository(&run, |repository| {
        BlobWriter::open(repository.clone(), options.clone(), &run)
    })?;
    for piece in bytes.chunks(30_000) {
        writer.write(piece, &run)?;
    }
    writer.commit(None, None, &run)
}

/// The blob as the registry has it, verified.
fn get(session: &Session, bytes: &[u8]) -> Result<Vec<u8>> {
    let run = Call::new(None);
    let digest = Digest::of(Algorithm::Sha256, bytes);
    let blob = Descriptor::new("application/octet-stream", digest, bytes.len() as u64);
    session.with_repository(&run, |repository| read_whole(repository, &blob, 1 << 30, &run))
}

/// Pseudo-random bytes: the same for the same seed, as many as are wanted.
pub fn random(seed: u64, size: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        state.wrapping_mul(0x2545_f491_4f6c_dd1d)
    };
    let mut bytes: Vec<u8> = Vec::with_capacity(size + 8);
    while bytes.len() < size {
        bytes.extend_from_slice(&next().to_le_bytes());
    }
    bytes.truncate(size);
    bytes
}

fn chunks(size: usize) -> PutOptions {
    PutOptions { chunk_size: Some(size), ..PutOptions::default() }
}

fn push_image(host: &str, image: &ocireg_testkit::image::Image, more: &[&str]) {
    let layout = ocireg_testkit::tempdir();
    image.write_layout(layout.path(), "1");
    let mut arguments = vec!["--all", "--dest-tls-verify=false"];
    arguments.extend_from_slice(more);
    let source = format!("oci:{}:1", layout.path().display());
    cncf::skopeo_copy(&source, &format!("docker://{host}/alice/app:1"), &arguments);
}

fn pull(service: &Service, reference: &str, image: &ocireg_testkit::image::Image, auth: &Value) {
    let layout = ocireg_testkit::tempdir();
    let destination = format!("oci:{}:x", layout.path().display());
    service
        .pull(None, reference, &destination, &json!({"auth": auth}))
        .unwrap_or_else(|e| panic!("{reference}: {e:?}"));
    layouts::assert_holds(layout.path(), image);
}

#[test]
fn images_and_blobs_go_in_and_come_out() {
    let image = Spec { platforms: vec!["linux/amd64".into()], ..Spec::default() }.build();
    for (name, _, registry) in registries() {
        let host = registry.host();
        push_image(&host, &image, &[]);
        let service = Service::bare(json!({}));
        let reference = format!("{host}/alice/app:1");
        pull(&service, &reference, &image, &json!({}));
        let inspected = service.inspect(None, &reference, &json!({})).expect("an image");
        assert_eq!(inspected["descriptor"]["digest"], image.digest, "{name}");
        let opened = service.open(None, &reference, &json!({})).expect("a session");
        let tags = opened.list_tags(None, &json!({})).expect("tags");
        assert_eq!(tags["tags"], json!(["1"]), "{name}");
        let (descriptor, bytes) = opened.get_manifest(None, Some("1"), &json!({})).expect("it");
        assert_eq!((&descriptor["digest"], &bytes), (&json!(image.digest), &image.bytes), "{name}");
        let head = opened.head_manifest(None, Some("1"), &json!({})).expect("it");
        assert_eq!(head["digest"], image.digest, "{name}");
        let error = opened.get_manifest(None, Some("2"), &json!({})).expect_err("no such tag");
        assert_eq!(error.code, 80, "{name}: {error:?}");

        let session = session(&host);
        for (seed, size, chunk) in
            [(1, 0, 10), (2, 1, 10), (3, 300_000, 1 << 20), (4, 300_000, 100_000)]
        {
            let bytes = random(seed, size);
            let put = put(&session, &chunks(chunk), &bytes)
                .unwrap_or_else(|e| panic!("{name}, {size} bytes in {chunk}: {e}"));
            assert_eq!(put.digest, Digest::of(Algorithm::Sha256, &bytes));
            assert!(get(&session, &bytes).expect("a blob") == bytes, "{name}, {size} bytes");
        }
        // From the middle, from the end, and from behind it.
        let bytes = random(4, 300_000);
        let digest = Digest::of(Algorithm::Sha256, &bytes).to_string();
        for offset in [1, 150_000, 299_999, 300_000] {
            let mut rest = Vec::new();
            opened
                .open_blob(None, &digest, offset, &json!({}))
                .and_then(|mut reader| reader.read_to_end(None, &mut rest))
                .unwrap_or_else(|e| panic!("{name}, from {offset}: {e:?}"));
            assert!(rest == bytes[offset as usize..], "{name}, from {offset}");
        }
        let error = opened.open_blob(None, &digest, 300_001, &json!({})).err().expect("nothing");
        assert_eq!(error.code, 1, "{name}: {error:?}");
        // What was promised is not what comes, and an upload that is given up: nothing is stored.
        let other =
            PutOptions { digest: Some(Digest::of(Algorithm::Sha256, b"other")), ..chunks(100_000) };
        let error = put_and_abort(&session, &other, &bytes).expect_err("another digest");
        assert_eq!(error.code(), Code::DigestMismatch, "{name}: {error}");
    }
}

/// As [`put`], but what fails is given up at the registry, which is no failure.
fn put_and_abort(session: &Session, options: &PutOptions, bytes: &[u8]) -> Result<Descriptor> {
    let run = Call::new(None);
    let mut writer = session.with_repository(&run, |repository| {
        BlobWriter::open(repository.clone(), options.clone(), &run)
    })?;
    let written = writer.write(bytes, &run).and_then(|()| writer.commit(None, None, &run));
    writer.abort(&run).expect("an end, whatever the registry says to that");
    written
}

#[test]
fn uploads_that_are_cut_anywhere_arrive_or_say_why() {
    for (name, tells, registry) in registries() {
        let (cutter, direct) = (Cutter::before(&registry.host()), session(&registry.host()));
        let through = session(&cutter.host());
        let (mut cuts, mut failures) = (0, 0);
        for n in 0..CUTS {
            let bytes = random(1000 + n, 200_000);
            // In one piece, and in chunks.
            let (options, whole) = match n % 2 {
                0 => (PutOptions::default(), true),
                _ => (chunks(60_000), false),
            };
            let at = random(n, 8).iter().fold(0u64, |sum, byte| sum * 256 + u64::from(*byte));
            let at = at % (bytes.len() as u64 + 2000);
            let how = if n % 4 < 2 { Cut::Rst } else { Cut::Fin };
            // One in ten loses an answer instead.
            let (way, at) = if n % 10 == 9 { (Way::Down, at % 1500) } else { (Way::Up, at) };
            cutter.cut(way, at, how);
            let result = put(&through, &options, &bytes);
            cuts += u64::from(cutter.clear());
            match result {
                Ok(_) => {
                    let stored = get(&direct, &bytes).unwrap_or_else(|e| {
                        panic!("{name}, cut {n} at {at}: it is not there: {e}")
                    });
                    assert!(stored == bytes, "{name}, cut {n} at {at}");
                }
                Err(error) => {
                    failures += 1;
                    assert!(!whole && !tells, "{name}, cut {n} at {at}: {error}");
                    assert_eq!(
                        error.code(),
                        Code::Disconnected,
                        "{name}, cut {n} at {at}: {error}"
                    );
                    assert!(error.is_retryable(), "{name}: {error}");
                    // It is not there, or it is right.
                    if let Ok(stored) = get(&direct, &bytes) {
                        assert!(stored == bytes, "{name}, cut {n} at {at}");
                    }
                    put(&through, &options, &bytes).expect("the call may be made again");
                }
            }
        }
        println!("{name}: {cuts} cuts, {failures} failures");
        assert!(cuts > CUTS * 9 / 10, "{name}: {cuts} connections were cut");
    }
}

#[test]
fn downloads_that_are_cut_anywhere_go_on() {
    for (name, _, registry) in registries() {
        let (cutter, direct) = (Cutter::before(&registry.host()), session(&registry.host()));
        let bytes = random(7, 200_000);
        put(&direct, &chunks(1 << 20), &bytes).expect("an upload");
        let through = session(&cutter.host());
        let mut cuts = 0;
        for n in 0..CUTS {
            let at = random(n, 8).iter().fold(0u64, |sum, byte| sum * 256 + u64::from(*byte));
            let at = at % (bytes.len() as u64 + 400);
            let how = if n % 2 == 0 { Cut::Rst } else { Cut::Fin };
            cutter.cut(Way::Down, at, how);
            let got =
                get(&through, &bytes).unwrap_or_else(|e| panic!("{name}, cut {n} at {at}: {e}"));
            assert!(got == bytes, "{name}, cut {n} at {at}");
            cuts += u64::from(cutter.clear());
        }
        assert!(cuts > CUTS * 9 / 10, "{name}: {cuts} connections were cut");
    }
}

#[test]
fn a_registry_with_passwords_lets_its_users_in() {
    let htpasswd = vec![("alice", PASSWORD)];
    let image = Spec { platforms: vec!["linux/amd64".into()], ..Spec::default() }.build();
    let registry = Cncf::start(&cncf::Options { htpasswd, ..distribution() });
    let host = registry.host();
    push_image(&host, &image, &[&format!("--dest-creds=alice:{PASSWORD}")]);
    check_login(&host, json!({"allow-plain-http-credentials": [host]}), &image);
}

#[test]
fn a_registry_with_dockers_token_server_lets_its_users_in() {
    let directory = ocireg_testkit::tempdir();
    let at = |name: &str| directory.path().join(name).display().to_string();
    let run = |name: &str, package: &str, arguments: &[&str]| {
        let mut command = Command::new(program(name, package));
        process::run(command.args(arguments), LIMIT).expect("run it").expect_success()
    };
    let (key, certificate, users) = (at("key.pem"), at("certificate.pem"), at("htpasswd"));
    run(
        "openssl",
        "openssl",
        &["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", &key],
    );
    run(
        "openssl",
        "openssl",
        &[
            "req",
            "-x509",
            "-new",
            "-key",
            &key,
            "-subj",
            "/CN=tokens",
            "-days",
            "2",
            "-out",
            &certificate,
        ],
    );
    let lines = run("htpasswd", "apache2-utils", &["-Bbn", "-C", "4", "alice", PASSWORD]);
    fs::write(&users, lines).expect("the users");
    let server = Peer::start(&TOKEN_SERVER, |port, _| {
        let address = format!("127.0.0.1:{port}");
        [
            "-addr", &address, "-issuer", "tokens", "-realm", "tokens", "-key", &key, "-passwd",
            &users,
        ]
        .map(str::to_owned)
        .into()
    });
    let auth = json!({"token": {
        "realm": format!("http://{}/token/", server.host()), "service": "registry",
        "issuer": "tokens", "rootcertbundle": certificate,
    }});
    let registry = Cncf::start(&cncf::Options { auth: Some(auth), ..cncf::Options::default() });
    let host = registry.host();
    let image = Spec { platforms: vec!["linux/amd64".into()], ..Spec::default() }.build();
    push_image(&host, &image, &[&format!("--dest-creds=alice:{PASSWORD}")]);
    let trusted = json!({"allow-plain-http-credentials": [host, server.host()]});
    check_login(&host, trusted, &image);
}

/// Logs in, pulls, puts; and with a wrong password nothing of it.
fn check_login(host: &str, trusted: Value, image: &ocireg_testkit::image::Image) {
    let reference = format!("{host}/alice/app:1");
    let config = ocireg_testkit::tempdir();
    let mut all = trusted.clone();
    all["docker-config"] = json!(config.path());
    let service = Service::bare(all);
    let auth =
        |password: &str| json!({"username": "alice", "password": password, "serveraddress": host});
    let error = service.login(&auth("wrong")).expect_err("a wrong password");
    assert_eq!(error.code, 60, "{error:?}");
    let error = service.pull(None, &reference, "oci:/nowhere", &json!({"auth": auth("wrong")}));
    assert_eq!(error.expect_err("a wrong password").code, 60);
    service.login(&auth(PASSWORD)).expect("a login");
    pull(&service, &reference, image, &auth(PASSWORD));
    let session = session_with(host, trusted, &auth(PASSWORD)).expect("a session");
    for chunk in [1 << 20, 100_000] {
        let bytes = random(chunk as u64, 300_000);
        put(&session, &chunks(chunk), &bytes).expect("an upload");
        assert!(get(&session, &bytes).expect("a blob") == bytes);
    }
}

#[test]
fn a_registry_that_is_a_cache_gives_on_what_it_gets() {
    let image = Spec { platforms: vec!["linux/amd64".into()], ..Spec::default() }.build();
    let origin = Cncf::start(&distribution());
    push_image(&origin.host(), &image, &[]);
    let url = format!("http://{}", origin.host());
    let cache = Cncf::start(&cncf::Options { proxy_of: Some(url), ..distribution() });
    let service = Service::bare(json!({}));
    for _ in 0..2 {
        pull(&service, &format!("{}/alice/app:1", cache.host()), &image, &json!({}));
    }
    // Nothing can be put there, and it says so.
    let error = put(&session(&cache.host()), &chunks(100), b"bytes").expect_err("a cache");
    assert_eq!(error.code(), Code::Unsupported, "{error}");
}

/// A TLS proxy before a registry that lets no larger bodies through than this.
fn limiting(ca: &Ca, to: &str, most: usize) -> Server {
    let to: std::net::SocketAddr = to.parse().expect("an address");
    let proxy = Server::start(ServerOptions::default().tls(ca), move |request, conn| {
        use std::io::{Read, Write};
        let mut server = std::net::TcpStream::connect(to)?;
        let mut head =
            format!("{} {} HTTP/1.1\r\nConnection: close\r\n", request.method, request.target);
        for (name, value) in &request.headers {
            if !name.eq_ignore_ascii_case("connection") {
                head += &format!("{name}: {value}\r\n");
            }
        }
        head += "X-Forwarded-Proto: https\r\n\r\n";
        server.write_all(head.as_bytes())?;
        server.write_all(&request.body)?;
        let mut answer = Vec::new();
        server.read_to_end(&mut answer)?;
        conn.send(&answer)?;
        conn.cut(Cut::Clean);
        Ok(())
    });
    for method in ["POST", "PATCH", "PUT"] {
        let page = Reply::new(413, b"<html>413 Request Entity Too Large</html>".to_vec())
            .with("Content-Type", "text/html")
            .with("Connection", "close");
        proxy.early(Early::on(method, page).over(most).linger(Duration::from_millis(200)).always());
    }
    proxy
}

#[test]
fn a_proxy_that_limits_bodies_gets_smaller_ones() {
    let (ca, certs) = (Ca::default(), ocireg_testkit::tempdir());
    let bytes = random(9, 5_000_000);
    for (name, _, registry) in registries() {
        for (most, works) in [(1 << 20, true), (100_000, false)] {
            let proxy = limiting(&ca, &registry.host(), most);
            ca.write_certs_d(certs.path(), &proxy.host(), None);
            let session =
                session_with(&proxy.host(), json!({"certs-dir": certs.path()}), &json!({}))
                    .expect("a session");
            for chunk in [8 << 20, 4 << 20] {
                let result = put(&session, &chunks(chunk), &bytes);
                if works {
                    result.unwrap_or_else(|e| panic!("{name}, chunks of {chunk}: {e}"));
                    assert!(get(&session, &bytes).expect("a blob") == bytes, "{name}");
                } else {
                    let error = result.expect_err("nothing so large gets through");
                    assert_eq!(error.details().http_status, Some(413), "{name}: {error}");
                }
            }
        }
    }
}
