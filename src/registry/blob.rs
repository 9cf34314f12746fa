//! A blob of a registry as a file: any part of it, from any thread, at whichever endpoint has it.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use super::session::Session;
use crate::call::Call;
use crate::error::{Code, Error, Result};
use crate::image::descriptor::check_digest;
use crate::names::digest::{Digest, Hasher};
use crate::sort;
use crate::sync::{PerProcess, lock};
use crate::v2::foreign::Wanted;
use crate::v2::lazy::{Got, Part, Ways};

/// A chunk is kept whole in memory until it is verified.
const LARGEST_CHUNK: u64 = 64 << 20;

/// Verified chunks that are kept for the reads that follow, in bytes; the last one is kept whatever its size.
const KEPT: usize = 4 << 20;

/// No blob is larger: its size is a number of 63 bits everywhere.
const LARGEST: u64 = u64::MAX >> 1;

/// Stands for a size that is not known.
const UNKNOWN: u64 = u64::MAX;

/// A part of a blob with a digest of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// Where it begins in the blob.
    pub offset: u64,
    /// Its bytes.
    pub size: u64,
    /// What they hash to.
    pub digest: Digest,
}

/// Chunks that do not overlap, in order.
#[derive(Debug, Clone, Default)]
struct Chunks(Vec<Chunk>);

impl Chunks {
    fn new(mut chunks: Vec<Chunk>, size: Option<u64>) -> Result<Self> {
        let wrong = |why: String| Err(Error::argument("chunks", why));
        sort::sort_by_key(&mut chunks, |chunk| chunk.offset);
        let mut end = 0;
        for Chunk { offset, size: length, .. } in &chunks {
            if *length == 0 {
                return wrong(format!("the chunk at {offset} is empty"));
            }
            if *length > LARGEST_CHUNK {
                let message = format!("the chunk at {offset} is larger than {LARGEST_CHUNK} bytes");
                return Err(Error::new(Code::Limit, message)
                    .in_argument("chunks")
                    .hint("split the blob into smaller chunks: each is kept in memory until it is verified"));
            }
            if *offset < end {
                return wrong(format!("the chunk at {offset} overlaps the one before it"));
            }
            match offset.checked_add(*length) {
                Some(next) if size.is_none_or(|size| next <= size) => end = next,
                _ => {
                    return wrong(format!("the chunk at {offset} goes beyond the end of the blob"));
                }
            }
        }
        Ok(Self(chunks))
    }

    /// The chunk that a byte is in, with its number.
    fn at(&self, offset: u64) -> Option<(usize, &Chunk)> {
        let next = self.0.partition_point(|chunk| chunk.offset <= offset);
        let number = next.checked_sub(1)?;
        let chunk = &self.0[number];
        (offset - chunk.offset < chunk.size).then_some((number, chunk))
    }

    /// Fails unless all bytes from `from` to before `to` are in chunks.
    fn check_cover(&self, mut from: u64, to: u64) -> Result<()> {
        while from < to {
            match self.at(from) {
                Some((_, chunk)) => from = chunk.offset + chunk.size,
                None => return Err(uncovered(from)),
            }
        }
        Ok(())
    }
}

fn uncovered(offset: u64) -> Error {
    Error::argument("chunks", format!("no chunk covers the byte at {offset}"))
        .hint("chunks must cover everything that is read")
}

/// A chunk that was verified, with its number.
type Verified = (usize, Arc<Vec<u8>>);

/// A blob that is read in parts.
#[derive(Debug)]
pub struct Blob {
    session: Arc<Session>,
    wanted: Wanted,
    size: AtomicU64,
    chunks: Option<Chunks>,
    ways: Ways,
    verified: PerProcess<Mutex<VecDeque<Verified>>>,
}

impl Blob {
    /// A blob of the session's repository. Asks nobody. With `chunks`, only bytes that were verified are given out.
    pub fn new(session: Arc<Session>, wanted: Wanted, chunks: Option<Vec<Chunk>>) -> Result<Self> {
        session.check_repository()?;
        let chunks = chunks.map(|chunks| Chunks::new(chunks, wanted.size)).transpose()?;
        let size = AtomicU64::new(wanted.size.unwrap_or(UNKNOWN));
        let (ways, verified) = (Ways::default(), PerProcess::default());
        Ok(Self { session, wanted, size, chunks, ways, verified })
    }

    /// The size, once it is known.
    pub fn size(&self) -> Option<u64> {
        Some(self.size.load(Ordering::Relaxed)).filter(|size| *size != UNKNOWN)
    }

    /// Fills the buffer with what is at `offset`. Fewer bytes come only at the end of the blob, and none behind it.
    pub fn read_at(&self, offset: u64, buffer: &mut [u8], call: &Call) -> Result<usize> {
        call.check()?;
        let Some(chunks) = &self.chunks else {
            return self.fetch(offset, buffer, false, call, |_| Ok(()));
        };
        let most = offset.saturating_add(buffer.len() as u64);
        if let Some(size) = self.size() {
            chunks.check_cover(offset, most.min(size))?;
        }
        let mut done = 0;
        while done < buffer.len() {
            let at = offset + done as u64;
            if self.size().is_some_and(|size| at >= size) {
                break;
            }
            let (number, chunk) = chunks.at(at).ok_or_else(|| uncovered(at))?;
            let bytes = self.verified(number, chunk, call)?;
            let from = usize::try_from(at - chunk.offset).unwrap_or(usize::MAX);
            let bytes = bytes.get(from..).unwrap_or_default();
            let count = bytes.len().min(buffer.len() - done);
            buffer[done..done + count].copy_from_slice(&bytes[..count]);
            done += count;
        }
        Ok(done)
    }

    /// A chunk, once it is known to be right.
    fn verified(&self, number: usize, chunk: &Chunk, call: &Call) -> Result<Arc<Vec<u8>>> {
        let kept = |all: &VecDeque<Verified>| all.iter().position(|(kept, _)| *kept == number);
        {
            let mut all = lock(self.verified.get());
            if let Some(at) = kept(&all)
                && let Some(found) = all.remove(at)
            {
                let bytes = found.1.clone();
                all.push_back(found);
                return Ok(bytes);
            }
        }
        let mut bytes = vec![0; usize::try_from(chunk.size).unwrap_or(usize::MAX)];
        let count = self.fetch(chunk.offset, &mut bytes, true, call, |bytes| {
            if (bytes.len() as u64) < chunk.size {
                let message =
                    format!("the chunk at {} goes beyond the end of the blob", chunk.offset);
                return Err(Error::argument("chunks", message));
            }
            let mut hasher = Hasher::new(chunk.digest.algorithm());
            hasher.update(bytes);
            check_digest(&chunk.digest, hasher.finish()).map_err(|e| {
                e.with(|d| d.what = Some("chunk")).context(format!(
                    "the chunk at {} of the blob {} is not right",
                    chunk.offset, self.wanted.digest
                ))
            })
        })?;
        bytes.truncate(count);
        let bytes = Arc::new(bytes);
        let mut all = lock(self.verified.get());
        if kept(&all).is_none() {
            all.push_back((number, bytes.clone()));
        }
        let mut total: usize = all.iter().map(|(_, bytes)| bytes.len()).sum();
        while total > KEPT
            && all.len() > 1
            && let Some((_, oldest)) = all.pop_front()
        {
            total -= oldest.len();
        }
        Ok(bytes)
    }

    /// Reads at the endpoint in use, or at the next one where that fails, or gives what `judge` refuses.
    fn fetch(
        &self,
        offset: u64,
        buffer: &mut [u8],
        verified: bool,
        call: &Call,
        judge: impl Fn(&[u8]) -> Result<()>,
    ) -> Result<usize> {
        let size = self.size();
        if size.is_some_and(|size| offset >= size) || offset > LARGEST {
            judge(&[])?;
            return Ok(0);
        }
        let Got { count, size } = self.session.with_repository(call, |repository| {
            let part = Part::new(repository, &self.wanted, &self.ways, verified);
            let got = part.read(offset, buffer, size, call)?;
            judge(&buffer[..got.count])?;
            Ok(got)
        })?;
        if let Some(size) = size {
            self.size.store(size, Ordering::Relaxed);
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::digest::Algorithm;

    fn chunk(offset: u64, size: u64) -> Chunk {
        Chunk { offset, size, digest: Digest::of(Algorithm::Sha256, b"") }
    }

    #[test]
    fn chunks_neither_overlap_nor_leave_the_blob() {
        for (chunks, size, is_good) in [
            (vec![], None, true),
            (vec![chunk(0, 10), chunk(10, 5)], Some(15), true),
            (vec![chunk(10, 5), chunk(0, 10)], Some(15), true),
            (vec![chunk(0, 1), chunk(5, 1)], None, true),
            (vec![chunk(0, 10), chunk(9, 5)], None, false),
            (vec![chunk(0, 10), chunk(0, 10)], None, false),
            (vec![chunk(10, 6)], Some(15), false),
            (vec![chunk(3, 0)], None, false),
            (vec![chunk(u64::MAX, 1)], None, false),
            (vec![chunk(0, LARGEST_CHUNK + 1)], None, false),
        ] {
            assert_eq!(Chunks::new(chunks.clone(), size).is_ok(), is_good, "{chunks:?}");
        }
    }

    #[test]
    fn every_byte_is_in_its_chunk() {
        let chunks =
            Chunks::new(vec![chunk(10, 5), chunk(15, 1), chunk(20, 2)], None).expect("sound");
        let at = |offset| chunks.at(offset).map(|(number, _)| number);
        let found: Vec<_> = [0, 9, 10, 14, 15, 16, 19, 20, 21, 22].map(at).into();
        let (none, some) = (None, Some);
        assert_eq!(
            found,
            [none, none, some(0), some(0), some(1), none, none, some(2), some(2), none]
        );
        assert!(chunks.check_cover(10, 16).is_ok() && chunks.check_cover(12, 12).is_ok());
        assert!(chunks.check_cover(10, 17).is_err() && chunks.check_cover(9, 11).is_err());
    }
}
