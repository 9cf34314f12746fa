//! Certificates and keys from files in PEM form.

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{InconsistentKeys, RootCertStore};
use zeroize::Zeroizing;

use super::x509::Certificate;
use crate::error::{Code, Error, Phase, Result};
use crate::os::file::{ReadError, read_limited};

/// Larger than any file of certificates or keys, in bytes.
const MAX_FILE: u64 = 16 << 20;

/// Adds the CA certificates of a file to those that are trusted. What cannot be used is passed over and told to `warn`;
/// if nothing can, the file is an error.
pub(super) fn add_roots(
    path: &Path,
    roots: &mut RootCertStore,
    own: &mut Vec<CertificateDer<'static>>,
    warn: &mut dyn FnMut(String),
) -> Result<()> {
    const WHAT: &str = "a CA certificate";
    let content = read(path, WHAT)?;
    let (mut found, mut bad) = (0usize, Vec::new());
    for (index, item) in CertificateDer::pem_slice_iter(&content).enumerate() {
        let why = match item {
            // A certificate may be trusted as it stands, whether or not it can be that of a CA.
            Ok(certificate) if Certificate::parse(&certificate).is_some() => {
                found += 1;
                // What cannot be a CA's certificate is no less trusted for itself.
                let _ = roots.add(certificate.clone());
                own.push(certificate);
                continue;
            }
            Ok(_) => "it is not an X.509 certificate".to_owned(),
            Err(error) => pem_fault(&error),
        };
        bad.push((index + 1, why));
    }
    match bad.into_iter().next() {
        None if found == 0 => Err(unusable(path, WHAT)
            .cause("it does not contain a certificate in PEM format")
            .hint(PEM)),
        Some((_, why)) if found == 0 => Err(unusable(path, WHAT).cause(why).hint(PEM)),
        Some((number, why)) => {
            warn(format!("certificate {number} in {} was ignored: {why}", path.display()));
            Ok(())
        }
        None => Ok(()),
    }
}

/// A client certificate with those above it, and its key.
pub(super) fn client_pair(
    certificate: &Path,
    key: &Path,
    provider: &CryptoProvider,
) -> Result<Arc<CertifiedKey>> {
    const WHAT: &str = "a client certificate";
    let mut chain = Vec::new();
    for item in CertificateDer::pem_slice_iter(&read(certificate, WHAT)?) {
        chain.push(item.map_err(|e| unusable(certificate, WHAT).cause(pem_fault(&e)).hint(PEM))?);
    }
    match chain.first() {
        None => {
            let cause = "it does not contain a certificate in PEM format";
            return Err(unusable(certificate, WHAT).cause(cause).hint(PEM));
        }
        Some(first) if Certificate::parse(first).is_none() => {
            let cause = "it is not an X.509 certificate";
            return Err(unusable(certificate, WHAT).cause(cause).hint(PEM));
        }
        Some(_) => {}
    }
    let secret = private_key(key)?;
    CertifiedKey::from_der(chain, secret, provider).map(Arc::new).map_err(|error| match error {
        rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
            unusable(certificate, WHAT)
                .cause(format!("{} does not match it", key.display()))
                .hint("put the certificate and its own key into the same directory")
        }
        _ => unusable(key, KEY)
            .cause("its type or format is not supported")
            .hint("keys may be RSA (2048 to 8192 bits), ECDSA on P-256, P-384 or P-521, or Ed25519, in PKCS #8, PKCS #1 or SEC 1"),
    })
}

const KEY: &str = "a private key";
const PEM: &str =
    "check that the file is in PEM format; `openssl x509 -inform DER` converts a certificate";

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>> {
    let content = read(path, KEY)?;
    if is_encrypted(&content) {
        return Err(Error::new(
            Code::InvalidConfig,
            format!("{} is encrypted, and ocireg cannot decrypt it", path.display()),
        )
        .phase(Phase::Config)
        .hint("store the key unencrypted and readable only by its user: openssl pkey -in ENCRYPTED -out KEY"));
    }
    PrivateKeyDer::from_pem_slice(&content).map_err(|error| {
        let cause = match error {
            pem::Error::NoItemsFound => {
                "it does not contain a private key in PEM format".to_owned()
            }
            error => pem_fault(&error),
        };
        unusable(path, KEY)
            .cause(cause)
            .hint("a key in PEM format begins with a line such as BEGIN PRIVATE KEY")
    })
}

/// Whether the key is of PKCS #8's encrypted kind, or of the older one that says so in a header.
fn is_encrypted(pem: &[u8]) -> bool {
    let has = |line: &[u8]| pem.windows(line.len()).any(|window| window == line);
    let plain = has(b"-----BEGIN PRIVATE KEY-----");
    !plain && (has(b"-----BEGIN ENCRYPTED PRIVATE KEY-----") || has(b"Proc-Type: 4,ENCRYPTED"))
}

fn pem_fault(error: &pem::Error) -> String {
    match error {
        pem::Error::MissingSectionEnd { .. } => "its END line is missing".to_owned(),
        pem::Error::IllegalSectionStart { .. } => "its BEGIN line is malformed".to_owned(),
        pem::Error::Base64Decode(_) => "it is not valid base64".to_owned(),
        pem::Error::Io(error) => error.to_string(),
        _ => "it is not in PEM format".to_owned(),
    }
}

fn read(path: &Path, what: &str) -> Result<Zeroizing<Vec<u8>>> {
    match read_limited(path, MAX_FILE) {
        Ok(content) => Ok(content.bytes),
        Err(error) => {
            let hint = match &error {
                ReadError::System(_) => "make the file readable for the user of this process",
                _ => "check the path: it must name a regular file, or a link to one",
            };
            Err(unusable(path, what).cause(error).hint(hint))
        }
    }
}

fn unusable(path: &Path, what: &str) -> Error {
    Error::new(Code::InvalidConfig, format!("cannot use {} as {what}", path.display()))
        .phase(Phase::Config)
}
