//! Writes what follows from the signatures of `src/ffi`, so that nobody has to: the C header and its manual pages, the list of
//! symbols, and the mechanical part of each binding and of each driver of the end-to-end tests.
//!
//! Where a function is more than its signature says, such as one with a callback, a binding has it by hand.

mod cpp;
mod drivers;
mod go;
mod header;
mod man;
mod python;
mod surface;

use std::path::{Path, PathBuf};

use surface::Surface;

/// What a generated file has to hold.
pub struct Generated {
    /// Below the root of the repository.
    pub path: PathBuf,
    pub text: String,
}

impl Generated {
    /// Whether the file is as it should be.
    #[must_use]
    pub fn is_current(&self, root: &Path) -> bool {
        std::fs::read_to_string(root.join(&self.path)).is_ok_and(|text| text == self.text)
    }

    /// Writes the file.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, root: &Path) -> std::io::Result<()> {
        let path = root.join(&self.path);
        std::fs::create_dir_all(path.parent().expect("a directory"))?;
        std::fs::write(path, &self.text)
    }
}

/// Every generated file.
#[must_use]
pub fn generate(root: &Path) -> Vec<Generated> {
    let surface = Surface::read(root);
    let header = header::header(root, &surface);
    let mut symbols: Vec<&str> = surface.functions.iter().map(|f| f.name.as_str()).collect();
    symbols.sort_unstable();
    let symbols = symbols.join("\n") + "\n";
    let python = python::module(&surface, &header);
    let cpp = root.join("bindings/c/ocireg.hpp");
    let cpp = std::fs::read_to_string(&cpp).unwrap_or_else(|e| panic!("{}: {e}", cpp.display()));
    let cpp = cpp::filled(&surface, &header, &cpp);
    let pages =
        man::pages(&surface, &header, &header::version(root).map(|n| n.to_string()).join("."));
    let pages = pages.into_iter().map(|(name, text)| (format!("bindings/c/man/{name}"), text));
    let files = [
        // Go's prebuilt libraries come without a header, and a Go module cannot reach outside its directory.
        ("bindings/go/internal/capi/include/ocireg.h", header.clone()),
        ("include/ocireg.h", header),
        ("tests/data/symbols.txt", symbols),
        ("bindings/c/ocireg.hpp", cpp),
        ("bindings/go/internal/capi/calls.go", go::calls_file(&surface)),
        ("bindings/go/internal/capi/calls_stub.go", go::stub_file(&surface)),
        ("bindings/python/ocireg/_ffi.py", python),
        ("tests/bindings/e2e/c/requests.h", drivers::c(&surface)),
        ("tests/bindings/e2e/go/calls.go", drivers::go(&surface)),
        ("tests/bindings/e2e/python/calls.py", drivers::python(&surface)),
    ]
    .map(|(path, text)| (path.to_owned(), text));
    files
        .into_iter()
        .chain(pages)
        .map(|(path, text)| Generated { path: path.into(), text })
        .collect()
}
