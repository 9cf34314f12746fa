//! Directories that are held open on the way through a tree.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::fs::{self, AtFlags, CWD, Mode, OFlags, Stat, Timespec, Timestamps};
use rustix::io::Errno;
use rustix::process::geteuid;

use super::descriptor::open;

pub(super) const OPEN_DIRECTORY: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// What the owner of a directory needs to work in it.
pub(super) const USABLE: Mode = Mode::RWXU;

/// What tells one file from another: device and inode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Id(u64, u64);

impl Id {
    pub(super) fn of(state: &Stat) -> Self {
        #[allow(clippy::useless_conversion, reason = "their types differ between architectures")]
        Self(state.st_dev.into(), state.st_ino.into())
    }

    /// As two numbers.
    pub fn numbers(self) -> (u64, u64) {
        (self.0, self.1)
    }
}

pub(super) fn mode_of(state: &Stat) -> Mode {
    Mode::from_raw_mode(state.st_mode & 0o7777)
}

/// Whether this process can work in a directory of its own that has this mode. Modes do not bind the superuser.
pub(super) fn is_usable(mode: Mode) -> bool {
    mode.contains(USABLE) || geteuid().is_root()
}

/// Changes the mode of what is held by a descriptor that need not be open for reading or writing.
pub(super) fn chmod_held(fd: BorrowedFd<'_>, mode: Mode) -> io::Result<()> {
    match fs::fchmod(fd, mode) {
        Err(Errno::BADF) => {}
        done => return Ok(done?),
    }
    let path = format!("/proc/self/fd/{}", fd.as_raw_fd());
    Ok(fs::chmodat(CWD, path, mode, AtFlags::empty())?)
}

/// Sets both times of what is open to those that it had.
pub(super) fn set_times_of(fd: BorrowedFd<'_>, state: &Stat) -> io::Result<()> {
    #[allow(clippy::useless_conversion, reason = "their types differ between architectures")]
    let time = |seconds: i64, nanoseconds| Timespec {
        tv_sec: seconds.into(),
        tv_nsec: i64::try_from(nanoseconds).unwrap_or(0),
    };
    let times = Timestamps {
        last_access: time(state.st_atime, state.st_atime_nsec),
        last_modification: time(state.st_mtime, state.st_mtime_nsec),
    };
    Ok(fs::futimens(fd, &times)?)
}

/// A directory that was opened.
pub(super) struct Opened {
    pub(super) fd: OwnedFd,
    pub(super) id: Id,
    /// The directory again with the mode that it had, if it had to be made usable.
    pub(super) opened_up: Option<(OwnedFd, Mode)>,
}

/// Opens a directory in another one; one that its owner may not use is made usable.
pub(super) fn open_below(dir: BorrowedFd<'_>, name: &[u8]) -> io::Result<Opened> {
    match open(|| fs::openat(dir, name, OPEN_DIRECTORY, Mode::empty())) {
        Ok(fd) => {
            let state = fs::fstat(&fd)?;
            if is_usable(mode_of(&state)) {
                return Ok(Opened { fd, id: Id::of(&state), opened_up: None });
            }
        }
        Err(e) => match Errno::from_io_error(&e) {
            Some(Errno::ACCESS) => {}
            Some(Errno::LOOP) => return Err(Errno::NOTDIR.into()),
            _ => return Err(e),
        },
    }
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let held = open(|| fs::openat(dir, name, flags, Mode::empty()))?;
    let state = fs::fstat(&held)?;
    let mode = mode_of(&state);
    chmod_held(held.as_fd(), mode | USABLE)?;
    let fd = open(|| fs::openat(&held, ".", OPEN_DIRECTORY, Mode::empty()))?;
    Ok(Opened { fd, id: Id::of(&state), opened_up: Some((held, mode)) })
}
