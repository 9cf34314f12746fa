//! The header compiles everywhere, and documents every function.

use std::process::Command;

use crate::declarations;
use crate::declarations::functions;
use ocireg_testkit::stage;

fn header() -> String {
    std::fs::read_to_string(stage::root().join("include/ocireg.h")).expect("include/ocireg.h")
}

#[test]
fn compiles_alone_and_twice_as_strict_c_and_cpp() {
    let dir = ocireg_testkit::tempdir();
    let include = format!("-I{}", stage::root().join("include").display());
    let source = "#include <ocireg.h>\n#include <ocireg.h>\n\
                  int32_t answer(void);\nint32_t answer(void) { return OCIREG_OK; }\n";
    for (compiler, name, standards) in [
        ("cc", "header.c", ["-std=c99", "-std=c11"]),
        ("c++", "header.cpp", ["-std=c++17", "-std=c++20"]),
    ] {
        let file = dir.path().join(name);
        std::fs::write(&file, source).expect("written");
        for standard in standards {
            stage::run(
                Command::new(compiler)
                    .args([standard, "-Wall", "-Wextra", "-pedantic", "-Werror", &include])
                    .args(["-fsyntax-only"])
                    .arg(&file),
            );
        }
    }
}

/// Generators of bindings read headers with pycparser, which knows C99 and no compiler's extensions.
#[test]
fn pycparser_reads_it() {
    let dir = ocireg_testkit::tempdir();
    for (name, text) in [
        ("stddef.h", "typedef unsigned long size_t;\n"),
        (
            "stdint.h",
            "typedef int int32_t; typedef long int64_t; typedef unsigned char uint8_t;\n\
             typedef unsigned int uint32_t; typedef unsigned long uint64_t;\n",
        ),
    ] {
        std::fs::write(dir.path().join(name), text).expect("written");
    }
    let plain = dir.path().join("plain.c");
    stage::run(
        Command::new("cc")
            .args(["-E", "-P", "-std=c99", "-nostdinc", "-I"])
            .arg(dir.path())
            .arg(stage::root().join("include/ocireg.h"))
            .arg("-o")
            .arg(&plain),
    );
    let program = "import sys, pycparser\n\
        tree = pycparser.CParser().parse(open(sys.argv[1]).read())\n\
        for node in tree.ext:\n\
        \x20   if isinstance(node.type, pycparser.c_ast.FuncDecl): print(node.name)\n";
    let names = stage::output(
        Command::new(stage::python_with("pycparser")).args(["-c", program]).arg(&plain),
    );
    let ours: Vec<String> = functions(&header()).into_iter().map(|f| f.name).collect();
    // pthread_setcancelstate() is declared as well: it is the system's.
    let names: Vec<&str> = names.lines().filter(|name| name.starts_with("ocireg_")).collect();
    assert_eq!(names, ours);
}

#[test]
fn version_macros_are_those_of_the_package() {
    let dir = ocireg_testkit::tempdir();
    let (source, program) = (dir.path().join("version.c"), dir.path().join("version"));
    std::fs::write(
        &source,
        r#"#include <ocireg.h>
        #include <stdio.h>
        int main(void) {
            printf("%d.%d.%d %s %d %d %s\n", OCIREG_VERSION_MAJOR, OCIREG_VERSION_MINOR, OCIREG_VERSION_PATCH,
                OCIREG_VERSION_STRING, OCIREG_VERSION_NUMBER, (int)ocireg_version_number(), ocireg_version());
            return 0;
        }"#,
    )
    .expect("written");
    stage::run(Command::new("cc").arg(&source).arg("-o").arg(&program).args(stage::flags()));
    let version = env!("CARGO_PKG_VERSION");
    let number = version
        .split('.')
        .fold(0u32, |number, part| number << 8 | part.parse::<u32>().expect("a number"));
    assert_eq!(
        stage::output(&mut Command::new(&program)).trim_end(),
        format!("{version} {version} {number} {number} {version}")
    );
}

#[test]
fn nothing_but_the_librarys_own_functions_is_declared() {
    let header = header();
    let declared: Vec<&str> = header
        .lines()
        .filter(|line| line.starts_with("extern ") && !line.starts_with("extern \"C\""))
        .collect();
    assert!(declared.is_empty(), "{declared:?}");
    let foreign: Vec<_> =
        functions(&header).into_iter().filter(|f| !f.name.starts_with("ocireg_")).collect();
    assert!(foreign.is_empty(), "{:?}", foreign.iter().map(|f| &f.name).collect::<Vec<_>>());
}

/// Each function says what it does, what every parameter is, what it returns, which threads may call it, whether it
/// waits, and since when it exists.
#[test]
fn every_function_is_documented() {
    let functions = functions(&header());
    assert!(functions.len() > 10, "the header's functions are found");
    let mut faults = Vec::new();
    for function in &functions {
        let mut fault = |text: String| faults.push(format!("{}: {text}", function.name));
        let doc = &function.doc;
        if doc.trim_start().is_empty() || doc.trim_start().starts_with('@') {
            fault("its purpose is missing".to_owned());
        }
        let documented: Vec<&str> =
            doc.split("@param").skip(1).filter_map(|rest| rest.split_whitespace().next()).collect();
        let parameters: Vec<&str> = function.parameters.iter().map(|p| p.name.as_str()).collect();
        if documented != parameters {
            fault(format!("documents the parameters {documented:?}, has {parameters:?}"));
        }
        let returns = doc.split("@return").nth(1);
        if returns.is_some() == (function.returns == "void") {
            fault(format!("returns {}, and says otherwise", function.returns));
        }
        if parameters.last() == Some(&"error")
            && parameters.len() > 1
            && !returns.is_some_and(|text| text.contains("OCIREG_"))
        {
            fault("does not name the codes that it returns".to_owned());
        }
        if !doc.contains("thread") {
            fault("does not say which threads may call it".to_owned());
        }
        if ![" Never blocks", " Blocks", " Reads ", " Asks ", " May ask ", " May wait "]
            .iter()
            .any(|text| doc.contains(text))
        {
            fault("does not say whether it waits".to_owned());
        }
        let since = doc.rsplit("Since ").next().unwrap_or_default().trim();
        let number = since.trim_end_matches('.');
        if number.is_empty()
            || !number.split('.').all(|part| part.parse::<u32>().is_ok())
            || !doc.contains("Since ")
        {
            fault("does not end with \"Since MAJOR.MINOR.\"".to_owned());
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Each opaque type says how threads may share it, and can be freed.
#[test]
fn every_type_is_documented() {
    let header = header();
    let names: Vec<String> = functions(&header).into_iter().map(|f| f.name).collect();
    let mut types = 0;
    for (doc, declaration) in declarations::documented(&header) {
        let Some(name) = declaration.strip_prefix("typedef struct ") else { continue };
        let name = name.split_whitespace().next().expect("a name");
        types += 1;
        assert!(doc.contains("thread"), "{name} does not say how threads may share it");
        let free = format!("{name}_free");
        // What is lent to a callback is not freed.
        let is_lent =
            doc.split_whitespace().collect::<Vec<_>>().join(" ").contains("do not free it");
        assert!(names.contains(&free) != is_lent, "{free} is missing, or must not be there");
    }
    assert!(types >= 2, "the header's types are found");
}

/// What a callback must not do cannot be noticed in time, so the header says it.
#[test]
fn x10_callbacks_say_what_they_must_not_do() {
    let header = header();
    let mut callbacks = 0;
    for (doc, declaration) in declarations::documented(&header) {
        if !declaration.starts_with("typedef") || !declaration.contains("_fn)") {
            continue;
        }
        callbacks += 1;
        let doc = doc.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(
            declaration.contains("ocireg_drop_fn")
                || doc.contains("must not throw, jump out, or free or change a handle"),
            "{declaration}: {doc}"
        );
    }
    assert!(callbacks >= 3, "the header's callbacks are found");
}
