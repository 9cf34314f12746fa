//! Locks between processes: taken with the call's patience, and gone with their owner.

use std::fs::{File, TryLockError};
use std::time::{Duration, Instant};

use super::dir::Dir;
use crate::context::Run;
use crate::error::{Code, Error, Phase, Result};

/// How often a lock is tried; it is held for milliseconds.
const SLICE: Duration = Duration::from_millis(20);

/// A lock held longer than this belongs to a process that is stopped or stuck.
const PATIENCE: Duration = Duration::from_secs(60);

/// Exclusive use of a directory among those who ask for it; ends when dropped, or with the process.
#[derive(Debug)]
pub struct DirLock(File);

impl Drop for DirLock {
    fn drop(&mut self) {
        // A child that was forked meanwhile has the directory open, too: closing ours alone would not end the lock.
        let _ = self.0.unlock();
    }
}

impl DirLock {
    /// Waits for the lock, unless the call ends first; `name` is the directory's, for messages.
    pub fn acquire(dir: &Dir, name: &str, run: &Run) -> Result<Self> {
        let failed = |e: &std::io::Error| Error::file(format!("cannot lock {name}"), e);
        let file = dir.reopen().map_err(|e| failed(&e))?;
        let start = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self(file)),
                Err(TryLockError::Error(e)) => return Err(failed(&e)),
                Err(TryLockError::WouldBlock) if start.elapsed() >= PATIENCE => {
                    return Err(Error::new(
                        Code::Timeout,
                        format!("{name} is locked by another process"),
                    )
                    .phase(Phase::Store)
                    .hint("end the process that uses the directory, then try again"));
                }
                Err(TryLockError::WouldBlock) => run.sleep(SLICE)?,
            }
        }
    }
}
