//! Requests: one exchange after the other along a chain of redirects, with secrets kept where they belong.

use std::io::{self, Read};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use ureq::Agent;
use ureq::http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header};
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver as AgentResolver};
use ureq::unversioned::transport::{Connector, NextTimeout};
use url::{Host, Url};
use zeroize::Zeroizing;

use super::address::{AddressRule, Dial, Reach, outside, refused};
use super::failure::{from_client, from_status};
use super::origin::{Origin, is_trusted, parse_sent, refuse_downgrade};
use super::recent::Recent;
use super::resolver::Resolver;
use super::transport::early::WhileWanted;
use super::transport::plain::{Plain, SocketConnector};
use super::transport::proxy::{ProxyConnector, wants_login};
use super::transport::scope::{self, Scope, Seen, carry};
use super::transport::tls::TlsConnector;
use crate::call::Call;
use crate::config::proxy::{Proxies, ProxyServer};
use crate::config::settings::Timeouts;
use crate::error::{Code, Error, Phase, Result};
use crate::log::{Level, Log, Record};
use crate::sync::{PerProcess, lock};
use crate::tls::Identity;

/// Redirects that one request may follow.
const MAX_REDIRECTS: usize = 10;

/// Bodies up to this size are read to save their connection; larger ones cost more than a new one.
const SMALL: u64 = 16 << 10;

/// How long reading such a body may take: a new connection takes no longer.
const WORTH_A_CONNECTION: Duration = Duration::from_secs(2);

/// The longest header that is sent: what goes out before a body has to fit into one buffer.
const LONGEST_HEADER: usize = 61 << 10;

/// How long an idle connection is kept.
const MAX_IDLE: Duration = Duration::from_secs(30);

/// Where a request's header may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reaches {
    /// Only the request's own origin: credentials, cookies, headers of the caller.
    Origin,
    /// The request's own origin, and on from there as long as redirects lead from one trusted place to another.
    Trusted,
    /// Wherever redirects lead: Accept, Range and the like.
    Everywhere,
}

/// The bytes that go out with a request.
#[derive(Clone, Copy, Default)]
pub enum Payload<'a> {
    /// None.
    #[default]
    Empty,
    /// These, with their length.
    Bytes(&'a [u8]),
    /// Of unknown length, in chunks. Opened anew for each time that the request is sent; a failure of ours comes back
    /// through [`carry`].
    Stream(&'a (dyn Fn() -> Result<Box<dyn Read + 'a>> + Sync)),
}

impl Payload<'_> {
    fn is_empty(self) -> bool {
        matches!(self, Self::Empty)
    }
}

/// What is done with an answer that redirects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Redirects {
    /// It is followed.
    #[default]
    Follow,
    /// It is followed, and the next server told in `Referer` who sent us.
    Refer,
    /// It is the result.
    Return,
}

/// One request of the library, before any redirect.
#[derive(Clone)]
pub struct Request<'a> {
    /// The method.
    pub method: Method,
    /// Whom to ask.
    pub url: Url,
    /// The headers, each with its reach.
    pub headers: Vec<(HeaderName, HeaderValue, Reaches)>,
    /// The bytes to send with it.
    pub body: Payload<'a>,
    /// How TLS connections to the request's own origin are made. Other origins get the system's trust only.
    pub identity: &'a Identity,
    /// Which addresses the first connection may lead to.
    pub rule: AddressRule,
    /// What is being done, as in "cannot … from registry.example".
    pub doing: &'a str,
    /// A limit for the whole exchange, and the phase that names it.
    pub budget: Option<(Duration, Phase)>,
    /// What is done with redirects.
    pub redirects: Redirects,
}

impl<'a> Request<'a> {
    /// A GET without headers of its own.
    pub fn get(url: Url, identity: &'a Identity, doing: &'a str) -> Self {
        Self {
            method: Method::GET,
            url,
            headers: Vec::new(),
            body: Payload::Empty,
            identity,
            rule: AddressRule::Named,
            doing,
            budget: None,
            redirects: Redirects::Follow,
        }
    }

    /// Adds a header; text that no header can hold is refused.
    pub fn header(mut self, name: HeaderName, value: &str, reaches: Reaches) -> Result<Self> {
        let value = if reaches == Reaches::Everywhere || !value.is_ascii() {
            HeaderValue::from_str(value)
        } else {
            // The client shares what it sends: the last one that lets go overwrites it.
            HeaderValue::from_maybe_shared(Bytes::from_owner(Zeroizing::new(value.to_owned())))
        };
        if value.as_ref().is_ok_and(|value| value.len() > LONGEST_HEADER) {
            return Err(Error::new(
                Code::InvalidArgument,
                format!("the header {name} would be longer than {LONGEST_HEADER} bytes"),
            )
            .hint("check the credentials and headers that you passed: no server accepts a header of this size"));
        }
        let mut value = value.map_err(|_| {
            Error::new(
                Code::InvalidArgument,
                format!("the header {name} would contain control characters"),
            )
        })?;
        value.set_sensitive(reaches != Reaches::Everywhere);
        self.headers.push((name, value, reaches));
        Ok(self)
    }
}

/// An answer, its body not read yet.
pub struct Response {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// Who answered, after redirects.
    pub url: Url,
    /// Whether redirects left the request's own origin: such an answer's challenges are not for our credentials.
    pub crossed: bool,
    /// How far the address of the request's own origin reaches; Public when it is not known.
    pub reach: Reach,
    /// The body.
    pub body: Body,
}

impl std::fmt::Debug for Response {
    /// Headers and queries hold signatures and cookies.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.status)
            .field("origin", &Origin::of(&self.url).to_string())
            .field("path", &self.url.path())
            .finish_non_exhaustive()
    }
}

impl Response {
    /// A header as text; None when it is absent, or no text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Content-Length, if it is one number.
    pub fn content_length(&self) -> Option<u64> {
        let text = self.header("content-length")?;
        if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        text.parse().ok()
    }

    /// Reads the rest of a small body that nobody needs, so that its connection can serve the next request.
    pub fn finish(mut self, call: &Call) -> Result<()> {
        match self.content_length() {
            Some(length) if length <= SMALL => {
                self.body.hurry(WORTH_A_CONNECTION);
                self.body.read_up_to(SMALL, &mut Vec::new(), None, call).map(drop).or_else(
                    |error| {
                        // A connection that broke is lost, and that is all.
                        let over = matches!(error.code(), Code::Cancelled | Code::Deadline);
                        if over { Err(error) } else { Ok(()) }
                    },
                )
            }
            _ => Ok(()),
        }
    }

    /// Reads what a refusal says, and makes it an error.
    pub fn into_error(mut self, doing: &str, limit: u64, call: &Call) -> Error {
        let mut text = Vec::new();
        self.body.hurry(self.body.timeouts.idle);
        // Whatever can be read helps; what cannot is no news beside the status.
        let read = self.body.read_up_to(limit, &mut text, None, call);
        if let Err(error) = read
            && matches!(error.code(), Code::Cancelled | Code::Deadline)
        {
            return error;
        }
        // Before it is cut short: a part of a secret would not be known any more.
        let text = call.mask().bytes(text);
        from_status(doing, &self.url, self.status, &self.headers, &text)
    }
}

/// A response's body, pulled piece by piece.
pub struct Body {
    reader: ureq::BodyReader<'static>,
    url: Url,
    timeouts: Timeouts,
    budget: Option<(Instant, Phase)>,
    pace: Pace,
    /// How many bytes of documents a call may collect.
    most_collected: u64,
    log: Arc<Log>,
}

impl Body {
    /// Reads some bytes; 0 is the end as far as HTTP can tell.
    pub fn read(&mut self, buffer: &mut [u8], call: &Call) -> Result<usize> {
        // The call that reads may be another than the one that asked.
        call.log_to(&self.log);
        call.check()?;
        let scope = Scope {
            call: call.clone(),
            timeouts: self.timeouts.clone(),
            dial: Dial::ANY,
            budget: earlier(self.budget, self.pace.until(&self.timeouts)),
            in_body: true,
            began: Instant::now(),
            received: 0,
            sent: None,
            seen: Seen::default(),
        };
        let began = scope.began;
        let (read, _) = scope::within(scope, || self.reader.read(buffer));
        match read {
            Ok(read) => {
                self.pace.keep(read, began.elapsed(), &self.timeouts, &self.url)?;
                Ok(read)
            }
            Err(error) => Err(from_client(error.into(), &self.url, true)),
        }
    }

    /// Bounds the time of all further reads, beside the limits in place; zero is no limit.
    fn hurry(&mut self, time: Duration) {
        let end = scope::after(time).map(|end| (end, Phase::Idle));
        self.budget = earlier(self.budget, end);
    }

    /// Reads the body to its end; more than `limit` bytes is LIMIT. `option` is that limit's name in the options.
    pub fn read_all(
        &mut self,
        limit: u64,
        what: &str,
        option: &str,
        call: &Call,
    ) -> Result<Vec<u8>> {
        let mut all = Vec::new();
        if self.read_up_to(limit, &mut all, Some(self.most_collected), call)? {
            return Ok(all);
        }
        Err(Error::new(Code::Limit, format!("{what} is larger than {limit} bytes"))
            .phase(Phase::Body)
            .url(&self.url)
            .hint(format!("raise {option} in the option limits, if you trust this registry")))
    }

    /// Reads at most `limit` bytes and tells whether that was all. Memory grows as bytes arrive; with `collects` they
    /// count among so many that the call may collect.
    fn read_up_to(
        &mut self,
        limit: u64,
        into: &mut Vec<u8>,
        collects: Option<u64>,
        call: &Call,
    ) -> Result<bool> {
        // Tokens come this way: no copy is left behind, here or where memory grows.
        let mut buffer = Zeroizing::new([0; 16 << 10]);
        into.reserve(buffer.len().min(usize::try_from(limit).unwrap_or(usize::MAX)));
        loop {
            let read = self.read(&mut buffer[..], call)?;
            if read == 0 {
                return Ok(true);
            }
            let room = limit.saturating_sub(into.len() as u64);
            let taken = read.min(usize::try_from(room).unwrap_or(usize::MAX));
            if let Some(most) = collects {
                call.collect(taken, most)?;
            }
            into.extend_from_slice(&buffer[..taken]);
            if taken < read {
                return Ok(false);
            }
        }
    }
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Body").finish_non_exhaustive()
    }
}

/// Watches the least speed that the caller asked for.
struct Pace {
    /// The time that reading took: what the caller does between two reads is not the server's.
    spent: Duration,
    bytes: u64,
}

impl Pace {
    /// Over less time than this a speed means nothing.
    const WINDOW: Duration = Duration::from_secs(5);

    fn new() -> Self {
        Self { spent: Duration::ZERO, bytes: 0 }
    }

    /// When a read that begins now has been too slow even if nothing came at all.
    fn until(&self, timeouts: &Timeouts) -> Option<(Instant, Phase)> {
        let least = timeouts.min_bytes_per_second;
        let enough = Duration::from_secs(self.bytes.checked_div(least)?);
        let left = enough.max(Self::WINDOW).saturating_sub(self.spent);
        Some((Instant::now().checked_add(left)?, Phase::Slow))
    }

    fn keep(&mut self, read: usize, took: Duration, timeouts: &Timeouts, url: &Url) -> Result<()> {
        let least = timeouts.min_bytes_per_second;
        self.bytes += read as u64;
        self.spent += took;
        if least == 0 || self.spent < Self::WINDOW {
            return Ok(());
        }
        let speed = u128::from(self.bytes) * 1000 / self.spent.as_millis().max(1);
        *self = Self::new();
        if read > 0 && speed < u128::from(least) {
            return Err(Error::new(
                Code::Timeout,
                format!(
                    "the body arrived at {speed} bytes per second, below the minimum of {least}"
                ),
            )
            .phase(Phase::Slow)
            .url(url)
            .hint("the limit is min-bytes-per-second in the option timeouts"));
        }
        Ok(())
    }
}

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
    pools: PerProcess<Mutex<Pools>>,
}

/// Whom a connection is made with that no session is for.
#[derive(Debug, Clone, Copy)]
pub enum Peer<'a> {
    /// Where a server sent us to.
    Server(&'a Url),
    /// A proxy on the way, `host[:port]`.
    Proxy(&'a str),
}

/// How TLS is made with somebody.
pub type Trust = dyn Fn(Peer<'_>, &Call) -> Result<Identity> + Send + Sync;

type Pools = Recent<(Identity, AddressRule, Option<Arc<ProxyServer>>), Agent>;

/// How many pools are kept. A call goes on with its own when others take its place.
const MOST_POOLS: usize = 64;

/// After a fork the connections are the parent's: this process makes its own, and closes its copies of those that no
/// thread of the parent was using, without a word to the server.
fn inherit_pools(parent: Option<&Mutex<Pools>>) -> Mutex<Pools> {
    if let Some(Ok(mut pools)) = parent.map(Mutex::try_lock) {
        pools.clear();
    }
    Mutex::new(Recent::new(MOST_POOLS))
}

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

    /// Sends a request and follows its redirects. Any status that is no redirect is a result, not an error.
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
        let home = Origin::of(&request.url);
        let budget = request
            .budget
            .filter(|(time, _)| !time.is_zero())
            .and_then(|(time, phase)| Some((Instant::now().checked_add(time)?, phase)));
        let (mut url, mut rule, mut reach) = (request.url.clone(), request.rule, None);
        let mut way = Way { crossed: false, trusted: is_trusted(&url), from: None };
        for _ in 0..=MAX_REDIRECTS {
            let foreign;
            let identity = if Origin::of(&url) == home {
                home_identity
            } else {
                foreign = self.foreign(home_identity, &url, call)?;
                &foreign
            };
            let (response, reached) =
                self.exchange(request, &url, &way, identity, rule, budget, call)?;
            // A server on the internet is not led back into a private network because it was named from there.
            let reach = *reach.insert(reach.map_or(reached, |widest: Reach| widest.max(reached)));
            let (parts, body) = response.into_parts();
            let body = Body {
                reader: body.into_reader(),
                url: url.clone(),
                timeouts: self.timeouts.clone(),
                budget,
                pace: Pace::new(),
                most_collected: self.most_collected,
                log: self.log.clone(),
            };
            let (status, headers) = (parts.status.as_u16(), parts.headers);
            let crossed = way.crossed;
            let response = Response { status, headers, url: url.clone(), crossed, reach, body };
            let redirects = matches!(status, 301 | 302 | 303 | 307 | 308);
            if !redirects || request.redirects == Redirects::Return {
                return Ok(response);
            }
            let next = redirect_target(&url, &response.headers)
                .map_err(|e| e.context(format!("cannot {}", request.doing)))?;
            response.finish(call)?;
            call.log(Level::Debug, "http", || {
                let (from, to) = (Origin::of(&url).to_string(), Origin::of(&next).to_string());
                Record::new(format!("{from} redirects to {to}"))
                    .with("http_status", status)
                    .with("from", from)
                    .with("to", to)
            });
            // What was dropped once stays dropped, even on the way back.
            if Origin::of(&next) != Origin::of(&url) {
                // A body is as much the origin's own as a header with credentials, and may hold some.
                if !request.body.is_empty() {
                    return Err(body_would_leave(request, &url, &next));
                }
                way.crossed = true;
                way.trusted &= is_trusted(&next);
                rule = AddressRule::AtLeast(reach);
            }
            way.from = Some(url);
            url = next;
        }
        Err(Error::new(
            Code::Redirect,
            format!("cannot {}: more than {MAX_REDIRECTS} redirects", request.doing),
        )
        .url(&url)
        .hint("the registry redirects in a loop; report this to its operator"))
    }

    #[allow(clippy::too_many_arguments)] // One hop's own view of a request; a struct would be made for this call only.
    fn exchange(
        &self,
        request: &Request<'_>,
        url: &Url,
        way: &Way,
        identity: &Identity,
        rule: AddressRule,
        budget: Option<(Instant, Phase)>,
        call: &Call,
    ) -> Result<(ureq::http::Response<ureq::Body>, Reach)> {
        call.check()?;
        let failed = |error: Error| {
            let error = error.with(|d| d.method = Some(request.method.to_string()));
            match error.code() {
                Code::Policy => error.context(Origin::of(url).to_string()),
                _ => error,
            }
        };
        let doing = || format!("cannot {}", request.doing);
        let proxy = self.proxies.choose(url).map_err(|e| e.url(url).context(doing()))?;
        // A proxy finds the addresses of names: ours to judge are those that stand in the URL.
        let literal = Reach::of_literal(url);
        let by_proxy = proxy.is_some_and(|server| server.finds_names());
        let (rule, dial) = match by_proxy {
            false => (rule, Dial { rule, within: identity.within.clone() }),
            true => {
                judge_for_proxy(url, rule, identity).map_err(|e| failed(e).context(doing()))?;
                (AddressRule::Named, Dial::ANY)
            }
        };
        // It goes out with CONNECT, or with a request that the proxy sends on.
        if let Some(secret) = proxy.and_then(|server| server.authorization()) {
            call.mask().add_authorization(secret.as_bytes());
        }
        let agent = self.agent(identity, rule, proxy, call).map_err(|e| e.context(doing()))?;
        // A connection that the server closed while it lay idle is no failure of the server: ask once more.
        loop {
            let message = self.message(request, url, way)?;
            remember_secrets(&message, request.body, call);
            let scope = Scope {
                call: call.clone(),
                timeouts: self.timeouts.clone(),
                dial: dial.clone(),
                budget,
                in_body: false,
                began: Instant::now(),
                received: 0,
                sent: None,
                seen: Seen::default(),
            };
            let mut stream = match request.body {
                Payload::Stream(open) => Some(open()?),
                Payload::Empty | Payload::Bytes(_) => None,
            };
            let began = Instant::now();
            let (result, seen) = scope::within(scope, || match (request.body, &mut stream) {
                (Payload::Bytes(body), _) => agent.run(message.map(|()| body)),
                (_, Some(stream)) => {
                    let mut stream = WhileWanted(stream);
                    agent.run(message.map(|()| ureq::SendBody::from_reader(&mut stream)))
                }
                _ => agent.run(message),
            });
            // The address of a proxy is not that of the server.
            let seen = Seen { peer: seen.peer.filter(|_| !by_proxy), ..seen };
            // What asks for the proxy's own credentials is the proxy, unless it could not read the request.
            let result = match (result, proxy) {
                (Ok(response), Some(server))
                    if response.status() == 407 && server.forwards(url) =>
                {
                    Err(carry(wants_login(server, &Origin::of(url).authority())).into())
                }
                (result, _) => result,
            };
            // Who has not read the request whole cannot have done what it asks for.
            let result = result.and_then(|response| {
                let believed = !seen.unsent || !response.status().is_success();
                if believed {
                    Ok(response)
                } else {
                    Err(io::Error::from(io::ErrorKind::ConnectionReset).into())
                }
            });
            match result {
                Ok(response) => {
                    call.log(Level::Debug, "http", || {
                        let status = response.status().as_u16();
                        request_record(&request.method, url, &format!("answered {status}"), seen)
                            .with("http_status", status)
                            .took(began.elapsed())
                    });
                    let reach = seen.peer.map(Reach::of).or(literal).unwrap_or(Reach::Public);
                    return Ok((response, reach));
                }
                Err(error) => {
                    let error = failed(from_client(error, url, false));
                    call.log(Level::Debug, "http", || {
                        request_record(&request.method, url, &format!("failed: {error}"), seen)
                            .error(&error)
                            .took(began.elapsed())
                    });
                    // The end of an upload is a PUT that can be made once only: whoever sends bodies asks again itself.
                    let stale = seen.reused && !seen.received && request.method.is_safe();
                    if error.code() != Code::Disconnected || !stale {
                        return Err(error.context(doing()));
                    }
                }
            }
        }
    }

    fn message(
        &self,
        request: &Request<'_>,
        url: &Url,
        way: &Way,
    ) -> Result<ureq::http::Request<()>> {
        let mut target = url.clone();
        target.set_fragment(None);
        let mut builder =
            ureq::http::Request::builder().method(request.method.clone()).uri(target.as_str());
        let own = request.headers.iter().any(|(name, ..)| name == header::USER_AGENT);
        if let Some(user_agent) = self.user_agent.as_ref().filter(|_| !own) {
            builder = builder.header(header::USER_AGENT, user_agent);
        }
        // Content is verified as it is stored: nothing may decode it on the way.
        builder = builder.header("accept-encoding", "identity");
        for (name, value, reaches) in &request.headers {
            let goes = match reaches {
                Reaches::Origin => !way.crossed,
                Reaches::Trusted => !way.crossed || way.trusted,
                Reaches::Everywhere => true,
            };
            if goes {
                builder = builder.header(name, value);
            }
        }
        if let Some(from) = way.from.as_ref().filter(|_| request.redirects == Redirects::Refer) {
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

/// The earlier of two ends.
fn earlier(
    one: Option<(Instant, Phase)>,
    other: Option<(Instant, Phase)>,
) -> Option<(Instant, Phase)> {
    one.into_iter().chain(other).min_by_key(|(end, _)| *end)
}

/// Judges what can be known of an address that a proxy finds: where it stands in the URL itself.
fn judge_for_proxy(url: &Url, rule: AddressRule, identity: &Identity) -> Result<()> {
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
    match &identity.within {
        Some(blocks) if !address.is_some_and(|address| blocks.contains(address)) => {
            Err(outside(std::iter::once(host())).url(url))
        }
        _ => Ok(()),
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

/// What redirects have done to a request so far.
struct Way {
    /// They left its origin.
    crossed: bool,
    /// They led from trusted places to trusted places only.
    trusted: bool,
    /// Who sent us here.
    from: Option<Url>,
}

/// What is told of one request, however it ended.
fn request_record(method: &Method, url: &Url, end: &str, seen: Seen) -> Record {
    let record = Record::new(format!("{method} {}{} {end}", Origin::of(url), url.path()))
        .with("method", method.as_str())
        .url(url);
    match seen.peer {
        Some(peer) => record.with("address", peer.to_string()).with("reused", seen.reused),
        None => record,
    }
}

fn body_would_leave(request: &Request<'_>, from: &Url, to: &Url) -> Error {
    Error::new(Code::Policy, format!("cannot {}", request.doing))
        .cause(format!("{} redirected a request with a body to {}", Origin::of(from), Origin::of(to)))
        .url(to)
        .hint("ocireg does not send a request body on to another server, because it may contain secrets; report this to the registry's operator")
}

fn redirect_target(url: &Url, headers: &HeaderMap) -> Result<Url> {
    let location = headers.get("location").and_then(|value| value.to_str().ok());
    let Some(location) = location else {
        return Err(Error::new(
            Code::Redirect,
            format!("{} sent a redirect without a Location header", Origin::of(url)),
        )
        .url(url)
        .hint("report this to the registry's operator"));
    };
    let next = parse_sent(url, location, Code::Redirect, "a redirect")?;
    refuse_downgrade(url, &next, "a redirect")?;
    Ok(next)
}

fn new_agent(
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

/// Our resolver in the client's clothes.
#[derive(Debug)]
enum Lookup {
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
