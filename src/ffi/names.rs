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

/// The host of a registry's address: drops one leading http:// or https://, then everything from the first /.
///
/// @param url    the address. Not NULL.
/// @param text   receives the host; the caller frees it with ocireg_string_free(). Not NULL.
/// @param error  receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
/// @return OCIREG_OK, OCIREG_INVALID_ARGUMENT or OCIREG_INVALID_UTF8.
///
/// Any thread. Never blocks. Since 0.1.
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

/// The name of an index as the library uses it: index.docker.io becomes docker.io, others stay as they are.
///
/// @param name   the name. Not NULL.
/// @param text   receives the name; the caller frees it with ocireg_string_free(). Not NULL.
/// @param error  receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
/// @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_UTF8, or OCIREG_INVALID_CONFIG for a name that
///         begins or ends
///         with a hyphen.
///
/// Any thread. Never blocks. Since 0.1.
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

/// Checks the address of a mirror and ensures one / at its end.
///
/// @param url    the address: http or https, without user info, query and fragment; a path is allowed. Not NULL.
/// @param text   receives the address; the caller frees it with ocireg_string_free(). Not NULL.
/// @param error  receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
/// @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_UTF8, or OCIREG_INVALID_CONFIG, whose message never
///         holds a password.
///
/// Any thread. Never blocks. Since 0.1.
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
/// @param reference  the reference, such as busybox or registry.example/team/app:1.0. Not NULL.
/// @param json       receives an object: `domain`, `path`, `tag`, `digest` ("" where absent),
///                   `name`, `familiar_name`, `familiar`, `canonical`, `with_default_tag`; freed by
///                   ocireg_string_free(). Not NULL.
/// @param error      receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
/// @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_UTF8 or OCIREG_INVALID_REFERENCE.
///
/// Any thread. Never blocks. Since 0.1.
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

/// What is known of a reference's repository without a configuration and without asking a name server: only
/// localhost, 127.0.0.0/8 and ::1 are insecure. ocireg_service_resolve_repository() knows more.
///
/// @param reference  the reference. Not NULL.
/// @param json       receives an object: `Name`, `Index` (as of
///                   ocireg_parse_search_index_info()), `Official`, `Class`; the caller frees it with ocireg_string_free(). Not
///                   NULL.
/// @param error      receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
/// @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_UTF8, OCIREG_INVALID_REFERENCE or
///         OCIREG_INVALID_CONFIG.
///
/// Any thread. Never blocks. Since 0.1.
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

/// The index that a search term names, without a configuration and without asking a name server.
///
/// @param term   the term, [HOST[:PORT]/]TERM. Not NULL.
/// @param json   receives an object: `Name`, `Mirrors`, `Secure`, `Official`; the caller frees it with ocireg_string_free(). Not
///               NULL.
/// @param error  receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
/// @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_UTF8 or OCIREG_INVALID_CONFIG.
///
/// Any thread. Never blocks. Since 0.1.
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

/// The key under which the credentials of an index are kept: https://index.docker.io/v1/ for the official
/// one, else its name.
///
/// @param index_json  an index: `Name`, `Mirrors`, `Secure`, `Official`. Not NULL.
/// @param text        receives the key; the caller frees it with ocireg_string_free(). Not NULL.
/// @param error       receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
/// @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_UTF8 or OCIREG_INVALID_JSON.
///
/// Any thread. Never blocks. Since 0.1.
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

/// The credentials for an index among several: those under its key, else the first, in key order, whose host is
/// the key.
///
/// @param auth_configs_json  an object of registry address to AuthConfig. Not NULL.
/// @param index_json         an index: `Name`, `Mirrors`, `Secure`, `Official`. Not NULL.
/// @param json               receives an AuthConfig: `username`, `password`, `auth`,
///                           `serveraddress`, `identitytoken`, `registrytoken` where not empty; {} if there is
///                           none; the caller frees it with ocireg_string_free(). Not NULL.
/// @param error              receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
/// @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_UTF8 or OCIREG_INVALID_JSON.
///
/// Any thread. Never blocks. Since 0.1.
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

/// The challenges in WWW-Authenticate header lines, one for each line; a malformed tail ends the parameters of its
/// line.
///
/// @param header_lines_json  a list of the header's values. Not NULL.
/// @param json               receives a list of objects: `scheme` (in lower case) and `parameters`; freed by
///                           ocireg_string_free(). Not NULL.
/// @param error              receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
/// @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_UTF8 or OCIREG_INVALID_JSON.
///
/// Any thread. Never blocks. Since 0.1.
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

/// Reads a directory of certificates as it is kept for a registry: *.crt are CA certificates, X.cert with X.key
/// is a client certificate. A directory that does not exist is empty.
///
/// @param directory  the directory's path. Not NULL.
/// @param json       receives an object: `InsecureSkipVerify` (false), `MinVersion`,
///                   `RootCAs` (paths, in name order), `Certificates` (objects of `cert` and `key`); freed by
///                   ocireg_string_free(). Not NULL.
/// @param error      receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
/// @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_UTF8, OCIREG_INVALID_CONFIG when a certificate or
///         key lacks
///         its other half, OCIREG_PERMISSION or OCIREG_IO when something cannot be read.
///
/// Any thread. Reads files. Since 0.1.
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

/// The directory whose subdirectories hold registries' certificates: /etc/docker/certs.d, or, under rootlesskit,
/// docker/certs.d in the user's configuration directory.
///
/// @param text   receives the path; the caller frees it with ocireg_string_free(). Not NULL.
/// @param error  receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
/// @return OCIREG_OK or OCIREG_INVALID_ARGUMENT.
///
/// Any thread. Reads the environment (ROOTLESSKIT_STATE_DIR, XDG_CONFIG_HOME, HOME), but not in a set-user-ID or
/// file-capability program. Never blocks. Since 0.1.
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
