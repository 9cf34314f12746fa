//! Sessions: a registry or repository with its endpoints in order, and which of them answers.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde::Serialize;

use crate::call::{Call, Event};
use crate::credentials::{AuthConfig, Credentials};
use crate::crypto;
use crate::error::{Code, Error, Phase, Result};
use crate::log::{Level, Record};
use crate::names::host;
use crate::names::reference::{Reference, check_path};
use crate::registry::api_endpoint::ApiEndpoint;
use crate::registry::endpoint::Endpoint;
use crate::registry::failover::{Failures, is_final, is_no_answer, try_in_order};
use crate::registry::service::Service;
use crate::tls::Identity;
use crate::v2::pages::{Listing, PageOptions};
use crate::v2::place::Target;
use crate::v2::registry::Common;
use crate::v2::repository::Selector;
use crate::v2::{Registry, Repository};

/// One registry, or one repository of it, at one or several endpoints.
#[derive(Debug)]
pub struct Session {
    id: String,
    candidates: Vec<Candidate>,
    current: AtomicUsize,
    subject: Subject,
    /// The warnings of its opening.
    warnings: Vec<String>,
}

/// An endpoint with its client.
#[derive(Debug, Clone)]
struct Candidate {
    endpoint: Endpoint,
    registry: Registry,
}

/// What the session is for.
#[derive(Debug, Clone)]
enum Subject {
    Registry,
    Repository { path: String, actions: String, reference: Option<Reference> },
}

/// What a session is, as a document.
#[derive(Debug, Clone, Serialize)]
pub struct Info {
    /// "v2".
    pub protocol: &'static str,
    /// The endpoint's address.
    pub endpoint: String,
    /// Whether that is a mirror.
    pub mirror: bool,
    /// The repository's path, if the session is of one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// The canonical reference, if the session was opened for one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Warnings about what failed while the session was opened.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// How a session is opened.
#[derive(Debug, Clone, Default)]
pub struct OpenOptions {
    /// The credentials; None is what the service would use.
    pub auth: Option<AuthConfig>,
    /// Such as `pull`; empty is `pull` alone.
    pub actions: Vec<String>,
}

impl Session {
    /// Creates a session for the whole registry at one endpoint. It sends nothing, but may run a credential helper.
    pub fn new(endpoint: &Endpoint, auth: Option<AuthConfig>, call: &Call) -> Result<Self> {
        let auth = match auth {
            Some(auth) => auth.into(),
            None => endpoint.service().credentials_to_read(endpoint.authority(), "", call)?,
        };
        let identity = endpoint.identity(call)?;
        let candidate = Candidate::new(endpoint.clone(), identity, auth);
        Self::of(vec![candidate], 0, Subject::Registry, call.warnings())
    }

    /// Opens a session for the repository of a reference: its endpoints are tried in order, and the first that answers is kept.
    pub fn open(
        service: &Service,
        reference: &Reference,
        options: &OpenOptions,
        call: &Call,
    ) -> Result<Self> {
        check_openable(reference)?;
        let actions =
            if options.actions.is_empty() { "pull".to_owned() } else { options.actions.join(",") };
        let (domain, path) = (reference.domain(), reference.path());
        let subject = Subject::Repository {
            path: path.to_owned(),
            actions: actions.clone(),
            reference: Some(reference.clone()),
        };
        Self::open_at(service, domain, path, &actions, subject, options, call)
    }

    /// Opens a session for a registry, `host[:port]`: its endpoints are tried in order, and the first that answers is kept.
    pub fn open_registry(
        service: &Service,
        host: &str,
        options: &OpenOptions,
        call: &Call,
    ) -> Result<Self> {
        Self::open_at(service, host, "", "pull", Subject::Registry, options, call)
    }

    fn open_at(
        service: &Service,
        domain: &str,
        path: &str,
        actions: &str,
        subject: Subject,
        options: &OpenOptions,
        call: &Call,
    ) -> Result<Self> {
        let only_reads = actions == "pull";
        let endpoints = if only_reads {
            service.lookup_pull_endpoints(domain, call)?
        } else {
            service.lookup_push_endpoints(domain, call)?
        };
        let mut own: Option<Credentials> = options.auth.clone().map(Into::into);
        let mut candidates = Vec::with_capacity(endpoints.len());
        for api in endpoints {
            let mirror = api.mirror;
            let endpoint = Endpoint::new(service.clone(), api)?;
            let Some(identity) = endpoint.identity_of_lookup(call)? else { continue };
            let found = |host: &str| match only_reads {
                true => service.credentials_to_read(host, path, call),
                false => service.credentials_for(host, path, call).map(|found| found.auth.into()),
            };
            let auth = if mirror {
                // Whoever serves a mirror is not who the upstream's credentials are for.
                found(endpoint.authority())?
            } else {
                match &own {
                    Some(auth) => auth.clone(),
                    None => own.insert(found(domain)?).clone(),
                }
            };
            candidates.push(Candidate::new(endpoint, identity, auth));
        }
        let (current, ()) =
            first_that_answers(&candidates, 0, call, |c| c.registry.ping(call).map(drop))?;
        Self::of(candidates, current, subject, call.warnings())
    }

    fn of(
        candidates: Vec<Candidate>,
        current: usize,
        subject: Subject,
        warnings: Vec<String>,
    ) -> Result<Self> {
        let (id, current) = (new_id()?, AtomicUsize::new(current));
        Ok(Self { id, candidates, current, subject, warnings })
    }

    /// The same endpoints for one repository of theirs.
    pub fn repository(&self, path: &str) -> Result<Self> {
        check_path(path)?;
        let subject = Subject::Repository {
            path: path.to_owned(),
            actions: "pull".to_owned(),
            reference: None,
        };
        let current = self.current.load(Ordering::Relaxed);
        Self::of(self.candidates.clone(), current, subject, self.warnings.clone())
    }

    /// 64 random hex digits, another for each session.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What the session is.
    pub fn info(&self) -> Info {
        let candidate = &self.candidates[self.current.load(Ordering::Relaxed)];
        let (repository, reference) = match &self.subject {
            Subject::Registry => (None, None),
            Subject::Repository { path, reference, .. } => {
                (Some(path.clone()), reference.as_ref().map(Reference::canonical))
            }
        };
        Info {
            protocol: "v2",
            endpoint: candidate.api().url.clone(),
            mirror: candidate.api().mirror,
            repository,
            reference,
            warnings: self.warnings.clone(),
        }
    }

    /// What its endpoints share: limits, and how many blobs move at once.
    pub fn common(&self) -> &Common {
        self.candidates[0].registry.common()
    }

    /// The image that the session is for, at the endpoint in use.
    pub fn target(&self) -> Result<Target> {
        let (path, actions, _) = self.repository_subject()?;
        let candidate = &self.candidates[self.current.load(Ordering::Relaxed)];
        let repository = Repository::new(candidate.registry.clone(), path.to_owned(), actions);
        Ok(Target::new(repository, self.selector(None)?))
    }

    /// The same, to write to it: at an endpoint of the registry's own, with credentials that were found.
    pub fn target_to_push(&self, call: &Call) -> Result<Target> {
        let repository = self.with_repository_to_push(call, |repository| Ok(repository.clone()))?;
        let allowed = self.candidates.iter().any(|c| c.api().allow_nondistributable_artifacts);
        Ok(Target::new(repository, self.selector(None)?).taking_nondistributable(allowed))
    }

    /// Asks the endpoint in use for `/v2/`.
    pub fn ping(&self, call: &Call) -> Result<crate::v2::registry::Ping> {
        self.candidates[self.current.load(Ordering::Relaxed)].registry.ping(call)
    }

    /// The manifest that a call means: what it names, else what the session was opened for, else `latest`.
    pub fn selector(&self, text: Option<&str>) -> Result<Selector> {
        if let Some(text) = text {
            return text.parse();
        }
        match &self.subject {
            Subject::Repository { reference: Some(reference), .. } => Ok(selector_of(reference)),
            _ => Ok(Selector::Tag("latest".to_owned())),
        }
    }

    /// The repositories of the registry.
    pub fn catalog(&self, options: &PageOptions, call: &Call) -> Result<Listing> {
        let start = self.current.load(Ordering::Relaxed);
        let (used, listing) = first_that_answers(&self.candidates, start, call, |candidate| {
            candidate.registry.catalog(options, call)
        })?;
        self.current.store(used, Ordering::Relaxed);
        Ok(listing)
    }

    /// Does something with the repository at the endpoint in use, or at the next one where that one fails.
    pub fn with_repository<T>(
        &self,
        call: &Call,
        mut work: impl FnMut(&Repository) -> Result<T>,
    ) -> Result<T> {
        let (path, actions, _) = self.repository_subject()?;
        let start = self.current.load(Ordering::Relaxed);
        let (used, result) = first_that_answers(&self.candidates, start, call, |candidate| {
            work(&Repository::new(candidate.registry.clone(), path.to_owned(), actions))
        })?;
        self.current.store(used, Ordering::Relaxed);
        Ok(result)
    }

    /// As [`Session::with_repository`], to change it: with the right to push, and never at a mirror.
    pub fn with_repository_to_push<T>(
        &self,
        call: &Call,
        work: impl FnMut(&Repository) -> Result<T>,
    ) -> Result<T> {
        self.with_repository_to("push", "pull,push", call, work)
    }

    /// As [`Session::with_repository_to_push`], to delete from it.
    pub fn with_repository_to_delete<T>(
        &self,
        call: &Call,
        mut work: impl FnMut(&Repository) -> Result<T>,
    ) -> Result<T> {
        self.with_repository_to("delete", "pull,push,delete", call, |repository| {
            match work(repository) {
                // Some token servers know no such right, and give it only with all others.
                Err(error)
                    if error.details().phase == Some(Phase::Token)
                        && matches!(
                            error.code(),
                            Code::Rejected | Code::Denied | Code::Unauthorized
                        ) =>
                {
                    work(&repository.with_actions("*"))
                }
                done => done,
            }
        })
    }

    fn with_repository_to<T>(
        &self,
        action: &str,
        usual: &str,
        call: &Call,
        mut work: impl FnMut(&Repository) -> Result<T>,
    ) -> Result<T> {
        let (path, actions, reference) = self.repository_subject()?;
        // Nobody chose the actions of a session that was derived from another one.
        let actions = match reference {
            None => usual,
            Some(_) if actions.split(',').any(|a| a == action || a == "*") => actions,
            Some(_) => {
                let wanted = usual.replace(',', "\", \"");
                return Err(Error::argument(
                    "session",
                    format!("the session was opened only for {actions}"),
                )
                .hint(format!("open the session with the option actions set to [\"{wanted}\"]")));
            }
        };
        // Mirrors come first, the registry's own endpoints after them.
        let mirrors = self.candidates.iter().take_while(|c| c.api().mirror).count();
        for candidate in self.candidates.iter().skip(mirrors) {
            candidate.registry.auth().credentials().check()?;
        }
        let start = self.current.load(Ordering::Relaxed).max(mirrors);
        let (_, result) = first_that_answers(&self.candidates, start, call, |candidate| {
            work(&Repository::new(candidate.registry.clone(), path.to_owned(), actions))
        })?;
        Ok(result)
    }

    fn repository_subject(&self) -> Result<(&str, &str, Option<&Reference>)> {
        match &self.subject {
            Subject::Repository { path, actions, reference } => {
                Ok((path, actions, reference.as_ref()))
            }
            Subject::Registry => Err(Error::new(
                Code::InvalidArgument,
                "this call needs a repository, but the session is for a whole registry",
            )
            .hint("call ocireg_session_repository() to get a session for a repository")),
        }
    }
}

/// Refuses a reference that has a form but no registry to ask.
pub fn check_openable(reference: &Reference) -> Result<()> {
    if reference.domain().is_empty() {
        return Err(Error::new(
            Code::InvalidReference,
            format!("{} does not name a registry", reference.name()),
        )
        .hint("put the registry's host in front, as in registry.example/name"));
    }
    Ok(())
}

/// The tag or digest of a reference; the digest wins, and no tag is `latest`.
pub fn selector_of(reference: &Reference) -> Selector {
    match (reference.digest(), reference.tag()) {
        (Some(digest), _) => Selector::Digest(digest.clone()),
        (None, Some(tag)) => Selector::Tag(tag.to_owned()),
        (None, None) => Selector::Tag("latest".to_owned()),
    }
}

impl Candidate {
    fn new(endpoint: Endpoint, identity: Identity, credentials: Credentials) -> Self {
        let common = endpoint.service().common().clone();
        let registry = Registry::new(common, endpoint.url().clone(), identity, credentials);
        Self { endpoint, registry }
    }

    fn api(&self) -> &ApiEndpoint {
        self.endpoint.api()
    }
}

/// Tries the endpoints beginning with `start`, and returns which one succeeded.
///
/// The next one is tried where one gave no answer, or is a mirror; an endpoint that is not has the last word.
fn first_that_answers<T>(
    candidates: &[Candidate],
    start: usize,
    call: &Call,
    mut work: impl FnMut(&Candidate) -> Result<T>,
) -> Result<(usize, T)> {
    let attempt = |candidate: &Candidate| {
        work(candidate).map_err(|e| e.with(|d| d.endpoint = Some(candidate.api().url.clone())))
    };
    let goes_on = |error: &Error, from: &Candidate, to: &Candidate| {
        let mirror = from.api().mirror;
        if is_final(error) || !(mirror || is_no_answer(error)) {
            return Ok(false);
        }
        call.log(Level::Warn, "session", || {
            let shown = |candidate: &Candidate| host::printable(&candidate.api().url);
            let (from, to) = (shown(from), shown(to));
            Record::new(format!("trying {to} instead of {from}: {error}"))
                .error(error)
                .with("from", from)
                .with("to", to)
                .with("mirror", mirror)
        });
        call.event(&Event::Endpoint { code: error.code().number(), message: &error.to_string() })?;
        Ok(true)
    };
    try_in_order(candidates, start, attempt, goes_on).map_err(Failures::most_telling)
}

/// 64 random hex digits.
pub(crate) fn new_id() -> Result<String> {
    crypto::random_hex(32).map_err(|e| Error::file("cannot create a session ID", &e))
}
