//! Random archives, the same for the same seed: every kind of entry, in every form that archives are written in.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use tar::{EntryType, Header};

const BLOCK: usize = 512;

/// Random numbers, the same for the same seed.
pub struct Random(u64);

impl Random {
    /// The numbers that belong to `seed`.
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.number() % end
    }

    /// True once in `n` times.
    pub fn once_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// One of these.
    pub fn one_of<T: Clone>(&mut self, all: &[T]) -> T {
        all[self.below(all.len() as u64) as usize].clone()
    }

    /// So many bytes; some of them repeat.
    pub fn bytes(&mut self, size: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(size + 8);
        while bytes.len() < size {
            let word = self.number().to_le_bytes();
            let times = if self.once_in(3) { 40 } else { 1 };
            (0..times).for_each(|_| bytes.extend_from_slice(&word));
        }
        bytes.truncate(size);
        bytes
    }

    /// The id of an image.
    pub fn id(&mut self) -> String {
        (0..4).map(|_| format!("{:016x}", self.number())).collect()
    }
}

/// How an entry's header is written, and what does not fit into it.
#[derive(Clone, Copy, PartialEq)]
enum Form {
    /// As before there were standards: short names only.
    Old,
    /// Long names are split between two fields.
    Ustar,
    /// Long names come in entries of their own, large numbers are binary.
    Gnu,
    /// Long names and large numbers come as records of an entry of their own.
    Pax,
}

/// The bytes as gzip.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(bytes).expect("write to memory");
    gzip.finish().expect("write to memory")
}

/// A plain archive.
pub fn random(random: &mut Random) -> Vec<u8> {
    let mut archive = Archive { bytes: Vec::new(), files: Vec::new() };
    for _ in 0..random.below(16) {
        archive.add(random);
    }
    if archive.bytes.is_empty() && random.once_in(3) {
        return Vec::new();
    }
    archive.bytes.extend([0; 2 * BLOCK]);
    if random.once_in(2) {
        // As GNU tar pads, for tapes.
        archive.bytes.resize(archive.bytes.len().next_multiple_of(20 * BLOCK), 0);
    }
    archive.bytes
}

struct Archive {
    bytes: Vec<u8>,
    /// Names of files, for hard links.
    files: Vec<Vec<u8>>,
}

impl Archive {
    fn add(&mut self, random: &mut Random) {
        let form = random.one_of(&[Form::Old, Form::Ustar, Form::Gnu, Form::Pax]);
        // Files count for more than one kind in four.
        let kind = random.one_of(b"000000012233455567S");
        let kind = match (form, kind) {
            (Form::Gnu, kind) => kind,
            (Form::Old, b'0') => 0,
            (_, b'S') => b'0',
            (_, kind) => kind,
        };
        let mut name = match random.once_in(12) {
            true => self.file(random, form),
            false => None,
        }
        .unwrap_or_else(|| name(random, form));
        let link = match kind {
            b'1' => self.file(random, form).unwrap_or_else(|| self::name(random, Form::Old)),
            b'2' if form == Form::Ustar => self::name(random, Form::Old),
            b'2' => self::name(random, form),
            _ => Vec::new(),
        };
        if kind == b'5' {
            name.push(b'/');
        }
        let content = match kind {
            0 | b'0' | b'7' => {
                let size = random.one_of(&[0, 1, 511, 512, 513, 5_000, 20_000, 100_000]);
                random.bytes(size)
            }
            _ => Vec::new(),
        };
        self.write(random, form, kind, &name, &link, &content);
        if matches!(kind, 0 | b'0') {
            self.files.push(name);
        }
    }

    /// The name of an earlier file, if the form can hold it.
    fn file(&self, random: &mut Random, form: Form) -> Option<Vec<u8>> {
        let fits = |name: &&Vec<u8>| match form {
            Form::Old | Form::Ustar => name.len() <= 100,
            Form::Gnu => true,
            Form::Pax => std::str::from_utf8(name).is_ok(),
        };
        let names: Vec<&Vec<u8>> = self.files.iter().filter(fits).collect();
        if names.is_empty() { None } else { Some(random.one_of(&names).clone()) }
    }

    fn write(
        &mut self,
        random: &mut Random,
        form: Form,
        kind: u8,
        name: &[u8],
        link: &[u8],
        content: &[u8],
    ) {
        let mut header = match form {
            Form::Old => Header::new_old(),
            Form::Gnu => Header::new_gnu(),
            Form::Ustar | Form::Pax => Header::new_ustar(),
        };
        let mut records = Vec::new();
        header.set_mode(random.below(0o10000) as u32);
        header.set_mtime(random.below(1 << 31));
        let mut owner = || match (form, random.once_in(4)) {
            (Form::Gnu, true) => (1 << 22) + random.below(1 << 31),
            _ => random.below(1 << 21),
        };
        let (uid, gid) = (owner(), owner());
        header.set_uid(uid);
        header.set_gid(gid);
        if form == Form::Pax {
            for (key, value) in [
                ("uid", ((1 << 21) + random.below(1 << 31)).to_string()),
                ("mtime", format!("{}.{:09}", random.below(1 << 34), random.below(1_000_000_000))),
                ("SCHILY.xattr.user.note", "größe".to_owned()),
            ] {
                if random.once_in(2) {
                    record(&mut records, key, value.as_bytes());
                }
            }
        }
        let raw = header.as_mut_bytes();
        raw[156] = kind;
        if form != Form::Old {
            raw[265..270].copy_from_slice(b"alice");
        }
        if matches!(kind, b'3' | b'4') && form != Form::Old {
            raw[329..337].copy_from_slice(b"0000010\0");
            raw[337..345].copy_from_slice(b"0000003\0");
        }
        match form {
            Form::Gnu => {
                for (kind, text) in [(b'L', name), (b'K', link)] {
                    if text.len() > 100 {
                        self.special(b"././@LongLink", kind, &[text, b"\0"].concat());
                    }
                }
            }
            Form::Pax => {
                for (key, text) in [("path", name), ("linkpath", link)] {
                    if text.len() > 100 || (!text.is_empty() && random.once_in(3)) {
                        record(&mut records, key, text);
                    }
                }
                if !records.is_empty() {
                    self.special(b"PaxHeaders/x", b'x', &records);
                }
            }
            Form::Old | Form::Ustar => {}
        }
        let (prefix, name) = if form == Form::Ustar { split(name) } else { (&b""[..], name) };
        put(&mut raw[..100], name);
        put(&mut raw[157..257], link);
        if !prefix.is_empty() {
            put(&mut raw[345..500], prefix);
        }
        if kind == b'S' {
            self.sparse(random, header);
            return;
        }
        header.set_size(content.len() as u64);
        header.set_cksum();
        self.block(header.as_bytes(), content);
    }

    /// A file with holes, in GNU's older form: where data is stands in the header.
    fn sparse(&mut self, random: &mut Random, mut header: Header) {
        let (mut content, mut end) = (Vec::new(), 0);
        let gnu = header.as_gnu_mut().expect("made so");
        for place in 0..3 {
            let offset = end + BLOCK as u64 * random.below(50);
            let blocks = 1 + random.below(4) as usize;
            let data = random.bytes(BLOCK * blocks);
            end = offset + data.len() as u64;
            gnu.sparse[place].set_offset(offset);
            gnu.sparse[place].set_length(data.len() as u64);
            content.extend(data);
        }
        // A hole at the end is a place without data.
        end += BLOCK as u64 * random.below(50);
        gnu.sparse[3].set_offset(end);
        gnu.sparse[3].set_length(0);
        gnu.set_real_size(end);
        header.set_entry_type(EntryType::GNUSparse);
        header.set_size(content.len() as u64);
        header.set_cksum();
        self.block(header.as_bytes(), &content);
    }

    /// An entry that says something about the next one.
    fn special(&mut self, name: &[u8], kind: u8, content: &[u8]) {
        let mut header = if kind == b'x' { Header::new_ustar() } else { Header::new_gnu() };
        put(&mut header.as_mut_bytes()[..100], name);
        header.as_mut_bytes()[156] = kind;
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_size(content.len() as u64);
        header.set_cksum();
        self.block(header.as_bytes(), content);
    }

    fn block(&mut self, header: &[u8], content: &[u8]) {
        self.bytes.extend_from_slice(header);
        self.bytes.extend_from_slice(content);
        self.bytes.resize(self.bytes.len().next_multiple_of(BLOCK), 0);
    }
}

/// A record of an extended header: its length counts itself.
fn record(records: &mut Vec<u8>, key: &str, value: &[u8]) {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while length != rest + length.to_string().len() {
        length = rest + length.to_string().len();
    }
    records.extend_from_slice(format!("{length} {key}=").as_bytes());
    records.extend_from_slice(value);
    records.push(b'\n');
}

/// Prefix and name, where a name is too long for one field.
fn split(name: &[u8]) -> (&[u8], &[u8]) {
    if name.len() <= 100 {
        return (b"", name);
    }
    let from = name.len() - 101;
    let slash =
        from + name[from..name.len() - 1].iter().position(|b| *b == b'/').expect("parts are short");
    (&name[..slash], &name[slash + 1..])
}

fn put(field: &mut [u8], text: &[u8]) {
    let length = text.len().min(field.len());
    field.fill(0);
    field[..length].copy_from_slice(&text[..length]);
}

/// A name that the form can hold, often a long one, often not ASCII.
fn name(random: &mut Random, form: Form) -> Vec<u8> {
    let most = match form {
        Form::Old => 98,
        Form::Ustar => 200,
        Form::Gnu | Form::Pax => random.one_of(&[60, 110, 270, 1000]),
    };
    let wanted = match random.once_in(2) {
        true => most,
        false => random.below(30) as usize + 1,
    };
    let mut name = random.one_of(&[&b""[..], b"./", b"/", b"../"]).to_vec();
    while name.len() < wanted {
        let part: &[u8] = match random.below(8) {
            0 => "größe".as_bytes(),
            1 => "日本語".as_bytes(),
            2 => "имя файла".as_bytes(),
            3 => "🦀".as_bytes(),
            4 if form == Form::Gnu => b"not-utf8-\xff\xfe",
            5 => b"a.b_c-d",
            _ => b"directory",
        };
        let number = random.below(1000).to_string();
        if name.len() + part.len() + number.len() + 1 > most {
            break;
        }
        name.extend_from_slice(part);
        name.extend_from_slice(number.as_bytes());
        name.push(b'/');
    }
    name.push(b'f');
    name
}
