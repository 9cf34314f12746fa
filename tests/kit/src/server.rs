//! The core of every server here: blocking HTTP/1.1 on loopback, with or without TLS, that records every byte it
//! receives and can break a connection in any way a test asks for.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustls::pki_types::CertificateDer;
use rustls::server::WebPkiClientVerifier;
use rustls::{HandshakeKind, RootCertStore, ServerConfig, ServerConnection, StreamOwned};

use crate::ca::{Ca, Identity};
use crate::canary;

const BUFFER: usize = 256 * 1024;
const HEAD_LIMIT: usize = 1024 * 1024;

/// Where and how a server listens. `Default` is plain HTTP on 127.0.0.1 at an ephemeral port.
#[derive(Clone)]
pub struct ServerOptions {
    /// The loopback address to listen on.
    pub bind: IpAddr,
    /// The port; 0 is any free one.
    pub port: u16,
    /// The host name in the server's URL; the address when absent.
    pub name: Option<String>,
    /// TLS, when wanted.
    pub tls: Option<Tls>,
}

impl Default for ServerOptions {
    fn default() -> ServerOptions {
        ServerOptions { bind: Ipv4Addr::LOCALHOST.into(), port: 0, name: None, tls: None }
    }
}

impl ServerOptions {
    /// Listens on another loopback address, for example `127.0.0.2` or `::1`.
    pub fn bind(mut self, address: &str) -> ServerOptions {
        self.bind = address.parse().expect("an IP address");
        self
    }

    /// Listens on this port.
    pub fn port(mut self, port: u16) -> ServerOptions {
        self.port = port;
        self
    }

    /// Is called by this name, for example `localhost`.
    pub fn name(mut self, name: &str) -> ServerOptions {
        self.name = Some(name.to_owned());
        self
    }

    /// Speaks TLS with a certificate that `ca` signs for every loopback name.
    pub fn tls(self, ca: &Ca) -> ServerOptions {
        self.identity(ca.loopback())
    }

    /// Speaks TLS with this certificate.
    pub fn identity(mut self, identity: Identity) -> ServerOptions {
        self.tls = Some(Tls { identity, client_ca: None });
        self
    }

    /// Speaks TLS and requires a client certificate that `ca` signed.
    pub fn tls_with_clients(mut self, ca: &Ca) -> ServerOptions {
        self.tls = Some(Tls { identity: ca.loopback(), client_ca: Some(ca.der().to_vec()) });
        self
    }
}

/// A server's side of TLS.
#[derive(Clone)]
pub struct Tls {
    /// The server's certificate.
    pub identity: Identity,
    /// The authority (DER) of the client certificates that it then requires.
    pub client_ca: Option<Vec<u8>>,
}

impl Tls {
    fn config(&self) -> Arc<ServerConfig> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .expect("protocol versions");
        let builder = match &self.client_ca {
            None => builder.with_no_client_auth(),
            Some(der) => {
                let mut roots = RootCertStore::empty();
                roots.add(CertificateDer::from(der.clone())).expect("a client authority");
                builder.with_client_cert_verifier(
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                        .build()
                        .expect("a client verifier"),
                )
            }
        };
        let (chain, key) = self.identity.rustls();
        Arc::new(builder.with_single_cert(chain, key).expect("a server certificate"))
    }
}

/// One parsed request.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method as sent.
    pub method: String,
    /// The request target as sent: path and query.
    pub target: String,
    /// Names and values in the order sent.
    pub headers: Vec<(String, String)>,
    /// The body, without its framing.
    pub body: Vec<u8>,
    /// The number of the connection that it came on, from 0.
    pub connection: u64,
    /// When its head was complete.
    pub at: Instant,
}

impl Request {
    /// The first value of a header, by name in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }

    /// The target without its query.
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// The decoded values of one query parameter, in order.
    pub fn query(&self, name: &str) -> Vec<String> {
        form_values(self.target.split_once('?').map_or("", |(_, query)| query), name)
    }
}

/// The decoded values of `name` in `application/x-www-form-urlencoded` text.
pub fn form_values(text: &str, name: &str) -> Vec<String> {
    text.split('&')
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .filter(|(key, _)| percent_decode(key.replace('+', " ")) == name.as_bytes())
        .map(|(_, v)| String::from_utf8_lossy(&percent_decode(v.replace('+', " "))).into_owned())
        .collect()
}

/// Decodes `%XX`; what is no escape stays as it is.
pub fn percent_decode(text: impl AsRef<[u8]>) -> Vec<u8> {
    let text = text.as_ref();
    let digit = |at: usize| text.get(at).and_then(|c| (*c as char).to_digit(16));
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        match (text[at], digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                out.push((high * 16 + low) as u8);
                at += 3;
            }
            (byte, ..) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    out
}

/// What a connection did, up to the moment it was asked for.
#[derive(Clone, Debug)]
pub struct ConnectionRecord {
    /// Its number, from 0.
    pub id: u64,
    /// When it was accepted.
    pub at: Instant,
    /// Every byte received; with TLS the decrypted ones.
    pub received: Vec<u8>,
    /// Whether its TLS handshake ended well.
    pub handshaken: bool,
    /// Whether that handshake resumed an earlier session.
    pub resumed: bool,
    /// The client's certificate (DER), when it sent one.
    pub client_certificate: Option<Vec<u8>>,
    /// The name that the client asked for by SNI.
    pub server_name: Option<String>,
    /// Whether it is over.
    pub closed: bool,
}

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Cleanly: with TLS a close_notify goes first.
    Clean,
    /// By FIN; with TLS without a close_notify, as when a middle box cuts.
    Fin,
    /// By RST.
    Rst,
}

/// What a body is made of.
#[derive(Clone)]
pub enum Body {
    /// Bytes in memory.
    Bytes(Arc<[u8]>),
    /// Reproducible pseudo-random bytes that are never held as a whole.
    Generated(Generated),
    /// A part of another body: from its first field, as long as its second.
    Part(Box<Body>, u64, u64),
    /// Never ends.
    Endless,
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Body {
        Body::Bytes(bytes.into())
    }
}

impl Body {
    /// The length, unless it is endless.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> Option<u64> {
        match self {
            Body::Bytes(bytes) => Some(bytes.len() as u64),
            Body::Generated(generated) => Some(generated.size),
            Body::Part(_, _, len) => Some(*len),
            Body::Endless => None,
        }
    }

    /// Fills `buffer` from `offset`; returns how much there was.
    pub fn read_at(&self, offset: u64, buffer: &mut [u8]) -> usize {
        let left = self.len().map_or(u64::MAX, |len| len.saturating_sub(offset));
        let n = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let buffer = &mut buffer[..n];
        match self {
            Body::Bytes(bytes) => {
                let at = offset as usize;
                buffer.copy_from_slice(&bytes[at..at + n]);
            }
            Body::Generated(generated) => generated.read_at(offset, buffer),
            Body::Part(body, start, _) => return body.read_at(start + offset, buffer),
            Body::Endless => buffer.fill(b'x'),
        }
        n
    }

    /// All of it in memory.
    pub fn to_vec(&self) -> Vec<u8> {
        let len = usize::try_from(self.len().expect("a body with an end")).expect("it fits");
        let mut bytes = vec![0; len];
        let mut at = 0;
        while at < len {
            at += self.read_at(at as u64, &mut bytes[at..]);
        }
        bytes
    }
}

/// Pseudo-random bytes of any length from a seed. One block repeats, with its number at its start, so that a piece at the
/// wrong offset never looks right.
#[derive(Clone)]
pub struct Generated {
    block: Arc<[u8]>,
    size: u64,
}

impl Generated {
    const BLOCK: usize = 64 * 1024;

    /// The `size` bytes that belong to `seed`.
    pub fn new(seed: u64, size: u64) -> Generated {
        // xorshift64*: small, and good enough that no compression on the way would matter.
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut block = Vec::with_capacity(Self::BLOCK);
        while block.len() < Self::BLOCK {
            state ^= state >> 12;
            state ^= state << 25;
            state ^= state >> 27;
            block.extend_from_slice(&state.wrapping_mul(0x2545_f491_4f6c_dd1d).to_le_bytes());
        }
        Generated { block: block.into(), size }
    }

    fn read_at(&self, offset: u64, mut buffer: &mut [u8]) {
        let mut at = offset;
        while !buffer.is_empty() {
            let number = (at / Self::BLOCK as u64).to_le_bytes();
            let inside = (at % Self::BLOCK as u64) as usize;
            let n = buffer.len().min(Self::BLOCK - inside);
            let (piece, rest) = buffer.split_at_mut(n);
            piece.copy_from_slice(&self.block[inside..inside + n]);
            if inside < number.len() {
                let k = n.min(number.len() - inside);
                piece[..k].copy_from_slice(&number[inside..inside + k]);
            }
            buffer = rest;
            at += n as u64;
        }
    }
}

/// How a reply says where its body ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Framing {
    /// By the true Content-Length.
    Length,
    /// By this text as Content-Length, true or not; the connection closes after the body.
    Says(String),
    /// By the end of the connection.
    Close,
    /// Chunked.
    Chunked,
}

/// A reply, with everything that may be wrong with it.
#[derive(Clone)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// Names and values in order; Content-Length is made by `framing`.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Body,
    /// How the body ends.
    pub framing: Framing,
    /// Wait before the first byte.
    pub delay: Duration,
    /// Send the body in pieces of this size, with this pause before each.
    pub trickle: Option<(usize, Duration)>,
    /// Stop at this byte of the body for this long.
    pub stall: Option<(u64, Duration)>,
    /// Change this byte of the body.
    pub flip: Option<u64>,
    /// End the connection at this byte of the head.
    pub cut_head: Option<(usize, Cut)>,
    /// End the connection at this byte of the body.
    pub cut_body: Option<(u64, Cut)>,
    /// Send headers for ever.
    pub endless_headers: bool,
    /// End the connection after the reply, without having said so.
    pub close_after: Option<Cut>,
    /// Send these bytes instead of all the above, then close.
    pub raw: Option<Vec<u8>>,
}

impl Reply {
    /// A reply with no headers and this body.
    pub fn new(status: u16, body: impl Into<Body>) -> Reply {
        Reply {
            status,
            headers: Vec::new(),
            body: body.into(),
            framing: Framing::Length,
            delay: Duration::ZERO,
            trickle: None,
            stall: None,
            flip: None,
            cut_head: None,
            cut_body: None,
            endless_headers: false,
            close_after: None,
            raw: None,
        }
    }

    /// A reply with an empty body.
    pub fn empty(status: u16) -> Reply {
        Reply::new(status, Vec::new())
    }

    /// A JSON document.
    pub fn json(status: u16, value: &serde_json::Value) -> Reply {
        Reply::new(status, value.to_string().into_bytes()).with("Content-Type", "application/json")
    }

    /// Adds a header.
    pub fn with(mut self, name: &str, value: &str) -> Reply {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets a header, in place of any of the name.
    pub fn set(&mut self, name: &str, value: &str) {
        self.remove(name);
        self.headers.push((name.to_owned(), value.to_owned()));
    }

    /// Removes every header of the name.
    pub fn remove(&mut self, name: &str) {
        self.headers.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
    }

    /// The first value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }

    fn head(&self, has_body: bool) -> Vec<u8> {
        let mut head = format!("HTTP/1.1 {} {}\r\n", self.status, reason(self.status));
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        match &self.framing {
            // 204 and 304 have no body and so no length of one.
            Framing::Length if matches!(self.status, 204 | 304) => {}
            Framing::Length => match self.body.len() {
                Some(len) => head.push_str(&format!("Content-Length: {len}\r\n")),
                None => head.push_str("Connection: close\r\n"),
            },
            Framing::Says(text) => head.push_str(&format!("Content-Length: {text}\r\n")),
            Framing::Close => head.push_str("Connection: close\r\n"),
            Framing::Chunked if has_body => head.push_str("Transfer-Encoding: chunked\r\n"),
            Framing::Chunked => {}
        }
        if !self.endless_headers {
            head.push_str("\r\n");
        }
        head.into_bytes()
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        206 => "Partial Content",
        301 => "Moved Permanently",
        302 => "Found",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        407 => "Proxy Authentication Required",
        416 => "Range Not Satisfiable",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Status",
    }
}

/// What happens to a new connection before any HTTP, or TLS, is spoken on it.
#[derive(Clone, Debug)]
pub enum ConnectFault {
    /// Nothing is ever read or answered, for this long.
    Silence(Duration),
    /// The client's first bytes (its TLS hello, or its request) are read, then nothing for this long.
    SilenceAfterHello(Duration),
    /// These bytes are sent after the client's first ones, then the connection is closed.
    Garbage(Vec<u8>),
    /// It is ended at once.
    Close(Cut),
    /// It is ended after the client's first bytes.
    CloseAfterHello(Cut),
}

/// An answer that is given by the head of a request that has a body, before that has been read.
#[derive(Clone)]
pub struct Early {
    /// The requests' method.
    pub method: String,
    /// How many of them.
    pub times: usize,
    /// Only those whose body has more bytes.
    pub over: usize,
    /// So much of the body is read first.
    pub after: usize,
    /// The answer.
    pub reply: Reply,
    /// The connection is closed with the rest of the body unread: at once, which is an RST, or its sending side first,
    /// and all of it after this time.
    pub linger: Option<Duration>,
}

impl Early {
    /// Answers the first request of this method that has a body, and closes.
    pub fn on(method: &str, reply: Reply) -> Early {
        Early { method: method.to_owned(), times: 1, over: 0, after: 0, reply, linger: None }
    }

    /// Answers all of them.
    pub fn always(mut self) -> Early {
        self.times = usize::MAX;
        self
    }

    /// Lets bodies of up to so many bytes pass.
    pub fn over(mut self, bytes: usize) -> Early {
        self.over = bytes;
        self
    }

    /// Reads so much of the body first.
    pub fn after(mut self, bytes: usize) -> Early {
        self.after = bytes;
        self
    }

    /// Closes the connection in two steps.
    pub fn linger(mut self, time: Duration) -> Early {
        self.linger = Some(time);
        self
    }
}

type Handler = dyn Fn(&Request, &mut Conn<'_>) -> io::Result<()> + Send + Sync;

struct Shared {
    handler: Box<Handler>,
    tls: Option<Arc<ServerConfig>>,
    stopping: Mutex<bool>,
    stop: Condvar,
    log: Mutex<Log>,
    accepted: AtomicUsize,
    handshakes: AtomicUsize,
    next: AtomicU64,
    connect_faults: Mutex<Vec<(ConnectFault, usize)>>,
    early: Mutex<Vec<Early>>,
    live: Mutex<HashMap<u64, TcpStream>>,
    workers: Mutex<Vec<JoinHandle<()>>>,
    /// The secrets that it may be sent.
    allowed: Mutex<Vec<String>>,
    /// What records that were forgotten held that looks like a secret.
    suspicious: Mutex<Vec<Vec<u8>>>,
}

#[derive(Default)]
struct Log {
    connections: BTreeMap<u64, ConnectionRecord>,
    requests: Vec<Request>,
}

impl Log {
    /// What looks like a secret in all that was received.
    fn suspicious(&self) -> Vec<Vec<u8>> {
        self.connections.values().flat_map(|c| canary::suspicious(&c.received)).collect()
    }

    fn connection(&mut self, id: u64) -> &mut ConnectionRecord {
        self.connections.entry(id).or_insert_with(|| ConnectionRecord {
            id,
            at: Instant::now(),
            received: Vec::new(),
            handshaken: false,
            resumed: false,
            client_certificate: None,
            server_name: None,
            closed: false,
        })
    }
}

impl Shared {
    fn log(&self) -> MutexGuard<'_, Log> {
        lock(&self.log)
    }

    fn stopping(&self) -> bool {
        *lock(&self.stopping)
    }

    /// The answer that this request gets before its body, if it is to have one.
    fn early_answer(&self, request: &Request, length: usize) -> Option<Early> {
        let mut all = lock(&self.early);
        let early = all
            .iter_mut()
            .find(|e| e.times > 0 && e.method == request.method && length > e.over)?;
        if early.times != usize::MAX {
            early.times -= 1;
        }
        Some(early.clone())
    }

    /// Waits, but not beyond the server's life.
    fn wait(&self, time: Duration) {
        let guard = lock(&self.stopping);
        drop(self.stop.wait_timeout_while(guard, time, |stopping| !*stopping));
    }
}

/// Locks even after a panic in another thread: a failing test must still be able to stop its servers.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// A running server; it stops when dropped.
pub struct Server {
    shared: Arc<Shared>,
    address: SocketAddr,
    name: String,
    accept: Option<JoinHandle<()>>,
}

impl Server {
    /// Starts a server that gives each request to `handler`. A handler that answers nothing closes the connection.
    pub fn start(
        options: ServerOptions,
        handler: impl Fn(&Request, &mut Conn<'_>) -> io::Result<()> + Send + Sync + 'static,
    ) -> Server {
        let listener = TcpListener::bind((options.bind, options.port))
            .unwrap_or_else(|e| panic!("listen on {}:{}: {e}", options.bind, options.port));
        let address = listener.local_addr().expect("the listener's address");
        let name = options.name.unwrap_or_else(|| match options.bind {
            IpAddr::V4(v4) => v4.to_string(),
            IpAddr::V6(v6) => format!("[{v6}]"),
        });
        let shared = Arc::new(Shared {
            handler: Box::new(handler),
            tls: options.tls.as_ref().map(Tls::config),
            stopping: Mutex::new(false),
            stop: Condvar::new(),
            log: Mutex::default(),
            accepted: AtomicUsize::new(0),
            handshakes: AtomicUsize::new(0),
            next: AtomicU64::new(0),
            connect_faults: Mutex::default(),
            early: Mutex::default(),
            live: Mutex::default(),
            workers: Mutex::default(),
            allowed: Mutex::default(),
            suspicious: Mutex::default(),
        });
        let accept = {
            let shared = shared.clone();
            thread::spawn(move || accept_loop(&listener, &shared))
        };
        Server { shared, address, name, accept: Some(accept) }
    }

    /// The address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The port that it listens on.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// `NAME:PORT`, as in an image reference.
    pub fn host(&self) -> String {
        format!("{}:{}", self.name, self.port())
    }

    /// `http://NAME:PORT` or `https://NAME:PORT`, without a path.
    pub fn url(&self) -> String {
        let scheme = if self.shared.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.host())
    }

    /// Makes the next `times` connections go wrong before any HTTP; faults apply in the order given.
    pub fn connect_fault(&self, fault: ConnectFault, times: usize) {
        lock(&self.shared.connect_faults).push((fault, times));
    }

    /// Answers requests before their bodies have been read; such requests are recorded without them.
    pub fn early(&self, early: Early) {
        lock(&self.shared.early).push(early);
    }

    /// The requests so far, complete with their bodies.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.log().requests.clone()
    }

    /// What each connection did so far.
    pub fn connections(&self) -> Vec<ConnectionRecord> {
        self.shared.log().connections.values().cloned().collect()
    }

    /// How many connections were accepted.
    pub fn connection_count(&self) -> usize {
        self.shared.accepted.load(Ordering::SeqCst)
    }

    /// How many TLS handshakes ended well.
    pub fn handshake_count(&self) -> usize {
        self.shared.handshakes.load(Ordering::SeqCst)
    }

    /// Forgets all records and counts; connections stay open.
    pub fn clear(&self) {
        let log = std::mem::take(&mut *self.shared.log());
        lock(&self.shared.suspicious).extend(log.suspicious());
        self.shared.accepted.store(0, Ordering::SeqCst);
        self.shared.handshakes.store(0, Ordering::SeqCst);
    }

    /// This server may be sent the secret. Being sent any other [`canary`](canary::canary) makes its drop panic.
    pub fn may_receive(&self, secret: &str) {
        lock(&self.shared.allowed).push(secret.to_owned());
    }

    /// Ends every open connection, as a restart of the server would, and goes on listening.
    pub fn close_connections(&self) {
        for stream in lock(&self.shared.live).values() {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Stops listening, ends every connection and waits for the threads.
    pub fn stop(&mut self) {
        let Some(accept) = self.accept.take() else { return };
        *lock(&self.shared.stopping) = true;
        self.shared.stop.notify_all();
        // The accept loop looks at the flag after each connection, so it gets one.
        let _ = TcpStream::connect(self.address);
        let _ = accept.join();
        self.close_connections();
        let workers = std::mem::take(&mut *lock(&self.shared.workers));
        for worker in workers {
            let _ = worker.join();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
        if thread::panicking() {
            return;
        }
        let mut places = std::mem::take(&mut *lock(&self.shared.suspicious));
        places.extend(self.shared.log().suspicious());
        if let Some(leak) = canary::leak(&places, &lock(&self.shared.allowed)) {
            panic!("{} was sent the secret {leak}", self.url());
        }
    }
}

fn accept_loop(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming() {
        if shared.stopping() {
            return;
        }
        let Ok(stream) = stream else { continue };
        let Ok(copy) = stream.try_clone() else { continue };
        let id = shared.next.fetch_add(1, Ordering::SeqCst);
        shared.accepted.fetch_add(1, Ordering::SeqCst);
        shared.log().connection(id);
        lock(&shared.live).insert(id, copy);
        let worker = {
            let shared = shared.clone();
            thread::spawn(move || {
                // An error is the client's going away, which is its right; the records say what happened.
                let _ = serve_connection(&shared, id, stream);
                lock(&shared.live).remove(&id);
                if let Some(record) = shared.log().connections.get_mut(&id) {
                    record.closed = true;
                }
            })
        };
        let mut workers = lock(&shared.workers);
        workers.retain(|worker| !worker.is_finished());
        workers.push(worker);
    }
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ServerConnection, TcpStream>>),
}

impl Stream {
    fn tcp(&self) -> &TcpStream {
        match self {
            Stream::Plain(tcp) => tcp,
            Stream::Tls(tls) => &tls.sock,
        }
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Plain(tcp) => tcp.read(buffer),
            Stream::Tls(tls) => tls.read(buffer),
        }
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Stream::Plain(tcp) => tcp.write_all(bytes),
            Stream::Tls(tls) => {
                tls.write_all(bytes)?;
                tls.flush()
            }
        }
    }

    /// Ends the connection; the caller drops it next.
    fn end(&mut self, cut: Cut) {
        match cut {
            Cut::Rst => {
                let _ = socket2::SockRef::from(self.tcp()).set_linger(Some(Duration::ZERO));
                return;
            }
            Cut::Clean => {
                if let Stream::Tls(tls) = self {
                    tls.conn.send_close_notify();
                    let _ = tls.flush();
                }
            }
            Cut::Fin => {}
        }
        linger(self.tcp());
    }
}

/// Ends the sending side and reads a little of what still comes: closing with unread bytes would turn FIN into RST.
fn linger(tcp: &TcpStream) {
    let _ = tcp.shutdown(Shutdown::Write);
    let _ = tcp.set_read_timeout(Some(Duration::from_millis(200)));
    let mut buffer = [0; 4096];
    let mut tcp = tcp;
    while matches!(tcp.read(&mut buffer), Ok(n) if n > 0) {}
}

fn serve_connection(shared: &Shared, id: u64, tcp: TcpStream) -> io::Result<()> {
    tcp.set_nodelay(true)?;
    let fault = {
        let mut faults = lock(&shared.connect_faults);
        match faults.first_mut() {
            Some((fault, times)) => {
                let fault = fault.clone();
                *times = times.saturating_sub(1);
                if *times == 0 {
                    faults.remove(0);
                }
                Some(fault)
            }
            None => None,
        }
    };
    if let Some(fault) = fault {
        return break_connection(shared, id, tcp, fault);
    }
    let mut stream = match &shared.tls {
        None => Stream::Plain(tcp),
        Some(config) => handshake(shared, id, tcp, config)?,
    };
    let mut buffer = Vec::new();
    loop {
        match read_request(shared, id, &mut stream, &mut buffer) {
            Ok(Some(request)) => {
                shared.log().requests.push(request.clone());
                let mut conn = Conn {
                    stream: &mut stream,
                    shared,
                    id,
                    head_only: request.method == "HEAD",
                    answered: false,
                    end: None,
                };
                let done = (shared.handler)(&request, &mut conn);
                let end = conn.end.or(if conn.answered { None } else { Some(Cut::Clean) });
                done?;
                if let Some(cut) = end {
                    stream.end(cut);
                    return Ok(());
                }
            }
            Ok(None) => return Ok(()),
            Err(e) if e.kind() == ErrorKind::InvalidData => {
                stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")?;
                stream.end(Cut::Clean);
                return Ok(());
            }
            Err(e) => return Err(e),
        }
    }
}

fn break_connection(
    shared: &Shared,
    id: u64,
    tcp: TcpStream,
    fault: ConnectFault,
) -> io::Result<()> {
    let mut stream = Stream::Plain(tcp);
    let hello = |stream: &mut Stream| -> io::Result<()> {
        let mut buffer = [0; 16 * 1024];
        let n = stream.read(&mut buffer)?;
        shared.log().connection(id).received.extend_from_slice(&buffer[..n]);
        Ok(())
    };
    match fault {
        ConnectFault::Silence(time) => shared.wait(time),
        ConnectFault::SilenceAfterHello(time) => {
            hello(&mut stream)?;
            shared.wait(time);
        }
        ConnectFault::Garbage(bytes) => {
            hello(&mut stream)?;
            stream.write_all(&bytes)?;
            stream.end(Cut::Fin);
        }
        ConnectFault::Close(cut) => stream.end(cut),
        ConnectFault::CloseAfterHello(cut) => {
            hello(&mut stream)?;
            stream.end(cut);
        }
    }
    Ok(())
}

fn handshake(
    shared: &Shared,
    id: u64,
    mut tcp: TcpStream,
    config: &Arc<ServerConfig>,
) -> io::Result<Stream> {
    let mut tls = ServerConnection::new(config.clone()).map_err(io::Error::other)?;
    while tls.is_handshaking() {
        if let Err(e) = tls.complete_io(&mut tcp) {
            // The alert that says why has been written by complete_io; let it arrive.
            linger(&tcp);
            return Err(e);
        }
    }
    shared.handshakes.fetch_add(1, Ordering::SeqCst);
    {
        let mut log = shared.log();
        let record = log.connection(id);
        record.handshaken = true;
        record.resumed = tls.handshake_kind() == Some(HandshakeKind::Resumed);
        record.server_name = tls.server_name().map(str::to_owned);
        record.client_certificate =
            tls.peer_certificates().and_then(|chain| chain.first()).map(|cert| cert.to_vec());
    }
    Ok(Stream::Tls(Box::new(StreamOwned::new(tls, tcp))))
}

/// Reads one request; `None` is the client's end between two requests.
fn read_request(
    shared: &Shared,
    id: u64,
    stream: &mut Stream,
    buffer: &mut Vec<u8>,
) -> io::Result<Option<Request>> {
    let end = loop {
        if let Some(at) = find(buffer, b"\r\n\r\n") {
            break at + 4;
        }
        // A TLS hello on a plain port is refused at once, as real servers do; its sender would wait for long.
        let hopeless = buffer.first().is_some_and(|byte| !byte.is_ascii_uppercase());
        if hopeless || buffer.len() > HEAD_LIMIT {
            return Err(ErrorKind::InvalidData.into());
        }
        if !fill(shared, id, stream, buffer)? {
            return Ok(None);
        }
    };
    let at = Instant::now();
    let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
    buffer.drain(..end);
    let mut lines = head.split("\r\n");
    let mut first = lines.next().unwrap_or_default().splitn(3, ' ');
    let (Some(method), Some(target), Some(version)) = (first.next(), first.next(), first.next())
    else {
        return Err(ErrorKind::InvalidData.into());
    };
    if !version.starts_with("HTTP/1.") {
        return Err(ErrorKind::InvalidData.into());
    }
    let headers = lines
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
        .collect();
    let mut request = Request {
        method: method.to_owned(),
        target: target.to_owned(),
        headers,
        body: Vec::new(),
        connection: id,
        at,
    };
    if request.header("expect").is_some_and(|v| v.eq_ignore_ascii_case("100-continue")) {
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
    }
    let length = request.header("content-length").and_then(|text| text.parse::<usize>().ok());
    let chunked = request.header("transfer-encoding").is_some();
    let size = if chunked { usize::MAX } else { length.unwrap_or(0) };
    if let Some(early) = shared.early_answer(&request, size) {
        shared.log().requests.push(request.clone());
        let after = early.after.min(length.unwrap_or(0));
        take(shared, id, stream, buffer, after)?;
        let mut conn = Conn { stream, shared, id, head_only: false, answered: false, end: None };
        conn.reply(&early.reply)?;
        if let Some(time) = early.linger {
            let _ = stream.tcp().shutdown(Shutdown::Write);
            shared.wait(time);
        }
        return Ok(None);
    }
    request.body =
        if request.header("transfer-encoding").is_some_and(|v| v.eq_ignore_ascii_case("chunked")) {
            read_chunked(shared, id, stream, buffer)?
        } else {
            let len = match request.header("content-length") {
                None => 0,
                Some(text) => text.parse().map_err(|_| io::Error::from(ErrorKind::InvalidData))?,
            };
            take(shared, id, stream, buffer, len)?
        };
    Ok(Some(request))
}

fn read_chunked(
    shared: &Shared,
    id: u64,
    stream: &mut Stream,
    buffer: &mut Vec<u8>,
) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = take_line(shared, id, stream, buffer)?;
        let size = line.split(';').next().unwrap_or_default().trim();
        let size =
            usize::from_str_radix(size, 16).map_err(|_| io::Error::from(ErrorKind::InvalidData))?;
        if size == 0 {
            while !take_line(shared, id, stream, buffer)?.is_empty() {}
            return Ok(body);
        }
        body.extend(take(shared, id, stream, buffer, size)?);
        take_line(shared, id, stream, buffer)?;
    }
}

fn take_line(
    shared: &Shared,
    id: u64,
    stream: &mut Stream,
    buffer: &mut Vec<u8>,
) -> io::Result<String> {
    loop {
        if let Some(at) = find(buffer, b"\r\n") {
            let line = String::from_utf8_lossy(&buffer[..at]).into_owned();
            buffer.drain(..at + 2);
            return Ok(line);
        }
        if !fill(shared, id, stream, buffer)? {
            return Err(ErrorKind::UnexpectedEof.into());
        }
    }
}

fn take(
    shared: &Shared,
    id: u64,
    stream: &mut Stream,
    buffer: &mut Vec<u8>,
    len: usize,
) -> io::Result<Vec<u8>> {
    while buffer.len() < len {
        if !fill(shared, id, stream, buffer)? {
            return Err(ErrorKind::UnexpectedEof.into());
        }
    }
    let rest = buffer.split_off(len);
    Ok(std::mem::replace(buffer, rest))
}

fn fill(shared: &Shared, id: u64, stream: &mut Stream, buffer: &mut Vec<u8>) -> io::Result<bool> {
    let mut piece = [0; 64 * 1024];
    let n = loop {
        match stream.read(&mut piece) {
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            other => break other?,
        }
    };
    shared.log().connection(id).received.extend_from_slice(&piece[..n]);
    buffer.extend_from_slice(&piece[..n]);
    Ok(n > 0)
}

/// The position of `needle` in `haystack`.
pub fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

/// A handler's side of a connection: one reply, or anything at all.
pub struct Conn<'a> {
    stream: &'a mut Stream,
    shared: &'a Shared,
    id: u64,
    head_only: bool,
    answered: bool,
    end: Option<Cut>,
}

impl Conn<'_> {
    /// Sends bytes as they are.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.answered = true;
        self.stream.write_all(bytes)
    }

    /// Sends a TLS record that is no content: the announcement of new keys. Nothing, without TLS.
    pub fn refresh_keys(&mut self) -> io::Result<()> {
        if let Stream::Tls(tls) = &mut self.stream {
            tls.conn.refresh_traffic_keys().map_err(io::Error::other)?;
            tls.flush()?;
        }
        Ok(())
    }

    /// Sends nothing for this long, or until the server stops.
    pub fn stall(&mut self, time: Duration) {
        self.shared.wait(time);
    }

    /// Ends the connection after the handler.
    pub fn cut(&mut self, cut: Cut) {
        self.end = Some(cut);
    }

    /// Whether the connection ends after the handler.
    pub fn is_cut(&self) -> bool {
        self.end.is_some()
    }

    /// Carries bytes to `to` and back until one of the two ends the connection.
    pub fn tunnel(&mut self, mut to: TcpStream) -> io::Result<()> {
        self.cut(Cut::Fin);
        to.set_nodelay(true)?;
        // One thread looks at both sides in turn: a TLS stream cannot be read and written by two.
        let turn = Some(Duration::from_millis(1));
        self.stream.tcp().set_read_timeout(turn)?;
        to.set_read_timeout(turn)?;
        let nothing_yet =
            |e: &io::Error| matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
        let mut piece = vec![0; BUFFER];
        while !self.shared.stopping() {
            match self.stream.read(&mut piece) {
                Ok(0) => break,
                Ok(n) => {
                    let mut log = self.shared.log();
                    log.connection(self.id).received.extend_from_slice(&piece[..n]);
                    drop(log);
                    to.write_all(&piece[..n])?;
                }
                Err(e) if nothing_yet(&e) => {}
                Err(e) => return Err(e),
            }
            match to.read(&mut piece) {
                Ok(0) => break,
                Ok(n) => self.stream.write_all(&piece[..n])?,
                Err(e) if nothing_yet(&e) => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    /// Sends a reply with all that is wrong with it.
    pub fn reply(&mut self, reply: &Reply) -> io::Result<()> {
        if !reply.delay.is_zero() {
            self.stall(reply.delay);
        }
        if let Some(raw) = &reply.raw {
            self.send(raw)?;
            self.cut(Cut::Clean);
            return Ok(());
        }
        let has_body = !self.head_only && !matches!(reply.status, 204 | 304);
        let head = reply.head(has_body);
        if let Some((at, cut)) = reply.cut_head {
            self.send(&head[..at.min(head.len())])?;
            self.cut(cut);
            return Ok(());
        }
        if reply.endless_headers {
            self.send(&head)?;
            let line = format!("X-Fill: {}\r\n", "x".repeat(1000)).repeat(16);
            while !self.shared.stopping() {
                self.send(line.as_bytes())?;
            }
            return Ok(());
        }
        if has_body {
            self.body(reply, head)?;
        } else {
            self.send(&head)?;
        }
        if self.end.is_none() {
            self.end = reply.close_after.or(match reply.framing {
                Framing::Length if reply.body.len().is_some() => None,
                Framing::Chunked => None,
                _ if self.head_only => None,
                _ => Some(Cut::Clean),
            });
        }
        Ok(())
    }

    fn body(&mut self, reply: &Reply, head: Vec<u8>) -> io::Result<()> {
        let len = reply.body.len().unwrap_or(u64::MAX);
        let chunked = reply.framing == Framing::Chunked;
        let cut_at = reply.cut_body.map(|(at, _)| at);
        let stall_at = reply.stall.map(|(at, _)| at);
        // The head waits for the first bytes of the body so that a small reply is one packet.
        let mut out = head;
        let mut buffer = vec![0; BUFFER];
        let mut at = 0;
        loop {
            if stall_at == Some(at) {
                self.send(&std::mem::take(&mut out))?;
                self.stall(reply.stall.map(|(_, time)| time).unwrap_or_default());
            }
            if let Some((cut_at, cut)) = reply.cut_body
                && (cut_at == at || at == len)
            {
                self.send(&out)?;
                self.cut(cut);
                return Ok(());
            }
            if at == len || self.shared.stopping() {
                break;
            }
            let mut n = (BUFFER as u64).min(len - at);
            for stop in [cut_at, stall_at].into_iter().flatten() {
                if stop > at {
                    n = n.min(stop - at);
                }
            }
            if let Some((size, pause)) = reply.trickle {
                n = n.min(size.max(1) as u64);
                if !out.is_empty() {
                    self.send(&std::mem::take(&mut out))?;
                }
                self.stall(pause);
            }
            let n = reply.body.read_at(at, &mut buffer[..n as usize]);
            if let Some(flip) = reply.flip
                && (at..at + n as u64).contains(&flip)
            {
                buffer[(flip - at) as usize] ^= 0x01;
            }
            if chunked {
                out.extend_from_slice(format!("{n:x}\r\n").as_bytes());
            }
            out.extend_from_slice(&buffer[..n]);
            if chunked {
                out.extend_from_slice(b"\r\n");
            }
            self.send(&out)?;
            out.clear();
            at += n as u64;
        }
        if chunked {
            out.extend_from_slice(b"0\r\n\r\n");
        }
        self.send(&out)
    }
}

/// An address whose connections never complete: its backlog is full, so the kernel drops every SYN.
pub struct BlackHole {
    address: SocketAddr,
    _listener: socket2::Socket,
    _fillers: Vec<socket2::Socket>,
}

impl BlackHole {
    /// Makes one on 127.0.0.1.
    pub fn start() -> BlackHole {
        use socket2::{Domain, Socket, Type};
        let any: SocketAddr = (Ipv4Addr::LOCALHOST, 0).into();
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        listener.bind(&any.into()).expect("bind");
        listener.listen(0).expect("listen");
        let local = listener.local_addr().expect("the address");
        let address = local.as_socket().expect("an IP address");
        let mut fillers = Vec::new();
        for _ in 0..8 {
            let filler = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
            let full = filler.connect_timeout(&local, Duration::from_millis(100)).is_err();
            fillers.push(filler);
            if full {
                break;
            }
        }
        BlackHole { address, _listener: listener, _fillers: fillers }
    }

    /// The address to connect to in vain.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}
