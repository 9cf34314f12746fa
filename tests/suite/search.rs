//! Searching: which index is asked, by whom, and how.

use std::time::{Duration, Instant};

use crate::c_surface;
use crate::c_surface::Failure;
use crate::c_surface::images::Context;
use crate::c_surface::v1::Search;
use crate::scene;
use crate::scene::{UNAUTHORIZED, assert_tells, requests};
use crate::v1_scene::{FORMS, Form, World};
use ocireg_testkit::rig::{assert_canary_nowhere, bystander, canary};
use ocireg_testkit::v1::{Policy, V1};
use ocireg_testkit::{
    Action, Ca, Fault, Proxy, Reply, Server, ServerOptions, TokenServer, tempdir, token,
};
use serde_json::{Value, json};

const INVALID_ARGUMENT: i32 = 1;
const INVALID_REFERENCE: i32 = 5;
const INVALID_JSON: i32 = 4;
const UNSUPPORTED: i32 = 8;
const DEADLINE: i32 = 21;

fn found(names: &[&str]) -> Vec<Value> {
    let of = |(stars, name): (usize, &&str)| {
        json!({"name": name, "description": "größe", "star_count": stars, "is_official": stars == 0,
            "is_automated": false})
    };
    names.iter().enumerate().map(of).collect()
}

fn failed(outcome: c_surface::Outcome<Value>, code: i32) -> Failure {
    match outcome {
        Ok(found) => panic!("it was searched: {found}"),
        Err(failure) => {
            assert_eq!(failure.code, code, "{failure:#?}");
            *failure
        }
    }
}

/// The terms and numbers that a server was searched for.
fn searched(server: &Server) -> Vec<(String, String)> {
    let first = |values: Vec<String>| values.into_iter().next().unwrap_or_default();
    requests(server, "/v1/search")
        .iter()
        .map(|request| (first(request.query("q")), first(request.query("n"))))
        .collect()
}

#[test]
fn a_term_may_name_its_index() {
    for form in FORMS {
        let world = World::start(form, json!({}));
        let all = found(&["library/demo", "other/app", "me/demo"]);
        world.v1.change(|policy| policy.found = all.clone());
        let more = Search {
            auth: Some(world.auth.clone()),
            user_agent: Some("searcher/1 (größe)"),
            headers: Some(json!({"X-Meta": ["one", "two"], "x-other": ["three"]})),
            ..Search::default()
        };
        let host = world.v1.index.host();
        let results = world.service.search(&format!("{host}/demo"), 7, &more).expect("results");
        let expected = json!({
            "query": "demo", "num_results": 2, "results": [all[0].clone(), all[2].clone()],
        });
        assert_eq!(results, expected, "{form:?}");
        assert_eq!(searched(&world.v1.index), [("demo".to_owned(), "7".to_owned())]);
        // Each request, the pings too, carries what the caller wants them to carry.
        for request in world.v1.index.requests() {
            assert_eq!(request.header("user-agent"), Some("searcher/1 (größe)"), "{request:?}");
            let meta: Vec<&str> = request
                .headers
                .iter()
                .filter(|(name, _)| name.eq_ignore_ascii_case("x-meta"))
                .map(|(_, value)| value.as_str())
                .collect();
            assert_eq!(meta, ["one", "two"]);
            assert_eq!(request.header("x-other"), Some("three"));
        }
        // `library/` is left out for the official index only, and the index is that of the first component.
        let term = format!("{host}/library/demo");
        assert_eq!(world.service.search(&term, 7, &more).expect("results")["num_results"], 1);
        let term = format!("{host}/other/demo?x&n=1#");
        assert_eq!(world.service.search(&term, 7, &more).expect("results")["num_results"], 0);
        let terms: Vec<String> =
            searched(&world.v1.index).into_iter().skip(1).map(|(term, _)| term).collect();
        assert_eq!(terms, ["library/demo", "other/demo?x&n=1#"]);
    }
}

#[test]
fn a_term_without_a_host_is_for_the_official_index_and_loses_its_library() {
    let (ca, certs) = (Ca::default(), tempdir());
    let options = ServerOptions::default().name("index.docker.io");
    let options = options.identity(ca.server(&["index.docker.io"]));
    let index = V1::with_index(options, vec![], Policy::default());
    index.change(|policy| policy.found = found(&["busybox", "me/library/busybox"]));
    ca.write_certs_d(certs.path(), "docker.io", None);
    let proxy = Proxy::open();
    proxy.knows("index.docker.io:443", index.index.address());
    let service = scene::service(json!({
        "certs-dir": certs.path(), "resolve": {"*": []}, "proxy": format!("http://{}", proxy.host()),
    }));
    for term in
        ["busybox", "library/busybox", "docker.io/library/busybox", "index.docker.io/busybox"]
    {
        let results = service.search(term, 25, &Search::default()).expect(term);
        assert_eq!((&results["query"], &results["num_results"]), (&json!("busybox"), &json!(2)));
    }
    let results = service.search("me/library/busybox", 25, &Search::default()).expect("results");
    assert_eq!(results["query"], "me/library/busybox");
    // It is known to be there, so it is not pinged.
    assert!(index.index.requests().iter().all(|request| request.path() == "/v1/search"));
}

/// An index that wants tokens for searching, and the server that has them, for a user whose name is a canary: the
/// identity token holds it.
fn with_tokens() -> (V1, TokenServer, Value) {
    let user = canary();
    let token = TokenServer::plain();
    token.change(|policy| {
        *policy = token::Policy {
            users: vec![(user.clone(), "p".into())],
            anonymous_pull: false,
            ..token::Policy::default()
        };
    });
    token.may_receive(&user);
    let index = V1::with_index(ServerOptions::default(), vec![], Policy::default());
    index.change(|policy| {
        policy.search_tokens = Some((token.realm(), token.verifier()));
        policy.found = found(&["demo"]);
    });
    let auth = json!({"username": user, "identitytoken": format!("refresh-{user}")});
    (index, token, auth)
}

#[test]
fn an_identity_token_searches_by_a_bearer_token() {
    let (v1, token, auth) = with_tokens();
    let host = v1.index.host();
    // The tokens that the index gets name their user, and nothing else of the login.
    v1.index.may_receive(auth["username"].as_str().expect("a canary"));
    let service = scene::trusting(&[&host, &token.host()]);
    let more = Search {
        auth: Some(auth.clone()),
        user_agent: Some("searcher/1"),
        headers: Some(json!({"X-Meta": ["one"]})),
        ..Search::default()
    };
    let results = service.search(&format!("{host}/demo"), 25, &more).expect("results");
    assert_eq!(results["num_results"], 1);
    let asked = token.requests();
    assert_eq!(asked.len(), 1, "{asked:#?}");
    let form = String::from_utf8_lossy(&asked[0].body).into_owned();
    for part in ["grant_type=refresh_token", "scope=registry%3Acatalog%3Asearch"] {
        assert!(form.contains(part), "{form}");
    }
    assert_eq!(asked[0].header("user-agent"), Some("searcher/1"));
    let search = &requests(&v1.index, "/v1/search")[0];
    assert!(search.header("authorization").is_some_and(|value| value.starts_with("Bearer ")));
    assert_eq!(search.header("x-meta"), Some("one"));
    assert_canary_nowhere(&[&v1.index], auth["identitytoken"].as_str().expect("a token"));

    // Without a name it is no login, so nobody gets the token; with a wrong one the token server says no.
    token.clear();
    let nameless = json!({"identitytoken": auth["identitytoken"]});
    let more = Search { auth: Some(nameless), ..Search::default() };
    failed(service.search(&format!("{host}/demo"), 25, &more), UNAUTHORIZED);
    assert!(token.requests().is_empty());
    let wrong = json!({"username": "bob", "identitytoken": "refresh-bob"});
    let more = Search { auth: Some(wrong), ..Search::default() };
    failed(service.search(&format!("{host}/demo"), 25, &more), UNAUTHORIZED);
    assert!(!token.requests().is_empty());
}

#[test]
fn a_token_that_was_taken_back_is_asked_for_again() {
    let (v1, token, auth) = with_tokens();
    let host = v1.index.host();
    v1.index.may_receive(auth["username"].as_str().expect("a canary"));
    let service = scene::trusting(&[&host, &token.host()]);
    let more = Search { auth: Some(auth), ..Search::default() };
    let search = || service.search(&format!("{host}/demo"), 25, &more);
    search().expect("results");
    // The service keeps the token, and the index takes it no longer.
    v1.index.fault(Fault::on("/search", Action::status(401)));
    assert_eq!(search().expect("results")["num_results"], 1);
    assert_eq!(token.requests().len(), 2);
    // But an index that takes none is not asked for ever.
    v1.index.clear();
    v1.index.fault(Fault::on("/search", Action::status(401)).always());
    failed(search(), UNAUTHORIZED);
    assert_eq!(requests(&v1.index, "/search").len(), 2);
}

#[test]
fn a_refusal_by_somebody_else_is_no_reason_for_another_token() {
    let (v1, token, auth) = with_tokens();
    let host = v1.index.host();
    v1.index.may_receive(auth["username"].as_str().expect("a canary"));
    let other = bystander(ServerOptions::default().bind("127.0.0.2"), |_| Reply::empty(401));
    let service = scene::trusting(&[&host, &token.host()]);
    let away = Action::redirect(&format!("{}/v1/search", other.url()));
    v1.index.fault(Fault::on("/search", away).always());
    let more = Search { auth: Some(auth), ..Search::default() };
    failed(service.search(&format!("{host}/demo"), 25, &more), UNAUTHORIZED);
    assert_eq!((token.requests().len(), requests(&v1.index, "/search").len()), (1, 1));
    assert_eq!(other.requests().len(), 1);
    for name in ["authorization", "x-docker-token"] {
        assert_eq!(other.requests()[0].header(name), None, "{name}");
    }
}

#[test]
fn a_login_that_was_refused_is_not_sent_again() {
    let (v1, token, mut auth) = with_tokens();
    let (host, secret) = (v1.index.host(), auth["username"].as_str().expect("a name").to_owned());
    v1.index.may_receive(&secret);
    auth["password"] = json!("p");
    let challenge = Action::Status(
        401,
        vec![
            ("WWW-Authenticate".into(), "Basic realm=\"x\"".into()),
            ("Docker-Distribution-Api-Version".into(), "registry/2.0".into()),
        ],
        vec![],
    );
    v1.index.fault(Fault::on("/v2/", challenge).always());
    v1.index.fault(Fault::on("/search", Action::status(401)).always());
    let more = Search { auth: Some(auth), ..Search::default() };
    let service = scene::trusting(&[&host]);
    failed(service.search(&format!("{host}/demo"), 25, &more), UNAUTHORIZED);
    let asked = requests(&v1.index, "/search");
    assert_eq!(asked.len(), 1);
    assert!(asked[0].header("authorization").is_some_and(|sent| sent.starts_with("Basic ")));
    assert!(token.requests().is_empty());
}

#[test]
fn where_nobody_speaks_v2_the_identity_token_stays_here() {
    let (v1, token, auth) = with_tokens();
    v1.change(|policy| policy.search_tokens = None);
    let host = v1.index.host();
    let service = scene::trusting(&[&host, &token.host()]);
    let more = Search { auth: Some(auth.clone()), ..Search::default() };
    assert!(service.search(&format!("{host}/demo"), 25, &more).is_ok(), "everybody may search");
    // An answer to everything is no protocol, even if it asks for a token.
    let challenge = format!("Bearer realm=\"{}\"", token.realm());
    v1.index.fault(Fault::on("/v2/", Action::challenge(200, &challenge)).always());
    assert!(service.search(&format!("{host}/demo"), 25, &more).is_ok(), "everybody may search");
    v1.index.fault(Fault::on("/v2/", Action::challenge(401, &challenge)).always());
    assert!(service.search(&format!("{host}/demo"), 25, &more).is_ok(), "everybody may search");
    v1.index.clear_faults();
    v1.change(|policy| *policy = Policy::user("alice", "p"));
    let failure = failed(service.search(&format!("{host}/demo"), 25, &more), UNAUTHORIZED);
    let secret = auth["username"].as_str().expect("a canary");
    assert_tells(&failure, &["search for"], &[secret]);
    assert!(token.requests().is_empty());
    assert_canary_nowhere(&[&v1.index], secret);
}

#[test]
fn what_the_service_knows_is_used_unless_the_caller_says_who_asks() {
    let form = Form { index: true, tls: true };
    let (password, wrong) = (canary(), canary());
    let open = World::start(form, json!({}));
    let host = open.v1.index.host();
    open.v1.change(|policy| {
        *policy = Policy { found: found(&["demo"]), ..Policy::user("alice", &password) }
    });
    for allowed in [&password, &wrong] {
        open.v1.index.may_receive(allowed);
    }
    let known = |service: &c_surface::Service, auth: Option<Value>| {
        service.search(&format!("{host}/demo"), 25, &Search { auth, ..Search::default() })
    };
    let mut options = open.options.clone();
    options["credentials"] = json!({&host: {"username": "alice", "password": password}});
    let service = scene::service(options);
    assert_eq!(known(&service, None).expect("results")["num_results"], 1);
    failed(known(&service, Some(json!({}))), UNAUTHORIZED);
    let other = json!({"username": "alice", "password": wrong});
    let failure = failed(known(&service, Some(other)), UNAUTHORIZED);
    assert_tells(&failure, &["search for"], &[&password, &wrong]);
}

#[test]
fn what_is_no_search_is_refused_before_anybody_is_asked() {
    let world = World::start(FORMS[0], json!({}));
    let (host, plain) = (world.v1.index.host(), Search::default());
    let service = &world.service;
    for term in [format!("http://{host}/demo"), format!("https://{host}"), "a://b".to_owned()] {
        let failure = failed(service.search(&term, 25, &plain), INVALID_REFERENCE);
        assert_eq!(failure.argument(), "term");
        assert_tells(&failure, &["HOST[:PORT]/TERM"], &[]);
    }
    for limit in [i32::MIN, -1, 0, 101, i32::MAX] {
        let failure =
            failed(service.search(&format!("{host}/demo"), limit, &plain), INVALID_ARGUMENT);
        assert_eq!(failure.argument(), "limit");
    }
    for headers in [
        json!({"a b": ["x"]}),
        json!({"a": ["x\r\nb: y"]}),
        json!({"Authorization": ["Basic x"]}),
        json!({"cookie": ["x"]}),
    ] {
        let more = Search { headers: Some(headers), ..Search::default() };
        let failure = failed(service.search(&format!("{host}/demo"), 25, &more), INVALID_ARGUMENT);
        assert_eq!(failure.argument(), "headers_json");
    }
    for headers in [json!([]), json!({"a": "x"}), json!({"a": [1]})] {
        let more = Search { headers: Some(headers), ..Search::default() };
        failed(service.search(&format!("{host}/demo"), 25, &more), INVALID_JSON);
    }
    let more = Search { user_agent: Some("a\nb: c"), ..Search::default() };
    failed(service.search(&format!("{host}/demo"), 25, &more), INVALID_ARGUMENT);
    let off = scene::service(json!({"v1": false}));
    failed(off.search(&format!("{host}/demo"), 25, &plain), UNSUPPORTED);
    assert!(world.v1.index.requests().is_empty());
}

#[test]
fn a_search_ends_with_its_context() {
    let world = World::start(FORMS[0], json!({}));
    let host = world.v1.index.host();
    world.v1.index.fault(Fault::on("/search", Action::Delay(Duration::from_secs(60))).always());
    let context = Context::timeout(300);
    let more = Search { context: Some(&context), ..Search::default() };
    let start = Instant::now();
    failed(world.service.search(&format!("{host}/demo"), 25, &more), DEADLINE);
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    // And so it does while the index is looked for, over either scheme, and while that answers.
    for form in [FORMS[0], FORMS[1]] {
        for slow in
            [Action::Delay(Duration::from_secs(60)), Action::Stall(0, Duration::from_secs(60))]
        {
            let world = World::start(form, json!({}));
            world.v1.index.fault(Fault::on("/_ping", slow).always());
            let term = format!("{}/demo", world.v1.index.host());
            let context = Context::timeout(300);
            let more = Search { context: Some(&context), ..Search::default() };
            let failure = failed(world.service.search(&term, 25, &more), DEADLINE);
            assert_tells(
                &failure,
                &[],
                &["insecure-registries", "neither over https nor over http"],
            );
            assert!(requests(&world.v1.index, "/search").is_empty());
        }
    }
}

#[test]
fn answers_to_a_search_may_lack_what_they_like_but_must_be_results() {
    let world = World::start(FORMS[0], json!({}));
    let term = format!("{}/demo", world.v1.index.host());
    let answer = |body: &str| {
        world.v1.index.clear_faults();
        let lie = Action::ReplaceBody(body.into());
        world.v1.index.fault(Fault::on("/search", lie).always());
        world.service.search(&term, 25, &Search::default())
    };
    let empty = json!({"query": "", "num_results": 0, "results": []});
    for body in ["{}", r#"{"results":null}"#, r#"{"results":[],"more":1}"#] {
        assert_eq!(answer(body).expect(body), empty);
    }
    let nulls = r#"{"query":null,"num_results":null,"results":[{"name":"a","description":null,
        "star_count":null,"is_official":null,"is_automated":null}]}"#;
    let plain = json!({"name": "a", "description": "", "star_count": 0, "is_official": false,
        "is_automated": false});
    let expected = json!({"query": "", "num_results": 0, "results": [plain]});
    assert_eq!(answer(nulls).expect("null is as good as absent"), expected);
    for body in [
        "",
        "[]",
        "<html>",
        r#"{"results":{}}"#,
        r#"{"results":[{"name":1}]}"#,
        "{\"query\":",
        r#"{"results":[["a","",0,false,false]]}"#,
    ] {
        failed(answer(body), scene::PROTOCOL);
    }
    // What the index said instead is its own.
    let said = format!("\u{1b}[31m{}", "x".repeat(1 << 20));
    for body in [json!({"num_results": said}), json!({"results": [{"star_count": said}]})] {
        let failure = failed(answer(&body.to_string()), scene::PROTOCOL);
        assert!(failure.json.to_string().len() < 2000, "{}", failure.json.to_string().len());
    }
}
