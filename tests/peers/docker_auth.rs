//! Tokens of docker_auth, a token server that others wrote and run, for the CNCF registry.
//!
//! It is a Go module, and built here where the module can be had: through Go's own ways, or as the program that the
//! variable OCIREG_DOCKER_AUTH names. Where it cannot be had the test says so; tests/tokens.rs shows the same with a
//! token server of the kit, which signs real tokens too.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::scene::{UNAUTHORIZED, service};
use ocireg_testkit::image::Spec;
use ocireg_testkit::process::{free_port, program, run};
use ocireg_testkit::rig::{assert_no_secret, canary};
use ocireg_testkit::{Ca, Cncf, cncf};
use serde_json::{Value, json};

const LIMIT: Duration = Duration::from_secs(300);

/// The program, if it can be had here.
fn docker_auth() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("OCIREG_DOCKER_AUTH") {
        let named = PathBuf::from(named);
        assert!(named.is_file(), "OCIREG_DOCKER_AUTH names no program: {}", named.display());
        return Some(named);
    }
    let bin = Path::new(env!("CARGO_TARGET_TMPDIR")).join("docker_auth");
    let mut command = Command::new(program("go", "golang"));
    command.args(["install", "github.com/cesanta/docker_auth/auth_server@latest"]);
    command.env("GOBIN", &bin).env_remove("GOFLAGS");
    let built = run(&mut command, LIMIT).expect("run go");
    if built.status.is_some_and(|status| status.success()) {
        return Some(bin.join("auth_server"));
    }
    let why = String::from_utf8_lossy(&built.stderr).into_owned();
    eprintln!("docker_auth does not build here, so nothing is said about it:\n{why}");
    None
}

/// A running docker_auth, killed when dropped.
struct DockerAuth {
    child: Child,
    port: u16,
    bundle: PathBuf,
    _directory: tempfile::TempDir,
}

impl Drop for DockerAuth {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn start(program: &Path, users: &[(&str, &str, &[&str])]) -> DockerAuth {
    let directory = tempfile::tempdir().expect("a directory");
    let (certificate, key) = Ca::default().loopback().write(directory.path(), "server");
    let port = free_port();
    let mut accounts = json!({});
    let mut acl = Vec::new();
    for (name, password, actions) in users {
        accounts[name] = json!({"password": bcrypt(password)});
        acl.push(json!({"match": {"account": name}, "actions": actions}));
    }
    let config = json!({
        "server": {"addr": format!("127.0.0.1:{port}"), "certificate": certificate, "key": key},
        "token": {"issuer": "docker_auth", "expiration": 900},
        "users": accounts,
        "acl": acl,
    });
    let path = directory.path().join("config.yml");
    // JSON is YAML.
    std::fs::write(&path, config.to_string()).expect("written");
    let log = std::fs::File::create(directory.path().join("log")).expect("created");
    let child = Command::new(program)
        .args(["--logtostderr", "--alsologtostderr"])
        .arg(&path)
        .stdin(Stdio::null())
        .stdout(log.try_clone().expect("shared"))
        .stderr(log)
        .spawn()
        .expect("docker_auth starts");
    let start = Instant::now();
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        let log = std::fs::read_to_string(directory.path().join("log")).unwrap_or_default();
        assert!(start.elapsed() < Duration::from_secs(30), "docker_auth does not listen:\n{log}");
        std::thread::sleep(Duration::from_millis(20));
    }
    DockerAuth { child, port, bundle: certificate, _directory: directory }
}

/// The hash of a password, as htpasswd writes it.
fn bcrypt(password: &str) -> String {
    let mut command = Command::new(program("htpasswd", "apache2-utils"));
    command.args(["-Bbn", "-C", "4", "user", password]);
    let line = run(&mut command, LIMIT).expect("run htpasswd").expect_success();
    line.trim().trim_start_matches("user:").to_owned()
}

#[test]
fn tokens_of_docker_auth_open_the_cncf_registry() {
    let Some(program) = docker_auth() else { return };
    let (writer, reader) = (canary(), canary());
    let token = start(&program, &[("writer", &writer, &["*"]), ("reader", &reader, &["pull"])]);
    let realm = format!("https://127.0.0.1:{}/auth", token.port);
    let ca = Ca::default();
    let auth = json!({"token": {
        "realm": realm, "service": "registry", "issuer": "docker_auth", "rootcertbundle": token.bundle,
    }});
    let registry =
        Cncf::start(&cncf::Options { tls: Some(&ca), auth: Some(auth), ..Default::default() });
    let image = Spec::busybox(&["linux/amd64"]).build();
    let creds = format!("--dest-creds=writer:{writer}");
    registry.push(&image, "team/app", "1", &[&creds, "--dest-tls-verify=false"]);

    let service = service(json!({}));
    let reference = format!("{}/team/app:1", registry.host());
    let as_user = |name: &str, password: &str| -> Value {
        json!({"auth": {"username": name, "password": password}})
    };
    let directory = tempfile::tempdir().expect("a directory");
    let destination = format!("oci:{}", directory.path().join("layout").display());
    let report = service
        .pull(None, &reference, &destination, &as_user("reader", &reader))
        .expect("the reader may pull");
    assert_eq!(report["descriptor"]["digest"], image.digest.as_str());

    // Who is nobody, and who has the wrong password, gets nothing.
    for options in [json!({"auth": {}}), as_user("reader", &writer)] {
        let failure = service.inspect(None, &reference, &options).expect_err("refused");
        assert_eq!(failure.code, UNAUTHORIZED, "{}", failure.json);
        assert_no_secret("the error", failure.json.to_string(), &writer);
    }
}
