//! A directory held open: names in it are reached without following symbolic links, wherever its path leads later.

use std::ffi::{OsStr, OsString};
use std::fs::{DirBuilder, File};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{
    self, Access, AtFlags, CWD, FileType, Mode, OFlags, RenameFlags, Stat, StatxAttributes,
    StatxFlags,
};
use rustix::io::Errno;

use super::descriptor::above_standard;
use super::file::{is_unsupported, open};
use crate::crypto;

/// What the random temporary names begin with.
pub const TEMPORARY: &str = ".ocireg-tmp-";

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Link,
    /// A device, pipe or socket.
    Other,
}

/// An open directory; cheap to clone. Every name given to it is one component.
#[derive(Debug, Clone)]
pub struct Dir(Arc<OwnedFd>);

impl Dir {
    /// Opens the directory of a path that the user gave, and whose links are therefore followed.
    pub fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self(Arc::new(open(CWD, path, flags, Mode::empty())?)))
    }

    /// Makes the directory of a path that the user gave, and those above it, for its owner alone.
    pub fn make_private(path: &Path) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(path)
    }

    /// Opens a directory in this one; a symbolic link is an error.
    pub fn open_dir(&self, name: &str) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match open(&*self.0, name, flags, Mode::empty()) {
            Ok(fd) => Ok(Self(Arc::new(fd))),
            Err(e) if is(&e, Errno::LOOP) => Err(Errno::NOTDIR.into()),
            Err(e) => Err(e),
        }
    }

    /// Opens a directory in this one, after making it if there is none.
    pub fn make_dir(&self, name: &str) -> io::Result<Self> {
        self.make_dir_with(name, 0o777)
    }

    /// The same with these permissions, from which the umask takes.
    pub fn make_dir_with(&self, name: &str, mode: u32) -> io::Result<Self> {
        match fs::mkdirat(&*self.0, name, Mode::from_raw_mode(mode)) {
            Ok(()) | Err(Errno::EXIST) => self.open_dir(name),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Opens a regular file for reading. Links, pipes and devices are errors, and never block.
    pub fn open_file(&self, name: &str) -> io::Result<File> {
        self.open_regular(name, OFlags::RDONLY, Mode::empty())
    }

    pub(super) fn open_regular(&self, name: &str, flags: OFlags, mode: Mode) -> io::Result<File> {
        let flags = flags | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match open(&*self.0, name, flags, mode) {
            Ok(fd) => File::from(fd),
            Err(e) if is(&e, Errno::LOOP) => return Err(irregular()),
            Err(e) => return Err(e),
        };
        if file.metadata()?.is_file() { Ok(file) } else { Err(irregular()) }
    }

    /// What has the name itself; None if nothing has.
    pub fn status(&self, name: &str) -> io::Result<Option<Status>> {
        Ok(self.stat(name)?.map(|stat| match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Status::File,
            FileType::Directory => Status::Directory,
            FileType::Symlink => Status::Link,
            _ => Status::Other,
        }))
    }

    /// Its own permissions.
    pub fn mode(&self) -> io::Result<u32> {
        Ok(fs::fstat(&*self.0)?.st_mode & 0o777)
    }

    /// Whether two names are names of one file.
    pub fn is_same(&self, name: &str, other_dir: &Self, other: &str) -> io::Result<bool> {
        let (one, other) = (self.stat(name)?, other_dir.stat(other)?);
        Ok(one.zip(other).is_some_and(|(a, b)| (a.st_dev, a.st_ino) == (b.st_dev, b.st_ino)))
    }

    /// Makes a symbolic link; what has the name is replaced if that is wanted, and else EEXIST.
    pub fn put_link(&self, target: &str, name: &str, replace: bool) -> io::Result<()> {
        self.put(name, replace, |name| fs::symlinkat(target, &*self.0, name))
    }

    /// Gives a file of this directory another name, in the same way.
    pub fn put_hard_link(
        &self,
        file: &str,
        to_dir: &Self,
        name: &str,
        replace: bool,
    ) -> io::Result<()> {
        let flags = AtFlags::empty();
        to_dir.put(name, replace, |name| fs::linkat(&*self.0, file, &*to_dir.0, name, flags))
    }

    fn put(
        &self,
        name: &str,
        replace: bool,
        make: impl Fn(&str) -> rustix::io::Result<()>,
    ) -> io::Result<()> {
        if !replace {
            return Ok(make(name)?);
        }
        let temporary = format!("{}{}", TEMPORARY, crypto::random_hex(16)?);
        make(&temporary)?;
        let renamed = self.rename(&temporary, self, name);
        // Renaming one name of a file to another one of it leaves both.
        match self.remove(&temporary) {
            Err(e) if e.kind() != io::ErrorKind::NotFound && renamed.is_ok() => Err(e),
            _ => renamed,
        }
    }

    /// Whether a directory has the name; a symbolic link to one is none.
    pub fn is_dir(&self, name: &str) -> io::Result<bool> {
        let stat = self.stat(name)?;
        Ok(stat.is_some_and(|s| FileType::from_raw_mode(s.st_mode) == FileType::Directory))
    }

    /// Bytes of a regular file, None if nothing has the name; anything else is an error.
    pub fn file_size(&self, name: &str) -> io::Result<Option<u64>> {
        let Some(stat) = self.stat(name)? else { return Ok(None) };
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(irregular());
        }
        Ok(Some(u64::try_from(stat.st_size).unwrap_or(0)))
    }

    /// Where the symbolic link of this name leads; EINVAL if it is none.
    pub fn link_target(&self, name: &str) -> io::Result<PathBuf> {
        let target = fs::readlinkat(&*self.0, name, Vec::new())?;
        Ok(PathBuf::from(OsString::from_vec(target.into_bytes())))
    }

    /// The state of what has the name itself, not of what it links to.
    pub(super) fn stat(&self, name: &str) -> io::Result<Option<Stat>> {
        match fs::statat(&*self.0, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(stat)),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Whether something is mounted on what has the name; false where the system does not say.
    pub fn is_mount(&self, name: &str) -> bool {
        let state = fs::statx(&*self.0, name, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::empty());
        state.is_ok_and(|state| state.stx_attributes.contains(StatxAttributes::MOUNT_ROOT))
    }

    /// What changes whenever the file of a name is written to or replaced; None if nothing has the name.
    pub fn state(&self, name: &str) -> io::Result<Option<String>> {
        Ok(self.stat(name)?.map(|s| {
            format!(
                "{} {}.{} {}.{} {}",
                s.st_size, s.st_mtime, s.st_mtime_nsec, s.st_ctime, s.st_ctime_nsec, s.st_ino
            )
        }))
    }

    /// Opens a file to add lines to, which is made if it is missing.
    pub fn open_to_append(&self, name: &str) -> io::Result<File> {
        let flags = OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE;
        self.open_regular(name, flags, Mode::from_raw_mode(0o666))
    }

    /// Whether files can be made here.
    pub fn check_writable(&self) -> io::Result<()> {
        let access = Access::WRITE_OK | Access::EXEC_OK;
        match fs::accessat(&*self.0, ".", access, AtFlags::EACCESS) {
            // Where it cannot be asked, writing will tell.
            Err(Errno::NOSYS | Errno::PERM) => Ok(()),
            asked => Ok(asked?),
        }
    }

    /// The names in this directory, unsorted; names that are not UTF-8 contain replacement characters.
    pub fn names(&self) -> io::Result<Vec<String>> {
        let names = self.raw_names()?;
        Ok(names.into_iter().map(|name| name.to_string_lossy().into_owned()).collect())
    }

    /// The names as they are.
    pub fn raw_names(&self) -> io::Result<Vec<OsString>> {
        let mut names = Vec::new();
        for entry in above_standard(|| fs::Dir::read_from(&*self.0))? {
            let name = OsString::from_vec(entry?.file_name().to_bytes().to_vec());
            if name != "." && name != ".." {
                names.push(name);
            }
        }
        Ok(names)
    }

    /// Renames, replacing what had the new name.
    pub(super) fn rename(&self, from: &str, to_dir: &Self, to: &str) -> io::Result<()> {
        Ok(fs::renameat(&*self.0, from, &*to_dir.0, to)?)
    }

    /// Renames, unless something has the new name: then it fails with EEXIST.
    pub fn rename_new(
        &self,
        from: impl AsRef<OsStr>,
        to_dir: &Self,
        to: impl AsRef<OsStr>,
    ) -> io::Result<()> {
        let (from, to) = (from.as_ref(), to.as_ref());
        match fs::renameat_with(&*self.0, from, &*to_dir.0, to, RenameFlags::NOREPLACE) {
            // The file system cannot do both at once.
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {}
            renamed => return Ok(renamed?),
        }
        match fs::statat(&*to_dir.0, to, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => Ok(fs::renameat(&*self.0, from, &*to_dir.0, to)?),
            Ok(_) => Err(Errno::EXIST.into()),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Makes a directory for its owner alone, which nothing may have the name of yet.
    pub fn make_own_dir(&self, name: &str) -> io::Result<Self> {
        fs::mkdirat(&*self.0, name, Mode::RWXU)?;
        self.open_dir(name)
    }

    /// Whether a name is that of this open directory.
    pub fn is_named(&self, name: &str, directory: &Self) -> io::Result<bool> {
        let opened = fs::fstat(&*directory.0)?;
        let named = self.stat(name)?;
        Ok(named.is_some_and(|n| n.st_ino == opened.st_ino && n.st_dev == opened.st_dev))
    }

    /// Removes an empty directory.
    pub fn remove_dir(&self, name: &str) -> io::Result<()> {
        Ok(fs::unlinkat(&*self.0, name, AtFlags::REMOVEDIR)?)
    }

    /// Removes a file.
    pub fn remove(&self, name: &str) -> io::Result<()> {
        Ok(fs::unlinkat(&*self.0, name, AtFlags::empty())?)
    }

    /// Makes the names in this directory survive a power cut.
    ///
    /// False where the file system cannot do that for a directory, as SMB, sshfs and WSL cannot.
    pub fn sync(&self) -> io::Result<bool> {
        match fs::fsync(&*self.0).map_err(io::Error::from) {
            Ok(()) => Ok(true),
            Err(e) if is_unsupported(&e) => Ok(false),
            Err(e) => Err(e),
        }
    }

    /// The directory with its own file description, for locking.
    pub(super) fn reopen(&self) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(File::from(open(&*self.0, ".", flags, Mode::empty())?))
    }
}

impl AsFd for Dir {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

fn is(error: &io::Error, errno: Errno) -> bool {
    Errno::from_io_error(error) == Some(errno)
}

pub(super) fn irregular() -> io::Error {
    io::Error::other("expected a regular file, but found a link, directory or device")
}
