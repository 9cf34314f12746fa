//! Where an image comes from or goes to: `docker://REFERENCE`, `oci:DIR[:TAG]`, archives.

use std::fmt;
use std::path::PathBuf;

use crate::error::{Code, Error, Result};

/// A place as a user names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// `docker://REFERENCE`, or a bare reference: in a registry. The reference is still unread.
    Registry(String),
    /// `oci:DIR[:TAG]`: in a directory of the OCI image layout.
    Oci {
        /// The layout's directory.
        dir: PathBuf,
        /// Which image of the layout.
        tag: Option<String>,
    },
    /// `oci-archive:FILE[:TAG]`: in a tar of the OCI image layout.
    OciArchive {
        /// The tar.
        file: PathBuf,
        /// Which image of the layout.
        tag: Option<String>,
    },
    /// `docker-archive:FILE[:REFERENCE]`: in a tar as `docker save` writes it.
    DockerArchive {
        /// The tar.
        file: PathBuf,
        /// Which image of the tar.
        reference: Option<String>,
    },
}

/// Whether text without a transport is read as a reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bare {
    /// It is: the source of pull and inspect, the destination of push.
    Reference,
    /// It is refused.
    Refused,
}

impl Place {
    /// Reads a place; `argument` is its name in the call, for the error.
    pub fn parse(text: &str, bare: Bare, argument: &str) -> Result<Self> {
        let invalid = |why: &str| {
            let shown = crate::host::printable(text);
            Error::argument(argument, format!("{shown:?} is no place of an image: {why}"))
                .hint("places read docker://REFERENCE, oci:DIR[:TAG], oci-archive:FILE[:TAG]")
        };
        let tagged = |rest: &str| -> Result<(PathBuf, Option<String>)> {
            // The last colon begins the tag unless a slash follows: /a:b/c is a directory.
            let (path, tag) = match rest.rsplit_once(':') {
                Some((path, tag)) if !tag.contains('/') => (path, Some(tag)),
                _ => (rest, None),
            };
            if path.is_empty() {
                return Err(invalid("the path is empty"));
            }
            match tag {
                Some(tag) if !is_ref_name(tag) => Err(invalid(
                    "the tag after the last colon may hold letters, digits and _ . - + @ only",
                )),
                tag => Ok((PathBuf::from(path), tag.map(str::to_owned))),
            }
        };
        if let Some(reference) = text.strip_prefix("docker://") {
            return match reference {
                "" => Err(invalid("the reference is empty")),
                reference => Ok(Self::Registry(reference.to_owned())),
            };
        }
        match text.split_once(':') {
            Some(("oci", rest)) => tagged(rest).map(|(dir, tag)| Self::Oci { dir, tag }),
            Some(("oci-archive", rest)) => {
                tagged(rest).map(|(file, tag)| Self::OciArchive { file, tag })
            }
            Some(("docker-archive", rest)) => {
                let (file, reference) = match rest.split_once(':') {
                    Some((file, reference)) => (file, Some(reference)),
                    None => (rest, None),
                };
                if file.is_empty() || reference == Some("") {
                    return Err(invalid("the path or the reference is empty"));
                }
                let reference = reference.map(str::to_owned);
                Ok(Self::DockerArchive { file: PathBuf::from(file), reference })
            }
            _ if text.is_empty() => Err(invalid("it is empty")),
            _ if text.contains("://") => Err(invalid("the transport is not known")),
            _ if bare == Bare::Reference => Ok(Self::Registry(text.to_owned())),
            _ => Err(invalid("it names no transport")),
        }
    }

    /// Refuses, as UNSUPPORTED, places that can be named but not used.
    pub fn check_usable(&self) -> Result<()> {
        match self {
            Self::Registry(_) | Self::Oci { .. } => Ok(()),
            Self::OciArchive { .. } | Self::DockerArchive { .. } => Err(Error::new(
                Code::Unsupported,
                format!("archives can be neither read nor written: {self}"),
            )
            .hint("use oci:DIR[:TAG]; skopeo copies between a directory and an archive")),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (transport, path, name) = match self {
            Self::Registry(reference) => return write!(f, "docker://{reference}"),
            Self::Oci { dir, tag } => ("oci", dir, tag),
            Self::OciArchive { file, tag } => ("oci-archive", file, tag),
            Self::DockerArchive { file, reference } => ("docker-archive", file, reference),
        };
        write!(f, "{transport}:{}", path.display())?;
        match name {
            Some(name) => write!(f, ":{name}"),
            None => Ok(()),
        }
    }
}

/// Whether text can be an image's name within a layout.
fn is_ref_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-' | b'+' | b'@'))
}
