//! The header of an entry: one block of fields.

use std::fmt;

/// What archives are made of, in bytes.
pub(crate) const BLOCK: usize = 512;

pub(super) type Block = [u8; BLOCK];

/// Why an archive cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed(pub(super) &'static str);

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// The archive ends within an entry.
pub(super) const CUT: Malformed = Malformed("it ends too early");

/// The most that the metadata of one entry may have: its PAX records, a long name, a map of a sparse file.
pub(super) const MAX_METADATA: u64 = 1 << 20;

/// Whether an entry of this type has no content, whatever size its header states: hard links, symbolic links, devices,
/// directories and FIFOs.
pub(super) fn has_no_content(typeflag: u8) -> bool {
    matches!(typeflag, b'1'..=b'6')
}

/// The header of one entry, with all that other headers say about it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs)] // The fields have the names of the format.
pub struct Entry {
    pub name: Vec<u8>,
    pub mode: i64,
    pub uid: i64,
    pub gid: i64,
    /// Of a sparse file with its holes; of a directory or link whatever the archive says.
    pub size: i64,
    /// In whole seconds.
    pub mtime: i64,
    /// What to add to that.
    pub mtime_nanoseconds: u32,
    pub typeflag: u8,
    pub linkname: Vec<u8>,
    pub devmajor: i64,
    pub devminor: i64,
}

/// Whether an archive may begin with these bytes: with a header or, if there is nothing in it, with zeros.
pub fn may_begin(bytes: &[u8]) -> bool {
    bytes
        .first_chunk::<BLOCK>()
        .is_some_and(|block| *block == [0; BLOCK] || parse_header(block).is_ok())
}

/// Which fields a header has beside those of Unix version 7.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    V7,
    Ustar,
    Star,
    Gnu,
}

impl Format {
    pub(super) fn of(block: &Block) -> Self {
        match (&block[257..263], &block[263..265], &block[508..]) {
            (b"ustar\0", _, b"tar\0") => Self::Star,
            (b"ustar\0", ..) => Self::Ustar,
            (b"ustar ", b" \0", _) => Self::Gnu,
            _ => Self::V7,
        }
    }
}

pub(super) fn parse_header(block: &Block) -> Result<Entry, Malformed> {
    check_sum(block)?;
    let mut entry = Entry {
        name: until_nul(&block[..100]).to_vec(),
        mode: number(&block[100..108])?,
        uid: number(&block[108..116])?,
        gid: number(&block[116..124])?,
        size: number(&block[124..136])?,
        mtime: number(&block[136..148])?,
        typeflag: block[156],
        linkname: until_nul(&block[157..257]).to_vec(),
        ..Entry::default()
    };
    let format = Format::of(block);
    if format == Format::V7 {
        return Ok(entry);
    }
    entry.devmajor = number(&block[329..337])?;
    entry.devminor = number(&block[337..345])?;
    let prefix = match format {
        Format::Star => {
            // Times that nobody needs must be numbers all the same.
            number(&block[476..488])?;
            number(&block[488..500])?;
            until_nul(&block[345..476])
        }
        Format::Gnu => {
            // Go wrote a prefix once where GNU has two times; it is taken for one if they are none.
            let times = [&block[345..357], &block[357..369]];
            let sound = times.iter().all(|time| time[0] == 0 || number(time).is_ok());
            let prefix = until_nul(&block[345..500]);
            if !sound && prefix.is_ascii() { prefix } else { b"" }
        }
        Format::Ustar | Format::V7 => until_nul(&block[345..500]),
    };
    if !prefix.is_empty() {
        entry.name = [prefix, b"/", &entry.name].concat();
    }
    Ok(entry)
}

/// The sum of the header's bytes, its own field taken as spaces. Some archives sum signed bytes.
fn check_sum(block: &Block) -> Result<(), Malformed> {
    let told = octal(&block[148..156])?;
    let (mut unsigned, mut signed) = (0, 0);
    for (at, byte) in block.iter().enumerate() {
        let byte = if (148..156).contains(&at) { b' ' } else { *byte };
        unsigned += i64::from(byte);
        signed += i64::from(byte.cast_signed());
    }
    if told == unsigned || told == signed {
        Ok(())
    } else {
        Err(Malformed("a header has a wrong checksum"))
    }
}

pub(super) fn until_nul(field: &[u8]) -> &[u8] {
    let end = field.iter().position(|b| *b == 0).unwrap_or(field.len());
    &field[..end]
}

/// A number of a header: in octal digits, or binary where the first bit is set.
pub(super) fn number(field: &[u8]) -> Result<i64, Malformed> {
    let Some(first) = field.first().filter(|first| *first & 0x80 != 0) else {
        return octal(field);
    };
    // Two's complement of seven bits in the first byte and eight in each other.
    let inverted = if first & 0x40 == 0 { 0 } else { 0xff };
    let mut value: i64 = 0;
    for (at, byte) in field.iter().enumerate() {
        let byte = if at == 0 { (byte ^ inverted) & 0x7f } else { byte ^ inverted };
        if value >> 55 != 0 {
            return Err(Malformed("a number is too large"));
        }
        value = value << 8 | i64::from(byte);
    }
    Ok(if inverted == 0 { value } else { !value })
}

fn octal(field: &[u8]) -> Result<i64, Malformed> {
    let is_blank = |b: &u8| matches!(b, b' ' | 0);
    let Some(start) = field.iter().position(|b| !is_blank(b)) else { return Ok(0) };
    let end = field.iter().rposition(|b| !is_blank(b)).map_or(start, |last| last + 1);
    // At most twelve digits: no overflow.
    until_nul(&field[start..end]).iter().try_fold(0, |value, digit| match digit {
        b'0'..=b'7' => Ok(value << 3 | i64::from(digit - b'0')),
        _ => Err(Malformed("a number contains characters other than octal digits")),
    })
}

pub(super) fn decimal(text: &[u8]) -> Result<i64, Malformed> {
    std::str::from_utf8(text)
        .ok()
        .and_then(|text| text.parse().ok())
        .ok_or(Malformed("a number contains characters other than decimal digits"))
}
