//! Locks between processes: taken with the call's patience, and gone with their owner.

use std::fs::{File, TryLockError};
use std::io;
use std::time::{Duration, Instant};

use super::dir::Dir;
use super::file::is_unsupported;
use super::wait::Caller;
use crate::error::{Code, Error, Phase, Result};

/// How often a lock is tried; it is held for milliseconds.
const SLICE: Duration = Duration::from_millis(20);

/// A lock held longer than this belongs to a process that is stopped or stuck.
const PATIENCE: Duration = Duration::from_secs(60);

/// Exclusive use of a directory among those who ask for it; ends when dropped, or with the process.
#[derive(Debug)]
pub struct DirLock(Option<File>);

impl Drop for DirLock {
    fn drop(&mut self) {
        // A child that was forked meanwhile has the directory open, too: closing ours alone would not end the lock.
        let _ = self.0.as_ref().map(File::unlock);
    }
}

/// What became of an attempt to lock a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Attempt {
    /// It is locked.
    Locked,
    /// Somebody else has locked it.
    Busy,
    /// The file system has no locks, as NFS, Lustre or FUSE may have none.
    Unsupported,
}

/// Locks a file without waiting.
pub(super) fn attempt(file: &File) -> io::Result<Attempt> {
    match file.try_lock() {
        Ok(()) => Ok(Attempt::Locked),
        Err(TryLockError::WouldBlock) => Ok(Attempt::Busy),
        Err(TryLockError::Error(e)) if is_unsupported(&e) => Ok(Attempt::Unsupported),
        Err(TryLockError::Error(e)) => Err(e),
    }
}

impl DirLock {
    /// Waits for the lock, unless the call ends first; `name` is the directory's, for messages.
    pub fn acquire(dir: &Dir, name: &str, caller: &dyn Caller) -> Result<Self> {
        let failed = |e: &std::io::Error| Error::file(format!("cannot lock {name}"), e);
        let file = dir.reopen().map_err(|e| failed(&e))?;
        let start = Instant::now();
        loop {
            match attempt(&file).map_err(|e| failed(&e))? {
                Attempt::Locked => return Ok(Self(Some(file))),
                Attempt::Unsupported => {
                    let message = format!(
                        "the file system of {name} does not support locks: make sure that no other process is writing there"
                    );
                    caller.warn(message);
                    return Ok(Self(None));
                }
                Attempt::Busy if start.elapsed() >= PATIENCE => {
                    return Err(Error::new(
                        Code::Timeout,
                        format!("{name} is locked by another process"),
                    )
                    .phase(Phase::Store)
                    .hint("stop the process that is using the directory, or wait until it has finished, then try again"));
                }
                Attempt::Busy => caller.sleep(SLICE)?,
            }
        }
    }
}
