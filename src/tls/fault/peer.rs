//! Who is at the other end of a handshake.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::tls::identity::Identity;

/// Who is at the other end, and what we have for him.
#[derive(Debug, Clone)]
pub struct Peer {
    /// `host`, or `host:port` where that is not the usual one.
    pub(super) authority: String,
    /// Where its certificates are looked for.
    pub(super) directory: Option<PathBuf>,
    pub(super) root_cas: Vec<PathBuf>,
    pub(super) certificates: Vec<PathBuf>,
    /// What its directory holds and could not be used.
    pub(super) skipped: Vec<String>,
    pub(super) is_proxy: bool,
}

impl Peer {
    /// A registry or another HTTP server.
    ///
    /// `certs_dir` is where the directories of registries are.
    pub fn server(authority: String, identity: &Identity, certs_dir: Option<&Path>) -> Self {
        Self {
            directory: certs_dir.map(|base| base.join(&authority)),
            authority,
            root_cas: identity.root_cas.clone(),
            certificates: identity.certificates.iter().map(|(cert, _)| cert.clone()).collect(),
            skipped: identity.skipped.clone(),
            is_proxy: false,
        }
    }

    /// A proxy.
    pub fn proxy(authority: String, identity: &Identity, certs_dir: Option<&Path>) -> Self {
        Self { is_proxy: true, ..Self::server(authority, identity, certs_dir) }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_proxy {
            f.write_str("the proxy ")?;
        }
        f.write_str(&self.authority)
    }
}

/// Paths as a sentence lists them.
pub(super) fn list(paths: &[PathBuf]) -> String {
    let all: Vec<String> = paths.iter().map(|path: &PathBuf| path_text(path)).collect();
    all.join(", ")
}

fn path_text(path: &Path) -> String {
    path.display().to_string()
}
