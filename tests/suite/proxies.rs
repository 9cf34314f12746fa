//! Proxies: which one is asked, with which credentials, and what its failures are called.

use std::collections::HashMap;
use std::ffi::OsString;
use std::time::{Duration, Instant};

use crate::c_surface::{Service, children};
use crate::scene::*;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ocireg::config::proxy::{Proxies, ProxyServer};
use ocireg_testkit::image::{Image, Spec};
use ocireg_testkit::process::ClosedPort;
use ocireg_testkit::rig::{Rig, assert_canary_nowhere, assert_no_secret, bystander, canary};
use ocireg_testkit::server::{BlackHole, ConnectFault};
use ocireg_testkit::socks::{Asked, Manners};
use ocireg_testkit::{
    Action, Auth, Ca, Cut, Fault, Proxy, Registry, Reply, Request, Server, ServerOptions, Socks,
    TempDir, TokenServer, tempdir,
};
use serde_json::{Value, json};

const PROXY: i32 = 46;

fn none() -> Value {
    json!({})
}

fn at(address: &str) -> ServerOptions {
    ServerOptions::default().bind(address)
}

/// A registry whose name only a proxy finds, and the options that trust its certificate.
struct Hidden {
    registry: Registry,
    image: Image,
    ca: Ca,
    certs: TempDir,
}

impl Hidden {
    fn start() -> Hidden {
        let (ca, certs) = (Ca::default(), ocireg_testkit::tempdir());
        let registry = Registry::start(secure(&ca), Auth::None);
        // Larger than a TLS record and than the buffers on the way.
        let image = Spec::sized(2, 700_001).build();
        image.push_to(&registry, "demo/app", "1");
        ca.write_certs_d(certs.path(), &registry.host(), None);
        Hidden { registry, image, ca, certs }
    }

    /// A proxy that finds it.
    fn proxy(&self, options: ServerOptions, credentials: Option<(&str, &str)>) -> Proxy {
        let proxy = Proxy::start(options, credentials);
        proxy.knows(&self.registry.host(), self.registry.address());
        proxy
    }

    fn options(&self, proxy: &str) -> Value {
        json!({"certs-dir": self.certs.path(), "resolve": {"*": []}, "proxy": proxy})
    }

    fn app(&self) -> String {
        app(&self.registry)
    }
}

#[test]
fn an_image_is_pulled_through_a_proxy_from_a_registry_that_only_the_proxy_finds() {
    let hidden = Hidden::start();
    let canary = canary();
    hidden.registry.set_auth(Auth::basic("alice", &canary));
    hidden.registry.may_receive(&canary);
    let plain = Registry::plain();
    hidden.image.push_to(&plain, "demo/app", "1");
    let address = at("127.0.0.4");
    for options in [address.clone(), address.identity(hidden.ca.server(&["127.0.0.4"]))] {
        let secret = self::canary();
        let proxy = hidden.proxy(options, Some(("joe", &secret)));
        hidden.ca.write_certs_d(hidden.certs.path(), &proxy.host(), None);
        let service = service(hidden.options(&proxy.url_for("joe", &secret)));
        pulls(&service, &hidden.app(), &alice(&canary), &hidden.image);
        let targets = proxy.targets();
        assert!(targets.iter().all(|target| *target == hidden.registry.host()), "{targets:?}");
        assert!(!targets.is_empty() && targets.len() < hidden.registry.requests().len());
        assert_canary_nowhere(&[&proxy], &canary);

        // Requests over plain http are sent on.
        proxy.clear();
        pulls(&service, &app(&plain), &none(), &hidden.image);
        assert!(proxy.targets().contains(&plain.host()));
        for request in proxy.asked().iter().filter(|request| request.method != "CONNECT") {
            assert!(request.target.starts_with(&format!("{}/v2/", plain.url())), "{request:?}");
            assert_eq!(request.header("host"), Some(plain.host().as_str()));
            let sent = request.header("proxy-authorization").expect("credentials");
            assert!(ocireg_testkit::rig::holds_secret(sent.as_bytes(), &secret).is_some());
        }
        assert_canary_nowhere(&[&plain, &hidden.registry], &secret);
    }
}

#[test]
fn tokens_and_redirects_go_through_the_proxy_too() {
    let (ca, image) = (Ca::default(), image());
    let certs = ocireg_testkit::tempdir();
    let named = |name: &str| at("127.0.0.1").name(name).identity(ca.server(&[name]));
    let token = TokenServer::start(named("token.test"), Default::default());
    let registry = Registry::start(secure(&ca), Auth::None);
    image.push_to(&registry, "demo/app", "1");
    let canary = canary();
    token.may_receive(&canary);
    token.change(|policy| policy.users = vec![("alice".to_owned(), canary.clone())]);
    registry.set_auth(Auth::bearer(&token));
    let blobs = image.blobs.clone();
    let storage = bystander(named("storage.test"), move |request| {
        let digest = request.path().rsplit('/').next().unwrap_or_default();
        blobs.get(digest).map_or(Reply::empty(404), |body| Reply::new(200, body.clone()))
    });
    for digest in image.blobs.keys() {
        let location = format!("{}/{digest}", storage.url());
        let redirect = Action::Redirect(307, Some(location));
        registry.fault(Fault::on(&format!("/blobs/{digest}"), redirect).on_success().always());
    }
    let proxy = Proxy::open();
    let servers: [&Server; 3] = [&registry, &token, &storage];
    for server in servers {
        proxy.knows(&server.host(), server.address());
        ca.write_certs_d(certs.path(), &server.host(), None);
    }
    let service =
        service(json!({"certs-dir": certs.path(), "resolve": {"*": []}, "proxy": proxy.url()}));
    pulls(&service, &app(&registry), &alice(&canary), &image);
    for server in servers {
        assert!(proxy.targets().contains(&server.host()), "{}", server.host());
    }
    assert_canary_nowhere(&[&registry, &storage, &proxy], &canary);
}

#[test]
fn a6_addresses_in_what_a_server_sends_are_judged_before_a_proxy_is_asked() {
    let hidden = Hidden::start();
    let layer = hidden.image.manifests[0].layers[0].clone();
    let proxy = hidden.proxy(at("127.0.0.4"), None);
    let service = service(hidden.options(&proxy.url()));
    for place in [
        "127.0.0.1:1",
        "127.1:1",
        "[::1]:1",
        "[::ffff:169.254.169.254]:1",
        "169.254.169.254:1",
        "10.0.0.1:1",
        "localhost:1",
        "a.localhost:1",
        "localhost.:1",
        "127.0.0.1.:1",
        "0x7f.1:1",
        "[::127.0.0.1]:1",
        "[64:ff9b::10.0.0.1]:1",
    ] {
        let redirect = Action::redirect(&format!("https://{place}/x"));
        hidden.registry.fault(Fault::on(&layer, redirect).always());
        let failure = fails(&service, &hidden.app(), &none(), POLICY);
        assert_eq!(failure.json["phase"], "connect", "{failure:#?}");
        hidden.registry.clear_faults();
    }
    let targets = proxy.targets();
    assert!(targets.iter().all(|target| *target == hidden.registry.host()), "{targets:?}");
    // The legitimate case: a public address, which this proxy happens to know.
    proxy.knows("20.0.2.7:443", hidden.registry.address());
    let redirect = Action::redirect("https://20.0.2.7/x");
    hidden.registry.fault(Fault::on(&layer, redirect).always());
    fails(&service, &hidden.app(), &none(), CERTIFICATE);
    assert!(proxy.targets().contains(&"20.0.2.7:443".to_owned()));
}

#[test]
fn a20_a_proxys_credentials_go_to_that_proxy_alone_and_each_hop_has_its_own_proxy() {
    let image = image();
    let (ca, certs) = (Ca::default(), tempdir());
    let (one, two) = (canary(), canary());
    let p1 = Proxy::start(at("127.0.0.4"), Some(("joe", &one)));
    let p2 = Proxy::start(at("127.0.0.5"), Some(("jim", &two)));
    let registry = Registry::plain();
    image.push_to(&registry, "demo/app", "1");
    let secret = canary();
    registry.set_auth(Auth::basic("alice", &secret));
    // That is what plain http means.
    registry.may_receive(&secret);
    p1.may_receive(&secret);
    let blobs = image.blobs.clone();
    let storage = bystander(at("127.0.0.2").tls(&ca), move |request| {
        let digest = request.path().rsplit('/').next().unwrap_or_default();
        blobs.get(digest).map_or(Reply::empty(404), |body| Reply::new(200, body.clone()))
    });
    for digest in image.blobs.keys() {
        let location = format!("{}/{digest}", storage.url());
        let redirect = Action::Redirect(307, Some(location));
        registry.fault(Fault::on(&format!("/blobs/{digest}"), redirect).on_success().always());
    }
    ca.write_certs_d(certs.path(), &storage.host(), None);
    for no_proxy in ["", "127.0.0.2"] {
        let service = service(json!({
            "certs-dir": certs.path(),
            "proxy": {
                "http-proxy": p1.url_for("joe", &one),
                "https-proxy": p2.url_for("jim", &two),
                "no-proxy": no_proxy,
            },
            "allow-plain-http-credentials": [registry.host()],
        }));
        pulls(&service, &app(&registry), &alice(&secret), &image);
        // The registry over http by the one, the storage over https by the other, or by none.
        assert!(!p1.targets().is_empty());
        assert!(p1.targets().iter().all(|target| *target == registry.host()));
        assert_eq!(p2.targets().contains(&storage.host()), no_proxy.is_empty());
        assert!(storage.connection_count() > 0);
        for (proxy, secret) in [(&p1, &one), (&p2, &two)] {
            for asked in proxy.asked() {
                let sent = asked.header("proxy-authorization").expect("credentials");
                assert!(ocireg_testkit::rig::holds_secret(sent.as_bytes(), secret).is_some());
                assert!(asked.method != "CONNECT" || asked.header("authorization").is_none());
            }
        }
        assert_canary_nowhere(&[&p2, &registry, &storage], &one);
        assert_canary_nowhere(&[&p1, &registry, &storage], &two);
        assert_canary_nowhere(&[&p2, &storage], &secret);
        for request in registry.requests().iter().chain(&storage.requests()) {
            assert!(request.headers.iter().all(|(name, _)| !name.to_lowercase().contains("proxy")));
        }
        let servers: [&Server; 4] = [&p1, &p2, &registry, &storage];
        servers.iter().for_each(|server| server.clear());
    }
}

#[test]
fn a20_a_server_that_asks_for_a_proxys_credentials_gets_none() {
    let secret = canary();
    let hidden = Hidden::start();
    let proxy = hidden.proxy(at("127.0.0.4"), Some(("joe", &secret)));
    let registry = &hidden.registry;
    let asks = Action::Status(
        407,
        vec![("Proxy-Authenticate".into(), "Basic realm=\"proxy\"".into())],
        Vec::new(),
    );
    registry.fault(Fault::on("/v2/", asks).always());
    let service = service(hidden.options(&proxy.url_for("joe", &secret)));
    let failure = pull(&service, &hidden.app(), &none()).err().expect("a refusal");
    assert_ne!(failure.code, PROXY, "the registry's answer is not the proxy's: {failure:#?}");
    assert!(registry.requests().iter().all(|r| r.header("proxy-authorization").is_none()));
    assert_canary_nowhere(&[registry], &secret);
}

#[test]
fn a20_tunnels_are_used_again_but_not_under_other_credentials() {
    let hidden = Hidden::start();
    let registry = &hidden.registry;
    let (one, two) = (canary(), canary());
    let proxy = hidden.proxy(at("127.0.0.4"), None);
    proxy.may_receive(&one);
    proxy.may_receive(&two);
    let session = |service: &Service| {
        let api = json!({"URL": registry.url(), "Version": "v2"});
        let session = service.endpoint(&api).expect("an endpoint").session(None);
        session.expect("a session").repository("demo/app").expect("a repository")
    };
    let services =
        [&one, &two].map(|secret| service(hidden.options(&proxy.url_for("joe", secret))));
    for _ in 0..3 {
        for service in &services {
            session(service).list_tags(None, &none()).expect("tags");
        }
    }
    let sent: Vec<String> = proxy
        .connects()
        .iter()
        .map(|connect| connect.header("proxy-authorization").expect("credentials").to_owned())
        .collect();
    assert_eq!(sent.len(), 2, "one tunnel each");
    assert_ne!(sent[0], sent[1]);
}

/// What a list of hosts without a proxy says about an address.
fn goes_direct(no_proxy: &str, url: &str) -> bool {
    let server = || ProxyServer::parse("p.example:3128", "proxy").expect("a proxy");
    let url = url.parse().unwrap_or_else(|e| panic!("{url}: {e}"));
    !Proxies::new(server(), server(), no_proxy).is_proxied(&url)
}

#[test]
fn a21_no_proxy_compares_hosts_as_they_were_understood() {
    for (list, direct, proxied) in [
        ("", &[][..], &["http://a.example", "https://127.0.0.1", "https://localhost"][..]),
        ("*", &["http://a.example", "https://[2001:db8::1]:5000", "http://10.0.0.1"], &[]),
        ("x.example, * ,y.example", &["http://a.example"], &[]),
        // A name is itself and what is below it, and nothing that ends like it.
        (
            "a.example",
            &["http://a.example", "https://A.Example:5000", "http://x.y.a.example"],
            &["http://xa.example", "http://example", "http://a.example.evil", "http://a.example."],
        ),
        (
            ".a.example",
            &["http://x.a.example", "http://x.y.a.example"],
            &["http://a.example", "http://xa.example"],
        ),
        ("*.a.example", &["http://x.a.example"], &["http://a.example", "http://xa.example"]),
        ("*a.example", &[], &["http://a.example", "http://xa.example"]),
        (" A.EXAMPLE ,,", &["http://a.example"], &["http://b.example"]),
        (" ,., *. , :80,.:80", &[], &["http://b.example", "http://b.example."]),
        // A port is the address's own, or the scheme's.
        (
            "a.example:443,b.example:80,c.example:5000",
            &[
                "https://a.example",
                "https://a.example:443",
                "http://x.b.example",
                "http://c.example:5000",
            ],
            &[
                "http://a.example",
                "https://b.example",
                "https://c.example",
                "https://a.example:444",
            ],
        ),
        (".a.example:5000", &["https://x.a.example:5000"], &["https://x.a.example"]),
        ("a.example:", &["https://a.example:7"], &[]),
        ("a.example:https,b.example:99999", &[], &["https://a.example", "https://b.example"]),
        // Addresses, in every way to write one.
        (
            "10.1.2.3",
            &[
                "http://10.1.2.3",
                "https://10.1.2.3:5000",
                "http://0x0a.1.2.3",
                "http://[::ffff:10.1.2.3]",
            ],
            &["http://10.1.2.30", "http://10.1.2.3.example", "http://110.1.2.3"],
        ),
        ("10.1.2.3:5000", &["http://10.1.2.3:5000"], &["http://10.1.2.3", "http://10.1.2.3:500"]),
        ("::1", &["http://[::1]", "http://[0:0::1]:5000"], &["http://[::2]"]),
        ("[::1]", &["http://[::1]:5000"], &["http://[::2]"]),
        ("[2001:DB8::1]:5000", &["http://[2001:db8::1]:5000"], &["http://[2001:db8::1]"]),
        ("::ffff:10.1.2.3", &["http://10.1.2.3"], &["http://10.1.2.4"]),
        (
            "10.0.0.0/8,2001:db8::/32",
            &["http://10.255.0.1:5000", "https://[2001:db8:1::1]", "http://[::ffff:10.0.0.1]"],
            &["http://11.0.0.1", "https://[2001:db9::1]", "http://x10.0.0.1.example"],
        ),
        ("10.0.0.0/33,10.0.0.0/,/8,10.0.0.0/8:80", &[], &["http://10.0.0.1"]),
        // An address is below no name, whatever its last letters are.
        (".1,.0.0.1,0.0.1,*.0.0.1,.example.com", &[], &["http://127.0.0.1", "http://[::1]"]),
        (
            "[::1%25.example.com],::1%25.example.com,[fe80::1%eth0]:80",
            &[],
            &["http://[::1]", "http://[fe80::1]"],
        ),
        ("localhost", &["http://localhost:5000", "http://x.localhost"], &["http://127.0.0.1"]),
    ] {
        for url in direct {
            assert!(goes_direct(list, url), "{list:?} must cover {url}");
        }
        for url in proxied {
            assert!(!goes_direct(list, url), "{list:?} must not cover {url}");
        }
    }
}

#[test]
fn a21_an_address_with_a_zone_is_no_address_of_a_server() {
    let hidden = Hidden::start();
    let proxy = hidden.proxy(at("127.0.0.4"), None);
    let mut options = hidden.options("");
    options["proxy"] = json!({"https-proxy": proxy.url(), "http-proxy": proxy.url(),
        "no-proxy": ".example.com"});
    let service = service(options);
    for host in
        ["[::1%25.example.com]:1", "[::1%.example.com]", "[fe80::1%25eth0]", "::1%25.example.com"]
    {
        let api = json!({"URL": format!("https://{host}"), "Version": "v2"});
        assert_eq!(service.endpoint(&api).err().expect(host).code, 1, "{host}");
        let redirect = Action::redirect(&format!("https://{host}/x"));
        hidden.registry.fault(Fault::on("/manifests/", redirect).always());
        fails(&service, &hidden.app(), &none(), REDIRECT);
        hidden.registry.clear_faults();
    }
    // The legitimate cases: the proxy was asked for the registry, and is not for a name below.
    assert!(proxy.targets().iter().all(|target| *target == hidden.registry.host()));
    assert!(goes_direct(".example.com", "https://registry.example.com"));
    pulls(&service, &hidden.app(), &none(), &hidden.image);
}

/// What these environment variables say about an address: the proxy's `host:port`.
fn chosen(variables: &[(&str, &str)], url: &str) -> Option<String> {
    let all: HashMap<&str, &str> = variables.iter().copied().collect();
    let proxies = Proxies::from_environment(|name| all.get(name).map(OsString::from));
    let url = url.parse().expect("an address");
    proxies.choose(&url).expect("a proxy that can be used").map(ToString::to_string)
}

#[test]
fn a21_the_environment_names_proxies_as_for_other_programs() {
    let (http, https) = ("http://r.example/v2/", "https://r.example/v2/");
    for (variables, for_http, for_https) in [
        (&[][..], None, None),
        (&[("HTTP_PROXY", "p.example")], Some("p.example:80"), None),
        (&[("http_proxy", "http://p.example:3128/")], Some("p.example:3128"), None),
        (&[("HTTPS_PROXY", "https://p.example")], None, Some("p.example:443")),
        (&[("https_proxy", "u:p@p.example:1")], None, Some("p.example:1")),
        (&[("https_proxy", "socks5://u:p@p.example")], None, Some("p.example:1080")),
        (&[("HTTP_PROXY", "SOCKS5H://p.example:80")], Some("p.example:80"), None),
        (&[("HTTP_PROXY", "socks5h://p.example:443/")], Some("p.example:443"), None),
        // What cannot be used stands in the way of nobody who does not need it.
        (&[("HTTPS_PROXY", "socks4://p.example"), ("NO_PROXY", "r.example")], None, None),
        (
            &[
                ("HTTPS_PROXY", "socks4://p.example"),
                ("HTTP_PROXY", "p.example"),
                ("NO_PROXY", "r.example:443"),
            ],
            Some("p.example:80"),
            None,
        ),
        // Upper case wins; what is empty is not there.
        (&[("HTTPS_PROXY", "a.example"), ("https_proxy", "b.example")], None, Some("a.example:80")),
        (&[("HTTPS_PROXY", ""), ("https_proxy", "b.example")], None, Some("b.example:80")),
        (&[("HTTPS_PROXY", "[2001:db8::1]:3128")], None, Some("[2001:db8::1]:3128")),
        (&[("ALL_PROXY", "p.example"), ("all_proxy", "p.example")], None, None),
        (&[("HTTPS_PROXY", "p.example"), ("NO_PROXY", "r.example")], None, None),
        (&[("HTTPS_PROXY", "p.example"), ("no_proxy", "r.example")], None, None),
        (
            &[("HTTPS_PROXY", "p.example"), ("NO_PROXY", "x.example"), ("no_proxy", "r.example")],
            None,
            Some("p.example:80"),
        ),
        // In a CGI program HTTP_PROXY comes from its client; a lower-case name cannot.
        (
            &[
                ("REQUEST_METHOD", "GET"),
                ("HTTP_PROXY", "evil.example"),
                ("HTTPS_PROXY", "p.example"),
            ],
            None,
            Some("p.example:80"),
        ),
        (
            &[
                ("REQUEST_METHOD", "GET"),
                ("HTTP_PROXY", "evil.example"),
                ("http_proxy", "p.example"),
            ],
            Some("p.example:80"),
            None,
        ),
    ] {
        assert_eq!(chosen(variables, http).as_deref(), for_http, "{variables:?}");
        assert_eq!(chosen(variables, https).as_deref(), for_https, "{variables:?}");
    }
    // This machine is never asked through the environment's proxy; its lookalikes are.
    let both = [("HTTP_PROXY", "p.example"), ("HTTPS_PROXY", "p.example")];
    for host in [
        "localhost",
        "localhost.",
        "app.localhost",
        "127.0.0.1",
        "127.1.2.3",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "0x7f.1",
    ] {
        assert_eq!(chosen(&both, &format!("http://{host}:5000/")), None, "{host}");
    }
    for host in ["localhost.example", "127.0.0.1.example", "10.0.0.1", "[2001:db8::1]"] {
        assert!(chosen(&both, &format!("https://{host}/")).is_some(), "{host}");
    }
    for (name, text) in [
        ("HTTPS_PROXY", "socks4://u:CANARY@p.example:1080"),
        ("https_proxy", "socks5://u:CANARY@"),
        ("HTTP_PROXY", "ftp://u:CANARY@p.example"),
        ("https_proxy", "http://u:CANARY@p.example:port"),
        ("http_proxy", "http://u:CANARY@"),
        ("HTTP_PROXY", "http://u:CANARY@p ex.example"),
        ("HTTP_PROXY", "http://u:CANARY@p.example\\:3128"),
        ("HTTP_PROXY", "http://u:CANARY@p%2eexample:3128"),
        ("HTTP_PROXY", "http://u:CANARY@p\t.example:3128"),
    ] {
        let variable = |asked: &str| (asked == name).then(|| OsString::from(text));
        let proxies = Proxies::from_environment(variable);
        let scheme = name.split('_').next().unwrap_or_default().to_lowercase();
        let error = proxies.choose(&format!("{scheme}://r.example/").parse().expect("a URL"));
        let error = error.expect_err(text);
        assert_eq!(error.code(), ocireg::error::Code::InvalidConfig, "{text}");
        assert_eq!(error.details().argument.as_deref(), Some(name), "{text}");
        assert!(error.to_json().contains("NO_PROXY"), "{error}");
        let direct = format!("{scheme}://127.0.0.1/").parse().expect("a URL");
        assert_eq!(proxies.choose(&direct).expect("no proxy is needed"), None);
        assert!(!error.to_json().contains("CANARY"), "{error}");
    }
}

/// Child of `d9_…`: a pull with these options.
fn pull_in_child(tell: &str) {
    let told: Value = serde_json::from_str(tell).expect("what the parent tells");
    let reference = told["reference"].as_str().expect("a reference");
    let service = Service::new(&told["options"]).expect("a service, whatever the environment");
    match pull(&service, reference, &none()) {
        Ok(_) => assert_eq!(told["works"], true),
        Err(failure) => {
            assert_eq!(told["works"], "not at all", "{failure:#?}");
            assert_eq!((failure.code, failure.argument()), (7, "HTTPS_PROXY"));
            assert_no_secret("the failure", failure.json.to_string(), "CANARY");
        }
    }
}

#[test]
fn d9_the_environment_is_read_only_if_the_options_let_it() {
    if let Some(tell) = children::told() {
        return pull_in_child(&tell);
    }
    let hidden = Hidden::start();
    let (plain, _) = demo();
    let secret = canary();
    let proxy = hidden.proxy(at("127.0.0.4"), Some(("joe", &secret)));
    let url = proxy.url_for("joe", &secret);
    let own = hidden.app();
    let hermetic = |more: Value| {
        let mut options = json!({
            "environment": false, "certs-dir": hidden.certs.path(), "hosts-dir": "",
            "registries-conf": "", "docker-config": "", "resolve": {SECURE: ["0.0.0.0"]},
        });
        for (key, value) in more.as_object().expect("an object") {
            options[key] = value.clone();
        }
        options
    };
    let names =
        ["HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY", "all_proxy"];
    for (more, reference, value, asked, works) in [
        // Whoever says nothing of proxies and forbids the environment uses none.
        (json!({}), &own, url.as_str(), false, json!(true)),
        (json!({}), &own, "ftp://u:CANARY@p.example", false, json!(true)),
        (json!({"environment": true}), &app(&plain), "ftp://p.example", false, json!(true)),
        (json!({"environment": true}), &own, &url, true, json!(true)),
        (
            json!({"environment": true}),
            &own,
            "ftp://u:CANARY@p.example",
            false,
            json!("not at all"),
        ),
        // An explicit option wins, and this machine is not for the environment's proxy.
        (json!({"environment": true, "proxy": ""}), &own, &url, false, json!(true)),
        (json!({"environment": true}), &app(&plain), &url, false, json!(true)),
    ] {
        proxy.clear();
        let tell = json!({"options": hermetic(more), "reference": reference, "works": works});
        let test = "d9_the_environment_is_read_only_if_the_options_let_it";
        let mut child = children::command(test, &tell.to_string());
        child.envs(names.map(|name| (name, value))).env_remove("NO_PROXY").env_remove("no_proxy");
        children::expect_success(&mut child);
        assert_eq!(proxy.connection_count() > 0, asked, "{tell}");
        assert!(proxy.targets().iter().all(|target| *target == hidden.registry.host()));
    }
}

#[test]
fn f28_whatever_a_proxy_does_wrong_is_named_and_nothing_is_asked_directly() {
    let (hidden, secret) = (Hidden::start(), canary());
    let proxy = hidden.proxy(at("127.0.0.4"), Some(("joe", &secret)));
    let mut options = hidden.options(&proxy.url_for("joe", &secret));
    // Going around the proxy would work.
    options["resolve"] = json!({SECURE: ["0.0.0.0"]});
    options["timeouts"] = json!({"connect-ms": 300});
    let service = service(options.clone());
    let mut answers = vec![
        (Action::status(407), "check the user name and the password", Some(407)),
        (Action::status(401), "check the user name and the password", Some(401)),
        (Action::status(403), "status 403", Some(403)),
        (Action::status(404), "status 404", Some(404)),
        (Action::status(500), "status 500", Some(500)),
        (Action::status(502), "status 502", Some(502)),
        (Action::retry_after(503, "30"), "status 503", Some(503)),
        (Action::redirect("http://127.0.0.1:1/"), "status 307", Some(307)),
        (Action::status(101), "status 101", Some(101)),
        (Action::Html(502, 100_000), "status 502", Some(502)),
        (Action::EndlessHeaders, "too large", None),
        (Action::Delay(Duration::from_secs(30)), "not establish the connection in time", None),
        (Action::CutHead(0, Cut::Fin), "closed the connection", None),
        (Action::CutHead(0, Cut::Rst), "closed the connection", None),
        (Action::CutHead(20, Cut::Fin), "closed the connection", None),
    ];
    for raw in [
        "SSH-2.0-OpenSSH_9.9\r\n",
        "garbage\r\n\r\n",
        "HTTP/2 200\r\n\r\n",
        "HTTP/1.1\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/1.1 +20 OK\r\n\r\n",
        "HTTP/1.1  200 OK\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\n\u{15}\u{3}\u{1}",
    ] {
        answers.push((Action::Raw(raw.into()), "is not HTTP", None));
    }
    let interim = "HTTP/1.1 100 Continue\r\n\r\n".repeat(2000);
    answers.push((Action::Raw(interim.into()), "too large", None));
    // An answer of the registry's that the proxy has made up.
    let smuggled = "HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
    answers.push((Action::Raw(smuggled.into()), "it sent more than its response", None));
    for (action, why, status) in answers {
        proxy.fault(Fault::on("", action.clone()).always());
        let began = Instant::now();
        let failure = fails(&service, &hidden.app(), &none(), PROXY);
        assert!(began.elapsed() < Duration::from_secs(10), "{action:?}");
        assert_tells(&failure, &[&proxy.host(), why], &[&secret]);
        assert_eq!(failure.json["phase"], "proxy", "{failure:#?}");
        assert_eq!(failure.json["host"], hidden.registry.host(), "{failure:#?}");
        assert_eq!(failure.json["http_status"].as_u64(), status, "{failure:#?}");
        assert!(failure.json["hint"].is_string(), "{failure:#?}");
        proxy.clear_faults();
    }
    assert_eq!(hidden.registry.connection_count(), 0, "the registry was asked directly");
    // The legitimate cases: interim answers, a body that is announced and does not come, old versions of HTTP.
    for raw in [
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 Connection established\r\n\r\n",
        "HTTP/1.0 200\r\nContent-Length: 5\r\n\r\n",
        "HTTP/1.1 299 Why not\r\nTransfer-Encoding: chunked\r\n\r\n",
    ] {
        proxy.greet_with(raw);
        pulls(&self::service(options.clone()), &hidden.app(), &none(), &hidden.image);
    }
}

#[test]
fn f28_an_answer_to_connect_in_small_pieces_has_no_time_for_ever() {
    let hidden = Hidden::start();
    let proxy = Server::start(at("127.0.0.4"), |_, conn| {
        conn.send(b"HTTP/1.1 200 OK\r\n")?;
        loop {
            conn.stall(Duration::from_millis(100));
            conn.send(b"X: y\r\n")?;
        }
    });
    let mut options = hidden.options(&proxy.url());
    options["timeouts"] = json!({"connect-ms": 500});
    let began = Instant::now();
    let failure = fails(&service(options), &hidden.app(), &none(), PROXY);
    let took = began.elapsed();
    assert!(took > Duration::from_millis(400) && took < Duration::from_secs(5), "{took:?}");
    assert_tells(&failure, &[&proxy.host(), "in time"], &[]);
}

#[test]
fn f28_a_proxy_that_cannot_be_reached_or_trusted_is_named() {
    let (hidden, secret) = (Hidden::start(), canary());
    let stranger = Ca::new("somebody else");
    let unknown = hidden.proxy(at("127.0.0.5").tls(&stranger), None);
    let mute = hidden.proxy(at("127.0.0.5"), None);
    mute.connect_fault(ConnectFault::Close(Cut::Fin), usize::MAX);
    let plain = hidden.proxy(at("127.0.0.6"), None);
    let (hole, closed) = (BlackHole::start(), ClosedPort::new());
    let credentials = format!("joe:{secret}@");
    for (url, host, why) in [
        (
            format!("http://{credentials}nowhere.test:3128"),
            "nowhere.test:3128".to_owned(),
            "find the address",
        ),
        (
            format!("http://{credentials}127.0.0.1:{}", closed.number()),
            "127.0.0.1".to_owned(),
            "connect",
        ),
        (format!("http://{credentials}{}", hole.address()), hole.address().to_string(), "in time"),
        (mute.url_for("joe", &secret), mute.host(), "closed the connection"),
        (unknown.url_for("joe", &secret), unknown.host(), "not trusted"),
        (plain.url_for("joe", &secret).replace("http:", "https:"), plain.host(), "TLS"),
    ] {
        let mut options = hidden.options(&url);
        options["resolve"] = json!({SECURE: ["0.0.0.0"], "*": []});
        options["timeouts"] = json!({"connect-ms": 500});
        let failure = fails(&service(options), &hidden.app(), &none(), PROXY);
        assert_tells(&failure, &[&host, why], &[&secret]);
        assert_eq!(failure.json["phase"], "proxy", "{failure:#?}");
    }
    assert_eq!(hidden.registry.connection_count(), 0, "the registry was asked directly");
    // Nobody got the credentials before it was known who they are.
    assert_canary_nowhere(&[&mute, &unknown, &plain], &secret);
}

#[test]
fn f28_a_proxy_that_fails_for_a_moment_is_asked_again_once_the_registry_has_answered() {
    let hidden = Hidden::start();
    let proxy = hidden.proxy(at("127.0.0.4"), None);
    let service = service(hidden.options(&proxy.url()));
    let session = service.open(None, &hidden.app(), &none()).expect("a session");
    for (fault, times) in [(Action::status(502), 2), (Action::CutHead(0, Cut::Fin), 1)] {
        hidden.registry.close_connections();
        proxy.clear();
        proxy.fault(Fault::on("", fault).times(times));
        session.get_manifest(None, None, &none()).expect("a manifest");
        assert_eq!(proxy.connects().len(), times + 1);
    }
    // What will not pass by itself is not asked for again, nor is somebody who never answered.
    hidden.registry.close_connections();
    proxy.clear();
    proxy.fault(Fault::on("", Action::status(407)).times(1));
    let failure = session.get_manifest(None, None, &none()).expect_err("a refusal");
    assert_eq!((failure.code, failure.json["retryable"].as_bool()), (PROXY, Some(false)));
    proxy.clear();
    proxy.fault(Fault::on("", Action::status(502)).times(1));
    let fresh = self::service(hidden.options(&proxy.url()));
    let failure = fresh.open(None, &hidden.app(), &none()).err().expect("a refusal");
    assert_eq!((failure.code, failure.json["retryable"].as_bool()), (PROXY, Some(true)));
    assert_eq!(proxy.connects().len(), 1);
}

#[test]
fn f28_an_insecure_registry_without_https_is_asked_over_http_through_the_proxy_for_http() {
    let (registry, image) = demo();
    let (http, https) = (Proxy::open(), Proxy::start(at("127.0.0.5"), None));
    for fault in [Action::status(502), Action::status(407), Action::CutHead(0, Cut::Fin)] {
        https.fault(Fault::on("", fault).always());
        let proxies = json!({"http-proxy": http.url(), "https-proxy": https.url()});
        pulls(&service(json!({"proxy": proxies})), &app(&registry), &none(), &image);
        https.clear_faults();
        assert_eq!(registry.connection_count(), http.asked().len(), "all of them by the proxy");
    }
    assert!(!https.connects().is_empty());
    // Where https works, nobody asks over http.
    http.clear();
    let hidden = Hidden::start();
    let proxy = hidden.proxy(at("127.0.0.6"), None);
    let mut options = hidden.options("");
    options["insecure-registries"] = json!([hidden.registry.host()]);
    options["proxy"] = json!({"http-proxy": http.url(), "https-proxy": proxy.url()});
    pulls(&service(options), &hidden.app(), &none(), &hidden.image);
    assert_eq!(http.connection_count(), 0);
}

#[test]
fn f28_a_tunnel_that_is_cut_is_made_again_through_the_proxy() {
    let hidden = Hidden::start();
    let proxy = hidden.proxy(at("127.0.0.4"), None);
    let service = service(hidden.options(&proxy.url()));
    let layer = hidden.image.manifests[0].layers[0].clone();
    hidden.registry.fault(Fault::on(&layer, Action::CutBody(100_000, Cut::Fin)));
    pulls(&service, &hidden.app(), &none(), &hidden.image);
    assert!(proxy.targets().len() > 1);
}

/// Each server has a name, a port and a scheme of its own, and is told what is its own and nothing else.
#[test]
fn of_five_servers_each_is_told_its_own() {
    let (ca, image, certs) = (Ca::default(), image(), tempdir());
    let blobs = image.blobs.clone();
    let rig = Rig::named(&ca, move |request| {
        let digest = request.path().rsplit('/').next().unwrap_or_default();
        blobs.get(digest).map_or_else(|| Reply::empty(404), |body| Reply::new(200, body.clone()))
    });
    for server in [&*rig.registry, &*rig.token, &rig.bystander] {
        ca.write_certs_d(certs.path(), &server.host(), None);
    }
    image.push_to(&rig.registry, "demo/app", "1");
    let (password, of_mirror) = (canary(), canary());
    rig.token.change(|policy| {
        policy.users = vec![("alice".into(), password.clone())];
        policy.anonymous_pull = false;
    });
    rig.registry.set_auth(Auth::bearer(&rig.token));
    let layer = &image.manifests[0].layers[0];
    let away = Action::redirect(&format!("{}/store/{layer}?signature=1", rig.bystander.url()));
    rig.registry.fault(Fault::on(layer, away).always());
    // The mirror is for the official registry alone, whatever credentials are known for it.
    let service = service(json!({
        "certs-dir": certs.path(), "resolve": {"*": []}, "proxy": rig.proxy.url(),
        "registry-mirrors": [rig.mirror.url()],
        "credentials": {rig.mirror.host(): {"username": "bob", "password": of_mirror}},
    }));
    pulls(&service, &app(&rig.registry), &alice(&password), &image);
    rig.assert_canary_only(&[&rig.token], &password);
    rig.assert_canary_only(&[], &of_mirror);
    assert_bare(&rig.bystander.requests());
    assert!(rig.mirror.requests().is_empty());
    let sent = rig.registry.requests();
    let with = |request: &Request| request.header("authorization").unwrap_or_default().to_owned();
    assert!(sent.iter().map(with).all(|sent| sent.is_empty() || sent.starts_with("Bearer ")));
    assert!(sent.iter().any(|request| !with(request).is_empty()));
    for request in rig.proxy.requests() {
        assert_eq!(request.method, "CONNECT", "{request:?}");
        for name in ["authorization", "proxy-authorization", "cookie"] {
            assert_eq!(request.header(name), None, "{request:?}");
        }
    }
}

#[test]
fn the_rig_has_a_proxy_that_sees_what_goes_through_it() {
    let image = image();
    let rig = Rig::start(|_| Reply::empty(404));
    image.push_to(&rig.registry, "demo/app", "1");
    let secret = canary();
    rig.registry.set_auth(Auth::basic("alice", &secret));
    let service = service(json!({
        "proxy": rig.proxy.url(), "allow-plain-http-credentials": [rig.registry.host()],
    }));
    pulls(&service, &app(&rig.registry), &alice(&secret), &image);
    // That is what plain http means.
    rig.assert_canary_only(&[&rig.registry, &rig.proxy], &secret);
    let seen = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        rig.assert_canary_only(&[&rig.registry], &secret);
    }));
    assert!(seen.is_err(), "the proxy's records hold what went through its tunnel");
}

/// A SOCKS proxy that finds the registry under its name and under 0.0.0.0.
fn socks(hidden: &Hidden, manners: Manners) -> Socks {
    let (socks, address) = (Socks::start(manners), hidden.registry.address());
    for host in [hidden.registry.host(), format!("0.0.0.0:{}", address.port())] {
        socks.knows(&host, address);
    }
    socks
}

#[test]
fn an_image_is_pulled_through_socks_by_name_and_by_address() {
    let hidden = Hidden::start();
    let (plain, _) = demo();
    let secret = canary();
    let user = Some(("joe".to_owned(), secret.clone()));
    for login in [None, user] {
        let proxy = socks(&hidden, Manners { login: login.clone(), ..Manners::default() });
        let place = match &login {
            Some((user, password)) => format!("{user}:{password}@{}", proxy.host()),
            None => proxy.host(),
        };
        for (scheme, resolve, target) in [
            ("socks5h", json!({"*": []}), hidden.registry.host()),
            // A name that is not known here may be known to the proxy.
            ("socks5", json!({"*": []}), hidden.registry.host()),
            ("SOCKS5", json!({SECURE: ["0.0.0.0"]}), format!("0.0.0.0:{}", hidden.registry.port())),
        ] {
            proxy.clear();
            let mut options = hidden.options(&format!("{scheme}://{place}"));
            options["resolve"] = resolve;
            let service = service(options);
            pulls(&service, &hidden.app(), &none(), &hidden.image);
            let by_name = target == hidden.registry.host();
            let asked = Asked { target, by_name, login: login.clone() };
            assert!(!proxy.asked().is_empty());
            assert!(proxy.asked().iter().all(|one| *one == asked), "{:?}", proxy.asked());
            assert!(proxy.asked().len() < hidden.registry.requests().len(), "used again");
            // Plain http goes the same way.
            pull(&service, &app(&plain), &none()).expect("a pull");
            assert!(proxy.asked().iter().any(|one| one.target == plain.host()));
        }
        assert_canary_nowhere(&[&hidden.registry, &plain], &secret);
    }
}

#[test]
fn f28_whatever_a_socks_proxy_does_wrong_is_named_and_nothing_is_asked_directly() {
    let hidden = Hidden::start();
    let secret = canary();
    let login = |user: &str, password: &str| Some((user.to_owned(), password.to_owned()));
    let (hole, silent) = (BlackHole::start(), canary());
    let cases = [
        (Manners { login: login("joe", &silent), ..Manners::default() }, "USER:PASSWORD"),
        (Manners { refuses: Some(2), ..Manners::default() }, "no-proxy"),
        (Manners { refuses: Some(5), ..Manners::default() }, "connection refused"),
        (Manners { refuses: Some(99), ..Manners::default() }, "unknown"),
        (
            Manners { greeting: Some(b"HTTP/1.1 400 Bad Request".to_vec()), ..Manners::default() },
            "SOCKS 5",
        ),
        (Manners { greeting: Some(vec![4, 0]), ..Manners::default() }, "SOCKS 5"),
        (Manners { greeting: Some(Vec::new()), ..Manners::default() }, "SOCKS 5"),
    ];
    for (manners, named) in cases {
        let proxy = socks(&hidden, manners);
        for place in [proxy.host(), format!("joe:{secret}@{}", proxy.host())] {
            let mut options = hidden.options(&format!("socks5h://{place}"));
            options["retry"] = json!({"max-attempts": 1});
            let failure = fails(&service(options), &hidden.app(), &none(), PROXY);
            assert_tells(&failure, &[&proxy.host(), named], &[&secret]);
        }
    }
    let mut options = hidden.options(&format!("socks5://{}", hole.address()));
    options["resolve"] = json!({SECURE: ["0.0.0.0"]});
    options["timeouts"] = json!({"connect-ms": 300});
    let began = Instant::now();
    fails(&service(options), &hidden.app(), &none(), PROXY);
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    assert_eq!(hidden.registry.connection_count(), 0);
    let long = "x".repeat(256);
    for text in [format!("socks5://joe:{long}@p.example"), "socks4://p.example".to_owned()] {
        let failure = Service::new(&json!({"proxy": text})).err().expect("a refusal");
        assert_eq!((failure.code, failure.argument()), (7, "proxy"), "{failure:#?}");
    }
}

#[test]
fn a6_addresses_that_are_found_here_are_judged_before_a_socks_proxy_is_asked() {
    let hidden = Hidden::start();
    let layer = hidden.image.manifests[0].layers[0].clone();
    let proxy = socks(&hidden, Manners::default());
    for (scheme, target) in [
        ("socks5", "metadata.test"),
        ("socks5", "169.254.169.254"),
        ("socks5h", "169.254.169.254"),
        ("socks5h", "localhost"),
    ] {
        hidden.registry.clear_faults();
        let away = Action::redirect(&format!("https://{target}/x"));
        hidden.registry.fault(Fault::on(&format!("/blobs/{layer}"), away).always());
        let mut options = hidden.options(&format!("{scheme}://{}", proxy.host()));
        options["resolve"] = json!({SECURE: ["0.0.0.0"], "metadata.test": ["169.254.169.254"]});
        let failure = fails(&service(options), &hidden.app(), &none(), POLICY);
        assert_tells(&failure, &[target], &[]);
        assert!(proxy.asked().iter().all(|one| !one.target.contains(target)));
        assert!(proxy.asked().iter().all(|one| !one.target.contains("169.254")));
    }
    // Nor is a name asked for whose address cannot be judged.
    proxy.clear();
    hidden.registry.clear_faults();
    let away = Action::redirect("https://unknown.test/x");
    hidden.registry.fault(Fault::on(&format!("/blobs/{layer}"), away).always());
    let mut options = hidden.options(&format!("socks5://{}", proxy.host()));
    options["resolve"] = json!({SECURE: ["0.0.0.0"], "*": []});
    let failure = fails(&service(options), &hidden.app(), &none(), POLICY);
    assert_tells(&failure, &["unknown.test", "socks5h"], &[]);
    assert!(proxy.asked().iter().all(|one| !one.by_name));
}

#[test]
fn a18_a_name_is_insecure_by_addresses_that_are_found_here_and_not_by_those_of_a_socks_proxy() {
    let registry = Registry::start(secure(&Ca::new("nobody knows it")), Auth::None);
    let image = image();
    image.push_to(&registry, "demo/app", "1");
    let proxy = Socks::start(Manners::default());
    proxy.knows(&registry.host(), registry.address());
    let by = |scheme: &str| {
        let proxy = format!("{scheme}://{}", proxy.host());
        service(json!({"proxy": proxy, "resolve": {SECURE: ["127.0.0.1"]}}))
    };
    fails(&by("socks5h"), &app(&registry), &none(), CERTIFICATE);
    pulls(&by("socks5"), &app(&registry), &none(), &image);
    // It is another machine that the proxy calls 127.0.0.1: credentials do not stay on this one.
    let (plain, _) = demo();
    let secret = canary();
    plain.set_auth(Auth::basic("alice", &secret));
    let failure = fails(&by("socks5"), &app(&plain), &alice(&secret), POLICY);
    assert_tells(&failure, &["allow-plain-http-credentials"], &[&secret]);
    assert_canary_nowhere(&[&plain], &secret);
}

#[test]
fn http_is_spoken_through_a_proxy_that_makes_tunnels_to_nowhere() {
    let (registry, image) = demo();
    let secret = canary();
    let proxy = Proxy::start(at("127.0.0.4"), Some(("joe", &secret)));
    let named = format!("plain.test:{}", registry.port());
    proxy.knows(&named, registry.address());
    proxy.fault(Fault::on("", Action::status(403)).method("CONNECT").always());
    let with = |url: &str| {
        service(json!({
            "proxy": url, "resolve": {"*": []}, "insecure-registries": [named],
            "retry": {"max-attempts": 1},
        }))
    };
    let reference = format!("{named}/demo/app:1");
    pulls(&with(&proxy.url_for("joe", &secret)), &reference, &none(), &image);
    assert_canary_nowhere(&[&registry], &secret);
    // Who wants to know who asks is the proxy.
    for url in [proxy.url(), proxy.url_for("jim", "x")] {
        let api = json!({"URL": format!("http://{named}")});
        let session = with(&url).endpoint(&api).expect("an endpoint").session(None);
        let session = session.expect("a session").repository("demo/app").expect("a repository");
        let failure = session.list_tags(None, &none()).expect_err("no way through");
        assert_eq!((failure.code, failure.json["http_status"].as_i64()), (PROXY, Some(407)));
        assert_tells(&failure, &[&proxy.host()], &[&secret]);
    }
}

/// In the answer to CONNECT, and where the proxy answers in the server's place.
#[test]
fn a_proxy_that_repeats_its_credentials_is_not_repeated() {
    let hidden = Hidden::start();
    let plain = Registry::plain();
    hidden.image.push_to(&plain, "demo/app", "1");
    // What a proxy can know of them: the header, and what is in it.
    let echoes: [fn(&str) -> String; 4] = [
        str::to_owned,
        |secret| BASE64_STANDARD.encode(format!("joe:{secret}")),
        |secret| {
            format!(
                "Proxy-Authorization: Basic {}",
                BASE64_STANDARD.encode(format!("joe:{secret}"))
            )
        },
        |secret| format!("user joe, password {secret}, {}", BASE64_STANDARD.encode(secret)),
    ];
    for echo in echoes {
        let secret = canary();
        let proxy = hidden.proxy(at("127.0.0.4"), Some(("joe", &secret)));
        let service = service({
            let mut options = hidden.options(&proxy.url_for("joe", &secret));
            options["retry"] = json!({"max-attempts": 1});
            options
        });
        let said = echo(&secret);
        let document =
            json!({"errors": [{"code": "DENIED", "message": format!("rule 17: {said}")}]});
        for body in
            [document.to_string(), format!("rule 17: {said}"), format!("<b>rule 17: {said}</b>")]
        {
            let header = vec![("X-Said".to_owned(), said.clone())];
            proxy.fault(
                Fault::on("", Action::Status(403, header, body.clone().into_bytes())).always(),
            );
            // A tunnel: nothing of what the proxy says is of use.
            let failure = fails(&service, &hidden.app(), &none(), PROXY);
            assert_tells(&failure, &["status 403"], &[&secret]);
            let raw =
                format!("HTTP/1.1 403 {said}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            proxy.clear_faults();
            proxy.fault(Fault::on("", Action::Raw(raw.into_bytes())).always());
            let failure = fails(&service, &hidden.app(), &none(), PROXY);
            assert_tells(&failure, &["status 403"], &[&secret]);
            proxy.clear_faults();
            // A request that is sent on: its answer may be the registry's, and is told without them.
            proxy.fault(Fault::on("", Action::Status(403, vec![], body.into_bytes())).always());
            let api = json!({"URL": plain.url()});
            let session = service.endpoint(&api).expect("an endpoint").session(None);
            let session = session.expect("a session").repository("demo/app").expect("it");
            let failure = session.list_tags(None, &none()).expect_err("refused");
            assert_eq!(failure.code, DENIED, "{failure:#?}");
            assert_tells(&failure, &["rule 17"], &[&secret]);
            proxy.clear_faults();
        }
    }
    assert_eq!(plain.connection_count(), 0);
}
