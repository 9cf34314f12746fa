"""The package's modules use each other in one direction."""

from __future__ import annotations

import ast
import graphlib
from pathlib import Path

import pytest

import ocireg


def imports(source: str) -> set[str]:
    """The modules of the package that a module imports, wherever in it that stands."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.level == 1:
            found |= {node.module} if node.module else {alias.name for alias in node.names}
    return found


def in_order(modules: dict[str, str]) -> list[str]:
    return list(graphlib.TopologicalSorter({name: imports(text) for name, text in modules.items()}).static_order())


def test_no_modules_import_each_other_in_a_circle() -> None:
    directory = Path(ocireg.__file__).parent
    modules = {path.stem: path.read_text() for path in directory.glob("*.py")}
    order = in_order(modules)
    assert len(modules) > 15
    assert order.index("_ffi") < order.index("_session") < order.index("__init__")


def test_a_circle_is_found() -> None:
    with pytest.raises(graphlib.CycleError):
        in_order({"a": "from .b import B", "b": "def f():\n    from . import c", "c": "from .a import A"})
