"""What the endpoints of both protocols have in common."""

from __future__ import annotations

from typing import Any, cast

from . import _call, _values
from ._ffi import lib
from ._owner import Owner
from .documents import PingResult


class AnyEndpoint(Owner):
    """An endpoint of either protocol. ``str()`` returns its URL."""

    def __init__(self, pointer: Any) -> None:
        self._own(pointer, lib.ocireg_endpoint_free)

    def __str__(self) -> str:
        with self._handle as endpoint:
            return _values.call_for_text(lib.ocireg_endpoint_to_string, endpoint)

    def path(self, path: str) -> str:
        """Returns the URL of a path below this endpoint."""
        with self._handle as endpoint:
            return _values.call_for_text(lib.ocireg_endpoint_path, endpoint, _values.text("path", path))

    @property
    def is_secure(self) -> bool:
        """Returns whether the endpoint uses https and its certificate is verified."""
        with self._handle as endpoint:
            return _values.call_for_bool(lib.ocireg_endpoint_is_secure, endpoint)

    def ping(self, *, timeout: float | None = None, context: _call.Context | None = None) -> PingResult:
        """Asks the endpoint which protocol it speaks, without credentials."""
        return cast(PingResult, self._run(_values.call_for_json, lib.ocireg_endpoint_ping, timeout, context))
