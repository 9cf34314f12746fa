//! The threads of a call: each takes the next blob until none is left.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Mutex, PoisonError};

use super::blob::Job;
use super::progress::EVENT;
use super::report::BlobReport;
use crate::call::Call;
use crate::error::{Code, Error, Result};
use crate::image::Descriptor;
use crate::log::{Level, Record};
use crate::sync::lock;

/// What is read from a connection before it is written: more brings nothing (measured).
const BUFFER: usize = 256 << 10;

/// What the threads of a copy have in common.
///
/// It is on the heap, as is everything else that they see: a host that switches stacks in a callback (coroutines,
/// greenlets) may set the caller's stack aside while they work.
struct Shared<'a> {
    job: Job<'a>,
    next: AtomicUsize,
    reports: Mutex<Vec<Option<BlobReport>>>,
}

/// Moves several blobs at once, on threads that end with this function.
pub(super) fn run(job: Job<'_>, threads: usize, call: &Call) -> Result<Vec<BlobReport>> {
    let blobs = job.blobs();
    let shared = Box::new(Shared {
        job,
        next: AtomicUsize::new(0),
        reports: Mutex::new(vec![None; blobs.len()]),
    });
    let (sender, ended) = channel();
    std::thread::scope(|scope| {
        let mut running = 0;
        for _ in 0..threads.min(blobs.len()) {
            let (worker, sender, shared) = (call.worker(), sender.clone(), &*shared);
            let work = move || report_end(&sender, shared.work(blobs, &worker));
            let spawned = std::thread::Builder::new()
                .name("ocireg-blob".to_owned())
                .stack_size(256 << 10)
                .spawn_scoped(scope, work);
            match spawned {
                Ok(_) => running += 1,
                // Fewer threads do the same work; none at all cannot.
                Err(e) if running == 0 => {
                    return Err(Error::resource("cannot start a thread", &e));
                }
                Err(_) => break,
            }
        }
        drop(sender);
        supervise(running, &ended, call)
    })?;
    let reports = shared.reports.into_inner().unwrap_or_else(PoisonError::into_inner);
    reports
        .into_iter()
        .map(|report| report.ok_or_else(|| Error::internal("a blob was not moved")))
        .collect()
}

impl Shared<'_> {
    /// One thread's part of the work.
    fn work(&self, blobs: &[Descriptor], call: &Call) -> Result<()> {
        let mut buffer = vec![0; BUFFER];
        loop {
            let i = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(blob) = blobs.get(i) else { return Ok(()) };
            match self.job.one(blob, &mut buffer, call) {
                Ok(report) => lock(&self.reports)[i] = Some(report),
                Err(error) => {
                    // Of several that fail at once the caller gets one.
                    if !matches!(error.code(), Code::Cancelled | Code::Deadline) {
                        call.log(Level::Error, "transfer", || {
                            Record::new(error.to_string()).error(&error)
                        });
                    }
                    return Err(error);
                }
            }
        }
    }
}

fn report_end(sender: &Sender<Result<()>>, result: Result<()>) {
    // The receiver is gone only when the call has failed already.
    let _ = sender.send(result);
}

/// Waits on the caller's thread for the workers, telling progress; the first failure ends them all.
fn supervise(mut running: usize, ended: &Receiver<Result<()>>, call: &Call) -> Result<()> {
    let mut failure: Option<Error> = None;
    while running > 0 {
        let received = ended.recv_timeout(EVENT);
        if failure.is_none() {
            let told = call.report_events().and_then(|()| call.check());
            if let Err(error) = told {
                failure = Some(error);
                call.stop_workers();
            }
        }
        match received {
            Ok(Ok(())) => running -= 1,
            Ok(Err(error)) => {
                running -= 1;
                failure.get_or_insert(error);
                call.stop_workers();
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) if failure.is_none() => {
                return Err(Error::internal("a worker thread panicked"));
            }
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    match failure {
        None => call.report_events(),
        Some(error) => {
            call.report_records();
            Err(error)
        }
    }
}
