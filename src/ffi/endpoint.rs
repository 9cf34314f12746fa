//! Endpoints: one address of one registry.

use std::ffi::c_char;

use super::context::ocireg_context;
use super::error::ocireg_error;
use super::handle;
use super::options;
use super::service::ocireg_service;
use crate::config::registry::IndexInfo;
use crate::credentials::AuthConfig;
use crate::error::Result;
use crate::registry::api_endpoint::{ApiEndpoint, ApiVersion};
use crate::registry::endpoint::Endpoint;
use crate::registry::service::Service;
use crate::registry::session::Session;
use crate::v1;

/// A place that a registry is spoken to at: an address, its protocol, how TLS is spoken.
///
/// Never changes; may be used from any number of threads at once. May be freed while a call on it runs, and before
/// what was made from it.
pub struct ocireg_endpoint {
    _opaque: [u8; 0],
}

handle_type!(ocireg_endpoint, Spoken, b"ociendpt");

/// An endpoint of either protocol.
#[derive(Clone)]
pub(super) enum Spoken {
    /// Protocol v2.
    V2(Endpoint),
    /// Protocol v1.
    V1(v1::Endpoint),
}

impl Spoken {
    fn path(&self, path: &str) -> String {
        match self {
            Self::V2(endpoint) => endpoint.path(path),
            Self::V1(endpoint) => endpoint.path(path),
        }
    }

    fn is_secure(&self) -> bool {
        match self {
            Self::V2(endpoint) => endpoint.is_secure(),
            Self::V1(endpoint) => endpoint.is_secure(),
        }
    }
}

/// Makes an endpoint. Does not speak to it.
///
/// @param service            the service that it belongs to. Not NULL; may be freed afterwards.
/// @param api_endpoint_json  an object as the lookups give it; only `URL` is required. Without `TLSConfig` the
///                           service's configuration for the host applies. `InsecureSkipVerify` alone sends no
///                           credentials: list the host in `insecure-registries`. Other keys are ignored. Not NULL.
/// @param endpoint           receives the endpoint; the caller frees it with ocireg_endpoint_free(). Not NULL.
/// @param error              receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
/// @return OCIREG_OK, OCIREG_INVALID_ARGUMENT (also for an address with user info, query, fragment, another scheme
///         than http and https, or a host that no URL can hold), OCIREG_INVALID_HANDLE, OCIREG_INVALID_UTF8,
///         OCIREG_INVALID_JSON, or OCIREG_UNSUPPORTED for a MinVersion other than 1.2, and for Version v1 where the
///         option v1 of the service is false.
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
        args!(out = out(endpoint), service = handle(service), json = text(api_endpoint_json));
        let api = ApiEndpoint::parse(json, "api_endpoint_json")?;
        out.set(handle::into_raw(match api.version {
            ApiVersion::V1 => Spoken::V1(to_v1(&service, &api, v1::Headers::default())?),
            ApiVersion::V2 => Spoken::V2(Endpoint::new(service, api)?),
        }));
        Ok(())
    })
}

/// The same place by protocol v1, as it is.
fn to_v1(service: &Service, api: &ApiEndpoint, headers: v1::Headers) -> Result<v1::Endpoint> {
    let tls = match &api.tls {
        Some(tls) => tls.clone(),
        None => service.tls_config_without_asking(&api.url)?,
    };
    v1::Endpoint::of(service, api.url.clone(), tls, headers)
}

/// Finds the endpoint of a v1 index or registry: asks it for `_ping` by https, and by http after that where the index is
/// not secure. The official index is not asked.
///
/// @param service       the service that it belongs to. Not NULL; may be freed afterwards.
/// @param context       the call's context; may be NULL.
/// @param index_json    an IndexInfo: `Name` (host[:port]), `Secure`, `Official`. Not NULL.
/// @param user_agent    the User-Agent of all its requests; NULL or "" is the service's.
/// @param headers_json  more headers of all its requests, {"Name": ["value"]}; may be NULL.
/// @param endpoint      receives the endpoint; the caller frees it with ocireg_endpoint_free(). Not NULL.
/// @param error         receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL. With a secure index its hint says
///                      how to allow another one; `attempts` holds the failures by https and http.
/// @return OCIREG_OK, OCIREG_INVALID_ARGUMENT (also for an address that ends in v2), OCIREG_INVALID_JSON,
///         OCIREG_INVALID_CONFIG when the certificates of its directory cannot be used, OCIREG_UNSUPPORTED when the
///         option v1 of the service is false, any network code, OCIREG_CANCELLED, OCIREG_DEADLINE.
///
/// Any thread. Blocks: DNS, connection, one exchange or two. Since 0.1.
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
        let headers = options::headers(user_agent, headers)?;
        endpoint.set(handle::into_raw(Spoken::V1(v1::Endpoint::new(
            &service, &index, headers, &call,
        )?)));
        Ok(())
    })
}

/// The same place by protocol v1: the address of an endpoint, its TLS configuration, and other headers. Asks nobody.
///
/// @param endpoint      an endpoint of either protocol. Not NULL.
/// @param user_agent    the User-Agent of all its requests; NULL or "" is the service's.
/// @param headers_json  more headers of all its requests, {"Name": ["value"]}; may be NULL.
/// @param v1            receives the endpoint; the caller frees it with ocireg_endpoint_free(). Not NULL.
/// @param error         receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
/// @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_JSON, OCIREG_INVALID_CONFIG when the certificates of its
///         directory cannot be used, OCIREG_UNSUPPORTED when the option v1 of the service is false.
///
/// Any thread. Never blocks, but may read files. Since 0.1.
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
        let headers = options::headers(user_agent, headers)?;
        v1.set(handle::into_raw(Spoken::V1(match &endpoint {
            Spoken::V2(endpoint) => to_v1(endpoint.service(), endpoint.api(), headers)?,
            Spoken::V1(endpoint) => endpoint.with_headers(headers),
        })));
        Ok(())
    })
}

/// The address of the endpoint's API: the URL with one / at its end, and `v2/` or `v1/`.
///
/// @param endpoint  an endpoint. Not NULL.
/// @param text      receives the address; the caller frees it with ocireg_string_free(). Not NULL.
/// @param error     receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
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
        args!(out = out(text), endpoint = handle(endpoint));
        out.set_text(endpoint.path(""))
    })
}

/// The address of something below the endpoint's API: ocireg_endpoint_to_string() and the path.
///
/// @param endpoint  an endpoint. Not NULL.
/// @param path      the path, as it stands in an address, without a / in front. Not NULL.
/// @param text      receives the address; the caller frees it with ocireg_string_free(). Not NULL.
/// @param error     receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
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
        args!(out = out(text), endpoint = handle(endpoint), path = text(path));
        out.set_text(endpoint.path(path))
    })
}

/// Whether the other side's certificate is verified: https, and not an insecure registry.
///
/// @param endpoint  an endpoint. Not NULL.
/// @param secure    receives 1 or 0. Not NULL.
/// @param error     receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
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
        args!(secure = number(secure), endpoint = handle(endpoint));
        secure.set(i32::from(endpoint.is_secure()));
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
/// @param json      receives `protocol`; the caller frees it with ocireg_string_free(). With "v2" there are `confirmed` (whether the
///                  version header says registry/2.0) and `challenges` (a list of `scheme` and `parameters`), with "v1"
///                  `standalone` (whether it needs no index) and, if it says one, `version`. Not NULL.
/// @param error     receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
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
        args!(json = out(json), endpoint = handle(endpoint), call = call(context));
        match endpoint {
            Spoken::V1(endpoint) => json.set_json(&endpoint.ping(&call)?),
            Spoken::V2(endpoint) => {
                let session = Session::new(&endpoint, Some(AuthConfig::default()), &call)?;
                json.set_json(&session.ping(&call)?)
            }
        }
    })
}
