//! Extended headers of PAX: what they say about an entry beyond its own header.

use std::collections::{BTreeMap, HashMap};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use percent_encoding::percent_decode;

use super::header::{Entry, Malformed, decimal};

/// What an extended header of PAX says about the next entry. The last record of a key counts; an empty one is none.
#[derive(Debug, Default)]
pub(super) struct Records(HashMap<Vec<u8>, Vec<u8>>);

/// An extended attribute: its name and its value.
pub(super) type Xattr = (Vec<u8>, Vec<u8>);

/// Where the map of a sparse file is.
pub(super) enum Sparse {
    InRecords,
    InContent,
}

impl Records {
    pub(super) fn parse(mut text: &[u8]) -> Result<Self, Malformed> {
        let mut records = HashMap::new();
        // The oldest way writes the map in repeated records, one for each number.
        let mut map: Vec<&[u8]> = Vec::new();
        while !text.is_empty() {
            let (key, value, rest) =
                parse_record(text).ok_or(Malformed("an extended header is malformed"))?;
            text = rest;
            if matches!(key, b"GNU.sparse.offset" | b"GNU.sparse.numbytes") {
                let expected: &[u8] = if map.len().is_multiple_of(2) {
                    b"GNU.sparse.offset"
                } else {
                    b"GNU.sparse.numbytes"
                };
                if key != expected || value.contains(&b',') {
                    return Err(Malformed("the map of a sparse file is malformed"));
                }
                map.push(value);
            } else {
                records.insert(key.to_vec(), value.to_vec());
            }
        }
        if !map.is_empty() {
            records.insert(b"GNU.sparse.map".to_vec(), map.join(&b','));
        }
        Ok(Self(records))
    }

    pub(super) fn value(&self, key: &str) -> Option<&[u8]> {
        self.0.get(key.as_bytes()).map(Vec::as_slice).filter(|value| !value.is_empty())
    }

    pub(super) fn apply(&self, entry: &mut Entry) -> Result<(), Malformed> {
        if let Some(path) = self.value("path") {
            entry.name = path.to_vec();
        }
        if let Some(path) = self.value("linkpath") {
            entry.linkname = path.to_vec();
        }
        for (key, field) in
            [("uid", &mut entry.uid), ("gid", &mut entry.gid), ("size", &mut entry.size)]
        {
            if let Some(value) = self.value(key) {
                *field = decimal(value)?;
            }
        }
        for key in ["atime", "ctime", "mtime"] {
            if let Some(value) = self.value(key) {
                let time = time(value)?;
                if key == "mtime" {
                    entry.mtime = time.seconds;
                    entry.mtime_nanoseconds = time.nanoseconds;
                }
            }
        }
        Ok(())
    }

    /// Extended attributes as star and as libarchive write them; of two with the same name that of star.
    pub(super) fn xattrs(&self) -> Result<Vec<Xattr>, Malformed> {
        let mut xattrs = BTreeMap::new();
        for (key, value) in self.0.iter().filter(|(_, value)| !value.is_empty()) {
            if let Some(name) = key.strip_prefix(b"LIBARCHIVE.xattr.") {
                let name = percent_decode(name).collect::<Vec<u8>>();
                // Its writers leave the padding out, and wrote it once.
                let end = value.iter().rposition(|b| *b != b'=').map_or(0, |last| last + 1);
                let value = &value[..end];
                let value = BASE64
                    .decode(value)
                    .map_err(|_| Malformed("an extended attribute is not valid base64"))?;
                xattrs.entry(name).or_insert(value);
            }
        }
        for (key, value) in self.0.iter().filter(|(_, value)| !value.is_empty()) {
            if let Some(name) = key.strip_prefix(b"SCHILY.xattr.") {
                xattrs.insert(name.to_vec(), value.clone());
            }
        }
        if xattrs.keys().any(|name| name.is_empty() || name.contains(&0)) {
            return Err(Malformed("an extended attribute has no valid name"));
        }
        Ok(xattrs.into_iter().collect())
    }

    /// Whether this says where the parts of a sparse file are, in a way that nobody here knows.
    pub(super) fn is_sparse_otherwise(&self) -> bool {
        let said = ["GNU.sparse.major", "GNU.sparse.minor"].map(|key| self.value(key).is_some());
        said.contains(&true) && self.sparse_version().is_none()
    }

    pub(super) fn sparse_version(&self) -> Option<Sparse> {
        match (self.value("GNU.sparse.major"), self.value("GNU.sparse.minor")) {
            (Some(b"0"), Some(b"0" | b"1")) => Some(Sparse::InRecords),
            (Some(b"1"), Some(b"0")) => Some(Sparse::InContent),
            (None, None) => self.value("GNU.sparse.map").map(|_| Sparse::InRecords),
            _ => None,
        }
    }

    pub(super) fn apply_sparse(&self, entry: &mut Entry) -> Result<(), Malformed> {
        if let Some(name) = self.value("GNU.sparse.name") {
            if name.contains(&0) {
                return Err(Malformed("an extended header is malformed"));
            }
            entry.name = name.to_vec();
        }
        let size = self.value("GNU.sparse.size").or_else(|| self.value("GNU.sparse.realsize"));
        if let Some(size) = size {
            entry.size = decimal(size)?;
        }
        Ok(())
    }

    pub(super) fn sparse_map(&self) -> Result<Vec<(i64, i64)>, Malformed> {
        let count = decimal(self.value("GNU.sparse.numblocks").unwrap_or_default())?;
        let numbers = match self.value("GNU.sparse.map") {
            Some(map) => {
                map.split(|b| *b == b',').map(decimal).collect::<Result<Vec<_>, Malformed>>()?
            }
            None => Vec::new(),
        };
        if count.checked_mul(2).and_then(|n| usize::try_from(n).ok()) != Some(numbers.len()) {
            return Err(Malformed(
                "the map of a sparse file does not have the length that it states",
            ));
        }
        Ok(numbers.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect())
    }
}

/// A point in time as seconds since 1970, and nanoseconds after that.
struct Time {
    seconds: i64,
    nanoseconds: u32,
}

/// `LENGTH KEY=VALUE\n`: key, value, and what follows.
fn parse_record(text: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let space = text.iter().position(|b| *b == b' ')?;
    let length = usize::try_from(decimal(&text[..space]).ok()?).ok()?;
    let (record, rest) = text.split_at_checked(length)?;
    let pair = record.get(space + 1..)?.strip_suffix(b"\n")?;
    let equals = pair.iter().position(|b| *b == b'=')?;
    let (key, value) = (&pair[..equals], &pair[equals + 1..]);
    let text_only = matches!(key, b"path" | b"linkpath" | b"uname" | b"gname");
    let unsound = key.is_empty() || key.contains(&0) || text_only && value.contains(&0);
    if unsound { None } else { Some((key, value, rest)) }
}

/// `SECONDS[.FRACTION]` as seconds, rounded towards the past, and nanoseconds: as fine as it gets.
fn time(text: &[u8]) -> Result<Time, Malformed> {
    let (seconds, fraction) = match text.iter().position(|b| *b == b'.') {
        Some(point) => (&text[..point], &text[point + 1..]),
        None => (text, &b""[..]),
    };
    if !fraction.iter().all(u8::is_ascii_digit) {
        return Err(Malformed("a time contains characters other than decimal digits"));
    }
    let digits = fraction.iter().copied().chain(std::iter::repeat(b'0')).take(9);
    let nanoseconds = digits.fold(0, |all, digit| all * 10 + u32::from(digit - b'0'));
    let value = decimal(seconds)?;
    Ok(if nanoseconds > 0 && seconds.starts_with(b"-") {
        Time { seconds: value.wrapping_sub(1), nanoseconds: 1_000_000_000 - nanoseconds }
    } else {
        Time { seconds: value, nanoseconds }
    })
}
