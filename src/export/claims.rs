//! Which paths upper layers have claimed, in some 40 bytes each: a path is known by a sum of 128 bits, made with a secret,
//! so that no image can contain two paths that are taken for one.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hasher};

use crate::crypto::HashSecret;
use crate::error::{Code, Error, Result};

/// A directory that is in the archive.
pub(super) const DIRECTORY: u8 = 1;
/// Something else.
pub(super) const OTHER: u8 = 1 << 1;
/// Hidden, with all that is below it.
pub(super) const WHITEOUT: u8 = 1 << 2;
/// All that is below it is hidden, but not the directory itself.
pub(super) const OPAQUE: u8 = 1 << 3;
/// Something is below it.
pub(super) const PARENT: u8 = 1 << 4;
/// It is in the archive, so that hard links can lead to it.
pub(super) const WRITTEN: u8 = 1 << 5;

type Key = [u8; 16];

/// What becomes of an entry of a lower layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Shown,
    /// An upper layer has something else there, or nothing.
    Hidden,
    /// It is no directory, and an upper layer has something below it.
    Below,
}

#[derive(Debug)]
pub(super) struct Claims {
    secrets: [HashSecret; 2],
    flags: HashMap<Key, u8>,
    most: u64,
}

impl Claims {
    /// No claims, and the most that there may be.
    pub(super) fn new(most: u64) -> Result<Self> {
        let secrets = [HashSecret::new()?, HashSecret::new()?];
        Ok(Self { secrets, flags: HashMap::new(), most })
    }

    /// The same secrets without claims.
    pub(super) fn like(&self) -> Self {
        Self { secrets: self.secrets.clone(), flags: HashMap::new(), most: self.most }
    }

    /// What was said of exactly this path.
    pub(super) fn of(&self, path: &[u8]) -> u8 {
        let mut flags = 0;
        self.walk(path, |key, is_last| {
            if is_last {
                flags = self.flags.get(&key).copied().unwrap_or_default();
            }
        });
        flags
    }

    /// Whether a directory above the path is hidden or is none.
    pub(super) fn covers(&self, path: &[u8]) -> bool {
        let mut covered = false;
        self.walk(path, |key, is_last| {
            let flags = self.flags.get(&key).copied().unwrap_or_default();
            covered |= !is_last && flags & (OTHER | WHITEOUT | OPAQUE) != 0;
        });
        covered
    }

    /// Whether a lower layer's entry shows.
    pub(super) fn fate(&self, path: &[u8], is_directory: bool) -> Fate {
        let flags = self.of(path);
        if flags & (DIRECTORY | OTHER | WHITEOUT) != 0 || self.covers(path) {
            Fate::Hidden
        } else if flags & PARENT != 0 && !is_directory {
            Fate::Below
        } else {
            Fate::Shown
        }
    }

    /// Claims a path, and the directories that it is in: unless it only hides something, they are directories.
    pub(super) fn add(&mut self, path: &[u8], flags: u8) -> Result<()> {
        let mut keys = Vec::new();
        self.walk(path, |key, is_last| keys.push((key, is_last)));
        let only_hides = flags & (WHITEOUT | OPAQUE) != 0;
        for (key, is_last) in keys {
            match is_last {
                true => *self.flags.entry(key).or_default() |= flags,
                false if only_hides => {}
                false => *self.flags.entry(key).or_default() |= PARENT,
            }
        }
        self.check()
    }

    /// Adds the claims of the next layer.
    pub(super) fn take(&mut self, layer: Self) -> Result<()> {
        for (key, flags) in layer.flags {
            *self.flags.entry(key).or_default() |= flags & !WRITTEN;
        }
        self.check()
    }

    fn check(&self) -> Result<()> {
        if self.flags.len() as u64 <= self.most {
            return Ok(());
        }
        Err(Error::new(Code::Limit, format!("the image has more than {} paths", self.most))
            .hint("raise entries in the option limits, if you trust this image"))
    }

    /// The root, each directory on the way, and the path itself, which is the last; of the root only itself.
    fn walk(&self, path: &[u8], mut visit: impl FnMut(Key, bool)) {
        let mut hashers = self.secrets.each_ref().map(HashSecret::hasher);
        let key = |hashers: &[DefaultHasher; 2]| {
            let mut key = [0; 16];
            key[..8].copy_from_slice(&hashers[0].finish().to_ne_bytes());
            key[8..].copy_from_slice(&hashers[1].finish().to_ne_bytes());
            key
        };
        visit(key(&hashers), path.is_empty());
        if path.is_empty() {
            return;
        }
        let mut names = path.split(|byte| *byte == b'/').peekable();
        while let Some(name) = names.next() {
            for hasher in &mut hashers {
                hasher.write(name);
                hasher.write_u8(b'/');
            }
            visit(key(&hashers), names.peek().is_none());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_hides_what_is_below_it() {
        let mut claims = Claims::new(100).expect("random numbers");
        claims.add(b"etc/file", OTHER).expect("room");
        claims.add(b"gone", WHITEOUT).expect("room");
        claims.add(b"dir", DIRECTORY).expect("room");
        claims.add(b"dir/opaque", OPAQUE).expect("room");
        claims.add(b"none/gone", WHITEOUT).expect("room");
        for (path, is_directory, fate) in [
            (&b""[..], true, Fate::Shown),
            (b"etc", true, Fate::Shown),
            (b"etc", false, Fate::Below),
            (b"etc/file", false, Fate::Hidden),
            (b"etc/file", true, Fate::Hidden),
            (b"etc/file/x/y", false, Fate::Hidden),
            (b"etc/files", false, Fate::Shown),
            (b"gone", true, Fate::Hidden),
            (b"gone/x", false, Fate::Hidden),
            (b"gonex", false, Fate::Shown),
            (b"none", false, Fate::Shown),
            (b"none/gone", false, Fate::Hidden),
            (b"dir", true, Fate::Hidden),
            (b"dir/x", false, Fate::Shown),
            (b"dir/opaque", true, Fate::Shown),
            (b"dir/opaque", false, Fate::Shown),
            (b"dir/opaque/x", true, Fate::Hidden),
        ] {
            assert_eq!(claims.fate(path, is_directory), fate, "{}", String::from_utf8_lossy(path));
        }
        claims.add(b"", OPAQUE).expect("room");
        assert_eq!(claims.fate(b"new", false), Fate::Hidden);
        assert_eq!(claims.fate(b"", true), Fate::Shown);
    }

    #[test]
    fn there_may_be_only_so_many() {
        let mut claims = Claims::new(3).expect("random numbers");
        claims.add(b"a/b", OTHER).expect("three");
        assert_eq!(claims.add(b"c", OTHER).expect_err("four").code(), Code::Limit);
    }
}
