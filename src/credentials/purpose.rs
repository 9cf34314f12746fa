//! What credentials are wanted for, and which sources a call may ask.

/// What credentials are wanted for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Purpose {
    /// The registry, `host[:port]`.
    pub host: String,
    /// The repository's path at the registry; empty for the registry itself.
    pub repository: String,
    /// Such as `pull`; empty where that is not known.
    pub actions: Vec<String>,
    /// Who may be asked.
    pub allowed: Allowed,
}

impl Purpose {
    /// For anything at a host, or in a repository of it.
    pub fn new(host: &str, repository: &str) -> Self {
        Self { host: host.to_owned(), repository: repository.to_owned(), ..Self::default() }
    }
}

/// A place that credentials may come from, under its name in the option `credential_sources`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceKind {
    /// What is given to the call itself.
    Call,
    /// The program's function.
    Callback,
    /// The option `credentials` of the service.
    Options,
    /// Docker's file, its variable, and the helpers that they name.
    DockerConfig,
    /// The files of the containers tools.
    AuthJson,
}

impl SourceKind {
    /// All, in the order in which they are asked.
    pub fn all() -> [Self; 5] {
        [Self::Call, Self::Callback, Self::Options, Self::DockerConfig, Self::AuthJson]
    }

    /// The name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Call => "call",
            Self::Callback => "callback",
            Self::Options => "options",
            Self::DockerConfig => "docker-config",
            Self::AuthJson => "auth-json",
        }
    }
}

/// Which sources a call may ask: all, unless the caller has listed some.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Allowed(Option<Vec<SourceKind>>);

impl Allowed {
    /// These only.
    pub fn only(kinds: Vec<SourceKind>) -> Self {
        Self(Some(kinds))
    }

    /// Whether a source may be asked.
    pub fn has(&self, kind: SourceKind) -> bool {
        self.0.as_ref().is_none_or(|kinds| kinds.contains(&kind))
    }
}
