//! What was answered: status, headers, and a body that is read under the limits of the call that reads.

use std::io::Read;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ureq::http::HeaderMap;
use url::Url;
use zeroize::Zeroizing;

use super::address::{Dial, Reach};
use super::failure::{from_client, from_status};
use super::origin::Origin;
use super::pace::Pace;
use super::transport::scope::{self, Scope, Seen};
use crate::call::Call;
use crate::config::settings::Timeouts;
use crate::error::{Code, Error, Phase, Result};
use crate::log::Log;

/// Bodies up to this size are read to save their connection; larger ones cost more than a new one.
const SMALL: u64 = 16 << 10;

/// How long reading such a body may take: a new connection takes no longer.
const WORTH_A_CONNECTION: Duration = Duration::from_secs(2);

/// An answer, its body not read yet.
pub struct Response {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// Who answered, after redirects.
    pub url: Url,
    /// Whether redirects left the request's own origin: such an answer's challenges are not for our credentials.
    pub crossed: bool,
    /// How far the address of the request's own origin reaches; Public when it is not known.
    pub reach: Reach,
    /// The body.
    pub body: Body,
}

impl std::fmt::Debug for Response {
    /// Headers and queries hold signatures and cookies.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.status)
            .field("origin", &Origin::of(&self.url).to_string())
            .field("path", &self.url.path())
            .finish_non_exhaustive()
    }
}

impl Response {
    /// A header as text; None when it is absent, or no text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Content-Length, if it is one number.
    pub fn content_length(&self) -> Option<u64> {
        let text = self.header("content-length")?;
        if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        text.parse().ok()
    }

    /// Discards the rest of a small body, so that its connection can serve the next request.
    pub fn finish(mut self, call: &Call) -> Result<()> {
        match self.content_length() {
            Some(length) if length <= SMALL => {
                self.body.hurry(WORTH_A_CONNECTION);
                self.body.read_up_to(SMALL, &mut Vec::new(), None, call).map(drop).or_else(
                    |error| {
                        // A connection that broke is lost, and that is all.
                        let over = matches!(error.code(), Code::Cancelled | Code::Deadline);
                        if over { Err(error) } else { Ok(()) }
                    },
                )
            }
            _ => Ok(()),
        }
    }

    /// Reads what a refusal says, and makes it an error.
    pub fn into_error(mut self, doing: &str, limit: u64, call: &Call) -> Error {
        let mut text = Vec::new();
        self.body.hurry(self.body.timeouts.idle);
        // Whatever can be read helps; what cannot is no news beside the status.
        let read = self.body.read_up_to(limit, &mut text, None, call);
        if let Err(error) = read
            && matches!(error.code(), Code::Cancelled | Code::Deadline)
        {
            return error;
        }
        // Before it is cut short: a part of a secret would not be known any more.
        let text = call.mask().bytes(text);
        from_status(doing, &self.url, self.status, &self.headers, &text)
    }
}

/// A response's body, pulled piece by piece.
pub struct Body {
    reader: ureq::BodyReader<'static>,
    url: Url,
    timeouts: Timeouts,
    budget: Option<(Instant, Phase)>,
    pace: Pace,
    /// How many bytes of documents a call may collect.
    most_collected: u64,
    log: Arc<Log>,
}

impl Body {
    pub(super) fn new(
        body: ureq::Body,
        url: &Url,
        timeouts: &Timeouts,
        budget: Option<(Instant, Phase)>,
        most_collected: u64,
        log: &Arc<Log>,
    ) -> Self {
        Self {
            reader: body.into_reader(),
            url: url.clone(),
            timeouts: timeouts.clone(),
            budget,
            pace: Pace::default(),
            most_collected,
            log: log.clone(),
        }
    }

    /// Reads some bytes; 0 is the end as far as HTTP can tell.
    pub fn read(&mut self, buffer: &mut [u8], call: &Call) -> Result<usize> {
        // The call that reads may be another than the one that asked.
        call.log_to(&self.log);
        call.check()?;
        let scope = Scope {
            call: call.clone(),
            timeouts: self.timeouts.clone(),
            dial: Dial::ANY,
            budget: earlier(self.budget, self.pace.until(&self.timeouts)),
            in_body: true,
            began: Instant::now(),
            received: 0,
            body_follows: false,
            sent: None,
            sending: Pace::default(),
            seen: Seen::default(),
        };
        let began = scope.began;
        let (read, _) = scope::within(scope, || self.reader.read(buffer));
        match read {
            Ok(read) => {
                let kept = self.pace.keep(read, began.elapsed(), &self.timeouts);
                kept.map_err(|e| e.url(&self.url))?;
                Ok(read)
            }
            Err(error) => Err(from_client(error.into(), &self.url, true)),
        }
    }

    /// Bounds the time of all further reads, in addition to the existing limits; zero means no limit.
    fn hurry(&mut self, time: Duration) {
        let end = scope::after(time).map(|end| (end, Phase::Idle));
        self.budget = earlier(self.budget, end);
    }

    /// Reads the body to its end; more than `limit` bytes is LIMIT. `option` is that limit's name in the options.
    pub fn read_all(
        &mut self,
        limit: u64,
        what: &str,
        option: &str,
        call: &Call,
    ) -> Result<Vec<u8>> {
        let mut all = Vec::new();
        if self.read_up_to(limit, &mut all, Some(self.most_collected), call)? {
            return Ok(all);
        }
        Err(Error::new(Code::Limit, format!("{what} is larger than {limit} bytes"))
            .phase(Phase::Body)
            .url(&self.url)
            .hint(format!("raise {option} in the option limits, if you trust this registry")))
    }

    /// Reads at most `limit` bytes and tells whether that was all. Memory grows as bytes arrive; with `collects` they
    /// count among so many that the call may collect.
    fn read_up_to(
        &mut self,
        limit: u64,
        into: &mut Vec<u8>,
        collects: Option<u64>,
        call: &Call,
    ) -> Result<bool> {
        // Tokens come this way: no copy is left behind, here or where memory grows.
        let mut buffer = Zeroizing::new([0; 16 << 10]);
        into.reserve(buffer.len().min(usize::try_from(limit).unwrap_or(usize::MAX)));
        loop {
            let read = self.read(&mut buffer[..], call)?;
            if read == 0 {
                return Ok(true);
            }
            let room = limit.saturating_sub(into.len() as u64);
            let taken = read.min(usize::try_from(room).unwrap_or(usize::MAX));
            if let Some(most) = collects {
                call.collect(taken, most)?;
            }
            into.extend_from_slice(&buffer[..taken]);
            if taken < read {
                return Ok(false);
            }
        }
    }
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Body").finish_non_exhaustive()
    }
}

/// The earlier of two ends.
fn earlier(
    one: Option<(Instant, Phase)>,
    other: Option<(Instant, Phase)>,
) -> Option<(Instant, Phase)> {
    one.into_iter().chain(other).min_by_key(|(end, _)| *end)
}
