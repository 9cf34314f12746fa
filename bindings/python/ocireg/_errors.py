"""Why a call failed, as exceptions: one class for each code that a program may want to tell apart."""

from __future__ import annotations

import builtins
import ctypes
import json
from typing import Any, cast

from . import _ffi
from .documents import ErrorDocument


class OciregError(Exception):
    """A call of the library failed.

    ``document`` holds everything that is known; the other attributes are its most used parts. ``str()`` is the message
    with the hint.
    """

    code: int
    """The number of the failure, as in the C header (``OCIREG_…``)."""
    name: str
    """The name of the code, such as ``"NOT_FOUND"``."""
    message: str
    """One line: what could not be done and its causes."""
    http_status: int | None
    """The HTTP status that caused the failure, if one did."""
    retryable: bool
    """Whether the same call may succeed when it is made again."""
    retry_after: float | None
    """How many seconds the registry asked to wait before asking again, if it did."""
    hint: str | None
    """What to try."""
    document: ErrorDocument

    def __init__(self, document: ErrorDocument) -> None:
        super().__init__(document["message"])
        self.document = document
        self.code = document["code"]
        self.name = document["name"]
        self.message = document["message"]
        self.http_status = document.get("http_status")
        self.retryable = document.get("retryable", False)
        after = document.get("retry_after_ms")
        self.retry_after = None if after is None else after / 1000
        self.hint = document.get("hint")

    def __str__(self) -> str:
        return self.message if self.hint is None else f"{self.message} ({self.hint})"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.document,)


class InvalidArgumentError(OciregError, ValueError):
    """An argument cannot be used; the kinds below say what it should have been."""


class InvalidJsonError(InvalidArgumentError):
    """A document is not JSON, or has a key or a value that it may not have."""


class InvalidReferenceError(InvalidArgumentError):
    """A text is no image reference."""


class InvalidDigestError(InvalidArgumentError):
    """A text is no digest."""


class InvalidConfigError(InvalidArgumentError):
    """The configuration of a service holds something that cannot be used."""


class UnsupportedError(OciregError):
    """The registry or the library lacks what was asked for."""


class BusyError(OciregError):
    """A handle for one thread at a time was used by a second one."""


class CancelledError(OciregError):
    """The call was cancelled."""


class TimeoutError(OciregError, builtins.TimeoutError):
    """A step of the call took too long; ``document["phase"]`` says which."""


class DeadlineError(TimeoutError):
    """The time that was given to the whole call is over."""


class ConnectionError(OciregError, builtins.ConnectionError):
    """The registry could not be reached, or the connection broke."""


class NameNotResolvedError(ConnectionError):
    """A host name has no address."""


class ConnectError(ConnectionError):
    """No connection could be made."""


class TlsError(ConnectionError):
    """The TLS handshake failed."""


class CertificateError(TlsError):
    """The other side's certificate is not trusted."""


class DisconnectedError(ConnectionError):
    """The connection ended too early."""


class ProxyError(ConnectionError):
    """The proxy could not be used."""


class ProtocolError(OciregError):
    """An answer makes no sense."""


class RedirectError(ProtocolError):
    """A redirect cannot be followed."""


class PolicyError(OciregError):
    """A rule of the library refused an address."""


class UnauthorizedError(OciregError, builtins.PermissionError):
    """The registry wants other credentials."""


class DeniedError(OciregError, builtins.PermissionError):
    """The credentials do not allow this."""


class CredentialsError(OciregError):
    """The configured credentials cannot be read."""


class CredentialHelperError(CredentialsError):
    """A credential helper failed."""


class NotFoundError(OciregError, LookupError):
    """The requested object does not exist."""


class AlreadyExistsError(OciregError):
    """What should be made exists."""


class RateLimitedError(OciregError):
    """The registry allows no more requests for now; see ``retry_after``."""


class ServerError(OciregError):
    """The registry failed (5xx)."""


class RejectedError(OciregError):
    """The registry refused the request (another 4xx)."""


class ConflictError(OciregError):
    """Somebody else changed it meanwhile."""


class ContentError(OciregError):
    """What the registry sent is not what it should be."""


class DigestMismatchError(ContentError):
    """The content has another digest."""


class SizeMismatchError(ContentError):
    """The content has another size."""


class InvalidManifestError(ContentError):
    """A manifest cannot be used."""


class LimitError(ContentError):
    """The content goes beyond a limit of the service."""


class NoPlatformError(OciregError, LookupError):
    """The image does not exist for the platform."""


class StorageError(OciregError, OSError):
    """A file could not be read or written."""


class NoSpaceError(StorageError):
    """The disk is full."""


class PermissionError(StorageError, builtins.PermissionError):
    """A file may not be read or written."""


class SourceChangedError(StorageError):
    """A file changed while it was read."""


class InternalError(OciregError, RuntimeError):
    """The library failed; please report it."""


CLASSES: dict[int, type[OciregError]] = {
    _ffi.INVALID_ARGUMENT: InvalidArgumentError,
    _ffi.INVALID_UTF8: InvalidArgumentError,
    _ffi.INVALID_HANDLE: InvalidArgumentError,
    _ffi.INVALID_JSON: InvalidJsonError,
    _ffi.INVALID_REFERENCE: InvalidReferenceError,
    _ffi.INVALID_DIGEST: InvalidDigestError,
    _ffi.INVALID_CONFIG: InvalidConfigError,
    _ffi.UNSUPPORTED: UnsupportedError,
    _ffi.BUSY: BusyError,
    _ffi.CANCELLED: CancelledError,
    _ffi.DEADLINE: DeadlineError,
    _ffi.NAME_NOT_RESOLVED: NameNotResolvedError,
    _ffi.CONNECT: ConnectError,
    _ffi.TLS: TlsError,
    _ffi.CERTIFICATE: CertificateError,
    _ffi.TIMEOUT: TimeoutError,
    _ffi.DISCONNECTED: DisconnectedError,
    _ffi.PROXY: ProxyError,
    _ffi.REDIRECT: RedirectError,
    _ffi.PROTOCOL: ProtocolError,
    _ffi.POLICY: PolicyError,
    _ffi.UNAUTHORIZED: UnauthorizedError,
    _ffi.DENIED: DeniedError,
    _ffi.CREDENTIALS: CredentialsError,
    _ffi.CREDENTIAL_HELPER: CredentialHelperError,
    _ffi.NOT_FOUND: NotFoundError,
    _ffi.ALREADY_EXISTS: AlreadyExistsError,
    _ffi.RATE_LIMITED: RateLimitedError,
    _ffi.SERVER: ServerError,
    _ffi.REJECTED: RejectedError,
    _ffi.CONFLICT: ConflictError,
    _ffi.DIGEST_MISMATCH: DigestMismatchError,
    _ffi.SIZE_MISMATCH: SizeMismatchError,
    _ffi.INVALID_MANIFEST: InvalidManifestError,
    _ffi.LIMIT: LimitError,
    _ffi.NO_PLATFORM: NoPlatformError,
    _ffi.IO: StorageError,
    _ffi.NO_SPACE: NoSpaceError,
    _ffi.PERMISSION: PermissionError,
    _ffi.SOURCE_CHANGED: SourceChangedError,
    _ffi.INTERNAL: InternalError,
    _ffi.PANIC: InternalError,
}


def from_document(document: ErrorDocument) -> OciregError:
    """The exception for an error document; a code of a newer library is a plain OciregError."""
    return CLASSES.get(document["code"], OciregError)(document)


def invalid_argument(name: str, message: str) -> InvalidArgumentError:
    """The exception for an argument that never reaches the library."""
    return InvalidArgumentError(
        {
            "code": _ffi.INVALID_ARGUMENT,
            "name": "INVALID_ARGUMENT",
            "message": message,
            "argument": name,
            "retryable": False,
        }
    )


def cancelled(why: str) -> CancelledError:
    """The exception for a call that does not begin any more."""
    return CancelledError(
        {
            "code": _ffi.CANCELLED,
            "name": "CANCELLED",
            "message": f"the call was cancelled: {why}",
            "cancelled_by": "interpreter",
            "retryable": False,
        }
    )


def take(code: int, error: Any) -> OciregError:
    """The exception for a failed call; frees the error."""
    try:
        text = _ffi.lib.ocireg_error_json(error).decode("utf-8", "replace")
    finally:
        _ffi.lib.ocireg_error_free(error)
    document = json.loads(text)
    if "code" not in document:
        name = _ffi.lib.ocireg_code_name(code).decode("ascii")
        document = {"code": code, "name": name[len("OCIREG_") :], "message": name, "retryable": False}
    return from_document(cast(ErrorDocument, document))


def new_error() -> Any:
    """A place for the error of one call."""
    return ctypes.POINTER(_ffi.ocireg_error)()
