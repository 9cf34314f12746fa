//! The option types of the Python package.

use std::fmt::Write as _;

use ocireg::client::options::DOCUMENTS;
use ocireg::json::schema::{Kind, Row, Schema};
use serde_json::Value;

use super::{TABLES, default_in_words, notice, one_line, rows, wrapped};

/// Keys that methods have parameters for.
const PARAMETERS: &[(&str, &str)] = &[("session_open", "registry")];

/// Documents that share the type of another one.
const SHARED: &[&str] = &["head_manifest", "mount_blob"];

pub fn options() -> String {
    let mut text = format!("# {}\n", notice(TABLES));
    text += r#""""The options of services and calls, as types. Every key is optional."""

from __future__ import annotations

from typing import TypedDict, Union

from ._auth import AuthConfig
"#;
    // What is used in another type comes first.
    let (outer, inner): (Vec<&Schema>, Vec<&Schema>) =
        DOCUMENTS.iter().partition(|schema| !schema.functions.is_empty());
    let own = |schema: &&Schema| !SHARED.contains(&schema.name);
    let schemas: Vec<_> = inner.into_iter().chain(outer).filter(own).collect();
    let mut names: Vec<_> = schemas.iter().map(|schema| name(schema)).collect();
    names.sort_unstable();
    text += "\n__all__ = [\n";
    for name in names {
        let _ = writeln!(text, "    \"{name}\",");
    }
    text += "]\n";
    for schema in schemas {
        document(&mut text, schema);
    }
    text
}

fn name(schema: &Schema) -> &'static str {
    match schema.type_name {
        "ListOptions" => "TagOptions",
        "ProxyOptions" => "Proxies",
        name => name,
    }
}

fn document(text: &mut String, schema: &'static Schema) {
    let name = name(schema);
    let rows: Vec<_> =
        rows(schema).filter(|(row, _)| !PARAMETERS.contains(&(schema.name, row.key))).collect();
    let plain = rows.iter().all(|(row, _)| !row.key.contains('-'));
    if plain {
        let _ = write!(text, "\n\nclass {name}(TypedDict, total=False):\n");
        *text += &docstring("    ", schema, &rows);
        *text += "\n";
        for (row, _) in &rows {
            let _ = writeln!(text, "    {}: {}", row.key, kind(row.kind));
        }
    } else {
        let _ = write!(text, "\n\n{name} = TypedDict(\n    \"{name}\",\n    {{\n");
        for (row, _) in &rows {
            let kind = kind(row.kind);
            let kind = if kind.contains('[') && !kind.starts_with("Union") {
                format!("\"{kind}\"")
            } else {
                kind
            };
            let _ = writeln!(text, "        \"{}\": {kind},", row.key);
        }
        // A string after it would be for readers of the file only: help() reads __doc__.
        let _ = write!(text, "    }},\n    total=False,\n)\n{name}.__doc__ = ");
        *text += &docstring("", schema, &rows).replacen("\"\"\"", "\"\"\"\\\n", 1);
    }
}

fn docstring(indent: &str, schema: &Schema, rows: &[(&Row, Option<Value>)]) -> String {
    let text = wrapped(&format!("\"\"\"{}", code(&one_line(schema.text))), indent, 120);
    let mut text = text + "\n";
    for (row, value) in rows {
        let default = default_in_words(row, value.as_ref());
        let default = match (value, default.as_str()) {
            (_, "" | "false" | "[]" | "{}" | "\"\"") => String::new(),
            (Some(Value::Bool(true)), _) => " Default: ``True``.".to_owned(),
            (_, default) => format!(" Default: {}.", code(default)),
        };
        let sentence = format!("- ``{}``: {}{default}", row.key, code(&one_line(row.text)));
        for (index, line) in wrapped(&sentence, &format!("{indent}  "), 120).lines().enumerate() {
            // The first line begins two characters to the left of the others.
            let line = if index == 0 { line.replacen("  ", "", 1) } else { line.to_owned() };
            text += &format!("{line}\n");
        }
    }
    text + indent + "\"\"\"\n"
}

/// Code as reStructuredText has it, and Python's words for true and false.
fn code(text: &str) -> String {
    text.replace("`true`", "`True`").replace("`false`", "`False`").replace('`', "``")
}

fn kind(kind: Kind) -> String {
    match kind {
        Kind::Flag => "bool".to_owned(),
        Kind::Number | Kind::Milliseconds => "int".to_owned(),
        Kind::String | Kind::Path | Kind::OneOf(_) => "str".to_owned(),
        Kind::List(item) | Kind::Pair(item) => format!("list[{}]", self::kind(*item)),
        Kind::Map(value) => format!("dict[str, {}]", self::kind(*value)),
        Kind::Either(one, other) => format!("Union[{}, {}]", self::kind(*one), self::kind(*other)),
        Kind::Document(schema) => name(schema).to_owned(),
        Kind::Published(name) => name.to_owned(),
    }
}
