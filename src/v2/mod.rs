//! The protocol of today's registries, version 2.

pub mod blob;
mod document;
pub mod foreign;
pub mod lazy;
pub mod manifests;
pub mod moving;
mod notice;
pub mod pages;
pub mod place;
mod ranges;
pub mod referrers;
pub mod registry;
pub mod repository;
pub mod upload;

pub use registry::Registry;
pub use repository::Repository;
