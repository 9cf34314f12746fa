//! Helpers for programs without a JSON parser.

use std::ffi::c_char;

use super::error::ocireg_error;
use crate::credentials::AuthConfig;
use crate::json::pointer;

/// Returns a value from JSON, such as the digest of the first layer of a manifest.
///
/// A JSON Pointer (RFC 6901) names the value: a / before each key or index, and indices start at 0. In a key, write ~1
/// for / and ~0 for ~. "" is the whole JSON. Example:
///
/// @code
/// char *digest = NULL;
/// if (ocireg_json_get(report, "/descriptor/digest", &digest, &error) == OCIREG_OK) puts(digest);
/// ocireg_string_free(digest);
/// @endcode
///
/// @param json     The JSON: a result of this library, a manifest, or any other JSON with unique keys and at most 32
///                 levels. Not NULL.
/// @param pointer  The JSON Pointer, such as /layers/0/digest. Not NULL.
/// @param text     Receives the value: a string without quotes and escapes, anything else (a number, true, false, null,
///                 an object, a list) as it is in the JSON. Free it with ocireg_string_free(). Not NULL.
/// @param error    Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
/// @return OCIREG_OK or an error code, such as:
///         - OCIREG_NOT_FOUND: there is no such value.
///         - OCIREG_INVALID_ARGUMENT: the pointer does not begin with /, or has a ~ without 0 or 1.
///         - OCIREG_UNSUPPORTED: the value is a string that contains a NUL character.
///
/// Safe to call from any thread. Never blocks. Each call parses the JSON again. Since 0.2.
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

/// Returns the number of elements of a list, or of keys of an object, in JSON.
///
/// Example:
///
/// @code
/// size_t layers = 0;
/// int32_t code = ocireg_json_length(manifest, "/layers", &layers, &error);
/// @endcode
///
/// @param json     The JSON, as for ocireg_json_get(). Not NULL.
/// @param pointer  The JSON Pointer of the list or object; "" is the whole JSON. Not NULL.
/// @param length   Receives the number; 0 on failure. Not NULL.
/// @param error    Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
/// @return OCIREG_OK or an error code, such as:
///         - OCIREG_NOT_FOUND: there is no such value.
///         - OCIREG_INVALID_ARGUMENT: the value is not a list or object, or the pointer is not valid.
///
/// Safe to call from any thread. Never blocks. Since 0.2.
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

/// Returns the strings of a list in JSON, such as tags, or one string of each of its elements, such as the digests of
/// layers.
///
/// Example:
///
/// @code
/// char **tags = NULL, **layers = NULL;
/// size_t count = 0;
/// int32_t code = ocireg_session_list_tags(session, context, NULL, &json, &error);
/// if (code == OCIREG_OK) code = ocireg_json_strings(json, "/tags", NULL, &tags, &count, &error);
/// for (size_t i = 0; i < count; i++) puts(tags[i]);
/// if (code == OCIREG_OK) code = ocireg_json_strings(manifest, "/layers", "/digest", &layers, NULL, &error);
/// ocireg_strings_free(layers);
/// ocireg_strings_free(tags);
/// @endcode
///
/// @param json     The JSON, as for ocireg_json_get(). Not NULL.
/// @param pointer  The JSON Pointer of the list; "" is the whole JSON. Not NULL.
/// @param member   The JSON Pointer of the value within each element, such as /digest. NULL or "" is the element itself.
/// @param strings  Receives an array of the values, each as ocireg_json_get() returns it, with a null pointer after the
///                 last one. Free it with ocireg_strings_free(). Not NULL.
/// @param count    Receives the number of values; 0 on failure. May be NULL.
/// @param error    Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
/// @return OCIREG_OK or an error code, such as:
///         - OCIREG_NOT_FOUND: there is no such list, or an element does not have the member.
///         - OCIREG_INVALID_ARGUMENT: the value is not a list, or a pointer is not valid.
///         - OCIREG_UNSUPPORTED: a value is a string that contains a NUL character.
///
/// Safe to call from any thread. Never blocks. Since 0.2.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_json_strings(
    json: *const c_char,
    pointer: *const c_char,
    member: *const c_char,
    strings: *mut *mut *mut c_char,
    count: *mut usize,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(
            out = out(strings),
            count = optional_number(count),
            json = text(json),
            pointer = text(pointer),
            member = optional_text(member)
        );
        let found = pointer::strings(json, pointer, member)?;
        count.set(found.len());
        out.set_strings(found)
    })
}

/// Creates an AuthConfig from a user name and a password, with everything escaped correctly.
///
/// The result is what `auth_json` parameters and the option `auth` take; ocireg_service_login() has an example.
///
/// @param host      The registry as host[:port]; it becomes `serveraddress`, which login and auth use. "docker.io"
///                  becomes https://index.docker.io/v1/. May be NULL or "".
/// @param username  The user name, without control characters and colons. NULL or "" is anonymous; there must be no
///                  password then.
/// @param password  The password or access token. It may have several lines, as a JSON key file does. If there is a
///                  user name it cannot be NULL, but "" is a valid password.
/// @param json      Receives the AuthConfig with the keys that are not empty: `username`, `password`, `serveraddress`.
///                  It contains the password; ocireg_string_free() overwrites it. Not NULL.
/// @param error     Receives the error on failure, which never contains the password. Free it with ocireg_error_free().
///                  May be NULL.
/// @return OCIREG_OK or an error code.
///
/// Safe to call from any thread. Never blocks. Since 0.2.
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
