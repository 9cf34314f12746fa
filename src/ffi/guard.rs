//! The boundary that every exported function's body runs in: no panic crosses, every failure becomes an error.

use std::any::Any;
use std::cell::RefCell;
use std::ffi::c_int;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::error::{self, ocireg_error};
use crate::crypto;
use crate::error::{Code, Error, Result};
use crate::mask::Mask;

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

/// While it lives, pthread_cancel() does not end the thread: unwinding for that would abort the process at the boundary,
/// and skip what must be released. It takes effect at the thread's next cancellation point.
struct Uncancelled(c_int);

const PTHREAD_CANCEL_DISABLE: c_int = 1;

unsafe extern "C" {
    // The crate libc does not declare it for Linux.
    fn pthread_setcancelstate(state: c_int, old: *mut c_int) -> c_int;
}

impl Uncancelled {
    fn begin() -> Self {
        let mut old = 0;
        // SAFETY: a live place out; it fails only for states that do not exist.
        unsafe { pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &raw mut old) };
        Self(old)
    }
}

impl Drop for Uncancelled {
    fn drop(&mut self) {
        let mut ours = 0;
        // SAFETY: puts the state back that the thread had; with deferred cancellation nothing else happens here.
        unsafe { pthread_setcancelstate(self.0, &raw mut ours) };
    }
}

const NO_RANDOMNESS: &str =
    "allow the process to call getrandom or to read /dev/urandom (also inside a chroot)";

/// Runs a body; its failure, or its panic, goes to `*error`, its code to the caller.
///
/// # Safety
/// `error` is NULL or may be written.
pub(super) unsafe fn code(error: *mut *mut ocireg_error, body: impl FnOnce() -> Result<()>) -> i32 {
    let mut body = Some(body);
    // SAFETY: passed on.
    unsafe { code_of(error, &mut || body.take().map_or(Ok(()), |body| body())) }
}

/// Not generic: compiled once for all functions.
///
/// # Safety
/// `error` is NULL or may be written.
unsafe fn code_of(error: *mut *mut ocireg_error, body: &mut dyn FnMut() -> Result<()>) -> i32 {
    let _uncancelled = Uncancelled::begin();
    if !error.is_null() {
        // SAFETY: not NULL, so the caller lets us write it.
        unsafe { *error = std::ptr::null_mut() };
    }
    let checked = || {
        crypto::check_randomness()
            .map_err(|e| Error::file("cannot start the call", &e).hint(NO_RANDOMNESS))?;
        body()
    };
    let watched = Watched::begin();
    let result =
        catch_unwind(AssertUnwindSafe(checked)).unwrap_or_else(|panic| Err(panicked(&*panic)));
    let mask = watched.end();
    let Err(failure) = result else { return 0 };
    let failure = match mask {
        Some(mask) => mask.error(failure),
        None => failure,
    };
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

thread_local! {
    /// What the call on this thread has sent as a secret.
    static SENT: RefCell<Option<Mask>> = const { RefCell::new(None) };
}

/// Has the secrets that a call sends masked in the error that it ends with.
pub(super) fn watch(mask: &Mask) {
    SENT.set(Some(mask.clone()));
}

/// The time of one call; those of callbacks lie within.
struct Watched(Option<Mask>);

impl Watched {
    fn begin() -> Self {
        Self(SENT.take())
    }

    fn end(mut self) -> Option<Mask> {
        SENT.replace(self.0.take())
    }
}

/// Runs a body that cannot report an error.
pub(super) fn value<T>(default: T, body: impl FnOnce() -> T) -> T {
    let _uncancelled = Uncancelled::begin();
    catch_unwind(AssertUnwindSafe(body)).unwrap_or(default)
}

fn panicked(panic: &(dyn Any + Send)) -> Error {
    let text = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_default();
    Error::new(Code::Panic, "internal error: ocireg panicked during this call")
        .cause(text)
        .hint("please report it; the handle can still be used")
}

#[cfg(test)]
mod tests {
    use std::ffi::CStr;
    use std::ptr;

    use super::super::error::{ocireg_error_code, ocireg_error_free, ocireg_error_json};
    use super::*;

    fn json(error: *const ocireg_error) -> serde_json::Value {
        // SAFETY: an error that `code` just made; its text lives as long.
        let text = unsafe { CStr::from_ptr(ocireg_error_json(error)) };
        serde_json::from_slice(text.to_bytes()).expect("errors render as JSON")
    }

    #[test]
    fn a_panic_becomes_an_error() {
        let mut error = ptr::null_mut();
        // SAFETY: `error` may be written.
        let returned = unsafe { code(&raw mut error, || panic!("the sky is {}", "falling")) };
        assert_eq!(returned, Code::Panic.number());
        // SAFETY: as above.
        assert_eq!(unsafe { ocireg_error_code(error) }, returned);
        assert!(json(error)["message"].as_str().expect("text").contains("the sky is falling"));
        // SAFETY: ours, and freed once.
        unsafe { ocireg_error_free(error) };
    }

    #[test]
    fn a_panic_with_something_else_than_text_becomes_an_error() {
        let mut error = ptr::null_mut();
        // SAFETY: `error` may be written.
        let returned = unsafe { code(&raw mut error, || std::panic::panic_any(7)) };
        assert_eq!(returned, Code::Panic.number());
        assert_eq!(json(error)["name"], "PANIC");
        // SAFETY: ours, and freed once.
        unsafe { ocireg_error_free(error) };
    }

    #[test]
    fn without_a_place_for_the_error_the_code_still_comes() {
        // SAFETY: NULL is allowed.
        let panicked = unsafe { code(ptr::null_mut(), || panic!("unseen")) };
        assert_eq!(panicked, Code::Panic.number());
        // SAFETY: NULL is allowed.
        let failed = unsafe { code(ptr::null_mut(), || Err(Error::new(Code::Busy, "later"))) };
        assert_eq!(failed, Code::Busy.number());
    }

    #[test]
    fn success_clears_the_error() {
        let mut error = ptr::dangling_mut();
        // SAFETY: `error` may be written.
        assert_eq!(unsafe { code(&raw mut error, || Ok(())) }, 0);
        assert!(error.is_null());
    }

    #[test]
    fn a_function_without_error_answers_its_default() {
        assert_eq!(value(-1, || panic!("unseen")), -1);
        assert_eq!(value(-1, || 3), 3);
    }
}
