#!/bin/sh
# Builds libocireg and installs it for C and C++: library, headers, pkg-config and CMake files.
set -eu

usage() {
    cat <<'USAGE'
usage: install.sh [--prefix DIR] [--libdir DIR] [--destdir DIR] [--profile release|debug]
       install.sh --uninstall [--prefix DIR] [--libdir DIR] [--destdir DIR]

  --prefix DIR    where to install; an absolute path (default: /usr/local)
  --libdir DIR    where the library goes; absolute, or below the prefix (default: lib)
  --destdir DIR   put everything under DIR instead, for packages; files still name the prefix
  --profile NAME  release (default) or debug
  --uninstall     remove what an earlier run installed at the same place
USAGE
}

fail() {
    echo "install.sh: $1" >&2
    exit 1
}

say() {
    echo "$*" >&2
}

prefix=/usr/local libdir=lib destdir= profile=release action=install
while [ $# -gt 0 ]; do
    case $1 in
        --help) usage; exit ;;
        --uninstall) action=uninstall; shift ;;
        --prefix | --libdir | --destdir | --profile)
            [ $# -ge 2 ] || fail "$1 needs a value"
            case $1 in
                --prefix) prefix=$2 ;;
                --libdir) libdir=$2 ;;
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
    *) usage >&2; fail "--prefix must be an absolute path" ;;
esac
[ -n "$libdir" ] || fail "--libdir must not be empty"
libdir=${libdir%/}
case $libdir in
    /*) ;;
    *) libdir=$prefix/$libdir ;;
esac
case $profile in
    release) cargo_profile=release ;;
    debug) cargo_profile=dev ;;
    *) fail "--profile must be release or debug" ;;
esac

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
manifest=$root/Cargo.toml
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' "$manifest" | head -n 1)
soname=libocireg.so.0 # as build.rs names it
to_lib=$destdir$libdir
to_include=$destdir$prefix/include

if [ "$action" = uninstall ]; then
    rm -f "$to_lib/libocireg.so" "$to_lib/$soname" "$to_lib/$soname".* \
        "${to_lib}/libocireg.so.$version" "$to_include/ocireg.h" "$to_include/ocireg.hpp" \
        "$to_lib/pkgconfig/ocireg.pc" "$to_lib/cmake/ocireg/ocireg-config.cmake" \
        "$to_lib/cmake/ocireg/ocireg-config-version.cmake"
    [ ! -d "$to_lib/cmake/ocireg" ] || rmdir "$to_lib/cmake/ocireg"
    say "Removed ocireg from $destdir$prefix."
    exit
fi

# Found out now, rather than after a minute of building.
cargo=${CARGO:-cargo}
minimum=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' "$manifest")
command -v "$cargo" >/dev/null 2>&1 ||
    fail "cargo is not on PATH. Building ocireg needs Rust $minimum or newer: install it with rustup (https://rustup.rs)"
found=$("$cargo" --version | sed 's/^cargo \([0-9.]*\).*/\1/')
[ "$(printf '%s\n%s\n' "$minimum" "$found" | sort -V | head -n 1)" = "$minimum" ] ||
    fail "cargo is $found, but building ocireg needs $minimum or newer: run 'rustup update stable'"
command -v "${CC:-cc}" >/dev/null 2>&1 ||
    fail "there is no C compiler (${CC:-cc}) on PATH: install one, such as Debian's package gcc, or set CC"
mkdir -p "$to_lib" "$to_include" 2>/dev/null && [ -w "$to_lib" ] && [ -w "$to_include" ] ||
    fail "$destdir$prefix is not writable: run this as root, or choose another --prefix"

say "Building ocireg $version ($profile) with cargo $found; the first build takes a minute or two."
# Beside a Rust library, the shared one would keep a seventh more of code that nobody can call. With frame pointers, the
# tables for unwinding are a quarter smaller, and the code no larger; RUSTFLAGS of the caller's count instead.
# The feature is for release builds: tests share what is built in debug builds.
features='' frames=''
[ "$profile" != release ] || features=capi frames='build.rustflags=["-Cforce-frame-pointers=yes"]'
(cd "$root" && "$cargo" ${frames:+--config "$frames"} rustc --locked --package ocireg --lib --crate-type cdylib \
    --profile "$cargo_profile" --features "$features")
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

# Written relative to the prefix where that is possible, so that the whole tree can be moved.
case $libdir in
    "$prefix"/*)
        pc_libdir="\${prefix}${libdir#"$prefix"}"
        up=$(echo "${libdir#"$prefix"/}" | sed 's|[^/][^/]*|..|g')
        cmake_include="\${CMAKE_CURRENT_LIST_DIR}/../../$up/include"
        ;;
    *)
        pc_libdir=$libdir
        cmake_include=$prefix/include
        ;;
esac

fill() { # TEMPLATE DESTINATION
    mkdir -p "$(dirname "$2")"
    sed -e "s|@PREFIX@|$prefix|g" -e "s|@LIBDIR@|$pc_libdir|g" -e "s|@INCLUDEDIR@|$cmake_include|g" \
        -e "s|@VERSION@|$version|g" "$1" >"$2.new"
    mv -f "$2.new" "$2"
}

link() { # TARGET NAME
    if [ "$(readlink "$2" || :)" != "$1" ]; then
        ln -s "$1" "$2.new"
        mv -f "$2.new" "$2"
    fi
}

place "$library" "$to_lib/libocireg.so.$version" 755
link "libocireg.so.$version" "$to_lib/$soname"
link "$soname" "$to_lib/libocireg.so"
place "$root/include/ocireg.h" "$to_include/ocireg.h" 644
place "$here/ocireg.hpp" "$to_include/ocireg.hpp" 644
fill "$here/ocireg.pc.in" "$to_lib/pkgconfig/ocireg.pc"
fill "$here/cmake/ocireg-config.cmake.in" "$to_lib/cmake/ocireg/ocireg-config.cmake"
fill "$here/cmake/ocireg-config-version.cmake.in" "$to_lib/cmake/ocireg/ocireg-config-version.cmake"

say "
Installed ocireg $version:
  $to_lib/libocireg.so.$version, with the links $soname and libocireg.so
  $to_include/ocireg.h and ocireg.hpp
  $to_lib/pkgconfig/ocireg.pc
  $to_lib/cmake/ocireg/"
[ -z "$destdir" ] || exit 0

# What is missing until a program that uses the library builds and starts.
next=
ldconfig=$(PATH=$PATH:/usr/sbin:/sbin command -v ldconfig || :)
if [ -n "$ldconfig" ] && "$ldconfig" -v -N -X 2>/dev/null | sed -n 's|^\(/[^:]*\):.*|\1|p' | grep -qxF "$libdir"; then
    if [ "$(id -u)" = 0 ]; then
        "$ldconfig"
    else
        next="$next
  sudo ldconfig                                 # so that programs find the library when they start"
    fi
else
    next="$next
  export LD_LIBRARY_PATH=$libdir                # so that programs find the library when they start"
fi
pc_path=$(pkg-config --variable pc_path pkg-config 2>/dev/null || :)
case :$pc_path: in
    *":$libdir/pkgconfig:"*) ;;
    *) next="$next
  export PKG_CONFIG_PATH=$libdir/pkgconfig      # so that pkg-config finds ocireg.pc" ;;
esac
[ -z "$next" ] || say "
Before you use it:$next"
say "
Build a program with:
  cc program.c \$(pkg-config --cflags --libs ocireg) -o program"
