//! One address of a registry, ready for use.

use url::Url;

use crate::call::Call;
use crate::error::{Code, Error, Result};
use crate::names::host;
use crate::registry::api_endpoint::{ApiEndpoint, ApiVersion};
use crate::registry::service::Service;
use crate::tls::Identity;

/// A usable endpoint: its address is a valid URL.
#[derive(Debug, Clone)]
pub struct Endpoint {
    service: Service,
    api: ApiEndpoint,
    url: Url,
}

impl Endpoint {
    /// Checks the address. Does not speak to it.
    pub fn new(service: Service, api: ApiEndpoint) -> Result<Self> {
        if api.version == ApiVersion::V1 {
            return Err(Error::new(Code::Unsupported, "the endpoint uses protocol v1")
                .hint("use the functions for v1 endpoints, or set its Version to v2"));
        }
        let url = host::parse_endpoint_url(&api.url)?;
        Ok(Self { service, api, url })
    }

    /// The service that it belongs to.
    pub fn service(&self) -> &Service {
        &self.service
    }

    /// What it was made from.
    pub fn api(&self) -> &ApiEndpoint {
        &self.api
    }

    /// Its address, parsed.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// `host[:port]`, as the address has it: the name under which certificates and credentials are kept.
    pub fn authority(&self) -> &str {
        // Endpoint::new has parsed the same text.
        host::UrlParts::split(&self.api.url).map_or("", |parts| parts.authority)
    }

    /// The address of something below the API's root, `<URL>/v2/<path>`.
    pub fn path(&self, path: &str) -> String {
        [self.api.url.trim_end_matches('/'), "/v2/", path].concat()
    }

    /// How TLS is made with it, and which addresses that holds for.
    pub fn identity(&self, call: &Call) -> Result<Identity> {
        self.service.identity(&self.url, self.authority(), self.api.tls.as_ref(), call)
    }

    /// The same for an endpoint from the service's own lookup; None if it must not be used.
    ///
    /// The lookup answers as the reference does: one address in a block makes a host insecure, and plain http is listed
    /// beside https. Here the host is judged anew.
    pub fn identity_of_lookup(&self, call: &Call) -> Result<Option<Identity>> {
        let tls = self.api.tls.as_ref().filter(|tls| !tls.insecure_skip_verify);
        let identity = self.service.identity(&self.url, self.authority(), tls, call)?;
        let is_fallback = !self.api.mirror && self.url.scheme() == "http";
        Ok((!is_fallback || identity.insecure).then_some(identity))
    }

    /// Whether the other side's certificate is verified.
    pub fn is_secure(&self) -> bool {
        if self.url.scheme() != "https" {
            return false;
        }
        match &self.api.tls {
            Some(tls) => !tls.insecure_skip_verify,
            None => self.service.is_secure_without_asking(self.authority()),
        }
    }
}
