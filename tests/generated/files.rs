//! Every file that is made from the C signatures (by bindings/gen) or from the tables of options and codes (by tables/) is
//! the one that is committed.

use std::fs;
use std::path::Path;

use ocireg::client::options::DOCUMENTS;
use ocireg::json::schema::Group;

use crate::{declarations, tables};
use ocireg_bindings_gen::generate;

#[test]
fn generated_files_are_current() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = generate(root);
    if std::env::var_os("OCIREG_UPDATE").is_some() {
        for file in files.iter().filter(|file| !file.is_current(root)) {
            file.write(root).expect("written");
        }
    }
    let old: Vec<_> = files.iter().filter(|f| !f.is_current(root)).map(|f| &f.path).collect();
    assert!(
        old.is_empty(),
        "OCIREG_UPDATE=1 cargo test --test generated makes these anew: {old:?}"
    );
}

/// Who opens such a file must see at once that a change belongs elsewhere.
#[test]
fn generated_files_say_so_in_their_first_line() {
    for file in generate(Path::new(env!("CARGO_MANIFEST_DIR"))) {
        // A list of symbols has no place for a comment, nor has a manual page that leads to another one, and ocireg.hpp
        // marks its sections.
        let leads = file.text.starts_with(".so man3/ocireg-");
        if leads || ["symbols.txt", "ocireg.hpp"].iter().any(|name| file.path.ends_with(name)) {
            continue;
        }
        let first = file.text.lines().next().unwrap_or_default();
        assert!(first.contains("bindings/gen"), "{}: {first}", file.path.display());
    }
}

#[test]
fn files_made_from_tables_are_current() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let update = std::env::var_os("OCIREG_UPDATE").is_some();
    let files = tables::files();
    for (path, text) in &files {
        if update {
            fs::create_dir_all(root.join(path).parent().expect("a directory")).expect("made");
            fs::write(root.join(path), text).expect("written");
        }
        let committed = fs::read_to_string(root.join(path)).unwrap_or_default();
        assert!(
            committed == *text,
            "{path} is not what the tables say: OCIREG_UPDATE=1 cargo test --test generated"
        );
        assert!(text.lines().next().is_some_and(|line| line.contains("enerated")), "{path}");
    }
    // A document that is no more leaves no file behind.
    for entry in fs::read_dir(root.join("docs/schema")).expect("docs/schema") {
        let name = entry.expect("an entry").file_name();
        let path = format!("docs/schema/{}", name.to_string_lossy());
        assert!(files.iter().any(|(known, _)| *known == path), "{path} belongs to no table");
    }
}

/// The header is what C programmers read: it names every option, and the default where that says more than "nothing".
#[test]
fn the_header_names_every_option_with_its_default() {
    let header = Path::new(env!("CARGO_MANIFEST_DIR")).join("include/ocireg.h");
    let functions = declarations::functions(&fs::read_to_string(header).expect("the header"));
    let doc = |name: &str| {
        let function = functions.iter().find(|function| function.name == name);
        let doc = &function.unwrap_or_else(|| panic!("{name} is in the header")).doc;
        doc.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let service = ["ocireg_service_new"];
    let (artifact, unpack) = (["ocireg_push"], ["ocireg_unpack"]);
    let chunks = ["ocireg_session_blob"];
    let mut missing = Vec::new();
    for schema in DOCUMENTS {
        // A document within another one is described where that one is.
        let names = match (schema.functions, schema.group) {
            ([], Group::Service) => &service[..],
            ([], Group::Call) if schema.name == "chunk" => &chunks[..],
            ([], Group::Call) if schema.name.starts_with("artifact") => &artifact[..],
            ([], Group::Call) => &unpack[..],
            (functions, _) => functions,
        };
        for (row, default) in schema.rows.iter().zip((schema.defaults)()) {
            let default = tables::default_to_name(row, default.as_ref());
            for name in names {
                let doc = doc(name);
                let key = format!("`{}`", row.key);
                let mut places = doc.split(&key).skip(1).peekable();
                if places.peek().is_none() {
                    missing.push(format!("{name}: `{}`", row.key));
                } else if let Some(default) = &default
                    && !places
                        .any(|rest| rest.chars().take(300).collect::<String>().contains(default))
                {
                    missing.push(format!("{name}: `{}` with its default {default}", row.key));
                }
            }
        }
    }
    assert!(missing.is_empty(), "not in include/ocireg.h:\n{}", missing.join("\n"));
}

/// The types that programs in Go and Python read events with have every key, and the header names every kind.
#[test]
fn the_bindings_know_every_event() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &str| fs::read_to_string(root.join(path)).expect(path);
    let between = |text: &str, start: &str, end: &str| {
        let rest = text.split_once(start).unwrap_or_else(|| panic!("{start}")).1.to_owned();
        rest.split_once(end).expect("an end").0.to_owned()
    };
    let python = between(
        &read("bindings/python/ocireg/documents.py"),
        "class ProgressEvent(TypedDict, total=False):",
        "\n\n\n",
    );
    let go =
        between(&read("bindings/go/context.go"), "type ProgressEvent struct {", "type progressKey");
    let c = between(
        &read("include/ocireg.h"),
        "@param event_json",
        "typedef int32_t (*ocireg_progress_fn)",
    );
    for event in ocireg::call::event::DOCUMENTATION {
        for text in [&python, &go, &c] {
            assert!(
                text.contains(&format!("\"{}\"", event.kind)),
                "{} is not in: {text}",
                event.kind
            );
        }
        for (key, _) in event.keys {
            assert!(python.contains(&format!("    {key}: ")), "Python: {key}");
            assert!(go.contains(&format!("`json:\"{key}\"`")), "Go: {key}");
            assert!(c.contains(&format!("`{key}`")), "C: {key}");
        }
    }
}
