//! What an image runs on, and how well an image for one platform suits another.

use std::cmp::Reverse;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};

use super::cpu;
use crate::error::{Error, Result};
use crate::json::null::{null_is_default, null_is_empty};
use crate::json::strict;

/// Operating system and processor in Go's names. As a string it reads `os[(os.version)]/arch[/variant]`, as containerd
/// writes it; as JSON it has the form of an index.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Platform {
    /// The processor (GOARCH).
    #[serde(default, deserialize_with = "null_is_default")]
    pub architecture: String,
    /// The operating system (GOOS).
    #[serde(default, deserialize_with = "null_is_default")]
    pub os: String,
    /// The version of the operating system, which matters for Windows.
    #[serde(default, rename = "os.version", skip_serializing_if = "Option::is_none")]
    pub os_version: Option<String>,
    /// Features that the operating system must have.
    #[serde(
        default,
        rename = "os.features",
        deserialize_with = "null_is_empty",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub os_features: Vec<String>,
    /// The version of the processor, such as `v7`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// Keys that this library does not know, kept as they were.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// How well an image suits a platform: the least is the best.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fit {
    /// The image is for another architecture, which the processor runs as well: 386 on amd64, arm on arm64.
    pub foreign: bool,
    /// How many better processors the platform has than the one that the image is for.
    steps: usize,
    version: VersionFit,
    /// More features in common are better.
    features: Reverse<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum VersionFit {
    Same,
    SameBuild,
    /// Another build that this one runs; the newest is the best.
    Older(Reverse<u32>),
    /// The image is for no version in particular.
    Open,
}

impl Fit {
    /// Whether nothing can suit better.
    pub fn is_perfect(self) -> bool {
        !self.foreign && self.steps == 0 && self.version == VersionFit::Same
    }
}

impl Platform {
    pub(crate) const KEYS: &[&str] =
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
            ("aarch64" | "arm64", None | Some("v8" | "v8.0")) => ("arm64", None),
            ("aarch64" | "arm64", Some("v9.0")) => ("arm64", Some("v9")),
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
            variant: variant.map(str::to_owned),
            ..Self::default()
        }
    }

    /// The platform of this machine, with the level of its processor.
    pub fn host() -> Self {
        let architecture = match (std::env::consts::ARCH, cfg!(target_endian = "little")) {
            ("powerpc64", true) => "ppc64le",
            ("powerpc64", false) => "ppc64",
            ("mips64", true) => "mips64le",
            ("mips", true) => "mipsle",
            ("loongarch64", _) => "loong64",
            (other, _) => other, // The rest has Go's name or an alias of it.
        };
        Self::new(std::env::consts::OS, architecture, cpu::variant())
    }

    /// What an image's configuration says it runs on; None if it does not say it, or cannot be read in one way only.
    pub fn of_config(config: &[u8]) -> Option<Self> {
        /// The rest of a configuration may be large, and is not kept.
        #[derive(Deserialize)]
        struct Config {
            #[serde(default)]
            architecture: Option<String>,
            #[serde(default)]
            os: Option<String>,
            #[serde(default, rename = "os.version")]
            os_version: Option<String>,
            #[serde(default, rename = "os.features")]
            os_features: Option<Vec<String>>,
            #[serde(default)]
            variant: Option<String>,
        }
        strict::check(config).ok()?;
        let config: Config = serde_json::from_slice(config).ok()?;
        let platform = Self {
            architecture: config.architecture?,
            os: config.os?,
            os_version: config.os_version.filter(|version| !version.is_empty()),
            os_features: config.os_features.unwrap_or_default(),
            variant: config.variant.filter(|variant| !variant.is_empty()),
            other: Map::new(),
        };
        platform.is_stated().then_some(platform)
    }

    fn normalized(&self) -> Self {
        Self {
            os_version: self.os_version.clone().filter(|version| !version.is_empty()),
            os_features: self.os_features.clone(),
            ..Self::new(&self.os, &self.architecture, self.variant.as_deref())
        }
    }

    /// How well an image for another platform runs on this one; None if it does not.
    ///
    /// As containerd judges it: a processor runs the code of its elders, amd64 that of 386, and arm64 that of arm; a Windows
    /// machine runs the images of its own build, and from Server 2022 on those of the release before it.
    pub fn suits(&self, offered: &Self) -> Option<Fit> {
        if offered.is_unknown() || !offered.is_stated() {
            return None;
        }
        let (wanted, offered) = (self.normalized(), offered.normalized());
        if wanted.os != offered.os {
            return None;
        }
        let processor = (offered.architecture, offered.variant);
        let steps = wanted.processors().iter().position(|runs| *runs == processor)?;
        let common = common_features(&wanted.os, &wanted.os_features, &offered.os_features)?;
        let versions = (wanted.os_version.as_deref(), offered.os_version.as_deref());
        Some(Fit {
            foreign: processor.0 != wanted.architecture,
            steps,
            version: version_fit(&wanted.os, versions)?,
            features: Reverse(common),
        })
    }

    /// The architectures and variants whose code runs on this processor, best first.
    fn processors(&self) -> Vec<(String, Option<String>)> {
        let of = |architecture: &str, version: String| {
            Self::new(&self.os, architecture, Some(&version)).processor()
        };
        let number = |text: &Option<String>| text.as_deref()?.strip_prefix('v')?.parse::<u8>().ok();
        let arm = |newest: u8| (5..=newest).rev().map(move |n| of("arm", n.to_string()));
        match self.architecture.as_str() {
            "amd64" => {
                let mut runs = vec![self.processor()];
                let level = number(&self.variant).unwrap_or(1);
                runs.extend((1..level).rev().map(|n| of("amd64", n.to_string())));
                runs.push(("386".to_owned(), None));
                runs
            }
            "arm" => match number(&self.variant) {
                Some(version @ 6..) => arm(version).collect(),
                _ => vec![self.processor()],
            },
            "arm64" => {
                let Some(versions) = arm64_versions(self.variant.as_deref()) else {
                    return vec![self.processor()];
                };
                let known = versions.iter().flat_map(|(major, newest)| {
                    (0..=*newest).rev().map(move |minor| of("arm64", format!("{major}.{minor}")))
                });
                known.chain(arm(8)).collect()
            }
            _ => vec![self.processor()],
        }
    }

    fn processor(&self) -> (String, Option<String>) {
        (self.architecture.clone(), self.variant.clone())
    }

    /// Whether operating system and architecture are the same. Configurations often leave out the rest.
    pub fn is_like(&self, other: &Self) -> bool {
        let (one, other) = (self.normalized(), other.normalized());
        one.os == other.os && one.architecture == other.architecture
    }

    /// Whether it says what its content runs on at all.
    pub fn is_stated(&self) -> bool {
        !self.os.is_empty() && !self.architecture.is_empty()
    }

    /// Whether it says that its content runs nowhere, as attestations do.
    pub fn is_unknown(&self) -> bool {
        self.os == "unknown" || self.architecture == "unknown"
    }
}

/// The versions of arm64 that a variant runs: the major one, and the newest minor one of it.
fn arm64_versions(variant: Option<&str>) -> Option<Vec<(u8, u8)>> {
    let version = variant.map_or(Some("8"), |variant| variant.strip_prefix('v'))?;
    let (major, minor) = version.split_once('.').unwrap_or((version, "0"));
    match (major, minor.parse::<u8>().ok()?) {
        ("8", minor @ 0..=9) => Some(vec![(8, minor)]),
        // Version 9.n has all that version 8.(n + 5) has, which ended with 8.9.
        ("9", minor @ 0..=7) => Some(vec![(9, minor), (8, (minor + 5).min(9))]),
        _ => None,
    }
}

/// How many features an image needs, all of which there have to be. `win32k` was never asked for.
fn common_features(os: &str, there: &[String], needed: &[String]) -> Option<usize> {
    let needed = needed.iter().filter(|feature| os != "windows" || *feature != "win32k");
    let needed: Vec<&String> = needed.collect();
    needed.iter().all(|feature| there.contains(feature)).then_some(needed.len())
}

/// How the version of an image's operating system suits the wanted one. Only that of Windows decides.
fn version_fit(os: &str, versions: (Option<&str>, Option<&str>)) -> Option<VersionFit> {
    let (wanted, offered) = match versions {
        (wanted, offered) if wanted.is_none() || wanted == offered => {
            return Some(VersionFit::Same);
        }
        (Some(wanted), Some(offered)) if os == "windows" => (wanted, offered),
        _ => return Some(VersionFit::Open),
    };
    let Some(wanted) = windows_version(wanted) else { return Some(VersionFit::Open) };
    let offered = windows_version(offered)?;
    let oldest = oldest_windows(wanted.2);
    match (wanted.0, wanted.1) == (offered.0, offered.1) {
        true if wanted.2 == offered.2 => Some(VersionFit::SameBuild),
        true if (oldest..=wanted.2).contains(&offered.2) => {
            Some(VersionFit::Older(Reverse(offered.2)))
        }
        _ => None,
    }
}

/// Major and minor version, and build.
fn windows_version(text: &str) -> Option<(u32, u32, u32)> {
    let mut parts = text.split('.').map(|part| part.parse::<u32>().ok());
    Some((parts.next()??, parts.next()??, parts.next()??))
}

/// The oldest build whose containers a build of Windows runs: its own until Server 2022, then that of the long-term release
/// before it.
fn oldest_windows(build: u32) -> u32 {
    const SERVER_2022: u32 = 20_348;
    const SERVER_2025: u32 = 26_100;
    if build > SERVER_2025 {
        SERVER_2025
    } else if build > SERVER_2022 {
        SERVER_2022
    } else {
        build
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.os)?;
        let version = self.os_version.as_deref().unwrap_or_default();
        if !version.is_empty() || !self.os_features.is_empty() {
            write!(f, "({version}")?;
            self.os_features.iter().try_for_each(|feature| write!(f, "+{feature}"))?;
            f.write_str(")")?;
        }
        write!(f, "/{}", self.architecture)?;
        match self.variant.as_deref() {
            Some(variant) if !variant.is_empty() => write!(f, "/{variant}"),
            _ => Ok(()),
        }
    }
}

/// For `serialize_with`: the library's own documents give a platform as a string.
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
        let parsed = || {
            let [os, architecture, variant @ ..] = parts.as_slice() else { return None };
            let (os, options) = match os.split_once('(') {
                Some((os, options)) => (os, options.strip_suffix(')')?),
                None => (*os, ""),
            };
            let mut options = options.split('+');
            let version = options.next().filter(|version| !version.is_empty());
            let features: Vec<&str> = options.collect();
            let sound = [&os, architecture].into_iter().chain(variant).all(valid)
                && version.iter().chain(&features).all(valid);
            if variant.len() > 1 || !sound {
                return None;
            }
            Some(Self {
                os_version: version.map(str::to_owned),
                os_features: features.into_iter().map(str::to_owned).collect(),
                ..Self::new(os, architecture, variant.first().copied())
            })
        };
        parsed().ok_or_else(|| {
            let shown = crate::names::host::printable(text);
            Error::argument("platform", format!("{shown:?} is not a valid platform"))
                .hint("write os/arch or os/arch/variant, as in linux/arm/v7, or add the Windows version, as in windows(10.0.20348)/amd64")
        })
    }
}
