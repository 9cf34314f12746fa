//! From any source to any sink: manifests are planned, blobs moved, manifests written children first, and the name last.

use std::time::Instant;

use super::blob::{Busy, Job};
use super::options::Options;
use super::plan::Plan;
use super::progress::{self, Direction};
use super::report::{Done, ManifestReport};
use super::stored::Stored;
use super::workers;
use crate::call::{Call, Event};
use crate::error::Result;
use crate::image::transport::Origin;
use crate::image::{Sink, Source};

/// Copies an image. Nothing has its name at the destination before everything is there.
pub fn copy(source: &dyn Source, sink: &dyn Sink, options: &Options, call: &Call) -> Result<Done> {
    let began = Instant::now();
    // What the threads of the call see is boxed, for the caller's stack may be set aside while they work.
    let mut plan = Box::new(Plan::make(source, sink, options, call)?);
    call.set_total(plan.bytes());
    sink.expect_blobs(&plan.blobs, call)?;
    let is_remote = sink.endpoint().is_some();
    let direction = if is_remote { Direction::Up } else { Direction::Down };
    let mounts = mounts(source, sink, options);
    let busy = Busy::default();
    let job = Job { source, sink, plan: &plan, mounts, direction, busy };
    let threads = source.concurrency().min(sink.concurrency());
    let blobs = workers::run(job, threads, call)?;
    write_manifests(source, sink, &mut plan, call)?;
    sink.set_names(&plan.root, &plan.root_bytes, &options.tags, call)?;
    if is_remote {
        progress::manifest(&plan.root, Direction::Up, call)?;
    }
    let limit = source.limits().config;
    plan.look_at_config(options, |config| {
        sink.written_blob(config, limit).or_else(|| {
            let is_local = source.endpoint().is_none();
            is_local.then(|| source.small_blob(config, limit, call).ok()).flatten()
        })
    });
    call.event(&Event::Finish {})?;
    let Plan { root, resolved, manifests, platform, converted, warnings, .. } = *plan;
    let manifests = manifests.into_iter().rev();
    let manifests = manifests
        .map(|Stored { descriptor, platform, .. }| ManifestReport { descriptor, platform })
        .collect();
    let rate_limits = call.rate_limits();
    Ok(Done { root, resolved, began, manifests, platform, blobs, converted, warnings, rate_limits })
}

/// Where the destination's registry may have the blobs already: named ones, and the source if it is of the same registry.
fn mounts(source: &dyn Source, sink: &dyn Sink, options: &Options) -> Vec<Origin> {
    let Some(to) = sink.origin() else { return Vec::new() };
    let named = options
        .mount_from
        .iter()
        .map(|repository| Origin { registry: to.registry.clone(), repository: repository.clone() });
    let from = source.origin().filter(|from| from.registry == to.registry);
    let mut mounts: Vec<Origin> = Vec::new();
    for origin in from.into_iter().chain(named) {
        if origin != to && !mounts.contains(&origin) {
            mounts.push(origin);
        }
    }
    mounts
}

/// Writes what waited for its blobs, children first, and makes what refers to the image findable. The image's own manifest
/// comes with its name, unless something refers to it that must not come before it.
fn write_manifests(
    source: &dyn Source,
    sink: &dyn Sink,
    plan: &mut Plan,
    call: &Call,
) -> Result<()> {
    if !sink.manifests_first() {
        let referred_to = plan.manifests.len() > plan.own;
        for stored in &mut plan.manifests {
            let is_root = stored.descriptor.digest == plan.root.digest;
            if stored.is_there || (is_root && !referred_to) {
                continue;
            }
            call.check()?;
            let bytes = match stored.bytes.take() {
                Some(bytes) => bytes,
                None => source.manifest(&stored.descriptor, call)?,
            };
            sink.put_manifest(&stored.descriptor, &bytes, call)?;
            if sink.endpoint().is_some() {
                progress::manifest(&stored.descriptor, Direction::Up, call)?;
            }
        }
    }
    for referrer in &plan.referrers {
        sink.list_referrer(referrer, call)?;
    }
    for (manifest, tag) in &plan.tagged {
        let bytes = source.manifest(manifest, call)?;
        manifest.verify(&bytes)?;
        sink.add_tag(manifest, &bytes, tag, call)?;
    }
    Ok(())
}
