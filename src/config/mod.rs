//! The configuration of a service, made from its options.

pub mod auth_config;
pub mod host_path;
pub mod hosts_toml;
pub mod keyring;
pub mod options;
pub mod proxy;
pub mod registries_conf;
pub mod registry;
pub mod settings;
pub mod toml_file;
