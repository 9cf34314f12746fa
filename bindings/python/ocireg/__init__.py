"""A container registry client: the ocireg library for Python.

    import ocireg

    with ocireg.Service() as service:
        report = service.pull("alpine:3", "oci:alpine")
        print(report["reference"])

Every call that can wait takes ``timeout=`` (seconds) and ``context=`` (a :class:`Context`: cancellation, a common
deadline, progress), lets Ctrl-C through, and raises an :class:`OciregError`. Objects are context managers.
"""

from __future__ import annotations

import warnings as _warnings

from . import documents
from ._call import Context, ProgressCallback
from ._credentials import CredentialRequest, CredentialsCallback
from ._endpoint import Endpoint
from ._errors import (
    AlreadyExistsError,
    BusyError,
    CancelledError,
    CertificateError,
    ConflictError,
    ConnectError,
    ContentError,
    CredentialHelperError,
    CredentialsError,
    DeadlineError,
    DeniedError,
    DigestMismatchError,
    DisconnectedError,
    FileAccessError,
    InternalError,
    InvalidArgumentError,
    InvalidConfigError,
    InvalidDigestError,
    InvalidJsonError,
    InvalidManifestError,
    InvalidReferenceError,
    LimitError,
    NameNotResolvedError,
    NetworkError,
    NoPlatformError,
    NoSpaceError,
    NotFoundError,
    OciregError,
    PolicyError,
    ProtocolError,
    ProxyError,
    RateLimitedError,
    RedirectError,
    RejectedError,
    ServerError,
    SizeMismatchError,
    SourceChangedError,
    StorageError,
    TimedOutError,
    TlsError,
    UnauthorizedError,
    UnsupportedError,
)
from ._ffi import (
    AUTH_CLIENT_ID,
    DEFAULT_NAMESPACE,
    DEFAULT_REGISTRY_VERSION_HEADER,
    DEFAULT_SEARCH_LIMIT,
    DEFAULT_V2_REGISTRY,
    INDEX_HOSTNAME,
    INDEX_NAME,
    INDEX_SERVER,
)
from ._layouts import layout_collect, layout_list, layout_remove, layout_verify
from ._log import TRACE, LogCallback
from ._names import (
    auth_config_key,
    certs_dir,
    code_text,
    convert_to_hostname,
    library_info,
    library_version,
    parse_challenges,
    parse_reference,
    parse_repository_info,
    parse_search_index_info,
    read_certs_directory,
    resolve_auth_config,
    validate_index_name,
    validate_mirror,
)
from ._reader import BlobReader, LayerReader
from ._remote import RemoteBlob
from ._service import Service
from ._session import Manifest, Session
from ._v1 import V1Endpoint, V1Image, V1Session
from ._writer import BlobWriter, LayerWriter

__version__ = "0.2.0"

__all__ = [
    "AUTH_CLIENT_ID",
    "DEFAULT_NAMESPACE",
    "DEFAULT_REGISTRY_VERSION_HEADER",
    "DEFAULT_SEARCH_LIMIT",
    "DEFAULT_V2_REGISTRY",
    "INDEX_HOSTNAME",
    "INDEX_NAME",
    "INDEX_SERVER",
    "TRACE",
    "AlreadyExistsError",
    "BlobReader",
    "BlobWriter",
    "BusyError",
    "CancelledError",
    "CertificateError",
    "ConflictError",
    "ConnectError",
    "ContentError",
    "Context",
    "CredentialHelperError",
    "CredentialRequest",
    "CredentialsCallback",
    "CredentialsError",
    "DeadlineError",
    "DeniedError",
    "DigestMismatchError",
    "DisconnectedError",
    "Endpoint",
    "FileAccessError",
    "InternalError",
    "InvalidArgumentError",
    "InvalidConfigError",
    "InvalidDigestError",
    "InvalidJsonError",
    "InvalidManifestError",
    "InvalidReferenceError",
    "LayerReader",
    "LayerWriter",
    "LimitError",
    "LogCallback",
    "Manifest",
    "NameNotResolvedError",
    "NetworkError",
    "NoPlatformError",
    "NoSpaceError",
    "NotFoundError",
    "OciregError",
    "PolicyError",
    "ProgressCallback",
    "ProtocolError",
    "ProxyError",
    "RateLimitedError",
    "RedirectError",
    "RejectedError",
    "RemoteBlob",
    "ServerError",
    "Service",
    "Session",
    "SizeMismatchError",
    "SourceChangedError",
    "StorageError",
    "TimedOutError",
    "TlsError",
    "UnauthorizedError",
    "UnsupportedError",
    "V1Endpoint",
    "V1Image",
    "V1Session",
    "__version__",
    "auth_config_key",
    "certs_dir",
    "code_text",
    "convert_to_hostname",
    "documents",
    "layout_collect",
    "layout_list",
    "layout_remove",
    "layout_verify",
    "library_info",
    "library_version",
    "parse_challenges",
    "parse_reference",
    "parse_repository_info",
    "parse_search_index_info",
    "read_certs_directory",
    "resolve_auth_config",
    "validate_index_name",
    "validate_mirror",
]


# Names of before, which shadowed built-in exceptions.
_RENAMED = {
    "ConnectionError": NetworkError,
    "PermissionError": FileAccessError,
    "TimeoutError": TimedOutError,
}


def __getattr__(name: str) -> type[OciregError]:
    renamed = _RENAMED.get(name)
    if renamed is None:
        raise AttributeError(f"module 'ocireg' has no attribute {name!r}")
    _warnings.warn(
        f"ocireg.{name} is now called ocireg.{renamed.__name__}, because the old name shadowed a built-in exception",
        DeprecationWarning,
        stacklevel=2,
    )
    return renamed
