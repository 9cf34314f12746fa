//! What is used of the cryptography library except TLS, whichever library that is.

#[cfg(feature = "aws-lc-rs")]
pub use aws_lc_rs::{digest, rand};
#[cfg(all(feature = "ring", not(feature = "aws-lc-rs")))]
pub use ring::{digest, rand};
