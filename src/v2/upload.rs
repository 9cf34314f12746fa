//! A blob on its way to a registry: in chunks while it is written, or in one piece if it fits into a chunk.

mod place;
mod recovery;

use url::Url;

use self::place::{Place, received};
use self::recovery::{Refusal, Tries};
use super::Repository;
use crate::call::Call;
use crate::error::{Code, Error, Result};
use crate::http::address::AddressRule;
use crate::http::{Method, Payload, Reaches, Request, Response, header};
use crate::image::Descriptor;
use crate::image::descriptor::{check_digest, check_size};
use crate::names::digest::{Algorithm, Digest, Hasher};

/// The media type of a blob that nobody called anything else.
pub(crate) const OCTETS: &str = "application/octet-stream";

/// A chunk, unless the caller or the registry wants another size. Some registries refuse larger ones.
pub(crate) const CHUNK: usize = 4 << 20;

/// The chunk to try when a larger one was too large: what a proxy lets through that nobody has configured.
const SMALL_CHUNK: usize = 1 << 20;

/// The largest chunk that is kept in memory.
pub(crate) const LARGEST_CHUNK: u64 = 1 << 30;

/// How a blob is put.
#[derive(Debug, Clone)]
pub struct PutOptions {
    /// What it must hash to.
    pub digest: Option<Digest>,
    /// How many bytes it must have.
    pub size: Option<u64>,
    /// What its descriptor says it is.
    pub media_type: String,
    /// What it is hashed with where no digest is given.
    pub algorithm: Algorithm,
    /// Repositories of the same registry that may have it.
    pub mount_from: Vec<String>,
    /// Bytes of a chunk.
    pub chunk_size: usize,
    /// Whether to look first if the repository has it.
    pub check_exists: bool,
}

impl Default for PutOptions {
    fn default() -> Self {
        Self {
            digest: None,
            size: None,
            media_type: OCTETS.to_owned(),
            algorithm: Algorithm::Sha256,
            mount_from: Vec::new(),
            chunk_size: CHUNK,
            check_exists: false,
        }
    }
}

/// Writes one blob to one repository.
#[derive(Debug)]
pub struct BlobWriter {
    repository: Repository,
    options: PutOptions,
    /// None: the registry alone judges the bytes, by the digest that it is told at the end.
    hasher: Option<Hasher>,
    written: u64,
    /// How many bytes the registry has; the chunk begins there.
    sent: u64,
    chunk: Vec<u8>,
    /// The largest chunk that is sent at once.
    most: usize,
    state: State,
}

#[derive(Debug)]
enum State {
    /// The registry waits for the bytes there.
    Open(Place),
    /// The repository has the blob already: what is written is only compared.
    Present,
    /// Committed or aborted.
    Over,
    /// It cannot go on. The registry may still hold what it has got.
    Failed(Error, Option<Place>),
}

/// What came of the wish to mount.
enum Mount {
    Mounted,
    /// Not mounted, and the registry has begun an upload instead.
    Begun(Place),
    Refused,
}

impl BlobWriter {
    /// Begins an upload, unless the repository has the blob already or can take it from another one.
    pub fn open(repository: Repository, options: PutOptions, call: &Call) -> Result<Self> {
        let state = Self::begin(&repository, &options, call)?;
        let algorithm = options.digest.as_ref().map_or(options.algorithm, Digest::algorithm);
        let hasher = Some(Hasher::new(algorithm));
        let most = options.chunk_size.min(repository.registry().largest_chunk());
        let (written, sent, chunk) = (0, 0, Vec::new());
        Ok(Self { repository, options, hasher, written, sent, chunk, most, state })
    }

    /// Takes a blob over from another repository of the registry; None if that is done. Else what the registry began
    /// instead goes on as an upload.
    pub fn mount(
        repository: Repository,
        digest: Digest,
        from: &str,
        call: &Call,
    ) -> Result<Option<Self>> {
        let options = PutOptions {
            digest: Some(digest),
            mount_from: vec![from.to_owned()],
            ..PutOptions::default()
        };
        let writer = Self::open(repository, options, call)?;
        Ok(if writer.is_present() { None } else { Some(writer) })
    }

    fn begin(repository: &Repository, options: &PutOptions, call: &Call) -> Result<State> {
        if let Some(digest) = &options.digest {
            if options.check_exists && Self::exists(repository, digest, options.size, call)? {
                return Ok(State::Present);
            }
            let mut begun = None;
            for from in &options.mount_from {
                match Self::ask_mount(repository, digest, from, call)? {
                    Mount::Mounted => {
                        begun.map_or(Ok(()), |place| give_up(repository, &place, call))?;
                        return Ok(State::Present);
                    }
                    // The next repository may have it. If none has, the upload that was begun first goes on.
                    Mount::Begun(place) if begun.is_none() => begun = Some(place),
                    Mount::Begun(place) => give_up(repository, &place, call)?,
                    Mount::Refused => {}
                }
            }
            if let Some(place) = begun {
                return Ok(State::Open(place));
            }
        }
        let algorithm = options.digest.as_ref().map_or(options.algorithm, Digest::algorithm);
        Self::begin_upload(repository, algorithm, call).map(State::Open)
    }

    /// Whether the repository has the blob, as far as it lets itself be asked: the answer saves sending it, and what
    /// keeps us from it is no reason not to. Some registries redirect a HEAD to a store that takes only GET.
    pub(super) fn exists(
        repository: &Repository,
        digest: &Digest,
        size: Option<u64>,
        call: &Call,
    ) -> Result<bool> {
        match repository.blob_size(digest, call) {
            Ok(told) => Ok(told.is_some_and(|told| size.is_none_or(|size| told == size))),
            Err(error) if is_over(&error) => Err(error),
            Err(_) => Ok(false),
        }
    }

    fn begin_upload(repository: &Repository, algorithm: Algorithm, call: &Call) -> Result<Place> {
        let doing = format!("start an upload to {}", repository.shown());
        let mut url = repository.address("blobs/uploads/");
        if algorithm != Algorithm::Sha256 {
            url.query_pairs_mut().append_pair("digest-algorithm", algorithm.name());
        }
        let request = post(repository, url, &doing);
        let accepted = |status| status == 202;
        let scopes = repository.scopes();
        let response = repository.registry().fetch(&request, &scopes, accepted, call)?;
        let place = Place::sent(repository, &response, None, call)?;
        response.finish(call)?;
        Ok(place)
    }

    /// Whoever may write here may lack the right to read there: every refusal only means that the bytes must be sent.
    fn ask_mount(
        repository: &Repository,
        digest: &Digest,
        from: &str,
        call: &Call,
    ) -> Result<Mount> {
        let doing = format!("mount {digest} into {}", repository.shown());
        let mut url = repository.address("blobs/uploads/");
        url.query_pairs_mut().append_pair("mount", &digest.to_string()).append_pair("from", from);
        let request = post(repository, url, &doing);
        let scopes = repository.mount_scopes(from);
        let answered = |status| status != 429;
        let response = match repository.registry().fetch(&request, &scopes, answered, call) {
            Ok(response) => response,
            // Nor may he get a token for both.
            Err(e) if is_answer(&e) => return Ok(Mount::Refused),
            Err(e) => return Err(e),
        };
        match response.status {
            201 => {
                check_told(&response, digest)?;
                response.finish(call)?;
                Ok(Mount::Mounted)
            }
            202 => {
                let place = Place::sent(repository, &response, None, call)?;
                response.finish(call)?;
                Ok(Mount::Begun(place))
            }
            _ => response.finish(call).map(|()| Mount::Refused),
        }
    }

    /// The same without a hash of our own: what is written was verified already, or is by the registry.
    #[must_use]
    pub(super) fn unhashed(mut self) -> Self {
        if self.options.digest.is_some() {
            self.hasher = None;
        }
        self
    }

    fn algorithm(&self) -> Algorithm {
        self.options.digest.as_ref().map_or(self.options.algorithm, Digest::algorithm)
    }

    /// What was written hashes to; without a hash of our own, what it is said to.
    fn digest(&self) -> Digest {
        let said = || self.options.digest.clone();
        let hashed = self.hasher.clone().map(Hasher::finish).or_else(said);
        hashed.unwrap_or_else(|| Digest::of(self.algorithm(), b""))
    }

    /// What it will be, as far as that is known.
    pub(crate) fn descriptor(&self) -> Descriptor {
        let digest = self.options.digest.clone().unwrap_or_else(|| self.digest());
        let size = self.options.size.unwrap_or(self.written);
        Descriptor::new(self.options.media_type.clone(), digest, size)
    }

    /// Takes all of the bytes, or fails for good.
    pub fn write(&mut self, bytes: &[u8], call: &Call) -> Result<()> {
        self.usable()?;
        self.write_all(bytes, call).map_err(|error| self.fail(error, call))
    }

    fn write_all(&mut self, mut bytes: &[u8], call: &Call) -> Result<()> {
        call.check()?;
        if let Some(hasher) = &mut self.hasher {
            hasher.update(bytes);
        }
        self.written += bytes.len() as u64;
        while let State::Open(place) = &self.state
            && !bytes.is_empty()
        {
            let most = self.most.max(place.least);
            if self.chunk.len() >= most {
                self.deliver(call)?;
                continue;
            }
            let (now, later) = bytes.split_at((most - self.chunk.len()).min(bytes.len()));
            self.chunk.extend_from_slice(now);
            bytes = later;
        }
        Ok(())
    }

    /// Ends the blob: it is in the repository under its digest when this returns.
    ///
    /// `digest` and `size` are what it must be, beside what was said at the beginning.
    pub fn commit(
        &mut self,
        digest: Option<&Digest>,
        size: Option<u64>,
        call: &Call,
    ) -> Result<Descriptor> {
        self.usable()?;
        let done = self.finish(digest, size, call).map_err(|error| self.fail(error, call))?;
        self.state = State::Over;
        Ok(done)
    }

    fn finish(
        &mut self,
        digest: Option<&Digest>,
        size: Option<u64>,
        call: &Call,
    ) -> Result<Descriptor> {
        let is = self.digest();
        for expected in self.options.digest.iter().chain(digest) {
            if expected.algorithm() != is.algorithm() {
                return Err(Error::argument(
                    "digest",
                    format!(
                        "the blob has the digest {is}, which cannot be compared with {expected}"
                    ),
                )
                .hint("pass the digest, or its algorithm, when you start the upload"));
            }
            // The size says more to a reader than two digests.
            for expected_size in self.options.size.into_iter().chain(size) {
                check_size(expected, expected_size, self.written)?;
            }
            check_digest(expected, is.clone())?;
        }
        for expected_size in self.options.size.into_iter().chain(size) {
            check_size(&is, expected_size, self.written)?;
        }
        self.close(&is, call)?;
        Ok(Descriptor::new(self.options.media_type.clone(), is, self.written))
    }

    /// Ends the upload at the registry, which forgets what it has. What the registry says to that is no news.
    pub fn abort(&mut self, call: &Call) -> Result<()> {
        let place = match std::mem::replace(&mut self.state, State::Over) {
            State::Open(place) | State::Failed(_, Some(place)) => place,
            State::Present | State::Over | State::Failed(_, None) => return Ok(()),
        };
        self.chunk = Vec::new();
        give_up(&self.repository, &place, call)
    }

    /// Whether nothing needs to be written, because the repository has the blob.
    pub(crate) fn is_present(&self) -> bool {
        matches!(self.state, State::Present)
    }

    fn usable(&self) -> Result<()> {
        match &self.state {
            State::Open(_) | State::Present => Ok(()),
            State::Failed(error, _) => Err(error.clone()),
            State::Over => {
                Err(Error::argument("writer", "the blob has already been committed or aborted"))
            }
        }
    }

    fn fail(&mut self, error: Error, call: &Call) -> Error {
        let place = match std::mem::replace(&mut self.state, State::Over) {
            State::Open(place) => Some(place),
            _ => None,
        };
        // It comes again in calls that have sent nothing.
        self.state = State::Failed(call.mask().error(error.clone()), place);
        error
    }

    /// Sends what waits.
    fn deliver(&mut self, call: &Call) -> Result<()> {
        let repository = self.repository.clone();
        let mut tries = Tries::new(repository.registry());
        while let State::Open(place) = &self.state
            && !self.chunk.is_empty()
        {
            let place = place.clone();
            let length = self.chunk.len().min(self.most.max(place.least));
            match self.patch(&place, length, call) {
                Ok(next) => {
                    self.arrived(length);
                    self.state = State::Open(next);
                    if self.most < self.options.chunk_size {
                        repository.registry().takes_no_chunk_over(self.most);
                    }
                    tries = Tries::new(repository.registry());
                }
                Err(error) => self.recover(error, &place, length, &mut tries, call)?,
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
        place: &Place,
        length: usize,
        tries: &mut Tries<'_>,
        call: &Call,
    ) -> Result<()> {
        let refusal = Refusal::of(&error);
        match refusal {
            Refusal::Range if !tries.counted => tries.counted = true,
            Refusal::TooLarge if self.shrink(length, place) => {
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
        let (next, has) = match self.ask_for_state(place, length, call) {
            Ok(state) => state,
            Err(e) if is_over(&e) || e.code() == Code::Protocol => return Err(e),
            Err(_) if self.sent == 0 => return self.begin_again(call),
            Err(question) => {
                return Err(tries.first.clone().unwrap_or(error).cause(question));
            }
        };
        match has {
            // Nothing and one byte look the same.
            Some(has) if has > self.sent && (self.sent > 0 || has > 1) => {
                self.arrived(usize::try_from(has - self.sent).unwrap_or(length).min(length));
            }
            // Nothing says so, but this chunk was sent before, and now its range is refused: it arrived then.
            _ if refusal == Refusal::Range && self.sent > 0 && tries.first.take().is_some() => {
                self.arrived(length);
            }
            // It counts as we do, and refused the range all the same: GHCR says so of a chunk that is too large.
            _ if refusal == Refusal::Range => {
                self.shrink(length, place);
            }
            _ => {}
        }
        if self.sent == 0 {
            return self.begin_again(call);
        }
        // Some registries tell of the first chunk for ever, and some of the last one alone: our own count is as good.
        self.state = State::Open(next);
        Ok(())
    }

    /// Sends smaller chunks from now on, unless the one that was refused was small already.
    fn shrink(&mut self, refused: usize, place: &Place) -> bool {
        let smaller = refused > SMALL_CHUNK.max(place.least);
        if smaller {
            self.most = SMALL_CHUNK;
        }
        smaller
    }

    /// As nothing before the bytes at hand was sent, a new upload loses nothing.
    fn begin_again(&mut self, call: &Call) -> Result<()> {
        let algorithm = self.algorithm();
        self.state = State::Open(Self::begin_upload(&self.repository, algorithm, call)?);
        Ok(())
    }

    /// Sends the first bytes of the chunk, and tells where the upload goes on.
    fn patch(&self, place: &Place, length: usize, call: &Call) -> Result<Place> {
        let doing = format!("upload a blob to {}", self.repository.shown());
        let range = format!("{}-{}", self.sent, self.sent + length as u64 - 1);
        let mut request = self
            .request(place, &doing)
            .header(header::CONTENT_TYPE, OCTETS, Reaches::Origin)?
            .header(header::CONTENT_RANGE, &range, Reaches::Origin)?;
        request.method = Method::PATCH;
        request.body = Payload::Bytes(&self.chunk[..length]);
        let response = self.send(place, &request, call)?;
        // The specification says 202; old ones said 204, ECR says 201, and stores say 200.
        if !matches!(response.status, 200 | 201 | 202 | 204) {
            return Err(self.refusal(response, &doing, Method::PATCH, call));
        }
        let next = Place::sent(&self.repository, &response, Some(place), call)?;
        response.finish(call)?;
        Ok(next)
    }

    /// Ends the upload. A blob that fitted into one chunk goes with it.
    fn close(&mut self, digest: &Digest, call: &Call) -> Result<()> {
        if self.sent > 0 {
            self.deliver(call)?;
        }
        let repository = self.repository.clone();
        let mut tries = Tries::new(repository.registry());
        while let State::Open(place) = &self.state {
            let place = place.clone();
            let Err(error) = self.put(&place, digest, call) else { return Ok(()) };
            let refusal = Refusal::of(&error);
            if refusal == Refusal::TooLarge && self.shrink(self.chunk.len(), &place) {
                self.begin_again(call)?;
                self.deliver(call)?;
                continue;
            }
            let whole = self.sent == 0 && !self.chunk.is_empty();
            let outcome = match refusal {
                Refusal::Range | Refusal::Forgotten if whole && !tries.begun => {
                    tries.begun = true;
                    Ok(())
                }
                Refusal::Forgotten => Err(tries.forgotten(error.clone())),
                _ => tries.attempts.again(error.clone(), call),
            };
            if outcome.as_ref().is_err_and(is_over) {
                return outcome;
            }
            // Perhaps only the answer was lost, now or the last time.
            if may_be_done(&error) && Self::exists(&repository, digest, Some(self.written), call)? {
                return Ok(());
            }
            outcome?;
            // What has arrived of a blob in one piece cannot be gone on with: the rest would have no range, and some
            // registries put it at the beginning.
            if whole && error.code() != Code::RateLimited {
                self.begin_again(call)?;
            }
            tries.first.get_or_insert(error);
        }
        Ok(())
    }

    fn put(&self, place: &Place, digest: &Digest, call: &Call) -> Result<()> {
        let doing = format!("upload a blob to {}", self.repository.shown());
        let mut request =
            self.request(place, &doing).header(header::CONTENT_TYPE, OCTETS, Reaches::Origin)?;
        request.method = Method::PUT;
        request.body = Payload::Bytes(&self.chunk);
        request.url.query_pairs_mut().append_pair("digest", &digest.to_string());
        let response = self.send(place, &request, call)?;
        if !matches!(response.status, 201 | 204) {
            let error = self.refusal(response, &doing, Method::PUT, call);
            let invalid = error.details().errors.iter().any(|e| e.code == "DIGEST_INVALID");
            // What we have hashed ourselves was damaged on its way, or by the registry.
            return Err(if invalid && self.hasher.is_none() {
                error.recode(Code::DigestMismatch)
            } else {
                error
            });
        }
        check_told(&response, digest)?;
        response.finish(call)
    }

    /// Asks how much of the upload has arrived, of which `length` bytes more than we know may have. Tells where it goes
    /// on, and how much there is, if the answer says so.
    fn ask_for_state(
        &self,
        place: &Place,
        length: usize,
        call: &Call,
    ) -> Result<(Place, Option<u64>)> {
        let doing = format!("get the state of an upload to {}", self.repository.shown());
        let request = self.request(place, &doing);
        let mut attempts = self.repository.registry().attempts(0);
        let response = loop {
            let answer =
                self.send(place, &request, call).and_then(|response| match response.status {
                    200 | 202 | 204 => Ok(response),
                    _ => Err(self.refusal(response, &doing, Method::GET, call)),
                });
            match answer {
                Ok(response) => break response,
                Err(error) => attempts.again(error, call)?,
            }
        };
        let next = Place::sent(&self.repository, &response, Some(place), call)?;
        let has = received(&response);
        if has.is_some_and(|has| has > self.sent + length as u64) {
            return Err(Error::new(Code::Protocol, format!("cannot {doing}"))
                .cause("the registry reports more bytes than were sent")
                .url(&response.url));
        }
        response.finish(call)?;
        Ok((next, has))
    }

    fn request<'a>(&'a self, place: &'a Place, doing: &'a str) -> Request<'a> {
        request_at(&self.repository, place, doing)
    }

    fn send(&self, place: &Place, request: &Request<'_>, call: &Call) -> Result<Response> {
        send_to(&self.repository, place, request, call)
    }

    fn refusal(&self, response: Response, doing: &str, method: Method, call: &Call) -> Error {
        let limit = self.repository.registry().common().limits.error;
        response.into_error(doing, limit, call).with(|d| d.method = Some(method.to_string()))
    }
}

/// A request about an upload, where it is.
fn request_at<'a>(repository: &'a Repository, place: &'a Place, doing: &'a str) -> Request<'a> {
    let mut request = repository.registry().request(place.url.clone(), doing);
    if let Some(identity) = &place.foreign {
        request.identity = identity;
    }
    // Whom the caller allows by name may be anywhere.
    request.rule = AddressRule::Named;
    request
}

fn send_to(
    repository: &Repository,
    place: &Place,
    request: &Request<'_>,
    call: &Call,
) -> Result<Response> {
    let registry = repository.registry();
    match place.foreign {
        Some(_) => registry.common().client.send(request, call),
        None => registry.send(request, &repository.scopes(), call),
    }
}

/// Ends an upload that nobody needs, so that the registry forgets what it has. What it says to that is no news.
fn give_up(repository: &Repository, place: &Place, call: &Call) -> Result<()> {
    let doing = format!("abort an upload to {}", repository.shown());
    let request = Request { method: Method::DELETE, ..request_at(repository, place, &doing) };
    match send_to(repository, place, &request, call) {
        Ok(response) => response.finish(call),
        Err(e) if is_over(&e) => Err(e),
        Err(_) => Ok(()),
    }
}

fn post<'a>(repository: &'a Repository, url: Url, doing: &'a str) -> Request<'a> {
    // The specification asks for a length, of nothing.
    let body = Payload::Bytes(&[]);
    Request { method: Method::POST, body, ..repository.registry().request(url, doing) }
}

/// A digest that a registry names must be right.
fn check_told(response: &Response, digest: &Digest) -> Result<()> {
    match response.header("docker-content-digest").and_then(|text| text.parse::<Digest>().ok()) {
        Some(told) if told.algorithm() == digest.algorithm() => {
            check_digest(digest, told).map_err(|e| e.url(&response.url))
        }
        _ => Ok(()),
    }
}

/// Whether the call itself is over.
pub(super) fn is_over(error: &Error) -> bool {
    matches!(error.code(), Code::Cancelled | Code::Deadline)
}

/// Whether somebody has answered, and said no.
pub(super) fn is_answer(error: &Error) -> bool {
    matches!(
        error.code(),
        Code::Unauthorized
            | Code::Denied
            | Code::NotFound
            | Code::Server
            | Code::Rejected
            | Code::Conflict
            | Code::Unsupported
    )
}

/// Whether the request that failed may have had its effect. Who refuses clearly has done nothing.
fn may_be_done(error: &Error) -> bool {
    matches!(
        error.code(),
        Code::Disconnected | Code::Timeout | Code::Server | Code::Protocol | Code::NotFound
    )
}
