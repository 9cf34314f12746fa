//! Registries as a caller configures them: which endpoints there are, and which of them answers.

pub mod api_endpoint;
pub mod authorize;
pub mod blob;
mod candidate;
pub mod endpoint;
pub mod failover;
mod health;
pub mod options;
mod place;
pub mod resolver;
pub mod service;
pub mod session;
mod trust;

pub use endpoint::Endpoint;
pub use service::Service;
pub use session::Session;
