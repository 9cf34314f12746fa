//! Registries as a caller configures them: which endpoints there are, and which of them answers.

pub mod endpoint;
mod place;
pub mod service;
pub mod session;

pub use endpoint::Endpoint;
pub use service::Service;
pub use session::Session;
