//! Which blobs are on their way to a registry, and which repositories of it have them: what one call uploads, the others of
//! the service mount.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::call::Call;
use crate::error::Result;
use crate::names::digest::Digest;
use crate::os::process;
use crate::sync::{PerProcess, lock};

/// How often a waiting call looks whether it has ended.
const LOOK: Duration = Duration::from_millis(100);

/// Nobody waits longer for another call: that one may be slow, or stopped by its caller.
const PATIENCE: Duration = Duration::from_secs(60);

/// As many blobs are remembered.
const MOST: usize = 4096;

/// A registry's `scheme://host:port`, and a blob there.
type Key = (String, Digest);

/// The uploads of a service.
#[derive(Debug, Default)]
pub struct Moving {
    /// A child has none of its parent's uploads.
    state: PerProcess<State>,
}

#[derive(Debug, Default)]
struct State {
    blobs: Mutex<Blobs>,
    ended: Condvar,
}

#[derive(Debug, Default)]
struct Blobs {
    moving: HashSet<Key>,
    /// The repository that got the blob last.
    seen: HashMap<Key, String>,
    order: VecDeque<Key>,
}

impl Moving {
    /// Waits until no other call uploads the blob to that registry, and keeps others from doing it until the claim is dropped.
    pub fn claim(&self, registry: String, blob: &Digest, call: &Call) -> Result<Claim<'_>> {
        let state = self.state.get();
        let key = (registry, blob.clone());
        let began = Instant::now();
        let mut blobs = lock(&state.blobs);
        loop {
            let is_first = blobs.moving.insert(key.clone());
            if is_first || began.elapsed() >= PATIENCE {
                let seen = blobs.seen.get(&key).cloned();
                return Ok(Claim { state, process: process::current(), key, is_first, seen });
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
    seen: Option<String>,
}

impl Claim<'_> {
    /// A repository of the registry that has the blob, as far as this service knows.
    pub fn seen(&self) -> Option<&str> {
        self.seen.as_deref()
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
