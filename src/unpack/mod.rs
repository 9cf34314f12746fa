//! Root file systems from images: layers are applied to a directory as a container runtime does it, straight from wherever
//! the image is.
//!
//! What an image may say is judged as if it were made by an enemy. Nothing is made or changed outside the directory
//! ([`tree`](crate::os::tree)), nothing is left of what fails (`target`), memory does not grow with the image except by
//! some 20 bytes for each entry of the layer at hand (`marks`), and what is written is verified twice: each blob against its
//! digest, each uncompressed layer against the image's configuration.

mod apply;
mod attributes;
mod fetch;
mod marks;
pub(crate) mod path;
mod policy;
pub(crate) mod stream;
mod target;

use std::path::Path;

pub use attributes::Skipped;
pub use fetch::Keep;
pub use policy::{Devices, IdRange, Limits, Ownership, Request, Xattrs};

use apply::Applier;
use policy::Policy;
use stream::{Layer, is_wrong_copy};
use target::Target;

use crate::call::Call;
use crate::error::{Code, Error, Result};
use crate::image::{Descriptor, ImageManifest, Source, diff_ids, media_type};
use crate::names::digest::Digest;
use crate::transfer::report::BlobReport;

/// A directory that is ready to be filled.
#[derive(Debug)]
pub struct Unpacking {
    policy: Policy,
    target: Target,
}

/// What was unpacked.
#[derive(Debug)]
pub struct Unpacked {
    /// Entries of all layers.
    pub entries: u64,
    /// Bytes of the data of all files that were written.
    pub bytes: u64,
    /// What each layer hashes to without its compression, lowest first.
    pub diff_ids: Vec<Digest>,
    /// What was left out.
    pub skipped: Vec<Skipped>,
    /// How much more was left out than is listed.
    pub unreported: u64,
    /// Every layer's blob.
    pub blobs: Vec<BlobReport>,
}

impl Unpacking {
    /// Checks what is asked for, and that the directory can be filled: it must not exist, or be empty.
    pub fn begin(directory: &Path, request: Request) -> Result<Self> {
        let policy = Policy::of(request)?;
        Ok(Self { policy, target: Target::begin(directory)? })
    }

    /// Fills the directory. What is there after an error is what was there before.
    pub fn run(
        mut self,
        source: &dyn Source,
        keep: Option<&Keep<'_>>,
        manifest: &ImageManifest,
        config: &[u8],
        call: &Call,
    ) -> Result<Unpacked> {
        let layers = layers(manifest, config)?;
        let before = call.done();
        let mut unpacked = self.attempt(source, keep, &layers, call);
        if let Err(error) = &unpacked
            && is_wrong_copy(error)
            && source.endpoint().is_some()
        {
            // What was made of wrong bytes cannot be told from the rest: each endpoint gets to give all of it.
            call.log(crate::log::Level::Warn, "unpack", || {
                crate::log::Record::new(format!("unpacking again from the start: {error}"))
                    .error(error)
            });
            source.each_endpoint(call, &mut |endpoint| {
                call.forget_done(call.done().saturating_sub(before));
                self.target.clear()?;
                unpacked = Ok(self.attempt(endpoint, keep, &layers, call)?);
                Ok(())
            })?;
        }
        unpacked
    }

    fn attempt(
        &mut self,
        source: &dyn Source,
        keep: Option<&Keep<'_>>,
        layers: &[Layer],
        call: &Call,
    ) -> Result<Unpacked> {
        let policy = &self.policy;
        let applier = Applier::new(self.target.tree(), policy)?;
        let limit = policy.limits.stream();
        let keep = keep.map(|keep| Keep { sink: keep.sink, source: keep.source });
        let (applier, blobs) = stream::run(source, keep, layers, limit, applier, call)?;
        let (mut totals, root) = applier.finish()?;
        self.target.finish(|directory, is_new| match &root {
            Some(entry) => {
                let owner = policy.owner(entry)?;
                attributes::set(policy, &mut totals, entry, owner, directory.node())
            }
            None if is_new => attributes::set_implied(policy, directory.node())
                .map_err(|e| Error::file("cannot set the mode of the root directory", &e)),
            None => Ok(()),
        })?;
        Ok(Unpacked {
            entries: totals.entries,
            bytes: totals.bytes,
            diff_ids: layers.iter().map(|layer| layer.diff_id.clone()).collect(),
            skipped: totals.skipped,
            unreported: totals.unreported,
            blobs,
        })
    }
}

/// The layers of an image, each with what its configuration says of it.
pub(crate) fn layers(manifest: &ImageManifest, config: &[u8]) -> Result<Vec<Layer>> {
    let blobs = &manifest.layers;
    if let Some(other) = blobs.iter().find(|blob| !media_type::is_layer(&blob.media_type)) {
        let Descriptor { digest, media_type, .. } = other;
        let message = format!("the layer {digest} has the type {media_type:?}");
        return Err(Error::new(Code::Unsupported, message)
            .cause("it cannot be unpacked")
            .hint(
                "use an image whose layers are tar archives, plain or compressed with gzip or zstd",
            )
            .with(|d| d.what = Some("layer")));
    }
    let diff_ids = diff_ids(config, blobs.len())?;
    let layers = blobs.iter().cloned().zip(diff_ids);
    Ok(layers.map(|(blob, diff_id)| Layer { blob, diff_id }).collect())
}
