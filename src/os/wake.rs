//! A descriptor that another thread, or a signal handler, makes readable.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::{EventfdFlags, eventfd};

/// Becomes readable by [`Wake::wake`] and stays so until [`Wake::drain`].
#[derive(Debug)]
pub struct Wake(OwnedFd);

impl Wake {
    /// A descriptor that nobody has woken yet; closed on exec.
    pub fn new() -> io::Result<Self> {
        Ok(Self(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?))
    }

    /// Makes the descriptor readable. One `write`, no lock, no allocation: allowed in a signal handler.
    pub fn wake(&self) {
        // The only failure is a counter that is full, and then the descriptor is readable already.
        let _ = rustix::io::write(&self.0, &1u64.to_ne_bytes());
    }

    /// Takes the wake-ups that were not meant for us: after a fork both processes share the counter.
    pub fn drain(&self) {
        let _ = rustix::io::read(&self.0, &mut [0u8; 8]);
    }
}

impl AsFd for Wake {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
