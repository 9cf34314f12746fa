//! What a registry of v1 knows: images by id, and repositories with their tags and lists of images.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::read::MultiGzDecoder;
use serde_json::Value;

use super::access::{Policy, Token};
use super::tarsum::tarsum;
use crate::digest;
use crate::server::{Body, lock};

/// An image as it was pushed, with what the server computed of it.
#[derive(Clone)]
pub struct Image {
    /// The bytes of its JSON.
    pub json: Vec<u8>,
    /// The bytes of its layer as they were sent, if they were.
    pub layer: Option<Body>,
    /// The tarsum of its layer.
    pub checksum: String,
    /// The SHA-256 of JSON, line break and the layer's bytes.
    pub checksum_payload: String,
    /// Whether its checksums were told and found right. Nobody can pull it before.
    pub complete: bool,
}

impl Image {
    /// The id of its parent.
    pub fn parent(&self) -> Option<String> {
        let json: Value = serde_json::from_slice(&self.json).ok()?;
        json["parent"].as_str().map(str::to_owned)
    }
}

/// Tags, and the images that the index lists.
#[derive(Clone, Default)]
pub(super) struct Repository {
    pub tags: BTreeMap<String, String>,
    pub images: Vec<Value>,
}

/// Why a change is refused: a status and what the body says.
pub(super) type Refusal = (u16, &'static str);

/// All state of an index and its registries.
pub(super) struct Store {
    pub images: Mutex<BTreeMap<String, Image>>,
    pub repositories: Mutex<BTreeMap<String, Repository>>,
    pub tokens: Mutex<HashMap<String, Token>>,
    pub cookies: Mutex<BTreeSet<String>>,
    pub policy: Mutex<Policy>,
    next: AtomicU64,
}

impl Store {
    pub fn new(policy: Policy) -> Store {
        Store {
            images: Mutex::default(),
            repositories: Mutex::default(),
            tokens: Mutex::default(),
            cookies: Mutex::default(),
            policy: Mutex::new(policy),
            next: AtomicU64::new(1),
        }
    }

    /// A text that was never given out before.
    pub fn unique(&self, what: &str) -> String {
        let number = self.next.fetch_add(1, Ordering::SeqCst);
        digest::hex(
            ring::digest::digest(&ring::digest::SHA256, format!("{what} {number}").as_bytes())
                .as_ref(),
        )
    }

    pub fn image(&self, id: &str) -> Option<Image> {
        lock(&self.images).get(id).cloned()
    }

    /// The id and those of its parents, youngest first.
    pub fn ancestry(&self, id: &str) -> Vec<String> {
        let mut ids = vec![id.to_owned()];
        let mut next = self.image(id).and_then(|image| image.parent());
        while let Some(id) = next {
            next = self.image(&id).and_then(|image| image.parent());
            ids.push(id);
        }
        ids
    }

    pub fn put_json(&self, id: &str, bytes: &[u8]) -> Result<(), Refusal> {
        let json: Value = serde_json::from_slice(bytes).map_err(|_| (400, "Invalid JSON"))?;
        if json["id"] != id {
            return Err((400, "JSON data is invalid: wrong id"));
        }
        let mut images = lock(&self.images);
        if images.get(id).is_some_and(|image| image.complete) {
            return Err((409, "Image already exists"));
        }
        if let Some(parent) = json["parent"].as_str()
            && !images.get(parent).is_some_and(|image| image.complete)
        {
            return Err((400, "Image depends on a non existing parent"));
        }
        let image = Image {
            json: bytes.to_vec(),
            layer: None,
            checksum: String::new(),
            checksum_payload: String::new(),
            complete: false,
        };
        images.insert(id.to_owned(), image);
        Ok(())
    }

    /// Keeps a layer that is sent as gzip.
    pub fn put_layer(&self, id: &str, layer: &[u8]) -> Result<(), Refusal> {
        let image = self.image(id).ok_or((404, "Image's JSON not found"))?;
        if image.complete {
            return Err((409, "Image already exists"));
        }
        let checksum = tarsum(&image.json, MultiGzDecoder::new(layer))
            .map_err(|_| (400, "The layer is no archive in gzip"))?;
        let payload = digest::sha256(&[&image.json, &b"\n"[..], layer].concat());
        let mut images = lock(&self.images);
        let image = images.get_mut(id).ok_or((404, "Image not found"))?;
        image.layer = Some(layer.to_vec().into());
        image.checksum = checksum;
        image.checksum_payload = payload;
        Ok(())
    }

    /// Ends the push of an image, if the client's checksums are the server's.
    pub fn put_checksum(
        &self,
        id: &str,
        checksum: Option<&str>,
        payload: Option<&str>,
    ) -> Result<(), Refusal> {
        let mut images = lock(&self.images);
        let image = images.get_mut(id).ok_or((404, "Image not found"))?;
        if image.complete {
            return Err((409, "Cannot set this image checksum"));
        }
        if image.layer.is_none() {
            return Err((400, "The image has no layer"));
        }
        if checksum != Some(&image.checksum) || payload != Some(&image.checksum_payload) {
            return Err((400, "Checksum mismatch, ignoring the layer"));
        }
        image.complete = true;
        Ok(())
    }

    pub fn put_tag(&self, name: &str, tag: &str, id: &str) -> Result<(), Refusal> {
        if !self.image(id).is_some_and(|image| image.complete) {
            return Err((404, "Image not found"));
        }
        let mut repositories = lock(&self.repositories);
        repositories.entry(name.to_owned()).or_default().tags.insert(tag.to_owned(), id.to_owned());
        Ok(())
    }

    /// Announces what will be pushed to a repository.
    pub fn announce(&self, name: &str, body: &[u8]) -> Result<(), Refusal> {
        let images = images_of(body)?;
        let mut repositories = lock(&self.repositories);
        let known = &mut repositories.entry(name.to_owned()).or_default().images;
        merge(known, images);
        Ok(())
    }

    /// Confirms what was pushed: every image must be there, with that checksum.
    pub fn confirm(&self, name: &str, body: &[u8]) -> Result<(), Refusal> {
        let listed = images_of(body)?;
        for image in &listed {
            let id = image["id"].as_str().unwrap_or_default();
            let there = self.image(id).filter(|image| image.complete);
            if there.is_none_or(|there| image["checksum"] != there.checksum) {
                return Err((400, "Checksum mismatch in the list of images"));
            }
        }
        let mut repositories = lock(&self.repositories);
        let repository = repositories.get_mut(name).ok_or((404, "Repository not found"))?;
        merge(&mut repository.images, listed);
        Ok(())
    }
}

fn images_of(body: &[u8]) -> Result<Vec<Value>, Refusal> {
    let images: Vec<Value> =
        serde_json::from_slice(body).map_err(|_| (400, "Expected a list of images"))?;
    let sound = images.iter().all(|image| image["id"].as_str().is_some_and(is_id));
    if sound { Ok(images) } else { Err((400, "Invalid image id")) }
}

/// Later entries of an id say more than earlier ones.
fn merge(known: &mut Vec<Value>, news: Vec<Value>) {
    for image in news {
        let place = known.iter_mut().find(|old| old["id"] == image["id"]);
        match (place, image) {
            (Some(Value::Object(old)), Value::Object(new)) => old.extend(new),
            (Some(old), new) => *old = new,
            (None, new) => known.push(new),
        }
    }
}

pub(super) fn is_id(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}
