//! The options of a call that are about an artifact's files.

use super::options::{ArtifactConfig, ArtifactFile, ConfigFile};
use crate::error::{Error, Result};
use crate::names::digest::Digest;
use crate::store::files::{Artifact, Entry};
use std::collections::BTreeMap;

/// How the artifact is made whose files are pushed or copied.
#[derive(Debug, Default)]
pub(super) struct Making {
    pub(super) artifact_type: Option<String>,
    pub(super) files: Option<Vec<ArtifactFile>>,
    pub(super) annotations: BTreeMap<String, String>,
    pub(super) subject: Option<Digest>,
    pub(super) config: Option<ConfigFile>,
}

impl Making {
    /// Fails if an option for artifacts is set although the source is not a directory of files.
    pub(super) fn refuse(&self) -> Result<()> {
        for (key, set) in [
            ("artifact_type", self.artifact_type.is_some()),
            ("files", self.files.is_some()),
            ("annotations", !self.annotations.is_empty()),
            ("subject", self.subject.is_some()),
            ("config", self.config.is_some()),
        ] {
            if set {
                let message = format!("{key} can be used only if the source is files:DIR");
                return Err(Error::argument(key, message)
                    .hint("push the files from a directory, written as files:DIR"));
            }
        }
        Ok(())
    }

    /// What is made, without its subject.
    pub(super) fn artifact(self) -> Artifact {
        Artifact {
            artifact_type: self.artifact_type,
            files: self.files.map(|files| files.into_iter().map(Entry::from).collect()),
            annotations: self.annotations,
            config: self.config.map(|ConfigFile(config)| config.into()),
        }
    }
}

impl From<ArtifactFile> for Entry {
    fn from(file: ArtifactFile) -> Self {
        let ArtifactFile { path, title, media_type, annotations } = file;
        Self { path: path.unwrap_or_default(), title, media_type, annotations }
    }
}

impl From<ArtifactConfig> for Entry {
    fn from(config: ArtifactConfig) -> Self {
        let ArtifactConfig { path, media_type, annotations } = config;
        Self { path: path.unwrap_or_default(), title: None, media_type, annotations }
    }
}
