//! Certificates that cannot be trusted, and servers that want one or speak an old TLS: what is refused, and what the
//! user is told. tests/origin.rs shows that trust and its absence stay with their host and port.

use std::path::Path;

use crate::c_surface;
use crate::c_surface::{Failure, Service, children};
use crate::openssl;
use crate::scene::*;
use ocireg_testkit::rig::{assert_canary_nowhere, canary};
use ocireg_testkit::{Auth, Ca, Registry, ServerOptions};
use serde_json::json;

const TLS: i32 = 42;

#[test]
fn a_certificate_that_cannot_be_trusted_is_named_with_the_reason_and_a_remedy() {
    let (ca, image, canary) = (Ca::default(), image(), canary());
    for (identity, reason, remedy) in [
        (ca.expired(&[SECURE]), "expired on Fri, 01 Jan 2021", "renew"),
        (ca.not_yet_valid(&[SECURE]), "is not valid before", "clock"),
        (
            ca.server(&["a.example", "10.0.0.1"]),
            "valid for a.example, 10.0.0.1",
            "one of these names",
        ),
        (ca.server(&[]), "no subject alternative name", "subjectAltName"),
        (Ca::self_signed(&[SECURE], false), "is self-signed and not trusted", "ca.crt"),
        (Ca::new("somebody else").server(&[SECURE]), "not trusted", "ca.crt"),
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
    assert_tells(&failure, &[SECURE, "requires a client certificate", "client.cert"], &[]);

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
        (&["a.example"], false, Some("valid for a.example")),
        (&[SECURE], true, Some("expired on")),
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

/// What a pull from a server of OpenSSL fails with; `files` are what the registry's directory holds.
fn told(server: &openssl::Server, certs: &Path, files: &[(&str, String)]) -> Failure {
    let host = format!("{SECURE}:{}", server.port);
    let directory = certs.join(&host);
    std::fs::create_dir_all(&directory).expect("a directory");
    for (name, content) in files {
        std::fs::write(directory.join(name), content).expect("a file");
    }
    let options = json!({"certs-dir": certs, "resolve": {SECURE: ["0.0.0.0"]}});
    let outcome = pull(&service(options), &format!("{host}/demo/app:1"), &json!({}));
    let failure = outcome.err().expect("openssl is no registry");
    if failure.code != INVALID_MANIFEST {
        let hint = failure.json["hint"].as_str().unwrap_or_default();
        assert!(failure.message.contains(&host), "host and port: {failure:#?}");
        assert!(!hint.is_empty(), "{failure:#?}");
    }
    *failure
}

/// The warnings that the service's log has about TLS.
fn warnings(service: &Service) -> Vec<String> {
    let told = service.1.of("tls").into_iter().filter(|record| record["level"] == "warn");
    told.filter_map(|record| record["message"].as_str().map(str::to_owned)).collect()
}

#[test]
fn nothing_older_than_tls_1_2_is_spoken() {
    let ca = Ca::default();
    let keys = tempfile::tempdir().expect("a directory");
    let (certificate, key) = ca.server(&[SECURE]).write(keys.path(), "server");
    for (arguments, reason) in [
        ("-tls1_1 -cipher ALL:@SECLEVEL=0", Some("TLS versions older than 1.2")),
        ("-tls1 -cipher ALL:@SECLEVEL=0", Some("TLS versions older than 1.2")),
        ("-tls1_2", None),
        ("-tls1_3", None),
        // Suites without authenticated encryption are not spoken, and it is not a certificate that is missing.
        ("-tls1_2 -cipher ECDHE-RSA-AES128-SHA256:AES128-SHA", Some("no cipher suite")),
        ("-tls1_2 -cipher AES128-GCM-SHA256", Some("no cipher suite")),
    ] {
        let arguments: Vec<&str> = arguments.split_whitespace().collect();
        let server = openssl::Server::start(&certificate, &key, &arguments);
        let certs = tempfile::tempdir().expect("a directory");
        let failure = told(&server, certs.path(), &[("ca.crt", ca.pem().to_owned())]);
        match reason {
            Some(reason) => {
                assert_eq!(failure.code, TLS, "{arguments:?}: {failure:#?}");
                assert_tells(&failure, &[reason, "on the server"], &[]);
                assert!(!failure.message.contains("client certificate"), "{failure:#?}");
            }
            // Its page is no answer of a registry, but it was read over a connection that was made.
            None => assert_eq!(failure.code, INVALID_MANIFEST, "{arguments:?}: {failure:#?}"),
        }
    }
}

#[test]
fn a_port_that_speaks_plain_http_is_called_that() {
    let registry = Registry::start(ServerOptions::default().name(SECURE), Auth::None);
    let certs = tempfile::tempdir().expect("a directory");
    let options = trust(&Ca::default(), certs.path(), &[&registry.host()]);
    let failure = fails(&service(options), &app(&registry), &json!({}), TLS);
    assert_tells(&failure, &[&registry.host(), "plain HTTP", "insecure-registries"], &[]);
}

#[test]
fn each_fault_of_a_chain_has_its_sentence_and_the_file_that_would_help() {
    const NAMES: &str = "subjectAltName=DNS:registry.test";
    let pki = openssl::Pki::new();
    pki.ca("ca", "rsa:2048", "");
    pki.ca("short", "rsa:1024", "");
    pki.ca("limited", "P-256", "-addext nameConstraints=critical,permitted;DNS:a.example");
    pki.ca("odd", "secp256k1", "");
    type Fault<'a> = (&'a str, &'a str, &'a str, &'a [&'a str], &'a [&'a str]);
    let faults: &[Fault<'_>] = &[
        (
            "ca",
            "P-256",
            "",
            &[NAMES, "extendedKeyUsage=clientAuth"],
            &["not meant for servers", "client authentication", "serverAuth"],
        ),
        (
            "ca",
            "P-256",
            "",
            &[NAMES, "basicConstraints=critical,CA:TRUE"],
            &["is a CA certificate", "basicConstraints"],
        ),
        ("ca", "P-256", "", &[], &["version 1", "version 3"]),
        ("ca", "P-256", "-sha1", &[NAMES], &["RSA with SHA-1", "SHA-256 or better"]),
        ("odd", "P-256", "", &[NAMES], &["elliptic curve secp256k1", "P-521"]),
        ("short", "P-256", "", &[NAMES], &["RSA key of 1024 bits", "2048"]),
        ("limited", "P-256", "", &[NAMES], &["a name that its CA may not sign", "nameConstraints"]),
        ("ca", "P-256", "", &[NAMES, "1.2.3.4=critical,ASN1:NULL"], &["critical extension"]),
        (
            "ca",
            "P-256",
            "",
            &["subjectAltName=DNS:a.example,IP:10.0.0.1"],
            &["valid for a.example, 10.0.0.1"],
        ),
    ];
    for (ca, kind, options, extensions, words) in faults {
        pki.leaf("leaf", ca, kind, options, extensions);
        let server = openssl::Server::start(
            &pki.path("leaf.crt"),
            &pki.path("leaf.key"),
            &["-cipher", "ALL:@SECLEVEL=0"],
        );
        let certs = tempfile::tempdir().expect("a directory");
        let failure = told(&server, certs.path(), &[("ca.crt", pki.text(&format!("{ca}.crt")))]);
        assert_eq!(failure.code, CERTIFICATE, "{words:?}: {failure:#?}");
        assert_tells(&failure, words, &[]);
    }
    // Who is not trusted is named, and so is the file to make.
    pki.leaf("leaf", "ca", "P-256", "", &[NAMES]);
    pki.ca("self", "P-256", "-addext subjectAltName=DNS:registry.test");
    for (leaf, words) in
        [("leaf", &["signed by the CA \"ca\""][..]), ("self", &["self-signed"][..])]
    {
        let server = openssl::Server::start(
            &pki.path(&format!("{leaf}.crt")),
            &pki.path(&format!("{leaf}.key")),
            &[],
        );
        for others in [&[][..], &[("other.crt", pki.text("odd.crt"))]] {
            let certs = tempfile::tempdir().expect("a directory");
            let failure = told(&server, certs.path(), others);
            assert_eq!(failure.code, CERTIFICATE, "{failure:#?}");
            let directory = certs.path().join(format!("{SECURE}:{}", server.port));
            assert_tells(&failure, words, &[]);
            let save = format!("as {}", directory.join("ca.crt").display());
            assert_tells(&failure, &[&save, "insecure-registries"], &[]);
            if !others.is_empty() {
                let tried = format!("{} did not sign it", directory.join("other.crt").display());
                assert_tells(&failure, &[&tried], &[]);
            }
        }
    }
}

/// What `openssl s_client | openssl x509` shows is saved as ca.crt, though a CA has signed it that is not there.
#[test]
fn the_servers_own_certificate_is_trusted_whoever_signed_it() {
    const NAMES: &str = "subjectAltName=DNS:registry.test";
    let pki = openssl::Pki::new();
    pki.ca("ca", "P-256", "");
    let cases: &[(&[&str], &str, Option<&str>)] = &[
        (&[NAMES], "", None),
        (&[NAMES, "basicConstraints=CA:FALSE"], "", None),
        (&[NAMES, "basicConstraints=critical,CA:TRUE"], "", None),
        (&[NAMES, "extendedKeyUsage=serverAuth"], "", None),
        (&["subjectAltName=DNS:a.example"], "", Some("valid for a.example")),
        (&[NAMES, "extendedKeyUsage=clientAuth"], "", Some("not meant for servers")),
        (&[NAMES], "-days -1", Some("expired on")),
    ];
    for (extensions, options, reason) in cases {
        pki.leaf("leaf", "ca", "P-256", options, extensions);
        let server = openssl::Server::start(&pki.path("leaf.crt"), &pki.path("leaf.key"), &[]);
        let certs = tempfile::tempdir().expect("a directory");
        let failure = told(&server, certs.path(), &[("ca.crt", pki.text("leaf.crt"))]);
        match reason {
            None => assert_eq!(failure.code, INVALID_MANIFEST, "{extensions:?}: {failure:#?}"),
            Some(reason) => {
                assert_eq!(failure.code, CERTIFICATE, "{extensions:?}: {failure:#?}");
                assert_tells(&failure, &[reason], &[]);
            }
        }
        // Another certificate of that CA is not it.
        std::fs::rename(pki.path("leaf.crt"), pki.path("first.crt")).expect("a file");
        pki.leaf("leaf", "ca", "P-256", "", &[NAMES]);
        let server = openssl::Server::start(&pki.path("leaf.crt"), &pki.path("leaf.key"), &[]);
        let failure = told(&server, certs.path(), &[("ca.crt", pki.text("first.crt"))]);
        assert_eq!(failure.code, CERTIFICATE, "{failure:#?}");
    }
}

#[test]
fn a_bundle_is_used_without_what_is_broken_in_it() {
    let (ca, image) = (Ca::default(), image());
    let registry = Registry::start(secure(&ca), Auth::None);
    image.push_to(&registry, "demo/app", "1");
    let certs = tempfile::tempdir().expect("a directory");
    let options = trust(&Ca::new("other"), certs.path(), &[&registry.host()]);
    let file = certs.path().join(registry.host()).join("bundle.crt");
    let section = |content: &str| {
        format!("-----BEGIN CERTIFICATE-----\n{content}\n-----END CERTIFICATE-----\n")
    };
    let good = ca.pem();
    for broken in [section("AAAA"), section("not base64"), section(""), "# a note\n".to_owned()] {
        for content in [format!("{broken}{good}"), format!("{good}{broken}")] {
            std::fs::write(&file, content).expect("a file");
            let service = service(options.clone());
            pulls(&service, &app(&registry), &json!({}), &image);
            let warned = warnings(&service)
                .iter()
                .any(|text| text.contains("bundle.crt") && text.contains("ignored"));
            assert_eq!(warned, !broken.starts_with('#'), "{broken}");
        }
    }
    for (nothing, why) in [
        (section("AAAA"), "not an X.509 certificate"),
        (section("not base64"), "not valid base64"),
        (String::new(), "not contain a certificate in PEM format"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n".to_owned(), "END line is missing"),
    ] {
        std::fs::write(&file, nothing).expect("a file");
        let failure = fails(&service(options.clone()), &app(&registry), &json!({}), 7);
        assert_tells(&failure, &[&file.display().to_string(), why], &[]);
    }
}

#[test]
fn of_two_client_certificates_the_one_is_sent_whose_issuer_the_server_names() {
    const NAMES: &str = "subjectAltName=DNS:registry.test";
    let pki = openssl::Pki::new();
    for ca in ["one", "two"] {
        pki.ca(ca, "P-256", "");
        pki.leaf(&format!("by-{ca}"), ca, "P-256", "", &["extendedKeyUsage=clientAuth"]);
    }
    pki.leaf("leaf", "one", "P-256", "", &[NAMES]);
    let pairs = || {
        [
            ("a.cert", pki.text("by-one.crt")),
            ("a.key", pki.text("by-one.key")),
            ("b.cert", pki.text("by-two.crt")),
            ("b.key", pki.text("by-two.key")),
            ("ca.crt", pki.text("one.crt")),
        ]
    };
    for version in ["-tls1_2", "-tls1_3"] {
        for ca in ["one", "two"] {
            let ca = pki.path(&format!("{ca}.crt"));
            let ca = ca.to_str().expect("text");
            let arguments = ["-Verify", "1", "-verify_return_error", "-CAfile", ca, version];
            let server =
                openssl::Server::start(&pki.path("leaf.crt"), &pki.path("leaf.key"), &arguments);
            let certs = tempfile::tempdir().expect("a directory");
            let failure = told(&server, certs.path(), &pairs());
            assert_eq!(failure.code, INVALID_MANIFEST, "{version} {ca}: {failure:#?}");
            // One that nobody there knows is refused by name.
            let alone: Vec<_> =
                pairs().into_iter().filter(|(name, _)| !name.starts_with('a')).collect();
            let certs = tempfile::tempdir().expect("a directory");
            let failure = told(&server, certs.path(), &alone);
            if ca.ends_with("one.crt") {
                assert_eq!(failure.code, CERTIFICATE, "{version}: {failure:#?}");
                assert_tells(&failure, &["refused the client certificate", "b.cert"], &[]);
            } else {
                assert_eq!(failure.code, INVALID_MANIFEST, "{version}: {failure:#?}");
            }
        }
    }
}

#[test]
fn keys_that_cannot_be_used_say_why() {
    let (ca, image) = (Ca::default(), image());
    let registry = Registry::start(secure(&ca), Auth::None);
    image.push_to(&registry, "demo/app", "1");
    let certs = tempfile::tempdir().expect("a directory");
    let options = trust(&ca, certs.path(), &[&registry.host()]);
    let directory = certs.path().join(registry.host());
    let pki = openssl::Pki::new();
    pki.ca("client", "rsa:2048", "");
    pki.key("other", "rsa:2048");
    pki.key("odd", "secp256k1");
    pki.run("pkcs8 -topk8 -in client.key -out new.key -passout pass:x");
    pki.run("rsa -traditional -aes128 -in client.key -out old.key -passout pass:x");
    std::fs::write(directory.join("c.cert"), pki.text("client.crt")).expect("a file");
    for (key, why) in [
        (pki.text("new.key"), "is encrypted, and ocireg cannot decrypt it"),
        (pki.text("old.key"), "is encrypted, and ocireg cannot decrypt it"),
        (pki.text("other.key"), "does not match it"),
        (pki.text("odd.key"), "its type or format is not supported"),
        (pki.text("client.crt"), "it does not contain a private key"),
        (String::new(), "it does not contain a private key"),
    ] {
        std::fs::write(directory.join("c.key"), key).expect("a file");
        let failure = fails(&service(options.clone()), &app(&registry), &json!({}), 7);
        let file = directory.join("c.key").display().to_string();
        assert_tells(&failure, &[&file, why], &["PRIVATE KEY--"]);
        assert!(failure.json["hint"].is_string(), "{failure:#?}");
    }
    std::fs::write(directory.join("c.key"), pki.text("client.key")).expect("a file");
    pulls(&service(options), &app(&registry), &json!({}), &image);
}

/// Certificates only ever add trust: a directory of root's is no reason that others cannot pull.
#[test]
fn what_cannot_be_read_in_certs_d_is_passed_over_with_a_warning() {
    let (ca, image) = (Ca::default(), image());
    let registry = Registry::start(secure(&ca), Auth::None);
    image.push_to(&registry, "demo/app", "1");
    let certs = tempfile::tempdir().expect("a directory");
    let options = trust(&ca, certs.path(), &[&registry.host()]);
    let directory = certs.path().join(registry.host());
    // Nobody, root included, can read these: links in a circle, and a directory where a file belongs.
    std::os::unix::fs::symlink("loop.crt", directory.join("loop.crt")).expect("a link");
    std::fs::create_dir(directory.join("directory.crt")).expect("a directory");
    std::fs::write(directory.join("c.cert"), ca.pem()).expect("a file");
    std::os::unix::fs::symlink("c.key", directory.join("c.key")).expect("a link");
    let service = service(options.clone());
    let report = pulls(&service, &app(&registry), &json!({}), &image);
    let records = warnings(&service);
    for name in ["loop.crt", "directory.crt", "c.key"] {
        assert!(report["warnings"].to_string().contains(name), "{report}");
        let file = directory.join(name).display().to_string();
        let warned = records.iter().any(|text| text.contains(&file));
        assert!(warned, "{name}: {records:#?}");
    }
    // The function that reads one directory is strict.
    let path = directory.to_str().expect("text");
    let strict = c_surface::json_of(ocireg::ffi::ocireg_read_certs_directory, path);
    assert!(strict.expect_err("it cannot be read").message.contains("c.key"));
    // Where everything is passed over, what fails says what was.
    std::fs::remove_file(directory.join("ca.crt")).expect("a file");
    let failure = fails(&self::service(options), &app(&registry), &json!({}), CERTIFICATE);
    assert_tells(&failure, &["loop.crt", "ignored"], &[]);
}
