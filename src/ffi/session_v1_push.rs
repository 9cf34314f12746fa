//! Protocol v1: push images.

use std::ffi::c_char;

use super::context::ocireg_context;
use super::error::ocireg_error;
use super::session::ocireg_session;
use super::session_v1::{path_of, registries, root};
use super::writer::{Writer, ocireg_writer};
use crate::error::Error;
use crate::v1::{ImageId, ImgData};

/// Gives a registry the JSON of an image.
///
/// @param session          a session of protocol v1. Not NULL.
/// @param context          the call's context; may be NULL.
/// @param image_data_json  the image: `id`, `checksum`, `checksum_payload`, `Tag`. Not NULL.
/// @param registry         the root of a registry, which ends in /v1/. Not NULL.
/// @param data             the JSON, borrowed for the call; Not NULL unless size is 0.
/// @param size             how many bytes.
/// @param error            receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
/// @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_UNSUPPORTED for a session of protocol v2, OCIREG_INVALID_JSON,
///         OCIREG_ALREADY_EXISTS when the registry has the image, any network or registry code, OCIREG_CANCELLED,
///         OCIREG_DEADLINE.
///
/// Any thread. Blocks: one exchange. Since 0.1.
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

/// Begins to give a registry the layer of an image. What is written is a plain tar archive; it waits in a temporary
/// file until ocireg_writer_commit() sends it as gzip. Its result is `checksum` and `checksum_payload`.
///
/// @param session     a session of protocol v1. Not NULL.
/// @param context     the call's context; may be NULL.
/// @param image_id    the id of an image, 64 lower-case hex digits. Not NULL.
/// @param registry    the root of a registry, which ends in /v1/. Not NULL.
/// @param image_json  the JSON of the image, copied; Not NULL unless size is 0.
/// @param size        its bytes.
/// @param writer      receives the writer; the caller frees it with ocireg_writer_free(). Not NULL.
/// @param error       receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
/// @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_UNSUPPORTED for a session of protocol v2, OCIREG_IO,
///         OCIREG_NO_SPACE or OCIREG_PERMISSION when there can be no temporary file, any network or registry code,
///         OCIREG_CANCELLED, OCIREG_DEADLINE.
///
/// Any thread. Never blocks for the network: asks nobody before the commit. Since 0.1.
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

/// Tells a registry the checksums of a layer that it was given.
///
/// @param session          a session of protocol v1. Not NULL.
/// @param context          the call's context; may be NULL.
/// @param image_data_json  the image: `id`, `checksum`, `checksum_payload`, `Tag`. Not NULL.
/// @param registry         the root of a registry, which ends in /v1/. Not NULL.
/// @param error            receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
/// @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_UNSUPPORTED for a session of protocol v2, OCIREG_INVALID_JSON,
///         OCIREG_ALREADY_EXISTS, any network or registry code, OCIREG_CANCELLED, OCIREG_DEADLINE.
///
/// Any thread. Blocks: one exchange. Since 0.1.
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

/// Gives an image a tag.
///
/// @param session    a session of protocol v1. Not NULL.
/// @param context    the call's context; may be NULL.
/// @param reference  the repository, such as "busybox" or "registry.example/team/app"; a tag is ignored. Not NULL.
/// @param revision   the id of the image. Not NULL.
/// @param tag        the tag. Not NULL.
/// @param registry   the root of a registry, which ends in /v1/. Not NULL.
/// @param error      receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
/// @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_UNSUPPORTED for a session of protocol v2,
///         OCIREG_INVALID_REFERENCE, any network or registry code, OCIREG_CANCELLED, OCIREG_DEADLINE.
///
/// Any thread. Blocks: one exchange. Since 0.1.
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

/// Gives the index the list of a repository's images: before the registries get them, and again with `validate`, with
/// the checksums, after. Redirects are followed with the list.
///
/// @param session          a session of protocol v1. Not NULL.
/// @param context          the call's context; may be NULL.
/// @param reference        the repository, such as "busybox" or "registry.example/team/app"; a tag is ignored. Not
///                         NULL.
/// @param images_json      a list of images: `id`, `checksum`, `Tag`. With `validate` those without a checksum are
///                         left out. Not NULL.
/// @param validate         0 before, 1 after.
/// @param registries_json  the roots of the registries that have the images, told to the index with `validate`. Not
///                         NULL.
/// @param json             receives `ImgList` (empty) and `Endpoints` (where the images are to go, without
///                         `validate`); the caller frees it with ocireg_string_free(); may be NULL.
/// @param error            receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
/// @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_UNSUPPORTED for a session of protocol v2, OCIREG_INVALID_JSON,
///         OCIREG_INVALID_REFERENCE, OCIREG_REDIRECT, OCIREG_POLICY when the index leads to another host (the option
///         allow-v1-endpoints allows it), any network or registry code, OCIREG_CANCELLED, OCIREG_DEADLINE.
///
/// Any thread. Blocks: one exchange. Since 0.1.
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
