//! A stream that is passed in piece by piece.

use super::Step;
use super::gzip::{self, Gzip};
use super::zstd::{self, Zstd};
use crate::error::{Code, Error, Result};

/// How a stream is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Not at all, as far as can be told.
    Plain,
    /// Gzip.
    Gzip,
    /// Zstandard.
    Zstd,
}

/// As many bytes as it takes to tell the formats apart.
const ENOUGH: usize = 10;

impl Format {
    /// By the first bytes; None if it takes more of them, and `last` says that there are no more.
    fn of(first: &[u8], last: bool) -> Result<Option<Self>> {
        if first.starts_with(&gzip::MAGIC) {
            return Ok(Some(Self::Gzip));
        }
        let is_skippable = |first: &[u8]| {
            first.first().is_some_and(|byte| byte & 0xf0 == 0x50)
                && first[1..].starts_with(&zstd::SKIPPABLE)
        };
        if first.starts_with(&zstd::MAGIC) || is_skippable(first) {
            return Ok(Some(Self::Zstd));
        }
        // A tar archive may begin with the name of a file, so these are told by all that they begin with.
        let is_bzip2 = |first: &[u8]| {
            first.len() == ENOUGH && first.starts_with(b"BZh") && first[4..] == *b"1AY&SY"
        };
        for (is_it, name) in [(is_bzip2(first), "bzip2"), (first.starts_with(b"\xfd7zXZ\0"), "xz")]
        {
            if is_it {
                let message = format!("layers that are compressed with {name} are not supported");
                return Err(Error::new(Code::Unsupported, message)
                    .with(|d| d.what = Some("layer"))
                    .hint("rebuild the image with layers that are compressed with gzip or zstd"));
            }
        }
        Ok((last || first.len() == ENOUGH).then_some(Self::Plain))
    }
}

/// What makes output of input.
pub(super) struct Stream {
    decoding: Decoding,
    /// The first bytes, until it is known what they are, and how many of them have been taken since.
    first: Vec<u8>,
    replayed: usize,
    limit: u64,
    given: u64,
}

enum Decoding {
    Unknown,
    Plain,
    Gzip(Box<Gzip>),
    Zstd(Box<Zstd>),
}

impl Decoding {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step> {
        match self {
            Self::Unknown => Ok(Step { taken: 0, given: 0 }),
            Self::Plain => {
                let count = input.len().min(output.len());
                output[..count].copy_from_slice(&input[..count]);
                Ok(Step { taken: count, given: count })
            }
            Self::Gzip(gzip) => gzip.step(input, output),
            Self::Zstd(zstd) => zstd.step(input, output),
        }
    }
}

impl Stream {
    pub(super) fn new(limit: u64) -> Self {
        let first = Vec::with_capacity(ENOUGH);
        Self { decoding: Decoding::Unknown, first, replayed: 0, limit, given: 0 }
    }

    /// What it is, once that is known.
    pub(super) fn format(&self) -> Option<Format> {
        match self.decoding {
            Decoding::Unknown => None,
            Decoding::Plain => Some(Format::Plain),
            Decoding::Gzip(_) => Some(Format::Gzip),
            Decoding::Zstd(_) => Some(Format::Zstd),
        }
    }

    /// Whether bytes may pass without being copied.
    pub(super) fn is_plain(&self) -> bool {
        matches!(self.decoding, Decoding::Plain) && self.replayed == self.first.len()
    }

    /// Takes some input and gives some output. If it gives none, it has taken all and needs more; `last` says that
    /// there is no more.
    pub(super) fn step(&mut self, input: &[u8], output: &mut [u8], last: bool) -> Result<Step> {
        let mut taken = 0;
        if matches!(self.decoding, Decoding::Unknown) {
            taken = input.len().min(ENOUGH - self.first.len());
            self.first.extend_from_slice(&input[..taken]);
            self.decoding = match Format::of(&self.first, last)? {
                None => return Ok(Step { taken, given: 0 }),
                Some(Format::Plain) => Decoding::Plain,
                Some(Format::Gzip) => Decoding::Gzip(Box::new(Gzip::new())),
                Some(Format::Zstd) => Decoding::Zstd(Box::new(Zstd::new()?)),
            };
        }
        loop {
            let replayed = self.replayed;
            let from_first = replayed < self.first.len();
            let rest = if from_first { &self.first[replayed..] } else { &input[taken..] };
            let wanted = rest.len();
            let step = self.decoding.step(rest, output)?;
            if from_first {
                self.replayed += step.taken;
            } else {
                taken += step.taken;
            }
            if step.given > 0 {
                self.count(step.given)?;
                return Ok(Step { taken, given: step.given });
            }
            if !from_first && step.taken == wanted {
                return Ok(Step { taken, given: 0 });
            }
            if step.taken == 0 {
                return Err(Error::internal("decompression does not go on"));
            }
        }
    }

    /// No input comes any more, and the last step gave nothing: whether the stream is whole.
    pub(super) fn end(&self) -> Result<()> {
        match &self.decoding {
            Decoding::Unknown | Decoding::Plain => Ok(()),
            Decoding::Gzip(gzip) => gzip.end(),
            Decoding::Zstd(zstd) => zstd.end(),
        }
    }

    fn count(&mut self, given: usize) -> Result<()> {
        self.given += given as u64;
        if self.given > self.limit && !matches!(self.decoding, Decoding::Plain) {
            let message = format!("the layer has more than {} bytes decompressed", self.limit);
            return Err(Error::new(Code::Limit, message)
                .with(|d| d.what = Some("layer"))
                .hint("raise max_size, or bytes in the option limits, if you trust whoever built the image"));
        }
        Ok(())
    }
}
