//! Writes what follows from the tables of the library: documentation, JSON Schemas and the option types of the bindings.

mod errors;
mod events;
mod go;
mod json_schema;
mod markdown;
mod python;

use ocireg::json::schema::{Kind, Row, Schema};
use serde_json::Value;

/// Every generated file: its path below the root, and what it has to hold.
pub fn files() -> Vec<(String, String)> {
    let mut files = vec![
        ("docs/events.md".to_owned(), events::markdown()),
        ("docs/errors.md".to_owned(), errors::markdown()),
        ("bindings/go/errors_generated.go".to_owned(), errors::go()),
        ("docs/options.md".to_owned(), markdown::options()),
        ("bindings/go/options_generated.go".to_owned(), go::options()),
        ("bindings/python/ocireg/_options.py".to_owned(), python::options()),
    ];
    files.extend(json_schema::options());
    files
}

/// The first line of a generated file says so.
fn notice(source: &str) -> String {
    format!("Generated from {source} by OCIREG_UPDATE=1 cargo test --test generated. Do not edit.")
}

const TABLES: &str = "the tables listed in src/client/options.rs";

/// A doc comment as one line.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The rows of a document with their defaults.
fn rows(schema: &'static Schema) -> impl Iterator<Item = (&'static Row, Option<Value>)> {
    schema.rows.iter().zip((schema.defaults)())
}

/// What holds where the option is absent, as a reader wants to see it; empty where that goes without saying.
fn default_in_words(row: &Row, default: Option<&Value>) -> String {
    match default {
        Some(Value::Number(number)) => {
            let number = number.as_u64().expect("no option is negative");
            match row.kind {
                Kind::Number if is_bytes(row) && number >= 64 << 10 => bytes(number),
                _ => number.to_string(),
            }
        }
        Some(value) => value.to_string(),
        None => row.otherwise.to_owned(),
    }
}

/// Whether a number counts bytes: then its sentence says so.
fn is_bytes(row: &Row) -> bool {
    let text = one_line(row.text).to_lowercase();
    matches!(row.kind, Kind::Number) && text.contains("bytes")
}

fn bytes(number: u64) -> String {
    for (shift, unit) in [(30, "GiB"), (20, "MiB"), (10, "KiB")] {
        if number >= 1 << shift && number.is_multiple_of(1 << shift) {
            return format!("{} {unit}", number >> shift);
        }
    }
    format!("{number} bytes")
}

/// Lines of at most so many characters, each with the indent in front.
fn wrapped(text: &str, indent: &str, width: usize) -> String {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().expect("one at least");
        if !line.is_empty()
            && indent.chars().count() + line.chars().count() + 1 + word.chars().count() > width
        {
            lines.push(word.to_owned());
        } else {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines.iter().map(|line| format!("{indent}{line}\n")).collect()
}

/// The default that every description has to name; None where it is nothing, none, false or up to something else.
pub fn default_to_name(row: &Row, default: Option<&Value>) -> Option<String> {
    match default? {
        Value::Bool(false) => None,
        Value::Array(items) if items.is_empty() => None,
        Value::Object(items) if items.is_empty() => None,
        Value::Array(items) => items[0].as_str().map(str::to_owned),
        // The version is another one after each release.
        Value::String(text) => {
            let text = text.trim_end_matches(env!("CARGO_PKG_VERSION"));
            if text.is_empty() { None } else { Some(text.to_owned()) }
        }
        default => Some(default_in_words(row, Some(default))),
    }
}
