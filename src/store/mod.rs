//! Where images lie locally.

pub mod layout;
pub mod place;

pub use layout::{BlobWriter, Layout, NewBlob};
pub use place::Place;
