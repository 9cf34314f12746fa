//! Registries and token servers that others wrote, built from their Go modules and run on loopback.

use std::fs::File;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::process::{self, free_port};
use crate::server::lock;

/// Builds a program of the Go module in `module` below `into`, unless it is there, and tells where.
///
/// The module's `go.sum` says what exactly is built. Panics with what Go says where it cannot be.
pub fn build(module: &Path, package: &str, into: &Path) -> PathBuf {
    // One at a time: each build takes all processors.
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = lock(&TURN);
    let program = into.join(format!("peer-{}", module.file_name().expect("a name").display()));
    let mut go = Command::new("go");
    go.current_dir(module).args(["build", "-o"]).arg(&program).arg(package);
    process::run(&mut go, Duration::from_secs(1200)).expect("run Go").expect_success();
    program
}

/// A program that listens on a port of 127.0.0.1; it is killed when dropped.
pub struct Peer {
    child: Child,
    port: u16,
    directory: TempDir,
}

impl Peer {
    /// Starts the program with what `arguments` makes of its port and a directory of its own, and waits until it listens.
    pub fn start(program: &Path, arguments: impl Fn(u16, &Path) -> Vec<String>) -> Peer {
        let directory = tempfile::tempdir().expect("a temporary directory");
        // Somebody else may take the port between our asking and its listening.
        for _ in 0..3 {
            let port = free_port();
            let log = File::create(directory.path().join("log")).expect("a log");
            let mut child = Command::new(program)
                .args(arguments(port, directory.path()))
                .current_dir(directory.path())
                .stdin(Stdio::null())
                .stdout(log.try_clone().expect("share the log"))
                .stderr(log)
                .spawn()
                .unwrap_or_else(|e| panic!("start {}: {e}", program.display()));
            let (start, address) = (Instant::now(), SocketAddr::from(([127, 0, 0, 1], port)));
            while start.elapsed() < Duration::from_secs(60) {
                if matches!(child.try_wait(), Ok(Some(_)) | Err(_)) {
                    break;
                }
                if TcpStream::connect(address).is_ok() {
                    return Peer { child, port, directory };
                }
                thread::sleep(Duration::from_millis(10));
            }
            let _ = child.kill();
            let _ = child.wait();
        }
        let log = std::fs::read_to_string(directory.path().join("log")).unwrap_or_default();
        panic!("{} did not start:\n{log}", program.display());
    }

    /// `127.0.0.1:PORT`.
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// What it wrote to stdout and stderr.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
