//! The committed files that a program writes: OCIREG_UPDATE=1 cargo test --test generated writes them anew.

#[allow(dead_code, reason = "the bindings use the rest")]
#[path = "../bindings/declarations.rs"]
mod declarations;
mod tables;

mod files;
