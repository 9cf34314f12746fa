//! What goes over the wire, line by line and as people know it from curl: `*` is about a connection, `>` is sent and `<` is
//! received. Of queries only the fact is told, and of a header its value only if it can be no secret.

use ureq::http::{HeaderMap, HeaderName, HeaderValue, Request, Response, Version};
use url::Url;

use super::origin::Origin;
use super::transport::scope::Seen;
use crate::call::Call;
use crate::log::{Level, Record};

/// Headers whose values are told. (What a server repeats of a secret is masked in all records.)
const TOLD: [&str; 32] = [
    "accept",
    "accept-encoding",
    "accept-ranges",
    "age",
    "cache-control",
    "connection",
    "content-encoding",
    "content-length",
    "content-range",
    "content-type",
    "date",
    "docker-content-digest",
    "docker-distribution-api-version",
    "etag",
    "expires",
    "host",
    "if-match",
    "last-modified",
    "oci-chunk-min-length",
    "oci-filters-applied",
    "oci-subject",
    "oci-tag",
    "range",
    "ratelimit-limit",
    "ratelimit-remaining",
    "ratelimit-reset",
    "retry-after",
    "server",
    "transfer-encoding",
    "user-agent",
    "warning",
    "x-docker-size",
];

/// Headers that are addresses: neither the query nor what comes after it is told, nor a user with a password.
const ADDRESSES: [&str; 3] = ["link", "location", "referer"];

const TARGET: &str = "wire";

/// A request that is about to go out.
pub(super) fn request(message: &Request<()>, call: &Call) {
    let uri = message.uri();
    tell(call, || {
        let query = if uri.query().is_some() { "?…" } else { "" };
        let version = version(message.version());
        format!("> {} {}{query} {version}", message.method(), uri.path())
    });
    if let Some(host) = uri.authority().filter(|_| !message.headers().contains_key("host")) {
        tell(call, || {
            let port = host.port().map_or_else(String::new, |port| format!(":{port}"));
            format!("> host: {}{port}", host.host())
        });
    }
    headers('>', message.headers(), call);
}

/// The connection that it went out on.
pub(super) fn connection(url: &Url, seen: Seen, call: &Call) {
    if let Some(peer) = seen.peer {
        tell(call, || {
            let how = if seen.reused { "again" } else { "for the first time" };
            format!("* {} at {peer}: this connection is used {how}", Origin::of(url))
        });
    }
    if seen.unsent {
        tell(call, || "* the answer came before all of the request was sent".to_owned());
    }
}

/// What came back.
pub(super) fn response<T>(response: &Response<T>, call: &Call) {
    tell(call, || format!("< {} {}", version(response.version()), response.status()));
    headers('<', response.headers(), call);
}

fn headers(direction: char, headers: &HeaderMap, call: &Call) {
    for (name, value) in headers {
        tell(call, || format!("{direction} {name}: {}", shown(name, value)));
    }
}

fn shown(name: &HeaderName, value: &HeaderValue) -> String {
    let text = String::from_utf8_lossy(value.as_bytes());
    if ADDRESSES.contains(&name.as_str())
        && let Some(address) = address(&text)
    {
        return address;
    }
    if name == "www-authenticate"
        && let Some((scheme, _)) = text.split_once(' ')
    {
        return format!("{scheme} …"); // Its realm is an address that may hold anything.
    }
    if TOLD.contains(&name.as_str()) {
        return text.into_owned();
    }
    format!("({} bytes)", value.len())
}

/// An address as it may be told; None for what is none, which may hold anything.
fn address(text: &str) -> Option<String> {
    let text = text.strip_prefix('<').unwrap_or(text);
    if let Ok(mut url) = Url::parse(text.split('>').next().unwrap_or_default()) {
        let more = if url.query().is_some() || url.fragment().is_some() { "?…" } else { "" };
        url.set_query(None);
        url.set_fragment(None);
        // A URL that cannot have a user has none.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        return url.host().is_some().then(|| format!("{url}{more}"));
    }
    let end = text.find(['?', '#', '>']).unwrap_or(text.len());
    let more = if text[end..].starts_with('>') || end == text.len() { "" } else { "?…" };
    let is_path = text.starts_with('/') && !text.starts_with("//");
    is_path.then(|| format!("{}{more}", &text[..end]))
}

fn version(version: Version) -> String {
    format!("{version:?}")
}

fn tell(call: &Call, line: impl FnOnce() -> String) {
    call.log(Level::Trace, TARGET, || Record::new(line()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_may_be_secrets_are_not_told() {
        for (name, value, told) in [
            ("accept", "a/b", "a/b"),
            ("authorization", "Bearer abc", "(10 bytes)"),
            ("set-cookie", "a=b", "(3 bytes)"),
            ("location", "https://store.example/x?signature=abc", "https://store.example/x?…"),
            ("location", "/v2/", "/v2/"),
            ("location", "https://u:abc@store.example/x", "https://store.example/x"),
            ("location", "//u:abc@store.example/x#abc", "(27 bytes)"),
            ("location", "http://[abc/", "(12 bytes)"),
            ("link", "</v2/a/tags/list?last=abc>; rel=next", "/v2/a/tags/list?…"),
            ("link", "<https://r.example/v2/?n=1>; rel=next", "https://r.example/v2/?…"),
            ("www-authenticate", "Bearer realm=\"https://t.example/token?k=abc\"", "Bearer …"),
            ("x-amz-signature", "abc", "(3 bytes)"),
        ] {
            let value = HeaderValue::from_static(value);
            assert_eq!(shown(&HeaderName::from_static(name), &value), told, "{name}");
        }
    }
}
