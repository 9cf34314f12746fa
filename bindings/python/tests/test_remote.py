"""Blobs as files that can be read anywhere, and requests of other HTTP clients."""

from __future__ import annotations

import hashlib
import io
import random
import tarfile
import threading
import urllib.request
import zipfile

import pytest

import ocireg

from .registry import Registry


def test_any_part_from_any_thread(service: ocireg.Service, registry: Registry) -> None:
    data = random.Random(1).randbytes(100_000)
    digest = registry.blob(data)["digest"]
    with service.open_session(f"{registry.host}/team/app") as session:
        blob = session.remote_blob(digest)
    with blob:
        assert blob.size == len(data)
        assert blob.read_at(5000, 100) == data[5000:5100]
        assert blob.read_at(len(data) - 3, 100) == data[-3:]
        assert blob.read_at(len(data), 100) == b""
        assert blob.seek(-10, io.SEEK_END) == len(data) - 10
        assert blob.read() == data[-10:]
        assert blob.tell() == len(data)
        wrong: list[int] = []

        def read(seed: int) -> None:
            for _ in range(10):
                offset = random.Random(seed).randrange(99_000)
                if blob.read_at(offset, 1000) != data[offset : offset + 1000]:
                    wrong.append(offset)

        threads = [threading.Thread(target=read, args=(seed,)) for seed in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not wrong
        with pytest.raises(ValueError, match="non-negative"):
            blob.read_at(-1, 1)
    with pytest.raises(ValueError, match="closed"):
        blob.read_at(0, 1)
    assert repr(blob) == f"<ocireg.RemoteBlob {digest} closed>"


def test_archives_are_read_in_parts(service: ocireg.Service, registry: Registry) -> None:
    tar, zipped = io.BytesIO(), io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as archive:
        for name, size in (("large", 5_000_000), ("small", 5)):
            info = tarfile.TarInfo(name)
            info.size = size
            archive.addfile(info, io.BytesIO(b"x" * size))
    with zipfile.ZipFile(zipped, "w") as zip_archive:
        zip_archive.writestr("large", b"x" * 5_000_000)
        zip_archive.writestr("small", b"xxxxx")
    tar_digest, zip_digest = (registry.blob(file.getvalue())["digest"] for file in (tar, zipped))
    with service.open_session(f"{registry.host}/team/app") as session:
        registry.requests.clear()
        with session.remote_blob(tar_digest) as blob, tarfile.open(fileobj=blob, mode="r:") as archive:
            extracted = archive.extractfile("small")
            assert extracted is not None
            assert extracted.read() == b"xxxxx"
        with session.remote_blob(zip_digest) as blob, zipfile.ZipFile(blob) as zip_archive:
            assert zip_archive.read("small") == b"xxxxx"
    spans = [request.range.removeprefix("bytes=").split("-") for request in registry.requests if request.range]
    assert sum(int(last) - int(first) + 1 for first, last in spans) < 200_000


def test_chunks_are_verified(service: ocireg.Service, registry: Registry) -> None:
    data = random.Random(2).randbytes(3000)
    digest = registry.blob(data)["digest"]
    chunks: list[ocireg.documents.ChunkOptions] = [
        {"offset": at, "size": 1000, "digest": "sha256:" + hashlib.sha256(data[at : at + 1000]).hexdigest()}
        for at in (0, 1000, 2000)
    ]
    chunks[2]["digest"] = "sha256:" + "0" * 64
    with service.open_session(f"{registry.host}/team/app") as session:
        blob = session.remote_blob(digest, chunks=chunks)
        with blob:
            assert blob.read_at(500, 1000) == data[500:1500]
            with pytest.raises(ocireg.DigestMismatchError) as failure:
                blob.read_at(2500, 10)
            assert failure.value.document["what"] == "chunk"


def test_another_client_sends_the_request(service: ocireg.Service, registry: Registry) -> None:
    registry.image([b"layer"], "v1")
    registry.user = ("alice", "new")
    options = {"username": "alice", "password": "new"}
    with service.open_session(f"{registry.host}/team/app", auth=options) as session:  # type: ignore[arg-type]
        authorized = session.authorize("GET", "tags/list")
        with pytest.raises(ocireg.InvalidArgumentError):
            session.authorize("GET", "../x")
    request = urllib.request.Request(authorized["url"], headers=authorized["headers"])
    with urllib.request.urlopen(request) as response:
        assert b"v1" in response.read()
