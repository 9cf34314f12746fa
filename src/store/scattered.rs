//! Content that is written in any order: holes of its file say what is missing, to later calls too.

use std::fs::File;
use std::io::{self, Seek, SeekFrom};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::failure::failed;
use super::hashing::Hashing;
use crate::call::Call;
use crate::error::{Error, Result};
use crate::image::transport::{Front, Places, Scattered};
use crate::os::holes::holes;

/// What is read back at a time.
const BUFFER: usize = 256 << 10;

/// What comes before a hole may end in the middle of a block, whose rest is empty: so much of it is not trusted.
pub(super) const DOUBTFUL: u64 = 1 << 20;

/// What is between the front and the first hole was not taken, so it counts as missing.
fn missing(position: u64, size: u64, mut holes: Vec<Range<u64>>) -> Vec<Range<u64>> {
    match holes.first_mut() {
        Some(first) => first.start = position,
        None if position < size => holes.push(position..size),
        None => {}
    }
    holes
}

struct Written<'a> {
    file: &'a File,
    shown: &'a Path,
}

impl Places for Written<'_> {
    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<()> {
        self.file.write_all_at(bytes, offset).map_err(|e| failed("write", self.shown, &e))
    }
}

/// What is hashed of a file: its beginning.
pub(super) struct Taken<'a> {
    pub(super) file: &'a File,
    pub(super) hashing: &'a mut Hashing,
    pub(super) position: &'a mut u64,
    pub(super) shown: &'a Path,
}

impl<'a> Taken<'a> {
    /// Makes the file as large as it will be, and lets what is missing be written in any order; None, and nothing is changed,
    /// where that leaves no hole.
    pub(super) fn scatter(self, size: u64) -> Result<Option<Scattered<'a>>> {
        let (file, position) = (self.file, *self.position);
        let made = || {
            let length = file.metadata()?.len();
            file.set_len(size)?;
            let found = holes(file, position, size)?;
            let known = length == size || !found.is_empty();
            if !known {
                file.set_len(length)?;
            }
            (&*file).seek(SeekFrom::Start(position))?;
            Ok(known.then_some(found))
        };
        let Some(found) = made().map_err(|e| self.failed(&e))? else { return Ok(None) };
        let places = Box::new(Written { file, shown: self.shown });
        let missing = missing(position, size, found);
        Ok(Some(Scattered { places, front: Box::new(self), missing }))
    }

    /// Hashes what is in the file up to `end`, where the file stands afterwards.
    pub(super) fn advance_to(&mut self, end: u64, call: &Call) -> Result<()> {
        let mut buffer = vec![0; BUFFER];
        while *self.position < end {
            call.check()?;
            let left = usize::try_from(end - *self.position).unwrap_or(BUFFER);
            let most = left.min(buffer.len());
            match self.file.read_at(&mut buffer[..most], *self.position) {
                Ok(0) => return Err(self.failed(&io::ErrorKind::UnexpectedEof.into())),
                Ok(read) => {
                    self.hashing.here().update(&buffer[..read]);
                    *self.position += read as u64;
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(self.failed(&e)),
            }
        }
        self.file.seek(SeekFrom::Start(end)).map(drop).map_err(|e| self.failed(&e))
    }

    fn failed(&self, error: &io::Error) -> Error {
        failed("write", self.shown, error).with(|d| d.bytes_done = Some(*self.position))
    }
}

impl Front for Taken<'_> {
    fn position(&self) -> u64 {
        *self.position
    }

    fn advance(&mut self, end: u64, call: &Call) -> Result<()> {
        self.advance_to(end, call)
    }
}
