//! Helpers for names, mirrors, credentials and certificates. They never use the network.

use std::ffi::c_char;
use std::path::Path;

use super::error::ocireg_error;
use crate::auth::challenge;
use crate::config::registry::{IndexInfo, ServiceConfig, lookup_local};
use crate::credentials;
use crate::json::strict;
use crate::names::host;
use crate::names::reference::Reference;
use crate::os::environment::Environment;
use crate::tls::certs_d;

/// Returns the host of a registry's URL: a leading http:// or https:// and everything after the first / are removed.
///
/// @param url    The URL. Not NULL.
/// @param text   Receives the host. Free it with ocireg_string_free(). Not NULL.
/// @param error  Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
/// @return OCIREG_OK or an error code.
///
/// Safe to call from any thread. Never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_convert_to_hostname(
    url: *const c_char,
    text: *mut *mut c_char,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(out = out(text), url = text(url));
        out.set_text(host::convert_to_hostname(url))
    })
}

/// Checks the name of an index and returns its normal form: index.docker.io becomes docker.io.
///
/// @param name   The name. Not NULL.
/// @param text   Receives the name. Free it with ocireg_string_free(). Not NULL.
/// @param error  Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
/// @return OCIREG_OK, or OCIREG_INVALID_CONFIG if the name begins or ends with a hyphen.
///
/// Safe to call from any thread. Never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_validate_index_name(
    name: *const c_char,
    text: *mut *mut c_char,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(out = out(text), name = text(name));
        out.set_text(host::validate_index_name(name)?)
    })
}

/// Checks the URL of a mirror and returns it with one / at its end.
///
/// @param url    The URL: http or https, without user info, query and fragment. It may have a path. Not NULL.
/// @param text   Receives the URL. Free it with ocireg_string_free(). Not NULL.
/// @param error  Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
/// @return OCIREG_OK, or OCIREG_INVALID_CONFIG if the URL is not valid; the message never contains a password.
///
/// Safe to call from any thread. Never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_validate_mirror(
    url: *const c_char,
    text: *mut *mut c_char,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(out = out(text), url = text(url));
        out.set_text(host::validate_mirror(url)?)
    })
}

/// Parses an image reference, [HOST[:PORT]/]PATH[:TAG][@DIGEST].
///
/// Example:
///
/// @code
/// char *json = NULL, *canonical = NULL;
/// int32_t code = ocireg_parse_reference("busybox", &json, &error);
/// if (code == OCIREG_OK) code = ocireg_json_get(json, "/with_default_tag", &canonical, &error);
/// // canonical is "docker.io/library/busybox:latest"
/// @endcode
///
/// @param reference  The reference, such as busybox or registry.example/team/app:1.0. Not NULL.
/// @param json       Receives a JSON object: `domain`, `path`, `tag` and `digest` ("" if absent), `name`,
///                   `familiar_name`, `familiar`, `canonical`, `with_default_tag`. Free it with ocireg_string_free().
///                   Not NULL.
/// @param error      Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
/// @return OCIREG_OK, or OCIREG_INVALID_REFERENCE if the reference is not valid.
///
/// Safe to call from any thread. Never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_parse_reference(
    reference: *const c_char,
    json: *mut *mut c_char,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(out = out(json), reference = text(reference));
        out.set_json(&reference.parse::<Reference>()?)
    })
}

/// Returns what is known about the repository of a reference without a configuration.
///
/// No host name is resolved: only localhost, 127.0.0.0/8 and ::1 are insecure. ocireg_service_resolve_repository() also
/// uses the configuration of a service.
///
/// @param reference  The reference. Not NULL.
/// @param json       Receives a JSON object: `Name`, `Index` (as from ocireg_parse_search_index_info()), `Official`,
///                   `Class`. Free it with ocireg_string_free(). Not NULL.
/// @param error      Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
/// @return OCIREG_OK, or OCIREG_INVALID_REFERENCE if the reference is not valid.
///
/// Safe to call from any thread. Never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_parse_repository_info(
    reference: *const c_char,
    json: *mut *mut c_char,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(out = out(json), reference = text(reference));
        let reference: Reference = reference.parse()?;
        out.set_json(&ServiceConfig::default().repository(&reference, lookup_local)?)
    })
}

/// Returns the index that a search term names, without a configuration.
///
/// @param term   The term, [HOST[:PORT]/]TERM. Not NULL.
/// @param json   Receives a JSON object: `Name`, `Mirrors`, `Secure`, `Official`. Free it with ocireg_string_free().
///               Not NULL.
/// @param error  Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
/// @return OCIREG_OK, or OCIREG_INVALID_CONFIG if the name of the index is not valid.
///
/// Safe to call from any thread. Never blocks: no host name is resolved. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_parse_search_index_info(
    term: *const c_char,
    json: *mut *mut c_char,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(out = out(json), term = text(term));
        let (index, _) = host::split_search_term(term);
        out.set_json(&ServiceConfig::default().index(index, lookup_local)?)
    })
}

/// Returns the key under which credentials for an index are stored.
///
/// It is https://index.docker.io/v1/ for Docker Hub, else the name of the index.
///
/// @param index_json  The index as a JSON object: `Name`, `Mirrors`, `Secure`, `Official`. Not NULL.
/// @param text        Receives the key. Free it with ocireg_string_free(). Not NULL.
/// @param error       Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
/// @return OCIREG_OK or an error code.
///
/// Safe to call from any thread. Never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_auth_config_key(
    index_json: *const c_char,
    text: *mut *mut c_char,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(out = out(text), index_json = text(index_json));
        let index = IndexInfo::parse(index_json, "index_json")?;
        out.set_text(credentials::auth_config_key(&index))
    })
}

/// Selects the credentials for an index.
///
/// These are the credentials under the key of the index, else the first ones, in the order of the keys, whose host is
/// that key.
///
/// @param auth_configs_json  A JSON object that maps registry addresses to AuthConfigs. Not NULL.
/// @param index_json         The index as a JSON object: `Name`, `Mirrors`, `Secure`, `Official`. Not NULL.
/// @param json               Receives an AuthConfig with the keys that are not empty: `username`, `password`, `auth`,
///                           `serveraddress`, `identitytoken`, `registrytoken`; {} means no credentials. Free it
///                           with ocireg_string_free(). Not NULL.
/// @param error              Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
/// @return OCIREG_OK or an error code.
///
/// Safe to call from any thread. Never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_resolve_auth_config(
    auth_configs_json: *const c_char,
    index_json: *const c_char,
    json: *mut *mut c_char,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(
            out = out(json),
            auth_configs_json = text(auth_configs_json),
            index_json = text(index_json)
        );
        let configs = credentials::parse_auth_configs(auth_configs_json, "auth_configs_json")?;
        let index = IndexInfo::parse(index_json, "index_json")?;
        out.set_json(&credentials::resolve_auth_config(&configs, &index).unwrap_or_default())
    })
}

/// Parses the challenges in WWW-Authenticate header lines.
///
/// Each line has one challenge. If the end of a line is malformed, its parameters up to there are returned.
///
/// @param header_lines_json  A JSON list of the header's values. Not NULL.
/// @param json               Receives a JSON list of objects: `scheme` (in lower case) and `parameters`. Free it with
///                           ocireg_string_free(). Not NULL.
/// @param error              Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
/// @return OCIREG_OK or an error code.
///
/// Safe to call from any thread. Never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_parse_challenges(
    header_lines_json: *const c_char,
    json: *mut *mut c_char,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(out = out(json), header_lines_json = text(header_lines_json));
        let lines = strict::parse_strings(header_lines_json, "header_lines_json")?;
        out.set_json(&challenge::parse(lines.iter().map(String::as_str)))
    })
}

/// Reads the directory of certificates for one registry.
///
/// Files that end in .crt are CA certificates; X.cert with X.key is a client certificate. A directory that does not
/// exist counts as empty.
///
/// @param directory  The path of the directory. Not NULL.
/// @param json       Receives a JSON object: `InsecureSkipVerify` (false), `MinVersion`, `RootCAs` (paths, sorted by
///                   name), `Certificates` (objects with `cert` and `key`). Free it with ocireg_string_free(). Not
///                   NULL.
/// @param error      Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
/// @return OCIREG_OK or an error code, such as:
///         - OCIREG_INVALID_CONFIG: a .cert has no .key, or a .key no .cert.
///         - OCIREG_PERMISSION, OCIREG_IO: the directory or a file cannot be read.
///
/// Safe to call from any thread. Reads files. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_read_certs_directory(
    directory: *const c_char,
    json: *mut *mut c_char,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(out = out(json), directory = text(directory));
        out.set_json(&certs_d::read(Path::new(directory))?)
    })
}

/// Returns the default directory of certificates: /etc/docker/certs.d, or docker/certs.d in the user's configuration
/// directory under rootlesskit.
///
/// @param text   Receives the path. Free it with ocireg_string_free(). Not NULL.
/// @param error  Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
/// @return OCIREG_OK or an error code.
///
/// Safe to call from any thread. Never blocks. Uses the environment variables ROOTLESSKIT_STATE_DIR, XDG_CONFIG_HOME
/// and HOME, except in a set-user-ID or file-capability program. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_certs_dir(
    text: *mut *mut c_char,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(out = out(text));
        out.set_text(
            certs_d::default_directory(Environment::of_process(true)).display().to_string(),
        )
    })
}
