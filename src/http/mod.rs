//! The only room that knows the HTTP client: connections, redirects, retries, time-outs, limits.

pub mod address;
mod agent;
mod client;
pub mod expiry;
mod failure;
pub mod governor;
pub mod link;
pub mod origin;
mod pace;
pub mod range;
mod recent;
pub mod redirect;
mod request;
pub mod resolver;
mod response;
pub mod retry;
pub mod slots;
mod trace;
mod transport;

pub use client::{Client, Peer, Trust};
pub use failure::retry_after;
pub use request::{Once, Payload, Reaches, Redirects, Request};
pub use response::{Body, Response};
pub use transport::scope::carry;
// The types of requests and answers, so that no other room names the client.
pub use ureq::http::{HeaderMap, HeaderName, HeaderValue, Method, header};

/// The name of the HTTP client, for whoever asks what the library is made of.
pub const CLIENT: &str = "ureq";
