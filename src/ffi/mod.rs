//! The C surface: one file per C type, and one [`guard`] for every function body.
//!
//! This module and `os` hold the only unsafe code of the library. The documentation comments of the
//! functions are the header's text: they speak to C callers.

#![allow(unsafe_code, non_camel_case_types, clippy::missing_safety_doc)]
// The texts are for C, where brackets mean what they say.
#![allow(rustdoc::broken_intra_doc_links, rustdoc::private_intra_doc_links, rustdoc::bare_urls)]

#[macro_use]
mod guard;
#[macro_use]
mod handle;
#[macro_use]
mod args;
mod memory;

pub mod context;
pub mod discover;
pub mod endpoint;
pub mod error;
pub mod image;
pub mod json;
pub mod layout;
pub mod names;
mod options;
pub mod reader;
pub mod service;
pub mod session;
pub mod session_v1;
pub mod version;
pub mod writer;

pub use context::*;
pub use discover::*;
pub use endpoint::*;
pub use error::*;
pub use image::*;
pub use json::*;
pub use layout::*;
pub use memory::{ocireg_bytes_free, ocireg_string_free};
pub use names::*;
pub use reader::*;
pub use service::*;
pub use session::*;
pub use session_v1::*;
pub use version::*;
pub use writer::*;
