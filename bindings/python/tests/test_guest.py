"""Python as a guest: gevent and eventlet, the end of the interpreter, forks beside calls, sub-interpreters, asyncio."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path
from typing import Any

import pytest

import ocireg
from ocireg import _ffi

from .conftest import Image
from .registry import Registry

ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": str(Path(ocireg.__file__).parents[1]),
    "OCIREG_LIBRARY": _ffi.library_path,
}


def run(code: str, *arguments: str, timeout: float = 60) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], env=ENVIRONMENT, capture_output=True, text=True, timeout=timeout
    )
    assert (done.returncode, done.stderr) == (0, ""), done
    return done.stdout


# How each of them is spoken to: spawn, wait for all, sleep, the exception of a time-out, kill.
HUBS = {
    "gevent": """
import gevent, gevent.monkey
patch = gevent.monkey.patch_all
spawn, sleep, Timeout, current = gevent.spawn, gevent.sleep, gevent.Timeout, gevent.getcurrent
wait, kill = (lambda thread: thread.get()), (lambda thread: thread.kill())
""",
    "eventlet": """
import warnings
warnings.simplefilter("ignore")
import eventlet
patch = eventlet.monkey_patch
spawn, sleep, Timeout, current = eventlet.spawn, eventlet.sleep, eventlet.Timeout, eventlet.getcurrent
wait, kill = (lambda thread: thread.wait()), (lambda thread: thread.kill())
""",
}
ORDERS = {
    "patched first": "patch()\nimport ocireg\n",
    "patched later": "import ocireg\npatch()\n",
    "not patched": "import ocireg\n",
}
HELPERS = """
import json, os, sys, time
service = ocireg.Service({"docker-config": "", "environment": False})
gaps, over = [], False
def tick():
    last = time.monotonic()
    while not over:
        sleep(0.01)
        now = time.monotonic()
        gaps.append(now - last)
        last = now
ticking = spawn(tick)
sleep(0)
"""


@pytest.fixture(params=[(hub, order) for hub in HUBS for order in ORDERS], ids=" ".join)
def beside(request: pytest.FixtureRequest) -> str:
    """The beginning of a program with a hub."""
    hub, order = request.param
    return HUBS[hub] + ORDERS[order] + HELPERS


@pytest.fixture(params=HUBS)
def patched(request: pytest.FixtureRequest) -> str:
    """The same, in the usual order."""
    return str(HUBS[request.param] + ORDERS["patched first"] + HELPERS)


YIELDING = """
reference, layouts = sys.argv[1:]
calls, records = [0], [0]
def pull(number):
    me = current()
    def progress(*_):
        assert current() is me, "the callback runs in another greenlet"
        calls[0] += 1
        sleep(0.003)
    return service.pull(reference, f"oci:{layouts}/{number}", timeout=30, context=ocireg.Context(progress=progress))
def log(*_):
    records[0] += 1
    sleep(0.001)
service.set_log(log)
pulls = [spawn(pull, number) for number in range(6)]
reports = [wait(thread) for thread in pulls]
over = True
assert len({report["descriptor"]["digest"] for report in reports}) == 1
assert calls[0] > 6 and records[0] > 6
print(len(gaps) > 5, max(gaps) < 0.5)
"""


def test_callbacks_may_yield(beside: str, registry: Registry, image: Image, tmp_path: Path) -> None:
    registry.pauses.update(dict.fromkeys(image.digests, 0.02))
    assert run(beside + YIELDING, image.reference, str(tmp_path)) == "True True\n"
    for number in range(6):
        for digest, layer in zip(image.digests, image.layers):
            assert (tmp_path / str(number) / "blobs" / "sha256" / digest[7:]).read_bytes() == layer


STALLING = """
reference, digest, layout = sys.argv[1:]
session = service.open_session(reference)
def begin():
    return session.open_blob(digest).read()
def said(kind, function):
    begun = time.monotonic()
    try:
        function()
        print(kind, "returned")
    except BaseException as error:
        print(kind, type(error).__name__, time.monotonic() - begun < 1.5)
def late():
    with Timeout(0.3):
        begin()
said("late", late)
stuck = spawn(begin)
sleep(0.3)
said("killed", lambda: (kill(stuck), wait(stuck), stuck.dead or print("alive")))
context = ocireg.Context()
def cancel():
    sleep(0.3)
    context.cancel()
spawn(cancel)
said("cancelled", lambda: service.pull(reference, "oci:" + layout, context=context))
said("deadline", lambda: service.pull(reference, "oci:" + layout, timeout=0.3))
class Odd(Exception): pass
def odd(*_):
    sleep(0.01)
    raise Odd
said("raised", lambda: service.pull(reference, "oci:" + layout, context=ocireg.Context(progress=odd)))
def slow(*_):
    sleep(10)
def in_a_callback():
    with Timeout(0.3):
        service.pull(reference, "oci:" + layout, context=ocireg.Context(progress=slow))
said("in a callback", in_a_callback)
over = True
print(session.ping()["protocol"], max(gaps) < 0.5)
"""


def test_everything_that_ends_a_greenlet_ends_its_call(
    patched: str, registry: Registry, image: Image, layout: Path
) -> None:
    registry.stalls[image.digests[1]] = 65536
    lines = run(patched + STALLING, image.reference, image.digests[1], str(layout)).splitlines()
    assert lines[0] == "late Timeout True"
    assert lines[1] in ("killed returned", "killed GreenletExit True")
    assert lines[2:] == [
        "cancelled CancelledError True",
        "deadline DeadlineError True",
        "raised Odd True",
        "in a callback Timeout True",
        "v2 True",
    ]


INTERRUPTED = """
reference, digest = sys.argv[1:]
session = service.open_session(reference)
print("ready", flush=True)
try:
    session.open_blob(digest).read()
except KeyboardInterrupt:
    print("interrupted", session.ping()["protocol"])
"""


def test_ctrl_c_beside_a_hub(patched: str, registry: Registry, image: Image) -> None:
    registry.stalls[image.digests[1]] = 65536
    process = subprocess.Popen(
        [sys.executable, "-c", patched + INTERRUPTED, image.reference, image.digests[1]],
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert registry.stalling.wait(20)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert out == "ready\ninterrupted v2\n", err


NATIVE = """
import threading
reference = sys.argv[1]
real = ocireg._guest.start_new_thread
done = ocireg._guest.allocate_lock()
done.acquire()
seen = []
def native():
    try:
        seen.append(service.inspect(reference, context=ocireg.Context(progress=lambda *_: None))["kind"])
    except BaseException as error:
        seen.append(repr(error))
    done.release()
real(native, ())
done.acquire()
over = True
print(seen)
"""


def test_native_threads_beside_a_hub(patched: str, image: Image) -> None:
    assert run(patched + NATIVE, image.reference) == "['index']\n"


AT_EXIT = """
import sys, ocireg
service = ocireg.Service({"docker-config": "", "environment": False})
class Late:
    def __del__(self):
        try:
            print(len(service_.inspect(arguments[1], timeout=5)["platforms"]), flush=True)
        except BaseException as error:
            print("raised", type(error).__name__, flush=True)
service_, arguments, late = service, sys.argv, Late()
print(service.inspect(sys.argv[1], timeout=5)["kind"])
"""


def test_a_call_in_a_finalizer_at_exit_ends(image: Image) -> None:
    out = run(AT_EXIT, image.reference, timeout=20).splitlines()
    assert out[0] == "index"
    assert len(out) == 2


DAEMON = """
import sys, threading, time, ocireg
service = ocireg.Service({"docker-config": "", "environment": False})
def work(number):
    while True:
        try:
            service.pull(sys.argv[1], f"oci:{sys.argv[2]}/{number}", context=ocireg.Context(progress=lambda *_: None))
        except ocireg.OciregError:
            pass
for number in range(4):
    threading.Thread(target=work, args=(number,), daemon=True).start()
time.sleep(float(sys.argv[3]))
"""


@pytest.mark.parametrize("after", [0.2, 0.4, 0.6])
def test_daemon_threads_at_exit(registry: Registry, image: Image, tmp_path: Path, after: float) -> None:
    """C must not come back to an interpreter that is gone: the process would end with a signal."""
    registry.pauses.update(dict.fromkeys(image.digests, 0.03))
    begun = time.monotonic()
    assert run(DAEMON, image.reference, str(tmp_path), str(after)) == ""
    assert time.monotonic() - begun < 10


def test_forks_beside_calls(service: ocireg.Service, registry: Registry, image: Image, tmp_path: Path) -> None:
    """Children use what the parent's threads are using at that moment."""
    session = service.open_session(image.reference)
    context = ocireg.Context()
    failures: list[BaseException] = []
    stop = threading.Event()

    def work(number: int) -> None:
        while not stop.is_set():
            try:
                service.pull(image.reference, f"oci:{tmp_path}/{number}", context=context, timeout=20)
                session.list_tags(context=context)
            except BaseException as error:
                failures.append(error)
                return

    threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    children = []
    for _ in range(30):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            child = os.fork()
        if child == 0:
            status = 1
            try:
                signal.alarm(20)  # A child that hangs dies.
                context.cancel()  # The calls under it are the parent's, and go on there.
                if session.list_tags(timeout=10)["tags"] == ["v1"]:
                    session.close()
                    status = 0
            finally:
                os._exit(status)
        children.append(child)
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0] * 30
    stop.set()
    for thread in threads:
        thread.join()
    assert failures == []
    session.close()


SUB = """
import sys
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters
code = '''
try:
    import ocireg
except ImportError as error:
    print("refused" if "interpreter" in str(error) else f"unclear: {error}")
else:
    service = ocireg.Service({"docker-config": "", "environment": False})
    told = []
    import threading
    def pull(number):
        service.pull(REFERENCE, f"oci:{LAYOUT}/{number}",
                     context=ocireg.Context(progress=lambda done, total, event: told.append(event["kind"])))
    pull(0)
    thread = threading.Thread(target=pull, args=(1,))
    thread.start()
    thread.join()
    assert told.count("finish") == 2, told
    print("worked")
'''
def make(isolated):
    try:
        return interpreters.create(isolated=isolated)
    except TypeError:  # From 3.13 on.
        return interpreters.create("isolated" if isolated else "legacy")
import ocireg
print(ocireg.Service({"docker-config": "", "environment": False}).inspect(sys.argv[1])["kind"], flush=True)
for number in range(3):
    layout = f"{sys.argv[2]}/{number}"
    interpreter = make(sys.argv[3] == "isolated")
    interpreters.run_string(interpreter, f"REFERENCE, LAYOUT = {sys.argv[1]!r}, {layout!r}" + chr(10) + code)
    interpreters.destroy(interpreter)
"""


@pytest.mark.parametrize(("kind", "outcome"), [("isolated", "refused"), ("legacy", "worked")])
def test_sub_interpreters(image: Image, tmp_path: Path, kind: str, outcome: str) -> None:
    """They work where they may have threads, and else say that they do not."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SUB, image.reference, str(tmp_path), kind],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, ""), done
    assert done.stdout == "index\n" + f"{outcome}\n" * 3


def test_asyncio_goes_on_beside_calls(session: ocireg.Session, registry: Registry, image: Image) -> None:
    registry.pauses[image.digests[1]] = 0.05
    told: list[Any] = []

    async def read() -> tuple[bytes, int]:
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                await asyncio.sleep(0.01)
                ticks += 1

        ticking = asyncio.create_task(tick())
        context = ocireg.Context(progress=lambda *event: told.append(json.dumps(event)))
        with session.open_blob(image.digests[1], context=context) as blob:
            content = await asyncio.to_thread(blob.read)
        ticking.cancel()
        return content or b"", ticks

    content, ticks = asyncio.run(read())
    assert content == image.layers[1]
    assert ticks > 5
