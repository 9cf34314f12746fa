//! Changing the `auths` of a login file and nothing else: all other keys keep their bytes and their order.

use std::borrow::Cow;
use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::config_file::is_key_of;

/// The entries of an object in their order, each value as it stands in the text.
#[derive(Default)]
struct Entries<'a>(Vec<(Cow<'a, str>, &'a str)>);

/// The text with `entry`, a key and its JSON, in the place of whatever it has for a host; without one, with nothing
/// for it. None if that changes nothing.
///
/// `text` is an object that was found sound, or blank. `host` is normalised.
pub(super) fn edit(
    text: &str,
    host: &str,
    entry: Option<(&str, &str)>,
) -> serde_json::Result<Option<Zeroizing<String>>> {
    let text = if text.trim().is_empty() { "{}" } else { text };
    let mut file: Entries<'_> = serde_json::from_str(text)?;
    let at = file.0.iter().position(|(key, _)| key == "auths");
    let mut auths: Entries<'_> = match at.map(|at| file.0[at].1) {
        None | Some("null") => Entries::default(),
        Some(auths) => serde_json::from_str(auths)?,
    };
    let old = auths.0.iter().position(|(key, _)| is_key_of(key, host));
    auths.0.retain(|(key, _)| !is_key_of(key, host));
    match (entry, old) {
        (None, None) => return Ok(None),
        (None, Some(_)) => {}
        (Some((key, value)), old) => {
            let place = old.unwrap_or(auths.0.len());
            auths.0.insert(place, (key.into(), value));
        }
    }
    // With room for all of it from the start no copy of a secret is left behind.
    let room = 2 * text.len() + entry.map_or(0, |(key, value)| 2 * key.len() + value.len()) + 64;
    let auths = auths.to_text(1, room);
    match at {
        Some(at) => file.0[at].1 = &auths,
        None => file.0.push(("auths".into(), &auths)),
    }
    let mut whole = file.to_text(0, room);
    whole.push('\n');
    Ok(Some(whole))
}

impl Entries<'_> {
    /// The object as text, one entry a line, within `depth` others.
    fn to_text(&self, depth: usize, room: usize) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(room));
        let mut separator = "{";
        for (key, value) in &self.0 {
            text.push_str(separator);
            line(&mut text, depth + 1);
            text.push_str(&serde_json::Value::from(key.as_ref()).to_string());
            text.push_str(": ");
            text.push_str(value);
            separator = ",";
        }
        if self.0.is_empty() {
            text.push('{');
        } else {
            line(&mut text, depth);
        }
        text.push('}');
        text
    }
}

/// As docker indents.
fn line(text: &mut String, depth: usize) {
    text.push('\n');
    text.extend(std::iter::repeat_n('\t', depth));
}

impl<'de> Deserialize<'de> for Entries<'de> {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Entries<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Entries::default();
                while let Some(key) = map.next_key::<String>()? {
                    entries.0.push((key.into(), map.next_value::<&'de RawValue>()?.get()));
                }
                Ok(entries)
            }
        }
        reader.deserialize_map(Reader)
    }
}
