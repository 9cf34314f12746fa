//! A layer that is written to a v1 registry: a tar archive is kept in a temporary file until it is compressed and sent.

use std::io::{self, BufReader, Read};
use std::path::Path;
use std::sync::Mutex;

use flate2::Compression;
use flate2::read::GzEncoder;
use serde::Serialize;
use url::Url;

use super::tarsum::tarsum;
use super::transport::Transport;
use crate::call::Call;
use crate::error::{Code, Error, Phase, Result};
use crate::http::{self, Method, Reaches, header};
use crate::names::digest::{Algorithm, Hasher};
use crate::os::spool::Spool;
use crate::sync::lock;

/// How much of the temporary file is read at once.
const BUFFER: usize = 128 << 10;

/// How much is written between two looks at whether the call has ended.
const PIECE: usize = 1 << 20;

/// The checksums of a layer, for the registry that has received it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Checksums {
    /// Of what the archive holds: `tarsum+sha256:…`.
    pub checksum: String,
    /// Of the image's JSON, a line break and the bytes that were sent: `sha256:…`.
    pub checksum_payload: String,
}

/// Writes the layer of one image.
#[derive(Debug)]
pub struct LayerWriter {
    transport: Transport,
    url: Url,
    json: Vec<u8>,
    limit: Option<u64>,
    /// Of all that was written, once it is known.
    tarsum: Option<String>,
    state: State,
}

#[derive(Debug)]
enum State {
    Open(Spool),
    /// Committed or aborted.
    Over,
    /// Some bytes were lost.
    Failed(Error),
}

impl LayerWriter {
    /// Begins a layer that will go to `url`; asks nobody yet. `dir` is where its temporary file
    /// is.
    pub fn open(transport: Transport, url: Url, json: Vec<u8>, dir: &Path) -> Result<Self> {
        let file = Spool::create(dir).map_err(|e| {
            Error::file(format!("cannot create a temporary file in {}", dir.display()), &e)
        })?;
        let limit = transport.common().limits.spool;
        Ok(Self { transport, url, json, limit, tarsum: None, state: State::Open(file) })
    }

    /// Takes the archive's next bytes, or fails for good.
    pub fn write(&mut self, bytes: &[u8], call: &Call) -> Result<()> {
        let limit = self.limit;
        let spool = self.spool()?;
        let size = spool.size() + bytes.len() as u64;
        let kept = match limit {
            Some(limit) if size > limit => Err(Error::new(
                Code::Limit,
                format!("the layer is larger than {limit} bytes, the limit for a temporary file"),
            )
            .phase(Phase::Store)
            .hint("raise spool in the option limits")),
            _ => call.check().and_then(|()| {
                bytes.chunks(PIECE).try_for_each(|piece| {
                    call.check()?;
                    spool.append(piece).map_err(|e| lost(&e))
                })
            }),
        };
        self.tarsum = None;
        kept.inspect_err(|e| self.state = State::Failed(e.clone()))
    }

    /// Sends the layer: the registry has it when this returns. After a failure it can be called again.
    ///
    /// `size` is how many bytes must have been written.
    pub fn commit(&mut self, size: Option<u64>, call: &Call) -> Result<Checksums> {
        let written = self.spool()?.size();
        if let Some(expected) = size.filter(|size| *size != written) {
            return Err(Error::new(
                Code::SizeMismatch,
                format!("the layer has {written} bytes, but {expected} were expected"),
            )
            .with(|d| {
                d.size_expected = Some(expected);
                d.size_actual = Some(written);
            }));
        }
        let checksum = self.tarsum(call)?;
        let checksum_payload = self.send(call)?;
        self.state = State::Over;
        Ok(Checksums { checksum, checksum_payload })
    }

    /// Forgets what was written.
    pub fn abort(&mut self) {
        self.state = State::Over;
    }

    fn spool(&mut self) -> Result<&mut Spool> {
        match &mut self.state {
            State::Open(spool) => Ok(spool),
            State::Failed(error) => Err(error.clone()),
            State::Over => {
                Err(Error::argument("writer", "the layer has already been written or aborted"))
            }
        }
    }

    /// Nothing is sent before the archive is known to be one.
    fn tarsum(&mut self, call: &Call) -> Result<String> {
        if let Some(known) = &self.tarsum {
            return Ok(known.clone());
        }
        let json = std::mem::take(&mut self.json);
        let spool = self.spool()?;
        let tar = BufReader::with_capacity(BUFFER, spool.content());
        let made = tarsum(tar, &json, call);
        self.json = json;
        Ok(self.tarsum.insert(made?).clone())
    }

    /// Sends the file, and returns the hash of the payload.
    fn send(&self, call: &Call) -> Result<String> {
        let State::Open(spool) = &self.state else {
            return Err(Error::internal("there is no file to send"));
        };
        let payload = Mutex::new(Payload { hasher: Hasher::new(Algorithm::Sha256), whole: false });
        let open = || {
            let mut hasher = Hasher::new(Algorithm::Sha256);
            hasher.update(&self.json);
            hasher.update(b"\n");
            *lock(&payload) = Payload { hasher, whole: false };
            let tar = BufReader::with_capacity(BUFFER, spool.content());
            let gzip = GzEncoder::new(tar, Compression::default());
            Ok(Box::new(Sent { gzip, payload: &payload, call }) as Box<dyn Read>)
        };
        let doing = format!("push the layer {}", self.url.path());
        let mut request = self.transport.request(self.url.clone(), &doing);
        request.method = Method::PUT;
        request.body = http::Payload::Stream(&open);
        let request = request.header(
            header::CONTENT_TYPE,
            "application/octet-stream",
            Reaches::Everywhere,
        )?;
        let response = self.transport.send(&request, call)?;
        if response.status != 200 {
            let limit = self.transport.common().limits.error;
            return Err(response.into_error(&doing, limit, call));
        }
        let Payload { hasher, whole } = lock(&payload).clone();
        if !whole {
            return Err(Error::new(Code::Protocol, format!("cannot {doing}"))
                .cause("the registry accepted the layer before all of it was sent")
                .url(&response.url));
        }
        response.finish(call)?;
        Ok(hasher.finish().to_string())
    }
}

/// What was sent so far.
#[derive(Clone)]
struct Payload {
    hasher: Hasher,
    whole: bool,
}

/// The bytes on their way, hashed as they go.
struct Sent<'a, R> {
    gzip: GzEncoder<BufReader<R>>,
    payload: &'a Mutex<Payload>,
    call: &'a Call,
}

impl<R: Read> Read for Sent<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.call.check().map_err(http::carry)?;
        let failed =
            |e: io::Error| http::carry(Error::file("cannot read the layer's temporary file", &e));
        let read = self.gzip.read(buffer).map_err(failed)?;
        let mut payload = lock(self.payload);
        payload.hasher.update(&buffer[..read]);
        payload.whole = read == 0;
        Ok(read)
    }
}

fn lost(error: &io::Error) -> Error {
    Error::file("cannot write the layer to a temporary file", error)
}
