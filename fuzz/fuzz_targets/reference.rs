//! References: what parses is written in a form that means the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ocireg::names::reference::{Reference, check_path, check_tag};

fuzz_target!(|text: &str| {
    let _ = (check_path(text), check_tag(text));
    let Ok(reference) = text.parse::<Reference>() else { return };
    let _ = reference.familiar(); // Ambiguous as Docker has it: docker.io/a.io/b becomes a.io/b.
    let form = reference.canonical();
    let again: Reference = form.parse().expect("what it writes can be read");
    assert_eq!(again, reference, "{form}");
    assert!(reference.with_default_tag().canonical().starts_with(&reference.name()));
});
