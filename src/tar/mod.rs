//! Tar archives as a stream of entries: USTAR, GNU (long names, sparse files) and PAX, read as Go's archive/tar reads
//! them, because that is what the checksums of v1 layers are made from.
//!
//! Nothing is allocated by a number that an archive names: what is kept of it has arrived first, and is bounded.

use std::collections::HashMap;
use std::io::{ErrorKind, Read};

use crate::call::Call;
use crate::error::{Error, Result};

/// What archives are made of, in bytes.
pub(crate) const BLOCK: usize = 512;

/// The most that the metadata of one entry may have: its PAX records, a long name, a map of a sparse file.
const MAX_METADATA: u64 = 1 << 20;

/// The time of an entry that has none: the first of January of the year 1, in seconds before 1970.
const NO_TIME: i64 = -62_135_596_800;

type Block = [u8; BLOCK];

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
    pub typeflag: u8,
    pub linkname: Vec<u8>,
    pub devmajor: i64,
    pub devminor: i64,
}

/// An archive being read.
#[derive(Debug)]
pub struct Archive<R> {
    source: R,
    content: Content,
    /// Bytes that fill the content's last block.
    padding: usize,
}

/// The content of the entry that was read last.
#[derive(Debug, Default)]
struct Content {
    /// Bytes of it that are still to come in the archive.
    stored: u64,
    size: u64,
    offset: u64,
    /// Where the stored bytes belong, last one first; what is between them is zeros.
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, Copy)]
struct Piece {
    start: u64,
    end: u64,
}

impl Content {
    fn plain(size: u64) -> Self {
        let pieces = if size > 0 { vec![Piece { start: 0, end: size }] } else { Vec::new() };
        Self { stored: size, size, offset: 0, pieces }
    }
}

/// Whether an archive may begin with these bytes: with a header or, if there is nothing in it, with zeros.
pub fn may_begin(bytes: &[u8]) -> bool {
    bytes
        .first_chunk::<BLOCK>()
        .is_some_and(|block| *block == [0; BLOCK] || parse_header(block).is_ok())
}

impl<R: Read> Archive<R> {
    /// An archive from its first byte on.
    pub fn new(source: R) -> Self {
        Self { source, content: Content::default(), padding: 0 }
    }

    /// The next entry, after the content of the one before was read to its end; None at the end of the archive.
    pub fn next_entry(&mut self, call: &Call) -> Result<Option<Entry>> {
        let mut records = Records::default();
        let (mut long_name, mut long_link) = (Vec::new(), Vec::new());
        loop {
            // There may be any number of headers about an entry that never comes.
            call.check()?;
            // The last block of an archive need not be full.
            if self.fill(&mut [0; BLOCK][..self.padding])? < self.padding {
                return Ok(None);
            }
            self.padding = 0;
            let Some(block) = self.header()? else { return Ok(None) };
            let mut entry = parse_header(&block)?;
            self.expect_content(&entry)?;
            match entry.typeflag {
                b'x' => records = Records::parse(&self.metadata()?)?,
                b'g' => {
                    // Also an entry of its own. What it says of other entries is not applied to them.
                    let records = Records::parse(&self.metadata()?)?;
                    let name = records.value("path").map_or(entry.name, <[u8]>::to_vec);
                    let (typeflag, mtime) = (entry.typeflag, NO_TIME);
                    return Ok(Some(Entry { name, typeflag, mtime, ..Entry::default() }));
                }
                b'L' => long_name = until_nul(&self.metadata()?).to_vec(),
                b'K' => long_link = until_nul(&self.metadata()?).to_vec(),
                _ => {
                    records.apply(&mut entry)?;
                    if !long_name.is_empty() {
                        entry.name = long_name;
                    }
                    if !long_link.is_empty() {
                        entry.linkname = long_link;
                    }
                    if entry.typeflag == 0 {
                        // Old archives tell directories by their names.
                        entry.typeflag = if entry.name.ends_with(b"/") { b'5' } else { b'0' };
                    }
                    self.expect_content(&entry)?;
                    self.read_sparse_map(&mut entry, block, &records)?;
                    return Ok(Some(entry));
                }
            }
        }
    }

    /// Reads some of the content of the entry that was read last; 0 is its end.
    pub fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let content = &mut self.content;
        while content.pieces.last().is_some_and(|piece| piece.end <= content.offset) {
            content.pieces.pop();
        }
        if content.offset == content.size {
            return if content.stored == 0 {
                Ok(0)
            } else {
                Err(malformed("a sparse file has more data than its map describes"))
            };
        }
        let piece = content.pieces.last();
        let in_hole = piece.is_none_or(|piece| content.offset < piece.start);
        let end = match piece {
            Some(piece) if in_hole => piece.start,
            Some(piece) => piece.end,
            None => content.size,
        };
        let most = usize::try_from(end - content.offset).unwrap_or(usize::MAX).min(buffer.len());
        if in_hole {
            buffer[..most].fill(0);
            content.offset += most as u64;
            return Ok(most);
        }
        let most = usize::try_from(content.stored).unwrap_or(usize::MAX).min(most);
        if most == 0 && !buffer.is_empty() {
            return Err(malformed("a sparse file has less data than its map describes"));
        }
        let read = self.fill(&mut buffer[..most])?;
        if read < most {
            return Err(cut());
        }
        self.content.offset += read as u64;
        self.content.stored -= read as u64;
        Ok(read)
    }

    /// The next header; two blocks of zeros end an archive, and one or none does, too.
    fn header(&mut self) -> Result<Option<Block>> {
        let Some(block) = self.block()? else { return Ok(None) };
        if block != [0; BLOCK] {
            return Ok(Some(block));
        }
        match self.block()? {
            Some(block) if block != [0; BLOCK] => {
                Err(malformed("a single block of zeros is followed by more data"))
            }
            _ => Ok(None),
        }
    }

    fn block(&mut self) -> Result<Option<Block>> {
        let mut block = [0; BLOCK];
        match self.fill(&mut block)? {
            0 => Ok(None),
            BLOCK => Ok(Some(block)),
            _ => Err(cut()),
        }
    }

    /// Reads until the buffer is full or the source ends.
    fn fill(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.source.read(&mut buffer[filled..]) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(Error::file("cannot read the tar archive", &e)),
            }
        }
        Ok(filled)
    }

    fn expect_content(&mut self, entry: &Entry) -> Result<()> {
        // Hard links, symbolic links, devices, directories and pipes have none, whatever their size says.
        let size = if matches!(entry.typeflag, b'1'..=b'6') { 0 } else { entry.size };
        let size = u64::try_from(size).map_err(|_| malformed("an entry has a negative size"))?;
        self.content = Content::plain(size);
        self.padding = (size.next_multiple_of(BLOCK as u64) - size) as usize;
        Ok(())
    }

    /// The content of an entry that only says something about the next one.
    fn metadata(&mut self) -> Result<Vec<u8>> {
        if self.content.size > MAX_METADATA {
            return Err(malformed("the metadata of an entry is larger than 1 MiB"));
        }
        let (mut all, mut buffer) = (Vec::new(), [0; 4 << 10]);
        loop {
            match self.read(&mut buffer)? {
                0 => return Ok(all),
                read => all.extend_from_slice(&buffer[..read]),
            }
        }
    }

    fn read_sparse_map(
        &mut self,
        entry: &mut Entry,
        block: Block,
        records: &Records,
    ) -> Result<()> {
        let map = if entry.typeflag == b'S' {
            Some(self.old_gnu_map(entry, block)?)
        } else {
            match records.sparse_version() {
                Some(version) => {
                    records.apply_sparse(entry)?;
                    Some(match version {
                        Sparse::InRecords => records.sparse_map()?,
                        Sparse::InContent => self.map_in_content()?,
                    })
                }
                None => None,
            }
        };
        let Some(map) = map else { return Ok(()) };
        if matches!(entry.typeflag, b'1'..=b'6') {
            return Err(malformed("a sparse entry is not a regular file"));
        }
        let size = u64::try_from(entry.size);
        let size = size.map_err(|_| malformed("a sparse file has a negative size"))?;
        let mut pieces = Vec::with_capacity(map.len());
        let mut before = 0;
        for (offset, length) in map {
            let piece = u64::try_from(offset).ok().zip(u64::try_from(length).ok());
            let piece = piece.map(|(start, length)| Piece { start, end: start + length });
            match piece {
                Some(piece) if piece.start >= before && piece.end <= size => {
                    before = piece.end;
                    pieces.push(piece);
                }
                _ => return Err(malformed("the map of a sparse file is out of order")),
            }
        }
        pieces.reverse();
        self.content = Content { size, pieces, offset: 0, ..self.content };
        Ok(())
    }

    /// In the header itself, and in as many blocks behind it as it takes.
    fn old_gnu_map(&mut self, entry: &mut Entry, header: Block) -> Result<Vec<(i64, i64)>> {
        if Format::of(&header) != Format::Gnu {
            return Err(malformed("a sparse file has an unknown format"));
        }
        entry.size = number(&header[483..495])?;
        let mut map = Vec::new();
        let mut read = |places: &[u8]| -> Result<()> {
            for place in places.chunks_exact(24).take_while(|place| place[0] != 0) {
                map.push((number(&place[..12])?, number(&place[12..])?));
            }
            Ok(())
        };
        read(&header[386..482])?;
        let mut more = header[482] != 0;
        let mut blocks = 0;
        while more {
            blocks += 1;
            if blocks * BLOCK as u64 > MAX_METADATA {
                return Err(long_map());
            }
            let block = self.block()?.ok_or_else(cut)?;
            read(&block[..504])?;
            more = block[504] != 0;
        }
        Ok(map)
    }

    /// At the beginning of the content, in whole blocks: lines of numbers, of which the first is how many pairs follow.
    fn map_in_content(&mut self) -> Result<Vec<(i64, i64)>> {
        let (mut text, mut at, mut blocks) = (Vec::new(), 0, 0);
        let mut line = || -> Result<i64> {
            loop {
                if let Some(length) = text[at..].iter().position(|b| *b == b'\n') {
                    let line = decimal(&text[at..at + length]);
                    at += length + 1;
                    return line;
                }
                blocks += 1;
                if blocks * BLOCK as u64 > MAX_METADATA {
                    return Err(long_map());
                }
                let mut block = [0; BLOCK];
                let mut filled = 0;
                while filled < BLOCK {
                    match self.read(&mut block[filled..])? {
                        0 => return Err(cut()),
                        read => filled += read,
                    }
                }
                text.drain(..at);
                at = 0;
                text.extend_from_slice(&block);
            }
        };
        let count = line()?;
        if count < 0 {
            return Err(malformed("the map of a sparse file has a negative length"));
        }
        let mut map = Vec::new();
        for _ in 0..count {
            map.push((line()?, line()?));
        }
        Ok(map)
    }
}

/// Which fields a header has beside those of Unix version 7.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    V7,
    Ustar,
    Star,
    Gnu,
}

impl Format {
    fn of(block: &Block) -> Self {
        match (&block[257..263], &block[263..265], &block[508..]) {
            (b"ustar\0", _, b"tar\0") => Self::Star,
            (b"ustar\0", ..) => Self::Ustar,
            (b"ustar ", b" \0", _) => Self::Gnu,
            _ => Self::V7,
        }
    }
}

fn parse_header(block: &Block) -> Result<Entry> {
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
fn check_sum(block: &Block) -> Result<()> {
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
        Err(malformed("a header has a wrong checksum"))
    }
}

fn until_nul(field: &[u8]) -> &[u8] {
    let end = field.iter().position(|b| *b == 0).unwrap_or(field.len());
    &field[..end]
}

/// A number of a header: in octal digits, or binary where the first bit is set.
fn number(field: &[u8]) -> Result<i64> {
    let Some(first) = field.first().filter(|first| *first & 0x80 != 0) else {
        return octal(field);
    };
    // Two's complement of seven bits in the first byte and eight in each other.
    let inverted = if first & 0x40 == 0 { 0 } else { 0xff };
    let mut value: i64 = 0;
    for (at, byte) in field.iter().enumerate() {
        let byte = if at == 0 { (byte ^ inverted) & 0x7f } else { byte ^ inverted };
        if value >> 55 != 0 {
            return Err(malformed("a number is too large"));
        }
        value = value << 8 | i64::from(byte);
    }
    Ok(if inverted == 0 { value } else { !value })
}

fn octal(field: &[u8]) -> Result<i64> {
    let is_blank = |b: &u8| matches!(b, b' ' | 0);
    let Some(start) = field.iter().position(|b| !is_blank(b)) else { return Ok(0) };
    let end = field.iter().rposition(|b| !is_blank(b)).map_or(start, |last| last + 1);
    // At most twelve digits: no overflow.
    until_nul(&field[start..end]).iter().try_fold(0, |value, digit| match digit {
        b'0'..=b'7' => Ok(value << 3 | i64::from(digit - b'0')),
        _ => Err(malformed("a number contains characters other than octal digits")),
    })
}

fn decimal(text: &[u8]) -> Result<i64> {
    std::str::from_utf8(text)
        .ok()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| malformed("a number contains characters other than decimal digits"))
}

/// What an extended header of PAX says about the next entry. The last record of a key counts; an empty one is none.
#[derive(Debug, Default)]
struct Records(HashMap<Vec<u8>, Vec<u8>>);

/// Where the map of a sparse file is.
enum Sparse {
    InRecords,
    InContent,
}

impl Records {
    fn parse(mut text: &[u8]) -> Result<Self> {
        let mut records = HashMap::new();
        // The oldest way writes the map in repeated records, one for each number.
        let mut map: Vec<&[u8]> = Vec::new();
        while !text.is_empty() {
            let (key, value, rest) =
                parse_record(text).ok_or_else(|| malformed("an extended header is malformed"))?;
            text = rest;
            if matches!(key, b"GNU.sparse.offset" | b"GNU.sparse.numbytes") {
                let expected: &[u8] = if map.len().is_multiple_of(2) {
                    b"GNU.sparse.offset"
                } else {
                    b"GNU.sparse.numbytes"
                };
                if key != expected || value.contains(&b',') {
                    return Err(malformed("the map of a sparse file is malformed"));
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

    fn value(&self, key: &str) -> Option<&[u8]> {
        self.0.get(key.as_bytes()).map(Vec::as_slice).filter(|value| !value.is_empty())
    }

    fn apply(&self, entry: &mut Entry) -> Result<()> {
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
                let seconds = whole_seconds(value)?;
                if key == "mtime" {
                    entry.mtime = seconds;
                }
            }
        }
        Ok(())
    }

    fn sparse_version(&self) -> Option<Sparse> {
        match (self.value("GNU.sparse.major"), self.value("GNU.sparse.minor")) {
            (Some(b"0"), Some(b"0" | b"1")) => Some(Sparse::InRecords),
            (Some(b"1"), Some(b"0")) => Some(Sparse::InContent),
            (None, None) => self.value("GNU.sparse.map").map(|_| Sparse::InRecords),
            _ => None,
        }
    }

    fn apply_sparse(&self, entry: &mut Entry) -> Result<()> {
        if let Some(name) = self.value("GNU.sparse.name") {
            entry.name = name.to_vec();
        }
        let size = self.value("GNU.sparse.size").or_else(|| self.value("GNU.sparse.realsize"));
        if let Some(size) = size {
            entry.size = decimal(size)?;
        }
        Ok(())
    }

    fn sparse_map(&self) -> Result<Vec<(i64, i64)>> {
        let count = decimal(self.value("GNU.sparse.numblocks").unwrap_or_default())?;
        let numbers = match self.value("GNU.sparse.map") {
            Some(map) => map.split(|b| *b == b',').map(decimal).collect::<Result<Vec<_>>>()?,
            None => Vec::new(),
        };
        if count.checked_mul(2).and_then(|n| usize::try_from(n).ok()) != Some(numbers.len()) {
            return Err(malformed(
                "the map of a sparse file does not have the length that it states",
            ));
        }
        Ok(numbers.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect())
    }
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

/// `SECONDS[.FRACTION]`, rounded towards the past.
fn whole_seconds(text: &[u8]) -> Result<i64> {
    let (seconds, fraction) = match text.iter().position(|b| *b == b'.') {
        Some(point) => (&text[..point], &text[point + 1..]),
        None => (text, &b""[..]),
    };
    if !fraction.iter().all(u8::is_ascii_digit) {
        return Err(malformed("a time contains characters other than decimal digits"));
    }
    let value = decimal(seconds)?;
    // Nanoseconds are as fine as it gets.
    let more = fraction.iter().take(9).any(|digit| *digit != b'0');
    Ok(if more && seconds.starts_with(b"-") { value.wrapping_sub(1) } else { value })
}

fn malformed(why: &str) -> Error {
    Error::argument("data", format!("cannot read the tar archive: {why}"))
        .hint("a v1 layer must be an uncompressed tar archive")
}

fn cut() -> Error {
    malformed("it ends too early")
}

fn long_map() -> Error {
    malformed("the map of a sparse file is larger than 1 MiB")
}
