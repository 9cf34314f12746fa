//! Mirrors of containerd's hosts.toml and of containers' registries.conf: who is asked, in which order, and what becomes of those
//! that fail. The upstream is `upstream.test`, which cannot be found: whatever comes, comes from a mirror.

use std::fs;
use std::ops::Deref;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ocireg_testkit::fault::{Action, Fault};
use ocireg_testkit::image::{Image, Spec};
use ocireg_testkit::process::ClosedPort;
use ocireg_testkit::rig::{assert_canary_nowhere, bystander, canary};
use ocireg_testkit::rootfs::{self, Entry, Layers, Stored};
use ocireg_testkit::server::{BlackHole, Cut};
use ocireg_testkit::{Auth, Ca, Registry, Reply, Server, ServerOptions, TempDir, tempdir};
use serde_json::{Value, json};

use crate::c_surface::Service;
use crate::scene::{
    CERTIFICATE, DIGEST_MISMATCH, NOT_FOUND, POLICY, alice, assert_bare, fails, image, pull, pulls,
    requests, service,
};

const INVALID_CONFIG: i32 = 7;
const UNSUPPORTED: i32 = 8;

/// An image of the upstream.
const APP: &str = "upstream.test/demo/app:1";

fn none() -> Value {
    json!({})
}

/// A registry that has the image as demo/app:1.
fn having(image: &Image) -> Registry {
    let registry = Registry::plain();
    image.push_to(&registry, "demo/app", "1");
    registry
}

/// Configuration files in a directory of their own.
struct Files(TempDir);

impl Files {
    fn new() -> Self {
        Self(tempdir())
    }

    /// The hosts.toml of the upstream.
    fn hosts(text: &str) -> Self {
        let files = Self::new();
        files.write("hosts/upstream.test/hosts.toml", text);
        files
    }

    /// A registries.conf.
    fn conf(text: &str) -> Self {
        let files = Self::new();
        files.write("registries.conf", text);
        files
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.at(name);
        fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
        fs::write(&path, text).expect("a file");
        path
    }

    /// The same with the files.
    fn kept(self, options: Value) -> Kept {
        Kept(self.service(options), self)
    }

    /// A service that reads those files that there are.
    fn service(&self, options: Value) -> Service {
        let mut all =
            json!({"resolve": {"upstream.test": [], "docker.io": [], "registry-1.docker.io": []}});
        for (option, name) in [("hosts-dir", "hosts"), ("registries-conf", "registries.conf")] {
            if self.at(name).exists() {
                all[option] = json!(self.at(name));
            }
        }
        for (key, value) in options.as_object().expect("options are an object") {
            all[key] = value.clone();
        }
        service(all)
    }
}

/// A service with the files that it reads.
struct Kept(Service, #[allow(dead_code)] Files);

impl Deref for Kept {
    type Target = Service;

    fn deref(&self) -> &Service {
        &self.0
    }
}

/// The lines of hosts.toml for these servers, in order.
fn hosts_of(servers: &[&Server]) -> String {
    servers.iter().map(|server| format!("[host.\"{}\"]\n", server.url())).collect()
}

/// The endpoints of a reference, each as "url source", and why it is skipped.
fn endpoints(service: &Service, reference: &str) -> Vec<String> {
    told(&service.resolve_endpoints(reference, &none()).expect("endpoints"))
}

fn told(endpoints: &Value) -> Vec<String> {
    let told = |endpoint: &Value| {
        let text = |key: &str| endpoint[key].as_str().unwrap_or_default().to_owned();
        let shown = format!("{} {} {}", text("url"), text("source"), text("skipped"));
        shown.trim_end().to_owned()
    };
    endpoints["endpoints"].as_array().expect("a list").iter().map(told).collect()
}

fn url_of(report: &Value) -> &str {
    report["endpoint"]["url"].as_str().expect("an endpoint")
}

#[test]
fn each_host_is_asked_for_what_it_may_give_and_told_whose_images_are_meant() {
    let image = image();
    let (blobs, tags) = (having(&image), having(&image));
    let files = Files::hosts(&format!(
        "[host.\"{}\"]\ncapabilities = [\"pull\"]\n[host.\"{}\"]\ncapabilities = [\"Resolve\", \"pull\"]\n",
        blobs.url(),
        tags.url()
    ));
    let report = pulls(&files.service(none()), APP, &none(), &image);
    assert_eq!(report["endpoint"]["mirror"], true);
    assert!(requests(&blobs, "/manifests/1").is_empty(), "no tag is resolved by who may not");
    assert_eq!(requests(&tags, "/manifests/1").len(), 1);
    assert_eq!(requests(&blobs, "/blobs/").len(), 3);
    assert!(requests(&tags, "/blobs/").is_empty());
    for request in blobs.requests().iter().chain(&tags.requests()) {
        assert_eq!(request.query("ns"), ["upstream.test"], "{request:?}");
    }
    // By digest the first is good for all of it.
    let by_digest = format!("upstream.test/demo/app@{}", image.digest);
    tags.clear();
    assert_eq!(url_of(&pulls(&files.service(none()), &by_digest, &none(), &image)), blobs.url());
    assert!(tags.requests().is_empty());
    // Nobody may say what a tag names.
    let alone = format!("server = \"{0}\"\ncapabilities = [\"pull\"]\n", blobs.url());
    let failure = fails(&Files::hosts(&alone).kept(none()), APP, &none(), UNSUPPORTED);
    assert!(failure.json["hint"].as_str().expect("a hint").contains("resolve"), "{failure:?}");
}

#[test]
fn a_host_has_the_root_that_its_file_says() {
    let image = image();
    let registry = Registry::plain();
    image.push_to(&registry, "demo/app", "1");
    image.push_to(&registry, "cache/demo/app", "1");
    for (address, override_path, root) in [
        ("", false, "/v2/demo/app/"),
        ("/", false, "/v2/demo/app/"),
        ("/v2", false, "/v2/demo/app/"),
        ("/v2/", true, "/v2/demo/app/"),
        ("/v2/cache", true, "/v2/cache/demo/app/"),
    ] {
        registry.clear();
        let text =
            format!("[host.\"{}{address}\"]\noverride_path = {override_path}\n", registry.url());
        pulls(&Files::hosts(&text).kept(none()), APP, &none(), &image);
        assert_eq!(requests(&registry, root).len(), 4, "{address}: {:?}", registry.requests());
    }
    // A path that is not the whole root comes before it.
    let text = format!("[host.\"{}/proxy\"]\n", registry.url());
    registry.clear();
    fails(&Files::hosts(&text).kept(none()), APP, &none(), NOT_FOUND);
    assert!(!requests(&registry, "/proxy/v2/demo/app/").is_empty(), "{:?}", registry.requests());
}

#[test]
fn the_directory_of_a_registry_is_found_by_its_spellings() {
    let files = Files::new();
    let hosts = |name: &str| {
        files.write(&format!("hosts/{name}/hosts.toml"), &format!("[host.\"https://{name}.of\"]"));
    };
    let service = files.service(json!({"hosts-dir": files.at("hosts"), "resolve": {"*": []}}));
    let first = |reference: &str| endpoints(&service, reference)[0].clone();
    assert_eq!(first("r.test:5000/app"), "https://r.test:5000 default");
    // The port's colon cannot stand in an address, so the file says less than its directory's name.
    files.write("hosts/_default/hosts.toml", "server = \"https://default.of\"");
    assert_eq!(first("r.test:5000/app"), "https://default.of hosts.toml");
    files.write("hosts/r.test:5000/hosts.toml", "[host.\"https://colon.of\"]");
    assert_eq!(first("r.test:5000/app"), "https://colon.of hosts.toml");
    hosts("r.test_5000_");
    assert_eq!(first("r.test:5000/app"), "https://r.test_5000_.of hosts.toml");
    for other in ["r.test/app", "r.test:5001/app", "busybox"] {
        assert_eq!(first(other), "https://default.of hosts.toml", "{other}");
    }
    hosts("docker.io");
    assert_eq!(
        endpoints(&service, "index.docker.io/library/busybox"),
        ["https://docker.io.of hosts.toml", "https://registry-1.docker.io hosts.toml"]
    );
    // The mirrors of an own server are the registry itself, and told nothing of it.
    files.write("hosts/docker.io/hosts.toml", "server = \"https://registry-1.docker.io/v2/\"");
    let found = service.resolve_endpoints("busybox", &none()).expect("endpoints");
    assert_eq!(found["endpoints"][0]["mirror"], false, "{found}");
    // A directory without a word about hosts is a directory of certificates.
    let ca = Ca::default();
    fs::create_dir_all(files.at("hosts/certs.test")).expect("a directory");
    ca.write(&files.at("hosts/certs.test/any.crt"));
    assert_eq!(endpoints(&service, "certs.test/app"), ["https://certs.test hosts.toml"]);
}

#[test]
fn hosts_are_verified_unless_their_file_says_otherwise() {
    let image = image();
    let ca = Ca::default();
    let mirror = Registry::tls(&ca);
    image.push_to(&mirror, "demo/app", "1");
    let files = Files::hosts(&hosts_of(&[&mirror]));
    // This machine's addresses are insecure for Docker, and the file does not say so.
    let failure = fails(&files.service(none()), APP, &none(), CERTIFICATE);
    assert!(failure.json["attempts"].as_array().is_some_and(|all| all.len() == 2), "{failure:?}");
    for (line, insecure) in [
        ("skip_verify = true", true),
        ("ca = \"ca.crt\"", false),
        ("ca = [\"ca.crt\"]\nskip_verify = false", false),
    ] {
        let files = Files::hosts(&format!("{}{line}\n", hosts_of(&[&mirror])));
        ca.write(&files.at("hosts/upstream.test/ca.crt"));
        let service = files.service(none());
        pulls(&service, APP, &none(), &image);
        let found = service.resolve_endpoints(APP, &none()).expect("endpoints");
        assert_eq!(found["endpoints"][0]["insecure"], insecure, "{line}: {found}");
    }
}

#[test]
fn a_host_gets_its_client_certificate_from_one_file_or_two() {
    let (image, ca) = (image(), Ca::default());
    let mirror = Registry::start(ServerOptions::default().tls_with_clients(&ca), Auth::None);
    image.push_to(&mirror, "demo/app", "1");
    for client in
        ["[[\"c.cert\", \"c.key\"]]", "[[\"both.pem\", \"\"]]", "\"both.pem\"", "[\"both.pem\"]"]
    {
        let files =
            Files::hosts(&format!("{}ca = \"ca.crt\"\nclient = {client}\n", hosts_of(&[&mirror])));
        let directory = files.at("hosts/upstream.test");
        ca.write(&directory.join("ca.crt"));
        let (certificate, key) = ca.client("alice").write(&directory, "client");
        let read = |path: &Path| fs::read_to_string(path).expect("a PEM file");
        fs::write(directory.join("both.pem"), read(&certificate) + &read(&key)).expect("a file");
        fs::rename(certificate, directory.join("c.cert")).expect("a rename");
        fs::rename(key, directory.join("c.key")).expect("a rename");
        pulls(&files.service(none()), APP, &none(), &image);
    }
}

#[test]
fn a24_headers_of_a_host_reach_nobody_else() {
    let (image, secret) = (image(), canary());
    let (mirror, store) =
        (having(&image), Registry::start(ServerOptions::default().bind("127.0.0.2"), Auth::None));
    image.push_to(&store, "demo/app", "1");
    mirror.may_receive(&secret);
    let (layer, other) = (&image.manifests[0].layers[0], &image.manifests[0].layers[1]);
    let there = format!("{}/v2/demo/app/blobs/{layer}", store.url());
    mirror.fault(Fault::on(layer, Action::redirect(&there)).always());
    mirror.fault(Fault::on(other, Action::status(404)).always());
    let next = having(&image);
    let text = format!(
        "[host.\"{}\"]\n[host.\"{}\".header]\nX-Token = [\"{secret}\", \"second\"]\nAuthorization = \"Basic {secret}\"\n[host.\"{}\"]\n",
        mirror.url(),
        mirror.url(),
        next.url()
    );
    let files = Files::hosts(&text);
    files.0.may_hold(&secret);
    pulls(&files.service(none()), APP, &none(), &image);
    for request in mirror.requests() {
        let all: Vec<_> = request.headers.iter().filter(|(name, _)| name == "x-token").collect();
        assert_eq!(all.len(), 2, "{request:?}");
        assert_eq!(request.header("authorization"), Some(format!("Basic {secret}").as_str()));
    }
    assert!(!requests(&store, layer).is_empty() && !requests(&next, other).is_empty());
    assert_canary_nowhere(&[&store, &next], &secret);
    assert_bare(&store.requests());
}

#[test]
fn a14_credentials_of_the_upstream_are_for_no_mirror() {
    let (image, secret, own) = (image(), canary(), canary());
    let mirror = having(&image);
    mirror.set_auth(Auth::basic("mirror", &own));
    let next = having(&image);
    for (files, name) in [
        (Files::hosts(&hosts_of(&[&mirror, &next])), "hosts.toml"),
        (
            Files::conf(&format!(
                "[[registry]]\nlocation = \"upstream.test\"\n[[registry.mirror]]\nlocation = \"{}\"\n[[registry.mirror]]\nlocation = \"{}\"\n",
                mirror.host(),
                next.host()
            )),
            "registries.conf",
        ),
    ] {
        let given = json!({"upstream.test": {"username": "alice", "password": secret}});
        let allowed = [mirror.host(), next.host(), "upstream.test".to_owned()];
        let service =
            files.service(json!({"credentials": given, "allow-plain-http-credentials": allowed}));
        let report = pulls(&service, APP, &alice(&secret), &image);
        assert_eq!(url_of(&report), next.url(), "{name}: a 401 of a mirror is no last word");
        assert_canary_nowhere(&[&mirror, &next], &secret);
        // Its own are for it alone.
        mirror.may_receive(&own);
        let given = json!({mirror.host(): {"username": "mirror", "password": own}});
        let service =
            files.service(json!({"credentials": given, "allow-plain-http-credentials": allowed}));
        assert_eq!(url_of(&pulls(&service, APP, &alice(&secret), &image)), mirror.url(), "{name}");
        assert_canary_nowhere(&[&next], &own);
    }
}

#[test]
fn f17_a_mirror_that_does_not_answer_is_passed_over_for_a_while() {
    let image = image();
    let (dead, good) = (having(&image), having(&image));
    dead.connect_fault(ocireg_testkit::server::ConnectFault::Close(Cut::Rst), usize::MAX);
    let service = Files::hosts(&hosts_of(&[&dead, &good])).kept(none());
    assert_eq!(url_of(&pulls(&service, APP, &none(), &image)), good.url());
    let asked = dead.connection_count();
    assert!(asked > 0);
    assert_eq!(url_of(&pulls(&service, APP, &none(), &image)), good.url());
    assert_eq!(dead.connection_count(), asked, "it is not asked again");
    let files = Files::hosts(&hosts_of(&[&dead, &good]));
    let service = files.service(none());
    pulls(&service, APP, &none(), &image);
    let found = endpoints(&service, APP);
    assert!(found[0].contains("it did not answer"), "{found:?}");
    assert!(!found[1].contains("it did not"), "{found:?}");
    // The upstream is asked even so: there is nobody else.
    let down = ClosedPort::new();
    let alone = format!("server = \"http://127.0.0.1:{}\"\n", down.number());
    let service = Files::hosts(&alone).kept(none());
    for _ in 0..2 {
        let failure = pull(&service, APP, &none()).err().expect("nobody is there");
        assert_eq!(failure.code, 41, "{failure:?}");
    }
}

#[test]
fn a_404_counts_against_nobody() {
    let image = image();
    let (partial, good) = (having(&image), having(&image));
    let missing = &image.manifests[0].layers[0];
    partial.fault(Fault::on(missing, Action::status(404)).always());
    let service = Files::hosts(&hosts_of(&[&partial, &good])).kept(none());
    for _ in 0..2 {
        partial.clear();
        pulls(&service, APP, &none(), &image);
        // What it has comes from it, what it lacks from the next.
        assert_eq!(requests(&partial, "/blobs/").len(), 3);
        assert_eq!(requests(&partial, "/manifests/").len(), 1);
    }
    assert_eq!(requests(&good, "/blobs/").len(), 2);
    assert!(endpoints(&service, APP).iter().all(|endpoint| endpoint.ends_with("hosts.toml")));
}

#[test]
fn f9_a_mirror_that_sends_wrong_bytes_is_not_asked_again() {
    let image = image();
    let layer = image.manifests[0].layers[1].clone();
    let size = image.blobs[&layer].to_vec().len();
    for (part, action) in [
        (layer.as_str(), Action::Flip(3)),
        (layer.as_str(), Action::LengthOff(-1)),
        (layer.as_str(), Action::ReplaceBody(vec![7; size + 9])),
        ("/manifests/", Action::Flip(5)),
    ] {
        let (liar, good) = (having(&image), having(&image));
        liar.fault(Fault::on(part, action.clone()).method("GET").always());
        let service = Files::hosts(&hosts_of(&[&liar, &good])).kept(none());
        pulls(&service, APP, &none(), &image);
        assert_eq!(requests(&liar, part).len(), 1, "{action:?}: the other mirror comes first");
        let found = endpoints(&service, APP);
        assert!(found[0].ends_with("it sent wrong bytes"), "{action:?}: {found:?}");
        liar.clear();
        pulls(&service, APP, &none(), &image);
        assert!(liar.requests().is_empty(), "{action:?}: {:?}", liar.requests());
    }
    // An image whose manifest is wrong about a size harms no mirror.
    let (mirror, other) = (having(&image), having(&image));
    for registry in [&mirror, &other] {
        crate::scene::push_changed(registry, &image, |manifest| {
            manifest["layers"][0]["size"] = json!(1);
        });
    }
    let service = Files::hosts(&hosts_of(&[&mirror, &other])).kept(none());
    pull(&service, APP, &none()).err().expect("the size is wrong");
    assert!(endpoints(&service, APP).iter().all(|endpoint| !endpoint.contains("wrong")));
}

/// What was made of wrong bytes cannot be told from the rest: the next mirror gives all of it.
#[test]
fn f9_an_unpack_begins_again_where_a_mirror_sent_wrong_bytes() {
    let text = "x".repeat(100_000);
    let file = |name: &str, data: &str| Entry::file(name, data);
    let first: &[Entry] = &[file("a", "1"), file("kept", &text)];
    let second: &[Entry] = &[file("b", "2"), file(".wh.a", ""), file("c", &text)];
    let other = rootfs::archive(&[file("evil", "3").owner(7, 7), file(".wh.kept", "")]);
    for stored in [Stored::Plain, Stored::Gzip] {
        let image = Layers { stored, ..Layers::entries(&[first, second]) }.image();
        let layer = image.manifests[0].layers[1].clone();
        let size = image.blobs[&layer].to_vec().len();
        let last = size as u64 - 1;
        let both = [having(&image), having(&image)];
        let unpacked = |service: &Service, directory: &TempDir| {
            let root = directory.path().join("root").display().to_string();
            let map = json!([{"container": 0, "host": 0, "size": 1}]);
            let options = json!({"ownership": "preserve", "uid_map": map, "gid_map": map});
            let options = if rustix::process::geteuid().is_root() { options } else { none() };
            service.unpack(None, APP, &root, &options)
        };
        for action in [
            Action::Flip(3),
            Action::Flip(110),
            Action::Flip(last / 2),
            Action::Flip(last),
            Action::LengthOff(-1),
            // An archive with an owner that has no mapping, and one that is too long.
            Action::ReplaceBody([other.clone(), vec![0; size]].concat()[..size].to_vec()),
            Action::ReplaceBody([image.blobs[&layer].to_vec(), vec![0; 9]].concat()),
        ] {
            let [liar, good] = &both;
            let servers = [liar, good].map(|registry| &**registry);
            liar.clear();
            liar.fault(Fault::on(&layer, action.clone()).method("GET").always());
            let service = Files::hosts(&hosts_of(&servers)).kept(none());
            let directory = tempdir();
            let report = unpacked(&service, &directory)
                .unwrap_or_else(|e| panic!("{stored:?}, {action:?}: {e:?}"));
            assert_eq!(report["entries"], 5, "{action:?}");
            assert_eq!(requests(liar, &layer).len(), 1, "{action:?}");
            let root = directory.path().join("root");
            let read = |name: &str| fs::read_to_string(root.join(name)).expect(name);
            assert_eq!(
                (read("kept"), read("b"), read("c")),
                (text.clone(), "2".into(), text.clone())
            );
            assert!(!root.join("evil").exists() && !root.join("a").exists(), "{action:?}");
            assert_eq!(fs::read_dir(directory.path()).expect("names").count(), 1, "{action:?}");
            let found = endpoints(&service, APP);
            assert!(found[0].ends_with("it sent wrong bytes"), "{action:?}: {found:?}");
            // Bytes that were written already cannot be taken back: the next call has better ones. A length is wrong before that.
            let is_told = match &action {
                Action::LengthOff(_) => true,
                Action::ReplaceBody(body) => body.len() != size,
                _ => false,
            };
            let service = Files::hosts(&hosts_of(&servers)).kept(none());
            let export = || {
                let file = tempfile::tempfile().expect("a file");
                service.export(None, APP, file.as_raw_fd(), &none()).map_err(|error| error.code)
            };
            let expected = if is_told { Ok(()) } else { Err(DIGEST_MISMATCH) };
            assert_eq!(export().map(drop), expected, "{action:?}");
            assert_eq!(export().map(drop), Ok(()), "{action:?}");
            // And if all are wrong, nothing is left.
            good.fault(Fault::on(&layer, action.clone()).method("GET").always());
            let service = Files::hosts(&hosts_of(&servers)).kept(none());
            let directory = tempdir();
            let code = unpacked(&service, &directory).expect_err("wrong bytes").code;
            // After a wrong length the upstream was asked, too.
            assert!(is_told || code == DIGEST_MISMATCH, "{action:?}: {code}");
            assert_eq!(fs::read_dir(directory.path()).expect("names").count(), 0, "{action:?}");
            both.iter().for_each(|registry| registry.clear_faults());
        }
    }
}

#[test]
fn a_mirror_that_dies_in_the_middle_of_a_blob_is_gone_on_from_there() {
    let image = Spec::sized(1, 3 << 20).build();
    let layer = image.manifests[0].layers[0].clone();
    let scene = || {
        let (dying, good) = (having(&image), having(&image));
        dying.fault(Fault::on(&layer, Action::CutBody(1 << 20, Cut::Rst)).times(1));
        dying.fault(Fault::on(&layer, Action::CutHead(0, Cut::Rst)).skip(1).always());
        let service = Files::hosts(&hosts_of(&[&dying, &good])).kept(none());
        (dying, good, service)
    };
    let goes_on = |good: &Registry| {
        let asked = requests(good, &layer);
        assert_eq!(asked.len(), 1, "{asked:?}");
        let range = asked[0].header("range").expect("only the rest is asked for");
        let from: u64 = range
            .trim_start_matches("bytes=")
            .split('-')
            .next()
            .and_then(|from| from.parse().ok())
            .expect("a range");
        assert!(from > 0, "{range}");
    };
    let (_dying, good, service) = scene();
    pulls(&service, APP, &none(), &image);
    goes_on(&good);
    // A reader goes on as well.
    let (_dying, good, service) = scene();
    let session = service.open(None, APP, &none()).expect("a session");
    let mut reader = session.open_blob(None, &layer, 0, &none()).expect("a reader");
    let mut bytes = Vec::new();
    reader.read_to_end(None, &mut bytes).expect("the whole blob");
    assert_eq!(bytes, image.blobs[&layer].to_vec());
    goes_on(&good);
    // And one of a wrong mirror is not believed, and its mirror is remembered.
    let (liar, good) = (having(&image), having(&image));
    liar.fault(Fault::on(&layer, Action::Flip(9)).always());
    let service = Files::hosts(&hosts_of(&[&liar, &good])).kept(none());
    let session = service.open(None, APP, &none()).expect("a session");
    let mut reader = session.open_blob(None, &layer, 0, &none()).expect("a reader");
    let failure = reader.read_to_end(None, &mut Vec::new()).expect_err("wrong bytes");
    assert_eq!(failure.code, 100, "{failure:?}");
    assert!(endpoints(&service, APP)[0].ends_with("it sent wrong bytes"));
}

#[test]
fn a_slow_mirror_is_left() {
    let image = image();
    let layer = image.manifests[0].layers[0].clone();
    let timeouts = json!({"header-ms": 400, "idle-ms": 400, "auth-ms": 400});
    for (part, action) in [
        ("/v2/", Action::Delay(Duration::from_secs(20))),
        ("/manifests/", Action::Delay(Duration::from_secs(20))),
        ("/manifests/", Action::Stall(10, Duration::from_secs(20))),
        (layer.as_str(), Action::Stall(10, Duration::from_secs(20))),
        ("/manifests/", Action::retry_after(429, "50")),
        ("/manifests/", Action::retry_after(503, "50")),
    ] {
        let (slow, good) = (having(&image), having(&image));
        slow.fault(Fault::on(part, action.clone()).always());
        let service = Files::hosts(&hosts_of(&[&slow, &good])).kept(json!({"timeouts": timeouts}));
        let began = Instant::now();
        assert_eq!(url_of(&pulls(&service, APP, &none(), &image)), good.url(), "{part} {action:?}");
        assert!(
            began.elapsed() < Duration::from_secs(15),
            "{part} {action:?}: {:?}",
            began.elapsed()
        );
    }
}

#[test]
fn dial_timeout_is_the_time_for_a_connection() {
    let (image, hole) = (image(), BlackHole::start());
    let good = having(&image);
    let text = format!(
        "[host.\"http://{}\"]\ndial_timeout = \"300ms\"\n[host.\"{}\"]\n",
        hole.address(),
        good.url()
    );
    let began = Instant::now();
    pulls(&Files::hosts(&text).kept(none()), APP, &none(), &image);
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
}

#[test]
fn changes_go_to_the_hosts_that_take_them() {
    let image = image();
    let (reads, writes) = (Registry::plain(), Registry::plain());
    let files = Files::hosts(&format!(
        "server = \"http://upstream.test\"\ncapabilities = [\"pull\", \"resolve\"]\n[host.\"{}\"]\ncapabilities = [\"pull\", \"resolve\"]\n[host.\"{}\"]\n",
        reads.url(),
        writes.url()
    ));
    let service = files.service(none());
    let layout = tempdir();
    image.write_layout(layout.path(), "1");
    let source = format!("oci:{}:1", layout.path().display());
    service.push(None, &source, APP, &none()).expect("a push");
    assert_eq!(writes.tag("demo/app", "1"), Some(image.digest.clone()));
    assert!(reads.requests().is_empty());
    let found = service.resolve_endpoints(APP, &json!({"actions": ["pull", "push"]}));
    let found = told(&found.expect("endpoints"));
    assert!(found[0].ends_with("it does not have the capability push"), "{found:?}");
    assert!(found[1].ends_with("hosts.toml"), "{found:?}");
    assert!(found[2].ends_with("it does not have the capability push"), "{found:?}");
    // Nobody takes them.
    let files = Files::hosts(&format!("server = \"{}\"\ncapabilities = [\"pull\"]\n", reads.url()));
    let failure = files.service(none()).push(None, &source, APP, &none()).expect_err("nobody");
    assert_eq!(failure.code, UNSUPPORTED, "{failure:?}");
    // Mirrors and locations of registries.conf are for reading.
    let conf = Files::conf(&format!(
        "[[registry]]\nprefix = \"{0}\"\nlocation = \"{1}/moved\"\n[[registry.mirror]]\nlocation = \"{1}\"\n",
        writes.host(),
        reads.host()
    ));
    let to = format!("{}/demo/pushed:2", writes.host());
    conf.service(none()).push(None, &source, &to, &none()).expect("a push");
    assert_eq!(writes.tag("demo/pushed", "2"), Some(image.digest.clone()));
    assert!(reads.requests().is_empty());
}

#[test]
fn one_file_alone_says_who_is_asked() {
    let files = Files::new();
    let service = files.service(json!({
        "registry-mirrors": ["https://mirror.of"], "hosts-dir": files.at("hosts"),
        "registries-conf": files.write("registries.conf", ""), "resolve": {"*": []},
    }));
    let hub = "https://registry-1.docker.io";
    assert_eq!(
        endpoints(&service, "busybox"),
        ["https://mirror.of/ registry-mirrors".to_owned(), format!("{hub} default")]
    );
    // The files are read for each call.
    let conf = "[[registry]]\nlocation = \"docker.io\"\n[[registry.mirror]]\nlocation = \"conf.of/hub\"\n[[registry]]\nlocation = \"evil.test\"\nblocked = true\n";
    files.write("registries.conf", conf);
    let by_conf = ["https://conf.of registries.conf".to_owned(), format!("{hub} registries.conf")];
    assert_eq!(endpoints(&service, "busybox"), by_conf);
    files.write("hosts/docker.io/hosts.toml", "[host.\"https://host.of\"]");
    let by_hosts = ["https://host.of hosts.toml".to_owned(), format!("{hub} hosts.toml")];
    assert_eq!(endpoints(&service, "busybox"), by_hosts);
    // What is blocked stays blocked.
    files.write("hosts/_default/hosts.toml", "[host.\"https://host.of\"]");
    fails(&service, "evil.test/app:1", &none(), POLICY);
    // Docker's own view knows of no file.
    let lookup = service.lookup_pull_endpoints("docker.io").expect("endpoints");
    assert_eq!((&lookup[0]["URL"], &lookup[1]["URL"]), (&json!("https://mirror.of/"), &json!(hub)));
}

#[test]
fn the_longest_prefix_says_where_images_are() {
    let image = image();
    let registry = Registry::plain();
    for path in ["moved/app", "special/app", "sub/team/app"] {
        image.push_to(&registry, path, "1");
    }
    let host = registry.host();
    let files = Files::conf(&format!(
        "unqualified-search-registries = [\"a.test\"]\nshort-name-mode = \"permissive\"\n\
         [[registry]]\nprefix = \"up.test/team\"\nlocation = \"{host}/moved\"\n\
         [[registry]]\nprefix = \"up.test/team/special\"\nlocation = \"{host}/special\"\n\
         [[registry]]\nprefix = \"*.up.test\"\nlocation = \"{host}/sub\"\n\
         [aliases]\n\"x\" = \"up.test/x\"\n"
    ));
    let service = files.service(json!({"resolve": {"up.test": [], "a.up.test": []}}));
    for (reference, path) in [
        ("up.test/team/app:1", "/v2/moved/app/"),
        ("UP.test/team/app:1", "/v2/moved/app/"),
        ("up.test:443/team/app:1", "/v2/moved/app/"),
        ("up.test/team/special/app:1", "/v2/special/app/"),
        ("a.up.test/team/app:1", "/v2/sub/team/app/"),
    ] {
        registry.clear();
        let report = pulls(&service, reference, &none(), &image);
        assert_eq!(requests(&registry, path).len(), 4, "{reference}: {:?}", registry.requests());
        assert_eq!(report["endpoint"]["mirror"], true);
        assert!(
            report["reference"].as_str().expect("a reference").ends_with(&image.digest),
            "{report}"
        );
    }
    for other in ["up.test/teams/app:1", "up.test/app:1", "up.test:5000/team/app:1"] {
        let found = service.resolve_endpoints(other, &none()).expect("endpoints");
        assert!(found["endpoints"][0]["source"] == "default", "{other}: {found}");
    }
    // A session of a whole registry knows what its own entry says, and no other one.
    let session = service.open(None, "up.test/team/app:1", &none()).expect("a session");
    let failure = session.repository("other/app").err().expect("another place");
    assert_eq!(failure.code, UNSUPPORTED, "{failure:?}");
    session.repository("team/other").expect("the same entry");
}

#[test]
fn mirrors_are_for_the_references_that_the_file_says() {
    let files = |text: &str| {
        Files::conf(&format!("[[registry]]\nlocation = \"up.test\"\n{text}"))
            .kept(json!({"resolve": {"*": []}}))
    };
    let tag = "up.test/app:1";
    let digest = format!("up.test/app@sha256:{}", "0".repeat(64));
    let skipped = |service: &Service, reference: &str| {
        let found = endpoints(service, reference);
        assert_eq!(found.last().map(String::as_str), Some("https://up.test registries.conf"));
        found[..found.len() - 1].iter().map(|found| found.contains("only for")).collect::<Vec<_>>()
    };
    let mirror = |pulls: &str| format!("[[registry.mirror]]\nlocation = \"m.test\"\n{pulls}\n");
    let each = files(
        &[
            "",
            "pull-from-mirror = \"all\"",
            "pull-from-mirror = \"digest-only\"",
            "pull-from-mirror = \"tag-only\"",
        ]
        .map(mirror)
        .concat(),
    );
    assert_eq!(skipped(&each, tag), [false, false, true, false]);
    assert_eq!(skipped(&each, &digest), [false, false, false, true]);
    let both = format!("up.test/app:1@sha256:{}", "0".repeat(64));
    assert_eq!(skipped(&each, &both), [false, false, false, true]);
    let only = files(&format!("mirror-by-digest-only = true\n{}", mirror("")));
    assert_eq!(skipped(&only, tag), [true]);
    assert_eq!(skipped(&only, &digest), [false]);
}

#[test]
fn what_is_blocked_is_refused_whatever_its_location() {
    let image = image();
    let registry = having(&image);
    let host = registry.host();
    let files = Files::conf(&format!(
        "[[registry]]\nprefix = \"up.test\"\nlocation = \"{host}\"\nblocked = true\n\
         [[registry.mirror]]\nlocation = \"{host}\"\n\
         [[registry]]\nprefix = \"*.bad.test\"\nblocked = true\n\
         [[registry]]\nprefix = \"one.test/app:1\"\nblocked = true\n\
         [[registry]]\nprefix = \"to.test\"\nlocation = \"x.bad.test\"\n"
    ));
    let service = files.service(json!({"resolve": {"*": []}}));
    for reference in [
        "up.test/demo/app:1",
        "UP.TEST/demo/app:1",
        "up.test:443/demo/app:1",
        "a.b.bad.test/app",
        "one.test/app:1",
        "to.test/app:1",
    ] {
        let failure = fails(&service, reference, &none(), POLICY);
        if reference != "to.test/app:1" {
            let told = failure.message.contains("registries.conf blocks");
            assert!(told && failure.json["phase"] == "config", "{failure:?}");
        }
        let layout = tempdir();
        image.write_layout(layout.path(), "1");
        if !reference.starts_with("to.") {
            let source = format!("oci:{}:1", layout.path().display());
            let failure = service.push(None, &source, reference, &none()).expect_err("blocked");
            assert_eq!(failure.code, POLICY, "{reference}: {failure:?}");
        }
    }
    assert!(registry.requests().is_empty());
    for reference in
        ["one.test/app:2", "one.test/app2:1", "bad.test/app", "up.test:5000/demo/app:1"]
    {
        service.resolve_endpoints(reference, &none()).expect("not blocked");
    }
}

#[test]
fn drop_ins_come_after_the_file_in_byte_order() {
    let files = Files::conf(
        "[[registry]]\nlocation = \"a.test\"\n[[registry.mirror]]\nlocation = \"base.test\"\n",
    );
    let mirror = |name: &str| {
        format!(
            "[[registry]]\nlocation = \"a.test\"\n[[registry.mirror]]\nlocation = \"{name}.test\"\n"
        )
    };
    let service = files.service(json!({"resolve": {"*": []}}));
    let first = || endpoints(&service, "a.test/app")[0].clone();
    assert_eq!(first(), "https://base.test registries.conf");
    files.write("registries.conf.d/10-b.conf", &mirror("ten"));
    files.write("registries.conf.d/9-a.conf", &mirror("nine"));
    files
        .write("registries.conf.d/Z.conf", "[[registry]]\nlocation = \"b.test\"\nblocked = true\n");
    files.write("registries.conf.d/zz.conf.bak", &mirror("backup"));
    fs::create_dir_all(files.at("registries.conf.d/dir.conf")).expect("a directory");
    assert_eq!(first(), "https://nine.test registries.conf");
    fails(&service, "b.test/app", &none(), POLICY);
    files.write("registries.conf.d/zz.conf", "[[registry]\n");
    let failure = service.resolve_endpoints("a.test/app", &none()).expect_err("a bad file");
    assert_eq!(failure.code, INVALID_CONFIG);
    assert!(failure.message.contains("registries.conf.d/zz.conf"), "{failure:?}");
}

#[test]
fn an_insecure_location_may_lack_verification_and_tls() {
    let (image, ca) = (image(), Ca::default());
    let encrypted = Registry::tls(&ca);
    image.push_to(&encrypted, "demo/app", "1");
    let named = ServerOptions::default().name("far.test");
    let plain = Registry::start(named, Auth::None);
    image.push_to(&plain, "demo/app", "1");
    let conf = |host: &str, insecure: bool| {
        Files::conf(&format!(
            "[[registry]]\nprefix = \"upstream.test\"\nlocation = \"{host}\"\ninsecure = {insecure}\n"
        ))
    };
    let resolve = json!({"resolve": {"far.test": ["0.0.0.0"], "upstream.test": []}});
    pulls(&conf(&encrypted.host(), true).kept(none()), APP, &none(), &image);
    pulls(&conf(&plain.host(), true).kept(resolve.clone()), APP, &none(), &image);
    plain.clear();
    pull(&conf(&plain.host(), false).kept(resolve), APP, &none()).err().expect("it has no TLS");
    assert!(plain.requests().is_empty());
}

#[test]
fn a_file_that_cannot_be_used_is_named() {
    let hosts = |text: &str| (Files::hosts(text), "hosts/upstream.test/hosts.toml");
    let conf = |text: &str| (Files::conf(text), "registries.conf");
    for ((files, name), why) in [
        (hosts("server = "), "line 1"),
        (hosts("server = 7"), "a string"),
        (hosts("\n\n[host.\"ftp://x\"]"), "line 3"),
        (hosts("[host.\"https://u:p@x\"]"), "password"),
        (hosts("[host.\"https://x?y=z\"]"), "query"),
        (hosts("[host.\"https://x\"]\ncapabilities = [\"pull\", \"fly\"]"), "capabilities"),
        (hosts("[host.\"https://x\"]\ncapabilities = \"pull\""), "a list of strings"),
        (hosts("[host.\"https://x\"]\nskip_verify = \"yes\""), "true or false"),
        (hosts("[host.\"https://x\"]\nca = \"absent.crt\""), "absent.crt"),
        (hosts("[host.\"https://x\"]\nca = 1"), "ca"),
        (hosts("[host.\"https://x\"]\nclient = [[\"a\"]]"), "client"),
        (hosts("[host.\"https://x\"]\nclient = [[\"a\", \"b\", \"c\"]]"), "client"),
        (hosts("[host.\"https://x\"]\ndial_timeout = \"soon\""), "dial_timeout"),
        (hosts("[host.\"https://x\"]\ndial_timeout = \"-1s\""), "dial_timeout"),
        (hosts("[host.\"https://x\"]\n[host.\"https://x\".header]\n\"a b\" = \"c\""), "a b"),
        (hosts("[host.\"https://x\"]\n[host.\"https://x\".header]\na = \"b\\nc\""), "control"),
        (hosts("[host.\"https://x\"]\n[host.\"https://x\".header]\na = 3"), "header.a"),
        (hosts("host = 3"), "a table"),
        (hosts("[host.\"https://x\"]\n[host.\"https://x\"]"), "line 2"),
        (conf("[[registry]"), "line 1"),
        (conf("[registries.search]\nregistries = [\"a.test\"]"), "version 1"),
        (conf("[[registry]]\nblocked = true"), "prefix or a location"),
        (conf("[[registry]]\nlocation = \"https://a.test\""), "scheme"),
        (conf("[[registry]]\nlocation = \"*.a.test\""), "*"),
        (conf("[[registry]]\nlocation = \"nodots/a\""), "host"),
        (conf("[[registry]]\nlocation = \"a.test\"\ninsecure = 1"), "insecure"),
        (conf("[[registry]]\nlocation = \"a.test\"\npull-from-mirror = \"all\""), "mirror"),
        (conf("[[registry]]\nlocation = \"a.test\"\n[[registry.mirror]]\n"), "location"),
        (
            conf(
                "[[registry]]\nlocation = \"a.test\"\n[[registry.mirror]]\nlocation = \"b.test\"\npull-from-mirror = \"never\"",
            ),
            "pull-from-mirror",
        ),
        (
            conf(
                "[[registry]]\nlocation = \"a.test\"\nmirror-by-digest-only = true\n[[registry.mirror]]\nlocation = \"b.test\"\npull-from-mirror = \"all\"",
            ),
            "together",
        ),
        (
            conf(
                "[[registry]]\nprefix = \"x.test\"\nlocation = \"a.test\"\n[[registry]]\nprefix = \"y.test\"\nlocation = \"a.test\"\ninsecure = true",
            ),
            "insecure",
        ),
        (
            conf(
                "[[registry]]\nprefix = \"x.test\"\nlocation = \"a.test\"\n[[registry]]\nprefix = \"y.test\"\nlocation = \"a.test\"\nblocked = true",
            ),
            "blocked",
        ),
        (conf("registry = 3"), "a list of tables"),
    ] {
        let service = files.service(none());
        let failure = service.resolve_endpoints(APP, &none()).expect_err(why);
        assert_eq!(failure.code, INVALID_CONFIG, "{failure:?}");
        assert_eq!(failure.json["phase"], "config", "{failure:?}");
        let path = files.at(name).display().to_string();
        let text = failure.json.to_string();
        assert!(failure.message.contains(&path) && text.contains(why), "{why}: {failure:?}");
        assert!(failure.json["hint"].is_string(), "{failure:?}");
        assert!(!text.contains("u:p"), "{failure:?}");
        // A pull says the same.
        fails(&service, APP, &none(), INVALID_CONFIG);
    }
    // Files that are no files.
    for make in [
        |path: &Path| fs::create_dir(path).expect("a directory"),
        |path: &Path| std::os::unix::fs::symlink("/dev/zero", path).expect("a link"),
        |path: &Path| fs::write(path, b"\xff\xfe").expect("a file"),
        |path: &Path| fs::write(path, vec![b'#'; 2 << 20]).expect("a file"),
    ] {
        let files = Files::new();
        fs::create_dir_all(files.at("hosts/upstream.test")).expect("a directory");
        make(&files.at("hosts/upstream.test/hosts.toml"));
        make(&files.at("registries.conf"));
        for (option, path) in [("hosts-dir", "hosts"), ("registries-conf", "registries.conf")] {
            let service = service(json!({option: files.at(path), "resolve": {"*": []}}));
            let failure = service.resolve_endpoints(APP, &none()).expect_err("no file");
            assert_eq!(failure.code, INVALID_CONFIG, "{failure:?}");
        }
    }
    // A registries.conf that is named must be there; a directory of hosts need not.
    let absent = tempdir().path().join("absent");
    let failure = service(json!({"registries-conf": absent}))
        .resolve_endpoints("127.0.0.1:5000/app", &none())
        .expect_err("no file");
    assert_eq!(failure.code, INVALID_CONFIG, "{failure:?}");
    service(json!({"hosts-dir": absent}))
        .resolve_endpoints("127.0.0.1:5000/app", &none())
        .expect("no host is configured");
}

#[test]
fn unknown_keys_are_ignored_with_a_warning() {
    let image = image();
    let mirror = having(&image);
    let files =
        Files::hosts(&format!("flavour = 1\n{}proxy = \"http://p\"\n", hosts_of(&[&mirror])));
    files.write("registries.conf", "credential-helpers = [\"x\"]\n");
    let service = files.service(none());
    let report = pulls(&service, APP, &none(), &image);
    let warnings = report["warnings"].to_string();
    for key in ["flavour", "proxy", "credential-helpers"] {
        assert!(
            warnings.contains(&format!("the unknown key {key}"))
                || warnings.contains(&format!(".{key} was ignored")),
            "{key}: {warnings}"
        );
    }
}

#[test]
fn a_redirect_of_a_mirror_is_no_way_into_its_upstream() {
    // What a mirror sends us to gets neither the name of the upstream nor a credential.
    let (image, secret) = (image(), canary());
    let store = bystander(ServerOptions::default().bind("127.0.0.2"), |_| Reply::empty(404));
    let (mirror, good) = (having(&image), having(&image));
    let layer = &image.manifests[0].layers[0];
    mirror.fault(Fault::on(layer, Action::redirect(&format!("{}/x", store.url()))).always());
    let service = Files::hosts(&hosts_of(&[&mirror, &good]))
        .kept(json!({"credentials": {"upstream.test": {"username": "alice", "password": secret}}}));
    pulls(&service, APP, &none(), &image);
    let asked = requests(&store, "/x");
    assert_eq!((asked.len(), asked[0].query("ns").len()), (1, 0), "{asked:?}");
    assert_canary_nowhere(&[&mirror, &good, &store], &secret);
    assert_bare(&asked);
    let missing = fails(
        &Files::hosts(&format!("server = \"{}\"\n", good.url())).kept(none()),
        "upstream.test/demo/absent:1",
        &none(),
        NOT_FOUND,
    );
    assert_eq!(missing.json["endpoint"], good.url());
}
