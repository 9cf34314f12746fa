"""The exit status of the program, by the code of the error that ended it."""

from __future__ import annotations

from typing import NamedTuple

from .. import _ffi

SUCCESS = 0
FAILURE = 1
USAGE = 2
FILES = 9
DEADLINE = 124
INTERRUPTED = 130
BROKEN_PIPE = 141
TERMINATED = 143


class Exit(NamedTuple):
    """An exit status, what it means, and the codes that lead to it."""

    status: int
    meaning: str
    codes: tuple[int, ...] = ()


EXITS = (
    Exit(SUCCESS, "The command did what it was asked to do."),
    Exit(FAILURE, "An internal error, or a code that this version does not know.", (_ffi.INTERNAL, _ffi.PANIC)),
    Exit(
        USAGE,
        "The command line, a name, an option or the configuration is not valid.",
        (
            _ffi.INVALID_ARGUMENT,
            _ffi.INVALID_UTF8,
            _ffi.INVALID_HANDLE,
            _ffi.INVALID_JSON,
            _ffi.INVALID_REFERENCE,
            _ffi.INVALID_DIGEST,
            _ffi.INVALID_CONFIG,
        ),
    ),
    Exit(3, "The image, tag, blob or platform does not exist.", (_ffi.NOT_FOUND, _ffi.NO_PLATFORM)),
    Exit(
        4,
        "Credentials are missing, not accepted, or not sufficient.",
        (_ffi.UNAUTHORIZED, _ffi.DENIED, _ffi.CREDENTIALS, _ffi.CREDENTIAL_HELPER),
    ),
    Exit(
        5,
        "The registry could not be reached, or the connection broke.",
        (_ffi.NAME_NOT_RESOLVED, _ffi.CONNECT, _ffi.TIMEOUT, _ffi.DISCONNECTED, _ffi.PROXY),
    ),
    Exit(
        6,
        "The server is not trusted, or a security rule forbids the address.",
        (_ffi.TLS, _ffi.CERTIFICATE, _ffi.POLICY),
    ),
    Exit(
        7,
        "The registry failed, refused the request, or does not support it.",
        (
            _ffi.UNSUPPORTED,
            _ffi.REDIRECT,
            _ffi.PROTOCOL,
            _ffi.ALREADY_EXISTS,
            _ffi.RATE_LIMITED,
            _ffi.SERVER,
            _ffi.REJECTED,
            _ffi.CONFLICT,
        ),
    ),
    Exit(
        8,
        "The content is not what its digest or manifest promises, or exceeds a limit.",
        (_ffi.DIGEST_MISMATCH, _ffi.SIZE_MISMATCH, _ffi.INVALID_MANIFEST, _ffi.LIMIT),
    ),
    Exit(
        FILES,
        "A local file or directory could not be used.",
        (_ffi.BUSY, _ffi.IO, _ffi.NO_SPACE, _ffi.PERMISSION, _ffi.SOURCE_CHANGED),
    ),
    Exit(DEADLINE, "The time given by `--timeout` has passed.", (_ffi.DEADLINE,)),
    Exit(INTERRUPTED, "Ctrl-C cancelled the command.", (_ffi.CANCELLED,)),
    Exit(BROKEN_PIPE, "The reader of the output closed it."),
    Exit(TERMINATED, "The signal `SIGTERM` cancelled the command."),
)

_BY_CODE = {code: each.status for each in EXITS for code in each.codes}


def status_of(code: int) -> int:
    """The exit status for an error code."""
    return _BY_CODE.get(code, FAILURE)
