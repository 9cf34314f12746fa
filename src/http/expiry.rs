//! When an address that a server made for one request ends, as far as the address itself tells.

use std::time::{Duration, SystemTime};

use ureq::http::HeaderMap;
use url::Url;

/// An address is not used so shortly before its end: it would end on the way.
const EARLY: Duration = Duration::from_secs(5);

/// How long the address can still be used; None where it does not tell. `headers` are those of an answer that came just
/// now: their Date is the clock that the address was made by.
pub fn lifetime(url: &Url, headers: &HeaderMap) -> Option<Duration> {
    let ends = ends(url)?;
    let date = headers.get("date").and_then(|value| value.to_str().ok());
    let now = date.and_then(|text| httpdate::parse_http_date(text).ok());
    let now = now.unwrap_or_else(SystemTime::now);
    Some(ends.duration_since(now).unwrap_or_default().saturating_sub(EARLY))
}

/// The end that the query of a signed address names: of Amazon S3 and what is like it, Google Cloud Storage, CloudFront,
/// and Azure.
fn ends(url: &Url) -> Option<SystemTime> {
    let value = |wanted: &str| {
        let pair = url.query_pairs().find(|(key, _)| key.eq_ignore_ascii_case(wanted));
        pair.map(|(_, value)| value.into_owned())
    };
    for (date, seconds) in [("X-Amz-Date", "X-Amz-Expires"), ("X-Goog-Date", "X-Goog-Expires")] {
        if let (Some(date), Some(seconds)) = (value(date), value(seconds)) {
            return parse_date(&date)?.checked_add(Duration::from_secs(seconds.parse().ok()?));
        }
    }
    if let Some(seconds) = value("Expires") {
        return SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds.parse().ok()?));
    }
    // Azure's shared access signatures; elsewhere the name may mean anything.
    value("sig").and_then(|_| parse_date(&value("se")?))
}

/// `20260102T030405Z`, `2026-01-02T03:04:05Z` or `2026-01-02`, as a time in UTC.
fn parse_date(text: &str) -> Option<SystemTime> {
    if !text.bytes().all(|b| b.is_ascii_digit() || b"-:TZ.".contains(&b)) {
        return None;
    }
    let (date, time) = text.split_once('T').unwrap_or((text, ""));
    let whole = time.split('.').next().unwrap_or_default();
    let digits = |text: &str| text.bytes().filter(u8::is_ascii_digit).collect::<Vec<_>>();
    let (date, mut time) = (digits(date), digits(whole));
    time.resize(6, b'0');
    let number = |digits: &[u8]| std::str::from_utf8(digits).ok()?.parse::<u64>().ok();
    let (year, month, day) =
        (number(date.get(..4)?)?, number(date.get(4..6)?)?, number(date.get(6..8)?)?);
    let (hour, minute, second) = (number(&time[..2])?, number(&time[2..4])?, number(&time[4..])?);
    let sound = date.len() == 8
        && (1970..10_000).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60;
    if !sound {
        return None;
    }
    // Days since 1970: years that begin in March have their leap day at the end.
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = y * 365 + y / 4 - y / 100 + y / 400 + (m * 153 + 2) / 5 + day - 1;
    let days = days.checked_sub(719_468)?;
    let seconds = days * 86_400 + hour * 3600 + minute * 60 + second;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signed_addresses_name_their_end() {
        let mut headers = HeaderMap::new();
        headers.insert("date", "Fri, 02 Jan 2026 03:04:05 GMT".parse().expect("a header"));
        for (query, seconds) in [
            ("X-Amz-Date=20260102T030400Z&X-Amz-Expires=1200&X-Amz-Signature=x", Some(1190)),
            ("x-amz-date=20260102T030400Z&x-amz-expires=1200", Some(1190)),
            ("X-Goog-Date=20260102T030405Z&X-Goog-Expires=900", Some(895)),
            ("Expires=1767323105&Signature=x", Some(55)),
            ("Expires=1767323040", Some(0)),
            ("Expires=1767323050", Some(0)),
            ("se=2026-01-02T03%3A05%3A05Z&sig=x", Some(55)),
            ("se=2026-01-02T03%3A05%3A05.1234567Z&sig=x", Some(55)),
            ("se=2026-01-03&sig=x", Some(75_350)),
            ("se=2026-01-02T03%3A05%3A05Z", None),
            ("X-Amz-Expires=1200", None),
            ("X-Amz-Date=yesterday&X-Amz-Expires=1200", None),
            ("X-Amz-Date=20261302T030400Z&X-Amz-Expires=1200", None),
            ("X-Amz-Date=20260102T030400Z&X-Amz-Expires=soon", None),
            ("X-Amz-Date=20260102T030400Z&X-Amz-Expires=18446744073709551615", None),
            ("Expires=never", None),
            ("", None),
        ] {
            let url = Url::parse(&format!("https://store.test/blob?{query}")).expect("a URL");
            let told = lifetime(&url, &headers).map(|time| time.as_secs());
            assert_eq!(told, seconds, "{query}");
        }
    }

    #[test]
    fn days_are_counted_as_in_the_calendar() {
        for (text, seconds) in [
            ("1970-01-01", 0),
            ("2000-02-29T00:00:00Z", 951_782_400),
            ("2000-03-01", 951_868_800),
            ("2024-02-29T23:59:59Z", 1_709_251_199),
            ("20260102T030405Z", 1_767_323_045),
        ] {
            let time = parse_date(text).expect(text);
            let since = time.duration_since(SystemTime::UNIX_EPOCH).expect("later");
            assert_eq!(since.as_secs(), seconds, "{text}");
        }
    }
}
