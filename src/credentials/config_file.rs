//! The files that logins leave behind: Docker's config.json, and auth.json of the containers tools.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::fs::Metadata;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use zeroize::{Zeroize, Zeroizing};

use super::AuthConfig;
use crate::config::host_path::{ByPath, host_path};
use crate::error::{Code, Error, Phase, Result};
use crate::json::go::{self, Object, WrongType};
use crate::names::host::{self, INDEX_NAME, INDEX_SERVER};
use crate::os::file::{Content, ReadError, read_limited};
use crate::sort;

/// Larger than any login file, in bytes.
const MOST: u64 = 4 * 1024 * 1024;

/// What distinguishes one state of a file from the next.
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

/// An entry, or which of its keys has a value of the wrong type: that costs this entry alone.
type Entry<T> = Result<T, String>;

/// What such a file says, as far as credentials go.
#[derive(Debug, Default)]
pub struct ConfigFile {
    /// What messages call it.
    name: String,
    /// As they stand in the file, each with its key.
    auths: ByPath<(String, Entry<AuthConfig>)>,
    keys: Vec<String>,
    helpers: ByPath<Entry<String>>,
    /// None: nothing is said.
    store: Option<Entry<String>>,
    /// Whether something follows the object, which a change would lose.
    has_more: bool,
}

impl ConfigFile {
    /// Reads a file that the user's choice or a usual place names; None if there is none.
    pub fn read(path: &Path) -> Result<Option<(Stamp, Self)>> {
        let Some((state, bytes)) = load(path)? else { return Ok(None) };
        Ok(Some((Stamp::of(&state), Self::parse(&bytes, &path.display().to_string())?)))
    }

    /// What the bytes of such a file say; `name` is the file's.
    pub(super) fn parse(bytes: &[u8], name: &str) -> Result<Self> {
        let text = go::text(bytes);
        if text.trim().is_empty() {
            return Ok(Self { name: name.to_owned(), ..Self::default() });
        }
        // Only keys that we know are named in errors: all others are the file's content.
        let object = Object::parse_first(&text).map_err(|e| refused(&name, &go::reason(&e)))?;
        let wrong = |key: &str| refused(&name, &format!("its {key} must be a JSON object"));
        let auths = object.object("auths").map_err(|_| wrong("auths"))?;
        let helpers = object.object("credHelpers").map_err(|_| wrong("credHelpers"))?;
        // Of two entries with one key the last counts; the order of keys is of no meaning.
        let auths = auths.0.into_iter().map(|(key, value)| (key.into_owned(), entry(value)));
        let auths: BTreeMap<String, Entry<AuthConfig>> = sort::map(auths);
        let helpers = helpers.0.into_iter().map(|(key, value)| {
            (key.into_owned(), helper_name(go::nullable(value), "credHelpers"))
        });
        let helpers: BTreeMap<String, Entry<String>> = sort::map(helpers);
        let store = helper_name(object.string("credsStore"), "credsStore");
        // Other programs keep keys there that are no hosts: no registry is called so.
        Ok(Self {
            keys: auths.keys().cloned().collect(),
            name: name.to_owned(),
            auths: auths.into_iter().map(|(key, auth)| (key.clone(), (key, auth))).collect(),
            helpers: helpers.into_iter().collect(),
            store: Some(store),
            has_more: Object::parse(&text).is_err(),
        })
    }

    /// Fails where the file can be read but not changed.
    pub fn check_changeable(&self) -> Result<()> {
        if self.has_more {
            return Err(refused(&self.name, "its JSON object is followed by more data"));
        }
        Ok(())
    }

    /// What messages call the file.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The helper to ask for a repository's credentials, and the names under which it may have them.
    pub fn helper(&self, host: &str, repository: &str) -> Result<Option<(&str, Vec<String>)>> {
        let own = self.helpers.find(host, repository, |_| true);
        let name = match own.or(self.store.as_ref()) {
            None => return Ok(None),
            Some(Ok(name)) if name.is_empty() => return Ok(None),
            Some(Ok(name)) => name,
            Some(Err(why)) => return Err(refused(&self.name, why)),
        };
        let own = server_name(host);
        // An empty entry is what a login leaves here if a helper took the rest.
        let first = match self.auths.find(host, repository, |_| true) {
            Some((key, Ok(auth))) if auth.is_anonymous() => key.clone(),
            _ if own == INDEX_SERVER => own.clone(),
            _ => host.to_owned(),
        };
        let mut servers = vec![first, own];
        servers.dedup();
        Ok(Some((name, servers)))
    }

    /// The keys of a registry's own credentials, without those of its repositories; they are several where logins
    /// of different programs name it differently.
    pub(super) fn keys(&self, host: &str) -> impl Iterator<Item = &str> {
        let host = host::normalised(host);
        self.keys.iter().map(String::as_str).filter(move |key| is_key_of(key, &host))
    }

    /// The usable entry with exactly this key.
    pub(super) fn with_key(&self, key: &str) -> Option<AuthConfig> {
        let (host, path) = host_path(key).ok()?;
        let (_, entry) = self.auths.find(&host, &path, |(own, _)| own == key)?;
        entry.clone().ok()?.decoded().ok()
    }

    /// The credentials for a repository that are in the file itself.
    pub fn entry(&self, host: &str, repository: &str) -> Result<Option<AuthConfig>> {
        let is_said = |(_, entry): &(String, Entry<AuthConfig>)| {
            entry.as_ref().map_or(true, |auth| !auth.is_anonymous())
        };
        let Some((_, entry)) = self.auths.find(host, repository, is_said) else { return Ok(None) };
        // The reason is kept: it names a key, and no value.
        let entry = match entry {
            Ok(auth) => auth.clone().decoded(),
            Err(why) => Err(Error::new(Code::Credentials, why.as_str())),
        };
        entry.map(Some).map_err(|e| {
            let shown = host::printable(host);
            e.recode(Code::Credentials)
                .phase(Phase::Credentials)
                .context(format!("cannot use the credentials for {shown} in {}", self.name))
                .hint(format!("log in to {shown} again, or remove its entry from the file"))
        })
    }
}

/// An entry of `auths`: where `auth` is not empty, it counts instead of user name and password, as for docker.
fn entry(value: &str) -> Entry<AuthConfig> {
    let object = Object::parse(value).map_err(|_| "the entry is not a JSON object".to_owned())?;
    let mut auth = AuthConfig::default();
    for (text, key) in auth.fields() {
        let mut value =
            object.string(key).map_err(|_: WrongType| format!("its {key} is not a string"))?;
        *text = std::mem::take(&mut *value);
    }
    if !auth.auth.is_empty() {
        auth.username.zeroize();
        auth.password.zeroize();
    }
    Ok(auth)
}

fn helper_name(value: Result<Zeroizing<String>, WrongType>, key: &str) -> Entry<String> {
    match value {
        Ok(name) => Ok(name.to_string()),
        Err(WrongType) => Err(format!("{key} is not a string")),
    }
}

/// Under which name a helper has a registry's credentials: one, however the registry's is spelled.
pub(super) fn server_name(host: &str) -> String {
    match host::normalised(host) {
        host if host == INDEX_NAME => INDEX_SERVER.to_owned(),
        host => host,
    }
}

/// Whether a key of `auths` is for the registry itself; `host` is normalised.
pub(super) fn is_key_of(key: &str, host: &str) -> bool {
    host_path(key).is_ok_and(|(of, path)| of == host && path.is_empty())
}

/// The state and the bytes of a file; None if there is none.
pub(super) fn load(path: &Path) -> Result<Option<(Metadata, Zeroizing<Vec<u8>>)>> {
    match read_limited(path, MOST) {
        Ok(Content { state, bytes }) => Ok(Some((state, bytes))),
        Err(e) if e.is_missing() => Ok(None),
        Err(ReadError::Missing(e) | ReadError::System(e)) => Err(unreadable(path, &e)),
        Err(e) => Err(refused(&path.display(), &e.to_string())),
    }
}

fn is_missing(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

fn unreadable(path: &Path, error: &std::io::Error) -> Error {
    Error::file(format!("cannot read {}", path.display()), error).recode(Code::Credentials).phase(Phase::Credentials).hint(
        "make it readable, or choose another directory with the option docker-config; set it to \"\" to ignore all credential files",
    )
}

/// `file` cannot be used: the name of a file, or of what stands in the place of one.
pub(super) fn refused(file: &dyn Display, why: &str) -> Error {
    Error::new(Code::Credentials, format!("cannot use {file}"))
        .phase(Phase::Credentials)
        .cause(why)
        .hint("correct or remove it, then log in again")
}
