//! Who encrypts, signs, hashes and makes random numbers: the one room that names the cryptography library.
//!
//! AWS-LC where the feature `aws-lc-rs` or `fips` is on, else ring, with what ring lacks beside it.

#[cfg(not(feature = "aws-lc-rs"))]
mod ecdsa;
#[cfg(not(feature = "aws-lc-rs"))]
mod p521_exchange;

use std::cell::Cell;
use std::hash::RandomState;
use std::io;

#[cfg(feature = "aws-lc-rs")]
use aws_lc_rs as library;
#[cfg(all(feature = "ring", not(feature = "aws-lc-rs")))]
use ring as library;

use library::rand::SecureRandom;
use rustls::crypto::CryptoProvider;

/// Hash functions; a context may be cloned on its way.
pub use library::digest as hash;

#[cfg(not(any(feature = "ring", feature = "aws-lc-rs")))]
compile_error!("ocireg needs one of the features `ring` and `aws-lc-rs`");

/// What TLS is made of: versions, cipher suites, keys and signatures.
pub fn provider() -> CryptoProvider {
    #[cfg(feature = "aws-lc-rs")]
    return rustls::crypto::aws_lc_rs::default_provider();
    #[cfg(not(feature = "aws-lc-rs"))]
    return ecdsa::complete(rustls::crypto::ring::default_provider());
}

/// Fills a buffer with random bytes that nobody can guess.
pub fn random(bytes: &mut [u8]) -> io::Result<()> {
    library::rand::SystemRandom::new()
        .fill(bytes)
        .map_err(|_| io::Error::other("the system did not provide random numbers"))
}

/// Fails where the system provides no random numbers: before the standard library's hash maps ask, for they would panic.
///
/// Costs something at the first call on a thread only, as the maps themselves ask once a thread.
pub fn check_randomness() -> io::Result<()> {
    thread_local! {
        static SEEDED: Cell<bool> = const { Cell::new(false) };
    }
    if !SEEDED.get() {
        random(&mut [0; 16])?;
        let _ = RandomState::new();
        SEEDED.set(true);
    }
    Ok(())
}

/// Random bytes as lower-case hex digits: a name that nobody can guess.
pub fn random_hex(bytes: usize) -> io::Result<String> {
    let mut random = vec![0; bytes];
    self::random(&mut random)?;
    Ok(crate::names::digest::hex(&random))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_names_are_long_and_differ() {
        let (one, other) = (random_hex(16).expect("random"), random_hex(16).expect("random"));
        assert_eq!((one.len(), other.len()), (32, 32));
        assert_ne!(one, other);
    }
}
