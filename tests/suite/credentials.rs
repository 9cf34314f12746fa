//! Where credentials come from: the option, Docker's config.json, credential helpers, auth.json; and that they go
//! to their own registry only.

use std::fs;
use std::io::Read;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::ptr;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ocireg::call::{Call, Context};
use ocireg::credentials::AuthConfig;
use ocireg::credentials::helper::Helper;
use ocireg::error::Code;
use ocireg::ffi::*;
use ocireg::os::environment::Environment;
use ocireg_testkit::image::Spec;
use ocireg_testkit::rig::{assert_canary_nowhere, assert_no_secret, canary};
use ocireg_testkit::{Auth, Ca, Registry, ServerOptions};
use serde_json::{Value, json};

use crate::c_surface::{Failure, Outcome, Service, c, call, call_json, children};
use crate::home::*;

/// A service that knows no names and no certificates.
fn service(options: Value) -> Service {
    let mut options = options.as_object().cloned().expect("an object");
    options.entry("resolve").or_insert_with(|| json!({"*": []}));
    options.entry("certs-dir").or_insert_with(|| json!(""));
    Service::new(&Value::Object(options)).expect("a service")
}

/// The user that a service would be towards a host; `-` for nobody.
fn user(service: &Service, host: &str) -> String {
    let found = service.credentials(host).unwrap_or_else(|e| panic!("{host}: {}", e.message));
    assert_no_secret("the summary", found.to_string(), "secret-of-the-test");
    match found["kind"].as_str() {
        Some("anonymous") => {
            assert_eq!(found, json!({"kind": "anonymous"}));
            "-".to_owned()
        }
        _ => found["username"].as_str().expect("a user").to_owned(),
    }
}

/// A service whose only source is this config.json.
fn with_config(directory: &Path, config: &Value) -> Service {
    write(directory.join("docker/config.json"), config.to_string());
    service(json!({"docker-config": directory.join("docker")}))
}

/// Why a service with this config.json gives no credentials for a host.
fn failure(directory: &Path, config: &Value, host: &str) -> Box<Failure> {
    let outcome: Outcome<Value> = with_config(directory, config).credentials(host);
    let failure = outcome.expect_err("no credentials");
    assert_no_secret("the error", failure.json.to_string(), "secret-of-the-test");
    assert_eq!(failure.json["phase"], "credentials", "{}", failure.message);
    failure
}

#[test]
fn the_sources_are_asked_in_order() {
    let environment = |d: &Path| {
        vec![
            ("DOCKER_CONFIG", d.join("named")),
            ("XDG_RUNTIME_DIR", d.join("run")),
            ("XDG_CONFIG_HOME", d.join("config")),
        ]
    };
    alone("the_sources_are_asked_in_order", environment, |d| {
        let all = ["option", "helper", "store", "docker", "run", "config"];
        // Host N is known to source N and all after it.
        let auths = |from: usize, name: &str| -> Value {
            (0..=from).map(|i| (format!("r{i}.test"), auth(name))).collect()
        };
        helper(
            d,
            "own",
            r#"read host; echo '{"ServerURL":"'"$host"'","Username":"helper","Secret":"x"}'"#,
        );
        helper(
            d,
            "store",
            r#"read host; case "$host" in r[12].test) echo '{"Username":"store","Secret":"x"}';;
               *) echo "credentials not found in native keychain"; exit 1;; esac"#,
        );
        let docker = json!({
            "credHelpers": {"r0.test": "own", "r1.test": "own"}, "credsStore": "store", "auths": auths(3, "docker"),
        });
        write(d.join("named/config.json"), docker.to_string());
        write(d.join("run/containers/auth.json"), json!({"auths": auths(4, "run")}).to_string());
        write(
            d.join("config/containers/auth.json"),
            json!({"auths": auths(5, "config")}).to_string(),
        );
        // Another is named, so that this one is not read.
        write(d.join("home/.docker/config.json"), json!({"auths": auths(6, "home")}).to_string());

        let service =
            service(json!({"credentials": {"r0.test": {"username": "option", "password": "x"}}}));
        for (i, name) in all.iter().enumerate() {
            assert_eq!(user(&service, &format!("r{i}.test")), *name);
        }
        assert_eq!(user(&service, "r6.test"), "-");
        let source = |host| service.credentials(host).expect("credentials")["source"].clone();
        assert_eq!(source("r0.test"), "credentials");
        assert_eq!(source("r1.test"), "docker-credential-own");
        assert_eq!(source("r2.test"), "docker-credential-store");
        assert_eq!(source("r3.test"), json!(d.join("named/config.json")));
        assert_eq!(source("r4.test"), json!(d.join("run/containers/auth.json")));

        // A directory that an option names comes in place of the environment's.
        write(d.join("option/config.json"), json!({"auths": {"r4.test": auth("at")}}).to_string());
        let at = |environment: bool| {
            self::service(json!({"docker-config": d.join("option"), "environment": environment}))
        };
        assert_eq!(user(&at(true), "r3.test"), "run");
        assert_eq!(user(&at(true), "r4.test"), "at");
        assert_eq!(user(&at(false), "r4.test"), "at");
        assert_eq!(user(&at(false), "r3.test"), "-");
        for options in [json!({"docker-config": ""}), json!({"environment": false})] {
            let service = self::service(options);
            for i in 0..7 {
                assert_eq!(user(&service, &format!("r{i}.test")), "-");
            }
        }
    });
}

#[test]
fn the_usual_places_are_below_home() {
    in_home("the_usual_places_are_below_home", |d| {
        let docker = d.join("home/.docker/config.json");
        let containers = d.join("home/.config/containers/auth.json");
        // Nothing there is fine, and what comes later is seen.
        let service = service(json!({}));
        assert_eq!(user(&service, "a.test"), "-");
        write(&docker, json!({"auths": {"a.test": auth("docker")}}).to_string());
        write(&containers, json!({"auths": {"b.test": auth("containers")}}).to_string());
        assert_eq!(user(&service, "a.test"), "docker");
        assert_eq!(user(&service, "b.test"), "containers");
        // A change of the same size, by another file under the name, as logins write it.
        write(d.join("home/new"), json!({"auths": {"a.test": auth("DOCKER")}}).to_string());
        fs::rename(d.join("home/new"), &docker).expect("renamed");
        assert_eq!(user(&service, "a.test"), "DOCKER");
        fs::remove_file(&docker).expect("removed");
        assert_eq!(user(&service, "a.test"), "-");
        // A link to a file elsewhere is the user's choice.
        write(d.join("elsewhere"), json!({"auths": {"a.test": auth("linked")}}).to_string());
        symlink(d.join("elsewhere"), &docker).expect("a link");
        assert_eq!(user(&service, "a.test"), "linked");
    });
}

#[test]
fn a_named_auth_file_is_the_only_one() {
    let environment = |d: &Path| vec![("REGISTRY_AUTH_FILE", d.join("auth-file"))];
    alone("a_named_auth_file_is_the_only_one", environment, |d| {
        write(d.join("auth-file"), json!({"auths": {"a.test": auth("named")}}).to_string());
        let config = d.join("home/.config/containers/auth.json");
        write(config, json!({"auths": {"b.test": auth("usual")}}).to_string());
        let service = service(json!({}));
        assert_eq!(user(&service, "a.test"), "named");
        assert_eq!(user(&service, "b.test"), "-");
    });
}

#[test]
fn without_a_runtime_directory_it_is_that_of_the_containers_tools() {
    let name = "without_a_runtime_directory_it_is_that_of_the_containers_tools";
    if children::told().is_none() {
        return children::apart(name, "go", "--mount", "mount -t tmpfs none /run", &[]);
    }
    // SAFETY: this test is alone in its process.
    unsafe {
        for name in ["REGISTRY_AUTH_FILE", "DOCKER_CONFIG", "XDG_CONFIG_HOME"] {
            std::env::remove_var(name);
        }
        std::env::set_var("HOME", "/run/home");
        std::env::set_var("XDG_RUNTIME_DIR", "/run/user/0");
    }
    let own = |name: &str| json!({"auths": {"a.test": auth(name)}}).to_string();
    write("/run/containers/0/auth.json", own("tools"));
    assert_eq!(user(&service(json!({})), "a.test"), "-");
    write("/run/user/0/containers/auth.json", own("runtime"));
    assert_eq!(user(&service(json!({})), "a.test"), "runtime");
    // SAFETY: as above.
    unsafe { std::env::remove_var("XDG_RUNTIME_DIR") };
    assert_eq!(user(&service(json!({})), "a.test"), "tools");
    assert_eq!(user(&service(json!({"environment": false})), "a.test"), "-");
}

/// security.md A16: a host is a host, not a part of one.
#[test]
fn keys_match_whole_hosts_and_the_longest_path() {
    in_home("keys_match_whole_hosts_and_the_longest_path", |d| {
        let keys = json!({
            "reg.test": auth("host"),
            "reg.test/team": auth("team"),
            "reg.test/team/app": auth("app"),
            "port.test:5000": auth("port"),
            "only.test/team": auth("only"),
            "https://legacy.test/v1/": auth("legacy"),
            "http://legacy2.test/v2/": auth("legacy2"),
            "https://bare.test": auth("bare"),
            "[2001:db8::1]:5000": auth("six"),
            "https://index.docker.io/v1/": auth("hub"),
            "https://index.docker.io/v1/access-token": auth("not-hub"),
            "no host at all": auth("none"),
            "": auth("none"),
        });
        let table = [
            ("reg.test", "host"),
            ("REG.TEST", "host"),
            ("reg.test:443", "host"),
            ("reg.test/other", "host"),
            ("reg.test/teams", "host"),
            ("reg.test/team", "team"),
            ("reg.test/team/x/y", "team"),
            ("reg.test/team/app", "app"),
            ("reg.test/team/app/x", "app"),
            ("reg.test/team/apple", "team"),
            ("reg.test.evil", "-"),
            ("evilreg.test", "-"),
            ("reg.test.", "-"),
            ("reg.test:80", "-"),
            ("reg.test:4430", "-"),
            ("eg.test", "-"),
            ("test", "-"),
            ("port.test", "-"),
            ("port.test:5000", "port"),
            ("port.test:50001", "-"),
            ("only.test", "-"),
            ("only.test/team/x", "only"),
            ("legacy.test", "legacy"),
            ("legacy2.test/a/b", "legacy2"),
            ("bare.test", "bare"),
            ("[2001:db8::1]:5000", "six"),
            ("docker.io", "hub"),
            ("docker.io/library/busybox", "hub"),
            ("index.docker.io", "hub"),
            ("registry-1.docker.io", "hub"),
            ("docker.io.evil", "-"),
        ];
        let file = with_config(d, &json!({ "auths": keys }));
        for (host, expected) in table {
            assert_eq!(user(&file, host), expected, "{host} in a file");
        }
        let mut keys = keys;
        for bad in ["", "no host at all"] {
            keys.as_object_mut().expect("an object").remove(bad);
        }
        let option = service(json!({"credentials": keys, "docker-config": ""}));
        for (host, expected) in table {
            assert_eq!(user(&option, host), expected, "{host} in the option");
        }
        for bad in ["", "a\nb", "a\r", "..", "reg.test/a\nb"] {
            let failure = file.credentials(bad).expect_err("no host");
            assert_eq!(failure.name, "OCIREG_INVALID_ARGUMENT", "{bad:?}");
            assert_eq!(failure.argument(), "host");
        }
    });
}

/// Programs that log in under a registry's own name leave what an older one wrote under the whole address.
#[test]
fn a_registrys_own_name_comes_before_other_spellings_of_it() {
    in_home("a_registrys_own_name_comes_before_other_spellings_of_it", |d| {
        let keys = json!({
            "https://reg.test": auth("old"),
            "https://reg.test/v1/": auth("older"),
            "reg.test": auth("own"),
            "REG.TEST": auth("loud"),
            "http://reg.test/team": auth("old"),
            "reg.test/team": auth("team"),
            "https://index.docker.io/v1/": auth("hub"),
            "docker.io": auth("other"),
            "index.docker.io": auth("other"),
        });
        let file = with_config(d, &json!({ "auths": keys }));
        let option = service(json!({"credentials": keys, "docker-config": ""}));
        for service in [&file, &option] {
            assert_eq!(user(service, "reg.test"), "own");
            assert_eq!(user(service, "reg.test/team/app"), "team");
            assert_eq!(user(service, "docker.io"), "hub");
        }
        // The helper is asked under the name that the entry has.
        helper(d, "own", r#"read host; echo '{"Username":"'"$host"'","Secret":"x"}'"#);
        let keys = json!({"https://reg.test": {}, "reg.test": {}, "https://old.test": {}});
        let file = with_config(d, &json!({"auths": keys, "credsStore": "own"}));
        assert_eq!(user(&file, "reg.test"), "reg.test");
        assert_eq!(user(&file, "old.test"), "https://old.test");
    });
}

#[test]
fn every_form_of_an_entry_is_read() {
    in_home("every_form_of_an_entry_is_read", |d| {
        let service = with_config(
            d,
            &json!({"auths": {
                "a.test": {"auth": basic("a", "p:w"), "email": "x@example.com"},
                "b.test": {"username": "b", "password": "p"},
                "c.test": {"auth": basic("c", ""), "identitytoken": "secret-of-the-test"},
                "d.test": {"registrytoken": "secret-of-the-test"},
                "e.test": {},
                "f.test": {"auth": ""},
                "g.test/x": {},
                "g.test": auth("g"),
                "h.test": {"username": "h"},
                "i.test": {"password": "secret-of-the-test"},
            }, "credsStore": "", "HttpHeaders": {"X": "y"}, "psFormat": "table"}),
        );
        let file = json!(d.join("docker/config.json"));
        let table = [
            ("a.test", json!({"username": "a", "source": file, "kind": "password"})),
            ("b.test", json!({"username": "b", "source": file, "kind": "password"})),
            ("c.test", json!({"username": "c", "source": file, "kind": "identity_token"})),
            ("d.test", json!({"source": file, "kind": "registry_token"})),
            ("e.test", json!({"kind": "anonymous"})),
            ("f.test", json!({"kind": "anonymous"})),
            ("g.test/x", json!({"username": "g", "source": file, "kind": "password"})),
            // Half of a pair is never sent.
            ("h.test", json!({"username": "h", "source": file, "kind": "anonymous"})),
            ("i.test", json!({"source": file, "kind": "anonymous"})),
        ];
        for (host, expected) in table {
            assert_eq!(service.credentials(host).expect("an answer"), expected, "{host}");
        }
    });
}

#[test]
fn malformed_files_are_refused_by_name_and_never_quoted() {
    in_home("malformed_files_are_refused_by_name_and_never_quoted", |d| {
        let path = d.join("docker/config.json");
        let service = service(json!({"docker-config": d.join("docker")}));
        let secret = "secret-of-the-test";
        let bad = [
            format!("{{\"auths\": {{\"a.test\": {{\"auth\": \"{secret}"),
            secret.to_owned(),
            format!("[\"{secret}\"]"),
            format!("{{\"auths\": \"{secret}\"}}"),
            format!("{{\"auths\": {{\"a.test\": \"{secret}\"}}}}"),
            format!("{{\"auths\": {{\"a.test\": {{\"auth\": [\"{secret}\"]}}}}}}"),
            format!("{{\"credsStore\": [\"{secret}\"]}}"),
            format!("{{\"credHelpers\": [\"{secret}\"]}}"),
            format!("{{\"credHelpers\": {{\"a.test\": [\"{secret}\"]}}}}"),
        ];
        for text in bad {
            write(&path, &text);
            let failure = service.credentials("a.test").expect_err(&text);
            assert_eq!(failure.name, "OCIREG_CREDENTIALS", "{text}");
            assert!(failure.message.contains(path.to_str().expect("text")), "{}", failure.message);
            assert_no_secret("the error", failure.json.to_string(), secret);
            assert!(failure.json["hint"].is_string());
        }
        write(&path, "{\n \"auths\": {},}");
        let failure = service.credentials("a.test").expect_err("a comma");
        assert!(failure.message.contains("not valid JSON (line 2"), "{}", failure.message);
        write(&path, b"{\"auths\": {\"a.test\": {\"auth\": \"\xff\xfe\"}}}");
        assert_eq!(service.credentials("a.test").expect_err("no text").name, "OCIREG_CREDENTIALS");

        // An entry that cannot be used fails for its own registry only.
        for entry in [
            json!({ "auth": secret }),
            json!({"auth": STANDARD.encode(secret)}),
            json!({"auth": basic("a\nb", secret)}),
            json!({"auth": basic("a", secret), "identitytoken": "a\nb"}),
            json!({"registrytoken": "a\rb"}),
            json!({"username": secret, "password": 5}),
            json!([secret]),
            json!(secret),
        ] {
            write(&path, json!({"auths": {"a.test": entry, "b.test": auth("b")}}).to_string());
            let failure = service.credentials("a.test").expect_err("a bad entry");
            assert_eq!(failure.name, "OCIREG_CREDENTIALS");
            assert!(failure.message.contains("a.test"), "{}", failure.message);
            assert_no_secret("the error", failure.json.to_string(), secret);
            assert_eq!(user(&service, "b.test"), "b");
        }

        for empty in ["", " \n", "{}", "{\"auths\": null}"] {
            write(&path, empty);
            assert_eq!(user(&service, "a.test"), "-", "{empty:?}");
        }
        let padded = |size: usize| {
            let mut text = json!({"auths": {"a.test": auth("a")}}).to_string();
            text.push_str(&" ".repeat(size - text.len()));
            text
        };
        write(&path, padded(4 * 1024 * 1024));
        assert_eq!(user(&service, "a.test"), "a");
        write(&path, padded(4 * 1024 * 1024 + 1));
        assert_eq!(
            service.credentials("a.test").expect_err("too large").name,
            "OCIREG_CREDENTIALS"
        );
        // What is there and cannot be read is not the same as nothing; what cannot be there is.
        fs::remove_file(&path).expect("removed");
        std::os::unix::fs::symlink(&path, &path).expect("a link to itself");
        service.credentials("a.test").expect_err("a loop");
        fs::remove_file(&path).expect("removed");
        fs::create_dir(&path).expect("a directory");
        assert_eq!(
            service.credentials("a.test").expect_err("a directory").name,
            "OCIREG_CREDENTIALS"
        );
        fs::remove_dir(&path).expect("removed");
        write(&path, "{}");
        let below = self::service(json!({ "docker-config": path }));
        assert_eq!(user(&below, "a.test"), "-");
        // What would block is refused.
        fs::remove_file(&path).expect("removed");
        assert!(Command::new("mkfifo").arg(&path).status().expect("mkfifo").success());
        assert_eq!(service.credentials("a.test").expect_err("a pipe").name, "OCIREG_CREDENTIALS");
    });
}

#[test]
fn d1_a_helper_gets_one_line_and_a_clean_process() {
    in_home("d1_a_helper_gets_one_line_and_a_clean_process", |d| {
        let log = d.join("log");
        helper(
            d,
            "log",
            &format!(
                r#"cat >{log}.stdin; echo "$# $1" >{log}.arguments; ls /proc/self/fd >{log}.fd
                   cat /proc/self/status >{log}.status; ps -o pgid= -p $$ >{log}.pgid; echo $$ >>{log}.pgid
                   echo '{{"ServerURL":"https://reg.test:5000","Username":"u","Secret":"s"}}'"#,
                log = log.display()
            ),
        );
        helper(d, "token", r#"echo '{"Username":"<token>","Secret":"secret-of-the-test"}'"#);
        helper(d, "nobody", r#"echo '{"ServerURL":"x.test","Username":"","Secret":""}'"#);
        helper(
            d,
            "echo",
            r#"read h; echo '{"ServerURL":"'"$h"'","Username":"'"$h"'","Secret":"s"}'"#,
        );

        // A host that ignores and blocks signals, and has a descriptor that survives exec.
        let file = fs::File::open("/dev/null").expect("a file");
        let leaking = rustix::io::dup(&file).expect("a descriptor");
        // SAFETY: plain calls; the set is initialised by the first.
        unsafe {
            let mut all = std::mem::zeroed();
            libc::sigfillset(&mut all);
            libc::pthread_sigmask(libc::SIG_BLOCK, &all, ptr::null_mut());
            libc::signal(libc::SIGPIPE, libc::SIG_IGN);
        }
        let config = json!({"credHelpers": {"reg.test:5000": "log", "t.test": "token", "x.test": "nobody", "mask.test": "python"},
            "credsStore": "echo", "auths": {"https://old.test/v1/": {}, "x.test": auth("x")}});
        let service = with_config(d, &config);
        assert_eq!(user(&service, "reg.test:5000"), "u");
        drop(leaking);
        let read = |what: &str| fs::read_to_string(d.join(format!("log.{what}"))).expect("a log");
        assert_eq!(read("stdin"), "reg.test:5000\n");
        assert_eq!(read("arguments"), "1 get\n");
        // The fourth is that of `ls` on the directory itself.
        assert_eq!(read("fd").split_whitespace().collect::<Vec<_>>(), ["0", "1", "2", "3"]);
        let status = read("status");
        let line =
            |name: &str| status.lines().find(|l| l.starts_with(name)).expect(name).to_owned();
        let ignored = line("SigIgn:");
        let ignored =
            u64::from_str_radix(ignored.rsplit('\t').next().expect("a mask"), 16).expect("hex");
        assert_eq!(ignored & (1 << (libc::SIGPIPE - 1)), 0, "{status}");
        let group = read("pgid");
        let group: Vec<&str> = group.split_whitespace().collect();
        assert_eq!(group[0], group[1], "a group of its own");

        // A shell would unblock them itself.
        let python = d.join("bin/docker-credential-python");
        let script = "#!/usr/bin/env python3\n\
            import json\n\
            lines = dict(line.split(':', 1) for line in open('/proc/self/status'))\n\
            print(json.dumps({'Username': 'blocked' + lines['SigBlk'].strip(), 'Secret': 's'}))\n";
        write(&python, script);
        fs::set_permissions(&python, fs::Permissions::from_mode(0o755)).expect("a mode");
        assert_eq!(user(&service, "mask.test"), "blocked0000000000000000");

        let token = service.credentials("t.test").expect("a token");
        assert_eq!(token, json!({"source": "docker-credential-token", "kind": "identity_token"}));
        assert_eq!(user(&service, "x.test"), "x", "a helper with nothing is no source");
        let small = std::thread::Builder::new().stack_size(256 * 1024);
        std::thread::scope(|scope| {
            let asked =
                small.spawn_scoped(scope, || user(&service, "small.test")).expect("a thread");
            assert_eq!(asked.join().expect("an answer"), "small.test");
        });
        // Under which name they are asked.
        assert_eq!(user(&service, "docker.io/library/busybox"), "https://index.docker.io/v1/");
        assert_eq!(user(&service, "old.test"), "https://old.test/v1/");
        assert_eq!(user(&service, "any.test:1"), "any.test:1");
    });
}

/// security.md A15, D1, D2, D3, D5: each is an error of its own, in time, and nobody else is asked.
#[test]
fn d2_d3_d5_bad_helpers_are_errors_within_their_time() {
    in_home("d2_d3_d5_bad_helpers_are_errors_within_their_time", |d| {
        // SAFETY: a plain call. A C host has not asked for EPIPE either.
        unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
        let good = r#"{"ServerURL":"r.test","Username":"u","Secret":"secret-of-the-test"}"#;
        let table = [
            ("exit0", "exit 0".to_owned(), "not the JSON object"),
            ("exit1", "exit 1".to_owned(), "exit status: 1"),
            ("killed", "kill -9 $$".to_owned(), "signal: 9"),
            (
                "text",
                "echo 'pass is not initialized'; exit 1".to_owned(),
                "pass is not initialized",
            ),
            (
                "text0",
                "echo 'credentials not found in native keychain'; exit 0".to_owned(),
                "not the JSON",
            ),
            (
                "like",
                "echo 'error: no credentials not found'; exit 1".to_owned(),
                "no credentials not found",
            ),
            ("secret", format!("echo '{good}'; exit 1"), "exit status: 1"),
            ("leaky", format!("echo '{good}' >&2; exit 1"), "exit status: 1"),
            ("half", format!("echo '{}'", &good[..40]), "not the JSON"),
            ("two", format!("echo '{good}{good}'"), "not the JSON"),
            ("list", format!("echo '[{good}]'"), "not the JSON"),
            (
                "type",
                r#"echo '{"Username":1,"Secret":"secret-of-the-test"}'"#.to_owned(),
                "not the JSON",
            ),
            ("binary", r"printf '\377\376\000'".to_owned(), "not valid UTF-8"),
            (
                "other",
                good.replace("r.test", "evil.test").replace('{', "echo '{") + "'",
                "another server",
            ),
            (
                "suffix",
                good.replace("r.test", "r.test.evil").replace('{', "echo '{") + "'",
                "another server",
            ),
            (
                "newline",
                r#"printf '%s' '{"Username":"u\nv","Secret":"a"}'"#.to_owned(),
                "control character",
            ),
            ("huge", "head -c 100000000 /dev/zero".to_owned(), "larger than 1 MiB"),
            ("hang", "sleep 1000".to_owned(), "did not finish within 1000 ms"),
            (
                "deaf",
                "trap '' TERM INT HUP; while :; do sleep 1; done".to_owned(),
                "did not finish within",
            ),
            ("silent", "exec >&-; sleep 1000".to_owned(), "did not finish within"),
            ("missing", String::new(), "not found in $PATH, or is not executable"),
        ];
        for (name, script, expected) in &table {
            if !script.is_empty() {
                helper(d, name, script);
            }
            // Neither the file nor the next source is a way out.
            let config = json!({"credsStore": name, "auths": {"r.test": auth("fallback")}});
            write(d.join("docker/config.json"), config.to_string());
            let service =
                service(json!({"docker-config": d.join("docker"), "timeouts": {"auth-ms": 1000}}));
            let start = Instant::now();
            let failure = service.credentials("r.test").expect_err(name);
            let time = start.elapsed();
            assert_eq!(failure.name, "OCIREG_CREDENTIAL_HELPER", "{name}: {}", failure.message);
            assert!(failure.message.contains(expected), "{name}: {}", failure.message);
            assert!(
                failure.message.contains(&format!("docker-credential-{name}")),
                "{}",
                failure.message
            );
            assert!(time < Duration::from_millis(2500), "{name} took {time:?}");
            assert_no_secret(name, failure.json.to_string(), "secret-of-the-test");
            assert_eq!(failure.json["phase"], "credentials");
            assert!(failure.json["hint"].is_string());
        }
        assert_no_children();

        // One that cannot be started is not at fault itself.
        let path = d.join("bin/docker-credential-foreign");
        write(&path, "#!/no/such/interpreter\n");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("a mode");
        let config = json!({"credsStore": "foreign"});
        let error = Helper::find("foreign", Environment::of_process(true), Duration::from_secs(5))
            .expect("a helper")
            .get("r.test", &Call::new(None))
            .expect_err("no program");
        assert_eq!(error.code(), Code::Io, "{error}");
        assert!(error.to_string().contains("cannot be started"), "{error}");
        let failure = with_config(d, &config).credentials("r.test").expect_err("no program");
        assert_eq!(failure.name, "OCIREG_IO", "{}", failure.message);

        // A helper has a time of its own, and may be waited for as long as the call.
        write(d.join("docker/config.json"), json!({"credsStore": "hang"}).to_string());
        let service = service(json!({
            "docker-config": d.join("docker"), "credential-helper-timeout-ms": 300,
        }));
        let failure = service.credentials("r.test").expect_err("too slow");
        assert!(failure.message.contains("did not finish within 300 ms"), "{}", failure.message);
        let hint = failure.json["hint"].as_str().expect("a hint");
        assert!(hint.contains("credential-helper-timeout-ms"), "{hint}");
        helper(d, "patient", &format!("sleep 1; echo '{good}'"));
        write(d.join("docker/config.json"), json!({"credsStore": "patient"}).to_string());
        let service = self::service(json!({
            "docker-config": d.join("docker"), "credential-helper-timeout-ms": 0,
            "timeouts": {"auth-ms": 200},
        }));
        assert_eq!(user(&service, "r.test"), "u");
        assert_no_children();

        // These are odd, but they answer.
        for (name, script) in [
            ("noisy", format!("head -c 10000000 /dev/zero >&2; echo '{good}'")),
            ("unread", format!("exec <&-; echo '{good}'")),
            ("parent", format!("sleep 1000 & echo '{good}'")),
            ("slow", format!("sleep 0.3; echo '{good}'; sleep 0.2")),
            ("big", format!("head -c 1000000 /dev/zero | tr '\\0' ' '; echo '{good}'")),
            ("lines", r#"printf '%s' '{"Username":"u","Secret":"{\n\t1\r\n}\n"}'"#.to_owned()),
            ("case", r#"echo '{"username":"u","SECRET":"s","serverurl":"r.test"}'"#.to_owned()),
            ("twice", r#"echo '{"Username":"a","Username":"u","Secret":"s"}'"#.to_owned()),
            (
                "more",
                r#"echo '{"ServerURL":null,"Username":"u","Secret":"s","Expiry":[5]}'"#.to_owned(),
            ),
        ] {
            helper(d, name, &script);
            let start = Instant::now();
            let service = with_config(d, &json!({ "credsStore": name }));
            assert_eq!(user(&service, "r.test"), "u", "{name}");
            assert!(start.elapsed() < Duration::from_secs(3), "{name}");
        }
        // And these have nothing, each in its own words.
        for (name, script) in [
            ("none", "echo 'credentials not found in native keychain'; exit 1"),
            ("None", "echo 'Credentials not found.'; exit 2"),
            ("empty", "echo '{}'"),
            ("null", r#"echo '{"ServerURL":"","Username":null,"Secret":null}'"#),
        ] {
            helper(d, name, script);
            assert_eq!(user(&with_config(d, &json!({ "credsStore": name })), "r.test"), "-");
        }
        assert_no_children();
    });
}

/// Fails if a process that a helper began still sleeps, or a child is left as a zombie.
fn assert_no_children() {
    let mine = std::process::id().to_string();
    let output = Command::new("ps").args(["-eo", "ppid=,pgid=,stat=,args="]).output().expect("ps");
    let text = String::from_utf8(output.stdout).expect("text");
    for line in text.lines() {
        let ppid = line.split_whitespace().next().expect("a parent");
        assert!(ppid != mine || line.contains("ps -eo"), "left behind: {line}");
    }
    // Orphans belong to init, and have our directory nowhere; they are known by their odd time.
    let own = std::env::var(CHILD).expect("the directory");
    for entry in fs::read_dir("/proc").expect("/proc").flatten() {
        let Ok(cwd) = fs::read_link(entry.path().join("cwd")) else { continue };
        let pid = entry.file_name().to_string_lossy().into_owned();
        if cwd != Path::new(&own) || pid == mine || pid == "self" || pid == "thread-self" {
            continue;
        }
        // One that was just killed may still be on its way out.
        let mut tries = 0;
        while running(&entry.path()) {
            tries += 1;
            assert!(
                tries < 50,
                "still running: {:?}",
                fs::read_to_string(entry.path().join("cmdline"))
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

fn running(process: &Path) -> bool {
    let mut text = String::new();
    let file =
        fs::OpenOptions::new().read(true).custom_flags(libc::O_CLOEXEC).open(process.join("stat"));
    let Ok(mut file) = file else { return false };
    file.read_to_string(&mut text).is_ok() && !text.contains(") Z ")
}

#[test]
fn a_call_ends_before_its_helper() {
    in_home("a_call_ends_before_its_helper", |d| {
        helper(d, "hang", "sleep 1000");
        let service = with_config(d, &json!({"credsStore": "hang"}));
        let ask = |context: *mut ocireg_context| {
            let host = c("r.test");
            // SAFETY: live handles and text in, live places out.
            call_json(|json, error| unsafe {
                ocireg_service_credentials(service.0, context, host.as_ptr(), json, error)
            })
            .expect_err("a failure")
        };
        let mut context = ptr::null_mut();
        // SAFETY: a live place; freed below.
        call(|error| unsafe { ocireg_context_new(&mut context, error) }).expect("a context");
        // SAFETY: a live context.
        unsafe { ocireg_context_set_timeout(context, 300) };
        let start = Instant::now();
        assert_eq!(ask(context).name, "OCIREG_DEADLINE");
        assert!(start.elapsed() < Duration::from_millis(1300), "{:?}", start.elapsed());
        // SAFETY: a live context, cancelled by another thread while a call uses it.
        unsafe { ocireg_context_set_timeout(context, 0) };
        let shared = context as usize;
        let start = Instant::now();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                std::thread::sleep(Duration::from_millis(300));
                // SAFETY: freed only after the scope.
                unsafe { ocireg_context_cancel(shared as *const ocireg_context) };
            });
            assert_eq!(ask(context).name, "OCIREG_CANCELLED");
        });
        assert!(start.elapsed() < Duration::from_millis(1300), "{:?}", start.elapsed());
        // SAFETY: freed once, nobody uses it.
        unsafe { ocireg_context_free(context) };
        assert_no_children();
    });
}

/// security.md X18: a host that ignores SIGCHLD takes the status for itself.
#[test]
fn a_host_that_reaps_our_children_disturbs_nothing() {
    in_home("a_host_that_reaps_our_children_disturbs_nothing", |d| {
        let answer = r#"echo '{"Username":"u","Secret":"s"}'"#;
        helper(d, "good", answer);
        helper(d, "gone", "echo credentials not found in native keychain; exit 1");
        helper(d, "bad", "echo no; exit 1");
        helper(d, "hang", "sleep 1000");
        // SAFETY: a plain call.
        unsafe { libc::signal(libc::SIGCHLD, libc::SIG_IGN) };
        for _ in 0..5 {
            assert_eq!(user(&with_config(d, &json!({"credsStore": "good"})), "r.test"), "u");
        }
        assert_eq!(user(&with_config(d, &json!({"credsStore": "gone"})), "r.test"), "-");
        let failure = failure(d, &json!({"credsStore": "bad"}), "r.test");
        assert_eq!(failure.name, "OCIREG_CREDENTIAL_HELPER");
        // How a helper ended is not known then: one that has something to say of what it should keep has failed.
        let run = Call::new(None);
        let (bad, quiet) = (["bad", "gone"], "quiet");
        helper(d, quiet, "cat >/dev/null");
        let found = |name| Helper::find(name, heard(), Duration::from_secs(10)).expect("a helper");
        for name in bad {
            let stored = found(name).store("r.test", &login("u", "p"), &run);
            let error = stored.expect_err(name);
            assert_eq!(error.code(), Code::CredentialHelper);
            assert!(error.to_string().contains("cannot store the credentials"), "{error}");
        }
        let erased = found("bad").erase("r.test", &run).expect_err("no");
        assert_eq!(erased.code(), Code::CredentialHelper);
        assert!(erased.to_string().contains("cannot erase the credentials"), "{erased}");
        found(quiet).store("r.test", &login("u", "p"), &run).expect("kept");
        found(quiet).erase("r.test", &run).expect("forgotten");
        write(d.join("docker/config.json"), json!({"credsStore": "hang"}).to_string());
        let options = json!({"docker-config": d.join("docker"), "timeouts": {"auth-ms": 200}});
        let failure = service(options).credentials("r.test").expect_err("too slow");
        assert_eq!(failure.name, "OCIREG_CREDENTIAL_HELPER");
    });
}

/// security.md D4: only a name, only from PATH, never from the working directory.
#[test]
fn d4_helpers_come_from_path_alone() {
    let environment = |d: &Path| {
        let [bin, later] = ["bin", "later"].map(|name| d.join(name).display().to_string());
        vec![(
            "PATH",
            PathBuf::from(format!(":.:relative:/nonexistent:{bin}:{later}:/usr/bin:/bin")),
        )]
    };
    alone("d4_helpers_come_from_path_alone", environment, |d| {
        let evil = |path: &str| {
            let script = format!("#!/bin/sh\ntouch {}/evil\n", d.display());
            write(d.join(path), script);
            fs::set_permissions(d.join(path), fs::Permissions::from_mode(0o755)).expect("a mode");
        };
        evil("docker-credential-here");
        evil("relative/docker-credential-here");
        evil("evil-program");
        evil("bin/docker-credential-a b");
        evil("bin/docker-credential-a;b");
        for name in [
            "here",
            "../evil-program",
            "/../evil-program",
            "a b",
            "a;b",
            "a\nb",
            "a\0b",
            "$(x)",
            "ä",
        ] {
            let failure = failure(d, &json!({ "credsStore": name }), "r.test");
            assert_eq!(failure.name, "OCIREG_CREDENTIAL_HELPER", "{name:?}");
        }
        assert!(!d.join("evil").exists());
        // What is no program is passed over, and one further on is taken.
        fs::create_dir(d.join("bin/docker-credential-echo")).expect("made");
        write(d.join("bin/docker-credential-text"), "#!/bin/sh\n");
        for name in ["echo", "text"] {
            let failure = failure(d, &json!({ "credsStore": name }), "r.test");
            assert!(failure.message.contains("not found in $PATH"), "{}", failure.message);
        }
        fs::create_dir(d.join("later")).expect("made");
        for name in ["echo", "text", "of.some_kind-1"] {
            let path = d.join(format!("later/docker-credential-{name}"));
            write(&path, "#!/bin/sh\necho '{\"Username\":\"later\",\"Secret\":\"s\"}'\n");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("a mode");
            assert_eq!(user(&with_config(d, &json!({ "credsStore": name })), "r.test"), "later");
        }
        // An empty name is none: Docker's way to keep a registry out of the store.
        helper(d, "store", r#"echo '{"Username":"store","Secret":"s"}'"#);
        let config = json!({"credsStore": "store", "credHelpers": {"r.test": ""}, "auths": {"r.test": auth("file")}});
        let service = with_config(d, &config);
        assert_eq!(user(&service, "r.test"), "file");
        assert_eq!(user(&service, "s.test"), "store");
        // PATH is part of the environment: where that has no say, no helper runs, and the error says why.
        let options = json!({"docker-config": d.join("docker"), "environment": false});
        let failure = self::service(options).credentials("s.test").expect_err("not run");
        assert_eq!(failure.name, "OCIREG_CREDENTIAL_HELPER");
        assert!(failure.message.contains("environment is false"), "{}", failure.message);
    });
}

/// security.md D1: a second line would be a second registry.
#[test]
fn d1_nothing_is_smuggled_into_a_helper() {
    in_home("d1_nothing_is_smuggled_into_a_helper", |d| {
        helper(d, "log", &format!("cat >>{}/asked; echo '{{}}'", d.display()));
        let found = Helper::find("log", heard(), Duration::from_secs(5)).expect("a helper");
        let run = Call::new(None);
        for server in ["a\nb", "a\rb", "a\0b", "a\x1bb", "", "\n"] {
            let error = found.get(server, &run).expect_err("refused");
            assert_eq!(error.code(), Code::CredentialHelper, "{server:?}");
            assert!(found.erase(server, &run).is_err());
            assert!(found.store(server, &login("u", "p"), &run).is_err());
        }
        for username in ["a\nb", "a\rb", "a\0b"] {
            assert!(found.store("r.test", &login(username, "p"), &run).is_err());
        }
        let mut token = login("u", "");
        token.identitytoken = "a\nb".to_owned();
        assert!(found.store("r.test", &token, &run).is_err());
        assert!(!d.join("asked").exists(), "it was run");
        // A key of the file that a login left is a server's name, too.
        let config = json!({"credsStore": "log", "auths": {"r.test/a\nb": {}, "r.test\n": {}}});
        assert_eq!(user(&with_config(d, &config), "r.test"), "-");
        assert!(fs::read_to_string(d.join("asked")).expect("asked").ends_with("r.test\n"));
    });
}

fn heard() -> Environment {
    Environment::of_process(true)
}

fn login(username: &str, password: &str) -> AuthConfig {
    let mut auth = AuthConfig::default();
    auth.username = username.to_owned();
    auth.password = password.to_owned();
    auth
}

/// The real helper for pass, with a key and a store of its own.
#[test]
fn a_real_helper_stores_gives_lists_and_erases() {
    let environment = |d: &Path| vec![("GNUPGHOME", d.join("gnupg"))];
    alone("a_real_helper_stores_gives_lists_and_erases", environment, |d| {
        let _pass = Pass::new(d);

        let run = Call::new(Some(&Context::new().expect("a context")));
        let pass =
            Helper::find("pass", heard(), Duration::from_secs(30)).expect("docker-credential-pass");
        assert!(pass.list(&run).expect("a list").is_empty());
        let secret = "secret-of-the-test é \"quoted\"";
        pass.store("r.test:5000", &login("alice", secret), &run).expect("stored");
        pass.store("https://index.docker.io/v1/", &login("hub", "p"), &run).expect("stored");
        let mut token = AuthConfig::default();
        token.identitytoken = secret.to_owned();
        pass.store("t.test", &token, &run).expect("stored");
        let mut list = pass.list(&run).expect("a list");
        list.sort();
        let pair = |server: &str, user: &str| (server.to_owned(), user.to_owned());
        let expected = [
            pair("https://index.docker.io/v1/", "hub"),
            pair("r.test:5000", "alice"),
            pair("t.test", "<token>"),
        ];
        assert_eq!(list, expected);
        let got = pass.get("r.test:5000", &run).expect("an answer").expect("credentials");
        assert!(got == login("alice", secret));

        let config = json!({"auths": {"r.test:5000": {}, "t.test": {}, "f.test": auth("file")}, "credsStore": "pass"});
        let service = with_config(d, &config);
        assert_eq!(user(&service, "r.test:5000"), "alice");
        assert_eq!(user(&service, "docker.io"), "hub");
        assert_eq!(service.credentials("t.test").expect("a token")["kind"], "identity_token");
        assert_eq!(user(&service, "r.test"), "-");
        assert_eq!(user(&service, "f.test"), "file");
        pass.erase("r.test:5000", &run).expect("erased");
        assert_eq!(user(&service, "r.test:5000"), "-");
    });
}

/// Pulls an image by a service; gives the report.
fn pull(service: &Service, reference: &str, directory: &Path, options: &Value) -> Outcome<Value> {
    let destination = c(&format!("oci:{}:1", directory.join("image").display()));
    let (reference, options) = (c(reference), c(&options.to_string()));
    // SAFETY: live handle and text in, live places out.
    call_json(|json, error| unsafe {
        let context = ptr::null();
        let (source, destination) = (reference.as_ptr(), destination.as_ptr());
        ocireg_pull(service.0, context, source, destination, options.as_ptr(), json, error)
    })
}

#[test]
fn pulls_use_them_and_only_at_their_registry() {
    in_home("pulls_use_them_and_only_at_their_registry", |d| {
        let secret = canary();
        let ca = Ca::default();
        let image = Spec::busybox(&["linux/amd64"]).build();
        let start = |name: &str, auth: Auth| {
            let identity = ca.server(&[name]);
            let options = ServerOptions::default().name(name).identity(identity);
            let registry = Registry::start(options, auth);
            image.push_to(&registry, "team/app", "1");
            ca.write_certs_d(&d.join("certs"), &format!("{name}:{}", registry.port()), None);
            registry
        };
        let registry = start("registry.test", Auth::basic("alice", &secret));
        registry.may_receive(&secret);
        let other = start("registry.test.evil", Auth::basic("alice", "nobody knows"));
        let host = format!("registry.test:{}", registry.port());
        let other_host = format!("registry.test.evil:{}", other.port());
        let options = json!({
            // Not loopback by name or block, so that nothing is insecure; it ends there all the same.
            "resolve": {"*": [], "registry.test": ["0.0.0.0"], "registry.test.evil": ["0.0.0.0"]},
            "certs-dir": d.join("certs"),
            "docker-config": d.join("docker"),
        });
        let answer = json!({"ServerURL": host, "Username": "alice", "Secret": secret}).to_string();
        helper(
            d,
            "rig",
            &format!(
                "read h; [ \"$h\" = {host} ] && echo '{answer}' || {{ echo credentials not found in native keychain; exit 1; }}"
            ),
        );
        let right = json!({"auth": basic("alice", &secret)});
        let wrong = json!({"auth": basic("alice", "wrong")});
        let configs = [
            json!({"auths": {host.clone(): right}}),
            json!({"auths": {host.clone(): wrong, format!("{host}/team"): right}}),
            json!({"auths": {format!("https://{host}/v1/"): right}}),
            json!({"credHelpers": {host.clone(): "rig"}, "auths": {host.clone(): wrong}}),
            json!({"credsStore": "rig"}),
        ];
        for config in &configs {
            write(d.join("docker/config.json"), config.to_string());
            let service = service(options.clone());
            let report = pull(&service, &format!("{host}/team/app:1"), d, &json!({}))
                .unwrap_or_else(|e| panic!("{}", e.json));
            assert_eq!(report["descriptor"]["digest"], json!(image.digest));
            assert_no_secret("the report", report.to_string(), &secret);
            // The other registry asks for credentials, and nobody has any for it.
            let failure = pull(&service, &format!("{other_host}/team/app:1"), d, &json!({}))
                .expect_err("no credentials");
            assert_eq!(failure.name, "OCIREG_UNAUTHORIZED", "{}", failure.message);
            assert_no_secret("the error", failure.json.to_string(), &secret);
            ocireg_testkit::canary::assert_none_below(&d.join("image"), &[]);
            fs::remove_dir_all(d.join("image")).expect("pulled");
        }
        // What the call has comes first, even if it is nobody.
        let service = service(options);
        let reference = format!("{host}/team/app:1");
        let failure = pull(&service, &reference, d, &json!({"auth": {}})).expect_err("anonymous");
        assert_eq!(failure.name, "OCIREG_UNAUTHORIZED");
        helper(d, "rig", "echo it is locked; exit 1");
        let failure = pull(&service, &reference, d, &json!({})).expect_err("no fallback");
        assert_eq!(failure.name, "OCIREG_CREDENTIAL_HELPER");
        let requests = registry.requests().len();
        pull(&service, &reference, d, &json!({"auth": {"username": "alice", "password": secret}}))
            .expect("the helper is not asked");
        assert!(registry.requests().len() > requests);
        assert_canary_nowhere(&[&other], &secret);
    });
}

/// Who serves a mirror is not who the official registry's credentials are for.
#[test]
fn a_mirror_gets_its_own_credentials_only() {
    in_home("a_mirror_gets_its_own_credentials_only", |d| {
        let (hub, own) = (canary(), canary());
        let ca = Ca::default();
        let image = Spec::busybox(&["linux/amd64"]).build();
        let options =
            ServerOptions::default().name("mirror.test").identity(ca.server(&["mirror.test"]));
        let mirror = Registry::start(options, Auth::basic("alice", &own));
        mirror.may_receive(&own);
        image.push_to(&mirror, "team/app", "1");
        let host = format!("mirror.test:{}", mirror.port());
        ca.write_certs_d(&d.join("certs"), &host, None);
        let log = d.join("asked");
        helper(
            d,
            "log",
            &format!(
                r#"read h; echo "$h" >>{}; case "$h" in
                   https://index.docker.io/v1/) echo '{{"Username":"hub","Secret":"{hub}"}}';;
                   *) echo credentials not found in native keychain; exit 1;; esac"#,
                log.display()
            ),
        );
        let options = json!({
            "resolve": {"*": [], "mirror.test": ["0.0.0.0"]},
            "certs-dir": d.join("certs"),
            "docker-config": d.join("docker"),
            "registry-mirrors": [format!("https://{host}")],
            "retry": {"max-attempts": 1},
        });
        let service = service(options);
        let reference = "docker.io/team/app:1";
        write(d.join("docker/config.json"), json!({"credsStore": "log"}).to_string());
        let failure = pull(&service, reference, d, &json!({})).expect_err("no credentials");
        assert_eq!(failure.name, "OCIREG_UNAUTHORIZED", "{}", failure.message);
        let asked = fs::read_to_string(&log).expect("a log");
        assert_eq!(asked, format!("{host}\nhttps://index.docker.io/v1/\n"));
        assert!(!mirror.requests().is_empty());

        let auth = json!({"username": "hub", "password": hub});
        pull(&service, reference, d, &json!({ "auth": auth })).expect_err("the call's neither");
        let config = json!({"credsStore": "log", "auths": {host: {"auth": basic("alice", &own)}}});
        write(d.join("docker/config.json"), config.to_string());
        pull(&service, reference, d, &json!({})).unwrap_or_else(|e| panic!("{}", e.json));
        assert_canary_nowhere(&[&mirror], &hub);
    });
}

/// Docker and the containers tools are written in Go, and so is what their files may hold.
#[test]
fn login_files_are_read_as_go_reads_them() {
    in_home("login_files_are_read_as_go_reads_them", |d| {
        let path = d.join("docker/config.json");
        let service = service(json!({"docker-config": d.join("docker")}));
        let (a, b) = (basic("a", "p"), basic("b", "p"));
        let lines = {
            let long = basic("a", &"p".repeat(120));
            format!("{}\\r\\n{}\\n", &long[..76], &long[76..])
        };
        // Whose credentials there are for r.test; `-` is nobody's.
        let table = [
            // Letter case, also of what Go takes for the same letters.
            (format!(r#"{{"Auths":{{"r.test":{{"AUTH":"{a}"}}}}}}"#), "a"),
            (format!(r#"{{"AUTHſ":{{"r.test":{{"auth":"{a}"}}}}}}"#), "a"),
            (r#"{"auths":{"r.test":{"UserName":"a","passWord":"p"}}}"#.to_owned(), "a"),
            (format!(r#"{{"auths":{{"R.TEST:443":{{"auth":"{a}"}}}}}}"#), "a"),
            // The last of two.
            (format!(r#"{{"auths":{{"r.test":{{"auth":"{a}","auth":"{b}"}}}}}}"#), "b"),
            (format!(r#"{{"auths":{{"r.test":{{"auth":"{a}","Auth":"{b}"}}}}}}"#), "b"),
            (
                format!(r#"{{"auths":{{"r.test":{{"auth":"{a}"}},"r.test":{{"auth":"{b}"}}}}}}"#),
                "b",
            ),
            (format!(r#"{{"auths":{{"r.test":{{"auth":"{a}"}}}},"auths":{{"x":{{}}}}}}"#), "a"),
            (format!(r#"{{"auths":{{"r.test":{{"auth":"{a}"}}}},"auths":null}}"#), "-"),
            (format!(r#"{{"other":1,"other":2,"auths":{{"r.test":{{"auth":"{a}"}}}}}}"#), "a"),
            // null is empty.
            (format!(r#"{{"auths":{{"r.test":{{"auth":"{a}","auth":null}}}}}}"#), "a"),
            (r#"{"auths":{"r.test":null},"credHelpers":null,"credsStore":null}"#.to_owned(), "-"),
            (
                format!(
                    r#"{{"credHelpers":{{"r.test":null}},"credsStore":"no","auths":{{"r.test":{{"auth":"{a}"}}}}}}"#
                ),
                "a",
            ),
            ("null".to_owned(), "-"),
            // `auth` before name and password.
            (format!(r#"{{"auths":{{"r.test":{{"auth":"{a}","username":"b"}}}}}}"#), "a"),
            (
                format!(
                    r#"{{"auths":{{"r.test":{{"username":"b","password":"q","auth":"{a}"}}}}}}"#
                ),
                "a",
            ),
            (r#"{"auths":{"r.test":{"auth":"","username":"a","password":"p"}}}"#.to_owned(), "a"),
            // Line breaks, no padding, more than nothing in the last bits.
            (format!(r#"{{"auths":{{"r.test":{{"auth":"{lines}"}}}}}}"#), "a"),
            (r#"{"auths":{"r.test":{"auth":"YTpwcA=="}}}"#.to_owned(), "a"),
            (r#"{"auths":{"r.test":{"auth":"YTpwcA"}}}"#.to_owned(), "a"),
            (r#"{"auths":{"r.test":{"auth":"YTpwcB=="}}}"#.to_owned(), "a"),
            (r#"{"auths":{"r.test":{"auth":"YTpw\u0063A=\u003d"}}}"#.to_owned(), "a"),
            // A value of a wrong type costs its own entry.
            (
                format!(
                    r#"{{"auths":{{"x.test":5,"y.test":{{"auth":[]}},"r.test":{{"auth":"{a}"}}}}}}"#
                ),
                "a",
            ),
            (
                format!(
                    r#"{{"credHelpers":{{"x.test":5}},"auths":{{"r.test":{{"auth":"{a}"}}}}}}"#
                ),
                "a",
            ),
            (
                format!(
                    r#"{{"HttpHeaders":5,"detachKeys":[],"auths":{{"r.test":{{"auth":"{a}","email":5}}}}}}"#
                ),
                "a",
            ),
            // What follows the object is not read; nor is half a character that nobody asks for.
            (format!("{{\"auths\":{{\"r.test\":{{\"auth\":\"{a}\"}}}}}}\n}}"), "a"),
            (format!(r#"{{"psFormat":"\ud800","auths":{{"r.test":{{"auth":"{a}"}}}}}}"#), "a"),
            (format!("\u{feff}{{\"auths\":{{\"r.test\":{{\"auth\":\"{a}\"}}}}}}"), "a"),
        ];
        for (text, expected) in &table {
            write(&path, text);
            assert_eq!(user(&service, "r.test"), *expected, "{text}");
        }
        let mut bytes = format!(r#"{{"psFormat":"?","auths":{{"r.test":{{"auth":"{a}"}}}}}}"#)
            .replace('?', "\u{0}")
            .into_bytes();
        let at = bytes.iter().position(|b| *b == 0).expect("a place");
        bytes[at] = 0xff;
        write(&path, bytes);
        assert_eq!(user(&service, "r.test"), "a");
        // The same for auth.json.
        let containers = d.join("home/.config/containers/auth.json");
        write(&containers, format!(r#"{{"AUTHS":{{"r.test/team":{{"Auth":"{b}"}},"q":7}}}}"#));
        let usual = self::service(json!({}));
        assert_eq!(user(&usual, "r.test/team/app"), "b");
        assert_eq!(user(&usual, "r.test"), "-");
    });
}

/// Some clouds take a JSON file of a key for a password.
const KEY: &str = "{\n  \"type\": \"service_account\",\r\n\t\"key\": \"-----BEGIN\\n\"\n}\n";

#[test]
fn a_password_of_several_lines_is_used_as_it_is() {
    in_home("a_password_of_several_lines_is_used_as_it_is", |d| {
        let registry = Registry::start(ServerOptions::default(), Auth::basic("_json_key", KEY));
        let image = Spec::busybox(&["linux/amd64"]).build();
        image.push_to(&registry, "team/app", "1");
        let host = registry.host();
        let reference = format!("{host}/team/app:1");
        let account = json!({"username": "_json_key", "password": KEY});
        let encoded = json!({"auth": basic("_json_key", KEY)});
        let docker = d.join("docker/config.json");
        let with = |more: Value| {
            let mut options = json!({
                "docker-config": d.join("docker"), "allow-plain-http-credentials": [host],
            });
            let more = more.as_object().expect("options").clone();
            options.as_object_mut().expect("options").extend(more);
            service(options)
        };
        let pulls = |service: &Service, options: Value| {
            pull(service, &reference, d, &options).unwrap_or_else(|e| panic!("{}", e.json));
            fs::remove_dir_all(d.join("image")).expect("pulled");
        };
        for auth in [&account, &encoded] {
            pulls(&with(json!({})), json!({ "auth": auth }));
            pulls(&with(json!({"credentials": {host.clone(): auth}})), json!({}));
            write(&docker, json!({"auths": {host.clone(): auth}}).to_string());
            pulls(&with(json!({})), json!({}));
        }
        write(d.join("answer"), json!({"Username": "_json_key", "Secret": KEY}).to_string());
        helper(d, "lines", &format!("cat {}/answer", d.display()));
        write(&docker, json!({"credsStore": "lines"}).to_string());
        pulls(&with(json!({})), json!({}));
        // A login keeps it, in the file and in a helper.
        let login = |service: &Service| {
            let mut auth = account.clone();
            auth["serveraddress"] = json!(host);
            service.login(&auth).expect("a login")
        };
        write(&docker, "{}");
        login(&with(json!({})));
        pulls(&with(json!({})), json!({}));
        helper(d, "keep", &format!("[ $1 != store ] || cat >{}/kept", d.display()));
        write(&docker, json!({"credsStore": "keep"}).to_string());
        login(&with(json!({})));
        let kept: Value =
            serde_json::from_str(&fs::read_to_string(d.join("kept")).expect("kept")).expect("JSON");
        assert_eq!(kept, json!({"ServerURL": host, "Username": "_json_key", "Secret": KEY}));
        // What goes into a header or a line as it is stays strict.
        for (key, value) in
            [("username", "a\nb"), ("identitytoken", "a\nb"), ("registrytoken", "a\rb")]
        {
            let failure = pull(&with(json!({})), &reference, d, &json!({"auth": {key: value}}))
                .expect_err("a control character");
            assert_eq!(failure.argument(), key, "{}", failure.message);
        }
    });
}

/// A code's name, the variables that name a source, and what messages say of it.
type BrokenSource = (&'static str, Vec<(&'static str, PathBuf)>, &'static str);

/// How a source of credentials can fail.
fn broken_sources(d: &Path) -> Vec<BrokenSource> {
    let path = |name: &str| d.join(name);
    write(path("missing/config.json"), r#"{"credsStore":"absent"}"#);
    helper(d, "locked", "echo it is locked; exit 1");
    helper(d, "mute", "exit 0");
    write(path("locked/config.json"), r#"{"credHelpers":{"127.0.0.1":"x"},"credsStore":"locked"}"#);
    write(path("mute/config.json"), r#"{"credsStore":"mute"}"#);
    write(path("broken/config.json"), "{");
    write(path("type/config.json"), r#"{"auths":[]}"#);
    fs::create_dir_all(path("directory/config.json")).expect("a directory");
    fs::create_dir_all(path("loop")).expect("a directory");
    symlink(path("loop/config.json"), path("loop/config.json")).expect("a link to itself");
    fs::create_dir_all(path("run/containers/auth.json")).expect("a directory");
    let docker = |name: &str| vec![("DOCKER_CONFIG", path(name))];
    vec![
        ("CREDENTIAL_HELPER", docker("missing"), "docker-credential-absent was not found"),
        ("CREDENTIAL_HELPER", docker("locked"), "it is locked"),
        ("CREDENTIAL_HELPER", docker("mute"), "not the JSON object"),
        ("CREDENTIALS", docker("broken"), "not valid JSON"),
        ("CREDENTIALS", docker("type"), "auths must be a JSON object"),
        ("CREDENTIALS", docker("directory"), "not a regular file"),
        ("CREDENTIALS", docker("loop"), "cannot read"),
        ("CREDENTIALS", vec![("XDG_RUNTIME_DIR", path("run"))], "not a regular file"),
        ("CREDENTIALS", vec![("DOCKER_AUTH_CONFIG", "{".into())], "DOCKER_AUTH_CONFIG"),
    ]
}

#[test]
fn a15_a_source_that_fails_ends_no_call_that_reads_what_is_public() {
    in_home("a15_a_source_that_fails_ends_no_call_that_reads_what_is_public", |d| {
        let secret = canary();
        let public = Registry::plain();
        let private = Registry::start(ServerOptions::default(), Auth::basic("alice", &secret));
        let image = Spec::busybox(&["linux/amd64"]).build();
        for registry in [&public, &private] {
            image.push_to(registry, "team/app", "1");
        }
        let reference = |registry: &Registry| format!("{}/team/app:1", registry.host());
        for (name, environment, why) in broken_sources(d) {
            // SAFETY: this test is alone in its process, and no other thread of it runs.
            unsafe {
                for (name, value) in &environment {
                    std::env::set_var(name, value);
                }
            }
            let hosts = [public.host(), private.host()];
            let made = || service(json!({ "allow-plain-http-credentials": hosts }));
            let service = made();
            let report = pull(&service, &reference(&public), d, &json!({}))
                .unwrap_or_else(|e| panic!("{why}: {}", e.json));
            fs::remove_dir_all(d.join("image")).expect("pulled");
            let warning = report["warnings"][0].as_str().expect("a warning");
            assert!(warning.contains(why) && warning.contains(&public.host()), "{warning}");
            assert_eq!(report["warnings"].as_array().expect("a list").len(), 1);
            let inspection = service.inspect(None, &reference(&public), &json!({}));
            assert_eq!(inspection.expect("inspected")["warnings"], report["warnings"]);
            let session = service.open(None, &reference(&public), &json!({})).expect("open");
            let info = session.info().expect("a session");
            assert_eq!(info["warnings"], report["warnings"]);
            let logged = service.1.of("credentials");
            let told = |record: &Value| record["level"] == "warn" && record["message"] == warning;
            assert!(logged.iter().any(told), "{logged:?}");

            // Where somebody is asked for, the source is at fault.
            let told = |failure: Box<Failure>| {
                assert_eq!(failure.name, format!("OCIREG_{name}"), "{}", failure.message);
                assert!(failure.message.contains(why), "{}", failure.message);
                assert!(failure.json["hint"].is_string(), "{}", failure.json);
            };
            let failure = pull(&service, &reference(&private), d, &json!({})).expect_err("nobody");
            assert_eq!(failure.json["http_status"], 401);
            told(failure);
            told(service.credentials(&public.host()).expect_err("asked for by itself"));
            // What changes something, or says that it will, begins with nobody's credentials nowhere.
            for registry in [&public, &private] {
                registry.clear();
                for actions in [json!(["pull", "push"]), json!(["delete"]), json!(["*"])] {
                    let options = json!({ "actions": actions });
                    let opened = service.open(None, &reference(registry), &options);
                    told(opened.err().expect("to push"));
                }
                assert_eq!(registry.requests().len(), 0);
            }
            let endpoint = service.endpoint(&json!({ "URL": public.url() })).expect("an endpoint");
            let whole = endpoint.session(None).expect("a session");
            whole.ping(None).expect("somebody is there");
            let session = whole.repository("team/app").expect("a repository");
            public.clear();
            let mut writer = ptr::null_mut();
            // SAFETY: live handles in, live places out.
            let begun = call(|error| unsafe {
                ocireg_session_put_blob(session.0, ptr::null(), ptr::null(), &mut writer, error)
            });
            told(begun.expect_err("an upload"));
            assert_eq!(public.requests().len(), 0);
            // Credentials of the call's own need no source.
            let own = json!({"auth": {"username": "alice", "password": secret}});
            private.may_receive(&secret);
            pull(&service, &reference(&private), d, &own).expect("pulled");
            fs::remove_dir_all(d.join("image")).expect("pulled");
            // SAFETY: as above.
            unsafe {
                for (name, _) in &environment {
                    std::env::remove_var(name);
                }
            }
        }
        // A file that was named itself is to be used or nothing.
        write(d.join("named"), "{");
        // SAFETY: as above.
        unsafe { std::env::set_var("REGISTRY_AUTH_FILE", d.join("named")) };
        let failure = pull(&service(json!({})), &reference(&public), d, &json!({}));
        assert_eq!(failure.expect_err("a named file").name, "OCIREG_CREDENTIALS");
        // One that is not there yet is where a login will leave it.
        fs::remove_file(d.join("named")).expect("removed");
        pull(&service(json!({})), &reference(&public), d, &json!({})).expect("pulled");
    });
}
