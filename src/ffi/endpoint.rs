//! Endpoints: one address of one registry.

use std::ffi::c_char;

use super::context::ocireg_context;
use super::error::ocireg_error;
use super::handle;
use super::service::ocireg_service;
use crate::client::session::Endpoint;
use crate::config::registry::IndexInfo;
use crate::registry::api_endpoint::ApiEndpoint;
use crate::v1::Headers;

/// One address of a registry, with its protocol and its TLS settings.
///
/// It never changes, so any number of threads may use it at once. It may be freed while calls on it run, and before the
/// sessions that were created from it.
pub struct ocireg_endpoint {
    _opaque: [u8; 0],
}

handle_type!(ocireg_endpoint, Endpoint, b"ociendpt");

/// Creates an endpoint without contacting it.
///
/// @param service            The service. Not NULL.
/// @param api_endpoint_json  A JSON object as ocireg_service_lookup_pull_endpoints() returns it. Only `URL` is
///                           required. Without `TLSConfig` the service's settings for the host apply.
///                           `InsecureSkipVerify` turns off verification, but credentials are sent only if
///                           `insecure-registries` lists the host, too. Other keys are ignored. Not NULL.
/// @param endpoint           Receives the endpoint. Free it with ocireg_endpoint_free(). Not NULL.
/// @param error              Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
/// @return OCIREG_OK or an error code, such as:
///         - OCIREG_INVALID_ARGUMENT: the URL has user info, a query, a fragment, a scheme other than http and https,
///           or a host that is not valid.
///         - OCIREG_UNSUPPORTED: `MinVersion` is not 1.2, or `Version` is v1 and the service option `v1` is false.
///
/// Safe to call from any thread. Never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_endpoint_new(
    service: *const ocireg_service,
    api_endpoint_json: *const c_char,
    endpoint: *mut *mut ocireg_endpoint,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(out = out(endpoint), service = handle(service), json = text(api_endpoint_json));
        let api = ApiEndpoint::parse(json, "api_endpoint_json")?;
        out.set(handle::into_raw(Endpoint::new(service, api)?));
        Ok(())
    })
}

/// Creates the endpoint of a v1 index or registry.
///
/// It requests `_ping` by https, and then by http if the index is not secure. Docker Hub's index is not contacted.
///
/// @param service       The service. Not NULL.
/// @param context       The deadline, cancellation and progress callback of this call. May be NULL.
/// @param index_json    An IndexInfo: `Name` (host[:port]), `Secure`, `Official`. Not NULL.
/// @param user_agent    The User-Agent header of all requests. If it is NULL or "", the service's is used.
/// @param headers_json  More headers for all requests, such as {"X-Meta": ["value"]}. May be NULL.
/// @param endpoint      Receives the endpoint. Free it with ocireg_endpoint_free(). Not NULL.
/// @param error         Receives the error on failure; its `attempts` has the failures by https and by http. Free it
///                      with ocireg_error_free(). May be NULL.
/// @return OCIREG_OK or an error code, such as:
///         - OCIREG_INVALID_ARGUMENT: the name is not valid or ends in v2.
///         - OCIREG_INVALID_CONFIG: the certificates for the host cannot be used.
///         - OCIREG_UNSUPPORTED: the service option `v1` is false.
///
/// Safe to call from any thread. Blocks for one or two requests. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_endpoint_new_v1(
    service: *const ocireg_service,
    context: *const ocireg_context,
    index_json: *const c_char,
    user_agent: *const c_char,
    headers_json: *const c_char,
    endpoint: *mut *mut ocireg_endpoint,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(
            endpoint = out(endpoint),
            service = handle(service),
            call = call(context),
            index = text(index_json),
            user_agent = optional_text(user_agent),
            headers = optional_text(headers_json)
        );
        let index = IndexInfo::parse(index, "index_json")?;
        let headers = Headers::parse(user_agent, headers)?;
        endpoint.set(handle::into_raw(Endpoint::new_v1(&service, &index, headers, &call)?));
        Ok(())
    })
}

/// Creates an endpoint for protocol v1 from another endpoint, without contacting it.
///
/// The new endpoint has the same address and TLS settings, but other headers.
///
/// @param endpoint      The endpoint, for either protocol. Not NULL.
/// @param user_agent    The User-Agent header of all requests. If it is NULL or "", the service's is used.
/// @param headers_json  More headers for all requests, such as {"X-Meta": ["value"]}. May be NULL.
/// @param v1            Receives the endpoint. Free it with ocireg_endpoint_free(). Not NULL.
/// @param error         Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
/// @return OCIREG_OK or an error code, such as:
///         - OCIREG_INVALID_CONFIG: the certificates for the host cannot be used.
///         - OCIREG_UNSUPPORTED: the service option `v1` is false.
///
/// Safe to call from any thread. Never blocks, but may read files. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_endpoint_to_v1(
    endpoint: *const ocireg_endpoint,
    user_agent: *const c_char,
    headers_json: *const c_char,
    v1: *mut *mut ocireg_endpoint,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(
            v1 = out(v1),
            endpoint = handle(endpoint),
            user_agent = optional_text(user_agent),
            headers = optional_text(headers_json)
        );
        let headers = Headers::parse(user_agent, headers)?;
        v1.set(handle::into_raw(endpoint.to_v1(headers)?));
        Ok(())
    })
}

/// Returns the URL of the endpoint's API, which ends in `/v2/` or `/v1/`.
///
/// @param endpoint  The endpoint. Not NULL.
/// @param text      Receives the URL. Free it with ocireg_string_free(). Not NULL.
/// @param error     Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
/// @return OCIREG_OK or an error code.
///
/// Safe to call from any thread. Never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_endpoint_to_string(
    endpoint: *const ocireg_endpoint,
    text: *mut *mut c_char,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(out = out(text), endpoint = handle(endpoint));
        out.set_text(endpoint.path(""))
    })
}

/// Returns the URL of a path below the endpoint's API.
///
/// @param endpoint  The endpoint. Not NULL.
/// @param path      The path, percent-encoded where necessary, without a leading /. Not NULL.
/// @param text      Receives the URL. Free it with ocireg_string_free(). Not NULL.
/// @param error     Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
/// @return OCIREG_OK or an error code.
///
/// Safe to call from any thread. Never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_endpoint_path(
    endpoint: *const ocireg_endpoint,
    path: *const c_char,
    text: *mut *mut c_char,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(out = out(text), endpoint = handle(endpoint), path = text(path));
        out.set_text(endpoint.path(path))
    })
}

/// Returns whether the endpoint's certificate is verified: it uses https and is not an insecure registry.
///
/// @param endpoint  The endpoint. Not NULL.
/// @param secure    Receives 1 or 0. Not NULL.
/// @param error     Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
/// @return OCIREG_OK or an error code.
///
/// Safe to call from any thread. Never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_endpoint_is_secure(
    endpoint: *const ocireg_endpoint,
    secure: *mut i32,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(secure = number(secure), endpoint = handle(endpoint));
        secure.set(i32::from(endpoint.is_secure()));
        Ok(())
    })
}

/// Frees an endpoint.
///
/// Calls that are running, and sessions that were created from the endpoint, are not affected.
///
/// @param endpoint  The endpoint. NULL does nothing.
///
/// Call it once, from any thread. Never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_endpoint_free(endpoint: *mut ocireg_endpoint) {
    // SAFETY: the header's contract.
    guard!(default = (), { unsafe { handle::free(endpoint) } })
}

/// Requests `/v2/` or `/v1/_ping` from an endpoint, without credentials.
///
/// @param endpoint  The endpoint. Not NULL.
/// @param context   The deadline, cancellation and progress callback of this call. May be NULL.
/// @param json      Receives a JSON object with `protocol`. For "v2" it also has `confirmed` (whether the version
///                  header is registry/2.0) and `challenges` (a list of objects with `scheme` and `parameters`); for
///                  "v1", `standalone` (whether the registry works without an index) and, if the registry states it,
///                  `version`. Free it with ocireg_string_free(). Not NULL.
/// @param error     Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
/// @return OCIREG_OK, or an error code if the endpoint does not answer as a registry.
///
/// Safe to call from any thread. Blocks for one request. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_endpoint_ping(
    endpoint: *const ocireg_endpoint,
    context: *const ocireg_context,
    json: *mut *mut c_char,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(json = out(json), endpoint = handle(endpoint), call = call(context));
        json.set_json(&endpoint.ping(&call)?)
    })
}
