"""Deadlines, cancellation, Ctrl-C, progress and threads."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import ocireg
from ocireg import _call, _ffi
from ocireg.documents import ProgressEvent

from .conftest import Image
from .registry import Registry


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    yield
    assert _call._listening == {}


@pytest.fixture(params=["main thread", "other thread"])
def where(request: pytest.FixtureRequest) -> Callable[[Callable[[], Any]], Any]:
    """Runs a function in the main thread, where calls go through a worker, or in another one."""
    if request.param == "main thread":
        return lambda function: function()

    def elsewhere(function: Callable[[], Any]) -> Any:
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(function).result()

    return elsewhere


Where = Callable[[Callable[[], Any]], Any]


def test_the_worker_is_for_the_main_thread_alone(
    service: ocireg.Service, image: Image, layout: Path, where: Where
) -> None:
    inside: set[int] = set()
    context = ocireg.Context(progress=lambda *_: inside.add(threading.get_ident()))

    def pull() -> int:
        service.pull(image.reference, f"oci:{layout}", context=context)
        return threading.get_ident()

    caller = where(pull)
    assert len(inside) == 1
    assert (caller in inside) == (caller != threading.main_thread().ident)


def test_deadline(session: ocireg.Session, registry: Registry, image: Image, where: Where) -> None:
    registry.stalls[image.digests[1]] = 65536
    blob = session.open_blob(image.digests[1], context=ocireg.Context(timeout=0.5))
    begun = time.monotonic()
    with pytest.raises(ocireg.DeadlineError) as caught:
        where(lambda: blob.read())
    blob.close()
    assert 0.4 <= time.monotonic() - begun < 1
    assert isinstance(caught.value, TimeoutError)


def test_the_deadline_of_a_context_is_for_all_its_calls(session: ocireg.Session, registry: Registry) -> None:
    context = ocireg.Context(timeout=0.3)
    session.ping(context=context)
    time.sleep(0.4)
    for _ in range(2):
        with pytest.raises(ocireg.DeadlineError):
            session.ping(context=context, timeout=10)
    session.ping(timeout=10)


@pytest.mark.parametrize("timeout", [-1, float("nan")])
def test_what_is_no_timeout(session: ocireg.Session, timeout: float) -> None:
    with pytest.raises(ValueError, match="timeout"):
        session.ping(timeout=timeout)
    with pytest.raises(ValueError, match="timeout"):
        ocireg.Context(timeout=timeout)


def test_timeouts_at_the_edges(session: ocireg.Session) -> None:
    with pytest.raises(ocireg.DeadlineError):
        session.get_manifest(timeout=0)
    session.get_manifest(timeout=float("inf"))
    session.get_manifest(timeout=1e300)


def test_cancel_from_another_thread(
    service: ocireg.Service, registry: Registry, image: Image, layout: Path, where: Where
) -> None:
    registry.stalls[image.digests[1]] = 65536
    context = ocireg.Context()
    ended: list[float] = []

    def cancel() -> None:
        registry.stalling.wait(10)
        ended.append(time.monotonic())
        context.cancel()

    thread = threading.Thread(target=cancel)
    thread.start()
    with pytest.raises(ocireg.CancelledError) as caught:
        where(lambda: service.pull(image.reference, f"oci:{layout}", context=context, platform="linux/amd64"))
    assert time.monotonic() - ended[0] < 1
    thread.join()
    assert caught.value.document["cancelled_by"] == "context"
    assert context.cancelled
    # Final, also for what begins later.
    with pytest.raises(ocireg.CancelledError):
        service.inspect(image.reference, context=context)


def test_one_context_for_many_calls(session: ocireg.Session, registry: Registry, image: Image) -> None:
    registry.stalls[image.digests[0]] = registry.stalls[image.digests[1]] = 0

    def read(digest: str) -> object:
        with session.open_blob(digest, context=context) as blob, pytest.raises(ocireg.CancelledError):
            blob.read()
        return "cancelled"

    with ThreadPoolExecutor(4) as pool, ocireg.Context() as context:
        results = [pool.submit(read, digest) for digest in image.digests * 2]
        assert registry.stalling.wait(10)
        time.sleep(0.3)
        context.cancel()
        assert [result.result(5) for result in results] == ["cancelled"] * 4


def test_leaving_a_context_cancels_what_still_runs(session: ocireg.Session, registry: Registry, image: Image) -> None:
    registry.stalls[image.digests[0]] = 0
    with ThreadPoolExecutor(1) as pool:
        with ocireg.Context() as context:
            assert "ready" in repr(context)
            blob = session.open_blob(image.digests[0], context=context)
            result = pool.submit(blob.read)
            assert registry.stalling.wait(10)
        assert isinstance(result.exception(5), ocireg.CancelledError)
        blob.close()
    assert "cancelled" in repr(context)


def test_progress(service: ocireg.Service, image: Image, layout: Path, where: Where) -> None:
    seen: list[tuple[int, int, ProgressEvent]] = []
    context = ocireg.Context(progress=lambda done, total, event: seen.append((done, total, event)))
    report = where(lambda: service.pull(image.reference, f"oci:{layout}", platform="linux/amd64", context=context))
    kinds = [event["kind"] for _, _, event in seen]
    assert "start" in kinds
    assert kinds[-1] == "finish"
    assert {event.get("digest") for _, _, event in seen if event["kind"] == "blob"} >= set(image.digests)
    done = [done for done, _, _ in seen]
    assert done == sorted(done)
    assert seen[-1][0] == seen[-1][1] == report["bytes_total"]


def test_progress_ticks_while_waiting(session: ocireg.Session, registry: Registry, image: Image) -> None:
    registry.stalls[image.digests[0]] = 0
    times: list[float] = []

    def progress(done: int, total: int, event: ProgressEvent) -> None:
        times.append(time.monotonic())
        if len(times) == 2:
            registry.go_on.set()

    context = ocireg.Context(progress=progress)
    with session.open_blob(image.digests[0], context=context) as blob:
        assert blob.read() == image.layers[0]
    assert len(times) >= 2
    assert times[1] - times[0] < 1.5


def test_an_exception_in_the_callback_stops_the_call_and_comes_out(
    service: ocireg.Service, image: Image, layout: Path, where: Where
) -> None:
    class Stop(Exception):
        pass

    calls: list[object] = []
    cause = KeyError("its own")

    def progress(done: int, total: int, event: ProgressEvent) -> None:
        calls.append(event)
        raise Stop("enough") from cause

    with pytest.raises(Stop, match="enough") as caught:
        where(lambda: service.pull(image.reference, f"oci:{layout}", context=ocireg.Context(progress=progress)))
    assert len(calls) == 1
    assert caught.value.__cause__ is cause
    assert not list(layout.rglob("index.json"))


def test_the_callback_may_cancel(service: ocireg.Service, image: Image, layout: Path) -> None:
    context = ocireg.Context(progress=lambda *_: context.cancel())
    with pytest.raises(ocireg.CancelledError):
        service.pull(image.reference, f"oci:{layout}", context=context)


def test_what_the_callback_returns_does_not_matter(service: ocireg.Service, image: Image, layout: Path) -> None:
    context = ocireg.Context(progress=lambda *_: "go on")
    assert service.pull(image.reference, f"oci:{layout}", context=context)["reference"]


def test_the_callback_may_use_other_objects(service: ocireg.Service, image: Image, layout: Path) -> None:
    hosts: list[str] = []
    context = ocireg.Context(progress=lambda *_: hosts.append(ocireg.convert_to_hostname("https://a.example/b")))
    service.pull(image.reference, f"oci:{layout}", context=context)
    assert set(hosts) == {"a.example"}


def test_many_threads_on_one_session(session: ocireg.Session, image: Image) -> None:
    def work(number: int) -> bool:
        with session.open_blob(image.digests[number % 2]) as blob:
            right = blob.read() == image.layers[number % 2]
        return right and session.get_manifest().descriptor == session.head_manifest()

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(24)))


INTERRUPTED = """
import os, sys, threading, time, ocireg

service = ocireg.Service({"docker-config": ""})
session = service.open_session(sys.argv[2])
calls = {
    "pull": lambda: service.pull(sys.argv[2], "oci:" + sys.argv[4], platform="linux/amd64"),
    "read": lambda: session.open_blob(sys.argv[3]).read(),
    "progress": lambda: service.pull(
        sys.argv[2], "oci:" + sys.argv[4], context=ocireg.Context(progress=lambda *_: time.sleep(0.01))
    ),
}
try:
    calls[sys.argv[1]]()
    print("the call returned")
except KeyboardInterrupt:
    print("interrupted", [thread.name for thread in threading.enumerate()], len(ocireg._call._listening))
    # The process is whole: calls work as before.
    print(session.ping()["protocol"])
"""


@pytest.mark.parametrize("call", ["pull", "read", "progress"])
@pytest.mark.parametrize("times", [1, 5])
def test_ctrl_c(registry: Registry, image: Image, layout: Path, call: str, times: int) -> None:
    registry.stalls[image.digests[1]] = 65536
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, call, image.reference, image.digests[1], str(layout)],
        env={**os.environ, "PYTHONPATH": str(Path(ocireg.__file__).parents[1]), "OCIREG_LIBRARY": _ffi.library_path},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert registry.stalling.wait(20)
    time.sleep(0.3)
    begun = time.monotonic()
    process.send_signal(signal.SIGINT)
    for _ in range(times - 1):  # An impatient user.
        time.sleep(0.0003)
        process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    took = time.monotonic() - begun
    if times == 1:
        assert out == "interrupted ['MainThread'] 0\nv2\n", err
        assert err == ""
        assert process.returncode == 0
    else:  # The later signals may also hit the program's own handler.
        assert "the call returned" not in out
        assert "Fatal" not in err
    assert took < 1.5
    assert not list(layout.rglob("index.json"))


def test_other_signals_are_handled_while_a_call_waits(
    session: ocireg.Session, registry: Registry, image: Image
) -> None:
    """A handler runs at once, and the call goes on if it raises nothing."""
    registry.stalls[image.digests[0]] = 0
    handled: list[float] = []

    def handle(*_: object) -> None:
        handled.append(time.monotonic())
        registry.go_on.set()

    before = signal.signal(signal.SIGUSR1, handle)
    try:
        sender = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGUSR1))
        sender.start()
        with session.open_blob(image.digests[0]) as blob:
            assert blob.read() == image.layers[0]
        sender.join()
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert len(handled) == 1


def test_a_signal_handler_may_cancel(session: ocireg.Session, registry: Registry, image: Image) -> None:
    registry.stalls[image.digests[0]] = 0
    context = ocireg.Context()
    before = signal.signal(signal.SIGALRM, lambda *_: context.cancel())
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.5)
        begun = time.monotonic()
        with session.open_blob(image.digests[0], context=context) as blob, pytest.raises(ocireg.CancelledError):
            blob.read()
        assert time.monotonic() - begun < 1.5
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


# The garbage collector may run in this thread and free threads of the registry: Python has no way to raise from there.
@pytest.mark.filterwarnings("ignore:Exception ignored in.*WeakSet:pytest.PytestUnraisableExceptionWarning")
def test_an_interrupt_at_any_moment_of_short_calls(session: ocireg.Session, image: Image) -> None:
    """Signals at random times: each call either returns its result or raises, and nothing is left behind."""

    class Interrupt(BaseException):
        pass

    def handle(*_: object) -> None:
        raise Interrupt

    descriptors = wakeups()
    before = signal.signal(signal.SIGALRM, handle)
    interrupted = 0
    try:
        for number in range(150):
            try:
                signal.setitimer(signal.ITIMER_REAL, 0.0002 + number % 50 * 0.0001)
                assert session.get_manifest().descriptor["size"] > 0
                signal.setitimer(signal.ITIMER_REAL, 0)
            except Interrupt:
                interrupted += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert interrupted > 0
    assert session.get_manifest().data
    assert wakeups() == descriptors


def wakeups() -> int:
    """How many contexts the library has: each has one such descriptor."""
    count = 0
    for link in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):  # Other threads open and close files.
            count += os.readlink(f"/proc/self/fd/{link}") == "anon_inode:[eventfd]"
    return count
