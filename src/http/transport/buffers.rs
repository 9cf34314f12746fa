//! The buffers of a connection, whose output keeps a header until its body follows.

use ureq::unversioned::transport::{Buffers, LazyBuffers};
use zeroize::Zeroize;

use super::scope;
use super::socket::{INPUT_BUFFER, OUTPUT_BUFFER};

/// Whether a body is so small that header and body fit into one buffer.
pub(in crate::http) fn is_sent_at_once(body: &[u8]) -> bool {
    !body.is_empty() && body.len() <= OUTPUT_BUFFER / 2
}

/// Input and output. A small request, with its header and its body, leaves the process in one step: where that is killed, all
/// of it was sent, or nothing. Some registries store what came until then.
#[derive(Debug)]
pub(super) struct HoldingBuffers {
    lazy: LazyBuffers,
    /// How many bytes at the beginning of the output are held back.
    held: usize,
}

impl HoldingBuffers {
    pub(super) fn new() -> Self {
        Self { lazy: LazyBuffers::new(INPUT_BUFFER, OUTPUT_BUFFER), held: 0 }
    }

    /// Holds back the header that was just written to the output, if a small body follows.
    pub(super) fn hold(&mut self, amount: usize) -> bool {
        let follows = scope::with(|scope| std::mem::take(&mut scope.body_follows)).unwrap_or(false);
        let holds = follows && amount <= OUTPUT_BUFFER / 2;
        if holds {
            self.held = amount;
        }
        holds
    }

    /// What is to be sent now: what was held back, and the bytes that were just written.
    pub(super) fn release(&mut self, amount: usize) -> usize {
        std::mem::take(&mut self.held) + amount
    }

    /// Clears what was sent, which may have held an Authorization header.
    pub(super) fn wipe(&mut self, amount: usize) {
        self.lazy.output()[..amount].zeroize();
    }
}

impl Buffers for HoldingBuffers {
    fn output(&mut self) -> &mut [u8] {
        &mut self.lazy.output()[self.held..]
    }

    fn tmp_and_output(&mut self) -> (&mut [u8], &mut [u8]) {
        let (scratch, output) = self.lazy.tmp_and_output();
        (scratch, &mut output[self.held..])
    }

    fn input(&self) -> &[u8] {
        self.lazy.input()
    }

    fn input_append_buf(&mut self) -> &mut [u8] {
        self.lazy.input_append_buf()
    }

    fn input_appended(&mut self, amount: usize) {
        self.lazy.input_appended(amount);
    }

    fn input_consume(&mut self, amount: usize) {
        self.lazy.input_consume(amount);
    }

    fn can_use_input(&self) -> bool {
        self.lazy.can_use_input()
    }
}
