//! A blob on its way to a registry: in one request, straight from where it is read; in chunks while it is written; in one
//! piece if it fits into a chunk.

mod begin;
mod chunks;
mod close;
mod exchange;
mod recovery;
mod stream;
mod upload_url;

use self::begin::{Mount, ask_mount, begin_upload};
use self::exchange::give_up;
use self::recovery::Streaming;
use self::upload_url::UploadUrl;
use super::Repository;
use crate::call::Call;
use crate::error::{Error, Result};
use crate::image::Descriptor;
use crate::image::descriptor::{check_digest, check_size};
use crate::names::digest::{Algorithm, Digest, Hasher};

pub(super) use self::begin::exists;
pub(super) use self::recovery::{is_answer, is_over};

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
    /// Bytes of a chunk, if the blob is to be sent in chunks and not in one request.
    pub chunk_size: Option<usize>,
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
            chunk_size: None,
            check_exists: false,
        }
    }
}

impl PutOptions {
    /// The size of a chunk where the blob is sent in chunks.
    fn chunk(&self) -> usize {
        self.chunk_size.unwrap_or(CHUNK)
    }

    /// Whether a blob of this size is sent in one request, straight from where it is read. What fits into a chunk is
    /// kept, and needs not be read again after a failure.
    pub(crate) fn is_streamed(&self, size: u64) -> bool {
        self.chunk_size.is_none() && size > CHUNK as u64
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
    /// How many bytes went through the hasher; more than were written where some are written again.
    hashed: u64,
    /// How many bytes the registry has; the chunk begins there.
    sent: u64,
    chunk: Vec<u8>,
    /// The largest chunk that is sent at once.
    most: usize,
    streaming: Streaming,
    state: State,
}

#[derive(Debug)]
enum State {
    /// The registry waits for the bytes there.
    Open(UploadUrl),
    /// The repository has the blob already: what is written is only compared.
    Present,
    /// Committed or aborted.
    Over,
    /// It cannot go on. The registry may still hold what it has got.
    Failed(Error, Option<UploadUrl>),
}

impl BlobWriter {
    /// Begins an upload, unless the repository has the blob already or can take it from another one.
    pub fn open(repository: Repository, options: PutOptions, call: &Call) -> Result<Self> {
        let state = Self::begin(&repository, &options, call)?;
        let algorithm = options.digest.as_ref().map_or(options.algorithm, Digest::algorithm);
        let hasher = Some(Hasher::new(algorithm));
        let most = options.chunk().min(repository.registry().largest_chunk());
        Ok(Self {
            repository,
            options,
            hasher,
            written: 0,
            hashed: 0,
            sent: 0,
            chunk: Vec::new(),
            most,
            streaming: Streaming::default(),
            state,
        })
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
            if options.check_exists && exists(repository, digest, options.size, call)? {
                return Ok(State::Present);
            }
            let mut begun = None;
            for from in &options.mount_from {
                match ask_mount(repository, digest, from, call)? {
                    Mount::Mounted => {
                        begun.map_or(Ok(()), |upload| give_up(repository, &upload, call))?;
                        return Ok(State::Present);
                    }
                    // The next repository may have it. If none has, the upload that was begun first goes on.
                    Mount::Begun(upload) if begun.is_none() => begun = Some(upload),
                    Mount::Begun(upload) => give_up(repository, &upload, call)?,
                    Mount::Refused => {}
                }
            }
            if let Some(upload) = begun {
                return Ok(State::Open(upload));
            }
        }
        let algorithm = options.digest.as_ref().map_or(options.algorithm, Digest::algorithm);
        begin_upload(repository, algorithm, call).map(State::Open)
    }

    /// The same without a hash of our own: what is written was verified already, or is by the registry.
    #[must_use]
    pub(crate) fn unhashed(mut self) -> Self {
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
        self.hash(bytes);
        self.written += bytes.len() as u64;
        while let State::Open(upload) = &self.state
            && !bytes.is_empty()
        {
            let most = self.most.max(upload.least);
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

    /// Hashes what comes after `written`, as far as that has not been done.
    fn hash(&mut self, bytes: &[u8]) {
        let known = usize::try_from(self.hashed - self.written).unwrap_or(usize::MAX);
        let Some(new) = bytes.get(known..) else { return };
        if let Some(hasher) = &mut self.hasher {
            hasher.update(new);
        }
        self.hashed += new.len() as u64;
    }

    /// How many bytes it has: the next one written must be this one.
    pub fn position(&self) -> u64 {
        self.written
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
        let upload = match std::mem::replace(&mut self.state, State::Over) {
            State::Open(upload) | State::Failed(_, Some(upload)) => upload,
            State::Present | State::Over | State::Failed(_, None) => return Ok(()),
        };
        self.chunk = Vec::new();
        give_up(&self.repository, &upload, call)
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
        let upload = match std::mem::replace(&mut self.state, State::Over) {
            State::Open(upload) => Some(upload),
            _ => None,
        };
        // It comes again in calls that have sent nothing.
        self.state = State::Failed(call.mask().error(error.clone()), upload);
        error
    }
}
