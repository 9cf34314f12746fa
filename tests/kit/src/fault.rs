//! Scripted faults: which requests go wrong, how often, and how.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::server::{Body, Cut, Framing, Reply, Request, Server, ServerOptions, lock};

/// What goes wrong with a reply. Positions count bytes of the body as sent in that reply.
#[derive(Clone, Debug)]
pub enum Action {
    /// Another status with these headers and this body, instead of the answer.
    Status(u16, Vec<(String, String)>, Vec<u8>),
    /// Another status of the answer, which has had its effect.
    SetStatus(u16),
    /// A redirect; without a Location when there is none. The answer is not made.
    Redirect(u16, Option<String>),
    /// An HTML error page of about this size, instead of the answer.
    Html(u16, usize),
    /// These bytes instead of any HTTP, then the end.
    Raw(Vec<u8>),
    /// Headers without an end.
    EndlessHeaders,
    /// A wait before the first byte.
    Delay(Duration),
    /// The end of the connection at this byte of the head; 0 is no answer at all. The request has had its effect.
    CutHead(usize, Cut),
    /// The end of the connection at this byte of the body, at the latest after its last.
    CutBody(u64, Cut),
    /// Silence at this byte of the body.
    Stall(u64, Duration),
    /// The body in pieces of this size with this pause before each.
    Trickle(usize, Duration),
    /// One wrong bit at this byte of the body.
    Flip(u64),
    /// A Content-Length that is this much off.
    LengthOff(i64),
    /// This text as Content-Length.
    Length(String),
    /// No Content-Length: the body ends with the connection.
    CloseDelimited,
    /// A chunked body.
    Chunked,
    /// A body without an end, close-delimited.
    EndlessBody,
    /// 200 with everything although a range was asked for.
    IgnoreRange,
    /// 206 from the start of the blob although another range was asked for.
    RangeFromStart,
    /// 206 without Content-Range.
    NoContentRange,
    /// 206 whose Content-Range has a total that is one too large.
    WrongRangeTotal,
    /// 206 as multipart/byteranges.
    MultipartRange,
    /// A header set, in place of any of the name.
    SetHeader(String, String),
    /// A header removed.
    RemoveHeader(String),
    /// Another body under the answer's headers.
    ReplaceBody(Vec<u8>),
    /// The end of the connection after a whole reply that did not announce it.
    CloseAfter(Cut),
}

impl Action {
    /// A status with no headers and no body.
    pub fn status(status: u16) -> Action {
        Action::Status(status, Vec::new(), Vec::new())
    }

    /// A status with Retry-After: seconds or a date.
    pub fn retry_after(status: u16, value: &str) -> Action {
        Action::Status(status, vec![("Retry-After".into(), value.into())], Vec::new())
    }

    /// A status with this WWW-Authenticate.
    pub fn challenge(status: u16, value: &str) -> Action {
        Action::Status(status, vec![("WWW-Authenticate".into(), value.into())], Vec::new())
    }

    /// 307 to this place.
    pub fn redirect(location: &str) -> Action {
        Action::Redirect(307, Some(location.to_owned()))
    }

    /// A header set.
    pub fn header(name: &str, value: &str) -> Action {
        Action::SetHeader(name.to_owned(), value.to_owned())
    }

    /// Whether the answer itself is not wanted, nor its effect.
    fn replaces(&self) -> bool {
        matches!(
            self,
            Action::Status(..) | Action::Redirect(..) | Action::Html(..) | Action::Raw(..)
        )
    }

    /// The request that the answer is made for.
    fn before(&self, request: &mut Request) {
        let is_range = |(name, _): &(String, String)| name.eq_ignore_ascii_case("range");
        match self {
            Action::IgnoreRange => request.headers.retain(|header| !is_range(header)),
            Action::RangeFromStart if request.headers.iter().any(is_range) => {
                request.headers.retain(|header| !is_range(header));
                request.headers.push(("Range".into(), "bytes=0-".into()));
            }
            _ => {}
        }
    }

    fn after(self, reply: &mut Reply) {
        match self {
            Action::Status(status, headers, body) => {
                *reply = Reply::new(status, body);
                reply.headers = headers;
            }
            Action::SetStatus(status) => reply.status = status,
            Action::Redirect(status, location) => {
                *reply = Reply::empty(status);
                if let Some(location) = location {
                    reply.set("Location", &location);
                }
            }
            Action::Html(status, size) => {
                let line = "<p>The server is having a bad day, and says so at length.</p>\n";
                let mut page = String::from("<!DOCTYPE html><html><body>\n");
                while page.len() < size {
                    page.push_str(line);
                }
                page.push_str("</body></html>\n");
                *reply = Reply::new(status, page.into_bytes()).with("Content-Type", "text/html");
            }
            Action::Raw(bytes) => reply.raw = Some(bytes),
            Action::EndlessHeaders => reply.endless_headers = true,
            Action::Delay(time) => reply.delay = time,
            Action::CutHead(at, cut) => reply.cut_head = Some((at, cut)),
            Action::CutBody(at, cut) => reply.cut_body = Some((at, cut)),
            Action::Stall(at, time) => reply.stall = Some((at, time)),
            Action::Trickle(size, pause) => reply.trickle = Some((size, pause)),
            Action::Flip(at) => reply.flip = Some(at),
            Action::LengthOff(by) => {
                let len = reply.body.len().unwrap_or_default() as i64;
                reply.framing = Framing::Says((len + by).to_string());
            }
            Action::Length(text) => reply.framing = Framing::Says(text),
            Action::CloseDelimited => reply.framing = Framing::Close,
            Action::Chunked => reply.framing = Framing::Chunked,
            Action::EndlessBody => {
                reply.body = Body::Endless;
                reply.framing = Framing::Close;
            }
            Action::IgnoreRange | Action::RangeFromStart => {}
            Action::NoContentRange => reply.remove("Content-Range"),
            Action::WrongRangeTotal => {
                if let Some((range, total)) =
                    reply.header("Content-Range").and_then(|value| value.rsplit_once('/'))
                {
                    let total: u64 = total.parse().expect("a total of our own");
                    let value = format!("{range}/{}", total + 1);
                    reply.set("Content-Range", &value);
                }
            }
            Action::MultipartRange => {
                let Some(range) = reply.header("Content-Range").map(str::to_owned) else { return };
                let mut body = format!(
                    "--frontier\r\nContent-Type: application/octet-stream\r\nContent-Range: {range}\r\n\r\n"
                )
                .into_bytes();
                body.extend(reply.body.to_vec());
                body.extend_from_slice(b"\r\n--frontier--\r\n");
                reply.body = body.into();
                reply.remove("Content-Range");
                reply.set("Content-Type", "multipart/byteranges; boundary=frontier");
            }
            Action::SetHeader(name, value) => reply.set(&name, &value),
            Action::RemoveHeader(name) => reply.remove(&name),
            Action::ReplaceBody(bytes) => reply.body = bytes.into(),
            Action::CloseAfter(cut) => reply.close_after = Some(cut),
        }
    }
}

/// A fault and the requests that it hits: by default the first one whose target contains `path`.
#[derive(Clone, Debug)]
pub struct Fault {
    method: Option<String>,
    path: String,
    header: Option<String>,
    skip: usize,
    times: usize,
    success_only: bool,
    action: Action,
}

impl Fault {
    /// Hits the first request whose target contains `path`.
    pub fn on(path: &str, action: Action) -> Fault {
        Fault {
            method: None,
            path: path.to_owned(),
            header: None,
            skip: 0,
            times: 1,
            success_only: false,
            action,
        }
    }

    /// Only requests of this method.
    pub fn method(mut self, method: &str) -> Fault {
        self.method = Some(method.to_owned());
        self
    }

    /// Only requests with this header.
    pub fn with_header(mut self, name: &str) -> Fault {
        self.header = Some(name.to_owned());
        self
    }

    /// Lets this many matching requests pass first.
    pub fn skip(mut self, requests: usize) -> Fault {
        self.skip = requests;
        self
    }

    /// Hits this many matching requests.
    pub fn times(mut self, requests: usize) -> Fault {
        self.times = requests;
        self
    }

    /// Hits every matching request from now on.
    pub fn always(self) -> Fault {
        self.times(usize::MAX)
    }

    /// Only requests that would be answered 2xx, so that a challenge does not use the fault up.
    pub fn on_success(mut self) -> Fault {
        self.success_only = true;
        self
    }

    /// Whether it hits this request now; counts it if so.
    fn take(&mut self, request: &Request) -> bool {
        if !request.target.contains(&self.path)
            || self.method.as_ref().is_some_and(|method| *method != request.method)
            || self.header.as_ref().is_some_and(|name| request.header(name).is_none())
            || self.times == 0
        {
            return false;
        }
        if self.skip > 0 {
            self.skip -= 1;
            return false;
        }
        if self.times != usize::MAX {
            self.times -= 1;
        }
        true
    }
}

/// The faults of one server, shared with its threads.
#[derive(Clone, Default)]
pub struct Faults(Arc<Mutex<Vec<Fault>>>);

impl Faults {
    /// Adds a fault; several may hit the same request.
    pub fn add(&self, fault: Fault) {
        lock(&self.0).push(fault);
    }

    /// Removes all faults.
    pub fn clear(&self) {
        lock(&self.0).clear();
    }

    fn take(&self, request: &Request, success_only: bool) -> Vec<Action> {
        lock(&self.0)
            .iter_mut()
            .filter(|fault| fault.success_only == success_only)
            .filter_map(|fault| fault.take(request).then(|| fault.action.clone()))
            .collect()
    }

    /// The reply to `request`: what `answer` says, with the faults that hit it.
    pub fn reply(&self, request: &Request, answer: impl Fn(&Request) -> Reply) -> Reply {
        let mut actions = self.take(request, false);
        let mut seen = request.clone();
        actions.iter().for_each(|action| action.before(&mut seen));
        let mut reply =
            if actions.iter().any(Action::replaces) { Reply::empty(200) } else { answer(&seen) };
        if (200..300).contains(&reply.status) && !actions.iter().any(Action::replaces) {
            let more = self.take(request, true);
            if more.iter().any(|a| matches!(a, Action::IgnoreRange | Action::RangeFromStart)) {
                more.iter().for_each(|action| action.before(&mut seen));
                reply = answer(&seen);
            }
            actions.extend(more);
        }
        actions.into_iter().for_each(|action| action.after(&mut reply));
        reply
    }
}

/// A server whose answers are a function of the request, with faults.
pub fn serve(
    options: ServerOptions,
    faults: Faults,
    answer: impl Fn(&Request) -> Reply + Send + Sync + 'static,
) -> Server {
    Server::start(options, move |request, conn| conn.reply(&faults.reply(request, &answer)))
}
