//! Writers: a blob or layer, written as a stream.

use std::ffi::c_char;
use std::sync::{Arc, Mutex, TryLockError};

use super::context::ocireg_context;
use super::error::ocireg_error;
use super::handle;
use crate::client::options::CommitOptions;
use crate::error::{Code, Error, Result};
use crate::v1::push_layer::LayerWriter;
use crate::v2::upload::BlobWriter;

/// A blob, or a layer of protocol v1, that is written to a registry as a stream.
///
/// It may move between threads, but only one thread may use it at a time; another one gets OCIREG_BUSY. Its session may
/// be freed before it.
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

/// Writes the next bytes of a blob or layer: all of them, or the call fails.
///
/// Errors are sticky: after a failure, free the writer and start again. A blob is sent while you write it. A layer of
/// protocol v1 is written to a temporary file, which ocireg_writer_commit() sends.
///
/// @param writer   The writer. Not NULL.
/// @param context  The deadline, cancellation and progress callback of this call. May be NULL.
/// @param data     The bytes. Not NULL unless size is 0.
/// @param size     The number of bytes.
/// @param error    Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
/// @return OCIREG_OK or an error code, such as:
///         - OCIREG_BUSY: another thread is using the writer.
///         - OCIREG_POLICY: the registry sent the upload to another host; the option allow-upload-hosts allows it.
///         - OCIREG_LIMIT: a layer of protocol v1 is larger than `spool` of the service option `limits`.
///         - OCIREG_NO_SPACE, OCIREG_IO: the temporary file of a layer of protocol v1 cannot be written.
///
/// Call it from one thread at a time. Blocks for one request whenever a chunk is full. Since 0.1.
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

/// Completes a blob or layer. When it returns OCIREG_OK, the registry has the content.
///
/// A layer of protocol v1 is compressed and sent now; content that is not a tar archive is not sent. You can commit a
/// layer again after a failure.
///
/// @param writer        The writer. Not NULL.
/// @param context       The deadline, cancellation and progress callback of this call. May be NULL.
/// @param options_json  A JSON object with `digest` and `size`, which the content must have, in addition to those that
///                      were given when the writer was created. A layer of protocol v1 only has `size`. May be NULL.
/// @param json          Receives the OCI descriptor of a blob. For a layer of protocol v1 it is an object with
///                      `checksum` (the tarsum) and `checksum_payload`, for
///                      ocireg_session_push_image_checksum_registry(). Free it with ocireg_string_free(). May be NULL.
/// @param error         Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
/// @return OCIREG_OK or an error code, such as:
///         - OCIREG_DIGEST_MISMATCH, OCIREG_SIZE_MISMATCH: the content does not have the given digest or size.
///         - OCIREG_BUSY: another thread is using the writer.
///         - OCIREG_POLICY: the registry sent the upload to another host; the option allow-upload-hosts allows it.
///
/// Call it from one thread at a time. Blocks for one or two requests. Since 0.1.
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
        let CommitOptions { digest, size } = CommitOptions::parse(options)?;
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

/// Cancels an upload: the registry discards what it has received, and a temporary file is deleted.
///
/// @param writer   The writer. Not NULL.
/// @param context  The deadline, cancellation and progress callback of this call. May be NULL.
/// @param error    Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
/// @return OCIREG_OK, even if the registry refuses: it discards unfinished uploads after some time. OCIREG_BUSY if
///         another thread is using the writer.
///
/// Call it from one thread at a time. Blocks for one request. Since 0.1.
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

/// Frees a writer.
///
/// Content that was not committed is lost; the registry discards it after some time.
///
/// @param writer  The writer. NULL does nothing.
///
/// Call it once, from any thread, and not while another thread writes. Never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_writer_free(writer: *mut ocireg_writer) {
    // SAFETY: the header's contract.
    guard!(default = (), { unsafe { handle::free(writer) } })
}
