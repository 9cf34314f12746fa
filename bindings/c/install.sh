#!/bin/sh
# Builds libocireg and installs it for C and C++: shared and static library, headers, pkg-config and CMake files, manual
# pages. For another machine, set CARGO_BUILD_TARGET, and CC, LD, NM and OBJCOPY to the tools for it; for a target with
# musl only the static library is built.
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
to_man=$destdir$prefix/share/man/man3
to_cmake=$destdir$prefix/share/cmake/ocireg

if [ "$action" = uninstall ]; then
    rm -f "$to_lib/libocireg.so" "$to_lib/$soname" "$to_lib/$soname".* "$to_lib/libocireg.a" \
        "$to_include/ocireg.h" "$to_include/ocireg.hpp" "$to_lib/pkgconfig/ocireg.pc" \
        "$to_cmake/ocireg-config.cmake" "$to_cmake/ocireg-config-version.cmake"
    for page in "$here"/man/*.3; do
        rm -f "$to_man/${page##*/}"
    done
    [ ! -d "$to_cmake" ] || rmdir "$to_cmake"
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
case ${CARGO_BUILD_TARGET-} in
    *musl*) kinds=staticlib ;;
    *) kinds=cdylib,staticlib ;;
esac
(cd "$root" && "$cargo" ${frames:+--config "$frames"} rustc --locked --package ocireg --lib --crate-type "$kinds" \
    --profile "$cargo_profile" --features "$features")
target=$(cd "$root" && "$cargo" metadata --format-version 1 --no-deps --locked |
    sed 's/.*"target_directory":"\([^"]*\)".*/\1/')
built=$target/${CARGO_BUILD_TARGET:+$CARGO_BUILD_TARGET/}$profile
library=$built/libocireg.so archive=$built/libocireg.a
[ -f "$archive" ] || fail "cargo made no $archive"

# The static library is one object in which only ocireg_* is global: it may stand beside another Rust library, another
# zstd, another copy of anything.
public=$built/libocireg-public.a
if [ ! "$public" -nt "$archive" ]; then
    # With musl it unwinds by itself: gcc's own unwinder may be for glibc only.
    unwind=
    case ${CARGO_BUILD_TARGET-} in
        *musl*) unwind=$("${RUSTC:-rustc}" --print target-libdir --target "$CARGO_BUILD_TARGET")/self-contained/libunwind.a ;;
    esac
    symbols=$("${NM:-nm}" --defined-only --extern-only "$archive" 2>/dev/null |
        sed -n 's/^[0-9a-f]* T \(ocireg_.*\)$/-u \1/p')
    # shellcheck disable=SC2086 # one word for each symbol
    "${LD:-ld}" -r -o "$public.o" $symbols "$archive" ${unwind:+"$unwind"}
    # Rust's own libraries bring bitcode, which the plugin of an older LLVM would choke on.
    "${OBJCOPY:-objcopy}" --wildcard --keep-global-symbol='ocireg_*' \
        --remove-section .llvmbc --remove-section .llvmcmd "$public.o"
    rm -f "$public.new"
    "${AR:-ar}" rcsD "$public.new" "$public.o"
    rm -f "$public.o"
    mv -f "$public.new" "$public"
fi

# A file that changed is replaced by rename: a program that runs on the old one keeps it.
place() { # SOURCE DESTINATION MODE
    mkdir -p "$(dirname "$2")"
    if ! cmp -s "$1" "$2"; then
        cp "$1" "$2.new"
        chmod "$3" "$2.new"
        mv -f "$2.new" "$2"
    fi
}

# Written relative to the prefix where that is possible, so that the whole tree can be moved. CMake's file looks in the
# usual places below the prefix; it has to be told of any other.
case $libdir in
    "$prefix"/*) pc_libdir="\${prefix}${libdir#"$prefix"}" ;;
    *) pc_libdir=$libdir ;;
esac
case $libdir in
    "$prefix/lib" | "$prefix/lib64" | "$prefix/lib/"*-linux-*) cmake_libdir= ;;
    *) cmake_libdir=$libdir ;;
esac

fill() { # TEMPLATE DESTINATION
    mkdir -p "$(dirname "$2")"
    sed -e "s|@PREFIX@|$prefix|g" -e "s|@LIBDIR@|$pc_libdir|g" -e "s|@VERSION@|$version|g" \
        -e "s|^set(_ocireg_libdir \"\")|set(_ocireg_libdir \"$cmake_libdir\")|" "$1" >"$2.new"
    mv -f "$2.new" "$2"
}

link() { # TARGET NAME
    if [ "$(readlink "$2" || :)" != "$1" ]; then
        ln -s "$1" "$2.new"
        mv -f "$2.new" "$2"
    fi
}

if [ "$kinds" != staticlib ]; then
    place "$library" "$to_lib/libocireg.so.$version" 755
    link "libocireg.so.$version" "$to_lib/$soname"
    link "$soname" "$to_lib/libocireg.so"
fi
place "$public" "$to_lib/libocireg.a" 644
place "$root/include/ocireg.h" "$to_include/ocireg.h" 644
place "$here/ocireg.hpp" "$to_include/ocireg.hpp" 644
fill "$here/ocireg.pc.in" "$to_lib/pkgconfig/ocireg.pc"
fill "$here/cmake/ocireg-config.cmake" "$to_cmake/ocireg-config.cmake"
fill "$here/cmake/ocireg-config-version.cmake" "$to_cmake/ocireg-config-version.cmake"
for page in "$here"/man/*.3; do
    place "$page" "$to_man/${page##*/}" 644
done

say "
Installed ocireg $version:"
[ "$kinds" = staticlib ] || say "  $to_lib/libocireg.so.$version, with the links $soname and libocireg.so"
say "  $to_lib/libocireg.a
  $to_include/ocireg.h and ocireg.hpp
  $to_lib/pkgconfig/ocireg.pc
  $to_cmake/
  $to_man/ocireg.3 and a page for each group of functions"
[ -z "$destdir" ] || exit 0
[ "$kinds" != staticlib ] || exit 0

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
