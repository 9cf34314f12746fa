//! Who is trusted and who we are, as a TLS configuration.

pub mod certs_d;
mod client;
pub mod fault;
mod files;
mod identity;
pub mod system;
mod verify;
mod x509;

pub use identity::Identity;

/// The door of the fuzz target.
#[cfg(fuzzing)]
#[doc(hidden)]
pub fn fuzz(der: &[u8]) {
    if let Some(certificate) = x509::Certificate::parse(der) {
        for name in [certificate.issuer, certificate.subject] {
            let _ = x509::display_name(name);
        }
    }
    let _ = x509::algorithm_name(der);
}
