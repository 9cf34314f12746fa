from __future__ import annotations

import io
import shutil
from collections.abc import Iterator

import pytest

import ocireg

from .conftest import Image
from .registry import Registry, sha256


@pytest.fixture
def writable(service: ocireg.Service, image: Image) -> Iterator[ocireg.Session]:
    with service.open_session(image.reference, actions=["pull", "push"]) as session:
        yield session


def test_put(writable: ocireg.Session, registry: Registry) -> None:
    content = b"0123456789" * 1000
    with writable.put_blob(chunk_size=4096, media_type="text/plain", timeout=10) as blob:
        assert blob.writable()
        assert not blob.readable()
        assert blob.write(content[:10]) == 10
        assert blob.write(bytearray(content[10:20])) == 10
        assert blob.write(memoryview(content)[20:30]) == 10
        assert blob.write(b"") == 0
        shutil.copyfileobj(io.BytesIO(content[30:]), blob)
        descriptor = blob.commit(digest=sha256(content), size=len(content))
    assert descriptor == {"mediaType": "text/plain", "digest": sha256(content), "size": len(content)}
    assert registry.blobs[sha256(content)] == content
    assert next(request.range for request in registry.requests if request.method == "PATCH") == "0-4095"
    with pytest.raises(ValueError, match="closed"):
        blob.write(b"more")


def test_without_commit(writable: ocireg.Session, registry: Registry) -> None:
    before = set(registry.blobs)
    with writable.put_blob() as blob:
        blob.write(b"forgotten")
    with writable.put_blob() as blob:
        blob.write(b"aborted")
        blob.abort()
        with pytest.raises(ocireg.InvalidArgumentError):
            blob.commit()
    assert set(registry.blobs) == before
    assert registry.requests[-1].method == "DELETE"


def test_mount(writable: ocireg.Session, image: Image) -> None:
    assert writable.mount_blob(image.digests[0], "other") is None
    blob = writable.mount_blob(sha256(b"late"), "other")
    assert blob is not None
    with blob:
        blob.write(b"late")
        assert blob.commit()["digest"] == sha256(b"late")


def test_refused(session: ocireg.Session, writable: ocireg.Session) -> None:
    with pytest.raises(ocireg.InvalidArgumentError, match="only for pull"):
        session.put_blob()
    with writable.put_blob(digest=sha256(b"right")) as blob:
        blob.write(b"wrong")
        for _ in range(2):  # The failure stays.
            with pytest.raises(ocireg.DigestMismatchError):
                blob.commit()


def test_unclosed(writable: ocireg.Session) -> None:
    with pytest.warns(ResourceWarning, match="unclosed ocireg upload"):
        writable.put_blob()
