//! Extended headers of PAX before an entry whose own header and content are sound: what is read in one go is read the same in
//! pieces, and the same again once it was written. The first byte of the input chooses the type of the entry.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ocireg::call::Call;
use ocireg::error::Result;
use ocireg::image::BlobRead;
use ocireg::tar::entries::{Bounds, Entries, Entry, Kind};
use ocireg::tar::write;

const KINDS: [Kind; 7] = [
    Kind::File,
    Kind::HardLink,
    Kind::SymbolicLink,
    Kind::CharacterDevice,
    Kind::BlockDevice,
    Kind::Directory,
    Kind::Fifo,
];

/// What a file has in the archive: a map, should its records say that it is sparse in the way of version 1.0, and data.
const SIZE: u64 = 1024;
const MAP: &[u8] = b"2\n3\n100\n1000\n412\n";

/// The most that a hole may have to be written out.
const MOST: u64 = 1 << 20;

/// Gives a few bytes at a time.
struct Slow<'a>(&'a [u8]);

impl BlobRead for Slow<'_> {
    fn read(&mut self, buffer: &mut [u8], call: &Call) -> Result<usize> {
        let most = buffer.len().min(97);
        self.0.read(&mut buffer[..most], call)
    }
}

fn archive(kind: Kind, records: &[u8]) -> Vec<u8> {
    let mut archive = write::header(&write::plain("records", Kind::File, records.len() as u64));
    // It has no records of its own, so that this is one header.
    let sum = |block: &[u8]| block.iter().copied().map(u32::from).sum::<u32>();
    archive[156] = b'x';
    archive[148..156].fill(b' ');
    let sum = format!("{:06o}\0 ", sum(&archive));
    archive[148..156].copy_from_slice(sum.as_bytes());
    archive.extend_from_slice(records);
    archive.resize(archive.len().next_multiple_of(512), 0);
    let link = if kind == Kind::HardLink { b"target".to_vec() } else { Vec::new() };
    let entry = Entry { link, ..write::plain("entry", kind, SIZE) };
    archive.extend_from_slice(&write::header(&entry));
    if kind == Kind::File {
        let start = archive.len();
        archive.extend_from_slice(MAP);
        archive.resize(start + SIZE as usize, b'x');
    }
    archive.extend_from_slice(&write::END);
    archive
}

/// The first entry and what is in it, holes as zeros where it is not too much.
fn read(source: impl BlobRead) -> Option<(Entry, Vec<u8>)> {
    let call = Call::new(None);
    let mut entries = Entries::new(source, Bounds { path: 4096, entries: 100 });
    let entry = entries.next_entry(&call).ok()??;
    let mut content = Vec::new();
    if entry.size <= MOST {
        let mut buffer = vec![0; 1000];
        loop {
            match entries.read(&mut buffer, &call).ok()? {
                0 => break,
                read => content.extend_from_slice(&buffer[..read]),
            }
        }
        assert_eq!(content.len() as u64, entry.size, "{entry:?}");
    }
    Some((entry, content))
}

/// All but where the archive has it.
fn told(entry: &Entry) -> Entry {
    Entry { data_at: 0, stored: 0, ..entry.clone() }
}

fuzz_target!(|input: &[u8]| {
    let Some((first, records)) = input.split_first() else { return };
    let archive = archive(KINDS[usize::from(*first) % KINDS.len()], records);
    let whole = read(archive.as_slice());
    let pieces = read(Slow(&archive));
    assert_eq!(format!("{whole:?}"), format!("{pieces:?}"));
    let Some((entry, content)) = whole else { return };
    if entry.size > MOST {
        return;
    }
    let mut again = write::header(&entry);
    again.extend_from_slice(&content);
    again.resize(again.len() + write::padding(entry.size), 0);
    again.extend_from_slice(&write::END);
    let (same, as_before) = read(again.as_slice()).expect("what was written");
    assert_eq!(format!("{:?}", told(&same)), format!("{:?}", told(&entry)));
    assert_eq!(as_before, content);
});
