"""Exceptions: one class for each code that a program may want to handle."""

from __future__ import annotations

import ctypes
import json
from typing import Any, cast

from . import _ffi
from .documents import ErrorDocument


class OciregError(Exception):
    """A call of the library failed.

    ``document`` has everything that is known; the other attributes are its most used parts. ``str()`` is the message
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
    """An argument is not valid; the subclasses say what was expected."""


class InvalidJsonError(InvalidArgumentError):
    """An argument is not valid JSON, or has a key or a value that is not allowed."""


class InvalidReferenceError(InvalidArgumentError):
    """An image reference is not valid."""


class InvalidDigestError(InvalidArgumentError):
    """A digest is not valid."""


class InvalidConfigError(InvalidArgumentError):
    """The configuration of a service contains a value that is not valid."""


class UnsupportedError(OciregError):
    """The registry or this version of ocireg does not support this."""


class BusyError(OciregError):
    """Another thread is using the handle."""


class CancelledError(OciregError):
    """The call was cancelled."""


class TimedOutError(OciregError, TimeoutError):
    """A step of the call took too long; ``document["phase"]`` says which."""


class DeadlineError(TimedOutError):
    """The deadline of the whole call has passed."""


class NetworkError(OciregError, ConnectionError):
    """The registry could not be reached, or the connection broke."""


class NameNotResolvedError(NetworkError):
    """A host name could not be resolved to an address."""


class ConnectError(NetworkError):
    """The connection to the server failed."""


class TlsError(NetworkError):
    """The TLS handshake failed."""


class CertificateError(TlsError):
    """The server's certificate is not trusted."""


class DisconnectedError(NetworkError):
    """The connection ended too early."""


class ProxyError(NetworkError):
    """The proxy could not be used."""


class ProtocolError(OciregError):
    """The server sent an invalid response."""


class RedirectError(ProtocolError):
    """A redirect cannot be followed."""


class PolicyError(OciregError):
    """A security rule of ocireg forbids an address."""


class UnauthorizedError(OciregError, PermissionError):
    """The registry requires valid credentials."""


class DeniedError(OciregError, PermissionError):
    """The credentials do not allow this."""


class CredentialsError(OciregError):
    """The configured credentials cannot be read."""


class CredentialHelperError(CredentialsError):
    """A credential helper failed."""


class NotFoundError(OciregError, LookupError):
    """The requested object does not exist."""


class AlreadyExistsError(OciregError):
    """The object to be created already exists."""


class RateLimitedError(OciregError):
    """The registry has received too many requests; see ``retry_after``."""


class ServerError(OciregError):
    """The registry failed (5xx)."""


class RejectedError(OciregError):
    """The registry refused the request (another 4xx)."""


class ConflictError(OciregError):
    """Somebody else changed the content in the meantime."""


class ContentError(OciregError):
    """The registry sent content that is not as expected."""


class DigestMismatchError(ContentError):
    """The content does not have the expected digest."""


class SizeMismatchError(ContentError):
    """The content does not have the expected size."""


class InvalidManifestError(ContentError):
    """A manifest or image configuration is not valid."""


class LimitError(ContentError):
    """The content exceeds a limit of the service."""


class NoPlatformError(OciregError, LookupError):
    """The image is not available for the requested platform."""


class StorageError(OciregError, OSError):
    """A file could not be read or written."""


class NoSpaceError(StorageError):
    """The disk is full."""


class FileAccessError(StorageError, PermissionError):
    """A file may not be read or written."""


class SourceChangedError(StorageError):
    """A file changed while it was read."""


class InternalError(OciregError, RuntimeError):
    """Internal error; please report it."""


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
    _ffi.TIMEOUT: TimedOutError,
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
    _ffi.PERMISSION: FileAccessError,
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
