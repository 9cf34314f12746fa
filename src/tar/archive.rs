//! The reader that serves the checksums of v1 layers.

use std::io::{ErrorKind, Read};

use super::header::{
    BLOCK, Block, CUT, Entry, Format, MAX_METADATA, Malformed, has_no_content, number,
    parse_header, until_nul,
};
use super::records::{Records, Sparse};
use super::sparse::{MapInContent, OldMap, Piece, pieces};
use crate::call::Call;
use crate::error::{Error, Result};

/// The time of an entry that has none: the first of January of the year 1, in seconds before 1970.
const NO_TIME: i64 = -62_135_596_800;

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

impl Content {
    fn plain(size: u64) -> Self {
        let pieces = if size > 0 { vec![Piece { start: 0, end: size }] } else { Vec::new() };
        Self { stored: size, size, offset: 0, pieces }
    }
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
            let mut entry = parse_header(&block).map_err(unreadable)?;
            self.expect_content(&entry)?;
            match entry.typeflag {
                b'x' => records = Records::parse(&self.metadata()?).map_err(unreadable)?,
                b'g' => {
                    // Also an entry of its own. What it says of other entries is not applied to them.
                    let records = Records::parse(&self.metadata()?).map_err(unreadable)?;
                    let name = records.value("path").map_or(entry.name, <[u8]>::to_vec);
                    let (typeflag, mtime) = (entry.typeflag, NO_TIME);
                    return Ok(Some(Entry { name, typeflag, mtime, ..Entry::default() }));
                }
                b'L' => long_name = until_nul(&self.metadata()?).to_vec(),
                b'K' => long_link = until_nul(&self.metadata()?).to_vec(),
                _ => {
                    records.apply(&mut entry).map_err(unreadable)?;
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
        let size = if has_no_content(entry.typeflag) { 0 } else { entry.size };
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
                    records.apply_sparse(entry).map_err(unreadable)?;
                    Some(match version {
                        Sparse::InRecords => records.sparse_map().map_err(unreadable)?,
                        Sparse::InContent => self.map_in_content()?,
                    })
                }
                None => None,
            }
        };
        let Some(map) = map else { return Ok(()) };
        if has_no_content(entry.typeflag) {
            return Err(malformed("a sparse entry is not a regular file"));
        }
        let mut pieces = pieces(&map, entry.size).map_err(unreadable)?;
        pieces.reverse();
        let size = entry.size.unsigned_abs();
        self.content = Content { size, pieces, offset: 0, ..self.content };
        Ok(())
    }

    fn old_gnu_map(&mut self, entry: &mut Entry, header: Block) -> Result<Vec<(i64, i64)>> {
        if Format::of(&header) != Format::Gnu {
            return Err(malformed("a sparse file has an unknown format"));
        }
        entry.size = number(&header[483..495]).map_err(unreadable)?;
        let mut map = OldMap::default();
        let mut more = map.header(&header).map_err(unreadable)?;
        while more {
            more = map.block(&self.block()?.ok_or_else(cut)?).map_err(unreadable)?;
        }
        Ok(map.map)
    }

    fn map_in_content(&mut self) -> Result<Vec<(i64, i64)>> {
        let mut map = MapInContent::default();
        loop {
            let mut block = [0; BLOCK];
            let mut filled = 0;
            while filled < BLOCK {
                match self.read(&mut block[filled..])? {
                    0 => return Err(cut()),
                    read => filled += read,
                }
            }
            if let Some(map) = map.block(&block).map_err(unreadable)? {
                return Ok(map);
            }
        }
    }
}

fn unreadable(why: Malformed) -> Error {
    malformed(why.0)
}

fn malformed(why: &str) -> Error {
    Error::argument("data", format!("cannot read the tar archive: {why}"))
        .hint("a v1 layer must be an uncompressed tar archive")
}

fn cut() -> Error {
    unreadable(CUT)
}
