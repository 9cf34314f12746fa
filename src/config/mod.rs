//! What a service is told: options in, configuration out.

pub mod auth_config;
pub mod host_path;
pub mod keyring;
pub mod options;
pub mod proxy;
pub mod registry;
pub mod settings;
