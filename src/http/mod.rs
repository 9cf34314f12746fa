//! The only room that knows the HTTP client: connections, redirects, retries, time-outs, limits.

pub mod resolver;
