"""Protocol v1: endpoints and sessions of indexes and registries from the time before v2."""

from __future__ import annotations

import ctypes
from collections.abc import Iterable
from typing import Any, NamedTuple, cast

from . import _call, _ffi, _values
from ._any_endpoint import AnyEndpoint
from ._ffi import lib
from ._owner import Owner
from ._reader import LayerReader
from ._writer import LayerWriter
from .documents import AuthConfig, ImgData, PingResult, RepositoryData, SearchResults, SessionInfo


class V1Image(NamedTuple):
    """The JSON of an image, byte for byte, and the size of its layer if the registry states it."""

    json: bytes
    layer_size: int | None


class V1Endpoint(AnyEndpoint):
    """A v1 index or registry, made by :meth:`Service.new_v1_endpoint` and :meth:`Endpoint.to_v1`.

    Any number of threads may use it at once.
    """

    def new_session(
        self,
        auth: AuthConfig | str | None = None,
        *,
        timeout: float | None = None,
        context: _call.Context | None = None,
    ) -> V1Session:
        """A session. ``auth``: None uses the service's credentials, ``{}`` is anonymous."""
        credentials = _values.document("auth_json", auth)

        def begin(c_context: Any) -> V1Session:
            with self._handle as endpoint:
                return V1Session(
                    _values.call_for_handle(
                        lib.ocireg_session_new, _ffi.ocireg_session, endpoint, c_context, credentials
                    )
                )

        return _call.run(begin, timeout, context)


class V1Session(Owner):
    """A session with a v1 index and its registries, from :meth:`Service.open_v1_session` and
    :meth:`V1Endpoint.new_session`. Any number of threads may use it at once.

    Registries are URLs that end in ``/v1/``, as :meth:`get_repository_data` lists them. The index's token is for the
    repository of the latest such call: use one session for each repository that you work on at the same time.
    """

    def __init__(self, pointer: Any) -> None:
        self._own(pointer, lib.ocireg_session_free)

    @property
    def id(self) -> str:
        """Returns the id of the session, which is unique."""
        with self._handle as session:
            return _values.call_for_text(lib.ocireg_session_id, session)

    def info(self) -> SessionInfo:
        """Describes the session: its protocol and endpoint."""
        with self._handle as session:
            return cast(SessionInfo, _values.call_for_json(lib.ocireg_session_info, session))

    def ping(self, *, timeout: float | None = None, context: _call.Context | None = None) -> PingResult:
        """Sends a ping to the index, without credentials."""
        return cast(PingResult, self._run(_values.call_for_json, lib.ocireg_session_ping, timeout, context))

    def get_repository_data(
        self, reference: str, *, timeout: float | None = None, context: _call.Context | None = None
    ) -> RepositoryData:
        """Gets the images of a repository, and the registries that have them, from the index.

        Raises :class:`NotFoundError` if the repository does not exist, and :class:`PolicyError` if the index names a
        registry on another host that the option ``allow-v1-endpoints`` does not list.
        """
        wanted = _values.text("reference", reference)
        function = lib.ocireg_session_get_repository_data
        return cast(RepositoryData, self._run(_values.call_for_json, function, timeout, context, wanted))

    def get_remote_tags(
        self,
        registries: Iterable[str] | str,
        reference: str,
        *,
        timeout: float | None = None,
        context: _call.Context | None = None,
    ) -> dict[str, str]:
        """Gets the tags of a repository and their image ids from the first registry that answers."""
        roots = _values.listed("registries_json", registries)
        wanted = _values.text("reference", reference)
        function = lib.ocireg_session_get_remote_tags
        return cast("dict[str, str]", self._run(_values.call_for_json, function, timeout, context, roots, wanted))

    def get_remote_tag(
        self,
        registries: Iterable[str] | str,
        reference: str,
        tag: str,
        *,
        timeout: float | None = None,
        context: _call.Context | None = None,
    ) -> str:
        """Gets the image id of a tag from the first registry that answers."""
        return self._run(
            _values.call_for_text,
            lib.ocireg_session_get_remote_tag,
            timeout,
            context,
            _values.listed("registries_json", registries),
            _values.text("reference", reference),
            _values.text("tag", tag),
        )

    def get_remote_history(
        self,
        image_id: str,
        registry: str,
        *,
        timeout: float | None = None,
        context: _call.Context | None = None,
    ) -> list[str]:
        """Gets the ids of an image and of all its ancestors."""
        image, root = _values.text("image_id", image_id), _values.text("registry", registry)
        function = lib.ocireg_session_get_remote_history
        return cast("list[str]", self._run(_values.call_for_json, function, timeout, context, image, root))

    def lookup_remote_image(
        self,
        image_id: str,
        registry: str,
        *,
        timeout: float | None = None,
        context: _call.Context | None = None,
    ) -> None:
        """Raises :class:`NotFoundError` unless the registry has the image, whose id is 64 lower-case hex digits."""
        image, root = _values.text("image_id", image_id), _values.text("registry", registry)
        self._run(_values.call, lib.ocireg_session_lookup_remote_image, timeout, context, image, root)

    def get_remote_image_json(
        self,
        image_id: str,
        registry: str,
        *,
        timeout: float | None = None,
        context: _call.Context | None = None,
    ) -> V1Image:
        """Gets the JSON of an image, and the size of its layer in bytes (None if the registry does not state it)."""
        image, root = _values.text("image_id", image_id), _values.text("registry", registry)

        def get(c_context: Any) -> V1Image:
            data = ctypes.POINTER(ctypes.c_uint8)()
            size = ctypes.c_size_t()
            layer = ctypes.c_int64(-1)
            with self._handle as session:
                _values.call(
                    lib.ocireg_session_get_remote_image_json,
                    session,
                    c_context,
                    image,
                    root,
                    ctypes.byref(data),
                    ctypes.byref(size),
                    ctypes.byref(layer),
                )
            return V1Image(_values.take_bytes(data, size.value), None if layer.value < 0 else layer.value)

        return _call.run(get, timeout, context)

    def get_remote_image_layer(
        self,
        image_id: str,
        registry: str,
        image_size: int | None = None,
        *,
        timeout: float | None = None,
        context: _call.Context | None = None,
    ) -> LayerReader:
        """Opens the layer of an image as the registry stores it, usually compressed with gzip.

        ``image_size`` is the ``layer_size`` of :meth:`get_remote_image_json`; with it, reading resumes after the
        connection breaks, if the registry supports ranges. ``timeout`` is for opening and again for each read;
        ``context`` is for the whole life of the reader.
        """
        image, root = _values.text("image_id", image_id), _values.text("registry", registry)
        size = -1 if image_size is None else _values.int64("image_size", image_size)

        def open_it(c_context: Any) -> LayerReader:
            with self._handle as session:
                pointer = _values.call_for_handle(
                    lib.ocireg_session_get_remote_image_layer,
                    _ffi.ocireg_reader,
                    session,
                    c_context,
                    image,
                    root,
                    size,
                )
            return LayerReader(pointer, image_id, timeout, context)

        return _call.run(open_it, timeout, context)

    def push_image_json_registry(
        self,
        image: ImgData | str,
        registry: str,
        json: bytes,
        *,
        timeout: float | None = None,
        context: _call.Context | None = None,
    ) -> None:
        """Sends the JSON of an image to a registry; ``image`` contains its id.

        Raises :class:`AlreadyExistsError` if the registry has the image.
        """
        known, root = _values.document("image_data_json", image), _values.text("registry", registry)
        function = lib.ocireg_session_push_image_json_registry
        self._run(_values.call, function, timeout, context, known, root, *_values.lent("json", json))

    def push_image_layer_registry(
        self,
        image_id: str,
        registry: str,
        image_json: bytes,
        *,
        timeout: float | None = None,
        context: _call.Context | None = None,
    ) -> LayerWriter:
        """Starts writing the layer of an image: write an uncompressed tar archive, then commit, which sends it.

        Pass the result of the commit to :meth:`push_image_checksum_registry`. ``image_json`` is the JSON of the image;
        ``timeout`` is for each call on the writer; ``context`` is for its whole life.
        """
        image, root = _values.text("image_id", image_id), _values.text("registry", registry)
        content = _values.lent("image_json", image_json)

        def begin(c_context: Any) -> LayerWriter:
            with self._handle as session:
                pointer = _values.call_for_handle(
                    lib.ocireg_session_push_image_layer_registry,
                    _ffi.ocireg_writer,
                    session,
                    c_context,
                    image,
                    root,
                    *content,
                )
            return LayerWriter(pointer, timeout, context)

        return _call.run(begin, timeout, context)

    def push_image_checksum_registry(
        self,
        image: ImgData | str,
        registry: str,
        *,
        timeout: float | None = None,
        context: _call.Context | None = None,
    ) -> None:
        """Sends the checksums of a layer to the registry that has received it: ``id``, and the result of the commit."""
        known, root = _values.document("image_data_json", image), _values.text("registry", registry)
        self._run(_values.call, lib.ocireg_session_push_image_checksum_registry, timeout, context, known, root)

    def push_registry_tag(
        self,
        reference: str,
        revision: str,
        tag: str,
        registry: str,
        *,
        timeout: float | None = None,
        context: _call.Context | None = None,
    ) -> None:
        """Sets a tag of the repository ``reference`` to the image with the id ``revision``."""
        self._run(
            _values.call,
            lib.ocireg_session_push_registry_tag,
            timeout,
            context,
            _values.text("reference", reference),
            _values.text("revision", revision),
            _values.text("tag", tag),
            _values.text("registry", registry),
        )

    def push_image_json_index(
        self,
        reference: str,
        images: Iterable[ImgData] | str,
        validate: bool,
        registries: Iterable[str] | str = (),
        *,
        timeout: float | None = None,
        context: _call.Context | None = None,
    ) -> RepositoryData:
        """Sends the list of a repository's images to the index: before they are sent, and afterwards with ``validate``.

        Before, the result has the ``Endpoints`` to send the images to. Afterwards, ``registries`` are those that have
        the images, and images without a checksum are left out.
        """
        return cast(
            RepositoryData,
            self._run(
                _values.call_for_json,
                lib.ocireg_session_push_image_json_index,
                timeout,
                context,
                _values.text("reference", reference),
                _values.listed("images_json", images),
                int(validate),
                _values.listed("registries_json", registries),
            ),
        )

    def search_repositories(
        self,
        term: str,
        limit: int = _ffi.DEFAULT_SEARCH_LIMIT,
        *,
        timeout: float | None = None,
        context: _call.Context | None = None,
    ) -> SearchResults:
        """Searches the index; ``limit`` is from 1 to 100."""
        return cast(
            SearchResults,
            self._run(
                _values.call_for_json,
                lib.ocireg_session_search_repositories,
                timeout,
                context,
                _values.text("term", term),
                _values.int32("limit", limit),
            ),
        )
