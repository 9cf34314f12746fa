//! What the layer at hand has made, so that its own whiteouts spare it.

use std::collections::HashSet;
use std::hash::{Hash, Hasher};

use crate::crypto::HashSecret;
use crate::error::Result;
use crate::os::tree::Id;

/// Names that were made, each in its directory. One takes some 20 bytes: what is kept is a sum of 64 bits, made with a
/// secret, so that no image can contain two names that are taken for each other.
///
/// The number of a directory that was removed may be given to another one; but that, too, was made by this layer, and so was
/// all that it holds.
#[derive(Debug)]
pub(super) struct Marks {
    secret: HashSecret,
    made: HashSet<u64>,
}

impl Marks {
    /// Nothing was made yet.
    pub(super) fn new() -> Result<Self> {
        Ok(Self { secret: HashSecret::new()?, made: HashSet::new() })
    }

    /// Notes a name.
    pub(super) fn add(&mut self, directory: Id, name: &[u8]) {
        let sum = self.sum(directory, name);
        self.made.insert(sum);
    }

    /// Whether the layer has made it.
    pub(super) fn contains(&self, directory: Id, name: &[u8]) -> bool {
        !self.made.is_empty() && self.made.contains(&self.sum(directory, name))
    }

    fn sum(&self, directory: Id, name: &[u8]) -> u64 {
        let mut hasher = self.secret.hasher();
        directory.numbers().hash(&mut hasher);
        name.hash(&mut hasher);
        hasher.finish()
    }
}
