//! The address of a v1 index or registry, and whether somebody answers there.

use std::sync::Arc;

use super::root::Root;
use super::transport::{Headers, Login, Transport};
use crate::call::Call;
use crate::config::registry::IndexInfo;
use crate::credentials::{Allowed, Credentials, Purpose, auth_config_key};
use crate::error::{Code, Error, Phase, Result};
use crate::http::origin::Origin;
use crate::names::host::{self, INDEX_SERVER};
use crate::registry::failover::try_in_order;
use crate::registry::service::Service;
use crate::tls::Identity;
use crate::tls::certs_d::TlsConfig;
use crate::v2::registry::{Common, of_ping};
use serde::Serialize;
use serde_json::{Map, Value};

/// The most that is read of what a ping answers.
const PING_LIMIT: u64 = 64 << 10;

/// A v1 index or registry. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Endpoint(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    service: Service,
    /// The address without `/v1/`, as it was given.
    text: String,
    root: Root,
    tls: TlsConfig,
    headers: Headers,
}

/// What `_ping` answered.
#[derive(Debug, Clone, Serialize)]
pub struct Ping {
    /// Always "v1".
    pub protocol: &'static str,
    /// The registry's version, if it says one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Whether the registry needs no index.
    pub standalone: bool,
}

impl Endpoint {
    /// The endpoint of an index, found by asking: https, and http after it where the index is insecure.
    pub fn new(
        service: &Service,
        index: &IndexInfo,
        headers: Headers,
        call: &Call,
    ) -> Result<Self> {
        let tls = if index.secure {
            // Some name their index by a URL; certificates are kept by host.
            service.certificates(host::convert_to_hostname(&index.name))?
        } else {
            TlsConfig { insecure_skip_verify: true, ..TlsConfig::default() }
        };
        let address = address(auth_config_key(index))?;
        let (_, bare) = address.split_once("://").unwrap_or(("", &address));
        if index.name.is_empty() || bare.contains("://") {
            let shown = host::printable(&index.name);
            return Err(Error::argument(
                "index_json",
                format!("{shown:?} is not the name of an index"),
            )
            .hint("write the index as host[:port]"));
        }
        let at = |scheme: &str| {
            Self::of(service, format!("{scheme}://{bare}"), tls.clone(), headers.clone())
        };
        let endpoints = [at("https")?, at("http")?];
        let ping = |endpoint: &Self| endpoint.ping(call).map(drop);
        // The index may count as insecure by one of its addresses, and not by all of them.
        let goes_on = |error: &Error, _: &Self, plain: &Self| {
            Ok(!is_over(error) && !index.secure && plain.identity(call)?.insecure)
        };
        let failures = match try_in_order(&endpoints, 0, ping, goes_on) {
            Ok((found, ())) => return Ok(endpoints[found].clone()),
            Err(failures) => failures.into_each()?,
        };
        let host = Origin::of(endpoints[0].0.root.url()).authority();
        Err(nobody_there(&host, failures))
    }

    /// The endpoint at an address, without asking anybody.
    pub fn of(service: &Service, text: String, tls: TlsConfig, headers: Headers) -> Result<Self> {
        if service.settings().v1 == Some(false) {
            return Err(Error::new(Code::Unsupported, "protocol v1 is disabled")
                .hint("set the option v1 of the service to true"));
        }
        let root = Root::below(&host::parse_endpoint_url(&text)?);
        Ok(Self(Arc::new(Inner { service: service.clone(), text, root, tls, headers })))
    }

    /// The same with other headers.
    pub fn with_headers(&self, headers: Headers) -> Self {
        let Inner { service, text, root, tls, .. } = &*self.0;
        Self(Arc::new(Inner {
            service: service.clone(),
            text: text.clone(),
            root: root.clone(),
            tls: tls.clone(),
            headers,
        }))
    }

    /// The service that it belongs to.
    pub fn service(&self) -> &Service {
        &self.0.service
    }

    /// Where its paths begin.
    pub fn root(&self) -> &Root {
        &self.0.root
    }

    /// The address without `/v1/`, as it was given.
    pub fn address(&self) -> &str {
        &self.0.text
    }

    /// `<address>/v1/<path>`.
    pub fn path(&self, path: &str) -> String {
        [self.0.text.trim_end_matches('/'), "/v1/", path].concat()
    }

    /// Whether the other side's certificate is verified.
    pub fn is_secure(&self) -> bool {
        self.0.root.url().scheme() == "https" && !self.0.tls.insecure_skip_verify
    }

    /// Whether it is the official index.
    pub fn is_official(&self) -> bool {
        self.path("") == INDEX_SERVER
    }

    /// Asks `_ping`. The official index is not asked: it is known not to stand alone.
    pub fn ping(&self, call: &Call) -> Result<Ping> {
        if self.is_official() {
            return Ok(Ping { protocol: "v1", version: None, standalone: false });
        }
        let host = Origin::of(self.0.root.url()).authority();
        let doing = format!("ping the v1 registry {host}");
        let nobody = Login::Password { credentials: Credentials::default(), always: false };
        let transport = self.transport(nobody, call)?;
        let mut request = transport.request(self.0.root.path("_ping"), &doing);
        request.budget = Some((self.0.service.timeouts().auth, Phase::Ping));
        let mut response = transport.send(&request, call).map_err(of_ping)?;
        // Whatever it answers, somebody is there.
        let body = response.body.read_all(PING_LIMIT, "the response to the ping", "error", call);
        let said: Map<String, Value> = body
            .ok()
            .filter(|body| crate::json::strict::check(body).is_ok())
            .and_then(|body| serde_json::from_slice(&body).ok())
            .unwrap_or_default();
        call.check()?;
        let version = response.header("x-docker-registry-version").filter(|v| !v.is_empty());
        let standalone = match response.header("x-docker-registry-standalone") {
            None | Some("") => said.get("standalone").and_then(Value::as_bool).unwrap_or(true),
            Some(value) => value == "1" || value.eq_ignore_ascii_case("true"),
        };
        let version = version.or_else(|| said.get("version")?.as_str()).map(host::printable);
        Ok(Ping { protocol: "v1", version, standalone })
    }

    /// How a session of this login asks.
    pub(super) fn transport(&self, login: Login, call: &Call) -> Result<Transport> {
        let inner = &self.0;
        let (common, identity) = (inner.service.common().clone(), self.identity(call)?);
        Ok(Transport::new(common, &inner.root, identity, inner.headers.clone(), login))
    }

    /// How TLS is made with it, and which addresses that holds for.
    pub(super) fn identity(&self, call: &Call) -> Result<Identity> {
        let Inner { service, text, root, tls, .. } = &*self.0;
        // It was parsed when the endpoint was made.
        let authority = host::UrlParts::split(text).map_or("", |parts| parts.authority);
        service.identity(root.url(), authority, Some(tls), call)
    }

    /// What the registry of v2 at the same address is asked with, under the same name.
    pub(super) fn common(&self) -> Arc<Common> {
        match self.0.headers.user_agent.as_str() {
            "" => self.0.service.common().clone(),
            user_agent => self.0.service.common_as(user_agent),
        }
    }

    /// The credentials that the service has for it.
    pub fn known_credentials(&self, allowed: &Allowed, call: &Call) -> Result<Credentials> {
        let authority = Origin::of(self.0.root.url()).authority();
        let host = if self.is_official() { host::INDEX_NAME } else { &authority };
        let purpose = Purpose { allowed: allowed.clone(), ..Purpose::new(host, "") };
        self.0.service.credentials_to_read(purpose, call)
    }
}

/// Whether the call has ended, rather than an endpoint failed.
fn is_over(error: &Error) -> bool {
    matches!(error.code(), Code::Cancelled | Code::Deadline)
}

/// What it means that neither https nor, where it was tried, http led to a v1 registry.
fn nobody_there(host: &str, mut failures: Vec<Error>) -> Error {
    match failures.pop() {
        Some(last) if is_over(&last) => last,
        Some(only) if failures.is_empty() => only.context(format!("{host} is not a v1 registry")).hint(format!(
            "if it serves plain http or has a self-signed certificate, add {host} to insecure-registries, or save its CA certificate as {host}/ca.crt in the certs.d directory"
        )),
        Some(last) => {
            let first = failures[0].clone().context(format!(
                "{host} is not a v1 registry, neither over https nor over http ({last})"
            ));
            failures.push(last);
            first.with(|d| d.attempts = failures)
        }
        None => Error::internal("no endpoint was tried"),
    }
}

/// The address without `/v1/`: https where it names no scheme, and `v1` at its end is taken off.
pub fn address(text: &str) -> Result<String> {
    let has_scheme = text.starts_with("http://") || text.starts_with("https://");
    let text = if has_scheme { text.to_owned() } else { format!("https://{text}") };
    let text = text.strip_suffix('/').unwrap_or(&text);
    // A host may be called v1, too.
    let (rest, last) =
        text.rsplit_once('/').filter(|(rest, _)| !rest.ends_with('/')).unwrap_or(("", ""));
    match last {
        "v1" => Ok(rest.to_owned()),
        "v2" => Err(Error::argument(
            "index_json",
            format!("{} is not an address of protocol v1", host::printable(text)),
        )
        .hint("remove /v2, or create an endpoint of protocol v2")),
        _ => Ok(text.to_owned()),
    }
}
