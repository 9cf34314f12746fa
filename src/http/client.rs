//! Requests: one exchange after the other along a chain of redirects, with secrets kept where they belong.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use ureq::Agent;
use ureq::http::header;
use url::Url;

use super::address::{AddressRule, Dial, Reach, judge_for_proxy};
use super::agent::{Lookup, Pools, inherit_pools, new_agent};
use super::failure::{from_client, retry_after};
use super::governor::{Answered, Governor};
use super::origin::Origin;
use super::pace::Pace;
use super::redirect::{Hops, Trail, follow};
use super::request::{Payload, Reaches, Redirects, Request};
use super::resolver::Resolver;
use super::response::{Body, Response};
use super::trace;
use super::transport::buffers::is_sent_at_once;
use super::transport::early::WhileWanted;
use super::transport::plain::SocketConnector;
use super::transport::proxy::{ProxyConnector, wants_login};
use super::transport::scope::{self, Scope, Seen, carry};
use crate::call::Call;
use crate::config::proxy::{Proxies, ProxyServer};
use crate::config::settings::Timeouts;
use crate::error::{Code, Error, Phase, Result};
use crate::log::{Level, Log, Record};
use crate::sync::{PerProcess, lock};
use crate::tls::Identity;

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("timeouts", &self.timeouts).finish_non_exhaustive()
    }
}

/// The connections of one service.
pub struct Client {
    resolver: Arc<Resolver>,
    timeouts: Timeouts,
    user_agent: Option<String>,
    trust: Box<Trust>,
    log: Arc<Log>,
    proxies: Proxies,
    /// Where the directories of registries' certificates are.
    certs_dir: Option<PathBuf>,
    most_collected: u64,
    governor: Arc<Governor>,
    pools: PerProcess<Mutex<Pools>>,
}

/// The peer of a connection that belongs to no session.
#[derive(Debug, Clone, Copy)]
pub enum Peer<'a> {
    /// Where a server sent us to.
    Server(&'a Url),
    /// A proxy on the way, `host[:port]`.
    Proxy(&'a str),
}

/// How TLS is made with somebody.
pub type Trust = dyn Fn(Peer<'_>, &Call) -> Result<Identity> + Send + Sync;

impl Client {
    /// A client without connections. `user_agent` goes out with every request, unless it is empty; `most_collected` bytes
    /// of documents may come to one call.
    #[allow(clippy::too_many_arguments)] // What a client is made of; there is one place that makes one.
    pub fn new(
        resolver: Arc<Resolver>,
        timeouts: Timeouts,
        user_agent: Option<String>,
        trust: Box<Trust>,
        log: Arc<Log>,
        proxies: Proxies,
        most_collected: u64,
        certs_dir: Option<PathBuf>,
        governor: Arc<Governor>,
    ) -> Self {
        let user_agent = user_agent.filter(|text| !text.is_empty());
        let pools = PerProcess::new(inherit_pools);
        Self {
            resolver,
            timeouts,
            user_agent,
            trust,
            log,
            proxies,
            most_collected,
            certs_dir,
            governor,
            pools,
        }
    }

    /// How TLS is made with a host that the server of identity `home` sent us to: by that host's own rules, and
    /// the CAs of `home` are good for it too. Neither insecurity nor client certificates are passed on, and no address
    /// makes such a host insecure: whoever named it also chose the address.
    pub fn foreign(&self, home: &Identity, url: &Url, call: &Call) -> Result<Identity> {
        let mut identity = (self.trust)(Peer::Server(url), call)?;
        for ca in &home.root_cas {
            if !identity.insecure && !identity.root_cas.contains(ca) {
                identity.root_cas.push(ca.clone());
            }
        }
        Ok(identity)
    }

    /// Whether requests to the address go through a proxy.
    pub fn is_proxied(&self, url: &Url) -> bool {
        self.proxies.is_proxied(url)
    }

    /// The time limits that requests run under.
    pub fn timeouts(&self) -> &Timeouts {
        &self.timeouts
    }

    /// Sends a request and follows its redirects. Any status that is not a redirect is a result, not an error.
    pub fn send(&self, request: &Request<'_>, call: &Call) -> Result<Response> {
        self.send_as(request, request.identity, call)
    }

    /// As [`Client::send`], with TLS made otherwise than the request says.
    pub fn send_as(
        &self,
        request: &Request<'_>,
        home_identity: &Identity,
        call: &Call,
    ) -> Result<Response> {
        call.log_to(&self.log);
        let budget = request
            .budget
            .filter(|(time, _)| !time.is_zero())
            .and_then(|(time, phase)| Some((Instant::now().checked_add(time)?, phase)));
        let mut hops = Sending {
            client: self,
            request,
            home: Origin::of(&request.url),
            home_identity,
            budget,
            rule: request.rule,
            reach: None,
            call,
        };
        follow(request.url.clone(), request.doing, &mut hops, call)
    }

    /// Asks at one address, and once more where a connection that lay idle turns out to be closed.
    fn exchange(
        &self,
        hop: &Hop<'_, '_>,
        call: &Call,
    ) -> Result<(ureq::http::Response<ureq::Body>, Reach)> {
        call.check()?;
        let route = self.route(hop, call)?;
        let host = Origin::of(hop.url).authority();
        let _turn = self
            .governor
            .ask(&host, !hop.request.is_large, call)
            .map_err(|e| e.context(hop.doing()))?;
        loop {
            let message = self.message(hop)?;
            remember_secrets(&message, hop.request.body, call);
            trace::request(&message, call);
            let began = Instant::now();
            let (result, seen) = self.run(hop, &route, message, call)?;
            trace::connection(hop.url, seen, call);
            match result {
                Ok(response) => {
                    trace::response(&response, call);
                    self.governor.learn(
                        &host,
                        Answered {
                            status: response.status().as_u16(),
                            retry_after: retry_after(response.headers()),
                            took: hop.request.method.is_safe().then(|| began.elapsed()),
                        },
                    );
                    call.log(Level::Debug, "http", || {
                        let status = response.status().as_u16();
                        hop.record(&format!("answered {status}"), seen)
                            .with("http_status", status)
                            .took(began.elapsed())
                    });
                    let literal = Reach::of_literal(hop.url);
                    let reach = seen.peer.map(Reach::of).or(literal).unwrap_or(Reach::Public);
                    return Ok((response, reach));
                }
                Err(error) => {
                    let error = hop.failed(from_client(error, hop.url, false));
                    call.log(Level::Debug, "http", || {
                        hop.record(&format!("failed: {error}"), seen)
                            .error(&error)
                            .took(began.elapsed())
                    });
                    // The end of an upload is a PUT that can be made once only: whoever sends bodies asks again itself.
                    let stale = seen.reused && !seen.received && hop.request.method.is_safe();
                    if error.code() != Code::Disconnected || !stale {
                        return Err(error.context(hop.doing()));
                    }
                }
            }
        }
    }

    /// How the address of a hop is reached: through which proxy, at which addresses, by which connections.
    fn route(&self, hop: &Hop<'_, '_>, call: &Call) -> Result<Route<'_>> {
        let (url, identity) = (hop.url, hop.identity);
        let proxy = self.proxies.choose(url).map_err(|e| e.url(url).context(hop.doing()))?;
        // A proxy finds the addresses of names: ours to judge are those that stand in the URL.
        let by_proxy = proxy.is_some_and(|server| server.finds_names());
        let (rule, dial) = match by_proxy {
            false => (hop.rule, Dial { rule: hop.rule, within: identity.within.clone() }),
            true => {
                judge_for_proxy(url, hop.rule, identity.within.as_ref())
                    .map_err(|e| hop.failed(e).context(hop.doing()))?;
                (AddressRule::Named, Dial::ANY)
            }
        };
        // It goes out with CONNECT, or with a request that the proxy sends on.
        if let Some(secret) = proxy.and_then(|server| server.authorization()) {
            call.mask().add_authorization(secret.as_bytes());
        }
        let agent = self.agent(identity, rule, proxy, call).map_err(|e| e.context(hop.doing()))?;
        Ok(Route { agent, dial, proxy, by_proxy })
    }

    /// Sends one message, once. What could not be sent at all is the outer error.
    fn run(
        &self,
        hop: &Hop<'_, '_>,
        route: &Route<'_>,
        message: ureq::http::Request<()>,
        call: &Call,
    ) -> Result<(Outcome, Seen)> {
        let scope = Scope {
            call: call.clone(),
            timeouts: hop.timeouts(&self.timeouts),
            dial: route.dial.clone(),
            budget: hop.budget,
            in_body: false,
            began: Instant::now(),
            received: 0,
            body_follows: matches!(hop.request.body, Payload::Bytes(body) if is_sent_at_once(body)),
            sent: None,
            sending: Pace::default(),
            seen: Seen::default(),
        };
        let body = hop.request.body;
        let mut stream: Option<Box<dyn io::Read>> = match body {
            Payload::Stream(open) => Some(open()?),
            Payload::Once(once) => Some(Box::new(once.open()?)),
            Payload::Empty | Payload::Bytes(_) => None,
        };
        let agent = &route.agent;
        let (result, seen) = scope::within(scope, || match (body, &mut stream) {
            (Payload::Bytes(body), _) => agent.run(message.map(|()| body)),
            (_, Some(stream)) => {
                let mut stream = WhileWanted(stream);
                agent.run(message.map(|()| ureq::SendBody::from_reader(&mut stream)))
            }
            _ => agent.run(message),
        });
        // The address of a proxy is not that of the server.
        let seen = Seen { peer: seen.peer.filter(|_| !route.by_proxy), ..seen };
        Ok((route.believed(result, hop.url, seen), seen))
    }

    fn message(&self, hop: &Hop<'_, '_>) -> Result<ureq::http::Request<()>> {
        let (request, url, trail) = (hop.request, hop.url, hop.trail);
        let mut target = url.clone();
        target.set_fragment(None);
        let mut builder =
            ureq::http::Request::builder().method(request.method.clone()).uri(target.as_str());
        let own = request.headers.iter().any(|(name, ..)| name == header::USER_AGENT);
        if let Some(user_agent) = self.user_agent.as_ref().filter(|_| !own) {
            builder = builder.header(header::USER_AGENT, user_agent);
        }
        if let Payload::Once(once) = request.body {
            builder = builder.header(header::CONTENT_LENGTH, once.length());
        }
        // Content is verified as it is stored: nothing may decode it on the way.
        builder = builder.header("accept-encoding", "identity");
        for (name, value, reaches) in &request.headers {
            let goes = match reaches {
                Reaches::Origin => !trail.crossed,
                Reaches::Trusted => !trail.crossed || trail.trusted,
                Reaches::Everywhere => true,
            };
            if goes {
                builder = builder.header(name, value);
            }
        }
        if let Some(from) = trail.from.as_ref().filter(|_| request.redirects == Redirects::Refer) {
            // The query of an address may be a secret.
            let mut from = from.clone();
            from.set_query(None);
            from.set_fragment(None);
            builder = builder.header(header::REFERER, from.as_str());
        }
        builder.body(()).map_err(|e| {
            Error::new(Code::InvalidArgument, "the request cannot be written as HTTP")
                .cause(e)
                .url(url)
        })
    }

    /// Connections are shared only under the same TLS identity, the same address rule and the same proxy.
    fn agent(
        &self,
        identity: &Identity,
        rule: AddressRule,
        proxy: Option<&Arc<ProxyServer>>,
        call: &Call,
    ) -> Result<Agent> {
        let key = (identity.clone(), rule, proxy.cloned());
        {
            let mut pools = lock(self.pools.get());
            if let Some(agent) = pools.get(&key) {
                return Ok(agent.clone());
            }
        }
        let certs_dir = self.certs_dir.clone();
        let made = match proxy {
            None => {
                new_agent(SocketConnector, identity, certs_dir, Lookup::Here(self.resolver.clone()))
            }
            Some(server) => {
                let own = if server.is_https() {
                    (self.trust)(Peer::Proxy(&server.to_string()), call)?
                } else {
                    Identity::default()
                };
                let way = ProxyConnector::new(
                    server.clone(),
                    self.resolver.clone(),
                    own,
                    self.certs_dir.clone(),
                );
                let lookup = if server.finds_names() {
                    Lookup::Elsewhere
                } else {
                    Lookup::HereIfKnown(self.resolver.clone())
                };
                new_agent(way, identity, certs_dir, lookup)
            }
        };
        let mut pools = lock(self.pools.get());
        // Another thread may have made it meanwhile.
        if let Some(agent) = pools.get(&key) {
            return Ok(agent.clone());
        }
        let dropped = pools.insert(key, made.clone());
        // Its connections are closed while nobody waits for the lock.
        drop(pools);
        drop(dropped);
        Ok(made)
    }
}

/// What goes out as a secret is not to come back out of the call.
fn remember_secrets(message: &ureq::http::Request<()>, body: Payload<'_>, call: &Call) {
    const FORM: &str = "application/x-www-form-urlencoded";
    let mask = call.mask();
    for (name, value) in message.headers().iter().filter(|(_, value)| value.is_sensitive()) {
        match *name {
            header::CONTENT_TYPE | header::CONTENT_RANGE | header::USER_AGENT => {}
            header::AUTHORIZATION | header::PROXY_AUTHORIZATION => {
                mask.add_authorization(value.as_bytes());
            }
            _ => mask.add_pairs(value.as_bytes()),
        }
    }
    let is_form = message.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == FORM);
    if let (Payload::Bytes(form), true) = (body, is_form) {
        mask.add_form(form);
    }
}

/// What came of sending a message.
type Outcome = Result<ureq::http::Response<ureq::Body>, ureq::Error>;

/// How an address is reached.
struct Route<'a> {
    agent: Agent,
    dial: Dial,
    proxy: Option<&'a Arc<ProxyServer>>,
    /// Whether the proxy finds the addresses of names.
    by_proxy: bool,
}

impl Route<'_> {
    /// An answer, if it is one of the server and it can be believed.
    fn believed(&self, result: Outcome, url: &Url, seen: Seen) -> Outcome {
        let response = result?;
        // What asks for the proxy's own credentials is the proxy, unless it could not read the request.
        if let Some(server) = self.proxy
            && response.status() == 407
            && server.forwards(url)
        {
            return Err(carry(wants_login(server, &Origin::of(url).authority())).into());
        }
        // Who has not read the request whole cannot have done what it asks for.
        if seen.unsent && response.status().is_success() {
            return Err(io::Error::from(io::ErrorKind::ConnectionReset).into());
        }
        Ok(response)
    }
}

/// One address that a request is sent to, with what holds there.
struct Hop<'a, 'r> {
    request: &'a Request<'r>,
    url: &'a Url,
    trail: &'a Trail,
    identity: &'a Identity,
    rule: AddressRule,
    budget: Option<(Instant, Phase)>,
}

impl Hop<'_, '_> {
    fn doing(&self) -> String {
        format!("cannot {}", self.request.doing)
    }

    /// The time limits here.
    fn timeouts(&self, usual: &Timeouts) -> Timeouts {
        match self.request.connect.filter(|_| !self.trail.crossed) {
            Some(connect) => Timeouts { connect, ..usual.clone() },
            None => usual.clone(),
        }
    }

    /// A failure here, with the method, and with the server's name where addresses were refused.
    fn failed(&self, error: Error) -> Error {
        let error = error.with(|d| d.method = Some(self.request.method.to_string()));
        match error.code() {
            Code::Policy => error.context(Origin::of(self.url).to_string()),
            _ => error,
        }
    }

    /// The log record of one request, however it ended.
    fn record(&self, end: &str, seen: Seen) -> Record {
        let (method, url) = (&self.request.method, self.url);
        let record = Record::new(format!("{method} {}{} {end}", Origin::of(url), url.path()))
            .with("method", method.as_str())
            .url(url);
        match seen.peer {
            Some(peer) => record.with("address", peer.to_string()).with("reused", seen.reused),
            None => record,
        }
    }
}

/// A request between two redirects.
struct Sending<'a, 'r> {
    client: &'a Client,
    request: &'a Request<'r>,
    home: Origin,
    home_identity: &'a Identity,
    budget: Option<(Instant, Phase)>,
    /// Which addresses the next connection may lead to.
    rule: AddressRule,
    /// The widest reach of those who answered.
    reach: Option<Reach>,
    call: &'a Call,
}

impl Hops for Sending<'_, '_> {
    fn send(&mut self, url: &Url, trail: &Trail) -> Result<Response> {
        let foreign;
        let identity = if Origin::of(url) == self.home {
            self.home_identity
        } else {
            foreign = self.client.foreign(self.home_identity, url, self.call)?;
            &foreign
        };
        let (request, rule, budget) = (self.request, self.rule, self.budget);
        let hop = Hop { request, url, trail, identity, rule, budget };
        let (response, reached) = self.client.exchange(&hop, self.call)?;
        let reach = self.reach.map_or(reached, |widest| widest.max(reached));
        self.reach = Some(reach);
        let (parts, body) = response.into_parts();
        let client = self.client;
        let body =
            Body::new(body, url, &client.timeouts, budget, client.most_collected, &client.log);
        let (status, headers) = (parts.status.as_u16(), parts.headers);
        Ok(Response { status, headers, url: url.clone(), crossed: trail.crossed, reach, body })
    }

    fn redirects(&self, status: u16) -> bool {
        self.request.redirects != Redirects::Return && matches!(status, 301 | 302 | 303 | 307 | 308)
    }

    fn cross(&mut self, from: &Url, to: &Url) -> Result<()> {
        // A body is as much the origin's own as a header with credentials, and may hold some.
        if !self.request.body.is_empty() {
            return Err(body_would_leave(self.request, from, to));
        }
        // A server on the internet is not led back into a private network because it was named from there.
        self.rule = AddressRule::AtLeast(self.reach.unwrap_or(Reach::Public));
        Ok(())
    }
}

fn body_would_leave(request: &Request<'_>, from: &Url, to: &Url) -> Error {
    Error::new(Code::Policy, format!("cannot {}", request.doing))
        .cause(format!("{} redirected a request with a body to {}", Origin::of(from), Origin::of(to)))
        .url(to)
        .hint("ocireg does not send a request body on to another server, because it may contain secrets; report this to the registry's operator")
}
