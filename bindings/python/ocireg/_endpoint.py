"""Endpoints: addresses at which a registry may be reached."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Union

from . import _call, _ffi, _values
from ._any_endpoint import AnyEndpoint
from ._ffi import lib
from ._session import Session
from ._v1 import V1Endpoint
from .documents import AuthConfig

Headers = Mapping[str, Union[str, Sequence[str]]]
"""Names of headers and their values, one or several."""


class Endpoint(AnyEndpoint):
    """An address at which a registry may be reached, from :meth:`Service.new_endpoint`. ``str()`` returns its URL.

    Any number of threads may use it at once.
    """

    def to_v1(self, user_agent: str | None = None, headers: Headers | None = None) -> V1Endpoint:
        """Returns an endpoint of protocol v1 at the same address, with these headers in all requests. Sends nothing."""
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
        """Creates a session for the whole registry. ``auth``: None uses the service's credentials, ``{}`` is
        anonymous."""
        credentials = _values.document("auth_json", auth)

        def begin(c_context: Any) -> Session:
            with self._handle as endpoint:
                return Session(
                    _values.call_for_handle(
                        lib.ocireg_session_new, _ffi.ocireg_session, endpoint, c_context, credentials
                    )
                )

        return _call.run(begin, timeout, context)
