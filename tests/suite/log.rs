//! The log of a service: what it tells, on which thread, how much of it, and never a secret.

use crate::c_surface::Service;
use crate::c_surface::logs::Records;
use crate::scene::*;
use ocireg_testkit::rig::{assert_no_secret, bystander, canary};
use ocireg_testkit::{Action, Auth, Ca, Fault, Proxy, Registry, Reply, ServerOptions, TokenServer};
use serde_json::{Value, json};

const ALL: i32 = 5;

/// The one record among these of which `is` holds.
fn one(records: &[Value], is: impl Fn(&Value) -> bool) -> Value {
    let found: Vec<&Value> = records.iter().filter(|record| is(record)).collect();
    assert_eq!(found.len(), 1, "{found:#?} of {records:#?}");
    found[0].clone()
}

fn records(service: &Service, target: &str) -> Vec<Value> {
    service.1.of(target)
}

#[test]
fn every_request_is_logged_with_its_end() {
    let (registry, image) = demo();
    let service = service(json!({}));
    pulls(&service, &app(&registry), &json!({}), &image);
    let http = records(&service, "http");
    let asked: Vec<String> =
        registry.requests().iter().map(|r| format!("{} {}", r.method, r.path())).collect();
    let mut told: Vec<String> = http
        .iter()
        .filter(|r| r["scheme"] == "http" && r["http_status"].is_number())
        .map(|r| format!("{} {}", r["method"].as_str().unwrap(), r["path"].as_str().unwrap()))
        .collect();
    let mut wanted = asked.clone();
    wanted.sort();
    told.sort();
    assert_eq!(told, wanted);
    let ping = one(&http, |r| r["path"] == "/v2/" && r["http_status"] == 200);
    assert_eq!(ping["level"], "debug");
    assert_eq!(ping["method"], "GET");
    assert_eq!(ping["host"], registry.host());
    assert_eq!(ping["address"], "127.0.0.1");
    assert!(ping["duration_ms"].is_u64());
    // Before it https was tried, where the port speaks none.
    let https = one(&http, |r| r["scheme"] == "https");
    assert!(
        https["code"].is_i64() && https["name"].is_string() && https.get("http_status").is_none()
    );
    assert!(https["message"].as_str().unwrap().contains("failed"), "{https}");
}

/// As people know it from curl: what is sent, what is received, on which connection; and never a secret.
#[test]
fn a_trace_shows_what_goes_over_the_wire_line_by_line() {
    let canary = canary();
    let (registry, image) = demo();
    registry.may_receive(&canary);
    registry.set_auth(Auth::basic("alice", &canary));
    let service = trusting(&[&registry.host()]);
    let layer = &image.manifests[0].layers[0];
    let there = format!("/v2/demo/app/blobs/{layer}?signature={canary}");
    registry.fault(Fault::on(layer, Action::redirect(&there)).method("GET"));
    pulls(&service, &app(&registry), &alice(&canary), &image);
    let wire: Vec<String> = records(&service, "wire")
        .iter()
        .map(|record| {
            assert_eq!(record["level"], "trace");
            record["message"].as_str().expect("text").to_owned()
        })
        .collect();
    let blob = format!("/v2/demo/app/blobs/{layer}");
    for line in [
        "> GET /v2/demo/app/manifests/1 HTTP/1.1",
        "> accept-encoding: identity",
        &format!("> host: {}", registry.host()),
        "< HTTP/1.1 200 OK",
        &format!("< docker-content-digest: {}", image.digest),
        &format!("< content-length: {}", image.bytes.len()),
        &format!("> GET {blob} HTTP/1.1"),
        &format!("> GET {blob}?… HTTP/1.1"),
        &format!("< location: {blob}?…"),
        &format!("* http://{} at 127.0.0.1: this connection is used again", registry.host()),
    ] {
        assert!(wire.iter().any(|told| told == line), "{line}: {wire:#?}");
    }
    assert!(wire.iter().any(|line| line.starts_with("> authorization: (")), "{wire:#?}");
    assert_no_secret("the trace", wire.join("\n"), &canary);
}

#[test]
fn a_retry_is_logged_with_its_delay_and_a_fault_of_a_mirror_with_the_next_endpoint() {
    let (registry, image) = demo();
    registry.fault(Fault::on("/manifests/1", Action::status(503)));
    let other = service(json!({}));
    pulls(&other, &app(&registry), &json!({}), &image);
    let retry = one(&records(&other, "http"), |r| r["attempt"] == 2);
    assert_eq!(retry["level"], "warn");
    assert_eq!(retry["http_status"], 503);
    assert_eq!(retry["name"], "SERVER");
    assert!(retry["delay_ms"].as_u64().unwrap() <= 5, "{retry}");

    // Two mirrors of the official registry, of which the first is down; the image is at the second.
    let down = Registry::plain();
    down.fault(Fault::on("/v2/", Action::status(404)).always());
    image.push_to(&registry, "library/x", "1");
    let mirrors = [&down, &registry].map(|mirror| format!("http://{}", mirror.host()));
    let service = service(json!({"registry-mirrors": mirrors, "resolve": {"*": []}}));
    pulls(&service, "x:1", &json!({}), &image);
    let change = one(&records(&service, "session"), |r| r["to"].is_string());
    assert_eq!(change["level"], "warn");
    assert_eq!(change["mirror"], true);
    assert_eq!(change["http_status"], 404);
    assert!(change["from"].as_str().unwrap().contains(&down.host()), "{change}");
    assert!(change["to"].as_str().unwrap().contains(&registry.host()), "{change}");
}

#[test]
fn a25_authentication_is_logged_without_the_secret() {
    let (canary, image) = (canary(), image());
    let token = TokenServer::plain();
    token.change(|policy| policy.users = vec![("alice".into(), canary.clone())]);
    token.may_receive(&canary);
    let registry = Registry::start(ServerOptions::default(), Auth::bearer(&token));
    image.push_to(&registry, "demo/app", "1");
    let hosts = [registry.host(), token.host()];
    let given = json!({"username": "alice", "password": canary});
    let service = service(json!({
        "allow-plain-http-credentials": hosts, "credentials": {registry.host(): given},
    }));
    pulls(&service, &app(&registry), &json!({}), &image);
    let found = one(&records(&service, "credentials"), |_| true);
    assert_eq!(found["level"], "info");
    assert_eq!((&found["kind"], &found["source"]), (&json!("password"), &json!("credentials")));
    assert_eq!(found["host"], registry.host());
    let auth = one(&records(&service, "auth"), |_| true);
    assert_eq!(auth["level"], "info");
    assert_eq!((&auth["challenge"], &auth["kind"]), (&json!("bearer"), &json!("password")));
    assert_eq!(auth["realm"], token.url());
    assert_eq!(auth["host"], registry.host());
    assert_eq!(auth["scopes"], json!(["repository:demo/app:pull"]));

    // Basic: each header that is made, and an unknown user.
    let registry = Registry::start(ServerOptions::default(), Auth::basic("alice", &canary));
    registry.may_receive(&canary);
    image.push_to(&registry, "demo/app", "1");
    let service = trusting(&[&registry.host()]);
    pulls(&service, &app(&registry), &alice(&canary), &image);
    let auth = records(&service, "auth");
    assert!(!auth.is_empty());
    assert!(auth.iter().all(|r| r["challenge"] == "basic" && r["level"] == "debug"), "{auth:#?}");
    fails(&service, &app(&registry), &json!({"auth": {}}), UNAUTHORIZED);
}

#[test]
fn a25_a_redirect_is_logged_by_its_origins_without_the_signed_query() {
    let (canary, (registry, image)) = (canary(), demo());
    let blobs = image.blobs.clone();
    let store = bystander(ServerOptions::default().bind("127.0.0.2"), move |request| {
        let digest = request.path().rsplit('/').next().unwrap_or_default();
        Reply::new(200, blobs[digest].clone())
    });
    store.may_receive(&canary);
    for digest in image.blobs.keys() {
        let signed = format!("{}/{digest}?X-Amz-Signature={canary}", store.url());
        let path = format!("/blobs/{digest}");
        registry.fault(Fault::on(&path, Action::redirect(&signed)).always());
    }
    let service = service(json!({}));
    pulls(&service, &app(&registry), &json!({}), &image);
    let http = records(&service, "http");
    let redirects: Vec<&Value> = http.iter().filter(|r| r["to"].is_string()).collect();
    assert_eq!(redirects.len(), image.blobs.len());
    for redirect in redirects {
        assert_eq!(redirect["from"], registry.url());
        assert_eq!(redirect["to"], store.url());
        assert_eq!(redirect["http_status"], 307);
    }
    let text = format!("{http:?}");
    assert!(
        text.contains(&store.host()) && !text.contains("X-Amz") && !text.contains('?'),
        "{text}"
    );
}

#[test]
fn how_tls_was_made_is_logged_and_unverified_tls_is_a_warning() {
    let (ca, certs, image) = (Ca::default(), ocireg_testkit::tempdir(), image());
    let registry = Registry::start(secure(&ca), Auth::None);
    image.push_to(&registry, "demo/app", "1");
    let verified = service(trust(&ca, certs.path(), &[&registry.host()]));
    pulls(&verified, &app(&registry), &json!({}), &image);
    let tls = records(&verified, "tls");
    assert_eq!(tls.len(), registry.handshake_count());
    for record in &tls {
        assert_eq!((&record["level"], &record["verified"]), (&json!("debug"), &json!(true)));
        assert_eq!((&record["version"], &record["root_cas"]), (&json!("1.3"), &json!(1)));
        assert_eq!(
            (&record["host"], &record["client_certificate"]),
            (&json!(registry.host()), &json!(false))
        );
    }

    let registry = Registry::start(ServerOptions::default().tls(&ca), Auth::None);
    image.push_to(&registry, "demo/app", "1");
    let insecure = service(json!({}));
    pulls(&insecure, &app(&registry), &json!({}), &image);
    let tls = records(&insecure, "tls");
    assert!(!tls.is_empty());
    assert!(tls.iter().all(|r| r["level"] == "warn" && r["verified"] == false), "{tls:#?}");
}

#[test]
fn a_proxy_and_tls_with_it_are_logged_without_its_credentials() {
    let (ca, certs, canary) = (Ca::default(), ocireg_testkit::tempdir(), canary());
    let registry = Registry::start(secure(&ca), Auth::None);
    let image = image();
    image.push_to(&registry, "demo/app", "1");
    let at = ServerOptions::default().bind("127.0.0.4").identity(ca.server(&["127.0.0.4"]));
    let proxy = Proxy::start(at, Some(("joe", &canary)));
    proxy.knows(&registry.host(), registry.address());
    let mut options = trust(&ca, certs.path(), &[&registry.host(), &proxy.host()]);
    options["proxy"] = json!(proxy.url_for("joe", &canary));
    let service = service(options);
    pulls(&service, &app(&registry), &json!({}), &image);
    let tunnels = records(&service, "proxy");
    assert_eq!(tunnels.len(), proxy.connects().len());
    for record in &tunnels {
        assert_eq!((&record["level"], &record["proxy"]), (&json!("debug"), &json!(proxy.host())));
        assert_eq!(record["host"], registry.host());
    }
    // Where the registry is, only the proxy knows.
    let http = records(&service, "http");
    assert!(!http.is_empty() && http.iter().all(|r| r.get("address").is_none()), "{http:#?}");
    let tls = records(&service, "tls");
    assert_eq!(tls.len(), registry.handshake_count() + proxy.handshake_count());
    assert!(tls.iter().all(|r| r["verified"] == true), "{tls:#?}");
    // The same of a proxy that sends requests on.
    let (registry, image) = demo();
    let proxy = Proxy::start(ServerOptions::default().bind("127.0.0.4"), Some(("joe", &canary)));
    let service = self::service(json!({"proxy": {"http-proxy": proxy.url_for("joe", &canary)}}));
    pulls(&service, &app(&registry), &json!({}), &image);
    let sent_on = records(&service, "proxy");
    assert_eq!(sent_on.len(), proxy.connection_count());
    for record in &sent_on {
        assert_eq!((&record["level"], &record["proxy"]), (&json!("debug"), &json!(proxy.host())));
        assert_eq!(record["host"], registry.host());
    }
    assert_no_secret("the log", json!(sent_on).to_string(), &canary);
}

#[test]
fn a_blob_that_fails_is_an_error_even_when_another_failure_is_the_calls() {
    let (registry, image) = demo();
    let layer = &image.manifests[0].layers[0];
    registry.remove_blob("demo/app", layer);
    let service = service(json!({}));
    fails(&service, &app(&registry), &json!({}), NOT_FOUND);
    let failure = one(&records(&service, "transfer"), |_| true);
    assert_eq!((&failure["level"], &failure["http_status"]), (&json!("error"), &json!(404)));
    assert!(failure["message"].as_str().unwrap().contains(layer.as_str()), "{failure}");
}

#[test]
fn records_come_on_the_calling_thread_though_workers_make_them() {
    let (registry, image) = demo();
    let service = service(json!({}));
    let first = std::thread::scope(|scope| {
        scope
            .spawn(|| {
                pulls(&service, &app(&registry), &json!({}), &image);
                std::thread::current().id()
            })
            .join()
            .expect("a pull")
    });
    let told = service.1.all();
    let blobs =
        told.iter().filter(|t| t.record["path"].as_str().is_some_and(|p| p.contains("/blobs/")));
    assert_eq!(blobs.count(), image.blobs.len());
    assert!(told.iter().all(|told| told.thread == first));
}

#[test]
fn x21_only_what_is_wanted_is_told_and_a_wrong_level_is_refused() {
    let (registry, image) = demo();
    registry.fault(Fault::on("/manifests/1", Action::status(503)));
    let service = service(json!({}));
    let number = |told: &Records| told.all().iter().map(|t| t.level).collect::<Vec<_>>();
    let warnings = service.set_log(2).expect("a log");
    pulls(&service, &app(&registry), &json!({}), &image);
    assert!(!number(&warnings).is_empty());
    assert!(number(&warnings).iter().all(|level| *level <= 2));
    let nothing = service.set_log(0).expect("no log");
    pulls(&service, &app(&registry), &json!({}), &image);
    assert_eq!((number(&nothing).len(), nothing.drops()), (0, 1));

    for wrong in [-1, 6, i32::MAX, i32::MIN] {
        let failure = service.set_log(wrong).expect_err("no level");
        assert_eq!((failure.code, failure.argument()), (1, "max_level"));
    }
}

#[test]
fn a_callback_is_dropped_once_after_its_last_call() {
    let (registry, image) = demo();
    let service = service(json!({}));
    let first = service.set_log(ALL).expect("a log");
    pulls(&service, &app(&registry), &json!({}), &image);
    let seen = first.all().len();
    assert_eq!((seen > 0, first.drops()), (true, 0));

    // Another one in its place.
    let second = service.set_log(ALL).expect("a log");
    assert_eq!((first.drops(), second.drops()), (1, 0));
    pulls(&service, &app(&registry), &json!({}), &image);
    assert_eq!((first.all().len(), second.all().is_empty()), (seen, false));
    service.end_log();
    assert_eq!(second.drops(), 1);
    let seen = second.all().len();
    pulls(&service, &app(&registry), &json!({}), &image);
    assert_eq!(second.all().len(), seen);

    // The service's end is not that of the sessions that it began: they go on logging.
    let third = service.set_log(ALL).expect("a log");
    let session = service.open(None, &app(&registry), &json!({})).expect("a session");
    drop(service);
    assert_eq!(third.drops(), 0);
    let seen = third.all().len();
    session.list_tags(None, &json!({})).expect("tags");
    assert!(third.all().len() > seen);
    drop(session);
    assert_eq!(third.drops(), 1);
    third.check();
}

#[test]
fn reading_a_blob_logs_its_retries_too() {
    let (registry, image) = demo();
    let layer = &image.manifests[0].layers[0];
    registry.fault(Fault::on(
        &format!("/blobs/{layer}"),
        Action::CutBody(100, ocireg_testkit::Cut::Rst),
    ));
    let service = service(json!({}));
    let session = service.open(None, &app(&registry), &json!({})).expect("a session");
    let mut reader = session.open_blob(None, layer, 0, &json!({})).expect("a reader");
    reader.read_to_end(None, &mut Vec::new()).expect("the blob");
    assert_eq!(one(&records(&service, "http"), |r| r["attempt"] == 2)["name"], "DISCONNECTED");
}
