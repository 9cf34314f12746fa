//! Writes headers of entries, the same for the same entry. They are USTAR; a header of PAX comes before those whose names, times
//! or attributes do not fit.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use percent_encoding::{NON_ALPHANUMERIC, percent_encode};

use super::entries::{Entry, Kind};
use super::header::BLOCK;

/// The two blocks of zeros that end an archive.
pub const END: [u8; 2 * BLOCK] = [0; 2 * BLOCK];

/// The owners and groups that fit into a header, in binary if need be.
const IDS: std::ops::Range<i64> = -(1 << 55)..1 << 55;

/// The bytes of a path that fit into a header.
const NAME: usize = 100;

/// An entry that belongs to nobody and was never changed: what archives of images are made of.
pub fn plain(path: &str, kind: Kind, size: u64) -> Entry {
    Entry {
        path: path.as_bytes().to_vec(),
        kind,
        mode: if kind == Kind::Directory { 0o755 } else { 0o644 },
        uid: 0,
        gid: 0,
        size,
        mtime: 0,
        mtime_nanoseconds: 0,
        link: Vec::new(),
        device: (0, 0),
        xattrs: Vec::new(),
        data_at: 0,
        stored: size,
    }
}

/// The headers of an entry, in whole blocks. Its content follows, all `size` bytes of it, and then [`padding`].
pub fn header(entry: &Entry) -> Vec<u8> {
    let records = records(entry);
    let mut blocks = Vec::new();
    if !records.is_empty() {
        let size = records.len();
        let about =
            Fields { name: b"PaxHeaders.0/entry", mode: 0o644, size: size as u64, ..FIELDS };
        blocks.extend_from_slice(&about.block(b'x'));
        blocks.extend_from_slice(&records);
        blocks.resize(blocks.len() + padding(size as u64), 0);
    }
    let fields = Fields {
        name: &entry.path,
        mode: entry.mode,
        uid: entry.uid,
        gid: entry.gid,
        size: if entry.kind == Kind::File { entry.size } else { 0 },
        mtime: entry.mtime,
        link: &entry.link,
        device: entry.device,
    };
    blocks.extend_from_slice(&fields.block(match entry.kind {
        Kind::File => b'0',
        Kind::HardLink => b'1',
        Kind::SymbolicLink => b'2',
        Kind::CharacterDevice => b'3',
        Kind::BlockDevice => b'4',
        Kind::Directory => b'5',
        Kind::Fifo => b'6',
    }));
    blocks
}

/// How many zeros fill the last block of a content.
pub fn padding(size: u64) -> usize {
    let block = BLOCK as u64;
    ((block - size % block) % block) as usize
}

/// What the header itself has no room for.
fn records(entry: &Entry) -> Vec<u8> {
    let mut records = Vec::new();
    if entry.path.len() > NAME {
        record(&mut records, b"path", &entry.path);
    }
    if entry.link.len() > NAME {
        record(&mut records, b"linkpath", &entry.link);
    }
    if entry.mtime_nanoseconds > 0 {
        record(&mut records, b"mtime", time(entry.mtime, entry.mtime_nanoseconds).as_bytes());
    }
    for (key, id) in [(b"uid", entry.uid), (b"gid", entry.gid)] {
        if !IDS.contains(&id) {
            record(&mut records, key, id.to_string().as_bytes());
        }
    }
    for (name, value) in &entry.xattrs {
        // A key ends with the first equals sign, and a record without a value takes its key back.
        if name.contains(&b'=') || value.is_empty() {
            let key = format!("LIBARCHIVE.xattr.{}", percent_encode(name, NON_ALPHANUMERIC));
            let value = if value.is_empty() { "=".to_owned() } else { BASE64.encode(value) };
            record(&mut records, key.as_bytes(), value.as_bytes());
        } else {
            record(&mut records, &[b"SCHILY.xattr.", name.as_slice()].concat(), value);
        }
    }
    records
}

/// `LENGTH KEY=VALUE\n`, where the length counts its own digits.
fn record(records: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while length != rest + length.to_string().len() {
        length = rest + length.to_string().len();
    }
    records.extend_from_slice(format!("{length} ").as_bytes());
    records.extend_from_slice(key);
    records.push(b'=');
    records.extend_from_slice(value);
    records.push(b'\n');
}

/// Seconds with a fraction; of times before 1970 both count backwards.
fn time(seconds: i64, nanoseconds: u32) -> String {
    let text = if seconds < 0 {
        format!("-{}.{:09}", (seconds + 1).unsigned_abs(), 1_000_000_000 - nanoseconds)
    } else {
        format!("{seconds}.{nanoseconds:09}")
    };
    text.trim_end_matches('0').to_owned()
}

/// The fields of one header.
struct Fields<'a> {
    name: &'a [u8],
    mode: u32,
    uid: i64,
    gid: i64,
    size: u64,
    mtime: i64,
    link: &'a [u8],
    device: (u32, u32),
}

const FIELDS: Fields<'static> =
    Fields { name: b"", mode: 0, uid: 0, gid: 0, size: 0, mtime: 0, link: b"", device: (0, 0) };

impl Fields<'_> {
    fn block(&self, typeflag: u8) -> [u8; BLOCK] {
        let mut block = [0; BLOCK];
        copy(&mut block[..100], self.name);
        number(&mut block[100..108], i64::from(self.mode));
        number(&mut block[108..116], self.uid);
        number(&mut block[116..124], self.gid);
        number(&mut block[124..136], self.size.cast_signed());
        number(&mut block[136..148], self.mtime);
        block[148..156].fill(b' ');
        block[156] = typeflag;
        copy(&mut block[157..257], self.link);
        block[257..265].copy_from_slice(b"ustar\x0000");
        number(&mut block[329..337], i64::from(self.device.0));
        number(&mut block[337..345], i64::from(self.device.1));
        let sum: u32 = block.iter().copied().map(u32::from).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        block
    }
}

/// As much of a text as the field holds.
fn copy(field: &mut [u8], text: &[u8]) {
    let most = text.len().min(field.len());
    field[..most].copy_from_slice(&text[..most]);
}

/// A number in octal digits; in binary where they do not suffice, as every reader of today understands it.
fn number(field: &mut [u8], value: i64) {
    let digits = field.len() - 1;
    let text = format!("{value:0digits$o}");
    if value >= 0 && text.len() == digits {
        field[..digits].copy_from_slice(text.as_bytes());
        return;
    }
    let binary = value.to_be_bytes();
    let fill = if value < 0 { 0xff } else { 0 };
    let skipped = binary.len().saturating_sub(field.len());
    let start = field.len() - (binary.len() - skipped);
    field[..start].fill(fill);
    field[start..].copy_from_slice(&binary[skipped..]);
    field[0] |= 0x80;
}

#[cfg(test)]
mod tests {
    use super::super::entries::{Bounds, Entries};
    use super::*;
    use crate::call::Call;

    /// The entry, once it was written and read again.
    fn read_back(entry: &Entry) -> Entry {
        let mut bytes = header(entry);
        if entry.size <= 1 << 20 {
            bytes.resize(bytes.len() + entry.size as usize + padding(entry.size), 0);
            bytes.extend_from_slice(&END);
        }
        let call = Call::new(None);
        let mut entries = Entries::new(bytes.as_slice(), Bounds::default());
        entries.next_entry(&call).expect("an archive").expect("an entry")
    }

    fn check(entry: &Entry) {
        let read = read_back(entry);
        let told = |e: &Entry| {
            (
                (e.path.clone(), e.kind, e.mode, e.uid, e.gid, e.size),
                (e.mtime, e.mtime_nanoseconds, e.link.clone(), e.device, e.xattrs.clone()),
            )
        };
        assert_eq!(told(&read), told(entry));
    }

    #[test]
    fn what_is_written_is_read_back() {
        let file = || plain("file", Kind::File, 5);
        check(&file());
        check(&plain("blobs/sha256/", Kind::Directory, 0));
        let long = "d/".repeat(200) + "x";
        for length in [99, 100, 101, 255, 256, 400] {
            check(&plain(&long[..length], Kind::File, 1));
            let link = long.as_bytes()[..length].to_vec();
            check(&Entry { link, ..plain("link", Kind::SymbolicLink, 0) });
        }
        check(&Entry { path: b"\xff\xfe not UTF-8 \xff".to_vec(), ..file() });
        check(&Entry { path: b"\xff".repeat(150), ..file() });
        let large = [i64::from(u32::MAX), 1 << 55, 1 << 62, i64::MAX, i64::MIN];
        for id in [0, 0o7_777_777, 0o10_000_000, -1].into_iter().chain(large) {
            check(&Entry { uid: id, gid: id, ..file() });
        }
        for (mtime, mtime_nanoseconds) in
            [(0, 1), (5, 0), (5, 250_000_000), (-1, 0), (-1, 999_999_999), (-2, 1), (1 << 40, 7)]
        {
            check(&Entry { mtime, mtime_nanoseconds, ..file() });
        }
        for (mode, device) in [(0o6755, (8, 3)), (0o1777, (u32::from(u16::MAX), 0o20_000_000))] {
            check(&Entry { mode, device, ..plain("sda3", Kind::BlockDevice, 0) });
        }
        for value in [&b"x"[..], b"\0=\n1", &[b'v'; 5000]] {
            let xattrs = vec![(b"security.capability".to_vec(), value.to_vec())];
            check(&Entry { xattrs, ..file() });
        }
        let xattrs = [("user.=", "with =%"), ("user.a=b", "c=d"), ("user.empty", "")];
        let xattrs = xattrs.map(|(name, value)| (name.into(), value.into())).to_vec();
        check(&Entry { xattrs, ..file() });
    }

    #[test]
    fn a_size_may_exceed_what_octal_digits_hold() {
        const OCTAL: u64 = 8 << 30;
        for size in [OCTAL - 1, OCTAL, OCTAL + 1, 1 << 50] {
            let written = header(&plain("large", Kind::File, size));
            // A header that is filled in later has its room.
            assert_eq!(written.len(), BLOCK);
            let call = Call::new(None);
            let mut entries = Entries::new(written.as_slice(), Bounds::default());
            let entry = entries.next_entry(&call).expect("an archive").expect("an entry");
            assert_eq!((entry.size, entry.data_at), (size, BLOCK as u64));
        }
    }

    #[test]
    fn the_length_of_a_record_counts_itself() {
        for length in [1, 90, 91, 92, 93, 94, 990, 991, 992, 993, 994, 995] {
            let mut records = Vec::new();
            record(&mut records, b"path", &vec![b'x'; length]);
            let digits = records.iter().position(|b| *b == b' ').expect("a space");
            let told = std::str::from_utf8(&records[..digits]).expect("digits");
            assert_eq!(told.parse(), Ok(records.len()));
        }
    }
}
