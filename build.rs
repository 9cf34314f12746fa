//! Writes the C header to OUT_DIR and names the shared object.

use std::path::PathBuf;

fn main() {
    let root = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets it"));
    let mut config =
        cbindgen::Config::from_file(root.join("cbindgen.toml")).expect("cbindgen.toml");
    config.after_includes = Some(constants(&root));
    cbindgen::Builder::new()
        .with_config(config)
        .with_crate(&root)
        .generate()
        .expect("the C surface can be written as a header")
        .write_to_file(out.join("ocireg.h"));
    println!("cargo:rustc-env=OCIREG_BUILT_HEADER={}", out.join("ocireg.h").display());
    println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libocireg.so.0");
    // Thread-locals with destructors live in the library: it must not be unmapped.
    println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
    for file in ["build.rs", "cbindgen.toml", "src"] {
        println!("cargo:rerun-if-changed={file}");
    }
}

/// Codes, version and the constants of the registry package, as macros: C has no other constants in a header.
fn constants(root: &std::path::Path) -> String {
    let var = |name: &str| std::env::var(name).expect("cargo sets it");
    let (major, minor, patch) = (
        var("CARGO_PKG_VERSION_MAJOR"),
        var("CARGO_PKG_VERSION_MINOR"),
        var("CARGO_PKG_VERSION_PATCH"),
    );
    let mut text = format!(
        "\n/* The version of this header; ocireg_version_number() is that of the library. */\n\
         #define OCIREG_VERSION_MAJOR {major}\n\
         #define OCIREG_VERSION_MINOR {minor}\n\
         #define OCIREG_VERSION_PATCH {patch}\n\
         #define OCIREG_VERSION_STRING \"{major}.{minor}.{patch}\"\n\
         #define OCIREG_VERSION_NUMBER {number}\n\n\
         /* What functions return: 0, or why they failed. Numbers never change; new ones may come. */\n\
         #define OCIREG_OK 0\n",
        number = (number(&major) << 16) | (number(&minor) << 8) | number(&patch),
    );
    for (name, value) in codes(root) {
        text += &format!("#define OCIREG_{name} {value}\n");
    }
    text += "\n/* The constants of the registry package. */\n\
        #define OCIREG_AUTH_CLIENT_ID \"docker\"\n\
        #define OCIREG_DEFAULT_SEARCH_LIMIT 25\n\
        #define OCIREG_DEFAULT_NAMESPACE \"docker.io\"\n\
        #define OCIREG_INDEX_NAME \"docker.io\"\n\
        #define OCIREG_INDEX_HOSTNAME \"index.docker.io\"\n\
        #define OCIREG_INDEX_SERVER \"https://index.docker.io/v1/\"\n\
        #define OCIREG_DEFAULT_V2_REGISTRY \"https://registry-1.docker.io\"\n\
        #define OCIREG_DEFAULT_REGISTRY_VERSION_HEADER \"Docker-Distribution-Api-Version\"\n";
    text
}

fn number(text: &str) -> u32 {
    text.parse().expect("a version is made of numbers")
}

/// The codes as `src/error.rs` numbers them: `enum Code` has the numbers, `CODES` the names.
fn codes(root: &std::path::Path) -> Vec<(String, String)> {
    let source = std::fs::read_to_string(root.join("src/error.rs")).expect("src/error.rs");
    let numbers: Vec<(&str, &str)> = source
        .lines()
        .skip_while(|line| !line.starts_with("pub enum Code"))
        .take_while(|line| *line != "}")
        .filter_map(|line| line.trim().trim_end_matches(',').split_once(" = "))
        .collect();
    let names: Vec<(&str, &str)> = source
        .lines()
        .filter_map(|line| {
            line.trim().strip_prefix("(Code::")?.strip_suffix("\"),")?.split_once(", \"")
        })
        .collect();
    assert!(!numbers.is_empty() && numbers.len() == names.len(), "enum Code and CODES differ");
    numbers
        .iter()
        .zip(names)
        .map(|((variant, value), (same, name))| {
            assert_eq!(*variant, same, "enum Code and CODES list the codes in the same order");
            (name.to_owned(), (*value).to_owned())
        })
        .collect()
}
