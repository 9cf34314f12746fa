"""The declarations in _ffi.py against include/ocireg.h: every function, every type, every constant."""

from __future__ import annotations

import ctypes
import re
from pathlib import Path
from typing import Any

import pytest
from pycparser import c_ast, c_parser

from ocireg import _errors, _ffi

HEADER = (Path(__file__).parents[3] / "include" / "ocireg.h").read_text()

BASIC = {
    "void": None,
    "int32_t": ctypes.c_int32,
    "int64_t": ctypes.c_int64,
    "uint8_t": ctypes.c_uint8,
    "uint32_t": ctypes.c_uint32,
    "uint64_t": ctypes.c_uint64,
    "size_t": ctypes.c_size_t,
}


def parse() -> c_ast.FileAST:
    # A parser wants no comments and no preprocessor lines, and the types of the standard headers.
    text = re.sub(r"/\*.*?\*/|//[^\n]*", "", HEADER, flags=re.DOTALL)
    text = re.sub(r"#ifdef __cplusplus.*?#endif", "", text, flags=re.DOTALL)
    text = re.sub(r"^#.*$", "", text, flags=re.MULTILINE)
    known = "".join(f"typedef int {name};\n" for name in BASIC if name != "void")
    return c_parser.CParser().parse(known + text)


DECLARATIONS = parse().ext
FUNCTIONS = {
    node.name: node.type
    for node in DECLARATIONS
    if isinstance(node, c_ast.Decl) and isinstance(node.type, c_ast.FuncDecl)
}
CALLBACKS = {
    node.name: node.type.type
    for node in DECLARATIONS
    if isinstance(node, c_ast.Typedef) and isinstance(node.type, c_ast.PtrDecl)
}
HANDLES = {
    node.name for node in DECLARATIONS if isinstance(node, c_ast.Typedef) and isinstance(node.type.type, c_ast.Struct)
}


def as_ctypes(node: c_ast.Node) -> Any:
    """What a C type has to be in ctypes."""
    if isinstance(node, c_ast.TypeDecl):
        name = node.type.names[0]
        if name in HANDLES or name in CALLBACKS:
            return getattr(_ffi, name)
        return BASIC[name]
    assert isinstance(node, c_ast.PtrDecl)
    target = node.type
    if isinstance(target, c_ast.TypeDecl):
        name = target.type.names[0]
        if name == "void":
            return ctypes.c_void_p
        if name == "char":
            # Text that is lent is copied by ctypes; text that is owned has to keep its address.
            return ctypes.c_char_p if "const" in target.quals else ctypes.c_void_p
    return ctypes.POINTER(as_ctypes(target))


def parameters(function: c_ast.FuncDecl) -> list[Any]:
    types = [as_ctypes(parameter.type) for parameter in function.args.params]
    return [] if types == [None] else types


def test_the_header_was_read() -> None:
    assert len(FUNCTIONS) > 40
    assert {"ocireg_service", "ocireg_session", "ocireg_reader", "ocireg_context", "ocireg_error"} <= HANDLES
    assert set(CALLBACKS) == {
        "ocireg_progress_fn",
        "ocireg_log_fn",
        "ocireg_drop_fn",
        "ocireg_credentials_fn",
    }


def test_every_function_is_declared_and_no_other() -> None:
    assert set(_ffi.PROTOTYPES) == set(FUNCTIONS)


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_prototype(name: str) -> None:
    function = FUNCTIONS[name]
    loaded = getattr(_ffi.lib, name)
    assert loaded.restype is as_ctypes(function.type)
    assert loaded.argtypes == parameters(function)


@pytest.mark.parametrize("name", sorted(CALLBACKS))
def test_callback(name: str) -> None:
    function, declared = CALLBACKS[name], getattr(_ffi, name)
    assert declared._restype_ is as_ctypes(function.type)
    assert list(declared._argtypes_) == parameters(function)


def test_handles_cannot_be_mixed_up() -> None:
    assert {getattr(_ffi, name) for name in HANDLES} == {
        value
        for value in vars(_ffi).values()
        if isinstance(value, type) and issubclass(value, ctypes.Structure) and value.__name__.startswith("ocireg_")
    }
    with pytest.raises(ctypes.ArgumentError):
        _ffi.lib.ocireg_service_free(ctypes.POINTER(_ffi.ocireg_session)())


def test_constants() -> None:
    constants = {
        name: value[1:-1] if value.startswith('"') else int(value)
        for name, value in re.findall(r"^#define OCIREG_(\w+) (.+)$", HEADER, flags=re.MULTILINE)
        if not name.startswith("VERSION_")
    }
    ours = {name: value for name, value in vars(_ffi).items() if name.isupper() and isinstance(value, (int, str))}
    assert ours == constants


def test_every_code_has_a_class() -> None:
    codes = set(range(1, 1000)) & {value for name, value in vars(_ffi).items() if _is_code(name, value)}
    assert set(_errors.CLASSES) == codes


def _is_code(name: str, value: object) -> bool:
    if not isinstance(value, int) or not name.isupper():
        return False
    return bool(_ffi.lib.ocireg_code_name(value) == b"OCIREG_" + name.encode())
