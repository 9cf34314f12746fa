//! Blobs that are read in parts, and requests of others.

use std::ptr;

use ocireg::ffi::*;
use serde_json::Value;

use super::images::{Context, Session, pointer};
use super::{Outcome, c, call, call_json};

/// A blob handle, freed when dropped.
pub struct Blob(*mut ocireg_blob);

// SAFETY: a blob may be used from any thread.
unsafe impl Send for Blob {}
// SAFETY: as above, by several at once.
unsafe impl Sync for Blob {}

impl Session {
    pub fn blob(&self, digest: &str, options: &Value) -> Outcome<Blob> {
        let (digest, options) = (c(digest), c(&options.to_string()));
        let mut blob = ptr::dangling_mut();
        // SAFETY: live handles and text in, live places out.
        let made = call(|error| unsafe {
            ocireg_session_blob(self.0, digest.as_ptr(), options.as_ptr(), &mut blob, error)
        });
        assert_eq!(made.is_err(), blob.is_null());
        made.map(|()| Blob(blob))
    }

    pub fn authorize(&self, method: &str, path: &str, options: &Value) -> Outcome<Value> {
        let (method, path, options) = (c(method), c(path), c(&options.to_string()));
        // SAFETY: live handles and text in, live places out.
        call_json(|json, error| unsafe {
            ocireg_session_authorize(
                self.0,
                ptr::null(),
                method.as_ptr(),
                path.as_ptr(),
                options.as_ptr(),
                json,
                error,
            )
        })
    }
}

impl Blob {
    /// What is at an offset, at most so many bytes.
    pub fn read_at(
        &self,
        context: Option<&Context>,
        offset: u64,
        capacity: usize,
    ) -> Outcome<Vec<u8>> {
        let mut buffer = vec![0xa5; capacity];
        let mut count = usize::MAX;
        // SAFETY: live handles in, live places out.
        let read = call(|error| unsafe {
            let (context, buffer) = (pointer(context), buffer.as_mut_ptr());
            ocireg_blob_read_at(self.0, context, offset, buffer, capacity, &mut count, error)
        });
        assert!(count <= capacity && (read.is_ok() || count == 0), "{count}");
        buffer.truncate(count);
        read.map(|()| buffer)
    }

    pub fn size(&self) -> i64 {
        // SAFETY: a live handle.
        unsafe { ocireg_blob_size(self.0) }
    }
}

impl Drop for Blob {
    fn drop(&mut self) {
        // SAFETY: freed once.
        unsafe { ocireg_blob_free(self.0) }
    }
}
