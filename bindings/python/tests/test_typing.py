"""The package as type checkers see it."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import ocireg

HERE = Path(__file__).parent


def test_mypy_is_strictly_content_with_usage() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "tests/typing/usage.py"],
        cwd=HERE.parent,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_package_says_that_it_is_typed() -> None:
    assert (Path(ocireg.__file__).parent / "py.typed").exists()


def test_everything_public_is_documented() -> None:
    for name in ocireg.__all__:
        thing = getattr(ocireg, name)
        if not (inspect.isclass(thing) or inspect.isfunction(thing)):
            continue
        assert thing.__doc__, name
        members = vars(thing) if inspect.isclass(thing) else {}
        for member, value in members.items():
            if not member.startswith("_") and (callable(value) or isinstance(value, property)):
                assert inspect.getdoc(getattr(thing, member)), f"{name}.{member}"
