//! What a failure of TLS means to the user: a sentence about what is wrong, and what to do about it.
//!
//! Nothing of rustls' own words reaches the user but names of alerts and of rules that a server broke.

mod certificate;
mod peer;
mod words;

use rustls::{AlertDescription as Alert, Error as Failure, PeerIncompatible, PeerMisbehaved};

pub use certificate::Fault;
pub use peer::Peer;

use crate::error::{Code, Error, Phase};
use certificate::{CLOCK, explain_certificate};
use peer::list;
use words::{snake, variant, words};

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
        Failure::InvalidMessage(what) => malformed(words(what), peer, progress),
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

/// The peer sent something that is not valid TLS.
fn malformed(what: String, peer: &Peer, progress: Progress) -> Error {
    let tls = |message: String| Error::new(Code::Tls, message).phase(Phase::Tls);
    match progress {
        Progress::PlainHttp => {
            tls(format!("{peer} answered in plain HTTP instead of TLS")).hint(plain_hint(peer))
        }
        Progress::Began => {
            tls(format!("{peer} does not speak TLS on this port")).hint(plain_hint(peer))
        }
        Progress::Agreed => {
            tls(format!("{peer} sent a malformed TLS message")).cause(what).hint(DEFECT)
        }
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

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;
    use std::time::Duration;

    use rustls::pki_types::{ServerName, UnixTime, alg_id};
    use rustls::{
        CertRevocationListError, CertificateError, ContentType, EncryptedClientHelloError,
        ExtendedKeyPurpose, HandshakeType, InconsistentKeys, InvalidMessage, OtherError,
    };

    use super::*;
    use crate::tls::Identity;

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
