//! A large blob in several ranges at once, where one connection is slower than that.
//!
//! The ranges are written where they belong. Whoever begins here takes them in their order, which is when they are hashed.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::failure::Failure;
use crate::call::Call;
use crate::error::{Error, Result};
use crate::image::transport::{Front, Places, Ranges, Scattered};
use crate::sync::lock;

/// One stream is looked at after so many bytes, or after so much time.
const LOOK_AFTER: u64 = 8 << 20;
const LOOK_TIME: Duration = Duration::from_secs(1);

/// A stream that spends this part of its time waiting for bytes is slower than this machine.
const WAITING: f64 = 0.6;

/// What takes no longer anyway is not worth more connections.
const WORTH_IT: f64 = 1.0;

/// A range is what one connection brings in this many seconds, within these bounds.
const RANGE_TIME: f64 = 0.5;
const SMALLEST: u64 = 1 << 20;
const LARGEST: u64 = 16 << 20;

/// What is written at a time, and where: at multiples of this, so that a hole never begins within a block.
const BUFFER: usize = 256 << 10;

/// So much is asked for to see whether a server knows ranges.
const PROBE: usize = 4 << 10;

/// How often a thread that has nothing to do looks whether that has changed.
const LOOK: Duration = Duration::from_millis(50);

/// How long more connections take to get going, and how long they are measured then.
const SETTLE: Duration = Duration::from_millis(100);
const MEASURE: Duration = Duration::from_millis(200);

/// How long ranges are waited for that are on their way when one stream turns out to be as fast.
const PATIENCE: Duration = Duration::from_secs(2);

/// The least gain that is worth twice the connections.
const GAIN: f64 = 1.15;

/// Watches one stream: whether more connections may be faster.
pub(super) struct Watch {
    since: Instant,
    bytes: u64,
    waited: Duration,
}

impl Watch {
    pub(super) fn new() -> Self {
        Self { since: Instant::now(), bytes: 0, waited: Duration::ZERO }
    }

    /// So many bytes came, after waiting for them. The bytes per second, if the network is what takes the time and it pays
    /// to do something about that.
    pub(super) fn is_slow(&mut self, bytes: usize, waited: Duration, left: u64) -> Option<f64> {
        self.bytes += bytes as u64;
        self.waited += waited;
        let took = self.since.elapsed();
        if self.bytes < LOOK_AFTER && took < LOOK_TIME {
            return None;
        }
        let (speed, waiting) = (rate(self.bytes, took), self.waited.as_secs_f64());
        let slow = waiting > WAITING * took.as_secs_f64() && rate_of(left) / speed > WORTH_IT;
        *self = Self::new();
        slow.then_some(speed)
    }
}

/// Bytes per second.
fn rate(bytes: u64, time: Duration) -> f64 {
    rate_of(bytes) / time.as_secs_f64().max(1e-6)
}

#[allow(clippy::cast_precision_loss, reason = "a rate need not be exact")]
fn rate_of(bytes: u64) -> f64 {
    bytes as f64
}

/// What became of it.
pub(super) enum Ended {
    /// All of the blob is there.
    Whole,
    /// More connections are not faster.
    NoFaster,
    /// It did not work; one stream knows better what to do about that.
    Failed(Error),
}

/// Bytes at the front of the blob.
pub(super) struct Taken {
    pub(super) bytes: u64,
    /// Whether they were left by an interrupted writer.
    pub(super) were_there: bool,
    /// Where the front is now.
    pub(super) position: u64,
    /// How often something was tried again.
    pub(super) retries: u32,
}

/// Whether ranges come as they are asked for, before the stream is given up that works; false if the host has no place now.
pub(super) fn probe(ranges: &dyn Ranges, position: u64, size: u64, call: &Call) -> Result<bool> {
    let end = size.min(position + PROBE as u64);
    let Some(mut reader) = ranges.open(position..end, false, call)? else { return Ok(false) };
    let mut buffer = [0; PROBE];
    while reader.read(&mut buffer, call)? > 0 {}
    Ok(true)
}

/// Fetches what is missing. `alone` is how many bytes per second one stream brought.
pub(super) fn fetch(
    ranges: &dyn Ranges,
    scattered: Scattered<'_>,
    size: u64,
    alone: f64,
    call: &Call,
    tell: &mut dyn FnMut(&Taken) -> Result<()>,
) -> Result<Ended, Failure> {
    let Scattered { places, mut front, missing } = scattered;
    let over = Arc::new(AtomicBool::new(false));
    let state = State::new(&missing, size, alone);
    // On the heap, as everything that several threads see.
    let shared = Box::new(Shared {
        ranges,
        places: &*places,
        call: call.part(&over),
        over,
        state: Mutex::new(state),
        changed: Condvar::new(),
        arrived: AtomicU64::new(0),
        retries: AtomicU32::new(0),
    });
    let mut pace = Pace::new(alone, ranges.most());
    std::thread::scope(|scope| {
        let mut threads = 0;
        let ended = loop {
            while threads < pace.wanted {
                let (number, shared) = (threads, &*shared);
                let spawned = std::thread::Builder::new()
                    .name("ocireg-range".to_owned())
                    .stack_size(256 << 10)
                    .spawn_scoped(scope, move || shared.work(number));
                match spawned {
                    Ok(_) => threads += 1,
                    Err(e) if threads == 0 => {
                        let error = Error::resource("cannot start a thread", &e);
                        return Ok(Ended::Failed(error));
                    }
                    // Fewer do the same work.
                    Err(_) => pace.stay_at(threads),
                }
            }
            match shared.take(&mut *front, size, &mut pace, call, tell) {
                Ok(None) => {}
                Ok(Some(ended)) => break Ok(ended),
                Err(failure) => break Err(failure),
            }
        };
        shared.end();
        ended
    })
}

struct Shared<'a> {
    ranges: &'a dyn Ranges,
    places: &'a dyn Places,
    /// Ends with this part of the call's work.
    call: Call,
    over: Arc<AtomicBool>,
    state: Mutex<State>,
    changed: Condvar,
    arrived: AtomicU64,
    retries: AtomicU32,
}

struct State {
    /// What nobody fetches yet, in order.
    todo: VecDeque<Range<u64>>,
    /// What is there and was not taken: from where to where, and whether it was there before.
    done: BTreeMap<u64, (u64, bool)>,
    /// Ranges that are being fetched.
    running: usize,
    /// How many may be.
    wanted: usize,
    failure: Option<Failure>,
}

impl State {
    fn new(missing: &[Range<u64>], size: u64, alone: f64) -> Self {
        // What is so bounded fits.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let length = ((alone * RANGE_TIME) as u64).clamp(SMALLEST, LARGEST) / SMALLEST * SMALLEST;
        let mut todo = VecDeque::new();
        let mut done = BTreeMap::new();
        for (i, hole) in missing.iter().enumerate() {
            let mut at = hole.start;
            while at < hole.end {
                let end = ((at / length + 1) * length).min(hole.end);
                todo.push_back(at..end);
                at = end;
            }
            let next = missing.get(i + 1).map_or(size, |next| next.start);
            if hole.end < next {
                done.insert(hole.end, (next, true));
            }
        }
        Self { todo, done, running: 0, wanted: 0, failure: None }
    }
}

impl Shared<'_> {
    /// Takes what continues the front, or waits a moment for it.
    fn take(
        &self,
        front: &mut dyn Front,
        size: u64,
        pace: &mut Pace,
        call: &Call,
        tell: &mut dyn FnMut(&Taken) -> Result<()>,
    ) -> Result<Option<Ended>, Failure> {
        let position = front.position();
        if position == size {
            return Ok(Some(Ended::Whole));
        }
        let mut state = lock(&self.state);
        if let Some((end, were_there)) = state.done.remove(&position) {
            drop(state);
            front.advance(end, call).map_err(Failure::Sink)?;
            let (bytes, retries) = (end - position, self.retries.swap(0, Ordering::Relaxed));
            tell(&Taken { bytes, were_there, position: end, retries }).map_err(Failure::Sink)?;
            return Ok(None);
        }
        call.check().map_err(Failure::Source)?;
        match state.failure.take() {
            Some(Failure::Source(error)) => return Ok(Some(Ended::Failed(error))),
            Some(of_sink) => return Err(of_sink),
            None => {}
        }
        if let Some(since) = pace.given_up {
            state.todo.clear();
            if state.running == 0 || since.elapsed() > PATIENCE {
                return Ok(Some(Ended::NoFaster));
            }
        } else {
            pace.look(self.arrived.load(Ordering::Relaxed));
        }
        if state.wanted != pace.wanted {
            state.wanted = pace.wanted;
            self.changed.notify_all();
        }
        drop(self.changed.wait_timeout(state, LOOK).unwrap_or_else(PoisonError::into_inner));
        Ok(None)
    }

    fn end(&self) {
        self.over.store(true, Ordering::SeqCst);
        self.changed.notify_all();
    }

    /// Fetches one range after the other.
    fn work(&self, number: usize) {
        let mut buffer = vec![0; BUFFER];
        while let Some(range) = self.next(number) {
            let fetched = self.fetch(&range, number == 0, &mut buffer);
            let mut state = lock(&self.state);
            state.running -= 1;
            match fetched {
                Ok(true) => drop(state.done.insert(range.start, (range.end, false))),
                // Others have all places of the host.
                Ok(false) => {
                    state.todo.push_front(range);
                    let waited = self.changed.wait_timeout(state, LOOK);
                    state = waited.unwrap_or_else(PoisonError::into_inner).0;
                }
                Err(failure) => drop(state.failure.get_or_insert(failure)),
            }
            drop(state);
            self.changed.notify_all();
        }
    }

    /// The next range for a thread, once it is wanted; None at the end.
    fn next(&self, number: usize) -> Option<Range<u64>> {
        let mut state = lock(&self.state);
        loop {
            let is_over = self.over.load(Ordering::SeqCst) || state.failure.is_some();
            if is_over || state.todo.is_empty() {
                return None;
            }
            if number < state.wanted {
                state.running += 1;
                return state.todo.pop_front();
            }
            let waited = self.changed.wait_timeout(state, LOOK);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Brings a range to where it belongs; false if the host has no place for it now.
    fn fetch(&self, range: &Range<u64>, waits: bool, buffer: &mut [u8]) -> Result<bool, Failure> {
        let opened = self.ranges.open(range.clone(), waits, &self.call);
        let Some(mut reader) = opened.map_err(Failure::Source)? else { return Ok(false) };
        let (mut at, mut filled) = (range.start, 0);
        loop {
            let begin = usize::try_from(at % BUFFER as u64).unwrap_or_default();
            let room = BUFFER - begin;
            let read = reader.read(&mut buffer[filled..room], &self.call);
            self.retries.fetch_add(reader.take_retries(), Ordering::Relaxed);
            let read = read.map_err(Failure::Source)?;
            filled += read;
            self.arrived.fetch_add(read as u64, Ordering::Relaxed);
            if filled == room || read == 0 {
                self.places.write_at(at, &buffer[..filled]).map_err(Failure::Sink)?;
                at += filled as u64;
                filled = 0;
            }
            if read == 0 {
                break;
            }
        }
        match at == range.end {
            true => Ok(true),
            false => Err(Failure::Source(Error::internal("a range ended too early"))),
        }
    }
}

/// How many connections there are, and whether more are faster.
struct Pace {
    wanted: usize,
    before: usize,
    most: usize,
    /// What the fewer connections brought, in bytes per second.
    best: f64,
    since: Instant,
    from: u64,
    is_settled: bool,
    is_found: bool,
    /// Since when one stream is known to be as fast.
    given_up: Option<Instant>,
}

impl Pace {
    fn new(alone: f64, most: usize) -> Self {
        Self {
            wanted: 2.min(most),
            before: 1,
            most,
            best: alone,
            since: Instant::now(),
            from: 0,
            is_settled: false,
            is_found: false,
            given_up: None,
        }
    }

    fn stay_at(&mut self, threads: usize) {
        (self.wanted, self.most, self.is_found) = (threads, threads, true);
    }

    /// So many bytes have arrived in all.
    fn look(&mut self, arrived: u64) {
        let took = self.since.elapsed();
        if self.is_found {
            return;
        }
        if !self.is_settled {
            if took >= SETTLE && arrived > self.from {
                (self.since, self.from, self.is_settled) = (Instant::now(), arrived, true);
            }
            return;
        }
        let came = arrived - self.from;
        if took < MEASURE || (came < SMALLEST * self.wanted as u64 && took < 2 * LOOK_TIME) {
            return;
        }
        let speed = rate(came, took);
        if speed < self.best * GAIN {
            self.is_found = true;
            self.given_up = (self.before == 1).then(Instant::now);
            self.wanted = self.before;
        } else if self.wanted < self.most {
            (self.best, self.before) = (speed, self.wanted);
            self.wanted = (self.wanted * 2).min(self.most);
            (self.since, self.from, self.is_settled) = (Instant::now(), arrived, false);
        } else {
            self.is_found = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn ranges_end_at_the_same_places_wherever_they_begin() {
        let state = State::new(&[3 * MIB + 5..9 * MIB, 12 * MIB..13 * MIB], 20 * MIB, 8e6);
        let todo: Vec<_> = state.todo.into_iter().collect();
        assert_eq!(
            todo,
            [3 * MIB + 5..6 * MIB, 6 * MIB..9 * MIB, 12 * MIB..13 * MIB],
            "half a second each"
        );
        let done: Vec<_> = state.done.into_iter().collect();
        assert_eq!(done, [(9 * MIB, (12 * MIB, true)), (13 * MIB, (20 * MIB, true))]);
    }

    #[test]
    fn a_stream_is_slow_if_it_is_the_network_that_takes_the_time() {
        let mut busy = Watch::new();
        assert_eq!(busy.is_slow(8 << 20, Duration::ZERO, 1 << 40), None);
        let mut early = Watch::new();
        assert_eq!(early.is_slow(1, Duration::from_secs(9), 1 << 40), None);
        let mut waiting = Watch::new();
        assert!(waiting.is_slow(8 << 20, Duration::from_secs(9), 1 << 60).is_some());
        let mut nearly_done = Watch::new();
        assert_eq!(nearly_done.is_slow(8 << 20, Duration::from_secs(9), 10), None);
    }
}
