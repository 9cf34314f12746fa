//! Protocol v1: read images.

use std::ffi::c_char;

use super::context::ocireg_context;
use super::error::ocireg_error;
use super::memory::bytes_into_raw;
use super::reader::{Reader, ocireg_reader};
use super::session::ocireg_session;
use crate::error::{Error, Result};
use crate::json::strict;
use crate::names::reference::Reference;
use crate::v1::{ImageId, Root};

pub(super) fn path_of(reference: &str) -> Result<String> {
    Ok(reference.parse::<Reference>()?.path().to_owned())
}

pub(super) fn registries(text: &str) -> Result<Vec<Root>> {
    let list = strict::parse_strings(text, "registries_json")?;
    list.iter().map(|root| Root::parse(root, "registries_json")).collect()
}

pub(super) fn root(text: &str) -> Result<Root> {
    Root::parse(text, "registry")
}

/// Asks the index for a repository: its images, and the registries that have them. What token the index gives is kept
/// for these registries, in place of an earlier one: work on several repositories at once needs a session for each.
///
/// @param session    a session of protocol v1. Not NULL.
/// @param context    the call's context; may be NULL.
/// @param reference  the repository, such as "busybox" or "registry.example/team/app"; a tag is ignored. Not NULL.
/// @param json       receives `ImgList` (id to `id`, `checksum`, `Tag`) and `Endpoints` (roots for the other
///                   functions); the caller frees it with ocireg_string_free(). Not NULL.
/// @param error      receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
/// @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_UNSUPPORTED for a session of protocol v2,
///         OCIREG_INVALID_REFERENCE, OCIREG_NOT_FOUND (`what` is "repository"), OCIREG_POLICY when the index names a
///         registry at another host (the option allow-v1-endpoints allows it) or credentials would go over plain http,
///         any network or registry code, OCIREG_CANCELLED, OCIREG_DEADLINE.
///
/// Any thread. Blocks: one exchange. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_session_get_repository_data(
    session: *const ocireg_session,
    context: *const ocireg_context,
    reference: *const c_char,
    json: *mut *mut c_char,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(
            json = out(json),
            session = session_v1(session),
            call = call(context),
            reference = text(reference)
        );
        json.set_json(&session.get_repository_data(&path_of(reference)?, &call)?)
    })
}

/// The tags of a repository, from the first registry that tells. One that says there is no such repository ends the
/// search.
///
/// @param session          a session of protocol v1. Not NULL.
/// @param context          the call's context; may be NULL.
/// @param registries_json  a list of roots that end in /v1/, asked in order. Not NULL.
/// @param reference        the repository, such as "busybox" or "registry.example/team/app"; a tag is ignored. Not
///                         NULL.
/// @param json             receives an object of tag to image id; the caller frees it with ocireg_string_free(). Not NULL.
/// @param error            receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
/// @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_UNSUPPORTED for a session of protocol v2, OCIREG_INVALID_JSON,
///         OCIREG_INVALID_REFERENCE, OCIREG_NOT_FOUND (`what` is "repository"), any network or registry code,
///         OCIREG_CANCELLED, OCIREG_DEADLINE.
///
/// Any thread. Blocks: one exchange a registry. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_session_get_remote_tags(
    session: *const ocireg_session,
    context: *const ocireg_context,
    registries_json: *const c_char,
    reference: *const c_char,
    json: *mut *mut c_char,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(
            json = out(json),
            session = session_v1(session),
            call = call(context),
            roots = text(registries_json),
            reference = text(reference)
        );
        let roots = registries(roots)?;
        json.set_json(&session.get_remote_tags(&roots, &path_of(reference)?, &call)?)
    })
}

/// The id of a tag's image, from the first registry that tells.
///
/// @param session          a session of protocol v1. Not NULL.
/// @param context          the call's context; may be NULL.
/// @param registries_json  a list of roots that end in /v1/, asked in order. Not NULL.
/// @param reference        the repository, such as "busybox" or "registry.example/team/app"; a tag is ignored. Not
///                         NULL.
/// @param tag              the tag. Not NULL.
/// @param text             receives the id; the caller frees it with ocireg_string_free(). Not NULL.
/// @param error            receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
/// @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_UNSUPPORTED for a session of protocol v2, OCIREG_INVALID_JSON,
///         OCIREG_INVALID_REFERENCE, OCIREG_NOT_FOUND, any network or registry code, OCIREG_CANCELLED,
///         OCIREG_DEADLINE.
///
/// Any thread. Blocks: one exchange a registry. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_session_get_remote_tag(
    session: *const ocireg_session,
    context: *const ocireg_context,
    registries_json: *const c_char,
    reference: *const c_char,
    tag: *const c_char,
    text: *mut *mut c_char,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(
            out = out(text),
            session = session_v1(session),
            call = call(context),
            roots = text(registries_json),
            reference = text(reference),
            tag = text(tag)
        );
        let roots = registries(roots)?;
        let id = session.get_remote_tag(&roots, &path_of(reference)?, tag, &call)?;
        out.set_text(id.as_str())
    })
}

/// The images that an image is made of: itself, its parent, and so on.
///
/// @param session   a session of protocol v1. Not NULL.
/// @param context   the call's context; may be NULL.
/// @param image_id  the id of an image, 64 lower-case hex digits. Not NULL.
/// @param registry  the root of a registry, which ends in /v1/. Not NULL.
/// @param json      receives a list of ids, the image's own first; the caller frees it with ocireg_string_free(). Not NULL.
/// @param error     receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
/// @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_UNSUPPORTED for a session of protocol v2, OCIREG_NOT_FOUND,
///         OCIREG_PROTOCOL when the list does not begin with the image or goes in a circle, any network or registry
///         code, OCIREG_CANCELLED, OCIREG_DEADLINE.
///
/// Any thread. Blocks: one exchange. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_session_get_remote_history(
    session: *const ocireg_session,
    context: *const ocireg_context,
    image_id: *const c_char,
    registry: *const c_char,
    json: *mut *mut c_char,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(
            json = out(json),
            session = session_v1(session),
            call = call(context),
            image_id = text(image_id),
            registry = text(registry)
        );
        let image: ImageId = image_id.parse()?;
        json.set_json(&session.get_remote_history(&image, &root(registry)?, &call)?)
    })
}

/// Whether a registry has an image: success if so.
///
/// @param session   a session of protocol v1. Not NULL.
/// @param context   the call's context; may be NULL.
/// @param image_id  the id of an image, 64 lower-case hex digits. Not NULL.
/// @param registry  the root of a registry, which ends in /v1/. Not NULL.
/// @param error     receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
/// @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_UNSUPPORTED for a session of protocol v2, OCIREG_NOT_FOUND, any
///         network or registry code, OCIREG_CANCELLED, OCIREG_DEADLINE.
///
/// Any thread. Blocks: one exchange. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_session_lookup_remote_image(
    session: *const ocireg_session,
    context: *const ocireg_context,
    image_id: *const c_char,
    registry: *const c_char,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(
            session = session_v1(session),
            call = call(context),
            image_id = text(image_id),
            registry = text(registry)
        );
        let image: ImageId = image_id.parse()?;
        session.lookup_remote_image(&image, &root(registry)?, &call)
    })
}

/// The JSON of an image, byte for byte, and the size of its layer.
///
/// @param session     a session of protocol v1. Not NULL.
/// @param context     the call's context; may be NULL.
/// @param image_id    the id of an image, 64 lower-case hex digits. Not NULL.
/// @param registry    the root of a registry, which ends in /v1/. Not NULL.
/// @param data        receives the bytes; the caller frees it with ocireg_bytes_free(); may be NULL.
/// @param size        receives their number; may be NULL.
/// @param image_size  receives the size of the layer in bytes, -1 if the registry does not tell; may be NULL.
/// @param error       receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
/// @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_UNSUPPORTED for a session of protocol v2, OCIREG_NOT_FOUND,
///         OCIREG_PROTOCOL when it is the JSON of another image, OCIREG_LIMIT, any network or registry code,
///         OCIREG_CANCELLED, OCIREG_DEADLINE.
///
/// Any thread. Blocks: one exchange. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_session_get_remote_image_json(
    session: *const ocireg_session,
    context: *const ocireg_context,
    image_id: *const c_char,
    registry: *const c_char,
    data: *mut *mut u8,
    size: *mut usize,
    image_size: *mut i64,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(
            size = optional_number(size),
            image_size = optional_number(image_size),
            data = optional_out(data),
            session = session_v1(session),
            call = call(context),
            image_id = text(image_id),
            registry = text(registry)
        );
        let image: ImageId = image_id.parse()?;
        let (bytes, layer) = session.get_remote_image_json(&image, &root(registry)?, &call)?;
        if data.wanted() {
            data.set(bytes_into_raw(&bytes));
        }
        size.set(bytes.len());
        if let Some(layer) = layer.and_then(|layer| i64::try_from(layer).ok()) {
            image_size.set(layer);
        }
        Ok(())
    })
}

/// Opens the layer of an image as a stream. It goes on after a cut where the server sends parts and the size is known.
///
/// @param session     a session of protocol v1. Not NULL.
/// @param context     the call's context; may be NULL.
/// @param image_id    the id of an image, 64 lower-case hex digits. Not NULL.
/// @param registry    the root of a registry, which ends in /v1/. Not NULL.
/// @param image_size  what ocireg_session_get_remote_image_json() gave; -1 or 0 if it is not known.
/// @param reader      receives the reader; the caller frees it with ocireg_reader_free(). Not NULL.
/// @param error       receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
/// @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_UNSUPPORTED for a session of protocol v2, OCIREG_NOT_FOUND,
///         OCIREG_SIZE_MISMATCH, any network or registry code, OCIREG_CANCELLED, OCIREG_DEADLINE.
///
/// Any thread. Blocks: one exchange. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_session_get_remote_image_layer(
    session: *const ocireg_session,
    context: *const ocireg_context,
    image_id: *const c_char,
    registry: *const c_char,
    image_size: i64,
    reader: *mut *mut ocireg_reader,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(
            reader = out(reader),
            session = session_v1(session),
            call = call(context),
            image_id = text(image_id),
            registry = text(registry)
        );
        let image: ImageId = image_id.parse()?;
        let size = match image_size {
            -1 => None,
            size => Some(u64::try_from(size).map_err(|_| {
                Error::argument("image_size", "image_size must be a number of bytes, or -1")
            })?),
        };
        let layer = session.get_remote_image_layer(&image, &root(registry)?, size, &call)?;
        reader.set(super::reader::into_raw(Reader::Layer(Box::new(layer))));
        Ok(())
    })
}
