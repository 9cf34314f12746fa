"""Python as a guest in all kinds of programs: native threads beside gevent and eventlet, sub-interpreters.

gevent and eventlet replace the functions that wait with their own, and let many greenlets share one native
thread by setting the stack of one aside while another one runs. A call of the library must not hold up that thread, and
its stack must not be set aside: it is made on a native thread, and the greenlet waits as its hub wants it to.
"""

from __future__ import annotations

import importlib
import os
import posix
import sys
import threading
from collections import deque
from typing import Any, Callable


def _original(module: str, name: str) -> Any:
    """A function as it was before anybody patched it."""
    monkey = sys.modules.get("gevent.monkey")
    if monkey is not None:
        return monkey.get_original(module, name)
    patcher = sys.modules.get("eventlet.patcher")
    if patcher is not None and patcher.is_monkey_patched("thread"):
        return getattr(patcher.original(module), name)
    return getattr(importlib.import_module(module), name)


start_new_thread = _original("_thread", "start_new_thread")
allocate_lock = _original("_thread", "allocate_lock")
get_ident = _original("_thread", "get_ident")
get_native_id = _original("_thread", "get_native_id")
sleep = _original("time", "sleep")


def _is_main_interpreter() -> bool:
    for module in ("_interpreters", "_xxsubinterpreters"):
        try:
            interpreters: Any = importlib.import_module(module)
            # 3.13 tells the number and who started it, older ones an object or the number.
            return bool(interpreters.get_current() == interpreters.get_main())
        except (ImportError, AttributeError):
            continue
    return True


IN_MAIN_INTERPRETER = _is_main_interpreter()
"""A callback from C finds the interpreter of its thread only if that interpreter made the thread. In all but the main
interpreter, calls are therefore made on threads of their own.
"""


def _check_interpreter() -> None:
    try:
        thread = threading.Thread(target=int)
        thread.start()
        thread.join()
    except RuntimeError as error:
        raise ImportError(
            f"ocireg needs threads, which this sub-interpreter does not allow ({error}): "
            "use the main interpreter, or one that is not isolated"
        ) from error


if not IN_MAIN_INTERPRETER:
    _check_interpreter()


Wait = Callable[[int], object]
"""Waits until a descriptor can be read, and lets others run meanwhile."""


def wait_of_this_thread() -> Wait | None:
    """How the caller has to wait, if it shares its thread with others."""
    local, monkey = sys.modules.get("gevent._hub_local"), sys.modules.get("gevent.monkey")
    if local is not None:
        patched = monkey is not None and monkey.is_module_patched("threading")
        if _shares(local.get_hub_if_exists(), patched):
            wait: Wait = importlib.import_module("gevent.socket").wait_read
            return wait
    hubs, patcher = sys.modules.get("eventlet.hubs"), sys.modules.get("eventlet.patcher")
    if hubs is not None:
        patched = patcher is not None and patcher.is_monkey_patched("thread")
        hub = getattr(hubs._threadlocal, "hub", None)
        if _shares(None if hub is None else hub.greenlet, patched):
            trampoline = hubs.trampoline
            return lambda descriptor: trampoline(descriptor, read=True)
    return None


def _shares(hub: Any, patched: bool) -> bool:
    """Whether the caller is a greenlet beside a hub, which is a greenlet too."""
    if hub is None:
        # A native thread that a program has beside its hub's may wait as it likes. The main thread gets its hub only
        # when it first waits.
        return patched and bool(get_native_id() == os.getpid())
    # The hub itself cannot wait for itself.
    return sys.modules["greenlet"].getcurrent() is not hub


class Mailbox:
    """Takes what a native thread wants to have done, to the greenlet that waits for it."""

    def __init__(self, wait: Wait) -> None:
        self._wait = wait
        self._tasks: deque[_Task | None] = deque()
        self._abandoned = False
        # Not through os: its functions may be patched, and only posix has its own.
        self._reading, self._writing = posix.pipe()

    def ask(self, function: Callable[[], Any]) -> Any:
        """Has a function called by the greenlet; in the native thread."""
        task = _Task(function)
        self._post(task)
        if self._abandoned:
            self.abandon()
        return task.result()

    def end(self) -> None:
        """Says that nothing more will come; in the native thread."""
        self._post(None)

    def _post(self, task: _Task | None) -> None:
        self._tasks.append(task)
        posix.write(self._writing, b"!")

    def serve(self, stop: Callable[[], None]) -> BaseException | None:
        """Does what is asked until the end; in the greenlet. ``stop`` is called if something interrupts it, and that is
        given back.
        """
        interruptions: list[BaseException] = []
        while True:
            try:
                # Whoever interrupts it again is impatient: then others have to wait for the short rest, too.
                if len(interruptions) < 2:
                    self._wait(self._reading)
            except BaseException as error:
                interruptions.append(error)
                stop()
                continue
            posix.read(self._reading, 1)
            task = self._tasks.popleft()
            if task is None:
                return interruptions[0] if interruptions else None
            failure = task.run(interruptions[0] if interruptions else None)
            if failure is not None and not isinstance(failure, Exception):
                # Somebody ends the greenlet, and met it in a callback.
                interruptions.append(failure)
                stop()

    def abandon(self) -> None:
        """Says that the greenlet will never run again."""
        self._abandoned = True
        while self._tasks:
            task = self._tasks.popleft()
            if task is not None:
                task.refuse(RuntimeError("the interpreter is shutting down"))

    def close(self) -> None:
        posix.close(self._reading)
        posix.close(self._writing)


class _Task:
    """A function that one thread wants to have called by another one."""

    def __init__(self, function: Callable[[], Any]) -> None:
        self._function = function
        self._value: Any = None
        self._failure: BaseException | None = None
        self._done = allocate_lock()
        self._done.acquire()

    def run(self, refused: BaseException | None) -> BaseException | None:
        """Calls the function, unless it is refused."""
        try:
            if refused is not None:
                raise refused
            self._value = self._function()
        except BaseException as error:
            self._failure = error
        finally:
            self._done.release()
        return self._failure

    def refuse(self, why: BaseException) -> None:
        """Gives up a task that nobody will run."""
        self._failure = why
        self._done.release()

    def result(self) -> Any:
        self._done.acquire()
        if self._failure is not None:
            raise self._failure
        return self._value
