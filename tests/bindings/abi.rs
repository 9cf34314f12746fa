//! The promises of the shared library: what it exports, how it is named, and that nothing escapes the boundary.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::declarations;
use ocireg_testkit::stage;
use proc_macro2::{TokenStream, TokenTree};

fn library() -> PathBuf {
    stage::prefix().join("lib/libocireg.so")
}

fn dynamic_section() -> String {
    stage::output(Command::new("readelf").args(["--dynamic", "--wide"]).arg(library()))
}

fn exported() -> Vec<String> {
    let listing =
        stage::output(Command::new("nm").args(["--dynamic", "--defined-only"]).arg(library()));
    let mut names: Vec<String> =
        listing.lines().filter_map(|l| l.split_whitespace().nth(2)).map(str::to_owned).collect();
    names.sort();
    names
}

#[test]
fn x20_the_exported_symbols_are_the_committed_list() {
    let file = stage::root().join("tests/data/symbols.txt");
    let exported = exported();
    let committed = std::fs::read_to_string(&file).expect("tests/data/symbols.txt");
    assert_eq!(
        committed.lines().collect::<Vec<_>>(),
        exported,
        "a new function: OCIREG_UPDATE=1 cargo test --test generated; a missing one breaks the ABI"
    );
}

/// The oldest glibc that may load a library built on this machine is what its symbols ask for, and nothing newer: packed
/// relocations, for one, would ask for 2.36.
#[test]
fn the_library_asks_for_no_newer_glibc_than_its_symbols_need() {
    let versions =
        stage::output(Command::new("readelf").args(["--version-info", "--wide"]).arg(library()));
    let mut newest = (0, 0);
    for word in versions.split_whitespace() {
        let Some(version) = word.strip_prefix("GLIBC_") else { continue };
        let (major, minor) = version.split_once('.').unwrap_or_else(|| panic!("it needs {word}"));
        let minor = minor.split('.').next().and_then(|minor| minor.parse().ok());
        newest = newest.max((major.parse().expect("a number"), minor.expect("a number")));
    }
    assert!(newest > (2, 0), "no version was found:\n{versions}");
    assert!(newest <= (2, 34), "it needs glibc {newest:?}");
    assert!(!dynamic_section().contains("(RELR"), "packed relocations need glibc 2.36");
}

#[test]
fn the_exported_symbols_are_the_functions_of_the_header() {
    let header =
        std::fs::read_to_string(stage::prefix().join("include/ocireg.h")).expect("staged header");
    let mut declared: Vec<String> =
        declarations::functions(&header).into_iter().map(|f| f.name).collect();
    declared.sort();
    assert_eq!(declared, exported());
}

#[test]
fn x19_the_library_is_named_and_stays_loaded() {
    let section = dynamic_section();
    assert!(section.contains("Library soname: [libocireg.so.0]"), "{section}");
    assert!(
        section.lines().any(|l| l.contains("(FLAGS_1)") && l.contains("NODELETE")),
        "thread-locals with destructors: the library must not be unmapped\n{section}"
    );
    assert!(!section.contains("TEXTREL"), "{section}");
    for name in ["libocireg.so", "libocireg.so.0"] {
        let path = std::fs::canonicalize(stage::prefix().join("lib").join(name)).expect(name);
        assert!(path.ends_with(concat!("lib/libocireg.so.", env!("CARGO_PKG_VERSION"))));
    }
}

/// Anything more would have to be on every machine that loads us.
#[test]
fn the_library_needs_only_the_c_library() {
    let section = dynamic_section();
    let needed = section.lines().filter(|line| line.contains("(NEEDED)"));
    for line in needed {
        let name = line.split(['[', ']']).nth(1).expect("a name");
        assert!(
            ["libc.so.", "libgcc_s.so.", "libm.so.", "ld-linux"]
                .iter()
                .any(|p| name.starts_with(p)),
            "the library needs {name}"
        );
    }
}

#[test]
fn the_release_library_is_small() {
    if stage::profile() == "release" {
        let size = std::fs::metadata(library()).expect("staged").len();
        // It should be 4; unpacking, archives, mirrors and zstd have taken it beyond that.
        assert!(size <= 9 << 19, "{size} bytes are more than 4.5 MiB");
    } else {
        // The debug library is no measure; the test command stages the release library.
        assert_eq!(stage::profile(), "debug");
    }
}

#[test]
fn pkg_config_knows_the_library() {
    let prefix = stage::prefix().display();
    let flags = stage::output(stage::pkg_config().args(["--cflags", "--libs", "ocireg"]));
    assert_eq!(
        flags.split_whitespace().collect::<Vec<_>>(),
        [format!("-I{prefix}/include"), format!("-L{prefix}/lib"), "-locireg".to_owned()]
    );
    let version = stage::output(stage::pkg_config().args(["--modversion", "ocireg"]));
    assert_eq!(version.trim_end(), env!("CARGO_PKG_VERSION"));
}

/// An install for a package names the prefix and writes nowhere but below DESTDIR.
#[test]
fn destdir_holds_everything() {
    stage::prefix(); // Built once, under the lock.
    let dest = ocireg_testkit::tempdir();
    let mut install = Command::new(stage::root().join("bindings/c/install.sh"));
    install.args(["--prefix", "/opt/no-such/ocireg", "--profile", &stage::profile()]);
    stage::run(stage::outside_cargo(install.arg("--destdir").arg(dest.path())));
    let mut found = Vec::new();
    walk(dest.path(), &mut |path| {
        let path = path.strip_prefix(dest.path()).expect("below");
        found.push(path.to_string_lossy().into_owned());
    });
    found.sort();
    let pages = std::fs::read_dir(stage::root().join("bindings/c/man")).expect("manual pages");
    let pages = pages.map(|page| page.expect("a page").file_name().to_string_lossy().into_owned());
    let mut expected: Vec<String> = [
        "include/ocireg.h",
        "include/ocireg.hpp",
        "lib/libocireg.a",
        "lib/libocireg.so",
        "lib/libocireg.so.0",
        concat!("lib/libocireg.so.", env!("CARGO_PKG_VERSION")),
        "lib/pkgconfig/ocireg.pc",
        "share/cmake/ocireg/ocireg-config-version.cmake",
        "share/cmake/ocireg/ocireg-config.cmake",
    ]
    .map(str::to_owned)
    .into_iter()
    .chain(pages.map(|page| format!("share/man/man3/{page}")))
    .map(|name| format!("opt/no-such/ocireg/{name}"))
    .collect();
    expected.sort();
    assert_eq!(found, expected);
    assert!(!Path::new("/opt/no-such").exists());
    let pc = dest.path().join("opt/no-such/ocireg/lib/pkgconfig/ocireg.pc");
    assert!(std::fs::read_to_string(pc).expect("pc").contains("prefix=/opt/no-such/ocireg\n"));
}

/// The boundary: an exported function is one guard!(…) and nothing else, so no panic and no NULL gets past it.
#[test]
fn x6_every_exported_function_is_one_guard() {
    let mut exported = 0;
    for (path, file) in sources() {
        let ffi = path.starts_with("src/ffi");
        each_function(&file.items, &mut |function| {
            let Some(abi) = &function.sig.abi else { return };
            let name = function.sig.ident.to_string();
            let place = format!("{}: {name}", path.display());
            assert!(ffi, "{place}: only src/ffi defines functions for C");
            assert_eq!(abi.name.as_ref().map(syn::LitStr::value).as_deref(), Some("C"), "{place}");
            assert!(name.starts_with("ocireg_"), "{place}: exported names begin with ocireg_");
            assert!(matches!(function.vis, syn::Visibility::Public(_)), "{place}: is not pub");
            assert!(function.sig.unsafety.is_some(), "{place}: is not unsafe");
            assert!(function.attrs.iter().any(is_no_mangle), "{place}: no #[unsafe(no_mangle)]");
            assert!(is_one_guard(&function.block), "{place}: its body is not one guard!(…)");
            exported += 1;
        });
    }
    assert_eq!(exported, self::exported().len(), "functions found in src/ffi and in the library");
}

/// What the room of a file allows it to name, by tokens: comments, text and macros' insides cannot hide it.
#[test]
fn rooms_keep_their_words() {
    for (path, tokens) in token_streams() {
        let shown = path.display();
        let at = |room: &str| path.starts_with(room);
        words(tokens, &mut |word, line| match word {
            "unsafe" | "no_mangle" | "export_name" if !at("src/ffi") => {
                assert!(
                    word == "unsafe" && at("src/os"),
                    "{shown}:{line}: {word} belongs in src/ffi (unsafe also in src/os)"
                );
            }
            "ureq" => assert!(at("src/http"), "{shown}:{line}: only src/http knows ureq"),
            _ => {}
        });
    }
}

/// Each use of `unsafe` in a body says why it is sound, in a line right above it (or above the statement it is in).
#[test]
fn every_unsafe_says_why() {
    for (path, tokens) in token_streams() {
        let text = std::fs::read_to_string(stage::root().join(&path)).expect("source");
        let lines: Vec<&str> = text.lines().collect();
        words(tokens, &mut |word, line| {
            let code = lines[line - 1].trim();
            let declares = ["unsafe fn", "unsafe extern", "#[unsafe(", "$"]
                .iter()
                .any(|form| code.contains(form) && !code.contains("unsafe {"));
            if word != "unsafe" || declares {
                return;
            }
            // A statement may begin some lines above its `unsafe`; the reason stands before the statement.
            let above = lines[..line - 1].iter().rev().take(8);
            assert!(
                above.clone().any(|l| l.contains("// SAFETY:")),
                "{}:{line}: unsafe without a // SAFETY: line",
                path.display()
            );
        });
    }
}

/// A panic strategy of abort would turn every guard into the end of the process.
#[test]
fn x6_panics_unwind_in_every_profile() {
    let manifest = std::fs::read_to_string(stage::root().join("Cargo.toml")).expect("Cargo.toml");
    assert!(!manifest.lines().any(|line| line.trim_start().starts_with("panic")));
    const { assert!(cfg!(panic = "unwind")) };
}

fn sources() -> Vec<(PathBuf, syn::File)> {
    let mut files = Vec::new();
    each_source(&mut |path, text| {
        let file = syn::parse_file(text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        files.push((path, file));
    });
    files
}

fn token_streams() -> Vec<(PathBuf, TokenStream)> {
    let mut files = Vec::new();
    each_source(&mut |path, text| {
        let tokens = text.parse().unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        files.push((path, tokens));
    });
    files
}

fn each_source(then: &mut dyn FnMut(PathBuf, &str)) {
    let mut found = 0;
    walk(&stage::root().join("src"), &mut |path| {
        if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(path).expect("source");
            then(path.strip_prefix(stage::root()).expect("inside").to_path_buf(), &text);
            found += 1;
        }
    });
    assert!(found > 10, "the sources are found");
}

fn walk(dir: &Path, then: &mut dyn FnMut(&Path)) {
    for entry in std::fs::read_dir(dir).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() { walk(&path, then) } else { then(&path) }
    }
}

fn each_function(items: &[syn::Item], then: &mut dyn FnMut(&syn::ItemFn)) {
    for item in items {
        match item {
            syn::Item::Fn(function) => then(function),
            // Unit tests may hand callbacks of their own to the functions they test.
            syn::Item::Mod(module) if !module.attrs.iter().any(is_cfg_test) => {
                if let Some((_, items)) = &module.content {
                    each_function(items, then);
                }
            }
            _ => {}
        }
    }
}

fn is_cfg_test(attribute: &syn::Attribute) -> bool {
    attribute.path().is_ident("cfg")
        && attribute.parse_args::<syn::Ident>().is_ok_and(|ident| ident == "test")
}

fn is_no_mangle(attribute: &syn::Attribute) -> bool {
    attribute.path().is_ident("unsafe")
        && attribute.parse_args::<syn::Ident>().is_ok_and(|ident| ident == "no_mangle")
}

fn is_one_guard(block: &syn::Block) -> bool {
    let [statement] = block.stmts.as_slice() else { return false };
    let called = match statement {
        syn::Stmt::Macro(statement) => &statement.mac,
        syn::Stmt::Expr(syn::Expr::Macro(expression), None) => &expression.mac,
        _ => return false,
    };
    called.path.is_ident("guard")
}

fn words(tokens: TokenStream, then: &mut dyn FnMut(&str, usize)) {
    for token in tokens {
        match token {
            TokenTree::Group(group) => words(group.stream(), then),
            TokenTree::Ident(ident) => then(&ident.to_string(), ident.span().start().line),
            _ => {}
        }
    }
}
