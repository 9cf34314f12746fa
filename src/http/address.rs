//! The address rule: what a registry sends us to may not be closer to home than the registry itself.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use url::{Host, Url};

use crate::error::{Code, Error, Phase, Result};
use crate::names::host::{Blocks, is_localhost};

/// How far an address reaches; a narrower reach is smaller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reach {
    /// Link-local, reserved, a cloud's metadata: nothing that a registry may ever send us to.
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
            IpAddr::V6(v6) => {
                let own = match translated_v4(v6) {
                    Some(v4) => Self::of_v4(v4),
                    None => Self::of_v6(v6),
                };
                // A tunnel leads no farther than either of its ends.
                tunnelled_v4(v6).map(Self::of_v4).fold(own, Self::min)
            }
        }
    }

    /// The reach of an address or of this machine's own name; of other names only their addresses tell.
    pub fn of_literal(url: &Url) -> Option<Self> {
        match url.host()? {
            Host::Ipv4(address) => Some(Self::of(address.into())),
            Host::Ipv6(address) => Some(Self::of(address.into())),
            Host::Domain(name) => is_localhost(name).then_some(Self::Loopback),
        }
    }

    /// By IANA's registry of special-purpose IPv4 addresses, and what clouds made of a few others.
    fn of_v4(v4: Ipv4Addr) -> Self {
        match v4.octets() {
            [127, ..] => Self::Loopback,
            // Services of a cloud's host machine: metadata (Alibaba, in shared space), agent (Azure).
            [100, 100, 100, 200] | [168, 63, 129, 16] => Self::Never,
            [10, ..] | [100, 64..=127, ..] | [172, 16..=31, ..] | [192, 168, ..] => Self::Private,
            // Anycast of PCP and TURN, within a block of protocol assignments.
            [192, 0, 0, 9 | 10] => Self::Public,
            // This network, link-local, protocol assignments (with a cloud's metadata), documentation, relays of 6to4,
            // benchmarks, multicast, reserved, broadcast.
            [0, ..]
            | [169, 254, ..]
            | [192, 0, 0 | 2, _]
            | [192, 88, 99, _]
            | [198, 18 | 19, ..]
            | [198, 51, 100, _]
            | [203, 0, 113, _]
            | [224..=255, ..] => Self::Never,
            _ => Self::Public,
        }
    }

    /// By IANA's registries of IPv6 address space and of special-purpose addresses; no IPv4 address is inside.
    fn of_v6(v6: Ipv6Addr) -> Self {
        match v6.segments() {
            [0, 0, 0, 0, 0, 0, 0, 1] => Self::Loopback,
            // Services of a cloud's host machine: Amazon, Google, Oracle, Scaleway.
            [0xfd00, 0xec2, ..]
            | [0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254]
            | [0xfd00, 0xc1, 0, 0, 0, 0, 0xa9fe, 0xa9fe]
            | [0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42] => Self::Never,
            [0xfc00..=0xfdff, ..] => Self::Private,
            // Within protocol assignments: anycast of PCP, TURN and DNS-SD, AMT, AS112, ORCHIDv2, drones.
            [0x2001, 1, 0, 0, 0, 0, 0, 1..=3]
            | [0x2001, 3, ..]
            | [0x2001, 4, 0x112, ..]
            | [0x2001, 0x20..=0x3f, ..] => Self::Public,
            // Teredo, as far as its ends reach.
            [0x2001, 0, ..] => Self::Public,
            // The rest of these, documentation.
            [0x2001, 0..=0x1ff | 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => Self::Never,
            [0x2000..=0x3fff, ..] => Self::Public,
            // Nothing else is assigned to the internet: unspecified, discard, local NAT64, segment routing, site-local,
            // link-local, multicast.
            _ => Self::Never,
        }
    }

    /// The word in a message.
    pub fn name(self) -> &'static str {
        match self {
            Self::Never => "a special address",
            Self::Loopback => "loopback",
            Self::Private => "private",
            Self::Public => "public",
        }
    }
}

/// The IPv4 address that an IPv6 address is another form of: ::ffff:a.b.c.d, ::ffff:0:a.b.c.d and ::a.b.c.d (of old),
/// 64:ff9b::a.b.c.d (NAT64), 2002:aabb:ccdd:: (6to4).
fn translated_v4(v6: Ipv6Addr) -> Option<Ipv4Addr> {
    match v6.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(v4(high, low)),
        // These two are the unspecified address and loopback.
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => None,
        [0, 0, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => Some(v4(high, low)),
        _ => None,
    }
}

/// The IPv4 addresses between which packets to an IPv6 address travel: of Teredo the server and the client, of ISATAP
/// the other end.
fn tunnelled_v4(v6: Ipv6Addr) -> impl Iterator<Item = Ipv4Addr> {
    let ends = match v6.segments() {
        [0x2001, 0, a, b, _, _, c, d] => [Some(v4(a, b)), Some(v4(!c, !d))],
        [_, _, _, _, 0 | 0x200, 0x5efe, high, low] => [Some(v4(high, low)), None],
        _ => [None, None],
    };
    ends.into_iter().flatten()
}

fn v4(high: u16, low: u16) -> Ipv4Addr {
    let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
    Ipv4Addr::new(a, b, c, d)
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

    /// Whether every address may be dialled.
    pub(super) fn is_any(&self) -> bool {
        self.rule == AddressRule::Named && self.within.is_none()
    }

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
        "an address that a server must not point to"
    } else {
        "a more private network than its own"
    };
    Error::new(Code::Policy, format!("refused: the server pointed to {}, {why}", list.join(", ")))
        .phase(Phase::Connect)
        .hint("nothing was sent; a server may point only to networks that are at least as public as its own")
}

/// The error of addresses that a verdict does not hold for.
pub(super) fn outside(addresses: impl Iterator<Item = String>) -> Error {
    let list: Vec<_> = addresses.collect();
    Error::new(
        Code::Policy,
        format!(
            "refused: its address is now {}, outside the address blocks that made it an insecure registry",
            list.join(", ")
        ),
    )
    .phase(Phase::Connect)
    .hint(
        "nothing was sent; open a new session to verify its certificate, or add its name to the option insecure-registries",
    )
}

/// Judges what can be known of an address that a proxy finds: where it stands in the URL itself.
pub(super) fn judge_for_proxy(url: &Url, rule: AddressRule, within: Option<&Blocks>) -> Result<()> {
    let host = || url.host_str().unwrap_or_default().to_owned();
    let literal = Reach::of_literal(url);
    if let Some(reach) = literal.filter(|reach| !rule.allows_reach(*reach)) {
        return Err(refused(std::iter::once((host(), reach))).url(url));
    }
    let address = match url.host() {
        Some(Host::Ipv4(address)) => Some(IpAddr::from(address)),
        Some(Host::Ipv6(address)) => Some(address.into()),
        _ => None,
    };
    match within {
        Some(blocks) if !address.is_some_and(|address| blocks.contains(address)) => {
            Err(outside(std::iter::once(host())).url(url))
        }
        _ => Ok(()),
    }
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
            ("192.0.0.1", Reach::Never),
            ("192.0.0.9", Reach::Public),
            ("192.0.0.192", Reach::Never),
            ("192.0.1.1", Reach::Public),
            ("192.0.2.1", Reach::Never),
            ("192.88.99.1", Reach::Never),
            ("198.17.0.1", Reach::Public),
            ("198.18.0.1", Reach::Never),
            ("198.19.255.255", Reach::Never),
            ("198.51.100.1", Reach::Never),
            ("203.0.113.1", Reach::Never),
            ("240.0.0.1", Reach::Never),
            ("100.100.100.200", Reach::Never),
            ("100.100.100.201", Reach::Private),
            ("168.63.129.16", Reach::Never),
            ("168.63.129.17", Reach::Public),
            ("fec0::1", Reach::Never),
            ("fd00:ec2::254", Reach::Never),
            ("fd20:ce::254", Reach::Never),
            ("fd00:c1::a9fe:a9fe", Reach::Never),
            ("fd00:42::42", Reach::Never),
            ("fd00:1::1", Reach::Private),
            ("fd20:ce::1", Reach::Private),
            ("100::1", Reach::Never),
            ("100:0:0:1::1", Reach::Never),
            ("5f00::1", Reach::Never),
            ("4000::1", Reach::Never),
            ("2001:db8::1", Reach::Never),
            ("2001:2::1", Reach::Never),
            ("2001:1::1", Reach::Public),
            ("2001:1::4", Reach::Never),
            ("2001:4:112::1", Reach::Public),
            ("2001:200::1", Reach::Public),
            ("3fff::1", Reach::Never),
            ("3fff:1000::1", Reach::Public),
            ("2620:4f:8000::1", Reach::Public),
            ("64:ff9b::808:808", Reach::Public),
            ("64:ff9b::a9fe:a9fe", Reach::Never),
            ("64:ff9b:1::808:808", Reach::Never),
            ("64:ff9b:1::7f00:1", Reach::Never),
            ("::ffff:0:7f00:1", Reach::Loopback),
            ("::ffff:0:a9fe:a9fe", Reach::Never),
            ("2002:a9fe:a9fe::1", Reach::Never),
            ("2002:808:808::1", Reach::Public),
            ("2a00::5efe:7f00:1", Reach::Loopback),
            ("2a00::200:5efe:a00:1", Reach::Private),
            ("2a00::5efe:808:808", Reach::Public),
            ("2a00::5eff:7f00:1", Reach::Public),
            ("fd00:1::5efe:808:808", Reach::Private),
            ("2001:0:4136:e378:0:ffff:80ff:fffe", Reach::Loopback),
            ("2001:0:7f00:1::f7f7:f7f7", Reach::Loopback),
            ("2001:0:4136:e378:0:ffff:f7f7:f7f7", Reach::Public),
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
