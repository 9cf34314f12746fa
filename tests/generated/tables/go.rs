//! The option types of the Go package.

use std::fmt::Write as _;

use ocireg::client::options::DOCUMENTS;
use ocireg::json::schema::{Group, Kind, Row, Schema};
use serde_json::Value;

use super::{TABLES, default_in_words, is_bytes, notice, one_line, rows, wrapped};

/// Documents that share the type of another one, and options that a function has a parameter for.
const SHARED: &[&str] = &["head_manifest", "mount_blob", "config"];
const PARAMETERS: &[(&str, &str)] = &[("session_open", "registry")];

/// Names that are older than the tables.
const TYPES: &[(&str, &str)] =
    &[("SessionOptions", "OpenOptions"), ("ProxyOptions", "Proxy"), ("ChunkOptions", "Chunk")];
const FIELDS: &[(&str, &str)] = &[("registry-mirrors", "Mirrors")];

/// Sentences that are different in Go, where an empty field is an absent option.
const SENTENCES: &[(&str, &str)] = &[
    ("auth", "Credentials for the registry. A zero AuthConfig is anonymous."),
    (
        "docker-config",
        "The directory that contains config.json. [Nowhere] ignores all credential files.",
    ),
    (
        "hosts-dir",
        "A directory with a subdirectory for each registry that contains hosts.toml, as containerd's /etc/containerd/certs.d. Read for each session.",
    ),
    (
        "registries-conf",
        "A registries.conf file of version 2, as Podman's /etc/containers/registries.conf; the files in FILE.d/*.conf are read after it. Read for each session.",
    ),
    ("proxy", "The proxies. &Proxy{} means no proxy."),
    ("user-agent", "The User-Agent header."),
    ("credential-helper-timeout-ms", "How long a credential helper may run."),
    ("http-proxy", "The proxy for http URLs."),
    ("https-proxy", "The proxy for https URLs."),
];

/// Fields that are no options.
const MORE: &[(&str, &str)] = &[
    (
        "open_blob",
        "\t// The position to start at, in bytes. If it is not 0, only the size can be checked, not the digest.\n\tOffset int64 `json:\"-\"`\n",
    ),
    (
        "proxy",
        "\t// The proxy for both schemes. If it is set, the other fields are ignored.\n\tURL string `json:\"-\"`\n\n",
    ),
];

pub fn options() -> String {
    let mut text =
        format!("// Code generated from {TABLES}. DO NOT EDIT.\n//\n// {}\n", notice("there"));
    text += "\npackage ocireg\n\nimport (\n\t\"encoding/json\"\n\t\"time\"\n)\n";
    for schema in DOCUMENTS {
        if !SHARED.contains(&schema.name) {
            document(&mut text, schema);
        }
    }
    text
}

/// Whether times are of the type that everybody uses. It needs methods, which types that are embedded must not have.
fn has_durations(schema: &Schema) -> bool {
    schema.functions.is_empty()
        && schema.rows.iter().any(|row| matches!(row.kind, Kind::Milliseconds))
}

fn document(text: &mut String, schema: &'static Schema) {
    let (name, durations) = (type_name(schema), has_durations(schema));
    let mut about = about(name, &comment(schema, &one_line(schema.text)));
    if schema.group == Group::Service && schema.functions.is_empty() && schema.name != "proxy" {
        about += " Fields that are zero have the default.";
    }
    *text += "\n";
    *text += &wrapped(&about, "// ", 120);
    let _ = writeln!(text, "type {name} struct {{");
    let more = MORE.iter().find(|(document, _)| *document == schema.name).map(|(_, more)| *more);
    *text += more.unwrap_or_default();
    let rows: Vec<_> =
        rows(schema).filter(|(row, _)| !PARAMETERS.contains(&(schema.name, row.key))).collect();
    for (row, default) in &rows {
        let (field, kind) = (field_name(row.key), kind(row, default.as_ref(), durations));
        *text += &wrapped(&sentence(schema, row, default.as_ref()), "\t// ", 120);
        let _ = if durations {
            writeln!(text, "\t{field} {kind}")
        } else {
            // An empty list may say something else than an absent one.
            let of_call = schema.group == Group::Call && default.is_none();
            let is_list = of_call && matches!(row.kind, Kind::List(_));
            let omit = if is_list { "omitzero" } else { "omitempty" };
            writeln!(text, "\t{field} {kind} `json:\"{},{omit}\"`", row.key)
        };
    }
    if !schema.functions.is_empty() {
        *text += "\n\tExtra Extra `json:\"-\"`\n";
    }
    *text += "}\n";
    if durations {
        in_milliseconds(text, name, &rows);
    } else if schema.name == "service" {
        paths(text, name, &rows);
    } else if !schema.functions.is_empty() {
        let _ = writeln!(
            text,
            "\nfunc (o {name}) document() ([]byte, error) {{ return marshalWith(o, o.Extra) }}"
        );
    }
}

/// The sentence about a type, as Go begins it.
fn about(name: &str, text: &str) -> String {
    let (first, rest) = text.split_at(1);
    let text = format!("{}{rest}", first.to_lowercase());
    let says = ["how ", "what ", "which "].iter().any(|word| text.starts_with(word));
    let verb = match (says, name.ends_with('s')) {
        (true, true) => "say",
        (true, false) => "says",
        (false, true) => "are",
        (false, false) => "is",
    };
    format!("{name} {verb} {text}")
}

/// The form of a type in JSON where that counts milliseconds, and the way there and back.
fn in_milliseconds(text: &mut String, name: &str, rows: &[(&Row, Option<Value>)]) {
    let (inner, letter) = (format!("{}Document", name.to_lowercase()), name[..1].to_lowercase());
    let _ = writeln!(text, "\ntype {inner} struct {{");
    let width = rows.iter().map(|(row, _)| field_name(row.key).len()).max().unwrap_or_default();
    for (row, _) in rows {
        let field = field_name(row.key);
        let _ = writeln!(text, "\t{field:width$} int64 `json:\"{},omitempty\"`", row.key);
    }
    let (mut there, mut back) = (String::new(), String::new());
    for (row, _) in rows {
        let field = field_name(row.key);
        let (to, from) = match row.kind {
            Kind::Milliseconds => ("inMilliseconds", "fromMilliseconds"),
            _ => ("int64", number(row)),
        };
        let _ = writeln!(there, "\td.{field} = {to}({letter}.{field})");
        let _ = writeln!(back, "\t{letter}.{field} = {from}(d.{field})");
    }
    let _ = write!(
        text,
        "}}\n\n\
         // MarshalJSON implements [json.Marshaler].\n\
         func ({letter} {name}) MarshalJSON() ([]byte, error) {{\n\tvar d {inner}\n{there}\treturn json.Marshal(d)\n}}\n\
         \n// UnmarshalJSON implements [json.Unmarshaler].\n\
         func ({letter} *{name}) UnmarshalJSON(document []byte) error {{\n\tvar d {inner}\n\
         \terr := json.Unmarshal(document, &d)\n{back}\treturn err\n}}\n"
    );
}

/// The options for which "" and an absent value differ.
fn paths(text: &mut String, name: &str, rows: &[(&Row, Option<Value>)]) {
    let _ = write!(
        text,
        "\n// paths are the options for which \"\" and an absent value differ.\n\
         func (o *{name}) paths() map[string]*string {{\n\tpaths := map[string]*string{{}}\n"
    );
    for (row, _) in rows.iter().filter(|(row, _)| matches!(row.kind, Kind::Path)) {
        let _ = writeln!(text, "\tpaths[\"{}\"] = &o.{}", row.key, field_name(row.key));
    }
    *text += "\treturn paths\n}\n";
}

fn sentence(schema: &Schema, row: &Row, value: Option<&Value>) -> String {
    let own = SENTENCES
        .iter()
        .find(|(key, _)| *key == row.key)
        .map(|(_, sentence)| (*sentence).to_owned());
    let text = own.unwrap_or_else(|| comment(schema, &one_line(row.text)));
    let text = text.replace("Not supported yet.", "Not supported yet: [ErrUnsupported].");
    let default = match (row.kind, value, default_in_words(row, value)) {
        (_, _, words) if matches!(words.as_str(), "" | "false" | "[]" | "{}" | "\"\"" | "0") => {
            return text;
        }
        (_, Some(Value::Array(words)), _) => {
            words.iter().map(Value::to_string).collect::<Vec<_>>().join(", ")
        }
        (Kind::Milliseconds, Some(value), _) => {
            let milliseconds = value.as_u64().expect("a number");
            if milliseconds % 1000 == 0 {
                format!("{} s", milliseconds / 1000)
            } else {
                format!("{milliseconds} ms")
            }
        }
        (_, _, words) => words,
    };
    format!("{text} Default: {}.", comment(schema, &default))
}

/// Text without marks for code, and with Go's names of options.
fn comment(schema: &Schema, text: &str) -> String {
    let mut words = text.to_owned();
    // An option of the same document, or of the service: those have hyphens, and are no other words.
    let own = schema.rows.iter();
    let others = DOCUMENTS.iter().flat_map(|other| other.rows);
    for row in own
        .chain(others.filter(|row| row.key.contains('-') || matches!(row.kind, Kind::Document(_))))
    {
        words = words.replace(&format!("`{}`", row.key), &field_name(row.key));
    }
    words.replace('`', "")
}

fn type_name(schema: &Schema) -> &'static str {
    let older = TYPES.iter().find(|(name, _)| *name == schema.type_name);
    older.map_or(schema.type_name, |(_, name)| name)
}

fn field_name(key: &str) -> String {
    if let Some((_, name)) = FIELDS.iter().find(|(known, _)| *known == key) {
        return (*name).to_owned();
    }
    let key = key.strip_suffix("-ms").unwrap_or(key);
    key.split(['-', '_'])
        .map(|word| match word {
            "http" | "https" | "id" | "json" | "tls" | "url" | "v1" => word.to_uppercase(),
            "ids" => "IDs".to_owned(),
            "urls" => "URLs".to_owned(),
            word => word[..1].to_uppercase() + &word[1..],
        })
        .collect()
}

fn number(row: &Row) -> &'static str {
    if is_bytes(row) { "int64" } else { "int" }
}

fn kind(row: &Row, default: Option<&Value>, durations: bool) -> String {
    match row.kind {
        // An absent flag is false.
        Kind::Flag if default == Some(&Value::Bool(false)) => "bool".to_owned(),
        Kind::Flag => "*bool".to_owned(),
        Kind::Number => number(row).to_owned(),
        Kind::Milliseconds if durations => "time.Duration".to_owned(),
        Kind::Milliseconds => "Milliseconds".to_owned(),
        Kind::Either(_, &Kind::Document(schema)) | Kind::Document(schema) => {
            format!("*{}", type_name(schema))
        }
        Kind::Published(name) => format!("*{name}"),
        other => value(other),
    }
}

fn value(kind: Kind) -> String {
    match kind {
        Kind::String | Kind::Path | Kind::OneOf(_) => "string".to_owned(),
        Kind::List(item) => format!("[]{}", value(*item)),
        Kind::Pair(item) => format!("[2]{}", value(*item)),
        Kind::Map(item) => format!("map[string]{}", value(*item)),
        Kind::Document(schema) => type_name(schema).to_owned(),
        Kind::Published(name) => name.to_owned(),
        Kind::Flag => "bool".to_owned(),
        Kind::Number => "int64".to_owned(),
        Kind::Milliseconds => "Milliseconds".to_owned(),
        Kind::Either(..) => "any".to_owned(),
    }
}
