//! certs.d: a directory of certificates for each registry.

use std::ffi::OsStr;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::{Serialize, Serializer};

use super::Identity;
use crate::error::{Code, Error, Phase, Result};
use crate::json::strict::Object;
use crate::names::host;
use crate::os::dir::Dir;
use crate::os::environment::Environment;
use crate::os::file;
use crate::sort;

/// The TLS settings for a registry; in JSON they are like Go's TLSConfig.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TlsConfig {
    /// Certificates are not verified.
    pub insecure_skip_verify: bool,
    /// Files of CA certificates that are trusted in addition to the system's.
    pub root_cas: Vec<PathBuf>,
    /// Files of client certificates, each with its key.
    pub certificates: Vec<(PathBuf, PathBuf)>,
    /// What the host's directory holds and cannot be read: a sentence about each. Not part of the JSON.
    pub skipped: Vec<String>,
}

/// The lowest TLS version that is allowed.
const MIN_VERSION: &str = "1.2";

impl TlsConfig {
    /// What connections are made of; `environment` may say where the system's CA certificates are.
    ///
    /// Only the service asks for this: it knows which addresses an identity without verification holds for.
    pub(crate) fn identity(&self, environment: Environment) -> Identity {
        Identity {
            insecure: self.insecure_skip_verify,
            root_cas: self.root_cas.clone(),
            certificates: self.certificates.clone(),
            skipped: self.skipped.clone(),
            environment,
            within: None,
            anonymous_only: false,
        }
    }

    /// Reads one from a published object.
    pub fn read_json(mut object: Object) -> Result<Self> {
        let version = object.text("MinVersion")?;
        if version.is_some_and(|version| version != MIN_VERSION) {
            return Err(Error::new(Code::Unsupported, "MinVersion can only be \"1.2\"")
                .in_argument(&object.name("MinVersion"))
                .hint("remove it: ocireg requires TLS 1.2, and uses TLS 1.3 where the registry supports it"));
        }
        let root_cas = object.strings("RootCAs")?.unwrap_or_default();
        let mut certificates = Vec::new();
        for pair in object.list("Certificates")?.unwrap_or_default() {
            let mut pair = Object::value(pair, &object.name("Certificates"), true)?;
            match (pair.text("cert")?, pair.text("key")?) {
                (Some(cert), Some(key)) => certificates.push((cert.into(), key.into())),
                (cert, _) => {
                    let absent = if cert.is_none() { "cert" } else { "key" };
                    return Err(pair.wrong(absent, "a path"));
                }
            }
        }
        Ok(Self {
            insecure_skip_verify: object.flag("InsecureSkipVerify")?.unwrap_or(false),
            root_cas: root_cas.into_iter().map(PathBuf::from).collect(),
            certificates,
            skipped: Vec::new(),
        })
    }
}

impl Serialize for TlsConfig {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Pair<'a> {
            cert: &'a Path,
            key: &'a Path,
        }
        #[derive(Serialize)]
        #[serde(rename_all = "PascalCase")]
        struct Document<'a> {
            insecure_skip_verify: bool,
            min_version: &'static str,
            #[serde(rename = "RootCAs")]
            root_cas: &'a [PathBuf],
            certificates: Vec<Pair<'a>>,
        }
        Document {
            insecure_skip_verify: self.insecure_skip_verify,
            min_version: MIN_VERSION,
            root_cas: &self.root_cas,
            certificates: self.certificates.iter().map(|(cert, key)| Pair { cert, key }).collect(),
        }
        .serialize(serializer)
    }
}

/// Where registries' directories are, if no option says so.
pub fn default_directory(environment: Environment) -> PathBuf {
    if environment.variable("ROOTLESSKIT_STATE_DIR").is_some()
        && let Some(config) = environment.config_home()
    {
        return config.join("docker/certs.d");
    }
    PathBuf::from("/etc/docker/certs.d")
}

/// What a host's directory below `directory` says. The host is one component of the path, or refused.
///
/// What cannot be read is passed over, and said in `skipped`: certificates only ever add trust, and often the directory
/// is root's alone.
pub fn read_for_host(directory: &Path, host: &str) -> Result<TlsConfig> {
    host::check_component(host)?;
    let mut skipped = Vec::new();
    let mut found = look(&directory.join(host), &mut |error| {
        skipped.push(format!("{error}; the file was ignored"));
        Ok(())
    })?;
    found.skipped = skipped;
    Ok(found)
}

/// What a directory says; what cannot be read is an error.
pub fn read(directory: &Path) -> Result<TlsConfig> {
    look(directory, &mut Err)
}

/// Finds `*.crt` and pairs of `X.cert` and `X.key`, in name order; a directory that is absent says nothing. Asks
/// `unreadable` what to do with an error.
fn look(directory: &Path, unreadable: &mut dyn FnMut(Error) -> Result<()>) -> Result<TlsConfig> {
    let mut found = TlsConfig::default();
    let listed = Dir::open(directory).and_then(|directory| directory.raw_names());
    let mut names: Vec<_> = match listed {
        Ok(names) => names.into_iter().map(PathBuf::from).collect(),
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(found),
        Err(e) => {
            let what = format!("cannot read {}", directory.display());
            unreadable(Error::file(what, &e).phase(Phase::Config))?;
            return Ok(found);
        }
    };
    sort::sort(&mut names);
    for name in &names {
        let other = |extension| name.with_extension(extension);
        let extension = name.extension().and_then(OsStr::to_str);
        match extension {
            Some("crt") => match below(directory, name) {
                Ok(path) => found.root_cas.push(path),
                Err(error) => unreadable(error)?,
            },
            Some("cert") if !names.contains(&other("key")) => {
                return Err(missing(directory, &other("key"), "key", name, "client certificate")
                    .hint(
                        "put the key into the same directory; CA certificates must end in .crt",
                    ));
            }
            Some("cert") => {
                let pair = below(directory, name)
                    .and_then(|cert| Ok((cert, below(directory, &other("key"))?)));
                match pair {
                    Ok(pair) => found.certificates.push(pair),
                    Err(error) => unreadable(error)?,
                }
            }
            Some("key") if !names.contains(&other("cert")) => {
                return Err(missing(directory, &other("cert"), "client certificate", name, "key")
                    .hint("put the client certificate into the same directory"));
            }
            _ => {}
        }
    }
    Ok(found)
}

fn missing(directory: &Path, absent: &Path, what: &str, name: &Path, whose: &str) -> Error {
    let (absent, name, directory) = (absent.display(), name.display(), directory.display());
    let message = format!(
        "missing {what} {absent} for {whose} {name} in {directory}; CA certificates end in .crt"
    );
    Error::new(Code::InvalidConfig, message).phase(Phase::Config)
}

fn below(directory: &Path, name: &Path) -> Result<PathBuf> {
    let path = directory.join(name);
    readable(&path)?;
    Ok(path)
}

/// Fails now rather than at the first connection if the file cannot be read.
pub fn readable(path: &Path) -> Result<()> {
    let read = file::open_regular(path).and_then(|mut file| Ok(file.read(&mut [0])?));
    read.map(drop)
        .map_err(|e| e.into_error(format!("cannot read {}", path.display())).phase(Phase::Config))
}
