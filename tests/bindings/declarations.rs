//! Reads the functions of include/ocireg.h with their documentation; cbindgen's form is regular enough for that.

/// A function of the header.
#[derive(Debug)]
pub struct Function {
    pub name: String,
    /// Its result type as C text.
    pub returns: String,
    pub parameters: Vec<Parameter>,
    /// The comment before it, without its stars.
    pub doc: String,
}

/// One parameter.
#[derive(Debug)]
pub struct Parameter {
    /// Its type as C text without spaces around stars, such as `const char*`.
    pub kind: String,
    pub name: String,
}

/// Every declaration (up to its semicolon, on one line) with the comment before it.
pub fn documented(header: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for part in header.split("/**\n").skip(1) {
        let (comment, rest) = part.split_once("*/").expect("comments end");
        let doc: Vec<&str> = comment
            .lines()
            .map(|line| {
                let line = line.trim_start().trim_start_matches('*');
                line.strip_prefix(' ').unwrap_or(line)
            })
            .collect();
        let declaration = rest.split(';').next().unwrap_or_default();
        let words: Vec<&str> = declaration.split_whitespace().collect();
        found.push((doc.join("\n").trim().to_owned(), words.join(" ")));
    }
    found
}

/// Every function, in the order of the header.
pub fn functions(header: &str) -> Vec<Function> {
    documented(header)
        .into_iter()
        .filter(|(_, declaration)| !declaration.starts_with("typedef"))
        .map(|(doc, declaration)| {
            let (head, parameters) = declaration.split_once('(').expect("a function");
            let (returns, name) = split_name(head);
            let parameters = parameters.trim_end_matches(')');
            let parameters = if parameters == "void" { "" } else { parameters };
            let parameters = parameters
                .split(',')
                .map(str::trim)
                .filter(|parameter| !parameter.is_empty())
                .map(|parameter| {
                    let (kind, name) = split_name(parameter);
                    Parameter { kind, name }
                })
                .collect();
            Function { name, returns, parameters, doc }
        })
        .collect()
}

/// `const char *text` → (`const char*`, `text`).
fn split_name(declaration: &str) -> (String, String) {
    let at = declaration.rfind([' ', '*']).expect("a type before the name");
    let (kind, name) = declaration.split_at(at + 1);
    (kind.trim().replace(" *", "*"), name.to_owned())
}
