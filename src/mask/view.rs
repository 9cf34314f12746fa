//! A text as it may hold a secret: with its escapes undone, layer by layer.

use std::ops::Range;

use zeroize::Zeroizing;

/// Where a secret must stand to be taken for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stands {
    Anywhere,
    /// As a word of its own.
    Alone,
    /// After what begins a part of an address, a value or a quotation.
    Quoted,
}

/// A text with some of its escapes undone, and where each byte comes from.
pub(super) struct View {
    pub(super) bytes: Zeroizing<Vec<u8>>,
    from: Vec<Range<usize>>,
}

impl View {
    pub(super) fn of(text: &[u8]) -> Self {
        let from = (0..text.len()).map(|at| at..at + 1).collect();
        Self { bytes: Zeroizing::new(text.to_vec()), from }
    }

    pub(super) fn find(&self, needle: &[u8], stands: Stands, found: &mut Vec<Range<usize>>) {
        let is_word = |at: Option<&u8>| at.is_some_and(u8::is_ascii_alphanumeric);
        let Some((first, rest)) = needle.split_first() else { return };
        let mut at = 0;
        while let Some(skip) = self.bytes[at..].iter().position(|b| b == first) {
            let begin = at + skip;
            let end = begin + needle.len();
            at = begin + 1;
            if !self.bytes[at..].starts_with(rest) {
                continue;
            }
            let before = begin.checked_sub(1).and_then(|before| self.bytes.get(before));
            let counts = match stands {
                Stands::Anywhere => true,
                Stands::Alone => !is_word(before) && !is_word(self.bytes.get(end)),
                Stands::Quoted => before.is_some_and(|b| b"/=:@\"'%?&".contains(b)),
            };
            if !counts {
                continue;
            }
            found.push(self.from[begin].start..self.from[end - 1].end);
        }
    }

    /// With one layer of percent-encoding and of the escapes of JSON and of our own messages undone.
    pub(super) fn unescaped(&self) -> Self {
        let mut plain = Self {
            bytes: Zeroizing::new(Vec::with_capacity(self.bytes.len())),
            from: Vec::with_capacity(self.bytes.len()),
        };
        let mut at = 0;
        while at < self.bytes.len() {
            let (length, unit) = read_escape(&self.bytes[at..]);
            let from = self.from[at].start..self.from[at + length - 1].end;
            match unit {
                Unit::Byte(byte) => {
                    plain.bytes.push(byte);
                    plain.from.push(from);
                }
                Unit::Char(c) => {
                    for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                        plain.bytes.push(byte);
                        plain.from.push(from.clone());
                    }
                }
            }
            at += length;
        }
        plain
    }
}

enum Unit {
    Byte(u8),
    Char(char),
}

/// How many bytes at the start of a text belong together, and what they stand for.
fn read_escape(text: &[u8]) -> (usize, Unit) {
    let hex = |range: Range<usize>| {
        let digits = std::str::from_utf8(text.get(range)?).ok()?;
        let is_hex = digits.bytes().all(|b| b.is_ascii_hexdigit());
        u32::from_str_radix(digits, 16).ok().filter(|_| is_hex)
    };
    let as_it_is = (1, Unit::Byte(text[0]));
    match (text[0], text.get(1)) {
        (b'%', _) => match hex(1..3).and_then(|byte| u8::try_from(byte).ok()) {
            Some(byte) => (3, Unit::Byte(byte)),
            None => as_it_is,
        },
        (b'\\', Some(b'u')) if text.get(2) == Some(&b'{') => {
            let end = text.iter().take(10).position(|b| *b == b'}');
            match end.and_then(|end| Some((end, char::from_u32(hex(3..end)?)?))) {
                Some((end, c)) => (end + 1, Unit::Char(c)),
                None => as_it_is,
            }
        }
        (b'\\', Some(b'u')) => match (hex(2..6), text.get(6..8), hex(8..12)) {
            (Some(high @ 0xd800..0xdc00), Some(b"\\u"), Some(low @ 0xdc00..0xe000)) => {
                let c = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
                char::from_u32(c).map_or(as_it_is, |c| (12, Unit::Char(c)))
            }
            (Some(c), ..) => char::from_u32(c).map_or(as_it_is, |c| (6, Unit::Char(c))),
            _ => as_it_is,
        },
        (b'\\', Some(escaped)) => match escaped {
            b'n' => (2, Unit::Byte(b'\n')),
            b'r' => (2, Unit::Byte(b'\r')),
            b't' => (2, Unit::Byte(b'\t')),
            b'b' => (2, Unit::Byte(8)),
            b'f' => (2, Unit::Byte(12)),
            b'"' | b'\\' | b'/' | b'\'' => (2, Unit::Byte(*escaped)),
            _ => as_it_is,
        },
        _ => as_it_is,
    }
}
