//! The diff ID of a layer: the digest of its uncompressed tar archive, as an image's configuration lists it.

use std::fmt;

use super::MOST;
use super::stream::{Format, Stream};
use crate::call::Call;
use crate::error::{Code, Error, Phase, Result};
use crate::names::digest::{Algorithm, Digest, Hasher};

/// So much is decompressed at once.
const OUTPUT: usize = 64 << 10;

/// Hashes what a stream is without its compression, while it passes by.
pub struct DiffId {
    stream: Stream,
    hasher: Hasher,
    output: Vec<u8>,
}

impl DiffId {
    /// Nothing has passed by yet.
    pub fn new(algorithm: Algorithm) -> Self {
        Self { stream: Stream::new(MOST), hasher: Hasher::new(algorithm), output: vec![0; OUTPUT] }
    }

    /// How the stream is compressed; None where not enough has passed by to tell.
    pub fn format(&self) -> Option<Format> {
        self.stream.format()
    }

    /// Takes the next bytes of the stream; `look` sees what they are without compression.
    pub fn update(&mut self, bytes: &[u8], look: &mut dyn FnMut(&[u8]), call: &Call) -> Result<()> {
        self.take(bytes, false, look, call)
    }

    /// The stream ends here: its digest, if it is whole.
    pub fn finish(mut self, look: &mut dyn FnMut(&[u8]), call: &Call) -> Result<Digest> {
        self.take(&[], true, look, call)?;
        self.stream.end()?;
        Ok(self.hasher.finish())
    }

    fn take(
        &mut self,
        mut bytes: &[u8],
        last: bool,
        look: &mut dyn FnMut(&[u8]),
        call: &Call,
    ) -> Result<()> {
        if self.stream.is_plain() {
            self.hasher.update(bytes);
            look(bytes);
            return Ok(());
        }
        loop {
            // A few bytes may stand for many.
            call.check()?;
            let step = self.stream.step(bytes, &mut self.output, last)?;
            bytes = &bytes[step.taken..];
            if step.given == 0 {
                return Ok(());
            }
            self.hasher.update(&self.output[..step.given]);
            look(&self.output[..step.given]);
        }
    }
}

impl fmt::Debug for DiffId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DiffId").field("format", &self.format()).finish_non_exhaustive()
    }
}

/// Compares the digest of what came out with the one that was promised.
pub fn check_diff_id(expected: &Digest, actual: &Digest) -> Result<()> {
    if expected == actual {
        return Ok(());
    }
    Err(Error::new(
        Code::DigestMismatch,
        format!("the uncompressed layer has the digest {actual}, but {expected} was expected"),
    )
    .phase(Phase::Verify)
    .hint("do not use the image; report this to whoever built it")
    .with(|d| {
        d.what = Some("diff_id");
        d.digest_expected = Some(expected.to_string());
        d.digest_actual = Some(actual.to_string());
    }))
}
