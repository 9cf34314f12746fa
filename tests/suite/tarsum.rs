//! Tarsums beyond the vectors: sparse files, numbers that are not octal, extended headers, and archives that are none.
//!
//! The fixed values are those of Go's archive/tar, read as the registry package reads it.

use std::io::Read;
use std::os::unix::fs::FileExt;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use ocireg::call::{Call, Context};
use ocireg::error::{Code, Result};
use ocireg::names::digest::{Algorithm, Digest};

fn sum(archive: impl Read) -> Result<String> {
    ocireg::v1::tarsum::tarsum(archive, b"{}", &Call::new(None))
}

/// A header of one block with a valid checksum.
fn header(name: &[u8], typeflag: u8, size: u64, change: impl Fn(&mut [u8; 512])) -> Vec<u8> {
    let mut block = [0; 512];
    block[..name.len()].copy_from_slice(name);
    block[100..107].copy_from_slice(b"0000644");
    block[124..135].copy_from_slice(format!("{size:011o}").as_bytes());
    block[156] = typeflag;
    block[257..265].copy_from_slice(b"ustar\x0000");
    change(&mut block);
    block[148..156].fill(b' ');
    let sum: u32 = block.iter().map(|b| u32::from(*b)).sum();
    block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    block.to_vec()
}

fn padded(content: &[u8]) -> Vec<u8> {
    let mut padded = content.to_vec();
    padded.resize(content.len().next_multiple_of(512), 0);
    padded
}

fn entry(name: &str, typeflag: u8, content: &[u8]) -> Vec<u8> {
    [header(name.as_bytes(), typeflag, content.len() as u64, |_| {}), padded(content)].concat()
}

fn pax(typeflag: u8, records: &[(&str, &str)]) -> Vec<u8> {
    let mut text = String::new();
    for (key, value) in records {
        let rest = key.len() + value.len() + 3;
        let length = (rest + 1..).find(|n| *n == rest + n.to_string().len()).expect("a length");
        text += &format!("{length} {key}={value}\n");
    }
    entry("pax", typeflag, text.as_bytes())
}

fn gnu(block: &mut [u8; 512]) {
    block[257..265].copy_from_slice(b"ustar  \0");
}

/// The map of an old sparse file: places for the first pieces, from `at` on.
fn put_map(block: &mut [u8], at: usize, pieces: &[(u64, u64)]) {
    for (number, (offset, length)) in pieces.iter().enumerate() {
        let text = format!("{offset:011o}\0{length:011o}\0");
        block[at + 24 * number..at + 24 * (number + 1)].copy_from_slice(text.as_bytes());
    }
}

/// A sparse file in the old GNU format, `pieces` of 512 bytes each at these offsets.
fn old_sparse(size: u64, offsets: &[u64]) -> Vec<u8> {
    let pieces: Vec<_> = offsets.iter().map(|offset| (*offset, 512)).collect();
    let (first, rest) = pieces.split_at(pieces.len().min(4));
    let mut archive = header(b"sparse", b'S', 512 * pieces.len() as u64, |block| {
        gnu(block);
        put_map(block, 386, first);
        block[482] = u8::from(!rest.is_empty());
        let size = [&[0x80, 0, 0, 0][..], &size.to_be_bytes()].concat();
        block[483..495].copy_from_slice(&size);
    });
    let mut maps = rest.chunks(21).peekable();
    while let Some(pieces) = maps.next() {
        let mut block = [0; 512];
        put_map(&mut block, 0, pieces);
        block[504] = u8::from(maps.peek().is_some());
        archive.extend_from_slice(&block);
    }
    for number in 0..pieces.len() {
        archive.extend(vec![u8::try_from(number % 251).expect("small") + 1; 512]);
    }
    archive
}

#[test]
fn unusual_archives() {
    let five = 5 << 30;
    let many: Vec<u64> = (0..60).map(|n| n * 3000).collect();
    let record =
        |key, value| [pax(b'x', &[(key, value)]), entry("file", b'0', b"content")].concat();
    let repeated = ["a", "b", "./a", "c", "a/../b", "d", "/a"]
        .map(|name| entry(name, b'0', name.repeat(3).as_bytes()))
        .concat();
    let numbers = |at: usize, field: &'static [u8]| {
        header(b"n", b'3', 0, move |block| block[at..at + field.len()].copy_from_slice(field))
    };
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        (
            "a sparse file of the old format",
            old_sparse(1 << 20, &[0, 4096, 65536]),
            "8bdb3af8eba36deef58566b5204fac1edf4ac5dc60770fb1c2da74570cada4b0",
        ),
        (
            "with a map in more blocks",
            old_sparse(1 << 20, &many),
            "06f61210811821e4e58aac50c7d95633e92f860ccaa7fc410e8567ccf4c50d7b",
        ),
        (
            "of five gibibytes",
            old_sparse(five, &[(4 << 30) + 7, five - 512]),
            "2704f321f5bb8814a6c79d60b0935c0924929402a58f62d0a180d32c4665f725",
        ),
        (
            "without any data",
            old_sparse(12345, &[]),
            "11c1702cd3514f396642c76646d569a4cc54e4f169bd638db98495fb64ddb7cc",
        ),
        (
            "names that are repeated",
            repeated,
            "6ab5e48ff77b4fbb73103df99c2c01aa714e1c72b57c5f02c1264c0dfdbf8048",
        ),
        (
            "no typeflag",
            [entry("d/", 0, b""), entry("f", 0, b"1")].concat(),
            "35398de4e15bf3a232eed0166c99226eca4d3b1ccb4de37cf9db8e54ae9fe79e",
        ),
        (
            "a global header",
            [pax(b'g', &[("comment", "x")]), entry("f", b'0', b"1")].concat(),
            "047409ed3917a2a00fbc16b4019faf6a8153757b41318f14fae9fbd53f9d526c",
        ),
        (
            "a global path",
            [pax(b'g', &[("path", "y")]), entry("f", b'0', b"1")].concat(),
            "7f8a35508e1b9dcbabbc59c28894b8814c9974a05b45e2dcda1b38d959be7339",
        ),
        (
            "a time before 1970",
            record("mtime", "-1.5"),
            "94214ba15e8747475fe208de78722504e349e0985a4bf765477066f8b8ebc3d1",
        ),
        (
            "a time with a fraction",
            record("mtime", "1700000000.999999999"),
            "580d0dd6bbaa5b0dbe28b23cebbeb6ab0987353d45a4dbf1a4cb47aeffdc48c7",
        ),
        (
            "a large user",
            record("uid", "4294967296"),
            "e8a2eb942f61f037b23774083c00eddad48f789990aedb7c0d48036aff2faefa",
        ),
        (
            "an empty record",
            record("path", ""),
            "1363c040ef3a3cfe5becf9bd68a1e404ab0c548c8363527e13b7b8037a20c10c",
        ),
        (
            "a binary user",
            numbers(108, b"\x80\0\0\0\x01\0\0\0"),
            "6b3b48eb75de20c995e5bbe9eff9d3f8c41d9c2a4b880f68b9061417170a52e1",
        ),
        (
            "a negative user",
            numbers(108, b"\xff\xff\xff\xff\xff\xff\xff\xfe"),
            "695f92b50c8ef84e15d05ba5c3c7e2943a30e5107ffcdc052178ca07bb55493d",
        ),
        (
            "a number between spaces",
            numbers(108, b"  17 \0\0\0"),
            "73743fbe421493a6e457b723fa2717e269ed62ccc1c965c7dc9b1d2c4d61bdac",
        ),
        (
            "a prefix",
            numbers(345, b"in/here"),
            "16745e9739d3578340b837e9beebc490ce08a42d5d7b3b3bc79d41310d9df5bb",
        ),
        (
            "long names of GNU",
            [
                entry("././@LongLink", b'L', format!("{}\0", "n".repeat(300)).as_bytes()),
                entry("././@LongLink", b'K', format!("{}\0", "l".repeat(300)).as_bytes()),
                header(b"short", b'2', 0, gnu),
            ]
            .concat(),
            "4412d40fa916c3883df2ecf1cc3c55508e324460d1e41e6debdea06b5e4e0d8c",
        ),
        (
            "Unix version 7",
            header(b"old", b'0', 0, |block| block[257..265].fill(0)),
            "b573bc49d0a65bc182c7ecab0e4e3e13fca7d590544abbf3aa0ff7c4cd4b74bc",
        ),
        (
            "no padding at the end",
            header(b"f", b'0', 3, |_| {}).into_iter().chain(*b"abc").collect(),
            "7e276a6869741c2a13781e3b91fc93e575087f320bd92b4f3907bf59ef544e18",
        ),
        (
            "a link with a size",
            header(b"l", b'1', 77, |_| {}),
            "484b4b221a906e1f0779f8f621e15f887db9a9b72eaef3291f12af87e38d1ccb",
        ),
        (
            "a sparse file with its map in records",
            [
                pax(
                    b'x',
                    &[
                        ("GNU.sparse.major", "0"),
                        ("GNU.sparse.minor", "1"),
                        ("GNU.sparse.name", "real"),
                        ("GNU.sparse.size", "10000"),
                        ("GNU.sparse.numblocks", "2"),
                        ("GNU.sparse.map", "0,3,9000,4"),
                    ],
                ),
                entry("fake", b'0', b"abcdefg"),
            ]
            .concat(),
            "5f714e73a34db31b0da0b7dcd99cc871b21cb21c94f194c7b1e3a31dfdd1a3fd",
        ),
        (
            "a sparse file with its map in the content",
            [
                pax(
                    b'x',
                    &[
                        ("GNU.sparse.major", "1"),
                        ("GNU.sparse.minor", "0"),
                        ("GNU.sparse.name", "real"),
                        ("GNU.sparse.realsize", "10000"),
                    ],
                ),
                entry("fake", b'0', &[padded(b"2\n0\n3\n9000\n4\n"), b"abcdefg".to_vec()].concat()),
            ]
            .concat(),
            "5f714e73a34db31b0da0b7dcd99cc871b21cb21c94f194c7b1e3a31dfdd1a3fd",
        ),
    ];
    for (what, archive, expected) in cases {
        let got = sum(&archive[..]).unwrap_or_else(|e| panic!("{what}: {e}"));
        assert_eq!(got, format!("tarsum+sha256:{expected}"), "{what}");
    }
}

#[test]
fn a_sparse_file_counts_as_what_it_holds() {
    let dir = ocireg_testkit::tempdir();
    let file = std::fs::File::create(dir.path().join("file")).expect("a file");
    file.write_all_at(b"begin", 0).expect("room");
    for number in 1..40 {
        file.write_all_at(b"middle", number * 100_000).expect("room");
    }
    file.set_len(5_000_001).expect("a hole at the end");
    let pack = |options: &[&str]| {
        let mut tar = Command::new("tar");
        tar.arg("-C").arg(dir.path()).args(["--format=posix", "-c"]).args(options).arg("file");
        let done = tar.output().expect("the program tar");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        done.stdout
    };
    let whole = pack(&[]);
    assert!(whole.len() > 5_000_000);
    for version in ["0.0", "0.1", "1.0"] {
        let sparse = pack(&["-S", &format!("--sparse-version={version}")]);
        assert!(sparse.len() < 1_000_000, "tar -S made {} bytes", sparse.len());
        assert_eq!(sum(&sparse[..]).expect(version), sum(&whole[..]).expect("plain"), "{version}");
    }
}

#[test]
fn what_is_no_archive() {
    let file = entry("f", b'0', b"content");
    let number = |field: &'static [u8]| {
        header(b"n", b'0', 0, move |block| block[124..124 + field.len()].copy_from_slice(field))
    };
    let changed = |at: usize| {
        let mut bytes = file.clone();
        bytes[at] ^= 1;
        bytes
    };
    let sparse = |records: &[(&str, &str)], content: &[u8]| {
        [pax(b'x', records), entry("f", b'0', content)].concat()
    };
    let map = |map: &'static str| {
        let count = (map.split(',').count() / 2).to_string();
        let records =
            [("GNU.sparse.map", map), ("GNU.sparse.numblocks", &*count), ("GNU.sparse.size", "10")];
        sparse(&records, b"abc")
    };
    let version_1 = [("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0")];
    // Go keeps no more than a megabyte of it either.
    let many = [&b"1000000\n"[..], &b"0\n".repeat(2_000_000)].concat();
    for (what, archive) in [
        ("half a header", file[..300].to_vec()),
        ("half a content", file[..515].to_vec()),
        ("a wrong checksum", changed(3)),
        ("one block of zeros", [vec![0; 512], file.clone()].concat()),
        ("a negative size", number(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff")),
        ("a size beyond numbers", number(b"\x80\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff")),
        ("a size that no archive has", number(b"\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff")),
        ("a size that is no number", number(b"0000000009x\0")),
        ("a file like a directory", entry("d/", b'0', b"")),
        ("metadata without an end", header(b"x", b'x', 1 << 21, |_| {})),
        ("a record without a line break", entry("x", b'x', b"11 path=abc")),
        ("a record that is too long", entry("x", b'x', b"99 path=abc\n")),
        ("a path with a NUL", [pax(b'x', &[("path", "a\0b")]), file.clone()].concat()),
        ("a time of letters", [pax(b'x', &[("mtime", "soon")]), file.clone()].concat()),
        ("a map out of order", map("5,1,0,2")),
        ("a map beyond the file", map("0,2,10,1")),
        ("a map with too few data", map("0,2,5,2")),
        ("a map with too much data", map("0,1,5,1")),
        ("a map that overflows", map("0,1,9223372036854775807,9223372036854775807")),
        ("a map of one number", map("0")),
        ("a map without lines", sparse(&version_1, &[b'1'; 600])),
        ("a map that never ends", sparse(&version_1, &[b'1'; 3 << 20])),
        ("a map without an end", sparse(&version_1, &padded(&many))),
        ("a map of too many", sparse(&version_1, &padded(b"9223372036854775807\n1\n"))),
        ("a sparse link", [pax(b'x', &version_1), entry("l", b'1', b"")].concat()),
        ("a sparse file of USTAR", entry("s", b'S', b"")),
    ] {
        let error = sum(&archive[..]).expect_err(what);
        assert_eq!(error.code(), Code::InvalidArgument, "{what}: {error}");
    }
}

#[test]
fn no_archive_makes_it_panic() {
    let whole = [
        pax(b'x', &[("path", "a"), ("GNU.sparse.map", "0,3"), ("GNU.sparse.numblocks", "1")]),
        entry("a", b'0', b"abc"),
        old_sparse(9000, &[0, 1000, 2000, 3000, 4000, 5000]),
        entry("././@LongLink", b'L', b"long\0"),
        entry("b", b'0', b"content"),
    ]
    .concat();
    let headers: Vec<_> = (0..whole.len()).step_by(512).collect();
    let mut state = 1_u64;
    let mut next = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % below as u64).expect("small")
    };
    for _ in 0..5_000 {
        let mut archive = whole.clone();
        let block = headers[next(headers.len())];
        for _ in 0..=next(3) {
            let value = [0, b'0', b'7', b'9', b'-', 0x7f, 0x80, 0xff][next(8)];
            let at = block + next(512);
            let end = (at + next(16)).min(archive.len());
            archive[at..end].fill(value);
        }
        let sum = |block: &[u8]| block.iter().map(|b| u32::from(*b)).sum::<u32>();
        let field = block + 148..block + 156;
        archive[field.clone()].fill(b' ');
        let checksum = sum(&archive[block..block + 512]);
        archive[field].copy_from_slice(format!("{checksum:06o}\0 ").as_bytes());
        archive.truncate(archive.len() - next(2) * next(600));
        // A file may have more zeros than there is time for.
        let context = Context::new().expect("a context");
        context.set_timeout(Duration::from_millis(20));
        let run = Call::new(Some(&context));
        if let Err(error) = ocireg::v1::tarsum::tarsum(&archive[..], b"{}", &run) {
            assert!(matches!(error.code(), Code::InvalidArgument | Code::Deadline), "{error}");
        }
    }
}

/// Panics unless the sum of this archive ends when it is cancelled, `after` it has begun.
fn assert_ends_cancelled(archive: impl Read, after: Duration, what: &str) {
    let context = Context::new().expect("a context");
    let run = Call::new(Some(&context));
    let canceller = thread::spawn(move || {
        thread::sleep(after);
        context.cancel();
        Instant::now()
    });
    let outcome = ocireg::v1::tarsum::tarsum(archive, b"{}", &run);
    let (end, cancelled) = (Instant::now(), canceller.join().expect("the canceller"));
    assert_eq!(outcome.expect_err(what).code(), Code::Cancelled, "{what}");
    let late = end.saturating_duration_since(cancelled);
    assert!(late < Duration::from_secs(1), "{what}: {late:?}");
}

#[test]
fn endless_zeros_end_with_the_context() {
    assert_ends_cancelled(&old_sparse(1 << 62, &[])[..], Duration::from_millis(100), "zeros");
}

/// One header, again and again.
struct Again(Vec<u8>, usize);

impl Read for Again {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let Self(header, at) = self;
        let read = (&header[*at..]).read(buffer)?;
        *at = (*at + read) % header.len();
        Ok(read)
    }
}

#[test]
fn endless_headers_about_nothing_end_with_the_context() {
    for typeflag in [b'x', b'L', b'K'] {
        // Ends by itself some time, lest the test never does.
        let headers = Again(header(b"n", typeflag, 0, |_| {}), 0).take(4 << 30);
        assert_ends_cancelled(headers, Duration::from_millis(100), "headers");
    }
}

#[test]
fn an_archive_that_is_laborious_to_sort_ends_with_the_context() {
    // Entries of one name, each with a smaller sum than the one before.
    let count: u64 = 60_000;
    let mut headers: Vec<(Digest, Vec<u8>)> = (0..count)
        .map(|mtime| {
            let fields = format!(
                "namenmode420uid0gid0size0mtime{mtime}typeflag5linknameunamegnamedevmajor0devminor0"
            );
            let header = header(b"n", b'5', 0, |block| {
                block[136..147].copy_from_slice(format!("{mtime:011o}").as_bytes());
            });
            (Digest::of(Algorithm::Sha256, fields.as_bytes()), header)
        })
        .collect();
    let archive = |headers: &[(Digest, Vec<u8>)]| -> Vec<u8> {
        headers.iter().flat_map(|(_, header)| header).copied().collect()
    };
    // In any other order it is read and sorted in a part of the time.
    let easy = archive(&headers);
    let start = Instant::now();
    sum(&easy[..]).expect("a sum");
    let reading = start.elapsed();
    headers.sort_by(|a, b| b.0.hex().cmp(a.0.hex()));
    assert_ends_cancelled(&archive(&headers)[..], reading * 3 / 2, "an order");
}
