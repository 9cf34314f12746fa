//! The documentation's own promises: links lead somewhere, and the programs in it compile.

use std::path::{Path, PathBuf};
use std::process::Command;

use ocireg_testkit::stage;

/// The directories with pages for users.
pub const DIRECTORIES: [&str; 9] = [
    ".",
    "docs",
    "docs/start",
    "docs/guides",
    "docs/migration",
    "bindings/c",
    "bindings/go",
    "bindings/go/docker",
    "bindings/python",
];

/// The Markdown files of the repository in them.
fn pages() -> Vec<PathBuf> {
    let mut pages = Vec::new();
    for directory in DIRECTORIES {
        let entries = std::fs::read_dir(stage::root().join(directory)).expect("a directory");
        pages.extend(
            entries
                .flatten()
                .map(|entry| entry.path())
                .filter(|path| path.extension().is_some_and(|extension| extension == "md")),
        );
    }
    assert!(pages.len() > 10, "{pages:?}");
    pages
}

/// What GitHub and mdBook make of a heading.
fn anchor(heading: &str) -> String {
    heading
        .trim_start_matches('#')
        .trim()
        .to_lowercase()
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

fn anchors(page: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(page).expect("text");
    text.lines().filter(|line| line.starts_with('#')).map(anchor).collect()
}

/// The targets of `[text](target)` outside of code.
fn links(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut in_code = false;
    for line in text.lines() {
        in_code ^= line.starts_with("```");
        let mut rest = if in_code { "" } else { line };
        while let Some(start) = rest.find("](") {
            rest = &rest[start + 2..];
            let Some(end) = rest.find(')') else { break };
            found.push(rest[..end].to_owned());
            rest = &rest[end..];
        }
    }
    found
}

#[test]
fn every_link_leads_somewhere() {
    let mut checked = 0;
    for page in pages() {
        let text = std::fs::read_to_string(&page).expect("text");
        for link in links(&text).iter().filter(|link| !link.contains("://")) {
            let (file, fragment) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() {
                page.clone()
            } else {
                page.parent().expect("a directory").join(file)
            };
            assert!(target.exists(), "{}: {link} does not exist", page.display());
            let known = fragment.is_empty() || anchors(&target).iter().any(|a| a == fragment);
            assert!(known, "{}: {link} is not a heading", page.display());
            checked += 1;
        }
    }
    assert!(checked > 20, "{checked} links");
}

/// The blocks of one language.
fn blocks(page: &str, language: &str) -> Vec<String> {
    let text = std::fs::read_to_string(stage::root().join(page)).expect("text");
    let fence = format!("```{language}\n");
    text.split(&fence)
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap_or("").to_owned())
        .collect()
}

#[test]
fn the_first_c_program_compiles_without_a_warning() {
    for page in ["README.md", "docs/start/c.md"] {
        let directory = ocireg_testkit::tempdir();
        let source = directory.path().join("pull.c");
        let programs = blocks(page, "c");
        assert_eq!(programs.len(), 1, "{page}");
        std::fs::write(&source, &programs[0]).expect("written");
        let mut compile = Command::new("cc");
        compile.args(["-std=c99", "-Wall", "-Wextra", "-pedantic", "-Werror"]).arg(&source);
        stage::run(compile.args(stage::flags()).arg("-o").arg(directory.path().join("pull")));
    }
}

#[test]
fn the_first_go_program_passes_vet() {
    let directory = ocireg_testkit::tempdir();
    let programs = blocks("docs/start/go.md", "go");
    assert_eq!(programs.len(), 1);
    std::fs::write(directory.path().join("main.go"), &programs[0]).expect("written");
    let module = "github.com/ocireg/ocireg/bindings/go";
    let package = stage::root().join("bindings/go").canonicalize().expect("bindings/go");
    let modfile = format!(
        "module example\n\ngo 1.24\n\nrequire {module} v0.0.0\n\nreplace {module} => {}\n",
        package.display()
    );
    std::fs::write(directory.path().join("go.mod"), modfile).expect("written");
    let mut vet = Command::new("go");
    vet.args(["vet", "./..."]).current_dir(directory.path());
    vet.env("PKG_CONFIG_PATH", stage::prefix().join("lib/pkgconfig"));
    stage::run(&mut vet);
}

/// A page that the navigation of the site does not have is not found by its readers.
#[test]
fn the_site_has_every_page() {
    let site = std::fs::read_to_string(stage::root().join("docs/site/mkdocs.yml")).expect("text");
    for page in pages() {
        let path = page.strip_prefix(stage::root()).expect("below the root");
        let path = if path == Path::new("README.md") { Path::new("index.md") } else { path };
        let entry = format!(": {}\n", path.display());
        assert!(site.contains(&entry), "docs/site/mkdocs.yml does not have {}", path.display());
    }
}

#[test]
fn python_in_the_documentation_is_python() {
    for page in ["README.md", "docs/images.md", "bindings/python/README.md"] {
        for block in blocks(page, "python") {
            let check = "import ast, sys, textwrap; ast.parse(textwrap.dedent(sys.argv[1]))";
            stage::run(Command::new("python3").args(["-c", check, &block]));
        }
    }
}

/// Whatever the language, the quick start pulls, pushes and copies.
#[test]
fn the_quick_starts_show_the_main_calls() {
    for (language, calls) in [
        ("c", ["ocireg_pull(", "ocireg_push(", "ocireg_copy("]),
        ("python", ["service.pull(", "service.push(", "service.copy("]),
        ("go", ["service.Pull(", "service.Push(", "service.Copy("]),
    ] {
        let program = blocks("README.md", language).concat();
        for call in calls {
            assert!(program.contains(call), "{call} is not in the quick start in {language}");
        }
    }
}

/// A visitor knows after one screen what this is and how to start.
#[test]
fn the_front_page_is_one_screen() {
    let text = std::fs::read_to_string(stage::root().join("README.md")).expect("text");
    let front: Vec<&str> = text.lines().take(60).collect();
    let front = front.join("\n");
    for needed in [
        "**Why.**",
        "**Status.**",
        "**Platforms.**",
        "install.sh",
        "ocireg_pull",
        "pip install",
        "go get",
    ] {
        assert!(front.contains(needed), "{needed} is not on the first page");
    }
}
