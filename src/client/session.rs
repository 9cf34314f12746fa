//! Endpoints and sessions of either protocol.

use std::sync::Arc;

use serde::Serialize;

use super::options::{AuthorizeOptions, SessionOptions};
use crate::call::Call;
use crate::config::registry::IndexInfo;
use crate::credentials::AuthConfig;
use crate::error::{Code, Error, Result};
use crate::names::reference::Reference;
use crate::registry::api_endpoint::{ApiEndpoint, ApiVersion};
use crate::registry::authorize::{self, Authorized};
use crate::registry::service::Service;
use crate::registry::session::{Info, OpenOptions, check_openable};
use crate::{registry, v1, v2};

/// One address of a registry, with the protocol that it speaks.
#[derive(Debug, Clone)]
pub enum Endpoint {
    /// Protocol v2.
    V2(registry::endpoint::Endpoint),
    /// Protocol v1.
    V1(v1::Endpoint),
}

impl Endpoint {
    /// Creates an endpoint without contacting it.
    pub fn new(service: Service, api: ApiEndpoint) -> Result<Self> {
        Ok(match api.version {
            ApiVersion::V1 => Self::V1(to_v1(&service, &api, v1::Headers::default())?),
            ApiVersion::V2 => Self::V2(registry::endpoint::Endpoint::new(service, api)?),
        })
    }

    /// Finds the endpoint of a v1 index or registry.
    pub fn new_v1(
        service: &Service,
        index: &IndexInfo,
        headers: v1::Headers,
        call: &Call,
    ) -> Result<Self> {
        v1::Endpoint::new(service, index, headers, call).map(Self::V1)
    }

    /// The same address by protocol v1, with these headers.
    pub fn to_v1(&self, headers: v1::Headers) -> Result<Self> {
        Ok(Self::V1(match self {
            Self::V2(endpoint) => to_v1(endpoint.service(), endpoint.api(), headers)?,
            Self::V1(endpoint) => endpoint.with_headers(headers),
        }))
    }

    /// The URL of a path below the API.
    pub fn path(&self, path: &str) -> String {
        match self {
            Self::V2(endpoint) => endpoint.path(path),
            Self::V1(endpoint) => endpoint.path(path),
        }
    }

    /// Whether the certificate is verified.
    pub fn is_secure(&self) -> bool {
        match self {
            Self::V2(endpoint) => endpoint.is_secure(),
            Self::V1(endpoint) => endpoint.is_secure(),
        }
    }

    /// Requests the first address of the protocol, without credentials.
    pub fn ping(&self, call: &Call) -> Result<Ping> {
        Ok(match self {
            Self::V1(endpoint) => Ping::V1(endpoint.ping(call)?),
            Self::V2(endpoint) => {
                let anonymous = Some(AuthConfig::default());
                let session = registry::session::Session::new(endpoint, anonymous, call)?;
                Ping::V2(session.ping(call)?)
            }
        })
    }
}

fn to_v1(service: &Service, api: &ApiEndpoint, headers: v1::Headers) -> Result<v1::Endpoint> {
    let tls = match &api.tls {
        Some(tls) => tls.clone(),
        None => service.tls_config_without_asking(&api.url)?,
    };
    v1::Endpoint::of(service, api.url.clone(), tls, headers)
}

/// What a ping found out.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Ping {
    /// By protocol v2.
    V2(v2::registry::Ping),
    /// By protocol v1.
    V1(v1::endpoint::Ping),
}

/// A session of either protocol. Clones share it.
#[derive(Debug, Clone)]
pub enum Session {
    /// Protocol v2.
    V2(Arc<registry::session::Session>),
    /// Protocol v1.
    V1(Arc<v1::Session>),
}

impl Session {
    /// Creates a session for a whole registry at one endpoint.
    pub fn new(endpoint: &Endpoint, auth: Option<AuthConfig>, call: &Call) -> Result<Self> {
        Ok(match endpoint {
            Endpoint::V2(endpoint) => registry::session::Session::new(endpoint, auth, call)?.into(),
            Endpoint::V1(endpoint) => v1::Session::new(endpoint, auth, call)?.into(),
        })
    }

    /// Opens a session for the repository of a reference, or for the registry that the options name.
    pub fn open(
        service: &Service,
        reference: Option<&str>,
        options: SessionOptions,
        call: Call,
    ) -> Result<Self> {
        let SessionOptions { auth, credential_sources, actions, registry, protocol } = options;
        let allowed = credential_sources.unwrap_or_default();
        let options = OpenOptions { auth, actions: actions.0, allowed };
        let call = call.limited(service.timeouts().total);
        let reference: Option<Reference> = reference.map(str::parse).transpose()?;
        let host = match (&reference, &registry) {
            (Some(reference), None) => reference.domain(),
            (None, Some(host)) => host,
            _ => return Err(neither_or_both()),
        };
        Ok(match (protocol, &reference) {
            (ApiVersion::V1, reference) => {
                reference.as_ref().map(check_openable).transpose()?;
                v1::Session::open(service, host, options.auth, &options.allowed, &call)?.into()
            }
            (ApiVersion::V2, Some(reference)) => {
                registry::session::Session::open(service, reference, &options, &call)?.into()
            }
            (ApiVersion::V2, None) => {
                registry::session::Session::open_registry(service, host, &options, &call)?.into()
            }
        })
    }

    /// Creates a session for a repository at the same endpoints.
    pub fn repository(&self, path: &str) -> Result<Self> {
        Ok(self.clone().v2()?.repository(path)?.into())
    }

    /// 64 random hexadecimal digits.
    pub fn id(&self) -> &str {
        match self {
            Self::V2(session) => session.id(),
            Self::V1(session) => session.id(),
        }
    }

    /// What the session is.
    pub fn info(&self) -> Info {
        match self {
            Self::V2(session) => session.info(),
            Self::V1(session) => session.info(),
        }
    }

    /// Requests the first address of the protocol, without credentials.
    pub fn ping(&self, call: &Call) -> Result<Ping> {
        Ok(match self {
            Self::V2(session) => Ping::V2(session.ping(call)?),
            Self::V1(session) => Ping::V1(session.ping(call)?),
        })
    }

    /// The session, if it speaks protocol v2.
    pub fn v2(self) -> Result<Arc<registry::session::Session>> {
        match self {
            Self::V2(session) => Ok(session),
            Self::V1(_) => Err(other_protocol("v1", "v2")),
        }
    }

    /// The session, if it speaks protocol v1.
    pub fn v1(self) -> Result<Arc<v1::Session>> {
        match self {
            Self::V1(session) => Ok(session),
            Self::V2(_) => Err(other_protocol("v2", "v1")),
        }
    }
}

impl From<registry::session::Session> for Session {
    fn from(session: registry::session::Session) -> Self {
        Self::V2(Arc::new(session))
    }
}

impl From<v1::Session> for Session {
    fn from(session: v1::Session) -> Self {
        Self::V1(Arc::new(session))
    }
}

/// What a request needs that somebody else sends.
pub fn authorize(
    session: &registry::session::Session,
    method: &str,
    path: &str,
    options: AuthorizeOptions,
    call: &Call,
) -> Result<Authorized> {
    let AuthorizeOptions { follow, renew } = options;
    session.authorize(method, path, authorize::AuthorizeOptions { follow, renew }, call)
}

fn neither_or_both() -> Error {
    let message = "either a reference or the option registry is required, but not both";
    Error::argument("reference", message).hint(
        "pass a reference to open its repository, or set registry to host[:port] to open a whole registry",
    )
}

fn other_protocol(speaks: &str, needed: &str) -> Error {
    let message = format!(
        "this function needs a session of protocol {needed}, but the session uses protocol {speaks}"
    );
    Error::new(Code::Unsupported, message)
        .hint("open a session for an endpoint of the other protocol")
}
