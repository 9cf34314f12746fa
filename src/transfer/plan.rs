//! What has to be at the destination, found by walking the manifests.

use std::collections::{HashMap, HashSet};

use super::convert;
use super::documents::Documents;
use super::options::Options;
use super::report::Converted;
use super::stored::{Stored, blobs_of, diff_ids_of, find_what_is_there, present_of};
use crate::call::Call;
use crate::error::{Code, Result};
use crate::image::manifest::Fetched;
use crate::image::select::{Source as _, choose, too_deep, too_many};
use crate::image::{Descriptor, Manifest, Platform, Sink, Source, media_type};
use crate::names::digest::Digest;

/// Manifests that wait in memory for their blobs take no more than this; the others are read again when their turn comes.
const KEPT: usize = 8 << 20;

/// What has to be at the destination.
pub(super) struct Plan {
    pub(super) root: Descriptor,
    pub(super) root_bytes: Vec<u8>,
    pub(super) resolved: Digest,
    /// Children before the index that lists them; the image's own before those that refer to it.
    pub(super) manifests: Vec<Stored>,
    /// How many of them are the image's own.
    pub(super) own: usize,
    pub(super) blobs: Vec<Descriptor>,
    /// Blobs of manifests that the destination has.
    pub(super) present: HashSet<Digest>,
    /// What must be right though it is there already: programs read it before any layer.
    pub(super) configs: HashSet<Digest>,
    /// What the layers are without their compression, where that is to be verified.
    pub(super) diff_ids: HashMap<Digest, Vec<Digest>>,
    /// Manifests with a subject, and those that are found by a tag.
    pub(super) referrers: Vec<Descriptor>,
    pub(super) tagged: Vec<(Descriptor, String)>,
    pub(super) platform: Option<Platform>,
    pub(super) converted: Vec<Converted>,
    pub(super) warnings: Vec<String>,
}

impl Plan {
    /// Reads all manifests. They go to a destination that takes them before their blobs.
    pub(super) fn make(
        source: &dyn Source,
        sink: &dyn Sink,
        options: &Options,
        call: &Call,
    ) -> Result<Self> {
        let documents = Documents { source, call };
        let root = documents.root()?;
        let resolved = root.descriptor.digest.clone();
        let mut walk = Walk::new(documents, sink, options);
        let Start { root, root_bytes, platform, mut warnings } = walk.start(root)?;
        sink.check_root(&root)?;
        let own = walk.manifests.len();
        let Referring { referrers, tagged } = walk.what_refers_to_it()?;
        for stored in &walk.manifests {
            let warning = sink.warning_for(&stored.descriptor).map(str::to_owned);
            warnings.extend(warning.filter(|warning| !warnings.contains(warning)));
        }
        let Walk { mut manifests, entries, converted, .. } = walk;
        if !sink.manifests_first() && !options.verify_present {
            find_what_is_there(&mut manifests, sink, call)?;
        }
        let blobs = blobs_of(&manifests, &entries, sink, options, &mut warnings)?;
        let configs = manifests.iter().filter_map(|stored| stored.config.as_ref());
        let configs = configs.map(|config| config.digest.clone()).collect();
        let present = present_of(&manifests, &entries);
        let diff_ids = match options.verify_diff_ids {
            true => diff_ids_of(&manifests, source, call)?,
            false => HashMap::new(),
        };
        Ok(Self {
            root,
            root_bytes,
            resolved,
            manifests,
            own,
            blobs,
            present,
            configs,
            diff_ids,
            referrers,
            tagged,
            platform,
            converted,
            warnings,
        })
    }

    /// Bytes of all blobs.
    pub(super) fn bytes(&self) -> u64 {
        self.blobs.iter().map(|blob| blob.size).fold(0, u64::saturating_add)
    }

    /// A single image says what it runs on in its configuration alone, and one of an index should say there what the index
    /// says. `read` gives the configuration where that costs no request.
    pub(super) fn look_at_config(
        &mut self,
        options: &Options,
        read: impl FnOnce(&Descriptor) -> Option<Vec<u8>>,
    ) {
        let [Stored { config: Some(config), platform: stated, .. }] =
            &mut self.manifests[..self.own]
        else {
            return;
        };
        if !media_type::is_image_config(&config.media_type) {
            return;
        }
        let Some(found) = read(config).and_then(|config| Platform::of_config(&config)) else {
            return;
        };
        match stated {
            Some(stated) if stated.is_like(&found) => {}
            Some(stated) => self.warnings.push(format!(
                "the index says that the image is for {stated}, but its configuration says {found}"
            )),
            None => {
                let wanted = options.platform.as_ref();
                if let Some(wanted) = wanted.filter(|wanted| wanted.suits(&found).is_none()) {
                    self.warnings.push(format!("the image is for {found}, not for {wanted}"));
                }
                *stated = Some(found.clone());
                self.platform = Some(found);
            }
        }
    }
}

/// What refers to an image.
#[derive(Default)]
struct Referring {
    /// Manifests with a subject.
    referrers: Vec<Descriptor>,
    /// Manifests that are found by a tag.
    tagged: Vec<(Descriptor, String)>,
}

/// The manifest that gets the name, and the platform that was chosen for it.
struct Start {
    root: Descriptor,
    root_bytes: Vec<u8>,
    platform: Option<Platform>,
    warnings: Vec<String>,
}

/// Walks an index and what it lists.
struct Walk<'a> {
    documents: Documents<'a>,
    sink: &'a dyn Sink,
    options: &'a Options,
    manifests: Vec<Stored>,
    /// Entries of indexes that are not manifests, such as the layers of a build cache.
    entries: Vec<Descriptor>,
    seen: HashSet<Digest>,
    /// What a manifest became, where it was converted.
    became: HashMap<Digest, Descriptor>,
    converted: Vec<Converted>,
    left: u64,
    deepest: u64,
    kept: usize,
}

impl<'a> Walk<'a> {
    fn new(documents: Documents<'a>, sink: &'a dyn Sink, options: &'a Options) -> Self {
        let limits = documents.source.limits();
        Self {
            documents,
            sink,
            options,
            manifests: Vec::new(),
            entries: Vec::new(),
            seen: HashSet::new(),
            became: HashMap::new(),
            converted: Vec::new(),
            left: limits.children,
            deepest: limits.depth,
            kept: 0,
        }
    }

    /// Stores the root with everything below it, or the image for one platform.
    fn start(&mut self, root: Fetched) -> Result<Start> {
        let (mut platform, mut warnings) = (None, Vec::new());
        let resolved = root.descriptor.digest.clone();
        let (root, root_bytes) = match &root.manifest {
            Manifest::Index(index) if !self.options.all_platforms => {
                let wanted = self.options.platform.clone().unwrap_or_else(Platform::host);
                let limits = self.documents.source.limits();
                let chosen = choose(index, &wanted, limits, &self.documents)?;
                warnings.extend(chosen.warning);
                platform.clone_from(&chosen.platform);
                let converted = self.converted(chosen.image)?;
                let root = (converted.descriptor.clone(), converted.bytes.clone());
                self.seen.insert(resolved);
                self.seen.insert(root.0.digest.clone());
                self.store(converted, chosen.platform)?;
                root
            }
            _ => self.all(root, None, 0)?,
        };
        Ok(Start { root, root_bytes, platform, warnings })
    }

    /// A document with everything below it; children come first. Gives what it was stored as.
    fn all(
        &mut self,
        fetched: Fetched,
        platform: Option<Platform>,
        depth: u64,
    ) -> Result<(Descriptor, Vec<u8>)> {
        self.seen.insert(fetched.descriptor.digest.clone());
        if let Manifest::Index(index) = &fetched.manifest {
            if depth >= self.deepest {
                return Err(too_deep(self.deepest));
            }
            for child in &index.manifests {
                self.child(child, depth)?;
            }
        }
        let stored = self.converted(fetched)?;
        let root = match depth {
            0 => (stored.descriptor.clone(), stored.bytes.clone()),
            _ => (stored.descriptor.clone(), Vec::new()),
        };
        self.store(stored, platform)?;
        Ok(root)
    }

    fn child(&mut self, child: &Descriptor, depth: u64) -> Result<()> {
        self.left = self.left.checked_sub(1).ok_or_else(too_many)?;
        if self.seen.contains(&child.digest) {
            return Ok(());
        }
        if media_type::is_manifest(&child.media_type) {
            let inner = self.documents.manifest(child)?;
            self.all(inner, child.platform.clone(), depth + 1).map(drop)
        } else if media_type::is_manifest_by_name(&child.media_type) {
            self.unread(child)
        } else {
            self.entry(child)
        }
    }

    /// The document in the form that is wanted.
    fn converted(&mut self, fetched: Fetched) -> Result<Fetched> {
        if !self.options.convert_to_oci {
            return Ok(fetched);
        }
        let limits = self.documents.source.limits();
        let from = fetched.descriptor.digest.clone();
        let converted = convert::to_oci(fetched, &self.became, limits)?;
        if converted.descriptor.digest != from {
            let to = converted.descriptor.digest.clone();
            self.became.insert(from.clone(), converted.descriptor.clone());
            self.converted.push(Converted { from, to });
        }
        Ok(converted)
    }

    /// Stores a manifest, and keeps of it what the copy needs.
    fn store(&mut self, fetched: Fetched, platform: Option<Platform>) -> Result<()> {
        let Fetched { descriptor, bytes, manifest } = fetched;
        let (mut config, mut layers, mut children) = (None, Vec::new(), Vec::new());
        match &manifest {
            Manifest::Image(image) => {
                let blobs = image.layers.len() as u64 + 1;
                self.left = self.left.checked_sub(blobs).ok_or_else(too_many)?;
                config = Some(self.needed(&image.config));
                layers = image.layers.iter().map(|blob| self.needed(blob)).collect();
            }
            Manifest::Index(index) => {
                children = index.manifests.iter().map(|child| child.digest.clone()).collect();
            }
        }
        let stored =
            Stored { descriptor, platform, bytes: None, is_there: false, config, layers, children };
        self.push(stored, bytes)?;
        match manifest {
            Manifest::Image(_) => manifest.children().try_for_each(|blob| self.bring(blob)),
            Manifest::Index(_) => Ok(()),
        }
    }

    /// Its bytes go to the destination if that takes them now, and are kept as far as there is room if not.
    fn push(&mut self, mut stored: Stored, bytes: Vec<u8>) -> Result<()> {
        if self.sink.manifests_first() {
            self.sink.put_manifest(&stored.descriptor, &bytes, self.documents.call)?;
        } else {
            // What was made here can be read nowhere.
            let is_made = self.became.values().any(|made| made.digest == stored.descriptor.digest);
            if is_made || self.kept + bytes.len() <= KEPT {
                self.kept += bytes.len();
                stored.bytes = Some(bytes);
            }
        }
        self.manifests.push(stored);
        Ok(())
    }

    /// What is needed of a blob's descriptor.
    fn needed(&self, blob: &Descriptor) -> Descriptor {
        let urls = if self.options.nondistributable { blob.urls.clone() } else { Vec::new() };
        Descriptor {
            urls,
            ..Descriptor::new(blob.media_type.clone(), blob.digest.clone(), blob.size)
        }
    }

    /// Content that a descriptor has in itself goes to the destination at once.
    fn bring(&self, blob: &Descriptor) -> Result<()> {
        let Some(bytes) = blob.embedded()? else { return Ok(()) };
        let call = self.documents.call;
        call.check()?;
        if self.sink.has_blob(blob, true, call)? {
            return Ok(());
        }
        let mut writer = self.sink.blob_writer(blob, call)?;
        if writer.position() > 0 {
            writer.restart(call)?;
        }
        writer.write(&bytes, call)?;
        writer.commit(call)
    }

    /// An entry of an index that is not a manifest.
    fn entry(&mut self, child: &Descriptor) -> Result<()> {
        self.bring(child)?;
        self.entries.push(self.needed(child));
        Ok(())
    }

    /// A manifest of an unknown type.
    fn unread(&mut self, child: &Descriptor) -> Result<()> {
        self.seen.insert(child.digest.clone());
        match self.documents.unread_manifest(child) {
            Ok(bytes) => {
                let stored = Stored {
                    descriptor: Descriptor::new(
                        &*child.media_type,
                        child.digest.clone(),
                        child.size,
                    ),
                    platform: child.platform.clone(),
                    bytes: None,
                    is_there: false,
                    config: None,
                    layers: Vec::new(),
                    children: Vec::new(),
                };
                self.push(stored, bytes)
            }
            // The name was that of a blob.
            Err(error) if error.code() == Code::NotFound => self.entry(child),
            Err(error) => Err(error),
        }
    }

    /// What refers to the image and to its children, and in turn to that, as far as it is wanted: with the tags by which
    /// some of it is found.
    fn what_refers_to_it(&mut self) -> Result<Referring> {
        let Referring { mut referrers, mut tagged } = Referring::default();
        let tags = match self.options.digest_tags {
            true => self.documents.source.tags(self.documents.call)?,
            false => Vec::new(),
        };
        let mut next = 0;
        while let Some(stored) = self.manifests.get(next) {
            next += 1;
            let subject = stored.descriptor.digest.clone();
            if self.options.referrers {
                let found = self.documents.source.referrers(&subject, self.documents.call)?;
                for referrer in found {
                    self.left = self.left.checked_sub(1).ok_or_else(too_many)?;
                    if self.seen.contains(&referrer.digest) {
                        continue;
                    }
                    let fetched = self.documents.manifest(&referrer)?;
                    let descriptor = fetched.descriptor.clone();
                    self.all(fetched, None, 1)?;
                    referrers.push(descriptor);
                }
            }
            for tag in tags.iter().filter(|tag| is_tag_of(tag, &subject)) {
                let fetched = self.documents.tagged(tag)?;
                let descriptor = fetched.descriptor.clone();
                if !self.seen.contains(&descriptor.digest) {
                    self.all(fetched, None, 1)?;
                }
                tagged.push((descriptor, tag.clone()));
            }
        }
        Ok(Referring { referrers, tagged })
    }
}

/// Whether a tag is made of this digest, `<algorithm>-<hex>` with or without a suffix such as `.sig`; of a long digest it holds
/// the beginning only.
fn is_tag_of(tag: &str, digest: &Digest) -> bool {
    const LONGEST_HEX: usize = 64;
    let hex = digest.hex();
    let start = format!("{}-{}", digest.algorithm().name(), &hex[..hex.len().min(LONGEST_HEX)]);
    tag.starts_with(&start)
}
