"""What calls run under: deadlines, cancellation, progress, and how Ctrl-C gets through."""

from __future__ import annotations

import atexit
import contextlib
import contextvars
import itertools
import json
import math
import os
import sys
import threading
import time
from types import TracebackType
from typing import Any, Callable, TypeVar

from . import _errors, _ffi, _guest, _values
from ._handle import Handle
from .documents import ProgressEvent

T = TypeVar("T")

ProgressCallback = Callable[[int, int, ProgressEvent], object]
"""Gets the bytes transferred so far, the bytes to transfer as far as is known, and an event. Its result is ignored."""


class Context:
    """A deadline, cancellation and a progress callback for any number of calls.

    Give it to calls as ``context=``; they end with :class:`CancelledError` within a second of :meth:`cancel`, and with
    :class:`DeadlineError` ``timeout`` seconds after the context was made. As a context manager it cancels on exit what
    still runs under it.

    ``progress`` is called while a call runs, on the thread that made it or, for calls of the main thread, on a worker
    while the main thread waits; with gevent and eventlet by the greenlet that made it. An exception in it stops the
    call, which then raises it. It must not close what the call uses.
    """

    def __init__(self, timeout: float | None = None, progress: ProgressCallback | None = None) -> None:
        self._deadline = deadline(timeout)
        self._progress = progress
        self._cancelled = False
        self._calls: set[_Call] = set()

    def cancel(self) -> None:
        """Cancels all calls under the context, now and later. Any thread and signal handlers may call it."""
        self._cancelled = True
        for call in list(self._calls):
            call.cancel()

    @property
    def cancelled(self) -> bool:
        """Returns whether :meth:`cancel` was called."""
        return self._cancelled

    def __enter__(self) -> Context:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cancel()

    def __repr__(self) -> str:
        return f"<ocireg.Context {'cancelled' if self._cancelled else 'ready'}>"


# The context of the task on whose behalf a thread makes calls, beside those that the calls are given.
of_task: contextvars.ContextVar[Context | None] = contextvars.ContextVar("of_task", default=None)


def deadline(timeout: float | None) -> float:
    """When a timeout of so many seconds is over, on the monotonic clock."""
    if timeout is None:
        return math.inf
    if not timeout >= 0:  # Also refuses NaN.
        raise ValueError("timeout must be a non-negative number of seconds")
    return time.monotonic() + timeout


def run(function: Callable[[Any], T], timeout: float | None, *contexts: Context | None) -> T:
    """Makes one call that can wait; ``function`` gets its context in C.

    Python runs signal handlers, Ctrl-C's among them, only in the main thread and only between two instructions of
    Python. A call from the main thread is therefore made by a worker, while the main thread waits in Python.
    """
    call = _Call(timeout, [context for context in (*contexts, of_task.get()) if context is not None])
    if sys.is_finalizing():
        return call.run(function)  # A thread that begins now would never run.
    wait = _guest.wait_of_this_thread()
    if wait is not None:
        return _run_beside(call, function, wait)
    if not _guest.IN_MAIN_INTERPRETER or threading.get_ident() == threading.main_thread().ident:
        return _run_in_worker(call, function)
    if _ending:
        raise _errors.cancelled("the interpreter is shutting down")
    return call.run(function)


def _run_beside(call: _Call, function: Callable[[Any], T], wait: _guest.Wait) -> T:
    """Makes a call on a native thread, while the greenlet waits and does what callbacks want."""
    outcome: list[tuple[T | None, BaseException | None]] = []
    mailbox = call.mailbox = _guest.Mailbox(wait)

    def work() -> None:
        _mailboxes[_guest.get_ident()] = mailbox
        try:
            outcome.append((call.run(function), None))
        except BaseException as error:
            outcome.append((None, error))
        finally:
            del _mailboxes[_guest.get_ident()]
            mailbox.end()

    try:
        try:
            _guest.start_new_thread(work, ())
        except RuntimeError as error:
            raise OSError(f"cannot start a thread: {error}") from error
        interruption = mailbox.serve(call.cancel)
    finally:
        mailbox.close()
    result, failure = outcome[0]
    if interruption is not None:
        _discard(result)
        failure = interruption
    if failure is not None:
        try:
            raise failure
        finally:
            del failure, interruption, outcome  # Or the exception would hold its own traceback.
    return result  # type: ignore[return-value]  # The worker put it there.


def _run_in_worker(call: _Call, function: Callable[[Any], T]) -> T:
    # Who takes it decides: the worker to make the call, or the main thread that it is not made.
    begun = _guest.allocate_lock()
    ended = _guest.allocate_lock()
    ended.acquire()
    outcome: list[tuple[T | None, BaseException | None]] = []

    def work() -> None:
        if not begun.acquire(blocking=False):
            return
        try:
            outcome.append((call.run(function), None))
        except BaseException as error:
            outcome.append((None, error))
        finally:
            ended.release()

    try:
        try:
            _start(work)
        except RuntimeError:  # No more threads, as at the exit of the interpreter.
            if begun.acquire(blocking=False):
                return call.run(function)
        ended.acquire()
    except BaseException:
        if not begun.acquire(blocking=False):
            while not outcome:
                try:
                    call.cancel()
                    ended.acquire()
                except BaseException:
                    continue  # Another Ctrl-C; the first one is on its way already.
            _discard(outcome[0][0])
        raise
    result, error = outcome[0]
    if error is not None:
        try:
            raise error
        finally:
            del error, outcome  # Or the exception would hold its own traceback.
    return result  # type: ignore[return-value]  # The worker put it there.


def _start(work: Callable[[], None]) -> None:
    if _guest.IN_MAIN_INTERPRETER:
        # Not a threading.Thread: its bookkeeping costs more than the call, and swallows a Ctrl-C that comes while it
        # cleans up.
        _guest.start_new_thread(work, ())
    else:
        # The end of a sub-interpreter waits for these alone, and is a fatal error while others are left.
        threading.Thread(target=work).start()


def _discard(result: Any) -> None:
    close = getattr(result, "close", None)
    if close is not None:
        close()


class _Call:
    """One call: its context in C for as long as it runs, and what its callback raised."""

    def __init__(self, timeout: float | None, contexts: list[Context]) -> None:
        self._contexts = contexts
        self._deadline = min([deadline(timeout)] + [context._deadline for context in contexts])
        self._progress = next((c._progress for c in contexts if c._progress is not None), None)
        self._failure: BaseException | None = None
        self._cancelled = False
        self._handle: Handle | None = None
        self.mailbox: _guest.Mailbox | None = None

    def cancel(self) -> None:
        self._cancelled = True
        handle = self._handle
        if handle is not None:
            with contextlib.suppress(ValueError), handle as pointer:  # It may just have ended.
                _ffi.lib.ocireg_context_cancel(pointer)

    def run(self, function: Callable[[Any], T]) -> T:
        pointer = self._open()
        thread = _guest.get_ident()
        outer = _inside.get(thread)  # The call whose callback makes this one.
        _inside[thread] = self
        try:
            try:
                result = function(pointer)
            except _errors.OciregError:
                if self._failure is None:
                    raise
            else:
                if self._failure is None:
                    return result
                _discard(result)
        finally:
            if outer is None:
                del _inside[thread]
            else:
                _inside[thread] = outer
            self._close()
        raise self._failure

    def _open(self) -> Any:
        pointer = _values.call_for_handle(_ffi.lib.ocireg_context_new, _ffi.ocireg_context)
        if self._deadline != math.inf:
            left = math.ceil((self._deadline - time.monotonic()) * 1000)
            # 0 would be no deadline at all; 1 is over after a short sleep.
            _ffi.lib.ocireg_context_set_timeout(pointer, min(max(left, 1), 2**63))
            if left <= 0:
                _guest.sleep(0.0015)
        if self._progress is not None:
            key = next(_keys)
            _listening[key] = self
            _ffi.lib.ocireg_context_set_progress(pointer, _on_progress, key, _on_drop)
        self._handle = Handle(pointer, _ffi.lib.ocireg_context_free, "context")
        _running.add(self)
        for context in self._contexts:
            context._calls.add(self)
        if self._cancelled or any(context._cancelled for context in self._contexts):
            self.cancel()
        return pointer

    def _close(self) -> None:
        try:
            if self._handle is not None:
                self._handle.close()  # C calls back once more here, so the call is not over before that.
        finally:
            self.forget()

    def forget(self) -> None:
        """Nobody can cancel it any more."""
        _running.discard(self)
        for context in self._contexts:
            context._calls.discard(self)

    def report(self, done: int, total: int, event: bytes) -> int:
        progress = self._progress
        if self._failure is None and progress is not None:
            try:
                if self.mailbox is None:
                    progress(done, total, json.loads(event))
                else:
                    self.mailbox.ask(lambda: progress(done, total, json.loads(event)))
            except BaseException as error:
                self._failure = error
        return 0 if self._failure is None else 1


# Calls that run now.
_running: set[_Call] = set()
# Where callbacks go that come on a native thread beside a greenlet, by the thread.
_mailboxes: dict[int, _guest.Mailbox] = {}
# The call that each thread is inside of.
_inside: dict[int, _Call] = {}
_ending = False


def fail(error: BaseException) -> None:
    """Has the call that this thread is inside of end with what its callback raised."""
    call = _inside.get(_guest.get_ident())
    if call is not None and call._failure is None:
        call._failure = error


def called_back(function: Callable[[], object]) -> None:
    """Calls a function for C where the call that runs on this thread wants it."""
    mailbox = _mailboxes.get(_guest.get_ident())
    if mailbox is None:
        function()
    else:
        mailbox.ask(function)


def _end() -> None:
    """Ends the calls of daemon threads: from C nobody can come back to an interpreter that is gone."""
    global _ending
    _ending = True
    patience = time.monotonic() + 2  # A call ends within a second.
    while _running and time.monotonic() < patience:
        for call in list(_running):
            call.cancel()
            if call.mailbox is not None:
                call.mailbox.abandon()
        _guest.sleep(0.005)


def _forked() -> None:
    """The threads of other calls are not in a forked child."""
    for call in list(_running):
        call._handle = None
        call.forget()


atexit.register(_end)
os.register_at_fork(after_in_child=_forked)


# Calls whose callback C may still use, under the number that C knows them by.
_listening: dict[int, _Call] = {}
_keys = itertools.count(1)


def _report(user_data: int, done: int, total: int, event: bytes) -> int:
    call = _listening.get(user_data)
    return 0 if call is None else call.report(done, total, event)


def _drop(user_data: int) -> None:
    _listening.pop(user_data, None)


# What C calls: two objects that live as long as the module, because ctypes keeps none for us.
_on_progress = _ffi.ocireg_progress_fn(_report)
_on_drop = _ffi.ocireg_drop_fn(_drop)
