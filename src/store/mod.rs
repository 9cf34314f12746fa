//! Where images lie locally.

pub mod layout;
pub mod location;

pub use layout::{BlobWriter, Layout, NewBlob};
pub use location::Location;
