//! Name lookup that is slow, or that answers as a test says, for child processes: a `getaddrinfo` to preload.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::process::program;

/// Compiles the preloaded library into `dir`; returns its path.
pub fn build(dir: &Path) -> PathBuf {
    let (source, library) = (dir.join("slow_dns.c"), dir.join("slow_dns.so"));
    std::fs::write(&source, include_str!("slow_dns.c")).expect("write slow_dns.c");
    let output = Command::new(program("cc", "gcc"))
        .args(["-O1", "-fPIC", "-shared", "-o"])
        .arg(&library)
        .arg(&source)
        .arg("-ldl")
        .output()
        .expect("run cc");
    assert!(output.status.success(), "cc: {}", String::from_utf8_lossy(&output.stderr));
    library
}

/// Makes a command's lookups take `delay`, and answer `map`'s names by its addresses.
pub fn apply(command: &mut Command, library: &Path, delay: Duration, map: &[(&str, &str)]) {
    let map: Vec<String> = map.iter().map(|(name, address)| format!("{name}={address}")).collect();
    command
        .env("LD_PRELOAD", library)
        .env("OCIREG_SLOW_DNS_MS", delay.as_millis().to_string())
        .env("OCIREG_DNS_MAP", map.join(","));
}
