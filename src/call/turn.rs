//! One call at a time: what several calls need, one of them gets, and the others wait for it.

use std::sync::{Condvar, Mutex, PoisonError};
use std::thread::ThreadId;
use std::time::Duration;

use super::Call;
use crate::error::{Error, Result};
use crate::sync::lock;

/// How often a waiting call looks whether it has ended.
const LOOK: Duration = Duration::from_millis(100);

/// One at a time; whoever waits looks whether its call has ended.
#[derive(Debug, Default)]
pub struct Turn {
    state: Mutex<State>,
    free: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Who has the turn.
    taken_by: Option<ThreadId>,
    /// How many turns there were.
    number: u64,
}

impl Turn {
    /// Waits for the turn. A callback that makes a call is inside the call that has it: waiting would never end, and it
    /// fails with `within_itself`.
    pub fn take(&self, call: &Call, within_itself: impl FnOnce() -> Error) -> Result<Taken<'_>> {
        let thread = std::thread::current().id();
        let is_taken = |state: &State| state.taken_by.is_some();
        let mut state = lock(&self.state);
        let mut waited_for = None;
        while is_taken(&state) {
            if state.taken_by == Some(thread) {
                return Err(within_itself());
            }
            waited_for = waited_for.or(Some(state.number));
            drop(state);
            // Outside the lock: it may run the caller's progress function.
            call.check()?;
            let waited =
                self.free.wait_timeout_while(lock(&self.state), LOOK, |state| is_taken(state));
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        state.taken_by = Some(thread);
        state.number += 1;
        Ok(Taken { turn: self, number: state.number, waited_for })
    }
}

/// A turn that ends when dropped: whatever happens, the next in line may try.
#[derive(Debug)]
pub struct Taken<'a> {
    turn: &'a Turn,
    /// Which turn it is.
    pub number: u64,
    /// The turn that it had to wait for, the first of them.
    pub waited_for: Option<u64>,
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        lock(&self.turn.state).taken_by = None;
        self.turn.free.notify_one();
    }
}
