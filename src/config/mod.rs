//! What a service is told: options in, configuration out.

pub mod options;
pub mod registry;
pub mod settings;
