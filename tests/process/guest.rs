//! The library as a guest in its host's process: the environment, descriptors and rights are the host's.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Seek, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::c_surface::images::Context;
use crate::c_surface::{children, layouts};
use crate::scene;
use crate::scene::{app, demo};
use ocireg::call::Call;
use ocireg::error::Code;
use ocireg::os::environment::Environment;
use ocireg::os::spool;
use ocireg::registry::options::ServiceOptions;
use ocireg::registry::service::Service;
use ocireg::tls::{Identity, certs_d, system};
use ocireg_testkit::{process, slow_dns};
use serde_json::json;

/// The sources of the library, without the tests in them.
fn sources() -> Vec<(PathBuf, String)> {
    fn walk(directory: &Path, found: &mut Vec<(PathBuf, String)>) {
        for entry in fs::read_dir(directory).expect("a directory of sources") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).expect("a source");
                let code = text.split("\n#[cfg(test)]\nmod ").next().unwrap_or_default();
                found.push((path, code.to_owned()));
            }
        }
    }
    let mut found = Vec::new();
    walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
    assert!(found.len() > 50, "the sources were not found");
    found
}

/// Fails for lines that hold one of the words outside of the files that may.
fn only_in(files: &[&str], words: &[&str]) {
    let mut wrong = Vec::new();
    for (path, code) in sources() {
        if files.iter().any(|file| path.ends_with(file)) {
            continue;
        }
        for (number, line) in code.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            let begins = |at: usize| !code[..at].ends_with(|c: char| c.is_alphanumeric());
            for word in
                words.iter().filter(|word| code.match_indices(**word).any(|(at, _)| begins(at)))
            {
                wrong.push(format!("{}:{}: {word}", path.display(), number + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "only {files:?} may do this:\n{}", wrong.join("\n"));
}

/// Descriptors get numbers above those of the standard streams only where they are opened by way of `os::descriptor`.
#[test]
fn descriptors_are_opened_in_one_room() {
    let words = [
        "File::open",
        "File::create",
        "OpenOptions::new()",
        "File::options",
        "fs::read(",
        "fs::read_to_string",
        "fs::write",
        "read_dir",
        "openat(",
        "socket_with(",
        "TcpStream",
        "UdpSocket",
        "UnixStream",
        "pipe_with(",
        "eventfd(",
        "epoll::create",
        "memfd_create(",
        "pidfd_open(",
        "read_from(",
        ".spawn()",
        "pem_file_iter",
        "from_pem_file",
    ];
    let rooms = [
        "child.rs",
        "dir.rs",
        "file.rs",
        "held.rs",
        "remove.rs",
        "tree.rs",
        "wake.rs",
        "descriptor.rs",
    ];
    let rooms: Vec<String> = rooms.iter().map(|file| format!("src/os/{file}")).collect();
    let mut rooms: Vec<&str> = rooms.iter().map(String::as_str).collect();
    rooms.push("src/http/transport/socket.rs");
    only_in(&rooms, &words);
    for (path, code) in sources().iter().filter(|(path, _)| rooms.iter().any(|r| path.ends_with(r)))
    {
        let opens = |line: &str| {
            words.iter().any(|word| line.contains(word)) && !line.trim_start().starts_with("use ")
        };
        for line in code.lines().filter(|line| opens(line)) {
            let careful = [
                "descriptor::open(",
                "open(|| fs::openat(",
                "above_standard(",
                "let Ok(place) = openat(",
            ];
            assert!(careful.iter().any(|way| line.contains(way)), "{}: {line}", path.display());
        }
    }
}

#[test]
fn only_one_place_reads_the_environment() {
    let words = [
        "env::var",
        "env::temp_dir",
        "env::home_dir",
        "env::split_paths",
        "env::set_var",
        "use std::env",
        "std::env::{",
        "getenv",
        "environ(",
        "tempfile",
        "rustls_native_certs",
        "try_proxy_from_env",
        "ProxyBuilder",
    ];
    only_in(&["src/os/environment.rs"], &words);
}

const EVIL: &str = "docker-credential-evil";

/// What the environment has changed about a service in this process.
fn heard(directory: &Path) -> BTreeMap<&'static str, bool> {
    let environment = Environment::of_process(true);
    let service =
        Service::new(ServiceOptions::parse(None).expect("no options")).expect("a service");
    let of = |host: &str| service.credentials_for(host, "", &Call::new(None));
    let below = |path: &Path| path.starts_with(directory);
    BTreeMap::from([
        ("environment", environment.is_heard()),
        ("proxy", format!("{:?}", service.proxies()).contains("203.0.113.9")),
        ("config", of("file.test").expect("found").source.is_some()),
        ("helper", of("helper.test").is_ok_and(|found| found.source.is_some())),
        ("temporary files", below(&spool::directory(service.environment()))),
        ("certs.d", below(&certs_d::default_directory(environment))),
        (
            "certificates",
            system::roots(service.environment())
                .is_err_and(|e| e.to_string().contains("not-there")),
        ),
    ])
}

/// security.md X27: in a program that has more rights than its caller, the environment is the caller's, and has no say.
#[test]
fn x27_a_set_user_id_program_does_not_hear_the_environment() {
    const NAME: &str = "x27_a_set_user_id_program_does_not_hear_the_environment";
    if let Some(directory) = children::told() {
        for (what, heard) in heard(Path::new(&directory)) {
            println!("{what}={heard}");
        }
        return;
    }
    let directory = ocireg_testkit::tempdir();
    let at = |name: &str| directory.path().join(name);
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).expect("a mode");
    fs::create_dir_all(at("docker")).expect("made");
    let pair = "dTpw";
    let config = json!({
        "auths": {"file.test": {"auth": pair}}, "credHelpers": {"helper.test": "evil"},
    });
    fs::write(at("docker/config.json"), config.to_string()).expect("written");
    let helper = at(EVIL);
    let marker = at("ran");
    let script = format!(
        "#!/bin/sh\nid -u >>{}\necho '{{\"Username\":\"u\",\"Secret\":\"p\"}}'\n",
        marker.display()
    );
    fs::write(&helper, script).expect("written");
    fs::write(&marker, "").expect("written");
    for (path, mode) in [(&helper, 0o755), (&marker, 0o666)] {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("a mode");
    }
    let (plain, privileged) = (at("plain"), at("privileged"));
    for (path, mode) in [(&plain, 0o755), (&privileged, 0o4755)] {
        process::copy_this_program(path);
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("a mode");
    }
    let run = |program: &Path| {
        // As a user who has no other rights: the program's owner is another one.
        let inner = children::command(NAME, &directory.path().display().to_string());
        let mut command = Command::new("setpriv");
        command.args(["--reuid=4242", "--regid=4242", "--clear-groups"]).arg(program);
        command.args(inner.get_args());
        for (name, value) in inner.get_envs() {
            command.env(name, value.expect("set"));
        }
        command
            .env_remove("SSL_CERT_DIR")
            .env("HOME", at("home"))
            .env("DOCKER_CONFIG", at("docker"))
            .env("PATH", format!("{}:/usr/bin:/bin", directory.path().display()))
            .env("HTTPS_PROXY", "http://203.0.113.9:3128")
            .env("TMPDIR", at("tmp"))
            .env("XDG_CONFIG_HOME", at("xdg"))
            .env("ROOTLESSKIT_STATE_DIR", at("state"))
            .env("SSL_CERT_FILE", at("not-there"));
        let run = children::expect_success(&mut command);
        let said = String::from_utf8(run.stdout).expect("text");
        let found: BTreeMap<String, bool> = said
            .lines()
            .filter_map(|line| line.split_once('='))
            .filter_map(|(what, heard)| Some((what.to_owned(), heard.parse().ok()?)))
            .collect();
        assert_eq!(found.len(), 7, "{said}");
        found
    };
    // Without that control the rest would show nothing.
    let ordinary = run(&plain);
    assert!(ordinary.values().all(|heard| *heard), "{ordinary:?}");
    assert_eq!(fs::read_to_string(&marker).expect("read"), "4242\n");
    let privileged = run(&privileged);
    assert!(privileged.values().all(|heard| !heard), "{privileged:?}");
    assert_eq!(fs::read_to_string(&marker).expect("read"), "4242\n", "the helper ran");
}

/// What follows the working directory of the host is nobody's choice of a place.
#[test]
fn relative_directories_in_the_environment_count_as_unset() {
    const NAME: &str = "relative_directories_in_the_environment_count_as_unset";
    let environment = Environment::of_process(true);
    if children::told().is_some() {
        assert_eq!((environment.home(), environment.config_home()), (None, None));
        assert_eq!(environment.directory("XDG_RUNTIME_DIR"), None);
        assert_eq!(environment.directories("PATH"), [PathBuf::from("/usr/bin")]);
        let named = environment.path("DOCKER_CONFIG").expect("a path");
        assert!(named.is_absolute() && named.ends_with("docker"), "{named:?}");
        return;
    }
    let mut command = children::command(NAME, "relative");
    command
        .env("HOME", "home")
        .env("XDG_CONFIG_HOME", "config")
        .env("XDG_RUNTIME_DIR", ".")
        .env("PATH", ".:bin::/usr/bin")
        .env("DOCKER_CONFIG", "docker");
    children::expect_success(&mut command);
}

/// A file that another user, or a mistake, put there must neither hold a call for ever nor fill the memory.
#[test]
fn files_of_others_are_regular_and_bounded_or_refused() {
    let directory = ocireg_testkit::tempdir();
    let at = |name: &str| directory.path().join(name);
    fs::write(at("right"), r#"{"registry-mirrors": ["https://mirror.test"]}"#).expect("written");
    std::os::unix::fs::symlink("right", at("link")).expect("a link");
    std::os::unix::fs::symlink("/dev/zero", at("zero")).expect("a link");
    let mode = rustix::fs::Mode::RUSR;
    rustix::fs::mkfifoat(rustix::fs::CWD, at("fifo"), mode).expect("a FIFO");
    fs::create_dir(at("directory")).expect("made");
    let _socket = std::os::unix::net::UnixListener::bind(at("socket")).expect("a socket");
    for name in ["right", "link"] {
        let options = json!({"daemon-json": at(name)}).to_string();
        let service = Service::parse(&options).expect("a service");
        assert_eq!(service.config().mirrors, ["https://mirror.test/"], "{name}");
    }
    let odd = ["fifo", "zero", "directory", "socket"];
    for name in odd {
        let options = json!({"daemon-json": at(name)}).to_string();
        let error = Service::parse(&options).expect_err(name);
        assert_eq!(error.code(), Code::Io, "{name}");
        let text = error.to_string();
        assert!(text.contains("is not a regular file") && text.contains(name), "{text}");
        let docker = at(&format!("docker-{name}"));
        fs::create_dir(&docker).expect("made");
        std::os::unix::fs::symlink(at(name), docker.join("config.json")).expect("a link");
        let service = json!({"docker-config": docker, "environment": false}).to_string();
        let service = Service::parse(&service).expect("no file is read yet");
        let error = service.credentials_for("r.test", "", &Call::new(None)).expect_err(name);
        assert!(error.to_string().contains("is not a regular file"), "{error}");
        for identity in [
            Identity { root_cas: vec![at(name)], ..Identity::default() },
            Identity { certificates: vec![(at(name), at(name))], ..Identity::default() },
        ] {
            let error = identity.client_config(&mut drop).expect_err(name);
            assert!(error.to_string().contains("is not a regular file"), "{error}");
        }
    }
    for name in odd {
        let host = at("certs.d/r.test");
        fs::create_dir_all(&host).expect("made");
        std::os::unix::fs::symlink(at(name), host.join("ca.crt")).expect("a link");
        let error = certs_d::read(&host).expect_err(name);
        assert!(error.to_string().contains("ca.crt: it is not a regular file"), "{error}");
        let found = certs_d::read_for_host(&at("certs.d"), "r.test").expect("it is passed over");
        assert!(found.root_cas.is_empty() && found.skipped[0].contains("ca.crt"), "{found:?}");
        fs::remove_file(host.join("ca.crt")).expect("removed");
    }
}

/// Runs `check` in a child of this process that has forked and not started another program. It gives 0, or the number
/// of the line that went wrong.
fn in_fork(seconds: u32, check: impl FnOnce() -> u32) {
    // SAFETY: the child makes calls of the library, which are allowed there, and ends; the alarm ends it if it hangs.
    unsafe {
        let child = libc::fork();
        if child == 0 {
            libc::alarm(seconds);
            libc::_exit(if check() == 0 { 0 } else { 1 });
        }
        let mut status = -1;
        assert_eq!(libc::waitpid(child, &raw mut status, 0), child);
        assert_eq!(status, 0, "see the line above");
    }
}

/// Runs a test again in a process of its own, unless it is there already.
///
/// There, as in a host that is not written in Rust, the standard library does not handle stack overflows: for that it
/// takes a lock whenever a thread starts, which a child may find taken. It leaves signals alone that are ignored.
#[track_caller]
pub fn runs_alone(test: &str) -> bool {
    const ALONE: &str = "OCIREG_TEST_ALONE";
    if std::env::var_os(ALONE).is_some() {
        return false;
    }
    let mut command = process::this_test(test);
    command.env(ALONE, "1");
    // SAFETY: the only call is one that is allowed after a fork.
    unsafe {
        command.pre_exec(|| {
            for signal in [libc::SIGSEGV, libc::SIGBUS] {
                libc::signal(signal, libc::SIG_IGN);
            }
            Ok(())
        });
    }
    let output = command.output().expect("this program");
    let (said, failed) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && said.contains("1 passed"), "{said}\n{failed}");
    true
}

/// In a forked child: names the line that went wrong.
macro_rules! check {
    ($right:expr) => {
        if !$right {
            eprintln!("line {}: {}", line!(), stringify!($right));
            return line!();
        }
    };
}

pub fn place(directory: &Path) -> String {
    format!("oci:{}", directory.display())
}

/// Daemons close all descriptors; what the host then opens gets numbers that the library had.
#[test]
fn a_host_that_closes_all_descriptors_keeps_its_own_files() {
    let (registry, image) = demo();
    let reference = app(&registry);
    let directory = ocireg_testkit::tempdir();
    let at = |name: &str| directory.path().join(name);
    in_fork(60, || {
        let service = scene::service(json!({}));
        let context = Context::timeout(20_000);
        let pull = |to: &str| service.pull(Some(&context), &reference, &place(&at(to)), &json!({}));
        check!(pull("first").is_ok());
        let session = service.open(None, &reference, &json!({})).expect("a session");
        let layer = image.blobs.iter().max_by_key(|(_, body)| body.len()).expect("a layer");
        let mut reader = session.open_blob(None, layer.0, 0, &json!({})).expect("a reader");
        check!(reader.read(None, &mut [0; 1]).is_ok());
        // SAFETY: nothing in this child uses what is closed but the library.
        unsafe { libc::close_range(3, libc::c_uint::MAX, 0) };
        let own: Vec<_> = (0..48)
            .map(|number| {
                let path = at(&format!("own-{number}"));
                let mut file = fs::File::create_new(path).expect("a file of the host");
                file.write_all(b"0123456789").expect("written");
                file.rewind().expect("at the beginning");
                file
            })
            .collect();
        check!(own.iter().any(|file| file.as_raw_fd() == 3));
        let untouched = || {
            own.iter().all(|mut file| {
                let (size, at) = (file.metadata().map(|state| state.len()), file.stream_position());
                size.is_ok_and(|size| size == 10) && at.is_ok_and(|at| at == 0)
            })
        };
        check!(pull("second").is_ok());
        check!(untouched());
        // What was being read goes on over a new connection.
        let mut rest = Vec::new();
        check!(reader.read_to_end(None, &mut rest).is_ok());
        context.cancel();
        check!(pull("third").is_err_and(|failure| failure.name == "OCIREG_CANCELLED"));
        check!(untouched());
        drop((reader, session, service, context));
        check!(untouched());
        0
    });
    for name in ["first", "second"] {
        layouts::assert_holds(&at(name), &image);
    }
}

/// A process without standard streams: what it prints must reach nothing of the library.
#[test]
fn what_a_host_prints_lands_in_no_file_of_a_pull() {
    let (registry, image) = demo();
    let reference = app(&registry);
    for closed in [&[1, 2][..], &[0, 1, 2], &[2], &[0]] {
        let directory = ocireg_testkit::tempdir();
        let errors = fs::File::create(directory.path().join("errors")).expect("a file");
        in_fork(60, || {
            let service = scene::service(json!({}));
            let landed = AtomicUsize::new(0);
            let done = AtomicBool::new(false);
            for number in closed {
                // SAFETY: this child prints nothing.
                unsafe { libc::close(*number) };
            }
            let outcome = std::thread::scope(|scope| {
                scope.spawn(|| {
                    while !done.load(Ordering::Relaxed) {
                        for number in closed {
                            // SAFETY: the text is valid for its length.
                            if unsafe { libc::write(*number, c"HOST".as_ptr().cast(), 4) } > 0 {
                                landed.fetch_add(1, Ordering::Relaxed);
                            }
                        }
                    }
                });
                let to = place(&directory.path().join("layout"));
                let outcome = service.pull(None, &reference, &to, &json!({}));
                done.store(true, Ordering::Relaxed);
                outcome
            });
            // SAFETY: the number is closed, or an error's text is worth more than what has it.
            unsafe { libc::dup2(errors.as_raw_fd(), 2) };
            check!(outcome.is_ok());
            check!(landed.load(Ordering::Relaxed) == 0);
            0
        });
        layouts::assert_holds(&directory.path().join("layout"), &image);
    }
}

/// security.md X15: a server that forks workers while its threads pull.
#[test]
fn x15_five_hundred_children_forked_beside_pulls_all_work() {
    if runs_alone("x15_five_hundred_children_forked_beside_pulls_all_work") {
        return;
    }
    let (registry, image) = demo();
    let reference = app(&registry);
    let directory = ocireg_testkit::tempdir();
    let at = |name: String| directory.path().join(name);
    let service = scene::service(json!({}));
    // The callback of these tests takes a lock, which a thread of the parent may hold at a fork: that is the host's affair.
    service.end_log();
    let (number, done) = (AtomicUsize::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !done.load(Ordering::SeqCst) {
                    let to = at(format!("parent-{}", number.fetch_add(1, Ordering::SeqCst)));
                    let context = Context::timeout(60_000);
                    service
                        .pull(Some(&context), &reference, &place(&to), &json!({}))
                        .expect("a pull");
                    fs::remove_dir_all(to).expect("removed");
                }
            });
        }
        let mut running = Vec::new();
        let wait = |child: libc::pid_t| {
            let mut status = -1;
            // SAFETY: a child of this test, a live place out.
            assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
            assert_eq!(status, 0, "a child hung past its deadline, or failed");
        };
        let end = || done.store(true, Ordering::SeqCst);
        for fork in 0..500u32 {
            std::thread::sleep(Duration::from_micros(u64::from(fork * 7919 % 3000)));
            // SAFETY: the child makes calls of the library and ends; the alarm ends it if it hangs.
            let child = unsafe { libc::fork() };
            if child == 0 {
                // SAFETY: as above.
                unsafe { libc::alarm(40) };
                let context = Context::timeout(30_000);
                // Each tenth takes a whole image; the others see that nothing is held on the way.
                let outcome = if fork % 10 == 9 {
                    let to = place(&at(format!("child-{fork}")));
                    service.pull(Some(&context), &reference, &to, &json!({}))
                } else {
                    service.inspect(Some(&context), &reference, &json!({}))
                };
                if let Err(failure) = &outcome {
                    eprintln!("child {fork}: {}", failure.message);
                }
                drop(context);
                // SAFETY: the child frees its copy, and does not use it again.
                drop(unsafe { std::ptr::read(&raw const service) });
                // SAFETY: no destructors and no hooks of the parent's test run.
                unsafe { libc::_exit(i32::from(outcome.is_err())) };
            }
            running.push(child);
            if running.len() == 8 {
                let outcome = std::panic::catch_unwind(|| wait(running[0]));
                if outcome.is_err() {
                    end();
                }
                outcome.expect("a child");
                running.remove(0);
            }
        }
        running.into_iter().for_each(wait);
        end();
    });
    layouts::assert_holds(&at("child-499".to_owned()), &image);
}

/// Lookups that hang in the parent take no turn from a child.
#[test]
fn a_child_looks_names_up_while_its_parents_lookups_hang() {
    const NAME: &str = "a_child_looks_names_up_while_its_parents_lookups_hang";
    if children::told().is_none() {
        let directory = ocireg_testkit::tempdir();
        let library = slow_dns::build(directory.path());
        let mut command = children::command(NAME, "slow");
        let names = [("quick.test", "127.0.0.9")];
        slow_dns::apply(&mut command, &library, Duration::from_secs(3), &names);
        children::expect_success(&mut command);
        return;
    }
    let service =
        Service::new(ServiceOptions::parse(None).expect("no options")).expect("a service");
    let lookup = |name: &str, milliseconds: u64| {
        let context = ocireg::call::Context::new().expect("a context");
        context.set_timeout(Duration::from_millis(milliseconds));
        service.resolver().lookup(name, Duration::ZERO, &Call::new(Some(&context)))
    };
    // Calls that end leave their lookups behind, as many as there may be.
    for number in 0..4 {
        let left = lookup(&format!("hangs-{number}.test"), 1).expect_err("too slow");
        assert_eq!(left.code(), Code::Deadline);
    }
    let start = Instant::now();
    in_fork(20, || {
        check!(lookup("hangs-5.test", 300).is_err_and(|e| e.code() == Code::Deadline));
        check!(start.elapsed() < Duration::from_secs(2));
        let found = lookup("quick.test", 10_000).expect("an address");
        check!(found == ["127.0.0.9".parse::<std::net::IpAddr>().expect("an address")]);
        0
    });
}

/// From now on these system calls fail in this thread and those that it starts, as under a security policy or on a file
/// system that does not know them.
fn forbid(errno: i32, calls: &[libc::c_long]) {
    const LOAD_NUMBER: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
    const IS: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
    const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;
    let step = |code, jf, k| libc::sock_filter { code, jt: 0, jf, k };
    let mut filter = vec![step(LOAD_NUMBER, 0, 0)];
    for call in calls {
        filter.push(step(IS, 1, u32::try_from(*call).expect("a number")));
        filter.push(step(RETURN, 0, libc::SECCOMP_RET_ERRNO | errno.unsigned_abs()));
    }
    filter.push(step(RETURN, 0, libc::SECCOMP_RET_ALLOW));
    let len = u16::try_from(filter.len()).expect("few steps");
    let program = libc::sock_fprog { len, filter: filter.as_mut_ptr() };
    // SAFETY: the program lives through the call, which copies it.
    let set = unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
            && libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) == 0
    };
    assert!(set, "no system call filter can be set here");
}

/// Policies that are older than a system call answer EPERM to it: that says nothing about files and rights.
#[test]
fn system_calls_that_an_old_policy_refuses_are_done_without() {
    const NAME: &str = "system_calls_that_an_old_policy_refuses_are_done_without";
    if let Some(told) = children::told() {
        let directory = Path::new(&told);
        let reference = fs::read_to_string(directory.join("reference")).expect("a reference");
        let service = scene::service(json!({}));
        let pulled = service.pull(None, &reference, &place(&directory.join("layout")), &json!({}));
        pulled.expect("a pull");
        let options = json!({"docker-config": directory.join("docker")}).to_string();
        let service = Service::parse(&options).expect("a service");
        let found = service.credentials_for("r.test", "", &Call::new(None)).expect("credentials");
        assert_eq!(found.source.as_deref(), Some("docker-credential-right"));
        // Without threads a pull cannot work. It says why, and blames nobody's spelling.
        forbid(libc::EPERM, &[libc::SYS_clone3]);
        let service = scene::service(json!({}));
        let to = place(&directory.join("none"));
        let failure = service.pull(None, &reference, &to, &json!({})).expect_err("no threads");
        assert_eq!(failure.name, "OCIREG_IO", "{}", failure.message);
        assert!(failure.json["hint"].as_str().is_some_and(|hint| hint.contains("seccomp")));
        return;
    }
    let (registry, image) = demo();
    let directory = ocireg_testkit::tempdir();
    let at = |name: &str| directory.path().join(name);
    fs::write(at("reference"), app(&registry)).expect("written");
    fs::create_dir(at("docker")).expect("made");
    fs::write(at("docker/config.json"), r#"{"credsStore": "right"}"#).expect("written");
    let helper = at("docker-credential-right");
    let script = "#!/bin/sh\nread server\necho '{\"Username\":\"u\",\"Secret\":\"p\"}'\n";
    fs::write(&helper, script).expect("written");
    fs::set_permissions(&helper, fs::Permissions::from_mode(0o755)).expect("a mode");
    let mut command = children::command(NAME, &directory.path().display().to_string());
    command.env("PATH", format!("{}:/usr/bin:/bin", directory.path().display()));
    let new = [
        libc::SYS_faccessat2,
        libc::SYS_eventfd2,
        libc::SYS_memfd_create,
        libc::SYS_pidfd_open,
        libc::SYS_close_range,
        libc::SYS_statx,
        libc::SYS_copy_file_range,
        libc::SYS_openat2,
        libc::SYS_renameat2,
    ];
    let policy = move || {
        forbid(libc::EPERM, &new);
        Ok(())
    };
    // SAFETY: the filter is set by two system calls; the allocator is not in use, for nothing else runs in the child.
    unsafe { command.pre_exec(policy) };
    children::expect_success(&mut command);
    layouts::assert_holds(&at("layout"), &image);
}

/// NFS, Lustre, FUSE, SMB: without locks or durable names a pull works, and says so once.
#[test]
fn file_systems_without_locks_or_directory_sync_are_written_to_with_a_warning() {
    let (registry, image) = demo();
    let reference = app(&registry);
    let lacks = [
        (libc::SYS_flock, libc::ENOLCK, "does not support locks"),
        (libc::SYS_flock, libc::EOPNOTSUPP, "does not support locks"),
        (libc::SYS_flock, libc::ENOSYS, "does not support locks"),
        (libc::SYS_flock, libc::EINVAL, "does not support locks"),
        (libc::SYS_fsync, libc::EINVAL, "cannot sync directories"),
        (libc::SYS_fsync, libc::EOPNOTSUPP, "cannot sync directories"),
        (libc::SYS_fsync, libc::EBADF, "cannot sync directories"),
        (libc::SYS_fdatasync, libc::EINVAL, ""),
    ];
    for (call, errno, warning) in lacks {
        let directory = ocireg_testkit::tempdir();
        let to = directory.path().join("layout");
        in_fork(60, || {
            forbid(errno, &[call]);
            let service = scene::service(json!({}));
            for _ in 0..2 {
                let report = service.pull(None, &reference, &place(&to), &json!({}));
                let report = report.unwrap_or_else(|failure| json!({"failed": failure.message}));
                let warnings: Vec<_> =
                    report["warnings"].as_array().into_iter().flatten().collect();
                let said =
                    |text: &str| warnings.iter().filter(|w| w.to_string().contains(text)).count();
                eprintln!("{call} {errno}: {report}");
                check!(report["failed"].is_null());
                check!(warning.is_empty() || said(warning) == 1);
            }
            0
        });
        layouts::assert_holds(&to, &image);
        let mut left: Vec<_> = fs::read_dir(&to)
            .expect("the layout")
            .flatten()
            .map(|entry| entry.file_name())
            .collect();
        left.sort();
        assert_eq!(left, [".ocireg-verified", "blobs", "index.json", "oci-layout"]);
    }
    // A disk that fails is no file system that lacks something.
    let directory = ocireg_testkit::tempdir();
    in_fork(60, || {
        forbid(libc::EIO, &[libc::SYS_fsync]);
        let service = scene::service(json!({}));
        let to = place(&directory.path().join("layout"));
        let outcome = service.pull(None, &reference, &to, &json!({}));
        check!(outcome.is_err_and(|failure| failure.name == "OCIREG_IO"));
        0
    });
}

/// A program that changes its root directory has the CA certificates that it asked for before.
#[test]
fn preloaded_certificates_are_there_after_a_change_of_the_root_directory() {
    // What other tests have read is there for their children, too.
    if runs_alone("preloaded_certificates_are_there_after_a_change_of_the_root_directory") {
        return;
    }
    let directory = ocireg_testkit::tempdir();
    for preload in [true, false] {
        in_fork(20, || {
            let options = json!({"preload": preload, "environment": false}).to_string();
            let service = Service::parse(&options).expect("a service");
            let path = std::ffi::CString::new(directory.path().display().to_string());
            let path = path.expect("a path");
            // SAFETY: this child does nothing else.
            check!(unsafe { libc::chroot(path.as_ptr()) } == 0);
            check!(system::roots(service.environment()).is_ok() == preload);
            0
        });
    }
}
