//! From a registry to a place on this machine.

use super::locations::{self, Opening, Place, refuse_for, refuse_overwrite};
use super::options::PullOptions;
use crate::call::{Call, Event};
use crate::error::{Error, Result};
use crate::image::Source as _;
use crate::names::location::{Bare, Location, ON_THIS_MACHINE};
use crate::names::reference::Reference;
use crate::registry::api_endpoint::ApiVersion;
use crate::registry::service::Service;
use crate::store::Layout;
use crate::store::place::{LayoutSink, WriteOptions};
use crate::transfer::report::Report;
use crate::transfer::{engine, options as transfer};
use crate::v1;
use crate::v1::source::ConvertedImage;

/// Pulls the image of a reference. Content that the destination has is not transferred again, and a blob appears under its
/// final name only after it has been verified.
pub fn pull(
    service: &Service,
    source: &str,
    destination: &str,
    options: PullOptions,
    call: Call,
) -> Result<Report> {
    let from = Place::parse(source, Bare::Reference, "source")?;
    let Some(reference) = from.reference() else {
        return Err(Error::argument("source", "the source must be an image in a registry")
            .hint("write docker://REFERENCE or REFERENCE"));
    };
    let to =
        Place::parse(destination, Bare::OnThisMachine, "destination")?.within(options.dir_fd)?;
    if to.reference().is_some() {
        return Err(Error::argument("destination", "the destination must be on this machine")
            .hint(ON_THIS_MACHINE));
    }
    let call = call.limited(service.timeouts().total);
    let write = WriteOptions {
        no_resume: options.resume == Some(false),
        verify_present: options.verify_present,
    };
    let opening = Opening {
        auth: options.auth,
        allowed: options.credential_sources.unwrap_or_default(),
        write,
        name: from.name(),
        overwrite: options.overwrite,
        ..Opening::default()
    };
    if let Some(single) = to.single() {
        let others = [("all_platforms", options.all_platforms), ("referrers", options.referrers)];
        refuse_for(&single, &others)?;
    }
    refuse_overwrite(&to, options.overwrite)?;
    let image = Box::new(transfer::Options {
        platform: options.platform,
        all_platforms: options.all_platforms,
        nondistributable: options.nondistributable,
        verify_present: options.verify_present,
        verify_diff_ids: options.verify_diff_ids,
        referrers: options.referrers,
        ..transfer::Options::default()
    });
    if options.protocol == ApiVersion::V1 {
        return pull_v1(service, reference, &to, destination, opening, &image, &call);
    }
    // A directory that cannot be written to is found out before anything is asked of the network.
    let sink = locations::sink(service, &to, &opening, &call)?;
    call.event(&Event::Start {})?;
    let source = locations::source(service, &from, &opening, &call)?;
    let done = engine::copy(&*source, &*sink, &image, &call)?;
    let name = format!("{}@{}", reference.name(), done.resolved);
    let mut report = done.into_report(name, destination);
    report.endpoint = source.endpoint();
    report.warnings.splice(..0, call.warnings());
    Ok(report)
}

/// Pulls an image from a v1 index. Its layers are in the layout before there is a manifest that lists them.
fn pull_v1(
    service: &Service,
    reference: &Reference,
    to: &Place,
    destination: &str,
    opening: Opening,
    options: &transfer::Options,
    call: &Call,
) -> Result<Report> {
    let Place::Local(Location::Oci { dir, name }) = to else {
        let message = "an image of protocol v1 can be pulled only into an OCI layout";
        return Err(Error::argument("destination", message).hint("write oci:DIR or oci:DIR:NAME"));
    };
    let layout = Layout::open_or_create(dir, call)?;
    call.event(&Event::Start {})?;
    let session =
        v1::Session::open(service, reference.domain(), opening.auth, &opening.allowed, call)?;
    let wanted = options.platform.as_ref();
    let source = Box::new(ConvertedImage::fetch(&session, reference, &layout, wanted, call)?);
    let name = name.clone().or(opening.name);
    let sink = Box::new(LayoutSink::new(layout, name, opening.write, call)?);
    let mut done = engine::copy(&*source, &*sink, options, call)?;
    let endpoint = source.endpoint();
    source.complete(&mut done);
    let name = format!("{}@{}", reference.name(), done.resolved);
    let mut report = done.into_report(name, destination);
    report.endpoint = endpoint;
    report.warnings.splice(..0, call.warnings());
    Ok(report)
}
