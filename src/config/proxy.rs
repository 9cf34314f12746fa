//! Proxies: which one a request goes through, if any.

use std::ffi::OsString;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::IpAddr;
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use percent_encoding::percent_decode_str;
use url::{Host, Url};
use zeroize::Zeroizing;

use crate::error::{Code, Error, Phase, Result};
use crate::host::{Cidr, UrlParts, split_port};

/// A proxy, with the credentials that are for it alone.
#[derive(Clone, PartialEq, Eq)]
pub struct ProxyServer {
    https: bool,
    host: String,
    port: u16,
    authorization: Option<Zeroizing<String>>,
}

impl ProxyServer {
    /// Parses `[http[s]://][USER:PASSWORD@]HOST[:PORT]`; none for `""`. `key` is where the text comes from.
    pub fn parse(text: &str, key: &str) -> Result<Option<Self>> {
        if text.is_empty() {
            return Ok(None);
        }
        // Messages show nothing of the text: any part of it may belong to a password.
        let refused = |why: &str| {
            Error::new(Code::InvalidConfig, format!("{key} is no address of a proxy: {why}"))
                .phase(Phase::Config)
                .in_argument(key)
                .hint("a proxy reads [http[s]://][USER:PASSWORD@]HOST[:PORT], with special characters of the password as %XX")
        };
        let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "http" => "http",
            "https" => "https",
            socks if socks.starts_with("socks") => {
                return Err(refused("SOCKS is not spoken, only http and https proxies are"));
            }
            _ => return Err(refused("its scheme is neither http nor https")),
        };
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let (user_info, place) = match authority.rsplit_once('@') {
            Some((user_info, place)) => (user_info, place),
            None => ("", authority),
        };
        let url = [scheme, "://", place].concat();
        UrlParts::split(&url).map_err(refused)?;
        let url = Url::parse(&url).map_err(|e| refused(&e.to_string()))?;
        let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
            return Err(refused("it has no host"));
        };
        Ok(Some(Self {
            https: scheme == "https",
            host: host.to_owned(),
            port,
            authorization: (!user_info.is_empty()).then(|| basic(user_info)),
        }))
    }

    /// Whether TLS is spoken with the proxy itself.
    pub fn is_https(&self) -> bool {
        self.https
    }

    /// Its host, IPv6 in brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The value of Proxy-Authorization.
    pub fn authorization(&self) -> Option<&str> {
        self.authorization.as_ref().map(|text| text.as_str())
    }
}

/// The header of `USER[:PASSWORD]` as it stands in a URL.
fn basic(user_info: &str) -> Zeroizing<String> {
    const SCHEME: &str = "Basic ";
    let (user, password) = user_info.split_once(':').unwrap_or((user_info, ""));
    let mut pair = Zeroizing::new(Vec::with_capacity(user_info.len() + 1));
    pair.extend(percent_decode_str(user));
    pair.push(b':');
    pair.extend(percent_decode_str(password));
    // Room for all of it: text that moves leaves a copy behind.
    let mut header = Zeroizing::new(String::with_capacity(SCHEME.len() + pair.len() * 4 / 3 + 4));
    header.push_str(SCHEME);
    BASE64_STANDARD.encode_string(pair.as_slice(), &mut header);
    header
}

impl Hash for ProxyServer {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.https, &self.host, self.port).hash(state);
    }
}

/// `HOST:PORT`, and never the credentials.
impl fmt::Display for ProxyServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl fmt::Debug for ProxyServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{self}", if self.https { "https" } else { "http" })
    }
}

/// The proxies of a service, by the scheme of what is asked for. The default is none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Proxies {
    http: Option<Arc<ProxyServer>>,
    https: Option<Arc<ProxyServer>>,
    no_proxy: NoProxy,
    /// Whether this machine is asked directly, whatever the lists say.
    spares_loopback: bool,
}

impl Proxies {
    /// One for both schemes, for this machine too: whoever names a proxy in the options means it.
    pub fn for_all(server: Option<ProxyServer>) -> Self {
        let server = server.map(Arc::new);
        Self { http: server.clone(), https: server, ..Self::default() }
    }

    /// One for each scheme; `no_proxy` lists hosts that are asked directly.
    pub fn new(http: Option<ProxyServer>, https: Option<ProxyServer>, no_proxy: &str) -> Self {
        Self {
            http: http.map(Arc::new),
            https: https.map(Arc::new),
            no_proxy: NoProxy::parse(no_proxy),
            spares_loopback: false,
        }
    }

    /// The same, but this machine is always asked directly.
    #[must_use]
    pub fn sparing_loopback(self) -> Self {
        Self { spares_loopback: true, ..self }
    }

    /// What HTTP_PROXY, HTTPS_PROXY and NO_PROXY say, or else the same names in lower case.
    pub fn from_environment(variable: impl Fn(&str) -> Option<OsString>) -> Result<Self> {
        let text = |name: &str| {
            let value = variable(name).filter(|value| !value.is_empty())?;
            Some(Zeroizing::new(value.to_string_lossy().into_owned()))
        };
        let server = |names: &[&str]| {
            let found = names.iter().find_map(|name| Some((name, text(name)?)));
            found.map_or(Ok(None), |(name, text)| ProxyServer::parse(&text, name)).map_err(|e| {
                e.hint("correct or unset the variable, name a proxy in the option proxy, or set the option environment to false")
            })
        };
        // A CGI program finds its client's header `Proxy` in HTTP_PROXY; no header becomes a lower-case name.
        let in_cgi = text("REQUEST_METHOD").is_some();
        let http: &[&str] = if in_cgi { &["http_proxy"] } else { &["HTTP_PROXY", "http_proxy"] };
        let (http, https) = (server(http)?, server(&["HTTPS_PROXY", "https_proxy"])?);
        let no_proxy = text("NO_PROXY").or_else(|| text("no_proxy"));
        let no_proxy = no_proxy.as_ref().map_or("", |text| text.as_str());
        Ok(Self::new(http, https, no_proxy).sparing_loopback())
    }

    /// The proxy for an address; None to ask directly.
    pub fn choose(&self, url: &Url) -> Option<&Arc<ProxyServer>> {
        let server = if url.scheme() == "https" { &self.https } else { &self.http }.as_ref()?;
        let host = match url.host()? {
            Host::Ipv4(address) => Target::Address(address.into()),
            Host::Ipv6(address) => Target::Address(IpAddr::from(address).to_canonical()),
            Host::Domain(name) => Target::Name(name),
        };
        let direct = (self.spares_loopback && host.is_loopback())
            || self.no_proxy.covers(&host, url.port_or_known_default()?);
        (!direct).then_some(server)
    }
}

/// A host as the URL parser understood it. A text that looks like a name here and like an address there, such as an
/// IPv6 address with a zone, is neither.
enum Target<'a> {
    Address(IpAddr),
    Name(&'a str),
}

impl Target<'_> {
    fn is_loopback(&self) -> bool {
        match self {
            Self::Address(address) => address.is_loopback(),
            Self::Name(name) => *name == "localhost",
        }
    }
}

/// Hosts that are asked directly, by the rules of Go's httpproxy.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct NoProxy(Vec<Entry>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Entry {
    /// `*`
    Everything,
    /// `10.0.0.0/8`
    Block(Cidr),
    /// `10.0.0.1`, `[::1]:5000`
    Address(IpAddr, Option<u16>),
    /// `a.example` is itself and what is below it; `.a.example` and `*.a.example` are what is below it.
    Name { suffix: String, itself: bool, port: Option<u16> },
}

impl NoProxy {
    /// Parses a list with commas. An entry that nothing can match says nothing, as in Go.
    fn parse(text: &str) -> Self {
        Self(text.split(',').filter_map(Entry::parse).collect())
    }

    fn covers(&self, host: &Target<'_>, port: u16) -> bool {
        self.0.iter().any(|entry| entry.covers(host, port))
    }
}

impl Entry {
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim().to_ascii_lowercase();
        if text == "*" {
            return Some(Self::Everything);
        }
        if let Ok(block) = text.parse() {
            return Some(Self::Block(block));
        }
        let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
        let address = |text: &str| text.parse::<IpAddr>().map(|address| address.to_canonical());
        if let Ok(address) = address(bare.unwrap_or(&text)) {
            return Some(Self::Address(address, None));
        }
        let (host, port) = match split_port(&text) {
            None => (text.as_str(), None),
            Some((host, "")) => (host, None),
            Some((host, port)) => (host, Some(port.parse().ok()?)),
        };
        if let Ok(address) = address(host) {
            return Some(Self::Address(address, port));
        }
        let below = host.strip_prefix('*').filter(|rest| rest.starts_with('.')).unwrap_or(host);
        let (name, itself) = match below.strip_prefix('.') {
            Some(name) => (name, false),
            None => (below, true),
        };
        (!name.is_empty()).then(|| Self::Name { suffix: [".", name].concat(), itself, port })
    }

    fn covers(&self, host: &Target<'_>, port: u16) -> bool {
        let at_port = |wanted: &Option<u16>| wanted.is_none_or(|wanted| wanted == port);
        match (self, host) {
            (Self::Everything, _) => true,
            (Self::Block(block), Target::Address(address)) => block.contains(*address),
            (Self::Address(wanted, only), Target::Address(address)) => {
                wanted == address && at_port(only)
            }
            (Self::Name { suffix, itself, port: only }, Target::Name(name)) => {
                (name.ends_with(suffix) || (*itself && *name == &suffix[1..])) && at_port(only)
            }
            _ => false,
        }
    }
}
