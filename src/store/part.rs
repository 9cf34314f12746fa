//! Content that is being written and whose digest is known: a hidden file, which a later call can continue.

use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::PathBuf;
use std::time::Duration;

pub(super) use super::failure::failed;
use super::hashing::Hashing;
use super::scattered::{DOUBTFUL, Taken};
use crate::call::Call;
use crate::error::{Error, Result};
use crate::image::descriptor::{check_digest, check_size};
use crate::image::transport::Scattered;
use crate::names::digest::{Digest, Hasher};
use crate::os::atomic_file::{AtomicFile, TEMPORARY, sweep};
use crate::os::copy::copy_range;
use crate::os::dir::Dir;
use crate::os::holes::holes;

/// What the names of parts begin with.
const PARTIAL: &str = ".ocireg-part-";

/// What is hashed again at a time.
const BUFFER: usize = 256 << 10;

pub(crate) const FILE_MODE: u32 = 0o666; // The umask takes from it, as for any file that a user makes.

/// What is copied within the system at a time, between two looks at the call. A multiple of every block.
const COPIED: usize = 8 << 20;

/// How long a partial file that is not continued is kept.
const LIFETIME: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// The name of the part of this content.
pub(crate) fn part_name(digest: &Digest) -> String {
    format!("{PARTIAL}{}-{}", digest.algorithm().name(), digest.hex())
}

/// Removes temporary files of a directory whose makers are gone. Parts that a later call can take up stay for a week, unless
/// their content is there already.
pub(super) fn sweep_parts(dir: &Dir, is_done: impl Fn(&Digest) -> bool) -> io::Result<()> {
    for name in dir.names()? {
        let swept = if name.starts_with(TEMPORARY) {
            sweep(dir, &name, |_| true)
        } else if let Some(part) = name.strip_prefix(PARTIAL) {
            let done = part.replacen('-', ":", 1).parse().is_ok_and(|digest| is_done(&digest));
            sweep(dir, &name, |file| done || is_old(file))
        } else {
            Ok(())
        };
        // What cannot be swept, or is gone already, is no reason to refuse the directory.
        drop(swept);
    }
    Ok(())
}

fn is_old(file: &File) -> bool {
    let age = file.metadata().and_then(|m| m.modified()).map(|at| at.elapsed());
    matches!(age, Ok(Ok(age)) if age > LIFETIME)
}

/// Content that is being written: it is hashed, and gets its name when size and digest match.
///
/// Dropped without [`Part::commit`] or [`Part::keep`], what was written is removed.
pub struct Part {
    /// What it will be, for messages.
    shown: PathBuf,
    digest: Digest,
    size: u64,
    file: AtomicFile,
    hashing: Hashing,
    position: u64,
    resumed_from: u64,
    /// The file has the name under which a later writer finds it.
    shared: bool,
}

impl Part {
    /// Begins to write in a directory. With `resume` it goes on where an earlier, interrupted writer ended: what that one
    /// left is hashed again first.
    ///
    /// While another process writes the same content, this one writes its own copy; the last one stays.
    pub fn begin(
        dir: &Dir,
        shown: PathBuf,
        digest: &Digest,
        size: u64,
        resume: bool,
        call: &Call,
    ) -> Result<Self> {
        let failed = |e: &io::Error| failed("write", &shown, e);
        let shared = AtomicFile::resume(dir, &part_name(digest), FILE_MODE);
        let (file, shared) = match shared.map_err(|e| failed(&e))? {
            Some(file) => (file, true),
            None => (AtomicFile::create(dir, FILE_MODE).map_err(|e| failed(&e))?, false),
        };
        let hashing = Hashing::new(digest.algorithm());
        let digest = digest.clone();
        let mut part =
            Self { shown, digest, size, file, hashing, position: 0, resumed_from: 0, shared };
        if shared {
            part.take_up(resume, call)?;
        }
        Ok(part)
    }

    /// What is written.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// Bytes that it will have.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Bytes that an earlier writer had left; 0 for a fresh start.
    pub fn resumed_from(&self) -> u64 {
        self.resumed_from
    }

    /// Bytes there are: the offset of the next write. Equal to the size, nothing is left to fetch.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// The file itself.
    pub fn file(&mut self) -> &mut File {
        self.file.file()
    }

    /// Appends bytes, with one system call as a rule: give 256 KiB or more at a time.
    ///
    /// More bytes than the size are SIZE_MISMATCH, and none of them is written.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let (written, result) = self.append(bytes);
        // After a short write the hash must know what the file holds, not what was meant.
        self.hashing.here().update(&bytes[..written]);
        result
    }

    /// The same with the first bytes of a buffer, which may be another afterwards, as large and with any content.
    pub fn write_buffer(&mut self, buffer: &mut Vec<u8>, length: usize) -> Result<()> {
        let (written, result) = self.append(&buffer[..length]);
        self.hashing.take(buffer, written);
        result
    }

    /// Appends some bytes of another file, from where it stands, within the system. What comes of it is hashed as it is in this
    /// file. None where that cannot be done, or there are none left.
    pub fn write_file(&mut self, from: &mut File, call: &Call) -> Result<Option<u64>> {
        call.check()?;
        let left = self.size - self.position;
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(COPIED);
        let copied = if most == 0 { Ok(None) } else { copy_range(from, self.file.file(), most) };
        let Some(copied) = copied.map_err(|e| self.failed(&e))? else { return Ok(None) };
        let end = self.position + copied as u64;
        let Self { file, hashing, position, shown, .. } = self;
        let mut taken = Taken { file: file.content(), hashing, position, shown };
        taken.advance_to(end, call)?;
        Ok(Some(copied as u64))
    }

    /// Lets what is missing be written in any order. None where nobody could tell later what was written.
    pub fn scatter(&mut self, call: &Call) -> Result<Option<Scattered<'_>>> {
        call.check()?;
        let Self { file, hashing, position, shown, size, .. } = self;
        Taken { file: file.content(), hashing, position, shown }.scatter(*size)
    }

    /// Hashes on a separate thread from now on.
    pub fn hash_apart(&mut self) {
        self.hashing.move_apart();
    }

    /// Writes to the file only; how much of it went there, also where not all did.
    fn append(&mut self, bytes: &[u8]) -> (usize, Result<()>) {
        if bytes.len() as u64 > self.size - self.position {
            let actual = self.position.saturating_add(bytes.len() as u64);
            return (0, check_size(&self.digest, self.size, actual));
        }
        let mut written = 0;
        while written < bytes.len() {
            match self.file.write(&bytes[written..]) {
                Ok(0) => return (written, Err(self.failed(&io::ErrorKind::WriteZero.into()))),
                Ok(count) => {
                    written += count;
                    self.position += count as u64;
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return (written, Err(self.failed(&e))),
            }
        }
        (written, Ok(()))
    }

    /// Begins again at offset 0.
    pub fn reset(&mut self) -> Result<()> {
        self.file.truncate().map_err(|e| self.failed(&e))?;
        self.hashing = Hashing::new(self.digest.algorithm());
        self.position = 0;
        self.resumed_from = 0;
        Ok(())
    }

    /// Whether all bytes are there and right: SIZE_MISMATCH or DIGEST_MISMATCH if not.
    pub fn verify(&mut self) -> Result<()> {
        check_size(&self.digest, self.size, self.position)?;
        check_digest(&self.digest, self.hashing.digest())
    }

    /// Gives what was just verified its name in `dir`, of the same file system. What has the name is replaced.
    pub fn commit(self, dir: &Dir, name: &str) -> Result<()> {
        let Self { shown, file, .. } = self;
        file.commit(dir, name).map_err(|e| failed("write", &shown, &e))
    }

    /// The same where nothing has the name; false, and nothing is changed, if something has.
    pub fn commit_new(self, dir: &Dir, name: &str) -> Result<bool> {
        let Self { shown, file, .. } = self;
        match file.commit_new(dir, name) {
            Ok(()) => Ok(true),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(e) => Err(failed("write", &shown, &e)),
        }
    }

    /// Leaves what was written for a later writer to take up. A second writer of the same content leaves nothing.
    pub fn keep(self) {
        if self.shared && self.position > 0 {
            self.file.keep();
        }
    }

    /// Hashes what an earlier writer left, or drops it where it cannot be the beginning of the content.
    fn take_up(&mut self, resume: bool, call: &Call) -> Result<()> {
        let length = self.file.file().metadata().map_err(|e| self.failed(&e))?.len();
        if !resume || length > self.size {
            return self.reset();
        }
        if length == 0 {
            return Ok(());
        }
        let Self { shown, file, hashing, .. } = self;
        let failed = |e: &io::Error| failed("read the partial file of", shown, e);
        let hole = holes(file.content(), 0, length).map_err(|e| failed(&e))?.first().cloned();
        let whole = hole.map_or(length, |hole| hole.start.saturating_sub(DOUBTFUL));
        file.file().seek(io::SeekFrom::Start(0)).map_err(|e| failed(&e))?;
        let read = match hash_prefix(file.file(), whole, hashing.here(), call, failed) {
            Ok(read) => read,
            Err(e) => {
                // Cancelled while reading: the part is as good as before.
                self.file.keep_on_drop();
                return Err(e);
            }
        };
        if read == 0 {
            // What comes behind a hole at the beginning is of no use.
            return self.reset();
        }
        self.position = read;
        self.resumed_from = read;
        if self.position > self.size || (self.position == self.size && self.verify().is_err()) {
            return self.reset();
        }
        Ok(())
    }

    fn failed(&self, error: &io::Error) -> Error {
        failed("write", &self.shown, error).with(|d| d.bytes_done = Some(self.position))
    }
}

/// Hashes a file from where it stands to its end; gives the bytes read.
pub(crate) fn hash_file(
    file: &mut File,
    hasher: &mut Hasher,
    call: &Call,
    failed: impl Fn(&io::Error) -> Error,
) -> Result<u64> {
    hash_prefix(file, u64::MAX, hasher, call, failed)
}

/// The same with so many bytes at most.
fn hash_prefix(
    file: &mut File,
    most: u64,
    hasher: &mut Hasher,
    call: &Call,
    failed: impl Fn(&io::Error) -> Error,
) -> Result<u64> {
    let mut buffer = vec![0; BUFFER];
    let mut total = 0;
    loop {
        call.check()?;
        let room = usize::try_from(most - total).unwrap_or(BUFFER).min(BUFFER);
        match file.read(&mut buffer[..room]) {
            Ok(0) => return Ok(total),
            Ok(count) => {
                hasher.update(&buffer[..count]);
                total += count as u64;
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(failed(&e)),
        }
    }
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Part")
            .field("digest", &self.digest)
            .field("size", &self.size)
            .field("position", &self.position)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt;

    use super::*;
    use crate::names::digest::Algorithm;

    #[test]
    fn a_file_is_copied_within_the_system_and_hashed_as_it_arrived() {
        let directory = tempfile::tempdir().unwrap();
        let dir = Dir::open(directory.path()).unwrap();
        let call = Call::new(None);
        let content: Vec<u8> = (0..COPIED + 5000).map(|i| (i % 253) as u8).collect();
        let digest = Digest::of(Algorithm::Sha256, &content);
        for wrong in [false, true] {
            let mut from = tempfile::tempfile_in(directory.path()).unwrap();
            from.write_all(&content).unwrap();
            if wrong {
                from.write_all_at(b"?", 4_000_000).unwrap();
            }
            from.seek(io::SeekFrom::Start(1000)).unwrap();
            let shown = directory.path().join("blob");
            let size = content.len() as u64;
            let mut part = Part::begin(&dir, shown, &digest, size, true, &call).unwrap();
            part.write(&content[..1000]).unwrap();
            assert_eq!(part.write_file(&mut from, &call).unwrap(), Some(COPIED as u64));
            assert_eq!(part.write_file(&mut from, &call).unwrap(), Some(4000));
            assert_eq!(part.write_file(&mut from, &call).unwrap(), None);
            assert_eq!(part.position(), size);
            assert_eq!(part.verify().is_err(), wrong);
            part.commit(&dir, "blob").unwrap();
            assert_eq!(std::fs::read(directory.path().join("blob")).unwrap() == content, !wrong);
        }
    }
}
