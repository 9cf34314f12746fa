"""Blobs that are written to a registry."""

from __future__ import annotations

import ctypes
import io
from typing import TYPE_CHECKING, Any, cast

from . import _call, _documented, _ffi, _handle, _options, _values
from .documents import Descriptor, LayerChecksums

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from .documents import CommitOptions


class _Writer(io.RawIOBase):
    """The common parts of blobs and layers."""

    def __init__(self, pointer: Any, timeout: float | None, context: _call.Context | None) -> None:
        super().__init__()
        self._handle = _handle.Handle(pointer, _ffi.lib.ocireg_writer_free, "upload")
        _handle.finalize(self, self._handle, "ocireg upload")
        self._timeout = timeout
        self._context = context
        self._closing = _call.Context()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        """Writes all of the bytes, or fails."""
        if self.closed:
            raise ValueError("the upload is closed")
        with memoryview(data) as view:
            content = data if isinstance(data, bytes) else view.tobytes()
        memory = ctypes.cast(ctypes.c_char_p(content), ctypes.POINTER(ctypes.c_uint8))

        def write(context: Any) -> None:
            with self._handle as writer:
                _values.call(_ffi.lib.ocireg_writer_write, writer, context, memory, len(content))

        self._run(write)
        return len(content)

    def _commit(self, options: Any) -> Any:
        details = _values.options(options)

        def commit(context: Any) -> Any:
            with self._handle as writer:
                return _values.call_for_json(_ffi.lib.ocireg_writer_commit, writer, context, details)

        return self._run(commit)

    def abort(self) -> None:
        """Cancels the upload; the registry discards what it has received."""

        def abort(context: Any) -> None:
            with self._handle as writer:
                _values.call(_ffi.lib.ocireg_writer_abort, writer, context)

        self._run(abort)

    def _run(self, function: Any) -> Any:
        return _call.run(function, self._timeout, self._context, self._closing)

    def close(self) -> None:
        """Closes the writer, cancels a call that another thread runs, and discards what was not committed."""
        if not self.closed:
            super().close()
            self._closing.cancel()
            self._handle.close()

    def __del__(self) -> None:
        """Leaves closing to the finalizer, which warns; the base class would close silently."""

    def __repr__(self) -> str:
        return f"<ocireg.{type(self).__name__} {'closed' if self.closed else 'open'}>"


class BlobWriter(_Writer):
    """A blob that is written to a repository, from :meth:`Session.put_blob`, as a raw binary file.

    The registry has the blob once :meth:`commit` has returned; without a commit it is discarded. Errors are sticky. One
    thread at a time; ``close`` may come from any thread and ends a call.
    """

    @_documented.takes(_options.CommitOptions)
    def commit(self, **options: Unpack[CommitOptions]) -> Descriptor:
        """Completes the blob and returns its descriptor."""
        return cast(Descriptor, self._commit(options))


class LayerWriter(_Writer):
    """A layer of protocol v1, a plain tar archive, as a raw binary file.

    It is kept in a temporary file until :meth:`commit` sends it; you can commit again after a failure. Without a commit
    it is discarded. One thread at a time; ``close`` may come from any thread and ends a call.
    """

    def commit(self, *, size: int | None = None) -> LayerChecksums:
        """Sends the layer, which must have ``size`` bytes if that is given, and returns its checksums."""
        return cast(LayerChecksums, self._commit({"size": size}))
