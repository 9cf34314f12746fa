"""Blobs that stay at the registry and are read in parts."""

from __future__ import annotations

import ctypes
import io
from typing import Any

from . import _call, _ffi, _handle, _values


class RemoteBlob(io.RawIOBase):
    """A blob as a file that can be read anywhere: for :mod:`tarfile`, :mod:`zipfile` and others that seek.

    Each read is a request; wrap it in :class:`io.BufferedReader` for many small reads. A part of a blob cannot be
    verified without ``chunks``, because the digest is that of the whole blob. :meth:`read_at` may be called from any
    number of threads at once; everything that moves the position belongs to one thread at a time.
    """

    def __init__(self, pointer: Any, name: str, timeout: float | None, context: _call.Context | None) -> None:
        super().__init__()
        self._handle = _handle.Handle(pointer, _ffi.lib.ocireg_blob_free, "blob")
        _handle.finalize(self, self._handle, "ocireg blob")
        self._name = name
        self._timeout = timeout
        self._context = context
        self._closing = _call.Context()
        self._position = 0

    @property
    def size(self) -> int:
        """The size of the blob. If it is not known yet, the registry is asked for it."""
        size = self._known_size()
        if size < 0:
            self.read_at(0, 1)  # The answer to any read tells it.
            size = self._known_size()
        if size < 0:
            raise OSError("the registry does not tell the size of the blob")
        return size

    def _known_size(self) -> int:
        with self._handle as blob:
            return int(_ffi.lib.ocireg_blob_size(blob))

    def read_at(self, offset: int, size: int, *, timeout: float | None = None) -> bytes:
        """Reads ``size`` bytes at an offset; fewer only at the end of the blob. The position stays where it is."""
        if size < 0:
            raise ValueError("size must be a non-negative number of bytes")
        buffer = bytearray(size)
        count = self._read_into(buffer, offset, self._timeout if timeout is None else timeout)
        return bytes(buffer[:count])

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Moves the position."""
        self._check_open()
        if whence == io.SEEK_CUR:
            offset += self._position
        elif whence == io.SEEK_END:
            offset += self.size
        elif whence != io.SEEK_SET:
            raise ValueError(f"whence must be SEEK_SET, SEEK_CUR or SEEK_END, not {whence}")
        if offset < 0:
            raise ValueError("the position must not be negative")
        self._position = offset
        return offset

    def tell(self) -> int:
        """The position."""
        self._check_open()
        return self._position

    def readinto(self, buffer: Any) -> int:
        """Reads into a writable buffer at the position; 0 is the end."""
        count = self._read_into(buffer, self._position, self._timeout)
        self._position += count
        return count

    def _read_into(self, buffer: Any, offset: int, timeout: float | None) -> int:
        self._check_open()
        if not 0 <= offset < 2**63:
            raise ValueError("offset must be a non-negative number of bytes")
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
                with self._handle as blob:
                    function = _ffi.lib.ocireg_blob_read_at
                    _values.call(function, blob, context, offset, memory, capacity, ctypes.byref(count))
            finally:
                locks.clear()
            return count.value

        return _call.run(read, timeout, self._context, self._closing)

    def _check_open(self) -> None:
        if self.closed:
            raise ValueError("the blob is closed")

    def close(self) -> None:
        """Ends reads that run. May be repeated."""
        if not self.closed:
            self._closing.cancel()
            self._handle.close()
        super().close()

    def __repr__(self) -> str:
        return f"<ocireg.RemoteBlob {self._name}{' closed' if self.closed else ''}>"
