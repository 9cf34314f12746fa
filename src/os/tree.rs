//! A tree of directories that is being made by somebody who is not trusted with the rest of the file system.
//!
//! The root is a descriptor. A path is resolved inside it as by a process whose root it is: symbolic links and `..` lead to
//! places below it, whatever changes meanwhile. What is done to a name is done in a directory that is held open, and never
//! follows a link.
//!
//! A directory that its owner may not use (mode 0500, say) is given the missing bits as long as something is made below it.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{
    self, AtFlags, Dev, FileType, Gid, Mode, OFlags, ResolveFlags, Stat, Timespec, Timestamps, Uid,
    XattrFlags,
};
use rustix::io::Errno;

use super::descriptor::{above_standard, open};
use super::dir::Dir;
pub use super::held::Id;
use super::held::{
    OPEN_DIRECTORY, Opened, USABLE, chmod_held, is_usable, mode_of, open_below, set_times_of,
};

/// More links than that are a circle.
const MOST_LINKS: usize = 40;

/// How often a look-up begins anew because names changed under it.
const MOST_TRIES: usize = 16;

/// Told of each directory that is made on the way to another one.
type New<'a> = &'a mut dyn FnMut(Node<'_>) -> io::Result<()>;

/// A tree below a root.
#[derive(Debug)]
pub struct Tree {
    root: Arc<OwnedFd>,
    /// Whether names that differ in case or in their Unicode form are the same name here.
    folds: bool,
    /// Whether the system resolves paths inside a root by itself.
    resolves: AtomicBool,
}

/// An open directory of a tree.
#[derive(Debug)]
pub struct Directory {
    fd: Arc<OwnedFd>,
    id: Id,
    folds: bool,
    /// Directories on the way that were made usable, with the modes that they had.
    opened_up: Vec<(OwnedFd, Mode)>,
}

/// Something of a tree whose attributes are set: by a descriptor, or by a name that is never followed.
#[derive(Debug, Clone, Copy)]
pub enum Node<'a> {
    /// An open file or directory.
    Open(BorrowedFd<'a>),
    /// Anything else, such as a symbolic link or a device.
    Named(&'a Directory, &'a [u8]),
}

/// What is at a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// A directory.
    Directory,
    /// Anything else.
    Other,
}

/// What is made by a name alone.
#[derive(Debug, Clone, Copy)]
pub enum Special {
    /// A FIFO.
    Fifo,
    /// A character device with its major and minor number.
    CharacterDevice(u32, u32),
    /// A block device.
    BlockDevice(u32, u32),
}

impl Tree {
    /// The tree below a directory.
    pub fn new(root: &Dir) -> io::Result<Self> {
        let root = Arc::new(open(|| fs::openat(root, ".", OPEN_DIRECTORY, Mode::empty()))?);
        let folds = folds(root.as_fd());
        Ok(Self { root, folds, resolves: AtomicBool::new(!folds) })
    }

    /// The root itself.
    pub fn root(&self) -> io::Result<Directory> {
        self.directory(self.root.clone(), Vec::new())
    }

    /// The directory of a path, names with slashes between them; None if it does not exist.
    pub fn find(&self, path: &[u8]) -> io::Result<Option<Directory>> {
        if let Some(found) = self.resolve(path)? {
            return Ok(found);
        }
        self.walk(path, None)
    }

    /// The directory of a path. Those that are missing are made; `new` is told of each.
    pub fn make(&self, path: &[u8], new: New<'_>) -> io::Result<Directory> {
        if let Some(Some(found)) = self.resolve(path)? {
            return Ok(found);
        }
        let made = self.walk(path, Some(new))?;
        made.ok_or_else(|| Errno::NOENT.into())
    }

    /// As the system resolves it. None if it cannot, or not without help.
    fn resolve(&self, path: &[u8]) -> io::Result<Option<Option<Directory>>> {
        if path.is_empty() {
            return self.root().map(|root| Some(Some(root)));
        }
        if !self.resolves.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let inside = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        match open(|| fs::openat2(&*self.root, path, flags, Mode::empty(), inside)) {
            Ok(fd) => Ok(Some(Some(self.directory(Arc::new(fd), Vec::new())?))),
            Err(e) => match Errno::from_io_error(&e) {
                Some(Errno::NOENT) => Ok(Some(None)),
                // Old kernels lack the call, and sandboxes forbid what they do not know.
                Some(Errno::NOSYS | Errno::PERM) => {
                    self.resolves.store(false, Ordering::Relaxed);
                    Ok(None)
                }
                // Names change meanwhile, or a directory must be made usable first.
                Some(Errno::AGAIN | Errno::ACCESS) => Ok(None),
                _ => Err(e),
            },
        }
    }

    /// One name at a time, by directories that are held open.
    fn walk(&self, path: &[u8], mut new: Option<New<'_>>) -> io::Result<Option<Directory>> {
        let names = |path: &[u8]| -> Vec<Vec<u8>> {
            path.split(|b| *b == b'/').rev().map(<[u8]>::to_vec).collect()
        };
        let mut rest = names(path);
        // Where we are, by names that are no links.
        let mut way: Vec<Vec<u8>> = Vec::new();
        let mut here = self.directory(self.root.clone(), Vec::new())?;
        let (mut links, mut tries) = (0, 0);
        while let Some(name) = rest.pop() {
            match name.as_slice() {
                b"" | b"." => continue,
                b".." => {
                    way.pop();
                    let opened_up = std::mem::take(&mut here.opened_up);
                    here = self.retrace(&way, opened_up)?;
                    continue;
                }
                _ => {}
            }
            match fs::readlinkat(&*here.fd, name.as_slice(), Vec::new()) {
                Ok(target) => {
                    links += 1;
                    if links > MOST_LINKS {
                        return Err(Errno::LOOP.into());
                    }
                    if target.as_bytes().starts_with(b"/") {
                        way.clear();
                        let opened_up = std::mem::take(&mut here.opened_up);
                        here = self.directory(self.root.clone(), opened_up)?;
                    }
                    rest.extend(names(target.as_bytes()));
                    continue;
                }
                Err(Errno::INVAL) => here.check_name(&name)?,
                Err(Errno::NOENT) => {
                    let Some(new) = &mut new else { return Ok(None) };
                    tries += 1;
                    match fs::mkdirat(&*here.fd, name.as_slice(), USABLE) {
                        Ok(()) => {}
                        Err(Errno::EXIST) if tries < MOST_TRIES => {
                            rest.push(name);
                            continue;
                        }
                        Err(errno) => return Err(errno.into()),
                    }
                    let made = here.open_directory(&name)?;
                    new(Node::Open(made.fd.as_fd()))?;
                }
                Err(errno) => return Err(errno.into()),
            }
            here = here.into_directory(&name)?;
            way.push(name);
        }
        Ok(Some(here))
    }

    /// The directory that these names lead to, without any link.
    fn retrace(&self, way: &[Vec<u8>], opened_up: Vec<(OwnedFd, Mode)>) -> io::Result<Directory> {
        let mut here = self.directory(self.root.clone(), opened_up)?;
        for name in way {
            here = here.into_directory(name)?;
        }
        Ok(here)
    }

    fn directory(
        &self,
        fd: Arc<OwnedFd>,
        opened_up: Vec<(OwnedFd, Mode)>,
    ) -> io::Result<Directory> {
        let id = Id::of(&fs::fstat(&*fd)?);
        Ok(Directory { fd, id, folds: self.folds, opened_up })
    }
}

impl Directory {
    /// What tells it from others.
    pub fn id(&self) -> Id {
        self.id
    }

    /// The directory itself.
    pub fn node(&self) -> Node<'_> {
        Node::Open(self.fd.as_fd())
    }

    /// Its own state.
    pub fn state(&self) -> io::Result<Stat> {
        Ok(fs::fstat(&*self.fd)?)
    }

    /// Makes it usable, if its mode says that it is not even for its owner.
    pub fn open_up(&mut self) -> io::Result<()> {
        let mode = mode_of(&self.state()?);
        if is_usable(mode) {
            return Ok(());
        }
        let fd = open(|| rustix::io::fcntl_dupfd_cloexec(&*self.fd, 0))?;
        fs::fchmod(&fd, mode | USABLE)?;
        self.opened_up.push((fd, mode));
        Ok(())
    }

    /// Makes it look as if nothing had been made in it since it had this state.
    pub fn set_times_of(&self, state: &Stat) -> io::Result<()> {
        set_times_of(self.fd.as_fd(), state)
    }

    /// Gives directories that were made usable their modes back.
    pub fn close(&mut self) -> io::Result<()> {
        while let Some((fd, mode)) = self.opened_up.pop() {
            chmod_held(fd.as_fd(), mode)?;
        }
        Ok(())
    }

    /// Makes an empty regular file for its owner alone. Whatever has the name already is an error.
    pub fn create_file(&self, name: &[u8]) -> io::Result<File> {
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = open(|| fs::openat(&*self.fd, name, flags, Mode::RUSR | Mode::WUSR))?;
        Ok(File::from(fd))
    }

    /// Makes a directory for its owner alone.
    pub fn create_directory(&self, name: &[u8]) -> io::Result<()> {
        Ok(fs::mkdirat(&*self.fd, name, USABLE)?)
    }

    /// Opens a directory of this one, which must not be a link.
    pub fn open_directory(&self, name: &[u8]) -> io::Result<Self> {
        let Opened { fd, id, opened_up } = open_below(self.fd.as_fd(), name)?;
        let opened_up = opened_up.into_iter().collect();
        Ok(Self { fd: Arc::new(fd), id, folds: self.folds, opened_up })
    }

    fn into_directory(mut self, name: &[u8]) -> io::Result<Self> {
        let mut below = self.open_directory(name)?;
        let mut opened_up = std::mem::take(&mut self.opened_up);
        opened_up.append(&mut below.opened_up);
        Ok(Self { opened_up, ..below })
    }

    /// Makes a symbolic link.
    pub fn create_link(&self, target: &[u8], name: &[u8]) -> io::Result<()> {
        Ok(fs::symlinkat(target, &*self.fd, name)?)
    }

    /// Gives what has a name in another directory this name as well. A symbolic link is not followed.
    pub fn create_hard_link(&self, from: &Self, target: &[u8], name: &[u8]) -> io::Result<()> {
        Ok(fs::linkat(&*from.fd, target, &*self.fd, name, AtFlags::empty())?)
    }

    /// Makes a device or a FIFO for its owner alone. It is never opened.
    pub fn create_special(&self, special: Special, name: &[u8]) -> io::Result<()> {
        let (kind, device): (FileType, Dev) = match special {
            Special::Fifo => (FileType::Fifo, 0),
            Special::CharacterDevice(major, minor) => {
                (FileType::CharacterDevice, fs::makedev(major, minor))
            }
            Special::BlockDevice(major, minor) => {
                (FileType::BlockDevice, fs::makedev(major, minor))
            }
        };
        Ok(fs::mknodat(&*self.fd, name, kind, Mode::RUSR | Mode::WUSR, device)?)
    }

    /// What has the name, if anything does. An error if what is found has in truth another name.
    pub fn look_up(&self, name: &[u8]) -> io::Result<Option<Found>> {
        let state = match fs::statat(&*self.fd, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(state) => state,
            Err(Errno::NOENT) => return Ok(None),
            Err(errno) => return Err(errno.into()),
        };
        self.check_name(name)?;
        let is_directory = FileType::from_raw_mode(state.st_mode) == FileType::Directory;
        Ok(Some(if is_directory { Found::Directory } else { Found::Other }))
    }

    /// Removes what has the name, with everything below it, but nothing that `keep` says to keep: it is told the
    /// directory and the name. False if something was kept.
    pub fn remove(&self, name: &[u8], keep: &dyn Fn(Id, &[u8]) -> bool) -> io::Result<bool> {
        super::remove::remove(self.fd.as_fd(), name, keep)
    }

    /// Removes what the directory has, in the same way.
    pub fn clear(&self, keep: &dyn Fn(Id, &[u8]) -> bool) -> io::Result<bool> {
        super::remove::clear(self.fd.as_fd(), keep)
    }

    /// A name that is found where names are folded may be another one.
    fn check_name(&self, name: &[u8]) -> io::Result<()> {
        if !self.folds {
            return Ok(());
        }
        for entry in above_standard(|| fs::Dir::read_from(&*self.fd))? {
            if entry?.file_name().to_bytes() == name {
                return Ok(());
            }
        }
        Err(io::Error::other(
            "this file system cannot tell it from a name that differs only in case or Unicode form",
        ))
    }
}

impl Node<'_> {
    /// Gives it an owner and a group.
    pub fn set_owner(&self, user: u32, group: u32) -> io::Result<()> {
        let (user, group) = (Some(Uid::from_raw(user)), Some(Gid::from_raw(group)));
        let set = match self {
            Self::Open(fd) => fs::fchown(fd, user, group),
            Self::Named(dir, name) => {
                fs::chownat(&*dir.fd, *name, user, group, AtFlags::SYMLINK_NOFOLLOW)
            }
        };
        Ok(set?)
    }

    /// Sets its permissions. A symbolic link has none.
    pub fn set_mode(&self, mode: u32) -> io::Result<()> {
        let mode = Mode::from_raw_mode(mode);
        match self {
            Self::Open(fd) => Ok(fs::fchmod(fd, mode)?),
            Self::Named(dir, name) => {
                // Held without being opened: to open a device may do something.
                let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                let held = open(|| fs::openat(&*dir.fd, *name, flags, Mode::empty()))?;
                let kind = FileType::from_raw_mode(fs::fstat(&held)?.st_mode);
                if kind == FileType::Symlink {
                    return Err(Errno::LOOP.into());
                }
                chmod_held(held.as_fd(), mode)
            }
        }
    }

    /// Sets when it was changed last; nobody has read it since.
    pub fn set_time(&self, seconds: i64, nanoseconds: u32) -> io::Result<()> {
        let time = Timespec { tv_sec: seconds, tv_nsec: nanoseconds.into() };
        self.set_times(time, time)
    }

    fn set_times(&self, last_access: Timespec, last_modification: Timespec) -> io::Result<()> {
        let times = Timestamps { last_access, last_modification };
        let set = match self {
            Self::Open(fd) => fs::futimens(fd, &times),
            Self::Named(dir, name) => {
                fs::utimensat(&*dir.fd, *name, &times, AtFlags::SYMLINK_NOFOLLOW)
            }
        };
        Ok(set?)
    }

    /// Sets an extended attribute.
    pub fn set_xattr(&self, key: &[u8], value: &[u8]) -> io::Result<()> {
        let set = || match self {
            Self::Open(fd) => fs::fsetxattr(fd, key, value, XattrFlags::empty()),
            Self::Named(dir, name) => {
                fs::lsetxattr(below(dir.fd.as_fd(), name), key, value, XattrFlags::empty())
            }
        };
        match (set(), self) {
            // A file that its owner may not write to has no attributes of the user either.
            (Err(Errno::ACCESS), Self::Open(fd)) => {
                let mode = mode_of(&fs::fstat(fd)?);
                fs::fchmod(fd, mode | Mode::WUSR)?;
                let again = set();
                fs::fchmod(fd, mode)?;
                Ok(again?)
            }
            (done, _) => Ok(done?),
        }
    }
}

/// The path of a name in a directory that is held open: no system call sets attributes by both.
fn below(dir: BorrowedFd<'_>, name: &[u8]) -> Vec<u8> {
    let mut path = format!("/proc/self/fd/{}/", dir.as_raw_fd()).into_bytes();
    path.extend_from_slice(name);
    path
}

/// Whether names in a directory are folded: as ext4, F2FS and tmpfs can do on request, and as some other file systems
/// always do.
fn folds(dir: BorrowedFd<'_>) -> bool {
    /// FS_CASEFOLD_FL of linux/fs.h.
    const CASEFOLD: u32 = 0x4000_0000;
    /// vfat, exFAT, NTFS (two drivers), HFS, HFS+, CIFS and SMB (two), as linux/magic.h and their drivers number them.
    const FOLDING: [u32; 9] = [
        0x4d44,
        0x2011_bab0,
        0x5346_544e,
        0x7366_746e,
        0x4244,
        0x482b,
        0xff53_4d42,
        0xfe53_4d42,
        0x517b,
    ];
    if fs::ioctl_getflags(dir).is_ok_and(|flags| flags.bits() & CASEFOLD != 0) {
        return true;
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    // Magic numbers have 32 bits.
    fs::fstatfs(dir).is_ok_and(|system| FOLDING.contains(&(system.f_type as u32)))
}

#[cfg(test)]
mod tests {
    use std::fs as std_fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn both_ways_of_resolving_a_path_find_the_same() {
        let dir = tempfile::tempdir().expect("a directory");
        let root = dir.path().join("root");
        std_fs::create_dir_all(root.join("a/b/c")).expect("directories");
        std_fs::create_dir_all(dir.path().join("outside")).expect("directories");
        std_fs::write(root.join("file"), "").expect("a file");
        for (link, target) in [
            ("absolute", "/a/b"),
            ("relative", "a/./b/../b"),
            ("up", "../../../../a"),
            ("a/b/up", "../../../outside"),
            ("a/root", "/"),
            ("dangling", "/nothing/here"),
            ("circle", "circle"),
            ("magic", "/proc/self/root"),
        ] {
            symlink(target, root.join(link)).expect("a link");
        }
        let tree = || Tree::new(&Dir::open(&root).expect("the root")).expect("a tree");
        let (fast, slow) = (tree(), tree());
        slow.resolves.store(false, Ordering::Relaxed);
        for (path, found) in [
            ("", Some("")),
            ("a/b/c", Some("a/b/c")),
            ("absolute/c", Some("a/b/c")),
            ("relative/c", Some("a/b/c")),
            ("up/b", Some("a/b")),
            ("a/root/a/root/a", Some("a")),
            ("a/b/up", None),
            ("dangling", None),
            ("magic", None),
            ("missing/x", None),
        ] {
            let id = |tree: &Tree| {
                tree.find(path.as_bytes()).expect(path).map(|directory| directory.id())
            };
            let expected = found.map(|path| Id::of(&fs::stat(root.join(path)).expect("a state")));
            assert_eq!((id(&fast), id(&slow)), (expected, expected), "{path}");
        }
        for path in ["file", "file/x", "circle", "circle/x"] {
            let code = |tree: &Tree| {
                let error = tree.find(path.as_bytes()).expect_err(path);
                Errno::from_io_error(&error)
            };
            assert_eq!(code(&fast), code(&slow), "{path}");
        }
        // What is missing is made, also where a link leads to nothing.
        let mut made = 0;
        let mut new = |node: Node<'_>| {
            made += 1;
            node.set_mode(0o755)
        };
        for tree in [&fast, &slow] {
            let directory = tree.make(b"dangling/deep", &mut new).expect("made");
            let expected = fs::stat(root.join("nothing/here/deep")).expect("a state");
            assert_eq!(directory.id(), Id::of(&expected));
            tree.make(b"a/b/up/new", &mut new).expect("made");
        }
        assert_eq!(made, 5);
        assert!(root.join("outside/new").exists());
        assert_eq!(std_fs::read_dir(dir.path().join("outside")).expect("outside").count(), 0);
    }
}
