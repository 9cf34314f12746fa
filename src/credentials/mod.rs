//! Who the caller is to a registry: AuthConfig, which of several is meant, and where they are kept.

pub mod config_file;
mod edit;
pub mod helper;
pub mod sources;
pub mod store;

use std::collections::BTreeMap;
use std::fmt;

use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::{Engine, alphabet};
use serde::Serialize;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::config::registry::IndexInfo;
use crate::error::{Code, Error, Phase, Result};
use crate::json::strict::{self, Object};
use crate::names::host::{self, INDEX_NAME, INDEX_SERVER};

/// Credentials in the Engine API's form. Never printed, overwritten when dropped.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Zeroize, ZeroizeOnDrop)]
pub struct AuthConfig {
    /// The user's name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub username: String,
    /// The user's password, or a token in its place.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub password: String,
    /// Name and password as base64 of `name:password`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub auth: String,
    /// The registry that they are for.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub serveraddress: String,
    /// A refresh token from an earlier login.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub identitytoken: String,
    /// A bearer token that is sent as it is.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub registrytoken: String,
}

impl AuthConfig {
    /// One for a user's name and password, both or neither; `host` is what they are for.
    pub fn of_user(
        host: Option<&str>,
        username: Option<&str>,
        password: Option<&str>,
    ) -> Result<Self> {
        let mut auth = Self::default();
        if let Some(host) = host.filter(|host| !host.is_empty()) {
            place(host).map_err(|why| {
                let shown = host::printable(host);
                Error::argument("host", format!("{shown:?} is not a valid registry address: {why}"))
                    .hint("write the registry as host[:port], or https://index.docker.io/v1/ for docker.io")
            })?;
            auth.serveraddress = host.to_owned();
        }
        match (username.unwrap_or_default(), password) {
            ("", None | Some("")) => {}
            ("", Some(_)) => {
                return Err(Error::argument("username", "a password was given without a user name")
                    .hint("pass both, or neither for anonymous access; if the registry ignores the user name, pass any"));
            }
            (_, None) => {
                return Err(Error::argument(
                    "password",
                    "a user name was given without a password",
                )
                .hint("pass both, or neither for anonymous access"));
            }
            (username, Some(password)) => {
                host::check_no_control(username, "username")
                    .map_err(|e| e.recode(Code::InvalidArgument))?;
                if username.contains(':') {
                    return Err(Error::argument("username", "the user name contains a colon")
                        .hint(
                            "pass the user name and the password separately, not as NAME:PASSWORD",
                        ));
                }
                username.clone_into(&mut auth.username);
                password.clone_into(&mut auth.password);
            }
        }
        Ok(auth)
    }

    /// Parses the JSON of one; `argument` is what the caller calls it.
    pub fn parse(text: &str, argument: &str) -> Result<Self> {
        Self::read(Object::published(text, argument)?)
    }

    /// Reads one from a published object.
    pub fn read(mut object: Object) -> Result<Self> {
        // Filled in one by one: what is read before another key turns out to be wrong is overwritten, too.
        let mut auth = Self::default();
        for (text, key) in auth.fields() {
            *text = object.text(key)?.unwrap_or_default();
        }
        Ok(auth)
    }

    /// Its fields with their keys.
    fn fields(&mut self) -> [(&mut String, &'static str); 6] {
        [
            (&mut self.username, "username"),
            (&mut self.password, "password"),
            (&mut self.auth, "auth"),
            (&mut self.serveraddress, "serveraddress"),
            (&mut self.identitytoken, "identitytoken"),
            (&mut self.registrytoken, "registrytoken"),
        ]
    }

    /// The same, ready to be sent: name and password taken out of `auth` unless both are given, and nothing in it
    /// that could end a header line. A password may hold anything: it is only ever sent as base64, percent-encoded
    /// or as a JSON string.
    pub fn decoded(mut self) -> Result<Self> {
        if (self.username.is_empty() || self.password.is_empty()) && !self.auth.is_empty() {
            let (username, password) = decode(&self.auth)?;
            self.username = username;
            self.password.zeroize();
            self.password = password;
        }
        self.auth.zeroize();
        for (text, name) in [
            (&self.username, "username"),
            (&self.identitytoken, "identitytoken"),
            (&self.registrytoken, "registrytoken"),
        ] {
            host::check_no_control(text, name)?;
        }
        Ok(self)
    }

    /// Whether nothing in it can be sent.
    pub fn is_anonymous(&self) -> bool {
        [&self.username, &self.password, &self.auth, &self.identitytoken, &self.registrytoken]
            .iter()
            .all(|text| text.is_empty())
    }
}

/// What a registry is asked with.
#[derive(Debug, Clone, Default)]
pub struct Credentials {
    /// The credentials.
    pub auth: AuthConfig,
    /// Why there are none, where their source failed and the call only reads.
    pub failure: Option<Error>,
}

impl From<AuthConfig> for Credentials {
    fn from(auth: AuthConfig) -> Self {
        Self { auth, failure: None }
    }
}

impl Credentials {
    /// Fails where the source failed: nothing is changed, nobody is logged in, as somebody else than was meant.
    pub fn check(&self) -> Result<()> {
        self.failure.clone().map_or(Ok(()), Err)
    }

    /// What a refusal comes from, with a hint for whoever was refused.
    pub fn explain(&self, refusal: Error) -> Error {
        match (refusal.code(), self.auth.is_anonymous(), &self.failure) {
            (_, _, Some(_)) => self.blame_source(refusal),
            (Code::Unauthorized, false, None) => refusal.hint(
                "the registry did not accept these credentials: check the user name and the password or token, or log in again if they have expired",
            ),
            (Code::Denied, true, None) => {
                refusal.hint("log in, or pass the credentials of a user who has access")
            }
            _ => refusal,
        }
    }

    /// Where the source failed, a refusal comes from that failure.
    pub fn blame_source(&self, refusal: Error) -> Error {
        let refused = matches!(refusal.code(), Code::Unauthorized | Code::Denied);
        let Some(failure) = self.failure.as_ref().filter(|_| refused) else { return refusal };
        let of = refusal.details();
        let host = of.host.as_deref().unwrap_or("the registry");
        failure.clone().context(format!("{host} requires credentials")).with(|d| {
            d.http_status = of.http_status;
            d.errors.clone_from(&of.errors);
            d.method.clone_from(&of.method);
            d.scheme.clone_from(&of.scheme);
            d.host.clone_from(&of.host);
            d.path.clone_from(&of.path);
        })
    }
}

impl fmt::Debug for AuthConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthConfig")
            .field("username", &self.username)
            .field("serveraddress", &host::printable(&self.serveraddress))
            .finish_non_exhaustive()
    }
}

/// Base64 as Go reads it, and without its padding, too.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// `name:password` in base64, which some tools break into lines; docker login once padded the password with NULs.
fn decode(auth: &str) -> Result<(String, String)> {
    let refused = |why: &str| {
        Error::new(Code::Credentials, format!("the value of auth is not valid: {why}"))
            .phase(Phase::Credentials)
            .in_argument("auth")
            .hint("auth must be NAME:PASSWORD in base64; or set username and password instead")
    };
    let mut unbroken = Zeroizing::new(Vec::with_capacity(auth.len()));
    unbroken.extend(auth.bytes().filter(|b| !b.is_ascii_whitespace()));
    let bytes = BASE64.decode(&*unbroken).map_err(|_| refused("it is not valid base64"))?;
    let mut text = String::from_utf8(bytes).map_err(|e| {
        e.into_bytes().zeroize();
        refused("it is not valid UTF-8")
    })?;
    let pair = text
        .split_once(':')
        .map(|(username, password)| (username.to_owned(), password.trim_matches('\0').to_owned()));
    text.zeroize();
    pair.ok_or_else(|| refused("it does not contain a colon"))
}

/// The key of an index's credentials: the official index's whole address, else the index's name.
pub fn auth_config_key(index: &IndexInfo) -> &str {
    if index.official { INDEX_SERVER } else { &index.name }
}

/// The credentials for an index among those of a login file: the exact key, else the first, in key order, whose
/// host is the key; none for an official index without its own.
pub fn resolve_auth_config(
    configs: &BTreeMap<String, AuthConfig>,
    index: &IndexInfo,
) -> Option<AuthConfig> {
    let key = auth_config_key(index);
    if let Some(exact) = configs.get(key) {
        return Some(exact.clone());
    }
    if index.official {
        return None;
    }
    configs.iter().find(|(name, _)| host::convert_to_hostname(name) == key).map(|(_, c)| c.clone())
}

/// Parses the JSON of a map of credentials.
pub fn parse_auth_configs(text: &str, argument: &str) -> Result<BTreeMap<String, AuthConfig>> {
    read_auth_configs(Object::published(text, argument)?)
}

fn read_auth_configs(object: Object) -> Result<BTreeMap<String, AuthConfig>> {
    let path = object.name("");
    let path = path.trim_end_matches('.');
    object
        .rest()
        .into_iter()
        .map(|(key, value)| {
            let name = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            Ok((key, AuthConfig::read(Object::value(value, &name, true)?)?))
        })
        .collect()
}

/// Things by host and path, found by the longest path that is a repository's or above it.
#[derive(Debug, Clone)]
struct Places<T>(BTreeMap<(String, String), T>);

impl<T> Default for Places<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<T> Places<T> {
    /// Several keys may mean one place: its own name counts before all others, then the first that is put there.
    fn put(&mut self, key: &str, place: (String, String), value: T) {
        if is_own_name(key, &place) {
            self.0.insert(place, value);
        } else {
            self.0.entry(place).or_insert(value);
        }
    }

    /// What belongs to a repository and is `wanted`; the path may be empty, for the host itself.
    fn find(&self, host: &str, repository: &str, wanted: impl Fn(&T) -> bool) -> Option<&T> {
        let host = host::normalised(host);
        let mut path = repository;
        loop {
            if let Some(found) = self.0.get(&(host.clone(), path.to_owned()))
                && wanted(found)
            {
                return Some(found);
            }
            if path.is_empty() {
                return None;
            }
            path = path.rsplit_once('/').map_or("", |(above, _)| above);
        }
    }
}

impl<T> FromIterator<(String, T)> for Places<T> {
    /// Leaves out keys that are no host or host/path.
    fn from_iter<I: IntoIterator<Item = (String, T)>>(entries: I) -> Self {
        let mut places = Self::default();
        for (key, value) in entries {
            if let Ok(place) = place(&key) {
                places.put(&key, place, value);
            }
        }
        places
    }
}

/// The credentials that the caller gave a service, by host or host/path.
#[derive(Debug, Clone, Default)]
pub struct Keyring(Places<AuthConfig>);

impl Keyring {
    /// Reads the option `credentials`.
    pub fn read(object: Object) -> Result<Self> {
        let mut entries = Places::default();
        for (key, config) in read_auth_configs(object)? {
            let place = place(&key).map_err(|why| {
                let shown = host::printable(&key);
                Error::new(
                    Code::InvalidConfig,
                    format!("{shown:?} is not a valid key for credentials: {why}"),
                )
                .phase(Phase::Config)
                .in_argument("credentials")
                .hint("write the registry as host[:port] or host[:port]/path")
            })?;
            let config = config
                .decoded()
                .map_err(|e| e.context(format!("credentials for {:?}", host::printable(&key))))?;
            entries.put(&key, place, config);
        }
        Ok(Self(entries))
    }

    /// The credentials for a repository: those of its host with the longest path that is the repository or
    /// above it.
    pub fn find(&self, host: &str, repository: &str) -> Option<&AuthConfig> {
        self.0.find(host, repository, |_| true)
    }
}

/// A key's host and path; login files have whole addresses that end in `/v1/` or `/v2/`.
fn place(key: &str) -> Result<(String, String), &'static str> {
    let bare = key.strip_prefix("http://").or_else(|| key.strip_prefix("https://")).unwrap_or(key);
    let (host, path) = bare.split_once('/').unwrap_or((bare, ""));
    if host.contains('@') {
        return Err("it contains a user name or password");
    }
    if host::check_host_port(host).is_err() && !is_bracketed(host) {
        return Err("its host is not valid");
    }
    let path = path.trim_end_matches('/');
    let path = if matches!(path, "v1" | "v2") { "" } else { path };
    if path.contains(char::is_control) || path.split('/').any(|part| matches!(part, "." | "..")) {
        return Err("its path is not valid");
    }
    Ok((host::normalised(host), path.to_owned()))
}

/// Whether a key is what docker itself calls a place, rather than an older or another spelling of it.
fn is_own_name(key: &str, (host, path): &(String, String)) -> bool {
    match (host.as_str(), path.as_str()) {
        (INDEX_NAME, "") => key == INDEX_SERVER,
        (host, "") => key == host,
        (host, path) => {
            key.strip_prefix(host).and_then(|rest| rest.strip_prefix('/')) == Some(path)
        }
    }
}

/// An IPv6 address in brackets without a port, as it stands in an address.
fn is_bracketed(host: &str) -> bool {
    let inner = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
    inner.is_some_and(|inner| inner.parse::<std::net::Ipv6Addr>().is_ok())
}

/// Parses the JSON of an index.
pub fn parse_index(text: &str, argument: &str) -> Result<IndexInfo> {
    let mut object = Object::published(text, argument)?;
    Ok(IndexInfo {
        name: object
            .text("Name")?
            .ok_or_else(|| strict::invalid("Name", format!("{argument} lacks the key Name")))?,
        mirrors: object.strings("Mirrors")?.unwrap_or_default(),
        secure: object.flag("Secure")?.unwrap_or(false),
        official: object.flag("Official")?.unwrap_or(false),
    })
}

#[cfg(test)]
mod tests {
    use super::{is_own_name, place};

    #[test]
    fn a_key_is_a_host_and_perhaps_a_path() {
        for (key, host, path) in [
            ("r.example", "r.example", ""),
            ("https://R.Example:443/v1/", "r.example", ""),
            ("http://r.example:5000/v2/", "r.example:5000", ""),
            ("r.example/team/app/", "r.example", "team/app"),
            ("r.example/v1/app", "r.example", "v1/app"),
            ("[2001:db8::1]", "[2001:db8::1]", ""),
            ("[2001:db8::1]:5000/a", "[2001:db8::1]:5000", "a"),
            ("https://index.docker.io/v1/", "docker.io", ""),
        ] {
            assert_eq!(place(key), Ok((host.to_owned(), path.to_owned())), "{key}");
        }
        for (key, why) in [
            ("", "host"),
            ("https://", "host"),
            ("u@r.example", "user name"),
            ("https://u:p@r.example/v1/", "user name"),
            ("r example", "host"),
            ("[r.example]", "host"),
            ("[::1", "host"),
            ("ftp://r.example", "host"),
            ("r.example/a/../b", "path"),
            ("r.example/.", "path"),
            ("r.example/a\nb", "path"),
        ] {
            let told = place(key).expect_err(key);
            assert!(told.contains(why), "{key:?}: {told}");
        }
    }

    #[test]
    fn a_place_has_one_name_of_its_own() {
        for (key, own) in [
            ("r.example", true),
            ("R.example", false),
            ("https://r.example", false),
            ("r.example/team", true),
            ("r.example/team/", false),
            ("https://index.docker.io/v1/", true),
            ("docker.io", false),
        ] {
            assert_eq!(is_own_name(key, &place(key).expect(key)), own, "{key}");
        }
    }
}
