//! Which endpoints are asked for an image, and in which order: the one place that chooses.
//!
//! A registry with a directory in `hosts-dir` is asked as that directory says, and not otherwise. Else the entry of
//! `registries-conf` with the longest prefix of the image's name counts. Else Docker Hub has the mirrors of
//! `registry-mirrors`, and every registry its own address. Mirrors come first, in the order of the file; the registry itself
//! comes last. An entry of `registries-conf` that is blocked refuses an image whatever the rest says.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use url::Url;
use zeroize::Zeroizing;

use super::api_endpoint::ApiEndpoint;
use super::endpoint::Endpoint;
use super::service::{Service, endpoint};
use crate::call::Call;
use crate::config::hosts_toml::{Address, Capabilities, Host, Hosts};
use crate::config::options::PathOption;
use crate::config::registries_conf::{Entry, Pulls, Registries};
use crate::error::{Code, Error, Phase, Result};
use crate::http::{HeaderName, HeaderValue};
use crate::names::host;
use crate::names::reference::Reference;
use crate::tls::Identity;
use crate::tls::certs_d::TlsConfig;
use crate::v2::registry::Manner;

/// Whose images are wanted, and what for.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// The registry, `host[:port]`.
    pub domain: &'a str,
    /// The image; None is the whole registry.
    pub image: Option<&'a Reference>,
    /// Whether it is to be changed.
    pub push: bool,
}

/// Who says that an endpoint is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Origin {
    /// The option of that name, or the daemon.json's list.
    #[serde(rename = "registry-mirrors")]
    RegistryMirrors,
    /// The registry's directory in `hosts-dir`.
    #[serde(rename = "hosts.toml")]
    HostsToml,
    /// The file of the option `registries-conf`.
    #[serde(rename = "registries.conf")]
    RegistriesConf,
    /// Nobody: it is the registry itself.
    #[serde(rename = "default")]
    Default,
}

/// An endpoint that may be asked.
#[derive(Debug, Clone)]
pub struct Route {
    /// Where it is.
    pub endpoint: Endpoint,
    /// How TLS is made with it.
    pub identity: Identity,
    /// Who says that it is asked.
    pub source: Origin,
    /// What it is asked for.
    pub capabilities: Capabilities,
    /// How it is spoken to.
    pub manner: Manner,
    /// What repositories are called there.
    pub names: Names,
    /// Why it is not asked for this image at all.
    pub skipped: Option<String>,
    /// The same as an error, where a file forbids it.
    refused: Option<Error>,
}

/// What the repositories of a registry are called at an endpoint.
#[derive(Debug, Clone)]
pub enum Names {
    /// As everywhere.
    Same,
    /// The prefix of an entry is replaced by a location.
    Moved(Arc<Entry>, String),
}

/// An endpoint as it is told.
#[derive(Debug, Clone, Serialize)]
pub struct Told {
    url: String,
    mirror: bool,
    source: Origin,
    capabilities: Vec<&'static str>,
    insecure: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    skipped: Option<String>,
}

/// The endpoints for an image, as a document.
#[derive(Debug, Clone, Serialize)]
pub struct Endpoints {
    /// In the order to ask them.
    pub endpoints: Vec<Told>,
}

impl Names {
    /// The path of a repository there.
    pub fn path(&self, domain: &str, path: &str) -> Result<String> {
        match self {
            Self::Same => Ok(path.to_owned()),
            Self::Moved(entry, location) => {
                let image: Reference = [domain, "/", path].concat().parse()?;
                Ok(entry.at(location, &image)?.1)
            }
        }
    }
}

impl Service {
    /// The endpoints to ask, in order, with those that are not asked and why. Reads the files that the options name.
    ///
    /// POLICY if the image is blocked, INVALID_CONFIG if a file cannot be used.
    pub fn resolve(&self, wanted: &Wanted<'_>, call: &Call) -> Result<Vec<Route>> {
        call.log_to(self.log());
        let registries = self.registries(call)?;
        let name = wanted.image.map_or_else(|| wanted.domain.to_owned(), Reference::canonical);
        let entry = registries.find(&name);
        if let Some(entry) = entry.filter(|entry| entry.blocked) {
            return Err(entry.refused(&name));
        }
        let resolving = Resolving { service: self, wanted, registries: &registries, call };
        let mut routes = match self.hosts(wanted.domain, call)? {
            Some(hosts) => resolving.by_hosts(hosts)?,
            None => match entry {
                Some(entry) => resolving.by_entry(entry)?,
                None => resolving.by_default()?,
            },
        };
        for route in &mut routes {
            let able = route.capabilities;
            if route.skipped.is_none() && wanted.push && !able.push {
                route.skipped = Some("it does not have the capability push".to_owned());
            } else if route.skipped.is_none() && !(able.pull || able.resolve || wanted.push) {
                route.skipped = Some("it does not have the capability pull or resolve".to_owned());
            }
        }
        if routes.iter().all(|route| route.skipped.is_some())
            && let Some(refused) = routes.iter().find_map(|route| route.refused.clone())
        {
            return Err(refused);
        }
        Ok(routes)
    }

    /// The same as a document, with what the service remembers of mirrors.
    pub fn resolve_endpoints(
        &self,
        reference: &Reference,
        push: bool,
        call: &Call,
    ) -> Result<Endpoints> {
        let wanted = Wanted { domain: reference.domain(), image: Some(reference), push };
        let told = |route: Route| {
            let ApiEndpoint { url, mirror, .. } = route.endpoint.api().clone();
            let health = || self.health().why(&url).filter(|_| mirror);
            Told {
                mirror,
                source: route.source,
                capabilities: route.capabilities.names(),
                insecure: route.identity.insecure || route.endpoint.url().scheme() == "http",
                skipped: route.skipped.or_else(health),
                url,
            }
        };
        let endpoints = self.resolve(&wanted, call)?.into_iter().map(told).collect();
        Ok(Endpoints { endpoints })
    }

    /// Refuses a repository of a session's registry that the session's endpoints are not those of.
    pub(super) fn check_derived(&self, domain: &str, of: &str, path: &str) -> Result<()> {
        let registries = self.registries(&Call::new(None))?;
        let name = [domain, "/", path].concat();
        let entry = registries.find(&name);
        if let Some(entry) = entry.filter(|entry| entry.blocked) {
            return Err(entry.refused(&name));
        }
        let own = if of.is_empty() { domain.to_owned() } else { [domain, "/", of].concat() };
        if entry.map(|entry| &entry.prefix) == registries.find(&own).map(|entry| &entry.prefix) {
            return Ok(());
        }
        Err(Error::new(
            Code::Unsupported,
            format!("registries.conf has other endpoints for {name} than for {own}"),
        )
        .hint(format!("open a session for {name} itself")))
    }

    fn registries(&self, call: &Call) -> Result<Registries> {
        match &self.settings().registries_conf {
            PathOption::At(path) => Registries::read(path, &mut |text| passed_over(text, call)),
            PathOption::Usual | PathOption::Nowhere => Ok(Registries::default()),
        }
    }

    fn hosts(&self, domain: &str, call: &Call) -> Result<Option<Hosts>> {
        match &self.settings().hosts_dir {
            PathOption::At(root) => Hosts::find(root, domain, &mut |text| passed_over(text, call)),
            PathOption::Usual | PathOption::Nowhere => Ok(None),
        }
    }
}

fn passed_over(text: String, call: &Call) {
    call.warn("config", text, |record| record);
}

/// What endpoints are made from.
struct Resolving<'a> {
    service: &'a Service,
    wanted: &'a Wanted<'a>,
    registries: &'a Registries,
    call: &'a Call,
}

impl Resolving<'_> {
    /// Whether a host is the registry itself.
    fn is_own(&self, authority: &str) -> bool {
        host::normalised(authority) == host::normalised(self.wanted.domain)
    }

    /// The registry itself, and Docker Hub's mirrors before it.
    fn by_default(&self) -> Result<Vec<Route>> {
        let lookup = self.service.lookup_pull_endpoints(self.wanted.domain, self.call)?;
        let mut routes = Vec::new();
        for api in lookup {
            let (source, capabilities) = match api.mirror {
                true => (Origin::RegistryMirrors, Capabilities::read()),
                false => (Origin::Default, Capabilities::default()),
            };
            routes
                .extend(self.looked_up(api, source)?.map(|route| Route { capabilities, ..route }));
        }
        Ok(routes)
    }

    /// A registry by its own address, as the service would ask it.
    fn of_registry(&self, domain: &str, source: Origin) -> Result<Vec<Route>> {
        let lookup = self.service.lookup_push_endpoints(domain, self.call)?;
        let mirror = !self.is_own(domain);
        let routes =
            lookup.into_iter().map(|api| self.looked_up(ApiEndpoint { mirror, ..api }, source));
        Ok(routes.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
    }

    /// An endpoint of a lookup; None where nobody is to be asked there.
    fn looked_up(&self, api: ApiEndpoint, source: Origin) -> Result<Option<Route>> {
        let endpoint = Endpoint::new(self.service.clone(), api)?;
        let identity = endpoint.identity_of_lookup(self.call)?;
        Ok(identity.map(|identity| Route::new(endpoint, identity, source)))
    }

    /// An endpoint whose TLS is made as a file says.
    fn at(&self, url: String, mirror: bool, tls: TlsConfig, source: Origin) -> Result<Route> {
        let allow = self.service.lookup_push_endpoints(self.wanted.domain, self.call)?;
        let api = ApiEndpoint {
            mirror,
            allow_nondistributable_artifacts: !mirror
                && allow.iter().any(|api| api.allow_nondistributable_artifacts),
            ..endpoint(url, tls.clone())
        };
        let endpoint = Endpoint::new(self.service.clone(), api)?;
        let identity =
            self.service.identity_of_host(endpoint.url(), endpoint.authority(), tls, self.call)?;
        Ok(Route::new(endpoint, identity, source))
    }

    /// What a directory of hosts says.
    fn by_hosts(&self, hosts: Hosts) -> Result<Vec<Route>> {
        let mut routes = Vec::new();
        for host in hosts.hosts.iter().chain([&hosts.server]) {
            let of_host = match &host.address {
                Some(address) => self.of_host(host, address)?,
                None => self.of_upstream(host)?,
            };
            for mut route in of_host {
                route.capabilities = host.capabilities;
                route.manner.headers = headers(&host.headers)?;
                route.manner.connect = host.dial_timeout.filter(|limit| *limit != Duration::ZERO);
                routes.push(route);
            }
        }
        Ok(routes)
    }

    /// A host with an address of its own.
    fn of_host(&self, host: &Host, address: &Address) -> Result<Vec<Route>> {
        let mirror = !self.is_own(&address.authority);
        // As containerd does: what is said about TLS has a meaning, so it is tried where the port does not speak against it.
        let says_tls = host.skip_verify.is_some()
            || !host.tls.root_cas.is_empty()
            || !host.tls.certificates.is_empty();
        let tries_tls =
            address.root.scheme() == "http" && says_tls && address.root.port().is_some();
        let mut routes = Vec::new();
        for scheme in [tries_tls.then_some("https"), Some(address.root.scheme())] {
            let Some(scheme) = scheme else { continue };
            let with_scheme = |text: &str| {
                let (_, rest) = text.split_once("://").unwrap_or(("", text));
                format!("{scheme}://{rest}")
            };
            let url = with_scheme(address.text.trim_end_matches('/'));
            let mut route = self.at(url, mirror, host.tls.clone(), Origin::HostsToml)?;
            let root = with_scheme(address.root.as_str().trim_end_matches('/'));
            route.manner.root = Some(
                Url::parse(&root)
                    .map_err(|e| Error::internal("cannot build the address of a host").cause(e))?,
            );
            route.manner.namespace = mirror.then(|| self.wanted.domain.to_owned());
            routes.push(route);
        }
        Ok(routes)
    }

    /// The registry itself, with what its directory says of it.
    fn of_upstream(&self, host: &Host) -> Result<Vec<Route>> {
        let mut routes = self.of_registry(self.wanted.domain, Origin::HostsToml)?;
        if host.skip_verify.is_some() {
            routes.retain(|route| route.endpoint.url().scheme() == "https");
        }
        for route in &mut routes {
            if host.skip_verify.is_some() {
                let url = route.endpoint.api().url.clone();
                *route = self.at(url, false, host.tls.clone(), Origin::HostsToml)?;
                continue;
            }
            route.identity.root_cas.extend(host.tls.root_cas.iter().cloned());
            route.identity.certificates.extend(host.tls.certificates.iter().cloned());
        }
        Ok(routes)
    }

    /// What an entry of registries.conf says.
    fn by_entry(&self, entry: &Entry) -> Result<Vec<Route>> {
        let shared = Arc::new(entry.clone());
        let mut routes = Vec::new();
        // The entry says where images are read from; they are pushed to where they are named.
        for mirror in entry.mirrors.iter().filter(|_| !self.wanted.push) {
            let has_digest = self.wanted.image.is_some_and(|image| image.digest().is_some());
            let skipped = match mirror.pulls {
                Pulls::DigestOnly if !has_digest => {
                    Some("it is used only for references with a digest")
                }
                Pulls::TagOnly if has_digest => {
                    Some("it is used only for references without a digest")
                }
                _ => None,
            };
            let found = self.moved(&shared, &mirror.location, mirror.insecure)?;
            routes.extend(found.into_iter().map(|route| Route {
                skipped: skipped.map(str::to_owned).or(route.skipped.clone()),
                capabilities: Capabilities::read(),
                ..route
            }));
        }
        let location = entry.location.as_deref().filter(|_| !self.wanted.push);
        routes.extend(match location {
            Some(location) => self.moved(&shared, location, entry.insecure)?,
            None => self.of_location(self.wanted.domain, entry.insecure)?,
        });
        Ok(routes)
    }

    /// The image at another location.
    fn moved(&self, entry: &Arc<Entry>, location: &str, insecure: bool) -> Result<Vec<Route>> {
        let (domain, path) = match self.wanted.image {
            Some(image) => entry.at(location, image)?,
            None => {
                let (domain, path) = location.split_once('/').unwrap_or((location, ""));
                (domain.to_owned(), path.to_owned())
            }
        };
        let name = if path.is_empty() { domain.clone() } else { [&domain, "/", &path].concat() };
        let blocked = self.registries.find(&name).filter(|other| other.blocked);
        let mut routes = self.of_location(&domain, insecure)?;
        for route in &mut routes {
            route.names = Names::Moved(entry.clone(), location.to_owned());
            route.refused = blocked.map(|other| other.refused(&name));
            route.skipped = blocked.map(|other| format!("{name} is blocked by {}", other.prefix));
        }
        Ok(routes)
    }

    /// A registry, by https and http without verification if it is insecure, else as the service would ask it.
    fn of_location(&self, domain: &str, insecure: bool) -> Result<Vec<Route>> {
        if !insecure {
            return self.of_registry(domain, Origin::RegistriesConf);
        }
        let mirror = !self.is_own(domain);
        let address = match host::normalised(domain).as_str() {
            host::INDEX_NAME => host::DEFAULT_V2_REGISTRY.trim_start_matches("https://").to_owned(),
            _ => domain.to_owned(),
        };
        let tls = TlsConfig { insecure_skip_verify: true, ..TlsConfig::default() };
        ["https", "http"]
            .map(|scheme| {
                self.at(
                    format!("{scheme}://{address}"),
                    mirror,
                    tls.clone(),
                    Origin::RegistriesConf,
                )
            })
            .into_iter()
            .collect()
    }
}

impl Route {
    /// An endpoint that is spoken to as usual.
    pub(super) fn new(endpoint: Endpoint, identity: Identity, source: Origin) -> Self {
        Self {
            endpoint,
            identity,
            source,
            capabilities: Capabilities::default(),
            manner: Manner::default(),
            names: Names::Same,
            skipped: None,
            refused: None,
        }
    }
}

impl Route {
    /// The endpoint, and why it is not asked.
    pub(super) fn told(&self) -> String {
        let url = host::printable(&self.endpoint.api().url);
        format!("{url}: {}", self.skipped.as_deref().unwrap_or_default())
    }
}

/// The headers of a file as a request has them: secrets, as far as anybody knows.
fn headers(given: &[(String, Zeroizing<String>)]) -> Result<Vec<(HeaderName, HeaderValue)>> {
    let header = |(name, value): &(String, Zeroizing<String>)| {
        let parsed =
            HeaderName::from_bytes(name.as_bytes()).ok().zip(HeaderValue::from_str(value).ok());
        let (name, mut value) = parsed.ok_or_else(|| {
            Error::new(
                Code::InvalidConfig,
                format!("hosts.toml sets the header {name}, which cannot be sent"),
            )
            .phase(Phase::Config)
            .hint("correct the header in the file")
        })?;
        value.set_sensitive(true);
        Ok((name, value))
    };
    given.iter().map(header).collect()
}
