//! Manifests: get, put and delete them.

use std::ffi::c_char;

use super::context::ocireg_context;
use super::error::ocireg_error;
use super::memory::bytes_into_raw;
use super::options;
use super::session::ocireg_session;

/// Gets a manifest or index, verified against the digest that was asked for.
///
/// @param session          a session of a repository. Not NULL.
/// @param context          the call's context; may be NULL.
/// @param tag_or_digest    which one; NULL is that of the session's reference, else "latest".
/// @param options_json     `platform` ("os[(version)]/arch[/variant]": selects the image of that platform from an index),
///                         `accept` (media types; a manifest of any type listed here is returned, even one that this
///                         library cannot interpret), `max_size` (bytes); may be NULL.
/// @param descriptor_json  receives the OCI descriptor; the caller frees it with ocireg_string_free(); may be NULL.
/// @param data             receives the exact bytes; the caller frees them with ocireg_bytes_free(); may be NULL.
/// @param size             receives their number; may be NULL.
/// @param error            receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
/// @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_JSON, OCIREG_INVALID_DIGEST, OCIREG_INVALID_REFERENCE,
///         OCIREG_NOT_FOUND, OCIREG_INVALID_MANIFEST, OCIREG_DIGEST_MISMATCH, OCIREG_SIZE_MISMATCH, OCIREG_LIMIT,
///         OCIREG_NO_PLATFORM, OCIREG_UNSUPPORTED, any network or registry code, OCIREG_CANCELLED, OCIREG_DEADLINE.
///
/// Docker schema 1 manifests are OCIREG_UNSUPPORTED.
///
/// Any thread. Blocks: one exchange; with a platform also one for each nested index, and two for each entry that states no
/// platform. Since 0.1.
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
        let (selector, options) = (session.selector(which)?, options::manifest(options)?);
        let fetched = session.with_repository(&call, |r| r.document(&selector, &options, &call))?;
        descriptor.set_json(&fetched.descriptor)?;
        if data.wanted() {
            data.set(bytes_into_raw(&fetched.bytes));
        }
        size.set(fetched.bytes.len());
        Ok(())
    })
}

/// Looks a manifest up without its content, where the registry can tell.
///
/// @param session          a session of a repository. Not NULL.
/// @param context          the call's context; may be NULL.
/// @param tag_or_digest    which one; NULL is that of the session's reference, else "latest".
/// @param options_json     `accept` (media types); may be NULL.
/// @param descriptor_json  receives the OCI descriptor; the caller frees it with ocireg_string_free(). Not NULL.
/// @param error            receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
/// @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_JSON, OCIREG_INVALID_DIGEST, OCIREG_INVALID_REFERENCE,
///         OCIREG_NOT_FOUND, any network or registry code, OCIREG_CANCELLED, OCIREG_DEADLINE.
///
/// Any thread. Blocks: one exchange, or two. Since 0.1.
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
        let (selector, options) = (session.selector(which)?, options::head(options)?);
        let found =
            session.with_repository(&call, |r| r.head_manifest(&selector, &options, &call))?;
        descriptor.set_json(&found)
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
