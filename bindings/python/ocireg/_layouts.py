"""OCI layouts as caches: list, remove, collect, verify."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from . import _call, _documented, _options, _values
from ._ffi import lib
from .documents import Collected, Descriptor, LayoutImage, Verified

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ._options import CollectOptions


def _run(function: Any, location: str, timeout: float | None, context: _call.Context | None, options: Any) -> Any:
    where = _values.text("location", location)
    document = _values.options(options)
    return _call.run(lambda c: _values.call_for_json(function, where, c, document), timeout, context)


def layout_list(
    location: str, *, timeout: float | None = None, context: _call.Context | None = None
) -> list[LayoutImage]:
    """Lists the images of an OCI layout, such as ``"oci:DIRECTORY"``."""
    return cast("list[LayoutImage]", _run(lib.ocireg_layout_list, location, timeout, context, {})["images"])


def layout_remove(location: str, *, timeout: float | None = None, context: _call.Context | None = None) -> Descriptor:
    """Removes a name from an OCI layout, such as ``"oci:DIRECTORY:NAME"``, and returns the descriptor that it had.

    The blobs stay until :func:`layout_collect` removes them.
    """
    return cast(Descriptor, _run(lib.ocireg_layout_remove, location, timeout, context, {})["removed"])


@_documented.takes(_options.CollectOptions)
def layout_collect(
    location: str,
    *,
    timeout: float | None = None,
    context: _call.Context | None = None,
    **options: Unpack[CollectOptions],
) -> Collected:
    """Removes the blobs that no image of an OCI layout needs; with ``dry_run`` it only reports them.

    Raises :class:`BusyError` while a pull or copy writes to the layout.
    """
    return cast(Collected, _run(lib.ocireg_layout_collect, location, timeout, context, options))


def layout_verify(location: str, *, timeout: float | None = None, context: _call.Context | None = None) -> Verified:
    """Hashes all blobs of an OCI layout, and looks for blobs that its images need and that are missing."""
    return cast(Verified, _run(lib.ocireg_layout_verify, location, timeout, context, {}))
