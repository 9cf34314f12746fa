//! The referrers API: the manifests of a repository that have another one as their subject.

use serde_json::{Value, json};

use super::{Quirk, Store};
use crate::server::{Reply, Request, lock};

const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// The digest of what a manifest refers to.
pub(super) fn subject_of(manifest: &[u8]) -> Option<String> {
    let manifest: Value = serde_json::from_slice(manifest).ok()?;
    Some(manifest["subject"]["digest"].as_str()?.to_owned())
}

fn descriptor(digest: &str, media_type: &str, bytes: &[u8]) -> Value {
    let manifest: Value = serde_json::from_slice(bytes).unwrap_or_default();
    let mut descriptor = json!({"mediaType": media_type, "digest": digest, "size": bytes.len()});
    let own = manifest["artifactType"].as_str().filter(|kind| !kind.is_empty());
    if let Some(kind) = own.or(manifest["config"]["mediaType"].as_str()) {
        descriptor["artifactType"] = json!(kind);
    }
    if let Some(annotations) = manifest.get("annotations").filter(|a| a.is_object()) {
        descriptor["annotations"] = annotations.clone();
    }
    descriptor
}

impl Store {
    /// Nobody refers to what is not there: that is an empty list.
    pub(super) fn referrers(&self, request: &Request, name: &str, subject: &str) -> Reply {
        let mut all: Vec<Value> = match lock(&self.repositories).get(name) {
            None => Vec::new(),
            Some(repo) => repo
                .manifests
                .iter()
                .filter(|(_, (_, bytes))| subject_of(bytes).as_deref() == Some(subject))
                .map(|(digest, (media_type, bytes))| descriptor(digest, media_type, bytes))
                .collect(),
        };
        let kind = request.query("artifactType").first().cloned();
        let kind = kind.filter(|_| !self.quirks.has(|quirk| *quirk == Quirk::NoFilters));
        if let Some(kind) = &kind {
            all.retain(|descriptor| descriptor["artifactType"] == kind.as_str());
        }
        if let Some(last) = request.query("last").first() {
            all.retain(|descriptor| descriptor["digest"].as_str() > Some(last));
        }
        let most = self.quirks.find(|quirk| match quirk {
            Quirk::ReferrersPage(size) => Some(*size),
            _ => None,
        });
        let mut link = None;
        if let Some(most) = most
            && most < all.len()
        {
            all.truncate(most);
            let last = all.last().and_then(|d| d["digest"].as_str()).unwrap_or_default();
            let filter = kind.as_ref().map(|k| k.replace('+', "%2B"));
            let filter = filter.map(|k| format!("&artifactType={k}")).unwrap_or_default();
            link = Some(format!("<{}?last={last}{filter}>; rel=\"next\"", request.path()));
        }
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": all});
        let mut reply = Reply::json(200, &index);
        reply.set("Content-Type", INDEX);
        if kind.is_some() {
            reply.set("OCI-Filters-Applied", "artifactType");
        }
        if let Some(link) = link {
            reply.set("Link", &link);
        }
        reply
    }
}
