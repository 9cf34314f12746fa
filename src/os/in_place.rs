//! Writing over a file that cannot be replaced by rename, such as one that is itself a mount.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use rustix::fs::{Mode, OFlags};
use zeroize::Zeroizing;

use super::dir::Dir;

/// Writes new text over that of a file whose reader skips space at the end, as readers of JSON do.
///
/// The room for it is made first, out of space, and one write then changes the whole text: whatever fails before,
/// the old text is still there.
pub fn overwrite(dir: &Dir, name: &str, new: &[u8]) -> io::Result<()> {
    let file = dir.open_regular(name, OFlags::RDWR, Mode::empty())?;
    let size = file.metadata()?.len();
    let length = usize::try_from(size).map_err(|_| io::ErrorKind::FileTooLarge)?;
    let mut old = Zeroizing::new(vec![0; length]);
    file.read_exact_at(&mut old, 0)?;
    if new.len() > length {
        let room = vec![b' '; new.len() - length];
        if let Err(e) = file.write_all_at(&room, size).and_then(|()| file.sync_all()) {
            let _ = file.set_len(size);
            return Err(e);
        }
    }
    let mut whole = Zeroizing::new(Vec::with_capacity(new.len().max(length)));
    whole.extend_from_slice(new);
    whole.resize(new.len().max(length), b' ');
    write_or_restore(&file, &whole, &old)?;
    file.set_len(new.len() as u64)?;
    file.sync_all()
}

fn write_or_restore(file: &File, new: &[u8], old: &[u8]) -> io::Result<()> {
    file.write_all_at(new, 0).and_then(|()| file.sync_data()).inspect_err(|_| {
        // The device fails: nothing more can be done about it than to try.
        let _ = file.write_all_at(old, 0).and_then(|()| file.set_len(old.len() as u64));
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_written_over_whatever_its_length() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("file");
        let dir = Dir::open(directory.path()).expect("open");
        std::fs::write(&path, "{}").expect("written");
        let inode =
            |file: &File| std::os::unix::fs::MetadataExt::ino(&file.metadata().expect("state"));
        let before = inode(&File::open(&path).expect("open"));
        for text in ["{\"longer\": 1}\n", "{}", "", "{\"again\": \"longer\"}"] {
            overwrite(&dir, "file", text.as_bytes()).expect("written");
            assert_eq!(std::fs::read_to_string(&path).expect("read"), text);
        }
        assert_eq!(inode(&File::open(&path).expect("open")), before);
        assert!(overwrite(&dir, "absent", b"x").is_err());
        assert!(!dir.is_mount("file"));
        assert!(Dir::open("/".as_ref()).expect("open").is_mount("proc"));
    }
}
