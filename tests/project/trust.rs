//! What comes with a release says what is in it: licences, the bill of materials, the ABI, the version.

use std::path::Path;
use std::process::Command;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

#[test]
fn licences_and_bill_of_materials_are_current() {
    let output = Command::new(root().join("packaging/inventory")).arg("--check").output();
    let output = output.expect("python3");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let licences = read("packaging/THIRD-PARTY-LICENSES");
    let bill: serde_json::Value =
        serde_json::from_str(&read("packaging/ocireg.cdx.json")).expect("JSON");
    assert_eq!(bill["metadata"]["component"]["version"], env!("CARGO_PKG_VERSION"));
    let components = bill["components"].as_array().expect("components");
    assert!(components.len() > 50);
    for component in components {
        let name = component["name"].as_str().expect("a name");
        let version = component["version"].as_str().expect("a version");
        assert!(licences.contains(&format!("\n{name} {version}, ")), "{name} {version}");
        assert_eq!(component["hashes"][0]["alg"], "SHA-256", "{name} comes from the registry");
    }
    // Of what is linked under its own terms alone, the text is there.
    for part in ["Copyright (c) Meta Platforms", "Brian Smith", "Redistribution and use in source"]
    {
        assert!(licences.contains(part), "{part}");
    }
    assert!(!licences.contains("serde_derive"), "it only runs while the library is built");
}

#[test]
fn every_file_names_the_same_version() {
    let version = env!("CARGO_PKG_VERSION");
    for (path, line) in [
        (
            "bindings/c/cmake/ocireg-config-version.cmake",
            format!("set(PACKAGE_VERSION \"{version}\")"),
        ),
        ("bindings/python/ocireg/__init__.py", format!("__version__ = \"{version}\"")),
        ("include/ocireg.h", format!("#define OCIREG_VERSION_STRING \"{version}\"")),
        ("CHANGELOG.md", format!("\n## {version}")),
    ] {
        assert!(read(path).contains(&line), "{path} does not say {line:?}");
    }
}

/// The C interface is compared with that of the last release, and the comparison notices what breaks it.
#[test]
fn the_c_interface_only_grew_since_the_last_release() {
    let abi = || {
        let output = Command::new(root().join("packaging/abi")).output().expect("bash");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.success(), text(&output.stdout) + &text(&output.stderr))
    };
    let (held, said) = abi();
    assert!(held, "{said}");
    assert!(said.contains("0 Removed, 0 Changed"), "{said}");
}
