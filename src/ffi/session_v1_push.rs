//! Protocol v1: push images.

use std::ffi::c_char;

use super::context::ocireg_context;
use super::error::ocireg_error;
use super::session::ocireg_session;
use super::session_v1::{path_of, registries, root};
use super::writer::{Writer, ocireg_writer};
use crate::error::Error;
use crate::v1::{ImageId, ImgData};

/// Sends the JSON of an image to a registry.
///
/// @param session          A session of protocol v1. Not NULL.
/// @param context          The deadline, cancellation and progress callback of this call. May be NULL.
/// @param image_data_json  The image as a JSON object: `id`, `checksum`, `checksum_payload`, `Tag`. Not NULL.
/// @param registry         The URL of the registry, which ends in /v1/. Not NULL.
/// @param data             The JSON of the image, which is sent byte for byte. Not NULL unless size is 0.
/// @param size             The number of bytes.
/// @param error            Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
/// @return OCIREG_OK or an error code, such as:
///         - OCIREG_ALREADY_EXISTS: the registry has the image.
///         - OCIREG_UNSUPPORTED: the session speaks protocol v2.
///
/// Safe to call from any thread. Blocks for one request. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_session_push_image_json_registry(
    session: *const ocireg_session,
    context: *const ocireg_context,
    image_data_json: *const c_char,
    registry: *const c_char,
    data: *const u8,
    size: usize,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(
            session = session_v1(session),
            call = call(context),
            image = text(image_data_json),
            registry = text(registry),
            data = bytes(data, size)
        );
        let image = ImgData::parse(image, "image_data_json")?;
        session.push_image_json_registry(&image, data, &root(registry)?, &call)
    })
}

/// Starts writing the layer of an image.
///
/// Write an uncompressed tar archive. It is kept in a temporary file until ocireg_writer_commit() compresses and sends
/// it; the commit returns `checksum` and `checksum_payload`.
///
/// @param session     A session of protocol v1. Not NULL.
/// @param context     The deadline, cancellation and progress callback of this call. May be NULL.
/// @param image_id    The id of the image: 64 lower-case hexadecimal digits. Not NULL.
/// @param registry    The URL of the registry, which ends in /v1/. Not NULL.
/// @param image_json  The JSON of the image. Not NULL unless size is 0.
/// @param size        The number of bytes.
/// @param writer      Receives the writer. Free it with ocireg_writer_free(). Not NULL.
/// @param error       Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
/// @return OCIREG_OK or an error code, such as:
///         - OCIREG_IO, OCIREG_NO_SPACE, OCIREG_PERMISSION: the temporary file cannot be created.
///         - OCIREG_UNSUPPORTED: the session speaks protocol v2.
///
/// Safe to call from any thread. Never blocks: nothing is sent before the commit. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_session_push_image_layer_registry(
    session: *const ocireg_session,
    context: *const ocireg_context,
    image_id: *const c_char,
    registry: *const c_char,
    image_json: *const u8,
    size: usize,
    writer: *mut *mut ocireg_writer,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(
            writer = out(writer),
            session = session_v1(session),
            call = call(context),
            image_id = text(image_id),
            registry = text(registry),
            image_json = bytes(image_json, size)
        );
        call.check()?;
        let image: ImageId = image_id.parse()?;
        let json = image_json.to_vec();
        let layer = session.push_image_layer_registry(&image, &root(registry)?, json)?;
        writer.set(super::writer::into_raw(Writer::Layer(Box::new(layer))));
        Ok(())
    })
}

/// Sends the checksums of a layer to the registry that has received it.
///
/// @param session          A session of protocol v1. Not NULL.
/// @param context          The deadline, cancellation and progress callback of this call. May be NULL.
/// @param image_data_json  The image as a JSON object: `id`, `checksum`, `checksum_payload`, `Tag`. Not NULL.
/// @param registry         The URL of the registry, which ends in /v1/. Not NULL.
/// @param error            Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
/// @return OCIREG_OK or an error code, such as:
///         - OCIREG_ALREADY_EXISTS: the registry has the image.
///         - OCIREG_UNSUPPORTED: the session speaks protocol v2.
///
/// Safe to call from any thread. Blocks for one request. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_session_push_image_checksum_registry(
    session: *const ocireg_session,
    context: *const ocireg_context,
    image_data_json: *const c_char,
    registry: *const c_char,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(
            session = session_v1(session),
            call = call(context),
            image = text(image_data_json),
            registry = text(registry)
        );
        let image = ImgData::parse(image, "image_data_json")?;
        session.push_image_checksum_registry(&image, &root(registry)?, &call)
    })
}

/// Sets a tag of a repository.
///
/// @param session    A session of protocol v1. Not NULL.
/// @param context    The deadline, cancellation and progress callback of this call. May be NULL.
/// @param reference  The repository, such as "busybox" or "registry.example/team/app". A tag is ignored. Not NULL.
/// @param revision   The id of the image. Not NULL.
/// @param tag        The tag. Not NULL.
/// @param registry   The URL of the registry, which ends in /v1/. Not NULL.
/// @param error      Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
/// @return OCIREG_OK or an error code, such as OCIREG_UNSUPPORTED if the session speaks protocol v2.
///
/// Safe to call from any thread. Blocks for one request. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_session_push_registry_tag(
    session: *const ocireg_session,
    context: *const ocireg_context,
    reference: *const c_char,
    revision: *const c_char,
    tag: *const c_char,
    registry: *const c_char,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(
            session = session_v1(session),
            call = call(context),
            reference = text(reference),
            revision = text(revision),
            tag = text(tag),
            registry = text(registry)
        );
        let revision: ImageId = revision.parse().map_err(|e: Error| e.in_argument("revision"))?;
        let (path, registry) = (path_of(reference)?, root(registry)?);
        session.push_registry_tag(&path, &revision, tag, &registry, &call)
    })
}

/// Sends the list of a repository's images to the index.
///
/// Call it twice: before the images are sent to the registries, and afterwards with `validate` and the checksums. The
/// list is sent again after a redirect.
///
/// @param session          A session of protocol v1. Not NULL.
/// @param context          The deadline, cancellation and progress callback of this call. May be NULL.
/// @param reference        The repository, such as "busybox" or "registry.example/team/app". A tag is ignored. Not
///                         NULL.
/// @param images_json      A JSON list of objects: `id`, `checksum`, `Tag`. With `validate`, images without a checksum
///                         are left out. Not NULL.
/// @param validate         0 before the images are sent, 1 afterwards.
/// @param registries_json  A JSON list of the URLs of the registries that have the images; the index gets it with
///                         `validate`. Not NULL.
/// @param json             Receives a JSON object: `ImgList` (empty) and `Endpoints` (the registries to send the images
///                         to; empty with `validate`). Free it with ocireg_string_free(). May be NULL.
/// @param error            Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
/// @return OCIREG_OK or an error code, such as:
///         - OCIREG_POLICY: the index redirects to another host; the option allow-v1-endpoints allows it.
///         - OCIREG_UNSUPPORTED: the session speaks protocol v2.
///
/// Safe to call from any thread. Blocks for one request. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_session_push_image_json_index(
    session: *const ocireg_session,
    context: *const ocireg_context,
    reference: *const c_char,
    images_json: *const c_char,
    validate: i32,
    registries_json: *const c_char,
    json: *mut *mut c_char,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(
            json = optional_out(json),
            session = session_v1(session),
            call = call(context),
            reference = text(reference),
            images = text(images_json),
            roots = text(registries_json)
        );
        let (path, roots) = (path_of(reference)?, registries(roots)?);
        let images = ImgData::parse_list(images, "images_json")?;
        let data = session.push_image_json_index(&path, &images, validate != 0, &roots, &call)?;
        json.set_json(&data)
    })
}
