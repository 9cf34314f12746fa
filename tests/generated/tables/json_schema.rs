//! docs/schema: one JSON Schema for each document that a function takes.

use ocireg::client::options::DOCUMENTS;
use ocireg::json::schema::{Kind, Row, Schema};
use serde_json::{Map, Value, json};

use super::{TABLES, notice, one_line, rows};

pub fn options() -> Vec<(String, String)> {
    let taken = DOCUMENTS.iter().filter(|schema| !schema.functions.is_empty());
    taken.map(|schema| (format!("docs/schema/{}.json", schema.name), file(schema))).collect()
}

fn file(schema: &'static Schema) -> String {
    let head = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": schema.type_name,
    });
    let mut whole = head.as_object().expect("an object").clone();
    whole.extend(object(schema));
    let text = serde_json::to_string_pretty(&Value::Object(whole)).expect("JSON");
    let rest = text.strip_prefix('{').expect("an object");
    format!("{{\"$comment\": \"{}\",{rest}\n", notice(TABLES))
}

fn object(schema: &'static Schema) -> Map<String, Value> {
    let properties: Map<String, Value> =
        rows(schema).map(|(row, default)| (row.key.to_owned(), property(row, default))).collect();
    let object = json!({
        "description": one_line(schema.text),
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    });
    object.as_object().expect("an object").clone()
}

fn property(row: &Row, default: Option<Value>) -> Value {
    let mut property = Map::new();
    property.insert("description".to_owned(), one_line(row.text).into());
    let kind = kind(row.kind);
    for (key, value) in kind.as_object().expect("an object") {
        property.entry(key).or_insert_with(|| value.clone());
    }
    if let Some((least, most)) = row.range {
        property.insert("minimum".to_owned(), least.into());
        if most < u64::MAX {
            property.insert("maximum".to_owned(), most.into());
        }
    }
    if let Some(default) = default {
        property.insert("default".to_owned(), default);
    }
    if row.secret {
        property.insert("writeOnly".to_owned(), true.into());
    }
    Value::Object(property)
}

fn kind(kind: Kind) -> Value {
    match kind {
        Kind::Flag => json!({"type": "boolean"}),
        Kind::Number | Kind::Milliseconds => json!({"type": "integer", "minimum": 0}),
        Kind::String | Kind::Path => json!({"type": "string"}),
        Kind::OneOf(words) => json!({"enum": words}),
        Kind::List(item) => json!({"type": "array", "items": self::kind(*item)}),
        Kind::Pair(item) => {
            json!({"type": "array", "items": self::kind(*item), "minItems": 2, "maxItems": 2})
        }
        Kind::Map(value) => json!({"type": "object", "additionalProperties": self::kind(*value)}),
        Kind::Either(one, other) => json!({"anyOf": [self::kind(*one), self::kind(*other)]}),
        Kind::Document(schema) => Value::Object(object(schema)),
        Kind::Published(name) => {
            assert_eq!(name, "AuthConfig", "the only published type in options");
            let keys =
                ["username", "password", "auth", "serveraddress", "identitytoken", "registrytoken"];
            let properties: Map<String, Value> =
                keys.iter().map(|key| ((*key).to_owned(), json!({"type": "string"}))).collect();
            json!({
                "title": name,
                "description": "Credentials, as in Docker's API and config.json.",
                "type": "object",
                "properties": properties,
            })
        }
    }
}
