//! What a failed part of an upload means for the rest of it.

use crate::error::{Code, Error, Phase};
use crate::http::retry::Attempts;
use crate::v2::Registry;

/// Why a chunk was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The registry counts otherwise than we do, or the chunk is too large for it: both are answered alike.
    Range,
    /// The chunk is too large for the registry, or for what stands before it.
    TooLarge,
    /// The registry does not know the upload (any more).
    Forgotten,
    /// Anything else: it passes, or it does not.
    Other,
}

impl Refusal {
    pub(super) fn of(error: &Error) -> Self {
        let details = error.details();
        let told = |code: &str| details.errors.iter().any(|e| e.code == code);
        match details.http_status {
            // What the token server says is not about the upload.
            _ if details.phase == Some(Phase::Token) => Self::Other,
            Some(413) => Self::TooLarge,
            Some(416) => Self::Range,
            Some(404 | 410) => Self::Forgotten,
            Some(400..=499) if told("RANGE_INVALID") => Self::Range,
            Some(400..=499) if told("BLOB_UPLOAD_UNKNOWN") => Self::Forgotten,
            _ => Self::Other,
        }
    }
}

/// What has been tried for one part of an upload.
pub(super) struct Tries<'a> {
    pub(super) attempts: Attempts<'a>,
    /// The first failure that was expected to pass: it says what went wrong when the upload is lost afterwards.
    pub(super) first: Option<Error>,
    /// A refused range was looked into already.
    pub(super) counted: bool,
    /// An upload that the registry had forgotten was begun again already.
    pub(super) begun: bool,
}

impl<'a> Tries<'a> {
    pub(super) fn new(registry: &'a Registry) -> Self {
        Self { attempts: registry.attempts(0), first: None, counted: false, begun: false }
    }

    /// What the caller learns when the registry has forgotten the upload: what went wrong before, if anything did.
    pub(super) fn forgotten(&self, error: Error) -> Error {
        match &self.first {
            Some(first) => first.clone().cause(&error),
            None => error
                .with(|d| d.what = Some("upload"))
                .hint("the registry no longer knows the upload; upload the blob again"),
        }
    }
}

/// Whether the call itself is over.
pub(in crate::v2) fn is_over(error: &Error) -> bool {
    matches!(error.code(), Code::Cancelled | Code::Deadline)
}

/// Whether somebody has answered, and said no.
pub(in crate::v2) fn is_answer(error: &Error) -> bool {
    matches!(
        error.code(),
        Code::Unauthorized
            | Code::Denied
            | Code::NotFound
            | Code::Server
            | Code::Rejected
            | Code::Conflict
            | Code::Unsupported
    )
}

/// Whether the request that failed may have had its effect. Who refuses clearly has done nothing.
pub(super) fn may_be_done(error: &Error) -> bool {
    matches!(
        error.code(),
        Code::Disconnected | Code::Timeout | Code::Server | Code::Protocol | Code::NotFound
    )
}

/// What came of sending a blob in one request so far.
#[derive(Debug, Default)]
pub(super) struct Streaming {
    /// The registry wants chunks.
    pub(super) refused: bool,
    pub(super) failures: u32,
    /// The farthest that the registry has come to before a failure.
    pub(super) failed_at: u64,
    /// A refused range was looked into already.
    pub(super) counted: bool,
    /// An upload that the registry had forgotten was begun again already.
    pub(super) begun: bool,
    pub(super) retries: u32,
}
