//! The events of a copy.

use std::time::{Duration, Instant};

use serde::Serialize;

use super::report::Origin;
use crate::call::Call;
use crate::error::Result;
use crate::image::Descriptor;

/// The least time between two progress events of one blob.
pub(super) const EVENT: Duration = Duration::from_millis(100);

/// Which way bytes go, as seen from here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Direction {
    Down,
    Up,
}

/// Tells that a manifest has come, or was written.
pub(super) fn manifest(descriptor: &Descriptor, direction: Direction, call: &Call) -> Result<()> {
    call.event(&serde_json::json!({
        "kind": "manifest",
        "digest": descriptor.digest,
        "media_type": descriptor.media_type,
        "total": descriptor.size,
        "done": true,
        "direction": direction,
    }))
}

/// The progress events of one blob, not too many of them.
pub(super) struct Events<'a> {
    blob: &'a Descriptor,
    direction: Direction,
    last: Option<Instant>,
}

impl<'a> Events<'a> {
    pub(super) fn new(blob: &'a Descriptor, direction: Direction) -> Self {
        Self { blob, direction, last: None }
    }

    pub(super) fn tell(
        &mut self,
        offset: u64,
        done: bool,
        source: Origin,
        call: &Call,
    ) -> Result<()> {
        if !call.has_progress() || (!done && self.last.is_some_and(|last| last.elapsed() < EVENT)) {
            return Ok(());
        }
        self.last = Some(Instant::now());
        call.event(&serde_json::json!({
            "kind": "blob",
            "digest": self.blob.digest,
            "media_type": self.blob.media_type,
            "offset": offset,
            "total": self.blob.size,
            "done": done,
            "direction": self.direction,
            "source": source,
        }))
    }
}
