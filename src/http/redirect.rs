//! The one loop that follows redirects.

use url::Url;

use super::origin::{Origin, is_trusted, parse_sent, refuse_downgrade};
use super::response::Response;
use crate::call::Call;
use crate::error::{Code, Error, Result};
use crate::log::{Level, Record};
use ureq::http::HeaderMap;

/// Redirects that one request may follow.
const MAX_REDIRECTS: usize = 10;

/// What redirects have done to a request so far.
#[derive(Debug, Clone)]
pub struct Trail {
    /// They left its origin. What was dropped then stays dropped, even on the way back.
    pub crossed: bool,
    /// They led from trusted places to trusted places only.
    pub trusted: bool,
    /// Who sent us here.
    pub from: Option<Url>,
}

impl Trail {
    /// Before any redirect.
    pub fn begin(url: &Url) -> Self {
        Self { crossed: false, trusted: is_trusted(url), from: None }
    }
}

/// How a request is sent to each address that it is redirected to.
pub trait Hops {
    /// Asks at one address.
    fn send(&mut self, url: &Url, trail: &Trail) -> Result<Response>;

    /// Whether a status is a redirect to follow.
    fn redirects(&self, status: u16) -> bool {
        matches!(status, 301 | 302 | 303 | 307 | 308)
    }

    /// Judges a redirect to another origin.
    fn cross(&mut self, from: &Url, to: &Url) -> Result<()>;
}

/// Sends a request from address to address, until one answers otherwise than with a redirect. https never becomes http.
pub fn follow(mut url: Url, doing: &str, hops: &mut dyn Hops, call: &Call) -> Result<Response> {
    let mut trail = Trail::begin(&url);
    for _ in 0..=MAX_REDIRECTS {
        let response = hops.send(&url, &trail)?;
        if !hops.redirects(response.status) {
            return Ok(response);
        }
        let next =
            target(&url, &response.headers).map_err(|e| e.context(format!("cannot {doing}")))?;
        let status = response.status;
        response.finish(call)?;
        let (from, to) = (Origin::of(&url), Origin::of(&next));
        call.log(Level::Debug, "http", || {
            Record::new(format!("{from} redirects to {to}"))
                .with("http_status", status)
                .with("from", from.to_string())
                .with("to", to.to_string())
        });
        if from != to {
            hops.cross(&url, &next)?;
            trail.crossed = true;
            trail.trusted &= is_trusted(&next);
        }
        trail.from = Some(url);
        url = next;
    }
    Err(Error::new(Code::Redirect, format!("cannot {doing}: more than {MAX_REDIRECTS} redirects"))
        .url(&url)
        .hint("the registry redirects in a loop; report this to its operator"))
}

fn target(url: &Url, headers: &HeaderMap) -> Result<Url> {
    let location = headers.get("location").and_then(|value| value.to_str().ok());
    // An empty one would lead to the same address again.
    let Some(location) = location.filter(|location| !location.is_empty()) else {
        return Err(Error::new(
            Code::Redirect,
            format!("{} sent a redirect without a Location header", Origin::of(url)),
        )
        .url(url)
        .hint("report this to the registry's operator"));
    };
    let next = parse_sent(url, location, Code::Redirect, "a redirect")?;
    refuse_downgrade(url, &next, "a redirect")?;
    Ok(next)
}
