//! Blobs of a layout in the making.

use std::fmt;
use std::io::{self, Write};

use super::layout::{FILE_MODE, Layout, hash_file, part_name};
use crate::call::Call;
use crate::error::{Error, Result};
use crate::image::descriptor::{check_digest, check_size};
use crate::names::digest::{Algorithm, Digest, Hasher};
use crate::os::atomic_file::AtomicFile;
use crate::os::dir::Dir;

impl Layout {
    /// Begins to write a blob. With `resume` it goes on where an earlier, interrupted writer ended: what that one
    /// left is hashed again first.
    ///
    /// While another process writes the same blob, this one writes its own copy; the last one stays.
    pub fn blob_writer(
        &self,
        digest: &Digest,
        size: u64,
        resume: bool,
        call: &Call,
    ) -> Result<BlobWriter> {
        let blobs = self.make_blobs(digest.algorithm())?;
        let failed = |e: &io::Error| self.failed_blob("write", digest, e);
        let shared = AtomicFile::resume(self.root(), &part_name(digest), FILE_MODE);
        let (file, shared) = match shared.map_err(|e| failed(&e))? {
            Some(file) => (file, true),
            None => (AtomicFile::create(self.root(), FILE_MODE).map_err(|e| failed(&e))?, false),
        };
        let mut writer = BlobWriter {
            layout: self.clone(),
            blobs,
            digest: digest.clone(),
            size,
            file,
            hasher: Hasher::new(digest.algorithm()),
            position: 0,
            resumed_from: 0,
            shared,
        };
        if shared {
            writer.take_up(resume, call)?;
        }
        Ok(writer)
    }

    /// Begins to write a blob whose digest nobody knows yet.
    pub fn new_blob(&self) -> Result<NewBlob> {
        let blobs = self.make_blobs(Algorithm::Sha256)?;
        let file = AtomicFile::create(self.root(), FILE_MODE)
            .map_err(|e| self.failed("write a blob to", "", &e))?;
        let hasher = Hasher::new(Algorithm::Sha256);
        Ok(NewBlob { layout: self.clone(), blobs, file, hasher, position: 0 })
    }
}

/// A blob in the making: hashes what it writes, and gives it its name once size and digest match.
///
/// Dropped without [`BlobWriter::finish`] or [`BlobWriter::keep`], what was written is removed.
pub struct BlobWriter {
    layout: Layout,
    blobs: Dir,
    digest: Digest,
    size: u64,
    file: AtomicFile,
    hasher: Hasher,
    position: u64,
    resumed_from: u64,
    /// The file has the name under which a later writer finds it.
    shared: bool,
}

impl BlobWriter {
    /// What is written.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// Bytes that the blob will have.
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

    /// Appends bytes, with one system call as a rule: give 256 KiB or more at a time.
    ///
    /// More bytes than the blob's size are SIZE_MISMATCH, and none of them is written.
    pub fn write(&mut self, mut bytes: &[u8]) -> Result<()> {
        if bytes.len() as u64 > self.size - self.position {
            let actual = self.position.saturating_add(bytes.len() as u64);
            return check_size(&self.digest, self.size, actual);
        }
        while !bytes.is_empty() {
            let count = match self.file.write(bytes) {
                Ok(0) => return Err(self.failed(&io::ErrorKind::WriteZero.into())),
                Ok(count) => count,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(self.failed(&e)),
            };
            // After a short write the hash must know what the file holds, not what was meant.
            let (written, rest) = bytes.split_at(count);
            self.hasher.update(written);
            self.position += count as u64;
            bytes = rest;
        }
        Ok(())
    }

    /// Begins again at offset 0.
    pub fn reset(&mut self) -> Result<()> {
        self.file.truncate().map_err(|e| self.failed(&e))?;
        self.hasher = Hasher::new(self.digest.algorithm());
        self.position = 0;
        self.resumed_from = 0;
        Ok(())
    }

    /// Whether all bytes are there and right: SIZE_MISMATCH or DIGEST_MISMATCH if not.
    pub fn verify(&self) -> Result<()> {
        check_size(&self.digest, self.size, self.position)?;
        check_digest(&self.digest, self.hasher.clone().finish())
    }

    /// Verifies the blob and gives it its name. What does not match is removed.
    pub fn finish(self) -> Result<()> {
        self.verify()?;
        self.finish_verified()
    }

    /// The same for one that was just verified.
    pub(super) fn finish_verified(self) -> Result<()> {
        self.blobs.file_size(self.digest.hex()).map_err(|e| self.failed(&e))?;
        let Self { layout, blobs, digest, file, .. } = self;
        file.commit(&blobs, digest.hex()).map_err(|e| layout.failed_blob("write", &digest, &e))
    }

    /// Leaves what was written for a later writer to take up. A second writer of the same blob leaves nothing.
    pub fn keep(self) {
        if self.shared && self.position > 0 {
            self.file.keep();
        }
    }

    /// Hashes what an earlier writer left, or drops it where it cannot be the beginning of the blob.
    fn take_up(&mut self, resume: bool, call: &Call) -> Result<()> {
        let length = self.file.file().metadata().map_err(|e| self.failed(&e))?.len();
        if !resume || length > self.size {
            return self.reset();
        }
        if length == 0 {
            return Ok(());
        }
        let Self { layout, digest, file, hasher, .. } = self;
        let failed = |e: &io::Error| layout.failed_blob("read the partial file of", digest, e);
        let read = match hash_file(file.file(), hasher, call, failed) {
            Ok(read) => read,
            Err(e) => {
                // Cancelled while reading: the part is as good as before.
                self.file.keep_on_drop();
                return Err(e);
            }
        };
        self.position = read;
        self.resumed_from = read;
        if self.position > self.size || (self.position == self.size && self.verify().is_err()) {
            return self.reset();
        }
        Ok(())
    }

    fn failed(&self, error: &io::Error) -> Error {
        self.layout
            .failed_blob("write", &self.digest, error)
            .with(|d| d.bytes_done = Some(self.position))
    }
}

/// A blob in the making whose digest only its bytes tell. Dropped without [`NewBlob::finish`] it is removed.
pub struct NewBlob {
    layout: Layout,
    blobs: Dir,
    file: AtomicFile,
    hasher: Hasher,
    position: u64,
}

impl NewBlob {
    /// Appends bytes.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).map_err(|e| {
            self.layout
                .failed("write a blob to", "", &e)
                .with(|d| d.bytes_done = Some(self.position))
        })?;
        self.hasher.update(bytes);
        self.position += bytes.len() as u64;
        Ok(())
    }

    /// Gives the blob its name: digest and size.
    pub fn finish(self) -> Result<(Digest, u64)> {
        let Self { layout, blobs, file, hasher, position } = self;
        let digest = hasher.finish();
        file.commit(&blobs, digest.hex()).map_err(|e| layout.failed_blob("write", &digest, &e))?;
        Ok((digest, position))
    }
}

impl fmt::Debug for NewBlob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewBlob").field("position", &self.position).finish_non_exhaustive()
    }
}

impl fmt::Debug for BlobWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlobWriter")
            .field("digest", &self.digest)
            .field("size", &self.size)
            .field("position", &self.position)
            .finish_non_exhaustive()
    }
}
