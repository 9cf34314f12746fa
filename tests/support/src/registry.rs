//! An embedded registry: the OCI distribution API v2 in memory, with authentication and scripted faults.

use std::collections::{BTreeMap, HashMap};
use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering};
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
    uploads: Mutex<HashMap<String, Vec<u8>>>,
    next_upload: AtomicU64,
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
            uploads: Mutex::default(),
            next_upload: AtomicU64::new(1),
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
        match (kind, request.method.as_str()) {
            ("", "GET" | "HEAD") => Reply::json(200, &json!({})),
            ("_catalog", "GET") => {
                let names = lock(&self.repositories).keys().cloned().collect();
                page(request, "repositories", names, json!({}))
            }
            ("tags", "GET") => {
                let names = match lock(&self.repositories).get(name) {
                    Some(repo) => repo.tags.keys().cloned().collect(),
                    None => {
                        return error(404, "NAME_UNKNOWN", "repository name not known to registry");
                    }
                };
                page(request, "tags", names, json!({"name": name}))
            }
            ("manifests", "GET" | "HEAD") => self.manifest(name, last),
            ("manifests", "PUT") => self.put_manifest(request, name, last),
            ("blobs", "GET" | "HEAD") => {
                let body =
                    lock(&self.repositories).get(name).and_then(|r| r.blobs.get(last).cloned());
                match body {
                    Some(body) => blob(request, last, body),
                    None => error(404, "BLOB_UNKNOWN", "blob unknown to registry"),
                }
            }
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
        match repo.manifests.get(digest) {
            Some((media_type, bytes)) => Reply::new(200, Body::Bytes(bytes.clone()))
                .with("Content-Type", media_type)
                .with("Docker-Content-Digest", digest)
                .with("Etag", &format!("\"{digest}\"")),
            None => error(404, "MANIFEST_UNKNOWN", "manifest unknown"),
        }
    }

    fn put_manifest(&self, request: &Request, name: &str, reference: &str) -> Reply {
        let digest = digest::sha256(&request.body);
        if reference.contains(':') && reference != digest {
            return error(400, "DIGEST_INVALID", "provided digest did not match uploaded content");
        }
        let media_type = request.header("content-type").unwrap_or_default().to_owned();
        let mut repositories = lock(&self.repositories);
        let repo = repositories.entry(name.to_owned()).or_default();
        repo.manifests.insert(digest.clone(), (media_type, request.body.clone().into()));
        if !reference.contains(':') {
            repo.tags.insert(reference.to_owned(), digest.clone());
        }
        Reply::empty(201)
            .with("Location", &format!("/v2/{name}/manifests/{digest}"))
            .with("Docker-Content-Digest", &digest)
    }

    fn start_upload(&self, request: &Request, name: &str) -> Reply {
        if let (Some(digest), Some(from)) =
            (request.query("mount").first(), request.query("from").first())
        {
            let mut repositories = lock(&self.repositories);
            if let Some(body) =
                repositories.get(from).and_then(|repo| repo.blobs.get(digest).cloned())
            {
                repositories.entry(name.to_owned()).or_default().blobs.insert(digest.clone(), body);
                return created(name, digest);
            }
        }
        if let Some(digest) = request.query("digest").first() {
            return self.finish_upload(name, digest, request.body.clone());
        }
        let id = self.next_upload.fetch_add(1, Ordering::SeqCst).to_string();
        lock(&self.uploads).insert(id.clone(), Vec::new());
        accepted(202, name, &id, 0)
    }

    fn upload(&self, request: &Request, method: &str, name: &str, id: &str) -> Reply {
        let mut uploads = lock(&self.uploads);
        let Some(bytes) = uploads.get_mut(id) else {
            return error(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry");
        };
        if matches!(method, "PATCH" | "PUT") {
            let start = request
                .header("content-range")
                .and_then(|range| range.trim_start_matches("bytes ").split('-').next())
                .and_then(|start| start.parse::<usize>().ok());
            if start.is_some_and(|start| start != bytes.len()) {
                return accepted(416, name, id, bytes.len());
            }
            bytes.extend_from_slice(&request.body);
        }
        match method {
            "PATCH" => accepted(202, name, id, bytes.len()),
            "GET" | "HEAD" => accepted(204, name, id, bytes.len()),
            "DELETE" => {
                uploads.remove(id);
                Reply::empty(204)
            }
            "PUT" => {
                let bytes = uploads.remove(id).unwrap_or_default();
                match request.query("digest").first() {
                    Some(digest) => self.finish_upload(name, digest, bytes),
                    None => error(400, "DIGEST_INVALID", "digest missing"),
                }
            }
            _ => error(405, "UNSUPPORTED", "the operation is unsupported"),
        }
    }

    fn finish_upload(&self, name: &str, digest: &str, bytes: Vec<u8>) -> Reply {
        if digest::sha256(&bytes) != digest {
            return error(400, "DIGEST_INVALID", "provided digest did not match uploaded content");
        }
        let mut repositories = lock(&self.repositories);
        let repo = repositories.entry(name.to_owned()).or_default();
        repo.blobs.insert(digest.to_owned(), bytes.into());
        created(name, digest)
    }
}

fn created(name: &str, digest: &str) -> Reply {
    Reply::empty(201)
        .with("Location", &format!("/v2/{name}/blobs/{digest}"))
        .with("Docker-Content-Digest", digest)
}

fn accepted(status: u16, name: &str, id: &str, len: usize) -> Reply {
    Reply::empty(status)
        .with("Location", &format!("/v2/{name}/blobs/uploads/{id}"))
        .with("Docker-Upload-UUID", id)
        .with("Range", &format!("0-{}", len.saturating_sub(1)))
}

/// `NAME/manifests/REF`, `NAME/blobs/DIGEST`, `NAME/blobs/uploads/[ID]`, `NAME/tags/list`.
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
        _ => None,
    }
}

/// One page of a sorted list, by `n` and `last`, with a Link to the next.
fn page(
    request: &Request,
    key: &str,
    mut names: Vec<String>,
    mut document: serde_json::Value,
) -> Reply {
    if let Some(last) = request.query("last").first() {
        names.retain(|name| name > last);
    }
    let n = request.query("n").first().and_then(|n| n.parse::<usize>().ok());
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
    match link {
        Some(link) => reply.with("Link", &link),
        None => reply,
    }
}

fn blob(request: &Request, digest: &str, body: Body) -> Reply {
    let mut reply = range::reply(request, body);
    if reply.status == 416 {
        let content_range = reply.headers;
        reply = error(416, "RANGE_INVALID", "invalid content range");
        reply.headers.extend(content_range);
        return reply;
    }
    reply.with("Docker-Content-Digest", digest).with("Etag", &format!("\"{digest}\""))
}
