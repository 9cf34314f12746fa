//! ServiceOptions: the JSON that a service is made from.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use zeroize::Zeroizing;

use super::proxy::{Proxies, ProxyServer};
use super::registry::Lists;
use super::settings::{Limits, Retry, Timeouts};
use crate::credentials::Keyring;
use crate::error::{Code, Error, Phase, Result};
use crate::json::go;
use crate::json::strict::Object;
use crate::names::host;
use crate::os::environment::Environment;
use crate::os::file::read_limited;

/// Where to look for files of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Place {
    /// Not said: the usual place, where there is one.
    #[default]
    Usual,
    /// `""`: nowhere.
    Nowhere,
    /// There.
    At(PathBuf),
}

/// Hosts that something is allowed for, compared exactly, without regard to letter case and the port of https.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Hosts(Vec<String>);

impl Hosts {
    /// Whether the host is one of them.
    pub fn contains(&self, host: &str) -> bool {
        !self.0.is_empty() && self.0.contains(&host::normalised(host))
    }
}

/// All that a service is told beside its registry lists; never changes.
#[derive(Debug, Clone)]
#[allow(missing_docs)] // Each field is the option of its name, which the guide describes.
pub struct Settings {
    pub certs_dir: Place,
    pub hosts_dir: Place,
    pub registries_conf: Place,
    pub docker_config: Place,
    pub credentials: Keyring,
    /// None where the option is absent: as the environment says, where it has a say.
    pub proxy: Option<Proxies>,
    pub user_agent: String,
    pub timeouts: Timeouts,
    pub retry: Retry,
    pub limits: Limits,
    pub max_concurrent_downloads: usize,
    /// None where the option is absent: as long as a token server may take.
    pub credential_helper_timeout: Option<Duration>,
    pub environment: Environment,
    /// Whether the system's CA certificates are read when the service is made.
    pub preload: bool,
    pub v1: Option<bool>,
    /// Pairs of a registry's host and the host of a realm that it may send us to, both normalised.
    pub trusted_realms: Vec<(String, String)>,
    pub allow_upload_hosts: Hosts,
    pub allow_foreign_urls: Hosts,
    pub allow_plain_http_credentials: Hosts,
    pub allow_v1_endpoints: Hosts,
}

/// What a service is made from.
#[derive(Debug, Clone)]
pub struct ServiceOptions {
    /// The registry lists.
    pub lists: Lists,
    /// The option `resolve`: host to addresses, `*` for every other name.
    pub resolve: HashMap<String, Vec<IpAddr>>,
    /// Everything else.
    pub settings: Settings,
}

const DEFAULT_USER_AGENT: &str = concat!("ocireg/", env!("CARGO_PKG_VERSION"));

/// More than this at once helps nobody.
const MAX_CONCURRENT: u64 = 1024;

impl ServiceOptions {
    /// Parses the option document. Reads a file only where an option names one.
    pub fn parse(text: &str) -> Result<Self> {
        let mut object = Object::options(text, "options_json")?;
        let options = &mut object;
        let daemon = match place(options, "daemon-json")? {
            Place::At(path) => Daemon::read(&path)?,
            Place::Usual | Place::Nowhere => Daemon::default(),
        };
        let lists = read_lists(options, daemon.lists)?;
        let settings = Settings {
            certs_dir: place(options, "certs-dir")?,
            hosts_dir: nowhere(options, "hosts-dir")?,
            registries_conf: nowhere(options, "registries-conf")?,
            docker_config: place(options, "docker-config")?,
            credentials: match options.take("credentials") {
                Some(value) => Keyring::read(Object::value(value, "credentials", true)?)?,
                None => Keyring::default(),
            },
            proxy: read_proxy(options, daemon.proxies)?,
            user_agent: read_user_agent(options)?,
            timeouts: nested(options, "timeouts", read_timeouts)?,
            retry: nested(options, "retry", read_retry)?,
            limits: nested(options, "limits", read_limits)?,
            max_concurrent_downloads: concurrency(options, "max-concurrent-downloads")?,
            credential_helper_timeout: options
                .number("credential-helper-timeout-ms")?
                .map(Duration::from_millis),
            environment: Environment::of_process(options.flag("environment")?.unwrap_or(true)),
            preload: options.flag("preload")?.unwrap_or(false),
            v1: options.flag("v1")?,
            trusted_realms: read_trusted_realms(options)?,
            allow_upload_hosts: hosts(options, "allow-upload-hosts")?,
            allow_foreign_urls: hosts(options, "allow-foreign-urls")?,
            allow_plain_http_credentials: hosts(options, "allow-plain-http-credentials")?,
            allow_v1_endpoints: hosts(options, "allow-v1-endpoints")?,
        };
        let resolve = read_resolve(options)?;
        options.refuse(
            "max-concurrent-uploads",
            "remove the option: ocireg uploads one blob at a time",
        )?;
        object.done()?;
        Ok(Self { lists, resolve, settings })
    }
}

impl Lists {
    /// Parses the lists alone, which are all of a service that can be replaced.
    pub fn parse(text: &str) -> Result<Self> {
        let mut object = Object::options(text, "options_json")?;
        let daemon = match place(&mut object, "daemon-json")? {
            Place::At(path) => Daemon::read(&path)?,
            Place::Usual | Place::Nowhere => Daemon::default(),
        };
        let lists = read_lists(&mut object, daemon.lists)?;
        object.done().map_err(|e| {
            e.hint("only registry-mirrors, insecure-registries, allow-nondistributable-artifacts and daemon-json can be replaced; create a new service to change other options")
        })?;
        Ok(lists)
    }
}

/// Parses one of the lists.
pub fn parse_list(text: &str) -> Result<Vec<String>> {
    crate::json::strict::parse_strings(text, "list_json")
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
        let wrong = |key: &str, expected: &str| {
            crate::json::strict::invalid(key, format!("{key} must be {expected}"))
        };
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

fn read_lists(options: &mut Object, default: Lists) -> Result<Lists> {
    let key = "allow-nondistributable-artifacts";
    Ok(Lists {
        allow_nondistributable_artifacts: options
            .strings(key)?
            .unwrap_or(default.allow_nondistributable_artifacts),
        mirrors: options.strings("registry-mirrors")?.unwrap_or(default.mirrors),
        insecure_registries: options
            .strings("insecure-registries")?
            .unwrap_or(default.insecure_registries),
    })
}

fn place(options: &mut Object, key: &str) -> Result<Place> {
    Ok(match options.text(key)? {
        None => Place::Usual,
        Some(path) if path.is_empty() => Place::Nowhere,
        Some(path) => Place::At(path.into()),
    })
}

/// What we call ourselves, with what the program calls itself in front.
fn read_user_agent(options: &mut Object) -> Result<String> {
    let mut parts = Vec::new();
    for key in ["user-agent-prefix", "user-agent"] {
        let default = if key == "user-agent" { DEFAULT_USER_AGENT } else { "" };
        let text = options.text(key)?.unwrap_or_else(|| default.to_owned());
        host::check_no_control(&text, key)?;
        parts.push(text);
    }
    parts.retain(|part| !part.is_empty());
    Ok(parts.join(" "))
}

/// A place that is not looked at yet: `""` is what happens anyway, and a path is not to be taken without being obeyed.
fn nowhere(options: &mut Object, key: &str) -> Result<Place> {
    let place = place(options, key)?;
    if let Place::At(_) = place {
        return Err(Error::new(
            Code::Unsupported,
            format!("the option {key:?} is not supported yet"),
        )
        .phase(Phase::Config)
        .in_argument(key)
        .hint("remove the option or set it to \"\"; list mirrors in registry-mirrors"));
    }
    Ok(place)
}

fn read_proxy(options: &mut Object, daemon: Option<Proxies>) -> Result<Option<Proxies>> {
    match options.take("proxy") {
        None => Ok(daemon),
        Some(Value::String(url)) => {
            let url = Zeroizing::new(url);
            Ok(Some(Proxies::for_all(ProxyServer::parse(&url, "proxy")?)))
        }
        Some(value @ Value::Object(_)) => {
            Ok(Some(read_proxies(Object::value(value, "proxy", false)?)?))
        }
        Some(_) => Err(options.wrong("proxy", "a URL or a JSON object")),
    }
}

fn read_proxies(mut object: Object) -> Result<Proxies> {
    let mut server = |key| match object.text(key)?.map(Zeroizing::new) {
        Some(url) => ProxyServer::parse(&url, &object.name(key)),
        None => Ok(None),
    };
    let (http, https) = (server("http-proxy")?, server("https-proxy")?);
    let no_proxy = object.text("no-proxy")?.unwrap_or_default();
    object.done()?;
    Ok(Proxies::new(http, https, &no_proxy))
}

fn nested<T: Default>(
    options: &mut Object,
    key: &str,
    read: fn(&mut Object) -> Result<T>,
) -> Result<T> {
    let Some(mut object) = options.object(key)? else { return Ok(T::default()) };
    let value = read(&mut object)?;
    object.done()?;
    Ok(value)
}

fn milliseconds(object: &mut Object, key: &str, default: Duration) -> Result<Duration> {
    Ok(object.number(key)?.map_or(default, Duration::from_millis))
}

fn read_timeouts(object: &mut Object) -> Result<Timeouts> {
    let default = Timeouts::default();
    Ok(Timeouts {
        connect: milliseconds(object, "connect-ms", default.connect)?,
        tls: milliseconds(object, "tls-ms", default.tls)?,
        header: milliseconds(object, "header-ms", default.header)?,
        idle: milliseconds(object, "idle-ms", default.idle)?,
        auth: milliseconds(object, "auth-ms", default.auth)?,
        min_bytes_per_second: object
            .number("min-bytes-per-second")?
            .unwrap_or(default.min_bytes_per_second),
        total: milliseconds(object, "total-ms", default.total)?,
    })
}

fn read_retry(object: &mut Object) -> Result<Retry> {
    let default = Retry::default();
    let max_attempts = match object.number("max-attempts")? {
        None => default.max_attempts,
        Some(0) => {
            let key = object.name("max-attempts");
            return Err(bad(
                &key,
                format!("{key} must be at least 1, because it counts the first attempt too"),
            ));
        }
        Some(number) => u32::try_from(number).unwrap_or(u32::MAX),
    };
    Ok(Retry {
        max_attempts,
        initial: milliseconds(object, "initial-ms", default.initial)?,
        max: milliseconds(object, "max-ms", default.max)?,
        max_retry_after: milliseconds(object, "max-retry-after-ms", default.max_retry_after)?,
    })
}

fn read_limits(object: &mut Object) -> Result<Limits> {
    let default = Limits::default();
    let mut limit =
        |key, default| object.number(key).map(|number: Option<u64>| number.unwrap_or(default));
    Ok(Limits {
        manifest: limit("manifest", default.manifest)?,
        config: limit("config", default.config)?,
        token: limit("token", default.token)?,
        error: limit("error", default.error)?,
        list: limit("list", default.list)?,
        pages: limit("pages", default.pages)?,
        children: limit("children", default.children)?,
        depth: limit("depth", default.depth)?,
        urls: limit("urls", default.urls)?,
        total: limit("total", default.total)?,
        spool: object.number("spool")?,
    })
}

fn concurrency(options: &mut Object, key: &str) -> Result<usize> {
    match options.number(key)?.unwrap_or(4) {
        number @ 1..=MAX_CONCURRENT => Ok(usize::try_from(number).unwrap_or(4)),
        _ => Err(bad(key, format!("{key} must be from 1 to {MAX_CONCURRENT}"))),
    }
}

fn read_trusted_realms(options: &mut Object) -> Result<Vec<(String, String)>> {
    let key = "trusted-realms";
    let mut pairs = Vec::new();
    for item in options.list(key)?.unwrap_or_default() {
        let pair: Option<(String, String)> = serde_json::from_value(item).ok();
        let Some((registry, realm)) = pair else {
            return Err(options.wrong(key, "a list of [registry, realm] pairs of strings"));
        };
        host::check_host_port(&registry).map_err(|e| of(key, e))?;
        let authority = match host::UrlParts::split(&realm) {
            Ok(parts) => parts.authority,
            Err(_) => realm.as_str(),
        };
        host::check_host_port(authority).map_err(|e| of(key, e))?;
        pairs.push((host::normalised(&registry), host::normalised(authority)));
    }
    Ok(pairs)
}

fn hosts(options: &mut Object, key: &str) -> Result<Hosts> {
    let mut normalised = Vec::new();
    for entry in options.strings(key)?.unwrap_or_default() {
        host::check_host_port(&entry).map_err(|e| of(key, e))?;
        normalised.push(host::normalised(&entry));
    }
    Ok(Hosts(normalised))
}

fn read_resolve(options: &mut Object) -> Result<HashMap<String, Vec<IpAddr>>> {
    let Some(object) = options.object("resolve")? else { return Ok(HashMap::new()) };
    let mut resolve = HashMap::new();
    for (name, value) in object.rest() {
        let key = format!("resolve.{name}");
        let addresses = crate::json::strict::strings(value, &key)?
            .iter()
            .map(|text| {
                let bare = text.strip_prefix('[').and_then(|t| t.strip_suffix(']'));
                bare.unwrap_or(text).parse().map_err(|_| {
                    bad(&key, format!("{key} contains {text:?}, which is not a valid IP address"))
                })
            })
            .collect::<Result<Vec<IpAddr>>>()?;
        // Addresses name their hosts in lower case, lookups as the caller does.
        resolve.entry(name.to_ascii_lowercase()).or_insert_with(|| addresses.clone());
        resolve.insert(name, addresses);
    }
    Ok(resolve)
}

fn bad(key: &str, message: String) -> Error {
    of(key, Error::new(Code::InvalidConfig, message).phase(Phase::Config))
}

fn of(key: &str, error: Error) -> Error {
    error.in_argument(key)
}
