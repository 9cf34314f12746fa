//! Certificates made for a test: an authority, and server and client certificates that it signs, good or bad.

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

/// A certificate with its key.
#[derive(Clone)]
pub struct Identity {
    /// The certificate, PEM.
    pub certificate: String,
    /// The private key, PKCS#8 PEM.
    pub key: String,
    /// The certificate, DER.
    pub certificate_der: Vec<u8>,
    /// The private key, PKCS#8 DER.
    pub key_der: Vec<u8>,
}

impl Identity {
    fn new(certificate: &rcgen::Certificate, key: &KeyPair) -> Identity {
        Identity {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
            certificate_der: certificate.der().to_vec(),
            key_der: key.serialize_der(),
        }
    }

    /// Writes `NAME.crt` and `NAME.key` into `dir`; returns both paths.
    pub fn write(&self, dir: &Path, name: &str) -> (PathBuf, PathBuf) {
        let (crt, key) = (dir.join(format!("{name}.crt")), dir.join(format!("{name}.key")));
        fs::write(&crt, &self.certificate).expect("write a certificate");
        fs::write(&key, &self.key).expect("write a key");
        (crt, key)
    }

    pub(crate) fn rustls(&self) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        (
            vec![CertificateDer::from(self.certificate_der.clone())],
            PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.key_der.clone())),
        )
    }
}

/// An authority of the test's own.
pub struct Ca {
    issuer: Issuer<'static, KeyPair>,
    certificate: String,
    certificate_der: Vec<u8>,
}

impl Default for Ca {
    fn default() -> Ca {
        Ca::new("ocireg test authority")
    }
}

impl Ca {
    /// Makes an authority whose subject is `name`.
    pub fn new(name: &str) -> Ca {
        let key = KeyPair::generate().expect("make a key");
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key).expect("sign the authority");
        Ca {
            certificate: certificate.pem(),
            certificate_der: certificate.der().to_vec(),
            issuer: Issuer::new(params, key),
        }
    }

    /// The authority's certificate, PEM.
    pub fn pem(&self) -> &str {
        &self.certificate
    }

    /// The authority's certificate, DER.
    pub fn der(&self) -> &[u8] {
        &self.certificate_der
    }

    /// Writes the authority's certificate to `path`.
    pub fn write(&self, path: &Path) -> PathBuf {
        fs::write(path, &self.certificate).expect("write the authority");
        path.to_owned()
    }

    /// A server certificate for `names`: IP addresses and DNS names alike.
    pub fn server(&self, names: &[&str]) -> Identity {
        self.sign(params(names, ExtendedKeyUsagePurpose::ServerAuth))
    }

    /// A server certificate for every name that the kit's servers use.
    pub fn loopback(&self) -> Identity {
        self.server(&["localhost", "127.0.0.1", "127.0.0.2", "127.0.0.3", "::1"])
    }

    /// A server certificate for `names` that ended in 2021.
    pub fn expired(&self, names: &[&str]) -> Identity {
        let mut params = params(names, ExtendedKeyUsagePurpose::ServerAuth);
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2021, 1, 1);
        self.sign(params)
    }

    /// A server certificate for `names` that begins in the year 4000.
    pub fn not_yet_valid(&self, names: &[&str]) -> Identity {
        let mut params = params(names, ExtendedKeyUsagePurpose::ServerAuth);
        params.not_before = rcgen::date_time_ymd(4000, 1, 1);
        params.not_after = rcgen::date_time_ymd(4001, 1, 1);
        self.sign(params)
    }

    /// A server certificate for a name that no server has.
    pub fn wrong_name(&self) -> Identity {
        self.server(&["wrong.example"])
    }

    /// A certificate that signs itself and calls itself an authority, as `openssl req -x509` makes them.
    pub fn self_signed(names: &[&str], expired: bool) -> Identity {
        let mut params = params(names, ExtendedKeyUsagePurpose::ServerAuth);
        params.extended_key_usages.clear();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        if expired {
            params.not_before = rcgen::date_time_ymd(2020, 1, 1);
            params.not_after = rcgen::date_time_ymd(2021, 1, 1);
        }
        let key = KeyPair::generate().expect("make a key");
        Identity::new(&params.self_signed(&key).expect("sign itself"), &key)
    }

    /// A client certificate whose subject is `name`.
    pub fn client(&self, name: &str) -> Identity {
        let mut params = params(&[], ExtendedKeyUsagePurpose::ClientAuth);
        params.distinguished_name.push(DnType::CommonName, name);
        self.sign(params)
    }

    /// Lays out `BASE/HOST:PORT/` as certs.d wants it: `ca.crt`, and `client.cert` with `client.key` when given.
    pub fn write_certs_d(&self, base: &Path, host: &str, client: Option<&Identity>) -> PathBuf {
        let dir = base.join(host);
        fs::create_dir_all(&dir).expect("make the certs.d directory");
        self.write(&dir.join("ca.crt"));
        if let Some(client) = client {
            fs::write(dir.join("client.cert"), &client.certificate).expect("write client.cert");
            fs::write(dir.join("client.key"), &client.key).expect("write client.key");
        }
        dir
    }

    fn sign(&self, params: CertificateParams) -> Identity {
        let key = KeyPair::generate().expect("make a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("sign a certificate");
        Identity::new(&certificate, &key)
    }
}

fn params(names: &[&str], usage: ExtendedKeyUsagePurpose) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.extended_key_usages = vec![usage];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.use_authority_key_identifier_extension = true;
    for name in names {
        params.subject_alt_names.push(match name.parse::<IpAddr>() {
            Ok(address) => SanType::IpAddress(address),
            Err(_) => SanType::DnsName((*name).try_into().expect("an ASCII name")),
        });
    }
    params
}
