//! The manifests of a plan, and the blobs that they need.

use std::collections::{HashMap, HashSet};

use super::options::Options;
use crate::call::Call;
use crate::error::{Code, Error, Result};
use crate::image::{Descriptor, Platform, Sink, Source, diff_ids, media_type};
use crate::names::digest::Digest;

/// A manifest that belongs at the destination.
pub(super) struct Stored {
    pub(super) descriptor: Descriptor,
    pub(super) platform: Option<Platform>,
    /// Its bytes, as long as it waits for its blobs.
    pub(super) bytes: Option<Vec<u8>>,
    /// Whether the destination has it, and so everything below it.
    pub(super) is_there: bool,
    /// An image's configuration.
    pub(super) config: Option<Descriptor>,
    /// An image's layers.
    pub(super) layers: Vec<Descriptor>,
    /// An index' manifests.
    pub(super) children: Vec<Digest>,
}

/// Asks the destination for the manifests, an index before its children: whoever has a manifest has what it lists.
pub(super) fn find_what_is_there(
    manifests: &mut [Stored],
    sink: &dyn Sink,
    call: &Call,
) -> Result<()> {
    let mut there: HashSet<Digest> = HashSet::new();
    for stored in manifests.iter_mut().rev() {
        stored.is_there = there.contains(&stored.descriptor.digest)
            || sink.has_manifest(&stored.descriptor, call)?;
        if stored.is_there {
            there.extend(stored.children.iter().cloned());
        }
    }
    Ok(())
}

/// The blobs that need not be asked for. A layer that is not meant to be distributed may have been left out.
pub(super) fn present_of(manifests: &[Stored], entries: &[Descriptor]) -> HashSet<Digest> {
    let blobs = |is_there: bool| {
        let of = manifests.iter().filter(move |stored| stored.is_there == is_there);
        of.flat_map(|stored| stored.config.iter().chain(&stored.layers))
    };
    let asked: HashSet<&Digest> = blobs(false).chain(entries).map(|blob| &blob.digest).collect();
    blobs(true)
        .filter(|blob| !media_type::is_nondistributable(&blob.media_type))
        .map(|blob| &blob.digest)
        .filter(|digest| !asked.contains(digest))
        .cloned()
        .collect()
}

/// What the configurations of images say of their layers. Artifacts have no layers in that sense.
pub(super) fn diff_ids_of(
    manifests: &[Stored],
    source: &dyn Source,
    call: &Call,
) -> Result<HashMap<Digest, Vec<Digest>>> {
    let mut all: HashMap<Digest, Vec<Digest>> = HashMap::new();
    for Stored { descriptor, config, layers, .. } in manifests {
        let Some(config) = config.as_ref().filter(|c| media_type::is_image_config(&c.media_type))
        else {
            continue;
        };
        if !layers.iter().all(|layer| media_type::is_layer(&layer.media_type)) {
            continue;
        }
        let bytes = source.small_blob(config, source.limits().config, call)?;
        let listed = diff_ids(&bytes, layers.len())
            .map_err(|e| e.context(format!("cannot use the image {}", descriptor.digest)))?;
        for (layer, diff_id) in layers.iter().zip(listed) {
            let known = all.entry(layer.digest.clone()).or_default();
            if !known.contains(&diff_id) {
                known.push(diff_id);
            }
        }
    }
    Ok(all)
}

/// The blobs of images and indexes, each once; the same digest with two sizes is a lie.
pub(super) fn blobs_of(
    manifests: &[Stored],
    entries: &[Descriptor],
    sink: &dyn Sink,
    options: &Options,
    warnings: &mut Vec<String>,
) -> Result<Vec<Descriptor>> {
    let with_nondistributable = options.nondistributable || sink.takes_nondistributable();
    let mut sizes: HashMap<Digest, u64> = HashMap::new();
    let mut blobs = Vec::new();
    let of_images = manifests.iter().flat_map(|stored| stored.config.iter().chain(&stored.layers));
    for blob in of_images.chain(entries).filter(|blob| sink.takes_blob(blob)) {
        if media_type::is_nondistributable(&blob.media_type) && !with_nondistributable {
            let verb = if sink.endpoint().is_some() { "push" } else { "fetch" };
            warnings.push(format!(
                "the layer {} is not distributable and was left out; set nondistributable to {verb} it",
                blob.digest
            ));
            continue;
        }
        match sizes.insert(blob.digest.clone(), blob.size) {
            None => blobs.push(blob.clone()),
            Some(size) if size == blob.size => {}
            Some(size) => {
                return Err(Error::new(
                    Code::InvalidManifest,
                    format!(
                        "{} is listed with two different sizes, {size} and {} bytes",
                        blob.digest, blob.size
                    ),
                ));
            }
        }
    }
    Ok(blobs)
}
