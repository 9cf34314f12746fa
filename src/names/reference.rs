//! Image references: `[domain/]path[:tag][@digest]`, parsed once by the distribution grammar.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use crate::error::{Code, Error, Result};
use crate::names::digest::Digest;
use crate::names::host::{self, INDEX_HOSTNAME, INDEX_NAME};

/// The longest domain and path together.
const MAX_NAME: usize = 255;

/// The longest tag.
const MAX_TAG: usize = 128;

/// In front of a path of one component on the official registry.
const OFFICIAL: &str = "library/";

/// The tag of a reference that has neither tag nor digest.
const DEFAULT_TAG: &str = "latest";

/// A name of a repository, with a tag, a digest, both or neither.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Reference {
    domain: String,
    path: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

impl Reference {
    /// The registry, `host[:port]`. Empty for names such as `a_b.com/x`, which the grammar takes for a path
    /// though no host is named: those cannot be opened.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// The repository within the registry, such as `library/busybox`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The tag, if the reference has one.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest, if the reference has one.
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// Domain and path.
    pub fn name(&self) -> String {
        if self.domain.is_empty() {
            return self.path.clone();
        }
        [&self.domain, "/", &self.path].concat()
    }

    /// The name as people write it: without `docker.io/` and `library/`.
    pub fn familiar_name(&self) -> String {
        if self.domain != INDEX_NAME {
            return self.name();
        }
        match self.path.strip_prefix(OFFICIAL) {
            Some(rest) if !rest.contains('/') => rest.to_owned(),
            _ => self.path.clone(),
        }
    }

    /// The whole reference as people write it.
    pub fn familiar(&self) -> String {
        self.with_tail(self.familiar_name())
    }

    /// The whole reference, nothing left out.
    pub fn canonical(&self) -> String {
        self.with_tail(self.name())
    }

    /// The reference with tag `latest` if it has neither tag nor digest.
    #[must_use]
    pub fn with_default_tag(&self) -> Self {
        let mut tagged = self.clone();
        if tagged.tag.is_none() && tagged.digest.is_none() {
            tagged.tag = Some(DEFAULT_TAG.to_owned());
        }
        tagged
    }

    /// The same repository at a digest, without a tag.
    #[must_use]
    pub fn at(&self, digest: Digest) -> Self {
        Self { tag: None, digest: Some(digest), ..self.clone() }
    }

    /// The same repository at a tag, without a digest.
    pub fn tagged(&self, tag: &str) -> Result<Self> {
        check_tag(tag)?;
        Ok(Self { tag: Some(tag.to_owned()), digest: None, ..self.clone() })
    }

    fn with_tail(&self, mut name: String) -> String {
        if let Some(tag) = &self.tag {
            name.push(':');
            name.push_str(tag);
        }
        if let Some(digest) = &self.digest {
            name.push('@');
            name.push_str(digest.algorithm().name());
            name.push(':');
            name.push_str(digest.hex());
        }
        name
    }
}

impl FromStr for Reference {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        parse(text).map_err(|why| why.into_error(text))
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.canonical())
    }
}

/// A reference with every form of it, as the C surface gives it; what it lacks is "".
impl Serialize for Reference {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Document<'a> {
            domain: &'a str,
            path: &'a str,
            tag: &'a str,
            digest: String,
            name: String,
            familiar_name: String,
            familiar: String,
            canonical: String,
            with_default_tag: String,
        }
        Document {
            domain: &self.domain,
            path: &self.path,
            tag: self.tag().unwrap_or_default(),
            digest: self.digest.as_ref().map(ToString::to_string).unwrap_or_default(),
            name: self.name(),
            familiar_name: self.familiar_name(),
            familiar: self.familiar(),
            canonical: self.canonical(),
            with_default_tag: self.with_default_tag().canonical(),
        }
        .serialize(serializer)
    }
}

/// Fails unless the text is a tag: a letter, digit or `_`, then up to 127 of these, `.` and `-`.
pub fn check_tag(text: &str) -> Result<()> {
    if is_tag(text) {
        return Ok(());
    }
    Err(Error::new(Code::InvalidReference, format!("{text:?} is not a valid tag")).hint(
        "a tag begins with a letter, digit or underscore, followed by at most 127 letters, digits, underscores, periods and hyphens",
    ))
}

/// Fails unless the text is the path of a repository, such as `library/busybox`.
pub fn check_path(text: &str) -> Result<()> {
    if text.len() <= MAX_NAME && text.split('/').all(is_path_component) {
        return Ok(());
    }
    Err(Error::new(
        Code::InvalidReference,
        format!("{:?} is not a valid repository path", host::printable(text)),
    )
    .hint("a path consists of lower-case letters, digits and single separators, as in team/app"))
}

/// Why a string is not a reference.
enum Invalid {
    Empty,
    UpperCase,
    Identifier,
    TooLong,
    Scheme,
    Name,
    Tag,
    Digest(Error),
}

impl Invalid {
    fn into_error(self, text: &str) -> Error {
        let shown = host::printable(text);
        let (why, hint) = match self {
            Self::Empty => {
                ("it is empty", "name an image, such as busybox or registry.example/team/app:1.0")
            }
            Self::UpperCase => (
                "the repository name must be lower case",
                "write the repository in lower-case letters; only the registry's host and the tag may have upper-case letters",
            ),
            Self::Identifier => (
                "64 hex digits are an image ID, not a name",
                "write NAME@sha256:… to name an image by its digest",
            ),
            Self::TooLong => ("the name is longer than 255 characters", "use a shorter name"),
            Self::Scheme => ("it has a URL scheme", "remove everything up to and including ://"),
            Self::Name => (
                "the name is malformed",
                "write [HOST[:PORT]/]PATH[:TAG][@DIGEST]; a path consists of lower-case letters, digits and single separators . _ __ -",
            ),
            Self::Tag => (
                "the tag is malformed",
                "a tag begins with a letter, digit or underscore, followed by at most 127 letters, digits, underscores, periods and hyphens",
            ),
            Self::Digest(error) => {
                let hint = error.details().hint.clone().unwrap_or_default();
                return Error::new(
                    Code::InvalidReference,
                    format!("{shown:?} is not a valid image reference"),
                )
                .cause(error)
                .hint(hint);
            }
        };
        Error::new(
            Code::InvalidReference,
            format!("{shown:?} is not a valid image reference: {why}"),
        )
        .hint(hint)
    }
}

fn parse(text: &str) -> Result<Reference, Invalid> {
    if text.is_empty() {
        return Err(Invalid::Empty);
    }
    if text.contains("://") {
        return Err(Invalid::Scheme);
    }
    if text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
        return Err(Invalid::Identifier);
    }
    let (domain, rest) = match text.split_once('/') {
        Some((first, rest)) if host::is_domain_like(first) => (first, rest),
        _ => (INDEX_NAME, text),
    };
    let domain = if domain == INDEX_HOSTNAME { INDEX_NAME } else { domain };
    let remote = rest.split_once(':').map_or(rest, |(remote, _)| remote);
    if remote.chars().any(char::is_uppercase) {
        return Err(Invalid::UpperCase);
    }
    let (rest, digest) = match rest.split_once('@') {
        Some((rest, digest)) => (rest, Some(digest.parse().map_err(Invalid::Digest)?)),
        None => (rest, None),
    };
    // A tag holds no slash, so a colon before the last slash is no tag's.
    let (path, tag) = match rest.rsplit_once(':') {
        Some((path, tag)) if !tag.contains('/') => (path, Some(tag)),
        _ => (rest, None),
    };
    if tag.is_some_and(|tag| !is_tag(tag)) {
        return Err(Invalid::Tag);
    }
    if !path.split('/').all(is_path_component) {
        return Err(Invalid::Name);
    }
    let path = match domain {
        INDEX_NAME if !rest.contains('/') => [OFFICIAL, path].concat(),
        _ => path.to_owned(),
    };
    let (domain, path) = if host::is_reference_domain(domain) {
        (domain, path)
    } else if is_path_component(domain) {
        ("", [domain, "/", &path].concat())
    } else {
        return Err(Invalid::Name);
    };
    let separator = usize::from(!domain.is_empty());
    if domain.len() + separator + path.len() > MAX_NAME {
        return Err(Invalid::TooLong);
    }
    Ok(Reference { domain: domain.to_owned(), path, tag: tag.map(str::to_owned), digest })
}

pub(crate) fn is_tag(text: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    text.len() <= MAX_TAG
        && text.bytes().next().is_some_and(word)
        && text.bytes().all(|b| word(b) || matches!(b, b'.' | b'-'))
}

/// Lower-case letters and digits, with `.`, `_`, `__` or any number of `-` between them.
fn is_path_component(text: &str) -> bool {
    let lower = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = text.as_bytes();
    let (Some(&first), Some(&last)) = (bytes.first(), bytes.last()) else { return false };
    if !lower(first) || !lower(last) {
        return false;
    }
    bytes.split(|&b| lower(b)).all(|separator| {
        matches!(separator, b"" | b"." | b"_" | b"__") || separator.iter().all(|&b| b == b'-')
    })
}
