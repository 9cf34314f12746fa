//! docs/options.md.

use std::fmt::Write as _;

use ocireg::client::options::DOCUMENTS;
use ocireg::json::schema::{Group, Kind, Row, Schema};
use serde_json::Value;

use super::{TABLES, bytes, is_bytes, notice, one_line, rows};

const HEAD: &str = r#"
# Options

Every option is optional. An unknown key is an error that names the key. Times are whole milliseconds, sizes are bytes.
[schema/](schema) has the same as JSON Schemas.

## Service

`ocireg_service_new()`, `ocireg.Service(…)` in Python, `ocireg.NewService(…)` in Go.

```json
{"registry-mirrors": ["https://mirror.example"], "insecure-registries": ["10.0.0.0/8"], "certs-dir": "/etc/docker/certs.d",
 "credentials": {"registry.example/team": {"username": "ci", "password": "…"}}, "timeouts": {"idle-ms": 10000}}
```

More about [registries and proxies](registries.md) and about [credentials](credentials.md).
"#;

const CALLS: &str = r#"
## Calls

A platform is written `os[(version)]/arch[/variant]`, such as `linux/arm64` or `windows(10.0.20348)/amd64`. Credentials are an
[AuthConfig](credentials.md).
"#;

pub fn options() -> String {
    let mut text = format!("<!-- {} -->\n{HEAD}", notice(TABLES));
    let group = |group| DOCUMENTS.iter().filter(move |schema| schema.group == group);
    for schema in group(Group::Service) {
        document(&mut text, schema);
    }
    text += CALLS;
    for schema in group(Group::Call).filter(|schema| !schema.rows.is_empty()) {
        document(&mut text, schema);
    }
    text
}

fn document(text: &mut String, schema: &'static Schema) {
    let taken: Vec<_> = schema.functions.iter().map(|name| format!("`{name}()`")).collect();
    let _ = write!(text, "\n### {}\n\n{}", schema.name, one_line(schema.text));
    if !taken.is_empty() {
        let _ = write!(text, " For {}.", taken.join(", "));
    }
    *text += "\n\n| option | value | default | meaning |\n|---|---|---|---|\n";
    for (row, value) in rows(schema) {
        let (kind, default) = (kind(row.kind), default(row, value.as_ref()));
        let _ = writeln!(text, "| `{}` | {kind} | {default} | {} |", row.key, one_line(row.text));
    }
}

fn kind(kind: Kind) -> String {
    match kind {
        Kind::Flag => "true or false".to_owned(),
        Kind::Number => "number".to_owned(),
        Kind::Milliseconds => "milliseconds".to_owned(),
        Kind::String => "string".to_owned(),
        Kind::Path => "path".to_owned(),
        Kind::OneOf(words) => {
            let words: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
            words.join(", ")
        }
        Kind::List(Kind::Pair(_)) => "list of pairs of strings".to_owned(),
        Kind::List(Kind::Document(schema)) => format!("list of objects: [{0}](#{0})", schema.name),
        Kind::List(item) => format!("list of {}s", self::kind(*item)),
        Kind::Pair(item) => format!("pair of {}s", self::kind(*item)),
        Kind::Map(value) => format!("object: name → {}", self::kind(*value)),
        Kind::Either(one, other) => format!("{}, or {}", self::kind(*one), self::kind(*other)),
        Kind::Document(schema) => format!("object: [{0}](#{0})", schema.name),
        Kind::Published(name) => name.to_owned(),
    }
}

fn default(row: &Row, value: Option<&Value>) -> String {
    match value {
        Some(Value::Number(number)) if is_bytes(row) => match number.as_u64() {
            Some(number) if number >= 64 << 10 => bytes(number),
            _ => number.to_string(),
        },
        Some(value) => format!("`{value}`"),
        None => row.otherwise.to_owned(),
    }
}
