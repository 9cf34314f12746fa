//! The language of the documentation: the header, the pages, and the comments that users of the bindings read. This finds
//! the kinds of phrases that were rewritten before. Messages are in `english.rs`.

use std::fs;
use std::path::{Path, PathBuf};

use crate::docs::DIRECTORIES;
use crate::english::{BANNED, negated_noun};

/// What no documentation says, and what to say instead.
const RIDDLES: &[(&str, &str)] = &[
    ("freed by", "free it with"),
    ("owned by", "name who frees it"),
    ("Told ", "say what it receives"),
    ("are told", "name who says it to whom"),
    ("With whom", "name what it describes"),
    ("what it took", "name it"),
    ("who set them", "name who set it"),
    ("found right", "verified"),
    ("spoken to", "used, contacted"),
    ("taken up", "continued"),
    ("goes on with", "continues with"),
    ("go on with", "continue with"),
    ("in place of", "instead of"),
    ("is to be", "must be"),
    ("in the making", "name what it is"),
    ("What is known of", "name what it describes"),
    ("sks nobody", "sends nothing"),
    ("sks who it is", "asks which protocol it speaks"),
    ("that tells", "that answers"),
    ("does not tell", "does not state"),
    ("what the service knows", "the service's credentials"),
    ("It is no ", "it is not"),
    ("gets a name", "appears under its final name"),
    ("Puts a whole", "replaces the whole"),
    ("to the index alone", "only to the index"),
    ("Nothing unverified", "say when a blob appears"),
    ("a token realm may not", "say what a registry cannot do"),
    ("then no file is read", "set it to \"\" to ignore all credential files"),
    ("then keeps what", "stores the credentials"),
    ("its tokens to the", "say which host gets tokens"),
    ("Its end is reported", "say when the digest is checked"),
    ("Read reads. After", "say what stays after an error"),
    ("may be gone the next time", "errors are sticky, except cancellation and deadline"),
    ("ot supported yet", "describe what it does, or leave it out"),
    ("here are no options", "no options are defined yet"),
    ("here is no function", "say what is done instead"),
];

/// A line of documentation with its number.
type Line = (usize, String);

/// Where prose is.
enum Kind {
    /// Everything but blocks of code.
    Markdown,
    /// Comments that begin with `//`, or with a star in a block.
    C,
    /// Docstrings, and comments that begin with `#`.
    Python,
}

fn lines(kind: &Kind, text: &str) -> Vec<Line> {
    let mut inside = false;
    let numbered = text.lines().enumerate().map(|(at, line)| (at + 1, line));
    let prose = numbered.filter(|(_, line)| {
        let start = line.trim_start();
        match kind {
            Kind::Markdown => {
                let fence = start.starts_with("```");
                inside ^= fence;
                !inside && !fence
            }
            Kind::C => ["//", "/*", "*"].iter().any(|mark| start.starts_with(mark)),
            Kind::Python => {
                let quotes = line.matches("\"\"\"").count();
                let was = inside;
                inside ^= quotes % 2 == 1;
                was || quotes > 0 || start.starts_with('#')
            }
        }
    });
    prose.map(|(at, line)| (at, line.to_owned())).collect()
}

/// Every file with documentation for users.
fn files() -> Vec<(PathBuf, Kind)> {
    let mut files = vec![(PathBuf::from("include/ocireg.h"), Kind::C)];
    let code = [
        "bindings/python/ocireg",
        "bindings/python/ocireg/aio",
        "bindings/python/ocireg/_program",
        "bindings/python/examples",
    ];
    for directory in DIRECTORIES.iter().chain(&code) {
        for entry in fs::read_dir(directory).expect("a directory") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let kind = match name.rsplit_once('.') {
                // What was changed when is said in the words of that time.
                Some((name, "md")) if name != "CHANGELOG" => Kind::Markdown,
                Some((_, "hpp")) => Kind::C,
                Some((name, "go")) if !name.ends_with("_test") => Kind::C,
                Some((_, "py")) => Kind::Python,
                _ => continue,
            };
            files.push((path, kind));
        }
    }
    files
}

/// Why a line is not plain English, if it is not.
fn fault(line: &str) -> Option<String> {
    let found = BANNED.iter().chain(RIDDLES).find(|(phrase, _)| line.contains(phrase));
    if let Some((phrase, better)) = found {
        return Some(format!("{phrase:?}: say {better:?}"));
    }
    let words: Vec<&str> = line.split_whitespace().collect();
    words.windows(4).find_map(|four| negated_noun(four[0], &four[1..]))
}

#[test]
fn the_documentation_is_plain_english() {
    let (mut faults, mut count) = (Vec::new(), 0);
    for (path, kind) in files() {
        let text = fs::read_to_string(&path).expect("a file of UTF-8");
        for (at, line) in lines(&kind, &text) {
            count += 1;
            if let Some(why) = fault(&line) {
                faults.push(format!("{}:{at}: {}\n    {why}", path.display(), line.trim()));
            }
        }
    }
    assert!(count > 3000, "only {count} lines were found");
    assert!(faults.is_empty(), "{} lines:\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn riddles_are_found_in_each_kind_of_file() {
    let pages = "A text.\n```c\n/* freed by */\n```\nIt is freed by x().\n";
    let header = "int x; /* here */\n/** freed by\n * what it took\n */\nchar *freed_by; // plain";
    let python =
        "x = 'freed by'\n\"\"\"Told how.\n\nMust be text. must be text\n\"\"\"\n# is told\n";
    for (kind, text, expected) in [
        (Kind::Markdown, pages, vec![5]),
        (Kind::C, header, vec![2, 3]),
        (Kind::Python, python, vec![2, 4, 6]),
    ] {
        let found = lines(&kind, text).into_iter().filter(|(_, line)| fault(line).is_some());
        assert_eq!(found.map(|(at, _)| at).collect::<Vec<_>>(), expected, "{text}");
    }
    assert!(fault("X is no tag").is_some());
    assert!(fault("there is no tag, and it is no longer there").is_none());
}

/// The documentation of a function in src/ffi: its name and its comment.
fn documented(code: &str) -> Vec<(String, Vec<&str>)> {
    let (mut found, mut comment) = (Vec::new(), Vec::new());
    for line in code.lines() {
        if let Some(text) = line.strip_prefix("///") {
            comment.push(text.strip_prefix(' ').unwrap_or(text));
        } else if let Some(rest) = line.strip_prefix("pub unsafe extern \"C\" fn ") {
            let name = rest.split('(').next().unwrap_or_default();
            found.push((name.to_owned(), std::mem::take(&mut comment)));
        } else if !line.starts_with("#[") {
            comment.clear();
        }
    }
    found
}

/// What is wrong with the form of a function's documentation.
fn form(comment: &[&str]) -> Vec<String> {
    let mut faults = Vec::new();
    let first = comment.first().copied().unwrap_or_default();
    let verb = first.split_whitespace().next().unwrap_or_default();
    if !verb.ends_with('s') || verb.ends_with("ss") || verb == "Its" {
        faults.push(format!("begins with {verb:?}, not with a verb such as \"Returns\""));
    }
    let paragraphs = comment.split(|line| line.is_empty());
    for paragraph in paragraphs {
        let text = paragraph.join(" ");
        let ends = ['.', ':'].iter().any(|mark| text.ends_with(*mark));
        let is_code = text.starts_with("@code") || text.ends_with("@endcode");
        let is_list = text.contains("- ") || text.starts_with("@param");
        if !text.is_empty() && !ends && !is_code && !is_list {
            faults.push(format!("{text:?} does not end in a period"));
        }
    }
    for line in comment.iter().filter(|line| line.chars().count() > WIDTH) {
        faults.push(format!("is wider than {WIDTH} columns: {line}"));
    }
    for word in ["receives", "the", "a", "an"] {
        let parameter = |line: &&&str| {
            line.strip_prefix("@param ")
                .and_then(|rest| rest.split_whitespace().nth(1))
                .is_some_and(|start| start == word)
        };
        if let Some(line) = comment.iter().find(parameter) {
            faults.push(format!("does not begin a sentence with a capital letter: {line}"));
        }
    }
    faults
}

/// The width of the header's comments without their star.
const WIDTH: usize = 117;

#[test]
fn functions_are_documented_in_one_form() {
    let (mut faults, mut count) = (Vec::new(), 0);
    for entry in fs::read_dir("src/ffi").expect("src/ffi") {
        let path = entry.expect("an entry").path();
        let code = fs::read_to_string(&path).expect("a file of UTF-8");
        for (name, comment) in documented(&code) {
            count += 1;
            faults.extend(form(&comment).into_iter().map(|why| format!("{name} {why}")));
        }
    }
    assert!(count > 80, "only {count} functions were found");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn other_forms_of_documentation_are_found() {
    let good = ["Returns x, or y.", "", "@param x  The x.", "", "Never blocks. Since 0.1."];
    assert!(form(&good).is_empty(), "{:?}", form(&good));
    assert_eq!(form(&["The x."]).len(), 1);
    assert_eq!(form(&["Returns x"]).len(), 1);
    assert_eq!(form(&["Returns x.", "", "@param x  receives it."]).len(), 1);
    let wide = "Returns x. ".repeat(12);
    assert_eq!(form(&[wide.trim_end()]).len(), 1);
    let code = "/// Returns x.\n#[unsafe(no_mangle)]\npub unsafe extern \"C\" fn x() {}\n";
    assert_eq!(documented(code), [("x".to_owned(), vec!["Returns x."])]);
}

/// Lines that no editor shows whole are not read. A table cannot be wrapped.
#[test]
fn no_line_of_a_page_is_endless() {
    let mut faults = Vec::new();
    for (path, kind) in files().into_iter().filter(|(_, kind)| matches!(kind, Kind::Markdown)) {
        // The tables write these.
        if ["options.md", "errors.md", "events.md"]
            .iter()
            .any(|name| path.ends_with(Path::new(name)))
        {
            continue;
        }
        let text = fs::read_to_string(&path).expect("a file of UTF-8");
        for (at, line) in lines(&kind, &text) {
            if line.chars().count() > 150 && !line.starts_with('|') {
                faults.push(format!("{}:{at}", path.display()));
            }
        }
    }
    assert!(faults.is_empty(), "longer than 150 characters: {faults:?}");
}
