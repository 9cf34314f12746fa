//! Requests that somebody else sends: where to, and with which header.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde::Serialize;
use zeroize::Zeroizing;

use super::session::Session;
use crate::call::Call;
use crate::error::{Error, Result};
use crate::v2::Repository;

/// What an HTTP client needs to send a request by itself.
#[derive(Serialize)]
pub struct Authorized {
    /// Where to send it.
    pub url: String,
    /// The headers to send with it.
    pub headers: BTreeMap<&'static str, Text>,
    /// How long both are good, in milliseconds from now; None where nothing ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_ms: Option<u64>,
    /// The endpoint that was chosen.
    pub endpoint: String,
}

impl std::fmt::Debug for Authorized {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authorized").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

/// A header's value; overwritten when dropped.
pub struct Text(Zeroizing<String>);

impl Serialize for Text {
    fn serialize<S: serde::Serializer>(&self, writer: S) -> Result<S::Ok, S::Error> {
        writer.serialize_str(&self.0)
    }
}

/// How a request is authorized.
#[derive(Debug, Clone, Copy, Default)]
pub struct AuthorizeOptions {
    /// Give the address that a redirect leads to.
    pub follow: bool,
    /// The last authorization was refused: do not give it again.
    pub renew: bool,
}

impl Session {
    /// What a request needs that somebody else sends; `path` is below the repository, such as `blobs/sha256:…`.
    pub fn authorize(
        &self,
        method: &str,
        path: &str,
        options: AuthorizeOptions,
        call: &Call,
    ) -> Result<Authorized> {
        check_path(path)?;
        let reads = matches!(method, "GET" | "HEAD");
        if options.follow && !reads {
            return Err(Error::argument("follow", "only GET and HEAD requests can be followed"));
        }
        let work = |repository: &Repository| authorize(repository, method, path, options, call);
        match method {
            "GET" | "HEAD" => self.with_repository(call, work),
            "POST" | "PUT" | "PATCH" => self.with_repository_to_push(call, work),
            "DELETE" => self.with_repository_to_delete(call, work),
            _ => Err(Error::argument(
                "method",
                format!("{method:?} is not a method of the protocol"),
            )
            .hint("use GET, HEAD, POST, PUT, PATCH or DELETE")),
        }
    }
}

fn authorize(
    repository: &Repository,
    method: &str,
    path: &str,
    options: AuthorizeOptions,
    call: &Call,
) -> Result<Authorized> {
    let endpoint = repository.registry().base().to_string();
    let endpoint = endpoint.trim_end_matches('/').to_owned();
    let header = repository.authorize(options.renew, call)?;
    let mut url = repository.address(path).to_string();
    if options.follow {
        let led = repository.follow(method, path, call)?;
        url = led.url.to_string();
        if led.crossed {
            let expires_ms = led.lifetime.map(milliseconds);
            return Ok(Authorized { url, headers: BTreeMap::new(), expires_ms, endpoint });
        }
    }
    let (mut headers, mut expires_ms) = (BTreeMap::new(), None);
    if let Some((value, ends)) = header {
        headers.insert("Authorization", Text(value));
        expires_ms = ends.map(|ends| milliseconds(ends.saturating_duration_since(Instant::now())));
    }
    Ok(Authorized { url, headers, expires_ms, endpoint })
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// A path leads to somewhere below the repository, whoever reads it.
fn check_path(path: &str) -> Result<()> {
    let wrong = |why: &str| {
        Err(Error::argument("path", format!("{path:?} is not a path below the repository: {why}"))
            .hint("write it as in blobs/sha256:…, manifests/TAG, tags/list or blobs/uploads/"))
    };
    let is_sound = |b: u8| b.is_ascii_alphanumeric() || b"-._~:@+=/".contains(&b);
    if path.is_empty() || path.starts_with('/') {
        return wrong("it must begin with the name of what is asked for");
    }
    if !path.bytes().all(is_sound) {
        return wrong("it contains characters that no such path has");
    }
    let parts = path.strip_suffix('/').unwrap_or(path).split('/');
    if parts.into_iter().any(|part| matches!(part, "" | "." | "..")) {
        return wrong("it leaves the repository");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stays_below_the_repository() {
        for path in [
            "blobs/sha256:00",
            "manifests/v1.2_3",
            "tags/list",
            "blobs/uploads/",
            "referrers/sha256:00",
            "blobs/uploads/5f1f-a",
        ] {
            assert!(check_path(path).is_ok(), "{path}");
        }
        for path in [
            "",
            "/",
            "/blobs",
            "../other/blobs",
            "blobs/../../x",
            "blobs//x",
            "blobs/./x",
            "a?b=c",
            "a#b",
            "a%2e%2e/b",
            "a b",
            "http://x/",
            "a\\b",
            "é",
            "..",
            "./x",
            "blobs/..",
            "x//",
        ] {
            assert!(check_path(path).is_err(), "{path}");
        }
    }
}
