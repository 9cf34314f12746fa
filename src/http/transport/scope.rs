//! What the connection under a request needs to know of the call that uses it right now.
//!
//! A pooled connection cannot know which call will use it next, and the client gives its transports no such
//! parameter; so the call's scope lies in a thread-local for as long as the client runs.

use std::cell::RefCell;
use std::io;
use std::net::IpAddr;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use crate::call::Call;
use crate::config::settings::Timeouts;
use crate::error::{Code, Error, Phase};
use crate::http::address::Dial;
use crate::http::pace::Pace;
use crate::log::{Level, Record};
use crate::os::wait::Interest;

/// Bytes on the wire that an exchange may bring without any content: a response header, or what is received within
/// one read of a body that gives none of it. TLS handshakes, records and chunk sizes of sound servers stay far below.
const MOST_WITHOUT_CONTENT: usize = 1 << 20;

/// The call that uses the connections of this thread.
#[derive(Debug)]
pub(in crate::http) struct Scope {
    pub(in crate::http) call: Call,
    pub(in crate::http) timeouts: Timeouts,
    /// Where connections to the server may lead.
    pub(in crate::http) dial: Dial,
    /// Ends the whole exchange (ping, token, login) early.
    pub(in crate::http) budget: Option<(Instant, Phase)>,
    /// Whether a wait for input is one for the header or for the body.
    pub(in crate::http) in_body: bool,
    /// When the exchange, or this one read of its body, began.
    pub(in crate::http) began: Instant,
    /// Bytes received since then.
    pub(in crate::http) received: usize,
    /// Whether a body follows that goes out together with the header.
    pub(in crate::http) body_follows: bool,
    /// When the request was sent, for the time to the header.
    pub(in crate::http) sent: Option<Instant>,
    /// How fast the request goes out.
    pub(in crate::http) sending: Pace,
    /// What was seen of the connection.
    pub(in crate::http) seen: Seen,
}

/// What a call learns of the connection that served it.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::http) struct Seen {
    /// The peer of the connection.
    pub(in crate::http) peer: Option<IpAddr>,
    /// Whether any byte came back.
    pub(in crate::http) received: bool,
    /// Whether the connection had served another request before.
    pub(in crate::http) reused: bool,
    /// Whether something of the request was not sent: the server did not want it, or the connection broke.
    pub(in crate::http) unsent: bool,
}

thread_local! {
    static SCOPE: RefCell<Option<Scope>> = const { RefCell::new(None) };
}

/// Runs `work` in the scope, and returns what it found out about the connection.
pub(in crate::http) fn within<T>(scope: Scope, work: impl FnOnce() -> T) -> (T, Seen) {
    /// Puts the outer scope back even when `work` panics.
    struct Restore(Option<Scope>);
    impl Drop for Restore {
        fn drop(&mut self) {
            SCOPE.with_borrow_mut(|current| *current = self.0.take());
        }
    }
    let _restore = Restore(SCOPE.replace(Some(scope)));
    let result = work();
    (result, with(|scope| scope.seen).unwrap_or_default())
}

/// Whether this thread is within an exchange, such as one whose body is read from another one.
pub(in crate::http) fn is_in_place() -> bool {
    with(|_| ()).is_some()
}

/// Reads or changes the scope in place; None outside of a call.
pub(in crate::http) fn with<T>(work: impl FnOnce(&mut Scope) -> T) -> Option<T> {
    SCOPE.with_borrow_mut(|scope| scope.as_mut().map(work))
}

/// Runs `work` with a limit on its total time, in addition to the existing one; zero means no limit.
pub(in crate::http) fn limited<T>(time: Duration, phase: Phase, work: impl FnOnce() -> T) -> T {
    let outer = with(|scope| {
        let outer = scope.budget;
        scope.budget = match (after(time), outer) {
            (Some(end), Some((budget, _))) if budget < end => outer,
            (Some(end), _) => Some((end, phase)),
            (None, outer) => outer,
        };
        outer
    })
    .flatten();
    let result = work();
    with(|scope| scope.budget = outer);
    result
}

/// Waits for a socket on behalf of the call in place, within its time-outs.
pub(in crate::http) fn wait(
    fd: BorrowedFd<'_>,
    interest: Interest,
    phase: Phase,
    until: Option<Instant>,
) -> io::Result<()> {
    let (call, until, phase) = with(|scope| {
        let (until, phase) = match (until, scope.budget) {
            (Some(until), Some((budget, _))) if until < budget => (Some(until), phase),
            (_, Some((budget, phase))) => (Some(budget), phase),
            (until, None) => (until, phase),
        };
        (scope.call.clone(), until, phase)
    })
    .ok_or_else(|| carry(Error::internal("a connection is used outside of a call")))?;
    // The progress callback runs inside, and may use this thread's connections for a call of its own.
    match call.wait_for(Some((fd, interest)), until) {
        Ok(true) => Ok(()),
        Ok(false) => Err(carry(too_slow(phase))),
        Err(error) => Err(carry(error)),
    }
}

/// Fails once the call in place has ended or `until` has come. A peer that never stops sending makes nobody wait, so
/// whoever receives asks here as well.
pub(in crate::http) fn check(phase: Phase, until: Option<Instant>) -> io::Result<()> {
    let Some((call, budget)) = with(|scope| (scope.call.clone(), scope.budget)) else {
        return Err(carry(Error::internal("a connection is used outside of a call")));
    };
    call.check().map_err(carry)?;
    let now = Instant::now();
    let ended = budget.into_iter().chain(until.map(|until| (until, phase)));
    match ended.filter(|(end, _)| now >= *end).min_by_key(|(end, _)| *end) {
        Some((_, phase)) => Err(carry(too_slow(phase))),
        None => Ok(()),
    }
}

/// Counts bytes that were received, and fails when there are too many of them without any content.
pub(in crate::http) fn count_received(bytes: usize) -> io::Result<()> {
    let counted = with(|scope| {
        scope.received = scope.received.saturating_add(bytes);
        (scope.received, if scope.in_body { Phase::Body } else { Phase::Header })
    });
    let Some((_, phase)) = counted.filter(|(bytes, _)| *bytes > MOST_WITHOUT_CONTENT) else {
        return Ok(());
    };
    Err(carry(
        Error::new(Code::Protocol, "the server keeps sending data without any content")
            .phase(phase)
            .hint("report this to the server's operator"),
    ))
}

/// Writes to the log of the current call.
pub(in crate::http) fn log(level: Level, target: &'static str, record: impl FnOnce() -> Record) {
    // Taken out of the scope first: whoever is told may use this thread's connections.
    if let Some(call) = with(|scope| scope.call.clone()) {
        call.log(level, target, record);
    }
}

/// `now + time`; zero means no limit.
pub(in crate::http) fn after(time: Duration) -> Option<Instant> {
    if time.is_zero() { None } else { Instant::now().checked_add(time) }
}

fn too_slow(phase: Phase) -> Error {
    let (what, option) = match phase {
        Phase::Connect => ("the connection was not established in time", "connect-ms"),
        Phase::Proxy => ("the proxy did not establish the connection in time", "connect-ms"),
        Phase::Tls => ("the TLS handshake did not finish in time", "tls-ms"),
        Phase::Header => ("the server did not respond in time", "header-ms"),
        Phase::Idle => ("the server did not send more of the body in time", "idle-ms"),
        Phase::Slow => ("the body was transferred too slowly", "min-bytes-per-second"),
        _ => ("the request did not finish in time", "auth-ms"),
    };
    Error::new(Code::Timeout, what).phase(phase).hint(format!(
        "check the network and the server; the limit is {option} in the option timeouts"
    ))
}

/// Wraps our own error in the client's error type.
#[derive(Debug)]
pub(in crate::http) struct Carried(pub(in crate::http) Error);

impl std::fmt::Display for Carried {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Carried {}

/// Whether an error of the client is our own.
pub(in crate::http) fn is_carried(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<Carried>())
}

/// Wraps an error for the way through the client.
pub fn carry(error: Error) -> io::Error {
    io::Error::other(Carried(error))
}
