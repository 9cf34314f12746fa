//! What is wrong with a certificate, and which file or setting puts it right.

use std::fmt;
use std::time::{Duration, UNIX_EPOCH};

use rustls::pki_types::UnixTime;
use rustls::{CertificateError, Error as Failure, ExtendedKeyPurpose};

use super::peer::{Peer, list};
use super::words::words;
use crate::error::{Code, Error, Phase};
use crate::tls::x509;

/// What helps where a certificate is only for another time.
pub(super) const CLOCK: &str = "check this machine's clock";

/// A fault of a certificate that rustls cannot tell us of.
#[derive(Debug, Clone, PartialEq)]
pub enum Fault {
    /// It is self-signed and not trusted.
    SelfSigned,
    /// It is signed by this issuer, who is not trusted.
    Issuer(Option<String>),
    /// What is wrong is a certificate further up the chain.
    InChain(CertificateError),
    /// An RSA key in the chain is too short; its bits.
    ShortKey(usize),
    /// The server does not hold the key of the certificate that it shows.
    NotTheHolder,
}

/// Carried through rustls, and never shown.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the certificate is at fault")
    }
}

impl std::error::Error for Fault {}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        let other = rustls::OtherError(std::sync::Arc::new(fault));
        Failure::InvalidCertificate(CertificateError::Other(other))
    }
}

/// `whose` is "the certificate", or one that stands above it.
pub(super) fn explain_certificate(problem: &CertificateError, peer: &Peer, whose: &str) -> Error {
    let (why, hint) = match problem {
        CertificateError::UnknownIssuer => return untrusted(None, peer, whose),
        CertificateError::BadSignature => (
            "was not signed by the CA that it names".to_owned(),
            format!(
                "a CA of that name is trusted, but its key is another: {}",
                save_hint("the present certificate of the CA", peer)
            ),
        ),
        CertificateError::Other(other) => match other.0.downcast_ref::<Fault>() {
            Some(fault) => return explain_fault(fault, peer, whose),
            None => explain_other(other.0.downcast_ref::<webpki::Error>()),
        },
        other => of_content(other),
    };
    Error::new(Code::Certificate, format!("{whose} of {peer} {why}")).phase(Phase::Tls).hint(hint)
}

/// What the certificate itself says that it should not, and what to do.
fn of_content(problem: &CertificateError) -> (String, String) {
    let made = of_time(problem)
        .or_else(|| of_signature(problem))
        .or_else(|| of_use(problem))
        .unwrap_or_else(|| {
            let why = format!("cannot be trusted: {}", words(problem));
            (why, "replace the server's certificate")
        });
    (made.0, made.1.to_owned())
}

fn of_time(problem: &CertificateError) -> Option<(String, &'static str)> {
    const RENEW: &str = "renew it on the server, and check this machine's clock";
    Some(match problem {
        CertificateError::Expired => ("has expired".to_owned(), RENEW),
        CertificateError::ExpiredContext { not_after, .. } => {
            (format!("expired on {}", date(*not_after)), RENEW)
        }
        CertificateError::NotValidYet => ("is not valid yet".to_owned(), CLOCK),
        CertificateError::NotValidYetContext { not_before, .. } => {
            (format!("is not valid before {}", date(*not_before)), CLOCK)
        }
        CertificateError::Revoked => {
            ("is revoked".to_owned(), "issue the server a new certificate")
        }
        CertificateError::UnknownRevocationStatus
        | CertificateError::ExpiredRevocationList
        | CertificateError::ExpiredRevocationListContext { .. }
        | CertificateError::InvalidOcspResponse => {
            ("cannot be checked for revocation".to_owned(), "renew the CA's revocation list")
        }
        _ => return None,
    })
}

fn of_signature(problem: &CertificateError) -> Option<(String, &'static str)> {
    #[allow(deprecated)] // It may still come.
    Some(match problem {
        CertificateError::BadEncoding => (
            "cannot be read: it is not a valid X.509 certificate".to_owned(),
            "replace the server's certificate",
        ),
        CertificateError::UnhandledCriticalExtension => (
            "has a critical extension that ocireg does not support".to_owned(),
            "issue the server a certificate without it",
        ),
        CertificateError::UnsupportedSignatureAlgorithm => {
            ("is signed with an algorithm that ocireg does not support".to_owned(), SUPPORTED)
        }
        CertificateError::UnsupportedSignatureAlgorithmContext {
            signature_algorithm_id, ..
        } => (
            format!(
                "is signed with {}, which ocireg does not support",
                x509::algorithm_name(signature_algorithm_id)
            ),
            SUPPORTED,
        ),
        CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext {
            signature_algorithm_id,
            public_key_algorithm_id,
        } => (
            format!(
                "is signed with {} by a key of the kind {}, which ocireg does not support",
                x509::algorithm_name(signature_algorithm_id),
                x509::algorithm_name(public_key_algorithm_id)
            ),
            SUPPORTED,
        ),
        _ => return None,
    })
}

/// Names and purposes.
fn of_use(problem: &CertificateError) -> Option<(String, &'static str)> {
    Some(match problem {
        CertificateError::NotValidForName => {
            ("is for another name".to_owned(), "use the name that the certificate is for")
        }
        CertificateError::NotValidForNameContext { presented, .. } if presented.is_empty() => (
            "is for another name: it has no subject alternative name".to_owned(),
            "issue the server a certificate with its name as subjectAltName; the common name does not count",
        ),
        CertificateError::NotValidForNameContext { presented, .. } => (
            format!("is for another name: it is valid for {}", names(presented)),
            "use one of these names, or issue the server a certificate for this one",
        ),
        CertificateError::InvalidPurpose => ("is not meant for servers".to_owned(), PURPOSE),
        CertificateError::InvalidPurposeContext { presented, .. } => {
            (format!("is not meant for servers, only for {}", purposes(presented)), PURPOSE)
        }
        _ => return None,
    })
}

fn explain_other(error: Option<&webpki::Error>) -> (String, String) {
    let (why, hint) = match error {
        Some(error) => explain_chain(error),
        None => ("cannot be trusted".to_owned(), "replace the server's certificate"),
    };
    (why, hint.to_owned())
}

const SUPPORTED: &str = "issue a certificate that is signed with RSA (2048 bits or more), ECDSA on P-256, P-384 or P-521, or Ed25519, and with SHA-256 or better";
const PURPOSE: &str = "issue the server a certificate whose extendedKeyUsage has serverAuth";

fn explain_fault(fault: &Fault, peer: &Peer, whose: &str) -> Error {
    match fault {
        Fault::SelfSigned => {
            let message = format!("{whose} of {peer} is self-signed and not trusted");
            advise(Error::new(Code::Certificate, message), "this certificate", peer)
        }
        Fault::Issuer(issuer) => untrusted(issuer.as_deref(), peer, whose),
        Fault::InChain(problem) => {
            explain_certificate(problem, peer, "a CA certificate in the chain")
        }
        Fault::ShortKey(bits) => {
            let message = format!(
                "the certificate chain of {peer} has an RSA key of {bits} bits, which is too short"
            );
            Error::new(Code::Certificate, message)
                .phase(Phase::Tls)
                .hint("issue certificates with RSA keys of 2048 to 8192 bits, or with ECDSA keys")
        }
        Fault::NotTheHolder => {
            let message =
                format!("{peer} does not hold the key of the certificate that it presents");
            Error::new(Code::Certificate, message).phase(Phase::Tls).hint(
                "the server's certificate and key do not match, or somebody else answered in its place",
            )
        }
    }
}

fn untrusted(issuer: Option<&str>, peer: &Peer, whose: &str) -> Error {
    let signer = match issuer {
        Some(name) => format!("the CA \"{name}\", which is not trusted"),
        None => "a CA that is not trusted".to_owned(),
    };
    let message = format!("{whose} of {peer} is signed by {signer}");
    advise(Error::new(Code::Certificate, message), "the CA's certificate", peer)
}

/// Says which files did not help, and which file would.
fn advise(error: Error, what: &str, peer: &Peer) -> Error {
    let error = if peer.root_cas.is_empty() {
        error
    } else {
        error.cause(format!("{} did not sign it", list(&peer.root_cas)))
    };
    let error = peer.skipped.iter().fold(error, Error::cause).phase(Phase::Tls);
    let save = save_hint(what, peer);
    if peer.is_proxy {
        return error.hint(save);
    }
    error.hint(format!(
        "{save}; or add {} to insecure-registries to use it without verification",
        peer.authority
    ))
}

fn save_hint(what: &str, peer: &Peer) -> String {
    match &peer.directory {
        Some(directory) => format!("save {what} as {}", directory.join("ca.crt").display()),
        None => format!(
            "save {what} as {}/ca.crt in a directory that the option certs-dir names",
            peer.authority
        ),
    }
}

/// What the verifier of chains found that rustls has no name for.
fn explain_chain(error: &webpki::Error) -> (String, &'static str) {
    const REISSUE: &str = "issue the server another certificate";
    match error {
        webpki::Error::CaUsedAsEndEntity => (
            "is a CA certificate, which a server may not use as its own".to_owned(),
            "issue the server a certificate without CA:TRUE in its basicConstraints",
        ),
        webpki::Error::EndEntityUsedAsCa => (
            "is signed by a certificate that does not belong to a CA".to_owned(),
            "issue the CA a certificate with CA:TRUE in its basicConstraints",
        ),
        webpki::Error::UnsupportedCertVersion => (
            "is an X.509 certificate of version 1, which servers can no longer use".to_owned(),
            "issue the server a certificate of version 3 with its name as subjectAltName",
        ),
        webpki::Error::NameConstraintViolation => (
            "is for a name that its CA may not sign".to_owned(),
            "the CA's certificate limits the names that it may sign (nameConstraints): use another CA",
        ),
        webpki::Error::PathLenConstraintViolated => (
            "is signed by a CA that the CA above it does not allow".to_owned(),
            "the chain is longer than a pathLen in it allows: use a CA further up",
        ),
        webpki::Error::MaximumPathBuildCallsExceeded
        | webpki::Error::MaximumPathDepthExceeded
        | webpki::Error::MaximumSignatureChecksExceeded
        | webpki::Error::MaximumNameConstraintComparisonsExceeded => (
            "has a chain that is too long or too complex to verify".to_owned(),
            "configure the server to send only its certificate and the CA certificates above it",
        ),
        webpki::Error::UnsupportedCriticalExtension => (
            "has a critical extension that ocireg does not support".to_owned(),
            "issue the server a certificate without it",
        ),
        webpki::Error::SignatureAlgorithmMismatch => {
            ("names two different algorithms for its signature".to_owned(), REISSUE)
        }
        other => (format!("is malformed: {}", words(other)), REISSUE),
    }
}

/// A certificate's names, which come as `DnsName("registry.example")`.
fn names(presented: &[String]) -> String {
    let bare = |name: &String| {
        let inner = name.split_once('(').map_or(name.as_str(), |(_, inner)| inner);
        inner.trim_end_matches(')').trim_matches('"').to_owned()
    };
    let shown: Vec<String> = presented.iter().take(10).map(bare).collect();
    let more = presented.len() - shown.len();
    match more {
        0 => shown.join(", "),
        _ => format!("{} and {more} more", shown.join(", ")),
    }
}

fn purposes(presented: &[ExtendedKeyPurpose]) -> String {
    let name = |purpose: &ExtendedKeyPurpose| match purpose {
        ExtendedKeyPurpose::ClientAuth => "client authentication".to_owned(),
        ExtendedKeyPurpose::ServerAuth => "servers".to_owned(),
        ExtendedKeyPurpose::Other(oid) => {
            let arcs: Vec<String> = oid.iter().map(ToString::to_string).collect();
            match arcs.join(".").as_str() {
                "1.3.6.1.5.5.7.3.3" => "code signing".to_owned(),
                "1.3.6.1.5.5.7.3.4" => "e-mail".to_owned(),
                "1.3.6.1.5.5.7.3.8" => "time stamping".to_owned(),
                "1.3.6.1.5.5.7.3.9" => "OCSP signing".to_owned(),
                other => other.to_owned(),
            }
        }
    };
    let all: Vec<String> = presented.iter().map(name).collect();
    if all.is_empty() { "nothing".to_owned() } else { all.join(", ") }
}

/// A moment of a certificate, as people read it.
fn date(time: UnixTime) -> String {
    const YEAR_9999: u64 = 253_402_300_799;
    let seconds = time.as_secs().min(YEAR_9999);
    httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(seconds))
}
