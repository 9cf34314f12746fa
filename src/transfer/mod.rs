//! Whole images from place to place: plan, move, verify. Knows no protocol and no directory.

mod blob;
mod convert;
pub mod convert_v1;
pub(crate) mod documents;
pub mod engine;
mod plan;
mod progress;
pub mod pull_v1;
pub mod report;
mod workers;
