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

/// A configuration (mirrors, insecure registries, certificates, credentials, proxies, limits) that calls start from.
///
/// A program usually creates one service and keeps it. It may be used from any number of threads at once, and no lock
/// is held while a call waits. It may be freed while calls on it run, and before the objects that were created from it.
pub struct ocireg_service {
    _opaque: [u8; 0],
}

handle_type!(ocireg_service, Service, b"ociservc");

/// Creates a service from options.
///
/// Every option is optional. An unknown key is an error. Times are in milliseconds, sizes in bytes; the default is in
/// parentheses. docs/options.md describes each option in more detail.
///
/// - `registry-mirrors`, `insecure-registries`, `allow-nondistributable-artifacts`: lists of strings with the same
///   meaning as in Docker's daemon.json.
/// - `daemon-json`: the path of such a file. Explicit options win over the file.
/// - `certs-dir` (/etc/docker/certs.d): the directory of certificates, with a subdirectory for each registry. ""
///   ignores all of them.
/// - `docker-config` ($DOCKER_CONFIG or ~/.docker): the directory that contains config.json. "" ignores all credential
///   files.
/// - `credentials`: an object that maps host[:port] or host[:port]/path to an AuthConfig.
/// - `credential-helper-timeout-ms` (`auth-ms` of `timeouts`): how long a credential helper may run. 0: as long as the
///   call.
/// - `resolve`: an object that maps host names to lists of addresses, which are used instead of DNS. "*" stands for
///   every other name. A name with an empty list does not resolve.
/// - `proxy` (the environment's): a URL, or an object with `http-proxy`, `https-proxy` and `no-proxy`. "" uses no
///   proxy. See below.
/// - `user-agent` (ocireg/VERSION): the User-Agent header. `user-agent-prefix` (none) is put in front of it, for
///   example the name and version of your program.
/// - `timeouts`: `connect-ms` (30000), `tls-ms` (10000), `header-ms` (30000), `idle-ms` (30000), `auth-ms` (15000),
///   `total-ms` (0), `min-bytes-per-second` (100 over a minute). 0 means no limit.
/// - `retry`: `max-attempts` (5), `initial-ms` (250), `max-ms` (30000), `max-retry-after-ms` (60000).
/// - `max-concurrent-downloads` (4), `max-concurrent-uploads` (4): how many transfers from or to one host may run at
///   once.
/// - `max-concurrent-requests` (no limit): how many requests to one host may wait for a response at once, over all
///   calls of the service.
/// - `parallel-range-bytes` (67108864): a blob of at least this size is downloaded in several ranges at once where that
///   is faster than one connection. Each range counts for `max-concurrent-downloads`. 0: never.
/// - `limits`: the largest `manifest`, `config`, `list` (8 MiB each), `token` (1 MiB) and `error` (64 KiB); the number
///   of `pages`, `children` (10000 each), `depth` (4), `urls` (16); `total` (64 MiB), the size of all JSON that one
///   call may collect; `spool` (no limit), the size of the temporary file for a layer of protocol v1.
/// - `environment` (true): whether environment variables may set proxies, credential files, CA certificates and the
///   directory of temporary files. It is always false in a set-user-ID, set-group-ID or file-capability program,
///   because the environment then belongs to a caller with fewer rights.
/// - `preload` (false): load the system's CA certificates now instead of at the first TLS connection, for programs that
///   change their root directory later.
/// - `v1`: false makes calls that ask for protocol v1 fail; true lets a login try it last.
/// - `trusted-realms`: a list of [registry, token server] pairs. The token server may get the registry's credentials
///   even if it is on a more private network than the registry.
/// - `allow-upload-hosts`, `allow-foreign-urls`, `allow-plain-http-credentials`, `allow-v1-endpoints`: lists of
///   host[:port]. Each allows something that is refused by default; the error's hint names the option.
/// - `hosts-dir`, `registries-conf` (none): a directory of hosts.toml files as containerd's, and a registries.conf file
///   as Podman's, which name mirrors for any registry. "" uses none. See ocireg_service_resolve_endpoints().
///
/// A proxy is `SCHEME://[USER:PASSWORD@]HOST[:PORT]`. The scheme is http, https, socks5 or socks5h (the proxy resolves
/// host names). Without the option, HTTP_PROXY (not in CGI programs), HTTPS_PROXY and NO_PROXY, also in lower case, are
/// read for each call, and loopback addresses are always reached directly. `no-proxy` is a comma-separated list like
/// NO_PROXY: a domain (which includes its subdomains), `.domain` (only its subdomains), an address, a network in CIDR
/// notation, or `*`. All but networks may end in `:port`. If the proxy resolves host names, rules about private
/// addresses apply only to addresses that are written in a URL.
///
/// @param options_json  The options as a JSON object. May be NULL.
/// @param service       Receives the service. Free it with ocireg_service_free(). Not NULL.
/// @param error         Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
/// @return OCIREG_OK or an error code:
///         - OCIREG_INVALID_JSON: malformed JSON, an unknown or duplicate key, or a value of the wrong type.
///         - OCIREG_INVALID_CONFIG: a value cannot be used, such as a mirror with a query.
///         - OCIREG_CREDENTIALS: an entry of `credentials` cannot be used.
///         - OCIREG_IO, OCIREG_PERMISSION: the file that `daemon-json` names cannot be read.
///
/// Safe to call from any thread. Reads the file that `daemon-json` names. Never uses the network. Since 0.1.
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

/// Returns the current registry configuration.
///
/// @param service  The service. Not NULL.
/// @param json     Receives a JSON object like RegistryConfig of Docker's Engine API:
///                 `AllowNondistributableArtifactsCIDRs`, `AllowNondistributableArtifactsHostnames`,
///                 `InsecureRegistryCIDRs`, `IndexConfigs`, `Mirrors`. Free it with ocireg_string_free(). Not NULL.
/// @param error    Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
/// @return OCIREG_OK or an error code.
///
/// Safe to call from any thread. Never blocks. Since 0.1.
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

/// Replaces the whole registry configuration atomically.
///
/// Calls that are running keep the configuration that they started with. If the new configuration is not valid, the old
/// one stays.
///
/// @param service       The service. Not NULL.
/// @param options_json  A JSON object with `registry-mirrors`, `insecure-registries` and
///                      `allow-nondistributable-artifacts`. A list that is absent becomes empty, unless `daemon-json`
///                      names a file that contains it. Not NULL.
/// @param error         Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
/// @return OCIREG_OK or an error code:
///         - OCIREG_INVALID_CONFIG: an entry of a list is not valid.
///         - OCIREG_IO, OCIREG_PERMISSION: the file that `daemon-json` names cannot be read.
///
/// Safe to call from any thread. Reads the file that `daemon-json` names. Since 0.1.
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

/// Replaces the mirrors of Docker Hub.
///
/// @param service    The service. Not NULL.
/// @param list_json  A JSON list of URLs. Not NULL.
/// @param error      Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
/// @return OCIREG_OK, or OCIREG_INVALID_CONFIG if an entry is not valid; the old list then stays.
///
/// Safe to call from any thread. Never blocks. Calls that are running keep the old list. Since 0.1.
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

/// Replaces the list of insecure registries, whose certificates are not verified and which may be used over plain HTTP.
///
/// Addresses in 127.0.0.0/8 are always insecure registries.
///
/// @param service    The service. Not NULL.
/// @param list_json  A JSON list of host[:port] and of networks in CIDR notation. Not NULL.
/// @param error      Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
/// @return OCIREG_OK, or OCIREG_INVALID_CONFIG if an entry is not valid; the old list then stays.
///
/// Safe to call from any thread. Never blocks. Calls that are running keep the old list. Since 0.1.
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

/// Replaces the list of registries that nondistributable layers may be pushed to.
///
/// @param service    The service. Not NULL.
/// @param list_json  A JSON list of host[:port] and of networks in CIDR notation. Not NULL.
/// @param error      Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
/// @return OCIREG_OK, or OCIREG_INVALID_CONFIG if an entry is not valid; the old list then stays.
///
/// Safe to call from any thread. Never blocks. Calls that are running keep the old list. Since 0.1.
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
/// It is called only on the thread that is inside the call. It must not throw, jump out, or free or change a handle
/// that the running call uses. Calls that the callback makes are not logged.
///
/// @param user_data    The pointer that was passed to ocireg_service_set_log().
/// @param level        1 (error), 2 (warning), 3 (information), 4 (debug) or 5 (trace).
/// @param record_json  A JSON object, valid until the callback returns: `time_ms`, `level` (as a word), `target` (the
///                     part of the library), `message`, and the keys that apply: those of ocireg_error_json(),
///                     `duration_ms`, `attempt`, `delay_ms`, `from`, `to`, `kind`, `source` and others. Ignore keys
///                     that you do not know. A record never contains a secret, a query string or a header.
pub type ocireg_log_fn =
    Option<unsafe extern "C" fn(user_data: *mut c_void, level: i32, record_json: *const c_char)>;

/// Sets or removes the log callback of a service.
///
/// The callback receives each request, retry, authentication, redirect, change of endpoint, proxy connection and TLS
/// handshake, also of sessions, readers and writers that were created before.
///
/// @param service    The service. Not NULL.
/// @param max_level  The most detailed level that is logged: 0 (nothing), 1 (errors), 2 (warnings), 3 (information), 4
///                   (debug) or 5 (trace).
/// @param log        The callback, which replaces the previous one. NULL removes it.
/// @param user_data  Passed to the callback. May be NULL.
/// @param drop       Called once with user_data when the callback will not be called any more, even if this function
///                   fails. If another thread is inside the callback, `drop` is called after it returns. May be NULL.
/// @param error      Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
/// @return OCIREG_OK, or OCIREG_INVALID_ARGUMENT if max_level is not valid.
///
/// Safe to call from any thread, but not from a callback. Never blocks. Since 0.1.
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

/// Frees a service.
///
/// Calls that are running, and objects that were created from the service, are not affected.
///
/// @param service  The service. NULL does nothing.
///
/// Call it once. Safe to call from any thread. Never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_service_free(service: *mut ocireg_service) {
    // SAFETY: the header's contract.
    guard!(default = (), { unsafe { handle::free(service) } })
}
