//! OCI layouts as caches: list, remove, collect garbage, verify.

use std::ffi::c_char;

use super::context::ocireg_context;
use super::error::ocireg_error;
use crate::client::layout;

/// Lists the images in an OCI layout.
///
/// @param location      "oci:DIR". Not NULL.
/// @param context       the context of the call; may be NULL.
/// @param options_json  {} (there are no options yet); may be NULL.
/// @param json          receives the document; the caller frees it with ocireg_string_free(). Not NULL. Key: `images`, a list
///                      of {`name`, `descriptor`} in the order of the layout's index; `name` is absent where an image has none.
/// @param error         receives an error on failure; the caller frees it with ocireg_error_free(). May be NULL.
/// @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_JSON, OCIREG_INVALID_MANIFEST, OCIREG_IO, OCIREG_PERMISSION,
///         OCIREG_CANCELLED, OCIREG_DEADLINE.
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

/// Removes a name from an OCI layout. The blobs stay until ocireg_layout_collect() removes them.
///
/// @param location      "oci:DIR:NAME". Not NULL.
/// @param context       the context of the call; may be NULL.
/// @param options_json  {} (there are no options yet); may be NULL.
/// @param json          receives the document; the caller frees it with ocireg_string_free(). Not NULL. Key: `removed`, the
///                      descriptor of the image that had the name.
/// @param error         receives an error on failure; the caller frees it with ocireg_error_free(). May be NULL.
/// @return OCIREG_OK, OCIREG_NOT_FOUND if no image has the name, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_JSON,
///         OCIREG_INVALID_MANIFEST, OCIREG_IO, OCIREG_NO_SPACE, OCIREG_PERMISSION, OCIREG_CANCELLED, OCIREG_DEADLINE.
///
/// Safe to call from any thread, and while other processes use the layout. May wait for those that are changing its index.
/// Since 0.2.
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
/// An image counts if the layout's index lists it, with or without a name. A referrer without a name, such as a signature,
/// counts as long as its subject does; after that it is removed from the index too.
///
/// @param location      "oci:DIR". Not NULL.
/// @param context       the context of the call; may be NULL.
/// @param options_json  `dry_run` (default false: only report what would be removed); may be NULL.
/// @param json          receives the document; the caller frees it with ocireg_string_free(). Not NULL. Keys: `removed` (a
///                      list of {`digest`, `size`}), `bytes` (their sizes together).
/// @param error         receives an error on failure; the caller frees it with ocireg_error_free(). May be NULL.
/// @return OCIREG_OK, OCIREG_BUSY while a pull or copy, of any process that uses this library, writes to the layout,
///         OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_JSON, OCIREG_INVALID_MANIFEST or OCIREG_DIGEST_MISMATCH if a manifest is
///         damaged (nothing is removed then), OCIREG_IO, OCIREG_PERMISSION, OCIREG_CANCELLED, OCIREG_DEADLINE.
///
/// Safe to call from any thread. Blocks while it reads and removes files; pulls that begin meanwhile wait for it. Since 0.2.
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

/// Hashes all blobs of an OCI layout, and looks for blobs that its images need and that are missing.
///
/// @param location      "oci:DIR". Not NULL.
/// @param context       the context of the call; may be NULL.
/// @param options_json  {} (there are no options yet); may be NULL.
/// @param json          receives the document; the caller frees it with ocireg_string_free(). Not NULL. Keys: `damaged` (a
///                      list of {`digest`, `why`}, empty if the layout is intact), `checked` (how many blobs were hashed),
///                      `bytes` (their sizes together).
/// @param error         receives an error on failure; the caller frees it with ocireg_error_free(). May be NULL. A damaged blob
///                      is not an error.
/// @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_JSON, OCIREG_INVALID_MANIFEST if index.json is malformed,
///         OCIREG_IO, OCIREG_PERMISSION, OCIREG_CANCELLED, OCIREG_DEADLINE.
///
/// Safe to call from any thread. Blocks while it reads every blob; progress is reported in bytes. Since 0.2.
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
