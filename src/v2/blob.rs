//! A blob as a stream: verified at its end, resumed after cuts.

use std::sync::Arc;

use super::Repository;
use super::foreign::{Elsewhere, Wanted};
use super::upload::{OCTETS, is_answer};
use crate::call::Call;
use crate::error::{Code, Error, Phase, Result};
use crate::http::{Body, Reaches, Response, header, range};
use crate::image::descriptor::{check_digest, check_size};
use crate::image::transport::too_large;
use crate::image::{BlobRead, Descriptor};
use crate::names::digest::{Digest, Hasher};
use url::Url;

/// After a cut, so many bytes of progress make the next cut the first one again.
pub(super) const PROGRESS: u64 = 1 << 20;

/// How the rest of a blob is requested; ways that the server has refused are not used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ask {
    /// `bytes=N-`.
    Rest,
    /// `bytes=N-LAST`: some servers take only ranges with an end.
    Closed,
    /// All of it, and what is known is read over.
    Whole,
}

impl Repository {
    /// What a blob is, as far as a registry can know: its digest and size.
    pub fn head_blob(&self, digest: &Digest, call: &Call) -> Result<Descriptor> {
        let size = match self.blob_size(digest, call) {
            Ok(Some(size)) => size,
            Err(error) if !is_answer(&error) => return Err(error),
            // It may be that there is none, that nobody says why, or that a store takes only GET.
            Ok(None) | Err(_) => {
                let blob = Wanted::new(digest.clone(), None, OCTETS, &[]);
                let opened = BlobReader::open(Arc::new(self.clone()), &blob, 0, call)?;
                opened.size().ok_or_else(|| {
                    Error::new(
                        Code::Protocol,
                        format!("cannot look up the blob {digest} of {}", self.shown()),
                    )
                    .cause("the registry does not tell its size")
                    .hint("read the blob to its end to learn its size")
                })?
            }
        };
        Ok(Descriptor::new(OCTETS, digest.clone(), size))
    }
}

/// Who else can be asked for a blob where its repository fails in the middle.
pub trait Others: Send + std::fmt::Debug {
    /// The next repository after this failure; None if there is none, or if it is no reason to ask another one.
    fn after(&mut self, failure: &Error, call: &Call) -> Result<Option<Repository>>;

    /// The repository gave bytes that are not those of the digest, all of them itself.
    fn blame(&mut self);
}

/// Reads one blob of one repository.
#[derive(Debug)]
pub struct BlobReader {
    repository: Arc<Repository>,
    digest: Digest,
    size: Option<u64>,
    /// Where the blob is, if not at the registry.
    elsewhere: Option<Elsewhere>,
    /// Where reading is.
    offset: u64,
    /// The caller's offset, as long as nothing has been read from there: he may have chosen it wrong.
    chosen: bool,
    ask: Ask,
    /// What had to be read over to get here, at the last time that a server sent more than was asked for.
    skipped: u64,
    /// None when reading began in the middle: then only the size can be checked.
    hasher: Option<Hasher>,
    body: Option<Body>,
    attempts: u32,
    /// Where the last failure was.
    failed_at: u64,
    retries: u32,
    ended: bool,
    failure: Option<Error>,
    others: Option<Box<dyn Others>>,
    /// Whether bytes came from more than one repository.
    is_mixed: bool,
}

impl BlobReader {
    /// Opens a blob at an offset: the first request is made here.
    pub fn open(
        repository: Arc<Repository>,
        blob: &Wanted,
        offset: u64,
        call: &Call,
    ) -> Result<Self> {
        let hasher = (offset == 0).then(|| Hasher::new(blob.digest.algorithm()));
        Self::open_at(repository, blob, offset, true, hasher, call)
    }

    /// Opens a blob of which the first `offset` bytes have gone into `hasher` already.
    pub fn resume(
        repository: Arc<Repository>,
        blob: &Wanted,
        offset: u64,
        hasher: Option<Hasher>,
        call: &Call,
    ) -> Result<Self> {
        Self::open_at(repository, blob, offset, false, hasher, call)
    }

    fn open_at(
        repository: Arc<Repository>,
        blob: &Wanted,
        offset: u64,
        chosen: bool,
        hasher: Option<Hasher>,
        call: &Call,
    ) -> Result<Self> {
        let size = blob.size;
        if let Some(size) = size
            && offset > size
        {
            return Err(behind(offset, size));
        }
        let mut reader = Self {
            repository,
            digest: blob.digest.clone(),
            size,
            elsewhere: None,
            offset,
            chosen,
            ask: Ask::Rest,
            skipped: 0,
            hasher,
            body: None,
            attempts: 0,
            failed_at: offset,
            retries: 0,
            ended: false,
            failure: None,
            others: None,
            is_mixed: false,
        };
        if size != Some(offset) || offset == 0 {
            reader.connect_anywhere(blob.urls(), call)?;
        }
        Ok(reader)
    }

    /// Asks the registry, and the places that the descriptor names if the registry does not have the blob.
    fn connect_anywhere(&mut self, urls: &[String], call: &Call) -> Result<()> {
        let missing = match self.connect_retrying(call) {
            Err(error) if error.code() == Code::NotFound && !urls.is_empty() => error,
            outcome => return outcome,
        };
        let mut attempts = vec![missing];
        for url in urls {
            self.attempts = 0;
            let found = Elsewhere::new(&self.repository, url, call)
                .map_err(|error| self.named(error))
                .and_then(|place| {
                    self.elsewhere = Some(place);
                    self.connect_retrying(call)
                });
            match found {
                Err(error) if matches!(error.code(), Code::Cancelled | Code::Deadline) => {
                    return Err(error);
                }
                Err(error) => attempts.push(error),
                Ok(()) => return Ok(()),
            }
        }
        let last =
            attempts.last().cloned().unwrap_or_else(|| Error::internal("no server was asked"));
        Err(last.with(|d| d.attempts = attempts))
    }

    /// The same reader, going on with others where the repository fails.
    #[must_use]
    pub fn with_others(self, others: Box<dyn Others>) -> Self {
        Self { others: Some(others), ..self }
    }

    /// Goes on with another repository, from where reading is. False if there is none.
    fn moves_on(&mut self, failure: &Error, call: &Call) -> Result<bool> {
        let Some(others) = &mut self.others else { return Ok(false) };
        if failure.code() == Code::DigestMismatch {
            // What was read was given out already.
            if !self.is_mixed {
                others.blame();
            }
            return Ok(false);
        }
        let Some(next) = others.after(failure, call)? else { return Ok(false) };
        self.repository = Arc::new(next);
        self.is_mixed |= self.offset > 0;
        (self.body, self.elsewhere, self.ask, self.attempts) = (None, None, Ask::Rest, 0);
        self.retries += 1;
        Ok(true)
    }

    /// The whole blob's size, where it is known.
    pub fn size(&self) -> Option<u64> {
        self.size
    }

    /// How often the connection was made again since the last call of this.
    pub fn take_retries(&mut self) -> u32 {
        std::mem::take(&mut self.retries)
    }

    /// Reads some bytes. 0 is the end, which is only returned after size and digest have been verified.
    ///
    /// Errors are sticky, except CANCELLED and DEADLINE: after those you can continue to read.
    pub fn read(&mut self, buffer: &mut [u8], call: &Call) -> Result<usize> {
        if self.ended {
            return Ok(0);
        }
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        let read = loop {
            match self.read_on(buffer, call) {
                Err(error) => {
                    if !self.moves_on(&error, call)? {
                        break Err(error);
                    }
                }
                read => break read,
            }
        };
        read.inspect_err(|error| {
            self.body = None;
            if !matches!(error.code(), Code::Cancelled | Code::Deadline) {
                // It comes again in calls that have sent nothing.
                self.failure = Some(call.mask().error(error.clone()));
            }
        })
    }

    fn read_on(&mut self, buffer: &mut [u8], call: &Call) -> Result<usize> {
        call.check()?;
        loop {
            if self.size == Some(self.offset) && self.offset > 0 && self.body.is_none() {
                return self.end();
            }
            if self.body.is_none() {
                self.connect_retrying(call)?;
            }
            let Some(body) = &mut self.body else { continue };
            match body.read(buffer, call) {
                Ok(0) if self.size.is_none_or(|size| size == self.offset) => return self.end(),
                // The header promised less than the descriptor, or the connection's end was the body's.
                Ok(0) => {
                    let cut = self.named(Error::new(
                        Code::Disconnected,
                        "the connection ended in the middle of the blob",
                    ));
                    self.again(cut.phase(Phase::Body), call)?;
                }
                Ok(read) => {
                    self.take(&buffer[..read])?;
                    return Ok(read);
                }
                Err(error) => {
                    let error = self.named(error);
                    self.again(error, call)?;
                }
            }
        }
    }

    fn take(&mut self, bytes: &[u8]) -> Result<()> {
        let offset = self.offset + bytes.len() as u64;
        if let Some(size) = self.size
            && offset > size
        {
            return Err(self.named(check_size(&self.digest, size, offset).err().unwrap_or_else(
                || Error::new(Code::SizeMismatch, "the blob is longer than its descriptor says"),
            )));
        }
        if let Some(hasher) = &mut self.hasher {
            hasher.update(bytes);
        }
        self.offset = offset;
        self.chosen = false;
        Ok(())
    }

    fn end(&mut self) -> Result<usize> {
        if let Some(size) = self.size {
            check_size(&self.digest, size, self.offset).map_err(|e| self.named(e))?;
        }
        if let Some(hasher) = self.hasher.take() {
            check_digest(&self.digest, hasher.finish()).map_err(|e| self.named(e))?;
        }
        self.body = None;
        self.ended = true;
        Ok(0)
    }

    fn connect_retrying(&mut self, call: &Call) -> Result<()> {
        loop {
            match self.connect(call) {
                Ok(()) => return Ok(()),
                Err(error) => self.again(error, call)?,
            }
        }
    }

    /// Waits before the next attempt, or gives the failure back.
    fn again(&mut self, error: Error, call: &Call) -> Result<()> {
        self.body = None;
        // Where much has to be read over each time, little progress is none: else the work would grow with the square
        // of the size.
        if self.offset.saturating_sub(self.failed_at) >= PROGRESS.max(self.skipped / 4) {
            self.attempts = 0;
        }
        self.failed_at = self.offset;
        let done = self.offset;
        let error = error.with(|d| d.bytes_done = Some(done));
        let repository = self.repository.clone();
        let mut attempts = repository.registry().attempts(self.attempts);
        attempts.again(error, call)?;
        self.attempts = attempts.failures();
        self.retries += 1;
        Ok(())
    }

    /// Asks for the rest of the blob.
    fn connect(&mut self, call: &Call) -> Result<()> {
        let repository = self.repository.clone();
        let doing = format!("get the blob {} of {}", self.digest, repository.shown());
        let url = repository.address(&format!("blobs/{}", self.digest));
        // Kept beside `self`, which learns from the answer.
        let elsewhere = self.elsewhere.take();
        let outcome = self.connect_to(elsewhere.as_ref(), &repository, url, &doing, call);
        self.elsewhere = elsewhere;
        outcome
    }

    fn connect_to(
        &mut self,
        elsewhere: Option<&Elsewhere>,
        repository: &Repository,
        url: Url,
        doing: &str,
        call: &Call,
    ) -> Result<()> {
        let (mut response, range) = loop {
            let mut request = match elsewhere {
                Some(place) => place.request(doing),
                None => repository.registry().request(url.clone(), doing),
            };
            // No If-Range: the digest names the content, and what is another one is found by it.
            request.is_large = self.size.is_none_or(|size| size > PROGRESS);
            let range = self.range();
            if let Some(range) = &range {
                request = request.header(header::RANGE, range, Reaches::Everywhere)?;
            }
            let wanted = |status| matches!(status, 200 | 206 | 416);
            let response = match elsewhere {
                Some(place) => place.send(&request, repository, call),
                None => repository.registry().attempt(&request, &repository.scopes(), wanted, call),
            };
            match response {
                Ok(response) if response.status == 416 && range.is_some() => {
                    if self.refused(response, call)? {
                        return Ok(());
                    }
                }
                // Some do not know ranges at all, and say so in other ways.
                Err(error) if range.is_some() && is_odd(&error) => self.ask = Ask::Whole,
                Err(error) => {
                    return Err(error.with(|d| {
                        if d.http_status == Some(404) && d.phase != Some(Phase::Token) {
                            d.what = Some("blob")
                        }
                    }));
                }
                Ok(response) => break (response, range),
            }
        };
        match response.status {
            200 => {
                if self.accept_whole(&mut response, call)? {
                    return Ok(());
                }
            }
            206 if range.is_some() => self.accept_part(&response)?,
            206 => {
                return Err(self
                    .wrong(&response, "the server sent a part of the blob instead of all of it"));
            }
            _ => return Err(self.wrong(&response, "the server does not have the blob")),
        }
        self.body = Some(response.body);
        Ok(())
    }

    /// What to ask for, if not for everything.
    fn range(&mut self) -> Option<String> {
        match (self.ask, self.size) {
            _ if self.offset == 0 => None,
            (Ask::Rest, _) => Some(format!("bytes={}-", self.offset)),
            (Ask::Closed, Some(size)) => Some(format!("bytes={}-{}", self.offset, size - 1)),
            (Ask::Closed | Ask::Whole, _) => None,
        }
    }

    /// Handles a refused range. Returns true if the blob ends there, else the rest is requested in another way.
    fn refused(&mut self, response: Response, call: &Call) -> Result<bool> {
        let told = range::size_of_unsatisfied(&response);
        if let Some(told) = told
            && self.size.is_none()
            && self.chosen
            && self.ends_at(told)?
        {
            response.finish(call)?;
            return Ok(true);
        }
        // Somebody else's bytes, or not all of them: another range does not help.
        if told.is_some_and(|told| told <= self.offset) || (told.is_some() && self.size != told) {
            return Err(self.wrong(&response, "the server does not have the rest of the blob"));
        }
        self.ask = match self.ask {
            Ask::Rest if self.size.is_some() => Ask::Closed,
            _ => Ask::Whole,
        };
        response.finish(call)?;
        Ok(false)
    }

    /// Learns the size of a blob of which the caller chose a part. Whether that part is empty; an offset behind the end
    /// is refused.
    fn ends_at(&mut self, size: u64) -> Result<bool> {
        if self.chosen && size < self.offset {
            return Err(behind(self.offset, size));
        }
        self.size = Some(size);
        Ok(size == self.offset)
    }

    /// The whole blob came. Where a part was asked for, the server ignores ranges, and what is known is skipped. True
    /// if nothing comes after that.
    fn accept_whole(&mut self, response: &mut Response, call: &Call) -> Result<bool> {
        let told = response.content_length();
        if let Some(told) = told
            && self.size.is_none()
            && self.offset > 0
            && self.ends_at(told)?
        {
            return Ok(true);
        }
        self.learn_size(told, response)?;
        self.skipped = self.offset;
        let mut left = self.offset;
        let mut buffer = vec![0; 64 << 10];
        while left > 0 {
            let most = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            let read = response.body.read(&mut buffer[..most], call)?;
            if read == 0 {
                return Err(self
                    .wrong(response, "the blob ended before the requested part")
                    .recode(Code::Disconnected)
                    .retryable(true));
            }
            left -= read as u64;
        }
        Ok(false)
    }

    /// A part came: it must be exactly the rest.
    fn accept_part(&mut self, response: &Response) -> Result<()> {
        let size =
            range::size_told(response, self.offset).map_err(|why| self.wrong(response, why))?;
        self.skipped = 0;
        self.learn_size(Some(size), response)
    }

    /// What the header says of the size must not contradict what is known: nothing of the body is read then.
    fn learn_size(&mut self, told: Option<u64>, response: &Response) -> Result<()> {
        match (self.size, told) {
            (Some(size), Some(told)) if size != told => {
                Err(self
                    .named(check_size(&self.digest, size, told).err().unwrap_or_else(|| {
                        Error::internal("two sizes are both equal and different")
                    }))
                    .url(&response.url))
            }
            (None, Some(told)) => {
                self.size = Some(told);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn wrong(&self, response: &Response, why: &str) -> Error {
        self.named(Error::new(Code::Protocol, why)).url(&response.url).with(|d| {
            d.http_status = Some(response.status);
        })
    }

    fn named(&self, error: Error) -> Error {
        if error.to_string().starts_with("cannot get the blob") {
            return error;
        }
        let done = self.offset;
        error
            .context(format!("cannot get the blob {} of {}", self.digest, self.repository.shown()))
            .with(|d| d.bytes_done = Some(done))
    }
}

impl BlobRead for BlobReader {
    fn read(&mut self, buffer: &mut [u8], call: &Call) -> Result<usize> {
        Self::read(self, buffer, call)
    }

    fn take_retries(&mut self) -> u32 {
        Self::take_retries(self)
    }
}

fn behind(offset: u64, size: u64) -> Error {
    Error::argument(
        "offset",
        format!("the offset {offset} is beyond the end of the blob at {size}"),
    )
}

/// Whether a request was refused in a way that its range may have to do with.
fn is_odd(error: &Error) -> bool {
    error.details().phase != Some(Phase::Token)
        && matches!(error.details().http_status, Some(400 | 405 | 501))
}

/// Reads a small blob, such as a configuration, to its verified end; more than `limit` bytes is LIMIT.
pub fn read_whole(
    repository: &Repository,
    blob: &Descriptor,
    limit: u64,
    call: &Call,
) -> Result<Vec<u8>> {
    if let Some(bytes) = blob.embedded()? {
        return Ok(bytes);
    }
    if blob.size > limit {
        return Err(too_large(blob, limit));
    }
    let most = repository.registry().common().limits.total;
    let mut reader = BlobReader::open(Arc::new(repository.clone()), &blob.into(), 0, call)?;
    let (mut all, mut buffer) = (Vec::new(), vec![0; 32 << 10]);
    loop {
        match reader.read(&mut buffer, call)? {
            0 => return Ok(all),
            read => {
                call.collect(read, most)?;
                all.extend_from_slice(&buffer[..read]);
            }
        }
    }
}
