//! One endpoint of a session: what it is good for, and what its failures mean for others.

use std::collections::VecDeque;

use super::failover::{is_final, is_no_answer, is_silence};
use super::resolver::{Origin, Route};
use crate::call::{Call, Event};
use crate::credentials::Credentials;
use crate::error::{Code, Error, Phase, Result};
use crate::log::{Level, Record};
use crate::names::host;
use crate::v2::blob::Others;
use crate::v2::registry::Manner;
use crate::v2::repository::Selector;
use crate::v2::{Registry, Repository};

/// What an endpoint must be good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Manifests by digest, and blobs.
    Pull,
    /// What a tag names, and which tags there are.
    Resolve,
    /// What refers to a manifest.
    Referrers,
    /// Changes.
    Push,
}

impl Need {
    /// To get the manifest that is meant.
    pub fn of(selector: &Selector) -> Self {
        match selector {
            Selector::Tag(_) => Self::Resolve,
            Selector::Digest(_) => Self::Pull,
        }
    }
}

/// An endpoint with its client.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    pub(super) route: Route,
    pub(super) registry: Registry,
}

impl Candidate {
    pub(super) fn new(route: Route, has_next: bool, credentials: Credentials) -> Self {
        let endpoint = &route.endpoint;
        let (common, url) = (endpoint.service().common().clone(), endpoint.url().clone());
        let has_alternative = endpoint.api().mirror && has_next;
        let manner = Manner { has_alternative, ..route.manner.clone() };
        let registry =
            Registry::new(common, url, route.identity.clone(), credentials).in_manner(manner);
        Self { route, registry }
    }

    pub(super) fn url(&self) -> &str {
        &self.route.endpoint.api().url
    }

    pub(super) fn is_mirror(&self) -> bool {
        self.route.endpoint.api().mirror
    }

    pub(super) fn is_good_for(&self, need: Need) -> bool {
        let able = self.route.capabilities;
        match need {
            Need::Pull => able.pull,
            Need::Resolve => able.resolve,
            Need::Referrers => able.referrers,
            Need::Push => able.push,
        }
    }

    pub(super) fn repository(&self, domain: &str, path: &str, actions: &str) -> Result<Repository> {
        let path = self.route.names.path(domain, path)?;
        Ok(Repository::new(self.registry.clone(), path, actions))
    }

    /// Whether somebody answers there. Of a host of hosts.toml it is enough that he does: not all of them have a root to ask.
    pub(super) fn check(&self, call: &Call) -> Result<()> {
        match self.registry.ping(call) {
            Err(error)
                if self.route.source == Origin::HostsToml && error.code() == Code::NotFound =>
            {
                Ok(())
            }
            asked => asked.map(drop),
        }
    }

    /// Whether another endpoint may do better after this failure.
    pub(super) fn gives_way(&self, error: &Error, need: Need) -> bool {
        // Nothing is pushed half to one registry and half to another one.
        let is_passable = self.is_mirror() && need != Need::Push;
        !is_final(error) && (is_passable || is_no_answer(error))
    }

    /// Tells that another endpoint is tried instead.
    pub(super) fn tell_of(&self, error: &Error, to: &Self, call: &Call) -> Result<()> {
        call.log(Level::Warn, "session", || {
            let (from, to) = (host::printable(self.url()), host::printable(to.url()));
            Record::new(format!("trying {to} instead of {from}: {error}"))
                .error(error)
                .with("from", from)
                .with("to", to)
                .with("mirror", self.is_mirror())
        });
        let (code, message) = (error.code().number(), error.to_string());
        call.event(&Event::Endpoint { code, message: &message })
    }

    /// Remembers a failure that other sessions should know of.
    pub(super) fn note(&self, error: &Error) {
        let health = self.route.endpoint.service().health();
        if !self.is_mirror() {
        } else if error.code() == Code::DigestMismatch {
            self.is_wrong();
        } else if is_silence(error) {
            health.is_silent(self.url());
        }
    }

    pub(super) fn is_wrong(&self) {
        self.route.endpoint.service().health().is_wrong(self.url());
    }

    /// Why a mirror is not asked now.
    pub(super) fn why_passed_over(&self) -> Option<String> {
        let health = self.route.endpoint.service().health();
        self.is_mirror().then(|| health.why(self.url())).flatten()
    }
}

/// The endpoints that a blob can still be read from, the one in use first.
#[derive(Debug)]
pub(super) struct Rest {
    pub(super) candidates: VecDeque<(Candidate, Repository)>,
}

impl Others for Rest {
    fn after(&mut self, failure: &Error, call: &Call) -> Result<Option<Repository>> {
        let Some((failed, _)) = self.candidates.front() else { return Ok(None) };
        failed.note(failure);
        let Some((next, repository)) = self.candidates.get(1) else { return Ok(None) };
        if !failed.gives_way(failure, Need::Pull) {
            return Ok(None);
        }
        failed.tell_of(failure, next, call)?;
        let repository = repository.clone();
        self.candidates.pop_front();
        Ok(Some(repository))
    }

    fn blame(&mut self) {
        if let Some((candidate, _)) = self.candidates.front().filter(|(c, _)| c.is_mirror()) {
            candidate.is_wrong();
        }
    }
}

/// The error where no endpoint is good for something.
pub(super) fn nobody(need: Need) -> Error {
    let (what, capability) = match need {
        Need::Pull => ("blobs or manifests may be pulled from", "pull"),
        Need::Resolve => ("may say what a tag names", "resolve"),
        Need::Referrers => ("may say what refers to a manifest", "referrers"),
        Need::Push => ("may be pushed to", "push"),
    };
    Error::new(Code::Unsupported, format!("no configured host {what}")).phase(Phase::Config).hint(
        format!(
            "give a host in hosts.toml the capability {capability}, or remove its capabilities"
        ),
    )
}
