//! What a failure of TLS means to the user: a sentence about what is wrong, and what to do about it.
//!
//! Nothing of rustls' own words reaches the user but names of alerts and of rules that a server broke.

use std::fmt::{self, Debug, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use rustls::pki_types::UnixTime;
use rustls::{
    AlertDescription as Alert, CertificateError, Error as Failure, ExtendedKeyPurpose,
    PeerIncompatible, PeerMisbehaved,
};

use super::identity::Identity;
use super::x509;
use crate::error::{Code, Error, Phase};

/// Who is at the other end, and what we have for him.
#[derive(Debug, Clone)]
pub struct Peer {
    /// `host`, or `host:port` where that is not the usual one.
    authority: String,
    /// Where its certificates are looked for.
    directory: Option<PathBuf>,
    root_cas: Vec<PathBuf>,
    certificates: Vec<PathBuf>,
    /// What its directory holds and could not be used.
    skipped: Vec<String>,
    is_proxy: bool,
}

impl Peer {
    /// A registry, or another server that HTTP is spoken with.
    ///
    /// `certs_dir` is where the directories of registries are.
    pub fn server(authority: String, identity: &Identity, certs_dir: Option<&Path>) -> Self {
        Self {
            directory: certs_dir.map(|base| base.join(&authority)),
            authority,
            root_cas: identity.root_cas.clone(),
            certificates: identity.certificates.iter().map(|(cert, _)| cert.clone()).collect(),
            skipped: identity.skipped.clone(),
            is_proxy: false,
        }
    }

    /// A proxy.
    pub fn proxy(authority: String, identity: &Identity, certs_dir: Option<&Path>) -> Self {
        Self { is_proxy: true, ..Self::server(authority, identity, certs_dir) }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_proxy {
            f.write_str("the proxy ")?;
        }
        f.write_str(&self.authority)
    }
}

/// How far the handshake had come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// The server has said nothing that makes sense.
    Began,
    /// It has not, and what it said is HTTP.
    PlainHttp,
    /// Version and cipher suite are agreed on; what failed came later.
    Agreed,
}

/// A fault of a certificate that rustls cannot tell us of.
#[derive(Debug, Clone, PartialEq)]
pub enum Fault {
    /// Nobody who is trusted has signed it; it signs itself.
    SelfSigned,
    /// Nobody who is trusted has signed it; this is who did.
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

/// What a failure of TLS with this peer means.
pub fn explain(failure: &Failure, peer: &Peer, progress: Progress) -> Error {
    let tls = |message: String| Error::new(Code::Tls, message).phase(Phase::Tls);
    match failure {
        Failure::InvalidCertificate(problem) => {
            explain_certificate(problem, peer, "the certificate")
        }
        Failure::AlertReceived(alert) => explain_alert(*alert, peer, progress),
        Failure::NoCertificatesPresented => {
            let message = format!("{peer} presented no certificate");
            Error::new(Code::Certificate, message)
                .phase(Phase::Tls)
                .hint("configure a certificate and its key on the server")
        }
        Failure::PeerIncompatible(
            PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
            | PeerIncompatible::SupportedVersionsExtensionRequired,
        ) => too_old(peer),
        Failure::PeerIncompatible(
            PeerIncompatible::NoCipherSuitesInCommon
            | PeerIncompatible::NoKxGroupsInCommon
            | PeerIncompatible::NoSignatureSchemesInCommon
            | PeerIncompatible::NamedGroupsExtensionRequired,
        )
        | Failure::PeerMisbehaved(
            PeerMisbehaved::SelectedUnofferedCipherSuite | PeerMisbehaved::SelectedUnofferedKxGroup,
        ) => nothing_in_common(peer),
        Failure::PeerIncompatible(what) => {
            tls(format!("{peer} does not support the TLS features that ocireg requires"))
                .cause(words(what))
                .hint(UPDATE_SERVER)
        }
        Failure::PeerMisbehaved(what) => {
            tls(format!("{peer} violated the TLS protocol")).cause(words(what)).hint(DEFECT)
        }
        Failure::InvalidMessage(_) if progress == Progress::PlainHttp => {
            tls(format!("{peer} answered in plain HTTP instead of TLS")).hint(plain_hint(peer))
        }
        Failure::InvalidMessage(_) if progress == Progress::Began => {
            tls(format!("{peer} does not speak TLS on this port")).hint(plain_hint(peer))
        }
        Failure::InvalidMessage(what) => {
            tls(format!("{peer} sent a malformed TLS message")).cause(words(what)).hint(DEFECT)
        }
        Failure::InappropriateMessage { .. } | Failure::InappropriateHandshakeMessage { .. } => {
            tls(format!("{peer} sent a TLS message out of order")).hint(DEFECT)
        }
        Failure::DecryptError | Failure::PeerSentOversizedRecord => tls(format!(
            "{peer} sent a TLS record that cannot be decrypted"
        ))
        .hint("the data was damaged in transit: check the network and any device in between"),
        Failure::FailedToGetRandomBytes => {
            Error::new(Code::Io, "the system did not provide random numbers")
                .phase(Phase::Tls)
                .hint("allow the process to call getrandom or to read /dev/urandom")
        }
        Failure::FailedToGetCurrentTime => {
            Error::new(Code::Io, "cannot read the system's clock").phase(Phase::Tls).hint(CLOCK)
        }
        Failure::General(why) => tls(format!("TLS with {peer} failed")).cause(why).hint(DEFECT),
        other => tls(format!("TLS with {peer} failed")).cause(words(other)).hint(DEFECT),
    }
}

/// The handshake ended without a word.
pub fn hung_up(peer: &Peer) -> Error {
    Error::new(Code::Tls, format!("{peer} closed the connection during the TLS handshake"))
        .phase(Phase::Tls)
        .hint(format!("{}; the server may also require a client certificate", plain_hint(peer)))
}

/// The host cannot be the name of a certificate.
pub fn no_name(host: &str) -> Error {
    Error::new(Code::Certificate, format!("no certificate can be issued for the name {host}"))
        .phase(Phase::Tls)
        .hint("use a DNS name or an IP address")
}

const UPDATE_SERVER: &str = "update the server's TLS software, or enable TLS 1.3 on it";
const DEFECT: &str = "the server, or a device between it and this machine, has a defect; report this to its operator";
const CLOCK: &str = "check this machine's clock";

fn plain_hint(peer: &Peer) -> String {
    if peer.is_proxy {
        return "check the port; if the proxy speaks plain HTTP, write its address with http://"
            .to_owned();
    }
    format!(
        "check the port; if the registry serves plain HTTP, add {} to insecure-registries",
        peer.authority
    )
}

fn too_old(peer: &Peer) -> Error {
    Error::new(Code::Tls, format!("{peer} speaks only TLS versions older than 1.2"))
        .phase(Phase::Tls)
        .hint("enable TLS 1.2 or 1.3 on the server")
}

fn nothing_in_common(peer: &Peer) -> Error {
    let message = format!("{peer} and ocireg have no cipher suite or key exchange in common");
    Error::new(Code::Tls, message).phase(Phase::Tls).hint(
        "enable TLS 1.3 on the server, or for TLS 1.2 a cipher suite with ECDHE and AES-GCM or ChaCha20-Poly1305",
    )
}

/// The peer has ended the connection and said why.
fn explain_alert(alert: Alert, peer: &Peer, progress: Progress) -> Error {
    let said = format!("TLS alert {} ({})", snake(&variant(&alert)), u8::from(alert));
    let error = match alert {
        Alert::ProtocolVersion => too_old(peer),
        Alert::HandshakeFailure | Alert::InsufficientSecurity if progress != Progress::Agreed => {
            nothing_in_common(peer)
        }
        Alert::UnrecognisedName => {
            Error::new(Code::Tls, format!("{peer} does not recognize this server name"))
                .phase(Phase::Tls)
                .hint("use the name that the server is configured for")
        }
        Alert::CertificateRequired
        | Alert::HandshakeFailure
        | Alert::BadCertificate
        | Alert::UnsupportedCertificate
        | Alert::CertificateRevoked
        | Alert::CertificateExpired
        | Alert::CertificateUnknown
        | Alert::UnknownCA
        | Alert::AccessDenied
        | Alert::NoCertificate => client_certificate(alert, peer),
        _ => Error::new(Code::Tls, format!("{peer} refused the TLS connection"))
            .phase(Phase::Tls)
            .hint("see the server's log for the reason"),
    };
    error.cause(said)
}

/// The peer wants a client certificate, or another one.
fn client_certificate(alert: Alert, peer: &Peer) -> Error {
    let where_to = match &peer.directory {
        Some(directory) => format!(
            "{} and its key as {}",
            directory.join("client.cert").display(),
            directory.join("client.key").display()
        ),
        None => format!(
            "{0}/client.cert and its key as {0}/client.key in a directory that the option certs-dir names",
            peer.authority
        ),
    };
    let none_sent = peer.certificates.is_empty() || alert == Alert::CertificateRequired;
    let (message, hint) = if none_sent {
        (
            format!("{peer} requires a client certificate"),
            format!("save the client certificate as {where_to}"),
        )
    } else {
        let why = match alert {
            Alert::CertificateRevoked => ": it is revoked",
            Alert::CertificateExpired => ": it has expired",
            Alert::UnknownCA => ": the server does not trust its CA",
            Alert::UnsupportedCertificate => ": the server does not support its kind",
            Alert::AccessDenied => ": it does not give access to this server",
            _ => "",
        };
        let ours = list(&peer.certificates);
        (
            format!("{peer} refused the client certificate {ours}{why}"),
            "replace it with one that the server's operator issued".to_owned(),
        )
    };
    let error = Error::new(Code::Certificate, message).phase(Phase::Tls).hint(hint);
    peer.skipped.iter().fold(error, Error::cause)
}

/// `whose` is "the certificate", or one that stands above it.
fn explain_certificate(problem: &CertificateError, peer: &Peer, whose: &str) -> Error {
    let make = |why: &str, hint: &str| {
        Error::new(Code::Certificate, format!("{whose} of {peer} {why}"))
            .phase(Phase::Tls)
            .hint(hint)
    };
    let renew = "renew it on the server, and check this machine's clock";
    #[allow(deprecated)] // They may still come.
    match problem {
        CertificateError::Expired => make("has expired", renew),
        CertificateError::ExpiredContext { not_after, .. } => {
            make(&format!("expired on {}", date(*not_after)), renew)
        }
        CertificateError::NotValidYet => make("is not valid yet", CLOCK),
        CertificateError::NotValidYetContext { not_before, .. } => {
            make(&format!("is not valid before {}", date(*not_before)), CLOCK)
        }
        CertificateError::Revoked => make("is revoked", "issue the server a new certificate"),
        CertificateError::UnknownIssuer => untrusted(None, peer, whose),
        CertificateError::BadEncoding => make(
            "cannot be read: it is not a valid X.509 certificate",
            "replace the server's certificate",
        ),
        CertificateError::UnhandledCriticalExtension => make(
            "has a critical extension that ocireg does not support",
            "issue the server a certificate without it",
        ),
        CertificateError::UnknownRevocationStatus
        | CertificateError::ExpiredRevocationList
        | CertificateError::ExpiredRevocationListContext { .. }
        | CertificateError::InvalidOcspResponse => {
            make("cannot be checked for revocation", "renew the CA's revocation list")
        }
        CertificateError::BadSignature => make(
            "was not signed by the CA that it names",
            &format!(
                "a CA of that name is trusted, but its key is another: {}",
                save_hint("the present certificate of the CA", peer)
            ),
        ),
        CertificateError::UnsupportedSignatureAlgorithm => {
            make("is signed with an algorithm that ocireg does not support", SUPPORTED)
        }
        CertificateError::UnsupportedSignatureAlgorithmContext {
            signature_algorithm_id, ..
        } => make(
            &format!(
                "is signed with {}, which ocireg does not support",
                x509::algorithm_name(signature_algorithm_id)
            ),
            SUPPORTED,
        ),
        CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext {
            signature_algorithm_id,
            public_key_algorithm_id,
        } => make(
            &format!(
                "is signed with {} by a key of the kind {}, which ocireg does not support",
                x509::algorithm_name(signature_algorithm_id),
                x509::algorithm_name(public_key_algorithm_id)
            ),
            SUPPORTED,
        ),
        CertificateError::NotValidForName => {
            make("is for another name", "use the name that the certificate is for")
        }
        CertificateError::NotValidForNameContext { presented, .. } if presented.is_empty() => make(
            "is for another name: it has no subject alternative name",
            "issue the server a certificate with its name as subjectAltName; the common name does not count",
        ),
        CertificateError::NotValidForNameContext { presented, .. } => make(
            &format!("is for another name: it is valid for {}", names(presented)),
            "use one of these names, or issue the server a certificate for this one",
        ),
        CertificateError::InvalidPurpose => make("is not meant for servers", PURPOSE),
        CertificateError::InvalidPurposeContext { presented, .. } => {
            make(&format!("is not meant for servers, only for {}", purposes(presented)), PURPOSE)
        }
        CertificateError::Other(other) => {
            if let Some(fault) = other.0.downcast_ref::<Fault>() {
                explain_fault(fault, peer, whose)
            } else if let Some(error) = other.0.downcast_ref::<webpki::Error>() {
                let (why, hint) = explain_chain(error);
                make(&why, hint)
            } else {
                make("cannot be trusted", "replace the server's certificate")
            }
        }
        other => make(
            &format!("cannot be trusted: {}", words(other)),
            "replace the server's certificate",
        ),
    }
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

fn list(paths: &[PathBuf]) -> String {
    let all: Vec<String> = paths.iter().map(|path: &PathBuf| path_text(path)).collect();
    all.join(", ")
}

fn path_text(path: &Path) -> String {
    path.display().to_string()
}

/// The name of a value's variant, without what it holds.
fn variant(value: &impl Debug) -> String {
    /// Keeps the identifier that debug text begins with; the rest may be long.
    struct Identifier(String);
    impl Write for Identifier {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            for c in text.chars() {
                if !c.is_ascii_alphanumeric() || self.0.len() > 100 {
                    return Err(fmt::Error);
                }
                self.0.push(c);
            }
            Ok(())
        }
    }
    let mut identifier = Identifier(String::new());
    // It ends with an error where more than the identifier comes.
    let _ = write!(identifier, "{value:?}");
    identifier.0
}

/// `UnsolicitedCertExtension` as `unsolicited cert extension`.
fn words(value: &impl Debug) -> String {
    snake(&variant(value)).replace('_', " ")
}

/// `UnknownCA` as `unknown_ca`: the form that the standards write.
fn snake(identifier: &str) -> String {
    let mut text = String::with_capacity(identifier.len() + 8);
    let mut previous = None;
    let mut letters = identifier.chars().peekable();
    while let Some(c) = letters.next() {
        let begins = c.is_ascii_uppercase()
            && previous.is_some_and(|p: char| {
                !p.is_ascii_uppercase() || letters.peek().is_some_and(char::is_ascii_lowercase)
            });
        if begins {
            text.push('_');
        }
        text.push(c.to_ascii_lowercase());
        previous = Some(c);
    }
    text
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rustls::pki_types::{ServerName, alg_id};
    use rustls::{
        CertRevocationListError, ContentType, EncryptedClientHelloError, HandshakeType,
        InconsistentKeys, InvalidMessage, OtherError,
    };

    use super::*;

    fn peers() -> Vec<Peer> {
        let registry = |identity: &Identity| {
            Peer::server("registry.example:5000".into(), identity, Some(Path::new("/etc/certs.d")))
        };
        let own = Identity {
            root_cas: vec!["/etc/certs.d/registry.example:5000/ca.crt".into()],
            certificates: vec![("/c/client.cert".into(), "/c/client.key".into())],
            skipped: vec!["cannot read /c/other.key; the file was ignored".into()],
            ..Identity::default()
        };
        vec![
            registry(&Identity::default()),
            registry(&own),
            Peer::server("registry.example:5000".into(), &Identity::default(), None),
            Peer::proxy("registry.example:5000".into(), &own, Some(Path::new("/etc/certs.d"))),
        ]
    }

    fn other(error: impl std::error::Error + Send + Sync + 'static) -> CertificateError {
        CertificateError::Other(OtherError(Arc::new(error)))
    }

    fn certificate_problems() -> Vec<CertificateError> {
        use CertificateError as C;
        let time = UnixTime::since_unix_epoch(Duration::from_secs(u64::MAX));
        let rsa = || alg_id::RSA_PKCS1_SHA256.as_ref().to_vec();
        let mut all = vec![
            C::BadEncoding,
            C::Expired,
            C::ExpiredContext { time, not_after: time },
            C::NotValidYet,
            C::NotValidYetContext { time, not_before: time },
            C::Revoked,
            C::UnhandledCriticalExtension,
            C::UnknownIssuer,
            C::UnknownRevocationStatus,
            C::ExpiredRevocationList,
            C::ExpiredRevocationListContext { time, next_update: time },
            C::BadSignature,
            #[allow(deprecated)]
            C::UnsupportedSignatureAlgorithm,
            C::UnsupportedSignatureAlgorithmContext {
                signature_algorithm_id: rsa(),
                supported_algorithms: vec![alg_id::ED448],
            },
            C::UnsupportedSignatureAlgorithmForPublicKeyContext {
                signature_algorithm_id: rsa(),
                public_key_algorithm_id: alg_id::ECDSA_P521.as_ref().to_vec(),
            },
            C::UnsupportedSignatureAlgorithmForPublicKeyContext {
                signature_algorithm_id: vec![1, 2, 3],
                public_key_algorithm_id: Vec::new(),
            },
            C::NotValidForName,
            C::NotValidForNameContext {
                expected: ServerName::try_from("registry.example").expect("a name"),
                presented: vec!["DnsName(\"a.example\")".into(), "IpAddress(10.0.0.1)".into()],
            },
            C::NotValidForNameContext {
                expected: ServerName::try_from("registry.example").expect("a name"),
                presented: Vec::new(),
            },
            C::InvalidPurpose,
            C::InvalidPurposeContext {
                required: ExtendedKeyPurpose::ServerAuth,
                presented: vec![
                    ExtendedKeyPurpose::ClientAuth,
                    ExtendedKeyPurpose::Other(vec![1, 3, 6, 1, 5, 5, 7, 3, 3]),
                    ExtendedKeyPurpose::Other(vec![1, 2, 3]),
                ],
            },
            C::InvalidOcspResponse,
            C::ApplicationVerificationFailure,
            other(std::io::Error::other("Some(Debug { text: 1 })")),
            other(Fault::SelfSigned),
            other(Fault::Issuer(None)),
            other(Fault::Issuer(Some("a CA".into()))),
            other(Fault::InChain(C::Expired)),
            other(Fault::ShortKey(1024)),
            other(Fault::NotTheHolder),
        ];
        use webpki::Error as W;
        all.extend(
            [
                W::BadDer,
                W::BadDerTime,
                W::CaUsedAsEndEntity,
                W::EmptyEkuExtension,
                W::EndEntityUsedAsCa,
                W::ExtensionValueInvalid,
                W::InvalidNetworkMaskConstraint,
                W::InvalidSerialNumber,
                W::MalformedDnsIdentifier,
                W::MalformedExtensions,
                W::MalformedNameConstraint,
                W::MaximumNameConstraintComparisonsExceeded,
                W::MaximumPathBuildCallsExceeded,
                W::MaximumPathDepthExceeded,
                W::MaximumSignatureChecksExceeded,
                W::NameConstraintViolation,
                W::PathLenConstraintViolated,
                W::SignatureAlgorithmMismatch,
                W::TrailingData(webpki::DerTypeId::Certificate),
                W::UnsupportedCertVersion,
                W::UnsupportedCriticalExtension,
                W::UnsupportedNameType,
            ]
            .map(other),
        );
        all
    }

    fn failures() -> Vec<Failure> {
        use Failure as F;
        let mut all = vec![
            F::InappropriateMessage {
                expect_types: vec![ContentType::Handshake, ContentType::Unknown(99)],
                got_type: ContentType::ApplicationData,
            },
            F::InappropriateHandshakeMessage {
                expect_types: vec![HandshakeType::ServerHello],
                got_type: HandshakeType::Finished,
            },
            F::InvalidEncryptedClientHello(EncryptedClientHelloError::NoCompatibleConfig),
            F::NoCertificatesPresented,
            F::UnsupportedNameType,
            F::DecryptError,
            F::EncryptError,
            F::InvalidCertRevocationList(CertRevocationListError::ParseError),
            F::General("a reason".into()),
            F::FailedToGetCurrentTime,
            F::FailedToGetRandomBytes,
            F::HandshakeNotComplete,
            F::PeerSentOversizedRecord,
            F::NoApplicationProtocol,
            F::BadMaxFragmentSize,
            F::InconsistentKeys(InconsistentKeys::KeyMismatch),
            F::Other(OtherError(Arc::new(std::io::Error::other("Some(Debug { text: 1 })")))),
        ];
        all.extend(certificate_problems().into_iter().map(F::InvalidCertificate));
        all.extend((0..=255).map(|alert| F::AlertReceived(Alert::from(alert))));
        all.extend(
            [
                InvalidMessage::InvalidContentType,
                InvalidMessage::MissingData("ServerHello"),
                InvalidMessage::UnknownProtocolVersion,
                InvalidMessage::DuplicateExtension(16),
                InvalidMessage::TrailingData("NewSessionTicketPayloadTls13"),
            ]
            .map(F::InvalidMessage),
        );
        use PeerIncompatible as I;
        all.extend(
            [
                I::EcPointsExtensionRequired,
                I::ExtendedMasterSecretExtensionRequired,
                I::IncorrectCertificateTypeExtension,
                I::KeyShareExtensionRequired,
                I::NamedGroupsExtensionRequired,
                I::NoCertificateRequestSignatureSchemesInCommon,
                I::NoCipherSuitesInCommon,
                I::NoKxGroupsInCommon,
                I::NoSignatureSchemesInCommon,
                I::NullCompressionRequired,
                I::ServerDoesNotSupportTls12Or13,
                I::ServerTlsVersionIsDisabledByOurConfig,
                I::Tls12NotOffered,
                I::UncompressedEcPointsRequired,
                I::ServerRejectedEncryptedClientHello(None),
            ]
            .map(F::PeerIncompatible),
        );
        use PeerMisbehaved as M;
        all.extend(
            [
                M::AttemptedDowngradeToTls12WhenTls13IsSupported,
                M::IllegalTlsInnerPlaintext,
                M::InvalidKeyShare,
                M::SelectedUnofferedCipherSuite,
                M::SelectedUnofferedKxGroup,
                M::SignedHandshakeWithUnadvertisedSigScheme,
                M::TooManyKeyUpdateRequests,
                M::UnsolicitedServerHelloExtension,
                M::WrongGroupForKeyShare,
            ]
            .map(F::PeerMisbehaved),
        );
        all
    }

    /// Two capitals in a word that is no term of the trade: how Rust names variants and fields.
    fn debug_text(text: &str) -> Option<&str> {
        const TERMS: [&str; 4] = ["ChaCha20", "insecure-registries", "subjectAltName", "PKCS"];
        let is_word = |c: char| c.is_ascii_alphanumeric();
        text.split(|c: char| !is_word(c)).find(|word| {
            let inner = word.chars().zip(word.chars().skip(1));
            let humps = inner.filter(|(a, b)| a.is_ascii_lowercase() && b.is_ascii_uppercase());
            let capital = word.starts_with(|c: char| c.is_ascii_uppercase());
            capital && humps.count() > 0 && !TERMS.contains(word)
        })
    }

    #[test]
    fn no_failure_shows_the_text_of_a_debugger() {
        assert_eq!(debug_text("alert HandshakeFailure, ChaCha20"), Some("HandshakeFailure"));
        for peer in peers() {
            for progress in [Progress::Began, Progress::PlainHttp, Progress::Agreed] {
                for failure in failures() {
                    let error = explain(&failure, &peer, progress);
                    let hint = error.details().hint.clone().expect("every failure has a hint");
                    for text in [error.to_string(), hint] {
                        assert_eq!(debug_text(&text), None, "{text}");
                        assert!(!text.contains(['{', '[', '\\']), "{text}");
                        assert!(!text.contains("(\"") && !text.contains("Some("), "{text}");
                        assert!(text.len() < 500, "{text}");
                    }
                    let code = error.code();
                    assert!(matches!(code, Code::Tls | Code::Certificate | Code::Io), "{error:?}");
                    assert_eq!(error.details().phase, Some(Phase::Tls), "{error}");
                }
            }
        }
    }

    #[test]
    fn each_fault_of_a_certificate_has_its_own_sentence_and_remedy() {
        let peer = &peers()[0];
        let told = |problem: CertificateError| {
            let error = explain(&Failure::InvalidCertificate(problem), peer, Progress::Agreed);
            assert_eq!(error.code(), Code::Certificate, "{error}");
            assert!(error.to_string().contains("registry.example:5000"), "{error}");
            (error.to_string(), error.details().hint.clone().expect("a hint"))
        };
        let (message, hint) = told(other(Fault::Issuer(Some("a CA".into()))));
        assert_eq!(
            message,
            "the certificate of registry.example:5000 is signed by the CA \"a CA\", which is not trusted"
        );
        assert_eq!(
            hint,
            "save the CA's certificate as /etc/certs.d/registry.example:5000/ca.crt; \
             or add registry.example:5000 to insecure-registries to use it without verification"
        );
        let mut sentences: Vec<_> = certificate_problems().into_iter().map(told).collect();
        let all = sentences.len();
        sentences.sort();
        sentences.dedup();
        // Revocation and odd extensions come in several variants that mean the same to the user.
        assert!(sentences.len() >= all - 10, "{} of {all}", sentences.len());
    }

    #[test]
    fn an_alert_means_another_thing_before_the_server_has_answered() {
        let peer = &peers()[0];
        let told = |alert, progress| {
            let error = explain(&Failure::AlertReceived(alert), peer, progress);
            (error.code(), error.to_string())
        };
        let (code, text) = told(Alert::HandshakeFailure, Progress::Began);
        assert_eq!(code, Code::Tls);
        assert!(
            text.contains("no cipher suite") && text.contains("handshake_failure (40)"),
            "{text}"
        );
        let (code, text) = told(Alert::HandshakeFailure, Progress::Agreed);
        assert_eq!(code, Code::Certificate);
        assert!(text.contains("requires a client certificate"), "{text}");
        let (_, text) = told(Alert::UnknownCA, Progress::Agreed);
        assert!(text.contains("unknown_ca (48)"), "{text}");
        let refused = Failure::AlertReceived(Alert::UnknownCA);
        let text = explain(&refused, &peers()[1], Progress::Agreed).to_string();
        assert!(text.contains("refused the client certificate /c/client.cert"), "{text}");
        assert!(text.contains("other.key"), "what was ignored may be the reason: {text}");
    }
}
