//! What registries in use do otherwise than the specification says.

use std::sync::Mutex;

use crate::server::lock;

/// One habit of a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Quirk {
    /// A chunk is answered with this status.
    PatchAnswer(u16),
    /// Of the next request of this method that has as large a body only so many bytes arrive; then the connection is gone.
    ArrivesInPart(&'static str, usize),
    /// A chunk without bytes has no valid range: 416.
    EmptyPatchRefused,
    /// Chunks of more bytes than this are answered with this status. GHCR says 416 beyond 4 MiB, proxies 413.
    LargestChunk(usize, u16),
    /// A PUT that brings bytes without a range puts them at the beginning of the upload.
    PutFromStart,
    /// The `Range` of an answer about an upload tells this.
    UploadRange(UploadRange),
    /// Questions for the state of an upload are answered with this status.
    StateRefused(u16),
    /// To abort an upload is answered with this status.
    AbortRefused(u16),
    /// Where an upload goes on is a whole URL.
    AbsoluteLocation,
    /// Where an upload goes on has a query, without which the registry does not know it.
    LocationQuery,
    /// Where an upload goes on has a query that every chunk changes, and no older one counts.
    LocationMoves,
    /// Of a blob only ranges with an end are sent; others are answered 416.
    ClosedRangesOnly,
    /// A page has `n` entries, but no Link to the next.
    NoLink,
    /// A page always begins with the first entry.
    LastIgnored,
    /// Whoever asks for more entries of a list than this is answered with this status. ECR lists 1000.
    MostListed(usize, u16),
    /// A manifest without the key `mediaType` is answered with this status, as ECR does.
    MediaTypeWanted(u16),
    /// An upload of no bytes is answered with this status, as Google's Artifact Registry does.
    EmptyBlobRefused(u16),
    /// A mount that does not say where from is answered with this status, as Quay does.
    MountWantsFrom(u16),
    /// Manifests are taken under SHA-256 only: others are answered with this status.
    Sha256Only(u16),
    /// HEAD is answered with this status.
    HeadRefused(u16),
    /// There is no referrers API.
    NoReferrers,
    /// The referrers API sends pages of this size.
    ReferrersPage(usize),
    /// The referrers API filters nothing.
    NoFilters,
    /// Nothing can be deleted.
    DeleteRefused(u16),
    /// No tag can be deleted alone: that is answered with this status.
    TagDeleteRefused(u16),
    /// A manifest gets no tags beside the name that it is put under.
    NoTagQuery,
    /// A manifest is taken, but whatever it depends on is not looked at.
    NoIfMatch,
    /// A name made of a digest is taken for that digest, as GitLab does.
    TagsAreDigests,
}

/// What an answer about an upload says that the registry has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UploadRange {
    /// Nothing.
    Missing,
    /// The first chunk, for ever, as ECR does.
    First,
    /// The last chunk alone, as Aliyun does.
    Last,
    /// `bytes=0-N`.
    WithUnit,
    /// `0--1` where there is nothing.
    MinusOne,
}

#[derive(Default)]
pub(super) struct Quirks(Mutex<Vec<Quirk>>);

impl Quirks {
    pub(super) fn add(&self, quirk: Quirk) {
        lock(&self.0).push(quirk);
    }

    pub(super) fn clear(&self) {
        lock(&self.0).clear();
    }

    pub(super) fn has(&self, is: impl Fn(&Quirk) -> bool) -> bool {
        self.find(|quirk| is(quirk).then_some(())).is_some()
    }

    /// How much arrives of what this request brings, if not all. Happens once.
    pub(super) fn takes_part(&self, method: &str, sent: usize) -> Option<usize> {
        let mut all = lock(&self.0);
        let part = |quirk: &Quirk| match quirk {
            Quirk::ArrivesInPart(of, length) if *of == method && *length <= sent => Some(*length),
            _ => None,
        };
        let at = all.iter().position(|quirk| part(quirk).is_some())?;
        part(&all.remove(at))
    }

    pub(super) fn find<T>(&self, of: impl Fn(&Quirk) -> Option<T>) -> Option<T> {
        lock(&self.0).iter().find_map(of)
    }

    /// The status that a whole class of requests is answered with.
    pub(super) fn refuses(&self, method: &str, kind: &str) -> Option<u16> {
        self.find(|quirk| match (quirk, method, kind) {
            (Quirk::StateRefused(status), "GET", "uploads")
            | (Quirk::AbortRefused(status), "DELETE", "uploads")
            | (Quirk::HeadRefused(status), "HEAD", "blobs" | "manifests")
            | (Quirk::DeleteRefused(status), "DELETE", "blobs" | "manifests") => Some(*status),
            (Quirk::NoReferrers, "GET", "referrers") => Some(404),
            _ => None,
        })
    }
}
