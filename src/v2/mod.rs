//! The protocol of today's registries, version 2.

pub mod blob;
mod document;
pub mod foreign;
pub mod moving;
pub mod pages;
pub mod place;
pub mod registry;
pub mod repository;
pub mod upload;

pub use registry::Registry;
pub use repository::Repository;
