//! A layer as it is used: without its compression, and judged at its end.

use super::{Decoder, check_diff_id};
use crate::call::Call;
use crate::error::{Code, Error, Result};
use crate::image::BlobRead;
use crate::names::digest::{Digest, Hasher};

/// What comes out of a layer without its compression.
#[derive(Debug, Clone)]
pub struct Expected {
    /// Its digest, if that is known.
    pub diff_id: Option<Digest>,
    /// The most bytes, if it is compressed.
    pub most: u64,
}

/// Reads a layer without its compression. 0 is the end, and comes only after the reader below has judged the blob, and
/// what came out has the diff ID, where one is expected.
#[derive(Debug)]
pub struct LayerReader<R> {
    decoder: Decoder<R>,
    diff_id: Option<DiffId>,
    /// What is wrong with the data, as long as the rest of the blob has not been judged.
    suspected: Option<Error>,
    ended: Option<Result<()>>,
}

#[derive(Debug)]
struct DiffId {
    expected: Digest,
    hasher: Hasher,
}

impl<R> LayerReader<R> {
    /// A layer, which `source` gives from its first byte on.
    pub fn new(source: R, Expected { diff_id, most }: Expected) -> Self {
        let diff_id =
            diff_id.map(|expected| DiffId { hasher: Hasher::new(expected.algorithm()), expected });
        let decoder = Decoder::limited(source, most);
        Self { decoder, diff_id, suspected: None, ended: None }
    }

    /// The reader below.
    pub fn get_ref(&self) -> &R {
        self.decoder.get_ref()
    }
}

impl<R: BlobRead> LayerReader<R> {
    /// The rest of the blob: if that has another digest than it should, the data is damaged because it was replaced or
    /// damaged on its way.
    fn judge(&mut self, suspected: Error, call: &Call) -> Result<usize> {
        let mut buffer = vec![0; 64 << 10];
        self.suspected = Some(suspected.clone());
        while self.decoder.get_mut().read(&mut buffer, call)? > 0 {}
        self.suspected = None;
        self.ended = Some(Err(suspected.clone()));
        Err(suspected)
    }

    fn end(&mut self) -> Result<()> {
        match self.diff_id.take() {
            Some(DiffId { expected, hasher }) => check_diff_id(&expected, &hasher.finish()),
            None => Ok(()),
        }
    }
}

impl<R: BlobRead> BlobRead for LayerReader<R> {
    fn read(&mut self, buffer: &mut [u8], call: &Call) -> Result<usize> {
        if let Some(ended) = &self.ended {
            return ended.clone().map(|()| 0);
        }
        if let Some(suspected) = self.suspected.take() {
            return self.judge(suspected, call);
        }
        match self.decoder.read(buffer, call) {
            Ok(0) => {
                let ended = self.end();
                self.ended = Some(ended.clone());
                ended.map(|()| 0)
            }
            Ok(read) => {
                if let Some(DiffId { hasher, .. }) = &mut self.diff_id {
                    hasher.update(&buffer[..read]);
                }
                Ok(read)
            }
            Err(error) if is_damage(&error) => self.judge(error, call),
            Err(error) => Err(error),
        }
    }

    fn take_retries(&mut self) -> u32 {
        self.decoder.take_retries()
    }
}

/// Whether the data cannot be decompressed, and bytes that were replaced may be why.
fn is_damage(error: &Error) -> bool {
    error.code() == Code::InvalidManifest && error.details().what == Some("layer")
}
