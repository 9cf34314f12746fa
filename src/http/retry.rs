//! When to ask again, and how long to wait before.

use std::time::Duration;

use crate::call::{Call, Event};
use crate::config::settings::Retry;
use crate::crypto;
use crate::error::{Code, Error, Phase, Result};
use crate::log::{Level, Record};

/// The attempts of one exchange.
#[derive(Debug)]
pub struct Attempts<'a> {
    policy: &'a Retry,
    made: u32,
    answered: Option<String>,
    has_alternative: bool,
}

impl<'a> Attempts<'a> {
    /// Before the first attempt.
    pub fn new(policy: &'a Retry) -> Self {
        Self::after(policy, 0)
    }

    /// After so many failed ones.
    pub fn after(policy: &'a Retry, failures: u32) -> Self {
        Self { policy, made: failures, answered: None, has_alternative: false }
    }

    /// The server `host[:port]` has answered before: where it cannot be reached now, it is being started again, most
    /// likely. Of others that it sends us to, such as its token server, that says nothing.
    pub fn of_known(mut self, host: Option<String>) -> Self {
        self.answered = host;
        self
    }

    /// Somebody else can be asked: that is the better answer to silence, to a wish to wait, and to a second failure.
    pub fn with_alternative(mut self, has_alternative: bool) -> Self {
        self.has_alternative = has_alternative;
        self
    }

    /// Failures so far.
    pub fn failures(&self) -> u32 {
        self.made
    }

    /// After a failed attempt: waits, then Ok to try again; or gives the failure back.
    ///
    /// Only what may pass by itself is tried again: a connection that was cut, silence, a busy or failing server.
    /// A host that could never be reached, directly or through a proxy, is not: the next endpoint is the better answer
    /// to that.
    pub fn again(&mut self, failure: Error, call: &Call) -> Result<()> {
        self.made += 1;
        let unreached = match failure.code() {
            Code::Connect | Code::Proxy => true,
            Code::Timeout => matches!(failure.details().phase, Some(Phase::Dns | Phase::Connect)),
            _ => false,
        };
        let passing = if unreached {
            self.answered.is_some() && self.answered == failure.details().host
        } else {
            matches!(
                failure.code(),
                Code::Disconnected | Code::Timeout | Code::RateLimited | Code::Server
            )
        };
        if !passing || !failure.is_retryable() || self.made >= self.policy.max_attempts {
            return Err(failure);
        }
        let wished = failure.details().retry_after_ms.map(Duration::from_millis);
        let is_short = failure.code() == Code::Disconnected || failure.code() == Code::Server;
        if self.has_alternative && (unreached || !is_short || wished.is_some() || self.made > 1) {
            return Err(failure);
        }
        if wished.is_some_and(|wished| wished > self.policy.max_retry_after) {
            let code = failure.code();
            let error = if code == Code::RateLimited { failure } else { failure.retryable(true) };
            return Err(error.hint(
                "the registry asks for a longer wait than max-retry-after-ms in the option retry allows",
            ));
        }
        let delay = wished.unwrap_or_else(|| self.backoff());
        let delay_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
        call.log(Level::Warn, "http", || {
            let attempt = self.made + 1;
            Record::new(format!("retrying in {delay_ms} ms (attempt {attempt}): {failure}"))
                .error(&failure)
                .with("attempt", attempt)
                .with("delay_ms", delay_ms)
        });
        let (attempt, code, message) =
            (self.made + 1, failure.code().number(), failure.to_string());
        let wait = Event::Wait {
            delay_ms,
            attempt: Some(attempt),
            code: Some(code),
            message: Some(&message),
        };
        call.event(&wait)?;
        call.sleep(delay).map_err(|error| {
            let phase = if error.code() == Code::Deadline { Phase::Deadline } else { Phase::Wait };
            error.phase(phase).cause(failure)
        })?;
        call.event(&Event::Retry { attempt, delay_ms, code, message: &message })
    }

    /// Doubles each time, up to the longest.
    fn backoff(&self) -> Duration {
        let doubled = self.policy.initial.saturating_mul(1 << (self.made - 1).min(20));
        jittered(doubled.min(self.policy.max))
    }
}

/// Between half and all of a time, so that clients do not march in step.
pub(crate) fn jittered(full: Duration) -> Duration {
    full.mul_f64(0.5 + 0.5 * random_fraction())
}

/// A number from 0 to 1; 1 where the system has no randomness, for the delay only gets longer by it.
fn random_fraction() -> f64 {
    let mut bytes = [0; 4];
    match crypto::random(&mut bytes) {
        Ok(()) => f64::from(u32::from_ne_bytes(bytes)) / f64::from(u32::MAX),
        Err(_) => 1.0,
    }
}
