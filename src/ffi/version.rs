//! The version of the library, and the names of error codes.

use std::ffi::{CString, c_char};

use once_cell::sync::Lazy;

use crate::error::Code;

const fn part(text: &str) -> u32 {
    let bytes = text.as_bytes();
    let (mut value, mut i) = (0, 0);
    while i < bytes.len() {
        value = value * 10 + (bytes[i] - b'0') as u32;
        i += 1;
    }
    value
}

const MAJOR: u32 = part(env!("CARGO_PKG_VERSION_MAJOR"));
const MINOR: u32 = part(env!("CARGO_PKG_VERSION_MINOR"));
const PATCH: u32 = part(env!("CARGO_PKG_VERSION_PATCH"));

/// Returns the version of the library, such as "0.2.0".
///
/// @return A static string.
///
/// Safe to call from any thread. Never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_version() -> *const c_char {
    guard!(default = c"".as_ptr(), {
        const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "\0");
        VERSION.as_ptr().cast()
    })
}

/// Returns the version and the features of the library as a JSON object.
///
/// Its keys are `version`, `features` (a list of names), `protocols`, `http` and `tls`.
///
/// @return A static string.
///
/// Safe to call from any thread. Never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_version_info() -> *const c_char {
    guard!(default = c"{}".as_ptr(), {
        static INFO: Lazy<CString> = Lazy::new(|| {
            let info = serde_json::json!({
                "version": env!("CARGO_PKG_VERSION"),
                "features": [
                    "pull", "push", "copy", "unpack", "export", "upload", "login", "search", "proxy", "log",
                ],
                "protocols": ["v1", "v2"],
                "http": crate::http::CLIENT,
                "tls": "rustls",
            });
            CString::new(info.to_string()).unwrap_or_default()
        });
        INFO.as_ptr()
    })
}

/// Returns the version of the library as a number: major << 16 | minor << 8 | patch.
///
/// @return The number. OCIREG_VERSION_NUMBER is the version of the header.
///
/// Safe to call from any thread. Never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_version_number() -> u32 {
    guard!(default = 0, { MAJOR << 16 | MINOR << 8 | PATCH })
}

/// Returns the name of a code, such as "OCIREG_NOT_FOUND" for 80.
///
/// @param code  The code that a function returned.
/// @return A static string; "OCIREG_UNKNOWN" for a number that this version does not know.
///
/// Safe to call from any thread. Never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_code_name(code: i32) -> *const c_char {
    guard!(default = c"".as_ptr(), {
        match (code, Code::of(code)) {
            (0, _) => c"OCIREG_OK",
            (_, Some(code)) => code.c_name(),
            (_, None) => c"OCIREG_UNKNOWN",
        }
        .as_ptr()
    })
}

/// Returns a sentence about a code, such as "The requested object does not exist." for 80.
///
/// Use it if you have a code without its error object; ocireg_error_message() says more. Example:
///
/// @code
/// fprintf(stderr, "%s: %s\n", ocireg_code_name(code), ocireg_code_text(code));
/// @endcode
///
/// @param code  The code that a function returned.
/// @return A static string; never NULL. For a number that this version does not know, the sentence says so.
///
/// Safe to call from any thread. Never blocks. Since 0.2.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_code_text(code: i32) -> *const c_char {
    guard!(default = c"".as_ptr(), {
        match (code, Code::of(code)) {
            (0, _) => c"The call succeeded.",
            (_, Some(code)) => code.text(),
            (_, None) => c"This version of ocireg does not know the code.",
        }
        .as_ptr()
    })
}
