//! How many transfers of one host may run at once, over all calls of a service.

use std::collections::HashMap;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use crate::context::Run;
use crate::error::Result;

/// How often a waiting call looks whether it has ended.
const LOOK: Duration = Duration::from_millis(100);

/// The places of every host.
#[derive(Debug)]
pub struct Slots {
    most: usize,
    taken: Mutex<Places>,
    freed: Condvar,
}

/// How many places of each host are taken.
#[derive(Debug, Default)]
struct Places {
    process: u32,
    taken: HashMap<String, usize>,
}

impl Places {
    /// After a fork whoever had a place has it in the parent only.
    fn now(&mut self) -> &mut HashMap<String, usize> {
        let process = std::process::id();
        if self.process != process {
            *self = Self { process, taken: HashMap::new() };
        }
        &mut self.taken
    }
}

impl Slots {
    /// `most` places a host; at least one.
    pub fn new(most: usize) -> Self {
        Self { most: most.max(1), taken: Mutex::default(), freed: Condvar::new() }
    }

    /// The places of each host.
    pub fn most(&self) -> usize {
        self.most
    }

    /// Waits for a place at a host.
    pub fn take(&self, host: &str, run: &Run) -> Result<Slot<'_>> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let count = taken.now().entry(host.to_owned()).or_default();
            if *count < self.most {
                *count += 1;
                return Ok(Slot { slots: self, host: host.to_owned() });
            }
            drop(taken);
            run.check()?;
            let lock = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
            taken = self.freed.wait_timeout(lock, LOOK).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// A place, given back when dropped.
#[derive(Debug)]
pub struct Slot<'a> {
    slots: &'a Slots,
    host: String,
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        let mut taken = self.slots.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = taken.now();
        if let Some(count) = taken.get_mut(&self.host) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.host);
            }
        }
        self.slots.freed.notify_all();
    }
}
