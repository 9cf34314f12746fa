//! Manifests and indexes under any Content-Type: the first line, if it is short, is the type.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ocireg::config::settings::Limits;
use ocireg::image::Manifest;

fuzz_target!(|input: &[u8]| {
    let line = input.iter().take(100).position(|byte| *byte == b'\n');
    let (kind, bytes) = match line {
        Some(end) => (std::str::from_utf8(&input[..end]).ok(), &input[end + 1..]),
        None => (None, input),
    };
    let limits = Limits::default();
    for kind in [kind, None] {
        let Ok(manifest) = Manifest::parse(bytes, kind, &limits) else { continue };
        let _ = (manifest.media_type(), manifest.subject(), manifest.artifact_type());
        for child in manifest.children() {
            let _ = child.embedded();
        }
    }
});
