"""Puts the options of a method into its documentation, where ``help()`` finds them."""

from __future__ import annotations

import inspect
import re
from typing import Any, Callable, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

_ROW = re.compile(r"^- ``([^`]+)``: (.*)")


def options_of(document: Any) -> dict[str, str]:
    """The options of a type in ``_options.py``, each with its sentences; none of them under ``python -OO``."""
    found: dict[str, str] = {}
    key = None
    for line in inspect.cleandoc(document.__doc__ or "").splitlines():
        row = _ROW.match(line)
        if row:
            key = row[1]
            found[key] = row[2]
        elif key is not None and line.startswith("  "):
            found[key] += " " + line.strip()
        else:
            key = None
    return found


def takes(document: Any, head: str = "Options, all of them keyword arguments") -> Callable[[F], F]:
    """Adds the options that a method takes to its docstring."""

    def add(method: F) -> F:
        rows = inspect.cleandoc(document.__doc__ or "").partition("\n\n")[2]
        if method.__doc__ and rows:
            method.__doc__ = f"{inspect.cleandoc(method.__doc__)}\n\n{head}:\n\n{rows}"
        return method

    return add
