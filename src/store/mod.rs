//! Where images lie locally.

pub mod cache;
pub mod layout;
pub mod marks;
pub mod place;
pub mod writer;

pub use layout::Layout;
pub use marks::Marks;
pub use writer::{BlobWriter, NewBlob};
