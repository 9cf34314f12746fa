//! What a registry has, and changes of it: repositories, manifests, what refers to them, and blobs as files.

use std::ffi::c_char;
use std::path::Path;

use super::context::ocireg_context;
use super::error::ocireg_error;
use super::options;
use super::session::ocireg_session;
use crate::client::blob_files;
use crate::names::digest::Digest;

/// Lists the repositories of the registry.
///
/// @param session       a session. Not NULL.
/// @param context       the call's context; may be NULL.
/// @param options_json  `n` (with it one page of about so many, without it all), `last` (only repositories after this one),
///                      `next` (what an earlier page gave); may be NULL.
/// @param json          receives `repositories`, where a page follows `next`, and `warnings`: what is not a valid path
///                      is left out. Free it with ocireg_string_free(). Not NULL.
/// @param error         receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
/// @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_JSON, OCIREG_NOT_FOUND or OCIREG_UNSUPPORTED where the
///         registry does not list its repositories, OCIREG_LIMIT, OCIREG_POLICY, any network or registry code,
///         OCIREG_CANCELLED, OCIREG_DEADLINE.
///
/// Any thread. Blocks: one exchange a page. Since 0.2.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_session_catalog(
    session: *const ocireg_session,
    context: *const ocireg_context,
    options_json: *const c_char,
    json: *mut *mut c_char,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(
            json = out(json),
            session = session_v2(session),
            call = call(context),
            options = optional_text(options_json)
        );
        let options = options::tags(options)?;
        json.set_text(session.catalog(&options, &call)?.into_json())
    })
}

/// Stores a manifest or index. Everything that it lists must be in the repository.
///
/// A manifest with a `subject` is findable by it afterwards: the registry says that it takes note of it, or this function
/// adds the manifest to the list under the tag that stands in for the referrers API, without losing the entries of others
/// where the registry lets it.
///
/// @param session          a session of a repository, opened with the action push or made by
///                         ocireg_session_repository(). Not NULL.
/// @param context          the call's context; may be NULL.
/// @param tag_or_digest    the tag, or the digest that the bytes must have; NULL: under its digest, without a tag.
/// @param media_type       the media type; NULL is the manifest's own `mediaType`, which it must equal.
/// @param data             the exact bytes. Not NULL unless size is 0.
/// @param size             their number.
/// @param options_json     `tags` (more tags for the same manifest), `if_match` (the digest or ETag that the tag must have
///                         now); may be NULL.
/// @param descriptor_json  receives the OCI descriptor, with `subject` (the digest, where the registry took note of it),
///                         `subject_tag` (the tag that lists the manifest, where it did not) and `warnings`; the caller frees it with
///                         ocireg_string_free(); may be NULL.
/// @param error            receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
/// @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_JSON, OCIREG_INVALID_DIGEST, OCIREG_INVALID_REFERENCE,
///         OCIREG_INVALID_MANIFEST, OCIREG_DIGEST_MISMATCH, OCIREG_CONFLICT when the tag is not what if_match says,
///         OCIREG_UNSUPPORTED, any network or registry code, OCIREG_CANCELLED, OCIREG_DEADLINE.
///
/// Docker schema 1 manifests are OCIREG_UNSUPPORTED.
///
/// Any thread. Blocks: one exchange, one more for each further tag, and some for a subject. Since 0.2.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_session_put_manifest(
    session: *const ocireg_session,
    context: *const ocireg_context,
    tag_or_digest: *const c_char,
    media_type: *const c_char,
    data: *const u8,
    size: usize,
    options_json: *const c_char,
    descriptor_json: *mut *mut c_char,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(
            descriptor = optional_out(descriptor_json),
            session = session_v2(session),
            call = call(context),
            which = optional_text(tag_or_digest),
            kind = optional_text(media_type),
            bytes = bytes(data, size),
            options = optional_text(options_json)
        );
        let selector = which.map(str::parse).transpose()?;
        let options = options::put_manifest(options)?;
        let put = session.with_repository_to_push(&call, |repository| {
            repository.put_manifest(selector.as_ref(), kind, bytes, &options, &call)
        })?;
        descriptor.set_json(&put)
    })
}

/// Deletes a tag, or by its digest a manifest with all tags that name it. A tag is deleted alone, or the call fails: the
/// manifest that it names stays. A manifest with a `subject` leaves the list of what refers to that, too.
///
/// @param session        a session of a repository, opened with the action delete or made by
///                       ocireg_session_repository(). Not NULL.
/// @param context        the call's context; may be NULL.
/// @param tag_or_digest  which one; NULL is that of the session's reference, else "latest".
/// @param error          receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
/// @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_DIGEST, OCIREG_INVALID_REFERENCE, OCIREG_NOT_FOUND,
///         OCIREG_UNSUPPORTED where the registry cannot delete it or its operator does not allow that, any network or
///         registry code, OCIREG_CANCELLED, OCIREG_DEADLINE.
///
/// Any thread. Blocks: one exchange, for a digest some more. Since 0.2.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_session_delete_manifest(
    session: *const ocireg_session,
    context: *const ocireg_context,
    tag_or_digest: *const c_char,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(
            session = session_v2(session),
            call = call(context),
            which = optional_text(tag_or_digest)
        );
        let selector = session.selector(which)?;
        session.with_repository_to_delete(&call, |r| r.delete_manifest(&selector, &call))
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

/// Lists the manifests that refer to another one by their `subject`, such as signatures: by the referrers API, or where
/// the registry has none, by the tag that stands in for it.
///
/// @param session       a session of a repository. Not NULL.
/// @param context       the call's context; may be NULL.
/// @param digest        the digest of the manifest that is referred to; it need not be there. Not NULL.
/// @param options_json  `artifact_type` (only manifests of this type), `annotations` ({name: value}: only manifests with
///                      all of them); may be NULL.
/// @param json          receives an OCI index of them with `source` ("api" or "tag") and `warnings`. Free it with
///                      ocireg_string_free(). Not NULL.
/// @param error         receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
/// @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_JSON, OCIREG_INVALID_DIGEST, OCIREG_INVALID_MANIFEST,
///         OCIREG_LIMIT, OCIREG_POLICY when a page leads to another host, any network or registry code, OCIREG_CANCELLED,
///         OCIREG_DEADLINE.
///
/// Any thread. Blocks: one exchange a page, or two. Since 0.2.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_session_referrers(
    session: *const ocireg_session,
    context: *const ocireg_context,
    digest: *const c_char,
    options_json: *const c_char,
    json: *mut *mut c_char,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(
            json = out(json),
            session = session_v2(session),
            call = call(context),
            digest = text(digest),
            options = optional_text(options_json)
        );
        let digest: Digest = digest.parse()?;
        let filter = options::referrers(options)?;
        json.set_json(&session.with_repository(&call, |r| r.referrers(&digest, &filter, &call))?)
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
