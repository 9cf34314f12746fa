"""Handles of the library as Python objects."""

from __future__ import annotations

import warnings
import weakref
from types import TracebackType
from typing import Any, Callable


class Handle:
    """One C handle. ``with handle as pointer`` uses it; it is freed once it is closed and nobody uses it.

    Without a lock: signal handlers and finalizers run at any moment, a process may fork at any moment, and locks may be
    those of gevent or eventlet. Each step is one operation of a list; a user is counted before it looks whether the
    handle is closed.
    """

    def __init__(self, pointer: Any, free: Callable[[Any], None], name: str) -> None:
        self._pointer = pointer
        self._unfreed = [pointer]
        self._free = free
        self._name = name
        self._users: list[None] = []
        self.closed = False

    def __enter__(self) -> Any:
        self._users.append(None)
        if self.closed:
            self._leave()
            raise ValueError(f"the {self._name} is closed")
        return self._pointer

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave()

    def close(self) -> bool:
        """Closes the handle; tells whether it was open. Never waits for those who use it."""
        was_open = not self.closed
        self.closed = True
        self._free_if_done()
        return was_open

    def _leave(self) -> None:
        self._users.pop()
        self._free_if_done()

    def _free_if_done(self) -> None:
        if self.closed and not self._users:
            try:
                pointer = self._unfreed.pop()
            except IndexError:
                return  # Somebody else was faster.
            self._free(pointer)


def finalize(owner: object, handle: Handle, name: str) -> None:
    """Frees the handle when nobody has the owner any more, and says that somebody forgot to close it."""
    finalizer = weakref.finalize(owner, _abandon, handle, name)
    # The end of the process takes everything with it; there is nobody left to warn.
    finalizer.atexit = False  # type: ignore[misc, unused-ignore]  # Older mypy does not know that it can be set.


def _abandon(handle: Handle, name: str) -> None:
    if handle.close():
        warnings.warn(f"unclosed {name}", ResourceWarning, stacklevel=2)
