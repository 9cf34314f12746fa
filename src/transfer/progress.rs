//! The events of a copy.

use std::time::{Duration, Instant};

pub(super) use crate::call::event::Direction;

use crate::call::event::BlobSource;
use crate::call::{Call, Event};
use crate::error::Result;
use crate::image::Descriptor;

/// The least time between two progress events of one blob.
pub(crate) const EVENT: Duration = Duration::from_millis(100);

/// Reports that a manifest was received or written.
pub(super) fn manifest(descriptor: &Descriptor, direction: Direction, call: &Call) -> Result<()> {
    call.event(&Event::Manifest {
        digest: &descriptor.digest,
        media_type: &descriptor.media_type,
        total: descriptor.size,
        done: true,
        direction,
    })
}

/// The progress events of one blob, not too many of them.
pub(crate) struct Events<'a> {
    blob: &'a Descriptor,
    direction: Direction,
    last: Option<Instant>,
}

impl<'a> Events<'a> {
    pub(crate) fn new(blob: &'a Descriptor, direction: Direction) -> Self {
        Self { blob, direction, last: None }
    }

    pub(crate) fn tell(
        &mut self,
        offset: u64,
        done: bool,
        source: BlobSource,
        call: &Call,
    ) -> Result<()> {
        if !call.has_progress() || (!done && self.last.is_some_and(|last| last.elapsed() < EVENT)) {
            return Ok(());
        }
        self.last = Some(Instant::now());
        call.event(&Event::Blob {
            digest: Some(&self.blob.digest),
            what: None,
            media_type: Some(&self.blob.media_type),
            offset,
            total: Some(self.blob.size),
            done,
            direction: self.direction,
            source,
        })
    }
}
