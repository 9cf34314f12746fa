//! What a service is told: options in, configuration out.

pub mod registry;
pub mod settings;
