//! What the system lends: wake-up descriptors, waiting, atomic files, locks.

pub mod wait;
pub mod wake;
