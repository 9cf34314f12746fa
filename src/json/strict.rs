//! JSON read without forgiveness: what two parsers could read differently is refused, and callers' documents have
//! no wrong types and no unknown keys. No value is ever in an error message.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use zeroize::Zeroize;

use crate::error::{Code, Error, Result};

/// Far more levels than any document of ours has, few enough for a stack of 256 KiB.
const MAX_DEPTH: u8 = 32;

/// Values and keys of a document that a server sends. Far more than any image has, and few enough that their trees stay
/// small: a value of one byte takes 32 in memory.
const MOST_SENT: usize = 1 << 18;

/// A document that is refused: INVALID_JSON, naming the key.
pub fn invalid(key: &str, message: impl Into<String>) -> Error {
    Error::new(Code::InvalidJson, message).in_argument(key)
}

/// Parses one JSON value; `argument` is what the caller calls it.
pub fn parse(text: &str, argument: &str) -> Result<Value> {
    check_argument(text, argument)?;
    serde_json::from_str(text).map_err(|e| not_json(argument, e))
}

fn not_json(argument: &str, why: serde_json::Error) -> Error {
    invalid(argument, format!("{argument} is not valid JSON"))
        .cause(why)
        .hint("correct the JSON at the line and column in the message")
}

/// As [`check`], for what the caller calls `argument`.
pub fn check_argument(text: &str, argument: &str) -> Result<()> {
    let duplicate = RefCell::new(None);
    walk(text.as_bytes(), &duplicate, usize::MAX).map_err(|e| match duplicate.take() {
        Some(key) => invalid(&key, format!("{argument} has the key {key:?} twice"))
            .hint("remove one of them"),
        None => not_json(argument, e),
    })
}

/// Parses a list of text.
pub fn parse_strings(text: &str, argument: &str) -> Result<Vec<String>> {
    strings(parse(text, argument)?, argument)
}

/// A value that must be a list of text.
pub fn strings(value: Value, key: &str) -> Result<Vec<String>> {
    let wrong = || invalid(key, format!("{key} must be a list of strings"));
    let Value::Array(items) = value else { return Err(wrong()) };
    items
        .into_iter()
        .map(|item| match item {
            Value::String(text) => Ok(text),
            _ => Err(wrong()),
        })
        .collect()
}

/// An object whose keys are taken one by one, each with its type. Any value may be a secret: none is shown, and what is
/// not taken is overwritten in the end.
pub struct Object {
    path: String,
    map: Map<String, Value>,
    published: bool,
    /// The keys that somebody reads, to say which there are.
    known: Vec<String>,
}

impl Object {
    /// An option document of our own: whatever is not taken is an error, and null is no value.
    pub fn options(text: &str, argument: &str) -> Result<Self> {
        Self::of(parse(text, argument)?, argument, "", false)
    }

    /// A published type: keys that we do not know are ignored, and null is as good as absent.
    pub fn published(text: &str, argument: &str) -> Result<Self> {
        Self::of(parse(text, argument)?, argument, "", true)
    }

    /// A value that must be an object; `path` is put in front of its keys in messages.
    fn of(value: Value, name: &str, path: &str, published: bool) -> Result<Self> {
        match value {
            Value::Object(map) => {
                Ok(Self { path: path.to_owned(), map, published, known: Vec::new() })
            }
            _ => Err(invalid(name, format!("{name} must be a JSON object"))),
        }
    }

    /// A key as messages name it: within nested objects with the outer keys.
    pub fn name(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// An error about a key's type.
    pub fn wrong(&self, key: &str, expected: &str) -> Error {
        let name = self.name(key);
        invalid(&name, format!("{name} must be {expected}"))
    }

    /// Takes a value of any type.
    pub fn take(&mut self, key: &str) -> Option<Value> {
        if !self.published {
            self.known.push(key.to_owned());
        }
        match self.map.shift_remove(key) {
            Some(Value::Null) if self.published => None,
            value => value,
        }
    }

    /// Takes text.
    pub fn text(&mut self, key: &str) -> Result<Option<String>> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(mut other) => {
                wipe(&mut other);
                Err(self.wrong(key, "a string"))
            }
        }
    }

    /// Takes a true or false.
    pub fn flag(&mut self, key: &str) -> Result<Option<bool>> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(flag)),
            Some(_) => Err(self.wrong(key, "true or false")),
        }
    }

    /// Takes a whole number that is not negative.
    pub fn number(&mut self, key: &str) -> Result<Option<u64>> {
        match self.take(key) {
            None => Ok(None),
            Some(value) => match value.as_u64() {
                Some(number) if i64::try_from(number).is_ok() => Ok(Some(number)),
                _ => Err(self.wrong(key, "a non-negative integer")),
            },
        }
    }

    /// Takes a list of text.
    pub fn strings(&mut self, key: &str) -> Result<Option<Vec<String>>> {
        let name = self.name(key);
        self.take(key).map(|value| strings(value, &name)).transpose()
    }

    /// Takes a list of anything.
    pub fn list(&mut self, key: &str) -> Result<Option<Vec<Value>>> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::Array(items)) => Ok(Some(items)),
            Some(_) => Err(self.wrong(key, "a list")),
        }
    }

    /// Takes an object, which is as strict as this one.
    pub fn object(&mut self, key: &str) -> Result<Option<Self>> {
        let name = self.name(key);
        self.take(key).map(|value| Self::of(value, &name, &name, self.published)).transpose()
    }

    /// A value that must be an object of the name given; of a published type if `published`.
    pub fn value(value: Value, name: &str, published: bool) -> Result<Self> {
        Self::of(value, name, name, published)
    }

    /// The keys that were not taken, with their values.
    pub fn rest(mut self) -> Map<String, Value> {
        std::mem::take(&mut self.map)
    }

    /// Refuses keys that were not taken, unless the type is a published one.
    pub fn done(self) -> Result<()> {
        match self.map.keys().next() {
            Some(key) if !self.published => {
                let name = self.name(key);
                let advice = match nearest(key, &self.known) {
                    Some(near) => format!("did you mean {near:?}?"),
                    None => "check the spelling;".to_owned(),
                };
                let known = self.known.join(", ");
                Err(invalid(&name, format!("unknown option {name:?}"))
                    .hint(format!("{advice} the valid keys are {known}")))
            }
            _ => Ok(()),
        }
    }
}

/// The key that was probably meant: one that differs in at most a third of its letters, or only in case, - and _.
fn nearest<'a>(key: &str, known: &'a [String]) -> Option<&'a str> {
    // No key of ours is that long, and the time for comparing grows with the square of the length.
    let key: Vec<char> = plain(key).take(64).collect();
    known
        .iter()
        .map(|known| (distance(&key, &plain(known).collect::<Vec<_>>()), known))
        .filter(|(distance, known)| *distance <= known.len().div_ceil(3).min(3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known.as_str())
}

fn plain(key: &str) -> impl Iterator<Item = char> {
    key.chars().filter(|c| !matches!(c, '-' | '_')).flat_map(char::to_lowercase)
}

/// How many letters must be put in, taken out or replaced to make one of the other.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

impl Drop for Object {
    fn drop(&mut self) {
        self.map.values_mut().for_each(wipe);
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.map.keys()).finish()
    }
}

/// Overwrites all text in a value.
pub fn wipe(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(items) => items.iter_mut().for_each(wipe),
        Value::Object(map) => map.values_mut().for_each(wipe),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Refuses anything but one whole JSON value, without duplicate keys and nested no deeper than any sound document.
///
/// What passes can be read by any parser in one way only, and within a small stack.
pub fn check(bytes: &[u8]) -> serde_json::Result<()> {
    check_up_to(bytes, MOST_SENT)
}

/// The same for a document that may have so many values.
pub fn check_up_to(bytes: &[u8], most: usize) -> serde_json::Result<()> {
    walk(bytes, &RefCell::new(None), most)
}

fn walk(bytes: &[u8], duplicate: &RefCell<Option<String>>, most: usize) -> serde_json::Result<()> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    Walk { duplicate, depth: MAX_DEPTH, left: &Cell::new(most) }.deserialize(&mut reader)?;
    reader.end()
}

/// A key of an object that another parser would take for one of `known`.
///
/// Go's parser ignores letter case, also that of `ſ` and the Kelvin sign.
pub fn misspelt<'a>(
    mut keys: impl Iterator<Item = &'a str>,
    known: &[&'static str],
) -> Option<(&'a str, &'static str)> {
    keys.find_map(|key| {
        let known = known.iter().find(|known| **known != key && fold(known) == fold(key))?;
        Some((key, *known))
    })
}

/// A key without its letter case, as Go compares keys.
pub fn fold(key: &str) -> String {
    key.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect()
}

/// Visits every value; a key that comes twice is left in `duplicate`.
#[derive(Clone, Copy)]
struct Walk<'a> {
    duplicate: &'a RefCell<Option<String>>,
    depth: u8,
    /// How many more values there may be.
    left: &'a Cell<usize>,
}

impl Walk<'_> {
    fn count<E: serde::de::Error>(self) -> Result<(), E> {
        let left = self.left.get().checked_sub(1);
        self.left.set(left.ok_or_else(|| E::custom("it has too many values"))?);
        Ok(())
    }

    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        let depth =
            self.depth.checked_sub(1).ok_or_else(|| E::custom("it is nested too deeply"))?;
        Ok(Self { depth, ..self })
    }
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        self.count()?;
        reader.deserialize_any(self)
    }
}

/// A key, borrowed from the document where it has no escapes.
struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Cow<'de, str>;

    fn deserialize<D: serde::Deserializer<'de>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(key))
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(key.to_owned()))
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let inner = self.deeper()?;
        while items.next_element_seed(inner)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let inner = self.deeper()?;
        let mut keys = HashSet::new();
        while let Some(key) = entries.next_key_seed(Key)? {
            self.count()?;
            if keys.contains(&key) {
                let error = A::Error::custom(format_args!("it has the key {key:?} twice"));
                *self.duplicate.borrow_mut() = Some(key.into_owned());
                return Err(error);
            }
            keys.insert(key);
            entries.next_value_seed(inner)?;
        }
        Ok(())
    }
}
