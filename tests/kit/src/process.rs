//! Child processes: run with a time limit, with peak memory and CPU time; free ports.

use std::io::{self, Read};
use std::net::{SocketAddr, TcpListener};
use std::panic::Location;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

/// What a child did.
#[derive(Debug)]
pub struct Run {
    /// How it ended; `None` when it was killed for taking too long.
    pub status: Option<ExitStatus>,
    /// What it wrote to stdout.
    pub stdout: Vec<u8>,
    /// What it wrote to stderr.
    pub stderr: Vec<u8>,
    /// Its VmHWM in KiB, as last seen.
    pub peak_kib: u64,
    /// How long it ran.
    pub wall: Duration,
}

impl Run {
    /// stdout as text; panics with stderr unless the child succeeded.
    pub fn expect_success(self) -> String {
        let stdout = String::from_utf8_lossy(&self.stdout).into_owned();
        let ok = self.status.is_some_and(|status| status.success());
        assert!(ok, "{:?}\n{stdout}\n{}", self.status, String::from_utf8_lossy(&self.stderr));
        stdout
    }
}

/// This program again, to run one test of the file that asks, alone.
///
/// The tests of `tests/suite/pull.rs` are those of the module `pull` in the program `suite`.
#[track_caller]
pub fn this_test(test: &str) -> Command {
    let file = Path::new(Location::caller().file());
    let modules = file.iter().skip_while(|part| *part != "tests").skip(2).collect::<PathBuf>();
    let path = modules.with_extension("").join(test).display().to_string().replace('/', "::");
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.args(["--exact", &path, "--nocapture", "--test-threads=1"]);
    command
}

/// Copies this program. Another program does it: a child that some test forks meanwhile would have the copy open for
/// writing, and then it does not start.
pub fn copy_this_program(to: &Path) {
    let own = std::env::current_exe().expect("this program");
    let copied = Command::new("cp").args([&own, to]).status();
    assert!(copied.is_ok_and(|status| status.success()), "cp {}", to.display());
}

/// A port of 127.0.0.1 where nobody listens, and nobody can as long as this lives.
pub struct ClosedPort(Socket);

impl ClosedPort {
    /// Takes a free one.
    pub fn new() -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("a free port");
        Self(socket)
    }

    /// Its number.
    pub fn number(&self) -> u16 {
        let address = self.0.local_addr().expect("bound");
        address.as_socket().expect("of the Internet").port()
    }
}

impl Default for ClosedPort {
    fn default() -> Self {
        Self::new()
    }
}

/// Runs a command to its end, or kills it after `limit`. Memory is looked at every 5 ms.
pub fn run(command: &mut Command, limit: Duration) -> io::Result<Run> {
    let start = Instant::now();
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let stdout = drain(child.stdout.take());
    let stderr = drain(child.stderr.take());
    let mut peak_kib = 0;
    let status = loop {
        peak_kib = vm_hwm(child.id()).unwrap_or(0).max(peak_kib);
        if let Some(status) = child.try_wait()? {
            break Some(status);
        }
        if start.elapsed() > limit {
            child.kill()?;
            child.wait()?;
            break None;
        }
        thread::sleep(Duration::from_millis(5));
    };
    let wall = start.elapsed();
    let join = |reader: thread::JoinHandle<Vec<u8>>| reader.join().unwrap_or_default();
    Ok(Run { status, stdout: join(stdout), stderr: join(stderr), peak_kib, wall })
}

fn drain(pipe: Option<impl Read + Send + 'static>) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            // What was read before an error is still worth showing.
            let _ = pipe.read_to_end(&mut bytes);
        }
        bytes
    })
}

/// The peak resident memory of a running process in KiB.
pub fn vm_hwm(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}

/// A port of 127.0.0.1 that nobody listened on a moment ago.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("listen on loopback");
    listener.local_addr().expect("the address").port()
}

/// The path of a program; panics in one line that names its Debian package when it is missing.
pub fn program(name: &str, package: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|dir| dir.join(name))
        .find(|path| path.is_file())
        .unwrap_or_else(|| panic!("{name} is missing: apt-get install {package}"))
}

/// Asks a child to end by SIGTERM and waits; kills it after 5 s.
pub fn terminate(child: &mut Child) {
    if let Some(pid) = rustix::process::Pid::from_raw(child.id() as i32) {
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
    }
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(5) {
        if matches!(child.try_wait(), Ok(Some(_)) | Err(_)) {
            return;
        }
        thread::sleep(Duration::from_millis(5));
    }
    let _ = child.kill();
    let _ = child.wait();
}
