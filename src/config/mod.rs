//! What a service is told: options in, configuration out.

pub mod settings;
