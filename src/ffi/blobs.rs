//! Blobs: read, write, mount and delete them.

use std::ffi::c_char;

use super::context::ocireg_context;
use super::error::ocireg_error;
use super::reader::ocireg_reader;
use super::session::ocireg_session;
use super::writer::{Writer, ocireg_writer};
use crate::client::blobs::{self, Mounted};
use crate::client::options::{
    BlobOptions, GetBlobFDOptions, GetBlobFileOptions, MountOptions, PutBlobFileOptions,
    PutBlobOptions,
};

/// Gets the descriptor of a blob without its content.
///
/// @param session          A session for a repository. Not NULL.
/// @param context          The deadline, cancellation and progress callback of this call. May be NULL.
/// @param digest           The blob's digest. Not NULL.
/// @param descriptor_json  Receives the OCI descriptor. Its `mediaType` is application/octet-stream, because only a
///                         manifest states the type of a blob. Free it with ocireg_string_free(). Not NULL.
/// @param error            Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
/// @return OCIREG_OK or an error code, such as:
///         - OCIREG_NOT_FOUND: the repository does not have the blob.
///         - OCIREG_PROTOCOL: the registry does not state its size.
///
/// Safe to call from any thread. Blocks for one or two requests. Since 0.2.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_session_head_blob(
    session: *const ocireg_session,
    context: *const ocireg_context,
    digest: *const c_char,
    descriptor_json: *mut *mut c_char,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(
            descriptor = out(descriptor_json),
            session = session_v2(session),
            call = call(context),
            digest = text(digest)
        );
        descriptor.set_json(&blobs::head(&session, digest, &call)?)
    })
}

/// Opens a blob for reading.
///
/// The digest is checked at the end of the blob. Read to the end, or call ocireg_reader_verify(), before you trust the
/// data. Example:
///
/// @code
/// ocireg_reader *reader = NULL;
/// size_t count = 0;
/// int32_t code = ocireg_session_open_blob(session, context, digest, 0, NULL, &reader, &error);
/// while (code == OCIREG_OK) {
///     code = ocireg_reader_read(reader, context, buffer, sizeof buffer, &count, &error);
///     if (code != OCIREG_OK || count == 0) break;
///     hold_back(buffer, count);
/// }
/// if (code == OCIREG_OK) use_what_was_read();
/// ocireg_reader_free(reader);
/// @endcode
///
/// @param session       A session for a repository. Not NULL.
/// @param context       The deadline and cancellation of this call; each read has its own context. May be NULL.
/// @param digest        The blob's digest. Not NULL.
/// @param offset        The byte to start at. The digest can be checked only if it is 0. Must be 0 with `decompress`.
/// @param options_json  A JSON object; may be NULL:
///                      - `size`: the size of the whole blob in bytes, which is checked
///                      - `media_type`: the blob's media type
///                      - `urls`: a list of other addresses of a nondistributable layer; they are tried, without
///                        credentials, if the registry does not have it and the service's option allow-foreign-urls
///                        lists the host
///                      - `decompress` (default false): return the content of a gzip or zstd blob; the first bytes
///                        tell what it is, and any other blob is returned as it is. All members and frames are read,
///                        and the digest of the blob is checked at the end as always
///                      - `diff_id`: the digest that the decompressed content must have, which an image's
///                        configuration lists; checked at the end
///                      - `max_size` (default 64 GiB): the most bytes that may come out of a compressed blob; more
///                        is OCIREG_LIMIT, as is a zstd window of more than 128 MiB
/// @param reader        Receives the reader. Free it with ocireg_reader_free(). Not NULL.
/// @param error         Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
/// @return OCIREG_OK or an error code, such as:
///         - OCIREG_NOT_FOUND: the repository does not have the blob.
///         - OCIREG_SIZE_MISMATCH: the blob does not have the given size.
///
/// Safe to call from any thread. Blocks for one request. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_session_open_blob(
    session: *const ocireg_session,
    context: *const ocireg_context,
    digest: *const c_char,
    offset: u64,
    options_json: *const c_char,
    reader: *mut *mut ocireg_reader,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(
            reader = out(reader),
            session = session_v2(session),
            call = call(context),
            digest = text(digest),
            options = optional_text(options_json)
        );
        let options = BlobOptions::parse(options)?;
        let opened = blobs::open(&session, digest, offset, options, &call)?;
        reader.set(super::reader::into_raw(opened.into()));
        Ok(())
    })
}

/// Starts writing a blob to the repository.
///
/// The bytes that you write are sent in chunks, or in one request at the end if they fit into one chunk. Nothing is
/// sent for a blob that `check_exists` finds or that is mounted. Example:
///
/// @code
/// ocireg_writer *writer = NULL;
/// char *descriptor = NULL;
/// int32_t code = ocireg_session_put_blob(session, context, NULL, &writer, &error);
/// if (code == OCIREG_OK) code = ocireg_writer_write(writer, context, data, size, &error);
/// if (code == OCIREG_OK) code = ocireg_writer_commit(writer, context, NULL, &descriptor, &error);
/// ocireg_writer_free(writer);
/// @endcode
///
/// @param session       A session for a repository, opened with the action "push" or created by
///                      ocireg_session_repository(). Not NULL.
/// @param context       The deadline and cancellation of this call; each write has its own context. May be NULL.
/// @param options_json  A JSON object; may be NULL:
///                      - `digest`, `size`: what the blob must have, which is checked at the end
///                      - `media_type` (default application/octet-stream): the media type in the resulting descriptor
///                      - `algorithm` (default "sha256", also "sha384" or "sha512"): the digest algorithm if `digest`
///                        is absent
///                      - `mount_from`: a list of repositories of the same registry that the blob may be mounted from;
///                        requires `digest`
///                      - `chunk_size` (default 4 MiB): the size of a chunk in bytes
///                      - `check_exists` (default false): check first whether the repository has the blob; requires
///                        `digest`
/// @param writer        Receives the writer. Free it with ocireg_writer_free(). Not NULL.
/// @param error         Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
/// @return OCIREG_OK or an error code, such as:
///         - OCIREG_DENIED: the credentials do not allow a push.
///         - OCIREG_POLICY: the registry sent the upload to another host; the option allow-upload-hosts allows it.
///
/// Safe to call from any thread. Blocks for one request, and one for each of `mount_from` and for `check_exists`.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_session_put_blob(
    session: *const ocireg_session,
    context: *const ocireg_context,
    options_json: *const c_char,
    writer: *mut *mut ocireg_writer,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(
            writer = out(writer),
            session = session_v2(session),
            call = call(context),
            options = optional_text(options_json)
        );
        let begun = blobs::put(&session, PutBlobOptions::parse(options)?, &call)?;
        writer.set(super::writer::into_raw(Writer::Blob(begun)));
        Ok(())
    })
}

/// Mounts a blob from another repository of the same registry, without transferring its bytes.
///
/// It is not an error if the registry does not mount the blob: it then starts an upload, which you can continue.
///
/// @param session          A session for a repository, opened with the action "push" or created by
///                         ocireg_session_repository(). Not NULL.
/// @param context          The deadline, cancellation and progress callback of this call. May be NULL.
/// @param digest           The blob's digest. Not NULL.
/// @param from_repository  The path of the repository that has the blob. Not NULL.
/// @param options_json     A JSON object. No options are defined yet. May be NULL.
/// @param mounted          Receives 1 if the blob was mounted, else 0. May be NULL.
/// @param writer           Receives a writer that continues the upload if the blob was not mounted, else NULL. Free it
///                         with ocireg_writer_free(). If this parameter is NULL, the upload is aborted.
/// @param error            Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
/// @return OCIREG_OK or an error code, such as:
///         - OCIREG_DENIED: the credentials do not allow a push.
///         - OCIREG_POLICY: the registry sent the upload to another host; the option allow-upload-hosts allows it.
///
/// Safe to call from any thread. Blocks for one or two requests. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_session_mount_blob(
    session: *const ocireg_session,
    context: *const ocireg_context,
    digest: *const c_char,
    from_repository: *const c_char,
    options_json: *const c_char,
    mounted: *mut i32,
    writer: *mut *mut ocireg_writer,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(
            mounted = optional_number(mounted),
            writer = optional_out(writer),
            session = session_v2(session),
            call = call(context),
            digest = text(digest),
            from = text(from_repository),
            options = optional_text(options_json)
        );
        let options = MountOptions::parse(options)?;
        match blobs::mount(&session, digest, from, options, writer.wanted(), &call)? {
            Mounted::Yes => mounted.set(1),
            Mounted::Begun(begun) => writer.set(super::writer::into_raw(Writer::Blob(begun))),
            Mounted::No => {}
        }
        Ok(())
    })
}

/// Deletes a blob from the repository.
///
/// @param session  A session for a repository, opened with the action "delete" or created by
///                 ocireg_session_repository(). Not NULL.
/// @param context  The deadline, cancellation and progress callback of this call. May be NULL.
/// @param digest   The blob's digest. Not NULL.
/// @param error    Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
/// @return OCIREG_OK or an error code, such as:
///         - OCIREG_NOT_FOUND: the repository does not have the blob.
///         - OCIREG_UNSUPPORTED: the registry does not delete blobs.
///
/// Safe to call from any thread. Blocks for one request. Since 0.2.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_session_delete_blob(
    session: *const ocireg_session,
    context: *const ocireg_context,
    digest: *const c_char,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(session = session_v2(session), call = call(context), digest = text(digest));
        blobs::delete(&session, digest, &call)
    })
}

/// Downloads a blob to a file.
///
/// The file appears under its name only after its digest has been verified. If it already exists with the right content
/// it is left alone; other content is replaced.
///
/// @param session          A session for a repository. Not NULL.
/// @param context          The deadline, cancellation and progress callback of this call. May be NULL.
/// @param digest           The blob's digest. Not NULL.
/// @param path             The file. Its directory must exist. Not NULL.
/// @param options_json     A JSON object; may be NULL:
///                         - `size`: the size of the blob in bytes, which is checked
///                         - `media_type` (default application/octet-stream): the media type in the resulting
///                           descriptor
///                         - `urls`: a list of other addresses of a nondistributable layer, as for
///                           ocireg_session_open_blob()
///                         - `resume` (default true): keep a partial file beside the file if the call fails, and
///                           continue it in the next call
/// @param descriptor_json  Receives the OCI descriptor, with `existed` (whether the file was there),
///                         `bytes_transferred` and `warnings`. Free it with ocireg_string_free(). May be NULL.
/// @param error            Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
/// @return OCIREG_OK or an error code, such as:
///         - OCIREG_NOT_FOUND: the repository does not have the blob.
///         - OCIREG_DIGEST_MISMATCH, OCIREG_SIZE_MISMATCH: the registry sent other content.
///         - OCIREG_IO, OCIREG_NO_SPACE, OCIREG_PERMISSION: the file cannot be written.
///
/// Safe to call from any thread; the progress callback runs on the same thread. Blocks until the file is complete.
/// Since 0.2.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_session_get_blob_file(
    session: *const ocireg_session,
    context: *const ocireg_context,
    digest: *const c_char,
    path: *const c_char,
    options_json: *const c_char,
    descriptor_json: *mut *mut c_char,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(
            descriptor = optional_out(descriptor_json),
            session = session_v2(session),
            call = call(context),
            digest = text(digest),
            path = text(path),
            options = optional_text(options_json)
        );
        let options = GetBlobFileOptions::parse(options)?;
        descriptor.set_json(&blobs::get_file(&session, digest, path, options, &call)?)
    })
}

/// Uploads a file as a blob.
///
/// @param session          A session for a repository, opened with the action "push" or created by
///                         ocireg_session_repository(). Not NULL.
/// @param context          The deadline, cancellation and progress callback of this call. May be NULL.
/// @param path             The file. Not NULL.
/// @param options_json     A JSON object; may be NULL:
///                         - `digest`, `size`: what the file must have, which is checked
///                         - `media_type` (default application/octet-stream): the media type in the resulting
///                           descriptor
///                         - `algorithm` (default "sha256", also "sha384" or "sha512"): the digest algorithm if
///                           `digest` is absent
///                         - `mount_from`: a list of repositories of the same registry that the blob may be mounted
///                           from
///                         - `chunk_size`: send the file in chunks of this many bytes. Without it, a file over 4 MiB
///                           is hashed first and sent in one request, unless the registry accepts only chunks
///                         - `check_exists` (default false): check first whether the repository has the blob. For this
///                           and for `mount_from`, a file without `digest` is hashed first
/// @param descriptor_json  Receives the OCI descriptor, with `existed` (whether the repository had the blob or mounted
///                         it), `bytes_transferred` and `warnings`. Free it with ocireg_string_free(). May be NULL.
/// @param error            Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
/// @return OCIREG_OK or an error code, such as:
///         - OCIREG_DENIED: the credentials do not allow a push.
///         - OCIREG_DIGEST_MISMATCH, OCIREG_SIZE_MISMATCH: the file does not have the given digest or size.
///         - OCIREG_SOURCE_CHANGED: the file changed while it was read.
///         - OCIREG_IO, OCIREG_PERMISSION: the file cannot be read.
///         - OCIREG_POLICY: the registry sent the upload to another host; the option allow-upload-hosts allows it.
///
/// Safe to call from any thread; the progress callback runs on the same thread. Blocks until the registry has the blob.
/// Since 0.2.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_session_put_blob_file(
    session: *const ocireg_session,
    context: *const ocireg_context,
    path: *const c_char,
    options_json: *const c_char,
    descriptor_json: *mut *mut c_char,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(
            descriptor = optional_out(descriptor_json),
            session = session_v2(session),
            call = call(context),
            path = text(path),
            options = optional_text(options_json)
        );
        let options = PutBlobFileOptions::parse(options)?;
        descriptor.set_json(&blobs::put_file(&session, path, options, &call)?)
    })
}

/// Downloads a blob to a file descriptor, such as a file that is open already, a pipe or a socket.
///
/// Writing starts at the descriptor's position. The digest is checked when everything is written: what was written
/// before an error must not be used. The call closes nothing, sends no SIGPIPE, and can be cancelled while a pipe is
/// full.
///
/// @param session          A session for a repository. Not NULL.
/// @param context          The deadline, cancellation and progress callback of this call. May be NULL.
/// @param digest           The blob's digest. Not NULL.
/// @param fd               A descriptor that is open for writing. The call uses a duplicate, which shares its position.
/// @param options_json     A JSON object; may be NULL:
///                         - `size`: the size of the blob in bytes, which is checked
///                         - `media_type` (default application/octet-stream): the media type in the resulting
///                           descriptor
///                         - `urls`: a list of other addresses of a nondistributable layer, as for
///                           ocireg_session_open_blob()
/// @param descriptor_json  Receives the OCI descriptor, with `existed` (always false), `bytes_transferred` and
///                         `warnings`. Free it with ocireg_string_free(). May be NULL.
/// @param error            Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
/// @return OCIREG_OK or an error code, such as:
///         - OCIREG_INVALID_ARGUMENT: the descriptor is not open, not open for writing, or a directory.
///         - OCIREG_NOT_FOUND: the repository does not have the blob.
///         - OCIREG_DIGEST_MISMATCH, OCIREG_SIZE_MISMATCH: the registry sent other content.
///         - OCIREG_IO, OCIREG_NO_SPACE: the descriptor cannot be written to, or the other end of a pipe was closed.
///
/// Safe to call from any thread; the progress callback runs on the same thread. Blocks until the blob is written.
/// Since 0.2.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_session_get_blob_fd(
    session: *const ocireg_session,
    context: *const ocireg_context,
    digest: *const c_char,
    fd: i32,
    options_json: *const c_char,
    descriptor_json: *mut *mut c_char,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(
            descriptor = optional_out(descriptor_json),
            session = session_v2(session),
            call = call(context),
            digest = text(digest),
            options = optional_text(options_json)
        );
        let options = GetBlobFDOptions::parse(options)?;
        descriptor.set_json(&blobs::get_fd(&session, digest, fd, options, &call)?)
    })
}

/// Uploads what a file descriptor holds as a blob, from its position to its end.
///
/// A regular file is uploaded as ocireg_session_put_blob_file() does it. A pipe or socket is read once, until the other
/// end is closed, so an upload that the registry loses cannot be repeated. The call closes nothing, and can be
/// cancelled while it waits for the other end.
///
/// @param session          A session for a repository, opened with the action "push" or created by
///                         ocireg_session_repository(). Not NULL.
/// @param context          The deadline, cancellation and progress callback of this call. May be NULL.
/// @param fd               A descriptor that is open for reading. The call uses a duplicate, which shares its position.
/// @param options_json     A JSON object; may be NULL:
///                         - `digest`, `size`: what the content must have, which is checked
///                         - `media_type` (default application/octet-stream): the media type in the resulting
///                           descriptor
///                         - `algorithm` (default "sha256", also "sha384" or "sha512"): the digest algorithm if
///                           `digest` is absent
///                         - `mount_from`: a list of repositories of the same registry that the blob may be mounted
///                           from
///                         - `chunk_size`: the size of a chunk in bytes, 4 MiB for a pipe or socket. Without it, a
///                           regular file over 4 MiB is hashed first and sent in one request
///                         - `check_exists` (default false): check first whether the repository has the blob. This
///                           and `mount_from` need `digest`, unless the descriptor is a regular file
/// @param descriptor_json  Receives the OCI descriptor, with `existed` (whether the repository had the blob or mounted
///                         it), `bytes_transferred` and `warnings`. Free it with ocireg_string_free(). May be NULL.
/// @param error            Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
/// @return OCIREG_OK or an error code, such as:
///         - OCIREG_INVALID_ARGUMENT: the descriptor is not open, not open for reading, or a directory.
///         - OCIREG_DENIED: the credentials do not allow a push.
///         - OCIREG_DIGEST_MISMATCH, OCIREG_SIZE_MISMATCH: the content does not have the given digest or size.
///         - OCIREG_SOURCE_CHANGED: the file changed while it was read.
///         - OCIREG_IO: the descriptor cannot be read.
///         - OCIREG_POLICY: the registry sent the upload to another host; the option allow-upload-hosts allows it.
///
/// Safe to call from any thread; the progress callback runs on the same thread. Blocks until the registry has the blob.
/// Since 0.2.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_session_put_blob_fd(
    session: *const ocireg_session,
    context: *const ocireg_context,
    fd: i32,
    options_json: *const c_char,
    descriptor_json: *mut *mut c_char,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(
            descriptor = optional_out(descriptor_json),
            session = session_v2(session),
            call = call(context),
            options = optional_text(options_json)
        );
        let options = PutBlobFileOptions::parse(options)?;
        descriptor.set_json(&blobs::put_fd(&session, fd, options, &call)?)
    })
}
