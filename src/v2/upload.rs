//! A blob on its way to a registry: in chunks while it is written, or in one piece if it fits into a chunk.

use url::Url;

use super::descriptor::{check_digest, check_size};
use super::{Descriptor, Repository};
use crate::context::Run;
use crate::digest::{Algorithm, Digest, Hasher};
use crate::error::{Code, Error, Result};
use crate::http::address::AddressRule;
use crate::http::origin::{Origin, parse_sent, refuse_downgrade};
use crate::http::{Method, Payload, Reaches, Request, Response, header};
use crate::tls::Identity;

/// The media type of a blob that nobody called anything else.
const OCTETS: &str = "application/octet-stream";

/// A chunk, unless the caller or the registry wants another size. Some registries refuse larger ones.
const CHUNK: usize = 4 << 20;

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
    hasher: Hasher,
    written: u64,
    /// How many bytes the registry has; the chunk begins there.
    sent: u64,
    chunk: Vec<u8>,
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
    /// It cannot go on.
    Failed(Error),
}

/// Where an upload goes on.
#[derive(Clone)]
struct Place {
    url: Url,
    /// How TLS is made with a host that is not the registry's own. Such a host gets no credentials.
    foreign: Option<Identity>,
    /// The registry wants no smaller chunks, but for the last one.
    least: usize,
}

impl std::fmt::Debug for Place {
    /// The query may be a signature.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", Origin::of(&self.url), self.url.path())
    }
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
    pub fn open(repository: Repository, options: PutOptions, run: &Run) -> Result<Self> {
        let state = Self::begin(&repository, &options, run)?;
        let algorithm = options.digest.as_ref().map_or(options.algorithm, Digest::algorithm);
        let hasher = Hasher::new(algorithm);
        Ok(Self { repository, options, hasher, written: 0, sent: 0, chunk: Vec::new(), state })
    }

    /// Takes a blob over from another repository of the registry; None if that is done. Else what the registry began
    /// instead goes on as an upload.
    pub fn mount(
        repository: Repository,
        digest: Digest,
        from: &str,
        run: &Run,
    ) -> Result<Option<Self>> {
        let options = PutOptions {
            digest: Some(digest),
            mount_from: vec![from.to_owned()],
            ..PutOptions::default()
        };
        let writer = Self::open(repository, options, run)?;
        Ok(if matches!(writer.state, State::Present) { None } else { Some(writer) })
    }

    fn begin(repository: &Repository, options: &PutOptions, run: &Run) -> Result<State> {
        if let Some(digest) = &options.digest {
            if options.check_exists && repository.blob_size(digest, run)?.is_some() {
                return Ok(State::Present);
            }
            for from in &options.mount_from {
                match Self::ask_mount(repository, digest, from, run)? {
                    Mount::Mounted => return Ok(State::Present),
                    Mount::Begun(place) => return Ok(State::Open(place)),
                    Mount::Refused => {}
                }
            }
        }
        let doing = format!("begin an upload to {}", repository.shown());
        let mut url = repository.address("blobs/uploads/");
        let algorithm = options.digest.as_ref().map_or(options.algorithm, Digest::algorithm);
        if algorithm != Algorithm::Sha256 {
            url.query_pairs_mut().append_pair("digest-algorithm", algorithm.name());
        }
        let request = post(repository, url, &doing);
        let accepted = |status| status == 202;
        let scopes = repository.scopes();
        let response = repository.registry().fetch(&request, &scopes, accepted, run)?;
        let place = Place::sent(repository, &response, None, run)?;
        response.finish(run)?;
        Ok(State::Open(place))
    }

    /// Whoever may write here may lack the right to read there: every refusal only means that the bytes must be sent.
    fn ask_mount(repository: &Repository, digest: &Digest, from: &str, run: &Run) -> Result<Mount> {
        let doing = format!("mount {digest} into {}", repository.shown());
        let mut url = repository.address("blobs/uploads/");
        url.query_pairs_mut().append_pair("mount", &digest.to_string()).append_pair("from", from);
        let request = post(repository, url, &doing);
        let scopes = repository.mount_scopes(from);
        let response = match repository.registry().send(&request, &scopes, run) {
            Ok(response) => response,
            Err(e) if matches!(e.code(), Code::Unauthorized | Code::Denied | Code::NotFound) => {
                return Ok(Mount::Refused);
            }
            Err(e) => return Err(e),
        };
        match response.status {
            201 => {
                check_told(&response, digest)?;
                response.finish(run)?;
                Ok(Mount::Mounted)
            }
            202 => {
                let place = Place::sent(repository, &response, None, run)?;
                response.finish(run)?;
                Ok(Mount::Begun(place))
            }
            429 => {
                Err(response.into_error(&doing, repository.registry().common().limits.error, run))
            }
            _ => response.finish(run).map(|()| Mount::Refused),
        }
    }

    /// Takes all of the bytes, or fails for good.
    pub fn write(&mut self, bytes: &[u8], run: &Run) -> Result<()> {
        self.usable()?;
        self.write_all(bytes, run).inspect_err(|e| self.state = State::Failed(e.clone()))
    }

    fn write_all(&mut self, mut bytes: &[u8], run: &Run) -> Result<()> {
        run.check()?;
        self.hasher.update(bytes);
        self.written += bytes.len() as u64;
        while let State::Open(place) = &self.state
            && !bytes.is_empty()
        {
            let most = self.options.chunk_size.max(place.least);
            if self.chunk.len() >= most {
                self.deliver(None, run)?;
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
        run: &Run,
    ) -> Result<Descriptor> {
        self.usable()?;
        let done = self.finish(digest, size, run);
        self.state = match &done {
            Ok(_) => State::Over,
            Err(error) => State::Failed(error.clone()),
        };
        done
    }

    fn finish(
        &mut self,
        digest: Option<&Digest>,
        size: Option<u64>,
        run: &Run,
    ) -> Result<Descriptor> {
        let is = self.hasher.clone().finish();
        for expected in self.options.digest.iter().chain(digest) {
            if expected.algorithm() != is.algorithm() {
                return Err(Error::argument(
                    "digest",
                    format!("{expected} is expected, but the blob was hashed as {is}"),
                )
                .hint("give the digest, or its algorithm, when the upload begins"));
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
        if self.sent > 0 && !self.chunk.is_empty() {
            self.deliver(None, run)?;
        }
        self.deliver(Some(&is), run)?;
        Ok(Descriptor::new(self.options.media_type.clone(), is, self.written))
    }

    /// Ends the upload at the registry, which forgets what it has. What the registry says to that is no news.
    pub fn abort(&mut self, run: &Run) -> Result<()> {
        let State::Open(place) = std::mem::replace(&mut self.state, State::Over) else {
            return Ok(());
        };
        self.chunk = Vec::new();
        let doing = format!("abort an upload to {}", self.repository.shown());
        let request = Request { method: Method::DELETE, ..self.request(&place, &doing) };
        match self.send(&place, &request, run) {
            Ok(response) => response.finish(run),
            Err(e) if matches!(e.code(), Code::Cancelled | Code::Deadline) => Err(e),
            Err(_) => Ok(()),
        }
    }

    fn usable(&self) -> Result<()> {
        match &self.state {
            State::Open(_) | State::Present => Ok(()),
            State::Failed(error) => Err(error.clone()),
            State::Over => {
                Err(Error::argument("writer", "the blob is written or its upload aborted already"))
            }
        }
    }

    /// Sends the chunk; with the blob's digest, also ends the upload. What failed on the way is asked for and sent again.
    fn deliver(&mut self, last: Option<&Digest>, run: &Run) -> Result<()> {
        let State::Open(place) = &self.state else { return Ok(()) };
        let mut place = place.clone();
        let repository = self.repository.clone();
        let mut attempts = repository.registry().attempts(0);
        let mut out_of_order = false;
        loop {
            let error = match self.deliver_once(&place, last, run) {
                Ok(next) => {
                    self.sent += self.chunk.len() as u64;
                    self.chunk.clear();
                    self.state = next.map_or(State::Over, State::Open);
                    return Ok(());
                }
                Err(error) => error,
            };
            // The registry counts otherwise than we do: it is asked, but only once.
            if error.details().http_status == Some(416) && !out_of_order {
                out_of_order = true;
            } else {
                attempts.again(error, run)?;
            }
            if let Some(digest) = last
                && repository.blob_size(digest, run)? == Some(self.written)
            {
                // Only the answer was lost.
                self.state = State::Over;
                return Ok(());
            }
            place = self.ask_for_state(&place, run)?;
        }
    }

    /// Where the upload goes on; None once it has ended.
    fn deliver_once(
        &self,
        place: &Place,
        last: Option<&Digest>,
        run: &Run,
    ) -> Result<Option<Place>> {
        let doing = format!("upload a blob to {}", self.repository.shown());
        let mut request =
            self.request(place, &doing).header(header::CONTENT_TYPE, OCTETS, Reaches::Origin)?;
        request.body = Payload::Bytes(&self.chunk);
        if let Some(digest) = last {
            request.method = Method::PUT;
            request.url.query_pairs_mut().append_pair("digest", &digest.to_string());
        } else {
            request.method = Method::PATCH;
            let range = format!("{}-{}", self.sent, self.sent + self.chunk.len() as u64 - 1);
            request = request.header(header::CONTENT_RANGE, &range, Reaches::Origin)?;
        }
        let response = self.send(place, &request, run)?;
        let next = match (last, response.status) {
            // One registry answers 201 to a part.
            (None, 201 | 202) => Some(Place::sent(&self.repository, &response, Some(place), run)?),
            (Some(digest), 201 | 204) => {
                check_told(&response, digest)?;
                None
            }
            _ => return Err(self.refusal(response, &doing, request.method, run)),
        };
        response.finish(run)?;
        Ok(next)
    }

    /// Asks how much of the upload has arrived, and forgets that part of the chunk.
    fn ask_for_state(&mut self, place: &Place, run: &Run) -> Result<Place> {
        let doing = format!("ask {} for the state of an upload", self.repository.shown());
        let response = self.send(place, &self.request(place, &doing), run)?;
        if !matches!(response.status, 200 | 202 | 204) {
            return Err(self.refusal(response, &doing, Method::GET, run));
        }
        let next = Place::sent(&self.repository, &response, Some(place), run)?;
        let end = self.sent + self.chunk.len() as u64;
        match response.header("range").map(received) {
            // Nothing and one byte look the same.
            Some(Some(1)) if self.sent == 0 => {}
            Some(Some(has)) if has > end => {
                return Err(Error::new(Code::Protocol, format!("cannot {doing}"))
                    .cause("it says that it has more than was sent")
                    .url(&response.url));
            }
            Some(Some(has)) if has > self.sent => {
                let arrived = usize::try_from(has - self.sent).unwrap_or(self.chunk.len());
                self.chunk.drain(..arrived);
                self.sent = has;
            }
            // Some registries tell of the first chunk for ever: our own count is as good.
            _ => {}
        }
        response.finish(run)?;
        Ok(next)
    }

    fn request<'a>(&'a self, place: &'a Place, doing: &'a str) -> Request<'a> {
        let mut request = self.repository.registry().request(place.url.clone(), doing);
        if let Some(identity) = &place.foreign {
            request.identity = identity;
        }
        // Whom the caller allows by name may be anywhere.
        request.rule = AddressRule::Named;
        request
    }

    fn send(&self, place: &Place, request: &Request<'_>, run: &Run) -> Result<Response> {
        let registry = self.repository.registry();
        match place.foreign {
            Some(_) => registry.common().client.send(request, run),
            None => registry.send(request, &self.repository.scopes(), run),
        }
    }

    fn refusal(&self, response: Response, doing: &str, method: Method, run: &Run) -> Error {
        let limit = self.repository.registry().common().limits.error;
        response.into_error(doing, limit, run).with(|d| d.method = Some(method.to_string()))
    }
}

impl Place {
    /// Where the answer says that the upload goes on; an answer to a part may say nothing, and then it goes on `before`.
    fn sent(
        repository: &Repository,
        response: &Response,
        before: Option<&Self>,
        run: &Run,
    ) -> Result<Self> {
        let least =
            response.header("oci-chunk-min-length").and_then(|text| text.parse::<u64>().ok());
        let least = match least {
            Some(least) if least <= LARGEST_CHUNK => usize::try_from(least).unwrap_or(0),
            _ => before.map_or(0, |before| before.least),
        };
        let text = match (response.header("location"), before) {
            (Some(text), _) => text,
            (None, Some(before)) => return Ok(before.clone()),
            (None, None) => {
                return Err(Error::new(
                    Code::Protocol,
                    format!("{} begins an upload without saying where", repository.shown()),
                )
                .url(&response.url)
                .hint("its answer lacks a Location; tell its operator"));
            }
        };
        let what = "the place of an upload";
        let url = parse_sent(&response.url, text, Code::Protocol, what)?;
        refuse_downgrade(&response.url, &url, what)?;
        let registry = repository.registry();
        if Origin::of(&url) == Origin::of(registry.base()) {
            return Ok(Self { url, foreign: None, least });
        }
        let host = Origin::of(&url).authority();
        let common = registry.common();
        if !common.policy.upload_hosts.contains(&host) {
            return Err(Error::new(
                Code::Policy,
                format!("{} sends what is uploaded to {}", repository.shown(), Origin::of(&url)),
            )
            .url(&url)
            .hint(format!(
                "nothing was sent; if blobs may go there, without credentials, add {host:?} to the option allow-upload-hosts"
            )));
        }
        let foreign = Some(common.client.foreign(registry.identity(), &url, run)?);
        Ok(Self { url, foreign, least })
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

/// How many bytes a `Range: 0-LAST` stands for.
fn received(text: &str) -> Option<u64> {
    let last = text.strip_prefix("bytes=").unwrap_or(text).strip_prefix("0-")?;
    let digits = !last.is_empty() && last.bytes().all(|b| b.is_ascii_digit());
    if digits { last.parse::<u64>().ok()?.checked_add(1) } else { None }
}

#[cfg(test)]
mod tests {
    use super::received;

    #[test]
    fn ranges_of_uploads() {
        assert_eq!(received("0-0"), Some(1));
        assert_eq!(received("0-41"), Some(42));
        assert_eq!(received("bytes=0-5"), Some(6));
        for text in [
            "",
            "0-",
            "-1",
            "1-5",
            "0-+5",
            "0- 5",
            "0-18446744073709551615",
            "0-18446744073709551616",
        ] {
            assert_eq!(received(text), None, "{text}");
        }
    }
}
