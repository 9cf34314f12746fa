//! What a service is told: options in, configuration out.

pub mod api_endpoint;
pub mod options;
pub mod registry;
pub mod settings;
