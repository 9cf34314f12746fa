//! Finding the endpoint of a v1 index, what to do when it is not there, and where redirects take what is sent.

use std::time::Duration;

use crate::c_surface::{Failure, Outcome};
use crate::scene;
use crate::scene::{
    CERTIFICATE, CONNECT, NOT_FOUND, POLICY, PROTOCOL, SECURE, assert_tells, requests, service,
};
use crate::v1_scene::{FORMS, Form, Image, World, push};
use ocireg_testkit::rig::{assert_canary_nowhere, bystander};
use ocireg_testkit::v1::archive::Random;
use ocireg_testkit::v1::{Policy, V1};
use ocireg_testkit::{Action, Ca, Fault, Reply, Server, ServerOptions, tempdir};
use serde_json::{Value, json};

const INVALID_ARGUMENT: i32 = 1;
const INVALID_CONFIG: i32 = 7;
const TIMEOUT: i32 = 44;

fn failed<T>(outcome: Outcome<T>, code: i32) -> Failure {
    match outcome {
        Ok(_) => panic!("it succeeded"),
        Err(failure) => {
            assert_eq!(failure.code, code, "{failure:#?}");
            *failure
        }
    }
}

fn index(host: &str, secure: bool) -> Value {
    json!({"Name": host, "Mirrors": [], "Secure": secure, "Official": false})
}

#[test]
fn a_secure_index_without_a_trusted_certificate_says_what_to_do_and_is_not_asked_over_http() {
    let names = json!({"resolve": {SECURE: ["0.0.0.0"]}});
    // One speaks http alone; one has a certificate that nobody vouches for.
    let plain = V1::standalone(ServerOptions::default().name(SECURE), Policy::default());
    let ca = Ca::default();
    let unknown = V1::standalone(scene::secure(&ca), Policy::default());
    for (v1, codes) in [(&plain, [42, 45]), (&unknown, [CERTIFICATE, CERTIFICATE])] {
        let host = v1.index.host();
        let made = service(names.clone()).v1_endpoint_of(&index(&host, true), "", &json!({}));
        let Err(failure) = made else { panic!("{host} was found") };
        assert!(codes.contains(&failure.code), "{failure:#?}");
        let file = format!("{host}/ca.crt");
        assert_tells(&failure, &[&host, "insecure-registries", "certs.d", &file], &[]);
        assert!(v1.index.requests().is_empty(), "nothing was asked");
    }
    // Each of the two ways that it names.
    let (host, certs) = (unknown.index.host(), tempdir());
    let trusting = service(scene::trust(&ca, certs.path(), &[&host]));
    let endpoint = trusting.v1_endpoint_of(&index(&host, true), "", &json!({})).expect("found");
    assert!(endpoint.is_secure());
    for v1 in [&plain, &unknown] {
        let host = v1.index.host();
        let mut options = names.clone();
        options["insecure-registries"] = json!([host]);
        let endpoint = service(options).v1_endpoint(&format!("{host}/app")).expect("found");
        assert_eq!((endpoint.is_secure(), endpoint.text()), (false, v1.index.root()));
    }
}

#[test]
fn an_insecure_index_is_asked_over_http_after_https_and_both_failures_are_told() {
    let plain = V1::standalone(ServerOptions::default(), Policy::default());
    let ca = Ca::default();
    let tls = V1::standalone(ServerOptions::default().tls(&ca), Policy::default());
    for v1 in [&plain, &tls] {
        let endpoint = service(json!({}))
            .v1_endpoint_of(&index(&v1.index.host(), false), "", &json!({}))
            .expect("found");
        assert_eq!(endpoint.text(), v1.index.root());
    }
    // Nobody may listen there without being root, and nobody does.
    let nowhere = index("127.0.0.1:1", false);
    let failure = failed(service(json!({})).v1_endpoint_of(&nowhere, "", &json!({})), CONNECT);
    assert_tells(&failure, &["127.0.0.1:1", "neither over https nor over http"], &[]);
    let attempts = failure.json["attempts"].as_array().expect("attempts");
    let schemes: Vec<&Value> = attempts.iter().map(|attempt| &attempt["scheme"]).collect();
    assert_eq!(schemes, [&json!("https"), &json!("http")]);
}

#[test]
fn the_official_index_is_known_to_be_there() {
    let service = service(json!({"resolve": {"*": []}}));
    let official = json!({"Name": "docker.io", "Mirrors": [], "Secure": true, "Official": true});
    let endpoint = service.v1_endpoint_of(&official, "", &json!({})).expect("not asked");
    assert_eq!(endpoint.text(), "https://index.docker.io/v1/");
    assert_eq!(endpoint.path("images/x/json"), "https://index.docker.io/v1/images/x/json");
    assert_eq!(endpoint.ping().expect("not asked"), json!({"protocol": "v1", "standalone": false}));
    assert!(endpoint.is_secure());
}

#[test]
fn what_is_no_address_of_v1_is_refused() {
    let service = service(json!({"resolve": {"*": []}}));
    for name in
        ["r.example/v2", "https://r.example/v2/", "", "a b", "ftp://r.example", "u:p@r.example"]
    {
        let made = service.v1_endpoint_of(&index(name, true), "", &json!({}));
        let Err(failure) = made else { panic!("{name} was taken") };
        assert!([INVALID_ARGUMENT, INVALID_CONFIG].contains(&failure.code), "{name}: {failure:#?}");
    }
}

#[test]
fn a_host_may_be_called_like_a_version() {
    for name in ["v1", "v2", "v1/v1"] {
        let host = name.split('/').next().expect("a host");
        let server = V1::standalone(ServerOptions::default().name(host), Policy::default());
        // Whoever else is asked is not there.
        let service = service(json!({"resolve": {host: ["127.0.0.1"], "*": []}}));
        let port = server.index.address().port();
        let full = name.replacen(host, &format!("{host}:{port}"), 1);
        let endpoint = service.v1_endpoint_of(&index(&full, false), "", &json!({})).expect("found");
        assert_eq!(endpoint.text(), format!("http://{host}:{port}/v1/"));
        // Without the port it is port 80, where nobody is; but it is that host that is asked.
        let failure = failed(service.v1_endpoint_of(&index(name, true), "", &json!({})), CONNECT);
        assert_eq!(failure.json["host"], host, "{failure:#?}");
    }
}

#[test]
fn an_address_may_end_in_a_slash() {
    let service = service(json!({"resolve": {"*": []}}));
    for (url, expected) in [
        ("https://r.example/", "https://r.example/v1/"),
        ("https://r.example/deep/", "https://r.example/deep/v1/"),
        ("https://index.docker.io/", "https://index.docker.io/v1/"),
    ] {
        let made = service.endpoint(&json!({"URL": url, "Version": "v1"})).expect("an endpoint");
        assert_eq!(made.text(), expected);
        assert_eq!(made.path("_ping"), format!("{expected}_ping"));
    }
    // Which is the official one, and is not asked.
    let official = json!({"URL": "https://index.docker.io/", "Version": "v1"});
    let official = service.endpoint(&official).expect("an endpoint");
    assert_eq!(official.ping().expect("not asked")["standalone"], false);
}

#[test]
fn no_endpoint_over_http_is_secure() {
    let tls = json!({"InsecureSkipVerify": false});
    let service = service(json!({"resolve": {"*": []}}));
    for (scheme, secure) in [("http", false), ("https", true)] {
        let url = format!("{scheme}://r.example");
        let v2 = service.endpoint(&json!({"URL": url, "TLSConfig": tls})).expect("an endpoint");
        let v1 = json!({"URL": url, "TLSConfig": tls, "Version": "v1"});
        let v1 = service.endpoint(&v1).expect("an endpoint");
        assert_eq!((v2.is_secure(), v1.is_secure()), (secure, secure), "{scheme}");
    }
}

#[test]
fn a_ping_may_say_what_it_likes() {
    let server = V1::standalone(ServerOptions::default(), Policy::default());
    let place = index(&server.index.host(), false);
    let endpoint = service(json!({})).v1_endpoint_of(&place, "", &json!({})).expect("an endpoint");
    let ping = |headers: &[(&str, &str)], body: &str| {
        server.index.clear_faults();
        let headers = headers.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        let reply = Action::Status(200, headers.collect(), body.into());
        server.index.fault(Fault::on("/_ping", reply));
        let said = endpoint.ping().expect("a ping");
        (said["standalone"].as_bool().expect("a flag"), said["version"].clone())
    };
    const ALONE: &str = "X-Docker-Registry-Standalone";
    const VERSION: &str = "X-Docker-Registry-Version";
    assert_eq!(ping(&[], ""), (true, Value::Null));
    assert_eq!(ping(&[], "<html>"), (true, Value::Null));
    assert_eq!(ping(&[], r#"{"standalone":false,"version":"0.6"}"#), (false, json!("0.6")));
    assert_eq!(ping(&[(ALONE, "True")], r#"{"standalone":false}"#), (true, Value::Null));
    assert_eq!(ping(&[(ALONE, "1")], r#"{"standalone":false}"#), (true, Value::Null));
    assert_eq!(ping(&[(ALONE, "no")], ""), (false, Value::Null));
    assert_eq!(ping(&[(ALONE, "")], ""), (true, Value::Null));
    assert_eq!(ping(&[(VERSION, "0.9")], r#"{"version":"0.6"}"#), (true, json!("0.9")));
    assert_eq!(ping(&[(VERSION, "")], r#"{"version":"0.6"}"#), (true, json!("0.6")));
    // What makes no sense takes nothing else with it, and a list has no names.
    assert_eq!(ping(&[], r#"{"standalone":false,"version":1}"#), (false, Value::Null));
    assert_eq!(ping(&[], r#"["0.6",false]"#), (true, Value::Null));
    // More than anybody has to say is no ping, but somebody is there.
    assert_eq!(ping(&[], &" ".repeat(1 << 20)), (true, Value::Null));
    server.index.clear_faults();
    server.index.fault(Fault::on("/_ping", Action::status(500)));
    assert!(endpoint.ping().expect("somebody is there")["standalone"].as_bool().is_some());
}

#[test]
fn a_ping_takes_no_longer_than_it_may() {
    let server = V1::standalone(ServerOptions::default(), Policy::default());
    let place = index(&server.index.host(), false);
    let service = service(json!({"timeouts": {"auth-ms": 300}, "retry": {"max-attempts": 1}}));
    let endpoint = service.v1_endpoint_of(&place, "", &json!({})).expect("an endpoint");
    server.index.fault(Fault::on("/_ping", Action::Delay(Duration::from_secs(60))).always());
    let failure = failed(endpoint.ping(), TIMEOUT);
    assert_eq!(failure.json["phase"], "ping", "{failure:#?}");
}

#[test]
fn an_answer_to_a_ping_that_makes_no_sense_is_known_by_its_phase() {
    let garbage = || Fault::on("/", Action::Raw(b"SSH-2.0-OpenSSH\r\n".to_vec())).always();
    let v1 = V1::standalone(ServerOptions::default(), Policy::default());
    let place = index(&v1.index.host(), false);
    let service = service(json!({"retry": {"max-attempts": 1}}));
    let endpoint = service.v1_endpoint_of(&place, "", &json!({})).expect("an endpoint");
    v1.index.fault(garbage());
    let failure = failed(endpoint.ping(), PROTOCOL);
    assert_eq!(failure.json["phase"], "ping", "{failure:#?}");
    let (v2, _) = scene::demo();
    v2.fault(garbage());
    let endpoint = service.endpoint(&json!({"URL": v2.url()})).expect("an endpoint");
    let failure = failed(endpoint.ping(), PROTOCOL);
    assert_eq!(failure.json["phase"], "ping", "{failure:#?}");
}

/// A registry under a name that loopback has here, with two images; it knows alice.
fn named(name: &str, ca: &Ca, password: &str) -> (V1, Vec<Image>) {
    let options = ServerOptions::default().name(name).identity(ca.server(&[name]));
    let v1 = V1::standalone(options, Policy::user("alice", password));
    v1.index.may_receive(password);
    v1.change(|policy| policy.cookies = true);
    (v1, Image::chain(&mut Random::new(31), 2))
}

/// A server under a name, that answers 404.
fn stranger(name: &str, ca: &Ca) -> Server {
    let options = ServerOptions::default().name(name).identity(ca.server(&[name]));
    bystander(options, |_| Reply::empty(404))
}

#[test]
fn between_trusted_places_a_redirect_takes_all_along_and_nowhere_else() {
    let (ca, password) = (Ca::default(), scene::secret());
    let (v1, chain) = named("registry.docker.com", &ca, &password);
    let trusted = stranger("cdn.docker.io", &ca);
    trusted.may_receive(&password);
    let others = [
        stranger("cdn.docker.io.example", &ca),
        stranger("evildocker.io", &ca),
        bystander(ServerOptions::default().name("plain.docker.io"), |_| Reply::empty(404)),
    ];
    // What a server names is insecure by its own name only.
    let listed = [&trusted, &others[0], &others[1]].map(Server::host);
    let service = service(json!({"resolve": {"*": ["127.0.0.1"]}, "insecure-registries": listed}));
    let reference = format!("{}/demo/app", v1.index.host());
    let found = service.resolve_repository(&reference).expect("known");
    let headers = json!({"X-Meta": ["mine"]});
    let endpoint = service.v1_endpoint_of(&found["Index"], "", &headers).expect("an endpoint");
    let auth = json!({"username": "alice", "password": password});
    let session = endpoint.session(Some(&auth)).expect("a session");
    push(&session, &reference, &chain, "1").expect("a push");

    let registry = v1.index.root();
    let away = |server: &Server| {
        let place = format!("{}/v1/elsewhere", server.url());
        v1.index.fault(Fault::on("/ancestry", Action::redirect(&place)));
        session.remote_history(&chain[1].id, &registry).expect_err("redirected")
    };
    assert_eq!(away(&trusted).code, NOT_FOUND);
    let request = &trusted.requests()[0];
    for (name, beginning) in [("authorization", "Basic "), ("x-meta", "mine")] {
        let sent = request.header(name).unwrap_or_default();
        assert!(sent.starts_with(beginning), "{name}: {request:?}");
    }
    let sender = format!("{}images/{}/ancestry", registry, chain[1].id);
    assert_eq!(request.header("referer"), Some(sender.as_str()));
    // The list of images goes the same way, by hand.
    trusted.clear();
    let place = "/v1/repositories/demo/app/";
    let on = Action::redirect(&format!("{}{place}", trusted.url()));
    v1.index.fault(Fault::on(place, on).method("PUT"));
    let list = json!([{"id": chain[0].id}]);
    failed(session.push_index(&reference, &list, false, &json!([])), NOT_FOUND);
    let request = &trusted.requests()[0];
    assert_eq!(request.method, "PUT");
    for (name, beginning) in [("authorization", "Basic "), ("x-meta", "mine"), ("cookie", "")] {
        let sent = request.header(name).unwrap_or_else(|| panic!("no {name}: {request:?}"));
        assert!(sent.starts_with(beginning), "{name}: {request:?}");
    }
    for other in &others {
        let failure = away(other);
        for request in other.requests() {
            for name in ["authorization", "cookie", "x-meta", "x-docker-token"] {
                assert_eq!(request.header(name), None, "{name}: {request:?}");
            }
            assert_eq!(request.header("referer"), Some(sender.as_str()));
        }
        assert_tells(&failure, &[], &[&password]);
    }
    assert!(others[..2].iter().all(|other| other.requests().len() == 1));
    assert!(others[2].requests().is_empty(), "https does not become http");
    let all: Vec<&Server> = others.iter().collect();
    assert_canary_nowhere(&all, &password);
}

/// Sends requests on to the first of the hosts that their query names, with the rest; the last of them answers 404.
fn guide(name: &str, ca: &Ca) -> Server {
    let options = ServerOptions::default().name(name).identity(ca.server(&[name]));
    bystander(options, |request| {
        let hosts = request.query("to").pop().unwrap_or_default();
        match hosts.split_once(',') {
            None => Reply::empty(404),
            Some((host, rest)) => Reply::empty(307)
                .with("Location", &format!("https://{host}{}?to={rest}", request.path())),
        }
    })
}

#[test]
fn a10_a_list_of_images_is_trusted_no_more_once_a_stranger_had_it() {
    let (ca, password) = (Ca::default(), scene::secret());
    let place = "/v1/repositories/demo/app/";
    let list = json!([{"id": "7".repeat(64)}]);
    let [first, second, strange] =
        ["cdn.docker.io", "hub.docker.com", "cdn.docker.io.example"].map(|name| guide(name, &ca));
    first.may_receive(&password);
    let hosts = [&first, &second, &strange].map(Server::host);
    let names = json!({
        "resolve": {"*": ["127.0.0.1"]}, "allow-v1-endpoints": hosts, "insecure-registries": hosts,
    });
    let service = service(names);
    // Who begins, the way from there, and how many on it get the login.
    for (index, way, trusted) in [
        ("registry.docker.com", vec![&first, &strange, &second, &first], 1),
        ("registry.docker.com", vec![&strange, &first, &second], 0),
        ("registry.example", vec![&first, &second], 0),
    ] {
        let (v1, _) = named(index, &ca, &password);
        for server in [&first, &second, &strange] {
            server.clear();
        }
        let reference = format!("{}/demo/app", v1.index.host());
        let endpoint = service.v1_endpoint(&reference).expect("an endpoint");
        let auth = json!({"username": "alice", "password": password});
        let session = endpoint.session(Some(&auth)).expect("a session");
        let cookie = Action::header("Set-Cookie", "id=1");
        v1.index.fault(Fault::on("/demo/app/images", cookie));
        failed(session.repository_data(&reference), NOT_FOUND);
        let hosts: String = way[1..].iter().map(|server| server.host() + ",").collect();
        let away = format!("{}{place}?to={hosts}", way[0].url());
        v1.index.fault(Fault::on(place, Action::redirect(&away)).method("PUT"));
        failed(session.push_index(&reference, &list, false, &json!([])), NOT_FOUND);
        let mut met = [0; 3];
        for (step, server) in way.into_iter().enumerate() {
            let number = [&first, &second, &strange].iter().position(|s| s.host() == server.host());
            let number = number.expect("one of them");
            let request = &server.requests()[met[number]];
            met[number] += 1;
            for name in ["authorization", "cookie"] {
                assert_eq!(request.header(name).is_some(), step < trusted, "{index}: {request:?}");
            }
        }
    }
    assert_canary_nowhere(&[&second, &strange], &password);
}

#[test]
fn tokens_come_from_the_index_and_from_trusted_places_that_a_trusted_index_leads_to() {
    let (ca, password) = (Ca::default(), scene::secret());
    let (evil, trusted) = ("cdn.docker.io.example", "cdn.docker.io");
    for (index, sender, counts) in [
        ("registry.docker.com", trusted, true),
        ("registry.docker.com", evil, false),
        ("registry.example", trusted, false),
    ] {
        let (v1, chain) = named(index, &ca, &password);
        let registry = stranger("hub.docker.com", &ca);
        let options = ServerOptions::default().name(sender).identity(ca.server(&[sender]));
        let sender = bystander(options, {
            let registry = registry.host();
            move |_| {
                Reply::json(200, &json!([]))
                    .with("X-Docker-Token", "signature=1")
                    .with("X-Docker-Endpoints", &registry)
            }
        });
        sender.may_receive(&password);
        let service = service(json!({
            "resolve": {"*": ["127.0.0.1"]}, "allow-v1-endpoints": [registry.host()],
            "insecure-registries": [registry.host(), sender.host()],
        }));
        let reference = format!("{}/demo/app", v1.index.host());
        let auth = json!({"username": "alice", "password": password});
        let endpoint = service.v1_endpoint(&reference).expect("an endpoint");
        let session = endpoint.session(Some(&auth)).expect("a session");
        let away = Action::redirect(&format!("{}/v1/elsewhere", sender.url()));
        v1.index.fault(Fault::on("/demo/app/images", away));
        let data = session.repository_data(&reference).expect("data");
        let root = format!("{}/v1/", registry.url());
        assert_eq!(data["Endpoints"], json!([root]));
        failed(session.remote_history(&chain[0].id, &root), NOT_FOUND);
        let sent = registry.requests()[0].header("authorization").map(str::to_owned);
        let expected = counts.then(|| "Token signature=1".to_owned());
        assert_eq!(sent, expected, "{index}: {}", sender.host());
        assert_canary_nowhere(&[&registry], &password);
    }
}

#[test]
fn that_an_index_is_not_verified_says_nothing_of_the_registries_that_it_names() {
    let (ca, names) = (Ca::default(), [SECURE, "other.test"]);
    let [home, other] = names.map(|name| {
        let options = ServerOptions::default().name(name).identity(ca.server(&[name]));
        V1::standalone(options, Policy::default())
    });
    let service = service(json!({
        "resolve": {SECURE: ["0.0.0.0"], "other.test": ["0.0.0.0"]},
        "allow-v1-endpoints": [other.index.host()],
    }));
    let place = index(&home.index.host(), false);
    let endpoint = service.v1_endpoint_of(&place, "", &json!({})).expect("not verified");
    let session = endpoint.session(Some(&json!({}))).expect("a session");
    let id = "7".repeat(64);
    failed(session.remote_history(&id, &home.index.root()), NOT_FOUND);
    failed(session.remote_history(&id, &other.index.root()), CERTIFICATE);
    assert!(other.index.requests().is_empty());
}

#[test]
fn an_index_names_trusted_places_only_where_it_is_one_itself() {
    let (ca, password) = (Ca::default(), scene::secret());
    let (evil, trusted) = (stranger("evildocker.io", &ca), stranger("cdn.docker.io", &ca));
    let service = service(json!({"resolve": {"*": ["127.0.0.1"]}}));
    for (index, registry, allowed) in [
        ("registry.docker.com", &trusted, true),
        ("registry.docker.com", &evil, false),
        ("registry.example", &trusted, false),
    ] {
        let (v1, _) = named(index, &ca, &password);
        let reference = format!("{}/demo/app", v1.index.host());
        let endpoint = service.v1_endpoint(&reference).expect("an endpoint");
        let auth = json!({"username": "alice", "password": password});
        let session = endpoint.session(Some(&auth)).expect("a session");
        let list = json!([{"id": "7".repeat(64)}]);
        v1.index.fault(Fault::on(
            "/v1/repositories/",
            Action::header("X-Docker-Endpoints", &registry.host()),
        ));
        let pushed = session.push_index(&reference, &list, false, &json!([]));
        if allowed {
            let root = format!("{}/v1/", registry.url());
            assert_eq!(pushed.expect("allowed")["Endpoints"], json!([root]));
        } else {
            let failure = failed(pushed, POLICY);
            assert_tells(&failure, &["allow-v1-endpoints", &registry.host()], &[]);
        }
    }
}

#[test]
fn what_an_index_names_must_be_allowed_by_name() {
    for tls in [false, true] {
        let form = Form { index: true, tls };
        let world = World::start(form, json!({"allow-v1-endpoints": []}));
        let host = world.v1.registry().host();
        let session = world.session();
        let list = json!([{"id": "7".repeat(64)}]);
        let (index, reference) = (&world.v1.index, world.reference());
        let failure = failed(session.push_index(&reference, &list, false, &json!([])), POLICY);
        assert_tells(&failure, &["allow-v1-endpoints", &host], &[]);
        assert!(world.v1.registry().requests().is_empty());
        // The index's own host needs no permission.
        let home = Action::header("X-Docker-Endpoints", &index.host());
        index.fault(Fault::on("/v1/repositories/", home));
        let data = session.push_index(&reference, &list, false, &json!([])).expect("its own");
        assert_eq!(data["Endpoints"], json!([index.root()]));
        // And with permission it is what the index says.
        let world = World::start(form, json!({}));
        let data = world.session().push_index(&world.reference(), &list, false, &json!([]));
        assert_eq!(data.expect("allowed")["Endpoints"], json!([world.v1.registry().root()]));
    }
}

#[test]
fn every_form_says_whether_it_stands_alone() {
    for form in FORMS {
        let world = World::start(form, json!({}));
        let endpoint = world.endpoint();
        assert_eq!(endpoint.ping().expect("a ping")["standalone"], !form.index, "{form:?}");
        // A standalone registry over https is asked once more by a session that has credentials, and only then.
        world.v1.index.clear();
        endpoint.session(Some(&json!({}))).expect("a session");
        assert!(requests(&world.v1.index, "/_ping").is_empty());
        endpoint.session(Some(&world.auth)).expect("a session");
        assert_eq!(requests(&world.v1.index, "/_ping").len(), 1, "{form:?}");
    }
}
