//! `ocireg_endpoint`.

use std::ffi::c_char;

use super::context::{ocireg_context, run};
use super::error::ocireg_error;
use super::handle;
use super::memory::{self, Out};
use super::service::{self, ocireg_service};
use crate::config::api_endpoint::ApiEndpoint;
use crate::credentials::AuthConfig;
use crate::endpoint::Endpoint;
use crate::error::{Error, Result};
use crate::session::Session;

/// A place that a registry is spoken to at: an address, its protocol, how TLS is spoken.
///
/// Never changes; may be used from any number of threads at once. May be freed while a call on it runs, and before
/// what was made from it.
///
/// Functions: ocireg_endpoint_new(), ocireg_endpoint_to_string(), ocireg_endpoint_path(),
/// ocireg_endpoint_is_secure(), ocireg_endpoint_ping(), ocireg_endpoint_free().
pub struct ocireg_endpoint {
    _opaque: [u8; 0],
}

handle_type!(ocireg_endpoint, Endpoint, b"ociendpt");

/// The endpoint that C gave us; a clone of its own, so that the handle may be freed while the call runs.
///
/// # Safety
/// `endpoint` is NULL or an endpoint of this library that is not freed before this returns.
pub(super) unsafe fn endpoint(endpoint: *const ocireg_endpoint) -> Result<Endpoint> {
    // SAFETY: passed on.
    unsafe { handle::required(endpoint, "endpoint") }.cloned()
}

/// Makes an endpoint. Does not speak to it.
///
/// @param service            the service that it belongs to. Not NULL; may be freed afterwards.
/// @param api_endpoint_json  an object as the lookups give it; only `URL` is required. Without `TLSConfig` the
///                           service's
///                           configuration for the host applies. Other keys are ignored. Not NULL.
/// @param endpoint           receives the endpoint, to be ended by ocireg_endpoint_free(). Not NULL.
/// @param error              receives an error on failure, owned by the caller; may be NULL.
/// @return OCIREG_OK, OCIREG_INVALID_ARGUMENT (also for an address with user info, query, fragment, another scheme
///         than http and https, or a host that no URL can hold), OCIREG_INVALID_HANDLE, OCIREG_INVALID_UTF8,
///         OCIREG_INVALID_JSON, or OCIREG_UNSUPPORTED for Version v1 and for a MinVersion other than 1.2.
///
/// Any thread. Never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_endpoint_new(
    service: *const ocireg_service,
    api_endpoint_json: *const c_char,
    endpoint: *mut *mut ocireg_endpoint,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        // SAFETY: the header's contract.
        let out = unsafe { Out::new(endpoint) }.required("endpoint")?;
        // SAFETY: the header's contract.
        let service = unsafe { service::service(service) }?;
        // SAFETY: the header's contract.
        let json = unsafe { memory::text(api_endpoint_json, "api_endpoint_json") }?;
        let api = ApiEndpoint::parse(json, "api_endpoint_json")?;
        out.set(handle::into_raw(Endpoint::new(service, api)?));
        Ok(())
    })
}

/// The address of the endpoint's API: the URL with one / at its end, and `v2/`.
///
/// @param endpoint  an endpoint. Not NULL.
/// @param text      receives the address; freed by ocireg_string_free(). Not NULL.
/// @param error     receives an error on failure, owned by the caller; may be NULL.
/// @return OCIREG_OK, OCIREG_INVALID_ARGUMENT or OCIREG_INVALID_HANDLE.
///
/// Any thread. Never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_endpoint_to_string(
    endpoint: *const ocireg_endpoint,
    text: *mut *mut c_char,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        // SAFETY: the header's contract.
        let out = unsafe { Out::new(text) }.required("text")?;
        // SAFETY: the header's contract.
        out.set_text(unsafe { self::endpoint(endpoint) }?.path(""))
    })
}

/// The address of something below the endpoint's API: ocireg_endpoint_to_string() and the path.
///
/// @param endpoint  an endpoint. Not NULL.
/// @param path      the path, as it stands in an address, without a / in front. Not NULL.
/// @param text      receives the address; freed by ocireg_string_free(). Not NULL.
/// @param error     receives an error on failure, owned by the caller; may be NULL.
/// @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_HANDLE or OCIREG_INVALID_UTF8.
///
/// Any thread. Never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_endpoint_path(
    endpoint: *const ocireg_endpoint,
    path: *const c_char,
    text: *mut *mut c_char,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        // SAFETY: the header's contract.
        let out = unsafe { Out::new(text) }.required("text")?;
        // SAFETY: the header's contract.
        let endpoint = unsafe { self::endpoint(endpoint) }?;
        // SAFETY: the header's contract.
        out.set_text(endpoint.path(unsafe { memory::text(path, "path") }?))
    })
}

/// Whether the other side's certificate is verified: https, and not an insecure registry.
///
/// @param endpoint  an endpoint. Not NULL.
/// @param secure    receives 1 or 0. Not NULL.
/// @param error     receives an error on failure, owned by the caller; may be NULL.
/// @return OCIREG_OK, OCIREG_INVALID_ARGUMENT or OCIREG_INVALID_HANDLE.
///
/// Any thread. Never blocks: asks no name server. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_endpoint_is_secure(
    endpoint: *const ocireg_endpoint,
    secure: *mut i32,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        if secure.is_null() {
            return Err(Error::argument(
                "secure",
                "secure is NULL: there is nowhere to put the result",
            ));
        }
        // SAFETY: not NULL, and the header's contract.
        unsafe { *secure = 0 };
        // SAFETY: the header's contract.
        let answer = unsafe { self::endpoint(endpoint) }?.is_secure();
        // SAFETY: as above.
        unsafe { *secure = i32::from(answer) };
        Ok(())
    })
}

/// Frees an endpoint. Calls on it that run end as they would; what was made from it lives on.
///
/// @param endpoint  an endpoint, or NULL, which does nothing.
///
/// One thread, once. Never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_endpoint_free(endpoint: *mut ocireg_endpoint) {
    // SAFETY: the header's contract.
    guard!(default = (), { unsafe { handle::free(endpoint) } })
}

/// Asks the endpoint for its protocol's first address, without credentials.
///
/// @param endpoint  an endpoint. Not NULL.
/// @param context   the call's context; may be NULL.
/// @param json      receives `protocol` ("v2"), `confirmed` (whether the version header says registry/2.0) and
///                  `challenges` (a list of `scheme` and `parameters`), to be ended by ocireg_string_free(). Not
///                  NULL.
/// @param error     receives an error on failure, owned by the caller; may be NULL.
/// @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, any network or registry code, OCIREG_CANCELLED, OCIREG_DEADLINE.
///
/// Any thread. Blocks: DNS, connection, one exchange. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_endpoint_ping(
    endpoint: *const ocireg_endpoint,
    context: *const ocireg_context,
    json: *mut *mut c_char,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        // SAFETY: the header's contract.
        let (json, run, endpoint) = unsafe {
            (Out::new(json), run(context), handle::required(endpoint, "endpoint").cloned())
        };
        let (json, endpoint, run) = (json.required("json")?, endpoint?, run?);
        let session = Session::new(&endpoint, Some(AuthConfig::default()), &run)?;
        json.set_json(&session.ping(&run)?)
    })
}
