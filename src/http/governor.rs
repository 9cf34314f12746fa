//! How much is asked of one host at once, over all calls of a service: no more than the options allow, less while the host
//! says that it is too much, and nothing while it wants to be left alone.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::recent::Recent;
use super::transport::scope;
use crate::call::{Call, Event};
use crate::error::Result;
use crate::os::process;
use crate::sync::{PerProcess, lock};

/// So many hosts are remembered.
const MOST_HOSTS: usize = 256;

/// How often a waiting call looks whether it has ended.
const LOOK: Duration = Duration::from_millis(100);

/// A host gets no less than this part of what the options allow.
const LEAST: f64 = 1.0 / 64.0;

/// After so many answers without a complaint a host gets more again.
const FINE: u32 = 8;

/// What a host gets is lowered no more often: the answers to what was asked before say nothing new.
const PAUSE: Duration = Duration::from_secs(1);

/// An answer that takes so much longer than the fastest one, and this long, shows a host that has too much to do.
const SLOWER: u32 = 8;
const SLOW: Duration = Duration::from_secs(2);

/// What is known of the hosts of a service.
#[derive(Debug, Default)]
pub struct Governor {
    /// How many requests of one host may wait for their answer.
    most: Option<usize>,
    /// A host that wants to be left alone for longer is not waited for.
    longest_wait: Duration,
    /// After a fork whoever has a place has it in the parent only.
    state: PerProcess<State>,
}

#[derive(Debug)]
struct State {
    hosts: Mutex<Recent<String, Host>>,
    freed: Condvar,
}

impl Default for State {
    fn default() -> Self {
        Self { hosts: Mutex::new(Recent::new(MOST_HOSTS)), freed: Condvar::new() }
    }
}

/// One host.
#[derive(Debug, Clone)]
struct Host {
    /// Until when it wants to be left alone.
    quiet: Option<Instant>,
    /// The part of what the options allow that it gets.
    share: f64,
    lowered: Option<Instant>,
    fine: u32,
    fastest: Duration,
    /// Requests that wait for their answer, and small ones that wait for a place.
    running: usize,
    small: usize,
}

impl Default for Host {
    fn default() -> Self {
        Self {
            quiet: None,
            share: 1.0,
            lowered: None,
            fine: 0,
            fastest: Duration::MAX,
            running: 0,
            small: 0,
        }
    }
}

impl Host {
    fn allows(&self, most: usize) -> usize {
        // What is allowed is small enough for a float.
        #[allow(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss
        )]
        let part = (most as f64 * self.share).round() as usize;
        part.clamp(1, most.max(1))
    }

    fn lower(&mut self, now: Instant) {
        self.fine = 0;
        if self.lowered.is_none_or(|lowered| now.duration_since(lowered) >= PAUSE) {
            self.lowered = Some(now);
            self.share = (self.share / 2.0).max(LEAST);
        }
    }

    fn raise(&mut self) {
        self.fine += 1;
        if self.fine >= FINE {
            self.fine = 0;
            self.share = (self.share * 1.5).min(1.0);
        }
    }
}

/// What an answer says of its host.
#[derive(Debug, Clone, Copy)]
pub struct Answered {
    /// Its status.
    pub status: u16,
    /// How long the host wants to be left alone.
    pub retry_after: Option<Duration>,
    /// How long it took, where the request had no body that could have taken long.
    pub took: Option<Duration>,
}

impl Governor {
    /// At most `most` requests of one host at once; no wait is longer than `longest_wait`.
    pub fn new(most: Option<usize>, longest_wait: Duration) -> Self {
        Self { most, longest_wait, state: PerProcess::default() }
    }

    /// How much of what the options allow a host gets now.
    pub fn allowed(&self, host: &str, most: usize) -> usize {
        lock(&self.state.get().hosts).get(host).map_or(most, |known| known.allows(most))
    }

    /// Waits until the host may be asked. What is small goes first.
    pub(super) fn ask(&self, host: &str, is_small: bool, call: &Call) -> Result<Turn<'_>> {
        self.leave_alone(host, call)?;
        let state = self.state.get();
        let turn =
            |taken| Turn { state, process: process::current(), host: host.to_owned(), taken };
        // A request within another one waits for nobody: who waits for it has a place already.
        let Some(most) = self.most.filter(|_| !scope::is_in_place()) else {
            return Ok(turn(false));
        };
        let mut told = false;
        let mut waiting = None;
        loop {
            let mut hosts = lock(&state.hosts);
            let known = hosts.entry(host);
            let others = is_small || known.small == 0;
            if known.running < known.allows(most) && others {
                known.running += 1;
                drop(hosts);
                drop(waiting);
                return Ok(turn(true));
            }
            if is_small && waiting.is_none() {
                known.small += 1;
                waiting = Some(Waiting { state, host });
            }
            drop(hosts);
            call.check()?;
            if !told {
                told = true;
                call.event(&Event::Wait { delay_ms: 0, attempt: None, code: None, message: None })?;
            }
            let waited = state.freed.wait_timeout(lock(&state.hosts), LOOK);
            drop(waited.unwrap_or_else(PoisonError::into_inner));
        }
    }

    /// Waits as long as a host wants to be left alone.
    fn leave_alone(&self, host: &str, call: &Call) -> Result<()> {
        loop {
            let quiet = lock(&self.state.get().hosts).get(host).and_then(|known| known.quiet);
            let left = quiet.map(|until| until.saturating_duration_since(Instant::now()));
            let Some(left) = left.filter(|left| !left.is_zero()) else { return Ok(()) };
            let delay_ms = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
            call.event(&Event::Wait { delay_ms, attempt: None, code: None, message: None })?;
            call.sleep(left)?;
        }
    }

    /// Learns from an answer.
    pub(super) fn learn(&self, host: &str, answered: Answered) {
        let mut hosts = lock(&self.state.get().hosts);
        let known = hosts.entry(host);
        let now = Instant::now();
        let Answered { status, retry_after, took } = answered;
        if matches!(status, 429 | 503) {
            known.lower(now);
            let wait = retry_after.filter(|wait| *wait <= self.longest_wait);
            let until = wait.and_then(|wait| now.checked_add(wait));
            known.quiet = known.quiet.max(until);
            return;
        }
        let Some(took) = took else { return known.raise() };
        known.fastest = known.fastest.min(took);
        if took >= SLOW && took >= known.fastest.saturating_mul(SLOWER) {
            known.lower(now);
        } else {
            known.raise();
        }
    }
}

/// The right to ask a host, until it has answered.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    state: &'a State,
    process: u64,
    host: String,
    taken: bool,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if self.taken && self.process == process::current() {
            let mut hosts = lock(&self.state.hosts);
            let known = hosts.entry(&self.host);
            known.running = known.running.saturating_sub(1);
            drop(hosts);
            self.state.freed.notify_all();
        }
    }
}

/// A small request that waits.
struct Waiting<'a> {
    state: &'a State,
    host: &'a str,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut hosts = lock(&self.state.hosts);
        let known = hosts.entry(self.host);
        known.small = known.small.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    const HOST: &str = "registry.example";

    fn answered(status: u16, retry_after: Option<u64>, took: Option<u64>) -> Answered {
        Answered {
            status,
            retry_after: retry_after.map(Duration::from_millis),
            took: took.map(Duration::from_millis),
        }
    }

    #[test]
    fn a_host_that_complains_gets_less_until_it_is_fine_again() {
        let governor = Governor::new(None, Duration::from_secs(1));
        assert_eq!(governor.allowed(HOST, 8), 8);
        // Those who were asked at the same time complain once.
        for _ in 0..5 {
            governor.learn(HOST, answered(429, None, None));
        }
        assert_eq!(governor.allowed(HOST, 8), 4);
        assert_eq!((governor.allowed(HOST, 1), governor.allowed("other.example", 8)), (1, 8));
        for _ in 0..FINE * 3 {
            governor.learn(HOST, answered(200, None, Some(5)));
        }
        assert_eq!(governor.allowed(HOST, 8), 8);
        // So does one that becomes slow.
        std::thread::sleep(PAUSE);
        governor.learn(HOST, answered(200, None, Some(3000)));
        assert_eq!(governor.allowed(HOST, 8), 4);
    }

    #[test]
    fn a_host_is_left_alone_as_long_as_it_wants() {
        let governor = Governor::new(None, Duration::from_secs(1));
        let call = Call::new(None);
        governor.learn(HOST, answered(503, Some(200), None));
        let start = Instant::now();
        governor.ask("other.example", true, &call).expect("nobody is in the way");
        assert!(start.elapsed() < Duration::from_millis(100));
        governor.ask(HOST, true, &call).expect("after the wait");
        assert!(start.elapsed() >= Duration::from_millis(200));
        // What is too long is not waited for: the call that learned it tells its caller.
        governor.learn(HOST, answered(429, Some(3_600_000), None));
        governor.ask(HOST, true, &call).expect("at once");
        assert!(start.elapsed() < Duration::from_secs(1));
    }

    #[test]
    fn what_is_small_goes_first_and_no_more_go_than_are_allowed() {
        let governor = Governor::new(Some(1), Duration::ZERO);
        let call = Call::new(None);
        let (running, most, order) = (AtomicUsize::new(0), AtomicUsize::new(0), Mutex::new(vec![]));
        let first = governor.ask(HOST, false, &call).expect("a place");
        std::thread::scope(|scope| {
            let ask = |is_small: bool| {
                let (governor, running, most, order) = (&governor, &running, &most, &order);
                scope.spawn(move || {
                    let turn = governor.ask(HOST, is_small, &Call::new(None)).expect("a place");
                    most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    lock(order).push(is_small);
                    std::thread::sleep(Duration::from_millis(20));
                    running.fetch_sub(1, Ordering::SeqCst);
                    drop(turn);
                });
            };
            ask(false);
            std::thread::sleep(Duration::from_millis(100));
            ask(true);
            ask(true);
            std::thread::sleep(Duration::from_millis(100));
            drop(first);
        });
        assert_eq!(*lock(&order), [true, true, false]);
        assert_eq!(most.into_inner(), 1);
    }
}
