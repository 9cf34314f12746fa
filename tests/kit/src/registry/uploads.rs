//! Uploads: blobs that come whole, in chunks, or from another repository.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use super::quirk::UploadRange;
use super::{Quirk, Store, error};
use crate::digest;
use crate::server::{Cut, Reply, Request, lock};

/// One upload that has begun.
#[derive(Default)]
struct Upload {
    bytes: Vec<u8>,
    /// The length of the first chunk, and of the last.
    first: usize,
    last: usize,
}

#[derive(Default)]
pub(super) struct Uploads {
    all: Mutex<HashMap<(String, String), Upload>>,
    begun: AtomicU64,
}

impl Uploads {
    pub(super) fn forget(&self) {
        lock(&self.all).clear();
    }

    pub(super) fn count(&self) -> usize {
        lock(&self.all).len()
    }
}

/// `FIRST-LAST` of a chunk; None where that is no range.
fn range_of(request: &Request) -> Option<Option<(usize, usize)>> {
    let Some(text) = request.header("content-range") else { return Some(None) };
    let text = text.strip_prefix("bytes ").unwrap_or(text);
    let (first, last) = text.split('/').next()?.split_once('-')?;
    Some(Some((first.parse().ok()?, last.parse().ok()?)))
}

impl Store {
    pub(super) fn start_upload(&self, request: &Request, name: &str) -> Reply {
        if let Some(digest) = request.query("mount").first() {
            let from = request.query("from");
            let refused = self.quirks.find(|quirk| match quirk {
                Quirk::MountWantsFrom(status) if from.is_empty() => Some(*status),
                _ => None,
            });
            if let Some(status) = refused {
                return error(status, "BLOB_UPLOAD_INVALID", "from is required");
            }
            let mut repositories = lock(&self.repositories);
            let found = repositories
                .iter()
                .filter(|(name, _)| from.is_empty() || from.contains(name))
                .find_map(|(_, repo)| repo.blobs.get(digest).cloned());
            if let Some(body) = found {
                repositories.entry(name.to_owned()).or_default().blobs.insert(digest.clone(), body);
                return created(name, digest);
            }
        }
        if let Some(digest) = request.query("digest").first() {
            return self.finish_upload(name, digest, request.body.clone());
        }
        let id = (self.uploads.begun.fetch_add(1, Ordering::SeqCst) + 1).to_string();
        let upload = Upload::default();
        let reply = self.state(request, 202, name, &id, &upload);
        lock(&self.uploads.all).insert((name.to_owned(), id), upload);
        reply
    }

    pub(super) fn upload(&self, request: &Request, method: &str, name: &str, id: &str) -> Reply {
        let mut uploads = lock(&self.uploads.all);
        let key = (name.to_owned(), id.to_owned());
        let known = |upload: &&mut Upload| match self.query(id, upload) {
            Some(query) => request.query("_state") == [query],
            None => true,
        };
        let Some(upload) = uploads.get_mut(&key).filter(known) else {
            return error(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry");
        };
        if !request.body.is_empty()
            && let Some(length) = self.quirks.takes_part(method, request.body.len())
        {
            upload.bytes.extend_from_slice(&request.body[..length]);
            let mut reply = Reply::empty(202);
            reply.cut_head = Some((0, Cut::Rst));
            return reply;
        }
        match method {
            "PATCH" => self.patch(request, name, id, upload),
            "GET" | "HEAD" => self.state(request, 204, name, id, upload),
            "DELETE" => {
                uploads.remove(&key);
                Reply::empty(204)
            }
            "PUT" => {
                let Some(digest) = request.query("digest").first().cloned() else {
                    return error(400, "DIGEST_INVALID", "digest missing");
                };
                if let Some(refusal) = self.append(request, name, id, upload) {
                    return refusal;
                }
                let upload = uploads.remove(&key).unwrap_or_default();
                self.finish_upload(name, &digest, upload.bytes)
            }
            _ => error(405, "UNSUPPORTED", "the operation is unsupported"),
        }
    }

    fn patch(&self, request: &Request, name: &str, id: &str, upload: &mut Upload) -> Reply {
        let refused = self.quirks.find(|quirk| match quirk {
            Quirk::LargestChunk(most, status) if request.body.len() > *most => Some(*status),
            Quirk::EmptyPatchRefused if request.body.is_empty() => Some(416),
            _ => None,
        });
        if let Some(status) = refused {
            return self.out_of_range(request, status, name, id, upload);
        }
        if let Some(refusal) = self.append(request, name, id, upload) {
            return refusal;
        }
        let status = self.quirks.find(|quirk| match quirk {
            Quirk::PatchAnswer(status) => Some(*status),
            _ => None,
        });
        self.state(request, status.unwrap_or(202), name, id, upload)
    }

    /// Takes the bytes that a request brings, unless they belong elsewhere.
    fn append(
        &self,
        request: &Request,
        name: &str,
        id: &str,
        upload: &mut Upload,
    ) -> Option<Reply> {
        let Some(range) = range_of(request) else {
            return Some(error(400, "RANGE_INVALID", "the range cannot be read"));
        };
        let length = request.body.len();
        if let Some((first, last)) = range
            && (first != upload.bytes.len() || last + 1 != first + length)
        {
            return Some(self.out_of_range(request, 416, name, id, upload));
        }
        let from_start = self.quirks.has(|quirk| *quirk == Quirk::PutFromStart);
        if from_start && range.is_none() && request.method == "PUT" && length > 0 {
            let rest = upload.bytes.split_off(length.min(upload.bytes.len()));
            upload.bytes = [request.body.clone(), rest].concat();
            return None;
        }
        if upload.bytes.is_empty() {
            upload.first = length;
        }
        upload.last = length;
        upload.bytes.extend_from_slice(&request.body);
        None
    }

    fn finish_upload(&self, name: &str, digest: &str, bytes: Vec<u8>) -> Reply {
        let refused = self.quirks.find(|quirk| match quirk {
            Quirk::EmptyBlobRefused(status) if bytes.is_empty() => Some(*status),
            _ => None,
        });
        if let Some(status) = refused {
            return error(status, "BLOB_UPLOAD_INVALID", "the blob is empty");
        }
        if !digest::is_of(digest, &bytes) {
            return error(400, "DIGEST_INVALID", "provided digest did not match uploaded content");
        }
        let mut repositories = lock(&self.repositories);
        let repo = repositories.entry(name.to_owned()).or_default();
        repo.blobs.insert(digest.to_owned(), bytes.into());
        created(name, digest)
    }

    /// What the query of an upload's place holds; it has to come back as it was.
    fn query(&self, id: &str, upload: &Upload) -> Option<String> {
        self.quirks.find(|quirk| match quirk {
            Quirk::LocationQuery => Some(format!("{id}-_~.=")),
            Quirk::LocationMoves => Some(format!("{id}-{}", upload.bytes.len())),
            _ => None,
        })
    }

    fn out_of_range(
        &self,
        request: &Request,
        status: u16,
        name: &str,
        id: &str,
        upload: &Upload,
    ) -> Reply {
        let mut reply = error(status, "RANGE_INVALID", "invalid content range");
        reply.headers.extend(self.state(request, status, name, id, upload).headers);
        reply
    }

    /// Where an upload goes on, and what there is of it.
    fn state(
        &self,
        request: &Request,
        status: u16,
        name: &str,
        id: &str,
        upload: &Upload,
    ) -> Reply {
        let mut location = format!("/v2/{name}/blobs/uploads/{id}");
        if let Some(query) = self.query(id, upload) {
            location += &format!("?_state={query}");
        }
        if self.quirks.has(|quirk| *quirk == Quirk::AbsoluteLocation) {
            let host = request.header("host").unwrap_or_default();
            location = format!("http://{host}{location}");
        }
        let told = self.quirks.find(|quirk| match quirk {
            Quirk::UploadRange(told) => Some(*told),
            _ => None,
        });
        let plain = |length: usize| format!("0-{}", length.saturating_sub(1));
        let range = match told {
            Some(UploadRange::Missing) => None,
            Some(UploadRange::First) => Some(plain(upload.first)),
            Some(UploadRange::Last) => Some(plain(upload.last)),
            Some(UploadRange::WithUnit) => Some(format!("bytes={}", plain(upload.bytes.len()))),
            Some(UploadRange::MinusOne) if upload.bytes.is_empty() => Some("0--1".to_owned()),
            Some(UploadRange::MinusOne) | None => Some(plain(upload.bytes.len())),
        };
        let reply = Reply::empty(status).with("Location", &location).with("Docker-Upload-UUID", id);
        match range {
            Some(range) => reply.with("Range", &range),
            None => reply,
        }
    }
}

fn created(name: &str, digest: &str) -> Reply {
    Reply::empty(201)
        .with("Location", &format!("/v2/{name}/blobs/{digest}"))
        .with("Docker-Content-Digest", digest)
}
