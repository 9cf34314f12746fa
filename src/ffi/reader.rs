//! `ocireg_reader`.

use std::sync::{Arc, Mutex, TryLockError};

use super::context::{ocireg_context, run};
use super::error::ocireg_error;
use super::handle;
use crate::context::Run;
use crate::error::{Code, Error, Result};
use crate::v1::layer::LayerReader;
use crate::v2::blob::BlobReader;

/// A blob, or a layer of protocol v1, being read.
///
/// May move between threads, but only one may use it at a time; a second one gets OCIREG_BUSY. Holds what it needs
/// of its session: that may be freed before it.
///
/// Functions: ocireg_reader_read(), ocireg_reader_size(), ocireg_reader_free().
pub struct ocireg_reader {
    _opaque: [u8; 0],
}

handle_type!(ocireg_reader, Arc<Mutex<Reader>>, b"ocireadr");

/// What a reader handle can hold.
pub(super) enum Reader {
    /// A blob of protocol v2.
    Blob(Box<BlobReader>),
    /// A layer of protocol v1.
    Layer(Box<LayerReader>),
}

impl Reader {
    fn read(&mut self, buffer: &mut [u8], run: &Run) -> Result<usize> {
        match self {
            Self::Blob(blob) => blob.read(buffer, run),
            Self::Layer(layer) => layer.read(buffer, run),
        }
    }

    fn size(&self) -> Option<u64> {
        match self {
            Self::Blob(blob) => blob.size(),
            Self::Layer(layer) => layer.size(),
        }
    }
}

/// Hands a reader to C.
pub(super) fn into_raw(reader: Reader) -> *mut ocireg_reader {
    handle::into_raw(Arc::new(Mutex::new(reader)))
}

/// Runs `work` with the reader, unless another thread does so now.
fn with<T>(reader: &Mutex<Reader>, work: impl FnOnce(&mut Reader) -> Result<T>) -> Result<T> {
    match reader.try_lock() {
        Ok(mut reader) => work(&mut reader),
        // A panic in an earlier call has left a reader whose next request starts afresh.
        Err(TryLockError::Poisoned(reader)) => work(&mut reader.into_inner()),
        Err(TryLockError::WouldBlock) => {
            Err(Error::new(Code::Busy, "another thread reads from this reader now"))
        }
    }
}

/// Reads the next bytes of a blob or layer.
///
/// A cut connection is made again and reading goes on where it was (of a layer: if the server sends parts). After a failure the reader only repeats it,
/// but after OCIREG_CANCELLED and OCIREG_DEADLINE reading can go on with another context.
///
/// @param reader    a reader. Not NULL.
/// @param context   the call's context; may be NULL.
/// @param buffer    receives the bytes; 256 KiB or more is fast. Not NULL.
/// @param capacity  its size; not 0.
/// @param count     receives how many bytes were read. 0 is the end, and says that size and digest were found right
///                  (from an offset on: the size; of a layer: the size, where it is known). Not NULL.
/// @param error     receives an error on failure, owned by the caller; may be NULL.
/// @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_BUSY, OCIREG_DIGEST_MISMATCH, OCIREG_SIZE_MISMATCH, any network
///         or registry code, OCIREG_CANCELLED, OCIREG_DEADLINE.
///
/// One thread at a time. Blocks until bytes are there. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_reader_read(
    reader: *mut ocireg_reader,
    context: *const ocireg_context,
    buffer: *mut u8,
    capacity: usize,
    count: *mut usize,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        if count.is_null() {
            return Err(Error::argument(
                "count",
                "count is NULL: there is nowhere to put the number",
            ));
        }
        // SAFETY: not NULL, and the header's contract.
        unsafe { *count = 0 };
        // SAFETY: the header's contract.
        let (reader, run) =
            unsafe { (handle::required(reader.cast_const(), "reader")?.clone(), run(context)?) };
        if buffer.is_null() {
            return Err(Error::argument("buffer", "buffer is NULL: there is nowhere to read to"));
        }
        if capacity == 0 || isize::try_from(capacity).is_err() {
            return Err(Error::argument(
                "capacity",
                "capacity must be the size of the buffer, not 0",
            ));
        }
        // Most callers' buffers are not initialised. One write of zeros makes them a slice that may be lent on.
        // SAFETY: the caller gives `capacity` writable bytes at `buffer`.
        let buffer = unsafe {
            std::ptr::write_bytes(buffer, 0, capacity);
            std::slice::from_raw_parts_mut(buffer, capacity)
        };
        let read = with(&reader, |reader| reader.read(buffer, &run))?;
        // SAFETY: as above.
        unsafe { *count = read };
        Ok(())
    })
}

/// The size of the whole blob or layer, whatever the offset.
///
/// @param reader  a reader, or NULL.
/// @return the size in bytes; -1 where it is not known, while another thread reads, and for NULL.
///
/// One thread at a time. Never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_reader_size(reader: *const ocireg_reader) -> i64 {
    guard!(default = -1, {
        // SAFETY: the header's contract.
        let Ok(Some(reader)) = (unsafe { handle::optional(reader) }) else { return -1 };
        let size = with(reader, |reader| Ok(reader.size()));
        size.ok().flatten().and_then(|size| i64::try_from(size).ok()).unwrap_or(-1)
    })
}

/// Frees a reader, at any point.
///
/// @param reader  a reader, or NULL, which does nothing.
///
/// One thread, once, not while it is read from. Never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_reader_free(reader: *mut ocireg_reader) {
    // SAFETY: the header's contract.
    guard!(default = (), { unsafe { handle::free(reader) } })
}
