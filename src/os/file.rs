//! Files that others wrote: read whole, within a bound, and never waited for.

use std::fmt;
use std::fs::{File, Metadata};
use std::io::{self, ErrorKind, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::Errno;
use rustix::path::Arg;
use zeroize::Zeroizing;

use super::descriptor;
use crate::error::{Code, Error};

/// A file that was read.
pub struct Content {
    /// Its bytes; overwritten when dropped, because they may hold a secret.
    pub bytes: Zeroizing<Vec<u8>>,
    /// Its state when it was opened.
    pub state: Metadata,
}

/// What becomes another whenever a file is written to or replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// Bytes.
    pub size: u64,
    /// Permissions.
    pub mode: u32,
    node: (u64, u64),
    times: [(i64, i64); 2],
}

impl State {
    /// The state of an open file now.
    pub fn of(file: &File) -> io::Result<Self> {
        let state = file.metadata()?;
        Ok(Self {
            size: state.len(),
            mode: state.mode() & 0o777,
            node: (state.dev(), state.ino()),
            times: [(state.mtime(), state.mtime_nsec()), (state.ctime(), state.ctime_nsec())],
        })
    }
}

/// Why a file could not be read.
#[derive(Debug)]
pub enum ReadError {
    /// Nothing has the name.
    Missing(io::Error),
    /// It is a directory, FIFO, socket or device.
    NotRegular,
    /// It has more bytes than this.
    TooLarge(u64),
    /// The system's reason.
    System(io::Error),
}

/// Reads a regular file of at most `most` bytes. Symbolic links are followed.
///
/// FIFOs and devices are refused, and opening one neither waits nor makes a terminal the host's controlling one.
pub fn read_limited(path: &Path, most: u64) -> Result<Content, ReadError> {
    let file = open_regular(path)?;
    let state = file.metadata()?;
    let bytes = read_open(&file, most)?;
    Ok(Content { bytes, state })
}

/// Opens a regular file for reading.
pub fn open_regular(path: &Path) -> Result<File, ReadError> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = match open(CWD, path, flags, Mode::empty()) {
        Ok(fd) => File::from(fd),
        Err(e) => match Errno::from_io_error(&e) {
            // A socket has no open(), and a device may have no driver.
            Some(Errno::NXIO | Errno::NODEV) => return Err(ReadError::NotRegular),
            _ => return Err(e.into()),
        },
    };
    if file.metadata()?.is_file() { Ok(file) } else { Err(ReadError::NotRegular) }
}

/// Opens a path below a directory, at a descriptor above the standard streams.
pub(super) fn open(
    dir: impl AsFd,
    path: impl Arg,
    flags: OFlags,
    mode: Mode,
) -> io::Result<OwnedFd> {
    descriptor::open(|| openat(dir, path, flags, mode))
}

/// Whether a file system says that it lacks an operation.
pub(super) fn is_unsupported(error: &io::Error) -> bool {
    let errno = Errno::from_io_error(error);
    matches!(
        errno,
        Some(
            Errno::NOLCK
                | Errno::OPNOTSUPP
                | Errno::NOSYS
                | Errno::INVAL
                | Errno::BADF
                | Errno::PERM
        )
    )
}

/// Reads an open file to its end.
pub fn read_open(mut file: &File, most: u64) -> Result<Zeroizing<Vec<u8>>, ReadError> {
    let length = file.metadata()?.len();
    let room = usize::try_from(length.min(most)).unwrap_or(0);
    // With room for all of it from the start no copy is left behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(room.saturating_add(64)));
    (&mut file).take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most { Err(ReadError::TooLarge(most)) } else { Ok(bytes) }
}

impl ReadError {
    /// Whether there is no such file.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Missing(_))
    }

    /// The error of a call that cannot do without the file: `doing` names it.
    pub fn into_error(self, doing: impl Into<String>) -> Error {
        match self {
            Self::Missing(error) | Self::System(error) => Error::file(doing, &error),
            Self::NotRegular | Self::TooLarge(_) => Error::new(Code::Io, doing)
                .phase(crate::error::Phase::Store)
                .cause(self)
                .hint("check the path: it must name a regular file, or a link to one"),
        }
    }
}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory => Self::Missing(error),
            _ => Self::System(error),
        }
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(error) | Self::System(error) => error.fmt(f),
            Self::NotRegular => f.write_str("it is not a regular file"),
            Self::TooLarge(most) => write!(f, "it is larger than {most} bytes"),
        }
    }
}

impl std::error::Error for ReadError {}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Content").field("bytes", &self.bytes.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn only_regular_files_within_the_bound_are_read_and_nothing_waits() {
        let dir = tempfile::tempdir().expect("a directory");
        let at = |name: &str| dir.path().join(name);
        std::fs::write(at("right"), b"12345").expect("a file");
        symlink("right", at("link")).expect("a link");
        symlink("/dev/zero", at("zero")).expect("a link");
        symlink("/dev/tty", at("tty")).expect("a link");
        symlink("loop", at("loop")).expect("a link");
        rustix::fs::mkfifoat(CWD, at("fifo"), Mode::RUSR | Mode::WUSR).expect("a FIFO");
        let _socket = UnixListener::bind(at("socket")).expect("a socket");
        let start = Instant::now();
        for name in ["right", "link"] {
            assert_eq!(*read_limited(&at(name), 5).expect("read").bytes, b"12345", "{name}");
            assert!(matches!(read_limited(&at(name), 4), Err(ReadError::TooLarge(4))), "{name}");
        }
        for name in ["fifo", "zero", "tty", "socket", "."] {
            let error = read_limited(&at(name), 5).expect_err(name);
            assert!(matches!(error, ReadError::NotRegular), "{name}: {error:?}");
        }
        assert!(matches!(read_limited(&at("loop"), 5), Err(ReadError::System(_))));
        for name in ["missing", "right/below"] {
            assert!(read_limited(&at(name), 5).expect_err(name).is_missing(), "{name}");
        }
        // Files of the kernel say that they are empty.
        assert!(
            !read_limited(Path::new("/proc/self/status"), 1 << 20).expect("read").bytes.is_empty()
        );
        assert!(start.elapsed() < Duration::from_secs(2));
    }

    #[test]
    fn the_error_names_the_reason() {
        let error = ReadError::NotRegular.into_error("cannot read /x");
        assert_eq!(error.code(), Code::Io);
        assert_eq!(error.to_string(), "cannot read /x: it is not a regular file");
        let error = ReadError::from(io::Error::from(ErrorKind::PermissionDenied)).into_error("x");
        assert_eq!(error.code(), Code::Permission);
    }
}
