//! File descriptors in a process that belongs to somebody else.
//!
//! The host may close any number at any time, as daemons do, and the next file that anybody opens gets it. And the
//! host may have closed 0, 1 or 2: what is opened then would get the number that the host prints to.

#![allow(unsafe_code, reason = "whether a number is in use can be asked only by the number")]

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd};
use std::sync::Mutex;

use rustix::fs::{self, CWD, Mode, OFlags, fstat, openat};
use rustix::io::fcntl_dupfd_cloexec;

use crate::sync::{PerProcess, lock};

/// The first number that is not one of the standard streams.
const FIRST: i32 = 3;

/// Opens one descriptor, at a number above the standard streams.
pub fn open<E: Into<io::Error>>(open: impl FnOnce() -> Result<OwnedFd, E>) -> io::Result<OwnedFd> {
    above_standard(|| {
        let fd = open().map_err(Into::into)?;
        if fd.as_raw_fd() >= FIRST {
            return Ok(fd);
        }
        // The host closed one of them in this very moment.
        Ok(fcntl_dupfd_cloexec(&fd, FIRST)?)
    })
}

/// Runs `work`, which opens descriptors, while no number of a standard stream is free.
///
/// The system gives out the lowest number that is free, and cannot be asked for another. So free ones are taken while
/// `work` runs, by descriptors that can be neither read nor written: for the host they are as good as closed.
pub fn above_standard<T>(work: impl FnOnce() -> T) -> T {
    let _placeholders = Placeholders::take();
    work()
}

/// The same for work that may take long: it keeps no placeholder of somebody else's, if it needs none itself.
pub fn above_standard_for_long<T>(work: impl FnOnce() -> T) -> T {
    let placeholders = Placeholders::take();
    let needed = !lock(TAKEN.get()).places.is_empty();
    let _placeholders = needed.then_some(placeholders);
    work()
}

/// A duplicate of a descriptor that the host named by its number, at a number above the standard streams.
pub fn duplicate(number: i32) -> io::Result<OwnedFd> {
    // SAFETY: makes a new descriptor, or says that the number stands for none; nothing is done with the old one.
    let fd = unsafe { libc::fcntl(number, libc::F_DUPFD_CLOEXEC, FIRST) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: it was just made, and nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Opens a pipe once more for writing, so that it never blocks here and still blocks where the host writes to it: flags belong
/// to what was opened, and a duplicate shares it. None where the system does not let that be done, as without /proc.
pub fn pipe_without_blocking(pipe: BorrowedFd<'_>, flags: OFlags) -> Option<OwnedFd> {
    // Of this thread: threads need not share their descriptors.
    let path = format!("/proc/thread-self/fd/{}", pipe.as_raw_fd());
    let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | flags & OFlags::DIRECT;
    let again = open(|| fs::openat(CWD, path.as_str(), flags, Mode::empty())).ok()?;
    let is_same = matches!((File::of(pipe), File::of(again.as_fd())), (Ok(a), Ok(b)) if a == b);
    is_same.then_some(again)
}

/// Writes to what may be a pipe that nobody reads: the error tells so, and no SIGPIPE ends the process.
pub fn without_sigpipe(write: impl FnOnce() -> io::Result<usize>) -> io::Result<usize> {
    // SAFETY: all pointers are to values on this stack, and a signal set is valid once sigemptyset has filled it in. Only this
    // thread's mask is changed, and put back at the end.
    unsafe {
        let (mut pipe, mut old, mut pending) = (signals(), signals(), signals());
        libc::sigaddset(&raw mut pipe, libc::SIGPIPE);
        libc::sigpending(&raw mut pending);
        // One that the host has waiting is the host's.
        let is_waiting = libc::sigismember(&raw const pending, libc::SIGPIPE) == 1;
        libc::pthread_sigmask(libc::SIG_BLOCK, &raw const pipe, &raw mut old);
        let written = write();
        let is_broken = matches!(&written, Err(e) if e.kind() == io::ErrorKind::BrokenPipe);
        if is_broken && !is_waiting {
            let now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
            while libc::sigtimedwait(&raw const pipe, std::ptr::null_mut(), &raw const now) < 0
                && io::Error::last_os_error().kind() == io::ErrorKind::Interrupted
            {}
        }
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const old, std::ptr::null_mut());
        written
    }
}

/// An empty set of signals.
fn signals() -> libc::sigset_t {
    let mut set = std::mem::MaybeUninit::uninit();
    // SAFETY: it fills in the whole set.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        set.assume_init()
    }
}

/// Held while something is opened.
struct Placeholders;

#[derive(Default)]
struct Taken {
    /// How many threads are opening something.
    openers: usize,
    places: Vec<Descriptor>,
}

static TAKEN: PerProcess<Mutex<Taken>> = PerProcess::new(|_| Mutex::new(Taken::new()));

impl Taken {
    const fn new() -> Self {
        Self { openers: 0, places: Vec::new() }
    }
}

impl Placeholders {
    fn take() -> Self {
        let mut taken = lock(TAKEN.get());
        taken.openers += 1;
        while !standard_streams_are_open() {
            let flags = OFlags::PATH | OFlags::CLOEXEC;
            // Without a descriptor left, `work` fails as well, and says so.
            let Ok(place) = openat(CWD, "/", flags, Mode::empty()) else { break };
            if place.as_raw_fd() >= FIRST {
                break; // Somebody else took it meanwhile.
            }
            match Descriptor::new(place) {
                Ok(place) => taken.places.push(place),
                Err(_) => break,
            }
        }
        Self
    }
}

impl Drop for Placeholders {
    fn drop(&mut self) {
        let mut taken = lock(TAKEN.get());
        // In a child that was forked inside `work` nobody has counted.
        taken.openers = taken.openers.saturating_sub(1);
        if taken.openers == 0 {
            taken.places.clear();
        }
    }
}

/// Asks for all three at once, because it is asked before everything that is opened.
fn standard_streams_are_open() -> bool {
    let mut streams = [0, 1, 2].map(|fd| libc::pollfd { fd, events: 0, revents: 0 });
    // SAFETY: the pointer and the count are those of an array that outlives the call, which does not wait.
    let asked = unsafe { libc::poll(streams.as_mut_ptr(), streams.len() as libc::nfds_t, 0) };
    match asked {
        0 => true,
        1.. => streams.iter().all(|stream| stream.revents & libc::POLLNVAL == 0),
        // A process may be forbidden to poll.
        _ => (0..FIRST).all(is_open),
    }
}

fn is_open(number: i32) -> bool {
    // SAFETY: asks for the flags of a number; nothing is done with what it stands for.
    unsafe { libc::fcntl(number, libc::F_GETFD) >= 0 }
}

/// A descriptor that is kept from one call to the next. It knows its file, and notices when its number has become
/// another's: then it is neither used nor closed.
#[derive(Debug)]
pub struct Descriptor {
    /// None only while it is dropped.
    fd: Option<OwnedFd>,
    file: File,
}

/// What distinguishes one open file from another: device and inode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct File(u64, u64);

impl File {
    fn of(fd: BorrowedFd<'_>) -> rustix::io::Result<Self> {
        let state = fstat(fd)?;
        #[allow(clippy::useless_conversion, reason = "their types differ between architectures")]
        Ok(Self(state.st_dev.into(), state.st_ino.into()))
    }
}

impl Descriptor {
    /// Keeps a descriptor that was just opened. Each of its kind must have an inode of its own, as files, sockets and
    /// pipes do, but not event descriptors.
    pub fn new(fd: OwnedFd) -> io::Result<Self> {
        let file = File::of(fd.as_fd())?;
        Ok(Self { fd: Some(fd), file })
    }

    /// Whether the number still refers to the file that was opened.
    pub fn is_ours(&self) -> bool {
        self.fd.as_ref().is_some_and(|fd| File::of(fd.as_fd()) == Ok(self.file))
    }

    /// Fails if the number no longer refers to the file that was opened.
    pub fn check(&self) -> io::Result<()> {
        if self.is_ours() { Ok(()) } else { Err(lost()) }
    }
}

impl AsFd for Descriptor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        let Some(fd) = &self.fd else { unreachable!("it is taken out only when it is dropped") };
        fd.as_fd()
    }
}

impl Drop for Descriptor {
    fn drop(&mut self) {
        if !self.is_ours()
            && let Some(fd) = self.fd.take()
        {
            let _ = fd.into_raw_fd();
        }
    }
}

/// What happened to a descriptor whose number is another's.
pub fn lost() -> io::Error {
    io::Error::other("the program closed a file descriptor that belongs to ocireg")
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Seek, Write};
    use std::os::fd::RawFd;

    use super::*;

    /// Runs a check in a child of this process, where descriptors can be closed without harm.
    fn in_child(check: impl FnOnce() -> bool) {
        assert!(crate::os::process::in_child(5, check));
    }

    fn close(number: RawFd) {
        // SAFETY: in a child whose descriptors nobody else uses.
        unsafe { libc::close(number) };
    }

    fn null() -> io::Result<OwnedFd> {
        open(|| fs::openat(CWD, "/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty()))
    }

    #[test]
    fn nothing_is_opened_where_the_host_prints() {
        for closed in [&[1, 2][..], &[0], &[0, 1, 2], &[2], &[]] {
            in_child(|| {
                closed.iter().copied().for_each(close);
                let opened = null().is_ok_and(|fd| fd.as_raw_fd() >= FIRST);
                let during = above_standard(|| {
                    // Whoever prints in the meantime fails as before, and writes into nothing of ours.
                    closed.iter().all(|number| {
                        // SAFETY: the text is valid for its length.
                        let written = unsafe { libc::write(*number, c"x".as_ptr().cast(), 1) };
                        written < 0 && null().is_ok_and(|fd| fd.as_raw_fd() >= FIRST)
                    })
                });
                opened && during && closed.iter().all(|number| !is_open(*number))
            });
        }
    }

    #[test]
    fn a_number_that_became_anothers_is_neither_used_nor_closed() {
        in_child(|| {
            let (reader, _writer) = rustix::pipe::pipe().expect("a pipe");
            let ours = Descriptor::new(reader).expect("a descriptor");
            assert!(ours.is_ours() && ours.check().is_ok());
            let number = ours.as_fd().as_raw_fd();
            close(number);
            assert!(!ours.is_ours(), "closed");
            // The host opens files until one has the number.
            let path = tempfile::tempdir().expect("a directory").keep().join("host");
            let mut files = Vec::new();
            loop {
                let mut file = std::fs::File::options();
                let mut file = file
                    .create(true)
                    .read(true)
                    .write(true)
                    .truncate(false)
                    .open(&path)
                    .expect("a file");
                let found = file.as_raw_fd() == number;
                if found {
                    file.write_all(b"the host's").expect("written");
                }
                files.push(file);
                if found {
                    break;
                }
            }
            assert!(!ours.is_ours() && ours.check().is_err());
            drop(ours);
            let mut file = files.pop().expect("the file");
            let mut text = String::new();
            file.rewind().expect("still open");
            file.read_to_string(&mut text).expect("still open");
            let _ = std::fs::remove_dir_all(path.parent().expect("a directory"));
            text == "the host's"
        });
    }
}
