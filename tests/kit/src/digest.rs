//! Digests as registries write them: SHA-256, unless they say otherwise.

use ring::digest::{Context, SHA256, SHA384, SHA512};

use crate::server::Body;

/// `sha256:…` of `bytes`.
pub fn sha256(bytes: &[u8]) -> String {
    text(ring::digest::digest(&SHA256, bytes).as_ref())
}

/// Whether `digest` is of an algorithm that registries know, and that of `bytes`.
pub fn is_of(digest: &str, bytes: &[u8]) -> bool {
    let Some((name, hex_digits)) = digest.split_once(':') else { return false };
    let algorithm = match name {
        "sha256" => &SHA256,
        "sha384" => &SHA384,
        "sha512" => &SHA512,
        _ => return false,
    };
    hex(ring::digest::digest(algorithm, bytes).as_ref()) == hex_digits
}

/// `sha256:…` of a body, read in pieces.
pub fn of_body(body: &Body) -> String {
    let mut context = Context::new(&SHA256);
    let len = body.len().expect("a body with an end");
    let mut buffer = vec![0; 256 * 1024];
    let mut at = 0;
    while at < len {
        let n = body.read_at(at, &mut buffer);
        context.update(&buffer[..n]);
        at += n as u64;
    }
    text(context.finish().as_ref())
}

fn text(hash: &[u8]) -> String {
    format!("sha256:{}", hex(hash))
}

/// Lower-case hexadecimal of `bytes`.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
