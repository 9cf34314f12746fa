//! The functions of `ocireg_session` that speak protocol v1.

use std::ffi::c_char;

use super::context::ocireg_context;
use super::error::ocireg_error;
use super::memory::bytes_into_raw;
use super::reader::{Reader, ocireg_reader};
use super::session::ocireg_session;
use super::writer::{Writer, ocireg_writer};
use crate::error::{Error, Result};
use crate::json::strict;
use crate::names::reference::Reference;
use crate::v1::data::Limit;
use crate::v1::{ImageId, ImgData, Root};

fn path_of(reference: &str) -> Result<String> {
    Ok(reference.parse::<Reference>()?.path().to_owned())
}

fn registries(text: &str) -> Result<Vec<Root>> {
    let list = strict::parse_strings(text, "registries_json")?;
    list.iter().map(|root| Root::parse(root, "registries_json")).collect()
}

fn root(text: &str) -> Result<Root> {
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

/// Searches the index.
///
/// @param session  a session of protocol v1. Not NULL.
/// @param context  the call's context; may be NULL.
/// @param term     what to look for. Not NULL.
/// @param limit    how many results, 1 to 100.
/// @param json     receives `query`, `num_results` and `results` (`name`, `description`, `star_count`, `is_official`,
///                 `is_automated`); the caller frees it with ocireg_string_free(). Not NULL.
/// @param error    receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
/// @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_UNSUPPORTED for a session of protocol v2, OCIREG_LIMIT, any
///         network or registry code, OCIREG_CANCELLED, OCIREG_DEADLINE.
///
/// Any thread. Blocks: one exchange. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_session_search_repositories(
    session: *const ocireg_session,
    context: *const ocireg_context,
    term: *const c_char,
    limit: i32,
    json: *mut *mut c_char,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(
            json = out(json),
            session = session_v1(session),
            call = call(context),
            term = text(term)
        );
        json.set_json(&session.search_repositories(term, Limit::new(limit)?, &call)?)
    })
}
