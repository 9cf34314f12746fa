//! Functions fit on a screen, and files are about one thing: both have a limit. What is longer has a reason here.

use std::fs;
use std::path::{Path, PathBuf};

use syn::spanned::Spanned;
use syn::visit::Visit;

/// The most lines of a function, from its signature to its last brace.
const FUNCTION: usize = 60;

/// The most lines of a file without its tests.
const FILE: usize = 500;

/// Longer functions, as `file::function`, and why they are.
const LONG_FUNCTIONS: &[(&str, &str)] = &[
    ("src/client/unpack.rs::with_image", "one call from its image to its report"),
    ("src/tar/entries.rs::entry", "the headers of one entry, in the order in which they must come"),
    ("src/v2/pages.rs::fetch_as", "one loop over pages, with each reason to end it"),
    (
        "src/v2/referrers.rs::change_tag",
        "one loop: read, change, write, and check what others wrote",
    ),
];

/// Longer files, and why they are.
const LONG_FILES: &[(&str, &str)] = &[
    ("src/tar/entries.rs", "one reader for all dialects of headers"),
    ("src/v2/blob.rs", "one reader that resumes in every way that servers allow"),
    ("src/v2/pages.rs", "one reader of lists, with the links of all registries"),
    (
        "src/registry/session.rs",
        "one session, with the endpoints that each kind of request may use",
    ),
    ("src/http/client.rs", "one exchange, with everything that every request needs"),
];

/// The functions of a file outside of its tests, with their lines.
struct Functions(Vec<(String, usize)>);

impl Functions {
    fn add(&mut self, signature: &syn::Signature, block: &syn::Block) {
        let (start, end) = (signature.span().start(), block.span().end());
        self.0.push((signature.ident.to_string(), end.line + 1 - start.line));
    }
}

fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        syn::Meta::Path(path) => path.is_ident("test"),
        syn::Meta::List(list) => list.path.is_ident("cfg") && list.tokens.to_string() == "test",
        syn::Meta::NameValue(_) => false,
    })
}

impl<'ast> Visit<'ast> for Functions {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        if !is_test(&module.attrs) {
            syn::visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        if !is_test(&function.attrs) {
            self.add(&function.sig, &function.block);
            syn::visit::visit_item_fn(self, function);
        }
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.add(&function.sig, &function.block);
        syn::visit::visit_impl_item_fn(self, function);
    }
}

fn functions(code: &str) -> Vec<(String, usize)> {
    let mut found = Functions(Vec::new());
    found.visit_file(&syn::parse_file(code).expect("Rust"));
    found.0
}

/// The lines of a file up to its tests.
fn lines(code: &str) -> usize {
    code.lines().take_while(|line| *line != "#[cfg(test)]").count()
}

fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// What is too long and has no reason, and what has a reason and is not too long.
fn faults(long: &[String], reasons: &[(&str, &str)]) -> Vec<String> {
    let has_reason = |name: &&String| reasons.iter().any(|(known, _)| known == name);
    let is_short = |name: &&(&str, &str)| !long.iter().any(|long| long == name.0);
    let unreasoned = long.iter().filter(|name| !has_reason(name)).cloned();
    let stale = reasons.iter().filter(is_short).map(|(name, _)| format!("{name} is short now"));
    unreasoned.chain(stale).collect()
}

#[test]
fn functions_and_files_are_short() {
    let mut paths = Vec::new();
    sources(Path::new("src"), &mut paths);
    assert!(paths.len() > 150, "only {} files were found", paths.len());
    let (mut long_functions, mut long_files, mut lengths) = (Vec::new(), Vec::new(), Vec::new());
    for path in paths {
        let code = fs::read_to_string(&path).expect("a file of UTF-8");
        let path = path.display().to_string();
        for (name, count) in functions(&code).into_iter().filter(|(_, count)| *count > FUNCTION) {
            lengths.push(format!("{path}::{name}: {count} lines"));
            long_functions.push(format!("{path}::{name}"));
        }
        if lines(&code) > FILE {
            lengths.push(format!("{path}: {} lines", lines(&code)));
            long_files.push(path);
        }
    }
    let mut all = faults(&long_functions, LONG_FUNCTIONS);
    all.extend(faults(&long_files, LONG_FILES));
    assert!(all.is_empty(), "{all:#?}\nof {lengths:#?}");
}

#[test]
fn lengths_are_counted_without_tests() {
    let code = "fn a() {\n}\n\nimpl X {\n    /// b\n    pub fn b(\n        &self,\n    ) {\n    }\n}\n\n\
        #[cfg(test)]\nmod tests {\n    fn c() {\n    }\n    #[test]\n    fn d() {}\n}\n";
    assert_eq!(functions(code), [("a".to_owned(), 2), ("b".to_owned(), 4)]);
    assert_eq!(lines(code), 11);
    assert_eq!(faults(&["x".to_owned()], &[]), ["x"]);
    assert!(faults(&["x".to_owned()], &[("x", "one table")]).is_empty());
    assert_eq!(faults(&[], &[("x", "one table")]), ["x is short now"]);
}
