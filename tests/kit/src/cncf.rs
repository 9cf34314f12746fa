//! The CNCF registry (Debian's `docker-registry`) on loopback, and the tools that fill and read it.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use tempfile::TempDir;

use crate::ca::Ca;
use crate::image::{Image, Spec};
use crate::process::{self, free_port, program};
use crate::token::TokenServer;

/// Longest wait for the registry to answer, and for a tool to end.
const LIMIT: Duration = Duration::from_secs(60);

/// How the registry is to be set up; `Default` is plain HTTP for everybody.
#[derive(Default)]
pub struct Options<'a> {
    /// TLS with a certificate of this authority.
    pub tls: Option<&'a Ca>,
    /// With `tls`: client certificates of this authority are required.
    pub client_ca: Option<&'a Ca>,
    /// Users (name, password) by htpasswd.
    pub htpasswd: Vec<(&'a str, &'a str)>,
    /// Tokens of this server.
    pub token: Option<&'a TokenServer>,
    /// The configuration's `auth` section, where it is something else.
    pub auth: Option<serde_json::Value>,
    /// Where the blobs are; a temporary directory when absent.
    pub storage: Option<PathBuf>,
    /// The blobs are in memory.
    pub in_memory: bool,
    /// The URL of the registry whose content it gives on.
    pub proxy_of: Option<String>,
    /// The program; Debian's `docker-registry` when absent.
    pub program: Option<PathBuf>,
}

/// A running registry; it is killed when dropped.
pub struct Cncf {
    child: Option<Child>,
    dir: TempDir,
    port: u16,
    tls: bool,
    program: PathBuf,
}

impl Cncf {
    /// Starts a registry and waits until it answers.
    pub fn start(options: &Options<'_>) -> Cncf {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let at = dir.path();
        let storage = options.storage.clone().unwrap_or_else(|| at.join("storage"));
        let mut http = json!({"secret": "loopback", "headers": {}});
        if let Some(ca) = options.tls {
            let (crt, key) = ca.loopback().write(at, "server");
            http["tls"] = json!({"certificate": crt, "key": key});
            if let Some(clients) = options.client_ca {
                http["tls"]["clientcas"] = json!([clients.write(&at.join("clients.crt"))]);
            }
        }
        // JSON is YAML, and needs no quoting rules of our own.
        let mut config = json!({
            "version": "0.1",
            "log": {"level": "warn", "accesslog": {"disabled": true}},
            "storage": {"delete": {"enabled": true}},
        });
        if options.in_memory {
            config["storage"]["inmemory"] = json!({});
        } else {
            config["storage"]["filesystem"] = json!({"rootdirectory": storage});
        }
        if let Some(url) = &options.proxy_of {
            config["proxy"] = json!({"remoteurl": url});
        }
        if !options.htpasswd.is_empty() {
            let htpasswd = program("htpasswd", "apache2-utils");
            let mut lines = String::new();
            for (name, password) in &options.htpasswd {
                let mut command = Command::new(&htpasswd);
                command.args(["-Bbn", "-C", "4", name, password]);
                lines += &process::run(&mut command, LIMIT).expect("run htpasswd").expect_success();
            }
            let path = at.join("htpasswd");
            fs::write(&path, lines).expect("write htpasswd");
            config["auth"] = json!({"htpasswd": {"realm": "registry", "path": path}});
        }
        if let Some(token) = options.token {
            config["auth"] = json!({"token": {
                "realm": token.realm(), "service": TokenServer::SERVICE,
                "issuer": TokenServer::ISSUER, "rootcertbundle": token.write_bundle(at),
            }});
        }
        if let Some(auth) = &options.auth {
            config["auth"] = auth.clone();
        }
        let program = options
            .program
            .clone()
            .unwrap_or_else(|| program("docker-registry", "docker-registry"));
        let tls = options.tls.is_some();
        let mut registry = Cncf { child: None, dir, port: 0, tls, program };
        // Somebody else may take the port between our asking and the registry's listening.
        for attempt in 1.. {
            registry.port = free_port();
            http["addr"] = json!(format!("127.0.0.1:{}", registry.port));
            config["http"] = http.clone();
            fs::write(registry.dir.path().join("config.yml"), config.to_string())
                .expect("write config.yml");
            match registry.spawn() {
                Ok(()) => break,
                Err(log) if attempt < 3 && log.contains("address already in use") => {}
                Err(log) => panic!("docker-registry did not start:\n{log}"),
            }
        }
        registry
    }

    /// `127.0.0.1:PORT`.
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The URL, without a path.
    pub fn url(&self) -> String {
        format!("{}://{}", if self.tls { "https" } else { "http" }, self.host())
    }

    /// What it wrote to stdout and stderr.
    pub fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    /// The process id while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Ends it by SIGTERM.
    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            process::terminate(&mut child);
        }
    }

    /// Ends it by SIGKILL.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Starts it again on the same port with the same storage.
    pub fn restart(&mut self) {
        self.stop();
        if let Err(log) = self.spawn() {
            panic!("docker-registry did not start again:\n{log}");
        }
    }

    fn spawn(&mut self) -> Result<(), String> {
        let at = self.dir.path();
        let log = fs::File::create(at.join("log")).expect("create the log");
        let child = Command::new(&self.program)
            .env("OTEL_TRACES_EXPORTER", "none")
            .arg("serve")
            .arg(at.join("config.yml"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("share the log"))
            .stderr(log)
            .spawn()
            .expect("start docker-registry");
        self.child = Some(child);
        let start = Instant::now();
        let address = SocketAddr::from(([127, 0, 0, 1], self.port));
        while start.elapsed() < LIMIT {
            let ended =
                self.child.as_mut().is_some_and(|child| !matches!(child.try_wait(), Ok(None)));
            if ended {
                self.child = None;
                return Err(self.log());
            }
            if TcpStream::connect(address).is_ok() {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(10));
        }
        self.kill();
        Err(self.log())
    }

    /// Puts an image in under `repository:tag` by `skopeo`; `arguments` are more of skopeo's, for example
    /// `--dest-creds=USER:PASSWORD` or `--dest-cert-dir=DIR`.
    pub fn push(&self, image: &Image, repository: &str, tag: &str, arguments: &[&str]) {
        let layout = tempfile::tempdir().expect("a temporary directory");
        image.write_layout(layout.path(), tag);
        let mut all = vec!["--all", "--dest-tls-verify=false"];
        all.extend_from_slice(arguments);
        let source = format!("oci:{}:{tag}", layout.path().display());
        skopeo_copy(&source, &format!("docker://{}/{repository}:{tag}", self.host()), &all);
    }

    /// Puts Debian's busybox in under `repository:tag`, for these platforms; returns the image.
    pub fn push_busybox(
        &self,
        repository: &str,
        tag: &str,
        platforms: &[&str],
        arguments: &[&str],
    ) -> Image {
        let image = Spec::busybox(platforms).build();
        self.push(&image, repository, tag, arguments);
        image
    }
}

impl Drop for Cncf {
    fn drop(&mut self) {
        self.kill();
    }
}

/// `skopeo copy ARGUMENTS SOURCE DESTINATION`; panics with its error when it fails.
pub fn skopeo_copy(source: &str, destination: &str, arguments: &[&str]) {
    let mut command = skopeo("copy");
    command.args(arguments).args([source, destination]);
    process::run(&mut command, LIMIT).expect("run skopeo").expect_success();
}

/// `skopeo inspect --raw`: the bytes of the manifest that `source` names.
pub fn skopeo_inspect(source: &str, arguments: &[&str]) -> Vec<u8> {
    let mut command = skopeo("inspect");
    command.arg("--raw").args(arguments).arg(source);
    process::run(&mut command, LIMIT).expect("run skopeo").expect_success().into_bytes()
}

fn skopeo(verb: &str) -> Command {
    let mut command = Command::new(program("skopeo", "skopeo"));
    command.args(["--insecure-policy", verb]);
    command
}

/// `umoci ls`: the tags of a layout.
pub fn umoci_list(layout: &Path) -> Vec<String> {
    let mut command = Command::new(program("umoci", "umoci"));
    command.arg("ls").arg("--layout").arg(layout);
    let text = process::run(&mut command, LIMIT).expect("run umoci").expect_success();
    text.lines().map(str::to_owned).collect()
}
