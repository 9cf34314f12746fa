//! Tokens: how they are asked for, kept, shared and replaced, and what becomes of servers that get it wrong.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::c_surface::Service;
use crate::c_surface::images::{Context, Session};
use crate::scene::*;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ocireg_testkit::image::{Image, Spec};
use ocireg_testkit::rig::{assert_canary_nowhere, bystander, canary};
use ocireg_testkit::server::form_values;
use ocireg_testkit::{
    Action, Auth, Cut, Fault, Registry, Reply, Request, Server, ServerOptions, TokenServer,
};
use serde_json::{Value, json};

const TIMEOUT: i32 = 44;

fn none() -> Value {
    json!({})
}

/// A registry whose users get their tokens from the server, with an image of many layers as demo/app:1.
fn guarded(token: &TokenServer) -> (Registry, Image) {
    let image =
        Spec { platforms: vec!["linux/amd64".into()], layers: 8, ..Spec::default() }.build();
    let registry = Registry::start(ServerOptions::default(), Auth::bearer(token));
    image.push_to(&registry, "demo/app", "1");
    (registry, image)
}

/// A registry that takes exactly one token, under these challenges; its manifests do not exist.
fn takes(token: &str, challenges: Vec<String>) -> Server {
    let wanted = format!("Bearer {token}");
    bystander(ServerOptions::default(), move |request| {
        if request.header("authorization") == Some(&wanted) {
            return Reply::empty(404);
        }
        let mut reply = Reply::empty(401);
        for challenge in &challenges {
            reply = reply.with("WWW-Authenticate", challenge);
        }
        reply
    })
}

/// A token server that answers everybody alike.
fn gives(answer: Value) -> Server {
    bystander(ServerOptions::default(), move |_| Reply::json(200, &answer))
}

fn bearer(realm: &Server) -> String {
    format!("Bearer realm=\"{}/token\",service=\"registry.test\"", realm.url())
}

fn until(what: &str, is: impl Fn() -> bool) {
    let began = Instant::now();
    while !is() {
        assert!(began.elapsed() < Duration::from_secs(10), "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A pull from a registry that [`takes`] a token: NOT_FOUND says that it was taken.
fn lets_in(service: &Service, registry: &Server, options: &Value) {
    fails(service, &app(registry), options, NOT_FOUND);
}

#[test]
fn one_token_serves_all_blobs_of_a_pull_and_the_next_pull() {
    let token = TokenServer::plain();
    let (registry, image) = guarded(&token);
    // Slow enough that all workers would ask for one of their own.
    token.fault(Fault::on("/token", Action::Delay(Duration::from_millis(200))).always());
    let service = service(none());
    pulls(&service, &app(&registry), &none(), &image);
    pulls(&service, &app(&registry), &none(), &image);
    let asked = token.requests();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].query("scope"), ["repository:demo/app:pull"]);
    assert_eq!(asked[0].query("service"), [TokenServer::SERVICE]);
    assert_eq!(asked[0].header("authorization"), None);
    // The ping has no token, everything else has it from the first request on.
    let bare = registry.requests().iter().filter(|r| r.header("authorization").is_none()).count();
    assert_eq!(bare, requests(&registry, "/v2/").iter().filter(|r| r.path() == "/v2/").count());
}

#[test]
fn several_calls_at_once_share_the_fetch_of_a_token() {
    let token = TokenServer::plain();
    let (registry, _) = guarded(&token);
    let service = service(none());
    let session = service.open(None, &app(&registry), &none()).expect("a session");
    token.fault(Fault::on("/token", Action::Delay(Duration::from_millis(300))).always());
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| session.list_tags(None, &none()).expect("tags"));
        }
    });
    assert_eq!(token.requests().len(), 1);
}

#[test]
fn the_order_of_actions_makes_no_second_token() {
    let token = TokenServer::plain();
    let (registry, _) = guarded(&token);
    let service = service(none());
    for actions in
        [json!(["pull", "push"]), json!(["push", "pull"]), json!(["push", "pull", "push"])]
    {
        let options = json!({ "actions": actions });
        let session = service.open(None, &app(&registry), &options).expect("a session");
        session.list_tags(None, &none()).expect("tags");
    }
    assert_eq!(token.requests().len(), 1);
}

/// A wrong password that is sent for each call that waits locks accounts; a server that is down is waited for once.
#[test]
fn whoever_waits_for_a_token_shares_its_failure() {
    let status = Arc::new(AtomicUsize::new(401));
    let answers = status.clone();
    let token = bystander(ServerOptions::default(), move |_| {
        std::thread::sleep(Duration::from_millis(1000));
        match u16::try_from(answers.load(Ordering::SeqCst)).expect("a status") {
            200 => Reply::json(200, &json!({"token": "right"})),
            status => Reply::empty(status),
        }
    });
    let registry = takes("right", vec![bearer(&token)]);
    let service = service(json!({"retry": {"max-attempts": 1}}));
    let session = service.open(None, &app(&registry), &none()).expect("a session");
    for refusal in [401, 503] {
        status.store(refusal, Ordering::SeqCst);
        token.clear();
        std::thread::scope(|scope| {
            for _ in 0..6 {
                scope.spawn(|| {
                    let failure = session.list_tags(None, &none()).expect_err("a failure");
                    assert_eq!(failure.json["http_status"], refusal, "{failure:#?}");
                });
            }
        });
        assert_eq!(token.requests().len(), 1, "{refusal}");
    }
    // The next call asks again.
    status.store(200, Ordering::SeqCst);
    token.clear();
    let failure = session.list_tags(None, &none()).expect_err("no such repository");
    assert_eq!(failure.name, "OCIREG_NOT_FOUND");
    assert_eq!(token.requests().len(), 1);
}

/// Whose call ends says nothing about the token: who waits for it fetches it then.
#[test]
fn a_call_that_ends_while_it_fetches_a_token_ends_no_other_call() {
    let token = TokenServer::plain();
    let (registry, _) = guarded(&token);
    let service = service(none());
    let session = service.open(None, &app(&registry), &none()).expect("a session");
    session.ping(None).expect("an answer");
    token.fault(Fault::on("/token", Action::Delay(Duration::from_secs(30))));
    let context = Context::new();
    std::thread::scope(|scope| {
        let owner = scope.spawn(|| session.list_tags(Some(&context), &none()));
        until("the token is asked for", || token.requests().len() == 1);
        let others: Vec<_> =
            (0..3).map(|_| scope.spawn(|| session.list_tags(None, &none()))).collect();
        // One of those who wait gives up, at once.
        let hurried = Context::timeout(300);
        let began = Instant::now();
        let failure = session.list_tags(Some(&hurried), &none()).expect_err("a deadline");
        assert_eq!(failure.name, "OCIREG_DEADLINE");
        assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
        context.cancel();
        let failure = owner.join().expect("a thread").expect_err("cancelled");
        assert_eq!(failure.name, "OCIREG_CANCELLED");
        for other in others {
            other.join().expect("a thread").expect("tags");
        }
    });
    assert_eq!(token.requests().len(), 2);
}

/// A progress function may make calls of its own, and those may need the very token that is waited for.
#[test]
fn a_callback_makes_calls_while_a_token_is_fetched() {
    let token = TokenServer::plain();
    let (registry, _) = guarded(&token);
    let service = service(none());
    let session = Arc::new(service.open(None, &app(&registry), &none()).expect("a session"));
    session.ping(None).expect("an answer");
    token.fault(Fault::on("/token", Action::Delay(Duration::from_secs(4))));
    let calling = |session: &Arc<Session>| {
        let (inner, told) = (session.clone(), Arc::new(Mutex::new(Vec::new())));
        let tell = told.clone();
        let context = Context::with_progress(move |_, _, _| {
            let outcome = inner.list_tags(None, &none()).map_or_else(|e| e.name, |_| "OK".into());
            tell.lock().expect("a lock").push(outcome);
            false
        });
        (context, told)
    };
    let ((first, of_owner), (second, of_waiter)) = (calling(&session), calling(&session));
    std::thread::scope(|scope| {
        scope.spawn(|| session.list_tags(Some(&first), &none()).expect("tags"));
        until("the token is asked for", || token.requests().len() == 1);
        session.list_tags(Some(&second), &none()).expect("tags");
    });
    // The call that fetches the token cannot be waited for from within; the one that waits can.
    let of_owner = of_owner.lock().expect("a lock");
    assert!(!of_owner.is_empty() && of_owner.iter().all(|o| o == "OCIREG_BUSY"), "{of_owner:?}");
    let of_waiter = of_waiter.lock().expect("a lock");
    assert!(!of_waiter.is_empty() && of_waiter.iter().all(|o| o == "OK"), "{of_waiter:?}");
    assert_eq!(token.requests().len(), 1);
}

#[test]
fn a_password_goes_to_the_token_server_and_nowhere_else() {
    let (token, canary) = (TokenServer::plain(), canary());
    token.may_receive(&canary);
    token.change(|policy| {
        policy.anonymous_pull = false;
        policy.users = vec![("alice".into(), canary.clone())];
    });
    let (registry, image) = guarded(&token);
    let service = trusting(&[&token.host(), &registry.host()]);
    pulls(&service, &app(&registry), &alice(&canary), &image);
    let asked = &token.requests()[0];
    assert_eq!(asked.method, "GET");
    assert_eq!(asked.query("account"), ["alice"]);
    assert_eq!(asked.query("client_id"), ["docker"]);
    // Some token servers refuse refresh tokens to some users: only a login asks for one.
    assert!(asked.query("offline_token").is_empty());
    assert!(asked.header("authorization").is_some_and(|value| value.starts_with("Basic ")));
    assert_canary_nowhere(&[&registry], &canary);

    // A wrong one is refused once, by whom it was told to.
    token.clear();
    let failure = fails(&service, &app(&registry), &alice("wrong"), UNAUTHORIZED);
    assert_eq!(failure.json["phase"], "token");
    assert_eq!(failure.json["host"], token.host());
    assert_eq!(token.requests().len(), 1);
    assert_tells(&failure, &["log in"], &[&canary]);
}

#[test]
fn an_identity_token_is_exchanged_by_post() {
    let name = ServerOptions::default().name("token.test");
    let token = TokenServer::start(name, Default::default());
    token.change(|policy| policy.anonymous_pull = false);
    let (registry, image) = guarded(&token);
    let options = json!({"auth": {"identitytoken": "refresh-alice"}});
    let named = format!("named.test:{}", registry.port());
    let allowing = |hosts: &[&str]| {
        service(json!({
            "resolve": {"*": ["127.0.0.1"]}, "allow-plain-http-credentials": hosts,
        }))
    };
    let reference = format!("{named}/demo/app:1");
    pulls(&allowing(&[&token.host(), &named]), &reference, &options, &image);
    let asked = &token.requests()[0];
    let body = String::from_utf8(asked.body.clone()).expect("a form");
    assert_eq!((asked.method.as_str(), asked.target.as_str()), ("POST", "/token"));
    for (name, value) in [
        ("grant_type", "refresh_token"),
        ("refresh_token", "refresh-alice"),
        ("service", TokenServer::SERVICE),
        ("scope", "repository:demo/app:pull"),
        ("client_id", "docker"),
    ] {
        assert_eq!(form_values(&body, name), [value], "{name}");
    }
    assert_eq!(asked.header("authorization"), None);
    assert_canary_nowhere(&[&registry], "refresh-alice");
    // Not over plain http, unless the caller says so: neither this token nor those that are got with it.
    for (allowed, lacking) in [(&named, &token.host()), (&token.host(), &named)] {
        token.clear();
        let failure = fails(&allowing(&[allowed]), &reference, &options, POLICY);
        assert_tells(&failure, &[lacking, "allow-plain-http-credentials"], &["refresh-alice"]);
        assert_eq!(token.requests().len(), 0, "{allowed:?}");
    }
    assert_eq!(token.connection_count(), 0);
}

/// A token server that answers POST with a status, and gives a token to GET under one Authorization.
fn refuses_post(status: u16, user: &str, get: u16) -> Server {
    let wanted = format!("Basic {}", BASE64_STANDARD.encode(user));
    bystander(ServerOptions::default(), move |request| {
        match (request.method.as_str(), request.header("authorization")) {
            ("POST", _) => Reply::empty(status),
            ("GET", Some(value)) if get == 200 && value == wanted => {
                Reply::json(200, &json!({"token": "right"}))
            }
            _ => Reply::empty(if get == 200 { 401 } else { get }),
        }
    })
}

#[test]
fn a_token_server_that_refuses_post_is_asked_by_get() {
    // GCR answers 404, ACR 400, Artifactory 401, and 405 is what HTTP has for it.
    for status in [400, 401, 404, 405] {
        for (auth, user) in [
            (json!({"identitytoken": "refresh-me"}), ":refresh-me"),
            (json!({"identitytoken": "refresh-me", "username": "alice"}), "alice:refresh-me"),
            (
                json!({"identitytoken": "refresh-me", "username": "alice", "password": "p"}),
                "alice:p",
            ),
        ] {
            let token = refuses_post(status, user, 200);
            let registry = takes("right", vec![bearer(&token)]);
            lets_in(
                &trusting(&[&token.host(), &registry.host()]),
                &registry,
                &json!({ "auth": auth }),
            );
            let asked = token.requests();
            let methods: Vec<_> = asked.iter().map(|r| r.method.as_str()).collect();
            assert_eq!(methods, ["POST", "GET"], "{status}");
            assert_eq!(asked[1].query("service"), ["registry.test"]);
            assert_eq!(asked[1].query("scope"), ["repository:demo/app:pull"]);
            assert_canary_nowhere(&[&registry], "refresh-me");
        }
    }
    // Where GET is refused too, the answer that means more is told.
    let options = json!({"auth": {"identitytoken": "refresh-me"}});
    for (post, get, told) in [(401, 401, 401), (404, 401, 401), (401, 404, 401), (400, 405, 400)] {
        let token = refuses_post(post, "", get);
        let registry = takes("right", vec![bearer(&token)]);
        let failure =
            pull(&trusting(&[&token.host(), &registry.host()]), &app(&registry), &options);
        let failure = failure.map(|_| ()).expect_err("a refusal");
        assert_eq!(failure.json["http_status"], told, "{post} {get}: {failure:#?}");
        assert_eq!(failure.json["phase"], "token");
        assert_tells(&failure, &[&token.host()], &["refresh-me"]);
    }
    // Any other answer is one.
    for status in [403, 429, 500] {
        let token = refuses_post(status, ":refresh-me", 200);
        let registry = takes("right", vec![bearer(&token)]);
        pull(&trusting(&[&token.host(), &registry.host()]), &app(&registry), &options)
            .map(|_| ())
            .expect_err("a refusal");
        assert!(token.requests().iter().all(|request| request.method == "POST"), "{status}");
    }
}

#[test]
fn the_scope_that_is_needed_is_asked_for_whatever_the_challenge_names() {
    let token = gives(json!({"token": "right"}));
    for scope in
        ["registry:catalog:*", "repository:demo/other:pull,push repository:demo/app:pull", ""]
    {
        token.clear();
        let challenge = format!("{},scope=\"{scope}\"", bearer(&token));
        lets_in(&service(none()), &takes("right", vec![challenge]), &none());
        assert_eq!(token.requests()[0].query("scope"), ["repository:demo/app:pull"]);
    }
}

#[test]
fn a_login_asks_for_the_scopes_that_the_challenge_names() {
    let token = gives(json!({"token": "right"}));
    let challenge = format!("{},scope=\"a:b:c  d:e:f a:b:c\"", bearer(&token));
    for (challenge, scopes) in [(challenge, &["a:b:c", "d:e:f"][..]), (bearer(&token), &[])] {
        token.clear();
        let registry = takes("right", vec![challenge]);
        let auth = json!({"serveraddress": registry.host()});
        service(none()).auth(&auth, None).expect_err("it has nothing there");
        assert_eq!(token.requests()[0].query("scope"), scopes);
    }
}

#[test]
fn what_is_not_known_is_not_asked_with() {
    let token = bystander(ServerOptions::default(), |request| match request.method.as_str() {
        "POST" => Reply::empty(404),
        _ => Reply::json(200, &json!({"token": "right"})),
    });
    let registry = takes("right", vec![format!("Bearer realm=\"{}/token\"", token.url())]);
    let auth = json!({"serveraddress": registry.host()});
    service(none()).auth(&auth, None).expect_err("it has nothing there");
    assert_eq!(token.requests()[0].target, "/token");
    // A name is not known of every identity token.
    token.clear();
    let options = json!({"auth": {"identitytoken": "refresh"}});
    lets_in(&trusting(&[&registry.host(), &token.host()]), &registry, &options);
    let asked = token.requests().pop().expect("a request");
    assert_eq!(asked.method, "GET");
    for name in ["account", "service"] {
        assert!(asked.query(name).is_empty(), "{asked:?}");
    }
}

#[test]
fn half_a_password_is_none() {
    let canary = canary();
    let token = gives(json!({"token": "right"}));
    for auth in [json!({"username": canary}), json!({"password": canary})] {
        let options = json!({ "auth": auth });
        let asks_basic = takes("right", vec!["Basic realm=\"x\"".to_owned()]);
        let failure =
            fails(&trusting(&[&asks_basic.host()]), &app(&asks_basic), &options, UNAUTHORIZED);
        assert_tells(&failure, &["no basic auth credentials"], &[&canary]);
        // Whoever has no more than that is nobody in particular.
        token.clear();
        let registry = takes("right", vec![bearer(&token)]);
        lets_in(&trusting(&[&registry.host(), &token.host()]), &registry, &options);
        assert_eq!(token.requests()[0].header("authorization"), None);
        assert_canary_nowhere(&[&asks_basic, &registry, &token], &canary);
    }
}

#[test]
fn a_token_takes_no_longer_than_it_may() {
    let token = TokenServer::plain();
    let (registry, _) = guarded(&token);
    token.fault(Fault::on("/token", Action::Delay(Duration::from_secs(60))).always());
    let service = service(json!({"timeouts": {"auth-ms": 300}, "retry": {"max-attempts": 1}}));
    let failure = fails(&service, &app(&registry), &none(), TIMEOUT);
    assert_eq!(failure.json["phase"], "token", "{failure:#?}");
}

#[test]
fn only_a_realm_itself_may_be_trusted_by_name() {
    let token = bystander(ServerOptions::default(), |_| {
        Reply::empty(307).with("Location", "http://169.254.169.254/token")
    });
    let registry = takes("right", vec![bearer(&token)]);
    let failure = fails(&service(none()), &app(&registry), &none(), POLICY);
    assert_tells(&failure, &["169.254.169.254"], &["trusted-realms"]);
}

/// As some registries answer for what they do not have: that is no reason to go on without a token.
#[test]
fn a_401_that_asks_for_nothing_takes_nothing_back() {
    let token = gives(json!({"token": "right"}));
    let challenge = bearer(&token);
    let registry = bystander(ServerOptions::default(), move |request| {
        if request.path().contains("/manifests/") {
            return Reply::empty(401);
        }
        match request.header("authorization") {
            Some("Bearer right") if request.path().ends_with("/tags/list") => {
                Reply::json(200, &json!({"name": "demo/app", "tags": []}))
            }
            Some("Bearer right") => Reply::empty(404),
            _ => Reply::empty(401).with("WWW-Authenticate", &challenge),
        }
    });
    let service = service(none());
    let session = service.open(None, &app(&registry), &none()).expect("a session");
    session.list_tags(None, &none()).expect("tags");
    session.head_manifest(None, Some("1"), &none()).expect_err("a refusal");
    registry.clear();
    session.list_tags(None, &none()).expect("tags");
    let asked = registry.requests();
    assert_eq!(asked.len(), 1, "{asked:?}");
    assert_eq!(asked[0].header("authorization"), Some("Bearer right"));
}

#[test]
fn a_registry_token_is_used_as_it_is() {
    let (token, canary) = (gives(json!({"token": "other"})), canary());
    let registry = takes(&canary, vec![bearer(&token)]);
    registry.may_receive(&canary);
    let options = json!({"auth": {"registrytoken": canary}});
    lets_in(&trusting(&[&registry.host()]), &registry, &options);
    let named = service(json!({"resolve": {"named.test": ["127.0.0.1"]}}));
    let reference = format!("named.test:{}/demo/app:1", registry.port());
    let failure = fails(&named, &reference, &options, POLICY);
    assert_tells(&failure, &["allow-plain-http-credentials"], &[&canary]);
    assert_eq!(token.connection_count(), 0);
    assert_canary_nowhere(&[&token], &canary);
}

#[test]
fn access_token_wins_over_token_and_either_will_do() {
    for answer in [
        json!({"token": "right"}),
        json!({"access_token": "right"}),
        json!({"access_token": "right", "token": "wrong"}),
        json!({"access_token": "", "token": "right"}),
        json!({"access_token": null, "token": "right", "refresh_token": "x", "scope": "y"}),
    ] {
        let token = gives(answer);
        lets_in(&service(none()), &takes("right", vec![bearer(&token)]), &none());
    }
}

#[test]
fn answers_without_a_usable_token_are_errors_of_the_token_server() {
    for body in [
        "{}",
        r#"{"token": ""}"#,
        r#"{"token": null, "access_token": null}"#,
        r#"{"token": 7}"#,
        r#"{"token": "a b"}"#,
        "[]",
        "",
        "<html>Sign in</html>",
        r#"{"token": "right"} trailing"#,
        r#"{"token": "right", "refresh_token": "a\nb"}"#,
    ] {
        let token =
            bystander(ServerOptions::default(), move |_| Reply::new(200, body.as_bytes().to_vec()));
        let registry = takes("right", vec![bearer(&token)]);
        let failure = fails(&service(none()), &app(&registry), &none(), PROTOCOL);
        assert_eq!(failure.json["phase"], "token", "{body}");
        assert_eq!(failure.json["host"], token.host());
        assert_tells(&failure, &[&token.host()], &[]);
    }
}

#[test]
fn a_token_server_that_is_down_or_failing_is_named() {
    let token = gives(json!({"token": "right"}));
    let (challenge, host) = (bearer(&token), token.host());
    drop(token);
    // It is no registry that is being started again: nothing is waited for.
    let patient = service(json!({"retry": {"initial-ms": 60_000, "max-ms": 60_000}}));
    let began = Instant::now();
    let failure = fails(&patient, &app(&takes("right", vec![challenge])), &none(), CONNECT);
    assert!(began.elapsed() < Duration::from_secs(20));
    assert_tells(&failure, &[&host], &["trusted-realms"]);

    let token = bystander(ServerOptions::default(), |_| Reply::empty(503));
    let failure =
        fails(&service(none()), &app(&takes("right", vec![bearer(&token)])), &none(), SERVER);
    assert_eq!(failure.json["phase"], "token");
    assert_tells(&failure, &[&token.host()], &[]);

    // It comes back.
    let token = TokenServer::plain();
    let (registry, image) = guarded(&token);
    token.fault(Fault::on("/token", Action::status(503)).times(2));
    pulls(&service(none()), &app(&registry), &none(), &image);
    assert_eq!(token.requests().len(), 3);
}

#[test]
fn a_token_answer_has_a_limit() {
    let token = bystander(ServerOptions::default(), |_| {
        Reply::json(200, &json!({"token": "right", "more": "x".repeat(2 << 20)}))
    });
    let failure =
        fails(&service(none()), &app(&takes("right", vec![bearer(&token)])), &none(), LIMIT);
    assert_tells(&failure, &["limits"], &[]);
    let roomy = service(json!({"limits": {"token": 4 << 20}}));
    lets_in(&roomy, &takes("right", vec![bearer(&token)]), &none());
}

#[test]
fn a_token_that_no_request_can_carry_is_the_token_servers_fault() {
    let of = |length: usize| {
        let text = "t".repeat(length);
        let answer = json!({"token": text});
        (text, bystander(ServerOptions::default(), move |_| Reply::json(200, &answer)))
    };
    let (text, token) = of(60 << 10);
    lets_in(&service(none()), &takes(&text, vec![bearer(&token)]), &none());
    let (text, token) = of((60 << 10) + 1);
    let failure =
        fails(&service(none()), &app(&takes(&text, vec![bearer(&token)])), &none(), PROTOCOL);
    assert_eq!(failure.json["host"], token.host(), "{failure:#?}");
    assert_eq!(failure.json["phase"], "token", "{failure:#?}");
    assert_tells(&failure, &["token server"], &[]);
}

#[test]
fn challenges_that_lead_nowhere_are_errors_of_the_registry() {
    for (challenge, code) in [
        ("Bearer service=\"x\"", PROTOCOL),
        ("Bearer realm=\"\"", PROTOCOL),
        ("Bearer realm=\"http://\"", PROTOCOL),
        ("Bearer", PROTOCOL),
        ("Negotiate YII=", 8),
        ("Digest realm=\"x\", nonce=\"y\"", 8),
        ("Basic realm=\"x\"", UNAUTHORIZED),
        ("", UNAUTHORIZED),
    ] {
        let registry = takes("right", vec![challenge.to_owned()]);
        let failure = fails(&service(none()), &app(&registry), &none(), code);
        assert_tells(&failure, &["127.0.0.1"], &[]);
    }
    fails(&service(none()), &app(&takes("right", Vec::new())), &none(), UNAUTHORIZED);
}

/// What people read is in their language.
#[test]
fn a_realm_in_any_language_is_answered() {
    for realm in ["Privater Bereich: Schlüssel", "私有", "plain"] {
        let challenge = format!("Basic realm=\"{realm}\"");
        let registry = bystander(ServerOptions::default(), move |request| {
            let knows = request.header("authorization").is_some();
            Reply::empty(if knows { 404 } else { 401 }).with("WWW-Authenticate", &challenge)
        });
        registry.may_receive("wonderland");
        lets_in(&trusting(&[&registry.host()]), &registry, &alice("wonderland"));
    }
}

#[test]
fn of_several_challenges_bearer_is_answered_wherever_it_stands() {
    let token = gives(json!({"token": "right"}));
    let bearer = bearer(&token);
    let basic = "Basic realm=\"registry, with a comma\"".to_owned();
    for challenges in [
        vec![basic.clone(), bearer.clone()],
        vec![bearer.clone(), basic.clone()],
        vec![format!("{basic}, {bearer}")],
        vec![format!("{bearer}, {basic}")],
        vec![format!("Negotiate YIIabc==, {basic},{bearer}")],
        vec![bearer.replace("Bearer", "BEARER").replace("realm", "Realm")],
        vec![bearer.replace(',', " , ")],
        vec![String::new(), "Negotiate".to_owned(), bearer.clone()],
    ] {
        let registry = takes("right", challenges.clone());
        lets_in(&trusting(&[&token.host(), &registry.host()]), &registry, &alice("wonderland"));
        assert_canary_nowhere(&[&registry], "wonderland");
    }
    // Basic alone is answered with the password.
    let canary = canary();
    let (registry, image) = demo();
    registry.set_auth(Auth::basic("alice", &canary));
    registry.may_receive(&canary);
    pulls(&trusting(&[&registry.host()]), &app(&registry), &alice(&canary), &image);
    // Half a pair is none.
    let half = json!({"auth": {"username": "alice"}});
    let failure = fails(&trusting(&[&registry.host()]), &app(&registry), &half, UNAUTHORIZED);
    assert!(failure.message.contains("no basic auth credentials"), "{failure:#?}");
}

#[test]
fn f14b_a_token_that_is_refused_is_replaced_once_and_then_the_answer_stands() {
    let issued = Arc::new(AtomicUsize::new(0));
    let counter = issued.clone();
    let token = bystander(ServerOptions::default(), move |_| {
        let n = counter.fetch_add(1, Ordering::SeqCst);
        Reply::json(200, &json!({"token": format!("t{n}")}))
    });
    let registry = takes("never", vec![bearer(&token)]);
    let failure = fails(&service(none()), &app(&registry), &none(), UNAUTHORIZED);
    assert_eq!(failure.json["http_status"], 401);
    assert_tells(&failure, &["required scope: repository:demo/app:pull"], &[]);
    let sent: Vec<_> = requests(&registry, "/manifests/")
        .iter()
        .map(|request| request.header("authorization").unwrap_or_default().to_owned())
        .collect();
    assert_eq!(sent, ["Bearer t0", "Bearer t1"]);
    assert_eq!(issued.load(Ordering::SeqCst), 2);

    // The same token once more is not worth a request; wrong credentials neither.
    let token = gives(json!({"token": "same"}));
    let registry = takes("never", vec![bearer(&token)]);
    fails(&service(none()), &app(&registry), &none(), UNAUTHORIZED);
    assert_eq!(requests(&registry, "/manifests/").len(), 1);
    let (registry, _) = demo();
    registry.set_auth(Auth::basic("alice", "wonderland"));
    fails(&trusting(&[&registry.host()]), &app(&registry), &alice("wrong"), UNAUTHORIZED);
    assert_eq!(requests(&registry, "/manifests/").len(), 1);
}

/// A registry that lets everybody see `/v2/` says only at its repositories that it wants a token; the one that an
/// earlier session left may have ended before its time.
#[test]
fn f14_a_kept_token_that_has_ended_is_replaced_after_a_bare_request_too() {
    let good = Arc::new(AtomicUsize::new(0));
    let (issued, wanted) = (good.clone(), good.clone());
    let token = bystander(ServerOptions::default(), move |_| {
        Reply::json(200, &json!({"token": format!("t{}", issued.load(Ordering::SeqCst))}))
    });
    let challenge = bearer(&token);
    let registry = bystander(ServerOptions::default(), move |request| {
        let right = format!("Bearer t{}", wanted.load(Ordering::SeqCst));
        match request.header("authorization") {
            _ if request.path() == "/v2/" => Reply::empty(200),
            Some(sent) if sent == right => {
                Reply::json(200, &json!({"name": "demo/app", "tags": []}))
            }
            _ => Reply::empty(401).with("WWW-Authenticate", &challenge),
        }
    });
    let service = service(none());
    for round in 0..2 {
        good.store(round, Ordering::SeqCst);
        let session = service.open(None, &app(&registry), &none()).expect("a session");
        session.list_tags(None, &none()).expect("tags");
    }
    assert_eq!(token.requests().len(), 2);
}

#[test]
fn f14_a_token_that_ends_in_the_middle_of_a_pull_is_replaced_once() {
    let token = TokenServer::plain();
    let (registry, image) = guarded(&token);
    let challenge = format!(
        "Bearer realm=\"{}\",service=\"{}\",error=\"invalid_token\"",
        token.realm(),
        TokenServer::SERVICE
    );
    // Whatever was issued before the third blob is refused from then on.
    let refuse = Fault::on("/blobs/", Action::challenge(401, &challenge)).skip(2);
    registry.fault(refuse);
    let report = pulls(&service(none()), &app(&registry), &none(), &image);
    assert_eq!(token.requests().len(), 2);
    assert_eq!(requests(&registry, "/blobs/").len(), image.blobs.len() + 1);
    assert_eq!(report["bytes_total"], report["bytes_transferred"]);
}

#[test]
fn f14_a_transfer_goes_on_at_the_same_byte_with_a_new_token() {
    let token = TokenServer::plain();
    let registry = Registry::start(ServerOptions::default(), Auth::bearer(&token));
    let image = Spec::sized(1, 3_000_000).build();
    image.push_to(&registry, "demo/app", "1");
    let layer = image.manifests[0].layers[0].as_str();
    let challenge = format!(
        "Bearer realm=\"{}\",service=\"{}\",error=\"invalid_token\"",
        token.realm(),
        TokenServer::SERVICE
    );
    // The connection ends on the way, and the token before the next one is made.
    registry.fault(Fault::on(layer, Action::CutBody(1_000_000, Cut::Fin)));
    registry.fault(Fault::on(layer, Action::challenge(401, &challenge)).skip(1));
    let report = pulls(&service(none()), &app(&registry), &none(), &image);
    let asked = requests(&registry, layer);
    let ranges: Vec<_> = asked.iter().map(|r| r.header("range").map(str::to_owned)).collect();
    let rest = Some("bytes=1000000-".to_owned());
    assert_eq!(ranges, [None, rest.clone(), rest]);
    assert_ne!(asked[1].header("authorization"), asked[2].header("authorization"));
    assert_eq!(token.requests().len(), 2);
    assert_eq!(report["bytes_total"], report["bytes_transferred"]);
}

#[test]
fn a_token_that_the_clock_has_ended_is_replaced() {
    let token = TokenServer::plain();
    token.change(|policy| policy.lifetime = 1);
    let (registry, _) = guarded(&token);
    let service = service(none());
    let session = service.open(None, &app(&registry), &none()).expect("a session");
    session.list_tags(None, &none()).expect("tags");
    std::thread::sleep(Duration::from_millis(2100));
    token.change(|policy| policy.lifetime = 300);
    session.list_tags(None, &none()).expect("tags with a new token");
    session.list_tags(None, &none()).expect("tags with the same token");
    assert_eq!(token.requests().len(), 2);
}

#[test]
fn f15_odd_lifetimes_are_at_least_a_minute_whatever_the_servers_clock() {
    let lifetimes = [json!(0), json!(-1), json!(1), json!(1e18), json!(59.5), Value::Null];
    let clocks = ["1970-01-01T00:00:00Z", "2999-12-31T23:59:59Z", "yesterday"];
    let answers = lifetimes.iter().flat_map(|expires_in| {
        let absent = json!({"token": "right", "expires_in": expires_in});
        let told = clocks
            .map(|clock| json!({"token": "right", "expires_in": expires_in, "issued_at": clock}));
        std::iter::once(absent).chain(told)
    });
    for answer in answers.chain([json!({"token": "right"})]) {
        let token = gives(answer.clone());
        let registry = takes("right", vec![bearer(&token)]);
        let service = service(none());
        let session = service.open(None, &app(&registry), &none()).expect("a session");
        for _ in 0..3 {
            let failure = session.list_tags(None, &none()).expect_err("there is nothing");
            assert_eq!(failure.code, NOT_FOUND, "{answer}");
        }
        assert_eq!(token.requests().len(), 1, "{answer}");
    }
}

#[test]
fn insufficient_scope_is_denied_and_invalid_token_is_unauthorized() {
    let token = gives(json!({"token": "weak"}));
    for (error, code) in [("insufficient_scope", DENIED), ("invalid_token", UNAUTHORIZED)] {
        let challenge = format!("{},error=\"{error}\"", bearer(&token));
        let registry = takes("strong", vec![challenge]);
        fails(&service(none()), &app(&registry), &none(), code);
    }
    let denies = bystander(ServerOptions::default(), |request: &Request| {
        Reply::empty(if request.path() == "/v2/" { 200 } else { 403 })
    });
    fails(&service(none()), &app(&denies), &none(), DENIED);
}

#[test]
fn credentials_of_the_service_are_used_where_the_call_names_none() {
    let (token, canary) = (TokenServer::plain(), canary());
    token.may_receive(&canary);
    token.change(|policy| {
        policy.anonymous_pull = false;
        policy.users = vec![("alice".into(), canary.clone())];
    });
    let (registry, image) = guarded(&token);
    let service = service(json!({
        "allow-plain-http-credentials": [token.host(), registry.host()],
        "credentials": {registry.host(): {"username": "alice", "password": canary}},
    }));
    pulls(&service, &app(&registry), &none(), &image);
    // {} is nobody, whatever the service knows.
    fails(&service, &app(&registry), &json!({"auth": {}}), UNAUTHORIZED);
    assert_canary_nowhere(&[&registry], &canary);
}

/// Gateways add challenges of their own.
#[test]
fn of_several_bearer_challenges_the_one_that_can_be_answered_counts() {
    let token = gives(json!({"token": "right"}));
    let bearer = bearer(&token);
    for challenges in [
        vec!["Bearer error=\"invalid_token\"".to_owned(), bearer.clone()],
        vec!["Bearer".to_owned(), "Bearer realm=\"\"".to_owned(), bearer.clone()],
        vec!["Bearer realm=\"http://\"".to_owned(), bearer.clone()],
        vec![format!("Bearer error=\"invalid_token\", {bearer}")],
        vec![format!("Bearer scope=\"a,b\", Digest nonce=\"x\", {bearer}")],
        vec!["DPoP algs=\"ES256\"".to_owned(), bearer.clone(), "Bearer error=\"x\"".to_owned()],
        // Of two that can, the first.
        vec![bearer.clone(), "Bearer realm=\"https://elsewhere.test/token\"".to_owned()],
    ] {
        lets_in(&service(none()), &takes("right", challenges), &none());
    }
    // Without any, a password will do where it is asked for.
    let canary = canary();
    let value = format!("Basic {}", BASE64_STANDARD.encode(format!("alice:{canary}")));
    for order in [[0, 1], [1, 0]] {
        let challenges = ["Bearer error=\"invalid_token\"", "Basic realm=\"r\""];
        let wanted = value.clone();
        let registry = bystander(ServerOptions::default(), move |request| {
            let known = request.header("authorization") == Some(&wanted);
            order.iter().fold(Reply::empty(if known { 404 } else { 401 }), |reply, i| {
                reply.with("WWW-Authenticate", challenges[*i])
            })
        });
        registry.may_receive(&canary);
        lets_in(&trusting(&[&registry.host()]), &registry, &alice(&canary));
    }
    // A registry token needs no realm.
    let options = json!({"auth": {"registrytoken": "right"}});
    let registry = takes("right", vec!["Bearer".to_owned(), "Basic realm=\"r\"".to_owned()]);
    lets_in(&trusting(&[&registry.host()]), &registry, &options);
}

/// What token servers add to a token, or write in a form of their own, is no reason to refuse it.
#[test]
fn token_answers_are_read_leniently() {
    for body in [
        r#"{"token": "right", "expires_in": "300"}"#,
        r#"{"token": "right", "expires_in": 300.5}"#,
        r#"{"token": "right", "expires_in": "soon", "issued_at": 5}"#,
        r#"{"token": "right", "expires_in": null, "refresh_token": null, "scope": null}"#,
        r#"{"token": "right", "expires_in": {}, "issued_at": "yesterday", "refresh_token": ""}"#,
        r#"{"token": "right", "refresh_token": 5, "more": [{"a": 1, "a": 2}]}"#,
        r#"{"token": 5, "access_token": "right"}"#,
        r#"{"token": "wrong", "Token": "right"}"#,
        r#"{"ACCESS_TOKEN": "right", "token_type": "bearer", "\ud800": 1}"#,
        "\u{feff}{\"token\": \"\\u0072ight\"}\r\n",
    ] {
        let token =
            bystander(ServerOptions::default(), move |_| Reply::new(200, body.as_bytes().to_vec()));
        lets_in(&service(none()), &takes("right", vec![bearer(&token)]), &none());
    }
    // A lifetime counts in any form: a token of a minute would be fetched again.
    let token = gives(json!({"token": "right", "expires_in": "3600"}));
    let registry = takes("right", vec![bearer(&token)]);
    let service = service(none());
    for _ in 0..2 {
        lets_in(&service, &registry, &none());
    }
    assert_eq!(token.requests().len(), 1);
}
