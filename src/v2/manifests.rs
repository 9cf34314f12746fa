//! Manifests on their way into a registry, and out of it.

use serde::{Deserialize, Serialize};

use super::Repository;
use super::referrers::{Change, check_content_digest};
use super::repository::{ManifestOptions, Selector};
use crate::call::Call;
use crate::error::{Code, Error, Phase, Result};
use crate::http::{Method, Payload, Reaches, Response, header};
use crate::image::descriptor::{annotations, check_digest};
use crate::image::manifest::Fetched;
use crate::image::{Descriptor, media_type};
use crate::log::{Level, Record};
use crate::names::digest::{Algorithm, Digest};
use std::collections::BTreeMap;

/// How a manifest is put.
#[derive(Debug, Clone, Default)]
pub struct PutOptions {
    /// More tags that name it.
    pub tags: Vec<String>,
    /// The digest or ETag that the tag must have now.
    pub if_match: Option<String>,
}

/// A manifest that was put.
#[derive(Debug, Clone, Serialize)]
pub struct Put {
    /// What it is.
    #[serde(flatten)]
    pub descriptor: Descriptor,
    /// What it refers to, where the registry has taken note of that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<Digest>,
    /// The tag that lists it, where the registry has not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject_tag: Option<String>,
    /// Warnings for the user.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// What matters here of any manifest, of whatever type it is.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Outline {
    media_type: Option<String>,
    subject: Option<Subject>,
    artifact_type: Option<String>,
    config: Option<Kind>,
    #[serde(deserialize_with = "annotations")]
    annotations: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Deserialize)]
struct Subject {
    digest: Digest,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Kind {
    media_type: Option<String>,
}

impl Outline {
    /// The outline of a manifest. What is no JSON object has none, unless it is of a type that is one.
    fn of(bytes: &[u8], kind: &str) -> Result<Self> {
        match serde_json::from_slice(bytes) {
            Ok(outline) => Ok(outline),
            Err(error) if media_type::is_manifest(kind) => {
                Err(Error::new(Code::InvalidManifest, "the manifest cannot be used").cause(error))
            }
            Err(_) => Ok(Self::default()),
        }
    }

    /// What a list of referrers says of it: what it is for, and all of its annotations.
    fn as_referrer(&self, descriptor: &Descriptor) -> Descriptor {
        let own = self.artifact_type.clone().filter(|kind| !kind.is_empty());
        let config = self.config.as_ref().and_then(|config| config.media_type.clone());
        Descriptor {
            artifact_type: own.or(config).filter(|kind| !kind.is_empty()),
            annotations: self.annotations.clone().filter(|all| !all.is_empty()),
            ..descriptor.clone()
        }
    }
}

impl Repository {
    /// Puts a manifest under a tag or its digest, and under more tags, and makes it findable by its subject.
    ///
    /// Everything that it lists must be there.
    pub fn put_manifest(
        &self,
        selector: Option<&Selector>,
        kind: Option<&str>,
        bytes: &[u8],
        options: &PutOptions,
        call: &Call,
    ) -> Result<Put> {
        let outline = Outline::of(bytes, kind.unwrap_or_default())?;
        let kind = type_of(&outline, kind)?;
        let digest = match selector {
            Some(Selector::Digest(digest)) => {
                check_digest(digest, Digest::of(digest.algorithm(), bytes))?;
                digest.clone()
            }
            _ => Digest::of(Algorithm::Sha256, bytes),
        };
        let descriptor = Descriptor::new(kind, digest, bytes.len() as u64);
        let own = match selector {
            Some(Selector::Tag(tag)) => Some(tag.as_str()),
            _ => None,
        };
        let tags: Vec<&str> =
            own.into_iter().chain(options.tags.iter().map(String::as_str)).collect();
        let (tags, putting) =
            (each_once(&tags), Putting { repository: self, descriptor: &descriptor, bytes, call });
        let noted = match (&options.if_match, own) {
            (None, _) => putting.all(&tags)?,
            (Some(expected), Some(tag)) => {
                let noted = putting.one(tag, &[], Some(expected))?.noted;
                putting.each(tags.iter().filter(|other| **other != tag).copied(), noted)?
            }
            (Some(_), None) => {
                return Err(Error::argument("if_match", "if_match needs a tag to compare with")
                    .hint("pass the tag as tag_or_digest"));
            }
        };
        self.find_by_subject(&outline, descriptor, &noted, call)
    }

    /// The same for one whose descriptor is known: under its digest, if there are no tags.
    pub fn put_described(
        &self,
        descriptor: &Descriptor,
        tags: &[&str],
        bytes: &[u8],
        call: &Call,
    ) -> Result<Put> {
        let outline = Outline::of(bytes, &descriptor.media_type)?;
        let noted = Putting { repository: self, descriptor, bytes, call }.all(&each_once(tags))?;
        self.find_by_subject(&outline, descriptor.clone(), &noted, call)
    }

    /// Makes a manifest findable by its subject where the registry has not taken note of that.
    fn find_by_subject(
        &self,
        outline: &Outline,
        descriptor: Descriptor,
        noted: &[Digest],
        call: &Call,
    ) -> Result<Put> {
        let subject = outline.subject.as_ref().map(|subject| subject.digest.clone());
        let mut put = Put { descriptor, subject: None, subject_tag: None, warnings: Vec::new() };
        match subject {
            Some(subject) if noted.contains(&subject) => put.subject = Some(subject),
            Some(subject) => {
                let entry = outline.as_referrer(&put.descriptor);
                put.subject_tag = self.change_tag(&subject, &Change::Add(&entry), call)?;
            }
            None => {}
        }
        put.warnings = call.warnings();
        Ok(put)
    }

    /// Makes a manifest that is there findable by its subject, if it has one and the registry does not do that.
    pub fn list_referrer(&self, referrer: &Descriptor, call: &Call) -> Result<()> {
        let found = self.document(
            &Selector::Digest(referrer.digest.clone()),
            &ManifestOptions { accept: vec![referrer.media_type.clone()], ..Default::default() },
            call,
        )?;
        let outline = Outline::of(&found.bytes, &found.descriptor.media_type)?;
        let Some(subject) = &outline.subject else { return Ok(()) };
        if self.lists_referrers(&subject.digest, call)? {
            return Ok(());
        }
        let entry = outline.as_referrer(&found.descriptor);
        self.change_tag(&subject.digest, &Change::Add(&entry), call).map(drop)
    }

    /// Deletes a tag, or a manifest with all tags that name it. A tag is deleted alone, or not at all.
    pub fn delete_manifest(&self, selector: &Selector, call: &Call) -> Result<()> {
        let subject = match selector {
            Selector::Tag(_) => None,
            Selector::Digest(_) => self.subject_to_tidy(selector, call)?,
        };
        let doing = format!("delete {selector} of {}", self.shown());
        let of_tag = matches!(selector, Selector::Tag(_));
        self.delete(&format!("manifests/{selector}"), &doing, of_tag, call)
            .map_err(|error| self.named(error))?;
        if let (Some(subject), Selector::Digest(digest)) = (subject, selector) {
            let tidied = self.change_tag(&subject, &Change::Remove(digest), call);
            if let Err(error) = tidied {
                // It is gone all the same, and whoever reads the list finds that out.
                let message = format!(
                    "{digest} was deleted, but is still listed among what refers to {subject}"
                );
                call.warn("delete", message, |record| record.error(&error));
            }
        }
        Ok(())
    }

    /// Deletes a blob.
    pub fn delete_blob(&self, digest: &Digest, call: &Call) -> Result<()> {
        let doing = format!("delete the blob {digest} of {}", self.shown());
        self.delete(&format!("blobs/{digest}"), &doing, false, call).map_err(|error| {
            error.with(|d| {
                if d.http_status == Some(404) && d.phase != Some(Phase::Token) {
                    d.what = Some("blob");
                }
            })
        })
    }

    fn delete(&self, path: &str, doing: &str, of_tag: bool, call: &Call) -> Result<()> {
        let registry = self.registry();
        let mut request = registry.request(self.address(path), doing);
        request.method = Method::DELETE;
        let scopes = self.scopes();
        let mut attempts = registry.attempts(0);
        loop {
            let failures = attempts.failures();
            let gone = |status| matches!(status, 200 | 202 | 204);
            let error = match registry.attempt(&request, &scopes, gone, call) {
                Ok(response) => return response.finish(call),
                Err(error) => error,
            };
            // The answer to an earlier attempt was lost, but not its effect.
            if failures > 0 && error.details().http_status == Some(404) {
                return Ok(());
            }
            attempts.again(disabled(error, of_tag), call)?;
        }
    }

    /// The subject of a manifest that is about to be deleted, if clients have to keep the list of what refers to it.
    fn subject_to_tidy(&self, selector: &Selector, call: &Call) -> Result<Option<Digest>> {
        let found = match self.manifest(selector, &ManifestOptions::default(), call) {
            Ok(Fetched { manifest, .. }) => {
                manifest.subject().map(|subject| subject.digest.clone())
            }
            Err(error) if matches!(error.code(), Code::Cancelled | Code::Deadline) => {
                return Err(error);
            }
            // What cannot be read may be deleted all the same; whether it is there says the registry.
            Err(_) => None,
        };
        match found {
            Some(subject) if !self.lists_referrers(&subject, call)? => Ok(Some(subject)),
            _ => Ok(None),
        }
    }

    /// Writes a list of referrers.
    pub(super) fn put_tag(
        &self,
        tag: &str,
        bytes: &[u8],
        etag: Option<&str>,
        call: &Call,
    ) -> Result<()> {
        let digest = Digest::of(Algorithm::Sha256, bytes);
        let descriptor = Descriptor::new(media_type::OCI_INDEX, digest, bytes.len() as u64);
        let putting = Putting { repository: self, descriptor: &descriptor, bytes, call };
        putting.one(tag, &[], etag).map(drop)
    }
}

/// A manifest that is being written.
struct Putting<'a> {
    repository: &'a Repository,
    descriptor: &'a Descriptor,
    bytes: &'a [u8],
    call: &'a Call,
}

/// What a registry said to a manifest.
#[derive(Default)]
struct Answer {
    /// The subjects that it has taken note of.
    noted: Vec<Digest>,
    /// The tags that it has set at once.
    tagged: Vec<String>,
}

impl Putting<'_> {
    /// Under its digest and all of these tags: at once where the registry can do that.
    fn all(&self, tags: &[&str]) -> Result<Vec<Digest>> {
        let digest = self.descriptor.digest.to_string();
        // By a tag alone the registry would choose the algorithm itself.
        let usual = self.descriptor.digest.algorithm() == Algorithm::Sha256;
        match tags {
            [] => return Ok(self.one(&digest, &[], None)?.noted),
            [tag] if usual => return Ok(self.one(tag, &[], None)?.noted),
            _ => {}
        }
        let Answer { noted, tagged } = match self.one(&digest, tags, None) {
            // Perhaps it did not like the query.
            Err(error) if matches!(error.code(), Code::Rejected | Code::Unsupported) => {
                Answer::default()
            }
            answer => answer?,
        };
        let left = tags.iter().filter(|tag| !tagged.iter().any(|done| done == *tag)).copied();
        self.each(left, noted)
    }

    fn each<'t>(
        &self,
        tags: impl Iterator<Item = &'t str>,
        mut noted: Vec<Digest>,
    ) -> Result<Vec<Digest>> {
        for tag in tags {
            noted.extend(self.one(tag, &[], None)?.noted);
        }
        Ok(noted)
    }

    /// Under one name, and these additional tags.
    fn one(&self, name: &str, tags: &[&str], if_match: Option<&str>) -> Result<Answer> {
        let Self { repository, descriptor, bytes, call } = *self;
        let doing = format!("put the manifest {name} of {}", repository.shown());
        let registry = repository.registry();
        let mut url = repository.address(&format!("manifests/{name}"));
        for tag in tags {
            url.query_pairs_mut().append_pair("tag", tag);
        }
        let mut request = registry.request(url, &doing).header(
            header::CONTENT_TYPE,
            &descriptor.media_type,
            Reaches::Origin,
        )?;
        if let Some(expected) = if_match {
            request = request.header(header::IF_MATCH, &entity_tag(expected), Reaches::Origin)?;
        }
        request.method = Method::PUT;
        request.body = Payload::Bytes(bytes);
        let scopes = repository.scopes();
        let mut attempts = registry.attempts(0);
        loop {
            let failures = attempts.failures();
            let taken = |status| matches!(status, 200..=299);
            let error = match registry.attempt(&request, &scopes, taken, call) {
                Ok(response) => return self.taken(response, &doing),
                Err(error) => error,
            };
            let changed = error.details().http_status == Some(412);
            // The answer to an earlier attempt was lost, but not its effect.
            if changed && failures > 0 && self.is_named(name)? {
                return Ok(Answer::default());
            }
            // Nothing else of the request could fail so.
            let error = if changed { error.recode(Code::Conflict) } else { error };
            attempts.again(self.explained(repository.named(error)), call)?;
        }
    }

    /// What a user can do about a refusal that says little.
    fn explained(&self, error: Error) -> Error {
        let refused = matches!(error.code(), Code::Rejected | Code::Unsupported);
        let outline = Outline::of(self.bytes, "").unwrap_or_default();
        if refused && outline.media_type.is_none() {
            error.hint("the manifest has no key mediaType, which some registries require; build the image again with it (its digest changes)")
        } else {
            error
        }
    }

    /// Whether the tag names this manifest.
    fn is_named(&self, tag: &str) -> Result<bool> {
        let options = ManifestOptions {
            accept: vec![self.descriptor.media_type.clone()],
            ..Default::default()
        };
        let selector = Selector::Tag(tag.to_owned());
        let found = self.repository.head_manifest(&selector, &options, self.call)?;
        Ok(found.digest == self.descriptor.digest)
    }

    fn taken(&self, response: Response, doing: &str) -> Result<Answer> {
        check_content_digest(&response, self.bytes)?;
        // Some web servers say 200 to everything.
        if response.status != 201 && response.header("docker-content-digest").is_none() {
            return Err(Error::new(Code::Protocol, format!("cannot {doing}"))
                .cause(format!("the response {} does not say that it was stored", response.status))
                .url(&response.url)
                .with(|d| d.http_status = Some(response.status))
                .hint("check that the address is that of a registry"));
        }
        let values = |name: &str| -> Vec<String> {
            let lines = response.headers.get_all(name).iter();
            let lines = lines.filter_map(|value| value.to_str().ok());
            lines.flat_map(|line| line.split(',')).map(|value| value.trim().to_owned()).collect()
        };
        let noted = values("oci-subject").iter().filter_map(|text| text.parse().ok()).collect();
        let tagged = values("oci-tag");
        self.call.log(Level::Debug, "manifest", || {
            Record::new(format!("{} has {}", self.repository.shown(), self.descriptor.digest))
        });
        response.finish(self.call)?;
        Ok(Answer { noted, tagged })
    }
}

fn each_once<'a>(tags: &[&'a str]) -> Vec<&'a str> {
    let mut once: Vec<&str> = Vec::new();
    for tag in tags {
        if !once.contains(tag) {
            once.push(tag);
        }
    }
    once
}

/// What a manifest is: what the caller says, which must be what it says itself.
fn type_of(outline: &Outline, kind: Option<&str>) -> Result<String> {
    let own = outline.media_type.as_deref().filter(|own| !own.is_empty());
    let kind = match (kind.map(media_type::essence).filter(|kind| !kind.is_empty()), own) {
        (Some(kind), Some(own)) if media_type::essence(own) != kind => {
            return Err(Error::argument(
                "media_type",
                format!("media_type is {kind}, but the manifest says that it is {own}"),
            )
            .hint("pass the manifest's own mediaType, or NULL"));
        }
        (Some(kind), _) => kind,
        (None, Some(own)) => media_type::essence(own),
        (None, None) => {
            return Err(Error::argument(
                "media_type",
                "media_type is required for a manifest without the key mediaType",
            ));
        }
    };
    if media_type::is_schema1(&kind) {
        return Err(crate::image::manifest::schema1());
    }
    Ok(kind)
}

/// An entity tag of what the caller gave: one as it is, or a digest.
fn entity_tag(text: &str) -> String {
    let is_one = text == "*" || text.starts_with('"') || text.starts_with("W/\"");
    if is_one { text.to_owned() } else { format!("\"{text}\"") }
}

/// A refusal to delete which means that the registry cannot do it.
fn disabled(error: Error, of_tag: bool) -> Error {
    let details = error.details();
    let says_why = details.errors.iter().any(|e| !e.code.is_empty());
    let of_token = details.phase == Some(Phase::Token);
    if details.http_status != Some(400) || of_token || (!of_tag && says_why) {
        return error;
    }
    let hint = if of_tag {
        "the registry cannot delete a tag alone; delete the manifest by its digest to remove it with all of its tags"
    } else {
        "the registry's operator has disabled deleting"
    };
    error.recode(Code::Unsupported).hint(hint)
}
