"""The types of arguments and results.

Every key of an input is optional. Outputs may gain keys in newer libraries; keys that do not apply are absent.
"""

from __future__ import annotations

from typing import Any, TypedDict

from ._auth import AuthConfig as AuthConfig
from ._options import *  # noqa: F403 - the types of all options

# Names.


class Reference(TypedDict):
    """A parsed image reference. ``tag`` and ``digest`` are ``""`` if it has none."""

    canonical: str
    familiar: str
    familiar_name: str
    name: str
    domain: str
    path: str
    tag: str
    digest: str
    with_default_tag: str


class _IndexName(TypedDict):
    Name: str


class IndexInfo(_IndexName, total=False):
    """A registry, as far as its name says. As an argument it only needs ``Name``.

    A result has all keys. If ``Secure`` is absent it is false: certificates are not verified, and http is tried after
    https.
    """

    Mirrors: list[str]
    Secure: bool
    Official: bool


class RepositoryInfo(TypedDict):
    """A repository and its registry."""

    Name: str
    Index: IndexInfo
    Official: bool
    Class: str


class Challenge(TypedDict):
    """One challenge of a ``WWW-Authenticate`` header."""

    scheme: str
    parameters: dict[str, str]


class AuthResult(TypedDict):
    """The registry's answer to valid credentials.

    Store ``IdentityToken`` instead of the password, unless it is empty.
    """

    Status: str
    IdentityToken: str


class LoginResult(AuthResult):
    """The same, and where they are stored: ``"config.json"``, the name of a helper, or ``"none"``."""

    stored: str


class CredentialsInfo(TypedDict, total=False):
    """Which credentials a service would use, and the option, file or helper that has them.

    ``kind``, always there, is ``"password"``, ``"identity_token"``, ``"registry_token"`` or ``"anonymous"``.
    """

    kind: str
    username: str
    source: str


# Configuration.


class ClientCertificate(TypedDict):
    """The paths of a client certificate and its key."""

    cert: str
    key: str


class TLSConfig(TypedDict, total=False):
    """The TLS settings for a registry; roots and certificates are paths."""

    InsecureSkipVerify: bool
    MinVersion: str
    RootCAs: list[str]
    Certificates: list[ClientCertificate]


class APIEndpoint(TypedDict, total=False):
    """An address at which a registry may be reached."""

    Mirror: bool
    URL: str
    Version: str
    AllowNondistributableArtifacts: bool
    Official: bool
    TrimHostname: bool
    TLSConfig: TLSConfig


class ResolvedEndpoint(TypedDict, total=False):
    """An endpoint that a session for a reference would use, or skip."""

    url: str
    mirror: bool
    source: str
    capabilities: list[str]
    insecure: bool
    skipped: str


class ServiceConfig(TypedDict):
    """The configuration of a service, in the form of Docker's API."""

    AllowNondistributableArtifactsCIDRs: list[str]
    AllowNondistributableArtifactsHostnames: list[str]
    InsecureRegistryCIDRs: list[str]
    IndexConfigs: dict[str, IndexInfo]
    Mirrors: list[str]


# Sessions.


Platform = TypedDict(
    "Platform",
    {"architecture": str, "os": str, "os.version": str, "os.features": "list[str]", "variant": str},
    total=False,
)
"""What an image runs on, as an index says it."""


class Descriptor(TypedDict, total=False):
    """An OCI descriptor."""

    mediaType: str
    digest: str
    size: int
    urls: list[str]
    annotations: dict[str, str]
    data: str
    artifactType: str
    platform: Platform


class ImgData(TypedDict, total=False):
    """An image in a v1 index. ``checksum_payload`` is only sent as a header."""

    id: str
    checksum: str
    checksum_payload: str
    Tag: str


class RepositoryData(TypedDict):
    """A repository in a v1 index: its images by id, and the registries that have them."""

    ImgList: dict[str, ImgData]
    Endpoints: list[str]


class SearchResult(TypedDict):
    """A repository that a search found."""

    name: str
    description: str
    star_count: int
    is_official: bool
    is_automated: bool


class SearchResults(TypedDict):
    """The results of a search."""

    query: str
    num_results: int
    results: list[SearchResult]


class LayerChecksums(TypedDict):
    """The checksums of a v1 layer: a tarsum, and the SHA-256 of the JSON and the bytes that were sent."""

    checksum: str
    checksum_payload: str


class PingResult(TypedDict, total=False):
    """The registry's answer to a ping."""

    protocol: str
    confirmed: bool
    standalone: bool
    version: str
    challenges: list[Challenge]


class SessionInfo(TypedDict, total=False):
    """The registry, repository and reference that a session is bound to."""

    protocol: str
    endpoint: str
    mirror: bool
    repository: str
    reference: str
    warnings: list[str]


class TagList(TypedDict, total=False):
    """Tags of a repository; ``next`` leads to the next page, if there is one."""

    name: str
    tags: list[str]
    next: str
    warnings: list[str]


class RepositoryList(TypedDict, total=False):
    """Repositories of a registry; ``next`` leads to the next page, if there is one."""

    repositories: list[str]
    next: str
    warnings: list[str]


class StoredManifest(Descriptor, total=False):
    """A manifest that was stored.

    ``subject`` is there if the registry recorded the referrer; else ``subject_tag`` is the fallback tag that lists it.
    """

    subject: str
    subject_tag: str
    warnings: list[str]


class Referrers(TypedDict, total=False):
    """An OCI index of manifests; ``source`` is ``"api"``, or ``"tag"`` where the registry has no referrers API."""

    schemaVersion: int
    mediaType: str
    manifests: list[Descriptor]
    source: str
    warnings: list[str]


class BlobFile(Descriptor, total=False):
    """A blob that was downloaded to or uploaded from a file, unless it ``existed`` at the destination."""

    existed: bool
    bytes_transferred: int
    warnings: list[str]


# Images.


class PlatformDescriptor(TypedDict, total=False):
    """A manifest and the platform, ``os[(version)]/arch[/variant]``, that it is for."""

    platform: str
    descriptor: Descriptor


class ReportEndpoint(TypedDict, total=False):
    """The endpoint that an image was read from or written to."""

    url: str
    mirror: bool


class ReportBlob(TypedDict, total=False):
    """What happened to one blob."""

    digest: str
    size: int
    media_type: str
    bytes_transferred: int
    resumed_from: int
    retries: int
    source: str
    duration_ms: int
    bytes_per_second: int


class RateLimit(TypedDict, total=False):
    """How many requests a registry allows in ``window_seconds``, and how many of them are left."""

    host: str
    limit: int
    remaining: int
    window_seconds: int


Conversion = TypedDict("Conversion", {"from": str, "to": str})
"""The digest of a manifest before and after it was converted."""


class Report(TypedDict, total=False):
    """The result of a pull, push or copy. ``reference`` is canonical, with the digest; ``descriptor`` is its root.

    A copy has ``source_endpoint`` and ``destination_endpoint`` instead of ``endpoint``, if these are registries.
    ``tags`` now name the image in the registry; ``converted`` are manifests that were written in another form.
    """

    reference: str
    descriptor: Descriptor
    manifests: list[PlatformDescriptor]
    platform: str
    endpoint: ReportEndpoint
    source_endpoint: ReportEndpoint
    destination_endpoint: ReportEndpoint
    destination: str
    tags: list[str]
    converted: list[Conversion]
    blobs: list[ReportBlob]
    bytes_total: int
    bytes_transferred: int
    duration_ms: int
    bytes_per_second: int
    rate_limits: list[RateLimit]
    referrers: list[Descriptor]
    warnings: list[str]
    attempts: list[ErrorDocument]


class SkippedEntry(TypedDict):
    """Something in an image that was left out."""

    path: str
    why: str


class UnpackReport(Report, total=False):
    """What an unpack or export did: a report with the directory or descriptor as its ``destination``.

    ``entries`` and ``bytes`` count what the layers have; ``diff_ids`` are their digests without compression.
    """

    entries: int
    bytes: int
    diff_ids: list[str]
    skipped: list[SkippedEntry]


class LayoutImage(TypedDict, total=False):
    """An image in a layout. ``name`` is absent if it has none."""

    name: str
    descriptor: Descriptor


class CollectedBlob(TypedDict):
    """A blob that no image of a layout needs."""

    digest: str
    size: int


class Collected(TypedDict):
    """What a collection removed, or would remove."""

    removed: list[CollectedBlob]
    bytes: int


class DamagedBlob(TypedDict):
    """A blob that is missing or has the wrong content."""

    digest: str
    why: str


class Verified(TypedDict):
    """The state of a layout's blobs."""

    damaged: list[DamagedBlob]
    checked: int
    bytes: int


class Inspection(TypedDict, total=False):
    """Describes an image without pulling its layers."""

    reference: str
    name: str
    descriptor: Descriptor
    kind: str
    platforms: list[PlatformDescriptor]
    platform: str
    manifest: dict[str, Any]
    config: dict[str, Any]
    layers: list[Descriptor]
    artifact_type: str
    subject: Descriptor
    annotations: dict[str, str]
    endpoint: ReportEndpoint
    warnings: list[str]


class ProgressEvent(TypedDict, total=False):
    """What happened: ``kind`` is "start", "blob", "manifest", "retry", "wait", "endpoint", "tick" or "finish".

    ``what`` is the id of an image of protocol v1; the digest of its layer is known only at the end.
    """

    kind: str
    digest: str
    what: str
    offset: int
    total: int
    done: bool
    media_type: str
    direction: str
    source: str
    attempt: int
    delay_ms: int
    code: int
    message: str


_LogFrom = TypedDict("_LogFrom", {"from": str}, total=False)


class _Authorized(TypedDict):
    url: str
    headers: dict[str, str]
    endpoint: str


class Authorization(_Authorized, total=False):
    """What another HTTP client needs for a request; without ``expires_ms``, nothing ends. It contains secrets."""

    expires_ms: int


class LogRecord(_LogFrom, total=False):
    """What a call did on the network; ``time_ms``, ``level``, ``target`` and ``message`` are always there."""

    time_ms: int
    level: str
    target: str
    message: str
    code: int
    name: str
    causes: list[str]
    http_status: int
    errors: list[RegistryError]
    method: str
    scheme: str
    host: str
    path: str
    phase: str
    retryable: bool
    duration_ms: int
    address: str
    proxy: str
    reused: bool
    attempt: int
    delay_ms: int
    mirror: bool
    to: str
    challenge: str
    realm: str
    scopes: list[str]
    kind: str
    source: str
    version: str
    verified: bool
    root_cas: int
    client_certificate: bool
    digest_expected: str
    digest_actual: str
    size_expected: int
    size_actual: int
    bytes_done: int
    retry_after_ms: int
    endpoint: str
    what: str
    argument: str
    cancelled_by: str


# Errors and the library.


class RegistryError(TypedDict, total=False):
    """An error as the registry sent it."""

    code: str
    message: str
    detail: Any


class _ErrorAlways(TypedDict):
    code: int
    name: str
    message: str


class ErrorDocument(_ErrorAlways, total=False):
    """Everything that is known about an error."""

    causes: list[str]
    http_status: int
    errors: list[RegistryError]
    method: str
    scheme: str
    host: str
    path: str
    endpoint: str
    phase: str
    digest_expected: str
    digest_actual: str
    size_expected: int
    size_actual: int
    bytes_done: int
    retryable: bool
    retry_after_ms: int
    cancelled_by: str
    what: str
    argument: str
    attempts: list[ErrorDocument]
    hint: str


class VersionInfo(TypedDict, total=False):
    """The version and the features of the library."""

    version: str
    features: list[str]
    protocols: list[str]
    http: str
    tls: str
