//! What a registry says in headers: warnings, and how many requests it still allows.

use std::fmt;

use crate::http::Response;

/// More of a warning is not for users.
const LONGEST: usize = 1000;

/// The text of a `Warning` header of code 299, which is the only one that is for users.
pub(super) fn warning(value: &str) -> Option<String> {
    let rest = value.trim().strip_prefix("299 ")?;
    let (_agent, rest) = rest.trim_start().split_once(' ')?;
    let mut text = String::new();
    let mut chars = rest.trim_start().strip_prefix('"')?.chars();
    loop {
        match chars.next()? {
            '"' => break,
            '\\' => text.push(chars.next()?),
            c => text.push(c),
        }
    }
    let text: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let text: String = text.chars().filter(|c| !c.is_control()).take(LONGEST).collect();
    (!text.is_empty()).then_some(text)
}

/// How many requests are allowed, and how many of them are left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rate {
    pub(super) limit: u64,
    /// The seconds that the limit is for.
    pub(super) window: Option<u64>,
    pub(super) remaining: u64,
}

impl Rate {
    pub(super) fn of(response: &Response) -> Option<Self> {
        Self::read(response.header("ratelimit-limit")?, response.header("ratelimit-remaining")?)
    }

    fn read(limit: &str, remaining: &str) -> Option<Self> {
        let number = |text: &str| text.split([';', ',']).next()?.trim().parse().ok();
        let window = limit.split(';').find_map(|part| part.trim().strip_prefix("w="));
        let window = window.and_then(number);
        Some(Self { limit: number(limit)?, window, remaining: number(remaining)? })
    }

    /// Whether no more than a tenth is left.
    pub(super) fn is_low(&self) -> bool {
        self.remaining <= self.limit / 10
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} requests", self.limit)?;
        match self.window {
            Some(seconds) => write!(f, " in {seconds} seconds"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Rate, warning};

    #[test]
    fn warnings_for_users() {
        let told = [
            (r#"299 - "moved""#, Some("moved")),
            (r#"299 registry.example "a \"b\" \\ c" "date""#, Some(r#"a "b" \ c"#)),
            ("299 - \"two\t lines\"", Some("two lines")),
            (r#"299 - """#, None),
            (r#"299 - "open"#, None),
            (r#"110 - "stale""#, None),
            ("299", None),
            ("299 -", None),
        ];
        for (value, text) in told {
            assert_eq!(warning(value).as_deref(), text, "{value}");
        }
    }

    #[test]
    fn how_many_requests_are_left() {
        let of = |limit, remaining| Rate::read(limit, remaining);
        let rate = of("100;w=21600", "76;w=21600").expect("Docker Hub's form");
        assert_eq!((rate.remaining, rate.is_low()), (76, false));
        assert_eq!(rate.to_string(), "100 requests in 21600 seconds");
        let rate = of("100", "10").expect("numbers alone");
        assert_eq!((rate.is_low(), rate.to_string()), (true, "100 requests".to_owned()));
        assert_eq!(of("", "1"), None);
        assert_eq!(of("many", "few"), None);
    }
}
