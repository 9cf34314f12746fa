//! The zstd format: frames one after another, some of which are to be skipped.

use zstd_safe::{DCtx, DParameter, InBuffer, OutBuffer, get_error_name};

use super::{Step, damaged};
use crate::error::{Code, Error, Result};

/// What a frame begins with.
pub(super) const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// What a frame to be skipped begins with, whose first byte is from 0x50 to 0x5f.
pub(super) const SKIPPABLE: [u8; 3] = [0x2a, 0x4d, 0x18];

/// The logarithm of [`WINDOW`].
const WINDOW_LOG: u32 = 27;

/// The most that a frame may look back: 128 MiB, as in the `zstd` program. Docker and containerd accept half of it.
pub(super) const WINDOW: u64 = 1 << WINDOW_LOG;

/// The number of the library's error for a window that is too large (`ZSTD_error_frameParameter_windowTooLarge`).
const WINDOW_TOO_LARGE: usize = 16;

pub(super) struct Zstd {
    context: DCtx<'static>,
    in_frame: bool,
}

impl Zstd {
    pub(super) fn new() -> Result<Self> {
        let no_memory =
            || Error::new(Code::Io, "cannot decompress zstd data: there is not enough memory");
        let mut context = DCtx::try_create().ok_or_else(no_memory)?;
        context.set_parameter(DParameter::WindowLogMax(WINDOW_LOG)).map_err(wrong)?;
        Ok(Self { context, in_frame: false })
    }

    /// Takes some input and gives some output, as far as it comes with either.
    pub(super) fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step> {
        if input.is_empty() && !self.in_frame {
            return Ok(Step { taken: 0, given: 0 });
        }
        let mut to = OutBuffer::around(output);
        let mut from = InBuffer::around(input);
        // A hint for what to pass next; 0 at the end of a frame.
        let hint = self.context.decompress_stream(&mut to, &mut from).map_err(wrong)?;
        self.in_frame = hint != 0;
        Ok(Step { taken: from.pos(), given: to.pos() })
    }

    /// Whether the stream may end here.
    pub(super) fn end(&self) -> Result<()> {
        if self.in_frame { Err(damaged("zstd", "it ends too early")) } else { Ok(()) }
    }
}

fn wrong(code: usize) -> Error {
    if code.wrapping_neg() == WINDOW_TOO_LARGE {
        return Error::new(
            Code::Limit,
            format!(
                "cannot decompress the zstd data: its window is larger than {} MiB",
                WINDOW >> 20
            ),
        )
        .with(|d| d.what = Some("layer"))
        .hint("rebuild the image with a zstd window of at most 128 MiB (--long=27 or less)");
    }
    damaged("zstd", get_error_name(code))
}
