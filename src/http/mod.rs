//! The only room that knows the HTTP client: connections, redirects, retries, time-outs, limits.

pub mod address;
mod client;
mod failure;
pub mod link;
pub mod origin;
pub mod range;
mod recent;
pub mod resolver;
pub mod retry;
pub mod slots;
mod transport;

pub use client::{Body, Client, Payload, Peer, Reaches, Redirects, Request, Response, Trust};
pub use failure::retry_after;
pub use transport::scope::carry;
// The types of requests and answers, so that no other room names the client.
pub use ureq::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
