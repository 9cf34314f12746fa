//! Connections through a proxy: a tunnel for https, and for everything through SOCKS; http requests are sent on.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use once_cell::sync::OnceCell;
use rustls::ClientConfig;
use ureq::http::Uri;
use ureq::unversioned::transport::{ConnectionDetails, Connector};
use zeroize::Zeroizing;

use super::connector::client_config;
use super::plain::{Forward, Plain};
use super::scope::{self, carry};
use super::socket::Socket;
use super::socks::{self, Target};
use super::tls::Tls;
use super::wire::Wire;
use crate::config::proxy::{ProxyScheme, ProxyServer};
use crate::error::{Code, Error, Phase, Result};
use crate::http::address::Dial;
use crate::http::failure::from_io;
use crate::http::resolver::Resolver;
use crate::log::{Level, Record};
use crate::tls::{self, Identity};

/// The longest answer to CONNECT that is read, with all that came before it.
const MAX_ANSWER: usize = 16 << 10;

/// Makes connections through one proxy, without a fallback to direct connections.
pub(in crate::http) struct ProxyConnector {
    server: Arc<ProxyServer>,
    resolver: Arc<Resolver>,
    /// How TLS is made with the proxy, if it is.
    identity: Identity,
    certs_dir: Option<PathBuf>,
    config: OnceCell<Arc<ClientConfig>>,
}

impl ProxyConnector {
    pub(in crate::http) fn new(
        server: Arc<ProxyServer>,
        resolver: Arc<Resolver>,
        identity: Identity,
        certs_dir: Option<PathBuf>,
    ) -> Self {
        Self { server, resolver, identity, certs_dir, config: OnceCell::new() }
    }

    fn connect_to(&self, details: &ConnectionDetails) -> io::Result<Plain> {
        let is_https = details.uri.scheme_str() == Some("https");
        match self.server.scheme() {
            ProxyScheme::Socks5 | ProxyScheme::Socks5h => {
                Ok(Plain::new(self.socks(details, is_https)?))
            }
            ProxyScheme::Http | ProxyScheme::Https if is_https => {
                Ok(Plain::new(self.tunnel(details.uri)?))
            }
            ProxyScheme::Http | ProxyScheme::Https => {
                let authority =
                    details.uri.authority().map(ToString::to_string).unwrap_or_default();
                let wire = self.wire()?;
                self.log(&authority);
                Ok(Plain::forwarding(wire, Forward::new(self.server.clone(), authority)))
            }
        }
    }

    /// The proxy itself, by TLS if it wants that.
    fn wire(&self) -> io::Result<Box<dyn Wire>> {
        let mut wire: Box<dyn Wire> = Box::new(self.connect_to_proxy()?);
        if self.server.is_https() {
            let config =
                self.config.get_or_try_init(|| client_config(&self.identity)).map_err(carry)?;
            let certs_dir = self.certs_dir.as_deref();
            let peer = tls::fault::Peer::proxy(self.server.to_string(), &self.identity, certs_dir);
            let tls = Tls::handshake(config.clone(), self.server.host(), peer, wire)?;
            tls.log(&self.identity);
            wire = Box::new(tls);
        }
        Ok(wire)
    }

    /// A connection through SOCKS, to the first address that the proxy reaches.
    fn socks(&self, details: &ConnectionDetails, is_https: bool) -> io::Result<Box<dyn Wire>> {
        let port = details.uri.port_u16().unwrap_or(if is_https { 443 } else { 80 });
        let host = details.uri.host().unwrap_or_default();
        let shown = format!("{host}:{port}");
        let targets = self.socks_targets(details, host, port)?;
        let mut last = None;
        for target in targets {
            let mut socket = self.connect_to_proxy()?;
            if let Target::Address(address) = target {
                socket.leads_to(address.ip());
            }
            let mut wire: Box<dyn Wire> = Box::new(socket);
            let time = scope::with(|scope| scope.timeouts.connect).unwrap_or_default();
            let made = scope::limited(time, Phase::Proxy, || {
                socks::connect(&mut *wire, &self.server, target)
            });
            match made {
                Ok(()) => {
                    self.log(&shown);
                    return Ok(wire);
                }
                Err(socks::Failure::Io(error)) => return Err(error),
                Err(socks::Failure::Nonsense(why)) => {
                    return Err(carry(
                        self.failed(&shown)
                            .cause(why)
                            .hint("check that the address is that of a SOCKS 5 proxy"),
                    ));
                }
                Err(socks::Failure::Login(why)) => {
                    return Err(carry(
                        self.failed(&shown)
                            .cause(why)
                            .hint("check USER:PASSWORD@ in the proxy's address"),
                    ));
                }
                Err(socks::Failure::Refused(reply)) => {
                    let why = format!("it responded: {}", socks::meaning(reply));
                    let passing = matches!(reply, 1 | 3 | 4 | 6);
                    last = Some(self.failed(&shown).cause(why).retryable(passing).hint(
                        "ask the proxy's operator to allow this connection, or add the host to no-proxy",
                    ));
                }
            }
        }
        Err(carry(last.unwrap_or_else(|| Error::internal("no address was tried"))))
    }

    /// The targets for a SOCKS proxy: addresses that were resolved here and are allowed, else the host name.
    fn socks_targets<'a>(
        &self,
        details: &ConnectionDetails,
        host: &'a str,
        port: u16,
    ) -> io::Result<Vec<Target<'a>>> {
        let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
        let dial = scope::with(|scope| scope.dial.clone())
            .ok_or_else(|| carry(Error::internal("a connection is made outside of a call")))?;
        Ok(if !details.addrs.is_empty() {
            let addresses = dial.choose(&details.addrs).map_err(carry)?;
            addresses.into_iter().map(Target::Address).collect()
        } else if !self.server.finds_names() && !dial.is_any() {
            return Err(carry(
                Error::new(
                    Code::Policy,
                    format!("refused: the server pointed to {host}, whose address ocireg cannot check"),
                )
                .phase(Phase::Dns)
                .hint(
                    "nothing was sent; set the host's address in the option resolve, or let the proxy look it up with socks5h://",
                ),
            ));
        } else if let Ok(address) = bare.parse() {
            vec![Target::Address(SocketAddr::new(address, port))]
        } else {
            vec![Target::Name(host, port)]
        })
    }

    fn tunnel(&self, target: &Uri) -> io::Result<Box<dyn Wire>> {
        let mut wire = self.wire()?;
        let port = target.port_u16().unwrap_or(443);
        let target = format!("{}:{port}", target.host().unwrap_or_default());
        let time = scope::with(|scope| scope.timeouts.connect).unwrap_or_default();
        scope::limited(time, Phase::Proxy, || self.ask_for(&target, &mut *wire))?;
        self.log(&target);
        Ok(wire)
    }

    fn log(&self, target: &str) {
        scope::log(Level::Debug, "proxy", || {
            Record::new(format!("the proxy {} connects to {target}", self.server))
                .with("host", target)
                .with("proxy", self.server.to_string())
        });
    }

    fn connect_to_proxy(&self) -> io::Result<Socket> {
        let (call, limit) = scope::with(|scope| (scope.call.clone(), scope.timeouts.connect))
            .ok_or_else(|| carry(Error::internal("a connection is made outside of a call")))?;
        let found = self.resolver.lookup(self.server.host(), limit, &call).map_err(carry)?;
        let addresses: Vec<_> =
            found.into_iter().map(|ip| SocketAddr::new(ip, self.server.port())).collect();
        Socket::connect(&addresses, &Dial::ANY)
    }

    /// Sends CONNECT and reads the answer up to the end of its header: what follows belongs to the server.
    fn ask_for(&self, target: &str, wire: &mut dyn Wire) -> io::Result<()> {
        wire.send_all(self.request(target).as_bytes(), Phase::Proxy)?;
        let mut answer = Vec::new();
        let mut buffer = [0; 2048];
        loop {
            let received = wire.receive(&mut buffer, Phase::Proxy)?;
            answer.extend_from_slice(&buffer[..received]);
            let error = match final_answer(&answer) {
                _ if received == 0 => {
                    self.broken(target, "it closed the connection").retryable(true)
                }
                Some((200..=299, end)) if end == answer.len() => return Ok(()),
                Some((200..=299, _)) => self
                    .broken(target, "it sent more than its response before ocireg sent a request"),
                Some((0, _)) => self.broken(target, "its response is not HTTP"),
                Some((status, _)) => self.refusal(target, status),
                None if answer.len() > MAX_ANSWER => {
                    self.broken(target, "its response is too large")
                }
                None => continue,
            };
            return Err(carry(error));
        }
    }

    fn request(&self, target: &str) -> Zeroizing<String> {
        let secret = self.server.authorization();
        // Room for all of it: text that moves leaves a copy behind.
        let room = 64 + 2 * target.len() + secret.map_or(0, str::len);
        let mut request = Zeroizing::new(String::with_capacity(room));
        for part in ["CONNECT ", target, " HTTP/1.1\r\nHost: ", target, "\r\n"] {
            request.push_str(part);
        }
        if let Some(secret) = secret {
            for part in ["Proxy-Authorization: ", secret, "\r\n"] {
                request.push_str(part);
            }
        }
        request.push_str("\r\n");
        request
    }

    fn failed(&self, target: &str) -> Error {
        let message = format!("the proxy {} did not connect to {target}", self.server);
        Error::new(Code::Proxy, message).phase(Phase::Proxy)
    }

    fn broken(&self, target: &str, why: &str) -> Error {
        self.failed(target).cause(why).hint("check that the address is that of an HTTP proxy")
    }

    fn refusal(&self, target: &str, status: u16) -> Error {
        let hint = match status {
            401 | 407 if self.server.authorization().is_some() => {
                "check the user name and the password in the proxy's address"
            }
            401 | 407 => "add USER:PASSWORD@ to the proxy's address",
            429 | 500..=599 => "the proxy may be unable to reach the server; try again",
            _ => {
                "ask the proxy's operator to allow CONNECT to this host and port, or add the host to no-proxy"
            }
        };
        self.failed(target)
            .cause(format!("it responded with status {status}"))
            .with(|d| d.http_status = Some(status))
            .retryable(matches!(status, 429 | 500..=599))
            .hint(hint)
    }

    /// Whatever kept us from the proxy is the proxy's failure, unless the call itself has ended.
    fn of_proxy(&self, error: io::Error) -> Error {
        let error = from_io(error, &self.server.to_string(), Phase::Proxy);
        let hint = match error.code() {
            Code::Certificate | Code::Tls => format!(
                "an https proxy needs a certificate that the system trusts, or its CA certificate as ca.crt in the certs.d directory of {}",
                self.server
            ),
            Code::NameNotResolved | Code::Connect | Code::Timeout | Code::Disconnected => {
                "check that the proxy is running, and check its address in the option proxy or in HTTP_PROXY and HTTPS_PROXY".to_owned()
            }
            _ => return error,
        };
        let passing = error.code() == Code::Disconnected
            || (error.code() == Code::Timeout
                && !matches!(error.details().phase, Some(Phase::Dns | Phase::Connect)));
        Error::new(Code::Proxy, format!("cannot use the proxy {}", self.server))
            .phase(Phase::Proxy)
            .cause(error)
            .retryable(passing)
            .hint(hint)
    }
}

/// What it means that a proxy wants to know who asks, other than in the answer to CONNECT.
pub(in crate::http) fn wants_login(server: &ProxyServer, target: &str) -> Error {
    Error::new(Code::Proxy, format!("the proxy {server} did not forward the request to {target}"))
        .phase(Phase::Proxy)
        .cause("it responded with status 407")
        .with(|d| d.http_status = Some(407))
        .hint(match server.authorization() {
            Some(_) => "check the user name and the password in the proxy's address",
            None => "add USER:PASSWORD@ to the proxy's address",
        })
}

/// The status of the final answer, 0 for what is no HTTP, and where its header ends; None while more must come.
fn final_answer(received: &[u8]) -> Option<(u16, usize)> {
    let mut begin = 0;
    loop {
        let rest = &received[begin..];
        if !VERSION.starts_with(&rest[..rest.len().min(VERSION.len())]) {
            return Some((0, begin));
        }
        let head = rest.windows(4).position(|window| window == b"\r\n\r\n")?;
        begin += head + 4;
        match status(&rest[..head]) {
            // An interim answer.
            Some(100 | 102..=199) => {}
            status => return Some((status.unwrap_or(0), begin)),
        }
    }
}

const VERSION: &[u8] = b"HTTP/1.";

/// The status of `HTTP/1.x NNN …`.
fn status(head: &[u8]) -> Option<u16> {
    let rest = head.strip_prefix(VERSION)?.get(1..)?;
    let digits = rest.strip_prefix(b" ")?.get(..3)?;
    let ends = matches!(rest.get(4), None | Some(b' ' | b'\r'));
    let status = std::str::from_utf8(digits).ok()?;
    (ends && status.bytes().all(|b| b.is_ascii_digit())).then(|| status.parse().ok())?
}

impl Connector<()> for ProxyConnector {
    type Out = Plain;

    fn connect(
        &self,
        details: &ConnectionDetails,
        _: Option<()>,
    ) -> Result<Option<Plain>, ureq::Error> {
        let plain = self.connect_to(details).map_err(|e| carry(self.of_proxy(e)))?;
        Ok(Some(plain))
    }
}

impl fmt::Debug for ProxyConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProxyConnector").field("server", &self.server).finish_non_exhaustive()
    }
}
