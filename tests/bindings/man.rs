//! The manual pages: what a reader of manuals says about them, and that each function has one.

use std::path::PathBuf;
use std::process::Command;

use crate::declarations;
use ocireg_testkit::stage;

fn pages() -> PathBuf {
    stage::prefix().join("share/man/man3")
}

#[test]
fn every_page_is_clean() {
    let mut lint = Command::new("mandoc");
    lint.args(["-T", "lint", "-W", "warning"]).current_dir(pages().join(".."));
    let mut groups = 0;
    for page in std::fs::read_dir(pages()).expect("manual pages").flatten() {
        let name = page.file_name().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(page.path()).expect("a page");
        if let Some(leads) = text.strip_prefix(".so ") {
            assert!(pages().join("..").join(leads.trim_end()).exists(), "{name} leads nowhere");
        } else {
            lint.arg(page.path());
            groups += 1;
        }
    }
    assert!(groups > 20, "{groups} pages");
    let output = lint.output().expect("mandoc");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.is_empty(), "{said}");
}

#[test]
fn every_function_is_found_with_its_documentation() {
    let header = stage::prefix().join("include/ocireg.h");
    let header = std::fs::read_to_string(header).expect("staged header");
    for function in declarations::functions(&header) {
        let page = std::fs::read_to_string(pages().join(format!("{}.3", function.name)));
        let page = page.unwrap_or_else(|e| panic!("{} has no page: {e}", function.name));
        let group = page.strip_prefix(".so man3/").expect("it leads to its group").trim_end();
        let group = std::fs::read_to_string(pages().join(group)).expect("the group's page");
        let (_, text) = group.split_once(&format!("\n.SS {}()\n", function.name)).expect("a part");
        let text = text.split("\n.SS ").next().unwrap_or_default();
        for parameter in &function.parameters {
            let part = format!(".TP\n.I {}\n", parameter.name);
            assert!(text.contains(&part), "{}: {}", function.name, parameter.name);
        }
    }
}
