//! What a call means, from options to report: the Rust API that the C surface calls.

mod artifact;
pub mod blob_fds;
pub mod blob_files;
pub mod blobs;
pub mod copy;
pub mod discover;
pub mod export;
pub mod inspect;
pub mod layout;
pub mod locations;
pub mod login;
pub mod manifests;
pub mod options;
pub mod pull;
pub mod push;
pub mod put_files;
pub mod session;
pub mod unpack;
