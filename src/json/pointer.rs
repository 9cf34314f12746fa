//! Values of a JSON text by JSON Pointer (RFC 6901), for programs without a parser.
//!
//! Nothing is built in memory but the value that is asked for, and numbers come out digit for digit.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::error::{Code, Error, Result};
use crate::json::strict;
use crate::names::host::printable;

/// A path into a JSON text: the keys and indices from the outside in, as they stand in objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pointer(Vec<String>);

impl Pointer {
    fn parse(text: &str, argument: &str) -> Result<Self> {
        let invalid = |why: &str| {
            let message = format!("{:?} is not a JSON Pointer: {why}", printable(text));
            Error::argument(argument, message).hint(
                "put / before each key or index, as in /layers/0/digest; in a key, write ~0 for ~ and ~1 for /",
            )
        };
        if text.is_empty() {
            return Ok(Self(Vec::new()));
        }
        let tokens = text.strip_prefix('/').ok_or_else(|| invalid("it does not begin with /"))?;
        let tokens = tokens
            .split('/')
            .map(|token| unescape(token).ok_or_else(|| invalid("a ~ is not followed by 0 or 1")));
        tokens.collect::<Result<_>>().map(Self)
    }
}

fn unescape(token: &str) -> Option<String> {
    let mut parts = token.split('~');
    let mut key = parts.next()?.to_owned();
    for part in parts {
        let rest = match part.as_bytes().first()? {
            b'0' => '~',
            b'1' => '/',
            _ => return None,
        };
        key.push(rest);
        key.push_str(&part[1..]);
    }
    Some(key)
}

/// The value at a pointer: a string without its quotes and escapes, anything else as it stands in the JSON text.
pub fn get(text: &str, pointer: &str) -> Result<String> {
    as_text(find(text, pointer)?, pointer)
}

/// The elements of the array at a pointer, or what `member` names within each of them, in the form of [`get`].
pub fn strings(text: &str, pointer: &str, member: Option<&str>) -> Result<Vec<String>> {
    let value = find(text, pointer)?;
    if !is(value, '[') {
        let message = format!("the value at {:?} is not an array", printable(pointer));
        return Err(
            Error::argument("pointer", message).hint("ocireg_json_get() returns a single value")
        );
    }
    let elements: Vec<&RawValue> = again(serde_json::from_str(value.get()))?;
    let member = member.unwrap_or_default();
    let path = Pointer::parse(member, "member")?;
    let of_each = |element| as_text(find_in(element, &path, member, "member")?, member);
    elements.into_iter().map(of_each).collect()
}

fn as_text(value: &RawValue, pointer: &str) -> Result<String> {
    if !is(value, '"') {
        return Ok(value.get().to_owned());
    }
    let value: String = again(serde_json::from_str(value.get()))?;
    if value.contains('\0') {
        let message = format!(
            "the string at {:?} contains a NUL character, which a C string cannot hold",
            printable(pointer)
        );
        return Err(Error::new(Code::Unsupported, message)
            .in_argument("pointer")
            .hint("get the object or array that contains it: it is returned as JSON, with the NUL escaped"));
    }
    Ok(value)
}

/// How many entries the object or array at a pointer has.
pub fn length(text: &str, pointer: &str) -> Result<usize> {
    let value = find(text, pointer)?;
    let kind = match value.get().chars().next() {
        Some('{' | '[') => return again(Count.read(value)),
        Some('"') => "a string",
        Some('t' | 'f') => "true or false",
        Some('n') => "null",
        _ => "a number",
    };
    let message = format!("the value at {:?} is {kind}, which has no length", printable(pointer));
    Err(Error::argument("pointer", message).hint("only arrays and objects have a length"))
}

fn is(value: &RawValue, first: char) -> bool {
    value.get().starts_with(first)
}

fn find<'a>(text: &'a str, pointer: &str) -> Result<&'a RawValue> {
    let path = Pointer::parse(pointer, "pointer")?;
    strict::check_argument(text, "json")?;
    find_in(again(serde_json::from_str(text))?, &path, pointer, "pointer")
}

fn find_in<'a>(
    mut value: &'a RawValue,
    path: &Pointer,
    pointer: &str,
    argument: &str,
) -> Result<&'a RawValue> {
    for token in &path.0 {
        let inner = if is(value, '{') {
            again(Key(token).read(value))?
        } else if is(value, '[') {
            match index(token) {
                Some(index) => again(Index(index).read(value))?,
                None => None,
            }
        } else {
            None
        };
        value = inner.ok_or_else(|| {
            Error::new(Code::NotFound, format!("the JSON has no value at {:?}", printable(pointer)))
                .in_argument(argument)
                .with(|d| d.what = Some("value"))
                .hint("keys that do not apply are absent; write indices as 0, 1, 2")
        })?;
    }
    Ok(value)
}

/// An index of an array has one spelling only; `-`, the place after the end, has no value.
fn index(token: &str) -> Option<usize> {
    let plain = token == "0" || !token.starts_with('0');
    (plain && token.bytes().all(|b| b.is_ascii_digit())).then(|| token.parse().ok()).flatten()
}

/// Text that was read once is read again without a failure.
fn again<T>(result: serde_json::Result<T>) -> Result<T> {
    result.map_err(|e| Error::internal("cannot parse JSON that was parsed before").cause(e))
}

/// What is looked for in one object or array.
trait Look<'a>: Visitor<'a> {
    fn read(self, value: &'a RawValue) -> serde_json::Result<Self::Value> {
        serde_json::Deserializer::from_str(value.get()).deserialize_any(self)
    }
}

/// The value of a key.
struct Key<'k>(&'k str);

impl<'a> Look<'a> for Key<'_> {}

impl<'a> Visitor<'a> for Key<'_> {
    type Value = Option<&'a RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(matches) = entries.next_key_seed(Same(self.0))? {
            if matches {
                found = Some(entries.next_value()?);
            } else {
                entries.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

/// Whether a key is this one.
struct Same<'k>(&'k str);

impl<'a> DeserializeSeed<'a> for Same<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'a>>(self, reader: D) -> Result<bool, D::Error> {
        let key: Cow<'a, str> = serde::Deserialize::deserialize(reader)?;
        Ok(key == self.0)
    }
}

/// The value at an index.
struct Index(usize);

impl<'a> Look<'a> for Index {}

impl<'a> Visitor<'a> for Index {
    type Value = Option<&'a RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        for _ in 0..self.0 {
            if items.next_element::<IgnoredAny>()?.is_none() {
                return Ok(None);
            }
        }
        let found = items.next_element()?;
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(found)
    }
}

/// How many entries there are.
struct Count;

impl<'a> Look<'a> for Count {}

impl<'a> Visitor<'a> for Count {
    type Value = usize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array or an object")
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut items: A) -> Result<usize, A::Error> {
        let mut count = 0;
        while items.next_element::<IgnoredAny>()?.is_some() {
            count += 1;
        }
        Ok(count)
    }

    fn visit_map<A: MapAccess<'a>>(self, mut entries: A) -> Result<usize, A::Error> {
        let mut count = 0;
        while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
            count += 1;
        }
        Ok(count)
    }
}
