//! `bindings/python/ocireg/_ffi.py`: constants, types and prototypes for ctypes.

use std::fmt::Write;

use crate::header::defined;
use crate::surface::{Function, Role, Surface, Type};

const WIDTH: usize = 120;

/// The whole module.
pub fn module(surface: &Surface, header: &str) -> String {
    let mut text = String::from(
        "# Made by bindings/gen from src/ffi: do not edit.\n\
         \"\"\"Constants, types and functions of ocireg.h for ctypes; each name stands as in the header.\n\n\
         Owned text has the type ``c_void_p``: with ``c_char_p`` ctypes would hand out a copy and lose the pointer to \
         free.\n\"\"\"\n\n\
         from __future__ import annotations\n\n\
         from ctypes import (\n",
    );
    let constants = constants(header);
    let (types, prototypes) = (types(surface), prototypes(surface));
    let used = ["CFUNCTYPE", "POINTER", "Structure"].into_iter().map(str::to_owned).chain(
        [
            "c_char_p", "c_int", "c_int32", "c_int64", "c_size_t", "c_uint8", "c_uint32",
            "c_uint64", "c_void_p",
        ]
        .into_iter()
        .map(str::to_owned),
    );
    let body = format!("{constants}{types}{prototypes}");
    for name in used {
        let whole = |c: char| !(c.is_alphanumeric() || c == '_');
        if body.split(whole).any(|word| word == name) {
            let _ = writeln!(text, "    {name},");
        }
    }
    text += ")\nfrom typing import Any\n\nfrom ._library import load\n\n";
    text += &body;
    text += "\nlib, library_path = load(PROTOTYPES)\n";
    text
}

fn constants(header: &str) -> String {
    let mut text = String::new();
    for (name, value) in defined(header) {
        if name == "AUTH_CLIENT_ID" {
            text += "\n";
        }
        let _ = writeln!(text, "{name} = {value}");
    }
    text
}

fn types(surface: &Surface) -> String {
    let mut text =
        String::from("\n\n# One type for each kind of handle: mixing them up is then a TypeError.");
    for handle in &surface.handles {
        let _ = write!(text, "\nclass {handle}(Structure):\n    pass\n\n");
    }
    text += "\n";
    for handle in &surface.handles {
        let _ = writeln!(text, "{} = POINTER({handle})", pointer(handle));
    }
    text += "\n";
    for callback in &surface.callbacks {
        let mut parts = vec![kind(&callback.returns)];
        parts.extend(callback.parameters.iter().map(kind));
        let _ = writeln!(text, "{} = CFUNCTYPE({})", callback.name, parts.join(", "));
    }
    text += "\n";
    text += "_text = c_char_p\n_text_out = POINTER(c_void_p)\n_bytes = POINTER(c_uint8)\n";
    text
}

fn prototypes(surface: &Surface) -> String {
    let mut text = String::from(
        "\n# Function → result, parameters.\nPROTOTYPES: dict[str, tuple[Any, list[Any]]] = {\n",
    );
    for function in &surface.functions {
        let (name, result, parameters) = (&function.name, result(function), parameters(function));
        let line = format!("    \"{name}\": ({result}, [{parameters}]),");
        if line.chars().count() <= WIDTH {
            let _ = writeln!(text, "{line}");
        } else {
            let _ = write!(
                text,
                "    \"{name}\": (\n        {result},\n        [{parameters}],\n    ),\n"
            );
        }
    }
    text += "}\n";
    text
}

fn result(function: &Function) -> String {
    match &function.returns {
        Type::Const(_) => "c_char_p".to_owned(),
        other => kind(other),
    }
}

fn parameters(function: &Function) -> String {
    let parameters = function.parameters.iter().map(|parameter| match parameter.role() {
        Role::TextIn => "_text".to_owned(),
        Role::TextOut => "_text_out".to_owned(),
        // Owned text keeps its address.
        Role::Owned => "c_void_p".to_owned(),
        _ => kind(&parameter.kind),
    });
    parameters.collect::<Vec<_>>().join(", ")
}

fn kind(kind: &Type) -> String {
    match kind {
        Type::Void => "None".to_owned(),
        Type::Number(name) => match name.as_str() {
            "usize" => "c_size_t".to_owned(),
            "c_int" => "c_int".to_owned(),
            _ if name.starts_with('u') => format!("c_uint{}", &name[1..]),
            _ => format!("c_int{}", &name[1..]),
        },
        Type::Callback(name) => name.clone(),
        Type::Handle(name) => name.clone(),
        Type::Char => "c_char_p".to_owned(),
        // What is owned keeps its address, in an array as well.
        Type::Mut(to) if matches!(**to, Type::Char) => "c_void_p".to_owned(),
        Type::Const(to) | Type::Mut(to) => match &**to {
            Type::Void => "c_void_p".to_owned(),
            Type::Char => "c_char_p".to_owned(),
            Type::Handle(name) => pointer(name),
            Type::Number(name) if name == "u8" => "_bytes".to_owned(),
            other => format!("POINTER({})", self::kind(other)),
        },
    }
}

/// `ocireg_service` → `_service`.
fn pointer(handle: &str) -> String {
    handle.strip_prefix("ocireg").expect("our handles").to_owned()
}
