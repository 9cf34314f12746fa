//! The only room that knows the HTTP client: connections, redirects, retries, time-outs, limits.

pub mod address;
mod client;
mod early;
mod failure;
pub mod link;
pub mod origin;
mod proxy;
pub mod range;
mod recent;
pub mod resolver;
pub mod retry;
mod scope;
mod secure;
pub mod slots;
mod socket;
mod socks;
mod wire;

pub use client::{Body, Client, Payload, Peer, Reaches, Redirects, Request, Response, Trust};
pub use failure::retry_after;
pub use scope::carry;
// The types of requests and answers, so that no other room names the client.
pub use ureq::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
