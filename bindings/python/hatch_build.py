"""Puts the library into wheels, and its sources into the source distribution.

A wheel that is built in a checkout has no library: ``bindings/c/install.sh`` installs it for all languages. A wheel has
one if ``OCIREG_WHEEL_LIBRARY`` names it, as ``build-wheels`` does, or if it is built from a source distribution, which
has the sources of the library and needs Rust. ``OCIREG_WHEEL_LIBRARY=system`` leaves it out there, too.
"""

from __future__ import annotations

import os
import subprocess
import sysconfig
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Library(BuildHookInterface):  # type: ignore[type-arg]
    """The hook that hatchling calls."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        root = Path(self.root)
        if self.target_name == "sdist":
            build_data["force_include"][str(self._sources(root))] = "rust"
            return
        if version == "editable":
            return
        named = os.environ.get("OCIREG_WHEEL_LIBRARY")
        if named == "system" or (not named and not (root / "rust").exists()):
            return
        library = Path(named).resolve() if named else self._built(root / "rust")
        build_data["force_include"][str(library)] = "ocireg/libocireg.so.0"
        build_data["pure_python"] = False
        platform = os.environ.get("OCIREG_WHEEL_PLATFORM") or sysconfig.get_platform()
        build_data["tag"] = f"py3-none-{platform.replace('-', '_').replace('.', '_')}"

    def _sources(self, root: Path) -> Path:
        """The crate as cargo packs it for crates.io: with nothing of its workspace."""
        crate = root.parents[1]
        self._scratch = tempfile.TemporaryDirectory()
        command = ["cargo", "package", "--package", "ocireg", "--no-verify", "--allow-dirty", "--quiet"]
        subprocess.run([*command, "--target-dir", self._scratch.name], cwd=crate, check=True)
        (packed,) = Path(self._scratch.name, "package").glob("ocireg-*.crate")
        with tarfile.open(packed) as archive:
            for member in archive.getmembers():
                member.name = member.name.partition("/")[2]
                if member.name and member.isfile() and ".." not in member.name.split("/"):
                    archive.extract(member, Path(self._scratch.name, "rust"))
        return Path(self._scratch.name, "rust")

    def _built(self, sources: Path) -> Path:
        command = ["cargo", "build", "--release", "--lib", "--locked", "--features", "capi"]
        subprocess.run(command, cwd=sources, check=True)
        return sources / "target" / "release" / "libocireg.so"
