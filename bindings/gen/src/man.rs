//! `bindings/c/man`: a manual page for each section of the header, one for each function that leads there, and `ocireg.3`
//! about all of them.

use std::fmt::Write;

use crate::surface::{Section, Surface};

/// When this version was made.
const DATE: &str = "2026-11-28";

/// The name of each page and its text.
pub fn pages(surface: &Surface, header: &str, version: &str) -> Vec<(String, String)> {
    let declared = declarations(header);
    let sections = surface.sections.iter();
    let pages: Vec<Page> = sections.map(|section| Page::new(surface, section, &declared)).collect();
    let mut made = vec![("ocireg.3".to_owned(), overview(header, &pages, version))];
    for page in &pages {
        made.push((format!("{}.3", page.name), page.text(version)));
        let leads = format!(".so man3/{}.3\n", page.name);
        made.extend(page.functions.iter().map(|f| (format!("{}.3", f.name), leads.clone())));
    }
    made
}

/// A function as the header has it.
struct Declaration<'a> {
    name: &'a str,
    doc: String,
    /// With the line breaks of the header.
    code: &'a str,
}

/// The functions of the header, in its order.
fn declarations(header: &str) -> Vec<Declaration<'_>> {
    let mut found = Vec::new();
    for part in header.split("/**\n").skip(1) {
        let (comment, rest) = part.split_once("*/\n").expect("comments end");
        let code = rest.split_once(';').expect("a declaration").0;
        let Some(name) = code.split('(').next().and_then(|head| head.rsplit([' ', '*']).next())
        else {
            continue;
        };
        if code.starts_with("typedef") || !name.starts_with("ocireg_") {
            continue;
        }
        found.push(Declaration { name, doc: plain(comment), code });
    }
    found
}

/// A comment without its stars.
fn plain(comment: &str) -> String {
    let line = |line: &str| {
        let line = line.trim_start();
        let line = line.strip_prefix('*').unwrap_or(line);
        line.strip_prefix(' ').unwrap_or(line).to_owned()
    };
    comment.lines().map(line).collect::<Vec<_>>().join("\n")
}

struct Page<'a> {
    name: String,
    /// What the section is about, without a period.
    title: &'a str,
    functions: Vec<&'a Declaration<'a>>,
}

impl<'a> Page<'a> {
    fn new(surface: &'a Surface, section: &'a Section, declared: &'a [Declaration<'a>]) -> Self {
        let firsts: Vec<&str> = surface.sections.iter().map(|s| s.first.as_str()).collect();
        let begin = declared.iter().position(|d| d.name == section.first).expect("it is declared");
        let rest = &declared[begin + 1..];
        let end = rest.iter().position(|d| firsts.contains(&d.name)).unwrap_or(rest.len());
        Self {
            name: format!("ocireg-{}", section.module.replace('_', "-")),
            title: section.title.split('.').next().unwrap_or_default(),
            functions: declared[begin..=begin + end].iter().collect(),
        }
    }

    fn text(&self, version: &str) -> String {
        let mut text = head(&self.name, version);
        let names: Vec<&str> = self.functions.iter().map(|function| function.name).collect();
        let _ = writeln!(text, "{} \\- {}", names.join(",\n"), escaped(self.title));
        text += ".SH SYNOPSIS\n.nf\n#include <ocireg.h>\n";
        for function in &self.functions {
            let _ = write!(text, ".PP\n{};\n", escaped(function.code));
        }
        text += ".fi\n.SH DESCRIPTION\n";
        for function in &self.functions {
            let _ = writeln!(text, ".SS {}()", function.name);
            text += &body(&function.doc);
        }
        text + ".SH SEE ALSO\n.BR ocireg (3)\n"
    }
}

fn head(name: &str, version: &str) -> String {
    format!(
        ".\\\" Made by bindings/gen from src/ffi: do not edit.\n\
         .TH {} 3 {DATE} \"ocireg {version}\" \"C library\"\n.SH NAME\n",
        name.to_uppercase()
    )
}

/// What the header says before everything else, and the other pages.
fn overview(header: &str, pages: &[Page<'_>], version: &str) -> String {
    let comment = header.split("/*\n").nth(1).and_then(|rest| rest.split("*/").next());
    let comment = plain(comment.expect("the header begins with an overview"));
    let (title, text) = comment.split_once("\n\n").expect("a title");
    let title = title.trim().trim_end_matches('.');
    let title = title.strip_prefix("ocireg: ").expect("a title");
    let mut made = head("ocireg", version);
    let _ = write!(made, "ocireg \\- {}\n.SH SYNOPSIS\n.nf\n#include <ocireg.h>\n", escaped(title));
    made +=
        ".PP\ncc program.c $(pkg\\-config \\-\\-cflags \\-\\-libs ocireg)\n.fi\n.SH DESCRIPTION\n";
    made += &body(text);
    made += ".SH SEE ALSO\n";
    for page in pages {
        let _ = write!(made, ".TP\n.BR {} (3)\n{}\n", page.name, escaped(page.title));
    }
    made
}

/// Paragraphs, lists, parameters and examples, told by how their lines begin.
fn body(doc: &str) -> String {
    let (mut text, mut example, mut list) = (String::new(), false, false);
    let begin = |text: &mut String, how: &str| {
        text.push_str(how);
        text.push('\n');
    };
    let mut lines = doc.trim().lines().peekable();
    // A paragraph begins with the first line.
    while let Some(line) = lines.next() {
        let indented = line.starts_with("    ");
        let code = line == "@code" || (!example && indented && text.ends_with(".PP\n"));
        if code {
            example = true;
            // The break before the example is the example's own.
            begin(&mut text, ".EX");
            if line != "@code" {
                let _ = writeln!(text, "{}", escaped(line));
            }
        } else if example
            && (line == "@endcode" || (!line.is_empty() && !indented && !doc.contains("@code")))
        {
            begin(&mut text, ".EE");
            example = false;
            if line != "@endcode" {
                let _ = writeln!(text, ".PP\n{}", escaped(line));
            }
        } else if example {
            let _ = writeln!(
                text,
                "{}",
                if line.is_empty() { "\\&".to_owned() } else { escaped(line) }
            );
        } else if line.is_empty() {
            list = false;
            if lines
                .peek()
                .is_some_and(|next| !next.trim_start().starts_with(['-', '@']) || *next == "@code")
            {
                begin(&mut text, ".PP");
            }
        } else if let Some(rest) = line.strip_prefix("@param ") {
            let (name, what) = rest.split_once(' ').expect("a description");
            list = true;
            let _ = write!(text, ".TP\n.I {}\n{}\n", escaped(name), escaped(what.trim()));
        } else if let Some(what) = line.strip_prefix("@return ") {
            list = true;
            let _ = write!(text, ".TP\n.B Returns\n{}\n", escaped(what.trim()));
        } else if let Some(item) = line.trim_start().strip_prefix("- ") {
            let bullet = if list && line.starts_with(' ') { ".IP \\(bu 10" } else { ".IP \\(bu 3" };
            let _ = write!(text, "{bullet}\n{}\n", escaped(item));
        } else {
            let _ = writeln!(text, "{}", escaped(line.trim()));
        }
    }
    if example {
        begin(&mut text, ".EE");
    }
    text
}

/// Text that roff takes as it is.
fn escaped(text: &str) -> String {
    let line = |line: &str| {
        let line = line.replace('\\', "\\e").replace('-', "\\-");
        if line.starts_with(['.', '\'']) { format!("\\&{line}") } else { line }
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}
