//! Hashing of written data: on the thread that writes, or on a separate one.
//!
//! One large blob keeps one core busy: receiving and writing it takes a little longer than hashing it. So where a core is idle,
//! a thread takes over the hashing, and buffers go to and fro between the two.

use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
use std::thread::JoinHandle;

use crate::names::digest::{Algorithm, Digest, Hasher};

/// How many buffers may wait for the thread that hashes.
const WAITING: usize = 2;

/// The hash of a blob that is being written.
#[derive(Debug)]
pub(super) enum Hashing {
    /// On the thread that writes.
    Here(Hasher),
    /// On its own thread.
    Apart(Apart),
}

impl Hashing {
    pub(super) fn new(algorithm: Algorithm) -> Self {
        Self::Here(Hasher::new(algorithm))
    }

    /// Hashes on a thread from here on. Where none can be started, nothing changes.
    pub(super) fn move_apart(&mut self) {
        if let Self::Here(hasher) = self
            && let Some(apart) = Apart::start(hasher.clone())
        {
            *self = Self::Apart(apart);
        }
    }

    /// Takes the first `length` bytes of a buffer, which may be another when this returns, of the same size and any content.
    pub(super) fn take(&mut self, buffer: &mut Vec<u8>, length: usize) {
        if let Self::Apart(apart) = self
            && apart.take(buffer, length)
        {
            return;
        }
        self.here().update(&buffer[..length]);
    }

    /// The hasher with all that was taken, on this thread again.
    pub(super) fn here(&mut self) -> &mut Hasher {
        if let Self::Apart(apart) = self {
            *self = Self::Here(apart.end());
        }
        match self {
            Self::Here(hasher) => hasher,
            Self::Apart(_) => unreachable!("it was just ended"),
        }
    }

    /// The digest of the data so far.
    pub(super) fn digest(&mut self) -> Digest {
        self.here().clone().finish()
    }
}

/// A thread that hashes. It ends when this is dropped.
#[derive(Debug)]
pub(super) struct Apart {
    filled: Option<SyncSender<(Vec<u8>, usize)>>,
    empty: Receiver<Vec<u8>>,
    thread: Option<JoinHandle<Hasher>>,
}

impl Apart {
    fn start(mut hasher: Hasher) -> Option<Self> {
        let (filled, to_hash) = sync_channel::<(Vec<u8>, usize)>(WAITING);
        let (hashed, empty) = channel();
        let work = move || {
            for (buffer, length) in to_hash {
                hasher.update(&buffer[..length]);
                // Nobody wants it back at the end.
                drop(hashed.send(buffer));
            }
            hasher
        };
        let builder = std::thread::Builder::new().name("ocireg-hash".to_owned());
        let thread = builder.stack_size(64 << 10).spawn(work).ok()?;
        Some(Self { filled: Some(filled), empty, thread: Some(thread) })
    }

    /// Exchanges a full buffer for an empty one; false, and nothing was taken, if the thread is gone.
    fn take(&mut self, buffer: &mut Vec<u8>, length: usize) -> bool {
        let Some(filled) = &self.filled else { return false };
        let size = buffer.len();
        let spare = self.empty.try_recv().unwrap_or_else(|_| vec![0; size]);
        let full = std::mem::replace(buffer, spare);
        match filled.send((full, length)) {
            Ok(()) => true,
            Err(unsent) => {
                *buffer = unsent.0.0;
                false
            }
        }
    }

    /// Waits until everything is hashed.
    fn end(&mut self) -> Hasher {
        self.filled = None;
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(hasher)) => hasher,
            Some(Err(panic)) => std::panic::resume_unwind(panic),
            None => unreachable!("it ends once"),
        }
    }
}

impl Drop for Apart {
    fn drop(&mut self) {
        self.filled = None;
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_the_same_apart_and_here() {
        let bytes: Vec<u8> = (0..1_000_003_u32).map(|i| (i % 251) as u8).collect();
        let expected = Digest::of(Algorithm::Sha256, &bytes);
        for apart_from in [0, 7, 99, usize::MAX] {
            let mut hashing = Hashing::new(Algorithm::Sha256);
            for (i, piece) in bytes.chunks(10_007).enumerate() {
                if i == apart_from {
                    hashing.move_apart();
                }
                if i % 5 == 4 {
                    hashing.here().update(piece);
                    continue;
                }
                let mut buffer = vec![0; 10_007];
                buffer[..piece.len()].copy_from_slice(piece);
                hashing.take(&mut buffer, piece.len());
                assert_eq!(buffer.len(), 10_007, "another buffer, but as large");
            }
            assert_eq!(hashing.digest(), expected, "apart from piece {apart_from} on");
        }
    }

    #[test]
    fn goes_on_apart_after_the_digest_was_asked_for() {
        let mut hashing = Hashing::new(Algorithm::Sha512);
        hashing.move_apart();
        hashing.take(&mut b"one".to_vec(), 3);
        assert_eq!(hashing.digest(), Digest::of(Algorithm::Sha512, b"one"));
        hashing.move_apart();
        hashing.take(&mut b"two, but less".to_vec(), 3);
        assert_eq!(hashing.digest(), Digest::of(Algorithm::Sha512, b"onetwo"));
    }
}
