//! A reader that decompresses what another one gives.

use std::fmt;
use std::io::{self, Read};

use super::MOST;
use super::stream::{Format, Stream};
use crate::call::Call;
use crate::error::{Error, Result};
use crate::image::BlobRead;

/// So much compressed data is read at once.
const INPUT: usize = 64 << 10;

/// Gives what a blob, a file or any other reader has, without its compression.
///
/// At the end everything has been judged: checksums, sizes, and that nothing comes after the compressed data but zeros
/// after gzip. Errors of the data stay; those of the reader below are its own, and reading goes on where it can.
pub struct Decoder<R> {
    source: R,
    stream: Stream,
    input: Vec<u8>,
    /// What of the input has been read and not taken.
    start: usize,
    end: usize,
    source_ended: bool,
    failure: Option<Error>,
}

impl<R> Decoder<R> {
    /// A decoder from the first byte of `source` on. What is compressed may become 64 GiB.
    pub fn new(source: R) -> Self {
        Self::limited(source, MOST)
    }

    /// A decoder that gives at most `limit` bytes of what is compressed; more is LIMIT. Plain data is as long as it is.
    pub fn limited(source: R, limit: u64) -> Self {
        Self {
            source,
            stream: Stream::new(limit),
            input: Vec::new(),
            start: 0,
            end: 0,
            source_ended: false,
            failure: None,
        }
    }

    /// How the data is compressed; None before the first byte has been read.
    pub fn format(&self) -> Option<Format> {
        self.stream.format()
    }

    /// The reader below.
    pub fn get_ref(&self) -> &R {
        &self.source
    }

    /// The reader below. What is read from it is missing here.
    pub fn get_mut(&mut self) -> &mut R {
        &mut self.source
    }

    /// The next bytes, which `fill` brings.
    fn next<E: From<Error>>(
        &mut self,
        output: &mut [u8],
        mut fill: impl FnMut(&mut R, &mut [u8]) -> std::result::Result<usize, E>,
    ) -> std::result::Result<usize, E> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone().into());
        }
        if output.is_empty() {
            return Ok(0);
        }
        loop {
            if self.start == self.end && self.stream.is_plain() {
                return fill(&mut self.source, output);
            }
            let step =
                self.stream.step(&self.input[self.start..self.end], output, self.source_ended);
            let step = step.map_err(|error| self.failed(error))?;
            self.start += step.taken;
            if step.given > 0 {
                return Ok(step.given);
            }
            if self.source_ended {
                self.stream.end().map_err(|error| self.failed(error))?;
                return Ok(0);
            }
            self.input.resize(INPUT, 0);
            (self.start, self.end) = (0, 0);
            self.end = fill(&mut self.source, &mut self.input)?;
            self.source_ended = self.end == 0;
        }
    }

    fn failed(&mut self, error: Error) -> Error {
        self.failure.insert(error).clone()
    }
}

impl<R: BlobRead> BlobRead for Decoder<R> {
    fn read(&mut self, buffer: &mut [u8], call: &Call) -> Result<usize> {
        self.next(buffer, |source, input| {
            call.check()?;
            source.read(input, call)
        })
    }

    fn take_retries(&mut self) -> u32 {
        self.source.take_retries()
    }
}

impl<R: Read> Read for Decoder<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.next(buffer, |source, input| source.read(input))
    }
}

impl<R: fmt::Debug> fmt::Debug for Decoder<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder")
            .field("source", &self.source)
            .field("format", &self.format())
            .finish_non_exhaustive()
    }
}
