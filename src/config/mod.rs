//! What a service is told: options in, configuration out.

pub mod api_endpoint;
pub mod options;
pub mod proxy;
pub mod registry;
pub mod settings;
