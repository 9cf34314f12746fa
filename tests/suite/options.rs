//! The tables of options: what a caller gets wrong is named, and every table is listed.

use std::fs;
use std::path::Path;

use ocireg::client::options::{DOCUMENTS, PullOptions, PutBlobOptions};
use ocireg::config::settings::Limits;
use ocireg::error::Code;
use ocireg::registry::options::ServiceOptions;

fn hint(error: &ocireg::error::Error) -> &str {
    error.hint_text().unwrap_or_default()
}

#[test]
fn an_unknown_key_is_named_with_the_one_that_was_probably_meant() {
    for (key, meant) in [
        ("platfrom", Some("platform")),
        ("all-platforms", Some("all_platforms")),
        ("Resume", Some("resume")),
        ("verify_diffids", Some("verify_diff_ids")),
        ("something_else", None),
        ("", None),
        (&"x".repeat(100_000), None),
    ] {
        let error = PullOptions::parse(Some(&format!("{{{key:?}: true}}"))).expect_err(key);
        assert_eq!(error.code(), Code::InvalidJson, "{error}");
        assert_eq!(error.details().argument.as_deref(), Some(key));
        let advice = match meant {
            Some(meant) => format!("did you mean {meant:?}? the valid keys are auth, "),
            None => "check the spelling; the valid keys are auth, ".to_owned(),
        };
        assert!(hint(&error).starts_with(&advice), "{}", hint(&error));
    }
    let error = ServiceOptions::parse(Some(r#"{"timeouts": {"connect": 5}}"#)).expect_err("nested");
    assert_eq!(error.details().argument.as_deref(), Some("timeouts.connect"));
    assert!(hint(&error).contains("connect-ms"), "{}", hint(&error));
}

#[test]
fn wrong_types_and_numbers_out_of_range_are_named() {
    for (json, argument, code, expected) in [
        (r#"{"resume": 1}"#, "resume", Code::InvalidJson, "must be true or false"),
        (r#"{"platform": null}"#, "platform", Code::InvalidJson, "must be a string"),
        (r#"{"auth": []}"#, "auth", Code::InvalidJson, "must be a JSON object"),
        ("[]", "options_json", Code::InvalidJson, "must be a JSON object"),
    ] {
        let error = PullOptions::parse(Some(json)).expect_err(json);
        assert_eq!((error.code(), error.details().argument.as_deref()), (code, Some(argument)));
        assert!(error.to_string().contains(expected), "{error}");
    }
    let most = (1_u64 << 30).to_string();
    for number in ["0", "1073741825"] {
        let json = format!(r#"{{"chunk_size": {number}}}"#);
        let error = PutBlobOptions::parse(Some(&json)).expect_err(number);
        assert_eq!(error.code(), Code::InvalidArgument, "{error}");
        assert!(error.to_string().contains(&format!("from 1 to {most}")), "{error}");
    }
    assert!(PutBlobOptions::parse(Some(r#"{"chunk_size": 1073741824}"#)).is_ok());
    for (json, argument) in [
        (r#"{"retry": {"max-attempts": 0}}"#, "retry.max-attempts"),
        (r#"{"max-concurrent-downloads": 1025}"#, "max-concurrent-downloads"),
    ] {
        let error = ServiceOptions::parse(Some(json)).expect_err(json);
        assert_eq!(error.code(), Code::InvalidConfig, "{error}");
        assert_eq!(error.details().argument.as_deref(), Some(argument));
    }
}

#[test]
fn a_builder_keeps_the_rules_between_options() {
    assert!(PullOptions::builder().resume(false).build().is_ok());
    let both = PullOptions::builder()
        .platform("linux/arm64".parse::<ocireg::image::Platform>().expect("a platform"))
        .all_platforms(true);
    let error = both.build().expect_err("both");
    assert_eq!(error.details().argument.as_deref(), Some("platform"));
    let (built, default) = (Limits::builder().build().expect("limits"), Limits::default());
    assert_eq!(format!("{built:?}"), format!("{default:?}"));
}

/// A table that is not in the list is missing in the documentation and in the bindings.
#[test]
fn every_table_is_listed() {
    fn count(path: &Path) -> usize {
        if path.is_dir() {
            let entries = fs::read_dir(path).expect("a directory");
            return entries.map(|entry| count(&entry.expect("an entry").path())).sum();
        }
        if path.extension().is_none_or(|extension| extension != "rs") {
            return 0;
        }
        let source = fs::read_to_string(path).expect("a source file");
        source.lines().filter(|line| *line == "options! {").count()
    }
    assert_eq!(count(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")), DOCUMENTS.len());
    for schema in DOCUMENTS {
        assert_eq!((schema.defaults)().len(), schema.rows.len(), "{}", schema.name);
        for row in schema.rows {
            let text = row.text.trim();
            assert!(text.ends_with('.') && text.is_ascii(), "{}.{}: {text}", schema.name, row.key);
            let style = row.key.replace('-', "_");
            assert!(style == row.field || style.trim_end_matches("_ms") == row.field, "{style}");
        }
    }
}
