//! Names and addresses as users write them: parsed once, valid from then on.

pub mod digest;
pub mod host;
pub mod location;
pub mod reference;
