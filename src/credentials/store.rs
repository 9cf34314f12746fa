//! Where logins are kept: a credential helper, or Docker's config.json.

use std::io::{ErrorKind, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::AuthConfig;
use super::config_file::{ConfigFile, load, refused, server_name};
use super::edit::edit;
use super::helper::Helper;
use crate::call::Call;
use crate::error::{Error, Phase, Result};
use crate::json::go;
use crate::names::host::{self, INDEX_NAME, INDEX_SERVER, UrlParts};
use crate::os::atomic_file::{self, AtomicFile, TEMPORARY};
use crate::os::dir::Dir;
use crate::os::in_place;
use crate::os::lock::DirLock;
use crate::sort;

/// The registry that a login is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server(String);

impl Server {
    /// Reads an address or a bare `host[:port]`; empty is the official index. Scheme and path do not count.
    pub fn parse(address: &str, argument: &str) -> Result<Self> {
        let address = if address.is_empty() { INDEX_SERVER } else { address };
        let whole = match address.contains("://") {
            true => address.to_owned(),
            false => format!("https://{address}"),
        };
        let refused = |why: &str| {
            let shown = host::printable(address);
            Error::argument(argument, format!("{shown:?} is not a valid registry address: {why}"))
                .hint("write the registry as host[:port]")
        };
        let parts = UrlParts::split(&whole).map_err(refused)?;
        host::check_component(parts.authority).map_err(|e| e.in_argument(argument))?;
        Ok(Self(parts.authority.to_owned()))
    }

    /// `host[:port]`.
    pub fn host(&self) -> &str {
        &self.0
    }

    /// Whether it is Docker Hub.
    fn is_official(&self) -> bool {
        host::normalised(&self.0) == INDEX_NAME
    }

    /// The name under which files have its credentials.
    fn key(&self) -> &str {
        if self.is_official() { INDEX_SERVER } else { &self.0 }
    }

    /// All the names that helpers may have it under: other programs keep what they were given.
    fn keys(&self) -> Vec<String> {
        let own = server_name(&self.0);
        if own == INDEX_SERVER {
            return vec![own];
        }
        let whole = [&own, &self.0].map(|key| [format!("https://{key}"), format!("http://{key}")]);
        whole.into_iter().flatten().chain([own, self.0.clone()]).collect()
    }
}

/// Where one registry's login is kept.
#[derive(Debug)]
pub struct Store(Option<(PathBuf, Option<Helper>)>);

impl Store {
    /// None: there is no file that could name one.
    pub(super) fn nowhere() -> Self {
        Self(None)
    }

    /// The helper that the file names, else the file.
    pub(super) fn new(file: PathBuf, helper: Option<Helper>) -> Self {
        Self(Some((file, helper)))
    }

    /// Stores credentials, and returns where: "config.json", the name of a helper, or "none".
    pub fn save(&self, server: &Server, auth: &AuthConfig, call: &Call) -> Result<String> {
        let Some((file, helper)) = &self.0 else { return Ok("none".to_owned()) };
        let Some(helper) = helper else {
            change(file, server, Some(&entry(auth)), &[], call)?;
            return Ok("config.json".to_owned());
        };
        helper.store(&server_name(server.host()), auth, call)?;
        // What an earlier login left in the file is no longer true, and no longer has to lie there.
        change(file, server, None, &[], call)?;
        Ok(helper.program().to_owned())
    }

    /// Forgets all credentials of the registry; there may be none.
    pub fn erase(&self, server: &Server, call: &Call) -> Result<()> {
        let Some((file, helper)) = &self.0 else { return Ok(()) };
        let config = ConfigFile::read(file)?.map(|(_, config)| config).unwrap_or_default();
        if let Some(helper) = helper {
            let mut keys = server.keys();
            keys.extend(config.keys(server.host()).map(str::to_owned));
            if server.is_official()
                && let Ok(Some(auth)) = helper.get(REFRESH_TOKEN, call)
                && is_of_web_login(&auth)
            {
                keys.extend(WEB_LOGIN.map(str::to_owned));
            }
            sort::sort(&mut keys);
            keys.dedup();
            for key in keys {
                // Some helpers fail where there is nothing to erase.
                if !matches!(helper.get(&key, call), Ok(None)) {
                    helper.erase(&key, call)?;
                }
            }
        }
        let tokens = config.with_key(REFRESH_TOKEN);
        let more = match tokens {
            Some(auth) if server.is_official() && is_of_web_login(&auth) => &WEB_LOGIN[..],
            _ => &[],
        };
        change(file, server, None, more, call)
    }
}

/// The key under which docker's login in a browser leaves its refresh token.
const REFRESH_TOKEN: &str = "https://index.docker.io/v1/refresh-token";

/// Everything that such a login stores in addition to the credentials themselves.
const WEB_LOGIN: [&str; 2] = ["https://index.docker.io/v1/access-token", REFRESH_TOKEN];

/// Whether it is docker's own, which writes the id of its client behind the token. Docker Desktop keeps its tokens
/// under the same keys, and needs them after a logout, too.
fn is_of_web_login(auth: &AuthConfig) -> bool {
    auth.password.split("..").count() == 2
}

/// What config.json has for a login.
fn entry(auth: &AuthConfig) -> Zeroizing<String> {
    let pair = match auth.identitytoken.as_str() {
        "" => Zeroizing::new(format!("{}:{}", auth.username, auth.password)),
        _ => Zeroizing::new(format!("{}:", auth.username)),
    };
    let mut text =
        Zeroizing::new(String::with_capacity(2 * pair.len() + 2 * auth.identitytoken.len() + 64));
    text.push_str("{\n\t\t\t\"auth\": \"");
    STANDARD.encode_string(pair.as_bytes(), &mut text);
    text.push('"');
    if !auth.identitytoken.is_empty() {
        let token =
            Zeroizing::new(serde_json::Value::from(auth.identitytoken.as_str()).to_string());
        text.push_str(",\n\t\t\t\"identitytoken\": ");
        text.push_str(&token);
    }
    text.push_str("\n\t\t}");
    text
}

/// Puts an entry for the registry into the file, or takes what is there out, and the keys in `gone`: all of it or,
/// after any failure, nothing.
fn change(
    path: &Path,
    server: &Server,
    entry: Option<&str>,
    gone: &[&str],
    call: &Call,
) -> Result<()> {
    let failed = |e: &std::io::Error| {
        Error::file(format!("cannot save {}", path.display()), e)
            .phase(Phase::Credentials)
            .in_argument(&path.display().to_string())
    };
    if entry.is_none() && load(path)?.is_none() {
        return Ok(());
    }
    let (directory, name) = resolve(path).map_err(|e| failed(&e))?;
    let dir = Dir::open(&directory).map_err(|e| failed(&e))?;
    let _lock = DirLock::acquire(&dir, &directory.display().to_string(), call)?;
    let real = directory.join(&name);
    let old = load(&real)?;
    let bytes = old.as_ref().map_or(&[][..], |(_, bytes)| bytes);
    let shown = path.display().to_string();
    ConfigFile::parse(bytes, &shown)?.check_changeable()?;
    let text = go::text(bytes);
    let host = host::normalised(server.host());
    let new = edit(&text, &host, entry.map(|entry| (server.key(), entry)), gone)
        .map_err(|_| refused(&shown, "its auths cannot be edited"))?;
    let Some(new) = new else { return Ok(()) };
    let replace = || -> std::io::Result<()> {
        for left in dir.names()?.iter().filter(|name| name.starts_with(TEMPORARY)) {
            // What cannot be swept is another user's, and in nobody's way.
            let _ = atomic_file::sweep(&dir, left, |_| true);
        }
        // Never for more users than before, and for nobody but the owner.
        let mode = old.as_ref().map_or(0o600, |(state, _)| state.mode() & 0o600);
        let mut file = AtomicFile::create(&dir, mode)?;
        if let Some((state, _)) = &old {
            file.give_to(state.uid())?;
        }
        file.write_all(new.as_bytes())?;
        file.commit(&dir, &name)?;
        dir.sync().map(drop)
    };
    // A file that is itself a mount, as containers get single files, cannot be replaced, and its directory may not
    // be writable. Not every system tells of mounts, but each refuses to rename over one.
    let written = match replace() {
        Err(e) if e.kind() == ErrorKind::ResourceBusy || dir.is_mount(&name) => {
            in_place::overwrite(&dir, &name, new.as_bytes())
        }
        written => written,
    };
    written.map_err(|e| failed(&e))
}

/// The directory and the name of the file that a path leads to; symbolic links are followed, as the user made them.
fn resolve(path: &Path) -> std::io::Result<(PathBuf, String)> {
    let (directory, name) = (path.parent(), path.file_name());
    let (Some(directory), Some(name)) = (directory, name) else {
        return Err(ErrorKind::InvalidInput.into());
    };
    Dir::make_private(directory)?;
    let real = match path.canonicalize() {
        Err(e) if e.kind() == ErrorKind::NotFound => {
            if path.symlink_metadata().is_ok() {
                return Err(std::io::Error::other(
                    "it is a symbolic link to a file that does not exist",
                ));
            }
            directory.canonicalize()?.join(name)
        }
        real => real?,
    };
    match (real.parent(), real.file_name().and_then(|name| name.to_str())) {
        (Some(directory), Some(name)) => Ok((directory.to_owned(), name.to_owned())),
        _ => Err(std::io::Error::other("its name is not valid UTF-8")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_official_registry_has_one_name_in_files_and_with_helpers() {
        for address in ["", "docker.io", "index.docker.io", "registry-1.docker.io", INDEX_SERVER] {
            let server = Server::parse(address, "serveraddress").expect("a server");
            assert_eq!(
                (server.key(), server.keys()),
                (INDEX_SERVER, vec![INDEX_SERVER.to_owned()])
            );
        }
        let server = Server::parse("http://Reg.Test:443/v1/", "serveraddress").expect("a server");
        assert_eq!(server.key(), "Reg.Test:443");
        assert!(server.keys().contains(&"https://reg.test".to_owned()));
    }
}
