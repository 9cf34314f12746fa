//! What a registry has: repositories, tags and referrers.

use std::ffi::c_char;

use super::context::ocireg_context;
use super::error::ocireg_error;
use super::session::ocireg_session;
use crate::client::discover;
use crate::client::options::{ListOptions, ReferrersOptions};

/// Lists the repositories of the registry.
///
/// @param session       The session. Not NULL.
/// @param context       The deadline, cancellation and progress callback of this call. May be NULL.
/// @param options_json  A JSON object; may be NULL:
///                      - `n` (default: all pages): return one page of about this many repositories
///                      - `last`: only return repositories after this one
///                      - `next`: the `next` of the previous page
/// @param json          Receives a JSON object: `repositories`, `next` if there is another page, and `warnings`. Names
///                      that are not valid are left out and mentioned there. Free it with ocireg_string_free(). Not
///                      NULL.
/// @param error         Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
/// @return OCIREG_OK or an error code, such as:
///         - OCIREG_NOT_FOUND, OCIREG_UNSUPPORTED: the registry does not list its repositories.
///         - OCIREG_LIMIT: the list exceeds `limits` of the service.
///
/// Safe to call from any thread. Blocks for one request for each page. Since 0.2.
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
        let options = ListOptions::parse(options)?;
        json.set_text(discover::catalog(&session, options, &call)?.into_json())
    })
}

/// Lists the tags of the repository.
///
/// @param session       A session for a repository. Not NULL.
/// @param context       The deadline, cancellation and progress callback of this call. May be NULL.
/// @param options_json  A JSON object; may be NULL:
///                      - `n` (default: all pages): return one page of about this many tags
///                      - `last`: only return tags after this one
///                      - `next`: the `next` of the previous page
/// @param json          Receives a JSON object: `name`, `tags`, `next` if there is another page, and `warnings`. Tags
///                      that are not valid are left out and mentioned there. Free it with ocireg_string_free(). Not
///                      NULL.
/// @param error         Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
/// @return OCIREG_OK or an error code, such as:
///         - OCIREG_NOT_FOUND: the repository does not exist.
///         - OCIREG_LIMIT: the list exceeds `limits` of the service.
///         - OCIREG_POLICY: the registry says that the next page is on another host.
///
/// Safe to call from any thread. Blocks for one request for each page. Since 0.1.
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
        let options = ListOptions::parse(options)?;
        json.set_text(discover::tags(&session, options, &call)?.into_json())
    })
}

/// Lists the manifests whose `subject` is a given manifest, such as its signatures.
///
/// The referrers API is used, or the fallback tag if the registry does not have that API.
///
/// @param session       A session for a repository. Not NULL.
/// @param context       The deadline, cancellation and progress callback of this call. May be NULL.
/// @param digest        The digest of the subject, which need not exist. Not NULL.
/// @param options_json  A JSON object; may be NULL:
///                      - `artifact_type`: only list manifests of this type
///                      - `annotations`: an object of strings; only list manifests with all of these annotations
/// @param json          Receives an OCI index of the manifests, with `source` ("api" or "tag") and `warnings`. Free it
///                      with ocireg_string_free(). Not NULL.
/// @param error         Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
/// @return OCIREG_OK or an error code, such as:
///         - OCIREG_INVALID_DIGEST: the digest is not valid.
///         - OCIREG_INVALID_MANIFEST: the registry's list is not a valid index.
///         - OCIREG_LIMIT: the list exceeds `limits` of the service.
///         - OCIREG_POLICY: the registry says that the next page is on another host.
///
/// Safe to call from any thread. Blocks for one request for each page, and one for the fallback tag. Since 0.2.
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
        let options = ReferrersOptions::parse(options)?;
        json.set_json(&discover::referrers(&session, digest, options, &call)?)
    })
}
