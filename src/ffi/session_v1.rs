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

/// Gets the images of a repository, and the registries that have them, from the index.
///
/// The session keeps the token that the index returns, and sends it to these registries. It replaces an earlier token,
/// so use one session for each repository that you work on at the same time.
///
/// @param session    A session of protocol v1. Not NULL.
/// @param context    The deadline, cancellation and progress callback of this call. May be NULL.
/// @param reference  The repository, such as "busybox" or "registry.example/team/app". A tag is ignored. Not NULL.
/// @param json       Receives a JSON object: `ImgList` (an object that maps ids to objects with `id`, `checksum`,
///                   `Tag`) and `Endpoints` (a list of URLs for the other functions). Free it with
///                   ocireg_string_free(). Not NULL.
/// @param error      Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
/// @return OCIREG_OK or an error code, such as:
///         - OCIREG_NOT_FOUND: the index does not have the repository.
///         - OCIREG_POLICY: the index names a registry on another host (the option allow-v1-endpoints allows it), or
///           credentials would be sent over plain HTTP.
///         - OCIREG_UNSUPPORTED: the session speaks protocol v2.
///
/// Safe to call from any thread. Blocks for one request. Since 0.1.
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

/// Gets the tags of a repository from the first registry that answers.
///
/// If a registry says that the repository does not exist, no other registry is asked.
///
/// @param session          A session of protocol v1. Not NULL.
/// @param context          The deadline, cancellation and progress callback of this call. May be NULL.
/// @param registries_json  A JSON list of registry URLs that end in /v1/, which are tried in order. Not NULL.
/// @param reference        The repository, such as "busybox" or "registry.example/team/app". A tag is ignored. Not
///                         NULL.
/// @param json             Receives a JSON object that maps tags to image ids. Free it with ocireg_string_free(). Not
///                         NULL.
/// @param error            Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
/// @return OCIREG_OK or an error code, such as:
///         - OCIREG_NOT_FOUND: the repository does not exist.
///         - OCIREG_UNSUPPORTED: the session speaks protocol v2.
///
/// Safe to call from any thread. Blocks for one request to each registry. Since 0.1.
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

/// Gets the image id of a tag from the first registry that answers.
///
/// @param session          A session of protocol v1. Not NULL.
/// @param context          The deadline, cancellation and progress callback of this call. May be NULL.
/// @param registries_json  A JSON list of registry URLs that end in /v1/, which are tried in order. Not NULL.
/// @param reference        The repository, such as "busybox" or "registry.example/team/app". A tag is ignored. Not
///                         NULL.
/// @param tag              The tag. Not NULL.
/// @param text             Receives the id. Free it with ocireg_string_free(). Not NULL.
/// @param error            Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
/// @return OCIREG_OK or an error code, such as:
///         - OCIREG_NOT_FOUND: the repository or tag does not exist.
///         - OCIREG_UNSUPPORTED: the session speaks protocol v2.
///
/// Safe to call from any thread. Blocks for one request to each registry. Since 0.1.
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

/// Gets the ids of an image and of all its ancestors.
///
/// @param session   A session of protocol v1. Not NULL.
/// @param context   The deadline, cancellation and progress callback of this call. May be NULL.
/// @param image_id  The id of the image: 64 lower-case hexadecimal digits. Not NULL.
/// @param registry  The URL of the registry, which ends in /v1/. Not NULL.
/// @param json      Receives a JSON list of ids: the image, its parent, and so on. Free it with ocireg_string_free().
///                  Not NULL.
/// @param error     Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
/// @return OCIREG_OK or an error code, such as:
///         - OCIREG_NOT_FOUND: the registry does not have the image.
///         - OCIREG_PROTOCOL: the list does not begin with the image, or contains a cycle.
///         - OCIREG_UNSUPPORTED: the session speaks protocol v2.
///
/// Safe to call from any thread. Blocks for one request. Since 0.1.
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

/// Checks that a registry has an image.
///
/// @param session   A session of protocol v1. Not NULL.
/// @param context   The deadline, cancellation and progress callback of this call. May be NULL.
/// @param image_id  The id of the image: 64 lower-case hexadecimal digits. Not NULL.
/// @param registry  The URL of the registry, which ends in /v1/. Not NULL.
/// @param error     Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
/// @return OCIREG_OK if the registry has the image, or an error code, such as:
///         - OCIREG_NOT_FOUND: the registry does not have it.
///         - OCIREG_UNSUPPORTED: the session speaks protocol v2.
///
/// Safe to call from any thread. Blocks for one request. Since 0.1.
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

/// Gets the JSON of an image, byte for byte, and the size of its layer.
///
/// @param session     A session of protocol v1. Not NULL.
/// @param context     The deadline, cancellation and progress callback of this call. May be NULL.
/// @param image_id    The id of the image: 64 lower-case hexadecimal digits. Not NULL.
/// @param registry    The URL of the registry, which ends in /v1/. Not NULL.
/// @param data        Receives the JSON. Free it with ocireg_bytes_free(). May be NULL.
/// @param size        Receives the number of bytes. May be NULL.
/// @param image_size  Receives the size of the layer in bytes, or -1 if the registry does not state it. May be NULL.
/// @param error       Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
/// @return OCIREG_OK or an error code, such as:
///         - OCIREG_NOT_FOUND: the registry does not have the image.
///         - OCIREG_PROTOCOL: the JSON is that of another image.
///         - OCIREG_UNSUPPORTED: the session speaks protocol v2.
///
/// Safe to call from any thread. Blocks for one request. Since 0.1.
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

/// Opens the layer of an image for reading.
///
/// If the connection breaks, reading resumes if the server supports ranges and the size is known.
///
/// @param session     A session of protocol v1. Not NULL.
/// @param context     The deadline and cancellation of this call; each read has its own context. May be NULL.
/// @param image_id    The id of the image: 64 lower-case hexadecimal digits. Not NULL.
/// @param registry    The URL of the registry, which ends in /v1/. Not NULL.
/// @param image_size  The size that ocireg_session_get_remote_image_json() returned, or -1 or 0 if it is not known.
/// @param reader      Receives the reader. Free it with ocireg_reader_free(). Not NULL.
/// @param error       Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
/// @return OCIREG_OK or an error code, such as:
///         - OCIREG_NOT_FOUND: the registry does not have the layer.
///         - OCIREG_SIZE_MISMATCH: the layer does not have the given size.
///         - OCIREG_UNSUPPORTED: the session speaks protocol v2.
///
/// Safe to call from any thread. Blocks for one request. Since 0.1.
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
