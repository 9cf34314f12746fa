"""Handles of the library as Python objects."""

from __future__ import annotations

import threading
import warnings
import weakref
from types import TracebackType
from typing import Any, Callable, TypeVar

from . import _call

AnyOwner = TypeVar("AnyOwner", bound="Owner")
T = TypeVar("T")


class Handle:
    """One C handle. ``with handle as pointer`` uses it; it is freed once it is closed and nobody uses it."""

    def __init__(self, pointer: Any, free: Callable[[Any], None], name: str) -> None:
        self._pointer = pointer
        self._free = free
        self._name = name
        self._users = 0
        self.closed = False
        # Reentrant: a signal handler or a finalizer may run while this thread holds it.
        self._lock = threading.RLock()

    def __enter__(self) -> Any:
        with self._lock:
            if self.closed:
                raise ValueError(f"the {self._name} is closed")
            self._users += 1
            return self._pointer

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._users -= 1
        self._free_if_done()

    def close(self) -> bool:
        """Closes the handle; tells whether it was open. Never waits for those who use it."""
        with self._lock:
            was_open = not self.closed
            self.closed = True
        self._free_if_done()
        return was_open

    def _free_if_done(self) -> None:
        with self._lock:
            if not self.closed or self._users or self._pointer is None:
                return
            pointer, self._pointer = self._pointer, None
        self._free(pointer)


def finalize(owner: object, handle: Handle, name: str) -> None:
    """Frees the handle when nobody has the owner any more, and says that somebody forgot to close it."""
    finalizer = weakref.finalize(owner, _abandon, handle, name)
    # The end of the process takes everything with it; there is nobody left to warn.
    finalizer.atexit = False  # type: ignore[misc, unused-ignore]  # Older mypy does not know that it can be set.


def _abandon(handle: Handle, name: str) -> None:
    if handle.close():
        warnings.warn(f"unclosed {name}", ResourceWarning, stacklevel=2)


class Owner:
    """An object that owns a handle: a context manager that closes it."""

    _handle: Handle

    def _own(self, pointer: Any, free: Callable[[Any], None]) -> None:
        name = type(self).__name__.lower()
        self._handle = Handle(pointer, free, name)
        finalize(self, self._handle, f"ocireg {name}")

    def _run(
        self,
        calling: Callable[..., T],
        function: Any,
        timeout: float | None,
        context: _call.Context | None,
        *arguments: Any,
    ) -> T:
        """Makes a call that can wait, of a function whose parameters begin with the handle and the context."""

        def call(c_context: Any) -> T:
            with self._handle as pointer:
                return calling(function, pointer, c_context, *arguments)

        return _call.run(call, timeout, context)

    def close(self) -> None:
        """Ends the use of this object. May be repeated; calls that run in other threads go on to their end."""
        self._handle.close()

    @property
    def closed(self) -> bool:
        """Whether :meth:`close` was called."""
        return self._handle.closed

    def __enter__(self: AnyOwner) -> AnyOwner:
        if self.closed:
            raise ValueError(f"the {type(self).__name__.lower()} is closed")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<ocireg.{type(self).__name__} {'closed' if self.closed else 'open'}>"
