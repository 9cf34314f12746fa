//! A registry service: a configuration, and what it says about hosts and references.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use once_cell::race::OnceBox;

use super::health::Health;
use super::options::ServiceOptions;
use crate::auth::{Policy, Tokens};
use crate::call::Call;
use crate::config::options::PathOption;
use crate::config::proxy::Proxies;
use crate::config::registry::{IndexInfo, Lists, RepositoryInfo, ServiceConfig};
use crate::config::settings::{Limits, Retry, Timeouts};
use crate::credentials::callback::Ask;
use crate::credentials::sources::{Found, Sources, Summary};
use crate::credentials::store::{Server, Store};
use crate::credentials::{Credentials, Purpose};
use crate::error::{Code, Error, Result};
use crate::http::governor::Governor;
use crate::http::resolver::Resolver;
use crate::http::slots::Slots;
use crate::http::{Client, Peer};
use crate::log::{Level, Log, Record};
use crate::names::host::{self, DEFAULT_V2_REGISTRY, INDEX_HOSTNAME, INDEX_NAME, UrlParts};
use crate::names::reference::Reference;
use crate::os::environment::Environment;
use crate::registry::api_endpoint::{ApiEndpoint, ApiVersion};
use crate::sync::Current;
use crate::tls::Identity;
use crate::tls::certs_d::{self, TlsConfig};
use crate::tls::system;
use crate::v2::moving::Moving;
use crate::v2::registry::Common;

/// A handle on a service; cheap to clone, may be used from many threads.
#[derive(Clone)]
pub struct Service(pub(super) Arc<Inner>);

pub(super) struct Inner {
    config: Current<Arc<ServiceConfig>>,
    settings: ServiceOptions,
    user_agent: String,
    pub(super) certs_dir: Option<PathBuf>,
    credentials: Arc<Sources>,
    pub(super) proxies: Proxies,
    resolver: Arc<Resolver>,
    log: Arc<Log>,
    health: Health,
    common: OnceBox<Arc<Common>>,
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service")
            .field("config", &self.config())
            .field("settings", &self.0.settings)
            .finish_non_exhaustive()
    }
}

impl Service {
    /// A service with these options.
    pub fn new(options: ServiceOptions) -> Result<Self> {
        let mut settings = options;
        let lists = settings.apply_daemon()?;
        let resolve = std::mem::take(&mut settings.resolve).0;
        let certs_dir = match &settings.certs_dir {
            PathOption::Usual => Some(certs_d::default_directory(settings.environment)),
            PathOption::Nowhere => None,
            PathOption::At(path) => Some(path.clone()),
        };
        if settings.preload {
            system::roots(settings.environment)?;
        }
        let credentials = Arc::new(Sources::new(
            settings.credentials.clone(),
            &settings.docker_config,
            settings.environment,
            settings.credential_helper_timeout.unwrap_or(settings.timeouts.auth),
        ));
        let proxies = match &settings.proxy {
            Some(proxies) => proxies.clone(),
            None if settings.environment.is_heard() => {
                Proxies::from_environment(|name| settings.environment.variable(name))
            }
            None => Proxies::default(),
        };
        Ok(Self(Arc::new(Inner {
            config: Current::new(Arc::new(ServiceConfig::new(&lists)?)),
            user_agent: settings.user_agent_header(),
            settings,
            certs_dir,
            credentials,
            proxies,
            resolver: Arc::new(Resolver::new(resolve)),
            log: Arc::default(),
            health: Health::default(),
            common: OnceBox::new(),
        })))
    }

    /// A service from its option document.
    pub fn parse(options_json: &str) -> Result<Self> {
        Self::new(ServiceOptions::parse(Some(options_json))?)
    }

    /// The configuration as it is now.
    pub fn config(&self) -> Arc<ServiceConfig> {
        self.0.config.get()
    }

    /// Replaces the configuration, or fails and changes nothing.
    pub fn replace_config(&self, lists: &Lists) -> Result<()> {
        let config = Arc::new(ServiceConfig::new(lists)?);
        self.0.config.change(|_| Ok(config))
    }

    /// Replaces the mirrors of the official registry, or fails and changes nothing.
    pub fn load_mirrors(&self, mirrors: &[String]) -> Result<()> {
        self.change(|config| config.load_mirrors(mirrors))
    }

    /// Replaces the insecure registries, or fails and changes nothing.
    pub fn load_insecure_registries(&self, registries: &[String]) -> Result<()> {
        self.change(|config| config.load_insecure_registries(registries))
    }

    /// Replaces the registries that foreign layers may go to, or fails and changes nothing.
    pub fn load_allow_nondistributable_artifacts(&self, registries: &[String]) -> Result<()> {
        self.change(|config| config.load_allow_nondistributable_artifacts(registries))
    }

    /// Two changes at once both last.
    fn change(&self, change: impl FnOnce(&mut ServiceConfig) -> Result<()>) -> Result<()> {
        self.0.config.change(|now| {
            let mut config = ServiceConfig::clone(now);
            change(&mut config)?;
            Ok(Arc::new(config))
        })
    }

    /// Which proxies requests go through: as the options say, or else the environment.
    pub fn proxies(&self) -> &Proxies {
        &self.0.proxies
    }

    /// The endpoints to pull from, in the order to try them: mirrors, https, http where the host is insecure.
    pub fn lookup_pull_endpoints(&self, hostname: &str, call: &Call) -> Result<Vec<ApiEndpoint>> {
        self.lookup_endpoints(hostname, true, call)
    }

    /// The endpoints to push to, in the order to try them.
    pub fn lookup_push_endpoints(&self, hostname: &str, call: &Call) -> Result<Vec<ApiEndpoint>> {
        self.lookup_endpoints(hostname, false, call)
    }

    fn lookup_endpoints(
        &self,
        hostname: &str,
        mirrors: bool,
        call: &Call,
    ) -> Result<Vec<ApiEndpoint>> {
        call.log_to(self.log());
        let config = self.config();
        if matches!(hostname, INDEX_NAME | INDEX_HOSTNAME) {
            let mut endpoints = Vec::new();
            for mirror in config.mirrors.iter().filter(|_| mirrors) {
                // Only valid mirrors get into a configuration.
                let host = UrlParts::split(mirror).map_or("", |parts| parts.authority);
                let tls = self.tls_config_of(&config, host, call)?;
                endpoints.push(ApiEndpoint { mirror: true, ..endpoint(mirror.clone(), tls) });
            }
            let official = endpoint(DEFAULT_V2_REGISTRY.to_owned(), TlsConfig::default());
            endpoints.push(ApiEndpoint { official: true, ..official });
            return Ok(endpoints);
        }
        let tls = self.tls_config_of(&config, hostname, call)?;
        let allow_nondistributable_artifacts = config
            .allows_nondistributable_artifacts(hostname, |host| self.addresses(host, call))?;
        let schemes: &[&str] =
            if tls.insecure_skip_verify { &["https://", "http://"] } else { &["https://"] };
        Ok(schemes
            .iter()
            .map(|scheme| ApiEndpoint {
                allow_nondistributable_artifacts,
                ..endpoint([scheme, hostname].concat(), tls.clone())
            })
            .collect())
    }

    /// What is known of a reference's repository under this configuration.
    pub fn resolve_repository(&self, reference: &Reference, call: &Call) -> Result<RepositoryInfo> {
        self.config().repository(reference, |host| self.addresses(host, call))
    }

    /// What is known of an index under this configuration.
    pub fn index(&self, name: &str, call: &Call) -> Result<IndexInfo> {
        self.config().index(name, |host| self.addresses(host, call))
    }

    /// The addresses of a name; none if it does not resolve, which makes it no part of any block.
    pub(super) fn addresses(&self, host: &str, call: &Call) -> Result<Vec<IpAddr>> {
        match self.0.resolver.lookup(host, self.timeouts().connect, call) {
            Err(e) if matches!(e.code(), Code::NameNotResolved | Code::Timeout) => Ok(Vec::new()),
            answer => answer,
        }
    }

    /// Sets or removes the program's function that is asked for credentials.
    pub fn set_credentials(&self, ask: Option<Ask>) {
        self.0.credentials.callback().set(ask);
    }

    /// The credentials for a repository of a host, and where they were; the path may be empty.
    ///
    /// May run a credential helper. One that fails is an error, and so is a login file that cannot be used.
    pub fn credentials_for(&self, host: &str, repository: &str, call: &Call) -> Result<Found> {
        self.find_working_credentials(&Purpose::new(host, repository), call)
    }

    fn find_working_credentials(&self, purpose: &Purpose, call: &Call) -> Result<Found> {
        call.log_to(self.log());
        let found = self.find_credentials(purpose, call)?;
        found.failure.clone().map_or(Ok(found), Err)
    }

    /// The credentials for a call that changes something: a source that fails is an error.
    pub fn credentials_to_write(&self, purpose: Purpose, call: &Call) -> Result<Credentials> {
        let found = self.find_working_credentials(&purpose, call)?;
        Ok(Credentials::found(found, &self.0.credentials, purpose))
    }

    /// The same for a call that only reads. If a source fails that the caller did not name, it continues without
    /// credentials, with a warning.
    pub fn credentials_to_read(&self, purpose: Purpose, call: &Call) -> Result<Credentials> {
        call.log_to(self.log());
        let found = self.find_credentials(&purpose, call)?;
        if let Some(failure) = &found.failure {
            let shown = host::printable(&purpose.host);
            let message = format!("continuing without credentials for {shown}: {failure}");
            call.warn("credentials", message, |record| record.error(failure).with("host", shown));
        }
        Ok(Credentials::found(found, &self.0.credentials, purpose))
    }

    fn find_credentials(&self, purpose: &Purpose, call: &Call) -> Result<Found> {
        let found = self.0.credentials.find(purpose, call)?;
        call.log(Level::Info, "credentials", || {
            let summary = found.summary();
            let shown = host::printable(&purpose.host);
            let source = summary.source.as_deref().unwrap_or("nowhere");
            Record::new(format!("credentials for {shown}: {} from {source}", summary.kind))
                .with("host", shown)
                .with("kind", summary.kind)
                .with("source", source)
        });
        Ok(found)
    }

    /// Where a login to this registry is kept.
    pub fn store_for(&self, server: &Server) -> Result<Store> {
        self.0.credentials.store_for(server)
    }

    /// What may be reported about the credentials for `host[:port]` or `host[:port]/path`.
    pub fn credentials_summary(&self, place: &str, call: &Call) -> Result<Summary> {
        let (host, repository) = place.split_once('/').unwrap_or((place, ""));
        host::check_component(host).map_err(|e| e.in_argument("host"))?;
        if repository.contains(char::is_control) {
            return Err(Error::argument(
                "host",
                "the path after the host contains a control character",
            ));
        }
        Ok(self.credentials_for(host, repository, call)?.summary())
    }

    /// Where the service's calls log.
    pub fn log(&self) -> &Arc<Log> {
        &self.0.log
    }

    /// What is remembered of mirrors that failed.
    pub(super) fn health(&self) -> &Health {
        &self.0.health
    }

    /// Name lookup, with the option `resolve`.
    pub fn resolver(&self) -> &Arc<Resolver> {
        &self.0.resolver
    }

    /// What the service's registries share: connections, tokens, limits.
    pub fn common(&self) -> &Arc<Common> {
        let new = || Box::new(self.new_common(self.user_agent(), Tokens::default(), false));
        self.0.common.get_or_init(new)
    }

    /// The same for one login: under its caller's name, and with tokens that show the credentials to be good now.
    pub fn common_of_login(&self, user_agent: Option<&str>) -> Arc<Common> {
        let user_agent = user_agent.unwrap_or(self.user_agent());
        self.new_common(user_agent, self.common().tokens.anew(), true)
    }

    /// The same for one call under its caller's name.
    pub fn common_as(&self, user_agent: &str) -> Arc<Common> {
        self.new_common(user_agent, self.common().tokens.anew(), false)
    }

    fn new_common(&self, user_agent: &str, tokens: Tokens, offline_token: bool) -> Arc<Common> {
        let settings = &self.0.settings;
        // The connections live in the service: a strong way back would keep both for ever.
        let service = Arc::downgrade(&self.0);
        let trust = move |peer: Peer<'_>, call: &Call| {
            let Some(service) = service.upgrade().map(Self) else {
                return Ok(Identity::default());
            };
            match peer {
                Peer::Server(url) => service.identity_of_stranger(url, call),
                // It sees whom we talk to, so it is verified even where a registry would not be.
                Peer::Proxy(host) => {
                    Ok(service.certificates(host)?.identity(service.environment()))
                }
            }
        };
        let governor = Arc::new(Governor::new(
            settings.max_concurrent_requests,
            settings.retry.max_retry_after,
        ));
        let client = Client::new(
            self.0.resolver.clone(),
            settings.timeouts.clone(),
            Some(user_agent.to_owned()),
            Box::new(trust),
            self.0.log.clone(),
            self.0.proxies.clone(),
            settings.limits.total,
            self.0.certs_dir.clone(),
            governor.clone(),
        );
        Arc::new(Common {
            client: Arc::new(client),
            tokens: Arc::new(tokens),
            policy: Policy {
                trusted_realms: settings.trusted_realms.0.clone(),
                plain_http: settings.allow_plain_http_credentials.clone(),
                upload_hosts: settings.allow_upload_hosts.clone(),
                foreign_hosts: settings.allow_foreign_urls.clone(),
                token_limit: settings.limits.token,
                offline_token,
            },
            retry: settings.retry.clone(),
            limits: settings.limits.clone(),
            slots: Slots::new(settings.max_concurrent_downloads).governed(governor.clone()),
            upload_slots: Slots::new(settings.max_concurrent_uploads).governed(governor),
            parallel_from: settings.parallel_range_bytes,
            moving: Moving::default(),
            referrer_tags: Slots::new(1),
        })
    }

    /// The options that it was made with, without the registry lists.
    pub fn settings(&self) -> &ServiceOptions {
        &self.0.settings
    }

    /// How long each step of an exchange may take.
    pub fn timeouts(&self) -> &Timeouts {
        &self.0.settings.timeouts
    }

    /// How often a failed exchange is tried again.
    pub fn retry(&self) -> &Retry {
        &self.0.settings.retry
    }

    /// How large answers may be.
    pub fn limits(&self) -> &Limits {
        &self.0.settings.limits
    }

    /// What we call ourselves; may be empty, for nothing.
    pub fn user_agent(&self) -> &str {
        &self.0.user_agent
    }

    /// What the process environment may say.
    pub fn environment(&self) -> Environment {
        self.0.settings.environment
    }

    /// Downloads at once for each host.
    pub fn max_concurrent_downloads(&self) -> usize {
        self.0.settings.max_concurrent_downloads
    }

    /// Pairs of a registry's host and the host of a realm, both normalised, that the caller trusts for it.
    pub fn trusted_realms(&self) -> &[(String, String)] {
        &self.0.settings.trusted_realms.0
    }

    /// Whether credentials may go to the host over plain http.
    pub fn allow_plain_http_credentials(&self, host: &str) -> bool {
        self.0.settings.allow_plain_http_credentials.contains(host)
    }
}

/// A v2 endpoint that is neither mirror nor official.
pub(super) fn endpoint(url: String, tls: TlsConfig) -> ApiEndpoint {
    ApiEndpoint {
        mirror: false,
        url,
        version: ApiVersion::V2,
        allow_nondistributable_artifacts: false,
        official: false,
        trim_hostname: true,
        tls: Some(tls),
    }
}
