//! The library as a guest in its host's process: the environment, descriptors and rights are the host's.

mod c_surface;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use c_surface::children;
use ocireg::config::options::ServiceOptions;
use ocireg::context::Run;
use ocireg::error::Code;
use ocireg::os::environment::Environment;
use ocireg::os::spool;
use ocireg::service::Service;
use ocireg::tls::{Identity, certs_d, system};
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
            for word in words.iter().filter(|word| code.contains(**word)) {
                wrong.push(format!("{}:{}: {word}", path.display(), number + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "only {files:?} may do this:\n{}", wrong.join("\n"));
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
        Service::new(ServiceOptions::parse("{}").expect("no options")).expect("a service");
    let of = |host: &str| service.credentials_for(host, "", &Run::new(None));
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
        fs::copy(std::env::current_exe().expect("this program"), path).expect("copied");
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
        let error = service.credentials_for("r.test", "", &Run::new(None)).expect_err(name);
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
