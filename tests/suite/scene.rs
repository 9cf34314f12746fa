//! What the tests of pulls share: services that look at nothing of this machine, images, pulls and their failures.

use std::path::Path;

use ocireg_testkit::TempDir;
use ocireg_testkit::image::{Image, Spec};
use ocireg_testkit::rig::{assert_no_secret, canary};
use ocireg_testkit::{Ca, Registry, Request, Server, ServerOptions};
use serde_json::{Value, json};

use crate::c_surface::{Failure, Outcome, Service, layouts};

pub const CONNECT: i32 = 41;
pub const CERTIFICATE: i32 = 43;
pub const REDIRECT: i32 = 47;
pub const PROTOCOL: i32 = 48;
pub const POLICY: i32 = 49;
pub const UNAUTHORIZED: i32 = 60;
pub const DENIED: i32 = 61;
pub const NOT_FOUND: i32 = 80;
pub const SERVER: i32 = 83;
pub const DIGEST_MISMATCH: i32 = 100;
pub const INVALID_MANIFEST: i32 = 102;
pub const LIMIT: i32 = 103;
pub const NO_PLATFORM: i32 = 104;

/// The name of registries whose certificates are verified: no address of it is in an insecure block.
pub const SECURE: &str = "registry.test";

/// A service with these options that waits little before it asks again.
pub fn service(options: Value) -> Service {
    let mut all = json!({"retry": {"initial-ms": 1, "max-ms": 5}});
    for (key, value) in options.as_object().expect("options are an object") {
        all[key] = value.clone();
    }
    Service::bare(all)
}

/// A service that sends credentials to these hosts over plain http, too.
pub fn trusting(hosts: &[&str]) -> Service {
    service(json!({"allow-plain-http-credentials": hosts}))
}

/// An image of one platform: a configuration and two small layers.
pub fn image() -> Image {
    Spec { platforms: vec!["linux/amd64".into()], ..Spec::default() }.build()
}

/// A registry on 127.0.0.1 with [`image`] as demo/app:1; for everybody, over plain http.
pub fn demo() -> (Registry, Image) {
    let (registry, image) = (Registry::plain(), image());
    image.push_to(&registry, "demo/app", "1");
    (registry, image)
}

/// Options of a registry that is called [`SECURE`] and has a certificate of `ca` for that name.
pub fn secure(ca: &Ca) -> ServerOptions {
    ServerOptions::default().name(SECURE).identity(ca.server(&[SECURE]))
}

/// Options of a service that finds [`SECURE`] and trusts `ca` at these servers.
pub fn trust(ca: &Ca, certs: &Path, hosts: &[&str]) -> Value {
    for host in hosts {
        ca.write_certs_d(certs, host, None);
    }
    json!({"certs-dir": certs, "resolve": {SECURE: ["0.0.0.0"]}})
}

/// `HOST/demo/app:1`.
pub fn app(server: &Server) -> String {
    format!("{}/demo/app:1", server.host())
}

/// The type of a layer that may be kept elsewhere.
pub const FOREIGN: &str = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip";

/// Puts an image into the registry whose documents have been changed by `change` (the manifest before its digest is
/// taken).
pub fn push_changed(registry: &Registry, image: &Image, change: impl FnOnce(&mut Value)) -> String {
    image.push_to(registry, "demo/app", "0");
    let mut manifest: Value = serde_json::from_slice(&image.bytes).expect("a manifest");
    change(&mut manifest);
    registry.add_manifest("demo/app", Some("1"), &image.media_type, manifest.to_string())
}

/// Credentials of alice, whose password is the canary.
pub fn alice(canary: &str) -> Value {
    json!({"auth": {"username": "alice", "password": canary}})
}

/// A pulled image: the report, and the layout as long as this lives.
pub struct Pulled {
    pub report: Value,
    pub layout: TempDir,
}

/// Pulls into a layout of its own, under the name `x`; the layout is sound whatever happens, and names an image only
/// after success.
pub fn pull(service: &Service, reference: &str, options: &Value) -> Outcome<Pulled> {
    let layout = ocireg_testkit::tempdir();
    let destination = format!("oci:{}:x", layout.path().display());
    let pulled = service.pull(None, reference, &destination, options);
    layouts::assert_sound(layout.path());
    assert_eq!(layouts::images(layout.path()), usize::from(pulled.is_ok()));
    pulled.map(|report| Pulled { report, layout })
}

/// Pulls, and panics unless the image is there with every byte.
pub fn pulls(service: &Service, reference: &str, options: &Value, image: &Image) -> Value {
    let pulled = pull(service, reference, options)
        .unwrap_or_else(|e| panic!("{reference} could not be pulled: {e:#?}"));
    layouts::assert_holds(pulled.layout.path(), image);
    pulled.report
}

/// Pulls in vain, with this code.
pub fn fails(service: &Service, reference: &str, options: &Value, code: i32) -> Failure {
    match pull(service, reference, options) {
        Ok(pulled) => panic!("{reference} was pulled: {}", pulled.report),
        Err(failure) => {
            assert_eq!(failure.code, code, "{failure:#?}");
            *failure
        }
    }
}

/// Panics unless the failure names this text in its message or hint, and no secret and no query anywhere.
pub fn assert_tells(failure: &Failure, names: &[&str], secrets: &[&str]) {
    let text = failure.json.to_string();
    for name in names {
        assert!(
            failure.message.contains(name)
                || failure.json["hint"].as_str().unwrap_or_default().contains(name),
            "the failure does not name {name}: {failure:#?}"
        );
    }
    assert!(!text.contains('?'), "a query in a failure: {failure:#?}");
    for secret in secrets {
        assert_no_secret("the failure", &text, secret);
        assert_no_secret("the message", &failure.message, secret);
    }
}

/// A fresh canary.
pub fn secret() -> String {
    canary()
}

/// The requests whose target contains `part`.
pub fn requests(server: &Server, part: &str) -> Vec<Request> {
    server.requests().into_iter().filter(|request| request.target.contains(part)).collect()
}

/// Panics if one of these requests carries something that could be a credential.
pub fn assert_bare(requests: &[Request]) {
    assert!(!requests.is_empty(), "there are requests to look at");
    for request in requests {
        for name in ["authorization", "cookie", "proxy-authorization", "x-docker-token"] {
            assert_eq!(request.header(name), None, "{name} in {request:?}");
        }
    }
}
