//! Where a service's credentials come from, in order: the program's function, the service's own option, Docker's
//! config.json with its helpers, and auth.json of the containers tools.

use std::collections::HashMap;
use std::fmt;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::Serialize;
use zeroize::Zeroizing;

use super::callback::{Callback, Reason};
use super::config_file::{ConfigFile, Stamp};
use super::helper::{self, Helper};
use super::purpose::{Purpose, SourceKind};
use super::store::{Server, Store};
use super::{AuthConfig, Keyring};
use crate::call::Call;
use crate::config::options::PathOption;
use crate::error::{Code, Error, Result};
use crate::os::environment::Environment;
use crate::sync::{PerProcess, lock};

/// What the program's function is called where the source of credentials is told.
const CALLBACK: &str = "callback";

/// Credentials and where they were.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// The credentials; anonymous if there are none.
    pub auth: AuthConfig,
    /// `credentials` for the option of that name, a file, a variable or a helper; None if there are no credentials.
    pub source: Option<String>,
    /// Why the source failed; a call that only reads may continue without credentials.
    pub failure: Option<Error>,
}

/// What may be reported about credentials: never a secret.
#[derive(Debug, Clone, Serialize)]
pub struct Summary {
    /// The user's name, where there is one.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub username: String,
    /// Where they were.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// "password", "identity_token", "registry_token" or "anonymous".
    pub kind: &'static str,
}

impl Found {
    fn new(auth: AuthConfig, source: impl Into<String>) -> Self {
        Self { auth, source: Some(source.into()), failure: None }
    }

    /// Whether they came from the program's function.
    pub(super) fn is_of_callback(&self) -> bool {
        self.source.as_deref() == Some(CALLBACK)
    }

    /// What may be reported about them.
    pub fn summary(&self) -> Summary {
        let auth = &self.auth;
        let kind = if !auth.registrytoken.is_empty() {
            "registry_token"
        } else if !auth.identitytoken.is_empty() {
            "identity_token"
        } else if !auth.username.is_empty() && !auth.password.is_empty() {
            "password"
        } else {
            "anonymous"
        };
        Summary { username: auth.username.clone(), source: self.source.clone(), kind }
    }
}

/// The files that were read, each with its state then.
type Files = HashMap<PathBuf, (Stamp, Arc<ConfigFile>)>;

/// All that a service may look through.
pub struct Sources {
    callback: Callback,
    keyring: Keyring,
    files: Vec<Source>,
    /// The file that logins are kept in.
    logins: Option<PathBuf>,
    environment: Environment,
    /// How long a helper may take.
    time: Duration,
    read: PerProcess<Mutex<Files>>,
}

/// Something that has the form of a login file.
#[derive(Debug)]
enum Source {
    /// The value of a variable, as it was when the service was made, or why that cannot be used.
    Variable(Result<Arc<ConfigFile>>),
    /// A file that need not be there.
    File {
        kind: SourceKind,
        path: PathBuf,
        /// Whether the user named this file explicitly, so that it must be used.
        named: bool,
    },
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sources").field("files", &self.files).finish_non_exhaustive()
    }
}

impl Sources {
    /// The sources of a service with these options. Reads no file yet.
    pub fn new(
        keyring: Keyring,
        docker_config: &PathOption,
        environment: Environment,
        time: Duration,
    ) -> Self {
        Self {
            callback: Callback::default(),
            keyring,
            files: sources(docker_config, environment),
            logins: docker_file(docker_config, environment),
            environment,
            time,
            read: PerProcess::default(),
        }
    }

    /// The program's function.
    pub fn callback(&self) -> &Callback {
        &self.callback
    }

    /// The credentials for a purpose.
    ///
    /// A file or helper that fails ends the search: whoever was to give credentials is not passed over. That is an
    /// error where the user named the very file, else the `failure` of what was found.
    pub fn find(&self, purpose: &Purpose, call: &Call) -> Result<Found> {
        self.find_for(purpose, Reason::First, call)
    }

    /// The same after a refusal of what the program's function gave.
    pub(super) fn find_after_refusal(&self, purpose: &Purpose, call: &Call) -> Result<Found> {
        self.find_for(purpose, Reason::Refused, call)
    }

    fn find_for(&self, purpose: &Purpose, reason: Reason, call: &Call) -> Result<Found> {
        let Purpose { host, repository, allowed, .. } = purpose;
        if allowed.has(SourceKind::Callback)
            && let Some(auth) = self.callback.ask(purpose, reason, call)?
        {
            return Ok(Found::new(auth, CALLBACK));
        }
        if allowed.has(SourceKind::Options)
            && let Some(auth) = self.keyring.find(host, repository)
        {
            return Ok(Found::new(auth.clone(), "credentials"));
        }
        for source in self.files.iter().filter(|source| allowed.has(source.kind())) {
            match self.ask(source, host, repository, call) {
                Ok(None) => {}
                Ok(Some(found)) => return Ok(found),
                Err(e) if source.is_named() || is_end_of_call(&e) => return Err(e),
                Err(e) => return Ok(Found { failure: Some(e), ..Found::default() }),
            }
        }
        Ok(Found::default())
    }

    /// What one source has for a repository.
    fn ask(
        &self,
        source: &Source,
        host: &str,
        repository: &str,
        call: &Call,
    ) -> Result<Option<Found>> {
        let file = match source {
            Source::Variable(value) => value.clone()?,
            Source::File { path, .. } => match self.file(path)? {
                Some(file) => file,
                None => return Ok(None),
            },
        };
        if let Some((name, servers)) = file.helper(host, repository)? {
            let named = |e: Error| e.in_argument(file.name());
            let helper = Helper::find(name, self.environment, self.time).map_err(named)?;
            for server in &servers {
                if let Some(auth) = helper.get(server, call).map_err(named)? {
                    return Ok(Some(Found::new(auth, helper::program(name))));
                }
            }
        }
        Ok(file.entry(host, repository)?.map(|auth| Found::new(auth, file.name())))
    }

    /// Where a login to this registry is kept. A helper that is named but not there is an error.
    pub fn store_for(&self, server: &Server) -> Result<Store> {
        let Some(path) = &self.logins else { return Ok(Store::nowhere()) };
        let file = self.file(path)?.unwrap_or_default();
        file.check_changeable()?;
        let Some((name, _)) = file.helper(server.host(), "")? else {
            return Ok(Store::new(path.clone(), None));
        };
        let helper = Helper::find(name, self.environment, self.time)
            .map_err(|e| e.in_argument(file.name()))?;
        Ok(Store::new(path.clone(), Some(helper)))
    }

    /// What the file says now; it is read again only when it has changed.
    fn file(&self, path: &Path) -> Result<Option<Arc<ConfigFile>>> {
        let read = || lock(self.read.get());
        let Some(now) = Stamp::now(path)? else {
            read().remove(path);
            return Ok(None);
        };
        if let Some((stamp, file)) = read().get(path)
            && *stamp == now
        {
            return Ok(Some(file.clone()));
        }
        let Some((stamp, file)) = ConfigFile::read(path)? else { return Ok(None) };
        let file = Arc::new(file);
        read().insert(path.to_owned(), (stamp, file.clone()));
        Ok(Some(file))
    }
}

/// Docker's file, as the options and the environment name it now.
fn docker_file(docker_config: &PathOption, environment: Environment) -> Option<PathBuf> {
    let directory = match docker_config {
        PathOption::Nowhere => None,
        PathOption::At(directory) => Some(directory.clone()),
        PathOption::Usual => {
            let named = environment.path("DOCKER_CONFIG");
            named.or_else(|| Some(environment.home()?.join(".docker")))
        }
    };
    // A later change of the working directory changes nothing.
    std::path::absolute(directory?.join("config.json")).ok()
}

/// Docker's variable with the text of a login file.
const DOCKER_AUTH_CONFIG: &str = "DOCKER_AUTH_CONFIG";

/// What to look into, in order, as the options and the environment name it now.
fn sources(docker_config: &PathOption, environment: Environment) -> Vec<Source> {
    if *docker_config == PathOption::Nowhere {
        return Vec::new();
    }
    let text = environment.variable(DOCKER_AUTH_CONFIG).map(|text| {
        // It holds secrets: the bytes are overwritten when they have been read.
        let text = Zeroizing::new(text.into_vec());
        let name = format!("the environment variable {DOCKER_AUTH_CONFIG}");
        Source::Variable(ConfigFile::parse(&text, &name).map(Arc::new))
    });
    let file = |path, named| Source::File { kind: SourceKind::AuthJson, path, named };
    let docker = docker_file(docker_config, environment);
    let docker =
        docker.map(|path| Source::File { kind: SourceKind::DockerConfig, path, named: false });
    let containers = match environment.path("REGISTRY_AUTH_FILE") {
        Some(path) => vec![file(path, true)],
        None => {
            let runtime = environment.directory("XDG_RUNTIME_DIR").map(|d| d.join("containers"));
            let runtime = runtime.or_else(|| {
                let user = rustix::process::getuid();
                environment.is_heard().then(|| format!("/run/containers/{user}").into())
            });
            let directories = [runtime, environment.config_home().map(|d| d.join("containers"))];
            let files = directories.into_iter().flatten().map(|d| file(d.join("auth.json"), false));
            files.collect()
        }
    };
    text.into_iter().chain(docker).chain(containers).collect()
}

impl Source {
    fn kind(&self) -> SourceKind {
        match self {
            Self::Variable(_) => SourceKind::DockerConfig,
            Self::File { kind, .. } => *kind,
        }
    }

    fn is_named(&self) -> bool {
        matches!(self, Self::File { named: true, .. })
    }
}

/// Whether the call has ended, rather than a source failed.
fn is_end_of_call(error: &Error) -> bool {
    matches!(error.code(), Code::Cancelled | Code::Deadline)
}
