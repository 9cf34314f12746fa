//! Hosts and what is said about them: `host[:port]`, address blocks, mirrors, index names.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;
use std::sync::Arc;

use url::Url;

use crate::error::{Code, Error, Phase, Result};

/// The official registry's name in references and configuration.
pub const INDEX_NAME: &str = "docker.io";

/// The official index's host, an older name for the same.
pub const INDEX_HOSTNAME: &str = "index.docker.io";

/// The official index's address, under which its credentials are kept.
pub const INDEX_SERVER: &str = "https://index.docker.io/v1/";

/// The address of Docker Hub for protocol v2.
pub const DEFAULT_V2_REGISTRY: &str = "https://registry-1.docker.io";

/// Drops one leading `http://` or `https://`, then everything from the first `/`.
pub fn convert_to_hostname(url: &str) -> &str {
    let bare = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://")).unwrap_or(url);
    bare.split_once('/').map_or(bare, |(host, _)| host)
}

/// The name of an index: `index.docker.io` is `docker.io`; a hyphen at either end is refused.
pub fn validate_index_name(name: &str) -> Result<&str> {
    if name == INDEX_HOSTNAME {
        return Ok(INDEX_NAME);
    }
    if name.starts_with('-') || name.ends_with('-') {
        return Err(invalid(format!("{:?} is not a valid index name", printable(name)))
            .cause("it begins or ends with a hyphen")
            .hint("write the registry as host[:port]"));
    }
    Ok(name)
}

/// The address of a mirror with exactly one `/` ensured at its end.
pub fn validate_mirror(mirror: &str) -> Result<String> {
    let refused = |why: &str| {
        invalid(format!("{:?} is not a valid mirror: {why}", printable(mirror)))
            .hint("write the mirror as http[s]://HOST[:PORT][/PATH], and put its credentials into the option credentials")
    };
    let parts = UrlParts::split(mirror).map_err(refused)?;
    if parts.query.is_some_and(|query| !query.is_empty()) {
        return Err(refused("it has a query"));
    }
    if parts.fragment.is_some_and(|fragment| !fragment.is_empty()) {
        return Err(refused("it has a fragment"));
    }
    Ok([mirror.strip_suffix('/').unwrap_or(mirror), "/"].concat())
}

/// The registry and the term of a search: the first component where it is a domain, else the official index.
pub fn split_search_term(term: &str) -> (&str, &str) {
    match term.split_once('/') {
        Some((first, rest)) if is_domain_like(first) => (first, rest),
        _ => (INDEX_NAME, term),
    }
}

/// Whether a name's first component is taken for a registry.
pub fn is_domain_like(text: &str) -> bool {
    text == "localhost" || text.bytes().any(|b| matches!(b, b'.' | b':'))
}

/// The grammar of a reference's domain: that of [`is_domain`], or an IPv6 address in brackets, then perhaps a port. An
/// address has no zone, and is written in hexadecimal digits alone.
pub fn is_reference_domain(text: &str) -> bool {
    let Some(rest) = text.strip_prefix('[') else { return is_domain(text) };
    let Some((address, port)) = rest.split_once(']') else { return false };
    !address.contains('.')
        && address.parse::<std::net::Ipv6Addr>().is_ok()
        && (port.is_empty() || port.strip_prefix(':').is_some_and(is_digits))
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// The grammar of a domain: components of letters, digits and inner hyphens, then perhaps a port.
pub fn is_domain(text: &str) -> bool {
    let (name, port) = match text.split_once(':') {
        Some((name, port)) => (name, Some(port)),
        None => (text, None),
    };
    let component = |part: &str| {
        !part.is_empty()
            && !part.starts_with('-')
            && !part.ends_with('-')
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    name.split('.').all(component) && port.is_none_or(is_digits)
}

/// Fails unless the text is `host[:port]`: a domain or an IP address, IPv6 in brackets only with a port.
pub fn check_host_port(text: &str) -> Result<()> {
    let refused = |why: &str| {
        invalid(format!("{:?} is not a valid host[:port]: {why}", printable(text)))
            .hint("write the registry as host, host:port, 192.0.2.1:5000 or [2001:db8::1]:5000, or write a block of addresses such as 192.0.2.0/24")
    };
    let (host, port) = split_port(text).unwrap_or((text, ""));
    if !is_domain(text) && host.parse::<IpAddr>().is_err() {
        return Err(refused("the host is not valid"));
    }
    if !port.is_empty() && port.parse::<u16>().is_err() {
        return Err(refused("the port is not a number from 0 to 65535"));
    }
    Ok(())
}

/// Host, without the brackets of IPv6, and port, which may be empty; None if no port is there.
pub fn split_port(text: &str) -> Option<(&str, &str)> {
    let (host, port) = text.rsplit_once(':')?;
    let host = match host.strip_prefix('[') {
        Some(inner) => inner.strip_suffix(']')?,
        None if host.contains(':') => return None,
        None => host,
    };
    (!host.contains(['[', ']']) && !port.contains(['[', ']'])).then_some((host, port))
}

/// Whether the name is this machine's own, `localhost` or below it (RFC 6761).
pub fn is_localhost(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    let last = name.rsplit('.').next().unwrap_or(name);
    last.eq_ignore_ascii_case("localhost")
}

/// A host as credentials and allow lists compare it: lower case, without the port of https, and one name for
/// the official registry.
pub fn normalised(host: &str) -> String {
    let host = host.to_ascii_lowercase();
    let host = host.strip_suffix(":443").unwrap_or(&host);
    match host {
        INDEX_HOSTNAME | "registry-1.docker.io" => INDEX_NAME.to_owned(),
        _ => host.to_owned(),
    }
}

/// Fails where a host name could not be one component of a path, or would smuggle something into a header.
pub fn check_component(host: &str) -> Result<()> {
    let why = if host.is_empty() {
        "it is empty"
    } else if host == "." || host == ".." {
        "it is a relative path"
    } else if host.contains(['/', '\\']) {
        "it contains a slash"
    } else if host.contains(char::is_control) {
        "it contains a control character"
    } else if host.len() > 255 {
        "it is longer than 255 bytes"
    } else {
        return Ok(());
    };
    Err(Error::argument(
        "hostname",
        format!("{:?} is not a valid host name: {why}", printable(host)),
    )
    .hint("write the registry as host[:port], without a scheme or path"))
}

/// Fails where text that goes into a header or a credential holds a control character.
pub fn check_no_control(text: &str, name: &str) -> Result<()> {
    if text.bytes().any(|b| b < 0x20 || b == 0x7f) {
        return Err(invalid(format!("{name} contains a control character"))
            .in_argument(name)
            .hint(
                "remove the control character; it is often a line break at the end of the string",
            ));
    }
    Ok(())
}

/// Text that is safe in messages: without user info and query, whatever it was meant to be, and not endless.
pub fn printable(text: &str) -> String {
    /// Longer than any whole reference.
    const MOST: usize = 600;
    let mut shown = without_secrets(text);
    if let Some((end, _)) = shown.char_indices().nth(MOST) {
        shown.truncate(end);
        shown.push('…');
    }
    shown
}

fn without_secrets(text: &str) -> String {
    let (scheme, rest) = match text.split_once("://") {
        Some((scheme, rest)) => (Some(scheme), rest),
        None => (None, text),
    };
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let Some(scheme) = scheme else {
        return match rest.rsplit_once('@') {
            // `name@digest` is no secret, `user:password@host` is.
            Some((before, after)) if before.contains(':') && !after.contains(':') => {
                format!("…@{after}")
            }
            _ => rest.to_owned(),
        };
    };
    let rest = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    format!("{scheme}://{rest}")
}

/// The pieces of an http or https URL, as they stand in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UrlParts<'a> {
    /// `host[:port]`, never empty, without user info.
    pub authority: &'a str,
    /// After `?`, if there is one.
    pub query: Option<&'a str>,
    /// After `#`, if there is one.
    pub fragment: Option<&'a str>,
}

impl<'a> UrlParts<'a> {
    /// Splits a URL, or says why it is none that a registry can have.
    pub fn split(text: &'a str) -> Result<Self, &'static str> {
        let refused = |c: char| c.is_control() || " \"<>\\^`{|}".contains(c);
        if text.contains(refused) {
            return Err("it contains a character that is not allowed in a URL");
        }
        let (scheme, rest) = text.split_once("://").ok_or("it has no scheme")?;
        if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
            return Err("its scheme is neither http nor https");
        }
        let (rest, fragment) = split_off(rest, '#');
        let (rest, query) = split_off(rest, '?');
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        if authority.contains('@') {
            return Err("it contains a user name or password");
        }
        if !escapes_are_whole(path) || fragment.is_some_and(|f| !escapes_are_whole(f)) {
            return Err("a % is not followed by two hex digits");
        }
        check_authority(authority)?;
        Ok(Self { authority, query, fragment })
    }
}

fn split_off(text: &str, at: char) -> (&str, Option<&str>) {
    text.split_once(at).map_or((text, None), |(before, after)| (before, Some(after)))
}

fn escapes_are_whole(text: &str) -> bool {
    text.split('%')
        .skip(1)
        .all(|after| after.len() >= 2 && after.as_bytes()[..2].iter().all(u8::is_ascii_hexdigit))
}

fn check_authority(authority: &str) -> Result<(), &'static str> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']').ok_or("a bracket is not closed")?;
            host.parse::<std::net::Ipv6Addr>()
                .map_err(|_| "its host is not a valid IPv6 address")?;
            let port = rest.strip_prefix(':');
            if port.is_none() && !rest.is_empty() {
                return Err("the address is followed by something other than a port");
            }
            (host, port)
        }
        None => split_off(authority, ':'),
    };
    if host.is_empty() {
        return Err("it has no host");
    }
    if !authority.starts_with('[')
        && !host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=".contains(&b))
    {
        return Err("its host is not valid");
    }
    if port.is_some_and(|port| !port.is_empty() && !is_port(port)) {
        return Err("its port is not a number from 0 to 65535");
    }
    Ok(())
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit()) && text.parse::<u16>().is_ok()
}

/// Parses the URL of an endpoint, strictly: nothing that the text does not say, nothing that it says twice.
pub fn parse_endpoint_url(text: &str) -> Result<Url> {
    let refused = |why: &str| {
        Error::argument(
            "URL",
            format!("{:?} is not a valid registry address: {why}", printable(text)),
        )
        .hint("write the endpoint as http[s]://HOST[:PORT][/PATH]")
    };
    let parts = UrlParts::split(text).map_err(refused)?;
    if parts.query.is_some() {
        return Err(refused("it has a query"));
    }
    if parts.fragment.is_some() {
        return Err(refused("it has a fragment"));
    }
    Url::parse(text).map_err(|e| refused(&e.to_string()))
}

/// A block of addresses.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cidr {
    network: IpAddr,
    prefix: u8,
}

impl Cidr {
    /// Whether the address is in the block; an IPv4-mapped IPv6 address counts as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.network.is_ipv4() && masked(address, self.prefix) == self.network
    }
}

/// Blocks of addresses that something holds for, and for no other address. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Blocks(Arc<[Cidr]>);

impl Blocks {
    /// These blocks.
    pub fn new(blocks: &[Cidr]) -> Self {
        Self(blocks.into())
    }

    /// This machine: 127.0.0.0/8 and ::1.
    pub fn loopback() -> Self {
        Self::new(&[
            Cidr { network: Ipv4Addr::new(127, 0, 0, 0).into(), prefix: 8 },
            Cidr { network: Ipv6Addr::LOCALHOST.into(), prefix: 128 },
        ])
    }

    /// Whether the address lies in one of the blocks.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.iter().any(|block| block.contains(address))
    }

    /// Whether there are addresses, and all of them lie in the blocks.
    pub fn contain_all(&self, addresses: &[IpAddr]) -> bool {
        !addresses.is_empty() && addresses.iter().all(|address| self.contains(*address))
    }
}

impl FromStr for Cidr {
    /// Says only that it is not a block; the caller knows what else it may be.
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (address, prefix) = text.split_once('/').ok_or(())?;
        let address: IpAddr = address.parse().map_err(drop)?;
        if prefix.is_empty() || !prefix.bytes().all(|b| b.is_ascii_digit()) {
            return Err(());
        }
        let prefix: u8 = prefix.parse().map_err(drop)?;
        if prefix > if address.is_ipv4() { 32 } else { 128 } {
            return Err(());
        }
        let network = masked(address, prefix);
        match network.to_canonical() {
            mapped if network.is_ipv6() && mapped.is_ipv4() && prefix >= 96 => {
                Ok(Self { network: mapped, prefix: prefix - 96 })
            }
            _ => Ok(Self { network, prefix }),
        }
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network, self.prefix)
    }
}

impl fmt::Debug for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn masked(address: IpAddr, prefix: u8) -> IpAddr {
    match address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(prefix.min(32))).unwrap_or(0);
            IpAddr::V4((v4.to_bits() & mask).into())
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(prefix.min(128))).unwrap_or(0);
            IpAddr::V6((v6.to_bits() & mask).into())
        }
    }
}

fn invalid(message: String) -> Error {
    Error::new(Code::InvalidConfig, message).phase(Phase::Config)
}
