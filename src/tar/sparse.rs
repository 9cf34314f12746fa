//! Sparse files: which parts of a file an archive stores. What is between them reads as zeros.

use super::header::{BLOCK, Block, MAX_METADATA, Malformed, decimal, number};

/// A part of a file that is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) start: u64,
    pub(super) end: u64,
}

/// The parts of a file of this size, in order. They may touch, but not overlap.
pub(super) fn pieces(map: &[(i64, i64)], size: i64) -> Result<Vec<Piece>, Malformed> {
    let size = u64::try_from(size).map_err(|_| Malformed("a sparse file has a negative size"))?;
    let mut pieces = Vec::with_capacity(map.len());
    let mut before = 0;
    for (offset, length) in map {
        let piece = u64::try_from(*offset).ok().zip(u64::try_from(*length).ok());
        // Neither has the highest bit: no overflow.
        let piece = piece.map(|(start, length)| Piece { start, end: start + length });
        match piece {
            Some(piece) if piece.start >= before && piece.end <= size => {
                before = piece.end;
                pieces.push(piece);
            }
            _ => return Err(Malformed("the map of a sparse file is out of order")),
        }
    }
    Ok(pieces)
}

/// A map as GNU tar wrote it first: in the header itself, and in as many blocks behind it as it takes.
#[derive(Debug, Default)]
pub(super) struct OldMap {
    pub(super) map: Vec<(i64, i64)>,
    blocks: u64,
}

impl OldMap {
    /// Begins with the header; whether a block follows.
    pub(super) fn header(&mut self, header: &Block) -> Result<bool, Malformed> {
        self.add(&header[386..482])?;
        Ok(header[482] != 0)
    }

    /// A block that follows; whether another one does.
    pub(super) fn block(&mut self, block: &Block) -> Result<bool, Malformed> {
        self.blocks += 1;
        if self.blocks * BLOCK as u64 > MAX_METADATA {
            return Err(TOO_LONG);
        }
        self.add(&block[..504])?;
        Ok(block[504] != 0)
    }

    fn add(&mut self, places: &[u8]) -> Result<(), Malformed> {
        for place in places.chunks_exact(24).take_while(|place| place[0] != 0) {
            self.map.push((number(&place[..12])?, number(&place[12..])?));
        }
        Ok(())
    }
}

/// A map at the beginning of the content, in whole blocks: lines of numbers, of which the first is how many pairs follow.
#[derive(Debug, Default)]
pub(super) struct MapInContent {
    /// A line whose end is still to come.
    line: Vec<u8>,
    numbers: Vec<i64>,
    left: Option<u64>,
    blocks: u64,
}

impl MapInContent {
    /// Takes the next block; the map, if it ends there.
    pub(super) fn block(&mut self, block: &Block) -> Result<Option<Vec<(i64, i64)>>, Malformed> {
        self.blocks += 1;
        if self.blocks * BLOCK as u64 > MAX_METADATA {
            return Err(TOO_LONG);
        }
        for byte in block {
            if *byte != b'\n' {
                self.line.push(*byte);
                continue;
            }
            let value = decimal(&self.line)?;
            self.line.clear();
            let left = match self.left {
                None => u64::try_from(value)
                    .ok()
                    .and_then(|pairs| pairs.checked_mul(2))
                    .ok_or(Malformed("the map of a sparse file has a negative length"))?,
                Some(left) => {
                    self.numbers.push(value);
                    left - 1
                }
            };
            self.left = Some(left);
            if left == 0 {
                let pairs = self.numbers.chunks_exact(2).map(|pair| (pair[0], pair[1]));
                return Ok(Some(pairs.collect()));
            }
        }
        Ok(None)
    }
}

const TOO_LONG: Malformed = Malformed("the map of a sparse file is larger than 1 MiB");
