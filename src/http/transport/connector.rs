//! Wraps connections to https addresses in TLS.

use std::path::PathBuf;
use std::sync::Arc;

use once_cell::sync::OnceCell;
use rustls::ClientConfig;
use ureq::unversioned::transport::{ConnectionDetails, Connector, Either};

use super::plain::Plain;
use super::scope::{self, carry};
use super::tls::Tls;
use crate::error::Result;
use crate::tls::Identity;
use crate::tls::fault::Peer;

/// Wraps connections to https addresses; others pass through.
#[derive(Debug)]
pub(in crate::http) struct TlsConnector {
    identity: Identity,
    /// Where the directories of registries' certificates are.
    certs_dir: Option<PathBuf>,
    /// Made at the first TLS connection: a registry on plain http needs no CA certificates.
    config: OnceCell<Arc<ClientConfig>>,
}

impl TlsConnector {
    pub(in crate::http) fn new(identity: Identity, certs_dir: Option<PathBuf>) -> Self {
        Self { identity, certs_dir, config: OnceCell::new() }
    }
}

impl Connector<Plain> for TlsConnector {
    type Out = Either<Plain, Tls>;

    fn connect(
        &self,
        details: &ConnectionDetails,
        chained: Option<Plain>,
    ) -> Result<Option<Self::Out>, ureq::Error> {
        let Some(plain) = chained else { return Ok(None) };
        if !details.needs_tls() {
            return Ok(Some(Either::A(plain)));
        }
        let host = details.uri.host().unwrap_or_default();
        let authority = match details.uri.port_u16() {
            Some(port) if port != 443 => format!("{host}:{port}"),
            _ => host.to_owned(),
        };
        let peer = Peer::server(authority, &self.identity, self.certs_dir.as_deref());
        let config =
            self.config.get_or_try_init(|| client_config(&self.identity)).map_err(carry)?;
        let tls = Tls::handshake(config.clone(), host, peer, plain.wire)?;
        tls.log(&self.identity);
        Ok(Some(Either::B(tls)))
    }
}

/// What connections of an identity are made with; files that are passed over are warnings of the call.
pub(in crate::http) fn client_config(identity: &Identity) -> Result<Arc<ClientConfig>> {
    identity.client_config(&mut |warning| {
        if let Some(call) = scope::with(|scope| scope.call.clone()) {
            call.warn("tls", warning, |record| record);
        }
    })
}
