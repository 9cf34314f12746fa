//! The option `credentials`.

use super::auth_config::{AuthConfig, read_auth_configs};
use super::host_path::{ByPath, host_path};
use crate::error::{Code, Error, Phase, Result};
use crate::json::strict::Object;
use crate::names::host;

/// The credentials that the caller gave a service, by host or host/path.
#[derive(Debug, Clone, Default)]
pub struct Keyring(ByPath<AuthConfig>);

impl Keyring {
    /// Reads the option `credentials`.
    pub fn read(object: Object) -> Result<Self> {
        let mut entries = ByPath::default();
        for (key, config) in read_auth_configs(object)? {
            let at = host_path(&key).map_err(|why| {
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
            entries.put(&key, at, config);
        }
        Ok(Self(entries))
    }

    /// The credentials for a repository: those of its host with the longest path that is the repository or
    /// above it.
    pub fn find(&self, host: &str, repository: &str) -> Option<&AuthConfig> {
        self.0.find(host, repository, |_| true)
    }
}
