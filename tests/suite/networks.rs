//! The address rule and the official registry between networks that are really there: private and public addresses, the
//! ports 80 and 443. They are those of a network namespace that only the child of each test lives in.

use std::fs;
use std::path::Path;

use crate::c_surface::children;
use crate::scene::*;
use ocireg_testkit::ca::Identity;
use ocireg_testkit::rig::{ask_bearer, assert_canary_nowhere, bystander, canary};
use ocireg_testkit::{Action, Auth, Ca, Fault, Registry, Reply, ServerOptions};
use serde_json::{Value, json};

/// From the narrowest to the widest reach.
const ADDRESSES: [&str; 3] = ["127.0.0.1", "10.99.0.1", "20.0.113.1"];

const NETWORK: &str = "ip link set lo up && ip address add 10.99.0.1/32 dev lo && \
                       ip address add 20.0.113.1/32 dev lo";

/// Runs a test of this binary again, in a network of its own, and tells it something.
fn in_a_network(test: &str, tell: &str, environment: &[(&str, &Path)]) {
    children::apart(test, tell, "--net", NETWORK, environment);
}

fn none() -> Value {
    json!({})
}

fn at(address: &str) -> ServerOptions {
    ServerOptions::default().bind(address)
}

#[test]
fn a3_a6_a_server_leads_to_networks_as_wide_as_its_own_or_wider() {
    if children::told().is_none() {
        let name = "a3_a6_a_server_leads_to_networks_as_wide_as_its_own_or_wider";
        return in_a_network(name, "go", &[]);
    }
    let (canary, image) = (canary(), image());
    for (from, home) in ADDRESSES.iter().enumerate() {
        for (to, target) in ADDRESSES.iter().enumerate() {
            let allowed = to >= from;
            let blobs = image.blobs.clone();
            let other = bystander(at(target), move |request| {
                match blobs.get(request.path().rsplit('/').next().unwrap_or_default()) {
                    Some(body) => Reply::new(200, body.clone()),
                    None => Reply::json(200, &json!({"token": "t"})),
                }
            });
            if allowed {
                other.may_receive(&canary);
            }
            // By address, and by a name that leads there.
            for host in [*target, "named.test"] {
                let place = format!("http://{host}:{}", other.port());
                let known = |home: &str| {
                    let hosts = [format!("{host}:{}", other.port()), home.to_owned()];
                    json!({
                        "insecure-registries": ["10.0.0.0/8", "20.0.113.0/24"],
                        "resolve": {"named.test": [target]},
                        "allow-plain-http-credentials": hosts,
                    })
                };
                // A realm.
                other.clear();
                let answer = ask_bearer(&format!("{place}/token"));
                let asking = bystander(at(home), move |_| answer.clone());
                let code = if allowed { UNAUTHORIZED } else { POLICY };
                let failure =
                    fails(&service(known(&asking.host())), &app(&asking), &alice(&canary), code);
                assert_tells(&failure, &[], &[&canary]);
                assert_eq!(other.connection_count() > 0, allowed, "realm: {home} to {place}");
                assert_canary_nowhere(&[&asking], &canary);
                if !allowed {
                    assert_tells(&failure, &["trusted-realms"], &[]);
                    let mut options = known(&asking.host());
                    options["trusted-realms"] =
                        json!([[asking.host(), format!("{host}:{}", other.port())]]);
                    other.may_receive(&canary);
                    fails(&service(options), &app(&asking), &alice(&canary), UNAUTHORIZED);
                }
                // A layer that is kept there, though the caller allows the host.
                other.clear();
                let registry = Registry::start(at(home), Auth::None);
                let layer = &image.manifests[0].layers[0];
                push_changed(&registry, &image, |manifest| {
                    manifest["layers"][0]["mediaType"] = json!(FOREIGN);
                    manifest["layers"][0]["urls"] = json!([format!("{place}/{layer}")]);
                });
                registry.remove_blob("demo/app", layer);
                let mut options = known(&registry.host());
                options["allow-foreign-urls"] = json!([format!("{host}:{}", other.port())]);
                let everything = json!({"nondistributable": true});
                if allowed {
                    pull(&service(options), &app(&registry), &everything).expect("a pull");
                    assert_bare(&other.requests());
                } else {
                    let failure = fails(&service(options), &app(&registry), &everything, POLICY);
                    assert_tells(&failure, &[host, target], &[]);
                    assert_eq!(other.connection_count(), 0, "layer: {home} to {place}");
                }
                // A redirect.
                other.clear();
                let registry = Registry::start(at(home), Auth::None);
                image.push_to(&registry, "demo/app", "1");
                for digest in image.blobs.keys() {
                    let location = format!("{place}/{digest}");
                    let fault = Fault::on(&format!("/blobs/{digest}"), Action::redirect(&location));
                    registry.fault(fault.always());
                }
                if allowed {
                    pulls(&service(known(&registry.host())), &app(&registry), &none(), &image);
                    assert_bare(&other.requests());
                } else {
                    let failure =
                        fails(&service(known(&registry.host())), &app(&registry), &none(), POLICY);
                    assert_tells(&failure, &[host, target], &[]);
                    assert_eq!(other.connection_count(), 0, "redirect: {home} to {place}");
                }
            }
        }
    }
}

#[test]
fn a9_the_default_port_written_out_is_the_same_origin() {
    if children::told().is_none() {
        let name = "a9_the_default_port_written_out_is_the_same_origin";
        return in_a_network(name, "go", &[]);
    }
    let (canary, image) = (canary(), image());
    let registry = Registry::start(at("10.99.0.1").port(80), Auth::basic("alice", &canary));
    registry.may_receive(&canary);
    image.push_to(&registry, "demo/app", "1");
    image.push_to(&registry, "demo/moved", "1");
    let service = service(json!({
        "insecure-registries": ["10.0.0.0/8"], "allow-plain-http-credentials": ["10.99.0.1"],
    }));
    for host in ["10.99.0.1:80", "10.99.0.1"] {
        registry.clear();
        registry.clear_faults();
        for digest in image.blobs.keys() {
            let location = format!("http://{host}/v2/demo/moved/blobs/{digest}");
            let fault = Fault::on(&format!("/app/blobs/{digest}"), Action::redirect(&location));
            registry.fault(fault.always());
        }
        pulls(&service, "10.99.0.1/demo/app:1", &alice(&canary), &image);
        let moved = requests(&registry, "/demo/moved/blobs/");
        assert_eq!(moved.len(), image.blobs.len());
        assert!(moved.iter().all(|request| request.header("authorization").is_some()));
    }
}

const UPSTREAM: &str = "registry-1.docker.io";

#[test]
fn a14_the_upstream_is_asked_after_its_mirrors_and_alone_gets_its_credentials() {
    let Some(told) = children::told() else {
        let (ca, dir) = (Ca::default(), ocireg_testkit::tempdir());
        let roots = ca.write(&dir.path().join("roots.pem"));
        let identity = ca.server(&[UPSTREAM]);
        identity.write(dir.path(), "server");
        fs::write(dir.path().join("crt.der"), &identity.certificate_der).expect("a file");
        fs::write(dir.path().join("key.der"), &identity.key_der).expect("a file");
        let name = "a14_the_upstream_is_asked_after_its_mirrors_and_alone_gets_its_credentials";
        let tell = dir.path().display().to_string();
        return in_a_network(name, &tell, &[("SSL_CERT_FILE", &roots)]);
    };
    let read = |name: &str| fs::read(Path::new(&told).join(name)).expect("a file of the parent");
    let text = |name: &str| String::from_utf8(read(name)).expect("PEM");
    let identity = Identity {
        certificate: text("server.crt"),
        key: text("server.key"),
        certificate_der: read("crt.der"),
        key_der: read("key.der"),
    };
    let (canary, image) = (canary(), image());
    let options = at("20.0.113.1").port(443).name(UPSTREAM).identity(identity);
    let upstream = Registry::start(options, Auth::basic("alice", &canary));
    upstream.may_receive(&canary);
    image.push_to(&upstream, "library/app", "1");
    let mirror = Registry::start(at("127.0.0.3"), Auth::None);
    image.push_to(&mirror, "library/app", "1");
    let service = |credentials: Value| {
        service(json!({
            "registry-mirrors": [mirror.url()], "environment": true, "proxy": "",
            "resolve": {UPSTREAM: ["20.0.113.1"]}, "retry": {"max-attempts": 1},
            "allow-plain-http-credentials": [mirror.host(), UPSTREAM], "credentials": credentials,
        }))
    };
    let known = || service(json!({"docker.io": {"username": "alice", "password": canary}}));
    let report = pulls(&known(), "app:1", &none(), &image);
    assert_eq!(report["endpoint"]["mirror"], true);
    assert_eq!(upstream.connection_count(), 0);
    for fault in [
        Action::status(404),
        Action::challenge(401, "Basic realm=\"mirror\""),
        Action::status(503),
        Action::Flip(1),
        Action::Raw(b"nonsense\r\n\r\n".to_vec()),
    ] {
        for path in ["/v2/", "/manifests/", "/blobs/"] {
            mirror.clear_faults();
            mirror.fault(Fault::on(path, fault.clone()).always());
            for (service, options) in [(known(), none()), (service(none()), alice(&canary))] {
                let report = pulls(&service, "app:1", &options, &image);
                let url = format!("https://{UPSTREAM}");
                assert_eq!(report["endpoint"], json!({"url": url, "mirror": false}), "{fault:?}");
            }
        }
    }
    let failure = fails(&service(none()), "app:1", &none(), UNAUTHORIZED);
    assert_eq!(failure.json["attempts"].as_array().expect("attempts").len(), 2);
    assert_canary_nowhere(&[&mirror], &canary);
}
