//! What the reference answered, asked again through the C surface.
//!
//! Runs the files in `tests/data/vectors`, or those in the folder that `OCIREG_VECTORS` names.

use std::io::Write;
use std::path::{Path, PathBuf};

use crate::c_surface::*;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use ocireg::call::Call;
use ocireg::ffi::*;
use serde_json::{Value, json};

/// What one vector gives: a value, or whatever error.
type Answer = Option<Value>;

/// A file's name, and what answers its vectors; None for code that is not written yet.
type Runner = (&'static str, Option<fn(&Value) -> Answer>);

const RUNNERS: &[Runner] = &[
    ("api_versions", Some(api_versions)),
    ("challenges", Some(challenges)),
    ("convert_to_hostname", Some(|input| text(ocireg_convert_to_hostname, input))),
    ("endpoints_list", Some(endpoints_list)),
    (
        "get_auth_config_key",
        Some(|input| {
            text_of(ocireg_auth_config_key, &input["index"].to_string()).ok().map(Value::String)
        }),
    ),
    ("lookup_pull_endpoints", Some(|input| endpoints(input, Service::lookup_pull_endpoints))),
    ("lookup_push_endpoints", Some(|input| endpoints(input, Service::lookup_push_endpoints))),
    ("parse_reference", Some(|input| json(ocireg_parse_reference, input))),
    ("parse_repository_info", Some(|input| json(ocireg_parse_repository_info, input))),
    ("parse_search_index_info", Some(|input| json(ocireg_parse_search_index_info, input))),
    ("resolve_auth_config", Some(resolve_auth_config)),
    (
        "resolve_repository",
        Some(|input| service(input)?.resolve_repository(string(input, "s")).ok()),
    ),
    ("service_config", Some(|input| service(input)?.config().ok().map(sorted))),
    ("split_search_term", Some(split_search_term)),
    ("tarsum", Some(tarsum)),
    (
        "tls_config",
        Some(|input| {
            let config = service(input)?.tls_config(string(input, "hostname")).ok()?;
            Some(json!({ "InsecureSkipVerify": config["InsecureSkipVerify"] }))
        }),
    ),
    ("trusted_location", Some(trusted_location)),
    ("v1_endpoint", Some(v1_endpoint)),
    ("validate_index_name", Some(|input| text(ocireg_validate_index_name, input))),
    ("validate_mirror", Some(|input| text(ocireg_validate_mirror, input))),
];

fn string<'a>(input: &'a Value, key: &str) -> &'a str {
    input[key].as_str().unwrap_or_else(|| panic!("the vector has text {key}"))
}

fn text(function: TextFunction, input: &Value) -> Answer {
    text_of(function, string(input, "s")).ok().map(Value::String)
}

fn json(function: TextFunction, input: &Value) -> Answer {
    json_of(function, string(input, "s")).ok()
}

fn endpoints_list(input: &Value) -> Answer {
    let index = string(input, "base").parse().expect("the vector has a URL");
    let lines = input["headers"].as_array().expect("a list");
    let lines = lines.iter().map(|line| line.as_str().expect("text"));
    let roots = ocireg::v1::root::listed(&index, lines).ok()?;
    Some(json!(roots))
}

fn v1_endpoint(input: &Value) -> Answer {
    let address = ocireg::v1::endpoint::address(string(input, "s")).ok()?;
    let service = ocireg::registry::service::Service::parse("{}").expect("a service");
    let (tls, headers) = Default::default();
    let endpoint = ocireg::v1::Endpoint::of(&service, address, tls, headers).ok()?;
    Some(json!({
        "URL": endpoint.address(),
        "String": endpoint.path(""),
        "Path": endpoint.path("images/x/json"),
    }))
}

fn challenges(input: &Value) -> Answer {
    json_of(ocireg_parse_challenges, &input["headers"].to_string()).ok()
}

fn resolve_auth_config(input: &Value) -> Answer {
    let (auths, index) = (c(&input["auths"].to_string()), c(&input["index"].to_string()));
    // SAFETY: live text in, live places out.
    call_json(|json, error| unsafe {
        ocireg_resolve_auth_config(auths.as_ptr(), index.as_ptr(), json, error)
    })
    .ok()
}

/// A step within the library that has no C name of its own.
fn split_search_term(input: &Value) -> Answer {
    let (index, term) = ocireg::names::host::split_search_term(string(input, "s"));
    Some(json!([index, term]))
}

/// What a registry says that it speaks.
fn api_versions(input: &Value) -> Answer {
    let lines = input["headers"].as_array().expect("headers").iter().filter_map(Value::as_str);
    Some(json!(ocireg::v2::registry::api_versions(lines)))
}

/// Whether credentials may follow a redirect between two such places.
fn trusted_location(input: &Value) -> Answer {
    let url = string(input, "s").parse().ok()?;
    Some(json!(ocireg::http::origin::is_trusted(&url)))
}

/// A step within the library that has no C name of its own.
fn tarsum(input: &Value) -> Answer {
    let tar = BASE64.decode(string(input, "data")).expect("base64");
    let json = string(input, "json").as_bytes();
    ocireg::v1::tarsum::tarsum(&tar[..], json, &Call::new(None)).ok().map(Value::String)
}

/// The vector's service: only the names that it lists resolve, and there are no certificates.
fn service(input: &Value) -> Option<Service> {
    let mut options = input["options"].as_object().cloned().unwrap_or_default();
    let mut resolve = input["resolve"].as_object().cloned().unwrap_or_default();
    resolve.insert("*".to_owned(), json!([]));
    options.insert("resolve".to_owned(), Value::Object(resolve));
    options.insert("certs-dir".to_owned(), json!(""));
    Service::new(&Value::Object(options)).ok()
}

fn endpoints(input: &Value, lookup: fn(&Service, &str) -> Outcome<Value>) -> Answer {
    let mut found = lookup(&service(input)?, string(input, "hostname")).ok()?;
    for endpoint in found.as_array_mut().expect("a list of endpoints") {
        let endpoint = endpoint.as_object_mut().expect("an endpoint");
        let tls = endpoint.remove("TLSConfig").expect("an endpoint has a TLSConfig");
        endpoint.insert("InsecureSkipVerify".to_owned(), tls["InsecureSkipVerify"].clone());
    }
    Some(found)
}

/// The reference gives these lists in any order.
fn sorted(mut config: Value) -> Value {
    for key in [
        "AllowNondistributableArtifactsCIDRs",
        "AllowNondistributableArtifactsHostnames",
        "InsecureRegistryCIDRs",
    ] {
        if let Some(list) = config[key].as_array_mut() {
            list.sort_by_key(ToString::to_string);
        }
    }
    config
}

/// How many vectors of a file passed, of how many; each that failed is printed.
fn run(path: &Path, name: &str, answer: fn(&Value) -> Answer) -> (usize, usize) {
    let text = std::fs::read_to_string(path)
        .unwrap_or_else(|e| panic!("{} cannot be read: {e}", path.display()));
    let (mut passed, mut total) = (0, 0);
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        total += 1;
        let vector: Value = serde_json::from_str(line)
            .unwrap_or_else(|e| panic!("{}:{}: {e}", path.display(), number + 1));
        let expected = match (vector.get("out"), vector.get("error")) {
            (Some(out), None) => Some(out.clone()),
            (None, Some(Value::Bool(true))) => None,
            _ => panic!("{}:{}: neither out nor error", path.display(), number + 1),
        };
        let expected = if name == "service_config" { expected.map(sorted) } else { expected };
        let got = answer(&vector["in"]);
        if got == expected {
            passed += 1;
            continue;
        }
        let shown =
            |answer: &Answer| answer.as_ref().map_or("an error".to_owned(), ToString::to_string);
        println!(
            "{name}:{}: input {}\n  expected {}\n  got      {}",
            number + 1,
            vector["in"],
            shown(&expected),
            shown(&got)
        );
    }
    (passed, total)
}

/// Prints past the test harness, which keeps what a passing test prints.
fn say(line: &str) {
    writeln!(std::io::stdout(), "{line}").expect("standard output");
}

/// Runs every file of a folder; the failures, of which none is success.
fn run_folder(folder: &Path) -> Vec<String> {
    let mut failures = Vec::new();
    let Ok(entries) = std::fs::read_dir(folder) else {
        return vec![format!("{} cannot be read", folder.display())];
    };
    let mut paths: Vec<PathBuf> =
        entries.map(|entry| entry.expect("a directory entry").path()).collect();
    paths.sort();
    let mut answered = 0;
    for path in paths {
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if file == "README.md" {
            continue;
        }
        let known = file
            .strip_suffix(".jsonl")
            .and_then(|name| RUNNERS.iter().find(|(known, _)| *known == name));
        match known {
            None => failures.push(format!("{file}: no function has this name")),
            Some((name, None)) => {
                say(&format!("{name}: known, but its function is not written yet"));
            }
            Some((name, Some(answer))) => {
                let (passed, total) = run(&path, name, *answer);
                say(&format!("{name}: {passed} of {total} passed"));
                answered += total;
                if passed != total || total == 0 {
                    failures.push(format!("{file}: {passed} of {total} passed"));
                }
            }
        }
    }
    if answered == 0 {
        failures.push(format!("{} holds no vector that can be run", folder.display()));
    }
    failures
}

#[test]
fn the_library_answers_as_the_reference_did() {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/vectors");
    let folder = std::env::var_os("OCIREG_VECTORS").map_or(own, PathBuf::from);
    let failures = run_folder(&folder);
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn a_folder_without_vectors_fails() {
    let folder = std::env::temp_dir().join(format!("ocireg-vectors-{}", std::process::id()));
    assert_eq!(run_folder(&folder).len(), 1, "a folder that does not exist");
    std::fs::create_dir_all(&folder).expect("a temporary folder");
    assert_eq!(run_folder(&folder).len(), 1, "an empty folder");
    std::fs::write(folder.join("unheard_of.jsonl"), "{}\n").expect("a file");
    assert_eq!(run_folder(&folder).len(), 2, "a file of an unknown name");
    std::fs::remove_file(folder.join("unheard_of.jsonl")).expect("the file");
    std::fs::write(folder.join("validate_index_name.jsonl"), "").expect("a file");
    assert_eq!(run_folder(&folder).len(), 2, "a file without vectors");
    let wrong = r#"{"in":{"s":"index.docker.io"},"out":"index.docker.io"}"#;
    std::fs::write(folder.join("validate_index_name.jsonl"), wrong).expect("a file");
    assert_eq!(run_folder(&folder).len(), 1, "a vector that does not hold");
    std::fs::remove_dir_all(&folder).expect("the folder");
}
