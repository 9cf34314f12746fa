//! Certificates, as far as they are read here.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|der: &[u8]| {
    ocireg::tls::fuzz(der);
});
