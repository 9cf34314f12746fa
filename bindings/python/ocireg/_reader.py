"""Blobs as files."""

from __future__ import annotations

import ctypes
import io
from typing import Any

from . import _call, _ffi, _handle, _values

# What one read of readall() asks for.
_CHUNK = 1 << 20


class _Reader(io.RawIOBase):
    """What blobs and layers have in common."""

    _what: str

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

    @property
    def size(self) -> int | None:
        """The size of the whole, if it is known."""
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
            return count.value

        return _call.run(read, self._timeout, self._context, self._closing)

    def readall(self) -> bytes:
        """Reads to the end."""
        parts: list[bytes] = []
        while True:
            part = self.read(_CHUNK)
            if not part:
                return b"".join(parts)
            parts.append(part)

    def close(self) -> None:
        """Ends a read that runs, and the connection if the end was not reached. May be repeated."""
        if not self.closed:
            super().close()
            self._closing.cancel()
            self._handle.close()

    def __del__(self) -> None:
        """Leaves the end to the finalizer, which warns; that of the base class would close silently."""

    def __repr__(self) -> str:
        return f"<ocireg.{type(self).__name__} {self._name} {'closed' if self.closed else 'open'}>"


class BlobReader(_Reader):
    """A blob of a repository as a raw binary file, made by :meth:`Session.open_blob`.

    The end is reported only after size and digest were found right; reading raises
    :class:`DigestMismatchError` or :class:`SizeMismatchError` otherwise, so content counts only once the end was read.
    Read in pieces of 256 KiB or more, or through :class:`io.BufferedReader` with such a buffer. One thread at a time;
    ``close`` may come from any thread and ends a read.
    """

    _what = "blob"

    @property
    def digest(self) -> str:
        """The digest that was asked for."""
        return self._name


class LayerReader(_Reader):
    """A layer of protocol v1 as a raw binary file.

    The end is reported only after the size was found right, where it is known; nothing else is verified. After a cut
    reading goes on if the server sends parts. One thread at a time; ``close`` may come from any thread and ends a read.
    """

    _what = "layer"

    @property
    def image_id(self) -> str:
        """The image whose layer it is."""
        return self._name
