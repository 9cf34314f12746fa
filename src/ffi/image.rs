//! Whole images: pull, push, copy, inspect.

use std::ffi::c_char;

use super::context::ocireg_context;
use super::error::ocireg_error;
use super::service::ocireg_service;
use crate::client::options::{
    CopyOptions, ExportOptions, InspectOptions, PullOptions, PushOptions, UnpackOptions,
};
use crate::client::{copy, export, inspect, pull, push, unpack};

/// Pulls an image from a registry into an OCI layout, or the files of an artifact into a directory.
///
/// Blobs that the destination already has are not downloaded again. A blob appears under its final name only after its
/// size and digest have been verified, and the image gets its name last. Example:
///
/// @code
/// char *report = NULL;
/// int32_t code = ocireg_pull(service, context, "alpine:3.20", "oci:images:alpine", "{\"platform\": \"linux/arm64\"}",
///                            &report, &error);
/// @endcode
///
/// @param service       The service. Not NULL.
/// @param context       The deadline, cancellation and progress callback of this call. May be NULL.
/// @param source        A reference such as "alpine:3.20", or "docker://REFERENCE". Not NULL.
/// @param destination   "oci:DIR[:NAME]". The directory is created if it does not exist. The first colon after DIR
///                      starts NAME, which may contain slashes and colons, as in
///                      oci:dest:docker.io/library/alpine:3.18; the path DIR cannot contain a colon. Without NAME the
///                      image is named after the reference, with its tag. Or "oci-archive:FILE[:NAME]": a tar archive of
///                      such a layout. Or "docker-archive:FILE[:REFERENCE]": a tar archive of one image, which
///                      docker load reads; its layers are stored uncompressed, after they were checked against the
///                      image's configuration, and it is tagged with REFERENCE, or else with the reference of the
///                      source unless that has a digest. An archive replaces an existing FILE once it is complete; a
///                      call that fails leaves FILE as it was. Or "files:DIR": each layer of an artifact
///                      that has the annotation org.opencontainers.image.title becomes a file with that path below DIR,
///                      as oras does it, and packed directories are unpacked. A title or packed path that leads out of
///                      DIR, or through a symbolic link, is an error. Layers without a title are skipped and listed in
///                      `warnings`. Not NULL.
/// @param options_json  A JSON object; may be NULL:
///                      - `auth` (AuthConfig; default: the service's credentials; {} is anonymous)
///                      - `credential_sources` (default: all): where credentials may come from, a list of "call",
///                        "callback", "options", "docker-config" and "auth-json"
///                      - `platform`: "os[(version)]/arch[/variant]", such as linux/arm/v7 or windows(10.0.20348)/amd64
///                        (default: this machine, with the level of its CPU)
///                      - `all_platforms` (default false): pull the whole index
///                      - `resume` (default true): keep partial files if the call fails, and continue them in the next
///                        call
///                      - `referrers` (default false): also pull what refers to the image and to its children, such as
///                        signatures; in a layout these have no name
///                      - `verify_diff_ids` (default false): decompress every layer and check it against the image's
///                        configuration before the image gets its name; layers that are there already are read again
///                      - `verify_present` (default false): hash all blobs that the layout already has, not only those
///                        that have changed since this library last verified them
///                      - `nondistributable` (default false): also pull nondistributable layers, from their `urls` if
///                        the registry does not have them and the service's option allow-foreign-urls lists the host
///                      - `dir_fd` (default: the working directory): an open directory that relative paths start from
///                      - `protocol` (default "v2"): "v1" pulls an image from a v1 index; its layers are unchanged, its
///                        digests are computed here, and its v1 JSON is kept as history
///                      - `overwrite` (default false): replace files in "files:DIR" that have other content; without it
///                        the call fails with OCIREG_ALREADY_EXISTS
/// @param report_json   Receives the report as a JSON object: `reference` (canonical, with digest), `descriptor` (of
///                      what the name now refers to), `manifests`, `platform`, `endpoint`, `destination`, `blobs` (each
///                      with `digest`, `size`, `media_type`, `bytes_transferred`, `resumed_from`, `retries`, `source`,
///                      `duration_ms`, `bytes_per_second`), `bytes_total`, `bytes_transferred`, `duration_ms`,
///                      `bytes_per_second`, `rate_limits` (each with `host`, `limit`, `remaining`, `window_seconds`;
///                      absent unless a registry told them), `warnings`. Free it with ocireg_string_free(). May be NULL.
/// @param error         Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
/// @return OCIREG_OK or an error code, such as:
///         - OCIREG_NOT_FOUND: the registry does not have the image.
///         - OCIREG_UNAUTHORIZED, OCIREG_DENIED: log in, or pass other credentials.
///         - OCIREG_NO_PLATFORM: the index has no image for this platform; the error's hint lists those it has.
///         - OCIREG_RATE_LIMITED: try again after ocireg_error_retry_after_ms().
///         - OCIREG_DIGEST_MISMATCH, OCIREG_SIZE_MISMATCH: the registry sent other content than the manifest names.
///         - OCIREG_NO_SPACE, OCIREG_PERMISSION, OCIREG_IO: the destination cannot be written.
///
/// Safe to call from any thread; the progress callback runs on the same thread. Blocks until the image is complete.
/// Since 0.1.
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

/// Pushes an image from this machine to a registry, by default for all its platforms.
///
/// Content that the registry already has is not sent again, and the image gets its tag only after everything else has
/// arrived. To continue an interrupted push, push again.
///
/// @param service       The service. Not NULL.
/// @param context       The deadline, cancellation and progress callback of this call. May be NULL.
/// @param source        "oci:DIR[:NAME]". NAME may be left out if the layout has only one image. Or
///                      "oci-archive:FILE[:NAME]": a tar archive of a layout. Or "docker-archive:FILE[:REFERENCE]": an
///                      archive that docker save, podman, skopeo or crane wrote; REFERENCE may be an at sign and the
///                      image's number, counted from 0. Its manifest is created by this call, in Docker's format;
///                      layers are pushed as they are in the archive. Archives may be compressed with gzip or zstd;
///                      they are then decompressed into a temporary file. Or "files:DIR": the files in DIR are pushed
///                      as an artifact, as oras does it. Not NULL.
/// @param destination   A reference, or "docker://REFERENCE". If it has a digest, the image must have that digest. Not
///                      NULL.
/// @param options_json  A JSON object; may be NULL:
///                      - `auth` (AuthConfig; default: the service's credentials; {} is anonymous)
///                      - `credential_sources` (default: all): where credentials may come from, a list of "call",
///                        "callback", "options", "docker-config" and "auth-json"
///                      - `platform`: push only the image for this platform
///                      - `all_platforms` (default true, unless `platform` is set): push the whole index
///                      - `tags`: a list of more tags for the image
///                      - `mount_from`: a list of repositories of the same registry that blobs may be mounted from
///                      - `referrers` (default false): also push what refers to the image and to its children, such as
///                        signatures
///                      - `digest_tags` (default false): also push what is found by a tag made of a digest
///                      - `nondistributable` (default false): also push nondistributable layers; hosts in the service's
///                        option allow-nondistributable-artifacts always get them
///                      - `convert`: "oci" converts manifests with Docker media types to OCI manifests, which changes
///                        their digests
///                      - `verify_present` (default false): check each blob, even if the registry has a manifest that
///                        lists it
///                      - `verify_diff_ids` (default false): decompress every layer and check it against the image's
///                        configuration before the image gets its name; layers that the destination already has are
///                        read from it if it is on this machine, else from the source
///                      - `dir_fd` (default: the working directory): an open directory that relative paths start from
///                      - `artifact_type`: the artifact type of "files:DIR"
///                      - `files`: a list of objects with `path` (relative to DIR, or absolute; a directory is packed
///                        into a tar archive), `title`, `media_type` and `annotations` (default: every regular file in
///                        DIR, sorted by name, with its name as title)
///                      - `annotations`: the annotations of the artifact's manifest
///                      - `subject`: the digest of a manifest at the destination that the artifact refers to; if the
///                        destination has no tag, the artifact gets none
///                      - `config`: the path of a file that is the artifact's configuration, or an object with `path`,
///                        `media_type` and `annotations`
/// @param report_json   Receives the report as a JSON object: `reference` (canonical, with the digest that was pushed),
///                      `descriptor`, `manifests`, `platform`, `endpoint`, `destination`, `tags` (all tags that now
///                      refer to the image), `blobs` (each with `digest`, `size`, `media_type`, `bytes_transferred`,
///                      `resumed_from`, `retries`, `duration_ms`, `bytes_per_second` and `source`: "network",
///                      "present" or "mounted"), `bytes_total`, `bytes_transferred`, `duration_ms`,
///                      `bytes_per_second`, `rate_limits` (as in ocireg_pull()), `converted` (each with `from` and
///                      `to`), `warnings`. Free it with ocireg_string_free(). May be NULL.
/// @param error         Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
/// @return OCIREG_OK or an error code, such as:
///         - OCIREG_NOT_FOUND: the layout does not contain the image.
///         - OCIREG_UNAUTHORIZED, OCIREG_DENIED: log in, or pass credentials that may push to this repository.
///         - OCIREG_REJECTED: the registry does not accept a blob or manifest.
///         - OCIREG_POLICY: the registry sent the upload to another host; the option allow-upload-hosts allows it.
///         - OCIREG_DIGEST_MISMATCH, OCIREG_SIZE_MISMATCH: a blob of the layout is damaged.
///
/// Safe to call from any thread; the progress callback runs on the same thread. Blocks until the registry has the
/// image. Since 0.2.
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

/// Copies an image from any source to any destination.
///
/// A copy between registries does not use the disk, and within one registry blobs are mounted if the registry allows
/// it. Content is never changed, unless `convert` is set. To continue an interrupted copy, copy again.
///
/// @param service       The service. Not NULL.
/// @param context       The deadline, cancellation and progress callback of this call. May be NULL.
/// @param source        "docker://REFERENCE", "oci:DIR[:NAME]", "oci-archive:FILE[:NAME]",
///                      "docker-archive:FILE[:REFERENCE]" or "files:DIR". Not NULL.
/// @param destination   One of the same. Without NAME the image keeps the name that it has at the source. Of an index,
///                      "docker-archive" takes the image for one platform. Not NULL.
/// @param options_json  A JSON object; may be NULL:
///                      - `source_auth`, `destination_auth` (AuthConfig; default: the service's credentials; {} is
///                        anonymous)
///                      - `credential_sources` (default: all): where credentials may come from, a list of "call",
///                        "callback", "options", "docker-config" and "auth-json"
///                      - `platform`: copy only the image for this platform
///                      - `all_platforms` (default true, unless `platform` is set): copy the whole index
///                      - `tags`: a list of more tags for the image
///                      - `mount_from`: a list of more repositories of the destination's registry that blobs may be
///                        mounted from; the source's repository is always tried
///                      - `referrers` (default false): also copy what refers to the image and to its children, such as
///                        signatures
///                      - `digest_tags` (default false): also copy what is found by a tag made of a digest
///                      - `nondistributable` (default false): also copy nondistributable layers
///                      - `convert`: "oci" converts manifests with Docker media types to OCI manifests, which changes
///                        their digests
///                      - `verify_present` (default false): check each blob that the destination already has
///                      - `verify_diff_ids` (default false): decompress every layer and check it against the image's
///                        configuration before the image gets its name; layers that the destination already has are
///                        read from it if it is on this machine, else from the source
///                      - `resume` (default true): keep partial files of a layout if the call fails, and continue them
///                        in the next call
///                      - `dir_fd` (default: the working directory): an open directory that relative paths start from
///                      - `overwrite` (default false): replace files in the destination "files:DIR" that have other
///                        content
///                      - `artifact_type`, `files`, `annotations`, `subject`, `config`: for the source "files:DIR", as
///                        in ocireg_push()
/// @param report_json   Receives the report as a JSON object, with the keys of ocireg_push() but `source_endpoint` and
///                      `destination_endpoint` instead of `endpoint`. Free it with ocireg_string_free(). May be NULL.
/// @param error         Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
/// @return OCIREG_OK or an error code, as for ocireg_pull() and ocireg_push().
///
/// Safe to call from any thread; the progress callback runs on the same thread. Blocks until the destination has the
/// image. Since 0.2.
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

/// Unpacks an image to a directory, as the root file system of a container.
///
/// The layers are applied while they are downloaded; nothing is stored but the files themselves. Each blob is verified
/// against its digest and each layer against the image's configuration. If anything fails, the directory is left as it
/// was: absent or empty. Nothing outside the directory is created or changed, whatever the image contains.
///
/// @param service       The service. Not NULL.
/// @param context       The deadline, cancellation and progress callback of this call. May be NULL.
/// @param source        A reference, "docker://REFERENCE" or "oci:DIR[:NAME]"; without NAME the only image in the
///                      layout. Not NULL.
/// @param directory     The path of a directory that does not exist or is empty. One that does not exist appears when
///                      the image is complete; the directory above it must exist. Its data is not synced to the disk.
///                      Not NULL.
/// @param options_json  A JSON object; may be NULL:
///                      - `auth` (AuthConfig; default: the service's credentials; {} is anonymous)
///                      - `credential_sources` (default: all): where credentials may come from, a list of "call",
///                        "callback", "options", "docker-config" and "auth-json"
///                      - `platform` (default: this machine's platform), as in ocireg_pull()
///                      - `ownership` (default "preserve" for root or with a map, else "current"): "preserve" keeps the
///                        owners that the image names, "current" gives everything to the calling user
///                      - `uid_map`, `gid_map`: lists of {`container`, `host`, `size`}; IDs without a mapping are an
///                        error
///                      - `xattrs` (default "all" for root, else "user"): "all", "user" or "none" of the extended
///                        attributes. "trusted.overlay.*" and those that belong to the host are never set
///                      - `devices` (default "create" for root, else "skip"): character and block devices
///                      - `limits`: {`bytes` (default 64 GiB of data, not counting holes), `entries` (default 4000000),
///                        `path` (default 4096 bytes)}
///                      - `layout`: "oci:DIR[:NAME]", a layout that keeps the image as well; blobs that it already has
///                        are not downloaded
///                      - `dir_fd` (default: the working directory): an open directory that relative paths start from
/// @param report_json   Receives the report as a JSON object, with the keys of ocireg_pull() and `entries`, `bytes`,
///                      `diff_ids` and `skipped` [{`path`, `why`}], which lists the first 10000 devices and extended
///                      attributes that were left out. Free it with ocireg_string_free(). May be NULL.
/// @param error         Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
/// @return OCIREG_OK or an error code, among them:
///         - OCIREG_INVALID_ARGUMENT: the directory is not empty, or an option is not valid
///         - OCIREG_INVALID_MANIFEST: a layer is not a valid archive, or an entry leads out of the directory; `what` is
///           "entry"
///         - OCIREG_DIGEST_MISMATCH: a blob is damaged, or a layer is not what the configuration says; `what` is
///           "diff_id"
///         - OCIREG_LIMIT: the image is larger than `limits`
///         - OCIREG_PERMISSION: an ID has no mapping, or the process may not set owners or create devices
///         - OCIREG_NO_SPACE: the disk is full
///
/// Safe to call from any thread; the progress callback runs on the same thread. Blocks until the image is unpacked.
/// After a cancellation it first removes what it has created. Since 0.2.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_unpack(
    service: *const ocireg_service,
    context: *const ocireg_context,
    source: *const c_char,
    directory: *const c_char,
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
            directory = text(directory),
            options = optional_text(options_json)
        );
        let options = UnpackOptions::parse(options)?;
        report.set_json(&unpack::unpack(&service, source, directory, options, call)?)
    })
}

/// Writes the root file system of an image to a file descriptor, as one tar archive.
///
/// Of each path the archive has the entry of the highest layer; what a layer deletes is left out, and hard links are
/// kept. The same image always gives the same bytes. Layers are read from the highest to the lowest and written while
/// they are downloaded; memory grows by about 40 bytes for each path of the image, and only a layer with a link to a
/// file that a higher layer hides is read twice. If a layer has a path twice, so has the archive, and as in any tar
/// archive the last entry counts. Holes of sparse files are written as zeros.
///
/// Each blob is verified against its digest and each layer against the image's configuration, at the end of the layer:
/// do not use what was written before the call has succeeded. The call closes nothing, sends no SIGPIPE, and can be
/// cancelled while a pipe is full. Example:
///
/// @code
/// int fd = open("rootfs.tar", O_WRONLY | O_CREAT | O_EXCL, 0644);
/// int32_t code = ocireg_export(service, context, "alpine:3.20", fd, NULL, NULL, &error);
/// @endcode
///
/// @param service       The service. Not NULL.
/// @param context       The deadline, cancellation and progress callback of this call. May be NULL.
/// @param source        A location as in ocireg_unpack(). Not NULL.
/// @param fd            A file, pipe or socket that is open for writing. Writing starts at its position; the call uses a
///                      duplicate, which shares it.
/// @param options_json  A JSON object; may be NULL:
///                      - `auth` (AuthConfig; default: the service's credentials; {} is anonymous)
///                      - `credential_sources` (default: all): where credentials may come from, a list of "call",
///                        "callback", "options", "docker-config" and "auth-json"
///                      - `platform` (default: this machine's platform), as in ocireg_pull()
///                      - `limits`: {`bytes` (default 64 GiB of data, holes included), `entries` (default 4000000),
///                        `path` (default 4096 bytes)}
///                      - `layout`: "oci:DIR[:NAME]", a layout that keeps the image as well; blobs that it already has
///                        are not downloaded
///                      - `dir_fd` (default: the working directory): an open directory that relative paths start from
/// @param report_json   Receives the report as a JSON object, with the keys of ocireg_pull() and `entries` (of the
///                      archive), `bytes` (of data), `diff_ids` and `skipped` [{`path`, `why`}], which lists files and
///                      links of lower layers that are in the way of a higher layer's entries. Free it with
///                      ocireg_string_free(). May be NULL.
/// @param error         Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
/// @return OCIREG_OK or an error code, such as:
///         - OCIREG_INVALID_ARGUMENT: the descriptor is not open for writing, or an option is not valid.
///         - OCIREG_INVALID_MANIFEST: a layer is not a valid archive; `what` is "entry" or "layer".
///         - OCIREG_DIGEST_MISMATCH: a blob is damaged, or a layer is not what the configuration says; `what` is
///           "diff_id".
///         - OCIREG_LIMIT: the image is larger than `limits`.
///         - OCIREG_IO, OCIREG_NO_SPACE: the descriptor cannot be written to, or the other end of a pipe was closed.
///
/// Safe to call from any thread; the progress callback runs on the same thread. Blocks until the archive is written.
/// Since 0.2.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_export(
    service: *const ocireg_service,
    context: *const ocireg_context,
    source: *const c_char,
    fd: i32,
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
            options = optional_text(options_json)
        );
        let options = ExportOptions::parse(options)?;
        report.set_json(&export::export(&service, source, fd, options, call)?)
    })
}

/// Describes an image without downloading its layers.
///
/// @param service       The service. Not NULL.
/// @param context       The deadline, cancellation and progress callback of this call. May be NULL.
/// @param source        A reference, "docker://REFERENCE", "oci:DIR[:NAME]", "oci-archive:FILE[:NAME]",
///                      "docker-archive:FILE[:REFERENCE]" or "files:DIR", which is described as the artifact that
///                      ocireg_push() would make of it without options. Not NULL.
/// @param options_json  A JSON object; may be NULL:
///                      - `auth` (AuthConfig; default: the service's credentials; {} is anonymous)
///                      - `credential_sources` (default: all): where credentials may come from, a list of "call",
///                        "callback", "options", "docker-config" and "auth-json"
///                      - `platform`: "os[(version)]/arch[/variant]" (default: this machine)
///                      - `config` (default true): read the image's configuration; without it the platform of a single
///                        image is not known
///                      - `layers` (default true): list the layers
///                      - `dir_fd` (default: the working directory): an open directory that relative paths start from
/// @param json          Receives a JSON object: `descriptor`, `kind` ("image", "index" or "artifact"), and the keys
///                      that apply: `reference`, `name`, `endpoint`, `platforms`, `platform`, `manifest`, `config`,
///                      `layers`, `artifact_type`, `subject`, `annotations`, `warnings` (a list of strings). Free it
///                      with ocireg_string_free(). Not NULL.
/// @param error         Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
/// @return OCIREG_OK or an error code, such as:
///         - OCIREG_NOT_FOUND: the image does not exist.
///         - OCIREG_NO_PLATFORM: the index has no image for this platform.
///         - OCIREG_UNSUPPORTED: the manifest has Docker's schema 1.
///
/// Safe to call from any thread. Blocks for a few requests. Since 0.1.
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
