"""A wheel with the library inside, in an environment that has nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

from ocireg import _ffi

from .conftest import Image

PACKAGE = Path(__file__).parents[1]


def run(*command: str | Path, **env: str) -> str:
    keep = {key: value for key, value in os.environ.items() if key in {"PATH", "HOME"}}
    done = subprocess.run(
        # Not from here, where the package lies that the wheel was made of.
        [str(word) for word in command],
        env={**keep, **env},
        cwd="/",
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, (command, done.stdout, done.stderr)
    return done.stdout


def test_a_wheel_in_a_bare_environment(image: Image, tmp_path: Path) -> None:
    build = (sys.executable, "-m", "pip", "--quiet", "wheel", "--no-deps", "--wheel-dir", tmp_path, PACKAGE)
    run(*build, OCIREG_WHEEL_LIBRARY=_ffi.library_path, OCIREG_WHEEL_PLATFORM="linux_x86_64")
    (wheel,) = tmp_path.glob("*.whl")
    assert wheel.name.endswith("-py3-none-linux_x86_64.whl")
    with zipfile.ZipFile(wheel) as content:
        names = set(content.namelist())
        (metadata,) = [name for name in names if name.endswith(".dist-info/METADATA")]
        required = [line for line in content.read(metadata).decode().splitlines() if line.startswith("Requires-Dist:")]
    assert {"ocireg/libocireg.so.0", "ocireg/py.typed", "ocireg/aio/__init__.py"} <= names
    assert all("extra ==" in line for line in required), "the library has no dependencies"

    bare = tmp_path / "bare"
    run(sys.executable, "-m", "venv", bare)
    run(bare / "bin/pip", "--quiet", "install", "--no-index", wheel)
    loaded = run(bare / "bin/python", "-c", "import ocireg; print(ocireg._ffi.library_path)")
    assert Path(loaded.strip()).is_relative_to(bare)

    home = {"HOME": str(tmp_path)}
    program = "import ocireg, sys; print(ocireg.Service().pull(*sys.argv[1:], platform='linux/amd64')['platform'])"
    assert run(bare / "bin/python", "-c", program, image.reference, f"oci:{tmp_path}/a", **home) == "linux/amd64\n"
    report = run(bare / "bin/ocireg", "pull", image.reference, f"oci:{tmp_path}/b", "--json", **home)
    assert json.loads(report)["bytes_total"] > 0
    run(bare / "bin/python", "-m", "ocireg", "inspect", f"oci:{tmp_path}/b", **home)
