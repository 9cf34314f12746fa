"""The life of objects: closing, forgetting, forking, the end of the interpreter."""

from __future__ import annotations

import gc
import multiprocessing
import os
import subprocess
import sys
import threading
import warnings
from pathlib import Path

import pytest

import ocireg
from ocireg import _ffi

from .conftest import ALONE, Image
from .registry import Registry


def test_use_after_close(service: ocireg.Service, registry: Registry, image: Image) -> None:
    session = service.open_session(image.reference)
    endpoint = service.new_endpoint({"URL": "https://registry.example"})
    blob = session.open_blob(image.digests[0])
    for thing in (blob, session, endpoint, service):
        assert "open" in repr(thing)
        assert not thing.closed
        thing.close()
        thing.close()
        assert thing.closed
        assert "closed" in repr(thing)
    for use in (
        lambda: blob.read(),
        lambda: blob.readinto(bytearray(1)),
        lambda: session.info(),
        lambda: session.ping(),
        lambda: session.repository("a"),
        lambda: session.open_blob(image.digests[0]),
        lambda: str(endpoint),
        lambda: endpoint.ping(),
        lambda: endpoint.__enter__(),
        lambda: service.config(),
        lambda: service.open_session("alpine"),
        lambda: service.pull("alpine", "oci:x"),
    ):
        with pytest.raises(ValueError, match="closed"):
            use()


def test_close_while_a_call_runs(registry: Registry, image: Image) -> None:
    registry.stalls[image.digests[0]] = 0
    service = ocireg.Service(ALONE)
    session = service.open_session(image.reference)
    blob = session.open_blob(image.digests[0])
    got: list[object] = []
    thread = threading.Thread(target=lambda: got.append(blob.read()))
    thread.start()
    assert registry.stalling.wait(10)
    session.close()
    service.close()
    registry.go_on.set()
    thread.join()
    assert got == [image.layers[0]]
    blob.close()


def test_forgotten_objects_are_freed_with_a_warning(service: ocireg.Service, image: Image) -> None:
    with pytest.warns(ResourceWarning, match="unclosed ocireg service"):
        ocireg.Service(ALONE)
        gc.collect()
    with pytest.warns(ResourceWarning, match="unclosed ocireg session"):
        service.open_session(image.reference)
        gc.collect()
    session = service.open_session(image.reference)
    with pytest.warns(ResourceWarning, match="unclosed ocireg blob"):
        session.open_blob(image.digests[0])
        gc.collect()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        session.close()
        del session
        gc.collect()


def test_every_handle_is_freed_once(monkeypatch: pytest.MonkeyPatch, image: Image) -> None:
    freed: list[str] = []

    class Counting:
        def __getattr__(self, name: str) -> object:
            function = getattr(_ffi.lib, name)
            if not name.endswith("_free"):
                return function

            def free(pointer: object) -> None:
                freed.append(name)
                function(pointer)

            return free

    counting = Counting()
    for module in ("_service", "_session", "_any_endpoint"):
        monkeypatch.setattr(f"ocireg.{module}.lib", counting)
    with ocireg.Service(ALONE) as service, service.open_session(image.reference) as session:
        session.repository("other").close()
        service.new_endpoint({"URL": "https://registry.example"}).close()
        session.close()
    service.close()
    assert sorted(freed) == [
        "ocireg_endpoint_free",
        "ocireg_service_free",
        "ocireg_session_free",
        "ocireg_session_free",
    ]


def run(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", code, *arguments],
        env={**os.environ, "PYTHONPATH": str(Path(ocireg.__file__).parents[1]), "OCIREG_LIBRARY": _ffi.library_path},
        capture_output=True,
        text=True,
        timeout=60,
    )


EXIT = """
import io, sys, ocireg
service = ocireg.Service({"docker-config": ""})
session = service.open_session(sys.argv[1])
blob = session.open_blob(sys.argv[2])
started = blob.read(10)
buffered = io.BufferedReader(session.open_blob(sys.argv[2]), 65536)
buffered.read(10)
context = ocireg.Context(progress=print)
class Cycle:
    pass
cycle = Cycle()
cycle.self, cycle.session = cycle, session.repository("other")
endpoint = service.new_endpoint({"URL": "https://registry.example"})
print("end")
"""


def test_the_end_of_the_interpreter_makes_no_noise(image: Image) -> None:
    done = run(EXIT, image.reference, image.digests[0])
    assert (done.returncode, done.stdout, done.stderr) == (0, "end\n", "")


AT_EXIT = """
import atexit, sys, ocireg
service = ocireg.Service({"docker-config": ""})
session = service.open_session(sys.argv[1])
atexit.register(session.close)
atexit.register(lambda: print(session.ping()["protocol"]))
"""


def test_calls_at_exit_work(image: Image) -> None:
    done = run(AT_EXIT, image.reference)
    assert (done.returncode, done.stdout, done.stderr) == (0, "v2\n", "")


def test_a_forked_child_can_go_on(session: ocireg.Session, image: Image) -> None:
    session.get_manifest()  # The pool has a connection that the child must not share.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Of fork beside threads, those of the test's registry.
        child = os.fork()
    if child == 0:
        try:
            with session.open_blob(image.digests[0], timeout=10) as blob:
                os._exit(0 if blob.read() == image.layers[0] else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    with session.open_blob(image.digests[1]) as blob:
        assert blob.read() == image.layers[1]


def _tags(reference: str) -> list[str]:
    with ocireg.Service(ALONE) as service, service.open_session(reference) as session:
        return session.list_tags(timeout=10)["tags"]


def _not_found(reference: str) -> None:
    with ocireg.Service(ALONE) as service, service.open_session(reference) as session:
        session.get_manifest("none")


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_processes_of_multiprocessing(session: ocireg.Session, image: Image, method: str) -> None:
    session.get_manifest()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        with multiprocessing.get_context(method).Pool(2) as pool:
            assert pool.map(_tags, [image.reference] * 4) == [["v1"]] * 4
            with pytest.raises(ocireg.NotFoundError) as caught:
                pool.apply(_not_found, (image.reference,))
            assert caught.value.http_status == 404
            pool.close()
            pool.join()
