//! The boundary that every exported function's body runs in: no panic crosses, every failure becomes an error.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::error::{self, ocireg_error};
use crate::error::{Code, Error, Result};

/// `guard!(error, { body of Result<()> })` for functions that return a code, `guard!(default, { body })` with
/// `default =` a value for the few that return something else.
macro_rules! guard {
    (default = $default:expr, $body:block) => {
        $crate::ffi::guard::value($default, || $body)
    };
    ($error:expr, $body:block) => {{
        let body = || -> $crate::error::Result<()> { $body };
        // SAFETY: the header asks for NULL or a pointer to an `ocireg_error *` that may be written.
        unsafe { $crate::ffi::guard::code($error, body) }
    }};
}

/// Runs a body; its failure, or its panic, goes to `*error`, its code to the caller.
///
/// # Safety
/// `error` is NULL or may be written.
pub(super) unsafe fn code(error: *mut *mut ocireg_error, body: impl FnOnce() -> Result<()>) -> i32 {
    if !error.is_null() {
        // SAFETY: not NULL, so the caller lets us write it.
        unsafe { *error = std::ptr::null_mut() };
    }
    let result =
        catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|panic| Err(panicked(&*panic)));
    let Err(failure) = result else { return 0 };
    let code = failure.code().number();
    if !error.is_null() {
        // Boxing an error renders its texts once; should that panic too, the code still gets out.
        if let Ok(boxed) = catch_unwind(AssertUnwindSafe(|| error::into_raw(failure))) {
            // SAFETY: as above.
            unsafe { *error = boxed };
        }
    }
    code
}

/// Runs a body that cannot report an error.
pub(super) fn value<T>(default: T, body: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or(default)
}

fn panicked(panic: &(dyn Any + Send)) -> Error {
    let text = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_default();
    Error::new(Code::Panic, "a defect of the library stopped the call")
        .cause(text)
        .hint("please report this; the handle may be used further")
}
