//! SOCKS version 5 (RFC 1928), with a user name and a password where the proxy wants them (RFC 1929).

use std::io;
use std::net::{IpAddr, SocketAddr};

use zeroize::Zeroizing;

use super::wire::Wire;
use crate::config::proxy::ProxyServer;
use crate::error::Phase;

/// The target that the proxy connects to.
#[derive(Debug, Clone, Copy)]
pub(in crate::http) enum Target<'a> {
    /// An address that was found here.
    Address(SocketAddr),
    /// A name that the proxy looks up, and a port.
    Name(&'a str, u16),
}

/// Why there is no connection.
#[derive(Debug)]
pub(in crate::http) enum Failure {
    /// Sending or receiving failed, or the call has ended.
    Io(io::Error),
    /// What it sends is not SOCKS 5.
    Nonsense(&'static str),
    /// It does not let us in.
    Login(&'static str),
    /// It answered so: the number is that of the RFC.
    Refused(u8),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

const VERSION: u8 = 5;
const NO_LOGIN: u8 = 0;
const PASSWORD: u8 = 2;
const CONNECT: u8 = 1;
const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;

/// Makes the proxy at the other end of the wire connect to the target. Nothing that comes after its answer is read.
pub(in crate::http) fn connect(
    wire: &mut dyn Wire,
    server: &ProxyServer,
    target: Target<'_>,
) -> Result<(), Failure> {
    let login = server.socks_login();
    let methods: &[u8] = match login {
        Some(_) => &[VERSION, 2, NO_LOGIN, PASSWORD],
        None => &[VERSION, 1, NO_LOGIN],
    };
    wire.send_all(methods, Phase::Proxy)?;
    match (receive::<2>(wire)?, login) {
        ([VERSION, NO_LOGIN], _) => {}
        ([VERSION, PASSWORD], Some(login)) => log_in(wire, login)?,
        ([VERSION, 0xff], Some(_)) => {
            return Err(Failure::Login(
                "it accepts neither a user name and password nor anonymous access",
            ));
        }
        ([VERSION, 0xff], None) => {
            return Err(Failure::Login("it requires a user name and a password"));
        }
        _ => return Err(Failure::Nonsense("its response is not SOCKS 5")),
    }
    wire.send_all(&request(target)?, Phase::Proxy)?;
    let [version, reply, _, kind] = receive::<4>(wire)?;
    if version != VERSION {
        return Err(Failure::Nonsense("its response is not SOCKS 5"));
    }
    if reply != 0 {
        return Err(Failure::Refused(reply));
    }
    // Where it connects from is of no use, but stands before what the server sends.
    let length = match kind {
        IPV4 => 4,
        IPV6 => 16,
        NAME => usize::from(receive::<1>(wire)?[0]),
        _ => return Err(Failure::Nonsense("its response has an unknown type of address")),
    };
    let mut rest = [0; 255 + 2];
    fill(wire, &mut rest[..length + 2])
}

fn log_in(wire: &mut dyn Wire, login: &Zeroizing<Vec<u8>>) -> Result<(), Failure> {
    wire.send_all(login, Phase::Proxy)?;
    match receive::<2>(wire)? {
        [_, 0] => Ok(()),
        _ => Err(Failure::Login("it refused the user name or the password")),
    }
}

fn request(target: Target<'_>) -> Result<Vec<u8>, Failure> {
    let mut request = vec![VERSION, CONNECT, 0];
    let port = match target {
        Target::Address(address) => {
            match address.ip() {
                IpAddr::V4(v4) => {
                    request.push(IPV4);
                    request.extend(v4.octets());
                }
                IpAddr::V6(v6) => {
                    request.push(IPV6);
                    request.extend(v6.octets());
                }
            }
            address.port()
        }
        Target::Name(name, port) => {
            let length = u8::try_from(name.len())
                .map_err(|_| Failure::Nonsense("the host name is too long for SOCKS"))?;
            request.extend([NAME, length]);
            request.extend(name.as_bytes());
            port
        }
    };
    request.extend(port.to_be_bytes());
    Ok(request)
}

fn receive<const N: usize>(wire: &mut dyn Wire) -> Result<[u8; N], Failure> {
    let mut bytes = [0; N];
    fill(wire, &mut bytes)?;
    Ok(bytes)
}

fn fill(wire: &mut dyn Wire, mut bytes: &mut [u8]) -> Result<(), Failure> {
    while !bytes.is_empty() {
        match wire.receive(bytes, Phase::Proxy)? {
            0 => return Err(Failure::Nonsense("it closed the connection")),
            received => bytes = &mut bytes[received..],
        }
    }
    Ok(())
}

/// What the number of a refusal means.
pub(in crate::http) fn meaning(reply: u8) -> &'static str {
    match reply {
        1 => "general failure",
        2 => "connection not allowed by its rules",
        3 => "network unreachable",
        4 => "host unreachable",
        5 => "connection refused",
        6 => "time to live expired",
        7 => "CONNECT not supported",
        8 => "type of address not supported",
        _ => "unknown error",
    }
}
