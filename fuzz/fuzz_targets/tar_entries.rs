//! Archives: headers, PAX records, long names, maps of sparse files. What is read one way is read the same in pieces.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ocireg::call::Call;
use ocireg::error::Result;
use ocireg::image::BlobRead;
use ocireg::tar::entries::{Bounds, Entries};

/// Gives a few bytes at a time.
struct Slow<'a>(&'a [u8]);

impl BlobRead for Slow<'_> {
    fn read(&mut self, buffer: &mut [u8], call: &Call) -> Result<usize> {
        let most = buffer.len().min(97);
        self.0.read(&mut buffer[..most], call)
    }
}

/// What the entries are, and the data of each, holes left out. None if it is no archive.
fn all(source: impl BlobRead) -> Option<Vec<String>> {
    let call = Call::new(None);
    let mut entries = Entries::new(source, Bounds { path: 4096, entries: 1000 });
    let mut all = Vec::new();
    while let Some(entry) = entries.next_entry(&call).ok()? {
        let (mut data, mut buffer, mut end) = (Vec::new(), vec![0; 1000], 0);
        while let Some((at, read)) = entries.read_data(&mut buffer, &call).ok()? {
            assert!(at >= end && at + read as u64 <= entry.size, "{entry:?}");
            end = at + read as u64;
            data.extend_from_slice(&buffer[..read]);
        }
        assert_eq!(data.len() as u64, entry.stored, "{entry:?}");
        all.push(format!("{entry:?} {data:?}"));
    }
    entries.finish(&call).ok()?;
    Some(all)
}

fuzz_target!(|input: &[u8]| {
    assert_eq!(all(input), all(Slow(input)));
});
