//! Whole images from place to place: plan, move, verify.

pub(crate) mod children;
pub mod convert_v1;
pub mod pull;
pub mod pull_v1;
