//! What refers to a manifest: by the referrers API, or by the tag that stands in for it.

use std::collections::{BTreeMap, HashSet};
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::{Value, json};
use url::Url;

use super::Repository;
use super::pages::page_address;
use super::repository::Selector;
use crate::call::Call;
use crate::error::{Code, Error, Phase, Result};
use crate::http::retry::jittered;
use crate::http::{Reaches, Response, header, link};
use crate::image::descriptor::check_digest;
use crate::image::{Descriptor, Manifest, media_type};
use crate::names::digest::Digest;

/// As long is waited at most for others who read a list at the same time and write it later.
const OTHERS: Duration = Duration::from_secs(1);

/// So often a tag is merged again that somebody else changed at the same time.
const MERGES: u32 = 16;

/// Which of the referrers are wanted.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only of this kind.
    pub artifact_type: Option<String>,
    /// Only with these annotations.
    pub annotations: BTreeMap<String, String>,
}

/// How referrers were found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Via {
    /// The registry lists them.
    Api,
    /// Clients list them, under a tag.
    Tag,
}

/// What refers to a manifest, as an OCI index.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Referrers {
    schema_version: u32,
    media_type: &'static str,
    /// The manifests.
    pub manifests: Vec<Descriptor>,
    /// Who said so.
    pub source: Via,
    /// Warnings for the user.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// What an answer of the referrers API was.
enum Page {
    /// Some of the referrers, whether they are filtered already, and where the next ones are.
    Some { manifests: Vec<Descriptor>, filtered: bool, next: Option<Url> },
    /// The registry has no such API.
    NoApi,
}

/// What the tag that stands in for the API names.
enum Standing {
    /// Nothing.
    Absent,
    /// The list.
    Index { document: Value, manifests: Vec<Descriptor>, etag: Option<String> },
    /// Something that is not a list of referrers.
    Other(Error),
}

/// How a list of referrers changes.
pub(super) enum Change<'a> {
    Add(&'a Descriptor),
    Remove(&'a Digest),
}

/// The tag that lists what refers to a manifest where there is no API for it.
pub fn tag_of(subject: &Digest) -> String {
    let algorithm: String = subject.algorithm().name().chars().take(32).collect();
    let encoded: String = subject.hex().chars().take(64).collect();
    format!("{algorithm}-{encoded}")
}

impl Repository {
    /// The manifests whose subject this is.
    pub fn referrers(&self, subject: &Digest, filter: &Filter, call: &Call) -> Result<Referrers> {
        let kind = filter.artifact_type.as_deref();
        let (mut manifests, source) = match self.referrers_by_api(subject, kind, call)? {
            Some(found) => (found, Via::Api),
            None => {
                let listed = match self.standing(subject, call)? {
                    Standing::Index { manifests, .. } => manifests,
                    // What is no valid list says of nothing that it refers to this.
                    Standing::Absent | Standing::Other(_) => Vec::new(),
                };
                (of_kind(listed, kind), Via::Tag)
            }
        };
        manifests.retain(|found| {
            filter.annotations.iter().all(|(key, value)| {
                found.annotations.as_ref().and_then(|all| all.get(key)) == Some(value)
            })
        });
        Ok(Referrers {
            schema_version: 2,
            media_type: media_type::OCI_INDEX,
            manifests,
            source,
            warnings: call.warnings(),
        })
    }

    /// What the registry lists; None where it has no API for that.
    fn referrers_by_api(
        &self,
        subject: &Digest,
        kind: Option<&str>,
        call: &Call,
    ) -> Result<Option<Vec<Descriptor>>> {
        let limits = &self.registry().common().limits;
        let mut url = self.address(&format!("referrers/{subject}"));
        if let Some(kind) = kind {
            url.query_pairs_mut().append_pair("artifactType", kind);
        }
        let (mut all, mut known, mut been) = (Vec::new(), HashSet::new(), HashSet::new());
        loop {
            let first = been.is_empty();
            if been.len() as u64 >= limits.pages || !been.insert(url.clone()) {
                return Err(self.endless(&url));
            }
            let page = self.referrers_page(subject, &url, call)?;
            let (manifests, filtered, next) = match page {
                Page::Some { manifests, filtered, next } => (manifests, filtered, next),
                Page::NoApi if first => return Ok(None),
                Page::NoApi => {
                    let message = format!("cannot list what refers to {subject}");
                    return Err(Error::new(Code::Protocol, message)
                        .cause("the link to the next page leads nowhere")
                        .url(&url));
                }
            };
            let count = manifests.len();
            let manifests = if filtered { manifests } else { of_kind(manifests, kind) };
            let before = known.len();
            all.extend(manifests.into_iter().filter(|found| known.insert(found.digest.clone())));
            if all.len() as u64 > limits.children {
                return Err(too_many(self, limits.children));
            }
            match next {
                // A page of what is known already, and a link to go on and on.
                Some(_) if kind.is_none() && count > 0 && known.len() == before => {
                    return Err(self.endless(&url));
                }
                Some(next) => url = next,
                None => return Ok(Some(all)),
            }
        }
    }

    fn referrers_page(&self, subject: &Digest, url: &Url, call: &Call) -> Result<Page> {
        let doing = format!("list what refers to {subject} in {}", self.shown());
        let registry = self.registry();
        let request = registry.request(url.clone(), &doing).header(
            header::ACCEPT,
            media_type::OCI_INDEX,
            Reaches::Everywhere,
        )?;
        let scopes = self.scopes();
        let mut attempts = registry.attempts(0);
        loop {
            let result = registry.send(&request, &scopes, call).and_then(|response| {
                if response.status == 200 {
                    return self.read_page(response, url, call);
                }
                // Old registries ask for a login at paths that they do not know, and do not say for which.
                let mute = response.status == 401
                    && !response.headers.contains_key(header::WWW_AUTHENTICATE);
                if mute || matches!(response.status, 404 | 405 | 501) {
                    response.finish(call)?;
                    return Ok(Page::NoApi);
                }
                Err(registry.refused(response, &request, &scopes, call))
            });
            match result {
                Err(e) if e.code() == Code::Unsupported => return Ok(Page::NoApi),
                Err(error) => attempts.again(error, call)?,
                done => return done,
            }
        }
    }

    fn read_page(&self, mut response: Response, from: &Url, call: &Call) -> Result<Page> {
        let limits = &self.registry().common().limits;
        let kind = response.header("content-type").map(media_type::essence).unwrap_or_default();
        // Somebody who answers everything, and knows nothing of referrers.
        if !matches!(kind.as_str(), "" | "application/json" | media_type::OCI_INDEX) {
            response.finish(call)?;
            return Ok(Page::NoApi);
        }
        let what = "the list of referrers";
        let bytes = response.body.read_all(limits.manifest, what, "manifest", call)?;
        let index = match Manifest::parse(&bytes, Some(media_type::OCI_INDEX), limits) {
            Ok(Manifest::Index(index)) => index,
            Ok(Manifest::Image(_)) => {
                return Err(self.no_list(Error::new(Code::InvalidManifest, "it is not an index")));
            }
            Err(error) => return Err(self.no_list(error).url(&response.url)),
        };
        let filters = response.headers.get_all("oci-filters-applied").iter();
        let filtered = filters
            .filter_map(|value| value.to_str().ok())
            .flat_map(|line| line.split(','))
            .any(|name| name.trim() == "artifactType");
        let lines: Vec<_> = response
            .headers
            .get_all(header::LINK)
            .iter()
            .map(|value| String::from_utf8_lossy(value.as_bytes()))
            .collect();
        let next = link::target(lines.iter().map(AsRef::as_ref), "next")
            .map(|text| page_address(self.registry(), self.shown(), from, &text))
            .transpose()?;
        Ok(Page::Some { manifests: index.manifests, filtered, next })
    }

    /// Looks at the tag that stands in for the API.
    fn standing(&self, subject: &Digest, call: &Call) -> Result<Standing> {
        let tag = Selector::Tag(tag_of(subject));
        let (answer, etag) = match self.tagged_document(&tag, call) {
            Ok(found) => found,
            Err(error) => {
                return match error.code() {
                    Code::NotFound => Ok(Standing::Absent),
                    Code::InvalidManifest | Code::Unsupported => Ok(Standing::Other(error)),
                    _ => Err(error),
                };
            }
        };
        // A registry that takes such a tag for the digest that it is made of gives the subject itself.
        if Digest::of(subject.algorithm(), &answer.bytes) == *subject {
            return Ok(Standing::Absent);
        }
        match answer.manifest {
            Manifest::Index(index) => {
                let document = serde_json::from_slice(&answer.bytes)
                    .map_err(|e| Error::internal("cannot read an index again").cause(e))?;
                Ok(Standing::Index { document, manifests: index.manifests, etag })
            }
            Manifest::Image(_) => {
                Ok(Standing::Other(Error::new(Code::InvalidManifest, "it is an image manifest")))
            }
        }
    }

    /// Changes the list under the tag that stands in for the API; gives the tag, if it had to be written.
    ///
    /// Others may change it at the same time. What was written is read back, and merged again if it is gone.
    pub(super) fn change_tag(
        &self,
        subject: &Digest,
        change: &Change<'_>,
        call: &Call,
    ) -> Result<Option<String>> {
        let tag = tag_of(subject);
        let slots = &self.registry().common().referrer_tags;
        // The calls of this process take turns.
        let _turn = slots.take(&format!("{}:{tag}", self.shown()), call)?;
        let (mut merged, mut written) = (0, false);
        loop {
            let read = Instant::now();
            let (mut document, manifests, etag) = match self.standing(subject, call)? {
                Standing::Absent => (Value::Null, Vec::new(), None),
                Standing::Index { document, manifests, etag } => (document, manifests, etag),
                Standing::Other(error) => {
                    return Err(error
                        .context(format!(
                            "the tag {tag} of {} should list what refers to {subject}, but is not an index",
                            self.shown()
                        ))
                        .recode(Code::InvalidManifest)
                        .hint("remove the tag if nobody needs it, and try again"));
                }
            };
            let digest = match change {
                Change::Add(added) => &added.digest,
                Change::Remove(digest) => digest,
            };
            let has = manifests.iter().any(|entry| entry.digest == *digest);
            match change {
                Change::Add(_) if has => return Ok(Some(tag)),
                Change::Remove(_) if !has => return Ok(written.then_some(tag)),
                _ => {}
            }
            if !document.is_object() {
                document = json!({
                    "schemaVersion": 2,
                    "mediaType": media_type::OCI_INDEX,
                    "manifests": [],
                });
            }
            let mut entries = match document["manifests"].take() {
                Value::Array(entries) => entries,
                _ => Vec::new(),
            };
            match change {
                Change::Add(added) => entries.push(
                    serde_json::to_value(added)
                        .map_err(|e| Error::internal("cannot write a descriptor").cause(e))?,
                ),
                Change::Remove(digest) => {
                    entries.retain(|entry| entry["digest"] != digest.to_string());
                }
            }
            document["manifests"] = Value::Array(entries);
            let bytes = document.to_string().into_bytes();
            match self.put_tag(&tag, &bytes, etag.as_deref(), call) {
                // Many registries ignore If-Match, and a first list has nothing to match: the next look shows whether somebody
                // else has replaced it meanwhile. Whoever read the list before it was written here needs about as long as
                // this call from there to his own write.
                Ok(()) if merged < MERGES => {
                    merged += 1;
                    written = true;
                    call.sleep(jittered((read.elapsed() * 2).min(OTHERS)))?;
                }
                Ok(()) => return Ok(Some(tag)),
                Err(error) if error.code() == Code::Conflict && merged < MERGES => {
                    merged += 1;
                    call.sleep(Duration::from_millis(u64::from(merged) * 20))?;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Whether the registry lists referrers by itself.
    pub(super) fn lists_referrers(&self, subject: &Digest, call: &Call) -> Result<bool> {
        let url = self.address(&format!("referrers/{subject}"));
        Ok(matches!(self.referrers_page(subject, &url, call)?, Page::Some { .. }))
    }

    fn no_list(&self, error: Error) -> Error {
        error
            .context(format!("{} sent a list of referrers that cannot be used", self.shown()))
            .phase(Phase::Verify)
    }

    fn endless(&self, url: &Url) -> Error {
        Error::new(Code::Limit, format!("{} has a list of referrers without an end", self.shown()))
            .url(url)
            .hint("raise pages in the option limits, or report this to the registry's operator")
    }
}

fn of_kind(mut all: Vec<Descriptor>, kind: Option<&str>) -> Vec<Descriptor> {
    if let Some(kind) = kind {
        all.retain(|found| found.artifact_type.as_deref() == Some(kind));
    }
    all
}

fn too_many(repository: &Repository, most: u64) -> Error {
    Error::new(Code::Limit, format!("{} lists more than {most} referrers", repository.shown()))
        .hint("raise children in the option limits, if you trust this registry")
}

/// Whether the digest that a registry names is one of these bytes, whatever its algorithm.
pub(super) fn check_content_digest(response: &Response, bytes: &[u8]) -> Result<()> {
    let told =
        response.header("docker-content-digest").and_then(|text| text.parse::<Digest>().ok());
    let Some(told) = told else { return Ok(()) };
    let own = Digest::of(told.algorithm(), bytes);
    check_digest(&own, told).map_err(|e| e.url(&response.url))
}
