//! Errors: what went wrong, and what can be done about it.

use std::ffi::{CString, c_char};

use super::handle;
use crate::error::{Details, Error};

/// What went wrong in a call: a code, a message, and a JSON object with everything that is known.
///
/// A function that fails stores it in its last parameter, unless that is NULL. It never changes, so any thread may read
/// it at any time. Free it with ocireg_error_free().
pub struct ocireg_error {
    _opaque: [u8; 0],
}

/// An error with its texts ready to be lent.
#[derive(Debug)]
pub struct Rendered {
    code: i32,
    message: CString,
    json: CString,
    hint: CString,
    http_status: i32,
    retry_after_ms: i64,
    retryable: bool,
}

handle_type!(ocireg_error, Rendered, b"ocierror");

/// Hands an error to C.
pub(super) fn into_raw(error: Error) -> *mut ocireg_error {
    let details: &Details = error.details();
    let text = |text: String| CString::new(text.replace('\0', "\\0")).unwrap_or_default();
    handle::into_raw(Rendered {
        code: error.code().number(),
        message: text(error.to_string()),
        json: text(error.to_json()),
        hint: text(error.hint_text().unwrap_or_default().to_owned()),
        http_status: details.http_status.map_or(0, i32::from),
        retry_after_ms: details
            .retry_after_ms
            .map_or(-1, |ms| i64::try_from(ms).unwrap_or(i64::MAX)),
        retryable: error.is_retryable(),
    })
}

/// The error's values, if the pointer is an error.
///
/// # Safety
/// `error` is NULL or an error of this library that lives for `'a`.
unsafe fn rendered<'a>(error: *const ocireg_error) -> Option<&'a Rendered> {
    // SAFETY: passed on.
    unsafe { handle::optional(error) }.ok().flatten()
}

/// Returns the code of an error.
///
/// @param error  The error. May be NULL.
/// @return The code, such as OCIREG_NOT_FOUND; 0 for NULL.
///
/// Safe to call from any thread. Never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_error_code(error: *const ocireg_error) -> i32 {
    // SAFETY: the header's contract.
    guard!(default = 0, { unsafe { rendered(error) }.map_or(0, |e| e.code) })
}

/// Returns the message of an error: one line that says what failed and why.
///
/// @param error  The error. May be NULL.
/// @return A string that belongs to the error and is valid until ocireg_error_free(); "" for NULL. Never NULL.
///
/// Safe to call from any thread. Never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_error_message(error: *const ocireg_error) -> *const c_char {
    guard!(default = c"".as_ptr(), {
        // SAFETY: the header's contract.
        unsafe { rendered(error) }.map_or(c"".as_ptr(), |e| e.message.as_ptr())
    })
}

/// Returns everything that is known about an error as a JSON object.
///
/// It contains `code`, `name`, `message`, `retryable`, and the keys that apply: `causes`, `http_status`, `errors`
/// (those that the registry sent), `method`, `scheme`, `host`, `path` (without the query string), `endpoint`, `phase`,
/// `digest_expected`, `digest_actual`, `size_expected`, `size_actual`, `bytes_done`, `retry_after_ms`, `cancelled_by`,
/// `what`, `argument`, `attempts` (the errors of all endpoints that were tried), `hint`.
///
/// @param error  The error. May be NULL.
/// @return A string that belongs to the error and is valid until ocireg_error_free(); "{}" for NULL. Never NULL.
///
/// Safe to call from any thread. Never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_error_json(error: *const ocireg_error) -> *const c_char {
    guard!(default = c"{}".as_ptr(), {
        // SAFETY: the header's contract.
        unsafe { rendered(error) }.map_or(c"{}".as_ptr(), |e| e.json.as_ptr())
    })
}

/// Returns what the user can do about an error, such as which option to set or which file to check.
///
/// It is the same string as `hint` of ocireg_error_json(). Example:
///
/// @code
/// fprintf(stderr, "error: %s\n", ocireg_error_message(error));
/// if (*ocireg_error_hint(error)) fprintf(stderr, "hint: %s\n", ocireg_error_hint(error));
/// @endcode
///
/// @param error  The error. May be NULL.
/// @return A line that belongs to the error and is valid until ocireg_error_free(); "" if the error has no hint, and for
///         NULL. Never NULL.
///
/// Safe to call from any thread. Never blocks. Since 0.2.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_error_hint(error: *const ocireg_error) -> *const c_char {
    guard!(default = c"".as_ptr(), {
        // SAFETY: the header's contract.
        unsafe { rendered(error) }.map_or(c"".as_ptr(), |e| e.hint.as_ptr())
    })
}

/// Returns the HTTP status that caused an error.
///
/// @param error  The error. May be NULL.
/// @return The status, such as 404; 0 if there was none, and for NULL.
///
/// Safe to call from any thread. Never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_error_http_status(error: *const ocireg_error) -> i32 {
    // SAFETY: the header's contract.
    guard!(default = 0, { unsafe { rendered(error) }.map_or(0, |e| e.http_status) })
}

/// Returns how long the registry asked to wait before the next attempt.
///
/// @param error  The error. May be NULL.
/// @return The time in milliseconds; -1 if the registry did not say, and for NULL.
///
/// Safe to call from any thread. Never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_error_retry_after_ms(error: *const ocireg_error) -> i64 {
    // SAFETY: the header's contract.
    guard!(default = -1, { unsafe { rendered(error) }.map_or(-1, |e| e.retry_after_ms) })
}

/// Returns whether the same call may succeed if you try again.
///
/// @param error  The error. May be NULL.
/// @return 1 or 0; 0 for NULL.
///
/// Safe to call from any thread. Never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_error_retryable(error: *const ocireg_error) -> i32 {
    // SAFETY: the header's contract.
    guard!(default = 0, { unsafe { rendered(error) }.map_or(0, |e| i32::from(e.retryable)) })
}

/// Frees an error and the strings that belong to it.
///
/// @param error  The error. NULL does nothing.
///
/// Call it once, from any thread. Never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_error_free(error: *mut ocireg_error) {
    // SAFETY: the header's contract.
    guard!(default = (), { unsafe { handle::free(error) } })
}
