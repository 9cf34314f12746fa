//! Servers that repeat what they were sent: no secret of ours comes out of a call, in whatever clothes it came back, and
//! the server's other words stay.

use crate::c_surface::v1::Search;
use crate::c_surface::{Failure, Outcome, Service};
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use ocireg_testkit::canary::canary;
use ocireg_testkit::rig::{ask_basic, ask_bearer, bystander};
use ocireg_testkit::{Reply, Request, Server, ServerOptions};
use serde_json::{Value, json};

const DENIED: i32 = 61;

/// How a server writes what it repeats.
type Clothes = fn(&str) -> String;

/// The secret within an Authorization header as text, or the header itself.
fn bare(header: &str) -> String {
    let credentials = header.split_once(' ').map_or(header, |(_, credentials)| credentials);
    let decoded = BASE64_STANDARD.decode(credentials).ok().and_then(|b| String::from_utf8(b).ok());
    match decoded {
        Some(pair) if header.starts_with("Basic ") => {
            pair.split_once(':').map_or(pair.clone(), |(_, password)| password.to_owned())
        }
        _ => credentials.to_owned(),
    }
}

fn percent(text: &str) -> String {
    text.bytes()
        .map(|b| if b % 2 == 0 { format!("%{b:02x}") } else { format!("%{b:02X}") })
        .collect()
}

const CLOTHES: &[Clothes] = &[
    str::to_owned,
    bare,
    percent,
    |header| percent(&bare(header)),
    |header| BASE64_STANDARD.encode(header),
    |header| BASE64_URL_SAFE_NO_PAD.encode(format!("x{}y", bare(header))),
    |header| percent(&BASE64_STANDARD.encode(format!("xy{}", bare(header)))),
    |header| bare(header).encode_utf16().map(|unit| format!("\\u{unit:04X}")).collect(),
];

/// Where a server repeats it.
type Place = fn(&str) -> Reply;

const PLACES: &[Place] = &[
    |worn| {
        let error = json!({"code": "DENIED", "message": format!("rule 17: {worn} may not")});
        Reply::json(403, &json!({"errors": [error]}))
    },
    // The text as it is, whether that makes JSON or not.
    |worn| {
        let body = format!(
            "{{\"errors\":[{{\"code\":\"{worn}\",\"message\":\"rule 17\",\"detail\":{{\"{worn}\":[\"{worn}\"]}}}}]}}"
        );
        Reply::new(403, body.into_bytes())
    },
    |worn| Reply::new(403, format!("<html>rule 17: {worn}</html>").into_bytes()),
    // So that it would be cut in the middle.
    |worn| Reply::new(403, format!("rule 17 {}{worn}", ".".repeat(496)).into_bytes()),
    |worn| Reply::json(403, &json!({"details": format!("rule 17: {worn}")})),
];

/// A server that asks for credentials and then refuses with an echo of them.
fn echo(challenge: fn(&str) -> Reply, place: Place, clothes: Clothes) -> Server {
    bystander(ServerOptions::default(), move |request: &Request| {
        let host = request.header("host").unwrap_or_default();
        if request.path() == "/token" {
            return Reply::json(200, &json!({"token": TOKEN, "expires_in": 300}));
        }
        match request.header("authorization") {
            None => challenge(host),
            Some(_) if request.path() == "/v2/" => Reply::json(200, &json!({})),
            Some(header) => place(&clothes(header)),
        }
    })
}

const TOKEN: &str = "eyJhbGciOiJub25lIn0.T0K3N-of-the-test.c2ln";

fn basic(_: &str) -> Reply {
    ask_basic()
}

fn bearer(host: &str) -> Reply {
    ask_bearer(&format!("http://{host}/token"))
}

fn service(server: &Server) -> Service {
    Service::bare(json!({
        "retry": {"max-attempts": 1}, "allow-plain-http-credentials": [server.host()],
        "insecure-registries": [server.host()],
    }))
}

/// The failure's texts are looked through for the password by the harness, and here for the token.
fn refused<T: std::fmt::Debug>(outcome: Outcome<T>, what: &str) -> Box<Failure> {
    let error = outcome.expect_err(what);
    let text = format!("{} {}", error.message, error.json);
    assert!(
        !text.contains("T0K3N") && !text.contains(&BASE64_STANDARD.encode("T0K3N-of")),
        "{text}"
    );
    error
}

#[test]
fn a_registry_that_repeats_credentials_is_not_repeated() {
    let password = canary();
    for challenge in [basic, bearer] {
        for (p, place) in PLACES.iter().enumerate() {
            for (c, clothes) in CLOTHES.iter().enumerate() {
                let server = echo(challenge, *place, *clothes);
                server.may_receive(&password);
                let auth = json!({"username": "bob", "password": password});
                let outcome = service(&server).inspect(
                    None,
                    &format!("{}/demo/app:1", server.host()),
                    &json!({"auth": auth}),
                );
                let error = refused(outcome, "refused");
                assert_eq!(error.code, DENIED, "{p} {c}: {error:?}");
                assert!(error.message.contains("rule 17"), "{p} {c}: {error:?}");
                assert!(error.json.to_string().contains("**") || p == 3, "{p} {c}: {error:?}");
            }
        }
    }
}

#[test]
fn a_token_server_that_repeats_credentials_is_not_repeated() {
    let secret = canary();
    for auth in [
        json!({"username": "bob", "password": secret}),
        json!({"identitytoken": secret}),
        json!({"username": "bob", "identitytoken": secret}),
    ] {
        for clothes in CLOTHES {
            let server = bystander(ServerOptions::default(), move |request| {
                let host = request.header("host").unwrap_or_default();
                if request.path() != "/token" {
                    return bearer(host);
                }
                let form = String::from_utf8_lossy(&request.body).into_owned();
                let sent = request.header("authorization").map_or(form, str::to_owned);
                let error =
                    json!({"code": "DENIED", "message": format!("rule 17: {}", clothes(&sent))});
                Reply::json(403, &json!({"errors": [error]}))
            });
            server.may_receive(&secret);
            let error = refused(
                service(&server).inspect(
                    None,
                    &format!("{}/demo/app:1", server.host()),
                    &json!({"auth": auth}),
                ),
                "refused",
            );
            assert!(error.message.contains("rule 17"), "{error:?}");
        }
    }
}

#[test]
fn a_login_and_a_search_repeat_nothing() {
    let password = canary();
    for clothes in CLOTHES {
        let server = echo(basic, PLACES[0], *clothes);
        server.may_receive(&password);
        let service = service(&server);
        let auth = json!({
            "username": "bob", "password": password,
            "serveraddress": format!("http://{}", server.host()),
        });
        let directory = ocireg_testkit::tempdir();
        directory.may_hold(&password);
        let login = Service::bare(json!({
            "retry": {"max-attempts": 1}, "allow-plain-http-credentials": [server.host()],
            "insecure-registries": [server.host()], "docker-config": directory.path(),
        }));
        let outcomes: [Outcome<Value>; 3] = [
            service.auth(&auth, None),
            login.login(&auth),
            service.search(
                &format!("{}/term", server.host()),
                5,
                &Search { auth: Some(auth.clone()), ..Search::default() },
            ),
        ];
        for outcome in outcomes {
            // Whichever way the server takes it: what comes out holds no password.
            match outcome {
                Ok(value) => ocireg_testkit::canary::assert_none("a result", value.to_string()),
                Err(error) => assert!(!error.message.is_empty()),
            }
        }
    }
}

#[test]
fn what_headers_repeat_is_masked_as_well() {
    let password = canary();
    type Written = fn(&str, &str) -> String;
    let headers: [(u16, &str, Written); 5] = [
        (307, "Location", |other, worn| format!("http://{other}/{worn}")),
        (307, "Location", |_, worn| format!("https://{worn}.example:1/x")),
        (401, "WWW-Authenticate", |_, worn| {
            format!("Bearer realm=\"ftp://x/{worn}\",service=\"{worn}\"")
        }),
        (401, "WWW-Authenticate", |_, worn| format!("{worn} realm=\"x\"")),
        (403, "Retry-After", |_, worn| worn.to_owned()),
    ];
    for (status, name, value) in headers {
        for clothes in CLOTHES {
            let other =
                bystander(ServerOptions::default().bind("127.0.0.2"), |_| Reply::empty(404));
            other.may_receive(&password);
            let host = other.host();
            let server = bystander(ServerOptions::default(), move |request| {
                match request.header("authorization") {
                    None => ask_basic(),
                    Some(_) if request.path() == "/v2/" => Reply::json(200, &json!({})),
                    Some(header) => {
                        Reply::empty(status).with(name, &value(&host, &clothes(header)))
                    }
                }
            });
            server.may_receive(&password);
            let auth = json!({"username": "bob", "password": password});
            let reference = format!("{}/demo/app:1", server.host());
            refused(service(&server).inspect(None, &reference, &json!({"auth": auth})), name);
        }
    }
}

#[test]
fn a_failure_that_stays_is_masked_in_later_calls_too() {
    let password = canary();
    let server = echo(basic, PLACES[0], CLOTHES[1]);
    server.may_receive(&password);
    let service = service(&server);
    let options = json!({
        "auth": {"username": "bob", "password": password},
    });
    let reference = format!("{}/demo/app:1", server.host());
    let session = service.open(None, &reference, &options).expect("a session");
    let digest = format!("sha256:{}", "0".repeat(64));
    refused(session.open_blob(None, &digest, 0, &json!({})).map(drop), "refused");
}

#[test]
fn a_short_password_is_masked_in_the_servers_words_only() {
    let server = echo(basic, PLACES[0], bare);
    let options = json!({"auth": {"username": "bob", "password": "a"}});
    let reference = format!("{}/a/app:1", server.host());
    let error = refused(service(&server).inspect(None, &reference, &options), "refused");
    assert!(error.message.contains("rule 17: *** may not"), "{error:?}");
    assert!(error.message.contains("/a/app"), "{error:?}");
}
