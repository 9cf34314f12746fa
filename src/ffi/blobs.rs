//! Blobs: read, write, mount and delete them.

use std::ffi::c_char;
use std::path::Path;
use std::sync::Arc;

use super::context::ocireg_context;
use super::error::ocireg_error;
use super::options;
use super::reader::{Reader, ocireg_reader};
use super::session::ocireg_session;
use super::writer::{Writer, ocireg_writer};
use crate::client::blob_files;
use crate::names::digest::Digest;
use crate::names::reference::check_path;
use crate::v2::blob::BlobReader;
use crate::v2::upload::BlobWriter;

/// Looks a blob up without its content.
///
/// @param session          a session of a repository. Not NULL.
/// @param context          the call's context; may be NULL.
/// @param digest           the blob's digest. Not NULL.
/// @param descriptor_json  receives the OCI descriptor; the caller frees it with ocireg_string_free(). Not NULL. Its `mediaType` is
///                         application/octet-stream: only a manifest knows more.
/// @param error            receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
/// @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_DIGEST, OCIREG_NOT_FOUND, OCIREG_PROTOCOL when the registry
///         does not tell the size, any network or registry code, OCIREG_CANCELLED, OCIREG_DEADLINE.
///
/// Any thread. Blocks: one exchange, or two. Since 0.2.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_session_head_blob(
    session: *const ocireg_session,
    context: *const ocireg_context,
    digest: *const c_char,
    descriptor_json: *mut *mut c_char,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(
            descriptor = out(descriptor_json),
            session = session_v2(session),
            call = call(context),
            digest = text(digest)
        );
        let digest = digest.parse()?;
        descriptor.set_json(&session.with_repository(&call, |r| r.head_blob(&digest, &call))?)
    })
}

/// Opens a blob to read, from an offset on. What is read has been verified only when the end is reached.
///
/// @param session       a session of a repository. Not NULL.
/// @param context       the context of this call; reading has its own. May be NULL.
/// @param digest        the blob's digest. Not NULL.
/// @param offset        where to begin, in bytes; only 0 lets the digest be checked.
/// @param options_json  `size` (bytes of the blob, checked), `media_type`, `urls` (where a layer of a
///                      nondistributable type is, if the registry does not have it: asked without credentials, at
///                      hosts of the service's option allow-foreign-urls only; not used for other types); may be NULL.
/// @param reader        receives the reader; the caller frees it with ocireg_reader_free(). Not NULL.
/// @param error         receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
/// @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_JSON, OCIREG_INVALID_DIGEST, OCIREG_NOT_FOUND,
///         OCIREG_SIZE_MISMATCH, any network or registry code, OCIREG_CANCELLED, OCIREG_DEADLINE.
///
/// Any thread. Blocks: one exchange. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_session_open_blob(
    session: *const ocireg_session,
    context: *const ocireg_context,
    digest: *const c_char,
    offset: u64,
    options_json: *const c_char,
    reader: *mut *mut ocireg_reader,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(
            reader = out(reader),
            session = session_v2(session),
            call = call(context),
            digest = text(digest),
            options = optional_text(options_json)
        );
        let digest: Digest = digest.parse()?;
        let blob = options::blob(digest, options)?;
        let opened = session.with_repository(&call, |repository| {
            BlobReader::open(Arc::new(repository.clone()), &blob, offset, &call)
        })?;
        reader.set(super::reader::into_raw(Reader::Blob(Box::new(opened))));
        Ok(())
    })
}

/// Begins to write a blob to the repository. Its bytes go to the registry a chunk at a time, or at the end in one
/// request if they fit into a chunk.
///
/// @param session       a session of a repository, opened with the action push or made by ocireg_session_repository().
///                      Not NULL.
/// @param context       the call's context; may be NULL.
/// @param options_json  `digest`, `size` (checked at the end), `media_type` (for the descriptor; default
///                      application/octet-stream), `algorithm` ("sha256", "sha384", "sha512": where no digest is given;
///                      default sha256), `mount_from` (repositories of the registry that
///                      may have the blob; needs a digest), `chunk_size` (bytes, default 4 MiB), `check_exists` (look
///                      first; needs a digest); may be NULL. A blob that is there already takes no network.
/// @param writer        receives the writer; the caller frees it with ocireg_writer_free(). Not NULL.
/// @param error         receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
/// @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_JSON, OCIREG_INVALID_DIGEST, OCIREG_INVALID_REFERENCE,
///         OCIREG_POLICY when the registry sends the upload to another host (the option allow-upload-hosts allows it),
///         any network or registry code, OCIREG_CANCELLED, OCIREG_DEADLINE.
///
/// Any thread. Blocks: one exchange, one more for each of mount_from and for check_exists. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_session_put_blob(
    session: *const ocireg_session,
    context: *const ocireg_context,
    options_json: *const c_char,
    writer: *mut *mut ocireg_writer,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(
            writer = out(writer),
            session = session_v2(session),
            call = call(context),
            options = optional_text(options_json)
        );
        let options = options::put_blob(options)?;
        let opened = session.with_repository_to_push(&call, |repository| {
            BlobWriter::open(repository.clone(), options.clone(), &call)
        })?;
        writer.set(super::writer::into_raw(Writer::Blob(Box::new(opened))));
        Ok(())
    })
}

/// Takes a blob over from another repository of the same registry, without its bytes.
///
/// @param session          a session of a repository, opened with the action push or made by
///                         ocireg_session_repository(). Not NULL.
/// @param context          the call's context; may be NULL.
/// @param digest           the blob's digest. Not NULL.
/// @param from_repository  the path of the repository that has it. Not NULL.
/// @param options_json     no keys yet; may be NULL.
/// @param mounted          receives 1 if the blob is in the repository now, else 0; may be NULL.
/// @param writer           receives NULL if it was mounted, else a writer that goes on with the upload that the registry
///                         began instead; the caller frees it with ocireg_writer_free(); may be NULL: then that is aborted.
/// @param error            receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL. That the registry does not
///                         mount is no failure.
/// @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_JSON, OCIREG_INVALID_DIGEST, OCIREG_INVALID_REFERENCE,
///         OCIREG_POLICY when the registry sends the upload to another host (the option allow-upload-hosts allows it),
///         any network or registry code, OCIREG_CANCELLED, OCIREG_DEADLINE.
///
/// Any thread. Blocks: one exchange or two. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_session_mount_blob(
    session: *const ocireg_session,
    context: *const ocireg_context,
    digest: *const c_char,
    from_repository: *const c_char,
    options_json: *const c_char,
    mounted: *mut i32,
    writer: *mut *mut ocireg_writer,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(
            mounted = optional_number(mounted),
            writer = optional_out(writer),
            session = session_v2(session),
            call = call(context),
            digest = text(digest),
            from = text(from_repository),
            options = optional_text(options_json)
        );
        let digest: Digest = digest.parse()?;
        check_path(from)?;
        options::none(options)?;
        let begun = session.with_repository_to_push(&call, |repository| {
            BlobWriter::mount(repository.clone(), digest.clone(), from, &call)
        })?;
        match begun {
            None => mounted.set(1),
            Some(begun) if writer.wanted() => {
                writer.set(super::writer::into_raw(Writer::Blob(Box::new(begun))));
            }
            Some(mut begun) => begun.abort(&call)?,
        }
        Ok(())
    })
}

/// Deletes a blob from the repository.
///
/// @param session  a session of a repository, opened with the action delete or made by ocireg_session_repository().
///                 Not NULL.
/// @param context  the call's context; may be NULL.
/// @param digest   the blob's digest. Not NULL.
/// @param error    receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
/// @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_DIGEST, OCIREG_NOT_FOUND, OCIREG_UNSUPPORTED where the
///         registry does not delete blobs, any network or registry code, OCIREG_CANCELLED, OCIREG_DEADLINE.
///
/// Any thread. Blocks: one exchange. Since 0.2.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_session_delete_blob(
    session: *const ocireg_session,
    context: *const ocireg_context,
    digest: *const c_char,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(session = session_v2(session), call = call(context), digest = text(digest));
        let digest: Digest = digest.parse()?;
        session.with_repository_to_delete(&call, |r| r.delete_blob(&digest, &call))
    })
}

/// Downloads a blob to a file. The file appears under its name when it is whole and its digest was found right; one that
/// is there already and right is left as it is, another one is replaced.
///
/// @param session          a session of a repository. Not NULL.
/// @param context          the call's context; may be NULL.
/// @param digest           the blob's digest. Not NULL.
/// @param path             the file; its directory must exist. Not NULL.
/// @param options_json     `size` (bytes of the blob, checked), `media_type` (for the descriptor; default
///                         application/octet-stream), `urls` (where a layer of a nondistributable type is, as for
///                         ocireg_session_open_blob()), `resume` (default true: a partial file is kept beside the file if
///                         the call fails, and taken up by the next call); may be NULL.
/// @param descriptor_json  receives the OCI descriptor with `existed` (the file was there already), `bytes_transferred`
///                         and `warnings`; the caller frees it with ocireg_string_free(); may be NULL.
/// @param error            receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
/// @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_JSON, OCIREG_INVALID_DIGEST, OCIREG_NOT_FOUND,
///         OCIREG_DIGEST_MISMATCH, OCIREG_SIZE_MISMATCH, OCIREG_IO, OCIREG_NO_SPACE, OCIREG_PERMISSION, any network or
///         registry code, OCIREG_CANCELLED, OCIREG_DEADLINE.
///
/// Any thread; progress is told on this one. Blocks until the file is there. Since 0.2.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_session_get_blob_file(
    session: *const ocireg_session,
    context: *const ocireg_context,
    digest: *const c_char,
    path: *const c_char,
    options_json: *const c_char,
    descriptor_json: *mut *mut c_char,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(
            descriptor = optional_out(descriptor_json),
            session = session_v2(session),
            call = call(context),
            digest = text(digest),
            path = text(path),
            options = optional_text(options_json)
        );
        let digest: Digest = digest.parse()?;
        let (blob, kind, resume) = options::get_blob_file(digest, options)?;
        let moved = blob_files::get(&session, &blob, &kind, Path::new(path), resume, &call)?;
        descriptor.set_json(&moved)
    })
}

/// Uploads a file as a blob.
///
/// @param session          a session of a repository, opened with the action push or made by
///                         ocireg_session_repository(). Not NULL.
/// @param context          the call's context; may be NULL.
/// @param path             the file. Not NULL.
/// @param options_json     `digest`, `size` (what the file must have), `media_type` (for the descriptor; default
///                         application/octet-stream), `algorithm` ("sha256", "sha384", "sha512": where no digest is given;
///                         default sha256), `mount_from` (repositories of the registry that may have the blob),
///                         `chunk_size` (bytes, default 4 MiB), `check_exists` (look first). For mount_from and
///                         check_exists a file without a digest is hashed first; may be NULL.
/// @param descriptor_json  receives the OCI descriptor with `existed` (the repository has it already, or could mount it),
///                         `bytes_transferred` and `warnings`; the caller frees it with ocireg_string_free(); may be NULL.
/// @param error            receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
/// @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_JSON, OCIREG_INVALID_DIGEST, OCIREG_INVALID_REFERENCE,
///         OCIREG_DIGEST_MISMATCH, OCIREG_SIZE_MISMATCH, OCIREG_SOURCE_CHANGED when the file changes meanwhile,
///         OCIREG_IO, OCIREG_PERMISSION, OCIREG_POLICY as for ocireg_session_put_blob(), any network or registry code,
///         OCIREG_CANCELLED, OCIREG_DEADLINE.
///
/// Any thread; progress is told on this one. Blocks until the registry has the blob. Since 0.2.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_session_put_blob_file(
    session: *const ocireg_session,
    context: *const ocireg_context,
    path: *const c_char,
    options_json: *const c_char,
    descriptor_json: *mut *mut c_char,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(
            descriptor = optional_out(descriptor_json),
            session = session_v2(session),
            call = call(context),
            path = text(path),
            options = optional_text(options_json)
        );
        let options = options::put_blob_file(options)?;
        descriptor.set_json(&blob_files::put(&session, Path::new(path), options, &call)?)
    })
}
