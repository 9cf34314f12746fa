//! The checksum of a layer as the server computes it: another reader of archives and another way of sorting than the
//! library's.

use std::collections::BTreeMap;
use std::io::{self, Read};

use ring::digest::{Context, SHA256};
use tar::{Archive, Entry};

use crate::digest::hex;

/// Tarsum version 0 of the plain archive `tar` and the image's JSON.
pub fn tarsum(json: &[u8], tar: impl Read) -> io::Result<String> {
    let mut archive = Archive::new(tar);
    let mut sums = Vec::new();
    for entry in archive.entries()? {
        sums.push(sum(entry?)?);
    }
    let mut whole = Context::new(&SHA256);
    whole.update(json);
    for sum in ordered(sums) {
        whole.update(sum.as_bytes());
    }
    Ok(format!("tarsum+sha256:{}", hex(whole.finish().as_ref())))
}

/// The cleaned name of an entry and its sum.
fn sum<R: Read>(mut entry: Entry<'_, R>) -> io::Result<(Vec<u8>, String)> {
    let records: BTreeMap<String, Vec<u8>> = match entry.pax_extensions()? {
        None => BTreeMap::new(),
        Some(records) => records
            .map(|record| {
                record.map(|r| (r.key().unwrap_or("").to_owned(), r.value_bytes().to_vec()))
            })
            .collect::<io::Result<_>>()?,
    };
    let record = |key: &str| {
        let text = std::str::from_utf8(records.get(key)?).ok()?;
        text.split('.').next()?.parse::<i64>().ok()
    };
    let header = entry.header().as_bytes();
    let field = |key: &str, from: usize, to: usize| match record(key) {
        Some(value) => Ok(value.to_string().into_bytes()),
        None => number(&header[from..to]).map(|value| value.to_string().into_bytes()),
    };
    let has_devices = header[257..262] == *b"ustar";
    let device = |from: usize, to: usize| {
        if has_devices { field("", from, to) } else { Ok(b"0".to_vec()) }
    };
    let name = entry.path_bytes().into_owned();
    let flag = typeflag(header[156], &name);
    if name.ends_with(b"/") && matches!(flag, b'0' | b'3' | b'4' | b'6' | b'S') {
        return Err(io::Error::other("a file with the name of a directory"));
    }
    let fields: [(&str, Vec<u8>); 12] = [
        ("name", name.clone()),
        ("mode", field("", 100, 108)?),
        ("uid", field("uid", 108, 116)?),
        ("gid", field("gid", 116, 124)?),
        ("size", entry.size().to_string().into_bytes()),
        ("mtime", field("mtime", 136, 148)?),
        ("typeflag", vec![flag]),
        ("linkname", entry.link_name_bytes().unwrap_or_default().into_owned()),
        ("uname", Vec::new()),
        ("gname", Vec::new()),
        ("devmajor", device(329, 337)?),
        ("devminor", device(337, 345)?),
    ];
    let mut hash = Context::new(&SHA256);
    for (key, value) in fields {
        hash.update(key.as_bytes());
        hash.update(&value);
    }
    let mut buffer = vec![0; 256 * 1024];
    loop {
        match entry.read(&mut buffer)? {
            0 => break,
            n => hash.update(&buffer[..n]),
        }
    }
    Ok((clean(&name), hex(hash.finish().as_ref())))
}

/// A number of a header, which the crate refuses to read where it is blank: octal text, or binary.
fn number(field: &[u8]) -> io::Result<i64> {
    if field[0] & 0x80 != 0 {
        return Ok(field[1..].iter().fold(0, |value, byte| value << 8 | i64::from(*byte)));
    }
    let text = String::from_utf8_lossy(field);
    let digits = text.trim_matches(|c| c == ' ' || c == '\0');
    match digits {
        "" => Ok(0),
        _ => i64::from_str_radix(digits, 8).map_err(io::Error::other),
    }
}

/// Archives older than USTAR have no type: a directory's name ends in a slash.
fn typeflag(flag: u8, name: &[u8]) -> u8 {
    match flag {
        0 if name.ends_with(b"/") => b'5',
        0 => b'0',
        flag => flag,
    }
}

fn clean(name: &[u8]) -> Vec<u8> {
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in name.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join(&b"/"[..])
}

/// By sum; entries of the same name keep their order, as in the insertion sort of the reference.
fn ordered(sums: Vec<(Vec<u8>, String)>) -> Vec<String> {
    let mut done: Vec<(Vec<u8>, String)> = Vec::new();
    for next in sums {
        let mut at = done.len();
        while at > 0 && done[at - 1].0 != next.0 && done[at - 1].1 > next.1 {
            at -= 1;
        }
        done.insert(at, next);
    }
    done.into_iter().map(|(_, sum)| sum).collect()
}
