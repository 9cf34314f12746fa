"""Blobs for asyncio."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import ocireg

from .. import _documented, _options
from ..documents import Descriptor
from ._bridge import Wrapper, run

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ..documents import CommitOptions

# What one step of an iteration reads.
_CHUNK = 1 << 20


class BlobReader(Wrapper):
    """A blob that is read, from :meth:`Session.open_blob`. ``async for`` yields it in pieces.

    The digest is checked at the end of the blob: read to the end, or call :meth:`verify`, before you trust the data.
    One task at a time.
    """

    _wrapped: ocireg.BlobReader

    def __init__(self, wrapped: ocireg.BlobReader) -> None:
        super().__init__(wrapped)

    @property
    def digest(self) -> str:
        """Returns the digest that was asked for."""
        return self._wrapped.digest

    @property
    def size(self) -> int | None:
        """Returns the size of the whole blob, if it is known."""
        return self._wrapped.size

    async def read(self, size: int = -1) -> bytes:
        """Reads at most ``size`` bytes, or to the end; ``b""`` is the end."""
        return await run(self._wrapped.read, size)

    async def verify(self, *, timeout: float | None = None) -> None:
        """Reads the rest and checks size and digest. If it raises an exception, discard what you have read."""
        await run(self._wrapped.verify, timeout=timeout)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while piece := await self.read(_CHUNK):
            yield piece


class BlobWriter(Wrapper):
    """A blob that is written to a repository, from :meth:`Session.put_blob`.

    The registry has the blob once :meth:`commit` has returned; without a commit it is discarded. One task at a time.
    """

    _wrapped: ocireg.BlobWriter

    def __init__(self, wrapped: ocireg.BlobWriter) -> None:
        super().__init__(wrapped)

    async def write(self, data: bytes) -> int:
        """Writes all of the bytes, or fails."""
        return await run(self._wrapped.write, data)

    @_documented.takes(_options.CommitOptions)
    async def commit(self, **options: Unpack[CommitOptions]) -> Descriptor:
        """Completes the blob and returns its descriptor."""
        return await run(self._wrapped.commit, **options)

    async def abort(self) -> None:
        """Cancels the upload; the registry discards what it has received."""
        await run(self._wrapped.abort)


class RemoteBlob(Wrapper):
    """A blob that stays at the registry and is read in parts, from :meth:`Session.remote_blob`, by any number of tasks.

    What is read can only be verified with the option ``chunks``.
    """

    _wrapped: ocireg.RemoteBlob

    def __init__(self, wrapped: ocireg.RemoteBlob) -> None:
        super().__init__(wrapped)

    async def size(self) -> int:
        """Returns the size of the blob. If it is not known yet, the registry is asked for it."""
        return await run(lambda: self._wrapped.size)

    async def read_at(self, offset: int, size: int, *, timeout: float | None = None) -> bytes:
        """Reads ``size`` bytes at an offset; fewer only at the end of the blob."""
        return await run(self._wrapped.read_at, offset, size, timeout=timeout)
