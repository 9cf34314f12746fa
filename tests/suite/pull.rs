//! Pulls from real registries into layouts that the usual tools read, and all that sessions and readers do on the way.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::c_surface;
use crate::c_surface::images::{Context, Session};
use crate::c_surface::{Service, children, layouts};
use crate::scene;
use crate::scene::*;
use ocireg_testkit::cncf::{self, Options};
use ocireg_testkit::image::{Image, Kind, Spec};
use ocireg_testkit::process::ClosedPort;
use ocireg_testkit::rig::canary;
use ocireg_testkit::{Action, Auth, Ca, Cncf, Fault, Registry, ServerOptions, TokenServer, digest};
use serde_json::{Value, json};

const PLATFORMS: [&str; 3] = ["linux/amd64", "linux/arm64", "linux/arm/v7"];

fn none() -> Value {
    json!({})
}

/// A directory's `oci:` place, with the tag `x`.
fn place(layout: &Path) -> String {
    format!("oci:{}:x", layout.display())
}

/// `skopeo` and `umoci` read the layout, and agree with the report and the image on every digest.
fn assert_tools_agree(layout: &Path, report: &Value) {
    let raw = cncf::skopeo_inspect(&place(layout), &[]);
    assert_eq!(digest::sha256(&raw), report["descriptor"]["digest"], "skopeo on the top document");
    assert_eq!(cncf::umoci_list(layout), ["x"]);
    // A copy reads every blob of every manifest and checks its digest.
    let copy = ocireg_testkit::tempdir();
    cncf::skopeo_copy(&place(layout), &place(copy.path()), &["--all", "--preserve-digests"]);
    let names = |dir: &Path| {
        let mut names: Vec<_> = fs::read_dir(dir.join("blobs/sha256"))
            .expect("blobs")
            .map(|entry| entry.expect("an entry").file_name())
            .collect();
        names.sort();
        names
    };
    let mut known: Vec<std::ffi::OsString> = ["blobs", "manifests"]
        .iter()
        .flat_map(|key| report[key].as_array().expect("a list"))
        .map(|item| item.pointer("/descriptor/digest").unwrap_or(&item["digest"]))
        .map(|digest| digest.as_str().expect("a digest").trim_start_matches("sha256:").into())
        .collect();
    known.sort();
    assert_eq!(names(layout), known, "what we stored and what we report");
    assert_eq!(names(copy.path()), known, "what skopeo copied");
}

/// Pulls the busybox image from a registry with every tool looking on.
fn pulls_busybox(service: &Service, registry: &Cncf, options: &Value, image: &Image) {
    let reference = format!("{}/demo/busybox:1", registry.host());
    let mut options = options.clone();
    let pulled = pull(service, &reference, &options).expect("a pull of one platform");
    let host = &pulled.report["platform"];
    let chosen = image.manifests.iter().find(|m| host == m.platform.as_str()).expect("ours");
    assert_eq!(pulled.report["descriptor"]["digest"], chosen.digest.as_str());
    assert_tools_agree(pulled.layout.path(), &pulled.report);

    options["all_platforms"] = json!(true);
    let pulled = pull(service, &reference, &options).expect("a pull of all platforms");
    assert_eq!(pulled.report["descriptor"]["digest"], image.digest.as_str());
    layouts::assert_holds(pulled.layout.path(), image);
    assert_tools_agree(pulled.layout.path(), &pulled.report);
    // And back with skopeo, into another registry, with the same digest.
    let other = Cncf::start(&Options::default());
    let again = format!("docker://{}/again:1", other.host());
    let copy = ["--all", "--preserve-digests", "--dest-tls-verify=false"];
    cncf::skopeo_copy(&place(pulled.layout.path()), &again, &copy);
    let raw = cncf::skopeo_inspect(&again, &["--tls-verify=false"]);
    assert_eq!(digest::sha256(&raw), image.digest);
}

#[test]
fn busybox_from_the_cncf_registry_over_plain_http() {
    let registry = Cncf::start(&Options::default());
    let image = registry.push_busybox("demo/busybox", "1", &PLATFORMS, &[]);
    pulls_busybox(&service(none()), &registry, &none(), &image);
}

/// The CNCF registry, called [`SECURE`], with TLS by certs.d, for a service that was told so.
struct Verified {
    registry: Cncf,
    image: Image,
    certs: ocireg_testkit::TempDir,
    reference: String,
}

/// The kit's certificates are for loopback names: `localhost` is made a secure host by an endpoint of its own.
fn verified(clients: Option<&Ca>, ca: &Ca) -> Verified {
    let registry =
        Cncf::start(&Options { tls: Some(ca), client_ca: clients, ..Options::default() });
    let certs = ocireg_testkit::tempdir();
    let client = clients.map(|clients| clients.client("puller"));
    let directory = ca.write_certs_d(certs.path(), &registry.host(), client.as_ref());
    let image = registry.push_busybox(
        "demo/busybox",
        "1",
        &PLATFORMS,
        &[&format!("--dest-cert-dir={}", directory.display())],
    );
    let reference = format!("{}/demo/busybox:1", registry.host());
    Verified { registry, image, certs, reference }
}

/// A session of demo/busybox whose TLS is what certs.d says.
fn session_by(registry: &Cncf, certs: &Path) -> Session {
    let text = c_surface::c(certs.to_str().expect("a UTF-8 path"));
    // SAFETY: live text in, live places out.
    let tls = c_surface::call_json(|json, error| unsafe {
        ocireg::ffi::ocireg_read_certs_directory(text.as_ptr(), json, error)
    })
    .expect("a certs.d directory");
    let api = json!({"URL": registry.url(), "Version": "v2", "TLSConfig": tls});
    let session = service(none()).endpoint(&api).expect("an endpoint").session(None);
    session.expect("a session").repository("demo/busybox").expect("a repository")
}

#[test]
fn tls_of_the_cncf_registry_is_verified_by_the_ca_of_certs_d() {
    let (ca, other) = (Ca::default(), Ca::new("somebody else"));
    let Verified { registry, image, certs, reference } = verified(None, &ca);
    let session = session_by(&registry, &certs.path().join(registry.host()));
    let (descriptor, bytes) = session.get_manifest(None, Some("1"), &none()).expect("a manifest");
    assert_eq!(descriptor["digest"], image.digest.as_str());
    assert_eq!(bytes, image.bytes);
    for (blob, body) in &image.blobs {
        let mut read = Vec::new();
        let mut reader = session.open_blob(None, blob, 0, &none()).expect("a blob");
        reader.read_to_end(None, &mut read).expect("its bytes");
        assert_eq!(read, body.to_vec());
    }
    // Another authority is not enough, and neither is none.
    let wrong = ocireg_testkit::tempdir();
    other.write(&wrong.path().join("ca.crt"));
    for certs in [wrong.path(), ocireg_testkit::tempdir().path()] {
        fs::create_dir_all(certs).expect("the directory");
        let session = session_by(&registry, certs);
        let failure = session.get_manifest(None, Some("1"), &none()).expect_err("not trusted");
        assert_eq!(failure.code, CERTIFICATE, "{failure:#?}");
        assert_tells(&failure, &["127.0.0.1"], &[]);
    }
    // On loopback, pulls do not verify, as Docker's do not.
    let all = json!({"all_platforms": true});
    pulls(&service(none()), &reference, &all, &image);
}

#[test]
fn a_client_certificate_of_certs_d_opens_the_cncf_registry() {
    let ca = Ca::default();
    let Verified { registry, image, certs, .. } = verified(Some(&ca), &ca);
    let directory = certs.path().join(registry.host());
    let session = session_by(&registry, &directory);
    let (descriptor, _) = session.get_manifest(None, Some("1"), &none()).expect("a manifest");
    assert_eq!(descriptor["digest"], image.digest.as_str());
    fs::remove_file(directory.join("client.cert")).expect("remove the certificate");
    fs::remove_file(directory.join("client.key")).expect("remove the key");
    let session = session_by(&registry, &directory);
    let failure = session.get_manifest(None, Some("1"), &none()).expect_err("no certificate");
    assert!((42..=45).contains(&failure.code), "{failure:#?}");
}

#[test]
fn pulls_from_a_secure_name_use_the_ca_and_client_certificate_of_its_certs_d() {
    let (ca, image) = (Ca::default(), image());
    let certs = ocireg_testkit::tempdir();
    let mut options = ServerOptions::default().name(SECURE).tls_with_clients(&ca);
    options.tls.as_mut().expect("TLS").identity = ca.server(&[SECURE]);
    let registry = Registry::start(options, Auth::None);
    image.push_to(&registry, "demo/app", "1");
    let known = json!({"certs-dir": certs.path(), "resolve": {SECURE: ["0.0.0.0"]}});
    let failure = fails(&service(known.clone()), &app(&registry), &none(), CERTIFICATE);
    assert_tells(&failure, &[SECURE], &[]);
    let directory = ca.write_certs_d(certs.path(), &registry.host(), Some(&ca.client("puller")));
    let report = pulls(&service(known.clone()), &app(&registry), &none(), &image);
    assert_eq!(report["endpoint"]["url"], registry.url());
    let connections = registry.connections();
    assert!(connections.iter().filter(|c| c.handshaken).all(|c| c.client_certificate.is_some()));
    // A key that is missing is named before anything is asked.
    fs::remove_file(directory.join("client.key")).expect("remove the key");
    registry.clear();
    let failure = fails(&service(known), &app(&registry), &none(), 7);
    assert_tells(&failure, &["client.key"], &[]);
    assert_eq!(registry.connection_count(), 0);
}

#[test]
fn htpasswd_of_the_cncf_registry_by_the_call_and_by_the_service() {
    let password = canary();
    let registry =
        Cncf::start(&Options { htpasswd: vec![("alice", &password)], ..Options::default() });
    let credentials = format!("--dest-creds=alice:{password}");
    let image = registry.push_busybox("demo/busybox", "1", &PLATFORMS, &[&credentials]);
    let allowed = json!([registry.host()]);
    let by_call = service(json!({"allow-plain-http-credentials": allowed}));
    pulls_busybox(&by_call, &registry, &alice(&password), &image);
    let by_service = service(json!({
        "allow-plain-http-credentials": allowed,
        "credentials": {registry.host(): {"auth": base64(&format!("alice:{password}"))}},
    }));
    let all = json!({"all_platforms": true});
    let reference = format!("{}/demo/busybox:1", registry.host());
    pulls(&by_service, &reference, &all, &image);
    let failure = fails(&by_call, &reference, &alice("wrong"), UNAUTHORIZED);
    assert_eq!(failure.json["http_status"], 401);
    assert_tells(&failure, &["log in"], &[&password, "wrong"]);
    fails(&by_call, &reference, &none(), UNAUTHORIZED);
}

fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::prelude::BASE64_STANDARD.encode(text)
}

#[test]
fn tokens_open_the_cncf_registry_for_alice_and_for_everybody() {
    let token = TokenServer::plain();
    let registry = Cncf::start(&Options { token: Some(&token), ..Options::default() });
    let credentials = "--dest-creds=alice:wonderland";
    let image = registry.push_busybox("demo/busybox", "1", &PLATFORMS, &[credentials]);
    let service = trusting(&[&token.host(), &registry.host()]);
    pulls_busybox(&service, &registry, &none(), &image);
    token.change(|policy| policy.anonymous_pull = false);
    // What was got anonymously is still good for nobody in particular, and a new service gets nothing.
    let reference = format!("{}/demo/busybox:1", registry.host());
    fails(&trusting(&[]), &reference, &none(), UNAUTHORIZED);
    token.clear();
    pulls_busybox(&service, &registry, &alice("wonderland"), &image);
    assert_eq!(token.requests().len(), 1, "one token for two pulls");
}

#[test]
fn platforms_are_chosen_and_unknown_ones_listed() {
    for kind in [Kind::Oci, Kind::Docker] {
        let registry = Registry::plain();
        let image = Spec { kind, ..Spec::default() }.build();
        image.push_to(&registry, "demo/app", "1");
        let service = service(none());
        for (platform, at) in [("linux/amd64", 0), ("linux/arm64", 1), ("linux/arm/v7", 2)] {
            let options = json!({"platform": platform});
            let report = pull(&service, &app(&registry), &options).expect("a pull").report;
            assert_eq!(report["descriptor"]["digest"], image.manifests[at].digest.as_str());
            assert_eq!(report["descriptor"]["mediaType"], kind.manifest());
            assert_eq!(report["platform"], platform);
            assert!(report["reference"].as_str().expect("text").ends_with(&image.digest));
        }
        let failure =
            fails(&service, &app(&registry), &json!({"platform": "windows/amd64"}), NO_PLATFORM);
        assert_tells(&failure, &[], &[]);
        for offered in PLATFORMS {
            assert!(failure.json.to_string().contains(offered), "{offered} in {failure:#?}");
        }
        let pulled = pull(&service, &app(&registry), &json!({"all_platforms": true}));
        let pulled = pulled.expect("the whole index");
        assert_eq!(pulled.report["descriptor"]["mediaType"], kind.index());
        layouts::assert_holds(pulled.layout.path(), &image);
        // The tools find nothing but OCI's own types in a layout.
        if kind == Kind::Oci {
            assert_tools_agree(pulled.layout.path(), &pulled.report);
        }
    }
}

#[test]
fn pulling_again_asks_for_the_manifest_alone() {
    let (registry, image) = demo();
    let layout = ocireg_testkit::tempdir();
    let service = service(none());
    let first =
        service.pull(None, &app(&registry), &place(layout.path()), &none()).expect("a pull");
    assert_eq!(first["bytes_transferred"], first["bytes_total"]);
    registry.clear();
    let again = service.pull(None, &app(&registry), &place(layout.path()), &none()).expect("again");
    assert_eq!(again["bytes_transferred"], 0);
    assert!(again["blobs"].as_array().expect("blobs").iter().all(|b| b["source"] == "present"));
    let asked: Vec<_> = registry.requests().into_iter().map(|r| r.target).collect();
    assert_eq!(asked, ["/v2/", "/v2/demo/app/manifests/1"]);
    layouts::assert_holds(layout.path(), &image);
    assert_eq!(layouts::images(layout.path()), 1);
}

#[test]
fn an_image_that_shares_layers_brings_only_what_is_new() {
    let (registry, image) = demo();
    let mut manifest: Value = serde_json::from_slice(&image.bytes).expect("a manifest");
    let layer = registry.add_blob("demo/app", b"one more layer".to_vec());
    manifest["layers"].as_array_mut().expect("layers").push(json!({
        "mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": layer, "size": 14,
    }));
    registry.add_manifest("demo/app", Some("2"), &image.media_type, manifest.to_string());
    let layout = ocireg_testkit::tempdir();
    let service = service(none());
    service.pull(None, &app(&registry), &place(layout.path()), &none()).expect("the first");
    registry.clear();
    let second = format!("{}/demo/app:2", registry.host());
    let destination = format!("oci:{}:y", layout.path().display());
    let report = service.pull(None, &second, &destination, &none()).expect("the second");
    assert_eq!(report["bytes_transferred"], 14);
    let asked = requests(&registry, "/blobs/");
    assert_eq!(asked.len(), 1);
    assert!(asked[0].target.ends_with(&layer));
    assert_eq!(layouts::images(layout.path()), 2);
    layouts::assert_sound(layout.path());
    assert_eq!(cncf::umoci_list(layout.path()).len(), 2);
}

/// A service whose docker.io is these mirrors and an upstream that does not resolve.
fn mirrored(mirrors: &[&Registry]) -> Service {
    let urls: Vec<_> = mirrors.iter().map(|mirror| mirror.url()).collect();
    service(json!({
        "registry-mirrors": urls, "resolve": {"registry-1.docker.io": []},
        "retry": {"max-attempts": 1},
    }))
}

#[test]
fn mirrors_come_first_in_their_order_and_give_way_when_they_fail() {
    let image = image();
    let start = || {
        let registry = Registry::plain();
        image.push_to(&registry, "library/app", "1");
        registry
    };
    let (first, second) = (start(), start());
    let service = mirrored(&[&first, &second]);
    let report = pulls(&service, "app:1", &none(), &image);
    assert_eq!(report["endpoint"], json!({"url": format!("{}/", first.url()), "mirror": true}));
    assert_eq!(second.connection_count(), 0);

    for fault in [
        Action::status(404),
        Action::status(401),
        Action::status(403),
        Action::status(500),
        Action::Html(200, 300),
        Action::Raw(b"nonsense\r\n\r\n".to_vec()),
        Action::Flip(0),
    ] {
        for path in ["/manifests/", "/blobs/"] {
            first.clear_faults();
            first.fault(Fault::on(path, fault.clone()).always());
            let report = pulls(&mirrored(&[&first, &second]), "app:1", &none(), &image);
            let url = format!("{}/", second.url());
            assert_eq!(report["endpoint"]["url"], url, "{fault:?} at {path}");
        }
    }
    // Down altogether, both: the error tells every attempt, the upstream's among them.
    let urls = [first.url(), second.url()];
    let (service, other) = (mirrored(&[&first, &second]), mirrored(&[&first, &second]));
    drop(first);
    pulls(&service, "app:1", &none(), &image);
    drop(second);
    // The one that was down a moment ago is not asked again.
    let failure = pull(&service, "app:1", &none()).err().expect("nobody is there");
    assert_eq!(failure.json["attempts"].as_array().map(Vec::len), Some(2), "{failure:#?}");
    let failure = pull(&other, "app:1", &none()).err().expect("nobody is there");
    let attempts = failure.json["attempts"].as_array().expect("attempts").clone();
    assert_eq!(attempts.len(), 3, "{failure:#?}");
    for (attempt, url) in attempts.iter().zip(&urls) {
        assert!(attempt["endpoint"].as_str().expect("an address").starts_with(url));
    }
    assert_eq!(attempts[2]["endpoint"], "https://registry-1.docker.io");
    assert_eq!(attempts[2]["code"], 40);
}

#[test]
fn mirrors_are_not_asked_for_other_registries() {
    let (registry, image) = demo();
    let mirror = Registry::plain();
    image.push_to(&mirror, "demo/app", "1");
    pulls(&mirrored(&[&mirror]), &app(&registry), &none(), &image);
    assert_eq!(mirror.connection_count(), 0);
}

#[test]
fn tags_of_the_cncf_registry() {
    let registry = Cncf::start(&Options::default());
    for tag in ["a", "b", "c"] {
        registry.push(&image(), "demo/app", tag, &[]);
    }
    let reference = format!("{}/demo/app", registry.host());
    let session = service(none()).open(None, &reference, &none()).expect("a session");
    let all = session.list_tags(None, &none()).expect("tags");
    let mut tags: Vec<_> =
        all["tags"].as_array().expect("tags").iter().map(Value::to_string).collect();
    tags.sort();
    assert_eq!((&all["name"], tags.join(" ")), (&json!("demo/app"), r#""a" "b" "c""#.to_owned()));
    let unknown = session.repository("demo/none").expect("a repository");
    let failure = unknown.list_tags(None, &none()).expect_err("no such repository");
    assert_eq!((failure.code, &failure.json["what"]), (NOT_FOUND, &json!("repository")));
}

#[test]
fn tags_come_page_by_page_where_that_is_wanted() {
    let (registry, image) = demo();
    let tags = ["1", "a", "b", "c", "d"];
    for tag in &tags[1..] {
        image.push_to(&registry, "demo/app", tag);
    }
    let service = service(none());
    let session = service.open(None, &app(&registry), &none()).expect("a session");
    let all = session.list_tags(None, &none()).expect("tags");
    assert_eq!(all, json!({"name": "demo/app", "tags": tags}));
    let after = session.list_tags(None, &json!({"last": "b"})).expect("tags");
    assert_eq!(after["tags"], json!(["c", "d"]));
    let (mut found, mut next, mut pages) = (Vec::new(), None::<String>, 0);
    loop {
        let options = match &next {
            None => json!({"n": 2}),
            Some(next) => json!({"n": 2, "next": next}),
        };
        let page = session.list_tags(None, &options).expect("a page");
        found.extend(page["tags"].as_array().expect("tags").clone());
        pages += 1;
        match page["next"].as_str() {
            Some(text) => next = Some(text.to_owned()),
            None => break,
        }
    }
    assert_eq!(json!(found), json!(tags));
    assert_eq!(pages, 3);
    let failure = session.list_tags(None, &json!({"n": 2, "next": "http://127.0.0.1:1/v2/x"}));
    assert_eq!(failure.expect_err("another host").code, 1);
}

#[test]
fn registries_that_answer_null_for_no_tags_have_none() {
    let (registry, _) = demo();
    let body = br#"{"name": "demo/app", "tags": null}"#.to_vec();
    registry.fault(Fault::on("/tags/list", Action::ReplaceBody(body)));
    let service = service(none());
    let session = service.open(None, &app(&registry), &none()).expect("a session");
    assert_eq!(session.list_tags(None, &none()).expect("tags")["tags"], json!([]));
}

#[test]
fn sessions_tell_what_they_are_and_give_manifests() {
    let registry = Cncf::start(&Options::default());
    let image = registry.push_busybox("demo/busybox", "1", &PLATFORMS, &[]);
    let reference = format!("{}/demo/busybox:1", registry.host());
    let service = service(none());
    let session = service.open(None, &reference, &none()).expect("a session");
    let info = session.info().expect("what it is");
    assert_eq!(info["protocol"], "v2");
    assert_eq!(info["endpoint"], registry.url());
    assert_eq!((&info["mirror"], &info["repository"]), (&json!(false), &json!("demo/busybox")));
    assert_eq!(info["reference"], reference.as_str());
    let id = session.id().expect("an id");
    assert!(id.len() == 64 && id.bytes().all(|b| b.is_ascii_hexdigit()));
    let ping = session.ping(None).expect("a ping");
    assert_eq!((&ping["protocol"], &ping["confirmed"]), (&json!("v2"), &json!(true)));

    let head = session.head_manifest(None, None, &none()).expect("a descriptor");
    assert_eq!(head["digest"], image.digest.as_str());
    assert_eq!(head["size"], image.bytes.len());
    assert_eq!(head["mediaType"], image.media_type);
    for which in [None, Some("1"), Some(image.digest.as_str())] {
        let (descriptor, bytes) = session.get_manifest(None, which, &none()).expect("a manifest");
        assert_eq!(bytes, image.bytes);
        assert_eq!(descriptor["digest"], head["digest"]);
    }
    let arm = json!({"platform": "linux/arm64"});
    let (descriptor, bytes) = session.get_manifest(None, None, &arm).expect("one platform's");
    assert_eq!(descriptor["digest"], image.manifests[1].digest.as_str());
    assert_eq!(bytes, image.manifests[1].bytes);
    for (which, code) in [("none", NOT_FOUND), ("sha256:0", 6), ("not a tag", 5)] {
        let failure = session.get_manifest(None, Some(which), &none()).expect_err(which);
        assert_eq!(failure.code, code, "{which}: {failure:#?}");
        let failure = session.head_manifest(None, Some(which), &none()).expect_err(which);
        assert_eq!(failure.code, code, "{which}: {failure:#?}");
    }
    // A manifest larger than the caller wants.
    let small = json!({"max_size": 100});
    let failure = session.get_manifest(None, None, &small).expect_err("too large");
    assert_eq!(failure.code, LIMIT, "{failure:#?}");
}

#[test]
fn a_blob_is_looked_up_however_the_registry_answers_to_that() {
    let content = b"looked up without being read".to_vec();
    let service = service(none());
    for action in [
        None,
        Some(Action::status(403)),
        Some(Action::status(404)),
        Some(Action::status(405)),
        Some(Action::CloseDelimited),
    ] {
        let registry = Registry::plain();
        let digest = registry.add_blob("demo/app", content.clone());
        if let Some(action) = action {
            registry.fault(Fault::on("/blobs/sha256:", action).method("HEAD").always());
        }
        let reference = format!("{}/demo/app", registry.host());
        let session = service.open(None, &reference, &none()).expect("a session");
        assert_eq!(
            session.head_blob(None, &digest).expect("a descriptor"),
            json!({"mediaType": "application/octet-stream", "digest": digest, "size": content.len()})
        );
        let other = format!("sha256:{}", "0".repeat(64));
        let failure = session.head_blob(None, &other).expect_err("there is none");
        assert_eq!((failure.code, &failure.json["what"]), (NOT_FOUND, &json!("blob")));
        // A registry that says a size nowhere.
        registry.fault(Fault::on("/blobs/sha256:", Action::CloseDelimited).always());
        assert_eq!(session.head_blob(None, &digest).expect_err("no size").code, PROTOCOL);
    }
}

#[test]
fn blobs_are_read_from_any_offset() {
    let registry = Cncf::start(&Options::default());
    let image = Spec::sized(1, 1_000_000).build();
    registry.push(&image, "demo/app", "1", &["--preserve-digests"]);
    let layer = &image.manifests[0].layers[0];
    let whole = image.blobs[layer].to_vec();
    let service = service(none());
    let reference = format!("{}/demo/app:1", registry.host());
    let session = service.open(None, &reference, &none()).expect("a session");
    for offset in [0, 1, 65_536, 999_999, 1_000_000] {
        let options = json!({"size": whole.len()});
        let mut reader = session.open_blob(None, layer, offset as u64, &options).expect("a reader");
        assert_eq!(reader.size(), 1_000_000);
        let mut read = Vec::new();
        reader.read_to_end(None, &mut read).expect("the rest");
        assert_eq!(read, whole[offset..]);
        assert_eq!(reader.read(None, &mut [0; 8]).expect("the end again"), 0);
    }
    let past = session.open_blob(None, layer, 1_000_001, &json!({"size": 1_000_000}));
    assert_eq!(past.err().expect("behind the end").code, 1);
    let wrong = session.open_blob(None, layer, 0, &json!({"size": 999_999}));
    assert_eq!(wrong.err().expect("another size").code, 101);
    let missing = session.open_blob(None, &format!("sha256:{}", "0".repeat(64)), 0, &none());
    let failure = missing.err().expect("no such blob");
    assert_eq!((failure.code, &failure.json["what"]), (NOT_FOUND, &json!("blob")));
}

#[test]
fn images_are_inspected_without_their_layers() {
    let registry = Registry::plain();
    let image = Spec::default().build();
    image.push_to(&registry, "demo/app", "1");
    let service = service(none());
    let found = service
        .inspect(None, &app(&registry), &json!({"platform": "linux/arm64"}))
        .expect("an inspection");
    assert_eq!((&found["kind"], &found["platform"]), (&json!("index"), &json!("linux/arm64")));
    assert_eq!(found["descriptor"]["digest"], image.digest.as_str());
    assert_eq!(found["name"], format!("{}/demo/app", registry.host()));
    let offered: Vec<_> = found["platforms"].as_array().expect("platforms").iter().collect();
    assert_eq!(offered.len(), 3);
    assert_eq!(offered[1]["descriptor"]["digest"], image.manifests[1].digest.as_str());
    assert_eq!(found["config"]["architecture"], "arm64");
    let layers = found["layers"].as_array().expect("layers");
    let digests: Vec<_> = layers.iter().map(|l| l["digest"].as_str().expect("text")).collect();
    assert_eq!(digests, image.manifests[1].layers);
    let asked = requests(&registry, "/blobs/");
    assert_eq!(asked.len(), 1, "the configuration alone");
    registry.clear();
    let options = json!({"platform": "linux/arm64", "config": false, "layers": false});
    let brief = service.inspect(None, &app(&registry), &options).expect("a brief one");
    assert!(brief.get("config").is_none() && brief.get("layers").is_none());
    assert!(requests(&registry, "/blobs/").is_empty());
}

#[test]
fn https_is_tried_before_http_on_an_insecure_host() {
    let image = image();
    // TLS by whoever's certificate is taken, and http is not tried.
    let tls = Registry::tls(&Ca::new("whoever"));
    image.push_to(&tls, "demo/app", "1");
    let report = pulls(&service(none()), &app(&tls), &none(), &image);
    assert_eq!(report["endpoint"]["url"], tls.url());
    // No TLS: https was tried first.
    let (plain, image) = demo();
    let report = pulls(&service(none()), &app(&plain), &none(), &image);
    assert_eq!(report["endpoint"]["url"], plain.url());
    let hello = plain.connections()[0].received.first().copied();
    assert_eq!(hello, Some(0x16), "a TLS hello comes first");
}

#[test]
fn a_registry_that_is_killed_and_started_again_in_the_middle_of_a_pull() {
    let mut registry = Cncf::start(&Options::default());
    let image = Spec::sized(2, 48 << 20).build();
    registry.push(&image, "demo/app", "1", &["--preserve-digests"]);
    let reference = format!("{}/demo/app:1", registry.host());
    let service = service(json!({"retry": {"max-attempts": 20, "initial-ms": 50, "max-ms": 200}}));
    let layout = ocireg_testkit::tempdir();
    let done = Arc::new(AtomicUsize::new(0));
    let seen = done.clone();
    // Slow enough that the registry dies in the middle.
    let context = Context::with_progress(move |done, _, _| {
        seen.store(usize::try_from(done).expect("not that much"), Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(5));
        false
    });
    let report = std::thread::scope(|scope| {
        let destination = place(layout.path());
        let (service, context, reference) = (&service, &context, &reference);
        let pull =
            scope.spawn(move || service.pull(Some(context), reference, &destination, &none()));
        while done.load(Ordering::SeqCst) < 1 << 20 && !pull.is_finished() {
            std::thread::sleep(Duration::from_micros(200));
        }
        registry.kill();
        registry.restart();
        pull.join().expect("the puller's thread").expect("a pull in spite of it")
    });
    layouts::assert_holds(layout.path(), &image);
    let blobs = report["blobs"].as_array().expect("blobs");
    let retries: u64 = blobs.iter().map(|blob| blob["retries"].as_u64().expect("a count")).sum();
    assert!(retries > 0, "the registry died too late to be noticed: {report}");
    assert_eq!(report["bytes_total"], report["bytes_transferred"], "nothing came twice");
}

#[test]
fn a_killed_puller_goes_on_where_it_was() {
    if let Some(told) = children::told() {
        let (reference, destination) = told.split_once(' ').expect("a reference and a place");
        service(none()).pull(None, reference, destination, &none()).expect("a pull");
        return;
    }
    let (registry, size) = (Registry::plain(), 24 << 20);
    let image = Spec::sized(1, size).build();
    image.push_to(&registry, "demo/app", "1");
    let layer = format!("/blobs/{}", image.manifests[0].layers[0]);
    registry.fault(Fault::on(&layer, Action::Stall(size / 2, Duration::from_secs(60))));
    let layout = ocireg_testkit::tempdir();
    let tell = format!("{} {}", app(&registry), place(layout.path()));
    let name = "a_killed_puller_goes_on_where_it_was";
    let mut child = children::command(name, &tell).spawn().expect("a child");
    let held = || {
        let files = walk(layout.path());
        files.iter().map(|path| fs::metadata(path).map_or(0, |m| m.len())).sum::<u64>()
    };
    let began = std::time::Instant::now();
    while held() < size / 2 - (1 << 20) && began.elapsed() < Duration::from_secs(30) {
        std::thread::sleep(Duration::from_millis(10));
    }
    child.kill().expect("kill the child");
    child.wait().expect("the child's end");
    assert_eq!(layouts::images(layout.path()), 0);
    layouts::assert_sound(layout.path());
    registry.clear();
    let report = service(none())
        .pull(None, &app(&registry), &place(layout.path()), &none())
        .expect("the rest");
    layouts::assert_holds(layout.path(), &image);
    let blobs = report["blobs"].as_array().expect("blobs");
    let large = blobs.iter().find(|blob| blob["size"] == size).expect("the layer");
    let resumed = large["resumed_from"].as_u64().expect("an offset");
    assert!(resumed > 0, "{report}");
    assert_eq!(large["bytes_transferred"], size - resumed);
    let range = format!("bytes={resumed}-");
    assert_eq!(requests(&registry, &layer)[0].header("range"), Some(range.as_str()));
}

fn walk(dir: &Path) -> Vec<std::path::PathBuf> {
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    entries
        .flatten()
        .flat_map(|entry| match entry.path() {
            path if path.is_dir() => walk(&path),
            path => vec![path],
        })
        .collect()
}

#[test]
fn several_blobs_move_at_once_but_never_more_than_a_host_may() {
    use ocireg_testkit::{Reply, Server};
    for (most, calls) in [(4, 1), (2, 1), (3, 2), (1, 1)] {
        let image = Arc::new(
            Spec { platforms: vec!["linux/amd64".into()], layers: 9, ..Spec::default() }.build(),
        );
        let (now, peak) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (served, running, highest) = (image.clone(), now.clone(), peak.clone());
        let server = Server::start(ServerOptions::default(), move |request, connection| {
            let last = request.path().rsplit('/').next().unwrap_or_default();
            if request.path() == "/v2/" {
                return connection.reply(&Reply::json(200, &json!({})));
            }
            if request.path().contains("/manifests/") {
                let manifest = Reply::new(200, served.bytes.clone());
                return connection.reply(&manifest.with("Content-Type", &served.media_type));
            }
            let count = running.fetch_add(1, Ordering::SeqCst) + 1;
            highest.fetch_max(count, Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(60));
            // Counted down before the reply: its end lets the client's next request begin.
            running.fetch_sub(1, Ordering::SeqCst);
            connection.reply(&Reply::new(200, served.blobs[last].clone()))
        });
        let service = service(json!({"max-concurrent-downloads": most}));
        std::thread::scope(|scope| {
            for _ in 0..calls {
                scope.spawn(|| pulls(&service, &app(&server), &none(), &image));
            }
        });
        assert_eq!(peak.load(Ordering::SeqCst), most, "{calls} calls");
    }
}

#[test]
fn b3_a_digest_that_was_asked_for_is_what_counts() {
    let (registry, image) = demo();
    let service = service(none());
    let pinned = format!("{}/demo/app@{}", registry.host(), image.digest);
    pulls(&service, &pinned, &none(), &image);
    // Another body under the right header.
    let mut other = image.bytes.clone();
    other.push(b'\n');
    let replace = Fault::on("/manifests/", Action::ReplaceBody(other.clone()));
    registry.fault(replace.clone().always());
    registry.fault(
        Fault::on("/manifests/", Action::header("Docker-Content-Digest", &image.digest)).always(),
    );
    let failure = fails(&service, &pinned, &none(), DIGEST_MISMATCH);
    assert_eq!(failure.json["digest_expected"], image.digest.as_str());
    assert_eq!(failure.json["digest_actual"], digest::sha256(&other));
    // By tag, a digest that the registry names must be right as well.
    fails(&service, &app(&registry), &none(), DIGEST_MISMATCH);
    // The right body under another header: by digest it is right, by tag somebody lies.
    for header in [digest::sha256(&other), format!("sha512:{}", "0".repeat(128)), "x".to_owned()] {
        registry.clear_faults();
        registry.fault(
            Fault::on("/manifests/", Action::header("Docker-Content-Digest", &header)).always(),
        );
        pulls(&service, &pinned, &none(), &image);
        if header == "x" {
            pulls(&service, &app(&registry), &none(), &image);
        } else {
            fails(&service, &app(&registry), &none(), DIGEST_MISMATCH);
        }
    }
}

#[test]
fn b5_malformed_digests_reach_neither_addresses_nor_paths() {
    let hex = "0123456789abcdef".repeat(4);
    let (registry, image) = demo();
    let service = service(none());
    let session = service.open(None, &app(&registry), &none()).expect("a session");
    registry.clear();
    let malformed = [
        "".to_owned(),
        "sha256:".to_owned(),
        "sha256:../../../../etc/passwd".to_owned(),
        "sha256:..".to_owned(),
        format!("sha256:{}", &hex[1..]),
        format!("sha256:{hex}0"),
        format!("sha256:{}", hex.to_uppercase()),
        format!("SHA256:{hex}"),
        format!("sha256:{hex}:x"),
        format!("sha256:%2e%2e{}", &hex[6..]),
        format!("sha256:{hex}/.."),
        format!("sha1:{}", &hex[..40]),
        format!("md5:{}", &hex[..32]),
        format!("sha512:{hex}"),
        format!("../sha256:{hex}"),
        format!("sha256:{}\u{0661}", &hex[1..]),
        hex.clone(),
    ];
    for digest in &malformed {
        let failure = session.open_blob(None, digest, 0, &none()).err().expect(digest);
        assert_eq!(failure.code, 6, "{digest}: {failure:#?}");
    }
    assert_eq!(registry.requests().len(), 0);
    for digest in &malformed {
        for pointer in ["/config", "/layers/0"] {
            let mut manifest: Value = serde_json::from_slice(&image.bytes).expect("a manifest");
            manifest.pointer_mut(pointer).expect("a descriptor")["digest"] = json!(digest);
            let bytes = manifest.to_string();
            registry.add_manifest("demo/app", Some("2"), &image.media_type, bytes);
            registry.clear();
            let reference = format!("{}/demo/app:2", registry.host());
            fails(&service, &reference, &none(), INVALID_MANIFEST);
            assert!(requests(&registry, "/blobs/").is_empty());
        }
    }
}

#[test]
fn b9_a_tag_is_asked_for_each_time_and_a_damaged_blob_is_fetched_again() {
    let (registry, image) = demo();
    let layout = ocireg_testkit::tempdir();
    let service = service(none());
    let pull =
        || service.pull(None, &app(&registry), &place(layout.path()), &none()).expect("a pull");
    pull();
    // Cut short by whoever else writes there.
    let layer = &image.manifests[0].layers[0];
    let path = layout.path().join("blobs/sha256").join(layer.trim_start_matches("sha256:"));
    let bytes = fs::read(&path).expect("the layer");
    fs::write(&path, &bytes[..bytes.len() - 1]).expect("damage the layer");
    let report = pull();
    assert_eq!(report["bytes_transferred"], bytes.len());
    layouts::assert_holds(layout.path(), &image);
    // The tag moves, in the same service.
    let moved = Spec { seed: 7, platforms: vec!["linux/amd64".into()], ..Spec::default() }.build();
    moved.push_to(&registry, "demo/app", "1");
    assert_eq!(pull()["descriptor"]["digest"], moved.digest.as_str());
    layouts::assert_holds(layout.path(), &moved);
}

#[test]
fn a_name_without_a_manifest_or_a_registry_leaves_nothing() {
    let (registry, _) = demo();
    let (service, closed) = (service(none()), ClosedPort::new());
    for (reference, code) in [
        (format!("{}/demo/app:none", registry.host()), NOT_FOUND),
        (format!("{}/demo/none:1", registry.host()), NOT_FOUND),
        (format!("127.0.0.1:{}/demo/app:1", closed.number()), CONNECT),
        ("registry.invalid/demo/app:1".to_owned(), 40),
    ] {
        let resolve = json!({"resolve": {"registry.invalid": []}});
        let service = if code == 40 { &scene::service(resolve) } else { &service };
        let failure = fails(service, &reference, &none(), code);
        assert!(failure.json["hint"].is_string(), "{failure:#?}");
    }
}
