//! What the tests of ocireg run against: registries, token servers and bystanders on loopback, images, certificates, and
//! helpers for child processes.
//!
//! Everything listens on loopback at an ephemeral port, records what it receives, and stops when it is dropped. The
//! embedded [`registry`] needs nothing but this crate; [`cncf`] starts the real registry of the distribution's package.

pub mod ca;
pub mod canary;
pub mod cncf;
pub mod cutter;
pub mod digest;
pub mod fault;
pub mod graph;
pub mod image;
pub mod peer;
pub mod process;
pub mod proxy;
mod range;
pub mod registry;
pub mod rig;
pub mod rootfs;
pub mod server;
pub mod slow_dns;
pub mod socks;
pub mod stage;
pub mod token;
pub mod v1;

pub use ca::Ca;
pub use canary::{TempDir, tempdir};
pub use cncf::Cncf;
pub use cutter::Cutter;
pub use fault::{Action, Fault};
pub use graph::Graph;
pub use peer::Peer;
pub use proxy::Proxy;
pub use registry::{Auth, Quirk, Registry, UploadRange};
pub use server::{Cut, Early, Reply, Request, Server, ServerOptions};
pub use socks::Socks;
pub use token::TokenServer;
pub use v1::V1;
