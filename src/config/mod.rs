//! The configuration of a service, made from its options.

pub mod auth_config;
pub mod host_path;
pub mod keyring;
pub mod options;
pub mod proxy;
pub mod registry;
pub mod settings;
