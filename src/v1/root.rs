//! Where a v1 registry's paths begin: an address that ends in `/v1/`.

use std::fmt;

use serde::Serialize;
use url::Url;

use crate::error::{Error, Result};
use crate::names::host::printable;

/// The most registries that an index may name.
const MOST: usize = 100;

/// The root of a v1 index or registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root(Url);

impl Root {
    /// Reads a root that a caller gives; `argument` is what it is called.
    pub fn parse(text: &str, argument: &str) -> Result<Self> {
        let wrong = |why: &str| {
            let shown = printable(text.split(['?', '#']).next().unwrap_or_default());
            Error::argument(
                argument,
                format!("{shown:?} is not a valid root of a v1 registry: {why}"),
            )
            .hint("write the root as https://registry.example/v1/, the way an index lists it")
        };
        let url = Url::parse(text).map_err(|e| wrong("it is not a valid URL").cause(e))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(wrong("its scheme is neither http nor https"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Error::argument(
                argument,
                "the root of a v1 registry must not contain a user name or password",
            )
            .hint("pass the credentials to the session"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(wrong("it has a query or a fragment"));
        }
        if !url.path().ends_with("/v1/") {
            return Err(wrong("it does not end in /v1/"));
        }
        Ok(Self(url))
    }

    /// `url` with `v1/` below its path.
    pub fn below(url: &Url) -> Self {
        let mut root = url.clone();
        root.set_path(&format!("{}/v1/", url.path().trim_end_matches('/')));
        Self(root)
    }

    /// The address of something below; `path` is made of parsed names only.
    pub fn path(&self, path: &str) -> Url {
        let mut url = self.0.clone();
        url.set_path(&format!("{}{path}", self.0.path()));
        url
    }

    /// The address itself.
    pub fn url(&self) -> &Url {
        &self.0
    }
}

impl fmt::Display for Root {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

impl Serialize for Root {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.as_str())
    }
}

/// The registries that the lines of `X-Docker-Endpoints` name, at the scheme of the index that sent them.
pub fn listed<'a>(
    index: &Url,
    lines: impl IntoIterator<Item = &'a str>,
) -> std::result::Result<Vec<Root>, &'static str> {
    let mut roots = Vec::new();
    for name in lines.into_iter().flat_map(|line| line.split(',')).map(str::trim) {
        // A host and perhaps a port: whatever else there is would be the way to somewhere else.
        let is_host = name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._:[]".contains(&b));
        let url = Url::parse(&format!("{}://{name}/v1/", index.scheme()));
        let root = match url {
            Ok(url) if is_host && url.path() == "/v1/" => Root(url),
            _ => return Err("it lists a registry that is not a valid host[:port]"),
        };
        if roots.len() == MOST {
            return Err("it lists more than 100 registries");
        }
        roots.push(root);
    }
    Ok(roots)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_root_ends_in_v1_and_carries_nothing_else() {
        for good in ["https://r.example/v1/", "http://127.0.0.1:5000/deep/v1/", "https://[::1]/v1/"]
        {
            assert_eq!(Root::parse(good, "registry").expect("a root").to_string(), good);
        }
        for bad in [
            "",
            "r.example/v1/",
            "https://r.example/v1",
            "https://r.example/v2/",
            "ftp://r.example/v1/",
            "https://u:secret@r.example/v1/",
            "https://secret@r.example/v1/",
            "https://:secret@r.example/v1/",
            "https://r.example/v1/?x",
            "https://r.example/v1/#x",
            "https:///v1/",
        ] {
            let error = Root::parse(bad, "registry").expect_err(bad);
            assert_eq!(error.details().argument.as_deref(), Some("registry"));
            assert!(!error.to_json().contains("secret"));
        }
    }

    #[test]
    fn an_index_names_hosts_and_nothing_else() {
        let index = Url::parse("https://index.example/v1/").expect("a URL");
        for bad in [
            "",
            "a,",
            "http://b",
            "B/../",
            "b/v2",
            "u@b",
            "b?x",
            "b#x",
            "b:port",
            "a b",
            "é.example",
            "[::1",
        ] {
            assert!(listed(&index, [bad]).is_err(), "{bad}");
        }
        assert!(listed(&index, ["a,".repeat(100) + "a"].iter().map(String::as_str)).is_err());
        let good = listed(&index, ["a.example:5000 , [::1]:5000", "b"]).expect("roots");
        let shown: Vec<String> = good.iter().map(Root::to_string).collect();
        assert_eq!(
            shown,
            ["https://a.example:5000/v1/", "https://[::1]:5000/v1/", "https://b/v1/"]
        );
    }
}
