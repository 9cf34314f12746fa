//! Copies from any location to any other.

use super::artifact::Making;
use super::locations::{self, Opening, Place, refuse_for, refuse_overwrite};
use super::options::CopyOptions;
use crate::call::Call;
use crate::error::Result;
use crate::names::location::Bare;
use crate::registry::service::Service;
use crate::store::place::WriteOptions;
use crate::transfer::report::{Done, Report};
use crate::transfer::{engine, options as transfer};

/// Copies an image. A copy between registries does not use the disk.
pub fn copy(
    service: &Service,
    source: &str,
    destination: &str,
    options: CopyOptions,
    call: Call,
) -> Result<Report> {
    let from = Place::parse(source, Bare::Refused, "source")?.within(options.dir_fd)?;
    let to = Place::parse(destination, Bare::Refused, "destination")?.within(options.dir_fd)?;
    let all_platforms = all_platforms(&options, &to)?;
    refuse_overwrite(&to, options.overwrite)?;
    let call = call.limited(service.timeouts().total);
    let write = WriteOptions { no_resume: !options.resume, verify_present: options.verify_present };
    let allowed = options.credential_sources.unwrap_or_default();
    let reading =
        Opening { auth: options.source_auth, allowed: allowed.clone(), ..Opening::default() };
    let writing = Opening {
        auth: options.destination_auth,
        allowed,
        write,
        name: from.name(),
        from_here: from.reference().is_none(),
        overwrite: options.overwrite,
        only_named_tag: options.subject.is_some(),
        more_tags: !options.tags.is_empty(),
    };
    let made = Making {
        artifact_type: options.artifact_type,
        files: options.files,
        annotations: options.annotations,
        subject: options.subject,
        config: options.config,
    };
    let image = Box::new(transfer::Options {
        all_platforms,
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
    let (source, sink) = locations::both(service, (&from, &reading), (&to, &writing), made, &call)?;
    let done = engine::copy(&*source, &*sink, &image, &call)?;
    let name = name(&done, &from, &to);
    let mut report = done.into_report(name, destination);
    report.source_endpoint = source.endpoint();
    report.destination_endpoint = sink.endpoint();
    if let Some(reference) = to.reference() {
        report.tags = locations::tags(reference, &writing, image.tags);
    }
    report.warnings.splice(..0, call.warnings());
    Ok(report)
}

/// What the report calls the image: by the destination if that is in a registry, else by the source.
fn name(done: &Done, from: &Place, to: &Place) -> String {
    match (to.reference(), from.reference()) {
        (Some(to), _) => format!("{}@{}", to.name(), done.root.digest),
        (None, Some(from)) => format!("{}@{}", from.name(), done.resolved),
        (None, None) => done.root.digest.to_string(),
    }
}

/// Whether an index is copied with all its images. Fails if the destination has room for one image only, and the options ask
/// for more.
fn all_platforms(options: &CopyOptions, to: &Place) -> Result<bool> {
    let Some(single) = to.single() else {
        return Ok(transfer::all_platforms(options.all_platforms, options.platform.as_ref()));
    };
    let asked = [
        ("all_platforms", options.all_platforms == Some(true)),
        ("referrers", options.referrers),
        ("digest_tags", options.digest_tags),
        ("tags", to.is_files() && !options.tags.is_empty()),
    ];
    refuse_for(&single, &asked)?;
    Ok(false)
}
