//! What decompresses layers: formats, members and frames, damage, limits.

use std::io::{self, Read, Write};

use flate2::write::GzEncoder;
use flate2::{Compression, GzBuilder};

use ocireg::call::Call;
use ocireg::compress::{Decoder, DiffId, Format};
use ocireg::error::{Code, Error, Result};
use ocireg::image::BlobRead;
use ocireg::names::digest::{Algorithm, Digest};

/// What a frame of zstd begins with.
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("a vector takes all");
    encoder.finish().expect("a vector takes all")
}

pub fn zstd(bytes: &[u8]) -> Vec<u8> {
    let mut frame = vec![0; zstd_safe::compress_bound(bytes.len())];
    let size = zstd_safe::compress(&mut frame[..], bytes, 3).expect("room for the worst case");
    frame.truncate(size);
    frame
}

/// A frame without compression: its window is a byte of the header (RFC 8878, section 3.1.1.1.2).
pub fn zstd_with_window(exponent: u8, content: &[u8]) -> Vec<u8> {
    let mut frame = ZSTD.to_vec();
    frame.extend([0, exponent << 3]);
    let size = u32::try_from(content.len()).expect("small");
    frame.extend(&(size << 3 | 1).to_le_bytes()[..3]);
    frame.extend(content);
    frame
}

pub fn skippable(content: &[u8]) -> Vec<u8> {
    let size = u32::try_from(content.len()).expect("small");
    [&[0x53, 0x2a, 0x4d, 0x18][..], &size.to_le_bytes(), content].concat()
}

/// Something that compresses, but not to nothing.
pub fn sample(size: usize) -> Vec<u8> {
    let mut state = 7_u32;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 28) as u8
    };
    std::iter::repeat_with(next).take(size).collect()
}

/// What the decoder said.
fn failure(error: io::Error) -> Error {
    error.downcast().expect("an error of the library")
}

/// Gives so many bytes at a time.
struct Pieces<'a>(&'a [u8], usize);

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = buffer.len().min(self.1);
        Read::read(&mut self.0, &mut buffer[..most])
    }
}

/// In every way that there is; all must agree.
fn decode(bytes: &[u8]) -> Result<Vec<u8>> {
    let call = Call::new(None);
    let mut whole = Vec::new();
    let read = Decoder::new(bytes).read_to_end(&mut whole);
    let whole = read.map(|_| whole).map_err(failure);
    for (piece, room) in [(1, 1 << 16), (3, 7), (1 << 16, 1)] {
        let (mut all, mut buffer) = (Vec::new(), vec![0; room]);
        let mut decoder = Decoder::new(Pieces(bytes, piece));
        let outcome = loop {
            match Read::read(&mut decoder, &mut buffer) {
                Ok(0) => break Ok(all),
                Ok(count) => all.extend_from_slice(&buffer[..count]),
                Err(error) => break Err(failure(error)),
            }
        };
        match (&whole, &outcome) {
            (Ok(whole), Ok(all)) => assert!(whole == all, "pieces of {piece}, room for {room}"),
            (Err(one), Err(other)) => assert_eq!(one.to_string(), other.to_string()),
            _ => panic!("{whole:?} and {outcome:?}"),
        }
    }
    let mut diff_id = DiffId::new(Algorithm::Sha256);
    let mut seen = Vec::new();
    let mut look = |bytes: &[u8]| seen.extend_from_slice(bytes);
    let passed = bytes
        .chunks(1000)
        .try_for_each(|piece| diff_id.update(piece, &mut look, &call))
        .and_then(|()| diff_id.finish(&mut look, &call));
    match (&whole, passed) {
        (Ok(whole), Ok(digest)) => {
            assert_eq!(Digest::of(Algorithm::Sha256, whole), digest);
            assert!(*whole == seen);
        }
        (Err(one), Err(other)) => assert_eq!(one.to_string(), other.to_string()),
        (whole, passed) => panic!("{whole:?} and {passed:?}"),
    }
    whole
}

#[track_caller]
fn assert_refused(bytes: &[u8], code: Code, why: &str) {
    let error = decode(bytes).expect_err("data that is damaged");
    assert_eq!(error.code(), code, "{error}");
    assert!(error.to_string().contains(why), "{error}");
    assert_eq!(error.details().what, Some("layer"), "{error}");
}

#[test]
fn content_tells_how_it_is_compressed() {
    let plain = sample(200_000);
    let many = |compress: fn(&[u8]) -> Vec<u8>| plain.chunks(70_000).flat_map(compress).collect();
    for (name, bytes) in [
        ("plain", plain.clone()),
        ("gzip", gzip(&plain)),
        ("members", many(gzip)),
        ("empty members", [gzip(b""), many(gzip), gzip(b"")].concat()),
        ("zeros after gzip", [gzip(&plain), vec![0; 10_000]].concat()),
        ("zstd", zstd(&plain)),
        ("frames", many(zstd)),
        ("skippable frames", [skippable(b""), many(zstd), skippable(&[9; 5000])].concat()),
    ] {
        assert!(decode(&bytes).unwrap_or_else(|e| panic!("{name}: {e}")) == plain, "{name}");
    }
}

#[test]
fn short_and_odd_content_is_plain() {
    for plain in [
        &b""[..],
        b"a",
        b"\x1f",
        b"\x1f\x8b",
        b"\x1f\x8b\x07aaaaaaaaa",
        b"\x28\xb5\x2f",
        b"P*M",
        b"BZh9 is a name.txt",
    ] {
        assert_eq!(decode(plain).expect("plain"), plain);
    }
    for nothing in [gzip(b""), zstd(b""), skippable(b"abc")] {
        assert_eq!(decode(&nothing).expect("nothing"), b"");
    }
}

#[test]
fn gzip_headers_may_have_every_field() {
    let content = sample(5000);
    for flags in 0..8 {
        let mut builder = GzBuilder::new();
        if flags & 1 != 0 {
            builder = builder.filename("layer.tar");
        }
        if flags & 2 != 0 {
            builder = builder.comment("made by hand");
        }
        if flags & 4 != 0 {
            builder = builder.extra(vec![3; 300]);
        }
        let mut encoder = builder.write(Vec::new(), Compression::fast());
        encoder.write_all(&content).expect("a vector");
        let member = encoder.finish().expect("a vector");
        assert_eq!(decode(&[&member[..], &member].concat()).expect("whole"), content.repeat(2));
    }
    // With a checksum of the header, and with a field that is there and empty.
    let plain = gzip(&content);
    let mut header = [&plain[..3], &[EXTRA_AND_CRC], &plain[4..10], &[0, 0]].concat();
    let mut crc = flate2::Crc::new();
    crc.update(&header);
    header.extend(&crc.sum().to_le_bytes()[..2]);
    let mut member = [header, plain[10..].to_vec()].concat();
    assert_eq!(decode(&member).expect("whole"), content);
    member[12] ^= 1;
    assert_refused(&member, Code::InvalidManifest, "checksum of a header");
    let mut unknown = plain;
    unknown[3] = 0x20;
    assert_refused(&unknown, Code::InvalidManifest, "unknown flags");
}

const EXTRA_AND_CRC: u8 = 1 << 2 | 1 << 1;

#[test]
fn truncated_data_is_refused_at_every_length() {
    let content = sample(300);
    for whole in [gzip(&content), zstd(&content)] {
        for length in 3..whole.len() {
            // So short that it could be anything.
            if length < 4 && whole.starts_with(&ZSTD) {
                continue;
            }
            assert_refused(&whole[..length], Code::InvalidManifest, "it ends too early");
            let second = [&whole[..], &whole[..length]].concat();
            assert_refused(&second, Code::InvalidManifest, "it ends too early");
        }
    }
}

#[test]
fn what_follows_the_data_is_refused() {
    let (gz, zst) = (gzip(b"abc"), zstd(b"abc"));
    for garbage in [&b"x"[..], b"\x1f\x8c", b"\0\0\0x", b"garbage that is longer"] {
        let bytes = [&gz[..], garbage].concat();
        assert_refused(&bytes, Code::InvalidManifest, "followed by other data");
    }
    for garbage in [&b"xxxxxxxx"[..], &[0; 512]] {
        let bytes = [&zst[..], garbage].concat();
        assert_refused(&bytes, Code::InvalidManifest, "cannot decompress the zstd data");
    }
    // The formats do not mix.
    assert_refused(&[&gz[..], &zst].concat(), Code::InvalidManifest, "followed by other data");
    assert_refused(&[&zst[..], &gz].concat(), Code::InvalidManifest, "cannot decompress");
    // A member after zeros is not one that others would read.
    assert_refused(&[&gz[..], &[0; 3], &gz].concat(), Code::InvalidManifest, "other data");
}

#[test]
fn checksums_are_judged() {
    let whole = gzip(&sample(5000));
    for (from_end, why) in [(8, "its checksum is wrong"), (1, "its size is wrong")] {
        let mut wrong = whole.clone();
        let at = wrong.len() - from_end;
        wrong[at] ^= 0x40;
        assert_refused(&wrong, Code::InvalidManifest, why);
    }
}

#[test]
fn other_formats_are_named() {
    for (magic, name) in [(&b"BZh91AY&SY123"[..], "bzip2"), (b"\xfd7zXZ\0\0\x04", "xz")] {
        assert_refused(magic, Code::Unsupported, name);
    }
}

#[test]
fn windows_of_zstd_are_bounded() {
    // The window is 2 to the power of 10 and the exponent.
    for exponent in [0, 13, 17] {
        let frame = zstd_with_window(exponent, b"content");
        assert_eq!(decode(&frame).expect("at most 128 MiB"), b"content");
    }
    for exponent in [18, 21, 31] {
        let frame = zstd_with_window(exponent, b"content");
        assert_refused(&frame, Code::Limit, "window is larger than 128 MiB");
    }
}

#[test]
fn more_than_the_limit_is_refused() {
    let zeros = vec![0; 1 << 20];
    for bytes in [gzip(&zeros), zstd(&zeros)] {
        for (limit, fits) in [(1 << 20, true), ((1 << 20) - 1, false), (0, false)] {
            let mut decoder = Decoder::limited(&bytes[..], limit);
            let outcome = io::copy(&mut decoder, &mut io::sink());
            match outcome {
                Ok(count) => assert!(fits && count == 1 << 20),
                Err(error) => {
                    let error = failure(error);
                    assert!(!fits && error.code() == Code::Limit, "{error}");
                    // It does not go on after that.
                    let again = Read::read(&mut decoder, &mut [0; 10]).expect_err("as before");
                    assert_eq!(failure(again).code(), Code::Limit);
                }
            }
        }
    }
    // Plain data does not grow.
    assert_eq!(io::copy(&mut Decoder::limited(&zeros[..], 1), &mut io::sink()).ok(), Some(1 << 20));
}

#[test]
fn a_million_members_take_little_time() {
    let members = gzip(b"x").repeat(1_000_000);
    let start = std::time::Instant::now();
    let mut decoder = Decoder::new(&members[..]);
    assert_eq!(io::copy(&mut decoder, &mut io::sink()).expect("whole"), 1_000_000);
    assert!(start.elapsed().as_secs() < 60, "{:?}", start.elapsed());
}

#[test]
fn failures_of_the_reader_below_are_its_own() {
    struct Failing(usize);
    impl BlobRead for Failing {
        fn read(&mut self, buffer: &mut [u8], _call: &Call) -> Result<usize> {
            self.0 += 1;
            match self.0 {
                1 => {
                    buffer[..5].copy_from_slice(&gzip(b"abc")[..5]);
                    Ok(5)
                }
                2 => Err(Error::new(Code::Deadline, "later")),
                3 => {
                    let rest = &gzip(b"abc")[5..];
                    buffer[..rest.len()].copy_from_slice(rest);
                    Ok(rest.len())
                }
                _ => Ok(0),
            }
        }
    }
    let (call, mut buffer) = (Call::new(None), [0; 100]);
    let mut decoder = Decoder::new(Failing(0));
    let error = decoder.read(&mut buffer, &call).expect_err("the second read");
    assert_eq!(error.code(), Code::Deadline);
    assert_eq!(decoder.read(&mut buffer, &call).expect("goes on"), 3);
    assert_eq!(decoder.read(&mut buffer, &call).expect("the end"), 0);
    assert_eq!(decoder.format(), Some(Format::Gzip));
}
