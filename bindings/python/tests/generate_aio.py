"""Writes ``ocireg/aio/_generated.py``: for each method of the blocking classes its counterpart for asyncio."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "ocireg"
TARGET = PACKAGE / "aio" / "_generated.py"

# What a method returns that has a class of its own here.
WRAPPED = {"Session", "Endpoint", "BlobReader", "BlobWriter", "RemoteBlob"}
# Of protocol v1, or written out below.
LEFT_OUT = {"new_v1_endpoint", "open_v1_session", "to_v1", "tags", "close", "closed"}
# These take a timeout for later calls and send nothing themselves.
IMMEDIATE = {"remote_blob"}

HEAD = '''\
# Generated from the blocking classes by OCIREG_UPDATE=1 pytest tests/test_aio.py. Do not edit.
"""Services, endpoints and sessions for asyncio."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING

import ocireg

from .. import _credentials, _documented, _ffi, _layouts, _log, _options, _values
from .._call import Context
from .._endpoint import Headers
from .._session import Manifest
from ..documents import ({results})
from ._blobs import BlobReader, BlobWriter, RemoteBlob
from ._bridge import Wrapper, run

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ..documents import ({options})
'''

TAGS = '''
    async def tags(
        self, *, page: int = 100, timeout: float | None = None, context: Context | None = None
    ) -> AsyncIterator[str]:
        """Yields the tags of the repository, which are fetched in pages; the timeout is for each page."""
        listed = await self.list_tags(n=page, timeout=timeout, context=context)
        while True:
            for tag in listed["tags"]:
                yield tag
            if "next" not in listed:
                return
            listed = await self.list_tags(n=page, next=listed["next"], timeout=timeout, context=context)
'''

INIT = """
    _wrapped: ocireg.{name}

    def __init__(self, wrapped: ocireg.{name}) -> None:
        super().__init__(wrapped)
"""

SERVICE_INIT = '''
    _wrapped: ocireg.Service

    @_documented.takes(_options.ServiceOptions, "Keys of ``options``")
    def __init__(self, options: ServiceOptions | str | None = None) -> None:
        """Creates a service. Nothing is sent."""
        super().__init__(ocireg.Service(options))
'''

URL = """
    def __str__(self) -> str:
        return str(self._wrapped)
"""


def tree(module: str) -> ast.Module:
    return ast.parse((PACKAGE / f"{module}.py").read_text())


def class_of(module: str, name: str) -> ast.ClassDef:
    return next(node for node in tree(module).body if isinstance(node, ast.ClassDef) and node.name == name)


def imported(module: str) -> Iterator[tuple[str, bool]]:
    """The types that a module imports from ``documents``, and whether only for type checkers."""
    parsed = tree(module)
    for node in ast.walk(parsed):
        if isinstance(node, ast.ImportFrom) and node.module == "documents":
            for alias in node.names:
                yield alias.name, node not in parsed.body


def docstring(node: ast.FunctionDef | ast.ClassDef, indent: str) -> str:
    text = (ast.get_docstring(node) or "").replace("\n", f"\n{indent}").replace(f"{indent}\n", "\n")
    closing = f"\n{indent}" if "\n\n" in text else ""
    return f'{indent}"""{text}{closing}"""\n'


def call_of(node: ast.FunctionDef) -> str:
    """The arguments that pass on what a function got."""
    named = node.args
    passed = [each.arg for each in named.args if each.arg != "self"]
    passed += [f"{each.arg}={each.arg}" for each in named.kwonlyargs]
    if named.kwarg is not None:
        passed.append(f"**{named.kwarg.arg}")
    return ", ".join(passed)


def function(node: ast.FunctionDef, target: str, indent: str) -> str:
    """One function or method."""
    takes = [ast.unparse(each) for each in node.decorator_list]
    names = [each.arg for each in node.args.kwonlyargs]
    waits = "timeout" in names and node.name not in IMMEDIATE
    assert node.returns is not None
    returned = ast.unparse(node.returns).replace("_call.", "")
    signature = ast.unparse(node.args).replace("_call.", "")
    text = "".join(f"{indent}@{each}\n" for each in takes)
    text += f"{indent}{'async ' if waits else ''}def {node.name}({signature}) -> {returned}:\n"
    text += docstring(node, indent + "    ")
    given = call_of(node)
    if "property" in takes:
        call = target
    elif waits:
        call = f"await run({target}, {given})"
    else:
        call = f"{target}({given})"
    wrapper = returned.removesuffix(" | None")
    if wrapper in WRAPPED and returned != wrapper:
        return text + f"{indent}    opened = {call}\n{indent}    return None if opened is None else {wrapper}(opened)\n"
    if wrapper in WRAPPED:
        return text + f"{indent}    return {wrapper}({call})\n"
    return text + f"{indent}    {'' if returned == 'None' else 'return '}{call}\n"


def class_text(module: str, name: str, *bases: tuple[str, str]) -> str:
    node = class_of(module, name)
    text = f"\n\nclass {name}(Wrapper):\n" + docstring(node, "    ")
    text += SERVICE_INIT if name == "Service" else INIT.format(name=name)
    if name == "Endpoint":
        text += URL
    for each in (class_of(*base) for base in bases):
        node.body += each.body
    for method in node.body:
        if isinstance(method, ast.FunctionDef) and not method.name.startswith("_") and method.name not in LEFT_OUT:
            text += "\n" + function(method, f"self._wrapped.{method.name}", "    ")
    return text + (TAGS if name == "Session" else "")


def generate() -> str:
    names = dict(kind for module in ("_service", "_session", "_any_endpoint", "_layouts") for kind in imported(module))
    names["AuthConfig"] = names["APIEndpoint"] = names["ServiceOptions"] = False
    body = class_text("_session", "Session")
    body += class_text("_endpoint", "Endpoint", ("_any_endpoint", "AnyEndpoint"))
    body += class_text("_service", "Service")
    for node in tree("_layouts").body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            body += "\n\n" + function(node, f"_layouts.{node.name}", "")
    names["CollectOptions"] = True
    used = {node.id for node in ast.walk(ast.parse(body)) if isinstance(node, ast.Name)}
    used |= {
        each.id
        for node in ast.walk(ast.parse(body))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.isidentifier()
        for each in ast.walk(ast.parse(node.value))
        if isinstance(each, ast.Name)
    }
    results = ", ".join(sorted(name for name, hidden in names.items() if not hidden and name in used))
    options = ", ".join(sorted(name for name, hidden in names.items() if hidden and name in used))
    text = HEAD.format(results=results, options=options) + body
    for command in (["check", "--fix", "--quiet", "--select", "I,F401"], ["format", "--quiet"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--stdin-filename", str(TARGET), "-"],
            input=text,
            cwd=PACKAGE.parent,
            capture_output=True,
            text=True,
            check=True,
        )
        text = done.stdout
    return text
