//! Handles: what a C pointer of ours points to.

use crate::error::{Code, Error, Result};

/// A value behind a magic number, so that a wrong or freed handle is refused as far as that can tell.
#[derive(Debug)]
#[repr(C)]
pub struct Handle<T> {
    magic: u64,
    value: T,
}

const FREED: u64 = 0xdead_0c1e_dead_0c1e;

/// A C type of ours: its name in messages and its magic number.
pub(super) trait HandleType: Sized {
    /// What the handle holds.
    type Value;
    /// The name in C.
    const NAME: &'static str;
    /// Different for each type.
    const MAGIC: u64;
}

/// Hands a value to C.
pub(super) fn into_raw<H: HandleType>(value: H::Value) -> *mut H {
    Box::into_raw(Box::new(Handle { magic: H::MAGIC, value })).cast()
}

/// The value of a handle that C gave us.
///
/// # Safety
/// `pointer` is NULL or came from [`into_raw`] and lives for `'a`.
pub(super) unsafe fn required<'a, H: HandleType>(
    pointer: *const H,
    name: &str,
) -> Result<&'a H::Value> {
    // SAFETY: passed on.
    unsafe { optional(pointer) }?
        .ok_or_else(|| Error::argument(name, format!("{name} must be an {}, not NULL", H::NAME)))
}

/// As [`required`]; NULL is None.
///
/// # Safety
/// As [`required`].
pub(super) unsafe fn optional<'a, H: HandleType>(
    pointer: *const H,
) -> Result<Option<&'a H::Value>> {
    let pointer = pointer.cast::<Handle<H::Value>>();
    if pointer.is_null() {
        return Ok(None);
    }
    if !pointer.is_aligned() {
        return Err(wrong::<H>(", but the pointer does not point to a handle"));
    }
    // SAFETY: the caller promises a live handle; the magic number is its first field whatever its type, and
    // is read alone before anything else is touched.
    let magic = unsafe { std::ptr::addr_of!((*pointer).magic).read_volatile() };
    if magic == H::MAGIC {
        // SAFETY: the number says that this is ours and not freed.
        return Ok(Some(unsafe { &(*pointer).value }));
    }
    Err(wrong::<H>(if magic == FREED {
        " that has not been freed"
    } else {
        ", but the pointer points to something else"
    }))
}

/// Ends a handle; NULL and what is no handle of this type are left alone.
///
/// # Safety
/// As [`required`], and nobody uses the handle any more.
pub(super) unsafe fn free<H: HandleType>(pointer: *mut H) {
    // SAFETY: passed on.
    if !matches!(unsafe { optional(pointer.cast_const()) }, Ok(Some(_))) {
        return;
    }
    let pointer = pointer.cast::<Handle<H::Value>>();
    // SAFETY: a live handle of this type, which came from Box::into_raw.
    unsafe {
        std::ptr::addr_of_mut!((*pointer).magic).write_volatile(FREED);
        drop(Box::from_raw(pointer));
    }
}

fn wrong<H: HandleType>(why: &str) -> Error {
    Error::new(Code::InvalidHandle, format!("invalid handle: expected an {}{why}", H::NAME))
}

/// Declares an opaque C type and what it holds.
macro_rules! handle_type {
    ($(#[$doc:meta])* $name:ident, $value:ty, $magic:expr) => {
        // Written out for cbindgen at each use; this only ties the knot.
        impl $crate::ffi::handle::HandleType for $name {
            type Value = $value;
            const NAME: &'static str = stringify!($name);
            const MAGIC: u64 = u64::from_ne_bytes(*$magic);
        }
    };
}
