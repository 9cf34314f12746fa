//! Proxies: which one is asked, with which credentials, and what its failures are called.

mod c_surface;
mod scene;

use ocireg_testkit::rig::{assert_canary_nowhere, canary};
use ocireg_testkit::{Auth, Ca, Proxy, Registry, ServerOptions};
use scene::*;
use serde_json::{Value, json};

fn none() -> Value {
    json!({})
}

#[test]
fn an_image_is_pulled_through_a_proxy_from_a_registry_that_only_the_proxy_finds() {
    let (ca, certs, image) = (Ca::default(), tempfile::tempdir().expect("a directory"), image());
    let registry = Registry::start(secure(&ca), Auth::None);
    image.push_to(&registry, "demo/app", "1");
    let canary = canary();
    registry.set_auth(Auth::basic("alice", &canary));
    registry.may_receive(&canary);
    let address = ServerOptions::default().bind("127.0.0.4");
    let ours = Registry::plain();
    image.push_to(&ours, "demo/app", "1");
    for tls in [false, true] {
        // An https proxy is verified although this machine's registries are not.
        let options =
            if tls { address.clone().identity(ca.server(&["127.0.0.4"])) } else { address.clone() };
        let secret = self::canary();
        let proxy = Proxy::start(options, Some(("joe", &secret)));
        proxy.knows(&registry.host(), registry.address());
        let mut options = trust(&ca, certs.path(), &[&registry.host(), &proxy.host()]);
        // The name does not resolve here.
        options["resolve"] = json!({"*": []});
        options["proxy"] = json!(proxy.url_for("joe", &secret));
        let service = service(options.clone());
        pulls(&service, &app(&registry), &alice(&canary), &image);
        assert!(proxy.targets().iter().all(|target| *target == registry.host()));
        assert!(proxy.connection_count() > 0);
        assert_canary_nowhere(&[&proxy], &canary);
        assert_canary_nowhere(&[&registry], &secret);

        // Plain http goes through the same kind of tunnel.
        pulls(&service, &app(&ours), &none(), &image);
        assert!(proxy.targets().contains(&ours.host()));
        assert_canary_nowhere(&[&ours], &secret);
    }
}
