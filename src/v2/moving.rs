//! Which blobs are on their way to a registry, and which repositories of it have them: what one call uploads, the others of
//! the service mount.

use std::cell::Cell;
use std::collections::{HashMap, VecDeque};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::call::Call;
use crate::error::Result;
use crate::names::digest::Digest;
use crate::os::process;
use crate::sync::{PerProcess, lock};

/// How often a waiting call looks whether it has ended.
const LOOK: Duration = Duration::from_millis(100);

/// Nobody waits longer for another call whose upload gets nowhere: it may be stopped by its caller.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often progress is noted.
const NOTED: Duration = Duration::from_millis(100);

/// As many blobs are remembered.
const MOST: usize = 4096;

/// A registry's `scheme://host:port`, and a blob there.
type Key = (String, Digest);

/// The uploads of a service.
#[derive(Debug)]
pub struct Moving {
    patience: Duration,
    /// A child has none of its parent's uploads.
    state: PerProcess<State>,
}

impl Default for Moving {
    fn default() -> Self {
        Self { patience: PATIENCE, state: PerProcess::default() }
    }
}

#[derive(Debug, Default)]
struct State {
    blobs: Mutex<Blobs>,
    ended: Condvar,
}

#[derive(Debug, Default)]
struct Blobs {
    /// When they got on last.
    moving: HashMap<Key, Instant>,
    /// The repository that got the blob last.
    seen: HashMap<Key, String>,
    order: VecDeque<Key>,
}

impl Moving {
    /// Waits until no other call uploads the blob to that registry, and keeps others from doing it until the claim is dropped.
    pub fn claim(&self, registry: String, blob: &Digest, call: &Call) -> Result<Claim<'_>> {
        let state = self.state.get();
        let key = (registry, blob.clone());
        let mut blobs = lock(&state.blobs);
        loop {
            let other = blobs.moving.get(&key);
            if other.is_none_or(|got_on| got_on.elapsed() >= self.patience) {
                let is_first = other.is_none();
                let now = Instant::now();
                if is_first {
                    blobs.moving.insert(key.clone(), now);
                }
                let seen = blobs.seen.get(&key).cloned();
                let noted = Cell::new(now);
                return Ok(Claim {
                    state,
                    process: process::current(),
                    key,
                    is_first,
                    noted,
                    seen,
                });
            }
            drop(blobs);
            call.check()?;
            let waited = state.ended.wait_timeout(lock(&state.blobs), LOOK);
            blobs = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// The right to upload a blob.
#[derive(Debug)]
pub struct Claim<'a> {
    state: &'a State,
    process: u64,
    key: Key,
    is_first: bool,
    noted: Cell<Instant>,
    seen: Option<String>,
}

impl Claim<'_> {
    /// A repository of the registry that has the blob, as far as this service knows.
    pub fn seen(&self) -> Option<&str> {
        self.seen.as_deref()
    }

    /// Tells those who wait that the upload gets on.
    pub fn progress(&self) {
        if !self.is_first || self.noted.get().elapsed() < NOTED {
            return;
        }
        let now = Instant::now();
        self.noted.set(now);
        if self.process == process::current()
            && let Some(got_on) = lock(&self.state.blobs).moving.get_mut(&self.key)
        {
            *got_on = now;
        }
    }

    /// Remembers that a repository has the blob now.
    pub fn note(&self, repository: &str) {
        if self.process != process::current() {
            return;
        }
        let mut blobs = lock(&self.state.blobs);
        if blobs.seen.insert(self.key.clone(), repository.to_owned()).is_none() {
            blobs.order.push_back(self.key.clone());
        }
        if blobs.order.len() > MOST
            && let Some(oldest) = blobs.order.pop_front()
        {
            blobs.seen.remove(&oldest);
        }
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        if self.is_first && self.process == process::current() {
            lock(&self.state.blobs).moving.remove(&self.key);
            self.state.ended.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::Moving;
    use crate::call::Call;
    use crate::names::digest::{Algorithm, Digest};

    const PATIENCE: Duration = Duration::from_millis(300);

    /// How long a second claim takes beside a first one that gets on for so long, and is then kept.
    fn waits(gets_on: Duration) -> Duration {
        let moving = Moving { patience: PATIENCE, ..Moving::default() };
        let blob = Digest::of(Algorithm::Sha256, b"x");
        let claim = || moving.claim("https://registry.example".to_owned(), &blob, &Call::new(None));
        let first = claim().expect("nobody else");
        let start = Instant::now();
        std::thread::scope(|scope| {
            let other = scope.spawn(|| {
                claim().expect("a claim");
                start.elapsed()
            });
            while start.elapsed() < gets_on {
                std::thread::sleep(Duration::from_millis(20));
                first.progress();
            }
            other.join().expect("no panic")
        })
    }

    #[test]
    fn an_upload_is_waited_for_as_long_as_it_gets_on() {
        assert!(waits(Duration::ZERO) >= PATIENCE);
        let longer = PATIENCE * 3;
        assert!(waits(longer) >= longer, "the upload got on all the time");
    }
}
