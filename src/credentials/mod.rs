//! Who the caller is to a registry: which of several credentials are meant, and where they are kept.

pub mod config_file;
mod edit;
pub mod helper;
pub mod sources;
pub mod store;

use std::collections::BTreeMap;

pub use crate::config::auth_config::{AuthConfig, parse_auth_configs};
pub use crate::config::keyring::Keyring;
use crate::config::registry::IndexInfo;
use crate::error::{Code, Error, Result};
use crate::names::host::{self, INDEX_SERVER};

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
    /// Fails if the source failed, so that nothing is changed with other credentials than intended.
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
