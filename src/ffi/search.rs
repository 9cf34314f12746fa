//! Search, by protocol v1.

use std::ffi::c_char;

use super::context::ocireg_context;
use super::error::ocireg_error;
use super::service::ocireg_service;
use super::session::ocireg_session;
use crate::v1::Headers;
use crate::v1::data::Limit;
use crate::v1::search;

/// Searches an index for repositories.
///
/// The term names the index; without a host it is Docker Hub's, and a leading `library/` is dropped. Credentials with
/// `identitytoken` and `username` are sent to the index's token server, if it has one (scope registry:catalog:search);
/// other credentials are used as in a session of protocol v1.
///
/// @param service       The service. Not NULL.
/// @param context       The deadline, cancellation and progress callback of this call. May be NULL.
/// @param term          The term, [HOST[:PORT]/]TERM. Not NULL.
/// @param limit         The maximum number of results, from 1 to 100. OCIREG_DEFAULT_SEARCH_LIMIT is the usual value.
/// @param auth_json     The credentials as an AuthConfig; "{}" is anonymous. If it is NULL, the service's credentials
///                      for the index are used.
/// @param user_agent    The User-Agent header of these requests. If it is NULL or "", the service's is used.
/// @param headers_json  More headers for these requests, such as {"X-Meta": ["value"]}. May be NULL.
/// @param json          Receives a JSON object: `query`, `num_results` and `results`, a list of objects with `name`,
///                      `description`, `star_count`, `is_official`, `is_automated`. Free it with ocireg_string_free().
///                      Not NULL.
/// @param error         Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
/// @return OCIREG_OK or an error code, such as:
///         - OCIREG_INVALID_ARGUMENT: the term has a scheme, or the limit is out of range.
///         - OCIREG_UNSUPPORTED: the service option `v1` is false.
///         - OCIREG_UNAUTHORIZED: the index requires other credentials.
///
/// Safe to call from any thread. Blocks for a few requests. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_service_search(
    service: *const ocireg_service,
    context: *const ocireg_context,
    term: *const c_char,
    limit: i32,
    auth_json: *const c_char,
    user_agent: *const c_char,
    headers_json: *const c_char,
    json: *mut *mut c_char,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(
            out = out(json),
            service = handle(service),
            call = call(context),
            term = text(term),
            auth = optional_auth(auth_json),
            user_agent = optional_text(user_agent),
            headers = optional_text(headers_json)
        );
        let limit = Limit::new(limit)?;
        let headers = Headers::parse(user_agent, headers)?;
        out.set_json(&search::search(&service, term, limit, auth, headers, &call)?)
    })
}

/// Searches the index of a session for repositories.
///
/// @param session  A session of protocol v1. Not NULL.
/// @param context  The deadline, cancellation and progress callback of this call. May be NULL.
/// @param term     The term. Not NULL.
/// @param limit    The maximum number of results, from 1 to 100.
/// @param json     Receives a JSON object: `query`, `num_results` and `results`, a list of objects with `name`,
///                 `description`, `star_count`, `is_official`, `is_automated`. Free it with ocireg_string_free(). Not
///                 NULL.
/// @param error    Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
/// @return OCIREG_OK or an error code, such as OCIREG_UNSUPPORTED if the session speaks protocol v2.
///
/// Safe to call from any thread. Blocks for one request. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_session_search_repositories(
    session: *const ocireg_session,
    context: *const ocireg_context,
    term: *const c_char,
    limit: i32,
    json: *mut *mut c_char,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(
            json = out(json),
            session = session_v1(session),
            call = call(context),
            term = text(term)
        );
        json.set_json(&session.search_repositories(term, Limit::new(limit)?, &call)?)
    })
}
