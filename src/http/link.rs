//! `Link` header lines (RFC 8288): several links to a line, parameters in any order, quoted or not.

/// The target of the first link of a relation such as `next`.
pub fn target<'a>(lines: impl IntoIterator<Item = &'a str>, relation: &str) -> Option<String> {
    lines.into_iter().find_map(|line| {
        let mut rest = line;
        while let Some(link) = Link::read(&mut rest) {
            if link.relations.split_ascii_whitespace().any(|r| r.eq_ignore_ascii_case(relation)) {
                return Some(link.target.to_owned());
            }
        }
        None
    })
}

struct Link<'a> {
    target: &'a str,
    /// The value of the first `rel`: only that one counts.
    relations: String,
}

impl<'a> Link<'a> {
    /// Takes the next link off a line. Anything else is skipped up to the next comma.
    fn read(rest: &mut &'a str) -> Option<Self> {
        let target = loop {
            let text = rest.trim_start_matches([' ', '\t', ',']);
            if text.is_empty() {
                return None;
            }
            match text.strip_prefix('<').and_then(|text| text.split_once('>')) {
                Some((target, after)) => {
                    *rest = after;
                    break target.trim();
                }
                None => *rest = skip(text, &[',']),
            }
        };
        let mut relations = None;
        loop {
            // Whatever stands in front of a parameter is none of our business.
            *rest = skip(rest, &[',', ';']);
            let Some(parameter) = rest.strip_prefix(';') else { break };
            let name_end = parameter.find(['=', ';', ',', '"']).unwrap_or(parameter.len());
            let (name, after) = parameter.split_at(name_end);
            *rest = after;
            let Some(value) = after.strip_prefix('=') else { continue };
            let (value, after) = read_value(value.trim_start_matches([' ', '\t']));
            *rest = after;
            if name.trim().eq_ignore_ascii_case("rel") {
                relations.get_or_insert(value);
            }
        }
        Some(Self { target, relations: relations.unwrap_or_default() })
    }
}

/// The text from the first of `ends` on that is not within quotes.
fn skip<'a>(text: &'a str, ends: &[char]) -> &'a str {
    let mut rest = text;
    while let Some(at) = rest.find(|c| c == '"' || ends.contains(&c)) {
        if !rest[at..].starts_with('"') {
            return &rest[at..];
        }
        rest = read_value(&rest[at..]).1;
    }
    ""
}

/// A quoted string without its quotes and backslashes, or the text up to the next separator; and what follows.
fn read_value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([';', ',']).unwrap_or(text.len());
        return (text[..end].trim().to_owned(), &text[end..]);
    };
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (value, &quoted[at + 1..]),
            '\\' => value.extend(chars.next().map(|(_, escaped)| escaped)),
            c => value.push(c),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::target;

    #[test]
    fn the_link_of_a_relation_is_found_wherever_it_stands() {
        for lines in [
            &["</b>; rel=\"next\""][..],
            &["</b>;rel=next"],
            &["</b> ; REL = Next"],
            &["</b>; rel=\"prev NEXT\""],
            &["</a>; rel=\"first\", </b>; rel=\"next\""],
            &["</b>; rel=\"next\", </a>; rel=\"first\""],
            &["</a>; rel=first,</b>; rel=next,</c>; rel=last"],
            &["</a>; rel=\"first\"", "</b>; rel=\"next\""],
            &["</b>; title=\"a;b, <c>; rel=\\\"first\\\"\"; rel=\"next\""],
            &["</b>; crossorigin; rel=next; rel=first"],
            &["nonsense, </b>; rel=next"],
            &["\"quoted, nonsense\" , </b>; rel=next"],
            &[",, ,</b>; rel=next"],
            &["", "</b>; rel=\"next"],
        ] {
            assert_eq!(target(lines.iter().copied(), "next").as_deref(), Some("/b"), "{lines:?}");
        }
        let comma = "</b?x=a,b;c=\"d\">; rel=next";
        assert_eq!(target([comma], "next").as_deref(), Some("/b?x=a,b;c=\"d\""));
    }

    #[test]
    fn what_is_no_link_of_the_relation_is_none() {
        for line in [
            "",
            "</b>",
            "</b; rel=next",
            "/b; rel=next",
            "</b>; rel=\"first\"",
            "</b>; rel=first; rel=next",
            "</b>; rel",
            "</b>; title=\"rel=next\"",
            "</b>; title=\"x; rel=next",
            "</b>; relation=next",
            "</b>; rel=nextnext",
            "\"</b>; rel=next\"",
            "<",
            "<>",
            "é",
        ] {
            assert_eq!(target([line], "next"), None, "{line:?}");
        }
    }
}
