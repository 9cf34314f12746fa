//! How bytes get to a server: sockets, TLS, proxies, each under the limits of the request that it serves.

pub(super) mod buffers;
pub(super) mod connector;
pub(super) mod early;
pub(super) mod plain;
pub(super) mod proxy;
pub(super) mod scope;
mod socket;
mod socks;
mod tls;
mod wire;
