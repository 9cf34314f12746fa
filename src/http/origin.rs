//! Origins, and which addresses a server may send us to.

use std::fmt;

use url::Url;

use crate::error::{Code, Error, Result};

/// Scheme, host and port: what a secret belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Origin {
    scheme: String,
    host: String,
    port: u16,
}

impl Origin {
    /// The origin of an address; default ports are the same as none.
    pub fn of(url: &Url) -> Self {
        Self {
            scheme: url.scheme().to_owned(),
            host: url.host_str().unwrap_or_default().to_owned(),
            port: url.port_or_known_default().unwrap_or(0),
        }
    }

    /// Whether the origin's connections are protected by TLS.
    pub fn is_https(&self) -> bool {
        self.scheme == "https"
    }

    /// The host, with the port unless it is the scheme's own.
    pub fn authority(&self) -> String {
        match (self.scheme.as_str(), self.port) {
            ("https", 443) | ("http", 80) => self.host.clone(),
            (_, port) => format!("{}:{port}", self.host),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.authority())
    }
}

/// Whether credentials may follow a redirect between two such places: docker.com and docker.io, and what is below
/// them, over https.
pub fn is_trusted(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let below = |domain: &str| {
        host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    url.scheme() == "https" && (below("docker.com") || below("docker.io"))
}

/// Reads an address that a server sent us: relative to `base`, http or https, with a host and without user info.
///
/// `code` is the failure's; messages name no query and no user info.
pub fn parse_sent(base: &Url, text: &str, code: Code, what: &str) -> Result<Url> {
    let refuse = |why: &str| {
        Error::new(code, format!("{} sent {what} that {why}", Origin::of(base)))
            .url(base)
            .hint("nothing was sent there; report this to the registry's operator")
    };
    // A backslash is a slash to browsers and a character to others: whoever sends one wants us to differ.
    if text.bytes().any(|b| b <= b' ' || b == 0x7f || b == b'\\') {
        return Err(refuse("contains spaces, control characters or backslashes"));
    }
    let url = base.join(text).map_err(|e| refuse("is not a valid URL").cause(e))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(refuse(&format!(
            "has the scheme {}, which is neither http nor https",
            url.scheme()
        )));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refuse("contains a user name or password"));
    }
    Ok(url)
}

/// https never becomes http by itself.
pub fn refuse_downgrade(from: &Url, to: &Url, what: &str) -> Result<()> {
    if from.scheme() == "https" && to.scheme() != "https" {
        return Err(Error::new(
            Code::Policy,
            format!(
                "{} sent {what} that leads from https to plain http at {}",
                Origin::of(from),
                Origin::of(to)
            ),
        )
        .url(to)
        .hint("nothing was sent; the registry must use https there too"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Origin, is_trusted, parse_sent};
    use crate::error::Code;

    #[test]
    fn origins_are_scheme_host_and_port() {
        let of = |text: &str| Origin::of(&text.parse().unwrap());
        assert_eq!(of("https://a/x"), of("https://A:443/y?z"));
        assert_eq!(of("http://a"), of("http://a:80"));
        for other in ["http://a", "https://a:444", "https://b", "https://a.", "https://sub.a"] {
            assert_ne!(of("https://a"), of(other), "{other}");
        }
    }

    #[test]
    fn trusted_places_are_of_docker_and_spoken_with_over_https() {
        for (text, trusted) in [
            ("https://docker.io/", true),
            ("https://docker.com/", true),
            ("https://index.docker.io:5000/", true),
            ("https://a.b.docker.com/", true),
            ("http://docker.io/", false),
            ("http://index.docker.io/", false),
            ("https://docker.io.example/", false),
            ("https://evildocker.io/", false),
            ("https://docker.example/", false),
            ("https://io/", false),
        ] {
            assert_eq!(is_trusted(&text.parse().unwrap()), trusted, "{text}");
        }
    }

    #[test]
    fn sent_addresses() {
        let base = "https://registry.example/v2/x".parse().unwrap();
        let parse = |text: &str| parse_sent(&base, text, Code::Redirect, "a redirect");
        for (text, expected) in [
            ("/y?a=b", "https://registry.example/y?a=b"),
            ("z", "https://registry.example/v2/z"),
            ("//other.example/y", "https://other.example/y"),
            ("http://[::1]:5000/", "http://[::1]:5000/"),
        ] {
            assert_eq!(parse(text).unwrap().as_str(), expected);
        }
        for text in [
            "file:///etc/passwd",
            "ftp://a/",
            "https://user@b/",
            "https://u:secret@b/",
            "https://:secret@b/",
            "https://b\\@c/",
            "https://b/\u{7f}",
            "https://b /",
            "https://b\r\nX: y/",
            // An address of http or https has a host, and one that is spelt out.
            "https://",
            "https:///",
            "//",
            "https://:1/",
            "https://[::1%25eth0]/",
            "https://a%2fb/",
            "https://a%25b/",
            "javascript:alert(1)",
        ] {
            let error = parse(text).unwrap_err();
            assert_eq!(error.code(), Code::Redirect, "{text}");
            assert!(!error.to_json().contains("secret"), "{error}");
            assert!(error.to_json().contains("hint"), "{error}");
        }
    }
}
