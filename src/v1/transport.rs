//! Requests to an index and its registries: who gets which credentials, tokens and cookies.
//!
//! The index gets name and password where it asks for a token, a standalone registry on every request; the registries
//! that the index names get its tokens. Nobody else gets anything, also not by a redirect, but between the places that
//! the reference trusts.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::Value;
use url::Url;
use zeroize::Zeroizing;

use super::cookies::Cookies;
use super::root::Root;
use crate::auth::Authenticator;
use crate::call::Call;
use crate::credentials::Credentials;
use crate::error::Result;
use crate::http::origin::{Origin, is_trusted};
use crate::http::redirect::Trail;
use crate::http::retry::Attempts;
use crate::http::{HeaderName, HeaderValue, Method, Reaches, Redirects, Request, Response, header};
use crate::json::strict;
use crate::log::{Level, Record};
use crate::sync::{PerProcess, inherited, lock};
use crate::tls::Identity;
use crate::v2::Registry;
use crate::v2::registry::Common;

/// What asks for a token, and what gives it.
pub(super) const TOKEN: &str = "x-docker-token";

/// The headers that a caller wants on every request; their values may be secrets.
#[derive(Clone, Default)]
pub struct Headers {
    /// Empty is the service's.
    pub user_agent: String,
    /// Any others.
    pub others: Vec<(HeaderName, Zeroizing<String>)>,
}

impl std::fmt::Debug for Headers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<&HeaderName> = self.others.iter().map(|(name, _)| name).collect();
        f.debug_struct("Headers")
            .field("user_agent", &self.user_agent)
            .field("others", &names)
            .finish()
    }
}

/// What a session has to show who its user is.
#[derive(Debug)]
pub enum Login {
    /// The user name and password, if any, for an index that returns a token.
    Password {
        /// Where they are.
        credentials: Credentials,
        /// Whether the index is a standalone registry that gets them on every request.
        always: bool,
    },
    /// Bearer tokens for these scopes, as the registry of v2 at the index's address said that it wants them.
    Tokens(Box<Registry>, Vec<String>),
}

/// What the index gets of it.
enum Proof {
    Basic { auth: Box<Authenticator>, always: bool },
    Bearer(Box<Registry>, Vec<String>),
}

/// How a session asks its index and registries. Cheap to clone.
#[derive(Clone)]
pub struct Transport(Arc<Inner>);

struct Inner {
    common: Arc<Common>,
    /// How TLS is made with the index.
    identity: Identity,
    index: Origin,
    headers: Headers,
    proof: Option<Proof>,
    /// Anonymous, and why.
    missing: Credentials,
    state: PerProcess<Mutex<State>>,
}

#[derive(Clone, Default)]
struct State {
    /// What the index gave last.
    tokens: Zeroizing<String>,
    /// The registries that may have it.
    listed: HashSet<Origin>,
    cookies: Cookies,
    /// How TLS is made with registries that are not the index's own origin.
    identities: HashMap<Origin, Arc<Identity>>,
}

impl Transport {
    /// Before anything was asked. `index` is the root, `identity` how TLS is made with it.
    pub fn new(
        common: Arc<Common>,
        index: &Root,
        identity: Identity,
        headers: Headers,
        login: Login,
    ) -> Self {
        let has_password = |credentials: &Credentials| {
            !credentials.auth.username.is_empty() && !credentials.auth.password.is_empty()
        };
        let failure = match &login {
            Login::Password { credentials, .. } => credentials.failure.clone(),
            Login::Tokens(..) => None,
        };
        let missing = Credentials::missing(failure);
        let proof = match login {
            Login::Password { credentials, always } => has_password(&credentials).then(|| {
                let auth = Box::new(Authenticator::new(
                    common.client.clone(),
                    common.tokens.clone(),
                    common.policy.clone(),
                    index.url().clone(),
                    identity.clone(),
                    credentials,
                ));
                Proof::Basic { auth, always }
            }),
            Login::Tokens(registry, scopes) => Some(Proof::Bearer(registry, scopes)),
        };
        let index = Origin::of(index.url());
        let state =
            PerProcess::new(|parent| Mutex::new(parent.and_then(inherited).unwrap_or_default()));
        Self(Arc::new(Inner { common, identity, index, headers, proof, missing, state }))
    }

    /// What all registries of the service share.
    pub fn common(&self) -> &Common {
        &self.0.common
    }

    /// A GET without additional headers.
    pub fn request<'a>(&'a self, url: Url, doing: &'a str) -> Request<'a> {
        // Whoever is asked, `send` finds out how TLS is made with him.
        let mut request = Request::get(url, &self.0.identity, doing);
        request.redirects = Redirects::Refer;
        request
    }

    /// The registries that the index has named from now on may have its tokens.
    pub(super) fn list(&self, roots: &[Root]) {
        self.state().listed = roots.iter().map(|root| Origin::of(root.url())).collect();
    }

    /// Sends a request once; any status is a result.
    pub fn send(&self, request: &Request<'_>, call: &Call) -> Result<Response> {
        self.send_by(&Trail::begin(&request.url), request, call)
    }

    /// As [`Transport::send`], where a redirect may have led there.
    pub(super) fn send_by(
        &self,
        trail: &Trail,
        request: &Request<'_>,
        call: &Call,
    ) -> Result<Response> {
        let inner = &self.0;
        let is_stranger = trail.crossed && !trail.trusted;
        if !matches!(request.method, Method::GET | Method::HEAD) {
            inner.missing.check()?;
        }
        let origin = Origin::of(&request.url);
        let at_home = origin == inner.index;
        let identity =
            if at_home { None } else { Some(self.foreign(&origin, &request.url, call)?) };
        let identity = identity.as_deref().unwrap_or(&inner.identity);
        let mut request = request.clone();
        if !inner.headers.user_agent.is_empty() {
            let agent = &inner.headers.user_agent;
            request = request.header(header::USER_AGENT, agent, Reaches::Everywhere)?;
        }
        if is_stranger && at_home {
            // What was dropped once stays dropped, even on the way back.
            return inner.common.client.send_as(&request, identity, call);
        }
        // What belongs to the index goes on between trusted places.
        let at_home = at_home || (trail.crossed && trail.trusted);
        // A stranger to whom a redirect led gets no more of them than by a redirect that the client follows.
        for (name, value) in inner.headers.others.iter().filter(|_| !is_stranger) {
            request = request.header(name.clone(), value, Reaches::Trusted)?;
        }
        let asks = request.headers.iter().any(|(name, ..)| *name == TOKEN);
        let cookies = self.state().cookies.header(if at_home { &inner.index } else { &origin });
        if let Some(cookies) = cookies {
            request = request.header(header::COOKIE, &cookies, Reaches::Trusted)?;
        }
        let response = self.send_with_proof(&request, identity, at_home, asks, call)?;
        let trusted = is_trusted(&request.url) && is_trusted(&response.url);
        self.learn(&response, at_home && (!response.crossed || trusted));
        Ok(response)
    }

    /// Sends a request with what shows who we are, and once more with a new token where the index refuses a kept one.
    fn send_with_proof(
        &self,
        request: &Request<'_>,
        identity: &Identity,
        at_home: bool,
        asks: bool,
        call: &Call,
    ) -> Result<Response> {
        let inner = &self.0;
        let with = |proof: Option<&str>| {
            let mut request = request.clone();
            if let Some(proof) = proof {
                request = request.header(header::AUTHORIZATION, proof, Reaches::Trusted)?;
            }
            inner.common.client.send_as(&request, identity, call)
        };
        let first = self.authorization(&request.url, identity, at_home, asks, call)?;
        let response = with(first.as_ref().map(|proof| proof.as_str()))?;
        if let Some(Proof::Bearer(registry, scopes)) = &inner.proof
            && at_home
            && response.status == 401
            && !response.crossed
        {
            // The token was kept from an earlier search, and may have been taken back since.
            let second = registry.auth().authorization(scopes, first.as_ref(), call)?;
            if let Some(second) = second.filter(|second| first.as_ref() != Some(second)) {
                response.finish(call)?;
                return with(Some(&second));
            }
        }
        Ok(response)
    }

    /// As [`Transport::send`], tried again while that may help. A status that is not `wanted` is an error.
    pub fn fetch(
        &self,
        request: &Request<'_>,
        wanted: impl Fn(u16) -> bool,
        call: &Call,
    ) -> Result<Response> {
        let mut attempts = Attempts::new(&self.0.common.retry);
        loop {
            let outcome = self.send(request, call).and_then(|response| {
                if wanted(response.status) {
                    return Ok(response);
                }
                let refusal = response.into_error(request.doing, self.0.common.limits.error, call);
                Err(self.0.missing.explain(refusal))
            });
            match outcome {
                Ok(response) => return Ok(response),
                Err(error) => attempts
                    .again(error.with(|d| d.method = Some(request.method.to_string())), call)?,
            }
        }
    }

    fn authorization(
        &self,
        url: &Url,
        identity: &Identity,
        at_home: bool,
        asks: bool,
        call: &Call,
    ) -> Result<Option<Zeroizing<String>>> {
        let (inner, origin) = (&self.0, Origin::of(url));
        let log = |kind: &str| {
            call.log(Level::Debug, "auth", || {
                Record::new(format!("{kind} for {origin} by protocol v1"))
                    .with("host", origin.authority())
                    .with("scheme", kind)
            });
        };
        match inner.proof.as_ref().filter(|_| at_home) {
            Some(Proof::Basic { auth, always }) if asks || *always => {
                log("basic");
                return auth.basic().map(Some);
            }
            Some(Proof::Bearer(registry, scopes)) => {
                return registry.auth().authorization(scopes, None, call);
            }
            _ => {}
        }
        let state = self.state();
        if !state.tokens.is_empty() && (at_home || state.listed.contains(&origin)) {
            let header = Zeroizing::new(["Token ", state.tokens.as_str()].concat());
            drop(state);
            if inner.proof.is_some() {
                // It was given to somebody in particular, and is a credential like any other while it lives.
                inner.common.policy.check_secrets_go(&inner.common.client, url, identity)?;
            }
            log("token");
            return Ok(Some(header));
        }
        Ok(None)
    }

    /// Tokens count only from the index itself; cookies belong to whoever answered in the end.
    fn learn(&self, response: &Response, of_index: bool) {
        let lines = |name| {
            let values = response.headers.get_all::<HeaderName>(name).iter();
            values.filter_map(|value| value.to_str().ok())
        };
        let mut state = self.state();
        let tokens: Vec<&str> = lines(HeaderName::from_static(TOKEN)).collect();
        if of_index && !tokens.is_empty() {
            state.tokens = Zeroizing::new(tokens.join(","));
        }
        state.cookies.learn(&Origin::of(&response.url), lines(header::SET_COOKIE));
    }

    fn foreign(&self, origin: &Origin, url: &Url, call: &Call) -> Result<Arc<Identity>> {
        if let Some(known) = self.state().identities.get(origin) {
            return Ok(known.clone());
        }
        let made = Arc::new(self.0.common.client.foreign(&self.0.identity, url, call)?);
        self.state().identities.insert(origin.clone(), made.clone());
        Ok(made)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(self.0.state.get())
    }
}

impl std::fmt::Debug for Transport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transport").field("index", &self.0.index).finish_non_exhaustive()
    }
}

impl Headers {
    /// The headers of a caller's document, {"Name": ["value"]}, and the user agent, unless that is empty.
    pub fn parse(user_agent: Option<&str>, document: Option<&str>) -> Result<Self> {
        let mut headers = Self::default();
        let given = strict::parse(document.unwrap_or("{}"), "headers_json")?;
        let Value::Object(given) = given else {
            return Err(strict::invalid("headers_json", "headers_json must be a JSON object"));
        };
        for (name, values) in given {
            for value in strict::strings(values, "headers_json")?.into_iter().map(Zeroizing::new) {
                headers.add(&name, &value)?;
            }
        }
        if let Some(user_agent) = user_agent.filter(|text| !text.is_empty()) {
            headers.add("user-agent", user_agent)?;
        }
        Ok(headers)
    }

    /// One header more.
    pub fn add(&mut self, name: &str, value: &str) -> Result<()> {
        let invalid = |what: &str| {
            let shown = crate::names::host::printable(name);
            crate::error::Error::argument("headers_json", format!("the header {shown:?} {what}"))
        };
        let name = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| invalid("has a name that is not valid"))?;
        if [
            header::AUTHORIZATION,
            header::COOKIE,
            header::HOST,
            header::CONTENT_LENGTH,
            header::TRANSFER_ENCODING,
        ]
        .contains(&name)
        {
            return Err(invalid("is set by the library itself"));
        }
        if HeaderValue::from_str(value).is_err() {
            return Err(invalid("has a value that contains control characters"));
        }
        if name == header::USER_AGENT {
            value.clone_into(&mut self.user_agent);
        } else {
            self.others.push((name, Zeroizing::new(value.to_owned())));
        }
        Ok(())
    }
}
