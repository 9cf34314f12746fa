//! Sessions: a registry or repository, its endpoint and its credentials.

use std::ffi::c_char;
use std::sync::Arc;

use super::args;
use super::context::ocireg_context;
use super::endpoint::ocireg_endpoint;
use super::error::ocireg_error;
use super::handle;
use super::service::ocireg_service;
use crate::client::options::SessionOptions;
use crate::client::session::Session;
use crate::error::Result;
use crate::{registry, v1};

/// A registry or one of its repositories, with the endpoints that serve it and the credentials for it.
///
/// It may be used from any number of threads at once. It may be freed while calls on it run, and its service and
/// endpoint may be freed before it. A session speaks either protocol v2 or protocol v1; functions for the other
/// protocol return OCIREG_UNSUPPORTED.
pub struct ocireg_session {
    _opaque: [u8; 0],
}

handle_type!(ocireg_session, Session, b"ocisessn");

/// The session of a handle, if it speaks protocol v2.
///
/// # Safety
/// The contract of ffi/args.rs.
pub(super) unsafe fn session_v2(
    session: *const ocireg_session,
    name: &str,
) -> Result<Arc<registry::session::Session>> {
    // SAFETY: passed on.
    unsafe { args::handle(session, name) }?.v2()
}

/// The session of a handle, if it speaks protocol v1.
///
/// # Safety
/// The contract of ffi/args.rs.
pub(super) unsafe fn session_v1(
    session: *const ocireg_session,
    name: &str,
) -> Result<Arc<v1::Session>> {
    // SAFETY: passed on.
    unsafe { args::handle(session, name) }?.v1()
}

/// Opens a session for a repository or for a whole registry.
///
/// The registry's endpoints are tried in order, mirrors first, and the session uses the first one that answers. Later
/// calls may switch to the next endpoint. Example:
///
/// @code
/// ocireg_session *session = NULL;
/// char *tags = NULL;
/// int32_t code = ocireg_session_open(service, context, "registry.example/team/app", NULL, &session, &error);
/// if (code == OCIREG_OK) code = ocireg_session_list_tags(session, context, NULL, &tags, &error);
/// @endcode
///
/// @param service       The service. Not NULL.
/// @param context       The deadline, cancellation and progress callback of this call. May be NULL.
/// @param reference     The reference, such as "alpine:3.20" or "registry.example/team/app@sha256:…". Not NULL, unless
///                      the option `registry` is set.
/// @param options_json  A JSON object; may be NULL:
///                      - `auth` (AuthConfig; default: the service's credentials; {} is anonymous)
///                      - `credential_sources` (default: all): where credentials may come from, a list of "call",
///                        "callback", "options", "docker-config" and "auth-json"
///                      - `actions` (default ["pull"]): what the session will do, such as ["pull", "push"] or
///                        ["delete"]; mirrors are used only if it only pulls
///                      - `registry`: the whole registry at this host[:port], instead of a reference
///                      - `protocol` (default "v2"): "v1" opens a session with the v1 index at the reference's host,
///                        which is found as by ocireg_endpoint_new_v1()
/// @param session       Receives the session. Free it with ocireg_session_free(). Not NULL.
/// @param error         Receives the error on failure; its `attempts` has the failure of each endpoint. Free it with
///                      ocireg_error_free(). May be NULL.
/// @return OCIREG_OK or an error code, such as:
///         - OCIREG_INVALID_REFERENCE: the reference is not valid.
///         - OCIREG_CREDENTIALS, OCIREG_CREDENTIAL_HELPER: the service's credentials cannot be read, and the session is
///           for more than pulling.
///         - OCIREG_UNSUPPORTED: `protocol` is "v1", but the service option `v1` is false.
///
/// Safe to call from any thread. Blocks while a credential helper runs, and for one request to each endpoint.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_session_open(
    service: *const ocireg_service,
    context: *const ocireg_context,
    reference: *const c_char,
    options_json: *const c_char,
    session: *mut *mut ocireg_session,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(
            session = out(session),
            service = handle(service),
            call = call(context),
            reference = optional_text(reference),
            options = optional_text(options_json)
        );
        let options = SessionOptions::parse(options)?;
        session.set(handle::into_raw(Session::open(&service, reference, options, call)?));
        Ok(())
    })
}

/// Creates a session for a whole registry at one endpoint.
///
/// Protocol v2 sends nothing yet. With protocol v1, an endpoint that uses https and gets credentials is asked whether
/// it needs an index.
///
/// @param endpoint   The endpoint. Not NULL.
/// @param context    The deadline, cancellation and progress callback of this call. May be NULL.
/// @param auth_json  The credentials as an AuthConfig; "{}" is anonymous. If it is NULL, the service's credentials for
///                   the host are used.
/// @param session    Receives the session. Free it with ocireg_session_free(). Not NULL.
/// @param error      Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
/// @return OCIREG_OK or an error code, such as OCIREG_CREDENTIALS if the file $REGISTRY_AUTH_FILE cannot be used. A
///         credential helper that fails is reported by the first call that changes something or is refused.
///
/// Safe to call from any thread. May block while a credential helper runs. Blocks for one request with protocol v1.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_session_new(
    endpoint: *const ocireg_endpoint,
    context: *const ocireg_context,
    auth_json: *const c_char,
    session: *mut *mut ocireg_session,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(
            session = out(session),
            endpoint = handle(endpoint),
            call = call(context),
            auth = optional_auth(auth_json)
        );
        session.set(handle::into_raw(Session::new(&endpoint, auth, &call)?));
        Ok(())
    })
}

/// Creates a session for a repository at the same endpoints as another session.
///
/// @param session     The session. Not NULL.
/// @param name        The repository's path in the registry, such as "library/alpine". Not NULL.
/// @param repository  Receives the session. Free it with ocireg_session_free(). Not NULL.
/// @param error       Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
/// @return OCIREG_OK, or OCIREG_INVALID_REFERENCE if the path is not valid.
///
/// Safe to call from any thread. Never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_session_repository(
    session: *const ocireg_session,
    name: *const c_char,
    repository: *mut *mut ocireg_session,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(repository = out(repository), parent = handle(session), name = text(name));
        repository.set(handle::into_raw(parent.repository(name)?));
        Ok(())
    })
}

/// Returns the id of a session: 64 random hexadecimal digits.
///
/// @param session  The session. Not NULL.
/// @param text     Receives the id. Free it with ocireg_string_free(). Not NULL.
/// @param error    Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
/// @return OCIREG_OK or an error code.
///
/// Safe to call from any thread. Never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_session_id(
    session: *const ocireg_session,
    text: *mut *mut c_char,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(text = out(text), session = handle(session));
        text.set_text(session.id())
    })
}

/// Describes a session.
///
/// @param session  The session. Not NULL.
/// @param json     Receives a JSON object: `protocol` ("v2" or "v1"), `endpoint` (the URL in use), `mirror` (whether
///                 that is a mirror), and the keys that apply: `repository` (its path), `reference` (canonical),
///                 `warnings` (a list of strings about what failed while the session was opened, such as a credential
///                 helper). Free it with ocireg_string_free(). Not NULL.
/// @param error    Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
/// @return OCIREG_OK or an error code.
///
/// Safe to call from any thread. Never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_session_info(
    session: *const ocireg_session,
    json: *mut *mut c_char,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(json = out(json), session = handle(session));
        json.set_json(&session.info())
    })
}

/// Requests `/v2/` or `/v1/_ping` from the endpoint, without credentials.
///
/// @param session  The session. Not NULL.
/// @param context  The deadline, cancellation and progress callback of this call. May be NULL.
/// @param json     Receives the same JSON object as from ocireg_endpoint_ping(). Free it with ocireg_string_free(). Not
///                 NULL.
/// @param error    Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
/// @return OCIREG_OK, or an error code if the endpoint does not answer as a registry.
///
/// Safe to call from any thread. Blocks for one request. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_session_ping(
    session: *const ocireg_session,
    context: *const ocireg_context,
    json: *mut *mut c_char,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(json = out(json), session = handle(session), call = call(context));
        json.set_json(&session.ping(&call)?)
    })
}

/// Frees a session.
///
/// Calls that are running, and readers and writers of the session, are not affected.
///
/// @param session  The session. NULL does nothing.
///
/// Call it once, from any thread. Never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_session_free(session: *mut ocireg_session) {
    // SAFETY: the header's contract.
    guard!(default = (), { unsafe { handle::free(session) } })
}
