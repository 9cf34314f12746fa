//! A blob in chunks, each in memory until the registry has it.

use super::begin::begin_upload;
use super::exchange::{refusal, request_at, send_to};
use super::recovery::{Refusal, Tries, is_over};
use super::upload_url::{UploadUrl, received};
use super::{BlobWriter, OCTETS, SMALL_CHUNK, State};
use crate::call::Call;
use crate::error::{Code, Error, Result};
use crate::http::{Method, Payload, Reaches, header};

impl BlobWriter {
    /// Sends what waits.
    pub(super) fn deliver(&mut self, call: &Call) -> Result<()> {
        let repository = self.repository.clone();
        let mut tries = Tries::new(repository.registry());
        while let State::Open(upload) = &self.state
            && !self.chunk.is_empty()
        {
            let upload = upload.clone();
            let length = self.chunk.len().min(self.most.max(upload.least));
            match self.patch(&upload, length, call) {
                Ok(next) => {
                    self.arrived(length);
                    self.state = State::Open(next);
                    if self.most < self.options.chunk() {
                        repository.registry().takes_no_chunk_over(self.most);
                    }
                    tries = Tries::new(repository.registry());
                }
                Err(error) => self.recover(error, &upload, length, &mut tries, call)?,
            }
        }
        Ok(())
    }

    /// The registry has the next so many bytes.
    fn arrived(&mut self, length: usize) {
        self.chunk.drain(..length);
        self.sent += length as u64;
    }

    /// After a chunk that failed: finds out what the registry has, and goes on from there.
    fn recover(
        &mut self,
        error: Error,
        upload: &UploadUrl,
        length: usize,
        tries: &mut Tries<'_>,
        call: &Call,
    ) -> Result<()> {
        let refusal = Refusal::of(&error);
        match refusal {
            Refusal::Range if !tries.counted => tries.counted = true,
            Refusal::TooLarge if self.shrink(length, upload) => {
                if self.sent == 0 {
                    return self.begin_again(call);
                }
            }
            Refusal::Forgotten if self.sent == 0 && !tries.begun => {
                tries.begun = true;
                return self.begin_again(call);
            }
            Refusal::Forgotten => return Err(tries.forgotten(error)),
            _ => {
                tries.attempts.again(error.clone(), call)?;
                if error.code() == Code::RateLimited {
                    // Nothing has been done, and fewer questions are the better ones.
                    return Ok(());
                }
                tries.first.get_or_insert_with(|| error.clone());
            }
        }
        let (next, has) = match self.ask_for_state(upload, call) {
            Ok(state) => state,
            Err(e) if is_over(&e) => return Err(e),
            Err(_) if self.sent == 0 => return self.begin_again(call),
            Err(question) => {
                return Err(tries.first.clone().unwrap_or(error).cause(question));
            }
        };
        if let Some(mixed_up) = self.reconcile(has, refusal, length, upload, tries) {
            if self.sent == 0 {
                return self.begin_again(call);
            }
            return Err(mixed_up.cause(tries.first.clone().unwrap_or(error)));
        }
        if self.sent == 0 {
            return self.begin_again(call);
        }
        // Some registries tell of the first chunk for ever, and some of the last one alone: our own count is as good.
        self.state = State::Open(next);
        Ok(())
    }

    /// Counts what the registry has of the chunk that failed; an error if it mixes this upload up with another one.
    fn reconcile(
        &mut self,
        has: Option<u64>,
        refusal: Refusal,
        length: usize,
        upload: &UploadUrl,
        tries: &mut Tries<'_>,
    ) -> Option<Error> {
        match has {
            // Nothing and one byte look the same, here and below.
            Some(has) if has > (self.sent + length as u64).max(1) => {
                return Some(
                    Error::new(
                        Code::Protocol,
                        "the registry reports more bytes of an upload than were sent",
                    )
                    .retryable(true)
                    .hint("upload the blob again"),
                );
            }
            Some(has) if has > self.sent && (self.sent > 0 || has > 1) => {
                self.arrived(usize::try_from(has - self.sent).unwrap_or(length).min(length));
            }
            // Nothing says so, but this chunk was sent before, and now its range is refused: it arrived then.
            _ if refusal == Refusal::Range && self.sent > 0 && tries.first.take().is_some() => {
                self.arrived(length);
            }
            // It counts as we do, and refused the range all the same: GHCR says so of a chunk that is too large.
            _ if refusal == Refusal::Range => {
                self.shrink(length, upload);
            }
            _ => {}
        }
        None
    }

    /// Sends smaller chunks from now on, unless the one that was refused was small already.
    pub(super) fn shrink(&mut self, refused: usize, upload: &UploadUrl) -> bool {
        let smaller = refused > SMALL_CHUNK.max(upload.least);
        if smaller {
            self.most = SMALL_CHUNK;
        }
        smaller
    }

    /// As nothing before the bytes at hand was sent, a new upload loses nothing.
    pub(super) fn begin_again(&mut self, call: &Call) -> Result<()> {
        let algorithm = self.algorithm();
        self.state = State::Open(begin_upload(&self.repository, algorithm, call)?);
        Ok(())
    }

    /// Sends the first bytes of the chunk, and tells where the upload goes on.
    fn patch(&self, upload: &UploadUrl, length: usize, call: &Call) -> Result<UploadUrl> {
        let doing = format!("upload a blob to {}", self.repository.shown());
        let range = format!("{}-{}", self.sent, self.sent + length as u64 - 1);
        let mut request = request_at(&self.repository, upload, &doing)
            .header(header::CONTENT_TYPE, OCTETS, Reaches::Origin)?
            .header(header::CONTENT_RANGE, &range, Reaches::Origin)?;
        request.method = Method::PATCH;
        request.body = Payload::Bytes(&self.chunk[..length]);
        let response = send_to(&self.repository, upload, &request, call)?;
        // The specification says 202; old ones said 204, ECR says 201, and stores say 200.
        if !matches!(response.status, 200 | 201 | 202 | 204) {
            return Err(refusal(&self.repository, response, &doing, Method::PATCH, call));
        }
        let next = UploadUrl::sent(&self.repository, &response, Some(upload), call)?;
        response.finish(call)?;
        Ok(next)
    }

    /// Asks how much of the upload has arrived. Tells where it goes on, and how much there is, if the answer says so.
    pub(super) fn ask_for_state(
        &self,
        upload: &UploadUrl,
        call: &Call,
    ) -> Result<(UploadUrl, Option<u64>)> {
        let doing = format!("get the state of an upload to {}", self.repository.shown());
        let request = request_at(&self.repository, upload, &doing);
        let repository = &self.repository;
        let mut attempts = repository.registry().attempts(0);
        let response = loop {
            let answer = send_to(repository, upload, &request, call).and_then(|response| {
                match response.status {
                    200 | 202 | 204 => Ok(response),
                    _ => Err(refusal(repository, response, &doing, Method::GET, call)),
                }
            });
            match answer {
                Ok(response) => break response,
                Err(error) => attempts.again(error, call)?,
            }
        };
        let next = UploadUrl::sent(&self.repository, &response, Some(upload), call)?;
        let has = received(&response);
        response.finish(call)?;
        Ok((next, has))
    }
}
