//! Logging in and out: who is asked, what is kept and where, and that a failure loses nothing.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::c_surface;
use crate::c_surface::images::Context;
use crate::c_surface::{Failure, Service, children};
use crate::home::*;
use crate::scene;
use crate::scene::{NOT_FOUND, POLICY, SERVER, UNAUTHORIZED, trusting};
use ocireg::ffi::ocireg_service_logout;
use ocireg_testkit::cncf::{Cncf, Options};
use ocireg_testkit::rig::{assert_canary_nowhere, assert_no_secret, bystander, canary};
use ocireg_testkit::server::form_values;
use ocireg_testkit::{
    Action, Auth, Ca, Fault, Registry, Reply, Request, Server, ServerOptions, TokenServer, process,
};
use serde_json::{Value, json};

const INVALID_ARGUMENT: i32 = 1;
const CREDENTIALS: i32 = 62;
const HELPER: i32 = 63;
const IO: i32 = 120;
const TIMEOUT: i32 = 44;
const NO_SPACE: i32 = 121;
const PERMISSION: i32 = 122;

/// Credentials of alice for a server.
fn alice(host: &str, password: &str) -> Value {
    json!({"username": "alice", "password": password, "serveraddress": host})
}

/// What a registry says to credentials that it takes, with this identity token.
fn succeeded(identity_token: &str) -> Value {
    json!({"Status": "Login Succeeded", "IdentityToken": identity_token})
}

/// The same from a login that was kept there.
fn kept(identity_token: &str, stored: &str) -> Value {
    let mut answer = succeeded(identity_token);
    answer["stored"] = json!(stored);
    answer
}

fn refused<T: std::fmt::Debug>(outcome: c_surface::Outcome<T>, code: i32) -> Failure {
    let failure = outcome.expect_err("a refusal");
    assert_eq!(failure.code, code, "{failure:#?}");
    *failure
}

/// A service that keeps logins in `docker` of the directory, and sends passwords to these hosts over plain http.
fn keeping(directory: &Path, hosts: &[&str]) -> Service {
    scene::service(json!({
        // Helpers are looked for in PATH only where the environment has a say.
        "environment": std::env::var_os(CHILD).is_some(),
        "docker-config": directory.join("docker"),
        "allow-plain-http-credentials": hosts,
    }))
}

fn config(directory: &Path) -> PathBuf {
    directory.join("docker/config.json")
}

fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(path).expect("a file")
}

fn mode(path: impl AsRef<Path>) -> u32 {
    fs::metadata(path).expect("a file").mode() & 0o7777
}

/// A registry that asks for a password.
fn basic_registry(password: &str) -> Registry {
    let registry = Registry::start(ServerOptions::default(), Auth::basic("alice", password));
    registry.may_receive(password);
    registry
}

/// A token server where only alice is known.
fn token_server(password: &str) -> TokenServer {
    let token = TokenServer::plain();
    token.may_receive(password);
    token.change(|policy| {
        policy.anonymous_pull = false;
        policy.users = vec![("alice".into(), password.to_owned())];
    });
    token
}

#[test]
fn basic_is_answered_under_the_callers_name() {
    let secret = canary();
    let registry = basic_registry(&secret);
    let service = trusting(&[&registry.host()]);
    for address in [registry.host(), format!("http://{}", registry.host()), registry.url()] {
        registry.clear();
        let answer = service.auth(&alice(&address, &secret), Some("client/1 (test)"));
        assert_eq!(answer.expect("accepted"), succeeded(""));
        let requests = registry.requests();
        assert_eq!(requests.len(), 2);
        for request in &requests {
            assert_eq!((request.method.as_str(), request.target.as_str()), ("GET", "/v2/"));
            assert_eq!(request.header("user-agent"), Some("client/1 (test)"));
        }
        assert_eq!(requests[0].header("authorization"), None);
    }
    // The service's own name, or none.
    for (name, sent) in [(None, true), (Some(""), false)] {
        registry.clear();
        service.auth(&alice(&registry.host(), &secret), name).expect("accepted");
        let sends = |r: &Request| r.header("user-agent").is_some_and(|v| v.starts_with("ocireg/"));
        assert_eq!(registry.requests().iter().all(sends), sent);
    }
    let name = service.auth(&alice(&registry.host(), &secret), Some("a\r\nb"));
    refused(name, 7);
    // Not over plain http unless the caller says so.
    registry.clear();
    let strict = scene::service(json!({"resolve": {"named.test": ["127.0.0.1"]}}));
    let named = format!("named.test:{}", registry.port());
    let failure = refused(strict.auth(&alice(&named, &secret), None), POLICY);
    assert!(failure.json["hint"].as_str().is_some_and(|h| h.contains("allow-plain-http")));
    assert_canary_nowhere(&[&registry], &secret);
}

#[test]
fn bearer_gives_an_identity_token_that_logs_in_too() {
    let secret = canary();
    let token = token_server(&secret);
    let registry = Registry::start(ServerOptions::default(), Auth::bearer(&token));
    let service = trusting(&[&token.host(), &registry.host()]);
    let answer = service.auth(&alice(&registry.host(), &secret), Some("client/1"));
    assert_eq!(answer.expect("accepted"), succeeded("refresh-alice"));
    let asked = token.requests();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].header("user-agent"), Some("client/1"));
    assert_eq!(asked[0].query("offline_token"), ["true"]);
    assert_eq!(asked[0].query("account"), ["alice"]);
    assert_eq!(asked[0].query("scope"), [""; 0]);
    assert_canary_nowhere(&[&registry], &secret);

    // A login is no proof unless the credentials are asked about each time.
    refused(service.auth(&alice(&registry.host(), "wrong"), None), UNAUTHORIZED);
    token.clear();
    service.auth(&alice(&registry.host(), &secret), None).expect("accepted");
    assert_eq!(token.requests().len(), 1);

    token.clear();
    let auth = json!({"serveraddress": registry.host(), "identitytoken": "refresh-alice"});
    assert_eq!(service.auth(&auth, None).expect("accepted"), succeeded("refresh-alice"));
    assert_eq!(token.requests()[0].method, "POST");
    let wrong = json!({"serveraddress": registry.host(), "identitytoken": "refresh-nobody"});
    refused(service.auth(&wrong, None), UNAUTHORIZED);
    assert_canary_nowhere(&[&registry], "refresh-alice");
}

#[test]
fn who_asks_for_no_credentials_takes_all() {
    let (registry, secret) = (Registry::plain(), canary());
    let service = scene::service(json!({}));
    let auth = alice(&registry.host(), &secret);
    assert_eq!(service.auth(&auth, None).expect("accepted"), succeeded(""));
    assert_canary_nowhere(&[&registry], &secret);
    // Nobody in particular may ask, but where a name is wanted there is none.
    let nobody = json!({"serveraddress": registry.host()});
    assert_eq!(service.auth(&nobody, None).expect("accepted"), succeeded(""));
    registry.set_auth(Auth::basic("alice", &secret));
    let failure = refused(service.auth(&nobody, None), UNAUTHORIZED);
    assert!(failure.message.contains("no basic auth credentials"), "{}", failure.message);
}

#[test]
fn addresses_that_are_none_are_refused() {
    let service = scene::service(json!({}));
    for bad in [
        "-x y",
        "ftp://r.test",
        "https://u:CANARY@r.test",
        "r.test:99999",
        "a\nb",
        "https://",
        "..",
    ] {
        let failure = refused(service.auth(&alice(bad, "p"), None), INVALID_ARGUMENT);
        assert_eq!(failure.argument(), "serveraddress", "{bad:?}");
        assert_no_secret("the error", failure.json.to_string(), "CANARY");
        refused(service.logout(bad), INVALID_ARGUMENT);
    }
    for bad in ["", "r.test/team"] {
        assert_eq!(refused(service.logout(bad), INVALID_ARGUMENT).argument(), "host", "{bad:?}");
    }
    for nothing in [
        json!({}),
        json!({"username": "u"}),
        json!({"password": "p"}),
        json!({"registrytoken": "t"}),
    ] {
        refused(service.login(&nothing), INVALID_ARGUMENT);
    }
}

/// An insecure host has two endpoints, https and http, on one port here: the first is a server that speaks TLS.
#[test]
fn wrong_credentials_end_the_search_and_other_failures_do_not() {
    let ca = Ca::default();
    let start = |status: u16| {
        bystander(ServerOptions::default().tls(&ca), move |_| match status {
            401 => ocireg_testkit::rig::ask_basic(),
            status => Reply::empty(status),
        })
    };
    let service = scene::service(json!({"retry": {"max-attempts": 1}}));
    let server = start(401);
    let failure = refused(service.auth(&alice(&server.host(), "wrong"), None), UNAUTHORIZED);
    assert_eq!(failure.json["endpoint"], format!("https://{}", server.host()));
    assert!(failure.json["attempts"].is_null(), "{failure:#?}");

    for status in [403, 404, 500] {
        let server = start(status);
        let failure = service.auth(&alice(&server.host(), "p"), None).expect_err("a failure");
        let attempts = failure.json["attempts"].as_array().expect("attempts");
        let endpoint = |i: usize| attempts[i]["endpoint"].as_str().expect("an endpoint").to_owned();
        assert_eq!(attempts.len(), 2, "{failure:#?}");
        assert_eq!(endpoint(0), format!("https://{}", server.host()));
        assert_eq!(attempts[0]["http_status"], status);
        assert_eq!(endpoint(1), format!("http://{}", server.host()));
        // The last failure is the one that is told.
        assert_eq!(failure.json["endpoint"], attempts[1]["endpoint"]);
        assert_eq!(failure.json["code"], attempts[1]["code"]);
    }
    // One that has no https is asked by http.
    let plain = basic_registry("p");
    let service = trusting(&[&plain.host()]);
    service.auth(&alice(&plain.host(), "p"), None).expect("accepted");
}

#[test]
fn a_mirror_is_never_asked() {
    let (mirror, secret) = (basic_registry("p"), canary());
    let service = scene::service(json!({
        "registry-mirrors": [format!("http://{}", mirror.host())],
        "allow-plain-http-credentials": [mirror.host()],
        "resolve": {"*": []},
        "retry": {"max-attempts": 1},
    }));
    // Without an address the official index is meant.
    for address in ["", "docker.io", "https://index.docker.io/v1/"] {
        let failure = refused(service.auth(&alice(address, &secret), None), 40);
        assert_eq!(failure.json["endpoint"], "https://registry-1.docker.io", "{address}");
    }
    assert_eq!(mirror.connection_count(), 0);
}

#[test]
fn v1_is_asked_last_and_only_where_it_is_wanted() {
    let secret = canary();
    let password = secret.clone();
    let server = bystander(ServerOptions::default(), move |request| {
        use base64::Engine;
        let value = |password: &str| {
            let pair = format!("alice:{password}");
            format!("Basic {}", base64::prelude::BASE64_STANDARD.encode(pair))
        };
        let sent = request.header("authorization").unwrap_or_default();
        match request.target.as_str() {
            "/v1/users/" if sent == value(&password) => Reply::json(200, &json!("OK")),
            "/v1/users/" if sent == value("inactive") => Reply::empty(403),
            "/v1/users/" if sent == value("broken") => Reply::empty(500),
            "/v1/users/" if sent == value("odd") => Reply::empty(418),
            "/v1/users/" => Reply::empty(401),
            _ => Reply::empty(404),
        }
    });
    let host = server.host();
    let with = |v1: Value| {
        let mut options = json!({"allow-plain-http-credentials": [host]});
        options["retry"] = json!({"max-attempts": 1});
        if !v1.is_null() {
            options["v1"] = v1;
        }
        scene::service(options)
    };
    for v1 in [Value::Null, json!(false)] {
        refused(with(v1).auth(&alice(&host, &secret), None), NOT_FOUND);
        assert!(server.requests().iter().all(|r| r.target == "/v2/"));
        assert_canary_nowhere(&[&server], &secret);
    }
    let service = with(json!(true));
    server.clear();
    server.may_receive(&secret);
    let answer = service.auth(&alice(&host, &secret), Some("client/1")).expect("accepted");
    assert_eq!(answer, succeeded(""));
    let asked = server.requests();
    let targets: Vec<_> = asked.iter().map(|r| r.target.as_str()).collect();
    assert_eq!(targets, ["/v2/", "/v1/users/"]);
    assert_eq!(asked[1].header("user-agent"), Some("client/1"));
    for (password, code, says) in [
        ("wrong", UNAUTHORIZED, "wrong login/password"),
        ("inactive", scene::DENIED, "not active"),
        ("broken", SERVER, "500"),
        ("odd", SERVER, "418"),
    ] {
        let failure = refused(service.auth(&alice(&host, password), None), code);
        assert!(failure.message.contains(says), "{}", failure.message);
    }
    // v1 has no word for an identity token, and a v2 registry is not asked by v1.
    let token = json!({"serveraddress": host, "identitytoken": secret});
    refused(service.auth(&token, None), UNAUTHORIZED);
    let registry = basic_registry(&secret);
    let both =
        scene::service(json!({"v1": true, "allow-plain-http-credentials": [registry.host()]}));
    refused(both.auth(&alice(&registry.host(), "wrong"), None), UNAUTHORIZED);
    assert!(registry.requests().iter().all(|r| r.target == "/v2/"));
}

/// What a file keeps beside `auths`, in a form that no program of ours would write.
const ODD: &str = r#"{ "psFormat":"table {{.Names}}\t{{.Image}}", "HttpHeaders" : {"b":1.50, "a":[ ]},
  "auths": {"z.test": {"auth":"eg==", "email" : "z@example.com"}, "not a host": {}, "a.test": {"auth": ""}},
  "big": 123456789012345678901234567890, "credHelpers": {"other.test": "absent"}, "last": null}"#;

#[test]
fn a_login_takes_no_longer_than_it_may() {
    for v1 in [false, true] {
        let server = bystander(ServerOptions::default(), move |request| {
            let mut reply = match request.header("authorization") {
                None => ocireg_testkit::rig::ask_basic(),
                Some(_) => Reply::empty(200),
            };
            if v1 && request.path() == "/v2/" {
                return Reply::empty(404);
            }
            if request.header("authorization").is_some() {
                reply.delay = Duration::from_secs(60);
            }
            reply
        });
        let service = scene::service(json!({
            "v1": v1, "timeouts": {"auth-ms": 300}, "retry": {"max-attempts": 1},
            "allow-plain-http-credentials": [server.host()],
        }));
        let address = format!("http://{}", server.host());
        refused(service.auth(&alice(&address, "p"), None), TIMEOUT);
        assert_eq!(server.requests().len(), 2);
    }
}

#[test]
fn config_json_keeps_all_that_is_not_the_registrys() {
    let registry = basic_registry("p");
    let host = registry.host();
    let directory = tempfile::tempdir().expect("a directory");
    let (d, path) = (directory.path(), config(directory.path()));
    let service = keeping(d, &[&host]);

    // Nothing there yet: the directory and the file are for the owner alone.
    assert_eq!(service.login(&alice(&host, "p")).expect("a login"), kept("", "config.json"));
    let own = format!("\"{host}\": {{\n\t\t\t\"auth\": \"{}\"\n\t\t}}", basic("alice", "p"));
    assert_eq!(read(&path), format!("{{\n\t\"auths\": {{\n\t\t{own}\n\t}}\n}}\n"));
    assert_eq!((mode(&path), mode(d.join("docker"))), (0o600, 0o700));
    assert_eq!(service.credentials(&host).expect("credentials")["username"], "alice");
    // The same again changes nothing.
    let before = read(&path);
    service.login(&alice(&host, "p")).expect("a login");
    assert_eq!(read(&path), before);

    fs::write(&path, ODD).expect("written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o664)).expect("a mode");
    service.login(&alice(&host, "p")).expect("a login");
    let lines = |auths: &str| {
        format!(
            "{{\n\t\"psFormat\": \"table {{{{.Names}}}}\\t{{{{.Image}}}}\",\n\t\"HttpHeaders\": {{\"b\":1.50, \"a\":[ ]}},\n\t\
             \"auths\": {{\n\t\t\"z.test\": {{\"auth\":\"eg==\", \"email\" : \"z@example.com\"}},\n\t\t\
             \"not a host\": {{}},\n\t\t\"a.test\": {{\"auth\": \"\"}}{auths}\n\t}},\n\t\
             \"big\": 123456789012345678901234567890,\n\t\"credHelpers\": {{\"other.test\": \"absent\"}},\n\t\"last\": null\n}}\n"
        )
    };
    assert_eq!(read(&path), lines(&format!(",\n\t\t{own}")));
    assert_eq!(mode(&path), 0o600);
    service.logout(&host).expect("a logout");
    assert_eq!(read(&path), lines(""));

    // Other names of the same registry would hide the new one.
    for old in [format!("https://{host}/v1/"), format!("http://{host}"), format!("https://{host}")]
    {
        let auths =
            json!({"auths": {"a.test": {}, old: {"auth": basic("old", "p")}, "z.test": {}}});
        fs::write(&path, auths.to_string()).expect("written");
        service.login(&alice(&host, "p")).expect("a login");
        let now: Value = serde_json::from_str(&read(&path)).expect("JSON");
        let keys: Vec<_> = now["auths"].as_object().expect("auths").keys().collect();
        assert_eq!(keys, ["a.test", &host, "z.test"]);
        assert_eq!(service.credentials(&host).expect("credentials")["username"], "alice");
        fs::write(&path, auths.to_string()).expect("written");
        service.logout(&format!("https://{host}/v2/")).expect("a logout");
        assert_eq!(service.credentials(&host).expect("nobody")["kind"], "anonymous");
    }
    // What belongs to a repository of it is not the registry's.
    let auths = json!({"auths": {format!("{host}/team"): {"auth": basic("team", "p")}}});
    fs::write(&path, auths.to_string()).expect("written");
    service.logout(&host).expect("a logout");
    assert_eq!(read(&path), auths.to_string());
    // A mode that is narrower stays.
    fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).expect("a mode");
    service.login(&alice(&host, "p")).expect("a login");
    assert_eq!(mode(&path), 0o400);
    let left: Vec<_> = fs::read_dir(d.join("docker")).expect("a directory").collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

#[test]
fn an_identity_token_is_kept_in_place_of_the_password() {
    let secret = canary();
    let token = token_server(&secret);
    let registry = Registry::start(ServerOptions::default(), Auth::bearer(&token));
    let image = scene::image();
    image.push_to(&registry, "demo/app", "1");
    let directory = tempfile::tempdir().expect("a directory");
    let service = keeping(directory.path(), &[&token.host(), &registry.host()]);
    let answer = service.login(&alice(&registry.host(), &secret)).expect("a login");
    assert_eq!(answer, kept("refresh-alice", "config.json"));
    let text = read(config(directory.path()));
    assert_no_secret("the file", &text, &secret);
    let file: Value = serde_json::from_str(&text).expect("JSON");
    let entry = json!({"auth": basic("alice", ""), "identitytoken": "refresh-alice"});
    assert_eq!(file["auths"][registry.host()], entry);
    // The login is what the next pull uses, and gone after the logout.
    scene::pulls(&service, &scene::app(&registry), &json!({}), &image);
    service.logout(&registry.host()).expect("a logout");
    scene::fails(&service, &scene::app(&registry), &json!({}), UNAUTHORIZED);
    // Nothing to forget is no failure.
    service.logout(&registry.host()).expect("a second logout");
    service.logout("never.test").expect("a logout from elsewhere");
}

/// What lets somebody in is what is kept, whatever else the caller gave.
#[test]
fn a_login_keeps_what_was_taken() {
    let (directory, secret) = (tempfile::tempdir().expect("a directory"), canary());
    let entry = |host: &str| -> Value {
        let file: Value = serde_json::from_str(&read(config(directory.path()))).expect("JSON");
        file["auths"][host].clone()
    };
    // Whoever asks for nothing takes an identity token as it is.
    let open = Registry::plain();
    let service = keeping(directory.path(), &[]);
    let auth = json!({"serveraddress": open.host(), "identitytoken": "refresh-x"});
    service.login(&auth).expect("a login");
    assert_eq!(entry(&open.host()), json!({"auth": basic("", ""), "identitytoken": "refresh-x"}));
    // Where a name and a password are asked for, tokens beside them do no harm, and are not what is kept.
    let basic_only = basic_registry(&secret);
    let service = keeping(directory.path(), &[&basic_only.host()]);
    let mut auth = alice(&basic_only.host(), &secret);
    auth["identitytoken"] = json!("refresh-x");
    auth["registrytoken"] = json!("a-token");
    assert_eq!(service.auth(&auth, None).expect("accepted"), succeeded(""));
    assert_eq!(service.login(&auth).expect("a login"), kept("", "config.json"));
    assert_eq!(entry(&basic_only.host()), json!({"auth": basic("alice", &secret)}));
    // A token that lets in says nothing about the password beside it.
    let registry =
        bystander(ServerOptions::default(), |request| match request.header("authorization") {
            Some("Bearer a-token") => Reply::empty(200),
            _ => Reply::empty(401).with("WWW-Authenticate", "Bearer realm=\"/token\""),
        });
    let service = keeping(directory.path(), &[&registry.host()]);
    let mut auth = alice(&registry.host(), "wrong");
    auth["registrytoken"] = json!("a-token");
    service.login(&auth).expect_err("a wrong password");
    assert_eq!(entry(&registry.host()), Value::Null);
}

#[test]
fn nothing_is_kept_for_a_service_without_config_json() {
    let registry = basic_registry("p");
    let service = trusting(&[&registry.host()]);
    assert_eq!(service.login(&alice(&registry.host(), "p")).expect("a login"), kept("", "none"));
    service.logout(&registry.host()).expect("a logout");
    refused(service.login(&alice(&registry.host(), "wrong")), UNAUTHORIZED);
}

#[test]
fn a_refused_login_and_a_file_that_cannot_be_used_change_nothing() {
    let registry = basic_registry("p");
    let directory = tempfile::tempdir().expect("a directory");
    let service = keeping(directory.path(), &[&registry.host()]);
    let path = config(directory.path());
    refused(service.login(&alice(&registry.host(), "wrong")), UNAUTHORIZED);
    assert!(!path.exists());
    service.logout(&registry.host()).expect("a logout");
    assert!(!directory.path().join("docker").exists(), "a logout makes nothing");
    for broken in ["{", "[]", r#"{"auths": 1}"#, "{\"a\": \"\u{0}\"}", "{} {}"] {
        write(&path, broken);
        registry.clear();
        let failure = refused(service.login(&alice(&registry.host(), "p")), CREDENTIALS);
        assert!(failure.message.contains("config.json"), "{}", failure.message);
        assert_eq!(registry.connection_count(), 0, "nothing is sent for what cannot be kept");
        refused(service.logout(&registry.host()), CREDENTIALS);
        assert_eq!(read(&path), broken);
    }
    for blank in ["", " \n", "{}", r#"{"auths": null}"#] {
        write(&path, blank);
        service.login(&alice(&registry.host(), "p")).expect("a login");
        assert_eq!(service.credentials(&registry.host()).expect("known")["username"], "alice");
    }
}

#[test]
fn d7_a_symbolic_link_is_followed_and_stays() {
    let registry = Registry::plain();
    let host = registry.host();
    let directory = tempfile::tempdir().expect("a directory");
    let (d, path) = (directory.path(), config(directory.path()));
    let service = keeping(d, &[]);
    let real = d.join("elsewhere/real.json");
    write(&real, r#"{"keep": 1}"#);
    write(&path, "");
    fs::remove_file(&path).expect("removed");
    fs::create_dir(d.join("links")).expect("made");
    symlink("../elsewhere/real.json", d.join("links/second")).expect("a link");
    symlink("../links/second", &path).expect("a link");
    service.login(&alice(&host, "p")).expect("a login");
    assert!(fs::symlink_metadata(&path).expect("a link").is_symlink());
    assert!(fs::symlink_metadata(d.join("links/second")).expect("a link").is_symlink());
    assert!(read(&real).contains("\"keep\": 1") && read(&real).contains(&basic("alice", "p")));
    assert_eq!(mode(&real), 0o600);
    for place in ["elsewhere", "links", "docker"] {
        assert_eq!(fs::read_dir(d.join(place)).expect("a directory").count(), 1, "{place}");
    }
    service.logout(&host).expect("a logout");
    assert!(!read(&real).contains(&host));

    // Links that lead to nothing, in a circle, or to what is no file.
    for (target, code) in [
        ("nothing-there", IO),
        ("config.json", CREDENTIALS),
        ("../links", CREDENTIALS),
        ("/dev/null", CREDENTIALS),
    ] {
        fs::remove_file(&path).expect("removed");
        symlink(target, &path).expect("a link");
        let failure = refused(service.login(&alice(&host, "p")), code);
        assert!(failure.message.contains("config.json"), "{target}: {}", failure.message);
        assert!(fs::symlink_metadata(&path).expect("a link").is_symlink(), "{target}");
        assert_eq!(fs::read_dir(d.join("docker")).expect("a directory").count(), 1, "{target}");
    }
    assert!(!d.join("docker/nothing-there").exists());
}

/// A log of what a helper was asked, and its store: one file for each server.
fn store_helper(d: &Path, name: &str) {
    let script = format!(
        r#"cd {d}; echo "$1" >>asked; input=$(cat)
        case "$1" in
        store) file=$(printf %s "$input" | sed 's/.*"ServerURL":"\([^"]*\)".*/\1/' | tr / _); printf %s "$input" >"store-$file";;
        get) file=store-$(printf %s "$input" | tr / _); [ -f "$file" ] && cat "$file" ||
            {{ echo credentials not found in native keychain; exit 1; }};;
        erase) rm "store-$(printf %s "$input" | tr / _)";;
        esac"#,
        d = d.display()
    );
    helper(d, name, &script);
}

#[test]
fn a_helper_keeps_what_the_config_names_it_for() {
    in_home("a_helper_keeps_what_the_config_names_it_for", |d| {
        let (registry, other) = (basic_registry("p"), basic_registry("p"));
        let host = registry.host();
        store_helper(d, "own");
        // A secret of an earlier login does not stay in the file.
        let auths =
            json!({"a.test": {}, format!("https://{host}"): {"auth": basic("old", "old-secret")}});
        write(config(d), json!({"credHelpers": {host.clone(): "own"}, "auths": auths}).to_string());
        let service = keeping(d, &[&host, &other.host()]);
        let answer = service.login(&alice(&host, "p")).expect("a login");
        assert_eq!(answer, kept("", "docker-credential-own"));
        let stored: Value =
            serde_json::from_str(&read(d.join(format!("store-{host}")))).expect("JSON");
        assert_eq!(stored, json!({"ServerURL": host, "Username": "alice", "Secret": "p"}));
        let file: Value = serde_json::from_str(&read(config(d))).expect("JSON");
        assert_eq!(file["auths"], json!({"a.test": {}}));
        assert_eq!(service.credentials(&host).expect("known")["source"], "docker-credential-own");
        // Another registry is none of its business.
        let answer = service.login(&alice(&other.host(), "p")).expect("a login");
        assert_eq!(answer["stored"], "config.json");
        assert_eq!(read(d.join("asked")), "store\nget\n");

        // A file that need not change is not written: it may be on a read-only disk.
        let before = fs::metadata(config(d)).expect("a file").ino();
        service.login(&alice(&host, "p")).expect("a login");
        assert_eq!(fs::metadata(config(d)).expect("a file").ino(), before);

        // A logout takes all names that a login may have used.
        for name in [format!("https://{host}"), format!("http://{host}")] {
            write(
                d.join(format!("store-{}", name.replace('/', "_"))),
                "{\"Username\":\"u\",\"Secret\":\"s\"}",
            );
        }
        service.logout(&host).expect("a logout");
        let left = fs::read_dir(d).expect("a directory").flatten();
        assert!(left.into_iter().all(|e| !e.file_name().to_string_lossy().starts_with("store-")));
        service.logout(&host).expect("a second logout");
        assert_eq!(service.credentials(&host).expect("nobody")["kind"], "anonymous");
        assert_eq!(service.credentials(&other.host()).expect("known")["username"], "alice");
    });
}

/// A file's keys mean a registry however it is spelled; so does what a helper has.
#[test]
fn a_helper_has_one_name_for_a_registry() {
    in_home("a_helper_has_one_name_for_a_registry", |d| {
        store_helper(d, "all");
        write(config(d), r#"{"credsStore": "all"}"#);
        let entry = d.join("store-reg.test");
        let service = keeping(d, &[]);
        for spelled in ["reg.test", "REG.TEST", "reg.test:443", "https://Reg.Test:443/v1/"] {
            write(&entry, "{\"Username\":\"u\",\"Secret\":\"s\"}");
            if !spelled.contains("://") {
                assert_eq!(
                    service.credentials(spelled).expect("known")["username"],
                    "u",
                    "{spelled}"
                );
            }
            service.logout(spelled).expect("a logout");
            assert!(!entry.exists(), "{spelled}");
        }
        // What docker kept under the name that it was given is found, and forgotten, too.
        let entry = d.join("store-reg.test:443");
        write(&entry, "{\"Username\":\"u\",\"Secret\":\"s\"}");
        assert_eq!(service.credentials("reg.test:443").expect("known")["username"], "u");
        service.logout("reg.test:443").expect("a logout");
        assert!(!entry.exists());
        // And so is what it has under a name that the file tells.
        write(
            config(d),
            r#"{"credsStore": "all", "auths": {"https://reg.test/v1/": {}, "other.test": {}}}"#,
        );
        let other = d.join("store-other.test");
        let entry = d.join("store-https:__reg.test_v1_");
        for entry in [&entry, &other] {
            write(entry, "{\"Username\":\"u\",\"Secret\":\"s\"}");
        }
        service.logout("reg.test").expect("a logout");
        assert_eq!((entry.exists(), other.exists()), (false, true));

        let registry = basic_registry("p");
        let host = format!("localhost:{}", registry.port());
        let service = scene::service(json!({
            "environment": true, "docker-config": d.join("docker"),
            "resolve": {"*": ["127.0.0.1"]}, "allow-plain-http-credentials": [host],
        }));
        service.login(&alice(&host.to_uppercase(), "p")).expect("a login");
        assert_eq!(service.credentials(&host).expect("known")["username"], "alice");
    });
}

#[test]
fn without_credentials_the_service_has_those_of_the_official_index() {
    in_home("without_credentials_the_service_has_those_of_the_official_index", |d| {
        store_helper(d, "all");
        write(config(d), r#"{"credsStore": "all"}"#);
        let service = scene::service(json!({
            "environment": true, "docker-config": d.join("docker"), "resolve": {"*": []},
            "retry": {"max-attempts": 1},
        }));
        let failure = refused(service.auth(&Value::Null, None), 40);
        assert_eq!(failure.json["endpoint"], "https://registry-1.docker.io");
        assert_eq!(read(d.join("asked")), "get\n");
        // A login says what it logs in with.
        refused(service.login(&Value::Null), INVALID_ARGUMENT);
        // All names of it are one, under which a logout finds it.
        let entry = d.join("store-https:__index.docker.io_v1_");
        for name in ["docker.io", "index.docker.io", "https://index.docker.io/v1/"] {
            write(&entry, "{\"Username\":\"u\",\"Secret\":\"s\"}");
            service.logout(name).expect("a logout");
            assert!(!entry.exists(), "{name}");
        }
    });
}

#[test]
fn an_identity_token_goes_to_a_helper_under_its_own_name() {
    in_home("an_identity_token_goes_to_a_helper_under_its_own_name", |d| {
        let token = token_server("p");
        let registry = Registry::start(ServerOptions::default(), Auth::bearer(&token));
        store_helper(d, "all");
        write(config(d), r#"{"credsStore": "all"}"#);
        let service = keeping(d, &[&token.host(), &registry.host()]);
        let answer = service.login(&alice(&registry.host(), "p")).expect("a login");
        assert_eq!(answer, kept("refresh-alice", "docker-credential-all"));
        let stored = read(d.join(format!("store-{}", registry.host())));
        let stored: Value = serde_json::from_str(&stored).expect("JSON");
        assert_eq!(stored["Username"], "<token>");
        assert_eq!(stored["Secret"], "refresh-alice");
        let known = service.credentials(&registry.host()).expect("known");
        assert_eq!(known["kind"], "identity_token");
        assert_eq!(read(config(d)), r#"{"credsStore": "all"}"#);
    });
}

/// security.md A15: whoever was to keep credentials is not passed over, and nobody else gets them.
#[test]
fn a15_a_helper_that_fails_is_named_and_nothing_is_kept_elsewhere() {
    in_home("a15_a_helper_that_fails_is_named_and_nothing_is_kept_elsewhere", |d| {
        let secret = canary();
        let (registry, other) = (basic_registry(&secret), Registry::plain());
        let host = registry.host();
        helper(d, "sad", "cat >/dev/null; echo it is locked; exit 1");
        for (name, says) in [("absent", "was not found"), ("sad", "it is locked")] {
            let text = json!({"credsStore": name, "auths": {"a.test": {}}}).to_string();
            write(config(d), &text);
            let service = keeping(d, &[&host]);
            let failure = refused(service.login(&alice(&host, &secret)), HELPER);
            assert!(
                failure.message.contains(&format!("docker-credential-{name}")),
                "{}",
                failure.message
            );
            assert!(failure.message.contains(says), "{}", failure.message);
            assert_no_secret("the error", failure.json.to_string(), &secret);
            assert_eq!(read(config(d)), text);
            if name == "absent" {
                // Known before anything is sent.
                assert_eq!(registry.connection_count(), 0);
            }
            let failure = refused(service.logout(&host), HELPER);
            assert!(failure.message.contains(&format!("docker-credential-{name}")));
            assert_eq!(read(config(d)), text);
        }
        assert_canary_nowhere(&[&other], &secret);
    });
}

#[test]
fn a_real_helper_keeps_a_login_and_forgets_it() {
    let environment = |d: &Path| vec![("GNUPGHOME", d.join("gnupg"))];
    alone("a_real_helper_keeps_a_login_and_forgets_it", environment, |d| {
        let _pass = Pass::new(d);
        let secret = "p \"quoted\" é";
        let registry = basic_registry(secret);
        let image = scene::image();
        image.push_to(&registry, "demo/app", "1");
        write(config(d), r#"{"credsStore": "pass"}"#);
        let service = keeping(d, &[&registry.host()]);
        let answer = service.login(&alice(&registry.host(), secret)).expect("a login");
        assert_eq!(answer, kept("", "docker-credential-pass"));
        let known = service.credentials(&registry.host()).expect("known");
        assert_eq!(known["source"], "docker-credential-pass");
        scene::pulls(&service, &scene::app(&registry), &json!({}), &image);
        service.logout(&registry.host()).expect("a logout");
        service.logout(&registry.host()).expect("a second logout");
        let known = service.credentials(&registry.host()).expect("nobody");
        assert_eq!(known["kind"], "anonymous");
        assert_eq!(read(config(d)), r#"{"credsStore": "pass"}"#);
    });
}

/// The tool of the containers project, on the file that we wrote.
fn skopeo_login_of(file: &Path, host: &str) -> Result<String, String> {
    let mut command = Command::new("skopeo");
    command.args(["login", "--get-login", "--authfile"]).arg(file).arg(host);
    let run = process::run(&mut command, Duration::from_secs(30)).expect("run skopeo");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    match run.status.is_some_and(|status| status.success()) {
        true => Ok(text(&run.stdout)),
        false => Err(text(&run.stderr)),
    }
}

#[test]
fn a_real_registry_takes_logins_that_other_tools_read() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = config(directory.path());
    let secret = canary();
    let token = token_server(&secret);
    let by_password =
        Cncf::start(&Options { htpasswd: vec![("alice", &secret)], ..Options::default() });
    let by_token = Cncf::start(&Options { token: Some(&token), ..Options::default() });
    let service =
        keeping(directory.path(), &[&by_password.host(), &by_token.host(), &token.host()]);
    for (registry, identity_token) in [(&by_password, ""), (&by_token, "refresh-alice")] {
        let host = registry.host();
        refused(service.login(&alice(&host, "wrong")), UNAUTHORIZED);
        let answer = service.login(&alice(&host, &secret)).expect("a login");
        assert_eq!(answer, kept(identity_token, "config.json"));
        assert_eq!(skopeo_login_of(&path, &host).expect("skopeo knows alice"), "alice");
    }
    let arguments = ["--tls-verify=false", "--authfile", path.to_str().expect("text")];
    let image = scene::image();
    let creds = format!("--dest-creds=alice:{secret}");
    by_password.push(&image, "demo/app", "1", &[&creds]);
    let reference = format!("{}/demo/app:1", by_password.host());
    // skopeo reads the image with our login, and so do we.
    let manifest =
        ocireg_testkit::cncf::skopeo_inspect(&format!("docker://{reference}"), &arguments);
    assert!(!manifest.is_empty());
    scene::pulls(&service, &reference, &json!({}), &image);
    service.logout(&by_password.host()).expect("a logout");
    assert!(skopeo_login_of(&path, &by_password.host()).is_err());
    assert_eq!(skopeo_login_of(&path, &by_token.host()).expect("still there"), "alice");
    scene::fails(&service, &reference, &json!({}), UNAUTHORIZED);
}

/// Another program has the directory to itself: who waits for it waits no longer than the call may.
#[test]
fn a_login_that_waits_for_the_file_ends_with_its_call() {
    let registry = basic_registry("p");
    let directory = tempfile::tempdir().expect("a directory");
    let service = keeping(directory.path(), &[&registry.host()]);
    service.login(&alice(&registry.host(), "p")).expect("a login");
    let before = read(config(directory.path()));
    let held = fs::File::open(directory.path().join("docker")).expect("a directory");
    held.lock().expect("a lock");
    let ends = |context: &Context, name: &str| {
        let host = c_surface::c(&registry.host());
        let began = Instant::now();
        // SAFETY: live handles and text in, a live place out.
        let failure = c_surface::call(|error| unsafe {
            let context = c_surface::images::pointer(Some(context));
            ocireg_service_logout(service.0, context, host.as_ptr(), error)
        });
        assert_eq!(failure.expect_err("no logout").name, name);
        began.elapsed()
    };
    assert!(ends(&Context::timeout(200), "OCIREG_DEADLINE") < Duration::from_millis(1200));
    let context = Context::new();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(200));
            context.cancel();
        });
        assert!(ends(&context, "OCIREG_CANCELLED") < Duration::from_millis(1200));
    });
    assert_eq!(read(config(directory.path())), before);
    drop(held);
    service.logout(&registry.host()).expect("a logout");
}

/// Fails, or ends the process, at what the environment says.
const BROKEN_DISK: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
static int is(const char *what) { const char *e = getenv("DISK"); return e && strcmp(e, what) == 0; }
ssize_t write(int fd, const void *buffer, size_t size) {
    struct stat s;
    ssize_t (*real)(int, const void *, size_t) = (ssize_t (*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");
    if (fstat(fd, &s) == 0 && S_ISREG(s.st_mode)) {
        if (is("full")) { errno = ENOSPC; return -1; }
        if (is("killed-writing")) { real(fd, buffer, size / 2); kill(getpid(), SIGKILL); }
    }
    return real(fd, buffer, size);
}
int fdatasync(int fd) {
    (void)fd;
    if (is("no-sync")) { errno = EIO; return -1; }
    if (is("killed-before-the-rename")) kill(getpid(), SIGKILL);
    return 0;
}
"#;

/// As a child: logs in as told, and prints what came of it.
fn login_as_told(told: &str) {
    let told: Value = serde_json::from_str(told).expect("JSON");
    // SAFETY: a plain call in a process of its own.
    unsafe { libc::umask(0) };
    let docker = told["docker"].as_str().expect("a directory");
    let service = scene::service(json!({"docker-config": docker}));
    for host in told["hosts"].as_array().expect("hosts") {
        let code = match service.login(&alice(host.as_str().expect("a host"), "new-secret")) {
            Ok(_) => 0,
            Err(failure) => failure.code,
        };
        assert_eq!(code, told["code"], "{host}");
    }
}

#[test]
fn d7_a_failed_or_killed_save_loses_nothing() {
    if let Some(told) = children::told() {
        return login_as_told(&told);
    }
    let registry = Registry::plain();
    let directory = tempfile::tempdir().expect("a directory");
    let d = directory.path();
    let (source, shim) = (d.join("disk.c"), d.join("disk.so"));
    fs::write(&source, BROKEN_DISK).expect("written");
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-o"]).args([&shim, &source]).arg("-ldl");
    assert!(compiler.status().expect("a C compiler").success());
    for (disk, code, left) in [
        ("full", NO_SPACE, 1),
        ("no-sync", IO, 1),
        ("killed-writing", 0, 2),
        ("killed-before-the-rename", 0, 2),
    ] {
        let docker = d.join(disk);
        write(docker.join("config.json"), ODD);
        let tell = json!({"docker": docker, "hosts": [registry.host()], "code": code});
        let mut command =
            children::command("d7_a_failed_or_killed_save_loses_nothing", &tell.to_string());
        command.env("LD_PRELOAD", &shim).env("DISK", disk);
        if code == 0 {
            let run = process::run(&mut command, Duration::from_secs(60)).expect("a child");
            assert!(run.status.is_none_or(|status| !status.success()), "{disk}: not killed");
        } else {
            children::expect_success(&mut command);
        }
        assert_eq!(read(docker.join("config.json")), ODD, "{disk}");
        let names = || fs::read_dir(&docker).expect("a directory").flatten();
        assert_eq!(names().count(), left, "{disk}");
        assert!(names().all(|e| e.file_name() == "config.json" || mode(e.path()) == 0o600));
        // The next login succeeds, and clears away what a killed one left.
        let service = scene::service(json!({"docker-config": docker}));
        service.login(&alice(&registry.host(), "p")).expect("a login");
        assert_eq!(names().count(), 1, "{disk}");
        assert!(read(docker.join("config.json")).contains("psFormat"));
    }
}

#[test]
fn d7_a_directory_that_cannot_be_written_is_named() {
    let test = "d7_a_directory_that_cannot_be_written_is_named";
    if let Some(told) = children::told() {
        return login_as_told(&told);
    }
    let registry = Registry::plain();
    let directory = tempfile::tempdir().expect("a directory");
    let d = directory.path();
    let docker = d.join("docker");
    write(docker.join("config.json"), ODD);
    fs::set_permissions(d, fs::Permissions::from_mode(0o755)).expect("a mode");
    fs::set_permissions(docker.join("config.json"), fs::Permissions::from_mode(0o644))
        .expect("a mode");
    // Root may do anything: the child is somebody else, who may not reach this program where it lies.
    let program = d.join("program");
    process::copy_this_program(&program);
    for owned in [false, true] {
        // A directory for everybody, but with a file of another user: it would be taken from them.
        let mode = if owned { 0o777 } else { 0o555 };
        if owned && fs::metadata(d).expect("a directory").uid() != 0 {
            continue;
        }
        fs::set_permissions(&docker, fs::Permissions::from_mode(mode)).expect("a mode");
        let tell = json!({"docker": docker, "hosts": [registry.host()], "code": PERMISSION});
        let arguments = children::command(test, &tell.to_string());
        let mut command = Command::new(&program);
        command.args(arguments.get_args()).current_dir("/");
        command.envs(arguments.get_envs().filter_map(|(name, value)| Some((name, value?))));
        if fs::metadata(d).expect("a directory").uid() == 0 {
            command.uid(65534).gid(65534);
        }
        children::expect_success(&mut command);
        assert_eq!(read(docker.join("config.json")), ODD);
        assert_eq!(fs::read_dir(&docker).expect("a directory").count(), 1);
    }
    fs::set_permissions(&docker, fs::Permissions::from_mode(0o755)).expect("a mode");
}

#[test]
fn d7_the_owner_of_the_file_stays_its_owner() {
    let registry = Registry::plain();
    let directory = tempfile::tempdir().expect("a directory");
    let path = config(directory.path());
    write(&path, "{}");
    let me = fs::metadata(&path).expect("a file").uid();
    let owner = if me == 0 { 65534 } else { me };
    std::os::unix::fs::chown(&path, Some(owner), None).expect("given away");
    keeping(directory.path(), &[]).login(&alice(&registry.host(), "p")).expect("a login");
    let state = fs::metadata(&path).expect("a file");
    assert_eq!((state.uid(), state.mode() & 0o7777), (owner, 0o600));
}

#[test]
fn d7_logins_at_once_all_last() {
    if let Some(told) = children::told() {
        return login_as_told(&told);
    }
    let registries: Vec<Registry> = (0..6).map(|_| Registry::plain()).collect();
    let hosts: Vec<String> = registries.iter().map(|registry| registry.host()).collect();
    let directory = tempfile::tempdir().expect("a directory");
    let docker = directory.path().join("docker");
    write(docker.join("config.json"), ODD);
    std::thread::scope(|scope| {
        for hosts in hosts.chunks(2) {
            let tell = json!({"docker": docker, "hosts": hosts, "code": 0}).to_string();
            scope.spawn(move || {
                children::expect_success(&mut children::command(
                    "d7_logins_at_once_all_last",
                    &tell,
                ));
            });
        }
    });
    let file: Value = serde_json::from_str(&read(docker.join("config.json"))).expect("JSON");
    for host in &hosts {
        assert_eq!(file["auths"][host]["auth"], basic("alice", "new-secret"), "{host}");
    }
    assert_eq!(mode(docker.join("config.json")), 0o600, "whatever the umask");
}

/// A server that rotates takes each refresh token once.
fn rotating() -> (Server, impl Fn() -> Vec<String>) {
    use std::sync::{Arc, Mutex};
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = seen.clone();
    let server = bystander(ServerOptions::default(), move |request| {
        let form = String::from_utf8_lossy(&request.body).into_owned();
        let sent = form_values(&form, "refresh_token").pop().unwrap_or_default();
        let mut seen = log.lock().expect("a log");
        let next = format!("r{}", seen.len() + 1);
        let wanted = format!("r{}", seen.len());
        if sent != wanted {
            return Reply::empty(401);
        }
        seen.push(sent);
        Reply::json(200, &json!({"access_token": "right", "refresh_token": next}))
    });
    (server, move || seen.lock().expect("a log").clone())
}

#[test]
fn a_rotated_refresh_token_is_used_next_and_given_to_the_login() {
    let (token, seen) = rotating();
    let challenge = format!("Bearer realm=\"{}/token\",service=\"s\"", token.url());
    let registry =
        bystander(ServerOptions::default(), move |request| match request.header("authorization") {
            Some("Bearer right") => Reply::json(200, &json!({"name": "demo/app", "tags": []})),
            _ => Reply::empty(401).with("WWW-Authenticate", &challenge),
        });
    let directory = tempfile::tempdir().expect("a directory");
    let service = keeping(directory.path(), &[&token.host(), &registry.host()]);
    let auth =
        json!({"serveraddress": registry.host(), "identitytoken": "r0", "username": "alice"});
    // Several at once, each with a scope of its own: no refresh token is sent twice.
    std::thread::scope(|scope| {
        for i in 0..4 {
            let (service, registry, auth) = (&service, &registry, &auth);
            scope.spawn(move || {
                let reference = format!("{}/demo/app{i}:1", registry.host());
                let session = service.open(None, &reference, &json!({"auth": auth}));
                session.expect("a session").list_tags(None, &json!({})).expect("tags");
            });
        }
    });
    assert_eq!(seen(), ["r0", "r1", "r2", "r3"]);
    let answer = service.login(&auth).expect("a login");
    assert_eq!(answer, kept("r5", "config.json"));
    let file: Value = serde_json::from_str(&read(config(directory.path()))).expect("JSON");
    assert_eq!(file["auths"][registry.host()]["identitytoken"], "r5");
    // A service that begins with what was kept goes on from there.
    let reference = format!("{}/demo/app:1", registry.host());
    let session = keeping(directory.path(), &[&token.host(), &registry.host()]);
    let session = session.open(None, &reference, &json!({})).expect("a session");
    session.list_tags(None, &json!({})).expect("tags");
    assert_eq!(seen().len(), 6);
}

#[test]
fn a_registry_that_is_down_for_a_moment_is_asked_again() {
    let registry = basic_registry("p");
    registry.fault(Fault::on("/v2/", Action::status(503)).times(2));
    let service = trusting(&[&registry.host()]);
    service.auth(&alice(&registry.host(), "p"), None).expect("accepted");
}

/// Of keys that are one to Go, the last counts and all are changed.
#[test]
fn a_file_whose_keys_come_twice_is_changed_as_it_is_read() {
    let registry = basic_registry("p");
    let host = registry.host();
    let directory = tempfile::tempdir().expect("a directory");
    let path = config(directory.path());
    let service = keeping(directory.path(), &[&host]);
    let old = basic("old", "p");
    write(
        &path,
        format!(
            r#"{{"Auths": {{"gone.test": {{}}}}, "auths": null, "a": 1, "AUTHS": {{"{host}": {{"auth": "{old}"}}, "{host}": {{}}, "z.test": {{"auth": "eg=="}}}}, "auths": {{"y.test": 5}}, "a": 2}}"#
        ),
    );
    service.login(&alice(&host, "p")).expect("a login");
    assert_eq!(service.credentials(&host).expect("known")["username"], "alice");
    let now = read(&path);
    assert_eq!(now.to_lowercase().matches("\"auths\"").count(), 1, "{now}");
    let kept: Value = serde_json::from_str(&now).expect("JSON");
    let keys: Vec<_> = kept["Auths"].as_object().expect("auths").keys().collect();
    assert_eq!(keys, [&host, "z.test", "y.test"]);
    assert_eq!(now.matches("\"a\":").count(), 2, "{now}");
    service.logout(&host).expect("a logout");
    assert!(!read(&path).contains(&host));
    // A file of another encoding is UTF-8 afterwards.
    let utf16: Vec<u8> =
        "\u{feff}{\"name\": \"ä\"}".encode_utf16().flat_map(u16::to_le_bytes).collect();
    write(&path, utf16);
    service.login(&alice(&host, "p")).expect("a login");
    assert_eq!(serde_json::from_str::<Value>(&read(&path)).expect("JSON")["name"], "ä");
}

#[test]
fn nothing_is_written_where_nothing_changes() {
    let registry = basic_registry("p");
    let host = registry.host();
    let directory = tempfile::tempdir().expect("a directory");
    let path = config(directory.path());
    let service = keeping(directory.path(), &[&host]);
    let same = json!({"auths": {host.clone(): {"auth": basic("alice", "p")}}}).to_string();
    for text in [same.clone(), same.replace(':', " :  ")] {
        // What is inside of strings stays.
        let text = if text.contains("127.0.0.1 :  ") { same.clone() + " \n" } else { text };
        write(&path, &text);
        let before = fs::metadata(&path).expect("a file");
        service.login(&alice(&host, "p")).expect("a login");
        service.logout("other.test").expect("a logout");
        let after = fs::metadata(&path).expect("a file");
        assert_eq!((before.ino(), before.ctime_nsec()), (after.ino(), after.ctime_nsec()));
        assert_eq!(read(&path), text);
    }
    // More than a login writes is not the same.
    let more =
        json!({"auths": {host.clone(): {"auth": basic("alice", "p"), "identitytoken": "x"}}});
    write(&path, more.to_string());
    service.login(&alice(&host, "p")).expect("a login");
    assert!(!read(&path).contains("identitytoken"));
}

/// Containers get a single file as a mount, which cannot be replaced, in a directory that may not be writable.
#[test]
fn d7_a_file_that_is_itself_a_mount_is_written_over() {
    let name = "d7_a_file_that_is_itself_a_mount_is_written_over";
    let Some(told) = children::told() else {
        let directory = tempfile::tempdir().expect("a directory");
        write(directory.path().join("outer"), "{\"auths\": {}}");
        write(config(directory.path()), "{}");
        let d = directory.path().to_str().expect("text");
        let file = format!("mount --bind '{d}/outer' '{d}/docker/config.json'");
        let read_only = format!(
            "mount --bind '{d}/docker' '{d}/docker' && {file} && mount -o remount,ro,bind '{d}/docker'"
        );
        for setup in [&file, &read_only] {
            children::apart(name, d, "--mount", setup, &[]);
        }
        return;
    };
    let directory = PathBuf::from(told);
    let path = config(&directory);
    let registry = basic_registry("p");
    let (host, long) = (registry.host(), "x".repeat(3000));
    let service = keeping(&directory, &[&host]);
    let before = fs::metadata(&path).expect("a file").ino();
    for text in ["{}".to_owned(), format!("{{\"long\": \"{long}\"}}"), String::new()] {
        fs::write(&path, &text).expect("written");
        service.login(&alice(&host, "p")).expect("a login");
        assert_eq!(service.credentials(&host).expect("known")["username"], "alice");
        let kept: Value = serde_json::from_str(&read(&path)).expect("JSON");
        assert_eq!(kept["long"].as_str().unwrap_or_default().is_empty(), text.len() < 100);
        service.logout(&host).expect("a logout");
        assert_eq!(service.credentials(&host).expect("nobody")["kind"], "anonymous");
    }
    assert_eq!(fs::metadata(&path).expect("a file").ino(), before);
    assert_eq!(read(directory.join("outer")), read(&path));
    let left = fs::read_dir(directory.join("docker")).expect("a directory").count();
    assert_eq!(left, 1, "a file in the making stayed");
}

/// As docker's own logout: what its login in a browser left goes, what Docker Desktop needs stays.
#[test]
fn a_logout_from_docker_hub_takes_the_tokens_of_a_web_login_with_it() {
    in_home("a_logout_from_docker_hub_takes_the_tokens_of_a_web_login_with_it", |d| {
        let hub = "https://index.docker.io/v1/";
        let (access, refresh) = (format!("{hub}access-token"), format!("{hub}refresh-token"));
        let auths = |token: &str| {
            json!({"auths": {
                hub: {"auth": basic("u", "p")}, access.clone(): {"auth": basic("u", "access")},
                refresh.clone(): {"auth": basic("u", token)}, "other.test": {},
            }})
        };
        let service = keeping(d, &[]);
        let keys = || -> Vec<String> {
            let kept: Value = serde_json::from_str(&read(config(d))).expect("JSON");
            kept["auths"].as_object().expect("auths").keys().cloned().collect()
        };
        for (token, left) in [
            ("refresh..client", vec!["other.test".to_owned()]),
            ("desktop", vec![access.clone(), refresh.clone(), "other.test".to_owned()]),
        ] {
            write(config(d), auths(token).to_string());
            service.logout("other.example").expect("a logout");
            assert_eq!(keys().len(), 4);
            service.logout("docker.io").expect("a logout");
            assert_eq!(keys(), left);
        }
        // In a helper, too.
        let log = d.join("erased");
        helper(
            d,
            "web",
            &format!(
                r#"read s; case "$1$s" in
                   get*refresh-token) cat {}/token;;
                   get*) echo '{{"Username":"u","Secret":"s"}}';;
                   erase*) echo "$s" >>{};; esac"#,
                d.display(),
                log.display()
            ),
        );
        write(config(d), r#"{"credsStore":"web"}"#);
        for (token, erased) in [
            ("refresh..client", format!("{hub}\n{access}\n{refresh}\n")),
            ("desktop", format!("{hub}\n")),
        ] {
            write(d.join("token"), json!({"Username": "u", "Secret": token}).to_string());
            write(&log, "");
            service.logout("docker.io").expect("a logout");
            assert_eq!(read(&log), erased);
        }
    });
}

/// Somebody who logs in is not told to log in, but where the refusal came from and what to check.
#[test]
fn a_refused_login_says_who_refused_and_what_to_check() {
    let token = token_server("p");
    let (basic, bearer) =
        (basic_registry("p"), Registry::start(ServerOptions::default(), Auth::bearer(&token)));
    let service = trusting(&[]);
    for (registry, refuser) in [(&basic, basic.host()), (&bearer, token.host())] {
        let failure = refused(service.auth(&alice(&registry.host(), "wrong"), None), UNAUTHORIZED);
        assert!(failure.message.contains(&refuser), "{}", failure.message);
        let hint = failure.json["hint"].as_str().expect("a hint");
        assert!(hint.contains("check the user name and the password"), "{hint}");
        assert!(!hint.contains("log in"), "{hint}");
    }
    let nobody = json!({"serveraddress": basic.host()});
    let failure = refused(service.auth(&nobody, None), UNAUTHORIZED);
    let hint = failure.json["hint"].as_str().expect("a hint");
    assert!(hint.contains("pass a user name and a password") && !hint.contains("log in"), "{hint}");
}
