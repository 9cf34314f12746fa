//! Who is trusted: whoever a trusted CA has signed, and the certificates that are trusted as they stand.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};

use super::fault::Fault;
use super::x509::{Certificate, display_name};

/// RSA keys of fewer bits verify nothing.
const SHORTEST_RSA: usize = 2048;

/// Certificates that a CA which is trusted here has signed, and those that are among the trusted ones themselves: often
/// what people save is the server's own certificate, and Go's clients take it, whoever signed it.
#[derive(Debug)]
pub(super) struct Verified {
    pub chains: Arc<WebPkiServerVerifier>,
    /// All that is trusted: the system's certificates,
    pub system: &'static [CertificateDer<'static>],
    /// and the caller's.
    pub own: Vec<CertificateDer<'static>>,
}

impl Verified {
    fn trusted(&self) -> impl Iterator<Item = &CertificateDer<'static>> {
        self.own.iter().chain(self.system)
    }

    /// Says more of a failure than whoever found it could.
    fn explain(
        &self,
        error: Error,
        leaf: &Certificate<'_>,
        others: &[CertificateDer<'_>],
    ) -> Error {
        let Error::InvalidCertificate(problem) = error else { return error };
        match problem {
            CertificateError::UnknownIssuer => unknown(leaf),
            CertificateError::Other(ref other)
                if leaf.is_self_issued()
                    && matches!(other.0.downcast_ref(), Some(webpki::Error::CaUsedAsEndEntity)) =>
            {
                unknown(leaf)
            }
            CertificateError::ExpiredContext { not_after, .. } if not_after != leaf.not_after => {
                Fault::InChain(problem).into()
            }
            CertificateError::NotValidYetContext { not_before, .. }
                if not_before != leaf.not_before =>
            {
                Fault::InChain(problem).into()
            }
            CertificateError::BadSignature => {
                let above = self.trusted().map(|trusted| &**trusted);
                let chain = others.iter().map(|other| &**other).chain(above);
                let signer = chain
                    .filter_map(Certificate::parse)
                    .filter(|signer| signer.subject == leaf.issuer)
                    .filter_map(|signer| signer.rsa_bits)
                    .find(|bits| *bits < SHORTEST_RSA);
                signer.map_or(problem.into(), |bits| Fault::ShortKey(bits).into())
            }
            problem => problem.into(),
        }
    }
}

/// Its issuer is not trusted.
fn unknown(leaf: &Certificate<'_>) -> Error {
    if leaf.is_self_issued() {
        return Fault::SelfSigned.into();
    }
    Fault::Issuer(display_name(leaf.issuer)).into()
}

/// Judges a certificate that is trusted as it stands: it must still be valid, for servers, and for the name.
fn verify_as_it_stands(
    certificate: &CertificateDer<'_>,
    read: &Certificate<'_>,
    name: &ServerName<'_>,
    now: UnixTime,
) -> Result<ServerCertVerified, Error> {
    let (not_before, not_after) = (read.not_before, read.not_after);
    if now < not_before {
        return Err(CertificateError::NotValidYetContext { time: now, not_before }.into());
    }
    if now > not_after {
        return Err(CertificateError::ExpiredContext { time: now, not_after }.into());
    }
    if !read.for_servers {
        return Err(CertificateError::InvalidPurpose.into());
    }
    verify_server_name(&ParsedCertificate::try_from(certificate)?, name)?;
    Ok(ServerCertVerified::assertion())
}

/// The signature over the handshake shows that the server holds the key.
fn proof(
    verified: Result<HandshakeSignatureValid, Error>,
) -> Result<HandshakeSignatureValid, Error> {
    verified.map_err(|error| match error {
        Error::InvalidCertificate(CertificateError::BadSignature) => Fault::NotTheHolder.into(),
        error => error,
    })
}

impl ServerCertVerifier for Verified {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified = self.chains.verify_server_cert(certificate, others, name, ocsp, now);
        let Err(error) = verified else { return verified };
        let Some(read) = Certificate::parse(certificate) else { return Err(error) };
        if self.trusted().any(|trusted| trusted == certificate) {
            return verify_as_it_stands(certificate, &read, name, now);
        }
        Err(self.explain(error, &read, others))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        proof(self.chains.verify_tls12_signature(message, certificate, signature))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        proof(self.chains.verify_tls13_signature(message, certificate, signature))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chains.supported_verify_schemes()
    }
}

/// For hosts that the caller declared insecure: any certificate will do, but the handshake must still be sound.
#[derive(Debug)]
pub(super) struct Unverified(pub WebPkiSupportedAlgorithms);

impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        proof(rustls::crypto::verify_tls12_signature(message, certificate, signature, &self.0))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        proof(rustls::crypto::verify_tls13_signature(message, certificate, signature, &self.0))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}
