//! Search, by protocol v1.

use std::ffi::c_char;

use super::context::ocireg_context;
use super::error::ocireg_error;
use super::service::ocireg_service;
use super::session::ocireg_session;
use crate::v1::data::Limit;
use crate::v1::search;

/// Searches an index for repositories, by protocol v1.
///
/// The index is the one that the term names, else the official one, where `library/` in front of the term is left out.
/// Credentials with an `identitytoken` and a `username` are used through the index's token server where it has one
/// (scope registry:catalog:search); others as a session of protocol v1 uses them.
///
/// @param service       a service. Not NULL.
/// @param context       deadline and cancellation; may be NULL.
/// @param term          the term, [HOST[:PORT]/]TERM. Not NULL.
/// @param limit         the most results wanted, 1 to 100; 25 is usual.
/// @param auth_json     the credentials, an AuthConfig; "{}" is anonymous; NULL is what the service knows for the index.
/// @param user_agent    the User-Agent of these requests; NULL or "" is the service's.
/// @param headers_json  more headers for them, an object of lists, {"X-Meta": ["value"]}; NULL is none.
/// @param json          receives an object: `query`, `num_results`, `results`, a list of objects: `name`, `description`,
///                      `star_count`, `is_official`, `is_automated`; owned by the caller; free with ocireg_string_free(). Not NULL.
/// @param error         receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
/// @return OCIREG_OK, OCIREG_INVALID_ARGUMENT (a scheme in the term, or the limit), OCIREG_INVALID_HANDLE,
///         OCIREG_INVALID_UTF8, OCIREG_INVALID_JSON, OCIREG_INVALID_CONFIG, OCIREG_UNSUPPORTED (the service's option `v1`
///         is false), OCIREG_CREDENTIALS, OCIREG_CREDENTIAL_HELPER, OCIREG_UNAUTHORIZED, OCIREG_POLICY, or any failure of
///         the network and of the registry.
///
/// Any thread. Blocks: speaks to the index. Since 0.1.
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
            auth = optional_text(auth_json),
            user_agent = optional_text(user_agent),
            headers = optional_text(headers_json)
        );
        let limit = Limit::new(limit)?;
        let auth = auth.map(|text| super::options::auth(text, "auth_json")).transpose()?;
        let headers = super::options::headers(user_agent, headers)?;
        out.set_json(&search::search(&service, term, limit, auth, headers, &call)?)
    })
}

/// Searches the index.
///
/// @param session  a session of protocol v1. Not NULL.
/// @param context  the call's context; may be NULL.
/// @param term     what to look for. Not NULL.
/// @param limit    how many results, 1 to 100.
/// @param json     receives `query`, `num_results` and `results` (`name`, `description`, `star_count`, `is_official`,
///                 `is_automated`); the caller frees it with ocireg_string_free(). Not NULL.
/// @param error    receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
/// @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_UNSUPPORTED for a session of protocol v2, OCIREG_LIMIT, any
///         network or registry code, OCIREG_CANCELLED, OCIREG_DEADLINE.
///
/// Any thread. Blocks: one exchange. Since 0.1.
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
