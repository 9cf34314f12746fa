//! Where a service's credentials come from, in order: its own option, Docker's config.json with its helpers, and
//! auth.json of the containers tools.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;

use super::config_file::{ConfigFile, Stamp};
use super::helper::{self, Helper};
use super::store::{Server, Store};
use super::{AuthConfig, Keyring};
use crate::config::options::Place;
use crate::context::Run;
use crate::error::Result;
use crate::os::environment::Environment;

/// Credentials and where they were.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// The credentials; anonymous if there are none.
    pub auth: AuthConfig,
    /// `credentials` for the option of that name, a file, or a helper; None if nobody had any.
    pub source: Option<String>,
}

/// What is told of credentials: never a secret.
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
        Self { auth, source: Some(source.into()) }
    }

    /// What may be told of them.
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

/// All that a service may look through.
pub struct Sources {
    keyring: Keyring,
    files: Vec<PathBuf>,
    /// The one of them that logins are kept in.
    logins: Option<PathBuf>,
    environment: Environment,
    /// How long a helper may take.
    time: Duration,
    read: Mutex<HashMap<PathBuf, (Stamp, Arc<ConfigFile>)>>,
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
        docker_config: &Place,
        environment: Environment,
        time: Duration,
    ) -> Self {
        Self {
            keyring,
            files: files(docker_config, environment),
            logins: docker_file(docker_config, environment),
            environment,
            time,
            read: Mutex::default(),
        }
    }

    /// The credentials for a repository of a host; the path may be empty, for the host's own.
    ///
    /// A file or helper that fails is an error: whoever was to give credentials is not passed over.
    pub fn find(&self, host: &str, repository: &str, run: &Run) -> Result<Found> {
        if let Some(auth) = self.keyring.find(host, repository) {
            return Ok(Found::new(auth.clone(), "credentials"));
        }
        for path in &self.files {
            let Some(file) = self.file(path)? else { continue };
            if let Some((name, servers)) = file.helper(host, repository) {
                let shown = path.display();
                let named = |e: crate::error::Error| e.in_argument(&shown.to_string());
                let helper = Helper::find(name, self.environment, self.time).map_err(named)?;
                for server in &servers {
                    if let Some(auth) = helper.get(server, run).map_err(named)? {
                        return Ok(Found::new(auth, helper::program(name)));
                    }
                }
            }
            if let Some(auth) = file.entry(path, host, repository)? {
                return Ok(Found::new(auth, path.display().to_string()));
            }
        }
        Ok(Found::default())
    }

    /// Where a login to this registry is kept. A helper that is named but not there is an error.
    pub fn store_for(&self, server: &Server) -> Result<Store> {
        let Some(path) = &self.logins else { return Ok(Store::nowhere()) };
        let file = self.file(path)?.unwrap_or_default();
        let Some((name, _)) = file.helper(server.host(), "") else {
            return Ok(Store::new(path.clone(), None));
        };
        let helper = Helper::find(name, self.environment, self.time)
            .map_err(|e| e.in_argument(&path.display().to_string()))?;
        Ok(Store::new(path.clone(), Some(helper)))
    }

    /// What the file says now; it is read again only when it has changed.
    fn file(&self, path: &Path) -> Result<Option<Arc<ConfigFile>>> {
        let read = || self.read.lock().unwrap_or_else(PoisonError::into_inner);
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
fn docker_file(docker_config: &Place, environment: Environment) -> Option<PathBuf> {
    let directory = match docker_config {
        Place::Nowhere => None,
        Place::At(directory) => Some(directory.clone()),
        Place::Usual => {
            let named = environment.path("DOCKER_CONFIG");
            named.or_else(|| Some(environment.home()?.join(".docker")))
        }
    };
    // A later change of the working directory changes nothing.
    std::path::absolute(directory?.join("config.json")).ok()
}

/// The files to look into, in order, as the options and the environment name them now.
fn files(docker_config: &Place, environment: Environment) -> Vec<PathBuf> {
    if *docker_config == Place::Nowhere {
        return Vec::new();
    }
    let mut files = Vec::new();
    if let Some(file) = environment.path("REGISTRY_AUTH_FILE") {
        files.push(file);
    } else {
        let runtime = environment.directory("XDG_RUNTIME_DIR").map(|d| d.join("containers"));
        let runtime = runtime.or_else(|| {
            let user = rustix::process::getuid();
            environment.is_heard().then(|| format!("/run/containers/{user}").into())
        });
        let directories = [runtime, environment.config_home().map(|d| d.join("containers"))];
        files.extend(directories.into_iter().flatten().map(|d| d.join("auth.json")));
    }
    docker_file(docker_config, environment).into_iter().chain(files).collect()
}
