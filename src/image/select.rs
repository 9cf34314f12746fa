//! Which image of an index runs on a platform.
//!
//! An entry that states its platform is believed. One that does not is looked into: an image runs on what its configuration
//! says, and an index within the index offers what it lists. Entries that are not manifests, such as the layers of a build
//! cache, and attestations are skipped.

use std::collections::HashSet;

use super::descriptor::Descriptor;
use super::manifest::Fetched;
use super::manifest::{Index, Manifest};
use super::media_type;
use super::platform::{Fit, Platform};
use crate::config::settings::Limits;
use crate::error::{Code, Error, Result};
use crate::names::digest::Digest;
use crate::sort;

/// Reads the manifests and configurations that an index leads to.
pub trait Source {
    /// A manifest that an index lists.
    fn manifest(&self, child: &Descriptor) -> Result<Fetched>;

    /// The configuration of an image.
    fn config(&self, config: &Descriptor) -> Result<Vec<u8>>;
}

/// The image that was found.
#[derive(Debug)]
pub struct Chosen {
    /// Its manifest.
    pub image: Fetched,
    /// Its platform; None if neither the index nor a configuration states it.
    pub platform: Option<Platform>,
    /// A warning for the user.
    pub warning: Option<String>,
}

/// Finds the image of an index that runs best on a platform, the first one of equals.
///
/// Stated platforms come first, then what configurations and inner indexes say, then architectures that the processor runs
/// besides its own. An index that holds no image for any platform gives its first artifact. Fails with NO_PLATFORM, LIMIT,
/// UNSUPPORTED (a manifest of schema 1 only), or as the source does.
pub fn choose(
    index: &Index,
    wanted: &Platform,
    limits: &Limits,
    source: &dyn Source,
) -> Result<Chosen> {
    let mut search = Search {
        wanted,
        source,
        left: limits.children,
        deepest: limits.depth,
        seen: HashSet::new(),
        offered: Vec::new(),
        schema1: None,
        artifact: None,
        missing: None,
    };
    match search.index(index, 0)? {
        Some((fit, mut chosen)) => {
            if fit.foreign {
                let offered = chosen.platform.iter().map(Platform::to_string).collect::<String>();
                let warning = format!("the image is for {offered}, which {wanted} can also run");
                chosen.warning = Some(warning);
            }
            Ok(chosen)
        }
        None => search.otherwise(),
    }
}

struct Search<'a> {
    wanted: &'a Platform,
    source: &'a dyn Source,
    left: u64,
    deepest: u64,
    /// The entries that have been read already.
    seen: HashSet<Digest>,
    /// The platforms of the index, for the error.
    offered: Vec<String>,
    /// A manifest of schema 1 for the platform.
    schema1: Option<Descriptor>,
    /// The first manifest that is for no platform.
    artifact: Option<Fetched>,
    /// Why the platform of an entry is not known: the registry does not have it, like a mirror with only a part of an index.
    missing: Option<Error>,
}

type Found = Option<(Fit, Chosen)>;

/// The entries of an index that may be for the platform.
struct Entries<'i> {
    /// Those that state a platform which suits, the best first.
    stated: Vec<(Fit, &'i Descriptor, &'i Platform)>,
    /// Those that state none.
    unstated: Vec<&'i Descriptor>,
}

impl Search<'_> {
    fn index(&mut self, index: &Index, depth: u64) -> Result<Found> {
        if depth >= self.deepest {
            return Err(too_deep(self.deepest));
        }
        let Entries { stated, unstated } = self.sort(index)?;
        let foreign = stated.partition_point(|(fit, ..)| !fit.foreign);
        let (native, foreign) = stated.split_at(foreign);
        if let Some(found) = self.first_stated(native, depth)? {
            return Ok(Some(found));
        }
        match self.best_unstated(&unstated, depth)? {
            Some(found) => Ok(Some(found)),
            None => self.first_stated(foreign, depth),
        }
    }

    /// Sorts the entries of an index by how well they suit the platform, and keeps what the error has to name.
    fn sort<'i>(&mut self, index: &'i Index) -> Result<Entries<'i>> {
        let (mut stated, mut unstated) = (Vec::new(), Vec::new());
        for child in &index.manifests {
            self.left = self.left.checked_sub(1).ok_or_else(too_many)?;
            let schema1 = media_type::is_schema1(&child.media_type);
            if !schema1 && !media_type::is_manifest(&child.media_type) {
                continue;
            }
            match child.platform.as_ref().filter(|p| p.is_stated()) {
                Some(platform) => match self.wanted.suits(platform) {
                    Some(_) if schema1 => self.schema1 = Some(child.clone()),
                    Some(fit) => stated.push((fit, child, platform)),
                    None => self.offer(platform),
                },
                None if schema1 || is_attestation(child) => {}
                None => unstated.push(child),
            }
        }
        sort::sort_by_key(&mut stated, |(fit, ..)| *fit); // Equals keep their order.
        Ok(Entries { stated, unstated })
    }

    /// The first of these entries that has an image. (An index within the index may have none.)
    fn first_stated(
        &mut self,
        entries: &[(Fit, &Descriptor, &Platform)],
        depth: u64,
    ) -> Result<Found> {
        for (fit, child, platform) in entries {
            if let Some(found) = self.stated(*fit, child, platform, depth)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// The best of the entries whose configurations have to be read.
    fn best_unstated(&mut self, entries: &[&Descriptor], depth: u64) -> Result<Found> {
        let mut best: Found = None;
        for child in entries {
            if !self.seen.insert(child.digest.clone()) {
                continue;
            }
            let found = match self.unstated(child, depth) {
                Err(error) if error.code() == Code::NotFound => {
                    self.missing.get_or_insert(error);
                    continue;
                }
                other => other?,
            };
            let better = match (&best, &found) {
                (Some((best, _)), Some((fit, _))) => fit < best,
                (None, found) => found.is_some(),
                (Some(_), None) => false,
            };
            if better {
                best = found;
            }
            if best.as_ref().is_some_and(|(fit, _)| fit.is_perfect()) {
                break;
            }
        }
        Ok(best)
    }

    /// Reads an entry whose stated platform is suitable: its image, or a suitable one in its index.
    fn stated(
        &mut self,
        fit: Fit,
        child: &Descriptor,
        platform: &Platform,
        depth: u64,
    ) -> Result<Found> {
        let image = self.source.manifest(child)?;
        if let Manifest::Index(inner) = &image.manifest {
            return self.index(inner, depth + 1);
        }
        let platform = Some(platform.clone());
        Ok(Some((fit, Chosen { image, platform, warning: None })))
    }

    /// Reads an entry that states no platform.
    fn unstated(&mut self, child: &Descriptor, depth: u64) -> Result<Found> {
        let image = self.source.manifest(child)?;
        let config = match &image.manifest {
            Manifest::Index(inner) => return self.index(inner, depth + 1),
            Manifest::Image(manifest) => &manifest.config,
        };
        let platform = match media_type::is_image_config(&config.media_type) {
            true => Platform::of_config(&self.source.config(config)?),
            false => None,
        };
        let Some(platform) = platform else {
            self.artifact.get_or_insert(image);
            return Ok(None);
        };
        let Some(fit) = self.wanted.suits(&platform) else {
            self.offer(&platform);
            return Ok(None);
        };
        Ok(Some((fit, Chosen { image, platform: Some(platform), warning: None })))
    }

    fn offer(&mut self, platform: &Platform) {
        let name = platform.to_string();
        if !platform.is_unknown() && !self.offered.contains(&name) {
            self.offered.push(name);
        }
    }

    /// What is left where no image suits.
    fn otherwise(self) -> Result<Chosen> {
        if let Some(child) = self.schema1 {
            return Err(super::manifest::schema1()
                .context(format!("the index has only {} for {}", child.digest, self.wanted)));
        }
        if let Some(error) = self.missing {
            return Err(error);
        }
        match self.artifact {
            Some(image) if self.offered.is_empty() => Ok(Chosen {
                warning: Some(format!(
                    "the index does not list platforms; its first manifest, {}, was used",
                    image.descriptor.digest
                )),
                image,
                platform: None,
            }),
            _ => {
                let hint = if self.offered.is_empty() {
                    "the index does not contain an image; set all_platforms to copy all of it"
                        .to_owned()
                } else {
                    let offered = self.offered.join(", ");
                    format!("choose one of these with the option platform: {offered}")
                };
                let message = format!("the index has no image for {}", self.wanted);
                Err(Error::new(Code::NoPlatform, message).hint(hint))
            }
        }
    }
}

/// Whether an entry is an attestation: it is not an image, but describes one.
fn is_attestation(child: &Descriptor) -> bool {
    const KEY: &str = "vnd.docker.reference.type";
    child.annotations.as_ref().is_some_and(|annotations| annotations.contains_key(KEY))
}

/// An image nests indexes too deeply.
pub fn too_deep(deepest: u64) -> Error {
    Error::new(Code::Limit, format!("the image nests indexes more than {deepest} levels deep"))
        .hint("raise depth in the option limits, if you trust this image")
}

/// An image lists too many manifests.
pub fn too_many() -> Error {
    Error::new(Code::Limit, "the image lists more manifests than allowed")
        .hint("raise children in the option limits, if you trust this image")
}
