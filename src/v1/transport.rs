//! Requests to v1 registries; anonymous so far.

use std::sync::Arc;

use url::Url;

use crate::context::Run;
use crate::error::Result;
use crate::http::{Request, Response};
use crate::tls::Identity;
use crate::v2::registry::Common;

/// How a session asks its registries. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Transport {
    common: Arc<Common>,
    identity: Arc<Identity>,
}

impl Transport {
    /// `identity` says how TLS is made with the registries.
    pub fn new(common: Arc<Common>, identity: Identity) -> Self {
        Self { common, identity: Arc::new(identity) }
    }

    /// What all registries of the service share.
    pub fn common(&self) -> &Common {
        &self.common
    }

    /// A GET without headers of its own.
    pub fn request<'a>(&'a self, url: Url, doing: &'a str) -> Request<'a> {
        Request::get(url, &self.identity, doing)
    }

    /// Sends a request once; any status is a result.
    pub fn send(&self, request: &Request<'_>, run: &Run) -> Result<Response> {
        self.common.client.send(request, run)
    }
}
