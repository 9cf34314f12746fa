//! References: what parses is written the same way again, in every form.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ocireg::reference::{Reference, check_path, check_tag};

fuzz_target!(|text: &str| {
    let _ = (check_path(text), check_tag(text));
    let Ok(reference) = text.parse::<Reference>() else { return };
    for form in [reference.canonical(), reference.familiar()] {
        let again: Reference = form.parse().expect("what it writes can be read");
        assert_eq!(again, reference, "{form}");
    }
    assert!(reference.with_default_tag().canonical().starts_with(&reference.name()));
});
