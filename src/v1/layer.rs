//! A layer as a stream: resumed if the connection breaks, and complete only when its size is right.

use url::Url;

use super::transport::Transport;
use crate::call::Call;
use crate::error::{Code, Error, Phase, Result};
use crate::http::origin::Origin;
use crate::http::retry::Attempts;
use crate::http::{Body, Reaches, Response, header, range};

/// Reads the layer of one image.
#[derive(Debug)]
pub struct LayerReader {
    transport: Transport,
    url: Url,
    /// As in "cannot … : …".
    doing: String,
    size: Option<u64>,
    /// Where reading is.
    offset: u64,
    /// Whether the server said that it sends parts.
    resumable: bool,
    body: Option<Body>,
    /// Requests in a row that brought nothing.
    failures: u32,
    /// The offset at the last failure.
    failed_at: u64,
    retries: u32,
    /// How it ended.
    over: Option<Result<()>>,
}

impl LayerReader {
    /// Opens a layer: the first request is made here. `size` is what the registry says elsewhere of its size; 0 is what
    /// those say that do not know.
    pub fn open(transport: Transport, url: Url, size: Option<u64>, call: &Call) -> Result<Self> {
        let doing = format!("get the layer {}", url.path());
        let mut reader = Self {
            transport,
            url,
            doing,
            size: size.filter(|size| *size > 0),
            offset: 0,
            resumable: true,
            body: None,
            failures: 0,
            failed_at: 0,
            retries: 0,
            over: None,
        };
        reader.connect_again(call)?;
        Ok(reader)
    }

    /// The layer's size, where it is known.
    pub fn size(&self) -> Option<u64> {
        self.size
    }

    /// How often the layer was asked for again.
    pub fn retries(&self) -> u32 {
        self.retries
    }

    /// Reads some bytes. 0 is the end, which is only returned if the layer's size, if known, is right.
    ///
    /// Errors are sticky, except CANCELLED and DEADLINE: after those you can continue to read.
    pub fn read(&mut self, buffer: &mut [u8], call: &Call) -> Result<usize> {
        if let Some(over) = &self.over {
            return over.clone().map(|()| 0);
        }
        call.check()?;
        let read = self.read_on(buffer, call);
        if let Err(error) = &read {
            if !is_interruption(error) {
                self.over = Some(Err(error.clone()));
            }
            // A server that sends no parts sends the rest on this connection or nowhere.
            if self.resumable || !is_interruption(error) {
                self.body = None;
            }
        }
        read
    }

    fn read_on(&mut self, buffer: &mut [u8], call: &Call) -> Result<usize> {
        loop {
            let Some(body) = &mut self.body else {
                self.connect_again(call)?;
                if self.over.is_some() {
                    return Ok(0);
                }
                continue;
            };
            match body.read(buffer, call) {
                Ok(0) if self.size.is_none_or(|size| size == self.offset) => {
                    self.body = None;
                    self.over = Some(Ok(()));
                    return Ok(0);
                }
                // The connection's end was the body's.
                Ok(0) => {
                    let cut = "the connection ended in the middle of the layer";
                    let cut = Error::new(Code::Disconnected, format!("cannot {}", self.doing))
                        .cause(cut)
                        .url(&self.url)
                        .phase(Phase::Body);
                    self.again(cut, call)?;
                }
                Ok(read) => {
                    self.offset += read as u64;
                    if let Some(size) = self.size.filter(|size| self.offset > *size) {
                        return Err(self.wrong_size(size, self.offset));
                    }
                    return Ok(read);
                }
                Err(error) => {
                    self.again(error.context(format!("cannot {}", self.doing)), call)?;
                }
            }
        }
    }

    fn connect_again(&mut self, call: &Call) -> Result<()> {
        while let Err(error) = self.connect(call) {
            self.again(error, call)?;
        }
        Ok(())
    }

    /// Waits before the next request, or gives the failure back.
    fn again(&mut self, error: Error, call: &Call) -> Result<()> {
        let done = self.offset;
        let error = error.with(|d| d.bytes_done = Some(done));
        if is_interruption(&error) {
            // Not the server's failure: it counts for nothing.
            return Err(error);
        }
        if self.offset > 0 && !self.resumable {
            return Err(
                error.hint("the server does not support resuming; download the layer again")
            );
        }
        // A request that brought something forward was no failed attempt: the layer's size bounds how many there are.
        if self.offset > self.failed_at {
            self.failures = 0;
        }
        self.failed_at = self.offset;
        let host = Origin::of(&self.url).authority();
        let mut attempts = Attempts::after(&self.transport.common().retry, self.failures)
            .of_known((self.offset > 0).then_some(host));
        self.body = None;
        let outcome = attempts.again(error, call);
        self.failures = attempts.failures();
        self.retries += u32::from(outcome.is_ok());
        outcome
    }

    /// Asks for the layer, or for the rest of it.
    fn connect(&mut self, call: &Call) -> Result<()> {
        let mut request = self.transport.request(self.url.clone(), &self.doing);
        if self.offset > 0 {
            let range = format!("bytes={}-", self.offset);
            request = request.header(header::RANGE, &range, Reaches::Everywhere)?;
        }
        let response = self.transport.send(&request, call)?;
        match response.status {
            200 if self.offset == 0 => {
                self.learn_size(response.content_length(), &response)?;
                let parts = response.header("accept-ranges").is_some_and(|unit| unit == "bytes");
                self.resumable = parts && self.size.is_some();
            }
            206 if self.offset > 0 => {
                let told = range::size_told(&response, self.offset);
                let told = told.map_err(|why| self.wrong(&response, why))?;
                self.learn_size(Some(told), &response)?;
            }
            // All of it had come, but for the end of the framing.
            416 if self.offset > 0 && self.size == Some(self.offset) => {
                self.over = Some(Ok(()));
                return response.finish(call);
            }
            416 if self.offset > 0 => {
                return Err(self.wrong(&response, "the server does not have the rest of the layer"));
            }
            200 => {
                let why = "the server sent the whole layer instead of the requested part";
                return Err(self.wrong(&response, why).hint(
                    "the server says that it supports resuming, but it does not; download the layer again",
                ));
            }
            206 => {
                let why = "the server sent a part of the layer instead of all of it";
                return Err(self.wrong(&response, why));
            }
            _ => {
                let limit = self.transport.common().limits.error;
                return Err(response.into_error(&self.doing, limit, call));
            }
        }
        self.body = Some(response.body);
        Ok(())
    }

    /// What a header says of the size must not contradict what is known.
    fn learn_size(&mut self, told: Option<u64>, response: &Response) -> Result<()> {
        match (self.size, told) {
            (Some(size), Some(told)) if size != told => {
                Err(self.wrong_size(size, told).url(&response.url))
            }
            (None, told) => {
                self.size = told;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn wrong_size(&self, expected: u64, actual: u64) -> Error {
        Error::new(Code::SizeMismatch, format!("cannot {}", self.doing))
            .cause(format!("the server announced {expected} bytes, but sent {actual} or more"))
            .url(&self.url)
            .phase(Phase::Verify)
            .with(|d| {
                d.size_expected = Some(expected);
                d.size_actual = Some(actual);
            })
    }

    fn wrong(&self, response: &Response, why: &str) -> Error {
        let (done, status) = (self.offset, response.status);
        Error::new(Code::Protocol, format!("cannot {}", self.doing))
            .cause(why)
            .url(&response.url)
            .with(|d| {
                d.http_status = Some(status);
                d.bytes_done = Some(done);
            })
    }
}

/// After these errors, reading can continue.
fn is_interruption(error: &Error) -> bool {
    matches!(error.code(), Code::Cancelled | Code::Deadline)
}
