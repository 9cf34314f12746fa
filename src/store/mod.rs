//! Where images lie locally.

pub mod layout;
pub mod location;
pub mod marks;

pub use layout::{BlobWriter, Layout, NewBlob};
pub use location::Location;
pub use marks::Marks;
