//! A conversation with a v1 index and its registries.

use std::collections::{BTreeMap, HashSet};
use std::fmt;

use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

use super::data::{ImgList, Limit, RepositoryData, SearchResults, check_image};
use super::endpoint::{Endpoint, Ping};
use super::image_id::{ImageId, nonsense};
use super::layer::LayerReader;
use super::root::{self, Root};
use super::transport::{Headers, Login, TOKEN, Transport};
use crate::call::Call;
use crate::credentials::{Allowed, AuthConfig, Credentials};
use crate::error::{Code, Error, Result};
use crate::http::origin::{Origin, is_trusted};
use crate::http::{HeaderName, Reaches, Response};
use crate::names::reference::{check_path, check_tag};
use crate::registry::failover::try_in_order;
use crate::registry::service::Service;
use crate::registry::session::Info;
use crate::v2::Registry;

/// A session of protocol v1. Any number of threads may use it at once.
#[derive(Debug)]
pub struct Session {
    id: String,
    pub(super) endpoint: Endpoint,
    pub(super) transport: Transport,
    /// The warnings of its opening.
    warnings: Vec<String>,
}

impl Session {
    /// Creates a session with an index or registry; None uses the service's credentials. If there are credentials, a registry
    /// over https is asked whether it works without an index: then each request carries them.
    pub fn new(endpoint: &Endpoint, auth: Option<AuthConfig>, call: &Call) -> Result<Self> {
        let credentials = match auth {
            Some(auth) => auth.into(),
            None => endpoint.known_credentials(&Allowed::default(), call)?,
        };
        Self::with_credentials(endpoint, credentials, call)
    }

    /// The same with credentials that were found.
    pub(super) fn with_credentials(
        endpoint: &Endpoint,
        credentials: Credentials,
        call: &Call,
    ) -> Result<Self> {
        let service = endpoint.service();
        let (common, identity) = (service.common(), endpoint.identity(call)?);
        let may = common.policy.lets_secrets_go(&common.client, endpoint.root().url(), &identity);
        let always = may && !credentials.auth.is_anonymous() && endpoint.ping(call)?.standalone;
        let transport = endpoint.transport(Login::Password { credentials, always }, call)?;
        let (id, warnings) = (crate::registry::session::new_id()?, call.warnings());
        Ok(Self { id, endpoint: endpoint.clone(), transport, warnings })
    }

    /// Creates a session with an index that accepts bearer tokens for these scopes, as the v2 registry at the same address
    /// says.
    pub(super) fn with_tokens(
        endpoint: &Endpoint,
        registry: Registry,
        scopes: Vec<String>,
        call: &Call,
    ) -> Result<Self> {
        let transport = endpoint.transport(Login::Tokens(Box::new(registry), scopes), call)?;
        let (id, warnings) = (crate::registry::session::new_id()?, call.warnings());
        Ok(Self { id, endpoint: endpoint.clone(), transport, warnings })
    }

    /// Finds the index of a host, and creates a session with it.
    pub fn open(
        service: &Service,
        host: &str,
        auth: Option<AuthConfig>,
        allowed: &Allowed,
        call: &Call,
    ) -> Result<Self> {
        let index = service.index(host, call)?;
        let endpoint = Endpoint::new(service, &index, Headers::default(), call)?;
        let credentials = match auth {
            Some(auth) => auth.into(),
            None => endpoint.known_credentials(allowed, call)?,
        };
        Self::with_credentials(&endpoint, credentials, call)
    }

    /// What the session is.
    pub fn info(&self) -> Info {
        Info {
            protocol: "v1",
            endpoint: self.endpoint.address().to_owned(),
            mirror: false,
            repository: None,
            reference: None,
            warnings: self.warnings.clone(),
        }
    }

    /// 64 random hex digits, another for each session.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The endpoint of the session.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Asks the endpoint whether it is there.
    pub fn ping(&self, call: &Call) -> Result<Ping> {
        self.endpoint.ping(call)
    }

    /// What the index knows of a repository, and which registries have it.
    pub fn get_repository_data(&self, path: &str, call: &Call) -> Result<RepositoryData> {
        check_path(path)?;
        let doing = format!("look up the repository {path} in the index");
        let url = self.endpoint.root().path(&format!("repositories/{path}/images"));
        let request = self.transport.request(url, &doing);
        let request = request.header(HeaderName::from_static(TOKEN), "true", Reaches::Trusted)?;
        let response = self
            .transport
            .fetch(&request, |status| status == 200, call)
            .map_err(|e| repository_error(e, &request.url))?;
        let endpoints = match self.listed(&response, &doing)? {
            Some(listed) => listed,
            None => vec![self.home()],
        };
        let ImgList(images) = self.json(response, &doing, call)?;
        self.transport.list(&endpoints);
        let img_list = images.into_iter().map(|image| (image.id.to_string(), image)).collect();
        Ok(RepositoryData { img_list, endpoints })
    }

    /// The tags of a repository and their image ids, from the first registry that answers.
    pub fn get_remote_tags(
        &self,
        registries: &[Root],
        path: &str,
        call: &Call,
    ) -> Result<BTreeMap<String, ImageId>> {
        let doing = format!("get the tags of {path}");
        self.of_a_registry(registries, &format!("repositories/{}/tags", full(path)?), &doing, call)
    }

    /// The image id of a tag, from the first registry that answers.
    pub fn get_remote_tag(
        &self,
        registries: &[Root],
        path: &str,
        tag: &str,
        call: &Call,
    ) -> Result<ImageId> {
        check_tag(tag)?;
        let doing = format!("get the tag {path}:{tag}");
        let place = format!("repositories/{}/tags/{tag}", full(path)?);
        self.of_a_registry(registries, &place, &doing, call)
    }

    /// The images that an image is made of, the image itself first.
    pub fn get_remote_history(
        &self,
        image: &ImageId,
        registry: &Root,
        call: &Call,
    ) -> Result<Vec<ImageId>> {
        let doing = format!("get the history of the image {image}");
        let request =
            self.transport.request(registry.path(&format!("images/{image}/ancestry")), &doing);
        let response = self.transport.fetch(&request, |status| status == 200, call)?;
        let history: Vec<ImageId> = self.json(response, &doing, call)?;
        let wrong = |why: &str| nonsense(&doing, why).url(&request.url);
        if history.first() != Some(image) {
            return Err(wrong("the history does not begin with the image itself"));
        }
        let mut seen = HashSet::new();
        if !history.iter().all(|id| seen.insert(id)) {
            return Err(wrong("an image is its own ancestor"));
        }
        let most = self.transport.common().limits.children;
        if history.len() as u64 > most {
            return Err(Error::new(
                Code::Limit,
                format!("cannot {doing}: more than {most} images"),
            )
            .hint("raise children in the option limits, if you trust this registry"));
        }
        Ok(history)
    }

    /// Whether a registry has an image: it is an error if not.
    pub fn lookup_remote_image(&self, image: &ImageId, registry: &Root, call: &Call) -> Result<()> {
        let doing = format!("look up the image {image}");
        let request =
            self.transport.request(registry.path(&format!("images/{image}/json")), &doing);
        self.transport.fetch(&request, |status| status == 200, call)?.finish(call)
    }

    /// The JSON of an image, byte for byte, and the size of its layer if the registry states it.
    pub fn get_remote_image_json(
        &self,
        image: &ImageId,
        registry: &Root,
        call: &Call,
    ) -> Result<(Vec<u8>, Option<u64>)> {
        let doing = format!("get the JSON of the image {image}");
        let request =
            self.transport.request(registry.path(&format!("images/{image}/json")), &doing);
        let mut response = self.transport.fetch(&request, |status| status == 200, call)?;
        let size = layer_size(&response, &doing)?;
        let limit = self.transport.common().limits.config;
        let bytes = response.body.read_all(limit, "the JSON of an image", "config", call)?;
        check_image(image, &bytes).map_err(|why| nonsense(&doing, why).url(&response.url))?;
        Ok((bytes, size))
    }

    /// The layer of an image as a stream; `size` is what its JSON came with.
    pub fn get_remote_image_layer(
        &self,
        image: &ImageId,
        registry: &Root,
        size: Option<u64>,
        call: &Call,
    ) -> Result<LayerReader> {
        let url = registry.path(&format!("images/{image}/layer"));
        LayerReader::open(self.transport.clone(), url, size, call)
    }

    /// Searches the index.
    pub fn search_repositories(
        &self,
        term: &str,
        limit: Limit,
        call: &Call,
    ) -> Result<SearchResults> {
        let doing = format!("search for {:?}", crate::names::host::printable(term));
        let mut url = self.endpoint.root().path("search");
        url.query_pairs_mut().append_pair("q", term).append_pair("n", &limit.to_string());
        let request = self.transport.request(url, &doing);
        let request = request.header(HeaderName::from_static(TOKEN), "true", Reaches::Trusted)?;
        let response = self.transport.fetch(&request, |status| status == 200, call)?;
        let url = response.url.clone();
        // An object first: a list would do for a struct, as its fields in order.
        let found: serde_json::Map<String, Value> = self.json(response, &doing, call)?;
        serde_json::from_value(found.into()).map_err(|e| nonsense(&doing, e).url(&url))
    }

    /// The registry at the index's own host.
    fn home(&self) -> Root {
        let mut url = self.endpoint.root().url().clone();
        url.set_path("");
        Root::below(&url)
    }

    /// The registries that an answer of the index names; each must be the index's own host, or allowed by name.
    pub(super) fn listed(&self, response: &Response, doing: &str) -> Result<Option<Vec<Root>>> {
        let lines: Vec<&str> = response
            .headers
            .get_all(ENDPOINTS)
            .iter()
            .map(|line| line.to_str().unwrap_or("?"))
            .collect();
        if lines.first().is_none_or(|line| line.is_empty()) {
            return Ok(None);
        }
        let index = self.endpoint.root().url();
        let roots =
            root::listed(index, lines).map_err(|why| nonsense(doing, why).url(&response.url))?;
        for root in &roots {
            self.check_allowed(root.url(), "names the registry")?;
        }
        Ok(Some(roots))
    }

    /// An index may name its own host, what is trusted like it, and what the caller allows.
    pub(super) fn check_allowed(&self, url: &Url, verb: &str) -> Result<()> {
        let index = self.endpoint.root().url();
        let origin = Origin::of(url);
        let allowed = origin == Origin::of(index)
            || (is_trusted(index) && is_trusted(url))
            || self.endpoint.service().settings().allow_v1_endpoints.contains(&origin.authority());
        if allowed {
            return Ok(());
        }
        Err(Error::new(Code::Policy, format!("the index {} {verb} {}", Origin::of(index), origin))
            .url(url)
            .hint(format!(
                "if you trust it with images and tokens, add {:?} to the option allow-v1-endpoints",
                origin.authority()
            )))
    }

    /// Asks the registries in turn: NOT_FOUND ends it, other refusals lead to the next, a failed connection is one.
    fn of_a_registry<T: DeserializeOwned>(
        &self,
        registries: &[Root],
        place: &str,
        doing: &str,
        call: &Call,
    ) -> Result<T> {
        if registries.is_empty() {
            return Err(Error::argument("registries_json", "there is no registry to ask"));
        }
        let attempt = |registry: &Root| {
            let request = self.transport.request(registry.path(place), doing);
            let response = self.transport.fetch(&request, |status| status == 200, call)?;
            self.json(response, doing, call)
        };
        let is_refusal =
            |error: &Error| error.code() != Code::NotFound && error.details().http_status.is_some();
        let tried = try_in_order(registries, 0, attempt, |error, _, _| Ok(is_refusal(error)));
        tried.map(|(_, document)| document).map_err(|failures| {
            let last = failures.last();
            match last.code() {
                Code::NotFound => no_repository(last.with(|d| d.attempts.clear())),
                _ if is_refusal(&last) => last,
                // What failed is no registry's word.
                _ => last.with(|d| d.attempts.clear()),
            }
        })
    }

    /// Reads a document of a registry.
    fn json<T: DeserializeOwned>(
        &self,
        mut response: Response,
        doing: &str,
        call: &Call,
    ) -> Result<T> {
        let limit = self.transport.common().limits.list;
        let bytes =
            response.body.read_all(limit, "the response of the v1 registry", "list", call)?;
        let wrong = |why: &dyn fmt::Display| nonsense(doing, why).url(&response.url);
        crate::json::strict::check(&bytes).map_err(|e| wrong(&e))?;
        serde_json::from_slice(&bytes).map_err(|e| wrong(&e))
    }
}

/// What names the registries of an index.
pub(super) const ENDPOINTS: &str = "x-docker-endpoints";

/// A path as registries know it: the official repositories are below `library/`.
fn full(path: &str) -> Result<String> {
    check_path(path)?;
    Ok(if path.contains('/') { path.to_owned() } else { format!("library/{path}") })
}

fn no_repository(error: Error) -> Error {
    error.with(|d| d.what = Some("repository"))
}

fn repository_error(error: Error, url: &Url) -> Error {
    match error.code() {
        Code::NotFound => no_repository(error),
        Code::Timeout | Code::Connect | Code::NameNotResolved => error.hint(format!(
            "{url} cannot be reached: check the connection, and whether a proxy is needed"
        )),
        _ => error,
    }
}

/// `X-Docker-Size`: one number of bytes, if it is there.
fn layer_size(response: &Response, doing: &str) -> Result<Option<u64>> {
    let mut lines = response.headers.get_all("x-docker-size").iter();
    let Some(line) = lines.next() else { return Ok(None) };
    let number = line.to_str().ok().filter(|text| text.bytes().all(|b| b.is_ascii_digit()));
    let number =
        number.and_then(|text| text.parse::<u64>().ok()).filter(|n| i64::try_from(*n).is_ok());
    match (number, lines.next()) {
        (Some(size), None) => Ok(Some(size)),
        _ => Err(nonsense(doing, "X-Docker-Size is not a number of bytes").url(&response.url)),
    }
}
