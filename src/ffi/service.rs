//! `ocireg_service`.

use std::ffi::{CString, c_char, c_void};

use super::context::{UserData, ocireg_context, ocireg_drop_fn};
use super::error::ocireg_error;
use super::handle;
use crate::client::login;
use crate::error::Error;
use crate::json::strict;
use crate::log::{Level, Sink};
use crate::registry::options::ConfigOptions;
use crate::registry::service::Service;
use crate::v1::data::Limit;
use crate::v1::search;

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
/// ocireg_service_is_insecure_registry(), ocireg_service_auth(), ocireg_service_search(), ocireg_service_credentials(),
/// ocireg_service_login(), ocireg_service_logout(), ocireg_service_set_log(), ocireg_service_free().
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

/// Asks a registry whether it takes credentials. Keeps nothing.
///
/// The address is `serveraddress`, the official index if there is none; its endpoints for pushing are asked in turn,
/// never a mirror. Wrong credentials end the search; after any other failure the next endpoint is asked, and the last
/// failure is reported, all of them in `attempts`. With the service option `v1` the endpoints are asked by protocol v1
/// at last. A registry that asks for no credentials says yes to all.
///
/// @param service     a service. Not NULL.
/// @param context     deadline and cancellation; may be NULL.
/// @param auth_json   the credentials, an AuthConfig; "{}" is anonymous; NULL is what the service knows for the official
///                    index.
/// @param user_agent  what the caller is called in these requests, "" for nothing; NULL is the service's `user-agent`.
/// @param json        receives an object: `Status` ("Login Succeeded"), `IdentityToken` (what is to be kept in place of
///                    the password; may be empty); owned by the caller; free with ocireg_string_free(). It may hold a secret. Not NULL.
/// @param error       receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
/// @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_HANDLE, OCIREG_INVALID_UTF8, OCIREG_INVALID_JSON,
///         OCIREG_CREDENTIALS, OCIREG_CREDENTIAL_HELPER, OCIREG_UNAUTHORIZED (wrong credentials), OCIREG_POLICY (they
///         would go where they must not), or any failure of the network and of the registry.
///
/// Any thread. Blocks: speaks to the registry. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_service_auth(
    service: *const ocireg_service,
    context: *const ocireg_context,
    auth_json: *const c_char,
    user_agent: *const c_char,
    json: *mut *mut c_char,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(
            out = out(json),
            service = handle(service),
            auth = optional_text(auth_json),
            user_agent = user_agent(user_agent),
            call = call(context)
        );
        let auth = auth.map(|text| super::options::auth(text, "auth_json")).transpose()?;
        out.set_json(&login::auth(&service, auth.as_ref(), user_agent, &call)?)
    })
}

/// Searches an index for repositories, by protocol v1.
///
/// The index is the one that the term names, else the official one, where `library/` in front of the term is left out.
/// Credentials with an `identitytoken` and a `username` are used through the index's token server where it has one
/// (scope registry:catalog:search); others as a session of protocol v1 uses them.
///
/// @param service       a service. Not NULL.
/// @param context       deadline and cancellation; may be NULL.
/// @param term          the term, [HOST[:PORT]/]TERM. Not NULL.
/// @param limit         the most results wanted, 1 to 100; 25 is usual.
/// @param auth_json     the credentials, an AuthConfig; "{}" is anonymous; NULL is what the service knows for the index.
/// @param user_agent    the User-Agent of these requests; NULL or "" is the service's.
/// @param headers_json  more headers for them, an object of lists, {"X-Meta": ["value"]}; NULL is none.
/// @param json          receives an object: `query`, `num_results`, `results`, a list of objects: `name`, `description`,
///                      `star_count`, `is_official`, `is_automated`; owned by the caller; free with ocireg_string_free(). Not NULL.
/// @param error         receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
/// @return OCIREG_OK, OCIREG_INVALID_ARGUMENT (a scheme in the term, or the limit), OCIREG_INVALID_HANDLE,
///         OCIREG_INVALID_UTF8, OCIREG_INVALID_JSON, OCIREG_INVALID_CONFIG, OCIREG_UNSUPPORTED (the service's option `v1`
///         is false), OCIREG_CREDENTIALS, OCIREG_CREDENTIAL_HELPER, OCIREG_UNAUTHORIZED, OCIREG_POLICY, or any failure of
///         the network and of the registry.
///
/// Any thread. Blocks: speaks to the index. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_service_search(
    service: *const ocireg_service,
    context: *const ocireg_context,
    term: *const c_char,
    limit: i32,
    auth_json: *const c_char,
    user_agent: *const c_char,
    headers_json: *const c_char,
    json: *mut *mut c_char,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(
            out = out(json),
            service = handle(service),
            call = call(context),
            term = text(term),
            auth = optional_text(auth_json),
            user_agent = optional_text(user_agent),
            headers = optional_text(headers_json)
        );
        let limit = Limit::new(limit)?;
        let auth = auth.map(|text| super::options::auth(text, "auth_json")).transpose()?;
        let headers = super::options::headers(user_agent, headers)?;
        out.set_json(&search::search(&service, term, limit, auth, headers, &call)?)
    })
}

/// Which credentials would be used for a registry, and where they come from; never the secret.
///
/// Looked through in this order: the option `credentials`; $DOCKER_AUTH_CONFIG (the text of a config.json); `config.json` in the directory of the option
/// `docker-config`, else in $DOCKER_CONFIG, else in ~/.docker (its `credHelpers`, else its `credsStore`, then its
/// `auths`); the containers tools' $REGISTRY_AUTH_FILE, else `containers/auth.json` in $XDG_RUNTIME_DIR (where that is not
/// set, /run/containers/UID/auth.json), then in $XDG_CONFIG_HOME or ~/.config; then nobody, which is anonymous. In each
/// the longest path counts: that of the repository, else of what it is in, else the host alone. Credentials given to a
/// call come before all of these.
/// With `docker-config` "" none of these files and variables is read; with `environment` false, only the file in
/// `docker-config`. The files are read as Docker reads them: letter case of their keys does not matter, null is an empty
/// value, the last of two equal keys counts, and an entry that cannot be used fails for its own registry only.
///
/// A helper is the program docker-credential-NAME in a directory of $PATH, and has `credential-helper-timeout-ms` for its
/// answer. It inherits the environment of this process. With `environment` false no helper runs: one that is configured
/// fails. One that has nothing is a reason to look further; one that fails is not. This call then fails, as do all calls
/// that log in, push or delete. Calls that only read go on without credentials, say so in their `warnings` and in the log,
/// and fail with the code of that failure if the registry then asks for credentials. The same holds for a file that cannot
/// be used, unless $REGISTRY_AUTH_FILE names it: then every call fails.
///
/// @param service  a service. Not NULL.
/// @param context  deadline and cancellation; may be NULL.
/// @param host     the registry, host[:port], or a repository of it, host[:port]/path. Not NULL.
/// @param json     receives an object: `username`, `source` (`credentials` for the option, the path of a file, the
///                 variable, or the name of a helper), `kind` ("password", "identity_token", "registry_token" or "anonymous"); what
///                 does not apply is absent; owned by the caller; free with ocireg_string_free(). Not NULL.
/// @param error    receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
/// @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_HANDLE, OCIREG_INVALID_UTF8, OCIREG_CREDENTIALS (a file
///         that cannot be read or used), OCIREG_CREDENTIAL_HELPER, OCIREG_CANCELLED or OCIREG_DEADLINE.
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
        args!(out = out(json), service = handle(service), host = text(host), call = call(context));
        out.set_json(&service.credentials_summary(host, &call)?)
    })
}

/// Checks credentials with the registry, as ocireg_service_auth() does, then stores them.
///
/// Kept by the helper that config.json names for the registry (`credHelpers`, else `credsStore`), else in config.json
/// itself, in the directory of the option `docker-config`, else in $DOCKER_CONFIG, else in ~/.docker; with
/// `docker-config` "" nowhere. A helper that is missing or fails is an error, and nothing is kept elsewhere instead; one
/// that is missing is so before anything is sent. The file is replaced as a whole or not at all, for its owner alone;
/// all its other keys stay as they are. A symbolic link is followed. Programs that log in through this library wait for
/// each other.
///
/// @param service     a service. Not NULL.
/// @param context     deadline and cancellation; may be NULL.
/// @param auth_json   the credentials, an AuthConfig with `username` and `password` (or `auth`) or with an
///                    `identitytoken`; `serveraddress` is as in ocireg_service_auth(). Not NULL.
/// @param user_agent  what the caller is called in these requests, "" for nothing; NULL is the service's `user-agent`.
/// @param json        receives an object: `Status`, `IdentityToken` as ocireg_service_auth() has them, `stored`
///                    ("config.json", the name of the helper, or "none"); owned by the caller; free with ocireg_string_free(). It may hold a
///                    secret. Not NULL.
/// @param error       receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
/// @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_HANDLE, OCIREG_INVALID_UTF8, OCIREG_INVALID_JSON,
///         OCIREG_CREDENTIALS (a file that cannot be used), OCIREG_CREDENTIAL_HELPER, OCIREG_IO, OCIREG_NO_SPACE or
///         OCIREG_PERMISSION when the file cannot be saved (it is then as it was), or what ocireg_service_auth() fails
///         with.
///
/// Any thread. Blocks: speaks to the registry, runs a helper, writes a file. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_service_login(
    service: *const ocireg_service,
    context: *const ocireg_context,
    auth_json: *const c_char,
    user_agent: *const c_char,
    json: *mut *mut c_char,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(
            out = out(json),
            service = handle(service),
            auth = text(auth_json),
            user_agent = user_agent(user_agent),
            call = call(context)
        );
        let auth = super::options::auth(auth, "auth_json")?;
        out.set_json(&login::login(&service, &auth, user_agent, &call)?)
    })
}

/// Logs out: the helper that config.json names for the registry forgets its credentials, and so does config.json, under
/// whatever name a login put them there. Nothing to forget is no failure. The registry is not asked. A logout from
/// Docker Hub also removes the tokens that `docker login` in a browser left there.
///
/// @param service  a service. Not NULL.
/// @param context  deadline and cancellation; may be NULL.
/// @param host     the registry, host[:port] or an address; docker.io is the official one. Not NULL.
/// @param error    receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
/// @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_HANDLE, OCIREG_INVALID_UTF8, OCIREG_CREDENTIALS (a file
///         that cannot be used), OCIREG_CREDENTIAL_HELPER, OCIREG_IO, OCIREG_NO_SPACE or OCIREG_PERMISSION when the file
///         cannot be saved (it is then as it was), OCIREG_CANCELLED or OCIREG_DEADLINE.
///
/// Any thread. Blocks while it reads and writes the file and while a helper runs; never asks the network. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_service_logout(
    service: *const ocireg_service,
    context: *const ocireg_context,
    host: *const c_char,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(service = handle(service), host = text(host), call = call(context));
        login::logout(&service, host, &call)
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
