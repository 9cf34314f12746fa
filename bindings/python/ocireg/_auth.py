"""Credentials, which options hold too."""

from __future__ import annotations

from typing import TypedDict


class AuthConfig(TypedDict, total=False):
    """Credentials, as in Docker's API and config.json. ``{}`` is anonymous."""

    username: str
    password: str
    auth: str
    email: str
    serveraddress: str
    identitytoken: str
    registrytoken: str
