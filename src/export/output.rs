//! The descriptor that the archive goes to.

use crate::call::Call;
use crate::error::Result;
use crate::os::lent::Lent;

/// So much is written at once.
const BUFFER: usize = 256 << 10;

#[derive(Debug)]
pub(super) struct Output {
    lent: Lent,
    buffer: Vec<u8>,
}

impl Output {
    pub(super) fn new(lent: Lent) -> Self {
        Self { lent, buffer: Vec::with_capacity(BUFFER) }
    }

    pub(super) fn write(&mut self, mut bytes: &[u8], call: &Call) -> Result<()> {
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(BUFFER - self.buffer.len()));
            self.buffer.extend_from_slice(now);
            bytes = later;
            if self.buffer.len() == BUFFER {
                self.flush(call)?;
            }
        }
        Ok(())
    }

    pub(super) fn flush(&mut self, call: &Call) -> Result<()> {
        let written = self.lent.write(&self.buffer, call).map_err(|(_, error)| error);
        self.buffer.clear();
        written
    }
}
