//! Compressed layers: gzip members, zstd frames, plain. What is read one way is read the same in pieces, and hashed the same.
#![no_main]

use std::io::Read;

use libfuzzer_sys::fuzz_target;
use ocireg::call::Call;
use ocireg::compress::{Decoder, DiffId};
use ocireg::names::digest::{Algorithm, Digest};

/// The most that is decompressed: small inputs may stand for much.
const MOST: u64 = 8 << 20;

/// Gives a few bytes at a time.
struct Slow<'a>(&'a [u8]);

impl Read for Slow<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let most = buffer.len().min(97);
        Read::read(&mut self.0, &mut buffer[..most])
    }
}

/// What comes out. Which fault is found first may depend on the pieces; that there is one does not.
fn all(source: impl Read) -> Option<Vec<u8>> {
    let mut all = Vec::new();
    Decoder::limited(source, MOST).read_to_end(&mut all).ok()?;
    Some(all)
}

fuzz_target!(|input: &[u8]| {
    let whole = all(input);
    assert_eq!(whole, all(Slow(input)));
    let Some(content) = whole else { return };
    let call = Call::new(None);
    let mut diff_id = DiffId::new(Algorithm::Sha256);
    for piece in input.chunks(89) {
        diff_id.update(piece, &mut |_| {}, &call).expect("as before");
    }
    let digest = diff_id.finish(&mut |_| {}, &call).expect("as before");
    assert_eq!(digest, Digest::of(Algorithm::Sha256, &content));
});
