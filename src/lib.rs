//! A client for container registries, made to be linked: the core of the C library `libocireg`.
//!
//! The C surface (`include/ocireg.h`) is the interface that is kept stable; the Rust modules serve it and the
//! tests. Data moves one way: reference text → [`reference`](crate::digest) → service → session → manifest →
//! blobs → store → report.

#![deny(unsafe_code)]
#![deny(clippy::undocumented_unsafe_blocks)]
#![warn(missing_docs)]

pub mod config;
pub mod context;
pub mod digest;
pub mod error;
pub mod ffi;
pub mod http;
pub mod os;
pub mod store;
pub mod tls;
pub mod v2;
