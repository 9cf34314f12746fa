//! Where images lie locally.

pub mod archive;
pub mod cache;
mod failure;
pub mod files;
mod hashing;
mod index;
pub mod layout;
pub mod marks;
pub mod part;
pub mod place;
mod scattered;
pub mod writer;

pub use index::REF_NAME;
pub use layout::Layout;
pub use marks::Marks;
pub use writer::{LayoutBlob, NewBlob};
