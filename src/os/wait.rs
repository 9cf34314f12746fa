//! Waiting for a descriptor or a wake-up, bounded in time and deaf to signals.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::descriptor;
use crate::error::Result;

/// What ended a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Woken {
    /// The descriptor is ready, or broken: the next operation on it will tell.
    Ready,
    /// The wake-up descriptor is readable.
    Wake,
    /// The time is over, or a signal came: look at flags and clock and wait again.
    Time,
}

/// On whose behalf something is waited for: whoever it is may end the wait.
pub trait Caller {
    /// Fails once nobody wants the result any more.
    fn check(&self) -> Result<()>;

    /// Waits until the descriptor is ready (true) or `until` has come (false), unless the caller ends it first.
    fn wait_for(
        &self,
        fd: Option<(BorrowedFd<'_>, Interest)>,
        until: Option<Instant>,
    ) -> Result<bool>;

    /// Sleeps, unless the caller ends it first.
    fn sleep(&self, time: Duration) -> Result<()> {
        self.wait_for(None, Instant::now().checked_add(time)).map(drop)
    }

    /// Takes a sentence about what the system lacks.
    fn warn(&self, message: String);
}

/// The direction in which a descriptor should be ready.
#[derive(Debug, Clone, Copy)]
pub enum Interest {
    /// Bytes, an end, or an error to read.
    Read,
    /// Room to write, or a connection that is made.
    Write,
    /// Either of them.
    Both,
}

/// Waits until `fd` is ready, `wake` is readable or `limit` is over.
pub fn wait(
    fd: Option<(BorrowedFd<'_>, Interest)>,
    wake: Option<BorrowedFd<'_>>,
    limit: Duration,
) -> io::Result<Woken> {
    let mut fds = Vec::with_capacity(2);
    if let Some((fd, interest)) = fd {
        let flags = match interest {
            Interest::Read => PollFlags::IN,
            Interest::Write => PollFlags::OUT,
            Interest::Both => PollFlags::IN | PollFlags::OUT,
        };
        fds.push(PollFd::from_borrowed_fd(fd, flags));
    }
    let has_fd = !fds.is_empty();
    if let Some(wake) = wake {
        fds.push(PollFd::from_borrowed_fd(wake, PollFlags::IN));
    }
    let time = Timespec {
        tv_sec: i64::try_from(limit.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(limit.subsec_nanos()),
    };
    let polled = poll(&mut fds, Some(&time));
    let closed = |polled: &PollFd<'_>| polled.revents().contains(PollFlags::NVAL);
    if has_fd && closed(&fds[0]) {
        // Waiting for a number that stands for nothing would never end.
        return Err(descriptor::lost());
    }
    if wake.is_some() && fds.last().is_some_and(closed) {
        // Without it a cancellation is noticed by looking.
        return wait(fd, None, limit);
    }
    match polled {
        Ok(0) | Err(Errno::INTR) => Ok(Woken::Time),
        Ok(_) if fds.last().is_some_and(|p| wake.is_some() && !p.revents().is_empty()) => {
            Ok(Woken::Wake)
        }
        Ok(_) if has_fd => Ok(Woken::Ready),
        Ok(_) => Ok(Woken::Time),
        Err(errno) => Err(errno.into()),
    }
}
