//! What a call runs under: a deadline, cancellation, progress, a log.

mod context;
pub mod event;
mod turn;

use std::collections::VecDeque;
use std::fmt;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

pub use context::{Context, Progress};
pub use event::Event;
use serde::Serialize;
pub use turn::{Taken, Turn};

use crate::error::{Code, Error, Phase, Result};
use crate::log::{Level, Log, Record};
use crate::mask::Mask;
use crate::os::wait::{Caller, Interest, Woken, wait};
use crate::sync::lock;

/// The longest time that a wait goes without looking at the flags.
const SLICE: Duration = Duration::from_millis(200);

/// The longest silence towards a progress callback while a call waits.
const TICK: Duration = Duration::from_millis(900);

/// What a worker thread wants done on the caller's thread.
type Errand = Box<dyn FnOnce(&Call) + Send>;

/// Work for the caller's thread.
#[derive(Default)]
struct Errands(VecDeque<Errand>);

impl fmt::Debug for Errands {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Errands").field(&self.0.len()).finish()
    }
}

/// A running call: its context, if any, and what its threads share.
#[derive(Clone, Debug)]
pub struct Call {
    context: Option<Context>,
    shared: Arc<Shared>,
    /// Only the caller's own thread may run callbacks.
    caller_thread: bool,
    /// Ends a part of the call's work that is not needed any more.
    part: Option<Arc<AtomicBool>>,
}

#[derive(Debug)]
struct Shared {
    /// A number that no other call of this process has.
    id: u64,
    /// Set when one of the call's threads failed and the others should end.
    stop: AtomicBool,
    done: AtomicU64,
    total: AtomicU64,
    /// The secrets that the call has sent.
    mask: Mask,
    /// Bytes of documents that the call has collected.
    collected: AtomicU64,
    last_event: Mutex<Instant>,
    /// Events of worker threads, for the caller's thread to report.
    events: Mutex<Vec<String>>,
    /// The log of the service that the call works for, as soon as that is known.
    log: OnceLock<Arc<Log>>,
    /// Records of worker threads, as the events.
    records: Mutex<Vec<(Level, String)>>,
    /// What worker threads want done on the caller's thread.
    errands: Mutex<Errands>,
    /// Warnings for the user; the call continued.
    warnings: Mutex<Vec<String>>,
    /// What each host last said about how many more requests it allows.
    rate_limits: Mutex<Vec<RateLimit>>,
    /// The service's limit for every call, in addition to the context's own deadline.
    limit: Option<Instant>,
}

/// How many requests a host allows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RateLimit {
    /// `host[:port]`.
    pub host: String,
    /// So many in all.
    pub limit: u64,
    /// So many from now on.
    pub remaining: u64,
    /// The seconds that the limit is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window_seconds: Option<u64>,
}

impl Call {
    /// Begins a call on the caller's thread.
    pub fn new(context: Option<&Context>) -> Self {
        if let Some(context) = context {
            // Without the descriptor a wait notices a cancellation a moment later, by looking.
            let _ = context.0.wake.renew();
        }
        let shared = Shared {
            id: next_id(),
            stop: AtomicBool::new(false),
            done: AtomicU64::new(0),
            total: AtomicU64::new(0),
            mask: Mask::default(),
            collected: AtomicU64::new(0),
            last_event: Mutex::new(Instant::now()),
            events: Mutex::default(),
            log: OnceLock::new(),
            records: Mutex::default(),
            errands: Mutex::default(),
            warnings: Mutex::default(),
            rate_limits: Mutex::default(),
            limit: None,
        };
        Self {
            context: context.cloned(),
            shared: Arc::new(shared),
            caller_thread: true,
            part: None,
        }
    }

    /// A number that no other call of this process has.
    pub fn id(&self) -> u64 {
        self.shared.id
    }

    /// The same call with a limit on its time, counted from now; zero is none.
    #[must_use]
    pub fn limited(self, time: Duration) -> Self {
        if time.is_zero() {
            return self;
        }
        let now = Instant::now();
        let shared = Shared {
            id: next_id(),
            stop: AtomicBool::new(false),
            done: AtomicU64::new(self.done()),
            total: AtomicU64::new(self.shared.total.load(Ordering::Relaxed)),
            mask: self.shared.mask.clone(),
            collected: AtomicU64::new(self.shared.collected.load(Ordering::Relaxed)),
            last_event: Mutex::new(now),
            events: Mutex::default(),
            log: self.shared.log.clone(),
            records: Mutex::default(),
            errands: Mutex::default(),
            warnings: Mutex::default(),
            rate_limits: Mutex::default(),
            limit: now.checked_add(time),
        };
        Self { shared: Arc::new(shared), ..self }
    }

    /// For what still has to be said to a server when the call is over, even if it was cancelled or is late.
    #[must_use]
    pub fn parting(&self, time: Duration) -> Self {
        Self { context: None, caller_thread: false, ..self.clone().limited(time) }
    }

    /// The same call for one of its worker threads, which never runs callbacks.
    #[must_use]
    pub fn worker(&self) -> Self {
        Self { caller_thread: false, ..self.clone() }
    }

    /// The same call for threads that do a part of its work, until `over` is set: they see CANCELLED at their next look.
    #[must_use]
    pub fn part(&self, over: &Arc<AtomicBool>) -> Self {
        Self { part: Some(over.clone()), ..self.worker() }
    }

    /// Ends the call's other threads: they see CANCELLED at their next look.
    pub fn stop_workers(&self) {
        self.shared.stop.store(true, Ordering::SeqCst);
    }

    /// Fails once the call is cancelled or past its deadline. Also keeps the progress callback ticking.
    pub fn check(&self) -> Result<()> {
        if self.shared.stop.load(Ordering::SeqCst) {
            return Err(cancelled("worker", "another thread of the call failed"));
        }
        if self.part.as_ref().is_some_and(|over| over.load(Ordering::SeqCst)) {
            return Err(cancelled("worker", "this part of the call is not needed any more"));
        }
        if self.context.as_ref().is_some_and(|c| c.0.cancelled.load(Ordering::SeqCst)) {
            return Err(cancelled("context", "the call was cancelled"));
        }
        if self.deadline().is_some_and(|deadline| Instant::now() >= deadline) {
            let hint = if self.shared.limit.is_some_and(|limit| Instant::now() >= limit) {
                "raise total-ms in the option timeouts, and check the network if this happens again"
            } else {
                "give the context a longer timeout, and check the network if this happens again"
            };
            return Err(Error::new(Code::Deadline, "the deadline of the call has passed")
                .phase(Phase::Deadline)
                .hint(hint));
        }
        if self.caller_thread {
            self.run_errands();
            if self.silent_for() >= TICK {
                self.event(&Event::Tick {})?;
            }
        }
        Ok(())
    }

    /// Does something on the caller's own thread, where the program's functions run, and waits for the result. Whatever the
    /// caller's thread waits for, it looks after this meanwhile. `work` gets the call as that thread sees it.
    pub fn on_caller_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> T + Send + 'static,
    ) -> Result<T> {
        if self.caller_thread {
            return Ok(work(self));
        }
        let (sender, result) = channel();
        let errand = move |call: &Self| {
            // Who wanted it may have gone.
            let _ = sender.send(work(call));
        };
        lock(&self.shared.errands).0.push_back(Box::new(errand));
        loop {
            match result.recv_timeout(SLICE) {
                Ok(value) => return Ok(value),
                Err(RecvTimeoutError::Timeout) => self.check()?,
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(Error::internal("the caller's thread panicked"));
                }
            }
        }
    }

    fn run_errands(&self) {
        loop {
            // Outside the lock: it may take long, and call the library.
            let Some(errand) = lock(&self.shared.errands).0.pop_front() else { return };
            errand(self);
        }
    }

    /// The deadline of the call.
    pub fn deadline(&self) -> Option<Instant> {
        let own = self.context.as_ref().and_then(Context::deadline);
        own.into_iter().chain(self.shared.limit).min()
    }

    /// Sleeps, unless the call ends first.
    pub fn sleep(&self, time: Duration) -> Result<()> {
        self.wait_for(None, Instant::now().checked_add(time)).map(|_| ())
    }

    /// Waits until the descriptor is ready (true) or `until` has come (false), unless the call ends first.
    pub fn wait_for(
        &self,
        fd: Option<(BorrowedFd<'_>, Interest)>,
        until: Option<Instant>,
    ) -> Result<bool> {
        loop {
            self.check()?;
            let now = Instant::now();
            let left = |at: Instant| at.saturating_duration_since(now);
            let mut time = SLICE.min(self.deadline().map_or(SLICE, left));
            if let Some(until) = until {
                if now >= until {
                    return Ok(false);
                }
                time = time.min(left(until));
            }
            let wake = self.context.as_ref().map(|context| context.0.wake.as_fd());
            let woken = wait(fd, wake, time)
                .map_err(|e| Error::new(Code::Io, "cannot wait for a file descriptor").cause(e))?;
            match woken {
                Woken::Ready => return Ok(true),
                Woken::Wake => {
                    if let Some(context) = &self.context
                        && !context.0.cancelled.load(Ordering::SeqCst)
                    {
                        context.0.wake.drain();
                    }
                }
                Woken::Time => {}
            }
        }
    }

    /// Sets how many bytes the whole call has to transfer, as far as is known.
    pub fn set_total(&self, total: u64) {
        self.shared.total.store(total, Ordering::Relaxed);
    }

    /// Adds to the bytes that the call has to transfer.
    pub fn add_total(&self, bytes: u64) {
        self.shared.total.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Adds to the bytes that the call has transferred.
    pub fn add_done(&self, bytes: u64) {
        self.shared.done.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Subtracts bytes that turned out to be wrong.
    pub fn forget_done(&self, bytes: u64) {
        self.shared.done.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// The secrets that the call has sent; it masks them in everything that the call reports.
    pub fn mask(&self) -> &Mask {
        &self.shared.mask
    }

    /// Counts bytes of JSON that the call collects on any of its threads. More than `most` in all is LIMIT: a server must not
    /// decide how much memory a call takes.
    pub fn collect(&self, bytes: usize, most: u64) -> Result<()> {
        let bytes = bytes as u64;
        let before = self.shared.collected.fetch_add(bytes, Ordering::Relaxed);
        if before.saturating_add(bytes) <= most {
            return Ok(());
        }
        Err(Error::new(
            Code::Limit,
            format!("the responses that this call needs are larger than {most} bytes in total"),
        )
        .phase(Phase::Body)
        .hint("raise total in the option limits, if you trust this registry"))
    }

    /// The bytes transferred so far.
    pub fn done(&self) -> u64 {
        self.shared.done.load(Ordering::Relaxed)
    }

    /// Reports an event: at once on the caller's thread, else through [`Call::report_events`].
    pub fn event(&self, event: &Event<'_>) -> Result<()> {
        if !self.has_progress() {
            return Ok(());
        }
        // Text and numbers always serialize.
        let event = self.mask().json(serde_json::to_string(event).unwrap_or_default());
        if self.caller_thread {
            return self.report(&event);
        }
        lock(&self.shared.events).push(event);
        Ok(())
    }

    /// Reports the events of worker threads; on the caller's thread.
    pub fn report_events(&self) -> Result<()> {
        self.report_records();
        let events = std::mem::take(&mut *lock(&self.shared.events));
        events.iter().try_for_each(|event| self.report(event))
    }

    /// Sets the log that the call writes to, which is the log of its service. Only the first call has an effect.
    pub fn log_to(&self, log: &Arc<Log>) {
        self.shared.log.get_or_init(|| log.clone());
    }

    /// Logs a record, which is only created if it is wanted; `target` is the room that logs it.
    ///
    /// Logs at once on the caller's thread, else through [`Call::report_records`].
    pub fn log(&self, level: Level, target: &str, record: impl FnOnce() -> Record) {
        let Some(log) = self.shared.log.get().filter(|log| log.wants(level)) else { return };
        let json = self.mask().json(record().to_json(level, target));
        if self.caller_thread {
            self.report_records();
            log.tell(level, &json);
        } else {
            self.records().push((level, json));
        }
    }

    /// Logs a warning, and keeps it for the report of the call.
    pub fn warn(&self, target: &str, message: String, more: impl FnOnce(Record) -> Record) {
        self.log(Level::Warn, target, || more(Record::new(message.clone())));
        let mut warnings = self.warned();
        if !warnings.contains(&message) {
            warnings.push(message);
        }
    }

    /// Remembers for the report how much more a host can be asked.
    pub fn note_rate_limit(&self, told: RateLimit) {
        let mut all = lock(&self.shared.rate_limits);
        match all.iter_mut().find(|known| known.host == told.host) {
            Some(known) => *known = told,
            None => all.push(told),
        }
    }

    /// How much more each host can be asked, as far as it said so.
    pub fn rate_limits(&self) -> Vec<RateLimit> {
        lock(&self.shared.rate_limits).clone()
    }

    /// All warnings of the call so far.
    pub fn warnings(&self) -> Vec<String> {
        self.warned().clone()
    }

    fn warned(&self) -> std::sync::MutexGuard<'_, Vec<String>> {
        lock(&self.shared.warnings)
    }

    /// Logs the records of worker threads; on the caller's thread.
    pub fn report_records(&self) {
        debug_assert!(self.caller_thread, "worker threads hand their records to the caller's");
        let Some(log) = self.shared.log.get() else { return };
        let records = std::mem::take(&mut *self.records());
        for (level, json) in &records {
            log.tell(*level, json);
        }
    }

    fn records(&self) -> std::sync::MutexGuard<'_, Vec<(Level, String)>> {
        lock(&self.shared.records)
    }

    /// Whether the call has a progress callback.
    pub fn has_progress(&self) -> bool {
        self.progress().is_some()
    }

    /// Calls the progress callback, on the caller's thread only. Fails with CANCELLED if the callback stops the call.
    pub fn report(&self, event_json: &str) -> Result<()> {
        debug_assert!(
            self.caller_thread,
            "worker threads hand their events to the caller's thread"
        );
        let Some(progress) = self.progress() else { return Ok(()) };
        *lock(&self.shared.last_event) = Instant::now();
        let stop = progress(self.done(), self.shared.total.load(Ordering::Relaxed), event_json);
        if stop {
            return Err(cancelled("progress", "the progress callback stopped the call"));
        }
        Ok(())
    }

    fn progress(&self) -> Option<Arc<Progress>> {
        let context = self.context.as_ref()?;
        context.0.progress.get()
    }

    fn silent_for(&self) -> Duration {
        lock(&self.shared.last_event).elapsed()
    }
}

impl Caller for Call {
    fn check(&self) -> Result<()> {
        self.check()
    }

    fn wait_for(
        &self,
        fd: Option<(BorrowedFd<'_>, Interest)>,
        until: Option<Instant>,
    ) -> Result<bool> {
        self.wait_for(fd, until)
    }

    fn warn(&self, message: String) {
        self.warn("store", message, |record| record);
    }
}

fn next_id() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    LAST.fetch_add(1, Ordering::Relaxed) + 1
}

fn cancelled(by: &'static str, message: &str) -> Error {
    Error::new(Code::Cancelled, message).with(|d| d.cancelled_by = Some(by))
}
