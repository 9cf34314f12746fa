//! Giving images to an index and its registries.

use url::Url;

use super::data::{ImgData, RepositoryData, check_image};
use super::image_id::{ImageId, nonsense};
use super::push_layer::LayerWriter;
use super::root::Root;
use super::session::{ENDPOINTS, Session};
use super::transport::TOKEN;
use crate::call::Call;
use crate::error::{Code, Error, Result};
use crate::http::origin::Origin;
use crate::http::redirect::{Hops, Trail, follow};
use crate::http::{HeaderName, Method, Payload, Reaches, Redirects, Request, Response, header};
use crate::names::reference::{check_path, check_tag};

const JSON: &str = "application/json";

impl Session {
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

    /// Starts writing the layer of an image, whose JSON is `json`. Nothing is sent before the commit.
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

    /// Sends the checksums of a layer to the registry that has received it.
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
        let url = self.endpoint.root().path(&format!("repositories/{path}/{suffix}"));
        let mut request = self.transport.request(url, &doing);
        request.method = Method::PUT;
        request.redirects = Redirects::Return;
        request.body = Payload::Bytes(&body);
        let mut request = request.header(header::CONTENT_TYPE, JSON, Reaches::Everywhere)?.header(
            HeaderName::from_static(TOKEN),
            "true",
            Reaches::Trusted,
        )?;
        if validate {
            for registry in registries {
                let (name, text) = (HeaderName::from_static(ENDPOINTS), registry.to_string());
                request = request.header(name, &text, Reaches::Everywhere)?;
            }
        }
        let mut hops = Sending { session: self, request: &request, call };
        let response = follow(request.url.clone(), &doing, &mut hops, call)?;
        let wanted = |status| match validate {
            true => status == 204,
            false => matches!(status, 200 | 201),
        };
        let response = self.accept(response, wanted, &request, call)?;
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

/// A list of images on its way: the index may send it on, as often as not to another of its own addresses.
struct Sending<'a, 'r> {
    session: &'a Session,
    request: &'a Request<'r>,
    call: &'a Call,
}

impl Hops for Sending<'_, '_> {
    fn send(&mut self, url: &Url, trail: &Trail) -> Result<Response> {
        let mut request = self.request.clone();
        request.url = url.clone();
        self.session.transport.send_by(trail, &request, self.call)
    }

    fn redirects(&self, status: u16) -> bool {
        (300..400).contains(&status)
    }

    fn cross(&mut self, _from: &Url, to: &Url) -> Result<()> {
        self.session.check_allowed(to, "redirects to")
    }
}
