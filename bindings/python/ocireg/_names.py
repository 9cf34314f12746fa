"""Functions on names, and the version of the library. None of them uses the network."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import cast

from . import _values
from ._ffi import lib
from .documents import AuthConfig, Challenge, IndexInfo, Reference, RepositoryInfo, TLSConfig, VersionInfo


def convert_to_hostname(url: str) -> str:
    """Returns the host of a registry's URL, without ``http://`` or ``https://`` and without a path."""
    return _values.call_for_text(lib.ocireg_convert_to_hostname, _values.text("url", url))


def validate_index_name(name: str) -> str:
    """Returns the normal form of a registry's name; raises an exception if it is not valid."""
    return _values.call_for_text(lib.ocireg_validate_index_name, _values.text("name", name))


def validate_mirror(url: str) -> str:
    """Returns the normal form of a mirror's URL; raises an exception if it is not valid."""
    return _values.call_for_text(lib.ocireg_validate_mirror, _values.text("url", url))


def parse_reference(reference: str) -> Reference:
    """Parses an image reference."""
    return cast(
        Reference,
        _values.call_for_json(lib.ocireg_parse_reference, _values.text("reference", reference)),
    )


def parse_repository_info(reference: str) -> RepositoryInfo:
    """Returns the repository and the registry of a reference, without the configuration of a service."""
    return cast(
        RepositoryInfo,
        _values.call_for_json(lib.ocireg_parse_repository_info, _values.text("reference", reference)),
    )


def parse_search_index_info(term: str) -> IndexInfo:
    """Returns the registry that a search term names."""
    return cast(
        IndexInfo,
        _values.call_for_json(lib.ocireg_parse_search_index_info, _values.text("term", term)),
    )


def auth_config_key(index: IndexInfo | str) -> str:
    """Returns the key under which config.json stores the credentials of a registry."""
    return _values.call_for_text(lib.ocireg_auth_config_key, _values.document("index_json", index))


def resolve_auth_config(auth_configs: Mapping[str, AuthConfig] | str, index: IndexInfo | str) -> AuthConfig:
    """Selects the credentials for a registry from those of a config.json; ``{}`` if there are none."""
    return cast(
        AuthConfig,
        _values.call_for_json(
            lib.ocireg_resolve_auth_config,
            _values.document("auth_configs_json", auth_configs),
            _values.document("index_json", index),
        ),
    )


def parse_challenges(header_lines: Sequence[str]) -> list[Challenge]:
    """Parses the challenges in the ``WWW-Authenticate`` lines of a response."""
    return cast(
        "list[Challenge]",
        _values.call_for_json(lib.ocireg_parse_challenges, _values.document("header_lines_json", header_lines)),
    )


def read_certs_directory(directory: str | os.PathLike[str]) -> TLSConfig:
    """Reads the certificates in a directory such as ``/etc/docker/certs.d/HOST``."""
    return cast(
        TLSConfig,
        _values.call_for_json(lib.ocireg_read_certs_directory, _values.path("directory", directory)),
    )


def code_text(code: int) -> str:
    """Explains the code of an error in one sentence, such as "The requested object does not exist." for 80."""
    return str(lib.ocireg_code_text(_values.int32("code", code)).decode("utf-8"))


def certs_dir() -> str:
    """Returns the directory that contains the certificates of registries."""
    return _values.call_for_text(lib.ocireg_certs_dir)


def library_version() -> str:
    """Returns the version of the loaded library."""
    return str(lib.ocireg_version().decode("utf-8"))


def library_info() -> VersionInfo:
    """Returns the version and the features of the loaded library."""
    return cast(VersionInfo, json.loads(lib.ocireg_version_info()))
