"""The programs in ``examples``, run as their first lines say."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import ocireg

from .conftest import Image
from .registry import Registry, archive, sha256

EXAMPLES = Path(__file__).parents[1] / "examples"


class Examples:
    def __init__(self, home: Path) -> None:
        self.home = home
        self.env = {**os.environ, "HOME": str(home), "PYTHONPATH": str(Path(ocireg.__file__).parents[1])}
        self.env.pop("DOCKER_CONFIG", None)

    def start(self, name: str, *words: str, **more: Any) -> subprocess.Popen[bytes]:
        command = [sys.executable, str(EXAMPLES / f"{name}.py"), *words]
        return subprocess.Popen(command, env=self.env, cwd=self.home, **more)

    def run(self, name: str, *words: str, stdin: bytes = b"", status: int = 0) -> tuple[str, str]:
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        with self.start(name, *words, **pipes) as process:
            stdout, stderr = process.communicate(stdin, timeout=60)
        assert process.returncode == status, stderr.decode()
        return stdout.decode(), stderr.decode()


@pytest.fixture
def examples(tmp_path: Path) -> Examples:
    return Examples(tmp_path)


def test_list_tags(examples: Examples, registry: Registry, image: Image) -> None:
    registry.tags += ["v2"]
    assert examples.run("list_tags", image.reference.rpartition(":")[0])[0] == "v1\nv2\n"


def test_inspect_image(examples: Examples, registry: Registry, image: Image) -> None:
    shown = examples.run("inspect_image", image.reference)[0].splitlines()
    assert shown[0] == sha256(registry.manifests["v1"][1])
    assert shown[1:3] == ["platform linux/amd64", "platform linux/arm64"]
    assert f"layer {image.digests[1]} 600000 bytes" in shown


def test_pull_with_progress(examples: Examples, registry: Registry, image: Image) -> None:
    stdout, stderr = examples.run("pull_with_progress", image.reference, "oci:layout")
    assert sha256(registry.manifests["v1"][1]) in stdout
    assert f"{image.digests[1][7:19]} complete" in stderr


def test_a_pull_ends_with_its_deadline_and_with_ctrl_c(examples: Examples, registry: Registry, image: Image) -> None:
    registry.stalls[image.digests[1]] = 65536
    _, stderr = examples.run("pull_with_progress", image.reference, "oci:layout", "1", status=124)
    assert "not done after 1 seconds" in stderr
    registry.stalling.clear()
    with examples.start("pull_with_progress", image.reference, "oci:layout", stderr=subprocess.PIPE) as process:
        assert registry.stalling.wait(30)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert said.endswith(b"cancelled\n")


def test_stream_layer(examples: Examples, registry: Registry) -> None:
    layer = archive({"etc/name": b"value"})
    registry.image([layer], "tar")
    reference = f"{registry.host}/team/app:tar"
    examples.run("stream_layer", reference, "out")
    assert (examples.home / "out/etc/name").read_text() == "value"

    registry.lies[sha256(layer)] = layer.replace(b"value", b"other")
    _, stderr = examples.run("stream_layer", reference, "lies", status=1)
    assert "DigestMismatchError" in stderr
    assert not list(examples.home.glob("lies*"))


def test_upload_blob(examples: Examples, registry: Registry) -> None:
    stdout, _ = examples.run("upload_blob", f"{registry.host}/team/app", stdin=b"content")
    assert stdout == f"{sha256(b'content')} 7 bytes\n"
    assert registry.blobs[sha256(b"content")] == b"content"


def test_private_image(examples: Examples, registry: Registry, image: Image) -> None:
    registry.user = ("alice", "wonderland")
    words = (image.reference, "oci:layout", "alice")
    stdout, stderr = examples.run("private_image", *words, stdin=b"wonderland\n")
    assert "sha256:" in stdout
    assert "stored in config.json" in stderr
    assert "UnauthorizedError" in examples.run("private_image", *words, stdin=b"wrong\n", status=1)[1]


def test_handle_errors(examples: Examples, registry: Registry, image: Image) -> None:
    assert "sha256:" in examples.run("handle_errors", image.reference, "oci:layout")[0]
    missing = f"{registry.host}/team/app:none"
    assert "does not exist" in examples.run("handle_errors", missing, "oci:layout", status=3)[1]
    assert "ocireg" not in examples.run("handle_errors", "127.0.0.1:1/app:1", "oci:layout", status=1)[1]
    registry.user = ("alice", "wonderland")
    assert "log in first" in examples.run("handle_errors", image.reference, "oci:layout", status=4)[1]


def test_list_files(examples: Examples, registry: Registry) -> None:
    registry.image([archive({"etc/name": b"value"})], "tar")
    assert "etc/name" in examples.run("list_files", f"{registry.host}/team/app:tar")[0]


def test_every_example_is_run() -> None:
    text = Path(__file__).read_text()
    for example in EXAMPLES.glob("*.py"):
        assert f'"{example.stem}"' in text, example
