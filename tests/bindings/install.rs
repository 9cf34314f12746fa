//! bindings/c/install.sh as a user runs it: what it checks first, what it installs where, what it says, and that all of
//! it goes again.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use ocireg_testkit::image::Spec;
use ocireg_testkit::{Registry, stage};

fn install() -> Command {
    stage::prefix(); // Built once, under the lock.
    let mut command = Command::new(stage::root().join("bindings/c/install.sh"));
    stage::outside_cargo(&mut command);
    command.args(["--profile", &stage::profile()]);
    command
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut waiting = vec![directory.to_path_buf()];
    while let Some(next) = waiting.pop() {
        for entry in std::fs::read_dir(next).expect("a directory").flatten() {
            let is_directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if is_directory { waiting.push(entry.path()) } else { found.push(entry.path()) }
        }
    }
    found
}

/// A program that a user would build with pkg-config against the install below this prefix.
fn compiles_and_starts(prefix: &Path, libdir: &Path) {
    let source = prefix.join("program.c");
    let program = prefix.join("program");
    std::fs::write(
        &source,
        "#include <ocireg.h>\n#include <stdio.h>\nint main(void) { return puts(ocireg_version()) < 0; }\n",
    )
    .expect("written");
    let flags = stage::output(
        Command::new("pkg-config")
            .env("PKG_CONFIG_LIBDIR", libdir.join("pkgconfig"))
            .env_remove("PKG_CONFIG_PATH")
            .args(["--cflags", "--libs", "ocireg"]),
    );
    stage::run(
        Command::new("cc").arg(&source).arg("-o").arg(&program).args(flags.split_whitespace()),
    );
    let version = stage::output(Command::new(&program).env("LD_LIBRARY_PATH", libdir));
    assert_eq!(version.trim_end(), env!("CARGO_PKG_VERSION"));
}

#[test]
fn libdir_is_where_the_library_goes_and_every_file_knows() {
    for libdir in ["lib64", "lib/x86_64-linux-gnu", "own/place"] {
        let prefix = ocireg_testkit::tempdir();
        let output = install()
            .arg("--prefix")
            .arg(prefix.path())
            .args(["--libdir", libdir])
            .output()
            .expect("sh");
        assert!(output.status.success(), "{}", said(&output));
        let libdir = prefix.path().join(libdir);
        assert!(libdir.join("libocireg.so.0").exists());
        compiles_and_starts(prefix.path(), &libdir);

        let project = ocireg_testkit::tempdir();
        std::fs::write(
            project.path().join("CMakeLists.txt"),
            "cmake_minimum_required(VERSION 3.16)\nproject(program C)\nfind_package(ocireg 0.2 REQUIRED)\n\
             add_executable(program program.c)\ntarget_link_libraries(program PRIVATE ocireg::ocireg)\n",
        )
        .expect("written");
        std::fs::copy(prefix.path().join("program.c"), project.path().join("program.c"))
            .expect("copied");
        let build = project.path().join("build");
        stage::run(
            Command::new("cmake")
                .arg("-S")
                .arg(project.path())
                .arg("-B")
                .arg(&build)
                .arg(format!("-DCMAKE_PREFIX_PATH={}", prefix.path().display())),
        );
        stage::run(Command::new("cmake").arg("--build").arg(&build));
        let version = stage::output(&mut Command::new(build.join("program")));
        assert_eq!(version.trim_end(), env!("CARGO_PKG_VERSION"));
    }
}

#[test]
fn it_says_what_it_installed_and_what_to_do_next() {
    let prefix = ocireg_testkit::tempdir();
    let output = install().arg("--prefix").arg(prefix.path()).output().expect("sh");
    let said = said(&output);
    let lib = prefix.path().join("lib");
    for expected in [
        format!("Installed ocireg {}", env!("CARGO_PKG_VERSION")),
        format!("{}/libocireg.so.{}", lib.display(), env!("CARGO_PKG_VERSION")),
        format!("{}/include/ocireg.h", prefix.path().display()),
        format!("export LD_LIBRARY_PATH={}", lib.display()),
        format!("export PKG_CONFIG_PATH={}/pkgconfig", lib.display()),
        "pkg-config --cflags --libs ocireg".to_owned(),
    ] {
        assert!(said.contains(&expected), "{expected:?} is missing in:\n{said}");
    }
}

#[test]
fn uninstall_removes_all_of_it_and_nothing_else() {
    let prefix = ocireg_testkit::tempdir();
    let other = prefix.path().join("lib/pkgconfig/other.pc");
    std::fs::create_dir_all(other.parent().expect("a parent")).expect("created");
    std::fs::write(&other, "Name: other\n").expect("written");
    let output = install().arg("--prefix").arg(prefix.path()).output().expect("sh");
    assert!(output.status.success(), "{}", said(&output));
    assert!(files(prefix.path()).len() > 5);
    let output =
        install().arg("--uninstall").arg("--prefix").arg(prefix.path()).output().expect("sh");
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(files(prefix.path()), [other]);
}

#[test]
fn what_is_missing_is_said_before_anything_is_built() {
    let directory = ocireg_testkit::tempdir();
    let prefix = directory.path().join("prefix");
    let old = directory.path().join("cargo");
    std::fs::write(&old, "#!/bin/sh\necho 'cargo 1.70.0 (7fe40dc8c 2023-04-27)'\n")
        .expect("written");
    std::fs::set_permissions(&old, std::fs::Permissions::from_mode(0o755)).expect("executable");
    for (cargo, expected) in [
        ("no-such-cargo".as_ref(), "cargo is not on PATH"),
        (old.as_os_str(), "cargo is 1.70.0, but"),
    ] {
        let output =
            install().env("CARGO", cargo).arg("--prefix").arg(&prefix).output().expect("sh");
        assert!(!output.status.success());
        let said = said(&output);
        assert!(said.contains(expected) && said.contains("rustup"), "{said}");
        assert!(!prefix.exists(), "nothing is created before the checks");
    }
    let output = install().args(["--prefix", "relative"]).output().expect("sh");
    assert!(!output.status.success() && said(&output).contains("absolute path"));
}

/// A program that carries the library in itself needs nothing beside it, and sees nothing of it but its functions.
#[test]
fn a_static_program_runs_and_only_our_functions_are_global() {
    let prefix = stage::prefix();
    let archive = prefix.join("lib/libocireg.a");
    let symbols =
        stage::output(Command::new("nm").args(["--defined-only", "--extern-only"]).arg(&archive));
    let names: Vec<&str> =
        symbols.lines().filter_map(|line| line.split_whitespace().nth(2)).collect();
    let strange: Vec<_> = names.iter().filter(|name| !name.starts_with("ocireg_")).collect();
    assert!(names.len() > 100 && strange.is_empty(), "{strange:?}");

    let directory = ocireg_testkit::tempdir();
    let source = directory.path().join("program.c");
    let code = "#include <ocireg.h>\n#include <stdio.h>\n#include <stdlib.h>\nint main(int argc, char **argv) {\n\
        ocireg_service *service = NULL; ocireg_session *session = NULL; ocireg_error *error = NULL;\n\
        char *json = NULL, **tags = NULL; size_t count = 0;\n\
        if (argc == 2 && ocireg_service_new(NULL, &service, &error) == OCIREG_OK &&\n\
            ocireg_session_open(service, NULL, argv[1], NULL, &session, &error) == OCIREG_OK &&\n\
            ocireg_session_list_tags(session, NULL, NULL, &json, &error) == OCIREG_OK &&\n\
            ocireg_json_strings(json, \"/tags\", NULL, &tags, &count, &error) == OCIREG_OK)\n\
            for (size_t i = 0; i < count; i++) puts(tags[i]);\n\
        else return fprintf(stderr, \"%s\\n\", ocireg_error_message(error)), 1;\n\
        ocireg_strings_free(tags); ocireg_string_free(json);\n\
        ocireg_session_free(session); ocireg_service_free(service); return 0; }\n";
    std::fs::write(&source, code).expect("written");
    let registry = Registry::plain();
    let image = Spec::busybox(&["linux/amd64"]).build();
    for tag in ["1", "2"] {
        image.push_to(&registry, "app", tag);
    }
    let flags =
        stage::output(stage::pkg_config().args(["--static", "--cflags", "--libs", "ocireg"]));
    let program = directory.path().join("program");
    let mut cc = Command::new("cc");
    cc.arg("-static").arg(&source).arg("-o").arg(&program).args(flags.split_whitespace());
    stage::run(&mut cc);
    let kind = stage::output(Command::new("readelf").arg("--program-headers").arg(&program));
    assert!(!kind.contains("INTERP"), "it is not static:\n{kind}");
    let mut program = Command::new(program);
    let tags = stage::output(program.arg(format!("{}/app", registry.host())));
    assert_eq!(tags, "1\n2\n");
}
