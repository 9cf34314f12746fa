//! Who is trusted and who we are, as a TLS configuration.

pub mod certs_d;
pub mod system;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};
use zeroize::Zeroizing;

use crate::crypto;
use crate::error::{Code, Error, Phase, Result};
use crate::host::Blocks;
use crate::os::environment::Environment;
use crate::os::file::read_limited;

/// What makes two TLS connections to a host interchangeable: equal identities share connections, others never do.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Identity {
    /// Certificates are not verified.
    pub insecure: bool,
    /// Files of CA certificates that are trusted beside the system's.
    pub root_cas: Vec<PathBuf>,
    /// Files of client certificates, each with its key.
    pub certificates: Vec<(PathBuf, PathBuf)>,
    /// May say, by SSL_CERT_FILE and SSL_CERT_DIR, where the system's CA certificates are.
    pub environment: Environment,
    /// The addresses that all this holds for, because it follows from them: no others are dialled. None is any.
    pub within: Option<Blocks>,
    /// Whether no secret may be sent, because nothing but the caller's word for one endpoint leaves it unverified.
    pub anonymous_only: bool,
}

impl Identity {
    /// Reads the files and makes the configuration.
    pub fn client_config(&self) -> Result<Arc<ClientConfig>> {
        let provider = Arc::new(crypto::provider());
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|e| Error::internal("TLS cannot be set up").cause(e))?;
        let builder = if self.insecure {
            let verifier = Unverified(provider.signature_verification_algorithms);
            builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier))
        } else {
            let verifier = self.verifier(&provider)?;
            builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier))
        };
        let keys = self.keys(&provider)?;
        let mut config = if keys.is_empty() {
            builder.with_no_client_auth()
        } else {
            builder.with_client_cert_resolver(Arc::new(ClientCertificates(keys)))
        };
        // Sessions resumed under another identity would carry its rights along.
        config.resumption = rustls::client::Resumption::in_memory_sessions(32);
        Ok(Arc::new(config))
    }

    fn verifier(&self, provider: &Arc<CryptoProvider>) -> Result<Verified> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(system::roots(self.environment)?.iter().cloned());
        let mut own = Vec::new();
        for path in &self.root_cas {
            for certificate in certificates(path)? {
                own.push(certificate.clone());
                roots.add(certificate).map_err(|e| unusable(path, "CA certificate").cause(e))?;
            }
        }
        if roots.is_empty() {
            return Err(Error::new(Code::Certificate, "no CA certificate is known to verify with")
                .phase(Phase::Tls)
                .hint("install the system's CA certificates, or put the registry's CA into its certs.d directory as ca.crt"));
        }
        let chains = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
            .build()
            .map_err(|e| Error::internal("the certificate verifier cannot be made").cause(e))?;
        Ok(Verified { chains, own })
    }

    fn keys(&self, provider: &CryptoProvider) -> Result<Vec<Arc<CertifiedKey>>> {
        let load = |(certificate, key): &(PathBuf, PathBuf)| {
            let chain = certificates(certificate)?;
            let secret = PrivateKeyDer::from_pem_slice(&read(key, "private key")?)
                .map_err(|e| unusable(key, "private key").cause(e))?;
            let made = CertifiedKey::from_der(chain, secret, provider)
                .map_err(|e| unusable(certificate, "client certificate with its key").cause(e))?;
            Ok(Arc::new(made))
        };
        self.certificates.iter().map(load).collect()
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let found: Vec<_> = CertificateDer::pem_slice_iter(&read(path, "certificate")?)
        .collect::<Result<_, _>>()
        .map_err(|e| unusable(path, "certificate").cause(e))?;
    if found.is_empty() {
        return Err(unusable(path, "certificate").cause("it holds no PEM certificate"));
    }
    Ok(found)
}

/// Larger than any file of certificates or keys, in bytes.
const MAX_FILE: u64 = 16 << 20;

fn read(path: &Path, what: &str) -> Result<Zeroizing<Vec<u8>>> {
    match read_limited(path, MAX_FILE) {
        Ok(content) => Ok(content.bytes),
        Err(e) => Err(unusable(path, what).cause(e)),
    }
}

fn unusable(path: &Path, what: &str) -> Error {
    Error::new(Code::InvalidConfig, format!("{} cannot be used as a {what}", path.display()))
        .phase(Phase::Config)
        .hint("check that the file is readable and in PEM form")
}

/// Sends the first of our certificates whose key can sign what the server accepts.
#[derive(Debug)]
struct ClientCertificates(Vec<Arc<CertifiedKey>>);

impl rustls::client::ResolvesClientCert for ClientCertificates {
    fn resolve(&self, _: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.0.iter().find(|key| key.key.choose_scheme(schemes).is_some()).cloned()
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// Certificates that a CA which is trusted here has signed, and those that the caller trusts as they are: a server whose
/// certificate signs itself has no other CA, and Go's clients take it.
#[derive(Debug)]
struct Verified {
    chains: Arc<WebPkiServerVerifier>,
    own: Vec<CertificateDer<'static>>,
}

impl Verified {
    /// Says so of a certificate whose only fault, its dates being fine, is that it is a CA's.
    fn is_ca(error: &rustls::Error) -> bool {
        let rustls::Error::InvalidCertificate(CertificateError::Other(other)) = error else {
            return false;
        };
        other.to_string() == "CaUsedAsEndEntity"
    }
}

impl ServerCertVerifier for Verified {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        match self.chains.verify_server_cert(certificate, others, name, ocsp, now) {
            Err(error) if Self::is_ca(&error) => {
                if !self.own.iter().any(|own| own == certificate) {
                    return Err(CertificateError::UnknownIssuer.into());
                }
                verify_server_name(&ParsedCertificate::try_from(certificate)?, name)?;
                Ok(ServerCertVerified::assertion())
            }
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.chains.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.chains.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chains.supported_verify_schemes()
    }
}

/// For hosts that the caller declared insecure: any certificate will do, but the handshake must still be sound.
#[derive(Debug)]
struct Unverified(WebPkiSupportedAlgorithms);

impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, certificate, signature, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, certificate, signature, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}
