//! Waiting for a descriptor or a wake-up, bounded in time and deaf to signals.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

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

/// Waits until `fd` is ready, `wake` is readable or `time` is over.
pub fn wait(
    fd: Option<(BorrowedFd<'_>, Interest)>,
    wake: Option<BorrowedFd<'_>>,
    time: Duration,
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
        tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(time.subsec_nanos()),
    };
    match poll(&mut fds, Some(&time)) {
        Ok(0) | Err(Errno::INTR) => Ok(Woken::Time),
        Ok(_) if fds.last().is_some_and(|p| wake.is_some() && !p.revents().is_empty()) => {
            Ok(Woken::Wake)
        }
        Ok(_) if has_fd => Ok(Woken::Ready),
        Ok(_) => Ok(Woken::Time),
        Err(errno) => Err(errno.into()),
    }
}
