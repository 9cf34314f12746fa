//! Sorting without a sort for each type: the standard library's is compiled anew for each, which takes about 4 KiB a type.
//! The lists here are short; what takes time is elsewhere.

use std::cmp::Ordering;
use std::collections::BTreeMap;

/// Sorts a list; equals keep their order.
pub fn sort<T: Ord>(list: &mut [T]) {
    sort_by(list, T::cmp);
}

/// The same by a key, which is made for each comparison.
pub fn sort_by_key<T, K: Ord>(list: &mut [T], key: impl Fn(&T) -> K) {
    sort_by(list, |a, b| key(a).cmp(&key(b)));
}

/// The same by any order.
pub fn sort_by<T>(list: &mut [T], compare: impl Fn(&T, &T) -> Ordering) {
    let order = positions(list.len(), &|a, b| compare(&list[a], &list[b]));
    rearrange(order, &mut |a, b| list.swap(a, b));
}

/// A map of these entries; of those with one key the last counts.
pub fn map<K: Ord, V>(entries: impl IntoIterator<Item = (K, V)>) -> BTreeMap<K, V> {
    let mut map = BTreeMap::new();
    map.extend(entries);
    map
}

/// Positions in the order of what is there.
fn positions(count: usize, compare: &dyn Fn(usize, usize) -> Ordering) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by(|a, b| compare(*a, *b));
    order
}

/// Has each position take what is at the position that `order` says, by swaps.
fn rearrange(mut order: Vec<usize>, swap: &mut dyn FnMut(usize, usize)) {
    for start in 0..order.len() {
        let mut at = start;
        while order[at] != start {
            let from = order[at];
            swap(at, from);
            order[at] = at;
            at = from;
        }
        order[at] = at;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_sorted_as_the_standard_library_sorts_them() {
        let mut seed = 7_u32;
        for length in 0..200 {
            let mut list: Vec<(u32, usize)> = (0..length)
                .map(|at| {
                    seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (seed >> 24 & 15, at)
                })
                .collect();
            let (mut whole, mut expected) = (list.clone(), list.clone());
            expected.sort_by_key(|(key, _)| *key); // Equals keep their order, so positions stay sorted.
            sort_by_key(&mut list, |(key, _)| *key);
            assert_eq!(list, expected);
            sort(&mut whole);
            assert_eq!(whole, expected);
        }
    }

    #[test]
    fn of_entries_with_one_key_the_last_counts() {
        let entries = [("b", 1), ("a", 2), ("b", 3)];
        assert_eq!(map(entries).into_iter().collect::<Vec<_>>(), [("a", 2), ("b", 3)]);
    }
}
