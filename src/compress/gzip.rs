//! The gzip format: members one after another, of which each has a header, deflated data, and a trailer to check it by.

use flate2::{Crc, Decompress, FlushDecompress, Status};

use super::{Step, damaged};
use crate::error::{Error, Result};

/// What gzip data begins with: two bytes for the format, one for deflate.
pub(super) const MAGIC: [u8; 3] = [0x1f, 0x8b, 8];

/// A header begins with the magic bytes, flags, a time and two bytes that say how it was made.
const FIXED: usize = 10;

/// The flags of a header: which fields come after the fixed ones.
const HEADER_CRC: u8 = 1 << 1;
const EXTRA: u8 = 1 << 2;
const NAME: u8 = 1 << 3;
const COMMENT: u8 = 1 << 4;
const RESERVED: u8 = 0b1110_0000;

pub(super) struct Gzip {
    inflate: Decompress,
    at: At,
    /// Bytes of fields that are read whole.
    field: Vec<u8>,
    flags: u8,
    header: Crc,
    content: Crc,
}

/// Where in a member the stream is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    /// Before a member, where the stream may end if there was one.
    Start,
    Fixed,
    ExtraLength,
    Extra(u16),
    Name,
    Comment,
    HeaderCrc,
    Data,
    Trailer,
    /// After the last member: tapes and some tools fill the last block with zeros.
    Padding,
}

impl Gzip {
    pub(super) fn new() -> Self {
        Self {
            inflate: Decompress::new(false),
            at: At::Fixed,
            field: Vec::with_capacity(FIXED),
            flags: 0,
            header: Crc::new(),
            content: Crc::new(),
        }
    }

    /// Takes some input and gives some output, as far as it comes with either.
    pub(super) fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step> {
        let mut taken = 0;
        loop {
            let rest = &input[taken..];
            if self.at == At::Data {
                let (read, given) = self.inflate(rest, output)?;
                taken += read;
                if given > 0 || self.at == At::Data {
                    return Ok(Step { taken, given });
                }
                continue;
            }
            if rest.is_empty() {
                return Ok(Step { taken, given: 0 });
            }
            taken += self.frame(rest)?;
        }
    }

    /// Whether the stream may end here.
    pub(super) fn end(&self) -> Result<()> {
        match self.at {
            At::Start | At::Padding => Ok(()),
            _ => Err(wrong("it ends too early")),
        }
    }

    fn inflate(&mut self, input: &[u8], output: &mut [u8]) -> Result<(usize, usize)> {
        let (read, given) = (self.inflate.total_in(), self.inflate.total_out());
        let status = self
            .inflate
            .decompress(input, output, FlushDecompress::None)
            .map_err(|e| wrong(e.message().unwrap_or("it is damaged")))?;
        let count = |now: u64, before: u64| usize::try_from(now - before).unwrap_or(usize::MAX);
        let read = count(self.inflate.total_in(), read);
        let given = count(self.inflate.total_out(), given);
        self.content.update(&output[..given]);
        if status == Status::StreamEnd {
            self.go(At::Trailer);
        }
        Ok((read, given))
    }

    /// Reads some of what is around the data: at least one byte.
    fn frame(&mut self, input: &[u8]) -> Result<usize> {
        let (at, taken) = (self.at, self.part(input)?);
        if matches!(at, At::Fixed | At::ExtraLength | At::Extra(_) | At::Name | At::Comment) {
            self.header.update(&input[..taken]);
        }
        Ok(taken)
    }

    fn part(&mut self, input: &[u8]) -> Result<usize> {
        match self.at {
            At::Start if input[0] == 0 => {
                self.go(At::Padding);
                Ok(0)
            }
            At::Start => {
                self.inflate.reset(false);
                self.header.reset();
                self.content.reset();
                self.go(At::Fixed);
                Ok(0)
            }
            At::Fixed => self.fixed(input),
            At::ExtraLength => {
                let taken = self.collect(input, 2);
                if let [low, high] = self.field[..] {
                    let length = u16::from_le_bytes([low, high]);
                    self.go(if length == 0 { self.after(EXTRA) } else { At::Extra(length) });
                }
                Ok(taken)
            }
            At::Extra(left) => {
                let taken = input.len().min(usize::from(left));
                let left = left - u16::try_from(taken).unwrap_or(left);
                self.go(if left == 0 { self.after(EXTRA) } else { At::Extra(left) });
                Ok(taken)
            }
            At::Name => Ok(self.skip_text(input, NAME)),
            At::Comment => Ok(self.skip_text(input, COMMENT)),
            At::HeaderCrc => {
                let taken = self.collect(input, 2);
                if let [low, high] = self.field[..] {
                    if u32::from(u16::from_le_bytes([low, high])) != self.header.sum() & 0xffff {
                        return Err(wrong("the checksum of a header is wrong"));
                    }
                    self.go(At::Data);
                }
                Ok(taken)
            }
            At::Trailer => self.trailer(input),
            At::Padding if input.iter().any(|byte| *byte != 0) => {
                Err(wrong("it is followed by other data"))
            }
            At::Padding => Ok(input.len()),
            At::Data => Ok(0),
        }
    }

    /// The part of a header that every member has.
    fn fixed(&mut self, input: &[u8]) -> Result<usize> {
        let taken = self.collect(input, FIXED);
        let known = self.field.len().min(MAGIC.len());
        if self.field[..known] != MAGIC[..known] {
            return Err(wrong("it is followed by other data"));
        }
        if self.field.len() == FIXED {
            self.flags = self.field[3];
            if self.flags & RESERVED != 0 {
                return Err(wrong("a header has unknown flags"));
            }
            self.go(self.after(0));
        }
        Ok(taken)
    }

    /// The checksum and the size after the data of a member.
    fn trailer(&mut self, input: &[u8]) -> Result<usize> {
        let taken = self.collect(input, 8);
        if let [a, b, c, d, e, f, g, h] = self.field[..] {
            if u32::from_le_bytes([a, b, c, d]) != self.content.sum() {
                return Err(wrong("its checksum is wrong"));
            }
            if u32::from_le_bytes([e, f, g, h]) != self.content.amount() {
                return Err(wrong("its size is wrong"));
            }
            self.go(At::Start);
        }
        Ok(taken)
    }

    fn go(&mut self, to: At) {
        self.field.clear();
        self.at = to;
    }

    /// What comes after a field of the header, or after the fixed ones: the next one that the flags tell of.
    fn after(&self, field: u8) -> At {
        let later = [(EXTRA, At::ExtraLength), (NAME, At::Name), (COMMENT, At::Comment)];
        later.into_iter().find(|(flag, _)| *flag > field && self.flags & flag != 0).map_or(
            if self.flags & HEADER_CRC != 0 { At::HeaderCrc } else { At::Data },
            |(_, at)| at,
        )
    }

    /// Takes what is missing of a field.
    fn collect(&mut self, input: &[u8], size: usize) -> usize {
        let taken = input.len().min(size - self.field.len());
        self.field.extend_from_slice(&input[..taken]);
        taken
    }

    /// Takes a field that ends in NUL.
    fn skip_text(&mut self, input: &[u8], field: u8) -> usize {
        match input.iter().position(|byte| *byte == 0) {
            Some(end) => {
                self.go(self.after(field));
                end + 1
            }
            None => input.len(),
        }
    }
}

fn wrong(why: &str) -> Error {
    damaged("gzip", why)
}
