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

// The header lists types and functions in the order of these modules, and begins each module's functions with its first
// line of documentation. The blank lines keep rustfmt from sorting them.

pub mod service;

pub mod image;

pub mod context;

pub mod error;

pub mod memory;

pub mod login;

pub mod answer;

pub mod session;

pub mod discover;

pub mod manifests;

pub mod blobs;

pub mod reader;

pub mod remote;

pub mod writer;

pub mod layout;

pub mod lookup;

pub mod endpoint;

pub mod search;

pub mod session_v1;

pub mod session_v1_push;

pub mod names;

pub mod json;

pub mod version;

pub use answer::*;
pub use blobs::*;
pub use context::*;
pub use discover::*;
pub use endpoint::*;
pub use error::*;
pub use image::*;
pub use json::*;
pub use layout::*;
pub use login::*;
pub use lookup::*;
pub use manifests::*;
pub use memory::{ocireg_bytes_free, ocireg_string_free, ocireg_strings_free};
pub use names::*;
pub use reader::*;
pub use remote::*;
pub use search::*;
pub use service::*;
pub use session::*;
pub use session_v1::*;
pub use session_v1_push::*;
pub use version::*;
pub use writer::*;
