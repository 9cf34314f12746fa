//! Writers: a blob or layer, written as a stream.

use std::ffi::c_char;
use std::sync::{Arc, Mutex, TryLockError};

use super::context::ocireg_context;
use super::error::ocireg_error;
use super::handle;
use super::options;
use crate::error::{Code, Error, Result};
use crate::v1::push_layer::LayerWriter;
use crate::v2::upload::BlobWriter;

/// Content being written to a registry.
///
/// May move between threads, but only one may use it at a time; a second one gets OCIREG_BUSY. Holds what it needs
/// of its session: that may be freed before it.
pub struct ocireg_writer {
    _opaque: [u8; 0],
}

handle_type!(ocireg_writer, Arc<Mutex<Writer>>, b"ociwritr");

/// What a writer handle can hold.
pub(super) enum Writer {
    /// A blob of protocol v2.
    Blob(Box<BlobWriter>),
    /// A layer of protocol v1.
    Layer(Box<LayerWriter>),
}

/// Hands a writer to C.
pub(super) fn into_raw(writer: Writer) -> *mut ocireg_writer {
    handle::into_raw(Arc::new(Mutex::new(writer)))
}

/// Runs `work` with the writer, unless another thread does so now.
fn with<T>(writer: &Mutex<Writer>, work: impl FnOnce(&mut Writer) -> Result<T>) -> Result<T> {
    match writer.try_lock() {
        Ok(mut writer) => work(&mut writer),
        // What a panic left half done is found by size and digest.
        Err(TryLockError::Poisoned(writer)) => work(&mut writer.into_inner()),
        Err(TryLockError::WouldBlock) => {
            Err(Error::new(Code::Busy, "another thread is writing to this writer"))
        }
    }
}

/// Writes the next bytes: takes all of them, or fails. After a failure the writer only repeats it.
///
/// A blob is sent as it is written. A layer of protocol v1 waits in a temporary file, from which
/// ocireg_writer_commit() sends it.
///
/// @param writer   a writer. Not NULL.
/// @param context  the call's context; may be NULL.
/// @param data     the bytes, borrowed for the call; Not NULL unless size is 0.
/// @param size     how many.
/// @param error    receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
/// @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_BUSY, OCIREG_POLICY when the registry sends the upload to another
///         host, any network or registry code, OCIREG_CANCELLED, OCIREG_DEADLINE. For a layer OCIREG_LIMIT when it is larger
///         than `spool` of the option `limits`, OCIREG_NO_SPACE or OCIREG_IO when it cannot be kept.
///
/// One thread at a time. Blocks when a chunk is full: one exchange. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_writer_write(
    writer: *mut ocireg_writer,
    context: *const ocireg_context,
    data: *const u8,
    size: usize,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(writer = handle(writer), call = call(context), data = bytes(data, size));
        with(&writer, |writer| match writer {
            Writer::Blob(blob) => blob.write(data, &call),
            Writer::Layer(layer) => layer.write(data, &call),
        })
    })
}

/// Ends the content: when this returns, the registry has it.
///
/// A layer of protocol v1 is sent now, in gzip; what is no tar archive is not sent. A commit of a layer that failed can
/// be made again.
///
/// @param writer        a writer. Not NULL.
/// @param context       the call's context; may be NULL.
/// @param options_json  `digest` and `size`: what must have been written, beside what was said when the writer was made
///                      (of a layer only `size`); may be NULL.
/// @param json          receives the blob's OCI descriptor; the caller frees it with ocireg_string_free(); of a layer an object of
///                      `checksum` (the tarsum) and `checksum_payload`, for
///                      ocireg_session_push_image_checksum_registry(); may be NULL.
/// @param error         receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
/// @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_JSON, OCIREG_INVALID_DIGEST, OCIREG_BUSY,
///         OCIREG_DIGEST_MISMATCH, OCIREG_SIZE_MISMATCH, OCIREG_POLICY, any network or registry code, OCIREG_CANCELLED,
///         OCIREG_DEADLINE.
///
/// One thread at a time. Blocks: one exchange or two. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_writer_commit(
    writer: *mut ocireg_writer,
    context: *const ocireg_context,
    options_json: *const c_char,
    json: *mut *mut c_char,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(
            json = optional_out(json),
            writer = handle(writer),
            call = call(context),
            options = optional_text(options_json)
        );
        let (digest, size) = options::commit(options)?;
        with(&writer, |writer| match writer {
            Writer::Blob(blob) => json.set_json(&blob.commit(digest.as_ref(), size, &call)?),
            Writer::Layer(_) if digest.is_some() => Err(Error::argument(
                "digest",
                "layers of protocol v1 have no digest to compare with",
            )),
            Writer::Layer(layer) => json.set_json(&layer.commit(size, &call)?),
        })
    })
}

/// Ends the upload without its content: the registry is told to forget what it has, and a temporary file is gone.
///
/// @param writer   a writer. Not NULL.
/// @param context  the call's context; may be NULL.
/// @param error    receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
/// @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_BUSY, OCIREG_CANCELLED, OCIREG_DEADLINE. What the registry
///         answers is no error: it forgets uploads in time.
///
/// One thread at a time. Blocks: one exchange. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_writer_abort(
    writer: *mut ocireg_writer,
    context: *const ocireg_context,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(writer = handle(writer), call = call(context));
        with(&writer, |writer| match writer {
            Writer::Blob(blob) => blob.abort(&call),
            Writer::Layer(layer) => {
                layer.abort();
                Ok(())
            }
        })
    })
}

/// Frees a writer. What was not committed is forgotten here; the registry forgets it in time.
///
/// @param writer  a writer, or NULL, which does nothing.
///
/// One thread, once, not while it is written to. Never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_writer_free(writer: *mut ocireg_writer) {
    // SAFETY: the header's contract.
    guard!(default = (), { unsafe { handle::free(writer) } })
}
