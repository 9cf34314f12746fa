//! Readers: a blob or layer, read as a stream.

use std::sync::{Arc, Mutex, TryLockError};

use super::context::ocireg_context;
use super::error::ocireg_error;
use super::handle;
use crate::call::Call;
use crate::client::blobs::Opened;
use crate::compress;
use crate::error::{Code, Error, Result};
use crate::image::BlobRead;
use crate::v1::layer::LayerReader;
use crate::v2::blob::BlobReader;

/// A blob, or a layer of protocol v1, that is read as a stream.
///
/// It may move between threads, but only one thread may use it at a time; another one gets OCIREG_BUSY. Its session may
/// be freed before it.
pub struct ocireg_reader {
    _opaque: [u8; 0],
}

handle_type!(ocireg_reader, Arc<Mutex<Reader>>, b"ocireadr");

/// What a reader handle can hold.
pub(super) enum Reader {
    /// A blob of protocol v2.
    Blob(Box<BlobReader>),
    /// A blob of protocol v2 without its compression.
    Decompressed(Box<compress::LayerReader<BlobReader>>),
    /// A layer of protocol v1.
    Layer(Box<LayerReader>),
}

impl From<Opened> for Reader {
    fn from(opened: Opened) -> Self {
        match opened {
            Opened::Stored(blob) => Self::Blob(blob),
            Opened::Decompressed(blob) => Self::Decompressed(blob),
        }
    }
}

impl Reader {
    fn read(&mut self, buffer: &mut [u8], call: &Call) -> Result<usize> {
        match self {
            Self::Blob(blob) => blob.read(buffer, call),
            Self::Decompressed(blob) => blob.read(buffer, call),
            Self::Layer(layer) => layer.read(buffer, call),
        }
    }

    /// Reads to the end, where size and digest are judged, and forgets what it reads.
    fn verify(&mut self, call: &Call) -> Result<()> {
        let mut buffer = vec![0; 64 << 10];
        while self.read(&mut buffer, call)? > 0 {}
        Ok(())
    }

    fn size(&self) -> Option<u64> {
        match self {
            Self::Blob(blob) => blob.size(),
            Self::Decompressed(blob) => blob.get_ref().size(),
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
            Err(Error::new(Code::Busy, "another thread is reading from this reader"))
        }
    }
}

/// Reads the next bytes of a blob or layer.
///
/// If the connection breaks, reading resumes where it stopped (a layer of protocol v1 only if the server supports
/// ranges). Errors are sticky, except cancellation and deadline: call again with a new context to continue.
///
/// @param reader    The reader. Not NULL.
/// @param context   The deadline, cancellation and progress callback of this call. May be NULL.
/// @param buffer    Receives the bytes. 256 KiB or more is fast. Not NULL.
/// @param capacity  The size of the buffer in bytes; not 0.
/// @param count     Receives the number of bytes that were read. 0 is the end of the blob, and means that size and
///                  digest are right. (If reading started at an offset, or for a layer of protocol v1, only the size is
///                  checked, if it is known.) With `decompress` it also means that the compressed data is whole and
///                  that its content has the `diff_id`. Not NULL.
/// @param error     Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
/// @return OCIREG_OK or an error code, such as:
///         - OCIREG_DIGEST_MISMATCH, OCIREG_SIZE_MISMATCH: the blob is not what was asked for; discard what you have
///           read. `what` is "diff_id" if it is the decompressed content.
///         - OCIREG_INVALID_MANIFEST, OCIREG_LIMIT, OCIREG_UNSUPPORTED: the blob is right, but cannot be decompressed.
///         - OCIREG_BUSY: another thread is using the reader.
///
/// Call it from one thread at a time. Blocks until there are bytes. Since 0.1.
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
        args!(
            count = number(count),
            reader = handle(reader),
            call = call(context),
            buffer = buffer(buffer, capacity)
        );
        let read = with(&reader, |reader| reader.read(buffer, &call))?;
        count.set(read);
        Ok(())
    })
}

/// Reads the rest of a blob or layer and checks its size and digest.
///
/// A tar reader stops at the end of the archive, which may be before the end of the blob, so the digest has not been
/// checked yet. Call this function when you are done, and trust what you have read only if it succeeds. If reading
/// started at an offset, only the size is checked; of a layer of protocol v1, only the size, if it is known. At the end
/// of the blob the function returns OCIREG_OK at once. Example:
///
/// @code
/// while (next_tar_entry(reader)) unpack_into_temporary_directory();
/// if (ocireg_reader_verify(reader, context, &error) == OCIREG_OK) keep_the_directory();
/// @endcode
///
/// @param reader   The reader. Not NULL.
/// @param context  The deadline, cancellation and progress callback of this call. May be NULL.
/// @param error    Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
/// @return OCIREG_OK if the whole blob has been read and is right, else an error code as from ocireg_reader_read().
///         After OCIREG_CANCELLED or OCIREG_DEADLINE, call it again with a new context to continue.
///
/// Call it from one thread at a time. Blocks until the rest of the blob has been read. Since 0.2.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_reader_verify(
    reader: *mut ocireg_reader,
    context: *const ocireg_context,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(reader = handle(reader), call = call(context));
        with(&reader, |reader| reader.verify(&call))
    })
}

/// Returns the size of the whole blob or layer, whatever the offset: as it is stored, also with `decompress`.
///
/// @param reader  The reader. May be NULL.
/// @return The size in bytes; -1 if it is not known, while another thread reads, and for NULL.
///
/// Call it from one thread at a time. Never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_reader_size(reader: *const ocireg_reader) -> i64 {
    guard!(default = -1, {
        // SAFETY: the header's contract.
        let Ok(Some(reader)) = (unsafe { handle::optional(reader) }) else { return -1 };
        let size = with(reader, |reader| Ok(reader.size()));
        size.ok().flatten().and_then(|size| i64::try_from(size).ok()).unwrap_or(-1)
    })
}

/// Frees a reader, which need not be at its end.
///
/// @param reader  The reader. NULL does nothing.
///
/// Call it once, from any thread, and not while another thread reads. Never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_reader_free(reader: *mut ocireg_reader) {
    // SAFETY: the header's contract.
    guard!(default = (), { unsafe { handle::free(reader) } })
}
