//! Descriptors that the host lends for one call: files, pipes, sockets, whatever can be read or written.
//!
//! The call works with a duplicate, which shares position and flags: what the host closes meanwhile stays usable here, and what it
//! has lent is where the call left it. A pipe to be written to is opened once more instead, where that can be done: it has no
//! position, and takes more at once if it need not block.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::fd::AsFd;

use rustix::fs::{FileType, OFlags, fcntl_getfl, fstat};
use rustix::net::{SendFlags, send};

use super::descriptor;
use super::wait::{Caller, Interest};
use crate::error::{Error, Result};

/// What can be written to a pipe that blocks without waiting, once there is room in it: 4096 on Linux.
const PIPE: usize = 4096;

/// A duplicate of a descriptor of the host's.
#[derive(Debug)]
pub struct Lent {
    file: File,
    number: i32,
    kind: FileType,
    flags: OFlags,
}

impl Lent {
    /// To be read from.
    pub fn to_read(number: i32) -> Result<Self> {
        Self::take(number, OFlags::WRONLY, "reading")
    }

    /// To be written to.
    pub fn to_write(number: i32) -> Result<Self> {
        Self::take(number, OFlags::RDONLY, "writing")
    }

    fn take(number: i32, wrong: OFlags, purpose: &str) -> Result<Self> {
        let unusable = |why: &dyn std::fmt::Display| {
            let message = format!("the file descriptor {number} cannot be used for {purpose}");
            Error::argument("fd", message).cause(why).hint(format!(
                "pass the number of a file, pipe or socket that is open for {purpose}"
            ))
        };
        let fd = descriptor::duplicate(number).map_err(|e| unusable(&e))?;
        let flags = fcntl_getfl(&fd).map_err(|e| unusable(&io::Error::from(e)))?;
        if flags.contains(OFlags::PATH) || flags & OFlags::ACCMODE == wrong {
            return Err(unusable(&format!("it is not open for {purpose}")));
        }
        let stat = fstat(&fd).map_err(|e| unusable(&io::Error::from(e)))?;
        let kind = FileType::from_raw_mode(stat.st_mode);
        if kind == FileType::Directory {
            return Err(unusable(&"it is a directory"));
        }
        let is_pipe = kind == FileType::Fifo && wrong == OFlags::RDONLY;
        if is_pipe
            && !flags.contains(OFlags::NONBLOCK)
            && let Some(again) = descriptor::pipe_without_blocking(fd.as_fd(), flags)
        {
            let flags = flags | OFlags::NONBLOCK;
            return Ok(Self { file: again.into(), number, kind, flags });
        }
        Ok(Self { file: fd.into(), number, kind, flags })
    }

    /// What messages call it.
    pub fn shown(&self) -> String {
        format!("the file descriptor {}", self.number)
    }

    /// Whether it is a regular file, which can be gone back in.
    pub fn is_regular(&self) -> bool {
        self.kind == FileType::RegularFile
    }

    /// The position in a regular file that is written where it stands; None for all others.
    pub fn position(&self) -> io::Result<Option<u64>> {
        if !self.is_regular() || self.flags.contains(OFlags::APPEND) {
            return Ok(None);
        }
        (&self.file).stream_position().map(Some)
    }

    /// Goes to a position of a regular file.
    pub fn seek(&self, position: u64) -> io::Result<()> {
        (&self.file).seek(io::SeekFrom::Start(position)).map(drop)
    }

    /// The file, which shares its position.
    pub fn into_file(self) -> File {
        self.file
    }

    /// Fills the buffer as far as bytes come; 0 is the end. Waits unless the caller ends it first.
    pub fn read(&self, buffer: &mut [u8], caller: &dyn Caller) -> Result<usize> {
        loop {
            if !self.is_regular() {
                caller.wait_for(Some((self.file.as_fd(), Interest::Read)), None)?;
            }
            caller.check()?;
            match (&self.file).read(buffer) {
                Err(e) if is_passing(&e) => self.pause(&e, Interest::Read, caller)?,
                read => return read.map_err(|e| self.failed("read from", &e)),
            }
        }
    }

    /// Writes all bytes, waiting for room unless the caller ends it first. Returns after a failure how many were written.
    pub fn write(&self, mut bytes: &[u8], caller: &dyn Caller) -> Result<(), (usize, Error)> {
        let all = bytes.len();
        while !bytes.is_empty() {
            let written = self.write_some(bytes, caller);
            match written {
                Ok(0) => {
                    let error = self.failed("write to", &io::ErrorKind::WriteZero.into());
                    return Err((all - bytes.len(), error));
                }
                Ok(count) => bytes = &bytes[count..],
                Err(error) => return Err((all - bytes.len(), error)),
            }
        }
        Ok(())
    }

    fn write_some(&self, bytes: &[u8], caller: &dyn Caller) -> Result<usize> {
        loop {
            caller.check()?;
            let attempt = match self.kind {
                FileType::RegularFile => (&self.file).write(bytes),
                FileType::Socket => {
                    // It tells by an error that there is no room, and sends no signal when nobody listens.
                    send(&self.file, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL)
                        .map_err(io::Error::from)
                }
                _ => {
                    caller.wait_for(Some((self.file.as_fd(), Interest::Write)), None)?;
                    // One that blocks would do so for all that is more than there is room for.
                    let most = match self.flags.contains(OFlags::NONBLOCK) {
                        true => bytes.len(),
                        false => bytes.len().min(PIPE),
                    };
                    descriptor::without_sigpipe(|| (&self.file).write(&bytes[..most]))
                }
            };
            match attempt {
                Err(e) if is_passing(&e) => self.pause(&e, Interest::Write, caller)?,
                written => return written.map_err(|e| self.failed("write to", &e)),
            }
        }
    }

    /// Waits where a descriptor that does not block has nothing, or no room.
    fn pause(&self, error: &io::Error, interest: Interest, caller: &dyn Caller) -> Result<()> {
        if error.kind() == io::ErrorKind::WouldBlock {
            caller.wait_for(Some((self.file.as_fd(), interest)), None)?;
        }
        Ok(())
    }

    fn failed(&self, verb: &str, error: &io::Error) -> Error {
        let made = Error::file(format!("cannot {verb} {}", self.shown()), error);
        match error.kind() {
            io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => {
                made.hint("the program at the other end has closed it: check why it ended")
            }
            _ => made,
        }
    }
}

fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

#[cfg(test)]
mod tests {
    use std::io::{PipeWriter, pipe};
    use std::os::fd::AsRawFd;

    use super::*;
    use crate::call::Call;

    fn lend(writer: &PipeWriter) -> Lent {
        Lent::to_write(writer.as_raw_fd()).expect("a pipe")
    }

    #[test]
    fn a_pipe_takes_all_it_has_room_for_and_still_blocks_for_the_host() {
        let (mut reader, mut writer) = pipe().expect("a pipe");
        let flags = fcntl_getfl(&writer).expect("flags");
        let call = Call::new(None);
        let lent = lend(&writer);
        let all = vec![7; 1 << 20];
        assert_eq!(lent.write_some(&all, &call).expect("room"), 64 << 10);
        assert_eq!(fcntl_getfl(&writer).expect("flags"), flags);
        // Only where the last writer is gone does a reader find the end.
        let mut read = vec![0; 64 << 10];
        reader.read_exact(&mut read).expect("what was written");
        drop(lent);
        writer.write_all(b"the host's").expect("room");
        drop(writer);
        let mut rest = Vec::new();
        reader.read_to_end(&mut rest).expect("the rest");
        assert_eq!((read, rest.as_slice()), (vec![7; 64 << 10], &b"the host's"[..]));
    }

    #[test]
    fn a_named_pipe_is_one_too() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("pipe");
        rustix::fs::mkfifoat(rustix::fs::CWD, &path, rustix::fs::Mode::RWXU).expect("a pipe");
        let both = File::options().read(true).write(true).open(&path).expect("a pipe");
        let lent = Lent::to_write(both.as_raw_fd()).expect("a pipe");
        assert!(lent.write_some(&[7; 9000], &Call::new(None)).expect("room") > PIPE);
        assert!(!fcntl_getfl(&both).expect("flags").contains(OFlags::NONBLOCK));
    }
}
