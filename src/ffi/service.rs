//! Services: the configuration that all calls start from.

use std::ffi::{CString, c_char, c_void};

use super::context::{UserData, ocireg_drop_fn};
use super::error::ocireg_error;
use super::handle;
use crate::error::Error;
use crate::json::strict;
use crate::log::{Level, Sink};
use crate::registry::options::ConfigOptions;
use crate::registry::service::Service;

/// A registry service: a configuration (mirrors, insecure registries, certificates, credentials, limits) and what
/// follows from it for hosts and references.
///
/// May be used from any number of threads at once; the configuration is replaced as a whole, and no lock is held
/// while a call waits. May be freed while a call on it runs, and before what was made from it.
pub struct ocireg_service {
    _opaque: [u8; 0],
}

handle_type!(ocireg_service, Service, b"ociservc");

/// Creates a service from options.
///
/// Every option is optional; an unknown key is an error. Times are in milliseconds, sizes in bytes.
///
/// - `registry-mirrors`, `insecure-registries`, `allow-nondistributable-artifacts`: lists of strings, as in Docker's
///   daemon.json. `daemon-json` is the path of such a file; explicit options win over it.
/// - `certs-dir` (/etc/docker/certs.d), `docker-config` (the directory of config.json; $DOCKER_CONFIG or ~/.docker):
///   paths; "" looks nowhere. `credentials`: host or host/path to AuthConfig.
/// - `credential-helper-timeout-ms`: how long a credential helper may run; 0 is as long as the call. As `auth-ms`.
/// - `resolve`: host to a list of addresses, instead of DNS; `*` is every other host, [] does not resolve.
/// - `proxy`: a URL, or an object with `http-proxy`, `https-proxy` and `no-proxy`; "" uses none. See below.
/// - `user-agent` (ocireg/VERSION), `user-agent-prefix`: put before it, such as the name and version of your program.
/// - `timeouts`: `connect-ms` (30000), `tls-ms` (10000), `header-ms` (30000), `idle-ms` (30000), `auth-ms` (15000),
///   `total-ms` (0), `min-bytes-per-second` (0); 0 is no limit.
/// - `retry`: `max-attempts` (5), `initial-ms` (250), `max-ms` (30000), `max-retry-after-ms` (60000).
/// - `max-concurrent-downloads` (4), `max-concurrent-uploads` (4): at once from and to one host.
/// - `limits`: the largest `manifest`, `config`, `list` (8 MiB each), `token` (1 MiB) and `error` (64 KiB); how many
///   `pages`, `children` (10000 each), `depth` (4), `urls` (16); `total` (64 MiB): all documents that one call
///   collects; `spool`: the temporary file of a v1 layer (no limit).
/// - `environment` (true): whether environment variables may name proxies, credential files, CA certificates and the
///   directory of temporary files. Always false in a set-user-ID, set-group-ID or file-capability program, whose
///   environment belongs to a caller with fewer rights.
/// - `preload` (false): true reads the system's CA certificates now instead of at the first TLS connection, for
///   programs that change their root directory later.
/// - `v1`: false never speaks protocol v1; true lets a login try it last.
/// - `trusted-realms`: pairs of a registry and a token server. `allow-upload-hosts`, `allow-foreign-urls`,
///   `allow-plain-http-credentials`, `allow-v1-endpoints`: lists of host[:port]. Each allows what is refused otherwise.
/// - `hosts-dir`, `registries-conf`: not supported yet; a value is OCIREG_UNSUPPORTED.
///
/// A proxy is `SCHEME://[USER:PASSWORD@]HOST[:PORT]` with the scheme http, https, socks5 or socks5h (which resolves host
/// names at the proxy). Without the option, HTTP_PROXY (not in CGI programs), HTTPS_PROXY and NO_PROXY are used as they
/// are now, also in lower case, but never for loopback addresses. `no-proxy` is a list like NO_PROXY: names (and
/// everything below them), `.name` (only what is below), addresses and blocks, each but blocks with an optional `:port`,
/// or `*`. Where the proxy resolves host names, only addresses that are written in a URL can be judged.
///
/// @param options_json  a JSON object of options; NULL for none. Copied.
/// @param service       receives the service. Free it with ocireg_service_free(). Not NULL.
/// @param error         receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
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
        args!(out = out(service), options = optional_text(options_json));
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
/// @param error    receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
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
        args!(out = out(json), service = handle(service));
        out.set_json(&*service.config())
    })
}

/// Puts a whole new configuration in place of the old, at once or not at all.
///
/// @param service       a service. Not NULL.
/// @param options_json  an object of `registry-mirrors`, `insecure-registries`, `allow-nondistributable-artifacts`;
///                      what is absent becomes empty. `daemon-json` may name a file to take them from. Not NULL.
/// @param error         receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
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
        args!(service = handle(service), options_json = text(options_json));
        service.replace_config(&ConfigOptions::lists(options_json)?)
    })
}

/// Replaces the mirrors of the official registry.
///
/// @param service    a service. Not NULL.
/// @param list_json  a list of addresses. Not NULL.
/// @param error      receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
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
        args!(service = handle(service), list_json = text(list_json));
        service.load_mirrors(&strict::parse_strings(list_json, "list_json")?)
    })
}

/// Replaces the registries whose certificates are not verified; this machine is always one of them.
///
/// @param service    a service. Not NULL.
/// @param list_json  a list of host[:port] or blocks of addresses. Not NULL.
/// @param error      receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
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
        args!(service = handle(service), list_json = text(list_json));
        service.load_insecure_registries(&strict::parse_strings(list_json, "list_json")?)
    })
}

/// Replaces the registries that layers with foreign addresses may be pushed to.
///
/// @param service    a service. Not NULL.
/// @param list_json  a list of host[:port] or blocks of addresses. Not NULL.
/// @param error      receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
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
        args!(service = handle(service), list_json = text(list_json));
        service
            .load_allow_nondistributable_artifacts(&strict::parse_strings(list_json, "list_json")?)
    })
}

/// Log callback: receives a record of what the calls of a service do on the network.
///
/// Called only on the thread that is inside the call. It must not throw, jump out, or free or change a handle that
/// the running call uses. Calls that it makes itself are not logged.
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
/// endpoint, connection through a proxy, and how TLS was made. Also for what was made from the service before.
///
/// @param service    the service. Not NULL.
/// @param max_level  the last level that is wanted: 0 none, 1 errors, 2 warnings, 3 information, 4 debugging,
///                   5 tracing. A record that is not wanted costs nothing.
/// @param log        the callback, in place of the one before; NULL for none.
/// @param user_data  handed to the callback; may be NULL.
/// @param drop       called once with user_data when the callback will not be called any more, also when this call
///                   fails; may be NULL. A call that is inside the callback keeps it until that returns.
/// @param error      receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
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
        // Taken first: whatever is wrong with the rest, `drop` is called for it.
        let user_data = UserData::new(user_data, drop);
        args!(service = handle(service));
        let most = Level::from_number(max_level).ok_or_else(|| {
            Error::argument("max_level", format!("{max_level} is not a valid log level"))
                .hint("log levels range from 0 (nothing) to 5 (everything)")
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

/// Frees a service. Running calls and objects made from the service are not affected.
///
/// @param service  a service, or NULL, which does nothing.
///
/// One thread, once. Never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_service_free(service: *mut ocireg_service) {
    // SAFETY: the header's contract.
    guard!(default = (), { unsafe { handle::free(service) } })
}
