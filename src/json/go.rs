//! JSON as Go's encoding/json reads and writes it, for the files of Docker and of the containers tools.
//!
//! A key means a field whatever its letter case, null is an empty value, and of two values for one field the last
//! counts. A value of a wrong type is an error of the call that needs it, not of the whole file. The library's own
//! option objects and what registries send are read by [`crate::json::strict`], which forgives nothing.

use std::borrow::Cow;
use std::char::{REPLACEMENT_CHARACTER, decode_utf16};
use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::error::Category;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use crate::json::strict::fold;

/// A value that has another type than the reader needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WrongType;

/// JSON as Go writes it, byte for byte: compact, and without characters that HTML or JavaScript treat specially.
pub fn to_vec(value: &impl serde::Serialize) -> serde_json::Result<Vec<u8>> {
    let mut text = serde_json::to_string(value)?;
    // Outside of strings JSON has none of these.
    for (special, escape) in [
        ("<", "\\u003c"),
        (">", "\\u003e"),
        ("&", "\\u0026"),
        ("\u{2028}", "\\u2028"),
        ("\u{2029}", "\\u2029"),
    ] {
        if text.contains(special) {
            text = text.replace(special, escape);
        }
    }
    Ok(text.into_bytes())
}

/// The text of a file: without a byte order mark, also from the UTF-16 that the mark announces. What is not valid
/// text becomes U+FFFD, as in Go.
pub fn text(bytes: &[u8]) -> Zeroizing<String> {
    let units = |unit: fn([u8; 2]) -> u16| {
        let pairs = bytes[2..].chunks_exact(2).map(move |pair| unit([pair[0], pair[1]]));
        // No unit takes more than three bytes: the text never moves, and leaves no copy of a secret behind.
        let mut text = Zeroizing::new(String::with_capacity(bytes.len() / 2 * 3));
        text.extend(decode_utf16(pairs).map(|c| c.unwrap_or(REPLACEMENT_CHARACTER)));
        text
    };
    match bytes {
        [0xff, 0xfe, ..] => return units(u16::from_le_bytes),
        [0xfe, 0xff, ..] => return units(u16::from_be_bytes),
        _ => {}
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let size = |chunk: std::str::Utf8Chunk<'_>| {
        chunk.valid().len() + if chunk.invalid().is_empty() { 0 } else { 3 }
    };
    let mut text = Zeroizing::new(String::with_capacity(bytes.utf8_chunks().map(size).sum()));
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        if !chunk.invalid().is_empty() {
            text.push(REPLACEMENT_CHARACTER);
        }
    }
    text
}

/// An object: its keys in their order, each with its value as it stands in the text.
#[derive(Default, Clone)]
pub struct Object<'a>(pub Vec<(Cow<'a, str>, &'a str)>);

impl<'a> Object<'a> {
    /// Reads the whole text; nothing may follow the object. null is an object without keys.
    pub fn parse(text: &'a str) -> serde_json::Result<Self> {
        Ok(serde_json::from_str::<Option<Self>>(text)?.unwrap_or_default())
    }

    /// Reads the first value of a text, as docker does, and ignores what follows it.
    pub fn parse_first(text: &'a str) -> serde_json::Result<Self> {
        let first = serde_json::Deserializer::from_str(text).into_iter::<Option<Self>>().next();
        Ok(first.transpose()?.flatten().unwrap_or_default())
    }

    /// Whether a key means the field.
    pub fn means(key: &str, field: &str) -> bool {
        key == field || fold(key) == fold(field)
    }

    /// The values of a field that are not null, in their order.
    fn values(&self, field: &str) -> impl Iterator<Item = &'a str> {
        let of_field = self.0.iter().filter(move |(key, _)| Self::means(key, field));
        of_field.map(|(_, value)| *value).filter(|value| *value != "null")
    }

    /// A value as it stands in the text.
    pub fn raw(&self, field: &str) -> Option<&'a str> {
        self.values(field).last()
    }

    /// A string; empty where there is none.
    pub fn string(&self, field: &str) -> Result<Zeroizing<String>, WrongType> {
        let mut last = Zeroizing::default();
        for value in self.values(field) {
            last = string(value)?;
        }
        Ok(last)
    }

    /// A list of strings; None where there is none.
    pub fn strings(&self, field: &str) -> Result<Option<Vec<String>>, WrongType> {
        let mut last = None;
        for (_, value) in self.0.iter().filter(|(key, _)| Self::means(key, field)) {
            let items: Option<Vec<Option<String>>> =
                serde_json::from_str(value).map_err(|_| WrongType)?;
            last = items.map(|items| items.into_iter().map(Option::unwrap_or_default).collect());
        }
        Ok(last)
    }

    /// An object: several for one field are put together, and null takes back what came before it.
    pub fn object(&self, field: &str) -> Result<Self, WrongType> {
        let mut all = Self::default();
        for (_, value) in self.0.iter().filter(|(key, _)| Self::means(key, field)) {
            match *value {
                "null" => all.0.clear(),
                value => all.0.extend(Self::parse(value).map_err(|_| WrongType)?.0),
            }
        }
        Ok(all)
    }
}

/// Why a text is not an object, and where. What serde says itself may quote the text.
pub fn reason(error: &serde_json::Error) -> String {
    let what = match error.classify() {
        Category::Data => "it is not a JSON object",
        Category::Io | Category::Syntax | Category::Eof => "it is not valid JSON",
    };
    format!("{what} (line {}, column {})", error.line(), error.column())
}

/// Shows keys only: any value may be a secret.
impl fmt::Debug for Object<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.iter().map(|(key, _)| key)).finish()
    }
}

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Object<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(key) = map.next_key::<&'de RawValue>()? {
                    let mut key = string(key.get()).unwrap_or_default();
                    let value = map.next_value::<&'de RawValue>()?.get();
                    entries.push((std::mem::take(&mut *key).into(), value));
                }
                Ok(Object(entries))
            }
        }
        reader.deserialize_map(Reader)
    }
}

/// As [`string`]; null is an empty one.
pub fn nullable(raw: &str) -> Result<Zeroizing<String>, WrongType> {
    if raw == "null" { Ok(Zeroizing::default()) } else { string(raw) }
}

/// The value of a JSON string that was found sound. Half a surrogate pair becomes U+FFFD, as in Go.
pub fn string(raw: &str) -> Result<Zeroizing<String>, WrongType> {
    let inner = raw.strip_prefix('"').and_then(|raw| raw.strip_suffix('"')).ok_or(WrongType)?;
    // No escape is shorter than what it stands for: with this room the text never moves.
    let mut text = Zeroizing::new(String::with_capacity(inner.len()));
    let mut rest = inner;
    while let Some((plain, escape)) = rest.split_once('\\') {
        text.push_str(plain);
        let (c, after) = unescape(escape).ok_or(WrongType)?;
        text.push(c);
        rest = after;
    }
    text.push_str(rest);
    Ok(text)
}

/// The character that an escape means, and the rest; `text` begins after the backslash.
fn unescape(text: &str) -> Option<(char, &str)> {
    let mut chars = text.chars();
    let c = match chars.next()? {
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'u' => {
            let (first, after) = hex4(chars.as_str())?;
            let second = after.strip_prefix("\\u").and_then(hex4);
            if let Some((second, after)) = second
                && let Some(Ok(c)) = decode_utf16([first, second]).next()
                && c.len_utf16() == 2
            {
                return Some((c, after));
            }
            let c = char::from_u32(first.into()).unwrap_or(REPLACEMENT_CHARACTER);
            return Some((c, after));
        }
        same => same,
    };
    Some((c, chars.as_str()))
}

fn hex4(text: &str) -> Option<(u16, &str)> {
    let (digits, after) = text.split_at_checked(4)?;
    Some((u16::from_str_radix(digits, 16).ok()?, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_what_they_stand_for() {
        for (raw, expected) in [
            (r#""""#, ""),
            (r#""plain ä""#, "plain ä"),
            (r#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{c}\n\r\t"),
            (r#""a\u00e4\u20ACz""#, "aä€z"),
            (r#""\ud83d\ude00!""#, "😀!"),
            (r#""\ud83d""#, "\u{fffd}"),
            (r#""\ud83dx""#, "\u{fffd}x"),
            (r#""\ude00\ud83d""#, "\u{fffd}\u{fffd}"),
            (r#""\ud83d\u0041""#, "\u{fffd}A"),
            (r#""\ud83d\ud83d\ude00""#, "\u{fffd}😀"),
        ] {
            assert_eq!(string(raw).map(|text| text.to_string()), Ok(expected.to_owned()), "{raw}");
        }
        for raw in ["5", "null", "{}", "\""] {
            assert_eq!(string(raw), Err(WrongType), "{raw}");
        }
    }

    #[test]
    fn marks_are_no_text() {
        let utf16 = |bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
            "\u{feff}{\"ä\": \"😀\"}".encode_utf16().flat_map(bytes).collect()
        };
        for bytes in [
            "{\"ä\": \"😀\"}".as_bytes().to_vec(),
            "\u{feff}{\"ä\": \"😀\"}".as_bytes().to_vec(),
            utf16(u16::to_le_bytes),
            utf16(u16::to_be_bytes),
        ] {
            assert_eq!(*text(&bytes), "{\"ä\": \"😀\"}");
        }
        for (bytes, expected) in [
            (&b""[..], ""),
            (b"\xef\xbb\xbf", ""),
            (b"\xff\xfe", ""),
            (b"a\xffb", "a\u{fffd}b"),
            (b"\xef\xbb", "\u{fffd}"),
            (b"\xff\xfe\x3d\xd8a", "\u{fffd}"),
        ] {
            assert_eq!(*text(bytes), expected, "{bytes:?}");
        }
    }

    #[test]
    fn a_field_is_the_last_of_its_values_in_any_case() {
        let object = Object::parse(
            r#"{"a": "1", "A": "2", "b": "1", "B": null, "c": 5, "C": "2", "ſ": "long s", "d": null}"#,
        )
        .expect("an object");
        let string = |field| object.string(field).map(|text| text.to_string());
        assert_eq!(string("a"), Ok("2".to_owned()));
        assert_eq!(string("b"), Ok("1".to_owned()), "null sets nothing");
        assert_eq!(string("c"), Err(WrongType));
        assert_eq!(string("s"), Ok("long s".to_owned()));
        assert_eq!(string("d"), Ok(String::new()));
        assert_eq!(string("e"), Ok(String::new()));
    }

    #[test]
    fn objects_for_one_field_are_put_together() {
        let keys = |text: &str| -> Result<Vec<String>, WrongType> {
            let object = Object::parse(text).expect("an object").object("m")?;
            Ok(object.0.iter().map(|(key, _)| key.to_string()).collect())
        };
        assert_eq!(keys(r#"{"m": {"a": 1}, "M": {"b": 2, "a": 3}}"#).expect("keys").len(), 3);
        assert_eq!(keys(r#"{"m": {"a": 1}, "M": null, "m": {"b": 2}}"#).expect("keys"), ["b"]);
        assert_eq!(keys(r#"{"m": []}"#), Err(WrongType));
        assert_eq!(keys("{}").expect("keys"), [""; 0]);
        assert_eq!(keys("null").expect("keys"), [""; 0]);
    }

    #[test]
    fn lists_are_read_as_slices() {
        let read = |text: &str| Object::parse(text).expect("an object").strings("l");
        assert_eq!(read(r#"{"L": ["a", null]}"#), Ok(Some(vec!["a".to_owned(), String::new()])));
        assert_eq!(read(r#"{"l": ["a"], "l": null}"#), Ok(None));
        assert_eq!(read(r#"{"l": ["a"], "l": ["b"]}"#), Ok(Some(vec!["b".to_owned()])));
        assert_eq!(read(r#"{"l": "a"}"#), Err(WrongType));
        assert_eq!(read(r#"{"l": [1]}"#), Err(WrongType));
        assert_eq!(read("{}"), Ok(None));
    }

    #[test]
    fn what_is_no_json_is_refused_and_what_follows_it_may_be_ignored() {
        for text in ["", "{", "[]", "5", "{\"a\": tru}", "{\"a\": \"\u{1}\"}", "{\"a\": 1,}"] {
            assert!(Object::parse(text).is_err(), "{text}");
        }
        for text in ["{} x", "{}}", "{}{\"a\": 1}", "{\"a\": 1} \"b"] {
            assert!(Object::parse(text).is_err(), "{text}");
            assert!(Object::parse_first(text).is_ok(), "{text}");
        }
        assert!(Object::parse_first("{x").is_err());
    }
}
