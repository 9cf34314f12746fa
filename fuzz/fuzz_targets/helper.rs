//! What a credential helper answers.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|answer: &str| {
    ocireg::credentials::helper::fuzz(answer);
});
