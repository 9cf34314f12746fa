//! WWW-Authenticate: any lines may come, several at once.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ocireg::auth::challenge;

fuzz_target!(|text: &str| {
    let usable = challenge::parse(text.lines());
    assert!(usable.len() <= text.lines().count(), "one challenge a line");
    for challenge in usable.iter().chain(&challenge::parse_all(text.lines())) {
        assert!(!challenge.scheme.is_empty());
        assert!(!challenge.scheme.contains(|c: char| c.is_ascii_uppercase()));
    }
    let _ = serde_json::to_string(&usable).expect("JSON");
});
