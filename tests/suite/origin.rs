//! Who gets which secret: each attack of the threat model that a pull can meet, with its legitimate case beside it.
//!
//! Every test ends with the one assertion that counts: the canary reached nobody who is not meant to have it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::c_surface;
use crate::c_surface::{Service, children};
use crate::scene::*;
use ocireg_testkit::fault::{self, Faults};
use ocireg_testkit::image::Image;
use ocireg_testkit::process::ClosedPort;
use ocireg_testkit::rig::{
    Rig, ask_basic, ask_bearer, assert_canary_nowhere, assert_no_secret, bystander, canary,
};
use ocireg_testkit::server::ConnectFault;
use ocireg_testkit::{
    Action, Auth, Ca, Cut, Fault, Registry, Reply, Request, Server, ServerOptions, TokenServer,
};
use serde_json::{Value, json};

fn none() -> Value {
    json!({})
}

/// An answer with the blob that the request's last path element names.
fn blob_of(image: &Image) -> impl Fn(&Request) -> Reply + Send + Sync + use<> {
    let blobs = image.blobs.clone();
    move |request| {
        let digest = request.path().rsplit('/').next().unwrap_or_default();
        match blobs.get(digest) {
            Some(body) => Reply::new(200, body.clone()),
            None => Reply::empty(404),
        }
    }
}

/// Sends every request for a blob on to `base`, with the same path.
fn send_blobs_on(registry: &Registry, image: &Image, status: u16, base: &str) {
    for digest in image.blobs.keys() {
        let location = format!("{base}/blobs/{digest}");
        registry.fault(
            Fault::on(&format!("/blobs/{digest}"), Action::Redirect(status, Some(location)))
                .always(),
        );
    }
}

/// A rig whose registry wants alice with the canary as password, and a bystander that has the blobs.
fn basic_rig() -> (Rig, Image, String, Service) {
    let image = image();
    let rig = Rig::start(blob_of(&image));
    image.push_to(&rig.registry, "demo/app", "1");
    let canary = canary();
    rig.registry.set_auth(Auth::basic("alice", &canary));
    let service = trusting(&[&rig.registry.host()]);
    (rig, image, canary, service)
}

/// A rig whose registry wants alice with the canary, and has demo/app:1 without its first layer, which is kept at
/// `url`.
fn foreign_rig(
    answer: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    image: &Image,
    url: impl Fn(&Rig) -> String,
) -> (Rig, String, String) {
    let (rig, canary) = (Rig::start(answer), canary());
    rig.registry.set_auth(Auth::basic("alice", &canary));
    let layer = image.manifests[0].layers[0].clone();
    let url = url(&rig);
    push_changed(&rig.registry, image, |manifest| {
        manifest["layers"][0]["mediaType"] = json!(FOREIGN);
        manifest["layers"][0]["urls"] = json!([url]);
    });
    rig.registry.remove_blob("demo/app", &layer);
    (rig, canary, layer)
}

/// Also fetches layers that are not meant to be distributed.
fn all_layers(canary: &str) -> Value {
    let mut options = alice(canary);
    options["nondistributable"] = json!(true);
    options
}

#[test]
fn a1_foreign_urls_of_a_layer_are_asked_without_credentials() {
    let image = image();
    let token = TokenServer::plain();
    for answer in [ask_basic(), ask_bearer(&token.realm())] {
        let bystander = move |_: &Request| answer.clone();
        let (rig, canary, layer) =
            foreign_rig(bystander, &image, |rig| format!("{}/layer", rig.bystander.url()));
        let reference = app(&rig.registry);
        let hosts = [rig.registry.host(), rig.bystander.host(), token.host()];
        let allowing = |foreign: &[String]| {
            service(json!({"allow-plain-http-credentials": hosts, "allow-foreign-urls": foreign}))
        };

        // Left out and said so; or asked of the registry alone, whoever else is allowed.
        let strict = allowing(&["127.0.0.2".to_owned(), rig.mirror.host()]);
        let report = pull(&strict, &reference, &alice(&canary)).expect("a pull").report;
        assert!(report["warnings"].to_string().contains(&layer), "{report}");
        let failure = fails(&strict, &reference, &all_layers(&canary), POLICY);
        assert_tells(&failure, &[&layer, "allow-foreign-urls", &rig.bystander.host()], &[&canary]);
        assert_eq!(failure.json["attempts"][0]["code"], NOT_FOUND);
        assert_eq!(rig.bystander.connection_count(), 0);

        // Allowed, and asked for credentials: nobody logs in there.
        let open = allowing(&[rig.bystander.host()]);
        let failure = fails(&open, &reference, &all_layers(&canary), UNAUTHORIZED);
        assert_tells(&failure, &[&layer, "without credentials"], &[&canary]);
        assert_eq!(rig.bystander.requests().len(), 1);
        assert_bare(&rig.bystander.requests());
        assert_eq!(token.connection_count(), 0);

        // What the registry has comes from the registry.
        rig.registry.put_blob("demo/app", &layer, image.blobs[&layer].clone());
        let report = pull(&strict, &reference, &all_layers(&canary)).expect("a pull").report;
        assert_eq!(report["warnings"], json!([]));
        pull(&open, &reference, &all_layers(&canary)).expect("a pull");
        assert_eq!(rig.bystander.requests().len(), 1);
        rig.assert_canary_only(&[&rig.registry], &canary);
    }
}

#[test]
fn a1_an_allowed_foreign_url_gives_the_layer() {
    let image = image();
    let (rig, canary, layer) = foreign_rig(blob_of(&image), &image, |rig| {
        format!("{}/blobs/{}", rig.bystander.url(), image.manifests[0].layers[0])
    });
    let service = service(json!({
        "allow-plain-http-credentials": [rig.registry.host()],
        "allow-foreign-urls": [rig.bystander.host()],
    }));
    let pulled = pull(&service, &app(&rig.registry), &all_layers(&canary)).expect("a pull");
    let blobs = pulled.report["blobs"].as_array().expect("blobs");
    let blob = blobs.iter().find(|blob| blob["digest"] == layer.as_str()).expect("the layer");
    assert_eq!(blob["source"], "network");
    assert_bare(&rig.bystander.requests());

    // By a reader, too; the options are those of its descriptor.
    let session = service.open(None, &app(&rig.registry), &alice(&canary)).expect("a session");
    let url = format!("{}/blobs/{layer}", rig.bystander.url());
    let open = |media_type: &str, urls: Value| {
        session.open_blob(None, &layer, 0, &json!({"media_type": media_type, "urls": urls}))
    };
    let mut bytes = Vec::new();
    // The first that has it counts.
    let missing = format!("{}/none", rig.bystander.url());
    let mut reader = open(FOREIGN, json!(["http://127.0.0.9:1/", missing, url])).expect("a reader");
    reader.read_to_end(None, &mut bytes).expect("the layer");
    assert_eq!(bytes, image.blobs[&layer].to_vec());
    let ordinary = open("application/vnd.oci.image.layer.v1.tar+gzip", json!([url]));
    assert_eq!(ordinary.err().expect("not there").code, NOT_FOUND);
    assert_bare(&rig.bystander.requests());
    rig.assert_canary_only(&[&rig.registry], &canary);
}

#[test]
fn a1_foreign_urls_are_judged_as_all_that_a_server_sends() {
    let (image, ca, certs) = (image(), Ca::default(), ocireg_testkit::tempdir());
    let (rig, canary, layer) = foreign_rig(blob_of(&image), &image, |_| String::new());
    let port = rig.bystander.port();
    let allowed: Vec<String> = ["evil.test", "metadata.test", "127.0.0.2"]
        .iter()
        .map(|host| format!("{host}:{port}"))
        .collect();
    let options = json!({
        "resolve": {"evil.test": ["0.0.0.0"], "metadata.test": ["169.254.169.254"]},
        "allow-plain-http-credentials": [rig.registry.host()], "allow-foreign-urls": allowed,
    });
    let plain = service(options.clone());
    let session = plain.open(None, &app(&rig.registry), &alice(&canary)).expect("a session");
    for (url, code) in [
        (format!("http://evil.test:{port}/x"), POLICY),
        (format!("http://metadata.test:{port}/x"), POLICY),
        (format!("ftp://127.0.0.2:{port}/x"), PROTOCOL),
        (format!("http://u:p@127.0.0.2:{port}/x"), PROTOCOL),
        (format!("http://127.0.0.2:{port}@evil.test/x?sig={canary}"), PROTOCOL),
    ] {
        let options = json!({"media_type": FOREIGN, "urls": [url]});
        let failure = session.open_blob(None, &layer, 0, &options).err().expect("refused");
        assert_eq!(failure.code, code, "{url}: {failure:#?}");
        assert_tells(&failure, &[&layer], &[&canary]);
    }
    assert_eq!(rig.bystander.connection_count(), 0);

    // A registry that speaks https sends nobody to http.
    let tls = Registry::start(secure(&ca), Auth::None);
    image.push_to(&tls, "demo/app", "1");
    tls.remove_blob("demo/app", &layer);
    let mut all = trust(&ca, certs.path(), &[&tls.host()]);
    all["allow-foreign-urls"] = json!(allowed);
    let secured = service(all);
    let session = secured.open(None, &app(&tls), &none()).expect("a session");
    let options =
        json!({"media_type": FOREIGN, "urls": [format!("{}/blobs/{layer}", rig.bystander.url())]});
    let failure = session.open_blob(None, &layer, 0, &options).err().expect("a downgrade");
    assert_eq!(failure.code, POLICY, "{failure:#?}");
    assert_tells(&failure, &["https", &rig.bystander.host()], &[]);
    assert_eq!(rig.bystander.connection_count(), 0);
    // The legitimate case: the same address, as a registry on plain http has it.
    let session = plain.open(None, &app(&rig.registry), &alice(&canary)).expect("a session");
    session.open_blob(None, &layer, 0, &options).expect("the layer");
    rig.assert_canary_only(&[&rig.registry], &canary);
}

#[test]
fn a2_urls_of_configs_layers_and_child_manifests_lead_nowhere() {
    let (rig, image, canary, _) = basic_rig();
    // Not even to hosts that may be asked for foreign layers: these are none.
    let service = service(json!({
        "allow-plain-http-credentials": [rig.registry.host()],
        "allow-foreign-urls": [rig.bystander.host(), "169.254.169.254"],
    }));
    let urls = json!([format!("{}/x", rig.bystander.url()), "http://169.254.169.254/latest"]);
    let digest = push_changed(&rig.registry, &image, |manifest| {
        manifest["config"]["urls"] = urls.clone();
        for layer in manifest["layers"].as_array_mut().expect("layers") {
            layer["urls"] = urls.clone();
        }
    });
    let pulled = pull(&service, &app(&rig.registry), &all_layers(&canary)).expect("a pull").report;
    assert_eq!(pulled["descriptor"]["digest"], digest.as_str());
    // Nor when the registry does not have them.
    for blob in image.blobs.keys() {
        rig.registry.remove_blob("demo/app", blob);
        fails(&service, &app(&rig.registry), &all_layers(&canary), NOT_FOUND);
        rig.registry.put_blob("demo/app", blob, image.blobs[blob].clone());
    }

    // An index whose child is said to be elsewhere; the registry does not have it.
    let index = json!({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [{
            "mediaType": image.media_type, "digest": format!("sha256:{}", "0".repeat(64)),
            "size": 400, "urls": urls, "platform": {"os": "linux", "architecture": "amd64"},
        }],
    });
    rig.registry.add_manifest(
        "demo/app",
        Some("1"),
        "application/vnd.oci.image.index.v1+json",
        index.to_string(),
    );
    let mut options = alice(&canary);
    options["platform"] = json!("linux/amd64");
    fails(&service, &app(&rig.registry), &options, NOT_FOUND);
    assert_eq!(rig.bystander.connection_count(), 0);
    rig.assert_canary_only(&[&rig.registry], &canary);
}

/// A registry that sends everybody to this realm for tokens.
fn registry_with_realm(options: ServerOptions, realm: &str) -> Server {
    let answer = ask_bearer(realm);
    bystander(options, move |_| answer.clone())
}

/// A server that gives the token `t` to everybody.
fn token_for_everybody(options: ServerOptions) -> Server {
    bystander(options, |_| Reply::json(200, &json!({"token": "t"})))
}

#[test]
fn a3_realms_that_reach_narrower_than_the_registry_are_refused_and_others_are_used() {
    let realm = token_for_everybody(ServerOptions::default());
    let port = realm.port();
    let canary = canary();
    realm.may_receive(&canary);
    let resolve = json!({
        "evil.test": ["0.0.0.0"], "metadata.test": ["169.254.169.254"], "own.test": ["127.0.0.1"],
        "both.test": ["169.254.169.254", "0.0.0.0"],
    });
    for (address, code) in [
        // On the same machine as the registry, by address or by name: allowed.
        (format!("http://127.0.0.1:{port}/token"), UNAUTHORIZED),
        (format!("http://localhost:{port}/token"), UNAUTHORIZED),
        (format!("http://own.test:{port}/token"), UNAUTHORIZED),
        // Never, though the kernel would lead some of these to the very same server.
        (format!("http://0.0.0.0:{port}/token"), POLICY),
        (format!("http://evil.test:{port}/token"), POLICY),
        (format!("http://both.test:{port}/token"), POLICY),
        (format!("http://metadata.test:{port}/token"), POLICY),
        (format!("http://169.254.169.254:{port}/latest/meta-data"), POLICY),
        (format!("http://[fe80::1]:{port}/token"), POLICY),
        (format!("http://[::]:{port}/token"), POLICY),
        (format!("http://[::ffff:169.254.169.254]:{port}/token"), POLICY),
        ("http://2852039166/latest/meta-data".to_owned(), POLICY),
        // Not an address that a token could come from.
        (format!("ftp://127.0.0.1:{port}/token"), PROTOCOL),
        (format!("http://user:pass@127.0.0.1:{port}/token"), PROTOCOL),
        ("http://".to_owned(), PROTOCOL),
        ("file:///etc/passwd".to_owned(), PROTOCOL),
    ] {
        realm.clear();
        let registry = registry_with_realm(ServerOptions::default(), &address);
        let hosts: Vec<String> = ["127.0.0.1", "localhost", "own.test", "evil.test", "both.test"]
            .iter()
            .chain(&["metadata.test", "0.0.0.0", "169.254.169.254"])
            .map(|host| format!("{host}:{port}"))
            .chain([registry.host()])
            .collect();
        let service = service(json!({
            "resolve": resolve, "allow-plain-http-credentials": hosts,
        }));
        let failure = fails(&service, &app(&registry), &alice(&canary), code);
        assert_tells(&failure, &[], &[&canary]);
        let allowed = code == UNAUTHORIZED;
        for key in ["host", "phase", "hint"].into_iter().filter(|_| !allowed) {
            assert!(failure.json[key].is_string(), "{address}: {key} of {failure:#?}");
        }
        assert_eq!(realm.connection_count() > 0, allowed, "{address}");
        assert_eq!(realm.requests().iter().any(|r| r.header("authorization").is_some()), allowed);
        assert_canary_nowhere(&[&registry], &canary);
    }
}

#[test]
fn a4_realms_are_trusted_for_one_registry_each() {
    let token = token_for_everybody(ServerOptions::default());
    let realm = format!("http://token.test:{}/token", token.port());
    let [trusted, other] = [0; 2].map(|_| registry_with_realm(ServerOptions::default(), &realm));
    let canary = canary();
    token.may_receive(&canary);
    let service = service(json!({
        "resolve": {"token.test": ["0.0.0.0"]},
        "trusted-realms": [[trusted.host(), format!("token.test:{}", token.port())]],
        "allow-plain-http-credentials":
            [format!("token.test:{}", token.port()), trusted.host(), other.host()],
    }));
    let failure = fails(&service, &app(&other), &alice(&canary), POLICY);
    assert_tells(&failure, &["trusted-realms"], &[&canary]);
    assert_eq!(token.connection_count(), 0);
    // The legitimate case: this registry says no in the end, but its realm was asked. The whole address of the realm
    // will do, and letter case says nothing.
    let port = token.port();
    for written in [format!("token.test:{port}"), realm, format!("http://Token.test:{port}/x")] {
        token.clear();
        let service = self::service(json!({
            "resolve": {"token.test": ["0.0.0.0"]},
            "trusted-realms": [[trusted.host(), written]],
            "allow-plain-http-credentials": [format!("token.test:{port}"), trusted.host()],
        }));
        fails(&service, &app(&trusted), &alice(&canary), UNAUTHORIZED);
        assert!(!token.requests().is_empty(), "{written}");
    }
    assert_canary_nowhere(&[&trusted, &other], &canary);
}

#[test]
fn a5_an_https_registry_gets_no_token_from_an_http_realm() {
    let (ca, certs, canary) = (Ca::default(), ocireg_testkit::tempdir(), canary());
    let plain = token_for_everybody(ServerOptions::default());
    let safe = token_for_everybody(ServerOptions::default().tls(&ca));
    safe.may_receive(&canary);
    for options in [secure(&ca), ServerOptions::default().tls(&ca)] {
        let registry =
            registry_with_realm(options.clone(), &format!("{}/token?k={canary}", plain.url()));
        let mut all = trust(&ca, certs.path(), &[&registry.host()]);
        all["allow-plain-http-credentials"] = json!([plain.host(), registry.host()]);
        let failure = fails(&service(all), &app(&registry), &alice(&canary), POLICY);
        assert_tells(&failure, &[&plain.host(), "https"], &[&canary]);
        assert_eq!(plain.connection_count(), 0);
        assert_canary_nowhere(&[&registry], &canary);

        // The legitimate case: the realm speaks https, too.
        let registry = registry_with_realm(options, &format!("{}/token", safe.url()));
        let service = service(trust(&ca, certs.path(), &[&registry.host(), &safe.host()]));
        fails(&service, &app(&registry), &alice(&canary), UNAUTHORIZED);
        assert!(safe.requests().iter().any(|r| r.header("authorization").is_some()));
        safe.clear();
        assert_canary_nowhere(&[&registry], &canary);
    }
}

#[test]
fn a5_an_http_realm_that_the_caller_names_is_asked_without_credentials() {
    let (ca, certs, canary) = (Ca::default(), ocireg_testkit::tempdir(), canary());
    let realm = token_for_everybody(ServerOptions::default());
    let registry = registry_with_realm(secure(&ca), &format!("{}/token", realm.url()));
    let mut options = trust(&ca, certs.path(), &[&registry.host()]);
    let failure = fails(&service(options.clone()), &app(&registry), &none(), POLICY);
    assert_tells(&failure, &[&realm.host(), "trusted-realms"], &[]);
    assert_eq!(realm.connection_count(), 0);

    // The registry says no in the end, but its realm was asked: by nobody in particular, whoever the caller is.
    options["trusted-realms"] = json!([[registry.host(), realm.host()]]);
    for auth in [none(), alice(&canary), json!({"auth": {"identitytoken": canary}})] {
        realm.clear();
        fails(&service(options.clone()), &app(&registry), &auth, UNAUTHORIZED);
        assert!(!realm.requests().is_empty());
        assert!(realm.requests().iter().all(|r| r.method == "GET"));
        assert_bare(&realm.requests());
    }
    assert_canary_nowhere(&[&realm, &registry], &canary);
    realm.may_receive(&canary);
    options["allow-plain-http-credentials"] = json!([realm.host()]);
    realm.clear();
    fails(&service(options), &app(&registry), &alice(&canary), UNAUTHORIZED);
    assert!(realm.requests().iter().any(|r| r.header("authorization").is_some()));
    assert_canary_nowhere(&[&registry], &canary);
}

#[test]
fn a6_redirects_are_judged_by_the_address_that_a_name_resolves_to() {
    let (rig, image, canary, _) = basic_rig();
    let service = service(json!({
        "resolve": {
            "evil.test": ["0.0.0.0"], "metadata.test": ["169.254.169.254"],
            "blobs.test": ["127.0.0.2"],
        },
        "allow-plain-http-credentials": [rig.registry.host()],
    }));
    // 0.0.0.0 leads to the server on 127.0.0.1, if anybody connects to it.
    let target = bystander(ServerOptions::default(), blob_of(&image));
    for (base, named) in [
        (format!("http://evil.test:{}", target.port()), "evil.test"),
        (format!("http://0.0.0.0:{}", target.port()), "0.0.0.0"),
        (format!("http://[::]:{}", target.port()), "[::]"),
        ("http://metadata.test".to_owned(), "metadata.test"),
        ("http://169.254.169.254".to_owned(), "169.254.169.254"),
    ] {
        rig.registry.clear_faults();
        send_blobs_on(&rig.registry, &image, 307, &base);
        let failure = fails(&service, &app(&rig.registry), &alice(&canary), POLICY);
        assert_tells(&failure, &[named], &[&canary]);
    }
    assert_eq!(target.connection_count(), 0);

    // The legitimate case: a name that reaches no narrower than the registry does.
    rig.registry.clear_faults();
    let base = format!("http://blobs.test:{}", rig.bystander.port());
    send_blobs_on(&rig.registry, &image, 307, &base);
    pulls(&service, &app(&rig.registry), &alice(&canary), &image);
    assert_bare(&rig.bystander.requests());
    rig.assert_canary_only(&[&rig.registry], &canary);
}

#[test]
fn a7_a_token_server_that_redirects_takes_no_credentials_along() {
    let canary = canary();
    let identity = json!({"auth": {"identitytoken": canary}});
    for status in [301, 302, 303, 307, 308] {
        for options in [alice(&canary), identity.clone()] {
            let elsewhere = token_for_everybody(ServerOptions::default().bind("127.0.0.2"));
            let location = format!("{}/token", elsewhere.url());
            let token = bystander(ServerOptions::default(), move |_| {
                Reply::empty(status).with("Location", &location)
            });
            token.may_receive(&canary);
            let registry = registry_with_realm(ServerOptions::default(), &token.url());
            let service = trusting(&[&registry.host(), &token.host(), &elsewhere.host()]);
            let failure = pull(&service, &app(&registry), &options).err().expect("no rights");
            let expected = if options == identity { POLICY } else { UNAUTHORIZED };
            assert_eq!(failure.code, expected, "{status}: {failure:#?}");
            assert_tells(&failure, &[], &[&canary]);
            assert_canary_nowhere(&[&elsewhere, &registry], &canary);
        }
    }
    // Not even without credentials to where nobody is sent.
    let token = bystander(ServerOptions::default(), |_| {
        Reply::empty(302).with("Location", "http://169.254.169.254/latest/meta-data")
    });
    let registry = registry_with_realm(ServerOptions::default(), &token.url());
    let failure = fails(&service(none()), &app(&registry), &none(), POLICY);
    assert_tells(&failure, &["169.254.169.254"], &[]);

    // The legitimate case: a redirect within the token server keeps them.
    let real = TokenServer::plain();
    real.may_receive(&canary);
    real.change(|policy| policy.users = vec![("alice".into(), canary.clone())]);
    real.change(|policy| policy.anonymous_pull = false);
    let again =
        format!("{}&again=1", "/token?service=registry.test&scope=repository:demo/app:pull");
    real.fault(Fault::on("account=alice", Action::redirect(&again)).always());
    let (registry, image) = demo();
    registry.set_auth(Auth::bearer(&real));
    let service = trusting(&[&real.host(), &registry.host()]);
    pulls(&service, &app(&registry), &alice(&canary), &image);
    assert!(requests(&real, "again=1")[0].header("authorization").is_some());
    assert_canary_nowhere(&[&registry], &canary);
}

#[test]
fn a8_a_redirect_to_another_host_port_or_scheme_drops_authorization() {
    let (rig, image, canary, _) = basic_rig();
    let (ca, certs) = (Ca::default(), ocireg_testkit::tempdir());
    let port = bystander(ServerOptions::default(), blob_of(&image));
    let tls = bystander(ServerOptions::default().tls(&ca), blob_of(&image));
    ca.write_certs_d(certs.path(), &tls.host(), None);
    let service = service(json!({"certs-dir": certs.path()}));
    let name = bystander(ServerOptions::default().name("localhost"), blob_of(&image));
    for status in [301, 302, 303, 307, 308] {
        for other in [&port, &tls, &name, &rig.bystander] {
            other.clear();
            rig.registry.clear_faults();
            send_blobs_on(&rig.registry, &image, status, &other.url());
            pulls(&service, &app(&rig.registry), &alice(&canary), &image);
            assert_eq!(other.requests().len(), image.blobs.len());
            assert_bare(&other.requests());
        }
    }
    // A manifest is redirected by the same rule.
    let bytes = image.bytes.clone();
    let kind = image.media_type.clone();
    let manifests = bystander(ServerOptions::default(), move |_| {
        Reply::new(200, bytes.clone()).with("Content-Type", &kind)
    });
    rig.registry.clear_faults();
    rig.registry.fault(Fault::on("/manifests/", Action::redirect(&manifests.url())).always());
    pulls(&service, &app(&rig.registry), &alice(&canary), &image);
    assert_bare(&manifests.requests());
    assert_canary_nowhere(&[&port, &tls, &name, &manifests], &canary);
    rig.assert_canary_only(&[&rig.registry], &canary);
}

#[test]
fn a8_a_redirect_within_the_origin_keeps_authorization() {
    let (rig, image, canary, service) = basic_rig();
    image.push_to(&rig.registry, "demo/moved", "1");
    let absolute = format!("{}/v2/demo/moved", rig.registry.url());
    for base in ["/v2/demo/moved", "../../moved", &absolute] {
        rig.registry.clear();
        rig.registry.clear_faults();
        for digest in image.blobs.keys() {
            let location = format!("{base}/blobs/{digest}");
            let fault = Fault::on(&format!("/app/blobs/{digest}"), Action::redirect(&location));
            rig.registry.fault(fault.always());
        }
        pulls(&service, &app(&rig.registry), &alice(&canary), &image);
        let moved = requests(&rig.registry, "/demo/moved/blobs/");
        assert_eq!(moved.len(), image.blobs.len());
        assert!(moved.iter().all(|request| request.header("authorization").is_some()));
    }
    rig.assert_canary_only(&[&rig.registry], &canary);
}

#[test]
fn a9_the_same_host_on_another_port_is_another_origin() {
    let (rig, image, canary, _) = basic_rig();
    let other = Registry::start(ServerOptions::default(), Auth::basic("alice", &canary));
    image.push_to(&other, "demo/app", "1");
    // Even though both would take these credentials, and may have them over http.
    let service = trusting(&[&rig.registry.host(), &other.host()]);
    let base = format!("{}/v2/demo/app", other.url());
    send_blobs_on(&rig.registry, &image, 302, &base);
    let failure = fails(&service, &app(&rig.registry), &alice(&canary), UNAUTHORIZED);
    assert_tells(&failure, &["127.0.0.1"], &[&canary]);
    assert_bare(&other.requests());
    assert_canary_nowhere(&[&other], &canary);
    // The legitimate case: the same registry, asked itself.
    other.may_receive(&canary);
    pulls(&service, &app(&other), &alice(&canary), &image);
    rig.assert_canary_only(&[&rig.registry], &canary);
}

#[test]
fn a10_authorization_that_was_dropped_stays_dropped_even_on_the_way_back() {
    let (rig, image, canary, service) = basic_rig();
    let home = rig.registry.url();
    let back = bystander(ServerOptions::default().bind("127.0.0.2"), move |request| {
        let location = format!("{home}/v2/demo/app{}", request.target);
        Reply::empty(307).with("Location", &location)
    });
    for digest in image.blobs.keys() {
        let location = format!("{}/blobs/{digest}", back.url());
        let path = format!("/blobs/{digest}");
        rig.registry.fault(Fault::on(&path, Action::redirect(&location)));
    }
    fails(&service, &app(&rig.registry), &alice(&canary), UNAUTHORIZED);
    assert_bare(&back.requests());
    let returned = requests(&rig.registry, "/blobs/");
    let bare = returned.iter().filter(|r| r.header("authorization").is_none()).count();
    // The first refusal ends the other transfers, on their way back or not.
    assert!((1..=back.requests().len()).contains(&bare), "{returned:#?}");
    assert!(returned.len() - bare <= image.blobs.len(), "{returned:#?}");

    // A second hop to another path of the same stranger gets nothing either.
    let blobs = blob_of(&image);
    let stranger = bystander(ServerOptions::default().bind("127.0.0.2"), move |request| {
        match request.path().strip_prefix("/first") {
            Some(rest) => Reply::empty(307).with("Location", rest),
            None => blobs(request),
        }
    });
    rig.registry.clear_faults();
    send_blobs_on(&rig.registry, &image, 307, &format!("{}/first", stranger.url()));
    pulls(&service, &app(&rig.registry), &alice(&canary), &image);
    assert_eq!(stranger.requests().len(), 2 * image.blobs.len());
    assert_bare(&stranger.requests());
    assert_canary_nowhere(&[&back, &stranger], &canary);
    rig.assert_canary_only(&[&rig.registry], &canary);
}

#[test]
fn a11_a_challenge_from_where_a_redirect_led_is_not_answered() {
    let (rig, image, canary, _) = basic_rig();
    let answers = [ask_basic(), ask_bearer(&rig.token.realm())];
    for answer in answers {
        let asking = bystander(ServerOptions::default().bind("127.0.0.2"), move |_| answer.clone());
        rig.registry.clear_faults();
        send_blobs_on(&rig.registry, &image, 307, &asking.url());
        let service = trusting(&[&rig.registry.host(), &asking.host(), &rig.token.host()]);
        let failure = fails(&service, &app(&rig.registry), &alice(&canary), UNAUTHORIZED);
        assert_tells(&failure, &["127.0.0.2"], &[&canary]);
        let asked: Vec<_> = asking.requests().into_iter().map(|r| r.target).collect();
        let mut once = asked.clone();
        once.sort();
        once.dedup();
        assert_eq!(asked.len(), once.len(), "no request is made again");
        assert_bare(&asking.requests());
        assert_canary_nowhere(&[&asking], &canary);
        // What the stranger asked for is not taken for the registry's own challenge later.
        rig.registry.clear_faults();
        pulls(&service, &app(&rig.registry), &alice(&canary), &image);
    }
    assert_eq!(rig.token.connection_count(), 0);

    // Nor is that of a ping that is led away.
    rig.registry.fault(Fault::on("/v2/", Action::redirect(&format!("{}/v2/", rig.mirror.url()))));
    rig.mirror.set_auth(Auth::basic("alice", &canary));
    let service = trusting(&[&rig.registry.host(), &rig.mirror.host()]);
    let failure = fails(&service, &app(&rig.registry), &alice(&canary), REDIRECT);
    assert_tells(&failure, &[], &[&canary]);
    rig.assert_canary_only(&[&rig.registry], &canary);
}

#[test]
fn a13_a_link_to_the_next_page_stays_at_the_registry() {
    let (rig, _, canary, _) = basic_rig();
    for tag in ["2", "3", "4", "5"] {
        rig.registry.add_manifest("demo/app", Some(tag), "application/json", "{}");
    }
    let service = service(json!({
        "allow-plain-http-credentials": [rig.registry.host()], "limits": {"pages": 20},
    }));
    let session = service.open(None, &app(&rig.registry), &alice(&canary)).expect("a session");
    let page = "/v2/demo/app/tags/list?last=2";
    let (stranger, own) = (rig.bystander.url(), rig.registry.url());
    let authority = stranger.trim_start_matches("http:");
    let link = |target: &str| Fault::on("tags/list", Action::header("Link", target));
    for (target, code) in [
        (format!("<{stranger}{page}>; rel=\"next\""), POLICY),
        (format!("<{authority}{page}>; rel=next"), POLICY),
        (format!("<https://{}{page}>; rel=\"next\"", rig.registry.host()), POLICY),
        (format!("<http://127.0.0.1:1{page}>; rel=\"next\""), POLICY),
        ("</elsewhere?last=2>; rel=\"next\"".to_owned(), POLICY),
        ("</v2/../x?last=2>; rel=\"next\"".to_owned(), POLICY),
        ("</v2/%2e%2e/x?last=2>; rel=\"next\"".to_owned(), POLICY),
        (format!("<http://alice@{}{page}>; rel=\"next\"", rig.registry.host()), PROTOCOL),
        ("<file:///etc/passwd>; rel=\"next\"".to_owned(), PROTOCOL),
        // The same page again is an end that never comes.
        ("<>; rel=\"next\"".to_owned(), LIMIT),
        ("</v2/demo/app/tags/list>; rel=\"next\"".to_owned(), LIMIT),
    ] {
        rig.registry.clear_faults();
        rig.registry.fault(link(&target).always());
        let failure = session.list_tags(None, &none()).expect_err(&target);
        assert_eq!(failure.code, code, "{target}: {failure:#?}");
        assert_tells(&failure, &[], &[&canary]);
    }
    // Pages without an end, each told apart by its query.
    rig.registry.clear_faults();
    for n in 0..100 {
        let next = format!("</v2/demo/app/tags/list?last=a{}.>; rel=\"next\"", n + 1);
        let here = if n == 0 { "tags/list".to_owned() } else { format!("last=a{n}.") };
        rig.registry.fault(Fault::on(&here, Action::header("Link", &next)));
    }
    let failure = session.list_tags(None, &none()).expect_err("endless pages");
    assert_eq!(failure.code, LIMIT, "{failure:#?}");
    assert_tells(&failure, &["pages"], &[&canary]);

    // The legitimate cases: relative, absolute, and another relation.
    for target in [
        format!("<{page}>; rel=\"next\""),
        format!("<{own}{page}>; rel=next"),
        "<list?last=2>; rel=\"next\"".to_owned(),
    ] {
        rig.registry.clear_faults();
        rig.registry.fault(link(&target));
        let tags = session.list_tags(None, &none()).expect("tags")["tags"].clone();
        assert_eq!(tags, json!(["1", "2", "3", "4", "5", "3", "4", "5"]), "{target}");
    }
    rig.registry.clear_faults();
    rig.registry.fault(link(&format!("<{stranger}/>; rel=\"help\"")).always());
    let tags = session.list_tags(None, &none()).expect("tags");
    assert_eq!(tags["tags"], json!(["1", "2", "3", "4", "5"]));
    assert_eq!(rig.bystander.connection_count(), 0);
    rig.assert_canary_only(&[&rig.registry], &canary);
}

#[test]
fn a14_mirrors_get_their_own_credentials_and_never_those_of_the_upstream() {
    let (canary, image) = (canary(), image());
    let mirror =
        Registry::start(ServerOptions::default().bind("127.0.0.3"), Auth::basic("alice", &canary));
    image.push_to(&mirror, "library/app", "1");
    let token = TokenServer::plain();
    let options = |credentials: Value| {
        json!({
            "registry-mirrors": [mirror.url()], "resolve": {"registry-1.docker.io": []},
            "allow-plain-http-credentials": [mirror.host(), token.host()],
            "credentials": credentials,
        })
    };
    let upstream = json!({"username": "alice", "password": canary});
    for (auth, bearer) in [(Auth::basic("alice", &canary), false), (Auth::bearer(&token), true)] {
        mirror.set_auth(auth);
        token.change(|policy| policy.anonymous_pull = false);
        // Those of docker.io, under any of its names, and those of the call, are the upstream's.
        for name in ["docker.io", "index.docker.io", "https://index.docker.io/v1/"] {
            let service = service(options(json!({name: upstream})));
            let failure = fails(&service, "app:1", &none(), UNAUTHORIZED);
            assert_eq!(failure.json["attempts"].as_array().expect("attempts").len(), 2);
            let failure = fails(&service, "app:1", &json!({"auth": upstream}), UNAUTHORIZED);
            let endpoint = failure.json["endpoint"].as_str().unwrap_or_default();
            assert!(endpoint.starts_with(&mirror.url()), "{failure:#?}");
            assert_tells(&failure, &[], &[&canary]);
        }
        assert!(mirror.requests().iter().all(|r| r.header("authorization").is_none()));
        assert_canary_nowhere(&[&mirror, &token], &canary);
        if bearer {
            token.change(|policy| policy.users = vec![("alice".into(), canary.clone())]);
        }
        // The legitimate case: the mirror's own, whatever the call says for the upstream.
        let service = service(options(json!({mirror.host(): upstream})));
        mirror.may_receive(&canary);
        token.may_receive(&canary);
        let report = pulls(&service, "app:1", &none(), &image);
        assert_eq!(report["endpoint"]["mirror"], true);
        assert_eq!(
            report["reference"].as_str().expect("a reference").split('/').next(),
            Some("docker.io")
        );
        mirror.clear();
        token.clear();
    }
}

#[test]
fn a16_credentials_are_for_the_host_that_was_named_and_no_other() {
    let canary = canary();
    let (registry, image) = demo();
    registry.set_auth(Auth::basic("alice", &canary));
    let port = registry.port();
    let auth = json!({"username": "alice", "password": canary});
    let hosts: Vec<String> = ["reg.test", "evilreg.test", "reg.test.evil.test", "sub.reg.test"]
        .iter()
        .chain(&["127.0.0.1", "localhost", "REG.TEST"])
        .map(|host| format!("{host}:{port}"))
        .collect();
    let pull_with = |key: String, host: &str| {
        let service = service(json!({
            "credentials": {key: auth}, "resolve": {"*": ["127.0.0.1"]},
            "allow-plain-http-credentials": hosts,
        }));
        pull(&service, &format!("{host}:{port}/demo/app:1"), &none())
    };
    for (key, host) in [
        (format!("reg.test:{port}"), "evilreg.test"),
        (format!("reg.test:{port}"), "reg.test.evil.test"),
        (format!("reg.test:{port}"), "sub.reg.test"),
        ("reg.test".to_owned(), "reg.test"),
        ("reg.test:443".to_owned(), "reg.test"),
        (format!("reg.test:{}", port - 1), "reg.test"),
        (format!("test:{port}"), "reg.test"),
        (format!("127.0.0.1:{port}"), "localhost"),
        ("docker.io".to_owned(), "reg.test"),
        (format!("reg.test:{port}/demo/other"), "reg.test"),
        (format!("reg.test:{port}/demo/ap"), "reg.test"),
    ] {
        let failure = pull_with(key.clone(), host).err().unwrap_or_else(|| panic!("{key} {host}"));
        assert_eq!(failure.code, UNAUTHORIZED, "{key} for {host}: {failure:#?}");
    }
    assert!(registry.requests().iter().all(|r| r.header("authorization").is_none()));
    assert_canary_nowhere(&[&registry], &canary);
    registry.may_receive(&canary);
    for (key, host) in [
        (format!("reg.test:{port}"), "reg.test"),
        (format!("REG.test:{port}"), "reg.test"),
        (format!("https://reg.test:{port}/v2/"), "reg.test"),
        (format!("reg.test:{port}/demo"), "reg.test"),
        (format!("reg.test:{port}/demo/app"), "reg.test"),
        (format!("127.0.0.1:{port}"), "127.0.0.1"),
    ] {
        let pulled = pull_with(key.clone(), host);
        let pulled = pulled.unwrap_or_else(|e| panic!("{key} for {host}: {e:#?}"));
        assert_eq!(pulled.report["descriptor"]["digest"], image.digest.as_str());
    }
}

#[test]
fn a17_a_secure_host_is_never_asked_over_http() {
    let ca = Ca::default();
    let certs = ocireg_testkit::tempdir();
    let canary = canary();
    let image = image();
    let garbage = || ConnectFault::Garbage(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec());
    for fault in [
        None,
        Some(garbage()),
        Some(ConnectFault::Close(Cut::Rst)),
        Some(ConnectFault::Close(Cut::Fin)),
        Some(ConnectFault::CloseAfterHello(Cut::Rst)),
        Some(ConnectFault::CloseAfterHello(Cut::Fin)),
    ] {
        // The plain registry is there for whoever falls back to it.
        let plain = Registry::start(ServerOptions::default().name(SECURE), Auth::None);
        image.push_to(&plain, "demo/app", "1");
        if let Some(fault) = &fault {
            plain.connect_fault(fault.clone(), usize::MAX);
        }
        let mut options = trust(&ca, certs.path(), &[&plain.host()]);
        options["allow-plain-http-credentials"] = json!([plain.host()]);
        let failure =
            pull(&service(options), &app(&plain), &alice(&canary)).err().expect("no fallback");
        assert!((CONNECT..=45).contains(&failure.code), "{fault:?}: {failure:#?}");
        assert_tells(&failure, &[SECURE], &[&canary]);
        assert_eq!(plain.requests().len(), 0);
        for connection in plain.connections() {
            assert!(connection.received.first().is_none_or(|byte| *byte == 0x16), "no TLS hello");
        }
        assert_canary_nowhere(&[&plain], &canary);
    }
    // Nobody listens at all.
    let options = trust(&ca, certs.path(), &[]);
    let closed = ClosedPort::new();
    let reference = format!("{SECURE}:{}/demo/app:1", closed.number());
    let failure = fails(&service(options), &reference, &alice(&canary), CONNECT);
    assert_tells(&failure, &[SECURE], &[&canary]);
}

#[test]
fn a17_an_insecure_host_is_asked_over_http_but_gets_no_credentials_there_by_itself() {
    let (registry, image) = demo();
    let canary = canary();
    registry.set_auth(Auth::basic("alice", &canary));
    let named = format!("{SECURE}:{}", registry.port());
    let reference = format!("{named}/demo/app:1");
    let with = |more: Value| {
        let mut options =
            json!({"insecure-registries": [named], "resolve": {SECURE: ["127.0.0.1"]}});
        for (key, value) in more.as_object().expect("an object") {
            options[key] = value.clone();
        }
        service(options)
    };
    // Another name of this machine is not this machine's own: who answers for it may think otherwise later.
    for more in [
        none(),
        json!({"insecure-registries": []}),
        json!({"resolve": {SECURE: ["0.0.0.0"]}}),
        json!({"allow-plain-http-credentials": [format!("{SECURE}:1"), SECURE, "127.0.0.1"]}),
    ] {
        let failure = fails(&with(more), &reference, &alice(&canary), POLICY);
        assert_tells(&failure, &[&named, "allow-plain-http-credentials"], &[&canary]);
        assert_canary_nowhere(&[&registry], &canary);
    }
    registry.may_receive(&canary);
    let service = with(json!({"allow-plain-http-credentials": [named]}));
    pulls(&service, &reference, &alice(&canary), &image);
}

#[test]
fn a17_credentials_that_stay_on_this_machine_may_go_over_plain_http() {
    let (registry, image) = demo();
    let canary = canary();
    registry.set_auth(Auth::basic("alice", &canary));
    let named = format!("localhost:{}", registry.port());
    let reference = format!("{named}/demo/app:1");
    // A name that leads elsewhere as well is not this machine, whatever it is called, also if it is listed.
    for addresses in [json!(["0.0.0.0"]), json!(["127.0.0.1", "0.0.0.0"])] {
        let options = json!({"insecure-registries": [named], "resolve": {"localhost": addresses}});
        let failure = fails(&service(options), &reference, &alice(&canary), POLICY);
        assert_tells(&failure, &[&named, "allow-plain-http-credentials"], &[&canary]);
    }
    // Behind a proxy it is the proxy's machine.
    let proxy = ocireg_testkit::Proxy::open();
    let service_by_proxy = service(json!({"proxy": proxy.url()}));
    let failure = fails(&service_by_proxy, &app(&registry), &alice(&canary), POLICY);
    assert_tells(&failure, &["allow-plain-http-credentials"], &[&canary]);
    assert_canary_nowhere(&[&registry, &proxy], &canary);

    registry.may_receive(&canary);
    pulls(&service(none()), &app(&registry), &alice(&canary), &image);
    for options in [none(), json!({"insecure-registries": [named]})] {
        pulls(&service(options), &reference, &alice(&canary), &image);
    }
    // Tokens that were got with credentials go the same way.
    let token = TokenServer::start(
        ServerOptions::default(),
        ocireg_testkit::token::Policy {
            users: vec![("alice".into(), canary.clone())],
            anonymous_pull: false,
            ..Default::default()
        },
    );
    token.may_receive(&canary);
    registry.set_auth(Auth::bearer(&token));
    pulls(&service(none()), &app(&registry), &alice(&canary), &image);
}

#[test]
fn a18_being_insecure_does_not_spread_from_the_registry_to_its_token_server() {
    let (ours, theirs) = (Ca::default(), Ca::new("somebody else"));
    let certs = ocireg_testkit::tempdir();
    let canary = canary();
    let identity = ours.server(&["token.test"]);
    let token = TokenServer::start(
        ServerOptions::default().name("token.test").identity(identity),
        ocireg_testkit::token::Policy {
            users: vec![("alice".into(), canary.clone())],
            anonymous_pull: false,
            ..Default::default()
        },
    );
    let image = image();
    // The registry's certificate is verified by nobody: it is on loopback.
    let registry = Registry::start(ServerOptions::default().tls(&theirs), Auth::bearer(&token));
    image.push_to(&registry, "demo/app", "1");
    let options = json!({
        "certs-dir": certs.path(), "resolve": {"token.test": ["0.0.0.0"]},
        "trusted-realms": [[registry.host(), token.host()]],
    });
    let failure = fails(&service(options.clone()), &app(&registry), &alice(&canary), CERTIFICATE);
    assert_tells(&failure, &["token.test"], &[&canary]);
    assert_eq!(token.handshake_count(), 0);
    assert_canary_nowhere(&[&token, &registry], &canary);
    // The legitimate case: the caller trusts the token server's authority.
    ours.write_certs_d(certs.path(), &token.host(), None);
    token.may_receive(&canary);
    pulls(&service(options), &app(&registry), &alice(&canary), &image);
    assert_canary_nowhere(&[&registry], &canary);
}

#[test]
fn a19_connections_are_not_shared_between_client_certificates_or_trust() {
    let (ca, dir) = (Ca::default(), ocireg_testkit::tempdir());
    let registry = Registry::start(ServerOptions::default().tls_with_clients(&ca), Auth::None);
    image().push_to(&registry, "demo/app", "1");
    let root = ca.write(&dir.path().join("ca.crt"));
    let service = service(none());
    let tls = |name: Option<&str>| {
        let certificates: Vec<Value> = name
            .map(|name| {
                let (cert, key) = ca.client(name).write(dir.path(), name);
                json!({"cert": cert, "key": key})
            })
            .into_iter()
            .collect();
        json!({"InsecureSkipVerify": false, "RootCAs": [root], "Certificates": certificates})
    };
    let session = |tls: Value| {
        let api = json!({"URL": registry.url(), "Version": "v2", "TLSConfig": tls});
        let session = service.endpoint(&api).expect("an endpoint").session(None);
        session.expect("a session").repository("demo/app").expect("a repository")
    };
    let (one, two) = (session(tls(Some("one"))), session(tls(Some("two"))));
    for session in [&one, &two, &one, &two] {
        session.list_tags(None, &none()).expect("tags");
    }
    let connections = registry.connections();
    assert_eq!(registry.handshake_count(), 2, "one each, and each is used again");
    assert_ne!(connections[0].client_certificate, connections[1].client_certificate);
    assert!(connections.iter().all(|c| c.client_certificate.is_some() && !c.resumed));
    // Without a certificate there is no way in on anybody else's connection.
    let failure = session(tls(None)).list_tags(None, &none()).expect_err("no certificate");
    assert!((42..=45).contains(&failure.code), "{failure:#?}");

    // An unverified connection is none for whoever verifies.
    let open = Registry::tls(&Ca::new("somebody else"));
    image().push_to(&open, "demo/app", "1");
    let session = |tls: Value| {
        let api = json!({"URL": open.url(), "Version": "v2", "TLSConfig": tls});
        let session = service.endpoint(&api).expect("an endpoint").session(None);
        session.expect("a session").repository("demo/app").expect("a repository")
    };
    session(json!({"InsecureSkipVerify": true})).list_tags(None, &none()).expect("tags");
    let verifying = session(json!({"InsecureSkipVerify": false}));
    let failure = verifying.list_tags(None, &none()).expect_err("an unknown authority");
    assert_eq!(failure.code, CERTIFICATE, "{failure:#?}");
}

#[test]
fn a_realm_at_the_registry_itself_is_spoken_with_as_the_registry_is() {
    let ca = Ca::new("nobody knows it");
    let registry = bystander(secure(&ca), |request| match request.header("authorization") {
        _ if request.path() == "/token" => Reply::json(200, &json!({"token": "right"})),
        Some("Bearer right") => Reply::json(200, &json!({"name": "demo/app", "tags": []})),
        _ => Reply::empty(401).with("WWW-Authenticate", "Bearer realm=\"/token\""),
    });
    let service = service(json!({"resolve": {SECURE: ["0.0.0.0"]}}));
    for (skip, known) in [(true, true), (false, false)] {
        let tls = json!({ "InsecureSkipVerify": skip });
        let api = json!({"URL": registry.url(), "Version": "v2", "TLSConfig": tls});
        let session = service.endpoint(&api).expect("an endpoint").session(None);
        let session = session.expect("a session").repository("demo/app").expect("a repository");
        match session.list_tags(None, &none()) {
            Ok(_) => assert!(known),
            Err(failure) => assert_eq!((failure.code, known), (CERTIFICATE, false), "{failure:#?}"),
        }
    }
}

#[test]
fn a24_nothing_is_sent_but_the_headers_that_are_known() {
    let (rig, image, canary, service) = basic_rig();
    send_blobs_on(&rig.registry, &image, 307, &rig.bystander.url());
    pulls(&service, &app(&rig.registry), &alice(&canary), &image);
    let names = |server: &Server| {
        let mut names: Vec<String> = server
            .requests()
            .iter()
            .flat_map(|request| request.headers.iter().map(|(name, _)| name.to_lowercase()))
            .collect();
        names.sort();
        names.dedup();
        names
    };
    let everywhere = ["accept", "accept-encoding", "host", "range", "user-agent"];
    for name in names(&rig.registry) {
        assert!(name == "authorization" || everywhere.contains(&name.as_str()), "{name}");
    }
    for name in names(&rig.bystander) {
        assert!(everywhere.contains(&name.as_str()), "{name}");
    }
    rig.assert_canary_only(&[&rig.registry], &canary);
}

#[test]
fn a25_signed_addresses_show_in_no_error() {
    let (registry, image) = demo();
    let canary = canary();
    let service = service(json!({"retry": {"max-attempts": 2, "initial-ms": 1}}));
    let faults = Faults::default();
    let blobs = blob_of(&image);
    let store =
        fault::serve(ServerOptions::default().bind("127.0.0.2"), faults.clone(), move |r| blobs(r));
    // The registry's own signatures, which come back to those who made them.
    store.may_receive(&canary);
    registry.may_receive(&canary);
    for digest in image.blobs.keys() {
        let location = format!("{}/blobs/{digest}?X-Amz-Signature={canary}", store.url());
        let fault = Fault::on(&format!("/blobs/{digest}"), Action::redirect(&location));
        registry.fault(fault.always());
    }
    let own = format!("http://127.0.0.1:1/x?sig={canary}");
    for (action, code) in [
        (Action::status(400), 84),
        (Action::status(401), UNAUTHORIZED),
        (Action::status(403), DENIED),
        (Action::status(404), NOT_FOUND),
        (Action::status(429), 82),
        (Action::status(500), SERVER),
        (Action::Html(503, 200_000), SERVER),
        (Action::status(204), PROTOCOL),
        (Action::CutHead(0, Cut::Rst), 45),
        (Action::CutBody(3, Cut::Fin), 45),
        (Action::Raw(b"SSH-2.0\r\n\r\n".to_vec()), PROTOCOL),
        (Action::Flip(0), DIGEST_MISMATCH),
        (Action::Length("7".to_owned()), 101),
        (Action::Redirect(302, None), REDIRECT),
        (Action::redirect(&own), CONNECT),
        (Action::redirect(&format!("ftp://127.0.0.1/?sig={canary}")), REDIRECT),
        (Action::redirect(&format!("http://u:{canary}@127.0.0.1/")), REDIRECT),
        (Action::redirect(&format!("http://[{canary}/")), REDIRECT),
        (Action::redirect(&format!("http://0.0.0.0/?sig={canary}")), POLICY),
    ] {
        faults.clear();
        faults.add(Fault::on("/blobs/", action.clone()).always());
        let failure = fails(&service, &app(&registry), &none(), code);
        assert_tells(&failure, &["blob"], &[&canary]);
    }
    // https to http, and a circle.
    let tls = Registry::tls(&Ca::default());
    image.push_to(&tls, "demo/app", "1");
    tls.fault(Fault::on("/blobs/", Action::redirect(&own)).always());
    let failure = fails(&service, &app(&tls), &none(), POLICY);
    assert_tells(&failure, &["127.0.0.1:1", "https"], &[&canary]);
    registry.clear_faults();
    let circle = format!("/v2/demo/app/manifests/1?sig={canary}");
    registry.fault(Fault::on("/manifests/", Action::redirect(&circle)).always());
    let failure = fails(&service, &app(&registry), &none(), REDIRECT);
    assert_tells(&failure, &["10 redirects"], &[&canary]);
    // The legitimate case: the same addresses, working.
    registry.clear_faults();
    faults.clear();
    send_blobs_on(&registry, &image, 307, &store.url());
    pulls(&service, &app(&registry), &none(), &image);
}

#[test]
fn a25_tokens_and_passwords_show_in_no_error_and_no_event() {
    let canary = canary();
    let (registry, _) = demo();
    for answer in [
        Reply::new(200, format!("{{\"token\": \"{canary}\"").into_bytes()),
        Reply::json(200, &json!({"token": [canary]})),
        Reply::json(200, &json!({"token": format!("{canary}\n")})),
        Reply::json(200, &json!({"tokn": canary})),
        Reply::json(200, &json!({"token": canary, "expires_in": "soon"})),
        Reply::json(200, &json!({"token": canary})),
        Reply::json(200, &json!({"token": canary.repeat(60_000)})),
    ] {
        let token = bystander(ServerOptions::default(), move |_| answer.clone());
        token.may_receive(&canary);
        let challenge = format!("Bearer realm=\"{}/token?k={canary}\"", token.url());
        // What the token server gives is for the registry.
        registry.may_receive(&canary);
        registry.clear_faults();
        registry.fault(Fault::on("/v2/", Action::challenge(401, &challenge)).always());
        let service = trusting(&[&registry.host(), &token.host()]);
        let events = Arc::new(AtomicUsize::new(0));
        let (counted, secret) = (events.clone(), canary.clone());
        let context = c_surface::images::Context::with_progress(move |_, _, event| {
            counted.fetch_add(1, Ordering::Relaxed);
            assert_no_secret("an event", event.to_string(), &secret);
            false
        });
        let layout = ocireg_testkit::tempdir();
        let destination = format!("oci:{}:x", layout.path().display());
        let failure = service
            .pull(Some(&context), &app(&registry), &destination, &alice(&canary))
            .expect_err("a bad token");
        assert_tells(&failure, &[], &[&canary]);
    }
}

#[test]
fn a25_addresses_with_secrets_are_refused_without_telling_them() {
    let canary = canary();
    let service = service(none());
    let api = json!({"URL": format!("https://u:{canary}@registry.test"), "Version": "v2"});
    let failure = service.endpoint(&api).err().expect("user info");
    assert_tells(&failure, &[], &[&canary]);
    let mirrors = json!([format!("https://u:{canary}@mirror.test")]);
    let failure = service.load_mirrors(&mirrors).expect_err("user info");
    assert_tells(&failure, &[], &[&canary]);
    for reference in [
        format!("https://u:{canary}@registry.test/x"),
        format!("docker://u:{canary}@registry.test/x"),
        format!("u:{canary}@registry.test/x"),
    ] {
        let failure = pull(&service, &reference, &none()).err().expect("no reference");
        assert!(matches!(failure.code, 1 | 5), "{failure:#?}");
        assert_tells(&failure, &[], &[&canary]);
    }
}

#[test]
fn b10_tokens_are_not_used_for_other_repositories_users_or_registries() {
    let token = TokenServer::plain();
    token.change(|policy| {
        policy.users = vec![("alice".into(), "a".into()), ("bob".into(), "b".into())];
    });
    let registries = [0; 2].map(|_| {
        let registry = Registry::start(ServerOptions::default(), Auth::bearer(&token));
        image().push_to(&registry, "demo/app", "1");
        image().push_to(&registry, "demo/other", "1");
        registry
    });
    let [first, second] = registries.each_ref().map(|registry| registry.host());
    let service = trusting(&[&token.host(), &first, &second]);
    let user =
        |name: &str, password: &str| json!({"auth": {"username": name, "password": password}});
    let mut sent = Vec::new();
    for registry in &registries {
        for repository in ["demo/app", "demo/other"] {
            for options in [user("alice", "a"), user("bob", "b"), json!({"auth": {}})] {
                registry.clear();
                let reference = format!("{}/{repository}:1", registry.host());
                pull(&service, &reference, &options).expect("a pull");
                let mut used: Vec<String> = registry
                    .requests()
                    .iter()
                    .filter_map(|request| request.header("authorization").map(str::to_owned))
                    .collect();
                used.dedup();
                assert_eq!(used.len(), 1, "one token for one pull");
                sent.append(&mut used);
            }
        }
    }
    let count = sent.len();
    sent.sort();
    sent.dedup();
    assert_eq!((sent.len(), token.requests().len()), (count, count), "no token is used twice");
    let scopes: Vec<_> = token.requests().iter().map(|request| request.query("scope")).collect();
    assert!(scopes.iter().all(|scope| scope.len() == 1), "{scopes:?}");
    // The same again needs no new ones.
    for registry in &registries {
        pull(&service, &app(registry), &user("alice", "a")).expect("a pull");
    }
    assert_eq!(token.requests().len(), count);
}

#[test]
fn a6_the_dialer_judges_addresses_before_it_connects() {
    use ocireg::call::Call;
    use ocireg::error::Code;
    use ocireg::http::address::{AddressRule, Reach};
    use ocireg::http::resolver::Resolver;
    use ocireg::http::{Client, Peer, Request};

    let server = bystander(ServerOptions::default(), |_| Reply::json(200, &json!({})));
    let fixed = [("named.test".to_owned(), vec!["127.0.0.1".parse().expect("an address")])];
    let resolver = Arc::new(Resolver::new(fixed.into()));
    let trust = Box::new(|_: Peer<'_>, _: &Call| Ok(Default::default()));
    let (log, proxies) = (Default::default(), Default::default());
    let client = Client::new(
        resolver,
        Default::default(),
        None,
        trust,
        log,
        proxies,
        u64::MAX,
        None,
        Default::default(),
    );
    let (identity, run) = (Default::default(), Call::new(None));
    for host in ["127.0.0.1", "named.test", "[::ffff:127.0.0.1]"] {
        let url: url::Url =
            format!("http://{host}:{}/", server.port()).parse().expect("an address");
        for (rule, allowed) in [
            (AddressRule::Named, true),
            (AddressRule::AtLeast(Reach::Loopback), true),
            (AddressRule::AtLeast(Reach::Private), false),
            (AddressRule::AtLeast(Reach::Public), false),
        ] {
            // Connections of a wider rule lie idle by now: a stricter one must not use them either.
            let mut request = Request::get(url.clone(), &identity, "ask");
            request.rule = rule;
            let before = server.requests().len();
            match client.send(&request, &run) {
                Ok(response) => {
                    assert!(allowed, "{host} {rule:?}");
                    assert_eq!(response.reach, Reach::Loopback);
                }
                Err(error) => {
                    assert!(!allowed, "{host} {rule:?}: {error}");
                    assert_eq!(error.code(), Code::Policy);
                    assert_eq!(server.requests().len(), before);
                }
            }
        }
    }
}

#[test]
fn a12_no_body_of_a_token_request_leaves_the_token_server() {
    let canary = canary();
    let options = json!({"auth": {"identitytoken": canary}});
    let other = token_for_everybody(ServerOptions::default());
    for (location, code) in [
        (format!("{}/token", other.url()), POLICY),
        (other.url().replace("http:", ""), POLICY),
        (other.url().replace("http:", "https:"), POLICY),
        // The legitimate case: within the token server; the registry refuses its token in the end.
        ("/moved".to_owned(), UNAUTHORIZED),
    ] {
        let token = bystander(ServerOptions::default(), move |request| match request.path() {
            "/token" => Reply::empty(307).with("Location", &location),
            _ => Reply::json(200, &json!({"token": "t"})),
        });
        token.may_receive(&canary);
        let realm = format!("{}/token", token.url());
        let registry = registry_with_realm(ServerOptions::default(), &realm);
        let service = trusting(&[&registry.host(), &token.host(), &other.host()]);
        let failure = fails(&service, &app(&registry), &options, code);
        assert_tells(&failure, &[], &[&canary]);
        if code == UNAUTHORIZED {
            let moved = requests(&token, "/moved");
            assert!(String::from_utf8_lossy(&moved[0].body).contains(&canary));
        }
        assert_canary_nowhere(&[&registry], &canary);
    }
    assert_eq!(other.connection_count(), 0);
}

/// Where other programs keep passwords for hosts is nothing that this library reads.
#[test]
fn a22_netrc_is_not_read() {
    let name = "a22_netrc_is_not_read";
    if let Some(told) = children::told() {
        let (host, code) = told.split_once(' ').expect("two words");
        let service = Service::new(&json!({
            "certs-dir": "", "hosts-dir": "", "registries-conf": "", "proxy": "",
            "allow-plain-http-credentials": [host],
        }));
        let service = service.expect("a service");
        let failure = pull(&service, &format!("{host}/demo/app:1"), &none()).err();
        return assert_eq!(failure.map_or(0, |failure| failure.code).to_string(), code);
    }
    let (canary, home) = (canary(), ocireg_testkit::tempdir());
    let (registry, _) = demo();
    registry.set_auth(Auth::basic("alice", &canary));
    home.may_hold(&canary);
    let netrc = home.path().join(".netrc");
    let line = format!(
        "machine 127.0.0.1 login alice password {canary}\ndefault login alice password {canary}\n"
    );
    std::fs::write(&netrc, line).expect("a file");
    let pull = |code: i32| {
        let mut command = children::command(name, &format!("{} {code}", registry.host()));
        for variable in
            ["DOCKER_CONFIG", "REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME"]
        {
            command.env_remove(variable);
        }
        children::expect_success(command.env("HOME", home.path()).env("NETRC", &netrc));
    };
    pull(UNAUTHORIZED);
    assert!(registry.requests().iter().all(|request| request.header("authorization").is_none()));
    assert_canary_nowhere(&[&registry], &canary);
    // The legitimate case: a file of the same home that is for registries.
    let login = json!({"auths": {registry.host(): {"username": "alice", "password": canary}}});
    std::fs::create_dir(home.path().join(".docker")).expect("a directory");
    std::fs::write(home.path().join(".docker/config.json"), login.to_string()).expect("a file");
    registry.may_receive(&canary);
    pull(0);
}

/// What an image says of itself is bytes: they are stored as they came, and lead nowhere and to nothing.
#[test]
fn a27_the_content_of_an_image_steers_nothing() {
    let (registry, image) = demo();
    let home = ocireg_testkit::tempdir();
    let touched = home.path().join("touched");
    let command = format!("touch {}", touched.display());
    let digest = push_changed(&registry, &image, |manifest| {
        let words = json!({
            "org.opencontainers.image.title": "../../../touched", "org.opencontainers.image.ref.name": "../x",
            "io.container.hook": command, "$(touch x)": "`touch x`; touch x",
        });
        manifest["annotations"] = words.clone();
        for layer in manifest["layers"].as_array_mut().expect("layers") {
            layer["annotations"] = words.clone();
        }
    });
    let service = service(none());
    let layout = home.path().join("layout");
    let destination = format!("oci:{}:x", layout.display());
    let report = service.pull(None, &app(&registry), &destination, &none()).expect("a pull");
    assert_eq!(report["descriptor"]["digest"], digest.as_str());
    service.inspect(None, &app(&registry), &none()).expect("an image");
    // Nothing but the layout is there, and nothing in it but what was sent, under its digest.
    c_surface::layouts::assert_sound(&layout);
    let below = |path: &std::path::Path| {
        let entries = std::fs::read_dir(path).expect("a directory");
        let mut names: Vec<String> = entries
            .map(|e| e.expect("an entry").file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    };
    assert_eq!(below(home.path()), ["layout"]);
    assert_eq!(below(&layout), [".ocireg-verified", "blobs", "index.json", "oci-layout"]);
    let mut blobs: Vec<String> = image.blobs.keys().cloned().chain([digest]).collect();
    blobs.iter_mut().for_each(|blob| *blob = blob.replace("sha256:", ""));
    blobs.sort();
    assert_eq!(below(&layout.join("blobs/sha256")), blobs);
}
