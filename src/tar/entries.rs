//! The entries of an archive, one after the other, for whoever unpacks, exports or looks into it.
//!
//! What the archive says is read as Go's archive/tar reads it, because every container runtime is built on that: two
//! readers of one image must not see two trees. What is damaged is an error and never guessed at; metadata is
//! bounded. Global headers of PAX are checked and otherwise ignored, as runtimes do.
//!
//! Whether a path is safe to use is for its user to judge: here it is what the archive says, byte by byte.

use super::header::{
    BLOCK, Block, CUT, Entry as Header, Format, MAX_METADATA, Malformed, has_no_content, number,
    parse_header, until_nul,
};
use super::records::{Records, Sparse};
use super::sparse::{MapInContent, OldMap, Piece, pieces};
use crate::call::Call;
use crate::error::{Code, Error, Result};
use crate::image::transport::BlobRead;

/// What is read from the source at once while headers are read.
const AHEAD: usize = 16 << 10;

/// The most headers in a row that only say something about the entry that follows.
const MOST_EXTENDED: u32 = 16;

/// How much an archive may hold.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Bytes of a path, and of what a link leads to.
    pub path: u64,
    /// Entries.
    pub entries: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { path: 4096, entries: 4_000_000 }
    }
}

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// Another name of an entry that came before.
    HardLink,
    /// A symbolic link.
    SymbolicLink,
    /// A character device.
    CharacterDevice,
    /// A block device.
    BlockDevice,
    /// A directory.
    Directory,
    /// A FIFO.
    Fifo,
}

/// One entry.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its path as the archive has it: it may be absolute, begin with `./`, end with `/` and lead anywhere.
    pub path: Vec<u8>,
    /// What it is.
    pub kind: Kind,
    /// Permissions, with the bits for setuid, setgid and sticky.
    pub mode: u32,
    /// The owner. No number that the format can write is ruled out.
    pub uid: i64,
    /// The group.
    pub gid: i64,
    /// Bytes of a regular file, holes included; 0 of all others.
    pub size: u64,
    /// When it was changed last, in seconds after 1970.
    pub mtime: i64,
    /// Nanoseconds after that.
    pub mtime_nanoseconds: u32,
    /// What a link leads to: for a hard link a path like those of entries.
    pub link: Vec<u8>,
    /// Major and minor number of a device.
    pub device: (u32, u32),
    /// Extended attributes, sorted by name.
    pub xattrs: Vec<(Vec<u8>, Vec<u8>)>,
    /// Where its data begins, counted in bytes from the beginning of the archive.
    pub data_at: u64,
    /// Bytes of data in the archive, without holes.
    pub stored: u64,
}

/// An archive being read.
#[derive(Debug)]
pub struct Entries<R> {
    source: Ahead<R>,
    bounds: Bounds,
    count: u64,
    content: Content,
    ended: bool,
}

/// The content of the current entry.
#[derive(Debug, Default)]
struct Content {
    /// Bytes of it that are still to come in the archive, without those that fill the last block.
    stored: u64,
    /// Bytes that fill it.
    padding: usize,
    size: u64,
    offset: u64,
    /// Where the stored bytes belong.
    pieces: Vec<Piece>,
    /// How many of them are behind us.
    passed: usize,
}

impl<R: BlobRead> Entries<R> {
    /// The entries of an archive, which the source gives from its first byte on.
    pub fn new(source: R, bounds: Bounds) -> Self {
        Self {
            source: Ahead::new(source),
            bounds,
            count: 0,
            content: Content::default(),
            ended: false,
        }
    }

    /// The next entry; None at the end of the archive. What is left of the current one is passed over.
    pub fn next_entry(&mut self, call: &Call) -> Result<Option<Entry>> {
        if self.ended {
            return Ok(None);
        }
        let next = self.find_entry(call)?;
        self.ended = next.is_none();
        Ok(next)
    }

    fn find_entry(&mut self, call: &Call) -> Result<Option<Entry>> {
        let mut records: Option<Records> = None;
        let (mut long_name, mut long_link) = (Vec::new(), Vec::new());
        let mut extended = 0;
        loop {
            call.check()?;
            self.pass_over_content(call)?;
            let Some(block) = self.header(call)? else {
                return if extended == 0 { Ok(None) } else { Err(damaged(CUT)) };
            };
            let mut header = parse_header(&block).map_err(damaged)?;
            self.expect_content(&header)?;
            match header.typeflag {
                b'x' => records = Some(Records::parse(&self.metadata(call)?).map_err(damaged)?),
                b'L' => long_name = until_nul(&self.metadata(call)?).to_vec(),
                b'K' => long_link = until_nul(&self.metadata(call)?).to_vec(),
                b'g' => {
                    let _ = Records::parse(&self.metadata(call)?).map_err(damaged)?;
                    self.count_entry()?;
                    continue;
                }
                _ => {
                    let records = records.unwrap_or_default();
                    records.apply(&mut header).map_err(damaged)?;
                    if !long_name.is_empty() {
                        header.name = long_name;
                    }
                    if !long_link.is_empty() {
                        header.linkname = long_link;
                    }
                    self.count_entry()?;
                    return self.entry(header, block, &records, call).map(Some);
                }
            }
            extended += 1;
            if extended > MOST_EXTENDED {
                return Err(damaged(Malformed("an entry has too many extended headers")));
            }
        }
    }

    fn entry(
        &mut self,
        mut header: Header,
        block: Block,
        records: &Records,
        call: &Call,
    ) -> Result<Entry> {
        if header.typeflag == 0 {
            // Old archives tell directories by their names.
            header.typeflag = if header.name.ends_with(b"/") { b'5' } else { b'0' };
        }
        let kind = match header.typeflag {
            b'0' | b'7' | b'S' => Kind::File,
            b'1' => Kind::HardLink,
            b'2' => Kind::SymbolicLink,
            b'3' => Kind::CharacterDevice,
            b'4' => Kind::BlockDevice,
            b'5' => Kind::Directory,
            b'6' => Kind::Fifo,
            other => {
                let why = format!("its type {:?} is not supported", char::from(other));
                return Err(in_entry(&header.name, why));
            }
        };
        self.expect_content(&header)?;
        let xattrs = records.xattrs().map_err(|why| in_entry(&header.name, why))?;
        self.read_sparse_map(&mut header, block, records, call)?;
        for path in [&header.name, &header.linkname] {
            if path.len() as u64 > self.bounds.path {
                return Err(Error::new(
                    Code::Limit,
                    format!("a path of the tar archive has {} bytes, {}", path.len(), shown(path)),
                )
                .cause(format!("more than the limit of {}", self.bounds.path))
                .hint("raise path in the option limits, if you trust this image")
                .with(|d| d.what = Some("entry")));
            }
        }
        let device = match kind {
            Kind::CharacterDevice | Kind::BlockDevice => {
                let numbers = (u32::try_from(header.devmajor), u32::try_from(header.devminor));
                match numbers {
                    (Ok(major), Ok(minor)) => (major, minor),
                    _ => {
                        return Err(in_entry(&header.name, "its device numbers are out of range"));
                    }
                }
            }
            _ => (0, 0),
        };
        Ok(Entry {
            path: header.name,
            kind,
            mode: (header.mode & 0o7777) as u32,
            uid: header.uid,
            gid: header.gid,
            size: self.content.size,
            mtime: header.mtime,
            mtime_nanoseconds: header.mtime_nanoseconds,
            link: header.linkname,
            device,
            xattrs,
            data_at: self.source.position,
            stored: self.content.stored,
        })
    }

    /// Reads some of the content of the current entry, holes as zeros; 0 is its end.
    pub fn read(&mut self, buffer: &mut [u8], call: &Call) -> Result<usize> {
        let content = &mut self.content;
        let piece = content.piece();
        let hole = match piece {
            Some(piece) => piece.start.saturating_sub(content.offset),
            None => content.size - content.offset,
        };
        if hole > 0 {
            let most = usize::try_from(hole).unwrap_or(usize::MAX).min(buffer.len());
            buffer[..most].fill(0);
            content.offset += most as u64;
            return Ok(most);
        }
        match self.read_data(buffer, call)? {
            Some((_, read)) => Ok(read),
            None => Ok(0),
        }
    }

    /// Reads some of the data of the current entry: where in the file it belongs, and how much it is. None is its end.
    /// Holes are passed over.
    pub fn read_data(&mut self, buffer: &mut [u8], call: &Call) -> Result<Option<(u64, usize)>> {
        let content = &mut self.content;
        let Some(piece) = content.piece() else {
            if content.stored > 0 {
                let why = "a sparse file has more data than its map describes";
                return Err(damaged(Malformed(why)));
            }
            content.offset = content.size;
            return Ok(None);
        };
        content.offset = content.offset.max(piece.start);
        let at = content.offset;
        let most = (piece.end - at).min(content.stored);
        let most = usize::try_from(most).unwrap_or(usize::MAX).min(buffer.len());
        if most == 0 && !buffer.is_empty() {
            let why = "a sparse file has less data than its map describes";
            return Err(damaged(Malformed(why)));
        }
        let read = self.source.read(&mut buffer[..most], call)?;
        if read == 0 {
            return Err(damaged(CUT));
        }
        self.content.offset += read as u64;
        self.content.stored -= read as u64;
        Ok(Some((at, read)))
    }

    /// Bytes of the archive that were used so far.
    pub fn position(&self) -> u64 {
        self.source.position
    }

    /// Reads what follows the archive's end, so that the source can judge its digest.
    pub fn finish(&mut self, call: &Call) -> Result<()> {
        let mut buffer = vec![0; AHEAD];
        while self.source.read(&mut buffer, call)? > 0 {
            call.check()?;
        }
        Ok(())
    }

    fn count_entry(&mut self) -> Result<()> {
        self.count += 1;
        if self.count <= self.bounds.entries {
            return Ok(());
        }
        let message = format!("the tar archive has more than {} entries", self.bounds.entries);
        Err(Error::new(Code::Limit, message)
            .hint("raise entries in the option limits, if you trust this image"))
    }

    fn pass_over_content(&mut self, call: &Call) -> Result<()> {
        let Content { stored, padding, .. } = std::mem::take(&mut self.content);
        if self.source.pass_over(stored, call)? < stored {
            return Err(damaged(CUT));
        }
        // The last block of an archive need not be full.
        self.source.pass_over(padding as u64, call).map(drop)
    }

    /// The next header; two blocks of zeros end an archive, and one or none does, too.
    fn header(&mut self, call: &Call) -> Result<Option<Block>> {
        let Some(block) = self.block(call)? else { return Ok(None) };
        if block != [0; BLOCK] {
            return Ok(Some(block));
        }
        match self.block(call)? {
            Some(block) if block != [0; BLOCK] => {
                Err(damaged(Malformed("a single block of zeros is followed by more data")))
            }
            _ => Ok(None),
        }
    }

    fn block(&mut self, call: &Call) -> Result<Option<Block>> {
        let mut block = [0; BLOCK];
        let mut filled = 0;
        while filled < BLOCK {
            match self.source.read(&mut block[filled..], call)? {
                0 if filled == 0 => return Ok(None),
                0 => return Err(damaged(CUT)),
                read => filled += read,
            }
        }
        Ok(Some(block))
    }

    fn expect_content(&mut self, header: &Header) -> Result<()> {
        let size = if has_no_content(header.typeflag) { 0 } else { header.size };
        let size =
            u64::try_from(size).map_err(|_| damaged(Malformed("an entry has a negative size")))?;
        let pieces = if size > 0 { vec![Piece { start: 0, end: size }] } else { Vec::new() };
        let padding = (size.next_multiple_of(BLOCK as u64) - size) as usize;
        self.content = Content { stored: size, padding, size, offset: 0, pieces, passed: 0 };
        Ok(())
    }

    /// The content of an entry that only says something about the next one.
    fn metadata(&mut self, call: &Call) -> Result<Vec<u8>> {
        if self.content.size > MAX_METADATA {
            let why = "the metadata of an entry is larger than 1 MiB";
            return Err(Error::new(Code::Limit, format!("the tar archive is not valid: {why}"))
                .hint("rebuild the image, or report this to whoever built it"));
        }
        let (mut all, mut buffer) = (Vec::new(), [0; 4 << 10]);
        while let Some((_, read)) = self.read_data(&mut buffer, call)? {
            all.extend_from_slice(&buffer[..read]);
        }
        Ok(all)
    }

    fn read_sparse_map(
        &mut self,
        header: &mut Header,
        block: Block,
        records: &Records,
        call: &Call,
    ) -> Result<()> {
        let named = |why: Malformed, header: &Header| in_entry(&header.name, why);
        let map = if header.typeflag == b'S' {
            if Format::of(&block) != Format::Gnu {
                return Err(named(Malformed("it is sparse in an unknown format"), header));
            }
            header.size = number(&block[483..495]).map_err(|why| named(why, header))?;
            let mut map = OldMap::default();
            let mut more = map.header(&block).map_err(|why| named(why, header))?;
            while more {
                let next = self.block(call)?.ok_or_else(|| damaged(CUT))?;
                more = map.block(&next).map_err(|why| named(why, header))?;
            }
            map.map
        } else {
            if records.is_sparse_otherwise() {
                return Err(named(Malformed("it is sparse in an unknown format"), header));
            }
            let Some(version) = records.sparse_version() else { return Ok(()) };
            records.apply_sparse(header).map_err(|why| named(why, header))?;
            match version {
                Sparse::InRecords => records.sparse_map().map_err(|why| named(why, header))?,
                Sparse::InContent => self.map_in_content(header, call)?,
            }
        };
        if has_no_content(header.typeflag) {
            return Err(named(Malformed("it is sparse, but not a regular file"), header));
        }
        let pieces = pieces(&map, header.size).map_err(|why| named(why, header))?;
        // Now that its size was not negative.
        let size = header.size.unsigned_abs();
        let content = &mut self.content;
        (content.size, content.pieces, content.offset, content.passed) = (size, pieces, 0, 0);
        Ok(())
    }

    fn map_in_content(&mut self, header: &Header, call: &Call) -> Result<Vec<(i64, i64)>> {
        let mut map = MapInContent::default();
        loop {
            let mut block = [0; BLOCK];
            let mut filled = 0;
            while filled < BLOCK {
                match self.read_data(&mut block[filled..], call)? {
                    None => return Err(damaged(CUT)),
                    Some((_, read)) => filled += read,
                }
            }
            let found = map.block(&block).map_err(|why| in_entry(&header.name, why))?;
            if let Some(map) = found {
                return Ok(map);
            }
        }
    }
}

impl Content {
    /// The next stored part that is not behind us.
    fn piece(&mut self) -> Option<Piece> {
        while self.pieces.get(self.passed).is_some_and(|piece| piece.end <= self.offset) {
            self.passed += 1;
        }
        self.pieces.get(self.passed).copied()
    }
}

/// A source that is read in large parts, though its headers are small.
#[derive(Debug)]
struct Ahead<R> {
    source: R,
    buffer: Vec<u8>,
    /// What of the buffer is still to be used.
    begin: usize,
    end: usize,
    /// Bytes that were given out.
    position: u64,
}

impl<R: BlobRead> Ahead<R> {
    fn new(source: R) -> Self {
        Self { source, buffer: vec![0; AHEAD], begin: 0, end: 0, position: 0 }
    }

    fn read(&mut self, buffer: &mut [u8], call: &Call) -> Result<usize> {
        let read = if self.begin == self.end && buffer.len() >= AHEAD {
            self.source.read(buffer, call)?
        } else {
            self.fill(call)?;
            let read = buffer.len().min(self.end - self.begin);
            buffer[..read].copy_from_slice(&self.buffer[self.begin..self.begin + read]);
            self.begin += read;
            read
        };
        self.position += read as u64;
        Ok(read)
    }

    /// How many of so many bytes there were.
    fn pass_over(&mut self, bytes: u64, call: &Call) -> Result<u64> {
        let mut left = bytes;
        while left > 0 {
            if self.begin == self.end {
                let skipped = self.source.skip(left, call)?;
                self.position += skipped;
                left -= skipped;
                if skipped > 0 {
                    continue;
                }
            }
            self.fill(call)?;
            let passed = usize::try_from(left).unwrap_or(usize::MAX).min(self.end - self.begin);
            if passed == 0 {
                break;
            }
            self.begin += passed;
            self.position += passed as u64;
            left -= passed as u64;
        }
        Ok(bytes - left)
    }

    fn fill(&mut self, call: &Call) -> Result<()> {
        if self.begin == self.end {
            self.begin = 0;
            self.end = 0;
            call.check()?;
            self.end = self.source.read(&mut self.buffer, call)?;
        }
        Ok(())
    }
}

/// Reads an archive from what the standard library reads from, such as a file.
#[derive(Debug)]
pub struct FromRead<R>(pub R);

impl<R: std::io::Read> BlobRead for FromRead<R> {
    fn read(&mut self, buffer: &mut [u8], _call: &Call) -> Result<usize> {
        loop {
            match self.0.read(buffer) {
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                Err(e) => return Err(Error::file("cannot read the tar archive", &e)),
                Ok(read) => return Ok(read),
            }
        }
    }
}

/// A path for a message, which it must not flood.
pub fn shown(path: &[u8]) -> String {
    const MOST: usize = 200;
    let text = String::from_utf8_lossy(&path[..path.len().min(MOST)]).into_owned();
    if path.len() > MOST { format!("{text:?}...") } else { format!("{text:?}") }
}

/// What is wrong with one entry.
pub fn in_entry(path: &[u8], why: impl std::fmt::Display) -> Error {
    Error::new(
        Code::InvalidManifest,
        format!("the entry {} of the tar archive is not valid", shown(path)),
    )
    .cause(why)
    .hint("rebuild the image, or report this to whoever built it")
    .with(|d| d.what = Some("entry"))
}

fn damaged(why: Malformed) -> Error {
    Error::new(Code::InvalidManifest, format!("the tar archive is not valid: {why}"))
        .hint("rebuild the image, or report this to whoever built it")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A header and its content, padded.
    struct Raw {
        name: &'static [u8],
        typeflag: u8,
        content: Vec<u8>,
        set: fn(&mut Block),
    }

    impl Raw {
        fn new(name: &'static [u8], typeflag: u8, content: impl Into<Vec<u8>>) -> Self {
            Self { name, typeflag, content: content.into(), set: |_| {} }
        }

        fn set(self, set: fn(&mut Block)) -> Self {
            Self { set, ..self }
        }

        fn bytes(&self) -> Vec<u8> {
            let mut block = [0; BLOCK];
            block[..self.name.len()].copy_from_slice(self.name);
            for (at, digits) in [(100, "0000644"), (108, "0001750"), (116, "0000144")] {
                block[at..at + 7].copy_from_slice(digits.as_bytes());
            }
            block[124..135].copy_from_slice(format!("{:011o}", self.content.len()).as_bytes());
            block[136..147].copy_from_slice(b"00000000144");
            block[156] = self.typeflag;
            block[257..265].copy_from_slice(b"ustar\x0000");
            (self.set)(&mut block);
            block[148..156].copy_from_slice(b"        ");
            let sum: u32 = block.iter().copied().map(u32::from).sum();
            block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
            let mut all = block.to_vec();
            all.extend_from_slice(&self.content);
            all.resize(all.len().next_multiple_of(BLOCK), 0);
            all
        }
    }

    fn archive(parts: &[Raw]) -> Vec<u8> {
        let mut all: Vec<u8> = parts.iter().flat_map(Raw::bytes).collect();
        all.extend_from_slice(&[0; 2 * BLOCK]);
        all
    }

    fn record(key: &str, value: &[u8]) -> Vec<u8> {
        let rest = key.len() + value.len() + 3;
        let mut length = rest + 1;
        while length.to_string().len() + rest != length {
            length += 1;
        }
        [length.to_string().as_bytes(), b" ", key.as_bytes(), b"=", value, b"\n"].concat()
    }

    /// A source that gives a few bytes at a time.
    struct Slow<'a>(&'a [u8]);

    impl BlobRead for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8], call: &Call) -> Result<usize> {
            let most = buffer.len().min(7);
            self.0.read(&mut buffer[..most], call)
        }
    }

    /// All entries with their content.
    fn all(bytes: &[u8]) -> Result<Vec<(Entry, Vec<u8>)>> {
        let call = Call::new(None);
        let mut entries = Entries::new(Slow(bytes), Bounds::default());
        let mut all = Vec::new();
        while let Some(entry) = entries.next_entry(&call)? {
            let (mut content, mut buffer) = (Vec::new(), [0; 100]);
            loop {
                match entries.read(&mut buffer, &call)? {
                    0 => break,
                    read => content.extend_from_slice(&buffer[..read]),
                }
            }
            all.push((entry, content));
        }
        entries.finish(&call)?;
        assert_eq!(entries.position(), bytes.len() as u64);
        Ok(all)
    }

    fn one(bytes: &[u8]) -> (Entry, Vec<u8>) {
        let mut all = all(bytes).expect("an archive");
        assert_eq!(all.len(), 1, "{all:?}");
        all.remove(0)
    }

    fn code(bytes: &[u8]) -> Code {
        all(bytes).expect_err("not an archive").code()
    }

    #[test]
    fn an_entry_has_what_its_header_says() {
        let bytes = archive(&[Raw::new(b"file", b'0', "content").set(|block| {
            block[100..107].copy_from_slice(b"0106755");
        })]);
        let (entry, content) = one(&bytes);
        assert_eq!((entry.path.as_slice(), entry.kind), (&b"file"[..], Kind::File));
        assert_eq!((entry.mode, entry.uid, entry.gid), (0o6755, 0o1750, 0o144));
        assert_eq!((entry.size, entry.mtime, entry.data_at), (7, 100, 512));
        assert_eq!(content, b"content");
    }

    #[test]
    fn kinds_without_content_have_none_whatever_their_size() {
        for (flag, kind) in [
            (b'1', Kind::HardLink),
            (b'2', Kind::SymbolicLink),
            (b'3', Kind::CharacterDevice),
            (b'4', Kind::BlockDevice),
            (b'5', Kind::Directory),
            (b'6', Kind::Fifo),
        ] {
            let link = Raw::new(b"it", flag, "").set(|block| {
                block[124..135].copy_from_slice(b"00000001000");
                block[157..161].copy_from_slice(b"link");
                block[329..336].copy_from_slice(b"0000010");
                block[337..344].copy_from_slice(b"0000003");
            });
            let found = all(&archive(&[link, Raw::new(b"next", b'0', "x")])).expect("an archive");
            assert_eq!(found.len(), 2, "{kind:?}");
            let entry = &found[0].0;
            assert_eq!((entry.kind, entry.size, entry.link.as_slice()), (kind, 0, &b"link"[..]));
            let is_device = matches!(kind, Kind::CharacterDevice | Kind::BlockDevice);
            assert_eq!(entry.device, if is_device { (8, 3) } else { (0, 0) });
        }
        // Old archives tell directories by their names.
        assert_eq!(one(&archive(&[Raw::new(b"old/", 0, "")])).0.kind, Kind::Directory);
        assert_eq!(one(&archive(&[Raw::new(b"old", 0, "1")])).0.kind, Kind::File);
        for flag in [b'M', b'V', b'N', b'D', b'Z'] {
            assert_eq!(code(&archive(&[Raw::new(b"it", flag, "")])), Code::InvalidManifest);
        }
    }

    #[test]
    fn numbers_may_be_binary_and_negative() {
        let bytes = archive(&[Raw::new(b"file", b'0', "").set(|block| {
            block[108..116].copy_from_slice(&[0x80, 0, 0, 0, 0x80, 0, 0, 0]);
            block[116..124].copy_from_slice(&[0xff; 8]);
            block[136..148].copy_from_slice(&[0xff; 12]);
        })]);
        let (entry, _) = one(&bytes);
        assert_eq!((entry.uid, entry.gid, entry.mtime), (1 << 31, -1, -1));
    }

    #[test]
    fn extended_headers_say_more() {
        let long = "d/".repeat(150) + "file";
        let records = [
            record("path", long.as_bytes()),
            record("uid", b"4294967294"),
            record("mtime", b"-1.25"),
            record("size", b"3"),
            record("SCHILY.xattr.user.b", b"\0=\n1"),
            record("LIBARCHIVE.xattr.user.a%20", b"aGk"),
            record("LIBARCHIVE.xattr.user.b", b"aGk="),
            record("SCHILY.xattr.user.empty", b""),
        ]
        .concat();
        // The header itself says that there is nothing.
        let file = Raw::new(b"short", b'0', "abc").set(|block| {
            block[124..135].copy_from_slice(b"00000000000");
        });
        let bytes = archive(&[
            Raw::new(b"global", b'g', record("path", b"ignored")),
            Raw::new(b"x", b'x', records),
            file,
        ]);
        let (entry, content) = one(&bytes);
        assert_eq!(entry.path, long.as_bytes());
        assert_eq!(
            (entry.uid, entry.mtime, entry.mtime_nanoseconds),
            (4_294_967_294, -2, 750_000_000)
        );
        assert_eq!(content, b"abc");
        let xattrs: [(&[u8], &[u8]); 2] = [(b"user.a ", b"hi"), (b"user.b", b"\0=\n1")];
        let xattrs = xattrs.map(|(name, value)| (name.to_vec(), value.to_vec()));
        assert_eq!(entry.xattrs, xattrs);
    }

    #[test]
    fn gnu_writes_long_names_as_content() {
        let long = [b"n".repeat(300).as_slice(), b"\0"].concat();
        let bytes = archive(&[
            Raw::new(b"././@LongLink", b'L', long.clone()),
            Raw::new(b"././@LongLink", b'K', long.clone()),
            Raw::new(b"short", b'2', ""),
        ]);
        let (entry, _) = one(&bytes);
        assert_eq!((entry.path.len(), entry.link.len()), (300, 300));
        let endless = b"n".repeat(4097);
        let bytes = archive(&[Raw::new(b"l", b'L', endless), Raw::new(b"short", b'2', "")]);
        assert_eq!(code(&bytes), Code::Limit);
    }

    /// `aa` at 10, `bbb` at 600, and nothing behind that up to 1,000.
    fn sparse_content() -> Vec<u8> {
        let mut content = vec![0; 1000];
        content[10..12].copy_from_slice(b"aa");
        content[600..603].copy_from_slice(b"bbb");
        content
    }

    #[test]
    fn sparse_files_come_in_every_form_that_there_is() {
        let stated =
            |key: &str, value: &str| record(&format!("GNU.sparse.{key}"), value.as_bytes());
        let zero_zero = [
            stated("size", "1000"),
            stated("numblocks", "2"),
            stated("offset", "10"),
            stated("numbytes", "2"),
            stated("offset", "600"),
            stated("numbytes", "3"),
        ]
        .concat();
        let zero_one = [
            stated("size", "1000"),
            stated("numblocks", "2"),
            stated("map", "10,2,600,3"),
            stated("name", "name"),
        ]
        .concat();
        let one_zero = [
            stated("major", "1"),
            stated("minor", "0"),
            stated("realsize", "1000"),
            stated("name", "name"),
        ]
        .concat();
        let mut in_content = b"2\n10\n2\n600\n3\n".to_vec();
        in_content.resize(BLOCK, 0);
        in_content.extend_from_slice(b"aabbb");
        let old = Raw::new(b"name", b'S', "aabbb").set(|block| {
            block[257..265].copy_from_slice(b"ustar  \0");
            block[386..397].copy_from_slice(b"00000000012");
            block[398..409].copy_from_slice(b"00000000002");
            block[410..421].copy_from_slice(b"00000001130");
            block[422..433].copy_from_slice(b"00000000003");
            block[483..494].copy_from_slice(b"00000001750");
        });
        for archived in [
            archive(&[Raw::new(b"x", b'x', zero_zero), Raw::new(b"name", b'0', "aabbb")]),
            archive(&[Raw::new(b"x", b'x', zero_one), Raw::new(b"other", b'0', "aabbb")]),
            archive(&[Raw::new(b"x", b'x', one_zero.clone()), Raw::new(b"o", b'0', in_content)]),
            archive(&[old]),
        ] {
            let (entry, content) = one(&archived);
            assert_eq!((entry.path.as_slice(), entry.size, entry.stored), (&b"name"[..], 1000, 5));
            assert!(content == sparse_content());
            // Those who want only the data learn where it belongs.
            let call = Call::new(None);
            let mut entries = Entries::new(archived.as_slice(), Bounds::default());
            entries.next_entry(&call).expect("an entry").expect("an entry");
            let (mut pieces, mut buffer) = (Vec::new(), [0; 100]);
            while let Some((at, read)) = entries.read_data(&mut buffer, &call).expect("data") {
                pieces.push((at, buffer[..read].to_vec()));
            }
            assert_eq!(pieces, [(10, b"aa".to_vec()), (600, b"bbb".to_vec())]);
        }
        for map in ["10,2,11,3", "600,3,10,2", "10,2,999,3", "10,-2,600,3", "10,2"] {
            let records = [stated("size", "1000"), stated("numblocks", "2"), stated("map", map)];
            let bytes = [Raw::new(b"x", b'x', records.concat()), Raw::new(b"o", b'0', "aabbb")];
            assert_eq!(code(&archive(&bytes)), Code::InvalidManifest, "{map}");
        }
        let unknown = [stated("major", "2"), stated("minor", "0")].concat();
        let bytes = [Raw::new(b"x", b'x', unknown), Raw::new(b"o", b'0', "aabbb")];
        assert_eq!(code(&archive(&bytes)), Code::InvalidManifest);
        let endless: Vec<u8> = [b"999999\n".to_vec(), b"1\n".repeat(700_000)].concat();
        let bytes = [Raw::new(b"x", b'x', one_zero), Raw::new(b"o", b'0', endless)];
        assert_eq!(code(&archive(&bytes)), Code::InvalidManifest);
    }

    #[test]
    fn an_archive_may_lack_its_end_but_not_a_part_of_an_entry() {
        let whole = archive(&[Raw::new(b"a", b'0', "12345"), Raw::new(b"b", b'0', "")]);
        let entries = 3 * BLOCK;
        assert_eq!(whole.len(), 5 * BLOCK);
        for length in 0..whole.len() {
            let read = all(&whole[..length]);
            // A block of zeros may be missing, but not a part of one. Nor need the last block of content be full.
            let fine =
                length % BLOCK == 0 && length != BLOCK || (BLOCK + 5..2 * BLOCK).contains(&length);
            assert_eq!(read.is_ok(), fine, "{length}: {read:?}");
            if length >= entries && fine {
                assert_eq!(read.expect("entries").len(), 2);
            }
        }
        let mut more = whole.clone();
        more.extend_from_slice(b"whatever follows is of no concern");
        assert_eq!(all(&more).expect("entries").len(), 2);
        // One block of zeros within is no end.
        let within = [&Raw::new(b"a", b'0', "").bytes()[..], &[0; BLOCK], &whole].concat();
        assert_eq!(code(&within), Code::InvalidManifest);
        // Nor does an archive end with a header about an entry that never comes.
        let dangling = archive(&[Raw::new(b"x", b'x', record("path", b"p"))]);
        assert_eq!(code(&dangling), Code::InvalidManifest);
    }

    #[test]
    fn a_damaged_header_is_an_error() {
        let whole = archive(&[Raw::new(b"a", b'0', "12345")]);
        // What follows the end of the checksum is of no concern.
        for at in (0..BLOCK).filter(|at| *at != 155) {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x15;
            assert!(all(&damaged).is_err(), "{at}");
        }
        // Some archives sum signed bytes.
        let mut signed = Raw::new(b"\xff", b'0', "").bytes();
        let sum: i32 = signed[..BLOCK]
            .iter()
            .enumerate()
            .map(|(at, byte)| match at {
                148..156 => 32,
                _ => i32::from(byte.cast_signed()),
            })
            .sum();
        signed[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        assert_eq!(one(&signed).0.path, b"\xff");
    }

    #[test]
    fn what_is_kept_of_an_archive_is_bounded() {
        let huge = record("comment", &vec![b'x'; 1 << 20]);
        let bytes = archive(&[Raw::new(b"x", b'x', huge), Raw::new(b"a", b'0', "")]);
        assert_eq!(code(&bytes), Code::Limit);
        // A header that states a gigabyte is refused before a byte of it has come.
        let mut stated = Raw::new(b"x", b'x', "")
            .set(|block| {
                block[124..135].copy_from_slice(b"10000000000");
            })
            .bytes();
        stated.resize(2 * BLOCK, 0);
        assert_eq!(code(&stated), Code::Limit);
        let about = || Raw::new(b"x", b'x', record("comment", b"x"));
        let many: Vec<Raw> = std::iter::repeat_with(about).take(17).collect();
        assert_eq!(code(&archive(&many)), Code::InvalidManifest);
        let call = Call::new(None);
        let bytes = archive(&[Raw::new(b"a", b'0', ""), Raw::new(b"b", b'0', "")]);
        let bounds = Bounds { entries: 1, ..Bounds::default() };
        let mut entries = Entries::new(bytes.as_slice(), bounds);
        entries.next_entry(&call).expect("the first");
        assert_eq!(entries.next_entry(&call).expect_err("the second").code(), Code::Limit);
    }
}
