//! Changing the `auths` of a login file and nothing else: all other keys keep their bytes and their order.

use zeroize::Zeroizing;

use super::config_file::is_key_of;
use crate::json::go::Object;

/// The text with `entry`, a key and its JSON, in the place of whatever it has for a host; without one, with nothing
/// for it, nor for the keys that are `gone`. None if that changes nothing.
///
/// `text` is an object that was found sound, or blank. `host` is normalised.
pub(super) fn edit(
    text: &str,
    host: &str,
    entry: Option<(&str, &str)>,
    gone: &[&str],
) -> serde_json::Result<Option<Zeroizing<String>>> {
    let text = if text.trim().is_empty() { "{}" } else { text };
    let mut file = Object::parse(text)?;
    let mut auths = Object::default();
    let mut at = None;
    let mut index = 0;
    // As they are read: several are put together, and null takes back what came before it.
    for (i, (_, value)) in file.0.iter().enumerate().filter(|(_, (key, _))| is_auths(key)) {
        at = at.or(Some(i));
        match *value {
            "null" => auths.0.clear(),
            value => auths.0.extend(Object::parse(value)?.0),
        }
    }
    let is_old = |key: &str| is_key_of(key, host) || gone.contains(&key);
    let old: Vec<_> = auths.0.iter().filter(|(key, _)| is_old(key)).collect();
    match (entry, &old[..]) {
        (None, []) => return Ok(None),
        (Some((key, value)), [(old_key, old)]) if key == old_key && is_same(old, value) => {
            return Ok(None);
        }
        _ => {}
    }
    let place = auths.0.iter().position(|(key, _)| is_old(key)).unwrap_or(auths.0.len());
    auths.0.retain(|(key, _)| !is_old(key));
    if let Some((key, value)) = entry {
        auths.0.insert(place, (key.into(), value));
    }
    // With room for all of it from the start no copy of a secret is left behind.
    let room = 2 * text.len() + entry.map_or(0, |(key, value)| 2 * key.len() + value.len()) + 64;
    let auths = to_text(&auths, 1, room);
    match at {
        Some(at) => file.0[at].1 = &auths,
        None => file.0.push(("auths".into(), &auths)),
    }
    file.0.retain(|(key, _)| {
        index += 1;
        !is_auths(key) || at.is_none_or(|at| at + 1 == index)
    });
    let mut whole = to_text(&file, 0, room);
    whole.push('\n');
    Ok(Some(whole))
}

fn is_auths(key: &str) -> bool {
    Object::means(key, "auths")
}

/// Whether two entries say the same, whatever the space between their keys.
fn is_same(one: &str, other: &str) -> bool {
    let entries = |text| {
        let mut object = Object::parse(text).ok()?;
        crate::sort::sort(&mut object.0);
        Some(object.0)
    };
    matches!((entries(one), entries(other)), (Some(one), Some(other)) if one == other)
}

/// The object as text, one entry a line, within `depth` others.
fn to_text(object: &Object<'_>, depth: usize, room: usize) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(room));
    let mut separator = "{";
    for (key, value) in &object.0 {
        text.push_str(separator);
        line(&mut text, depth + 1);
        text.push_str(&serde_json::Value::from(key.as_ref()).to_string());
        text.push_str(": ");
        text.push_str(value);
        separator = ",";
    }
    if object.0.is_empty() {
        text.push('{');
    } else {
        line(&mut text, depth);
    }
    text.push('}');
    text
}

/// As docker indents.
fn line(text: &mut String, depth: usize) {
    text.push('\n');
    text.extend(std::iter::repeat_n('\t', depth));
}
