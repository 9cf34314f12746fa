"""The service: the configuration that all calls start from."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, cast

from . import _call, _credentials, _documented, _ffi, _log, _options, _values
from ._endpoint import Endpoint, Headers
from ._ffi import lib
from ._owner import Owner
from ._session import Session
from ._v1 import V1Endpoint, V1Session
from .documents import (
    APIEndpoint,
    AuthConfig,
    AuthResult,
    ConfigOptions,
    CredentialsInfo,
    IndexInfo,
    Inspection,
    LoginResult,
    Report,
    RepositoryInfo,
    SearchResults,
    ServiceConfig,
    ServiceOptions,
    TLSConfig,
    UnpackReport,
)

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from .documents import (
        CopyOptions,
        EndpointsOptions,
        ExportOptions,
        InspectOptions,
        PullOptions,
        PushOptions,
        ResolvedEndpoint,
        SessionOptions,
        UnpackOptions,
    )

_Opened = TypeVar("_Opened")


class Service(Owner):
    """A client's configuration, connections and credentials. Create one and keep it.

    ``options`` is a dict with the keys of Docker's daemon.json and its like, or JSON text. Any number of threads may
    use a service at once.
    """

    @_documented.takes(_options.ServiceOptions, "Keys of ``options``")
    def __init__(self, options: ServiceOptions | str | None = None) -> None:
        """Creates a service. Nothing is sent."""
        details = _values.document("options_json", options)
        self._own(
            _values.call_for_handle(lib.ocireg_service_new, _ffi.ocireg_service, details),
            lib.ocireg_service_free,
        )

    # Configuration.

    def config(self) -> ServiceConfig:
        """Returns the current configuration."""
        with self._handle as service:
            return cast(ServiceConfig, _values.call_for_json(lib.ocireg_service_config, service))

    @_documented.takes(_options.ConfigOptions, "Keys of ``options``")
    def replace_config(self, options: ConfigOptions | str) -> None:
        """Replaces the whole configuration atomically, for calls that start later."""
        with self._handle as service:
            _values.call(lib.ocireg_service_replace_config, service, _values.document("options_json", options))

    def load_mirrors(self, mirrors: Sequence[str]) -> None:
        """Replaces the mirrors of docker.io."""
        self._load(lib.ocireg_service_load_mirrors, mirrors)

    def load_insecure_registries(self, registries: Sequence[str]) -> None:
        """Replaces the insecure registries (hosts and networks), which may be used without verified TLS."""
        self._load(lib.ocireg_service_load_insecure_registries, registries)

    def load_allow_nondistributable_artifacts(self, registries: Sequence[str]) -> None:
        """Replaces the registries (hosts and networks) that nondistributable layers may be pushed to."""
        self._load(lib.ocireg_service_load_allow_nondistributable_artifacts, registries)

    def _load(self, function: Any, values: Sequence[str]) -> None:
        # A str is passed as it is: it is JSON, as everywhere.
        with self._handle as service:
            _values.call(function, service, _values.listed("list_json", values))

    def set_log(self, log: _log.Log | None, level: int | None = None) -> None:
        """Logs what the calls of this service do on the network. No record holds a secret.

        ``log`` is a :class:`logging.Logger`, whose records have the library's document as attribute ``ocireg``, or a
        function of the level and the document; None ends it. ``level`` is the least that is wanted, such as
        :data:`logging.INFO` or :data:`TRACE`: absent, it is the logger's, or DEBUG. It is called while a call runs, on
        the thread that made it or, for calls of the main thread, on a worker while the main thread waits. An exception
        in it goes to :func:`sys.unraisablehook`. It must not close what the call uses. Calls that it makes
        itself are not logged.
        """
        with self._handle as service:
            _log.set_log(service, log, level)

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
        with self._handle as service:
            _credentials.set_credentials(service, credentials)

    # Questions that may ask for the addresses of a host.

    def lookup_pull_endpoints(
        self, hostname: str, *, timeout: float | None = None, context: _call.Context | None = None
    ) -> list[APIEndpoint]:
        """Where to pull from, in order: mirrors first, https before http."""
        return cast(
            "list[APIEndpoint]",
            self._run(
                _values.call_for_json,
                lib.ocireg_service_lookup_pull_endpoints,
                timeout,
                context,
                _values.text("hostname", hostname),
            ),
        )

    def lookup_push_endpoints(
        self, hostname: str, *, timeout: float | None = None, context: _call.Context | None = None
    ) -> list[APIEndpoint]:
        """Where to push to, in order: no mirrors, https before http."""
        return cast(
            "list[APIEndpoint]",
            self._run(
                _values.call_for_json,
                lib.ocireg_service_lookup_push_endpoints,
                timeout,
                context,
                _values.text("hostname", hostname),
            ),
        )

    @_documented.takes(_options.EndpointsOptions)
    def resolve_endpoints(
        self,
        reference: str,
        *,
        timeout: float | None = None,
        context: _call.Context | None = None,
        **options: Unpack[EndpointsOptions],
    ) -> list[ResolvedEndpoint]:
        """The endpoints that a session for a reference would use, in order, with all configured mirrors."""
        found = self._run(
            _values.call_for_json,
            lib.ocireg_service_resolve_endpoints,
            timeout,
            context,
            _values.text("reference", reference),
            _values.options(options),
        )
        return cast("list[ResolvedEndpoint]", found["endpoints"])

    def resolve_repository(
        self, reference: str, *, timeout: float | None = None, context: _call.Context | None = None
    ) -> RepositoryInfo:
        """The repository of a reference and its registry, under the configuration of the service."""
        return cast(
            RepositoryInfo,
            self._run(
                _values.call_for_json,
                lib.ocireg_service_resolve_repository,
                timeout,
                context,
                _values.text("reference", reference),
            ),
        )

    def tls_config(
        self, hostname: str, *, timeout: float | None = None, context: _call.Context | None = None
    ) -> TLSConfig:
        """How TLS to a registry is set up."""
        return cast(
            TLSConfig,
            self._run(
                _values.call_for_json,
                lib.ocireg_service_tls_config,
                timeout,
                context,
                _values.text("hostname", hostname),
            ),
        )

    def is_insecure_registry(
        self, host: str, *, timeout: float | None = None, context: _call.Context | None = None
    ) -> bool:
        """Returns whether a registry is insecure: it may be used without verified TLS."""
        return self._run(
            _values.call_for_bool,
            lib.ocireg_service_is_insecure_registry,
            timeout,
            context,
            _values.text("host", host),
        )

    def credentials(
        self, host: str, *, timeout: float | None = None, context: _call.Context | None = None
    ) -> CredentialsInfo:
        """Returns which credentials would be used for a registry or ``host/path`` and where they come from, without the
        secret."""
        return cast(
            CredentialsInfo,
            self._run(
                _values.call_for_json,
                lib.ocireg_service_credentials,
                timeout,
                context,
                _values.text("host", host),
            ),
        )

    def auth(
        self,
        auth: AuthConfig | str | None,
        user_agent: str | None = None,
        *,
        timeout: float | None = None,
        context: _call.Context | None = None,
    ) -> AuthResult:
        """Checks credentials with the registry ``serveraddress``, or docker.io. Nothing is stored.

        Raises :class:`UnauthorizedError` if they are wrong. ``auth``: None checks the service's credentials for
        docker.io, ``{}`` is anonymous. ``user_agent``: None uses the service's.
        """
        return cast(
            AuthResult,
            self._run(
                _values.call_for_json,
                lib.ocireg_service_auth,
                timeout,
                context,
                _values.document("auth_json", auth),
                _values.text("user_agent", user_agent),
            ),
        )

    def search(
        self,
        term: str,
        limit: int = _ffi.DEFAULT_SEARCH_LIMIT,
        auth: AuthConfig | str | None = None,
        user_agent: str | None = None,
        headers: Headers | None = None,
        *,
        timeout: float | None = None,
        context: _call.Context | None = None,
    ) -> SearchResults:
        """Searches the index that ``term``, ``[host[:port]/]term``, names; docker.io if it names none.

        ``limit`` is from 1 to 100. ``auth``: None uses the service's credentials for that index, ``{}`` is anonymous.
        ``user_agent``: None uses the service's. ``headers`` are added to each request.
        """
        more = _values.headers(headers)
        return cast(
            SearchResults,
            self._run(
                _values.call_for_json,
                lib.ocireg_service_search,
                timeout,
                context,
                _values.text("term", term),
                _values.int32("limit", limit),
                _values.document("auth_json", auth),
                _values.text("user_agent", user_agent),
                more,
            ),
        )

    def login(
        self,
        auth: AuthConfig | str,
        user_agent: str | None = None,
        *,
        timeout: float | None = None,
        context: _call.Context | None = None,
    ) -> LoginResult:
        """Checks credentials as :meth:`auth` does, then stores them in the configured credential helper or in
        config.json.

        The result may contain a secret, an identity token.
        """
        return cast(
            LoginResult,
            self._run(
                _values.call_for_json,
                lib.ocireg_service_login,
                timeout,
                context,
                _values.document("auth_json", auth),
                _values.text("user_agent", user_agent),
            ),
        )

    def logout(self, host: str, *, timeout: float | None = None, context: _call.Context | None = None) -> None:
        """Removes the stored credentials of a registry, ``host[:port]``.

        It is not an error if there are none. The registry is not contacted.
        """
        self._run(_values.call, lib.ocireg_service_logout, timeout, context, _values.text("host", host))

    # What begins here.

    def new_endpoint(self, api_endpoint: APIEndpoint | str) -> Endpoint:
        """Creates an endpoint, usually from a result of :meth:`lookup_pull_endpoints`."""
        document = _values.document("api_endpoint_json", api_endpoint)
        with self._handle as service:
            return Endpoint(_values.call_for_handle(lib.ocireg_endpoint_new, _ffi.ocireg_endpoint, service, document))

    def new_v1_endpoint(
        self,
        index: IndexInfo | str,
        user_agent: str | None = None,
        headers: Headers | None = None,
        *,
        timeout: float | None = None,
        context: _call.Context | None = None,
    ) -> V1Endpoint:
        """Finds the endpoint of a v1 index: by https, and then by http if the index is not secure.

        Only ``Name`` and ``Secure`` of ``index`` are used, such as ``{"Name": "old.example", "Secure": True}``.
        ``user_agent`` and ``headers`` are sent with all requests of the endpoint and of its sessions.
        """
        document = _values.document("index_json", index)
        agent = _values.text("user_agent", user_agent)
        more = _values.headers(headers)

        def find(c_context: Any) -> V1Endpoint:
            with self._handle as service:
                return V1Endpoint(
                    _values.call_for_handle(
                        lib.ocireg_endpoint_new_v1, _ffi.ocireg_endpoint, service, c_context, document, agent, more
                    )
                )

        return _call.run(find, timeout, context)

    @_documented.takes(_options.SessionOptions)
    def open_session(
        self,
        reference: str,
        *,
        timeout: float | None = None,
        context: _call.Context | None = None,
        **options: Unpack[SessionOptions],
    ) -> Session:
        """Opens a session for the repository of a reference, at the first endpoint that answers."""
        if options.get("protocol") == "v1":
            raise ValueError("use open_v1_session() to open a session of protocol v1")
        name = _values.text("reference", reference)
        return self._open(Session, name, _values.options(options), timeout, context)

    def open_v1_session(
        self,
        host: str,
        auth: AuthConfig | None = None,
        *,
        timeout: float | None = None,
        context: _call.Context | None = None,
    ) -> V1Session:
        """Opens a session of protocol v1 with the index at ``host[:port]``, found as by :meth:`new_v1_endpoint`.

        ``auth``: None uses the service's credentials, ``{}`` is anonymous.
        """
        _values.text("host", host)  # Anything but text would be refused as something that the caller has not given.
        options = _values.options({"registry": host, "protocol": "v1", "auth": auth})
        return self._open(V1Session, None, options, timeout, context)

    def _open(
        self,
        kind: Callable[[Any], _Opened],
        reference: bytes | None,
        options: bytes | None,
        timeout: float | None,
        context: _call.Context | None,
    ) -> _Opened:
        def begin(c_context: Any) -> _Opened:
            with self._handle as service:
                return kind(
                    _values.call_for_handle(
                        lib.ocireg_session_open, _ffi.ocireg_session, service, c_context, reference, options
                    )
                )

        return _call.run(begin, timeout, context)

    @_documented.takes(_options.PullOptions)
    def pull(
        self,
        source: str,
        destination: str,
        *,
        timeout: float | None = None,
        context: _call.Context | None = None,
        **options: Unpack[PullOptions],
    ) -> Report:
        """Pulls an image, such as ``"alpine:3"``, to a location, such as ``"oci:DIRECTORY"`` or
        ``"docker-archive:FILE"``.

        What a layout has already is not pulled again. An archive is replaced when the new one is complete.
        """
        return self._move(lib.ocireg_pull, source, destination, timeout, context, options)

    @_documented.takes(_options.PushOptions)
    def push(
        self,
        source: str,
        destination: str,
        *,
        timeout: float | None = None,
        context: _call.Context | None = None,
        **options: Unpack[PushOptions],
    ) -> Report:
        """Pushes an image, such as ``"oci:DIRECTORY:NAME"`` or ``"docker-archive:FILE"``, to a registry, such as
        ``"registry.example/team/app:v1"``.

        All images of an index are pushed, unless ``platform`` selects one. Content that the registry has is not sent
        again, and the image gets its tag last.
        """
        return self._move(lib.ocireg_push, source, destination, timeout, context, options)

    @_documented.takes(_options.CopyOptions)
    def copy(
        self,
        source: str,
        destination: str,
        *,
        timeout: float | None = None,
        context: _call.Context | None = None,
        **options: Unpack[CopyOptions],
    ) -> Report:
        """Copies an image between registries, layouts and archives: ``"docker://REFERENCE"``, ``"oci:DIRECTORY:NAME"``,
        ``"oci-archive:FILE:NAME"`` or ``"docker-archive:FILE:REFERENCE"`` each.

        All images of an index are copied, unless ``platform`` selects one. A copy between registries does not use the
        disk, and within one registry blobs are mounted if it allows that.
        """
        return self._move(lib.ocireg_copy, source, destination, timeout, context, options)

    @_documented.takes(_options.UnpackOptions)
    def unpack(
        self,
        source: str,
        directory: str,
        *,
        timeout: float | None = None,
        context: _call.Context | None = None,
        **options: Unpack[UnpackOptions],
    ) -> UnpackReport:
        """Unpacks an image to a directory that does not exist or is empty, as the root file system of a container.

        ``source`` is a reference, or ``"oci:DIRECTORY:NAME"``. Layers are applied while they are downloaded, and
        verified. If anything fails, nothing is left in the directory.
        """
        return cast(
            UnpackReport,
            self._run(
                _values.call_for_json,
                lib.ocireg_unpack,
                timeout,
                context,
                _values.text("source", source),
                _values.text("directory", directory),
                _values.options(options),
            ),
        )

    @_documented.takes(_options.ExportOptions)
    def export(
        self,
        source: str,
        to: int | _values.HasFileno | str | os.PathLike[str] | _values.Writable,
        *,
        timeout: float | None = None,
        context: _call.Context | None = None,
        **options: Unpack[ExportOptions],
    ) -> UnpackReport:
        """Writes the root file system of an image as one tar archive.

        ``to`` is a file descriptor or an object that has one, which is written from its position on; the path of a
        file, which is replaced; or any object with ``write()``. Of each path the archive has the highest layer's entry.
        Everything is verified by the time the call returns: do not use what was written before an exception.
        """
        with _values.written(to) as fd:
            return cast(
                UnpackReport,
                self._run(
                    _values.call_for_json,
                    lib.ocireg_export,
                    timeout,
                    context,
                    _values.text("source", source),
                    fd,
                    _values.options(options),
                ),
            )

    def _move(
        self,
        function: Any,
        source: str,
        destination: str,
        timeout: float | None,
        context: _call.Context | None,
        options: Any,
    ) -> Report:
        return cast(
            Report,
            self._run(
                _values.call_for_json,
                function,
                timeout,
                context,
                _values.text("source", source),
                _values.text("destination", destination),
                _values.options(options),
            ),
        )

    @_documented.takes(_options.InspectOptions)
    def inspect(
        self,
        source: str,
        *,
        timeout: float | None = None,
        context: _call.Context | None = None,
        **options: Unpack[InspectOptions],
    ) -> Inspection:
        """Describes an image without pulling its layers."""
        return cast(
            Inspection,
            self._run(
                _values.call_for_json,
                lib.ocireg_inspect,
                timeout,
                context,
                _values.text("source", source),
                _values.options(options),
            ),
        )
