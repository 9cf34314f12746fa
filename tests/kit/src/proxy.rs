//! A forward proxy that makes tunnels by CONNECT and sends http requests on, for whoever has its credentials if it wants
//! some.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::ops::Deref;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::fault::{Fault, Faults};
use crate::server::{Cut, Reply, Request, Server, ServerOptions, lock};

/// A running proxy. Its records hold what clients sent through its tunnels, too.
pub struct Proxy {
    server: Server,
    faults: Faults,
    names: Arc<Mutex<HashMap<String, SocketAddr>>>,
    greeting: Arc<Mutex<Option<String>>>,
}

impl Proxy {
    /// Starts a proxy; with a user and a password it wants them as Basic credentials.
    pub fn start(options: ServerOptions, credentials: Option<(&str, &str)>) -> Proxy {
        let faults = Faults::default();
        let names: Arc<Mutex<HashMap<String, SocketAddr>>> = Arc::default();
        let wanted = credentials.map(|(user, password)| {
            format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
        });
        let greeting: Arc<Mutex<Option<String>>> = Arc::default();
        let server = {
            let (faults, names, greeting) = (faults.clone(), names.clone(), greeting.clone());
            Server::start(options, move |request, conn| {
                let mut tunnel = None;
                let mut reply = faults.reply(request, |_| admit(request, wanted.as_deref()));
                conn.stall(std::mem::take(&mut reply.delay));
                let whole =
                    reply.raw.is_none() && reply.cut_head.is_none() && !reply.endless_headers;
                if request.method == "CONNECT" && reply.status == 200 && whole {
                    let known = lock(&names).get(&request.target).copied();
                    let connected = match known {
                        Some(address) => TcpStream::connect(address),
                        None => TcpStream::connect(&request.target),
                    };
                    match connected {
                        Ok(to) => tunnel = Some(to),
                        Err(_) => reply = Reply::empty(502),
                    }
                }
                let forwarded =
                    request.target.strip_prefix("http://").and_then(|t| t.split_once('/'));
                if let Some((host, path)) = forwarded.filter(|_| reply.status == 200 && whole) {
                    let known = lock(&names).get(host).copied();
                    let connected = match known {
                        Some(address) => TcpStream::connect(address),
                        None => TcpStream::connect(host),
                    };
                    match connected.and_then(|to| send_on(request, path, to)) {
                        Ok(answer) => {
                            conn.send(&answer)?;
                            conn.cut(Cut::Fin);
                            return Ok(());
                        }
                        Err(_) => reply = Reply::empty(502),
                    }
                }
                let greeting = lock(&greeting).clone().filter(|_| tunnel.is_some());
                match greeting {
                    Some(head) => conn.send(head.as_bytes())?,
                    None => conn.reply(&reply)?,
                }
                match tunnel {
                    Some(to) if !conn.is_cut() => conn.tunnel(to),
                    _ => Ok(()),
                }
            })
        };
        if let Some((_, password)) = credentials {
            server.may_receive(password);
        }
        Proxy { server, faults, names, greeting }
    }

    /// A proxy on 127.0.0.4 for everybody.
    pub fn open() -> Proxy {
        Proxy::start(ServerOptions::default().bind("127.0.0.4"), None)
    }

    /// Connects to `to` whenever a client asks for `target`, a `host:port` that only the proxy knows.
    pub fn knows(&self, target: &str, to: SocketAddr) {
        lock(&self.names).insert(target.to_owned(), to);
    }

    /// `http[s]://USER:PASSWORD@HOST:PORT`.
    pub fn url_for(&self, user: &str, password: &str) -> String {
        self.url().replacen("://", &format!("://{user}:{password}@"), 1)
    }

    /// Says this, line ends and all, whenever a tunnel is made.
    pub fn greet_with(&self, head: &str) {
        *lock(&self.greeting) = Some(head.to_owned());
    }

    /// Breaks answers to CONNECT; the path of a fault is part of `host:port`.
    pub fn fault(&self, fault: Fault) {
        self.faults.add(fault);
    }

    /// Ends all faults.
    pub fn clear_faults(&self) {
        self.faults.clear();
    }

    /// The `host:port` of all that clients asked for, in order.
    pub fn targets(&self) -> Vec<String> {
        let target = |request: Request| match request.target.strip_prefix("http://") {
            Some(rest) => rest.split('/').next().unwrap_or_default().to_owned(),
            None => request.target,
        };
        self.asked().into_iter().map(target).collect()
    }

    /// The requests for tunnels, and those that were sent on, in order.
    pub fn asked(&self) -> Vec<Request> {
        let is_asked = |r: &Request| r.method == "CONNECT" || r.target.starts_with("http://");
        self.requests().into_iter().filter(is_asked).collect()
    }

    /// The CONNECT requests, in order.
    pub fn connects(&self) -> Vec<Request> {
        self.asked().into_iter().filter(|request| request.method == "CONNECT").collect()
    }
}

impl Deref for Proxy {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

fn admit(request: &Request, wanted: Option<&str>) -> Reply {
    if wanted.is_some_and(|wanted| request.header("proxy-authorization") != Some(wanted)) {
        return Reply::empty(407).with("Proxy-Authenticate", "Basic realm=\"proxy\"");
    }
    if request.method == "CONNECT" || request.target.starts_with("http://") {
        Reply::empty(200)
    } else {
        Reply::empty(405)
    }
}

/// Sends a request on without what was for the proxy, and gives the whole answer.
fn send_on(request: &Request, path: &str, mut to: TcpStream) -> io::Result<Vec<u8>> {
    let mut head = format!("{} /{path} HTTP/1.1\r\n", request.method);
    let of_proxy = |name: &str| {
        name.starts_with("proxy-") || ["connection", "transfer-encoding"].contains(&name)
    };
    for (name, value) in &request.headers {
        if !of_proxy(&name.to_ascii_lowercase()) && !name.eq_ignore_ascii_case("content-length") {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
    }
    head.push_str(&format!("Content-Length: {}\r\nConnection: close\r\n\r\n", request.body.len()));
    to.write_all(head.as_bytes())?;
    // A server may answer before it has all of the body, and take no more of it.
    let sent = to.write_all(&request.body).and_then(|()| to.shutdown(Shutdown::Write));
    let mut answer = Vec::new();
    let read = to.read_to_end(&mut answer);
    if answer.is_empty() {
        sent.and(read)?;
    }
    Ok(answer)
}
