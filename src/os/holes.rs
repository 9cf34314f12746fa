//! Parts of a file that nobody has written.

use std::fs::File;
use std::io;
use std::ops::Range;

use rustix::fs::{SeekFrom, seek};
use rustix::io::Errno;

/// The holes of a file from one place to another, in order. The file stands elsewhere afterwards. A file system that knows no
/// holes has none.
pub fn holes(file: &File, from: u64, end: u64) -> io::Result<Vec<Range<u64>>> {
    let mut holes = Vec::new();
    let mut at = from;
    while at < end {
        let begin = match seek(file, SeekFrom::Hole(at)) {
            Ok(begin) => begin,
            // There is nothing at this place, or nobody knows.
            Err(Errno::NXIO | Errno::INVAL | Errno::OPNOTSUPP) => break,
            Err(errno) => return Err(errno.into()),
        };
        if begin >= end {
            break;
        }
        at = match seek(file, SeekFrom::Data(begin)) {
            Ok(data) => data,
            Err(Errno::NXIO) => end,
            Err(errno) => return Err(errno.into()),
        };
        holes.push(begin..at.min(end));
    }
    Ok(holes)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt;

    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn what_was_not_written_is_found() {
        let file = tempfile::tempfile().unwrap();
        let piece = vec![1; 1 << 20];
        assert_eq!(holes(&file, 0, 0).unwrap(), []);
        file.write_all_at(&piece, 0).unwrap();
        file.write_all_at(&piece, 2 * MIB).unwrap();
        file.set_len(5 * MIB).unwrap();
        assert_eq!(holes(&file, 0, 5 * MIB).unwrap(), [MIB..2 * MIB, 3 * MIB..5 * MIB]);
        assert_eq!(holes(&file, 0, 4 * MIB).unwrap(), [MIB..2 * MIB, 3 * MIB..4 * MIB]);
        assert_eq!(holes(&file, 2 * MIB, 3 * MIB).unwrap(), []);
        assert_eq!(holes(&file, MIB + 5, 3 * MIB).unwrap(), Vec::from_iter(Some(MIB + 5..2 * MIB)));
        file.write_all_at(&piece, MIB).unwrap();
        assert_eq!(holes(&file, 0, 3 * MIB).unwrap(), []);
    }
}
