"""The pages' programs and commands in Python, run against a registry on loopback."""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

import ocireg

from .registry import Registry

ROOT = Path(__file__).parents[3]
PAGES = sorted(
    [*(ROOT / "docs/start").glob("*.md"), *(ROOT / "docs/guides").glob("*.md"), *(ROOT / "docs/migration").glob("*.md")]
)
PAGES.append(ROOT / "docs/program.md")


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)


@pytest.fixture
def home(registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory, a home and a registry with what the pages speak of."""
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("file"))
    amd64 = registry.image([layer.getvalue()])
    arm64 = registry.image([layer.getvalue()], architecture="arm64")
    for tag in ("3", "1"):
        registry.index([amd64, arm64], tag)
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist/tool").write_text("tool")
    (tmp_path / "password.txt").write_text("secret\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("DOCKER_CONFIG", "REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def here(text: str, registry: Registry) -> str:
    """The same with the names of the registry that is there."""
    text = text.replace("registry.example", registry.host)
    return re.sub(r"(?<![\w/:.-])(docker://)?alpine:3(?!\.)\b", rf"\g<1>{registry.host}/library/alpine:3", text)


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "python")], ids=lambda page: page.stem)
def test_programs_run(page: Path, home: Path, registry: Registry) -> None:
    for block in blocks(page, "python"):
        with contextlib.redirect_stdout(io.StringIO()):
            exec(compile(here(block, registry), str(page), "exec"), {"__name__": "__main__"})


@pytest.mark.parametrize(
    "page", [page for page in PAGES if "\nocireg " in page.read_text()], ids=lambda page: page.stem
)
def test_commands_run(page: Path, home: Path, registry: Registry) -> None:
    script = home / "bin/ocireg"
    script.parent.mkdir()
    script.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m ocireg "$@"\n')
    script.chmod(0o755)
    package = str(Path(ocireg.__file__).parents[1])
    env = {**os.environ, "PATH": f"{script.parent}:{os.environ['PATH']}", "PYTHONPATH": package}
    ran = 0
    for block in blocks(page, "sh"):
        for line in block.splitlines():
            if not line.startswith("ocireg ") or "~/" in line:
                continue
            line = line.replace(" | jq -r .descriptor.digest", "")
            command = ["bash", "-o", "pipefail", "-c", here(line, registry)]
            done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60)
            assert done.returncode == 0, (line, done.stderr)
            ran += 1
    assert ran


def test_names_are_replaced() -> None:
    registry = type("Registry", (), {"host": "127.0.0.1:5"})()
    for before, after in (
        ("pull alpine:3 oci:alpine", "pull 127.0.0.1:5/library/alpine:3 oci:alpine"),
        ('"docker://alpine:3"', '"docker://127.0.0.1:5/library/alpine:3"'),
        ("registry.example/team/alpine:3", "127.0.0.1:5/team/alpine:3"),
        ("oci-archive:alpine.tar:3", "oci-archive:alpine.tar:3"),
    ):
        assert here(before, registry) == after
