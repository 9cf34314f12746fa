//! How bytes get to a server: sockets, TLS, proxies, each under the limits of the request that it serves.

pub(super) mod early;
pub(super) mod proxy;
pub(super) mod scope;
pub(super) mod secure;
pub(super) mod socket;
mod socks;
mod wire;
