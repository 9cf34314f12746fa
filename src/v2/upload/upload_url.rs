//! Where an upload goes on, as the registry says it in its answers.

use url::Url;

use crate::call::Call;
use crate::error::{Code, Error, Result};
use crate::http::Response;
use crate::http::origin::{Origin, parse_sent, refuse_downgrade};
use crate::tls::Identity;
use crate::v2::Repository;

/// The largest chunk that a registry may insist on. Each chunk is held in memory, and no registry in use wants more.
const LARGEST_LEAST: u64 = 32 << 20;

/// Where an upload goes on, and how.
#[derive(Clone)]
pub(super) struct UploadUrl {
    pub(super) url: Url,
    /// How TLS is made with a host that is not the registry's own. Such a host gets no credentials.
    pub(super) foreign: Option<Identity>,
    /// The registry wants no smaller chunks, but for the last one.
    pub(super) least: usize,
}

impl std::fmt::Debug for UploadUrl {
    /// The query may be a signature.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", Origin::of(&self.url), self.url.path())
    }
}

impl UploadUrl {
    /// Where the answer says that the upload goes on; an answer to a chunk may say nothing, and then it goes on
    /// `before`.
    pub(super) fn sent(
        repository: &Repository,
        response: &Response,
        before: Option<&Self>,
        call: &Call,
    ) -> Result<Self> {
        let least =
            response.header("oci-chunk-min-length").and_then(|text| text.parse::<u64>().ok());
        let least = match least {
            Some(least) if least <= LARGEST_LEAST => usize::try_from(least).unwrap_or(0),
            _ => before.map_or(0, |before| before.least),
        };
        let text = match (response.header("location"), before) {
            (Some(text), _) => text,
            (None, Some(before)) => return Ok(before.clone()),
            (None, None) => {
                return Err(Error::new(
                    Code::Protocol,
                    format!("{} started an upload without a Location header", repository.shown()),
                )
                .url(&response.url)
                .hint("report this to the registry's operator"));
            }
        };
        let what = "an upload location";
        let url = parse_sent(&response.url, text, Code::Protocol, what)?;
        refuse_downgrade(&response.url, &url, what)?;
        let registry = repository.registry();
        if Origin::of(&url) == Origin::of(registry.base()) {
            return Ok(Self { url, foreign: None, least });
        }
        let host = Origin::of(&url).authority();
        let common = registry.common();
        if !common.policy.upload_hosts.contains(&host) {
            return Err(Error::new(
                Code::Policy,
                format!("{} directs the upload to {}", repository.shown(), Origin::of(&url)),
            )
            .url(&url)
            .hint(format!(
                "nothing was sent; if you trust this host with blobs, add {host:?} to the option allow-upload-hosts; it is asked without credentials"
            )));
        }
        let foreign = Some(common.client.foreign(registry.identity(), &url, call)?);
        Ok(Self { url, foreign, least })
    }
}

/// How many bytes an upload has by the `Range` of an answer about it; None where that is absent, twice there or
/// unreadable.
pub(super) fn received(response: &Response) -> Option<u64> {
    let mut ranges = response.headers.get_all("range").iter();
    let (Some(range), None) = (ranges.next(), ranges.next()) else { return None };
    received_by(range.to_str().ok()?)
}

/// How many bytes a `0-LAST` stands for. Some write `0--1` where there are none.
fn received_by(text: &str) -> Option<u64> {
    let last = text.strip_prefix("bytes=").unwrap_or(text).strip_prefix("0-")?;
    if last == "-1" {
        return Some(0);
    }
    let digits = !last.is_empty() && last.bytes().all(|b| b.is_ascii_digit());
    if digits { last.parse::<u64>().ok()?.checked_add(1) } else { None }
}

#[cfg(test)]
mod tests {
    use super::received_by;

    #[test]
    fn ranges_of_uploads() {
        assert_eq!(received_by("0--1"), Some(0));
        assert_eq!(received_by("0-0"), Some(1));
        assert_eq!(received_by("0-41"), Some(42));
        assert_eq!(received_by("bytes=0-5"), Some(6));
        for text in [
            "",
            "0-",
            "-1",
            "1-5",
            "0-+5",
            "0- 5",
            "0--2",
            "0---1",
            "0-18446744073709551615",
            "0-18446744073709551616",
        ] {
            assert_eq!(received_by(text), None, "{text}");
        }
    }
}
