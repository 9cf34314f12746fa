#!/bin/sh
# Builds libocireg and installs it for C and C++: library, headers, pkg-config and CMake files.
set -eu

usage() {
    cat <<'USAGE'
usage: install.sh --prefix DIR [--destdir DIR] [--profile release|debug]

  --prefix DIR    where the library will live, such as /usr/local; an absolute path
  --destdir DIR   put everything under DIR instead, for packages; files still name the prefix
  --profile NAME  release (the default) or debug
USAGE
}

fail() {
    echo "install.sh: $1" >&2
    exit 1
}

prefix= destdir= profile=release
while [ $# -gt 0 ]; do
    case $1 in
        --help) usage; exit ;;
        --prefix | --destdir | --profile)
            [ $# -ge 2 ] || fail "$1 needs a value"
            case $1 in
                --prefix) prefix=$2 ;;
                --destdir) destdir=$2 ;;
                --profile) profile=$2 ;;
            esac
            shift 2
            ;;
        *) usage >&2; fail "unknown argument $1" ;;
    esac
done
case $prefix in
    /*) prefix=${prefix%/} ;;
    *) usage >&2; fail "--prefix needs an absolute path" ;;
esac
case $profile in
    release) cargo_profile=release ;;
    debug) cargo_profile=dev ;;
    *) fail "--profile is release or debug" ;;
esac

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
cargo=${CARGO:-cargo}
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' "$root/Cargo.toml" | head -n 1)
soname=libocireg.so.0 # as build.rs names it

# Beside a Rust library, the shared one would keep a seventh more of code that nobody can call.
(cd "$root" && "$cargo" rustc --quiet --locked --package ocireg --lib --crate-type cdylib --profile "$cargo_profile")
target=$(cd "$root" && "$cargo" metadata --format-version 1 --no-deps --locked |
    sed 's/.*"target_directory":"\([^"]*\)".*/\1/')
library=$target/${CARGO_BUILD_TARGET:+$CARGO_BUILD_TARGET/}$profile/libocireg.so
[ -f "$library" ] || fail "cargo made no $library"

# A file that changed is replaced by rename: a program that runs on the old one keeps it.
place() { # SOURCE DESTINATION MODE
    mkdir -p "$(dirname "$2")"
    if ! cmp -s "$1" "$2"; then
        cp "$1" "$2.new"
        chmod "$3" "$2.new"
        mv -f "$2.new" "$2"
    fi
}

fill() { # TEMPLATE DESTINATION
    mkdir -p "$(dirname "$2")"
    sed -e "s|@PREFIX@|$prefix|g" -e "s|@VERSION@|$version|g" "$1" >"$2.new"
    mv -f "$2.new" "$2"
}

link() { # TARGET NAME
    if [ "$(readlink "$2" || :)" != "$1" ]; then
        ln -s "$1" "$2.new"
        mv -f "$2.new" "$2"
    fi
}

to=$destdir$prefix
place "$library" "$to/lib/libocireg.so.$version" 755
link "libocireg.so.$version" "$to/lib/$soname"
link "$soname" "$to/lib/libocireg.so"
place "$root/include/ocireg.h" "$to/include/ocireg.h" 644
place "$here/ocireg.hpp" "$to/include/ocireg.hpp" 644
fill "$here/ocireg.pc.in" "$to/lib/pkgconfig/ocireg.pc"
place "$here/cmake/ocireg-config.cmake" "$to/lib/cmake/ocireg/ocireg-config.cmake" 644
fill "$here/cmake/ocireg-config-version.cmake.in" "$to/lib/cmake/ocireg/ocireg-config-version.cmake"
