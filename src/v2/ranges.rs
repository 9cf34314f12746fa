//! A blob in closed ranges, several at once. What comes of them is judged by whoever writes the blob.

use std::ops::Range;

use super::Repository;
use super::blob::PROGRESS;
use super::foreign::Wanted;
use super::lazy::{Part, Ways, is_odd};
use crate::call::Call;
use crate::error::{Code, Error, Phase, Result};
use crate::http::slots::{Slot, Slots};
use crate::http::{Response, range};
use crate::image::descriptor::check_size;
use crate::image::transport::Ranges;
use crate::image::{BlobRead, Descriptor};

/// The ranges of one blob.
#[derive(Debug)]
pub(super) struct BlobRanges<'a> {
    repository: &'a Repository,
    blob: Wanted,
    size: u64,
    ways: Ways,
}

impl<'a> BlobRanges<'a> {
    pub(super) fn new(repository: &'a Repository, blob: &Descriptor) -> Self {
        Self { repository, blob: blob.into(), size: blob.size, ways: Ways::default() }
    }

    fn slots(&self) -> &'a Slots {
        &self.repository.registry().common().slots
    }
}

impl Ranges for BlobRanges<'_> {
    fn most(&self) -> usize {
        self.slots().most()
    }

    fn open(
        &self,
        range: Range<u64>,
        waits: bool,
        call: &Call,
    ) -> Result<Option<Box<dyn BlobRead + '_>>> {
        let host = self.repository.registry().base().authority();
        let slot = match waits {
            true => Some(self.slots().take(host, call)?),
            false => self.slots().take_free(host),
        };
        Ok(slot.map(|slot| {
            let part = Part::new(self.repository, &self.blob, &self.ways, true);
            Box::new(OneRange {
                of: self,
                part,
                failed_at: range.start,
                position: range.start,
                end: range.end,
                response: None,
                failures: 0,
                retries: 0,
                _slot: slot,
            }) as Box<dyn BlobRead>
        }))
    }
}

/// A range that is read, and its place among the transfers of that host.
struct OneRange<'a> {
    of: &'a BlobRanges<'a>,
    part: Part<'a>,
    position: u64,
    end: u64,
    response: Option<Response>,
    failures: u32,
    failed_at: u64,
    retries: u32,
    _slot: Slot<'a>,
}

impl OneRange<'_> {
    fn read_on(&mut self, buffer: &mut [u8], call: &Call) -> Result<usize> {
        let mut response = match self.response.take() {
            Some(response) => response,
            None => self.ask(call)?,
        };
        let left = usize::try_from(self.end - self.position).unwrap_or(usize::MAX);
        let most = buffer.len().min(left);
        // One byte more than the range has shows whether it ends there, and leaves the connection to the next one.
        let read = match most {
            0 => response.body.read(&mut [0], call)?,
            _ => response.body.read(&mut buffer[..most], call)?,
        };
        match (most, read) {
            (0, 0) => return Ok(0),
            (0, _) => {
                return Err(self.part.wrong(&response, "it sent more than its Content-Range says"));
            }
            (_, 0) => {
                return Err(Error::new(Code::Disconnected, "the connection ended too early")
                    .phase(Phase::Body)
                    .url(&response.url));
            }
            _ => {}
        }
        self.position += read as u64;
        self.response = Some(response);
        Ok(read)
    }

    fn ask(&self, call: &Call) -> Result<Response> {
        let asked = self.part.ask(self.position, self.end - 1, true, call);
        let response = asked.inspect_err(|error| {
            // Some do not know ranges at all, and say so in other ways.
            if is_odd(error) {
                self.of.repository.registry().ignores_ranges();
            }
        })?;
        if response.status != 206 {
            return Err(self.unasked(&response, "it does not send ranges of the blob"));
        }
        let piece =
            range::piece(&response, self.position).map_err(|why| self.unasked(&response, why))?;
        if let Some(total) = piece.total {
            check_size(&self.of.blob.digest, self.of.size, total)
                .map_err(|e| e.url(&response.url))?;
        }
        match piece.length == self.end - self.position {
            true => Ok(response),
            false => Err(self.unasked(&response, "it sent another range than requested")),
        }
    }

    /// What came is not what was asked for, nor will it be the next time.
    fn unasked(&self, response: &Response, why: &str) -> Error {
        self.of.repository.registry().ignores_ranges();
        self.part.wrong(response, why)
    }
}

impl BlobRead for OneRange<'_> {
    fn read(&mut self, buffer: &mut [u8], call: &Call) -> Result<usize> {
        loop {
            if self.position == self.end && self.response.is_none() {
                return Ok(0);
            }
            let failure = match self.read_on(buffer, call) {
                Ok(read) => return Ok(read),
                // All of it came. The connection is lost, and that is all.
                Err(_) if self.position == self.end && call.check().is_ok() => return Ok(0),
                // Nor does it do so the next time.
                Err(failure) if is_odd(&failure) => return Err(self.part.named(failure)),
                Err(failure) => self.part.named(failure),
            };
            if self.position - self.failed_at >= PROGRESS {
                self.failures = 0;
            }
            self.failed_at = self.position;
            let mut attempts = self.of.repository.registry().attempts(self.failures);
            attempts.again(failure, call)?;
            self.failures = attempts.failures();
            self.retries += 1;
        }
    }

    fn take_retries(&mut self) -> u32 {
        std::mem::take(&mut self.retries)
    }
}
