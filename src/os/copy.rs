//! Copying from file to file within the system: where the file system can, both share the same blocks on disk.

use std::fs::File;
use std::io;

use rustix::fs::copy_file_range;
use rustix::io::{Errno, retry_on_intr};

/// Copies at most so many bytes from where one file stands to where the other one does, and moves both. None where the system
/// cannot do that for these two: then they have to be read and written.
pub fn copy_range(from: &File, to: &File, most: usize) -> io::Result<Option<usize>> {
    match retry_on_intr(|| copy_file_range(from, None, to, None, most)) {
        // Some file systems say so of files that are not at their end.
        Ok(0) => Ok(None),
        Ok(copied) => Ok(Some(copied)),
        Err(
            Errno::XDEV
            | Errno::INVAL
            | Errno::NOSYS
            | Errno::OPNOTSUPP
            | Errno::BADF
            | Errno::PERM
            | Errno::TXTBSY,
        ) => Ok(None),
        Err(errno) => Err(errno.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Seek, SeekFrom, Write};

    use super::*;

    #[test]
    fn files_are_copied_from_where_they_stand() {
        let (mut from, mut to) = (tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap());
        from.write_all(&[b"head".as_slice(), &[7; 100_000]].concat()).unwrap();
        from.seek(SeekFrom::Start(4)).unwrap();
        to.write_all(b"begin").unwrap();
        assert_eq!(copy_range(&from, &to, 60_000).unwrap(), Some(60_000));
        assert_eq!(copy_range(&from, &to, 60_000).unwrap(), Some(40_000));
        assert_eq!(copy_range(&from, &to, 60_000).unwrap(), None);
        to.rewind().unwrap();
        let mut all = Vec::new();
        to.read_to_end(&mut all).unwrap();
        assert!(all == [b"begin".as_slice(), &[7; 100_000]].concat());
    }

    #[test]
    fn what_cannot_be_copied_is_told() {
        let file = tempfile::tempfile().unwrap();
        let null = File::options().write(true).open("/dev/null").unwrap();
        assert_eq!(copy_range(&File::open("/dev/zero").unwrap(), &file, 10).unwrap(), None);
        assert_eq!(copy_range(&file, &null, 10).unwrap(), None);
    }
}
