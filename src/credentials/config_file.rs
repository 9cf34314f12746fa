//! The files that logins leave behind: Docker's config.json, and auth.json of the containers tools.

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use serde_json::Value;
use zeroize::Zeroizing;

use super::{AuthConfig, Places, place, read_auth_configs};
use crate::error::{Code, Error, Phase, Result};
use crate::host::{self, INDEX_NAME, INDEX_SERVER};
use crate::json::{self, Object};
use crate::os::file::{Content, ReadError, read_limited};

/// Larger than any login file, in bytes.
const MOST: u64 = 4 * 1024 * 1024;

/// What tells one state of a file from the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    fn of(state: &std::fs::Metadata) -> Self {
        Self {
            device: state.dev(),
            inode: state.ino(),
            size: state.size(),
            modified: (state.mtime(), state.mtime_nsec()),
            changed: (state.ctime(), state.ctime_nsec()),
        }
    }

    /// The state of the file now; None if there is none.
    pub fn now(path: &Path) -> Result<Option<Self>> {
        match std::fs::metadata(path) {
            Ok(state) => Ok(Some(Self::of(&state))),
            Err(e) if is_missing(&e) => Ok(None),
            Err(e) => Err(unreadable(path, &e)),
        }
    }
}

/// What such a file says, as far as credentials go.
#[derive(Debug, Default)]
pub struct ConfigFile {
    /// As they stand in the file, each with its key.
    auths: Places<(String, AuthConfig)>,
    keys: Vec<String>,
    helpers: Places<String>,
    store: String,
}

impl ConfigFile {
    /// Reads a file that the user's choice or a usual place names; None if there is none.
    pub fn read(path: &Path) -> Result<Option<(Stamp, Self)>> {
        let Some((state, bytes)) = load(path)? else { return Ok(None) };
        Ok(Some((Stamp::of(&state), Self::parse(&bytes, path)?)))
    }

    /// What the bytes of the file at `path` say.
    pub(super) fn parse(bytes: &[u8], path: &Path) -> Result<Self> {
        if bytes.trim_ascii().is_empty() {
            return Ok(Self::default());
        }
        json::check(bytes).map_err(|e| {
            let (line, column) = (e.line(), e.column());
            refused(path, &format!("it is not sound JSON at line {line}, column {column}"))
        })?;
        // From here on only keys that we know are named: all others are the file's content.
        let text = std::str::from_utf8(bytes).map_err(|_| refused(path, "it is not UTF-8"))?;
        let mut object =
            Object::published(text, "config").map_err(|_| refused(path, "it is not an object"))?;
        let wrong = |key: &str| refused(path, &format!("its {key} cannot be used"));
        let store = object.text("credsStore").map_err(|_| wrong("credsStore"))?;
        let auths = object
            .object("auths")
            .and_then(|auths| auths.map(read_auth_configs).transpose())
            .map_err(|_| wrong("auths"))?;
        let helpers = object.object("credHelpers").map_err(|_| wrong("credHelpers"))?;
        let helpers: BTreeMap<String, String> = helpers
            .map(Object::rest)
            .unwrap_or_default()
            .into_iter()
            .map(|(key, value)| match value {
                Value::String(name) => Ok((key, name)),
                _ => Err(wrong("credHelpers")),
            })
            .collect::<Result<_>>()?;
        // Other programs keep keys there that are no hosts: no registry is called so.
        let auths = auths.unwrap_or_default();
        Ok(Self {
            keys: auths.keys().cloned().collect(),
            auths: auths.into_iter().map(|(key, auth)| (key.clone(), (key, auth))).collect(),
            helpers: helpers.into_iter().collect(),
            store: store.unwrap_or_default(),
        })
    }

    /// The helper to ask for a repository's credentials, and the names under which it may have them.
    pub fn helper(&self, host: &str, repository: &str) -> Option<(&str, Vec<String>)> {
        let own = self.helpers.find(host, repository, |_| true);
        let name = own.unwrap_or(&self.store);
        if name.is_empty() {
            return None;
        }
        let own = server_name(host);
        // An empty entry is what a login leaves here if a helper took the rest.
        let first = match self.auths.find(host, repository, |_| true) {
            Some((key, auth)) if auth.is_anonymous() => key.clone(),
            _ if own == INDEX_SERVER => own.clone(),
            _ => host.to_owned(),
        };
        let mut servers = vec![first, own];
        servers.dedup();
        Some((name, servers))
    }

    /// The keys of a registry's own credentials, without those of its repositories; they are several where logins
    /// of different programs name it differently.
    pub(super) fn keys(&self, host: &str) -> impl Iterator<Item = &str> {
        let host = host::normalised(host);
        self.keys.iter().map(String::as_str).filter(move |key| is_key_of(key, &host))
    }

    /// The credentials for a repository that are in the file itself.
    pub fn entry(&self, path: &Path, host: &str, repository: &str) -> Result<Option<AuthConfig>> {
        let entry = self.auths.find(host, repository, |(_, auth)| !auth.is_anonymous());
        let Some((_, auth)) = entry else { return Ok(None) };
        // The reason is kept: it names a key, and no value.
        auth.clone().decoded().map(Some).map_err(|e| {
            let shown = host::printable(host);
            e.recode(Code::Credentials)
                .phase(Phase::Credentials)
                .context(format!(
                    "the credentials for {shown} in {} cannot be used",
                    path.display()
                ))
                .hint("log in again")
        })
    }
}

/// Under which name a helper has a registry's credentials: one, however the registry's is spelled.
pub(super) fn server_name(host: &str) -> String {
    match host::normalised(host) {
        host if host == INDEX_NAME => INDEX_SERVER.to_owned(),
        host => host,
    }
}

/// Whether a key of `auths` stands for the registry itself; `host` is normalised.
pub(super) fn is_key_of(key: &str, host: &str) -> bool {
    place(key).is_ok_and(|(of, path)| of == host && path.is_empty())
}

/// The state and the bytes of a file; None if there is none.
pub(super) fn load(path: &Path) -> Result<Option<(Metadata, Zeroizing<Vec<u8>>)>> {
    match read_limited(path, MOST) {
        Ok(Content { state, bytes }) => Ok(Some((state, bytes))),
        Err(e) if e.is_missing() => Ok(None),
        Err(ReadError::Missing(e) | ReadError::System(e)) => Err(unreadable(path, &e)),
        Err(e) => Err(refused(path, &e.to_string())),
    }
}

fn is_missing(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

fn unreadable(path: &Path, error: &std::io::Error) -> Error {
    Error::file(format!("cannot read {}", path.display()), error).phase(Phase::Credentials).hint(
        "make it readable, or name another directory with the option docker-config, \"\" for none",
    )
}

pub(super) fn refused(path: &Path, why: &str) -> Error {
    Error::new(Code::Credentials, format!("{} cannot be used", path.display()))
        .phase(Phase::Credentials)
        .cause(why)
        .hint("correct the file, or log in again without it")
}
