//! Whole images from place to place: plan, move, verify. Knows no protocol and no directory.

mod blob;
mod convert;
pub(crate) mod documents;
pub mod engine;
mod failure;
pub mod options;
mod passing;
mod plan;
pub(crate) mod progress;
mod ranges;
pub mod report;
mod stored;
mod workers;
