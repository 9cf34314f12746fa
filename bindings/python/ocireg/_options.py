# Generated from the tables listed in src/client/options.rs by OCIREG_UPDATE=1 cargo test --test generated. Do not edit.
"""The options of services and calls, as types. Every key is optional."""

from __future__ import annotations

from typing import TypedDict, Union

from ._auth import AuthConfig

__all__ = [
    "ArtifactConfig",
    "ArtifactFile",
    "AuthorizeOptions",
    "BlobOptions",
    "ChunkOptions",
    "CollectOptions",
    "CommitOptions",
    "ConfigOptions",
    "CopyOptions",
    "EndpointsOptions",
    "ExportOptions",
    "GetBlobFDOptions",
    "GetBlobFileOptions",
    "IdRangeOptions",
    "InspectOptions",
    "Limits",
    "ManifestOptions",
    "Proxies",
    "PullOptions",
    "PushOptions",
    "PutBlobFileOptions",
    "PutBlobOptions",
    "PutManifestOptions",
    "ReferrersOptions",
    "RemoteBlobOptions",
    "Retry",
    "ServiceOptions",
    "SessionOptions",
    "TagOptions",
    "Timeouts",
    "UnpackLimits",
    "UnpackOptions",
]


Timeouts = TypedDict(
    "Timeouts",
    {
        "connect-ms": int,
        "tls-ms": int,
        "header-ms": int,
        "idle-ms": int,
        "auth-ms": int,
        "min-bytes-per-second": int,
        "total-ms": int,
    },
    total=False,
)
Timeouts.__doc__ = """\
How long each step of an exchange may take. 0 means no limit.

- ``connect-ms``: Resolving the host name and connecting, for each address. Default: 30000.
- ``tls-ms``: The TLS handshake. Default: 10000.
- ``header-ms``: From the end of the request to the end of the response's header. Default: 30000.
- ``idle-ms``: Silence within a body. Default: 30000.
- ``auth-ms``: One ping, token or login request. Default: 15000.
- ``min-bytes-per-second``: The minimum speed of a body, sent or received, in bytes per second over 5 seconds; a
  slower transfer fails. 0 means no limit; without this option it is so low, and measured over so long a time, that no
  working connection is below it. Default: 100 over a minute.
- ``total-ms``: A whole call. Default: 0.
"""


Retry = TypedDict(
    "Retry",
    {
        "max-attempts": int,
        "initial-ms": int,
        "max-ms": int,
        "max-retry-after-ms": int,
    },
    total=False,
)
Retry.__doc__ = """\
How often and after which delays a failed request is retried.

- ``max-attempts``: Attempts, the first one included. Default: 5.
- ``initial-ms``: The first delay; it doubles each time. Default: 250.
- ``max-ms``: The longest delay that ocireg chooses. Default: 30000.
- ``max-retry-after-ms``: The longest delay that a registry may ask for; a longer one is ``RATE_LIMITED`` at once.
  Default: 60000.
"""


class Limits(TypedDict, total=False):
    """How much a registry may send. What is larger is ``LIMIT``.

    - ``manifest``: Bytes of a manifest or index. Default: 8 MiB.
    - ``config``: Bytes of an image's configuration. Default: 8 MiB.
    - ``token``: Bytes of a token server's response. Default: 1 MiB.
    - ``error``: Bytes that are read of the body of an error. Default: 64 KiB.
    - ``list``: Bytes of one page of tags or repositories. Default: 8 MiB.
    - ``pages``: Pages of one list. Default: 10000.
    - ``children``: Descriptors of one call. Default: 10000.
    - ``depth``: Indexes within indexes. Default: 4.
    - ``urls``: Addresses of one descriptor. Default: 16.
    - ``total``: Bytes of all manifests, configurations and pages of one call together. Default: 64 MiB.
    - ``spool``: Bytes of a temporary file of protocol v1. Default: no limit.
    """

    manifest: int
    config: int
    token: int
    error: int
    list: int
    pages: int
    children: int
    depth: int
    urls: int
    total: int
    spool: int


Proxies = TypedDict(
    "Proxies",
    {
        "http-proxy": str,
        "https-proxy": str,
        "no-proxy": str,
    },
    total=False,
)
Proxies.__doc__ = """\
The proxy for each scheme. A proxy is ``SCHEME://[USER:PASSWORD@]HOST[:PORT]`` with the scheme ``http``, ``https``,
``socks5`` or ``socks5h``, and ``http://`` may be left out. An HTTP proxy must allow CONNECT, which is used for http
addresses, too. Loopback addresses also go through the proxy, unless ``no-proxy`` lists them.

- ``http-proxy``: The proxy for http addresses; ``""`` is none. Default: none.
- ``https-proxy``: The proxy for https addresses; ``""`` is none. Default: none.
- ``no-proxy``: Hosts to connect to directly, separated by commas, like the variable ``NO_PROXY``: a domain (which
  includes its subdomains), ``.domain`` (only the subdomains), an address, a network in CIDR notation, or ``*``. All but
  networks may end in ``:port``.
"""


class ChunkOptions(TypedDict, total=False):
    """A part of a blob with a digest of its own.

    - ``offset``: Where it begins in the blob, in bytes. Default: 0.
    - ``size``: How many bytes it has, at most 64 MiB. Default: required.
    - ``digest``: The digest of these bytes. Default: required.
    """

    offset: int
    size: int
    digest: str


class ArtifactFile(TypedDict, total=False):
    """A file of an artifact.

    - ``path``: The path of the file, relative to the directory, or absolute. A symbolic link must not leave the
      directory. What is a directory itself is packed into a tar archive with gzip. Default: required.
    - ``title``: The name of the file in the artifact, which a pull gives to it: a path below the directory. Default:
      ``path``.
    - ``media_type``: The media type of the layer. Default: ``application/vnd.oci.image.layer.v1.tar``, of a directory
      with ``+gzip``.
    - ``annotations``: Annotations of the layer.
    """

    path: str
    title: str
    media_type: str
    annotations: dict[str, str]


class ArtifactConfig(TypedDict, total=False):
    """The file that is an artifact's configuration.

    - ``path``: The path of the file, relative to the directory, or absolute. Default: required.
    - ``media_type``: The media type of the configuration. Default: ``application/vnd.unknown.config.v1+json``.
    - ``annotations``: Annotations of the configuration.
    """

    path: str
    media_type: str
    annotations: dict[str, str]


class IdRangeOptions(TypedDict, total=False):
    """A range of IDs in an image, and the range that it is mapped to.

    - ``container``: The first ID in the image. Default: required.
    - ``host``: The first ID on this machine. Default: required.
    - ``size``: How many IDs there are. Default: required.
    """

    container: int
    host: int
    size: int


class UnpackLimits(TypedDict, total=False):
    """How much an image may hold that is unpacked or exported.

    - ``bytes``: Bytes of data in all files. Holes do not count. Default: 64 GiB.
    - ``entries``: Entries in all layers. Default: 4000000.
    - ``path``: Bytes of one path. Default: 4096.
    """

    bytes: int
    entries: int
    path: int


ServiceOptions = TypedDict(
    "ServiceOptions",
    {
        "registry-mirrors": "list[str]",
        "insecure-registries": "list[str]",
        "allow-nondistributable-artifacts": "list[str]",
        "daemon-json": str,
        "certs-dir": str,
        "hosts-dir": str,
        "registries-conf": str,
        "docker-config": str,
        "credentials": "dict[str, AuthConfig]",
        "credential-helper-timeout-ms": int,
        "resolve": "dict[str, list[str]]",
        "proxy": Union[str, Proxies],
        "user-agent": str,
        "user-agent-prefix": str,
        "timeouts": Timeouts,
        "retry": Retry,
        "limits": Limits,
        "max-concurrent-downloads": int,
        "max-concurrent-uploads": int,
        "max-concurrent-requests": int,
        "parallel-range-bytes": int,
        "environment": bool,
        "preload": bool,
        "v1": bool,
        "trusted-realms": "list[list[str]]",
        "allow-upload-hosts": "list[str]",
        "allow-foreign-urls": "list[str]",
        "allow-plain-http-credentials": "list[str]",
        "allow-v1-endpoints": "list[str]",
    },
    total=False,
)
ServiceOptions.__doc__ = """\
The options of a service. The hyphenated keys of Docker's ``daemon.json`` mean what they mean there.

- ``registry-mirrors``: URLs of mirrors of Docker Hub, asked in order. Default: none.
- ``insecure-registries``: Hosts and address blocks that may be used over plain HTTP or with an unverified
  certificate. ``127.0.0.0/8`` is always one of them. Default: none.
- ``allow-nondistributable-artifacts``: Hosts and address blocks that nondistributable layers may be pushed to.
  Default: none.
- ``daemon-json``: A ``daemon.json`` whose lists of registries and ``proxies`` are used; explicit options win.
  Default: none.
- ``certs-dir``: The directory of certificates, with one subdirectory for each registry. Default:
  ``/etc/docker/certs.d``.
- ``hosts-dir``: A directory with a subdirectory for each registry that contains ``hosts.toml``, as containerd's
  ``/etc/containerd/certs.d``. Read for each session. Default: none.
- ``registries-conf``: A ``registries.conf`` file of version 2, as Podman's ``/etc/containers/registries.conf``; the
  files in ``FILE.d/*.conf`` are read after it. Read for each session. Default: none.
- ``docker-config``: The directory that contains ``config.json``; ``""`` ignores all credential files. Default:
  ``$DOCKER_CONFIG`` or ``~/.docker``.
- ``credentials``: Credentials by ``host[:port]`` or ``host[:port]/path``.
- ``credential-helper-timeout-ms``: How long a credential helper may run; 0 is as long as the call. Default:
  ``auth-ms`` of ``timeouts``.
- ``resolve``: The addresses of hosts, instead of DNS; ``*`` is every other name, and a host with an empty list does
  not resolve.
- ``proxy``: The proxy for all requests, or one for each scheme; ``""`` is none. Default: the environment's.
- ``user-agent``: The User-Agent header; ``""`` sends none. Default: "ocireg/0.2.0".
- ``user-agent-prefix``: Put in front of the User-Agent header, for example the program's name and version.
- ``timeouts``: How long each step may take.
- ``retry``: How failed requests are retried.
- ``limits``: How much a registry may send.
- ``max-concurrent-downloads``: How many downloads from one host may run at once, over all calls of the service.
  Default: 4.
- ``max-concurrent-uploads``: How many uploads to one host may run at once, over all pushes and copies of the service.
  Default: 4.
- ``max-concurrent-requests``: How many requests of one host may wait for its answer at once, over all calls of the
  service. Default: no limit.
- ``parallel-range-bytes``: A blob of at least this size is downloaded in several ranges at once where one connection
  is slower than that, each in a place of its own among ``max-concurrent-downloads``; 0 is never. Default: 67108864.
- ``environment``: Whether environment variables may set proxies, the paths of configuration files and CA
  certificates, and the directory of temporary files. In a privileged process they never may. Default: ``True``.
- ``preload``: Load the system's CA certificates when the service is created, for programs that change their root
  directory later.
- ``v1``: Whether protocol v1 may be spoken: ``True`` lets a login try it last, ``False`` makes calls that ask for it
  fail. Default: only by calls that ask for it.
- ``trusted-realms``: Pairs of a registry and a token server that may get the registry's credentials, although it is
  on a more private network than the registry.
- ``allow-upload-hosts``: Hosts, as ``host[:port]``, that a registry may send uploads to.
- ``allow-foreign-urls``: Hosts, as ``host[:port]``, that nondistributable layers may be downloaded from.
- ``allow-plain-http-credentials``: Hosts, as ``host[:port]``, that may get credentials over plain HTTP.
- ``allow-v1-endpoints``: Hosts, as ``host[:port]``, that a v1 index may send clients to.
"""


ConfigOptions = TypedDict(
    "ConfigOptions",
    {
        "registry-mirrors": "list[str]",
        "insecure-registries": "list[str]",
        "allow-nondistributable-artifacts": "list[str]",
        "daemon-json": str,
    },
    total=False,
)
ConfigOptions.__doc__ = """\
The registry lists of a service, which can be replaced. What is absent becomes empty.

- ``registry-mirrors``: URLs of mirrors of Docker Hub, asked in order. Default: none.
- ``insecure-registries``: Hosts and address blocks that may be used over plain HTTP or with an unverified
  certificate. ``127.0.0.0/8`` is always one of them. Default: none.
- ``allow-nondistributable-artifacts``: Hosts and address blocks that nondistributable layers may be pushed to.
  Default: none.
- ``daemon-json``: A ``daemon.json`` whose lists of registries are used; explicit options win. Default: none.
"""


class SessionOptions(TypedDict, total=False):
    """How a session is opened.

    - ``auth``: Credentials for the registry; ``{}`` is anonymous. Default: the service's credentials.
    - ``credential_sources``: Where credentials may come from: "call" (the options of this call), "callback" (the
      program's function), "options" (the service's option), "docker-config" (Docker's files and credential helpers),
      "auth-json" (the files of podman and skopeo). An empty list is anonymous access. Default: all of them.
    - ``actions``: What the session will do: ``pull``, ``push``, ``delete``. Mirrors of Docker Hub and of
      ``registries-conf`` are used only if it only pulls. Default: ["pull"].
    - ``protocol``: The protocol. ``v1`` is the protocol of Docker before 1.6, for registries that have no other.
      Default: "v2".
    """

    auth: AuthConfig
    credential_sources: list[str]
    actions: list[str]
    protocol: str


class EndpointsOptions(TypedDict, total=False):
    """What the endpoints are for.

    - ``actions``: What will be done there: ``pull``, ``push``, ``delete``. Default: ["pull"].
    """

    actions: list[str]


class TagOptions(TypedDict, total=False):
    """Which entries of a list are returned.

    - ``n``: Return one page of about this many entries. Default: all pages.
    - ``last``: Only return entries after this one. Default: the beginning.
    - ``next``: The ``next`` of the previous page. Default: the first page.
    """

    n: int
    last: str
    next: str


class ManifestOptions(TypedDict, total=False):
    """Which manifest is returned.

    - ``platform``: Select the manifest for this platform from an index. Default: the index itself.
    - ``accept``: Media types to accept, even ones that ocireg does not know.
    - ``max_size``: The maximum size of the manifest in bytes, if it is less than the service's limit. Default: the
      service's limit.
    """

    platform: str
    accept: list[str]
    max_size: int


class PutManifestOptions(TypedDict, total=False):
    """How a manifest is stored.

    - ``tags``: More tags for the same manifest.
    - ``if_match``: The digest or ETag that the tag must have now. If it has another one, the call fails with
      ``CONFLICT``. Default: not checked.
    """

    tags: list[str]
    if_match: str


class ReferrersOptions(TypedDict, total=False):
    """Which referrers are listed.

    - ``artifact_type``: Only manifests of this artifact type. Default: all types.
    - ``annotations``: Only manifests with all of these annotations.
    """

    artifact_type: str
    annotations: dict[str, str]


class BlobOptions(TypedDict, total=False):
    """What is known about a blob.

    - ``size``: The size of the whole blob in bytes, which is checked. Default: the registry's answer.
    - ``media_type``: The blob's media type. Only nondistributable layers may come from ``urls``.
    - ``urls``: Other addresses of a nondistributable layer, used if the registry does not have it and
      ``allow-foreign-urls`` names the host.
    - ``decompress``: Return the content of a gzip or zstd blob, told by its first bytes. Others are returned as they
      are.
    - ``diff_id``: The digest that the decompressed content must have. Requires ``decompress``. Default: not checked.
    - ``max_size``: The most bytes that may come out of a compressed blob. Requires ``decompress``. Default: 64 GiB.
    """

    size: int
    media_type: str
    urls: list[str]
    decompress: bool
    diff_id: str
    max_size: int


class RemoteBlobOptions(TypedDict, total=False):
    """What is known about a blob that is read in parts.

    - ``size``: The size of the whole blob in bytes, which is checked. Default: the registry's answer.
    - ``chunks``: Parts of the blob with digests of their own. Reads must be covered by them, and only return bytes
      that were verified. Without them nothing is verified. Default: nothing is verified.
    - ``media_type``: The blob's media type. Only nondistributable layers may come from ``urls``.
    - ``urls``: Other addresses of a nondistributable layer, used if the registry does not have it and
      ``allow-foreign-urls`` names the host.
    """

    size: int
    chunks: list[ChunkOptions]
    media_type: str
    urls: list[str]


class AuthorizeOptions(TypedDict, total=False):
    """How a request of the program's own HTTP client is authorized.

    - ``follow``: Return the address that the registry redirects to, without credentials.
    - ``renew``: The registry has refused the last authorization: return another one.
    """

    follow: bool
    renew: bool


class GetBlobFileOptions(TypedDict, total=False):
    """How a blob is downloaded to a file.

    - ``size``: The size of the whole blob in bytes, which is checked. Default: the registry's answer.
    - ``media_type``: The blob's media type. Only nondistributable layers may come from ``urls``. Default:
      "application/octet-stream".
    - ``urls``: Other addresses of a nondistributable layer, used if the registry does not have it and
      ``allow-foreign-urls`` names the host.
    - ``resume``: Keep a partial file if the download fails, and continue that of an earlier download. Default:
      ``True``.
    """

    size: int
    media_type: str
    urls: list[str]
    resume: bool


class GetBlobFDOptions(TypedDict, total=False):
    """How a blob is written to a file descriptor.

    - ``size``: The size of the whole blob in bytes, which is checked. Default: the registry's answer.
    - ``media_type``: The blob's media type. Only nondistributable layers may come from ``urls``. Default:
      "application/octet-stream".
    - ``urls``: Other addresses of a nondistributable layer, used if the registry does not have it and
      ``allow-foreign-urls`` names the host.
    """

    size: int
    media_type: str
    urls: list[str]


class PutBlobOptions(TypedDict, total=False):
    """How a blob is uploaded.

    - ``digest``: The digest that the content must have. Default: not checked.
    - ``size``: The number of bytes that must be written. Default: not checked.
    - ``media_type``: The media type in the descriptor that the commit returns. Default: "application/octet-stream".
    - ``algorithm``: The digest algorithm of an upload without ``digest``. Default: ``sha256``.
    - ``mount_from``: Repositories of the same registry that the blob may be mounted from. Requires ``digest``.
    - ``chunk_size``: The size of a chunk in bytes. Default: 4 MiB.
    - ``check_exists``: Check first whether the repository already has the blob. Requires ``digest``.
    """

    digest: str
    size: int
    media_type: str
    algorithm: str
    mount_from: list[str]
    chunk_size: int
    check_exists: bool


class PutBlobFileOptions(TypedDict, total=False):
    """How a file is uploaded as a blob.

    - ``digest``: The digest that the file must have. Default: not checked.
    - ``size``: The size that the file must have in bytes. Default: not checked.
    - ``media_type``: The media type in the descriptor that is returned. Default: "application/octet-stream".
    - ``algorithm``: The digest algorithm of an upload without ``digest``. Default: ``sha256``.
    - ``mount_from``: Repositories of the same registry that the blob may be mounted from.
    - ``chunk_size``: Send the file in chunks of this many bytes. Without it, a file over 4 MiB is hashed first and
      sent in one request, unless the registry accepts only chunks. Default: one request.
    - ``check_exists``: Check first whether the repository already has the blob.
    """

    digest: str
    size: int
    media_type: str
    algorithm: str
    mount_from: list[str]
    chunk_size: int
    check_exists: bool


class CommitOptions(TypedDict, total=False):
    """What must have been written.

    - ``digest``: The digest that the content must have. Default: not checked.
    - ``size``: The number of bytes that must have been written. Default: not checked.
    """

    digest: str
    size: int


class PullOptions(TypedDict, total=False):
    """How an image is pulled.

    - ``auth``: Credentials for the registry; ``{}`` is anonymous. Default: the service's credentials.
    - ``credential_sources``: Where credentials may come from: "call" (the options of this call), "callback" (the
      program's function), "options" (the service's option), "docker-config" (Docker's files and credential helpers),
      "auth-json" (the files of podman and skopeo). An empty list is anonymous access. Default: all of them.
    - ``protocol``: The protocol. ``v1`` pulls an image of a v1 index and converts it. Default: "v2".
    - ``platform``: Pull the image for this platform. Default: this machine's platform.
    - ``all_platforms``: Pull the whole index with the images of all platforms.
    - ``resume``: Keep partial files, and continue those of an interrupted pull. Default: ``True``.
    - ``nondistributable``: Pull nondistributable layers, too.
    - ``verify_present``: Verify the digests of all blobs that the destination already has.
    - ``referrers``: Pull what refers to the image and its children, such as signatures.
    - ``verify_diff_ids``: Decompress every layer, also those that are there already, and check it against the image's
      configuration.
    - ``overwrite``: To ``files:DIR``: replace files that have other content.
    - ``dir_fd``: An open directory in which a relative path begins. Default: the working directory.
    """

    auth: AuthConfig
    credential_sources: list[str]
    protocol: str
    platform: str
    all_platforms: bool
    resume: bool
    nondistributable: bool
    verify_present: bool
    referrers: bool
    verify_diff_ids: bool
    overwrite: bool
    dir_fd: int


class PushOptions(TypedDict, total=False):
    """How an image is pushed.

    - ``auth``: Credentials for the registry; ``{}`` is anonymous. Default: the service's credentials.
    - ``credential_sources``: Where credentials may come from: "call" (the options of this call), "callback" (the
      program's function), "options" (the service's option), "docker-config" (Docker's files and credential helpers),
      "auth-json" (the files of podman and skopeo). An empty list is anonymous access. Default: all of them.
    - ``platform``: Push the image for this platform only. Default: all platforms.
    - ``all_platforms``: Push the whole index with the images of all platforms. Default: ``True``, unless ``platform``
      is set.
    - ``tags``: More tags for the same image.
    - ``mount_from``: Repositories of the same registry that blobs may be mounted from.
    - ``referrers``: Push what refers to the image and its children, such as signatures.
    - ``digest_tags``: Push what is found by a tag made of a digest, such as signatures.
    - ``nondistributable``: Push nondistributable layers, too.
    - ``convert``: ``oci`` turns manifests with Docker media types into OCI manifests, which changes their digests.
      Default: nothing is changed.
    - ``verify_present``: Check each blob, even if the registry has a manifest that lists it.
    - ``verify_diff_ids``: Decompress every layer, also those that are there already, and check it against the image's
      configuration.
    - ``artifact_type``: Of ``files:DIR``: what kind of artifact it is, a media type. Default:
      ``application/vnd.unknown.artifact.v1``, unless ``config`` has a media type.
    - ``files``: Of ``files:DIR``: the files of the artifact. Default: every regular file in the directory, sorted by
      name.
    - ``annotations``: Of ``files:DIR``: annotations of the manifest. Without ``org.opencontainers.image.created`` the
      same files give the same digest.
    - ``subject``: Of ``files:DIR``: the digest of a manifest at the destination that the artifact refers to. If the
      destination does not name a tag, the artifact gets none. Default: none.
    - ``config``: Of ``files:DIR``: the file that is the artifact's configuration; a path, or an object. Default: an
      empty JSON object.
    - ``dir_fd``: An open directory in which a relative path begins. Default: the working directory.
    """

    auth: AuthConfig
    credential_sources: list[str]
    platform: str
    all_platforms: bool
    tags: list[str]
    mount_from: list[str]
    referrers: bool
    digest_tags: bool
    nondistributable: bool
    convert: str
    verify_present: bool
    verify_diff_ids: bool
    artifact_type: str
    files: list[ArtifactFile]
    annotations: dict[str, str]
    subject: str
    config: Union[str, ArtifactConfig]
    dir_fd: int


class CopyOptions(TypedDict, total=False):
    """How an image is copied.

    - ``source_auth``: Credentials for the registry of the source; ``{}`` is anonymous. Default: the service's
      credentials.
    - ``destination_auth``: Credentials for the registry of the destination; ``{}`` is anonymous. Default: the
      service's credentials.
    - ``credential_sources``: Where credentials may come from: "call" (the options of this call), "callback" (the
      program's function), "options" (the service's option), "docker-config" (Docker's files and credential helpers),
      "auth-json" (the files of podman and skopeo). An empty list is anonymous access. Default: all of them.
    - ``platform``: Copy the image for this platform only. Default: all platforms.
    - ``all_platforms``: Copy the whole index with the images of all platforms. Default: ``True``, unless ``platform``
      is set.
    - ``tags``: More tags for the same image.
    - ``mount_from``: More repositories of the destination's registry that blobs may be mounted from.
    - ``referrers``: Copy what refers to the image and its children, such as signatures.
    - ``digest_tags``: Copy what is found by a tag made of a digest, such as signatures.
    - ``nondistributable``: Copy nondistributable layers, too.
    - ``convert``: ``oci`` turns manifests with Docker media types into OCI manifests, which changes their digests.
      Default: nothing is changed.
    - ``verify_present``: Check each blob that the destination already has; in a layout, verify its digest.
    - ``verify_diff_ids``: Decompress every layer, also those that are there already, and check it against the image's
      configuration.
    - ``resume``: Keep partial files, and continue those of an interrupted copy. Default: ``True``.
    - ``artifact_type``: Of ``files:DIR``: what kind of artifact it is, a media type. Default:
      ``application/vnd.unknown.artifact.v1``, unless ``config`` has a media type.
    - ``files``: Of ``files:DIR``: the files of the artifact. Default: every regular file in the directory, sorted by
      name.
    - ``annotations``: Of ``files:DIR``: annotations of the manifest. Without ``org.opencontainers.image.created`` the
      same files give the same digest.
    - ``subject``: Of ``files:DIR``: the digest of a manifest at the destination that the artifact refers to. If the
      destination does not name a tag, the artifact gets none. Default: none.
    - ``config``: Of ``files:DIR``: the file that is the artifact's configuration; a path, or an object. Default: an
      empty JSON object.
    - ``overwrite``: To ``files:DIR``: replace files that have other content.
    - ``dir_fd``: An open directory in which relative paths begin. Default: the working directory.
    """

    source_auth: AuthConfig
    destination_auth: AuthConfig
    credential_sources: list[str]
    platform: str
    all_platforms: bool
    tags: list[str]
    mount_from: list[str]
    referrers: bool
    digest_tags: bool
    nondistributable: bool
    convert: str
    verify_present: bool
    verify_diff_ids: bool
    resume: bool
    artifact_type: str
    files: list[ArtifactFile]
    annotations: dict[str, str]
    subject: str
    config: Union[str, ArtifactConfig]
    overwrite: bool
    dir_fd: int


class InspectOptions(TypedDict, total=False):
    """What is returned about an image.

    - ``auth``: Credentials for the registry; ``{}`` is anonymous. Default: the service's credentials.
    - ``credential_sources``: Where credentials may come from: "call" (the options of this call), "callback" (the
      program's function), "options" (the service's option), "docker-config" (Docker's files and credential helpers),
      "auth-json" (the files of podman and skopeo). An empty list is anonymous access. Default: all of them.
    - ``platform``: Inspect the image for this platform. Default: this machine's platform.
    - ``config``: Whether to get the image's configuration. Default: ``True``.
    - ``layers``: Whether to list the layers. Default: ``True``.
    - ``dir_fd``: An open directory in which a relative path begins. Default: the working directory.
    """

    auth: AuthConfig
    credential_sources: list[str]
    platform: str
    config: bool
    layers: bool
    dir_fd: int


class UnpackOptions(TypedDict, total=False):
    """How an image is unpacked.

    - ``auth``: Credentials for the registry; ``{}`` is anonymous. Default: the service's credentials.
    - ``credential_sources``: Where credentials may come from: "call" (the options of this call), "callback" (the
      program's function), "options" (the service's option), "docker-config" (Docker's files and credential helpers),
      "auth-json" (the files of podman and skopeo). An empty list is anonymous access. Default: all of them.
    - ``platform``: Unpack the image for this platform. Default: this machine's platform.
    - ``ownership``: Who owns the files: ``preserve`` is whoever the image says, ``current`` is the user who calls.
      Default: ``preserve`` for root or with a map, else ``current``.
    - ``uid_map``: Which user IDs of the image are which user IDs here. An ID without a mapping is an error.
    - ``gid_map``: The same for group IDs.
    - ``xattrs``: Which extended attributes are set: ``all``, those of the namespace ``user``, or ``none``. Default:
      ``all`` for root, else ``user``.
    - ``devices``: Whether to ``create`` character and block devices or to ``skip`` them. Default: ``create`` for
      root, else ``skip``.
    - ``limits``: How much the image may hold. More is ``LIMIT``.
    - ``layout``: A layout, ``oci:DIR[:NAME]``, that keeps the image as well. Blobs that it already has are not
      downloaded. Default: nothing is kept.
    - ``dir_fd``: An open directory in which relative paths begin. Default: the working directory.
    """

    auth: AuthConfig
    credential_sources: list[str]
    platform: str
    ownership: str
    uid_map: list[IdRangeOptions]
    gid_map: list[IdRangeOptions]
    xattrs: str
    devices: str
    limits: UnpackLimits
    layout: str
    dir_fd: int


class ExportOptions(TypedDict, total=False):
    """How an image is exported.

    - ``auth``: Credentials for the registry; ``{}`` is anonymous. Default: the service's credentials.
    - ``credential_sources``: Where credentials may come from: "call" (the options of this call), "callback" (the
      program's function), "options" (the service's option), "docker-config" (Docker's files and credential helpers),
      "auth-json" (the files of podman and skopeo). An empty list is anonymous access. Default: all of them.
    - ``platform``: Export the image for this platform. Default: this machine's platform.
    - ``limits``: How much the image may hold. More is ``LIMIT``.
    - ``layout``: A layout, ``oci:DIR[:NAME]``, that keeps the image as well. Blobs that it already has are not
      downloaded. Default: nothing is kept.
    - ``dir_fd``: An open directory in which relative paths begin. Default: the working directory.
    """

    auth: AuthConfig
    credential_sources: list[str]
    platform: str
    limits: UnpackLimits
    layout: str
    dir_fd: int


class CollectOptions(TypedDict, total=False):
    """How blobs that no image needs are removed from a layout.

    - ``dry_run``: Only report what would be removed.
    """

    dry_run: bool
