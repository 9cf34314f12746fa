//! A client for container registries: pull, push, copy and inspect images, and speak to registries directly.
//!
//! ```no_run
//! use ocireg::call::Call;
//! use ocireg::client::{options::PullOptions, pull::pull};
//! use ocireg::registry::service::Service;
//!
//! # fn main() -> ocireg::error::Result<()> {
//! let service = Service::parse("{}")?;
//! let options = PullOptions::parse(Some(r#"{"platform": "linux/arm64"}"#))?;
//! let report = pull(&service, "alpine:3.20", "oci:images:alpine", options, Call::new(None))?;
//! println!("{}", report.reference);
//! # Ok(())
//! # }
//! ```
//!
//! [`client`] is the Rust API: what a call means, from its options to its report. Calls block; run them on threads of
//! your own, and pass a [`call::Context`] to [`call::Call::new`] to set a deadline, cancel, or follow the progress.
//!
//! The C library `libocireg` is built from the same crate. Its header, `include/ocireg.h`, is the interface that stays
//! stable; the Rust modules may change between minor versions.

#![deny(unsafe_code)]
#![deny(clippy::undocumented_unsafe_blocks)]
#![warn(missing_docs)]

pub mod auth;
pub mod call;
pub mod client;
pub mod compress;
pub mod config;
pub mod credentials;
pub mod crypto;
pub mod error;
pub mod export;
pub mod ffi;
pub mod http;
pub mod image;
pub mod json;
pub mod log;
pub mod mask;
pub mod names;
pub mod os;
pub mod registry;
pub mod sort;
pub mod store;
pub mod sync;
pub mod tar;
pub mod tls;
pub mod transfer;
pub mod unpack;
pub mod v1;
pub mod v2;
