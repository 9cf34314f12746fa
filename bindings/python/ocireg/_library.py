"""Finds the library, and gives its functions the types of ``_ffi.py``."""

from __future__ import annotations

import ctypes
import ctypes.util
import os
from collections.abc import Mapping
from ctypes import Structure, c_char_p, c_uint32, c_void_p
from pathlib import Path
from typing import Any

# The oldest library that this package works with.
MINIMUM_VERSION = 0x000200


def load(prototypes: Mapping[str, tuple[Any, list[Any]]]) -> tuple[ctypes.CDLL, str]:
    """The library with its functions declared, and its path."""
    library = _load()
    return library, _declare(library, prototypes)


def _load() -> ctypes.CDLL:
    """Loads the library: the one that OCIREG_LIBRARY names, the one beside this file, or the system's."""
    named = os.environ.get("OCIREG_LIBRARY")
    if named:
        return _open(named, "OCIREG_LIBRARY")
    for name in ("libocireg.so.0", "libocireg.so"):
        bundled = Path(__file__).with_name(name)
        if bundled.exists():
            return _open(str(bundled), "the package")
    try:
        return ctypes.CDLL("libocireg.so.0")
    except OSError as first:
        # Last, because it may start a compiler to ask it.
        found = ctypes.util.find_library("ocireg")
        if found is None:
            raise ImportError(
                f"cannot find libocireg.so.0 ({first}): install the library, "
                "or set the environment variable OCIREG_LIBRARY to its path"
            ) from first
        return _open(found, "the system")


def _open(path: str, whose: str) -> ctypes.CDLL:
    try:
        return ctypes.CDLL(path)
    except OSError as error:
        raise ImportError(f"cannot load {path}, the library of {whose}: {error}", path=path) from error


class _DlInfo(Structure):
    _fields_ = [
        ("dli_fname", c_char_p),
        ("dli_fbase", c_void_p),
        ("dli_sname", c_char_p),
        ("dli_saddr", c_void_p),
    ]


def _path(library: ctypes.CDLL, function: str) -> str:
    """The file that a loaded function came from, for messages."""
    info = _DlInfo()
    try:
        address = ctypes.cast(getattr(library, function), c_void_p)
        if ctypes.CDLL(None).dladdr(address, ctypes.byref(info)) and info.dli_fname:
            return os.fsdecode(info.dli_fname)
    except (AttributeError, OSError):
        pass
    return str(library._name)


def _declare(library: ctypes.CDLL, prototypes: Mapping[str, tuple[Any, list[Any]]]) -> str:
    """Gives every function its types, after a look at the version; returns the library's path."""
    try:
        library.ocireg_version_number.restype = c_uint32
        number = library.ocireg_version_number()
    except AttributeError as error:
        raise ImportError(f"{library._name} is not the ocireg library: {error}", path=library._name) from error
    path = _path(library, "ocireg_version_number")
    if number < MINIMUM_VERSION:
        raise ImportError(
            f"{path} is version {_dotted(number)} of ocireg, but this package needs "
            f"{_dotted(MINIMUM_VERSION)} or newer: install a newer library",
            path=path,
        )
    for name, (result, parameters) in prototypes.items():
        try:
            function = getattr(library, name)
        except AttributeError as error:
            raise ImportError(
                f"{path}, version {_dotted(number)}, lacks {name}: install a newer library", path=path
            ) from error
        function.restype = result
        function.argtypes = parameters
    return path


def _dotted(number: int) -> str:
    return f"{number >> 16}.{number >> 8 & 0xFF}.{number & 0xFF}"
