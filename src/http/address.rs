//! The address rule: what a registry sends us to may not be closer to home than the registry itself.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use url::{Host, Url};

use crate::error::{Code, Error, Phase, Result};
use crate::host::Blocks;

/// How far an address reaches; a narrower reach is smaller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reach {
    /// Link-local, unspecified, multicast: nothing that a registry may ever send us to.
    Never,
    /// This machine.
    Loopback,
    /// A private network.
    Private,
    /// Everybody.
    Public,
}

impl Reach {
    /// The reach of an address; an IPv4 address inside an IPv6 one counts as itself.
    pub fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(v4) => Self::of_v4(v4),
            IpAddr::V6(v6) => match embedded_v4(v6) {
                Some(v4) => Self::of_v4(v4),
                None => Self::of_v6(v6),
            },
        }
    }

    /// The reach of an address or of this machine's own name; of other names only their addresses tell.
    pub fn of_literal(url: &Url) -> Option<Self> {
        match url.host()? {
            Host::Ipv4(address) => Some(Self::of(address.into())),
            Host::Ipv6(address) => Some(Self::of(address.into())),
            Host::Domain(name) => {
                // With a dot at its end it is the same name.
                let name = name.strip_suffix('.').unwrap_or(name);
                (name == "localhost" || name.ends_with(".localhost")).then_some(Self::Loopback)
            }
        }
    }

    fn of_v4(v4: Ipv4Addr) -> Self {
        let [a, b, ..] = v4.octets();
        if v4.is_loopback() {
            Self::Loopback
        } else if a == 0 || v4.is_link_local() || v4.is_multicast() || v4.is_broadcast() {
            Self::Never
        } else if v4.is_private() || (a == 100 && (64..128).contains(&b)) {
            Self::Private
        } else {
            Self::Public
        }
    }

    fn of_v6(v6: Ipv6Addr) -> Self {
        if v6.is_loopback() {
            Self::Loopback
        } else if v6.is_unspecified() || v6.is_multicast() || v6.is_unicast_link_local() {
            Self::Never
        } else if v6.is_unique_local() {
            Self::Private
        } else {
            Self::Public
        }
    }

    /// The word in a message.
    pub fn name(self) -> &'static str {
        match self {
            Self::Never => "link-local, unspecified or multicast",
            Self::Loopback => "loopback",
            Self::Private => "private",
            Self::Public => "public",
        }
    }
}

/// ::ffff:a.b.c.d, ::a.b.c.d (of old), 64:ff9b::a.b.c.d (NAT64) and 2002:aabb:ccdd:: (6to4).
fn embedded_v4(v6: Ipv6Addr) -> Option<Ipv4Addr> {
    let s = v6.segments();
    let v4 = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Ipv4Addr::new(a, b, c, d)
    };
    match s {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            Some(v4(high, low))
        }
        // These two are the unspecified address and loopback.
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => None,
        [0, 0, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => Some(v4(high, low)),
        _ => None,
    }
}

/// Which addresses a request may connect to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AddressRule {
    /// What the caller named itself: any.
    Named,
    /// What a server named: not narrower than that server's own reach, and never link-local.
    AtLeast(Reach),
}

impl AddressRule {
    /// Whether a connection to this address is allowed.
    pub fn allows(self, address: IpAddr) -> bool {
        self.allows_reach(Reach::of(address))
    }

    /// Whether a connection to an address of this reach is allowed.
    pub fn allows_reach(self, reach: Reach) -> bool {
        match self {
            Self::Named => true,
            Self::AtLeast(least) => reach != Reach::Never && reach >= least,
        }
    }
}

/// What a connection must satisfy: the rule for what was named, and the addresses that its identity holds for.
#[derive(Debug, Clone)]
pub(super) struct Dial {
    pub(super) rule: AddressRule,
    pub(super) within: Option<Blocks>,
}

impl Dial {
    /// Any address: for what the user configured, such as a proxy.
    pub(super) const ANY: Self = Self { rule: AddressRule::Named, within: None };

    /// The addresses that may be dialled; none is an error.
    pub(super) fn choose(&self, addresses: &[SocketAddr]) -> Result<Vec<SocketAddr>> {
        let by_rule: Vec<_> =
            addresses.iter().copied().filter(|a| self.rule.allows(a.ip())).collect();
        if by_rule.is_empty() {
            let places = addresses.iter().map(|a| (a.ip().to_string(), Reach::of(a.ip())));
            return Err(refused(places));
        }
        let Some(blocks) = &self.within else { return Ok(by_rule) };
        let within: Vec<_> = by_rule.iter().copied().filter(|a| blocks.contains(a.ip())).collect();
        if within.is_empty() {
            return Err(outside(by_rule.iter().map(|a| a.ip().to_string())));
        }
        Ok(within)
    }
}

/// The error of a rule that allows none of these places.
pub(super) fn refused(places: impl Iterator<Item = (String, Reach)>) -> Error {
    let places: Vec<_> = places.collect();
    let never = places.iter().all(|(_, reach)| *reach == Reach::Never);
    let list: Vec<_> =
        places.iter().map(|(place, reach)| format!("{place} ({})", reach.name())).collect();
    let why = if never {
        "an address that no server may send us to"
    } else {
        "a more private network than the server's own"
    };
    Error::new(Code::Policy, format!("refused: the server sent us to {}, {why}", list.join(", ")))
        .phase(Phase::Connect)
        .hint("nothing was sent; a server may lead only to networks as wide as its own, or wider")
}

/// The error of addresses that a verdict does not hold for.
pub(super) fn outside(addresses: impl Iterator<Item = String>) -> Error {
    let list: Vec<_> = addresses.collect();
    Error::new(
        Code::Policy,
        format!(
            "refused: it is at {} now, outside the address blocks that made it an insecure registry",
            list.join(", ")
        ),
    )
    .phase(Phase::Connect)
    .hint(
        "nothing was sent; open a new session to have its certificate verified, or add its name to the option insecure-registries",
    )
}

#[cfg(test)]
mod tests {
    use super::{AddressRule, Reach};

    #[test]
    fn reach_of_addresses() {
        for (text, reach) in [
            ("127.0.0.1", Reach::Loopback),
            ("127.9.9.9", Reach::Loopback),
            ("::1", Reach::Loopback),
            ("::ffff:127.0.0.1", Reach::Loopback),
            ("64:ff9b::7f00:1", Reach::Loopback),
            ("2002:7f00:1::", Reach::Loopback),
            ("::127.0.0.1", Reach::Loopback),
            ("::8.8.8.8", Reach::Public),
            ("10.1.2.3", Reach::Private),
            ("172.16.0.1", Reach::Private),
            ("192.168.0.1", Reach::Private),
            ("100.64.0.1", Reach::Private),
            ("fc00::1", Reach::Private),
            ("::ffff:10.0.0.1", Reach::Private),
            ("169.254.169.254", Reach::Never),
            ("::ffff:169.254.169.254", Reach::Never),
            ("fe80::1", Reach::Never),
            ("0.0.0.0", Reach::Never),
            ("0.1.2.3", Reach::Never),
            ("::", Reach::Never),
            ("224.0.0.1", Reach::Never),
            ("255.255.255.255", Reach::Never),
            ("ff02::1", Reach::Never),
            ("8.8.8.8", Reach::Public),
            ("100.63.0.1", Reach::Public),
            ("100.128.0.1", Reach::Public),
            ("8.64.0.1", Reach::Public),
            ("2001:4860::1", Reach::Public),
        ] {
            assert_eq!(Reach::of(text.parse().unwrap()), reach, "{text}");
        }
    }

    #[test]
    fn the_rule() {
        let allows = |least, to: &str| AddressRule::AtLeast(least).allows(to.parse().unwrap());
        assert!(allows(Reach::Loopback, "127.0.0.1"));
        assert!(allows(Reach::Loopback, "10.0.0.1"));
        assert!(!allows(Reach::Private, "127.0.0.1"));
        assert!(allows(Reach::Private, "10.0.0.1"));
        assert!(!allows(Reach::Public, "10.0.0.1"));
        assert!(allows(Reach::Public, "8.8.8.8"));
        assert!(!allows(Reach::Loopback, "169.254.169.254"));
        assert!(!allows(Reach::Never, "169.254.169.254"));
        assert!(AddressRule::Named.allows("169.254.169.254".parse().unwrap()));
    }
}
