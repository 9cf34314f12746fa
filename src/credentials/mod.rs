//! Who the caller is to a registry: which of several credentials are meant, and where they are kept.

pub mod callback;
pub mod config_file;
mod edit;
pub mod helper;
mod purpose;
pub mod sources;
pub mod store;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::call::Call;
pub use crate::config::auth_config::{AuthConfig, parse_auth_configs};
pub use crate::config::keyring::Keyring;
use crate::config::registry::IndexInfo;
use crate::error::{Code, Error, Result};
use crate::names::host::{self, INDEX_SERVER};
pub use purpose::{Allowed, Purpose, SourceKind};
use sources::{Found, Sources};

/// What a registry is asked with.
#[derive(Debug, Clone, Default)]
pub struct Credentials {
    /// The credentials.
    pub auth: AuthConfig,
    /// Why there are none, where their source failed and the call only reads.
    pub failure: Option<Error>,
    /// Whom to ask for others, once these are refused.
    renewal: Option<Arc<Renewal>>,
}

/// Where credentials came from that the program gave, and what for.
#[derive(Debug)]
struct Renewal {
    sources: Arc<Sources>,
    purpose: Purpose,
}

impl From<AuthConfig> for Credentials {
    fn from(auth: AuthConfig) -> Self {
        Self { auth, ..Self::default() }
    }
}

impl Credentials {
    /// None, perhaps because their source failed.
    pub fn missing(failure: Option<Error>) -> Self {
        Self { failure, ..Self::default() }
    }

    /// What the sources gave; what came from the program can be replaced by it.
    pub fn found(found: Found, sources: &Arc<Sources>, purpose: Purpose) -> Self {
        let renewable = found.is_of_callback();
        let renewal = || Arc::new(Renewal { sources: sources.clone(), purpose });
        Self { auth: found.auth, failure: found.failure, renewal: renewable.then(renewal) }
    }

    /// Whether somebody can be asked for others.
    pub fn is_renewable(&self) -> bool {
        self.renewal.is_some()
    }

    /// Others in place of these, which were refused; None where there are none.
    pub fn renewed(&self, call: &Call) -> Result<Option<Self>> {
        let Some(Renewal { sources, purpose }) = self.renewal.as_deref() else { return Ok(None) };
        let found = sources.find_after_refusal(purpose, call)?;
        if found.auth.is_anonymous() || found.auth == self.auth {
            return Ok(None);
        }
        Ok(Some(Self::found(found, sources, purpose.clone())))
    }

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
