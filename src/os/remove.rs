//! Removing a whole tree, however deep it is and whoever changes it meanwhile.
//!
//! There is no recursion, two directories are open at a time, no link is followed, and nothing that is mounted is
//! entered. Going up is checked: a directory that somebody moved elsewhere is left alone.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{self, AtFlags, FileType, Mode, OFlags, Stat, StatxAttributes, StatxFlags};
use rustix::io::Errno;

use super::descriptor::{above_standard, open};
use super::held::{Id, Opened, open_below, set_times_of};

/// What must not be removed: a name in a directory.
pub(super) type Keep<'a> = &'a dyn Fn(Id, &[u8]) -> bool;

/// A directory on the way down.
struct Level {
    id: Id,
    /// Its name in the one above.
    name: Vec<u8>,
    /// Directories of it that are still to be looked into.
    below: Vec<Vec<u8>>,
    /// Whether something in it stays.
    kept: bool,
    /// The mode that it had before it was made usable.
    mode: Option<Mode>,
    /// Its state before anything was removed from it.
    state: Stat,
}

impl Level {
    fn of(opened: Opened, name: Vec<u8>) -> io::Result<(OwnedFd, Self)> {
        let Opened { fd, id, opened_up } = opened;
        let mode = opened_up.map(|(_, mode)| mode);
        let state = fs::fstat(&fd)?;
        Ok((fd, Self { id, name, below: Vec::new(), kept: false, mode, state }))
    }
}

/// Removes what has the name, with all below it that is not kept; false if something is.
pub(super) fn remove(dir: BorrowedFd<'_>, name: &[u8], keep: Keep<'_>) -> io::Result<bool> {
    let id = Id::of(&fs::fstat(dir)?);
    if is_gone(dir, id, name, keep)? {
        return Ok(true);
    }
    if !is_directory(dir, name)? {
        return Ok(false);
    }
    let opened = enter(dir, name)?;
    let is_empty = clear_level(opened, keep)?;
    if !is_empty || keep(id, name) {
        return Ok(false);
    }
    match fs::unlinkat(dir, name, AtFlags::REMOVEDIR) {
        Ok(()) | Err(Errno::NOENT) => Ok(true),
        Err(errno) => Err(errno.into()),
    }
}

/// Removes all that a directory has and that is not kept; false if something is.
pub(super) fn clear(dir: BorrowedFd<'_>, keep: Keep<'_>) -> io::Result<bool> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let fd = open(|| fs::openat(dir, ".", flags, Mode::empty()))?;
    let id = Id::of(&fs::fstat(&fd)?);
    clear_level(Opened { fd, id, opened_up: None }, keep)
}

fn clear_level(top: Opened, keep: Keep<'_>) -> io::Result<bool> {
    let (mut here, level) = Level::of(top, Vec::new())?;
    let mut levels = vec![level];
    scan(&here, &mut levels, keep)?;
    loop {
        let Some(level) = levels.last_mut() else { return Ok(true) };
        if let Some(name) = level.below.pop() {
            let below = match enter(here.as_fd(), &name) {
                // Somebody else removed it.
                Err(e) if Errno::from_io_error(&e) == Some(Errno::NOENT) => continue,
                entered => entered?,
            };
            let level;
            (here, level) = Level::of(below, name)?;
            levels.push(level);
            scan(&here, &mut levels, keep)?;
            continue;
        }
        let Level { name, kept, mode, state, .. } = match levels.pop() {
            Some(level) => level,
            None => return Ok(true),
        };
        if kept {
            restore(&here, mode, &state)?;
        }
        let Some(above) = levels.last_mut() else { return Ok(!kept) };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let up = open(|| fs::openat(&here, "..", flags, Mode::empty()))?;
        if Id::of(&fs::fstat(&up)?) != above.id {
            return Err(io::Error::other("another process moved a directory while it was removed"));
        }
        here = up;
        if kept || keep(above.id, &name) {
            above.kept = true;
            continue;
        }
        match fs::unlinkat(&here, name.as_slice(), AtFlags::REMOVEDIR) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}

/// Makes a directory that stays look as if nothing had been removed from it.
fn restore(directory: &OwnedFd, mode: Option<Mode>, state: &Stat) -> io::Result<()> {
    if let Some(mode) = mode {
        fs::fchmod(directory, mode)?;
    }
    set_times_of(directory.as_fd(), state)
}

/// Removes what is no directory or an empty one, and notes the others.
fn scan(dir: &OwnedFd, levels: &mut [Level], keep: Keep<'_>) -> io::Result<()> {
    let Some(level) = levels.last_mut() else { return Ok(()) };
    for entry in above_standard(|| fs::Dir::read_from(dir))? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name == b"." || name == b".." {
            continue;
        }
        let gone = match entry.file_type() {
            FileType::Directory => false,
            _ => is_gone(dir.as_fd(), level.id, name, keep)?,
        };
        if gone {
            continue;
        }
        if entry.file_type() == FileType::Directory || is_directory(dir.as_fd(), name)? {
            // Most of the time there are fewer of them if the empty ones go at once.
            let empty =
                !keep(level.id, name) && fs::unlinkat(dir, name, AtFlags::REMOVEDIR).is_ok();
            if !empty {
                level.below.push(name.to_vec());
            }
        } else {
            level.kept = true;
        }
    }
    Ok(())
}

/// Whether a name is gone now: it was not that of a directory, and not one to be kept.
fn is_gone(dir: BorrowedFd<'_>, id: Id, name: &[u8], keep: Keep<'_>) -> io::Result<bool> {
    if keep(id, name) {
        return Ok(false);
    }
    match fs::unlinkat(dir, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(true),
        Err(Errno::ISDIR) => Ok(false),
        // What POSIX says of directories. Of others it is the answer.
        Err(Errno::PERM) if is_directory(dir, name)? => Ok(false),
        Err(errno) => Err(errno.into()),
    }
}

fn is_directory(dir: BorrowedFd<'_>, name: &[u8]) -> io::Result<bool> {
    match fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(state) => Ok(FileType::from_raw_mode(state.st_mode) == FileType::Directory),
        Err(Errno::NOENT) => Ok(false),
        Err(errno) => Err(errno.into()),
    }
}

/// Opens a directory to remove what it has: a mount is not entered.
fn enter(dir: BorrowedFd<'_>, name: &[u8]) -> io::Result<Opened> {
    let opened = open_below(dir, name)?;
    let state = fs::statx(&opened.fd, "", AtFlags::EMPTY_PATH, StatxFlags::empty());
    if state.is_ok_and(|state| state.stx_attributes.contains(StatxAttributes::MOUNT_ROOT)) {
        return Err(Errno::BUSY.into());
    }
    Ok(opened)
}
