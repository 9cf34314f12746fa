//! Parts of a blob, from wherever in it: the way to its bytes is found once and kept as long as it is good.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use url::Url;

use super::Repository;
use super::foreign::{Elsewhere, Wanted};
use super::upload::is_answer;
use crate::call::{Call, Turn};
use crate::error::{Code, Error, Phase, Result};
use crate::http::origin::Origin;
use crate::http::{Reaches, Response, expiry, header, range};
use crate::image::descriptor::check_size;
use crate::sync::{PerProcess, lock};

/// Servers that ignore ranges send all that comes before; so much of it is read over.
const READ_OVER: u64 = 1 << 20;

/// How often a way that others found may turn out to be closed before that is the answer.
const MOST_DETOURS: u32 = 3;

/// What is kept of a blob between reads. A child finds its own way.
#[derive(Debug, Default)]
pub struct Ways(PerProcess<State>);

#[derive(Debug, Default)]
struct State {
    /// One read at a time finds the way; the others wait for it.
    turn: Turn,
    way: Mutex<Option<Arc<Way>>>,
    /// What became of the last search, if that was a failure: which turn it was, and at which endpoint.
    failed: Mutex<Option<(u64, Url, Error)>>,
    /// The entity tag of the content, and who gave it.
    entity: Mutex<Option<(Origin, String)>>,
}

/// Where the bytes of a blob are.
#[derive(Debug)]
struct Way {
    /// The endpoint that it is of.
    endpoint: Url,
    /// At the registry itself, with its credentials: the blob's address, or where that redirects to.
    url: Url,
    /// Where else, without credentials.
    elsewhere: Option<Elsewhere>,
    /// When it ends.
    ends: Option<Instant>,
}

impl Way {
    fn is_open(&self) -> bool {
        self.ends.is_none_or(|ends| Instant::now() < ends)
    }

    /// Whether a failure says that the blob is not there any more, or nobody, so that another way may be found.
    fn is_closed_after(&self, error: &Error, home: &Url) -> bool {
        let refused = matches!(error.details().http_status, Some(401 | 403 | 404 | 410));
        let unreached = matches!(
            error.code(),
            Code::NameNotResolved
                | Code::Connect
                | Code::Tls
                | Code::Certificate
                | Code::Redirect
                | Code::Policy
        );
        (self.elsewhere.is_some() || self.url != *home) && (refused || unreached)
    }
}

/// One read of a part of a blob at one endpoint.
pub struct Part<'a> {
    repository: &'a Repository,
    blob: &'a Wanted,
    ways: &'a State,
    /// Whether the bytes are judged by whoever gets them.
    verified: bool,
    home: Url,
    doing: String,
}

/// How much of a part was read, and what a server said of the size of the whole.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Got {
    /// Bytes read: fewer than were asked for only at the end of the blob.
    pub count: usize,
    /// The size of the blob.
    pub size: Option<u64>,
}

impl<'a> Part<'a> {
    /// A read of a blob at an endpoint. `verified`: its bytes are judged afterwards, so that nothing else needs to show
    /// that the content has not changed.
    pub fn new(
        repository: &'a Repository,
        blob: &'a Wanted,
        ways: &'a Ways,
        verified: bool,
    ) -> Self {
        let home = repository.address(&format!("blobs/{}", blob.digest));
        let doing = format!("read the blob {} of {}", blob.digest, repository.shown());
        Self { repository, blob, ways: ways.0.get(), verified, home, doing }
    }

    /// Fills the buffer with what is at `offset`, as far as the blob goes; `size` is what is known of that.
    pub fn read(
        &self,
        offset: u64,
        buffer: &mut [u8],
        size: Option<u64>,
        call: &Call,
    ) -> Result<Got> {
        let mut got = Got { count: 0, size };
        let mut failures = 0;
        loop {
            let at = offset + got.count as u64;
            let left = got.size.map_or(u64::MAX, |size| size.saturating_sub(at));
            let room = buffer.len() - got.count;
            let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(room);
            if wanted == 0 {
                return Ok(got);
            }
            let rest = &mut buffer[got.count..got.count + wanted];
            let before = got.count;
            let failure = match self.piece(at, rest, &mut got, call) {
                // The end, of a blob whose size nobody tells.
                Ok(()) if got.count == before => return Ok(got),
                Ok(()) => continue,
                Err(error) => error,
            };
            let mut attempts = self.repository.registry().attempts(failures);
            attempts.again(self.named(failure), call)?;
            failures = attempts.failures();
        }
    }

    /// Asks for what is at `offset` and reads what comes of it; what came before a failure counts.
    fn piece(&self, offset: u64, into: &mut [u8], got: &mut Got, call: &Call) -> Result<()> {
        let last = offset + into.len() as u64 - 1;
        let mut response = match self.ask(offset, last, true, call) {
            // Some do not know ranges at all, and say so in other ways.
            Err(error) if is_odd(&error) && last < READ_OVER => {
                self.ask(offset, last, false, call)?
            }
            outcome => outcome?,
        };
        let length = match response.status {
            206 => {
                let piece =
                    range::piece(&response, offset).map_err(|why| self.wrong(&response, why))?;
                self.learn(piece.total, &response, got)?;
                piece.length
            }
            200 => {
                let total = response.content_length();
                self.learn(total, &response, got)?;
                let whole = offset == 0 && total.is_some_and(|total| total <= last + 1);
                if last >= READ_OVER && !whole {
                    return Err(self.ignores_ranges(&response));
                }
                if !self.read_over(offset, &mut response, call)? {
                    return Ok(());
                }
                total.map_or(into.len() as u64, |total| (total - offset).min(into.len() as u64))
            }
            _ => return self.behind_the_end(offset, response, got, call),
        };
        let expected = usize::try_from(length).unwrap_or(usize::MAX).min(into.len());
        let mut count = 0;
        while count < expected {
            let read = response.body.read(&mut into[count..expected], call)?;
            if read == 0 {
                // A body whose length nobody told ends where it ends.
                if response.status == 200 && response.content_length().is_none() {
                    got.size = Some(offset + count as u64);
                    return Ok(());
                }
                return Err(Error::new(Code::Disconnected, "the connection ended too early")
                    .phase(Phase::Body)
                    .url(&response.url));
            }
            count += read;
            got.count += read;
        }
        // Read to its end, the body leaves its connection to the next read.
        let is_whole = response.status == 206 && length == expected as u64;
        if is_whole && response.body.read(&mut [0], call)? > 0 {
            return Err(self.wrong(&response, "it sent more than its Content-Range says"));
        }
        Ok(())
    }

    /// Skips what was not asked for. False: the blob ended before.
    fn read_over(&self, offset: u64, response: &mut Response, call: &Call) -> Result<bool> {
        let mut scratch = vec![0; usize::try_from(offset.min(64 << 10)).unwrap_or_default()];
        let mut left = offset;
        while left > 0 {
            let most = scratch.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            let read = response.body.read(&mut scratch[..most], call)?;
            if read == 0 {
                return Ok(false);
            }
            left -= read as u64;
        }
        Ok(response.content_length() != Some(offset))
    }

    /// A 416: the blob ends before the part, or the server does not like ranges.
    fn behind_the_end(
        &self,
        offset: u64,
        response: Response,
        got: &mut Got,
        call: &Call,
    ) -> Result<()> {
        match range::size_of_unsatisfied(&response) {
            Some(total) if total <= offset => {
                self.learn(Some(total), &response, got)?;
                response.finish(call)
            }
            _ => Err(self.wrong(&response, "it does not have the requested part of the blob")),
        }
    }

    /// What a server tells of the content must not change from one answer to the next.
    fn learn(&self, total: Option<u64>, response: &Response, got: &mut Got) -> Result<()> {
        if let (Some(size), Some(total)) = (got.size, total) {
            check_size(&self.blob.digest, size, total).map_err(|e| e.url(&response.url))?;
        }
        got.size = got.size.or(total);
        // A weak tag says nothing about bytes.
        let tag = response.header("etag").filter(|tag| tag.starts_with('"') && !self.verified);
        let Some(tag) = tag else { return Ok(()) };
        let origin = Origin::of(&response.url);
        let mut entity = lock(&self.ways.entity);
        match &*entity {
            Some((of, seen)) if *of == origin && seen != tag => {
                Err(self.wrong(response, "the content has changed since it was read before"))
            }
            Some((of, _)) if *of == origin => Ok(()),
            _ => {
                *entity = Some((origin, tag.to_owned()));
                Ok(())
            }
        }
    }

    /// Asks by the way that is known, or finds one.
    pub(super) fn ask(&self, first: u64, last: u64, ranged: bool, call: &Call) -> Result<Response> {
        let mut detours = 0;
        loop {
            let Some(way) = self.known() else {
                match self.find(first, last, ranged, call)? {
                    Some(response) => return Ok(response),
                    // Another read has found one meanwhile.
                    None => continue,
                }
            };
            match self.send(&way.url, way.elsewhere.as_ref(), first, last, ranged, call) {
                Err(error) if way.is_closed_after(&error, &self.home) && detours < MOST_DETOURS => {
                    detours += 1;
                    self.forget(&way);
                }
                outcome => return outcome,
            }
        }
    }

    /// The way that is known at this endpoint.
    fn known(&self) -> Option<Arc<Way>> {
        let mut known = lock(&self.ways.way);
        let way = known.clone()?;
        if way.endpoint != *self.repository.registry().base() {
            return None;
        }
        if !way.is_open() {
            *known = None;
            return None;
        }
        Some(way)
    }

    fn forget(&self, way: &Arc<Way>) {
        let mut known = lock(&self.ways.way);
        if known.as_ref().is_some_and(|known| Arc::ptr_eq(known, way)) {
            *known = None;
        }
    }

    /// Asks the registry, and keeps where it leads. None: another read has done so while this one waited.
    fn find(&self, first: u64, last: u64, ranged: bool, call: &Call) -> Result<Option<Response>> {
        let turn = self.ways.turn.take(call, within_itself)?;
        if self.known().is_some() {
            return Ok(None);
        }
        let endpoint = self.repository.registry().base();
        if let (Some(since), Some((number, of, error))) =
            (turn.waited_for, &*lock(&self.ways.failed))
            && *number >= since
            && of == endpoint
        {
            return Err(error.clone());
        }
        match self.ask_registry(first, last, ranged, call) {
            Ok((response, elsewhere)) => {
                let lifetime = expiry::lifetime(&response.url, &response.headers);
                let way = Way {
                    endpoint: endpoint.clone(),
                    url: response.url.clone(),
                    elsewhere,
                    ends: lifetime.and_then(|time| Instant::now().checked_add(time)),
                };
                *lock(&self.ways.way) = Some(Arc::new(way));
                Ok(Some(response))
            }
            Err(error) => {
                // It may be told to calls that have sent nothing themselves.
                let error = call.mask().error(error);
                let own = matches!(error.code(), Code::Cancelled | Code::Deadline | Code::Busy);
                let failure = (!own).then(|| (turn.number, endpoint.clone(), error.clone()));
                *lock(&self.ways.failed) = failure;
                Err(error)
            }
        }
    }

    /// Asks the registry, and the addresses of the descriptor if the registry does not have the blob. Tells where the
    /// bytes come from, if not from the registry itself.
    fn ask_registry(
        &self,
        first: u64,
        last: u64,
        ranged: bool,
        call: &Call,
    ) -> Result<(Response, Option<Elsewhere>)> {
        let missing = match self.send(&self.home, None, first, last, ranged, call) {
            Ok(response) => {
                let elsewhere = response
                    .crossed
                    .then(|| Elsewhere::redirected(self.repository, &response.url, call))
                    .transpose()?;
                return Ok((response, elsewhere));
            }
            Err(error) if error.code() == Code::NotFound => error.with(|d| {
                if d.phase != Some(Phase::Token) {
                    d.what = Some("blob");
                }
            }),
            Err(error) => return Err(error),
        };
        let mut attempts = vec![missing];
        for url in self.blob.urls() {
            let found = Elsewhere::new(self.repository, url, call).and_then(|place| {
                let response = self.send(&self.home, Some(&place), first, last, ranged, call)?;
                Ok((response, place))
            });
            match found {
                Ok((response, place)) => return Ok((response, Some(place))),
                Err(error) if matches!(error.code(), Code::Cancelled | Code::Deadline) => {
                    return Err(error);
                }
                Err(error) => attempts.push(error),
            }
        }
        let last = attempts
            .last()
            .cloned()
            .unwrap_or_else(|| Error::internal("no endpoint was asked for the blob"));
        Err(if attempts.len() > 1 { last.with(|d| d.attempts = attempts) } else { last })
    }

    fn send(
        &self,
        url: &Url,
        elsewhere: Option<&Elsewhere>,
        first: u64,
        last: u64,
        ranged: bool,
        call: &Call,
    ) -> Result<Response> {
        let registry = self.repository.registry();
        let mut request = match elsewhere {
            Some(place) => place.request(&self.doing),
            None => registry.request(url.clone(), &self.doing),
        };
        if ranged {
            let range = format!("bytes={first}-{last}");
            request = request.header(header::RANGE, &range, Reaches::Everywhere)?;
        }
        let wanted = |status| matches!(status, 200 | 206 | 416);
        match elsewhere {
            Some(place) => place.send(&request, self.repository, call),
            None => registry.attempt(&request, &self.repository.scopes(), wanted, call),
        }
    }

    fn ignores_ranges(&self, response: &Response) -> Error {
        Error::new(Code::Unsupported, "the server ignores range requests")
            .url(&response.url)
            .with(|d| d.http_status = Some(response.status))
            .hint(
                "read the blob from its beginning with ocireg_session_open_blob(), or download it",
            )
    }

    pub(super) fn wrong(&self, response: &Response, why: &str) -> Error {
        Error::new(Code::Protocol, why)
            .url(&response.url)
            .with(|d| d.http_status = Some(response.status))
    }

    pub(super) fn named(&self, error: Error) -> Error {
        let context = format!("cannot {}", self.doing);
        if error.to_string().starts_with(&context) { error } else { error.context(context) }
    }
}

/// Whether a request was refused in a way that its range may have to do with.
pub(super) fn is_odd(error: &Error) -> bool {
    is_answer(error)
        && error.details().phase != Some(Phase::Token)
        && matches!(error.details().http_status, Some(400 | 405 | 501))
}

/// A callback that reads from the blob is inside the read that it would wait for.
fn within_itself() -> Error {
    Error::new(
        Code::Busy,
        "the call that invoked this callback is already asking for the blob that this call needs",
    )
    .hint("make the call again after the callback has returned")
}
