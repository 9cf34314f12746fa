//! The checksum of a v1 layer: of what its tar archive holds, however the archive is written.

use std::collections::HashMap;
use std::io::Read;

use super::tar::{Archive, Entry};
use crate::context::Run;
use crate::digest::{Algorithm, Digest, Hasher};
use crate::error::{Error, Result};

/// Tarsum version 0 of a plain tar archive and the image's JSON: `tarsum+sha256:` and 64 hex digits.
///
/// Content is streamed; what is kept of each entry is its name and its sum.
pub fn tarsum(tar: impl Read, json: &[u8], run: &Run) -> Result<String> {
    let mut archive = Archive::new(tar);
    let mut sums = Vec::new();
    let mut names = HashMap::new();
    let mut buffer = vec![0; 64 << 10];
    while let Some(entry) = archive.next_entry()? {
        let mut hasher = hash_header(&entry)?;
        loop {
            run.check()?;
            match archive.read(&mut buffer)? {
                0 => break,
                read => hasher.update(&buffer[..read]),
            }
        }
        let unused = names.len();
        let name = *names.entry(clean(&entry.name)).or_insert(unused);
        sums.push(Sum { name, digest: hasher.finish() });
    }
    if names.len() == sums.len() {
        sums.sort_unstable_by(|a, b| a.digest.cmp(&b.digest));
    } else {
        sort_with_repeats(&mut sums, run)?;
    }
    let mut whole = Hasher::new(Algorithm::Sha256);
    whole.update(json);
    for sum in &sums {
        whole.update(sum.digest.hex().as_bytes());
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
            format!("the tar archive has a file with the name of a directory, {name:?}"),
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

/// Entries of one name stay in the archive's order, others are ordered by their sums. That contradicts itself where
/// one name's sums fall, so the way of sorting decides: it is an insertion sort.
fn sort_with_repeats(sums: &mut [Sum], run: &Run) -> Result<()> {
    for last in 1..sums.len() {
        run.check()?;
        let sum = &sums[last];
        let before = |other: &Sum| other.name == sum.name || other.digest <= sum.digest;
        let place = sums[..last].iter().rposition(before).map_or(0, |before| before + 1);
        sums[place..=last].rotate_right(1);
    }
    Ok(())
}
