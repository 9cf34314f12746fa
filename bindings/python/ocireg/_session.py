"""Sessions with a registry."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from . import _call, _ffi, _values
from ._ffi import lib
from ._owner import Owner
from ._reader import BlobReader
from ._writer import BlobWriter
from .documents import BlobFile, Descriptor, PingResult, Referrers, RepositoryList, SessionInfo, StoredManifest, TagList

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from .documents import (
        BlobOptions,
        GetBlobFDOptions,
        GetBlobFileOptions,
        ManifestOptions,
        PutBlobFileOptions,
        PutBlobOptions,
        PutManifestOptions,
        ReferrersOptions,
        TagOptions,
    )


class Manifest(NamedTuple):
    """A manifest: what it is, and its bytes as the registry keeps them, verified by digest."""

    descriptor: Descriptor
    data: bytes


class Session(Owner):
    """Speaks with one registry, or about one repository of it.

    Made by :meth:`Service.open_session`, :meth:`Endpoint.new_session` and :meth:`repository`. Any number of threads may
    use it at once. Where a tag or digest may be left out, that of the session's reference is meant.
    """

    def __init__(self, pointer: Any) -> None:
        self._own(pointer, lib.ocireg_session_free)

    def repository(self, name: str) -> Session:
        """A session about a repository of the same registry."""
        with self._handle as session:
            return Session(
                _values.call_for_handle(
                    lib.ocireg_session_repository, _ffi.ocireg_session, session, _values.text("name", name)
                )
            )

    @property
    def id(self) -> str:
        """A text that no other session has."""
        with self._handle as session:
            return _values.call_for_text(lib.ocireg_session_id, session)

    def info(self) -> SessionInfo:
        """With whom the session speaks, about what."""
        with self._handle as session:
            return cast(SessionInfo, _values.call_for_json(lib.ocireg_session_info, session))

    def ping(self, *, timeout: float | None = None, context: _call.Context | None = None) -> PingResult:
        """Asks the registry who it is, without credentials."""
        return cast(PingResult, self._run(_values.call_for_json, lib.ocireg_session_ping, timeout, context))

    def list_tags(
        self,
        *,
        timeout: float | None = None,
        context: _call.Context | None = None,
        **options: Unpack[TagOptions],
    ) -> TagList:
        """The tags of the repository: all, or with ``n`` one page; its ``next`` is an option for the page after it."""
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
        """The tags of the repository one by one, asked for in pages; the timeout is for each page."""
        listed = self.list_tags(n=page, timeout=timeout, context=context)
        while True:
            yield from listed["tags"]
            if "next" not in listed:
                return
            listed = self.list_tags(n=page, next=listed["next"], timeout=timeout, context=context)

    def catalog(
        self,
        *,
        timeout: float | None = None,
        context: _call.Context | None = None,
        **options: Unpack[TagOptions],
    ) -> RepositoryList:
        """The repositories of the registry: all, or with ``n`` one page. Not every registry tells."""
        return cast(
            RepositoryList,
            self._run(_values.call_for_json, lib.ocireg_session_catalog, timeout, context, _values.options(options)),
        )

    def head_manifest(
        self,
        tag_or_digest: str | None = None,
        *,
        timeout: float | None = None,
        context: _call.Context | None = None,
        **options: Unpack[ManifestOptions],
    ) -> Descriptor:
        """What a tag or digest points to, without the content."""
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

    def get_manifest(
        self,
        tag_or_digest: str | None = None,
        *,
        timeout: float | None = None,
        context: _call.Context | None = None,
        **options: Unpack[ManifestOptions],
    ) -> Manifest:
        """A manifest or index. With ``platform`` an index is resolved to the manifest of that platform."""
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

        Without ``tag_or_digest`` it is stored under its digest alone; without ``media_type`` it has its own. One with a
        ``subject`` is found by :meth:`referrers` afterwards.
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
        """Deletes a tag, or by its digest a manifest with all its tags; for the action ``delete``."""
        self._run(
            _values.call,
            lib.ocireg_session_delete_manifest,
            timeout,
            context,
            _values.text("tag_or_digest", tag_or_digest),
        )

    def referrers(
        self,
        digest: str,
        *,
        timeout: float | None = None,
        context: _call.Context | None = None,
        **options: Unpack[ReferrersOptions],
    ) -> Referrers:
        """The manifests whose ``subject`` has this digest, such as signatures; it need not be there itself."""
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
        """Deletes a blob; for the action ``delete``."""
        self._run(_values.call, lib.ocireg_session_delete_blob, timeout, context, _values.text("digest", digest))

    def get_blob_file(
        self,
        digest: str,
        path: str,
        *,
        timeout: float | None = None,
        context: _call.Context | None = None,
        **options: Unpack[GetBlobFileOptions],
    ) -> BlobFile:
        """Downloads a blob to a file, which appears when all of it was verified. One that is the blob already stays."""
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

    def put_blob_file(
        self,
        path: str,
        *,
        timeout: float | None = None,
        context: _call.Context | None = None,
        **options: Unpack[PutBlobFileOptions],
    ) -> BlobFile:
        """Uploads a file as a blob; for the action ``push``."""
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

    def get_blob_fd(
        self,
        digest: str,
        fd: int | _values.HasFileno,
        *,
        timeout: float | None = None,
        context: _call.Context | None = None,
        **options: Unpack[GetBlobFDOptions],
    ) -> BlobFile:
        """Downloads a blob to a file descriptor, or an object that has one: a file from its position on, a pipe, a socket.

        The digest is checked when everything is written; what was written before an error must not be used. What Python
        itself has buffered for the object is not written by this call.
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
        """The digest and size of a blob, without its content. A registry does not know the type of a blob."""
        return cast(
            Descriptor,
            self._run(
                _values.call_for_json, lib.ocireg_session_head_blob, timeout, context, _values.text("digest", digest)
            ),
        )

    def open_blob(
        self,
        digest: str,
        offset: int = 0,
        *,
        timeout: float | None = None,
        context: _call.Context | None = None,
        **options: Unpack[BlobOptions],
    ) -> BlobReader:
        """Opens a blob for reading, from ``offset`` on.

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

    def put_blob(
        self,
        *,
        timeout: float | None = None,
        context: _call.Context | None = None,
        **options: Unpack[PutBlobOptions],
    ) -> BlobWriter:
        """Begins to write a blob, for a session that was opened with the action ``push``.

        ``timeout`` is for the beginning and again for each call on the writer; ``context`` is for its whole life.
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
        """Takes a blob over from another repository of the registry.

        ``None`` says that it is done; else the writer goes on with the upload that the registry began instead.
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
