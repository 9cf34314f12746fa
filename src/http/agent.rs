//! Agents: pools of connections, each for one TLS identity, one rule about addresses, and one proxy.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ureq::Agent;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver as AgentResolver};
use ureq::unversioned::transport::{Connector, NextTimeout};

use super::address::AddressRule;
use super::recent::Recent;
use super::resolver::Resolver;
use super::transport::connector::TlsConnector;
use super::transport::plain::Plain;
use super::transport::scope::{self, carry};
use crate::config::proxy::ProxyServer;
use crate::error::Code;
use crate::tls::Identity;

/// How long an idle connection is kept.
const MAX_IDLE: Duration = Duration::from_secs(30);

pub(super) type Pools = Recent<(Identity, AddressRule, Option<Arc<ProxyServer>>), Agent>;

/// How many pools are kept. A call continues with its own pool when that has been replaced.
const MOST_POOLS: usize = 64;

/// After a fork the connections are the parent's: this process makes its own, and closes its copies of those that no
/// thread of the parent was using, without a word to the server.
pub(super) fn inherit_pools(parent: Option<&Mutex<Pools>>) -> Mutex<Pools> {
    if let Some(Ok(mut pools)) = parent.map(Mutex::try_lock) {
        pools.clear();
    }
    Mutex::new(Recent::new(MOST_POOLS))
}

/// An agent whose connections are made by `way`, with TLS on top where the address wants it.
pub(super) fn new_agent(
    way: impl Connector<Out = Plain>,
    identity: &Identity,
    certs_dir: Option<PathBuf>,
    lookup: Lookup,
) -> Agent {
    let config = Agent::config_builder()
        // Redirects, statuses, headers and time-outs are this room's own business.
        .max_redirects(0)
        .max_redirects_will_error(false)
        .http_status_as_error(false)
        .user_agent("")
        .accept("")
        .accept_encoding("")
        // Ours are part of the way.
        .proxy(None)
        .timeout_await_100(None)
        .max_idle_connections(32)
        .max_idle_connections_per_host(16)
        .max_idle_age(MAX_IDLE)
        .build();
    let connector = way.chain(TlsConnector::new(identity.clone(), certs_dir));
    Agent::with_parts(config, connector, lookup)
}

/// Our resolver behind the client's trait.
#[derive(Debug)]
pub(super) enum Lookup {
    /// The addresses of names are found here.
    Here(Arc<Resolver>),
    /// Here, if they are known here; a proxy may know more.
    HereIfKnown(Arc<Resolver>),
    /// A proxy finds them: no name is looked up.
    Elsewhere,
}

impl AgentResolver for Lookup {
    fn resolve(
        &self,
        uri: &Uri,
        _: &ureq::config::Config,
        _: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let mut addresses = self.empty();
        let (resolver, may_be_unknown) = match self {
            Self::Here(resolver) => (resolver, false),
            Self::HereIfKnown(resolver) => (resolver, true),
            Self::Elsewhere => return Ok(addresses),
        };
        let host = uri.host().unwrap_or_default();
        let port =
            uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 });
        let (call, limit) = scope::with(|scope| (scope.call.clone(), scope.timeouts.connect))
            .ok_or(ureq::Error::HostNotFound)?;
        let found = match resolver.lookup(host, limit, &call) {
            Err(e) if may_be_unknown && e.code() == Code::NameNotResolved => return Ok(addresses),
            found => found.map_err(carry)?,
        };
        for address in found.into_iter().take(16) {
            addresses.push(SocketAddr::new(address, port));
        }
        Ok(addresses)
    }
}
