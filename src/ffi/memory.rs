//! Memory: free what the library returned.

use std::ffi::{CStr, CString, c_char};

use zeroize::Zeroize;

use crate::error::{Code, Error, Result};

/// Text from C.
///
/// # Safety
/// `pointer` is NULL or NUL-terminated and lives for `'a`.
pub(super) unsafe fn text<'a>(pointer: *const c_char, name: &str) -> Result<&'a str> {
    // SAFETY: passed on.
    unsafe { optional_text(pointer, name) }?
        .ok_or_else(|| Error::argument(name, format!("{name} must be a string, not NULL")))
}

/// As [`text`]; NULL is None.
///
/// # Safety
/// As [`text`].
pub(super) unsafe fn optional_text<'a>(
    pointer: *const c_char,
    name: &str,
) -> Result<Option<&'a str>> {
    if pointer.is_null() {
        return Ok(None);
    }
    // SAFETY: not NULL, and the caller promises the rest.
    let text = unsafe { CStr::from_ptr(pointer) };
    text.to_str().map(Some).map_err(|e| {
        Error::new(Code::InvalidUtf8, format!("{name} is not valid UTF-8"))
            .cause(e)
            .in_argument(name)
    })
}

/// An out parameter, set to NULL on entry.
#[derive(Debug)]
pub(super) struct Out<T> {
    pointer: *mut *mut T,
}

impl<T> Out<T> {
    /// # Safety
    /// `pointer` is NULL or may be written until this value is gone.
    pub(super) unsafe fn new(pointer: *mut *mut T) -> Self {
        if !pointer.is_null() {
            // SAFETY: not NULL, so it may be written.
            unsafe { *pointer = std::ptr::null_mut() };
        }
        Self { pointer }
    }

    /// Refuses NULL.
    pub(super) fn required(self, name: &str) -> Result<Self> {
        if self.pointer.is_null() {
            return Err(Error::argument(name, format!("{name} must not be NULL")));
        }
        Ok(self)
    }

    /// Whether the caller wants this output.
    pub(super) fn wanted(&self) -> bool {
        !self.pointer.is_null()
    }

    /// Writes the output, if it is wanted; `value` then belongs to the caller.
    pub(super) fn set(&self, value: *mut T) {
        if !self.pointer.is_null() {
            // SAFETY: Out::new's promise.
            unsafe { *self.pointer = value };
        }
    }
}

impl Out<c_char> {
    /// Writes text, if it is wanted.
    pub(super) fn set_text(&self, text: impl Into<String>) -> Result<()> {
        if self.wanted() {
            let text = CString::new(text.into()).map_err(|_| {
                Error::internal("a result contains a NUL byte, which a C string cannot hold")
            })?;
            self.set(text.into_raw());
        }
        Ok(())
    }

    /// Writes a document as JSON, if it is wanted.
    pub(super) fn set_json(&self, document: &impl serde::Serialize) -> Result<()> {
        if self.wanted() {
            let json = serde_json::to_string(document)
                .map_err(|e| Error::internal("cannot write a result as JSON").cause(e))?;
            self.set_text(json)?;
        }
        Ok(())
    }
}

/// Bytes that C lends us; none at all may come without a pointer.
///
/// # Safety
/// `data` is NULL or leads to `size` readable bytes, which live for `'a`.
pub(super) unsafe fn input<'a>(data: *const u8, size: usize, name: &str) -> Result<&'a [u8]> {
    if size == 0 {
        return Ok(&[]);
    }
    if data.is_null() {
        return Err(Error::argument(name, format!("{name} must not be NULL if size is {size}")));
    }
    if isize::try_from(size).is_err() {
        return Err(Error::argument("size", "size is larger than any buffer in memory can be"));
    }
    // SAFETY: not NULL, of a length that memory can have, and the caller's promise.
    Ok(unsafe { std::slice::from_raw_parts(data, size) })
}

/// Bytes for C carry their length in front, because `ocireg_bytes_free` is not told it.
const PREFIX: usize = 16;

/// Hands bytes to C.
pub(super) fn bytes_into_raw(data: &[u8]) -> *mut u8 {
    let mut all = Vec::with_capacity(PREFIX + data.len());
    all.extend_from_slice(&(PREFIX + data.len()).to_ne_bytes());
    all.resize(PREFIX, 0);
    all.extend_from_slice(data);
    let all = Box::into_raw(all.into_boxed_slice()).cast::<u8>();
    // SAFETY: the allocation is at least PREFIX long.
    unsafe { all.add(PREFIX) }
}

impl Out<*mut c_char> {
    /// Writes an array of strings that ends with NULL.
    pub(super) fn set_strings(&self, strings: Vec<String>) -> Result<()> {
        let strings: Vec<CString> =
            strings.into_iter().map(CString::new).collect::<std::result::Result<_, _>>().map_err(
                |_| Error::internal("a result contains a NUL byte, which a C string cannot hold"),
            )?;
        // The length is in front, as for bytes.
        let length = std::ptr::without_provenance_mut(strings.len());
        let mut all = vec![length];
        all.extend(strings.into_iter().map(CString::into_raw));
        all.push(std::ptr::null_mut());
        let all = Box::into_raw(all.into_boxed_slice()).cast::<*mut c_char>();
        // SAFETY: the allocation has at least two elements.
        self.set(unsafe { all.add(1) });
        Ok(())
    }
}

/// Overwrites and frees a string that a function of this library returned.
///
/// Do not free the strings of an error, or those that ocireg_version() and similar functions return.
///
/// @param text  The string. NULL does nothing.
///
/// Call it once, from any thread. Never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_string_free(text: *mut c_char) {
    guard!(default = (), {
        if !text.is_null() {
            // SAFETY: the caller passes text of ours, which came from CString::into_raw.
            let text = unsafe { CString::from_raw(text) };
            text.into_bytes_with_nul().zeroize();
        }
    })
}

/// Overwrites and frees bytes that a function of this library returned.
///
/// @param data  The bytes. NULL does nothing.
///
/// Call it once, from any thread. Never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_bytes_free(data: *mut u8) {
    guard!(default = (), {
        if !data.is_null() {
            // SAFETY: the caller passes bytes of ours: bytes_into_raw put their length in front, and the whole
            // was a boxed slice of that length.
            let mut all = unsafe {
                let start = data.sub(PREFIX);
                let len = start.cast::<usize>().read_unaligned();
                Box::from_raw(std::ptr::slice_from_raw_parts_mut(start, len))
            };
            all.zeroize();
        }
    })
}

/// Overwrites and frees an array of strings that a function of this library returned, and the strings in it.
///
/// @param strings  The array, as it was returned. NULL does nothing.
///
/// Call it once, from any thread. Never blocks. Since 0.2.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_strings_free(strings: *mut *mut c_char) {
    guard!(default = (), {
        if !strings.is_null() {
            // SAFETY: the caller passes an array of ours: Out::set_strings put the length in front and NULL behind, and
            // the whole was a boxed slice.
            let all = unsafe {
                let start = strings.sub(1);
                let length = (*start).addr();
                Box::from_raw(std::ptr::slice_from_raw_parts_mut(start, length + 2))
            };
            for text in &all[1..all.len() - 1] {
                // SAFETY: each came from CString::into_raw.
                let text = unsafe { CString::from_raw(*text) };
                text.into_bytes_with_nul().zeroize();
            }
        }
    })
}
