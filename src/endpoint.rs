//! A place that a registry is spoken to at.

use serde::Serialize;
use url::Url;

use crate::error::{Code, Error, Result};
use crate::host;
use crate::json::Object;
use crate::service::Service;
use crate::tls::certs_d::TlsConfig;

/// The protocol that an endpoint speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum ApiVersion {
    V1,
    V2,
}

/// An endpoint as the service's lookups give it; in JSON, Go's APIEndpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ApiEndpoint {
    /// Whether it is a mirror of the official registry.
    pub mirror: bool,
    /// Its address, as it was given.
    #[serde(rename = "URL")]
    pub url: String,
    /// Its protocol.
    pub version: ApiVersion,
    /// Whether layers with foreign addresses may be pushed to it.
    pub allow_nondistributable_artifacts: bool,
    /// Whether it is the official registry.
    pub official: bool,
    /// Whether repositories are named to it without the registry's host.
    pub trim_hostname: bool,
    /// How TLS is spoken; None is what the service has for the host when it is asked.
    #[serde(rename = "TLSConfig", skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsConfig>,
}

impl ApiEndpoint {
    /// Parses the JSON of one; only `URL` is required.
    pub fn parse(text: &str, argument: &str) -> Result<Self> {
        let mut object = Object::published(text, argument)?;
        let version = match object.text("Version")?.as_deref() {
            None | Some("v2") => ApiVersion::V2,
            Some("v1") => ApiVersion::V1,
            Some(_) => return Err(object.wrong("Version", "\"v1\" or \"v2\"")),
        };
        let tls = object.object("TLSConfig")?.map(TlsConfig::read_json).transpose()?;
        let mut flag = |key| object.flag(key).map(Option::unwrap_or_default);
        Ok(Self {
            mirror: flag("Mirror")?,
            allow_nondistributable_artifacts: flag("AllowNondistributableArtifacts")?,
            official: flag("Official")?,
            trim_hostname: flag("TrimHostname")?,
            url: object
                .text("URL")?
                .filter(|url| !url.is_empty())
                .ok_or_else(|| Error::argument("URL", format!("{argument} has no URL")))?,
            version,
            tls,
        })
    }
}

/// An endpoint that can be spoken to: its address is one that a URL can hold.
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
            return Err(Error::new(
                Code::Unsupported,
                "this version of the library does not speak v1",
            )
            .hint("use an endpoint of Version v2"));
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
