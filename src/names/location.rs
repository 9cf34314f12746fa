//! Where an image comes from or goes to, written as containers-transports(5) has it: `docker://REFERENCE`,
//! `oci:DIR[:NAME]` and others.

use std::fmt;
use std::path::{Path, PathBuf};

use super::host;
use super::reference::Reference;
use crate::error::{Error, Result};

/// A location as a user names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// `docker://REFERENCE`, or a bare reference: in a registry. The reference is not parsed yet.
    Registry(String),
    /// `oci:DIR[:NAME]`: in a directory that is an OCI image layout.
    Oci {
        /// The layout's directory.
        dir: PathBuf,
        /// Which image of the layout.
        name: Option<String>,
    },
    /// `oci-archive:FILE[:NAME]`: in a tar archive of an OCI image layout.
    OciArchive {
        /// The archive.
        file: PathBuf,
        /// Which image of the layout.
        name: Option<String>,
    },
    /// `docker-archive:FILE[:REFERENCE]`: in a tar archive as `docker save` writes it.
    DockerArchive {
        /// The archive.
        file: PathBuf,
        /// Which image of the archive: a reference, or `@` and its number, counted from 0.
        reference: Option<String>,
    },
    /// `files:DIR`: an artifact whose layers are the files of a directory.
    Files {
        /// The directory.
        dir: PathBuf,
    },
}

/// Whether a string without a transport is read as a reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bare {
    /// It is: the source of pull and inspect, the destination of push.
    Reference,
    /// It is refused: source and destination of a copy may be in a registry or on this machine, and a name could be either.
    Refused,
    /// It is refused where only a place on this machine will do.
    OnThisMachine,
}

/// How to write a location on this machine.
pub const ON_THIS_MACHINE: &str = "write oci:DIR[:NAME], oci-archive:FILE[:NAME], \
    docker-archive:FILE[:REFERENCE] or files:DIR";

impl Location {
    /// Parses a location; `argument` is its name in the call, for the error.
    ///
    /// The first colon after the path begins the name, which may itself hold `/`, `:` and `@`.
    pub fn parse(text: &str, bare: Bare, argument: &str) -> Result<Self> {
        let shown = host::printable(text);
        let invalid = |why: &str| {
            Error::argument(argument, format!("{shown:?} is not a valid location: {why}")).hint(
                "write docker://REFERENCE, oci:DIR[:NAME], oci-archive:FILE[:NAME], docker-archive:FILE[:REFERENCE] or files:DIR; the name follows the first colon after the path, so the path cannot contain a colon",
            )
        };
        if let Some(reference) = text.strip_prefix("docker://") {
            return match reference {
                "" => Err(invalid("the reference is empty")),
                reference => Ok(Self::Registry(reference.to_owned())),
            };
        }
        let (transport, rest) = match text.split_once(':') {
            Some((transport, rest)) if TRANSPORTS.contains(&transport) => (transport, rest),
            _ if text.is_empty() => return Err(invalid("it is empty")),
            _ if text.contains("://") => return Err(invalid("its transport is not supported")),
            _ if bare == Bare::Reference => return Ok(Self::Registry(text.to_owned())),
            _ if bare == Bare::OnThisMachine => {
                let error = invalid("it does not begin with a transport such as oci:");
                return Err(error.hint(ON_THIS_MACHINE));
            }
            _ if text.parse::<Reference>().is_ok() => {
                let error = invalid("it does not begin with a transport such as docker:// or oci:");
                return Err(error.hint(format!(
                    "write docker://{shown} for an image in a registry, or oci:{shown} for an OCI layout in a directory"
                )));
            }
            _ => return Err(invalid("it does not begin with a transport such as oci:")),
        };
        let (path, name) = match rest.split_once(':') {
            Some((path, name)) => (PathBuf::from(path), Some(name)),
            None => (PathBuf::from(rest), None),
        };
        if path.as_os_str().is_empty() {
            return Err(invalid("the path is empty"));
        }
        match name {
            None => {}
            Some("") => return Err(invalid("the name after the colon is empty")),
            Some(_) if transport == "files" => {
                return Err(invalid("the path contains a colon"));
            }
            Some(name) if transport == "docker-archive" && is_number(name) => {}
            Some(name) if !is_name(name) => {
                return Err(invalid(
                    "the name after the first colon must begin with a letter, digit, underscore or bracket, and contain only these and . - + @ : /",
                ));
            }
            Some(_) => {}
        }
        let name = name.map(str::to_owned);
        Ok(match transport {
            "oci" => Self::Oci { dir: path, name },
            "oci-archive" => Self::OciArchive { file: path, name },
            "docker-archive" => Self::DockerArchive { file: path, reference: name },
            _ => Self::Files { dir: path },
        })
    }

    /// The same with its path, if that is relative, below a directory.
    #[must_use]
    pub fn below(mut self, directory: &Path) -> Self {
        match &mut self {
            Self::Registry(_) => {}
            Self::Oci { dir: path, .. }
            | Self::Files { dir: path }
            | Self::OciArchive { file: path, .. }
            | Self::DockerArchive { file: path, .. } => *path = directory.join(&*path),
        }
        self
    }
}

/// The transports that are followed by a path.
const TRANSPORTS: &[&str] = &["oci", "oci-archive", "docker-archive", "files"];

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (transport, path, name) = match self {
            Self::Registry(reference) => return write!(f, "docker://{reference}"),
            Self::Oci { dir, name } => ("oci", dir, name.as_ref()),
            Self::OciArchive { file, name } => ("oci-archive", file, name.as_ref()),
            Self::DockerArchive { file, reference } => ("docker-archive", file, reference.as_ref()),
            Self::Files { dir } => ("files", dir, None),
        };
        write!(f, "{transport}:{}", path.display())?;
        match name {
            Some(name) => write!(f, ":{name}"),
            None => Ok(()),
        }
    }
}

/// Whether a string can be an image's name within a layout. Any reference can, also one of an IPv6 address.
fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '['))
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-+@:/[]".contains(&b))
}

/// Whether a string says where an image is among those of an archive: `@0` is the first.
fn is_number(text: &str) -> bool {
    text.strip_prefix('@').is_some_and(|number| {
        !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit())
    })
}
