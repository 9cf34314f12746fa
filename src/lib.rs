//! A client for container registries, made to be linked: the core of the C library `libocireg`.
//!
//! The C surface (`include/ocireg.h`) is the interface that is kept stable; the Rust modules serve it and the
//! tests. Data moves one way: reference text → [`mod@reference`] → service → session → manifest →
//! blobs → store → report.

#![deny(unsafe_code)]
#![deny(clippy::undocumented_unsafe_blocks)]
#![warn(missing_docs)]

pub mod auth;
pub mod config;
pub mod context;
pub mod credentials;
pub mod crypto;
pub mod digest;
pub mod endpoint;
pub mod error;
pub mod ffi;
pub mod go_json;
pub mod host;
pub mod http;
pub mod json;
pub mod json_pointer;
pub mod log;
pub mod login;
pub mod mask;
pub mod os;
pub mod reference;
pub mod service;
pub mod session;
pub mod store;
pub mod sync;
pub mod tls;
pub mod transfer;
pub mod v1;
pub mod v2;
