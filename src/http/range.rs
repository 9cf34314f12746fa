//! Answers that bring the rest of something.

use super::{Response, header};

/// How large the whole is of which a 206 brings the rest from `first` on; or why it does not.
pub fn size_told(response: &Response, first: u64) -> Result<u64, &'static str> {
    let range = told(response)?;
    if range.first != first || range.total.is_some_and(|total| range.last + 1 != total) {
        return Err(OTHER_PART);
    }
    length_of(range, response)?;
    Ok(range.last + 1)
}

/// A piece of something, as a 206 brings it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// Its bytes.
    pub length: u64,
    /// The size of the whole, where the server knows it.
    pub total: Option<u64>,
}

/// The piece that a 206 brings from `first` on, of whatever length: some servers know no end of a range; or why it is no
/// such piece.
pub fn piece(response: &Response, first: u64) -> Result<Piece, &'static str> {
    let range = told(response)?;
    if range.first != first {
        return Err(OTHER_PART);
    }
    Ok(Piece { length: length_of(range, response)?, total: range.total })
}

const OTHER_PART: &str = "it sent a different part than requested";

fn told(response: &Response) -> Result<ContentRange, &'static str> {
    let mut ranges = response.headers.get_all(header::CONTENT_RANGE).iter();
    let (range, more) = (ranges.next(), ranges.next());
    let range = range.and_then(|value| ContentRange::parse(value.to_str().ok()?));
    range.filter(|_| more.is_none()).ok_or("its Content-Range is missing or malformed")
}

fn length_of(range: ContentRange, response: &Response) -> Result<u64, &'static str> {
    let length = range.last - range.first + 1;
    if response.content_length().is_some_and(|told| told != length) {
        return Err("Content-Range and Content-Length contradict each other");
    }
    Ok(length)
}

/// The size of the whole content according to a 416, if it states that.
pub fn size_of_unsatisfied(response: &Response) -> Option<u64> {
    let mut ranges = response.headers.get_all(header::CONTENT_RANGE).iter();
    let (Some(range), None) = (ranges.next(), ranges.next()) else { return None };
    number(range.to_str().ok()?.strip_prefix("bytes */")?)
}

/// Digits, and nothing but.
fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if digits { text.parse::<u64>().ok().filter(|n| *n < u64::MAX) } else { None }
}

/// `bytes FIRST-LAST/TOTAL`, and nothing that merely looks like it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct ContentRange {
    first: u64,
    last: u64,
    total: Option<u64>,
}

impl ContentRange {
    fn parse(text: &str) -> Option<Self> {
        let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
        let (first, last) = range.split_once('-')?;
        let (first, last) = (number(first)?, number(last)?);
        let total = if total == "*" { None } else { Some(number(total)?) };
        let sound = first <= last && total.is_none_or(|total| last < total);
        sound.then_some(Self { first, last, total })
    }
}

/// The door of the fuzz target: first, last and total.
#[cfg(fuzzing)]
#[doc(hidden)]
pub fn fuzz(text: &str) -> Option<(u64, u64, Option<u64>)> {
    ContentRange::parse(text).map(|range| (range.first, range.last, range.total))
}

#[cfg(test)]
mod tests {
    use super::ContentRange;

    #[test]
    fn content_ranges() {
        let parse = ContentRange::parse;
        assert_eq!(
            parse("bytes 5-9/10"),
            Some(ContentRange { first: 5, last: 9, total: Some(10) })
        );
        assert_eq!(parse("bytes 0-0/*"), Some(ContentRange { first: 0, last: 0, total: None }));
        for text in [
            "",
            "5-9/10",
            "bytes=5-9/10",
            "bytes 5-9",
            "bytes 5-/10",
            "bytes -9/10",
            "bytes 9-5/10",
            "bytes 5-10/10",
            "bytes +5-9/10",
            "bytes 5-9/ 10",
            "bytes 0-18446744073709551616/*",
            "bytes 0-18446744073709551615/*",
            "bytes 5-9/10, 5-9/10",
            "bytes */10",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
