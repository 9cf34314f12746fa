//! The language of messages: what the library says to its users is plain English. This finds the phrases that were
//! rewritten before, in every string of the library's code outside of its tests.

use std::fs;
use std::path::Path;

use proc_macro2::{Delimiter, LineColumn, TokenStream, TokenTree};

/// What no message says, and what to say instead.
pub const BANNED: &[(&str, &str)] = &[
    ("must be text", "must be a string"),
    ("list of text", "list of strings"),
    ("JSON document", "JSON object"),
    ("is told", "name who says it to whom"),
    ("to be ended by", "free it with"),
    ("closer to this machine", "a more private network than its own"),
    ("nearer to this machine", "a more private network than its own"),
    ("sends us", "say what the server sent"),
    ("sent us", "say what the server sent"),
    ("let us in", "requires credentials"),
    ("tell its operator", "report this to its operator"),
    ("makes no sense", "is not valid"),
    ("something else than", "other than"),
    ("a defect of the library", "internal error"),
    ("nowhere to put", "must not be NULL"),
    ("nobody was asked", "nothing was sent"),
    ("holds no ", "does not contain"),
    ("may be made again", "try again"),
];

/// Names of values that are errors: their debug form is for developers.
const ERRORS: &[&str] = &["e", "err", "error", "why", "cause", "failure", "reason"];

/// Why a message is not plain English, if it is not.
fn fault(message: &str) -> Option<String> {
    for (banned, better) in BANNED {
        if message.contains(banned) {
            return Some(format!("{banned:?}: say {better:?}"));
        }
    }
    for name in ERRORS {
        if message.contains(&format!("{{{name}:?}}")) || message.contains(&format!("{{{name}:#?}}"))
        {
            return Some(format!("the debug form of {name}"));
        }
    }
    let words: Vec<&str> = message.split(' ').collect();
    words.windows(4).find_map(|four| negated_noun(four[0], &four[1..])).or_else(|| {
        let start = &words[..words.len().min(3)];
        negated_noun("", start)
    })
}

/// `X is no tag` is not English; `there is no tag` is, and so is `X is no longer there`.
pub fn negated_noun(before: &str, words: &[&str]) -> Option<String> {
    let [verb, no, noun] = words else { return None };
    let is_noun =
        noun.starts_with(|c: char| c.is_ascii_lowercase() || c == '{') && *noun != "longer";
    let is_be = ["is", "are", "was", "were"].contains(verb);
    (is_be && *no == "no" && is_noun && !before.eq_ignore_ascii_case("there"))
        .then(|| format!("\"{verb} no {noun}\": say \"{verb} not a {noun}\""))
}

/// The strings in code, with their places; attributes, doc comments among them, and test modules are left out.
fn strings(tokens: TokenStream, found: &mut Vec<(LineColumn, String)>) {
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Punct(punct) if punct.as_char() == '#' => {
                tokens.next_if(|next| matches!(next, TokenTree::Punct(p) if p.as_char() == '!'));
                let attribute = tokens.next_if(|next| {
                    matches!(next, TokenTree::Group(g) if g.delimiter() == Delimiter::Bracket)
                });
                let is_test =
                    attribute.is_some_and(|a| a.to_string().replace(' ', "") == "[cfg(test)]");
                if is_test {
                    // Up to the end of the item.
                    for skipped in tokens.by_ref() {
                        match skipped {
                            TokenTree::Group(g) if g.delimiter() == Delimiter::Brace => break,
                            TokenTree::Punct(p) if p.as_char() == ';' => break,
                            _ => {}
                        }
                    }
                }
            }
            TokenTree::Group(group) => strings(group.stream(), found),
            TokenTree::Literal(literal) => {
                let at = literal.span().start();
                match syn::Lit::new(literal) {
                    syn::Lit::Str(text) => found.push((at, text.value())),
                    syn::Lit::CStr(text) => {
                        found.push((at, text.value().to_string_lossy().into_owned()));
                    }
                    _ => {}
                }
            }
            _ => {}
        }
    }
}

fn messages_of(code: &str) -> Vec<(LineColumn, String)> {
    let mut found = Vec::new();
    strings(code.parse().expect("Rust"), &mut found);
    found
}

fn for_each_file(directory: &Path, work: &mut dyn FnMut(&Path)) {
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            for_each_file(&path, work);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            work(&path);
        }
    }
}

#[test]
fn messages_are_plain_english() {
    let (mut faults, mut messages) = (Vec::new(), 0);
    for_each_file(Path::new("src"), &mut |path| {
        let code = fs::read_to_string(path).expect("a file of UTF-8");
        for (at, message) in messages_of(&code) {
            messages += 1;
            if let Some(why) = fault(&message) {
                faults.push(format!("{}:{}: {message:?}\n    {why}", path.display(), at.line));
            }
        }
    });
    assert!(messages > 1000, "only {messages} strings were found");
    assert!(faults.is_empty(), "{} messages:\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn what_is_no_plain_english_is_found() {
    let code = r##"
        //! "it is no comment"
        /// "it is no documentation"
        #[doc = "it is no attribute"]
        fn f() {
            one(format!("{x:?} is no tag"), r#"are no {kind} here"#, c"must be text");
            two("a \
                 list of text", "failed: {error:?}");
            fine("there is no tag", "it is no longer there", "{text:?} is not a tag", "{key} is a text");
        }
        #[cfg(test)]
        mod tests {
            const X: &str = "it is no message";
        }
        const LAST: &str = "x is no y";
    "##;
    let found: Vec<String> = messages_of(code)
        .into_iter()
        .filter_map(|(_, message)| fault(&message).map(|_| message))
        .collect();
    let expected = [
        "{x:?} is no tag",
        "are no {kind} here",
        "must be text",
        "a list of text",
        "failed: {error:?}",
        "x is no y",
    ];
    assert_eq!(found, expected);
}
