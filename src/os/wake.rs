//! A descriptor that another thread, or a signal handler, makes readable.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use once_cell::race::OnceBox;
use rustix::pipe::{PipeFlags, pipe_with};

use super::descriptor::{self, Descriptor};
use super::process;

/// Becomes readable by [`Wake::wake`] and stays so until [`Wake::drain`].
///
/// It is a pipe: unlike event descriptors, each pipe has an inode of its own, by which it can be known again.
#[derive(Debug)]
pub struct Wake(Pipe);

#[derive(Debug)]
struct Pipe {
    process: u64,
    reader: Descriptor,
    writer: Descriptor,
    /// The one that took its place when the host had closed it, or had forked.
    next: OnceBox<Self>,
}

impl Pipe {
    fn new() -> io::Result<Self> {
        let flags = PipeFlags::CLOEXEC | PipeFlags::NONBLOCK;
        let (reader, writer) = descriptor::above_standard(|| pipe_with(flags))?;
        Ok(Self {
            process: process::current(),
            reader: Descriptor::new(reader)?,
            writer: Descriptor::new(writer)?,
            next: OnceBox::new(),
        })
    }

    fn is_usable(&self) -> bool {
        self.process == process::current() && self.reader.is_ours() && self.writer.is_ours()
    }
}

impl Wake {
    /// Creates a descriptor that is not woken yet; it is closed on exec.
    pub fn new() -> io::Result<Self> {
        Pipe::new().map(Self)
    }

    /// Makes a new descriptor if the host has closed the old one or has forked.
    pub fn renew(&self) -> io::Result<()> {
        let last = self.last();
        if !last.is_usable() {
            // Another thread may be faster.
            let _ = last.next.set(Box::new(Pipe::new()?));
        }
        Ok(())
    }

    /// Makes the descriptor readable. One `write`, no lock, no allocation: allowed in a signal handler.
    pub fn wake(&self) {
        let last = self.last();
        if last.process == process::current() && last.writer.is_ours() {
            // The only failure is a pipe that is full, and then the descriptor is readable already.
            let _ = rustix::io::write(&last.writer, &[0]);
        }
    }

    /// Takes the wake-ups that were not meant for us.
    pub fn drain(&self) {
        let last = self.last();
        if last.reader.is_ours() {
            let _ = rustix::io::read(&last.reader, &mut [0u8; 64]);
        }
    }

    fn last(&self) -> &Pipe {
        let mut pipe = &self.0;
        while let Some(next) = pipe.next.get() {
            pipe = next;
        }
        pipe
    }
}

impl AsFd for Wake {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.last().reader.as_fd()
    }
}
