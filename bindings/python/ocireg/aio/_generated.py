# Generated from the blocking classes by OCIREG_UPDATE=1 pytest tests/test_aio.py. Do not edit.
"""Services, endpoints and sessions for asyncio."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING

import ocireg

from .. import _credentials, _documented, _ffi, _layouts, _log, _options, _values
from .._call import Context
from .._endpoint import Headers
from .._session import Manifest
from ..documents import (
    APIEndpoint,
    AuthConfig,
    Authorization,
    AuthResult,
    BlobFile,
    Collected,
    ConfigOptions,
    CredentialsInfo,
    Descriptor,
    Inspection,
    LayoutImage,
    LoginResult,
    PingResult,
    Referrers,
    Report,
    RepositoryInfo,
    RepositoryList,
    SearchResults,
    ServiceConfig,
    ServiceOptions,
    SessionInfo,
    StoredManifest,
    TagList,
    TLSConfig,
    UnpackReport,
    Verified,
)
from ._blobs import BlobReader, BlobWriter, RemoteBlob
from ._bridge import Wrapper, run

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ..documents import (
        AuthorizeOptions,
        BlobOptions,
        CollectOptions,
        CopyOptions,
        EndpointsOptions,
        ExportOptions,
        GetBlobFDOptions,
        GetBlobFileOptions,
        InspectOptions,
        ManifestOptions,
        PullOptions,
        PushOptions,
        PutBlobFileOptions,
        PutBlobOptions,
        PutManifestOptions,
        ReferrersOptions,
        RemoteBlobOptions,
        ResolvedEndpoint,
        SessionOptions,
        TagOptions,
        UnpackOptions,
    )


class Session(Wrapper):
    """A registry or one of its repositories, with the endpoint and the credentials for it.

    Made by :meth:`Service.open_session`, :meth:`Endpoint.new_session` and :meth:`repository`. Any number of threads may
    use it at once. If you leave out a tag or digest, the one in the session's reference is used.
    """

    _wrapped: ocireg.Session

    def __init__(self, wrapped: ocireg.Session) -> None:
        super().__init__(wrapped)

    def repository(self, name: str) -> Session:
        """Creates a session for a repository of the same registry."""
        return Session(self._wrapped.repository(name))

    @property
    def id(self) -> str:
        """Returns the id of the session, which is unique."""
        return self._wrapped.id

    def info(self) -> SessionInfo:
        """Describes the session: its protocol, endpoint and repository."""
        return self._wrapped.info()

    async def ping(self, *, timeout: float | None = None, context: Context | None = None) -> PingResult:
        """Asks the registry which protocol it speaks, without credentials."""
        return await run(self._wrapped.ping, timeout=timeout, context=context)

    @_documented.takes(_options.TagOptions)
    async def list_tags(
        self, *, timeout: float | None = None, context: Context | None = None, **options: Unpack[TagOptions]
    ) -> TagList:
        """Lists the tags of the repository: all of them, or one page with ``n``; pass its ``next`` to get the following
        page."""
        return await run(self._wrapped.list_tags, timeout=timeout, context=context, **options)

    @_documented.takes(_options.TagOptions)
    async def catalog(
        self, *, timeout: float | None = None, context: Context | None = None, **options: Unpack[TagOptions]
    ) -> RepositoryList:
        """Lists the repositories of the registry: all of them, or one page with ``n``. Not every registry supports
        this."""
        return await run(self._wrapped.catalog, timeout=timeout, context=context, **options)

    @_documented.takes(_options.ManifestOptions)
    async def head_manifest(
        self,
        tag_or_digest: str | None = None,
        *,
        timeout: float | None = None,
        context: Context | None = None,
        **options: Unpack[ManifestOptions],
    ) -> Descriptor:
        """Returns the descriptor of a manifest without its content."""
        return await run(self._wrapped.head_manifest, tag_or_digest, timeout=timeout, context=context, **options)

    @_documented.takes(_options.ManifestOptions)
    async def get_manifest(
        self,
        tag_or_digest: str | None = None,
        *,
        timeout: float | None = None,
        context: Context | None = None,
        **options: Unpack[ManifestOptions],
    ) -> Manifest:
        """Gets a manifest or index. With ``platform``, the manifest for that platform is selected from an index."""
        return await run(self._wrapped.get_manifest, tag_or_digest, timeout=timeout, context=context, **options)

    @_documented.takes(_options.PutManifestOptions)
    async def put_manifest(
        self,
        tag_or_digest: str | None,
        media_type: str | None,
        data: bytes,
        *,
        timeout: float | None = None,
        context: Context | None = None,
        **options: Unpack[PutManifestOptions],
    ) -> StoredManifest:
        """Stores a manifest or index; everything that it lists must be in the repository.

        Without ``tag_or_digest`` it is stored under its digest, without a tag; without ``media_type`` its own is used.
        If it has a ``subject``, :meth:`referrers` finds it afterwards.
        """
        return await run(
            self._wrapped.put_manifest, tag_or_digest, media_type, data, timeout=timeout, context=context, **options
        )

    async def delete_manifest(
        self, tag_or_digest: str | None = None, *, timeout: float | None = None, context: Context | None = None
    ) -> None:
        """Deletes a tag, or a manifest with all its tags if you pass a digest. Needs the action ``delete``."""
        await run(self._wrapped.delete_manifest, tag_or_digest, timeout=timeout, context=context)

    @_documented.takes(_options.ReferrersOptions)
    async def referrers(
        self,
        digest: str,
        *,
        timeout: float | None = None,
        context: Context | None = None,
        **options: Unpack[ReferrersOptions],
    ) -> Referrers:
        """Lists the manifests whose ``subject`` has this digest, such as signatures. The subject need not exist."""
        return await run(self._wrapped.referrers, digest, timeout=timeout, context=context, **options)

    async def delete_blob(self, digest: str, *, timeout: float | None = None, context: Context | None = None) -> None:
        """Deletes a blob. Needs the action ``delete``."""
        await run(self._wrapped.delete_blob, digest, timeout=timeout, context=context)

    @_documented.takes(_options.GetBlobFileOptions)
    async def get_blob_file(
        self,
        digest: str,
        path: str,
        *,
        timeout: float | None = None,
        context: Context | None = None,
        **options: Unpack[GetBlobFileOptions],
    ) -> BlobFile:
        """Downloads a blob to a file, which appears after it has been verified. A file that already has the content
        stays."""
        return await run(self._wrapped.get_blob_file, digest, path, timeout=timeout, context=context, **options)

    @_documented.takes(_options.PutBlobFileOptions)
    async def put_blob_file(
        self,
        path: str,
        *,
        timeout: float | None = None,
        context: Context | None = None,
        **options: Unpack[PutBlobFileOptions],
    ) -> BlobFile:
        """Uploads a file as a blob. Needs the action ``push``."""
        return await run(self._wrapped.put_blob_file, path, timeout=timeout, context=context, **options)

    @_documented.takes(_options.GetBlobFDOptions)
    async def get_blob_fd(
        self,
        digest: str,
        fd: int | _values.HasFileno,
        *,
        timeout: float | None = None,
        context: Context | None = None,
        **options: Unpack[GetBlobFDOptions],
    ) -> BlobFile:
        """Downloads a blob to a file descriptor, or to an object that has one: a file, a pipe or a socket.

        Writing starts at the position of a file. The digest is checked when everything is written; what was written
        before an error must not be used. What Python itself has buffered for the object is not written by this call.
        """
        return await run(self._wrapped.get_blob_fd, digest, fd, timeout=timeout, context=context, **options)

    @_documented.takes(_options.PutBlobFileOptions)
    async def put_blob_fd(
        self,
        fd: int | _values.HasFileno,
        *,
        timeout: float | None = None,
        context: Context | None = None,
        **options: Unpack[PutBlobFileOptions],
    ) -> BlobFile:
        """Uploads what a file descriptor holds, from its position to its end, as a blob; for the action ``push``.

        A pipe or socket is read until its other end is closed. What Python itself has read ahead from the object is not
        uploaded.
        """
        return await run(self._wrapped.put_blob_fd, fd, timeout=timeout, context=context, **options)

    async def head_blob(
        self, digest: str, *, timeout: float | None = None, context: Context | None = None
    ) -> Descriptor:
        """Returns the digest and size of a blob without its content. A registry does not know the type of a blob."""
        return await run(self._wrapped.head_blob, digest, timeout=timeout, context=context)

    @_documented.takes(_options.BlobOptions)
    async def open_blob(
        self,
        digest: str,
        offset: int = 0,
        *,
        timeout: float | None = None,
        context: Context | None = None,
        **options: Unpack[BlobOptions],
    ) -> BlobReader:
        """Opens a blob for reading, starting at ``offset``.

        ``timeout`` is for opening and again for each read; ``context`` is for the whole life of the reader.
        """
        return BlobReader(
            await run(self._wrapped.open_blob, digest, offset, timeout=timeout, context=context, **options)
        )

    @_documented.takes(_options.RemoteBlobOptions)
    def remote_blob(
        self,
        digest: str,
        *,
        timeout: float | None = None,
        context: Context | None = None,
        **options: Unpack[RemoteBlobOptions],
    ) -> RemoteBlob:
        """Opens a blob as a file that can be read anywhere, without a request.

        Without ``chunks`` nothing of what is read can be verified. ``timeout`` is for each read; ``context`` is for the
        whole life of the blob.
        """
        return RemoteBlob(self._wrapped.remote_blob(digest, timeout=timeout, context=context, **options))

    @_documented.takes(_options.AuthorizeOptions)
    async def authorize(
        self,
        method: str,
        path: str,
        *,
        timeout: float | None = None,
        context: Context | None = None,
        **options: Unpack[AuthorizeOptions],
    ) -> Authorization:
        """What another HTTP client needs for a request to the repository; ``path`` is such as ``blobs/sha256:…``.

        Call it again before ``expires_ms`` has passed, and with ``renew=True`` if the registry answers 401. It contains
        secrets: send the headers nowhere else.
        """
        return await run(self._wrapped.authorize, method, path, timeout=timeout, context=context, **options)

    @_documented.takes(_options.PutBlobOptions)
    async def put_blob(
        self, *, timeout: float | None = None, context: Context | None = None, **options: Unpack[PutBlobOptions]
    ) -> BlobWriter:
        """Starts writing a blob. Needs the action ``push``.

        ``timeout`` is for this call and for each call on the writer; ``context`` is for its whole life.
        """
        return BlobWriter(await run(self._wrapped.put_blob, timeout=timeout, context=context, **options))

    async def mount_blob(
        self, digest: str, from_repository: str, *, timeout: float | None = None, context: Context | None = None
    ) -> BlobWriter | None:
        """Mounts a blob from another repository of the same registry.

        Returns ``None`` if the blob was mounted, else a writer that continues the upload that the registry started
        instead.
        """
        opened = await run(self._wrapped.mount_blob, digest, from_repository, timeout=timeout, context=context)
        return None if opened is None else BlobWriter(opened)

    async def tags(
        self, *, page: int = 100, timeout: float | None = None, context: Context | None = None
    ) -> AsyncIterator[str]:
        """Yields the tags of the repository, which are fetched in pages; the timeout is for each page."""
        listed = await self.list_tags(n=page, timeout=timeout, context=context)
        while True:
            for tag in listed["tags"]:
                yield tag
            if "next" not in listed:
                return
            listed = await self.list_tags(n=page, next=listed["next"], timeout=timeout, context=context)


class Endpoint(Wrapper):
    """An address at which a registry may be reached, from :meth:`Service.new_endpoint`. ``str()`` returns its URL.

    Any number of threads may use it at once.
    """

    _wrapped: ocireg.Endpoint

    def __init__(self, wrapped: ocireg.Endpoint) -> None:
        super().__init__(wrapped)

    def __str__(self) -> str:
        return str(self._wrapped)

    async def new_session(
        self, auth: AuthConfig | str | None = None, *, timeout: float | None = None, context: Context | None = None
    ) -> Session:
        """Creates a session for the whole registry. ``auth``: None uses the service's credentials, ``{}`` is
        anonymous."""
        return Session(await run(self._wrapped.new_session, auth, timeout=timeout, context=context))

    def path(self, path: str) -> str:
        """Returns the URL of a path below this endpoint."""
        return self._wrapped.path(path)

    @property
    def is_secure(self) -> bool:
        """Returns whether the endpoint uses https and its certificate is verified."""
        return self._wrapped.is_secure

    async def ping(self, *, timeout: float | None = None, context: Context | None = None) -> PingResult:
        """Asks the endpoint which protocol it speaks, without credentials."""
        return await run(self._wrapped.ping, timeout=timeout, context=context)


class Service(Wrapper):
    """A client's configuration, connections and credentials. Create one and keep it.

    ``options`` is a dict with the keys of Docker's daemon.json and its like, or JSON text. Any number of threads may
    use a service at once.
    """

    _wrapped: ocireg.Service

    @_documented.takes(_options.ServiceOptions, "Keys of ``options``")
    def __init__(self, options: ServiceOptions | str | None = None) -> None:
        """Creates a service. Nothing is sent."""
        super().__init__(ocireg.Service(options))

    def config(self) -> ServiceConfig:
        """Returns the current configuration."""
        return self._wrapped.config()

    @_documented.takes(_options.ConfigOptions, "Keys of ``options``")
    def replace_config(self, options: ConfigOptions | str) -> None:
        """Replaces the whole configuration atomically, for calls that start later."""
        self._wrapped.replace_config(options)

    def load_mirrors(self, mirrors: Sequence[str]) -> None:
        """Replaces the mirrors of docker.io."""
        self._wrapped.load_mirrors(mirrors)

    def load_insecure_registries(self, registries: Sequence[str]) -> None:
        """Replaces the insecure registries (hosts and networks), which may be used without verified TLS."""
        self._wrapped.load_insecure_registries(registries)

    def load_allow_nondistributable_artifacts(self, registries: Sequence[str]) -> None:
        """Replaces the registries (hosts and networks) that nondistributable layers may be pushed to."""
        self._wrapped.load_allow_nondistributable_artifacts(registries)

    def set_log(self, log: _log.Log | None, level: int | None = None) -> None:
        """Logs what the calls of this service do on the network. No record holds a secret.

        ``log`` is a :class:`logging.Logger`, whose records have the library's document as attribute ``ocireg``, or a
        function of the level and the document; None ends it. ``level`` is the least that is wanted, such as
        :data:`logging.INFO` or :data:`TRACE`: absent, it is the logger's, or DEBUG. It is called while a call runs, on
        the thread that made it or, for calls of the main thread, on a worker while the main thread waits. An exception
        in it goes to :func:`sys.unraisablehook`. It must not close what the call uses. Calls that it makes
        itself are not logged.
        """
        self._wrapped.set_log(log, level)

    def set_credentials(self, credentials: _credentials.CredentialsCallback | None) -> None:
        """Sets the program's own source of credentials; None removes it.

        ``credentials`` is called when a call needs credentials for a registry and has none in its own options: before
        the service's ``credentials`` and the files of Docker and podman. It gets a :class:`CredentialRequest` and
        returns an :class:`AuthConfig`, or None to let the next source be used. It is called again, with the reason
        ``refused``, when the registry did not accept what it returned, for example because a password has
        expired. An exception in it stops the call, which then raises it. It is called on the thread that makes
        the call or, for calls of the main thread, on a worker while the main thread waits, and by several
        threads at once. It must not close what the call uses. Calls that it makes do not call it again.
        """
        self._wrapped.set_credentials(credentials)

    async def lookup_pull_endpoints(
        self, hostname: str, *, timeout: float | None = None, context: Context | None = None
    ) -> list[APIEndpoint]:
        """Where to pull from, in order: mirrors first, https before http."""
        return await run(self._wrapped.lookup_pull_endpoints, hostname, timeout=timeout, context=context)

    async def lookup_push_endpoints(
        self, hostname: str, *, timeout: float | None = None, context: Context | None = None
    ) -> list[APIEndpoint]:
        """Where to push to, in order: no mirrors, https before http."""
        return await run(self._wrapped.lookup_push_endpoints, hostname, timeout=timeout, context=context)

    @_documented.takes(_options.EndpointsOptions)
    async def resolve_endpoints(
        self,
        reference: str,
        *,
        timeout: float | None = None,
        context: Context | None = None,
        **options: Unpack[EndpointsOptions],
    ) -> list[ResolvedEndpoint]:
        """The endpoints that a session for a reference would use, in order, with all configured mirrors."""
        return await run(self._wrapped.resolve_endpoints, reference, timeout=timeout, context=context, **options)

    async def resolve_repository(
        self, reference: str, *, timeout: float | None = None, context: Context | None = None
    ) -> RepositoryInfo:
        """The repository of a reference and its registry, under the configuration of the service."""
        return await run(self._wrapped.resolve_repository, reference, timeout=timeout, context=context)

    async def tls_config(
        self, hostname: str, *, timeout: float | None = None, context: Context | None = None
    ) -> TLSConfig:
        """How TLS to a registry is set up."""
        return await run(self._wrapped.tls_config, hostname, timeout=timeout, context=context)

    async def is_insecure_registry(
        self, host: str, *, timeout: float | None = None, context: Context | None = None
    ) -> bool:
        """Returns whether a registry is insecure: it may be used without verified TLS."""
        return await run(self._wrapped.is_insecure_registry, host, timeout=timeout, context=context)

    async def credentials(
        self, host: str, *, timeout: float | None = None, context: Context | None = None
    ) -> CredentialsInfo:
        """Returns which credentials would be used for a registry or ``host/path`` and where they come from, without the
        secret."""
        return await run(self._wrapped.credentials, host, timeout=timeout, context=context)

    async def auth(
        self,
        auth: AuthConfig | str | None,
        user_agent: str | None = None,
        *,
        timeout: float | None = None,
        context: Context | None = None,
    ) -> AuthResult:
        """Checks credentials with the registry ``serveraddress``, or docker.io. Nothing is stored.

        Raises :class:`UnauthorizedError` if they are wrong. ``auth``: None checks the service's credentials for
        docker.io, ``{}`` is anonymous. ``user_agent``: None uses the service's.
        """
        return await run(self._wrapped.auth, auth, user_agent, timeout=timeout, context=context)

    async def search(
        self,
        term: str,
        limit: int = _ffi.DEFAULT_SEARCH_LIMIT,
        auth: AuthConfig | str | None = None,
        user_agent: str | None = None,
        headers: Headers | None = None,
        *,
        timeout: float | None = None,
        context: Context | None = None,
    ) -> SearchResults:
        """Searches the index that ``term``, ``[host[:port]/]term``, names; docker.io if it names none.

        ``limit`` is from 1 to 100. ``auth``: None uses the service's credentials for that index, ``{}`` is anonymous.
        ``user_agent``: None uses the service's. ``headers`` are added to each request.
        """
        return await run(self._wrapped.search, term, limit, auth, user_agent, headers, timeout=timeout, context=context)

    async def login(
        self,
        auth: AuthConfig | str,
        user_agent: str | None = None,
        *,
        timeout: float | None = None,
        context: Context | None = None,
    ) -> LoginResult:
        """Checks credentials as :meth:`auth` does, then stores them in the configured credential helper or in
        config.json.

        The result may contain a secret, an identity token.
        """
        return await run(self._wrapped.login, auth, user_agent, timeout=timeout, context=context)

    async def logout(self, host: str, *, timeout: float | None = None, context: Context | None = None) -> None:
        """Removes the stored credentials of a registry, ``host[:port]``.

        It is not an error if there are none. The registry is not contacted.
        """
        await run(self._wrapped.logout, host, timeout=timeout, context=context)

    def new_endpoint(self, api_endpoint: APIEndpoint | str) -> Endpoint:
        """Creates an endpoint, usually from a result of :meth:`lookup_pull_endpoints`."""
        return Endpoint(self._wrapped.new_endpoint(api_endpoint))

    @_documented.takes(_options.SessionOptions)
    async def open_session(
        self,
        reference: str,
        *,
        timeout: float | None = None,
        context: Context | None = None,
        **options: Unpack[SessionOptions],
    ) -> Session:
        """Opens a session for the repository of a reference, at the first endpoint that answers."""
        return Session(await run(self._wrapped.open_session, reference, timeout=timeout, context=context, **options))

    @_documented.takes(_options.PullOptions)
    async def pull(
        self,
        source: str,
        destination: str,
        *,
        timeout: float | None = None,
        context: Context | None = None,
        **options: Unpack[PullOptions],
    ) -> Report:
        """Pulls an image, such as ``"alpine:3"``, to a location, such as ``"oci:DIRECTORY"`` or
        ``"docker-archive:FILE"``.

        What a layout has already is not pulled again. An archive is replaced when the new one is complete.
        """
        return await run(self._wrapped.pull, source, destination, timeout=timeout, context=context, **options)

    @_documented.takes(_options.PushOptions)
    async def push(
        self,
        source: str,
        destination: str,
        *,
        timeout: float | None = None,
        context: Context | None = None,
        **options: Unpack[PushOptions],
    ) -> Report:
        """Pushes an image, such as ``"oci:DIRECTORY:NAME"`` or ``"docker-archive:FILE"``, to a registry, such as
        ``"registry.example/team/app:v1"``.

        All images of an index are pushed, unless ``platform`` selects one. Content that the registry has is not sent
        again, and the image gets its tag last.
        """
        return await run(self._wrapped.push, source, destination, timeout=timeout, context=context, **options)

    @_documented.takes(_options.CopyOptions)
    async def copy(
        self,
        source: str,
        destination: str,
        *,
        timeout: float | None = None,
        context: Context | None = None,
        **options: Unpack[CopyOptions],
    ) -> Report:
        """Copies an image between registries, layouts and archives: ``"docker://REFERENCE"``, ``"oci:DIRECTORY:NAME"``,
        ``"oci-archive:FILE:NAME"`` or ``"docker-archive:FILE:REFERENCE"`` each.

        All images of an index are copied, unless ``platform`` selects one. A copy between registries does not use the
        disk, and within one registry blobs are mounted if it allows that.
        """
        return await run(self._wrapped.copy, source, destination, timeout=timeout, context=context, **options)

    @_documented.takes(_options.UnpackOptions)
    async def unpack(
        self,
        source: str,
        directory: str,
        *,
        timeout: float | None = None,
        context: Context | None = None,
        **options: Unpack[UnpackOptions],
    ) -> UnpackReport:
        """Unpacks an image to a directory that does not exist or is empty, as the root file system of a container.

        ``source`` is a reference, or ``"oci:DIRECTORY:NAME"``. Layers are applied while they are downloaded, and
        verified. If anything fails, nothing is left in the directory.
        """
        return await run(self._wrapped.unpack, source, directory, timeout=timeout, context=context, **options)

    @_documented.takes(_options.ExportOptions)
    async def export(
        self,
        source: str,
        to: int | _values.HasFileno | str | os.PathLike[str] | _values.Writable,
        *,
        timeout: float | None = None,
        context: Context | None = None,
        **options: Unpack[ExportOptions],
    ) -> UnpackReport:
        """Writes the root file system of an image as one tar archive.

        ``to`` is a file descriptor or an object that has one, which is written from its position on; the path of a
        file, which is replaced; or any object with ``write()``. Of each path the archive has the highest layer's entry.
        Everything is verified by the time the call returns: do not use what was written before an exception.
        """
        return await run(self._wrapped.export, source, to, timeout=timeout, context=context, **options)

    @_documented.takes(_options.InspectOptions)
    async def inspect(
        self,
        source: str,
        *,
        timeout: float | None = None,
        context: Context | None = None,
        **options: Unpack[InspectOptions],
    ) -> Inspection:
        """Describes an image without pulling its layers."""
        return await run(self._wrapped.inspect, source, timeout=timeout, context=context, **options)


async def layout_list(
    location: str, *, timeout: float | None = None, context: Context | None = None
) -> list[LayoutImage]:
    """Lists the images of an OCI layout, such as ``"oci:DIRECTORY"``."""
    return await run(_layouts.layout_list, location, timeout=timeout, context=context)


async def layout_remove(location: str, *, timeout: float | None = None, context: Context | None = None) -> Descriptor:
    """Removes a name from an OCI layout, such as ``"oci:DIRECTORY:NAME"``, and returns the descriptor that it had.

    The blobs stay until :func:`layout_collect` removes them.
    """
    return await run(_layouts.layout_remove, location, timeout=timeout, context=context)


@_documented.takes(_options.CollectOptions)
async def layout_collect(
    location: str, *, timeout: float | None = None, context: Context | None = None, **options: Unpack[CollectOptions]
) -> Collected:
    """Removes the blobs that no image of an OCI layout needs; with ``dry_run`` it only reports them.

    Raises :class:`BusyError` while a pull or copy writes to the layout.
    """
    return await run(_layouts.layout_collect, location, timeout=timeout, context=context, **options)


async def layout_verify(location: str, *, timeout: float | None = None, context: Context | None = None) -> Verified:
    """Hashes all blobs of an OCI layout, and looks for blobs that its images need and that are missing."""
    return await run(_layouts.layout_verify, location, timeout=timeout, context=context)
