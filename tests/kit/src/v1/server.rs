//! The servers: a standalone registry, or an index and its registries.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::Arc;

use serde_json::{Value, json};

use super::access::{Policy, Wish};
use super::routes::{Part, Route, route};
use super::store::{Image, Refusal, Repository, Store};
use crate::fault::{self, Fault, Faults};
use crate::range;
use crate::server::{Reply, Request, Server, ServerOptions, lock};

type Answer = Result<Reply, Refusal>;

/// What a server is in its group.
#[derive(Clone)]
enum Role {
    /// Index and registry in one.
    Standalone,
    /// Of users, repositories and tokens; these are the hosts with the images.
    Index(Vec<String>),
    /// Of images, for who has the index's tokens.
    Registry,
}

/// One server; a [`Server`] too, for its address and its records.
pub struct V1Server {
    server: Server,
    faults: Faults,
}

impl Deref for V1Server {
    type Target = Server;
    fn deref(&self) -> &Server {
        &self.server
    }
}

impl V1Server {
    fn start(options: ServerOptions, role: Role, store: Arc<Store>) -> V1Server {
        let faults = Faults::default();
        let server =
            fault::serve(options, faults.clone(), move |request| store.answer(&role, request));
        V1Server { server, faults }
    }

    /// The root of its API, which ends in `/v1/`.
    pub fn root(&self) -> String {
        format!("{}/v1/", self.url())
    }

    /// Adds a fault.
    pub fn fault(&self, fault: Fault) {
        self.faults.add(fault);
    }

    /// Removes all faults.
    pub fn clear_faults(&self) {
        self.faults.clear();
    }
}

/// A running registry of v1 in one of its two forms.
pub struct V1 {
    /// The server that clients are told of.
    pub index: V1Server,
    /// The servers with the images, in the form with an index.
    pub registries: Vec<V1Server>,
    store: Arc<Store>,
}

impl V1 {
    /// Starts a standalone registry.
    pub fn standalone(options: ServerOptions, policy: Policy) -> V1 {
        let store = Arc::new(Store::new(policy));
        let index = V1Server::start(options, Role::Standalone, store.clone());
        V1 { index, registries: Vec::new(), store }
    }

    /// Starts an index, and the registries that it names to clients.
    pub fn with_index(
        options: ServerOptions,
        registries: Vec<ServerOptions>,
        policy: Policy,
    ) -> V1 {
        let store = Arc::new(Store::new(policy));
        let registries: Vec<V1Server> = registries
            .into_iter()
            .map(|options| V1Server::start(options, Role::Registry, store.clone()))
            .collect();
        let hosts = registries.iter().map(|registry| registry.host()).collect();
        let index = V1Server::start(options, Role::Index(hosts), store.clone());
        V1 { index, registries, store }
    }

    /// The first server with images.
    pub fn registry(&self) -> &V1Server {
        self.registries.first().unwrap_or(&self.index)
    }

    /// All its servers.
    pub fn servers(&self) -> impl Iterator<Item = &V1Server> {
        std::iter::once(&self.index).chain(&self.registries)
    }

    /// Changes how it behaves from now on.
    pub fn change(&self, change: impl FnOnce(&mut Policy)) {
        change(&mut lock(&self.store.policy));
    }

    /// Makes all tokens invalid that were given so far.
    pub fn forget_tokens(&self) {
        lock(&self.store.tokens).clear();
    }

    /// Forgets all images, repositories, tokens and cookies.
    pub fn forget(&self) {
        lock(&self.store.images).clear();
        lock(&self.store.repositories).clear();
        lock(&self.store.cookies).clear();
        self.forget_tokens();
    }

    /// The image of an id.
    pub fn image(&self, id: &str) -> Option<Image> {
        self.store.image(id)
    }

    /// The tags of a repository and the ids that they name.
    pub fn tags(&self, repository: &str) -> BTreeMap<String, String> {
        self.repository(repository).tags
    }

    /// What the index lists for a repository.
    pub fn listed(&self, repository: &str) -> Vec<Value> {
        self.repository(repository).images
    }

    /// Puts the JSON of an image here, as a push begins. Panics if that is refused.
    pub fn put_json(&self, id: &str, json: &[u8]) {
        let put = self.store.put_json(id, json);
        put.unwrap_or_else(|(_, why)| panic!("put the JSON of {id}: {why}"));
    }

    /// Tells the checksums of an image, as a push ends; says why they are refused.
    pub fn put_checksum(
        &self,
        id: &str,
        checksum: &str,
        payload: &str,
    ) -> Result<(), &'static str> {
        self.store.put_checksum(id, Some(checksum), Some(payload)).map_err(|(_, why)| why)
    }

    /// Puts an image here without a push: its JSON, its layer as gzip, and its name. Panics if it could not be pushed.
    pub fn add_image(&self, repository: &str, tag: &str, json: &Value, layer: &[u8]) -> Image {
        let id = json["id"].as_str().expect("an id");
        let put = || -> Result<(), Refusal> {
            self.store.put_json(id, json.to_string().as_bytes())?;
            self.store.put_layer(id, layer)?;
            let image = self.store.image(id).expect("it was just put");
            self.store.put_checksum(id, Some(&image.checksum), Some(&image.checksum_payload))?;
            self.store.put_tag(repository, tag, id)?;
            let listed = json!([{"id": id, "checksum": image.checksum, "Tag": tag}]);
            self.store.announce(repository, listed.to_string().as_bytes())
        };
        put().unwrap_or_else(|(_, why)| panic!("put image {id}: {why}"));
        self.store.image(id).expect("it was just put")
    }

    fn repository(&self, name: &str) -> Repository {
        lock(&self.store.repositories).get(name).cloned().unwrap_or_default()
    }
}

impl Store {
    fn answer(&self, role: &Role, request: &Request) -> Reply {
        if request.path() == "/v2/" {
            return self.v2(request);
        }
        let answer = match (route(request.path()), role) {
            (None, _) => Err((404, "Not found")),
            (Some(route), Role::Standalone) => self.standalone(request, &route),
            (Some(route), Role::Index(hosts)) => self.index(request, &route, hosts),
            (Some(route), Role::Registry) => self.registry(request, &route),
        };
        answer.unwrap_or_else(|(status, why)| {
            let reply = Reply::json(status, &json!({"error": why}));
            match status {
                401 => reply.with("WWW-Authenticate", "Basic realm=\"registry\""),
                _ => reply,
            }
        })
    }

    fn standalone(&self, request: &Request, route: &Route) -> Answer {
        self.check_user(request, route)?;
        let host = request.header("host").unwrap_or_default().to_owned();
        match (request.method.as_str(), route) {
            ("GET", Route::Ping) => Ok(ping(true)),
            ("GET", Route::Images(_)) | ("PUT", Route::Repository(_)) => {
                let reply = self.repositories(request, route)?;
                Ok(self.give_cookie(reply).with("X-Docker-Endpoints", &host))
            }
            ("PUT", Route::Images(_)) | (_, Route::Users | Route::Search) => {
                self.repositories(request, route)
            }
            _ => {
                self.check_cookie(request)?;
                self.images(request, route)
            }
        }
    }

    fn index(&self, request: &Request, route: &Route, hosts: &[String]) -> Answer {
        self.check_user(request, route)?;
        match (request.method.as_str(), route) {
            ("GET", Route::Ping) => Ok(ping(false)),
            ("GET", Route::Images(name)) | ("PUT", Route::Repository(name)) => {
                let reply = self.repositories(request, route)?;
                let wish = Wish { repository: Some(name), write: request.method == "PUT" };
                let reply = self.give_tokens(request, &wish, self.give_cookie(reply));
                Ok(reply.with("X-Docker-Endpoints", &hosts.join(", ")))
            }
            ("PUT", Route::Images(_)) => {
                self.check_cookie(request)?;
                self.repositories(request, route)
            }
            _ => self.repositories(request, route),
        }
    }

    fn registry(&self, request: &Request, route: &Route) -> Answer {
        if *route == Route::Ping {
            return Ok(ping(false));
        }
        let write = request.method == "PUT";
        let repository = match route {
            Route::Tags(name) | Route::Tag(name, _) => Some(name.as_str()),
            _ => None,
        };
        self.check_token(request, &Wish { repository, write })?;
        self.images(request, route)
    }

    fn check_user(&self, request: &Request, route: &Route) -> Result<(), Refusal> {
        match route {
            Route::Ping => Ok(()),
            Route::Search => self.check_search(request),
            _ => self.check_basic(request, request.method == "PUT"),
        }
    }

    /// What an index answers.
    fn repositories(&self, request: &Request, route: &Route) -> Answer {
        match (request.method.as_str(), route) {
            ("GET", Route::Users) => Ok(Reply::json(200, &json!("OK"))),
            ("GET", Route::Search) => Ok(self.search(request)),
            ("GET", Route::Images(name)) => match lock(&self.repositories).get(name) {
                Some(repository) => Ok(Reply::json(200, &json!(repository.images))),
                None => Err((404, "Repository not found")),
            },
            ("PUT", Route::Repository(name)) => {
                self.announce(name, &request.body).map(|()| Reply::json(200, &json!("")))
            }
            ("PUT", Route::Images(name)) => {
                self.confirm(name, &request.body).map(|()| Reply::empty(204))
            }
            _ => Err((405, "Method not allowed")),
        }
    }

    /// What a registry answers.
    fn images(&self, request: &Request, route: &Route) -> Answer {
        let ok = |()| Reply::json(200, &json!(true));
        match (request.method.as_str(), route) {
            ("GET", Route::Tags(name)) => match lock(&self.repositories).get(name) {
                Some(repository) => Ok(Reply::json(200, &json!(repository.tags))),
                None => Err((404, "Repository not found")),
            },
            ("GET", Route::Tag(name, tag)) => {
                let repositories = lock(&self.repositories);
                match repositories.get(name).and_then(|repository| repository.tags.get(tag)) {
                    Some(id) => Ok(Reply::json(200, &json!(id))),
                    None => Err((404, "Tag not found")),
                }
            }
            ("PUT", Route::Tag(name, tag)) => {
                let id: String = serde_json::from_slice(&request.body)
                    .map_err(|_| (400, "Expected an image id as JSON"))?;
                self.put_tag(name, tag, &id).map(ok)
            }
            ("PUT", Route::Image(id, Part::Json)) => self.put_json(id, &request.body).map(ok),
            ("PUT", Route::Image(id, Part::Layer)) => self.put_layer(id, &request.body).map(ok),
            ("PUT", Route::Image(id, Part::Checksum)) => {
                let told = |name| request.header(name);
                let (checksum, payload) =
                    (told("x-docker-checksum"), told("x-docker-checksum-payload"));
                self.put_checksum(id, checksum, payload).map(ok)
            }
            ("GET", Route::Image(id, part)) => {
                let image = self.image(id).ok_or((404, "Image not found"))?;
                if !image.complete {
                    return Err((400, "Image is being uploaded, retry later"));
                }
                self.part(request, id, &image, part)
            }
            _ => Err((405, "Method not allowed")),
        }
    }

    fn part(&self, request: &Request, id: &str, image: &Image, part: &Part) -> Answer {
        let layer = image.layer.clone().expect("a complete image has a layer");
        match part {
            Part::Json => {
                let size = layer.len().expect("a layer has an end").to_string();
                Ok(Reply::new(200, image.json.clone())
                    .with("Content-Type", "application/json")
                    .with("X-Docker-Size", &size)
                    .with("X-Docker-Checksum", &image.checksum)
                    .with("X-Docker-Checksum-Payload", &image.checksum_payload))
            }
            Part::Ancestry => Ok(Reply::json(200, &json!(self.ancestry(id)))),
            Part::Layer => Ok(range::reply(request, layer)),
            Part::Checksum => Err((405, "Method not allowed")),
        }
    }

    fn search(&self, request: &Request) -> Reply {
        let query = request.query("q").first().cloned().unwrap_or_default();
        let most = request.query("n").first().and_then(|n| n.parse().ok()).unwrap_or(25);
        let results: Vec<Value> = lock(&self.policy)
            .found
            .iter()
            .filter(|found| found["name"].as_str().is_some_and(|name| name.contains(&query)))
            .take(most)
            .cloned()
            .collect();
        let count = results.len();
        Reply::json(200, &json!({"query": query, "num_results": count, "results": results}))
    }
}

fn ping(standalone: bool) -> Reply {
    let said = if standalone { "True" } else { "False" };
    Reply::json(200, &json!(true))
        .with("X-Docker-Registry-Version", "0.9.1")
        .with("X-Docker-Registry-Standalone", said)
}
