//! Keys of credentials: a host, perhaps with the path of repositories below it.

use std::collections::BTreeMap;

use crate::names::host::{self, INDEX_NAME, INDEX_SERVER};

/// Things by host and path, found by the longest path that is a repository's or above it.
#[derive(Debug, Clone)]
pub struct ByPath<T>(BTreeMap<(String, String), T>);

impl<T> Default for ByPath<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<T> ByPath<T> {
    /// Several keys may mean one: its own name counts before all others, then the first that is put there.
    pub fn put(&mut self, key: &str, at: (String, String), value: T) {
        if is_own_name(key, &at) {
            self.0.insert(at, value);
        } else {
            self.0.entry(at).or_insert(value);
        }
    }

    /// What belongs to a repository and is `wanted`; the path may be empty, for the host itself.
    pub fn find(&self, host: &str, repository: &str, wanted: impl Fn(&T) -> bool) -> Option<&T> {
        let host = host::normalised(host);
        let mut path = repository;
        loop {
            if let Some(found) = self.0.get(&(host.clone(), path.to_owned()))
                && wanted(found)
            {
                return Some(found);
            }
            if path.is_empty() {
                return None;
            }
            path = path.rsplit_once('/').map_or("", |(above, _)| above);
        }
    }
}

impl<T> FromIterator<(String, T)> for ByPath<T> {
    /// Skips keys that are not a host or host/path.
    fn from_iter<I: IntoIterator<Item = (String, T)>>(entries: I) -> Self {
        let mut found = Self::default();
        for (key, value) in entries {
            if let Ok(at) = host_path(&key) {
                found.put(&key, at, value);
            }
        }
        found
    }
}

/// A key's host and path; login files have whole addresses that end in `/v1/` or `/v2/`.
pub fn host_path(key: &str) -> Result<(String, String), &'static str> {
    let bare = key.strip_prefix("http://").or_else(|| key.strip_prefix("https://")).unwrap_or(key);
    let (host, path) = bare.split_once('/').unwrap_or((bare, ""));
    if host.contains('@') {
        return Err("it contains a user name or password");
    }
    if host::check_host_port(host).is_err() && !is_bracketed(host) {
        return Err("its host is not valid");
    }
    let path = path.trim_end_matches('/');
    let path = if matches!(path, "v1" | "v2") { "" } else { path };
    if path.contains(char::is_control) || path.split('/').any(|part| matches!(part, "." | "..")) {
        return Err("its path is not valid");
    }
    Ok((host::normalised(host), path.to_owned()))
}

/// Whether a key is what docker itself calls a place, rather than an older or another spelling of it.
fn is_own_name(key: &str, (host, path): &(String, String)) -> bool {
    match (host.as_str(), path.as_str()) {
        (INDEX_NAME, "") => key == INDEX_SERVER,
        (host, "") => key == host,
        (host, path) => {
            key.strip_prefix(host).and_then(|rest| rest.strip_prefix('/')) == Some(path)
        }
    }
}

/// An IPv6 address in brackets without a port, as it stands in an address.
fn is_bracketed(host: &str) -> bool {
    let inner = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
    inner.is_some_and(|inner| inner.parse::<std::net::Ipv6Addr>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::{host_path, is_own_name};

    #[test]
    fn a_key_is_a_host_and_perhaps_a_path() {
        for (key, host, path) in [
            ("r.example", "r.example", ""),
            ("https://R.Example:443/v1/", "r.example", ""),
            ("http://r.example:5000/v2/", "r.example:5000", ""),
            ("r.example/team/app/", "r.example", "team/app"),
            ("r.example/v1/app", "r.example", "v1/app"),
            ("[2001:db8::1]", "[2001:db8::1]", ""),
            ("[2001:db8::1]:5000/a", "[2001:db8::1]:5000", "a"),
            ("https://index.docker.io/v1/", "docker.io", ""),
        ] {
            assert_eq!(host_path(key), Ok((host.to_owned(), path.to_owned())), "{key}");
        }
        for (key, why) in [
            ("", "host"),
            ("https://", "host"),
            ("u@r.example", "user name"),
            ("https://u:p@r.example/v1/", "user name"),
            ("r example", "host"),
            ("[r.example]", "host"),
            ("[::1", "host"),
            ("ftp://r.example", "host"),
            ("r.example/a/../b", "path"),
            ("r.example/.", "path"),
            ("r.example/a\nb", "path"),
        ] {
            let told = host_path(key).expect_err(key);
            assert!(told.contains(why), "{key:?}: {told}");
        }
    }

    #[test]
    fn a_path_has_one_name_of_its_own() {
        for (key, own) in [
            ("r.example", true),
            ("R.example", false),
            ("https://r.example", false),
            ("r.example/team", true),
            ("r.example/team/", false),
            ("https://index.docker.io/v1/", true),
            ("docker.io", false),
        ] {
            assert_eq!(is_own_name(key, &host_path(key).expect(key)), own, "{key}");
        }
    }
}
