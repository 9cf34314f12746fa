//! The options of sessions and of what is sent in their name.

use serde_json::Value;

use super::values::one_source;
use crate::credentials::{Allowed, AuthConfig};
use crate::error::{Error, Result};
use crate::json::schema::{Kind, OptionValue, options};
use crate::json::strict::strings;
use crate::registry::api_endpoint::ApiVersion;

options! {
    /// How a session is opened.
    pub struct SessionOptions built by SessionBuilder of call "session_open" for ["ocireg_session_open"] {
        /// Credentials for the registry; `{}` is anonymous.
        "auth" => auth: Option<AuthConfig>, else "the service's credentials";
        /// Where credentials may come from: "call" (the options of this call), "callback" (the program's function),
        /// "options" (the service's option), "docker-config" (Docker's files and credential helpers), "auth-json" (the
        /// files of podman and skopeo). An empty list is anonymous access.
        "credential_sources" => credential_sources: Option<Allowed>, else "all of them";
        /// What the session will do: `pull`, `push`, `delete`. Mirrors of Docker Hub and of `registries-conf` are used only if it
        /// only pulls.
        "actions" => actions: Actions = Actions(vec!["pull".to_owned()]);
        /// A whole registry, as `host[:port]`, instead of a reference.
        "registry" => registry: Option<String>, else "the reference's";
        /// The protocol. `v1` is the protocol of Docker before 1.6, for registries that have no other.
        "protocol" => protocol: ApiVersion = ApiVersion::V2;
    }
    check together;
}

options! {
    /// What the endpoints are for.
    pub struct EndpointsOptions built by EndpointsBuilder of call "resolve_endpoints" for ["ocireg_service_resolve_endpoints"] {
        /// What will be done there: `pull`, `push`, `delete`.
        "actions" => actions: Actions = Actions(vec!["pull".to_owned()]);
    }
}

options! {
    /// How a request of the program's own HTTP client is authorized.
    pub struct AuthorizeOptions built by AuthorizeBuilder of call "authorize" for ["ocireg_session_authorize"] {
        /// Return the address that the registry redirects to, without credentials.
        "follow" => follow: bool;
        /// The registry has refused the last authorization: return another one.
        "renew" => renew: bool;
    }
}

impl SessionOptions {
    fn together(&self) -> Result<()> {
        one_source(self.credential_sources.as_ref(), "auth", self.auth.as_ref())
    }
}

/// The actions that a session needs, in the words of the token protocol.
#[derive(Debug, Clone)]
pub struct Actions(pub(crate) Vec<String>);

impl Actions {
    /// Whether something is changed.
    pub fn changes(&self) -> bool {
        self.0.iter().any(|action| action != "pull")
    }
}

impl OptionValue for Actions {
    const KIND: Kind = <Vec<String>>::KIND;

    fn read(value: Value, name: &str) -> Result<Self> {
        let actions = strings(value, name)?;
        let valid = |text: &String| {
            text == "*" || (!text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase()))
        };
        if let Some(bad) = actions.iter().find(|action| !valid(action)) {
            return Err(Error::argument(name, format!("{bad:?} is not a valid action"))
                .hint("use actions such as pull, push and delete"));
        }
        Ok(Self(actions))
    }

    fn json(&self) -> Option<Value> {
        Some(self.0.as_slice().into())
    }
}
