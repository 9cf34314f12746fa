from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

import ocireg

from .registry import Registry, archive


@pytest.fixture
def reference(registry: Registry) -> str:
    big = bytes(range(256)) * 1000
    registry.image([archive({"a": b"low", "b": b"low", "big": big}), archive({"a": b"high", ".wh.b": b""})], "1")
    return f"{registry.host}/app:1"


def files(archive: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return {entry.name: file.read() for entry in tar if (file := tar.extractfile(entry)) is not None}


EXPECTED = {"a": b"high", "big": bytes(range(256)) * 1000}


def test_to_whatever_can_be_written_to(service: ocireg.Service, reference: str, tmp_path: Path) -> None:
    path = tmp_path / "root.tar"
    report = service.export(reference, path)
    assert report["entries"] == 2
    assert report["skipped"] == []
    assert files(path.read_bytes()) == EXPECTED
    service.export(reference, str(path))  # It is replaced.
    assert files(path.read_bytes()) == EXPECTED
    with path.open("wb") as file:
        file.write(b"before")
        service.export(reference, file)
    assert files(path.read_bytes()[6:]) == EXPECTED
    fd = os.open(path, os.O_WRONLY | os.O_TRUNC)
    service.export(reference, fd)
    os.close(fd)
    assert files(path.read_bytes()) == EXPECTED
    memory = io.BytesIO()
    service.export(reference, memory)
    assert files(memory.getvalue()) == EXPECTED


def test_an_exception_of_the_object_is_raised(service: ocireg.Service, reference: str) -> None:
    class Full:
        def write(self, data: bytes, /) -> int:
            raise OSError("full")

    with pytest.raises(OSError, match="full"):
        service.export(reference, Full())
    with pytest.raises(ocireg.InvalidArgumentError):
        service.export(reference, -1)
    with pytest.raises(ocireg.LimitError):
        service.export(reference, io.BytesIO(), limits={"bytes": 1})


def test_tarfile_reads_an_export_from_a_pipe(registry: Registry, reference: str) -> None:
    example = Path(__file__).parent.parent / "examples/list_files.py"

    def listed(reference: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(example), reference], capture_output=True, text=True, timeout=60, check=False
        )

    done = listed(reference)
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    assert [(line[2], line[-1]) for line in lines] == [("4", "a"), ("256000", "big")]
    # Nothing is listed as if it were sound when it is not.
    done = listed(f"{registry.host}/app:none")
    assert done.returncode == 1
    assert f"{registry.host}/app:none: " in done.stderr
