//! Who is trusted and who we are, as values.

use std::path::PathBuf;

use crate::names::host::Blocks;
use crate::os::environment::Environment;

/// What makes two TLS connections to a host interchangeable: equal identities share connections, others never do.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Identity {
    /// Certificates are not verified.
    pub insecure: bool,
    /// Files of CA certificates that are trusted in addition to the system's.
    pub root_cas: Vec<PathBuf>,
    /// Files of client certificates, each with its key.
    pub certificates: Vec<(PathBuf, PathBuf)>,
    /// May say, by SSL_CERT_FILE and SSL_CERT_DIR, where the system's CA certificates are.
    pub environment: Environment,
    /// The addresses that all this holds for, because it follows from them: no others are dialled. None is any.
    pub within: Option<Blocks>,
    /// Whether no secret may be sent, because nothing but the caller's word for one endpoint leaves it unverified.
    pub anonymous_only: bool,
    /// What its directory holds and cannot be read: a sentence about each.
    pub skipped: Vec<String>,
}
