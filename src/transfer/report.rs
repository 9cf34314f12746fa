//! What a copy did, as the document that its caller gets.

use std::time::{Duration, Instant};

use serde::Serialize;

use crate::call::RateLimit;
use crate::call::event::BlobSource;
use crate::image::transport::EndpointReport;
use crate::image::{Descriptor, Platform, platform};
use crate::names::digest::Digest;

/// What a pull, push or copy did.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The canonical reference, with the digest that it stood for.
    pub reference: String,
    /// The document that the destination's name now points at.
    pub descriptor: Descriptor,
    /// Every manifest that was stored.
    pub manifests: Vec<ManifestReport>,
    /// The platform, where one was chosen.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "platform::as_text")]
    pub platform: Option<Platform>,
    /// Who gave it, or took it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<EndpointReport>,
    /// Of a copy: who gave it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_endpoint: Option<EndpointReport>,
    /// Of a copy: who took it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination_endpoint: Option<EndpointReport>,
    /// The place, as it was given.
    pub destination: String,
    /// The tags that a repository now has for it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Every blob, in the order of the image.
    pub blobs: Vec<BlobReport>,
    /// Bytes of all blobs.
    pub bytes_total: u64,
    /// Bytes that came over the network.
    pub bytes_transferred: u64,
    /// How long it took.
    pub duration_ms: u64,
    /// How fast that was.
    pub bytes_per_second: u64,
    /// How many requests the registries still allow, where they said so.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rate_limits: Vec<RateLimit>,
    /// Manifests that were written in another form than they were read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub converted: Vec<Converted>,
    /// Warnings for the user.
    pub warnings: Vec<String>,
}

impl Report {
    /// A report of these blobs, to be completed.
    pub fn of_blobs(
        reference: String,
        descriptor: Descriptor,
        destination: &str,
        blobs: Vec<BlobReport>,
    ) -> Self {
        Self {
            reference,
            descriptor,
            manifests: Vec::new(),
            platform: None,
            endpoint: None,
            source_endpoint: None,
            destination_endpoint: None,
            destination: destination.to_owned(),
            tags: Vec::new(),
            bytes_total: blobs.iter().map(|blob| blob.size).fold(0, u64::saturating_add),
            bytes_transferred: blobs.iter().map(|blob| blob.bytes_transferred).sum(),
            blobs,
            duration_ms: 0,
            bytes_per_second: 0,
            rate_limits: Vec::new(),
            converted: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// Says how long it took, and so how fast it was.
    pub fn took(&mut self, time: Duration) {
        self.duration_ms = milliseconds(time);
        self.bytes_per_second = speed(self.bytes_transferred, time);
    }
}

/// A stored manifest.
#[derive(Debug, Clone, Serialize)]
pub struct ManifestReport {
    /// What it is.
    pub descriptor: Descriptor,
    /// What it runs on, where the index said so.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "platform::as_text")]
    pub platform: Option<Platform>,
}

/// A blob in a report.
#[derive(Debug, Clone, Serialize)]
pub struct BlobReport {
    /// What it hashes to.
    pub digest: Digest,
    /// Its bytes.
    pub size: u64,
    /// What it is.
    pub media_type: String,
    /// Bytes that came over the network.
    pub bytes_transferred: u64,
    /// Where an earlier, interrupted call had come to.
    pub resumed_from: u64,
    /// Connections that were made again.
    pub retries: u32,
    /// Where it came from.
    pub source: BlobSource,
    /// How long it took, waiting included.
    pub duration_ms: u64,
    /// How fast it moved.
    pub bytes_per_second: u64,
}

impl BlobReport {
    /// Says how long it took, and so how fast it moved.
    pub fn took(&mut self, time: Duration) {
        self.duration_ms = milliseconds(time);
        self.bytes_per_second = speed(self.bytes_transferred, time);
    }

    /// A blob that is at the destination already.
    pub fn present(blob: &Descriptor) -> Self {
        Self {
            digest: blob.digest.clone(),
            size: blob.size,
            media_type: blob.media_type.clone(),
            bytes_transferred: 0,
            resumed_from: 0,
            retries: 0,
            source: BlobSource::Present,
            duration_ms: 0,
            bytes_per_second: 0,
        }
    }
}

impl BlobReport {
    /// A small blob that was read whole, from a registry or not.
    pub fn of_source(blob: &Descriptor, from_registry: bool) -> Self {
        let mut report = Self::present(blob);
        if from_registry {
            report.bytes_transferred = blob.size;
            report.source = BlobSource::Network;
        }
        report
    }
}

/// A manifest that was written in another form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Converted {
    /// What it was.
    pub from: Digest,
    /// What it is.
    pub to: Digest,
}

/// What the engine did, to be completed by who called it.
#[derive(Debug)]
pub struct Done {
    /// The document that was named.
    pub root: Descriptor,
    /// What the source's name stood for.
    pub resolved: Digest,
    /// When it began.
    pub began: Instant,
    pub(super) manifests: Vec<ManifestReport>,
    /// What was chosen of an index, or found to be of a single image.
    pub platform: Option<Platform>,
    /// Every blob.
    pub blobs: Vec<BlobReport>,
    pub(super) converted: Vec<Converted>,
    /// Warnings for the user.
    pub warnings: Vec<String>,
    pub(super) rate_limits: Vec<RateLimit>,
}

impl Done {
    /// The report, under the name of what was read or written.
    pub fn into_report(self, reference: String, destination: &str) -> Report {
        let took = self.began.elapsed();
        let mut report = Report {
            manifests: self.manifests,
            platform: self.platform,
            rate_limits: self.rate_limits,
            converted: self.converted,
            warnings: self.warnings,
            ..Report::of_blobs(reference, self.root, destination, self.blobs)
        };
        report.took(took);
        report
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Bytes per second; of less than a millisecond nothing can be said but what came.
fn speed(bytes: u64, time: Duration) -> u64 {
    let per_second = u128::from(bytes) * 1000 / time.as_millis().max(1);
    u64::try_from(per_second).unwrap_or(u64::MAX)
}
