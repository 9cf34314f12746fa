//! Which keys and signatures TLS takes, with OpenSSL on the other side: what Go and OpenSSL take, registries have.

use crate::openssl::{Pki, Server};
use crate::scene::*;
use serde_json::json;

/// Connects to the server under [`SECURE`], with these files in the registry's directory. OpenSSL is no registry: a
/// call fails in any case, but with the code of a connection only if there was none.
fn connects(server: &Server, files: &[(&str, String)]) -> Result<(), String> {
    let host = format!("{SECURE}:{}", server.port);
    let certs = tempfile::tempdir().expect("a directory");
    let directory = certs.path().join(&host);
    std::fs::create_dir_all(&directory).expect("a directory");
    for (name, content) in files {
        std::fs::write(directory.join(name), content).expect("a file");
    }
    let service = service(json!({"certs-dir": certs.path(), "resolve": {SECURE: ["0.0.0.0"]}}));
    let outcome = pull(&service, &format!("{host}/demo/app:1"), &json!({}));
    let failure = outcome.err().expect("openssl is no registry");
    match failure.code {
        INVALID_MANIFEST => Ok(()),
        _ => Err(failure.message),
    }
}

const NAMES: &str = "subjectAltName=DNS:registry.test";
const VERSIONS: [&str; 2] = ["-tls1_2", "-tls1_3"];

#[test]
fn chains_verify_with_every_curve_and_hash_that_go_and_openssl_take() {
    let pki = Pki::new();
    for (ca, kind, signature) in [
        ("p256", "P-256", "-sha256"),
        ("p256a", "P-256", "-sha384"),
        ("p256b", "P-256", "-sha512"),
        ("p384", "P-384", "-sha384"),
        ("p384a", "P-384", "-sha256"),
        ("p384b", "P-384", "-sha512"),
        ("p521", "P-521", "-sha512"),
        ("p521a", "P-521", "-sha256"),
        ("p521b", "P-521", "-sha384"),
        ("rsa", "rsa:2048", "-sha256"),
        ("rsa512", "rsa:3072", "-sha512"),
        ("pss", "rsa:2048", "-sha512 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest"),
        ("ed25519", "ed25519", ""),
    ] {
        pki.ca(ca, kind, signature);
        pki.leaf("leaf", ca, "P-256", signature, &[NAMES]);
        let server = Server::start(&pki.path("leaf.crt"), &pki.path("leaf.key"), &[]);
        let roots = ("ca.crt", pki.text(&format!("{ca}.crt")));
        assert_eq!(connects(&server, &[roots]), Ok(()), "{kind} {signature}");
    }
    // The same name and another key: no signature of an algorithm may count for more than it is.
    for (ca, kind, signature) in [("p521", "P-521", "-sha512"), ("p384b", "P-384", "-sha512")] {
        let other = Pki::new();
        other.ca(ca, kind, signature);
        pki.leaf("leaf", ca, "P-256", signature, &[NAMES]);
        let server = Server::start(&pki.path("leaf.crt"), &pki.path("leaf.key"), &[]);
        let roots = ("ca.crt", other.text(&format!("{ca}.crt")));
        let refused = connects(&server, &[roots]).expect_err("another CA");
        assert!(refused.contains("certificate"), "{refused}");
    }
}

#[test]
fn servers_may_have_keys_on_every_curve_and_sign_with_any_hash() {
    let pki = Pki::new();
    pki.ca("ca", "rsa:2048", "");
    for (kind, arguments) in [
        ("P-256", ""),
        ("P-384", ""),
        ("P-521", ""),
        ("P-256", "-tls1_2 -sigalgs ECDSA+SHA512"),
        ("P-384", "-tls1_2 -sigalgs ECDSA+SHA512"),
        ("P-384", "-tls1_2 -sigalgs ECDSA+SHA256"),
        ("P-521", "-tls1_2 -sigalgs ECDSA+SHA256"),
        ("P-521", "-tls1_2 -sigalgs ECDSA+SHA384"),
        ("P-521", "-tls1_2 -sigalgs ECDSA+SHA512"),
        ("P-521", "-tls1_3"),
        ("rsa:2048", "-tls1_2 -sigalgs RSA+SHA512"),
        ("rsa:2048", "-sigalgs RSA-PSS+SHA512"),
        ("ed25519", ""),
    ] {
        pki.leaf("leaf", "ca", kind, "-sha512", &[NAMES]);
        let arguments: Vec<&str> = arguments.split_whitespace().collect();
        let server = Server::start(&pki.path("leaf.crt"), &pki.path("leaf.key"), &arguments);
        let roots = ("ca.crt", pki.text("ca.crt"));
        assert_eq!(connects(&server, &[roots]), Ok(()), "{kind} {arguments:?}");
    }
}

#[test]
fn clients_show_themselves_with_keys_of_every_kind_and_form() {
    let pki = Pki::new();
    pki.ca("ca", "P-521", "-sha512");
    pki.leaf("leaf", "ca", "P-384", "-sha512", &[NAMES]);
    let ca = pki.path("ca.crt");
    let roots = || ("ca.crt", pki.text("ca.crt"));
    let servers = VERSIONS.map(|version| {
        let ca = ca.to_str().expect("text");
        let arguments = ["-Verify", "1", "-verify_return_error", "-CAfile", ca, version];
        (version, Server::start(&pki.path("leaf.crt"), &pki.path("leaf.key"), &arguments))
    });
    for (version, server) in &servers {
        let refused = connects(server, &[roots()]).expect_err("a client without a certificate");
        assert!(refused.contains("requires a client certificate"), "{version}: {refused}");
    }
    for (kind, traditional) in [
        ("P-521", None),
        ("P-521", Some("ec")),
        ("P-384", None),
        ("P-384", Some("ec")),
        ("P-256", Some("ec")),
        ("rsa:2048", None),
        ("rsa:2048", Some("rsa -traditional")),
        ("ed25519", None),
    ] {
        pki.leaf("client", "ca", kind, "-sha512", &["extendedKeyUsage=clientAuth"]);
        if let Some(form) = traditional {
            pki.run(&format!("{form} -in client.key -out form.key"));
            std::fs::rename(pki.path("form.key"), pki.path("client.key")).expect("a file");
        }
        for (version, server) in &servers {
            let pair = [("c.cert", pki.text("client.crt")), ("c.key", pki.text("client.key"))];
            let files: Vec<_> = pair.into_iter().chain([roots()]).collect();
            assert_eq!(connects(server, &files), Ok(()), "{version} {kind} {traditional:?}");
        }
    }
}

/// Whoever is not verified may have any key, but must hold it.
#[test]
fn unverified_servers_may_have_such_keys_too() {
    let pki = Pki::new();
    pki.ca("own", "P-521", "-sha512");
    for version in VERSIONS {
        let server = Server::start(&pki.path("own.crt"), &pki.path("own.key"), &[version]);
        let host = format!("{SECURE}:{}", server.port);
        let options = json!({"insecure-registries": [host], "resolve": {SECURE: ["0.0.0.0"]}});
        let outcome = pull(&service(options), &format!("{host}/demo/app:1"), &json!({}));
        let failure = outcome.err().expect("openssl is no registry");
        assert_eq!(failure.code, INVALID_MANIFEST, "{version}: {failure:#?}");
    }
}
