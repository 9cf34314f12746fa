"""Values on their way to C and back."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import pathlib
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol, cast

from . import _errors, _ffi


class HasFileno(Protocol):
    """A file, socket or anything else that has a file descriptor."""

    def fileno(self) -> int: ...


class Writable(Protocol):
    """Anything that bytes can be written to."""

    def write(self, data: bytes, /) -> Any: ...


def text(name: str, value: str | None) -> bytes | None:
    """Text for C; None is NULL.

    Bytes that the system gave us and that are not UTF-8 pass as they are: the library then says what is wrong.
    """
    if value is None:
        return None
    if not isinstance(value, str):
        raise TypeError(f"{name} must be str, not {type(value).__name__}")
    return _terminated(name, value.encode("utf-8", "surrogateescape"))


def path(name: str, value: str | os.PathLike[str]) -> bytes:
    """A path for C."""
    return _terminated(name, os.fsencode(value))


def document(name: str, value: Any) -> bytes | None:
    """A document for C: JSON text as it is, anything else as JSON; None is NULL."""
    if value is None or isinstance(value, str):
        return text(name, value)
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode("ascii")


def listed(name: str, values: Iterable[Any] | str) -> bytes | None:
    """A list for C, of anything that can be gone through once."""
    return document(name, values if isinstance(values, str) else list(values))


def options(values: Mapping[str, Any]) -> bytes | None:
    """Options of a call for C; None among them is as if it were not given."""
    return document("options_json", {name: value for name, value in values.items() if value is not None})


def _terminated(name: str, data: bytes) -> bytes:
    # C would take the part before the NUL and ignore the rest.
    if b"\0" in data:
        raise _errors.invalid_argument(name, f"{name} contains a NUL character, which a C string cannot hold")
    return data


def int32(name: str, value: int) -> int:
    """A number as the library takes it; ctypes would cut off what is too large."""
    return _integer(name, value, 32)


def int64(name: str, value: int) -> int:
    """As :func:`int32`, for larger numbers."""
    return _integer(name, value, 64)


def descriptor(value: int | HasFileno) -> int:
    """A file descriptor, or that of an object with ``fileno()``."""
    return int32("fd", value if isinstance(value, int) else value.fileno())


@contextlib.contextmanager
def written(to: int | HasFileno | str | os.PathLike[str] | Writable) -> Iterator[int]:
    """A file descriptor whose content goes to a descriptor, a file of this path, or an object with ``write()``."""
    if isinstance(to, (str, os.PathLike)):
        with pathlib.Path(to).open("wb", buffering=0) as file:
            yield file.fileno()
        return
    if isinstance(to, int):
        yield int32("fd", to)
        return
    try:
        fd = to.fileno()  # type: ignore[union-attr]
    except (AttributeError, OSError):
        pass
    else:
        if flush := getattr(to, "flush", None):
            flush()
        yield int32("fd", fd)
        return
    with _Copying(cast("Writable", to)) as copying:
        yield copying.fd


class _Copying:
    """A pipe, of which a thread copies all that comes to an object."""

    def __init__(self, to: Writable) -> None:
        self._to = to
        self._failure: BaseException | None = None
        self._reader, self.fd = os.pipe()
        self._thread = threading.Thread(target=self._copy, name="ocireg-export", daemon=True)
        self._thread.start()

    def _copy(self) -> None:
        try:
            with os.fdopen(self._reader, "rb", buffering=0) as reader:
                while piece := reader.read(1 << 16):
                    self._to.write(piece)
        except BaseException as failure:
            self._failure = failure

    def __enter__(self) -> _Copying:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.fd)
        self._thread.join()
        # What the library says of it is only that the other end was closed.
        if self._failure is not None:
            raise self._failure


def _integer(name: str, value: int, bits: int) -> int:
    if not isinstance(value, int):
        raise TypeError(f"{name} must be int, not {type(value).__name__}")
    if not -(2 ** (bits - 1)) <= value < 2 ** (bits - 1):
        raise _errors.invalid_argument(name, f"{name} is out of range")
    return value


def lent(name: str, content: bytes) -> tuple[Any, int]:
    """Bytes as the library takes them: a pointer, which keeps them alive, and their number."""
    if not isinstance(content, bytes):
        raise TypeError(f"{name} must be bytes, not {type(content).__name__}")
    return ctypes.cast(ctypes.c_char_p(content), ctypes.POINTER(ctypes.c_uint8)), len(content)


def headers(values: Mapping[str, str | Sequence[str]] | str | None) -> bytes | None:
    """Headers for C, where each has a list of values; a text is one value, not a list of its characters."""
    if values is None or isinstance(values, str):
        return text("headers_json", values)
    plain = {name: [value] if isinstance(value, str) else list(value) for name, value in values.items()}
    return document("headers_json", plain)


def call(function: Any, *arguments: Any) -> None:
    """Calls a function of the library; raises what it reports in its last parameter."""
    error = _errors.new_error()
    code = function(*arguments, ctypes.byref(error))
    if code != _ffi.OK:
        raise _errors.take(code, error)


def call_for_text(function: Any, *arguments: Any) -> str:
    """As :func:`call`, for a function that makes text."""
    out = ctypes.c_void_p()
    call(function, *arguments, ctypes.byref(out))
    return take_text(out)


def call_for_json(function: Any, *arguments: Any) -> Any:
    """As :func:`call`, for a function that makes a document."""
    out = ctypes.c_void_p()
    call(function, *arguments, ctypes.byref(out))
    return take_json(out)


def call_for_bool(function: Any, *arguments: Any) -> bool:
    """As :func:`call`, for a function that answers yes or no."""
    out = ctypes.c_int32()
    call(function, *arguments, ctypes.byref(out))
    return out.value != 0


def call_for_handle(function: Any, kind: type[ctypes.Structure], *arguments: Any) -> Any:
    """As :func:`call`, for a function that makes a handle."""
    out = ctypes.POINTER(kind)()
    call(function, *arguments, ctypes.byref(out))
    return out


def take_text(out: ctypes.c_void_p) -> str:
    """Copies text of the library and frees it."""
    try:
        return ctypes.string_at(out).decode("utf-8") if out else ""
    finally:
        _ffi.lib.ocireg_string_free(out)


def take_json(out: ctypes.c_void_p) -> Any:
    """Reads a document of the library and frees it."""
    return json.loads(take_text(out))


def take_bytes(out: Any, size: int) -> bytes:
    """Copies bytes of the library and frees them."""
    try:
        return ctypes.string_at(out, size) if out else b""
    finally:
        _ffi.lib.ocireg_bytes_free(out)
