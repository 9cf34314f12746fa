//! Every file that bindings/gen makes is the one that is committed.

use std::path::Path;

use ocireg_bindings_gen::generate;

#[test]
fn generated_files_are_current() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = generate(root);
    if std::env::var_os("OCIREG_UPDATE").is_some() {
        for file in files.iter().filter(|file| !file.is_current(root)) {
            file.write(root).expect("written");
        }
    }
    let old: Vec<_> = files.iter().filter(|f| !f.is_current(root)).map(|f| &f.path).collect();
    assert!(
        old.is_empty(),
        "OCIREG_UPDATE=1 cargo test --test generated makes these anew: {old:?}"
    );
}

/// Who opens such a file must see at once that a change belongs elsewhere.
#[test]
fn generated_files_say_so_in_their_first_line() {
    for file in generate(Path::new(env!("CARGO_MANIFEST_DIR"))) {
        // A list of symbols has no place for a comment, and ocireg.hpp marks its sections.
        if ["symbols.txt", "ocireg.hpp"].iter().any(|name| file.path.ends_with(name)) {
            continue;
        }
        let first = file.text.lines().next().unwrap_or_default();
        assert!(first.contains("bindings/gen"), "{}: {first}", file.path.display());
    }
}
