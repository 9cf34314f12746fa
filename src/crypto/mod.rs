//! Who encrypts, signs, hashes and makes random numbers: the one room that names the cryptography library.
//!
//! AWS-LC where the feature `aws-lc-rs` or `fips` is on, else ring, with what ring lacks beside it.

#[cfg(not(feature = "aws-lc-rs"))]
mod ecdsa;
mod library;
#[cfg(not(feature = "aws-lc-rs"))]
mod p521_exchange;
mod random;

use rustls::crypto::CryptoProvider;

/// Hash functions; a context may be cloned at any point.
pub use library::digest as hash;
pub use random::{HashSecret, check_randomness, hex, random, random_hex};

#[cfg(not(any(feature = "ring", feature = "aws-lc-rs")))]
compile_error!("ocireg needs one of the features `ring` and `aws-lc-rs`");

/// What TLS is made of: versions, cipher suites, keys and signatures.
pub fn provider() -> CryptoProvider {
    #[cfg(feature = "aws-lc-rs")]
    return rustls::crypto::aws_lc_rs::default_provider();
    #[cfg(not(feature = "aws-lc-rs"))]
    return ecdsa::complete(rustls::crypto::ring::default_provider());
}
