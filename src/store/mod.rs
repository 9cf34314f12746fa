//! Where images lie locally.

pub mod layout;
pub mod marks;

pub use layout::{BlobWriter, Layout, NewBlob};
pub use marks::Marks;
