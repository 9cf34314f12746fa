//! Helpers for programs without a JSON parser.

use std::ffi::c_char;

use super::error::ocireg_error;
use crate::credentials::AuthConfig;
use crate::json::pointer;

/// Gets a value out of JSON, such as the `digest` of the first layer of a manifest.
///
/// The value is named by a JSON Pointer (RFC 6901): / before each key or index, indices from 0, ~1 for a / and ~0 for
/// a ~ within a key; "" is the whole. Example:
///
/// @code
/// char *digest = NULL;
/// if (ocireg_json_get(report, "/descriptor/digest", &digest, &error) == OCIREG_OK) puts(digest);
/// ocireg_string_free(digest);
/// @endcode
///
/// @param json     JSON: what a function of this library returned, a manifest, or any other with unique keys and no
///                 more than 32 levels. Not NULL.
/// @param pointer  the JSON Pointer, such as /layers/0/digest. Not NULL.
/// @param text     receives the value: a string without quotes and escapes, anything else (numbers, true, false, null,
///                 objects, arrays) as it stands in the JSON; the caller frees it with ocireg_string_free(). Not NULL.
/// @param error    receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
/// @return OCIREG_OK; OCIREG_NOT_FOUND when there is no such value; OCIREG_INVALID_ARGUMENT for a pointer that does not
///         begin with / or has a ~ without 0 or 1; OCIREG_INVALID_UTF8; OCIREG_INVALID_JSON; OCIREG_UNSUPPORTED when
///         the value is a string that holds a NUL character.
///
/// Any thread. Never blocks. Each call reads the JSON from its beginning. Since 0.2.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_json_get(
    json: *const c_char,
    pointer: *const c_char,
    text: *mut *mut c_char,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(out = out(text), json = text(json), pointer = text(pointer));
        out.set_text(pointer::get(json, pointer)?)
    })
}

/// Counts the elements of an array, or the keys of an object, in JSON.
///
/// Example, which goes through the layers of a manifest:
///
/// @code
/// size_t layers = 0;
/// ocireg_json_length(manifest, "/layers", &layers, &error);
/// @endcode
///
/// @param json     JSON, as for ocireg_json_get(). Not NULL.
/// @param pointer  the JSON Pointer of the array or object; "" is the whole. Not NULL.
/// @param length   receives the number; 0 on failure. Not NULL.
/// @param error    receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
/// @return OCIREG_OK; OCIREG_NOT_FOUND when there is no such value; OCIREG_INVALID_ARGUMENT for a value that is not an
///         array or object, and for a pointer that is not valid; OCIREG_INVALID_UTF8; OCIREG_INVALID_JSON.
///
/// Any thread. Never blocks. Since 0.2.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_json_length(
    json: *const c_char,
    pointer: *const c_char,
    length: *mut usize,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(length = number(length), json = text(json), pointer = text(pointer));
        let counted = pointer::length(json, pointer)?;
        length.set(counted);
        Ok(())
    })
}

/// Makes the JSON of an AuthConfig from a user name and a password, with everything escaped that must be.
///
/// The result is what `auth_json` parameters and the option `auth` take. Example:
///
/// @code
/// char *auth = NULL, *result = NULL;
/// ocireg_auth_json("registry.example:5000", "alice", getenv("REGISTRY_PASSWORD"), &auth, &error);
/// ocireg_service_login(service, context, auth, NULL, &result, &error);
/// ocireg_string_free(auth);
/// @endcode
///
/// @param host      the registry as host[:port], for `serveraddress`, which login and auth read; docker.io is
///                  https://index.docker.io/v1/. NULL or "" leaves it out.
/// @param username  the user's name, without control characters and colons. NULL or "" is anonymous, and password must
///                  be so, too.
/// @param password  the user's password or access token; it may have several lines, as a JSON key file has. NULL is
///                  not allowed with a username; "" is an empty password.
/// @param json      receives the AuthConfig: `username`, `password`, `serveraddress` where not empty; it holds the
///                  password; the caller frees it with ocireg_string_free(), which overwrites it. Not NULL.
/// @param error     receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL. It never holds the password.
/// @return OCIREG_OK, OCIREG_INVALID_ARGUMENT or OCIREG_INVALID_UTF8.
///
/// Any thread. Never blocks. Since 0.2.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_auth_json(
    host: *const c_char,
    username: *const c_char,
    password: *const c_char,
    json: *mut *mut c_char,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(
            out = out(json),
            host = optional_text(host),
            username = optional_text(username),
            password = optional_text(password)
        );
        out.set_json(&AuthConfig::of_user(host, username, password)?)
    })
}
