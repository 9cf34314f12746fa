//! Credentials as values: the Engine API's AuthConfig, one or a map of them.

use std::collections::BTreeMap;
use std::fmt;

use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::{Engine, alphabet};
use serde::Serialize;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::host_path::host_path;
use crate::error::{Code, Error, Phase, Result};
use crate::json::strict::Object;
use crate::names::host;

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
            host_path(host).map_err(|why| {
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
    pub(crate) fn fields(&mut self) -> [(&mut String, &'static str); 6] {
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

/// Parses the JSON of a map of credentials.
pub fn parse_auth_configs(text: &str, argument: &str) -> Result<BTreeMap<String, AuthConfig>> {
    read_auth_configs(Object::published(text, argument)?)
}

/// The same of a value at hand.
pub(super) fn read_auth_configs(object: Object) -> Result<BTreeMap<String, AuthConfig>> {
    let path = object.name("");
    let path = path.trim_end_matches('.');
    let mut configs = BTreeMap::new();
    for (key, value) in object.rest() {
        let name = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        configs.insert(key, AuthConfig::read(Object::value(value, &name, true)?)?);
    }
    Ok(configs)
}
