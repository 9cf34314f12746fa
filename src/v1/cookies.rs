//! The cookies of one session: each only for the origin that set it, and not too many.

use std::collections::HashMap;

use zeroize::Zeroizing;

use crate::http::origin::Origin;

/// Cookies of one origin.
const MOST: usize = 50;

/// Origins that may set some.
const MOST_ORIGINS: usize = 20;

/// Bytes of a cookie's name and value.
const LONGEST: usize = 4096;

/// A session's cookies. What a server says of their domain and path is not listened to: they never go elsewhere.
#[derive(Default, Clone)]
pub struct Cookies(HashMap<Origin, Vec<(String, Zeroizing<String>)>>);

impl Cookies {
    /// Takes the lines of `Set-Cookie` of an answer. What is too much, or no cookie, is dropped.
    pub fn learn<'a>(&mut self, origin: &Origin, lines: impl IntoIterator<Item = &'a str>) {
        for line in lines {
            let mut parts = line.split(';');
            let Some((name, value)) = parts.next().and_then(|pair| pair.split_once('=')) else {
                continue;
            };
            let (name, value) = (name.trim(), value.trim());
            let unfit = |text: &str| text.bytes().any(|b| b <= b' ' || b >= 0x7f || b == b',');
            if name.is_empty() || unfit(name) || unfit(value) || name.len() + value.len() > LONGEST
            {
                continue;
            }
            if !self.0.contains_key(origin) && self.0.len() == MOST_ORIGINS {
                continue;
            }
            let jar = self.0.entry(origin.clone()).or_default();
            jar.retain(|(known, _)| known != name);
            if jar.len() < MOST && !parts.any(ends_it) {
                jar.push((name.to_owned(), Zeroizing::new(value.to_owned())));
            }
        }
    }

    /// The value of `Cookie` for a request to an origin, if it has any.
    pub fn header(&self, origin: &Origin) -> Option<Zeroizing<String>> {
        let jar = self.0.get(origin).filter(|jar| !jar.is_empty())?;
        // At once as large as it will be: growing would leave copies behind.
        let size = jar.iter().map(|(name, value)| name.len() + value.len() + 3).sum();
        let mut header = Zeroizing::new(String::with_capacity(size));
        for (name, value) in jar {
            if !header.is_empty() {
                header.push_str("; ");
            }
            header.extend([name, "=", value]);
        }
        Some(header)
    }
}

impl std::fmt::Debug for Cookies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cookies").field("origins", &self.0.len()).finish_non_exhaustive()
    }
}

/// Whether an attribute takes the cookie away.
fn ends_it(attribute: &str) -> bool {
    let Some((name, value)) = attribute.split_once('=') else { return false };
    let value = value.trim();
    match name.trim().to_ascii_lowercase().as_str() {
        "max-age" => value == "0" || value.starts_with('-'),
        "expires" => {
            let now = std::time::SystemTime::now();
            httpdate::parse_http_date(value).is_ok_and(|end| end <= now)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(text: &str) -> Origin {
        Origin::of(&text.parse().expect("a URL"))
    }

    #[test]
    fn cookies_go_back_to_whom_they_came_from_and_to_nobody_else() {
        let mut cookies = Cookies::default();
        let home = origin("https://r.example");
        cookies.learn(&home, ["a=1; Path=/elsewhere; Domain=.example; HttpOnly", "b=2", "a=3"]);
        assert_eq!(cookies.header(&home).expect("cookies").as_str(), "b=2; a=3");
        for other in
            ["http://r.example", "https://r.example:444", "https://x.r.example", "https://example"]
        {
            assert_eq!(cookies.header(&origin(other)), None, "{other}");
        }
        cookies.learn(&home, ["a=; Max-Age=0", "b=x; Expires=Thu, 01 Jan 1970 00:00:00 GMT"]);
        assert_eq!(cookies.header(&home), None);
    }

    #[test]
    fn a_cookie_ends_when_its_server_says_so_and_no_sooner() {
        let home = origin("https://r.example");
        for (attribute, ends) in [
            ("Max-Age=0", true),
            ("max-age = -1", true),
            ("Max-Age=1", false),
            ("Max-Age=x", false),
            ("Expires=Thu, 01 Jan 1970 00:00:00 GMT", true),
            ("Expires=Fri, 31 Dec 9999 23:59:59 GMT", false),
            ("Expires=never", false),
            ("Secure", false),
        ] {
            let mut cookies = Cookies::default();
            cookies.learn(&home, ["a=1", &format!("a=2; Path=/; {attribute}")]);
            let left = (!ends).then_some("a=2");
            assert_eq!(cookies.header(&home).as_deref().map(String::as_str), left, "{attribute}");
        }
    }

    #[test]
    fn what_no_header_can_carry_is_no_cookie() {
        let home = origin("https://r.example");
        let mut cookies = Cookies::default();
        for bad in ["a\u{1}=1", "a b=1", "é=1", "a,=1", "=1", "no pair", "", ";a=1"] {
            cookies.learn(&home, [bad]);
            assert_eq!(cookies.header(&home), None, "{bad:?}");
        }
        for bad in ["a=\u{1}", "a=b c", "a=\u{7f}", "a=é", "a=b,c", "a=b\r\nX: y"] {
            cookies.learn(&home, [bad]);
            assert_eq!(cookies.header(&home), None, "{bad:?}");
        }
        let longest = format!("a={}", "x".repeat(LONGEST - 1));
        cookies.learn(&home, [format!("{longest}x").as_str()]);
        assert_eq!(cookies.header(&home), None);
        cookies.learn(&home, [longest.as_str()]);
        assert_eq!(cookies.header(&home).expect("a cookie").as_str(), longest);
    }

    #[test]
    fn a_flood_of_cookies_is_cut() {
        let mut cookies = Cookies::default();
        let home = origin("https://r.example");
        let flood: Vec<String> = (0..10_000).map(|n| format!("n{n}={n}")).collect();
        cookies.learn(&home, flood.iter().map(String::as_str));
        let header = cookies.header(&home).expect("cookies");
        assert_eq!(header.split("; ").count(), MOST);
        for n in 0..100 {
            cookies.learn(&origin(&format!("https://r{n}.example")), ["a=1"]);
        }
        assert_eq!(cookies.0.len(), MOST_ORIGINS);
        // Who is known goes on.
        cookies.learn(&home, ["n0=new"]);
        assert!(cookies.header(&home).expect("cookies").ends_with("; n0=new"));
    }
}
