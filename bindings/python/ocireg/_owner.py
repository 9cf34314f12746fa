"""What services, endpoints and sessions have in common."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Callable, TypeVar

from . import _call
from ._handle import Handle, finalize

AnyOwner = TypeVar("AnyOwner", bound="Owner")
T = TypeVar("T")


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
        """Closes this object. You can call it again. Calls that run in other threads are not affected."""
        self._handle.close()

    @property
    def closed(self) -> bool:
        """Returns whether :meth:`close` was called."""
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
