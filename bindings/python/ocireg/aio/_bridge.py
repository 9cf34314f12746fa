"""One call in a thread of its own, which ends when its task is cancelled."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading
from types import TracebackType
from typing import Any, Callable, Protocol, TypeVar

from .. import _call

T = TypeVar("T")
Self = TypeVar("Self", bound="Wrapper")


class Closeable(Protocol):
    """What all objects of the library have."""

    def close(self) -> None: ...

    @property
    def closed(self) -> bool: ...


class Wrapper:
    """An object of the library for asyncio: a context manager that closes it."""

    def __init__(self, wrapped: Closeable) -> None:
        self._wrapped = wrapped

    def close(self) -> None:
        """Closes this object. You can call it again."""
        self._wrapped.close()

    @property
    def closed(self) -> bool:
        """Returns whether :meth:`close` was called."""
        return self._wrapped.closed

    async def __aenter__(self: Self) -> Self:
        if self.closed:
            raise ValueError(f"the {type(self).__name__} is closed")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return repr(self._wrapped).replace("ocireg.", "ocireg.aio.", 1)


async def run(function: Callable[..., T], *arguments: Any, **named: Any) -> T:
    """Makes a blocking call in a thread. Cancelling the task cancels the call and waits for its end."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[T] = loop.create_future()
    context = _call.Context()

    def post(set_outcome: Callable[[Any], None], outcome: Any) -> None:
        def deliver() -> None:
            if not ended.done():
                set_outcome(outcome)

        with contextlib.suppress(RuntimeError):  # The loop is closed: nobody waits any more.
            loop.call_soon_threadsafe(deliver)

    def work() -> None:
        _call.of_task.set(context)
        try:
            result = function(*arguments, **named)
        except BaseException as error:
            post(ended.set_exception, error)
        else:
            post(ended.set_result, result)

    threading.Thread(target=contextvars.copy_context().run, args=(work,), name="ocireg", daemon=True).start()
    try:
        return await asyncio.shield(ended)
    except asyncio.CancelledError:
        context.cancel()
        await _end_of(ended)
        raise


async def _end_of(ended: asyncio.Future[T]) -> None:
    """Waits for a cancelled call, however often its task is cancelled; what it opened nevertheless is closed."""
    while not ended.done():
        # The first cancellation is on its way already. An error of the call changes nothing.
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await asyncio.shield(ended)
    if ended.cancelled() or ended.exception() is not None:
        return
    close = getattr(ended.result(), "close", None)
    if close is not None:
        close()
