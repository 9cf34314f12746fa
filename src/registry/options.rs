//! The options of a service: the table, and what a daemon.json adds to it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use zeroize::Zeroizing;

use crate::config::options::{Hosts, PathOption};
use crate::config::proxy::{Proxies, ProxyServer};
use crate::config::registry::Lists;
use crate::config::settings::{Limits, Retry, Timeouts};
use crate::credentials::Keyring;
use crate::error::{Code, Error, Phase, Result};
use crate::json::go;
use crate::json::schema::{Kind, OptionValue, options, wrong};
use crate::json::strict::{self, Object};
use crate::names::host;
use crate::os::environment::Environment;
use crate::os::file::read_limited;

const DEFAULT_USER_AGENT: &str = concat!("ocireg/", env!("CARGO_PKG_VERSION"));

options! {
    /// The options of a service. The hyphenated keys of Docker's `daemon.json` mean what they mean there.
    pub struct ServiceOptions built by ServiceBuilder of service "service" for ["ocireg_service_new"] {
        /// URLs of mirrors of Docker Hub, asked in order.
        "registry-mirrors" => registry_mirrors: Option<Vec<String>>, else "none";
        /// Hosts and address blocks that may be used over plain HTTP or with an unverified certificate. `127.0.0.0/8` is
        /// always one of them.
        "insecure-registries" => insecure_registries: Option<Vec<String>>, else "none";
        /// Hosts and address blocks that nondistributable layers may be pushed to.
        "allow-nondistributable-artifacts" => allow_nondistributable_artifacts: Option<Vec<String>>, else "none";
        /// A `daemon.json` whose lists of registries and `proxies` are used; explicit options win.
        "daemon-json" => daemon_json: PathOption, else "none";
        /// The directory of certificates, with one subdirectory for each registry.
        "certs-dir" => certs_dir: PathOption, else "`/etc/docker/certs.d`";
        /// A directory with a subdirectory for each registry that contains `hosts.toml`, as containerd's
        /// `/etc/containerd/certs.d`. Read for each session.
        "hosts-dir" => hosts_dir: PathOption, else "none";
        /// A `registries.conf` file of version 2, as Podman's `/etc/containers/registries.conf`; the files in `FILE.d/*.conf` are
        /// read after it. Read for each session.
        "registries-conf" => registries_conf: PathOption, else "none";
        /// The directory that contains `config.json`; `""` ignores all credential files.
        "docker-config" => docker_config: PathOption, else "`$DOCKER_CONFIG` or `~/.docker`";
        /// Credentials by `host[:port]` or `host[:port]/path`.
        "credentials" => credentials: Keyring;
        /// How long a credential helper may run; 0 is as long as the call.
        "credential-helper-timeout-ms" => credential_helper_timeout: Option<Duration>, else "`auth-ms` of `timeouts`";
        /// The addresses of hosts, instead of DNS; `*` is every other name, and a host with an empty list does not resolve.
        "resolve" => resolve: Resolve;
        /// The proxy for all requests, or one for each scheme; `""` is none.
        "proxy" => proxy: Option<Proxies>, else "the environment's";
        /// The User-Agent header; `""` sends none.
        "user-agent" => user_agent: String = DEFAULT_USER_AGENT.to_owned();
        /// Put in front of the User-Agent header, for example the program's name and version.
        "user-agent-prefix" => user_agent_prefix: String;
        /// How long each step may take.
        "timeouts" => timeouts: Timeouts;
        /// How failed requests are retried.
        "retry" => retry: Retry;
        /// How much a registry may send.
        "limits" => limits: Limits;
        /// How many downloads from one host may run at once, over all calls of the service.
        "max-concurrent-downloads" => max_concurrent_downloads: usize = 4, in 1..=1024;
        /// How many uploads to one host may run at once, over all pushes and copies of the service.
        "max-concurrent-uploads" => max_concurrent_uploads: usize = 4, in 1..=1024;
        /// How many requests of one host may wait for its answer at once, over all calls of the service.
        "max-concurrent-requests" => max_concurrent_requests: Option<usize>, in 1..=1024, else "no limit";
        /// A blob of at least this size is downloaded in several ranges at once where one connection is slower than that, each in
        /// a place of its own among `max-concurrent-downloads`; 0 is never.
        "parallel-range-bytes" => parallel_range_bytes: u64 = 64 << 20;
        /// Whether environment variables may set proxies, the paths of configuration files and CA certificates, and the
        /// directory of temporary files. In a privileged process they never may.
        "environment" => environment: Environment = Environment::of_process(true);
        /// Load the system's CA certificates when the service is created, for programs that change their root directory
        /// later.
        "preload" => preload: bool;
        /// Whether protocol v1 may be spoken: `true` lets a login try it last, `false` makes calls that ask for it fail.
        "v1" => v1: Option<bool>, else "only by calls that ask for it";
        /// Pairs of a registry and a token server that may get the registry's credentials, although it is on a more private
        /// network than the registry.
        "trusted-realms" => trusted_realms: TrustedRealms;
        /// Hosts, as `host[:port]`, that a registry may send uploads to.
        "allow-upload-hosts" => allow_upload_hosts: Hosts;
        /// Hosts, as `host[:port]`, that nondistributable layers may be downloaded from.
        "allow-foreign-urls" => allow_foreign_urls: Hosts;
        /// Hosts, as `host[:port]`, that may get credentials over plain HTTP.
        "allow-plain-http-credentials" => allow_plain_http_credentials: Hosts;
        /// Hosts, as `host[:port]`, that a v1 index may send clients to.
        "allow-v1-endpoints" => allow_v1_endpoints: Hosts;
    }
    check together;
}

options! {
    /// The registry lists of a service, which can be replaced. What is absent becomes empty.
    pub struct ConfigOptions built by ConfigBuilder of service "config" for ["ocireg_service_replace_config"] {
        /// URLs of mirrors of Docker Hub, asked in order.
        "registry-mirrors" => registry_mirrors: Option<Vec<String>>, else "none";
        /// Hosts and address blocks that may be used over plain HTTP or with an unverified certificate. `127.0.0.0/8` is
        /// always one of them.
        "insecure-registries" => insecure_registries: Option<Vec<String>>, else "none";
        /// Hosts and address blocks that nondistributable layers may be pushed to.
        "allow-nondistributable-artifacts" => allow_nondistributable_artifacts: Option<Vec<String>>, else "none";
        /// A `daemon.json` whose lists of registries are used; explicit options win.
        "daemon-json" => daemon_json: PathOption, else "none";
    }
}

options! {
    /// The proxy for each scheme. A proxy is `SCHEME://[USER:PASSWORD@]HOST[:PORT]` with the scheme `http`, `https`, `socks5` or
    /// `socks5h`, and `http://` may be left out. An HTTP proxy must allow CONNECT, which is used for http addresses, too.
    /// Loopback addresses also go through the proxy, unless `no-proxy` lists them.
    pub struct ProxyOptions built by ProxyOptionsBuilder of service "proxy" {
        /// The proxy for http addresses; `""` is none.
        "http-proxy" => http_proxy: ProxyUrl, else "none";
        /// The proxy for https addresses; `""` is none.
        "https-proxy" => https_proxy: ProxyUrl, else "none";
        /// Hosts to connect to directly, separated by commas, like the variable `NO_PROXY`: a domain (which includes its
        /// subdomains), `.domain` (only the subdomains), an address, a network in CIDR notation, or `*`. All but networks may
        /// end in `:port`.
        "no-proxy" => no_proxy: String;
    }
}

impl ServiceOptions {
    fn together(&self) -> Result<()> {
        host::check_no_control(&self.user_agent, "user-agent")?;
        host::check_no_control(&self.user_agent_prefix, "user-agent-prefix")?;
        Ok(())
    }

    /// Reads the daemon.json, if one is named. Returns the registry lists, and makes its proxies the service's where no
    /// option says otherwise.
    pub(super) fn apply_daemon(&mut self) -> Result<Lists> {
        let daemon = Daemon::at(&self.daemon_json)?;
        self.proxy = self.proxy.take().or(daemon.proxies);
        let given = ConfigOptions {
            registry_mirrors: self.registry_mirrors.take(),
            insecure_registries: self.insecure_registries.take(),
            allow_nondistributable_artifacts: self.allow_nondistributable_artifacts.take(),
            daemon_json: PathOption::Usual,
        };
        Ok(given.over(daemon.lists))
    }

    /// The User-Agent header: what the program calls itself, then what we call ourselves. May be empty.
    pub(super) fn user_agent_header(&self) -> String {
        let parts = [self.user_agent_prefix.as_str(), self.user_agent.as_str()];
        let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        parts.join(" ")
    }
}

impl ConfigOptions {
    /// Parses the lists and reads the daemon.json, if one is named.
    pub fn lists(json: &str) -> Result<Lists> {
        let options = Self::parse(Some(json))?;
        let daemon = Daemon::at(&options.daemon_json)?;
        Ok(options.over(daemon.lists))
    }

    /// What is given, and the rest from the daemon's lists.
    fn over(self, daemon: Lists) -> Lists {
        Lists {
            allow_nondistributable_artifacts: self
                .allow_nondistributable_artifacts
                .unwrap_or(daemon.allow_nondistributable_artifacts),
            mirrors: self.registry_mirrors.unwrap_or(daemon.mirrors),
            insecure_registries: self.insecure_registries.unwrap_or(daemon.insecure_registries),
        }
    }
}

/// Larger than any daemon.json, in bytes.
const MAX_DAEMON_JSON: u64 = 16 << 20;

/// What a daemon.json has for us.
#[derive(Default)]
struct Daemon {
    lists: Lists,
    proxies: Option<Proxies>,
}

impl Daemon {
    fn at(option: &PathOption) -> Result<Self> {
        match option {
            PathOption::At(path) => Self::read(path),
            PathOption::Usual | PathOption::Nowhere => Ok(Self::default()),
        }
    }

    fn read(path: &Path) -> Result<Self> {
        let shown = path.display().to_string();
        let named = |e: Error| e.in_argument("daemon-json");
        // Its proxies may hold a password.
        let content = read_limited(path, MAX_DAEMON_JSON).map_err(|e| {
            named(e.into_error(format!("cannot read {shown}")).phase(Phase::Config))
        })?;
        Self::parse(&go::text(&content.bytes)).map_err(|e| e.context(format!("cannot use {shown}")))
    }

    /// Reads it as the engine does. An empty file says nothing.
    fn parse(text: &str) -> Result<Self> {
        let text = if text.trim().is_empty() { "{}" } else { text };
        let object = go::Object::parse(text).map_err(|e| {
            Error::new(Code::InvalidJson, go::reason(&e))
                .hint("correct the file at the line and column in the message")
        })?;
        let wrong =
            |key: &str, expected: &str| strict::invalid(key, format!("{key} must be {expected}"));
        let list = |key: &str| {
            let list = object.strings(key).map_err(|_| wrong(key, "a list of strings"))?;
            Ok::<_, Error>(list.unwrap_or_default())
        };
        let lists = Lists {
            allow_nondistributable_artifacts: list("allow-nondistributable-artifacts")?,
            mirrors: list("registry-mirrors")?,
            insecure_registries: list("insecure-registries")?,
        };
        let proxies = object.object("proxies").map_err(|_| wrong("proxies", "a JSON object"))?;
        let string = |key: &str| {
            let name = format!("proxies.{key}");
            let value = proxies.string(key).map_err(|_| wrong(&name, "a string"))?;
            Ok::<_, Error>((value, name))
        };
        let server = |key| {
            let (url, name) = string(key)?;
            ProxyServer::parse(&url, &name)
        };
        let (http, https) = (server("http-proxy")?, server("https-proxy")?);
        let (no_proxy, _) = string("no-proxy")?;
        // The engine puts them into its environment, where they are not for this machine.
        let given = Proxies::new(http, https, &no_proxy).sparing_loopback();
        Ok(Self { lists, proxies: object.raw("proxies").map(|_| given) })
    }
}

/// The address of a proxy; None is no proxy.
#[derive(Debug, Clone, Default)]
pub struct ProxyUrl(Option<ProxyServer>);

impl OptionValue for ProxyUrl {
    const KIND: Kind = Kind::String;
    const SECRET: bool = true;

    fn read(value: Value, name: &str) -> Result<Self> {
        let url = Zeroizing::new(String::read(value, name)?);
        ProxyServer::parse(&url, name).map(Self)
    }

    fn json(&self) -> Option<Value> {
        None
    }
}

impl OptionValue for Proxies {
    const KIND: Kind = Kind::Either(&Kind::String, &ProxyOptions::KIND);
    const SECRET: bool = true;

    fn read(value: Value, name: &str) -> Result<Self> {
        match value {
            Value::String(url) => {
                let url = Zeroizing::new(url);
                Ok(Self::for_all(ProxyServer::parse(&url, name)?))
            }
            Value::Object(_) => {
                let ProxyOptions { http_proxy, https_proxy, no_proxy } =
                    ProxyOptions::read(value, name)?;
                Ok(Self::new(http_proxy.0, https_proxy.0, &no_proxy))
            }
            _ => Err(wrong(name, "a URL or a JSON object")),
        }
    }

    fn json(&self) -> Option<Value> {
        None
    }
}

impl OptionValue for Keyring {
    const KIND: Kind = Kind::Map(&Kind::Published("AuthConfig"));
    const SECRET: bool = true;

    fn read(value: Value, name: &str) -> Result<Self> {
        Self::read(Object::value(value, name, true)?)
    }

    fn json(&self) -> Option<Value> {
        Some(Value::Object(serde_json::Map::new()))
    }
}

/// Pairs of a registry's host and the host of a realm that it may send us to, both normalised.
#[derive(Debug, Clone, Default)]
pub struct TrustedRealms(pub(super) Vec<(String, String)>);

impl OptionValue for TrustedRealms {
    const KIND: Kind = Kind::List(&Kind::Pair(&Kind::String));

    fn read(value: Value, name: &str) -> Result<Self> {
        let pairs: Vec<(String, String)> = serde_json::from_value(value)
            .map_err(|_| wrong(name, "a list of [registry, realm] pairs of strings"))?;
        let normalised = pairs.into_iter().map(|(registry, realm)| {
            let authority = match host::UrlParts::split(&realm) {
                Ok(parts) => parts.authority,
                Err(_) => realm.as_str(),
            };
            for host in [registry.as_str(), authority] {
                host::check_host_port(host).map_err(|e| e.in_argument(name))?;
            }
            Ok((host::normalised(&registry), host::normalised(authority)))
        });
        normalised.collect::<Result<_>>().map(Self)
    }

    fn json(&self) -> Option<Value> {
        Some(Value::Array(Vec::new()))
    }
}

/// The addresses of hosts; `*` is every other name.
#[derive(Debug, Clone, Default)]
pub struct Resolve(pub(super) HashMap<String, Vec<IpAddr>>);

impl OptionValue for Resolve {
    const KIND: Kind = Kind::Map(&<Vec<String>>::KIND);

    fn read(value: Value, name: &str) -> Result<Self> {
        let mut resolve = HashMap::new();
        for (host, value) in Object::value(value, name, false)?.rest() {
            let key = format!("{name}.{host}");
            let addresses = strict::strings(value, &key)?
                .iter()
                .map(|text| {
                    let bare = text.strip_prefix('[').and_then(|t| t.strip_suffix(']'));
                    bare.unwrap_or(text).parse().map_err(|_| {
                        let message =
                            format!("{key} contains {text:?}, which is not a valid IP address");
                        Error::new(Code::InvalidConfig, message)
                            .phase(Phase::Config)
                            .in_argument(&key)
                    })
                })
                .collect::<Result<Vec<IpAddr>>>()?;
            // Addresses name their hosts in lower case, lookups as the caller does.
            resolve.entry(host.to_ascii_lowercase()).or_insert_with(|| addresses.clone());
            resolve.insert(host, addresses);
        }
        Ok(Self(resolve))
    }

    fn json(&self) -> Option<Value> {
        Some(Value::Object(serde_json::Map::new()))
    }
}
