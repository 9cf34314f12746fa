"""Blobs as files."""

from __future__ import annotations

import ctypes
import enum
import io
import sys
import warnings
from types import TracebackType
from typing import Any, Callable, TypeVar

from . import _call, _errors, _ffi, _handle, _values

T = TypeVar("T")

# What one read of readall() asks for.
_CHUNK = 1 << 20


class _State(enum.Enum):
    """How far a reader has come, and so what closing it means."""

    FRESH = enum.auto()
    READING = enum.auto()
    ENDED = enum.auto()
    FAILED = enum.auto()


class _Reader(io.RawIOBase):
    """The common parts of blobs and layers."""

    _what: str
    _unverified: str

    def __init__(self, pointer: Any, name: str, timeout: float | None, context: _call.Context | None) -> None:
        super().__init__()
        self._handle = _handle.Handle(pointer, _ffi.lib.ocireg_reader_free, self._what)
        _handle.finalize(self, self._handle, f"ocireg {self._what}")
        size = _ffi.lib.ocireg_reader_size(pointer)
        self._size = None if size < 0 else int(size)
        self._name = name
        self._timeout = timeout
        self._context = context
        self._closing = _call.Context()
        self._state = _State.FRESH

    @property
    def size(self) -> int | None:
        """Returns the size of the whole blob, if it is known."""
        return self._size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """Reads into a writable buffer; 0 is the end."""
        if self.closed:
            raise ValueError(f"the {self._what} is closed")
        with memoryview(buffer) as view:
            capacity = view.nbytes
        if capacity == 0:
            return 0
        # Locks the caller's buffer until C is done with it; not longer, whatever an exception keeps alive.
        locks = [ctypes.c_uint8.from_buffer(buffer)]
        memory = ctypes.cast(ctypes.addressof(locks[0]), ctypes.POINTER(ctypes.c_uint8))

        def read(context: Any) -> int:
            count = ctypes.c_size_t()
            try:
                with self._handle as reader:
                    _values.call(_ffi.lib.ocireg_reader_read, reader, context, memory, capacity, ctypes.byref(count))
            finally:
                locks.clear()
            self._state = _State.READING if count.value else _State.ENDED
            return count.value

        return self._run(read, self._timeout)

    def verify(self, *, timeout: float | None = None) -> None:
        """Reads the rest, for example after the end of a tar archive, and checks size and digest.

        Call it when you are done reading. If it raises an exception, discard what you have read. ``timeout`` is for the
        whole call; the default is the reader's timeout.
        """
        if self.closed:
            raise ValueError(f"the {self._what} is closed")

        def verify(context: Any) -> None:
            with self._handle as reader:
                _values.call(_ffi.lib.ocireg_reader_verify, reader, context)
            self._state = _State.ENDED

        self._run(verify, self._timeout if timeout is None else timeout)

    def _run(self, function: Callable[[Any], T], timeout: float | None) -> T:
        try:
            return _call.run(function, timeout, self._context, self._closing)
        except _errors.BusyError:
            raise  # It is another thread that reads.
        except BaseException:
            self._state = _State.FAILED  # Until a read succeeds again, after a deadline or a cancellation.
            raise

    def readall(self) -> bytes:
        """Reads to the end."""
        parts: list[bytes] = []
        while True:
            part = self.read(_CHUNK)
            if not part:
                return b"".join(parts)
            parts.append(part)

    def close(self) -> None:
        """Closes the reader, and cancels a read that another thread runs. You can call it again.

        Warns with a :class:`ResourceWarning` if something was read but not the end, so that nothing says that it is
        right; not after a read that failed, nor while an exception is on its way.
        """
        self._close(2)

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close(2)

    def _close(self, depth: int) -> None:
        """Closes; ``depth`` is how many calls away the caller is that a warning is for."""
        if self.closed:
            return
        super().close()
        self._closing.cancel()
        self._handle.close()
        if self._state is _State.READING and sys.exc_info()[1] is None and not sys.is_finalizing():
            warnings.warn(
                f"the {self._what} {self._name} was closed before its end was read, so {self._unverified}: "
                "call verify() when you are done reading",
                ResourceWarning,
                stacklevel=depth + 1,
            )

    def __del__(self) -> None:
        """Leaves closing to the finalizer, which warns; the base class would close silently."""

    def __repr__(self) -> str:
        return f"<ocireg.{type(self).__name__} {self._name} {'closed' if self.closed else 'open'}>"


class BlobReader(_Reader):
    """A blob of a repository as a raw binary file, made by :meth:`Session.open_blob`.

    The digest is checked at the end of the blob: read to the end, or call :meth:`verify`, before you trust the data.
    Both raise :class:`DigestMismatchError` or :class:`SizeMismatchError` if the blob is not what was asked for. From an
    offset on, only the size can be checked.

    A tar reader may stop before the end of the blob::

        with session.open_blob(digest) as blob:
            with tarfile.open(fileobj=blob, mode="r|*") as archive:
                archive.extractall(directory, filter="data")
            blob.verify()  # Raises if the blob was changed: then remove the directory.

    Read in pieces of 256 KiB or more, or through :class:`io.BufferedReader` with such a buffer. One thread at a time;
    ``close`` may come from any thread and ends a read.
    """

    _what = "blob"
    _unverified = "its content is not verified"

    @property
    def digest(self) -> str:
        """Returns the digest that was asked for."""
        return self._name


class LayerReader(_Reader):
    """A layer of protocol v1 as a raw binary file.

    The size is checked at the end, if it is known; nothing else is verified. If the connection breaks, reading resumes
    if the server supports ranges. One thread at a time; ``close`` may come from any thread and ends a read.
    """

    _what = "layer"
    _unverified = "its size is not verified"

    @property
    def image_id(self) -> str:
        """Returns the id of the image that the layer belongs to."""
        return self._name
