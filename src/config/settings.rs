//! The knobs of a service that shape its network calls, each with its default.

use std::time::Duration;

/// How long each step of an exchange may take; zero is no limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timeouts {
    /// `connect-ms`: finding the address and connecting, for each address.
    pub connect: Duration,
    /// `tls-ms`: the TLS handshake.
    pub tls: Duration,
    /// `header-ms`: from the end of the request to the end of the response's header.
    pub header: Duration,
    /// `idle-ms`: silence within a body.
    pub idle: Duration,
    /// `auth-ms`: one ping, token or login exchange.
    pub auth: Duration,
    /// `min-bytes-per-second`: a slower body is given up.
    pub min_bytes_per_second: u64,
    /// `total-ms`: a whole call, as a deadline of its own.
    pub total: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(30),
            tls: Duration::from_secs(10),
            header: Duration::from_secs(30),
            idle: Duration::from_secs(30),
            auth: Duration::from_secs(15),
            min_bytes_per_second: 0,
            total: Duration::ZERO,
        }
    }
}

/// How often and after which waits a failed exchange is tried again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retry {
    /// `max-attempts`: the first one counts.
    pub max_attempts: u32,
    /// `initial-ms`: the first wait; it doubles each time.
    pub initial: Duration,
    /// `max-ms`: the longest wait of our own.
    pub max: Duration,
    /// `max-retry-after-ms`: the longest wait that a registry may ask for; more fails at once.
    pub max_retry_after: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            max_attempts: 5,
            initial: Duration::from_millis(250),
            max: Duration::from_secs(30),
            max_retry_after: Duration::from_secs(60),
        }
    }
}

/// The largest of each kind of answer that is accepted, in bytes or pieces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// `manifest`: bytes of a manifest or index.
    pub manifest: u64,
    /// `config`: bytes of an image configuration.
    pub config: u64,
    /// `token`: bytes of a token answer.
    pub token: u64,
    /// `error`: bytes of an error body that are read.
    pub error: u64,
    /// `list`: bytes of one page of tags or repositories.
    pub list: u64,
    /// `pages`: pages of a list.
    pub pages: u64,
    /// `children`: descriptors of one call.
    pub children: u64,
    /// `depth`: indexes within indexes.
    pub depth: u64,
    /// `urls`: further addresses of one layer.
    pub urls: u64,
    /// `total`: bytes of all documents that one call collects.
    pub total: u64,
    /// `spool`: bytes of a temporary file; None is no limit but the disk's.
    pub spool: Option<u64>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            manifest: 8 << 20,
            config: 8 << 20,
            token: 1 << 20,
            error: 64 << 10,
            list: 8 << 20,
            pages: 10_000,
            children: 10_000,
            depth: 4,
            urls: 16,
            total: 64 << 20,
            spool: None,
        }
    }
}
