//! Blobs as files: read any part of a remote blob; requests of your own HTTP client.

use std::ffi::c_char;
use std::sync::Arc;

use super::context::ocireg_context;
use super::error::ocireg_error;
use super::handle;
use super::session::ocireg_session;
use crate::client::options::{AuthorizeOptions, RemoteBlobOptions};
use crate::client::{blobs, session};
use crate::registry::blob::Blob;

/// A blob that stays at the registry and is read in parts, like a file.
///
/// Safe to use from any number of threads at once, each at its own offset. It keeps what it needs of its session, which
/// may be freed before it. It may be freed while a call on it runs.
pub struct ocireg_blob {
    _opaque: [u8; 0],
}

handle_type!(ocireg_blob, Arc<Blob>, b"ociblob\0");

/// Opens a blob of a repository as a file, without a request.
///
/// **A part of a blob cannot be verified without `chunks`:** the digest is that of the whole blob. Without them, a
/// registry or a proxy can give out wrong bytes, and nothing here would notice. With them, every byte that
/// ocireg_blob_read_at() returns has been verified.
///
/// @param session       A session for a repository. Not NULL.
/// @param digest        The digest of the blob. Not NULL.
/// @param options_json  A JSON object; may be NULL:
///                      - `size`: the size of the blob in bytes, which is checked
///                      - `chunks`: a list of objects with `offset` (default 0), `size` and `digest`, such as those of a
///                        seekable image format; reads are verified against them, and must be covered by them; a chunk
///                        has at most 64 MiB
///                      - `media_type`, `urls`: as in ocireg_session_open_blob()
/// @param blob          Receives the blob. Free it with ocireg_blob_free(). Not NULL.
/// @param error         Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
/// @return OCIREG_OK or an error code, such as:
///         - OCIREG_INVALID_ARGUMENT: the chunks overlap, or go beyond `size`.
///         - OCIREG_LIMIT: a chunk is too large.
///
/// Safe to call from any thread. Never blocks. Since 0.2.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_session_blob(
    session: *const ocireg_session,
    digest: *const c_char,
    options_json: *const c_char,
    blob: *mut *mut ocireg_blob,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(
            blob = out(blob),
            session = session_v2(session),
            digest = text(digest),
            options = optional_text(options_json)
        );
        let options = RemoteBlobOptions::parse(options)?;
        blob.set(handle::into_raw(blobs::in_parts(session, digest, options)?));
        Ok(())
    })
}

/// Reads a part of a blob. Fewer bytes than `capacity` are read only at the end of the blob, and none at or after it.
///
/// The first read finds out where the bytes are: the registry may redirect to other storage. Later reads ask there,
/// until the address expires or is refused; then the way is found again. Tokens are renewed before they end, a mirror
/// that fails or gives wrong bytes is left, and connections are reused. Example:
///
/// @code
/// uint8_t header[512];
/// size_t count = 0;
/// int32_t code = ocireg_blob_read_at(blob, context, offset, header, sizeof header, &count, &error);
/// @endcode
///
/// @param blob      The blob. Not NULL.
/// @param context   The deadline, cancellation and progress callback of this call. May be NULL.
/// @param offset    Where to read, in bytes from the beginning of the blob.
/// @param buffer    Receives the bytes; its content is undefined if the call fails. Not NULL.
/// @param capacity  The size of the buffer. Not 0.
/// @param count     Receives the number of bytes that were read. Not NULL.
/// @param error     Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
/// @return OCIREG_OK or an error code, such as:
///         - OCIREG_NOT_FOUND: the repository does not have the blob.
///         - OCIREG_DIGEST_MISMATCH: a chunk is not right; `what` of the error is "chunk".
///         - OCIREG_SIZE_MISMATCH: the blob has another size than expected.
///         - OCIREG_INVALID_ARGUMENT: no chunk covers what is read.
///         - OCIREG_UNSUPPORTED: the server ignores ranges, and more than 1 MiB would have to be read and discarded.
///         - OCIREG_PROTOCOL: the server did not send what was asked for, or the content has changed.
///         After any of them, other reads may succeed.
///
/// Safe to call from any thread. Blocks for one request. Since 0.2.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_blob_read_at(
    blob: *const ocireg_blob,
    context: *const ocireg_context,
    offset: u64,
    buffer: *mut u8,
    capacity: usize,
    count: *mut usize,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(
            count = number(count),
            blob = handle(blob),
            call = call(context),
            buffer = buffer(buffer, capacity)
        );
        let read = blob.read_at(offset, buffer, &call)?;
        count.set(read);
        Ok(())
    })
}

/// Returns the size of a blob in bytes.
///
/// @param blob  The blob, or NULL.
/// @return The size; -1 before the first read, unless the option `size` gave it, and for NULL.
///
/// Safe to call from any thread. Never blocks. Since 0.2.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_blob_size(blob: *const ocireg_blob) -> i64 {
    guard!(default = -1, {
        // SAFETY: the header's contract.
        let Ok(Some(blob)) = (unsafe { handle::optional(blob) }) else { return -1 };
        blob.size().and_then(|size| i64::try_from(size).ok()).unwrap_or(-1)
    })
}

/// Frees a blob. Calls on it that still run are not affected.
///
/// @param blob  The blob, or NULL, which does nothing.
///
/// Call it once, from any thread. Never blocks. Since 0.2.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_blob_free(blob: *mut ocireg_blob) {
    // SAFETY: the header's contract.
    guard!(default = (), { unsafe { handle::free(blob) } })
}

/// Gives what your own HTTP client needs for a request to the repository: the URL and the Authorization header.
///
/// Get another authorization before `expires_ms` has passed. If the registry refuses one earlier, with 401, call again
/// with `renew`. The result contains secrets: do not log it, and send the headers only to this URL. Example:
///
/// @code
/// char *json = NULL, *url = NULL, *authorization = NULL;
/// code = ocireg_session_authorize(session, context, "GET", "blobs/sha256:…", NULL, &json, &error);
/// if (code == OCIREG_OK) ocireg_json_get(json, "/url", &url, NULL);
/// if (code == OCIREG_OK) ocireg_json_get(json, "/headers/Authorization", &authorization, NULL);
/// @endcode
///
/// @param session       A session for a repository. Not NULL.
/// @param context       The deadline, cancellation and progress callback of this call. May be NULL.
/// @param method        The method of the request: "GET", "HEAD", "POST", "PUT", "PATCH" or "DELETE". Those that write
///                      need a session that was opened for it. Not NULL.
/// @param path          The path below the repository, such as "blobs/sha256:…", "manifests/latest" or
///                      "blobs/uploads/". Not NULL.
/// @param options_json  A JSON object; may be NULL:
///                      - `follow` (default false): ask the registry, and give the address that it redirects to, without
///                        credentials; only for GET and HEAD
///                      - `renew` (default false): the registry has refused the last authorization; do not give it again
/// @param json          Receives a JSON object: `url`, `headers` (names and values; empty if none are needed),
///                      `endpoint` and, if the authorization ends, `expires_ms` (milliseconds from now). Free it with
///                      ocireg_string_free(), which overwrites it. Not NULL.
/// @param error         Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
/// @return OCIREG_OK or an error code, such as:
///         - OCIREG_INVALID_ARGUMENT: the path leaves the repository, or the session was not opened for the method.
///         - OCIREG_UNAUTHORIZED, OCIREG_DENIED: the registry's token server refused the credentials.
///         - OCIREG_POLICY: the credentials must not be sent there; the hint names the option that allows it.
///
/// Safe to call from any thread. Blocks if a token must be requested, and with `follow` for one more request. Since 0.2.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_session_authorize(
    session: *const ocireg_session,
    context: *const ocireg_context,
    method: *const c_char,
    path: *const c_char,
    options_json: *const c_char,
    json: *mut *mut c_char,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(
            json = out(json),
            session = session_v2(session),
            call = call(context),
            method = text(method),
            path = text(path),
            options = optional_text(options_json)
        );
        let options = AuthorizeOptions::parse(options)?;
        json.set_json(&session::authorize(&session, method, path, options, &call)?)
    })
}
