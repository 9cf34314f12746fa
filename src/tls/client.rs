//! An identity as a TLS configuration.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::crypto::CryptoProvider;
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, RootCertStore, SignatureScheme};

use super::identity::Identity;
use super::verify::{Unverified, Verified};
use super::x509::Certificate;
use super::{files, system};
use crate::crypto;
use crate::error::{Code, Error, Phase, Result};

impl Identity {
    /// Reads the files and makes the configuration. `warn` gets a message about everything that is skipped.
    pub fn client_config(&self, warn: &mut dyn FnMut(String)) -> Result<Arc<ClientConfig>> {
        self.skipped.iter().cloned().for_each(&mut *warn);
        let provider = Arc::new(crypto::provider());
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|e| Error::internal("cannot set up TLS").cause(e))?;
        let builder = if self.insecure {
            let verifier = Unverified(provider.signature_verification_algorithms);
            builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier))
        } else {
            let verifier = self.verifier(&provider, warn)?;
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

    fn verifier(
        &self,
        provider: &Arc<CryptoProvider>,
        warn: &mut dyn FnMut(String),
    ) -> Result<Verified> {
        let (mut roots, mut own) = (RootCertStore::empty(), Vec::new());
        for path in &self.root_cas {
            files::add_roots(path, &mut roots, &mut own, warn)?;
        }
        let system = match system::roots(self.environment) {
            Ok(system) => system,
            // What the caller trusts is enough to go on with.
            Err(error) if !own.is_empty() => {
                warn(error.to_string());
                &[]
            }
            Err(error) => return Err(error),
        };
        roots.add_parsable_certificates(system.iter().cloned());
        if roots.is_empty() {
            return Err(Error::new(Code::Certificate, "there are no CA certificates to verify with")
                .phase(Phase::Tls)
                .hint("install the system's CA certificates (package ca-certificates), or save the registry's CA certificate as ca.crt in its certs.d directory"));
        }
        let chains = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
            .build()
            .map_err(|_| Error::internal("cannot create the certificate verifier"))?;
        Ok(Verified { chains, system, own })
    }

    fn keys(&self, provider: &CryptoProvider) -> Result<Vec<Arc<CertifiedKey>>> {
        let load = |(certificate, key): &(PathBuf, PathBuf)| {
            files::client_pair(certificate, key, provider)
        };
        self.certificates.iter().map(load).collect()
    }
}

/// Sends one of our certificates whose key can sign what the server accepts: the first that a CA which the server names
/// has signed, else the first.
#[derive(Debug)]
struct ClientCertificates(Vec<Arc<CertifiedKey>>);

impl rustls::client::ResolvesClientCert for ClientCertificates {
    fn resolve(&self, cas: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let usable = |key: &&Arc<CertifiedKey>| key.key.choose_scheme(schemes).is_some();
        let wanted = |key: &&Arc<CertifiedKey>| {
            let issuers = key.cert.iter().filter_map(|der| Certificate::parse(der));
            issuers.into_iter().any(|certificate| cas.contains(&certificate.issuer))
        };
        let mut keys = self.0.iter().filter(usable);
        keys.clone().find(wanted).or_else(|| keys.next()).cloned()
    }

    fn has_certs(&self) -> bool {
        true
    }
}
