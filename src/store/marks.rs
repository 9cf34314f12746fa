//! Which blobs of a layout this library has verified, and what their files were like then.
//!
//! A file beside `index.json` has a line for each: digest, size, times and inode. Whoever changes a file changes one of
//! these, and its blob is hashed again before it is taken for present. Other programs pass the file over.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Write};

use super::Layout;
use crate::error::{Error, Result};
use crate::names::digest::Digest;

const MARKS: &str = ".ocireg-verified";

/// More than this is many layouts' worth of lines that nobody needs any more: it begins anew.
const LARGEST: u64 = 4 << 20;

/// The marks of a layout as they were read.
#[derive(Debug, Default)]
pub struct Marks(HashMap<String, String>);

impl Layout {
    /// Reads the marks. Those that cannot be read are none.
    pub fn marks(&self) -> Result<Marks> {
        let Ok(file) = self.root().open_file(MARKS) else { return Ok(Marks::default()) };
        let mut text = String::new();
        let read = file.take(LARGEST + 1).read_to_string(&mut text);
        if text.len() as u64 > LARGEST || read.is_err() {
            let removed = self.root().remove(MARKS);
            return removed.map(|()| Marks::default()).map_err(|e| {
                Error::file(format!("cannot remove {MARKS} of {}", self.path().display()), &e)
            });
        }
        let lines = text.lines().filter_map(|line| line.split_once(' '));
        Ok(Marks(lines.map(|(blob, state)| (blob.to_owned(), state.to_owned())).collect()))
    }

    /// Whether a blob's file is still what it was when it was marked.
    pub fn is_marked(&self, marks: &Marks, blob: &Digest) -> bool {
        let Some(marked) = marks.0.get(&blob.to_string()) else { return false };
        self.state(blob).is_some_and(|state| state == *marked)
    }

    /// Remembers that a blob was verified. Where that cannot be written, it is hashed again the next time.
    pub fn mark(&self, blob: &Digest) {
        let Some(state) = self.state(blob) else { return };
        let file = match self.marks_file.get() {
            Some(file) => file,
            None => {
                let Ok(opened) = self.root().open_to_append(MARKS) else { return };
                self.marks_file.get_or_init(|| opened)
            }
        };
        // One write, so that lines of several threads and processes do not mix.
        let mut file: &File = file;
        drop(file.write_all(format!("{blob} {state}\n").as_bytes()));
    }

    fn state(&self, blob: &Digest) -> Option<String> {
        let blobs = self.blobs(blob.algorithm()).ok()??;
        blobs.state(blob.hex()).ok()?
    }
}
