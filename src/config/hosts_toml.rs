//! containerd's directories of hosts: which hosts are asked for a registry, and how, in `hosts.toml`.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use url::Url;
use zeroize::Zeroizing;

use super::toml_file::{Table, TomlFile, unusable};
use crate::error::{Code, Error, Result};
use crate::names::host::{self, UrlParts};
use crate::os::dir::Dir;
use crate::sort;
use crate::tls::certs_d::{TlsConfig, readable};

/// What is asked for the images of one registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hosts {
    /// In the order to ask them.
    pub hosts: Vec<Host>,
    /// Asked last.
    pub server: Host,
}

/// A host and how it is asked.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Host {
    /// Where it is. None is the registry itself.
    pub address: Option<Address>,
    /// What it is asked for.
    pub capabilities: Capabilities,
    /// How TLS is made with it, as far as the file says.
    pub tls: TlsConfig,
    /// What the file says of verification.
    pub skip_verify: Option<bool>,
    /// Headers of its requests. They may be secrets.
    pub headers: Vec<(String, Zeroizing<String>)>,
    /// How long a connection to it may take.
    pub dial_timeout: Option<Duration>,
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let headers: Vec<&String> = self.headers.iter().map(|(name, _)| name).collect();
        f.debug_struct("Host")
            .field("address", &self.address)
            .field("capabilities", &self.capabilities)
            .field("tls", &self.tls)
            .field("skip_verify", &self.skip_verify)
            .field("headers", &headers)
            .field("dial_timeout", &self.dial_timeout)
            .finish()
    }
}

/// The address of a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// As the file has it, with a scheme.
    pub text: String,
    /// `host[:port]`, as the file has it.
    pub authority: String,
    /// The root of its API, without a slash at its end: `/v2` unless the file overrides the path.
    pub root: Url,
}

/// What a host is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools)] // Any of them may be combined.
pub struct Capabilities {
    /// Manifests and blobs by digest.
    pub pull: bool,
    /// What a tag names.
    pub resolve: bool,
    /// Changes.
    pub push: bool,
    /// What refers to a manifest.
    pub referrers: bool,
}

impl Default for Capabilities {
    /// Everything.
    fn default() -> Self {
        Self { pull: true, resolve: true, push: true, referrers: true }
    }
}

impl Capabilities {
    /// Of those who only copy what others have.
    pub fn read() -> Self {
        Self { push: false, ..Self::default() }
    }

    /// Their names.
    pub fn names(self) -> Vec<&'static str> {
        let each = [(self.pull, "pull"), (self.resolve, "resolve"), (self.push, "push")];
        each.into_iter().filter_map(|(has, name)| has.then_some(name)).collect()
    }
}

/// What a host's table may hold.
const KEYS: [&str; 7] =
    ["capabilities", "ca", "client", "skip_verify", "header", "override_path", "dial_timeout"];

impl Hosts {
    /// What the directories below `root` say of a registry; None if none of them is the registry's.
    ///
    /// The first that exists of `host_port_`, `host:port` and `_default` counts. What is passed over is told to `warn`.
    pub fn find(root: &Path, registry: &str, warn: &mut dyn FnMut(String)) -> Result<Option<Self>> {
        host::check_component(registry)?;
        let with_port = registry.rsplit_once(':').filter(|(host, _)| !host.is_empty());
        let spelt = with_port.map(|(host, port)| format!("{host}_{port}_"));
        for name in spelt.as_deref().into_iter().chain([registry, "_default"]) {
            let directory = root.join(name);
            match Dir::open(&directory) {
                Ok(opened) => return Self::of(&directory, &opened, warn).map(Some),
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                Err(e) => {
                    return Err(unusable(&directory, "the directory cannot be read")
                        .cause(e)
                        .hint("make the directory readable for the user of this process"));
                }
            }
        }
        Ok(None)
    }

    fn of(directory: &Path, opened: &Dir, warn: &mut dyn FnMut(String)) -> Result<Self> {
        match TomlFile::read(&directory.join("hosts.toml"))? {
            Some(file) if !file.is_empty() => Self::parse(&file, directory, warn),
            _ => {
                let tls = certificates(directory, opened)?;
                Ok(Self { hosts: Vec::new(), server: Host { tls, ..Host::default() } })
            }
        }
    }

    fn parse(file: &TomlFile, directory: &Path, warn: &mut dyn FnMut(String)) -> Result<Self> {
        file.parse(|root| {
            root.warn_of_others(&[&KEYS[..], &["server", "host"]].concat(), warn);
            let mut hosts = Vec::new();
            if let Some(tables) = root.table("host")? {
                for url in tables.keys() {
                    let Some(table) = tables.table(url)? else { continue };
                    table.warn_of_others(&KEYS, warn);
                    hosts.push(Host::parse(url, &tables, url, &table, directory)?);
                }
            }
            let server = root.string("server")?.unwrap_or_default();
            let server = Host::parse(server, root, "server", root, directory)?;
            Ok(Self { hosts, server })
        })
    }
}

impl Host {
    /// A host at `url`, which stands at `key` of `owner`.
    fn parse(
        url: &str,
        owner: &Table<'_>,
        key: &str,
        table: &Table<'_>,
        directory: &Path,
    ) -> Result<Self> {
        let override_path = table.flag("override_path")?.unwrap_or(false);
        let address = match url {
            "" => None,
            url => {
                let parsed = Address::parse(url, override_path);
                Some(parsed.map_err(|why| owner.wrong_at(key, &format!("is not valid: {why}")))?)
            }
        };
        let skip_verify = table.flag("skip_verify")?;
        let file = |key: &str, path: &str| {
            let path = directory.join(path);
            readable(&path)
                .map(|()| path)
                .map_err(|e| table.wrong_at(key, "names a file that cannot be used").cause(e))
        };
        let cas = table.one_or_many("ca")?.unwrap_or_default();
        let pairs = table.one_or_pairs("client")?.unwrap_or_default();
        let pair = |(certificate, key): (&str, &str)| {
            let certificate = file("client", certificate)?;
            let key = if key.is_empty() { certificate.clone() } else { file("client", key)? };
            Ok::<_, Error>((certificate, key))
        };
        let tls = TlsConfig {
            insecure_skip_verify: skip_verify.unwrap_or(false),
            root_cas: cas.into_iter().map(|path| file("ca", path)).collect::<Result<_>>()?,
            certificates: pairs.into_iter().map(pair).collect::<Result<_>>()?,
            skipped: Vec::new(),
        };
        let dial_timeout = match table.string("dial_timeout")? {
            None | Some("") => None,
            Some(text) => Some(duration(text).ok_or_else(|| {
                table.wrong_at("dial_timeout", "must be a duration such as \"500ms\" or \"3s\"")
            })?),
        };
        let (capabilities, headers) = (capabilities(table)?, headers(table)?);
        Ok(Self { address, capabilities, tls, skip_verify, headers, dial_timeout })
    }
}

impl Address {
    fn parse(text: &str, override_path: bool) -> Result<Self, String> {
        let text = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
        let parts = UrlParts::split(&text)?;
        if parts.query.is_some() || parts.fragment.is_some() {
            return Err("it has a query or a fragment".to_owned());
        }
        let authority = parts.authority.to_owned();
        let mut root = Url::parse(&text).map_err(|e| e.to_string())?;
        let path = root.path().trim_end_matches('/').to_owned();
        let is_whole = override_path || path.ends_with("/v2");
        root.set_path(&if is_whole { path } else { format!("{path}/v2") });
        Ok(Self { text, authority, root })
    }
}

fn capabilities(table: &Table<'_>) -> Result<Capabilities> {
    let named = table.strings("capabilities")?.unwrap_or_default();
    if named.is_empty() {
        return Ok(Capabilities::default());
    }
    let mut found = Capabilities { pull: false, resolve: false, push: false, referrers: false };
    for name in named {
        match name.to_ascii_lowercase().as_str() {
            "pull" => found.pull = true,
            "resolve" => found.resolve = true,
            "push" => found.push = true,
            "referrers" => found.referrers = true,
            _ => {
                return Err(table
                    .wrong_at("capabilities", "may only list pull, resolve, push and referrers"));
            }
        }
    }
    // Whoever may say what a tag names may say what refers to it.
    found.referrers |= found.resolve;
    Ok(found)
}

/// Headers that a request has one of, which is not the file's to write.
const OURS: [&str; 7] = [
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "range",
    "accept-encoding",
    "proxy-authorization",
];

fn headers(table: &Table<'_>) -> Result<Vec<(String, Zeroizing<String>)>> {
    let Some(given) = table.table("header")? else { return Ok(Vec::new()) };
    let mut headers = Vec::new();
    for name in given.keys() {
        let lower = name.to_ascii_lowercase();
        if name.is_empty() || !name.bytes().all(is_token) || OURS.contains(&lower.as_str()) {
            return Err(given.wrong_at(name, "is not a header that can be set here"));
        }
        for value in given.one_or_many(name)?.unwrap_or_default() {
            if value.bytes().any(|b| b < 0x20 && b != b'\t' || b == 0x7f) {
                return Err(given.wrong_at(name, "contains a control character"));
            }
            headers.push((lower.clone(), Zeroizing::new(value.to_owned())));
        }
    }
    Ok(headers)
}

/// RFC 9110's characters of a header's name.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// A duration as Go writes it: numbers with units, such as `1m30s` or `1.5h`. None if it is none, or negative.
fn duration(text: &str) -> Option<Duration> {
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest == "0" {
        return Some(Duration::ZERO);
    }
    let mut total = 0.0;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..end].parse().ok()?;
        rest = &rest[end..];
        let units: [(&str, f64); 8] = [
            ("ns", 1e-9),
            ("us", 1e-6),
            ("µs", 1e-6),
            ("μs", 1e-6),
            ("ms", 1e-3),
            ("s", 1.0),
            ("m", 60.0),
            ("h", 3600.0),
        ];
        let (unit, seconds) = units.into_iter().find(|(unit, _)| rest.starts_with(unit))?;
        rest = &rest[unit.len()..];
        total += number * seconds;
    }
    (!text.is_empty()).then(|| Duration::try_from_secs_f64(total).ok()).flatten()
}

/// What a directory without `hosts.toml` says: `*.crt` and `*.cert` with their `*.key`, which may be in the same file.
fn certificates(directory: &Path, opened: &Dir) -> Result<TlsConfig> {
    let names = opened.raw_names().map_err(|e| {
        unusable(directory, "the directory cannot be read")
            .cause(e)
            .hint("make the directory readable for the user of this process")
    })?;
    let mut names: Vec<PathBuf> = names.into_iter().map(PathBuf::from).collect();
    sort::sort(&mut names);
    let file = |name: &Path| {
        let path = directory.join(name);
        readable(&path).map_err(|e| e.recode(Code::InvalidConfig))?;
        Ok::<_, Error>(path)
    };
    let mut found = TlsConfig::default();
    for name in &names {
        match name.extension().and_then(|extension| extension.to_str()) {
            Some("crt") => found.root_cas.push(file(name)?),
            Some("cert") => {
                let key = name.with_extension("key");
                let key = if names.contains(&key) { key } else { name.clone() };
                found.certificates.push((file(name)?, file(&key)?));
            }
            _ => {}
        }
    }
    Ok(found)
}
