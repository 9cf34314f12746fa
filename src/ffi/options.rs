//! The JSON of arguments that are no options of ours, and options as the rooms below want them.

use crate::client::options::{
    AuthorizeOptions, BlobOptions, CommitOptions, GetBlobFDOptions, GetBlobFileOptions,
    HeadOptions, ListOptions, ManifestOptions, MountOptions, PutBlobFileOptions, PutBlobOptions,
    PutManifestOptions, ReferrersOptions, RemoteBlobOptions,
};
use crate::compress::{Expected, MOST};
use crate::credentials::AuthConfig;
use crate::error::Result;
use crate::json::strict;
use crate::names::digest::{Algorithm, Digest};
use crate::registry::authorize;
use crate::registry::blob::Chunk;
use crate::v1;
use crate::v2::foreign::Wanted;
use crate::v2::manifests;
use crate::v2::pages::PageOptions;
use crate::v2::referrers::Filter;
use crate::v2::repository;
use crate::v2::upload::PutOptions;
use serde_json::Value;
use zeroize::Zeroizing;

/// An AuthConfig document.
pub(super) fn auth(text: &str, name: &str) -> Result<AuthConfig> {
    AuthConfig::parse(text, name)?.decoded()
}

/// The headers of all requests of an endpoint: {"Name": ["value"]}.
pub(super) fn headers(user_agent: Option<&str>, text: Option<&str>) -> Result<v1::Headers> {
    let mut headers = v1::Headers::default();
    let given = strict::parse(text.unwrap_or("{}"), "headers_json")?;
    let Value::Object(given) = given else {
        return Err(strict::invalid("headers_json", "headers_json must be a JSON object"));
    };
    for (name, values) in given {
        for value in strict::strings(values, "headers_json")?.into_iter().map(Zeroizing::new) {
            headers.add(&name, &value)?;
        }
    }
    if let Some(user_agent) = user_agent.filter(|text| !text.is_empty()) {
        headers.add("user-agent", user_agent)?;
    }
    Ok(headers)
}

pub(super) fn tags(text: Option<&str>) -> Result<PageOptions> {
    let ListOptions { n, last, next } = ListOptions::parse(text)?;
    Ok(PageOptions { n, last, next })
}

pub(super) fn manifest(text: Option<&str>) -> Result<repository::ManifestOptions> {
    let ManifestOptions { platform, accept, max_size } = ManifestOptions::parse(text)?;
    Ok(repository::ManifestOptions { platform, accept, max_size })
}

pub(super) fn head(text: Option<&str>) -> Result<repository::ManifestOptions> {
    let HeadOptions { accept } = HeadOptions::parse(text)?;
    Ok(repository::ManifestOptions { accept, ..Default::default() })
}

/// A blob with what the caller knows of it, and how it is decompressed, if it is.
pub(super) fn blob(digest: Digest, text: Option<&str>) -> Result<(Wanted, Option<Expected>)> {
    let BlobOptions { size, media_type, urls, decompress, diff_id, max_size } =
        BlobOptions::parse(text)?;
    let decompressed = decompress.then_some(Expected { diff_id, most: max_size.unwrap_or(MOST) });
    Ok((Wanted::new(digest, size, &media_type, &urls), decompressed))
}

/// A blob that is read in parts, with what the caller knows of it.
pub(super) fn remote_blob(
    digest: Digest,
    text: Option<&str>,
) -> Result<(Wanted, Option<Vec<Chunk>>)> {
    let RemoteBlobOptions { size, chunks, media_type, urls } = RemoteBlobOptions::parse(text)?;
    Ok((Wanted::new(digest, size, &media_type, &urls), chunks))
}

/// How a request is authorized.
pub(super) fn authorize(text: Option<&str>) -> Result<authorize::AuthorizeOptions> {
    let AuthorizeOptions { follow, renew } = AuthorizeOptions::parse(text)?;
    Ok(authorize::AuthorizeOptions { follow, renew })
}

/// How a blob is put.
pub(super) fn put_blob(text: Option<&str>) -> Result<PutOptions> {
    let PutBlobOptions {
        digest,
        size,
        media_type,
        algorithm,
        mount_from,
        chunk_size,
        check_exists,
    } = PutBlobOptions::parse(text)?;
    let algorithm = algorithm.unwrap_or(Algorithm::Sha256);
    let chunk_size = Some(chunk_size);
    Ok(PutOptions { digest, size, media_type, algorithm, mount_from, chunk_size, check_exists })
}

/// What a blob must be at its end.
pub(super) fn commit(text: Option<&str>) -> Result<(Option<Digest>, Option<u64>)> {
    let CommitOptions { digest, size } = CommitOptions::parse(text)?;
    Ok((digest, size))
}

/// Checks the options of a mount, which has none yet.
pub(super) fn none(text: Option<&str>) -> Result<()> {
    MountOptions::parse(text).map(drop)
}

/// How a manifest is put.
pub(super) fn put_manifest(text: Option<&str>) -> Result<manifests::PutOptions> {
    let PutManifestOptions { tags, if_match } = PutManifestOptions::parse(text)?;
    Ok(manifests::PutOptions { tags, if_match })
}

/// Which referrers are listed.
pub(super) fn referrers(text: Option<&str>) -> Result<Filter> {
    let ReferrersOptions { artifact_type, annotations } = ReferrersOptions::parse(text)?;
    Ok(Filter { artifact_type, annotations })
}

/// A blob with what the caller knows of it, its type, and whether an earlier download is continued.
pub(super) fn get_blob_file(digest: Digest, text: Option<&str>) -> Result<(Wanted, String, bool)> {
    let GetBlobFileOptions { size, media_type, urls, resume } = GetBlobFileOptions::parse(text)?;
    Ok((Wanted::new(digest, size, &media_type, &urls), media_type, resume))
}

/// The same without what only files can do.
pub(super) fn get_blob_fd(digest: Digest, text: Option<&str>) -> Result<(Wanted, String)> {
    let GetBlobFDOptions { size, media_type, urls } = GetBlobFDOptions::parse(text)?;
    Ok((Wanted::new(digest, size, &media_type, &urls), media_type))
}

/// How a file is put as a blob.
pub(super) fn put_blob_file(text: Option<&str>) -> Result<PutOptions> {
    let PutBlobFileOptions {
        digest,
        size,
        media_type,
        algorithm,
        mount_from,
        chunk_size,
        check_exists,
    } = PutBlobFileOptions::parse(text)?;
    let algorithm =
        algorithm.or(digest.as_ref().map(Digest::algorithm)).unwrap_or(Algorithm::Sha256);
    Ok(PutOptions { digest, size, media_type, algorithm, mount_from, chunk_size, check_exists })
}
