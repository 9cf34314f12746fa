//! An embedded registry: the OCI distribution API v2 in memory, with authentication, scripted faults, and the habits of
//! registries in use.

mod quirk;
mod referrers;
mod uploads;

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::ca::Ca;
use crate::digest;
use crate::fault::{self, Fault, Faults};
use crate::range;
use crate::server::{Body, Generated, Reply, Request, Server, ServerOptions, lock};
use crate::token::{TokenServer, Verifier};

use quirk::Quirks;
pub use quirk::{Quirk, UploadRange};
use uploads::Uploads;

/// Who may do what at a registry.
#[derive(Clone)]
pub enum Auth {
    /// Everybody everything.
    None,
    /// One user by Basic.
    Basic {
        /// The user's name.
        username: String,
        /// The user's password.
        password: String,
    },
    /// Whoever has a token of this server.
    Bearer {
        /// The realm of the challenge.
        realm: String,
        /// What the tokens must satisfy.
        verifier: Verifier,
    },
}

impl Auth {
    /// One user by Basic.
    pub fn basic(username: &str, password: &str) -> Auth {
        Auth::Basic { username: username.to_owned(), password: password.to_owned() }
    }

    /// Tokens of `server`.
    pub fn bearer(server: &TokenServer) -> Auth {
        Auth::Bearer { realm: server.realm(), verifier: server.verifier() }
    }
}

#[derive(Default)]
struct Repository {
    blobs: BTreeMap<String, Body>,
    manifests: BTreeMap<String, (String, Arc<[u8]>)>,
    tags: BTreeMap<String, String>,
}

struct Store {
    auth: Mutex<Auth>,
    repositories: Mutex<BTreeMap<String, Repository>>,
    uploads: Uploads,
    quirks: Quirks,
}

/// A running registry; a [`Server`] too, for its address and its records.
pub struct Registry {
    server: Server,
    store: Arc<Store>,
    faults: Faults,
}

impl Deref for Registry {
    type Target = Server;
    fn deref(&self) -> &Server {
        &self.server
    }
}

impl Registry {
    /// Starts an empty registry.
    pub fn start(options: ServerOptions, auth: Auth) -> Registry {
        let store = Arc::new(Store {
            auth: Mutex::new(auth),
            repositories: Mutex::default(),
            uploads: Uploads::default(),
            quirks: Quirks::default(),
        });
        let faults = Faults::default();
        let server = {
            let store = store.clone();
            fault::serve(options, faults.clone(), move |request| store.answer(request))
        };
        Registry { server, store, faults }
    }

    /// Starts one over plain HTTP for everybody.
    pub fn plain() -> Registry {
        Registry::start(ServerOptions::default(), Auth::None)
    }

    /// Starts one over TLS for everybody.
    pub fn tls(ca: &Ca) -> Registry {
        Registry::start(ServerOptions::default().tls(ca), Auth::None)
    }

    /// Adds a fault.
    pub fn fault(&self, fault: Fault) {
        self.faults.add(fault);
    }

    /// Removes all faults.
    pub fn clear_faults(&self) {
        self.faults.clear();
    }

    /// Makes it behave so from now on.
    pub fn quirk(&self, quirk: Quirk) {
        self.store.quirks.add(quirk);
    }

    /// Makes it behave as the specification says again.
    pub fn clear_quirks(&self) {
        self.store.quirks.clear();
    }

    /// Forgets all uploads that have begun, as some do when they are started again.
    pub fn forget_uploads(&self) {
        self.store.uploads.forget();
    }

    /// How many uploads have begun and not ended.
    pub fn upload_count(&self) -> usize {
        self.store.uploads.count()
    }

    /// Changes who may do what from now on.
    pub fn set_auth(&self, auth: Auth) {
        *lock(&self.store.auth) = auth;
    }

    /// Puts a blob into `repository`; returns its digest.
    pub fn add_blob(&self, repository: &str, bytes: impl Into<Vec<u8>>) -> String {
        let bytes = bytes.into();
        let digest = digest::sha256(&bytes);
        self.put_blob(repository, &digest, bytes.into());
        digest
    }

    /// Puts `size` reproducible pseudo-random bytes into `repository` without holding them; returns their digest.
    pub fn add_blob_generated(&self, repository: &str, seed: u64, size: u64) -> String {
        let body = Body::Generated(Generated::new(seed, size));
        let digest = digest::of_body(&body);
        self.put_blob(repository, &digest, body);
        digest
    }

    /// Puts a body under a digest that is not checked.
    pub fn put_blob(&self, repository: &str, digest: &str, body: Body) {
        self.repository(repository, |repo| repo.blobs.insert(digest.to_owned(), body));
    }

    /// Removes a blob.
    pub fn remove_blob(&self, repository: &str, digest: &str) {
        self.repository(repository, |repo| repo.blobs.remove(digest));
    }

    /// Puts a manifest, whatever its bytes are, into `repository`; `tag` names it when given. Returns its digest.
    pub fn add_manifest(
        &self,
        repository: &str,
        tag: Option<&str>,
        media_type: &str,
        bytes: impl Into<Vec<u8>>,
    ) -> String {
        let bytes = bytes.into();
        let digest = digest::sha256(&bytes);
        self.repository(repository, |repo| {
            repo.manifests.insert(digest.clone(), (media_type.to_owned(), bytes.into()));
            if let Some(tag) = tag {
                repo.tags.insert(tag.to_owned(), digest.clone());
            }
        });
        digest
    }

    /// Puts a manifest of Docker's schema 1 with a signature: its digest is of what is signed, not of its bytes. Returns
    /// that digest.
    pub fn add_signed_schema1(&self, repository: &str, tag: &str) -> String {
        let payload = format!(
            r#"{{
   "schemaVersion": 1,
   "name": "{repository}",
   "tag": "{tag}",
   "architecture": "amd64",
   "fsLayers": [],
   "history": []"#
        );
        let digest = digest::sha256(format!("{payload}\n}}").as_bytes());
        let signature = r#",
   "signatures": [{"header": {"alg": "ES256"}, "signature": "c2ln", "protected": "e30"}]
}"#;
        let media_type = "application/vnd.docker.distribution.manifest.v1+prettyjws".to_owned();
        let bytes = format!("{payload}{signature}").into_bytes();
        self.repository(repository, |repo| {
            repo.manifests.insert(digest.clone(), (media_type, bytes.into()));
            repo.tags.insert(tag.to_owned(), digest.clone());
        });
        digest
    }

    /// The digest that a tag names.
    pub fn tag(&self, repository: &str, tag: &str) -> Option<String> {
        lock(&self.store.repositories).get(repository)?.tags.get(tag).cloned()
    }

    /// The content of a blob.
    pub fn blob(&self, repository: &str, digest: &str) -> Option<Body> {
        lock(&self.store.repositories).get(repository)?.blobs.get(digest).cloned()
    }

    fn repository<T>(&self, name: &str, change: impl FnOnce(&mut Repository) -> T) -> T {
        change(lock(&self.store.repositories).entry(name.to_owned()).or_default())
    }
}

fn error(status: u16, code: &str, message: &str) -> Reply {
    Reply::json(status, &json!({"errors": [{"code": code, "message": message, "detail": null}]}))
}

impl Store {
    fn answer(&self, request: &Request) -> Reply {
        let mut reply = self.route(request);
        reply.headers.insert(0, ("Docker-Distribution-Api-Version".into(), "registry/2.0".into()));
        reply
    }

    fn route(&self, request: &Request) -> Reply {
        let path = request.path();
        let read = matches!(request.method.as_str(), "GET" | "HEAD");
        let Some(rest) = path.strip_prefix("/v2/").or((path == "/v2").then_some("")) else {
            return error(404, "NOT_FOUND", "no such path");
        };
        let (name, kind, last) = match split(rest) {
            Some(parts) => parts,
            None if rest.is_empty() || rest == "_catalog" => ("", rest, ""),
            None => return error(404, "NAME_UNKNOWN", "no such path"),
        };
        if let Some(refusal) = self.refuse(request, name, kind, read) {
            return refusal;
        }
        if let Some(status) = self.quirks.refuses(&request.method, kind) {
            return error(status, "UNSUPPORTED", "the operation is unsupported");
        }
        match (kind, request.method.as_str()) {
            ("", "GET" | "HEAD") => Reply::json(200, &json!({})),
            ("_catalog", "GET") => {
                let names = lock(&self.repositories).keys().cloned().collect();
                self.page(request, "repositories", names, json!({}))
            }
            ("tags", "GET") => {
                let names = match lock(&self.repositories).get(name) {
                    Some(repo) => repo.tags.keys().cloned().collect(),
                    None => {
                        return error(404, "NAME_UNKNOWN", "repository name not known to registry");
                    }
                };
                self.page(request, "tags", names, json!({"name": name}))
            }
            ("manifests", "GET" | "HEAD") => self.manifest(name, last),
            ("manifests", "PUT") => self.put_manifest(request, name, last),
            ("manifests", "DELETE") => self.delete_manifest(name, last),
            ("referrers", "GET") => self.referrers(request, name, last),
            ("blobs", "GET" | "HEAD") => {
                let body =
                    lock(&self.repositories).get(name).and_then(|r| r.blobs.get(last).cloned());
                match body {
                    Some(body) => self.blob(request, last, body),
                    None => error(404, "BLOB_UNKNOWN", "blob unknown to registry"),
                }
            }
            ("blobs", "DELETE") => self.delete_blob(name, last),
            ("uploads", "POST") => self.start_upload(request, name),
            ("uploads", method) => self.upload(request, method, name, last),
            _ => error(405, "UNSUPPORTED", "the operation is unsupported"),
        }
    }

    /// The answer to who may not do this, if so.
    fn refuse(&self, request: &Request, name: &str, kind: &str, read: bool) -> Option<Reply> {
        let sent = request.header("authorization").unwrap_or_default();
        let (challenge, allowed) = match &*lock(&self.auth) {
            Auth::None => return None,
            Auth::Basic { username, password } => {
                let wanted = format!("Basic {}", STANDARD.encode(format!("{username}:{password}")));
                ("Basic realm=\"registry\"".to_owned(), sent == wanted)
            }
            Auth::Bearer { realm, verifier } => {
                let mut challenge =
                    format!("Bearer realm=\"{realm}\",service=\"{}\"", verifier.service());
                let needs: Option<(&str, &str, &[&str])> = match (kind, read) {
                    ("", _) => None,
                    ("_catalog", _) => Some(("registry", "catalog", &["*"])),
                    (_, true) => Some(("repository", name, &["pull"])),
                    (_, false) => Some(("repository", name, &["pull", "push"])),
                };
                if let Some((kind, name, actions)) = needs {
                    challenge.push_str(&format!(",scope=\"{kind}:{name}:{}\"", actions.join(",")));
                }
                let checked = match sent.strip_prefix("Bearer ") {
                    Some(token) => verifier.verify(token, needs),
                    None => Err("no token".to_owned()),
                };
                if sent.starts_with("Bearer ") && checked.is_err() {
                    challenge.push_str(",error=\"invalid_token\"");
                }
                (challenge, checked.is_ok())
            }
        };
        (!allowed).then(|| {
            error(401, "UNAUTHORIZED", "authentication required")
                .with("WWW-Authenticate", &challenge)
        })
    }

    fn manifest(&self, name: &str, reference: &str) -> Reply {
        let repositories = lock(&self.repositories);
        let Some(repo) = repositories.get(name) else {
            return error(404, "NAME_UNKNOWN", "repository name not known to registry");
        };
        let digest = repo.tags.get(reference).map_or(reference, String::as_str);
        let digest = match reference.split_once('-') {
            Some((algorithm, hex)) if self.quirks.has(|q| *q == Quirk::TagsAreDigests) => {
                let told = format!("{algorithm}:{hex}");
                if digest == reference { told } else { digest.to_owned() }
            }
            _ => digest.to_owned(),
        };
        let digest = digest.as_str();
        match repo.manifests.get(digest) {
            Some((media_type, bytes)) => Reply::new(200, Body::Bytes(bytes.clone()))
                .with("Content-Type", media_type)
                .with("Docker-Content-Digest", digest)
                .with("Etag", &format!("\"{digest}\"")),
            None => error(404, "MANIFEST_UNKNOWN", "manifest unknown"),
        }
    }

    fn put_manifest(&self, request: &Request, name: &str, reference: &str) -> Reply {
        let by_digest = reference.contains(':');
        if by_digest && !digest::is_of(reference, &request.body) {
            return error(400, "DIGEST_INVALID", "provided digest did not match uploaded content");
        }
        let digest = if by_digest { reference.to_owned() } else { digest::sha256(&request.body) };
        let refused = self.quirks.find(|quirk| match quirk {
            Quirk::Sha256Only(status) if by_digest && !reference.starts_with("sha256:") => {
                Some((*status, "DIGEST_INVALID", "the digest's algorithm is not supported"))
            }
            Quirk::MediaTypeWanted(status)
                if serde_json::from_slice::<serde_json::Value>(&request.body)
                    .map_or(true, |document| document.get("mediaType").is_none()) =>
            {
                Some((*status, "UNSUPPORTED", "Invalid JSON syntax"))
            }
            _ => None,
        });
        if let Some((status, code, message)) = refused {
            return error(status, code, message);
        }
        let media_type = request.header("content-type").unwrap_or_default().to_owned();
        let mut tags = request.query("tag");
        if self.quirks.has(|quirk| *quirk == Quirk::NoTagQuery) {
            tags.clear();
        }
        let mut reply = Reply::empty(201)
            .with("Location", &format!("/v2/{name}/manifests/{digest}"))
            .with("Docker-Content-Digest", &digest);
        for tag in &tags {
            reply = reply.with("OCI-Tag", tag);
        }
        if let Some(subject) = referrers::subject_of(&request.body)
            && !self.quirks.has(|quirk| *quirk == Quirk::NoReferrers)
        {
            reply = reply.with("OCI-Subject", &subject);
        }
        let mut repositories = lock(&self.repositories);
        let repo = repositories.entry(name.to_owned()).or_default();
        let now = repo.tags.get(reference).map(|digest| format!("\"{digest}\""));
        if let Some(expected) = request.header("if-match")
            && now.as_deref() != Some(expected)
            && !self.quirks.has(|quirk| *quirk == Quirk::NoIfMatch)
        {
            return error(412, "PRECONDITION_FAILED", "the tag names something else");
        }
        repo.manifests.insert(digest.clone(), (media_type, request.body.clone().into()));
        if !by_digest {
            tags.push(reference.to_owned());
        }
        for tag in tags {
            repo.tags.insert(tag, digest.clone());
        }
        reply
    }

    /// By a tag only that goes, by a digest the manifest with all of its tags.
    fn delete_manifest(&self, name: &str, reference: &str) -> Reply {
        let mut repositories = lock(&self.repositories);
        let Some(repo) = repositories.get_mut(name) else {
            return error(404, "NAME_UNKNOWN", "repository name not known to registry");
        };
        let refused = self.quirks.find(|quirk| match quirk {
            Quirk::TagDeleteRefused(status) => Some(*status),
            _ => None,
        });
        if let Some(status) = refused.filter(|_| !reference.contains(':')) {
            return error(status, "DIGEST_INVALID", "provided digest is invalid");
        }
        let there = if reference.contains(':') {
            repo.tags.retain(|_, digest| digest != reference);
            repo.manifests.remove(reference).is_some()
        } else {
            repo.tags.remove(reference).is_some()
        };
        match there {
            true => Reply::empty(202),
            false => error(404, "MANIFEST_UNKNOWN", "manifest unknown"),
        }
    }

    fn delete_blob(&self, name: &str, digest: &str) -> Reply {
        let mut repositories = lock(&self.repositories);
        match repositories.get_mut(name).and_then(|repo| repo.blobs.remove(digest)) {
            Some(_) => Reply::empty(202),
            None => error(404, "BLOB_UNKNOWN", "blob unknown to registry"),
        }
    }

    fn blob(&self, request: &Request, digest: &str, body: Body) -> Reply {
        let open = request.header("range").is_some_and(|range| range.ends_with('-'));
        if open && self.quirks.has(|quirk| *quirk == Quirk::ClosedRangesOnly) {
            return error(416, "BLOB_UNKNOWN", "the range is not understood");
        }
        let mut reply = range::reply(request, body);
        if reply.status == 416 {
            let content_range = reply.headers;
            reply = error(416, "RANGE_INVALID", "invalid content range");
            reply.headers.extend(content_range);
            return reply;
        }
        reply.with("Docker-Content-Digest", digest).with("Etag", &format!("\"{digest}\""))
    }

    /// One page of a sorted list, by `n` and `last`, with a Link to the next.
    fn page(
        &self,
        request: &Request,
        key: &str,
        mut names: Vec<String>,
        mut document: serde_json::Value,
    ) -> Reply {
        if let Some(last) = request.query("last").first()
            && !self.quirks.has(|quirk| *quirk == Quirk::LastIgnored)
        {
            names.retain(|name| name > last);
        }
        let n = request.query("n").first().and_then(|n| n.parse::<usize>().ok());
        let refused = self.quirks.find(|quirk| match quirk {
            Quirk::MostListed(most, status) if n > Some(*most) => Some(*status),
            _ => None,
        });
        if let Some(status) = refused {
            return error(status, "UNSUPPORTED", "n is too large");
        }
        let mut link = None;
        if let Some(n) = n
            && n < names.len()
        {
            names.truncate(n);
            if let Some(last) = names.last() {
                link = Some(format!("<{}?n={n}&last={last}>; rel=\"next\"", request.path()));
            }
        }
        document[key] = json!(names);
        let reply = Reply::json(200, &document);
        match link.filter(|_| !self.quirks.has(|quirk| *quirk == Quirk::NoLink)) {
            Some(link) => reply.with("Link", &link),
            None => reply,
        }
    }
}

/// `NAME/manifests/REF`, `NAME/blobs/DIGEST`, `NAME/referrers/DIGEST`, `NAME/blobs/uploads/[ID]`, `NAME/tags/list`.
fn split(rest: &str) -> Option<(&str, &'static str, &str)> {
    if let Some((name, id)) = rest.split_once("/blobs/uploads") {
        return Some((name, "uploads", id.trim_start_matches('/')));
    }
    if let Some(name) = rest.strip_suffix("/tags/list") {
        return Some((name, "tags", ""));
    }
    let (rest, last) = rest.rsplit_once('/')?;
    let (name, kind) = rest.rsplit_once('/')?;
    match kind {
        "manifests" => Some((name, "manifests", last)),
        "blobs" => Some((name, "blobs", last)),
        "referrers" => Some((name, "referrers", last)),
        _ => None,
    }
}
