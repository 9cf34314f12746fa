//! Endpoints as the service's lookups list them.

use serde::Serialize;

use crate::error::{Error, Result};
use crate::json::strict::Object;
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
    /// The TLS settings; None uses the service's settings for the host at the time of a call.
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
                .ok_or_else(|| Error::argument("URL", format!("{argument} lacks the key URL")))?,
            version,
            tls,
        })
    }
}
