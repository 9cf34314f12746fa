"""What the program writes: results to stdout, everything else to stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from .. import _errors


def printable(text: str) -> str:
    """Text of a registry for a terminal: control characters are shown, not obeyed."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def size_of(number: float) -> str:
    """A number of bytes as people read it."""
    for unit in ("B", "KiB", "MiB"):
        if number < 1024:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1024
    return f"{number:.1f} GiB"


def line(text: str = "") -> None:
    """One line of a result."""
    print(printable(text))


def note(text: str) -> None:
    """One line for people, on stderr."""
    print(printable(text), file=sys.stderr)


def table(rows: Iterable[Sequence[str]]) -> None:
    """Rows in columns; the last column is as wide as it is."""
    printed = [[printable(cell) for cell in row] for row in rows]
    if not printed:
        return
    widths = [max(map(len, column)) for column in zip(*printed)]
    for row in printed:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())


def document(value: Any) -> None:
    """A result as JSON."""
    print(json.dumps(value, indent=2))


def failure(error: _errors.OciregError, *, as_json: bool) -> None:
    """An error: its message, the causes that the message does not name, and the hint."""
    if as_json:
        print(json.dumps(error.document), file=sys.stderr)
        return
    note(f"ocireg: {error.message}")
    for attempt in error.document.get("attempts", []):
        if attempt["message"] not in error.message:
            note(f"  cause: {attempt['message']}")
    for cause in error.document.get("causes", []):
        if cause not in error.message:
            note(f"  cause: {cause}")
    if error.hint is not None:
        note(f"  hint: {error.hint}")
