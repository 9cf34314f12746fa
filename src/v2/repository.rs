//! One repository of a registry: its manifests and its tags.

use std::time::{Duration, Instant};

use url::Url;

use super::Registry;
use super::pages::{List, Listing, PageOptions};
use crate::auth::Authorization;
use crate::call::Call;
use crate::error::{Code, Error, Phase, Result};
use crate::http::{Method, Reaches, Response, expiry, header};
use crate::image::descriptor::{check_digest, check_size};
use crate::image::manifest::Fetched;
use crate::image::manifest::{self, Manifest};
use crate::image::{Descriptor, Platform, media_type};
use crate::names::digest::{Algorithm, Digest};
use crate::names::reference::{check_tag, is_tag};

/// A repository at one endpoint.
#[derive(Debug, Clone)]
pub struct Repository {
    registry: Registry,
    name: String,
    /// What messages call it.
    shown: String,
    actions: String,
}

/// Where a request was led to.
#[derive(Debug)]
pub(crate) struct Led {
    pub(crate) url: Url,
    /// To somebody else, who is asked without credentials.
    pub(crate) crossed: bool,
    /// How long the address is good, if it tells.
    pub(crate) lifetime: Option<Duration>,
}

/// Which manifest: by name or by content.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Selector {
    Tag(String),
    Digest(Digest),
}

impl std::fmt::Display for Selector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tag(tag) => write!(f, "{tag}"),
            Self::Digest(digest) => write!(f, "{digest}"),
        }
    }
}

impl std::str::FromStr for Selector {
    type Err = Error;

    /// A digest holds a colon, and a tag cannot.
    fn from_str(text: &str) -> Result<Self> {
        if text.contains(':') {
            return Ok(Self::Digest(text.parse()?));
        }
        check_tag(text)?;
        Ok(Self::Tag(text.to_owned()))
    }
}

/// An answer with a manifest: verified, but not read.
pub(super) struct Answer {
    pub(super) digest: Digest,
    pub(super) content_type: Option<String>,
    /// What a change of it may be made to depend on.
    pub(super) etag: Option<String>,
    pub(super) bytes: Vec<u8>,
}

/// How a manifest is asked for.
#[derive(Debug, Clone, Default)]
pub struct ManifestOptions {
    /// Of an index, this platform's image is given.
    pub platform: Option<Platform>,
    /// Media types to accept; empty is all that are known.
    pub accept: Vec<String>,
    /// A limit below that of the service, in bytes.
    pub max_size: Option<u64>,
}

impl Repository {
    /// `name` is the repository's path at that registry; `actions` such as "pull" or "pull,push".
    pub fn new(registry: Registry, name: String, actions: &str) -> Self {
        let host = registry.base().host_str().unwrap_or_default();
        let shown = match registry.base().port() {
            Some(port) => format!("{host}:{port}/{name}"),
            None => format!("{host}/{name}"),
        };
        Self { registry, name, shown, actions: actions.to_owned() }
    }

    /// The same with other rights.
    #[must_use]
    pub fn with_actions(&self, actions: &str) -> Self {
        Self { actions: actions.to_owned(), ..self.clone() }
    }

    /// The registry that it is of.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The path.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Host and path, for messages.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// `<base>/v2/<name>/<rest>`.
    pub(crate) fn address(&self, rest: &str) -> Url {
        self.registry.address(&format!("{}/{rest}", self.name))
    }

    pub(super) fn scopes(&self) -> Vec<String> {
        vec![format!("repository:{}:{}", self.name, self.actions)]
    }

    /// What a blob of another repository can be mounted with: the right to read it there, after the right to write here.
    pub(super) fn mount_scopes(&self, from: &str) -> Vec<String> {
        let mut scopes = self.scopes();
        scopes.push(format!("repository:{from}:pull"));
        scopes
    }

    /// The header that lets a request to the repository in, and when it ends; None where the registry asks for none.
    pub(crate) fn authorize(
        &self,
        renew: bool,
        call: &Call,
    ) -> Result<Option<(Authorization, Option<Instant>)>> {
        self.registry.authorize(&self.scopes(), renew, call)
    }

    /// Where a request that reads is redirected to.
    pub(crate) fn follow(&self, method: &str, path: &str, call: &Call) -> Result<Led> {
        let doing = format!("find out where {path} of {} is", self.shown);
        let mut request = self.registry.request(self.address(path), &doing);
        if method == "HEAD" {
            request.method = Method::HEAD;
        }
        // Nobody reads the content here.
        let request = request.header(header::RANGE, "bytes=0-0", Reaches::Everywhere)?;
        let wanted = |status| matches!(status, 200 | 206 | 416);
        let response = self.registry.fetch(&request, &self.scopes(), wanted, call)?;
        let lifetime = expiry::lifetime(&response.url, &response.headers);
        let (url, crossed) = (response.url.clone(), response.crossed);
        response.finish(call)?;
        Ok(Led { url, crossed, lifetime })
    }

    /// The size of a blob, if the repository has it and the registry tells.
    pub(super) fn blob_size(&self, digest: &Digest, call: &Call) -> Result<Option<u64>> {
        let doing = format!("look up the blob {digest} of {}", self.shown);
        let mut request = self.registry.request(self.address(&format!("blobs/{digest}")), &doing);
        request.method = Method::HEAD;
        let wanted = |status| matches!(status, 200 | 404);
        let response = self.registry.fetch(&request, &self.scopes(), wanted, call)?;
        Ok(if response.status == 200 { response.content_length() } else { None })
    }

    /// A manifest or index, verified and read.
    pub fn manifest(
        &self,
        selector: &Selector,
        options: &ManifestOptions,
        call: &Call,
    ) -> Result<Fetched> {
        let answer = self.answer(selector, options, call)?;
        self.read(selector, answer)
    }

    /// What a tag names, and the entity tag that a change of it may depend on.
    pub(super) fn tagged_document(
        &self,
        selector: &Selector,
        call: &Call,
    ) -> Result<(Fetched, Option<String>)> {
        let mut answer = self.answer(selector, &ManifestOptions::default(), call)?;
        let etag = answer.etag.take();
        Ok((self.read(selector, answer)?, etag))
    }

    /// The manifest that an index lists: its size is known, and must be that.
    pub fn child_manifest(
        &self,
        child: &Descriptor,
        max_size: Option<u64>,
        call: &Call,
    ) -> Result<Fetched> {
        let options = ManifestOptions { max_size, ..ManifestOptions::default() };
        let fetched = self.manifest(&Selector::Digest(child.digest.clone()), &options, call)?;
        check_size(&child.digest, child.size, fetched.bytes.len() as u64)?;
        if media_type::is_manifest(&child.media_type)
            && child.media_type != fetched.descriptor.media_type
        {
            return Err(Error::new(
                Code::InvalidManifest,
                format!(
                    "{} is {}, but the index that lists it says {}",
                    child.digest, fetched.descriptor.media_type, child.media_type
                ),
            )
            .phase(Phase::Verify));
        }
        Ok(fetched)
    }

    /// The bytes of a manifest that an index lists under a type that is not read.
    pub fn unread_manifest(&self, child: &Descriptor, call: &Call) -> Result<Vec<u8>> {
        let options =
            ManifestOptions { accept: vec![child.media_type.clone()], ..Default::default() };
        let selector = Selector::Digest(child.digest.clone());
        let document = self.document(&selector, &options, call)?;
        check_size(&child.digest, child.size, document.bytes.len() as u64)?;
        Ok(document.bytes)
    }

    /// What the registry sends for a manifest, once it has been verified.
    pub(super) fn answer(
        &self,
        selector: &Selector,
        options: &ManifestOptions,
        call: &Call,
    ) -> Result<Answer> {
        let common = self.registry.common();
        let doing = format!("get the manifest {selector} of {}", self.shown);
        let request = self
            .registry
            .request(self.address(&format!("manifests/{selector}")), &doing)
            .header(header::ACCEPT, &accept(options), Reaches::Everywhere)?;
        let limit = options.max_size.unwrap_or(u64::MAX).min(common.limits.manifest);
        let scopes = self.scopes();
        let mut attempts = self.registry.attempts(0);
        let (response, bytes) = loop {
            let result = self.registry.attempt(&request, &scopes, |s| s == 200, call).and_then(
                |mut response| {
                    if response.content_length().is_some_and(|length| length > limit) {
                        return Err(too_large(&doing, limit));
                    }
                    let bytes = response.body.read_all(limit, "the manifest", "manifest", call)?;
                    Ok((response, bytes))
                },
            );
            match result {
                Ok(done) => break done,
                Err(error) => attempts.again(self.named(error), call)?,
            }
        };
        let content_type = response.header("content-type").map(str::to_owned);
        let digest = self.verified(selector, &response, &bytes).map_err(|error| {
            // The digest of a signed manifest of schema 1 is that of a part of it.
            if manifest::is_schema1(content_type.as_deref(), &bytes) {
                return self.unusable(selector, manifest::schema1()).url(&response.url);
            }
            error
        })?;
        let told = response.header("etag").filter(|tag| tag.starts_with('"'));
        let etag = told.or_else(|| response.header(CONTENT_DIGEST)).map(str::to_owned);
        Ok(Answer { digest, content_type, etag, bytes })
    }

    /// Reads a manifest that has been verified.
    pub(super) fn read(&self, selector: &Selector, answer: Answer) -> Result<Fetched> {
        let Answer { digest, content_type, bytes, .. } = answer;
        let limits = &self.registry.common().limits;
        let manifest = Manifest::parse(&bytes, content_type.as_deref(), limits)
            .map_err(|e| self.unusable(selector, e))?;
        let descriptor = Descriptor::new(manifest.media_type(), digest, bytes.len() as u64);
        Ok(Fetched { descriptor, bytes, manifest })
    }

    pub(super) fn unusable(&self, selector: &Selector, error: Error) -> Error {
        error.context(format!("cannot use the manifest {selector} of {}", self.shown))
    }

    /// The digest of what came. Asked for by digest, it must be that, whatever the headers say; asked for by tag,
    /// a digest that the registry names must be right.
    fn verified(&self, selector: &Selector, response: &Response, bytes: &[u8]) -> Result<Digest> {
        let named = response.header(CONTENT_DIGEST).and_then(|text| text.parse::<Digest>().ok());
        let expected = match (selector, &named) {
            (Selector::Digest(digest), _) => digest,
            (Selector::Tag(_), Some(digest)) => digest,
            (Selector::Tag(_), None) => return Ok(Digest::of(Algorithm::Sha256, bytes)),
        };
        check_digest(expected, Digest::of(expected.algorithm(), bytes)).map_err(|e| {
            e.url(&response.url).context(format!(
                "the manifest {selector} of {} does not have the expected digest",
                self.shown
            ))
        })?;
        Ok(expected.clone())
    }

    /// What a manifest is, without fetching it where the registry can tell.
    pub fn head_manifest(
        &self,
        selector: &Selector,
        options: &ManifestOptions,
        call: &Call,
    ) -> Result<Descriptor> {
        let doing = format!("look up the manifest {selector} of {}", self.shown);
        let mut request = self
            .registry
            .request(self.address(&format!("manifests/{selector}")), &doing)
            .header(header::ACCEPT, &accept(options), Reaches::Everywhere)?;
        request.method = Method::HEAD;
        let told = self.registry.fetch(
            &request,
            &self.scopes(),
            |status| matches!(status, 200 | 403 | 404 | 405),
            call,
        )?;
        let asked = match selector {
            Selector::Digest(digest) => Some(digest.clone()),
            Selector::Tag(_) => told.header(CONTENT_DIGEST).and_then(|text| text.parse().ok()),
        };
        let kind = told.header("content-type").map(media_type::essence);
        let kind = kind.filter(|kind| {
            media_type::is_manifest(kind) || media_type::is_schema1(kind) || options.names(kind)
        });
        if let (200, Some(digest), Some(size), Some(kind)) =
            (told.status, asked, told.content_length(), kind)
        {
            return Ok(Descriptor::new(kind, digest, size));
        }
        // The answer to HEAD may lack what it says, or be refused, or have no text to its refusal.
        self.document(selector, options, call).map(|document| document.descriptor)
    }

    /// The repository's tags.
    pub fn tags(&self, options: &PageOptions, call: &Call) -> Result<Listing> {
        let list = List {
            registry: &self.registry,
            first: self.address("tags/list"),
            scopes: self.scopes(),
            key: "tags",
            of: &self.shown,
            is_entry: is_tag,
            named: &|error| self.named(error),
        };
        let mut tags = list.fetch(options, call)?;
        tags.name.get_or_insert_with(|| self.name.clone());
        Ok(tags)
    }

    /// A 404 says which thing is missing, as far as the registry told.
    pub(super) fn named(&self, error: Error) -> Error {
        // What the token server does not know is none of the repository's things.
        if error.code() != Code::NotFound || error.details().phase == Some(Phase::Token) {
            return error;
        }
        let unknown_name = error.details().errors.iter().any(|e| e.code == "NAME_UNKNOWN");
        error.with(|d| d.what = Some(if unknown_name { "repository" } else { "manifest" }))
    }
}

impl ManifestOptions {
    /// Whether the caller accepts this type by its name.
    pub(super) fn names(&self, kind: &str) -> bool {
        self.accept.iter().any(|accepted| media_type::essence(accepted) == kind)
    }
}

const CONTENT_DIGEST: &str = "docker-content-digest";

fn accept(options: &ManifestOptions) -> String {
    if options.accept.is_empty() {
        media_type::ACCEPT_MANIFESTS.to_owned()
    } else {
        options.accept.join(", ")
    }
}

fn too_large(doing: &str, limit: u64) -> Error {
    Error::new(Code::Limit, format!("cannot {doing}"))
        .cause(format!("it is larger than {limit} bytes"))
        .hint("raise manifest in the option limits, if you trust this registry")
}
