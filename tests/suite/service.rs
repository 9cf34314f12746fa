//! Services and endpoints through the C surface, beyond the vectors.

use std::fs;
use std::path::PathBuf;
use std::ptr;
use std::sync::Arc;
use std::thread;

use crate::c_surface::*;
use ocireg::ffi::*;
use serde_json::{Value, json};

/// A service on which only the names given resolve, and which looks for certificates nowhere.
fn service(options: Value) -> Service {
    let mut options = options.as_object().cloned().expect("an object");
    options.entry("resolve").or_insert_with(|| json!({"*": []}));
    options.entry("certs-dir").or_insert_with(|| json!(""));
    Service::new(&Value::Object(options)).expect("a service")
}

fn refused(options: Value) -> Box<Failure> {
    match Service::new(&options) {
        Ok(_) => panic!("{options} must be refused"),
        Err(failure) => failure,
    }
}

/// A directory of the test's own, removed at its end.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let path =
            std::env::temp_dir().join(format!("ocireg-service-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).expect("a temporary directory");
        Self(path)
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        fs::write(&path, text).expect("a file");
        path.display().to_string()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn null_is_refused_and_named_except_for_options() {
    let mut made = ptr::dangling_mut();
    // SAFETY: NULL options are allowed.
    call(|error| unsafe { ocireg_service_new(ptr::null(), &mut made, error) }).expect("defaults");
    let service = Service::owning(made);
    assert_eq!(service.config().expect("a configuration")["Mirrors"], json!([]));
    let (null, none, text) = (ptr::null(), ptr::null(), c"x".as_ptr());
    let mut number = 7;
    let number: *mut i32 = &mut number;
    let mut out = ptr::null_mut();
    let out: *mut *mut std::ffi::c_char = &mut out;
    let handle = service.0.cast_const();
    type Case<'a> = (&'a str, Box<dyn Fn(*mut *mut ocireg_error) -> i32 + 'a>);
    // SAFETY, for all: NULL is allowed to be passed, and refused.
    let cases: Vec<Case<'_>> = vec![
        ("service", Box::new(|e| unsafe { ocireg_service_new(text, ptr::null_mut(), e) })),
        ("service", Box::new(|e| unsafe { ocireg_service_config(null, out, e) })),
        ("json", Box::new(|e| unsafe { ocireg_service_config(handle, ptr::null_mut(), e) })),
        (
            "options_json",
            Box::new(|e| unsafe { ocireg_service_replace_config(handle, ptr::null(), e) }),
        ),
        ("service", Box::new(|e| unsafe { ocireg_service_load_mirrors(null, text, e) })),
        ("list_json", Box::new(|e| unsafe { ocireg_service_load_mirrors(handle, ptr::null(), e) })),
        (
            "list_json",
            Box::new(|e| unsafe {
                ocireg_service_load_insecure_registries(handle, ptr::null(), e)
            }),
        ),
        (
            "list_json",
            Box::new(|e| unsafe {
                ocireg_service_load_allow_nondistributable_artifacts(handle, ptr::null(), e)
            }),
        ),
        (
            "service",
            Box::new(|e| unsafe { ocireg_service_lookup_pull_endpoints(null, none, text, out, e) }),
        ),
        (
            "hostname",
            Box::new(|e| unsafe {
                ocireg_service_lookup_push_endpoints(handle, none, ptr::null(), out, e)
            }),
        ),
        (
            "json",
            Box::new(|e| unsafe {
                ocireg_service_lookup_pull_endpoints(handle, none, text, ptr::null_mut(), e)
            }),
        ),
        (
            "reference",
            Box::new(|e| unsafe {
                ocireg_service_resolve_repository(handle, none, ptr::null(), out, e)
            }),
        ),
        (
            "hostname",
            Box::new(|e| unsafe { ocireg_service_tls_config(handle, none, ptr::null(), out, e) }),
        ),
        (
            "host",
            Box::new(|e| unsafe {
                ocireg_service_is_insecure_registry(handle, none, ptr::null(), number, e)
            }),
        ),
        (
            "insecure",
            Box::new(|e| unsafe {
                ocireg_service_is_insecure_registry(handle, none, text, ptr::null_mut(), e)
            }),
        ),
        (
            "service",
            Box::new(|e| unsafe { ocireg_endpoint_new(null, text, (&raw mut *out).cast(), e) }),
        ),
        (
            "api_endpoint_json",
            Box::new(|e| unsafe {
                ocireg_endpoint_new(handle, ptr::null(), (&raw mut *out).cast(), e)
            }),
        ),
        (
            "endpoint",
            Box::new(|e| unsafe { ocireg_endpoint_new(handle, text, ptr::null_mut(), e) }),
        ),
        ("endpoint", Box::new(|e| unsafe { ocireg_endpoint_to_string(ptr::null(), out, e) })),
        ("endpoint", Box::new(|e| unsafe { ocireg_endpoint_path(ptr::null(), text, out, e) })),
        ("endpoint", Box::new(|e| unsafe { ocireg_endpoint_is_secure(ptr::null(), number, e) })),
    ];
    for (argument, case) in &cases {
        let failure = call(case).expect_err(argument);
        assert_eq!(
            (failure.name.as_str(), failure.argument()),
            ("OCIREG_INVALID_ARGUMENT", *argument)
        );
    }
    // SAFETY: NULL does nothing.
    unsafe {
        ocireg_service_free(ptr::null_mut());
        ocireg_endpoint_free(ptr::null_mut());
    }
}

#[test]
fn a_handle_of_another_type_is_refused() {
    let service = service(json!({}));
    let endpoint = service.endpoint(&json!({"URL": "https://r.example"})).expect("an endpoint");
    // SAFETY: both are live handles, and the types are told apart by their first field.
    let failure =
        call_text(|json, error| unsafe { ocireg_service_config(endpoint.0.cast(), json, error) })
            .expect_err("no service");
    assert_eq!(failure.name, "OCIREG_INVALID_HANDLE");
}

#[test]
fn what_is_not_utf8_is_refused_and_named() {
    let mut made = ptr::dangling_mut();
    // SAFETY: live text in, live places out.
    let failure = call(|error| unsafe {
        ocireg_service_new(c"{\"user-agent\":\"\xff\"}".as_ptr(), &mut made, error)
    })
    .expect_err("not UTF-8");
    assert_eq!(
        (failure.name.as_str(), failure.argument()),
        ("OCIREG_INVALID_UTF8", "options_json")
    );
    assert!(made.is_null());
}

#[test]
fn option_documents_are_read_strictly_and_errors_name_the_key() {
    let cases = [
        ("{", "options_json"),
        ("[]", "options_json"),
        ("null", "options_json"),
        ("{} x", "options_json"),
        (r#"{"mirrors":[]}"#, "mirrors"),
        (r#"{"registry_mirrors":[]}"#, "registry_mirrors"),
        (r#"{"Registry-Mirrors":[]}"#, "Registry-Mirrors"),
        (r#"{"registry-mirrors":null}"#, "registry-mirrors"),
        (r#"{"registry-mirrors":"https://m.example"}"#, "registry-mirrors"),
        (r#"{"registry-mirrors":[1]}"#, "registry-mirrors"),
        (r#"{"v1":true,"v1":true}"#, "v1"),
        (r#"{"timeouts":{"idle-ms":1,"idle-ms":2}}"#, "idle-ms"),
        (r#"{"timeouts":{"idle":1}}"#, "timeouts.idle"),
        (r#"{"timeouts":{"idle-ms":-1}}"#, "timeouts.idle-ms"),
        (r#"{"timeouts":{"idle-ms":1.5}}"#, "timeouts.idle-ms"),
        (r#"{"timeouts":{"idle-ms":"1"}}"#, "timeouts.idle-ms"),
        (r#"{"timeouts":{"idle-ms":1e400}}"#, "options_json"),
        (r#"{"timeouts":[]}"#, "timeouts"),
        (r#"{"retry":{"max":1}}"#, "retry.max"),
        (r#"{"limits":{"manifest":18446744073709551615}}"#, "limits.manifest"),
        (r#"{"environment":"yes"}"#, "environment"),
        (r#"{"v1":1}"#, "v1"),
        (r#"{"certs-dir":[]}"#, "certs-dir"),
        (r#"{"resolve":[]}"#, "resolve"),
        (r#"{"resolve":{"a.example":"10.0.0.1"}}"#, "resolve.a.example"),
        (r#"{"proxy":1}"#, "proxy"),
        (r#"{"proxy":{"all-proxy":"x"}}"#, "proxy.all-proxy"),
        (r#"{"credentials":{"r.example":{"password":1}}}"#, "credentials.r.example.password"),
        (r#"{"credentials":{"r.example":"secret"}}"#, "credentials.r.example"),
        (r#"{"trusted-realms":[["a.example"]]}"#, "trusted-realms"),
        (r#"{"max-concurrent-downloads":"4"}"#, "max-concurrent-downloads"),
    ];
    for (text, key) in cases {
        let Err(failure) = Service::from_text(text) else { panic!("{text} must be refused") };
        assert_eq!(
            (failure.name.as_str(), failure.argument()),
            ("OCIREG_INVALID_JSON", key),
            "{text}"
        );
    }
}

#[test]
fn values_that_cannot_be_used_are_refused_and_named() {
    let cases = [
        (json!({"registry-mirrors": ["ftp://m.example"]}), "registry-mirrors"),
        (json!({"insecure-registries": ["-bad"]}), "insecure-registries"),
        (json!({"insecure-registries": ["ftp://a.example"]}), "insecure-registries"),
        (
            json!({"allow-nondistributable-artifacts": ["http://a.example"]}),
            "allow-nondistributable-artifacts",
        ),
        (json!({"resolve": {"a.example": ["a.b.c.d"]}}), "resolve.a.example"),
        (json!({"user-agent": "me\r\nX: y"}), "user-agent"),
        (json!({"user-agent-prefix": "me\n"}), "user-agent-prefix"),
        (json!({"max-concurrent-downloads": 0}), "max-concurrent-downloads"),
        (json!({"retry": {"max-attempts": 0}}), "retry.max-attempts"),
        (json!({"proxy": "socks4://u:CANARY@p.example"}), "proxy"),
        (json!({"proxy": "ftp://u:CANARY@p.example"}), "proxy"),
        (json!({"proxy": "http://u:CANARY@"}), "proxy"),
        (json!({"proxy": "u:CANARY/@p.example:3128"}), "proxy"),
        (json!({"proxy": {"https-proxy": "http://u:CANARY@p.example:99999"}}), "proxy.https-proxy"),
        (
            json!({"trusted-realms": [["a.example", "https://u:p@t.example/token"]]}),
            "trusted-realms",
        ),
        (
            json!({"allow-plain-http-credentials": ["http://a.example"]}),
            "allow-plain-http-credentials",
        ),
        (json!({"credentials": {"https://u:p@a.example/v1/": {}}}), "credentials"),
        (json!({"credentials": {"a.example": {"username": "a\nb"}}}), "username"),
    ];
    for (options, key) in cases {
        let failure = refused(options.clone());
        assert_eq!(
            (failure.name.as_str(), failure.argument()),
            ("OCIREG_INVALID_CONFIG", key),
            "{options}"
        );
        assert!(!format!("{failure:?}").contains("CANARY"), "{failure:?}");
    }
    let failure = refused(json!({"credentials": {"a.example": {"auth": "not base64 CANARY"}}}));
    assert_eq!(failure.name, "OCIREG_CREDENTIALS");
    assert!(!format!("{failure:?}").contains("CANARY"));
}

#[test]
fn long_lists_take_no_longer_than_their_length() {
    let took = |count: usize| {
        let mirrors: Vec<_> = (0..count).map(|n| format!("https://mirror-{n}.example/")).collect();
        let blocks: Vec<_> =
            (0..count).map(|n| format!("10.{}.{}.0/24", n / 256 % 256, n % 256)).collect();
        let began = std::time::Instant::now();
        let options = json!({"registry-mirrors": mirrors, "insecure-registries": blocks});
        let service = Service::new(&options).expect("a service");
        assert_eq!(
            service.config().expect("its lists")["Mirrors"].as_array().map(Vec::len),
            Some(count)
        );
        began.elapsed()
    };
    took(10);
    let (short, long) = (took(4_000), took(32_000));
    assert!(long < short * 24, "8 times the entries took {long:?} instead of {short:?}");
}

#[test]
fn a_load_that_fails_changes_nothing() {
    let service = service(json!({
        "registry-mirrors": ["https://m.example"],
        "insecure-registries": ["plain.example:5000", "10.0.0.0/8"],
        "allow-nondistributable-artifacts": ["a.example"],
    }));
    let before = service.config().expect("a configuration");
    let good_then_bad = json!(["https://other.example", "ftp://bad"]);
    assert_eq!(
        service.load_mirrors(&good_then_bad).expect_err("bad").name,
        "OCIREG_INVALID_CONFIG"
    );
    let good_then_bad = json!(["other.example", "-bad"]);
    service.load_insecure_registries(&good_then_bad).expect_err("bad");
    service.load_allow_nondistributable_artifacts(&good_then_bad).expect_err("bad");
    service.load_mirrors(&json!({})).expect_err("no list");
    let options =
        json!({"registry-mirrors": ["https://other.example"], "insecure-registries": ["-bad"]});
    service.replace_config(&options).expect_err("bad");
    let failure = service.replace_config(&json!({"user-agent": "x"})).expect_err("not replaceable");
    assert_eq!((failure.name.as_str(), failure.argument()), ("OCIREG_INVALID_JSON", "user-agent"));
    assert_eq!(service.config().expect("a configuration"), before);

    service.load_mirrors(&json!(["https://n.example", "https://n.example/"])).expect("good");
    service.load_insecure_registries(&json!(["Http://other.example"])).expect("good");
    let now = service.config().expect("a configuration");
    assert_eq!(now["Mirrors"], json!(["https://n.example/"]));
    assert_eq!(now["IndexConfigs"]["docker.io"]["Mirrors"], now["Mirrors"]);
    assert_eq!(now["IndexConfigs"]["other.example"]["Secure"], json!(false));
    assert!(now["IndexConfigs"].get("plain.example:5000").is_none());

    service.replace_config(&json!({})).expect("all empty");
    let now = service.config().expect("a configuration");
    assert_eq!(
        (&now["Mirrors"], &now["AllowNondistributableArtifactsHostnames"]),
        (&json!([]), &json!([]))
    );
}

#[test]
fn threads_may_hammer_one_service() {
    let service = Arc::new(service(json!({"resolve": {"*": ["192.0.2.1"]}})));
    thread::scope(|scope| {
        for number in 0..4 {
            let service = service.clone();
            scope.spawn(move || {
                for round in 0..100 {
                    let one = json!([format!("https://m{number}-{round}.example")]);
                    service.load_mirrors(&one).expect("good mirrors");
                    service.load_insecure_registries(&json!(["192.0.2.0/24"])).expect("good");
                    // Whatever another thread has just put there, it is whole.
                    let config = service.config().expect("a configuration");
                    assert_eq!(config["Mirrors"], config["IndexConfigs"]["docker.io"]["Mirrors"]);
                    assert_eq!(config["Mirrors"].as_array().map(Vec::len), Some(1));
                    let found = service.lookup_pull_endpoints("docker.io").expect("endpoints");
                    assert_eq!(found.as_array().map(Vec::len), Some(2));
                    service.lookup_push_endpoints("r.example").expect("endpoints");
                }
            });
        }
    });
}

#[test]
fn a_cancelled_call_ends_at_once() {
    let service = service(json!({}));
    let mut context = ptr::null_mut();
    // SAFETY: live handles and text in, live places out; the context is freed once, after its call.
    unsafe {
        call(|error| ocireg_context_new(&mut context, error)).expect("a context");
        ocireg_context_cancel(context);
        let failure = call_text(|json, error| {
            ocireg_service_tls_config(service.0, context, c"r.example".as_ptr(), json, error)
        })
        .expect_err("cancelled");
        assert_eq!(failure.name, "OCIREG_CANCELLED");
        ocireg_context_free(context);
    }
}

#[test]
fn d6_hosts_that_would_leave_the_directory_are_refused() {
    let directory = Directory::new("hosts");
    directory.file("secret.crt", "x");
    directory.file("certs.d/r.example:5000/ca.crt", "x");
    directory.file("certs.d/ca.crt", "x");
    let certs = directory.0.join("certs.d").display().to_string();
    let service = service(json!({"certs-dir": certs}));
    for host in ["..", ".", "", "../x", "a/b", "a\\b", "/etc", "a\nb", "a\u{7f}", &"a".repeat(256)]
    {
        for lookup in
            [Service::tls_config, Service::lookup_pull_endpoints, Service::lookup_push_endpoints]
        {
            let failure = lookup(&service, host).expect_err(host);
            assert_eq!(
                (failure.name.as_str(), failure.argument()),
                ("OCIREG_INVALID_ARGUMENT", "hostname")
            );
        }
        service.is_insecure_registry(host).expect_err(host);
    }
    // What looks like an escape is only a name.
    let found = service.tls_config("%2e%2e").expect("a name");
    assert_eq!(found["RootCAs"], json!([]));
    let found = service.tls_config("r.example:5000").expect("a host with a directory");
    assert_eq!(found["RootCAs"], json!([format!("{certs}/r.example:5000/ca.crt")]));
    let endpoints = service.lookup_pull_endpoints("r.example:5000").expect("endpoints");
    assert_eq!(endpoints[0]["TLSConfig"], found);
}

#[test]
fn certificates_of_insecure_hosts_are_not_read() {
    let directory = Directory::new("insecure");
    directory.file("r.example/client.cert", "x");
    let certs = directory.0.display().to_string();
    let service = service(json!({"certs-dir": certs}));
    let failure = service.tls_config("r.example").expect_err("a certificate without its key");
    assert!(failure.message.contains("client.key"), "{}", failure.message);
    service.load_insecure_registries(&json!(["r.example"])).expect("good");
    let found = service.tls_config("r.example").expect("not looked at");
    assert_eq!(found["InsecureSkipVerify"], json!(true));
    assert!(service.is_insecure_registry("r.example").expect("configured"));
    assert!(!service.is_insecure_registry("r.example.evil").expect("another host"));
}

#[test]
fn mirrors_have_their_own_certificates() {
    let directory = Directory::new("mirrors");
    let ca = directory.file("m.example:8443/ca.crt", "x");
    let service = service(json!({
        "certs-dir": directory.0.display().to_string(),
        "registry-mirrors": ["https://m.example:8443/docker"],
    }));
    let found = service.lookup_pull_endpoints("index.docker.io").expect("endpoints");
    assert_eq!(found[0]["URL"], json!("https://m.example:8443/docker/"));
    assert_eq!(found[0]["TLSConfig"]["RootCAs"], json!([ca]));
    assert_eq!(found[1]["TLSConfig"]["RootCAs"], json!([]));
}

#[test]
fn a_real_daemon_json_is_read_and_explicit_options_win() {
    let directory = Directory::new("daemon");
    let path = directory.file(
        "daemon.json",
        r#"{
            "log-driver": "json-file", "features": {"buildkit": true}, "dns": null,
            "registry-mirrors": ["https://m.example"],
            "insecure-registries": ["plain.example:5000", "10.0.0.0/8"],
            "proxies": {"http-proxy": "http://u:CANARY@p.example:3128", "no-proxy": "localhost"}
        }"#,
    );
    let config = service(json!({"daemon-json": path})).config().expect("a configuration");
    assert_eq!(config["Mirrors"], json!(["https://m.example/"]));
    assert_eq!(config["IndexConfigs"]["plain.example:5000"]["Secure"], json!(false));
    let options = json!({"daemon-json": path, "registry-mirrors": []});
    assert_eq!(service(options.clone()).config().expect("a configuration")["Mirrors"], json!([]));

    let own = ocireg::registry::service::Service::parse(&options.to_string()).expect("a service");
    let proxy = |url: &str| {
        let url = url.parse().expect("an address");
        let server = own.proxies().choose(&url).expect("a proxy that can be used");
        server.map(|server| (server.to_string(), server.authorization()))
    };
    // u:CANARY
    let found = ("p.example:3128".to_owned(), Some("Basic dTpDQU5BUlk="));
    assert_eq!(proxy("http://r.example/v2/"), Some(found));
    for direct in ["https://r.example/", "http://localhost:5000/", "http://127.0.0.1:5000/"] {
        assert_eq!(proxy(direct), None, "{direct}");
    }
    assert!(!format!("{own:?}").contains("CANARY"), "a service never shows a password");

    let live = service(json!({}));
    live.replace_config(&json!({"daemon-json": path})).expect("lists from daemon.json");
    assert_eq!(live.config().expect("a configuration")["Mirrors"], json!(["https://m.example/"]));

    let absent = directory.0.join("absent.json").display().to_string();
    let failure = refused(json!({"daemon-json": absent}));
    assert_eq!((failure.name.as_str(), failure.argument()), ("OCIREG_IO", "daemon-json"));
    let broken = directory.file("broken.json", r#"{"registry-mirrors": "https://m.example"}"#);
    let failure = refused(json!({"daemon-json": broken}));
    assert_eq!(
        (failure.name.as_str(), failure.argument()),
        ("OCIREG_INVALID_JSON", "registry-mirrors")
    );
    assert!(failure.message.contains("broken.json"), "{}", failure.message);
}

/// The engine is written in Go, and editors add marks.
#[test]
fn a_daemon_json_is_read_as_the_engine_reads_it() {
    let directory = Directory::new("daemon-go");
    let list = r#"{"insecure-registries": ["r.example:5000"]}"#;
    let utf16 = |bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
        format!("\u{feff}{list}").encode_utf16().flat_map(bytes).collect()
    };
    let read = |content: &[u8]| {
        let path = directory.file("daemon.json", "");
        std::fs::write(&path, content).expect("written");
        service(json!({ "daemon-json": path })).config().expect("a configuration")
    };
    for content in [
        list.as_bytes().to_vec(),
        format!("\u{feff}{list}\n").into_bytes(),
        utf16(u16::to_le_bytes),
        utf16(u16::to_be_bytes),
        br#"{"Insecure-Registries": ["r.example:5000"], "debug": true, "debug": null}"#.to_vec(),
        br#"{"insecure-registries": ["a.example"], "insecure-registries": ["r.example:5000"]}"#
            .to_vec(),
        b"{\"insecure-registries\": [\"r.example:5000\"], \"label\": \"\xff\"}".to_vec(),
    ] {
        let config = read(&content);
        let index = &config["IndexConfigs"]["r.example:5000"];
        assert_eq!(index["Secure"], json!(false), "{}", String::from_utf8_lossy(&content));
        assert!(config["IndexConfigs"].get("a.example").is_none());
    }
    for content in ["", " \n", "\u{feff}", "{}", "null", r#"{"insecure-registries": null}"#] {
        let config = read(content.as_bytes());
        assert_eq!(config["IndexConfigs"].as_object().expect("indexes").len(), 1, "{content:?}");
    }
    for content in ["{", "[]", "{} {}", r#"{"proxies": "http://u:CANARY@p"}"#] {
        let path = directory.file("daemon.json", content);
        let failure = refused(json!({ "daemon-json": path }));
        assert_eq!(failure.name, "OCIREG_INVALID_JSON", "{content}");
        assert!(failure.message.contains("daemon.json"), "{}", failure.message);
    }
}

#[test]
fn credentials_stay_with_their_host_and_out_of_sight() {
    let options = json!({"docker-config": "", "credentials": {
        "reg.test": {"username": "u", "password": "CANARY-host"},
        "reg.test/team": {"username": "team", "password": "CANARY-team"},
        "reg.test/team/app": {"identitytoken": "CANARY-app"},
        "https://index.docker.io/v1/": {"auth": "bmFtZTpDQU5BUlk6cHc="},
        "port.test:5000": {"registrytoken": "CANARY-port"},
    }});
    let service =
        ocireg::registry::service::Service::parse(&options.to_string()).expect("a service");
    let run = ocireg::call::Call::new(None);
    let found = |host: &str, path: &str| {
        let found = service.credentials_for(host, path, &run).expect("an answer");
        found.source.as_ref().map(|_| found.auth.clone())
    };
    let user = |host: &str, path: &str| found(host, path).map(|auth| auth.username.clone());
    for host in ["reg.test", "REG.TEST", "reg.test:443"] {
        assert_eq!(user(host, "").as_deref(), Some("u"), "{host}");
    }
    for host in
        ["reg.test.evil", "evilreg.test", "reg.test.", "reg.test:5000", "test", "port.test", ""]
    {
        assert!(found(host, "").is_none(), "{host}");
    }
    assert_eq!(user("reg.test", "other/app").as_deref(), Some("u"));
    assert_eq!(user("reg.test", "team").as_deref(), Some("team"));
    assert_eq!(user("reg.test", "team/app2").as_deref(), Some("team"));
    assert_eq!(user("reg.test", "teamster/app").as_deref(), Some("u"));
    let app = found("reg.test", "team/app/sub").expect("credentials");
    assert_eq!(app.identitytoken, "CANARY-app");
    for host in ["docker.io", "index.docker.io", "registry-1.docker.io"] {
        let hub = found(host, "library/busybox").expect("credentials");
        assert_eq!((hub.username.as_str(), hub.password.as_str()), ("name", "CANARY:pw"), "{host}");
        assert!(hub.auth.is_empty());
    }
    let shown = format!("{service:?} {app:?}");
    assert!(!shown.contains("CANARY"), "{shown}");
    let config = self::service(options).config().expect("a configuration").to_string();
    assert!(!config.contains("CANARY"), "{config}");
}

#[test]
fn allow_lists_compare_whole_hosts() {
    let options = json!({
        "allow-plain-http-credentials": ["Plain.test:5000"],
        "trusted-realms": [["reg.test", "https://auth.test/token"], ["R2.test:443", "auth2.test"]],
        "timeouts": {"connect-ms": 5, "total-ms": 7}, "retry": {"max-attempts": 2},
        "limits": {"manifest": 100, "spool": 5}, "max-concurrent-downloads": 9, "user-agent": "",
    });
    let service =
        ocireg::registry::service::Service::parse(&options.to_string()).expect("a service");
    assert!(service.allow_plain_http_credentials("plain.test:5000"));
    assert!(!service.allow_plain_http_credentials("plain.test"));
    assert!(!service.allow_plain_http_credentials("evil.plain.test:5000"));
    assert_eq!(service.trusted_realms()[0], ("reg.test".to_owned(), "auth.test".to_owned()));
    assert_eq!(service.trusted_realms()[1], ("r2.test".to_owned(), "auth2.test".to_owned()));
    let shown = format!("{:?} {:?} {:?}", service.timeouts(), service.retry(), service.limits());
    for set in ["connect: 5ms", "tls: 10s", "max_attempts: 2", "manifest: 100", "spool: Some(5)"] {
        assert!(shown.contains(set), "{set}: {shown}");
    }
    assert_eq!((service.max_concurrent_downloads(), service.user_agent()), (9, ""));
}

#[test]
fn a_program_is_named_in_front_of_the_library() {
    let named = |options: Value| {
        let service =
            ocireg::registry::service::Service::parse(&options.to_string()).expect("a service");
        service.user_agent().to_owned()
    };
    let own = concat!("ocireg/", env!("CARGO_PKG_VERSION"));
    assert_eq!(named(json!({})), own);
    assert_eq!(named(json!({"user-agent-prefix": ""})), own);
    assert_eq!(
        named(json!({"user-agent-prefix": "program/2 (x)"})),
        format!("program/2 (x) {own}")
    );
    assert_eq!(named(json!({"user-agent-prefix": "p", "user-agent": "me/1"})), "p me/1");
    assert_eq!(named(json!({"user-agent-prefix": "p", "user-agent": ""})), "p");
}

#[test]
fn endpoints_refuse_what_no_url_can_hold() {
    let service = service(json!({}));
    for url in [
        "https://u:CANARY@r.example/",
        "https://r.example/?q=CANARY",
        "https://r.example/?",
        "https://r.example/#CANARY",
        "ftp://r.example/",
        "file:///etc/passwd",
        "r.example",
        "",
        "https://",
        "https://:5000",
        "https://::1",
        "https://r.example:99999",
        "https://r ex.example",
        "https://r.example\\@evil.example",
        "https://1.2.3.4.5",
        "https://r.example/a\nb",
        "https://bücher.example",
    ] {
        let Err(failure) = service.endpoint(&json!({"URL": url})) else {
            panic!("{url} is refused")
        };
        assert_eq!(
            (failure.name.as_str(), failure.argument()),
            ("OCIREG_INVALID_ARGUMENT", "URL"),
            "{url}"
        );
        assert!(!format!("{failure:?}").contains("CANARY"), "{url}: {failure:?}");
    }
    let failure = |json: Value| service.endpoint(&json).map(|_| ()).expect_err("refused");
    assert_eq!(failure(json!({})).argument(), "URL");
    assert_eq!(
        failure(json!({"URL": "https://r.example", "Version": "v3"})).name,
        "OCIREG_INVALID_JSON"
    );
    let v1 = json!({"URL": "https://r.example", "Version": "v1"});
    assert!(service.endpoint(&v1).is_ok());
    let modern = self::service(json!({"v1": false}));
    let refused = modern.endpoint(&v1).map(|_| ()).expect_err("v1 is switched off");
    assert_eq!(refused.name, "OCIREG_UNSUPPORTED");
    let old = json!({"URL": "https://r.example", "TLSConfig": {"MinVersion": "1.0"}});
    assert_eq!(
        (failure(old.clone()).name.as_str(), failure(old).argument()),
        ("OCIREG_UNSUPPORTED", "TLSConfig.MinVersion")
    );
    let half = json!({"URL": "https://r.example", "TLSConfig": {"Certificates": [{"cert": "a"}]}});
    assert_eq!(failure(half).argument(), "TLSConfig.Certificates.key");
}

#[test]
fn endpoints_come_from_lookups_and_keep_their_address() {
    let service = service(json!({
        "insecure-registries": ["plain.example:5000"],
        "registry-mirrors": ["https://M.example//"],
    }));
    for (host, texts) in [
        ("docker.io", vec!["https://M.example/v2/", "https://registry-1.docker.io/v2/"]),
        (
            "plain.example:5000",
            vec!["https://plain.example:5000/v2/", "http://plain.example:5000/v2/"],
        ),
    ] {
        let found = service.lookup_pull_endpoints(host).expect("endpoints");
        let made: Vec<Endpoint> = found
            .as_array()
            .expect("a list")
            .iter()
            .map(|found| service.endpoint(found).expect("what came out goes in"))
            .collect();
        assert_eq!(made.iter().map(Endpoint::text).collect::<Vec<_>>(), texts);
        assert!(made.iter().all(|endpoint| endpoint.is_secure() == (host == "docker.io")));
    }
    let bare = |url: &str| service.endpoint(&json!({"URL": url, "Later": null})).expect(url);
    assert_eq!(
        bare("https://[::1]:5000").path("a/manifests/b"),
        "https://[::1]:5000/v2/a/manifests/b"
    );
    assert!(!bare("https://[::1]:5000").is_secure(), "this machine is insecure by default");
    assert!(bare("https://r.example/prefix/").is_secure());
    assert_eq!(bare("https://r.example/prefix/").text(), "https://r.example/prefix/v2/");
    assert!(!bare("http://r.example").is_secure());
}

#[test]
fn an_endpoint_outlives_its_service() {
    let service = service(json!({}));
    let endpoint = service.endpoint(&json!({"URL": "https://r.example"})).expect("an endpoint");
    drop(service);
    assert!(endpoint.is_secure());
}
