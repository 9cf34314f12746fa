//! A temporary file without a name: the system takes it back when its owner ends, however that happens.

use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, unlinkat};
use rustix::io::{Errno, pread, pwrite, retry_on_intr};

use super::descriptor::Descriptor;
use super::environment::Environment;
use super::file::open;
use crate::crypto;

/// What is written at once, at most.
const BUFFER: usize = 256 << 10;

/// What becomes a hole if it is all zeros.
const BLOCK: usize = 4 << 10;

/// A file that only this process can reach. It grows at its end; zeros take no room.
#[derive(Debug)]
pub struct Spool {
    file: Descriptor,
    /// Bytes that the file has, with the zeros at its end.
    written: u64,
    /// What follows them.
    buffer: Vec<u8>,
}

impl Spool {
    /// An empty file on the file system of this directory.
    pub fn create(dir: &Path) -> io::Result<Self> {
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::EXCL | OFlags::CLOEXEC;
        let file = match open(CWD, dir, flags, MODE) {
            Ok(fd) => fd,
            Err(e) => match Errno::from_io_error(&e) {
                // The file system, or the kernel, knows no files without names.
                Some(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL) => create_and_forget(dir)?,
                _ => return Err(e),
            },
        };
        Ok(Self { file: Descriptor::new(file)?, written: 0, buffer: Vec::new() })
    }

    /// Bytes that were appended.
    pub fn size(&self) -> u64 {
        self.written + self.buffer.len() as u64
    }

    /// Adds bytes to the end.
    pub fn append(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(BUFFER - self.buffer.len()));
            self.buffer.extend_from_slice(now);
            bytes = later;
            if self.buffer.len() == BUFFER {
                self.write_out()?;
                self.written += BUFFER as u64;
                self.buffer.clear();
            }
        }
        Ok(())
    }

    /// The content from its beginning, as often as wanted.
    pub fn content(&self) -> impl Read {
        Content { spool: self, offset: 0 }
    }

    /// Some of the content from an offset on; 0 is its end.
    pub fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let Self { file, written, buffer: tail } = self;
        if let Some(left) = written.checked_sub(offset).filter(|left| *left > 0) {
            let most = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
            file.check()?;
            let read = retry_on_intr(|| pread(file, &mut buffer[..most], offset))?;
            return Ok(match read {
                // The file ends with the last byte that is not zero, or thereabouts.
                0 => {
                    buffer[..most].fill(0);
                    most
                }
                read => read,
            });
        }
        let at = usize::try_from(offset - written).unwrap_or(usize::MAX);
        let mut left = tail.get(at..).unwrap_or_default();
        left.read(buffer)
    }

    /// Writes the buffer but for its zeros.
    fn write_out(&self) -> io::Result<()> {
        self.file.check()?;
        let mut at = 0;
        while at < self.buffer.len() {
            at += run_of(&self.buffer[at..], true);
            let data = run_of(&self.buffer[at..], false);
            let end = at + data;
            while at < end {
                match pwrite(&self.file, &self.buffer[at..end], self.written + at as u64) {
                    Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                    Ok(written) => at += written,
                    Err(Errno::INTR) => {}
                    Err(errno) => return Err(errno.into()),
                }
            }
        }
        Ok(())
    }
}

/// Where large temporary files go: to $TMPDIR where the environment has a say, else to a disk.
pub fn directory(environment: Environment) -> PathBuf {
    if let Some(named) = environment.path("TMPDIR") {
        return named;
    }
    // Small systems have only the one that may be in memory.
    let disk = Path::new("/var/tmp");
    if disk.is_dir() { disk.into() } else { "/tmp".into() }
}

const MODE: Mode = Mode::RUSR.union(Mode::WUSR);

/// Creates a file with a random name, and unlinks it.
fn create_and_forget(dir: &Path) -> io::Result<OwnedFd> {
    let path = dir.join(format!("ocireg-{}", crypto::random_hex(16)?));
    let flags = OFlags::CREATE | OFlags::RDWR | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = open(CWD, &path, flags, MODE)?;
    unlinkat(CWD, &path, rustix::fs::AtFlags::empty())?;
    Ok(file)
}

/// How many bytes from the beginning are blocks of zeros, or blocks of anything else.
fn run_of(bytes: &[u8], zeros: bool) -> usize {
    let is = |block: &&[u8]| (**block == [0; BLOCK][..block.len()]) == zeros;
    bytes.chunks(BLOCK).take_while(is).map(<[u8]>::len).sum()
}

struct Content<'a> {
    spool: &'a Spool,
    offset: u64,
}

impl Read for Content<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.spool.read_at(buffer, self.offset)?;
        self.offset += read as u64;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use rustix::fs::fstat;

    use super::*;

    fn read(spool: &Spool) -> Vec<u8> {
        let mut all = Vec::new();
        spool.content().read_to_end(&mut all).unwrap();
        all
    }

    #[test]
    fn what_goes_in_comes_out() {
        let dir = tempfile::tempdir().unwrap();
        let mut spool = Spool::create(dir.path()).unwrap();
        let mut expected = Vec::new();
        assert_eq!(read(&spool), expected);
        for (size, byte) in [
            (1, 7),
            (BLOCK, 0),
            (BLOCK - 1, 0),
            (3 * BUFFER, 0),
            (5, 0),
            (2 * BUFFER + 9, 1),
            (6, 0),
        ] {
            let bytes = vec![byte; size];
            spool.append(&bytes).unwrap();
            expected.extend_from_slice(&bytes);
            assert_eq!(spool.size(), expected.len() as u64);
            // Reading changes nothing about where the next bytes go.
            assert!(read(&spool) == expected, "after {size} times {byte}");
        }
    }

    #[test]
    fn zeros_take_no_room() {
        let dir = tempfile::tempdir().unwrap();
        let mut spool = Spool::create(dir.path()).unwrap();
        spool.append(b"begin").unwrap();
        for _ in 0..64 {
            spool.append(&vec![0; 1 << 20]).unwrap();
        }
        assert_eq!(read(&spool).len(), 5 + (64 << 20));
        assert!(fstat(&spool.file).unwrap().st_blocks * 512 < 1 << 20);
    }

    #[test]
    fn it_has_no_name_and_no_other_reader() {
        let dir = tempfile::tempdir().unwrap();
        let spool = Spool::create(dir.path()).unwrap();
        let forgotten = create_and_forget(dir.path()).unwrap();
        for file in [spool.file.as_fd(), forgotten.as_fd()] {
            let state = fstat(file).unwrap();
            assert_eq!((state.st_nlink, state.st_mode & 0o777), (0, 0o600));
        }
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
