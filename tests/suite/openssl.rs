//! Certificates and servers of OpenSSL, for what the testkit cannot make: it is the other side's word on algorithms.
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use ocireg_testkit::process::program;

/// `openssl s_server -www`: it answers every request with a page about the connection. Killed when dropped.
pub struct Server {
    child: Child,
    pub port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    /// Serves with a certificate, its key, and more arguments.
    pub fn start(certificate: &Path, key: &Path, arguments: &[&str]) -> Self {
        let mut child = Command::new(program("openssl", "openssl"))
            .args(["s_server", "-www", "-accept", "127.0.0.1:0"])
            .arg("-cert")
            .arg(certificate)
            .arg("-key")
            .arg(key)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("openssl starts");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let port = lines
            .find_map(|line| {
                line.expect("text").strip_prefix("ACCEPT ")?.rsplit_once(':')?.1.parse().ok()
            })
            .expect("openssl listens");
        // It goes on writing: somebody has to read.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, port }
    }
}

/// A directory of keys and certificates, each in NAME.key and NAME.crt.
pub struct Pki(tempfile::TempDir);

impl Pki {
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a directory"))
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).expect(name)
    }

    /// Runs openssl in the directory; arguments are split at blanks.
    pub fn run(&self, arguments: &str) {
        let run = Command::new(program("openssl", "openssl"))
            .args(arguments.split_whitespace())
            .current_dir(self.0.path())
            .output()
            .expect("openssl starts");
        assert!(run.status.success(), "{arguments}: {}", String::from_utf8_lossy(&run.stderr));
    }

    /// A key: `rsa:2048`, `ed25519`, or the name of a curve.
    pub fn key(&self, name: &str, kind: &str) {
        let made = match kind.split_once(':') {
            Some(("rsa", bits)) => format!("-algorithm RSA -pkeyopt rsa_keygen_bits:{bits}"),
            _ if kind.starts_with("ed") => format!("-algorithm {kind}"),
            _ => format!("-algorithm EC -pkeyopt ec_paramgen_curve:{kind}"),
        };
        self.run(&format!("genpkey {made} -out {name}.key"));
    }

    /// A CA whose certificate signs itself.
    pub fn ca(&self, name: &str, kind: &str, options: &str) {
        self.key(name, kind);
        self.run(&format!(
            "req -x509 -new -key {name}.key -out {name}.crt -days 30 -subj /CN={name} {options}"
        ));
    }

    /// A certificate that a CA of the directory signs; `extensions` are lines as in openssl's configuration.
    pub fn leaf(&self, name: &str, ca: &str, kind: &str, options: &str, extensions: &[&str]) {
        self.key(name, kind);
        self.run(&format!("req -new -key {name}.key -out {name}.csr -subj /CN={name}"));
        let mut signed = format!(
            "x509 -req -in {name}.csr -CA {ca}.crt -CAkey {ca}.key -CAcreateserial -out {name}.crt -days 30 {options}"
        );
        if !extensions.is_empty() {
            std::fs::write(self.path(&format!("{name}.ext")), extensions.join("\n"))
                .expect("a file");
            signed += &format!(" -extfile {name}.ext");
        }
        self.run(&signed);
    }
}
