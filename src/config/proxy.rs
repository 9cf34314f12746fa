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
use crate::names::host::{Cidr, UrlParts, is_localhost, split_port};

/// The protocol of a proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProxyScheme {
    /// HTTP over TCP.
    Http,
    /// HTTP over TLS.
    Https,
    /// SOCKS 5 with addresses that are found here.
    Socks5,
    /// SOCKS 5 with names that the proxy looks up.
    Socks5h,
}

impl ProxyScheme {
    fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
            Self::Socks5 => "socks5",
            Self::Socks5h => "socks5h",
        }
    }
}

/// A proxy, with the credentials that are for it alone.
#[derive(Clone, PartialEq, Eq)]
pub struct ProxyServer {
    scheme: ProxyScheme,
    host: String,
    port: u16,
    authorization: Option<Zeroizing<String>>,
    socks_login: Option<Zeroizing<Vec<u8>>>,
}

impl ProxyServer {
    /// Parses `[SCHEME://][USER:PASSWORD@]HOST[:PORT]`; none for `""`. `key` is where the text comes from.
    pub fn parse(text: &str, key: &str) -> Result<Option<Self>> {
        if text.is_empty() {
            return Ok(None);
        }
        // Messages show nothing of the text: any part of it may belong to a password.
        let refused = |why: &str| {
            Error::new(Code::InvalidConfig, format!("{key} is not a valid proxy address: {why}"))
                .phase(Phase::Config)
                .in_argument(key)
                .hint("write the proxy as [SCHEME://][USER:PASSWORD@]HOST[:PORT], where SCHEME is http, https, socks5 or socks5h, and percent-encode special characters in the password")
        };
        let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "http" => ProxyScheme::Http,
            "https" => ProxyScheme::Https,
            "socks5" => ProxyScheme::Socks5,
            "socks5h" => ProxyScheme::Socks5h,
            _ => return Err(refused("its scheme is not http, https, socks5 or socks5h")),
        };
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let (user_info, place) = match authority.rsplit_once('@') {
            Some((user_info, place)) => (user_info, place),
            None => ("", authority),
        };
        // Hosts are read alike under each scheme; a port that is written out is unknown to one of these two at most.
        let read = |scheme: &str| {
            let url = [scheme, "://", place].concat();
            UrlParts::split(&url).map_err(refused)?;
            Url::parse(&url).map_err(|e| refused(&e.to_string()))
        };
        let url = read("http")?;
        let Some(host) = url.host_str() else { return Err(refused("it has no host")) };
        let written = url.port().or(read("https")?.port());
        let default = match scheme {
            ProxyScheme::Http => 80,
            ProxyScheme::Https => 443,
            ProxyScheme::Socks5 | ProxyScheme::Socks5h => 1080,
        };
        let (mut authorization, mut socks_login) = (None, None);
        if !user_info.is_empty() {
            match scheme {
                ProxyScheme::Http | ProxyScheme::Https => authorization = Some(basic(user_info)),
                ProxyScheme::Socks5 | ProxyScheme::Socks5h => {
                    socks_login = Some(socks_login_of(user_info).map_err(refused)?);
                }
            }
        }
        let (host, port) = (host.to_owned(), written.unwrap_or(default));
        Ok(Some(Self { scheme, host, port, authorization, socks_login }))
    }

    /// Its protocol.
    pub fn scheme(&self) -> ProxyScheme {
        self.scheme
    }

    /// Whether the connection to the proxy itself uses TLS.
    pub fn is_https(&self) -> bool {
        self.scheme == ProxyScheme::Https
    }

    /// Whether it is the proxy that finds the addresses of names.
    pub fn finds_names(&self) -> bool {
        self.scheme != ProxyScheme::Socks5
    }

    /// Whether it reads requests to the address and sends them on.
    pub fn forwards(&self, url: &Url) -> bool {
        url.scheme() == "http" && matches!(self.scheme, ProxyScheme::Http | ProxyScheme::Https)
    }

    /// What SOCKS sends to log in.
    pub fn socks_login(&self) -> Option<&Zeroizing<Vec<u8>>> {
        self.socks_login.as_ref()
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

/// The message of RFC 1929 for `USER[:PASSWORD]` as it stands in a URL.
fn socks_login_of(user_info: &str) -> Result<Zeroizing<Vec<u8>>, &'static str> {
    let (user, password) = user_info.split_once(':').unwrap_or((user_info, ""));
    let mut message = Zeroizing::new(Vec::with_capacity(3 + user_info.len()));
    message.push(1);
    for text in [user, password] {
        let length = percent_decode_str(text).count();
        message.push(
            u8::try_from(length)
                .map_err(|_| "SOCKS limits the user name and the password to 255 bytes each")?,
        );
        message.extend(percent_decode_str(text));
    }
    Ok(message)
}

impl Hash for ProxyServer {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.scheme, &self.host, self.port).hash(state);
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
        write!(f, "{}://{self}", self.scheme.name())
    }
}

/// What is known of the proxy for a scheme.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
enum Chosen {
    /// There is none.
    #[default]
    None,
    Server(Arc<ProxyServer>),
    /// The environment names one that cannot be used: an error for whoever needs it.
    Unusable {
        message: String,
        variable: String,
    },
}

impl From<Option<ProxyServer>> for Chosen {
    fn from(server: Option<ProxyServer>) -> Self {
        server.map_or(Self::None, |server| Self::Server(Arc::new(server)))
    }
}

/// The proxies of a service, by the scheme of the request's URL. The default is none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Proxies {
    http: Chosen,
    https: Chosen,
    no_proxy: NoProxy,
    /// Whether loopback addresses are always reached directly.
    spares_loopback: bool,
}

impl Proxies {
    /// One for both schemes, for this machine too: whoever names a proxy in the options means it.
    pub fn for_all(server: Option<ProxyServer>) -> Self {
        let server = Chosen::from(server);
        Self { http: server.clone(), https: server, ..Self::default() }
    }

    /// One proxy for each scheme; `no_proxy` lists hosts that are reached directly.
    pub fn new(http: Option<ProxyServer>, https: Option<ProxyServer>, no_proxy: &str) -> Self {
        Self {
            http: http.into(),
            https: https.into(),
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
    ///
    /// A proxy that cannot be used is an error where an address needs it: many programs share an environment.
    pub fn from_environment(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let text = |name: &str| {
            let value = variable(name).filter(|value| !value.is_empty())?;
            Some(Zeroizing::new(value.to_string_lossy().into_owned()))
        };
        let server = |names: &[&str]| {
            let found = names.iter().find_map(|name| Some((*name, text(name)?)));
            let Some((variable, text)) = found else { return Chosen::None };
            ProxyServer::parse(&text, variable).map_or_else(
                |e| Chosen::Unusable { message: e.to_string(), variable: variable.to_owned() },
                Chosen::from,
            )
        };
        // A CGI program finds its client's header `Proxy` in HTTP_PROXY; no header becomes a lower-case name.
        let in_cgi = text("REQUEST_METHOD").is_some();
        let http: &[&str] = if in_cgi { &["http_proxy"] } else { &["HTTP_PROXY", "http_proxy"] };
        let (http, https) = (server(http), server(&["HTTPS_PROXY", "https_proxy"]));
        let no_proxy = text("NO_PROXY").or_else(|| text("no_proxy"));
        let no_proxy = no_proxy.as_ref().map_or("", |text| text.as_str());
        let no_proxy = NoProxy::parse(no_proxy);
        Self { http, https, no_proxy, spares_loopback: true }
    }

    /// The proxy for an address; None to ask directly.
    pub fn choose(&self, url: &Url) -> Result<Option<&Arc<ProxyServer>>> {
        match self.of(url) {
            Some(Chosen::Server(server)) => Ok(Some(server)),
            Some(Chosen::Unusable { message, variable }) => {
                Err(Error::new(Code::InvalidConfig, message)
                    .phase(Phase::Config)
                    .in_argument(variable)
                    .hint("correct or unset the variable, set the option proxy, add the host to NO_PROXY, or set the option environment to false"))
            }
            None | Some(Chosen::None) => Ok(None),
        }
    }

    /// Whether an address is not asked directly.
    pub fn is_proxied(&self, url: &Url) -> bool {
        self.of(url).is_some_and(|chosen| *chosen != Chosen::None)
    }

    /// Whether the addresses of names are found by a proxy, and not here.
    pub fn finds_names(&self, url: &Url) -> bool {
        match self.of(url) {
            Some(Chosen::Server(server)) => server.finds_names(),
            Some(Chosen::Unusable { .. }) => true,
            None | Some(Chosen::None) => false,
        }
    }

    fn of(&self, url: &Url) -> Option<&Chosen> {
        let chosen = if url.scheme() == "https" { &self.https } else { &self.http };
        let host = match url.host()? {
            Host::Ipv4(address) => Target::Address(address.into()),
            Host::Ipv6(address) => Target::Address(IpAddr::from(address).to_canonical()),
            Host::Domain(name) => Target::Name(name),
        };
        let direct = (self.spares_loopback && host.is_loopback())
            || self.no_proxy.covers(&host, url.port_or_known_default()?);
        (!direct).then_some(chosen)
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
            Self::Name(name) => is_localhost(name),
        }
    }
}

/// Hosts that are reached directly, by the rules of Go's httpproxy.
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
