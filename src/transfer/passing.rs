//! Layers are looked into while they pass: what they are without their compression must be what the image's configuration
//! says.

use crate::call::Call;
use crate::compress::{DiffId, check_diff_id};
use crate::error::Result;
use crate::image::descriptor::{check_digest, check_size};
use crate::image::{BlobRead, Descriptor, Sink, Source};
use crate::names::digest::{Digest, Hasher};

/// What is read of a layer at once that only has to be looked into.
const BUFFER: usize = 256 << 10;

/// A layer that passes by, from its first byte on.
pub(super) struct Passing<'a> {
    /// What it should be: one digest, unless two images contradict each other.
    expected: &'a [Digest],
    hashing: Vec<DiffId>,
    position: u64,
    /// What is wrong with it. It counts only if the blob is right.
    damage: Result<()>,
}

impl<'a> Passing<'a> {
    pub(super) fn new(expected: &'a [Digest]) -> Self {
        let hashing = expected.iter().map(|digest| DiffId::new(digest.algorithm())).collect();
        Self { expected, hashing, position: 0, damage: Ok(()) }
    }

    /// Nothing has passed by yet.
    pub(super) fn restart(&mut self) {
        *self = Self::new(self.expected);
    }

    /// Bytes pass by that are at this offset of the blob. What does not follow what was seen is not looked into.
    pub(super) fn update(&mut self, offset: u64, bytes: &[u8], call: &Call) -> Result<()> {
        if offset != self.position || self.damage.is_err() {
            return Ok(());
        }
        self.position += bytes.len() as u64;
        for diff_id in &mut self.hashing {
            self.damage = diff_id.update(bytes, &mut |_| {}, call);
            if self.damage.is_err() {
                // The call may be what has ended.
                return call.check();
            }
        }
        Ok(())
    }

    /// Judges a layer whose blob is right; false if it was not seen whole.
    pub(super) fn finish(self, blob: &Descriptor, call: &Call) -> Result<bool> {
        let named = |error: crate::error::Error| {
            error.context(format!("cannot use the layer {}", blob.digest))
        };
        self.damage.map_err(named)?;
        if self.position != blob.size {
            return Ok(false);
        }
        for (expected, diff_id) in self.expected.iter().zip(self.hashing) {
            let actual = diff_id.finish(&mut |_| {}, call).map_err(named)?;
            check_diff_id(expected, &actual).map_err(named)?;
        }
        Ok(true)
    }
}

/// Looks into a layer that need not be moved: where it is, if that is on this machine, or else where it comes from.
pub(super) fn verify_in_place(
    blob: &Descriptor,
    expected: &[Digest],
    source: &dyn Source,
    sink: &dyn Sink,
    call: &Call,
) -> Result<()> {
    let mut buffer = vec![0; BUFFER];
    let mut verify = |reader: &mut dyn BlobRead| {
        let mut passing = Passing::new(expected);
        let mut hasher = Hasher::new(blob.digest.algorithm());
        let mut position = 0;
        loop {
            let read = reader.read(&mut buffer, call)?;
            if read == 0 {
                break;
            }
            hasher.update(&buffer[..read]);
            passing.update(position, &buffer[..read], call)?;
            position += read as u64;
            if position > blob.size {
                break;
            }
        }
        check_size(&blob.digest, blob.size, position)?;
        check_digest(&blob.digest, hasher.finish())?;
        passing.finish(blob, call).map(drop)
    };
    if let Some(mut reader) = sink.read_back(blob)? {
        return verify(&mut *reader);
    }
    let mut outcome = Ok(());
    source.each_endpoint(call, &mut |endpoint| {
        let verified =
            endpoint.open_blob(blob, 0, call).and_then(|mut reader| verify(&mut *reader));
        match verified {
            // Another endpoint has the same layer.
            Err(error) if matches!(error.details().what, Some("diff_id" | "layer")) => {
                outcome = Err(error);
                Ok(())
            }
            other => other,
        }
    })?;
    outcome
}
