//! The checksum of a v1 layer: of what its tar archive holds, however the archive is written.

use std::collections::{BTreeMap, HashMap};
use std::io::Read;

use crate::call::Call;
use crate::error::{Error, Result};
use crate::names::digest::{Algorithm, Digest, Hasher};
use crate::tar::{Archive, Entry};

/// Tarsum version 0 of a plain tar archive and the image's JSON: `tarsum+sha256:` and 64 hex digits.
///
/// Content is streamed; what is kept of each entry is its name and its sum.
pub fn tarsum(tar: impl Read, json: &[u8], call: &Call) -> Result<String> {
    let mut archive = Archive::new(tar);
    let mut sums = Vec::new();
    let mut names = HashMap::new();
    let mut buffer = vec![0; 64 << 10];
    while let Some(entry) = archive.next_entry(call)? {
        let mut hasher = hash_header(&entry)?;
        loop {
            call.check()?;
            match archive.read(&mut buffer)? {
                0 => break,
                read => hasher.update(&buffer[..read]),
            }
        }
        let unused = names.len();
        let name = *names.entry(clean(&entry.name)).or_insert(unused);
        sums.push(Sum { name, digest: hasher.finish() });
    }
    let mut whole = Hasher::new(Algorithm::Sha256);
    whole.update(json);
    for at in order(&sums, call)? {
        whole.update(sums[at].digest.hex().as_bytes());
    }
    Ok(format!("tarsum+{}", whole.finish()))
}

/// One entry: which of the archive's names it has, and its own sum.
struct Sum {
    name: usize,
    digest: Digest,
}

fn hash_header(entry: &Entry) -> Result<Hasher> {
    // Only directories and links may look like directories.
    if entry.name.ends_with(b"/") && matches!(entry.typeflag, b'0' | b'3' | b'4' | b'6' | b'S') {
        let name = String::from_utf8_lossy(&entry.name);
        return Err(Error::argument(
            "data",
            format!("the tar archive contains a file with the name of a directory, {name:?}"),
        ));
    }
    let number = |number: i64| number.to_string().into_bytes();
    let fields: [(&str, &[u8]); 12] = [
        ("name", &entry.name),
        ("mode", &number(entry.mode)),
        ("uid", &number(entry.uid)),
        ("gid", &number(entry.gid)),
        ("size", &number(entry.size)),
        ("mtime", &number(entry.mtime)),
        ("typeflag", &[entry.typeflag]),
        ("linkname", &entry.linkname),
        // Names of users differ between machines: they do not count.
        ("uname", b""),
        ("gname", b""),
        ("devmajor", &number(entry.devmajor)),
        ("devminor", &number(entry.devminor)),
    ];
    let mut hasher = Hasher::new(Algorithm::Sha256);
    for (key, value) in fields {
        hasher.update(key.as_bytes());
        hasher.update(value);
    }
    Ok(hasher)
}

/// The path from the archive's root, without `.`, `..` and needless slashes.
fn clean(name: &[u8]) -> Vec<u8> {
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in name.split(|b| *b == b'/') {
        match part {
            b"" | b"." => {}
            b".." => drop(parts.pop()),
            _ => parts.push(part),
        }
    }
    parts.join(&b'/')
}

/// The order of an insertion sort that keeps entries of one name as they come in the archive, and compares others by
/// their sums. That is no total order, so this way of sorting is part of the definition: each entry goes behind the last
/// one that it may not pass, which is one of its own name, or of no larger sum.
///
/// The order is kept in runs, each under its last entry's sum, which is its smallest and smaller than all that follow.
fn order<'a>(sums: &'a [Sum], call: &Call) -> Result<Vec<usize>> {
    let mut runs = BTreeMap::<&'a Digest, Vec<usize>>::new();
    let mut latest = HashMap::new();
    for (at, Sum { name, digest }) in sums.iter().enumerate() {
        // Archives can be made for which each entry moves all that came before it.
        call.check()?;
        let mut call = runs.remove(digest).unwrap_or_default();
        if let Some(before) = latest.insert(name, at).filter(|before| !call.contains(before)) {
            // Behind its run there is nothing of a smaller sum.
            let find = |(end, call): (&&'a Digest, &Vec<usize>)| {
                Some((*end, call.iter().position(|entry| *entry == before)?))
            };
            let found = runs.range::<&Digest, _>(..=&sums[before].digest).rev().find_map(find);
            if let Some((end, place)) = found.filter(|(end, _)| *end > digest) {
                // What is between its sum's place and its name's comes before it.
                let between: Vec<&Digest> =
                    runs.range::<&Digest, _>(digest..end).map(|(end, _)| *end).collect();
                for end in between {
                    call.extend(runs.remove(end).unwrap_or_default());
                }
                let mut split = runs.remove(end).unwrap_or_default();
                let rest = split.split_off(place + 1);
                call.extend(split);
                if !rest.is_empty() {
                    runs.insert(end, rest);
                }
            }
        }
        call.push(at);
        runs.insert(digest, call);
    }
    Ok(runs.into_values().flatten().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(sums: &[Sum]) -> Vec<usize> {
        order(sums, &Call::new(None)).expect("nobody cancels")
    }

    /// The definition.
    fn insertion_sort(sums: &[Sum]) -> Vec<usize> {
        let mut sorted: Vec<usize> = Vec::new();
        for (at, sum) in sums.iter().enumerate() {
            let stays =
                |other: &usize| sums[*other].name == sum.name || sums[*other].digest <= sum.digest;
            let place = sorted.iter().rposition(stays).map_or(0, |before| before + 1);
            sorted.insert(place, at);
        }
        sorted
    }

    #[test]
    fn the_order_is_that_of_an_insertion_sort() {
        let mut state = 1_u64;
        let mut next = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) % below
        };
        for round in 0..4000 {
            let (count, names, contents) = (next(40), 1 + next(20), 1 + next(100));
            let sums: Vec<Sum> = (0..count)
                .map(|_| {
                    let name = usize::try_from(next(names)).expect("small");
                    // What has one sum has one name, too.
                    let text = format!("{name} {}", next(contents));
                    Sum { name, digest: Digest::of(Algorithm::Sha256, text.as_bytes()) }
                })
                .collect();
            assert_eq!(sorted(&sums), insertion_sort(&sums), "round {round}");
        }
    }

    #[test]
    fn many_entries_take_little_time() {
        let sum = |at: usize| Sum {
            name: at / 2,
            digest: Digest::of(Algorithm::Sha256, &at.to_le_bytes()),
        };
        let sums: Vec<Sum> = (0..100_000).map(sum).collect();
        let start = std::time::Instant::now();
        assert_eq!(sorted(&sums).len(), sums.len());
        assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
    }
}
