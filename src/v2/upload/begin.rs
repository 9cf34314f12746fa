//! Before any byte is sent: is the blob there, can it be mounted, where does it go.

use super::exchange::{check_told, post};
use super::recovery::{is_answer, is_over};
use super::upload_url::UploadUrl;
use crate::call::Call;
use crate::error::Result;
use crate::names::digest::{Algorithm, Digest};
use crate::v2::Repository;

/// What came of the wish to mount.
pub(super) enum Mount {
    Mounted,
    /// Not mounted, and the registry has begun an upload instead.
    Begun(UploadUrl),
    Refused,
}

/// Whether the repository has the blob, as far as it lets itself be asked: the answer saves sending it, and what
/// keeps us from it is no reason not to. Some registries redirect a HEAD to a store that takes only GET.
pub(in crate::v2) fn exists(
    repository: &Repository,
    digest: &Digest,
    size: Option<u64>,
    call: &Call,
) -> Result<bool> {
    match repository.blob_size(digest, call) {
        Ok(told) => Ok(told.is_some_and(|told| size.is_none_or(|size| told == size))),
        Err(error) if is_over(&error) => Err(error),
        Err(_) => Ok(false),
    }
}

/// Begins an upload.
pub(super) fn begin_upload(
    repository: &Repository,
    algorithm: Algorithm,
    call: &Call,
) -> Result<UploadUrl> {
    let doing = format!("start an upload to {}", repository.shown());
    let mut url = repository.address("blobs/uploads/");
    if algorithm != Algorithm::Sha256 {
        url.query_pairs_mut().append_pair("digest-algorithm", algorithm.name());
    }
    let request = post(repository, url, &doing);
    let accepted = |status| status == 202;
    let scopes = repository.scopes();
    let response = repository.registry().fetch(&request, &scopes, accepted, call)?;
    let upload = UploadUrl::sent(repository, &response, None, call)?;
    response.finish(call)?;
    Ok(upload)
}

/// Whoever may write here may lack the right to read there: every refusal only means that the bytes must be sent.
pub(super) fn ask_mount(
    repository: &Repository,
    digest: &Digest,
    from: &str,
    call: &Call,
) -> Result<Mount> {
    let doing = format!("mount {digest} into {}", repository.shown());
    let mut url = repository.address("blobs/uploads/");
    url.query_pairs_mut().append_pair("mount", &digest.to_string()).append_pair("from", from);
    let request = post(repository, url, &doing);
    let scopes = repository.mount_scopes(from);
    let answered = |status| status != 429;
    let response = match repository.registry().fetch(&request, &scopes, answered, call) {
        Ok(response) => response,
        // Nor may he get a token for both.
        Err(e) if is_answer(&e) => return Ok(Mount::Refused),
        Err(e) => return Err(e),
    };
    match response.status {
        201 => {
            check_told(&response, digest)?;
            response.finish(call)?;
            Ok(Mount::Mounted)
        }
        202 => {
            let upload = UploadUrl::sent(repository, &response, None, call)?;
            response.finish(call)?;
            Ok(Mount::Begun(upload))
        }
        _ => response.finish(call).map(|()| Mount::Refused),
    }
}
