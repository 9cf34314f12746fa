//! The requests of an upload, where it goes on.

use url::Url;

use super::recovery::is_over;
use super::upload_url::UploadUrl;
use crate::call::Call;
use crate::error::{Code, Error, Result};
use crate::http::address::AddressRule;
use crate::http::{Method, Payload, Request, Response};
use crate::image::descriptor::check_digest;
use crate::names::digest::Digest;
use crate::v2::Repository;

/// A request about an upload, where it is.
pub(super) fn request_at<'a>(
    repository: &'a Repository,
    upload: &'a UploadUrl,
    doing: &'a str,
) -> Request<'a> {
    let mut request = repository.registry().request(upload.url.clone(), doing);
    if let Some(identity) = &upload.foreign {
        request.identity = identity;
    }
    // Whom the caller allows by name may be anywhere.
    request.rule = AddressRule::Named;
    request
}

pub(super) fn send_to(
    repository: &Repository,
    upload: &UploadUrl,
    request: &Request<'_>,
    call: &Call,
) -> Result<Response> {
    let registry = repository.registry();
    match upload.foreign {
        Some(_) => registry.common().client.send(request, call),
        None => registry.send(request, &repository.scopes(), call),
    }
}

/// Ends an upload that nobody needs, so that the registry forgets what it has. What it says to that is no news.
pub(super) fn give_up(repository: &Repository, upload: &UploadUrl, call: &Call) -> Result<()> {
    let doing = format!("abort an upload to {}", repository.shown());
    let request = Request { method: Method::DELETE, ..request_at(repository, upload, &doing) };
    match send_to(repository, upload, &request, call) {
        Ok(response) => response.finish(call),
        Err(e) if is_over(&e) => Err(e),
        Err(_) => Ok(()),
    }
}

pub(super) fn post<'a>(repository: &'a Repository, url: Url, doing: &'a str) -> Request<'a> {
    // The specification asks for a length, of nothing.
    let body = Payload::Bytes(&[]);
    Request { method: Method::POST, body, ..repository.registry().request(url, doing) }
}

/// A digest that a registry names must be right.
pub(super) fn check_told(response: &Response, digest: &Digest) -> Result<()> {
    match response.header("docker-content-digest").and_then(|text| text.parse::<Digest>().ok()) {
        Some(told) if told.algorithm() == digest.algorithm() => {
            check_digest(digest, told).map_err(|e| e.url(&response.url))
        }
        _ => Ok(()),
    }
}

/// What a refusal of the end says. `is_ours` tells whether we have hashed the bytes ourselves.
pub(super) fn refusal_of_end(
    repository: &Repository,
    response: Response,
    doing: &str,
    is_ours: bool,
    call: &Call,
) -> Error {
    let error = refusal(repository, response, doing, Method::PUT, call);
    // What we have hashed ourselves was damaged on its way, or by the registry.
    if is_invalid(&error) && !is_ours { error.recode(Code::DigestMismatch) } else { error }
}

/// Whether the registry found the digest wrong.
pub(super) fn is_invalid(error: &Error) -> bool {
    error.details().errors.iter().any(|e| e.code == "DIGEST_INVALID")
}

/// What a refusal says.
pub(super) fn refusal(
    repository: &Repository,
    response: Response,
    doing: &str,
    method: Method,
    call: &Call,
) -> Error {
    let limit = repository.registry().common().limits.error;
    response.into_error(doing, limit, call).with(|d| d.method = Some(method.to_string()))
}
