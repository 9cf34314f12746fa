//! Whole images: pull, push, copy, inspect.

use std::ffi::c_char;

use super::context::ocireg_context;
use super::error::ocireg_error;
use super::service::ocireg_service;
use crate::client::options::{CopyOptions, InspectOptions, PullOptions, PushOptions};
use crate::client::{copy, inspect, pull, push};

/// Pulls an image from a registry into an OCI layout, or the files of an artifact into a directory. Blobs that the destination
/// already has are not downloaded again. A blob appears under its final name only after its size and digest have been verified.
///
/// @param service       the service; may be freed while the call runs. Not NULL.
/// @param context       the call's context; may be NULL.
/// @param source        a reference, or "docker://REFERENCE". Not NULL.
/// @param destination   "oci:DIR[:NAME]"; the directory is created if it does not exist. The first colon after DIR begins
///                      NAME, which may hold slashes and colons itself, as in
///                      oci:dest:docker.io/library/alpine:3.18; a directory whose path has a colon cannot be used.
///                      Without NAME the image gets the reference's name and tag. Or "files:DIR": each layer of an artifact
///                      with the annotation org.opencontainers.image.title becomes a file with this path below DIR, as oras
///                      does it. Titles that would lead out of DIR, or through a symbolic link, are errors. Layers without a
///                      title are left out and named in `warnings`. Not NULL.
/// @param options_json  `auth` (AuthConfig; absent: what the service knows; {}: anonymous), `platform`
///                      ("os[(version)]/arch[/variant]", such as linux/arm/v7 or windows(10.0.20348)/amd64; default this
///                      machine's, with the level of its CPU), `all_platforms` (the whole index), `resume`
///                      (default true: partial files are kept and taken up), `referrers` (default false: what
///                      refers to the image and to its children as well, such as signatures; in a layout they are
///                      entries without a name), `verify_diff_ids` (must be false in this version), `dir_fd` (an open
///                      directory in which relative paths begin), `verify_present` (default false: hash every blob again that is
///                      there already, not only those that changed since this library verified them),
///                      `nondistributable` (default false: fetch such layers too, from
///                      where their `urls` say if the registry does not have them and the service's option
///                      allow-foreign-urls names the host), `protocol` ("v2"; "v1": the image of a v1 index, its layers
///                      as they are, its digests computed here, its v1 JSON kept as history), `overwrite` (default false:
///                      a file that exists in "files:DIR" with other content is replaced; without it the call fails with
///                      OCIREG_ALREADY_EXISTS); may be NULL.
/// @param report_json   receives the report, owned by the caller; free with ocireg_string_free(); may be NULL. Keys: `reference`
///                      (canonical, with digest), `descriptor` (what the name now stands for), `manifests`, `platform`,
///                      `endpoint`, `destination`, `blobs` (each with `digest`, `size`, `media_type`,
///                      `bytes_transferred`, `resumed_from`, `retries`, `source`), `bytes_total`,
///                      `bytes_transferred`, `duration_ms`, `warnings`.
/// @param error         receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
/// @return OCIREG_OK or any code.
///
/// Any thread; the progress callback runs on this thread. Blocks until the image is there. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_pull(
    service: *const ocireg_service,
    context: *const ocireg_context,
    source: *const c_char,
    destination: *const c_char,
    options_json: *const c_char,
    report_json: *mut *mut c_char,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(
            report = optional_out(report_json),
            service = handle(service),
            call = call(context),
            source = text(source),
            destination = text(destination),
            options = optional_text(options_json)
        );
        let options = PullOptions::parse(options)?;
        let done = pull::pull(&service, source, destination, options, call)?;
        report.set_json(&done)
    })
}

/// Pushes an image from this machine to a registry, with all images of an index. Nothing that the registry has already is
/// sent again, and the image gets its name there only when everything else is there. A push that was interrupted goes on
/// with what is missing.
///
/// @param service       the service; may be freed while the call runs. Not NULL.
/// @param context       the call's context; may be NULL.
/// @param source        "oci:DIR[:NAME]"; without NAME the only image. Or "files:DIR": an artifact is made of the files in
///                      DIR, as oras makes it. Not NULL.
/// @param destination   a reference, or "docker://REFERENCE". With a digest, the image must have it. Not NULL.
/// @param options_json  `auth` (AuthConfig; absent: what the service knows; {}: anonymous), `platform` (push the image for
///                      this platform only), `all_platforms` (the whole index; default true, unless `platform` is set),
///                      `tags` (more tags for the image), `mount_from` (repositories of the same registry that blobs may be
///                      mounted from), `referrers` (default false: what refers to the image and to its children as well,
///                      such as signatures), `digest_tags` (default false: what is found by a tag made of a digest as well),
///                      `nondistributable` (default false: such layers as well; they are always pushed to the hosts of the
///                      service's option allow-nondistributable-artifacts), `convert` ("oci": manifests with Docker media
///                      types become OCI manifests, which changes their digests), `verify_present` (default false: ask for
///                      each blob, even where the registry has a manifest that lists it), `dir_fd` (an open directory in
///                      which relative paths begin). For "files:DIR" also `artifact_type`, `files` (list of objects with `path`,
///                      relative to DIR or absolute, `title`, `media_type`, `annotations`; default every regular file in DIR,
///                      sorted by name, with its name as title), `annotations` (of the manifest), `subject` (the digest of
///                      a manifest at the destination that the artifact refers to; without a tag in the destination
///                      nothing is tagged), `config` (the path of the file that is the artifact's configuration, or an object
///                      with `path`, `media_type`, `annotations`); may be NULL.
/// @param report_json   receives the report, owned by the caller; free with ocireg_string_free(); may be NULL. Keys: `reference`
///                      (canonical, with the digest that was pushed), `descriptor`, `manifests`, `platform`, `endpoint`,
///                      `destination`, `tags` (those that now name the image), `blobs` (each with `digest`, `size`,
///                      `media_type`, `bytes_transferred`, `resumed_from`, `retries`, `source`: "network", "present" or
///                      "mounted"), `bytes_total`, `bytes_transferred`, `duration_ms`, `converted` (each with `from` and
///                      `to`), `warnings`.
/// @param error         receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
/// @return OCIREG_OK or any code.
///
/// Any thread; the progress callback runs on this thread. Blocks until the registry has the image. Since 0.2.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_push(
    service: *const ocireg_service,
    context: *const ocireg_context,
    source: *const c_char,
    destination: *const c_char,
    options_json: *const c_char,
    report_json: *mut *mut c_char,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(
            report = optional_out(report_json),
            service = handle(service),
            call = call(context),
            source = text(source),
            destination = text(destination),
            options = optional_text(options_json)
        );
        let options = PushOptions::parse(options)?;
        report.set_json(&push::push(&service, source, destination, options, call)?)
    })
}

/// Copies an image from a source to a destination. Between registries nothing touches the disk, and within one registry blobs are
/// mounted where it allows that. Bytes are never changed, unless `convert` asks for it. A copy that was interrupted goes on
/// with what is missing.
///
/// @param service       the service; may be freed while the call runs. Not NULL.
/// @param context       the call's context; may be NULL.
/// @param source        "docker://REFERENCE", "oci:DIR[:NAME]" or "files:DIR". Not NULL.
/// @param destination   the same. Without NAME the image gets the name that it has at the source. Not NULL.
/// @param options_json  `source_auth` and `destination_auth` (AuthConfig; absent: what the service knows; {}: anonymous),
///                      `platform` (copy the image for this platform only), `all_platforms` (the whole index; default true,
///                      unless `platform` is set), `tags` (more tags for the image), `mount_from` (more repositories of the
///                      destination's registry that blobs may be mounted from; that of the source is asked anyway),
///                      `referrers` (default false: what refers to the image and to its children as well, such as
///                      signatures), `digest_tags` (default false: what is found by a tag made of a digest as well),
///                      `nondistributable` (default false: such layers as well), `convert` ("oci": manifests with Docker
///                      media types become OCI manifests, which changes their digests), `verify_present` (default false:
///                      check each blob that is there already), `resume` (default true: partial files of a layout are kept
///                      and taken up), `dir_fd` (an open directory in which relative paths begin), `overwrite` (default false:
///                      replace files with other content in the destination "files:DIR"). For the source "files:DIR" also
///                      `artifact_type`, `files`, `annotations`, `subject` and `config`, as in ocireg_push(); may be NULL.
/// @param report_json   receives the report, owned by the caller; free with ocireg_string_free(); may be NULL. Keys: those of
///                      ocireg_push(), with `source_endpoint` and `destination_endpoint` in place of `endpoint`.
/// @param error         receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
/// @return OCIREG_OK or any code.
///
/// Any thread; the progress callback runs on this thread. Blocks until the image is there. Since 0.2.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_copy(
    service: *const ocireg_service,
    context: *const ocireg_context,
    source: *const c_char,
    destination: *const c_char,
    options_json: *const c_char,
    report_json: *mut *mut c_char,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(
            report = optional_out(report_json),
            service = handle(service),
            call = call(context),
            source = text(source),
            destination = text(destination),
            options = optional_text(options_json)
        );
        let options = CopyOptions::parse(options)?;
        report.set_json(&copy::copy(&service, source, destination, options, call)?)
    })
}

/// Describes an image without downloading its layers.
///
/// @param service       the service; may be freed while the call runs. Not NULL.
/// @param context       the call's context; may be NULL.
/// @param source        a reference, "docker://REFERENCE", "oci:DIR[:NAME]", or "files:DIR", which is described as the
///                      artifact that ocireg_push() makes of it without options. Not NULL.
/// @param options_json  `auth` (AuthConfig; absent: what the service knows; {}: anonymous), `platform`
///                      ("os[(version)]/arch[/variant]", default this machine's), `config` (default true; without it the
///                      platform of a single image is not known), `layers` (default true), `dir_fd` (an open
///                      directory in which relative paths begin); may be NULL.
/// @param json          receives the document, owned by the caller; free with ocireg_string_free(). Not NULL. Keys: `descriptor`,
///                      `kind` ("image", "index" or "artifact"), and where they apply `reference`, `name`, `endpoint`,
///                      `platforms`, `platform`, `manifest`, `config`, `layers`, `artifact_type`, `subject`,
///                      `annotations`, `warnings` (list of strings).
/// @param error         receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
/// @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_JSON, OCIREG_INVALID_REFERENCE, OCIREG_NOT_FOUND,
///         OCIREG_NO_PLATFORM, OCIREG_CREDENTIALS, OCIREG_CREDENTIAL_HELPER, any network, registry or content code, OCIREG_CANCELLED, OCIREG_DEADLINE.
///
/// Any thread. Blocks: a few exchanges. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_inspect(
    service: *const ocireg_service,
    context: *const ocireg_context,
    source: *const c_char,
    options_json: *const c_char,
    json: *mut *mut c_char,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(
            json = out(json),
            service = handle(service),
            call = call(context),
            source = text(source),
            options = optional_text(options_json)
        );
        let options = InspectOptions::parse(options)?;
        json.set_json(&inspect::inspect(&service, source, options, call)?)
    })
}
