//! Child processes: a clean start, and an end in time whatever they do.

#![allow(unsafe_code, reason = "only so can code run between fork and exec")]

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::epoll;
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::io::{Errno, retry_on_intr};
use rustix::pipe::{PipeFlags, fcntl_setpipe_size, pipe_with};
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, kill_process_group, pidfd_open, waitid,
};
use zeroize::Zeroizing;

use super::descriptor::{self, above_standard};
use super::wait::{Caller, Interest, Woken, wait};
use crate::error::Error;

/// How often a child is looked at where the kernel has no descriptor for it.
const SLICE: Duration = Duration::from_millis(20);

/// How long a killed child may take to go; only a stuck disk keeps it longer.
const FAREWELL: Duration = Duration::from_millis(500);

/// What a new pipe has room for.
const PIPE_ROOM: usize = 64 << 10;

/// What a child that ended has said.
#[derive(Debug)]
pub struct Answer {
    /// Its standard output; overwritten when dropped.
    pub output: Zeroizing<Vec<u8>>,
    /// How it ended; None where the host process takes its children's endings for itself.
    pub status: Option<ExitStatus>,
}

/// Why a child gave no answer. It is dead then, with its group.
#[derive(Debug)]
pub enum Failure {
    /// It could not be started or listened to.
    System(io::Error),
    /// It said more than it may.
    TooMuch,
    /// It was not done in time.
    TooSlow,
    /// The call ended first.
    Call(Error),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::System(error)
    }
}

impl From<rustix::io::Errno> for Failure {
    fn from(errno: rustix::io::Errno) -> Self {
        Self::System(errno.into())
    }
}

/// Runs a program with one argument in a process group of its own, gives it `input`, and takes at most `most` bytes of output.
///
/// It has no descriptors but the standard ones, and its standard error goes nowhere. What still holds its output
/// when it ends is killed.
pub fn converse(
    program: &Path,
    argument: &str,
    input: &[u8],
    most: usize,
    until: Option<Instant>,
    caller: &dyn Caller,
) -> Result<Answer, Failure> {
    caller.check().map_err(Failure::Call)?;
    let mut command = Command::new(program);
    command.arg(argument);
    command.stdin(stdin(input)?).stdout(Stdio::piped()).stderr(Stdio::null()).process_group(0);
    clean_start(&mut command);
    let mut running = Running::start(&mut command)?;
    let output = running.listen(most, until, caller)?;
    Ok(Answer { output, status: running.end() })
}

/// A file in memory: unlike a pipe it never blocks, has room for any input, and never breaks.
fn stdin(input: &[u8]) -> io::Result<Stdio> {
    let memory = descriptor::open(|| memfd_create("stdin", MemfdFlags::CLOEXEC));
    match memory {
        Ok(fd) => {
            let file = File::from(fd);
            file.write_all_at(input, 0)?;
            Ok(file.into())
        }
        // A kernel before 3.17, or a security policy that knows nothing newer.
        Err(e) if is_unknown(&e) => pipe_of(input),
        Err(e) => Err(e),
    }
}

/// A pipe that holds all of the input before anybody reads it: as we have its other end, too, writing breaks nothing.
fn pipe_of(input: &[u8]) -> io::Result<Stdio> {
    let flags = PipeFlags::CLOEXEC | PipeFlags::NONBLOCK;
    let (reader, writer) = above_standard(|| pipe_with(flags))?;
    if input.len() > PIPE_ROOM {
        fcntl_setpipe_size(&writer, input.len())?;
    }
    let mut rest = input;
    while !rest.is_empty() {
        let written = retry_on_intr(|| rustix::io::write(&writer, rest))?;
        rest = &rest[written..];
    }
    rustix::io::ioctl_fionbio(&reader, false)?;
    Ok(reader.into())
}

/// Whether a system call failed because it does not exist here. Security policies that are older than a call answer
/// EPERM instead.
pub(super) fn is_unknown(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::NOSYS | Errno::PERM))
}

/// Makes the child start without what it would inherit from its host: blocked and ignored signals, descriptors.
fn clean_start(command: &mut Command) {
    let clean = || {
        // SAFETY: between fork and exec only async-signal-safe functions are called, on memory of this frame.
        unsafe {
            let mut none = std::mem::zeroed();
            libc::sigemptyset(&mut none);
            libc::sigprocmask(libc::SIG_SETMASK, &none, std::ptr::null_mut());
            libc::signal(libc::SIGPIPE, libc::SIG_DFL);
            libc::signal(libc::SIGCHLD, libc::SIG_DFL);
            // Kernels before 5.11 do not know it; ours are close-on-exec anyway.
            libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC);
        }
        Ok(())
    };
    // SAFETY: the closure allocates nothing, takes no lock and calls only async-signal-safe functions.
    unsafe { command.pre_exec(clean) };
}

/// A child that runs; killed with its group when dropped before its end.
struct Running {
    process: Child,
    /// None after its end of file.
    stdout: Option<ChildStdout>,
    /// Readable when the child has ended; None where the kernel gives none.
    pidfd: Option<OwnedFd>,
    /// Readable when one of the two above is.
    poll: OwnedFd,
    ended: bool,
}

impl Running {
    fn start(command: &mut Command) -> io::Result<Self> {
        let poll = descriptor::open(|| epoll::create(epoll::CreateFlags::CLOEXEC))?;
        let mut process = above_standard(|| command.spawn())?;
        let stdout = process.stdout.take();
        let mut running = Self { process, stdout, pidfd: None, poll, ended: false };
        let pidfd = |pid| descriptor::open(|| pidfd_open(pid, PidfdFlags::empty())).ok();
        running.pidfd = running.pid().and_then(pidfd);
        let data = epoll::EventData::new_u64(0);
        if let Some(stdout) = &running.stdout {
            rustix::io::ioctl_fionbio(stdout, true)?;
            epoll::add(&running.poll, stdout, data, epoll::EventFlags::IN)?;
        }
        if let Some(pidfd) = &running.pidfd {
            epoll::add(&running.poll, pidfd, data, epoll::EventFlags::IN)?;
        }
        Ok(running)
    }

    fn pid(&self) -> Option<Pid> {
        i32::try_from(self.process.id()).ok().and_then(Pid::from_raw)
    }

    /// Takes all that the child says until it ends.
    fn listen(
        &mut self,
        most: usize,
        until: Option<Instant>,
        caller: &dyn Caller,
    ) -> Result<Zeroizing<Vec<u8>>, Failure> {
        let mut output = Zeroizing::new(Vec::with_capacity(8 * 1024));
        loop {
            // Looked at before the output: all that it said is there then.
            let ended = self.has_ended()?;
            self.take_output(&mut output, most)?;
            if ended {
                return Ok(output);
            }
            if until.is_some_and(|until| Instant::now() >= until) {
                return Err(Failure::TooSlow);
            }
            let soon = || Instant::now().checked_add(SLICE);
            let look = if self.pidfd.is_some() { until } else { until.min(soon()).or_else(soon) };
            caller
                .wait_for(Some((self.poll.as_fd(), Interest::Read)), look)
                .map_err(Failure::Call)?;
        }
    }

    fn has_ended(&mut self) -> io::Result<bool> {
        match &self.pidfd {
            Some(pidfd) => {
                let woken = wait(Some((pidfd.as_fd(), Interest::Read)), None, Duration::ZERO)?;
                Ok(woken == Woken::Ready)
            }
            None => {
                let Some(pid) = self.pid() else { return Ok(true) };
                let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
                // An error means that the host took the child's end for itself.
                Ok(!matches!(waitid(WaitId::Pid(pid), look), Ok(None)))
            }
        }
    }

    /// Takes what is there now.
    fn take_output(&mut self, output: &mut Vec<u8>, most: usize) -> Result<(), Failure> {
        let Some(stdout) = &mut self.stdout else { return Ok(()) };
        let mut buffer = Zeroizing::new([0; 8 * 1024]);
        loop {
            match stdout.read(&mut *buffer) {
                Ok(0) => {
                    // Closing it also takes it out of the poll.
                    self.stdout = None;
                    return Ok(());
                }
                Ok(read) if output.len() + read > most => return Err(Failure::TooMuch),
                Ok(read) => output.extend_from_slice(&buffer[..read]),
                Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(e.into()),
            }
        }
    }

    /// Takes the status of a child that has ended.
    fn end(&mut self) -> Option<ExitStatus> {
        // Until its status is taken, its number cannot be another's.
        if self.stdout.is_some() {
            self.kill();
        }
        self.ended = true;
        self.process.try_wait().ok().flatten()
    }

    fn kill(&self) {
        if let Some(pid) = self.pid() {
            // The only failure is that nobody is left.
            let _ = kill_process_group(pid, Signal::KILL);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        self.kill();
        let start = Instant::now();
        while matches!(self.process.try_wait(), Ok(None)) && start.elapsed() < FAREWELL {
            let pidfd = self.pidfd.as_ref().map(|fd| (fd.as_fd(), Interest::Read));
            let _ = wait(pidfd, None, SLICE);
        }
    }
}
