"""ocireg for asyncio.

    import asyncio
    from ocireg import aio

    async def main() -> None:
        async with aio.Service() as service:
            report = await service.pull("alpine:3", "oci:alpine", timeout=600)
            print(report["reference"])

    asyncio.run(main())

The classes have the methods of those in :mod:`ocireg`; what can wait is a coroutine. Each call runs in a thread of its
own. Cancelling the task cancels the call, within a second: :func:`asyncio.timeout`, :func:`asyncio.wait_for` and task
groups work as they should. ``await`` returns only after the call has ended, so that nothing of it goes on.

Callbacks for progress, logs and credentials are called in the thread of the call, not in the event loop: use
:meth:`asyncio.loop.call_soon_threadsafe` in them. Protocol v1 is only in :mod:`ocireg`.
"""

from __future__ import annotations

from ._blobs import BlobReader, BlobWriter, RemoteBlob
from ._generated import Endpoint, Service, Session, layout_collect, layout_list, layout_remove, layout_verify

__all__ = [
    "BlobReader",
    "BlobWriter",
    "Endpoint",
    "RemoteBlob",
    "Service",
    "Session",
    "layout_collect",
    "layout_list",
    "layout_remove",
    "layout_verify",
]
