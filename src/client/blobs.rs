//! Blobs of the repository of a session: read, write, mount and delete them.

use std::path::Path;

use super::blob_files::{self, Moved};
use super::options::{
    BlobOptions, GetBlobFDOptions, GetBlobFileOptions, MountOptions, PutBlobFileOptions,
    PutBlobOptions, RemoteBlobOptions,
};
use super::{blob_fds, put_files};
use crate::call::Call;
use crate::compress::{Expected, LayerReader, MOST};
use crate::error::{Error, Result};
use crate::image::Descriptor;
use crate::names::digest::{Algorithm, Digest};
use crate::names::reference::check_path;
use crate::registry::blob::Blob;
use crate::registry::session::Session;
use crate::v2::blob::BlobReader;
use crate::v2::foreign::Wanted;
use crate::v2::upload::{BlobWriter, PutOptions};
use std::sync::Arc;

/// A blob that is read from a registry.
#[derive(Debug)]
pub enum Opened {
    /// As the registry has it.
    Stored(Box<BlobReader>),
    /// Without its compression.
    Decompressed(Box<LayerReader<BlobReader>>),
}

/// The descriptor of a blob.
pub fn head(session: &Session, digest: &str, call: &Call) -> Result<Descriptor> {
    let digest = digest.parse()?;
    session.with_repository(call, |repository| repository.head_blob(&digest, call))
}

/// Opens a blob at an offset.
pub fn open(
    session: &Session,
    digest: &str,
    offset: u64,
    options: BlobOptions,
    call: &Call,
) -> Result<Opened> {
    let BlobOptions { size, media_type, urls, decompress, diff_id, max_size } = options;
    if decompress && offset > 0 {
        return Err(Error::argument("offset", "offset must be 0 with decompress")
            .hint("compressed data can only be read from its beginning"));
    }
    let blob = Wanted::new(digest.parse()?, size, &media_type, &urls);
    let opened = session.open_blob(&blob, offset, call)?;
    Ok(if decompress {
        let expected = Expected { diff_id, most: max_size.unwrap_or(MOST) };
        Opened::Decompressed(Box::new(LayerReader::new(opened, expected)))
    } else {
        Opened::Stored(Box::new(opened))
    })
}

/// A blob that is read in parts. Sends nothing yet.
pub fn in_parts(
    session: Arc<Session>,
    digest: &str,
    options: RemoteBlobOptions,
) -> Result<Arc<Blob>> {
    let RemoteBlobOptions { size, chunks, media_type, urls } = options;
    let blob = Wanted::new(digest.parse()?, size, &media_type, &urls);
    Blob::new(session, blob, chunks).map(Arc::new)
}

/// Begins to upload a blob.
pub fn put(session: &Session, options: PutBlobOptions, call: &Call) -> Result<Box<BlobWriter>> {
    let PutBlobOptions {
        digest,
        size,
        media_type,
        algorithm,
        mount_from,
        chunk_size,
        check_exists,
    } = options;
    let algorithm = algorithm.unwrap_or(Algorithm::Sha256);
    let chunk_size = Some(chunk_size);
    let options =
        PutOptions { digest, size, media_type, algorithm, mount_from, chunk_size, check_exists };
    session.with_repository_to_push(call, |repository| {
        BlobWriter::open(repository.clone(), options.clone(), call).map(Box::new)
    })
}

/// Mounts a blob from another repository; or else gives the upload that the registry has begun, if it is wanted.
pub fn mount(
    session: &Session,
    digest: &str,
    from: &str,
    _none_yet: MountOptions,
    upload_is_wanted: bool,
    call: &Call,
) -> Result<Mounted> {
    let digest: Digest = digest.parse()?;
    check_path(from)?;
    let begun = session.with_repository_to_push(call, |repository| {
        BlobWriter::mount(repository.clone(), digest.clone(), from, call)
    })?;
    Ok(match begun {
        None => Mounted::Yes,
        Some(begun) if upload_is_wanted => Mounted::Begun(Box::new(begun)),
        Some(mut begun) => {
            begun.abort(call)?;
            Mounted::No
        }
    })
}

/// What became of a mount.
#[derive(Debug)]
pub enum Mounted {
    /// The repository has the blob.
    Yes,
    /// It does not, and nothing was begun.
    No,
    /// It does not, and takes it by this upload.
    Begun(Box<BlobWriter>),
}

/// Deletes a blob.
pub fn delete(session: &Session, digest: &str, call: &Call) -> Result<()> {
    let digest: Digest = digest.parse()?;
    session.with_repository_to_delete(call, |repository| repository.delete_blob(&digest, call))
}

/// Downloads a blob to a file.
pub fn get_file(
    session: &Session,
    digest: &str,
    path: &str,
    options: GetBlobFileOptions,
    call: &Call,
) -> Result<Moved> {
    let GetBlobFileOptions { size, media_type, urls, resume } = options;
    let blob = Wanted::new(digest.parse()?, size, &media_type, &urls);
    blob_files::get(session, &blob, &media_type, Path::new(path), resume, call)
}

/// Uploads a file as a blob.
pub fn put_file(
    session: &Session,
    path: &str,
    options: PutBlobFileOptions,
    call: &Call,
) -> Result<Moved> {
    put_files::put(session, Path::new(path), whole(options), call)
}

/// Downloads a blob to an open descriptor.
pub fn get_fd(
    session: &Session,
    digest: &str,
    fd: i32,
    options: GetBlobFDOptions,
    call: &Call,
) -> Result<Moved> {
    let GetBlobFDOptions { size, media_type, urls } = options;
    let blob = Wanted::new(digest.parse()?, size, &media_type, &urls);
    blob_fds::get(session, &blob, &media_type, fd, call)
}

/// Uploads what an open descriptor holds as a blob.
pub fn put_fd(
    session: &Session,
    fd: i32,
    options: PutBlobFileOptions,
    call: &Call,
) -> Result<Moved> {
    blob_fds::put(session, fd, whole(options), call)
}

/// What is known of a blob that is put in one piece: it is hashed as its digest is.
fn whole(options: PutBlobFileOptions) -> PutOptions {
    let PutBlobFileOptions {
        digest,
        size,
        media_type,
        algorithm,
        mount_from,
        chunk_size,
        check_exists,
    } = options;
    let algorithm =
        algorithm.or(digest.as_ref().map(Digest::algorithm)).unwrap_or(Algorithm::Sha256);
    PutOptions { digest, size, media_type, algorithm, mount_from, chunk_size, check_exists }
}
