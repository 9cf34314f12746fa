//! What names an image in protocol v1: 64 hex digits, and nothing else, before it is part of any address.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Code, Error, Result};
use crate::names::host::printable;

/// The id of a v1 image.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct ImageId(String);

impl ImageId {
    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ImageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ImageId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return Ok(Self(text.to_owned()));
        }
        let message = format!("{:?} is not a valid image ID", printable(text));
        Err(Error::argument("image_id", message).hint("an image ID has 64 lower-case hex digits"))
    }
}

impl TryFrom<String> for ImageId {
    type Error = &'static str;

    /// For ids within documents: the error is a cause, and does not repeat what a server sent.
    fn try_from(text: String) -> std::result::Result<Self, Self::Error> {
        text.parse().map_err(|_: Error| "an image ID must have 64 lower-case hex digits")
    }
}

/// What a server sent makes no sense. Of its own words, which may be in `why`, a few are enough.
pub(super) fn nonsense(doing: &str, why: impl fmt::Display) -> Error {
    const MOST: usize = 300;
    let mut why = why.to_string();
    if let Some((end, _)) = why.char_indices().nth(MOST) {
        why.truncate(end);
        why.push('…');
    }
    Error::new(Code::Protocol, format!("cannot {doing}"))
        .cause(format!("the server sent an invalid response: {why}"))
        .hint("check that the address is that of a v1 registry; if it is, report this to its operator")
}

#[cfg(test)]
mod tests {
    use super::ImageId;

    #[test]
    fn only_64_lower_case_hex_digits_are_an_id() {
        let good = "0123456789abcdef".repeat(4);
        assert_eq!(good.parse::<ImageId>().expect("an id").as_str(), good);
        let bad = [
            String::new(),
            "..".to_owned(),
            "../".repeat(21) + "x",
            good[1..].to_owned(),
            format!("{good}0"),
            good.to_uppercase(),
            good.replace('a', "g"),
            good.replace('a', "é"),
        ];
        for text in bad {
            assert_eq!(text.parse::<ImageId>().expect_err("refused").code().number(), 1, "{text}");
        }
    }
}
