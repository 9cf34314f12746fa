//! Manifests of the repository of a session: get, put and delete them. No tag or digest is that of the session's reference.

use super::options::{HeadOptions, ManifestOptions, PutManifestOptions};
use crate::call::Call;
use crate::error::Result;
use crate::image::Descriptor;
use crate::image::manifest::Document;
use crate::registry::session::{Need, Session};
use crate::v2::manifests::{Put, PutOptions};
use crate::v2::repository;

/// Gets a manifest or index.
pub fn get(
    session: &Session,
    which: Option<&str>,
    options: ManifestOptions,
    call: &Call,
) -> Result<Document> {
    let ManifestOptions { platform, accept, max_size } = options;
    let selector = session.selector(which)?;
    let options = repository::ManifestOptions { platform, accept, max_size };
    session.with_repository_for(Need::of(&selector), call, |repository| {
        repository.document(&selector, &options, call)
    })
}

/// Gets the descriptor of a manifest or index.
pub fn head(
    session: &Session,
    which: Option<&str>,
    options: HeadOptions,
    call: &Call,
) -> Result<Descriptor> {
    let HeadOptions { accept } = options;
    let selector = session.selector(which)?;
    let options = repository::ManifestOptions { accept, ..Default::default() };
    session.with_repository_for(Need::of(&selector), call, |repository| {
        repository.head_manifest(&selector, &options, call)
    })
}

/// Stores a manifest or index under a tag, or under its digest alone.
pub fn put(
    session: &Session,
    which: Option<&str>,
    media_type: Option<&str>,
    bytes: &[u8],
    options: PutManifestOptions,
    call: &Call,
) -> Result<Put> {
    let PutManifestOptions { tags, if_match } = options;
    let selector = which.map(str::parse).transpose()?;
    let options = PutOptions { tags, if_match };
    session.with_repository_to_push(call, |repository| {
        repository.put_manifest(selector.as_ref(), media_type, bytes, &options, call)
    })
}

/// Deletes a tag, or a manifest with its tags.
pub fn delete(session: &Session, which: Option<&str>, call: &Call) -> Result<()> {
    let selector = session.selector(which)?;
    session
        .with_repository_to_delete(call, |repository| repository.delete_manifest(&selector, call))
}
