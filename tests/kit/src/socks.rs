//! A SOCKS 5 proxy that tells what it was asked, and connects to what it knows.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::server::lock;

/// One request to connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// `host:port`, with a name as the client sent it or an address.
    pub target: String,
    /// Whether that was a name.
    pub by_name: bool,
    /// The user name and the password that were sent.
    pub login: Option<(String, String)>,
}

/// How the proxy answers.
#[derive(Clone, Debug, Default)]
pub struct Manners {
    /// Whom it lets in; None is everybody.
    pub login: Option<(String, String)>,
    /// The number with which it refuses to connect.
    pub refuses: Option<u8>,
    /// Sent in place of its first answer.
    pub greeting: Option<Vec<u8>>,
}

/// A running proxy on 127.0.0.4, until the process ends.
pub struct Socks {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    manners: Manners,
    names: Mutex<HashMap<String, SocketAddr>>,
    asked: Mutex<Vec<Asked>>,
}

impl Socks {
    /// Starts a proxy.
    pub fn start(manners: Manners) -> Socks {
        let listener = TcpListener::bind("127.0.0.4:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared { manners, ..Shared::default() });
        let serving = shared.clone();
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let shared = serving.clone();
                // Who goes away early is no failure of a test.
                thread::spawn(move || shared.serve(client));
            }
        });
        Socks { address, shared }
    }

    /// Its `host:port`.
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// Connects to `to` whenever a client asks for `target`, a `host:port`.
    pub fn knows(&self, target: &str, to: SocketAddr) {
        lock(&self.shared.names).insert(target.to_owned(), to);
    }

    /// What it was asked, in order.
    pub fn asked(&self) -> Vec<Asked> {
        lock(&self.shared.asked).clone()
    }

    /// Forgets what it was asked.
    pub fn clear(&self) {
        lock(&self.shared.asked).clear();
    }
}

impl Shared {
    fn serve(&self, mut client: TcpStream) -> io::Result<()> {
        let [version, count] = take(&mut client)?;
        let mut methods = vec![0; usize::from(count)];
        client.read_exact(&mut methods)?;
        if let Some(greeting) = &self.manners.greeting {
            client.write_all(greeting)?;
            return Ok(());
        }
        assert_eq!(version, 5, "the version of SOCKS");
        let mut login = None;
        let method = if self.manners.login.is_some() { 2 } else { 0 };
        if !methods.contains(&method) {
            return client.write_all(&[5, 0xff]);
        }
        client.write_all(&[5, method])?;
        if method == 2 {
            let [1] = take(&mut client)? else { return Ok(()) };
            login = Some((text(&mut client)?, text(&mut client)?));
            let good = login == self.manners.login;
            client.write_all(&[1, u8::from(!good)])?;
            if !good {
                return Ok(());
            }
        }
        let [_, _, _, kind] = take(&mut client)?;
        let host = match kind {
            1 => Ipv4Addr::from(take::<4>(&mut client)?).to_string(),
            4 => format!("[{}]", Ipv6Addr::from(take::<16>(&mut client)?)),
            _ => text(&mut client)?,
        };
        let target = format!("{host}:{}", u16::from_be_bytes(take(&mut client)?));
        lock(&self.asked).push(Asked { target: target.clone(), by_name: kind == 3, login });
        if let Some(reply) = self.manners.refuses {
            return client.write_all(&[5, reply, 0, 1, 0, 0, 0, 0, 0, 0]);
        }
        let known = lock(&self.names).get(&target).copied();
        let connected = match known {
            Some(address) => TcpStream::connect(address),
            None => TcpStream::connect(&target),
        };
        let Ok(server) = connected else {
            return client.write_all(&[5, 4, 0, 1, 0, 0, 0, 0, 0, 0]);
        };
        // Bound to a name: an address of any kind may stand there.
        client.write_all(b"\x05\x00\x00\x03\x04here\x00\x00")?;
        let (mut up, mut down) = (client.try_clone()?, server.try_clone()?);
        thread::spawn(move || {
            let _ = io::copy(&mut up, &mut down);
            let _ = down.shutdown(Shutdown::Write);
        });
        let (mut server, mut client) = (server, client);
        let _ = io::copy(&mut server, &mut client);
        let _ = client.shutdown(Shutdown::Both);
        Ok(())
    }
}

fn take<const N: usize>(stream: &mut TcpStream) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn text(stream: &mut TcpStream) -> io::Result<String> {
    let [length] = take(stream)?;
    let mut bytes = vec![0; usize::from(length)];
    stream.read_exact(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
