//! Requests, as callers of this room write them.

use std::cell::RefCell;
use std::io::{self, Read};
use std::time::Duration;

use bytes::Bytes;
use ureq::http::{HeaderName, HeaderValue, Method};
use url::Url;
use zeroize::Zeroizing;

use super::address::AddressRule;
use crate::error::{Code, Error, Phase, Result};
use crate::tls::Identity;

/// The longest header that is sent: what goes out before a body has to fit into one buffer.
const LONGEST_HEADER: usize = 61 << 10;

/// Where a request's header may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reaches {
    /// Only the request's own origin: credentials, cookies, headers of the caller.
    Origin,
    /// The request's own origin, and on from there as long as redirects lead from one trusted place to another.
    Trusted,
    /// Wherever redirects lead: Accept, Range and the like.
    Everywhere,
}

/// The bytes that go out with a request.
#[derive(Clone, Copy, Default)]
pub enum Payload<'a> {
    /// None.
    #[default]
    Empty,
    /// These, with their length.
    Bytes(&'a [u8]),
    /// Of unknown length, in chunks. Opened anew for each time that the request is sent; a failure of ours comes back
    /// through [`carry`](super::carry).
    Stream(&'a (dyn Fn() -> Result<Box<dyn Read + 'a>> + Sync)),
    /// So many bytes, straight from where they come from.
    Once(&'a Once<'a>),
}

/// A body of known length that is read while it is sent, and that nobody can read again.
pub struct Once<'a> {
    length: u64,
    reader: RefCell<Reading<'a>>,
}

struct Reading<'a> {
    from: &'a mut dyn Read,
    /// Whether some of it is gone.
    begun: bool,
}

impl<'a> Once<'a> {
    /// `length` bytes of `from`.
    pub fn new(length: u64, from: &'a mut dyn Read) -> Self {
        Self { length, reader: RefCell::new(Reading { from, begun: false }) }
    }

    /// How many bytes it has.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// The body, unless some of it was sent already: then it has to begin where the server has come to.
    pub(super) fn open(&self) -> Result<impl Read> {
        if self.reader.borrow().begun {
            return Err(Error::new(
                Code::Disconnected,
                "the server did not take the request body that was being sent",
            )
            .phase(Phase::Body));
        }
        Ok(Opened(&self.reader))
    }
}

struct Opened<'o, 'a>(&'o RefCell<Reading<'a>>);

impl Read for Opened<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut reading = self.0.borrow_mut();
        reading.begun = true;
        reading.from.read(buffer)
    }
}

impl Payload<'_> {
    pub(super) fn is_empty(self) -> bool {
        matches!(self, Self::Empty)
    }
}

/// What is done with an answer that redirects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Redirects {
    /// It is followed.
    #[default]
    Follow,
    /// It is followed, and `Referer` names the server that redirected.
    Refer,
    /// It is the result.
    Return,
}

/// One request of the library, before any redirect.
#[derive(Clone)]
pub struct Request<'a> {
    /// The method.
    pub method: Method,
    /// The URL.
    pub url: Url,
    /// The headers, each with its reach.
    pub headers: Vec<(HeaderName, HeaderValue, Reaches)>,
    /// The bytes to send with it.
    pub body: Payload<'a>,
    /// How TLS connections to the request's own origin are made. Other origins get the system's trust only.
    pub identity: &'a Identity,
    /// Which addresses the first connection may lead to.
    pub rule: AddressRule,
    /// What is being done, as in "cannot … from registry.example".
    pub doing: &'a str,
    /// A limit for the whole exchange, and the phase that names it.
    pub budget: Option<(Duration, Phase)>,
    /// How long a connection to the request's own origin may take; None is as long as the client says.
    pub connect: Option<Duration>,
    /// What is done with redirects.
    pub redirects: Redirects,
    /// Whether much is moved by it, so that what is small goes first.
    pub is_large: bool,
}

impl<'a> Request<'a> {
    /// A GET without additional headers.
    pub fn get(url: Url, identity: &'a Identity, doing: &'a str) -> Self {
        Self {
            method: Method::GET,
            url,
            headers: Vec::new(),
            body: Payload::Empty,
            identity,
            rule: AddressRule::Named,
            doing,
            budget: None,
            connect: None,
            redirects: Redirects::Follow,
            is_large: false,
        }
    }

    /// Adds a header; text that no header can hold is refused.
    pub fn header(mut self, name: HeaderName, value: &str, reaches: Reaches) -> Result<Self> {
        let value = if reaches == Reaches::Everywhere || !value.is_ascii() {
            HeaderValue::from_str(value)
        } else {
            // The client shares what it sends: the last one that lets go overwrites it.
            HeaderValue::from_maybe_shared(Bytes::from_owner(Zeroizing::new(value.to_owned())))
        };
        if value.as_ref().is_ok_and(|value| value.len() > LONGEST_HEADER) {
            return Err(Error::new(
                Code::InvalidArgument,
                format!("the header {name} would be longer than {LONGEST_HEADER} bytes"),
            )
            .hint("check the credentials and headers that you passed: no server accepts a header of this size"));
        }
        let mut value = value.map_err(|_| {
            Error::new(
                Code::InvalidArgument,
                format!("the header {name} would contain control characters"),
            )
        })?;
        value.set_sensitive(reaches != Reaches::Everywhere);
        self.headers.push((name, value, reaches));
        Ok(self)
    }
}
