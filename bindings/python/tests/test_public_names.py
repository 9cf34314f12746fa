"""What programs see of the package: its names, and what ``help()`` says."""

from __future__ import annotations

import builtins
import inspect
import pydoc
import re
import typing
from collections.abc import Iterator
from types import ModuleType
from typing import Any, Callable

import pytest

import ocireg
from ocireg import _documented, _options, aio, documents

BUILT_IN = set(dir(builtins))
PUBLIC = (ocireg, aio, documents)


def names(module: ModuleType) -> list[str]:
    named: list[str] = getattr(module, "__all__", None) or [name for name in dir(module) if not name.startswith("_")]
    return [name for name in named if not name.startswith("__")]


def functions(module: ModuleType) -> Iterator[tuple[str, Callable[..., Any]]]:
    """The public functions and methods of a module."""
    for name in names(module):
        thing = getattr(module, name)
        if inspect.isfunction(thing):
            yield name, thing
        elif inspect.isclass(thing) and thing.__module__.startswith("ocireg"):
            for member, value in inspect.getmembers(thing, inspect.isfunction):
                if value.__module__.startswith("ocireg") and (member == "__init__" or not member.startswith("_")):
                    yield f"{name}.{member}", value


def test_no_public_name_shadows_a_built_in() -> None:
    counted = 0
    for module in PUBLIC:
        assert BUILT_IN.isdisjoint(names(module))
        for name, function in functions(module):
            counted += 1
            assert BUILT_IN.isdisjoint(inspect.signature(function).parameters), name
    assert counted > 100
    scope: dict[str, Any] = {}
    exec("from ocireg import *; from ocireg.aio import *", scope)
    assert scope["Service"]
    assert BUILT_IN.isdisjoint(set(scope) - {"__builtins__"})


def test_the_names_of_before_still_work() -> None:
    for name, now in (
        ("TimeoutError", ocireg.TimedOutError),
        ("ConnectionError", ocireg.NetworkError),
        ("PermissionError", ocireg.FileAccessError),
    ):
        with pytest.warns(DeprecationWarning, match=now.__name__):
            assert getattr(ocireg, name) is now
        assert issubclass(now, getattr(builtins, name))
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = ocireg.Nothing


def test_help_shows_the_options_of_every_method() -> None:
    seen = set()
    for module in (ocireg, aio):
        for name, function in functions(module):
            document = re.search(r"Unpack\[(?:documents\.)?(\w+)\]", str(inspect.signature(function)))
            if document is None:
                continue
            seen.add(document[1])
            kind = getattr(_options, document[1])
            shown = pydoc.plain(pydoc.render_doc(function))
            for option in typing.get_type_hints(kind):
                assert f"- ``{option}``: " in shown, f"{module.__name__}.{name}: {option}"
    for service in (ocireg.Service, aio.Service):
        for method, options in (("__init__", "ServiceOptions"), ("replace_config", "ConfigOptions")):
            shown = pydoc.plain(pydoc.render_doc(getattr(service, method)))
            for option in typing.get_type_hints(getattr(_options, options)):
                assert f"- ``{option}``: " in shown, option
    assert {"PullOptions", "PushOptions", "CopyOptions", "TagOptions", "CollectOptions", "CommitOptions"} <= seen


def test_every_option_has_a_sentence() -> None:
    for name in _options.__all__:
        document = getattr(_options, name)
        texts = _documented.options_of(document)
        assert list(texts) == list(typing.get_type_hints(document)), name
        assert all(text.endswith(".") for text in texts.values()), name
