//! Random numbers from the system, through the cryptography library.

use std::cell::Cell;
use std::fmt;
use std::hash::{DefaultHasher, Hasher, RandomState};
use std::io;

use super::library::rand::{SecureRandom, SystemRandom};
use crate::error::{Error, Result};

/// Fills a buffer with random bytes that nobody can guess.
pub fn random(bytes: &mut [u8]) -> io::Result<()> {
    SystemRandom::new()
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

/// A secret that hashes are begun with, so that nobody outside this process can make two things with the same hash.
#[derive(Clone)]
pub struct HashSecret([u8; 16]);

impl HashSecret {
    /// A new secret.
    pub fn new() -> Result<Self> {
        let mut secret = [0; 16];
        random(&mut secret)
            .map_err(|e| Error::resource("the system did not provide random numbers", &e))?;
        Ok(Self(secret))
    }

    /// Begins a hash.
    pub fn hasher(&self) -> DefaultHasher {
        let mut hasher = DefaultHasher::new();
        hasher.write(&self.0);
        hasher
    }
}

impl fmt::Debug for HashSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HashSecret").finish_non_exhaustive()
    }
}

/// Random bytes as lower-case hex digits: a name that nobody can guess.
pub fn random_hex(bytes: usize) -> io::Result<String> {
    let mut random = vec![0; bytes];
    self::random(&mut random)?;
    Ok(hex(&random))
}

/// Lower-case hex digits of bytes.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|b| [b >> 4, b & 15])
        .map(|n| char::from(DIGITS[usize::from(n)]))
        .collect()
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
