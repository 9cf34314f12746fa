//! Sessions: a registry or repository, its endpoint and its credentials.

use std::ffi::c_char;
use std::sync::Arc;

use super::args;
use super::context::ocireg_context;
use super::endpoint::{Spoken, ocireg_endpoint};
use super::error::ocireg_error;
use super::handle;
use super::options;
use super::service::ocireg_service;
use crate::error::{Code, Error, Result};
use crate::names::reference::Reference;
use crate::registry::api_endpoint::ApiVersion;
use crate::registry::session::{Session, check_openable};
use crate::v1;

/// A conversation with one registry, or with one repository of it, at one endpoint or at several in order.
///
/// May be used from any thread, and by several at once. Holds what it needs of its service and endpoint: these
/// may be freed before it. May be freed while a call on it runs.
pub struct ocireg_session {
    _opaque: [u8; 0],
}

handle_type!(ocireg_session, Speaks, b"ocisessn");

/// A session of either protocol.
#[derive(Clone)]
pub(super) enum Speaks {
    /// Protocol v2.
    V2(Arc<Session>),
    /// Protocol v1.
    V1(Arc<v1::Session>),
}

/// The session of a handle, if it speaks protocol v2.
///
/// # Safety
/// The contract of ffi/args.rs.
pub(super) unsafe fn session_v2(
    session: *const ocireg_session,
    name: &str,
) -> Result<Arc<Session>> {
    // SAFETY: passed on.
    match unsafe { args::handle(session, name) }? {
        Speaks::V2(session) => Ok(session),
        Speaks::V1(_) => Err(other_protocol("v1", "v2")),
    }
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
    match unsafe { args::handle(session, name) }? {
        Speaks::V1(session) => Ok(session),
        Speaks::V2(_) => Err(other_protocol("v2", "v1")),
    }
}

fn other_protocol(speaks: &str, needed: &str) -> Error {
    Error::new(
        Code::Unsupported,
        format!("this function needs a session of protocol {needed}, but the session uses protocol {speaks}"),
    )
    .hint("open a session for an endpoint of the other protocol")
}

/// Opens a session of a reference's repository, or of a whole registry: asks its endpoints (mirrors first) for
/// protocol v2 in order and keeps the first that answers. Later calls may move on to the next one.
///
/// @param service       the service; may be freed afterwards. Not NULL.
/// @param context       the call's context; may be NULL.
/// @param reference     the reference, such as "alpine:3.20" or "registry.example/team/app@sha256:…". Not NULL,
///                      unless the option registry says what to open.
/// @param options_json  `auth` (AuthConfig; absent: what the service knows; {}: anonymous), `actions` (list of strings,
///                      default ["pull"]; with others no mirrors are asked), `registry` (host[:port], with a NULL
///                      reference: the whole registry), `protocol` ("v2"; "v1": the session is of the index at the
///                      reference's host, which is asked as by ocireg_endpoint_new_v1()); may be NULL.
/// @param session       receives the session; the caller frees it with ocireg_session_free(). Not NULL.
/// @param error         receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL. `attempts` holds the failure
///                      of each endpoint.
/// @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_JSON, OCIREG_INVALID_REFERENCE, OCIREG_UNSUPPORTED,
///         OCIREG_CREDENTIALS or OCIREG_CREDENTIAL_HELPER when a source of credentials fails and `actions` are more than
///         ["pull"], any network or registry code, OCIREG_CANCELLED, OCIREG_DEADLINE.
///
/// Any thread. Blocks: credential helper, DNS, connection, one exchange an endpoint. Since 0.1.
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
        let options::Open { options, registry, protocol } = options::open(options)?;
        let call = call.limited(service.timeouts().total);
        let reference: Option<Reference> = reference.map(str::parse).transpose()?;
        let host = match (&reference, &registry) {
            (Some(reference), None) => reference.domain(),
            (None, Some(host)) => host,
            _ => {
                return Err(Error::argument(
                    "reference",
                    "either a reference or the option registry is required, but not both",
                )
                .hint(
                    "pass a reference to open its repository, or set registry to host[:port] to open a whole registry",
                ));
            }
        };
        session.set(handle::into_raw(match (protocol, &reference) {
            (ApiVersion::V1, reference) => {
                reference.as_ref().map(check_openable).transpose()?;
                Speaks::V1(Arc::new(v1::Session::open(&service, host, options.auth, &call)?))
            }
            (ApiVersion::V2, Some(reference)) => {
                Speaks::V2(Arc::new(Session::open(&service, reference, &options, &call)?))
            }
            (ApiVersion::V2, None) => {
                Speaks::V2(Arc::new(Session::open_registry(&service, host, &options, &call)?))
            }
        }));
        Ok(())
    })
}

/// Makes a session of a whole registry at one endpoint.
///
/// @param endpoint   the endpoint; may be freed afterwards. Not NULL.
/// @param context    the call's context; may be NULL.
/// @param auth_json  the credentials, an AuthConfig; "{}" is anonymous; NULL is what the service knows for the host.
/// @param session    receives the session; the caller frees it with ocireg_session_free(). Not NULL.
/// @param error      receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
/// @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_JSON, OCIREG_UNSUPPORTED, OCIREG_CREDENTIALS when
///         $REGISTRY_AUTH_FILE names a file that cannot be used, with protocol v1 any network code, OCIREG_CANCELLED,
///         OCIREG_DEADLINE. A credential helper that fails is the failure of the first call that changes something or is
///         refused.
///
/// Any thread. May block: DNS, credential helper. Asks no registry yet; but one of protocol v1 over https with
/// credentials is asked whether it stands alone. Since 0.1.
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
            auth = optional_text(auth_json)
        );
        let auth = auth.map(|text| options::auth(text, "auth_json")).transpose()?;
        session.set(handle::into_raw(match &endpoint {
            Spoken::V2(endpoint) => Speaks::V2(Arc::new(Session::new(endpoint, auth, &call)?)),
            Spoken::V1(endpoint) => Speaks::V1(Arc::new(v1::Session::new(endpoint, auth, &call)?)),
        }));
        Ok(())
    })
}

/// Makes a session of one repository at the endpoints of another session.
///
/// @param session     a session; may be freed afterwards. Not NULL.
/// @param name        the repository's path at the registry, such as "library/alpine". Not NULL.
/// @param repository  receives the session; the caller frees it with ocireg_session_free(). Not NULL.
/// @param error       receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
/// @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_REFERENCE.
///
/// Any thread. Never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_session_repository(
    session: *const ocireg_session,
    name: *const c_char,
    repository: *mut *mut ocireg_session,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(repository = out(repository), parent = session_v2(session), name = text(name));
        let made = parent.repository(name)?;
        repository.set(handle::into_raw(Speaks::V2(Arc::new(made))));
        Ok(())
    })
}

/// The session's id: 64 random hex digits.
///
/// @param session  a session. Not NULL.
/// @param text     receives the id; the caller frees it with ocireg_string_free(). Not NULL.
/// @param error    receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
/// @return OCIREG_OK, OCIREG_INVALID_ARGUMENT.
///
/// Any thread. Never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_session_id(
    session: *const ocireg_session,
    text: *mut *mut c_char,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(text = out(text), session = handle(session));
        match session {
            Speaks::V2(session) => text.set_text(session.id()),
            Speaks::V1(session) => text.set_text(session.id()),
        }
    })
}

/// What the session is: `protocol` ("v2" or "v1"), `endpoint` (the address in use), `mirror`, and where they apply
/// `repository` (the path), `reference` (canonical) and `warnings` (list of strings: what went wrong when the session was
/// opened, though it was opened, such as a credential helper that failed).
///
/// @param session  a session. Not NULL.
/// @param json     receives the document; the caller frees it with ocireg_string_free(). Not NULL.
/// @param error    receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
/// @return OCIREG_OK, OCIREG_INVALID_ARGUMENT.
///
/// Any thread. Never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_session_info(
    session: *const ocireg_session,
    json: *mut *mut c_char,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(json = out(json), session = handle(session));
        match session {
            Speaks::V2(session) => json.set_json(&session.info()),
            Speaks::V1(session) => json.set_json(&session.info()),
        }
    })
}

/// Asks the endpoint for `/v2/`, or `/v1/_ping`, without credentials.
///
/// @param session  a session. Not NULL.
/// @param context  the call's context; may be NULL.
/// @param json     receives what ocireg_endpoint_ping() gives; the caller frees it with ocireg_string_free(). Not NULL.
/// @param error    receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
/// @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, any network or registry code, OCIREG_CANCELLED, OCIREG_DEADLINE.
///
/// Any thread. Blocks: DNS, connection, one exchange. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_session_ping(
    session: *const ocireg_session,
    context: *const ocireg_context,
    json: *mut *mut c_char,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(json = out(json), session = handle(session), call = call(context));
        match session {
            Speaks::V2(session) => json.set_json(&session.ping(&call)?),
            Speaks::V1(session) => json.set_json(&session.ping(&call)?),
        }
    })
}

/// Frees a session. Calls that run on it go on.
///
/// @param session  a session, or NULL, which does nothing.
///
/// Any thread, once. Never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_session_free(session: *mut ocireg_session) {
    // SAFETY: the header's contract.
    guard!(default = (), { unsafe { handle::free(session) } })
}
