"""Sessions with a registry."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from . import _call, _documented, _ffi, _options, _values
from ._ffi import lib
from ._owner import Owner
from ._reader import BlobReader
from ._remote import RemoteBlob
from ._writer import BlobWriter
from .documents import (
    Authorization,
    BlobFile,
    Descriptor,
    PingResult,
    Referrers,
    RepositoryList,
    SessionInfo,
    StoredManifest,
    TagList,
)

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from .documents import (
        AuthorizeOptions,
        BlobOptions,
        GetBlobFDOptions,
        GetBlobFileOptions,
        ManifestOptions,
        PutBlobFileOptions,
        PutBlobOptions,
        PutManifestOptions,
        ReferrersOptions,
        RemoteBlobOptions,
        TagOptions,
    )


class Manifest(NamedTuple):
    """A manifest: its descriptor, and its bytes as the registry stores them, verified by digest."""

    descriptor: Descriptor
    data: bytes


class Session(Owner):
    """A registry or one of its repositories, with the endpoint and the credentials for it.

    Made by :meth:`Service.open_session`, :meth:`Endpoint.new_session` and :meth:`repository`. Any number of threads may
    use it at once. If you leave out a tag or digest, the one in the session's reference is used.
    """

    def __init__(self, pointer: Any) -> None:
        self._own(pointer, lib.ocireg_session_free)

    def repository(self, name: str) -> Session:
        """Creates a session for a repository of the same registry."""
        with self._handle as session:
            return Session(
                _values.call_for_handle(
                    lib.ocireg_session_repository, _ffi.ocireg_session, session, _values.text("name", name)
                )
            )

    @property
    def id(self) -> str:
        """Returns the id of the session, which is unique."""
        with self._handle as session:
            return _values.call_for_text(lib.ocireg_session_id, session)

    def info(self) -> SessionInfo:
        """Describes the session: its protocol, endpoint and repository."""
        with self._handle as session:
            return cast(SessionInfo, _values.call_for_json(lib.ocireg_session_info, session))

    def ping(self, *, timeout: float | None = None, context: _call.Context | None = None) -> PingResult:
        """Asks the registry which protocol it speaks, without credentials."""
        return cast(PingResult, self._run(_values.call_for_json, lib.ocireg_session_ping, timeout, context))

    @_documented.takes(_options.TagOptions)
    def list_tags(
        self,
        *,
        timeout: float | None = None,
        context: _call.Context | None = None,
        **options: Unpack[TagOptions],
    ) -> TagList:
        """Lists the tags of the repository: all of them, or one page with ``n``; pass its ``next`` to get the following
        page."""
        return cast(
            TagList,
            self._run(
                _values.call_for_json,
                lib.ocireg_session_list_tags,
                timeout,
                context,
                _values.options(options),
            ),
        )

    def tags(
        self, *, page: int = 100, timeout: float | None = None, context: _call.Context | None = None
    ) -> Iterator[str]:
        """Yields the tags of the repository, which are fetched in pages; the timeout is for each page."""
        listed = self.list_tags(n=page, timeout=timeout, context=context)
        while True:
            yield from listed["tags"]
            if "next" not in listed:
                return
            listed = self.list_tags(n=page, next=listed["next"], timeout=timeout, context=context)

    @_documented.takes(_options.TagOptions)
    def catalog(
        self,
        *,
        timeout: float | None = None,
        context: _call.Context | None = None,
        **options: Unpack[TagOptions],
    ) -> RepositoryList:
        """Lists the repositories of the registry: all of them, or one page with ``n``. Not every registry supports
        this."""
        return cast(
            RepositoryList,
            self._run(_values.call_for_json, lib.ocireg_session_catalog, timeout, context, _values.options(options)),
        )

    @_documented.takes(_options.ManifestOptions)
    def head_manifest(
        self,
        tag_or_digest: str | None = None,
        *,
        timeout: float | None = None,
        context: _call.Context | None = None,
        **options: Unpack[ManifestOptions],
    ) -> Descriptor:
        """Returns the descriptor of a manifest without its content."""
        return cast(
            Descriptor,
            self._run(
                _values.call_for_json,
                lib.ocireg_session_head_manifest,
                timeout,
                context,
                _values.text("tag_or_digest", tag_or_digest),
                _values.options(options),
            ),
        )

    @_documented.takes(_options.ManifestOptions)
    def get_manifest(
        self,
        tag_or_digest: str | None = None,
        *,
        timeout: float | None = None,
        context: _call.Context | None = None,
        **options: Unpack[ManifestOptions],
    ) -> Manifest:
        """Gets a manifest or index. With ``platform``, the manifest for that platform is selected from an index."""
        wanted = _values.text("tag_or_digest", tag_or_digest)
        details = _values.options(options)

        def get(c_context: Any) -> Manifest:
            descriptor = ctypes.c_void_p()
            data = ctypes.POINTER(ctypes.c_uint8)()
            size = ctypes.c_size_t()
            with self._handle as session:
                _values.call(
                    lib.ocireg_session_get_manifest,
                    session,
                    c_context,
                    wanted,
                    details,
                    ctypes.byref(descriptor),
                    ctypes.byref(data),
                    ctypes.byref(size),
                )
            content = _values.take_bytes(data, size.value)
            return Manifest(cast(Descriptor, _values.take_json(descriptor)), content)

        return _call.run(get, timeout, context)

    @_documented.takes(_options.PutManifestOptions)
    def put_manifest(
        self,
        tag_or_digest: str | None,
        media_type: str | None,
        data: bytes,
        *,
        timeout: float | None = None,
        context: _call.Context | None = None,
        **options: Unpack[PutManifestOptions],
    ) -> StoredManifest:
        """Stores a manifest or index; everything that it lists must be in the repository.

        Without ``tag_or_digest`` it is stored under its digest, without a tag; without ``media_type`` its own is used.
        If it has a ``subject``, :meth:`referrers` finds it afterwards.
        """
        content = _values.lent("data", data)
        return cast(
            StoredManifest,
            self._run(
                _values.call_for_json,
                lib.ocireg_session_put_manifest,
                timeout,
                context,
                _values.text("tag_or_digest", tag_or_digest),
                _values.text("media_type", media_type),
                *content,
                _values.options(options),
            ),
        )

    def delete_manifest(
        self,
        tag_or_digest: str | None = None,
        *,
        timeout: float | None = None,
        context: _call.Context | None = None,
    ) -> None:
        """Deletes a tag, or a manifest with all its tags if you pass a digest. Needs the action ``delete``."""
        self._run(
            _values.call,
            lib.ocireg_session_delete_manifest,
            timeout,
            context,
            _values.text("tag_or_digest", tag_or_digest),
        )

    @_documented.takes(_options.ReferrersOptions)
    def referrers(
        self,
        digest: str,
        *,
        timeout: float | None = None,
        context: _call.Context | None = None,
        **options: Unpack[ReferrersOptions],
    ) -> Referrers:
        """Lists the manifests whose ``subject`` has this digest, such as signatures. The subject need not exist."""
        return cast(
            Referrers,
            self._run(
                _values.call_for_json,
                lib.ocireg_session_referrers,
                timeout,
                context,
                _values.text("digest", digest),
                _values.options(options),
            ),
        )

    def delete_blob(self, digest: str, *, timeout: float | None = None, context: _call.Context | None = None) -> None:
        """Deletes a blob. Needs the action ``delete``."""
        self._run(_values.call, lib.ocireg_session_delete_blob, timeout, context, _values.text("digest", digest))

    @_documented.takes(_options.GetBlobFileOptions)
    def get_blob_file(
        self,
        digest: str,
        path: str,
        *,
        timeout: float | None = None,
        context: _call.Context | None = None,
        **options: Unpack[GetBlobFileOptions],
    ) -> BlobFile:
        """Downloads a blob to a file, which appears after it has been verified. A file that already has the content
        stays."""
        return cast(
            BlobFile,
            self._run(
                _values.call_for_json,
                lib.ocireg_session_get_blob_file,
                timeout,
                context,
                _values.text("digest", digest),
                _values.text("path", path),
                _values.options(options),
            ),
        )

    @_documented.takes(_options.PutBlobFileOptions)
    def put_blob_file(
        self,
        path: str,
        *,
        timeout: float | None = None,
        context: _call.Context | None = None,
        **options: Unpack[PutBlobFileOptions],
    ) -> BlobFile:
        """Uploads a file as a blob. Needs the action ``push``."""
        return cast(
            BlobFile,
            self._run(
                _values.call_for_json,
                lib.ocireg_session_put_blob_file,
                timeout,
                context,
                _values.text("path", path),
                _values.options(options),
            ),
        )

    @_documented.takes(_options.GetBlobFDOptions)
    def get_blob_fd(
        self,
        digest: str,
        fd: int | _values.HasFileno,
        *,
        timeout: float | None = None,
        context: _call.Context | None = None,
        **options: Unpack[GetBlobFDOptions],
    ) -> BlobFile:
        """Downloads a blob to a file descriptor, or to an object that has one: a file, a pipe or a socket.

        Writing starts at the position of a file. The digest is checked when everything is written; what was written
        before an error must not be used. What Python itself has buffered for the object is not written by this call.
        """
        return cast(
            BlobFile,
            self._run(
                _values.call_for_json,
                lib.ocireg_session_get_blob_fd,
                timeout,
                context,
                _values.text("digest", digest),
                _values.descriptor(fd),
                _values.options(options),
            ),
        )

    @_documented.takes(_options.PutBlobFileOptions)
    def put_blob_fd(
        self,
        fd: int | _values.HasFileno,
        *,
        timeout: float | None = None,
        context: _call.Context | None = None,
        **options: Unpack[PutBlobFileOptions],
    ) -> BlobFile:
        """Uploads what a file descriptor holds, from its position to its end, as a blob; for the action ``push``.

        A pipe or socket is read until its other end is closed. What Python itself has read ahead from the object is not
        uploaded.
        """
        return cast(
            BlobFile,
            self._run(
                _values.call_for_json,
                lib.ocireg_session_put_blob_fd,
                timeout,
                context,
                _values.descriptor(fd),
                _values.options(options),
            ),
        )

    def head_blob(
        self, digest: str, *, timeout: float | None = None, context: _call.Context | None = None
    ) -> Descriptor:
        """Returns the digest and size of a blob without its content. A registry does not know the type of a blob."""
        return cast(
            Descriptor,
            self._run(
                _values.call_for_json, lib.ocireg_session_head_blob, timeout, context, _values.text("digest", digest)
            ),
        )

    @_documented.takes(_options.BlobOptions)
    def open_blob(
        self,
        digest: str,
        offset: int = 0,
        *,
        timeout: float | None = None,
        context: _call.Context | None = None,
        **options: Unpack[BlobOptions],
    ) -> BlobReader:
        """Opens a blob for reading, starting at ``offset``.

        ``timeout`` is for opening and again for each read; ``context`` is for the whole life of the reader.
        """
        wanted = _values.text("digest", digest)
        details = _values.options(options)
        if not 0 <= offset < 2**64:
            raise ValueError("offset must be a non-negative number of bytes")

        def open_it(c_context: Any) -> BlobReader:
            with self._handle as session:
                pointer = _values.call_for_handle(
                    lib.ocireg_session_open_blob,
                    _ffi.ocireg_reader,
                    session,
                    c_context,
                    wanted,
                    offset,
                    details,
                )
            return BlobReader(pointer, digest, timeout, context)

        return _call.run(open_it, timeout, context)

    @_documented.takes(_options.RemoteBlobOptions)
    def remote_blob(
        self,
        digest: str,
        *,
        timeout: float | None = None,
        context: _call.Context | None = None,
        **options: Unpack[RemoteBlobOptions],
    ) -> RemoteBlob:
        """Opens a blob as a file that can be read anywhere, without a request.

        Without ``chunks`` nothing of what is read can be verified. ``timeout`` is for each read; ``context`` is for the
        whole life of the blob.
        """
        with self._handle as session:
            pointer = _values.call_for_handle(
                lib.ocireg_session_blob,
                _ffi.ocireg_blob,
                session,
                _values.text("digest", digest),
                _values.options(options),
            )
        return RemoteBlob(pointer, digest, timeout, context)

    @_documented.takes(_options.AuthorizeOptions)
    def authorize(
        self,
        method: str,
        path: str,
        *,
        timeout: float | None = None,
        context: _call.Context | None = None,
        **options: Unpack[AuthorizeOptions],
    ) -> Authorization:
        """What another HTTP client needs for a request to the repository; ``path`` is such as ``blobs/sha256:…``.

        Call it again before ``expires_ms`` has passed, and with ``renew=True`` if the registry answers 401. It contains
        secrets: send the headers nowhere else.
        """
        return cast(
            Authorization,
            self._run(
                _values.call_for_json,
                lib.ocireg_session_authorize,
                timeout,
                context,
                _values.text("method", method),
                _values.text("path", path),
                _values.options(options),
            ),
        )

    @_documented.takes(_options.PutBlobOptions)
    def put_blob(
        self,
        *,
        timeout: float | None = None,
        context: _call.Context | None = None,
        **options: Unpack[PutBlobOptions],
    ) -> BlobWriter:
        """Starts writing a blob. Needs the action ``push``.

        ``timeout`` is for this call and for each call on the writer; ``context`` is for its whole life.
        """
        details = _values.options(options)

        def put(c_context: Any) -> BlobWriter:
            with self._handle as session:
                pointer = _values.call_for_handle(
                    lib.ocireg_session_put_blob, _ffi.ocireg_writer, session, c_context, details
                )
            return BlobWriter(pointer, timeout, context)

        return _call.run(put, timeout, context)

    def mount_blob(
        self,
        digest: str,
        from_repository: str,
        *,
        timeout: float | None = None,
        context: _call.Context | None = None,
    ) -> BlobWriter | None:
        """Mounts a blob from another repository of the same registry.

        Returns ``None`` if the blob was mounted, else a writer that continues the upload that the registry started
        instead.
        """
        wanted = _values.text("digest", digest)
        source = _values.text("from_repository", from_repository)

        def mount(c_context: Any) -> BlobWriter | None:
            with self._handle as session:
                pointer = _values.call_for_handle(
                    lib.ocireg_session_mount_blob,
                    _ffi.ocireg_writer,
                    session,
                    c_context,
                    wanted,
                    source,
                    None,
                    None,
                )
            return BlobWriter(pointer, timeout, context) if pointer else None

        return _call.run(mount, timeout, context)
