//! How many transfers of one host may run at once, over all calls of a service.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use super::governor::Governor;
use crate::call::{Call, Event};
use crate::error::Result;
use crate::os::process;
use crate::sync::{PerProcess, lock};

/// How often a waiting call looks whether it has ended.
const LOOK: Duration = Duration::from_millis(100);

/// The slots of all hosts.
#[derive(Debug)]
pub struct Slots {
    most: usize,
    /// Who says that a host has less of them for now.
    governor: Option<Arc<Governor>>,
    /// After a fork whoever had a slot has it in the parent only.
    taken: PerProcess<Taken>,
}

/// How many slots of each host are taken.
#[derive(Debug, Default)]
struct Taken {
    counts: Mutex<HashMap<String, usize>>,
    freed: Condvar,
}

impl Slots {
    /// `most` slots a host; at least one.
    pub fn new(most: usize) -> Self {
        Self { most: most.max(1), governor: None, taken: PerProcess::default() }
    }

    /// The same where hosts that complain get less.
    #[must_use]
    pub fn governed(self, governor: Arc<Governor>) -> Self {
        Self { governor: Some(governor), ..self }
    }

    fn allowed(&self, host: &str) -> usize {
        self.governor.as_ref().map_or(self.most, |governor| governor.allowed(host, self.most))
    }

    /// The slots of each host.
    pub fn most(&self) -> usize {
        self.most
    }

    /// Waits for a slot of a host.
    pub fn take(&self, host: &str, call: &Call) -> Result<Slot<'_>> {
        let taken = self.taken.get();
        let mut counts = lock(&taken.counts);
        let mut told = false;
        loop {
            if let Some(slot) = self.free(taken, &mut counts, host) {
                return Ok(slot);
            }
            drop(counts);
            call.check()?;
            if !told {
                told = true;
                call.event(&Event::Wait { delay_ms: 0, attempt: None, code: None, message: None })?;
            }
            let waited = taken.freed.wait_timeout(lock(&taken.counts), LOOK);
            counts = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// A slot of a host, if one is free.
    pub fn take_free(&self, host: &str) -> Option<Slot<'_>> {
        let taken = self.taken.get();
        self.free(taken, &mut lock(&taken.counts), host)
    }

    /// Takes a slot, if fewer are taken than the host allows.
    fn free<'a>(
        &self,
        taken: &'a Taken,
        counts: &mut HashMap<String, usize>,
        host: &str,
    ) -> Option<Slot<'a>> {
        let count = counts.get(host).copied().unwrap_or_default();
        if count >= self.allowed(host) {
            return None;
        }
        counts.insert(host.to_owned(), count + 1);
        Some(Slot { taken, process: process::current(), host: host.to_owned() })
    }
}

/// A slot, given back when dropped.
#[derive(Debug)]
pub struct Slot<'a> {
    taken: &'a Taken,
    process: u64,
    host: String,
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        if self.process != process::current() {
            return;
        }
        let mut counts = lock(&self.taken.counts);
        if let Some(count) = counts.get_mut(&self.host) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.host);
            }
        }
        self.taken.freed.notify_all();
    }
}
