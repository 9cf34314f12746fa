//! Whole images: `ocireg_pull`, `ocireg_inspect`.

use std::ffi::c_char;

use super::context::{call, ocireg_context};
use super::error::ocireg_error;
use super::handle;
use super::memory::{Out, optional_text, text};
use super::options;
use super::service::ocireg_service;
use crate::client::options::PullOptions;
use crate::client::{inspect, pull};
use crate::error::{Error, Result};
use crate::names::location::Bare;
use crate::names::location::Location;
use crate::names::reference::Reference;
use crate::registry::session::{OpenOptions, Session};

/// The reference that a source names.
fn reference_of(source: &str) -> Result<Reference> {
    match Location::parse(source, Bare::Reference, "source")? {
        Location::Registry(reference) => reference.parse(),
        other => {
            other.check_usable()?;
            Err(Error::argument("source", "the source must be an image in a registry")
                .hint("write docker://REFERENCE or REFERENCE"))
        }
    }
}

/// Pulls an image from its registry into an OCI layout. Nothing that is there already is transferred again, and
/// every byte is verified by size and digest before it gets a final name.
///
/// @param service       the service; may be freed while the call runs. Not NULL.
/// @param context       the call's context; may be NULL.
/// @param source        a reference, or "docker://REFERENCE". Not NULL.
/// @param destination   "oci:DIR[:NAME]"; the directory is made if it does not exist. The first colon after DIR begins
///                      NAME, which may hold slashes and colons itself, as in
///                      oci:dest:docker.io/library/alpine:3.18; a directory whose path has a colon cannot be used.
///                      Without NAME the image gets the reference's name and tag. Not NULL.
/// @param options_json  `auth` (AuthConfig; absent: what the service knows; {}: anonymous), `platform`
///                      ("os[(version)]/arch[/variant]", such as linux/arm/v7 or windows(10.0.20348)/amd64; default this
///                      machine's, with the level of its CPU), `all_platforms` (the whole index), `resume`
///                      (default true: partial files are kept and taken up), `referrers` and `verify_diff_ids` (must
///                      be false in this version), `verify_present` (default false: hash every blob again that is
///                      there already, not only those that changed since this library verified them),
///                      `nondistributable` (default false: fetch such layers too, from
///                      where their `urls` say if the registry does not have them and the service's option
///                      allow-foreign-urls names the host), `protocol` ("v2"; "v1": the image of a v1 index, its layers
///                      as they are, its digests computed here, its v1 JSON kept as history); may be NULL.
/// @param report_json   receives the report, to be ended by ocireg_string_free(); may be NULL. Keys: `reference`
///                      (canonical, with digest), `descriptor` (what the name now stands for), `manifests`, `platform`,
///                      `endpoint`, `destination`, `blobs` (each with `digest`, `size`, `media_type`,
///                      `bytes_transferred`, `resumed_from`, `retries`, `source`), `bytes_total`,
///                      `bytes_transferred`, `duration_ms`, `warnings`.
/// @param error         receives an error on failure, owned by the caller; may be NULL.
/// @return OCIREG_OK or any code.
///
/// Any thread; progress is told on this one. Blocks until the image is there. Since 0.1.
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
        // SAFETY: the header's contract.
        let (report, call, service, source, destination, options) = unsafe {
            (
                Out::new(report_json),
                call(context),
                handle::required(service, "service"),
                text(source, "source"),
                text(destination, "destination"),
                optional_text(options_json, "options_json"),
            )
        };
        let (service, call) = (service?.clone(), call?);
        let (source, destination) = (source?, destination?);
        let options = PullOptions::parse(options?)?;
        let done = pull::pull(&service, source, destination, options, call)?;
        report.set_json(&done)
    })
}

/// Tells what an image is, without its layers.
///
/// @param service       the service; may be freed while the call runs. Not NULL.
/// @param context       the call's context; may be NULL.
/// @param source        a reference, or "docker://REFERENCE". Not NULL.
/// @param options_json  `auth` (AuthConfig; absent: what the service knows; {}: anonymous), `platform`
///                      ("os[(version)]/arch[/variant]", default this machine's), `config` (default true; without it the
///                      platform of a single image is not known), `layers` (default true); may be NULL.
/// @param json          receives the document, to be ended by ocireg_string_free(). Not NULL. Keys: `reference`, `name`,
///                      `descriptor`, `kind` ("image", "index" or "artifact"), `endpoint`, and where they apply
///                      `platforms`, `platform`, `manifest`, `config`, `layers`, `artifact_type`, `subject`,
///                      `annotations`, `warnings` (list of text).
/// @param error         receives an error on failure, owned by the caller; may be NULL.
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
        // SAFETY: the header's contract.
        let (json, call, service, source, options) = unsafe {
            (
                Out::new(json),
                call(context),
                handle::required(service, "service"),
                text(source, "source"),
                optional_text(options_json, "options_json"),
            )
        };
        let json = json.required("json")?;
        let (service, call) = (service?.clone(), call?);
        let reference = reference_of(source?)?;
        let (auth, options) = options::inspect(options?)?;
        let call = call.limited(service.timeouts().total);
        let open = OpenOptions { auth, ..OpenOptions::default() };
        let session = Session::open(&service, &reference, &open, &call)?;
        json.set_json(&inspect::inspect(&session, &reference, &options, &call)?)
    })
}
