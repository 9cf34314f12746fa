//! Takes the parameters of an exported function, and states the contract of pointers once.
//!
//! # The contract
//! The header asks every caller for this, and every exported function relies on it through [`args!`]:
//! - a pointer to one of our handles is NULL, or was returned by this library and is not freed before the call has taken
//!   what it needs (calls clone what a handle holds, so a handle may be freed while a call on it runs);
//! - a string is NULL, or NUL-terminated and unchanged until the call returns;
//! - bytes are NULL, or `size` of them can be read until the call returns;
//! - a buffer is NULL, or `capacity` bytes of it can be written until the call returns;
//! - an output is NULL, or can be written until the call returns.

use std::ffi::c_char;

use super::context::ocireg_context;
use super::handle::{self, HandleType};
use super::memory::{self, Out};
use crate::call::Call;
use crate::credentials::AuthConfig;
use crate::error::{Error, Result};
use crate::names::host;

pub(super) use super::session::{session_v1, session_v2};

/// `args!(json = out(json), call = call(context), name = text(name));` binds the parameters of an exported function.
///
/// Each is `variable = kind(parameter)`, where `kind` is a function of this module. All parameters are taken before the
/// first failure ends the function, so outputs are cleared whatever is wrong; then the first failure in the order of the
/// list is returned. List outputs first.
macro_rules! args {
    ($($variable:ident = $kind:ident($parameter:ident $(, $more:ident)?)),+ $(,)?) => {
        let ($($variable,)+) = {
            let mut failed = None;
            // SAFETY: the contract of pointers in ffi/args.rs, which the header states for all functions.
            $(let $variable = unsafe { $crate::ffi::args::$kind($parameter, stringify!($parameter) $(, $more)?) };)+
            match ($($crate::ffi::args::kept($variable, &mut failed),)+) {
                ($(Some($variable),)+) => ($($variable,)+),
                _ => return Err($crate::ffi::args::failure(failed)),
            }
        };
    };
}

/// What was taken; keeps the first failure. One failure for all parameters makes less code than one for each.
pub(super) fn kept<T>(taken: Result<T>, failed: &mut Option<Error>) -> Option<T> {
    match taken {
        Ok(value) => Some(value),
        Err(error) => {
            failed.get_or_insert(error);
            None
        }
    }
}

/// The failure that was kept.
pub(super) fn failure(failed: Option<Error>) -> Error {
    failed.unwrap_or_else(|| Error::internal("an argument could not be taken"))
}

/// What a handle holds; a clone, so that the handle may be freed while the call runs.
///
/// # Safety
/// The contract of this module.
pub(super) unsafe fn handle<H>(pointer: *const H, name: &str) -> Result<H::Value>
where
    H: HandleType,
    H::Value: Clone,
{
    // SAFETY: passed on.
    unsafe { handle::required(pointer, name) }.cloned()
}

/// The call that runs under a context, which may be NULL.
///
/// # Safety
/// The contract of this module.
pub(super) unsafe fn call(context: *const ocireg_context, _name: &str) -> Result<Call> {
    // SAFETY: passed on.
    unsafe { super::context::call(context) }
}

/// A string.
///
/// # Safety
/// The contract of this module.
pub(super) unsafe fn text<'a>(pointer: *const c_char, name: &str) -> Result<&'a str> {
    // SAFETY: passed on.
    unsafe { memory::text(pointer, name) }
}

/// A string, or NULL.
///
/// # Safety
/// The contract of this module.
pub(super) unsafe fn optional_text<'a>(
    pointer: *const c_char,
    name: &str,
) -> Result<Option<&'a str>> {
    // SAFETY: passed on.
    unsafe { memory::optional_text(pointer, name) }
}

/// Credentials.
///
/// # Safety
/// The contract of this module.
pub(super) unsafe fn auth(pointer: *const c_char, name: &str) -> Result<AuthConfig> {
    // SAFETY: passed on.
    AuthConfig::parse(unsafe { memory::text(pointer, name) }?, name)?.decoded()
}

/// Credentials, or NULL.
///
/// # Safety
/// The contract of this module.
pub(super) unsafe fn optional_auth(
    pointer: *const c_char,
    name: &str,
) -> Result<Option<AuthConfig>> {
    // SAFETY: passed on.
    unsafe { (!pointer.is_null()).then(|| auth(pointer, name)) }.transpose()
}

/// The User-Agent of the requests of one call, or NULL for that of the service.
///
/// # Safety
/// The contract of this module.
pub(super) unsafe fn user_agent<'a>(pointer: *const c_char, name: &str) -> Result<Option<&'a str>> {
    // SAFETY: passed on.
    let user_agent = unsafe { memory::optional_text(pointer, name) }?;
    if let Some(user_agent) = user_agent {
        host::check_no_control(user_agent, name)?;
    }
    Ok(user_agent)
}

/// Bytes that are borrowed for the call; NULL if there are none.
///
/// # Safety
/// The contract of this module.
pub(super) unsafe fn bytes<'a>(data: *const u8, name: &str, size: usize) -> Result<&'a [u8]> {
    // SAFETY: passed on.
    unsafe { memory::input(data, size, name) }
}

/// A place for bytes, of a size that is not 0.
///
/// Most callers' buffers are not initialised. One write of zeros makes them a slice that may be lent on.
///
/// # Safety
/// The contract of this module.
pub(super) unsafe fn buffer<'a>(
    pointer: *mut u8,
    name: &str,
    capacity: usize,
) -> Result<&'a mut [u8]> {
    if pointer.is_null() {
        return Err(Error::argument(name, format!("{name} must not be NULL")));
    }
    if capacity == 0 || isize::try_from(capacity).is_err() {
        let message = "capacity must not be 0: pass the size of the buffer";
        return Err(Error::argument("capacity", message));
    }
    // SAFETY: the caller gives `capacity` writable bytes at `pointer`.
    unsafe {
        std::ptr::write_bytes(pointer, 0, capacity);
        Ok(std::slice::from_raw_parts_mut(pointer, capacity))
    }
}

/// A pointer output that the caller must take.
///
/// # Safety
/// The contract of this module.
pub(super) unsafe fn out<T>(pointer: *mut *mut T, name: &str) -> Result<Out<T>> {
    // SAFETY: passed on.
    unsafe { Out::new(pointer) }.required(name)
}

/// A pointer output that the caller may decline with NULL.
///
/// # Safety
/// The contract of this module.
#[expect(clippy::unnecessary_wraps, reason = "args! takes all kinds alike")]
pub(super) unsafe fn optional_out<T>(pointer: *mut *mut T, _name: &str) -> Result<Out<T>> {
    // SAFETY: passed on.
    Ok(unsafe { Out::new(pointer) })
}

/// A number output that the caller must take.
///
/// # Safety
/// The contract of this module.
pub(super) unsafe fn number<T: Cleared>(pointer: *mut T, name: &str) -> Result<Number<T>> {
    if pointer.is_null() {
        return Err(Error::argument(name, format!("{name} must not be NULL")));
    }
    // SAFETY: passed on.
    unsafe { optional_number(pointer, name) }
}

/// A number output that the caller may decline with NULL.
///
/// # Safety
/// The contract of this module.
#[expect(clippy::unnecessary_wraps, reason = "args! takes all kinds alike")]
pub(super) unsafe fn optional_number<T: Cleared>(
    pointer: *mut T,
    _name: &str,
) -> Result<Number<T>> {
    let number = Number(pointer);
    number.set(T::CLEARED);
    Ok(number)
}

/// What an output holds until the call succeeds.
pub(super) trait Cleared: Copy {
    const CLEARED: Self;
}

impl Cleared for i32 {
    const CLEARED: Self = 0;
}

impl Cleared for usize {
    const CLEARED: Self = 0;
}

/// Sizes that may be unknown.
impl Cleared for i64 {
    const CLEARED: Self = -1;
}

/// An output that is a number.
#[derive(Debug)]
pub(super) struct Number<T>(*mut T);

impl<T: Copy> Number<T> {
    /// Writes the output, if it is wanted.
    pub(super) fn set(&self, value: T) {
        if !self.0.is_null() {
            // SAFETY: not NULL, so it can be written until the call returns: the contract of this module.
            unsafe { *self.0 = value };
        }
    }
}
