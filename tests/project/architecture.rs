//! The rooms of docs/architecture.md and the rules about them, held against the code.
//!
//! The code is read as tokens, so that paths count wherever they stand: in a `use`, in an expression, in a macro. What
//! is compiled for tests only is left out: a test may fetch what it needs from anywhere, and no user ever runs it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::str::FromStr;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// The list of rooms in the page: the first word of each line of the block that is marked `rooms`, from the ground up.
fn rooms(page: &str) -> Vec<String> {
    let block = page.split("```rooms\n").nth(1).expect("a block that is marked `rooms`");
    let block = block.split("```").next().expect("the end of the block");
    let names = block.lines().filter_map(|line| line.split_whitespace().next());
    names.map(str::to_owned).collect()
}

/// A module's path below the crate: empty is the crate itself.
type Module = Vec<String>;

/// A path as the code has it, from the module that it stands in; a re-export gives it another name.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Mention {
    module: Module,
    path: Vec<String>,
    exported_as: Option<String>,
}

/// What the code of one file says.
#[derive(Debug, Default)]
struct Reading {
    mentions: Vec<Mention>,
    /// Every identifier that is not a test's.
    words: Vec<String>,
    /// Those that stand before a `!`.
    macros: BTreeSet<String>,
    /// The names of its `pub fn`s.
    public: Vec<String>,
}

impl Reading {
    fn of(text: &str, module: &Module) -> Self {
        let mut reading = Self::default();
        reading.walk(TokenStream::from_str(text).expect("Rust"), module);
        reading
    }

    fn walk(&mut self, stream: TokenStream, module: &Module) {
        let tokens: Vec<TokenTree> = stream.into_iter().collect();
        let mut at = 0;
        while at < tokens.len() {
            if is_for_tests(&tokens[at..]) {
                at += length_of_item(&tokens[at..]);
                continue;
            }
            match &tokens[at] {
                TokenTree::Ident(word) => {
                    let word = word.to_string();
                    if is_punct(tokens.get(at + 1), '!') {
                        self.macros.insert(word.clone());
                    }
                    if word == "fn" {
                        self.function(&tokens, at);
                    }
                    if word == "mod"
                        && let (Some(TokenTree::Ident(name)), Some(TokenTree::Group(body))) =
                            (tokens.get(at + 1), tokens.get(at + 2))
                    {
                        let inner = [module.as_slice(), &[name.to_string()]].concat();
                        self.walk(body.stream(), &inner);
                        at += 3;
                        continue;
                    }
                    let begins = at == 0 || !is_punct(tokens.get(at - 1), ':');
                    if begins && is_path_separator(&tokens[at + 1..]) {
                        let exported = exports(&tokens[..at]);
                        self.path(&tokens[at..], &[], module, exported);
                    }
                    self.words.push(word);
                }
                TokenTree::Group(group) => self.walk(group.stream(), module),
                _ => {}
            }
            at += 1;
        }
    }

    /// Takes a path, or a tree of them.
    fn path(&mut self, tokens: &[TokenTree], before: &[String], module: &Module, exported: bool) {
        let mut path = before.to_vec();
        let mut rest = tokens;
        loop {
            match rest {
                [TokenTree::Ident(word), more @ ..] => {
                    path.push(word.to_string());
                    rest = more;
                }
                [TokenTree::Group(tree), ..] if tree.delimiter() == Delimiter::Brace => {
                    let inner: Vec<TokenTree> = tree.stream().into_iter().collect();
                    for branch in inner.split(|token| is_punct(Some(token), ',')) {
                        if !branch.is_empty() {
                            self.path(branch, &path, module, exported);
                        }
                    }
                    return;
                }
                [star, ..] if is_punct(Some(star), '*') => {
                    path.push("*".to_owned());
                    rest = &[];
                }
                _ => break,
            }
            if !is_path_separator(rest) {
                break;
            }
            rest = &rest[2..];
        }
        if path.last().is_some_and(|last| last == "self") && path.len() > 1 {
            path.pop();
        }
        let exported_as = exported.then(|| match rest {
            [TokenTree::Ident(word), TokenTree::Ident(name), ..] if word == "as" => {
                name.to_string()
            }
            _ => path.last().cloned().unwrap_or_default(),
        });
        self.mentions.push(Mention { module: module.clone(), path, exported_as });
    }

    /// Takes the name of the function at a place, if anybody may call it.
    fn function(&mut self, tokens: &[TokenTree], at: usize) {
        let Some(TokenTree::Ident(name)) = tokens.get(at + 1) else { return };
        let modifiers = ["const", "unsafe", "async"];
        let mut before = tokens[..at].iter().rev();
        let first = before
            .find(|t| !matches!(t, TokenTree::Ident(word) if modifiers.iter().any(|m| word == m)));
        if matches!(first, Some(TokenTree::Ident(word)) if word == "pub") {
            self.public.push(name.to_string());
        }
    }
}

fn is_punct(token: Option<&TokenTree>, wanted: char) -> bool {
    matches!(token, Some(TokenTree::Punct(found)) if found.as_char() == wanted)
}

fn is_path_separator(tokens: &[TokenTree]) -> bool {
    is_punct(tokens.first(), ':') && is_punct(tokens.get(1), ':')
}

/// Whether the path that follows these tokens is one of a `pub use`.
fn exports(before: &[TokenTree]) -> bool {
    let mut words = before.iter().rev();
    matches!(words.next(), Some(TokenTree::Ident(word)) if word == "use")
        && match words.next() {
            Some(TokenTree::Ident(word)) => word == "pub",
            // `pub(crate) use`
            Some(TokenTree::Group(group)) => group.delimiter() == Delimiter::Parenthesis,
            _ => false,
        }
}

/// Whether `#[cfg(test)]` or `#[test]` stands here.
fn is_for_tests(tokens: &[TokenTree]) -> bool {
    let [hash, TokenTree::Group(attribute), ..] = tokens else { return false };
    let text: String = attribute.stream().to_string().split_whitespace().collect();
    is_punct(Some(hash), '#') && matches!(&*text, "cfg(test)" | "test")
}

/// How many tokens an item has: up to its body or semicolon.
fn length_of_item(tokens: &[TokenTree]) -> usize {
    let end = tokens.iter().position(|token| match token {
        TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
        other => is_punct(Some(other), ';'),
    });
    end.map_or(tokens.len(), |end| end + 1)
}

/// All files of the library: what they say, and which module each of them is.
struct House {
    files: BTreeMap<String, Reading>,
    modules: BTreeMap<Module, String>,
}

impl House {
    /// The files of src, by their path below it.
    fn of<'a>(texts: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let (mut files, mut modules) = (BTreeMap::new(), BTreeMap::new());
        for (path, text) in texts {
            let mut module: Module =
                path.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
            if matches!(module.last().map(String::as_str), Some("mod" | "lib")) {
                module.pop();
            }
            files.insert(path.to_owned(), Reading::of(text, &module));
            modules.insert(module, path.to_owned());
        }
        Self { files, modules }
    }

    /// The file that holds what a path names; None where it is not ours.
    fn file(&self, module: &Module, path: &[String]) -> Option<&str> {
        let mut at = match path[0].as_str() {
            "crate" => Module::new(),
            "self" => module.clone(),
            "super" => module.clone(),
            first => [module.as_slice(), &[first.to_owned()]].concat(),
        };
        let mut rest = &path[1..];
        if path[0] == "super" {
            at.pop();
            while rest.first().is_some_and(|next| next == "super") {
                at.pop();
                rest = &rest[1..];
            }
        } else if !matches!(&*path[0], "crate" | "self") && !self.modules.contains_key(&at) {
            return None;
        }
        for (place, name) in rest.iter().enumerate() {
            let below = [at.as_slice(), std::slice::from_ref(name)].concat();
            if self.modules.contains_key(&below) {
                at = below;
                continue;
            }
            if let Some(file) = self.modules.get(&at)
                && let Some(door) = self.files[file]
                    .mentions
                    .iter()
                    .find(|m| m.module == at && m.exported_as.as_ref() == Some(name))
            {
                let behind = [&door.path, &rest[place + 1..]].concat();
                return self.file(&door.module, &behind);
            }
            break;
        }
        // A module inside a file belongs to the file.
        while !self.modules.contains_key(&at) {
            at.pop()?;
        }
        self.modules.get(&at).map(String::as_str)
    }

    /// Who uses whom. A re-export is a door, not a use.
    fn arrows(&self) -> BTreeMap<&str, BTreeSet<&str>> {
        let mut arrows = BTreeMap::<&str, BTreeSet<&str>>::new();
        for (file, reading) in &self.files {
            let to = arrows.entry(file).or_default();
            for mention in reading.mentions.iter().filter(|m| m.exported_as.is_none()) {
                to.extend(self.file(&mention.module, &mention.path).filter(|to| to != file));
            }
        }
        arrows
    }

    /// What is wrong with the rooms.
    fn faults(&self, rooms: &[String]) -> Vec<String> {
        let mut faults = Vec::new();
        let room = |file: &str| {
            let file = file.trim_end_matches(".rs");
            let matching = rooms
                .iter()
                .enumerate()
                .filter(|(_, room)| file == room.as_str() || file.starts_with(&format!("{room}/")));
            matching.max_by_key(|(_, room)| room.len()).map(|(rank, _)| rank)
        };
        let inside = |file: &&str| *file != "lib.rs";
        let known: BTreeSet<usize> = self.files.keys().filter_map(|file| room(file)).collect();
        for (rank, name) in rooms.iter().enumerate() {
            if !known.contains(&rank) {
                faults.push(format!("the page lists {name}, which does not exist"));
            }
        }
        let arrows = self.arrows();
        for (from, to) in arrows.iter().filter(|(from, _)| inside(from)) {
            let Some(own) = room(from) else {
                faults.push(format!("{from} is in no room of the page"));
                continue;
            };
            for to in to.iter().filter(|to| inside(to)) {
                if room(to).is_some_and(|other| other > own) {
                    faults.push(format!("{from} uses {to}, which is above it"));
                }
            }
        }
        faults.extend(circles(&arrows));
        faults
    }

    /// What is said where it must not be.
    fn forbidden(&self, rules: &[Rule]) -> Vec<String> {
        let mut faults = Vec::new();
        for rule in rules {
            for (file, reading) in &self.files {
                if rule.only_in.iter().any(|place| file.starts_with(place)) {
                    continue;
                }
                for word in rule.words {
                    let said = match word.strip_suffix('!') {
                        Some(name) => reading.macros.contains(name),
                        None if word.contains("::") => reading.mentions.iter().any(|mention| {
                            format!("::{}::", mention.path.join("::"))
                                .contains(&format!("::{word}::"))
                        }),
                        None => reading.words.iter().any(|said| said == word),
                    };
                    if said {
                        faults.push(format!("{file} says {word}: {}", rule.why));
                    }
                }
            }
        }
        faults
    }

    /// Public functions below the rooms of the interface that nothing but a test calls. By name: another function of
    /// the same name hides one.
    fn uncalled(&self, interface: &[&str]) -> Vec<String> {
        let mut said = BTreeMap::<&str, usize>::new();
        for word in self.files.values().flat_map(|reading| &reading.words) {
            *said.entry(word).or_default() += 1;
        }
        let mut faults = Vec::new();
        for (file, reading) in &self.files {
            for name in &reading.public {
                let outside = !interface.iter().any(|room| file.starts_with(room));
                if outside && said.get(name.as_str()) == Some(&1) {
                    faults.push(format!("{file}: nothing calls {name}()"));
                }
            }
        }
        faults
    }
}

/// Files that use each other, directly or by way of others.
fn circles(arrows: &BTreeMap<&str, BTreeSet<&str>>) -> Vec<String> {
    let reach = |start: &str| {
        let mut seen = BTreeSet::new();
        let mut left = vec![start];
        while let Some(file) = left.pop() {
            for next in arrows.get(file).into_iter().flatten() {
                if seen.insert(*next) {
                    left.push(next);
                }
            }
        }
        seen
    };
    let reached: BTreeMap<&str, BTreeSet<&str>> =
        arrows.keys().map(|file| (*file, reach(file))).collect();
    let mut told = BTreeSet::new();
    let mut faults = Vec::new();
    for (file, others) in &reached {
        if !others.contains(file) || told.contains(file) {
            continue;
        }
        let round: Vec<&str> =
            others.iter().filter(|other| reached[*other].contains(file)).copied().collect();
        told.extend(round.iter().copied());
        faults.push(format!("a circle: {}", round.join(", ")));
    }
    faults
}

/// Words that only some places may say, and why.
struct Rule {
    words: &'static [&'static str],
    only_in: &'static [&'static str],
    why: &'static str,
}

/// "One place for each thing", as far as words show it.
const RULES: &[Rule] = &[
    Rule {
        words: &["unsafe"],
        only_in: &["ffi/", "os/child.rs", "os/descriptor.rs", "os/environment.rs", "os/process.rs"],
        why: "unsafe code is in ffi/, and in four files of os/",
    },
    Rule { words: &["ureq"], only_in: &["http/"], why: "only http/ knows the HTTP client" },
    Rule {
        words: &["Command", "Child", "process::Command"],
        only_in: &["os/child.rs"],
        why: "os/child.rs starts processes",
    },
    Rule {
        words: &["fs::read", "fs::read_to_string", "File::open", "File::create", "fs::write"],
        only_in: &["os/"],
        why: "os/ reads files within a bound, and writes them as a whole",
    },
    Rule {
        words: &["RandomState", "rand", "getrandom"],
        only_in: &["crypto/"],
        why: "crypto/ makes random numbers",
    },
    Rule {
        words: &["print!", "println!", "eprint!", "eprintln!", "dbg!"],
        only_in: &[],
        why: "the standard streams are the host's",
    },
];

fn on_disk() -> (Vec<String>, Vec<(String, String)>) {
    fn collect(dir: &Path, src: &Path, files: &mut Vec<(String, String)>) {
        for entry in std::fs::read_dir(dir).expect("a directory") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                collect(&path, src, files);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(src).expect("below src").display().to_string();
                files.push((name, std::fs::read_to_string(&path).expect("a text")));
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("docs/architecture.md")).expect("the page");
    let mut files = Vec::new();
    collect(&root.join("src"), &root.join("src"), &mut files);
    (rooms(&page), files)
}

fn house_on_disk() -> (Vec<String>, House) {
    let (rooms, files) = on_disk();
    let house = House::of(files.iter().map(|(path, text)| (path.as_str(), text.as_str())));
    (rooms, house)
}

fn assert_none(faults: &[String]) {
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn arrows_point_down_and_nothing_goes_in_circles() {
    let (rooms, house) = house_on_disk();
    assert!(rooms.len() > 20 && house.files.len() > 80, "the page and the code are there");
    assert_none(&house.faults(&rooms));
}

#[test]
fn each_thing_has_its_place() {
    assert_none(&house_on_disk().1.forbidden(RULES));
}

#[test]
fn every_public_function_is_called() {
    assert_none(&house_on_disk().1.uncalled(&["ffi/", "client/"]));
}

/// What is wrong with a small house, whose room `low` is below `high`.
fn faults_of(files: &[(&'static str, &'static str)]) -> Vec<String> {
    let rooms = ["low", "high"].map(str::to_owned);
    let empty = [("low/mod.rs", ""), ("high/mod.rs", ""), ("lib.rs", "pub mod low; pub mod high;")];
    // What is given takes the place of what is empty.
    let all: BTreeMap<&str, &str> = empty.iter().chain(files).copied().collect();
    House::of(all).faults(&rooms)
}

#[test]
fn an_arrow_that_points_up_is_found_wherever_it_stands() {
    for text in [
        "use crate::high;",
        "use crate::{high::Thing, low};",
        "use super::high::Thing as Other;",
        "fn f() { crate::high::f() }",
        "fn f() { let x: Vec<crate::high::Thing> = Vec::new(); }",
        "fn f() { println!(\"{}\", crate::high::f()) }",
        "mod inner { use super::super::high; }",
        "pub(crate) fn f() { use super::super::low; use crate::high::*; }",
    ] {
        let faults = faults_of(&[("low/mod.rs", text)]);
        assert_eq!(faults, ["low/mod.rs uses high/mod.rs, which is above it"], "{text}");
    }
    for text in [
        "// use crate::high;",
        "/// As in [`crate::high`].\nfn f() {}",
        "const S: &str = \"crate::high\";",
        "#[cfg(test)] mod tests { use crate::high; }",
        "#[cfg(test)] use crate::high;\nfn f() {}",
        "use std::high::Thing; use other::high;",
    ] {
        assert_eq!(faults_of(&[("low/mod.rs", text)]), Vec::<String>::new(), "{text}");
    }
    assert_eq!(faults_of(&[("high/mod.rs", "use crate::low::Thing;")]), Vec::<String>::new());
}

#[test]
fn a_circle_in_a_room_is_found_and_a_door_is_none() {
    let circle = [
        ("low/a.rs", "use super::b::B;"),
        ("low/b.rs", "use super::c;"),
        ("low/c.rs", "fn f() { super::a::f() }"),
        ("low/d.rs", "use super::a;"),
    ];
    assert_eq!(faults_of(&circle), ["a circle: low/a.rs, low/b.rs, low/c.rs"]);
    let parent = [("low/mod.rs", "fn f() { a::f() }"), ("low/a.rs", "use super::f;")];
    assert_eq!(faults_of(&parent), ["a circle: low/a.rs, low/mod.rs"]);
    let door = [
        ("low/mod.rs", "pub use a::A; pub use self::b::{B as Other};"),
        ("low/a.rs", "pub struct A;"),
        ("low/b.rs", "use super::A;"),
        ("high/mod.rs", "use crate::low::Other;"),
    ];
    assert_eq!(faults_of(&door), Vec::<String>::new());
    let through = [
        ("low/mod.rs", "pub use a::A; pub use b::B;"),
        ("low/a.rs", "use crate::low::B;"),
        ("low/b.rs", "use super::A;"),
    ];
    assert_eq!(faults_of(&through), ["a circle: low/a.rs, low/b.rs"]);
}

#[test]
fn a_room_that_the_page_or_the_code_lacks_is_found() {
    assert_eq!(
        faults_of(&[("cellar.rs", "use crate::low;")]),
        ["cellar.rs is in no room of the page"]
    );
    let house = House::of([("low.rs", "")]);
    let faults = house.faults(&rooms("# Page\n```rooms\nlow   the ground\nroof  not built\n```\n"));
    assert_eq!(faults, ["the page lists roof, which does not exist"]);
    // A file may be a room of its own beside the room that its directory is.
    let rooms = ["os/process", "low", "os"].map(str::to_owned);
    let files = [
        ("os/process.rs", ""),
        ("low.rs", "use crate::os::process;"),
        ("os/mod.rs", ""),
        ("os/file.rs", "use super::process; use crate::low;"),
    ];
    assert_eq!(House::of(files).faults(&rooms), Vec::<String>::new());
}

#[test]
fn what_stands_where_it_must_not_is_found() {
    let faults = |path, text| House::of([(path, text)]).forbidden(RULES).len();
    for (path, text) in [
        ("low.rs", "fn f() { unsafe { g() } }"),
        ("low.rs", "unsafe impl Send for X {}"),
        ("os/file.rs", "unsafe fn f() {}"),
        ("low.rs", "use ureq::Agent;"),
        ("low.rs", "fn f() { std::process::Command::new(\"sh\"); }"),
        ("low.rs", "fn f() { println!(\"x\") }"),
        ("low.rs", "fn f() { std::fs::read(p) }"),
        ("low.rs", "use std::fs::File; fn f() { File::open(p) }"),
        ("low.rs", "use std::hash::RandomState;"),
        ("http/client.rs", "fn f() { eprintln!(\"x\") }"),
    ] {
        assert!(faults(path, text) > 0, "{path}: {text}");
    }
    for (path, text) in [
        ("ffi/a.rs", "fn f() { unsafe { g() } }"),
        ("os/child.rs", "fn f() { unsafe { Command::new(\"sh\").pre_exec(g) } }"),
        ("http/a.rs", "use ureq::Agent;"),
        ("low.rs", "#![allow(unsafe_code)]\n/// unsafe, println!\nfn f() { let s = \"ureq\"; }"),
        ("low.rs", "#[cfg(test)] mod tests { fn f() { println!(\"x\") } }"),
        ("low.rs", "#[test] fn f() { println!(\"x\") }\nfn g() {}"),
    ] {
        assert_eq!(faults(path, text), 0, "{path}: {text}");
    }
}

#[test]
fn a_function_that_only_tests_call_is_found() {
    let files = [
        (
            "a.rs",
            "pub fn used() {} pub const fn unused() {} fn private() {} pub(crate) fn own() {}",
        ),
        (
            "b.rs",
            "fn f() { crate::a::used() }\n#[cfg(test)] mod tests { fn f() { super::unused() } }",
        ),
        ("client/a.rs", "pub fn offered() {}"),
    ];
    assert_eq!(House::of(files).uncalled(&["client/"]), ["a.rs: nothing calls unused()"]);
}
