//! The CA certificates of the system.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use once_cell::sync::OnceCell;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::error::{Code, Error, Phase, Result};
use crate::os::dir::Dir;
use crate::os::environment::Environment;
use crate::os::file::{ReadError, read_limited};
use crate::sort;
use crate::sync::PerProcess;

/// Where distributions keep all of them in one file; the first that can be used counts.
const BUNDLES: [&str; 7] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/usr/share/ssl/certs/ca-bundle.crt",
];

/// Where they keep one file for each.
const DIRECTORIES: [&str; 2] = ["/etc/ssl/certs", "/etc/pki/tls/certs"];

/// Larger than any bundle, in bytes.
const MAX_BUNDLE: u64 = 16 << 20;

/// More files than any such directory has.
const MAX_FILES: usize = 10_000;

/// The certificates, read once a process: it takes milliseconds.
pub fn roots(environment: Environment) -> Result<&'static [CertificateDer<'static>]> {
    static FROM_ENVIRONMENT: PerProcess<Read> = PerProcess::new(inherit);
    static FROM_USUAL_PATHS: PerProcess<Read> = PerProcess::new(inherit);
    let read = if environment.is_heard() { &FROM_ENVIRONMENT } else { &FROM_USUAL_PATHS };
    read.get().get_or_try_init(|| Paths::of(environment).read()).map(Vec::as_slice)
}

type Read = OnceCell<Vec<CertificateDer<'static>>>;

/// What a child has of them, unless a thread of its parent was reading.
fn inherit(parent: Option<&Read>) -> Read {
    match parent.and_then(OnceCell::get) {
        Some(certificates) => OnceCell::with_value(certificates.clone()),
        None => OnceCell::new(),
    }
}

/// Where to look.
struct Paths {
    /// Only the first that can be used counts.
    bundles: Vec<PathBuf>,
    directories: Vec<PathBuf>,
    /// Whether the user named them.
    named: bool,
}

impl Paths {
    /// Those that SSL_CERT_FILE and SSL_CERT_DIR name, as OpenSSL reads them, else the usual ones.
    fn of(environment: Environment) -> Self {
        let bundles: Vec<_> = environment.path("SSL_CERT_FILE").into_iter().collect();
        let directories = environment.directories("SSL_CERT_DIR");
        if bundles.is_empty() && directories.is_empty() {
            let usual = |names: &[&str]| names.iter().map(PathBuf::from).collect();
            let (bundles, directories) = (usual(&BUNDLES), usual(&DIRECTORIES));
            return Self { bundles, directories, named: false };
        }
        Self { bundles, directories, named: true }
    }

    /// One bad file among many is no reason to fail; nothing at all is, if a file is to blame.
    fn read(&self) -> Result<Vec<CertificateDer<'static>>> {
        let mut found = Found::default();
        for bundle in &self.bundles {
            if found.add(bundle) {
                break;
            }
        }
        for directory in &self.directories {
            let names = Dir::open(directory).and_then(|directory| directory.raw_names());
            match names {
                Ok(mut names) => {
                    sort::sort(&mut names);
                    for name in names.iter().take(MAX_FILES) {
                        found.add(&directory.join(name));
                    }
                }
                Err(error) => found.failed(directory, &ReadError::from(error)),
            }
        }
        match found.failed.filter(|_| found.certificates.is_empty()) {
            None => Ok(found.certificates),
            Some(why) => {
                let hint = if self.named {
                    "correct SSL_CERT_FILE and SSL_CERT_DIR, or unset them"
                } else {
                    "install the package ca-certificates"
                };
                Err(Error::new(Code::Certificate, "cannot read the system's CA certificates")
                    .phase(Phase::Tls)
                    .cause(why)
                    .hint(hint))
            }
        }
    }
}

/// What was found so far.
#[derive(Default)]
struct Found {
    certificates: Vec<CertificateDer<'static>>,
    seen: HashSet<CertificateDer<'static>>,
    /// The first failure.
    failed: Option<String>,
}

impl Found {
    /// Takes the certificates of one file; false if it had none.
    fn add(&mut self, path: &Path) -> bool {
        let content = match read_limited(path, MAX_BUNDLE) {
            Ok(content) => content,
            Err(error) => {
                self.failed(path, &error);
                return false;
            }
        };
        let mut any = false;
        for certificate in CertificateDer::pem_slice_iter(&content.bytes).flatten() {
            any = true;
            if self.seen.insert(certificate.clone()) {
                self.certificates.push(certificate);
            }
        }
        any
    }

    fn failed(&mut self, path: &Path, error: &ReadError) {
        // Of the usual places most are not there.
        let reason = || format!("{}: {error}", path.display());
        self.failed.get_or_insert_with(reason);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(bundles: &[&Path], directories: &[&Path]) -> Paths {
        let owned = |paths: &[&Path]| paths.iter().map(|path| path.to_path_buf()).collect();
        Paths { bundles: owned(bundles), directories: owned(directories), named: true }
    }

    #[test]
    fn a_file_that_cannot_be_used_is_passed_over_and_is_to_blame_if_nothing_else_is_there() {
        let dir = tempfile::tempdir().expect("a directory");
        let at = |name: &str| dir.path().join(name);
        let pem = |text: &str| {
            format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
        };
        let (fifo, zero, good) = (at("fifo"), at("zero"), at("good.pem"));
        let mode = rustix::fs::Mode::RUSR;
        rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, mode).expect("a FIFO");
        std::os::unix::fs::symlink("/dev/zero", &zero).expect("a link");
        std::fs::write(&good, [pem("AAAA"), pem("not base64!"), pem("AAAA"), pem("BBBB")].concat())
            .expect("a file");
        for bad in [&fifo, &zero, &at("missing")] {
            let error = paths(&[bad], &[]).read().expect_err("nothing to read");
            assert_eq!(error.code(), Code::Certificate);
            assert!(error.to_string().contains(&bad.display().to_string()), "{error}");
            let found = paths(&[bad, &good], &[]).read().expect("the next one counts");
            assert_eq!(found.len(), 2, "each certificate counts once");
        }
        let found = paths(&[], &[&at("nowhere"), dir.path()]).read().expect("the directory");
        assert_eq!(found.len(), 2);
    }

    #[test]
    fn the_usual_places_count_where_the_environment_has_no_say() {
        assert!(!Paths::of(Environment::default()).named);
    }
}
