//! What a service remembers of mirrors that failed it.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::sync::{PerProcess, inherited, lock};

/// How long a mirror is passed over that did not answer.
const SILENCE: Duration = Duration::from_secs(60);

/// The mirrors that failed, by their addresses.
#[derive(Debug)]
pub struct Health(PerProcess<Mutex<HashMap<String, State>>>);

#[derive(Debug, Clone, Copy)]
enum State {
    /// It did not answer at this time.
    Silent(Instant),
    /// It gave bytes that are not those of the digest.
    Wrong,
}

impl Default for Health {
    fn default() -> Self {
        Self(PerProcess::new(|parent| Mutex::new(parent.and_then(inherited).unwrap_or_default())))
    }
}

impl Health {
    /// A mirror did not answer: it is passed over for a while.
    pub fn is_silent(&self, url: &str) {
        self.silent_at(url, Instant::now());
    }

    fn silent_at(&self, url: &str, now: Instant) {
        let mut states = lock(self.0.get());
        let state = states.entry(url.to_owned()).or_insert(State::Silent(now));
        if let State::Silent(since) = state {
            *since = now;
        }
    }

    /// A mirror gave wrong bytes: it is passed over as long as the service lives.
    pub fn is_wrong(&self, url: &str) {
        lock(self.0.get()).insert(url.to_owned(), State::Wrong);
    }

    /// Why a mirror is passed over; None if it is not.
    pub fn why(&self, url: &str) -> Option<String> {
        self.why_at(url, Instant::now())
    }

    fn why_at(&self, url: &str, now: Instant) -> Option<String> {
        match lock(self.0.get()).get(url)? {
            State::Wrong => Some("it sent wrong bytes".to_owned()),
            State::Silent(since) => {
                let ago = now.saturating_duration_since(*since);
                (ago < SILENCE).then(|| format!("it did not answer {} s ago", ago.as_secs()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_forgotten_after_a_minute_and_wrong_bytes_never() {
        let (health, start) = (Health::default(), Instant::now());
        let after = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(health.why_at("a", start), None);
        health.silent_at("a", start);
        assert_eq!(health.why_at("a", after(59)).as_deref(), Some("it did not answer 59 s ago"));
        assert_eq!(health.why_at("a", after(60)), None);
        health.silent_at("a", after(61));
        assert!(health.why_at("a", after(120)).is_some(), "silent once more");
        health.is_wrong("a");
        health.silent_at("a", after(130));
        for seconds in [130, 1_000_000] {
            assert_eq!(health.why_at("a", after(seconds)).as_deref(), Some("it sent wrong bytes"));
        }
        assert_eq!(health.why_at("b", start), None);
    }
}
