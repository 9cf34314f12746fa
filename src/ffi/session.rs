//! `ocireg_session`.

use std::ffi::c_char;
use std::sync::Arc;

use super::args;
use super::context::ocireg_context;
use super::endpoint::{Spoken, ocireg_endpoint};
use super::error::ocireg_error;
use super::handle;
use super::memory::bytes_into_raw;
use super::options;
use super::reader::{Reader, ocireg_reader};
use super::service::ocireg_service;
use super::writer::{Writer, ocireg_writer};
use crate::error::{Code, Error, Result};
use crate::names::reference::{Reference, check_path};
use crate::registry::api_endpoint::ApiVersion;
use crate::registry::session::{Session, check_openable};
use crate::v1;
use crate::v2::blob::BlobReader;
use crate::v2::upload::BlobWriter;

/// A conversation with one registry, or with one repository of it, at one endpoint or at several in order.
///
/// May be used from any thread, and by several at once. Holds what it needs of its service and endpoint: these
/// may be freed before it. May be freed while a call on it runs.
///
/// Functions: ocireg_session_new(), ocireg_session_open(), ocireg_session_repository(), ocireg_session_id(),
/// ocireg_session_info(), ocireg_session_ping(), ocireg_session_list_tags(), ocireg_session_get_manifest(),
/// ocireg_session_head_manifest(), ocireg_session_head_blob(), ocireg_session_open_blob(), ocireg_session_put_blob(),
/// ocireg_session_mount_blob(), ocireg_session_catalog(), ocireg_session_put_manifest(), ocireg_session_delete_manifest(),
/// ocireg_session_delete_blob(), ocireg_session_referrers(), ocireg_session_get_blob_file(),
/// ocireg_session_put_blob_file(), ocireg_session_free(). By protocol v1: ocireg_session_get_repository_data(), ocireg_session_get_remote_tags(),
/// ocireg_session_get_remote_tag(), ocireg_session_get_remote_history(), ocireg_session_lookup_remote_image(),
/// ocireg_session_get_remote_image_json(), ocireg_session_get_remote_image_layer(),
/// ocireg_session_push_image_json_registry(), ocireg_session_push_image_layer_registry(),
/// ocireg_session_push_image_checksum_registry(), ocireg_session_push_registry_tag(),
/// ocireg_session_push_image_json_index(), ocireg_session_search_repositories(). A function of the other protocol is
/// OCIREG_UNSUPPORTED.
pub struct ocireg_session {
    _opaque: [u8; 0],
}

handle_type!(ocireg_session, Speaks, b"ocisessn");

/// A session of either protocol.
#[derive(Clone)]
pub(super) enum Speaks {
    /// Protocol v2.
    V2(Arc<Session>),
    /// Protocol v1.
    V1(Arc<v1::Session>),
}

/// The session of a handle, if it speaks protocol v2.
///
/// # Safety
/// The contract of ffi/args.rs.
pub(super) unsafe fn session_v2(
    session: *const ocireg_session,
    name: &str,
) -> Result<Arc<Session>> {
    // SAFETY: passed on.
    match unsafe { args::handle(session, name) }? {
        Speaks::V2(session) => Ok(session),
        Speaks::V1(_) => Err(other_protocol("v1", "v2")),
    }
}

/// The session of a handle, if it speaks protocol v1.
///
/// # Safety
/// The contract of ffi/args.rs.
pub(super) unsafe fn session_v1(
    session: *const ocireg_session,
    name: &str,
) -> Result<Arc<v1::Session>> {
    // SAFETY: passed on.
    match unsafe { args::handle(session, name) }? {
        Speaks::V1(session) => Ok(session),
        Speaks::V2(_) => Err(other_protocol("v2", "v1")),
    }
}

fn other_protocol(speaks: &str, needed: &str) -> Error {
    Error::new(
        Code::Unsupported,
        format!("this function needs a session of protocol {needed}, but the session uses protocol {speaks}"),
    )
    .hint("open a session for an endpoint of the other protocol")
}

/// Makes a session of a whole registry at one endpoint.
///
/// @param endpoint   the endpoint; may be freed afterwards. Not NULL.
/// @param context    the call's context; may be NULL.
/// @param auth_json  the credentials, an AuthConfig; "{}" is anonymous; NULL is what the service knows for the host.
/// @param session    receives the session; the caller frees it with ocireg_session_free(). Not NULL.
/// @param error      receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
/// @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_JSON, OCIREG_UNSUPPORTED, OCIREG_CREDENTIALS when
///         $REGISTRY_AUTH_FILE names a file that cannot be used, with protocol v1 any network code, OCIREG_CANCELLED,
///         OCIREG_DEADLINE. A credential helper that fails is the failure of the first call that changes something or is
///         refused.
///
/// Any thread. May block: DNS, credential helper. Asks no registry yet; but one of protocol v1 over https with
/// credentials is asked whether it stands alone. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_session_new(
    endpoint: *const ocireg_endpoint,
    context: *const ocireg_context,
    auth_json: *const c_char,
    session: *mut *mut ocireg_session,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(
            session = out(session),
            endpoint = handle(endpoint),
            call = call(context),
            auth = optional_text(auth_json)
        );
        let auth = auth.map(|text| options::auth(text, "auth_json")).transpose()?;
        session.set(handle::into_raw(match &endpoint {
            Spoken::V2(endpoint) => Speaks::V2(Arc::new(Session::new(endpoint, auth, &call)?)),
            Spoken::V1(endpoint) => Speaks::V1(Arc::new(v1::Session::new(endpoint, auth, &call)?)),
        }));
        Ok(())
    })
}

/// Opens a session of a reference's repository, or of a whole registry: asks its endpoints (mirrors first) for
/// protocol v2 in order and keeps the first that answers. Later calls may move on to the next one.
///
/// @param service       the service; may be freed afterwards. Not NULL.
/// @param context       the call's context; may be NULL.
/// @param reference     the reference, such as "alpine:3.20" or "registry.example/team/app@sha256:…". Not NULL,
///                      unless the option registry says what to open.
/// @param options_json  `auth` (AuthConfig; absent: what the service knows; {}: anonymous), `actions` (list of strings,
///                      default ["pull"]; with others no mirrors are asked), `registry` (host[:port], with a NULL
///                      reference: the whole registry), `protocol` ("v2"; "v1": the session is of the index at the
///                      reference's host, which is asked as by ocireg_endpoint_new_v1()); may be NULL.
/// @param session       receives the session; the caller frees it with ocireg_session_free(). Not NULL.
/// @param error         receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL. `attempts` holds the failure
///                      of each endpoint.
/// @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_JSON, OCIREG_INVALID_REFERENCE, OCIREG_UNSUPPORTED,
///         OCIREG_CREDENTIALS or OCIREG_CREDENTIAL_HELPER when a source of credentials fails and `actions` are more than
///         ["pull"], any network or registry code, OCIREG_CANCELLED, OCIREG_DEADLINE.
///
/// Any thread. Blocks: credential helper, DNS, connection, one exchange an endpoint. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_session_open(
    service: *const ocireg_service,
    context: *const ocireg_context,
    reference: *const c_char,
    options_json: *const c_char,
    session: *mut *mut ocireg_session,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(
            session = out(session),
            service = handle(service),
            call = call(context),
            reference = optional_text(reference),
            options = optional_text(options_json)
        );
        let options::Open { options, registry, protocol } = options::open(options)?;
        let call = call.limited(service.timeouts().total);
        let reference: Option<Reference> = reference.map(str::parse).transpose()?;
        let host = match (&reference, &registry) {
            (Some(reference), None) => reference.domain(),
            (None, Some(host)) => host,
            _ => {
                return Err(Error::argument(
                    "reference",
                    "either a reference or the option registry is required, but not both",
                )
                .hint(
                    "pass a reference to open its repository, or set registry to host[:port] to open a whole registry",
                ));
            }
        };
        session.set(handle::into_raw(match (protocol, &reference) {
            (ApiVersion::V1, reference) => {
                reference.as_ref().map(check_openable).transpose()?;
                Speaks::V1(Arc::new(v1::Session::open(&service, host, options.auth, &call)?))
            }
            (ApiVersion::V2, Some(reference)) => {
                Speaks::V2(Arc::new(Session::open(&service, reference, &options, &call)?))
            }
            (ApiVersion::V2, None) => {
                Speaks::V2(Arc::new(Session::open_registry(&service, host, &options, &call)?))
            }
        }));
        Ok(())
    })
}

/// Makes a session of one repository at the endpoints of another session.
///
/// @param session     a session; may be freed afterwards. Not NULL.
/// @param name        the repository's path at the registry, such as "library/alpine". Not NULL.
/// @param repository  receives the session; the caller frees it with ocireg_session_free(). Not NULL.
/// @param error       receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
/// @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_REFERENCE.
///
/// Any thread. Never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_session_repository(
    session: *const ocireg_session,
    name: *const c_char,
    repository: *mut *mut ocireg_session,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(repository = out(repository), parent = session_v2(session), name = text(name));
        let made = parent.repository(name)?;
        repository.set(handle::into_raw(Speaks::V2(Arc::new(made))));
        Ok(())
    })
}

/// The session's id: 64 random hex digits.
///
/// @param session  a session. Not NULL.
/// @param text     receives the id; the caller frees it with ocireg_string_free(). Not NULL.
/// @param error    receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
/// @return OCIREG_OK, OCIREG_INVALID_ARGUMENT.
///
/// Any thread. Never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_session_id(
    session: *const ocireg_session,
    text: *mut *mut c_char,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(text = out(text), session = handle(session));
        match session {
            Speaks::V2(session) => text.set_text(session.id()),
            Speaks::V1(session) => text.set_text(session.id()),
        }
    })
}

/// What the session is: `protocol` ("v2" or "v1"), `endpoint` (the address in use), `mirror`, and where they apply
/// `repository` (the path), `reference` (canonical) and `warnings` (list of strings: what went wrong when the session was
/// opened, though it was opened, such as a credential helper that failed).
///
/// @param session  a session. Not NULL.
/// @param json     receives the document; the caller frees it with ocireg_string_free(). Not NULL.
/// @param error    receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
/// @return OCIREG_OK, OCIREG_INVALID_ARGUMENT.
///
/// Any thread. Never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_session_info(
    session: *const ocireg_session,
    json: *mut *mut c_char,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(json = out(json), session = handle(session));
        match session {
            Speaks::V2(session) => json.set_json(&session.info()),
            Speaks::V1(session) => json.set_json(&session.info()),
        }
    })
}

/// Asks the endpoint for `/v2/`, or `/v1/_ping`, without credentials.
///
/// @param session  a session. Not NULL.
/// @param context  the call's context; may be NULL.
/// @param json     receives what ocireg_endpoint_ping() gives; the caller frees it with ocireg_string_free(). Not NULL.
/// @param error    receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
/// @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, any network or registry code, OCIREG_CANCELLED, OCIREG_DEADLINE.
///
/// Any thread. Blocks: DNS, connection, one exchange. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_session_ping(
    session: *const ocireg_session,
    context: *const ocireg_context,
    json: *mut *mut c_char,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(json = out(json), session = handle(session), call = call(context));
        match session {
            Speaks::V2(session) => json.set_json(&session.ping(&call)?),
            Speaks::V1(session) => json.set_json(&session.ping(&call)?),
        }
    })
}

/// The repository's tags.
///
/// @param session       a session of a repository. Not NULL.
/// @param context       the call's context; may be NULL.
/// @param options_json  `n` (with it one page of about so many, without it all), `last` (only tags after this one),
///                      `next` (what an earlier page gave); may be NULL.
/// @param json          receives `name`, `tags`, where a page follows `next`, and `warnings`: what is not a valid tag
///                      is left out. Free it with ocireg_string_free(). Not NULL.
/// @param error         receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
/// @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_JSON, OCIREG_NOT_FOUND, OCIREG_LIMIT, OCIREG_POLICY,
///         any network or registry code, OCIREG_CANCELLED, OCIREG_DEADLINE.
///
/// Any thread. Blocks: one exchange a page. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_session_list_tags(
    session: *const ocireg_session,
    context: *const ocireg_context,
    options_json: *const c_char,
    json: *mut *mut c_char,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(
            json = out(json),
            session = session_v2(session),
            call = call(context),
            options = optional_text(options_json)
        );
        let options = options::tags(options)?;
        json.set_text(session.with_repository(&call, |r| r.tags(&options, &call))?.into_json())
    })
}

/// Gets a manifest or index, verified against the digest that was asked for.
///
/// @param session          a session of a repository. Not NULL.
/// @param context          the call's context; may be NULL.
/// @param tag_or_digest    which one; NULL is that of the session's reference, else "latest".
/// @param options_json     `platform` ("os[(version)]/arch[/variant]": selects the image of that platform from an index),
///                         `accept` (media types; a manifest of any type listed here is returned, even one that this
///                         library cannot interpret), `max_size` (bytes); may be NULL.
/// @param descriptor_json  receives the OCI descriptor; the caller frees it with ocireg_string_free(); may be NULL.
/// @param data             receives the exact bytes; the caller frees them with ocireg_bytes_free(); may be NULL.
/// @param size             receives their number; may be NULL.
/// @param error            receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
/// @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_JSON, OCIREG_INVALID_DIGEST, OCIREG_INVALID_REFERENCE,
///         OCIREG_NOT_FOUND, OCIREG_INVALID_MANIFEST, OCIREG_DIGEST_MISMATCH, OCIREG_SIZE_MISMATCH, OCIREG_LIMIT,
///         OCIREG_NO_PLATFORM, OCIREG_UNSUPPORTED, any network or registry code, OCIREG_CANCELLED, OCIREG_DEADLINE.
///
/// Docker schema 1 manifests are OCIREG_UNSUPPORTED.
///
/// Any thread. Blocks: one exchange; with a platform also one for each nested index, and two for each entry that states no
/// platform. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_session_get_manifest(
    session: *const ocireg_session,
    context: *const ocireg_context,
    tag_or_digest: *const c_char,
    options_json: *const c_char,
    descriptor_json: *mut *mut c_char,
    data: *mut *mut u8,
    size: *mut usize,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(
            size = optional_number(size),
            descriptor = optional_out(descriptor_json),
            data = optional_out(data),
            session = session_v2(session),
            call = call(context),
            which = optional_text(tag_or_digest),
            options = optional_text(options_json)
        );
        let (selector, options) = (session.selector(which)?, options::manifest(options)?);
        let fetched = session.with_repository(&call, |r| r.document(&selector, &options, &call))?;
        descriptor.set_json(&fetched.descriptor)?;
        if data.wanted() {
            data.set(bytes_into_raw(&fetched.bytes));
        }
        size.set(fetched.bytes.len());
        Ok(())
    })
}

/// Looks a manifest up without its content, where the registry can tell.
///
/// @param session          a session of a repository. Not NULL.
/// @param context          the call's context; may be NULL.
/// @param tag_or_digest    which one; NULL is that of the session's reference, else "latest".
/// @param options_json     `accept` (media types); may be NULL.
/// @param descriptor_json  receives the OCI descriptor; the caller frees it with ocireg_string_free(). Not NULL.
/// @param error            receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
/// @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_JSON, OCIREG_INVALID_DIGEST, OCIREG_INVALID_REFERENCE,
///         OCIREG_NOT_FOUND, any network or registry code, OCIREG_CANCELLED, OCIREG_DEADLINE.
///
/// Any thread. Blocks: one exchange, or two. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_session_head_manifest(
    session: *const ocireg_session,
    context: *const ocireg_context,
    tag_or_digest: *const c_char,
    options_json: *const c_char,
    descriptor_json: *mut *mut c_char,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(
            descriptor = out(descriptor_json),
            session = session_v2(session),
            call = call(context),
            which = optional_text(tag_or_digest),
            options = optional_text(options_json)
        );
        let (selector, options) = (session.selector(which)?, options::head(options)?);
        let found =
            session.with_repository(&call, |r| r.head_manifest(&selector, &options, &call))?;
        descriptor.set_json(&found)
    })
}

/// Looks a blob up without its content.
///
/// @param session          a session of a repository. Not NULL.
/// @param context          the call's context; may be NULL.
/// @param digest           the blob's digest. Not NULL.
/// @param descriptor_json  receives the OCI descriptor; the caller frees it with ocireg_string_free(). Not NULL. Its `mediaType` is
///                         application/octet-stream: only a manifest knows more.
/// @param error            receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
/// @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_DIGEST, OCIREG_NOT_FOUND, OCIREG_PROTOCOL when the registry
///         does not tell the size, any network or registry code, OCIREG_CANCELLED, OCIREG_DEADLINE.
///
/// Any thread. Blocks: one exchange, or two. Since 0.2.
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
        let digest = digest.parse()?;
        descriptor.set_json(&session.with_repository(&call, |r| r.head_blob(&digest, &call))?)
    })
}

/// Opens a blob to read, from an offset on. What is read has been verified only when the end is reached.
///
/// @param session       a session of a repository. Not NULL.
/// @param context       the context of this call; reading has its own. May be NULL.
/// @param digest        the blob's digest. Not NULL.
/// @param offset        where to begin, in bytes; only 0 lets the digest be checked.
/// @param options_json  `size` (bytes of the blob, checked), `media_type`, `urls` (where a layer of a
///                      nondistributable type is, if the registry does not have it: asked without credentials, at
///                      hosts of the service's option allow-foreign-urls only; not used for other types); may be NULL.
/// @param reader        receives the reader; the caller frees it with ocireg_reader_free(). Not NULL.
/// @param error         receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
/// @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_JSON, OCIREG_INVALID_DIGEST, OCIREG_NOT_FOUND,
///         OCIREG_SIZE_MISMATCH, any network or registry code, OCIREG_CANCELLED, OCIREG_DEADLINE.
///
/// Any thread. Blocks: one exchange. Since 0.1.
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
        let digest: crate::names::digest::Digest = digest.parse()?;
        let blob = options::blob(digest, options)?;
        let opened = session.with_repository(&call, |repository| {
            BlobReader::open(Arc::new(repository.clone()), &blob, offset, &call)
        })?;
        reader.set(super::reader::into_raw(Reader::Blob(Box::new(opened))));
        Ok(())
    })
}

/// Begins to write a blob to the repository. Its bytes go to the registry a chunk at a time, or at the end in one
/// request if they fit into a chunk.
///
/// @param session       a session of a repository, opened with the action push or made by ocireg_session_repository().
///                      Not NULL.
/// @param context       the call's context; may be NULL.
/// @param options_json  `digest`, `size` (checked at the end), `media_type` (for the descriptor; default
///                      application/octet-stream), `algorithm` ("sha256", "sha384", "sha512": where no digest is given;
///                      default sha256), `mount_from` (repositories of the registry that
///                      may have the blob; needs a digest), `chunk_size` (bytes, default 4 MiB), `check_exists` (look
///                      first; needs a digest); may be NULL. A blob that is there already takes no network.
/// @param writer        receives the writer; the caller frees it with ocireg_writer_free(). Not NULL.
/// @param error         receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
/// @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_JSON, OCIREG_INVALID_DIGEST, OCIREG_INVALID_REFERENCE,
///         OCIREG_POLICY when the registry sends the upload to another host (the option allow-upload-hosts allows it),
///         any network or registry code, OCIREG_CANCELLED, OCIREG_DEADLINE.
///
/// Any thread. Blocks: one exchange, one more for each of mount_from and for check_exists. Since 0.1.
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
        let options = options::put_blob(options)?;
        let opened = session.with_repository_to_push(&call, |repository| {
            BlobWriter::open(repository.clone(), options.clone(), &call)
        })?;
        writer.set(super::writer::into_raw(Writer::Blob(Box::new(opened))));
        Ok(())
    })
}

/// Takes a blob over from another repository of the same registry, without its bytes.
///
/// @param session          a session of a repository, opened with the action push or made by
///                         ocireg_session_repository(). Not NULL.
/// @param context          the call's context; may be NULL.
/// @param digest           the blob's digest. Not NULL.
/// @param from_repository  the path of the repository that has it. Not NULL.
/// @param options_json     no keys yet; may be NULL.
/// @param mounted          receives 1 if the blob is in the repository now, else 0; may be NULL.
/// @param writer           receives NULL if it was mounted, else a writer that goes on with the upload that the registry
///                         began instead; the caller frees it with ocireg_writer_free(); may be NULL: then that is aborted.
/// @param error            receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL. That the registry does not
///                         mount is no failure.
/// @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_JSON, OCIREG_INVALID_DIGEST, OCIREG_INVALID_REFERENCE,
///         OCIREG_POLICY when the registry sends the upload to another host (the option allow-upload-hosts allows it),
///         any network or registry code, OCIREG_CANCELLED, OCIREG_DEADLINE.
///
/// Any thread. Blocks: one exchange or two. Since 0.1.
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
        let digest: crate::names::digest::Digest = digest.parse()?;
        check_path(from)?;
        options::none(options)?;
        let begun = session.with_repository_to_push(&call, |repository| {
            BlobWriter::mount(repository.clone(), digest.clone(), from, &call)
        })?;
        match begun {
            None => mounted.set(1),
            Some(begun) if writer.wanted() => {
                writer.set(super::writer::into_raw(Writer::Blob(Box::new(begun))));
            }
            Some(mut begun) => begun.abort(&call)?,
        }
        Ok(())
    })
}

/// Frees a session. Calls that run on it go on.
///
/// @param session  a session, or NULL, which does nothing.
///
/// Any thread, once. Never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_session_free(session: *mut ocireg_session) {
    // SAFETY: the header's contract.
    guard!(default = (), { unsafe { handle::free(session) } })
}
