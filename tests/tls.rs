//! Certificates that cannot be trusted, and servers that want one or speak an old TLS: what is refused, and what the
//! user is told. tests/origin.rs shows that trust and its absence stay with their host and port.

mod c_surface;
mod scene;

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use c_surface::children;
use ocireg_testkit::process::{free_port, program};
use ocireg_testkit::rig::{assert_canary_nowhere, canary};
use ocireg_testkit::{Auth, Ca, Registry, ServerOptions};
use scene::*;
use serde_json::json;

const TLS: i32 = 42;

#[test]
fn a_certificate_that_cannot_be_trusted_is_named_with_the_reason_and_a_remedy() {
    let (ca, image, canary) = (Ca::default(), image(), canary());
    for (identity, reason, remedy) in [
        (ca.expired(&[SECURE]), "has expired on Fri, 01 Jan 2021", "renew"),
        (ca.not_yet_valid(&[SECURE]), "is not valid before", "clock"),
        (ca.server(&["a.example", "10.0.0.1"]), "it names a.example, 10.0.0.1", "one of the names"),
        (ca.server(&[]), "it names nobody", "subject alternative name"),
        (Ca::self_signed(&[SECURE], false), "a CA that is not trusted", "certs.d"),
        (Ca::new("somebody else").server(&[SECURE]), "a CA that is not trusted", "certs.d"),
    ] {
        let options = ServerOptions::default().name(SECURE).identity(identity);
        let registry = Registry::start(options, Auth::basic("alice", &canary));
        image.push_to(&registry, "demo/app", "1");
        let certs = tempfile::tempdir().expect("a directory");
        let service = service(trust(&ca, certs.path(), &[&registry.host()]));
        let failure = fails(&service, &app(&registry), &alice(&canary), CERTIFICATE);
        assert_tells(&failure, &[SECURE, reason, remedy], &[&canary]);
        assert_eq!(failure.json["phase"], "tls", "{failure:#?}");
        assert_eq!(failure.json["host"], registry.host(), "{failure:#?}");
        assert!(
            registry.requests().is_empty(),
            "a request went over a connection that is not trusted"
        );
        assert_canary_nowhere(&[&registry], &canary);
    }
    // The legitimate case.
    let registry = Registry::start(secure(&ca), Auth::basic("alice", &canary));
    registry.may_receive(&canary);
    image.push_to(&registry, "demo/app", "1");
    let certs = tempfile::tempdir().expect("a directory");
    let service = service(trust(&ca, certs.path(), &[&registry.host()]));
    pulls(&service, &app(&registry), &alice(&canary), &image);
}

#[test]
fn a_server_that_wants_a_client_certificate_says_so_and_gets_the_one_of_its_directory() {
    let (ca, image) = (Ca::default(), image());
    let mut options = secure(&ca);
    if let Some(tls) = &mut options.tls {
        tls.client_ca = Some(ca.der().to_vec());
    }
    let registry = Registry::start(options, Auth::None);
    image.push_to(&registry, "demo/app", "1");
    let certs = tempfile::tempdir().expect("a directory");
    let trusting = trust(&ca, certs.path(), &[&registry.host()]);
    let failure = fails(&service(trusting.clone()), &app(&registry), &json!({}), CERTIFICATE);
    assert_tells(&failure, &[SECURE, "client certificate", "NAME.cert"], &[]);

    ca.write_certs_d(certs.path(), &registry.host(), Some(&ca.client("client")));
    pulls(&service(trusting), &app(&registry), &json!({}), &image);
}

/// What `openssl req -x509` makes, and many a guide tells to put into certs.d: the server's own certificate is all the
/// CA that there is.
#[test]
fn a_self_signed_certificate_is_trusted_where_the_directory_holds_it() {
    let image = image();
    for (names, expired, reason) in [
        (&[SECURE][..], false, None),
        (&["a.example"], false, Some("it names a.example")),
        (&[SECURE], true, Some("has expired")),
    ] {
        let identity = Ca::self_signed(names, expired);
        let options = ServerOptions::default().name(SECURE).identity(identity.clone());
        let registry = Registry::start(options, Auth::None);
        image.push_to(&registry, "demo/app", "1");
        let certs = tempfile::tempdir().expect("a directory");
        let service = service(trust(&Ca::default(), certs.path(), &[&registry.host()]));
        let own = certs.path().join(registry.host()).join("own.crt");
        std::fs::write(&own, &identity.certificate).expect("a certificate");
        match reason {
            None => drop(pulls(&service, &app(&registry), &json!({}), &image)),
            Some(reason) => {
                let failure = fails(&service, &app(&registry), &json!({}), CERTIFICATE);
                assert_tells(&failure, &[reason], &[]);
                assert!(registry.requests().is_empty());
            }
        }
        // Another one of the same name is not it.
        let other = Ca::self_signed(&[SECURE], false);
        std::fs::write(&own, &other.certificate).expect("a certificate");
        let service = self::service(trust(&Ca::default(), certs.path(), &[&registry.host()]));
        registry.clear();
        fails(&service, &app(&registry), &json!({}), CERTIFICATE);
        assert!(registry.requests().is_empty());
    }
}

#[test]
fn the_systems_cas_count_beside_those_of_the_directory() {
    let name = "the_systems_cas_count_beside_those_of_the_directory";
    if children::told().is_none() {
        children::expect_success(&mut children::command(name, "go"));
        return;
    }
    let (system, extra, image) = (Ca::new("system"), Ca::new("extra"), image());
    let directory = tempfile::tempdir().expect("a directory");
    let file = system.write(&directory.path().join("system.pem"));
    // SAFETY: this test is alone in its process.
    unsafe { std::env::set_var("SSL_CERT_FILE", file) };
    let pull_from = |ca: &Ca, with_extra: bool, environment: bool| {
        let registry = Registry::start(secure(ca), Auth::None);
        image.push_to(&registry, "demo/app", "1");
        let certs = tempfile::tempdir().expect("a directory");
        let hosts = [registry.host()];
        let hosts: Vec<&str> = hosts.iter().filter(|_| with_extra).map(String::as_str).collect();
        let mut options = trust(&extra, certs.path(), &hosts);
        options["environment"] = json!(environment);
        pull(&service(options), &app(&registry), &json!({})).map(|_| ()).map_err(|e| e.code)
    };
    assert_eq!(pull_from(&system, false, true), Ok(()));
    assert_eq!(pull_from(&system, true, true), Ok(()), "they are added, and replace nothing");
    assert_eq!(pull_from(&extra, true, true), Ok(()));
    assert_eq!(pull_from(&extra, false, true), Err(CERTIFICATE));
    assert_eq!(pull_from(&Ca::new("other"), true, true), Err(CERTIFICATE));
    // The variable is the environment's: it does not say what the system's CAs are where that has no say.
    assert_eq!(pull_from(&system, false, false), Err(CERTIFICATE));
    assert_eq!(pull_from(&extra, true, false), Ok(()));
}

/// `openssl s_server` with one version of TLS; killed when dropped.
struct OldServer {
    child: Child,
    port: u16,
    _directory: tempfile::TempDir,
}

impl Drop for OldServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn old_server(ca: &Ca, version: &str) -> OldServer {
    let directory = tempfile::tempdir().expect("a directory");
    let (certificate, key) = ca.server(&[SECURE]).write(directory.path(), "server");
    let port = free_port();
    let mut child = Command::new(program("openssl", "openssl"))
        .args(["s_server", "-www", version, "-cipher", "ALL:@SECLEVEL=0"])
        .args(["-accept", &port.to_string()])
        .arg("-cert")
        .arg(certificate)
        .arg("-key")
        .arg(key)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("openssl starts");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let listens = lines.any(|line| line.expect("text").contains("ACCEPT"));
    assert!(listens, "openssl does not listen");
    // It goes on writing: somebody has to read.
    std::thread::spawn(move || lines.for_each(drop));
    OldServer { child, port, _directory: directory }
}

#[test]
fn nothing_older_than_tls_1_2_is_spoken() {
    let ca = Ca::default();
    for (version, code) in [("-tls1_1", TLS), ("-tls1", TLS), ("-tls1_2", 0), ("-tls1_3", 0)] {
        let server = old_server(&ca, version);
        let host = format!("{SECURE}:{}", server.port);
        let certs = tempfile::tempdir().expect("a directory");
        let service = service(trust(&ca, certs.path(), &[&host]));
        let outcome = pull(&service, &format!("{host}/demo/app:1"), &json!({}));
        let failure = outcome.err().expect("openssl is no registry");
        if code == TLS {
            assert_eq!(failure.code, TLS, "{version}: {failure:#?}");
            assert_tells(&failure, &["TLS versions"], &[]);
        } else {
            // Its page is no answer of a registry, but it was read over a connection that was made.
            assert!(
                ![TLS, CERTIFICATE, CONNECT].contains(&failure.code),
                "{version}: {failure:#?}"
            );
        }
    }
}
