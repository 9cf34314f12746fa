//! Layers that are stored elsewhere: their `urls` are requested without credentials, from hosts that the caller allows.

use url::Url;

use super::Repository;
use crate::call::Call;
use crate::error::{Code, Error, Result};
use crate::http::address::AddressRule;
use crate::http::origin::{Origin, parse_sent, refuse_downgrade};
use crate::http::{Request, Response};
use crate::image::{Descriptor, media_type};
use crate::names::digest::Digest;
use crate::tls::Identity;

/// A blob that is wanted, and where it may be if the registry does not have it.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// What it hashes to.
    pub digest: Digest,
    /// Its bytes, where they are known.
    pub size: Option<u64>,
    urls: Vec<String>,
}

impl Wanted {
    /// A blob of this type. Only layers that are not meant to be distributed may be elsewhere: other addresses are
    /// ways to make us ask internal hosts.
    pub fn new(digest: Digest, size: Option<u64>, media_type: &str, urls: &[String]) -> Self {
        let foreign = media_type::is_nondistributable(media_type);
        Self { digest, size, urls: if foreign { urls.to_vec() } else { Vec::new() } }
    }

    /// Where it may be, if the registry does not have it.
    pub(super) fn urls(&self) -> &[String] {
        &self.urls
    }
}

impl From<&Descriptor> for Wanted {
    fn from(blob: &Descriptor) -> Self {
        Self::new(blob.digest.clone(), Some(blob.size), &blob.media_type, &blob.urls)
    }
}

/// One place of a layer that may be asked.
pub(super) struct Elsewhere {
    url: Url,
    identity: Identity,
    rule: AddressRule,
}

impl std::fmt::Debug for Elsewhere {
    /// The query may be a signature.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", Origin::of(&self.url), self.url.path())
    }
}

impl Elsewhere {
    /// Checks a URL of a descriptor. Sends nothing.
    pub(super) fn new(repository: &Repository, text: &str, call: &Call) -> Result<Self> {
        let (registry, what) = (repository.registry(), "a layer URL");
        let home = registry.base();
        let url = parse_sent(home, text, Code::Protocol, what)?;
        let host = Origin::of(&url).authority();
        let common = registry.common();
        if !common.policy.foreign_hosts.contains(&host) {
            return Err(Error::new(
                Code::Policy,
                format!("{} refers to a layer at {}", repository.shown(), Origin::of(&url)),
            )
            .url(&url)
            .hint(format!(
                "nothing was sent there; if you trust this host with layers, add {host:?} to the option allow-foreign-urls"
            )));
        }
        refuse_downgrade(home, &url, what)?;
        let identity = common.client.foreign(registry.identity(), &url, call)?;
        Ok(Self { url, identity, rule: AddressRule::AtLeast(registry.reach()) })
    }

    /// Where a request to the registry was redirected to.
    pub(super) fn redirected(repository: &Repository, url: &Url, call: &Call) -> Result<Self> {
        let registry = repository.registry();
        let identity = if Origin::of(url) == Origin::of(registry.base()) {
            registry.identity().clone()
        } else {
            registry.common().client.foreign(registry.identity(), url, call)?
        };
        let rule = AddressRule::AtLeast(registry.reach());
        Ok(Self { url: url.clone(), identity, rule })
    }

    /// A request that carries nothing of ours.
    pub(super) fn request<'a>(&'a self, doing: &'a str) -> Request<'a> {
        Request { rule: self.rule, ..Request::get(self.url.clone(), &self.identity, doing) }
    }

    /// Sends it. Whoever asks for credentials there gets none.
    pub(super) fn send(
        &self,
        request: &Request<'_>,
        repository: &Repository,
        call: &Call,
    ) -> Result<Response> {
        let common = repository.registry().common();
        let response = common.client.send(request, call)?;
        match response.status {
            200 | 206 | 416 => Ok(response),
            status => {
                let error = response.into_error(request.doing, common.limits.error, call);
                let asks = matches!(status, 401 | 403);
                Err(if asks {
                    error.hint("layers on other hosts are fetched without credentials")
                } else {
                    error
                })
            }
        }
    }
}
