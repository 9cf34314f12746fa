//! Endpoints and TLS settings that a service would use for a host.

use std::ffi::c_char;

use super::context::ocireg_context;
use super::error::ocireg_error;
use super::service::ocireg_service;
use crate::client::options::EndpointsOptions;
use crate::names::reference::Reference;
use crate::registry::session::check_openable;

/// Returns the endpoints that a host is pulled from, in the order in which they are tried.
///
/// Mirrors of Docker Hub come first, then https, then http for insecure registries.
///
/// @param service   The service. Not NULL.
/// @param context   The deadline, cancellation and progress callback of this call. May be NULL.
/// @param hostname  The registry as host[:port]. Not NULL.
/// @param json      Receives a JSON list of objects: `URL`, `Version`, `Mirror`, `Official`, `TrimHostname`,
///                  `AllowNondistributableArtifacts`, `TLSConfig`. Free it with ocireg_string_free(). Not NULL.
/// @param error     Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
/// @return OCIREG_OK or an error code, such as OCIREG_INVALID_CONFIG, OCIREG_IO or OCIREG_PERMISSION if the host's
///         certificates cannot be used.
///
/// Safe to call from any thread. May wait for DNS if `insecure-registries` contains networks. Since 0.1.
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

/// Returns the endpoints that a host is pushed to, in the order in which they are tried.
///
/// They are the endpoints for pulling without the mirrors.
///
/// @param service   The service. Not NULL.
/// @param context   The deadline, cancellation and progress callback of this call. May be NULL.
/// @param hostname  The registry as host[:port]. Not NULL.
/// @param json      Receives a JSON list of objects: `URL`, `Version`, `Mirror`, `Official`, `TrimHostname`,
///                  `AllowNondistributableArtifacts`, `TLSConfig`. Free it with ocireg_string_free(). Not NULL.
/// @param error     Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
/// @return OCIREG_OK or an error code, such as OCIREG_INVALID_CONFIG, OCIREG_IO or OCIREG_PERMISSION if the host's
///         certificates cannot be used.
///
/// Safe to call from any thread. May wait for DNS if `insecure-registries` contains networks. Since 0.1.
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

/// Returns the endpoints that a session for a reference would use, in the order in which they are tried.
///
/// This is the whole view: mirrors of Docker Hub, hosts of the option hosts-dir, and mirrors and locations of the option
/// registries-conf. It says which of them are skipped and why, such as a mirror that did not answer in the last minute.
/// Reads the configuration files, and connects to none of the endpoints.
///
/// @param service       The service. Not NULL.
/// @param context       The deadline, cancellation and progress callback of this call. May be NULL.
/// @param reference     The reference. Not NULL.
/// @param options_json  A JSON object; may be NULL:
///                      - `actions` (default `["pull"]`): what will be done there: "pull", "push", "delete"
/// @param json          Receives a JSON object: `endpoints`, a list of objects with `url`, `mirror`, `source`
///                      ("registry-mirrors", "hosts.toml", "registries.conf" or "default"), `capabilities` (of "pull",
///                      "resolve", "push"), `insecure` (it may be used over plain HTTP or with an unverified
///                      certificate) and `skipped` (why it is not used; absent if it is used). Free it with
///                      ocireg_string_free(). Not NULL.
/// @param error         Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
/// @return OCIREG_OK or an error code, such as:
///         - OCIREG_INVALID_CONFIG: a configuration file cannot be used.
///         - OCIREG_POLICY: registries.conf blocks the image.
///
/// Safe to call from any thread. May wait for DNS if `insecure-registries` contains networks. Since 0.2.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_service_resolve_endpoints(
    service: *const ocireg_service,
    context: *const ocireg_context,
    reference: *const c_char,
    options_json: *const c_char,
    json: *mut *mut c_char,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(
            out = out(json),
            service = handle(service),
            reference = text(reference),
            call = call(context),
            options = optional_text(options_json)
        );
        let reference: Reference = reference.parse()?;
        check_openable(&reference)?;
        let changes = EndpointsOptions::parse(options)?.actions.changes();
        out.set_json(&service.resolve_endpoints(&reference, changes, &call)?)
    })
}

/// Returns what the service's configuration says about the repository of a reference.
///
/// @param service    The service. Not NULL.
/// @param context    The deadline, cancellation and progress callback of this call. May be NULL.
/// @param reference  The reference. Not NULL.
/// @param json       Receives a JSON object: `Name`, `Index` (`Name`, `Mirrors`, `Secure`, `Official`), `Official`,
///                   `Class`. Free it with ocireg_string_free(). Not NULL.
/// @param error      Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
/// @return OCIREG_OK or an error code, such as OCIREG_INVALID_REFERENCE if the reference is not valid.
///
/// Safe to call from any thread. May wait for DNS if `insecure-registries` contains networks. Since 0.1.
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

/// Returns the TLS settings for a host.
///
/// Certificates are not verified for an insecure registry; otherwise the settings come from the host's directory in
/// `certs-dir`.
///
/// @param service   The service. Not NULL.
/// @param context   The deadline, cancellation and progress callback of this call. May be NULL.
/// @param hostname  The registry as host[:port]. Not NULL.
/// @param json      Receives a JSON object: `InsecureSkipVerify`, `MinVersion`, `RootCAs` (paths), `Certificates`
///                  (objects with `cert` and `key`). Free it with ocireg_string_free(). Not NULL.
/// @param error     Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
/// @return OCIREG_OK or an error code, such as OCIREG_INVALID_CONFIG, OCIREG_IO or OCIREG_PERMISSION if the host's
///         certificates cannot be used.
///
/// Safe to call from any thread. May wait for DNS if `insecure-registries` contains networks. Since 0.1.
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

/// Returns whether a host is an insecure registry.
///
/// Certificates of an insecure registry are not verified, and http is tried after https.
///
/// @param service   The service. Not NULL.
/// @param context   The deadline, cancellation and progress callback of this call. May be NULL.
/// @param host      The registry as host[:port]. Not NULL.
/// @param insecure  Receives 1 or 0. Not NULL.
/// @param error     Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
/// @return OCIREG_OK or an error code.
///
/// Safe to call from any thread. May wait for DNS if `insecure-registries` contains networks. Since 0.1.
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
