"""Finding the library, and refusing the wrong one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import ocireg
from ocireg import _ffi

PACKAGE = Path(ocireg.__file__).parent


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    variables = {key: value for key, value in os.environ.items() if key != "OCIREG_LIBRARY"}
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**variables, "PYTHONPATH": str(PACKAGE.parent), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        cwd="/",  # Python looks there first.
    )


def build(path: Path, source: str) -> Path:
    subprocess.run(
        ["cc", "-shared", "-fPIC", "-x", "c", "-", "-o", str(path)], input=source, text=True, check=True, timeout=60
    )
    return path


def test_versions() -> None:
    assert ocireg.library_version() == ocireg.library_info()["version"]
    major, minor, patch = map(int, ocireg.library_version().split("."))
    assert _ffi.lib.ocireg_version_number() == major << 16 | minor << 8 | patch
    assert "v2" in ocireg.library_info()["protocols"]
    assert Path(_ffi.library_path).exists()


def test_the_environment_names_the_library() -> None:
    done = run("import ocireg._ffi as f; print(f.library_path)", OCIREG_LIBRARY=_ffi.library_path)
    assert done.stdout.strip() == _ffi.library_path, done.stderr


def test_the_library_beside_the_package_comes_first(tmp_path: Path) -> None:
    package = tmp_path / "ocireg"
    package.mkdir()
    for file in PACKAGE.glob("*.py"):
        (package / file.name).symlink_to(file)
    (package / "libocireg.so.0").symlink_to(_ffi.library_path)
    done = run("import ocireg._ffi as f; print(f.__file__, f.lib._name)", PYTHONPATH=str(tmp_path))
    assert done.stdout.split() == [str(package / "_ffi.py"), str(package / "libocireg.so.0")], done.stderr


def test_the_system_has_the_library(tmp_path: Path) -> None:
    (tmp_path / "libocireg.so.0").symlink_to(_ffi.library_path)
    done = run("import ocireg; print(ocireg.library_version())", LD_LIBRARY_PATH=str(tmp_path))
    assert done.stdout.strip() == ocireg.library_version(), done.stderr


def test_a_missing_library_says_what_to_do(tmp_path: Path) -> None:
    done = run("import ocireg", OCIREG_LIBRARY=str(tmp_path / "none.so"))
    assert done.returncode == 1
    assert "ImportError" in done.stderr
    assert str(tmp_path / "none.so") in done.stderr


def test_an_old_library_is_refused_with_path_and_version(tmp_path: Path) -> None:
    old = build(tmp_path / "libocireg.so.0", "unsigned ocireg_version_number(void) { return 9; }")
    done = run("import ocireg", OCIREG_LIBRARY=str(old))
    assert "ImportError" in done.stderr
    assert str(old) in done.stderr
    assert "0.0.9" in done.stderr
    assert "0.2.0" in done.stderr


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("int other(void) { return 0; }", "is not the ocireg library"),
        ("unsigned ocireg_version_number(void) { return 0x00ffff; }", "lacks ocireg_"),
    ],
)
def test_another_library_is_refused(tmp_path: Path, source: str, expected: str) -> None:
    done = run("import ocireg", OCIREG_LIBRARY=str(build(tmp_path / "other.so", source)))
    assert "ImportError" in done.stderr
    assert expected in done.stderr
