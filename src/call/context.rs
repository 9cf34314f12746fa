//! What several calls have in common: a deadline, cancellation, and whom to tell of progress.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::os::wake::Wake;
use crate::sync::Current;

/// Receives the bytes transferred, the bytes to transfer and an event; returns whether to stop.
pub type Progress = Box<dyn Fn(u64, u64, &str) -> bool + Send + Sync>;

/// One deadline, one cancellation and one progress callback for any number of calls.
#[derive(Clone)]
pub struct Context(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub(super) cancelled: AtomicBool,
    pub(super) wake: Wake,
    born: Instant,
    /// The deadline in nanoseconds after `born`; 0 is none.
    deadline: AtomicU64,
    pub(super) progress: Current<Option<Arc<Progress>>>,
}

impl Context {
    /// Creates a context without a deadline.
    pub fn new() -> Result<Self> {
        let wake = Wake::new().map_err(|e| {
            Error::resource("cannot create a wake-up descriptor for the context", &e)
        })?;
        Ok(Self(Arc::new(Inner {
            cancelled: AtomicBool::new(false),
            wake,
            born: Instant::now(),
            deadline: AtomicU64::new(0),
            progress: Current::new(None),
        })))
    }

    /// Sets the deadline, counted from now; zero removes it.
    pub fn set_timeout(&self, time: Duration) {
        let nanoseconds = match time.is_zero() {
            true => 0,
            false => u64::try_from(self.0.born.elapsed().saturating_add(time).as_nanos())
                .unwrap_or(u64::MAX),
        };
        self.0.deadline.store(nanoseconds, Ordering::Relaxed);
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        match self.0.deadline.load(Ordering::Relaxed) {
            0 => None,
            nanoseconds => self.0.born.checked_add(Duration::from_nanos(nanoseconds)),
        }
    }

    /// Sets or removes the progress callback.
    pub fn set_progress(&self, progress: Option<Progress>) {
        let progress = progress.map(Arc::new);
        let Ok(()) = self.0.progress.change(|_| Ok::<_, Infallible>(progress));
    }

    /// Cancels every call under this context, now and later. It may be called in a signal handler.
    pub fn cancel(&self) {
        self.0.cancelled.store(true, Ordering::SeqCst);
        self.0.wake.wake();
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("cancelled", &self.0.cancelled)
            .field("deadline", &self.deadline())
            .finish_non_exhaustive()
    }
}
