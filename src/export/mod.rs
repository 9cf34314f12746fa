//! The file system of an image as one tar archive, written to a descriptor.
//!
//! Layers are read once, the highest first, so that nothing has to be written that a later layer would take back. What is
//! kept in memory is what upper layers have claimed (`claims`): some 40 bytes for each path, and so at most as much as the
//! limit on entries allows. The order of entries is that of the layers, the highest first, and within a layer its own;
//! the same image always gives the same bytes.

mod claims;
mod flatten;
mod output;

use flatten::Flattener;
use output::Output;

use crate::call::Call;
use crate::error::Result;
use crate::image::{ImageManifest, Source};
use crate::os::lent::Lent;
use crate::unpack::stream::{self, Apply, Layer};
use crate::unpack::{self, Keep, Limits, Unpacked};

/// Writes the image's file system to a descriptor, from where that stands. What was written before an error is part of an
/// archive, and unverified.
pub fn export(
    source: &dyn Source,
    keep: Option<Keep<'_>>,
    (manifest, config): (&ImageManifest, &[u8]),
    to: Lent,
    limits: Limits,
    call: &Call,
) -> Result<Unpacked> {
    let mut layers = unpack::layers(manifest, config)?;
    let diff_ids = layers.iter().map(|layer| layer.diff_id.clone()).collect();
    layers.reverse();
    let flattener = Flattener::new(Output::new(to), limits)?;
    let limit = limits.stream();
    let (mut flattener, mut blobs) = stream::run(source, keep, &layers, limit, flattener, call)?;
    flattener.check_links()?;
    let missed = flattener.missed();
    if !missed.is_empty() {
        let again: Vec<Layer> = missed.iter().map(|number| layers[*number].clone()).collect();
        call.add_total(again.iter().map(|layer| layer.blob.size).fold(0, u64::saturating_add));
        let second = Again { flattener, missed };
        let (second, _) = stream::run(source, None, &again, limit, second, call)?;
        flattener = second.flattener;
    }
    flattener.finish(call)?;
    blobs.reverse();
    Ok(Unpacked {
        entries: flattener.entries,
        bytes: flattener.bytes,
        diff_ids,
        skipped: flattener.skipped,
        unreported: flattener.unreported,
        blobs,
    })
}

impl Apply for Flattener {
    const DOING: &'static str = "export";

    fn layer(
        &mut self,
        number: usize,
        archive: &mut dyn crate::image::BlobRead,
        call: &Call,
    ) -> Result<()> {
        Self::layer(self, number, archive, call)
    }
}

/// The second reading of some layers.
struct Again {
    flattener: Flattener,
    /// Their numbers.
    missed: Vec<usize>,
}

impl Apply for Again {
    const DOING: &'static str = "export";

    fn layer(
        &mut self,
        number: usize,
        archive: &mut dyn crate::image::BlobRead,
        call: &Call,
    ) -> Result<()> {
        self.flattener.layer_again(self.missed[number], archive, call)
    }
}
