//! The sections of `bindings/c/ocireg.hpp` that follow from signatures: each call twice, throwing and with a result.

use std::fmt::Write;

use crate::header::defined;
use crate::surface::{Function, Parameter, Role, Surface};

const BEGIN: &str = "// Made by bindings/gen from src/ffi: ";
/// The section of the error codes.
const CODES: &str = "codes";
const END: &str = "// End of what is made.";
const WIDTH: usize = 120;

/// The header with its sections made anew.
pub fn filled(surface: &Surface, c_header: &str, header: &str) -> String {
    let (mut text, mut inside, mut sections) = (String::new(), false, Vec::new());
    for line in header.lines() {
        if line.trim_start() == END {
            inside = false;
        }
        if !inside {
            let _ = writeln!(text, "{line}");
        }
        if let Some(of) = line.trim_start().strip_prefix(BEGIN) {
            inside = true;
            sections.push(of);
            text += &if of == CODES { codes(c_header) } else { section(surface, of) };
        }
    }
    assert!(!inside, "a section of ocireg.hpp has no end");
    for function in surface.functions.iter().filter(|function| is_mechanical(surface, function)) {
        let of = section_of(function);
        assert!(sections.contains(&of), "ocireg.hpp has no section \"{BEGIN}{of}\"");
    }
    text
}

/// The enumerators of `Code`.
fn codes(c_header: &str) -> String {
    let codes = defined(c_header).into_iter().take_while(|(_, value)| value.parse::<u32>().is_ok());
    codes.fold(String::new(), |text, (name, _)| {
        text + &format!("    {} = OCIREG_{name},\n", name.to_lowercase())
    })
}

/// Whether the signature says all: one result at most. Readers and writers, contexts and callbacks are written by hand.
fn is_mechanical(surface: &Surface, function: &Function) -> bool {
    let outputs = function.outputs();
    function.can_fail()
        && !function.has_callbacks()
        && function.with(Role::StringsOut).next().is_none()
        && outputs.len() <= 1
        && match function.about() {
            Some(handle) => !surface.is_exclusive(handle),
            None => outputs.iter().all(|output| output.role() != Role::HandleOut),
        }
}

fn section_of(function: &Function) -> &str {
    function.about().unwrap_or("functions")
}

fn section(surface: &Surface, of: &str) -> String {
    let mut text = String::new();
    let mechanical = surface.functions.iter().filter(|function| is_mechanical(surface, function));
    for function in mechanical.filter(|function| section_of(function) == of) {
        if !text.is_empty() {
            text.push('\n');
        }
        text += &pair(function);
    }
    text
}

fn pair(function: &Function) -> String {
    let method = function.about().is_some();
    let (indent, first, last) = if method { ("    ", "", " const") } else { ("", "inline ", "") };
    let name = name(function);
    let (declared, given): (Vec<String>, Vec<String>) = parameters(function).into_iter().unzip();
    let (value, body) = body(function, indent);
    let mut text = comment(&function.summary, indent);
    text += &wrapped(
        &format!("{indent}{first}Result<{value}> try_{name}("),
        &declared,
        &format!("){last} {{"),
    );
    text += &body;
    let _ = writeln!(text, "{indent}}}");
    let plain = if value == "Done" { "void" } else { &value };
    let returns = if value == "Done" { "" } else { "return " };
    let call = format!("{returns}try_{name}({}).value();", given.join(", "));
    let head = format!("{indent}{first}{plain} {name}(");
    let one = format!("{head}{}){last} {{ {call} }}", declared.join(", "));
    if one.chars().count() <= WIDTH {
        let _ = writeln!(text, "{one}");
    } else {
        text += &wrapped(&head, &declared, &format!("){last} {{"));
        let _ = write!(text, "{indent}    {call}\n{indent}}}\n");
    }
    text
}

/// Each parameter as it is declared and as it is passed on. What may be left out at the end has a default.
fn parameters(function: &Function) -> Vec<(String, String)> {
    let inputs: Vec<&Parameter> = function.inputs().collect();
    let needed = inputs.iter().rposition(|input| default(input).is_none()).map_or(0, |at| at + 1);
    let mut found = Vec::new();
    for (at, input) in inputs.iter().enumerate() {
        let name = &input.name;
        let or = match default(input) {
            Some(value) if at >= needed => format!(" = {value}"),
            _ => String::new(),
        };
        match input.role() {
            Role::TextIn => found.push((format!("Text {name}{or}"), name.clone())),
            Role::NumberIn => {
                found.push((format!("{} {name}{or}", number(input.number())), name.clone()));
            }
            role => {
                let constant = if role == Role::BytesIn { "const " } else { "" };
                let size = if role == Role::BytesIn { "size" } else { "capacity" };
                found.push((format!("{constant}uint8_t *{name}"), name.clone()));
                found.push((format!("size_t {size}"), size.to_owned()));
            }
        }
    }
    if function.takes_context() {
        found.push(("const Context *context = nullptr".to_owned(), "context".to_owned()));
    }
    found
}

/// What an argument at the end is when it is left out: none, the beginning, an unknown size.
fn default(input: &Parameter) -> Option<&'static str> {
    match input.role() {
        Role::TextIn if input.nullable => Some("nullptr"),
        Role::NumberIn if input.number() == "u64" => Some("0"),
        Role::NumberIn if input.number() == "i64" => Some("-1"),
        _ => None,
    }
}

/// The type of the value, and the lines that make the call.
fn body(function: &Function, indent: &str) -> (String, String) {
    let outputs = function.outputs();
    let mut arguments: Vec<String> = Vec::new();
    for parameter in &function.parameters {
        arguments.push(match parameter.role() {
            Role::Handle => "handle_.get()".to_owned(),
            Role::Context => "detail::raw(context)".to_owned(),
            Role::TextIn => format!("{}.get()", parameter.name),
            Role::SizeOut => "&out".to_owned(),
            Role::Error => "error".to_owned(),
            Role::BytesIn | Role::Buffer | Role::SizeIn | Role::NumberIn => parameter.name.clone(),
            _ => "out".to_owned(),
        });
    }
    // Sizes have one name here, whatever C calls them.
    let call = |indent: &str, after: &str| {
        wrapped(&format!("{indent}return {}(", function.name), &arguments, &format!("){after}"))
    };
    let inner = format!("{indent}        ");
    let lambda = |value: &str, how: &str, out: &str| {
        let text = format!("{indent}    return detail::{how}([&]({out}ocireg_error **error) {{\n");
        (value.to_owned(), format!("{text}{}{indent}    }});\n", call(&inner, ";")))
    };
    let Some(output) = outputs.first() else { return lambda("Done", "done", "") };
    match output.role() {
        Role::TextOut => lambda("std::string", "text", "char **out, "),
        Role::NumberOut if output.number() == "i32" => lambda("bool", "truth", "int32_t *out, "),
        Role::SizeOut => {
            let mut text =
                format!("{indent}    size_t out = 0;\n{indent}    return detail::result(\n");
            let _ = writeln!(text, "{inner}[&](ocireg_error **error) {{");
            text += &call(&format!("{inner}    "), ";");
            let _ = write!(text, "{inner}}},\n{inner}[&] {{ return out; }});\n");
            ("size_t".to_owned(), text)
        }
        Role::HandleOut => {
            let handle = output.handle();
            let class = class(handle);
            let mut text = format!(
                "{indent}    return detail::wrap<{class}>(detail::handle<{handle}, {handle}_free>(\n\
                 {inner}[&]({handle} **out, ocireg_error **error) {{\n"
            );
            text += &call(&format!("{inner}    "), ";");
            let _ = writeln!(text, "{inner}}}));");
            (class, text)
        }
        other => panic!("{}: C++ has no way to give {other:?} alone", function.name),
    }
}

/// `ocireg_session_list_tags` → `list_tags`; what makes a handle is named after it, as `Endpoint::session`.
fn name(function: &Function) -> String {
    let name = function.name.strip_prefix("ocireg_").expect("our names");
    let about = function.about().map(|handle| &handle["ocireg_".len()..]);
    if let Some(output) = function.with(Role::HandleOut).next()
        && let made = &output.handle()["ocireg_".len()..]
        && about != Some(made)
        && let Some(how) = name.strip_prefix(made).and_then(|rest| rest.strip_prefix('_'))
    {
        return match how.strip_prefix("new") {
            Some(rest) => format!("{made}{rest}"),
            None => how.to_owned(),
        };
    }
    let rest = about.and_then(|about| name.strip_prefix(about)?.strip_prefix('_'));
    match rest.unwrap_or(name) {
        // A word of the language.
        "export" => "export_image".to_owned(),
        name => name.to_owned(),
    }
}

fn number(name: &str) -> String {
    match name {
        "usize" => "size_t".to_owned(),
        "c_int" => "int".to_owned(),
        _ if name.starts_with('u') => format!("uint{}_t", &name[1..]),
        _ => format!("int{}_t", &name[1..]),
    }
}

/// `ocireg_session` → `Session`.
fn class(handle: &str) -> String {
    let name = &handle["ocireg_".len()..];
    name[..1].to_uppercase() + &name[1..]
}

fn comment(summary: &str, indent: &str) -> String {
    let mut text = String::new();
    let mut line = format!("{indent}///");
    for word in summary.split(' ') {
        if line.chars().count() + 1 + word.chars().count() > WIDTH {
            let _ = writeln!(text, "{line}");
            line = format!("{indent}///");
        }
        line.push(' ');
        line += word;
    }
    text + &line + "\n"
}

/// A head that ends with a parenthesis, and items that are aligned after it where they need more than a line.
fn wrapped(head: &str, items: &[String], tail: &str) -> String {
    let indent = " ".repeat(head.chars().count());
    let mut text = String::new();
    let mut line = head.to_owned();
    for (at, item) in items.iter().enumerate() {
        let last = at + 1 == items.len();
        let item = if last { format!("{item}{tail}") } else { format!("{item},") };
        let space = usize::from(!line.ends_with(['(', ' ']));
        if line.chars().count() + space + item.chars().count() > WIDTH
            && line.trim() != ""
            && at > 0
        {
            let _ = writeln!(text, "{line}");
            line.clone_from(&indent);
        } else if space == 1 {
            line.push(' ');
        }
        line += &item;
    }
    if items.is_empty() {
        line += tail;
    }
    text + &line + "\n"
}
