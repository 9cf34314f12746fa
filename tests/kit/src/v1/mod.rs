//! A registry and an index of the protocol v1, in memory: what was pushed can be pulled, and what a client says of its
//! layers is compared with what the server computes itself.
//!
//! [`V1::standalone`] is a registry of its own; [`V1::with_index`] is an index that hands out tokens for one or more
//! registries behind it. Faults of its servers do the cutting, stalling, redirecting and lying.

mod access;
pub mod archive;
mod routes;
mod server;
mod store;
pub mod tarsum;

pub use access::Policy;
pub use server::{V1, V1Server};
pub use store::Image;
