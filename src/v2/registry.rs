//! One registry at one address: authenticated requests, tried again where that may help.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde::Serialize;
use url::Url;

use super::moving::Moving;
use super::notice;
use crate::auth::challenge::Challenge;
use crate::auth::{Authenticator, Authorization, Policy, Tokens};
use crate::call::{Call, RateLimit};
use crate::config::settings::{Limits, Retry};
use crate::credentials::Credentials;
use crate::error::{Code, Error, Phase, Result};
use crate::http::address::Reach;
use crate::http::origin::Origin;
use crate::http::retry::Attempts;
use crate::http::slots::Slots;
use crate::http::{Client, HeaderName, HeaderValue, Method, Reaches, Request, Response, header};
use crate::mask::Words;
use crate::sync::{PerProcess, inherited, lock};
use crate::tls::Identity;

/// What all registries of one service share.
#[derive(Debug)]
pub struct Common {
    /// Its connections.
    pub client: Arc<Client>,
    /// Its tokens.
    pub tokens: Arc<Tokens>,
    /// Its rules about secrets.
    pub policy: Policy,
    /// When to try again.
    pub retry: Retry,
    /// How much of an answer is accepted.
    pub limits: Limits,
    /// How many blobs of one host are read at once.
    pub slots: Slots,
    /// How many blobs of one host are written at once.
    pub upload_slots: Slots,
    /// The size from which a blob may be read in several ranges at once; 0 is never.
    pub parallel_from: u64,
    /// Which blobs are being written where.
    pub moving: Moving,
    /// Who may change a list of referrers now.
    pub referrer_tags: Slots,
}

/// A registry with protocol v2.
#[derive(Debug, Clone)]
pub struct Registry {
    common: Arc<Common>,
    base: Url,
    manner: Arc<Manner>,
    identity: Arc<Identity>,
    auth: Arc<Authenticator>,
    /// Whether it has answered anything yet.
    answered: Arc<AtomicBool>,
    /// How far the addresses of its answers reach: the widest of them.
    reach: Arc<PerProcess<Mutex<Option<Reach>>>>,
    /// The largest chunk of an upload, once a larger one was refused and this one taken.
    largest_chunk: Arc<AtomicUsize>,
    /// Whether it was found to send other ranges than it is asked for.
    ignores_ranges: Arc<AtomicBool>,
}

/// How an endpoint is spoken to, where that is not as everywhere.
#[derive(Debug, Clone, Default)]
pub struct Manner {
    /// The root of its API, if that is not `/v2` below its address.
    pub root: Option<Url>,
    /// The registry whose images it is asked for, which it learns from the query `ns`.
    pub namespace: Option<String>,
    /// Headers of all requests to its origin. They may be secrets.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// How long a connection may take, if not as long as the service says.
    pub connect: Option<Duration>,
    /// Whether another endpoint can be asked where this one fails.
    pub has_alternative: bool,
}

/// What `/v2/` answered.
#[derive(Debug, Clone, Serialize)]
pub struct Ping {
    /// Always "v2".
    pub protocol: &'static str,
    /// Whether the version header says `registry/2.0`.
    pub confirmed: bool,
    /// How the registry wants to be asked, if it answered 401.
    pub challenges: Vec<Challenge>,
}

impl Registry {
    /// `base` is the endpoint's address without `/v2/`; `identity` says how TLS is made with it.
    pub fn new(
        common: Arc<Common>,
        base: Url,
        identity: Identity,
        credentials: impl Into<Credentials>,
    ) -> Self {
        let auth = Authenticator::new(
            common.client.clone(),
            common.tokens.clone(),
            common.policy.clone(),
            base.clone(),
            identity.clone(),
            credentials.into(),
        );
        Self {
            common,
            base,
            manner: Arc::default(),
            identity: Arc::new(identity),
            auth: Arc::new(auth),
            answered: Arc::default(),
            reach: Arc::new(PerProcess::new(|parent| {
                Mutex::new(parent.and_then(inherited).flatten())
            })),
            largest_chunk: Arc::new(AtomicUsize::new(usize::MAX)),
            ignores_ranges: Arc::default(),
        }
    }

    /// The same, spoken to in another manner.
    #[must_use]
    pub fn in_manner(self, manner: Manner) -> Self {
        Self { manner: Arc::new(manner), ..self }
    }

    /// Whether another endpoint can be asked where this one fails.
    pub fn has_alternative(&self) -> bool {
        self.manner.has_alternative
    }

    /// How its users are let in.
    pub fn auth(&self) -> &Authenticator {
        &self.auth
    }

    /// What all registries of the service share.
    pub fn common(&self) -> &Common {
        &self.common
    }

    /// The endpoint's address without `/v2/`.
    pub fn base(&self) -> &Url {
        &self.base
    }

    /// How TLS is made with it.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// How far the registry's own address reaches; Public as long as it has not answered.
    pub fn reach(&self) -> Reach {
        lock(self.reach.get()).unwrap_or(Reach::Public)
    }

    /// The largest chunk of an upload that is worth trying.
    pub(super) fn largest_chunk(&self) -> usize {
        self.largest_chunk.load(Ordering::Relaxed)
    }

    /// Remembers that larger chunks of an upload are refused.
    pub(super) fn takes_no_chunk_over(&self, size: usize) {
        self.largest_chunk.fetch_min(size, Ordering::Relaxed);
    }

    /// Whether ranges are worth asking for, beside the rest of something that was cut.
    pub(super) fn knows_ranges(&self) -> bool {
        !self.ignores_ranges.load(Ordering::Relaxed)
    }

    /// Remembers that other ranges come than are asked for.
    pub(super) fn ignores_ranges(&self) {
        self.ignores_ranges.store(true, Ordering::Relaxed);
    }

    /// `<base>/v2/<path>`. The path is made of parsed names only.
    pub fn address(&self, path: &str) -> Url {
        let (mut url, below) = match &self.manner.root {
            Some(root) => (root.clone(), ""),
            None => (self.base.clone(), "/v2"),
        };
        let prefix = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{prefix}{below}/{path}"));
        url
    }

    /// Asks `/v2/`, without credentials: whether the protocol is spoken, and how one is let in.
    pub fn ping(&self, call: &Call) -> Result<Ping> {
        let doing = format!("ping the registry {}", Origin::of(&self.base).authority());
        self.check_headers()?;
        let mut request = self.request(self.address(""), &doing);
        request.budget = Some((self.common.client.timeouts().auth, Phase::Ping));
        let mut attempts = self.attempts(0).of_known(None);
        let response = loop {
            match self.common.client.send(&request, call) {
                Ok(response) if matches!(response.status, 429 | 500..) => {
                    let limit = self.common.limits.error;
                    attempts.again(response.into_error(&doing, limit, call), call)?;
                }
                Ok(response) => break response,
                // Another endpoint is the better answer to an endpoint that cannot be reached.
                Err(error) if error.code() == Code::Timeout => return Err(error),
                Err(error) => attempts.again(of_ping(error), call)?,
            }
        };
        self.answered.store(true, Ordering::Relaxed);
        let lines = response.headers.get_all(VERSION_HEADER).iter();
        let versions = api_versions(lines.filter_map(|value| value.to_str().ok()));
        let confirmed = versions.iter().any(|version| version == "registry/2.0");
        let challenges = match response.status {
            200 => Vec::new(),
            401 if response.crossed => {
                return Err(Error::new(
                    Code::Redirect,
                    format!("{doing}: it redirects to another host, which requires credentials"),
                )
                .url(&response.url)
                .hint("if you trust that host, use its address instead"));
            }
            401 => self.auth.learn(&response),
            _ => {
                return Err(response
                    .into_error(&doing, self.common.limits.error, call)
                    .phase(Phase::Ping)
                    .hint("check that the address is that of a v2 registry"));
            }
        };
        response.finish(call)?;
        Ok(Ping { protocol: "v2", confirmed, challenges })
    }

    /// A request to this registry.
    pub fn request<'a>(&'a self, url: Url, doing: &'a str) -> Request<'a> {
        let mut request = Request::get(url, &self.identity, doing);
        if Origin::of(&request.url) != Origin::of(&self.base) {
            return request;
        }
        if let Some(namespace) = &self.manner.namespace
            && !request.url.query_pairs().any(|(key, _)| key == "ns")
        {
            request.url.query_pairs_mut().append_pair("ns", namespace);
        }
        for (name, value) in &self.manner.headers {
            request.headers.push((name.clone(), value.clone(), Reaches::Origin));
        }
        request.connect = self.manner.connect;
        request
    }

    /// Refuses to send headers that show who we are where credentials may not go.
    fn check_headers(&self) -> Result<()> {
        let shows = |name: &HeaderName| *name == header::AUTHORIZATION || *name == header::COOKIE;
        if self.manner.headers.iter().any(|(name, _)| shows(name)) {
            self.common.policy.check_secrets_go(&self.common.client, &self.base, &self.identity)?;
        }
        Ok(())
    }

    /// Sends a request with the authorization that it needs. Any status is a result, but a 401 that nothing can
    /// be done about stays one.
    pub fn send(&self, request: &Request<'_>, scopes: &[String], call: &Call) -> Result<Response> {
        if !matches!(request.method, Method::GET | Method::HEAD) {
            self.auth.credentials().check()?;
        }
        let mut renewed = 0;
        loop {
            let used = self.auth.credentials();
            let outcome = self.send_authorized(request, scopes, call);
            let refused = match &outcome {
                Ok(response) => self.refuses_credentials(response),
                Err(error) => error.code() == Code::Unauthorized,
            };
            if !refused || renewed == MOST_RENEWALS || !self.auth.renew(&used, call)? {
                return outcome;
            }
            renewed += 1;
            if let Ok(response) = outcome {
                response.finish(call)?;
            }
        }
    }

    /// Whether an answer says that the credentials are not good; that they do not suffice is another thing. Some
    /// registries that take passwords answer 403 to one that has expired.
    fn refuses_credentials(&self, response: &Response) -> bool {
        let refused = match response.status {
            401 => !lacks_scope(response),
            403 => self.auth.sends_credentials(),
            _ => false,
        };
        refused && !response.crossed
    }

    /// The header that lets a request in, and when it ends. `renew`: the last one was refused.
    pub(super) fn authorize(
        &self,
        scopes: &[String],
        renew: bool,
        call: &Call,
    ) -> Result<Option<(Authorization, Option<Instant>)>> {
        if !self.answered.load(Ordering::Relaxed) {
            self.ping(call)?;
        }
        let mut refused = None;
        let mut used = self.auth.credentials();
        if renew {
            refused = self.auth.authorization(scopes, None, call).ok().flatten();
            if self.auth.sends_credentials() {
                self.auth.renew(&used, call)?;
                used = self.auth.credentials();
            }
        }
        for renewed in 0.. {
            match self.auth.ending_authorization(scopes, refused.as_ref(), call) {
                Err(error) if error.code() == Code::Unauthorized && renewed < MOST_RENEWALS => {
                    if !self.auth.renew(&used, call)? {
                        return Err(error);
                    }
                    used = self.auth.credentials();
                }
                outcome => return outcome,
            }
        }
        unreachable!("it ends after a few renewals")
    }

    /// With the credentials in use.
    fn send_authorized(
        &self,
        request: &Request<'_>,
        scopes: &[String],
        call: &Call,
    ) -> Result<Response> {
        let mut sent = self.auth.authorization(scopes, None, call)?;
        let mut response = self.send_with(request, sent.as_ref(), call)?;
        loop {
            if response.status != 401 || response.crossed {
                return Ok(response);
            }
            self.auth.learn(&response);
            let next = match self.auth.authorization(scopes, sent.as_ref(), call)? {
                Some(next) if sent.as_ref() != Some(&next) => next,
                _ => return Ok(response),
            };
            response.finish(call)?;
            response = self.send_with(request, Some(&next), call)?;
            // What is refused is replaced once; nothing at all was no refusal, and a kept token may have ended early.
            if sent.replace(next).is_some() {
                return Ok(response);
            }
        }
    }

    fn send_with(
        &self,
        request: &Request<'_>,
        authorization: Option<&Authorization>,
        call: &Call,
    ) -> Result<Response> {
        let response = match authorization {
            None => {
                self.check_headers()?;
                self.common.client.send(request, call)
            }
            Some(value) => {
                let mut request = request.clone();
                request.headers.retain(|(name, ..)| *name != header::AUTHORIZATION);
                let request = request.header(header::AUTHORIZATION, value, Reaches::Origin)?;
                self.common.client.send(&request, call)
            }
        }?;
        self.answered.store(true, Ordering::Relaxed);
        // A name that leads to several networks is as far away as the farthest of them.
        let mut reach = lock(self.reach.get());
        *reach = Some(reach.map_or(response.reach, |widest| widest.max(response.reach)));
        drop(reach);
        if !response.crossed {
            self.tell(&response, call);
        }
        Ok(response)
    }

    /// Passes on what the registry says to its users beside its answer, each thing once a call.
    fn tell(&self, response: &Response, call: &Call) {
        let host = Origin::of(&self.base).authority();
        for value in response.headers.get_all(header::WARNING) {
            if let Some(text) = notice::warning(&String::from_utf8_lossy(value.as_bytes())) {
                let text = call.mask().text(&format!("{host} warns: {text}"), Words::Ours);
                call.warn("registry", text, |record| record);
            }
        }
        let Some(limit) = notice::Rate::of(response) else { return };
        call.note_rate_limit(RateLimit {
            host: host.clone(),
            limit: limit.limit,
            remaining: limit.remaining,
            window_seconds: limit.window,
        });
        if limit.is_low() {
            let message = format!("{host} will soon refuse further requests: it allows {limit}");
            call.warn("registry", message, |record| record.with("remaining", limit.remaining));
        }
    }

    /// The attempts of one exchange, of which so many have failed.
    pub fn attempts(&self, failures: u32) -> Attempts<'_> {
        let answered = self.answered.load(Ordering::Relaxed);
        Attempts::after(&self.common.retry, failures)
            .of_known(answered.then(|| Origin::of(&self.base).authority()))
            .with_alternative(self.manner.has_alternative)
    }

    /// As [`Registry::send`], tried again while that may help. A status that is not `wanted` is an error.
    pub fn fetch(
        &self,
        request: &Request<'_>,
        scopes: &[String],
        wanted: impl Fn(u16) -> bool,
        call: &Call,
    ) -> Result<Response> {
        let mut attempts = self.attempts(0);
        loop {
            match self.attempt(request, scopes, &wanted, call) {
                Ok(response) => return Ok(response),
                Err(error) => attempts.again(error, call)?,
            }
        }
    }

    /// One attempt of [`Registry::fetch`].
    pub fn attempt(
        &self,
        request: &Request<'_>,
        scopes: &[String],
        wanted: impl Fn(u16) -> bool,
        call: &Call,
    ) -> Result<Response> {
        let response = self.send(request, scopes, call)?;
        if wanted(response.status) {
            return Ok(response);
        }
        Err(self.refused(response, request, scopes, call))
    }

    /// What an answer means that is not the one that was wanted.
    pub(super) fn refused(
        &self,
        response: Response,
        request: &Request<'_>,
        scopes: &[String],
        call: &Call,
    ) -> Error {
        let denied = response.status == 401 && lacks_scope(&response);
        let refused = matches!(response.status, 401 | 403);
        let mut error = response.into_error(request.doing, self.common.limits.error, call);
        if refused && !scopes.is_empty() {
            error = error.cause(format!("required scope: {}", scopes.join(" ")));
        }
        let error = if denied { error.recode(Code::Denied) } else { error }
            .with(|d| d.method = Some(request.method.to_string()));
        self.auth.credentials().explain(error)
    }
}

/// How often the program is asked for other credentials for one request.
const MOST_RENEWALS: u32 = 5;

fn lacks_scope(response: &Response) -> bool {
    response
        .headers
        .get_all(header::WWW_AUTHENTICATE)
        .iter()
        .any(|value| String::from_utf8_lossy(value.as_bytes()).contains("insufficient_scope"))
}

/// What the lines of a version header name: `type/version`, the type in lower case and `unknown` where there is none.
pub fn api_versions<'a>(lines: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let version = |text: &str| match text.split_once('/') {
        Some((kind, version)) => format!("{}/{version}", kind.to_ascii_lowercase()),
        None => format!("unknown/{text}"),
    };
    lines.into_iter().flat_map(str::split_whitespace).map(version).collect()
}

/// DefaultRegistryVersionHeader of the registry package.
const VERSION_HEADER: &str = "docker-distribution-api-version";

/// An answer to a ping that makes no sense is known by its phase.
pub fn of_ping(error: Error) -> Error {
    if error.code() == Code::Protocol { error.phase(Phase::Ping) } else { error }
}
