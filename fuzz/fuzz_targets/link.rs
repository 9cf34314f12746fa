//! Link headers: what is taken from a line stands in it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ocireg::http::link;

fuzz_target!(|text: &str| {
    if let Some(target) = link::target(text.lines(), "next") {
        assert!(text.contains(&target), "{target}");
        assert!(!target.contains('>'));
    }
});
