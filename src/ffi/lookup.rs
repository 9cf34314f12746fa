//! Endpoints and TLS settings that a service would use for a host.

use std::ffi::c_char;

use super::context::ocireg_context;
use super::error::ocireg_error;
use super::service::ocireg_service;

/// The endpoints to pull from, in the order to try them: mirrors of the official registry, then https, then
/// http for insecure hosts.
///
/// @param service   a service. Not NULL.
/// @param context   deadline and cancellation; may be NULL.
/// @param hostname  the registry, host[:port]. Not NULL.
/// @param json      receives a list of objects: `URL`, `Version`, `Mirror`, `Official`, `TrimHostname`,
///                  `AllowNondistributableArtifacts`, `TLSConfig`; owned by the caller; free with ocireg_string_free(). Not NULL.
/// @param error     receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
/// @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_HANDLE, OCIREG_INVALID_UTF8, OCIREG_INVALID_CONFIG,
///         OCIREG_IO
///         or OCIREG_PERMISSION when the host's certificates cannot be used, OCIREG_CANCELLED or OCIREG_DEADLINE.
///
/// Any thread. May wait for the name server where blocks of insecure registries have to be compared. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_service_lookup_pull_endpoints(
    service: *const ocireg_service,
    context: *const ocireg_context,
    hostname: *const c_char,
    json: *mut *mut c_char,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(
            out = out(json),
            service = handle(service),
            hostname = text(hostname),
            call = call(context)
        );
        out.set_json(&service.lookup_pull_endpoints(hostname, &call)?)
    })
}

/// The endpoints to push to, in the order to try them: as to pull from, without mirrors.
///
/// @param service   a service. Not NULL.
/// @param context   deadline and cancellation; may be NULL.
/// @param hostname  the registry, host[:port]. Not NULL.
/// @param json      receives a list of objects: `URL`, `Version`, `Mirror`, `Official`, `TrimHostname`,
///                  `AllowNondistributableArtifacts`, `TLSConfig`; owned by the caller; free with ocireg_string_free(). Not NULL.
/// @param error     receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
/// @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_HANDLE, OCIREG_INVALID_UTF8, OCIREG_INVALID_CONFIG,
///         OCIREG_IO
///         or OCIREG_PERMISSION when the host's certificates cannot be used, OCIREG_CANCELLED or OCIREG_DEADLINE.
///
/// Any thread. May wait for the name server where blocks of insecure registries have to be compared. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_service_lookup_push_endpoints(
    service: *const ocireg_service,
    context: *const ocireg_context,
    hostname: *const c_char,
    json: *mut *mut c_char,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(
            out = out(json),
            service = handle(service),
            hostname = text(hostname),
            call = call(context)
        );
        out.set_json(&service.lookup_push_endpoints(hostname, &call)?)
    })
}

/// What is known of a reference's repository under the service's configuration.
///
/// @param service    a service. Not NULL.
/// @param context    deadline and cancellation; may be NULL.
/// @param reference  the reference. Not NULL.
/// @param json       receives an object: `Name`, `Index` (`Name`, `Mirrors`, `Secure`, `Official`), `Official`,
///                   `Class`; owned by the caller; free with ocireg_string_free(). Not NULL.
/// @param error      receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
/// @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_HANDLE, OCIREG_INVALID_UTF8,
///         OCIREG_INVALID_REFERENCE,
///         OCIREG_INVALID_CONFIG, OCIREG_CANCELLED or OCIREG_DEADLINE.
///
/// Any thread. May wait for the name server where blocks of insecure registries have to be compared. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_service_resolve_repository(
    service: *const ocireg_service,
    context: *const ocireg_context,
    reference: *const c_char,
    json: *mut *mut c_char,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(
            out = out(json),
            service = handle(service),
            reference = text(reference),
            call = call(context)
        );
        out.set_json(&service.resolve_repository(&reference.parse()?, &call)?)
    })
}

/// How TLS is spoken to a host: unverified where it is insecure, else as its directory of certificates says.
///
/// @param service   a service. Not NULL.
/// @param context   deadline and cancellation; may be NULL.
/// @param hostname  the registry, host[:port]. Not NULL.
/// @param json      receives an object: `InsecureSkipVerify`, `MinVersion`, `RootCAs` (paths), `Certificates`
///                  (objects of `cert` and `key`); owned by the caller; free with ocireg_string_free(). Not NULL.
/// @param error     receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
/// @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_HANDLE, OCIREG_INVALID_UTF8, OCIREG_INVALID_CONFIG,
///         OCIREG_IO
///         or OCIREG_PERMISSION when the host's certificates cannot be used, OCIREG_CANCELLED or OCIREG_DEADLINE.
///
/// Any thread. May wait for the name server where blocks of insecure registries have to be compared. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_service_tls_config(
    service: *const ocireg_service,
    context: *const ocireg_context,
    hostname: *const c_char,
    json: *mut *mut c_char,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(
            out = out(json),
            service = handle(service),
            hostname = text(hostname),
            call = call(context)
        );
        out.set_json(&service.tls_config(hostname, &call)?)
    })
}

/// Whether a host is an insecure registry: certificates are not verified, and http is tried after https.
///
/// @param service   a service. Not NULL.
/// @param context   deadline and cancellation; may be NULL.
/// @param host      the registry, host[:port]. Not NULL.
/// @param insecure  receives 1 or 0. Not NULL.
/// @param error     receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
/// @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_HANDLE, OCIREG_INVALID_UTF8, OCIREG_CANCELLED or
///         OCIREG_DEADLINE.
///
/// Any thread. May wait for the name server where blocks of insecure registries have to be compared. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_service_is_insecure_registry(
    service: *const ocireg_service,
    context: *const ocireg_context,
    host: *const c_char,
    insecure: *mut i32,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(
            insecure = number(insecure),
            service = handle(service),
            host = text(host),
            call = call(context)
        );
        let answer = service.is_insecure_registry(host, &call)?;
        insecure.set(i32::from(answer));
        Ok(())
    })
}
