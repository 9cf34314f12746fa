//! The knobs of a service that shape its network calls, each with its default.

use std::time::Duration;

use crate::json::schema::options;

options! {
    /// How long each step of an exchange may take. 0 means no limit.
    pub struct Timeouts built by TimeoutsBuilder of service "timeouts" {
        /// Resolving the host name and connecting, for each address.
        "connect-ms" => connect: Duration = Duration::from_secs(30);
        /// The TLS handshake.
        "tls-ms" => tls: Duration = Duration::from_secs(10);
        /// From the end of the request to the end of the response's header.
        "header-ms" => header: Duration = Duration::from_secs(30);
        /// Silence within a body.
        "idle-ms" => idle: Duration = Duration::from_secs(30);
        /// One ping, token or login request.
        "auth-ms" => auth: Duration = Duration::from_secs(15);
        /// The minimum speed of a body, sent or received, in bytes per second over 5 seconds; a slower transfer fails. 0 means no
        /// limit; without this option it is so low, and measured over so long a time, that no working connection is below it.
        "min-bytes-per-second" => min_bytes_per_second: Option<u64>, else "100 over a minute";
        /// A whole call.
        "total-ms" => total: Duration;
    }
}

options! {
    /// How often and after which delays a failed request is retried.
    pub struct Retry built by RetryBuilder of service "retry" {
        /// Attempts, the first one included.
        "max-attempts" => max_attempts: u32 = 5, in 1..=u64::MAX;
        /// The first delay; it doubles each time.
        "initial-ms" => initial: Duration = Duration::from_millis(250);
        /// The longest delay that ocireg chooses.
        "max-ms" => max: Duration = Duration::from_secs(30);
        /// The longest delay that a registry may ask for; a longer one is `RATE_LIMITED` at once.
        "max-retry-after-ms" => max_retry_after: Duration = Duration::from_secs(60);
    }
}

options! {
    /// How much a registry may send. What is larger is `LIMIT`.
    pub struct Limits built by LimitsBuilder of service "limits" {
        /// Bytes of a manifest or index.
        "manifest" => manifest: u64 = 8 << 20;
        /// Bytes of an image's configuration.
        "config" => config: u64 = 8 << 20;
        /// Bytes of a token server's response.
        "token" => token: u64 = 1 << 20;
        /// Bytes that are read of the body of an error.
        "error" => error: u64 = 64 << 10;
        /// Bytes of one page of tags or repositories.
        "list" => list: u64 = 8 << 20;
        /// Pages of one list.
        "pages" => pages: u64 = 10_000;
        /// Descriptors of one call.
        "children" => children: u64 = 10_000;
        /// Indexes within indexes.
        "depth" => depth: u64 = 4;
        /// Addresses of one descriptor.
        "urls" => urls: u64 = 16;
        /// Bytes of all manifests, configurations and pages of one call together.
        "total" => total: u64 = 64 << 20;
        /// Bytes of a temporary file of protocol v1.
        "spool" => spool: Option<u64>, else "no limit";
    }
}
