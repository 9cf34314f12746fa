//! The table from threats to tests: it names tests that exist, it misses none, and it notices one that failed.
//!
//! A file is one of a program in tests/, or a path: of a unit test below src/, of Go or Python below bindings/.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const TABLE: &str = "tests/security-rows.md";

/// What the specification asks for, and what registries do otherwise.
const CONFORMANCE: &str = "docs/conformance.md";

/// Row → file and name of its tests.
fn rows() -> BTreeMap<String, Vec<(String, String)>> {
    rows_of(TABLE)
}

fn rows_of(table: &str) -> BTreeMap<String, Vec<(String, String)>> {
    let table = fs::read_to_string(table).expect("the table");
    let mut rows = BTreeMap::new();
    for line in table.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| row")) {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let [row, _, tests] = cells[..] else { panic!("three cells: {line}") };
        let tests = tests.split("; ").flat_map(|group| {
            let (file, tests) = group.split_once(": ").expect("a file and its tests");
            tests.split(", ").map(|test| (file.to_owned(), test.to_owned())).collect::<Vec<_>>()
        });
        assert!(rows.insert(row.to_owned(), tests.collect()).is_none(), "{row} is there twice");
    }
    rows
}

/// The files of the programs in tests/, by name: no two have the same.
fn files() -> BTreeMap<String, PathBuf> {
    let mut files = BTreeMap::new();
    for program in ["suite", "process", "bindings", "generated", "peers", "project"] {
        for entry in fs::read_dir(Path::new("tests").join(program)).expect(program) {
            let path = entry.expect("an entry").path();
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            if path.extension().is_some_and(|extension| extension == "rs") && name != "main.rs" {
                let other = files.insert(name, path.clone());
                assert!(other.is_none(), "{}: {other:?} is there, too", path.display());
            }
        }
    }
    files
}

/// What the source of a test's file says where the test is, and the file.
fn declaration(file: &str, test: &str) -> (String, String) {
    match Path::new(file).extension().and_then(|extension| extension.to_str()) {
        Some("go") => (file.to_owned(), format!("\nfunc {test}(t *testing.T) {{")),
        Some("py") => (file.to_owned(), format!("\ndef {test}(")),
        _ if file.starts_with("src/") => {
            (file.to_owned(), format!("    #[test]\n    fn {test}() {{"))
        }
        _ => {
            let path = files().remove(file).unwrap_or_else(|| panic!("no file {file}"));
            (path.display().to_string(), format!("#[test]\nfn {test}() {{"))
        }
    }
}

/// What a passing run of a test prints.
fn passing(file: &str, test: &str) -> String {
    match Path::new(file).extension().and_then(|extension| extension.to_str()) {
        Some("go") => format!("=== RUN   {test}\n--- PASS: {test} (0.01s)"),
        Some("py") => {
            let path = file.strip_prefix("bindings/python/").expect("a test of Python");
            format!(
                "{path}::{test}[one] PASSED   [  1%]\n{path}::{test}[two words] PASSED   [  2%]"
            )
        }
        _ => match file.strip_prefix("src/").and_then(|path| path.strip_suffix(".rs")) {
            Some(path) => {
                let module = path.strip_suffix("/mod").unwrap_or(path).replace('/', "::");
                format!("test {module}::tests::{test} ... ok")
            }
            None => format!("test {}::{test} ... ok", file.trim_end_matches(".rs")),
        },
    }
}

/// The rows that a test is named after: `d2_d3_…` is of D2 and D3, `f14b_…` of F14b.
fn named_after(test: &str) -> Vec<String> {
    test.split('_')
        .take_while(|part| {
            let number = part.strip_prefix(['a', 'b', 'c', 'd', 'e', 'f', 'x']).unwrap_or_default();
            let digits = number.strip_suffix('b').unwrap_or(number);
            !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
        })
        .map(|part| part[..1].to_uppercase() + &part[1..])
        .collect()
}

#[test]
fn every_row_has_its_test_and_every_test_of_a_row_is_in_the_table() {
    let rows = rows();
    assert!(rows.len() > 20, "{rows:?}");
    for (row, tests) in &rows {
        for (file, test) in tests {
            let (path, declaration) = declaration(file, test);
            let source = fs::read_to_string(path).expect(file);
            assert!(source.contains(&declaration), "{row}: {file}: {test}");
        }
        // The kinds found in the field came after their tests.
        assert!(
            row.starts_with('G') || tests.iter().any(|(_, test)| named_after(test).contains(row)),
            "no test is named after {row}"
        );
    }
    for (file, path) in files() {
        let source = fs::read_to_string(&path).expect("a source");
        for test in source.split("#[test]\nfn ").skip(1) {
            let name = test.split('(').next().unwrap_or_default().to_owned();
            for row in named_after(&name) {
                let tests =
                    rows.get(&row).unwrap_or_else(|| panic!("{file}: {name}: no row {row}"));
                assert!(
                    tests.contains(&(file.clone(), name.clone())),
                    "{row} lacks {file}: {name}"
                );
            }
        }
    }
}

#[test]
fn every_line_of_the_specification_and_every_habit_of_a_registry_has_its_test() {
    let rows = rows_of(CONFORMANCE);
    for (row, tests) in &rows {
        assert!(!tests.is_empty(), "{row}");
        for (file, test) in tests {
            let (path, declaration) = declaration(file, test);
            let source = fs::read_to_string(path).expect(file);
            assert!(source.contains(&declaration), "{row}: {file}: {test}");
        }
    }
    // None is left out: they are numbered.
    for (kind, least) in [("S", 38), ("Q", 30)] {
        let count = rows.keys().filter(|row| row.starts_with(kind)).count();
        assert!(count >= least, "{kind}: {count}");
        for number in 1..=count {
            assert!(rows.contains_key(&format!("{kind}{number}")), "{kind}{number}");
        }
    }
}

/// An output of cargo test in which every test of the table passes, but for some changes.
fn judge(change: impl Fn(&str, &str) -> Option<String>) -> (bool, String) {
    let mut log =
        String::from("   Compiling ocireg\n     Running unittests src/lib.rs (target/x)\n");
    for (file, test) in rows().values().flatten() {
        let line = change(file, test).unwrap_or_else(|| passing(file, test));
        log += &match Path::new(file).extension().is_some_and(|extension| extension == "rs") {
            true if file.starts_with("src/") => {
                format!("     Running unittests src/lib.rs (x)\n{line}\n")
            }
            true => format!("     Running tests/suite/main.rs (x)\n\n{line}\n"),
            false => format!("{line}\n"),
        };
    }
    let directory = ocireg_testkit::tempdir();
    let path = directory.path().join("log");
    fs::write(&path, log).expect("a file");
    let output = Command::new("tests/row-table").arg(&path).arg(TABLE).output().expect("python3");
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(text).expect("text"))
}

#[test]
fn the_table_of_results_fails_when_a_row_has_no_passing_test() {
    let (passed, text) = judge(|_, _| None);
    assert!(passed, "{text}");
    for (row, tests) in rows() {
        for (file, test) in tests {
            assert!(text.contains(&format!("{row:5} {file}: {test}: ok\n")), "{text}");
        }
    }
    // One of several runs of a test of Python, one of Go, one of a unit.
    for (row, change) in [
        ("G14", "PASSED   [  1%]\n", "FAILED   [  1%]\n"),
        ("G18", "--- PASS", "--- FAIL"),
        ("G18", "--- PASS", "--- SKIP"),
        ("G8", "... ok", "... FAILED"),
    ]
    .map(|(row, from, to)| (row, move |text: String| text.replace(from, to)))
    {
        let (file, victim) = &rows()[row][0];
        let (passed, text) =
            judge(|_, test| (test == victim).then(|| change(passing(file, victim))));
        let bad = text.lines().last().unwrap_or_default();
        assert!(!passed && bad.ends_with(&format!(": {row}")), "{row}: {bad}");
    }
    let (file, victim) = &rows()["A8"][0];
    let full = format!("{}::{victim}", file.trim_end_matches(".rs"));
    for instead in
        [format!("test {full} ... FAILED"), format!("test {full} ... ignored, no"), String::new()]
    {
        let (passed, text) = judge(|_, test| (test == victim).then(|| instead.clone()));
        assert!(!passed && text.contains("rows without a passing test: A8"), "{text}");
    }
    // The same name in another file is another test.
    let (passed, text) =
        judge(|_, test| (test == victim).then(|| format!("test other::{test} ... ok")));
    assert!(!passed && text.contains("NOT RUN"), "{text}");
}
