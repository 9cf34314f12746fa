//! The end of an upload.

use super::begin::exists;
use super::exchange::{check_told, refusal_of_end, request_at, send_to};
use super::recovery::{Refusal, Tries, is_over, may_be_done};
use super::upload_url::UploadUrl;
use super::{BlobWriter, OCTETS, State};
use crate::call::Call;
use crate::error::{Code, Result};
use crate::http::{Method, Payload, Reaches, header};
use crate::names::digest::Digest;

impl BlobWriter {
    /// Ends the upload. A blob that fitted into one chunk goes with it.
    pub(super) fn close(&mut self, digest: &Digest, call: &Call) -> Result<()> {
        if self.sent > 0 {
            self.deliver(call)?;
        }
        let repository = self.repository.clone();
        let mut tries = Tries::new(repository.registry());
        while let State::Open(upload) = &self.state {
            let upload = upload.clone();
            let Err(error) = self.put(&upload, digest, call) else { return Ok(()) };
            let refusal = Refusal::of(&error);
            if refusal == Refusal::TooLarge && self.shrink(self.chunk.len(), &upload) {
                self.begin_again(call)?;
                self.deliver(call)?;
                continue;
            }
            let whole = self.sent == 0 && !self.chunk.is_empty();
            let outcome = match refusal {
                Refusal::Range | Refusal::Forgotten if whole && !tries.begun => {
                    tries.begun = true;
                    Ok(())
                }
                Refusal::Forgotten => Err(tries.forgotten(error.clone())),
                _ => tries.attempts.again(error.clone(), call),
            };
            if outcome.as_ref().is_err_and(is_over) {
                return outcome;
            }
            // Perhaps only the answer was lost, now or the last time.
            if may_be_done(&error) && exists(&repository, digest, Some(self.written), call)? {
                return Ok(());
            }
            outcome?;
            // What has arrived of a blob in one piece cannot be gone on with: the rest would have no range, and some
            // registries put it at the beginning.
            if whole && error.code() != Code::RateLimited {
                self.begin_again(call)?;
            }
            tries.first.get_or_insert(error);
        }
        Ok(())
    }

    fn put(&self, upload: &UploadUrl, digest: &Digest, call: &Call) -> Result<()> {
        let doing = format!("upload a blob to {}", self.repository.shown());
        let mut request = request_at(&self.repository, upload, &doing).header(
            header::CONTENT_TYPE,
            OCTETS,
            Reaches::Origin,
        )?;
        request.method = Method::PUT;
        request.body = Payload::Bytes(&self.chunk);
        request.url.query_pairs_mut().append_pair("digest", &digest.to_string());
        let response = send_to(&self.repository, upload, &request, call)?;
        if !matches!(response.status, 201 | 204) {
            let is_ours = self.hasher.is_some();
            let error = refusal_of_end(&self.repository, response, &doing, is_ours, call);
            return Err(if self.written == 0 && error.code() == Code::Rejected {
                error.hint("some registries refuse empty blobs; use the two bytes {} for a blob without content")
            } else {
                error
            });
        }
        check_told(&response, digest)?;
        response.finish(call)
    }
}
