"""Credentials from a function of the program, which C asks."""

from __future__ import annotations

import itertools
import json
from typing import Any, Callable, Optional, TypedDict

from . import _call, _ffi, _values
from ._auth import AuthConfig


class _Registry(TypedDict):
    host: str
    reason: str


class CredentialRequest(_Registry, total=False):
    """What credentials are needed for.

    ``host`` is the registry, as ``host[:port]``; ``reason`` is ``first``, or ``refused`` if the registry did not accept
    what the function returned before. ``repository`` and ``actions`` (such as ``pull``) are absent where they are not
    known.
    """

    repository: str
    actions: list[str]


CredentialsCallback = Callable[[CredentialRequest], Optional[AuthConfig]]
"""Returns the credentials for a request, or None to let the next source be used."""


def set_credentials(service: Any, credentials: CredentialsCallback | None) -> None:
    """Has a service ask a function for credentials; None ends that."""
    function = _ffi.lib.ocireg_service_set_credentials
    if credentials is None:
        _values.call(function, service, _ffi.ocireg_credentials_fn(), None, _ffi.ocireg_drop_fn())
        return
    if not callable(credentials):
        raise TypeError(f"credentials must be a function, not {type(credentials).__name__}")
    key = next(_keys)
    _asked[key] = credentials
    _values.call(function, service, _on_request, key, _on_drop)


# Functions that C may still ask, under the number that C knows them by.
_asked: dict[int, CredentialsCallback] = {}
_keys = itertools.count(1)


def _answer(user_data: int, request: bytes, answer: Any) -> int:
    def ask() -> None:
        auth = _asked[user_data](json.loads(request))
        if auth is not None:
            _values.call(_ffi.lib.ocireg_answer_credentials, answer, _values.document("auth", auth))

    try:
        _call.called_back(ask)
    except BaseException as error:
        _call.fail(error)
        return 1
    return 0


def _drop(user_data: int) -> None:
    _asked.pop(user_data, None)


# What C calls: two objects that live as long as the module, because ctypes keeps none for us.
_on_request = _ffi.ocireg_credentials_fn(_answer)
_on_drop = _ffi.ocireg_drop_fn(_drop)
