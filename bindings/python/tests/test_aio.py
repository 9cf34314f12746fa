"""The package for asyncio: the same calls, and cancellation."""

from __future__ import annotations

import asyncio
import inspect
import os
import threading
import time
from collections.abc import Awaitable, Coroutine
from pathlib import Path
from typing import Any, Callable, TypeVar

import pytest

import ocireg
from ocireg import aio

from . import generate_aio
from .conftest import ALONE, Image
from .registry import Registry, sha256

T = TypeVar("T")


def play(scene: Callable[[aio.Service], Coroutine[Any, Any, T]]) -> T:
    """Runs a scene with a service; at its end no thread of a call is left."""

    async def main() -> T:
        async with aio.Service(ALONE) as service:
            return await scene(service)

    result = asyncio.run(main())
    for thread in threading.enumerate():
        if thread.name == "ocireg":
            thread.join(5)
            assert not thread.is_alive()
    return result


def test_the_classes_are_generated_from_the_blocking_ones() -> None:
    text = generate_aio.generate()
    if "OCIREG_UPDATE" in os.environ:
        generate_aio.TARGET.write_text(text)
    assert text == generate_aio.TARGET.read_text(), "OCIREG_UPDATE=1 pytest tests/test_aio.py writes it anew"


def test_every_call_is_there() -> None:
    for name in ("Service", "Session", "Endpoint", "BlobReader", "BlobWriter", "RemoteBlob"):
        blocking, own = getattr(ocireg, name), getattr(aio, name)
        for method, value in inspect.getmembers(blocking, inspect.isfunction):
            if method.startswith("_") or method in generate_aio.LEFT_OUT or not value.__module__.startswith("ocireg"):
                continue
            if method in {"readable", "seekable", "writable", "readinto", "readall", "seek", "tell"}:
                continue  # Of io.RawIOBase.
            assert hasattr(own, method), f"{name}.{method}"
            if "timeout" in inspect.signature(value).parameters and method not in generate_aio.IMMEDIATE:
                assert inspect.iscoroutinefunction(getattr(own, method)), f"{name}.{method}"


def test_pull_push_and_tags(image: Image, registry: Registry, layout: Path) -> None:
    async def scene(service: aio.Service) -> None:
        report = await service.pull(image.reference, f"oci:{layout}:a", platform="linux/amd64")
        assert report["platform"] == "linux/amd64"
        await service.push(f"oci:{layout}:a", f"{registry.host}/team/app:pushed")
        (listed,) = await aio.layout_list(f"oci:{layout}")
        assert listed["name"] == "a"
        async with await service.open_session(image.reference) as session:
            assert [tag async for tag in session.tags(page=1)] == sorted(registry.tags)
            assert "pushed" in (await session.list_tags())["tags"]
            manifest = await session.get_manifest()
            assert sha256(manifest.data) == manifest.descriptor["digest"]
            async with session.repository("team/other") as other:
                assert other.info()["repository"] == "team/other"

    play(scene)


def test_blobs(image: Image, registry: Registry) -> None:
    async def scene(service: aio.Service) -> None:
        async with await service.open_session(image.reference, actions=["pull", "push"]) as session:
            async with await session.open_blob(image.digests[1]) as blob:
                assert blob.size == len(image.layers[1])
                assert b"".join([piece async for piece in blob]) == image.layers[1]
            async with await session.open_blob(image.digests[0]) as blob:
                assert await blob.read(10) == image.layers[0][:10]
                await blob.verify()
            async with session.remote_blob(image.digests[0]) as remote:
                parts = await asyncio.gather(*(remote.read_at(start, 100) for start in range(0, 1000, 100)))
                assert b"".join(parts) == image.layers[0][:1000]
                assert await remote.size() == len(image.layers[0])
            async with await session.put_blob() as upload:
                await upload.write(b"content")
                assert (await upload.commit())["digest"] == sha256(b"content")
            assert registry.blobs[sha256(b"content")] == b"content"

    play(scene)


async def stalled(registry: Registry) -> None:
    while not registry.stalling.is_set():
        await asyncio.sleep(0.01)


async def cancelled_in_time(task: asyncio.Task[Any], registry: Registry) -> None:
    """Cancels a task that waits for a registry; it ends within a second, and its call with it."""
    await stalled(registry)
    begun = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - begun < 3
    assert not [thread for thread in threading.enumerate() if thread.name == "ocireg" and in_call(thread)]


def in_call(thread: threading.Thread) -> bool:
    return any(call for call in ocireg._call._running) and thread.is_alive()


def test_cancelling_a_task_cancels_its_call(image: Image, registry: Registry, layout: Path) -> None:
    registry.stalls[image.digests[1]] = 65536

    async def scene(service: aio.Service) -> None:
        task = asyncio.create_task(service.pull(image.reference, f"oci:{layout}", platform="linux/amd64"))
        await cancelled_in_time(task, registry)
        # The service is as good as before.
        assert (await service.inspect(image.reference))["kind"] == "index"

    play(scene)
    assert not (layout / "index.json").exists() or "app" not in (layout / "index.json").read_text()


def test_cancelling_once_more_changes_nothing(image: Image, registry: Registry, layout: Path) -> None:
    registry.stalls[image.digests[1]] = 65536

    async def scene(service: aio.Service) -> None:
        task = asyncio.create_task(service.pull(image.reference, f"oci:{layout}", platform="linux/amd64"))
        await stalled(registry)
        for _ in range(3):
            task.cancel()
            await asyncio.sleep(0)
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not ocireg._call._running

    play(scene)


def test_a_read_is_cancelled_and_goes_on(image: Image, registry: Registry) -> None:
    registry.stalls[image.digests[1]] = 65536

    async def scene(service: aio.Service) -> None:
        session = await service.open_session(image.reference)
        async with session, await session.open_blob(image.digests[1]) as blob:
            await cancelled_in_time(asyncio.create_task(blob.read()), registry)

    play(scene)


def test_wait_for_is_a_deadline(image: Image, registry: Registry, layout: Path) -> None:
    registry.stalls[image.digests[1]] = 65536

    async def scene(service: aio.Service) -> None:
        pull: Awaitable[Any] = service.pull(image.reference, f"oci:{layout}", platform="linux/amd64")
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(pull, 0.5)
        with pytest.raises(ocireg.DeadlineError):
            await service.pull(image.reference, f"oci:{layout}", platform="linux/amd64", timeout=0.5)
        with pytest.raises(ocireg.CancelledError):
            context = ocireg.Context()
            asyncio.get_running_loop().call_later(0.2, context.cancel)
            await service.pull(image.reference, f"oci:{layout}", platform="linux/amd64", context=context)

    play(scene)


def test_many_calls_run_at_once(image: Image) -> None:
    async def scene(service: aio.Service) -> None:
        found = await asyncio.gather(*(service.inspect(image.reference) for _ in range(50)))
        assert len({each["descriptor"]["digest"] for each in found}) == 1

    play(scene)


def test_errors_come_through(registry: Registry) -> None:
    async def scene(service: aio.Service) -> None:
        with pytest.raises(ocireg.NotFoundError):
            await service.inspect(f"{registry.host}/team/app:none")

    play(scene)


def test_a_callback_stops_a_call(image: Image, layout: Path) -> None:
    class Stop(Exception):
        pass

    def progress(*_: object) -> None:
        raise Stop

    async def scene(service: aio.Service) -> None:
        with pytest.raises(Stop):
            await service.pull(image.reference, f"oci:{layout}", context=ocireg.Context(progress=progress))

    play(scene)
