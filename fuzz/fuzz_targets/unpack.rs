//! Layers that are applied to a directory: whatever they are, nothing beside it changes, and nothing is left of what fails.
//! Layers are separated by a line of eight dashes.
#![no_main]

mod memory;

use std::fs;

use libfuzzer_sys::fuzz_target;
use ocireg::call::Call;
use ocireg::unpack::{self, Request, Unpacking};

const SEPARATOR: &[u8] = b"\n--------\n";

fn split(mut input: &[u8]) -> Vec<Vec<u8>> {
    let mut layers = Vec::new();
    while let Some(at) = input.windows(SEPARATOR.len()).position(|part| part == SEPARATOR) {
        layers.push(input[..at].to_vec());
        input = &input[at + SEPARATOR.len()..];
    }
    layers.push(input.to_vec());
    layers
}

fuzz_target!(|input: &[u8]| {
    let layers = split(input);
    if layers.len() > 8 {
        return;
    }
    let (source, manifest, config) = memory::image(layers);
    let dir = tempfile::tempdir().expect("a directory");
    fs::create_dir(dir.path().join("outside")).expect("a directory");
    fs::write(dir.path().join("outside/file"), "as it was").expect("a file");
    let limits = unpack::Limits { bytes: 1 << 20, entries: 1000, path: 4096 };
    let request = Request { limits, ..Request::default() };
    let root = dir.path().join("root");
    let unpacking = Unpacking::begin(&root, request).expect("an empty directory");
    let done = unpacking.run(&source, None, &manifest, config.as_bytes(), &Call::new(None));
    assert_eq!(root.exists(), done.is_ok());
    assert_eq!(fs::read_dir(dir.path()).expect("names").count(), 1 + usize::from(done.is_ok()));
    assert_eq!(fs::read_dir(dir.path().join("outside")).expect("names").count(), 1);
    assert_eq!(fs::read(dir.path().join("outside/file")).expect("a file"), b"as it was");
});
