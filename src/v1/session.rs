//! A conversation with a v1 index and its registries.

use std::collections::{BTreeMap, HashSet};
use std::fmt;

use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

use super::data::{ImgData, ImgList, Limit, RepositoryData, SearchResults};
use super::endpoint::{Endpoint, Ping};
use super::image_id::{ImageId, nonsense};
use super::layer::LayerReader;
use super::push_layer::LayerWriter;
use super::root::{self, Root};
use super::transport::{Headers, Login, TOKEN, Transport, Way};
use crate::call::Call;
use crate::credentials::{AuthConfig, Credentials};
use crate::error::{Code, Error, Result};
use crate::http::origin::{Origin, is_trusted, parse_sent, refuse_downgrade};
use crate::http::{HeaderName, Method, Payload, Reaches, Redirects, Request, Response, header};
use crate::names::reference::{check_path, check_tag};
use crate::registry::service::Service;
use crate::registry::session::Info;
use crate::v2::Registry;

/// Redirects of an image list that are followed.
const MAX_REDIRECTS: usize = 10;

const JSON: &str = "application/json";

/// Speaks protocol v1. Any number of threads may use it at once.
#[derive(Debug)]
pub struct Session {
    id: String,
    endpoint: Endpoint,
    transport: Transport,
    /// What its opening warned of.
    warnings: Vec<String>,
}

impl Session {
    /// Begins to speak with an index or registry; None is what the service has for it. A registry over https is asked
    /// whether it stands alone if there are credentials: then each request carries them.
    pub fn new(endpoint: &Endpoint, auth: Option<AuthConfig>, call: &Call) -> Result<Self> {
        let credentials = match auth {
            Some(auth) => auth.into(),
            None => endpoint.known_credentials(call)?,
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

    /// Begins to speak with an index that takes bearer tokens for these scopes, as it told the registry of v2 at the
    /// same address.
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

    /// Finds the index of a host, and begins to speak with it.
    pub fn open(
        service: &Service,
        host: &str,
        auth: Option<AuthConfig>,
        call: &Call,
    ) -> Result<Self> {
        let index = service.index(host, call)?;
        let endpoint = Endpoint::new(service, &index, Headers::default(), call)?;
        Self::new(&endpoint, auth, call)
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

    /// Whom it speaks with.
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

    /// The tags of a repository with the ids of their images, of the first registry that tells.
    pub fn get_remote_tags(
        &self,
        registries: &[Root],
        path: &str,
        call: &Call,
    ) -> Result<BTreeMap<String, ImageId>> {
        let doing = format!("get the tags of {path}");
        self.of_a_registry(registries, &format!("repositories/{}/tags", full(path)?), &doing, call)
    }

    /// The id of a tag's image, of the first registry that tells.
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

    /// The JSON of an image, byte for byte, and the size of its layer if the registry tells it.
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

    /// Gives a registry the JSON of an image.
    pub fn push_image_json_registry(
        &self,
        image: &ImgData,
        json: &[u8],
        registry: &Root,
        call: &Call,
    ) -> Result<()> {
        let id = &image.id;
        check_image(id, json).map_err(|why| {
            Error::argument("data", format!("this is not the JSON of the image {id}: {why}"))
        })?;
        let doing = format!("push the JSON of the image {id}");
        let mut request =
            self.transport.request(registry.path(&format!("images/{id}/json")), &doing);
        request.body = Payload::Bytes(json);
        self.put(request.header(header::CONTENT_TYPE, JSON, Reaches::Everywhere)?, call)
    }

    /// Begins to give a registry the layer of an image, whose JSON is `json`. Nobody is asked before the commit.
    pub fn push_image_layer_registry(
        &self,
        image: &ImageId,
        registry: &Root,
        json: Vec<u8>,
    ) -> Result<LayerWriter> {
        check_image(image, &json).map_err(|why| {
            Error::argument(
                "image_json",
                format!("this is not the JSON of the image {image}: {why}"),
            )
        })?;
        let url = registry.path(&format!("images/{image}/layer"));
        let directory = crate::os::spool::directory(self.endpoint.service().environment());
        LayerWriter::open(self.transport.clone(), url, json, &directory)
    }

    /// Tells a registry the checksums of a layer that it has.
    pub fn push_image_checksum_registry(
        &self,
        image: &ImgData,
        registry: &Root,
        call: &Call,
    ) -> Result<()> {
        let id = &image.id;
        let doing = format!("push the checksum of the image {id}");
        let mut request =
            self.transport.request(registry.path(&format!("images/{id}/checksum")), &doing);
        request.body = Payload::Bytes(b"");
        for (name, value) in [
            ("x-docker-checksum", &image.checksum),
            ("x-docker-checksum-payload", &image.checksum_payload),
        ] {
            request = request.header(HeaderName::from_static(name), value, Reaches::Everywhere)?;
        }
        self.put(request, call)
    }

    /// Gives an image a tag.
    pub fn push_registry_tag(
        &self,
        path: &str,
        revision: &ImageId,
        tag: &str,
        registry: &Root,
        call: &Call,
    ) -> Result<()> {
        check_path(path)?;
        check_tag(tag)?;
        let doing = format!("push the tag {path}:{tag}");
        let mut request = self
            .transport
            .request(registry.path(&format!("repositories/{path}/tags/{tag}")), &doing);
        let body = format!("\"{revision}\"");
        request.method = Method::PUT;
        request.body = Payload::Bytes(body.as_bytes());
        let request = request.header(header::CONTENT_TYPE, JSON, Reaches::Everywhere)?;
        let response = self.transport.send(&request, call)?;
        self.accept(response, |status| matches!(status, 200 | 201), &request, call)?.finish(call)
    }

    /// Gives the index the images of a repository: before the registries get them, and (`validate`) after.
    pub fn push_image_json_index(
        &self,
        path: &str,
        images: &[ImgData],
        validate: bool,
        registries: &[Root],
        call: &Call,
    ) -> Result<RepositoryData> {
        check_path(path)?;
        let doing = format!("push the list of images of {path}");
        let listed: Vec<&ImgData> =
            images.iter().filter(|image| !validate || !image.checksum.is_empty()).collect();
        let body = serde_json::to_vec(&listed)
            .map_err(|e| Error::internal("a list of images cannot be written").cause(e))?;
        let suffix = if validate { "images" } else { "" };
        let mut url = self.endpoint.root().path(&format!("repositories/{path}/{suffix}"));
        let (mut response, mut way) = (None, Way::Own);
        for _ in 0..=MAX_REDIRECTS {
            let mut request = self.transport.request(url.clone(), &doing);
            request.method = Method::PUT;
            request.redirects = Redirects::Return;
            request.body = Payload::Bytes(&body);
            let mut request = request
                .header(header::CONTENT_TYPE, JSON, Reaches::Everywhere)?
                .header(HeaderName::from_static(TOKEN), "true", Reaches::Trusted)?;
            if validate {
                let name = HeaderName::from_static(ENDPOINTS);
                for registry in registries {
                    let text = registry.to_string();
                    request = request.header(name.clone(), &text, Reaches::Everywhere)?;
                }
            }
            let answer = self.transport.send_by(way, &request, call)?;
            if !(300..400).contains(&answer.status) {
                response = Some(self.accept(
                    answer,
                    |status| {
                        if validate { status == 204 } else { matches!(status, 200 | 201) }
                    },
                    &request,
                    call,
                )?);
                break;
            }
            let next = self.sent_on(&url, &answer, &doing)?;
            if Origin::of(&next) != Origin::of(&url) {
                let trusted = way != Way::Strange && is_trusted(&url) && is_trusted(&next);
                way = if trusted { Way::Trusted } else { Way::Strange };
            }
            url = next;
            answer.finish(call)?;
        }
        let Some(response) = response else {
            return Err(Error::new(
                Code::Redirect,
                format!("cannot {doing}: more than {MAX_REDIRECTS} redirects"),
            )
            .url(&url));
        };
        let mut data = RepositoryData::default();
        if !validate {
            data.endpoints = self.listed(&response, &doing)?.ok_or_else(|| {
                nonsense(&doing, "the index did not name a registry").url(&response.url)
            })?;
            self.transport.list(&data.endpoints);
        }
        response.finish(call)?;
        Ok(data)
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
    fn listed(&self, response: &Response, doing: &str) -> Result<Option<Vec<Root>>> {
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
    fn check_allowed(&self, url: &Url, verb: &str) -> Result<()> {
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

    /// Where the list of images goes on.
    fn sent_on(&self, from: &Url, response: &Response, doing: &str) -> Result<Url> {
        let location =
            response.header("location").filter(|text| !text.is_empty()).ok_or_else(|| {
                Error::new(Code::Redirect, format!("cannot {doing}"))
                    .cause("the redirect has no Location header")
                    .url(from)
            })?;
        let next = parse_sent(from, location, Code::Redirect, "a redirect")?;
        refuse_downgrade(from, &next, "a redirect")?;
        if Origin::of(&next) != Origin::of(from) {
            self.check_allowed(&next, "redirects to")?;
        }
        Ok(next)
    }

    /// Asks the registries in turn: NOT_FOUND ends it, other refusals lead to the next, a failed connection is one.
    fn of_a_registry<T: DeserializeOwned>(
        &self,
        registries: &[Root],
        place: &str,
        doing: &str,
        call: &Call,
    ) -> Result<T> {
        let mut refusals: Vec<Error> = Vec::new();
        for registry in registries {
            let request = self.transport.request(registry.path(place), doing);
            match self.transport.fetch(&request, |status| status == 200, call) {
                Ok(response) => return self.json(response, doing, call),
                Err(e) if e.code() == Code::NotFound => return Err(no_repository(e)),
                Err(e) if e.details().http_status.is_some() => refusals.push(e),
                Err(e) => return Err(e),
            }
        }
        match refusals.pop() {
            None => Err(Error::argument("registries_json", "there is no registry to ask")),
            Some(last) if refusals.is_empty() => Err(last),
            Some(last) => {
                refusals.push(last.clone());
                Err(last.with(|d| d.attempts = refusals))
            }
        }
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

    fn put(&self, mut request: Request<'_>, call: &Call) -> Result<()> {
        request.method = Method::PUT;
        let response = self.transport.send(&request, call)?;
        self.accept(response, |status| status == 200, &request, call)?.finish(call)
    }

    /// The answer to a push, or what it means.
    fn accept(
        &self,
        response: Response,
        wanted: impl Fn(u16) -> bool,
        request: &Request<'_>,
        call: &Call,
    ) -> Result<Response> {
        if wanted(response.status) {
            return Ok(response);
        }
        let status = response.status;
        let limit = self.transport.common().limits.error;
        let error = response
            .into_error(request.doing, limit, call)
            .with(|d| d.method = Some(request.method.to_string()));
        if error.details().errors.iter().any(|e| e.message.contains("Image already exists")) {
            return Err(error.recode(Code::AlreadyExists));
        }
        if status == 401 && request.url.scheme() == "http" {
            let host = Origin::of(&request.url).authority();
            return Err(error.hint(format!(
                "credentials are not sent over plain http: use https, or add {host:?} to the option \
                 allow-plain-http-credentials"
            )));
        }
        Err(error)
    }
}

/// What names the registries of an index.
const ENDPOINTS: &str = "x-docker-endpoints";

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

/// The id within an image's JSON must be the one that it goes by.
fn check_image(image: &ImageId, json: &[u8]) -> std::result::Result<(), String> {
    #[derive(serde::Deserialize)]
    struct Image {
        id: ImageId,
    }
    crate::json::strict::check(json).map_err(|e| e.to_string())?;
    // A list would do for a struct, as its fields in order.
    if !json.trim_ascii_start().starts_with(b"{") {
        return Err("it is not a JSON object".to_owned());
    }
    let said: Image = serde_json::from_slice(json).map_err(|e| e.to_string())?;
    if said.id == *image { Ok(()) } else { Err(format!("its id is {}", said.id)) }
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
