"""Endpoints: places where a registry may be reached."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Union, cast

from . import _call, _ffi, _values
from ._ffi import lib
from ._owner import Owner
from ._session import Session
from .documents import AuthConfig, PingResult

if TYPE_CHECKING:
    from ._v1 import V1Endpoint

Headers = Mapping[str, Union[str, Sequence[str]]]
"""Names of headers and their values, one or several."""


class Place(Owner):
    """What the endpoints of both protocols have in common. ``str()`` is the address."""

    def __init__(self, pointer: Any) -> None:
        self._own(pointer, lib.ocireg_endpoint_free)

    def __str__(self) -> str:
        with self._handle as endpoint:
            return _values.call_for_text(lib.ocireg_endpoint_to_string, endpoint)

    def path(self, path: str) -> str:
        """The address of a path under this endpoint."""
        with self._handle as endpoint:
            return _values.call_for_text(lib.ocireg_endpoint_path, endpoint, _values.text("path", path))

    @property
    def is_secure(self) -> bool:
        """Whether the endpoint is reached by https with verified certificates."""
        with self._handle as endpoint:
            return _values.call_for_bool(lib.ocireg_endpoint_is_secure, endpoint)

    def ping(self, *, timeout: float | None = None, context: _call.Context | None = None) -> PingResult:
        """Asks the endpoint who it is, without credentials."""
        return cast(PingResult, self._run(_values.call_for_json, lib.ocireg_endpoint_ping, timeout, context))


class Endpoint(Place):
    """One place where a registry may be reached, made by :meth:`Service.new_endpoint`. ``str()`` is its address.

    Any number of threads may use it at once.
    """

    def to_v1(self, user_agent: str | None = None, headers: Headers | None = None) -> V1Endpoint:
        """The same place by protocol v1, with a User-Agent and headers for all its requests. Asks nobody."""
        from ._v1 import V1Endpoint

        agent = _values.text("user_agent", user_agent)
        more = _values.headers(headers)
        with self._handle as endpoint:
            return V1Endpoint(
                _values.call_for_handle(lib.ocireg_endpoint_to_v1, _ffi.ocireg_endpoint, endpoint, agent, more)
            )

    def new_session(
        self,
        auth: AuthConfig | str | None = None,
        *,
        timeout: float | None = None,
        context: _call.Context | None = None,
    ) -> Session:
        """A session with the whole registry. ``auth``: None is what the service knows, ``{}`` is anonymous."""
        credentials = _values.document("auth_json", auth)

        def begin(c_context: Any) -> Session:
            with self._handle as endpoint:
                return Session(
                    _values.call_for_handle(
                        lib.ocireg_session_new, _ffi.ocireg_session, endpoint, c_context, credentials
                    )
                )

        return _call.run(begin, timeout, context)
