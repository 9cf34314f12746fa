//! Bearer tokens: fetched once for all who need the same one, kept while they live.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use crate::context::Run;
use crate::digest::Digest;
use crate::error::Result;

/// Tokens live at least this long, whatever their server says: a shorter time is a mistake in every known case.
const SHORTEST: Duration = Duration::from_secs(60);

/// A token is replaced this long before its end, so that it does not end on the way.
const EARLY: Duration = Duration::from_secs(5);

/// How often a waiting call looks whether it has ended.
const LOOK: Duration = Duration::from_millis(100);

/// What a token is good for, and for whom.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    /// The registry's origin.
    pub(super) origin: String,
    pub(super) realm: String,
    pub(super) service: String,
    pub(super) scopes: Vec<String>,
    /// A digest of the credentials: who asks.
    pub(super) identity: Digest,
}

/// A token with its end.
#[derive(Clone)]
pub(super) struct Token {
    text: Zeroizing<String>,
    ends: Instant,
}

impl Token {
    /// `expires_in` is in seconds; the time counts from now, by our own clock.
    pub(super) fn new(text: Zeroizing<String>, expires_in: Option<f64>) -> Self {
        let told = expires_in
            .filter(|seconds| seconds.is_finite() && *seconds > 0.0)
            .map(|seconds| Duration::from_secs_f64(seconds.min(1e9)));
        let life = told.unwrap_or(SHORTEST).max(SHORTEST);
        Self { text, ends: Instant::now() + life }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    fn is_fresh(&self) -> bool {
        Instant::now() + EARLY < self.ends
    }
}

/// The tokens of one service.
#[derive(Default)]
pub struct Tokens {
    flights: Mutex<HashMap<Key, Arc<Flight>>>,
}

#[derive(Default)]
struct Flight {
    state: Mutex<State>,
    landed: Condvar,
}

#[derive(Default)]
struct State {
    fetching: bool,
    token: Option<Token>,
}

impl Tokens {
    /// The kept token, or a new one. While one call fetches, the others that need the same token wait for it.
    ///
    /// `refused` is a token that the registry did not take: it is not given out again.
    pub(super) fn get(
        &self,
        key: Key,
        refused: Option<&str>,
        run: &Run,
        fetch: impl FnOnce() -> Result<Token>,
    ) -> Result<Token> {
        let flight = {
            let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
            flights.retain(|_, flight| flight.is_useful());
            flights.entry(key).or_default().clone()
        };
        let mut state = flight.state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(token) = &state.token
                && token.is_fresh()
                && refused != Some(token.text())
            {
                return Ok(token.clone());
            }
            if !state.fetching {
                break;
            }
            run.check()?;
            let waited = flight.landed.wait_timeout(state, LOOK);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        state.fetching = true;
        drop(state);
        // Whatever happens, the next in line may try.
        struct Landing<'a>(&'a Flight);
        impl Drop for Landing<'_> {
            fn drop(&mut self) {
                self.0.state.lock().unwrap_or_else(PoisonError::into_inner).fetching = false;
                self.0.landed.notify_all();
            }
        }
        let landing = Landing(&flight);
        let token = fetch()?;
        flight.state.lock().unwrap_or_else(PoisonError::into_inner).token = Some(token.clone());
        drop(landing);
        Ok(token)
    }
}

impl Flight {
    fn is_useful(&self) -> bool {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.fetching || state.token.as_ref().is_some_and(Token::is_fresh)
    }
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens").finish_non_exhaustive()
    }
}
