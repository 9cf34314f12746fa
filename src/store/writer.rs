//! Blobs that are written to a layout.

use std::fmt;
use std::fs::File;
use std::io::Write;

use super::layout::Layout;
use super::part::{FILE_MODE, Part};
use crate::call::Call;
use crate::error::Result;
use crate::image::transport::Scattered;
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
    ) -> Result<LayoutBlob> {
        let blobs = self.make_blobs(digest.algorithm())?;
        let part = Part::begin(self.root(), self.blob_path(digest), digest, size, resume, call)?;
        Ok(LayoutBlob { layout: self.clone(), blobs, part })
    }

    /// Starts writing a blob whose digest is not known yet.
    pub fn new_blob(&self) -> Result<NewBlob> {
        let blobs = self.make_blobs(Algorithm::Sha256)?;
        let file = AtomicFile::create(self.root(), FILE_MODE)
            .map_err(|e| self.failed("write a blob to", "", &e))?;
        let hasher = Hasher::new(Algorithm::Sha256);
        Ok(NewBlob { layout: self.clone(), blobs, file, hasher, position: 0 })
    }
}

/// A blob that is being written: it is hashed, and gets its name when size and digest match.
///
/// Dropped without [`LayoutBlob::finish`] or [`LayoutBlob::keep`], what was written is removed.
#[derive(Debug)]
pub struct LayoutBlob {
    layout: Layout,
    blobs: Dir,
    part: Part,
}

impl LayoutBlob {
    /// What is written.
    pub fn digest(&self) -> &Digest {
        self.part.digest()
    }

    /// Bytes that the blob will have.
    pub fn size(&self) -> u64 {
        self.part.size()
    }

    /// Bytes that an earlier writer had left; 0 for a fresh start.
    pub fn resumed_from(&self) -> u64 {
        self.part.resumed_from()
    }

    /// Bytes there are: the offset of the next write. Equal to the size, nothing is left to fetch.
    pub fn position(&self) -> u64 {
        self.part.position()
    }

    /// Appends bytes, with one system call as a rule: give 256 KiB or more at a time.
    ///
    /// More bytes than the blob's size are SIZE_MISMATCH, and none of them is written.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.part.write(bytes)
    }

    /// The same with the first bytes of a buffer, which may be another afterwards, as large and with any content.
    pub fn write_buffer(&mut self, buffer: &mut Vec<u8>, length: usize) -> Result<()> {
        self.part.write_buffer(buffer, length)
    }

    /// Hashes on a separate thread from now on.
    pub fn hash_apart(&mut self) {
        self.part.hash_apart();
    }

    /// Lets what is missing be written in any order; None where that cannot be done.
    pub fn scatter(&mut self, call: &Call) -> Result<Option<Scattered<'_>>> {
        self.part.scatter(call)
    }

    /// Appends some bytes of another file within the system; None where that cannot be done, or there are none left.
    pub fn write_file(&mut self, from: &mut File, call: &Call) -> Result<Option<u64>> {
        self.part.write_file(from, call)
    }

    /// Begins again at offset 0.
    pub fn reset(&mut self) -> Result<()> {
        self.part.reset()
    }

    /// Whether all bytes are there and right: SIZE_MISMATCH or DIGEST_MISMATCH if not.
    pub fn verify(&mut self) -> Result<()> {
        self.part.verify()
    }

    /// Verifies the blob and gives it its name. What does not match is removed.
    pub fn finish(mut self) -> Result<()> {
        self.verify()?;
        self.finish_verified()
    }

    /// The same for one that was just verified.
    pub(super) fn finish_verified(self) -> Result<()> {
        let Self { layout, blobs, part } = self;
        let digest = part.digest().clone();
        let there = blobs.file_size(digest.hex());
        there.map_err(|e| layout.failed_blob("write", &digest, &e))?;
        part.commit(&blobs, digest.hex())
    }

    /// Leaves what was written for a later writer to take up. A second writer of the same blob leaves nothing.
    pub fn keep(self) {
        self.part.keep();
    }
}

/// A blob that is being written and whose digest is not known yet. Dropped without [`NewBlob::finish`], it is removed.
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
