//! `include/ocireg.h`: cbindgen's view of `src/ffi`, and the constants, which C has only as macros.

use std::path::Path;

use crate::surface::{Section, Surface};

/// The whole header.
pub fn header(root: &Path, surface: &Surface) -> String {
    let mut config =
        cbindgen::Config::from_file(root.join("cbindgen.toml")).expect("cbindgen.toml");
    config.after_includes = Some(constants(root));
    let mut header = Vec::new();
    cbindgen::Builder::new()
        .with_config(config)
        .with_crate(root)
        .generate()
        .expect("the C surface can be written as a header")
        .write(&mut header);
    let header = String::from_utf8(header).expect("the header is text");
    surface.sections.iter().fold(header, |header, section| with_title(&header, section))
}

/// The header with the section's title before its first function.
fn with_title(header: &str, section: &Section) -> String {
    let call = format!("{}(", section.first);
    let declares = |line: &str| !line.starts_with([' ', '/']) && line.contains(&call);
    let declaration = header.lines().find(|line| declares(line));
    let declaration = declaration.unwrap_or_else(|| panic!("{call} is in the header"));
    let at = header.find(&format!("\n{declaration}")).expect("it was found");
    let comment = header[..at].rfind("/**\n").expect("each function is documented");
    let (before, after) = header.split_at(comment);
    format!("{before}/*\n * {title}\n */\n\n{after}", title = section.title)
}

/// Codes, version and the constants of the registry package, as macros.
fn constants(root: &Path) -> String {
    let [major, minor, patch] = version(root);
    let mut text = format!(
        "\n/* The version of this header. ocireg_version_number() returns the version of the library. */\n\
         #define OCIREG_VERSION_MAJOR {major}\n\
         #define OCIREG_VERSION_MINOR {minor}\n\
         #define OCIREG_VERSION_PATCH {patch}\n\
         #define OCIREG_VERSION_STRING \"{major}.{minor}.{patch}\"\n\
         #define OCIREG_VERSION_NUMBER {number}\n\n\
         /* Error codes. The numbers never change; new codes may be added. docs/errors.md says what to do about each. */\n\n\
         /* The call succeeded. */\n\
         #define OCIREG_OK 0\n",
        number = (major << 16) | (minor << 8) | patch,
    );
    for (name, value, sentence) in codes(root) {
        text += &format!("/* {sentence} */\n#define OCIREG_{name} {value}\n");
    }
    text += "\n/* Constants of Docker's Go package registry. */\n\
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

/// The version of the package in `Cargo.toml`.
pub fn version(root: &Path) -> [u32; 3] {
    let manifest = std::fs::read_to_string(root.join("Cargo.toml")).expect("Cargo.toml");
    let version = manifest
        .lines()
        .find_map(|line| line.strip_prefix("version = \"")?.strip_suffix('"'))
        .expect("the package has a version");
    let numbers: Vec<u32> = version
        .split('.')
        .map(|part| part.parse().expect("a version is made of numbers"))
        .collect();
    numbers.try_into().expect("a version has three numbers")
}

/// The codes as `src/error/codes.rs` lists them: name, number, sentence.
fn codes(root: &Path) -> Vec<(String, String, String)> {
    let source = std::fs::read_to_string(root.join("src/error/codes.rs")).expect("codes.rs");
    let rows = source.lines().skip_while(|line| *line != "codes! {").skip(1);
    let codes: Vec<_> = rows
        .filter_map(|line| {
            // InvalidArgument = 1 "INVALID_ARGUMENT" "An argument or option is not valid."
            let mut parts = line.strip_prefix("    ")?.split('"');
            let (_, number) = parts.next()?.trim().split_once(" = ")?;
            let (name, _, text) = (parts.next()?, parts.next()?, parts.next()?);
            Some((name.to_owned(), number.to_owned(), text.to_owned()))
        })
        .collect();
    assert!(codes.len() > 40, "src/error/codes.rs has a row for each code");
    codes
}

/// The constants of a header, without their prefix and without those of its version.
pub fn defined(header: &str) -> Vec<(&str, &str)> {
    header
        .lines()
        .filter_map(|line| line.strip_prefix("#define OCIREG_")?.split_once(' '))
        .filter(|(name, _)| !name.starts_with("VERSION_"))
        .collect()
}
