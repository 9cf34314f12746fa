//! Whose certificates go unverified: what follows from an address holds for that address only.
//!
//! 0.0.0.0 stands for a stranger: it lies in no insecure block, and leads to servers on 127.0.0.1.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::c_surface;
use crate::c_surface::v1::Search;
use crate::c_surface::{Service, children};
use crate::scene::*;
use ocireg::call::Call;
use ocireg::error::Code;
use ocireg::http::resolver::Resolver;
use ocireg::http::{Client, Peer, Request};
use ocireg::names::host::Blocks;
use ocireg::tls::Identity;
use ocireg_testkit::image::Image;
use ocireg_testkit::rig::{assert_canary_nowhere, bystander, canary};
use ocireg_testkit::{Action, Auth, Ca, Fault, Registry, Reply, ServerOptions};
use rustix::process::{Resource, Rlimit};
use serde_json::{Value, json};

/// A registry whose certificate nobody trusts, and the image in it.
fn untrusted(canary: &str) -> (Registry, Image) {
    let registry = Registry::start(secure(&Ca::new("nobody knows it")), Auth::None);
    let image = image();
    image.push_to(&registry, "demo/app", "1");
    registry.set_auth(Auth::basic("alice", canary));
    (registry, image)
}

fn with(addresses: Value, more: Value) -> Service {
    let mut options = json!({"resolve": {SECURE: addresses}});
    for (key, value) in more.as_object().expect("an object") {
        options[key] = value.clone();
    }
    service(options)
}

/// Every way that leads to a registry by its name; all must refuse it for its certificate.
fn refused_everywhere(service: &Service, registry: &Registry, canary: &str, title: &str) {
    let failure = fails(service, &app(registry), &alice(canary), CERTIFICATE);
    assert_tells(&failure, &[SECURE], &[canary]);
    let login = json!({"username": "alice", "password": canary, "serveraddress": registry.host()});
    for code in [
        service.login(&login).expect_err("a login").code,
        service.auth(&login, None).expect_err("an authentication").code,
        service
            .search(&format!("{}/app", registry.host()), 1, &Search::default())
            .expect_err("a search")
            .code,
    ] {
        assert_eq!(code, CERTIFICATE, "{title}");
    }
    // The lookup answers as the reference does; what it says of a name is no word of the caller's.
    let auth = json!({"username": "alice", "password": canary});
    for endpoint in service
        .lookup_pull_endpoints(&registry.host())
        .expect("endpoints")
        .as_array()
        .expect("a list")
    {
        let session = service.endpoint(endpoint).expect("an endpoint").session(Some(&auth));
        let session = session.expect("a session").repository("demo/app").expect("a repository");
        let failure = session.list_tags(None, &json!({})).expect_err("an unknown server");
        let expected = if endpoint["URL"].as_str().expect("a URL").starts_with("https") {
            [CERTIFICATE; 2]
        } else {
            [PROTOCOL, 45]
        };
        assert!(expected.contains(&failure.code), "{title}: {failure:#?}");
    }
    assert!(registry.requests().is_empty(), "{title}");
    assert_canary_nowhere(&[registry], canary);
}

#[test]
fn a18_a_name_is_insecure_by_its_addresses_only_if_all_of_them_are() {
    let canary = canary();
    let (registry, image) = untrusted(&canary);
    for addresses in [
        json!(["0.0.0.0"]),
        json!(["127.0.0.1", "0.0.0.0"]),
        json!(["0.0.0.0", "127.0.0.1"]),
        json!(["::1", "0.0.0.0"]),
        json!(["::ffff:127.0.0.1", "127.0.0.2", "0.0.0.0"]),
    ] {
        let title = addresses.to_string();
        let one = with(addresses.clone(), json!({"v1": true}));
        refused_everywhere(&one, &registry, &canary, &title);
        let more = json!({"v1": true, "insecure-registries": ["10.0.0.0/8", "127.0.0.1/32"]});
        refused_everywhere(&with(addresses, more), &registry, &canary, &title);
    }

    registry.may_receive(&canary);
    let named = json!({"insecure-registries": [registry.host()]});
    for (addresses, more) in [
        // All addresses lie in blocks: those of this machine, and one that the caller names.
        (json!(["127.0.0.1"]), json!({})),
        (json!(["127.0.0.1", "127.0.0.2"]), json!({})),
        (json!(["127.0.0.1", "0.0.0.0"]), json!({"insecure-registries": ["0.0.0.0/8"]})),
        // A host that is listed by name may be anywhere.
        (json!(["0.0.0.0"]), named.clone()),
        (json!(["127.0.0.1", "0.0.0.0"]), named),
    ] {
        pulls(&with(addresses, more), &app(&registry), &alice(&canary), &image);
    }
    // An address stands for itself.
    let literal = format!("127.0.0.1:{}/demo/app:1", registry.port());
    pulls(&with(json!([]), json!({})), &literal, &alice(&canary), &image);
}

#[test]
fn a18_a_mixed_name_is_verified_and_so_good_with_a_certificate_that_is_trusted() {
    let (ca, certs, canary) = (Ca::default(), ocireg_testkit::tempdir(), canary());
    let registry = Registry::start(secure(&ca), Auth::basic("alice", &canary));
    let image = image();
    image.push_to(&registry, "demo/app", "1");
    registry.may_receive(&canary);
    ca.write_certs_d(certs.path(), &registry.host(), None);
    let service = with(json!(["127.0.0.1", "0.0.0.0"]), json!({"certs-dir": certs.path()}));
    assert!(service.is_insecure_registry(&registry.host()).expect("an answer"), "as published");
    pulls(&service, &app(&registry), &alice(&canary), &image);
}

#[test]
fn a18_an_unverified_connection_is_none_for_a_host_that_is_insecure_no_more() {
    let canary = canary();
    let (registry, image) = untrusted(&canary);
    registry.set_auth(Auth::None);
    let service = with(json!(["0.0.0.0"]), json!({"insecure-registries": [registry.host()]}));
    pulls(&service, &app(&registry), &json!({}), &image);
    let before = registry.requests().len();
    service.load_insecure_registries(&json!([])).expect("a list");
    fails(&service, &app(&registry), &json!({}), CERTIFICATE);
    service.replace_config(&json!({"insecure-registries": ["10.0.0.0/8"]})).expect("lists");
    fails(&service, &app(&registry), &json!({}), CERTIFICATE);
    assert_eq!(registry.requests().len(), before);
    service.load_insecure_registries(&json!([registry.host()])).expect("a list");
    pulls(&service, &app(&registry), &json!({}), &image);
}

#[test]
fn a17_a_name_with_an_address_outside_of_all_blocks_is_not_asked_over_http() {
    let (plain, image) =
        (Registry::start(ServerOptions::default().name(SECURE), Auth::None), image());
    image.push_to(&plain, "demo/app", "1");
    for addresses in [json!(["127.0.0.1", "0.0.0.0"]), json!(["0.0.0.0", "127.0.0.1"])] {
        let failure =
            pull(&with(addresses, json!({})), &app(&plain), &json!({})).err().expect("no fallback");
        assert!((CONNECT..=45).contains(&failure.code), "{failure:#?}");
        assert!(plain.requests().is_empty());
    }
    pulls(&with(json!(["127.0.0.1"]), json!({})), &app(&plain), &json!({}), &image);
}

#[test]
fn a18_a_mirror_is_judged_as_a_registry_is() {
    let canary = canary();
    let (mirror, image) = untrusted(&canary);
    let upstream = json!({"registry-mirrors": [mirror.url()], "retry": {"max-attempts": 1}, "credentials":
        {(mirror.host()): {"username": "alice", "password": canary}}});
    // The official registry cannot be found here: the mirror is the only one that answers.
    let failure = pull(
        &with(json!(["127.0.0.1", "0.0.0.0"]), upstream.clone()),
        "docker.io/demo/app:1",
        &json!({}),
    )
    .err()
    .expect("no mirror that could be trusted");
    assert_eq!(failure.json["attempts"][0]["code"], CERTIFICATE, "{failure:#?}");
    assert!(mirror.requests().is_empty());
    assert_canary_nowhere(&[&mirror], &canary);
    mirror.may_receive(&canary);
    pulls(&with(json!(["127.0.0.1"]), upstream), "docker.io/demo/app:1", &json!({}), &image);
}

#[test]
fn a18_what_a_server_names_is_insecure_by_its_own_name_only() {
    let (ca, image) = (Ca::new("nobody knows it"), image());
    let blobs = image.blobs.clone();
    let storage = bystander(secure(&ca), move |request| {
        let digest = request.path().rsplit('/').next().unwrap_or_default();
        blobs.get(digest).map_or(Reply::empty(404), |body| Reply::new(200, body.clone()))
    });
    let registry = Registry::plain();
    image.push_to(&registry, "demo/app", "1");
    // By name and by address, both on this machine.
    for host in [SECURE, "127.0.0.1"] {
        let place = format!("{host}:{}", storage.port());
        for digest in image.blobs.keys() {
            let location = format!("https://{place}/{digest}");
            let fault = Fault::on(&format!("/blobs/{digest}"), Action::redirect(&location));
            registry.fault(fault.always());
        }
        let blocks = json!({"insecure-registries": ["127.0.0.1/32"]});
        for options in [json!({}), blocks] {
            let service = with(json!(["127.0.0.1"]), options);
            fails(&service, &app(&registry), &json!({}), CERTIFICATE);
        }
        assert!(storage.requests().is_empty(), "{host}");
        let listed = with(json!(["127.0.0.1"]), json!({"insecure-registries": [place]}));
        pulls(&listed, &app(&registry), &json!({}), &image);
        storage.clear();
        registry.clear_faults();
    }
}

#[test]
fn a18_behind_a_proxy_no_address_makes_a_name_insecure() {
    let canary = canary();
    let (registry, image) = untrusted(&canary);
    let proxy = ocireg_testkit::Proxy::open();
    proxy.knows(&registry.host(), registry.address());
    let options = json!({"proxy": proxy.url()});
    let service = with(json!(["127.0.0.1"]), options.clone());
    let failure = fails(&service, &app(&registry), &alice(&canary), CERTIFICATE);
    assert_tells(&failure, &[SECURE], &[&canary]);
    assert_canary_nowhere(&[&registry, &proxy], &canary);

    registry.may_receive(&canary);
    // An address that the proxy is told stands for itself; so does a name that is listed.
    let literal = format!("127.0.0.1:{}/demo/app:1", registry.port());
    pulls(&service, &literal, &alice(&canary), &image);
    let mut named = options;
    named["insecure-registries"] = json!([registry.host()]);
    pulls(&with(json!([]), named), &app(&registry), &alice(&canary), &image);
    assert_canary_nowhere(&[&proxy], &canary);
}

#[test]
fn a18_an_endpoint_that_is_left_unverified_gets_no_credentials_by_that_alone() {
    let canary = canary();
    let (registry, _) = untrusted(&canary);
    let auth = json!({"username": "alice", "password": canary});
    let endpoint = json!({"URL": registry.url(), "TLSConfig": {"InsecureSkipVerify": true}});
    let tags = |service: &Service, auth: &Value| {
        let session = service.endpoint(&endpoint).expect("an endpoint").session(Some(auth));
        let session = session.expect("a session").repository("demo/app").expect("a repository");
        session.list_tags(None, &json!({}))
    };
    let service = with(json!(["0.0.0.0"]), json!({}));
    let failure = tags(&service, &auth).expect_err("no credentials");
    assert_eq!(failure.code, POLICY, "{failure:#?}");
    assert_tells(&failure, &[&registry.host(), "insecure-registries"], &[&canary]);
    assert_canary_nowhere(&[&registry], &canary);

    registry.may_receive(&canary);
    let listed = with(json!(["0.0.0.0"]), json!({"insecure-registries": [registry.host()]}));
    tags(&listed, &auth).expect("tags");
    registry.set_auth(Auth::None);
    tags(&service, &json!({})).expect("tags without credentials");
}

#[test]
fn a6_an_identity_that_follows_from_addresses_is_good_for_these_alone() {
    let (registry, _) = untrusted(&canary());
    registry.set_auth(Auth::None);
    // As a name that leads to this machine when it is judged, and to somebody else when it is dialled.
    let client = |addresses: &[&str]| {
        let addresses = addresses.iter().map(|text| text.parse().expect("an address")).collect();
        let resolver = Arc::new(Resolver::new([(SECURE.to_owned(), addresses)].into()));
        let trust = Box::new(|_: Peer<'_>, _: &Call| Ok(Identity::default()));
        let (log, proxies) = (Arc::default(), Default::default());
        Client::new(
            resolver,
            Default::default(),
            None,
            trust,
            log,
            proxies,
            u64::MAX,
            None,
            Default::default(),
        )
    };
    let run = Call::new(None);
    let bound =
        Identity { insecure: true, within: Some(Blocks::loopback()), ..Identity::default() };
    let free = Identity { within: None, ..bound.clone() };
    for scheme in ["https", "http"] {
        let url = format!("{scheme}://{}/v2/", registry.host()).parse().expect("a URL");
        let ask = |client: &Client, identity: &Identity| {
            client.send(&Request::get(Clone::clone(&url), identity, "ask"), &run).map(drop)
        };
        let elsewhere = client(&["0.0.0.0"]);
        // A connection that anybody may use lies idle by now: one that is bound does not take it.
        let answered = |result: ocireg::error::Result<()>| match result {
            Ok(()) => true,
            Err(error) => (scheme == "http") && error.code() != Code::Policy,
        };
        assert!(answered(ask(&elsewhere, &free)));
        let before = registry.connection_count();
        let refused = ask(&elsewhere, &bound).expect_err("an address outside");
        assert_eq!(refused.code(), Code::Policy, "{refused}");
        assert!(refused.to_json().contains("insecure-registries"), "{refused}");
        assert_eq!(registry.connection_count(), before);
        // Of several addresses only those within are tried.
        assert!(answered(ask(&client(&["127.0.0.1"]), &bound)));
        assert!(answered(ask(&client(&["0.0.0.0", "127.0.0.1"]), &bound)));
    }
}

/// Descriptors of this process.
fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").expect("descriptors").count()
}

/// Connections are kept for each identity apart, but not for all that ever were.
#[test]
fn connections_are_kept_for_a_bounded_number_of_identities() {
    if children::told().is_none() {
        let name = "connections_are_kept_for_a_bounded_number_of_identities";
        children::expect_success(&mut children::command(name, "go"));
        return;
    }
    const IDENTITIES: usize = 200;
    let registry = Registry::plain();
    let trust = Box::new(|_: Peer<'_>, _: &Call| Ok(Identity::default()));
    let (log, proxies) = (Arc::default(), Default::default());
    let resolver = Arc::default();
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
    let (run, before) = (Call::new(None), descriptors());
    let url: url::Url = format!("{}/v2/", registry.url()).parse().expect("a URL");
    let ask = |number: usize| {
        let root_cas = vec![number.to_string().into()];
        let identity = Identity { root_cas, ..Identity::default() };
        let answer = client.send(&Request::get(url.clone(), &identity, "ask"), &run);
        answer.and_then(|answer| answer.finish(&run)).expect("an answer");
    };
    for number in 0..IDENTITIES {
        ask(number);
        ask(number);
    }
    assert_eq!(registry.connection_count(), IDENTITIES, "each has its own, and uses it again");
    // Each connection has one descriptor of the client's here and two of the server's, which closes them in its own time.
    const MOST: usize = 3 * 64 + 8;
    let end = Instant::now() + Duration::from_secs(10);
    while descriptors() - before > MOST && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(20));
    }
    let left = descriptors() - before;
    assert!((64..=MOST).contains(&left), "{left} descriptors are left");
    // What was used last is still there, what was not is made anew.
    ask(IDENTITIES - 1);
    assert_eq!(registry.connection_count(), IDENTITIES);
    ask(0);
    assert_eq!(registry.connection_count(), IDENTITIES + 1);
}

#[test]
fn localhost_is_this_machine_without_a_name_server() {
    let lookup = |fixed: &[(&str, &str)], name: &str| {
        let fixed = fixed.iter().map(|(name, address)| {
            ((*name).to_owned(), vec![address.parse().expect("an address")])
        });
        let resolver = Resolver::new(fixed.collect());
        resolver.lookup(name, std::time::Duration::from_secs(5), &Call::new(None)).expect(name)
    };
    for name in ["localhost", "LocalHost", "localhost.", "app.localhost", "a.b.localhost."] {
        let found = lookup(&[], name);
        assert!(found.len() == 2 && Blocks::loopback().contain_all(&found), "{name}: {found:?}");
        // The caller's own word comes first.
        assert_eq!(
            lookup(&[("*", "10.0.0.1")], name),
            ["10.0.0.1".parse::<std::net::IpAddr>().expect("it")]
        );
    }
    // A registry under such a name is one of this machine, and is judged by where it leads.
    let (registry, image) = (Registry::tls(&Ca::new("nobody knows it")), image());
    image.push_to(&registry, "demo/app", "1");
    let reference = format!("app.localhost:{}/demo/app:1", registry.port());
    pulls(&service(json!({})), &reference, &json!({}), &image);
    let elsewhere = service(json!({"resolve": {"app.localhost": ["0.0.0.0"]}}));
    fails(&elsewhere, &reference, &json!({}), CERTIFICATE);
}

/// Child of `no_descriptor_left_…`: asks with fewer and fewer descriptors left.
fn ask_with_few_descriptors(host: &str) {
    let service = service(json!({"resolve": {"named.test": ["127.0.0.1"]}}));
    let mut seen = Vec::new();
    let mut held = Vec::new();
    let (limit, most) = (64, rustix::process::getrlimit(Resource::Nofile).maximum);
    rustix::process::setrlimit(Resource::Nofile, Rlimit { current: Some(limit), maximum: most })
        .expect("a limit of this process");
    while let Ok(file) = std::fs::File::open("/dev/null") {
        held.push(file);
    }
    for left in 0..12 {
        let api = json!({"URL": format!("http://{host}")});
        let session = service.endpoint(&api).expect("an endpoint").session(Some(&json!({})));
        let asked = session
            .and_then(|s| s.repository("demo/app"))
            .and_then(|s| s.list_tags(None, &json!({})));
        match asked {
            Ok(_) => seen.push(0),
            Err(failure) => {
                assert_eq!(failure.code, 120, "{left} left: {failure:#?}");
                assert_tells(&failure, &["ulimit -n"], &[]);
                seen.push(failure.code);
            }
        }
        held.pop();
    }
    assert!(seen.contains(&120), "descriptors never ran out");
    assert_eq!(seen.last(), Some(&0), "it works with enough of them");
}

#[test]
fn no_descriptor_left_is_the_fault_of_this_machine() {
    if let Some(host) = c_surface::children::told() {
        return ask_with_few_descriptors(&host);
    }
    let (registry, _) = demo();
    for host in [registry.host(), format!("localhost:{}", registry.port())] {
        let test = "no_descriptor_left_is_the_fault_of_this_machine";
        c_surface::children::expect_success(&mut c_surface::children::command(test, &host));
    }
}
