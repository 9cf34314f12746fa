//! WWW-Authenticate: any lines may come, several at once.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ocireg::auth::challenge;

fuzz_target!(|text: &str| {
    let usable = challenge::parse(text.lines());
    let all = challenge::parse_all(text.lines());
    assert!(usable.len() <= all.len());
    let _ = serde_json::to_string(&usable).expect("JSON");
});
