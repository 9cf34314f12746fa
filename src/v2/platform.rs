//! What an image runs on, and which image of an index to take.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};

use super::descriptor::{Descriptor, null_is_empty};
use super::manifest::Index;
use crate::error::{Code, Error, Result};

/// Operating system and processor in Go's names; as text `os/arch[/variant]`, as JSON the form of an index.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Platform {
    /// The processor (GOARCH).
    #[serde(default)]
    pub architecture: String,
    /// The operating system (GOOS).
    #[serde(default)]
    pub os: String,
    /// The system's version, of Windows.
    #[serde(default, rename = "os.version", skip_serializing_if = "Option::is_none")]
    pub os_version: Option<String>,
    /// Features that the system must have.
    #[serde(
        default,
        rename = "os.features",
        deserialize_with = "null_is_empty",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub os_features: Vec<String>,
    /// The processor's version, such as `v7`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// Keys that this library does not know, kept as they were.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl Platform {
    pub(super) const KEYS: &[&str] =
        &["architecture", "os", "os.version", "os.features", "variant"];

    /// A platform of its parts, aliases replaced by Go's names.
    pub fn new(os: &str, architecture: &str, variant: Option<&str>) -> Self {
        let os = match os.to_ascii_lowercase().as_str() {
            "macos" => "darwin".to_owned(),
            other => other.to_owned(),
        };
        let variant = variant.map(str::to_ascii_lowercase).filter(|v| !v.is_empty());
        let architecture = architecture.to_ascii_lowercase();
        let variant = variant
            .map(|v| if v.starts_with(|c: char| c.is_ascii_digit()) { format!("v{v}") } else { v });
        let (architecture, variant) = match (architecture.as_str(), variant.as_deref()) {
            ("x86_64" | "x86-64" | "amd64", None | Some("v1")) => ("amd64", None),
            ("x86_64" | "x86-64" | "amd64", other) => ("amd64", other),
            ("aarch64" | "arm64", None | Some("v8")) => ("arm64", None),
            ("aarch64" | "arm64", other) => ("arm64", other),
            ("i386" | "i686" | "x86" | "386", _) => ("386", None),
            ("armhf", _) => ("arm", Some("v7")),
            ("armel", _) => ("arm", Some("v6")),
            ("arm", None) => ("arm", Some("v7")),
            (other, variant) => (other, variant),
        };
        Self {
            architecture: architecture.to_owned(),
            os,
            os_version: None,
            os_features: Vec::new(),
            variant: variant.map(str::to_owned),
            other: Map::new(),
        }
    }

    /// The platform that this library was built for.
    pub fn host() -> Self {
        let architecture = match (std::env::consts::ARCH, cfg!(target_endian = "little")) {
            ("powerpc64", true) => "ppc64le",
            ("powerpc64", false) => "ppc64",
            ("mips64", true) => "mips64le",
            ("mips", true) => "mipsle",
            ("loongarch64", _) => "loong64",
            (other, _) => other, // The rest has Go's name or an alias of it.
        };
        Self::new(std::env::consts::OS, architecture, None)
    }

    fn normalized(&self) -> Self {
        Self {
            os_version: self.os_version.clone(),
            ..Self::new(&self.os, &self.architecture, self.variant.as_deref())
        }
    }

    /// The variants that run here, best first: a processor runs the code of its elders.
    fn variants(&self) -> Vec<Option<String>> {
        let number = self.variant.as_deref().and_then(|v| v.strip_prefix('v')?.parse::<u8>().ok());
        let down_to = |last: u8| {
            let versions = (last..=number.unwrap_or(0)).rev().map(|n| Some(format!("v{n}")));
            versions.collect::<Vec<_>>()
        };
        match self.architecture.as_str() {
            "arm" if number.is_some() => down_to(5),
            "amd64" => [down_to(2), vec![None]].concat(),
            "arm64" if self.variant.is_some() => vec![self.variant.clone(), None],
            _ => vec![self.variant.clone()],
        }
    }

    /// Whether this entry says that its content runs nowhere: attestations do.
    fn is_unknown(&self) -> bool {
        self.os == "unknown" || self.os.is_empty() || self.architecture.is_empty()
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        match self.variant.as_deref() {
            Some(variant) if !variant.is_empty() => write!(f, "/{variant}"),
            _ => Ok(()),
        }
    }
}

/// For `serialize_with`: the library's own documents give a platform as text.
pub fn as_text<S: Serializer>(
    platform: &Option<Platform>,
    serializer: S,
) -> std::result::Result<S::Ok, S::Error> {
    platform.as_ref().map(ToString::to_string).serialize(serializer)
}

impl FromStr for Platform {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let parts: Vec<&str> = text.split('/').collect();
        let valid = |part: &&str| {
            !part.is_empty()
                && part
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
        };
        match parts.as_slice() {
            [os, architecture, variant @ ..] if variant.len() <= 1 && parts.iter().all(valid) => {
                Ok(Self::new(os, architecture, variant.first().copied()))
            }
            _ => Err(Error::argument("platform", format!("{text:?} is no platform"))
                .hint("a platform reads os/arch or os/arch/variant, such as linux/arm/v7")),
        }
    }
}

/// The entry of an index that runs on a platform: the first one of the best variant.
///
/// An index that names no platform at all gives its first entry.
pub fn select<'a>(index: &'a Index, wanted: &Platform) -> Option<&'a Descriptor> {
    let wanted = wanted.normalized();
    let candidates: Vec<(&Descriptor, Platform)> = index
        .manifests
        .iter()
        .filter_map(|d| Some((d, d.platform.as_ref().filter(|p| !p.is_unknown())?.normalized())))
        .filter(|(_, p)| p.os == wanted.os && p.architecture == wanted.architecture)
        .filter(|(_, p)| wanted.os_version.is_none() || wanted.os_version == p.os_version)
        .collect();
    let best = wanted
        .variants()
        .into_iter()
        .find_map(|variant| candidates.iter().find(|(_, p)| p.variant == variant));
    match best {
        Some((descriptor, _)) => Some(descriptor),
        None if index.manifests.iter().all(|d| d.platform.is_none()) => index.manifests.first(),
        None => None,
    }
}

/// As [`select`], or NO_PLATFORM with the platforms that there are.
pub fn select_or_list<'a>(index: &'a Index, wanted: &Platform) -> Result<&'a Descriptor> {
    select(index, wanted).ok_or_else(|| {
        let mut available: Vec<String> = Vec::new();
        for platform in index.manifests.iter().filter_map(|d| d.platform.as_ref()) {
            let name = platform.to_string();
            if !platform.is_unknown() && !available.contains(&name) {
                available.push(name);
            }
        }
        let hint = if available.is_empty() {
            "the index holds no image".to_owned()
        } else {
            format!("choose one of these with the option platform: {}", available.join(", "))
        };
        Error::new(Code::NoPlatform, format!("the index has no image for {wanted}")).hint(hint)
    })
}
