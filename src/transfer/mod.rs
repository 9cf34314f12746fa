//! Whole images from place to place: plan, move, verify.

mod children;
pub mod convert_v1;
pub mod inspect;
pub mod pull;
pub mod pull_v1;
