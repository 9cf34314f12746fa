//! `WWW-Authenticate`: what a registry asks for.

use std::collections::BTreeMap;

use serde::Serialize;

/// One way in that a registry offers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Challenge {
    /// In lower case: `bearer`, `basic`.
    pub scheme: String,
    /// Names in lower case, values as they were sent.
    pub parameters: BTreeMap<String, String>,
}

/// One challenge for each line that begins with a token; a malformed tail ends the parameters of its line.
///
/// What the reference does: a second challenge folded into a line is lost.
pub fn parse<'a>(lines: impl IntoIterator<Item = &'a str>) -> Vec<Challenge> {
    lines
        .into_iter()
        .filter_map(|line| {
            let (scheme, rest) = token(line);
            (!scheme.is_empty()).then(|| {
                let parameters = parameters(skip_space(rest));
                Challenge { scheme: scheme.to_ascii_lowercase(), parameters }
            })
        })
        .collect()
}

/// Every challenge of every line, several to a line as RFC 9110 allows. The first of equal parameters counts.
pub fn parse_all<'a>(lines: impl IntoIterator<Item = &'a str>) -> Vec<Challenge> {
    lines.into_iter().flat_map(parse_line).collect()
}

fn parse_line(line: &str) -> Vec<Challenge> {
    let mut challenges: Vec<Challenge> = Vec::new();
    let mut rest = line;
    loop {
        rest = rest.trim_start_matches([' ', '\t', '\r', '\n', ',']);
        if rest.is_empty() {
            return challenges;
        }
        let (name, after) = token(rest);
        let value = skip_space(after).strip_prefix('=').map(skip_space);
        match (value, challenges.last_mut()) {
            _ if name.is_empty() => rest = skip_to_comma(rest),
            (Some(value), Some(challenge)) => {
                let (value, after) = parameter_value(value);
                if !value.is_empty() {
                    challenge.parameters.entry(name.to_ascii_lowercase()).or_insert(value);
                }
                rest = skip_to_comma(after);
            }
            (Some(_), None) => rest = skip_to_comma(after),
            (None, _) => {
                let (scheme, parameters) = (name.to_ascii_lowercase(), BTreeMap::new());
                challenges.push(Challenge { scheme, parameters });
                rest = skip_token68(after);
            }
        }
    }
}

/// As [`token_or_quoted`], but some servers do not quote addresses.
fn parameter_value(text: &str) -> (String, &str) {
    if text.starts_with('"') {
        return token_or_quoted(text);
    }
    let end = text.find([',', ' ', '\t', '"']).unwrap_or(text.len());
    (text[..end].to_owned(), &text[end..])
}

/// From the next comma that is not in quotes.
fn skip_to_comma(text: &str) -> &str {
    let mut rest = text;
    while let Some(at) = rest.find([',', '"']) {
        if rest[at..].starts_with(',') {
            return &rest[at..];
        }
        rest = token_or_quoted(&rest[at..]).1;
    }
    ""
}

/// `name=value` pairs with commas between them, up to the first thing that is none.
fn parameters(text: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut pair = text;
    loop {
        let (name, after) = token(skip_space(pair));
        let Some(after) = after.strip_prefix('=').filter(|_| !name.is_empty()) else { break };
        let (value, after) = token_or_quoted(after);
        if value.is_empty() {
            break;
        }
        found.insert(name.to_ascii_lowercase(), value);
        let Some(next) = skip_space(after).strip_prefix(',') else { break };
        pair = next;
    }
    found
}

/// Skips what `Negotiate` and similar schemes have instead of parameters.
fn skip_token68(text: &str) -> &str {
    let start = text.trim_start_matches(' ');
    let body =
        start.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || "-._~+/".contains(c));
    let end = body.trim_start_matches('=');
    let whole = end.is_empty() || end.trim_start().starts_with(',');
    // `name=` at the end is a parameter without a value rather than this.
    if whole && body.len() < start.len() { end } else { text }
}

fn skip_space(text: &str) -> &str {
    text.trim_start_matches([' ', '\t', '\r', '\n'])
}

fn token(text: &str) -> (&str, &str) {
    let is_token = |b: u8| b.is_ascii_graphic() && !b"\"(),/:;<=>?@[]\\{}".contains(&b);
    text.split_at(text.bytes().position(|b| !is_token(b)).unwrap_or(text.len()))
}

/// A token, or a quoted string without its quotes and backslashes; empty if the quote is not closed.
fn token_or_quoted(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let (value, rest) = token(text);
        return (value.to_owned(), rest);
    };
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (value, &quoted[at + 1..]),
            '\\' => match chars.next() {
                Some((_, escaped)) => value.push(escaped),
                None => break,
            },
            c => value.push(c),
        }
    }
    (String::new(), "")
}
