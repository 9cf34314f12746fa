//! Names, references, mirrors, challenges and certificates through the C surface, beyond the vectors.

use std::ffi::{CStr, c_char};
use std::fs;
use std::path::PathBuf;
use std::ptr;

use crate::c_surface::*;
use ocireg::auth::challenge;
use ocireg::ffi::*;
use ocireg::names::host::Cidr;
use ocireg::names::reference::Reference;
use ocireg::os::environment::Environment;
use serde_json::json;

const TEXT_FUNCTIONS: &[(&str, TextFunction)] = &[
    ("url", ocireg_convert_to_hostname),
    ("name", ocireg_validate_index_name),
    ("url", ocireg_validate_mirror),
    ("reference", ocireg_parse_reference),
    ("reference", ocireg_parse_repository_info),
    ("term", ocireg_parse_search_index_info),
    ("index_json", ocireg_auth_config_key),
    ("header_lines_json", ocireg_parse_challenges),
    ("directory", ocireg_read_certs_directory),
];

/// A directory of the test's own, removed at its end.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("ocireg-names-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).expect("a temporary directory");
        Self(path)
    }

    fn file(&self, name: &str) -> String {
        let path = self.0.join(name);
        fs::write(&path, "x").expect("a file");
        path.display().to_string()
    }

    fn read(&self) -> Outcome<serde_json::Value> {
        json_of(ocireg_read_certs_directory, &self.0.display().to_string())
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn null_is_refused_and_named() {
    for (argument, function) in TEXT_FUNCTIONS {
        // SAFETY: NULL is allowed to be passed, and refused.
        let failure = call_text(|text, error| unsafe { function(ptr::null(), text, error) })
            .expect_err("NULL is no text");
        assert_eq!(
            (failure.name.as_str(), failure.argument()),
            ("OCIREG_INVALID_ARGUMENT", *argument)
        );
        // SAFETY: as above.
        let failure = call(|error| unsafe { function(c"x".as_ptr(), ptr::null_mut(), error) })
            .expect_err("nowhere to put the result");
        assert_eq!(failure.name, "OCIREG_INVALID_ARGUMENT");
        assert!(["text", "json"].contains(&failure.argument()), "{failure:?}");
        let mut text = ptr::dangling_mut();
        // SAFETY: the error may be NULL.
        let code = unsafe { function(ptr::null(), &mut text, ptr::null_mut()) };
        assert_eq!(code, 1);
        assert!(text.is_null());
    }
    for (configs, index) in [(ptr::null(), c"{}".as_ptr()), (c"{}".as_ptr(), ptr::null())] {
        // SAFETY: as above.
        let failure = call_text(|json, error| unsafe {
            ocireg_resolve_auth_config(configs, index, json, error)
        })
        .expect_err("NULL is no text");
        assert_eq!(failure.name, "OCIREG_INVALID_ARGUMENT");
    }
    // SAFETY: as above.
    let failure = call(|error| unsafe { ocireg_certs_dir(ptr::null_mut(), error) })
        .expect_err("nowhere to put the result");
    assert_eq!(failure.argument(), "text");
}

#[test]
fn what_is_not_utf8_is_refused_and_named() {
    let bytes: &CStr = c"caf\xe9";
    for (argument, function) in TEXT_FUNCTIONS {
        // SAFETY: live text in, live places out.
        let failure = call_text(|text, error| unsafe { function(bytes.as_ptr(), text, error) })
            .expect_err("not UTF-8");
        assert_eq!((failure.name.as_str(), failure.argument()), ("OCIREG_INVALID_UTF8", *argument));
    }
}

#[test]
fn a_reference_that_is_none_says_why() {
    let cases = [
        ("Team/app", "lower case"),
        ("registry.example/Team/app:1.0", "lower case"),
        ("", "empty"),
        (&"a".repeat(64), "64 hex digits"),
        (&format!("a.example/{}", "b".repeat(250)), "longer than 255"),
        ("https://registry.example/app", "scheme"),
        ("app:", "tag"),
        ("app:.1", "tag"),
        ("app@sha256:1234", "wrong length"),
        ("app@md5:d41d8cd98f00b204e9800998ecf8427e", "algorithm is not supported"),
        ("[fe80::1%eth0]:5000/app", "malformed"),
        ("[fe80::1%25eth0]:5000/app", "malformed"),
        ("[::ffff:192.0.2.1]:5000/app", "malformed"),
        ("[::1/app", "malformed"),
        ("::1/app", "malformed"),
        ("[::1]5000/app", "malformed"),
        ("[::1]:/app", "malformed"),
        ("[::1]:x/app", "malformed"),
        ("[]:5000/app", "malformed"),
        ("[1:2:3]:5000/app", "malformed"),
        ("[1:2:3:4:5:6:7:8:9]:5000/app", "malformed"),
        ("[192.0.2.1]:5000/app", "malformed"),
        ("[::1]", "malformed"),
        ("a//b", "malformed"),
        ("a/../b", "malformed"),
        ("app\r\nhost x", "malformed"),
        ("app\u{2028}x", "malformed"),
    ];
    for (text, why) in cases {
        let failure = json_of(ocireg_parse_reference, text).expect_err(text);
        assert_eq!(failure.name, "OCIREG_INVALID_REFERENCE", "{text:?}");
        assert!(failure.message.contains(why), "{text:?}: {}", failure.message);
        assert!(!failure.message.contains(['\r', '\n']), "{text:?}");
        assert!(failure.json["hint"].is_string(), "{text:?} gets a hint");
    }
}

#[test]
fn a_registry_may_be_named_by_its_ipv6_address() {
    for (text, domain, rest) in [
        ("[::1]:5000/app", "[::1]:5000", "app"),
        ("[::1]/app", "[::1]", "app"),
        ("[2001:db8::1]:5000/foo/bar", "[2001:db8::1]:5000", "foo/bar"),
        ("[2001:DB8:0:0:0:0:0:A]/foo", "[2001:DB8:0:0:0:0:0:A]", "foo"),
        ("[::]:80/foo", "[::]:80", "foo"),
    ] {
        for tail in ["", ":1.0", &format!("@sha256:{}", "0".repeat(64))] {
            let parsed = json_of(ocireg_parse_reference, &format!("{text}{tail}")).expect(text);
            assert_eq!(
                (parsed["domain"].as_str(), parsed["path"].as_str()),
                (Some(domain), Some(rest))
            );
            assert_eq!(parsed["canonical"], format!("{text}{tail}"));
            let info = json_of(ocireg_parse_repository_info, &format!("{text}{tail}")).expect(text);
            assert_eq!(info["Index"]["Name"], domain);
            assert_eq!(info["Index"]["Official"], false);
        }
    }
    let search = json_of(ocireg_parse_search_index_info, "[::1]:5000/term").expect("an index");
    assert_eq!(search["Name"], "[::1]:5000");
}

#[test]
fn only_whole_digests_pass() {
    let hex = "0123456789abcdef".repeat(4);
    assert!(json_of(ocireg_parse_reference, &format!("app@sha256:{hex}")).is_ok());
    for digest in [
        "sha256:../../etc/passwd".to_owned(),
        "sha256:".to_owned(),
        format!("sha256:{}", hex.to_uppercase()),
        format!("sha256:{}", &hex[1..]),
        format!("sha256:{hex}0"),
        format!("sha256:{hex}:x"),
        "sha256:%2e%2e".to_owned(),
        format!("SHA256:{hex}"),
        format!("sha512:{hex}"),
    ] {
        let failure = json_of(ocireg_parse_reference, &format!("app@{digest}")).expect_err(&digest);
        assert_eq!(failure.name, "OCIREG_INVALID_REFERENCE", "{digest}");
    }
}

#[test]
fn a_reference_can_be_changed_only_into_another() {
    let reference: Reference = "busybox:1.36".parse().expect("a reference");
    assert_eq!(reference.tagged("2").expect("a tag").canonical(), "docker.io/library/busybox:2");
    assert!(reference.tagged("a/b").is_err());
    let digest = ocireg::names::digest::Digest::of(ocireg::names::digest::Algorithm::Sha256, b"");
    assert_eq!(reference.at(digest.clone()).familiar(), format!("busybox@{digest}"));
}

#[test]
fn no_message_holds_a_password() {
    let secret = "CANARY-5ecret";
    let user = format!("user:{secret}");
    for mirror in [
        format!("https://{user}@mirror.example/"),
        format!("ftp://{user}@mirror.example/"),
        format!("{user}@mirror.example"),
        format!("https://{user}@mirror.example:port/"),
        format!("https://mirror.example/?token={secret}"),
        format!("https://mirror.example/#{secret}"),
        format!("https://{user}@/"),
    ] {
        let failure = text_of(ocireg_validate_mirror, &mirror).expect_err(&mirror);
        assert_eq!(failure.name, "OCIREG_INVALID_CONFIG");
        assert!(!format!("{failure:?}").contains(secret), "{mirror}: {failure:?}");
    }
    let reference = format!("https://{user}@registry.example/app");
    let failure = json_of(ocireg_parse_reference, &reference).expect_err("no reference");
    assert!(!format!("{failure:?}").contains(secret), "{failure:?}");
}

#[test]
fn mirrors_that_can_be_read_in_two_ways_are_refused() {
    for mirror in [
        "https://mirror.example\\@evil.example/",
        "https://mirror.example/\r\nX: y",
        "https://mirror.example\t/",
        "https:// mirror.example/",
        "https:///path",
        "https://mirror.example:65536/",
        "https://[::1]evil/",
        "https://[fe80::1%25eth0]/",
        "https://mirr%6fr.example/",
        "https://bücher.example/",
    ] {
        let failure = text_of(ocireg_validate_mirror, mirror).expect_err(mirror);
        assert_eq!(failure.name, "OCIREG_INVALID_CONFIG", "{mirror}");
    }
}

#[test]
fn published_types_ignore_unknown_keys_and_nulls() {
    let index = r#"{"Name":"quay.io","Mirrors":null,"Official":false,"Later":1}"#;
    assert_eq!(text_of(ocireg_auth_config_key, index).expect("an index"), "quay.io");
    let configs = c(r#"{"quay.io":{"username":"u","password":"p","email":"e","auth":null}}"#);
    let index = c(index);
    // SAFETY: live text in, live places out.
    let found = call_json(|json, error| unsafe {
        ocireg_resolve_auth_config(configs.as_ptr(), index.as_ptr(), json, error)
    });
    assert_eq!(found.expect("credentials"), json!({"username": "u", "password": "p"}));
}

#[test]
fn json_that_is_none_is_refused_without_its_values() {
    for text in ["", "{", "[]", "1", "{} {}", r#"{"Name":1}"#, "{}", r#"{"Name":"a","Name":"b"}"#] {
        let failure = text_of(ocireg_auth_config_key, text).expect_err(text);
        assert_eq!(failure.name, "OCIREG_INVALID_JSON", "{text}");
        assert!(["Name", "index_json"].contains(&failure.argument()), "{text}: {failure:?}");
    }
    for text in ["{}", r#"["a",1]"#, r#""a""#] {
        let failure = json_of(ocireg_parse_challenges, text).expect_err(text);
        assert_eq!(
            (failure.name.as_str(), failure.argument()),
            ("OCIREG_INVALID_JSON", "header_lines_json")
        );
    }
    let configs = c(r#"{"quay.io":{"password":["CANARY"]}}"#);
    // SAFETY: live text in, live places out.
    let failure = call_json(|json, error| unsafe {
        ocireg_resolve_auth_config(configs.as_ptr(), c"{\"Name\":\"a\"}".as_ptr(), json, error)
    })
    .expect_err("a password is text");
    assert_eq!(failure.argument(), "quay.io.password");
    assert!(!format!("{failure:?}").contains("CANARY"));
}

#[test]
fn json_too_deep_is_an_error_on_a_small_stack() {
    let check = || {
        let failure =
            text_of(ocireg_auth_config_key, &"[".repeat(1_000_000)).expect_err("too deep");
        assert_eq!(failure.name, "OCIREG_INVALID_JSON");
    };
    let thread = std::thread::Builder::new().stack_size(256 * 1024).spawn(check).expect("a thread");
    thread.join().expect("the thread lives");
}

#[test]
fn all_challenges_of_a_folded_line_are_seen() {
    let schemes = |line: &str| -> Vec<String> {
        challenge::parse_all([line]).into_iter().map(|challenge| challenge.scheme).collect()
    };
    let folded =
        r#"Basic realm="a, b", Bearer realm="https://t.example/token",service="s",scope="x y""#;
    let found = challenge::parse_all([folded]);
    assert_eq!(schemes(folded), ["basic", "bearer"]);
    assert_eq!(found[0].parameters["realm"], "a, b");
    assert_eq!(found[1].parameters["realm"], "https://t.example/token");
    assert_eq!(found[1].parameters["scope"], "x y");
    assert_eq!(schemes("Negotiate, Basic realm=x"), ["negotiate", "basic"]);
    assert_eq!(schemes("Negotiate dG9rZW4=, Basic realm=x"), ["negotiate", "basic"]);
    assert_eq!(schemes(", ,Basic realm = \"x\",,"), ["basic"]);
    assert_eq!(schemes("Bearer ,realm=\"x\""), ["bearer"]);
    assert_eq!(challenge::parse_all(["Bearer ,realm=\"x\""])[0].parameters["realm"], "x");
    assert_eq!(schemes("=x, \"Bearer realm=y\", Basic"), ["basic"]);
    assert_eq!(schemes("Bearer realm=\"unterminated, Basic realm=x"), ["bearer"]);
    assert_eq!(schemes(""), Vec::<String>::new());
    // Equal to the pure parser where nothing is folded.
    let line = r#"Bearer realm="a\"b\\c",error="invalid_token""#;
    assert_eq!(challenge::parse_all([line]), challenge::parse([line]));
}

#[test]
fn blocks_of_addresses_hold_what_lies_in_them() {
    let holds = |block: &str, address: &str| {
        let block: Cidr = block.parse().expect(block);
        block.contains(address.parse().expect(address))
    };
    assert!(holds("10.0.0.0/8", "10.255.0.1") && !holds("10.0.0.0/8", "11.0.0.1"));
    assert!(holds("127.0.0.0/8", "::ffff:127.0.0.1") && holds("::ffff:127.0.0.0/104", "127.0.0.1"));
    assert!(holds("0.0.0.0/0", "203.0.113.9") && !holds("0.0.0.0/0", "2001:db8::1"));
    assert!(holds("2001:db8::/32", "2001:db8:ffff::1") && !holds("::1/128", "::2"));
    assert_eq!("10.1.2.3/8".parse::<Cidr>().expect("a block").to_string(), "10.0.0.0/8");
    assert_eq!("::ffff:10.1.2.3/104".parse::<Cidr>().expect("a block").to_string(), "10.0.0.0/8");
    for text in ["10.0.0.0", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/+8", "10.0.0/8", "::1/129", "/8"]
    {
        assert!(text.parse::<Cidr>().is_err(), "{text}");
    }
}

#[test]
fn certificates_are_found_in_name_order() {
    let directory = Directory::new("order");
    let ca = [directory.file("a.crt"), directory.file("b.crt")];
    let cert = [directory.file("client.cert"), directory.file("another.cert")];
    let key = [directory.file("client.key"), directory.file("another.key")];
    directory.file("README");
    let found = directory.read().expect("a directory");
    assert_eq!(found["RootCAs"], json!(ca));
    assert_eq!(
        found["Certificates"],
        json!([{"cert": cert[1], "key": key[1]}, {"cert": cert[0], "key": key[0]}])
    );
    assert_eq!(
        (&found["MinVersion"], &found["InsecureSkipVerify"]),
        (&json!("1.2"), &json!(false))
    );
}

#[test]
fn a_missing_half_is_named() {
    let directory = Directory::new("cert-only");
    directory.file("client.cert");
    let failure = directory.read().expect_err("a certificate without a key");
    assert_eq!(failure.name, "OCIREG_INVALID_CONFIG");
    assert!(failure.message.contains("client.key") && failure.message.contains(".crt"));
    let directory = Directory::new("key-only");
    directory.file("client.key");
    let failure = directory.read().expect_err("a key without a certificate");
    assert_eq!(failure.name, "OCIREG_INVALID_CONFIG");
    assert!(failure.message.contains("client.cert "), "{}", failure.message);
}

#[test]
fn what_cannot_be_read_is_an_error_and_absence_is_none() {
    let directory = Directory::new("unreadable");
    fs::create_dir(directory.0.join("ca.crt")).expect("a directory in place of a file");
    let failure = directory.read().expect_err("no file");
    assert_eq!(failure.name, "OCIREG_IO");
    assert!(failure.message.contains("ca.crt"), "{}", failure.message);
    let file = directory.file("plain");
    assert_eq!(
        json_of(ocireg_read_certs_directory, &file).expect_err("no directory").name,
        "OCIREG_IO"
    );
    let absent = directory.0.join("absent").display().to_string();
    let found = json_of(ocireg_read_certs_directory, &absent).expect("absent is empty");
    assert_eq!((&found["RootCAs"], &found["Certificates"]), (&json!([]), &json!([])));
}

#[test]
fn the_usual_directory_is_dockers() {
    // Set by a rootless engine, which no test runs under.
    if std::env::var_os("ROOTLESSKIT_STATE_DIR").is_none() {
        let place = call_text(|text: *mut *mut c_char, error| {
            // SAFETY: live places out.
            unsafe { ocireg_certs_dir(text, error) }
        });
        assert_eq!(place.expect("a path"), "/etc/docker/certs.d");
    }
    assert_eq!(
        ocireg::tls::certs_d::default_directory(Environment::of_process(false)),
        PathBuf::from("/etc/docker/certs.d"),
        "without the environment there is only one"
    );
}

#[test]
fn the_library_tells_what_it_can_do() {
    // SAFETY: static text.
    let info = unsafe { CStr::from_ptr(ocireg_version_info()) };
    let info: serde_json::Value = serde_json::from_slice(info.to_bytes()).expect("JSON");
    assert_eq!(info["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(info["protocols"], json!(["v1", "v2"]));
    for feature in
        ["pull", "push", "copy", "unpack", "export", "upload", "login", "search", "proxy", "log"]
    {
        assert!(info["features"].as_array().expect("a list").contains(&json!(feature)), "{info}");
    }
}
