//! A map that keeps what was used last and drops the rest: how many keys there are is not for servers, nor for a program
//! that runs for months, to decide.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;

/// At most so many entries, each with the time of its last use.
#[derive(Debug)]
pub(super) struct Recent<K, V> {
    entries: HashMap<K, (u64, V)>,
    most: usize,
    clock: u64,
}

impl<K: Eq + Hash + Clone, V> Recent<K, V> {
    /// An empty one for `most` entries.
    pub(super) fn new(most: usize) -> Self {
        Self { entries: HashMap::new(), most, clock: 0 }
    }

    /// What is kept for a key, which counts as a use.
    pub(super) fn get<Q: Eq + Hash + ?Sized>(&mut self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        let (used, value) = self.entries.get_mut(key)?;
        self.clock += 1;
        *used = self.clock;
        Some(value)
    }

    /// What is kept for a key, as it is when there was nothing.
    pub(super) fn entry<Q>(&mut self, key: &Q) -> &mut V
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ToOwned<Owned = K> + ?Sized,
        V: Default,
    {
        if self.get(key).is_none() {
            self.insert(key.to_owned(), V::default());
        }
        &mut self.entries.entry(key.to_owned()).or_default().1
    }

    /// Keeps a value in place of an older one. Returns what that cost: the older one, or the entry that was not used for
    /// the longest time.
    pub(super) fn insert(&mut self, key: K, value: V) -> Option<V> {
        self.clock += 1;
        let replaced = self.entries.insert(key, (self.clock, value));
        if replaced.is_some() || self.entries.len() <= self.most {
            return replaced.map(|(_, value)| value);
        }
        let oldest = self.entries.iter().min_by_key(|(_, (used, _))| *used);
        let oldest = oldest.map(|(key, _)| key.clone())?;
        self.entries.remove(&oldest).map(|(_, value)| value)
    }

    /// Drops what is not wanted any more.
    pub(super) fn retain(&mut self, mut wanted: impl FnMut(&V) -> bool) {
        self.entries.retain(|_, (_, value)| wanted(value));
    }

    /// Drops everything.
    pub(super) fn clear(&mut self) {
        self.entries.clear();
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_used_for_the_longest_time_goes() {
        let mut recent = Recent::new(3);
        for key in ["a", "b", "c"] {
            assert_eq!(recent.insert(key.to_owned(), key), None);
        }
        assert_eq!(recent.get("a"), Some(&"a"));
        assert_eq!(recent.insert("d".to_owned(), "d"), Some("b"));
        assert_eq!((recent.len(), recent.get("b")), (3, None));
        // A key that is there already costs nobody else its place.
        assert_eq!(recent.insert("c".to_owned(), "C"), Some("c"));
        assert_eq!(recent.insert("e".to_owned(), "e"), Some("a"));
        recent.retain(|value| *value != "C");
        assert_eq!(recent.len(), 2);
        assert_eq!(recent.get("c"), None);
        assert_eq!(recent.get("d"), Some(&"d"));
        recent.clear();
        assert_eq!(recent.len(), 0);
    }
}
