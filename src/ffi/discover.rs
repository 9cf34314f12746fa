//! What a registry has: repositories, tags and referrers.

use std::ffi::c_char;

use super::context::ocireg_context;
use super::error::ocireg_error;
use super::options;
use super::session::ocireg_session;
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

/// The repository's tags.
///
/// @param session       a session of a repository. Not NULL.
/// @param context       the call's context; may be NULL.
/// @param options_json  `n` (with it one page of about so many, without it all), `last` (only tags after this one),
///                      `next` (what an earlier page gave); may be NULL.
/// @param json          receives `name`, `tags`, where a page follows `next`, and `warnings`: what is not a valid tag
///                      is left out. Free it with ocireg_string_free(). Not NULL.
/// @param error         receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
/// @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_JSON, OCIREG_NOT_FOUND, OCIREG_LIMIT, OCIREG_POLICY,
///         any network or registry code, OCIREG_CANCELLED, OCIREG_DEADLINE.
///
/// Any thread. Blocks: one exchange a page. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_session_list_tags(
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
        json.set_text(session.with_repository(&call, |r| r.tags(&options, &call))?.into_json())
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
