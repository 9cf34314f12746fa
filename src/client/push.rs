//! From a place on this machine to a registry.

use super::artifact::Making;
use super::locations::{self, Opening, Place};
use super::options::PushOptions;
use crate::call::Call;
use crate::error::{Error, Result};
use crate::names::location::{Bare, ON_THIS_MACHINE};
use crate::names::reference::Reference;
use crate::registry::service::Service;
use crate::transfer::report::Report;
use crate::transfer::{engine, options as transfer};

/// Pushes an image. The registry gets the tag after everything else, and a push that was interrupted continues with what is
/// missing.
pub fn push(
    service: &Service,
    source: &str,
    destination: &str,
    options: PushOptions,
    call: Call,
) -> Result<Report> {
    let hint = || format!("{ON_THIS_MACHINE}; ocireg_copy() copies between registries");
    let from = Place::parse(source, Bare::OnThisMachine, "source")
        .map_err(|e| if source.parse::<Reference>().is_ok() { e.hint(hint()) } else { e })?
        .within(options.dir_fd)?;
    if from.reference().is_some() {
        let message = "the source must be an image on this machine";
        return Err(Error::argument("source", message).hint(hint()));
    }
    let to = Place::parse(destination, Bare::Reference, "destination")?;
    let Some(reference) = to.reference() else {
        return Err(Error::argument("destination", "the destination must be in a registry")
            .hint("write docker://REFERENCE or REFERENCE"));
    };
    let call = call.limited(service.timeouts().total);
    let opening = Opening {
        auth: options.auth,
        allowed: options.credential_sources.unwrap_or_default(),
        name: to.name(),
        from_here: true,
        only_named_tag: options.subject.is_some(),
        ..Opening::default()
    };
    let made = Making {
        artifact_type: options.artifact_type,
        files: options.files,
        annotations: options.annotations,
        subject: options.subject,
        config: options.config,
    };
    let image = Box::new(transfer::Options {
        all_platforms: transfer::all_platforms(options.all_platforms, options.platform.as_ref()),
        platform: options.platform,
        nondistributable: options.nondistributable,
        verify_present: options.verify_present,
        verify_diff_ids: options.verify_diff_ids,
        referrers: options.referrers,
        digest_tags: options.digest_tags,
        convert_to_oci: options.convert.is_some(),
        tags: options.tags,
        mount_from: options.mount_from,
    });
    let ends = ((&from, &opening), (&to, &opening));
    let (source, sink) = locations::both(service, ends.0, ends.1, made, &call)?;
    let done = engine::copy(&*source, &*sink, &image, &call)?;
    let name = format!("{}@{}", reference.name(), done.root.digest);
    let mut report = done.into_report(name, destination);
    report.endpoint = sink.endpoint();
    report.tags = locations::tags(reference, &opening, image.tags);
    report.warnings.splice(..0, call.warnings());
    Ok(report)
}
