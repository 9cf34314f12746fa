//! Errors: what went wrong, and what can be done about it.

use std::ffi::{CString, c_char};

use super::handle;
use crate::error::{Details, Error};

/// Why a call failed: a code, one line of text, and a JSON document with everything that is known.
///
/// Made by a failing function in its last parameter, if that is not NULL; the caller frees it with
/// ocireg_error_free(). May be read from any thread at any time: it never changes.
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

/// The error's code, an `OCIREG_…` number.
///
/// @param error  an error, or NULL.
/// @return the code; 0 for NULL.
///
/// Any thread. Never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_error_code(error: *const ocireg_error) -> i32 {
    // SAFETY: the header's contract.
    guard!(default = 0, { unsafe { rendered(error) }.map_or(0, |e| e.code) })
}

/// The error's text: one line, what could not be done and its causes.
///
/// @param error  an error, or NULL.
/// @return text that is borrowed from the error until ocireg_error_free(); "" for NULL. Never NULL.
///
/// Any thread. Never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_error_message(error: *const ocireg_error) -> *const c_char {
    guard!(default = c"".as_ptr(), {
        // SAFETY: the header's contract.
        unsafe { rendered(error) }.map_or(c"".as_ptr(), |e| e.message.as_ptr())
    })
}

/// The error as a JSON object: `code`, `name`, `message`, `retryable`, and whatever else is known and applies:
/// `causes`, `http_status`, `errors` (the registry's own), `method`, `scheme`, `host`, `path` (never a query),
/// `endpoint`, `phase`, `digest_expected`, `digest_actual`, `size_expected`, `size_actual`, `bytes_done`,
/// `retry_after_ms`, `cancelled_by`, `what`, `argument`, `attempts` (errors of the endpoints tried), `hint`.
///
/// @param error  an error, or NULL.
/// @return text that is borrowed from the error until ocireg_error_free(); "{}" for NULL. Never NULL.
///
/// Any thread. Never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_error_json(error: *const ocireg_error) -> *const c_char {
    guard!(default = c"{}".as_ptr(), {
        // SAFETY: the header's contract.
        unsafe { rendered(error) }.map_or(c"{}".as_ptr(), |e| e.json.as_ptr())
    })
}

/// Says what the user can do about the error, such as which option to set or which file to check.
///
/// Show it after the message; it is the same string as `hint` of ocireg_error_json(). Example:
///
/// @code
/// fprintf(stderr, "error: %s\n", ocireg_error_message(error));
/// if (*ocireg_error_hint(error)) fprintf(stderr, "hint: %s\n", ocireg_error_hint(error));
/// @endcode
///
/// @param error  an error, or NULL.
/// @return one line of text that is borrowed from the error until ocireg_error_free(); "" where there is no hint, and
///         for NULL. Never NULL.
///
/// Any thread. Never blocks. Since 0.2.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_error_hint(error: *const ocireg_error) -> *const c_char {
    guard!(default = c"".as_ptr(), {
        // SAFETY: the header's contract.
        unsafe { rendered(error) }.map_or(c"".as_ptr(), |e| e.hint.as_ptr())
    })
}

/// The HTTP status that caused the error.
///
/// @param error  an error, or NULL.
/// @return the status; 0 if there was none, and for NULL.
///
/// Any thread. Never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_error_http_status(error: *const ocireg_error) -> i32 {
    // SAFETY: the header's contract.
    guard!(default = 0, { unsafe { rendered(error) }.map_or(0, |e| e.http_status) })
}

/// How long the registry asked to wait before asking again, in milliseconds.
///
/// @param error  an error, or NULL.
/// @return the time; -1 if it said none, and for NULL.
///
/// Any thread. Never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_error_retry_after_ms(error: *const ocireg_error) -> i64 {
    // SAFETY: the header's contract.
    guard!(default = -1, { unsafe { rendered(error) }.map_or(-1, |e| e.retry_after_ms) })
}

/// Whether the same call may succeed when it is made again.
///
/// @param error  an error, or NULL.
/// @return 1 or 0; 0 for NULL.
///
/// Any thread. Never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_error_retryable(error: *const ocireg_error) -> i32 {
    // SAFETY: the header's contract.
    guard!(default = 0, { unsafe { rendered(error) }.map_or(0, |e| i32::from(e.retryable)) })
}

/// Frees an error and the texts that were borrowed from it.
///
/// @param error  an error, or NULL, which does nothing.
///
/// Any thread. Never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_error_free(error: *mut ocireg_error) {
    // SAFETY: the header's contract.
    guard!(default = (), { unsafe { handle::free(error) } })
}
