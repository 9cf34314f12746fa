//! Manifests: get, put and delete them.

use std::ffi::c_char;

use super::context::ocireg_context;
use super::error::ocireg_error;
use super::memory::bytes_into_raw;
use super::session::ocireg_session;
use crate::client::manifests;
use crate::client::options::{HeadOptions, ManifestOptions, PutManifestOptions};

/// Gets a manifest or index and verifies its digest.
///
/// A tag is resolved by the registry, so its digest is only as trustworthy as the registry. Manifests of Docker's
/// schema 1 are not supported.
///
/// @param session          A session for a repository. Not NULL.
/// @param context          The deadline, cancellation and progress callback of this call. May be NULL.
/// @param tag_or_digest    The tag or digest. If it is NULL, that of the session's reference is used, or "latest" if it
///                         has none.
/// @param options_json     A JSON object; may be NULL:
///                         - `platform`: "os[(version)]/arch[/variant]"; select the image for this platform from an
///                           index
///                         - `accept`: a list of media types; a manifest of a listed type is returned even if this
///                           library does not know the type
///                         - `max_size`: the largest size in bytes, if it is less than the service's limit
/// @param descriptor_json  Receives the OCI descriptor. Free it with ocireg_string_free(). May be NULL.
/// @param data             Receives the bytes of the manifest exactly as the registry sent them. Free them with
///                         ocireg_bytes_free(). May be NULL.
/// @param size             Receives the number of bytes. May be NULL.
/// @param error            Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
/// @return OCIREG_OK or an error code, such as:
///         - OCIREG_NOT_FOUND: the repository does not have the manifest.
///         - OCIREG_NO_PLATFORM: the index has no image for `platform`.
///         - OCIREG_DIGEST_MISMATCH, OCIREG_SIZE_MISMATCH: the registry sent other content.
///         - OCIREG_INVALID_MANIFEST: it is not a valid manifest.
///         - OCIREG_LIMIT: it is larger than `max_size` or the service's limit.
///         - OCIREG_UNSUPPORTED: it has Docker's schema 1, or a type that is not known and not in `accept`.
///
/// Safe to call from any thread. Blocks for one request; with `platform`, also for one for each nested index and two
/// for each entry that does not state its platform. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_session_get_manifest(
    session: *const ocireg_session,
    context: *const ocireg_context,
    tag_or_digest: *const c_char,
    options_json: *const c_char,
    descriptor_json: *mut *mut c_char,
    data: *mut *mut u8,
    size: *mut usize,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(
            size = optional_number(size),
            descriptor = optional_out(descriptor_json),
            data = optional_out(data),
            session = session_v2(session),
            call = call(context),
            which = optional_text(tag_or_digest),
            options = optional_text(options_json)
        );
        let options = ManifestOptions::parse(options)?;
        let fetched = manifests::get(&session, which, options, &call)?;
        descriptor.set_json(&fetched.descriptor)?;
        if data.wanted() {
            data.set(bytes_into_raw(&fetched.bytes));
        }
        size.set(fetched.bytes.len());
        Ok(())
    })
}

/// Gets the descriptor of a manifest or index, without its content if the registry allows that.
///
/// @param session          A session for a repository. Not NULL.
/// @param context          The deadline, cancellation and progress callback of this call. May be NULL.
/// @param tag_or_digest    The tag or digest. If it is NULL, that of the session's reference is used, or "latest" if it
///                         has none.
/// @param options_json     A JSON object with `accept`, a list of media types. May be NULL.
/// @param descriptor_json  Receives the OCI descriptor. Free it with ocireg_string_free(). Not NULL.
/// @param error            Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
/// @return OCIREG_OK, or an error code such as OCIREG_NOT_FOUND if the repository does not have the manifest.
///
/// Safe to call from any thread. Blocks for one or two requests. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_session_head_manifest(
    session: *const ocireg_session,
    context: *const ocireg_context,
    tag_or_digest: *const c_char,
    options_json: *const c_char,
    descriptor_json: *mut *mut c_char,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(
            descriptor = out(descriptor_json),
            session = session_v2(session),
            call = call(context),
            which = optional_text(tag_or_digest),
            options = optional_text(options_json)
        );
        let options = HeadOptions::parse(options)?;
        descriptor.set_json(&manifests::head(&session, which, options, &call)?)
    })
}

/// Stores a manifest or index in the repository.
///
/// Everything that it lists must already be in the repository. If it has a `subject`, ocireg_session_referrers() finds
/// it afterwards: either the registry confirms that it recorded the referrer, or this function adds it to the fallback
/// tag. Entries that others add to that tag at the same time are kept if the registry supports conditional requests.
/// Manifests of Docker's schema 1 are not supported.
///
/// @param session          A session for a repository, opened with the action "push" or created by
///                         ocireg_session_repository(). Not NULL.
/// @param context          The deadline, cancellation and progress callback of this call. May be NULL.
/// @param tag_or_digest    The tag, or the digest that the bytes must have. If it is NULL, the manifest is stored under
///                         its digest, without a tag.
/// @param media_type       The media type. It must equal the manifest's `mediaType`, which is used if this is NULL.
/// @param data             The bytes, which are stored exactly as they are. Not NULL unless size is 0.
/// @param size             The number of bytes.
/// @param options_json     A JSON object; may be NULL:
///                         - `tags`: a list of more tags for the manifest
///                         - `if_match`: the digest or ETag that the tag must have now
/// @param descriptor_json  Receives the OCI descriptor, with the keys that apply: `subject` (its digest, if the
///                         registry recorded the referrer), `subject_tag` (the fallback tag, if it was used) and
///                         `warnings`. Free it with ocireg_string_free(). May be NULL.
/// @param error            Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
/// @return OCIREG_OK or an error code, such as:
///         - OCIREG_CONFLICT: the tag does not have the digest that `if_match` names.
///         - OCIREG_DIGEST_MISMATCH: the bytes do not have the digest.
///         - OCIREG_INVALID_MANIFEST: the bytes are not a valid manifest.
///         - OCIREG_DENIED: the credentials do not allow a push.
///         - OCIREG_REJECTED: the registry does not accept the manifest, for example because a blob is missing.
///
/// Safe to call from any thread. Blocks for one request, one for each of `tags`, and a few for a subject. Since 0.2.
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
        let options = PutManifestOptions::parse(options)?;
        descriptor.set_json(&manifests::put(&session, which, kind, bytes, options, &call)?)
    })
}

/// Deletes a tag, or a manifest with all its tags.
///
/// If you pass a tag, only the tag is deleted and its manifest stays; the call fails if the registry cannot do that. If
/// you pass a digest, the manifest is deleted with all tags that refer to it. A manifest with a `subject` is also
/// removed from the fallback tag of that subject.
///
/// @param session        A session for a repository, opened with the action "delete" or created by
///                       ocireg_session_repository(). Not NULL.
/// @param context        The deadline, cancellation and progress callback of this call. May be NULL.
/// @param tag_or_digest  The tag or digest. If it is NULL, that of the session's reference is used, or "latest" if it
///                       has none.
/// @param error          Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
/// @return OCIREG_OK or an error code, such as:
///         - OCIREG_NOT_FOUND: the repository does not have it.
///         - OCIREG_UNSUPPORTED: the registry cannot delete it, or its operator does not allow that.
///         - OCIREG_DENIED: the credentials do not allow it.
///
/// Safe to call from any thread. Blocks for one request for a tag, and a few for a digest. Since 0.2.
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
        manifests::delete(&session, which, &call)
    })
}
