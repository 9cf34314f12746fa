//! The events that a progress callback receives: each kind with its keys, in one table.
//!
//! `docs/events.md` is made from it: `OCIREG_UPDATE=1 cargo test --test generated`. A test shows that each kind is sent.

use serde::Serialize;

use crate::names::digest::Digest;

macro_rules! events {
    ($(
        $(#[doc = $about:literal])+
        $Variant:ident $kind:literal {
            $( $(#[doc = $text:literal])+ $field:ident: $type:ty, )*
        }
    )+) => {
        /// What happened during a call. In JSON `kind` says which of these it is.
        #[derive(Debug, Clone, Serialize)]
        #[serde(tag = "kind")]
        pub enum Event<'a> {
            $(
                $(#[doc = $about])+
                #[serde(rename = $kind)]
                $Variant {
                    $(
                        $(#[doc = $text])+
                        #[serde(skip_serializing_if = "Key::is_absent")]
                        $field: $type,
                    )*
                },
            )+
        }

        /// Every kind with what the documentation says about it.
        pub const DOCUMENTATION: &[Documentation] = &[$(
            Documentation {
                kind: $kind,
                text: concat!($($about, "\n"),+),
                keys: &[$((stringify!($field), concat!($($text, "\n"),+))),*],
            },
        )+];
    };
}

/// What the documentation says about a kind of event.
#[derive(Debug)]
pub struct Documentation {
    /// The value of `kind`.
    pub kind: &'static str,
    /// When it is sent, as lines of a doc comment.
    pub text: &'static str,
    /// The keys that it may have in addition to `kind`, each with its meaning.
    pub keys: &'static [(&'static str, &'static str)],
}

/// A value that may be left out.
trait Key {
    fn is_absent(&self) -> bool {
        false
    }
}

impl<T> Key for Option<T> {
    fn is_absent(&self) -> bool {
        self.is_none()
    }
}

impl Key for bool {}
impl Key for i32 {}
impl Key for u32 {}
impl Key for u64 {}
impl Key for &str {}
impl Key for &Digest {}
impl Key for Direction {}
impl Key for BlobSource {}

/// Which way bytes go, as seen from here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// To this machine.
    Down,
    /// Away from it.
    Up,
}

/// Where a blob came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum BlobSource {
    /// All of it was moved.
    Network,
    /// It was there.
    Present,
    /// An earlier call had moved a part of it.
    Resumed,
    /// The registry mounted it from another of its repositories.
    Mounted,
}

events! {
    /// The call begins.
    Start "start" {}
    /// A manifest was received or written.
    Manifest "manifest" {
        /// The manifest's digest.
        digest: &'a Digest,
        /// The manifest's media type.
        media_type: &'a str,
        /// The size of the manifest in bytes.
        total: u64,
        /// Always true.
        done: bool,
        /// `down` for a manifest that was received, `up` for one that was written.
        direction: Direction,
    }
    /// A part of a blob was transferred, or the whole blob is there. Sent at most every 100 ms for each blob.
    Blob "blob" {
        /// The blob's digest. Absent while a layer of protocol v1 is transferred: it is not known before the end.
        digest: Option<&'a Digest>,
        /// The ID of the image that a layer of protocol v1 belongs to, where `digest` is absent.
        what: Option<&'a str>,
        /// The blob's media type.
        media_type: Option<&'a str>,
        /// How many bytes of the blob are there.
        offset: u64,
        /// The size of the blob in bytes.
        total: Option<u64>,
        /// Whether the blob is complete and verified.
        done: bool,
        /// `down` or `up`.
        direction: Direction,
        /// Where the blob came from: `network`, `present` (the destination had it), `resumed` (an earlier call had
        /// transferred a part) or `mounted` (the registry took it from another of its repositories).
        source: BlobSource,
    }
    /// The call pauses before it tries again, or waits until fewer transfers of the same host are running.
    Wait "wait" {
        /// How long the pause is; 0 where that depends on other transfers.
        delay_ms: u64,
        /// The attempt that will follow, counted from 1. Absent where the call waits for other transfers.
        attempt: Option<u32>,
        /// The code of the failure that made the pause necessary.
        code: Option<i32>,
        /// The message of that failure.
        message: Option<&'a str>,
    }
    /// A failed request is tried again, after the pause.
    Retry "retry" {
        /// The attempt that begins, counted from 1.
        attempt: u32,
        /// How long the pause was.
        delay_ms: u64,
        /// The code of the failure.
        code: i32,
        /// The message of the failure.
        message: &'a str,
    }
    /// An endpoint failed, and the call continues with the next one.
    Endpoint "endpoint" {
        /// The code of the failure.
        code: i32,
        /// The message of the failure.
        message: &'a str,
    }
    /// Nothing happened. Sent when the callback was not called for a second, so that it can stop the call.
    Tick "tick" {}
    /// The call is about to return.
    Finish "finish" {}
}
