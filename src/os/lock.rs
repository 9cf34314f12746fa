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

/// Shared use of a directory: exclusive users have to wait. It ends like [`DirLock`].
#[derive(Debug)]
pub struct SharedLock {
    _lock: DirLock,
}

impl SharedLock {
    /// Waits until nobody has exclusive use of the directory, unless the call ends first.
    pub fn acquire(dir: &Dir, name: &str, caller: &dyn Caller) -> Result<Self> {
        wait_for(dir, name, caller, attempt_shared).map(|lock| Self { _lock: lock })
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
    outcome(file.try_lock())
}

fn attempt_shared(file: &File) -> io::Result<Attempt> {
    outcome(file.try_lock_shared())
}

fn outcome(result: std::result::Result<(), TryLockError>) -> io::Result<Attempt> {
    match result {
        Ok(()) => Ok(Attempt::Locked),
        Err(TryLockError::WouldBlock) => Ok(Attempt::Busy),
        Err(TryLockError::Error(e)) if is_unsupported(&e) => Ok(Attempt::Unsupported),
        Err(TryLockError::Error(e)) => Err(e),
    }
}

impl DirLock {
    /// Waits for the lock, unless the call ends first; `name` is the directory's, for messages.
    pub fn acquire(dir: &Dir, name: &str, caller: &dyn Caller) -> Result<Self> {
        wait_for(dir, name, caller, attempt)
    }

    /// Whether there is a lock: some file systems have none.
    pub fn is_held(&self) -> bool {
        self.0.is_some()
    }

    /// Takes the lock if nobody has it or shares it; None if somebody does.
    pub fn try_acquire(dir: &Dir, name: &str) -> Result<Option<Self>> {
        let file = open(dir, name)?;
        match attempt(&file).map_err(|e| failed(name, &e))? {
            Attempt::Locked => Ok(Some(Self(Some(file)))),
            Attempt::Busy => Ok(None),
            Attempt::Unsupported => Ok(Some(Self(None))),
        }
    }
}

fn open(dir: &Dir, name: &str) -> Result<File> {
    dir.reopen().map_err(|e| failed(name, &e))
}

fn failed(name: &str, error: &io::Error) -> Error {
    Error::file(format!("cannot lock {name}"), error)
}

fn wait_for(
    dir: &Dir,
    name: &str,
    caller: &dyn Caller,
    attempt: fn(&File) -> io::Result<Attempt>,
) -> Result<DirLock> {
    let file = open(dir, name)?;
    let start = Instant::now();
    loop {
        match attempt(&file).map_err(|e| failed(name, &e))? {
            Attempt::Locked => return Ok(DirLock(Some(file))),
            Attempt::Unsupported => {
                let message = format!(
                    "the file system of {name} does not support locks: make sure that no other process is writing there"
                );
                caller.warn(message);
                return Ok(DirLock(None));
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
