//! Sessions: a registry or repository with its endpoints in order, and which of them answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde::Serialize;

use crate::call::Call;
use crate::credentials::{Allowed, AuthConfig, Credentials, Purpose};
use crate::crypto;
use crate::error::{Code, Error, Phase, Result};
use crate::names::reference::{Reference, check_path};
use crate::registry::candidate::{Candidate, Rest, nobody};
use crate::registry::endpoint::Endpoint;
use crate::registry::failover::{Failures, try_in_order};
use crate::registry::resolver::{Origin, Route, Wanted};
use crate::registry::service::Service;
use crate::v2::Repository;
use crate::v2::blob::BlobReader;
use crate::v2::foreign::Wanted as WantedBlob;
use crate::v2::pages::{Listing, PageOptions};
use crate::v2::place::Target;
use crate::v2::registry::Common;
use crate::v2::repository::Selector;

pub use crate::registry::candidate::Need;

/// One registry, or one repository of it, at one or several endpoints.
#[derive(Debug)]
pub struct Session {
    id: String,
    candidates: Vec<Candidate>,
    /// Those that failed this session in another way than not to have a blob.
    left: Vec<AtomicBool>,
    /// The last one that did what was asked.
    current: AtomicUsize,
    /// The registry whose endpoints they are, `host[:port]`; empty if the caller chose the endpoint.
    domain: String,
    subject: Subject,
    /// The warnings of its opening.
    warnings: Vec<String>,
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
    /// Who may be asked for credentials.
    pub allowed: Allowed,
}

impl Session {
    /// Creates a session for the whole registry at one endpoint. It sends nothing, but may run a credential helper.
    pub fn new(endpoint: &Endpoint, auth: Option<AuthConfig>, call: &Call) -> Result<Self> {
        let auth = match auth {
            Some(auth) => auth.into(),
            None => {
                let purpose = Purpose::new(endpoint.authority(), "");
                endpoint.service().credentials_to_read(purpose, call)?
            }
        };
        let identity = endpoint.identity(call)?;
        let route = Route::new(endpoint.clone(), identity, Origin::Default);
        let candidate = Candidate::new(route, false, auth);
        Self::of(vec![candidate], String::new(), Subject::Registry, call)
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
        let wanted = Wanted { domain, image: Some(reference), push: actions != "pull" };
        Self::open_at(service, &wanted, path, subject, options, call)
    }

    /// Opens a session for a registry, `host[:port]`: its endpoints are tried in order, and the first that answers is kept.
    pub fn open_registry(
        service: &Service,
        host: &str,
        options: &OpenOptions,
        call: &Call,
    ) -> Result<Self> {
        let wanted = Wanted { domain: host, image: None, push: false };
        Self::open_at(service, &wanted, "", Subject::Registry, options, call)
    }

    fn open_at(
        service: &Service,
        wanted: &Wanted<'_>,
        path: &str,
        subject: Subject,
        options: &OpenOptions,
        call: &Call,
    ) -> Result<Self> {
        let mut own: Option<Credentials> = options.auth.clone().map(Into::into);
        let mut routes = service.resolve(wanted, call)?;
        let refused: Vec<String> =
            routes.extract_if(.., |route| route.skipped.is_some()).map(|r| r.told()).collect();
        let count = routes.len();
        let mut candidates = Vec::with_capacity(count);
        for (at, route) in routes.into_iter().enumerate() {
            let found = |host: &str, path: &str| {
                let actions = match &options.actions[..] {
                    [] => vec!["pull".to_owned()],
                    actions => actions.to_vec(),
                };
                let allowed = options.allowed.clone();
                let purpose = Purpose { actions, allowed, ..Purpose::new(host, path) };
                match wanted.push {
                    false => service.credentials_to_read(purpose, call),
                    true => service.credentials_to_write(purpose, call),
                }
            };
            let auth = if route.endpoint.api().mirror {
                // Whoever serves a mirror is not who the upstream's credentials are for.
                let path = match path {
                    "" => String::new(),
                    path => route.names.path(wanted.domain, path)?,
                };
                found(route.endpoint.authority(), &path)?
            } else {
                match &own {
                    Some(auth) => auth.clone(),
                    None => own.insert(found(wanted.domain, path)?).clone(),
                }
            };
            candidates.push(Candidate::new(route, at + 1 < count, auth));
        }
        let need = match (wanted.push, wanted.image) {
            (true, _) => Need::Push,
            (false, Some(image)) => Need::of(&selector_of(image)),
            (false, None) => Need::Resolve,
        };
        if candidates.is_empty() {
            return Err(refused.into_iter().fold(nobody(need), Error::cause));
        }
        let session = Self::of(candidates, wanted.domain.to_owned(), subject, call)?;
        session.first_that_answers(need, call, |candidate| candidate.check(call))?;
        Ok(Self { warnings: call.warnings(), ..session })
    }

    fn of(
        candidates: Vec<Candidate>,
        domain: String,
        subject: Subject,
        call: &Call,
    ) -> Result<Self> {
        let left = candidates.iter().map(|_| AtomicBool::new(false)).collect();
        let (id, warnings, current) = (new_id()?, call.warnings(), AtomicUsize::new(0));
        Ok(Self { id, candidates, left, current, domain, subject, warnings })
    }

    /// The same endpoints for one repository of theirs.
    pub fn repository(&self, path: &str) -> Result<Self> {
        check_path(path)?;
        let subject = Subject::Repository {
            path: path.to_owned(),
            actions: "pull".to_owned(),
            reference: None,
        };
        if !self.domain.is_empty() {
            let own = match &self.subject {
                Subject::Registry => "",
                Subject::Repository { path, .. } => path,
            };
            self.service().check_derived(&self.domain, own, path)?;
        }
        let copied = |flag: &AtomicBool| AtomicBool::new(flag.load(Ordering::Relaxed));
        Ok(Self {
            id: new_id()?,
            candidates: self.candidates.clone(),
            left: self.left.iter().map(copied).collect(),
            current: AtomicUsize::new(self.current.load(Ordering::Relaxed)),
            domain: self.domain.clone(),
            subject,
            warnings: self.warnings.clone(),
        })
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
            endpoint: candidate.url().to_owned(),
            mirror: candidate.is_mirror(),
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
        let repository = candidate.repository(&self.domain, path, actions)?;
        Ok(Target::new(repository, self.selector(None)?))
    }

    /// The same, to write to it: at an endpoint of the registry's own, with credentials that were found.
    pub fn target_to_push(&self, call: &Call) -> Result<Target> {
        let repository = self.with_repository_to_push(call, |repository| Ok(repository.clone()))?;
        let allows = |c: &Candidate| c.route.endpoint.api().allow_nondistributable_artifacts;
        let allowed = self.candidates.iter().any(allows);
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
        self.first_that_answers(Need::Resolve, call, |candidate| {
            candidate.registry.catalog(options, call)
        })
    }

    /// Reads by digest from the repository at the first endpoint that is good for that, or at the next one where it fails.
    pub fn with_repository<T>(
        &self,
        call: &Call,
        work: impl FnMut(&Repository) -> Result<T>,
    ) -> Result<T> {
        self.with_repository_for(Need::Pull, call, work)
    }

    /// Opens a blob at an offset. Where the endpoint fails in the middle, the reader goes on at the next one.
    pub fn open_blob(&self, blob: &WantedBlob, offset: u64, call: &Call) -> Result<BlobReader> {
        let (path, actions, _) = self.repository_subject()?;
        let repository = |candidate: &Candidate| candidate.repository(&self.domain, path, actions);
        let (used, reader) = self.first_with_its_place(Need::Pull, call, |candidate| {
            BlobReader::open(Arc::new(repository(candidate)?), blob, offset, call)
        })?;
        let order = self.order(Need::Pull)?;
        let rest = order.into_iter().filter(|at| *at >= used);
        let candidates = rest.map(|at| {
            let candidate = &self.candidates[at];
            Ok((candidate.clone(), repository(candidate)?))
        });
        let rest = Rest { candidates: candidates.collect::<Result<_>>()? };
        Ok(reader.with_others(Box::new(rest)))
    }

    /// The same for something else that is read.
    pub fn with_repository_for<T>(
        &self,
        need: Need,
        call: &Call,
        mut work: impl FnMut(&Repository) -> Result<T>,
    ) -> Result<T> {
        let (path, actions, _) = self.repository_subject()?;
        self.first_that_answers(need, call, |candidate| {
            work(&candidate.repository(&self.domain, path, actions)?)
        })
    }

    /// As [`Session::with_repository`], to change it: with the right to push, at an endpoint that takes changes.
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
        let (path, actions) = self.subject_to_change(action, usual)?;
        self.first_that_answers(Need::Push, call, |candidate| {
            work(&candidate.repository(&self.domain, path, actions)?)
        })
    }

    /// The repository and the actions that it is changed with, if the session may do that.
    fn subject_to_change<'a>(&'a self, action: &str, usual: &'a str) -> Result<(&'a str, &'a str)> {
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
        for candidate in self.candidates.iter().filter(|c| c.is_good_for(Need::Push)) {
            candidate.registry.auth().credentials().check()?;
        }
        Ok((path, actions))
    }

    fn service(&self) -> &Service {
        self.candidates[0].route.endpoint.service()
    }

    /// The endpoints to ask, in order: those that are good for it and have not failed, or else all that are good for it.
    fn order(&self, need: Need) -> Result<Vec<usize>> {
        let able = |at: &usize| self.candidates[*at].is_good_for(need);
        let able: Vec<usize> = (0..self.candidates.len()).filter(able).collect();
        if able.is_empty() {
            return Err(nobody(need));
        }
        let is_well = |at: &usize| {
            let is_left = self.left[*at].load(Ordering::Relaxed);
            !is_left && self.candidates[*at].why_passed_over().is_none()
        };
        let well: Vec<usize> = able.iter().copied().filter(is_well).collect();
        Ok(if well.is_empty() { able } else { well })
    }

    /// Tries the endpoints in order.
    ///
    /// The next one is tried where one gave no answer, or is a mirror; an endpoint that is not has the last word.
    fn first_that_answers<T>(
        &self,
        need: Need,
        call: &Call,
        work: impl FnMut(&Candidate) -> Result<T>,
    ) -> Result<T> {
        self.first_with_its_place(need, call, work).map(|(_, done)| done)
    }

    fn first_with_its_place<T>(
        &self,
        need: Need,
        call: &Call,
        mut work: impl FnMut(&Candidate) -> Result<T>,
    ) -> Result<(usize, T)> {
        let mut done = None;
        let used = self.first(need, call, &mut |candidate| {
            done = Some(work(candidate)?);
            Ok(())
        })?;
        Ok((used, done.ok_or_else(|| Error::internal("an endpoint answered nothing"))?))
    }

    /// Not generic: one loop for everything that is asked for.
    fn first(
        &self,
        need: Need,
        call: &Call,
        work: &mut dyn FnMut(&Candidate) -> Result<()>,
    ) -> Result<usize> {
        let order = self.order(need)?;
        let mut suspects = Vec::new();
        let attempt = |at: &usize| {
            let candidate = &self.candidates[*at];
            work(candidate).map_err(|error| {
                candidate.note(&error);
                if candidate.is_mirror() && error.code() == Code::SizeMismatch {
                    suspects.push(*at);
                }
                error.with(|d| d.endpoint = Some(candidate.url().to_owned()))
            })
        };
        let goes_on = |error: &Error, from: &usize, to: &usize| {
            let (at, from, to) = (*from, &self.candidates[*from], &self.candidates[*to]);
            if !from.gives_way(error, need) {
                return Ok(false);
            }
            // A cache may have some blobs of an image and not others.
            let is_absent = error.code() == Code::NotFound && error.details().what == Some("blob");
            if !is_absent {
                self.left[at].store(true, Ordering::Relaxed);
            }
            from.tell_of(error, to, call)?;
            Ok(true)
        };
        let (used, ()) =
            try_in_order(&order, 0, attempt, goes_on).map_err(Failures::most_telling)?;
        // Another endpoint had the bytes, so the descriptor is right and theirs were wrong.
        for at in suspects {
            self.candidates[at].is_wrong();
        }
        self.current.store(order[used], Ordering::Relaxed);
        Ok(order[used])
    }

    /// Remembers what came from the endpoint in use, where this was found out only later.
    pub(super) fn blame_current(&self, error: &Error) {
        self.candidates[self.current.load(Ordering::Relaxed)].note(error);
    }

    /// Fails unless the session is of a repository.
    pub fn check_repository(&self) -> Result<()> {
        self.repository_subject().map(drop)
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

/// 64 random hex digits.
pub(crate) fn new_id() -> Result<String> {
    crypto::random_hex(32).map_err(|e| Error::file("cannot create a session ID", &e))
}
