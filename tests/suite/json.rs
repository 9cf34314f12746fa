//! JSON for programs without a parser: values by JSON Pointer, and AuthConfigs, through the C surface.

use std::ffi::{CStr, CString, c_char};
use std::ptr;

use crate::c_surface::*;
use ocireg::ffi::*;
use ocireg_testkit::canary;
use serde_json::json;

fn get(text: &str, pointer: &str) -> Outcome<String> {
    let (text, pointer) = (c(text), c(pointer));
    // SAFETY: live text in, live places out.
    call_text(|out, error| unsafe { ocireg_json_get(text.as_ptr(), pointer.as_ptr(), out, error) })
}

fn length(text: &str, pointer: &str) -> Outcome<usize> {
    let (text, pointer) = (c(text), c(pointer));
    let mut length = 7;
    // SAFETY: live text in, live places out.
    let outcome = call(|error| unsafe {
        ocireg_json_length(text.as_ptr(), pointer.as_ptr(), &mut length, error)
    });
    assert!(outcome.is_ok() || length == 0, "a call that fails leaves 0");
    outcome.map(|()| length)
}

fn auth(host: Option<&str>, username: Option<&str>, password: Option<&str>) -> Outcome<String> {
    let [host, username, password] = [host, username, password].map(|text| text.map(c));
    let raw = |text: &Option<CString>| text.as_ref().map_or(ptr::null(), |text| text.as_ptr());
    // SAFETY: live text or NULL in, live places out.
    call_text(|out, error| unsafe {
        ocireg_auth_json(raw(&host), raw(&username), raw(&password), out, error)
    })
}

/// The example of RFC 6901, and what is special about arrays.
#[test]
fn values_are_found_by_pointer() {
    let text = r#"{"foo": ["bar", "baz"], "": 0, "a/b": 1, "c%d": 2, "e^f": 3, "g|h": 4, "i\\j": 5, "k\"l": 6,
        " ": 7, "m~n": 8, "~1": 9, "01": 10, "-": 11, "deep": [[{"x": {"y": [true]}}]]}"#;
    for (pointer, value) in [
        ("", text),
        ("/foo", r#"["bar", "baz"]"#),
        ("/foo/0", "bar"),
        ("/foo/1", "baz"),
        ("/", "0"),
        ("/a~1b", "1"),
        ("/c%d", "2"),
        ("/e^f", "3"),
        ("/g|h", "4"),
        ("/i\\j", "5"),
        ("/k\"l", "6"),
        ("/ ", "7"),
        ("/m~0n", "8"),
        ("/~01", "9"),
        ("/01", "10"),
        ("/-", "11"),
        ("/deep/0/0/x/y/0", "true"),
    ] {
        assert_eq!(get(text, pointer).expect(pointer), value, "{pointer}");
    }
    for absent in [
        "/bar",
        "/foo/2",
        "/foo/-",
        "/foo/00",
        "/foo/01",
        "/foo/+1",
        "/foo/-1",
        "/foo/1e0",
        "/foo/x",
        "/foo/",
        "/foo/99999999999999999999999999",
        "/foo/0/0",
        "/a~1b/0",
        "//",
        "/deep/0/0/x/y/0/z",
        "/FOO",
    ] {
        for failure in
            [get(text, absent).expect_err(absent), length(text, absent).expect_err(absent)]
        {
            assert_eq!(failure.name, "OCIREG_NOT_FOUND", "{absent}");
            assert_eq!((failure.argument(), &failure.json["what"]), ("pointer", &json!("value")));
            assert!(failure.message.contains(absent), "{failure:?}");
        }
    }
}

#[test]
fn values_come_as_they_are_and_strings_without_quotes() {
    for (text, value) in [
        (r#""plain""#, "plain"),
        (r#""""#, ""),
        (r#""tab\tline\nquote\"slash\/\\""#, "tab\tline\nquote\"slash/\\"),
        (r#""\u00e9 \ud83d\ude00 é""#, "é 😀 é"),
        ("null", "null"),
        ("false", "false"),
        ("  [ 1 ,\n2 ] ", "[ 1 ,\n2 ]"),
        ("123456789012345678901234567890.10e-400", "123456789012345678901234567890.10e-400"),
        ("-0", "-0"),
        (r#"{"a":"\u0000"}"#, r#"{"a":"\u0000"}"#),
    ] {
        assert_eq!(get(text, "").expect(text), value);
        let inner = format!(r#"{{"outer": [7, {text}]}}"#);
        assert_eq!(get(&inner, "/outer/1").expect(text), value);
    }
    // Keys may be written with escapes, too.
    assert_eq!(get(r#"{"\u0061\/b": 1}"#, "/a~1b").expect("a key"), "1");
}

/// C text would end at the NUL, and the caller would believe in a part.
#[test]
fn a_string_with_a_nul_is_an_error() {
    for text in [r#"{"a": "x\u0000y"}"#, r#"{"a": "\u0000"}"#] {
        let failure = get(text, "/a").expect_err("a NUL");
        assert_eq!(failure.name, "OCIREG_UNSUPPORTED");
        assert!(failure.message.contains("NUL"), "{failure:?}");
        assert!(get(text, "").expect("as JSON").contains("\\u0000"));
    }
}

#[test]
fn arrays_and_objects_have_a_length() {
    let text = r#"{"layers": [1, [2, 3], {}], "empty": [], "none": {}, "s": "four", "n": 5, "t": true, "z": null}"#;
    for (pointer, count) in
        [("", 7), ("/layers", 3), ("/layers/1", 2), ("/layers/2", 0), ("/empty", 0), ("/none", 0)]
    {
        assert_eq!(length(text, pointer).expect(pointer), count, "{pointer}");
    }
    for (pointer, kind) in
        [("/s", "a string"), ("/n", "a number"), ("/t", "true or false"), ("/z", "null")]
    {
        let failure = length(text, pointer).expect_err(pointer);
        assert_eq!(
            (failure.name.as_str(), failure.argument()),
            ("OCIREG_INVALID_ARGUMENT", "pointer")
        );
        assert!(failure.message.contains(kind), "{failure:?}");
    }
}

#[test]
fn pointers_that_are_none_are_refused() {
    for pointer in ["a", "layers/0", " /a", "#/a", "/~", "/a~", "/~2", "/a~b/c", "/~~", "0"] {
        for failure in
            [get("{}", pointer).expect_err(pointer), length("{}", pointer).expect_err(pointer)]
        {
            assert_eq!(
                (failure.name.as_str(), failure.argument()),
                ("OCIREG_INVALID_ARGUMENT", "pointer"),
                "{pointer}"
            );
            assert!(failure.json["hint"].as_str().expect("a hint").contains("/layers/0/digest"));
        }
    }
}

/// What two parsers could read differently has no value that could be relied upon.
#[test]
fn what_is_not_json_is_refused() {
    let deep = format!("{}1{}", "[".repeat(33), "]".repeat(33));
    for text in [
        "",
        " ",
        "{",
        "[1,]",
        "{\"a\":1,}",
        "nul",
        "'a'",
        "1 2",
        "{\"a\":1,\"a\":2}",
        "{\"b\":{\"a\":1,\"\\u0061\":2}}",
        "\"\\ud800\"",
        "01",
        "\u{feff}1",
        &deep,
    ] {
        for failure in [get(text, "").expect_err(text), length(text, "").expect_err(text)] {
            assert_eq!(failure.name, "OCIREG_INVALID_JSON", "{text}");
        }
    }
    let allowed = format!("{}1{}", "[".repeat(32), "]".repeat(32));
    assert_eq!(get(&allowed, &"/0".repeat(32)).expect("32 levels"), "1");
}

/// A large document costs its reading, and nothing is built of what is not asked for.
#[test]
fn a_large_document_is_searched() {
    let items: Vec<_> = (0..20_000).map(|n| json!({"digest": format!("sha256:{n}")})).collect();
    let text = json!({"layers": items}).to_string();
    assert_eq!(length(&text, "/layers").expect("layers"), 20_000);
    assert_eq!(get(&text, "/layers/19999/digest").expect("the last"), "sha256:19999");
}

#[test]
fn values_of_what_the_library_says() {
    let failure = text_of(ocireg_parse_reference, "UPPER/case").expect_err("no reference");
    let text = failure.json.to_string();
    assert_eq!(get(&text, "/name").expect("a name"), "INVALID_REFERENCE");
    assert_eq!(get(&text, "/code").expect("a code"), "5");
    let parsed = text_of(ocireg_parse_reference, "registry.example/a:1").expect("a reference");
    assert_eq!(get(&parsed, "/tag").expect("a tag"), "1");
}

#[test]
fn an_auth_config_is_made_of_name_and_password() {
    let secret = canary::canary();
    let secret = secret.as_str();
    let parsed = |text: String| -> serde_json::Value { serde_json::from_str(&text).expect("JSON") };
    for (host, username, password, expected) in [
        (
            Some("r.example:5000"),
            Some("alice"),
            Some(secret),
            json!({"username": "alice", "password": secret, "serveraddress": "r.example:5000"}),
        ),
        (
            Some("https://index.docker.io/v1/"),
            Some("a"),
            Some("b"),
            json!({"username": "a", "password": "b", "serveraddress": "https://index.docker.io/v1/"}),
        ),
        (
            Some("[::1]:5000"),
            Some("a"),
            Some("b"),
            json!({"username": "a", "password": "b", "serveraddress": "[::1]:5000"}),
        ),
        (
            None,
            Some("al\"i\\ce é"),
            Some("p:\"\\ é"),
            json!({"username": "al\"i\\ce é", "password": "p:\"\\ é"}),
        ),
        // A key file, as some registries want it for a password.
        (
            None,
            Some("_json_key"),
            Some("{\n  \"type\": \"service_account\"\r\n\t}\n"),
            json!({"username": "_json_key", "password": "{\n  \"type\": \"service_account\"\r\n\t}\n"}),
        ),
        (None, Some("a"), Some(""), json!({"username": "a"})),
        (None, None, None, json!({})),
        (Some(""), Some(""), Some(""), json!({})),
        (Some("r.example"), None, None, json!({"serveraddress": "r.example"})),
    ] {
        assert_eq!(parsed(auth(host, username, password).expect("an AuthConfig")), expected);
    }
}

#[test]
fn what_cannot_be_an_auth_config_is_refused() {
    let secret = canary::canary();
    let secret = Some(secret.as_str());
    for (host, username, password, argument) in [
        (None, None, secret, "username"),
        (None, Some(""), secret, "username"),
        (None, Some("alice"), None, "password"),
        (None, Some("al\nice"), secret, "username"),
        (None, Some("alice\r"), secret, "username"),
        (None, Some("\u{1b}[2J"), secret, "username"),
        (None, Some("alice:secret"), secret, "username"),
        (Some("r example"), Some("a"), secret, "host"),
        (Some("r.example\n"), Some("a"), secret, "host"),
        (Some("user:password@r.example"), Some("a"), secret, "host"),
        (Some("ftp://r.example"), Some("a"), secret, "host"),
    ] {
        // That no error tells the secret, `call` checks.
        let failure = auth(host, username, password).expect_err("no AuthConfig");
        assert_eq!(
            (failure.name.as_str(), failure.argument()),
            ("OCIREG_INVALID_ARGUMENT", argument),
            "{failure:?}"
        );
        assert!(failure.json["hint"].is_string(), "{failure:?}");
    }
}

#[test]
fn null_and_other_encodings_are_refused_and_named() {
    let good = c"{}".as_ptr();
    let bad = c"\xff".as_ptr();
    let cases: [(*const c_char, *const c_char, &str, &str); 4] = [
        (ptr::null(), good, "json", "OCIREG_INVALID_ARGUMENT"),
        (good, ptr::null(), "pointer", "OCIREG_INVALID_ARGUMENT"),
        (bad, good, "json", "OCIREG_INVALID_UTF8"),
        (good, bad, "pointer", "OCIREG_INVALID_UTF8"),
    ];
    for (text, pointer, argument, code) in cases {
        // SAFETY: NULL is refused, the rest is live text.
        let failure = call_text(|out, error| unsafe { ocireg_json_get(text, pointer, out, error) })
            .expect_err("refused");
        assert_eq!((failure.name.as_str(), failure.argument()), (code, argument));
        let mut count = 7;
        // SAFETY: as above.
        let failure = call(|error| unsafe { ocireg_json_length(text, pointer, &mut count, error) })
            .expect_err("refused");
        assert_eq!((failure.name.as_str(), failure.argument(), count), (code, argument, 0));
    }
    // SAFETY: as above.
    let failure =
        call(|error| unsafe { ocireg_json_length(good, c"".as_ptr(), ptr::null_mut(), error) })
            .expect_err("nowhere to put the result");
    assert_eq!(failure.argument(), "length");
}

fn strings(text: &str, pointer: &str, member: Option<&str>) -> Outcome<Vec<String>> {
    let (text, pointer, member) = (c(text), c(pointer), member.map(c));
    let (mut found, mut count) = (ptr::null_mut(), 7);
    // SAFETY: live text or NULL in, live places out.
    let outcome = call(|error| unsafe {
        ocireg_json_strings(
            text.as_ptr(),
            pointer.as_ptr(),
            member.as_ref().map_or(ptr::null(), |text| text.as_ptr()),
            &mut found,
            &mut count,
            error,
        )
    });
    assert_eq!(outcome.is_ok(), !found.is_null());
    assert!(outcome.is_ok() || count == 0, "a call that fails leaves 0");
    outcome.map(|()| {
        // SAFETY: the array has `count` strings, then NULL, and is freed once.
        unsafe {
            let all = std::slice::from_raw_parts(found, count + 1);
            assert!(all[count].is_null());
            let texts = all[..count].iter();
            let texts = texts.map(|text| CStr::from_ptr(*text).to_str().expect("UTF-8").to_owned());
            let texts = texts.collect();
            ocireg_strings_free(found);
            texts
        }
    })
}

#[test]
fn the_strings_of_a_list_come_as_an_array() {
    let text = r#"{"tags": ["1", "b\u00e4r", ""], "none": [], "a": {"b": [1, null, {"c": "d"}]},
        "layers": [{"digest": "sha256:1", "of": {"x/y": "p"}}, {"digest": "sha256:2", "of": {"x/y": "q"}}]}"#;
    let get = |pointer, member| strings(text, pointer, member).map_err(|failure| failure.name);
    assert_eq!(get("/tags", None).expect("strings"), ["1", "bär", ""]);
    assert_eq!(get("/tags", Some("")).expect("strings"), ["1", "bär", ""]);
    assert_eq!(get("/none", None).expect("none"), [""; 0]);
    assert_eq!(get("/none", Some("/digest")).expect("none"), [""; 0]);
    assert_eq!(get("/layers", Some("/digest")).expect("digests"), ["sha256:1", "sha256:2"]);
    assert_eq!(get("/layers", Some("/of/x~1y")).expect("deep"), ["p", "q"]);
    assert_eq!(get("/a/b", None).expect("JSON"), ["1", "null", r#"{"c": "d"}"#]);
    assert_eq!(strings(r#"["x"]"#, "", None).expect("the whole"), ["x"]);
    assert_eq!(get("/absent", None), Err("OCIREG_NOT_FOUND".into()));
    assert_eq!(get("/layers", Some("/size")), Err("OCIREG_NOT_FOUND".into()));
    assert_eq!(get("/a/b", Some("/c")), Err("OCIREG_NOT_FOUND".into()), "not every element has it");
    assert_eq!(get("/a", None), Err("OCIREG_INVALID_ARGUMENT".into()));
    assert_eq!(get("/tags/0", None), Err("OCIREG_INVALID_ARGUMENT".into()));
    assert_eq!(get("tags", None), Err("OCIREG_INVALID_ARGUMENT".into()));
    assert_eq!(get("/tags", Some("x")), Err("OCIREG_INVALID_ARGUMENT".into()));
    let nul = r#"["a\u0000b"]"#;
    assert_eq!(strings(nul, "", None).map_err(|f| f.name), Err("OCIREG_UNSUPPORTED".into()));
}
