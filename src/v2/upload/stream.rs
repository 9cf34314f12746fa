//! A blob in one request, straight from where it is read: nothing of it is kept here, so after a failure it is read again
//! from where the registry has come to.

use std::io::{self, Read};

use super::begin::exists;
use super::exchange::{
    check_told, give_up, is_invalid, refusal, refusal_of_end, request_at, send_to,
};
use super::recovery::{Refusal, is_over, may_be_done};
use super::upload_url::UploadUrl;
use super::{BlobWriter, CHUNK, OCTETS, State};
use crate::call::Call;
use crate::error::{Code, Error, Result};
use crate::http::{Method, Once, Payload, Reaches, carry, header};
use crate::image::descriptor::{check_digest, check_size};
use crate::image::transport::{Feed, Streamed};
use crate::names::digest::{Digest, Hasher};
use crate::v2::Repository;

/// After a failure, so many bytes of progress make the next failure the first one again.
const PROGRESS: u64 = 1 << 20;

impl BlobWriter {
    /// Sends the rest from where it is read. What cannot go in one request is to be written in pieces.
    pub(crate) fn stream(&mut self, feed: &mut Feed<'_>, call: &Call) -> Result<Streamed> {
        self.usable()?;
        let (Some(digest), Some(size)) = (self.options.digest.clone(), self.options.size) else {
            return Ok(Streamed::InPieces);
        };
        let State::Open(upload) = &self.state else { return Ok(Streamed::InPieces) };
        let in_chunks = !self.options.is_streamed(size)
            || self.most < CHUNK
            || self.streaming.refused
            || self.repository.registry().largest_chunk() < usize::MAX;
        if in_chunks || self.sent == size || !self.chunk.is_empty() {
            return Ok(Streamed::InPieces);
        }
        let upload = upload.clone();
        self.stream_rest(&upload, &digest, size, feed, call).map_err(|error| self.fail(error, call))
    }

    /// How often the transfer was tried again since this was last asked.
    pub(in crate::v2) fn take_retries(&mut self) -> u32 {
        std::mem::take(&mut self.streaming.retries)
    }

    fn stream_rest(
        &mut self,
        upload: &UploadUrl,
        digest: &Digest,
        size: u64,
        feed: &mut Feed<'_>,
        call: &Call,
    ) -> Result<Streamed> {
        let is_ours = self.hasher.is_some();
        let mut rest = Rest {
            feed,
            hasher: self.hasher.as_mut(),
            hashed: self.hashed,
            position: self.sent,
            digest,
            size,
            failure: None,
        };
        let sent = send(&self.repository, upload, &mut rest, is_ours, call);
        let (position, failure) = (rest.position, rest.failure.take());
        self.hashed = rest.hashed;
        match (failure, sent) {
            (Some(Failure::Content(error)), _) => Err(error),
            // Whoever feeds knows why. Another one may go on.
            (Some(Failure::Feed), _) => {
                if call.check().is_ok() {
                    self.ask_again(upload, position, call)?;
                }
                Ok(Streamed::InPart)
            }
            (None, Ok(next)) => {
                (self.sent, self.written) = (size, size);
                self.state = next.map_or(State::Present, State::Open);
                Ok(Streamed::Whole)
            }
            (None, Err(error)) => self.go_on(error, upload, digest, position, call),
        }
    }

    /// After a failure: what is to be done about it.
    fn go_on(
        &mut self,
        error: Error,
        upload: &UploadUrl,
        digest: &Digest,
        position: u64,
        call: &Call,
    ) -> Result<Streamed> {
        if is_over(&error) {
            return Err(error);
        }
        self.streaming.retries += 1;
        match Refusal::of(&error) {
            Refusal::Range if self.sent > 0 && !self.streaming.counted => {
                self.streaming.counted = true;
            }
            refusal @ (Refusal::Range | Refusal::TooLarge) => {
                // Whoever says so of one blob says so of the next one, too.
                let most = if refusal == Refusal::Range { CHUNK } else { CHUNK / 4 };
                self.repository.registry().takes_no_chunk_over(most);
                self.most = self.most.min(most);
                return self.in_chunks(upload, call);
            }
            Refusal::Forgotten if !self.streaming.begun => {
                self.streaming.begun = true;
                return self.begin_at_start(None, call);
            }
            // Many say so to what they do not know.
            Refusal::Other
                if matches!(error.code(), Code::Rejected | Code::Unsupported)
                    && !is_invalid(&error) =>
            {
                return self.in_chunks(upload, call);
            }
            _ => {
                if let Some(over) = self.wait(error, digest, position, call)? {
                    return Ok(over);
                }
            }
        }
        self.ask_again(upload, position, call)?;
        if self.sent >= self.streaming.failed_at + PROGRESS {
            self.streaming.failures = 0;
        }
        self.streaming.failed_at = self.streaming.failed_at.max(self.sent);
        Ok(Streamed::InPart)
    }

    /// Waits before the next attempt; says how the upload ended, if it has.
    fn wait(
        &mut self,
        error: Error,
        digest: &Digest,
        position: u64,
        call: &Call,
    ) -> Result<Option<Streamed>> {
        let registry = self.repository.registry();
        let mut attempts = registry.attempts(self.streaming.failures);
        let waited = attempts.again(error.clone(), call);
        self.streaming.failures = attempts.failures();
        if waited.as_ref().is_err_and(is_over) {
            return waited.map(|()| None);
        }
        // Perhaps only the answer was lost.
        let size = self.options.size;
        if self.sent == 0
            && size == Some(position)
            && may_be_done(&error)
            && exists(&self.repository, digest, size, call)?
        {
            (self.sent, self.written) = (position, position);
            self.state = State::Present;
            return Ok(Some(Streamed::Whole));
        }
        waited.map(|()| None)
    }

    /// Finds out how much has arrived of what was sent up to `position`. Where that cannot be known, the upload begins
    /// again: the blob can be read from its start.
    fn ask_again(&mut self, upload: &UploadUrl, position: u64, call: &Call) -> Result<()> {
        if position == 0 {
            return Ok(());
        }
        match self.ask_for_state(upload, call) {
            // Nothing and one byte look the same.
            Ok((next, Some(has))) if has > 1 && (self.sent..=position).contains(&has) => {
                (self.sent, self.written) = (has, has);
                self.state = State::Open(next);
                Ok(())
            }
            Ok((next, _)) => self.begin_at_start(Some(&next), call).map(drop),
            Err(error) if is_over(&error) => Err(error),
            Err(_) => self.begin_at_start(None, call).map(drop),
        }
    }

    fn in_chunks(&mut self, upload: &UploadUrl, call: &Call) -> Result<Streamed> {
        self.streaming.refused = true;
        self.begin_at_start(Some(upload), call)
    }

    /// Begins a new upload. The one before, if the registry still has it, is given up.
    fn begin_at_start(&mut self, before: Option<&UploadUrl>, call: &Call) -> Result<Streamed> {
        if let Some(before) = before {
            give_up(&self.repository, before, call)?;
        }
        (self.sent, self.written) = (0, 0);
        self.begin_again(call)?;
        Ok(Streamed::InPart)
    }
}

/// Sends the rest. Where that is all, it ends the upload; else it tells where the upload goes on.
fn send(
    repository: &Repository,
    upload: &UploadUrl,
    rest: &mut Rest<'_, '_>,
    is_ours: bool,
    call: &Call,
) -> Result<Option<UploadUrl>> {
    let (begin, size, digest) = (rest.position, rest.size, rest.digest.clone());
    let doing = format!("upload a blob to {}", repository.shown());
    let body = Once::new(size - begin, rest);
    let mut request = request_at(repository, upload, &doing).header(
        header::CONTENT_TYPE,
        OCTETS,
        Reaches::Origin,
    )?;
    request.body = Payload::Once(&body);
    request.is_large = true;
    if begin == 0 {
        request.method = Method::PUT;
        request.url.query_pairs_mut().append_pair("digest", &digest.to_string());
        let response = send_to(repository, upload, &request, call)?;
        if !matches!(response.status, 201 | 204) {
            return Err(refusal_of_end(repository, response, &doing, is_ours, call));
        }
        check_told(&response, &digest)?;
        response.finish(call)?;
        return Ok(None);
    }
    let range = format!("{begin}-{}", size - 1);
    request = request.header(header::CONTENT_RANGE, &range, Reaches::Origin)?;
    request.method = Method::PATCH;
    let response = send_to(repository, upload, &request, call)?;
    if !matches!(response.status, 200 | 201 | 202 | 204) {
        return Err(refusal(repository, response, &doing, Method::PATCH, call));
    }
    let next = UploadUrl::sent(repository, &response, Some(upload), call)?;
    response.finish(call)?;
    Ok(Some(next))
}

/// Why no more of a blob is sent.
enum Failure {
    /// It cannot be read.
    Feed,
    /// It is not what it should be.
    Content(Error),
}

/// The rest of a blob, whose last bytes are only sent when it is right.
struct Rest<'a, 'f> {
    feed: &'a mut Feed<'f>,
    hasher: Option<&'a mut Hasher>,
    hashed: u64,
    position: u64,
    digest: &'a Digest,
    size: u64,
    failure: Option<Failure>,
}

impl Rest<'_, '_> {
    fn next(&mut self, buffer: &mut [u8]) -> Result<usize, Failure> {
        let left = usize::try_from(self.size - self.position).unwrap_or(usize::MAX);
        if left == 0 || buffer.is_empty() {
            return Ok(0);
        }
        let most = left.min(buffer.len());
        let feed = |feed: &mut Feed<'_>, buffer: &mut [u8]| feed(buffer).map_err(|_| Failure::Feed);
        let read = feed(self.feed, &mut buffer[..most])?;
        let known = usize::try_from(self.hashed - self.position).unwrap_or(usize::MAX).min(read);
        if let Some(hasher) = &mut self.hasher {
            hasher.update(&buffer[known..read]);
        }
        self.position += read as u64;
        self.hashed = self.hashed.max(self.position);
        let content = |checked: Result<()>| checked.map_err(Failure::Content);
        if read == 0 {
            content(check_size(self.digest, self.size, self.position))?;
        }
        if self.position == self.size {
            let more = feed(self.feed, &mut [0; 1])? as u64;
            content(check_size(self.digest, self.size, self.size + more))?;
            if let Some(hasher) = &self.hasher {
                content(check_digest(self.digest, Hasher::clone(hasher).finish()))?;
            }
        }
        Ok(read)
    }
}

impl Read for Rest<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.next(buffer).map_err(|failure| {
            self.failure = Some(failure);
            carry(Error::new(Code::Disconnected, "the blob that is sent could not be read on"))
        })
    }
}
