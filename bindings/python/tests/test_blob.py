from __future__ import annotations

import io
import shutil
import tarfile
import threading
import time

import pytest

import ocireg

from .conftest import Image
from .registry import Registry, archive, sha256


def test_read_to_the_verified_end(session: ocireg.Session, image: Image) -> None:
    for digest, layer in zip(image.digests, image.layers):
        with session.open_blob(digest, timeout=10) as blob:
            assert blob.size == len(layer)
            assert blob.digest == digest
            assert blob.readable()
            assert not blob.seekable()
            assert not blob.writable()
            assert blob.read() == layer
            assert blob.read() == b""
            assert blob.read(10) == b""


def test_into_the_buffer_of_the_caller(session: ocireg.Session, image: Image) -> None:
    with session.open_blob(image.digests[0]) as blob:
        assert blob.readinto(bytearray()) == 0
        buffer = bytearray(100_000)
        content = b""
        while True:
            count = blob.readinto(memoryview(buffer)[10:])
            if count == 0:
                break
            content += buffer[10 : 10 + count]
        assert content == image.layers[0]
        assert buffer[:10] == bytes(10)
        buffer.clear()  # Nobody holds it.
        with pytest.raises((TypeError, BufferError)):
            blob.readinto(b"read only")


def test_from_an_offset(session: ocireg.Session, image: Image) -> None:
    with session.open_blob(image.digests[0], 100_000) as blob:
        assert blob.size == len(image.layers[0])
        assert blob.read() == image.layers[0][100_000:]
    with pytest.raises(ValueError, match="offset"):
        session.open_blob(image.digests[0], -1)


def test_with_the_tools_for_files(session: ocireg.Session, image: Image) -> None:
    with io.BufferedReader(session.open_blob(image.digests[0]), 1 << 16) as buffered:
        assert buffered.read(10) == image.layers[0][:10]
        assert buffered.peek(1)[:1] == image.layers[0][10:11]
        assert buffered.read() == image.layers[0][10:]
    with session.open_blob(image.digests[1]) as blob:
        copied = io.BytesIO()
        shutil.copyfileobj(blob, copied)
        assert copied.getvalue() == image.layers[1]


def test_what_is_not_there(session: ocireg.Session) -> None:
    with pytest.raises(ocireg.NotFoundError):
        session.open_blob(sha256(b"nothing"))
    with pytest.raises(ocireg.InvalidDigestError):
        session.open_blob("sha256:short")


def test_wrong_content(session: ocireg.Session, registry: Registry, image: Image) -> None:
    digest, layer = image.digests[0], image.layers[0]
    registry.lies[digest] = layer[:-1] + bytes([layer[-1] ^ 1])
    blob = session.open_blob(digest)
    with blob:
        with pytest.raises(ocireg.DigestMismatchError) as caught:
            blob.read()
        assert caught.value.document["digest_expected"] == digest
        assert caught.value.document["digest_actual"] == sha256(registry.lies[digest])
        with pytest.raises(ocireg.DigestMismatchError):
            blob.read(1)


def unpack(blob: ocireg.BlobReader) -> dict[str, bytes]:
    with tarfile.open(fileobj=blob, mode="r|*") as tar:
        return {entry.name: file.read() for entry in tar if (file := tar.extractfile(entry)) is not None}


def test_verify_reads_what_a_tar_reader_leaves(session: ocireg.Session, registry: Registry) -> None:
    right = archive({"file": b"hello"}) + bytes(200_000)
    digest = registry.blob(right)["digest"]
    with session.open_blob(digest) as blob:
        assert unpack(blob) == {"file": b"hello"}
        blob.verify()
        blob.verify()
        assert blob.read() == b""
    registry.lies[digest] = right[:-1] + b"x"
    with session.open_blob(digest) as blob:
        assert unpack(blob) == {"file": b"hello"}  # It cannot know.
        with pytest.raises(ocireg.DigestMismatchError):
            blob.verify()
        with pytest.raises(ocireg.DigestMismatchError):
            blob.verify()


def test_verify_of_other_sizes_and_from_an_offset(session: ocireg.Session, registry: Registry, image: Image) -> None:
    with session.open_blob(image.digests[0]) as blob:
        blob.verify()  # All of it.
    with session.open_blob(image.digests[0], 100_000) as blob:
        blob.verify()
    registry.lies[image.digests[0]] = image.layers[0] + b"x"
    with session.open_blob(image.digests[0], 100_000) as blob:
        blob.verify()  # Only the size that the registry tells can be checked there.
    with pytest.raises(ocireg.SizeMismatchError):
        session.open_blob(image.digests[0], size=len(image.layers[0])).verify()


def test_closing_an_unverified_reader_warns(session: ocireg.Session, image: Image) -> None:
    digest = image.digests[0]
    blob = session.open_blob(digest)
    assert blob.read(10)
    with pytest.warns(ResourceWarning, match=f"{digest} was closed .* not verified: call verify") as warned:
        blob.close()
        blob.close()
    assert len(warned) == 1
    assert warned[0].filename == __file__
    with pytest.warns(ResourceWarning, match="not verified") as warned, session.open_blob(digest) as blob:
        assert blob.read(10)
    assert warned[0].filename == __file__
    with pytest.warns(ResourceWarning, match="not verified"), io.BufferedReader(session.open_blob(digest)) as buffered:
        assert buffered.read(len(image.layers[0]))  # All bytes, but not the end.


def test_other_closing_does_not_warn(session: ocireg.Session, registry: Registry, image: Image) -> None:
    digest = image.digests[0]
    session.open_blob(digest).close()  # Nothing was read.
    with session.open_blob(digest) as blob:
        shutil.copyfileobj(blob, io.BytesIO())
    with session.open_blob(digest) as blob:
        assert blob.read(10)
        blob.verify()
    with pytest.raises(KeyError), session.open_blob(digest) as blob:
        assert blob.read(10)
        raise KeyError  # Its reason is known.
    registry.lies[digest] = image.layers[0][:-1] + b"x"
    blob = session.open_blob(digest)
    assert blob.read(10)
    with pytest.raises(ocireg.DigestMismatchError):
        blob.read()
    blob.close()


def test_a_reader_that_was_stopped_can_go_on(session: ocireg.Session, registry: Registry, image: Image) -> None:
    registry.stalls[image.digests[1]] = 65536
    blob = session.open_blob(image.digests[1])
    assert blob.read(10)
    with pytest.raises(ocireg.DeadlineError):
        blob.verify(timeout=0.3)
    blob.close()  # Its reason is known.
    with pytest.raises(ValueError, match="closed"):
        blob.verify()
    blob = session.open_blob(image.digests[1])
    with pytest.raises(ocireg.DeadlineError):
        blob.verify(timeout=0.3)
    registry.go_on.set()
    assert blob.read(10)
    with pytest.warns(ResourceWarning, match="not verified"):
        blob.close()


def test_an_expected_size_is_checked(session: ocireg.Session, image: Image) -> None:
    with pytest.raises(ocireg.SizeMismatchError):
        session.open_blob(image.digests[0], size=5).read()


def test_a_cut_connection_goes_on(session: ocireg.Session, registry: Registry, image: Image) -> None:
    digest = image.digests[1]
    registry.cuts[digest] = [200_000, 400_000]
    with session.open_blob(digest) as blob:
        assert blob.read() == image.layers[1]
    asked = [request.range for request in registry.requests if digest in request.path]
    assert len(asked) == 3
    assert asked[0] is None
    assert all(asked[1:])


def test_a_stalled_read_ends_at_its_timeout_and_can_go_on(
    session: ocireg.Session, registry: Registry, image: Image
) -> None:
    registry.stalls[image.digests[1]] = 65536
    with session.open_blob(image.digests[1], timeout=0.3) as blob:
        content = b""
        with pytest.raises(ocireg.DeadlineError):
            while True:
                content += blob.read(1 << 16) or b""
        assert content == image.layers[1][: len(content)]
        buffer = bytearray(10)
        with pytest.raises(ocireg.DeadlineError) as caught:
            blob.readinto(buffer)
        buffer.clear()  # The exception does not hold it.
        assert caught.value.code == 21
        registry.go_on.set()
        assert content + blob.read() == image.layers[1]


def test_close_ends_a_read_of_another_thread(session: ocireg.Session, registry: Registry, image: Image) -> None:
    registry.stalls[image.digests[1]] = 0
    blob = session.open_blob(image.digests[1])
    caught: list[BaseException] = []

    def read() -> None:
        try:
            blob.read()
        except BaseException as error:
            caught.append(error)

    thread = threading.Thread(target=read)
    thread.start()
    assert registry.stalling.wait(10)
    time.sleep(0.3)  # By then it waits in the library.
    blob.close()
    thread.join(1)
    assert not thread.is_alive()
    assert isinstance(caught[0], ocireg.CancelledError)


def test_only_one_thread_may_read(session: ocireg.Session, registry: Registry, image: Image) -> None:
    registry.stalls[image.digests[1]] = 0
    with session.open_blob(image.digests[1]) as blob:
        results: list[object] = []
        thread = threading.Thread(target=lambda: results.append(blob.read()))
        thread.start()
        assert registry.stalling.wait(10)
        time.sleep(0.3)  # By then it waits in the library.
        with pytest.raises(ocireg.BusyError):
            blob.read(1)
        registry.go_on.set()
        thread.join()
        assert results == [image.layers[1]]


def test_a_reader_outlives_its_parents(service: ocireg.Service, image: Image) -> None:
    session = service.open_session(image.reference)
    blob = session.open_blob(image.digests[0])
    session.close()
    service.close()
    with blob:
        assert blob.read() == image.layers[0]
