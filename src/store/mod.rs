//! Where images lie locally.

pub mod layout;
pub mod place;

pub use layout::{BlobWriter, Layout};
pub use place::Place;
