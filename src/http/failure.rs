//! What the client's failures and a registry's refusals mean to the user.

use std::time::{Duration, SystemTime};

use ureq::http::HeaderMap;
use url::{Position, Url};

use super::transport::scope::Carried;
use crate::error::{Code, Error, Phase, RegistryError, one_line, one_line_each};
use crate::json::strict;

/// A failure of the HTTP client while asking `url`.
pub(super) fn from_client(error: ureq::Error, url: &Url, in_body: bool) -> Error {
    let host = host_and_port(url);
    let phase = if in_body { Phase::Body } else { Phase::Header };
    let made = match error {
        ureq::Error::Io(error) => {
            let error = from_io(error, host, phase);
            // A timeout knows what took too long, but not whom it waited for.
            let nameless = error.code() == Code::Timeout && error.details().host.is_none();
            if nameless { error.context(host) } else { error }
        }
        ureq::Error::HostNotFound => {
            Error::new(Code::NameNotResolved, format!("cannot find the address of {host}"))
                .phase(Phase::Dns)
        }
        ureq::Error::LargeResponseHeader(..) => {
            Error::new(Code::Limit, format!("{host} sent a response header that is too large"))
                .phase(phase)
                .hint("check that the address is that of a registry")
        }
        ureq::Error::ConnectionFailed => {
            Error::new(Code::Connect, format!("cannot connect to {host}")).phase(Phase::Connect)
        }
        other => match bad_header(&other).filter(|_| !in_body) {
            Some(why) => {
                let message = format!("{host} sent a response header that is not valid HTTP");
                Error::new(Code::Protocol, message)
                    .phase(phase)
                    .cause(why)
                    .hint("the server, or a proxy in front of it, has a defect; report this to its operator")
                    .with(|d| d.speaks_http = true)
            }
            None => Error::new(Code::Protocol, format!("{host} sent an invalid HTTP response"))
                .phase(phase)
                .cause(other)
                .hint("check that the address is that of a registry"),
        },
    };
    made.url(url)
}

/// What is wrong with a response whose first line was sound; None if that was not HTTP either.
fn bad_header(error: &ureq::Error) -> Option<&'static str> {
    let ureq::Error::Protocol(error) = error else { return None };
    // The parser below the client tells the place of a failure in words only.
    let told = error.to_string();
    [
        (
            "invalid header name",
            "a header line does not begin with a valid name; lines that continue an earlier one (folded lines) are obsolete",
        ),
        ("invalid header value", "a header value contains a character that is not allowed"),
        ("conflicting content-length", "there are two different Content-Length headers"),
        ("content-length header not a number", "the Content-Length header is not a number"),
    ]
    .into_iter()
    .find_map(|(part, why)| told.contains(part).then_some(why))
}

/// Who was asked: two registries may run on one host.
fn host_and_port(url: &Url) -> &str {
    &url[Position::BeforeHost..Position::AfterPort]
}

/// A failed read or write; our own errors come back as they were.
pub(super) fn from_io(error: std::io::Error, host: &str, phase: Phase) -> Error {
    let kind = error.kind();
    match error.into_inner().map(|inner| inner.downcast::<Carried>()) {
        Some(Ok(carried)) => carried.0,
        Some(Err(inner)) if kind == std::io::ErrorKind::UnexpectedEof => {
            disconnected(host, phase).cause(inner)
        }
        Some(Err(inner)) => match inner.downcast::<ureq::Error>() {
            Ok(inner) => {
                Error::new(Code::Protocol, format!("{host} sent an invalid HTTP response"))
                    .phase(phase)
                    .cause(inner)
                    .hint("check that the address is that of a registry")
            }
            Err(inner) => disconnected(host, phase).cause(inner),
        },
        None => disconnected(host, phase).cause(kind),
    }
}

fn disconnected(host: &str, phase: Phase) -> Error {
    let what = match phase {
        Phase::Body => "in the middle of its response",
        _ => "before it responded",
    };
    Error::new(Code::Disconnected, format!("{host} closed the connection {what}"))
        .phase(phase)
        .hint("the network or the registry has a problem; try again")
}

/// Turns an unsuccessful response into an error, with the registry's own words.
///
/// `body` is what was read of the answer, already limited.
pub fn from_status(doing: &str, url: &Url, status: u16, headers: &HeaderMap, body: &[u8]) -> Error {
    let errors = registry_errors(body);
    let unsupported = errors.iter().any(|e| e.code == "UNSUPPORTED");
    let code = match status {
        405 => Code::Unsupported,
        400 if unsupported => Code::Unsupported,
        401 => Code::Unauthorized,
        403 => Code::Denied,
        404 | 410 => Code::NotFound,
        409 => Code::Conflict,
        429 => Code::RateLimited,
        408 | 425 | 500..=599 => Code::Server,
        300..=399 => Code::Redirect,
        400..=499 => Code::Rejected,
        _ => Code::Protocol,
    };
    let said = errors
        .iter()
        .map(|e| match (e.code.as_str(), e.message.as_str()) {
            (code, "") => code.to_owned(),
            ("", message) => message.to_owned(),
            (code, message) => format!("{code}: {message}"),
        })
        .collect::<Vec<_>>()
        .join("; ");
    let reason = ureq::http::StatusCode::from_u16(status)
        .ok()
        .and_then(|s| s.canonical_reason())
        .unwrap_or("unknown status");
    let mut error = Error::new(code, format!("cannot {doing}"))
        .cause(format!("{} answered {status} {reason}", host_and_port(url)))
        .url(url)
        .with(|d| {
            d.http_status = Some(status);
            d.retry_after_ms =
                retry_after(headers).map(|t| u64::try_from(t.as_millis()).unwrap_or(u64::MAX));
        });
    if !said.is_empty() {
        error = error.cause(said);
    }
    let error = error.with(|d| d.errors = errors);
    match code {
        Code::Unauthorized => error.hint("log in, or pass credentials that this registry accepts"),
        Code::Denied => error.hint("these credentials do not allow this; ask the repository's owner for access"),
        Code::NotFound => error.hint(
            "check the spelling of the repository, tag and digest; a private repository requires credentials",
        ),
        Code::Unsupported => {
            error.hint("the registry does not support this, or its operator has disabled it")
        }
        Code::RateLimited => {
            error.hint("wait, or log in: most registries allow more requests from users who are logged in")
        }
        Code::Server => error.hint("the registry has a problem; try again later"),
        _ => error,
    }
}

/// The registry's own error document; whatever else it sent is kept as one short line.
fn registry_errors(body: &[u8]) -> Vec<RegistryError> {
    #[derive(serde::Deserialize)]
    struct Document {
        #[serde(default)]
        errors: Vec<RegistryError>,
        #[serde(default)]
        details: Option<String>,
        /// As registries of v1 say it; others have objects there.
        #[serde(default)]
        error: serde_json::Value,
    }
    const LONGEST: usize = 512;
    let short = |text: &str| one_line(&text.chars().take(LONGEST).collect::<String>());
    let document = strict::check(body).and_then(|()| serde_json::from_slice(body));
    if let Ok(Document { errors, details, error }) = document {
        let mut errors: Vec<_> = errors
            .into_iter()
            .take(16)
            .map(|e| RegistryError {
                code: short(&e.code),
                message: short(&e.message),
                // A large detail is the registry's page, not the user's.
                detail: e.detail.filter(|d| d.to_string().len() <= 8 * LONGEST).map(
                    |mut detail| {
                        one_line_each(&mut detail);
                        detail
                    },
                ),
            })
            .collect();
        let told = details.as_deref().or(error.as_str());
        if let Some(told) = told.filter(|_| errors.is_empty()) {
            errors.push(RegistryError { message: short(told), ..RegistryError::default() });
        }
        return errors;
    }
    let text = String::from_utf8_lossy(body);
    let text = text.trim();
    if text.is_empty() {
        return Vec::new();
    }
    vec![RegistryError { message: short(text), ..RegistryError::default() }]
}

/// The time that a server asks to wait: seconds or a date, never negative. Other values are ignored.
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("retry-after")?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::from(u32::MAX))));
    }
    let at = httpdate::parse_http_date(text).ok()?;
    Some(at.duration_since(SystemTime::now()).unwrap_or(Duration::ZERO))
}
