//! Secrets within the process: shown by no Debug output, and overwritten when nobody needs them any more.

use std::fmt::Debug;
use std::fs;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use crate::c_surface::children;
use crate::scene::*;
use ocireg::call::Call;
use ocireg::client::options::PullOptions;
use ocireg::credentials::{AuthConfig, Keyring, parse_auth_configs};
use ocireg::http::{Client, Request};
use ocireg::json::strict::Object;
use ocireg::registry::api_endpoint::ApiEndpoint;
use ocireg::registry::endpoint::Endpoint;
use ocireg::registry::options::ServiceOptions;
use ocireg::registry::service::Service;
use ocireg::registry::session::{OpenOptions, Session};
use ocireg::v1;
use ocireg::v1::transport::{Headers, Login};
use ocireg::v2::blob::BlobReader;
use ocireg::v2::foreign::Wanted;
use ocireg::v2::upload::{BlobWriter, PutOptions};
use ocireg_testkit::canary::{self, canary};
use ocireg_testkit::rig::bystander;
use ocireg_testkit::v1::{Policy, V1, archive};
use ocireg_testkit::{Action, Auth, Ca, Fault, Registry, Reply, ServerOptions, TokenServer};
use serde_json::json;
use zeroize::ZeroizeOnDrop;

fn shown(what: &str, value: &impl Debug) {
    for text in [format!("{value:?}"), format!("{value:#?}")] {
        canary::assert_none(what, &text);
        assert!(!text.is_empty());
    }
}

#[test]
fn d10_no_debug_output_shows_a_secret() {
    let canary = canary();
    let auth = json!({
        "username": "alice", "password": canary, "auth": canary, "identitytoken": canary,
        "registrytoken": canary, "serveraddress": format!("https://u:{canary}@registry.test"),
    });
    let config = AuthConfig::parse(&auth.to_string(), "auth").expect("credentials");
    shown("AuthConfig", &config);
    shown("OpenOptions", &OpenOptions { auth: Some(config), ..OpenOptions::default() });
    let map = json!({"registry.test": auth}).to_string();
    shown("auth configs", &parse_auth_configs(&map, "auths").expect("a map"));
    shown("an object", &Object::published(&map, "auths").expect("an object"));

    let (token, image) = (TokenServer::plain(), image());
    token.may_receive(&canary);
    token.change(|policy| policy.users = vec![("alice".into(), canary.clone())]);
    token.change(|policy| policy.anonymous_pull = false);
    let registry = Registry::start(ServerOptions::default(), Auth::bearer(&token));
    image.push_to(&registry, "demo/app", "1");
    let blobs = image.blobs.clone();
    let store = bystander(ServerOptions::default().bind("127.0.0.2"), move |request| {
        let digest = request.path().rsplit('/').next().unwrap_or_default();
        Reply::new(200, blobs[digest].clone())
            .with("Set-Cookie", &request.target)
            .with("Location", &request.target)
    });
    store.may_receive(&canary);
    registry.may_receive(&canary);
    let options = json!({
        "environment": false, "certs-dir": "", "docker-config": "",
        "credentials": {registry.host(): {"username": "alice", "password": canary}},
        "proxy": {"http-proxy": format!("http://u:{canary}@127.0.0.9:1")},
        "allow-plain-http-credentials": [registry.host(), token.host()],
        "allow-foreign-urls": [store.host()],
    });
    let parsed = ServiceOptions::parse(Some(&options.to_string())).expect("options");
    shown("ServiceOptions", &parsed);
    let keyring = json!({registry.host(): {"username": "alice", "password": canary}});
    let keyring = Keyring::read(Object::value(keyring, "credentials", true).expect("an object"));
    let keyring = keyring.expect("a keyring");
    shown("Keyring", &keyring);
    assert!(keyring.find(&registry.host(), "").is_some(), "the secret is there, only not shown");
    // No test goes through that proxy.
    let mut direct = options.clone();
    direct["proxy"] = json!("");
    let (service, run) = (Service::parse(&direct.to_string()).expect("a service"), Call::new(None));
    shown("Service", &Service::new(parsed).expect("a service"));
    let found = service.credentials_for(&registry.host(), "", &run).expect("credentials");
    shown("Found", &found);
    shown("Summary", &found.summary());

    let reference = app(&registry).parse().expect("a reference");
    let open = OpenOptions { actions: vec!["pull".into(), "push".into()], ..Default::default() };
    let session = Session::open(&service, &reference, &open, &run).expect("a session");
    let layer = image.manifests[0].layers[0].clone();
    registry.remove_blob("demo/app", &layer);
    let foreign = Wanted::new(
        layer.parse().expect("a digest"),
        None,
        "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
        &[format!("{}/{layer}?X-Amz-Signature={canary}", store.url())],
    );
    let reader = session
        .with_repository(&run, |r| BlobReader::open(Arc::new(r.clone()), &foreign, 0, &run))
        .expect("the layer is at the store");
    assert_eq!(store.requests().len(), 1);
    shown("BlobReader", &reader);
    let signed = format!("{}/v2/demo/app/blobs/uploads/1?signature={canary}", registry.url());
    registry.fault(Fault::on("/blobs/uploads/", Action::header("Location", &signed)));
    let writer = session
        .with_repository(&run, |r| BlobWriter::open(r.clone(), PutOptions::default(), &run))
        .expect("an upload");
    shown("BlobWriter", &writer);
    // The tokens are known by now.
    shown("Session", &session);
    shown("Session's service", service.common());
    let api =
        ApiEndpoint::parse(&json!({"URL": registry.url(), "Version": "v2"}).to_string(), "api");
    let endpoint = Endpoint::new(service.clone(), api.expect("an endpoint")).expect("an endpoint");
    shown("Endpoint", &endpoint);

    let client: &Client = &service.common().client;
    let identity = Default::default();
    let url = format!("{}/{layer}?sig={canary}", store.url()).parse().expect("a URL");
    let request = Request::get(url, &identity, "ask");
    let response = client.send(&request, &run).expect("an answer");
    assert!(format!("{:?}", response.headers).contains(&canary), "the secret is there");
    shown("Response", &response);
    shown("Client", client);
    shown("PullOptions", &PullOptions::default());
}

#[test]
fn d10_no_debug_output_of_protocol_v1_shows_a_secret() {
    let canary = canary();
    let options = || ServerOptions::default().tls(&Ca::default());
    let policy = Policy { cookies: true, ..Policy::user("alice", &canary) };
    let v1 = V1::with_index(options(), vec![options()], policy);
    let id = "5".repeat(64);
    v1.add_image("demo/app", "1", &json!({"id": id}), &archive::gzip(&[0; 1024]));
    for server in v1.servers() {
        server.may_receive(&canary);
        let more = [("Set-Cookie", format!("more={canary}")), ("X-Docker-Token", canary.clone())];
        for (name, value) in more {
            server.fault(Fault::on("/v1/", Action::header(name, &value)).always());
        }
    }
    let host = v1.index.host();
    let options = json!({
        "environment": false, "certs-dir": "", "docker-config": "",
        "credentials": {&host: {"username": "alice", "password": canary}},
        "allow-v1-endpoints": [v1.registry().host()],
        "insecure-registries": [v1.registry().host()],
    });
    let (service, run) =
        (Service::parse(&options.to_string()).expect("a service"), Call::new(None));
    let mut headers = Headers::default();
    headers.add("X-Meta", &canary).expect("a header");
    shown("Headers", &headers);
    let index = service.index(&host, &run).expect("an index");
    let endpoint = v1::Endpoint::new(&service, &index, headers, &run).expect("an endpoint");
    shown("an endpoint of v1", &endpoint);
    let session = v1::Session::new(&endpoint, None, &run).expect("a session");
    let data = session.get_repository_data("demo/app", &run).expect("data");
    // Its registry asks for the index's tokens, and this one is no token.
    let image = id.parse().expect("an id");
    assert!(session.get_remote_history(&image, &data.endpoints[0], &run).is_err());
    let sent = v1.registry().requests();
    assert!(sent.iter().any(|r| r.header("authorization") == Some(&format!("Token {canary}"))));
    assert!(sent.iter().any(|r| r.header("x-meta") == Some(&canary)));
    shown("a session of v1", &session);
    v1.registry().fault(Fault::on("/layer", Action::Status(200, Vec::new(), vec![0; 1024])));
    let layer = session.get_remote_image_layer(&image, &data.endpoints[0], None, &run);
    shown("a reader of v1", &layer.expect("a layer"));
    let json = json!({"id": id}).to_string().into_bytes();
    let writer = session.push_image_layer_registry(&image, &data.endpoints[0], json);
    shown("a writer of v1", &writer.expect("a writer"));
    let login = Login::Password {
        credentials: service
            .credentials_to_read(ocireg::credentials::Purpose::new(&host, ""), &run)
            .expect("credentials"),
        always: true,
    };
    shown("a login of v1", &login);
}

/// What holds secrets for longer than a call overwrites them; the compiler knows.
#[test]
fn d10_credentials_are_overwritten_when_they_are_dropped() {
    fn overwrites<T: ZeroizeOnDrop>() {}
    overwrites::<AuthConfig>();
    overwrites::<ocireg::auth::Authorization>();
    // Also what a document held that was not taken out of it.
    let mut value = json!({"a": ["secret", {"b": "secret"}], "c": 1});
    ocireg::json::strict::wipe(&mut value);
    assert_eq!(value, json!({"a": ["", {"b": ""}], "c": 1}));
}

/// Looks through the process's own memory: heap and stacks of every thread, what was freed, too.
///
/// Made before what it looks for is freed, because it would else get that memory for itself.
struct Memory {
    maps: Vec<u8>,
    piece: Vec<u8>,
}

impl Memory {
    /// Pages are read so many bytes at a time.
    const PIECE: usize = 1 << 16;

    fn new() -> Self {
        Self { maps: Vec::with_capacity(1 << 20), piece: vec![0; Self::PIECE] }
    }

    /// How often there is a text that is known only by its complement, so that looking for it does not put it there.
    fn count(&mut self, complement: &[u8]) -> usize {
        self.maps.clear();
        let mut maps = fs::File::open("/proc/self/maps").expect("Linux");
        maps.read_to_end(&mut self.maps).expect("what is mapped");
        let memory = fs::File::open("/proc/self/mem").expect("our own memory");
        let own = self.piece.as_ptr() as usize..self.piece.as_ptr() as usize + self.piece.len();
        let mut count = 0;
        for line in self.maps.split(|byte| *byte == b'\n') {
            let line = std::str::from_utf8(line).expect("text");
            let mut words = line.split_whitespace();
            let (Some(range), Some(mode)) = (words.next(), words.next()) else { continue };
            if !mode.starts_with("rw") {
                continue;
            }
            let (start, end) = range.split_once('-').expect("two ends");
            let number = |hex| usize::from_str_radix(hex, 16).expect("an address");
            let (mut at, end) = (number(start), number(end));
            while at < end {
                let read = memory.read_at(&mut self.piece, at as u64).unwrap_or(0).min(end - at);
                if read == 0 {
                    break;
                }
                for (offset, window) in self.piece[..read].windows(complement.len()).enumerate() {
                    let found = window.iter().zip(complement).all(|(a, b)| *a == !*b);
                    // The copies that are made here do not count.
                    count += usize::from(found && !own.contains(&(at + offset)));
                }
                // What lies across two pieces is in the second one whole.
                at += if read > complement.len() && at + read < end {
                    read - complement.len()
                } else {
                    read
                };
            }
        }
        count
    }
}

#[test]
fn d10_no_password_of_protocol_v1_stays_in_memory() {
    let name = "d10_no_password_of_protocol_v1_stays_in_memory";
    let Some(told) = children::told() else {
        let (canary, home) = (canary(), ocireg_testkit::tempdir());
        // What frees memory writes over its beginning: the end of a text is what would stay.
        let password = format!("{canary}.{canary}");
        let options = || ServerOptions::default().tls(&Ca::default());
        for v1 in [
            V1::with_index(options(), vec![options()], Policy::user("alice", &password)),
            V1::standalone(options(), Policy::user("alice", &password)),
        ] {
            v1.index.may_receive(&canary);
            home.may_hold(&canary);
            let image = json!({"id": "5".repeat(64)});
            v1.add_image("demo/app", "1", &image, &archive::gzip(&[0; 1024]));
            let pair = base64(&format!("alice:{password}"));
            let config = json!({"auths": {v1.index.host(): {"auth": pair}}});
            fs::write(home.path().join("config.json"), config.to_string()).expect("a file");
            let tell = [
                home.path().display().to_string(),
                v1.index.host(),
                v1.registry().host(),
                complement(&canary),
                complement(&pair[pair.len() - 32..]),
            ];
            children::expect_success(&mut children::command(name, &tell.join("\n")));
            assert!(v1.registry().requests().iter().any(|r| r.path().ends_with("/ancestry")));
        }
        return;
    };
    let told: Vec<&str> = told.split('\n').collect();
    let [home, index, registry, password, pair] = told[..] else { panic!("five lines") };
    let (password, pair) = (bytes(password), bytes(pair));
    let options = json!({
        "docker-config": home, "environment": false, "certs-dir": "",
        "allow-v1-endpoints": [registry], "insecure-registries": [registry],
    });
    let (service, run) =
        (Service::parse(&options.to_string()).expect("a service"), Call::new(None));
    let mut memory = Memory::new();
    let session =
        v1::Session::open(&service, index, None, &Default::default(), &run).expect("a session");
    let data = session.get_repository_data("demo/app", &run).expect("data");
    let image = "5".repeat(64).parse().expect("an id");
    session.get_remote_history(&image, &data.endpoints[0], &run).expect("a history");
    assert!(memory.count(&password) > 0, "the session knows the password");
    drop(session);
    drop(service);
    // It knows what the call sent, to mask it in what comes back.
    drop(run);
    assert_eq!((memory.count(&password), memory.count(&pair)), (0, 0));
}

/// A text that does not hold the other one: a child may not know a secret from its parent.
fn complement(text: &str) -> String {
    text.bytes().map(|b| format!("{:02x}", !b)).collect()
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len())
        .step_by(2)
        .map(|i| u8::from_str_radix(&hex[i..i + 2], 16).expect("hex"))
        .collect()
}

fn base64(text: &str) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(text)
}

#[test]
fn d10_no_password_stays_in_memory() {
    let name = "d10_no_password_stays_in_memory";
    let Some(told) = children::told() else {
        let (canary, image, home) = (canary(), image(), ocireg_testkit::tempdir());
        // What frees memory writes over its beginning: the end of a text is what would stay.
        let password = format!("{canary}.{canary}");
        let (registry, token) = (Registry::plain(), TokenServer::plain());
        token.change(|policy| policy.users = vec![("alice".into(), password.clone())]);
        token.change(|policy| policy.anonymous_pull = false);
        registry.may_receive(&canary);
        token.may_receive(&canary);
        home.may_hold(&canary);
        image.push_to(&registry, "demo/app", "1");
        for auth in [Auth::basic("alice", &password), Auth::bearer(&token)] {
            registry.set_auth(auth);
            let pair = base64(&format!("alice:{password}"));
            let config = json!({"auths": {registry.host(): {"auth": pair}}});
            fs::write(home.path().join("config.json"), config.to_string()).expect("a file");
            let tell = [
                home.path().display().to_string(),
                registry.host(),
                token.host(),
                complement(&canary),
                complement(&pair[pair.len() - 32..]),
            ];
            children::expect_success(&mut children::command(name, &tell.join("\n")));
        }
        return;
    };
    let told: Vec<&str> = told.split('\n').collect();
    let [home, registry, token, password, pair] = told[..] else { panic!("five lines") };
    let (password, pair) = (bytes(password), bytes(pair));
    let options = json!({
        "docker-config": home, "environment": false, "certs-dir": "",
        "allow-plain-http-credentials": [registry, token],
    });
    // Not by the helpers of other tests, which use freed memory at once for their own checks.
    let (service, run) =
        (Service::parse(&options.to_string()).expect("a service"), Call::new(None));
    let reference = format!("{registry}/demo/app:1").parse().expect("a reference");
    let mut memory = Memory::new();
    let session = Session::open(&service, &reference, &OpenOptions::default(), &run);
    let session = session.expect("a session");
    session.with_repository(&run, |r| r.tags(&Default::default(), &run)).expect("tags");
    // While it is needed it is there: the search finds what there is.
    assert!(memory.count(&password) > 0, "the session knows the password");
    drop(session);
    drop(service);
    // It knows what the call sent, to mask it in what comes back.
    drop(run);
    assert_eq!((memory.count(&password), memory.count(&pair)), (0, 0));
}
