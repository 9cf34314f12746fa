//! `ocireg_service`.

use std::ffi::{CString, c_char, c_void};

use super::context::{self, UserData, ocireg_context, ocireg_drop_fn};
use super::error::ocireg_error;
use super::handle;
use super::memory::{self, Out};
use crate::config::options;
use crate::config::registry::Lists;
use crate::error::Error;
use crate::log::{Level, Sink};
use crate::service::Service;

/// A registry service: a configuration (mirrors, insecure registries, certificates, credentials, limits) and what
/// follows from it for hosts and references.
///
/// May be used from any number of threads at once; the configuration is replaced as a whole, and no lock is held
/// while a call waits. May be freed while a call on it runs, and before what was made from it.
///
/// Functions: ocireg_service_new(), ocireg_service_config(), ocireg_service_replace_config(),
/// ocireg_service_load_mirrors(), ocireg_service_load_insecure_registries(),
/// ocireg_service_load_allow_nondistributable_artifacts(), ocireg_service_lookup_pull_endpoints(),
/// ocireg_service_lookup_push_endpoints(), ocireg_service_resolve_repository(), ocireg_service_tls_config(),
/// ocireg_service_is_insecure_registry(), ocireg_service_credentials(), ocireg_service_set_log(),
/// ocireg_service_free().
pub struct ocireg_service {
    _opaque: [u8; 0],
}

handle_type!(ocireg_service, Service, b"ociservc");

/// The service that C gave us; a clone of its own, so that the handle may be freed while the call runs.
///
/// # Safety
/// `service` is NULL or a service of this library that is not freed before this returns.
pub(super) unsafe fn service(service: *const ocireg_service) -> crate::error::Result<Service> {
    // SAFETY: passed on.
    unsafe { handle::required(service, "service") }.cloned()
}

/// Makes a service from options.
///
/// Keys, all optional: `registry-mirrors`, `insecure-registries`, `allow-nondistributable-artifacts` (lists of
/// text); `certs-dir`, `hosts-dir`, `registries-conf`, `docker-config`, `daemon-json` (paths, "" to look nowhere);
/// `credentials` (object of host or host/path to AuthConfig); `resolve` (object of host to a list of addresses, `*`
/// for every other host); `proxy` (URL, or object of `http-proxy`, `https-proxy`, `no-proxy`; "" for none);
/// `user-agent`; `timeouts` (`connect-ms`, `tls-ms`, `header-ms`, `idle-ms`, `auth-ms`, `min-bytes-per-second`,
/// `total-ms`); `retry` (`max-attempts`, `initial-ms`, `max-ms`, `max-retry-after-ms`); `max-concurrent-downloads`,
/// `max-concurrent-uploads`; `limits` (`manifest`, `config`, `token`, `error`, `list`, `pages`, `children`,
/// `depth`,
/// `spool`); `environment` (whether the process environment may name proxies, configuration and certificates);
/// `v1`; `trusted-realms` (list of pairs of registry and realm); `allow-upload-hosts`, `allow-foreign-urls`,
/// `allow-plain-http-credentials`, `allow-v1-endpoints` (lists of host[:port]). An unknown key is an error.
///
/// @param options_json  an object of options; NULL for none. Copied.
/// @param service       receives the service, to be ended by ocireg_service_free(). Not NULL.
/// @param error         receives an error on failure, owned by the caller; may be NULL.
/// @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_UTF8, OCIREG_INVALID_JSON (malformed, unknown or
///         duplicate key, wrong type), OCIREG_INVALID_CONFIG (a value that cannot be used), OCIREG_CREDENTIALS, or
///         OCIREG_IO or OCIREG_PERMISSION when a file that an option names cannot be read.
///
/// Any thread. Reads the file that `daemon-json` names, no other. Never asks the network. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_service_new(
    options_json: *const c_char,
    service: *mut *mut ocireg_service,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        // SAFETY: the header's contract.
        let out = unsafe { Out::new(service) }.required("service")?;
        // SAFETY: the header's contract.
        let options = unsafe { memory::optional_text(options_json, "options_json") }?;
        out.set(handle::into_raw(Service::parse(options.unwrap_or("{}"))?));
        Ok(())
    })
}

/// The configuration as it is now, a copy.
///
/// @param service  a service. Not NULL.
/// @param json     receives an object as the Engine API's RegistryConfig: `AllowNondistributableArtifactsCIDRs`,
///                 `AllowNondistributableArtifactsHostnames`, `InsecureRegistryCIDRs`, `IndexConfigs`, `Mirrors`;
///                 freed
///                 by ocireg_string_free(). Not NULL.
/// @param error    receives an error on failure, owned by the caller; may be NULL.
/// @return OCIREG_OK, OCIREG_INVALID_ARGUMENT or OCIREG_INVALID_HANDLE.
///
/// Any thread. Never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_service_config(
    service: *const ocireg_service,
    json: *mut *mut c_char,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        // SAFETY: the header's contract.
        let out = unsafe { Out::new(json) }.required("json")?;
        // SAFETY: the header's contract.
        let service = unsafe { self::service(service) }?;
        out.set_json(&*service.config())
    })
}

/// Puts a whole new configuration in place of the old, at once or not at all.
///
/// @param service       a service. Not NULL.
/// @param options_json  an object of `registry-mirrors`, `insecure-registries`, `allow-nondistributable-artifacts`;
///                      what is absent becomes empty. `daemon-json` may name a file to take them from. Not NULL.
/// @param error         receives an error on failure, owned by the caller; may be NULL.
/// @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_HANDLE, OCIREG_INVALID_UTF8, OCIREG_INVALID_JSON, or
///         OCIREG_INVALID_CONFIG for a bad entry; the configuration is then what it was.
///
/// Any thread; calls that run keep the configuration they began with. Reads the file that `daemon-json` names.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_service_replace_config(
    service: *const ocireg_service,
    options_json: *const c_char,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        // SAFETY: the header's contract.
        let service = unsafe { self::service(service) }?;
        // SAFETY: the header's contract.
        let options_json = unsafe { memory::text(options_json, "options_json") }?;
        service.replace_config(&Lists::parse(options_json)?)
    })
}

/// Replaces the mirrors of the official registry.
///
/// @param service    a service. Not NULL.
/// @param list_json  a list of addresses. Not NULL.
/// @param error      receives an error on failure, owned by the caller; may be NULL.
/// @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_HANDLE, OCIREG_INVALID_UTF8, OCIREG_INVALID_JSON, or
///         OCIREG_INVALID_CONFIG for a bad entry; the configuration is then what it was.
///
/// Any thread; calls that run keep the configuration they began with. Never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_service_load_mirrors(
    service: *const ocireg_service,
    list_json: *const c_char,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        // SAFETY: the header's contract.
        let service = unsafe { self::service(service) }?;
        // SAFETY: the header's contract.
        let list_json = unsafe { memory::text(list_json, "list_json") }?;
        service.load_mirrors(&options::parse_list(list_json)?)
    })
}

/// Replaces the registries whose certificates are not verified; this machine is always one of them.
///
/// @param service    a service. Not NULL.
/// @param list_json  a list of host[:port] or blocks of addresses. Not NULL.
/// @param error      receives an error on failure, owned by the caller; may be NULL.
/// @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_HANDLE, OCIREG_INVALID_UTF8, OCIREG_INVALID_JSON, or
///         OCIREG_INVALID_CONFIG for a bad entry; the configuration is then what it was.
///
/// Any thread; calls that run keep the configuration they began with. Never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_service_load_insecure_registries(
    service: *const ocireg_service,
    list_json: *const c_char,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        // SAFETY: the header's contract.
        let service = unsafe { self::service(service) }?;
        // SAFETY: the header's contract.
        let list_json = unsafe { memory::text(list_json, "list_json") }?;
        service.load_insecure_registries(&options::parse_list(list_json)?)
    })
}

/// Replaces the registries that layers with foreign addresses may be pushed to.
///
/// @param service    a service. Not NULL.
/// @param list_json  a list of host[:port] or blocks of addresses. Not NULL.
/// @param error      receives an error on failure, owned by the caller; may be NULL.
/// @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_HANDLE, OCIREG_INVALID_UTF8, OCIREG_INVALID_JSON, or
///         OCIREG_INVALID_CONFIG for a bad entry; the configuration is then what it was.
///
/// Any thread; calls that run keep the configuration they began with. Never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_service_load_allow_nondistributable_artifacts(
    service: *const ocireg_service,
    list_json: *const c_char,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        // SAFETY: the header's contract.
        let service = unsafe { self::service(service) }?;
        // SAFETY: the header's contract.
        let list_json = unsafe { memory::text(list_json, "list_json") }?;
        service.load_allow_nondistributable_artifacts(&options::parse_list(list_json)?)
    })
}

/// The endpoints to pull from, in the order to try them: mirrors of the official registry, then https, then
/// http for insecure hosts.
///
/// @param service   a service. Not NULL.
/// @param context   deadline and cancellation; may be NULL.
/// @param hostname  the registry, host[:port]. Not NULL.
/// @param json      receives a list of objects: `URL`, `Version`, `Mirror`, `Official`, `TrimHostname`,
///                  `AllowNondistributableArtifacts`, `TLSConfig`; freed by ocireg_string_free(). Not NULL.
/// @param error     receives an error on failure, owned by the caller; may be NULL.
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
        // SAFETY: the header's contract.
        let out = unsafe { Out::new(json) }.required("json")?;
        // SAFETY: the header's contract.
        let service = unsafe { self::service(service) }?;
        // SAFETY: the header's contract.
        let hostname = unsafe { memory::text(hostname, "hostname") }?;
        // SAFETY: the header's contract.
        let run = unsafe { context::run(context) }?;
        out.set_json(&service.lookup_pull_endpoints(hostname, &run)?)
    })
}

/// The endpoints to push to, in the order to try them: as to pull from, without mirrors.
///
/// @param service   a service. Not NULL.
/// @param context   deadline and cancellation; may be NULL.
/// @param hostname  the registry, host[:port]. Not NULL.
/// @param json      receives a list of objects: `URL`, `Version`, `Mirror`, `Official`, `TrimHostname`,
///                  `AllowNondistributableArtifacts`, `TLSConfig`; freed by ocireg_string_free(). Not NULL.
/// @param error     receives an error on failure, owned by the caller; may be NULL.
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
        // SAFETY: the header's contract.
        let out = unsafe { Out::new(json) }.required("json")?;
        // SAFETY: the header's contract.
        let service = unsafe { self::service(service) }?;
        // SAFETY: the header's contract.
        let hostname = unsafe { memory::text(hostname, "hostname") }?;
        // SAFETY: the header's contract.
        let run = unsafe { context::run(context) }?;
        out.set_json(&service.lookup_push_endpoints(hostname, &run)?)
    })
}

/// What is known of a reference's repository under the service's configuration.
///
/// @param service    a service. Not NULL.
/// @param context    deadline and cancellation; may be NULL.
/// @param reference  the reference. Not NULL.
/// @param json       receives an object: `Name`, `Index` (`Name`, `Mirrors`, `Secure`, `Official`), `Official`,
///                   `Class`; freed by ocireg_string_free(). Not NULL.
/// @param error      receives an error on failure, owned by the caller; may be NULL.
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
        // SAFETY: the header's contract.
        let out = unsafe { Out::new(json) }.required("json")?;
        // SAFETY: the header's contract.
        let service = unsafe { self::service(service) }?;
        // SAFETY: the header's contract.
        let reference = unsafe { memory::text(reference, "reference") }?;
        // SAFETY: the header's contract.
        let run = unsafe { context::run(context) }?;
        out.set_json(&service.resolve_repository(&reference.parse()?, &run)?)
    })
}

/// How TLS is spoken to a host: unverified where it is insecure, else as its directory of certificates says.
///
/// @param service   a service. Not NULL.
/// @param context   deadline and cancellation; may be NULL.
/// @param hostname  the registry, host[:port]. Not NULL.
/// @param json      receives an object: `InsecureSkipVerify`, `MinVersion`, `RootCAs` (paths), `Certificates`
///                  (objects of `cert` and `key`); freed by ocireg_string_free(). Not NULL.
/// @param error     receives an error on failure, owned by the caller; may be NULL.
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
        // SAFETY: the header's contract.
        let out = unsafe { Out::new(json) }.required("json")?;
        // SAFETY: the header's contract.
        let service = unsafe { self::service(service) }?;
        // SAFETY: the header's contract.
        let hostname = unsafe { memory::text(hostname, "hostname") }?;
        // SAFETY: the header's contract.
        let run = unsafe { context::run(context) }?;
        out.set_json(&service.tls_config(hostname, &run)?)
    })
}

/// Whether a host is an insecure registry: certificates are not verified, and http is tried after https.
///
/// @param service   a service. Not NULL.
/// @param context   deadline and cancellation; may be NULL.
/// @param host      the registry, host[:port]. Not NULL.
/// @param insecure  receives 1 or 0. Not NULL.
/// @param error     receives an error on failure, owned by the caller; may be NULL.
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
        if insecure.is_null() {
            return Err(Error::argument(
                "insecure",
                "insecure is NULL: there is nowhere to put the result",
            ));
        }
        // SAFETY: not NULL, and the header's contract.
        unsafe { *insecure = 0 };
        // SAFETY: the header's contract.
        let service = unsafe { self::service(service) }?;
        // SAFETY: the header's contract.
        let host = unsafe { memory::text(host, "host") }?;
        // SAFETY: the header's contract.
        let run = unsafe { context::run(context) }?;
        let answer = service.is_insecure_registry(host, &run)?;
        // SAFETY: checked above.
        unsafe { *insecure = i32::from(answer) };
        Ok(())
    })
}

/// Which credentials would be used for a registry, and where they come from; never the secret.
///
/// Looked through in this order: the option `credentials`; `config.json` in the directory of the option
/// `docker-config`, else in $DOCKER_CONFIG, else in ~/.docker (its `credHelpers`, else its `credsStore`, then its
/// `auths`); the containers tools' $REGISTRY_AUTH_FILE, else `containers/auth.json` in $XDG_RUNTIME_DIR, then in
/// $XDG_CONFIG_HOME or ~/.config; then nobody, which is anonymous. In each the longest path counts: that of the
/// repository, else of what it is in, else the host alone. Credentials given to a call come before all of these.
/// With `docker-config` "" none of the files is read; with `environment` false, only that of `docker-config`.
///
/// A helper is the program docker-credential-NAME in a directory of $PATH (of the system's usual ones with `environment`
/// false), and has `auth-ms` for its answer. It inherits the environment of this process. One that fails is an error,
/// never a reason to look further; one that has nothing is.
///
/// @param service  a service. Not NULL.
/// @param context  deadline and cancellation; may be NULL.
/// @param host     the registry, host[:port], or a repository of it, host[:port]/path. Not NULL.
/// @param json     receives an object: `username`, `source` (`credentials` for the option, the path of a file, or the
///                 name of a helper), `kind` ("password", "identity_token", "registry_token" or "anonymous"); what
///                 does not apply is absent; freed by ocireg_string_free(). Not NULL.
/// @param error    receives an error on failure, owned by the caller; may be NULL.
/// @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_HANDLE, OCIREG_INVALID_UTF8, OCIREG_CREDENTIALS (a file
///         that cannot be used), OCIREG_CREDENTIAL_HELPER, OCIREG_IO or OCIREG_PERMISSION when a file cannot be read,
///         OCIREG_CANCELLED or OCIREG_DEADLINE.
///
/// Any thread. Blocks while it reads the files and while a credential helper runs; never asks the network. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_service_credentials(
    service: *const ocireg_service,
    context: *const ocireg_context,
    host: *const c_char,
    json: *mut *mut c_char,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        // SAFETY: the header's contract.
        let out = unsafe { Out::new(json) }.required("json")?;
        // SAFETY: the header's contract.
        let service = unsafe { self::service(service) }?;
        // SAFETY: the header's contract.
        let host = unsafe { memory::text(host, "host") }?;
        // SAFETY: the header's contract.
        let run = unsafe { context::run(context) }?;
        out.set_json(&service.credentials_summary(host, &run)?)
    })
}

/// Told what the calls of a service do on the network.
///
/// Called only on the thread that is inside the call. It must not throw, jump out, or free or change a handle that
/// the running call uses.
///
/// @param user_data    what was given to ocireg_service_set_log().
/// @param level        1 error, 2 warning, 3 information, 4 debugging, 5 tracing.
/// @param record_json  the record, borrowed for the call: `time_ms`, `level` (as a word), `target` (the part of the
///                     library that tells), `message`, and what else applies: the keys of the error document,
///                     `duration_ms`, `attempt`, `delay_ms`, `from`, `to`, `kind`, `source` and others; ignore those
///                     that are not known. No record holds a secret, a query or a header.
pub type ocireg_log_fn =
    Option<unsafe extern "C" fn(user_data: *mut c_void, level: i32, record_json: *const c_char)>;

/// Sets where the calls of a service log, or ends that: each request, retry, authentication, redirect, change of the
/// endpoint, and how TLS was made. Also for what was made from the service before.
///
/// @param service    the service. Not NULL.
/// @param max_level  the last level that is wanted: 0 none, 1 errors, 2 warnings, 3 information, 4 debugging,
///                   5 tracing. A record that is not wanted costs nothing.
/// @param log        the callback, in place of the one before; NULL for none.
/// @param user_data  handed to the callback; may be NULL.
/// @param drop       called once with user_data when the callback will not be called any more, also when this call
///                   fails; may be NULL. A call that is inside the callback keeps it until that returns.
/// @param error      receives an error on failure, owned by the caller; may be NULL.
/// @return OCIREG_OK, OCIREG_INVALID_ARGUMENT or OCIREG_INVALID_HANDLE.
///
/// Any thread, not from inside a callback. Never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_service_set_log(
    service: *const ocireg_service,
    max_level: i32,
    log: ocireg_log_fn,
    user_data: *mut c_void,
    drop: ocireg_drop_fn,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        let user_data = UserData::new(user_data, drop);
        // SAFETY: the header's contract.
        let service = unsafe { self::service(service) }?;
        let most = Level::from_number(max_level).ok_or_else(|| {
            Error::argument("max_level", format!("{max_level} is no level"))
                .hint("levels go from 0, nothing, to 5, everything")
        })?;
        let sink = log.map(|log| -> Sink {
            Box::new(move |level, record: &str| {
                let record = CString::new(record).unwrap_or_default();
                // SAFETY: the caller gave a function of this type, for this pointer, to be called until drop.
                unsafe { log(user_data.pointer(), level.number(), record.as_ptr()) }
            })
        });
        service.log().set(most, sink);
        Ok(())
    })
}

/// Frees a service. Calls on it that run end as they would; what was made from it lives on.
///
/// @param service  a service, or NULL, which does nothing.
///
/// One thread, once. Never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_service_free(service: *mut ocireg_service) {
    // SAFETY: the header's contract.
    guard!(default = (), { unsafe { handle::free(service) } })
}
