//! OCI layouts as caches: list, remove, collect garbage, verify.

use std::ffi::c_char;

use super::context::ocireg_context;
use super::error::ocireg_error;
use crate::client::layout;

/// Lists the images in an OCI layout.
///
/// @param location      "oci:DIR". Not NULL.
/// @param context       The deadline, cancellation and progress callback of this call. May be NULL.
/// @param options_json  A JSON object. No options are defined yet. May be NULL.
/// @param json          Receives a JSON object with `images`, a list of objects with `name` (absent if the image has
///                      none) and `descriptor`, in the order of the layout's index. Free it with ocireg_string_free().
///                      Not NULL.
/// @param error         Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
/// @return OCIREG_OK or an error code, such as:
///         - OCIREG_INVALID_MANIFEST: index.json is not valid.
///         - OCIREG_IO, OCIREG_PERMISSION: the layout cannot be read.
///
/// Safe to call from any thread. Reads one file. Since 0.2.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_layout_list(
    location: *const c_char,
    context: *const ocireg_context,
    options_json: *const c_char,
    json: *mut *mut c_char,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(
            json = out(json),
            call = call(context),
            location = text(location),
            options = optional_text(options_json)
        );
        json.set_json(&layout::list(location, options, &call)?)
    })
}

/// Removes a name from an OCI layout.
///
/// The blobs stay until ocireg_layout_collect() removes them. Other processes may use the layout at the same time.
///
/// @param location      "oci:DIR:NAME". Not NULL.
/// @param context       The deadline, cancellation and progress callback of this call. May be NULL.
/// @param options_json  A JSON object. No options are defined yet. May be NULL.
/// @param json          Receives a JSON object with `removed`, the descriptor of the image that had the name. Free it
///                      with ocireg_string_free(). Not NULL.
/// @param error         Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
/// @return OCIREG_OK or an error code, such as:
///         - OCIREG_NOT_FOUND: no image has the name.
///         - OCIREG_INVALID_MANIFEST: index.json is not valid.
///         - OCIREG_IO, OCIREG_NO_SPACE, OCIREG_PERMISSION: the layout cannot be changed.
///
/// Safe to call from any thread. May wait for other calls that change the layout's index. Since 0.2.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_layout_remove(
    location: *const c_char,
    context: *const ocireg_context,
    options_json: *const c_char,
    json: *mut *mut c_char,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(
            json = out(json),
            call = call(context),
            location = text(location),
            options = optional_text(options_json)
        );
        json.set_json(&layout::remove(location, options, &call)?)
    })
}

/// Removes blobs that no image of an OCI layout needs, and partial downloads that are older than a week.
///
/// Every image in the layout's index keeps its blobs, with or without a name. A referrer without a name, such as a
/// signature, is kept as long as its subject exists; after that it is removed from the index, too.
///
/// @param location      "oci:DIR". Not NULL.
/// @param context       The deadline, cancellation and progress callback of this call. May be NULL.
/// @param options_json  A JSON object with `dry_run` (default false): only report what would be removed. May be NULL.
/// @param json          Receives a JSON object: `removed`, a list of objects with `digest` and `size`, and `bytes`, the
///                      sum of their sizes. Free it with ocireg_string_free(). Not NULL.
/// @param error         Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
/// @return OCIREG_OK or an error code, such as:
///         - OCIREG_BUSY: a pull or copy is writing to the layout, in this or another process. With `dry_run`, too.
///         - OCIREG_INVALID_MANIFEST, OCIREG_DIGEST_MISMATCH: a manifest is damaged; nothing was removed.
///         - OCIREG_IO, OCIREG_PERMISSION: the layout cannot be read or changed.
///
/// Safe to call from any thread. Blocks while it reads and removes files; pulls that start meanwhile wait for it.
/// Since 0.2.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_layout_collect(
    location: *const c_char,
    context: *const ocireg_context,
    options_json: *const c_char,
    json: *mut *mut c_char,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(
            json = out(json),
            call = call(context),
            location = text(location),
            options = optional_text(options_json)
        );
        json.set_json(&layout::collect(location, options, &call)?)
    })
}

/// Hashes all blobs of an OCI layout, and looks for blobs that are missing, and manifests that are not valid.
///
/// A damaged or missing blob is not an error of the call; it is reported in `damaged`.
///
/// @param location      "oci:DIR". Not NULL.
/// @param context       The deadline, cancellation and progress callback of this call. May be NULL.
/// @param options_json  A JSON object. No options are defined yet. May be NULL.
/// @param json          Receives a JSON object: `damaged`, a list of objects with `digest` and `why` (empty if the
///                      layout is intact), `checked`, the number of blobs that were hashed, and `bytes`, the sum of
///                      their sizes. Free it with ocireg_string_free(). Not NULL.
/// @param error         Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
/// @return OCIREG_OK or an error code, such as:
///         - OCIREG_INVALID_MANIFEST: index.json is not valid.
///         - OCIREG_IO, OCIREG_PERMISSION: the layout cannot be read.
///
/// Safe to call from any thread. Blocks while it reads every blob; the progress callback gets the bytes. Since 0.2.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_layout_verify(
    location: *const c_char,
    context: *const ocireg_context,
    options_json: *const c_char,
    json: *mut *mut c_char,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(
            json = out(json),
            call = call(context),
            location = text(location),
            options = optional_text(options_json)
        );
        json.set_json(&layout::verify(location, options, &call)?)
    })
}
