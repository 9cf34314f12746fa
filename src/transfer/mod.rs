//! Whole images from place to place: plan, move, verify.

pub mod inspect;
pub mod pull;
