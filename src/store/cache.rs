//! A layout as a cache: which images it has, which of its blobs nothing needs, and whether they are intact.

use std::collections::{HashMap, HashSet};

use serde::Serialize;
use serde_json::Value;

use super::Layout;
use super::index::{REF_NAME, ref_name};
use super::part::hash_file;
use crate::call::Call;
use crate::config::settings::Limits;
use crate::error::{Code, Error, Phase, Result};
use crate::image::{Descriptor, Manifest, media_type};
use crate::names::digest::{Algorithm, Digest, Hasher};
use crate::os::lock::{DirLock, SharedLock};
use crate::sort;

/// The images of a layout.
#[derive(Debug, Serialize)]
pub struct Images {
    /// In the order of its index.
    pub images: Vec<Image>,
}

/// One image of a layout.
#[derive(Debug, Serialize)]
pub struct Image {
    /// Its name, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its entry in the index.
    pub descriptor: Descriptor,
}

/// What a removal took away.
#[derive(Debug, Serialize)]
pub struct Removed {
    /// The image that had the name. Its blobs are still there.
    pub removed: Descriptor,
}

/// What a collection took away, or would take away.
#[derive(Debug, Serialize)]
pub struct Collected {
    /// Blobs that no image needs.
    pub removed: Vec<Blob>,
    /// Their sizes together.
    pub bytes: u64,
}

/// A blob's file.
#[derive(Debug, Serialize)]
pub struct Blob {
    /// Its digest.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
}

/// The state of a layout's blobs.
#[derive(Debug, Serialize)]
pub struct Verified {
    /// Blobs that are missing or have another content.
    pub damaged: Vec<Damage>,
    /// How many blobs were hashed.
    pub checked: u64,
    /// Their sizes together.
    pub bytes: u64,
}

/// A blob that is not what it should be.
#[derive(Debug, Serialize)]
pub struct Damage {
    /// The digest that it should have.
    pub digest: Digest,
    /// What is wrong with it.
    pub why: String,
}

impl Layout {
    /// Lists the images. Those without a name are listed too.
    pub fn images(&self) -> Result<Images> {
        let image = |descriptor: Descriptor| {
            let name = ref_name(&descriptor).map(str::to_owned);
            Image { name, descriptor }
        };
        Ok(Images { images: self.references()?.into_iter().map(image).collect() })
    }

    /// Removes a name. Blobs stay until they are collected.
    pub fn remove_name(&self, name: &str, call: &Call) -> Result<Removed> {
        let named = |entry: &Value| {
            let annotations = entry.get("annotations");
            annotations.and_then(|a| a.get(REF_NAME)).and_then(Value::as_str) == Some(name)
        };
        let removed = self.change_index(call, |entries| {
            // With the lock held: nobody gives the name to another image meanwhile.
            let removed = self.resolve(Some(name))?;
            entries.retain(|entry| !named(entry));
            Ok(removed)
        })?;
        Ok(Removed { removed })
    }

    /// Removes the blobs that no image needs, referrers whose subject is gone, and old parts of blobs. With `dry_run` it only
    /// tells which blobs these are.
    ///
    /// BUSY while another call, of any process, writes to the layout: its image has no name yet.
    pub fn collect(&self, dry_run: bool, call: &Call) -> Result<Collected> {
        let shown = self.path().display().to_string();
        let _alone = DirLock::try_acquire(&self.blobs_root()?, &shown)?.ok_or_else(|| {
            Error::new(
                Code::Busy,
                format!("cannot collect blobs of {shown}: it is being written to"),
            )
            .phase(Phase::Store)
            .hint("try again when the pull or copy that writes to it has ended")
        })?;
        let needed = Needed::find(self, call)?;
        let mut collected = Collected { removed: Vec::new(), bytes: 0 };
        for blob in self.blob_files()? {
            if !needed.blobs.contains_key(&blob.digest) {
                collected.bytes += blob.size;
                collected.removed.push(blob);
            }
        }
        if dry_run {
            return Ok(collected);
        }
        if !needed.orphans.is_empty() {
            // The index forgets them first: it never names what is not there.
            self.change_index(call, |entries| {
                entries.retain(|entry| !is_orphan(entry, &needed.orphans));
                Ok(())
            })?;
        }
        for blob in &collected.removed {
            call.check()?;
            let dir = self.make_blobs(blob.digest.algorithm())?;
            let removed = dir.remove(blob.digest.hex());
            removed.map_err(|e| self.failed_blob("remove", &blob.digest, &e))?;
        }
        self.sweep()?;
        Ok(collected)
    }

    /// Hashes all blobs, and looks for those that images need and that are missing.
    pub fn verify(&self, call: &Call) -> Result<Verified> {
        let files = self.blob_files()?;
        call.set_total(files.iter().map(|blob| blob.size).sum());
        let mut verified = Verified { damaged: Vec::new(), checked: 0, bytes: 0 };
        for blob in &files {
            if let Some(why) = self.damage(blob, call)? {
                verified.damaged.push(Damage { digest: blob.digest.clone(), why });
            }
            verified.checked += 1;
            verified.bytes += blob.size;
            call.add_done(blob.size);
        }
        let there: HashMap<_, _> = files.iter().map(|blob| (&blob.digest, blob.size)).collect();
        let bad: HashSet<_> = verified.damaged.iter().map(|d| d.digest.clone()).collect();
        let needed = Needed::of_intact(self, bad, call)?;
        verified.damaged.extend(needed.unreadable);
        let bad: HashSet<_> = verified.damaged.iter().map(|d| d.digest.clone()).collect();
        for (digest, size) in needed.blobs {
            let why = match there.get(&digest) {
                None => "it is missing".to_owned(),
                Some(actual) if *actual != size => {
                    format!("it has {actual} bytes, but an image says {size}")
                }
                Some(_) => continue,
            };
            if !bad.contains(&digest) {
                verified.damaged.push(Damage { digest, why });
            }
        }
        sort::sort_by_key(&mut verified.damaged, |damage| damage.digest.to_string());
        Ok(verified)
    }

    /// What is wrong with the content of a blob's file.
    fn damage(&self, blob: &Blob, call: &Call) -> Result<Option<String>> {
        let mut file = match self.open_blob(&blob.digest) {
            Ok(file) => file,
            Err(error) => return Ok(Some(error.to_string())),
        };
        let mut hasher = Hasher::new(blob.digest.algorithm());
        let failed = |e: &std::io::Error| self.failed_blob("read", &blob.digest, e);
        if let Err(error) = hash_file(&mut file, &mut hasher, call, failed) {
            call.check()?;
            return Ok(Some(error.to_string()));
        }
        let actual = hasher.finish();
        Ok((actual != blob.digest).then(|| format!("its content has the digest {actual}")))
    }

    /// Every file that has the name of a blob, sorted.
    fn blob_files(&self) -> Result<Vec<Blob>> {
        let mut files = Vec::new();
        for algorithm in [Algorithm::Sha256, Algorithm::Sha384, Algorithm::Sha512] {
            let Some(dir) = self.blobs(algorithm)? else { continue };
            let names = dir.names().map_err(|e| self.failed("read", "blobs", &e))?;
            for name in names {
                // Other files are none of ours.
                let Ok(digest) = format!("{}:{name}", algorithm.name()).parse::<Digest>() else {
                    continue;
                };
                if let Ok(Some(size)) = self.blob_size(&digest) {
                    files.push(Blob { digest, size });
                }
            }
        }
        sort::sort_by_key(&mut files, |blob| blob.digest.to_string());
        Ok(files)
    }

    /// Keeps blobs that have no name yet from being collected, as long as the lock lives.
    pub(super) fn share_blobs(&self, call: &Call) -> Result<SharedLock> {
        SharedLock::acquire(&self.blobs_root()?, &self.path().display().to_string(), call)
    }
}

fn is_orphan(entry: &Value, orphans: &HashSet<Digest>) -> bool {
    let digest = entry.get("digest").and_then(Value::as_str).and_then(|text| text.parse().ok());
    let has_name = entry.get("annotations").is_some_and(|a| a.get(REF_NAME).is_some());
    !has_name && digest.is_some_and(|digest| orphans.contains(&digest))
}

/// The blobs that a layout's images need.
#[derive(Default)]
struct Needed {
    /// With the sizes that their descriptors say.
    blobs: HashMap<Digest, u64>,
    /// Entries without a name that refer to what is not needed.
    orphans: HashSet<Digest>,
    /// Manifests that cannot be read, where those are looked for.
    unreadable: Vec<Damage>,
    /// What is known to be damaged, and is passed over; None where a manifest that cannot be read is an error.
    damaged: Option<HashSet<Digest>>,
}

impl Needed {
    /// All that is reached from the index. A manifest that is there and cannot be read is an error: nobody knows what it needs.
    fn find(layout: &Layout, call: &Call) -> Result<Self> {
        Self::default().walk(layout, call)
    }

    /// The same without what damaged manifests list. Others that cannot be read are named.
    fn of_intact(layout: &Layout, damaged: HashSet<Digest>, call: &Call) -> Result<Self> {
        Self { damaged: Some(damaged), ..Self::default() }.walk(layout, call)
    }

    fn walk(mut self, layout: &Layout, call: &Call) -> Result<Self> {
        let mut referrers = Vec::new();
        for entry in layout.references()? {
            let subject = match ref_name(&entry) {
                Some(_) => None,
                None => self
                    .read(layout, &entry)?
                    .and_then(|manifest| manifest.subject().map(|s| s.digest.clone())),
            };
            match subject {
                Some(subject) => referrers.push((subject, entry)),
                None => self.reach(layout, entry, call)?,
            }
        }
        // A referrer is needed as long as its subject is, which may be another referrer.
        loop {
            let (live, rest): (Vec<_>, Vec<_>) =
                referrers.into_iter().partition(|(subject, _)| self.blobs.contains_key(subject));
            referrers = rest;
            if live.is_empty() {
                break;
            }
            for (_, entry) in live {
                self.reach(layout, entry, call)?;
            }
        }
        self.orphans = referrers.into_iter().map(|(_, entry)| entry.digest).collect();
        Ok(self)
    }

    /// Adds a manifest with everything below it.
    fn reach(&mut self, layout: &Layout, root: Descriptor, call: &Call) -> Result<()> {
        let mut open = vec![root];
        while let Some(next) = open.pop() {
            call.check()?;
            if self.blobs.insert(next.digest.clone(), next.size).is_some() {
                continue;
            }
            match self.read(layout, &next)? {
                Some(Manifest::Index(index)) => open.extend(index.manifests),
                Some(Manifest::Image(image)) => {
                    let there = image.layers.into_iter().filter(|layer| {
                        // Layers that nobody may distribute are often left out.
                        !media_type::is_nondistributable(&layer.media_type)
                            || matches!(layout.has_blob(&layer.digest, layer.size), Ok(true))
                    });
                    let parts = there.chain([image.config]);
                    self.blobs.extend(parts.map(|part| (part.digest, part.size)));
                }
                None => self.reach_mentioned(layout, &next),
            }
        }
        Ok(())
    }

    /// What a manifest of a type that is not read may need: whatever it mentions by a digest.
    fn reach_mentioned(&mut self, layout: &Layout, manifest: &Descriptor) {
        let kind = &manifest.media_type;
        if self.damaged.is_some()
            || media_type::is_manifest(kind)
            || !media_type::is_manifest_by_name(kind)
        {
            return;
        }
        let Ok(bytes) = layout.read_blob(&manifest.digest, Limits::default().manifest) else {
            return;
        };
        let mut open: Vec<Value> = serde_json::from_slice(&bytes).into_iter().collect();
        while let Some(value) = open.pop() {
            match value {
                Value::Array(items) => open.extend(items),
                Value::Object(items) => {
                    let digest = items.get("digest").and_then(Value::as_str);
                    let size = items.get("size").and_then(Value::as_u64).unwrap_or_default();
                    if let Some(digest) = digest.and_then(|text| text.parse().ok()) {
                        self.blobs.entry(digest).or_insert(size);
                    }
                    open.extend(items.into_iter().map(|(_, item)| item));
                }
                _ => {}
            }
        }
    }

    /// A manifest of the layout; None if it is missing, passed over or of another type.
    fn read(&mut self, layout: &Layout, descriptor: &Descriptor) -> Result<Option<Manifest>> {
        let digest = &descriptor.digest;
        let is_damaged = self.damaged.as_ref().is_some_and(|damaged| damaged.contains(digest));
        if !media_type::is_manifest(&descriptor.media_type) || is_damaged {
            return Ok(None);
        }
        let limits = Limits::default();
        let read = layout
            .read_blob(digest, limits.manifest)
            .and_then(|bytes| Manifest::parse(&bytes, Some(&descriptor.media_type), &limits));
        match (read, &mut self.damaged) {
            (Ok(manifest), _) => Ok(Some(manifest)),
            (Err(error), _) if error.code() == Code::NotFound => Ok(None),
            (Err(error), None) => Err(error.context(format!(
                "cannot use the manifest {digest} of {}",
                layout.path().display()
            ))),
            (Err(error), Some(damaged)) => {
                damaged.insert(digest.clone());
                self.unreadable.push(Damage { digest: digest.clone(), why: error.to_string() });
                Ok(None)
            }
        }
    }
}
