//! A client for container registries, made to be linked: the core of the C library `libocireg`.
//!
//! The C surface (`include/ocireg.h`) is the interface that is kept stable; the Rust modules serve it and the
//! tests. Data moves one way: reference text → [`mod@reference`] → service → session → manifest →
//! blobs → store → report.

#![deny(unsafe_code)]
#![deny(clippy::undocumented_unsafe_blocks)]
#![warn(missing_docs)]

pub mod auth;
pub mod call;
pub mod client;
pub mod config;
pub mod credentials;
pub mod crypto;
pub mod error;
pub mod ffi;
pub mod http;
pub mod image;
pub mod json;
pub mod log;
pub mod mask;
pub mod names;
pub mod os;
pub mod registry;
pub mod store;
pub mod sync;
pub mod tar;
pub mod tls;
pub mod transfer;
pub mod v1;
pub mod v2;
