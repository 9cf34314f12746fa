//! One table of scenarios through C, Go and Python against the same registries: each binding must give the expected
//! answers, and the three must give the same.
//!
//! A scenario is a list of requests to a driver, a small program on one binding that reads them as lines (tests/bindings/e2e/c,
//! tests/bindings/e2e/go, tests/bindings/e2e/python). Requests are named after the functions of the C surface.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use crate::fixtures::{Fixtures, V1Fixtures, Words};
use ocireg_testkit::stage;
use ocireg_testkit::{canary, digest};
use serde_json::{Value, json};

/// A driver that runs.
struct Driver {
    name: &'static str,
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    /// For the layouts of this driver.
    directory: ocireg_testkit::TempDir,
}

/// What a driver answered.
#[derive(Debug, Clone, PartialEq)]
enum Answer {
    Ok(Value),
    Error(Value),
}

impl Driver {
    fn start(name: &'static str, environment: &[(&str, &str)]) -> Self {
        let mut command = match name {
            "c" => Command::new(c_driver()),
            "go" => Command::new(go_driver()),
            _ => {
                let mut command = Command::new(stage::python_with("ctypes"));
                command.arg(stage::root().join("tests/bindings/e2e/python/driver.py"));
                command.env("PYTHONPATH", stage::root().join("bindings/python"));
                command
            }
        };
        let library = stage::prefix().join("lib");
        command.env("LD_LIBRARY_PATH", &library);
        command.env("OCIREG_LIBRARY", library.join("libocireg.so.0"));
        let mut child = command
            .envs(environment.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|e| panic!("the {name} driver cannot start: {e}"));
        let stdin = child.stdin.take().expect("a pipe");
        let stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        let directory = ocireg_testkit::tempdir();
        Self { name, child, stdin, stdout, directory }
    }

    fn ask(&mut self, request: &str) -> Answer {
        writeln!(self.stdin, "{request}").expect("the driver listens");
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("the driver answers");
        let line = line.trim_end_matches('\n');
        canary::assert_none(request, line);
        let (kind, value) = line.split_once('\t').unwrap_or_else(|| {
            panic!("{}: {request}: {line:?} is no answer", self.name);
        });
        match kind {
            "ok" => Answer::Ok(serde_json::from_str(value).unwrap_or_else(|_| json!(value))),
            "error" => Answer::Error(serde_json::from_str(value).expect("errors are JSON")),
            _ => panic!("{}: {request}: {line:?} is no answer", self.name),
        }
    }

    /// At the end of its input a driver ends well.
    fn end(self) {
        let Self { name, mut child, stdin, .. } = self;
        drop(stdin);
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(20) {
            if let Some(status) = child.try_wait().expect("a child") {
                assert!(status.success(), "the {name} driver ended with {status}");
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = child.kill();
        panic!("the {name} driver does not end");
    }
}

fn scratch(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

fn c_driver() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let program = scratch("e2e-driver-c");
        let mut command = Command::new("cc");
        command.args(["-std=gnu11", "-O1", "-g", "-Wall", "-Wextra", "-Werror"]);
        command.arg(stage::root().join("tests/bindings/e2e/c/driver.c")).arg("-o").arg(&program);
        stage::run(command.args(stage::flags()).arg("-pthread"));
        program
    })
}

fn go_driver() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let program = scratch("e2e-driver-go");
        let mut command = Command::new("go");
        command.args(["build", "-o"]).arg(&program).arg(".");
        command.current_dir(stage::root().join("tests/bindings/e2e/go"));
        let library = stage::prefix().join("lib");
        command.env("PKG_CONFIG_PATH", library.join("pkgconfig"));
        // Go's build cache does not look at what pkg-config says, but at this: no object made for another stage is used.
        command.env("CGO_LDFLAGS", format!("-O2 -g -L{}", library.display()));
        stage::run(&mut command);
        program
    })
}

/// What a request must give.
enum Expected {
    /// Exactly this text or number, or an object or array that holds at least this; "*" stands for anything.
    Ok(Value),
    /// A failure of this name, whose document holds at least this.
    Error(&'static str, Value),
}

/// A request, its expected answer, and what of that may differ. `{last.KEY}` is a text of the last object that was given.
struct Step {
    fields: Vec<String>,
    expected: Expected,
    differs: Differs,
}

#[derive(PartialEq)]
enum Differs {
    Nothing,
    /// It depends on the moment: only that it succeeds, or the name of its failure, counts.
    InTime,
    /// A language whose types cannot express this input never gets to the library.
    InTypes,
}

fn fields(request: &[&str]) -> Vec<String> {
    request.iter().map(|field| (*field).to_owned()).collect()
}

/// The request succeeds with this.
fn gives(request: &[&str], value: Value) -> Step {
    Step { fields: fields(request), expected: Expected::Ok(value), differs: Differs::Nothing }
}

impl Step {
    fn fails_to_pull(&self) -> bool {
        self.fields[0] == "pull" && matches!(self.expected, Expected::Error(..))
    }
}

/// The request succeeds and says nothing.
fn does(request: &[&str]) -> Step {
    gives(request, json!(""))
}

/// The request fails with this code.
fn fails(request: &[&str], name: &'static str, document: Value) -> Step {
    Step {
        fields: fields(request),
        expected: Expected::Error(name, document),
        differs: Differs::Nothing,
    }
}

/// The request is ended by cancellation or its deadline: how far it came differs.
fn ends(request: &[&str], name: &'static str) -> Step {
    Step {
        fields: fields(request),
        expected: Expected::Error(name, json!({})),
        differs: Differs::InTime,
    }
}

/// The request gives something else each time.
fn random(request: &[&str]) -> Step {
    in_time(request, json!("*"))
}

/// The request succeeds with this, and the rest depends on the moment.
fn in_time(request: &[&str], value: Value) -> Step {
    Step { fields: fields(request), expected: Expected::Ok(value), differs: Differs::InTime }
}

/// The request fails with this code where the language can make it at all: JSON of the wrong shape.
fn misshapen(request: &[&str]) -> Step {
    let expected = Expected::Error("INVALID_JSON", json!({}));
    Step { fields: fields(request), expected, differs: Differs::InTypes }
}

/// The request fails with this code, and in Go with the plain error that Docker's package has for it.
fn as_docker_says(request: &[&str], name: &'static str, details: Value) -> Step {
    Step { differs: Differs::InTypes, ..fails(request, name, details) }
}

/// Runs a scenario through every binding.
fn run(scenario: &str, fixtures: &impl Words, steps: &[Step]) {
    run_in(&[], scenario, fixtures, steps);
}

/// The same in processes with these environment variables.
fn run_in(environment: &[(&str, &str)], scenario: &str, fixtures: &impl Words, steps: &[Step]) {
    let mut first: Option<(Vec<Answer>, BTreeMap<String, String>)> = None;
    for name in ["c", "go", "python"] {
        fixtures.reset();
        let mut driver = Driver::start(name, environment);
        let directory = driver.directory.path().display().to_string();
        let (mut answers, mut last) = (Vec::new(), serde_json::Map::new());
        for (number, step) in steps.iter().enumerate() {
            let mut request = fixtures.fill(&step.fields.join("\t")).replace("{dir}", &directory);
            for (key, value) in &last {
                request =
                    request.replace(&format!("{{last.{key}}}"), value.as_str().unwrap_or("?"));
            }
            let answer = as_document(driver.ask(&request), &step.fields[0]);
            if let Answer::Ok(Value::Object(object)) = &answer {
                last.clone_from(object);
            }
            let place = format!("{scenario}, step {number} in {name}: {request}");
            judge(&place, &answer, step, fixtures, &directory);
            answers.push(stable(&answer, step, &directory));
        }
        let mut files = layouts(driver.directory.path());
        // The marks of what was verified name inodes and times.
        files.retain(|path, _| !path.ends_with(".ocireg-verified"));
        // How many blobs are whole when another one fails is a matter of time.
        if steps.iter().any(Step::fails_to_pull) {
            files.retain(|path, _| !path.contains("/blobs/"));
        }
        driver.end();
        let Some((first, first_files)) = &first else {
            first = Some((answers, files));
            continue;
        };
        assert_eq!(first_files, &files, "{scenario}: C and {name} leave different layouts");
        for ((step, one), other) in steps.iter().zip(first).zip(&answers) {
            if step.differs == Differs::InTypes && (is_untypable(one) || is_untypable(other)) {
                continue;
            }
            assert_eq!(one, other, "{scenario}: C and {name} differ on {}", step.fields.join(" "));
        }
    }
}

/// Where a method gives the one list that a document has, the document.
fn as_document(answer: Answer, request: &str) -> Answer {
    match answer {
        Answer::Ok(list @ Value::Array(_)) if request == "service_resolve_endpoints" => {
            Answer::Ok(json!({"endpoints": list}))
        }
        other => other,
    }
}

/// Every file of the layouts in a directory with its digest; a blob's is its name.
fn layouts(directory: &Path) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    let mut left = vec![directory.to_path_buf()];
    while let Some(next) = left.pop() {
        for entry in std::fs::read_dir(next).expect("a directory") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                left.push(path);
                continue;
            }
            let digest = digest::sha256(&std::fs::read(&path).expect("a file"));
            let name = path.strip_prefix(directory).expect("below").display().to_string();
            if let Some((_, hex)) = name.split_once("/blobs/sha256/") {
                assert_eq!(digest, format!("sha256:{hex}"), "{name} holds something else");
            }
            files.insert(name, digest);
        }
    }
    files
}

fn judge(place: &str, answer: &Answer, step: &Step, fixtures: &impl Words, directory: &str) {
    let fill = |value: &Value| -> Value {
        let text = fixtures.fill(&value.to_string()).replace("{dir}", directory);
        serde_json::from_str(&text).expect("placeholders hold no quotes")
    };
    if step.differs == Differs::InTypes && is_untypable(answer) {
        return;
    }
    match (answer, &step.expected) {
        (Answer::Ok(value), Expected::Ok(expected)) => {
            let expected = fill(expected);
            assert!(holds(value, &expected), "{place}\ngives    {value}\nexpected {expected}");
        }
        (Answer::Error(document), Expected::Error(name, expected)) => {
            let expected = fill(expected);
            assert_eq!(document["name"], *name, "{place}\ngives {document}");
            assert!(
                holds(document, &expected),
                "{place}\ngives    {document}\nexpected {expected}"
            );
            let message = document["message"].as_str().unwrap_or_default();
            assert!(!message.is_empty() && !message.contains('\n'), "{place}\ngives {document}");
        }
        (answer, _) => panic!("{place}\ngives {answer:?}"),
    }
}

/// Whether a driver says that its language has no value for this.
fn is_untypable(answer: &Answer) -> bool {
    matches!(answer, Answer::Error(document) if document["name"] == "DRIVER")
}

/// Whether `value` has everything that `expected` has.
fn holds(value: &Value, expected: &Value) -> bool {
    match (value, expected) {
        (value, Value::String(any)) if any == "*" => !value.is_null(),
        (Value::Object(value), Value::Object(expected)) => expected
            .iter()
            .all(|(key, expected)| value.get(key).is_some_and(|value| holds(value, expected))),
        (Value::Array(value), Value::Array(expected)) => {
            value.len() == expected.len()
                && value.iter().zip(expected).all(|(value, expected)| holds(value, expected))
        }
        _ => value == expected,
    }
}

/// What must be the same in every binding: times are left out, and each driver's own directory.
fn stable(answer: &Answer, step: &Step, directory: &str) -> Answer {
    let strip = |value: &Value| -> Value {
        let text = value.to_string().replace(directory, "{dir}");
        let mut value = serde_json::from_str(&text).expect("still JSON");
        forget_times(&mut value);
        value
    };
    match answer {
        Answer::Ok(_) if step.differs == Differs::InTime => Answer::Ok(Value::Null),
        Answer::Error(document) if step.differs == Differs::InTime => {
            Answer::Error(document["name"].clone())
        }
        Answer::Error(document) => Answer::Error(strip(document)),
        Answer::Ok(value) if step.fields[0] == "events" => {
            // How often a call waits, and so whether it ticks, is up to the machine.
            let mut kinds: Vec<&str> =
                value.as_array().expect("a list").iter().filter_map(Value::as_str).collect();
            kinds.retain(|kind| !["tick", "wait"].contains(kind));
            kinds.sort_unstable();
            Answer::Ok(json!(kinds))
        }
        Answer::Ok(value) => Answer::Ok(strip(value)),
    }
}

fn forget_times(value: &mut Value) {
    match value {
        Value::Object(object) => {
            object.remove("duration_ms");
            object.remove("bytes_per_second");
            object.values_mut().for_each(forget_times);
        }
        Value::Array(array) => array.iter_mut().for_each(forget_times),
        _ => {}
    }
}

const INDEX: &str = r#"{"Name":"docker.io","Mirrors":[],"Secure":true,"Official":true}"#;

#[test]
fn names() {
    let fixtures = Fixtures::shared();
    let auths = r#"{"https://index.docker.io/v1/":{"username":"u","password":"p"}}"#;
    run(
        "names",
        &*fixtures,
        &[
            gives(&["version"], json!(env!("CARGO_PKG_VERSION"))),
            gives(
                &["convert_to_hostname", "https://registry.example/v1/"],
                json!("registry.example"),
            ),
            gives(
                &["convert_to_hostname", "registry.example:5000/x"],
                json!("registry.example:5000"),
            ),
            gives(&["validate_index_name", "index.docker.io"], json!("docker.io")),
            fails(&["validate_index_name", "-registry.example"], "INVALID_CONFIG", json!({})),
            gives(&["validate_mirror", "https://mirror.example"], json!("https://mirror.example/")),
            fails(&["validate_mirror", "ftp://mirror.example"], "INVALID_CONFIG", json!({})),
            fails(
                &["validate_mirror", "https://alice:{password}@mirror.example"],
                "INVALID_CONFIG",
                json!({}),
            ),
            gives(
                &["parse_reference", "busybox"],
                json!({"domain": "docker.io", "path": "library/busybox", "tag": "", "digest": "",
                "with_default_tag": "docker.io/library/busybox:latest"}),
            ),
            gives(
                &["parse_reference", "registry.example:5000/team/app:1.0@{multi}"],
                json!({"domain": "registry.example:5000", "tag": "1.0", "digest": "{multi}"}),
            ),
            fails(&["parse_reference", "UPPER/case"], "INVALID_REFERENCE", json!({})),
            fails(&["parse_reference", ""], "INVALID_REFERENCE", json!({})),
            fails(&["parse_reference", "a\u{7}b"], "INVALID_REFERENCE", json!({})),
            fails(&["parse_reference", "registry.example/größe"], "INVALID_REFERENCE", json!({})),
            gives(
                &["parse_repository_info", "127.0.0.1:5000/app"],
                json!({"Index": {"Name": "127.0.0.1:5000", "Secure": false, "Official": false}}),
            ),
            fails(&["parse_repository_info", "app:"], "INVALID_REFERENCE", json!({})),
            gives(
                &["parse_search_index_info", "registry.example/term"],
                json!({"Name": "registry.example"}),
            ),
            fails(
                &["parse_search_index_info", "-registry.example/term"],
                "INVALID_CONFIG",
                json!({}),
            ),
            gives(&["auth_config_key", INDEX], json!("https://index.docker.io/v1/")),
            misshapen(&["auth_config_key", "{"]),
            gives(
                &["resolve_auth_config", auths, INDEX],
                json!({"username": "u", "password": "p"}),
            ),
            gives(&["resolve_auth_config", "{}", INDEX], json!({})),
            misshapen(&["resolve_auth_config", "[]", INDEX]),
            gives(
                &[
                    "parse_challenges",
                    r#"["Bearer realm=\"https://a.example/token\",service=\"s\""]"#,
                ],
                json!([{"scheme": "bearer", "parameters": {"realm": "https://a.example/token", "service": "s"}}]),
            ),
            misshapen(&["parse_challenges", "1"]),
            gives(&["certs_dir"], json!("*")),
            gives(
                &["read_certs_directory", "{certs}/127.0.0.1"],
                json!({"RootCAs": ["{certs}/127.0.0.1/ca.crt"], "InsecureSkipVerify": false, "MinVersion": "1.2",
                "Certificates": [{"cert": "{certs}/127.0.0.1/client.cert", "key": "{certs}/127.0.0.1/client.key"}]}),
            ),
            fails(&["read_certs_directory", "{certs}/keyless"], "INVALID_CONFIG", json!({})),
        ],
    );
}

#[test]
fn configuration() {
    let fixtures = Fixtures::shared();
    let options = r#"{"registry-mirrors":["https://mirror.example"],"insecure-registries":["10.0.0.0/8","r.example:5000"],"certs-dir":"{certs}"}"#;
    run(
        "configuration",
        &*fixtures,
        &[
            does(&["service_new", "s", options]),
            gives(
                &["service_config", "s"],
                json!({"Mirrors": ["https://mirror.example/"], "InsecureRegistryCIDRs": ["10.0.0.0/8", "::1/128", "127.0.0.0/8"],
                "IndexConfigs": {"r.example:5000": {"Secure": false}, "docker.io": {"Official": true}}}),
            ),
            gives(
                &["service_lookup_pull_endpoints", "s", "docker.io"],
                json!([
                    {"URL": "https://mirror.example/", "Mirror": true, "Version": "v2", "TrimHostname": true},
                    {"URL": "https://registry-1.docker.io", "Mirror": false, "Official": true},
                ]),
            ),
            gives(
                &["service_lookup_push_endpoints", "s", "docker.io"],
                json!([{"Official": true}]),
            ),
            gives(
                &["service_lookup_pull_endpoints", "s", "10.1.1.1:5000"],
                json!([{"URL": "https://10.1.1.1:5000"}, {"URL": "http://10.1.1.1:5000"}]),
            ),
            // The other languages give the list itself.
            random(&["service_resolve_endpoints", "s", "busybox", r"\N"]),
            random(&[
                "service_resolve_endpoints",
                "s",
                "busybox",
                r#"{"actions":["pull","push"]}"#,
            ]),
            fails(
                &["service_resolve_endpoints", "s", "BUSYBOX", r"\N"],
                "INVALID_REFERENCE",
                json!({}),
            ),
            gives(
                &["service_resolve_repository", "s", "r.example:5000/app"],
                json!({"Official": false, "Index": {"Name": "r.example:5000", "Secure": false}}),
            ),
            fails(&["service_resolve_repository", "s", "APP"], "INVALID_REFERENCE", json!({})),
            gives(
                &["service_tls_config", "s", "registry.invalid:443"],
                json!({"InsecureSkipVerify": false, "RootCAs": ["{certs}/registry.invalid:443/ca.crt"]}),
            ),
            gives(
                &["service_tls_config", "s", "r.example:5000"],
                json!({"InsecureSkipVerify": true}),
            ),
            fails(&["service_tls_config", "s", "../127.0.0.1"], "INVALID_ARGUMENT", json!({})),
            gives(&["service_is_insecure_registry", "s", "r.example:5000"], json!(1)),
            gives(&["service_is_insecure_registry", "s", "127.0.0.1:5000"], json!(1)),
            gives(&["service_is_insecure_registry", "s", "192.0.2.1"], json!(0)),
            does(&[
                "service_new",
                "c",
                r#"{"credentials":{"r.example/team":{"username":"alice","password":"x"}},"docker-config":""}"#,
            ]),
            gives(
                &["service_credentials", "c", "r.example/team/app"],
                json!({"username": "alice", "source": "credentials", "kind": "password"}),
            ),
            gives(&["service_credentials", "c", "r.example"], json!({"kind": "anonymous"})),
            fails(
                &["service_credentials", "c", "."],
                "INVALID_ARGUMENT",
                json!({"argument": "host"}),
            ),
            does(&["service_free", "c"]),
            does(&["service_load_mirrors", "s", r#"["http://other.example:5000"]"#]),
            fails(&["service_load_mirrors", "s", r#"["nonsense"]"#], "INVALID_CONFIG", json!({})),
            misshapen(&["service_load_mirrors", "s", "{}"]),
            does(&["service_load_insecure_registries", "s", r#"["192.0.2.0/24"]"#]),
            gives(&["service_is_insecure_registry", "s", "192.0.2.1"], json!(1)),
            does(&[
                "service_load_allow_nondistributable_artifacts",
                "s",
                r#"["192.0.2.0/24","a.example"]"#,
            ]),
            gives(
                &["service_config", "s"],
                json!({"Mirrors": ["http://other.example:5000/"], "AllowNondistributableArtifactsCIDRs": ["192.0.2.0/24"],
                "AllowNondistributableArtifactsHostnames": ["a.example"]}),
            ),
            does(&["service_replace_config", "s", r#"{"registry-mirrors":[]}"#]),
            gives(&["service_config", "s"], json!({"Mirrors": []})),
            fails(
                &["service_replace_config", "s", r#"{"registry-mirrors":["ftp://x"]}"#],
                "INVALID_CONFIG",
                json!({}),
            ),
            gives(&["service_config", "s"], json!({"Mirrors": []})),
            fails(
                &["service_new", "t", r#"{"no-such-option":1}"#],
                "INVALID_JSON",
                json!({"argument": "no-such-option"}),
            ),
            misshapen(&["service_new", "t", r#"{"registry-mirrors":"text"}"#]),
            misshapen(&["service_new", "t", "nonsense"]),
            does(&["service_new", "t", r"\N"]),
            gives(
                &["service_config", "t"],
                json!({"Mirrors": [], "IndexConfigs": {"docker.io": {"Secure": true}}}),
            ),
            does(&["service_free", "t"]),
            does(&["service_free", "s"]),
        ],
    );
}

#[test]
fn endpoints_and_sessions() {
    let expecting = |diff_id: &str| format!(r#"{{"decompress":true,"diff_id":"{diff_id}"}}"#);
    let fixtures = Fixtures::shared();
    let endpoint = r#"{"URL":"http://{plain}","Version":"v2"}"#;
    run(
        "endpoints and sessions",
        &*fixtures,
        &[
            does(&["service_new", "s", "{}"]),
            does(&["endpoint_new", "s", "e", endpoint]),
            gives(&["endpoint_to_string", "e"], json!("*")),
            gives(&["endpoint_path", "e", "v2/app/tags/list"], json!("*")),
            gives(&["endpoint_is_secure", "e"], json!(0)),
            gives(
                &["endpoint_ping", "e"],
                json!({"protocol": "v2", "confirmed": true, "challenges": []}),
            ),
            fails(
                &["endpoint_new", "s", "f", r#"{"URL":"nonsense"}"#],
                "INVALID_ARGUMENT",
                json!({}),
            ),
            fails(
                &["endpoint_new", "s", "f", r#"{"URL":"ftp://registry.example"}"#],
                "INVALID_ARGUMENT",
                json!({}),
            ),
            fails(&["endpoint_new", "s", "f", r#"{"URL":""}"#], "INVALID_ARGUMENT", json!({})),
            does(&["session_new", "e", "x", "{}"]),
            gives(&["session_ping", "x"], json!({"protocol": "v2", "confirmed": true})),
            does(&["session_repository", "x", "y", "multi"]),
            fails(&["session_repository", "x", "z", "UPPER"], "INVALID_REFERENCE", json!({})),
            gives(
                &["session_list_tags", "y", r"\N"],
                json!({"name": "multi", "tags": ["*", "*", "*"]}),
            ),
            does(&["session_open", "s", "p", "{faulty}/paged", r"\N"]),
            gives(
                &["session_list_tags", "p", r#"{"n":2}"#],
                json!({"tags": ["a", "b"], "next": "*"}),
            ),
            gives(&["session_list_tags", "p", r#"{"n":2,"last":"b"}"#], json!({"tags": ["c"]})),
            gives(&["session_list_tags", "p", r"\N"], json!({"tags": ["a", "b", "c"]})),
            fails(&["session_list_tags", "y", r#"{"wrong":1}"#], "INVALID_JSON", json!({})),
            gives(
                &["session_head_manifest", "y", "1", r"\N"],
                json!({"digest": "{multi}", "mediaType": "{index_type}"}),
            ),
            gives(
                &["session_get_manifest", "y", "{multi}", r"\N"],
                json!({"descriptor": {"digest": "{multi}"}, "sha256": "{multi_hex}"}),
            ),
            gives(
                &["session_get_manifest", "y", "1", r#"{"platform":"linux/arm64"}"#],
                json!({"descriptor": {"digest": "{arm64}"}, "sha256": "{arm64_hex}"}),
            ),
            fails(
                &["session_get_manifest", "y", "1", r#"{"platform":"plan9/mips"}"#],
                "NO_PLATFORM",
                json!({}),
            ),
            fails(
                &["session_get_manifest", "y", "nothing", r"\N"],
                "NOT_FOUND",
                json!({"http_status": 404}),
            ),
            fails(&["session_get_manifest", "y", "sha256:12", r"\N"], "INVALID_DIGEST", json!({})),
            does(&["session_open", "s", "o", "{plain}/multi:2", r"\N"]),
            gives(
                &["session_info", "o"],
                json!({"protocol": "v2", "repository": "multi", "mirror": false, "endpoint": "http://{plain}"}),
            ),
            random(&["session_id", "o"]),
            gives(&["session_head_manifest", "o", r"\N", r"\N"], json!({"digest": "{multi}"})),
            gives(
                &["session_head_blob", "o", "{layer}"],
                json!({"digest": "{layer}", "size": "*", "mediaType": "application/octet-stream"}),
            ),
            fails(
                &["session_head_blob", "o", "sha256:{zeros}"],
                "NOT_FOUND",
                json!({"what": "blob"}),
            ),
            fails(&["session_head_blob", "o", "nonsense"], "INVALID_DIGEST", json!({})),
            gives(
                &["session_open_blob", "o", "{layer}", "0", r"\N"],
                json!({"sha256": "{layer_hex}"}),
            ),
            gives(
                &["session_open_blob", "o", "{layer}", "100", r"\N"],
                json!({"size": "*", "read": "*"}),
            ),
            gives(
                &["session_open_blob", "o", "{layer}", "0", r#"{"decompress":true}"#],
                json!({"sha256": "{layer_diff_hex}"}),
            ),
            gives(
                &["session_open_blob", "o", "{layer}", "0", &expecting("sha256:{layer_diff_hex}")],
                json!({"sha256": "{layer_diff_hex}"}),
            ),
            fails(
                &["session_open_blob", "o", "{layer}", "0", &expecting("sha256:{zeros}")],
                "DIGEST_MISMATCH",
                json!({"what": "diff_id", "digest_actual": "sha256:{layer_diff_hex}"}),
            ),
            fails(
                &["session_verify_blob", "o", "{layer}", "100", &expecting("sha256:{zeros}")],
                "DIGEST_MISMATCH",
                json!({"what": "diff_id"}),
            ),
            fails(
                &["session_open_blob", "o", "{layer}", "1", r#"{"decompress":true}"#],
                "INVALID_ARGUMENT",
                json!({"argument": "offset"}),
            ),
            fails(
                &["session_open_blob", "o", "sha256:{zeros}", "0", r"\N"],
                "NOT_FOUND",
                json!({}),
            ),
            fails(&["session_open_blob", "o", "nonsense", "0", r"\N"], "INVALID_DIGEST", json!({})),
            gives(
                &["session_read_at", "o", "{layer}", r"\N", "0", "1000000000"],
                json!({"sha256": "{layer_hex}", "count": "*", "size": "*"}),
            ),
            gives(
                &["session_read_at", "o", "{layer}", r"\N", "4000000000", "10"],
                json!({"count": 0, "size": "*", "sha256": "*"}),
            ),
            fails(
                &["session_read_at", "o", "{layer}", r#"{"chunks":[]}"#, "0", "10"],
                "INVALID_ARGUMENT",
                json!({"argument": "chunks"}),
            ),
            fails(
                &["session_read_at", "o", "sha256:{zeros}", r"\N", "0", "10"],
                "NOT_FOUND",
                json!({"what": "blob"}),
            ),
            gives(
                &["session_authorize", "o", "GET", "tags/list", r"\N"],
                json!({"url": "*", "headers": {}, "endpoint": "*"}),
            ),
            fails(
                &["session_authorize", "o", "GET", "../tags/list", r"\N"],
                "INVALID_ARGUMENT",
                json!({"argument": "path"}),
            ),
            does(&["service_free", "s"]),
            does(&["endpoint_free", "e"]),
            does(&["session_free", "x"]),
            // What is left goes on without what it came from.
            gives(&["session_list_tags", "y", r"\N"], json!({"tags": ["*", "*", "*"]})),
            gives(&["session_head_manifest", "o", "old", r"\N"], json!({"digest": "{single}"})),
        ],
    );
}

#[test]
fn pulls_through_a_proxy() {
    let fixtures = Fixtures::shared();
    let proxy = fixtures.fill("http://alice:{password}@{proxy}");
    // No name resolves here, but the proxy knows one.
    let service = |name, more| {
        let options =
            format!(r#"{{"docker-config":"","certs-dir":"{{certs}}","resolve":{{"*":[]}}{more}}}"#);
        does(&["service_new", name, &options])
    };
    let pull = |name, layout| {
        let layout = format!("oci:{{dir}}/{layout}:x");
        gives(
            &["pull", name, "registry.test/app:1", &layout, r"\N"],
            json!({"descriptor": {"digest": "{single}"}, "endpoint": {"url": "https://registry.test"}}),
        )
    };
    let vainly = |name, code, document| {
        fails(&["pull", name, "registry.test/app:1", "oci:{dir}/vain:x", r"\N"], code, document)
    };
    run_in(
        &[("HTTPS_PROXY", &proxy), ("NO_PROXY", "a.example")],
        "pulls through a proxy",
        &*fixtures,
        &[
            service("by environment", ""),
            pull("by environment", "one"),
            service("without environment", r#","environment":false"#),
            vainly("without environment", "NAME_NOT_RESOLVED", json!({"phase": "dns"})),
            service("without proxy", r#","proxy":"""#),
            vainly("without proxy", "NAME_NOT_RESOLVED", json!({"phase": "dns"})),
            service("by URL", r#","environment":false,"proxy":"http://alice:{password}@{proxy}""#),
            pull("by URL", "two"),
            service(
                "by scheme",
                r#","proxy":{"http-proxy":"http://127.0.0.1:1","https-proxy":"http://alice:{password}@{proxy}","no-proxy":".example"}"#,
            ),
            pull("by scheme", "three"),
            service("excepted", r#","proxy":{"https-proxy":"{proxy}","no-proxy":"registry.test"}"#),
            vainly("excepted", "NAME_NOT_RESOLVED", json!({})),
            service("as a stranger", r#","proxy":"http://alice:wrong@{proxy}""#),
            vainly(
                "as a stranger",
                "PROXY",
                json!({"phase": "proxy", "http_status": 407, "host": "registry.test", "retryable": false, "hint": "*"}),
            ),
            service("gone", r#","proxy":"http://alice:{password}@{closed}""#),
            vainly("gone", "PROXY", json!({"phase": "proxy", "hint": "*"})),
            fails(
                &["service_new", "x", r#"{"proxy":"socks4://alice:{password}@{proxy}"}"#],
                "INVALID_CONFIG",
                json!({"argument": "proxy"}),
            ),
        ],
    );
}

#[test]
fn logs() {
    let fixtures = Fixtures::shared();
    let pull = [
        "pull",
        "s",
        "{bearer}/app:1",
        "oci:{dir}/layout",
        r#"{"platform":"linux/amd64","auth":{"username":"alice","password":"{password}"}}"#,
    ];
    let retried = ["session_open", "s", "x", "{faulty}/down:1", r"\N"];
    run(
        "logs",
        &*fixtures,
        &[
            does(&[
                "service_new",
                "s",
                r#"{"allow-plain-http-credentials":["{token}","{bearer}"],"retry":{"max-attempts":2,"initial-ms":1}}"#,
            ]),
            does(&["service_set_log", "s", "5"]),
            gives(&pull, json!("*")),
            gives(&["logged"], json!(["wire 5", "http 4", "session 2", "auth 3"])),
            does(&["service_set_log", "s", "2"]),
            gives(&retried, json!("")),
            fails(&["session_list_tags", "x", r"\N"], "SERVER", json!({})),
            gives(&["logged"], json!(["session 2", "http 2"])),
            does(&["service_set_log", "s", "0"]),
            gives(&pull, json!("*")),
            gives(&["logged"], json!([])),
        ],
    );
}

#[test]
fn asks_the_program_for_credentials() {
    let fixtures = Fixtures::shared();
    let (good, bad) = (
        r#"{"username":"alice","password":"{password}"}"#,
        r#"{"username":"alice","password":"expired"}"#,
    );
    let set = |first, refused| does(&["service_set_credentials", "s", first, refused]);
    let open = || does(&["session_open", "s", "x", "{bearer}/app:1", r"\N"]);
    let tags = || gives(&["session_list_tags", "x", r"\N"], json!("*"));
    let refused = fails(&["session_list_tags", "x", r"\N"], "UNAUTHORIZED", json!({}));
    run(
        "asks_the_program_for_credentials",
        &*fixtures,
        &[
            does(&[
                "service_new",
                "s",
                r#"{"allow-plain-http-credentials":["{token}","{bearer}"]}"#,
            ]),
            set(good, "stop"),
            open(),
            tags(),
            gives(&["asked"], json!(["first app"])),
            set(bad, good),
            open(),
            tags(),
            gives(&["asked"], json!(["first app", "refused app"])),
            set("pass", "stop"),
            open(),
            refused,
            gives(&["asked"], json!(["first app"])),
            does(&["service_set_credentials", "s", r"\N", r"\N"]),
        ],
    );
}

#[test]
fn pulls() {
    let fixtures = Fixtures::shared();
    run(
        "pulls",
        &*fixtures,
        &[
            does(&["service_new", "s", "{}"]),
            does(&["progress", "on"]),
            gives(
                &[
                    "pull",
                    "s",
                    "{plain}/multi:1",
                    "oci:{dir}/layout",
                    r#"{"platform":"linux/amd64"}"#,
                ],
                json!({"descriptor": {"digest": "{amd64}"}, "platform": "linux/amd64", "endpoint": {"mirror": false},
                "blobs": [{"source": "network"}, {"source": "network"}, {"source": "network"}]}),
            ),
            gives(&["events"], json!("*")),
            does(&["progress", "off"]),
            // Again: nothing is transferred.
            gives(
                &[
                    "pull",
                    "s",
                    "docker://{plain}/multi:1",
                    "oci:{dir}/layout",
                    r#"{"platform":"linux/amd64"}"#,
                ],
                json!({"bytes_transferred": 0, "blobs": [{"source": "present"}, {"source": "present"}, {"source": "present"}]}),
            ),
            gives(
                &[
                    "pull",
                    "s",
                    "{plain}/multi:1",
                    "oci:{dir}/all:everything",
                    r#"{"all_platforms":true}"#,
                ],
                json!({"descriptor": {"digest": "{multi}"}, "manifests": ["*", "*", "*", "*"]}),
            ),
            gives(
                &[
                    "pull",
                    "s",
                    "{plain}/multi@{multi}",
                    "oci:{dir}/digest",
                    r#"{"platform":"linux/arm/v7"}"#,
                ],
                json!({"platform": "linux/arm/v7"}),
            ),
            gives(
                &[
                    "pull",
                    "s",
                    "{plain}/single:1",
                    "oci:{dir}/single",
                    r#"{"platform":"linux/amd64"}"#,
                ],
                json!({"descriptor": {"digest": "{single}"}}),
            ),
            gives(
                &["inspect", "s", "{plain}/multi:1", r#"{"platform":"linux/arm64"}"#],
                json!({"kind": "index", "descriptor": {"digest": "{multi}"}, "platforms": ["*", "*", "*"],
                "platform": "linux/arm64", "config": {"architecture": "arm64"}, "layers": ["*", "*"]}),
            ),
            gives(
                &[
                    "inspect",
                    "s",
                    "{plain}/single:1",
                    r#"{"platform":"linux/amd64","config":false}"#,
                ],
                json!({"kind": "image", "descriptor": {"digest": "{single}"}}),
            ),
            fails(
                &["pull", "s", "{plain}/multi:1", "oci:{dir}/x", r#"{"platform":"plan9/mips"}"#],
                "NO_PLATFORM",
                json!({}),
            ),
            fails(
                &["pull", "s", "{plain}/multi:nothing", "oci:{dir}/x", r"\N"],
                "NOT_FOUND",
                json!({"http_status": 404, "errors": [{"code": "MANIFEST_UNKNOWN"}]}),
            ),
            fails(
                &["pull", "s", "{plain}/no/such:1", "oci:{dir}/x", r"\N"],
                "NOT_FOUND",
                json!({}),
            ),
            fails(&["inspect", "s", "{plain}/no/such:1", r"\N"], "NOT_FOUND", json!({})),
            fails(
                &["pull", "s", "{plain}/Multi:1", "oci:{dir}/x", r"\N"],
                "INVALID_REFERENCE",
                json!({}),
            ),
            fails(
                &["pull", "s", "{plain}/multi:1", "{dir}/x", r"\N"],
                "INVALID_ARGUMENT",
                json!({"argument": "destination"}),
            ),
            fails(
                &["pull", "s", "oci:{dir}/layout", "oci:{dir}/x", r"\N"],
                "INVALID_ARGUMENT",
                json!({"argument": "source"}),
            ),
            fails(
                &["pull", "s", "{plain}/multi:1", "oci:{dir}/x", r#"{"plattform":"x"}"#],
                "INVALID_JSON",
                json!({}),
            ),
            fails(&["pull", "s", "{plain}/multi:1", "oci:/proc/nothing/x", r"\N"], "IO", json!({})),
            fails(
                &["pull", "s", "{closed}/multi:1", "oci:{dir}/x", r"\N"],
                "CONNECT",
                json!({"phase": "connect"}),
            ),
            fails(
                &["inspect", "s", "nowhere.invalid/multi:1", r"\N"],
                "NAME_NOT_RESOLVED",
                json!({"phase": "dns"}),
            ),
        ],
    );
}

#[test]
fn pushes_and_copies() {
    let fixtures = Fixtures::shared();
    let again = json!({"bytes_transferred": 0, "descriptor": {"digest": "{multi}"}});
    run(
        "pushes_and_copies",
        &*fixtures,
        &[
            does(&["service_new", "s", "{}"]),
            gives(
                &["copy", "s", "docker://{plain}/multi:1", "oci:{dir}/layout:mine", r"\N"],
                json!({"descriptor": {"digest": "{multi}"}, "manifests": ["*", "*", "*", "*"],
                    "source_endpoint": {"mirror": false}, "destination": "oci:{dir}/layout:mine"}),
            ),
            // What is there depends on which binding was first.
            random(&[
                "push",
                "s",
                "oci:{dir}/layout:mine",
                "{plain}/pushed:1",
                r#"{"tags":["2"]}"#,
            ]),
            does(&["progress", "on"]),
            gives(
                &["push", "s", "oci:{dir}/layout:mine", "{plain}/pushed:1", r"\N"],
                again.clone(),
            ),
            gives(&["events"], json!("*")),
            does(&["progress", "off"]),
            gives(
                &["inspect", "s", "{plain}/pushed:2", r"\N"],
                json!({"descriptor": {"digest": "{multi}"}}),
            ),
            random(&["copy", "s", "docker://{plain}/multi:1", "docker://{plain}/copied:1", r"\N"]),
            gives(
                &["copy", "s", "docker://{plain}/multi:1", "docker://{plain}/copied:1", r"\N"],
                again,
            ),
            gives(
                &[
                    "push",
                    "s",
                    "oci:{dir}/layout:mine",
                    "docker://{plain}/pushed:arm",
                    r#"{"platform":"linux/arm64"}"#,
                ],
                json!({"platform": "linux/arm64", "descriptor": {"digest": "{arm64}"}}),
            ),
            fails(
                &["push", "s", "oci:{dir}/layout:other", "{plain}/pushed:1", r"\N"],
                "NOT_FOUND",
                json!({}),
            ),
            fails(
                &["push", "s", "oci:{dir}/layout:mine", "{plain}/Pushed:1", r"\N"],
                "INVALID_REFERENCE",
                json!({}),
            ),
            fails(
                &["copy", "s", "{plain}/multi:1", "oci:{dir}/layout", r"\N"],
                "INVALID_ARGUMENT",
                json!({"argument": "source"}),
            ),
            fails(
                &["copy", "s", "docker://{plain}/multi:1", "oci:{dir}/layout", r#"{"auth":{}}"#],
                "INVALID_JSON",
                json!({"argument": "auth"}),
            ),
        ],
    );
}

#[test]
fn artifacts() {
    let fixtures = Fixtures::shared();
    let options = json!({
        "artifact_type": "application/vnd.example.thing",
        "files": [{"path": "a file", "media_type": "text/plain", "annotations": {"a": "b"}},
            {"path": "below/übel", "title": "deep/er/ü"}],
        "annotations": {"c": "d"},
        "config": {"path": "config", "media_type": "application/vnd.example.config"},
    });
    let (options, none) = (options.to_string(), json!({"files": []}).to_string());
    let from = "files:{files}";
    run(
        "artifacts",
        &*fixtures,
        &[
            does(&["service_new", "s", "{}"]),
            random(&["push", "s", from, "{plain}/thing:1", &options]),
            gives(
                &["push", "s", from, "{plain}/thing:1", &options],
                json!({"tags": ["1"], "bytes_total": 11, "bytes_transferred": 0, "warnings": []}),
            ),
            gives(
                &["inspect", "s", "{plain}/thing:1", r"\N"],
                json!({
                    "kind": "artifact", "artifact_type": "application/vnd.example.thing",
                    "annotations": {"c": "d"},
                    "layers": [
                        {"mediaType": "text/plain", "annotations": {"a": "b", "org.opencontainers.image.title": "a file"}},
                        {"size": 4, "annotations": {"org.opencontainers.image.title": "deep/er/ü"}},
                    ],
                }),
            ),
            gives(
                &["pull", "s", "{plain}/thing:1", "files:{dir}/got", r"\N"],
                json!({"destination": "files:{dir}/got", "bytes_total": 9}),
            ),
            gives(
                &[
                    "copy",
                    "s",
                    "files:{dir}/got",
                    "oci:{dir}/layout:x",
                    r#"{"annotations":{"e":"f"}}"#,
                ],
                json!({"bytes_total": 7, "warnings": ["*"]}),
            ),
            gives(
                &["copy", "s", "oci:{dir}/layout:x", "files:{dir}/got", r#"{"overwrite":true}"#],
                json!({"bytes_transferred": 0}),
            ),
            gives(&["push", "s", from, "{plain}/thing:none", &none], json!({"bytes_total": 2})),
            fails(
                &["push", "s", from, "{plain}/thing:2", r#"{"files":[{"path":"absent"}]}"#],
                "IO",
                json!({}),
            ),
            fails(
                &[
                    "push",
                    "s",
                    from,
                    "{plain}/thing:2",
                    r#"{"files":[{"path":"config","title":"../x"}]}"#,
                ],
                "INVALID_ARGUMENT",
                json!({"argument": "files"}),
            ),
            fails(
                &["push", "s", from, "{plain}/thing:2", r#"{"subject":"sha256:{zeros}"}"#],
                "NOT_FOUND",
                json!({"argument": "subject"}),
            ),
            misshapen(&["push", "s", from, "{plain}/thing:2", r#"{"files":{}}"#]),
            fails(
                &["pull", "s", "{plain}/thing:1", "oci:{dir}/layout:y", r#"{"overwrite":true}"#],
                "INVALID_ARGUMENT",
                json!({"argument": "overwrite"}),
            ),
        ],
    );
}

#[test]
fn layouts_as_caches() {
    let fixtures = Fixtures::shared();
    run(
        "layouts_as_caches",
        &*fixtures,
        &[
            does(&["service_new", "s", "{}"]),
            random(&[
                "pull",
                "s",
                "{plain}/multi:1",
                "oci:{dir}/cache:one",
                r#"{"platform":"linux/amd64"}"#,
            ]),
            random(&[
                "pull",
                "s",
                "{plain}/multi:1",
                "oci:{dir}/cache:two",
                r#"{"platform":"linux/arm64"}"#,
            ]),
            gives(
                &["layout_list", "oci:{dir}/cache", r"\N"],
                json!({"images": [
                    {"name": "one", "descriptor": {"digest": "{amd64}"}},
                    {"name": "two", "descriptor": {"digest": "{arm64}"}},
                ]}),
            ),
            gives(&["layout_verify", "oci:{dir}/cache", r"\N"], json!({"damaged": []})),
            gives(
                &["layout_remove", "oci:{dir}/cache:two", r"\N"],
                json!({"removed": {"digest": "{arm64}"}}),
            ),
            fails(&["layout_remove", "oci:{dir}/cache:two", r"\N"], "NOT_FOUND", json!({})),
            gives(
                &["layout_collect", "oci:{dir}/cache", r#"{"dry_run":true}"#],
                json!({"bytes": "*"}),
            ),
            gives(&["layout_collect", "oci:{dir}/cache", r"\N"], json!({"bytes": "*"})),
            gives(
                &["layout_collect", "oci:{dir}/cache", r"\N"],
                json!({"removed": [], "bytes": 0}),
            ),
            gives(&["layout_list", "oci:{dir}/cache", r"\N"], json!({"images": [{"name": "one"}]})),
            fails(
                &["layout_list", "oci:{dir}/cache:one", r"\N"],
                "INVALID_ARGUMENT",
                json!({"argument": "location"}),
            ),
            fails(
                &["layout_verify", "docker://{plain}/multi:1", r"\N"],
                "INVALID_ARGUMENT",
                json!({"argument": "location"}),
            ),
            fails(
                &["layout_collect", "oci:{dir}/cache", r#"{"dry":true}"#],
                "INVALID_JSON",
                json!({}),
            ),
        ],
    );
}

#[test]
fn archives() {
    let fixtures = Fixtures::shared();
    let arm64 = r#"{"platform":"linux/arm64"}"#;
    run(
        "archives",
        &*fixtures,
        &[
            does(&["service_new", "s", "{}"]),
            gives(
                &["copy", "s", "docker://{plain}/multi:1", "oci-archive:{dir}/a.tar:mine", r"\N"],
                json!({"descriptor": {"digest": "{multi}"}}),
            ),
            gives(
                &["inspect", "s", "oci-archive:{dir}/a.tar", arm64],
                json!({"descriptor": {"digest": "{multi}"}, "platform": "linux/arm64"}),
            ),
            gives(
                &["pull", "s", "{plain}/multi:1", "docker-archive:{dir}/b.tar:app:2", arm64],
                json!({"descriptor": {"digest": "{arm64}"}, "platform": "linux/arm64"}),
            ),
            gives(
                &["inspect", "s", "docker-archive:{dir}/b.tar:app:2", r"\N"],
                json!({"kind": "image", "platform": "linux/arm64", "name": "app:2"}),
            ),
            random(&["push", "s", "docker-archive:{dir}/b.tar:@0", "{plain}/saved:1", r"\N"]),
            // The first language has sent the blobs.
            in_time(
                &["push", "s", "oci-archive:{dir}/a.tar:mine", "{plain}/saved:2", arm64],
                json!({"descriptor": {"digest": "{arm64}"}}),
            ),
            fails(
                &["push", "s", "docker-archive:{dir}/b.tar:other", "{plain}/saved:1", r"\N"],
                "NOT_FOUND",
                json!({"what": "image"}),
            ),
            fails(
                &["inspect", "s", "docker-archive:{dir}/a.tar", r"\N"],
                "INVALID_ARGUMENT",
                json!({"hint": "use oci-archive:FILE"}),
            ),
            fails(
                &[
                    "pull",
                    "s",
                    "{plain}/multi:1",
                    "docker-archive:{dir}/b.tar",
                    r#"{"all_platforms":true}"#,
                ],
                "INVALID_ARGUMENT",
                json!({"argument": "all_platforms"}),
            ),
        ],
    );
}

#[test]
fn unpacks() {
    let fixtures = Fixtures::shared();
    run(
        "unpacks",
        &*fixtures,
        &[
            does(&["service_new", "s", "{}"]),
            gives(
                &["unpack", "s", "{plain}/multi:1", "{dir}/root", r#"{"platform":"linux/amd64"}"#],
                json!({"platform": "linux/amd64", "destination": "{dir}/root", "skipped": [],
                    "endpoint": {"mirror": false}, "diff_ids": ["*", "*"], "entries": "*"}),
            ),
            fails(
                &["unpack", "s", "{plain}/multi:1", "{dir}/root", r"\N"],
                "INVALID_ARGUMENT",
                json!({"argument": "directory"}),
            ),
            fails(
                &["unpack", "s", "{plain}/multi:1", "{dir}/other", r#"{"limits":{"bytes":1}}"#],
                "LIMIT",
                json!({}),
            ),
            fails(
                &["unpack", "s", "{plain}/multi:1", "{dir}/other", r#"{"ownership":"nobody"}"#],
                "INVALID_ARGUMENT",
                json!({"argument": "ownership"}),
            ),
        ],
    );
}

#[test]
fn exports() {
    let fixtures = Fixtures::shared();
    run(
        "exports",
        &*fixtures,
        &[
            does(&["service_new", "s", "{}"]),
            does(&["fd_open", "51", "{dir}/root.tar"]),
            gives(
                &["export", "s", "{plain}/multi:1", "51", r#"{"platform":"linux/amd64"}"#],
                json!({"platform": "linux/amd64", "skipped": [], "endpoint": {"mirror": false},
                    "destination": "the file descriptor 51", "diff_ids": ["*", "*"], "entries": 5}),
            ),
            fails(
                &["export", "s", "{plain}/multi:1", "51", r#"{"limits":{"bytes":1}}"#],
                "LIMIT",
                json!({}),
            ),
            fails(
                &["export", "s", "{plain}/multi:1", "-1", r"\N"],
                "INVALID_ARGUMENT",
                json!({"argument": "fd"}),
            ),
            fails(
                &["export", "s", "{plain}/nothing:1", "51", r"\N"],
                "NOT_FOUND",
                json!({"http_status": 404}),
            ),
        ],
    );
}

#[test]
fn what_a_repository_has() {
    let fixtures = Fixtures::shared();
    let all = r#"{"actions":["pull","push","delete"]}"#;
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [],
    })
    .to_string();
    let stored = digest::sha256(manifest.as_bytes());
    run(
        "what_a_repository_has",
        &*fixtures,
        &[
            does(&["service_new", "s", "{}"]),
            does(&["session_open", "s", "m", "{plain}/multi:1", r"\N"]),
            gives(
                &["session_get_blob_file", "m", "{layer}", "{dir}/blob", r#"{"media_type":"a/b"}"#],
                json!({"digest": "{layer}", "mediaType": "a/b", "existed": false}),
            ),
            gives(
                &["session_get_blob_file", "m", "{layer}", "{dir}/blob", r"\N"],
                json!({"existed": true, "bytes_transferred": 0}),
            ),
            does(&["fd_open", "50", "{dir}/fd"]),
            gives(
                &["session_get_blob_fd", "m", "{layer}", "50", r#"{"media_type":"a/b"}"#],
                json!({"digest": "{layer}", "mediaType": "a/b", "existed": false}),
            ),
            fails(
                &["session_get_blob_fd", "m", "{layer}", "-1", r"\N"],
                "INVALID_ARGUMENT",
                json!({"argument": "fd"}),
            ),
            gives(
                &["session_referrers", "m", "{multi}", r#"{"artifact_type":"text/plain"}"#],
                json!({"schemaVersion": 2, "manifests": []}),
            ),
            fails(
                &["session_referrers", "m", "{multi}", r#"{"type":""}"#],
                "INVALID_JSON",
                json!({}),
            ),
            // Opened for nothing but pulling.
            fails(
                &["session_put_manifest", "m", "x", r"\N", &manifest, r"\N"],
                "INVALID_ARGUMENT",
                json!({"argument": "session"}),
            ),
            does(&["session_open", "s", "x", "{plain}/found", all]),
            // From its beginning again.
            does(&["fd_open", "50", "{dir}/fd"]),
            random(&["session_put_blob_fd", "x", "50", r"\N"]),
            does(&["fd_open", "50", "{dir}/fd"]),
            gives(
                &["session_put_blob_fd", "x", "50", r#"{"check_exists":true}"#],
                json!({"digest": "{layer}", "existed": true, "bytes_transferred": 0}),
            ),
            fails(
                &["session_put_blob_fd", "x", "999", r"\N"],
                "INVALID_ARGUMENT",
                json!({"argument": "fd"}),
            ),
            random(&["session_put_blob_file", "x", "{dir}/blob", r"\N"]),
            gives(
                &["session_put_blob_file", "x", "{dir}/blob", r#"{"check_exists":true}"#],
                json!({"digest": "{layer}", "existed": true, "bytes_transferred": 0}),
            ),
            gives(
                &["session_put_manifest", "x", "1", r"\N", &manifest, r#"{"tags":["2"]}"#],
                json!({"digest": stored, "size": manifest.len()}),
            ),
            gives(&["session_head_manifest", "x", "2", r"\N"], json!({"digest": stored})),
            fails(
                &["session_put_manifest", "x", "sha256:{zeros}", r"\N", &manifest, r"\N"],
                "DIGEST_MISMATCH",
                json!({"digest_actual": stored}),
            ),
            does(&["session_delete_manifest", "x", &stored]),
            fails(&["session_head_manifest", "x", "2", r"\N"], "NOT_FOUND", json!({})),
            does(&["session_delete_blob", "x", "{layer}"]),
            fails(&["session_head_blob", "x", "{layer}"], "NOT_FOUND", json!({"what": "blob"})),
            fails(&["session_delete_blob", "x", "nonsense"], "INVALID_DIGEST", json!({})),
        ],
    );
}

#[test]
fn uploads() {
    let fixtures = Fixtures::shared();
    let content = "written through every binding, in two halves";
    let digest = digest::sha256(content.as_bytes());
    let right = json!({"digest": digest, "size": content.len()}).to_string();
    let lie = json!({"digest": format!("sha256:{}", "0".repeat(64))}).to_string();
    let push = r#"{"actions":["pull","push"]}"#;
    let alice = json!({"actions": ["pull", "push"], "auth": {"username": "alice", "password": "{password}"}});
    run(
        "uploads",
        &*fixtures,
        &[
            does(&[
                "service_new",
                "s",
                r#"{"docker-config":"","allow-plain-http-credentials":["{token}","{bearer}"]}"#,
            ]),
            does(&["session_open", "s", "x", "{plain}/fresh", push]),
            gives(
                &["session_put_blob", "x", r#"{"media_type":"text/plain"}"#, content, "\\N"],
                json!({"digest": digest, "size": content.len(), "mediaType": "text/plain"}),
            ),
            gives(
                &[
                    "session_put_blob",
                    "x",
                    r#"{"chunk_size":7,"algorithm":"sha256"}"#,
                    content,
                    &right,
                ],
                json!({"digest": digest, "size": content.len()}),
            ),
            gives(
                &["session_open_blob", "x", &digest, "0", "\\N"],
                json!({"read": content.len(), "sha256": digest.trim_start_matches("sha256:")}),
            ),
            fails(
                &["session_put_blob", "x", "\\N", content, &lie],
                "DIGEST_MISMATCH",
                json!({"digest_actual": digest}),
            ),
            fails(&["session_put_blob", "x", &lie, content, "\\N"], "DIGEST_MISMATCH", json!({})),
            fails(
                &["session_put_blob", "x", "\\N", content, r#"{"size":1}"#],
                "SIZE_MISMATCH",
                json!({"size_expected": 1, "size_actual": content.len()}),
            ),
            fails(
                &["session_put_blob", "x", r#"{"chunk_size":0}"#, content, "\\N"],
                "INVALID_ARGUMENT",
                json!({"argument": "chunk_size"}),
            ),
            fails(
                &["session_put_blob", "x", r#"{"mount_from":["multi"]}"#, content, "\\N"],
                "INVALID_ARGUMENT",
                json!({"argument": "digest"}),
            ),
            fails(
                &["session_put_blob", "x", r#"{"chunks":7}"#, content, "\\N"],
                "INVALID_JSON",
                json!({"argument": "chunks"}),
            ),
            gives(&["session_mount_blob", "x", "{layer}", "multi"], json!(1)),
            gives(&["session_mount_blob", "x", "sha256:{zeros}", "multi"], json!(0)),
            fails(&["session_mount_blob", "x", "{layer}", "Multi"], "INVALID_REFERENCE", json!({})),
            // Not opened to push, and not allowed to.
            does(&["session_open", "s", "x", "{plain}/fresh", "\\N"]),
            fails(
                &["session_put_blob", "x", "\\N", content, "\\N"],
                "INVALID_ARGUMENT",
                json!({"argument": "session"}),
            ),
            does(&["session_open", "s", "x", "{open}/fresh", push]),
            fails(&["session_put_blob", "x", "\\N", content, "\\N"], "DENIED", json!({})),
            does(&["session_open", "s", "x", "{bearer}/fresh", &alice.to_string()]),
            gives(&["session_put_blob", "x", &right, content, "\\N"], json!({"digest": digest})),
            gives(&["session_mount_blob", "x", "{layer}", "app"], json!(1)),
        ],
    );
}

/// What is refused names the option that would allow it; with the option it is done.
#[test]
fn policies() {
    let fixtures = Fixtures::shared();
    let content = "sent on to a store";
    let digest = digest::sha256(content.as_bytes());
    let push = r#"{"actions":["pull","push"]}"#;
    let alice = auth_options();
    let trusting = |realms: &str, plain: &str| {
        format!(
            r#"{{"docker-config":"","resolve":{{"token.test":["0.0.0.0"]}},"trusted-realms":{realms},"allow-plain-http-credentials":{plain}}}"#
        )
    };
    run(
        "policies",
        &*fixtures,
        &[
            does(&["service_new", "s", r#"{"docker-config":""}"#]),
            does(&["session_open", "s", "x", "{sending}/app", push]),
            fails(
                &["session_put_blob", "x", r"\N", content, r"\N"],
                "POLICY",
                json!({"hint": "*"}),
            ),
            does(&["service_new", "s", r#"{"docker-config":"","allow-upload-hosts":["{store}"]}"#]),
            does(&["session_open", "s", "x", "{sending}/app", push]),
            gives(&["session_put_blob", "x", r"\N", content, r"\N"], json!({"digest": digest})),
            // A token server whose address no registry may lead to.
            does(&["service_new", "s", &trusting("[]", r#"["{far}","{luring}"]"#)]),
            fails(
                &["inspect", "s", "{luring}/app:1", alice],
                "POLICY",
                json!({"phase": "connect"}),
            ),
            does(&[
                "service_new",
                "s",
                &trusting(r#"[["{plain}","{far}"]]"#, r#"["{far}","{luring}"]"#),
            ]),
            fails(
                &["inspect", "s", "{luring}/app:1", alice],
                "POLICY",
                json!({"phase": "connect"}),
            ),
            does(&[
                "service_new",
                "s",
                &trusting(r#"[["{luring}","{far}"]]"#, r#"["{far}","{luring}"]"#),
            ]),
            gives(
                &["inspect", "s", "{luring}/app:1", alice],
                json!({"descriptor": {"digest": "{single}"}}),
            ),
            // And no password without TLS but by name.
            does(&["service_new", "s", &trusting(r#"[["{luring}","{far}"]]"#, r#"["{luring}"]"#)]),
            fails(
                &["inspect", "s", "{luring}/app:1", alice],
                "POLICY",
                json!({"phase": "credentials"}),
            ),
        ],
    );
}

#[test]
fn wrong_contents() {
    let fixtures = Fixtures::shared();
    run(
        "wrong contents",
        &*fixtures,
        &[
            does(&["service_new", "s", r#"{"retry":{"max-attempts":2,"initial-ms":1}}"#]),
            fails(
                &["pull", "s", "{faulty}/digest:1", "oci:{dir}/x", r"\N"],
                "DIGEST_MISMATCH",
                json!({"digest_expected": "*", "digest_actual": "*"}),
            ),
            fails(
                &["pull", "s", "{faulty}/manifest:1", "oci:{dir}/x", r"\N"],
                "INVALID_MANIFEST",
                json!({}),
            ),
            fails(&["inspect", "s", "{faulty}/html:1", r"\N"], "INVALID_MANIFEST", json!({})),
            fails(
                &["inspect", "s", "{faulty}/down:1", r"\N"],
                "SERVER",
                json!({"http_status": 503}),
            ),
            fails(&["inspect", "s", "{faulty}/circle:1", r"\N"], "REDIRECT", json!({})),
            // The last byte is changed: whoever reads a part only learns it from verify.
            does(&["session_open", "s", "t", "{faulty}/tail:1", r"\N"]),
            fails(
                &["session_verify_blob", "t", "{single_layer}", "100", r"\N"],
                "DIGEST_MISMATCH",
                json!({"digest_expected": "{single_layer}", "digest_actual": "*", "phase": "verify"}),
            ),
            fails(
                &["session_verify_blob", "t", "{single_layer}", "0", r#"{"size":7}"#],
                "SIZE_MISMATCH",
                json!({"size_expected": 7}),
            ),
            does(&["session_open", "s", "p", "{faulty}/paged:a", r"\N"]),
            gives(
                &["session_verify_blob", "p", "{single_layer}", "100", r"\N"],
                json!({"read": 100, "after": 0}),
            ),
            gives(
                &["session_verify_blob", "p", "{single_layer}", "0", r"\N"],
                json!({"read": 0, "after": 0}),
            ),
        ],
    );
}

/// A login is kept, used by the next pull, and gone after the logout; wrong ones are kept nowhere.
#[test]
fn logins() {
    let fixtures = Fixtures::shared();
    let options = r#"{"docker-config":"{dir}/docker","environment":false,"allow-plain-http-credentials":["{basic}","{bearer}","{token}"]}"#;
    let alice = |host: &str, password: &str| {
        json!({"username": "alice", "password": password, "serveraddress": host}).to_string()
    };
    let (basic, bearer) = (alice("{basic}", "{password}"), alice("http://{bearer}", "{password}"));
    let wrong = alice("{basic}", "wrong");
    let accepted = |token: &str| json!({"Status": "Login Succeeded", "IdentityToken": token});
    let anonymous = || json!({"kind": "anonymous"});
    run(
        "logins",
        &*fixtures,
        &[
            does(&["service_new", "s", options]),
            gives(&["service_auth", "s", &basic, "me/1"], accepted("")),
            gives(&["service_auth", "s", &bearer, r"\N"], accepted("refresh-alice")),
            gives(&["service_credentials", "s", "{basic}"], anonymous()),
            fails(
                &["service_login", "s", &wrong, r"\N"],
                "UNAUTHORIZED",
                json!({"http_status": 401, "endpoint": "http://{basic}"}),
            ),
            fails(
                &["service_login", "s", r#"{"serveraddress":"{basic}"}"#, r"\N"],
                "INVALID_ARGUMENT",
                json!({"argument": "auth_json"}),
            ),
            gives(&["service_credentials", "s", "{basic}"], anonymous()),
            gives(
                &["service_login", "s", &basic, "me/1"],
                json!({"Status": "Login Succeeded", "IdentityToken": "", "stored": "config.json"}),
            ),
            gives(
                &["service_login", "s", &bearer, r"\N"],
                json!({"IdentityToken": "refresh-alice", "stored": "config.json"}),
            ),
            gives(
                &["service_credentials", "s", "{basic}"],
                json!({"username": "alice", "source": "{dir}/docker/config.json", "kind": "password"}),
            ),
            gives(
                &["service_credentials", "s", "{bearer}"],
                json!({"username": "alice", "kind": "identity_token"}),
            ),
            gives(
                &["pull", "s", "{basic}/app:1", "oci:{dir}/a", r"\N"],
                json!({"descriptor": {"digest": "{single}"}}),
            ),
            gives(
                &["pull", "s", "{bearer}/app:1", "oci:{dir}/b", r"\N"],
                json!({"descriptor": {"digest": "{single}"}}),
            ),
            does(&["service_logout", "s", "{basic}"]),
            does(&["service_logout", "s", "{basic}"]),
            fails(
                &["pull", "s", "{basic}/app:1", "oci:{dir}/c", r"\N"],
                "UNAUTHORIZED",
                json!({"http_status": 401}),
            ),
            gives(&["service_credentials", "s", "{bearer}"], json!({"kind": "identity_token"})),
            fails(&["service_logout", "s", "a b"], "INVALID_ARGUMENT", json!({"argument": "host"})),
        ],
    );
}

#[test]
fn basic_authentication() {
    let fixtures = Fixtures::shared();
    let known = r#"{"allow-plain-http-credentials":["{basic}"],"credentials":{"{basic}":{"username":"alice","password":"{password}"}}}"#;
    let auth = r#"{"auth":{"username":"alice","password":"{password}"},"platform":"linux/amd64"}"#;
    run(
        "basic authentication",
        &*fixtures,
        &[
            does(&["service_new", "careful", "{}"]),
            does(&["service_new", "nobody", r#"{"allow-plain-http-credentials":["{basic}"]}"#]),
            does(&["service_new", "known", known]),
            fails(
                &["pull", "nobody", "{basic}/app:1", "oci:{dir}/a", r"\N"],
                "UNAUTHORIZED",
                json!({"http_status": 401}),
            ),
            // Within this machine a password may go over plain http.
            gives(
                &["pull", "careful", "{basic}/app:1", "oci:{dir}/c", auth],
                json!({"descriptor": {"digest": "{single}"}}),
            ),
            gives(
                &["pull", "nobody", "{basic}/app:1", "oci:{dir}/a", auth],
                json!({"descriptor": {"digest": "{single}"}}),
            ),
            gives(
                &["pull", "known", "{basic}/app:1", "oci:{dir}/b", r"\N"],
                json!({"descriptor": {"digest": "{single}"}}),
            ),
            fails(
                &["inspect", "known", "{basic}/app:1", r#"{"auth":{}}"#],
                "UNAUTHORIZED",
                json!({}),
            ),
            fails(
                &[
                    "inspect",
                    "known",
                    "{basic}/app:1",
                    r#"{"auth":{"username":"alice","password":"wrong"}}"#,
                ],
                "UNAUTHORIZED",
                json!({}),
            ),
            does(&["endpoint_new", "nobody", "e", r#"{"URL":"http://{basic}"}"#]),
            gives(
                &["endpoint_ping", "e"],
                json!({"challenges": [{"scheme": "basic", "parameters": {"realm": "registry"}}]}),
            ),
            does(&["session_new", "e", "x", r#"{"username":"alice","password":"{password}"}"#]),
            does(&["session_repository", "x", "y", "app"]),
            gives(&["session_list_tags", "y", r"\N"], json!({"tags": ["1"]})),
            does(&["session_new", "e", "x", "{}"]),
            does(&["session_repository", "x", "y", "app"]),
            fails(&["session_list_tags", "y", r"\N"], "UNAUTHORIZED", json!({})),
        ],
    );
}

#[test]
fn token_authentication() {
    let fixtures = Fixtures::shared();
    let auth = r#"{"auth":{"username":"alice","password":"{password}"},"platform":"linux/amd64"}"#;
    run(
        "token authentication",
        &*fixtures,
        &[
            does(&[
                "service_new",
                "s",
                r#"{"allow-plain-http-credentials":["{bearer}","{token}"]}"#,
            ]),
            fails(
                &["pull", "s", "{bearer}/app:1", "oci:{dir}/a", r"\N"],
                "UNAUTHORIZED",
                json!({"phase": "token"}),
            ),
            gives(
                &["pull", "s", "{bearer}/app:1", "oci:{dir}/a", auth],
                json!({"descriptor": {"digest": "{single}"}}),
            ),
            gives(&["inspect", "s", "{bearer}/app:1", auth], json!({"kind": "image"})),
            fails(
                &[
                    "inspect",
                    "s",
                    "{bearer}/app:1",
                    r#"{"auth":{"username":"alice","password":"wrong"}}"#,
                ],
                "UNAUTHORIZED",
                json!({}),
            ),
            does(&["session_open", "s", "x", "{bearer}/app", auth_options()]),
            gives(&["session_list_tags", "x", r"\N"], json!({"tags": ["1"]})),
            gives(
                &["pull", "s", "{open}/app:1", "oci:{dir}/b", r#"{"platform":"linux/amd64"}"#],
                json!({"descriptor": {"digest": "{single}"}}),
            ),
        ],
    );
}

fn auth_options() -> &'static str {
    r#"{"auth":{"username":"alice","password":"{password}"}}"#
}

#[test]
fn certificates() {
    let fixtures = Fixtures::shared();
    let tls = |config: &str| format!(r#"{{"URL":"https://{{tls}}","TLSConfig":{config}}}"#);
    let trusted = tls(
        r#"{"InsecureSkipVerify":false,"RootCAs":["{certs}/127.0.0.1/ca.crt"],"Certificates":[{"cert":"{certs}/127.0.0.1/client.cert","key":"{certs}/127.0.0.1/client.key"}]}"#,
    );
    let untrusted = tls(r#"{"InsecureSkipVerify":false,"RootCAs":[],"Certificates":[]}"#);
    run(
        "certificates",
        &*fixtures,
        &[
            does(&["service_new", "s", "{}"]),
            does(&["endpoint_new", "s", "e", &trusted]),
            gives(&["endpoint_is_secure", "e"], json!(1)),
            gives(&["endpoint_ping", "e"], json!({"protocol": "v2"})),
            does(&["session_new", "e", "x", r"\N"]),
            does(&["session_repository", "x", "y", "app"]),
            gives(&["session_head_manifest", "y", "1", r"\N"], json!({"digest": "{single}"})),
            gives(
                &["session_open_blob", "y", "{layer}", "0", r"\N"],
                json!({"sha256": "{layer_hex}"}),
            ),
            does(&["endpoint_new", "s", "u", &untrusted]),
            fails(&["endpoint_ping", "u"], "CERTIFICATE", json!({"phase": "tls"})),
        ],
    );
}

#[test]
fn mirrors() {
    let fixtures = Fixtures::shared();
    // The official registry does not resolve, and the first mirror is down.
    let options = r#"{"registry-mirrors":["http://{closed}","http://{plain}"],"resolve":{"*":[]},"retry":{"max-attempts":1}}"#;
    run(
        "mirrors",
        &*fixtures,
        &[
            does(&["service_new", "s", options]),
            gives(
                &["pull", "s", "busybox:1", "oci:{dir}/a", r#"{"platform":"linux/amd64"}"#],
                json!({"reference": "docker.io/library/busybox@{single}", "endpoint": {"mirror": true}}),
            ),
            gives(
                &["inspect", "s", "busybox:1", r#"{"platform":"linux/amd64"}"#],
                json!({"endpoint": {"mirror": true}}),
            ),
            fails(&["pull", "s", "busybox:nothing", "oci:{dir}/a", r"\N"], "NOT_FOUND", json!({})),
            does(&["service_load_mirrors", "s", "[]"]),
            fails(&["inspect", "s", "busybox:1", r"\N"], "NAME_NOT_RESOLVED", json!({})),
        ],
    );
}

#[test]
fn endings() {
    let fixtures = Fixtures::shared();
    run(
        "endings",
        &*fixtures,
        &[
            does(&["service_new", "s", r#"{"retry":{"max-attempts":1}}"#]),
            does(&["with", "300", "0"]),
            ends(&["inspect", "s", "{stalled}/app:1", r"\N"], "DEADLINE"),
            does(&["with", "0", "200"]),
            ends(&["inspect", "s", "{stalled}/app:1", r"\N"], "CANCELLED"),
            does(&["with", "0", "200"]),
            ends(&["pull", "s", "{stalled}/app:1", "oci:{dir}/x", r"\N"], "CANCELLED"),
            does(&["with", "300", "0"]),
            ends(&["session_open", "s", "x", "{stalled}/app:1", r"\N"], "DEADLINE"),
            // Neither touches the next call.
            gives(
                &["inspect", "s", "{plain}/single:1", r#"{"platform":"linux/amd64"}"#],
                json!({"kind": "image"}),
            ),
            does(&["with", "20000", "0"]),
            gives(
                &["inspect", "s", "{plain}/single:1", r#"{"platform":"linux/amd64"}"#],
                json!({"kind": "image"}),
            ),
        ],
    );
}

/// An image is pushed by protocol v1, found, read and pulled, in both forms of its registries.
#[test]
fn protocol_v1() {
    for with_index in [false, true] {
        let fixtures = V1Fixtures::start(with_index);
        run(
            if with_index { "v1 with an index" } else { "v1 standalone" },
            &fixtures,
            &v1_steps(with_index),
        );
    }
}

/// Registries of v1 that cut, stall, lie and lead astray.
#[test]
fn protocol_v1_misbehaving() {
    let fixtures = V1Fixtures::misbehaving();
    let index = r#"{"Name":"{v1}","Mirrors":[],"Secure":false,"Official":false}"#;
    let alice = r#"{"username":"alice","password":"{password}"}"#;
    let (reference, registries) = ("{v1}/demo/app", r#"["{root}"]"#);
    let careful = r#"{"docker-config":""}"#;
    let patient = r#"{"docker-config":"","insecure-registries":["{registry}"],"allow-v1-endpoints":["{registry}"],"retry":{"max-attempts":2,"initial-ms":1}}"#;
    let hasty = r#"{"docker-config":"","insecure-registries":["{registry}"],"allow-v1-endpoints":["{registry}"],"retry":{"max-attempts":1},"timeouts":{"idle-ms":300}}"#;
    let mut steps = Vec::new();
    for (session, options) in [("careful", careful), ("patient", patient), ("hasty", hasty)] {
        let (service, endpoint) =
            (format!("service of {session}"), format!("endpoint of {session}"));
        steps.extend([
            does(&["service_new", &service, options]),
            does(&["endpoint_new_v1", &service, &endpoint, index, r"\N", r"\N"]),
            does(&["session_new", &endpoint, session, alice]),
        ]);
    }
    let data =
        |session, expected| gives(&["session_get_repository_data", session, reference], expected);
    steps.extend([
        // The index leads to another host, which was not allowed.
        fails(
            &["session_get_repository_data", "careful", reference],
            "POLICY",
            json!({"host": "{registry}", "hint": "*"}),
        ),
        data("patient", json!({"Endpoints": ["{root}"]})),
        data("hasty", json!({"Endpoints": ["{root}"]})),
        gives(
            &["session_get_remote_image_layer", "patient", "{top}", "{root}", "-1"],
            json!({"size": "*", "read": "*", "sha256": "*"}),
        ),
        fails(
            &["session_get_remote_tags", "patient", registries, reference],
            "PROTOCOL",
            json!({}),
        ),
        fails(&["session_get_remote_history", "patient", "{top}", "{root}"], "REDIRECT", json!({})),
        fails(
            &["session_get_remote_image_json", "hasty", "{top}", "{root}"],
            "TIMEOUT",
            json!({"phase": "idle", "retryable": true}),
        ),
        does(&["with", "300", "0"]),
        ends(&["session_get_remote_image_json", "patient", "{top}", "{root}"], "DEADLINE"),
        does(&["with", "0", "200"]),
        ends(&["session_get_remote_image_json", "patient", "{top}", "{root}"], "CANCELLED"),
        // Who is not alice has no say.
        does(&["session_new", "endpoint of patient", "nobody", "{}"]),
        fails(&["session_get_repository_data", "nobody", reference], "UNAUTHORIZED", json!({})),
        fails(
            &["session_get_remote_image_layer", "nobody", "{top}", "{root}", "-1"],
            "UNAUTHORIZED",
            json!({"http_status": 401}),
        ),
    ]);
    run("v1 misbehaving", &fixtures, &steps);
}

fn v1_steps(with_index: bool) -> Vec<Step> {
    let index = r#"{"Name":"{v1}","Mirrors":[],"Secure":false,"Official":false}"#;
    let alice = r#"{"username":"alice","password":"{password}"}"#;
    let (auth, reference) = (if with_index { alice } else { "{}" }, "{v1}/demo/app");
    let registries = r#"["{root}"]"#;
    let mut steps = vec![
        does(&[
            "service_new",
            "s",
            r#"{"docker-config":"","insecure-registries":["{registry}"],"allow-v1-endpoints":["{registry}"]}"#,
        ]),
        does(&["endpoint_new_v1", "s", "e", index, "me/1", r#"{"X-Meta":["1"]}"#]),
        gives(&["endpoint_is_secure", "e"], json!(0)),
        gives(
            &["endpoint_ping", "e"],
            json!({"protocol": "v1", "standalone": !with_index, "version": "0.9.1"}),
        ),
        fails(
            &["endpoint_new_v1", "s", "f", r#"{"Name":"{v1}/v2/"}"#, r"\N", r"\N"],
            "INVALID_ARGUMENT",
            json!({}),
        ),
        does(&["session_new", "e", "x", auth]),
        random(&["session_id", "x"]),
        gives(&["session_info", "x"], json!({"protocol": "v1"})),
        fails(
            &["session_get_repository_data", "x", reference],
            "NOT_FOUND",
            json!({"what": "repository", "http_status": 404}),
        ),
    ];
    // The push: what there will be, each image, its tag, what there is.
    let list = r#"[{"id":"{base}"},{"id":"{top}","Tag":"1"}]"#;
    steps.push(gives(
        &["session_push_image_json_index", "x", reference, list, "0", "[]"],
        json!({"Endpoints": ["{root}"]}),
    ));
    for image in ["base", "top"] {
        let word = |suffix: &str| format!("{{{image}{suffix}}}");
        let data = format!(r#"{{"id":"{}"}}"#, word(""));
        let with_sums = format!(
            r#"{{"id":"{}","checksum":"{{last.checksum}}","checksum_payload":"{{last.checksum_payload}}"}}"#,
            word("")
        );
        let wrong = format!(r#"{{"id":"{}","checksum":"tarsum+sha256:0"}}"#, word(""));
        steps.extend([
            does(&["session_push_image_json_registry", "x", &data, "{root}", &word("_json")]),
            gives(
                &[
                    "session_push_image_layer_registry",
                    "x",
                    &word(""),
                    "{root}",
                    &word("_json"),
                    &word("_tar"),
                ],
                json!({"checksum": word("_sum"), "checksum_payload": "*"}),
            ),
            fails(
                &["session_push_image_checksum_registry", "x", &wrong, "{root}"],
                "REJECTED",
                json!({"http_status": 400}),
            ),
            does(&["session_push_image_checksum_registry", "x", &with_sums, "{root}"]),
            fails(
                &["session_push_image_json_registry", "x", &data, "{root}", &word("_json")],
                "ALREADY_EXISTS",
                json!({}),
            ),
        ]);
    }
    let pushed =
        r#"[{"id":"{base}","checksum":"{base_sum}"},{"id":"{top}","checksum":"{top_sum}"}]"#;
    steps.extend([
        does(&["session_push_registry_tag", "x", reference, "{top}", "1", "{root}"]),
        gives(
            &["session_push_image_json_index", "x", reference, pushed, "1", registries],
            json!({"ImgList": {}, "Endpoints": []}),
        ),
        // And back.
        gives(
            &["session_get_repository_data", "x", reference],
            json!({"Endpoints": ["{root}"], "ImgList": {
                "{base}": {"id": "{base}", "checksum": "{base_sum}"},
                "{top}": {"id": "{top}", "checksum": "{top_sum}", "Tag": "1"},
            }}),
        ),
        gives(&["session_get_remote_tags", "x", registries, reference], json!({"1": "{top}"})),
        gives(&["session_get_remote_tag", "x", registries, reference, "1"], json!("{top}")),
        fails(&["session_get_remote_tag", "x", registries, reference, "2"], "NOT_FOUND", json!({})),
        gives(&["session_get_remote_history", "x", "{top}", "{root}"], json!(["{top}", "{base}"])),
        does(&["session_lookup_remote_image", "x", "{base}", "{root}"]),
        fails(&["session_lookup_remote_image", "x", "{strange}", "{root}"], "NOT_FOUND", json!({})),
        fails(
            &["session_get_remote_history", "x", "../../etc", "{root}"],
            "INVALID_ARGUMENT",
            json!({"argument": "image_id"}),
        ),
        gives(
            &["session_get_remote_image_json", "x", "{top}", "{root}"],
            json!({"sha256": "{top_hex}", "layer_size": "*"}),
        ),
        gives(
            &["session_get_remote_image_layer", "x", "{top}", "{root}", "-1"],
            json!({"size": "*", "read": "*", "sha256": "*"}),
        ),
        fails(
            &["session_get_remote_image_layer", "x", "{top}", "{root}", "5"],
            "SIZE_MISMATCH",
            json!({}),
        ),
        // Nobody else.
        does(&["session_new", "e", "y", r#"{"username":"alice","password":"wrong"}"#]),
    ]);
    if with_index {
        let refused = ["session_get_repository_data", "y", reference];
        steps.push(fails(&refused, "UNAUTHORIZED", json!({"http_status": 401})));
    }
    let pull = format!(r#"{{"protocol":"v1","platform":"linux/amd64","auth":{auth}}}"#);
    let found = json!({"query": "demo", "num_results": 1, "results": [
        {"name": "demo/app", "description": "größe", "star_count": 3, "is_official": false, "is_automated": true},
    ]});
    steps.extend([
        gives(
            &["pull", "s", "{v1}/demo/app:1", "oci:{dir}/layout:x", &pull],
            json!({"platform": "linux/amd64", "endpoint": {"url": "{root}"}, "blobs": ["*", "*"]}),
        ),
        gives(&["session_search_repositories", "x", "demo", "25"], found.clone()),
        fails(
            &["session_search_repositories", "x", "demo", "0"],
            "INVALID_ARGUMENT",
            json!({"argument": "limit"}),
        ),
        gives(
            &["service_search", "s", "{v1}/demo", "25", auth, "me/1", r#"{"X-Meta":["1","2"]}"#],
            found,
        ),
        gives(
            &["service_search", "s", "{v1}/nothing", "1", auth, r"\N", r"\N"],
            json!({"num_results": 0, "results": []}),
        ),
        as_docker_says(
            &["service_search", "s", "https://{v1}/demo", "25", auth, r"\N", r"\N"],
            "INVALID_REFERENCE",
            json!({"argument": "term"}),
        ),
        fails(
            &["service_search", "s", "{v1}/demo", "101", auth, r"\N", r"\N"],
            "INVALID_ARGUMENT",
            json!({"argument": "limit"}),
        ),
        // The same place without asking it first, and a protocol that is not its own.
        does(&["endpoint_new", "s", "g", r#"{"URL":"{url}"}"#]),
        does(&["endpoint_to_v1", "g", "f", "me/2", r"\N"]),
        gives(&["endpoint_to_string", "f"], json!("{url}/v1/")),
        gives(&["endpoint_path", "f", "images/x/json"], json!("{url}/v1/images/x/json")),
        does(&["session_new", "f", "z", auth]),
        gives(&["session_get_repository_data", "z", reference], json!({"Endpoints": ["{root}"]})),
        gives(&["session_get_remote_history", "z", "{base}", "{root}"], json!(["{base}"])),
        does(&["session_free", "z"]),
        does(&["endpoint_free", "f"]),
    ]);
    steps
}
